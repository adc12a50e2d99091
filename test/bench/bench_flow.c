/*
 * Flow control of RFC 2637 section 4 on a slow line, in virtual time: the real sequencing and pacing code between a
 * simulated PNS, a network that delays and loses, and a line.  Prints markdown tables.
 *
 * With flow control the PNS obeys the window, and the PAC acknowledges what the line took.  Without it the PNS sends at
 * once, and the PAC acknowledges what came; its queue is the same one, or a long one as other servers have it.
 */
#include "pacd/net/raw_pace.h"
#include "pacd/proto/seq.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS 1000
#define SECONDS 3600
#define LINE_BPS 56000
#define LINE_BITS 10
#define FRAMING 6        /* flags, FCS and what is escaped */
#define MTU 1500
#define ACK_US 20000     /* as RAW_ACK_US, RAW_HOLD_US */
#define HOLD_US 30000
#define QUEUE_LONG 64    /* packets */
#define QUEUE_PNS 20     /* packets that the PNS keeps while the window is shut */
#define QUEUE_IN 3       /* frames from the line that the PAC keeps before it stops the line */
#define WINDOW_PNS 16
#define RING 256
#define WAITS 400000
#define TCP_WINDOW 32
#define TCP_ACK 46       /* octets */

enum traffic { CBR_DOWN, TCP_DOWN, BULK_UP };
enum control { ON, OFF, OFF_LONG };

struct frame {
	struct mono at;      /* when it leaves the pipe, or when it entered a queue */
	uint32_t seq, ack;
	bool has_seq, has_ack;
	unsigned len;        /* 0: no payload */
	uint32_t user;       /* TCP: number of a segment, or acknowledged up to it */
};

struct pipe {
	struct frame ring[RING];
	unsigned first, count;
};

/* One end of the tunnel. */
struct end {
	struct seq_tx tx;
	struct seq_rx rx;
	bool strict;
	uint32_t window;     /* ours */
	struct pipe out;     /* waits for the window */
	unsigned out_max;
	struct pipe net;     /* on its way to the other end */
	struct frame held[SEQ_RING + 1];
};

/* Reno, in segments. */
struct tcp {
	uint32_t next, una, recover, expected;
	double cwnd, ssthresh;
	unsigned dups;
	bool recovering;
	bool have[RING];     /* the receiver's, by number modulo */
	struct mono rto_at, sent[RING];
	int64_t srtt, var, rto;
};

struct run {
	/* what is asked */
	enum traffic traffic;
	enum control control;
	uint32_t window;
	unsigned size;
	int64_t delay_us;    /* one way */
	unsigned loss;       /* per mille */
	/* the world */
	struct mono now, start, end;
	uint32_t rng;
	struct end pns, pac;
	struct pipe queue;   /* the PAC's, towards the line */
	unsigned queue_max;
	struct raw_pace pace;
	struct pipe down, up; /* the line */
	struct mono up_free, cbr_at;
	struct tcp tcp;
	/* what came of it */
	uint64_t octets, dropped, waits_count;
	uint32_t *waits;     /* us */
};

static bool pipe_put(struct pipe *p, const struct frame *f, struct mono at)
{
	if (p->count == RING)
		return false;
	p->ring[(p->first + p->count) % RING] = *f;
	p->ring[(p->first + p->count++) % RING].at = at;
	return true;
}

static struct frame *pipe_head(struct pipe *p)
{
	return p->count ? &p->ring[p->first] : NULL;
}

static struct frame pipe_take(struct pipe *p)
{
	struct frame f = p->ring[p->first];

	p->first = (p->first + 1) % RING;
	p->count--;
	return f;
}

static unsigned rng(struct run *r, unsigned below)
{
	r->rng = r->rng * 1664525 + 1013904223;
	return (r->rng >> 8) % below;
}

static void wait_note(struct run *r, int64_t us)
{
	if (r->waits_count < WAITS)
		r->waits[r->waits_count++] = (uint32_t)us;
}

/* --- the tunnel's ends --- */

