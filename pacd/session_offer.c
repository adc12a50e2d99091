/*
 * A ringing line is offered to a PNS: the incoming call's messages (RFC 2637
 * sections 2.9 to 2.11 and 3.2.3.1; ledger CALL-IN-01 to CALL-IN-14).
 *
 * Owns the answers that are owed for offers which were withdrawn: the RFC's
 * minute for a reply is longer than a caller waits (TIM-04, TIM-05).  Which PNS
 * is next is session_ring.c's business.
 */
#include "pacd/session_ring.h"

#include "common/log.h"
#include "common/random.h"
#include "pacd/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- answers that are owed --- */

struct owed {
	struct list link; /* in set->owed, oldest first */
	uint64_t conn;
	uint16_t call_id;
	struct mono until;
};

static void owed_free(struct owed *o)
{
	list_remove(&o->link);
	free(o);
}

static void owed_arm(struct sessions *set)
{
	const struct owed *first = list_entry(set->owed.next, struct owed, link);
	int64_t wait_us;

	if (list_empty(&set->owed)) {
		ev_timer_stop(set->rooms.loop, &set->owed_timer);
		return;
	}
	wait_us = mono_diff_us(first->until, mono_now());
	set->owed_timer.repeat = wait_us > 1000 ? (double)wait_us / 1e6 : 0.001;
	ev_timer_again(set->rooms.loop, &set->owed_timer);
}

/*
 * The PNS has not said a word about an offer for as long as the RFC waits: the connection itself is suspect.  One that
 * bears calls has shown since that it works, and their users shall not pay for one answer; echoes look after it.
 */
static void on_overdue(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct sessions *set = w->data;
	struct owed *o = list_entry(set->owed.next, struct owed, link);

	(void)loop;
	(void)revents;
	if (!list_empty(&set->owed) && mono_reached(o->until, mono_now())) {
		struct conn *c = conn_find(set->rooms.conns, o->conn);

		owed_free(o);
		if (c && !conn_ncalls(c))
			conn_suspect(c);
	}
	owed_arm(set);
}

static void owe(const struct session *s)
{
	struct owed *o = calloc(1, sizeof *o);

	if (!o)
		return;
	*o = (struct owed){ .conn = s->conn, .call_id = s->call_id,
			    .until = mono_add_ms(s->since, s->conf->timers.reply_ms) };
	list_append(&s->set->owed, &o->link);
	ev_set_cb(&s->set->owed_timer, on_overdue);
	s->set->owed_timer.data = s->set;
	owed_arm(s->set);
}

static void paid(struct sessions *set, uint64_t conn, uint16_t call_id)
{
	list_each(at, &set->owed) {
		struct owed *o = list_entry(at, struct owed, link);

		if (o->conn == conn && o->call_id == call_id)
			owed_free(o);
	}
	owed_arm(set);
}

void session_offer_clear(struct sessions *set)
{
	list_each(at, &set->owed)
		owed_free(list_entry(at, struct owed, link));
	owed_arm(set);
}

/* --- the offer --- */

static void describe_tunnel(struct session *s, const struct radius_tunnel_set *t)
{
	struct radius_tunnel *to = &s->radius.tunnel;
	struct session_real *real = s->real;

	to->client = s->local_addr;
	to->server = s->peer.addr;
	snprintf(to->connection, sizeof to->connection, "%u", s->serial);
	if (!t)
		return;
	strcpy(real->private_group, t->private_group);
	strcpy(real->assignment, t->assignment);
	strcpy(real->client_auth, t->client_auth);
	strcpy(real->server_auth, t->server_auth);
	to->private_group = real->private_group[0] ? real->private_group : NULL;
	to->assignment = real->assignment[0] ? real->assignment : NULL;
	to->client_auth = real->client_auth[0] ? real->client_auth : NULL;
	to->server_auth = real->server_auth[0] ? real->server_auth : NULL;
}

static struct session *offer_new(struct ring *r, struct conn *c)
{
	struct session *s = session_new(r->set, c);
	struct session_real *real = s ? s->real = calloc(1, sizeof *real) : NULL;

	if (s)
		s->incoming = true;
	if (!real)
		return s;
	s->lines = r->set->rooms.real_lines;
	s->line_ops = r->set->rooms.real_ops;
	s->serial = r->set->serial++;
	real->ring = r->id;
	strcpy(real->name, r->name);
	strcpy(real->group, r->group);
	strcpy(real->calling, r->calling);
	strcpy(real->called, r->called);
	real->channel = r->channel;
	real->bearer = r->bearer;
	real->framing = r->framing;
	s->radius = r->radius;
	describe_tunnel(s, r->now->set);
	return s;
}

uint64_t session_offer(struct ring *r, struct conn *c)
{
	static const struct call_event ring = { .type = CALL_EV_RING };
	struct sessions *set = r->set;
	struct session *s;
	char peer[ENDPOINT_TEXT], assignment[LOG_QUOTED(RADIUS_TEXT)];
	unsigned suppressed;
	uint64_t id;

	/* Of the peer's own limits none holds for what we offer it. */
	if (!peers_take(set->rooms.peers, conn_peer(c).addr, PEERS_OFFERED, 0))
		return 0;
	s = offer_new(r, c);
	if (!s) {
		peers_put(set->rooms.peers, conn_peer(c).addr, PEERS_OFFERED);
		return 0;
	}
	if (!s->real) {
		session_discard(s);
		return 0;
	}
	id = s->id;
	session_call_claim(s, c);
	session_tunnel_hold(s);
	stats_add(STATS_CALLS_OFFERED);
	if (log_allow(&set->limit_calls, s->since, &suppressed))
		log_info("call-offer", SESSION_LOG " line=%s serial=%u assignment=%s suppressed=%u",
			 SESSION_LOG_ARGS(s, peer), s->real->name, s->serial,
			 log_quote(assignment, sizeof assignment, s->real->assignment, strlen(s->real->assignment)),
			 suppressed);
	session_set_deadline(s, SESSION_DL_DIAL, mono_add_ms(s->since, s->conf->timers.reply_ms));
	session_event(s, &ring);
	return session_find(set, id) ? id : 0;
}

