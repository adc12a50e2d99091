/*
 * A line rings: may the call be taken, which PNSs may have it, in which order
 * they are tried, and the control connection to each (RFC 2637 sections 3.1.1
 * and 3.2.3; ledger CALL-IN-01, -02, -07, RAD-40 to RAD-46).
 *
 * Owns every ring.  One is freed only by its own timer, by the end of the ring,
 * or when the line is told to answer; all else asks the timer to look again.  An
 * offer to one PNS is a session, in session_offer.c.
 */
#include "pacd/session_ring.h"

#include "common/log.h"
#include "common/random.h"
#include "pacd/stats.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MULTICAST 0xe0000000u /* and what lies above is no host either */
#define RING_TEXT LOG_QUOTED(MSG_TEXT)
#define RING_LOG_ARGS(r, called_text, calling_text)                                          \
	(r)->name, log_quote(calling_text, sizeof calling_text, (r)->calling, strlen((r)->calling)), \
		log_quote(called_text, sizeof called_text, (r)->called, strlen((r)->called))

static struct ring *find(struct sessions *set, uint64_t id)
{
	list_each(at, &set->rings) {
		struct ring *r = list_entry(at, struct ring, link);

		if (r->id == id)
			return r;
	}
	return NULL;
}

static void timer_arm(struct ring *r)
{
	struct mono at = r->again || r->refuse ? mono_now() : mono_earlier(r->offer_until, r->ring_until);
	int64_t wait_us = mono_diff_us(at, mono_now());

	r->timer.repeat = wait_us > 1000 ? (double)wait_us / 1e6 : 0.001;
	ev_timer_again(r->set->rooms.loop, &r->timer);
}

static void look_again(struct ring *r)
{
	r->again = true;
	timer_arm(r);
}

/* A call without a channel of its own yet, as Maximum Channels sees it. */
static void channel_hold(struct ring *r, bool on)
{
	if (r->holds_channel == on)
		return;
	r->holds_channel = on;
	r->set->channels += on ? 1u : -1u;
}

static void resolve_drop(struct ring *r)
{
	if (r->resolving)
		resolver_cancel(r->set->rooms.resolver, r->resolving);
	r->resolving = 0;
}

static void ring_free(struct ring *r)
{
	channel_hold(r, false);
	resolve_drop(r);
	aaa_cancel(r->asking);
	aaa_grant_free(r->grant);
	ev_timer_stop(r->set->rooms.loop, &r->timer);
	list_remove(&r->link);
	r->set->nrings--;
	conf_free(r->conf);
	free(r);
}

/* What is out is called back: the PNS must not wait for a call that nobody will give it. */
static void withdraw(struct ring *r)
{
	struct session *s = session_find(r->set, r->session);

	if (s)
		session_offer_withdraw(s, false);
}

/* The caller goes on hearing the ringing tone. */
static void refuse(struct ring *r, const char *why)
{
	char called[RING_TEXT], calling[RING_TEXT];
	struct sessions *set = r->set;
	unsigned suppressed = 0;

	withdraw(r);
	stats_add(STATS_RINGS_REFUSED);
	if (log_allow(&set->limit_refused, mono_now(), &suppressed))
		log_warn("ring-refused", RING_LOG " reason=%s suppressed=%u", RING_LOG_ARGS(r, called, calling), why,
			 suppressed);
	set->rooms.real_ops->reject(set->rooms.real_lines, r->id);
	ring_free(r);
}

/* --- trying one PNS --- */

static void log_skip(const struct ring *r, const char *why)
{
	char pns[ADDR_TEXT], name[LOG_QUOTED(RADIUS_TEXT)];
	unsigned suppressed = 0;

	if (log_allow(&r->set->limit_refused, mono_now(), &suppressed))
		log_info("pns-passed-over", "line=%s pns=%s name=%s reason=\"%s\" suppressed=%u", r->name,
			 addr_text(r->now->addr, pns), log_quote(name, sizeof name, r->now->host, strlen(r->now->host)),
			 why, suppressed);
}

static struct endpoint pns_of(const struct ring_candidate *c)
{
	return (struct endpoint){ c->addr, c->port };
}

/* RAD-44: where it is given, a PNS that calls itself something else is not the one that was meant. */
static bool is_named(const struct ring *r, const struct conn *c)
{
	const struct radius_tunnel_set *t = r->now->set;

	return !t || !t->server_auth[0] || !strncmp(conn_peer_host(c), t->server_auth, MSG_TEXT);
}

static bool offer(struct ring *r, struct conn *c)
{
	if (!is_named(r, c)) {
		log_skip(r, "its Host Name is not the set's Tunnel-Server-Auth-ID");
		return false;
	}
	session_pns_reached(r->set, pns_of(r->now));
	r->conn = 0;
	channel_hold(r, false);
	r->session = session_offer(r, c);
	if (!r->session)
		channel_hold(r, true);
	return r->session != 0;
}

