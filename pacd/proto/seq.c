/*
 * Sequencing of one call (RFC 2637 sections 4.2 to 4.4): puts received numbers
 * in order, says when and what to acknowledge, and runs the sender's window
 * with its adaptive time-out.
 *
 * Owns numbers and times.  Must not know packets, sockets or timers: a held
 * packet is a slot number of the caller's, and time is passed in.
 */
#include "pacd/proto/seq.h"

#include <string.h>

#define RING_MASK (SEQ_RING - 1)
#define SENT_MASK (SEQ_SENT - 1)
#define PAST_BITS 64
#define HEADERS 36 /* octets of IP and GRE (section 4.4) */

/* --- receiving --- */

void seq_rx_init(struct seq_rx *rx)
{
	memset(rx, 0, sizeof *rx);
}

void seq_rx_defer(struct seq_rx *rx)
{
	rx->defer = true;
}

/* How far a lies ahead of b; negative when behind (GRE-05). */
static int32_t seq_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

/* Moves past one received number, giving up those before it. */
static void rx_pass(struct seq_rx *rx, uint32_t skipped)
{
	rx->lost += skipped;
	rx->past = skipped < PAST_BITS - 1 ? rx->past << (skipped + 1) : 0;
	rx->past |= 1;
	rx->next += skipped + 1;
}

static void rx_count(struct seq_rx *rx, struct mono now)
{
	if (rx->unacked++ == 0)
		rx->ack_since = now;
}

/* What every packet has in common that is delivered or held. */
static void rx_accept(struct seq_rx *rx, struct mono now)
{
	rx->stray_run = 0;
	if (rx->doubt && ++rx->trust >= SEQ_TRUST)
		rx->doubt = false;
	if (!rx->defer)
		rx_count(rx, now);
}

/* The next packets may show that this number was a false one. */
static void rx_doubt(struct seq_rx *rx, uint32_t from, uint32_t to)
{
	/* Of two jumps, both not yet trusted, the first may be the false one. */
	if (!rx->doubt)
		rx->jump_from = from;
	rx->jump_to = to;
	rx->doubt = true;
	rx->trust = 0;
}

static enum seq_verdict rx_first(struct seq_rx *rx, uint32_t seq, struct mono now)
{
	rx->started = true;
	rx->next = rx->highest = seq;
	/* All numbers behind it: none of them was ever delivered. */
	rx_doubt(rx, seq - (UINT32_C(1) << 31), seq);
	rx_pass(rx, 0);
	rx_accept(rx, now);
	return SEQ_DELIVER;
}

static enum seq_verdict rx_jump(struct seq_rx *rx, uint32_t seq, struct mono now)
{
	rx_doubt(rx, rx->next, seq);
	rx_pass(rx, seq - rx->next);
	rx->highest = seq;
	rx_accept(rx, now);
	return SEQ_DELIVER;
}

static enum seq_verdict rx_resync(struct seq_rx *rx, uint32_t seq, struct mono now)
{
	uint32_t not_lost = rx->jump_to - seq;

	rx->lost -= rx->lost < not_lost ? rx->lost : not_lost;
	rx->resyncs++;
	rx->doubt = false;
	rx->past = 0;
	rx->next = rx->highest = seq;
	rx_pass(rx, 0);
	rx_accept(rx, now);
	return SEQ_DELIVER;
}

static enum seq_verdict rx_behind(struct seq_rx *rx, uint32_t seq, struct mono now)
{
	uint32_t back = rx->next - 1 - seq, step = seq - rx->stray_last, run = 1;

	if (back < PAST_BITS && rx->past >> back & 1)
		return SEQ_DUPLICATE;
	if (!rx->doubt || seq - rx->jump_from >= rx->jump_to - rx->jump_from)
		return SEQ_OLD;
	if (rx->stray_run && step >= 1 && step <= SEQ_RING)
		run = rx->stray_run + 1;
	if (run < SEQ_RESYNC) {
		rx->stray_last = seq;
		rx->stray_run = run;
		return SEQ_OLD;
	}
	/* What is held lies ahead: it goes out first, or it would be lost. */
	return rx->held ? SEQ_OVERFLOW : rx_resync(rx, seq, now);
}

static enum seq_verdict rx_near(struct seq_rx *rx, uint32_t seq, uint16_t slot, struct mono now)
{
	uint32_t at = seq & RING_MASK;

