/*
 * Opens listening, raw GRE, guard and control sockets, and the spool's folder.
 * Serial devices are line_lock.c's.
 *
 * Owns nothing: each of them goes to main.  It must not read from one, but for
 * throwing away what came before the filter stood.
 */
#include "pacd/priv/sockets.h"

#include "common/ctl_proto.h"

#include "pacd/priv/priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024
#define CONTROL_BACKLOG 64
#define LINE_BACKLOG 4 /* a line has one caller */
#define GRE_BUFFER (4 << 20) /* octets, each way: a burst of all calls must not overrun it */
#define FOLDER_MODE 0755
#define SPOOL_MODE 0700

static int set_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof value) < 0 ? -errno : 0;
}

static int listen_at(struct endpoint ep, int backlog, int *fd)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(ep.port),
				   .sin_addr.s_addr = htonl(ep.addr) };
	int r;

	*fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return -errno;
	r = set_option(*fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (r == 0 && (bind(*fd, (struct sockaddr *)&sin, sizeof sin) < 0 || listen(*fd, backlog) < 0))
		r = -errno;
	return r;
}

/* --- lines --- */

static bool listens(const struct conf_line *line)
{
	return line->type == CONF_LINE_TCP && line->listen.port;
}

/* A ppp line, and one that only connects, has nothing to be opened by root. */
static bool line_exists(const struct conf *c, unsigned index)
{
	struct conf_line line;
	bool yes;

	if (conf_line_get(c, index, &line) < 0)
		return false;
	yes = line.type == CONF_LINE_TTY || listens(&line);
	conf_line_clear(&line);
	return yes;
}

static int open_line(const struct conf *c, unsigned index, int *fd)
{
	struct conf_line line;
	int r = conf_line_get(c, index, &line);

	if (r < 0)
		return r;
	r = listens(&line) ? listen_at(line.listen, LINE_BACKLOG, fd) : -EINVAL;
	conf_line_clear(&line);
	return r;
}

static int attach(int fd, struct sock_filter *prog, size_t len)
{
	struct sock_fprog fprog = { (unsigned short)len, prog };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &fprog, sizeof fprog) < 0 ? -errno : 0;
}

/* A raw socket that takes nothing at all. */
static int open_guard(int *fd)
{
	struct sock_filter prog[PRIV_BPF_MAX];
	char octet;
	int r;

	*fd = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_GRE);
	if (*fd < 0)
		return -errno;
	r = attach(*fd, prog, priv_bpf_drop(prog));
	if (r < 0)
		return r;
	while (recv(*fd, &octet, 1, MSG_TRUNC) >= 0)
		; /* came in between socket() and the filter */
	return 0;
}

static int open_gre(const struct conf *c, unsigned worker, int *fd)
{
	struct sock_filter prog[PRIV_BPF_MAX];
	int r = open_guard(fd);

	r = r < 0 ? r : set_option(*fd, IPPROTO_IP, IP_PKTINFO, 1);
	r = r < 0 ? r : set_option(*fd, SOL_SOCKET, SO_RCVBUFFORCE, GRE_BUFFER);
	r = r < 0 ? r : set_option(*fd, SOL_SOCKET, SO_SNDBUFFORCE, GRE_BUFFER);
	return r < 0 ? r : attach(*fd, prog, priv_bpf_build(prog, worker, c->workers));
}

/* Someone answers, or at least someone holds it. */
static bool alive(const struct sockaddr_un *sun)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool yes = fd >= 0 && (connect(fd, (const struct sockaddr *)sun, sizeof *sun) == 0 || errno == EAGAIN);

	if (fd >= 0)
		close(fd);
	return yes;
}

/* The control socket's folder and its name in there. */
struct place {
	struct sockaddr_un sun;
	int folder; /* O_PATH */
	const char *name;
};

/* Makes the folder where need be. From here on it is this one, whatever its name may come to lead to. */
static int open_folder(struct place *p)
{
	char copy[sizeof p->sun.sun_path];
	const char *path;
	struct stat st;

	strcpy(copy, p->sun.sun_path);
	p->name = strrchr(p->sun.sun_path, '/') + 1;
	path = dirname(copy);
	if (mkdir(path, FOLDER_MODE) < 0 && errno != EEXIST)
		return -errno;
	p->folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p->folder < 0 || fstat(p->folder, &st) < 0)
		return -errno;
	return priv_owned(&st) ? 0 : -EPERM;
}

