/*
 * The inside of the user-space data path: what raw.c, raw_worker.c, raw_call.c,
 * raw_line.c, raw_queue.c and raw_tx.c share.  Nobody else includes this.
 *
 * Threads: a call is allocated and freed by main, and lives on one worker from
 * attach to detach.  Between the two, each part of it says who may touch it.
 */
#ifndef PACD_NET_RAW_WORKER_H
#define PACD_NET_RAW_WORKER_H

#include "common/list.h"
#include "pacd/net/datapath.h"
#include "pacd/net/raw_pace.h"
#include "pacd/proto/seq.h"

#include <ev.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#define RAW_BATCH 64       /* packets per recvmmsg and sendmmsg */
#define RAW_PACKET 2048    /* receive buffer of one packet, outer header included */
#define RAW_HELD 1024      /* packets of all calls of a worker that may wait for a gap to fill */
#define RAW_SLOT 1536      /* octets of one of them */
#define RAW_OUT 131072     /* encoded frames on their way to one line */
#define RAW_OUT_FRAMES 128
/* Octets of encoded frames that wait for a line, per call: the window that we advertise, within these bounds. */
#define RAW_SPILL_MIN 8192
#define RAW_SPILL_MAX 131072
#define RAW_QUEUE_MAX 128  /* packets that wait for a real line at most, whatever its window */
#define RAW_INPUT 65536    /* octets per read of a line */
#define RAW_INPUT_STRICT 4096 /* the same where the window may shut in the middle of them */
#define RAW_ACK_US 20000   /* an acknowledgment waits at most this long for data to ride on */
#define RAW_HOLD_US 30000  /* a gap has this long to fill */
#define RAW_TIMEOUT_MIN_US 100000   /* GRE-16 */
#define RAW_TIMEOUT_MAX_US 10000000
#define RAW_TIMEOUT_LATE_US 50000   /* what the time-out may be noticed late, so that its timer is seldom set */

/* A counter with one writer, read by any thread. */
typedef _Atomic uint64_t raw_counter;

