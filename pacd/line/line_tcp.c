/*
 * A raw line of a terminal server: a TCP connection is a call.  One that is
 * accepted is a ring, dialling connects; there is no modem and no command.
 *
 * Owns the listening socket that the root part has opened, and one connection.
 * The data path gets a descriptor of its own for it, so that what ends a call
 * here (shutdown()) ends it there.  While a call is online nothing is read here:
 * its end is seen by the data path, which is the only one who knows what came
 * before.  Must not know sessions, groups or tunnels.
 */
#include "pacd/line/lines_internal.h"

#include "pacd/stats.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_BATCH 16
#define REST_MS 1000     /* no accept() for so long: there was no descriptor for one, or nobody wanted the last one */
#define LOOK_MS 200      /* a caller's hanging up is looked for this often while it rings */
#define SEND_BUFFER 4096 /* what waits in the kernel is late, and nobody counts it */
#define KEEP_IDLE_S 60
#define KEEP_EVERY_S 10
#define KEEP_TRIES 3
#define UNACKED_MS 90000

struct line_tcp {
	struct ev_io listen;  /* fd -1: none */
	struct ev_io connect; /* while dialling; its fd is `conn` */
	int conn;             /* the call, or the ring; -1 */
	struct mono rest;     /* until then nothing is accepted */
	struct mono look;     /* while it rings */
	struct mono give_up;  /* while dialling */
};

static void set_options(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },           { SOL_SOCKET, SO_SNDBUF, SEND_BUFFER },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },           { IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S },
		{ IPPROTO_TCP, TCP_KEEPINTVL, KEEP_EVERY_S }, { IPPROTO_TCP, TCP_KEEPCNT, KEEP_TRIES },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKED_MS },
	};

	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof options[i].value);
}

static void hang_up(struct line *l)
{
	struct line_tcp *t = l->tcp;

	ev_io_stop(l->set->loop, &t->connect);
	t->look = t->give_up = MONO_NEVER;
	if (t->conn >= 0) {
		shutdown(t->conn, SHUT_RDWR); /* for the data path's descriptor too */
		close(t->conn);
	}
	t->conn = -1;
	if (l->state == MODEM_RINGING || l->state == MODEM_DIALLING || l->state == MODEM_ONLINE)
		line_set_state(l, MODEM_IDLE);
}

static void go_online(struct line *l)
{
	struct line_tcp *t = l->tcp;
	int fd = fcntl(t->conn, F_DUPFD_CLOEXEC, 0);

	t->look = t->give_up = MONO_NEVER;
	line_set_state(l, MODEM_ONLINE);
	if (fd < 0)
		line_failed(l, OCRP_ERROR, line_error_code(errno), 0);
	if (fd < 0 || !line_answered(l, fd, 0, ""))
		hang_up(l);
}

/* --- callers --- */

static bool peer_allowed(const struct conf_line *c, uint32_t addr)
{
	for (size_t i = 0; i < c->npeers; i++)
		if (range_has(c->peers[i], addr))
			return true;
	if (c->npeers)
		return false;
	return c->address.port ? addr == c->address.addr : addr >> 24 == 127;
}

static void deny(struct line *l, uint32_t addr)
{
	char text[ADDR_TEXT];
	unsigned suppressed;

	if (log_allow(&l->set->limit_denied, mono_now(), &suppressed))
		log_warn("line-caller-denied", "name=%s peer=%s hint=\"peers of the line say who may connect\" "
			 "suppressed=%u", l->conf.name, addr_text(addr, text), suppressed);
}

/* Takes over fd. One that finds the line busy hears so: the connection ends at once. */
static void take_caller(struct line *l, int fd, const struct sockaddr_in *from)
{
	struct line_tcp *t = l->tcp;
	uint32_t addr = ntohl(from->sin_addr.s_addr);
	bool allowed = peer_allowed(&l->conf, addr);

	if (!allowed)
		deny(l, addr);
	if (!allowed || !line_ring(l, "", "")) {
		close(fd);
		return;
	}
	set_options(fd);
	t->conn = fd;
	t->look = mono_add_ms(mono_now(), LOOK_MS);
	line_set_state(l, MODEM_RINGING);
}

/* Who calls meanwhile waits in the backlog. */
static void pause_accept(struct line *l)
{
	ev_io_stop(l->set->loop, &l->tcp->listen);
	l->tcp->rest = mono_add_ms(mono_now(), REST_MS);
}

static void rest(struct line *l, int error)
{
	unsigned suppressed;

	stats_add(STATS_ACCEPT_FAILURES);
	errno = error;
	if (log_allow(&l->set->limit_accept, mono_now(), &suppressed))
		log_error("line-accept-failed", "name=%s error=\"%m\" hint=\"raise LimitNOFILE\" suppressed=%u",
			  l->conf.name, suppressed);
	pause_accept(l);
}

static bool is_transient(int error)
{
	return error == EINTR || error == ECONNABORTED || error == EPROTO || error == EPERM;
}

static void accept_some(struct line *l)
{
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		struct sockaddr_in sin = { 0 };
		socklen_t len = sizeof sin;
		int fd = accept4(l->tcp->listen.fd, (struct sockaddr *)&sin, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
			take_caller(l, fd, &sin);
		else if (errno == EAGAIN)
			return;
		else if (!is_transient(errno)) {
			rest(l, errno);
			return;
		}
	}
}

static void on_acceptable(struct ev_loop *loop, struct ev_io *w, int revents)
{
	(void)loop;
	(void)revents;
	accept_some(w->data);
	line_update(w->data);
}

