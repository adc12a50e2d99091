/*
 * The call's side of a session: admission of an Outgoing-Call-Request, messages
 * in and out, and the actions of the call state machine (RFC 2637 sections 2.7
 * to 2.15 and 3.2.4.1).
 */
#include "pacd/session_internal.h"

#include "common/log.h"
#include "common/random.h"
#include "pacd/stats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ENDING_SPARE 16 /* so that a small max_channels is no smaller while pppds end */

#define LINES_SPARE 16 /* as in the root part */

/* --- Outgoing-Call-Request --- */

/* Why a request is not admitted. */
struct refusal {
	enum msg_general_error error; /* MSG_ERR_NONE: admitted */
	const char *why;
	enum stats_counter counter;
};

/* One that we have opened a connection to, or that is configured as a PNS: it has a pool of lines, not a user. */
static bool is_pns(const struct sessions *set, const struct conn *c)
{
	return conn_is_originator(c) || conf_pns_known(set->conf, conn_peer(c).addr);
}

/* One for the call and one for its line, of which as many again as calls are allowed may be ending. */
static bool take_places(struct sessions *set, uint32_t addr, unsigned limit)
{

	if (!peers_take(set->rooms.peers, addr, PEERS_CALLS, limit))
		return false;
	if (peers_take(set->rooms.peers, addr, PEERS_LINES, limit ? 2 * limit + ENDING_SPARE : 0))
		return true;
	peers_put(set->rooms.peers, addr, PEERS_CALLS);
	return false;
}

static struct refusal judge(struct sessions *set, struct conn *c, const struct msg_ocrq *m)
{
	const struct conf *conf = set->conf;

	if (call_check_ocrq(m) != MSG_ERR_NONE)
		return (struct refusal){ MSG_ERR_BAD_VALUE, "bad-value", STATS_CALLS_REFUSED_VALUE };
	if (session_find_pns(set, conn_id(c), m->call_id))
		return (struct refusal){ MSG_ERR_BAD_CALL_ID, "call-id-in-use", STATS_CALLS_REFUSED_VALUE };
	if (set->draining)
		return (struct refusal){ MSG_ERR_NO_RESOURCE, "draining", STATS_CALLS_REFUSED_DRAIN };
	if (set->channels >= conf->max_channels)
		return (struct refusal){ MSG_ERR_NO_RESOURCE, "max_channels", STATS_CALLS_REFUSED_CHANNELS };
	/* Calls that are over may still have a pppd that runs its scripts; the root part bounds these likewise. */
	if (set->count >= 2 * conf->max_channels + ENDING_SPARE)
		return (struct refusal){ MSG_ERR_NO_RESOURCE, "calls-ending", STATS_CALLS_REFUSED_CHANNELS };
	if (!peers_rate(set->rooms.peers, conn_peer(c).addr, conf->limits.call_rate_per_peer, mono_now()))
		return (struct refusal){ MSG_ERR_NO_RESOURCE, "limits.call_rate_per_peer", STATS_CALLS_REFUSED_LIMIT };
	if (!is_pns(set, c) && conf->limits.calls_per_connection && conn_ncalls(c) >= conf->limits.calls_per_connection)
		return (struct refusal){ MSG_ERR_NO_RESOURCE, "limits.calls_per_connection", STATS_CALLS_REFUSED_LIMIT };
	if (!take_places(set, conn_peer(c).addr, is_pns(set, c) ? 0 : conf->limits.calls_per_peer))
		return (struct refusal){ MSG_ERR_NO_RESOURCE, "limits.calls_per_peer", STATS_CALLS_REFUSED_LIMIT };
	return (struct refusal){ MSG_ERR_NONE, NULL, STATS_CALLS_REQUESTED };
}

/* Refusing must be cheap: the PNS does not track our channels and will ask again (CALL-04). */
static void refuse(struct sessions *set, struct conn *c, const struct msg_ocrq *m, const struct refusal *r)
{
	struct msg reply = { .type = MSG_OCRP };
	char peer[ENDPOINT_TEXT];
	unsigned suppressed;

	reply.ocrp.peer_call_id = m->call_id;
	reply.ocrp.result = OCRP_ERROR;
	reply.ocrp.error = (uint8_t)r->error;
	conn_send(c, &reply);
	stats_add(r->counter);
	if (log_allow(&set->limit_refused, mono_now(), &suppressed))
		log_warn("call-refused", "conn=%llu peer=%s pns_call=%u reason=%s suppressed=%u",
			 (unsigned long long)conn_id(c), endpoint_text(conn_peer(c), peer), m->call_id, r->why,
			 suppressed);
}

