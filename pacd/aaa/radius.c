/*
 * The RADIUS client: exchanges, and which server each of them asks (RFC 2865 section 2.5, RFC 5080 section 2.2;
 * RAD-09, RAD-100 to RAD-108).
 *
 * Owns exchanges and the list of servers.  Must not know what requests say, and leaves packets to radius_attempt.c.
 *
 * Failing over is never done where the failure was found: the exchange goes to `moving` and a fed event takes it on
 * from there, so that no server's failure recurses into another's, and done() is only called from the loop.
 */
#include "pacd/aaa/radius_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TOTAL_MS 30000 /* MRD of RFC 5080, where the configuration has none */

static void exchange_dispatch(struct radius_exchange *x);

void radius_client_timer(struct radius_client *r, ev_timer *w, struct mono at)
{
	int64_t us = mono_diff_us(at, mono_now());

	ev_timer_stop(r->loop, w);
	ev_timer_set(w, us > 1000 ? (double)us / 1e6 : 0.001, 0.);
	ev_timer_start(r->loop, w);
}

void radius_client_kick(struct radius_client *r)
{
	if (!r->dying)
		ev_feed_event(r->loop, &r->kick, EV_CUSTOM);
}

void radius_client_enter(struct radius_client *r)
{
	r->depth++;
}

void radius_client_leave(struct radius_client *r)
{
	if (!--r->depth && r->dying)
		free(r);
}

/* --- exchanges --- */

/* Out of whatever list it stands in. */
static void exchange_unplace(struct radius_exchange *x)
{
	list_remove(&x->place);
	if (!x->waiting)
		return;
	x->waiting = false;
	x->client->nwaiting[x->job.role]--;
	ev_timer_stop(x->client->loop, &x->timer);
}

static void exchange_free(struct radius_exchange *x)
{
	struct radius_client *r = x->client;

	exchange_unplace(x);
	list_remove(&x->link);
	hash_remove(&r->by_id, &x->node);
	r->pending[x->job.role]--;
	free(x);
}

static void exchange_finish(struct radius_exchange *x, int error)
{
	exchange_unplace(x);
	x->error = error;
	list_append(&x->client->finished, &x->place);
	radius_client_kick(x->client);
}

void radius_exchange_move(struct radius_exchange *x)
{
	exchange_unplace(x);
	list_append(&x->client->moving, &x->place);
	radius_client_kick(x->client);
}

void radius_exchange_answered(struct radius_exchange *x, const struct radius_answer *a)
{
	struct radius_job job = x->job;

	exchange_free(x);
	job.done(job.ctx, a);
}

static void on_waited(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct radius_exchange *x = w->data;

	(void)loop;
	(void)revents;
	if (mono_reached(x->deadline, mono_now()))
		exchange_finish(x, -ETIMEDOUT);
	else
		radius_client_timer(x->client, &x->timer, x->deadline);
}

static void exchange_wait(struct radius_exchange *x, struct radius_server *s)
{
	x->waiting = true;
	x->client->nwaiting[x->job.role]++;
	list_append(&s->waiting, &x->place);
	radius_client_timer(x->client, &x->timer, x->deadline);
}

static struct radius_exchange *exchange_new(struct radius_client *r, const struct radius_job *job)
{
	struct radius_exchange *x = calloc(1, sizeof *x);
	int64_t total_ms = job->total_ms > 0 ? job->total_ms : r->conf->total_ms;

	if (!x)
		return NULL;
	x->client = r;
	x->job = *job;
	x->id = r->last_id + 1;
	x->deadline = mono_add_ms(mono_now(), total_ms > 0 ? total_ms : TOTAL_MS);
	list_init(&x->place);
	ev_timer_init(&x->timer, on_waited, 0., 0.);
	x->timer.data = x;
	if (hash_insert(&r->by_id, &x->node, hash_u64(x->id)) < 0) {
		free(x);
		return NULL;
	}
	r->last_id++;
	list_append(&r->exchanges, &x->link);
	r->pending[job->role]++;
	return x;
}

static struct radius_exchange *exchange_find(const struct radius_client *r, uint64_t id)
{
	struct hash_node *node = hash_first(&r->by_id, hash_u64(id));

	for (; node; node = hash_next(node)) {
		struct radius_exchange *x = hash_entry(node, struct radius_exchange, node);

		if (x->id == id)
			return x;
	}
	return NULL;
}

/* --- whom to ask --- */

static bool tried(const struct radius_exchange *x, const struct radius_server *s)
{
	for (unsigned i = 0; i < x->ntried; i++)
		if (x->tried[i] == s->serial)
			return true;
	return false;
}

