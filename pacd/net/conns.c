/*
 * The set of control connections: who gets in, who is there, who has to go.
 *
 * Owns the table and the list of the dead, which it frees when the callbacks of
 * a round are done.  What happens on a connection is in conn.c.
 */
#include "pacd/net/conn_internal.h"

#include "pacd/stats.h"

#include <stdlib.h>
#include <unistd.h>

static void reap(struct ev_loop *loop, struct ev_prepare *w, int revents)
{
	struct conns *s = w->data;

	(void)loop;
	(void)revents;
	list_each(at, &s->dead)
		conn_free(list_entry(at, struct conn, link));
}

struct conns *conns_new(struct ev_loop *loop, const struct conn_handlers *handlers, void *ctx, struct peers *peers)
{
	struct conns *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->loop = loop;
	s->handlers = handlers;
	s->ctx = ctx;
	s->peers = peers;
	s->next_id = 1;
	s->limit_fault = s->limit_ignored = s->limit_refused = LOG_LIMIT(20, 60);
	s->limit_up = LOG_LIMIT(200, 1200);
	hash_init(&s->by_id);
	list_init(&s->all);
	list_init(&s->dead);
	list_init(&s->waiting);
	ev_prepare_init(&s->reaper, reap);
	s->reaper.data = s;
	ev_prepare_start(loop, &s->reaper);
	ev_unref(loop);
	return s;
}

void conns_free(struct conns *s)
{
	if (!s)
		return;
	list_each(at, &s->all)
		conn_bury(list_entry(at, struct conn, link));
	reap(s->loop, &s->reaper, 0);
	ev_ref(s->loop);
	ev_prepare_stop(s->loop, &s->reaper);
	hash_clear(&s->by_id);
	free(s);
}

void conns_configure(struct conns *s, const struct conn_settings *settings)
{
	s->settings = *settings;
}

void conns_drain(struct conns *s, bool on)
{
	s->draining = on;
}

/* The limits that are looked at before a word is exchanged (CC-05); the reason, or NULL. */
static const char *over_limit(struct conns *s, struct endpoint peer)
{
	if (s->settings.connections && s->count >= s->settings.connections)
		return "limits.connections";
	if (!peers_take(s->peers, peer.addr, PEERS_CONNECTIONS, s->settings.connections_per_peer))
		return "limits.connections_per_peer";
	if (peers_take(s->peers, peer.addr, PEERS_PENDING, s->settings.pending_per_peer))
		return NULL;
	peers_put(s->peers, peer.addr, PEERS_CONNECTIONS);
	return "limits.pending_per_peer";
}

/* Silent connections must not lock others out: a real peer is established long before it is the oldest. */
static void make_room(struct conns *s)
{
	struct ctrl_event ev = { .type = CTRL_EV_STOP, .reason = STOP_NONE };

	if (!s->settings.pending || s->npending < s->settings.pending)
		return;
	stats_add(STATS_CONNECTIONS_LIMITED);
	conn_step(list_entry(s->waiting.next, struct conn, waiting), &ev);
}

static void refuse(struct conns *s, int fd, struct endpoint peer, const char *limit)
{
	char text[ENDPOINT_TEXT];
	unsigned suppressed;

	stats_add(STATS_CONNECTIONS_LIMITED);
	if (log_allow(&s->limit_refused, mono_now(), &suppressed))
		log_warn("connection-refused", "peer=%s limit=%s suppressed=%u", endpoint_text(peer, text), limit,
			 suppressed);
	close(fd);
}

void conns_accept(struct conns *s, int fd, struct endpoint peer, struct endpoint local)
{
	const char *limit = over_limit(s, peer);
	struct conn *c;

	stats_add(STATS_CONNECTIONS_ACCEPTED);
	if (limit) {
		refuse(s, fd, peer, limit);
		return;
	}
	c = calloc(1, sizeof *c);
	if (!c || hash_insert(&s->by_id, &c->node, hash_u64(s->next_id)) < 0) {
		peers_put(s->peers, peer.addr, PEERS_PENDING);
		peers_put(s->peers, peer.addr, PEERS_CONNECTIONS);
		free(c);
		refuse(s, fd, peer, "memory");
		return;
	}
	c->set = s;
	c->id = s->next_id++;
	c->fd = fd;
	c->peer = peer;
	c->local = local;
	c->since = c->last_in = mono_now();
	make_room(s);
	c->pending = true;
	s->npending++;
	list_append(&s->waiting, &c->waiting);
	s->count++;
	list_append(&s->all, &c->link);
	list_init(&c->calls);
	framer_init(&c->framer);
	ctrl_init(&c->ctrl, false, &s->settings.timers, &s->settings.self, c->since);
	conn_start(c);
}

void conns_stop(struct conns *s, enum stop_reason reason)
{
	list_each(at, &s->all) {
		struct conn *c = list_entry(at, struct conn, link);
		struct ctrl_event ev = { .type = CTRL_EV_STOP, .reason = reason };

		if (!c->closing)
			conn_step(c, &ev);
	}
}

unsigned conns_count(const struct conns *s)
{
	return s->count;
}

unsigned conns_established(const struct conns *s)
{
	return s->nestablished;
}

void conns_each(struct conns *s, void (*each)(void *arg, const struct conn_view *v), void *arg)
{
	list_each(at, &s->all) {
		const struct conn *c = list_entry(at, struct conn, link);
		struct conn_view v = {
			.id = c->id, .peer = c->peer, .local = c->local,
			.state = c->closing ? "closing" : ctrl_state_word(c->ctrl.state),
			.host = c->ctrl.peer.host, .vendor = c->ctrl.peer.vendor, .calls = c->ncalls,
			.originator = c->ctrl.originator, .since = c->since, .last_in = c->last_in,
			.messages_in = c->messages_in, .messages_out = c->messages_out,
		};

		each(arg, &v);
	}
}

/*
 * CC-08: whether the peer has a connection that counts.  One without calls does not: a peer that was restarted would
 * be locked out until the echo of its old one is overdue.
 */
static bool peer_has_another(struct conns *s, const struct conn *c)
{
	struct ctrl_event ev = { .type = CTRL_EV_STOP, .reason = STOP_NONE };

	if (peers_count(s->peers, c->peer.addr, PEERS_CONNECTIONS) < 2)
		return false;
	list_each(at, &s->all) {
		struct conn *other = list_entry(at, struct conn, link);

		if (other == c || other->closing || other->peer.addr != c->peer.addr ||
		    other->ctrl.state != CTRL_ESTABLISHED)
			continue;
		if (other->ncalls)
			return true;
		conn_step(other, &ev);
	}
	return false;
}

enum ctrl_admit conns_admit(struct conn *c)
{
	struct conns *s = c->set;

	if (s->draining)
		return CTRL_ADMIT_NO_RESOURCE;
	if (s->settings.one_per_peer && peer_has_another(s, c))
		return CTRL_ADMIT_EXISTS;
	return CTRL_ADMIT;
}

struct conn *conn_find(struct conns *s, uint64_t id)
{
	struct hash_node *node = hash_first(&s->by_id, hash_u64(id));

	for (; node; node = hash_next(node)) {
		struct conn *c = hash_entry(node, struct conn, node);

		if (c->id == id)
			return c;
	}
	return NULL;
}