static void end_packet(struct run *r, struct end *e, struct frame *f)
{
	if (f->len) {
		f->has_seq = true;
		f->seq = seq_tx_send(&e->tx, r->now);
	}
	f->has_ack = seq_rx_ack_pending(&e->rx);
	if (f->has_ack)
		f->ack = seq_rx_ack_take(&e->rx);
	if (rng(r, 1000) >= r->loss)
		pipe_put(&e->net, f, mono_add_us(r->now, r->delay_us));
}

static void end_send(struct run *r, struct end *e)
{
	while (e->out.count && (!e->strict || seq_tx_open(&e->tx))) {
		struct frame f = pipe_take(&e->out);

		if (e == &r->pac && r->traffic == BULK_UP)
			wait_note(r, mono_diff_us(r->now, f.at));
		end_packet(r, e, &f);
	}
}

static void end_offer(struct run *r, struct end *e, const struct frame *f)
{
	if (e->out.count < e->out_max)
		pipe_put(&e->out, f, r->now);
	end_send(r, e);
}

static struct mono end_ack_at(const struct end *e)
{
	return seq_rx_ack_pending(&e->rx) ? mono_add_us(e->rx.ack_since, ACK_US) : MONO_NEVER;
}

static struct mono end_gap_at(const struct end *e)
{
	return mono_is_set(e->rx.hold_since) ? mono_add_us(e->rx.hold_since, HOLD_US) : MONO_NEVER;
}

/* --- TCP --- */

static void tcp_segment(struct run *r, uint32_t n)
{
	struct frame f = { .len = r->size, .user = n };

	r->tcp.sent[n % RING] = r->now;
	if (!mono_is_set(r->tcp.rto_at))
		r->tcp.rto_at = mono_add_us(r->now, r->tcp.rto);
	end_offer(r, &r->pns, &f);
}

static void tcp_fill(struct run *r)
{
	struct tcp *t = &r->tcp;
	uint32_t cwnd = t->cwnd < TCP_WINDOW ? (uint32_t)t->cwnd : TCP_WINDOW;

	while (t->next - t->una < cwnd)
		tcp_segment(r, t->next++);
}

static void tcp_sample(struct tcp *t, int64_t us)
{
	int64_t diff = us - t->srtt;

	if (!t->srtt) {
		t->srtt = us;
		t->var = us / 2;
	} else {
		t->srtt += diff / 8;
		t->var += ((diff < 0 ? -diff : diff) - t->var) / 4;
	}
	t->rto = t->srtt + 4 * t->var;
	if (t->rto < 1000 * MS)
		t->rto = 1000 * MS;
}

static void tcp_new_ack(struct run *r, uint32_t ack)
{
	struct tcp *t = &r->tcp;

	tcp_sample(t, mono_diff_us(r->now, t->sent[(ack - 1) % RING]));
	t->una = ack;
	t->dups = 0;
	t->rto_at = t->next != t->una ? mono_add_us(r->now, t->rto) : MONO_NEVER;
	if (t->recovering && ack < t->recover) {
		tcp_segment(r, ack);
		return;
	}
	t->recovering = false;
	t->cwnd += t->cwnd < t->ssthresh ? 1. : 1. / t->cwnd;
}

static void tcp_ack(struct run *r, uint32_t ack)
{
	struct tcp *t = &r->tcp;

	if (ack > t->una) {
		tcp_new_ack(r, ack);
	} else if (ack == t->una && ++t->dups == 3 && !t->recovering) {
		t->ssthresh = t->cwnd = t->cwnd / 2 > 2. ? t->cwnd / 2 : 2.;
		t->recovering = true;
		t->recover = t->next;
		tcp_segment(r, t->una);
	}
	tcp_fill(r);
}

static void tcp_timeout(struct run *r)
{
	struct tcp *t = &r->tcp;

	t->ssthresh = t->cwnd / 2 > 2. ? t->cwnd / 2 : 2.;
	t->cwnd = 1.;
	t->recovering = true;
	t->recover = t->next;
	t->dups = 0;
	t->rto = 2 * t->rto < 60000 * MS ? 2 * t->rto : 60000 * MS;
	t->rto_at = MONO_NEVER;
	tcp_segment(r, t->una);
}

