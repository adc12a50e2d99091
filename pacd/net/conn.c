/*
 * A control connection: socket, timer and output queue around the pure state
 * machine (RFC 2637 section 3).
 *
 * Owns the socket and everything of a connection but its calls.  Must not know
 * lines, users or pppd.  Closing only marks; a reaper frees when the callbacks
 * are done.
 */
#include "pacd/net/conn_internal.h"

#include "common/random.h"
#include "pacd/stats.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_MAX 4096       /* octets per callback, so that one peer does not hold the loop */
#define QUEUE_MAX 16384     /* octets that a peer may leave unread (CC-19) */
#define LINGER_MS 2000      /* after our FIN the peer has this long to send its own */
#define LINGER_READ_MAX 65536
#define QUOTED_TEXT LOG_QUOTED(MSG_TEXT)

/* --- the end of a connection --- */

void conn_free(struct conn *c)
{
	ev_io_stop(c->set->loop, &c->reader);
	ev_io_stop(c->set->loop, &c->writer);
	ev_timer_stop(c->set->loop, &c->timer);
	list_remove(&c->link);
	list_remove(&c->grave);
	hash_remove(&c->set->by_peer, &c->peer_node);
	list_each(at, &c->calls) /* a daemon that stops drops connections with their calls */
		list_remove(at);
	close(c->fd);
	free(c->queue);
	free(c);
}

static void pending_done(struct conn *c)
{
	if (!c->pending)
		return;
	c->pending = false;
	c->set->npending--;
	list_remove(&c->waiting);
	peers_put(c->set->peers, c->peer.addr, PEERS_PENDING);
}

void conn_bury(struct conn *c)
{
	if (c->buried)
		return;
	c->buried = true;
	pending_done(c);
	hash_remove(&c->set->by_id, &c->node);
	list_append(&c->set->dead, &c->grave);
	peers_put(c->set->peers, c->peer.addr, c->ctrl.originator ? PEERS_OPENED : PEERS_CONNECTIONS);
	c->set->count--;
	ev_io_stop(c->set->loop, &c->reader);
	ev_io_stop(c->set->loop, &c->writer);
	ev_timer_stop(c->set->loop, &c->timer);
}

/* One that we opened and that bears no call: established, it may stay for a while, unless we are draining. */
static struct mono idle_deadline(const struct conn *c)
{
	bool is_up = c->ctrl.state == CTRL_ESTABLISHED;

	if (!c->ctrl.originator || c->closing || c->ncalls)
		return MONO_NEVER;
	if (c->set->draining && (is_up || c->ctrl.state == CTRL_IDLE || c->ctrl.state == CTRL_WAIT_CTL_REPLY))
		return c->since;
	return is_up && c->idle_ms ? mono_add_ms(c->idle_since, c->idle_ms) : MONO_NEVER;
}

void conn_arm(struct conn *c)
{
	struct mono at = mono_earlier(c->closing ? MONO_NEVER : ctrl_deadline(&c->ctrl), c->linger_until);
	int64_t wait_us;

	if (c->buried)
		return;
	at = mono_earlier(at, idle_deadline(c));
	if (mono_is_set(c->stuck_since))
		at = mono_earlier(at, mono_add_ms(c->stuck_since, c->ctrl.timers.echo_reply_ms));
	if (!mono_is_set(at)) {
		ev_timer_stop(c->set->loop, &c->timer);
		return;
	}
	wait_us = mono_diff_us(at, mono_now());
	c->timer.repeat = wait_us > 1000 ? (double)wait_us / 1e6 : 0.001;
	ev_timer_again(c->set->loop, &c->timer);
}

/* Our FIN, then what the peer still sends is read and dropped for a while: a close() at once would be a reset. */
static void linger(struct conn *c)
{
	if (c->opening || c->reset || c->eof || shutdown(c->fd, SHUT_WR) < 0) {
		conn_bury(c);
		return;
	}
	c->linger_until = mono_add_ms(mono_now(), LINGER_MS);
	conn_arm(c);
}

