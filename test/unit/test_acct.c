/*
 * Accounting's order, retries and outages (RAD-04, RAD-60 to RAD-66, RAD-73, RAD-108), without a disk; what the disk
 * keeps is in test_spool.c.
 */
#include "test/unit/unit_acct.h"

#include <malloc.h>

static void setup(void)
{
	acct_setup();
	acct_up(false);
}

static void expect(size_t i, uint8_t status, const char *session)
{
	ck_assert_uint_lt(i, nexchanges);
	ck_assert_uint_eq(exchanges[i].status, status);
	ck_assert_str_eq(exchanges[i].session, session);
}

static void expect_taken(size_t i, uint8_t status, const char *session)
{
	ck_assert_uint_lt(i, ntaken);
	ck_assert_uint_eq(taken[i].status, status);
	ck_assert_str_eq(taken[i].session, session);
}

/* --- order --- */

/* RAD-61: the next of a session only when the one before is taken; others meanwhile. */
START_TEST(order)
{
	add(RADIUS_ACCT_START, "A");
	add(RADIUS_ACCT_INTERIM, "A");
	add(RADIUS_ACCT_STOP, "A");
	add(RADIUS_ACCT_START, "B");
	ck_assert_uint_eq(nexchanges, 2);
	expect(0, RADIUS_ACCT_START, "A");
	expect(1, RADIUS_ACCT_START, "B");
	answer(0, 0);
	expect(1, RADIUS_ACCT_INTERIM, "A");
	answer(1, 0);
	expect(1, RADIUS_ACCT_STOP, "A");
	serve();
	ck_assert_uint_eq(ntaken, 4);
	ck_assert_uint_eq(view().waiting, 0);
	ck_assert_uint_eq(view().sent, 4);
	ck_assert_uint_eq(view().acknowledged, 4);
	ck_assert_uint_eq(view().retried, 0);
	ck_assert_uint_eq(accounting->queues.count, 0);
	ck_assert_uint_eq(accounting->states.count, 1); /* B's */
}
END_TEST

/* RAD-63: a newer Interim takes the place of one that waits, not of one in flight. */
START_TEST(interims)
{
	add(RADIUS_ACCT_START, "A");
	add(RADIUS_ACCT_INTERIM, "A");
	skip_ms(85000);
	add(RADIUS_ACCT_INTERIM, "A");
	ck_assert_uint_eq(view().waiting, 2);
	answer(0, 0);
	expect(0, RADIUS_ACCT_INTERIM, "A");
	ck_assert_uint_eq(exchanges[0].delay, 0); /* the newer one */
	add(RADIUS_ACCT_INTERIM, "A");
	ck_assert_uint_eq(view().waiting, 2);
	add(RADIUS_ACCT_INTERIM, "A");
	ck_assert_uint_eq(view().waiting, 2);
	add(RADIUS_ACCT_STOP, "A");
	serve();
	ck_assert_uint_eq(ntaken, 4);
	expect_taken(1, RADIUS_ACCT_INTERIM, "A");
	expect_taken(2, RADIUS_ACCT_INTERIM, "A");
	expect_taken(3, RADIUS_ACCT_STOP, "A");
}
END_TEST

/* One that failed waits again: the newer one goes at once in its place. */
START_TEST(interim_that_failed)
{
	add(RADIUS_ACCT_START, "A");
	serve();
	add(RADIUS_ACCT_INTERIM, "A");
	answer(0, -ETIMEDOUT);
	ck_assert_uint_eq(nexchanges, 0);
	add(RADIUS_ACCT_INTERIM, "A");
	ck_assert_uint_eq(nexchanges, 1);
	ck_assert_uint_eq(view().waiting, 1);
	serve();
	skip_ms(100000);
	ck_assert_uint_eq(nexchanges, 0);
}
END_TEST

/* RAD-73: all of one control connection one after another. */
START_TEST(tunnel)
{
	static const uint8_t statuses[] = { RADIUS_ACCT_TUNNEL_START, RADIUS_ACCT_LINK_START, RADIUS_ACCT_START,
					    RADIUS_ACCT_STOP, RADIUS_ACCT_LINK_STOP, RADIUS_ACCT_TUNNEL_STOP };

	for (unsigned i = 0; i < 6; i++)
		add_in("T", statuses[i], i == 0 || i == 5 ? "T" : "A");
	for (unsigned i = 0; i < 6; i++) {
		ck_assert_uint_eq(nexchanges, 1);
		ck_assert_uint_eq(exchanges[0].status, statuses[i]);
		if (i == 3)
			answer(0, -ETIMEDOUT);
		skip_ms(3000);
		answer(0, 0);
	}
	ck_assert_uint_eq(view().waiting, 0);
	ck_assert_uint_eq(accounting->states.count, 0);
}
END_TEST

