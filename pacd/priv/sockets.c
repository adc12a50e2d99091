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