/* An id is there: max_channels is below their number. */
void session_call_claim(struct session *s, struct conn *c)
{
	struct sessions *set = s->set;

	s->call_id = callid_take(&set->callids, random_u32(), mono_now());
	set->channels++;
	list_append(conn_calls(c), &s->conn_link);
	conn_calls_changed(c, 1);
}

/* NULL without memory. */
static struct session *request_new(struct sessions *set, struct conn *c, const struct msg_ocrq *m)
{
	struct session *s = session_new(set, c);

	if (!s || session_take_pns_id(s, m->call_id) < 0) {
		if (s)
			session_discard(s);
		else
			peers_put(set->rooms.peers, conn_peer(c).addr, PEERS_LINES);
		peers_put(set->rooms.peers, conn_peer(c).addr, PEERS_CALLS);
		return NULL;
	}
	s->ocrq = *m;
	/* MSG-16: what stands behind the length is no part of the number; who reads it as a text sees its end. */
	memset(s->ocrq.number + m->number_len, 0, sizeof s->ocrq.number - m->number_len);
	s->serial = m->serial;
	s->peer_window = m->window;
	s->peer_delay = m->delay;
	return s;
}

/* By dial plan, the number that it has; a number that no line can be given is a bad value of the request. */
static void begin_request(struct session *s)
{
	static const struct call_event admitted = { .type = CALL_EV_OCRQ };
	struct call_event bad = { .type = CALL_EV_OCRQ_BAD, .result = OCRP_ERROR };
	int r = session_real_choose(s);

	if (r == 0) {
		session_event(s, &admitted);
		return;
	}
	bad.error = r == -EINVAL ? MSG_ERR_BAD_VALUE : MSG_ERR_NO_RESOURCE;
	session_ending(s, LINE_FAULT, RADIUS_CAUSE_NONE);
	session_event(s, &bad);
}

static void on_ocrq(struct sessions *set, struct conn *c, const struct msg_ocrq *m)
{
	static const struct refusal no_memory = { MSG_ERR_NO_RESOURCE, "memory", STATS_CALLS_REFUSED_LIMIT };
	struct refusal r = judge(set, c, m);
	struct session *s;
	unsigned suppressed;
	char peer[ENDPOINT_TEXT];

	stats_add(STATS_CALLS_REQUESTED);
	if (r.error != MSG_ERR_NONE) {
		refuse(set, c, m, &r);
		return;
	}
	s = request_new(set, c, m);
	if (!s) {
		refuse(set, c, m, &no_memory);
		return;
	}
	session_call_claim(s, c);
	conn_reply_due(c);
	if (log_allow(&set->limit_calls, s->since, &suppressed))
		log_info("call-request", SESSION_LOG " conn=%llu pns_call=%u serial=%u window=%u suppressed=%u",
			 SESSION_LOG_ARGS(s, peer), (unsigned long long)s->conn, m->call_id, m->serial, m->window,
			 suppressed);
	session_acct_describe(s);
	session_tunnel_hold(s);
	session_set_deadline(s, SESSION_DL_DIAL, mono_add_ms(s->since, s->conf->dial_ms));
	begin_request(s);
}

/* --- other messages of the PNS --- */

static void on_ccrq(struct sessions *set, struct conn *c, const struct msg_ccrq *m)
{
	static const struct call_event clear = { .type = CALL_EV_CCRQ };
	struct session *s = session_find_pns(set, conn_id(c), m->call_id);

	if (!s) { /* CALL-OUT-13: no call, nothing to notify */
		stats_add(STATS_MESSAGES_IGNORED);
		return;
	}
	session_ending(s, LINE_PEER_CLEAR, s->incoming ? RADIUS_CAUSE_HOST_REQUEST : RADIUS_CAUSE_NONE);
	if (s->call.state == CALL_WAIT_CS_ANS)
		conn_reply_done(c); /* the CDN takes the OCRP's place */
	session_event(s, &clear);
}

/* CALL-20: recorded and shown; a real line follows it, the async map of a pppd line is pppd's own business. */
static void on_sli(struct sessions *set, struct conn *c, const struct msg_sli *m)
{
	static const struct call_event sli = { .type = CALL_EV_SLI };

	list_each(at, conn_calls(c)) {
		struct session *s = list_entry(at, struct session, conn_link);

		if (s->call_id != m->peer_call_id)
			continue;
		s->send_accm = m->send_accm;
		s->receive_accm = m->receive_accm;
		session_event(s, &sli);
		return;
	}
	(void)set;
	stats_add(STATS_MESSAGES_IGNORED);
}

