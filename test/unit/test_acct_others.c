/*
 * Accounting: records that stand in the way of others (RAD-61, RAD-65, RAD-73): one that the server does not take while
 * it takes others, and those of tunnels, which strangers can make without end.
 */
#include "test/unit/unit_acct.h"

static void setup(void)
{
	acct_setup();
	acct_up(false);
}

static bool was_taken(uint8_t status, const char *session)
{
	for (size_t i = 0; i < ntaken; i++)
		if (taken[i].status == status && strcmp(taken[i].session, session) == 0)
			return true;
	return false;
}

/* --- a record that the server does not take, while it takes others --- */

static bool is_record(size_t i, uint8_t status, const char *session)
{
	return exchanges[i].status == status && strcmp(exchanges[i].session, session) == 0;
}

static bool in_flight(uint8_t status, const char *session)
{
	for (size_t i = 0; i < nexchanges; i++)
		if (is_record(i, status, session))
			return true;
	return false;
}

/* All that comes is taken but that record, which fails behind the others; then the longest wait. */
static void serve_but(uint8_t status, const char *session)
{
	for (size_t i = 0; i < nexchanges;)
		if (is_record(i, status, session))
			i++;
		else
			answer(i, 0);
	if (nexchanges)
		answer(0, -ETIMEDOUT);
	ck_assert_uint_eq(in_flight(status, session), 0);
	skip_ms(67000);
}

static void refuse(unsigned times, uint8_t status, const char *session)
{
	static unsigned others;
	char id[RADIUS_SESSION_ID];

	while (times--) {
		snprintf(id, sizeof id, "other%u", ++others);
		add(RADIUS_ACCT_STOP, id);
		serve_but(status, session);
	}
}

/* A record that the server does not like keeps no other one from it. */
START_TEST(poison)
{
	char id[RADIUS_SESSION_ID];

	add(RADIUS_ACCT_STOP, "bad");
	for (unsigned i = 0; i < 20; i++) {
		skip_ms(30000);
		if (nexchanges)
			answer(0, -ETIMEDOUT);
		ck_assert(!accounting->down);
		snprintf(id, sizeof id, "S%u", i);
		add(RADIUS_ACCT_STOP, id);
		ck_assert_str_eq(exchanges[nexchanges - 1].session, id);
		answer(nexchanges - 1, 0);
	}
	ck_assert_uint_eq(view().waiting, 1);
}
END_TEST

/* RAD-61: "acked or given up". */
START_TEST(refused_start)
{
	add(RADIUS_ACCT_START, "A");
	refuse(10, RADIUS_ACCT_START, "A");
	ck_assert_uint_eq(view().waiting, 1); /* nothing waits for it */
	ck_assert_uint_eq(view().dropped_others, 0);
	add(RADIUS_ACCT_INTERIM, "A");
	refuse(2, RADIUS_ACCT_START, "A");
	ck_assert(!was_taken(RADIUS_ACCT_INTERIM, "A"));
	add(RADIUS_ACCT_STOP, "A");
	refuse(2, RADIUS_ACCT_START, "A");
	ck_assert_uint_eq(view().waiting, 0);
	ck_assert_uint_eq(view().dropped_others, 1);
	ck_assert(was_taken(RADIUS_ACCT_INTERIM, "A"));
	ck_assert(was_taken(RADIUS_ACCT_STOP, "A"));
	ck_assert_ptr_nonnull(strstr(last_warning, "does not take it"));
	ck_assert_uint_eq(accounting->queues.count, 0);
}
END_TEST

START_TEST(refused_interim)
{
	add(RADIUS_ACCT_INTERIM, "A");
	add(RADIUS_ACCT_STOP, "A");
	refuse(3, RADIUS_ACCT_INTERIM, "A");
	ck_assert_uint_eq(view().waiting, 2);
	refuse(1, RADIUS_ACCT_INTERIM, "A");
	ck_assert_uint_eq(view().dropped_interims, 1);
	serve();
	ck_assert(was_taken(RADIUS_ACCT_STOP, "A"));
	ck_assert_uint_eq(view().waiting, 0);
}
END_TEST

