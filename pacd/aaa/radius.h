/*
 * The RADIUS client: requests to servers, each answered exactly once, by a
 * verified reply or by silence.
 *
 * On the libev loop, main's thread.  Owns the sockets and what is in flight.
 * Knows servers, identifiers, retransmission, failover and dead servers; what a
 * request says and what an answer means is its callers' business.
 */
#ifndef PACD_AAA_RADIUS_H
#define PACD_AAA_RADIUS_H

#include "pacd/conf.h"
#include "pacd/proto/radius.h"

#include <ev.h>

enum radius_role { RADIUS_AUTH, RADIUS_ACCT, RADIUS_ROLES };

struct radius_client; /* opaque */

/* Everything is borrowed and lives during done() only. */
struct radius_answer {
	int error; /* 0: `packet` is there; -ETIMEDOUT: no server answered; -EINVAL: encode() refused */
	const struct radius_packet *packet;
	struct radius_hiding hiding; /* of the request that it answers */
	const char *server;          /* "192.0.2.1:1812"; "" without an answer */
};

struct radius_job {
	enum radius_role role;
	uint8_t code; /* RADIUS_ACCESS_REQUEST or RADIUS_ACCOUNTING_REQUEST */
	/*
	 * Writes the attributes behind the header and Message-Authenticator; called again for each server that is
	 * asked (RAD-101).  0, or -EINVAL to give up.
	 */
	int (*encode)(void *ctx, const struct radius_hiding *h, struct wbuf *w);
	/* Once, never from inside radius_client_send(), and not after radius_client_cancel(). May call this room. */
	void (*done)(void *ctx, const struct radius_answer *a);
	void *ctx;
	int64_t total_ms; /* bound of this exchange; 0: as configured */
};

/* NULL without memory. `c` stays the caller's until the next radius_client_configure(). */
struct radius_client *radius_client_new(struct ev_loop *loop, const struct conf_radius *c);
/* What is in flight is dropped without done(). Secrets are wiped. */
void radius_client_free(struct radius_client *r);
/*
 * Other servers from now on.  What is in flight goes on at its server with its secret (RAD-108); a server that stays
 * (same address and port) keeps its state, and new requests use its new secret.
 */
void radius_client_configure(struct radius_client *r, const struct conf_radius *c);
/* A name for cancelling, never 0; 0: no memory, too many wait, or no server has that role: done() is not called. */
uint64_t radius_client_send(struct radius_client *r, const struct radius_job *job);
void radius_client_cancel(struct radius_client *r, uint64_t id);
/* Any server with that role. */
bool radius_client_has(const struct radius_client *r, enum radius_role role);
/* Exchanges that are not answered yet. */
unsigned radius_client_pending(const struct radius_client *r, enum radius_role role);

enum radius_server_state { RADIUS_UP, RADIUS_SUSPECT, RADIUS_DEAD };

struct radius_server_view {
	const char *name;  /* "192.0.2.1:1812", "[2001:db8::1]:1813" */
	enum radius_role role;
	enum radius_server_state state;
	unsigned priority, in_flight, sockets;
	uint64_t requests, retransmissions, accepts, rejects, challenges, responses, timeouts, probes;
	uint64_t dropped[RADIUS_FAULTS]; /* by reason */
	bool signature_required;         /* now: RAD-53 */
	int64_t p50_us, p90_us, p99_us;  /* from the request to its answer, of the latest ones; 0: none yet */
	int64_t dead_for_s;              /* until it is tried again; 0 unless dead */
};

/* i counts from 0; false past the last. */
bool radius_client_view(const struct radius_client *r, size_t i, struct radius_server_view *v);
const char *radius_server_state_word(enum radius_server_state s);

#endif