static bool open_connection(struct ring *r)
{
	const struct radius_tunnel_set *t = r->now->set;
	struct conn_open o = { .peer = pns_of(r->now), .local_addr = r->now->source,
			       .host = t && t->client_auth[0] ? t->client_auth : NULL,
			       .yields = conf_pns_known(r->conf, r->now->addr) };

	if (session_pns_rests(r->set, o.peer)) {
		log_skip(r, "it could not be reached a moment ago");
		return false;
	}
	r->conn = conns_open(r->set->rooms.conns, &o);
	if (!r->conn)
		log_skip(r, strerror(errno));
	return r->conn != 0;
}

/* Only connections that pacd opened, or whose address is a configured PNS's, may bear it: never a VPN user's. */
static bool try_address(struct ring *r)
{
	struct sessions *set = r->set;
	struct conn *c = conns_find_peer(set->rooms.conns, pns_of(r->now), r->now->source,
					 conf_pns_known(r->conf, r->now->addr));

	if (!c)
		return open_connection(r);
	if (conn_is_established(c))
		return offer(r, c);
	r->conn = conn_id(c);
	return true;
}

static void on_resolved(void *ctx, uint64_t id, uint32_t addr, const char *why)
{
	struct ring *r = ctx;

	(void)id;
	r->resolving = 0;
	r->now->addr = addr;
	if (addr)
		session_pns_resolved(r->set, r->now->host, addr);
	else
		log_skip(r, why);
	if (!addr || !try_address(r))
		look_again(r);
}

static bool try_candidate(struct ring *r)
{
	struct mono until = mono_add_ms(mono_now(), r->conf->real.pns.offer_ms);

	r->offer_until = mono_earlier(until, r->ring_until);
	if (!r->now->addr)
		r->now->addr = session_pns_address(r->set, r->now->host);
	if (r->now->addr)
		return try_address(r);
	if (r->set->rooms.resolver)
		r->resolving = resolver_ask(r->set->rooms.resolver, r->now->host, on_resolved, r);
	if (!r->resolving)
		log_skip(r, "its name cannot be looked up");
	return r->resolving != 0;
}

static void try_next(struct ring *r)
{
	while (r->at < r->n) {
		r->again = false; /* also where the last one has ended at once */
		r->conn = 0;
		r->now = &r->list[r->at++];
		if (try_candidate(r)) {
			timer_arm(r);
			return;
		}
	}
	refuse(r, r->n ? "no-pns-took-it" : r->grant && r->grant->ntunnels ? "no-usable-tunnel" : "no-route");
}

/* --- its timer --- */

static void on_offer_late(struct ring *r)
{
	struct session *s = session_find(r->set, r->session);

	resolve_drop(r);
	r->offer_until = MONO_NEVER;
	if (!s)
		log_skip(r, "pns.offer_timeout");
	else
		session_offer_withdraw(s, true); /* its end asks for the next one */
	r->again = true;
}

static void on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct ring *r = w->data;
	struct mono now = mono_now();

	(void)loop;
	(void)revents;
	if (mono_reached(r->offer_until, now))
		on_offer_late(r);
	if (r->refuse)
		refuse(r, "ended");
	else if (mono_reached(r->ring_until, now))
		refuse(r, "pns.ring_timeout");
	else if (r->again)
		try_next(r);
	else
		timer_arm(r);
}

/* --- who may have it --- */

static struct ring_candidate *add(struct ring *r)
{
	return r->n < RING_CANDIDATES ? &r->list[r->n++] : NULL;
}

/* RAD-40: PPTP over IPv4 to an endpoint that is named; RAD-42: our own end, where it is named, is an address. */
static bool usable(const struct radius_tunnel_set *t, uint32_t *source)
{
	uint32_t server = 0;

	*source = 0;
	if (t->type != 1 || t->medium != 1 || !t->server_endpoint[0])
		return false;
	if (addr_parse(t->server_endpoint, &server) == 0 && (!server || server >= MULTICAST))
		return false;
	return !t->client_endpoint[0] || addr_parse(t->client_endpoint, source) == 0;
}

static void add_set(struct ring *r, const struct radius_tunnel_set *t)
{
	uint32_t source;
	struct ring_candidate *c = usable(t, &source) ? add(r) : NULL;

	if (!c)
		return;
	*c = (struct ring_candidate){ .port = (uint16_t)r->conf->real.pns.port, .set = t,
				      .source = source ? source : r->conf->real.pns.source };
	if (addr_parse(t->server_endpoint, &c->addr) < 0)
		strcpy(c->host, t->server_endpoint);
}

