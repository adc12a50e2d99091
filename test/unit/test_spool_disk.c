/*
 * Accounting's spool on a disk that is full, or breaks (RAD-65): records go on in memory, what was on disk stays there,
 * and all is written anew once that works again.
 */
#include "test/unit/unit_acct.h"

#include <pthread.h>

static bool sync_fails;
static unsigned syncs;

/* In the C library's place: a disk that breaks. */
int fdatasync(int fd)
{
	__atomic_add_fetch(&syncs, 1, __ATOMIC_RELAXED);
	if (__atomic_load_n(&sync_fails, __ATOMIC_RELAXED)) {
		errno = EIO;
		return -1;
	}
	return fsync(fd);
}

static bool limited;
static size_t room; /* octets on the disk */
static pthread_t loop_thread;

/* Likewise, for the spool's files: a disk that is full, in the middle of an entry or not. */
ssize_t write(int fd, const void *data, size_t len)
{
	size_t most = __atomic_load_n(&room, __ATOMIC_RELAXED);
	struct stat st;

	if (!__atomic_load_n(&limited, __ATOMIC_RELAXED) || pthread_equal(pthread_self(), loop_thread) ||
	    fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return syscall(SYS_write, fd, data, len);
	if (!most) {
		errno = ENOSPC;
		return -1;
	}
	len = len < most ? len : most;
	__atomic_store_n(&room, most - len, __ATOMIC_RELAXED);
	return syscall(SYS_write, fd, data, len);
}

static void up(void)
{
	loop_thread = pthread_self();
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

static void goes_on_in_memory(void)
{
	WAIT_FOR(view().disk_errors > 0);
	ck_assert_uint_eq(errors_logged, 1);
	ck_assert_ptr_nonnull(strstr(last_error, "hint="));
	add(RADIUS_ACCT_STOP, "C");
	serve(); /* goes on */
	ck_assert_uint_eq(count(RADIUS_ACCT_STOP, "C"), 1);
	add(RADIUS_ACCT_STOP, "E");
	skip_ms(6000);
	WAIT_FOR(view().disk_errors > 1);
	ck_assert_uint_eq(errors_logged, 1);
	serve();
}

static void all_on_disk(void)
{
	skip_ms(20000);
	settle();
	again();
	ck_assert_uint_eq(accounting->waiting[ACCT_STOPS], 102);
}

START_TEST(full)
{
	up();
	add(RADIUS_ACCT_STOP, "B");
	settle();
	__atomic_store_n(&room, 1000, __ATOMIC_RELAXED);
	__atomic_store_n(&limited, true, __ATOMIC_RELAXED);
	add_many(RADIUS_ACCT_STOP, "M", 0, 100);
	WAIT_FOR(view().disk_errors > 0);
	ck_assert_ptr_nonnull(strstr(last_error, "make room"));
	skip_ms(6000);
	WAIT_FOR(view().disk_errors > 1);
	ck_assert_uint_eq(errors_logged, 1);
	/* What was cut is not left at a file's end. */
	again();
	ck_assert_uint_eq(warnings_logged, 0);
	ck_assert_uint_ge(view().waiting, 1);
	ck_assert_uint_lt(view().waiting, 30);
	add_many(RADIUS_ACCT_STOP, "N", (unsigned)view().waiting, 101);
	WAIT_FOR(view().disk_errors > 0);
	__atomic_store_n(&limited, false, __ATOMIC_RELAXED);
	add(RADIUS_ACCT_STOP, "D");
	all_on_disk();
}
END_TEST

static void fill_up(size_t octets)
{
	uint64_t errors = view().disk_errors;

	__atomic_store_n(&room, octets, __ATOMIC_RELAXED);
	__atomic_store_n(&limited, true, __ATOMIC_RELAXED);
	skip_ms(67000);
	WAIT_FOR(view().disk_errors > errors);
}

/* Each try begins where the first one did: the folder does not grow, whatever the operator frees. */
START_TEST(full_for_long)
{
	uint64_t before, octets;

	up();
	add_many(RADIUS_ACCT_STOP, "B", 0, 900);
	settle();
	before = files_like("spool-").octets;
	__atomic_store_n(&room, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&limited, true, __ATOMIC_RELAXED);
	add(RADIUS_ACCT_STOP, "M");
	WAIT_FOR(view().disk_errors > 0);
	for (unsigned n = 0; n < 12; n++) {
		fill_up(20000);
		octets = files_like("spool-").octets;
		ck_assert_uint_le(octets, before + 20000);
		ck_assert_uint_le(view().octets, 2 * before + 200);
	}
	/* What was there before is there still, each time. */
	again();
	ck_assert_uint_ge(view().recovered, 900);
	__atomic_store_n(&limited, false, __ATOMIC_RELAXED);
	skip_ms(67000);
	settle();
	ck_assert_uint_le(files_like("spool-").octets, before + 200);
	again();
	ck_assert_uint_ge(view().recovered, 900);
	serve();
	ck_assert_uint_eq(count(RADIUS_ACCT_STOP, "B899"), 1);
}
END_TEST

/* All is written anew, but the sync behind it fails; the next try comes only half as far. */
START_TEST(old_stays_until_the_new_is_whole)
{
	struct files f;

	up();
	add_many(RADIUS_ACCT_STOP, "B", 0, 900);
	settle();
	f = files_like("spool-");
	__atomic_store_n(&sync_fails, true, __ATOMIC_RELAXED);
	add(RADIUS_ACCT_STOP, "M");
	WAIT_FOR(view().disk_errors > 0);
	skip_ms(67000);
	WAIT_FOR(view().disk_errors > 1);
	__atomic_store_n(&sync_fails, false, __ATOMIC_RELAXED);
	fill_up(15000); /* more than one batch */
	ck_assert_str_eq(files_like("spool-").first, f.first);
	again();
	ck_assert_uint_ge(view().recovered, 900);
}
END_TEST

/* One failure is over, and then there is another: what was written between is not dropped with its copies. */
START_TEST(full_twice)
{
	up();
	add_many(RADIUS_ACCT_STOP, "B", 0, 899);
	settle();
	__atomic_store_n(&limited, true, __ATOMIC_RELAXED);
	add(RADIUS_ACCT_STOP, "M");
	fill_up(0);
	fill_up(20000);
	__atomic_store_n(&limited, false, __ATOMIC_RELAXED);
	skip_ms(67000);
	settle();
	add_many(RADIUS_ACCT_STOP, "C", 0, 10);
	settle();
	__atomic_store_n(&room, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&limited, true, __ATOMIC_RELAXED);
	add(RADIUS_ACCT_STOP, "D");
	fill_up(0);
	fill_up(1000);
	again();
	ck_assert_uint_ge(view().recovered, 910);
}
END_TEST

START_TEST(broken)
{
	up();
	add(RADIUS_ACCT_STOP, "B");
	settle();
	__atomic_store_n(&sync_fails, true, __ATOMIC_RELAXED);
	add_many(RADIUS_ACCT_STOP, "M", 0, 100);
	goes_on_in_memory();
	__atomic_store_n(&sync_fails, false, __ATOMIC_RELAXED);
	ck_assert_uint_eq(view().waiting, 0);
	add_many(RADIUS_ACCT_STOP, "N", 0, 101);
	add(RADIUS_ACCT_STOP, "D");
	all_on_disk();
	ck_assert_uint_eq(files_like("unread").n, 0);
}
END_TEST

/* Records that come together share a sync; the loop waits for none. */
START_TEST(syncs_are_shared)
{
	up();
	settle();
	__atomic_store_n(&syncs, 0, __ATOMIC_RELAXED);
	add_many(RADIUS_ACCT_STOP, "S", 0, 2000);
	settle();
	ck_assert_uint_lt(__atomic_load_n(&syncs, __ATOMIC_RELAXED), 1000);
	ck_assert_uint_ge(__atomic_load_n(&syncs, __ATOMIC_RELAXED), 1);
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

static Suite *spool_disk_suite(void)
{
	Suite *s = suite_create("spool_disk");

	CASE(s, "disk", full, full_for_long, old_stays_until_the_new_is_whole, full_twice, broken, syncs_are_shared);
	return s;
}

UNIT_MAIN(spool_disk_suite)
