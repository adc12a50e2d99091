/*
 * The user-space data path: what it makes of packets, and calls that come and
 * go (RFC 2637 section 4; ledger GRE-01 to GRE-21).  Without a network namespace
 * it is skipped and said.
 */
#include "test/unit/raw_env.h"

/* --- packets --- */

/* GRE-01, GRE-04, GRE-07, GRE-18, PPP-01 */
START_TEST(echo)
{
	static const size_t sizes[] = { 4, 100, 1400, GRE_PAYLOAD_MAX };
	struct datapath_stats s;
	struct line l;
	struct env e;
	struct gre g;

	env_open(&e, 1);
	line_pty(&l);
	attach(&e, 7, &l);
	for (uint32_t i = 0; i < 200; i++) {
		size_t len = sizes[i % 4];

		peer_data(&e, 7, i, len);
		line_expect(&l, i, len);
		line_send(&l, l.rx.frame, len);
		peer_recv_data(&e, &g);
		ck_assert_uint_eq(g.call_id, 1007);
		ck_assert_uint_eq(g.seq, i);
		ck_assert_uint_eq(g.payload_len, len);
		ck_assert_mem_eq(g.payload, l.rx.frame, len);
		if (g.has_ack)
			ck_assert_uint_eq(g.ack, i);
		peer_ack(&e, 7, g.seq);
	}
	WAIT_FOR(stats(&e, 7).acks_received == 200);
	s = stats(&e, 7);
	ck_assert_uint_eq(s.rx_packets, 200);
	ck_assert_uint_eq(s.rx_octets, 50 * (4 + 100 + 1400 + GRE_PAYLOAD_MAX));
	ck_assert_uint_eq(s.tx_packets, 200);
	ck_assert_uint_eq(s.tx_octets, s.rx_octets);
	ck_assert_uint_ge(s.acks_sent, 1);
	ck_assert_uint_eq(s.rx_lost + s.rx_dropped + s.tx_dropped + s.rx_duplicate + s.rx_old, 0);
	ck_assert(mono_is_set(s.last_rx));
	ck_assert_uint_gt(s.window, 32);
	env_close(&e);
	close(l.far);
}
END_TEST

/* GRE-03, GRE-05, GRE-06, numbers across their wrap */
START_TEST(order)
{
	const uint32_t first = 0xFFFFFFFEu;
	struct datapath_stats s;
	struct line l;
	struct env e;

	env_open(&e, 1);
	line_pty(&l);
	attach(&e, 7, &l);
	peer_data(&e, 7, first, 50);
	peer_data(&e, 7, first, 50);
	peer_data(&e, 7, first + 2, 50);
	peer_data(&e, 7, first + 2, 50);
	peer_data(&e, 7, first + 1, 50);
	peer_packet(&e, PEER, &(struct gre){ .call_id = 7, .has_seq = true, .seq = first + 3 });
	peer_data(&e, 7, first + 4, 50);
	for (uint32_t i = 0; i < 3; i++)
		line_expect(&l, first + i, 50);
	line_expect(&l, first + 4, 50);
	e.d->ops->detach(e.d, 7, &s);
	ck_assert_uint_eq(s.rx_packets, 4);
	ck_assert_uint_eq(s.rx_duplicate, 2);
	ck_assert_uint_eq(s.rx_reordered, 1);
	ck_assert_uint_eq(s.rx_lost, 0);
	env_close(&e);
	close(l.far);
}
END_TEST