/* At the user's end of the line: each segment is acknowledged. */
static void tcp_receive(struct run *r, uint32_t n)
{
	struct tcp *t = &r->tcp;
	struct frame ack = { .len = TCP_ACK };

	if (n >= t->expected)
		t->have[n % RING] = true;
	for (; t->have[t->expected % RING]; t->expected++)
		t->have[t->expected % RING] = false;
	ack.user = t->expected;
	if (r->up_free.us < r->now.us)
		r->up_free = r->now;
	r->up_free = mono_add_us(r->up_free, raw_pace_us(&r->pace, TCP_ACK + FRAMING));
	pipe_put(&r->up, &ack, r->up_free);
}

/* --- the line --- */

static void line_run(struct run *r)
{
	struct frame *f;

	while ((f = pipe_head(&r->queue)) != NULL && raw_pace_open(&r->pace, f->len + FRAMING, r->now)) {
		int64_t own = raw_pace_us(&r->pace, f->len + FRAMING);

		raw_pace_wrote(&r->pace, f->len + FRAMING, r->now);
		wait_note(r, mono_diff_us(r->pace.drained, f->at) - own);
		seq_rx_taken(&r->pac.rx, f->seq, r->now);
		pipe_put(&r->down, f, r->pace.drained);
		pipe_take(&r->queue);
	}
}

static void line_deliver(struct run *r, const struct frame *f)
{
	line_run(r);
	if (r->queue.count < r->queue_max) {
		pipe_put(&r->queue, f, r->now);
		line_run(r);
		return;
	}
	r->dropped++;
	r->queue.ring[(r->queue.first + r->queue.count - 1) % RING].seq = f->seq;
}

static void deliver(struct run *r, struct end *e, const struct frame *f)
{
	if (e == &r->pac) {
		line_deliver(r, f);
		return;
	}
	if (r->traffic == BULK_UP)
		r->octets += f->len + FRAMING;
	else
		tcp_ack(r, f->user);
}

static void deliver_next(struct run *r, struct end *e)
{
	uint16_t slot;

	while ((slot = seq_rx_next(&e->rx, r->now)) != SEQ_NO_SLOT)
		deliver(r, e, &e->held[slot]);
}

/* The network keeps the order, so a ring's worth of gaps does not come up; each number has its slot. */
static void end_receive(struct run *r, struct end *e, const struct frame *f)
{
	uint16_t slot = (uint16_t)(f->seq % SEQ_RING + 1);

	if (f->has_ack)
		seq_tx_ack(&e->tx, f->ack, r->now);
	if (!f->has_seq)
		return;
	switch (seq_rx_packet(&e->rx, f->seq, slot, r->now)) {
	case SEQ_DELIVER:
		deliver(r, e, f);
		deliver_next(r, e);
		break;
	case SEQ_HOLD:
		e->held[slot] = *f;
		break;
	case SEQ_DUPLICATE:
	case SEQ_OLD:
	case SEQ_OVERFLOW:
		break;
	}
}

/* --- time --- */

static void end_run(struct run *r, struct end *e, struct end *other)
{
	struct frame *f;

	while ((f = pipe_head(&other->net)) != NULL && mono_reached(f->at, r->now)) {
		struct frame got = pipe_take(&other->net);

		end_receive(r, e, &got);
	}
	if (mono_reached(end_gap_at(e), r->now)) {
		uint16_t slot = seq_rx_flush(&e->rx, r->now);

		deliver(r, e, &e->held[slot]);
		deliver_next(r, e);
	}
	if (e == &r->pac)
		line_run(r);
	if (e->strict)
		seq_tx_timeout(&e->tx, r->now);
	end_send(r, e);
	if (seq_rx_ack_pending(&e->rx) &&
	    (seq_rx_ack_due(&e->rx, e->window) || mono_reached(end_ack_at(e), r->now)))
		end_packet(r, e, &(struct frame){ 0 });
}