START_TEST(window)
{
	char id[RADIUS_SESSION_ID];

	for (unsigned i = 0; i < 200; i++) {
		snprintf(id, sizeof id, "S%u", i);
		add(RADIUS_ACCT_START, id);
	}
	ck_assert_uint_eq(nexchanges, ACCT_WINDOW);
	serve();
	ck_assert_uint_eq(most_exchanges, ACCT_WINDOW);
	ck_assert_uint_eq(ntaken, 200);
	for (unsigned i = 0; i < 200; i++) {
		snprintf(id, sizeof id, "S%u", i);
		expect_taken(i, RADIUS_ACCT_START, id);
	}
}
END_TEST

/* --- retries --- */

/* RAD-64, RAD-65: backoff 2, 4, .. 60 s with 10 %, Acct-Delay-Time grows, never given up. */
START_TEST(backoff)
{
	static const int64_t waits[] = { 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000, 60000 };
	uint64_t before;

	add(RADIUS_ACCT_STOP, "A");
	ck_assert_uint_eq(exchanges[0].delay, 0);
	for (unsigned i = 0; i < sizeof waits / sizeof waits[0]; i++) {
		skip_ms(30000);
		answer(0, -ETIMEDOUT);
		before = sends;
		skip_ms(waits[i] * 89 / 100);
		ck_assert_uint_eq(sends, before);
		skip_ms(waits[i] * 22 / 100);
		ck_assert_uint_eq(sends, before + 1);
		ck_assert_uint_eq(exchanges[0].delay, time(NULL) - WALL_START);
	}
	ck_assert_int_eq(view().oldest_s, time(NULL) - WALL_START);
	ck_assert_uint_eq(view().retried, 9);
	serve();
	ck_assert_uint_eq(view().waiting, 0);
	ck_assert_int_eq(view().oldest_s, 0);
}
END_TEST

/* RAD-64: encoded anew for the next server, it says how old it is then. */
START_TEST(delay_of_each_server)
{
	add(RADIUS_ACCT_STOP, "A");
	skip_ms(12000);
	exchange_encode(&exchanges[0]);
	ck_assert_uint_eq(exchanges[0].delay, 12);
	wall_offset = -1000; /* set back */
	exchange_encode(&exchanges[0]);
	ck_assert_uint_eq(exchanges[0].delay, 0);
	serve();
}
END_TEST

/* The client has no room for a while; or there is no server before a reload (RAD-108). */
START_TEST(no_room_no_server)
{
	no_room = true;
	add(RADIUS_ACCT_STOP, "A");
	skip_ms(500);
	no_room = false;
	ck_assert_uint_eq(nexchanges, 0);
	skip_ms(600);
	ck_assert_uint_eq(nexchanges, 1);
	serve();
	no_server = true;
	add(RADIUS_ACCT_STOP, "B");
	skip_ms(100000);
	ck_assert_uint_eq(nexchanges, 0);
	no_server = false;
	acct_configure(accounting, &conf, &nas);
	ck_assert_uint_eq(nexchanges, 1);
	serve();
	ck_assert_uint_eq(view().waiting, 0);
}
END_TEST

START_TEST(too_big)
{
	struct radius_answer a = { .error = -EINVAL, .server = "" };
	struct exchange e;

	add(RADIUS_ACCT_STOP, "A");
	e = exchanges[0];
	exchange_remove(0);
	e.job.done(e.job.ctx, &a);
	ck_assert_uint_eq(view().dropped_stops, 1);
	ck_assert_uint_eq(view().waiting, 0);
}
END_TEST

/* --- no server answers --- */

static void add_many(unsigned n)
{
	char id[RADIUS_SESSION_ID];

	for (unsigned i = 0; i < n; i++) {
		snprintf(id, sizeof id, "S%u", i);
		add(RADIUS_ACCT_STOP, id);
	}
}

static void outage(unsigned hours)
{
	uint64_t before;

	silence();
	ck_assert(accounting->down);
	before = sends;
	for (int64_t s = 0; s < hours * 3600; s += 10) {
		skip_ms(10000);
		ck_assert_uint_le(nexchanges, 1);
		silence();
	}
	/* One probe a minute or so, whatever waits. */
	ck_assert_uint_le(sends - before, hours * 70 + 10);
	ck_assert_uint_ge(sends - before, hours * 40);
}

