/*
 * Accounting's spool (RAD-04, RAD-61, RAD-65, RAD-66, RAD-73, RAD-108): what a restart, a kill, a cut or damaged file
 * leave of the records; a full or broken disk is in test_spool_disk.c.
 */
#include "test/unit/unit_acct.h"

#include "pacd/aaa/spool_internal.h"

#include <signal.h>
#include <sys/wait.h>

static void up(void)
{
	acct_up(true);
	ck_assert(view().on_disk);
}

/* As after a kill: nobody answered, nothing is said. */
static void again(void)
{
	acct_down();
	ntaken = 0;
	up();
}

static unsigned count(uint8_t status, const char *session)
{
	unsigned n = 0;

	for (size_t i = 0; i < ntaken; i++)
		n += taken[i].status == status && strcmp(taken[i].session, session) == 0;
	return n;
}

static void add_many(uint8_t status, const char *prefix, unsigned from, unsigned to)
{
	char id[RADIUS_SESSION_ID];

	for (unsigned i = from; i < to; i++) {
		snprintf(id, sizeof id, "%s%u", prefix, i);
		add(status, id);
	}
}

/* --- restarts --- */

/* RAD-65: what nobody took goes again, in order, with the delay since its event; what was taken does not. */
START_TEST(restart)
{
	up();
	add(RADIUS_ACCT_START, "A");
	add(RADIUS_ACCT_INTERIM, "A");
	add(RADIUS_ACCT_STOP, "A");
	add(RADIUS_ACCT_START, "B");
	add(RADIUS_ACCT_STOP, "B");
	answer(0, 0); /* A's Start */
	again();
	skip_ms(50000);
	ck_assert_uint_eq(view().recovered, 4);
	ck_assert_uint_eq(view().waiting, 4);
	ck_assert_int_ge(view().oldest_s, 50);
	ck_assert_uint_eq(nexchanges, 2);
	serve();
	ck_assert_uint_eq(ntaken, 4);
	ck_assert_uint_eq(taken[0].status, RADIUS_ACCT_INTERIM);
	ck_assert_uint_ge(taken[3].delay, 0);
	ck_assert_uint_eq(count(RADIUS_ACCT_STOP, "A"), 1);
	ck_assert_uint_eq(count(RADIUS_ACCT_START, "B"), 1);
	ck_assert_uint_eq(count(RADIUS_ACCT_STOP, "B"), 1);
	again();
	ck_assert_uint_eq(view().recovered, 0);
	acct_down();
	/* Nothing is left, no file either. */
	ck_assert_uint_eq(files_like("spool-").n, 0);
}
END_TEST

/* RAD-61, RAD-73: sessions that were open get a Stop, once, with what was known last; cause 11. */
START_TEST(open_sessions)
{
	up();
	add_in("T", RADIUS_ACCT_TUNNEL_START, "T");
	add_in("T", RADIUS_ACCT_LINK_START, "A");
	add_in("T", RADIUS_ACCT_START, "A");
	add(RADIUS_ACCT_START, "B");
	add(RADIUS_ACCT_STOP, "B");
	serve();
	skip_ms(40000);
	note("A", 40);
	note("B", 40); /* is over */
	note("C", 40); /* never was */
	skip_ms(2000);
	again();
	ck_assert_uint_eq(view().recovered, 3);
	skip_ms(10000);
	exchange_encode(&exchanges[0]);
	ck_assert_uint_ge(exchanges[0].delay, 12); /* since the last that was known */
	ck_assert_uint_lt(exchanges[0].delay, 20);
	ck_assert_ptr_nonnull(memmem(exchanges[0].data, exchanges[0].len, "\x2e\6\0\0\0\x28", 6));
	serve();
	ck_assert_uint_eq(ntaken, 3);
	ck_assert_uint_eq(taken[0].status, RADIUS_ACCT_STOP);
	ck_assert_str_eq(taken[0].session, "A");
	ck_assert_uint_eq(taken[1].status, RADIUS_ACCT_LINK_STOP);
	ck_assert_str_eq(taken[1].session, "A");
	ck_assert_uint_eq(taken[2].status, RADIUS_ACCT_TUNNEL_STOP);
	ck_assert_str_eq(taken[2].session, "T");
	for (size_t i = 0; i < 3; i++)
		ck_assert_uint_eq(taken[i].cause, RADIUS_CAUSE_NAS_REBOOT);
	again();
	ck_assert_uint_eq(view().recovered, 0);
}
END_TEST

