/*
 * Address pools: never twice, sticky, exhausted, reserved, fixed, across reloads; and the bit set below them.
 */
#include "pacd/pool.h"
#include "pacd/pool_bits.h"
#include "test/unit/unit.h"

#include <errno.h>
#include <stdio.h>

static struct conf *conf_of(const char *pools)
{
	struct conf_errors errors;
	struct conf *c;
	char text[1024];

	snprintf(text, sizeof text, "ppp = { local = \"192.0.2.1\"; }; pools = ( %s );", pools);
	conf_errors_init(&errors);
	c = conf_parse("f", text, strlen(text), &errors);
	for (size_t i = 0; i < errors.n; i++)
		fprintf(stderr, "%s\n", errors.list[i]);
	ck_assert_ptr_nonnull(c);
	conf_errors_clear(&errors);
	return c;
}

/* Nothing of the snapshot is kept. */
static struct pools *pools_of(const char *text)
{
	struct conf *c = conf_of(text);
	struct pools *p = pools_new(c);

	ck_assert_ptr_nonnull(p);
	conf_free(c);
	return p;
}

static int reload(struct pools *p, const char *text)
{
	struct conf *c = conf_of(text);
	int r = pools_reload(p, c);

	conf_free(c);
	return r;
}

static uint32_t take(struct pools *p, const char *pool, const char *user)
{
	uint32_t addr = 0;

	ck_assert_int_eq(pools_take(p, pool, user, strlen(user), &addr), 0);
	return addr;
}

static struct pool_view view_of(const struct pools *p, size_t i)
{
	struct pool_view v;

	ck_assert(pools_view(p, i, &v));
	return v;
}

#define A "{ name = \"a\"; ranges = [ \"10.0.0.1-4\", \"10.0.1.8/30\" ]; }"
#define B "{ name = \"b\"; ranges = [ \"10.2.0.1-2\" ]; }"

START_TEST(test_all_once)
{
	static const uint32_t all[] = { 0x0a000001, 0x0a000002, 0x0a000003, 0x0a000004, 0x0a000109, 0x0a00010a };
	struct pools *p = pools_of(A ", " B);
	uint32_t addr, seen = 0;
	char user[8];

	for (int i = 0; i < 6; i++) {
		snprintf(user, sizeof user, "u%d", i);
		addr = take(p, NULL, user);
		for (int j = 0; j < 6; j++)
			if (addr == all[j])
				seen |= 1u << j;
	}
	ck_assert_uint_eq(seen, 0x3f);
	ck_assert_int_eq(pools_take(p, "a", "x", 1, &addr), -ENOSPC);
	ck_assert_int_eq(pools_take(p, NULL, "x", 1, &addr), -ENOSPC);
	ck_assert_uint_eq(view_of(p, 0).refused, 2);
	ck_assert_uint_eq(view_of(p, 0).used, 6);
	ck_assert_uint_eq(view_of(p, 0).size, 6);
	ck_assert_str_eq(view_of(p, 1).name, "b");
	ck_assert_uint_eq(take(p, "b", "x"), 0x0a020001);
	ck_assert_int_eq(pools_take(p, "c", "x", 1, &addr), -ENOENT);
	pools_put(p, 0x0a000109);
	ck_assert_uint_eq(take(p, "a", "x"), 0x0a000109);
	pools_free(p);
}
END_TEST

START_TEST(test_none)
{
	struct conf *c = conf_of(A);
	struct pool_view v;
	struct pools *p;
	uint32_t addr;

	p = pools_of("");
	ck_assert_int_eq(pools_take(p, NULL, "x", 1, &addr), -ENOENT);
	ck_assert(!pools_view(p, 0, &v));
	ck_assert_int_eq(pools_take_fixed(p, 0x0a000001), 0);
	pools_put(p, 0x0a000002); /* never leased */
	ck_assert_int_eq(pools_reload(p, c), 0);
	ck_assert_uint_eq(view_of(p, 0).used, 1);
	ck_assert_uint_eq(take(p, NULL, "x"), 0x0a000002);
	pools_free(p);
	pools_free(NULL);
	conf_free(c);
}
END_TEST

START_TEST(test_rests)
{
	struct pools *p = pools_of(A);

	ck_assert_uint_eq(take(p, NULL, "a"), 0x0a000001);
	pools_put(p, 0x0a000001);
	/* others go first, and the next round comes to it again */
	ck_assert_uint_eq(take(p, NULL, "b"), 0x0a000002);
	ck_assert_uint_eq(take(p, NULL, "c"), 0x0a000003);
	ck_assert_uint_eq(take(p, NULL, "d"), 0x0a000004);
	ck_assert_uint_eq(take(p, NULL, "e"), 0x0a000109);
	ck_assert_uint_eq(take(p, NULL, "f"), 0x0a00010a);
	ck_assert_uint_eq(take(p, NULL, "g"), 0x0a000001);
	pools_free(p);
}
END_TEST

