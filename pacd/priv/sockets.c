/*
 * Opens listening, raw GRE, guard and control sockets.
 *
 * Owns nothing: each socket goes to main.  It must not read from one, but for
 * throwing away what came before the filter stood.
 */
#include "pacd/priv/sockets.h"

#include "common/ctl_proto.h"

#include "pacd/priv/priv.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024
#define CONTROL_BACKLOG 64
#define GRE_BUFFER (4 << 20) /* octets, each way: a burst of all calls must not overrun it */
#define FOLDER_MODE 0755

static int set_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof value) < 0 ? -errno : 0;
}

static int open_listen(const struct conf *c, unsigned index, int *fd)
{
	struct endpoint ep = c->listen[index];
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(ep.port),
				   .sin_addr.s_addr = htonl(ep.addr) };
	int r;

	*fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return -errno;
	r = set_option(*fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (r == 0 && (bind(*fd, (struct sockaddr *)&sin, sizeof sin) < 0 || listen(*fd, BACKLOG) < 0))
		r = -errno;
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

/* 0 when the name is free now; what a dead pacd left behind is removed. */
static int free_name(const struct sockaddr_un *sun)
{
	struct stat st;

	if (lstat(sun->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (alive(sun))
		return -EADDRINUSE;
	return unlink(sun->sun_path) < 0 ? -errno : 0;
}

static int make_folder(const char *path)
{
	char copy[PATH_MAX];

	strcpy(copy, path); /* a sun_path is shorter */
	return mkdir(dirname(copy), FOLDER_MODE) < 0 && errno != EEXIST ? -errno : 0;
}

static int set_owner(const struct conf_control *control)
{
	uid_t uid = 0;
	gid_t gid = 0;

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
	return chown(control->path, uid, gid) < 0 ? -errno : 0;
}

static int open_control(const struct conf *c, int *fd)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	mode_t old;
	int r;

	if (strlen(c->control.path) >= sizeof sun.sun_path)
		return -ENAMETOOLONG;
	strcpy(sun.sun_path, c->control.path);
	r = make_folder(sun.sun_path);
	r = r < 0 ? r : free_name(&sun);
	if (r < 0)
		return r;
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return -errno;
	old = umask(0777); /* closed to all until owner and mode are right */
	r = bind(*fd, (struct sockaddr *)&sun, sizeof sun) < 0 ? -errno : 0;
	umask(old);
	r = r < 0 ? r : set_owner(&c->control);
	if (r == 0 && (chmod(sun.sun_path, ctl_socket_mode(c->control.mode)) < 0 || listen(*fd, CONTROL_BACKLOG) < 0))
		r = -errno;
	return r;
}

bool sockets_exist(const struct conf *c, enum priv_socket socket, unsigned index)
{
	switch (socket) {
	case PRIV_SOCKET_LISTEN: return index < c->nlisten;
	case PRIV_SOCKET_GRE: return index < c->workers;
	case PRIV_SOCKET_GUARD:
	case PRIV_SOCKET_CONTROL: return index == 0;
	default: return false;
	}
}

static int open_one(const struct conf *c, enum priv_socket socket, unsigned index, int *fd)
{
	switch (socket) {
	case PRIV_SOCKET_LISTEN: return open_listen(c, index, fd);
	case PRIV_SOCKET_GRE: return open_gre(c, index, fd);
	case PRIV_SOCKET_GUARD: return open_guard(fd);
	case PRIV_SOCKET_CONTROL: return open_control(c, fd);
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