static void log_close(struct conn *c, enum ctrl_close why)
{
	struct conns *s = c->set;
	char peer[ENDPOINT_TEXT], refusal[sizeof " result=255 error=255"] = "";
	unsigned suppressed = 0;

	if (why == CTRL_CLOSE_FAULT)
		stats_add(STATS_CONNECTIONS_FAULTY);
	if (why == CTRL_CLOSE_ECHO_TIMEOUT || why == CTRL_CLOSE_START_TIMEOUT || why == CTRL_CLOSE_REPLY_TIMEOUT ||
	    why == CTRL_CLOSE_STOP_TIMEOUT)
		stats_add(STATS_CONNECTIONS_TIMED_OUT);
	if (c->opening && (why == CTRL_CLOSE_UNREACHABLE || why == CTRL_CLOSE_START_TIMEOUT)) {
		conn_log_unopened(c);
		return;
	}
	/* Scanners and the like at a low rate; those that were up at one that real callers do not reach. */
	if (!log_allow(c->established ? &s->limit_up : &s->limit_refused, mono_now(), &suppressed))
		return;
	if (c->ctrl.originator && why == CTRL_CLOSE_REFUSED)
		snprintf(refusal, sizeof refusal, " result=%u error=%u", c->ctrl.peer.result, c->ctrl.peer.error);
	log_info("connection-down", "conn=%llu peer=%s reason=%s%s%s%s messages_in=%llu suppressed=%u",
		 (unsigned long long)c->id, endpoint_text(c->peer, peer),
		 c->idle && why == CTRL_CLOSE_STOPPED ? "idle" : ctrl_close_word(why), refusal,
		 c->framer.fault ? " fault=" : "", c->framer.fault ? msg_fault_word(c->framer.fault) : "",
		 (unsigned long long)c->messages_in, suppressed);
}

static void conn_close(struct conn *c, enum ctrl_close why, bool flush)
{
	if (c->closing)
		return;
	log_close(c, why);
	c->closing = true;
	if (c->set->handlers->closed)
		c->set->handlers->closed(c->set->ctx, c, why);
	pending_done(c);
	if (c->established)
		c->set->nestablished--;
	c->established = false;
	if (!flush || c->reset)
		conn_bury(c);
	else if (!c->queued)
		linger(c);
}

/* --- output --- */

static void output_failed(struct conn *c)
{
	struct ctrl_event ev = { .type = CTRL_EV_EOF };

	c->reset = true;
	c->queued = 0;
	c->stuck_since = MONO_NEVER;
	if (c->closing)
		conn_bury(c);
	else
		conn_step(c, &ev);
}

static void queue_append(struct conn *c, const uint8_t *data, size_t len)
{
	struct ctrl_event ev = { .type = CTRL_EV_FAULT };

	if (!c->queue)
		c->queue = malloc(QUEUE_MAX);
	if (!c->queue || c->queued + len > QUEUE_MAX) {
		c->reset = true; /* it does not read: there is nothing to wait for */
		conn_step(c, &ev);
		return;
	}
	if (!c->queued)
		c->stuck_since = mono_now();
	memcpy(c->queue + c->queued, data, len);
	c->queued += len;
	ev_io_start(c->set->loop, &c->writer);
	conn_arm(c);
}

/* One write per message: NAT helpers look only at what starts a segment. */
void conn_send(struct conn *c, const struct msg *m)
{
	uint8_t data[MSG_MAX];
	size_t len = msg_encode(data, sizeof data, m);
	ssize_t n = 0;

	if (c->closing || c->opening || c->reset || !len)
		return;
	stats_add(STATS_MESSAGES_OUT);
	c->messages_out++;
	if (!c->queued) {
		n = send(c->fd, data, len, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			c->reset = true; /* the reader sees it, too, and tells the state machine */
			ev_feed_event(c->set->loop, &c->reader, EV_READ);
			return;
		}
		if (n < 0)
			n = 0;
	}
	if ((size_t)n < len)
		queue_append(c, data + n, len - (size_t)n);
}

static void on_writable(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct conn *c = w->data;
	ssize_t n;

	(void)revents;
	if (c->opening) {
		conn_opened(c);
		return;
	}
	n = send(c->fd, c->queue, c->queued, MSG_NOSIGNAL);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			output_failed(c);
		return;
	}
	c->queued -= (size_t)n;
	memmove(c->queue, c->queue + n, c->queued);
	c->stuck_since = c->queued ? mono_now() : MONO_NEVER;
	if (c->queued)
		return;
	ev_io_stop(loop, w);
	free(c->queue);
	c->queue = NULL;
	if (c->closing)
		linger(c);
}

/* --- the state machine's actions --- */

