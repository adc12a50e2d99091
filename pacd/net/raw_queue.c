/*
 * The queue towards a real line, which is slow: bounded in packets by the window
 * that was advertised, let out at the line's pace, acknowledged as it gets out
 * (RFC 2637 section 4.2; GRE-07, GRE-12).
 *
 * Owns the frames that wait, and one timer.  Must not know what a number means:
 * it hands the numbers back in the order in which they came.
 */
#include "pacd/net/raw_worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BITS_ASYNC 10    /* of an octet on the line: start and stop */
#define BITS_SYNC 8
#define SYNC_OVERHEAD 3  /* octets that the line adds to a frame: FCS and a flag */

static bool call_is_real(const struct datapath_call *d)
{
	return d->pace_bps || d->ack_taken || d->sync;
}

static struct raw_queued *queue_at(struct raw_queue *q, unsigned i)
{
	return &q->frames[(q->first + i) % q->max];
}

/* Octets that a write of these costs the line. */
static size_t queue_cost(const struct raw_call *c, size_t octets)
{
	return octets + (c->conf.sync ? SYNC_OVERHEAD : 0);
}

/* --- leaving --- */

/* Counts and acknowledges the first frame, which is gone. */
static void frame_taken(struct raw_call *c, struct mono now)
{
	struct raw_queue *q = &c->queue;
	const struct raw_queued *f = queue_at(q, 0);
	int64_t old = (int64_t)raw_get(&c->count.queue_us);
	int64_t wait = mono_diff_us(now, f->since);

	raw_add(&c->count.rx_packets, 1);
	raw_add(&c->count.rx_octets, f->size);
	raw_set(&c->count.queue_us, (uint64_t)(old + (wait - old) / 8));
	seq_rx_taken(&c->rx, f->seq, now);
}

static void frame_remove(struct raw_queue *q)
{
	q->first = (q->first + 1) % q->max;
	q->count--;
	q->written = 0;
}

static void frame_drop(struct raw_call *c, struct mono now)
{
	raw_add(&c->count.rx_dropped, 1);
	seq_rx_taken(&c->rx, queue_at(&c->queue, 0)->seq, now);
	frame_remove(&c->queue);
}

/* Nobody takes it any more. */
static void queue_clear(struct raw_call *c, struct mono now)
{
	while (c->queue.count)
		frame_drop(c, now);
	c->queue.octets.start = c->queue.octets.len = 0;
}

/* These octets went out: the frames that are complete are gone. */
static void queue_wrote(struct raw_call *c, size_t octets, struct mono now)
{
	struct raw_queue *q = &c->queue;

	raw_pace_wrote(&q->pace, queue_cost(c, octets), now);
	q->octets.start += octets;
	q->octets.len -= octets;
	while (q->count && octets >= queue_at(q, 0)->len - q->written) {
		octets -= queue_at(q, 0)->len - q->written;
		frame_taken(c, now);
		frame_remove(q);
	}
	q->written += octets;
}

/* --- async: as many frames per write as the pace allows --- */

static size_t queue_allowed(struct raw_call *c, struct mono now)
{
	struct raw_queue *q = &c->queue;
	struct raw_pace pace = q->pace;
	size_t octets = 0;

	if (!pace.bps)
		return q->octets.len;
	for (unsigned i = 0; i < q->count; i++) {
		size_t n = queue_at(q, i)->len - (i ? 0 : q->written);

		if (!raw_pace_open(&pace, n, now))
			break;
		raw_pace_wrote(&pace, n, now);
		octets += n;
	}
	return octets;
}

/* False when the line takes no more now. */
static bool async_run(struct raw_call *c, struct mono now)
{
	struct raw_queue *q = &c->queue;
	size_t allowed = queue_allowed(c, now);
	ssize_t n = allowed ? raw_line_write(c, q->octets.data + q->octets.start, allowed) : 0;

	if (n > 0)
		queue_wrote(c, (size_t)n, now);
	return n == (ssize_t)allowed;
}

/* --- sync: one write is one frame --- */

/* False as above.  A line that takes part of a frame has spoilt it; the rest would be another one. */
static bool sync_write(struct raw_call *c, size_t len, struct mono now)
{
	struct raw_queue *q = &c->queue;
	ssize_t n = raw_line_write(c, q->octets.data + q->octets.start, len);

	if (n == 0)
		return false;
	if (n == (ssize_t)len) {
		queue_wrote(c, len, now);
		return true;
	}
	q->octets.start += len;
	q->octets.len -= len;
	frame_drop(c, now);
	return true;
}

static bool sync_run(struct raw_call *c, struct mono now)
{
	struct raw_queue *q = &c->queue;

	while (q->count) {
		size_t len = queue_at(q, 0)->len;

		if (!raw_pace_open(&q->pace, queue_cost(c, len), now))
			return true;
		if (!sync_write(c, len, now))
			return false;
	}
	return true;
}

/* --- both --- */

