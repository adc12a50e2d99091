/*
 * One RADIUS server in one role: its configuration, its state with what the log says of it, and its probes with
 * Status-Server (RFC 5997; RAD-53, RAD-104, RAD-105).
 *
 * Owns its secret and its sockets.  Must not know exchanges beyond that they wait here.
 */
#include "pacd/aaa/radius_internal.h"

#include "common/random.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const role_words[] = { "auth", "acct" };
static const char *const state_words[] = { "up", "suspect", "dead" };

_Static_assert((int)RADIUS_UP == RADIUS_HEALTH_UP && (int)RADIUS_SUSPECT == RADIUS_HEALTH_SUSPECT &&
		       (int)RADIUS_DEAD == RADIUS_HEALTH_DEAD,
	       "the two are the same");

const char *radius_server_state_word(enum radius_server_state s)
{
	return state_words[s];
}

/* --- secrets --- */

struct radius_key *radius_key_new(const char *secret)
{
	size_t len = strlen(secret);
	struct radius_key *k = malloc(sizeof *k + len);

	if (!k)
		return NULL;
	k->refs = 1;
	k->len = len;
	memcpy(k->octets, secret, len);
	return k;
}

struct radius_key *radius_key_get(struct radius_key *k)
{
	k->refs++;
	return k;
}

void radius_key_put(struct radius_key *k)
{
	if (!k || --k->refs)
		return;
	explicit_bzero(k->octets, k->len);
	free(k);
}

/* --- address --- */

static bool address_make(struct sockaddr_storage *to, const struct conf_radius_server *c, enum radius_role role)
{
	unsigned port = role == RADIUS_AUTH ? c->port : c->acct_port;

	memset(to, 0, sizeof *to);
	if (!port || !c->secret)
		return false;
	if (c->address.ss_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, &c->address, sizeof in);
		memcpy(to, &(struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
						  .sin_addr = in.sin_addr }, sizeof in);
		return true;
	}
	if (c->address.ss_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, &c->address, sizeof in6);
		in6.sin6_port = htons((uint16_t)port);
		memcpy(to, &in6, sizeof in6);
		return true;
	}
	return false;
}

static void name_make(struct radius_server *s)
{
	char text[INET6_ADDRSTRLEN] = "", scope[IF_NAMESIZE + 1] = "";
	struct sockaddr_in6 in6;
	struct sockaddr_in in;

	if (s->address.ss_family == AF_INET) {
		memcpy(&in, &s->address, sizeof in);
		inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
		snprintf(s->name, sizeof s->name, "%s:%u", text, ntohs(in.sin_port));
		return;
	}
	memcpy(&in6, &s->address, sizeof in6);
	inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof text);
	if (in6.sin6_scope_id)
		snprintf(scope, sizeof scope, "%%%u", in6.sin6_scope_id);
	snprintf(s->name, sizeof s->name, "[%s%s]:%u", text, scope, ntohs(in6.sin6_port));
}

bool radius_server_is(const struct radius_server *s, const struct conf_radius_server *c, enum radius_role role)
{
	struct sockaddr_storage address;

	return s->view.role == role && address_make(&address, c, role) &&
	       !memcmp(&address, &s->address, sizeof address);
}

/* --- probes --- */

static void probe_arm(struct radius_server *s)
{
	int64_t us = radius_health_probe_us(random_u32());

	s->probe_at = mono_add_us(mono_now(), us);
	ev_timer_set(&s->probe_timer, (double)us / 1e6, 0.);
	ev_timer_start(s->client->loop, &s->probe_timer);
}

/* Probes go on exactly while it is dead, configured so, and wanted at all. */
static void probe_update(struct radius_server *s)
{
	bool wanted = s->status_server && !s->retired && s->health.state == RADIUS_HEALTH_DEAD;

	if (wanted && !ev_is_active(&s->probe_timer))
		probe_arm(s);
	if (wanted)
		return;
	ev_timer_stop(s->client->loop, &s->probe_timer);
	s->probe_at = MONO_NEVER;
	if (s->probe)
		radius_attempt_end(s->probe);
}

static void on_probe(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct radius_server *s = w->data;

	(void)loop;
	(void)revents;
	if (s->probe)
		radius_attempt_end(s->probe);
	if (radius_server_has_id(s))
		radius_attempt_probe(s);
	probe_arm(s);
}

/* --- state --- */

/* They wait for a server that is of no use to them now. */
static void waiting_move(struct radius_server *s)
{
	list_each(at, &s->waiting)
		radius_exchange_move(list_entry(at, struct radius_exchange, place));
}

void radius_server_answered(struct radius_server *s)
{
	if (!radius_health_answered(&s->health, mono_now()) || s->retired)
		return;
	log_info("radius-server-up", "server=%s role=%s", s->name, role_words[s->view.role]);
	probe_update(s);
}

void radius_server_failed(struct radius_server *s, struct mono since, bool trial, const char *why)
{
	if (!radius_health_failed(&s->health, &s->rules, since, trial, mono_now()) || s->retired)
		return;
	log_warn("radius-server-dead", "server=%s role=%s reason=%s failures=%u for_s=%u status_server=%s", s->name,
		 role_words[s->view.role], why, s->health.failures, s->rules.dead_s, s->status_server ? "yes" : "no");
	waiting_move(s);
	/* A new socket has the route, the source address and the port of its own day. */
	radius_server_close_idle(s, 0, false);
	probe_update(s);
}

