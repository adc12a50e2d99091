/*
 * The allocator of PAC call ids.  Owns nothing but its arrays; knows nothing of calls.
 */
#include "pacd/net/callid.h"

void callid_init(struct callid_pool *p)
{
	for (unsigned i = 0; i < CALLID_COUNT; i++)
		p->fresh[i] = (uint16_t)(i + 1);
	p->nfresh = CALLID_COUNT;
	p->head = p->nresting = 0;
}

static uint16_t rested_longest(struct callid_pool *p)
{
	uint16_t id = p->resting[p->head].id;

	p->head = (p->head + 1) % CALLID_COUNT;
	p->nresting--;
	return id;
}

uint16_t callid_take(struct callid_pool *p, uint32_t random, struct mono now)
{
	unsigned at;
	uint16_t id;

	while (p->nresting && mono_reached(p->resting[p->head].until, now))
		p->fresh[p->nfresh++] = rested_longest(p);
	if (!p->nfresh)
		return p->nresting ? rested_longest(p) : 0;
	at = random % p->nfresh;
	id = p->fresh[at];
	p->fresh[at] = p->fresh[--p->nfresh];
	return id;
}

void callid_put(struct callid_pool *p, uint16_t id, struct mono until)
{
	unsigned at = (p->head + p->nresting) % CALLID_COUNT;

	p->resting[at].id = id;
	p->resting[at].until = until;
	p->nresting++;
}
