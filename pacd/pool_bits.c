/*
 * The bit set of a pool's addresses, with summary levels.  Pure arithmetic; it
 * knows nothing of addresses.
 */
#include "pacd/pool_bits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ALL (~UINT64_C(0))

static uint32_t words(uint32_t bits)
{
	return (bits + 63) / 64;
}

int pool_bits_init(struct pool_bits *b, uint32_t n)
{
	uint32_t total = 0, size[POOL_BITS_LEVELS], bits = n;

	memset(b, 0, sizeof *b);
	if (n > POOL_BITS_MAX)
		return -EINVAL;
	for (int l = 0; l < POOL_BITS_LEVELS; l++) {
		size[l] = words(bits) ? words(bits) : 1;
		total += size[l];
		bits = size[l];
	}
	b->level[0] = calloc(total, sizeof *b->level[0]);
	if (!b->level[0])
		return -ENOMEM;
	b->n = n;
	for (int l = 1; l < POOL_BITS_LEVELS; l++)
		b->level[l] = b->level[l - 1] + size[l - 1];
	/* What lies past the end is never free: set on each level from its last real bit on. */
	bits = n;
	for (int l = 0; l < POOL_BITS_LEVELS; l++) {
		if (bits % 64 || !bits)
			b->level[l][size[l] - 1] |= ALL << bits % 64;
		bits = size[l];
	}
	return 0;
}

void pool_bits_clear(struct pool_bits *b)
{
	free(b->level[0]);
	memset(b, 0, sizeof *b);
}

bool pool_bits_has(const struct pool_bits *b, uint32_t i)
{
	return b->level[0][i / 64] >> i % 64 & 1;
}

void pool_bits_add(struct pool_bits *b, uint32_t i)
{
	for (int l = 0; l < POOL_BITS_LEVELS; l++, i /= 64) {
		b->level[l][i / 64] |= UINT64_C(1) << i % 64;
		if (b->level[l][i / 64] != ALL)
			return;
	}
}

void pool_bits_remove(struct pool_bits *b, uint32_t i)
{
	for (int l = 0; l < POOL_BITS_LEVELS; l++, i /= 64)
		b->level[l][i / 64] &= ~(UINT64_C(1) << i % 64);
}

/* The first clear bit at or after `from` in the word that `from` lies in. */
static bool free_in_word(uint64_t word, uint32_t from, uint32_t *found)
{
	uint64_t clear = ~word & ALL << from % 64;

	if (!clear)
		return false;
	*found = from / 64 * 64 + (uint32_t)__builtin_ctzll(clear);
	return true;
}

uint32_t pool_bits_next_free(const struct pool_bits *b, uint32_t from)
{
	uint32_t bits = b->n, found = 0;
	int l = 0;

	/* Up, until a level has a clear bit further on in the same word. */
	for (; from < bits; l++, from = from / 64 + 1) {
		if (free_in_word(b->level[l][from / 64], from, &found))
			break;
		bits = words(bits);
		if (l == POOL_BITS_LEVELS - 1)
			return b->n;
	}
	if (from >= bits)
		return b->n;
	/* And down again to the first clear bit below it. */
	while (l-- > 0)
		free_in_word(b->level[l][found], found * 64, &found);
	return found;
}
