/*
 * Sequencing of one call: receive order, acknowledgments, and the sender's
 * window with its adaptive time-out (RFC 2637 sections 4.2 to 4.4).
 *
 * Pure: time is passed in; nothing is allocated.  It knows numbers, not packets:
 * a held packet is named by the caller's slot number.
 */
#ifndef PACD_PROTO_SEQ_H
#define PACD_PROTO_SEQ_H

#include "common/mono.h"

#include <stdbool.h>
#include <stdint.h>

#define SEQ_RING 64   /* packets that may wait for a gap to fill; a power of two */
#define SEQ_NO_SLOT 0 /* slot numbers of held packets start at 1 */

/* --- receiving --- */

/*
 * Numbers are compared by signed difference, so they may wrap (GRE-05).  The first packet is taken at any number
 * (GRE-04); there is no number that resets the receiver later.
 *
 * A number SEQ_RING or more ahead is a jump: what lies between counts as lost.  GRE has no checksum and no
 * authentication, so one forged or damaged number may jump far, and the real ones then lie behind it.  A jump, and the
 * first packet, is therefore in doubt until SEQ_TRUST packets were accepted after it.  While it is in doubt, SEQ_RESYNC
 * packets in a row that lie in the numbers it skipped, and advance, take it back: the last of them is delivered.
 * Outside of these numbers nothing is ever taken back, so recorded traffic cannot be replayed; only where a second jump
 * follows within SEQ_TRUST packets of the first are the few numbers between the two exposed as well.
 */
#define SEQ_RESYNC 64
#define SEQ_TRUST 1024

enum seq_verdict {
	SEQ_DELIVER,   /* in order (or first): deliver, then call seq_rx_next until it says no */
	SEQ_HOLD,      /* keep the packet in the given slot */
	SEQ_DUPLICATE, /* drop: received before */
	SEQ_OLD,       /* drop: already given up for lost, or too far behind to tell */
	SEQ_OVERFLOW,  /* beyond the ring: release what is held with seq_rx_flush until it says no, then ask again,
	                * once: the second verdict is never this one */
};

/* Owned by the call's data path; touched by its worker only. */
struct seq_rx {
	bool started;        /* something was received */
	uint32_t next;       /* the next sequence number to deliver */
	uint32_t highest;    /* the highest received: what is acknowledged (GRE-07) */
	uint64_t past;       /* bit i: the number next - 1 - i was received */
	uint16_t slots[SEQ_RING];         /* of held packets, by number modulo SEQ_RING */
	struct mono arrivals[SEQ_RING];   /* when each of them came */
	unsigned held;
	struct mono hold_since; /* when the first gap opened: the oldest arrival held; MONO_NEVER without a gap */
	bool defer;          /* a packet counts for acknowledgment when it was taken, not when it came */
	uint32_t taken;      /* then: the number taken last, which is what is acknowledged */
	uint32_t unacked;    /* packets that count since the last acknowledgment went out */
	struct mono ack_since; /* when the oldest of them came; MONO_NEVER without one */
	uint64_t lost;       /* numbers given up so far; a jump that is taken back takes back its own */
	uint32_t resyncs;    /* jumps taken back */
	bool doubt;          /* the last jump may be taken back */
	uint32_t jump_from, jump_to; /* the numbers it skipped: from, up to but not including to */
	uint32_t trust;      /* packets accepted since */
	uint32_t stray_last, stray_run; /* packets in a row within what it skipped */
};

void seq_rx_init(struct seq_rx *rx);
/*
 * Before the first packet: acknowledgments follow seq_rx_taken, so that the sender's window bounds what waits for a
 * slow line ("digests", section 4.2.1).
 */
void seq_rx_defer(struct seq_rx *rx);
/*
 * The packet with this number, and all that were delivered before it, wait no more: its line took it, or it was thrown
 * away.  To be called in the order of delivery, at any time after it.  Nothing happens without seq_rx_defer.
 */
