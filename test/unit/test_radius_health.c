/*
 * How RADIUS servers do (RAD-100, RAD-104, RAD-105, RAD-106): states, trials, choice, waits and quantiles.
 */
#include "pacd/proto/radius_health.h"

#include "test/unit/unit.h"

static const struct radius_health_rules rules = { .max_fail = 3, .dead_s = 60 };

static struct mono at_s(int64_t s)
{
	return (struct mono){ s * 1000000 };
}

static bool silent(struct radius_health *h, int64_t since, int64_t now)
{
	return radius_health_failed(h, &rules, at_s(since), false, at_s(now));
}

/* --- states --- */

/* RAD-104 */
START_TEST(dies_in_a_row)
{
	struct radius_health h = { 0 };

	ck_assert(!silent(&h, 1, 2));
	ck_assert_int_eq(h.state, RADIUS_HEALTH_SUSPECT);
	ck_assert(radius_health_usable(&h, at_s(2)));
	ck_assert(!radius_health_answered(&h, at_s(3)));
	ck_assert_int_eq(h.state, RADIUS_HEALTH_UP);
	ck_assert(!silent(&h, 4, 5));
	ck_assert(!silent(&h, 5, 6));
	ck_assert(silent(&h, 6, 7));
	ck_assert_int_eq(h.state, RADIUS_HEALTH_DEAD);
	ck_assert(!radius_health_usable(&h, at_s(66)));
	ck_assert(radius_health_usable(&h, at_s(67)));
	ck_assert(!silent(&h, 7, 8)); /* told once */
	ck_assert(radius_health_answered(&h, at_s(9)));
	ck_assert_int_eq(h.state, RADIUS_HEALTH_UP);
	ck_assert_uint_eq(h.failures, 0);
}
END_TEST

/* A request that was lost is no sign of death when the server has answered others since. */
START_TEST(answers_to_others)
{
	struct radius_health h = { 0 };

	radius_health_answered(&h, at_s(5));
	for (int i = 0; i < 10; i++)
		ck_assert(!silent(&h, 4, 6 + i));
	ck_assert_int_eq(h.state, RADIUS_HEALTH_UP);
	ck_assert(!silent(&h, 5, 20)); /* at the same time: not after it */
	ck_assert_int_eq(h.state, RADIUS_HEALTH_SUSPECT);
}
END_TEST

START_TEST(never_dead)
{
	struct radius_health_rules r = { .max_fail = 0, .dead_s = 60 };
	struct radius_health h = { 0 };

	for (int i = 1; i < 100; i++)
		ck_assert(!radius_health_failed(&h, &r, at_s(i), false, at_s(i)));
	ck_assert(radius_health_usable(&h, at_s(100)));
}
END_TEST

static struct radius_health dead_at(int64_t s)
{
	struct radius_health h = { 0 };

	silent(&h, s, s);
	silent(&h, s, s);
	ck_assert(silent(&h, s, s));
	return h;
}

/* RAD-105: one request goes there after the dead time. */
START_TEST(trial)
{
	struct radius_health h = dead_at(100);

	ck_assert(!radius_health_try(&h, at_s(159)));
	ck_assert(radius_health_try(&h, at_s(160)));
	ck_assert(!radius_health_usable(&h, at_s(161)));
	ck_assert(!radius_health_try(&h, at_s(161)));
	ck_assert(!radius_health_failed(&h, &rules, at_s(160), true, at_s(170)));
	ck_assert(!radius_health_usable(&h, at_s(229)));
	ck_assert(radius_health_try(&h, at_s(230)));
	radius_health_trial_over(&h);
	ck_assert(radius_health_try(&h, at_s(231)));
	ck_assert(radius_health_answered(&h, at_s(232)));
	ck_assert(!radius_health_try(&h, at_s(1000)));
	ck_assert(radius_health_usable(&h, at_s(1000)));
}
END_TEST

/* Failures of requests that went to a dead server because all are dead don't put the trial off. */
START_TEST(dead_time_is_kept)
{
	struct radius_health h = dead_at(100);

	for (int i = 101; i < 160; i++)
		silent(&h, i, i);
	ck_assert(radius_health_usable(&h, at_s(160)));
}
END_TEST

/* --- choice --- */

enum { N = 4 };
static struct radius_health health[N];
static struct radius_health_choice choices[N];

static void choices_init(unsigned a, unsigned b, unsigned c, unsigned d)
{
	unsigned priorities[N] = { a, b, c, d };

	memset(health, 0, sizeof health);
	for (int i = 0; i < N; i++)
		choices[i] = (struct radius_health_choice){
			.health = &health[i], .priority = priorities[i],
		};
}

/* RAD-106 */
START_TEST(in_turn)
{
	size_t turn = 0;
	unsigned seen[N] = { 0 };

	choices_init(1, 1, 1, 2);
	for (int i = 0; i < 30; i++)
		seen[radius_health_choose(choices, N, &turn, at_s(1))]++;
	ck_assert(seen[0] == 10 && seen[1] == 10 && seen[2] == 10 && seen[3] == 0);
	health[1] = dead_at(1);
	memset(seen, 0, sizeof seen);
	for (int i = 0; i < 30; i++)
		seen[radius_health_choose(choices, N, &turn, at_s(1))]++;
	ck_assert(seen[0] == 15 && seen[1] == 0 && seen[2] == 15 && seen[3] == 0);
}
END_TEST