void session_call_message(void *ctx, struct conn *c, const struct msg *m)
{
	struct sessions *set = ctx;

	switch (m->type) {
	case MSG_OCRQ:
		on_ocrq(set, c, &m->ocrq);
		break;
	case MSG_CCRQ:
		on_ccrq(set, c, &m->ccrq);
		break;
	case MSG_SLI:
		on_sli(set, c, &m->sli);
		break;
	case MSG_ICRP:
		session_offer_icrp(set, c, &m->icrp);
		break;
	default:
		stats_add(STATS_MESSAGES_IGNORED);
		break;
	}
}

/* --- actions --- */

static void send_ocrp(struct session *s, struct conn *c, const struct call_action *a)
{
	struct msg m = { .type = MSG_OCRP };
	const struct conf *conf = s->conf;
	bool ok = a->result == OCRP_CONNECTED;

	m.ocrp.call_id = ok ? s->call_id : 0;
	m.ocrp.peer_call_id = s->pns_id;
	m.ocrp.result = a->result;
	m.ocrp.error = a->error;
	m.ocrp.cause = a->cause;
	m.ocrp.speed = ok ? call_speed(&s->ocrq, conf->speed) : 0;
	m.ocrp.window = (uint16_t)conf->window;
	m.ocrp.channel = (uint32_t)s->id;
	if (ok && s->real) { /* what it is, also where that is not what was asked for */
		m.ocrp.speed = s->real->speed;
		m.ocrp.window = s->real->window;
		m.ocrp.delay = session_real_delay(s);
		m.ocrp.channel = s->real->channel;
	}
	s->connected = ok;
	session_acct_link(s, ok ? RADIUS_ACCT_LINK_START : RADIUS_ACCT_LINK_REJECT);
	if (ok && s->real)
		session_real_begin(s);
	stats_add(ok ? STATS_CALLS_CONNECTED : STATS_CALLS_FAILED);
	if (!c)
		return;
	conn_send(c, &m);
	conn_reply_done(c);
}

static void stats_now(struct session *s, struct datapath_stats *st)
{
	struct datapath *d = s->set->rooms.datapath;

	*st = s->final;
	if (s->data_on)
		d->ops->stats(d, s->call_id, st);
}

/* Section 2.13: Call Statistics, vendor-specific text. */
static void send_cdn(struct session *s, struct conn *c, const struct call_action *a)
{
	struct msg m = { .type = MSG_CDN };
	struct datapath_stats st;

	if (!c)
		return;
	stats_now(s, &st);
	m.cdn.call_id = s->call_id;
	m.cdn.result = a->result;
	m.cdn.error = a->error;
	m.cdn.cause = a->cause;
	snprintf(m.cdn.statistics, sizeof m.cdn.statistics,
		 "seconds=%lld rx=%" PRIu64 "/%" PRIu64 " tx=%" PRIu64 "/%" PRIu64 " lost=%" PRIu64 " dup=%" PRIu64,
		 (long long)(mono_diff_us(mono_now(), s->since) / 1000000), st.rx_packets, st.rx_octets,
		 st.tx_packets, st.tx_octets, st.rx_lost, st.rx_duplicate);
	conn_send(c, &m);
}

void session_call_dial(struct session *s)
{
	struct line_dial d = { .peer_addr = s->peer.addr, .bearer = s->ocrq.bearer, .framing = s->ocrq.framing,
			       .number = s->real ? s->real->number : "", .group = s->real ? s->real->group : NULL };
	int r = s->line_ops->dial(s->lines, s->id, &d);
	struct call_event failed = { .type = CALL_EV_LINE_FAILED, .result = OCRP_ERROR, .error = MSG_ERR_NO_RESOURCE };

	s->line_over = r < 0;
	if (r == 0 && s->real) /* it has a bound of its own */
		session_set_deadline(s, SESSION_DL_DIAL, mono_add_s(mono_now(), SESSION_LINE_MAX_S));
	if (r < 0) {
		session_ending(s, LINE_FAULT, RADIUS_CAUSE_NONE);
		session_event(s, &failed);
	}
}

/* The line of a ring becomes the session's; a caller who has given up meanwhile is a line that failed. */
static void answer(struct session *s)
{
	static const struct call_event failed = { .type = CALL_EV_LINE_FAILED };

	if (session_ring_answer(s) == 0)
		return;
	session_ending(s, LINE_CARRIER, RADIUS_CAUSE_LOST_CARRIER);
	session_event(s, &failed);
}

/* While it rings, the line is the ring's: the next PNS may have it. */
static void hang_up(struct session *s)
{
	if (!s->real || !s->real->ring)
		s->line_ops->hangup(s->lines, s->id, s->reason);
}

