/*
 * The set of control connections: who gets in, who is there, who has to go.
 *
 * Owns the tables and the list of the dead, which it frees when the callbacks of
 * a round are done.  Decides collisions with what we open ourselves (RFC 2637
 * section 3.1.3).  What happens on a connection is in conn.c, how we open one in
 * conns_open.c.
 *
 * A walk gives the state machines events, and callbacks may bury or open any
 * connection meanwhile: what is buried stays in its lists until it is freed, and
 * what is opened meanwhile is none of the walk's business.
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
		conn_free(list_entry(at, struct conn, grave));
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
	s->limit_fault = s->limit_ignored = s->limit_refused = s->limit_open = LOG_LIMIT(20, 60);
	s->limit_up = LOG_LIMIT(200, 1200);
	hash_init(&s->by_id);
	hash_init(&s->by_peer);
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
	hash_clear(&s->by_peer);
	free(s);
}

void conns_configure(struct conns *s, const struct conn_settings *settings)
{
	s->settings = *settings;
}

void conns_drain(struct conns *s, bool on)
{
	s->draining = on;
	list_each(at, &s->all) /* their timers end what bears no call */
		conn_arm(list_entry(at, struct conn, link));
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

struct conn *conns_add(struct conns *s, int fd, struct endpoint peer)
{
	struct conn *c = calloc(1, sizeof *c);

	if (!c || hash_insert(&s->by_id, &c->node, hash_u64(s->next_id)) < 0) {
		free(c);
		return NULL;
	}
	if (hash_insert(&s->by_peer, &c->peer_node, hash_u64(peer.addr)) < 0) {
		hash_remove(&s->by_id, &c->node);
		free(c);
		return NULL;
	}
	c->set = s;
	c->id = s->next_id++;
	c->fd = fd;
	c->peer = peer;
	c->since = c->last_in = mono_now();
	s->count++;
	list_append(&s->all, &c->link);
	list_init(&c->grave);
	list_init(&c->waiting);
	list_init(&c->calls);
	framer_init(&c->framer);
	return c;
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
	make_room(s);
	c = conns_add(s, fd, peer);
	if (!c) {
		peers_put(s->peers, peer.addr, PEERS_PENDING);
		peers_put(s->peers, peer.addr, PEERS_CONNECTIONS);
		refuse(s, fd, peer, "memory");
		return;
	}
	c->local = local;
	c->pending = true;
	s->npending++;
	list_append(&s->waiting, &c->waiting);
	ctrl_init(&c->ctrl, false, &s->settings.timers, &s->settings.self, c->since);
	conn_start(c);
}

void conns_stop(struct conns *s, enum stop_reason reason)
{
	uint64_t end = s->next_id;

	list_each(at, &s->all) {
		struct conn *c = list_entry(at, struct conn, link);
		struct ctrl_event ev = { .type = CTRL_EV_STOP, .reason = reason };

		if (!c->closing && c->id < end)
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

		if (!c->buried)
			each(arg, &v);
	}
}

/* --- what there is with one peer --- */

/* The first that lives of those with this address, from this node on. */
static struct conn *peer_from(struct hash_node *node, uint32_t addr)
{
	for (; node; node = hash_next(node)) {
		struct conn *c = hash_entry(node, struct conn, peer_node);

		if (c->peer.addr == addr && !c->closing && !c->buried)
			return c;
	}
	return NULL;
}

static struct conn *peer_first(const struct conns *s, uint32_t addr)
{
	return peer_from(hash_first(&s->by_peer, hash_u64(addr)), addr);
}

static struct conn *peer_next(const struct conn *c)
{
	return peer_from(hash_next(&c->peer_node), c->peer.addr);
}

static bool is_opened_by_us(const struct conn *c)
{
	return c->ctrl.originator && (c->ctrl.state == CTRL_IDLE || c->ctrl.state == CTRL_WAIT_CTL_REPLY);
}

struct conn *conns_find_peer(struct conns *s, struct endpoint peer, uint32_t local_addr, bool theirs)
{
	struct conn *opening = NULL;

	for (struct conn *c = peer_first(s, peer.addr); c; c = peer_next(c)) {
		/* Of one that the peer opened the port says nothing. */
		bool wanted = c->ctrl.originator ? c->peer.port == peer.port : theirs;

		if (!wanted || (local_addr && c->local.addr != local_addr))
			continue;
		if (c->ctrl.state == CTRL_ESTABLISHED)
			return c;
		if (is_opened_by_us(c))
			opening = c;
	}
	return opening;
}

static struct conn *first_established(struct conns *s, uint32_t addr, uint64_t end)
{
	for (struct conn *c = peer_first(s, addr); c; c = peer_next(c))
		if (c->ctrl.state == CTRL_ESTABLISHED && c->id < end)
			return c;
	return NULL;
}

/*
 * CC-08: whether the peer has a connection that counts.  One without calls does not: a peer that was restarted would
 * be locked out until the echo of its old one is overdue.
 */
static bool peer_has_another(struct conns *s, uint32_t addr)
{
	struct ctrl_event ev = { .type = CTRL_EV_STOP, .reason = STOP_NONE };
	uint64_t end = s->next_id;
	struct conn *other;

	while ((other = first_established(s, addr, end)) != NULL) {
		if (other->ncalls)
			return true;
		conn_step(other, &ev);
	}
	return false;
}

/*
 * Those of ours to this peer that have no answer yet, and would give way; `requested`: only with an SCCRQ out (COL-01).
 * Others are not in a collision, whatever comes from that address: behind one address there may be many (CC-08).
 */
static struct conn *first_opened(struct conns *s, uint32_t addr, bool requested, uint64_t end)
{
	for (struct conn *c = peer_first(s, addr); c; c = peer_next(c))
		if (c->yields && is_opened_by_us(c) && (!requested || c->ctrl.state == CTRL_WAIT_CTL_REPLY) && c->id < end)
			return c;
	return NULL;
}

/* COL-03. */
static void give_up_opened(struct conns *s, uint32_t addr)
{
	struct ctrl_event ev = { .type = CTRL_EV_STOP, .admit = CTRL_ADMIT_COLLISION };
	uint64_t end = s->next_id;
	struct conn *ours;

	while ((ours = first_opened(s, addr, false, end)) != NULL)
		conn_step(ours, &ev);
}

/* COL: what its SCCRQ means for those that we are opening to the same peer, and what they mean for it. */
static enum ctrl_admit admit_beside_ours(struct conn *c)
{
	struct conns *s = c->set;
	uint32_t addr = c->peer.addr;

	if (!first_opened(s, addr, false, s->next_id))
		return CTRL_ADMIT;
	if (c->local.addr == addr) /* COL-05: nobody could win */
		return s->settings.one_per_peer ? CTRL_ADMIT_EXISTS : CTRL_ADMIT;
	if (first_opened(s, addr, true, s->next_id) && ctrl_collision_won(c->local.addr, addr))
		return CTRL_ADMIT_COLLISION;
	/* Lost; or TCP of ours is not open, and no SCCRQ of ours is there to collide with. */
	give_up_opened(s, addr);
	return CTRL_ADMIT;
}

enum ctrl_admit conns_admit(struct conn *c)
{
	struct conns *s = c->set;

	if (s->draining)
		return CTRL_ADMIT_NO_RESOURCE;
	if (s->settings.one_per_peer && peer_has_another(s, c->peer.addr))
		return CTRL_ADMIT_EXISTS;
	return admit_beside_ours(c);
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
