/*
 * The sender: window and adaptive time-out (GRE-04, GRE-08 to GRE-11, GRE-13, GRE-14 to GRE-17); the clock is the test's own.
 */
#include "pacd/proto/seq.h"
#include "test/unit/unit.h"

#include <limits.h>

#define MS 1000 /* microseconds */

static struct seq_tx tx;
static struct mono now;

static uint32_t rng_state;

static uint32_t rng(uint32_t below)
{
	rng_state = rng_state * 1664525 + 1013904223;
	return (rng_state >> 8) % below;
}

static void pass_us(int64_t us)
{
	now = mono_add_us(now, us);
}

static void tx_setup(uint32_t window, int64_t delay_ms)
{
	now = (struct mono){ 1000000 };
	seq_tx_init(&tx, window, delay_ms * MS, 100 * MS, 10000 * MS);
}

static void send_packets(uint32_t n)
{
	while (n--)
		seq_tx_send(&tx, now);
}

static void expire(void)
{
	struct mono deadline = seq_tx_deadline(&tx);

	ck_assert(mono_is_set(deadline));
	now = mono_add_us(deadline, -1);
	seq_tx_timeout(&tx, now);
	ck_assert_int_eq(seq_tx_deadline(&tx).us, deadline.us);
	now = deadline;
	seq_tx_timeout(&tx, now);
	ck_assert(!mono_is_set(seq_tx_deadline(&tx)));
}

START_TEST(gre_04_sent_from_0)
{
	tx_setup(4, 0);
	ck_assert_uint_eq(seq_tx_send(&tx, now), 0);
	ck_assert_uint_eq(seq_tx_send(&tx, now), 1);
}
END_TEST

START_TEST(gre_08_acks)
{
	tx_setup(64, 0);
	ck_assert(!seq_tx_ack(&tx, 0, now)); /* nothing was sent */
	ck_assert(!seq_tx_ack(&tx, 0xFFFFFFFF, now));
	send_packets(5);
	ck_assert(!seq_tx_ack(&tx, 5, now));
	ck_assert(!seq_tx_ack(&tx, 0x80000000, now));
	ck_assert(!seq_tx_ack(&tx, 0xFFFFFFFF, now));
	ck_assert(seq_tx_ack(&tx, 2, now));
	ck_assert_uint_eq(tx.acked, 3);
	ck_assert(!seq_tx_ack(&tx, 2, now));
	ck_assert(!seq_tx_ack(&tx, 0, now));
	ck_assert(seq_tx_ack(&tx, 4, now));
	ck_assert(!seq_tx_ack(&tx, 4, now));
}
END_TEST

START_TEST(gre_08_wrap)
{
	static const uint32_t edges[] = { 0x80000000, 0 };

	for (size_t i = 0; i < 2; i++) {
		tx_setup(64, 0);
		tx.next = tx.acked = edges[i] - 3;
		send_packets(6);
		ck_assert(!seq_tx_ack(&tx, edges[i] + 3, now));
		ck_assert(!seq_tx_ack(&tx, edges[i] - 4, now));
		ck_assert(seq_tx_ack(&tx, edges[i] - 2, now));
		ck_assert(seq_tx_ack(&tx, edges[i] + 1, now));
		ck_assert(seq_tx_ack(&tx, edges[i] + 2, now));
		ck_assert(!mono_is_set(seq_tx_deadline(&tx)));
	}
}
END_TEST

START_TEST(gre_09_initial_window)
{
	static const struct {
		uint32_t advertised, window, max;
	} cases[] = { { 0, 1, 1 },    { 1, 1, 1 },	{ 2, 1, 2 },	    { 3, 2, 3 },
		      { 64, 32, 64 }, { 65, 33, 65 }, { 8192, 64, 128 }, { UINT32_MAX, 64, 128 } };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		tx_setup(cases[i].advertised, 0);
		ck_assert_uint_eq(tx.window, cases[i].window);
		ck_assert_uint_eq(tx.window_max, cases[i].max);
		for (uint32_t n = 0; n < cases[i].window; n++) {
			ck_assert(seq_tx_open(&tx));
			seq_tx_send(&tx, now);
		}
		ck_assert(!seq_tx_open(&tx));
	}
}
END_TEST

/* One more per whole window acknowledged, up to what the peer advertised. */
START_TEST(gre_10_growth)
{
	tx_setup(6, 0);
	ck_assert_uint_eq(tx.window, 3);
	send_packets(3);
	ck_assert(seq_tx_ack(&tx, 1, now));
	ck_assert_uint_eq(tx.window, 3);
	ck_assert(seq_tx_ack(&tx, 2, now));
	ck_assert_uint_eq(tx.window, 4);
	for (uint32_t seq = 3; seq < 3 + 4 + 5 - 1; seq++) {
		send_packets(1);
		ck_assert(seq_tx_ack(&tx, seq, now));
		ck_assert_uint_eq(tx.window, seq < 3 + 3 ? 4 : 5);
	}
	send_packets(1);
	ck_assert(seq_tx_ack(&tx, 11, now));
	ck_assert_uint_eq(tx.window, 6);
	send_packets(20);
	ck_assert(seq_tx_ack(&tx, 31, now));
	ck_assert_uint_eq(tx.window, 6);
}
END_TEST

