/*
 * Packets of one call in the worker: order, gaps, acknowledgments
 * (RFC 2637 sections 4.2 to 4.4; GRE-05 to GRE-08, GRE-10, GRE-14).
 *
 * Owns the call's place in the worker's queues and its held packets.  What a
 * number means is pacd/proto/seq.h's business; what a line takes, raw_line.c's.
 */
#include "pacd/net/raw_worker.h"

#include <string.h>

/* --- held packets --- */

/* A free slot, not taken yet; SEQ_NO_SLOT when there is none: then the call does without reordering. */
static uint16_t slot_free(const struct raw_slots *s)
{
	return s->free_count ? s->free[s->free_count - 1] : SEQ_NO_SLOT;
}

/* The one that slot_free named. */
static void slot_take(struct raw_slots *s, uint16_t slot, const struct gre *g)
{
	s->free_count--;
	s->len[slot] = (uint16_t)g->payload_len;
	if (g->payload_len)
		memcpy(s->data[slot], g->payload, g->payload_len);
}

static void slot_put(struct raw_slots *s, uint16_t slot)
{
	s->free[s->free_count++] = slot;
}

/* --- delivery --- */

static void deliver_slot(struct raw_call *c, uint16_t slot, struct mono now)
{
	struct raw_slots *s = &c->worker->slots;

	raw_line_frame(c, s->data[slot], s->len[slot], now);
	slot_put(s, slot);
}

static void deliver_next(struct raw_call *c, struct mono now)
{
	uint16_t slot;

	while ((slot = seq_rx_next(&c->rx, now)) != SEQ_NO_SLOT)
		deliver_slot(c, slot, now);
}

/* Gives all gaps up. */
static void release_all(struct raw_call *c, struct mono now)
{
	uint16_t slot;

	while ((slot = seq_rx_flush(&c->rx, now)) != SEQ_NO_SLOT)
		deliver_slot(c, slot, now);
}

/* --- one packet --- */

static enum seq_verdict packet_judge(struct raw_call *c, const struct gre *g, uint16_t *slot, struct mono now)
{
	enum seq_verdict v;

	*slot = slot_free(&c->worker->slots);
	v = seq_rx_packet(&c->rx, g->seq, *slot, now);
	if (v != SEQ_OVERFLOW)
		return v;
	release_all(c, now);
	*slot = slot_free(&c->worker->slots);
	return seq_rx_packet(&c->rx, g->seq, *slot, now);
}

static void packet_data(struct raw_call *c, const struct gre *g, struct mono now)
{
	bool taken = true;
	uint16_t slot;

	switch (packet_judge(c, g, &slot, now)) {
	case SEQ_DELIVER:
		raw_line_frame(c, g->payload, g->payload_len, now);
		deliver_next(c, now);
		break;
	case SEQ_HOLD:
		slot_take(&c->worker->slots, slot, g);
		break;
	case SEQ_DUPLICATE:
		raw_add(&c->count.rx_duplicate, 1);
		taken = false;
		break;
	case SEQ_OLD:
	case SEQ_OVERFLOW:
		raw_add(&c->count.rx_old, 1);
		taken = false;
		break;
	}
	if (taken && (int32_t)(g->seq - c->rx.highest) < 0)
		raw_add(&c->count.rx_reordered, 1);
}

static void packet_ack(struct raw_call *c, const struct gre *g, struct mono now)
{
	if (!seq_tx_ack(&c->tx, g->ack, now))
		return;
	raw_add(&c->count.acks_received, 1);
	raw_set(&c->count.rtt_us, (uint64_t)c->tx.rtt_us);
	raw_set(&c->count.window, c->tx.window);
}

/* --- the worker's queues: each call waits equally long, so the oldest stands first --- */

/* From the end: all but a second gap behind a first one are the newest. */
static void gap_insert(struct raw_call *c)
{
	struct list *gaps = &c->worker->gaps, *at = gaps;

	while (at->prev != gaps && list_entry(at->prev, struct raw_call, gap)->gap_since.us > c->gap_since.us)
		at = at->prev;
	list_append(at, &c->gap);
}

