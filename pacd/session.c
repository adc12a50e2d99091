/*
 * Sessions: their life, their timer, and the tables that find them.
 *
 * Owns every session.  The call's messages are in session_call.c, what lines tell
 * in session_line.c, the user's login and limits in session_user.c.
 */
#include "pacd/session_internal.h"

#include "common/log.h"
#include "common/random.h"
#include "pacd/line/ifstats.h"
#include "pacd/stats.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct session *session_find(struct sessions *set, uint64_t id)
{
	struct hash_node *node = hash_first(&set->by_id, hash_u64(id));

	for (; node; node = hash_next(node)) {
		struct session *s = hash_entry(node, struct session, by_id);

		if (s->id == id)
			return s;
	}
	return NULL;
}

/* --- the timer --- */

static void timer_arm(struct session *s)
{
	struct mono at = MONO_NEVER;
	int64_t wait_us;

	for (int i = 0; i < SESSION_DEADLINES; i++)
		at = mono_earlier(at, s->deadlines[i]);
	if (!mono_is_set(at)) {
		ev_timer_stop(s->set->rooms.loop, &s->timer);
		return;
	}
	wait_us = mono_diff_us(at, mono_now());
	s->timer.repeat = wait_us > 1000 ? (double)wait_us / 1e6 : 0.001;
	ev_timer_again(s->set->rooms.loop, &s->timer);
}

void session_set_deadline(struct session *s, enum session_deadline d, struct mono at)
{
	s->deadlines[d] = at;
	timer_arm(s);
}

/* A pppd that has closed its pty is about to end; one that then does not has no link for the caller all the same. */
static void on_closed_for_long(struct session *s)
{
	static const struct call_event down = { .type = CALL_EV_LINE_DOWN };

	session_ending(s, LINE_USER, RADIUS_CAUSE_NAS_ERROR);
	session_event(s, &down);
}

static void on_deadline(struct session *s, enum session_deadline d)
{
	static const struct call_event time_out = { .type = CALL_EV_TIME_OUT };

	switch (d) {
	case SESSION_DL_DIAL:
		session_ending(s, LINE_FAULT, RADIUS_CAUSE_NONE);
		session_event(s, &time_out);
		break;
	case SESSION_DL_NO_GRE:
		session_call_no_gre(s);
		break;
	case SESSION_DL_LOGIN:
		session_end(s, LINE_LOGIN_TIMEOUT);
		break;
	case SESSION_DL_CLOSED:
		on_closed_for_long(s);
		break;
	case SESSION_DL_ANSWER:
		session_login_answer_due(s);
		break;
	case SESSION_DL_LIMIT:
		session_end(s, LINE_SESSION_TIMEOUT);
		break;
	case SESSION_DL_IDLE:
		session_user_idle_check(s);
		break;
	case SESSION_DL_INTERIM:
		session_acct_interim(s);
		break;
	case SESSION_DL_NOTE:
		session_acct_note(s);
		break;
	case SESSION_DL_WEN:
		session_real_errors_due(s);
		break;
	case SESSION_DEADLINES:
		break;
	}
}

static void on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct session *s = w->data;
	struct sessions *set = s->set;
	uint64_t id = s->id;
	struct mono now = mono_now();

	(void)loop;
	(void)revents;
	for (int i = 0; i < SESSION_DEADLINES; i++) {
		if (!mono_reached(s->deadlines[i], now))
			continue;
		s->deadlines[i] = MONO_NEVER;
		on_deadline(s, (enum session_deadline)i);
		if (session_find(set, id) != s)
			return;
	}
	timer_arm(s);
}

/* --- life --- */

static uint64_t pns_hash(uint64_t conn, uint16_t call_id)
{
	return hash_u64(conn << 16 | call_id);
}

struct session *session_find_pns(struct sessions *set, uint64_t conn, uint16_t pns_id)
{
	struct hash_node *node = hash_first(&set->by_pns, pns_hash(conn, pns_id));

	for (; node; node = hash_next(node)) {
		struct session *s = hash_entry(node, struct session, by_pns);

		if (s->conn == conn && s->pns_id == pns_id && !s->call_over)
			return s;
	}
	return NULL;
}