/* A gap is given up after its time, without another packet's help; who comes later is old. */
START_TEST(gap)
{
	struct datapath_stats s;
	struct line l;
	struct env e;
	struct mono start;

	env_open(&e, 1);
	line_pty(&l);
	attach(&e, 7, &l);
	peer_data(&e, 7, 0, 50);
	line_expect(&l, 0, 50);
	start = mono_now();
	peer_data(&e, 7, 2, 50);
	peer_data(&e, 7, 3, 50);
	peer_data(&e, 7, 5, 50);
	line_expect(&l, 2, 50);
	ck_assert_int_ge(mono_diff_us(mono_now(), start), RAW_HOLD_US);
	line_expect(&l, 3, 50);
	line_expect(&l, 5, 50);
	peer_data(&e, 7, 1, 50);
	peer_data(&e, 7, 6, 50);
	line_expect(&l, 6, 50);
	e.d->ops->detach(e.d, 7, &s);
	ck_assert_uint_eq(s.rx_lost, 2);
	ck_assert_uint_eq(s.rx_old, 1);
	env_close(&e);
	close(l.far);
}
END_TEST

/* More held packets than a worker has slots: order and number are kept all the same. */
START_TEST(slots)
{
	enum { CALLS = 20, HELD = SEQ_RING - 2 };
	static struct line l[CALLS];
	struct env e;

	env_open(&e, 1);
	for (uint16_t i = 0; i < CALLS; i++) {
		line_pair(&l[i]);
		attach(&e, (uint16_t)(i + 1), &l[i]);
		peer_data(&e, (uint16_t)(i + 1), 0, 50);
	}
	for (uint16_t i = 0; i < CALLS; i++) {
		for (uint32_t seq = 2; seq < 2 + HELD; seq++)
			peer_data(&e, (uint16_t)(i + 1), seq, 50);
		/* Without privileges a socket's receive buffer is small. */
		WAIT_FOR(received(&e) == CALLS + (i + 1u) * HELD);
	}
	for (uint16_t i = 0; i < CALLS; i++) {
		line_expect(&l[i], 0, 50);
		for (uint32_t seq = 2; seq < 2 + HELD; seq++)
			line_expect(&l[i], seq, 50);
		ck_assert_uint_eq(stats(&e, (uint16_t)(i + 1)).rx_lost, 1);
		close(l[i].far);
	}
	env_close(&e);
}
END_TEST

/* A call that goes gives its slots back: otherwise the last one could hold nothing. */
START_TEST(slots_freed)
{
	enum { HELD = SEQ_RING / 2, ROUNDS = RAW_HELD / HELD };
	struct line l;
	struct env e;

	env_open(&e, 1);
	for (unsigned i = 0; i < ROUNDS; i++) {
		line_pair(&l);
		attach(&e, 7, &l);
		peer_data(&e, 7, 0, 50);
		for (uint32_t seq = 2; seq < 2 + HELD; seq++)
			peer_data(&e, 7, seq, 50);
		WAIT_FOR(received(&e) == (i + 1u) * (1 + HELD));
		e.d->ops->detach(e.d, 7, NULL);
		close(l.far);
	}
	line_pair(&l);
	attach(&e, 7, &l);
	peer_data(&e, 7, 0, 50);
	peer_data(&e, 7, 2, 50);
	peer_data(&e, 7, 1, 50);
	for (uint32_t seq = 0; seq < 3; seq++)
		line_expect(&l, seq, 50);
	env_close(&e);
	close(l.far);
}
END_TEST

