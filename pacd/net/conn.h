/*
 * A control connection: the shell around framer and state machine, and the set
 * of all of them.
 *
 * bytes -> framer -> ctrl_step() -> actions, executed here in order.  Call
 * messages and the duty to clear calls go up through handlers; nothing here
 * knows what a call is.  A connection is named by its 64-bit id; the pointer is
 * good until the callback that got it returns.
 */
#ifndef PACD_NET_CONN_H
#define PACD_NET_CONN_H

#include "common/addr.h"
#include "common/list.h"
#include "pacd/net/peers.h"
#include "pacd/proto/ctrl.h"

#include <ev.h>

struct conn;
struct conns;

struct conn_handlers {
	/* OCRQ, CCRQ, SLI or ICRP on an established connection. */
	void (*call)(void *ctx, struct conn *c, const struct msg *m);
	/* End every call of the connection; no message can be sent for them any more. */
	void (*clear_calls)(void *ctx, struct conn *c, enum ctrl_close why);
	/* Calls may come; and the end, whether there was an established() before or not. Each may be NULL. */
	void (*established)(void *ctx, struct conn *c);
	void (*closed)(void *ctx, struct conn *c, enum ctrl_close why);
};

/* What new connections are made with; a reload replaces it, live connections keep theirs. */
struct conn_settings {
	struct ctrl_timers timers;
	struct ctrl_self self;
	unsigned connections;                   /* of all peers; 0: no limit, as below */
	unsigned connections_per_peer;
	unsigned pending, pending_per_peer;     /* not established; above the first one the oldest gives way */
	bool one_per_peer;                      /* CC-08 */
	int64_t idle_ms;                        /* what we opened is stopped without calls this long; 0: never */
};

/* As originator (section 3.1.1). Borrowed. */
struct conn_open {
	struct endpoint peer;
	uint32_t local_addr; /* to connect from, host order; 0: any */
	const char *host;    /* Host Name of the SCCRQ; NULL: as settings.self has it */
	/*
	 * The peer is known as a PNS, so that a connection of its own may take this one's place (section 3.1.3).  Else what
	 * comes from its address meanwhile may be anybody's, and is a connection of its own.
	 */
	bool yields;
};

struct conn_view {
	uint64_t id;
	struct endpoint peer, local;
	const char *state;
	const char *host, *vendor; /* MSG_TEXT octets, as the peer sent them */
	unsigned calls;
	bool originator;
	struct mono since, last_in;
	uint64_t messages_in, messages_out;
};

/* NULL without memory. */
struct conns *conns_new(struct ev_loop *loop, const struct conn_handlers *handlers, void *ctx, struct peers *peers);
/* Every connection must be gone or is dropped without a word. */
void conns_free(struct conns *s);
void conns_configure(struct conns *s, const struct conn_settings *settings);
/*
 * Refuse what has not established from now on (result 2, error 4 of SCCRP); what we opened ourselves and bears no call
 * ends at the loop's next turn.
 */
void conns_drain(struct conns *s, bool on);
/* Takes over an accepted, non-blocking socket. */
void conns_accept(struct conns *s, int fd, struct endpoint peer, struct endpoint local);
/* Stop-Control-Connection-Request with this reason on all of them; those that are not established end at once. */
void conns_stop(struct conns *s, enum stop_reason reason);
unsigned conns_count(const struct conns *s);
unsigned conns_established(const struct conns *s);
void conns_each(struct conns *s, void (*each)(void *arg, const struct conn_view *v), void *arg);

/*
 * Opens a connection: its id; established() or closed() follows, never from within.  0: errno says why (EADDRNOTAVAIL:
 * not an address of ours; EMFILE ...; ESHUTDOWN: draining).  The limits hold for what peers open, not for it, but
 * conns_count() has it.  With `yields` a peer's SCCRQ meanwhile is a collision (section 3.1.3): when it wins, or comes before
 * TCP of ours is open, ours is closed() with CTRL_CLOSE_COLLISION, and established() of theirs follows.
 * CTRL_CLOSE_UNREACHABLE: TCP could not be opened.
 */
uint64_t conns_open(struct conns *s, const struct conn_open *o);
/*
 * The connection to that PNS that may bear an incoming call, an established one before one that is still being opened;
 * NULL.  local_addr: its own end, 0: any.  theirs: also one that the peer has opened, from whatever port.  Constant
 * work, but for the peer's own connections.
 */
struct conn *conns_find_peer(struct conns *s, struct endpoint peer, uint32_t local_addr, bool theirs);
/* In closed(): whether it had been. */
bool conn_is_established(const struct conn *c);
bool conn_is_originator(const struct conn *c);
/* What the peer calls itself in its SCCRQ or SCCRP: MSG_TEXT octets. */
const char *conn_peer_host(const struct conn *c);

/* NULL: gone. */
struct conn *conn_find(struct conns *s, uint64_t id);
uint64_t conn_id(const struct conn *c);
struct endpoint conn_peer(const struct conn *c);
struct endpoint conn_local(const struct conn *c);
/* The call layer's list of its calls on this connection, and how many they are. */
struct list *conn_calls(struct conn *c);
void conn_calls_changed(struct conn *c, int by);
unsigned conn_ncalls(const struct conn *c);
void conn_send(struct conn *c, const struct msg *m);
/* An OCRQ waits for its answer; it has been answered (no Echo-Request in between). */
void conn_reply_due(struct conn *c);
void conn_reply_done(struct conn *c);
/* TIM-05: close it, it is suspect. */
void conn_suspect(struct conn *c);

#endif