static inline uint64_t raw_get(const raw_counter *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

static inline void raw_set(raw_counter *c, uint64_t v)
{
	atomic_store_explicit(c, v, memory_order_relaxed);
}

/* No read-modify-write: there is one writer. */
static inline void raw_add(raw_counter *c, uint64_t n)
{
	raw_set(c, raw_get(c) + n);
}

/* As struct datapath_stats; the worker writes, main reads. */
struct raw_counters {
	raw_counter rx_packets, rx_octets, tx_packets, tx_octets;
	raw_counter rx_lost, rx_duplicate, rx_old, rx_reordered, rx_dropped, tx_dropped;
	raw_counter acks_sent, acks_received, tx_timeouts;
	raw_counter line_faults[HDLC_FAULTS];
	raw_counter rtt_us, window, last_rx_us;
	raw_counter queue_octets, queue_peak, queue_us;
};

/* What main wants done to a call; several may be wanted at once and are done in this order. */
enum raw_want { RAW_ATTACH = 1, RAW_DETACH = 2 };

/* Octets that wait; `data` is NULL when there are none. */
struct raw_wait {
	uint8_t *data;
	size_t start, len;
};

/* A frame in a real line's queue. */
struct raw_queued {
	uint32_t seq;      /* to acknowledge when it is gone: its own, or that of the last packet thrown away behind it */
	uint16_t len;      /* octets towards the line */
	uint16_t size;     /* before encoding */
	struct mono since;
};

/* What waits for a real line; `frames` is NULL for any other line, and then nothing else of it is used. */
struct raw_queue {
	struct raw_queued *frames; /* a ring of `max` */
	unsigned max, first, count;
	size_t written;            /* octets of the first one that the line has */
	struct raw_wait octets;    /* of all of them, what the line has left out */
	size_t room;
	struct raw_pace pace;
	ev_timer timer;            /* runs only while something waits for the pace */
};

struct raw_call {
	struct datapath_call conf; /* constant after attach */
	struct raw_worker *worker; /* constant */
	atomic_uint send_accm, receive_accm; /* main writes, the worker reads */

	/* the worker's; main's before attach */
	struct seq_rx rx;
	struct seq_tx tx;
	struct hdlc_rx hdlc;
	bool closed;             /* the line's other side is gone; its descriptor is closed on detach */
	bool shut;               /* strict window: the line is not read until it opens */
	ev_io readable, writable;
	ev_timer timeout;        /* strict window: of the oldest unacknowledged packet */
	struct list ack;         /* in worker->acks while an acknowledgment waits */
	struct list gap;         /* in worker->gaps while packets are held */
	struct mono gap_since;   /* its place there: rx.hold_since */
	struct mono timeout_at;  /* when `timeout` fires */
	struct raw_queue queue;  /* towards a real line */
	struct raw_wait spill;   /* towards any other line */
	size_t spill_max;        /* its size, when it is allocated */
	struct raw_wait unread;  /* from the line, not decoded: the window is shut */
	uint8_t first, last;     /* this batch's packets, chained by worker->rx.next */

	/* under worker->lock */
	struct list command;     /* in worker->commands */
	unsigned wanted;         /* of enum raw_want */
	bool detached;

	/* under raw->lock */
	struct list report;      /* in raw->closed */

	struct raw_counters count;
};

#define RAW_NO_PACKET 0xFF /* ends a chain */

/* One batch of received packets. */
struct raw_rx {
	struct mmsghdr msgs[RAW_BATCH];
	struct iovec iov[RAW_BATCH];
	struct gre gre[RAW_BATCH];
	uint8_t next[RAW_BATCH];
	struct raw_call *calls[RAW_BATCH]; /* those that have packets in it */
	uint8_t data[RAW_BATCH][RAW_PACKET];
};

/* One batch of packets to send. */
struct raw_tx {
	unsigned count;
	struct mmsghdr msgs[RAW_BATCH];
	struct iovec iov[RAW_BATCH];
	struct sockaddr_in to[RAW_BATCH];
	struct {
		_Alignas(struct cmsghdr) uint8_t octets[CMSG_SPACE(sizeof(struct in_pktinfo))];
	} control[RAW_BATCH];
	struct raw_call *calls[RAW_BATCH];
	uint16_t payload[RAW_BATCH]; /* octets; 0: an acknowledgment alone */
	uint8_t data[RAW_BATCH][GRE_HEADER_MAX + GRE_PAYLOAD_MAX];
};

/* Encoded frames for the one line that is being served. */
struct raw_out {
	size_t len;
	unsigned count;
	size_t end[RAW_OUT_FRAMES];    /* where frame i ends in data */
	uint16_t size[RAW_OUT_FRAMES]; /* octets before encoding */
	uint8_t data[RAW_OUT];
};

/* Held packets of all calls; slot numbers start at 1. */
struct raw_slots {
	unsigned free_count;
	uint16_t free[RAW_HELD];
	uint16_t len[RAW_HELD + 1];
	uint8_t data[RAW_HELD + 1][RAW_SLOT];
};

struct raw_worker {
	struct raw *raw;
	unsigned index;
	int fd; /* the raw GRE socket */
	pthread_t thread;

	/* the worker's */
	struct ev_loop *loop;
	ev_io receive;
	ev_prepare prepare;
	ev_async wake;           /* sent by main */
	ev_timer ack_timer, gap_timer;
	struct list acks, gaps;  /* of calls, oldest first */
	unsigned sent;           /* packets since the last receive */
	struct raw_rx rx;
	struct raw_tx tx;
	struct raw_out out;
	uint8_t input[RAW_INPUT];

	/* By call id / number of workers.  Main enters a call: no packet comes too early; the worker removes it. */
	_Atomic(struct raw_call *) *calls;

	/* under lock */
	pthread_mutex_t lock;
	pthread_cond_t done;     /* some call was detached */
	struct list commands;    /* of calls */
	bool stop;
	atomic_bool pending;     /* there are commands; the only part that is looked at without the lock */

	raw_counter rx_packets, rx_octets, tx_packets, tx_octets, socket_errors;
	raw_counter drops[GRE_DROPS];

	struct raw_slots slots;  /* at the end: mostly never touched, so never backed by memory */
};

struct raw {
	struct datapath base;
	/* main's */
	struct ev_loop *loop;
	ev_async report;         /* sent by workers */
	datapath_closed_fn closed_fn;
	void *ctx;
	unsigned workers_count;
	struct raw_worker **workers;
	struct raw_call **calls; /* by call id */

	/* under lock */
	pthread_mutex_t lock;
	struct list closed;      /* of calls whose line was closed, not told yet */
};

/* --- raw_worker.c --- */

/* Takes `fd` over. NULL: errno says why. */
struct raw_worker *raw_worker_new(struct raw *raw, unsigned index, int fd);
/* Ends the thread; all calls are detached. */
void raw_worker_free(struct raw_worker *w);
/*
 * From main: wakes the worker for this call.  RAW_ATTACH: its packets are known from now on, its line is read soon.
 * RAW_DETACH: waits until the worker has let go of it.
 */
void raw_worker_want(struct raw_worker *w, struct raw_call *c, enum raw_want want);
/* Does what main wants; true when there was something: any call may be gone then. */
bool raw_worker_commands(struct raw_worker *w);
/* Receives one batch, when there is one. */
void raw_worker_receive(struct raw_worker *w);

/* --- raw_call.c; in the worker's thread, but for the first --- */

/* conf and worker are set, all else is zero.  From main, before attach.  0 or -ENOMEM. */
int raw_call_init(struct raw_call *c);
/* Closes the line and leaves every list of the worker. */
void raw_call_detach(struct raw_call *c);
/* Judges, delivers and acknowledges the packets chained from c->first. */
void raw_call_packets(struct raw_call *c, struct mono now);
/* Gives up the gaps whose time is over. */
void raw_call_gaps(struct raw_worker *w, struct mono now);
/* Something was taken in: its acknowledgment goes out, or waits for data to ride on. */
void raw_call_ack(struct raw_call *c, struct mono now);
/* Sends the acknowledgments that waited long enough. */
void raw_call_acks(struct raw_worker *w, struct mono now);

/* --- raw_line.c; in the worker's thread, but for the first --- */

/* 0 or -ENOMEM. */
int raw_line_init(struct raw_call *c);
void raw_line_start(struct raw_call *c);
/* Frees what waits, closes the descriptor. */
void raw_line_stop(struct raw_call *c);
/*
 * Encodes a frame, that of the packet delivered last, into worker->out, which belongs to this call until
 * raw_line_flush; or into a real line's queue.  len 0: a packet without a frame.
 */
void raw_line_frame(struct raw_call *c, const uint8_t *frame, size_t len, struct mono now);
/* One write for all frames that were given; what the line does not take is kept, within bounds. */
void raw_line_flush(struct raw_call *c, struct mono now);
/* Octets that the line took; -EMSGSIZE: it never will (sync).  An error that lasts closes the line. */
ssize_t raw_line_write(struct raw_call *c, const uint8_t *data, size_t len);
/* What waits now, for the statistics. */
void raw_line_waits(struct raw_call *c, size_t octets);
/* Reads on when the window has opened. */
void raw_line_reopen(struct raw_call *c, struct mono now);

/* --- raw_queue.c; in the worker's thread, but for the first --- */

/* Nothing but for a real line.  0 or -ENOMEM. */
int raw_queue_init(struct raw_call *c);
/* Frees it; what waits is dropped. */
void raw_queue_stop(struct raw_call *c);
/* The frame of the packet delivered last (len 0: it has none); beyond the window it is thrown away. */
void raw_queue_frame(struct raw_call *c, const uint8_t *frame, size_t len, struct mono now);
/* Writes what pace and line allow.  The caller looks after the acknowledgment. */
void raw_queue_run(struct raw_call *c, struct mono now);
/* The line takes octets again. */
void raw_queue_writable(struct raw_call *c);

/* --- raw_tx.c; in the worker's thread --- */

void raw_tx_init(struct raw_tx *tx);
/* Queues a frame (len > 0), or an acknowledgment alone (len 0; nothing when none waits). */
void raw_tx_packet(struct raw_call *c, const uint8_t *frame, size_t len, struct mono now);
/* Sends the batch. No failure is fatal; each is counted. */
void raw_tx_flush(struct raw_worker *w);

#endif