	if (rx->slots[at] != SEQ_NO_SLOT)
		return SEQ_DUPLICATE;
	if (seq_diff(seq, rx->highest) > 0)
		rx->highest = seq;
	rx_accept(rx, now);
	if (seq == rx->next) {
		rx_pass(rx, 0);
		return SEQ_DELIVER;
	}
	rx->slots[at] = slot;
	rx->arrivals[at] = now;
	if (rx->held++ == 0)
		rx->hold_since = now;
	return SEQ_HOLD;
}

enum seq_verdict seq_rx_packet(struct seq_rx *rx, uint32_t seq, uint16_t slot, struct mono now)
{
	int32_t ahead = seq_diff(seq, rx->next);

	if (!rx->started)
		return rx_first(rx, seq, now);
	if (ahead < 0)
		return rx_behind(rx, seq, now);
	if (ahead == 0 || (ahead < SEQ_RING && slot != SEQ_NO_SLOT))
		return rx_near(rx, seq, slot, now);
	if (ahead < SEQ_RING && rx->slots[seq & RING_MASK] != SEQ_NO_SLOT)
		return SEQ_DUPLICATE;
	return rx->held ? SEQ_OVERFLOW : rx_jump(rx, seq, now);
}

/* The first gap is a new one: it opened when the oldest of what is held came. */
static void rx_gap(struct seq_rx *rx)
{
	unsigned left = rx->held;

	rx->hold_since = MONO_NEVER;
	for (uint32_t seq = rx->next; left; seq++) {
		uint32_t at = seq & RING_MASK;

		if (rx->slots[at] == SEQ_NO_SLOT)
			continue;
		rx->hold_since = mono_earlier(rx->hold_since, rx->arrivals[at]);
		left--;
	}
}

/* Takes the held packet `skipped` numbers on. */
static uint16_t rx_take(struct seq_rx *rx, uint32_t skipped)
{
	uint32_t at = (rx->next + skipped) & RING_MASK;
	uint16_t slot = rx->slots[at];

	rx->slots[at] = SEQ_NO_SLOT;
	rx->held--;
	rx_pass(rx, skipped);
	/* While the following one is in order too, the gap is not reached yet. */
	if (rx->slots[rx->next & RING_MASK] == SEQ_NO_SLOT)
		rx_gap(rx);
	return slot;
}

uint16_t seq_rx_next(struct seq_rx *rx, struct mono now)
{
	(void)now;
	if (rx->slots[rx->next & RING_MASK] == SEQ_NO_SLOT)
		return SEQ_NO_SLOT;
	return rx_take(rx, 0);
}

uint16_t seq_rx_flush(struct seq_rx *rx, struct mono now)
{
	uint32_t skipped = 0;

	(void)now;
	if (!rx->held)
		return SEQ_NO_SLOT;
	while (rx->slots[(rx->next + skipped) & RING_MASK] == SEQ_NO_SLOT)
		skipped++;
	return rx_take(rx, skipped);
}

void seq_rx_taken(struct seq_rx *rx, uint32_t seq, struct mono now)
{
	if (!rx->defer)
		return;
	/* Deliveries are in order, so this only goes back where a jump was taken back, and there it must. */
	rx->taken = seq;
	rx_count(rx, now);
}

bool seq_rx_ack_due(const struct seq_rx *rx, uint32_t window)
{
	uint32_t quarter = window / 4;

	return rx->unacked >= (quarter ? quarter : 1);
}

bool seq_rx_ack_pending(const struct seq_rx *rx)
{
	return rx->unacked > 0;
}

uint32_t seq_rx_ack_take(struct seq_rx *rx)
{
	rx->unacked = 0;
	rx->ack_since = MONO_NEVER;
	return rx->defer ? rx->taken : rx->highest;
}

/* --- sending --- */

static int64_t us_clamp(int64_t v, int64_t low, int64_t high)
{
	if (v > high)
		v = high;
	return v < low ? low : v;
}

/* GRE-14; chi is 4. */
static void tx_ato(struct seq_tx *tx)
{
	tx->ato_us = us_clamp(tx->rtt_us + 4 * tx->dev_us, tx->min_us, tx->max_us);
}

