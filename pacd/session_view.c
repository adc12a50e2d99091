/*
 * Sessions as the control socket shows them, and those that it ends.
 *
 * Only reads them, and ends them by session_end().
 */
#include "pacd/session_internal.h"

#include <string.h>

static const char *method_word(uint8_t method)
{
	return method ? session_login_method(method) : "";
}

static int64_t idle_seconds(const struct session *s)
{
	return s->idle_timeout && mono_is_set(s->idle_since) ? mono_diff_us(mono_now(), s->idle_since) / 1000000 : -1;
}

static void view_radius(const struct session *s, struct session_view *v)
{
	const struct session_service *g = s->service;

	v->session_id = s->radius.session_id;
	v->account = s->account;
	v->by = s->by;
	v->interim = s->started_acct ? session_acct_interval(s) : 0;
	if (!g)
		return;
	v->server = g->server;
	v->filter = g->filter;
	v->rate_limit = g->rate_limit;
	v->rate_up = g->rate_up;
	v->rate_down = g->rate_down;
	v->class_ = g->class_;
	v->class_len = g->class_len;
	v->interface_id = g->interface_id;
	session_service_routes(s, v->routes, sizeof v->routes);
	session_service_prefixes(g->prefixes, g->nprefixes, v->prefixes, sizeof v->prefixes);
	session_service_prefixes(g->delegated, g->ndelegated, v->delegated, sizeof v->delegated);
}

static void view_real(const struct session_real *r, struct session_view *v)
{
	v->line = r->name;
	v->group = r->group;
	v->calling = r->calling;
	v->called = r->called;
	v->speed = r->speed;
}

static void view_fill(struct session *s, struct session_view *v)
{
	const struct datapath *d = s->set->rooms.datapath;

	*v = (struct session_view){
		.id = s->id, .conn = s->conn, .call_id = s->call_id, .peer_call_id = s->pns_id,
		.serial = s->serial, .peer = s->peer, .local_addr = s->local_addr,
		.state = s->call_over ? "ending" : call_state_word(s->call.state), .phase = s->phase,
		.user = s->user, .user_len = s->user_len, .method = method_word(s->method), .pool = s->pool,
		.ifname = s->link_up.ifname, .datapath = d->ops->name, .address = s->address,
		.gateway = s->gateway, .mppe_bits = s->link_up.mppe_bits, .started = s->started,
		.since = s->since, .session_timeout = s->session_timeout, .idle_timeout = s->idle_timeout,
		.idle_s = idle_seconds(s), .pid = s->pid, .send_accm = s->send_accm,
		.receive_accm = s->receive_accm, .stats = s->final,
	};
	if (s->data_on)
		d->ops->stats(s->set->rooms.datapath, s->call_id, &v->stats);
	view_radius(s, v);
	if (s->real)
		view_real(s->real, v);
	v->incoming = s->incoming;
}

void sessions_each(struct sessions *set, void (*each)(void *arg, const struct session_view *v), void *arg)
{
	list_each(at, &set->all) {
		struct session_view v;

		view_fill(list_entry(at, struct session, link), &v);
		each(arg, &v);
	}
}

bool sessions_view(struct sessions *set, uint64_t id, struct session_view *v)
{
	struct session *s = session_find(set, id);

	if (s)
		view_fill(s, v);
	return s != NULL;
}

/* --- disconnects --- */

unsigned sessions_disconnect(struct sessions *set, uint64_t id)
{
	struct session *s = session_find(set, id);

	if (!s || s->call_over)
		return 0;
	session_end(s, LINE_ADMIN);
	return 1;
}

struct name {
	const void *octets;
	size_t len;
};

static bool has_name(const struct session *s, const void *arg)
{
	const struct name *n = arg;

	return (s->user_len == n->len && !memcmp(s->user, n->octets, n->len)) ||
	       (s->known && strlen(s->account) == n->len && !memcmp(s->account, n->octets, n->len));
}

unsigned sessions_disconnect_user(struct sessions *set, const void *name, size_t len)
{
	const struct name n = { name, len };

	return session_end_each(set, has_name, &n, LINE_ADMIN);
}

static bool has_peer(const struct session *s, const void *arg)
{
	return s->peer.addr == *(const uint32_t *)arg;
}

unsigned sessions_disconnect_peer(struct sessions *set, uint32_t addr)
{
	return session_end_each(set, has_peer, &addr, LINE_ADMIN);
}

static bool has_line(const struct session *s, const void *arg)
{
	return s->real && !strcmp(s->real->name, arg);
}

unsigned sessions_disconnect_line(struct sessions *set, const char *name)
{
	unsigned n = session_end_each(set, has_line, name, LINE_ADMIN);

	return n ? n : session_ring_end(set, name);
}
