/*
 * A worker of the user-space data path: one thread, one raw GRE socket, one loop
 * (RFC 2637 section 4; GRE-02, GRE-19 to GRE-21).
 *
 * Finds the call of each packet, keeps the queues' time, does what main wants.
 * Costs per packet do not depend on the number of calls.  Never logs: it counts.
 */
#include "pacd/net/raw_worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* --- receiving --- */

static void rx_init(struct raw_rx *rx)
{
	for (unsigned i = 0; i < RAW_BATCH; i++) {
		rx->iov[i] = (struct iovec){ .iov_base = rx->data[i], .iov_len = RAW_PACKET };
		rx->msgs[i].msg_hdr.msg_iov = &rx->iov[i];
		rx->msgs[i].msg_hdr.msg_iovlen = 1;
	}
}

/* The call's slot in the worker's table; NULL: the id belongs to another worker. */
static _Atomic(struct raw_call *) *worker_slot(struct raw_worker *w, uint16_t call_id)
{
	unsigned n = w->raw->workers_count;

	return call_id % n == w->index ? &w->calls[call_id / n] : NULL;
}

/* GRE-02: known, and from and to the addresses of its control connection. */
static enum gre_drop packet_call(struct raw_worker *w, const struct gre *g, const struct gre_ip *ip,
				 struct raw_call **call)
{
	_Atomic(struct raw_call *) *slot = worker_slot(w, g->call_id);

	*call = slot ? atomic_load_explicit(slot, memory_order_acquire) : NULL;
	/* One that was queued before the socket's filter was set: its own worker counts it. */
	if (!slot)
		return GRE_OK;
	if (!*call)
		return GRE_DROP_CALL;
	if (ip->src != (*call)->conf.peer_addr || ip->dst != (*call)->conf.local_addr)
		return GRE_DROP_SOURCE;
	return GRE_OK;
}

/* Decodes packet i of the batch; NULL: dropped. */
static struct raw_call *packet_decode(struct raw_worker *w, unsigned i)
{
	const uint8_t *p = w->rx.data[i];
	size_t len = w->rx.msgs[i].msg_len;
	struct raw_call *c = NULL;
	struct gre_ip ip;
	enum gre_drop d = gre_ip_strip(&p, &len, &ip);

	if (d == GRE_OK)
		d = gre_decode(&w->rx.gre[i], p, len);
	if (d == GRE_OK)
		d = packet_call(w, &w->rx.gre[i], &ip, &c);
	if (d == GRE_OK)
		return c;
	raw_add(&w->drops[d], 1);
	return NULL;
}

/* Chains the packets of each call, so that a call is served once per batch. Returns the number of calls. */
static unsigned batch_sort(struct raw_worker *w, unsigned n)
{
	struct raw_rx *rx = &w->rx;
	unsigned calls = 0, packets = 0;
	uint64_t octets = 0;

	for (unsigned i = 0; i < n; i++) {
		struct raw_call *c = packet_decode(w, i);

		if (!c)
			continue;
		packets++;
		octets += rx->gre[i].payload_len;
		rx->next[i] = RAW_NO_PACKET;
		if (c->first == RAW_NO_PACKET) {
			c->first = (uint8_t)i;
			rx->calls[calls++] = c;
		} else {
			rx->next[c->last] = (uint8_t)i;
		}
		c->last = (uint8_t)i;
	}
	raw_add(&w->rx_packets, packets);
	raw_add(&w->rx_octets, octets);
	return calls;
}

void raw_worker_receive(struct raw_worker *w)
{
	int n = recvmmsg(w->fd, w->rx.msgs, RAW_BATCH, MSG_DONTWAIT, NULL);
	struct mono now;
	unsigned calls;

	w->sent = 0;
	if (n <= 0) {
		/* An ICMP error or the like; the next receive works again (GRE-21). */
		if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
			raw_add(&w->socket_errors, 1);
		return;
	}
	now = mono_now();
	calls = batch_sort(w, (unsigned)n);
	for (unsigned i = 0; i < calls; i++)
		raw_call_packets(w->rx.calls[i], now);
}

static void on_receive(struct ev_loop *loop, ev_io *io, int revents)
{
	struct raw_worker *w = io->data;

	(void)loop;
	(void)revents;
	raw_worker_commands(w);
	raw_worker_receive(w);
}

/* --- time --- */

static void timer_arm(struct raw_worker *w, ev_timer *timer, struct mono since, int64_t wait_us)
{
	int64_t us = mono_diff_us(mono_add_us(since, wait_us), mono_now());

	/* The loop's own clock may lag a little: fired early, it is armed again. */
	ev_timer_set(timer, us > 0 ? (double)us / 1e6 : 0., 0.);
	ev_timer_start(w->loop, timer);
}

/* Before the loop sleeps: nothing may wait unsent, and each queue's head has a timer. */
static void on_prepare(struct ev_loop *loop, ev_prepare *prepare, int revents)
{
	struct raw_worker *w = prepare->data;

	(void)loop;
	(void)revents;
	raw_tx_flush(w);
	if (!list_empty(&w->acks) && !ev_is_active(&w->ack_timer))
		timer_arm(w, &w->ack_timer, list_entry(w->acks.next, struct raw_call, ack)->rx.ack_since, RAW_ACK_US);
	if (!list_empty(&w->gaps) && !ev_is_active(&w->gap_timer))
		timer_arm(w, &w->gap_timer, list_entry(w->gaps.next, struct raw_call, gap)->gap_since, RAW_HOLD_US);
}

static void on_ack_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
	(void)loop;
	(void)revents;
	raw_call_acks(timer->data, mono_now());
}

static void on_gap_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
	(void)loop;
	(void)revents;
	raw_call_gaps(timer->data, mono_now());
}