/* A Stop never is; but it holds up its own session only, also where all of a connection go one after another. */
START_TEST(refused_stop_in_a_tunnel)
{
	add_in("T", RADIUS_ACCT_TUNNEL_START, "T");
	add_in("T", RADIUS_ACCT_LINK_START, "A");
	add_in("T", RADIUS_ACCT_START, "A");
	add_in("T", RADIUS_ACCT_LINK_START, "B");
	serve();
	add_in("T", RADIUS_ACCT_STOP, "A");
	add_in("T", RADIUS_ACCT_START, "B");
	refuse(3, RADIUS_ACCT_STOP, "A");
	ck_assert(!was_taken(RADIUS_ACCT_START, "B"));
	refuse(2, RADIUS_ACCT_STOP, "A");
	ck_assert(was_taken(RADIUS_ACCT_START, "B"));
	add_in("T", RADIUS_ACCT_LINK_STOP, "A");
	add_in("T", RADIUS_ACCT_STOP, "B");
	add_in("T", RADIUS_ACCT_LINK_STOP, "B");
	add_in("T", RADIUS_ACCT_TUNNEL_STOP, "T");
	refuse(20, RADIUS_ACCT_STOP, "A");
	ck_assert(was_taken(RADIUS_ACCT_STOP, "B"));
	ck_assert(was_taken(RADIUS_ACCT_TUNNEL_STOP, "T"));
	ck_assert(!was_taken(RADIUS_ACCT_LINK_STOP, "A")); /* its own */
	ck_assert_uint_eq(view().waiting, 2);
	serve();
	ck_assert(was_taken(RADIUS_ACCT_STOP, "A"));
	ck_assert(was_taken(RADIUS_ACCT_LINK_STOP, "A"));
	ck_assert_uint_eq(view().dropped_stops + view().dropped_others, 0);
	ck_assert_uint_eq(accounting->queues.count, 0);
}
END_TEST

/* The connection's own first record: all of its sessions are behind it. */
START_TEST(refused_tunnel_start)
{
	add_in("T", RADIUS_ACCT_TUNNEL_START, "T");
	add_in("T", RADIUS_ACCT_START, "A");
	refuse(5, RADIUS_ACCT_TUNNEL_START, "T");
	ck_assert(was_taken(RADIUS_ACCT_START, "A"));
	add_in("T", RADIUS_ACCT_INTERIM, "A");
	add_in("T", RADIUS_ACCT_STOP, "A");
	refuse(2, RADIUS_ACCT_TUNNEL_START, "T");
	ck_assert(was_taken(RADIUS_ACCT_STOP, "A"));
	add_in("T", RADIUS_ACCT_TUNNEL_STOP, "T");
	refuse(2, RADIUS_ACCT_TUNNEL_START, "T");
	ck_assert(was_taken(RADIUS_ACCT_TUNNEL_STOP, "T"));
	ck_assert_uint_eq(view().dropped_others, 1);
	ck_assert_uint_eq(view().waiting, 0);
}
END_TEST

/* RAD-63 for a session that is aside. */
START_TEST(refused_interims)
{
	add_in("T", RADIUS_ACCT_START, "A");
	refuse(6, RADIUS_ACCT_START, "A");
	for (unsigned n = 0; n < 5; n++)
		add_in("T", RADIUS_ACCT_INTERIM, "A");
	ck_assert_uint_eq(view().waiting, 2);
	serve();
	ck_assert_uint_eq(view().waiting, 0);
}
END_TEST

/* An outage is not the record's fault: nothing is given up, and the order stays. */
START_TEST(silent_for_long)
{
	static const uint8_t statuses[] = { RADIUS_ACCT_TUNNEL_START, RADIUS_ACCT_LINK_START, RADIUS_ACCT_START,
					    RADIUS_ACCT_INTERIM, RADIUS_ACCT_STOP, RADIUS_ACCT_LINK_STOP,
					    RADIUS_ACCT_TUNNEL_STOP };
	enum { N = sizeof statuses };

	refuse(1, RADIUS_ACCT_STOP, "taken before");
	ntaken = 0;
	for (unsigned i = 0; i < N; i++)
		add_in("T", statuses[i], i == 0 || i == N - 1 ? "T" : "A");
	for (unsigned n = 0; n < 100; n++) {
		silence();
		skip_ms(67000);
	}
	serve();
	ck_assert_uint_eq(ntaken, N);
	for (unsigned i = 0; i < N; i++) {
		ck_assert_uint_eq(taken[i].status, statuses[i]);
		ck_assert_str_eq(taken[i].session, i == 0 || i == N - 1 ? "T" : "A");
	}
	ck_assert_uint_eq(view().dropped_others + view().dropped_interims, 0);
	skipped_ms = 0; /* Check counts a test's time, and not so far */
}
END_TEST

