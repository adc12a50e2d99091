/*
 * Call ids (CALL-01, SEC-02) and what each peer has open (SEC-03).
 */
#include "pacd/net/callid.h"
#include "pacd/net/peers.h"

#include "test/unit/unit.h"

static struct callid_pool pool;
static struct mono now;
static uint32_t seed;

/* Good enough to shuffle, and the same in every run. */
static uint32_t random_next(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8 | seed << 24;
}

static void setup(void)
{
	now = (struct mono){ 1000000 };
	seed = 42;
	callid_init(&pool);
}

static uint16_t take(void)
{
	return callid_take(&pool, random_next(), now);
}

static void put(uint16_t id, int64_t seconds)
{
	callid_put(&pool, id, mono_add_s(now, seconds));
}

/* All 65,535 of them, each once, never 0, and no more. */
START_TEST(ids_are_unique)
{
	static uint8_t seen[65536];

	for (int i = 0; i < CALLID_COUNT; i++) {
		uint16_t id = take();

		if (!id || seen[id]++)
			ck_abort_msg("id %u", id);
	}
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(take(), 0);
	put(7, 30);
	ck_assert_uint_eq(take(), 7); /* rest or not: a call is never refused for it */
	ck_assert_uint_eq(take(), 0);
}
END_TEST

/* The random bits choose: no two pools go the same way, and neighbours are rare. */
START_TEST(ids_are_random)
{
	unsigned neighbours = 0;
	uint16_t last = 0;

	ck_assert_uint_ne(callid_take(&pool, 1, now), callid_take(&pool, 100, now));
	for (int i = 0; i < 1000; i++) {
		uint16_t id = take();

		neighbours += id == last + 1;
		last = id;
	}
	ck_assert_uint_le(neighbours, 5);
	ck_assert_uint_ne(callid_take(&pool, UINT32_MAX, now), 0);
}
END_TEST

/* Takes all that are fresh, but n. */
static void leave_fresh(unsigned n)
{
	while (pool.nfresh > n)
		take();
}

/* An id that was used rests for its time while others are there. */
START_TEST(ids_rest)
{
	uint16_t id = take();

	leave_fresh(1);
	put(id, 30);
	now = mono_add_s(now, 29);
	ck_assert_uint_ne(take(), id); /* the last fresh one */
	put(1000, 30);
	now = mono_add_s(now, 1);
	ck_assert_uint_eq(pool.nresting, 2);
	ck_assert_uint_eq(take(), id); /* rested out */
	ck_assert_uint_eq(pool.nresting, 1);
	ck_assert_uint_eq(take(), 1000); /* shortened: nothing else is left */
	ck_assert_uint_eq(take(), 0);
}
END_TEST

/* Where all rest, the one that has rested longest goes first, around the end of the ring as well. */
START_TEST(ids_rest_in_order)
{
	leave_fresh(0);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 30000; i++)
			put((uint16_t)(1 + (i * 7 + round) % 65535), 60);
		for (unsigned i = 0; i < 30000; i++)
			if (take() != 1 + (i * 7 + round) % 65535)
				ck_abort_msg("round %u, %u", round, i);
	}
	ck_assert_uint_eq(take(), 0);
}
END_TEST

/* 200,000 calls, up to 60,000 at once: no id twice at the same time, none lost. */
START_TEST(ids_in_use)
{
	static uint16_t used[60000];
	static bool busy[65536];
	unsigned n = 0;

	for (int i = 0; i < 200000; i++) {
		now = mono_add_us(now, 500);
		if (n < 60000 && (n == 0 || random_next() % 3)) {
			uint16_t id = take();

			if (!id || busy[id])
				ck_abort_msg("id %u", id);
			busy[id] = true;
			used[n++] = id;
		} else {
			unsigned at = random_next() % n;

			busy[used[at]] = false;
			put(used[at], 30);
			used[at] = used[--n];
		}
		if (pool.nfresh + pool.nresting + n != CALLID_COUNT)
			ck_abort_msg("%u + %u + %u", pool.nfresh, pool.nresting, n);
	}
}
END_TEST

/* --- peers --- */

