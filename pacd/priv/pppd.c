/*
 * Starts pppd processes and keeps their table: which token is which child.
 *
 * Owns the table and each child until it is reaped, so a pid here never names
 * a stranger.  It gets a configuration and numbers, and must not know of calls,
 * sessions or main.  What a pppd wants to find is in DESIGN's "pppd" decisions:
 * fd 0 the pty's slave, 1 and 2 the log pipe, 3 the plugin's socket.
 */
#include "pacd/priv/pppd.h"

#include "common/plugin_proto.h"
#include "common/seqmsg.h"
#include "pacd/priv/child.h"
#include "pacd/priv/priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define PPPD_FDS (PLUGIN_FD + 1)   /* 0 up to the plugin's socket, and no others */
#define CHILD_NOFILE 1024          /* descriptors; pppd and its scripts need few, and select() no more */
#define NOT_EXECUTED 127
#define SLACK 16                   /* pppds; see pppd_max() */

struct pppd {
	struct hash_node by_token, by_pid;
	struct list node;
	uint64_t token;
	pid_t pid;
	bool named;            /* the link is known, and not only the caller */
	struct pppd_link link;
};

/* All that is made for one pppd before it is there; -1: not open. */
struct set {
	int master, slave;
	int plugin[2]; /* ours, its */
	int log[2];    /* ours (read), its (write) */
};

void pppd_init(struct pppd_table *t)
{
	hash_init(&t->by_token);
	hash_init(&t->by_pid);
	list_init(&t->all);
}

void pppd_clear(struct pppd_table *t)
{
	list_each(at, &t->all)
		free(list_entry(at, struct pppd, node));
	hash_clear(&t->by_token);
	hash_clear(&t->by_pid);
	list_init(&t->all);
}

static struct pppd *find(const struct pppd_table *t, uint64_t token)
{
	struct hash_node *at = hash_first(&t->by_token, hash_u64(token));

	for (; at; at = hash_next(at)) {
		struct pppd *p = hash_entry(at, struct pppd, by_token);

		if (p->token == token)
			return p;
	}
	return NULL;
}

