/*
 * What only root can see: reads pacd.conf and the users file, seals copies of
 * the same octets for main, and looks at what the configuration names; what
 * RADIUS needs besides is in files_radius.c.
 *
 * Owns the copies and the parsed snapshots until priv_files_clear().  It must not
 * know who asks, nor judge the machine (check.c does).  Everything that is wrong
 * is added to the errors; nothing is logged here.
 */
#include "pacd/priv/files_internal.h"

#include "pacd/priv/line_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PPPD_OPTIONS "/etc/ppp/options" /* read by every pppd before its own words */

void files_wipe(struct files_text *t)
{
	if (t->data)
		explicit_bzero(t->data, t->len);
	free(t->data);
	t->data = NULL;
}

int files_read(int fd, struct files_text *t, size_t size)
{
	t->data = malloc(size + 1);
	t->len = 0;
	if (!t->data)
		return -ENOMEM;
	while (t->len < size) {
		ssize_t n = read(fd, t->data + t->len, size - t->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		t->len += (size_t)n;
	}
	t->data[t->len] = '\0';
	return 0;
}

int files_open(const char *file, const char *named_by, const char *key, struct stat *st, struct conf_errors *errors)
{
	/* Not blocking: the name may lead to a FIFO. */
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || fstat(fd, st) < 0) {
		conf_errors_add(errors, named_by, 0, key, "can't open %s: %s", file, strerror(errno));
	} else if (!S_ISREG(st->st_mode)) {
		conf_errors_add(errors, named_by, 0, key, "%s is not a regular file", file);
	} else if (st->st_size > (off_t)CONF_FILE_MAX) {
		conf_errors_add(errors, named_by, 0, key, "%s is longer than %u octets", file, CONF_FILE_MAX);
	} else {
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

static int write_all(int fd, const char *data, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = write(fd, data + done, len - done);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0)
			done += (size_t)n;
	}
	return lseek(fd, 0, SEEK_SET) == 0 ? 0 : -1;
}

