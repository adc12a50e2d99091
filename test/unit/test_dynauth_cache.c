/*
 * The duplicate cache of the dynamic authorization server (RAD-82).
 */
#include "pacd/proto/dynauth_cache.h"

#include "test/unit/unit.h"

#define WINDOW 300

static struct dynauth_cache cache;
static const struct mono start = { 1000000000 };

static void setup(void)
{
	memset(&cache, 0, sizeof cache);
}

/* `n` makes authenticators that differ. */
static struct dynauth_cache_key key(uint16_t port, uint8_t id, unsigned n, bool dated)
{
	static uint8_t authenticator[RADIUS_AUTHENTICATOR];

	memset(authenticator, 0, sizeof authenticator);
	memcpy(authenticator + 12, &n, sizeof n);
	return (struct dynauth_cache_key){ port, id, authenticator, dated };
}

static bool add(struct dynauth_cache_key k, enum dynauth_cause cause, struct mono now)
{
	return dynauth_cache_add(&cache, &k, cause, now, WINDOW);
}

static enum dynauth_cache_state find(struct dynauth_cache_key k, struct mono now, enum dynauth_cause *cause)
{
	*cause = DYNAUTH_PROHIBITED;
	return dynauth_cache_find(&cache, &k, now, cause);
}

START_TEST(repeated)
{
	enum dynauth_cause cause;

	ck_assert_int_eq(find(key(5000, 1, 1, false), start, &cause), DYNAUTH_CACHE_NEW);
	ck_assert(add(key(5000, 1, 1, false), DYNAUTH_NOT_FOUND, start));
	ck_assert_int_eq(find(key(5000, 1, 1, false), start, &cause), DYNAUTH_CACHE_REPEATED);
	ck_assert_uint_eq(cause, DYNAUTH_NOT_FOUND);
}
END_TEST

/* Source port, id and authenticator: each tells requests apart that have no timestamp. */
START_TEST(differences)
{
	enum dynauth_cause cause;

	add(key(5000, 1, 1, false), DYNAUTH_OK, start);
	ck_assert_int_eq(find(key(5001, 1, 1, false), start, &cause), DYNAUTH_CACHE_NEW);
	ck_assert_int_eq(find(key(5000, 2, 1, false), start, &cause), DYNAUTH_CACHE_NEW);
	ck_assert_int_eq(find(key(5000, 1, 2, false), start, &cause), DYNAUTH_CACHE_NEW);
}
END_TEST

/* A new authenticator with the id does not make the old request new again. */
START_TEST(older_one)
{
	enum dynauth_cause cause;

	add(key(5000, 1, 1, false), DYNAUTH_NOT_FOUND, start);
	add(key(5000, 1, 2, false), DYNAUTH_OK, start);
	ck_assert_int_eq(find(key(5000, 1, 1, false), start, &cause), DYNAUTH_CACHE_REPEATED);
	ck_assert_uint_eq(cause, DYNAUTH_NOT_FOUND);
	ck_assert_int_eq(find(key(5000, 1, 2, false), start, &cause), DYNAUTH_CACHE_REPEATED);
	ck_assert_uint_eq(cause, DYNAUTH_OK);
}
END_TEST

/* With a timestamp a forged port is of no use. */
START_TEST(dated)
{
	enum dynauth_cause cause;

	add(key(5000, 1, 1, true), DYNAUTH_OK, start);
	ck_assert_int_eq(find(key(5001, 1, 1, true), start, &cause), DYNAUTH_CACHE_REPEATED);
	ck_assert_int_eq(find(key(5001, 1, 2, true), start, &cause), DYNAUTH_CACHE_NEW);
}
END_TEST

START_TEST(expiry)
{
	struct mono last = mono_add_us(mono_add_s(start, WINDOW), -1);
	struct dynauth_cache_key k = key(5000, 1, 1, false);
	enum dynauth_cause cause;

	add(k, DYNAUTH_OK, start);
	ck_assert_int_eq(find(k, last, &cause), DYNAUTH_CACHE_REPEATED);
	ck_assert_int_eq(find(k, mono_add_us(last, 1), &cause), DYNAUTH_CACHE_NEW);
	/* No time at all is one second, not for ever. */
	setup();
	ck_assert(dynauth_cache_add(&cache, &k, DYNAUTH_OK, start, 0));
	ck_assert_int_eq(find(k, start, &cause), DYNAUTH_CACHE_REPEATED);
	ck_assert_int_eq(find(k, mono_add_s(start, 1), &cause), DYNAUTH_CACHE_NEW);
}
END_TEST

/* 256 are live: the next one has no room, repetitions are known, and what runs out makes room. */
START_TEST(bound)
{
	struct mono later = mono_add_s(start, 10);
	enum dynauth_cause cause;

	for (unsigned i = 0; i < DYNAUTH_CACHE_MAX; i++) {
		ck_assert_int_eq(find(key(5000, (uint8_t)i, i, false), start, &cause), DYNAUTH_CACHE_NEW);
		ck_assert(add(key(5000, (uint8_t)i, i, false), DYNAUTH_OK, i ? later : start));
	}
	ck_assert_int_eq(find(key(5001, 0, 256, false), later, &cause), DYNAUTH_CACHE_FULL);
	ck_assert(!add(key(5001, 0, 256, false), DYNAUTH_OK, later));
	ck_assert_int_eq(find(key(5000, 255, 255, false), later, &cause), DYNAUTH_CACHE_REPEATED);
	later = mono_add_s(start, WINDOW);
	ck_assert_int_eq(find(key(5001, 0, 256, false), later, &cause), DYNAUTH_CACHE_NEW);
	ck_assert(add(key(5001, 0, 256, false), DYNAUTH_OK, later));
	ck_assert_int_eq(find(key(5001, 1, 257, false), later, &cause), DYNAUTH_CACHE_FULL);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("dynauth_cache");
	TCase *tc = tcase_create("cache");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, repeated);
	tcase_add_test(tc, differences);
	tcase_add_test(tc, older_one);
	tcase_add_test(tc, dated);
	tcase_add_test(tc, expiry);
	tcase_add_test(tc, bound);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