/* RAD-41: in order of preference; those of one preference take turns. */
static void add_sets(struct ring *r)
{
	const struct radius_grant *g = r->grant;
	unsigned turn = r->set->turn++;

	for (unsigned i = 0, n; i < g->ntunnels; i += n) {
		for (n = 1; i + n < g->ntunnels && g->tunnels[i + n].preference == g->tunnels[i].preference; n++)
			;
		for (unsigned k = 0; k < n; k++)
			add_set(r, &g->tunnels[i + (k + turn) % n]);
	}
}

static void add_route(struct ring *r)
{
	const struct conf_route *route = conf_route_find(r->conf, r->called, r->calling, r->group);

	for (size_t i = 0; route && i < route->npns; i++) {
		struct ring_candidate *c = add(r);

		if (!c)
			return;
		*c = (struct ring_candidate){ .addr = route->pns[i].addr, .source = r->conf->real.pns.source,
					      .port = route->pns[i].port ? route->pns[i].port :
						      (uint16_t)r->conf->real.pns.port };
	}
}

static void route(struct ring *r)
{
	if (r->grant && r->grant->ntunnels)
		add_sets(r);
	else
		add_route(r);
	look_again(r);
}

/* --- may it be taken --- */

/* Port-Limit: calls of this caller (RAD-12). */
static bool over_limit(const struct ring *r, unsigned limit)
{
	unsigned n = 0;

	if (!limit || !r->calling[0])
		return false;
	list_each(at, &r->set->all) {
		const struct session *s = list_entry(at, struct session, link);

		n += !s->call_over && s->incoming && !strcmp(s->real->calling, r->calling);
	}
	return n >= limit;
}

static void on_checked(void *ctx, uint64_t id, struct aaa_answer *a, const struct aaa_request *rq)
{
	struct ring *r = find(ctx, id);

	(void)rq;
	if (!r)
		return;
	r->asking = NULL;
	if (a->verdict == AAA_UNAVAILABLE && r->conf->radius.fail_open) {
		route(r);
	} else if (a->verdict != AAA_ACCEPT) {
		refuse(r, a->verdict == AAA_REJECT ? a->reason : "no-server");
	} else if (over_limit(r, a->sessions)) {
		refuse(r, "port-limit");
	} else {
		strcpy(r->server, a->server);
		aaa_grant_move(&r->grant, &a->grant);
		route(r);
	}
}

static bool is_checked(const struct conf_radius *c)
{
	return c->precheck == CONF_PRECHECK_ALL || c->precheck == CONF_PRECHECK_LINES;
}

static void check(struct ring *r)
{
	struct sessions *set = r->set;
	struct aaa_servers servers = { .client = set->rooms.radius, .conf = &r->conf->radius, .nas = &set->nas };

	if (!is_checked(servers.conf) || !servers.client) {
		route(r);
		return;
	}
	r->asking = aaa_ask_call(&servers, r->id, &r->radius, false, on_checked, set);
	if (r->asking)
		timer_arm(r);
	else if (servers.conf->fail_open)
		route(r);
	else
		refuse(r, "no-server");
}

/* --- a ring begins --- */

static void describe(struct ring *r)
{
	struct radius_call *c = &r->radius;
	struct acct *acct = r->set->rooms.acct;

	if (acct)
		acct_session_id(acct, c->session_id);
	else
		snprintf(c->session_id, sizeof c->session_id, "%08x%08x", random_u32(), random_u32());
	c->nas_port = r->channel;
	c->port_type = (uint8_t)radius_port_type(r->bearer, r->framing);
	snprintf(c->port_id, sizeof c->port_id, "%.31s", r->name);
	snprintf(c->calling, sizeof c->calling, "%s", r->calling);
	snprintf(c->called, sizeof c->called, "%s", r->called);
}

static struct ring *ring_new(struct sessions *set, const struct line_ring *l)
{
	struct ring *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->set = set;
	r->id = l->ring;
	r->conf = conf_hold(set->conf);
	snprintf(r->name, sizeof r->name, "%s", l->name);
	snprintf(r->group, sizeof r->group, "%s", l->group);
	snprintf(r->called, sizeof r->called, "%s", l->called);
	snprintf(r->calling, sizeof r->calling, "%s", l->calling);
	r->channel = l->channel;
	r->bearer = l->bearer;
	r->framing = l->framing;
	r->ring_until = mono_add_ms(mono_now(), r->conf->real.pns.ring_ms);
	ev_init(&r->timer, on_timer);
	r->timer.data = r;
	list_append(&set->rings, &r->link);
	set->nrings++;
	channel_hold(r, true);
	describe(r);
	return r;
}