START_TEST(priority)
{
	size_t turn = 0;

	choices_init(1, 2, 2, 3);
	for (int i = 0; i < 5; i++)
		ck_assert_uint_eq(radius_health_choose(choices, N, &turn, at_s(1)), 0);
	health[0] = dead_at(1);
	ck_assert_uint_eq(radius_health_choose(choices, N, &turn, at_s(1)), 1);
	ck_assert_uint_eq(radius_health_choose(choices, N, &turn, at_s(1)), 2);
	choices[1].tried = choices[2].tried = true;
	ck_assert_uint_eq(radius_health_choose(choices, N, &turn, at_s(1)), 3);
	radius_health_answered(&health[0], at_s(2)); /* back */
	ck_assert_uint_eq(radius_health_choose(choices, N, &turn, at_s(2)), 0);
}
END_TEST

START_TEST(room_among_equals)
{
	size_t turn = 0;

	choices_init(1, 1, 2, 2);
	choices[0].full = true;
	for (int i = 0; i < 5; i++)
		ck_assert_uint_eq(radius_health_choose(choices, N, &turn, at_s(1)), 1);
	choices[1].full = true; /* all: in turn, and none of a worse priority */
	ck_assert_uint_eq(radius_health_choose(choices, N, &turn, at_s(1)), 0);
	ck_assert_uint_eq(radius_health_choose(choices, N, &turn, at_s(1)), 1);
}
END_TEST

/* RAD-105: all dead: in order; each once. */
START_TEST(all_dead)
{
	static const size_t order[N] = { 1, 3, 0, 2 };
	size_t turn = 2;

	choices_init(2, 1, 3, 1);
	for (int i = 0; i < N; i++)
		health[i] = dead_at(1);
	ck_assert_uint_eq(radius_health_count(choices, N, at_s(2)), 0);
	for (int i = 0; i < N; i++) {
		ck_assert_uint_eq(radius_health_choose(choices, N, &turn, at_s(2)), order[i]);
		choices[order[i]].tried = true;
	}
	ck_assert_uint_eq(radius_health_choose(choices, N, &turn, at_s(2)), N);
	ck_assert_uint_eq(radius_health_choose(choices, 0, &turn, at_s(2)), 0);
}
END_TEST

/* --- times --- */

/* RAD-100 */
START_TEST(waits)
{
	static const int64_t base[] = { 2000, 4000, 8000, 16000, 16000, 16000 };

	for (unsigned n = 0; n < 6; n++) {
		ck_assert_int_eq(radius_health_wait_us(2000, n, 0), base[n] * 900);
		ck_assert_int_eq(radius_health_wait_us(2000, n, 0x80000000), base[n] * 1000);
		ck_assert_int_ge(radius_health_wait_us(2000, n, UINT32_MAX), base[n] * 1100 - 1);
		ck_assert_int_le(radius_health_wait_us(2000, n, UINT32_MAX), base[n] * 1100);
	}
	ck_assert_int_eq(radius_health_wait_us(3000, 1000000, 0x80000000), 16000000);
	ck_assert_int_eq(radius_health_wait_us(60000, 0, 0x80000000), 16000000);
	ck_assert_int_eq(radius_health_span_us(2000, 0), 2200000);
	ck_assert_int_eq(radius_health_span_us(2000, 5), 62 * 1100000);
	ck_assert_int_eq(radius_health_probe_us(0), 28000000);
	ck_assert_int_ge(radius_health_probe_us(UINT32_MAX), 31999999);
	ck_assert_int_le(radius_health_probe_us(UINT32_MAX), 32000000);
}
END_TEST

START_TEST(share)
{
	ck_assert_int_eq(radius_health_share_us(30000000, 0, 2000), 30000000);
	ck_assert_int_eq(radius_health_share_us(30000000, 1, 2000), 15000000);
	ck_assert_int_eq(radius_health_share_us(30000000, 2, 2000), 10000000);
	ck_assert_int_eq(radius_health_share_us(3000000, 2, 2000), 2200000); /* its first wait at least */
	ck_assert_int_eq(radius_health_share_us(1000000, 2, 2000), 1000000); /* never more than there is */
}
END_TEST

/* RAD-09 */
START_TEST(sockets)
{
	static const unsigned most[][2] = {
		{ 0, 2 }, { 1, 2 }, { 256, 2 }, { 257, 4 }, { 1024, 8 }, { 1025, 10 }, { 32768, 256 }, { 65536, 384 },
	};

	for (size_t i = 0; i < sizeof most / sizeof *most; i++)
		ck_assert_uint_eq(radius_health_sockets(most[i][0]), most[i][1]);
}
END_TEST

START_TEST(quantiles)
{
	struct radius_health h = { 0 };
	int64_t p50, p90, p99;

	radius_health_quantiles(&h, &p50, &p90, &p99);
	ck_assert(!p50 && !p90 && !p99);
	radius_health_sample(&h, 7);
	radius_health_quantiles(&h, &p50, &p90, &p99);
	ck_assert(p50 == 7 && p90 == 7 && p99 == 7);
	for (int i = 0; i < 1000; i++)
		radius_health_sample(&h, 1000000);
	for (int i = RADIUS_HEALTH_SAMPLES; i; i--) /* the ring holds the latest only */
		radius_health_sample(&h, i * 10);
	radius_health_quantiles(&h, &p50, &p90, &p99);
	ck_assert_int_eq(p50, 640);
	ck_assert_int_eq(p90, 1160);
	ck_assert_int_eq(p99, 1270);
	radius_health_sample(&h, 0);
	radius_health_sample(&h, INT64_MAX);
	radius_health_quantiles(&h, &p50, &p90, &p99);
	ck_assert_int_ge(p50, 1);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("radius_health");

	UNIT_CASE(s, "states", dies_in_a_row, answers_to_others, never_dead, trial, dead_time_is_kept);
	UNIT_CASE(s, "choice", in_turn, priority, room_among_equals, all_dead);
	UNIT_CASE(s, "times", waits, share, sockets, quantiles);
	return s;
}

UNIT_MAIN(suite)