int session_take_pns_id(struct session *s, uint16_t id)
{
	int r = hash_insert(&s->set->by_pns, &s->by_pns, pns_hash(s->conn, id));

	if (r < 0)
		return r;
	s->pns_id = id;
	s->has_pns_id = true;
	return 0;
}

struct session *session_new(struct sessions *set, struct conn *c)
{
	struct session *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->set = set;
	s->id = set->next_id;
	s->conn = conn_id(c);
	s->send_accm = s->receive_accm = UINT32_MAX;
	s->line_ops = set->rooms.line_ops;
	s->lines = set->rooms.lines;
	if (hash_insert(&set->by_id, &s->by_id, hash_u64(s->id)) < 0) {
		free(s);
		return NULL;
	}
	set->next_id++;
	set->count++;
	s->conf = conf_hold(set->conf);
	s->peer = conn_peer(c);
	s->local_addr = conn_local(c).addr;
	s->since = mono_now();
	s->started = (int64_t)time(NULL);
	s->line_over = true; /* until it is dialled */
	s->reason = LINE_USER;
	call_init(&s->call);
	ev_init(&s->timer, on_timer);
	s->timer.data = s;
	list_append(&set->all, &s->link);
	list_init(&s->conn_link);
	return s;
}

void session_unlink_call(struct session *s)
{
	if (s->has_pns_id)
		hash_remove(&s->set->by_pns, &s->by_pns);
	s->has_pns_id = false;
	list_remove(&s->conn_link);
}

/* The daemon ends and does not wait for its pppd: by a time-out of its own, or since the root part is gone. */
static void give_up(struct session *s)
{
	if (!s->call_over)
		session_acct_count(s);
	if (!s->ending)
		s->cause = RADIUS_CAUSE_NAS_ERROR;
	session_acct_stop(s);
}

void session_discard(struct session *s)
{
	struct sessions *set = s->set;

	ev_timer_stop(set->rooms.loop, &s->timer);
	session_user_release(s);
	hash_remove(&set->by_id, &s->by_id);
	session_unlink_call(s);
	list_remove(&s->link);
	peers_put(set->rooms.peers, s->peer.addr, s->incoming ? PEERS_OFFERED : PEERS_LINES);
	conf_free(s->conf);
	set->count--;
	free(s->real);
	explicit_bzero(s, sizeof *s);
	free(s);
}

static void session_free(struct session *s)
{
	give_up(s);
	session_acct_link(s, RADIUS_ACCT_LINK_STOP);
	session_tunnel_release(s);
	session_discard(s);
}

/* Steps the call; the session may be gone afterwards. */
void session_event(struct session *s, const struct call_event *ev)
{
	struct sessions *set = s->set;
	uint64_t id = s->id;
	struct call_actions actions;

	call_step(&s->call, ev, &actions);
	for (unsigned i = 0; i < actions.n; i++) {
		session_call_act(s, &actions.list[i]);
		if (session_find(set, id) != s)
			return;
	}
	if (s->call_over && s->line_over)
		session_free(s);
}

void session_ending(struct session *s, enum line_reason reason, enum radius_terminate_cause cause)
{
	if (!s->ending && s->reason != LINE_AUTH) {
		s->reason = reason;
		s->cause = cause;
	}
	s->ending = true;
}

void session_end(struct session *s, enum line_reason reason)
{
	static const struct call_event local = { .type = CALL_EV_LOCAL };

	if (!s->ending)
		s->reason = reason;
	s->ending = true;
	session_event(s, &local);
}

/* --- what connections and lines tell --- */

/*
 * Ledger section 7: of a call that the PNS has asked for, the caller is the PNS, so what it stops is the user's
 * request; to one who has dialled in, the PNS is the service.
 */
enum radius_terminate_cause session_close_cause(enum ctrl_close why, bool incoming)
{
	if (incoming && why != CTRL_CLOSE_STOPPED && why != CTRL_CLOSE_STOP_TIMEOUT && why != CTRL_CLOSE_FAULT)
		return RADIUS_CAUSE_LOST_SERVICE;
	switch (why) {
	case CTRL_CLOSE_PEER_STOP:
		return RADIUS_CAUSE_USER_REQUEST;
	case CTRL_CLOSE_STOPPED:
	case CTRL_CLOSE_STOP_TIMEOUT:
		return RADIUS_CAUSE_ADMIN_REBOOT;
	case CTRL_CLOSE_FAULT:
		return RADIUS_CAUSE_PORT_ERROR;
	default:
		return RADIUS_CAUSE_LOST_CARRIER;
	}
}

