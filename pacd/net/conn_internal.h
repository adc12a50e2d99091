/*
 * What conn.c (one connection), conns.c (the set of all) and conns_open.c (those that we open) share, and nobody else.
 */
#ifndef PACD_NET_CONN_INTERNAL_H
#define PACD_NET_CONN_INTERNAL_H

#include "common/log.h"
#include "pacd/net/conn.h"
#include "pacd/proto/framer.h"

struct conn {
	struct conns *set;
	uint64_t id;
	struct hash_node node; /* in set->by_id */
	struct hash_node peer_node; /* in set->by_peer, and as `link` until it is freed: who walks may bury any of them */
	struct list link;      /* in set->all */
	struct list grave;     /* in set->dead */
	struct list waiting;   /* in set->waiting while it is not established */
	struct list calls;     /* the call layer's */
	unsigned ncalls;
	struct endpoint peer, local;
	int fd;
	struct ev_io reader, writer;
	struct ev_timer timer;
	struct framer framer;
	struct ctrl ctrl;
	uint8_t *queue; /* unsent octets, allocated while there are some */
	size_t queued;
	struct mono since, last_in, stuck_since;
	struct mono linger_until; /* set: our FIN is out, input is thrown away */
	size_t lingered;
	bool pending;   /* counted in set->npending */
	bool established; /* counted in set->nestablished */
	bool yields;    /* as struct conn_open has it */
	bool opening;   /* ours, and TCP is not open (yet) */
	int open_error; /* why TCP could not be opened: an errno */
	int64_t idle_ms; /* ours: without calls this long it is stopped */
	struct mono idle_since; /* while it is established and has none */
	bool idle;      /* stopped for that */
	bool closing;   /* no more events for the state machine */
	bool eof;       /* the peer's FIN was seen: nothing to read any more */
	bool reset;     /* the socket has failed: nothing to flush */
	bool buried;    /* waits for the reaper */
	uint64_t messages_in, messages_out;
};

struct conns {
	struct ev_loop *loop;
	const struct conn_handlers *handlers;
	void *ctx;
	struct peers *peers;
	struct conn_settings settings;
	struct hash by_id, by_peer; /* by_peer: by the peer's address */
	struct list all, dead;
	struct list waiting;   /* the pending ones, oldest first */
	struct ev_prepare reaper;
	uint64_t next_id;
	unsigned count, npending, nestablished;
	bool draining;
	struct log_limit limit_fault, limit_ignored, limit_refused, limit_up, limit_open;
};

/* conn.c: begins to listen to it, or to wait until TCP is open. */
void conn_start(struct conn *c);
/* Sets its timer to what is due next. */
void conn_arm(struct conn *c);
/* Gives the state machine an event and executes what it wants. */
void conn_step(struct conn *c, struct ctrl_event *ev);
/* Out of all tables at once; memory and socket go when the callbacks are done. */
void conn_bury(struct conn *c);
/* The end of a buried one. */
void conn_free(struct conn *c);
/* conns.c: a new one in all tables, its state machine and watchers not begun yet; NULL without memory. */
struct conn *conns_add(struct conns *s, int fd, struct endpoint peer);
/* The verdict on its SCCRQ. */
enum ctrl_admit conns_admit(struct conn *c);
/* conns_open.c: TCP is open, or has failed. */
void conn_opened(struct conn *c);
/* Instead of the line for the end of a connection: it could not be opened. */
void conn_log_unopened(struct conn *c);

#endif
