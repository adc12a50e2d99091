/*
 * Call ids of the PAC (RFC 2637 section 3.2.2, CALL-01): random, never 0, unique
 * over the whole daemon, and resting for a time after use, so that stragglers of
 * an old call do not reach a new one.  Constant time.  Pure: time and randomness
 * are passed in.
 */
#ifndef PACD_NET_CALLID_H
#define PACD_NET_CALLID_H

#include "common/mono.h"

#include <stdint.h>

#define CALLID_COUNT 65535

struct callid_pool {
	uint16_t fresh[CALLID_COUNT]; /* free ids, in no order */
	unsigned nfresh;
	struct {
		uint16_t id;
		struct mono until;
	} resting[CALLID_COUNT];      /* a ring, in the order of release */
	unsigned head, nresting;
};

void callid_init(struct callid_pool *p);
/*
 * A free id, chosen by the random bits; when no fresh one is left, the one that has
 * rested longest.  0 when all are in use.
 */
uint16_t callid_take(struct callid_pool *p, uint32_t random, struct mono now);
/* The id rests until the given time. */
void callid_put(struct callid_pool *p, uint16_t id, struct mono until);

#endif