/* --- strangers: connections that come and go, with acct.tunnel (RAD-65, RAD-70) --- */

static void strangers(unsigned n, bool stay)
{
	char id[RADIUS_SESSION_ID];

	for (unsigned i = 0; i < n; i++) {
		snprintf(id, sizeof id, "T%u", i);
		add_in(id, RADIUS_ACCT_TUNNEL_START, id);
		if (!stay)
			add_in(id, RADIUS_ACCT_TUNNEL_STOP, id);
		ck_assert_uint_le(accounting->tunnel_octets, 5 * 1024 * 1024 / 8 / 4);
	}
}

static void users(unsigned n)
{
	char id[RADIUS_SESSION_ID];

	for (unsigned i = 0; i < n; i++) {
		snprintf(id, sizeof id, "U%u", i);
		add(RADIUS_ACCT_START, id);
		add(RADIUS_ACCT_STOP, id);
	}
}

static void small_and_silent(void)
{
	conf.acct.spool_mb = 1;
	acct_configure(accounting, &conf, &nas);
	no_server = true;
}

static void users_after_strangers(bool stay)
{
	small_and_silent();
	for (unsigned i = 0; i < 100; i++)
		add(RADIUS_ACCT_INTERIM, (char[]){ 'I', (char)('0' + i / 10), (char)('0' + i % 10), 0 });
	strangers(20000, stay);
	users(100);
	ck_assert_uint_eq(view().dropped_stops, 0);
	ck_assert_uint_eq(view().dropped_interims, 0);
	ck_assert_uint_eq(accounting->waiting[ACCT_STOPS], 100);
	ck_assert_uint_eq(accounting->waiting[ACCT_OTHERS], 100);
	ck_assert_uint_gt(view().dropped_others, 10000);
	no_server = false;
	acct_configure(accounting, &conf, &nas);
	ntaken = 0;
	serve();
	ck_assert(was_taken(RADIUS_ACCT_STOP, "U0"));
	ck_assert(was_taken(RADIUS_ACCT_STOP, "U99"));
	ck_assert_uint_eq(view().waiting, 0);
}

START_TEST(strangers_come_and_go)
{
	users_after_strangers(false);
	ck_assert_uint_eq(accounting->tunnel_octets, 0);
}
END_TEST

START_TEST(strangers_stay)
{
	users_after_strangers(true);
	ck_assert_uint_gt(accounting->waiting[ACCT_STATES], 100);
}
END_TEST

/* What there is of them goes before anything of users. */
START_TEST(strangers_make_room)
{
	small_and_silent();
	strangers(1000, false);
	ck_assert_uint_gt(accounting->waiting[ACCT_TUNNELS], 500);
	users(12000);
	ck_assert_uint_gt(view().dropped_stops, 0);
	ck_assert_uint_eq(accounting->waiting[ACCT_TUNNELS], 0);
	/* And they get nothing then. */
	users(1);
	ck_assert_uint_gt(accounting->waiting[ACCT_STOPS], 4000);
	strangers(100, false);
	ck_assert_uint_gt(accounting->waiting[ACCT_STOPS], 4000);
	ck_assert_uint_le(accounting->octets, 5 << 17);
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

static Suite *acct_others_suite(void)
{
	Suite *s = suite_create("acct_others");

	CASE(s, "refused", poison, refused_start, refused_interim, refused_stop_in_a_tunnel, refused_tunnel_start,
	     refused_interims, silent_for_long);
	CASE(s, "strangers", strangers_come_and_go, strangers_stay, strangers_make_room);
	return s;
}

UNIT_MAIN(acct_others_suite)
