/*
 * PNSs that could not be reached: each is left alone for a while, longer with
 * every further failure (RFC 2637 section 3.1.1; ledger CC-15).
 *
 * Owns one small node for each of them, until it is reached again or long ago.
 */
#include "pacd/session_internal.h"

#include <stdlib.h>

#define DOUBLINGS_MAX 4       /* of pns.backoff */
#define FORGET_US 3600000000LL /* a failure as old as this says nothing */

struct failing {
	struct hash_node node;
	uint32_t addr;
	unsigned failures;
	struct mono since, until;
};

static struct failing *find(const struct sessions *set, uint32_t addr)
{
	struct hash_node *node = hash_first(&set->failing, hash_u64(addr));

	for (; node; node = hash_next(node)) {
		struct failing *f = hash_entry(node, struct failing, node);

		if (f->addr == addr)
			return f;
	}
	return NULL;
}

static void forget(struct sessions *set, struct failing *f)
{
	hash_remove(&set->failing, &f->node);
	free(f);
}

/* Whoever names PNSs may name many: those of long ago go whenever a new one comes. */
static void forget_old(struct sessions *set, struct mono now)
{
	for (size_t i = 0; i < set->failing.size; i++) {
		struct hash_node *node = set->failing.buckets[i], *next;

		for (; node; node = next) {
			struct failing *f = hash_entry(node, struct failing, node);

			next = node->next;
			if (mono_diff_us(now, f->since) > FORGET_US)
				forget(set, f);
		}
	}
}

static struct failing *add(struct sessions *set, uint32_t addr, struct mono now)
{
	struct failing *f;

	forget_old(set, now);
	f = calloc(1, sizeof *f);
	if (!f)
		return NULL;
	f->addr = addr;
	if (hash_insert(&set->failing, &f->node, hash_u64(addr)) == 0)
		return f;
	free(f);
	return NULL;
}

bool session_pns_rests(struct sessions *set, uint32_t addr)
{
	const struct failing *f = find(set, addr);

	return f && !mono_reached(f->until, mono_now());
}

void session_pns_failed(struct sessions *set, uint32_t addr)
{
	struct mono now = mono_now();
	struct failing *f = find(set, addr);

	if (!f)
		f = add(set, addr, now);
	if (!f)
		return;
	f->since = now;
	f->until = mono_add_ms(now, set->conf->real.pns.backoff_ms << f->failures);
	if (f->failures < DOUBLINGS_MAX)
		f->failures++;
}

void session_pns_reached(struct sessions *set, uint32_t addr)
{
	struct failing *f = find(set, addr);

	if (f)
		forget(set, f);
}

void session_pns_clear(struct sessions *set)
{
	for (size_t i = 0; i < set->failing.size; i++)
		while (set->failing.buckets[i])
			forget(set, hash_entry(set->failing.buckets[i], struct failing, node));
	hash_clear(&set->failing);
}
