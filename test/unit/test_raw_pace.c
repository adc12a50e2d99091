/*
 * The clock of a paced line: what may be written ahead, and when the next frame is due (ledger GRE-09, GRE-12).
 */
#include "pacd/net/raw_pace.h"

#include "test/unit/unit.h"

#define MS 1000 /* microseconds */

static struct mono at_ms(int64_t ms)
{
	return mono_add_ms((struct mono){ 1000000 }, ms);
}

/* 56 kbit/s, 10 bits an octet: 1400 octets are 250 ms, more than may be ahead; so one at a time. */
START_TEST(pace_long)
{
	struct raw_pace p;

	raw_pace_init(&p, 56000, 10);
	ck_assert_int_eq(raw_pace_us(&p, 1400), 250 * MS);
	ck_assert(raw_pace_open(&p, 1400, at_ms(0)));
	raw_pace_wrote(&p, 1400, at_ms(0));
	ck_assert(!raw_pace_open(&p, 1400, at_ms(0)));
	ck_assert_int_eq(raw_pace_when(&p, 1400).us, at_ms(240).us);
	ck_assert(!raw_pace_open(&p, 1400, at_ms(239)));
	ck_assert(raw_pace_open(&p, 1400, at_ms(240)));
	raw_pace_wrote(&p, 1400, at_ms(240));
	/* What was early is not lost. */
	ck_assert_int_eq(raw_pace_when(&p, 1400).us, at_ms(490).us);
	/* An idle line saves nothing up. */
	raw_pace_wrote(&p, 1400, at_ms(5000));
	ck_assert_int_eq(raw_pace_when(&p, 1400).us, at_ms(5240).us);
}
END_TEST

/* Short ones: 100 ms of them. */
START_TEST(pace_short)
{
	struct raw_pace p;
	unsigned n = 0;

	raw_pace_init(&p, 56000, 10);
	for (; raw_pace_open(&p, 56, at_ms(0)); n++)
		raw_pace_wrote(&p, 56, at_ms(0));
	ck_assert_uint_eq(n, 10);
	ck_assert_int_eq(raw_pace_when(&p, 56).us, at_ms(10).us);
}
END_TEST

/* A fast line: 3000 octets, of 8 bits. */
START_TEST(pace_fast)
{
	struct raw_pace p;

	raw_pace_init(&p, 8000000, 8);
	raw_pace_wrote(&p, 1500, at_ms(0));
	ck_assert(raw_pace_open(&p, 1500, at_ms(0)));
	raw_pace_wrote(&p, 1500, at_ms(0));
	ck_assert(!raw_pace_open(&p, 1500, at_ms(0)));
	ck_assert_int_eq(raw_pace_when(&p, 1500).us, at_ms(0).us + 1500);
	raw_pace_init(&p, 0, 10);
	raw_pace_wrote(&p, 100000, at_ms(0));
	ck_assert(raw_pace_open(&p, 100000, at_ms(0)));
	ck_assert(!mono_is_set(raw_pace_when(&p, 1)));
}
END_TEST

/* However late the timer by up to the idle time: the line is never idle, and never far behind. */
START_TEST(pace_keeps_full)
{
	static const size_t sizes[] = { 1500, 40, 40, 600, 1500, 3000, 8 };
	struct mono now = at_ms(0), start = now;
	struct raw_pace p;
	int64_t us = 0;

	raw_pace_init(&p, 33600, 10);
	for (unsigned i = 0; i < 1000; i++) {
		size_t n = sizes[i % 7];
		struct mono when = raw_pace_when(&p, n);

		if (mono_is_set(when) && when.us > now.us)
			now = mono_add_us(when, i * 997 % RAW_PACE_IDLE_US);
		ck_assert(raw_pace_open(&p, n, now));
		ck_assert(i == 0 || now.us <= p.drained.us);
		raw_pace_wrote(&p, n, now);
		us += raw_pace_us(&p, n);
		ck_assert_int_eq(mono_diff_us(p.drained, start), us);
		ck_assert_int_le(mono_diff_us(p.drained, now), RAW_PACE_AHEAD_US + raw_pace_us(&p, n));
	}
}
END_TEST

static Suite *raw_pace_suite(void)
{
	Suite *s = suite_create("raw_pace");

	UNIT_CASE(s, "pace", pace_long, pace_short, pace_fast, pace_keeps_full);
	return s;
}

UNIT_MAIN(raw_pace_suite)