START_TEST(test_sticky)
{
	struct pools *p = pools_of(A ", " B);
	uint32_t a = take(p, "a", "alice"), b = take(p, "a", "bob"), second;

	pools_put(p, a);
	pools_put(p, b);
	ck_assert_uint_eq(take(p, "a", "bob"), b);
	ck_assert_uint_eq(take(p, "a", "alice"), a);
	second = take(p, "a", "alice"); /* a second session: hers is taken */
	ck_assert_uint_ne(second, a);
	/* in each pool of its own */
	take(p, "b", "bob");
	ck_assert_uint_eq(take(p, "b", "alice"), 0x0a020002);
	pools_put(p, 0x0a020001);
	pools_put(p, 0x0a020002);
	ck_assert_uint_eq(take(p, "b", "alice"), 0x0a020002);
	pools_free(p);
}
END_TEST

START_TEST(test_reserved)
{
	struct pools *p = pools_of("{ name = \"a\"; ranges = [ \"10.0.0.1-9\" ];"
				   "reserved = [ \"10.0.0.8-200\", \"10.0.0.1\", \"10.0.0.1-3\", \"10.9.0.0/16\" ]; }");
	uint32_t addr;

	ck_assert_uint_eq(view_of(p, 0).reserved, 5);
	for (uint32_t i = 4; i <= 7; i++)
		ck_assert_uint_eq(take(p, NULL, i & 1 ? "x" : "y"), 0x0a000000 + i);
	ck_assert_int_eq(pools_take(p, NULL, "z", 1, &addr), -ENOSPC);
	/* a user may have one as a fixed address, and it is reserved again afterwards */
	ck_assert_int_eq(pools_take_fixed(p, 0x0a000002), 0);
	ck_assert_int_eq(pools_take_fixed(p, 0x0a000002), -EADDRINUSE);
	ck_assert_uint_eq(view_of(p, 0).used, 5);
	pools_put(p, 0x0a000002);
	ck_assert_int_eq(pools_take(p, NULL, "z", 1, &addr), -ENOSPC);
	ck_assert_uint_eq(view_of(p, 0).used, 4);
	pools_free(p);
}
END_TEST

START_TEST(test_fixed)
{
	struct pools *p = pools_of(B);
	uint32_t addr;

	ck_assert_int_eq(pools_take_fixed(p, 0x0a020001), 0);
	ck_assert_int_eq(pools_take_fixed(p, 0xc0000201), 0); /* in no pool */
	ck_assert_int_eq(pools_take_fixed(p, 0xc0000201), -EADDRINUSE);
	ck_assert_uint_eq(take(p, NULL, "x"), 0x0a020002);
	ck_assert_int_eq(pools_take_fixed(p, 0x0a020002), -EADDRINUSE);
	ck_assert_int_eq(pools_take(p, NULL, "y", 1, &addr), -ENOSPC);
	pools_put(p, 0x0a020001);
	pools_put(p, 0xc0000201);
	ck_assert_int_eq(pools_take_fixed(p, 0xc0000201), 0);
	ck_assert_uint_eq(take(p, NULL, "y"), 0x0a020001);
	pools_free(p);
}
END_TEST

/* Leases outlive their pool; what they hold is taken in the new pools as well. */
START_TEST(test_reload)
{
	struct pools *p = pools_of(A ", " B);
	uint32_t addr, alice = take(p, "a", "alice"), bob = take(p, "a", "bob");

	ck_assert_uint_eq(bob, 0x0a000002);
	ck_assert_int_eq(reload(p, B), 0); /* "a" is gone */
	ck_assert_int_eq(pools_take(p, "a", "x", 1, &addr), -ENOENT);
	ck_assert_uint_eq(view_of(p, 0).used, 0);
	pools_put(p, alice); /* of no pool any more */
	ck_assert_int_eq(reload(p, "{ name = \"c\"; ranges = [ \"10.0.0.2-3\" ]; }"), 0);
	ck_assert_uint_eq(view_of(p, 0).used, 1);
	ck_assert_uint_eq(take(p, "c", "x"), 0x0a000003);
	ck_assert_int_eq(pools_take(p, "c", "y", 1, &addr), -ENOSPC);
	pools_put(p, bob);
	ck_assert_uint_eq(take(p, "c", "y"), bob);
	pools_free(p);
}
END_TEST

START_TEST(test_reload_goes_on)
{
	struct pools *p = pools_of(A);
	uint32_t a = take(p, NULL, "alice"), addr;

	pools_put(p, a);
	ck_assert_int_eq(reload(p, A ", " B), 0);
	ck_assert_uint_eq(take(p, NULL, "bob"), a + 1); /* not what was just given back */
	ck_assert_uint_eq(take(p, NULL, "alice"), a);   /* users are still known */
	ck_assert_int_eq(reload(p, "{ name = \"a\"; ranges = [ \"10.0.0.1-2\" ]; }"), 0);
	ck_assert_int_eq(pools_take(p, NULL, "x", 1, &addr), -ENOSPC);
	ck_assert_uint_eq(view_of(p, 0).refused, 1);
	ck_assert_int_eq(reload(p, A), 0);
	ck_assert_uint_eq(view_of(p, 0).refused, 1);
	pools_free(p);
}
END_TEST

