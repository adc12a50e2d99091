/*
 * Accounting: the order of records, sending them, and what follows when no
 * server answers (RAD-61, RAD-63 to RAD-66, RAD-73).
 *
 * Owns the queues and the items in them.  Must not know what a record says, and
 * of servers only whether they answer.
 */
#include "pacd/aaa/acct_internal.h"

#include "common/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BACKOFF_S 2.
#define BACKOFF_MAX_S 60.
#define REFUSED_S 1.      /* the client has no room */
#define NO_SERVER_S 5.
#define DOWN 2            /* exchanges without an answer, of different queues, that mean an outage */
#define STUCK_ALIVE 4     /* failures of one record that are its own fault: a server answers others */
#define STUCK 30          /* failures of one record when nothing is known: half an hour and more */

/* +-10 % */
static double jitter(double s)
{
	return s * (0.9 + 0.2 * (random_u32() / 4294967296.));
}

static void wait_start(struct acct *a, double s)
{
	ev_timer_stop(a->loop, &a->wait);
	ev_timer_set(&a->wait, s, 0.);
	ev_timer_start(a->loop, &a->wait);
}

/* --- queues --- */

struct acct_queue *acct_queue_find(struct acct *a, const struct spool_account *account)
{
	struct hash_node *n = hash_first(&a->queues, hash_bytes(account->queue, strlen(account->queue)));
	struct acct_queue *found = NULL;

	for (; n; n = hash_next(n)) {
		struct acct_queue *q = hash_entry(n, struct acct_queue, key);

		if (strcmp(q->id, account->queue) != 0)
			continue;
		if (strcmp(q->aside, account->session_id) == 0)
			return q;
		if (!q->aside[0])
			found = q;
	}
	return found;
}

static void on_backoff(struct ev_loop *loop, ev_timer *t, int revents);

static struct acct_queue *queue_new(struct acct *a, const char *id, const char *aside, enum acct_lane lane)
{
	struct acct_queue *q = calloc(1, sizeof *q);

	if (!q || hash_insert(&a->queues, &q->key, hash_bytes(id, strlen(id))) < 0) {
		free(q);
		return NULL;
	}
	q->acct = a;
	memcpy(q->id, id, strlen(id));
	memcpy(q->aside, aside, strlen(aside));
	q->serial = ++a->serial;
	q->lane = (uint8_t)lane;
	list_init(&q->items);
	list_init(&q->ready);
	ev_timer_init(&q->backoff, on_backoff, 0., 0.);
	q->backoff.data = q;
	return q;
}

static void queue_free(struct acct_queue *q)
{
	ev_timer_stop(q->acct->loop, &q->backoff);
	list_remove(&q->ready);
	hash_remove(&q->acct->queues, &q->key);
	free(q);
}

/* Its first item may go. */
static void queue_ready(struct acct_queue *q)
{
	ev_timer_stop(q->acct->loop, &q->backoff);
	list_remove(&q->ready);
	list_append(&q->acct->ready[q->lane], &q->ready);
	q->state = ACCT_READY;
}

static struct acct_item *queue_first(const struct acct_queue *q)
{
	return list_entry(q->items.next, struct acct_item, node);
}

bool acct_queue_in_flight(const struct acct_item *i)
{
	return i->queue && i->queue->state == ACCT_FLIGHT && queue_first(i->queue) == i;
}

/* An item left it, or came: whether it waits for anything. */
static void queue_settle(struct acct_queue *q)
{
	if (list_empty(&q->items))
		queue_free(q);
	else if (q->state == ACCT_IDLE)
		queue_ready(q);
}

void acct_queue_add(struct acct *a, struct acct_item *i, enum acct_lane lane)
{
	struct acct_queue *q = acct_queue_find(a, &i->account);

	if (!q)
		q = queue_new(a, i->account.queue, "", lane);
	if (!q) {
		acct_lose(a, &i->account, i->class, "no memory");
		free(i);
		return;
	}
	i->queue = q;
	list_append(&q->items, &i->node);
	list_append(&a->age[i->class], &i->age);
	a->waiting[i->class]++;
	a->inside[q->lane]++;
	a->holding[q->lane]++;
	acct_item_count(a, i, true);
	spool_put(a->spool, &i->spool, true);
	queue_settle(q);
}

/* Its queue's state is as it was: for the caller. */
static void item_remove(struct acct_item *i)
{
	struct acct_queue *q = i->queue;
	struct acct *a = q->acct;

	list_remove(&i->node);
	list_remove(&i->age);
	a->waiting[i->class]--;
	a->inside[q->lane]--;
	if (!i->stuck)
		a->holding[q->lane]--;
	acct_item_count(a, i, false);
	spool_drop(a->spool, &i->spool);
	free(i);
}

void acct_queue_remove(struct acct_item *i)
{
	struct acct_queue *q = i->queue;
	bool first = queue_first(q) == i;

	if (acct_queue_in_flight(i)) {
		radius_client_cancel(q->acct->client, q->exchange);
		q->acct->in_flight--;
	}
	if (first) {
		q->state = ACCT_IDLE;
		q->failures = 0;
	}
	item_remove(i);
	queue_settle(q);
}

