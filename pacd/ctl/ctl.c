/*
 * The server of the control socket.
 *
 * Owns the listening socket and its clients: each sends one request, gets one
 * answer and is closed.  Decides by the peer's credentials what a client may do;
 * what a command means is commands.c's affair.  Every client has a deadline in
 * every state, and clients and octets in wait are bounded (SEC-03).
 */
#include "pacd/ctl/ctl.h"

#include "common/ctl_grammar.h"
#include "common/list.h"
#include "pacd/ctl/commands.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_BATCH 16
#define SEND_PIECE (256u << 10) /* octets a round, so that a long answer lets others run */
#define LOG_COMMAND 128         /* octets of a request in the log */

enum client_state { CLIENT_READS, CLIENT_PENDS, CLIENT_WRITES };

struct client {
	struct list node; /* in ctl.clients */
	struct ctl *ctl;
	uint64_t id;
	int fd;
	uid_t uid;
	pid_t pid;
	unsigned rights;
	enum client_state state;
	struct ev_io io;
	struct ev_timer deadline;
	char request[CTL_LINE_MAX];
	size_t have, line_len;
	size_t public_len; /* octets of the line that are no password */
	struct ctl_out out;
	size_t sent;
};

struct ctl {
	struct ev_loop *loop;
	int fd;
	const struct ctl_provider *provider;
	void *ctx;
	struct ctl_limits limits;
	int (*peer_fn)(int fd, struct ctl_peer *peer);
	uid_t owner;
	gid_t group;
	unsigned mode;
	struct ev_io io;
	struct ev_timer rest;
	struct list clients;
	unsigned count;
	uint64_t last_id;
	size_t queued; /* octets of answers that are being read */
	struct log_limit limit_denied, limit_failed;
};

static const struct ctl_limits default_limits = {
	.request_s = 10,
	.write_s = 30,
	.pending_s = 60,
	.retry_s = 0.5,
	.clients = 64,
	.reserved = 8,
	.queued = 32u << 20,
};

/* --- who it is --- */

/* The supplementary groups; a kernel without SO_PEERGROUPS gives none. */
static int peer_groups(int fd, struct ctl_peer *peer)
{
	socklen_t len = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == 0 || errno != ERANGE)
		return 0;
	peer->groups = malloc(len);
	if (!peer->groups)
		return -ENOMEM;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer->groups, &len) == 0)
		peer->ngroups = len / sizeof *peer->groups;
	return 0;
}

static int peer_of(int fd, struct ctl_peer *peer)
{
	struct ucred cred;
	socklen_t len = sizeof cred;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	*peer = (struct ctl_peer){ .uid = cred.uid, .pid = cred.pid, .gid = cred.gid };
	return peer_groups(fd, peer);
}

static bool in_group(const struct ctl_peer *peer, gid_t group)
{
	if (peer->gid == group)
		return true;
	for (size_t i = 0; i < peer->ngroups; i++)
		if (peer->groups[i] == group)
			return true;
	return false;
}

unsigned ctl_rights(const struct ctl_peer *peer, uid_t owner, gid_t group, unsigned mode)
{
	const unsigned all = CTL_MAY_SHOW | CTL_MAY_ACT;

	if (peer->uid == 0)
		return all;
	if (peer->uid == owner)
		return mode >> 6 & all;
	if (in_group(peer, group))
		return mode >> 3 & all;
	return mode & all;
}

/* --- one client --- */

static void client_free(struct client *cl)
{
	struct ctl *c = cl->ctl;

	ev_io_stop(c->loop, &cl->io);
	ev_timer_stop(c->loop, &cl->deadline);
	close(cl->fd);
	if (cl->state == CLIENT_WRITES)
		c->queued -= cl->out.len;
	ctl_out_clear(&cl->out);
	list_remove(&cl->node);
	c->count--;
	explicit_bzero(cl->request, sizeof cl->request);
	free(cl);
}

static void client_deadline(struct client *cl, double seconds)
{
	cl->deadline.repeat = seconds;
	ev_timer_again(cl->ctl->loop, &cl->deadline);
}

/* One line per thing that was done or denied; who only looks is seen with level debug. */
static void client_log(struct client *cl)
{
	char quoted[LOG_QUOTED(LOG_COMMAND)];
	size_t len = cl->public_len < LOG_COMMAND ? cl->public_len : LOG_COMMAND;
	bool show = cl->public_len >= 4 && !memcmp(cl->request, "show", 4);
	unsigned suppressed;

	log_quote(quoted, sizeof quoted, cl->request, len);
	if (cl->out.code == CTL_NOT_PERMITTED || cl->out.code == CTL_BAD_REQUEST) {
		if (log_allow(&cl->ctl->limit_denied, mono_now(), &suppressed))
			log_info("control-denied", "uid=%u pid=%d command=%s code=%u suppressed=%u", cl->uid,
				 (int)cl->pid, quoted, cl->out.code, suppressed);
	} else if (show) {
		log_debug("control", "uid=%u pid=%d command=%s code=%u", cl->uid, (int)cl->pid, quoted, cl->out.code);
	} else {
		log_info("control", "uid=%u pid=%d command=%s code=%u", cl->uid, (int)cl->pid, quoted, cl->out.code);
	}
}

