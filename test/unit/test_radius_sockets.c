/*
 * Sockets, identifiers and the queue of the RADIUS client (RAD-09, RAD-107), and that nothing stays when much was lost.
 */
#include "test/unit/unit_radius_client.h"

#include <sys/resource.h>

static struct fake a;

static void setup(void)
{
	conf_init();
	ck_assert(fake_open(&a, AF_INET, "secret-a"));
	conf_add(&a);
	client_start();
}

static void teardown(void)
{
	client_stop();
	fake_close(&a);
}

/* RAD-09: least recently used first; a second socket for more than 256; it goes when it is idle. */
START_TEST(many_outstanding)
{
	enum { MANY = 300 };
	static struct caller c[MANY];
	static struct wire w[MANY];
	bool ids[256] = { false };
	unsigned fds;

	setup();
	memset(c, 0, sizeof c);
	conf.outstanding = 1000;
	radius_client_configure(client, &conf);
	fds = open_fds();
	for (int i = 0; i < MANY; i++) {
		caller_send(&c[i], RADIUS_AUTH);
		w[i] = fake_expect(&a, RADIUS_ACCESS_REQUEST);
		ck_assert_uint_eq(view_of(0).sockets, i < 256 ? 1 : 2);
		ck_assert_int_eq(wire_port(&w[i]) == wire_port(&w[0]), i < 256);
		if (i < 256) {
			ck_assert(!ids[w[i].data[1]]);
			ids[w[i].data[1]] = true;
		}
	}
	ck_assert_uint_eq(view_of(0).in_flight, MANY);
	ck_assert_uint_eq(open_fds(), fds + 2);
	for (int i = MANY; i--;) {
		fake_reply(&a, &w[i], RADIUS_ACCESS_ACCEPT, 0);
		ck_assert_uint_eq(c[i].dones, 1);
	}
	ck_assert(view_of(0).in_flight == 0 && view_of(0).sockets == 2);
	for (int i = 0; i < 130; i++)
		skip_ms(1000);
	ck_assert_uint_eq(view_of(0).sockets, 1);
	ck_assert_uint_eq(open_fds(), fds + 1);
	teardown();
}
END_TEST

START_TEST(ids_rest)
{
	int last[256];
	struct caller c = { 0 };
	struct wire w;
	int ascending = 0, previous = -1;

	setup();
	memset(last, -1, sizeof last);
	for (int i = 0; i < 1024; i++) {
		caller_send(&c, RADIUS_AUTH);
		w = fake_expect(&a, RADIUS_ACCESS_REQUEST);
		ck_assert(last[w.data[1]] < 0 || i - last[w.data[1]] == 256);
		last[w.data[1]] = i;
		ascending += w.data[1] == previous + 1;
		previous = w.data[1];
		fake_reply(&a, &w, RADIUS_ACCESS_ACCEPT, 0);
	}
	ck_assert_int_lt(ascending, 100); /* not sequential */
	ck_assert_uint_eq(view_of(0).sockets, 1);
	teardown();
}
END_TEST

/* RAD-107: `outstanding` at a time, the rest in order; the queue is bounded; cancelled and old ones cost nothing. */
START_TEST(queue)
{
	enum { MANY = 1100 };
	static struct caller c[MANY];
	struct wire w;
	unsigned taken = 0;

	setup();
	memset(c, 0, sizeof c);
	conf.outstanding = 4;
	radius_client_configure(client, &conf);
	for (int i = 0; i < MANY; i++)
		taken += caller_send(&c[i], RADIUS_AUTH) != 0;
	ck_assert_uint_eq(taken, 4 + 1024);
	ck_assert_uint_eq(radius_client_pending(client, RADIUS_AUTH), taken);
	w = fake_expect(&a, RADIUS_ACCESS_REQUEST);
	ck_assert_uint_eq(fake_drain(&a), 3);
	radius_client_cancel(client, c[4].id);
	fake_reply(&a, &w, RADIUS_ACCESS_ACCEPT, 0);
	fake_expect(&a, RADIUS_ACCESS_REQUEST);
	fake_silence(&a);
	ck_assert(c[0].dones && !c[4].encodes && c[5].encodes == 1 && !c[6].encodes);
	radius_client_cancel(client, c[5].id); /* room: its identifier rests, but the server has one less to do */
	fake_expect(&a, RADIUS_ACCESS_REQUEST);
	ck_assert(c[6].encodes == 1 && !c[7].encodes);
	ck_assert_uint_ne(caller_send(&c[MANY - 1], RADIUS_AUTH), 0); /* and room in the queue */
	teardown();
}
END_TEST