/* A /8: no address costs more than its bit, and the last free one is found as fast as the first. */
START_TEST(test_huge)
{
	struct pools *p = pools_of("{ name = \"a\"; ranges = [ \"10.0.0.0/8\" ];"
				   "reserved = [ \"10.0.0.0-10.255.255.240\" ]; }");
	uint32_t addr;

	ck_assert_uint_eq(view_of(p, 0).size, (1u << 24) - 2);
	for (uint32_t i = 0; i < 14; i++)
		ck_assert_uint_eq(take(p, NULL, i & 1 ? "x" : "y"), 0x0afffff1 + i);
	ck_assert_int_eq(pools_take(p, NULL, "x", 1, &addr), -ENOSPC);
	for (int i = 0; i < 1000000; i++) {
		pools_put(p, 0x0afffff7);
		ck_assert_int_eq(pools_take(p, NULL, "z", 1, &addr), 0);
	}
	ck_assert_uint_eq(addr, 0x0afffff7);
	pools_free(p);
}
END_TEST

/* More users than are remembered: the one that was not seen for longest is forgotten, and nothing grows. */
START_TEST(test_forgets)
{
	struct pools *p = pools_of("{ name = \"a\"; ranges = [ \"10.0.0.0/12\" ]; }");
	char user[16];

	for (uint32_t i = 0; i <= POOLS_REMEMBERED; i++) {
		snprintf(user, sizeof user, "u%u", i);
		ck_assert_uint_eq(take(p, NULL, user), 0x0a000001 + i);
		pools_put(p, 0x0a000001 + i);
	}
	ck_assert_uint_eq(take(p, NULL, "u65536"), 0x0a010001);
	ck_assert_uint_eq(take(p, NULL, "u1"), 0x0a000002);
	ck_assert_uint_ne(take(p, NULL, "u0"), 0x0a000001);
	pools_free(p);
}
END_TEST

/* Random work against a plain array: never twice, never lost. */
START_TEST(test_model)
{
	struct pools *p = pools_of("{ name = \"a\"; ranges = [ \"10.0.0.1-70\", \"10.0.2.0-130\" ];"
				   "reserved = [ \"10.0.2.64-99\" ]; }");
	bool leased[1024] = { false };
	unsigned seed = 7, used = 0;

	for (int i = 0; i < 200000; i++) {
		uint32_t addr;
		int r;

		seed = seed * 1103515245 + 12345;
		switch (seed >> 16 & 3) {
		case 0:
		case 1:
			r = pools_take(p, NULL, &seed, 2, &addr);
			ck_assert_int_eq(r, used >= 165 && r ? -ENOSPC : 0);
			break;
		case 2:
			addr = 0x0a000000 + (seed >> 20 & 1023);
			r = pools_take_fixed(p, addr);
			ck_assert_int_eq(r, leased[addr & 1023] ? -EADDRINUSE : 0);
			break;
		default:
			addr = 0x0a000000 + (seed >> 20 & 1023);
			pools_put(p, addr);
			used -= leased[addr & 1023];
			leased[addr & 1023] = false;
			r = 1;
		}
		if (r)
			continue;
		ck_assert(!leased[addr & 1023]);
		leased[addr & 1023] = true;
		used++;
	}
	pools_free(p);
}
END_TEST

START_TEST(test_bits)
{
	static const uint32_t sizes[] = { 0, 1, 63, 64, 65, 128, 4095, 4096, 4097, 6400, 262143, 262144, 262145, 286720,
					  POOL_BITS_MAX };
	struct pool_bits b;

	ck_assert_int_eq(pool_bits_init(&b, POOL_BITS_MAX + 1), -EINVAL);
	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		uint32_t n = sizes[s];

		ck_assert_int_eq(pool_bits_init(&b, n), 0);
		ck_assert_uint_eq(pool_bits_next_free(&b, 0), 0);
		ck_assert_uint_eq(pool_bits_next_free(&b, n), n);
		for (uint32_t i = 0; i < n; i++)
			pool_bits_add(&b, i);
		ck_assert_uint_eq(pool_bits_next_free(&b, 0), n);
		for (uint32_t i = n; i-- > 0; i -= i > 70 ? i / 3 : 0) {
			pool_bits_remove(&b, i);
			ck_assert(!pool_bits_has(&b, i));
			ck_assert_uint_eq(pool_bits_next_free(&b, 0), i);
			ck_assert_uint_eq(pool_bits_next_free(&b, i), i);
			ck_assert_uint_eq(pool_bits_next_free(&b, i + 1), n);
			pool_bits_add(&b, i);
			ck_assert_uint_eq(pool_bits_next_free(&b, 0), n);
		}
		pool_bits_clear(&b);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("pool");

	UNIT_CASE(s, "leases", test_all_once, test_none, test_rests, test_sticky, test_reserved, test_fixed,
		  test_model);
	UNIT_CASE(s, "reload", test_reload, test_reload_goes_on);
	UNIT_CASE(s, "size", test_huge, test_forgets, test_bits);
	return s;
}

UNIT_MAIN(suite)
