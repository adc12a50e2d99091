/*
 * Accounting: what its callers see (RAD-04, RAD-60 to RAD-66).
 *
 * Takes records, keeps how each session stands, makes On and Off.  Owns the
 * whole; queues and sending are in acct_queue.c.  Must not know what records say.
 */
#include "pacd/aaa/acct_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* --- records --- */

static int64_t state_octets(struct acct *a, const char *session_id, enum acct_kind kind)
{
	struct acct_item *state = kind == ACCT_NO_KIND ? NULL : acct_state_find(a, session_id, kind);

	return state ? (int64_t)acct_item_octets(state) : 0;
}

/* RAD-63: at most one of a session waits. */
static struct acct_item *waiting_interim(struct acct *a, const struct spool_account *account)
{
	struct acct_queue *q = acct_queue_find(a, account);
	struct list *p;

	if (!q)
		return NULL;
	for (p = q->items.prev; p != &q->items; p = p->prev) {
		struct acct_item *i = list_entry(p, struct acct_item, node);

		if (strcmp(i->account.session_id, account->session_id) != 0)
			continue;
		return i->class == ACCT_INTERIMS && !acct_queue_in_flight(i) ? i : NULL;
	}
	return NULL;
}

static bool account_from(struct spool_account *account, const struct acct_record *r)
{
	const char *queue = r->tunnel ? r->tunnel : r->session_id;

	*account = (struct spool_account){ .status = r->status, .event_time = r->event_time,
					   .attributes = r->attributes, .len = r->len };
	if (!*queue || strlen(queue) >= sizeof account->queue || !*r->session_id ||
	    strlen(r->session_id) >= sizeof account->session_id)
		return false;
	memcpy(account->queue, queue, strlen(queue));
	memcpy(account->session_id, r->session_id, strlen(r->session_id));
	return true;
}

static bool record_add(struct acct *a, const struct spool_account *account, enum acct_lane lane)
{
	enum acct_class class = acct_class_of(account->status);
	struct acct_item *i = acct_item_new(account, SPOOL_WAITS), *older = NULL;
	int64_t more;

	if (!i) {
		acct_lose(a, account, class, "no memory, or no record");
		return false;
	}
	more = (int64_t)acct_item_octets(i);
	if (acct_is_stop(account->status))
		more -= state_octets(a, account->session_id, acct_kind_of(account->status));
	if (class == ACCT_INTERIMS && (older = waiting_interim(a, account)) != NULL)
		more -= (int64_t)acct_item_octets(older);
	if (!acct_reserve(a, more, class, account->status)) {
		acct_lose(a, account, class, "acct.spool_mb is reached");
		free(i);
		return false;
	}
	/* Again: it may have been dropped for this one. And it goes after the new one is there. */
	older = class == ACCT_INTERIMS ? waiting_interim(a, account) : NULL;
	acct_queue_add(a, i, lane);
	if (older)
		acct_queue_remove(older);
	return true;
}

static void state_set(struct acct *a, const struct spool_account *account)
{
	struct acct_item *i = acct_item_new(account, SPOOL_OPEN);
	int64_t more;

	if (!i) {
		acct_lose(a, account, ACCT_STATES, "no memory, or no record");
		return;
	}
	more = (int64_t)acct_item_octets(i) - state_octets(a, account->session_id, acct_kind_of(account->status));
	if (acct_reserve(a, more, ACCT_STATES, account->status)) {
		acct_state_insert(a, i);
		return;
	}
	acct_lose(a, account, ACCT_STATES, "acct.spool_mb is reached");
	free(i);
}

static void stop_add(struct acct *a, const struct spool_account *account, struct acct_item *state)
{
	record_add(a, account, ACCT_NEW);
	/* Behind the Stop: whoever reads finds one of the two. */
	if (state)
		acct_state_remove(a, state);
}

void acct_add(struct acct *a, const struct acct_record *r)
{
	enum acct_kind kind = acct_kind_of(r->status);
	struct spool_account account;
	struct acct_item *state;

	if (!account_from(&account, r)) {
		acct_lose(a, &account, acct_class_of(r->status), "no session id");
		return;
	}
	state = kind == ACCT_NO_KIND ? NULL : acct_state_find(a, account.session_id, kind);
	if (state)
		memcpy(account.queue, state->account.queue, sizeof account.queue);
	if (!a->enabled && !(state && acct_is_stop(r->status)))
		return;
	if (acct_is_stop(r->status)) {
		stop_add(a, &account, state);
	} else {
		if (kind != ACCT_NO_KIND)
			state_set(a, &account);
		record_add(a, &account, ACCT_NEW);
	}
	acct_queue_pump(a);
}