/* CBR: a fifth more than the line takes. */
static void sources_run(struct run *r)
{
	struct frame f = { .len = r->size }, *head;

	while (r->traffic == CBR_DOWN && mono_reached(r->cbr_at, r->now)) {
		end_offer(r, &r->pns, &f);
		r->cbr_at = mono_add_us(r->cbr_at, raw_pace_us(&r->pace, r->size + FRAMING) * 10 / 12);
	}
	if (r->traffic == TCP_DOWN && mono_reached(r->tcp.rto_at, r->now))
		tcp_timeout(r);
	while ((head = pipe_head(&r->down)) != NULL && mono_reached(head->at, r->now)) {
		f = pipe_take(&r->down);
		r->octets += f.len + FRAMING;
		if (r->traffic == TCP_DOWN)
			tcp_receive(r, f.user);
	}
	while ((head = pipe_head(&r->up)) != NULL && mono_reached(head->at, r->now)) {
		f = pipe_take(&r->up);
		end_offer(r, &r->pac, &f);
	}
	/* The line stops while the PAC does not read. */
	if (r->traffic == BULK_UP && !r->up.count && r->pac.out.count < QUEUE_IN)
		pipe_put(&r->up, &(struct frame){ .len = r->size },
			 mono_add_us(r->now, raw_pace_us(&r->pace, r->size + FRAMING)));
}

static struct mono pipe_at(struct pipe *p)
{
	return p->count ? p->ring[p->first].at : MONO_NEVER;
}

static struct mono end_next(struct end *e)
{
	struct mono t = mono_earlier(pipe_at(&e->net), end_ack_at(e));

	t = mono_earlier(t, end_gap_at(e));
	return e->strict ? mono_earlier(t, seq_tx_deadline(&e->tx)) : t;
}

static struct mono run_next(struct run *r)
{
	struct mono t = mono_earlier(end_next(&r->pns), end_next(&r->pac));

	t = mono_earlier(t, mono_earlier(pipe_at(&r->down), pipe_at(&r->up)));
	if (r->queue.count)
		t = mono_earlier(t, raw_pace_when(&r->pace, pipe_head(&r->queue)->len + FRAMING));
	if (r->traffic == CBR_DOWN)
		t = mono_earlier(t, r->cbr_at);
	if (r->traffic == TCP_DOWN)
		t = mono_earlier(t, r->tcp.rto_at);
	return t;
}

static void end_init(struct end *e, bool flow, uint32_t window, uint32_t peer_window, int64_t peer_delay_us)
{
	seq_rx_init(&e->rx);
	seq_tx_init(&e->tx, peer_window, peer_delay_us, 100 * MS, 10000 * MS);
	e->strict = flow;
	e->window = window;
}

static void run_init(struct run *r)
{
	r->start = r->now = (struct mono){ 1000000 };
	r->end = mono_add_s(r->start, SECONDS);
	r->rng = 1;
	end_init(&r->pns, r->control == ON, WINDOW_PNS, r->window,
		 seq_delay_tenths(MTU, r->window, LINE_BPS) * INT64_C(100000));
	end_init(&r->pac, r->control == ON, r->window, WINDOW_PNS, 0);
	if (r->control == ON)
		seq_rx_defer(&r->pac.rx);
	r->pns.out_max = QUEUE_PNS;
	r->pac.out_max = RING;
	r->queue_max = r->control == OFF_LONG ? QUEUE_LONG : r->window;
	raw_pace_init(&r->pace, LINE_BPS, LINE_BITS);
	r->cbr_at = r->now;
	r->tcp.cwnd = 2.;
	r->tcp.ssthresh = TCP_WINDOW;
	r->tcp.rto = 3000 * MS;
}

static void run_all(struct run *r)
{
	run_init(r);
	if (r->traffic == TCP_DOWN)
		tcp_fill(r);
	while (mono_is_set(r->now) && r->now.us < r->end.us) {
		struct mono t;

		sources_run(r);
		end_run(r, &r->pac, &r->pns);
		end_run(r, &r->pns, &r->pac);
		t = run_next(r);
		/* What is due already was looked at: at most a microsecond on. */
		r->now = mono_is_set(t) && t.us <= r->now.us ? mono_add_us(r->now, 1) : t;
	}
}

/* --- tables --- */

static int u32_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

struct result {
	unsigned percent, mean_ms, p95_ms;
	unsigned dropped; /* percent of what came to the queue */
};

static struct result run_result(struct run *r)
{
	uint64_t octets = r->octets, sum = 0, came = r->dropped + r->waits_count;
	struct result s = { 0 };

