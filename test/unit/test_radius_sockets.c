/*
 * Sockets, identifiers and the queue of the RADIUS client (RAD-09, RAD-107), that nothing stays when much was lost, and
 * what the kernel's errors do (RAD-101).
 */
#include "test/unit/unit_radius_client.h"

#include <sys/resource.h>

static struct fake a, b;

/* In the C library's place: the next `send_fails` packets are not sent, for this reason. */
static int send_error;
static unsigned send_fails;

ssize_t send(int fd, const void *data, size_t len, int flags)
{
	if (!send_fails)
		return sendto(fd, data, len, flags, NULL, 0);
	send_fails--;
	errno = send_error;
	return -1;
}

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

/* B comes after A. */
static void setup_two(void)
{
	conf_init();
	ck_assert(fake_open(&a, AF_INET, "secret-a"));
	ck_assert(fake_open(&b, AF_INET, "secret-b"));
	conf_add(&a)->priority = 1;
	conf_add(&b)->priority = 2;
	client_start();
}

static void teardown_two(void)
{
	teardown();
	fake_close(&b);
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

/* Callers that give up can't take all identifiers of a server that answers (RAD-107). */
START_TEST(cancelled_and_answered)
{
	struct caller c = { 0 }, good = { 0 };
	struct wire w;

	setup();
	for (int i = 0; i < 2048; i++) {
		ck_assert_uint_ne(caller_send(&c, RADIUS_AUTH), 0);
		w = fake_expect(&a, RADIUS_ACCESS_REQUEST);
		radius_client_cancel(client, c.id);
		fake_reply(&a, &w, RADIUS_ACCESS_REJECT, 0);
	}
	ck_assert(c.dones == 0 && view_of(0).sockets == 1);
	ck_assert_uint_eq(view_of(0).dropped[RADIUS_BAD_ID], 0);
	caller_send(&good, RADIUS_AUTH);
	w = fake_expect(&a, RADIUS_ACCESS_REQUEST);
	fake_reply(&a, &w, RADIUS_ACCESS_ACCEPT, 0);
	ck_assert(good.dones == 1 && good.error == 0);
	teardown();
}
END_TEST

/* Never more sockets than main has descriptors for: twice the needed ones (RAD-09); a probe takes no further one. */
START_TEST(sockets_are_bounded)
{
	struct caller c = { 0 };

	setup();
	conf.outstanding = 1;
	conf.max_fail = 1;
	conf_servers[0].retries = 9;
	conf_servers[0].status_server = true;
	radius_client_configure(client, &conf);
	for (int i = 0; i < 600; i++) {
		caller_send(&c, RADIUS_AUTH);
		if (i == 300)
			skip_ms(2300); /* one wait: the server is dead when this is cancelled */
		radius_client_cancel(client, c.id);
	}
	ck_assert_int_eq(view_of(0).state, RADIUS_DEAD);
	ck_assert_uint_eq(view_of(0).sockets, 2);
	for (int i = 0; i < 33; i++) {
		skip_ms(1000);
		ck_assert_uint_le(view_of(0).sockets, 2);
	}
	ck_assert_uint_eq(view_of(0).probes, 0);
	for (int i = 0; i < 65; i++)
		skip_ms(1000);
	ck_assert_uint_ge(view_of(0).probes, 1); /* there is room again */
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

/* --- what the kernel says --- */

/* RAD-101: a port that nobody listens to, and a server that may: at once, for all that is under way; one failure. */
START_TEST(refused)
{
	setup_two();
	fake_close(&a);
	for (int round = 0; round < 3; round++) {
		struct caller c[3] = { { .id = 0 } };
		struct wire w;

		ck_assert_int_eq(view_of(0).state, round ? RADIUS_SUSPECT : RADIUS_UP);
		for (int i = 0; i < 3; i++)
			caller_send(&c[i], RADIUS_AUTH);
		turn();
		for (int i = 0; i < 3; i++) {
			w = fake_expect(&b, RADIUS_ACCESS_REQUEST);
			fake_reply(&b, &w, RADIUS_ACCESS_ACCEPT, 0);
		}
		for (int i = 0; i < 3; i++)
			ck_assert(c[i].dones == 1 && c[i].error == 0);
	}
	ck_assert_int_eq(view_of(0).state, RADIUS_DEAD);
	ck_assert_uint_eq(view_of(0).timeouts, 9);
	ck_assert_uint_eq(log_count("radius-server-dead server="), 1);
	ck_assert_uint_ge(log_count("reason=unreachable"), 1);
	teardown_two();
}
END_TEST

/* RAD-56, RAD-100: where nobody else is left the word of an ICMP, which anybody may forge, ends nothing. */
START_TEST(refused_alone)
{
	struct caller c[2] = { { .id = 0 } };

	setup();
	caller_send(&c[0], RADIUS_AUTH);
	fake_expect(&a, RADIUS_ACCESS_REQUEST);
	fake_close(&a);
	caller_send(&c[1], RADIUS_AUTH);
	for (int i = 0; i < 10; i++)
		skip_ms(100);
	ck_assert(!c[0].dones && !c[1].dones);
	ck_assert_int_eq(view_of(0).state, RADIUS_SUSPECT);
	fake_reopen(&a);
	skip_ms(1300);
	for (int i = 0; i < 2; i++) {
		struct wire w = fake_expect(&a, RADIUS_ACCESS_REQUEST);

		fake_reply(&a, &w, RADIUS_ACCESS_ACCEPT, 0);
	}
	for (int i = 0; i < 2; i++)
		ck_assert(c[i].dones == 1 && c[i].error == 0 && c[i].encodes == 1);
	ck_assert(view_of(0).retransmissions == 2 && view_of(0).state == RADIUS_UP);
	teardown();
}
END_TEST

/* RAD-104: requests count, not packets: each of these is refused three times. */
START_TEST(refused_counts_requests)
{
	setup();
	fake_close(&a);
	for (int i = 0; i < 3; i++) {
		struct caller c = { 0 };
		int64_t from = skipped_ms;

		ck_assert_uint_eq(log_count("radius-server-dead server="), 0);
		caller_send(&c, RADIUS_AUTH);
		while (!c.dones && skipped_ms < from + 20000)
			skip_ms(100);
		ck_assert(c.dones == 1 && c.error == -ETIMEDOUT);
		ck_assert_int_ge(skipped_ms - from, 14000 * 9 / 10);
	}
	ck_assert(view_of(0).state == RADIUS_DEAD && view_of(0).retransmissions == 6);
	teardown();
}
END_TEST

/* The same when the caller gives up. */
START_TEST(refused_and_cancelled)
{
	setup();
	fake_close(&a);
	for (int i = 0; i < 3; i++) {
		struct caller c = { 0 };

		ck_assert_int_eq(view_of(0).state, i ? RADIUS_SUSPECT : RADIUS_UP);
		caller_send(&c, RADIUS_AUTH);
		skip_ms(2300);
		radius_client_cancel(client, c.id);
	}
	ck_assert_int_eq(view_of(0).state, RADIUS_DEAD);
	teardown();
}
END_TEST

/* A dead server is nobody to go to because of an ICMP. */
START_TEST(refused_other_dead)
{
	struct caller c = { 0 };

	setup_two();
	for (int i = 0; i < 3; i++)
		ask(&b);
	ck_assert_int_eq(view_of(0).state, RADIUS_DEAD);
	fake_drain(&a);
	fake_close(&b);
	caller_send(&c, RADIUS_AUTH);
	turn();
	fake_silence(&a);
	fake_reopen(&b);
	skip_ms(2300);
	answer(&b, &c, RADIUS_ACCESS_ACCEPT);
	fake_silence(&a);
	teardown_two();
}
END_TEST

/* An error that the kernel still has of an earlier packet costs the next one nothing. */
START_TEST(refused_before)
{
	struct caller c[2] = { { .id = 0 } };

	setup();
	fake_close(&a);
	caller_send(&c[0], RADIUS_AUTH);
	fake_reopen(&a);
	caller_send(&c[1], RADIUS_AUTH);
	answer(&a, &c[1], RADIUS_ACCESS_ACCEPT);
	skip_ms(2300);
	answer(&a, &c[0], RADIUS_ACCESS_ACCEPT);
	teardown();
}
END_TEST

/* A local error that may pass: sent again in time. */
START_TEST(not_sent)
{
	struct caller c = { 0 };

	setup();
	send_error = ENETUNREACH;
	send_fails = 2;
	caller_send(&c, RADIUS_AUTH);
	fake_silence(&a);
	ck_assert_uint_eq(send_fails, 0);
	skip_ms(2300);
	answer(&a, &c, RADIUS_ACCESS_ACCEPT);
	teardown();
}
END_TEST

/* The socket's own address is gone: once more, from another socket; the server is not blamed. */
START_TEST(source_gone)
{
	struct caller c[2] = { { .id = 0 } };
	struct wire w, first;

	setup();
	caller_send(&c[0], RADIUS_AUTH);
	first = fake_expect(&a, RADIUS_ACCESS_REQUEST);
	send_error = EINVAL;
	send_fails = 2;
	caller_send(&c[1], RADIUS_AUTH);
	for (int i = 0; i < 2; i++) {
		w = fake_expect(&a, RADIUS_ACCESS_REQUEST);
		ck_assert_uint_ne(wire_port(&w), wire_port(&first));
		fake_reply(&a, &w, RADIUS_ACCESS_ACCEPT, 0);
	}
	for (int i = 0; i < 2; i++)
		ck_assert(c[i].dones == 1 && c[i].error == 0);
	ck_assert_int_eq(view_of(0).state, RADIUS_UP);
	send_fails = 1000; /* for good: told, and nothing stays */
	for (int i = 0; i < 2; i++)
		caller_send(&c[i], RADIUS_AUTH);
	turn();
	for (int i = 0; i < 2; i++)
		ck_assert(c[i].dones == 2 && c[i].error == -ETIMEDOUT);
	ck_assert_uint_eq(view_of(0).in_flight, 0);
	ck_assert_uint_eq(open_fds(), fds_before);
	send_fails = 0;
	teardown();
}
END_TEST

START_TEST(refused_everywhere)
{
	struct caller c = { 0 };
	unsigned fds;

	setup_two();
	fake_close(&a);
	fake_close(&b);
	for (int i = 0; i < 1000; i++) {
		caller_send(&c, RADIUS_AUTH);
		turn();
	}
	exhaust();
	ck_assert(c.dones == 1000 && c.error == -ETIMEDOUT);
	fds = open_fds();
	ck_assert_uint_le(fds, fds_before + 4);
	ck_assert_uint_le(view_of(0).sockets, 2);
	ck_assert_uint_le(log_count("radius-"), 100);
	teardown_two();
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("radius_sockets");

	UNIT_CASE(s, "sockets", many_outstanding, ids_rest, black_hole, no_descriptor, sockets_are_bounded);
	UNIT_CASE(s, "queue", queue, cancelled_and_answered, queue_grows_old);
	UNIT_CASE(s, "refused", refused, refused_alone, refused_counts_requests, refused_and_cancelled,
		  refused_other_dead, refused_before, refused_everywhere, not_sent, source_gone);
	return s;
}

UNIT_MAIN(suite)
