/*
 * Duplicates of Disconnect- and CoA-Requests (RFC 5176 section 2.3, RAD-82): what
 * was answered to whom, for as long as the same packet may come again.
 *
 * Pure; fixed memory, one cache for each client (source address).  An answer is
 * kept as its cause: a request with the same authenticator is the same octet for
 * octet (RFC 2866 section 3: a digest over all of it), so that dynauth_reply()
 * makes the same answer of it again.
 */
#ifndef PACD_PROTO_DYNAUTH_CACHE_H
#define PACD_PROTO_DYNAUTH_CACHE_H

#include "common/mono.h"
#include "pacd/proto/dynauth.h"

#define DYNAUTH_CACHE_MAX 256 /* live answers of one client */

struct dynauth_cache_entry {
	struct mono until; /* MONO_NEVER: free */
	uint16_t cause;    /* enum dynauth_cause */
	uint16_t port;
	uint8_t id;
	uint8_t authenticator[RADIUS_AUTHENTICATOR];
};

/* All zero is an empty one. */
struct dynauth_cache {
	struct dynauth_cache_entry entries[DYNAUTH_CACHE_MAX];
};

struct dynauth_cache_key {
	uint16_t port;                /* the sender's */
	uint8_t id;
	const uint8_t *authenticator; /* of the request, borrowed */
	/*
	 * It has an Event-Timestamp: then the same authenticator is the same request, whichever port it comes from.
	 * So a recorded packet is of no use with a forged port; without a timestamp two requests may well be alike.
	 */
	bool dated;
};

enum dynauth_cache_state {
	DYNAUTH_CACHE_NEW,      /* also: the same port and id with another authenticator */
	DYNAUTH_CACHE_REPEATED, /* *cause is what was answered */
	DYNAUTH_CACHE_FULL,     /* new, and DYNAUTH_CACHE_MAX are live */
};

enum dynauth_cache_state dynauth_cache_find(const struct dynauth_cache *c, const struct dynauth_cache_key *k,
					    struct mono now, enum dynauth_cause *cause);
/* Keeps an answer for so many seconds (at least 1). False when there is no room: ask dynauth_cache_find() before. */
bool dynauth_cache_add(struct dynauth_cache *c, const struct dynauth_cache_key *k, enum dynauth_cause cause,
		       struct mono now, int64_t seconds);

#endif