/* The answer in cl->out is complete: the loop sends it, so that no caller sees the client freed. */
static void client_answer(struct client *cl)
{
	struct ctl *c = cl->ctl;

	client_log(cl);
	cl->state = CLIENT_WRITES;
	c->queued += cl->out.len;
	ev_io_stop(c->loop, &cl->io);
	ev_io_set(&cl->io, cl->fd, EV_WRITE);
	ev_io_start(c->loop, &cl->io);
	client_deadline(cl, c->limits.write_s);
}

static void client_refuse(struct client *cl, enum ctl_code code, const char *text)
{
	ctl_out_status(&cl->out, code, "%s", text);
	client_answer(cl);
}

static enum commands_result client_command(struct client *cl)
{
	const struct ctl *c = cl->ctl;
	const struct commands_request rq = { cl->request, cl->line_len, cl->rights, cl->id, c->provider, c->ctx };
	enum commands_result result = commands_run(&rq, &cl->out);

	explicit_bzero(cl->request + cl->public_len, sizeof cl->request - cl->public_len);
	return result;
}

static void client_run(struct client *cl)
{
	struct ctl *c = cl->ctl;

	ev_io_stop(c->loop, &cl->io);
	if (c->queued > c->limits.queued) {
		client_refuse(cl, CTL_BUSY, "too many answers are waiting for their readers");
		return;
	}
	/* Before the command runs: it may be finished from within. */
	cl->state = CLIENT_PENDS;
	client_deadline(cl, c->limits.pending_s);
	if (client_command(cl) == COMMANDS_PENDING)
		return;
	ev_now_update(c->loop); /* a long answer took time that is not the reader's */
	client_answer(cl);
}

static void client_take(struct client *cl, size_t n)
{
	char *end = memchr(cl->request + cl->have, '\n', n);

	cl->have += n;
	cl->line_len = end ? (size_t)(end - cl->request) : cl->have;
	cl->public_len = ctl_public_len(cl->request, cl->line_len);
	if (end)
		client_run(cl);
	else if (cl->have == sizeof cl->request)
		client_refuse(cl, CTL_BAD_REQUEST, "the request is too long");
}

static void client_read(struct client *cl)
{
	ssize_t n = recv(cl->fd, cl->request + cl->have, sizeof cl->request - cl->have, MSG_DONTWAIT);

	if (n > 0)
		client_take(cl, (size_t)n);
	else if (n == 0 && cl->have) /* a cut request must not be taken for a shorter one */
		client_refuse(cl, CTL_BAD_REQUEST, "the request does not end with a newline");
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		client_free(cl);
}

static void client_write(struct client *cl)
{
	size_t left = cl->out.len - cl->sent;
	ssize_t n = 0;

	if (left) /* an answer that no memory could be found for has no octets: the client is just closed */
		n = send(cl->fd, cl->out.text + cl->sent, left < SEND_PIECE ? left : SEND_PIECE,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			client_free(cl);
		return;
	}
	cl->sent += (size_t)n;
	if (cl->sent == cl->out.len)
		client_free(cl);
	else
		client_deadline(cl, cl->ctl->limits.write_s);
}

static void client_io(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct client *cl = io->data;

	(void)loop;
	(void)events;
	if (cl->state == CLIENT_READS)
		client_read(cl);
	else
		client_write(cl);
}

static void client_late(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct client *cl = timer->data;

	(void)loop;
	(void)events;
	if (cl->state == CLIENT_READS)
		client_refuse(cl, CTL_BAD_REQUEST, "the request did not come in time");
	else if (cl->state == CLIENT_PENDS)
		client_refuse(cl, CTL_NO_ANSWER, "no answer in time; it may still be done");
	else
		client_free(cl);
}

/* --- accepting --- */

