/*
 * What conn.c (one connection) and conns.c (the set of all) share, and nobody else.
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
	struct list link;      /* in set->all, or set->dead */
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
	struct hash by_id;
	struct list all, dead;
	struct list waiting;   /* the pending ones, oldest first */
	struct ev_prepare reaper;
	uint64_t next_id;
	unsigned count, npending, nestablished;
	bool draining;
	struct log_limit limit_fault, limit_ignored, limit_refused, limit_up;
};

/* conn.c: begins to listen to it. */
void conn_start(struct conn *c);
/* Gives the state machine an event and executes what it wants. */
void conn_step(struct conn *c, struct ctrl_event *ev);
/* Out of all tables at once; memory and socket go when the callbacks are done. */
void conn_bury(struct conn *c);
/* The end of a buried one. */
void conn_free(struct conn *c);
/* conns.c: the verdict on its SCCRQ. */
enum ctrl_admit conns_admit(struct conn *c);

#endif
