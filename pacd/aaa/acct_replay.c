/*
 * Accounting at start: what an earlier pacd left in the spool (RAD-61, RAD-65,
 * RAD-66).
 *
 * Records that no server had taken wait again, in order; sessions that were open
 * get their Stop.  Owns what it reads until it is queued.
 */
#include "pacd/aaa/acct_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct replay {
	struct acct *acct;
	struct hash items; /* by number */
	size_t unreadable;
	struct acct_item **sorted; /* at the end */
	size_t n;
};

static struct acct_item *replay_find(struct replay *r, uint64_t number)
{
	struct hash_node *n = hash_first(&r->items, hash_u64(number));

	for (; n; n = hash_next(n))
		if (hash_entry(n, struct acct_item, key)->spool.number == number)
			return hash_entry(n, struct acct_item, key);
	return NULL;
}

static bool is_stop(const struct acct_item *i)
{
	return i->class != ACCT_STATES && acct_is_stop(i->account.status);
}

static void replay_done(struct replay *r, uint64_t number)
{
	struct acct_item *i = replay_find(r, number);

	if (!i)
		return;
	if (is_stop(i)) {
		i->done = true;
		return;
	}
	hash_remove(&r->items, &i->key);
	free(i);
}

static int replay_entry(void *ctx, const struct spool_record *record)
{
	struct replay *r = ctx;
	struct acct_item *i;
	int error;

	if (record->kind == SPOOL_DONE) {
		replay_done(r, record->number);
		return 0;
	}
	if (replay_find(r, record->number))
		return 0; /* a copy */
	if (record->kind != SPOOL_WAITS && record->kind != SPOOL_OPEN)
		error = -EBADMSG;
	else if ((i = acct_item_read(record, &error)) != NULL)
		error = hash_insert(&r->items, &i->key, hash_u64(record->number));
	if (error == -EBADMSG)
		r->unreadable++;
	return error == -EBADMSG ? 0 : error;
}

/* --- in order --- */

static int by_number(const void *a, const void *b)
{
	const struct acct_item *const *x = a, *const *y = b;

	return (*x)->spool.number < (*y)->spool.number ? -1 : (*x)->spool.number > (*y)->spool.number;
}

static int replay_sort(struct replay *r)
{
	r->sorted = calloc(r->items.count + 1, sizeof(struct acct_item *));
	if (!r->sorted)
		return -ENOMEM;
	for (size_t b = 0; b < r->items.size; b++)
		for (struct hash_node *n = r->items.buckets[b]; n; n = n->next)
			r->sorted[r->n++] = hash_entry(n, struct acct_item, key);
	qsort(r->sorted, r->n, sizeof(struct acct_item *), by_number);
	hash_clear(&r->items);
	return 0;
}

/* A Stop that was taken: all of its session was, before it, whatever the disk kept of that. */
static void replay_taken(struct acct *a, const struct acct_item *stop)
{
	struct acct_queue *q = acct_queue_find(a, &stop->account);
	size_t left = 0;

	if (!q)
		return;
	list_each(p, &q->items)
		left++;
	/* The last removal frees the queue. */
	for (struct list *p = q->items.next; left; left--) {
		struct acct_item *i = list_entry(p, struct acct_item, node);

		p = p->next;
		if (acct_kind_of(i->account.status) != acct_kind_of(stop->account.status) ||
		    strcmp(i->account.session_id, stop->account.session_id) != 0)
			continue;
		acct_queue_remove(i);
		a->recovered--;
	}
}

static void replay_record(struct acct *a, struct acct_item *i)
{
	bool new_on_off = a->enabled && a->on_off &&
			  (i->account.status == RADIUS_ACCT_ON || i->account.status == RADIUS_ACCT_OFF);
	struct acct_item *state;

	if (is_stop(i)) {
		state = acct_state_find(a, i->account.session_id, acct_kind_of(i->account.status));
		if (state)
			acct_state_remove(a, state);
		if (i->done)
			replay_taken(a, i);
	}
	/* The On that comes says what an old On or Off would. */
	if (i->done || new_on_off) {
		free(i);
		return;
	}
	a->recovered++;
	acct_queue_add(a, i, ACCT_RECOVERED);
}

static void replay_sorted(struct replay *r)
{
	struct acct *a = r->acct;

	for (size_t n = 0; n < r->n; n++) {
		struct acct_item *i = r->sorted[n];

		if (i->class != ACCT_STATES)
			replay_record(a, i);
		else if (acct_kind_of(i->account.status) != ACCT_NO_KIND)
			acct_state_insert(a, i);
		else
			free(i);
	}
	r->n = 0;
}

/* --- sessions that were open --- */

static uint8_t closing_status(enum acct_kind kind)
{
	if (kind == ACCT_TUNNEL)
		return RADIUS_ACCT_TUNNEL_STOP;
	return kind == ACCT_LINK ? RADIUS_ACCT_LINK_STOP : RADIUS_ACCT_STOP;
}

static int close_state(struct acct *a, struct acct_item *state, enum acct_kind kind)
{
	uint8_t attributes[SPOOL_RECORD_MAX - 128];
	struct spool_account account = state->account;
	struct acct_item *i;
	struct wbuf w;

	wbuf_init(&w, attributes, sizeof attributes);
	radius_put_closing(&w, state->account.attributes, state->account.len);
	account.status = closing_status(kind);
	account.attributes = attributes;
	account.len = wbuf_len(&w);
	if (w.fault) {
		acct_lose(a, &account, acct_class_of(account.status), "no room for a Stop");
		acct_state_remove(a, state);
		return 0;
	}
	i = acct_item_new(&account, SPOOL_WAITS);
	if (!i)
		return -ENOMEM;
	a->recovered++;
	acct_queue_add(a, i, ACCT_RECOVERED);
	acct_state_remove(a, state);
	return 0;
}

/* RAD-73: the user's, then the call's, then the connection's. */
static int close_states(struct acct *a, size_t *closed)
{
	int r = 0;

	for (unsigned kind = ACCT_SESSION; kind < ACCT_NO_KIND; kind++) {
		list_each(p, &a->age[ACCT_STATES]) {
			struct acct_item *i = list_entry(p, struct acct_item, age);

			if (r < 0 || acct_kind_of(i->account.status) != kind)
				continue;
			r = close_state(a, i, (enum acct_kind)kind);
			*closed += r == 0;
		}
	}
	return r;
}

/* --- all of it --- */

static void replay_clear(struct replay *r)
{
	if (replay_sort(r) == 0)
		for (size_t n = 0; n < r->n; n++)
			free(r->sorted[n]);
	free(r->sorted);
	hash_clear(&r->items);
}

int acct_replay(struct acct *a)
{
	struct replay r = { .acct = a };
	size_t closed = 0;
	int error;

	hash_init(&r.items);
	error = spool_read(a->spool, replay_entry, &r);
	if (error == 0)
		error = replay_sort(&r);
	if (error < 0) {
		replay_clear(&r);
		return error;
	}
	replay_sorted(&r);
	free(r.sorted);
	error = close_states(a, &closed);
	if (a->recovered || r.unreadable)
		log_info("accounting-recovered", "records=%llu closed=%zu unreadable=%zu",
			 (unsigned long long)a->recovered, closed, r.unreadable);
	return error;
}