/* RAD-65; the rival's leak: 10^4 Stops through a long outage, and then nothing is left of it. */
START_TEST(long_outage)
{
	enum { STOPS = 10000 };
	unsigned fds = open_fds();
	size_t memory;
	struct acct_view v;

	add_many(10);
	serve();
	memory = mallinfo2().uordblks + mallinfo2().hblkhd;
	ntaken = 0;
	add_many(STOPS);
	outage(3);
	ck_assert_uint_eq(view().waiting, STOPS);
	ck_assert_uint_lt(view().octets, 1);
	skip_ms(70000);
	serve();
	ck_assert_uint_eq(ntaken, STOPS);
	for (unsigned i = 0; i < STOPS; i++)
		ck_assert_uint_ge(taken[i].delay, 3 * 3600);
	v = view();
	ck_assert_uint_eq(v.waiting, 0);
	ck_assert_uint_eq(v.dropped_stops + v.dropped_interims + v.dropped_others, 0);
	ck_assert_uint_eq(v.acknowledged, STOPS + 10);
	ck_assert_uint_eq(open_fds(), fds);
	ck_assert_uint_eq(accounting->octets, 0);
	ck_assert_uint_eq(accounting->queues.count, 0);
	/* But for the table's buckets. */
	ck_assert_uint_le(mallinfo2().uordblks + mallinfo2().hblkhd, memory + 300000);
	skipped_ms = 0; /* Check counts a test's time, and not so far */
}
END_TEST

/* Each probe is another record: one that the server does not like does not prolong an outage. */
START_TEST(probes_take_turns)
{
	char first[RADIUS_SESSION_ID];

	add_many(3);
	silence();
	skip_ms(2500);
	ck_assert_uint_eq(nexchanges, 1);
	memcpy(first, exchanges[0].session, sizeof first);
	silence();
	skip_ms(4500);
	ck_assert_uint_eq(nexchanges, 1);
	ck_assert_str_ne(exchanges[0].session, first);
	answer(0, 0);
	ck_assert_uint_eq(nexchanges, 2); /* open again */
	serve();
	ck_assert_uint_eq(ntaken, 3);
}
END_TEST

/* --- On and Off --- */

static unsigned stopped;

static void on_stopped(void *ctx)
{
	ck_assert_ptr_eq(ctx, &stopped);
	stopped++;
}

static void on_off_up(void)
{
	acct_down();
	conf.acct.on_off = true;
	acct_up(false);
}

/* RAD-66: On is taken before anything else goes, Off when nothing else waits. */
START_TEST(on_first_off_last)
{
	on_off_up();
	add(RADIUS_ACCT_START, "A");
	add(RADIUS_ACCT_START, "B");
	ck_assert_uint_eq(nexchanges, 1);
	ck_assert_uint_eq(exchanges[0].status, RADIUS_ACCT_ON);
	ck_assert_uint_eq(strlen(exchanges[0].session), 16);
	answer(0, -ETIMEDOUT);
	skip_ms(2300);
	ck_assert_uint_eq(nexchanges, 1);
	ck_assert_uint_eq(exchanges[0].status, RADIUS_ACCT_ON);
	answer(0, 0);
	ck_assert_uint_eq(nexchanges, 2);
	acct_stop(accounting, 5000, on_stopped, &stopped);
	add(RADIUS_ACCT_STOP, "A");
	add(RADIUS_ACCT_STOP, "B");
	while (ntaken < 5) {
		for (size_t i = 0; i < nexchanges; i++)
			ck_assert_uint_ne(exchanges[i].status, RADIUS_ACCT_OFF);
		ck_assert_uint_eq(stopped, 0);
		answer(0, 0);
	}
	ck_assert_uint_eq(nexchanges, 1);
	ck_assert_uint_eq(exchanges[0].status, RADIUS_ACCT_OFF);
	answer(0, 0);
	ck_assert_uint_eq(stopped, 1);
	skip_ms(10000);
	ck_assert_uint_eq(stopped, 1);
}
END_TEST

