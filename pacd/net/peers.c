/*
 * Counts per peer address.  Owns one small node per address that has something open.
 */
#include "pacd/net/peers.h"

#include <stdlib.h>

#define SECOND_US 1000000
#define CREDIT_MAX_US (PEERS_BURST_S * (int64_t)SECOND_US)

struct peer {
	struct hash_node node;
	uint32_t addr;
	unsigned count[PEERS_KINDS];
	int64_t credit_us;   /* of calls: time saved up, a call costs its share of a second */
	struct mono credit_at; /* MONO_NEVER: nothing was asked for yet */
};

void peers_init(struct peers *p)
{
	hash_init(&p->by_addr);
}

void peers_clear(struct peers *p)
{
	for (size_t i = 0; i < p->by_addr.size; i++) {
		struct hash_node *node = p->by_addr.buckets[i], *next;

		for (; node; node = next) {
			next = node->next;
			free(hash_entry(node, struct peer, node));
		}
	}
	hash_clear(&p->by_addr);
}

static struct peer *find(const struct peers *p, uint32_t addr)
{
	struct hash_node *node = hash_first(&p->by_addr, hash_u64(addr));

	for (; node; node = hash_next(node)) {
		struct peer *peer = hash_entry(node, struct peer, node);

		if (peer->addr == addr)
			return peer;
	}
	return NULL;
}

static struct peer *add(struct peers *p, uint32_t addr)
{
	struct peer *peer = calloc(1, sizeof *peer);

	if (!peer)
		return NULL;
	peer->addr = addr;
	if (hash_insert(&p->by_addr, &peer->node, hash_u64(addr)) < 0) {
		free(peer);
		return NULL;
	}
	return peer;
}

bool peers_take(struct peers *p, uint32_t addr, enum peers_kind kind, unsigned limit)
{
	struct peer *peer = find(p, addr);

	if (peer && limit && peer->count[kind] >= limit)
		return false;
	if (!peer && !(peer = add(p, addr)))
		return false;
	peer->count[kind]++;
	return true;
}

void peers_put(struct peers *p, uint32_t addr, enum peers_kind kind)
{
	struct peer *peer = find(p, addr);

	if (!peer || !peer->count[kind])
		return;
	peer->count[kind]--;
	for (int i = 0; i < PEERS_KINDS; i++)
		if (peer->count[i])
			return;
	hash_remove(&p->by_addr, &peer->node);
	free(peer);
}

bool peers_rate(struct peers *p, uint32_t addr, unsigned per_second, struct mono now)
{
	struct peer *peer = find(p, addr);

	if (!peer || !per_second)
		return true;
	peer->credit_us += mono_is_set(peer->credit_at) ? mono_diff_us(now, peer->credit_at) : CREDIT_MAX_US;
	peer->credit_at = now;
	if (peer->credit_us > CREDIT_MAX_US)
		peer->credit_us = CREDIT_MAX_US;
	if (peer->credit_us < SECOND_US / per_second)
		return false;
	peer->credit_us -= SECOND_US / per_second;
	return true;
}

unsigned peers_count(const struct peers *p, uint32_t addr, enum peers_kind kind)
{
	const struct peer *peer = find(p, addr);

	return peer ? peer->count[kind] : 0;
}
