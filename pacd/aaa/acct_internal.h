/*
 * The inside of accounting: what acct.c, acct_store.c, acct_queue.c and
 * acct_replay.c share.  Nobody else includes this.  All of it is on the loop.
 */
#ifndef PACD_AAA_ACCT_INTERNAL_H
#define PACD_AAA_ACCT_INTERNAL_H

#include "common/hash.h"
#include "common/list.h"
#include "common/log.h"
#include "pacd/aaa/acct.h"
#include "pacd/aaa/spool.h"

#define ACCT_WINDOW 64 /* records in flight */
#define ACCT_TUNNEL_SHARE 4

/* What an item is, and what is dropped before what. */
enum acct_class {
	ACCT_TUNNELS, /* all of RFC 2867: strangers make them, so nothing of a user's ever goes for one */
	ACCT_INTERIMS,
	ACCT_OTHERS, /* Start, On, Off */
	ACCT_STOPS,
	ACCT_STATES, /* how an open session stands: not a record that waits */
	ACCT_CLASSES
};

/* RAD-66: the order of what waits when pacd starts and stops. */
enum acct_lane { ACCT_RECOVERED, ACCT_ON, ACCT_NEW, ACCT_OFF, ACCT_LANES };

/* A session may have a state of each. */
enum acct_kind { ACCT_SESSION, ACCT_LINK, ACCT_TUNNEL, ACCT_NO_KIND };

struct acct_item {
	struct spool_item spool;
	struct list age;      /* of all items of its class, oldest first */
	struct list node;     /* of its queue */
	struct hash_node key; /* a state: by session; in a replay: by number */
	struct acct_queue *queue;
	struct spool_account account;
	uint8_t class; /* enum acct_class */
	bool stuck;    /* no lane waits for it: a server that answers others does not answer it, or one before it */
	bool done;     /* in a replay: a Stop that was taken, kept for what it says about older entries */
	unsigned sends, failures;
	unsigned refused;      /* failures while a server took others */
	uint64_t taken_then;   /* acct.acknowledged when it was sent first, or failed last */
	uint64_t answers_then; /* acct.answers, likewise */
	uint8_t payload[];     /* as in the spool; `account` points into it */
};

enum acct_queue_state { ACCT_IDLE, ACCT_READY, ACCT_FLIGHT, ACCT_BACKOFF };

/* Records that go one after another; freed when it is empty. */
struct acct_queue {
	struct acct *acct;
	struct hash_node key;
	char id[RADIUS_SESSION_ID];
	char aside[RADIUS_SESSION_ID]; /* of this session only, which held up the others of `id`; "": all others */
	uint64_t serial;
	struct list items;
	struct list ready; /* of acct.ready[lane] */
	uint8_t lane, state;
	unsigned failures; /* of the first item, in a row */
	uint64_t exchange; /* in flight */
	ev_timer backoff;
};

struct acct {
	struct ev_loop *loop;
	struct radius_client *client;
	struct spool *spool; /* NULL: memory only */
	struct radius_nas nas;
	bool enabled, on_off, on_made;
	uint64_t limit, octets; /* of items, as in the spool */
	uint64_t tunnel_octets; /* those of tunnels and links: at most limit / ACCT_TUNNEL_SHARE */
	uint32_t boot, counter;
	uint64_t serial;

	struct hash queues, states;
	struct list age[ACCT_CLASSES];
	uint64_t waiting[ACCT_CLASSES];
	struct list ready[ACCT_LANES];
	uint64_t holding[ACCT_LANES]; /* items that are not stuck */
	uint64_t inside[ACCT_LANES];

	unsigned in_flight;
	unsigned silent;       /* exchanges without an answer in a row, of different queues */
	uint64_t silent_queue; /* the latest of them */
	bool down;             /* no server answers: one probe at a time */
	bool explore;
	uint64_t servers_down; /* a bit for each server that was not up when it was looked at last */
	uint64_t answers;      /* how often one of them came up again: by an answer, which need not be to us */
	double backoff_s;
	ev_timer wait; /* nothing is sent while it runs */

	ev_timer stop;
	void (*stopped)(void *ctx);
	void *stopped_ctx;

	uint64_t sent, acknowledged, retried, dropped[ACCT_CLASSES], recovered;
	struct log_limit limit_dropped, limit_silent;
};

/* --- acct_store.c: items, how much there may be, and the states of sessions --- */

enum acct_class acct_class_of(uint8_t status);
enum acct_kind acct_kind_of(uint8_t status);
bool acct_is_stop(uint8_t status);
bool acct_is_tunnel(uint8_t status);

/* NULL without memory, or too long. */
struct acct_item *acct_item_new(const struct spool_account *account, enum spool_kind kind);
/* NULL: *error is -ENOMEM, or -EBADMSG for a payload that is none. */
struct acct_item *acct_item_read(const struct spool_record *r, int *error);
size_t acct_item_octets(const struct acct_item *i);
/* Records that no server has taken. */
uint64_t acct_waiting(const struct acct *a);
/* It is there now, or no more. */
void acct_item_count(struct acct *a, const struct acct_item *i, bool there);
/* Drops older items of less worth until `more` octets fit, for an item of this class and status. */
bool acct_reserve(struct acct *a, int64_t more, enum acct_class class, uint8_t status);
/* Counted and logged: it is lost. */
void acct_lose(struct acct *a, const struct spool_account *account, enum acct_class class, const char *why);

struct acct_item *acct_state_find(struct acct *a, const char *session_id, enum acct_kind kind);
/* Takes the item; an older state goes. On disk soon, or with the next record. */
void acct_state_insert(struct acct *a, struct acct_item *i);
void acct_state_remove(struct acct *a, struct acct_item *i);

/* --- acct_queue.c: order and sending --- */

/* Takes the item, which waits from now on. */
void acct_queue_add(struct acct *a, struct acct_item *i, enum acct_lane lane);
/* Gone, whether taken or not: out of everything, and freed. Cancelled when it is in flight. */
void acct_queue_remove(struct acct_item *i);
bool acct_queue_in_flight(const struct acct_item *i);
/* Where the records of its session wait, and the next ones go. */
struct acct_queue *acct_queue_find(struct acct *a, const struct spool_account *account);
/* Sends what may be sent. */
void acct_queue_pump(struct acct *a);
/* Nothing is waited for any longer: tries now. */
void acct_queue_hurry(struct acct *a);
/* Something was taken or given up; may end in acct_stop()'s done(), after which `a` may be gone. */
void acct_progress(struct acct *a);

/* --- acct_replay.c --- */

/* 0 or -ENOMEM. */
int acct_replay(struct acct *a);

#endif
