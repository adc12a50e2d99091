/*
 * What each peer address has open, for the limits per peer (SEC-03): control
 * connections, those of them that are not established, calls, and lines, which
 * may outlive their calls; and the connections that we have opened to it, which
 * no limit holds for.  An address that has nothing open takes no memory.
 */
#ifndef PACD_NET_PEERS_H
#define PACD_NET_PEERS_H

#include "common/hash.h"
#include "common/mono.h"

#include <stdbool.h>
#include <stdint.h>

/* PEERS_OPENED: connections of ours to it; PEERS_OFFERED: incoming calls that it was offered or bears. */
enum peers_kind {
	PEERS_CONNECTIONS, PEERS_PENDING, PEERS_CALLS, PEERS_LINES, PEERS_OPENED, PEERS_OFFERED, PEERS_KINDS
};

struct peers {
	struct hash by_addr;
};

void peers_init(struct peers *p);
void peers_clear(struct peers *p);
/* Counts one more of the kind; false, and nothing counted, when `limit` (0: none) are open already or memory is out. */
bool peers_take(struct peers *p, uint32_t addr, enum peers_kind kind, unsigned limit);
void peers_put(struct peers *p, uint32_t addr, enum peers_kind kind);
/*
 * Whether an address that has something open may ask for one more call now: `per_second` (0: no limit) of them, with
 * PEERS_BURST_S seconds' worth at once.  Counts it when it may.
 */
#define PEERS_BURST_S 5
bool peers_rate(struct peers *p, uint32_t addr, unsigned per_second, struct mono now);
unsigned peers_count(const struct peers *p, uint32_t addr, enum peers_kind kind);

#endif
