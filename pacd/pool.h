/*
 * Address pools: who has which address.
 *
 * Owns every lease of the daemon.  A lease is known by its address and outlives
 * the pool that it came from, so that a reload touches no call.  An address is
 * never given twice, whether it came from a pool or was fixed for a user.
 * Constant time per lease on average, whatever the size of the ranges.
 */
#ifndef PACD_POOL_H
#define PACD_POOL_H

#include "pacd/conf.h"

#define POOLS_REMEMBERED 65536

struct pools; /* opaque */

struct pool_view {
	const char *name;
	uint64_t size;                 /* addresses in its ranges */
	uint64_t used;                 /* of these leased, from the pool or as a fixed address */
	uint64_t reserved;             /* of these never handed out; a user may have one as a fixed address */
	uint64_t refused;              /* requests that found it exhausted */
};

/* NULL without memory. */
struct pools *pools_new(const struct conf *c);
void pools_free(struct pools *p);
/* Takes over the pools of a new snapshot; leases stay. 0 or -ENOMEM with nothing changed. */
int pools_reload(struct pools *p, const struct conf *c);
/*
 * Leases an address for a user: the one that it had last where that is free, else the next free one in turn, so that an
 * address rests for as long as the others last.  The last address of up to POOLS_REMEMBERED users is known.  NULL name:
 * the first pool.
 * 0; -ENOENT no such pool; -ENOSPC exhausted; -ENOMEM.
 */
int pools_take(struct pools *p, const char *name, const void *user, size_t user_len, uint32_t *addr);
/* Leases that very address, in a pool or not. 0; -EADDRINUSE; -ENOMEM. */
int pools_take_fixed(struct pools *p, uint32_t addr);
/* Gives a lease back; an address that is not leased is stepped over. */
void pools_put(struct pools *p, uint32_t addr);
/* i counts from 0; false past the last pool. */
bool pools_view(const struct pools *p, size_t i, struct pool_view *view);

#endif