	/* What is sent twice counts once. */
	if (r->traffic == TCP_DOWN)
		octets = (uint64_t)r->tcp.expected * (r->size + FRAMING);
	s.percent = (unsigned)(octets * LINE_BITS * 100 / ((uint64_t)LINE_BPS * SECONDS));
	if (!r->waits_count)
		return s;
	s.dropped = (unsigned)(r->dropped * 100 / came);
	for (uint64_t i = 0; i < r->waits_count; i++)
		sum += r->waits[i];
	qsort(r->waits, r->waits_count, sizeof(*r->waits), u32_order);
	s.mean_ms = (unsigned)(sum / r->waits_count / MS);
	s.p95_ms = r->waits[r->waits_count * 95 / 100] / MS;
	return s;
}

static struct result measure(enum traffic traffic, enum control control, uint32_t window, unsigned size,
			     unsigned rtt_ms, unsigned loss)
{
	static struct run r;
	static uint32_t waits[WAITS];

	memset(&r, 0, sizeof(r));
	r.traffic = traffic;
	r.control = control;
	r.window = window;
	r.size = size;
	r.delay_us = (int64_t)rtt_ms * MS / 2;
	r.loss = loss;
	r.waits = waits;
	run_all(&r);
	return run_result(&r);
}

static void cell(struct result s)
{
	printf(" %u %%, %u/%u", s.percent, s.mean_ms, s.p95_ms);
	if (s.dropped)
		printf(", %u %%", s.dropped);
	printf(" |");
}

static void table_flow(uint32_t window)
{
	static const unsigned rtts[] = { 10, 50, 150, 300 }, losses[] = { 0, 10, 20, 50 };

	printf("## %u kbit/s line, frames of 1400 octets\n\n"
	       "Per cell: share of the line's speed, wait for the line (mean/95 %%, ms), thrown away at its queue (none: not "
	       "said).\n`on`: window %u; `off`: sent and acknowledged at once, %u packets may wait; `off, long`: %u.\n\n"
	       "| round trip | loss | TCP on | off | off, long | CBR 120 %% on | off | off, long | from the line, on | off |\n"
	       "|---|---|---|---|---|---|---|---|---|---|\n", LINE_BPS / 1000, window, window, QUEUE_LONG);
	for (unsigned i = 0; i < 16; i++) {
		unsigned rtt = rtts[i / 4], loss = losses[i % 4];

		printf("| %u ms | %u %% |", rtt, loss / 10);
		for (enum control c = ON; c <= OFF_LONG; c++)
			cell(measure(TCP_DOWN, c, window, 1400, rtt, loss));
		for (enum control c = ON; c <= OFF_LONG; c++)
			cell(measure(CBR_DOWN, c, window, 1400, rtt, loss));
		for (enum control c = ON; c <= OFF; c++)
			cell(measure(BULK_UP, c, window, 1400, rtt, loss));
		printf("\n");
	}
}

static void table_windows(unsigned rtt, unsigned loss)
{
	static const uint32_t windows[] = { 1, 2, 3, 4, 6, 8, 12, 16 };
	static const unsigned sizes[] = { 1400, 576, 120 };

	printf("\n## Choice of the window: round trip %u ms, loss %u %%\n\n"
	       "| window | TCP 1400 | TCP 576 | CBR 1400 | CBR 576 | CBR 120 |\n|---|---|---|---|---|---|\n", rtt, loss / 10);
	for (unsigned i = 0; i < sizeof(windows) / sizeof(*windows); i++) {
		printf("| %u |", windows[i]);
		for (unsigned k = 0; k < 2; k++)
			cell(measure(TCP_DOWN, ON, windows[i], sizes[k], rtt, loss));
		for (unsigned k = 0; k < 3; k++)
			cell(measure(CBR_DOWN, ON, windows[i], sizes[k], rtt, loss));
		printf("\n");
	}
}

int main(int argc, char **argv)
{
	table_flow(argc > 1 ? (uint32_t)atoi(argv[1]) : 4);
	table_windows(50, 0);
	table_windows(150, 10);
	table_windows(300, 20);
	return 0;
}
