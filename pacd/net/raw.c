/*
 * The user-space data path, main's side: attach, detach, statistics.
 *
 * Owns the workers and the table of calls.  Touches no packet and no socket
 * option; the workers' side is raw_worker.c.
 */
#include "pacd/net/raw_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <unistd.h>

#define CALL_IDS 65536

static struct raw *raw_of(struct datapath *d)
{
	return (struct raw *)(void *)((char *)d - offsetof(struct raw, base));
}

static int raw_probe(struct datapath *d)
{
	(void)d;
	return 0;
}

/* --- calls --- */

static struct raw_call *call_new(struct raw *raw, const struct datapath_call *conf)
{
	struct raw_call *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->conf = *conf;
	c->worker = raw->workers[conf->call_id % raw->workers_count];
	if (raw_call_init(c) == 0)
		return c;
	free(c);
	return NULL;
}

/* A descriptor that blocks would stop the worker. */
static int fd_unblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0))
		return -errno;
	return 0;
}

static int call_check(const struct raw *raw, const struct datapath_call *conf)
{
	if (!conf->call_id)
		return -EINVAL;
	if (raw->calls[conf->call_id])
		return -EEXIST;
	return fd_unblock(conf->fd);
}

static int raw_attach(struct datapath *d, const struct datapath_call *conf)
{
	struct raw *raw = raw_of(d);
	struct raw_call *c;
	int r = call_check(raw, conf);

	if (r == 0) {
		c = call_new(raw, conf);
		if (c) {
			raw->calls[conf->call_id] = c;
			raw_worker_want(c->worker, c, RAW_ATTACH);
			return 0;
		}
		r = -ENOMEM;
	}
	close(conf->fd);
	return r;
}

static void raw_set_link(struct datapath *d, uint16_t call_id, uint32_t send_accm, uint32_t receive_accm)
{
	struct raw_call *c = raw_of(d)->calls[call_id];

	if (!c)
		return;
	atomic_store_explicit(&c->send_accm, send_accm, memory_order_relaxed);
	atomic_store_explicit(&c->receive_accm, receive_accm, memory_order_relaxed);
}

static void stats_copy(struct datapath_stats *s, const struct raw_counters *n)
{
	*s = (struct datapath_stats){
		.rx_packets = raw_get(&n->rx_packets),
		.rx_octets = raw_get(&n->rx_octets),
		.tx_packets = raw_get(&n->tx_packets),
		.tx_octets = raw_get(&n->tx_octets),
		.rx_lost = raw_get(&n->rx_lost),
		.rx_duplicate = raw_get(&n->rx_duplicate),
		.rx_old = raw_get(&n->rx_old),
		.rx_reordered = raw_get(&n->rx_reordered),
		.rx_dropped = raw_get(&n->rx_dropped),
		.tx_dropped = raw_get(&n->tx_dropped),
		.acks_sent = raw_get(&n->acks_sent),
		.acks_received = raw_get(&n->acks_received),
		.tx_timeouts = raw_get(&n->tx_timeouts),
		.rtt_us = (uint32_t)raw_get(&n->rtt_us),
		.window = (uint32_t)raw_get(&n->window),
		.last_rx = { (int64_t)raw_get(&n->last_rx_us) },
		.queue_octets = raw_get(&n->queue_octets),
		.queue_peak = raw_get(&n->queue_peak),
		.queue_us = (uint32_t)raw_get(&n->queue_us),
	};
	for (unsigned i = 0; i < HDLC_FAULTS; i++)
		s->line_faults[i] = raw_get(&n->line_faults[i]);
}

static void raw_detach(struct datapath *d, uint16_t call_id, struct datapath_stats *final)
{
	struct raw *raw = raw_of(d);
	struct raw_call *c = raw->calls[call_id];

	if (final)
		*final = (struct datapath_stats){ 0 };
	if (!c)
		return;
	raw->calls[call_id] = NULL;
	raw_worker_want(c->worker, c, RAW_DETACH);
	if (final)
		stats_copy(final, &c->count);
	free(c);
}

static bool raw_stats(struct datapath *d, uint16_t call_id, struct datapath_stats *stats)
{
	const struct raw_call *c = raw_of(d)->calls[call_id];

	if (!c)
		return false;
	stats_copy(stats, &c->count);
	return true;
}

/* --- totals --- */

/* What the kernel threw away before the worker saw it. */
static uint64_t socket_overruns(int fd)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len) < 0)
		return 0;
	return info[SK_MEMINFO_DROPS];
}