void seq_rx_taken(struct seq_rx *rx, uint32_t seq, struct mono now);
/*
 * Judges a packet's number; on SEQ_HOLD `slot` is kept for it.  SEQ_DELIVER and SEQ_HOLD count it for acknowledgment,
 * unless that is deferred.
 * Without memory to hold a packet pass SEQ_NO_SLOT: then a gap before it is given up instead.
 */
enum seq_verdict seq_rx_packet(struct seq_rx *rx, uint32_t seq, uint16_t slot, struct mono now);
/* The slot of a held packet that is now in order, or SEQ_NO_SLOT. */
uint16_t seq_rx_next(struct seq_rx *rx, struct mono now);
/*
 * Gives the first gap up: the slot of the first held packet, or SEQ_NO_SLOT when none is held.  When the hold time has
 * passed: call it once, then seq_rx_next until that says no, then look at hold_since again.  To drain all: call it
 * until it says no.
 */
uint16_t seq_rx_flush(struct seq_rx *rx, struct mono now);

/* An acknowledgment is due now: a quarter of our own window came (at least one packet). */
bool seq_rx_ack_due(const struct seq_rx *rx, uint32_t window);
/* Something waits to be acknowledged. */
bool seq_rx_ack_pending(const struct seq_rx *rx);
/* The number to acknowledge, once something is pending; marks everything acknowledged. */
uint32_t seq_rx_ack_take(struct seq_rx *rx);

/* --- sending --- */

#define SEQ_SENT 128 /* transmit times kept; the window is bounded by it; a power of two */

/* Owned by the call's data path; touched by its worker only. */
struct seq_tx {
	uint32_t next;      /* number of the next packet; the first is 0 */
	uint32_t acked;     /* all below are acknowledged or given up */
	uint32_t window, window_max; /* packets */
	uint32_t good;      /* acknowledged since the window last changed */
	int64_t rtt_us, dev_us, ato_us; /* section 4.4 */
	int64_t min_us, max_us;         /* MinTimeOut, MaxTimeOut */
	struct mono oldest; /* the time-out's start: oldest unacknowledged; MONO_NEVER when all is */
	struct mono sent[SEQ_SENT];     /* by number modulo SEQ_SENT */
};

/*
 * `window`: the peer's advertised one (0 counts as 1, more than SEQ_SENT as SEQ_SENT); `delay_us`: its processing
 * delay, the first round-trip estimate.  MinTimeOut is at least 1 us, MaxTimeOut at least MinTimeOut.
 */
void seq_tx_init(struct seq_tx *tx, uint32_t window, int64_t delay_us, int64_t min_us, int64_t max_us);
/* The window lets one more packet out (GRE-09). */
bool seq_tx_open(const struct seq_tx *tx);
/* Takes the next number. The caller may ignore seq_tx_open: then the window is not enforced. */
uint32_t seq_tx_send(struct seq_tx *tx, struct mono now);
/* GRE-08, GRE-10, GRE-14.  False for a number that was never sent or is known already. */
bool seq_tx_ack(struct seq_tx *tx, uint32_t ack, struct mono now);
/* When the oldest packet's time-out passes, or MONO_NEVER. */
struct mono seq_tx_deadline(const struct seq_tx *tx);
/*
 * GRE-11, GRE-15: everything outstanding counts as gone, the window halves (rounded up), the round-trip estimate
 * doubles (at least to MinTimeOut, at most to MaxTimeOut).  Before seq_tx_deadline nothing happens: look at the
 * deadline again.
 */
void seq_tx_timeout(struct seq_tx *tx, struct mono now);

/*
 * GRE-13: the packet processing delay to announce for a line of `bps` bit/s, in 1/10 s, rounded up: what a whole window
 * of packets takes that fill an internetwork's `mtu` (with 36 octets of IP and GRE headers, which do not go to the
 * line).  0 for a rate of 0, 65535 at most.
 */
uint16_t seq_delay_tenths(unsigned mtu, unsigned window, uint32_t bps);

#endif
