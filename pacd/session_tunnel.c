/*
 * Tunnel accounting (RFC 2867; ledger RAD-70 to RAD-73), where it is configured:
 * a control connection is the tunnel, a call is its link.
 *
 * Owns one struct tunnel for each connection that is up or has calls which are
 * not over yet, so that Tunnel-Stop comes behind every Link-Stop.
 */
#include "pacd/session_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct tunnel {
	struct hash_node node;
	uint64_t conn;
	struct radius_call call; /* the tunnel alone: no port, no stations */
	struct mono since;
	unsigned holders; /* the connection, and each call */
	uint64_t in_octets, out_octets, in_packets, out_packets, lost;
	enum radius_terminate_cause cause;
};

static bool wanted(const struct sessions *set)
{
	return set->rooms.acct && set->conf->radius.acct.tunnel && acct_enabled(set->rooms.acct);
}

static struct tunnel *find(const struct sessions *set, uint64_t conn)
{
	struct hash_node *node = hash_first(&set->tunnels, hash_u64(conn));

	for (; node; node = hash_next(node)) {
		struct tunnel *t = hash_entry(node, struct tunnel, node);

		if (t->conn == conn)
			return t;
	}
	return NULL;
}

/* --- records --- */

static void record(struct sessions *set, const struct radius_call *c, struct radius_account *a)
{
	uint8_t data[RADIUS_PACKET_MAX / 2];
	struct acct_record r = { .status = a->status, .session_id = c->session_id, .tunnel = c->session_id,
				 .attributes = data };
	struct wbuf w;

	a->event_time = r.event_time = (int64_t)time(NULL);
	wbuf_init(&w, data, sizeof data);
	radius_put_account(&w, &set->nas, c, c->session_id, a);
	r.len = wbuf_len(&w);
	if (r.len)
		acct_add(set->rooms.acct, &r);
}

static void describe(const struct sessions *set, struct radius_call *c, const struct conn *conn)
{
	memset(c, 0, sizeof *c);
	acct_session_id(set->rooms.acct, c->session_id);
	addr_text(conn_peer(conn).addr, c->calling);
	addr_text(conn_local(conn).addr, c->called);
	c->port_type = RADIUS_PORT_VIRTUAL;
	c->tunnel.client = conn_is_originator(conn) ? conn_local(conn).addr : conn_peer(conn).addr;
	c->tunnel.server = conn_is_originator(conn) ? conn_peer(conn).addr : conn_local(conn).addr;
	snprintf(c->tunnel.connection, sizeof c->tunnel.connection, "%llu", (unsigned long long)conn_id(conn));
}

static void stop(struct sessions *set, struct tunnel *t)
{
	struct radius_account a = {
		.status = RADIUS_ACCT_TUNNEL_STOP, .has_counters = true, .in_octets = t->in_octets,
		.out_octets = t->out_octets, .in_packets = t->in_packets, .out_packets = t->out_packets,
		.has_lost = true, .lost = (uint32_t)t->lost, .cause = t->cause,
	};

	a.seconds = (uint32_t)(mono_diff_us(mono_now(), t->since) / 1000000);
	record(set, &t->call, &a);
}

static void let_go(struct sessions *set, struct tunnel *t)
{
	if (--t->holders)
		return;
	stop(set, t);
	hash_remove(&set->tunnels, &t->node);
	free(t);
}

/* --- events --- */

void session_tunnel_up(void *ctx, struct conn *c)
{
	struct sessions *set = ctx;
	struct radius_account a = { .status = RADIUS_ACCT_TUNNEL_START };
	struct tunnel *t;

	if (!wanted(set))
		return;
	t = calloc(1, sizeof *t);
	if (!t)
		return;
	t->conn = conn_id(c);
	t->holders = 1;
	t->since = mono_now();
	describe(set, &t->call, c);
	if (hash_insert(&set->tunnels, &t->node, hash_u64(t->conn)) < 0) {
		free(t);
		return;
	}
	record(set, &t->call, &a);
}

static void reject(struct sessions *set, const struct conn *c)
{
	struct radius_account a = { .status = RADIUS_ACCT_TUNNEL_REJECT, .cause = RADIUS_CAUSE_NAS_REQUEST };
	struct radius_call call;

	if (!wanted(set))
		return;
	describe(set, &call, c);
	record(set, &call, &a);
}

void session_tunnel_down(void *ctx, struct conn *c, enum ctrl_close why)
{
	struct sessions *set = ctx;
	struct tunnel *t = find(set, conn_id(c));

	if (t) {
		t->cause = session_close_cause(why, conn_is_originator(c));
		let_go(set, t);
	} else if (why == CTRL_CLOSE_REFUSED || why == CTRL_CLOSE_VERSION) {
		reject(set, c);
	}
}

void session_tunnel_hold(struct session *s)
{
	struct tunnel *t = find(s->set, s->conn);

	if (t)
		t->holders++;
	s->in_tunnel = t != NULL;
}

const char *session_tunnel_id(const struct session *s)
{
	const struct tunnel *t = s->in_tunnel ? find(s->set, s->conn) : NULL;

	return t ? t->call.session_id : NULL;
}

void session_tunnel_release(struct session *s)
{
	struct tunnel *t = s->in_tunnel ? find(s->set, s->conn) : NULL;

	if (!t)
		return;
	t->in_octets += s->final.rx_octets;
	t->out_octets += s->final.tx_octets;
	t->in_packets += s->final.rx_packets;
	t->out_packets += s->final.tx_packets;
	t->lost += s->final.rx_lost;
	let_go(s->set, t);
}

void session_tunnel_clear(struct sessions *set)
{
	for (size_t i = 0; i < set->tunnels.size; i++) {
		while (set->tunnels.buckets[i]) {
			struct tunnel *t = hash_entry(set->tunnels.buckets[i], struct tunnel, node);

			t->holders = 1;
			t->cause = RADIUS_CAUSE_ADMIN_REBOOT;
			let_go(set, t);
		}
	}
	hash_clear(&set->tunnels);
}
