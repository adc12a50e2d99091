/*
 * Accounting: items, the bound of them, and how each open session stands
 * (RAD-61, RAD-65).
 *
 * Owns what an item is made of and the table of states.  Must not know servers.
 */
#include "pacd/aaa/acct_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- what records are --- */

enum acct_kind acct_kind_of(uint8_t status)
{
	switch (status) {
	case RADIUS_ACCT_START:
	case RADIUS_ACCT_INTERIM:
	case RADIUS_ACCT_STOP: return ACCT_SESSION;
	case RADIUS_ACCT_LINK_START:
	case RADIUS_ACCT_LINK_STOP: return ACCT_LINK;
	case RADIUS_ACCT_TUNNEL_START:
	case RADIUS_ACCT_TUNNEL_STOP: return ACCT_TUNNEL;
	default: return ACCT_NO_KIND;
	}
}

bool acct_is_stop(uint8_t status)
{
	return status == RADIUS_ACCT_STOP || status == RADIUS_ACCT_LINK_STOP || status == RADIUS_ACCT_TUNNEL_STOP;
}

bool acct_is_tunnel(uint8_t status)
{
	return status >= RADIUS_ACCT_TUNNEL_START && status <= RADIUS_ACCT_LINK_REJECT;
}

enum acct_class acct_class_of(uint8_t status)
{
	if (acct_is_tunnel(status))
		return ACCT_TUNNELS;
	if (status == RADIUS_ACCT_INTERIM)
		return ACCT_INTERIMS;
	return acct_is_stop(status) ? ACCT_STOPS : ACCT_OTHERS;
}

static const char *class_word(enum acct_class class)
{
	static const char *const words[ACCT_CLASSES] = { "tunnel", "interim", "other", "stop", "state" };

	return words[class];
}

/* --- items --- */

size_t acct_item_octets(const struct acct_item *i)
{
	return SPOOL_RECORD_HEADER + i->spool.len;
}

/* `account` and all else follow from the payload. */
static int item_fill(struct acct_item *i, enum spool_kind kind, size_t len)
{
	spool_item_init(&i->spool, (uint8_t)kind, i->payload, len);
	list_init(&i->age);
	list_init(&i->node);
	i->queue = NULL;
	i->stuck = i->done = false;
	i->sends = i->failures = i->refused = 0;
	i->taken_then = i->answers_then = 0;
	if (spool_account_get(&i->account, i->payload, len) < 0)
		return -EBADMSG;
	i->class = (uint8_t)(kind == SPOOL_OPEN ? ACCT_STATES : acct_class_of(i->account.status));
	return 0;
}

struct acct_item *acct_item_new(const struct spool_account *account, enum spool_kind kind)
{
	size_t cap = account->len + 2 * RADIUS_SESSION_ID + 16;
	struct acct_item *i = cap <= SPOOL_RECORD_MAX ? malloc(sizeof *i + cap) : NULL;
	struct wbuf w;

	if (!i)
		return NULL;
	wbuf_init(&w, i->payload, cap);
	spool_account_put(&w, account);
	if (item_fill(i, kind, wbuf_len(&w)) == 0)
		return i;
	free(i);
	return NULL;
}

struct acct_item *acct_item_read(const struct spool_record *r, int *error)
{
	struct acct_item *i = malloc(sizeof *i + r->len);

	*error = i ? 0 : -ENOMEM;
	if (!i)
		return NULL;
	if (r->len)
		memcpy(i->payload, r->payload, r->len);
	*error = item_fill(i, (enum spool_kind)r->kind, r->len);
	i->spool.number = r->number;
	if (*error == 0)
		return i;
	free(i);
	return NULL;
}

/* --- how much --- */

void acct_item_count(struct acct *a, const struct acct_item *i, bool there)
{
	uint64_t octets = acct_item_octets(i);

	a->octets += there ? octets : -octets;
	if (acct_is_tunnel(i->account.status))
		a->tunnel_octets += there ? octets : -octets;
}