static void gap_update(struct raw_call *c)
{
	raw_set(&c->count.rx_lost, c->rx.lost);
	if (c->gap_since.us == c->rx.hold_since.us)
		return;
	c->gap_since = c->rx.hold_since;
	list_remove(&c->gap);
	if (mono_is_set(c->gap_since))
		gap_insert(c);
}

void raw_call_ack(struct raw_call *c, struct mono now)
{
	if (!seq_rx_ack_pending(&c->rx))
		return;
	if (seq_rx_ack_due(&c->rx, c->conf.window))
		raw_tx_packet(c, NULL, 0, now);
	else if (list_empty(&c->ack))
		list_append(&c->worker->acks, &c->ack);
}

void raw_call_packets(struct raw_call *c, struct mono now)
{
	struct raw_rx *rx = &c->worker->rx;

	for (uint8_t i = c->first; i != RAW_NO_PACKET; i = rx->next[i]) {
		const struct gre *g = &rx->gre[i];

		if (g->has_ack)
			packet_ack(c, g, now);
		if (g->has_seq)
			packet_data(c, g, now);
	}
	c->first = RAW_NO_PACKET;
	raw_set(&c->count.last_rx_us, (uint64_t)now.us);
	gap_update(c);
	raw_line_flush(c, now);
	/* Before the acknowledgment: data that go out now carry it. */
	raw_line_reopen(c, now);
	raw_call_ack(c, now);
}

void raw_call_gaps(struct raw_worker *w, struct mono now)
{
	while (!list_empty(&w->gaps)) {
		struct raw_call *c = list_entry(w->gaps.next, struct raw_call, gap);

		if (!mono_reached(mono_add_us(c->gap_since, RAW_HOLD_US), now))
			return;
		deliver_slot(c, seq_rx_flush(&c->rx, now), now);
		deliver_next(c, now);
		gap_update(c);
		raw_line_flush(c, now);
		if (c->rx.defer)
			raw_call_ack(c, now);
	}
}

void raw_call_acks(struct raw_worker *w, struct mono now)
{
	while (!list_empty(&w->acks)) {
		struct raw_call *c = list_entry(w->acks.next, struct raw_call, ack);

		if (!mono_reached(mono_add_us(c->rx.ack_since, RAW_ACK_US), now))
			return;
		raw_tx_packet(c, NULL, 0, now);
	}
}

/* --- coming and going --- */

int raw_call_init(struct raw_call *c)
{
	const struct datapath_call *d = &c->conf;

	list_init(&c->ack);
	list_init(&c->gap);
	list_init(&c->command);
	list_init(&c->report);
	seq_rx_init(&c->rx);
	if (d->ack_taken)
		seq_rx_defer(&c->rx);
	seq_tx_init(&c->tx, d->peer_window, d->peer_delay_us, RAW_TIMEOUT_MIN_US,
		    d->ack_timeout_max_us ? d->ack_timeout_max_us : RAW_TIMEOUT_MAX_US);
	hdlc_rx_init(&c->hdlc, d->receive_accm);
	atomic_init(&c->send_accm, d->accm);
	atomic_init(&c->receive_accm, d->receive_accm);
	c->first = RAW_NO_PACKET;
	raw_set(&c->count.rtt_us, (uint64_t)c->tx.rtt_us);
	raw_set(&c->count.window, c->tx.window);
	return raw_line_init(c);
}

void raw_call_detach(struct raw_call *c)
{
	struct mono now = mono_now();
	uint16_t slot;

	/* The batch names the call. */
	raw_tx_flush(c->worker);
	while ((slot = seq_rx_flush(&c->rx, now)) != SEQ_NO_SLOT)
		slot_put(&c->worker->slots, slot);
	list_remove(&c->ack);
	list_remove(&c->gap);
	raw_line_stop(c);
}
