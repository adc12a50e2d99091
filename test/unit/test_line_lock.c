/*
 * priv/line_lock: serial devices opened and locked, with pseudo-terminals in their
 * place; lock files of others, dead and alive; links; what is no serial device.
 */
#include "test/unit/unit_priv.h"

#include "pacd/priv/line_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>

static struct line_locks locks;
static char folder[80], lock_file[128], device[64];
static int pty = -1;
static int fd;
static uint32_t handle;

static void setup(void)
{
	dir_setup();
	snprintf(folder, sizeof folder, "%s/locks", dir);
	ck_assert_int_eq(mkdir(folder, 0755), 0);
	pty = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert(pty >= 0 && grantpt(pty) == 0 && unlockpt(pty) == 0);
	snprintf(device, sizeof device, "%s", ptsname(pty));
	snprintf(lock_file, sizeof lock_file, "%s/LCK..%s", folder, strrchr(device, '/') + 1);
	line_locks_init(&locks, folder);
}

static void teardown(void)
{
	line_locks_clear(&locks);
	close(pty);
	dir_teardown();
}

static int open_it(const char *name)
{
	int r = line_lock_open(&locks, name, &fd, &handle);

	ck_assert((r == 0) == (fd >= 0) && (r == 0) == (handle != 0));
	return r;
}