bool radius_server_signature_required(const struct radius_server *s)
{
	return s->signature == CONF_SIGNATURE_YES || (s->signature == CONF_SIGNATURE_AUTO && s->signed_once);
}

/* --- sockets --- */

bool radius_server_has_id(const struct radius_server *s)
{
	return !list_empty(&s->open) || s->view.sockets < radius_health_sockets(s->outstanding);
}

bool radius_server_room(const struct radius_server *s)
{
	return s->view.in_flight < s->outstanding && radius_server_has_id(s);
}

void radius_server_close_idle(struct radius_server *s, int64_t idle_us, bool keep)
{
	struct mono now = mono_now();

	list_each(at, &s->open) {
		struct radius_socket *k = list_entry(at, struct radius_socket, link);

		if (k->busy || k->nfree < RADIUS_IDS || (keep && s->view.sockets == 1))
			continue;
		if (mono_diff_us(now, k->idle_since) >= idle_us)
			radius_socket_close(k);
	}
}

static void on_idle(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct radius_server *s = w->data;

	(void)revents;
	radius_server_close_idle(s, RADIUS_IDLE_S * 1000000LL, true);
	if (s->view.sockets < 2)
		return;
	ev_timer_set(w, RADIUS_IDLE_S, 0.);
	ev_timer_start(loop, w);
}

/* --- from configuration to the end --- */

/* The same octets stay the same memory. */
static int key_configure(struct radius_server *s, const char *secret)
{
	struct radius_key *k;

	if (s->key && s->key->len == strlen(secret) && !memcmp(s->key->octets, secret, s->key->len))
		return 0;
	k = radius_key_new(secret);
	if (!k)
		return -ENOMEM;
	radius_key_put(s->key);
	s->key = k;
	return 0;
}

int radius_server_configure(struct radius_server *s, const struct conf_radius_server *c)
{
	const struct conf_radius *all = s->client->conf;

	s->timeout_ms = c->timeout_ms > 0 ? c->timeout_ms : 1;
	s->retries = c->retries;
	s->signature = c->signature;
	s->status_server = c->status_server;
	s->view.priority = c->priority;
	s->outstanding = all->outstanding ? all->outstanding : 1;
	s->rules = (struct radius_health_rules){
		.max_fail = all->max_fail, .dead_s = all->dead_s,
	};
	probe_update(s);
	return key_configure(s, c->secret);
}

static void server_init(struct radius_server *s, struct radius_client *r, enum radius_role role)
{
	s->client = r;
	s->refs = 1;
	s->serial = ++r->last_serial;
	s->view.role = role;
	s->bad_packets = s->socket_errors = LOG_LIMIT(10, 6);
	list_init(&s->open);
	list_init(&s->full);
	list_init(&s->waiting);
	ev_timer_init(&s->probe_timer, on_probe, 0., 0.);
	s->probe_timer.data = s;
	ev_timer_init(&s->idle_timer, on_idle, 0., 0.);
	s->idle_timer.data = s;
	list_append(&r->all_servers, &s->link);
}

struct radius_server *radius_server_new(struct radius_client *r, const struct conf_radius_server *c,
					enum radius_role role)
{
	struct sockaddr_storage address;
	struct radius_server *s;

	if (!address_make(&address, c, role))
		return NULL;
	s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	server_init(s, r, role);
	s->address = address;
	name_make(s);
	if (radius_server_configure(s, c) == 0)
		return s;
	radius_server_put(s);
	return NULL;
}

void radius_server_retire(struct radius_server *s)
{
	s->retired = true;
	waiting_move(s);
	probe_update(s);
	radius_server_put(s);
}

static void sockets_each_slot(struct list *sockets, void (*end)(struct radius_attempt *a))
{
	list_each(at, sockets) {
		struct radius_socket *k = list_entry(at, struct radius_socket, link);

		for (unsigned id = 0; id < RADIUS_IDS; id++)
			if (k->slots[id])
				end(k->slots[id]);
	}
}

void radius_server_drop(struct radius_server *s)
{
	radius_server_get(s);
	sockets_each_slot(&s->full, radius_attempt_end);
	sockets_each_slot(&s->open, radius_attempt_end);
	radius_server_put(s);
}

struct radius_server *radius_server_get(struct radius_server *s)
{
	s->refs++;
	return s;
}

static void server_free(struct radius_server *s)
{
	ev_timer_stop(s->client->loop, &s->probe_timer);
	ev_timer_stop(s->client->loop, &s->idle_timer);
	list_each(at, &s->open)
		radius_socket_close(list_entry(at, struct radius_socket, link));
	list_remove(&s->link);
	radius_key_put(s->key);
	free(s);
}

void radius_server_put(struct radius_server *s)
{
	if (!--s->refs)
		server_free(s);
}

/* --- for pacctl and metrics --- */

static int64_t dead_for_s(const struct radius_server *s)
{
	struct mono at = mono_earlier(s->probe_at, s->health.dead_until);
	int64_t us = mono_diff_us(at, mono_now());

	return s->health.state != RADIUS_HEALTH_DEAD || us <= 0 ? 0 : (us + 999999) / 1000000;
}

void radius_server_view_fill(const struct radius_server *s, struct radius_server_view *v)
{
	*v = s->view;
	v->name = s->name;
	v->state = (enum radius_server_state)s->health.state;
	v->signature_required = radius_server_signature_required(s);
	v->dead_for_s = dead_for_s(s);
	radius_health_quantiles(&s->health, &v->p50_us, &v->p90_us, &v->p99_us);
}