int priv_files_seal(const char *data, size_t len)
{
	int fd = memfd_create("pacd", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return -errno;
	if (write_all(fd, data, len) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

/* 0 with the text and a sealed copy; -1 with an error added. */
static int take_file(int fd, const char *file, const struct stat *st, struct files_text *t, int *copy,
		     struct conf_errors *errors)
{
	int r = files_read(fd, t, (size_t)st->st_size);

	if (r < 0) {
		conf_errors_add(errors, file, 0, NULL, "can't read it: %s", strerror(-r));
		return -1;
	}
	r = priv_files_seal(t->data, t->len);
	if (r < 0) {
		conf_errors_add(errors, file, 0, NULL, "can't make a sealed copy in memory: %s", strerror(-r));
		return -1;
	}
	*copy = r;
	return 0;
}

bool priv_owned(const struct stat *st)
{
	bool apart = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX);

	return (st->st_uid == 0 || st->st_uid == geteuid()) && (apart || !(st->st_mode & (S_IWGRP | S_IWOTH)));
}

/* It decides what root executes. Who is not root can do no more by it than by himself. */
void files_see_owned(const char *file, const struct stat *st, const char *named_by, const char *key,
		     struct conf_errors *errors)
{
	if (geteuid() != 0 || priv_owned(st))
		return;
	if (st->st_uid != 0)
		conf_errors_add(errors, named_by, 0, key, "%s decides what root runs and must belong to root: "
				"chown root %s", file, file);
	else
		conf_errors_add(errors, named_by, 0, key, "%s decides what root runs, but its mode %04o lets others "
				"change it: chmod go-w %s", file, st->st_mode & 07777, file);
}

static void load_conf(struct priv_files *f, const char *file, struct conf_errors *errors)
{
	struct files_text t = { NULL, 0 };
	struct stat st;
	int fd = files_open(file, file, NULL, &st, errors);

	if (fd < 0)
		return;
	files_see_owned(file, &st, file, NULL, errors);
	if (take_file(fd, file, &st, &t, &f->conf_fd, errors) == 0)
		f->conf = conf_parse(file, t.data, t.len, errors);
	close(fd);
	files_wipe(&t);
}

/* It holds secrets: whoever is not root, by owner or group, must have no bit on it. */
static bool users_private(const char *file, const struct stat *st, struct conf_errors *errors)
{
	unsigned others = st->st_gid == 0 ? S_IRWXO | S_IWGRP : S_IRWXO | S_IRWXG;

	if (st->st_uid != 0 && st->st_uid != geteuid())
		conf_errors_add(errors, file, 0, NULL, "it holds secrets and must belong to root: chown root it");
	else if (st->st_mode & others)
		conf_errors_add(errors, file, 0, NULL,
				"it holds secrets, but its mode %04o lets others at it: chmod 600 it",
				st->st_mode & 07777);
	else
		return true;
	return false;
}

static void load_users(struct priv_files *f, struct conf_errors *errors)
{
	const char *file = f->conf->aaa.users;
	struct files_text t = { NULL, 0 };
	struct stat st;
	int fd = files_open(file, f->conf->file, "aaa.users", &st, errors);

	if (fd < 0)
		return;
	if (users_private(file, &st, errors) && take_file(fd, file, &st, &t, &f->users_fd, errors) == 0)
		f->users = conf_users_parse(file, t.data, t.len, f->conf, errors);
	close(fd);
	files_wipe(&t);
}

static void see_program(const struct conf *c, struct conf_errors *errors)
{
	struct stat st;

	if (stat(c->ppp.pppd, &st) < 0)
		conf_errors_add(errors, c->file, 0, "ppp.pppd", "no program %s: %s (Debian's package is \"ppp\")",
				c->ppp.pppd, strerror(errno));
	else if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		conf_errors_add(errors, c->file, 0, "ppp.pppd", "%s can't be executed", c->ppp.pppd);
	else
		files_see_owned(c->ppp.pppd, &st, c->file, "ppp.pppd", errors);
}

static void see_readable(const struct conf *c, const char *key, const char *file, struct conf_errors *errors)
{
	struct stat st;
	int fd = files_open(file, c->file, key, &st, errors);

	if (fd < 0)
		return;
	files_see_owned(file, &st, c->file, key, errors);
	close(fd);
}

/* ppp.check = false lets them be missing, but no less root's. */
static void see_unchecked(const struct conf *c, const char *key, const char *file, struct conf_errors *errors)
{
	struct stat st;

	if (stat(file, &st) == 0)
		files_see_owned(file, &st, c->file, key, errors);
}

static void see_script(const struct conf *c, const char *key, const char *file, struct conf_errors *errors)
{
	struct stat st;

	if (stat(file, &st) < 0)
		conf_errors_add(errors, c->file, 0, key, "no script %s: %s", file, strerror(errno));
	else if (!S_ISREG(st.st_mode) || !(st.st_mode & S_IXUSR))
		conf_errors_add(errors, c->file, 0, key, "%s can't be executed: chmod u+x %s", file, file);
	else
		files_see_owned(file, &st, c->file, key, errors);
}

static void see_ppp(const struct conf *c, struct conf_errors *errors)
{
	if (c->ppp.check) {
		see_program(c, errors);
		see_readable(c, "ppp.plugin", c->ppp.plugin, errors);
	} else {
		see_unchecked(c, "ppp.pppd", c->ppp.pppd, errors);
		see_unchecked(c, "ppp.plugin", c->ppp.plugin, errors);
	}
	if (c->ppp.options)
		see_readable(c, "ppp.options", c->ppp.options, errors);
	if (c->ppp.change_script)
		see_script(c, "ppp.change_script", c->ppp.change_script, errors);
}

/*
 * Of a line's devices, so many as `count` says.  One that is missing may be plugged in later, so it is a warning, and
 * one of them speaks for all.
 */
static void see_devices(struct conf *c, unsigned first, unsigned count, size_t entry, struct conf_errors *errors)
{
	unsigned missing = 0;
	char key[48], absent[PATH_MAX] = "";

	snprintf(key, sizeof key, "lines[%zu].device", entry);
	for (unsigned i = first; i < first + count; i++) {
		struct conf_line line;
		int r = conf_line_get(c, i, &line);

		if (r < 0)
			continue;
		r = line_lock_see(line.device);
		if (r == -ENOTTY)
			conf_errors_add(errors, c->file, 0, key, "%s is no serial device; name a character device",
					line.device);
		else if (r == -EPERM)
			conf_errors_add(errors, c->file, 0, key, "others than root may put another device in the place "
					"of %s: chown root and chmod go-w its folder", line.device);
		else if (r < 0 && !missing++)
			snprintf(absent, sizeof absent, "%s: %s", line.device, strerror(-r));
		conf_line_clear(&line);
	}
	if (missing)
		conf_errors_add(&c->warnings, c->file, 0, key, "%s%s; it is tried again and again", absent,
				missing > 1 ? " (and others of these lines)" : "");
}

static void see_lines(struct conf *c, struct conf_errors *errors)
{
	unsigned first = 0;

	for (size_t i = 0; i < c->real.nlines; i++) {
		const struct conf_line *l = &c->real.lines[i];

		if (l->type == CONF_LINE_TTY)
			see_devices(c, first, l->count, i, errors);
		first += l->count;
	}
}

static struct priv_stamp stamp(const char *file)
{
	struct stat st;

	if (!file || stat(file, &st) < 0)
		return (struct priv_stamp){ 0 };
	return (struct priv_stamp){ st.st_dev, st.st_ino, st.st_size, st.st_mtim };
}

static void stamp_programs(struct priv_files *f)
{
	const char *const files[PRIV_PROGRAMS] = {
		f->conf->ppp.pppd, f->conf->ppp.plugin, f->conf->ppp.options, PPPD_OPTIONS,
	};

	for (size_t i = 0; i < PRIV_PROGRAMS; i++)
		f->programs[i] = stamp(files[i]);
}

static bool stamp_same(const struct priv_stamp *a, const struct priv_stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime.tv_sec == b->mtime.tv_sec &&
	       a->mtime.tv_nsec == b->mtime.tv_nsec;
}

static bool same_words(const struct conf *old, const struct conf *c)
{
	struct priv_argv a, b;

	if (priv_argv_build(&a, old, 0) < 0 || priv_argv_build(&b, c, 0) < 0 || a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (strcmp(a.args[i], b.args[i]) != 0)
			return false;
	return true;
}

bool priv_files_same_programs(const struct priv_files *old, const struct priv_files *f)
{
	if (!old->conf->ppp.check)
		return false;
	for (size_t i = 0; i < PRIV_PROGRAMS; i++)
		if (!stamp_same(&old->programs[i], &f->programs[i]))
			return false;
	return same_words(old->conf, f->conf);
}

static void see_accounts(const struct conf *c, struct conf_errors *errors)
{
	const struct passwd *user = getpwnam(c->user);

	if (!user)
		conf_errors_add(errors, c->file, 0, "user", "there is no user \"%s\": create it "
				"(systemd-sysusers, or useradd --system)", c->user);
	else if (user->pw_uid == 0)
		conf_errors_add(errors, c->file, 0, "user", "\"%s\" is root, and main must not be", c->user);
	if (c->control.owner && !getpwnam(c->control.owner))
		conf_errors_add(errors, c->file, 0, "control_owner", "there is no user \"%s\"", c->control.owner);
	if (c->control.group && !getgrnam(c->control.group))
		conf_errors_add(errors, c->file, 0, "control_group", "there is no group \"%s\"", c->control.group);
}

/* The control socket's folder is there, or one mkdir() away. */
static void see_control_folder(const struct conf *c, struct conf_errors *errors)
{
	char path[PATH_MAX];
	struct sockaddr_un sun;
	struct stat st;
	char *folder;

	if (strlen(c->control.path) >= sizeof sun.sun_path) {
		conf_errors_add(errors, c->file, 0, "control_socket", "the path is longer than %zu octets",
				sizeof sun.sun_path - 1);
		return;
	}
	strcpy(path, c->control.path);
	folder = dirname(path);
	if (stat(folder, &st) < 0 && errno == ENOENT) {
		folder = dirname(folder);
		if (stat(folder, &st) < 0)
			st.st_mode = 0;
	}
	if (!S_ISDIR(st.st_mode))
		conf_errors_add(errors, c->file, 0, "control_socket", "there is no folder %s", folder);
	else if (!priv_owned(&st))
		conf_errors_add(errors, c->file, 0, "control_socket", "others than root may put files in the place of "
				"ours in the folder %s: chown root and chmod go-w it, or name another one", folder);
}

int priv_files_load(struct priv_files *f, const char *conf_file, struct conf_errors *errors)
{
	size_t before = errors->n;

	*f = (struct priv_files){ .conf_fd = -1, .users_fd = -1, .radius_fd = -1 };
	load_conf(f, conf_file, errors);
	if (f->conf) {
		if (f->conf->aaa.users)
			load_users(f, errors);
		files_load_radius(f, errors);
		see_ppp(f->conf, errors);
		see_lines(f->conf, errors);
		stamp_programs(f);
		see_accounts(f->conf, errors);
		see_control_folder(f->conf, errors);
	}
	if (f->conf && errors->n == before)
		return 0;
	priv_files_clear(f);
	return -1;
}

void priv_files_clear(struct priv_files *f)
{
	if (f->conf_fd >= 0)
		close(f->conf_fd);
	if (f->users_fd >= 0)
		close(f->users_fd);
	if (f->radius_fd >= 0)
		close(f->radius_fd);
	conf_users_free(f->users);
	conf_free(f->conf);
	*f = (struct priv_files){ .conf_fd = -1, .users_fd = -1, .radius_fd = -1 };
}