void acct_note(struct acct *a, const struct acct_record *r)
{
	enum acct_kind kind = acct_kind_of(r->status);
	struct spool_account account;
	struct acct_item *state;

	if (kind == ACCT_NO_KIND || acct_is_stop(r->status) || !account_from(&account, r))
		return;
	/* Not one that never began, or is over. */
	state = acct_state_find(a, account.session_id, kind);
	if (!state)
		return;
	memcpy(account.queue, state->account.queue, sizeof account.queue);
	state_set(a, &account);
}

/* --- On and Off (RAD-66) --- */

static bool on_off_add(struct acct *a, uint8_t status, enum acct_lane lane)
{
	uint8_t attributes[RADIUS_PACKET_MAX];
	char id[RADIUS_SESSION_ID];
	struct radius_account account = { .status = status, .event_time = time(NULL) };
	struct acct_record r = { .status = status, .event_time = account.event_time, .session_id = id,
				 .attributes = attributes };
	struct spool_account taken;
	struct wbuf w;

	acct_session_id(a, id);
	wbuf_init(&w, attributes, sizeof attributes);
	radius_put_account(&w, &a->nas, NULL, id, &account);
	r.len = wbuf_len(&w);
	return account_from(&taken, &r) && record_add(a, &taken, lane);
}

/* On ends all sessions at the server: only where it can have none of ours that is not over. */
static void on_make(struct acct *a)
{
	bool open = a->waiting[ACCT_STATES] || a->inside[ACCT_NEW];

	if (!a->enabled || !a->on_off || a->on_made || open)
		return;
	a->on_made = true;
	on_off_add(a, RADIUS_ACCT_ON, ACCT_ON);
}

static void stop_end(struct acct *a)
{
	void (*stopped)(void *) = a->stopped;

	ev_timer_stop(a->loop, &a->stop);
	a->stopped = NULL;
	if (stopped)
		stopped(a->stopped_ctx);
}

static bool stop_over(const struct acct *a)
{
	return !a->inside[ACCT_OFF] && !a->waiting[ACCT_STOPS] && !a->waiting[ACCT_TUNNELS];
}

void acct_progress(struct acct *a)
{
	if (a->stopped && stop_over(a))
		stop_end(a);
}

static void on_stop(struct ev_loop *loop, ev_timer *t, int revents)
{
	(void)loop;
	(void)revents;
	stop_end(t->data);
}

void acct_stop(struct acct *a, int64_t ms, void (*done)(void *ctx), void *ctx)
{
	if (a->enabled && a->on_off && !a->inside[ACCT_OFF])
		on_off_add(a, RADIUS_ACCT_OFF, ACCT_OFF);
	a->stopped = done;
	a->stopped_ctx = ctx;
	acct_queue_hurry(a);
	ev_timer_stop(a->loop, &a->stop);
	ev_timer_set(&a->stop, stop_over(a) ? 0. : (double)ms / 1e3, 0.);
	ev_timer_start(a->loop, &a->stop);
}

/* --- what it is --- */

bool acct_enabled(const struct acct *a)
{
	return a->enabled;
}

void acct_session_id(struct acct *a, char id[RADIUS_SESSION_ID])
{
	snprintf(id, RADIUS_SESSION_ID, "%08" PRIX32 "%08" PRIX32, a->boot, a->counter++);
}

static int64_t oldest_event(const struct acct *a)
{
	int64_t oldest = INT64_MAX;

	for (unsigned class = 0; class < ACCT_STATES; class++)
		if (!list_empty(&a->age[class])) {
			int64_t t = list_entry(a->age[class].next, struct acct_item, age)->account.event_time;

			oldest = t < oldest ? t : oldest;
		}
	return oldest;
}