static uint64_t pid_hash(pid_t pid)
{
	return hash_u64((uint64_t)pid);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void set_clear(struct set *s)
{
	close_fd(&s->master);
	close_fd(&s->slave);
	for (int i = 0; i < 2; i++) {
		close_fd(&s->plugin[i]);
		close_fd(&s->log[i]);
	}
}

/* Raw from the start: what comes from the network before pppd is there must wait, not be echoed back. */
static int make_raw(int fd)
{
	struct termios t;

	if (tcgetattr(fd, &t) < 0)
		return -errno;
	cfmakeraw(&t);
	cfsetspeed(&t, B115200);
	t.c_cflag |= CLOCAL | CREAD;
	return tcsetattr(fd, TCSANOW, &t) < 0 ? -errno : 0;
}

static int set_nonblocking(int fd)
{
	return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 ? -errno : 0;
}

static int open_pty(struct set *s)
{
	s->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (s->master < 0 || grantpt(s->master) < 0 || unlockpt(s->master) < 0)
		return -errno;
	s->slave = ioctl(s->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (s->slave < 0)
		return -errno;
	return make_raw(s->slave);
}

static int set_open(struct set *s)
{
	int r;

	*s = (struct set){ -1, -1, { -1, -1 }, { -1, -1 } };
	r = open_pty(s);
	if (r == 0 && pipe2(s->log, O_CLOEXEC) < 0)
		r = -errno;
	r = r < 0 ? r : set_nonblocking(s->log[0]);
	r = r < 0 ? r : set_nonblocking(s->master);
	r = r < 0 ? r : seqmsg_pair(s->plugin);
	if (r < 0)
		set_clear(s);
	return r;
}

/* --- in the child, up to its execve() --- */

static void limit_files(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur <= CHILD_NOFILE)
		return;
	l.rlim_cur = CHILD_NOFILE;
	setrlimit(RLIMIT_NOFILE, &l);
}

/* Ends with the root part: a pppd that nobody reaps or supervises must not live on. */
static int tie_to_parent(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
		return -1;
	return getppid() == parent ? 0 : -1;
}

/* A process group of its own, but no session: a session leader would take the pty as its terminal. */
static _Noreturn void child(const struct set *s, const struct priv_argv *a, pid_t parent)
{
	static char path[] = CHILD_PATH;
	char *env[] = { path, NULL };
	const int fds[PPPD_FDS] = { s->slave, s->log[1], s->log[1], s->plugin[1] };

	child_signals();
	if (child_descriptors(fds, PPPD_FDS) < 0 || setpgid(0, 0) < 0 || tie_to_parent(parent) < 0 || chdir("/") < 0)
		_exit(NOT_EXECUTED);
	umask(022);
	limit_files();
	execve(a->args[0], a->args, env);
	dprintf(STDERR_FILENO, "can't execute %s: %s\n", a->args[0], strerror(errno));
	_exit(NOT_EXECUTED);
}

/* --- in the parent again --- */

/* 0 or -errno. */
static int launch(const struct set *s, const struct priv_argv *a, pid_t *pid)
{
	pid_t parent = getpid();

	*pid = fork();
	if (*pid == 0)
		child(s, a, parent);
	return *pid < 0 ? -errno : 0;
}

/* Fails only without memory, and then leaves no trace. */
static int enter(struct pppd_table *t, struct pppd *p, uint64_t token)
{
	p->token = token;
	if (hash_insert(&t->by_token, &p->by_token, hash_u64(token)) < 0)
		return -ENOMEM;
	list_append(&t->all, &p->node);
	return 0;
}

static void leave(struct pppd_table *t, struct pppd *p)
{
	hash_remove(&t->by_token, &p->by_token);
	list_remove(&p->node);
	free(p);
}

int pppd_start(struct pppd_table *t, const struct conf *c, uint64_t token, uint32_t peer_addr, struct pppd_ends *ends)
{
	struct pppd *p;
	struct priv_argv a;
	struct set s;
	int r = priv_argv_build(&a, c, peer_addr);

	if (r == 0 && find(t, token))
		r = -EEXIST;
	if (r < 0)
		return r;
	p = calloc(1, sizeof *p);
	if (!p || enter(t, p, token) < 0) {
		free(p);
		return -ENOMEM;
	}
	p->link.peer_addr = peer_addr;
	r = set_open(&s);
	r = r < 0 ? r : launch(&s, &a, &p->pid);
	/* The second table only speeds reaping up; what it lacks for want of memory is found in the list. */
	if (r == 0)
		hash_insert(&t->by_pid, &p->by_pid, pid_hash(p->pid));
	if (r < 0) {
		set_clear(&s);
		leave(t, p);
		return r;
	}
	*ends = (struct pppd_ends){ s.master, s.plugin[0], s.log[0], p->pid };
	s.master = s.plugin[0] = s.log[0] = -1;
	set_clear(&s);
	return 0;
}

void pppd_signal(const struct pppd_table *t, uint64_t token, int signal)
{
	struct pppd *p = find(t, token);

	if (p)
		kill(p->pid, signal);
}

bool pppd_lives(const struct pppd_table *t, uint64_t token)
{
	return find(t, token) != NULL;
}

bool pppd_has_link(struct pppd_table *t, uint64_t token, const struct pppd_link *link)
{
	struct pppd *p = find(t, token);

	if (!p || p->link.peer_addr != link->peer_addr)
		return false;
	if (!p->named) {
		p->named = true;
		p->link = *link;
	}
	return p->link.unit == link->unit && p->link.local == link->local && p->link.remote == link->remote;
}

void pppd_signal_all(const struct pppd_table *t, int signal)
{
	list_each(at, &t->all)
		kill(list_entry(at, struct pppd, node)->pid, signal);
}

static struct pppd *find_pid(const struct pppd_table *t, pid_t pid)
{
	struct hash_node *at = hash_first(&t->by_pid, pid_hash(pid));

	for (; at; at = hash_next(at)) {
		struct pppd *p = hash_entry(at, struct pppd, by_pid);

		if (p->pid == pid)
			return p;
	}
	list_each(node, &t->all) {
		struct pppd *p = list_entry(node, struct pppd, node);

		if (p->pid == pid)
			return p;
	}
	return NULL;
}

bool pppd_reaped(struct pppd_table *t, pid_t pid, uint64_t *token)
{
	struct pppd *p = find_pid(t, pid);

	if (!p)
		return false;
	*token = p->token;
	hash_remove(&t->by_pid, &p->by_pid);
	leave(t, p);
	return true;
}

size_t pppd_count(const struct pppd_table *t)
{
	return t->by_token.count;
}

size_t pppd_max(const struct conf *c)
{
	return 2 * (size_t)c->max_channels + SLACK;
}