static void log_ignored(struct conn *c, const struct msg *m)
{
	char peer[ENDPOINT_TEXT];
	unsigned suppressed;

	stats_add(STATS_MESSAGES_IGNORED);
	if (log_allow(&c->set->limit_ignored, mono_now(), &suppressed))
		log_info("message-ignored", "conn=%llu peer=%s message=%s state=%s suppressed=%u",
			 (unsigned long long)c->id, endpoint_text(c->peer, peer), msg_type_word(m->type),
			 ctrl_state_word(c->ctrl.state), suppressed);
}

static void on_established(struct conn *c)
{
	char peer[ENDPOINT_TEXT], host[QUOTED_TEXT], vendor[QUOTED_TEXT];
	const struct msg_sccrq *p = &c->ctrl.peer;
	unsigned suppressed;

	if (c->closing) /* the reply could not even be queued */
		return;
	pending_done(c);
	c->established = true;
	c->idle_since = mono_now();
	c->set->nestablished++;
	stats_add(STATS_CONNECTIONS_ESTABLISHED);
	if (c->set->handlers->established)
		c->set->handlers->established(c->set->ctx, c);
	if (!log_allow(&c->set->limit_up, mono_now(), &suppressed))
		return;
	log_info("connection-up", "conn=%llu peer=%s host=%s vendor=%s suppressed=%u", (unsigned long long)c->id,
		 endpoint_text(c->peer, peer),
		 log_quote(host, sizeof host, p->host, msg_text_len(p->host, sizeof p->host)),
		 log_quote(vendor, sizeof vendor, p->vendor, msg_text_len(p->vendor, sizeof p->vendor)), suppressed);
}

static void conn_act(struct conn *c, const struct ctrl_action *a, const struct ctrl_event *ev)
{
	struct conns *s = c->set;

	switch (a->type) {
	case CTRL_ACT_SEND:
		conn_send(c, &a->msg);
		break;
	case CTRL_ACT_ESTABLISHED:
		on_established(c);
		break;
	case CTRL_ACT_CALL:
		s->handlers->call(s->ctx, c, ev->msg);
		break;
	case CTRL_ACT_IGNORED:
		if (ev->msg)
			log_ignored(c, ev->msg);
		break;
	case CTRL_ACT_CLEAR_CALLS:
		s->handlers->clear_calls(s->ctx, c, a->close);
		break;
	case CTRL_ACT_CLOSE:
		conn_close(c, a->close, true);
		break;
	case CTRL_ACT_ABORT:
		conn_close(c, a->close, false);
		break;
	}
}

void conn_step(struct conn *c, struct ctrl_event *ev)
{
	struct ctrl_actions actions;

	ev->random = random_u32();
	ctrl_step(&c->ctrl, ev, mono_now(), &actions);
	for (unsigned i = 0; i < actions.n; i++)
		conn_act(c, &actions.list[i], ev);
	if (!c->closing)
		conn_arm(c);
}

/* --- input --- */

static void on_message(struct conn *c, const struct msg *m)
{
	struct ctrl_event ev = { .type = CTRL_EV_MESSAGE, .msg = m };

	stats_add(STATS_MESSAGES_IN);
	c->messages_in++;
	c->last_in = mono_now();
	if (m->type == MSG_SCCRQ && c->ctrl.state == CTRL_IDLE && !c->ctrl.originator)
		ev.admit = conns_admit(c);
	conn_step(c, &ev);
}

static void on_skipped(struct conn *c, const struct msg *m)
{
	struct ctrl_event ev = { .type = CTRL_EV_SKIPPED, .msg = m };

	stats_add(STATS_MESSAGES_SKIPPED);
	conn_step(c, &ev);
}

static void on_fault(struct conn *c)
{
	struct ctrl_event ev = { .type = CTRL_EV_FAULT };
	char peer[ENDPOINT_TEXT];
	unsigned suppressed;

	if (log_allow(&c->set->limit_fault, mono_now(), &suppressed))
		log_warn("malformed-input", "conn=%llu peer=%s fault=%s suppressed=%u", (unsigned long long)c->id,
			 endpoint_text(c->peer, peer), msg_fault_word(c->framer.fault), suppressed);
	conn_step(c, &ev);
}