/* Bounded, and tried at once whatever was waited for. */
START_TEST(stop_in_an_outage)
{
	on_off_up();
	serve();
	add_many(100);
	silence();
	silence(); /* what went before it was an outage */
	ck_assert_uint_eq(nexchanges, 0);
	acct_stop(accounting, 5000, on_stopped, &stopped);
	ck_assert_uint_eq(nexchanges, 1);
	skip_ms(4900);
	ck_assert_uint_eq(stopped, 0);
	skip_ms(200);
	ck_assert_uint_eq(stopped, 1);
	silence();
	ck_assert_uint_eq(view().waiting, 101);
}
END_TEST

START_TEST(stop_of_nothing)
{
	acct_stop(accounting, 5000, on_stopped, &stopped);
	ck_assert_uint_eq(stopped, 0); /* not from inside */
	skip_ms(1);
	ck_assert_uint_eq(stopped, 1);
}
END_TEST

static void on_stopped_free(void *ctx)
{
	(void)ctx;
	acct_free(accounting);
	accounting = NULL;
	stopped++;
}

START_TEST(freed_when_stopped)
{
	add(RADIUS_ACCT_STOP, "A");
	acct_stop(accounting, 5000, on_stopped_free, NULL);
	answer(0, 0);
	ck_assert_uint_eq(stopped, 1);
	ck_assert_uint_eq(nexchanges, 0);
}
END_TEST

/* A server that takes all but Accounting-On: found out by its Status-Server, others are not held up for ever. */
START_TEST(on_is_refused)
{
	unsigned s = 0;

	on_off_up();
	add(RADIUS_ACCT_STOP, "A");
	while (exchanges[0].status == RADIUS_ACCT_ON || !nexchanges) {
		server_state = RADIUS_SUSPECT;
		if (nexchanges)
			answer(0, -ETIMEDOUT);
		server_state = RADIUS_UP; /* it has answered between */
		skip_ms(1000);
		ck_assert_uint_lt(++s, 200);
	}
	expect(0, RADIUS_ACCT_STOP, "A");
	answer(0, 0);
	ck_assert_uint_eq(view().waiting, 0);
	ck_assert_uint_eq(view().dropped_others, 1);
	ck_assert_ptr_nonnull(strstr(last_warning, "Accounting-On"));
}
END_TEST

/* A server that is up since it was asked last may be silent by now. */
START_TEST(up_but_not_asked)
{
	on_off_up();
	add(RADIUS_ACCT_STOP, "A");
	server_state = RADIUS_UP;
	for (unsigned n = 0; n < 20; n++) {
		ck_assert_uint_eq(nexchanges, 1);
		ck_assert_uint_eq(exchanges[0].status, RADIUS_ACCT_ON);
		answer(0, -ETIMEDOUT);
		skip_ms(67000);
	}
}
END_TEST

/* The server is away when pacd starts: On is still the first that it gets. */
START_TEST(on_after_an_outage)
{
	on_off_up();
	add_many(50);
	for (unsigned s = 0; s < 1200; s += 10) {
		silence();
		skip_ms(10000);
		for (size_t i = 0; i < nexchanges; i++)
			ck_assert_uint_eq(exchanges[i].status, RADIUS_ACCT_ON);
	}
	skip_ms(70000);
	serve();
	ck_assert_uint_eq(ntaken, 51);
	ck_assert_uint_eq(taken[0].status, RADIUS_ACCT_ON);
}
END_TEST

/* --- reload --- */

/* RAD-61: a Start gets its Stop also when accounting is turned off between. */
START_TEST(disabled)
{
	add(RADIUS_ACCT_START, "A");
	conf.acct.enabled = false;
	acct_configure(accounting, &conf, &nas);
	ck_assert(!acct_enabled(accounting));
	ck_assert_uint_eq(nexchanges, 1); /* goes on */
	add(RADIUS_ACCT_START, "B");
	add(RADIUS_ACCT_STOP, "B");
	add(RADIUS_ACCT_INTERIM, "A");
	ck_assert_uint_eq(view().waiting, 1);
	add(RADIUS_ACCT_STOP, "A");
	add(RADIUS_ACCT_STOP, "A");
	ck_assert_uint_eq(view().waiting, 2);
	serve();
	expect_taken(1, RADIUS_ACCT_STOP, "A");
	ck_assert_uint_eq(ntaken, 2);
	conf.acct.enabled = conf.acct.on_off = true;
	acct_configure(accounting, &conf, &nas);
	acct_configure(accounting, &conf, &nas);
	ck_assert_uint_eq(nexchanges, 1);
	ck_assert_uint_eq(exchanges[0].status, RADIUS_ACCT_ON);
}
END_TEST

