/*
 * A listening TCP socket of `listen` (RFC 2637 section 1.4: port 1723).
 */
#ifndef PACD_NET_LISTENER_H
#define PACD_NET_LISTENER_H

#include "common/addr.h"

#include <ev.h>

struct listener; /* opaque */

/* Says whether this peer may connect at all (peers.allow, peers.deny). */
typedef bool (*listener_allowed_fn)(void *ctx, uint32_t addr);
/* Takes over the accepted socket. */
typedef void (*listener_accept_fn)(void *ctx, int fd, struct endpoint peer, struct endpoint local);

/* Takes over fd. NULL without memory. */
struct listener *listener_new(struct ev_loop *loop, int fd, listener_allowed_fn allowed, listener_accept_fn accepted,
			      void *ctx);
void listener_free(struct listener *l);

#endif