/* 0 when the name is free now; what a dead pacd left behind is removed. */
static int free_name(const struct place *p)
{
	struct stat st;

	if (fstatat(p->folder, p->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (alive(&p->sun))
		return -EADDRINUSE;
	return unlinkat(p->folder, p->name, 0) < 0 ? -errno : 0;
}

/* The mode comes with the socket, so that nothing has to be changed by name but its owner. */
static int bind_there(const struct place *p, unsigned mode, int fd)
{
	mode_t old = umask(0777 & ~ctl_socket_mode(mode));
	int r = bind(fd, (const struct sockaddr *)&p->sun, sizeof p->sun) < 0 ? -errno : 0;

	umask(old);
	return r;
}

static int set_owner(const struct place *p, const struct conf_control *control)
{
	uid_t uid = 0;
	gid_t gid = 0;
	struct stat st;

	if (control->owner) {
		const struct passwd *pw = getpwnam(control->owner);

		if (!pw)
			return -ENOENT;
		uid = pw->pw_uid;
	}
	if (control->group) {
		const struct group *gr = getgrnam(control->group);

		if (!gr)
			return -ENOENT;
		gid = gr->gr_gid;
	}
	if (fstatat(p->folder, p->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid())
		return -EPERM; /* its folder's name was turned while we bound */
	return fchownat(p->folder, p->name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int open_at(const struct place *p, const struct conf_control *control, int *fd)
{
	int r = free_name(p);

	if (r < 0)
		return r;
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return -errno;
	r = bind_there(p, control->mode, *fd);
	r = r < 0 ? r : set_owner(p, control);
	return r == 0 && listen(*fd, CONTROL_BACKLOG) < 0 ? -errno : r; /* nobody was heard until now */
}

static int open_control(const struct conf *c, int *fd)
{
	struct place p = { .sun = { .sun_family = AF_UNIX }, .folder = -1 };
	int r;

	if (strlen(c->control.path) >= sizeof p.sun.sun_path)
		return -ENAMETOOLONG;
	strcpy(p.sun.sun_path, c->control.path);
	r = open_folder(&p);
	r = r < 0 ? r : open_at(&p, &c->control, fd);
	if (p.folder >= 0)
		close(p.folder);
	return r;
}

/* --- the spool's folder --- */

/* 1 when there is nothing in it; 0; -errno. */
static int is_empty(int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	int n = 0;

	if (!d) {
		int r = -errno;

		if (copy >= 0)
			close(copy);
		return r;
	}
	while (n <= 2 && readdir(d))
		n++; /* "." and ".." */
	closedir(d);
	return n <= 2;
}

/*
 * Main's user's own it must be.  Root's is made so where it is as we or systemd have just made it: empty, and nobody
 * else's business; any other folder of root's may be there for something else.
 */
static int take_spool(int fd, const struct passwd *pw)
{
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != pw->pw_uid) {
		if (st.st_uid != geteuid() || (st.st_mode & 077))
			return -EPERM;
		r = is_empty(fd);
		if (r <= 0)
			return r < 0 ? r : -EPERM;
		if (fchown(fd, pw->pw_uid, pw->pw_gid) < 0)
			return -errno;
	}
	if (st.st_mode & 022)
		return -EPERM; /* somebody may have put records in it */
	return (st.st_mode & 07777) != SPOOL_MODE && fchmod(fd, SPOOL_MODE) < 0 ? -errno : 0;
}

static int open_spool_in(int parent, const char *name, const struct passwd *pw, int *fd)
{
	struct stat st;

	if (fstat(parent, &st) < 0)
		return -errno;
	if (!priv_owned(&st))
		return -EPERM;
	if (mkdirat(parent, name, SPOOL_MODE) < 0 && errno != EEXIST)
		return -errno;
	*fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *fd < 0 ? -errno : take_spool(*fd, pw);
}

static int open_spool(const struct conf *c, int *fd)
{
	const struct passwd *pw = getpwnam(c->user);
	char folder[PATH_MAX], name[PATH_MAX];
	int parent, r;

	if (!pw)
		return -ENOENT;
	if (snprintf(folder, sizeof folder, "%s", c->radius.acct.spool) >= (int)sizeof folder)
		return -ENAMETOOLONG;
	strcpy(name, folder);
	parent = open(dirname(folder), O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0)
		return -errno;
	r = open_spool_in(parent, basename(name), pw, fd);
	close(parent);
	return r;
}

bool sockets_exist(const struct conf *c, enum priv_socket socket, unsigned index)
{
	switch (socket) {
	case PRIV_SOCKET_LISTEN: return index < c->nlisten;
	case PRIV_SOCKET_GRE: return index < c->workers;
	case PRIV_SOCKET_GUARD:
	case PRIV_SOCKET_CONTROL:
	case PRIV_SOCKET_SPOOL: return index == 0;
	case PRIV_SOCKET_LINE: return line_exists(c, index);
	default: return false;
	}
}

static int open_one(const struct conf *c, enum priv_socket socket, unsigned index, int *fd)
{
	switch (socket) {
	case PRIV_SOCKET_LISTEN: return listen_at(c->listen[index], BACKLOG, fd);
	case PRIV_SOCKET_GRE: return open_gre(c, index, fd);
	case PRIV_SOCKET_GUARD: return open_guard(fd);
	case PRIV_SOCKET_CONTROL: return open_control(c, fd);
	case PRIV_SOCKET_SPOOL: return open_spool(c, fd);
	case PRIV_SOCKET_LINE: return open_line(c, index, fd);
	default: return -EINVAL;
	}
}

int sockets_open(const struct conf *c, enum priv_socket socket, unsigned index, int *fd)
{
	int r;

	*fd = -1;
	r = open_one(c, socket, index, fd);
	if (r < 0 && *fd >= 0) {
		close(*fd);
		*fd = -1;
	}
	return r;
}