/* RAD-65: over the bound Interims go, the oldest first; Stops stay. */
START_TEST(bound)
{
	struct acct_view v;
	char id[RADIUS_SESSION_ID];

	conf.acct.spool_mb = 1;
	acct_configure(accounting, &conf, &nas);
	for (unsigned i = 0; i < 6000; i++) {
		snprintf(id, sizeof id, "I%u", i);
		add(RADIUS_ACCT_INTERIM, id);
	}
	ck_assert_uint_le(accounting->octets, 5 << 17);
	v = view();
	ck_assert_uint_gt(v.waiting, 2000);
	ck_assert_uint_gt(v.dropped_interims, 100);
	add_many(2000);
	ck_assert_uint_le(accounting->octets, 5 << 17);
	v = view();
	ck_assert_uint_eq(v.dropped_stops, 0);
	ck_assert_uint_eq(accounting->waiting[ACCT_STOPS], 2000);
	add_many(10000);
	v = view();
	ck_assert_uint_le(accounting->octets, 5 << 17);
	ck_assert_uint_gt(v.dropped_stops, 0);
	ck_assert_uint_lt(accounting->waiting[ACCT_INTERIMS], ACCT_WINDOW + 1); /* in flight */
	/* The first ones came first. */
	ntaken = 0;
	serve();
	ck_assert_uint_gt(ntaken, 2000);
	ck_assert_uint_le(warnings_logged, 20);
}
END_TEST

/* RAD-66: On ends sessions at the server: a reload does not send it while there are some. */
START_TEST(reload_turns_on_off_on)
{
	add(RADIUS_ACCT_START, "A");
	serve();
	conf.acct.on_off = true;
	acct_configure(accounting, &conf, &nas);
	ck_assert_uint_eq(nexchanges, 0);
	conf.acct.enabled = false;
	acct_configure(accounting, &conf, &nas);
	conf.acct.enabled = true;
	acct_configure(accounting, &conf, &nas);
	ck_assert_uint_eq(nexchanges, 0);
	conf.acct.enabled = false;
	acct_configure(accounting, &conf, &nas);
	add(RADIUS_ACCT_STOP, "A");
	conf.acct.enabled = true;
	acct_configure(accounting, &conf, &nas); /* its Stop waits: it is open there */
	ck_assert_uint_eq(nexchanges, 1);
	serve();
	ck_assert_uint_eq(ntaken, 2);
	acct_configure(accounting, &conf, &nas);
	ck_assert_uint_eq(nexchanges, 0);
	/* Off does not need an On. */
	acct_stop(accounting, 5000, on_stopped, &stopped);
	expect(0, RADIUS_ACCT_OFF, exchanges[0].session);
	answer(0, 0);
	ck_assert_uint_eq(stopped, 1);
}
END_TEST

/* RAD-04 */
START_TEST(session_ids)
{
	char a[RADIUS_SESSION_ID], b[RADIUS_SESSION_ID];

	acct_session_id(accounting, a);
	acct_session_id(accounting, b);
	ck_assert_uint_eq(strlen(a), 16);
	ck_assert_uint_eq(strspn(a, "0123456789ABCDEF"), 16);
	ck_assert_str_ne(a, b);
	ck_assert_uint_eq(strtoul((char[]){ a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], 0 }, NULL, 16), WALL_START);
}
END_TEST

#define CASE(suite, name, ...)                                                             \
	do {                                                                               \
		TCase *case_ = tcase_create(name);                                         \
		const TTest *const tests_[] = { __VA_ARGS__ };                             \
		tcase_add_checked_fixture(case_, setup, acct_teardown);                    \
		tcase_set_timeout(case_, 60);                                              \
		for (size_t i_ = 0; i_ < sizeof tests_ / sizeof tests_[0]; i_++)           \
			tcase_add_test(case_, tests_[i_]);                                 \
		suite_add_tcase(suite, case_);                                             \
	} while (0)

static Suite *acct_suite(void)
{
	Suite *s = suite_create("acct");

	CASE(s, "order", order, interims, interim_that_failed, tunnel, window);
	CASE(s, "retry", backoff, delay_of_each_server, no_room_no_server, too_big);
	CASE(s, "outage", long_outage, probes_take_turns);
	CASE(s, "on and off", on_first_off_last, stop_in_an_outage, stop_of_nothing, freed_when_stopped, on_is_refused,
	     up_but_not_asked, on_after_an_outage);
	CASE(s, "conf", disabled, bound, reload_turns_on_off_on, session_ids);
	return s;
}

UNIT_MAIN(acct_suite)
