/*
 * The line end of a call: frames to and from the descriptor, in async HDLC
 * (RFC 1662; PPP-01 to PPP-04, GRE-09, GRE-12) or one by one where it is sync.
 *
 * Owns the descriptor, its watchers and what waits on either side of it.  A line
 * that takes nothing costs its own call frames, and nobody else time.  Knows
 * nothing of received sequence numbers, nor how real lines queue: raw_queue.c.
 */
#include "pacd/net/raw_worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* Reads of one line before others get their turn, and what is too short for another one to be likely to pay. */
enum { READS = 16, READ_SHORT = 2048 };
/* As of an async line, less its FCS. */
enum { SYNC_FRAME_MIN = 2 };

static void wait_free(struct raw_wait *w)
{
	free(w->data);
	*w = (struct raw_wait){ 0 };
}

/* The other side is gone: main is told once, by a node in the call, so nothing can fail here. */
static void line_closed(struct raw_call *c)
{
	struct raw *raw = c->worker->raw;

	if (c->closed)
		return;
	c->closed = true;
	ev_io_stop(c->worker->loop, &c->readable);
	ev_io_stop(c->worker->loop, &c->writable);
	ev_timer_stop(c->worker->loop, &c->queue.timer);
	pthread_mutex_lock(&raw->lock);
	list_append(&raw->closed, &c->report);
	pthread_mutex_unlock(&raw->lock);
	ev_async_send(raw->loop, &raw->report);
}

