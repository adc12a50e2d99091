/*
 * What each peer address has open: control connections and calls, for the
 * limits per peer (SEC-03).  An address that has nothing open takes no memory.
 */
#ifndef PACD_NET_PEERS_H
#define PACD_NET_PEERS_H

#include "common/hash.h"

#include <stdbool.h>
#include <stdint.h>

enum peers_kind { PEERS_CONNECTIONS, PEERS_CALLS, PEERS_KINDS };

struct peers {
	struct hash by_addr;
};

void peers_init(struct peers *p);
void peers_clear(struct peers *p);
/* Counts one more of the kind; false, and nothing counted, when `limit` (0: none) are open already or memory is out. */
bool peers_take(struct peers *p, uint32_t addr, enum peers_kind kind, unsigned limit);
void peers_put(struct peers *p, uint32_t addr, enum peers_kind kind);
unsigned peers_count(const struct peers *p, uint32_t addr, enum peers_kind kind);

#endif
