/*
 * Serial devices for main: opens, locks, unlocks.
 *
 * Owns the lock files, and the list of what is locked; the descriptor is main's.
 * It reads nothing from a device, and what a lock file of another program says is
 * one number.  Symbolic links are followed, as those of /dev/serial are meant to
 * be, and the lock has the name of the device behind them, as other programs have
 * it.
 */
#include "pacd/priv/line_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define PID_OCTETS 11 /* ten digits or blanks, and a newline */
#define ROUNDS 3      /* a dead one's lock may come back between our looks */
#define PTY_FIRST 136 /* major numbers of the slaves of pseudo-terminals */
#define PTY_LAST 143

struct line_lock {
	struct list node;
	uint32_t handle;
	dev_t rdev;
	bool file; /* there is a lock file */
	char name[NAME_MAX + 1]; /* its name */
};

void line_locks_init(struct line_locks *l, const char *folder)
{
	*l = (struct line_locks){ .folder = folder };
	list_init(&l->all);
}

/* --- where the device is --- */

/* The folder, and the device's name in it. */
struct place {
	int folder; /* O_PATH */
	char path[PATH_MAX];
	const char *name;
};

/* Nobody but root may put anything in it, not even beside what is there. */
static bool roots_own(const struct stat *st)
{
	return (st->st_uid == 0 || st->st_uid == geteuid()) && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

static int open_folder(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), r;
	struct stat st;

	if (fd < 0)
		return -errno;
	r = fstat(fd, &st) < 0 ? -errno : roots_own(&st) ? fd : -EPERM;
	if (r < 0)
		close(fd);
	return r;
}

/*
 * Both the folder of the name that was given, where a link may lie, and that of the device must be root's: what is in
 * there root has put there, and to open what somebody else points at is not harmless.
 */
static int find_place(struct place *p, const char *device)
{
	char given[PATH_MAX];
	int r;

	if (snprintf(given, sizeof given, "%s", device) >= (int)sizeof given)
		return -ENAMETOOLONG;
	r = open_folder(dirname(given));
	if (r < 0)
		return r;
	close(r);
	if (!realpath(device, p->path))
		return -errno;
	p->name = strrchr(p->path, '/') + 1;
	snprintf(given, sizeof given, "%s", p->path);
	p->folder = open_folder(dirname(given));
	return p->folder < 0 ? p->folder : 0;
}

