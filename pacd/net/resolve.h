/*
 * Addresses of host names, without keeping the loop: IPv4 only, since that is
 * all that PPTP runs over.
 *
 * The C library's own look-up (so /etc/hosts, DNS, ... as the machine is set up) in threads of its own.
 */
#ifndef PACD_NET_RESOLVE_H
#define PACD_NET_RESOLVE_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#define RESOLVE_MAX 64 /* look-ups at once; further ones are refused */

struct resolver; /* opaque */

/* addr: host order; 0: there is none, and `why` is a sentence. Never called from within resolver_ask(). */
typedef void (*resolve_done_fn)(void *ctx, uint64_t id, uint32_t addr, const char *why);

/* NULL without memory. */
struct resolver *resolver_new(struct ev_loop *loop);
/* Nothing is told any more; what a thread still does is waited for or left to end on memory of its own. */
void resolver_free(struct resolver *r);
/* A name of letters, digits, "-", "." and "_", at most 253 octets.  0: no memory, too many, or no such name. */
uint64_t resolver_ask(struct resolver *r, const char *host, resolve_done_fn done, void *ctx);
/* Its done() does not come. An id that is done is ignored. */
void resolver_cancel(struct resolver *r, uint64_t id);

#endif