/* GRE-02, GRE-20, GRE-21: each with its own reason, nothing reaches the line. */
START_TEST(drops)
{
	uint8_t bad[] = { 0x30, 0x01, 0x88, 0x0B, 0, 4, 0, 7, 0, 0, 0, 0, 1, 2, 3, 4 };
	uint8_t frame[50] = { 0 };
	struct gre g = { .call_id = 7, .has_seq = true, .payload = frame, .payload_len = sizeof(frame) };
	struct datapath_totals t;
	struct line l;
	struct env e;

	env_open(&e, 1);
	line_pty(&l);
	attach(&e, 7, &l);
	peer_packet(&e, OTHER, &g);
	g.call_id = 8;
	peer_packet(&e, PEER, &g);
	bad[0] = 0xB0;
	peer_octets(&e, PEER, US, bad, sizeof(bad));
	bad[0] = 0x30;
	bad[1] = 0;
	peer_octets(&e, PEER, US, bad, sizeof(bad));
	bad[1] = 1;
	bad[5] = 5;
	peer_octets(&e, PEER, US, bad, sizeof(bad));
	peer_octets(&e, PEER, US, bad, 7);
	peer_data(&e, 7, 0, 50);
	line_expect(&l, 0, 50);
	e.d->ops->totals(e.d, &t);
	ck_assert_uint_eq(t.drops[GRE_DROP_SOURCE], 1);
	ck_assert_uint_eq(t.drops[GRE_DROP_CALL], 1);
	ck_assert_uint_eq(t.drops[GRE_DROP_FLAGS], 1);
	ck_assert_uint_eq(t.drops[GRE_DROP_VERSION], 1);
	ck_assert_uint_eq(t.drops[GRE_DROP_LENGTH], 1);
	ck_assert_uint_eq(t.drops[GRE_DROP_SHORT], 1);
	ck_assert_uint_eq(t.rx_packets, 1);
	ck_assert_uint_eq(t.rx_octets, 50);
	ck_assert_uint_eq(t.overruns, 0);
	env_close(&e);
	close(l.far);
}
END_TEST

/* GRE-07: alone after a while */
START_TEST(ack_timer)
{
	struct line l;
	struct env e;
	struct gre g;

	env_open(&e, 1);
	line_pty(&l);
	attach(&e, 7, &l);
	for (uint32_t i = 0; i < 3; i++) {
		struct mono start = mono_now();

		peer_data(&e, 7, i, 50);
		peer_recv(&e, &g);
		ck_assert(!g.has_seq && g.has_ack);
		ck_assert_uint_eq(g.ack, i);
		ck_assert_int_ge(mono_diff_us(mono_now(), start), RAW_ACK_US);
	}
	env_close(&e);
	close(l.far);
}
END_TEST

/* GRE-07: at a quarter of the window.  The machine may be slow now and then, but not always slower than the timer. */
START_TEST(ack_window)
{
	int64_t best = INT64_MAX;
	uint32_t seq = 0;
	struct line l;
	struct env e;
	struct gre g;

	env_open(&e, 1);
	line_pty(&l);
	attach(&e, 7, &l);
	for (unsigned round = 0; round < 100 && best >= RAW_ACK_US; round++) {
		struct mono start = mono_now();
		int64_t us;

		for (unsigned i = 0; i < 16; i++)
			peer_data(&e, 7, seq++, 50);
		do
			peer_recv(&e, &g);
		while (g.ack != seq - 1);
		us = mono_diff_us(mono_now(), start);
		best = us < best ? us : best;
	}
	ck_assert_int_lt(best, RAW_ACK_US);
	env_close(&e);
	close(l.far);
}
END_TEST

/* --- calls --- */