static int see_device(const struct place *p, struct stat *st)
{
	if (fstatat(p->folder, p->name, st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return S_ISCHR(st->st_mode) ? 0 : -ENOTTY;
}

int line_lock_see(const char *device)
{
	struct place p;
	struct stat st;
	int r = find_place(&p, device);

	if (r < 0)
		return r;
	r = see_device(&p, &st);
	close(p.folder);
	return r;
}

/* --- lock files --- */

/* The pid in a lock file; 0: there is none in it, as when it is just being written; -errno: -EBUSY is no file. */
static long long read_pid(int folder, const char *name, struct stat *st)
{
	char text[32] = "";
	long long pid;
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ssize_t n = -1;

	if (fd < 0)
		return -errno;
	if (fstat(fd, st) == 0 && S_ISREG(st->st_mode))
		n = read(fd, text, sizeof text - 1);
	close(fd);
	pid = strtoll(text, NULL, 10);
	return n < 0 ? -EBUSY : pid > 0 && pid <= INT_MAX ? pid : 0;
}

/* Of a program that lives.  Our own pid is one of an earlier life: what we have is in the list. */
static bool is_live(long long pid)
{
	return pid != getpid() && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

/* 0 when a dead program's lock is gone; -EBUSY; -errno. */
static int drop_stale(int folder, const char *name)
{
	struct stat read, now;
	long long pid = read_pid(folder, name, &read);

	if (pid == -ENOENT)
		return 0;
	if (pid <= 0 || is_live(pid))
		return pid < 0 && pid != -ELOOP ? (int)pid : -EBUSY;
	/* Another one may have done the same, and put its own in that place. */
	if (fstatat(folder, name, &now, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (now.st_ino != read.st_ino)
		return -EBUSY;
	return unlinkat(folder, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

static int write_file(int folder, const char *name)
{
	char text[PID_OCTETS + 1];
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644), r = 0;

	if (fd < 0)
		return -errno;
	snprintf(text, sizeof text, "%10d\n", (int)getpid());
	if (write(fd, text, PID_OCTETS) != PID_OCTETS)
		r = -EIO;
	close(fd);
	if (r < 0)
		unlinkat(folder, name, 0);
	return r;
}

static int link_file(int folder, const char *temporary, const char *name)
{
	int r = 0;

	for (int i = 0; i < ROUNDS && r == 0; i++) {
		if (linkat(folder, temporary, folder, name, 0) == 0)
			return 0;
		r = errno == EEXIST ? drop_stale(folder, name) : -errno;
	}
	return r < 0 ? r : -EBUSY;
}

/* Whole from the first moment on: written under another name, then linked. */
static int make_file(int folder, const char *name)
{
	char temporary[32];
	int r;

	snprintf(temporary, sizeof temporary, "LTMP.pacd.%d", (int)getpid());
	unlinkat(folder, temporary, 0); /* of an earlier life */
	r = write_file(folder, temporary);
	if (r < 0)
		return r;
	r = link_file(folder, temporary, name);
	unlinkat(folder, temporary, 0);
	return r;
}

/* A machine without that folder has no program that would look there; flock() and TIOCEXCL hold all the same. */
static int take_file(const struct line_locks *l, struct line_lock *lock)
{
	int folder = open(l->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	if (folder < 0)
		return errno == ENOENT ? 0 : -errno;
	r = make_file(folder, lock->name);
	lock->file = r == 0;
	close(folder);
	return r;
}

/* Unless somebody has put another one in its place. */
static void drop_file(const struct line_locks *l, const struct line_lock *lock)
{
	int folder = lock->file ? open(l->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct stat st;

	if (folder < 0)
		return;
	if (read_pid(folder, lock->name, &st) == getpid())
		unlinkat(folder, lock->name, 0);
	close(folder);
}

/* --- the list --- */

static struct line_lock *find(const struct line_locks *l, uint32_t handle)
{
	list_each(at, &l->all) {
		struct line_lock *lock = list_entry(at, struct line_lock, node);

		if (lock->handle == handle)
			return lock;
	}
	return NULL;
}

static bool is_ours(const struct line_locks *l, dev_t rdev)
{
	list_each(at, &l->all)
		if (list_entry(at, struct line_lock, node)->rdev == rdev)
			return true;
	return false;
}

static void drop(const struct line_locks *l, struct line_lock *lock)
{
	drop_file(l, lock);
	list_remove(&lock->node);
	free(lock);
}

void line_lock_release(struct line_locks *l, uint32_t handle)
{
	struct line_lock *lock = find(l, handle);

	if (lock)
		drop(l, lock);
}

void line_locks_clear(struct line_locks *l)
{
	while (!list_empty(&l->all))
		drop(l, list_entry(l->all.next, struct line_lock, node));
}

static int add(struct line_locks *l, const char *name, dev_t rdev, struct line_lock **out)
{
	struct line_lock *lock = calloc(1, sizeof *lock);
	int r;

	if (!lock)
		return -ENOMEM;
	lock->rdev = rdev;
	r = snprintf(lock->name, sizeof lock->name, "LCK..%s", name) < (int)sizeof lock->name ? take_file(l, lock)
											     : -ENAMETOOLONG;
	if (r < 0) {
		free(lock);
		return r;
	}
	while (!++l->last || find(l, l->last))
		; /* never 0, never one that is in use */
	lock->handle = l->last;
	list_append(&l->all, &lock->node);
	*out = lock;
	return 0;
}

/* --- the device --- */

/* A pseudo-terminal outlives its last close here, and would stay closed to us as well. */
static int keep_others_out(int fd, dev_t rdev)
{
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	if (major(rdev) >= PTY_FIRST && major(rdev) <= PTY_LAST)
		return 0;
	return ioctl(fd, TIOCEXCL) < 0 ? -errno : 0;
}

static int open_device(const struct place *p, dev_t rdev, int *fd)
{
	struct stat st;

	*fd = openat(p->folder, p->name, O_RDWR | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (*fd < 0)
		return -errno;
	if (fstat(*fd, &st) < 0)
		return -errno;
	if (!S_ISCHR(st.st_mode) || st.st_rdev != rdev || !isatty(*fd))
		return -ENOTTY;
	return keep_others_out(*fd, rdev);
}

/* The lock comes first: a modem that another program uses is not even opened. */
static int open_locked(struct line_locks *l, const struct place *p, int *fd, uint32_t *handle)
{
	struct line_lock *lock;
	struct stat st;
	int r = see_device(p, &st);

	if (r == 0 && is_ours(l, st.st_rdev))
		r = -EBUSY;
	r = r < 0 ? r : add(l, p->name, st.st_rdev, &lock);
	if (r < 0)
		return r;
	r = open_device(p, st.st_rdev, fd);
	if (r == 0) {
		*handle = lock->handle;
		return 0;
	}
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	drop(l, lock);
	return r;
}

int line_lock_open(struct line_locks *l, const char *device, int *fd, uint32_t *handle)
{
	struct place p;
	int r = find_place(&p, device);

	*fd = -1;
	*handle = 0;
	if (r < 0)
		return r;
	r = open_locked(l, &p, fd, handle);
	close(p.folder);
	return r;
}