/* The first frame waits for the pace. */
static void queue_arm(struct raw_call *c, struct mono now)
{
	struct raw_queue *q = &c->queue;
	struct mono when = raw_pace_when(&q->pace, queue_cost(c, queue_at(q, 0)->len - q->written));
	int64_t us = mono_diff_us(when, now);

	if (ev_is_active(&q->timer))
		return;
	/* The loop's clock may lag: fired early, it is armed again. */
	ev_timer_set(&q->timer, us > 0 ? (double)us / 1e6 : 0., 0.);
	ev_timer_start(c->worker->loop, &q->timer);
}

void raw_queue_run(struct raw_call *c, struct mono now)
{
	struct raw_queue *q = &c->queue;
	bool taken = true;

	if (q->count && !ev_is_active(&c->writable))
		taken = c->conf.sync ? sync_run(c, now) : async_run(c, now);
	if (c->closed) {
		queue_clear(c, now);
	} else if (q->count && !ev_is_active(&c->writable)) {
		if (taken)
			queue_arm(c, now);
		else
			ev_io_start(c->worker->loop, &c->writable);
	}
	raw_line_waits(c, q->octets.len);
}

static void queue_event(struct raw_call *c)
{
	struct mono now = mono_now();

	raw_queue_run(c, now);
	raw_call_ack(c, now);
}

void raw_queue_writable(struct raw_call *c)
{
	ev_io_stop(c->worker->loop, &c->writable);
	queue_event(c);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
	(void)loop;
	(void)revents;
	queue_event(timer->data);
}

/* --- coming --- */

/* Thrown away, or without a frame: acknowledged when what stands before it is gone. */
static void queue_number(struct raw_call *c, uint32_t seq, struct mono now)
{
	struct raw_queue *q = &c->queue;

	if (q->count)
		queue_at(q, q->count - 1)->seq = seq;
	else
		seq_rx_taken(&c->rx, seq, now);
}

/* Room behind what waits for `len` octets; there always is as much as `max` frames need. */
static uint8_t *queue_room(struct raw_queue *q, size_t len)
{
	struct raw_wait *o = &q->octets;

	if (o->start + o->len + len > q->room) {
		memmove(o->data, o->data + o->start, o->len);
		o->start = 0;
	}
	return o->data + o->start + o->len;
}

static size_t frame_copy(struct raw_call *c, const uint8_t *frame, size_t len)
{
	uint32_t accm = atomic_load_explicit(&c->send_accm, memory_order_relaxed);

	if (hdlc_is_lcp(frame, len))
		accm = UINT32_MAX;
	if (!c->conf.sync)
		return hdlc_encode(queue_room(&c->queue, HDLC_ENCODED_MAX(len)), frame, len, accm);
	memcpy(queue_room(&c->queue, len), frame, len);
	return len;
}

void raw_queue_frame(struct raw_call *c, const uint8_t *frame, size_t len, struct mono now)
{
	struct raw_queue *q = &c->queue;
	uint32_t seq = c->rx.next - 1;
	size_t n;

	/* A batch may bring more than a window: what the line takes of it at once needs no room. */
	if (len && q->count == q->max)
		raw_queue_run(c, now);
	if (!len || c->closed || q->count == q->max) {
		raw_add(&c->count.rx_dropped, len != 0);
		queue_number(c, seq, now);
		return;
	}
	n = frame_copy(c, frame, len);
	q->octets.len += n;
	*queue_at(q, q->count++) = (struct raw_queued){
		.seq = seq, .len = (uint16_t)n, .size = (uint16_t)len, .since = now,
	};
}

/* --- coming and going of calls --- */

int raw_queue_init(struct raw_call *c)
{
	const struct datapath_call *d = &c->conf;
	struct raw_queue *q = &c->queue;

	ev_timer_init(&q->timer, on_timer, 0., 0.);
	q->timer.data = c;
	if (!call_is_real(d))
		return 0;
	q->max = d->window < RAW_QUEUE_MAX ? d->window : RAW_QUEUE_MAX;
	if (!q->max)
		q->max = 1;
	q->room = q->max * HDLC_ENCODED_MAX(GRE_PAYLOAD_MAX);
	raw_pace_init(&q->pace, d->pace_bps, d->sync ? BITS_SYNC : BITS_ASYNC);
	q->frames = calloc(q->max, sizeof(*q->frames));
	q->octets.data = malloc(q->room);
	if (q->frames && q->octets.data)
		return 0;
	free(q->frames);
	free(q->octets.data);
	return -ENOMEM;
}

void raw_queue_stop(struct raw_call *c)
{
	struct raw_queue *q = &c->queue;

	ev_timer_stop(c->worker->loop, &q->timer);
	if (!q->frames)
		return;
	queue_clear(c, mono_now());
	raw_line_waits(c, 0);
	free(q->octets.data);
	free(q->frames);
	*q = (struct raw_queue){ 0 };
}