static bool there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static const char *content(const char *path)
{
	static char text[64];
	int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = file < 0 ? 0 : read(file, text, sizeof text - 1);

	close(file);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void put_lock(const char *text)
{
	FILE *f = fopen(lock_file, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static void put_lock_of(pid_t pid)
{
	char text[32];

	snprintf(text, sizeof text, "%10d\n", (int)pid);
	put_lock(text);
}

/* Files in the folder of locks. */
static int files(void)
{
	char command[160];
	FILE *f;
	int n = -1;

	snprintf(command, sizeof command, "ls -A %s | wc -l", folder);
	f = popen(command, "r");
	ck_assert_int_eq(fscanf(f, "%d", &n), 1);
	pclose(f);
	return n;
}

START_TEST(opens_and_locks)
{
	char want[32];
	struct stat st;
	int other;

	ck_assert_int_eq(open_it(device), 0);
	ck_assert(isatty(fd) && (fcntl(fd, F_GETFL) & O_NONBLOCK) && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	snprintf(want, sizeof want, "%10d\n", (int)getpid());
	ck_assert_str_eq(content(lock_file), want);
	ck_assert_int_eq(stat(lock_file, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0644); /* others have to read it */
	ck_assert_int_eq(files(), 1);
	other = open(device, O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert(other >= 0 && flock(other, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK);
	close(other);
	close(fd);
	line_lock_release(&locks, handle);
	ck_assert_int_eq(files(), 0);
}
END_TEST

START_TEST(busy_until_released)
{
	uint32_t first;
	int device_fd;

	ck_assert_int_eq(open_it(device), 0);
	first = handle;
	device_fd = fd;
	ck_assert_int_eq(open_it(device), -EBUSY);
	line_lock_release(&locks, first + 1); /* nobody's */
	line_lock_release(&locks, 0);
	ck_assert_int_eq(open_it(device), -EBUSY);
	ck_assert(there(lock_file));
	close(device_fd);
	line_lock_release(&locks, first);
	ck_assert_int_eq(open_it(device), 0);
	ck_assert_uint_ne(handle, first);
	line_lock_release(&locks, first); /* the old one is nobody's now */
	ck_assert(there(lock_file));
	close(fd);
}
END_TEST

/* Whoever still has it open keeps us out, lock file or not. */
START_TEST(busy_while_open)
{
	int other = open(device, O_RDWR | O_NOCTTY | O_CLOEXEC);

	ck_assert_int_eq(flock(other, LOCK_EX | LOCK_NB), 0);
	ck_assert_int_eq(open_it(device), -EBUSY);
	ck_assert_int_eq(files(), 0); /* ours is taken back */
	close(other);
	ck_assert_int_eq(open_it(device), 0);
	close(fd);
}
END_TEST

START_TEST(several_devices)
{
	int second = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), fds[2];

	ck_assert(second >= 0 && grantpt(second) == 0 && unlockpt(second) == 0);
	ck_assert_int_eq(open_it(device), 0);
	fds[0] = fd;
	ck_assert_int_eq(open_it(ptsname(second)), 0);
	fds[1] = fd;
	ck_assert_int_eq(files(), 2);
	line_locks_clear(&locks);
	ck_assert_int_eq(files(), 0);
	close(fds[0]);
	close(fds[1]);
	close(second);
}
END_TEST

/* A handle that is in use is passed over when the numbers begin again. */
START_TEST(handles_wrap)
{
	int second = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), device_fd;

	ck_assert(second >= 0 && grantpt(second) == 0 && unlockpt(second) == 0);
	ck_assert_int_eq(open_it(device), 0);
	device_fd = fd;
	ck_assert_uint_eq(handle, 1);
	locks.last = UINT32_MAX;
	ck_assert_int_eq(open_it(ptsname(second)), 0);
	ck_assert_uint_eq(handle, 2);
	close(fd);
	close(device_fd);
	close(second);
}
END_TEST

/* A pid that nobody has. */
static pid_t dead_pid(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return pid;
}

START_TEST(lock_of_the_dead)
{
	char want[32];

	put_lock_of(dead_pid());
	ck_assert_int_eq(open_it(device), 0);
	snprintf(want, sizeof want, "%10d\n", (int)getpid());
	ck_assert_str_eq(content(lock_file), want);
	close(fd);
}
END_TEST

/* After a crash our pid can be the same again, as in a container. */
START_TEST(lock_of_an_earlier_life)
{
	put_lock_of(getpid());
	ck_assert_int_eq(open_it(device), 0);
	close(fd);
}
END_TEST

START_TEST(lock_of_the_living)
{
	char want[32];

	put_lock_of(getppid());
	ck_assert_int_eq(open_it(device), -EBUSY);
	snprintf(want, sizeof want, "%10d\n", (int)getppid());
	ck_assert_str_eq(content(lock_file), want);
	ck_assert_int_eq(files(), 1);
}
END_TEST

/* What is no pid may be one that is just being written. */
START_TEST(lock_of_nobody)
{
	static const char *const texts[] = { "", "x\n", "-5\n", "0\n", "99999999999999999999\n" };

	put_lock(texts[_i]);
	ck_assert_int_eq(open_it(device), -EBUSY);
	ck_assert_str_eq(content(lock_file), texts[_i]);
	ck_assert_int_eq(files(), 1);
}
END_TEST

/* Neither followed nor taken away, nor waited at. */
START_TEST(lock_is_something_else)
{
	char target[128];

	snprintf(target, sizeof target, "%s", in_dir("precious"));
	if (_i == 0) {
		write_file("precious", 0600, "1\n");
		ck_assert_int_eq(symlink(target, lock_file), 0);
	} else if (_i == 1) {
		ck_assert_int_eq(mkfifo(lock_file, 0600), 0);
	} else {
		ck_assert_int_eq(mkdir(lock_file, 0700), 0);
	}
	ck_assert_int_eq(open_it(device), -EBUSY);
	ck_assert(there(lock_file));
	ck_assert_int_eq(files(), 1);
}
END_TEST

/* What somebody put in its place is not ours to take away. */
START_TEST(lock_was_replaced)
{
	ck_assert_int_eq(open_it(device), 0);
	put_lock_of(getppid());
	line_lock_release(&locks, handle);
	ck_assert(there(lock_file));
	close(fd);
}
END_TEST

START_TEST(no_folder_of_locks)
{
	ck_assert_int_eq(rmdir(folder), 0);
	ck_assert_int_eq(open_it(device), 0);
	ck_assert_uint_ne(handle, 0);
	line_lock_release(&locks, handle);
	close(fd);
}
END_TEST

/* As in /dev/serial/by-id; the lock has the device's own name. */
START_TEST(link_is_followed)
{
	int device_fd;

	ck_assert_int_eq(symlink(device, in_dir("usb-modem")), 0);
	ck_assert_int_eq(line_lock_see(in_dir("usb-modem")), 0);
	ck_assert_int_eq(open_it(in_dir("usb-modem")), 0);
	device_fd = fd;
	ck_assert(there(lock_file));
	ck_assert_int_eq(open_it(device), -EBUSY);
	close(device_fd);
}
END_TEST

static void expect_refused(const char *name, int error)
{
	ck_assert_int_eq(line_lock_see(name), error);
	ck_assert_int_eq(open_it(name), error);
	ck_assert_int_eq(files(), 0);
}

START_TEST(what_is_no_device)
{
	expect_refused("/dev/pacd-no-such-device", -ENOENT);
	expect_refused("/dev/pacd-no-such-folder/by-id/x", -ENOENT);
	expect_refused(dir, dir[0] == '/' && strncmp(dir, "/tmp/", 5) == 0 ? -EPERM : -ENOTTY);
	write_file("file", 0600, "x");
	expect_refused(in_dir("file"), -ENOTTY);
	ck_assert_int_eq(mkfifo(in_dir("fifo"), 0600), 0);
	expect_refused(in_dir("fifo"), -ENOTTY);
	/* a character device, and no serial one: that shows when it is open */
	ck_assert_int_eq(line_lock_see("/dev/null"), 0);
	ck_assert_int_eq(open_it("/dev/null"), -ENOTTY);
	ck_assert_int_eq(files(), 0);
}
END_TEST

/* Others could point it at something else, whether the link or the device lies there. */
START_TEST(folder_of_others)
{
	static const mode_t modes[] = { 0777, 0775, 01777, 0757 };

	ck_assert_int_eq(mkdir(in_dir("open"), 0700), 0);
	ck_assert_int_eq(chmod(in_dir("open"), modes[_i]), 0);
	ck_assert_int_eq(symlink(device, in_dir("open/modem")), 0);
	expect_refused(in_dir("open/modem"), -EPERM);
	ck_assert_int_eq(symlink(in_dir("open/modem"), in_dir("safe")), 0);
	ck_assert_int_eq(open_it(in_dir("safe")), 0); /* root's own link into it: that is root's business */
	close(fd);
	line_lock_release(&locks, handle);
	write_file("open/file", 0600, "x");
	ck_assert_int_eq(unlink(in_dir("safe")), 0);
	ck_assert_int_eq(symlink(in_dir("open/file"), in_dir("safe")), 0);
	expect_refused(in_dir("safe"), -EPERM);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { opens_and_locks, busy_until_released, busy_while_open, several_devices,
				       handles_wrap, lock_of_the_dead, lock_of_an_earlier_life, lock_of_the_living,
				       lock_was_replaced, no_folder_of_locks, link_is_followed, what_is_no_device,
				       NULL };
	Suite *s = suite_create("line_lock");
	TCase *tc = tcase_create("locks");

	tcase_add_checked_fixture(tc, setup, teardown);
	for (const TTest *const *t = tests; *t; t++)
		tcase_add_test(tc, *t);
	tcase_add_loop_test(tc, lock_of_nobody, 0, 5);
	tcase_add_loop_test(tc, lock_is_something_else, 0, 3);
	tcase_add_loop_test(tc, folder_of_others, 0, 4);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