/* --- an exchange --- */

/* RAD-64: the delay is of the moment; all else stays as it was. */
static int item_encode(void *ctx, const struct radius_hiding *h, struct wbuf *w)
{
	struct acct_item *i = ctx;
	int64_t delay = (int64_t)time(NULL) - i->account.event_time;

	(void)h;
	if (delay < 0)
		delay = 0;
	wbuf_bytes(w, i->account.attributes, i->account.len);
	radius_put_u32(w, RADIUS_ACCT_DELAY_TIME, delay > UINT32_MAX ? UINT32_MAX : (uint32_t)delay);
	return w->fault ? -EINVAL : 0;
}

/*
 * One that comes up again has answered something, were it Status-Server.  That it is up says nothing: it may not have
 * been asked for long.
 */
static void servers_look(struct acct *a)
{
	struct radius_server_view v;

	for (size_t n = 0; n < 64 && radius_client_view(a->client, n, &v); n++) {
		uint64_t bit = UINT64_C(1) << n;

		if (v.role != RADIUS_ACCT)
			continue;
		if (v.state != RADIUS_UP) {
			a->servers_down |= bit;
		} else if (a->servers_down & bit) {
			a->servers_down &= ~bit;
			a->answers++;
		}
	}
}

/* From here on it counts whether a server takes others, or answers. */
static void item_watch(const struct acct *a, struct acct_item *i)
{
	i->taken_then = a->acknowledged;
	i->answers_then = a->answers;
}

/* No lane waits for it from now on, nor for those behind it, which can't go before it. */
static void item_stick(struct acct_item *i)
{
	struct acct_queue *q = i->queue;

	for (struct list *p = &i->node; p != &q->items; p = p->next) {
		struct acct_item *later = list_entry(p, struct acct_item, node);

		q->acct->holding[q->lane] -= !later->stuck;
		later->stuck = true;
	}
}

/* A record that a server does not like must not hold up others for ever. */
static void item_failed(struct acct *a, struct acct_item *i)
{
	bool alive;

	servers_look(a);
	i->failures++;
	if (a->acknowledged != i->taken_then)
		i->refused++;
	alive = i->refused || a->answers != i->answers_then;
	item_watch(a, i);
	if (i->failures >= (alive ? STUCK_ALIVE : STUCK))
		item_stick(i);
}

static void down_start(struct acct *a)
{
	unsigned suppressed;

	a->down = true;
	if (log_allow(&a->limit_silent, mono_now(), &suppressed))
		log_warn("accounting-waits", "servers=silent records=%llu suppressed=%u",
			 (unsigned long long)acct_waiting(a), suppressed);
}

static void backoff_grow(double *s)
{
	*s = *s * 2 < BACKOFF_MAX_S ? *s * 2 : BACKOFF_MAX_S;
}

static void queue_back_off(struct acct_queue *q)
{
	double s = BACKOFF_S;

	for (unsigned n = q->failures++; n && s < BACKOFF_MAX_S; n--)
		backoff_grow(&s);
	q->state = ACCT_BACKOFF;
	ev_timer_set(&q->backoff, jitter(s), 0.);
	ev_timer_start(q->acct->loop, &q->backoff);
}

/* --- a record that the server does not take, while it takes others (RAD-61: "or given up") --- */

static bool stop_follows(const struct acct_item *i)
{
	for (struct list *p = i->node.next; p != &i->queue->items; p = p->next) {
		const struct acct_item *later = list_entry(p, struct acct_item, node);

		if (acct_is_stop(later->account.status) &&
		    strcmp(later->account.session_id, i->account.session_id) == 0)
			return true;
	}
	return false;
}

/* All of the first one's session leave the queue, in their order; without memory they stay. The queue that has it. */
static struct acct_queue *queue_split(struct acct_queue *q)
{
	const char *session = queue_first(q)->account.session_id;
	struct acct_queue *aside = queue_new(q->acct, q->id, session, (enum acct_lane)q->lane);

	if (!aside)
		return q;
	aside->failures = q->failures;
	list_each(p, &q->items) {
		struct acct_item *i = list_entry(p, struct acct_item, node);

		if (strcmp(i->account.session_id, session) != 0)
			continue;
		list_remove(&i->node);
		list_append(&aside->items, &i->node);
		i->queue = aside;
	}
	q->failures = 0;
	queue_settle(q);
	return aside;
}

/* The queue that is to try its first record again; NULL: that was given up. A Stop never is. */
static struct acct_queue *refused(struct acct *a, struct acct_queue *q)
{
	struct acct_item *i = queue_first(q);

	if (i->refused < STUCK_ALIVE)
		return q;
	if (!acct_is_stop(i->account.status) && stop_follows(i)) {
		acct_lose(a, &i->account, i->class, "the server does not take it, and a Stop waits behind it");
		acct_queue_remove(i);
		return NULL;
	}
	return q->aside[0] ? q : queue_split(q);
}