/* Says no at once and keeps no place for it. */
static void turn_away(struct ctl *c, int fd, const struct ctl_peer *peer, enum ctl_code code, const char *text)
{
	struct ctl_out out;
	unsigned suppressed;

	ctl_out_init(&out);
	ctl_out_status(&out, code, "%s", text);
	if (send(fd, out.text, out.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		log_debug("control-answer-failed", "uid=%u pid=%d error=\"%m\"", peer->uid, (int)peer->pid);
	close(fd);
	ctl_out_clear(&out);
	if (log_allow(&c->limit_denied, mono_now(), &suppressed))
		log_info("control-denied", "uid=%u pid=%d code=%u suppressed=%u", peer->uid, (int)peer->pid, code,
			 suppressed);
}

static void client_new(struct ctl *c, int fd, const struct ctl_peer *peer, unsigned rights)
{
	struct client *cl = calloc(1, sizeof *cl);

	if (!cl) {
		turn_away(c, fd, peer, CTL_BUSY, "out of memory");
		return;
	}
	cl->ctl = c;
	cl->id = ++c->last_id;
	cl->fd = fd;
	cl->uid = peer->uid;
	cl->pid = peer->pid;
	cl->rights = rights;
	ctl_out_init(&cl->out);
	list_append(&c->clients, &cl->node);
	c->count++;
	ev_io_init(&cl->io, client_io, fd, EV_READ);
	cl->io.data = cl;
	ev_io_start(c->loop, &cl->io);
	ev_init(&cl->deadline, client_late);
	cl->deadline.data = cl;
	client_deadline(cl, c->limits.request_s);
}

static void admit(struct ctl *c, int fd)
{
	struct ctl_peer peer = { 0 };
	unsigned places = c->limits.clients, rights;

	if (c->peer_fn(fd, &peer) < 0) {
		free(peer.groups);
		close(fd);
		return;
	}
	rights = ctl_rights(&peer, c->owner, c->group, c->mode);
	if (peer.uid != 0)
		places -= c->limits.reserved;
	if (!rights)
		turn_away(c, fd, &peer, CTL_NOT_PERMITTED, "not permitted: you may not use this control socket");
	else if (c->count >= places)
		turn_away(c, fd, &peer, CTL_BUSY, "too many clients");
	else
		client_new(c, fd, &peer, rights);
	free(peer.groups);
}

static void accept_rest(struct ctl *c)
{
	unsigned suppressed;

	if (log_allow(&c->limit_failed, mono_now(), &suppressed))
		log_warn("control-accept-failed", "error=\"%m\" suppressed=%u", suppressed);
	ev_io_stop(c->loop, &c->io);
	ev_timer_stop(c->loop, &c->rest);
	ev_timer_set(&c->rest, c->limits.retry_s, 0);
	ev_timer_start(c->loop, &c->rest);
}

static void accept_io(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct ctl *c = io->data;

	(void)loop;
	(void)events;
	for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
		int fd = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			admit(c, fd);
			continue;
		}
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			accept_rest(c);
		return;
	}
}

static void accept_again(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct ctl *c = timer->data;

	(void)events;
	ev_io_start(loop, &c->io);
}

/* --- the server --- */

struct ctl *ctl_new(struct ev_loop *loop, int fd, const struct ctl_provider *provider, void *ctx)
{
	struct ctl *c = calloc(1, sizeof *c);
	int flags = fcntl(fd, F_GETFL);

	if (!c || flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		free(c);
		close(fd);
		return NULL;
	}
	c->loop = loop;
	c->fd = fd;
	c->provider = provider;
	c->ctx = ctx;
	c->limits = default_limits;
	c->peer_fn = peer_of;
	c->mode = 0600;
	c->limit_denied = LOG_LIMIT(10, 30);
	c->limit_failed = LOG_LIMIT(1, 2);
	list_init(&c->clients);
	ev_io_init(&c->io, accept_io, fd, EV_READ);
	c->io.data = c;
	ev_io_start(loop, &c->io);
	ev_init(&c->rest, accept_again);
	c->rest.data = c;
	return c;
}

void ctl_free(struct ctl *c)
{
	if (!c)
		return;
	list_each(node, &c->clients)
		client_free(list_entry(node, struct client, node));
	ev_io_stop(c->loop, &c->io);
	ev_timer_stop(c->loop, &c->rest);
	close(c->fd);
	free(c);
}

void ctl_set_permission(struct ctl *c, uid_t owner, gid_t group, unsigned mode)
{
	c->owner = owner;
	c->group = group;
	c->mode = mode;
}

static struct client *pending_find(struct ctl *c, uint64_t id)
{
	list_each(node, &c->clients) {
		struct client *cl = list_entry(node, struct client, node);

		if (cl->id == id && cl->state == CLIENT_PENDS)
			return cl;
	}
	return NULL;
}

void ctl_finish(struct ctl *c, uint64_t client, struct ctl_out *answer)
{
	struct client *cl = pending_find(c, client);

	if (!cl) {
		ctl_out_clear(answer);
		return;
	}
	cl->out = *answer;
	ctl_out_init(answer);
	client_answer(cl);
}

void ctl_finish_reload(struct ctl *c, uint64_t client, uint32_t generation, const char *errors)
{
	struct client *cl = pending_find(c, client);

	if (!cl)
		return;
	commands_reload_answer(&cl->out, generation, errors);
	client_answer(cl);
}

void ctl_finish_test(struct ctl *c, uint64_t client, const struct ctl_test *t)
{
	struct client *cl = pending_find(c, client);

	if (!cl)
		return;
	commands_test_answer(&cl->out, t);
	client_answer(cl);
}

unsigned ctl_clients(const struct ctl *c)
{
	return c->count;
}

void ctl_set_limits(struct ctl *c, const struct ctl_limits *limits)
{
	c->limits = *limits;
}

void ctl_set_peer_fn(struct ctl *c, int (*peer)(int fd, struct ctl_peer *peer))
{
	c->peer_fn = peer;
}