/* A Stop made at one start, and not taken: the next start does not make another. */
START_TEST(closed_once)
{
	up();
	add(RADIUS_ACCT_START, "A");
	serve();
	again();
	again();
	again();
	ck_assert_uint_eq(view().recovered, 1);
	serve();
	ck_assert_uint_eq(count(RADIUS_ACCT_STOP, "A"), 1);
}
END_TEST

/* RAD-66: what is recovered, then On, then the new; an old On or Off is not sent again. */
START_TEST(on_after_the_recovered)
{
	conf.acct.on_off = true;
	up();
	add(RADIUS_ACCT_START, "A");
	again();
	add(RADIUS_ACCT_START, "B");
	ck_assert_uint_eq(nexchanges, 1);
	serve();
	ck_assert_uint_eq(ntaken, 4);
	ck_assert_uint_eq(taken[0].status, RADIUS_ACCT_START);
	ck_assert_uint_eq(taken[1].status, RADIUS_ACCT_STOP);
	ck_assert_uint_eq(taken[2].status, RADIUS_ACCT_ON);
	ck_assert_str_eq(taken[3].session, "B");
}
END_TEST

/* RAD-61, RAD-66: recovered records that the server does not take, and those behind them, don't hold up On for ever. */
START_TEST(on_after_the_refused)
{
	unsigned s = 0;

	conf.acct.on_off = true;
	up();
	serve();
	add_in("T", RADIUS_ACCT_START, "A");
	add_in("T", RADIUS_ACCT_STOP, "A");
	add_in("T", RADIUS_ACCT_LINK_STOP, "A");
	add(RADIUS_ACCT_STOP, "B");
	answer(0, 0); /* A's Start */
	again();
	add(RADIUS_ACCT_START, "C");
	for (; !count(RADIUS_ACCT_START, "C"); s++) {
		for (size_t i = 0; i < nexchanges;)
			if (exchanges[i].status == RADIUS_ACCT_STOP && strcmp(exchanges[i].session, "A") == 0)
				i++;
			else
				answer(i, 0);
		silence();
		skip_ms(1000);
		ck_assert_uint_lt(s, 200);
	}
	ck_assert_uint_eq(view().waiting, 2);
}
END_TEST

static void on_disk_and_killed(void)
{
	add_many(RADIUS_ACCT_STOP, "S", 0, 500);
	add(RADIUS_ACCT_START, "open");
	settle();
}

/* The files of before are all that there is of most of them: they must still be there. */
static void restarting_and_killed(void)
{
	add(RADIUS_ACCT_STOP, "new");
	while (spool_writer_state(accounting->spool->writer).busy ||
	       spool_writer_state(accounting->spool->writer).waiting)
		turns(1); /* no time goes by: nothing is copied yet */
}

static void killed_child(void (*run)(void))
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		loop = ev_loop_new(0);
		up();
		run();
		raise(SIGKILL);
	}
	waitpid(pid, &status, 0);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* RAD-108: SIGKILL between the sync and the answer; and in the middle of a start. */
START_TEST(killed)
{
	killed_child(on_disk_and_killed);
	killed_child(restarting_and_killed);
	up();
	ck_assert_uint_eq(view().recovered, 503);
	serve();
	ck_assert_uint_eq(ntaken, 503);
	ck_assert_uint_eq(count(RADIUS_ACCT_STOP, "S499"), 1);
	ck_assert_uint_eq(count(RADIUS_ACCT_START, "open"), 1);
	ck_assert_uint_eq(count(RADIUS_ACCT_STOP, "open"), 1);
	ck_assert_uint_eq(count(RADIUS_ACCT_STOP, "new"), 1);
}
END_TEST

/* --- files --- */

/* Adds A, B and C; the file's name and octets, and where the last one begins. */
static size_t three(uint8_t *data, size_t cap, char name[300], size_t *last)
{
	size_t len;

	up();
	add(RADIUS_ACCT_STOP, "A");
	add(RADIUS_ACCT_STOP, "B");
	settle();
	snprintf(name, 300, "%s", files_like("spool-").last);
	*last = file_get(name, data, cap);
	add(RADIUS_ACCT_STOP, "C");
	settle();
	len = file_get(name, data, cap);
	acct_down();
	while (files_like("spool-").n)
		unlink(in_folder(files_like("spool-").first));
	return len;
}