static void on_octets(struct conn *c, const uint8_t *data, size_t len)
{
	struct msg m;

	while (!c->closing) {
		switch (framer_next(&c->framer, &data, &len, &m)) {
		case FRAMER_MORE:
			return;
		case FRAMER_MESSAGE:
			on_message(c, &m);
			break;
		case FRAMER_SKIPPED:
			on_skipped(c, &m);
			break;
		case FRAMER_FAULT:
			on_fault(c);
			return;
		}
	}
}

/* After our FIN: whatever comes is dropped, up to a bound. */
static void on_lingering(struct conn *c, ssize_t n)
{
	if (n > 0)
		c->lingered += (size_t)n;
	if (n <= 0 || c->lingered > LINGER_READ_MAX)
		conn_bury(c);
}

static void on_readable(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct conn *c = w->data;
	struct ctrl_event eof = { .type = CTRL_EV_EOF };
	uint8_t data[READ_MAX];
	ssize_t n = recv(c->fd, data, sizeof data, 0);

	(void)revents;
	if (n < 0 && (errno == EAGAIN || errno == EINTR) && !c->reset)
		return;
	if (mono_is_set(c->linger_until)) {
		on_lingering(c, n);
		return;
	}
	if (n > 0 && !c->reset) {
		on_octets(c, data, (size_t)n);
		return;
	}
	ev_io_stop(loop, w);
	c->eof = true;
	if (n < 0)
		c->reset = true;
	if (!c->closing)
		conn_step(c, &eof);
	else if (c->reset)
		conn_bury(c);
	/* Else a FIN while we flush: the peer may still read. */
}

static void on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct conn *c = w->data;
	struct mono now = mono_now();
	struct ctrl_event ev = { .type = CTRL_EV_TICK };

	(void)loop;
	(void)revents;
	if (mono_reached(c->linger_until, now)) {
		conn_bury(c);
		return;
	}
	if (mono_is_set(c->stuck_since) &&
	    mono_reached(mono_add_ms(c->stuck_since, c->ctrl.timers.echo_reply_ms), now)) {
		output_failed(c);
		return;
	}
	if (mono_reached(idle_deadline(c), now)) {
		ev = (struct ctrl_event){ .type = CTRL_EV_STOP, .reason = STOP_NONE };
		c->idle = c->established;
	}
	if (c->closing)
		conn_arm(c);
	else
		conn_step(c, &ev);
}

void conn_start(struct conn *c)
{
	ev_io_init(&c->reader, on_readable, c->fd, EV_READ);
	ev_io_init(&c->writer, on_writable, c->fd, EV_WRITE);
	ev_init(&c->timer, on_timer);
	c->reader.data = c->writer.data = c->timer.data = c;
	/* Before timers: a request that waits in the socket is seen before an Echo-Request would cross its answer. */
	ev_set_priority(&c->reader, EV_MAXPRI);
	ev_io_start(c->set->loop, c->opening ? &c->writer : &c->reader);
	if (c->open_error)
		ev_feed_event(c->set->loop, &c->writer, EV_WRITE);
	conn_arm(c);
}

uint64_t conn_id(const struct conn *c)
{
	return c->id;
}

bool conn_is_established(const struct conn *c)
{
	return c->closing ? c->established : c->ctrl.state == CTRL_ESTABLISHED;
}

bool conn_is_originator(const struct conn *c)
{
	return c->ctrl.originator;
}

const char *conn_peer_host(const struct conn *c)
{
	return c->ctrl.peer.host;
}

struct endpoint conn_peer(const struct conn *c)
{
	return c->peer;
}

struct endpoint conn_local(const struct conn *c)
{
	return c->local;
}

struct list *conn_calls(struct conn *c)
{
	return &c->calls;
}

void conn_calls_changed(struct conn *c, int by)
{
	c->ncalls += (unsigned)by;
	if (!c->ctrl.originator || c->ncalls)
		return;
	c->idle_since = mono_now();
	conn_arm(c);
}

unsigned conn_ncalls(const struct conn *c)
{
	return c->ncalls;
}

void conn_reply_due(struct conn *c)
{
	ctrl_reply_due(&c->ctrl);
}

void conn_reply_done(struct conn *c)
{
	ctrl_reply_done(&c->ctrl, mono_now());
	if (!c->closing)
		conn_arm(c);
}

void conn_suspect(struct conn *c)
{
	struct ctrl_event ev = { .type = CTRL_EV_SUSPECT };

	if (!c->closing)
		conn_step(c, &ev);
}