START_TEST(peers_limits)
{
	struct peers p;

	peers_init(&p);
	ck_assert(peers_take(&p, 1, PEERS_CONNECTIONS, 2));
	ck_assert(peers_take(&p, 1, PEERS_CONNECTIONS, 2));
	ck_assert(!peers_take(&p, 1, PEERS_CONNECTIONS, 2));
	ck_assert_uint_eq(peers_count(&p, 1, PEERS_CONNECTIONS), 2);
	/* Another kind and another address have their own. */
	ck_assert(peers_take(&p, 1, PEERS_CALLS, 1));
	ck_assert(!peers_take(&p, 1, PEERS_CALLS, 1));
	ck_assert(peers_take(&p, 2, PEERS_CONNECTIONS, 1));
	peers_put(&p, 1, PEERS_CONNECTIONS);
	ck_assert(peers_take(&p, 1, PEERS_CONNECTIONS, 2));
	/* A limit that was lowered refuses until it holds again; 0 is none. */
	ck_assert(!peers_take(&p, 1, PEERS_CONNECTIONS, 1));
	for (int i = 0; i < 1000; i++)
		ck_assert(peers_take(&p, 1, PEERS_CONNECTIONS, 0));
	ck_assert_uint_eq(peers_count(&p, 1, PEERS_CONNECTIONS), 1002);
	peers_clear(&p);
	ck_assert_uint_eq(peers_count(&p, 1, PEERS_CONNECTIONS), 0);
}
END_TEST

/* SEC-10: a burst of some seconds' worth, then so many a second; each address has its own. */
START_TEST(peers_rates)
{
	struct peers p;
	unsigned n = 0;

	setup();
	peers_init(&p);
	ck_assert(peers_rate(&p, 1, 1, now)); /* not known: not limited here */
	ck_assert(peers_take(&p, 1, PEERS_CONNECTIONS, 0) && peers_take(&p, 2, PEERS_CONNECTIONS, 0));
	while (n < 1000 && peers_rate(&p, 1, 10, now))
		n++;
	ck_assert_uint_eq(n, 10 * PEERS_BURST_S);
	ck_assert(peers_rate(&p, 2, 10, now));
	ck_assert(peers_rate(&p, 1, 0, now));
	now = mono_add_ms(now, 99);
	ck_assert(!peers_rate(&p, 1, 10, now));
	now = mono_add_ms(now, 1);
	ck_assert(peers_rate(&p, 1, 10, now));
	ck_assert(!peers_rate(&p, 1, 10, now));
	now = mono_add_s(now, 86400);
	for (n = 0; n < 1000 && peers_rate(&p, 1, 10, now);)
		n++;
	ck_assert_uint_eq(n, 10 * PEERS_BURST_S);
	peers_clear(&p);
}
END_TEST

/* An address without anything open is not remembered, and what was not taken cannot be given back. */
START_TEST(peers_memory)
{
	struct peers p;

	peers_init(&p);
	peers_put(&p, 9, PEERS_CALLS);
	ck_assert_uint_eq(peers_count(&p, 9, PEERS_CALLS), 0);
	for (uint32_t addr = 0; addr < 5000; addr++) {
		ck_assert(peers_take(&p, addr, PEERS_CONNECTIONS, 1));
		ck_assert(peers_take(&p, addr, PEERS_CALLS, 1));
		peers_put(&p, addr, PEERS_CONNECTIONS);
		peers_put(&p, addr, PEERS_CONNECTIONS); /* one too many: the calls are not touched */
		ck_assert_uint_eq(peers_count(&p, addr, PEERS_CALLS), 1);
	}
	ck_assert_uint_eq(p.by_addr.count, 5000);
	for (uint32_t addr = 0; addr < 5000; addr++)
		peers_put(&p, addr, PEERS_CALLS);
	ck_assert_uint_eq(p.by_addr.count, 0);
	peers_clear(&p);
}
END_TEST

static Suite *net_suite(void)
{
	Suite *s = suite_create("net");
	TCase *callid = tcase_create("callid");

	tcase_add_checked_fixture(callid, setup, NULL);
	tcase_add_test(callid, ids_are_unique);
	tcase_add_test(callid, ids_are_random);
	tcase_add_test(callid, ids_rest);
	tcase_add_test(callid, ids_rest_in_order);
	tcase_add_test(callid, ids_in_use);
	suite_add_tcase(s, callid);
	UNIT_CASE(s, "peers", peers_limits, peers_rates, peers_memory);
	return s;
}

UNIT_MAIN(net_suite)