/* Of all servers of its role, for this exchange. */
static struct radius_health_choice *choices_of(const struct radius_exchange *x)
{
	struct radius_client *r = x->client;
	struct radius_health_choice *c = r->choices[x->job.role];

	for (size_t i = 0; i < r->nservers[x->job.role]; i++) {
		struct radius_server *s = r->servers[x->job.role][i];

		c[i] = (struct radius_health_choice){
			.health = &s->health,
			.priority = s->view.priority,
			.tried = tried(x, s),
			.full = !radius_server_room(s),
		};
	}
	return c;
}

bool radius_exchange_elsewhere(const struct radius_exchange *x)
{
	const struct radius_client *r = x->client;
	enum radius_role role = x->job.role;

	if (x->ntried == RADIUS_TRIES || mono_reached(x->deadline, mono_now()))
		return false;
	for (size_t i = 0; i < r->nservers[role]; i++) {
		const struct radius_server *s = r->servers[role][i];

		if (s->health.state != RADIUS_HEALTH_DEAD && !tried(x, s))
			return true;
	}
	return false;
}

void radius_exchange_again(struct radius_exchange *x)
{
	if (x->again)
		return;
	x->again = true;
	x->ntried--; /* the latest is where it is */
}

/* The next server and how long it may take, or NULL when there is none or no time. */
static struct radius_server *exchange_choose(const struct radius_exchange *x, struct mono *end)
{
	struct radius_client *r = x->client;
	enum radius_role role = x->job.role;
	struct mono now = mono_now();
	struct radius_health_choice *c;
	struct radius_server *s;
	size_t i;
	int64_t span, share;

	if (mono_reached(x->deadline, now) || x->ntried == RADIUS_TRIES)
		return NULL;
	c = choices_of(x);
	i = radius_health_choose(c, r->nservers[role], &r->turn[role], now);
	if (i == r->nservers[role])
		return NULL;
	s = r->servers[role][i];
	c[i].tried = true;
	span = radius_health_span_us(s->timeout_ms, s->retries);
	share = radius_health_share_us(mono_diff_us(x->deadline, now), radius_health_count(c, r->nservers[role], now),
				       s->timeout_ms);
	*end = mono_add_us(now, span < share ? span : share);
	return s;
}

/* To the next server: it begins there, waits there, or is finished. */
static void exchange_dispatch(struct radius_exchange *x)
{
	struct radius_server *s;
	struct mono end = MONO_NEVER;
	int error;

	exchange_unplace(x);
	do {
		s = exchange_choose(x, &end);
		if (!s) {
			exchange_finish(x, -ETIMEDOUT);
			return;
		}
		if (!radius_server_room(s)) {
			exchange_wait(x, s);
			return;
		}
		x->tried[x->ntried++] = s->serial;
		error = radius_attempt_start(s, x, end);
	} while (error < 0 && error != -EINVAL);
	if (error < 0)
		exchange_finish(x, error);
}

/* --- what was put off --- */

static void moving_dispatch(struct radius_client *r)
{
	while (!list_empty(&r->moving))
		exchange_dispatch(list_entry(r->moving.next, struct radius_exchange, place));
}

static void waiting_dispatch(struct radius_client *r)
{
	for (int role = 0; role < RADIUS_ROLES; role++)
		for (size_t i = 0; i < r->nservers[role]; i++) {
			struct radius_server *s = r->servers[role][i];

			while (!list_empty(&s->waiting) && radius_server_room(s))
				exchange_dispatch(list_entry(s->waiting.next, struct radius_exchange, place));
		}
}

/* Only those that are there now: what done() brings up is for the next time. */
static void finished_tell(struct radius_client *r)
{
	struct list now;

	list_init(&now);
	list_each(at, &r->finished) {
		list_remove(at);
		list_append(&now, at);
	}
	while (!list_empty(&now)) {
		struct radius_exchange *x = list_entry(now.next, struct radius_exchange, place);
		struct radius_answer a = { .error = x->error, .server = "" };

		radius_exchange_answered(x, &a);
	}
}

static void on_kick(struct ev_loop *loop, ev_watcher *w, int revents)
{
	struct radius_client *r = w->data;

	(void)loop;
	(void)revents;
	radius_client_enter(r);
	moving_dispatch(r);
	waiting_dispatch(r);
	finished_tell(r);
	radius_client_leave(r);
}

/* --- configuration --- */