void acct_lose(struct acct *a, const struct spool_account *account, enum acct_class class, const char *why)
{
	unsigned suppressed;
	char id[LOG_QUOTED(RADIUS_SESSION_ID)];

	a->dropped[class]++;
	if (!log_allow(&a->limit_dropped, mono_now(), &suppressed))
		return;
	log_warn("accounting-dropped", "session=%s record=%s status=%u why=\"%s\" suppressed=%u",
		 log_quote(id, sizeof id, account->session_id, strlen(account->session_id)), class_word(class),
		 account->status, why, suppressed);
}

uint64_t acct_waiting(const struct acct *a)
{
	uint64_t n = 0;

	for (unsigned class = 0; class < ACCT_STATES; class++)
		n += a->waiting[class];
	return n;
}

/* The oldest of that class that is not in flight. On and Off stay: they are two. */
static bool drop_oldest(struct acct *a, enum acct_class class)
{
	list_each(p, &a->age[class]) {
		struct acct_item *i = list_entry(p, struct acct_item, age);

		if (acct_queue_in_flight(i) || i->queue->lane == ACCT_ON || i->queue->lane == ACCT_OFF)
			continue;
		acct_lose(a, &i->account, class, "acct.spool_mb is reached");
		acct_queue_remove(i);
		return true;
	}
	return false;
}

static bool fits(const struct acct *a, int64_t more, bool tunnel)
{
	if (tunnel && (int64_t)a->tunnel_octets + more > (int64_t)(a->limit / ACCT_TUNNEL_SHARE))
		return false;
	return (int64_t)a->octets + more <= (int64_t)a->limit;
}

static bool drop_for(struct acct *a, enum acct_class class, bool tunnel)
{
	if (drop_oldest(a, ACCT_TUNNELS))
		return true;
	if (tunnel)
		return false;
	return drop_oldest(a, ACCT_INTERIMS) || (class == ACCT_STOPS && drop_oldest(a, ACCT_OTHERS));
}

bool acct_reserve(struct acct *a, int64_t more, enum acct_class class, uint8_t status)
{
	bool tunnel = acct_is_tunnel(status);

	/* What does not grow never fails: the bound may have been lowered since. */
	while (more > 0 && !fits(a, more, tunnel))
		if (!drop_for(a, class, tunnel))
			return false;
	return true;
}

/* --- states --- */

static uint64_t state_hash(const char *session_id, enum acct_kind kind)
{
	return hash_bytes(session_id, strlen(session_id)) + (uint64_t)kind;
}

struct acct_item *acct_state_find(struct acct *a, const char *session_id, enum acct_kind kind)
{
	struct hash_node *n = hash_first(&a->states, state_hash(session_id, kind));

	for (; n; n = hash_next(n)) {
		struct acct_item *i = hash_entry(n, struct acct_item, key);

		if (acct_kind_of(i->account.status) == kind && strcmp(i->account.session_id, session_id) == 0)
			return i;
	}
	return NULL;
}

void acct_state_insert(struct acct *a, struct acct_item *i)
{
	enum acct_kind kind = acct_kind_of(i->account.status);
	struct acct_item *older = acct_state_find(a, i->account.session_id, kind);

	if (hash_insert(&a->states, &i->key, state_hash(i->account.session_id, kind)) < 0) {
		acct_lose(a, &i->account, ACCT_STATES, "no memory");
		free(i);
		return;
	}
	list_append(&a->age[ACCT_STATES], &i->age);
	a->waiting[ACCT_STATES]++;
	acct_item_count(a, i, true);
	/* The new one first: the reader prefers it where both are there. */
	spool_put(a->spool, &i->spool, false);
	if (older)
		acct_state_remove(a, older);
}

void acct_state_remove(struct acct *a, struct acct_item *i)
{
	hash_remove(&a->states, &i->key);
	list_remove(&i->age);
	a->waiting[ACCT_STATES]--;
	acct_item_count(a, i, false);
	spool_drop(a->spool, &i->spool);
	free(i);
}