static void on_clear_calls(void *ctx, struct conn *c, enum ctrl_close why)
{
	static const struct call_event lost = { .type = CALL_EV_CTRL_LOST };

	(void)ctx;
	list_each(at, conn_calls(c)) {
		struct session *s = list_entry(at, struct session, conn_link);

		session_ending(s, LINE_PEER_LOST, session_close_cause(why, s->incoming));
		session_event(s, &lost);
	}
}

static void on_established(void *ctx, struct conn *c)
{
	session_tunnel_up(ctx, c);
	session_ring_conn_up(ctx, c);
}

static void on_closed(void *ctx, struct conn *c, enum ctrl_close why)
{
	session_tunnel_down(ctx, c, why);
	session_ring_conn_down(ctx, c, why);
}

const struct conn_handlers session_conn_handlers = {
	.call = session_call_message,
	.clear_calls = on_clear_calls,
	.established = on_established,
	.closed = on_closed,
};

/* --- the set --- */

struct sessions *sessions_new(const struct session_rooms *rooms)
{
	struct sessions *set = calloc(1, sizeof *set);

	if (!set)
		return NULL;
	set->rooms = *rooms;
	set->next_id = 1;
	set->netlink = ifstats_open();
	set->limit_refused = LOG_LIMIT(20, 60);
	set->limit_calls = LOG_LIMIT(200, 1200);
	list_init(&set->all);
	hash_init(&set->by_id);
	hash_init(&set->by_pns);
	hash_init(&set->by_user);
	hash_init(&set->tunnels);
	hash_init(&set->failing);
	list_init(&set->rings);
	list_init(&set->owed);
	ev_init(&set->owed_timer, NULL);
	set->serial = (uint16_t)random_u32();
	callid_init(&set->callids);
	return set;
}

void sessions_free(struct sessions *set)
{
	if (!set)
		return;
	session_ring_clear(set);
	list_each(at, &set->all)
		session_free(list_entry(at, struct session, link));
	session_offer_clear(set);
	session_pns_clear(set);
	session_tunnel_clear(set);
	hash_clear(&set->by_id);
	hash_clear(&set->by_pns);
	hash_clear(&set->by_user);
	if (set->netlink >= 0)
		close(set->netlink);
	free(set);
}

void sessions_configure(struct sessions *set, const struct conf *conf, const struct conf_users *users)
{
	set->conf = conf;
	set->users = users;
	aaa_nas(&set->nas, &conf->radius);
}

void sessions_drain(struct sessions *set, bool on)
{
	set->draining = on;
	if (on)
		sessions_end_rings(set);
}

/* The first one behind that id; they stand in the order of their ids. */
static struct session *session_behind(struct sessions *set, uint64_t id)
{
	list_each(at, &set->all) {
		struct session *s = list_entry(at, struct session, link);

		if (s->id > id)
			return s;
	}
	return NULL;
}

static uint64_t next_id(const struct session *s)
{
	const struct list *next = s->link.next;

	return next == &s->set->all ? 0 : list_entry(next, struct session, link)->id;
}

/*
 * Ending one may end, and free, others: where its peer does not read, all calls of its connection go.  So the walk
 * goes by ids, and looks for its place again where the next one is gone.
 */
unsigned session_end_each(struct sessions *set, bool (*chosen)(const struct session *s, const void *arg),
			  const void *arg, enum line_reason reason)
{
	struct session *s = session_behind(set, 0);
	unsigned n = 0;

	while (s) {
		uint64_t id = s->id, next = next_id(s);

		if (!s->call_over && (!chosen || chosen(s, arg))) {
			n++;
			session_end(s, reason);
		}
		s = next ? session_find(set, next) : NULL;
		if (!s)
			s = session_behind(set, id);
	}
	return n;
}

void sessions_end_all(struct sessions *set, enum line_reason reason)
{
	session_end_each(set, NULL, NULL, reason);
}

void sessions_give_up(struct sessions *set)
{
	list_each(at, &set->all)
		give_up(list_entry(at, struct session, link));
}

unsigned sessions_channels(const struct sessions *set)
{
	return set->channels;
}

unsigned sessions_count(const struct sessions *set)
{
	return set->count;
}
