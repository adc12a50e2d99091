/*
 * An intrusive hash table: nodes live inside their objects, the table owns only
 * its bucket array and grows by doubling, so that the cost of a look-up does
 * not depend on how many objects there are.
 *
 * Keys of peers (names, addresses) go through hash_bytes(), which is seeded at
 * random once per process, so that nobody can aim at one bucket.
 */
#ifndef PACD_COMMON_HASH_H
#define PACD_COMMON_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_node {
	struct hash_node *next;
	uint64_t hash;
};

struct hash {
	struct hash_node **buckets;
	size_t size;  /* a power of two, or 0 before the first insertion */
	size_t count;
};

/* Seeded SipHash-2-4 of the octets. */
uint64_t hash_bytes(const void *data, size_t len);
uint64_t hash_u64(uint64_t v);

void hash_init(struct hash *h);
void hash_clear(struct hash *h); /* frees the bucket array, not the objects */
/* 0, or -ENOMEM (only when there is no bucket array at all yet). */
int hash_insert(struct hash *h, struct hash_node *node, uint64_t hash);
void hash_remove(struct hash *h, struct hash_node *node);
/* The first node with this hash value, and the next after one; the caller compares keys. */
struct hash_node *hash_first(const struct hash *h, uint64_t hash);
struct hash_node *hash_next(const struct hash_node *node);

#define hash_entry(node, type, member) ((type *)(void *)((char *)(node) - offsetof(type, member)))

#endif
