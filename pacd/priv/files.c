/*
 * What only root can see: reads pacd.conf and the users file, seals copies of
 * the same octets for main, and looks at what the configuration names.
 *
 * Owns the copies and the parsed snapshots until priv_files_clear().  It must not
 * know who asks, nor judge the machine (check.c does).  Everything that is wrong
 * is added to the errors; nothing is logged here.
 */
#include "pacd/priv/priv.h"

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

struct text {
	char *data; /* owned */
	size_t len;
};

static void wipe(struct text *t)
{
	if (t->data)
		explicit_bzero(t->data, t->len);
	free(t->data);
	t->data = NULL;
}

/* 0 or -errno; the file is as long as it was when its size was asked. */
static int read_all(int fd, struct text *t, size_t size)
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

/* An open descriptor of a regular file of a bearable size, or -1 with an error added. */
static int open_regular(const char *file, const char *named_by, const char *key, struct stat *st,
			struct conf_errors *errors)
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
static int take_file(int fd, const char *file, const struct stat *st, struct text *t, int *copy,
		     struct conf_errors *errors)
{
	int r = read_all(fd, t, (size_t)st->st_size);

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

static void load_conf(struct priv_files *f, const char *file, struct conf_errors *errors)
{
	struct text t = { NULL, 0 };
	struct stat st;
	int fd = open_regular(file, file, NULL, &st, errors);

	if (fd < 0)
		return;
	if (take_file(fd, file, &st, &t, &f->conf_fd, errors) == 0)
		f->conf = conf_parse(file, t.data, t.len, errors);
	close(fd);
	wipe(&t);
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
	struct text t = { NULL, 0 };
	struct stat st;
	int fd = open_regular(file, f->conf->file, "aaa.users", &st, errors);

	if (fd < 0)
		return;
	if (users_private(file, &st, errors) && take_file(fd, file, &st, &t, &f->users_fd, errors) == 0)
		f->users = conf_users_parse(file, t.data, t.len, f->conf, errors);
	close(fd);
	wipe(&t);
}

static void see_program(const struct conf *c, struct conf_errors *errors)
{
	struct stat st;

	if (stat(c->ppp.pppd, &st) < 0)
		conf_errors_add(errors, c->file, 0, "ppp.pppd", "no program %s: %s (Debian's package is \"ppp\")",
				c->ppp.pppd, strerror(errno));
	else if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		conf_errors_add(errors, c->file, 0, "ppp.pppd", "%s can't be executed", c->ppp.pppd);
}

static void see_readable(const struct conf *c, const char *key, const char *file, struct conf_errors *errors)
{
	struct stat st;
	int fd = open_regular(file, c->file, key, &st, errors);

	if (fd >= 0)
		close(fd);
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
}

int priv_files_load(struct priv_files *f, const char *conf_file, struct conf_errors *errors)
{
	size_t before = errors->n;

	*f = (struct priv_files){ .conf_fd = -1, .users_fd = -1 };
	load_conf(f, conf_file, errors);
	if (f->conf) {
		if (f->conf->aaa.users)
			load_users(f, errors);
		if (f->conf->ppp.check) {
			see_program(f->conf, errors);
			see_readable(f->conf, "ppp.plugin", f->conf->ppp.plugin, errors);
		}
		if (f->conf->ppp.options)
			see_readable(f->conf, "ppp.options", f->conf->ppp.options, errors);
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
	conf_users_free(f->users);
	conf_free(f->conf);
	*f = (struct priv_files){ .conf_fd = -1, .users_fd = -1 };
}