START_TEST(attach_errors)
{
	struct datapath_stats s;
	struct datapath_call c;
	struct line a, b;
	struct env e;

	env_open(&e, 2);
	line_pair(&a);
	line_pair(&b);
	attach(&e, 7, &a);
	c = call_of(7, &b);
	ck_assert_int_eq(e.d->ops->attach(e.d, &c), -EEXIST);
	ck_assert_int_eq(fcntl(b.ours, F_GETFD), -1);
	c = call_of(0, &b);
	c.fd = b.far;
	ck_assert_int_eq(e.d->ops->attach(e.d, &c), -EINVAL);
	ck_assert_int_eq(fcntl(b.far, F_GETFD), -1);
	ck_assert(!e.d->ops->stats(e.d, 8, &s));
	s.rx_packets = 1;
	e.d->ops->detach(e.d, 8, &s);
	ck_assert_uint_eq(s.rx_packets, 0);
	e.d->ops->detach(e.d, 7, NULL);
	ck_assert_int_eq(fcntl(a.ours, F_GETFD), -1);
	ck_assert(!e.d->ops->stats(e.d, 7, &s));
	env_close(&e);
	close(a.far);
	errno = 0;
	ck_assert_ptr_null(datapath_raw_new(NULL, NULL, 0, closed, NULL));
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

/* GRE-19 */
START_TEST(many)
{
	enum { CALLS = 1000 };
	struct line *l = calloc(CALLS, sizeof(*l));
	struct datapath_totals t;
	struct datapath_stats s;
	struct env e;

	ck_assert_ptr_nonnull(l);
	env_open(&e, 2);
	for (uint16_t i = 0; i < CALLS; i++) {
		line_pair(&l[i]);
		attach(&e, (uint16_t)(65535 - i), &l[i]);
	}
	for (uint16_t i = 0; i < CALLS; i++) {
		peer_data(&e, (uint16_t)(65535 - i), i, 60);
		if (i >= 50)
			line_expect(&l[i - 50], i - 50u, 60);
	}
	for (uint16_t i = CALLS - 50; i < CALLS; i++)
		line_expect(&l[i], i, 60);
	e.d->ops->totals(e.d, &t);
	ck_assert_uint_eq(t.rx_packets, CALLS);
	for (uint16_t i = 0; i < CALLS; i++) {
		e.d->ops->detach(e.d, (uint16_t)(65535 - i), &s);
		ck_assert_uint_eq(s.rx_packets, 1);
		close(l[i].far);
	}
	env_close(&e);
	free(l);
}
END_TEST

struct flood {
	struct env *e;
	atomic_bool stop;
};

static void *flood_run(void *arg)
{
	struct flood *f = arg;

	for (uint32_t seq = 0; !atomic_load(&f->stop); seq++)
		for (uint16_t id = 1; id <= 8; id++)
			peer_data(f->e, id, seq & 3 ? seq : seq + 2, 200);
	return NULL;
}

/* Calls come and go under full load; for the address and thread sanitizers, mostly. */
START_TEST(churn)
{
	struct datapath_stats s;
	struct flood f = { 0 };
	pthread_t thread;
	struct env e;
	uint64_t rx = 0;

	env_open(&e, 2);
	f.e = &e;
	ck_assert_int_eq(pthread_create(&thread, NULL, flood_run, &f), 0);
	for (unsigned round = 0; round < 100; round++) {
		static struct line l[8];

		for (uint16_t i = 0; i < 8; i++) {
			line_pair(&l[i]);
			attach(&e, (uint16_t)(i + 1), &l[i]);
			line_send(&l[i], l[i].data, 100);
			e.d->ops->set_link(e.d, (uint16_t)(i + 1), round, 0);
		}
		if (round % 10 == 9)
			WAIT_FOR(stats(&e, 1).rx_packets && stats(&e, 2).rx_packets);
		for (uint16_t i = 0; i < 64; i++)
			line_send(&l[i & 7], l[0].data, 200);
		for (uint16_t i = 0; i < 8; i++) {
			if (i & 1)
				close(l[i].far);
			e.d->ops->detach(e.d, (uint16_t)(i + 1), &s);
			rx += s.rx_packets;
			if (!(i & 1))
				close(l[i].far);
		}
		ev_run(e.loop, EVRUN_NOWAIT);
	}
	atomic_store(&f.stop, true);
	pthread_join(thread, NULL);
	ck_assert_uint_gt(rx, 0);
	env_close(&e);
}
END_TEST

static Suite *raw_suite(void)
{
	Suite *s = suite_create("raw");

	if (!namespace_possible()) {
		fprintf(stderr, "raw: 11 tests skipped: no network namespace with raw sockets\n");
		return s;
	}
	UNIT_CASE(s, "packets", echo, order, gap, slots, slots_freed, drops, ack_timer, ack_window);
	UNIT_CASE(s, "calls", attach_errors, many, churn);
	return s;
}

UNIT_MAIN(raw_suite)