static unsigned recovered_from(const char *name, const void *data, size_t len)
{
	unsigned n;

	file_put(name, data, len);
	up();
	n = (unsigned)view().recovered;
	ntaken = 0;
	serve();
	ck_assert_uint_eq(ntaken, n);
	acct_down();
	ck_assert_uint_eq(files_like("spool-").n, 0);
	return n;
}

/* At every octet of the last record. */
START_TEST(truncated)
{
	static uint8_t data[4096];
	char name[300];
	size_t last, len = three(data, sizeof data, name, &last);

	ck_assert_uint_eq(recovered_from(name, data, len), 3);
	for (size_t n = last; n < len; n++) {
		warnings_logged = 0;
		ck_assert_uint_eq(recovered_from(name, data, n), 2);
		ck_assert_uint_eq(warnings_logged, n > last);
	}
}
END_TEST

START_TEST(flipped)
{
	static uint8_t data[4096];
	char name[300];
	size_t last, len = three(data, sizeof data, name, &last);

	for (size_t i = 0; i < len; i += 3) {
		data[i] ^= 0x10;
		ck_assert_uint_eq(recovered_from(name, data, len), 2);
		data[i] ^= 0x10;
	}
	ck_assert_ptr_nonnull(strstr(last_warning, "damaged_octets"));
}
END_TEST

/* RAD-61: a Stop ends its session's state, whether that was said on disk or not; taken, it ends all of the session. */
START_TEST(one_stop)
{
	static uint8_t data[4096];
	char name[300];
	size_t done, taken_start, len;

	up();
	add(RADIUS_ACCT_START, "A");
	add(RADIUS_ACCT_STOP, "A");
	skip_ms(1100);
	settle();
	snprintf(name, sizeof name, "%s", files_like("spool-").last);
	done = file_get(name, data, sizeof data) - SPOOL_RECORD_HEADER; /* of the state */
	serve();
	skip_ms(1100);
	settle();
	len = file_get(name, data, sizeof data);
	taken_start = done + SPOOL_RECORD_HEADER;
	ck_assert_uint_eq(len, taken_start + 2 * SPOOL_RECORD_HEADER);
	acct_down();
	ck_assert_uint_eq(recovered_from(name, data, done), 2);
	ck_assert_uint_eq(recovered_from(name, data, len), 0);
	data[done] ^= 1;
	ck_assert_uint_eq(recovered_from(name, data, len), 0);
	data[taken_start] ^= 1;
	ck_assert_uint_eq(recovered_from(name, data, len), 0);
}
END_TEST

/* Names that are not ours are left alone. */
START_TEST(foreign_files)
{
	file_put("spool-1", "x", 1);
	file_put("spool-99999999999", "x", 1);
	file_put("notes", "x", 1);
	up();
	add(RADIUS_ACCT_STOP, "A");
	serve();
	settle();
	acct_down();
	ck_assert_uint_eq(files_like("spool-1").n, 1);
	ck_assert_uint_eq(files_like("spool-99999999999").n, 1);
	ck_assert_uint_eq(files_like("notes").n, 1);
	ck_assert_uint_eq(files_like("spool-0").n, 0);
}
END_TEST

/* Old files go when nothing in them lives, and one long session does not keep them. */
START_TEST(compaction)
{
	uint64_t most = 0;
	char id[RADIUS_SESSION_ID];

	conf.acct.spool_mb = 2;
	up();
	add(RADIUS_ACCT_START, "long");
	serve();
	for (unsigned i = 0; i < 40000; i++) {
		snprintf(id, sizeof id, "S%u", i);
		add(RADIUS_ACCT_STOP, id);
		serve();
		ntaken = 0;
		if (i % 500 == 0) {
			settle();
			if (files_like("spool-").octets > most)
				most = files_like("spool-").octets;
		}
	}
	settle();
	ck_assert_uint_le(most, 2 << 20);
	ck_assert_uint_le(view().octets, 2 << 20);
	again();
	ck_assert_uint_eq(view().recovered, 1);
	serve();
	ck_assert_uint_eq(count(RADIUS_ACCT_STOP, "long"), 1);
}
END_TEST