static bool error_is_soft(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

/* --- to the line --- */

/* GRE-12: a peer may send a whole window at once, and a pty takes no more than 8 KB; a slow line has a small window. */
static size_t spill_bound(uint16_t window)
{
	size_t n = (size_t)window * HDLC_FRAME_MAX;

	if (n < RAW_SPILL_MIN)
		return RAW_SPILL_MIN;
	return n < RAW_SPILL_MAX ? n : RAW_SPILL_MAX;
}

ssize_t raw_line_write(struct raw_call *c, const uint8_t *data, size_t len)
{
	ssize_t n;

	if (c->closed)
		return 0;
	n = write(c->conf.fd, data, len);
	if (n >= 0)
		return n;
	if (errno == EMSGSIZE && c->conf.sync)
		return -EMSGSIZE;
	if (!error_is_soft(errno))
		line_closed(c);
	return 0;
}

static size_t line_write(struct raw_call *c, const uint8_t *data, size_t len)
{
	ssize_t n = raw_line_write(c, data, len);

	return n > 0 ? (size_t)n : 0;
}

void raw_line_waits(struct raw_call *c, size_t octets)
{
	raw_set(&c->count.queue_octets, octets);
	if (octets > raw_get(&c->count.queue_peak))
		raw_set(&c->count.queue_peak, octets);
}

static bool spill_append(struct raw_call *c, const uint8_t *data, size_t len)
{
	struct raw_wait *s = &c->spill;

	if (c->closed || s->len + len > c->spill_max)
		return false;
	if (!s->data) {
		s->data = malloc(c->spill_max);
		if (!s->data)
			return false;
		ev_io_start(c->worker->loop, &c->writable);
	}
	if (s->start + s->len + len > c->spill_max) {
		memmove(s->data, s->data + s->start, s->len);
		s->start = 0;
	}
	memcpy(s->data + s->start + s->len, data, len);
	s->len += len;
	raw_line_waits(c, s->len);
	return true;
}

static void on_writable(struct ev_loop *loop, ev_io *io, int revents)
{
	struct raw_call *c = io->data;
	struct raw_wait *s = &c->spill;
	size_t n;

	(void)revents;
	if (raw_worker_commands(c->worker))
		return;
	if (c->queue.frames) {
		raw_queue_writable(c);
		return;
	}
	n = line_write(c, s->data + s->start, s->len);
	s->start += n;
	s->len -= n;
	raw_line_waits(c, s->len);
	if (s->len && !c->closed)
		return;
	wait_free(s);
	ev_io_stop(loop, io);
}

static void out_flush(struct raw_call *c)
{
	struct raw_out *o = &c->worker->out;
	size_t taken = 0, from = 0, octets = 0;
	unsigned delivered = 0;

	if (!o->count)
		return;
	if (!c->spill.data)
		taken = line_write(c, o->data, o->len);
	for (unsigned i = 0; i < o->count; from = o->end[i++]) {
		/* Of a frame that went out in part, the rest is kept: it is the first to spill, so there is room. */
		size_t start = from > taken ? from : taken;

		if (o->end[i] > taken && !spill_append(c, o->data + start, o->end[i] - start))
			continue;
		delivered++;
		octets += o->size[i];
	}
	raw_add(&c->count.rx_packets, delivered);
	raw_add(&c->count.rx_octets, octets);
	raw_add(&c->count.rx_dropped, o->count - delivered);
	o->count = 0;
	o->len = 0;
}

void raw_line_flush(struct raw_call *c, struct mono now)
{
	if (c->queue.frames)
		raw_queue_run(c, now);
	else
		out_flush(c);
}

/* As raw_line_frame, for all but real lines. */
static void out_frame(struct raw_call *c, const uint8_t *frame, size_t len)
{
	uint32_t accm = atomic_load_explicit(&c->send_accm, memory_order_relaxed);
	struct raw_out *o = &c->worker->out;

	if (c->closed || c->spill.len + len > c->spill_max) {
		/* Not worth encoding. */
		raw_add(&c->count.rx_dropped, 1);
		return;
	}
	if (o->count == RAW_OUT_FRAMES || o->len + HDLC_ENCODED_MAX(len) > RAW_OUT)
		out_flush(c);
	o->len += hdlc_encode(o->data + o->len, frame, len, accm);
	o->end[o->count] = o->len;
	o->size[o->count++] = (uint16_t)len;
}

void raw_line_frame(struct raw_call *c, const uint8_t *frame, size_t len, struct mono now)
{
	if (c->queue.frames)
		raw_queue_frame(c, frame, len, now);
	else if (len) /* an empty packet only carries a number (GRE-03) */
		out_frame(c, frame, len);
}

/* --- from the line --- */

static bool line_open(struct raw_call *c)
{
	return !c->conf.strict_window || seq_tx_open(&c->tx);
}

/*
 * The time-out's start moves on with every packet: a running timer is let run, and looks again.  It is only set anew
 * for an earlier time, when the estimate has come down from the peer's processing delay or from a backoff.
 */
static void timeout_arm(struct raw_call *c, struct mono now)
{
	struct mono deadline = seq_tx_deadline(&c->tx);
	int64_t us = mono_diff_us(deadline, now);

	if (!c->conf.strict_window || !mono_is_set(deadline))
		return;
	if (ev_is_active(&c->timeout)) {
		if (mono_diff_us(c->timeout_at, deadline) < RAW_TIMEOUT_LATE_US)
			return;
		ev_timer_stop(c->worker->loop, &c->timeout);
	}
	c->timeout_at = deadline;
	ev_timer_set(&c->timeout, us > 0 ? (double)us / 1e6 : 0., 0.);
	ev_timer_start(c->worker->loop, &c->timeout);
}

static void line_packet(struct raw_call *c, const uint8_t *frame, size_t len, struct mono now)
{
	if (len <= GRE_PAYLOAD_MAX)
		raw_tx_packet(c, frame, len, now);
	else
		raw_add(&c->count.tx_dropped, 1);
}

/* Sends the frames in `data`, as far as the window lets them out; returns the octets used. */
static size_t line_decode(struct raw_call *c, const uint8_t *data, size_t len, struct mono now)
{
	const uint8_t *p = data;
	size_t left = len, n;

	c->hdlc.accm = atomic_load_explicit(&c->receive_accm, memory_order_relaxed);
	while (line_open(c) && (n = hdlc_decode(&c->hdlc, &p, &left)) > 0)
		line_packet(c, c->hdlc.frame, n, now);
	timeout_arm(c, now);
	return len - left;
}

/* One whole frame of a sync line. */
static void line_whole(struct raw_call *c, const uint8_t *frame, size_t len, struct mono now)
{
	if (len < SYNC_FRAME_MIN)
		c->hdlc.faults[HDLC_FAULT_RUNT]++;
	else
		line_packet(c, frame, len, now);
	timeout_arm(c, now);
}

/* The window is shut: what was read waits, and nothing more is read. */
static void line_shut(struct raw_call *c, const uint8_t *rest, size_t len)
{
	c->shut = true;
	ev_io_stop(c->worker->loop, &c->readable);
	if (!len)
		return;
	c->unread.data = malloc(len);
	if (!c->unread.data) {
		raw_add(&c->count.tx_dropped, 1);
		return;
	}
	memcpy(c->unread.data, rest, len);
	c->unread.len = len;
}

/* One read; false when there is no need for another one now. */
static bool line_read(struct raw_call *c, struct mono now)
{
	uint8_t *input = c->worker->input;
	ssize_t n = read(c->conf.fd, input, c->conf.strict_window ? RAW_INPUT_STRICT : RAW_INPUT);
	size_t used;

	if (n <= 0) {
		if (n == 0 || !error_is_soft(errno))
			line_closed(c);
		return false;
	}
	if (c->conf.sync) {
		line_whole(c, input, (size_t)n, now);
		used = (size_t)n;
	} else {
		used = line_decode(c, input, (size_t)n, now);
	}
	if (!line_open(c)) {
		line_shut(c, input + used, (size_t)n - used);
		return false;
	}
	return n >= READ_SHORT || c->conf.sync;
}

static void count_faults(struct raw_call *c)
{
	for (unsigned i = 0; i < HDLC_FAULTS; i++)
		raw_set(&c->count.line_faults[i], c->hdlc.faults[i]);
}

static void on_readable(struct ev_loop *loop, ev_io *io, int revents)
{
	struct raw_call *c = io->data;
	struct mono now;

	(void)loop;
	(void)revents;
	/* With many busy lines a turn of the loop is long: neither main nor the peers' packets wait for its end. */
	if (raw_worker_commands(c->worker))
		return;
	if (c->worker->sent >= RAW_BATCH)
		raw_worker_receive(c->worker);
	if (!ev_is_active(io))
		return;
	now = mono_now();
	for (unsigned i = 0; i < READS && line_read(c, now); i++)
		;
	count_faults(c);
}

void raw_line_reopen(struct raw_call *c, struct mono now)
{
	struct raw_wait *u = &c->unread;

	if (!c->shut || !line_open(c))
		return;
	if (u->len) {
		size_t used = line_decode(c, u->data + u->start, u->len, now);

		u->start += used;
		u->len -= used;
		count_faults(c);
		if (!line_open(c))
			return;
	}
	wait_free(u);
	c->shut = false;
	if (!c->closed)
		ev_io_start(c->worker->loop, &c->readable);
}

/* GRE-11, GRE-17 */
static void on_timeout(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct raw_call *c = timer->data;
	struct mono now = mono_now();

	(void)loop;
	(void)revents;
	if (mono_reached(seq_tx_deadline(&c->tx), now)) {
		seq_tx_timeout(&c->tx, now);
		raw_add(&c->count.tx_timeouts, 1);
		raw_set(&c->count.window, c->tx.window);
		raw_set(&c->count.rtt_us, (uint64_t)c->tx.rtt_us);
		raw_line_reopen(c, now);
	}
	timeout_arm(c, now);
}

int raw_line_init(struct raw_call *c)
{
	ev_io_init(&c->readable, on_readable, c->conf.fd, EV_READ);
	ev_io_init(&c->writable, on_writable, c->conf.fd, EV_WRITE);
	ev_timer_init(&c->timeout, on_timeout, 0., 0.);
	c->spill_max = spill_bound(c->conf.window);
	c->readable.data = c->writable.data = c->timeout.data = c;
	return raw_queue_init(c);
}

void raw_line_start(struct raw_call *c)
{
	/* A packet may have come, and found the other side gone, before this. */
	if (!c->closed)
		ev_io_start(c->worker->loop, &c->readable);
}

void raw_line_stop(struct raw_call *c)
{
	struct raw *raw = c->worker->raw;

	ev_io_stop(c->worker->loop, &c->readable);
	ev_io_stop(c->worker->loop, &c->writable);
	ev_timer_stop(c->worker->loop, &c->timeout);
	/* A serial device's last close() would wait for it, up to 30 s, and with it all calls; no other line minds. */
	if (c->queue.frames)
		(void)tcflush(c->conf.fd, TCIOFLUSH);
	raw_queue_stop(c);
	wait_free(&c->spill);
	wait_free(&c->unread);
	close(c->conf.fd);
	pthread_mutex_lock(&raw->lock);
	list_remove(&c->report);
	pthread_mutex_unlock(&raw->lock);
}