START_TEST(gre_11_timeout)
{
	tx_setup(14, 0);
	send_packets(7);
	ck_assert(!seq_tx_open(&tx));
	expire();
	ck_assert_uint_eq(tx.window, 4); /* of 7, rounded up */
	ck_assert(seq_tx_open(&tx));
	ck_assert(!seq_tx_ack(&tx, 3, now)); /* given up */
	for (uint32_t expected = 2; expected; expected = expected > 1 ? expected / 2 : 0) {
		send_packets(1);
		expire();
		ck_assert_uint_eq(tx.window, expected);
	}
	send_packets(1);
	expire();
	ck_assert_uint_eq(tx.window, 1);
	ck_assert(seq_tx_open(&tx));
	seq_tx_timeout(&tx, now); /* nothing outstanding */
	ck_assert_uint_eq(tx.window, 1);
}
END_TEST

/* A time-out starts the count for growth anew. */
START_TEST(gre_11_growth_after)
{
	tx_setup(8, 0);
	send_packets(4);
	ck_assert(seq_tx_ack(&tx, 2, now));
	expire();
	ck_assert_uint_eq(tx.window, 2);
	send_packets(2);
	ck_assert(seq_tx_ack(&tx, 4, now));
	ck_assert_uint_eq(tx.window, 2);
	ck_assert(seq_tx_ack(&tx, 5, now));
	ck_assert_uint_eq(tx.window, 3);
}
END_TEST

static void estimate_is(int64_t rtt, int64_t dev, int64_t ato)
{
	ck_assert_int_eq(tx.rtt_us, rtt);
	ck_assert_int_eq(tx.dev_us, dev);
	ck_assert_int_eq(tx.ato_us, ato);
}

/* Worked out by hand. */
START_TEST(gre_14_estimate)
{
	tx_setup(8, 500);
	estimate_is(500000, 0, 500000);
	send_packets(1);
	pass_us(100000);
	ck_assert(seq_tx_ack(&tx, 0, now)); /* DIFF -400000 */
	estimate_is(450000, 100000, 850000);
	send_packets(1);
	pass_us(600000);
	ck_assert(seq_tx_ack(&tx, 1, now)); /* DIFF 150000 */
	estimate_is(468750, 112500, 918750);
	send_packets(1);
	expire(); /* GRE-15 */
	estimate_is(937500, 112500, 1387500);
	send_packets(1);
	pass_us(1017500);
	ck_assert(seq_tx_ack(&tx, 3, now)); /* DIFF 80000 */
	estimate_is(947500, 104375, 1365000);
}
END_TEST

/* The sample is that of the highest packet acknowledged. */
START_TEST(gre_14_multi_packet)
{
	tx_setup(64, 800);
	send_packets(1);
	pass_us(300000);
	send_packets(1);
	pass_us(160000);
	ck_assert(seq_tx_ack(&tx, 1, now));
	estimate_is(800000 - 640000 / 8, 160000, 720000 + 640000);
}
END_TEST

START_TEST(gre_15_gre_16_backoff)
{
	static const int64_t ato_ms[] = { 100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000, 10000 };

	tx_setup(64, 0);
	estimate_is(0, 0, 100000);
	for (size_t i = 0; i < sizeof ato_ms / sizeof *ato_ms; i++) {
		send_packets(1);
		expire();
		ck_assert_int_eq(tx.ato_us, ato_ms[i] * MS);
		ck_assert_int_le(tx.rtt_us, 10000 * MS);
	}
}
END_TEST

START_TEST(gre_16_clamps)
{
	tx_setup(64, 6553500); /* the largest delay that a peer can announce, and more */
	estimate_is(10000000, 0, 10000000);
	seq_tx_init(&tx, 1, -5, 0, -1);
	estimate_is(0, 0, 1);
	send_packets(1);
	expire();
	estimate_is(1, 0, 1);
	tx_setup(64, 0);
	send_packets(1);
	pass_us(INT64_C(86400000000));
	ck_assert(seq_tx_ack(&tx, 0, now));
	estimate_is(1250000, 2500000, 10000000);
	send_packets(1);
	now = (struct mono){ 1 }; /* no clock does this */
	ck_assert(seq_tx_ack(&tx, 1, now));
	ck_assert_int_ge(tx.rtt_us, 0);
}
END_TEST