/* One queue alone may have a record that the server does not like: two are an outage. */
static void exchange_silent(struct acct *a, struct acct_queue *q)
{
	item_failed(a, queue_first(q));
	if (a->silent_queue != q->serial)
		a->silent++;
	a->silent_queue = q->serial;
	if (!a->down && a->silent >= DOWN)
		down_start(a);
	q = refused(a, q);
	if (!a->down) {
		if (q)
			queue_back_off(q);
		return;
	}
	/* Behind the others: the next probe is another record. */
	if (q)
		queue_ready(q);
	if (a->in_flight == 0) {
		wait_start(a, jitter(a->backoff_s));
		backoff_grow(&a->backoff_s);
	}
}

/* The server takes records, but not On: then it goes, since behind others it would end their sessions. */
static void on_give_up(struct acct *a)
{
	list_each(p, &a->age[ACCT_OTHERS]) {
		struct acct_item *i = list_entry(p, struct acct_item, age);

		if (i->queue->lane != ACCT_ON)
			continue;
		acct_lose(a, &i->account, ACCT_OTHERS, "the server does not answer Accounting-On");
		acct_queue_remove(i);
		return;
	}
}

static void exchange_taken(struct acct *a, struct acct_queue *q)
{
	a->acknowledged++;
	a->silent = 0;
	a->silent_queue = 0;
	a->backoff_s = BACKOFF_S;
	if (a->down)
		log_info("accounting-goes-on", "records=%llu", (unsigned long long)acct_waiting(a));
	a->down = false;
	ev_timer_stop(a->loop, &a->wait);
	if (q->lane == ACCT_NEW && a->inside[ACCT_ON])
		on_give_up(a);
	acct_queue_remove(queue_first(q));
}

static void item_done(void *ctx, const struct radius_answer *answer)
{
	struct acct_item *i = ctx;
	struct acct_queue *q = i->queue;
	struct acct *a = q->acct;

	a->in_flight--;
	q->state = ACCT_IDLE;
	q->exchange = 0;
	if (answer->error == 0) {
		exchange_taken(a, q);
	} else if (answer->error == -EINVAL) {
		acct_lose(a, &i->account, i->class, "does not fit into a packet");
		acct_queue_remove(i);
	} else {
		exchange_silent(a, q);
	}
	acct_queue_pump(a);
	acct_progress(a);
}

static bool queue_send(struct acct_queue *q)
{
	struct acct *a = q->acct;
	struct acct_item *i = queue_first(q);
	struct radius_job job = { .role = RADIUS_ACCT, .code = RADIUS_ACCOUNTING_REQUEST, .encode = item_encode,
				  .done = item_done, .ctx = i };

	q->exchange = radius_client_send(a->client, &job);
	if (!q->exchange)
		return false;
	list_remove(&q->ready);
	q->state = ACCT_FLIGHT;
	a->in_flight++;
	a->sent++;
	if (!i->sends++) {
		item_watch(a, i);
		return true;
	}
	a->retried++;
	if (i->failures)
		servers_look(a);
	return true;
}

/* --- what goes next --- */

static bool on_is_stuck(const struct acct *a)
{
	return a->inside[ACCT_ON] && !a->holding[ACCT_ON];
}

/* RAD-66. A lane's items wait for those of the lanes before it, but not for stuck ones. */
static bool lane_open(struct acct *a, enum acct_lane lane)
{
	if (list_empty(&a->ready[lane]))
		return false;
	switch (lane) {
	case ACCT_RECOVERED: return true;
	case ACCT_ON: return !a->holding[ACCT_RECOVERED];
	case ACCT_NEW: return !a->holding[ACCT_ON];
	case ACCT_OFF: return !a->holding[ACCT_RECOVERED] && !a->holding[ACCT_ON] && !a->holding[ACCT_NEW];
	case ACCT_LANES: break;
	}
	return false;
}

static struct acct_queue *next_queue(struct acct *a)
{
	for (unsigned lane = 0; lane < ACCT_LANES; lane++) {
		if (!lane_open(a, (enum acct_lane)lane))
			continue;
		/* In turns with others: whichever is answered first decides. */
		if (lane == ACCT_ON && on_is_stuck(a) && lane_open(a, ACCT_NEW) && (a->explore = !a->explore))
			continue;
		return list_entry(a->ready[lane].next, struct acct_queue, ready);
	}
	return NULL;
}

static unsigned window(const struct acct *a)
{
	return a->down || on_is_stuck(a) ? 1 : ACCT_WINDOW;
}

void acct_queue_pump(struct acct *a)
{
	struct acct_queue *q;

	while (!ev_is_active(&a->wait) && a->in_flight < window(a) && (q = next_queue(a)) != NULL) {
		if (!radius_client_has(a->client, RADIUS_ACCT))
			wait_start(a, NO_SERVER_S);
		else if (!queue_send(q))
			wait_start(a, REFUSED_S);
	}
}

static void on_backoff(struct ev_loop *loop, ev_timer *t, int revents)
{
	struct acct_queue *q = t->data;

	(void)loop;
	(void)revents;
	queue_ready(q);
	acct_queue_pump(q->acct);
}

void acct_queue_hurry(struct acct *a)
{
	ev_timer_stop(a->loop, &a->wait);
	a->backoff_s = BACKOFF_S;
	acct_queue_pump(a);
}