void session_offer_withdraw(struct session *s, bool late)
{
	static const struct call_event withdraw = { .type = CALL_EV_WITHDRAW };
	char peer[ENDPOINT_TEXT];
	unsigned suppressed;

	if (s->call.state == CALL_WAIT_REPLY)
		session_ending(s, LINE_NO_PNS, RADIUS_CAUSE_LOST_SERVICE);
	if (s->call.state == CALL_WAIT_REPLY && late) {
		owe(s);
		stats_add(STATS_CALLS_WITHDRAWN);
		session_acct_link(s, RADIUS_ACCT_LINK_REJECT);
		if (log_allow(&s->set->limit_refused, mono_now(), &suppressed))
			log_warn("call-withdrawn",
				 SESSION_LOG " line=%s hint=\"no answer in pns.offer_timeout\" suppressed=%u",
				 SESSION_LOG_ARGS(s, peer), s->real->name, suppressed);
	}
	session_event(s, &withdraw);
}

/* --- the PNS's answer --- */

static struct session *find_offer(struct conn *c, uint16_t call_id)
{
	list_each(at, conn_calls(c)) {
		struct session *s = list_entry(at, struct session, conn_link);

		if (s->call_id == call_id && s->incoming)
			return s;
	}
	return NULL;
}

static void on_accepted(struct session *s, const struct msg_icrp *m)
{
	struct call_event ev = { .type = CALL_EV_ICRP, .result = ICRP_CONNECT };

	if (session_find_pns(s->set, s->conn, m->call_id)) {
		ev.type = CALL_EV_ICRP_BAD; /* CALL-IN-13 */
	} else if (session_take_pns_id(s, m->call_id) < 0) {
		ev = (struct call_event){ .type = CALL_EV_LINE_DOWN, .error = MSG_ERR_NO_RESOURCE };
	} else {
		s->peer_window = m->window;
		s->peer_delay = m->delay;
	}
	/* The line has bounds of its own for answering; this one is for a line that has none. */
	session_set_deadline(s, SESSION_DL_DIAL, mono_add_s(mono_now(), SESSION_LINE_MAX_S));
	session_event(s, &ev);
}

static void on_refused(struct session *s, const struct msg_icrp *m)
{
	const struct call_event ev = { .type = CALL_EV_ICRP, .result = m->result };
	char peer[ENDPOINT_TEXT];
	unsigned suppressed;

	session_ending(s, LINE_NO_PNS, RADIUS_CAUSE_LOST_SERVICE);
	session_acct_link(s, RADIUS_ACCT_LINK_REJECT);
	if (log_allow(&s->set->limit_refused, mono_now(), &suppressed))
		log_info("call-not-taken", SESSION_LOG " line=%s result=%u error=%u suppressed=%u",
			 SESSION_LOG_ARGS(s, peer), s->real->name, m->result, m->error, suppressed);
	session_event(s, &ev);
}

void session_offer_icrp(struct sessions *set, struct conn *c, const struct msg_icrp *m)
{
	struct session *s = find_offer(c, m->peer_call_id);

	paid(set, conn_id(c), m->peer_call_id);
	if (!s || s->call.state != CALL_WAIT_REPLY) /* CALL-IN-12 */
		stats_add(STATS_MESSAGES_IGNORED);
	else if (m->result == ICRP_CONNECT)
		on_accepted(s, m);
	else
		on_refused(s, m);
}

/* --- messages --- */

/* CALL-IN-14: the fields take 64 octets, and so does struct line_ring. */
static uint16_t put_number(char field[MSG_TEXT], const char *number)
{
	size_t len = strlen(number);

	memcpy(field, number, len);
	return (uint16_t)len;
}

void session_offer_send_icrq(struct session *s, struct conn *c)
{
	struct msg m = { .type = MSG_ICRQ };

	if (!c)
		return;
	m.icrq.call_id = s->call_id;
	m.icrq.serial = s->serial;
	m.icrq.bearer = s->real->bearer;
	m.icrq.channel = s->real->channel;
	m.icrq.dialed_len = put_number(m.icrq.dialed, s->real->called);
	m.icrq.dialing_len = put_number(m.icrq.dialing, s->real->calling);
	conn_send(c, &m);
}

void session_offer_send_iccn(struct session *s, struct conn *c, uint32_t speed)
{
	struct msg m = { .type = MSG_ICCN };

	s->connected = true;
	stats_add(STATS_CALLS_CONNECTED);
	session_acct_link(s, RADIUS_ACCT_LINK_START);
	session_real_begin(s);
	if (!c)
		return;
	m.iccn.peer_call_id = s->pns_id;
	m.iccn.speed = speed;
	m.iccn.window = s->real->window;
	m.iccn.delay = session_real_delay(s);
	m.iccn.framing = s->real->framing;
	conn_send(c, &m);
}
