/*
 * A set of numbers below n that finds the next one that is not in it in
 * constant time, however full it is: above the bits lie levels in which a bit
 * stands for 64 bits below that are all set.
 *
 * One bit for each number and 1/63 on top; what was never touched costs no memory.
 */
#ifndef PACD_POOL_BITS_H
#define PACD_POOL_BITS_H

#include <stdbool.h>
#include <stdint.h>

#define POOL_BITS_MAX (1u << 24)
#define POOL_BITS_LEVELS 4 /* 64 to the power of 4 is POOL_BITS_MAX */

struct pool_bits {
	uint64_t *level[POOL_BITS_LEVELS]; /* one allocation, at level[0] */
	uint32_t n;
};

/* 0, -EINVAL for more than POOL_BITS_MAX, or -ENOMEM. The set is empty. */
int pool_bits_init(struct pool_bits *b, uint32_t n);
void pool_bits_clear(struct pool_bits *b);
bool pool_bits_has(const struct pool_bits *b, uint32_t i);
/* Each takes i < n, whether it is in the set or not. */
void pool_bits_add(struct pool_bits *b, uint32_t i);
void pool_bits_remove(struct pool_bits *b, uint32_t i);
/* The first number at or after `from` that is not in the set, or n. */
uint32_t pool_bits_next_free(const struct pool_bits *b, uint32_t from);

#endif