START_TEST(queue_grows_old)
{
	enum { MANY = 20 };
	struct caller c[MANY] = { 0 };

	setup();
	conf.outstanding = 1;
	conf.total_ms = 5000;
	conf_servers[0].retries = 9;
	radius_client_configure(client, &conf);
	for (int i = 0; i < MANY; i++)
		caller_send(&c[i], RADIUS_AUTH);
	for (int i = 0; i < 49; i++)
		skip_ms(100);
	for (int i = 0; i < MANY; i++)
		ck_assert_uint_eq(c[i].dones, 0);
	skip_ms(200);
	for (int i = 0; i < MANY; i++)
		ck_assert(c[i].dones == 1 && c[i].error == -ETIMEDOUT && c[i].encodes == (i == 0));
	ck_assert_uint_eq(radius_client_pending(client, RADIUS_AUTH), 0);
	teardown();
}
END_TEST

/* 10,000 requests in a black hole: all are told, and nothing stays. */
START_TEST(black_hole)
{
	enum { ROUNDS = 10, MANY = 1000 };
	static struct caller c[MANY];
	unsigned fds;

	setup();
	conf.outstanding = MANY;
	conf.max_fail = 0;
	conf_servers[0].retries = 1;
	radius_client_configure(client, &conf);
	fds = open_fds();
	for (int round = 0; round < ROUNDS; round++) {
		memset(c, 0, sizeof c);
		for (int i = 0; i < MANY; i++)
			ck_assert_uint_ne(caller_send(&c[i], RADIUS_AUTH), 0);
		ck_assert_uint_eq(view_of(0).sockets, 4);
		for (int i = 0; i < 75; i++)
			skip_ms(100);
		for (int i = 0; i < MANY; i++)
			ck_assert(c[i].dones == 1 && c[i].error == -ETIMEDOUT);
	}
	ck_assert_uint_eq(view_of(0).timeouts, ROUNDS * MANY);
	ck_assert_uint_eq(radius_client_pending(client, RADIUS_AUTH), 0);
	ck_assert_uint_eq(view_of(0).in_flight, 0);
	for (int i = 0; i < 130; i++)
		skip_ms(1000);
	ck_assert_uint_eq(view_of(0).sockets, 1);
	ck_assert_uint_eq(open_fds(), fds + 1);
	teardown();
}
END_TEST

/* No descriptor left: told, not blamed on the server, and over when there is one again. */
START_TEST(no_descriptor)
{
	struct caller c = { 0 };
	struct rlimit was, none;
	struct wire w;

	setup();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = was;
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (int i = 0; i < 100; i++)
		ck_assert_uint_ne(caller_send(&c, RADIUS_AUTH), 0);
	turn();
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &was), 0);
	ck_assert(c.dones == 100 && c.error == -ETIMEDOUT && c.encodes == 0);
	ck_assert_int_eq(view_of(0).state, RADIUS_UP);
	ck_assert_uint_eq(log_count("radius-socket-failed"), 10);
	caller_send(&c, RADIUS_AUTH);
	w = fake_expect(&a, RADIUS_ACCESS_REQUEST);
	fake_reply(&a, &w, RADIUS_ACCESS_ACCEPT, 0);
	ck_assert(c.dones == 101 && c.error == 0);
	teardown();
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("radius_sockets");

	UNIT_CASE(s, "sockets", many_outstanding, ids_rest, black_hole, no_descriptor);
	UNIT_CASE(s, "queue", queue, queue_grows_old);
	return s;
}

UNIT_MAIN(suite)