START_TEST(gre_17_timer)
{
	struct mono first, second;

	tx_setup(64, 300);
	ck_assert(!mono_is_set(seq_tx_deadline(&tx)));
	first = now;
	send_packets(1);
	pass_us(50000);
	second = now;
	send_packets(1);
	ck_assert_int_eq(seq_tx_deadline(&tx).us, first.us + 300000);
	pass_us(150000);
	ck_assert(seq_tx_ack(&tx, 0, now));
	ck_assert_int_eq(seq_tx_deadline(&tx).us, second.us + tx.ato_us);
	ck_assert(seq_tx_ack(&tx, 1, now));
	ck_assert(!mono_is_set(seq_tx_deadline(&tx)));
}
END_TEST

/* The window is not enforced: thousands outstanding. Only those of the last 128 have a time. */
START_TEST(window_ignored)
{
	tx_setup(8, 500);
	send_packets(1);
	pass_us(7000);
	send_packets(5000);
	ck_assert(!seq_tx_open(&tx));
	ck_assert(seq_tx_ack(&tx, 100, now));
	estimate_is(500000, 0, 500000);
	ck_assert_uint_eq(tx.window, 5);
	ck_assert_int_eq(tx.oldest.us, now.us); /* its own time is gone */
	pass_us(100000);
	ck_assert(seq_tx_ack(&tx, 5000 - 128, now));
	estimate_is(500000, 0, 500000);
	ck_assert_int_eq(tx.oldest.us, now.us - 100000);
	ck_assert(seq_tx_ack(&tx, 5000 - 127, now));
	estimate_is(450000, 100000, 850000);
	ck_assert(seq_tx_ack(&tx, 5000, now));
	ck_assert(seq_tx_open(&tx));
	tx.next = tx.acked + INT32_MAX;
	send_packets(1000);
	ck_assert_uint_le(tx.next - tx.acked, UINT32_C(1) << 31);
	ck_assert(seq_tx_ack(&tx, tx.next - 1, now));
}
END_TEST

/* Whatever is lost, after at most one time-out the sender goes on. */
START_TEST(never_stalls)
{
	uint32_t sent = 0;

	tx_setup(16, 0);
	rng_state = 9;
	for (int round = 0; round < 20000; round++) {
		while (seq_tx_open(&tx)) {
			seq_tx_send(&tx, now);
			sent++;
		}
		pass_us(rng(30000));
		if (rng(3) == 0)
			seq_tx_ack(&tx, tx.next - 1 - rng(20), now);
		seq_tx_timeout(&tx, now);
		ck_assert(tx.window >= 1 && tx.window <= 16);
		ck_assert(tx.ato_us >= 100 * MS && tx.ato_us <= 10000 * MS);
		ck_assert(seq_tx_open(&tx) || mono_is_set(seq_tx_deadline(&tx)));
		ck_assert_int_eq(mono_is_set(tx.oldest), tx.next != tx.acked);
	}
	ck_assert_uint_gt(sent, 1000);
}
END_TEST

/* GRE-13, worked out by hand. */
START_TEST(gre_13_delay)
{
	ck_assert_uint_eq(seq_delay_tenths(1500, 4, 56000), 9); /* 0.836 s */
	ck_assert_uint_eq(seq_delay_tenths(1036, 1, 80000), 1); /* 0.1 s */
	ck_assert_uint_eq(seq_delay_tenths(1037, 1, 80000), 2);
	ck_assert_uint_eq(seq_delay_tenths(1500, 4, 0), 0);
	ck_assert_uint_eq(seq_delay_tenths(1500, 0, 300), 0);
	ck_assert_uint_eq(seq_delay_tenths(36, 4, 300), 0);
	ck_assert_uint_eq(seq_delay_tenths(35, 4, 300), 0);
	ck_assert_uint_eq(seq_delay_tenths(37, 1, UINT32_MAX), 1);
	ck_assert_uint_eq(seq_delay_tenths(1500, 64, 110), 65535); /* 6814.3 s */
	ck_assert_uint_eq(seq_delay_tenths(1500, 64, 115), 65180); /* 6518.0 s */
	ck_assert_uint_eq(seq_delay_tenths(UINT_MAX, UINT_MAX, 1), 65535);
}
END_TEST

static Suite *seq_tx_suite(void)
{
	Suite *s = suite_create("seq_tx");

	UNIT_CASE(s, "window", gre_04_sent_from_0, gre_08_acks, gre_08_wrap, gre_09_initial_window, gre_10_growth,
		  gre_11_timeout, gre_11_growth_after, window_ignored, never_stalls);
	UNIT_CASE(s, "time-out", gre_14_estimate, gre_14_multi_packet, gre_15_gre_16_backoff, gre_16_clamps,
		  gre_17_timer, gre_13_delay);
	return s;
}

UNIT_MAIN(seq_tx_suite)
