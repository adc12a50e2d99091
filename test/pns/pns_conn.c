/*
 * Control connections of the test PNS (RFC 2637 sections 2.1 to 2.6 and 3.1),
 * in both directions, with the misbehaviour that settings ask for.
 *
 * Owns each connection's socket and list of calls; what a call's message means
 * is pns_call.c's.  A message is small and a socket's buffer is not: what it
 * does not take at once is an event of its own, and lost.
 */
#include "test/pns/pns.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static const char garbage[] = "These octets are no message of RFC 2637.\r\n";

struct pns_conn *pns_conn_find(unsigned id)
{
	list_each(at, &pns.conns) {
		struct pns_conn *c = list_entry(at, struct pns_conn, node);

		if (c->id == id)
			return c;
	}
	return NULL;
}

void pns_conn_close(struct pns_conn *c, bool reset, const char *why)
{
	struct linger hard = { .l_onoff = 1 };

	list_each(at, &c->calls)
		pns_call_free(list_entry(at, struct pns_call, node));
	if (reset)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
	ev_io_stop(pns.loop, &c->io);
	ev_timer_stop(pns.loop, &c->late);
	close(c->fd);
	list_remove(&c->node);
	pns_event("closed conn=%u why=%s", c->id, why);
	free(c);
}

/* --- sending --- */

void pns_conn_raw(struct pns_conn *c, const void *data, size_t len)
{
	ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);

	if (n < 0 || (size_t)n < len)
		pns_event("unsent conn=%u sent=%zd of=%zu error=%d", c->id, n, len, n < 0 ? errno : 0);
}

void pns_conn_send(struct pns_conn *c, const struct msg *m)
{
	uint8_t octets[MSG_MAX];
	size_t len = msg_encode(octets, sizeof octets, m);

	pns_event_message("out", c->id, m);
	pns_conn_raw(c, octets, len);
}

static void start_fill(struct msg_sccrq *s)
{
	s->version = (uint16_t)pns.set.version;
	s->framing = MSG_FRAMING_ASYNC | MSG_FRAMING_SYNC;
	s->bearer = MSG_BEARER_ANALOG | MSG_BEARER_DIGITAL;
	msg_text_set(s->host, sizeof s->host, pns.host);
	msg_text_set(s->vendor, sizeof s->vendor, "test");
}

void pns_conn_sccrq(struct pns_conn *c)
{
	struct msg m = { .type = MSG_SCCRQ };

	start_fill(&m.sccrq);
	pns_conn_send(c, &m);
}

static void send_sccrp(struct pns_conn *c)
{
	struct msg m = { .type = MSG_SCCRP };

	start_fill(&m.sccrp);
	m.sccrp.result = (uint8_t)pns.set.sccrp;
	m.sccrp.error = (uint8_t)pns.set.sccrp_error;
	c->established = pns.set.sccrp == SCCRP_OK;
	pns_conn_send(c, &m);
	if (!c->established)
		pns_conn_close(c, false, "refused");
}

/* --- SCCRQ, and a collision (section 3.1.3) --- */

static void on_late(struct ev_loop *loop, struct ev_timer *t, int revents)
{
	(void)loop;
	(void)revents;
	send_sccrp(t->data);
}

static void answer_sccrq(struct pns_conn *c)
{
	c->held = false;
	if (pns.set.sccrp == PNS_NEVER)
		return;
	if (!pns.set.sccrp_delay) {
		send_sccrp(c);
		return;
	}
	ev_timer_set(&c->late, pns.set.sccrp_delay / 1e3, 0.);
	ev_timer_start(pns.loop, &c->late);
}

/* A connection of ours to that peer that has no SCCRP yet. */
static struct pns_conn *pending(const struct pns_conn *theirs)
{
	list_each(at, &pns.conns) {
		struct pns_conn *c = list_entry(at, struct pns_conn, node);

		if (c->ours && !c->established && c->peer.addr == theirs->peer.addr)
			return c;
	}
	return NULL;
}

/* Both SCCRQs are out: the higher address's connection stays. */
static void collision(struct pns_conn *theirs, struct pns_conn *own)
{
	bool win = theirs->local.addr > theirs->peer.addr;

	pns_event("collision theirs=%u ours=%u win=%d", theirs->id, own->id, win);
	theirs->held = false;
	if (win)
		return;
	pns_conn_close(own, false, "collision");
	answer_sccrq(theirs);
}

static void take_sccrq(struct pns_conn *c)
{
	struct pns_conn *own = pending(c);

	if (!own)
		answer_sccrq(c);
	else if (own->connected)
		collision(c, own);
	else
		c->held = true;
}

static void release_held(struct pns_conn *own)
{
	list_each(at, &pns.conns) {
		struct pns_conn *c = list_entry(at, struct pns_conn, node);

		if (c->held && c->peer.addr == own->peer.addr) {
			collision(c, own);
			return;
		}
	}
}

/* --- receiving --- */

static void take_sccrp(struct pns_conn *c, const struct msg_sccrq *s)
{
	c->established = s->result == SCCRP_OK;
	if (!c->established)
		pns_conn_close(c, false, "refused");
}

static void take_stop(struct pns_conn *c)
{
	struct msg m = { .type = MSG_STOP_CCRP, .stop_ccrp.result = STOP_OK };

	if (!pns.set.stop)
		return;
	pns_conn_send(c, &m);
	pns_conn_close(c, false, "stopped");
}