/* What is looked at before anybody is asked: the word for the log, or NULL. */
static const char *unwanted(const struct sessions *set)
{
	if (set->draining)
		return "draining";
	return set->channels >= set->conf->max_channels ? "max_channels" : NULL;
}

void session_ring(void *ctx, const struct line_ring *l)
{
	char called[RING_TEXT], calling[RING_TEXT];
	struct sessions *set = ctx;
	const char *why = unwanted(set);
	struct ring *r = ring_new(set, l);
	unsigned suppressed;

	stats_add(STATS_RINGS);
	if (!r) {
		stats_add(STATS_RINGS_REFUSED);
		set->rooms.real_ops->reject(set->rooms.real_lines, l->ring);
		return;
	}
	if (why) {
		refuse(r, why);
		return;
	}
	if (log_allow(&set->limit_calls, mono_now(), &suppressed))
		log_info("ring", RING_LOG " group=%s suppressed=%u", RING_LOG_ARGS(r, called, calling), r->group,
			 suppressed);
	check(r);
}

/* --- and ends --- */

void session_ring_over(void *ctx, uint64_t id)
{
	static const struct call_event gone = { .type = CALL_EV_LINE_DOWN };
	struct sessions *set = ctx;
	struct ring *r = find(set, id);
	struct session *s = r ? session_find(set, r->session) : NULL;

	if (!r)
		return;
	stats_add(STATS_RINGS_ABANDONED);
	log_debug("ring-over", "line=%s", r->name);
	if (s) {
		session_ending(s, LINE_CARRIER, RADIUS_CAUSE_LOST_CARRIER);
		session_event(s, &gone);
	}
	ring_free(r);
}

void session_ring_offer_ended(struct session *s)
{
	struct ring *r = find(s->set, s->real->ring);

	if (!r)
		return;
	r->session = 0;
	channel_hold(r, true);
	r->offer_until = MONO_NEVER;
	/* Not the PNS's doing: nobody else shall have it. */
	r->refuse |= s->reason == LINE_ADMIN || s->reason == LINE_SHUTDOWN;
	look_again(r);
}

int session_ring_answer(struct session *s)
{
	struct sessions *set = s->set;
	struct ring *r = find(set, s->real->ring);

	if (!r || set->rooms.real_ops->answer(set->rooms.real_lines, r->id, s->id) < 0)
		return -ENOENT;
	s->line_over = false;
	s->real->ring = 0;
	strcpy(s->real->server, r->server);
	aaa_grant_move(&s->call_grant, &r->grant);
	ring_free(r);
	return 0;
}

void session_ring_clear(struct sessions *set)
{
	list_each(at, &set->rings)
		ring_free(list_entry(at, struct ring, link));
}

unsigned session_ring_end(struct sessions *set, const char *line)
{
	list_each(at, &set->rings) {
		struct ring *r = list_entry(at, struct ring, link);

		if (strcmp(r->name, line) || r->refuse)
			continue;
		r->refuse = true;
		timer_arm(r);
		return 1;
	}
	return 0;
}

void sessions_end_rings(struct sessions *set)
{
	list_each(at, &set->rings) {
		struct ring *r = list_entry(at, struct ring, link);

		r->refuse = true;
		timer_arm(r);
	}
}

unsigned sessions_rings(const struct sessions *set)
{
	return set->nrings;
}

/* --- control connections --- */

static bool waits_for(const struct ring *r, const struct conn *c)
{
	return r->now && !r->session && !r->resolving && !r->again && !r->refuse &&
	       r->now->addr == conn_peer(c).addr &&
	       (!r->now->source || r->now->source == conn_local(c).addr) &&
	       (conn_is_originator(c) ? r->now->port == conn_peer(c).port : conf_pns_known(r->conf, r->now->addr));
}

void session_ring_conn_up(struct sessions *set, struct conn *c)
{
	list_each(at, &set->rings) {
		struct ring *r = list_entry(at, struct ring, link);

		if (waits_for(r, c) && !offer(r, c))
			look_again(r);
	}
}

/* Of a collision that we have lost the other connection is the one: it is established next. */
void session_ring_conn_down(struct sessions *set, struct conn *c, enum ctrl_close why)
{
	bool failed = conn_is_originator(c) && !conn_is_established(c) && why != CTRL_CLOSE_COLLISION &&
		      why != CTRL_CLOSE_STOPPED;

	if (failed)
		session_pns_failed(set, conn_peer(c));
	list_each(at, &set->rings) {
		struct ring *r = list_entry(at, struct ring, link);

		if (r->conn != conn_id(c))
			continue;
		r->conn = 0;
		if (why != CTRL_CLOSE_COLLISION)
			look_again(r);
	}
}