/* RAD-65: the folder stays within its bound, whatever comes; Stops are the last to go. */
START_TEST(bound)
{
	enum { SESSIONS = 1000, ROUNDS = 20, STOPS = 480 };

	conf.acct.spool_mb = 1;
	up();
	no_server = true;
	for (unsigned n = 0; n < ROUNDS; n++) {
		add_many(RADIUS_ACCT_INTERIM, "I", 0, SESSIONS);
		add_many(RADIUS_ACCT_STOP, "S", n * STOPS, n * STOPS + STOPS);
		settle();
		ck_assert_uint_le(files_like("spool-").octets, 1 << 20);
	}
	ck_assert_uint_gt(view().dropped_interims, 500);
	ck_assert_uint_eq(view().dropped_stops, 0);
	again();
	/* And each Interim began a session that is open. */
	ck_assert_uint_eq(accounting->waiting[ACCT_STOPS], ROUNDS * STOPS + SESSIONS);
}
END_TEST

/* --- the folder --- */

START_TEST(lock)
{
	struct acct *first;

	up();
	first = accounting;
	errors_logged = 0;
	acct_up(true);
	ck_assert(!view().on_disk);
	ck_assert_uint_eq(errors_logged, 1);
	ck_assert_ptr_nonnull(strstr(last_error, "another pacd"));
	add(RADIUS_ACCT_STOP, "A");
	serve();
	ck_assert_uint_eq(ntaken, 1);
	acct_down();
	accounting = first;
	acct_down();
	up();
}
END_TEST

static unsigned long boot_of(void)
{
	char id[RADIUS_SESSION_ID];

	up();
	acct_session_id(accounting, id);
	acct_down();
	id[8] = 0;
	return strtoul(id, NULL, 16);
}

/* RAD-04: grows with each start, also with the clock set back, and with a file that is damaged. */
START_TEST(boot)
{
	unsigned long first = boot_of();

	ck_assert_uint_eq(first, (unsigned long)time(NULL));
	ck_assert_uint_eq(boot_of(), first + 1);
	wall_offset = -100000;
	ck_assert_uint_eq(boot_of(), first + 2);
	wall_offset = 100000;
	ck_assert_uint_eq(boot_of(), (unsigned long)time(NULL));
	file_put("boot", "f0000000\n", 9);
	ck_assert_uint_eq(boot_of(), 0xf0000001);
	file_put("boot", "f00", 3);
	ck_assert_uint_eq(boot_of(), (unsigned long)time(NULL));
	ck_assert_ptr_nonnull(strstr(last_warning, "boot"));
}
END_TEST

static void add_long_outage(void)
{
	no_server = true;
	add_many(RADIUS_ACCT_STOP, "S", 0, 10000);
	settle();
}

/* 10^4 Stops over a restart; descriptors return to what they were. */
START_TEST(many)
{
	unsigned fds;

	up();
	acct_down();
	fds = open_fds(); /* with the loop's own */
	up();
	add_long_outage();
	again();
	ck_assert_uint_eq(view().recovered, 10000);
	settle();
	no_server = false;
	acct_configure(accounting, &conf, &nas);
	serve();
	ck_assert_uint_eq(ntaken, 10000);
	ck_assert_uint_eq(accounting->octets, 0);
	acct_down();
	ck_assert_uint_eq(open_fds(), fds);
	ck_assert_uint_eq(files_like("spool-").n, 0);
}
END_TEST

#define CASE(suite, name, ...)                                                             \
	do {                                                                               \
		TCase *case_ = tcase_create(name);                                         \
		const TTest *const tests_[] = { __VA_ARGS__ };                             \
		tcase_add_checked_fixture(case_, acct_setup, acct_teardown);               \
		tcase_set_timeout(case_, 120);                                             \
		for (size_t i_ = 0; i_ < sizeof tests_ / sizeof tests_[0]; i_++)           \
			tcase_add_test(case_, tests_[i_]);                                 \
		suite_add_tcase(suite, case_);                                             \
	} while (0)

static Suite *spool_suite(void)
{
	Suite *s = suite_create("spool");

	CASE(s, "restart", restart, open_sessions, closed_once, on_after_the_recovered, on_after_the_refused, killed, many);
	CASE(s, "files", truncated, flipped, one_stop, foreign_files, compaction, bound);
	CASE(s, "folder", lock, boot);
	return s;
}

UNIT_MAIN(spool_suite)