/* --- commands --- */

static void call_enter(struct raw_worker *w, uint16_t call_id, struct raw_call *c)
{
	atomic_store_explicit(worker_slot(w, call_id), c, memory_order_release);
}

static void call_detach(struct raw_worker *w, struct raw_call *c)
{
	call_enter(w, c->conf.call_id, NULL);
	raw_call_detach(c);
	pthread_mutex_lock(&w->lock);
	c->detached = true;
	pthread_cond_signal(&w->done);
	pthread_mutex_unlock(&w->lock);
	/* From here on main may have freed it. */
}

/* The next call that main wants something of, or NULL. */
static struct raw_call *command_take(struct raw_worker *w, unsigned *wanted)
{
	struct raw_call *c = NULL;

	pthread_mutex_lock(&w->lock);
	if (list_empty(&w->commands)) {
		atomic_store_explicit(&w->pending, false, memory_order_relaxed);
	} else {
		c = list_entry(w->commands.next, struct raw_call, command);
		list_remove(&c->command);
		*wanted = c->wanted;
		c->wanted = 0;
	}
	pthread_mutex_unlock(&w->lock);
	return c;
}

static void commands_run(struct raw_worker *w)
{
	struct raw_call *c;
	unsigned wanted;

	while ((c = command_take(w, &wanted)) != NULL) {
		if (wanted & RAW_ATTACH)
			raw_line_start(c);
		if (wanted & RAW_DETACH)
			call_detach(w, c);
	}
}

bool raw_worker_commands(struct raw_worker *w)
{
	if (!atomic_load_explicit(&w->pending, memory_order_relaxed))
		return false;
	commands_run(w);
	return true;
}

static void on_wake(struct ev_loop *loop, ev_async *wake, int revents)
{
	struct raw_worker *w = wake->data;
	bool stop;

	(void)revents;
	commands_run(w);
	pthread_mutex_lock(&w->lock);
	stop = w->stop;
	pthread_mutex_unlock(&w->lock);
	if (stop)
		ev_break(loop, EVBREAK_ALL);
}

void raw_worker_want(struct raw_worker *w, struct raw_call *c, enum raw_want want)
{
	if (want == RAW_ATTACH)
		call_enter(w, c->conf.call_id, c);
	pthread_mutex_lock(&w->lock);
	if (!c->wanted)
		list_append(&w->commands, &c->command);
	c->wanted |= want;
	atomic_store_explicit(&w->pending, true, memory_order_relaxed);
	pthread_mutex_unlock(&w->lock);
	ev_async_send(w->loop, &w->wake);
	if (want != RAW_DETACH)
		return;
	/* Short: the worker looks after each batch of packets and each line. */
	pthread_mutex_lock(&w->lock);
	while (!c->detached)
		pthread_cond_wait(&w->done, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

/* --- the thread --- */

static void *worker_main(void *arg)
{
	struct raw_worker *w = arg;
	char name[16];

	snprintf(name, sizeof(name), "pacd-gre-%u", w->index % 1000);
	pthread_setname_np(pthread_self(), name);
	ev_run(w->loop, 0);
	return NULL;
}

/* No signal is ever the worker's. */
static int thread_start(struct raw_worker *w)
{
	sigset_t all, old;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&w->thread, NULL, worker_main, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return error;
}

static void slots_init(struct raw_slots *s)
{
	/* The lowest come first, so that few of them ever need memory. */
	for (unsigned i = 0; i < RAW_HELD; i++)
		s->free[i] = (uint16_t)(RAW_HELD - i);
	s->free_count = RAW_HELD;
}

static void watchers_init(struct raw_worker *w)
{
	ev_io_init(&w->receive, on_receive, w->fd, EV_READ);
	ev_prepare_init(&w->prepare, on_prepare);
	ev_async_init(&w->wake, on_wake);
	ev_timer_init(&w->ack_timer, on_ack_timer, 0., 0.);
	ev_timer_init(&w->gap_timer, on_gap_timer, 0., 0.);
	w->receive.data = w->prepare.data = w->wake.data = w->ack_timer.data = w->gap_timer.data = w;
	ev_set_priority(&w->wake, EV_MAXPRI);
	ev_io_start(w->loop, &w->receive);
	ev_prepare_start(w->loop, &w->prepare);
	ev_async_start(w->loop, &w->wake);
}

static void worker_clear(struct raw_worker *w)
{
	if (w->loop)
		ev_loop_destroy(w->loop);
	pthread_cond_destroy(&w->done);
	pthread_mutex_destroy(&w->lock);
	close(w->fd);
	free(w->calls);
	free(w);
}

struct raw_worker *raw_worker_new(struct raw *raw, unsigned index, int fd)
{
	struct raw_worker *w = calloc(1, sizeof(*w));
	int error = ENOMEM;

	if (!w) {
		close(fd);
		return NULL;
	}
	w->raw = raw;
	w->index = index;
	w->fd = fd;
	list_init(&w->acks);
	list_init(&w->gaps);
	list_init(&w->commands);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->done, NULL);
	rx_init(&w->rx);
	raw_tx_init(&w->tx);
	slots_init(&w->slots);
	w->calls = calloc(65536 / raw->workers_count + 1, sizeof(*w->calls));
	w->loop = ev_loop_new(EVFLAG_AUTO);
	if (w->calls && w->loop) {
		watchers_init(w);
		error = thread_start(w);
	}
	if (!error)
		return w;
	worker_clear(w);
	errno = error;
	return NULL;
}

void raw_worker_free(struct raw_worker *w)
{
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_mutex_unlock(&w->lock);
	ev_async_send(w->loop, &w->wake);
	pthread_join(w->thread, NULL);
	worker_clear(w);
}
