/*
 * The data path of calls: frames between a call's GRE end and its line's
 * descriptor.  One small vtable, so that sessions do not know which kind moves
 * their frames.
 *
 * All functions are called from main's thread; only values and 64-bit ids go to
 * the workers and come back.
 */
#ifndef PACD_NET_DATAPATH_H
#define PACD_NET_DATAPATH_H

#include "common/mono.h"
#include "pacd/proto/gre.h"
#include "pacd/proto/hdlc.h"

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

/* One call as the data path sees it. */
struct datapath_call {
	uint64_t id;            /* the session's */
	uint16_t call_id;       /* ours: in packets from the peer */
	uint16_t peer_call_id;  /* the peer's: in packets to it */
	uint32_t local_addr, peer_addr; /* of the control connection, host order */
	int fd;                 /* the line; belongs to the data path from attach on, also when that fails */
	uint32_t accm;          /* escaped towards the line; 0 for our own pppd */
	uint32_t receive_accm;  /* dropped when they come from the line unescaped; 0 for our own pppd */
	uint16_t window;        /* ours, packets */
	uint16_t peer_window;   /* theirs, packets */
	uint32_t peer_delay_us; /* their processing delay */
	bool strict_window;     /* obey peer_window */
	int64_t ack_timeout_max_us; /* MaxTimeOut of section 4.4; 0: 10 s */

	/* --- real lines, which are slow; all zero for our own pppd --- */
	/*
	 * Octets go to the line no faster than this (bit/s, 10 bits an octet where framing is async), so that what waits is
	 * here, where it is bounded and known, and not in a driver or a modem; 0: as fast as they are taken.
	 */
	uint32_t pace_bps;
	/*
	 * A packet is acknowledged when the line has taken it, not when it has come: the peer's window then bounds what
	 * waits here.  What comes beyond our window all the same is thrown away: the newest goes first (GRE-12).
	 */
	bool ack_taken;
	bool sync; /* one read or write of fd is one frame, without flags, escapes and FCS */
};

/* Of one call, cumulative; octets are PPP frames without GRE, FCS and escapes. */
struct datapath_stats {
	uint64_t rx_packets, rx_octets; /* from the peer, delivered to the line */
	uint64_t tx_packets, tx_octets; /* to the peer */
	uint64_t rx_lost, rx_duplicate, rx_old, rx_reordered; /* sequence numbers */
	uint64_t rx_dropped;            /* the line did not take it */
	uint64_t tx_dropped;            /* the network did not take it */
	uint64_t acks_sent, acks_received; /* alone or with data; received: only those that said something new */
	uint64_t tx_timeouts;           /* with strict_window only */
	uint64_t line_faults[HDLC_FAULTS];
	uint32_t rtt_us, window;        /* of section 4: the present estimate and send window */
	struct mono last_rx;            /* MONO_NEVER: nothing came yet */
	uint64_t queue_octets, queue_peak; /* encoded, waiting for the line: now, and the most so far */
	uint32_t queue_us;              /* a frame's wait for the line, smoothed (1/8); with pace_bps, ack_taken or sync */
};

/* Over all workers and all calls, also those that are gone. */
struct datapath_totals {
	uint64_t rx_packets, rx_octets; /* that reached a call: data and acknowledgments */
	uint64_t tx_packets, tx_octets; /* that the network took: data and acknowledgments */
	uint64_t drops[GRE_DROPS];      /* reached no call: why */
	uint64_t overruns;              /* lost for want of room in a socket's receive buffer */
	uint64_t socket_errors;         /* failed system calls on the sockets; all are survived */
};

struct datapath; /* opaque, one per kind */

struct datapath_ops {
	const char *name; /* "user", "null" */
	/* 0, or -errno when this kind can't work here. */
	int (*probe)(struct datapath *d);
	/*
	 * 0, or -errno: -EINVAL for call id 0, -EEXIST for one that is attached, -ENOMEM.  call->fd is taken over in
	 * any case.  Packets may move before this returns.
	 */
	int (*attach)(struct datapath *d, const struct datapath_call *call);
	/*
	 * The line's descriptor is closed, what was queued is dropped; `final` (may be NULL) gets the final statistics,
	 * zeros when there is no such call.  `closed` is not called for it any more.
	 */
	void (*detach)(struct datapath *d, uint16_t call_id, struct datapath_stats *final);
	/* Set-Link-Info (section 2.15), for real lines: octets to escape towards the line, to drop from it. */
	void (*set_link)(struct datapath *d, uint16_t call_id, uint32_t send_accm, uint32_t receive_accm);
	/* false: no such call. */
	bool (*stats)(struct datapath *d, uint16_t call_id, struct datapath_stats *stats);
	void (*totals)(struct datapath *d, struct datapath_totals *totals);
	/* Detaches what is left; not from within `closed`. */
	void (*free)(struct datapath *d);
};

struct datapath {
	const struct datapath_ops *ops;
};

/* The line of this session was closed by its other side (end of file or EIO on the descriptor). In main's thread. */
typedef void (*datapath_closed_fn)(void *ctx, uint64_t id);

/*
 * The user-space path: one worker thread for each of `n` raw GRE sockets, which are non-blocking, neither bound nor
 * connected, and filtered to call ids that are `i` modulo n for socket i.  They are taken over in any case.  A call's
 * worker is the one of its call id modulo n.  NULL: errno says why.
 */
struct datapath *datapath_raw_new(struct ev_loop *loop, const int *sockets, unsigned n, datapath_closed_fn closed,
				  void *ctx);
/* Moves nothing, closes lines on detach; for tests and load runs. */
struct datapath *datapath_null_new(void);

#endif
