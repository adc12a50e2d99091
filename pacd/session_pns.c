/*
 * What is known of PNSs: those that could not be reached are left alone for a
 * while, longer with every further failure (RFC 2637 section 3.1.1; ledger
 * CC-15), and names need not be looked up for each of many rings (RAD-42).
 *
 * Owns one small node for each that fails, until it is reached again or long ago.
 */
#include "pacd/session_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NAME_S 30 /* an address of a name holds so long */
#define DOUBLINGS_MAX 4       /* of pns.backoff */
#define FORGET_US 3600000000LL /* a failure as old as this says nothing */

uint32_t session_pns_address(const struct sessions *set, const char *host)
{
	struct mono now = mono_now();

	for (unsigned i = 0; i < SESSION_NAMES; i++)
		if (!strcasecmp(set->names[i].host, host) && mono_is_set(set->names[i].until) &&
		    !mono_reached(set->names[i].until, now))
			return set->names[i].addr;
	return 0;
}

void session_pns_resolved(struct sessions *set, const char *host, uint32_t addr)
{
	struct session_name *n = &set->names[set->next_name++ % SESSION_NAMES];

	strcpy(n->host, host); /* of a tunnel's set, as long */
	n->addr = addr;
	n->until = mono_add_s(mono_now(), NAME_S);
}

struct failing {
	struct hash_node node;
	struct endpoint peer;
	unsigned failures;
	struct mono since, until;
};

static uint64_t key(struct endpoint peer)
{
	return hash_u64((uint64_t)peer.addr << 16 | peer.port);
}

static struct failing *find(const struct sessions *set, struct endpoint peer)
{
	struct hash_node *node = hash_first(&set->failing, key(peer));

	for (; node; node = hash_next(node)) {
		struct failing *f = hash_entry(node, struct failing, node);

		if (f->peer.addr == peer.addr && f->peer.port == peer.port)
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

static struct failing *add(struct sessions *set, struct endpoint peer, struct mono now)
{
	struct failing *f;

	forget_old(set, now);
	f = calloc(1, sizeof *f);
	if (!f)
		return NULL;
	f->peer = peer;
	if (hash_insert(&set->failing, &f->node, key(peer)) == 0)
		return f;
	free(f);
	return NULL;
}

bool session_pns_rests(struct sessions *set, struct endpoint peer)
{
	const struct failing *f = find(set, peer);

	return f && !mono_reached(f->until, mono_now());
}

void session_pns_failed(struct sessions *set, struct endpoint peer)
{
	struct mono now = mono_now();
	struct failing *f = find(set, peer);

	if (!f)
		f = add(set, peer, now);
	if (!f)
		return;
	f->since = now;
	f->until = mono_add_ms(now, set->conf->real.pns.backoff_ms << f->failures);
	if (f->failures < DOUBLINGS_MAX)
		f->failures++;
}

void session_pns_reached(struct sessions *set, struct endpoint peer)
{
	struct failing *f = find(set, peer);

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