void acct_view(const struct acct *a, struct acct_view *v)
{
	int64_t oldest = oldest_event(a), now = time(NULL);

	*v = (struct acct_view){
		.enabled = a->enabled,
		.on_disk = a->spool != NULL,
		.waiting = acct_waiting(a),
		.octets = spool_octets(a->spool),
		.sent = a->sent,
		.acknowledged = a->acknowledged,
		.retried = a->retried,
		.dropped_interims = a->dropped[ACCT_INTERIMS],
		.dropped_stops = a->dropped[ACCT_STOPS],
		.dropped_others = a->dropped[ACCT_OTHERS] + a->dropped[ACCT_TUNNELS],
		.recovered = a->recovered,
		.disk_errors = spool_errors(a->spool),
		.oldest_s = oldest < now ? now - oldest : 0,
	};
}

/* --- coming and going --- */

static void conf_take(struct acct *a, const struct conf_radius *c, const struct radius_nas *nas)
{
	uint64_t octets = (uint64_t)c->acct.spool_mb << 20;

	a->enabled = c->acct.enabled;
	a->on_off = c->acct.on_off;
	a->limit = octets / 8 * 5;
	a->nas = *nas;
	spool_set_limit(a->spool, octets);
}

void acct_configure(struct acct *a, const struct conf_radius *c, const struct radius_nas *nas)
{
	bool was_enabled = a->enabled;

	conf_take(a, c, nas);
	if (!was_enabled)
		on_make(a);
	a->servers_down = 0; /* they may be others now */
	/* There may be a server now that there was not. */
	acct_queue_hurry(a);
}

static void on_wait(struct ev_loop *loop, ev_timer *t, int revents)
{
	(void)loop;
	(void)revents;
	acct_queue_pump(t->data);
}

static struct acct *acct_alloc(struct ev_loop *loop, struct radius_client *client)
{
	struct acct *a = calloc(1, sizeof *a);

	if (!a)
		return NULL;
	a->loop = loop;
	a->client = client;
	hash_init(&a->queues);
	hash_init(&a->states);
	for (unsigned n = 0; n < ACCT_CLASSES; n++)
		list_init(&a->age[n]);
	for (unsigned n = 0; n < ACCT_LANES; n++)
		list_init(&a->ready[n]);
	a->backoff_s = 2.;
	ev_timer_init(&a->wait, on_wait, 0., 0.);
	ev_timer_init(&a->stop, on_stop, 0., 0.);
	a->wait.data = a->stop.data = a;
	a->limit_dropped = LOG_LIMIT(10, 6);
	a->limit_silent = LOG_LIMIT(3, 1);
	return a;
}

/* 0 or -ENOMEM. */
static int spool_begin(struct acct *a)
{
	int r = acct_replay(a);

	if (r == 0) {
		a->boot = spool_boot(a->spool, time(NULL));
		r = spool_start(a->spool);
	}
	return r;
}

struct acct *acct_new(struct ev_loop *loop, struct radius_client *client, const struct conf_radius *c, int spool_fd,
		      const struct radius_nas *nas)
{
	struct acct *a = acct_alloc(loop, client);

	if (!a) {
		if (spool_fd >= 0)
			close(spool_fd);
		return NULL;
	}
	if (spool_fd >= 0)
		a->spool = spool_new(loop, spool_fd, c->acct.spool ? c->acct.spool : "", (uint64_t)c->acct.spool_mb << 20);
	conf_take(a, c, nas);
	a->boot = (uint32_t)time(NULL);
	if (a->spool && spool_begin(a) < 0) {
		acct_free(a);
		return NULL;
	}
	on_make(a);
	acct_queue_pump(a);
	return a;
}

/* Of no concern to the spool any more. */
static void items_free(struct acct *a)
{
	a->spool = NULL;
	for (unsigned class = 0; class < ACCT_STATES; class++)
		while (!list_empty(&a->age[class]))
			acct_queue_remove(list_entry(a->age[class].next, struct acct_item, age));
	while (!list_empty(&a->age[ACCT_STATES]))
		acct_state_remove(a, list_entry(a->age[ACCT_STATES].next, struct acct_item, age));
	hash_clear(&a->queues);
	hash_clear(&a->states);
}

void acct_free(struct acct *a)
{
	if (!a)
		return;
	spool_free(a->spool);
	items_free(a);
	ev_timer_stop(a->loop, &a->wait);
	ev_timer_stop(a->loop, &a->stop);
	free(a);
}
