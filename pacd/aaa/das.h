/*
 * The dynamic authorization server: UDP listener for Disconnect- and CoA-Requests
 * (RFC 5176), clients and their secrets, replay and duplicates.
 *
 * On the loop, main's thread.  Owns its sockets and the cache of answers; asks
 * the sessions through a table of functions.
 */
#ifndef PACD_AAA_DAS_H
#define PACD_AAA_DAS_H

#include "pacd/conf.h"
#include "pacd/proto/dynauth.h"

#include <ev.h>

struct das; /* opaque */

struct das_sessions {
	/* Ids of the sessions that match all that is given: how many there are, at most `max` of them filled in. */
	unsigned (*match)(void *ctx, const struct dynauth_ident *ident, uint64_t *ids, unsigned max);
	/* May this change be done to that session: DYNAUTH_OK or why not. Nothing changes. Not asked of a disconnect. */
	enum dynauth_cause (*check)(void *ctx, uint64_t id, const struct dynauth_change *c);
	/* After all that match were asked; `c` has at least one change. */
	void (*change)(void *ctx, uint64_t id, const struct dynauth_change *c);
	/* Admin-Reset; with a Class, that is the session's from now on. */
	void (*disconnect)(void *ctx, uint64_t id, const struct dynauth_change *c);
};

struct das_view {
	uint64_t disconnect_requests, disconnect_acks, disconnect_naks, coa_requests, coa_acks, coa_naks;
	uint64_t repeated;       /* answered from the cache */
	uint64_t dropped_client; /* from nobody that is configured */
	uint64_t dropped_replay; /* Event-Timestamp: outside of the window, or missing where required; or too many at once */
	uint64_t dropped[RADIUS_FAULTS];
};

/* NULL without memory; a socket that can't be had is logged as an error, with what to do. */
struct das *das_new(struct ev_loop *loop, const struct das_sessions *sessions, void *ctx);
void das_free(struct das *d);
/* Opens and closes sockets as needed: those that stay are kept. `c` is kept until the next call. */
void das_configure(struct das *d, const struct conf_radius_das *c, const struct radius_nas *nas);
void das_view(const struct das *d, struct das_view *v);

#endif
