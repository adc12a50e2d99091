/*
 * Intrusive hash table and the seeded SipHash-2-4 behind it.
 */
#include "common/hash.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FIRST_SIZE 64

static uint64_t seed[2];

static void seed_once(void)
{
	static bool seeded;

	if (seeded)
		return;
	/* A short read leaves zeros: weaker against flooding, still correct. */
	if (getrandom(seed, sizeof seed, GRND_NONBLOCK) < 0)
		memset(seed, 0, sizeof seed);
	seeded = true;
}

static uint64_t rotl(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] = rotl(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] = rotl(v[2], 32);
}

static void sip_absorb(uint64_t v[4], uint64_t m)
{
	v[3] ^= m;
	sip_round(v);
	sip_round(v);
	v[0] ^= m;
}

uint64_t hash_bytes(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t v[4], last = (uint64_t)len << 56, m;

	seed_once();
	v[0] = seed[0] ^ 0x736f6d6570736575u;
	v[1] = seed[1] ^ 0x646f72616e646f6du;
	v[2] = seed[0] ^ 0x6c7967656e657261u;
	v[3] = seed[1] ^ 0x7465646279746573u;
	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&m, p, 8);
		sip_absorb(v, m);
	}
	for (size_t i = 0; i < len; i++)
		last |= (uint64_t)p[i] << (8 * i);
	sip_absorb(v, last);
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hash_u64(uint64_t v)
{
	return hash_bytes(&v, sizeof v);
}

void hash_init(struct hash *h)
{
	memset(h, 0, sizeof *h);
}

void hash_clear(struct hash *h)
{
	free(h->buckets);
	hash_init(h);
}

static void link_node(struct hash_node **buckets, size_t size, struct hash_node *node)
{
	struct hash_node **bucket = &buckets[node->hash & (size - 1)];

	node->next = *bucket;
	*bucket = node;
}

static int grow(struct hash *h)
{
	size_t size = h->size ? h->size * 2 : FIRST_SIZE;
	struct hash_node **buckets = calloc(size, sizeof *buckets);

	if (!buckets)
		return h->size ? 0 : -ENOMEM; /* longer chains are better than a refusal */
	for (size_t i = 0; i < h->size; i++) {
		struct hash_node *node = h->buckets[i], *next;

		for (; node; node = next) {
			next = node->next;
			link_node(buckets, size, node);
		}
	}
	free(h->buckets);
	h->buckets = buckets;
	h->size = size;
	return 0;
}

int hash_insert(struct hash *h, struct hash_node *node, uint64_t hash)
{
	if (h->count >= h->size && grow(h) < 0)
		return -ENOMEM;
	node->hash = hash;
	link_node(h->buckets, h->size, node);
	h->count++;
	return 0;
}

void hash_remove(struct hash *h, struct hash_node *node)
{
	struct hash_node **at;

	if (!h->size)
		return;
	for (at = &h->buckets[node->hash & (h->size - 1)]; *at; at = &(*at)->next) {
		if (*at != node)
			continue;
		*at = node->next;
		node->next = NULL;
		h->count--;
		return;
	}
}

static struct hash_node *match(struct hash_node *node, uint64_t hash)
{
	while (node && node->hash != hash)
		node = node->next;
	return node;
}

struct hash_node *hash_first(const struct hash *h, uint64_t hash)
{
	return h->size ? match(h->buckets[hash & (h->size - 1)], hash) : NULL;
}

struct hash_node *hash_next(const struct hash_node *node)
{
	return match(node->next, node->hash);
}