static void totals_add(struct datapath_totals *t, const struct raw_worker *w)
{
	t->rx_packets += raw_get(&w->rx_packets);
	t->rx_octets += raw_get(&w->rx_octets);
	t->tx_packets += raw_get(&w->tx_packets);
	t->tx_octets += raw_get(&w->tx_octets);
	t->socket_errors += raw_get(&w->socket_errors);
	t->overruns += socket_overruns(w->fd);
	for (unsigned i = 0; i < GRE_DROPS; i++)
		t->drops[i] += raw_get(&w->drops[i]);
}

static void raw_totals(struct datapath *d, struct datapath_totals *totals)
{
	struct raw *raw = raw_of(d);

	*totals = (struct datapath_totals){ 0 };
	for (unsigned i = 0; i < raw->workers_count; i++)
		totals_add(totals, raw->workers[i]);
}

/* --- lines that were closed --- */

static struct raw_call *closed_take(struct raw *raw)
{
	struct raw_call *c = NULL;

	pthread_mutex_lock(&raw->lock);
	if (!list_empty(&raw->closed)) {
		c = list_entry(raw->closed.next, struct raw_call, report);
		list_remove(&c->report);
	}
	pthread_mutex_unlock(&raw->lock);
	return c;
}

/* One at a time: what is told may detach this call, or any other one that waits here. */
static void on_report(struct ev_loop *loop, ev_async *report, int revents)
{
	struct raw *raw = report->data;
	struct raw_call *c;

	(void)loop;
	(void)revents;
	while ((c = closed_take(raw)) != NULL)
		raw->closed_fn(raw->ctx, c->conf.id);
}

/* --- coming and going --- */

static void raw_clear(struct raw *raw)
{
	for (unsigned i = 0; i < raw->workers_count; i++)
		if (raw->workers && raw->workers[i])
			raw_worker_free(raw->workers[i]);
	ev_async_stop(raw->loop, &raw->report);
	pthread_mutex_destroy(&raw->lock);
	free(raw->workers);
	free(raw->calls);
	free(raw);
}

static void raw_free(struct datapath *d)
{
	struct raw *raw = raw_of(d);

	for (unsigned id = 0; id < CALL_IDS; id++)
		raw_detach(d, (uint16_t)id, NULL);
	raw_clear(raw);
}

static const struct datapath_ops raw_ops = {
	.name = "user",
	.probe = raw_probe,
	.attach = raw_attach,
	.detach = raw_detach,
	.set_link = raw_set_link,
	.stats = raw_stats,
	.totals = raw_totals,
	.free = raw_free,
};

static void close_all(const int *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		close(fds[i]);
}

static struct raw *raw_alloc(unsigned n)
{
	struct raw *raw = calloc(1, sizeof(*raw));

	if (!raw)
		return NULL;
	raw->base.ops = &raw_ops;
	raw->workers_count = n;
	raw->workers = calloc(n, sizeof(*raw->workers));
	raw->calls = calloc(CALL_IDS, sizeof(*raw->calls));
	if (raw->workers && raw->calls)
		return raw;
	free(raw->workers);
	free(raw->calls);
	free(raw);
	return NULL;
}

/* 0, or an errno; closes what it does not use. */
static int workers_start(struct raw *raw, const int *sockets)
{
	for (unsigned i = 0; i < raw->workers_count; i++) {
		raw->workers[i] = raw_worker_new(raw, i, sockets[i]);
		if (!raw->workers[i]) {
			int error = errno;

			close_all(sockets + i + 1, raw->workers_count - i - 1);
			return error;
		}
	}
	return 0;
}

struct datapath *datapath_raw_new(struct ev_loop *loop, const int *sockets, unsigned n, datapath_closed_fn closed,
				  void *ctx)
{
	struct raw *raw = n ? raw_alloc(n) : NULL;
	int error;

	if (!raw) {
		close_all(sockets, n);
		errno = n ? ENOMEM : EINVAL;
		return NULL;
	}
	raw->loop = loop;
	raw->closed_fn = closed;
	raw->ctx = ctx;
	pthread_mutex_init(&raw->lock, NULL);
	list_init(&raw->closed);
	ev_async_init(&raw->report, on_report);
	raw->report.data = raw;
	ev_async_start(loop, &raw->report);
	error = workers_start(raw, sockets);
	if (!error)
		return &raw->base;
	raw_clear(raw);
	errno = error;
	return NULL;
}