/* Octets that came early stay where they are, so that reading cannot tell. */
static bool has_ended(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };

	return poll(&p, 1, 0) == 1;
}

static void tcp_answer(struct line *l)
{
	if (has_ended(l->tcp->conn)) {
		line_failed(l, OCRP_NO_CARRIER, MSG_ERR_NONE, 0);
		hang_up(l);
		return;
	}
	go_online(l);
}

/* Who redials at once gets no ring, and no server a request, more often than this (SEC-10). */
static void tcp_reject(struct line *l)
{
	hang_up(l);
	if (l->tcp->listen.fd >= 0)
		pause_accept(l);
}

/* --- dialling --- */

/* Port closed: on a terminal server the line is taken or not there; else there is no way to it. */
static void connect_failed(struct line *l, int error)
{
	uint8_t code = MSG_ERR_NONE, result = OCRP_NO_CARRIER;

	if (error == ECONNREFUSED) {
		result = OCRP_BUSY;
		l->n.busy++;
	} else if (line_error_code(error) == MSG_ERR_NO_RESOURCE || error == EADDRNOTAVAIL) {
		result = OCRP_ERROR;
		code = MSG_ERR_NO_RESOURCE;
	} else
		l->n.no_carrier++;
	line_failed(l, result, code, 0);
	hang_up(l);
}

static void on_connected(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct line *l = w->data;
	int error = 0;
	socklen_t len = sizeof error;

	(void)revents;
	ev_io_stop(loop, w);
	if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error)
		connect_failed(l, error);
	else
		go_online(l);
	line_update(l);
}

static int tcp_dial(struct line *l, const char *number)
{
	struct line_tcp *t = l->tcp;
	const struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(l->conf.address.port),
					 .sin_addr.s_addr = htonl(l->conf.address.addr) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)number; /* the address is the line's, whatever is dialled */
	if (fd < 0)
		return -errno;
	set_options(fd);
	t->conn = fd;
	line_set_state(l, MODEM_DIALLING);
	if (connect(fd, (const struct sockaddr *)&sin, sizeof sin) < 0 && errno != EINPROGRESS) {
		connect_failed(l, errno);
		return 0;
	}
	ev_io_set(&t->connect, fd, EV_WRITE); /* also when it is there already: no answer from inside a call */
	ev_io_start(l->set->loop, &t->connect);
	t->give_up = mono_add_ms(mono_now(), l->conf.dial_ms);
	return 0;
}

/* --- the kind --- */

static void tcp_hangup(struct line *l)
{
	hang_up(l);
	line_ring_over(l);
	line_down(l, MSG_ERR_NONE);
}

static void tcp_tick(struct line *l, struct mono now)
{
	struct line_tcp *t = l->tcp;

	if (mono_reached(t->rest, now)) {
		t->rest = MONO_NEVER;
		ev_io_start(l->set->loop, &t->listen);
	}
	if (mono_reached(t->look, now)) {
		t->look = mono_add_ms(now, LOOK_MS);
		if (has_ended(t->conn)) {
			hang_up(l);
			line_ring_over(l);
		}
	}
	if (mono_reached(t->give_up, now)) {
		l->n.time_outs++;
		line_failed(l, OCRP_TIME_OUT, MSG_ERR_NONE, 0);
		hang_up(l);
	}
}

static struct mono tcp_deadline(const struct line *l)
{
	return mono_earlier(l->tcp->rest, mono_earlier(l->tcp->look, l->tcp->give_up));
}

static int tcp_init(struct line *l)
{
	struct line_tcp *t = calloc(1, sizeof *t);

	if (!t)
		return -ENOMEM;
	t->conn = -1;
	ev_io_init(&t->listen, on_acceptable, -1, EV_READ);
	ev_io_init(&t->connect, on_connected, -1, EV_WRITE);
	t->listen.data = t->connect.data = l;
	l->tcp = t;
	return 0;
}

static void tcp_clear(struct line *l)
{
	free(l->tcp);
	l->tcp = NULL;
}

static void serve(struct line *l)
{
	line_set_state(l, MODEM_IDLE);
	line_in_service(l);
}

static void tcp_open(struct line *l)
{
	if (l->conf.listen.port)
		line_want_fd(l);
	else
		serve(l);
}

static void tcp_opened(struct line *l, int fd)
{
	struct line_tcp *t = l->tcp;

	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	ev_io_set(&t->listen, fd, EV_READ);
	ev_io_start(l->set->loop, &t->listen);
	serve(l);
}

static void tcp_close(struct line *l)
{
	struct line_tcp *t = l->tcp;

	hang_up(l);
	ev_io_stop(l->set->loop, &t->listen);
	if (t->listen.fd >= 0)
		close(t->listen.fd);
	t->listen.fd = -1;
	t->rest = MONO_NEVER;
}

static const char *tcp_control(const struct line *l)
{
	(void)l;
	return "tcp";
}

static void tcp_errors(const struct line *l, struct line_errors *e)
{
	(void)l;
	*e = (struct line_errors){ 0 };
}

const struct line_kind line_tcp_kind = {
	.hint = "is the address one of this host, and the port no other program's?",
	.init = tcp_init,
	.clear = tcp_clear,
	.open = tcp_open,
	.opened = tcp_opened,
	.close = tcp_close,
	.answer = tcp_answer,
	.reject = tcp_reject,
	.dial = tcp_dial,
	.hangup = tcp_hangup,
	.tick = tcp_tick,
	.deadline = tcp_deadline,
	.control = tcp_control,
	.errors = tcp_errors,
};