static void take_echo(struct pns_conn *c, const struct msg *rq)
{
	struct msg m = { .type = MSG_ECHO_RP, .echo_rp = { rq->echo_rq.identifier, ECHO_OK, 0 } };

	if (pns.set.echo)
		pns_conn_send(c, &m);
}

static void take(struct pns_conn *c, const struct msg *m)
{
	switch (m->type) {
	case MSG_SCCRQ: take_sccrq(c); break;
	case MSG_SCCRP: take_sccrp(c, &m->sccrp); break;
	case MSG_STOP_CCRQ: take_stop(c); break;
	case MSG_STOP_CCRP: pns_conn_close(c, false, "stopped"); break;
	case MSG_ECHO_RQ: take_echo(c, m); break;
	case MSG_ECHO_RP: break;
	default: pns_call_message(c, m); break;
	}
}

static void message(struct pns_conn *c, const struct msg *m)
{
	pns_event_message("in", c->id, m);
	if (pns.set.garbage_on == m->type)
		pns_conn_raw(c, garbage, sizeof garbage - 1);
	if (pns.set.rst_on == m->type)
		pns_conn_close(c, true, "reset");
	else
		take(c, m);
}

static void consume(struct pns_conn *c, const uint8_t *data, size_t len)
{
	unsigned id = c->id;
	struct msg m;

	for (;;) {
		switch (framer_next(&c->framer, &data, &len, &m)) {
		case FRAMER_MESSAGE:
			message(c, &m);
			break;
		case FRAMER_SKIPPED:
			pns_event("skipped conn=%u type=%u", id, m.type);
			break;
		case FRAMER_FAULT:
			pns_conn_close(c, false, msg_fault_word(c->framer.fault));
			return;
		case FRAMER_MORE:
		default:
			return;
		}
		if (pns_conn_find(id) != c)
			return;
	}
}

static void receive(struct pns_conn *c)
{
	uint8_t data[4096];
	ssize_t n = recv(c->fd, data, sizeof data, 0);

	if (n > 0)
		consume(c, data, (size_t)n);
	else if (n == 0)
		pns_conn_close(c, false, "eof");
	else if (errno != EAGAIN && errno != EINTR)
		pns_conn_close(c, false, errno == ECONNRESET ? "peer-reset" : "error");
}

/* --- coming --- */

static void connected(struct pns_conn *c)
{
	int error = 0;
	socklen_t len = sizeof error;

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error) {
		pns_event("unconnected conn=%u error=%d", c->id, error);
		pns_conn_close(c, false, "unconnected");
		return;
	}
	c->connected = true;
	ev_io_stop(pns.loop, &c->io);
	ev_io_set(&c->io, c->fd, EV_READ);
	ev_io_start(pns.loop, &c->io);
	if (!pns.set.hello)
		return;
	pns_conn_sccrq(c);
	release_held(c);
}

static void on_io(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct pns_conn *c = io->data;

	(void)loop;
	(void)revents;
	if (c->connected)
		receive(c);
	else
		connected(c);
}

static struct pns_conn *conn_new(int fd, struct endpoint peer, struct endpoint local, bool ours)
{
	struct pns_conn *c = calloc(1, sizeof *c);
	char peer_text[ENDPOINT_TEXT], local_text[ENDPOINT_TEXT];
	int on = 1;

	if (!c) {
		close(fd);
		return NULL;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	c->id = ++pns.conns_made;
	c->fd = fd;
	c->peer = peer;
	c->local = local;
	c->ours = ours;
	c->connected = !ours;
	framer_init(&c->framer);
	list_init(&c->calls);
	list_append(&pns.conns, &c->node);
	ev_init(&c->late, on_late);
	c->late.data = c;
	ev_io_init(&c->io, on_io, fd, ours ? EV_WRITE : EV_READ);
	c->io.data = c;
	ev_io_start(pns.loop, &c->io);
	pns_event("conn id=%u peer=%s local=%s by=%s", c->id, endpoint_text(peer, peer_text),
		  endpoint_text(local, local_text), ours ? "us" : "peer");
	return c;
}

void pns_conn_accept(int fd, struct endpoint peer, struct endpoint local)
{
	struct pns_conn *c = conn_new(fd, peer, local, false);

	if (!c)
		return;
	if (pns.set.garbage_on == PNS_AT_ACCEPT)
		pns_conn_raw(c, garbage, sizeof garbage - 1);
	if (pns.set.rst_on == PNS_AT_ACCEPT)
		pns_conn_close(c, true, "reset");
	else if (pns.set.collide)
		pns_conn_open((struct endpoint){ peer.addr, PNS_PORT }, local.addr);
}

static int connect_from(struct endpoint peer, uint32_t local)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(peer.port),
				  .sin_addr.s_addr = htonl(peer.addr) };
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(local) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return -errno;
	r = local && bind(fd, (struct sockaddr *)&from, sizeof from) < 0 ? -errno : 0;
	if (r == 0 && connect(fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)
		r = -errno;
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

struct pns_conn *pns_conn_open(struct endpoint peer, uint32_t local)
{
	struct sockaddr_in own = { 0 };
	socklen_t len = sizeof own;
	int fd = connect_from(peer, local);

	if (fd < 0) {
		pns_event("unconnected conn=0 error=%d", -fd);
		return NULL;
	}
	getsockname(fd, (struct sockaddr *)&own, &len);
	return conn_new(fd, peer, (struct endpoint){ ntohl(own.sin_addr.s_addr), ntohs(own.sin_port) }, true);
}
