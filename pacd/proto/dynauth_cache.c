/*
 * Duplicates of Disconnect- and CoA-Requests (RFC 5176 section 2.3).
 *
 * Owns nothing: the memory is the caller's.  Must not know clients, sockets or
 * what an answer means.  A look-up walks all of the 256 entries: they are few, and
 * so none of them has to stand in an order.
 */
#include "pacd/proto/dynauth_cache.h"

#include <string.h>

static bool is_live(const struct dynauth_cache_entry *e, struct mono now)
{
	return mono_is_set(e->until) && !mono_reached(e->until, now);
}

static bool is_same(const struct dynauth_cache_entry *e, const struct dynauth_cache_key *k)
{
	return e->id == k->id && (k->dated || e->port == k->port) &&
	       !memcmp(e->authenticator, k->authenticator, RADIUS_AUTHENTICATOR);
}

enum dynauth_cache_state dynauth_cache_find(const struct dynauth_cache *c, const struct dynauth_cache_key *k,
					    struct mono now, enum dynauth_cause *cause)
{
	unsigned live = 0;

	for (size_t i = 0; i < DYNAUTH_CACHE_MAX; i++) {
		const struct dynauth_cache_entry *e = &c->entries[i];

		if (!is_live(e, now))
			continue;
		live++;
		if (is_same(e, k)) {
			*cause = e->cause;
			return DYNAUTH_CACHE_REPEATED;
		}
	}
	return live < DYNAUTH_CACHE_MAX ? DYNAUTH_CACHE_NEW : DYNAUTH_CACHE_FULL;
}

bool dynauth_cache_add(struct dynauth_cache *c, const struct dynauth_cache_key *k, enum dynauth_cause cause,
		       struct mono now, int64_t seconds)
{
	for (size_t i = 0; i < DYNAUTH_CACHE_MAX; i++) {
		struct dynauth_cache_entry *e = &c->entries[i];

		if (is_live(e, now))
			continue;
		e->until = mono_add_s(now, seconds > 0 ? seconds : 1);
		e->cause = (uint16_t)cause;
		e->port = k->port;
		e->id = k->id;
		memcpy(e->authenticator, k->authenticator, RADIUS_AUTHENTICATOR);
		return true;
	}
	return false;
}