static struct radius_server *server_take(struct radius_client *r, const struct conf_radius_server *c,
					 enum radius_role role)
{
	for (size_t i = 0; i < r->nservers[role]; i++) {
		struct radius_server *s = r->servers[role][i];

		if (s->listed || !radius_server_is(s, c, role))
			continue;
		if (radius_server_configure(s, c) < 0)
			log_error("radius-server-secret", "server=%s error=\"no memory\" kept=old", s->name);
		return s;
	}
	return radius_server_new(r, c, role);
}

/* Behind those of its own priority. */
static void server_insert(struct radius_server **servers, size_t n, struct radius_server *s)
{
	for (; n && servers[n - 1]->view.priority > s->view.priority; n--)
		servers[n] = servers[n - 1];
	servers[n] = s;
}

static void role_retire(struct radius_client *r, enum radius_role role)
{
	struct radius_server **old = r->servers[role];
	size_t n = r->nservers[role];

	r->servers[role] = NULL;
	r->nservers[role] = 0;
	for (size_t i = 0; i < n; i++)
		if (!old[i]->listed)
			radius_server_retire(old[i]);
	free(old);
}

static void role_configure(struct radius_client *r, enum radius_role role)
{
	const struct conf_radius *c = r->conf;
	struct radius_server **servers = calloc(c->nservers + 1, sizeof(struct radius_server *));
	struct radius_health_choice *choices = calloc(c->nservers + 1, sizeof *choices);
	size_t n = 0;

	if (!servers || !choices) {
		free(servers);
		free(choices);
		log_error("radius-servers", "error=\"no memory\" kept=old");
		return;
	}
	for (size_t i = 0; i < c->nservers; i++) {
		struct radius_server *s = server_take(r, &c->servers[i], role);

		if (!s)
			continue;
		s->listed = true;
		server_insert(servers, n++, s);
	}
	role_retire(r, role);
	free(r->choices[role]);
	r->servers[role] = servers;
	r->nservers[role] = n;
	r->choices[role] = choices;
	for (size_t i = 0; i < n; i++)
		servers[i]->listed = false;
}

void radius_client_configure(struct radius_client *r, const struct conf_radius *c)
{
	r->conf = c;
	for (int role = 0; role < RADIUS_ROLES; role++)
		role_configure(r, (enum radius_role)role);
	radius_client_kick(r);
}

/* --- the client --- */

struct radius_client *radius_client_new(struct ev_loop *loop, const struct conf_radius *c)
{
	struct radius_client *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->loop = loop;
	list_init(&r->all_servers);
	list_init(&r->exchanges);
	list_init(&r->moving);
	list_init(&r->finished);
	hash_init(&r->by_id);
	ev_init(&r->kick, on_kick);
	r->kick.data = r;
	radius_client_configure(r, c);
	return r;
}

void radius_client_free(struct radius_client *r)
{
	if (!r)
		return;
	r->dying = true;
	list_each(at, &r->exchanges) {
		struct radius_exchange *x = list_entry(at, struct radius_exchange, link);

		if (x->attempt)
			radius_attempt_end(x->attempt);
		exchange_free(x);
	}
	for (int role = 0; role < RADIUS_ROLES; role++) {
		role_retire(r, (enum radius_role)role);
		free(r->choices[role]);
	}
	list_each(at, &r->all_servers)
		radius_server_drop(list_entry(at, struct radius_server, link));
	hash_clear(&r->by_id);
	ev_clear_pending(r->loop, &r->kick);
	radius_client_enter(r);
	radius_client_leave(r);
}

uint64_t radius_client_send(struct radius_client *r, const struct radius_job *job)
{
	struct radius_exchange *x;

	if (r->dying || !radius_client_has(r, job->role))
		return 0;
	x = exchange_new(r, job);
	if (!x)
		return 0;
	exchange_dispatch(x);
	if (!x->waiting || r->nwaiting[job->role] <= RADIUS_QUEUE_MAX)
		return x->id;
	exchange_free(x);
	return 0;
}

void radius_client_cancel(struct radius_client *r, uint64_t id)
{
	struct radius_exchange *x = exchange_find(r, id);

	if (!x)
		return;
	if (x->attempt)
		radius_attempt_abandon(x->attempt);
	exchange_free(x);
}

bool radius_client_has(const struct radius_client *r, enum radius_role role)
{
	return r->nservers[role] > 0;
}

unsigned radius_client_pending(const struct radius_client *r, enum radius_role role)
{
	return r->pending[role];
}

bool radius_client_view(const struct radius_client *r, size_t i, struct radius_server_view *v)
{
	for (int role = 0; role < RADIUS_ROLES; role++) {
		if (i < r->nservers[role]) {
			radius_server_view_fill(r->servers[role][i], v);
			return true;
		}
		i -= r->nservers[role];
	}
	return false;
}