static void stop_data(struct session *s)
{
	struct datapath *d = s->set->rooms.datapath;

	if (!s->data_on)
		return;
	d->ops->detach(d, s->call_id, &s->final);
	s->data_on = false;
}

static void log_end(struct session *s)
{
	char peer[ENDPOINT_TEXT], user[LOG_QUOTED(PLUGIN_NAME_MAX)];
	const struct datapath_stats *st = &s->final;
	unsigned suppressed = 0;

	/* Calls of users are told of always, those that come and go without a login only at a rate. */
	if (!s->known && !(s->real && s->connected) && !log_allow(&s->set->limit_calls, mono_now(), &suppressed))
		return;
	log_info("call-down",
		 SESSION_LOG "%s%s user=%s reason=%s seconds=%lld rx_packets=%" PRIu64 " rx_octets=%" PRIu64
		 " tx_packets=%" PRIu64 " tx_octets=%" PRIu64 " lost=%" PRIu64,
		 SESSION_LOG_ARGS(s, peer), s->real ? " line=" : "", s->real ? s->real->name : "",
		 log_quote(user, sizeof user, s->user, s->user_len), line_reason_word(s->reason),
		 (long long)(mono_diff_us(mono_now(), s->since) / 1000000),
		 st->rx_packets, st->rx_octets, st->tx_packets, st->tx_octets, st->rx_lost);
}

/* The channel, the id and the limits are free at once; line and lease live on until pppd is gone. */
static void end_call(struct session *s, struct conn *c)
{
	struct sessions *set = s->set;

	if (s->call_over)
		return;
	stop_data(s);
	session_acct_count(s);
	s->call_seconds = (uint32_t)(mono_diff_us(mono_now(), s->since) / 1000000);
	session_login_drop(s);
	s->call_over = true;
	set->channels--;
	callid_put(&set->callids, s->call_id, mono_add_s(mono_now(), s->conf->quarantine_s));
	if (!s->incoming)
		peers_put(set->rooms.peers, s->peer.addr, PEERS_CALLS);
	session_unlink_call(s);
	if (c)
		conn_calls_changed(c, -1);
	for (int i = 0; i < SESSION_DEADLINES; i++)
		s->deadlines[i] = MONO_NEVER;
	session_set_deadline(s, SESSION_DL_DIAL, MONO_NEVER);
	if (s->connected)
		stats_add(STATS_CALLS_ENDED);
	log_end(s);
	if (s->real && s->real->ring)
		session_ring_offer_ended(s);
}

/* TIM-05; but calls that live on it show that it works: then it is the one call that has failed. */
static void suspect(struct session *s, struct conn *c)
{
	static const struct call_action withdrawn = { .type = CALL_ACT_SEND_CDN, .result = CDN_ADMIN };

	if (c && conn_ncalls(c) <= 1)
		conn_suspect(c);
	else
		send_cdn(s, c, &withdrawn);
}

void session_call_act(struct session *s, const struct call_action *a)
{
	struct sessions *set = s->set;
	struct conn *c = conn_find(set->rooms.conns, s->conn);

	switch (a->type) {
	case CALL_ACT_DIAL:
		if (!session_check_start(s))
			session_call_dial(s);
		break;
	case CALL_ACT_HANGUP:
		hang_up(s);
		break;
	case CALL_ACT_SEND_OCRP:
		send_ocrp(s, c, a);
		break;
	case CALL_ACT_SEND_CDN:
		send_cdn(s, c, a);
		break;
	case CALL_ACT_STOP_DATA:
		stop_data(s);
		break;
	case CALL_ACT_END:
		end_call(s, c);
		break;
	case CALL_ACT_SUSPECT:
		suspect(s, c);
		break;
	case CALL_ACT_SET_ACCM:
		session_real_set_link(s);
		break;
	case CALL_ACT_ANSWER:
		answer(s);
		break;
	case CALL_ACT_SEND_ICRQ:
		session_offer_send_icrq(s, c);
		break;
	case CALL_ACT_SEND_ICCN:
		session_offer_send_iccn(s, c, s->real->speed);
		break;
	}
}

void session_call_no_gre(struct session *s)
{
	struct datapath_stats st;
	char peer[ENDPOINT_TEXT];

	stats_now(s, &st);
	if (mono_is_set(st.last_rx))
		return;
	log_warn("no-gre", SESSION_LOG " hint=\"no GRE came in 5 s: protocol 47 blocked, or a NAT without PPTP helper?\"",
		 SESSION_LOG_ARGS(s, peer));
}