void seq_tx_init(struct seq_tx *tx, uint32_t window, int64_t delay_us, int64_t min_us, int64_t max_us)
{
	memset(tx, 0, sizeof *tx);
	tx->window_max = window < SEQ_SENT ? window : SEQ_SENT;
	if (!tx->window_max)
		tx->window_max = 1;
	tx->window = (tx->window_max + 1) / 2;
	tx->min_us = min_us > 1 ? min_us : 1;
	tx->max_us = max_us > tx->min_us ? max_us : tx->min_us;
	tx->rtt_us = us_clamp(delay_us, 0, tx->max_us);
	tx_ato(tx);
}

static uint32_t tx_outstanding(const struct seq_tx *tx)
{
	return tx->next - tx->acked;
}

bool seq_tx_open(const struct seq_tx *tx)
{
	return tx_outstanding(tx) < tx->window;
}

uint32_t seq_tx_send(struct seq_tx *tx, struct mono now)
{
	/* Without window and time-outs the distance would wrap in the end. */
	if (tx_outstanding(tx) > INT32_MAX)
		tx->acked++;
	if (!mono_is_set(tx->oldest))
		tx->oldest = now;
	tx->sent[tx->next & SENT_MASK] = now;
	return tx->next++;
}

/* GRE-14: DEV takes DIFF against the old RTT; alpha is 1/8, beta 1/4. */
static void tx_sample(struct seq_tx *tx, int64_t sample)
{
	int64_t diff = us_clamp(sample, 0, tx->max_us) - tx->rtt_us;

	tx->dev_us += ((diff < 0 ? -diff : diff) - tx->dev_us) / 4;
	tx->rtt_us += diff / 8;
	tx_ato(tx);
}

/* GRE-10: one more after a whole window without a time-out. */
static void tx_grow(struct seq_tx *tx, uint32_t acked)
{
	tx->good += acked;
	if (tx->good < tx->window)
		return;
	tx->good = 0;
	if (tx->window < tx->window_max)
		tx->window++;
}

/* The transmit time of a number is still known. */
static bool tx_known(const struct seq_tx *tx, uint32_t seq)
{
	return tx->next - seq <= SEQ_SENT;
}

/* GRE-17: the time-out now runs for what is the oldest packet after an acknowledgment. */
static void tx_restart(struct seq_tx *tx, struct mono now)
{
	if (!tx_outstanding(tx))
		tx->oldest = MONO_NEVER;
	else
		tx->oldest = tx_known(tx, tx->acked) ? tx->sent[tx->acked & SENT_MASK] : now;
}

bool seq_tx_ack(struct seq_tx *tx, uint32_t ack, struct mono now)
{
	uint32_t done = ack - tx->acked + 1;

	if (ack - tx->acked >= tx_outstanding(tx))
		return false;
	if (tx_known(tx, ack))
		tx_sample(tx, mono_diff_us(now, tx->sent[ack & SENT_MASK]));
	tx->acked = ack + 1;
	tx_grow(tx, done);
	tx_restart(tx, now);
	return true;
}

struct mono seq_tx_deadline(const struct seq_tx *tx)
{
	return mono_is_set(tx->oldest) ? mono_add_us(tx->oldest, tx->ato_us) : MONO_NEVER;
}

void seq_tx_timeout(struct seq_tx *tx, struct mono now)
{
	if (!mono_reached(seq_tx_deadline(tx), now))
		return;
	tx->acked = tx->next;
	tx->oldest = MONO_NEVER;
	tx->window = (tx->window + 1) / 2;
	tx->good = 0;
	/* From 0, or from far below MinTimeOut, doubling alone would not back off. */
	tx->rtt_us = us_clamp(2 * tx->rtt_us, tx->min_us, tx->max_us);
	tx_ato(tx);
}

uint16_t seq_delay_tenths(unsigned mtu, unsigned window, uint32_t bps)
{
	uint64_t bits, tenths;

	if (!bps || mtu <= HEADERS)
		return 0;
	/* No packet and no window is longer than 16 bits say. */
	bits = (uint64_t)(mtu < UINT16_MAX ? mtu - HEADERS : UINT16_MAX) * (window < UINT16_MAX ? window : UINT16_MAX) * 8;
	tenths = (bits * 10 + bps - 1) / bps;
	return tenths < UINT16_MAX ? (uint16_t)tenths : UINT16_MAX;
}
