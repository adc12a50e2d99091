/*
 * Several RADIUS servers (RAD-101 to RAD-106, RAD-108): failover with another secret, dead and back, probes, reload
 * while requests are pending.
 */
#include "test/unit/unit_radius_client.h"

static struct fake a, b;

static void servers_open(void)
{
	conf_init();
	ck_assert(fake_open(&a, AF_INET, "secret-a"));
	ck_assert(fake_open(&b, AF_INET, "secret-b"));
	conf_add(&a)->priority = 1;
	conf_add(&b)->priority = 2;
}

static void setup(void)
{
	servers_open();
	client_start();
}

static void teardown(void)
{
	client_stop();
	if (a.fd >= 0)
		fake_close(&a);
	if (b.fd >= 0)
		fake_close(&b);
}

/* A is silent until it is dead. */
static void kill_a(void)
{
	for (int i = 0; i < 3; i++)
		ask(&b);
	ck_assert_int_eq(view_of(0).state, RADIUS_DEAD);
	fake_drain(&a);
}

/* --- failover --- */

/* RAD-101: other identifier and authenticator, hidden anew; RAD-103: A's late answer is dropped. */
START_TEST(other_secret)
{
	struct caller c = { 0 };
	struct wire at_a, at_b;

	setup();
	caller_send(&c, RADIUS_AUTH);
	at_a = fake_expect(&a, RADIUS_ACCESS_REQUEST);
	check_password(&at_a, "secret-a");
	for (int i = 0; i < 160 && c.encodes < 2; i++)
		skip_ms(100);
	ck_assert_uint_eq(fake_drain(&a), 2);
	at_b = fake_expect(&b, RADIUS_ACCESS_REQUEST);
	check_password(&at_b, "secret-b");
	check_signed(&at_b, "secret-b");
	ck_assert_mem_ne(at_a.data + 4, at_b.data + 4, 16);
	ck_assert_mem_eq(c.hidden_by, at_b.data + 4, 16);
	fake_reply(&a, &at_a, RADIUS_ACCESS_ACCEPT, 0);
	ck_assert_uint_eq(c.dones, 0);
	ck_assert_uint_eq(view_of(0).dropped[RADIUS_BAD_ID], 1);
	fake_reply(&b, &at_b, RADIUS_ACCESS_ACCEPT, 0);
	ck_assert(c.dones == 1 && c.encodes == 2);
	ck_assert_str_eq(c.secret, "secret-b");
	ck_assert_mem_eq(c.authenticator, at_b.data + 4, 16);
	ck_assert_str_eq(c.server, view_of(1).name);
	teardown();
}
END_TEST

/* Each server once, then silence is told; encode() may refuse the second. */
START_TEST(all_silent)
{
	struct caller c = { 0 };

	setup();
	caller_send(&c, RADIUS_AUTH);
	for (int i = 0; i < 400 && !c.dones; i++)
		skip_ms(100);
	ck_assert(c.dones == 1 && c.error == -ETIMEDOUT && c.encodes == 2);
	ck_assert(fake_drain(&a) == 3 && fake_drain(&b) == 3);
	c = (struct caller){ .refuse = 2 };
	caller_send(&c, RADIUS_AUTH);
	exhaust();
	ck_assert(c.dones == 1 && c.error == -EINVAL && c.encodes == 2);
	ck_assert(fake_drain(&a) == 3 && fake_drain(&b) == 0);
	teardown();
}
END_TEST

/* Long waits at A leave a share of the whole time for B (RAD-100: the sum over the servers is bounded). */
START_TEST(share)
{
	struct caller c = { 0 };

	servers_open();
	conf.total_ms = 20000;
	conf_servers[0].retries = 20;
	client_start();
	caller_send(&c, RADIUS_AUTH);
	for (int i = 0; i < 102; i++)
		skip_ms(100);
	answer(&b, &c, RADIUS_ACCESS_ACCEPT);
	teardown();
}
END_TEST

/* RAD-102 */
START_TEST(answers_are_final)
{
	setup();
	for (int i = 0; i < 2; i++) {
		struct caller c = { 0 };

		caller_send(&c, RADIUS_AUTH);
		answer(&a, &c, i ? RADIUS_ACCESS_REJECT : RADIUS_ACCESS_CHALLENGE);
	}
	for (int i = 0; i < 60; i++)
		skip_ms(1000);
	fake_silence(&b);
	ck_assert_uint_eq(view_of(1).requests, 0);
	teardown();
}
END_TEST

/* --- dead and back --- */

/* RAD-104, RAD-105, RAD-106: after three silent requests A is left alone for 60 s; then one trial; then it is first. */
START_TEST(dead_and_back)
{
	struct caller c = { 0 };

	setup();
	kill_a();
	ck_assert_uint_eq(log_count("radius-server-dead server="), 1);
	ck_assert_int_gt(view_of(0).dead_for_s, 55);
	for (int i = 0; i < 5; i++) {
		caller_send(&c, RADIUS_AUTH);
		answer(&b, &c, RADIUS_ACCESS_ACCEPT); /* at once */
		c.dones = 0;
	}
	fake_silence(&a);
	skip_ms(61000);
	ck_assert_int_eq(view_of(0).dead_for_s, 0);
	caller_send(&c, RADIUS_AUTH); /* the trial */
	ck_assert_int_eq(view_of(0).state, RADIUS_DEAD);
	{
		struct caller other = { 0 };

		caller_send(&other, RADIUS_AUTH);
		answer(&b, &other, RADIUS_ACCESS_ACCEPT);
	}
	answer(&a, &c, RADIUS_ACCESS_REJECT);
	ck_assert_int_eq(view_of(0).state, RADIUS_UP);
	ck_assert_uint_eq(log_count("radius-server-up server="), 1);
	ask(&a);
	fake_silence(&b);
	teardown();
}
END_TEST

START_TEST(trial_fails)
{
	struct caller c = { 0 };

	setup();
	kill_a();
	skip_ms(61000);
	ask(&b);
	ck_assert_uint_eq(fake_drain(&a), 3);
	ck_assert_int_gt(view_of(0).dead_for_s, 40);
	caller_send(&c, RADIUS_AUTH);
	answer(&b, &c, RADIUS_ACCESS_ACCEPT);
	fake_silence(&a);
	/* A cancelled trial is none. */
	skip_ms(61000);
	caller_send(&c, RADIUS_AUTH);
	ck_assert_uint_eq(fake_drain(&a), 1);
	radius_client_cancel(client, c.id);
	c = (struct caller){ 0 };
	caller_send(&c, RADIUS_AUTH);
	answer(&a, &c, RADIUS_ACCESS_ACCEPT);
	ck_assert_uint_eq(log_count("radius-server-dead server="), 1);
	teardown();
}
END_TEST

/* A refused trial is over at once, and the next one comes in its time. */
START_TEST(trial_refused)
{
	struct caller c = { 0 };

	setup();
	kill_a();
	fake_close(&a);
	skip_ms(61000);
	caller_send(&c, RADIUS_AUTH);
	turn();
	answer(&b, &c, RADIUS_ACCESS_ACCEPT);
	ck_assert_int_gt(view_of(0).dead_for_s, 55);
	fake_reopen(&a);
	skip_ms(61000);
	c = (struct caller){ 0 };
	caller_send(&c, RADIUS_AUTH);
	answer(&a, &c, RADIUS_ACCESS_ACCEPT);
	ck_assert_int_eq(view_of(0).state, RADIUS_UP);
	teardown();
}
END_TEST

/* RAD-105: never without a packet. */
START_TEST(all_dead)
{
	struct caller c = { 0 };

	setup();
	for (int i = 0; i < 3; i++) {
		c.dones = 0;
		caller_send(&c, RADIUS_AUTH);
		exhaust();
	}
	ck_assert(view_of(0).state == RADIUS_DEAD && view_of(1).state == RADIUS_DEAD);
	fake_drain(&a);
	fake_drain(&b);
	c = (struct caller){ 0 };
	caller_send(&c, RADIUS_AUTH);
	exhaust();
	ck_assert(c.error == -ETIMEDOUT && c.encodes == 2);
	ck_assert(fake_drain(&a) == 3 && fake_drain(&b) == 3);
	c = (struct caller){ 0 };
	caller_send(&c, RADIUS_AUTH);
	answer(&a, &c, RADIUS_ACCESS_ACCEPT);
	ck_assert_int_eq(view_of(0).state, RADIUS_UP);
	teardown();
}
END_TEST

/* What waits for a server goes elsewhere when it dies. */
START_TEST(waiting_moves)
{
	enum { MANY = 8 };
	struct caller c[MANY] = { { .id = 0 } };
	struct wire w;
	unsigned answered = 0;

	servers_open();
	conf.outstanding = 3;
	conf.max_fail = 1;
	client_start();
	for (int i = 0; i < MANY; i++)
		caller_send(&c[i], RADIUS_AUTH);
	ck_assert_uint_eq(fake_drain(&a), 3);
	for (int i = 0; i < 200 && answered < MANY; i++) {
		skip_ms(100);
		while (fake_next(&b, &w)) {
			fake_reply(&b, &w, RADIUS_ACCESS_ACCEPT, 0);
			answered++;
		}
	}
	for (int i = 0; i < MANY; i++)
		ck_assert(c[i].dones == 1 && c[i].error == 0);
	ck_assert_uint_eq(view_of(0).requests, 3);
	teardown();
}
END_TEST

/* RAD-106 */
START_TEST(in_turn)
{
	setup();
	conf_servers[1].priority = 1;
	radius_client_configure(client, &conf);
	for (int i = 0; i < 10; i++) {
		ask(&a);
		ask(&b);
	}
	ck_assert(view_of(0).requests == 10 && view_of(1).requests == 10);
	teardown();
}
END_TEST

/* --- Status-Server --- */

/* RFC 5997; RAD-105: every 30 s +-2 s, signed; no request goes there before a good answer or the dead time's end. */
START_TEST(probes)
{
	struct wire w[3];
	int64_t at = 0;

	setup();
	conf_servers[0].status_server = true;
	conf.dead_s = 1000;
	radius_client_configure(client, &conf);
	kill_a();
	ck_assert_int_gt(view_of(0).dead_for_s, 0);
	ck_assert_int_le(view_of(0).dead_for_s, 32); /* the probe */
	for (int i = 0; i < 3; i++) {
		int64_t from = skipped_ms;

		while (!fake_next(&a, &w[i]) && skipped_ms < from + 40000)
			skip_ms(100);
		ck_assert_uint_eq(w[i].data[0], RADIUS_STATUS_SERVER);
		check_signed(&w[i], "secret-a");
		if (i)
			ck_assert(skipped_ms - at >= 27900 && skipped_ms - at <= 32200);
		at = skipped_ms;
	}
	ck_assert_mem_ne(w[1].data + 4, w[2].data + 4, 16);
	ck_assert_uint_eq(view_of(0).probes, 3);
	ask(&b);
	fake_silence(&a);
	fake_reply(&a, &w[1], RADIUS_ACCESS_ACCEPT, 0); /* of an older one */
	fake_reply(&a, &w[2], RADIUS_ACCESS_ACCEPT, BAD_AUTH);
	fake_reply(&a, &w[2], RADIUS_ACCESS_REJECT, 0);
	ck_assert_int_eq(view_of(0).state, RADIUS_DEAD);
	ck_assert(!view_of(0).signature_required);
	fake_reply(&a, &w[2], RADIUS_ACCESS_ACCEPT, 0);
	ck_assert_int_eq(view_of(0).state, RADIUS_UP);
	ck_assert(view_of(0).signature_required); /* RAD-53: that answer was signed */
	ck_assert_uint_eq(view_of(0).accepts, 0);
	for (int i = 0; i < 100; i++)
		skip_ms(1000);
	fake_silence(&a);
	ask(&a);
	teardown();
}
END_TEST

/* RAD-105: one that knows no Status-Server is tried with a request as well, when it has been dead long enough. */
START_TEST(probes_in_vain)
{
	struct caller c = { 0 };

	setup();
	conf_servers[0].status_server = true;
	radius_client_configure(client, &conf);
	kill_a();
	for (int i = 0; i < 61; i++)
		skip_ms(1000);
	ck_assert_uint_ge(view_of(0).probes, 1);
	ck_assert_uint_eq(fake_drain(&a), view_of(0).probes);
	ck_assert_int_eq(view_of(0).dead_for_s, 0);
	caller_send(&c, RADIUS_AUTH);
	answer(&a, &c, RADIUS_ACCESS_ACCEPT);
	ck_assert_int_eq(view_of(0).state, RADIUS_UP);
	fake_silence(&b);
	for (int i = 0; i < 100; i++)
		skip_ms(1000);
	fake_silence(&a);
	teardown();
}
END_TEST

static unsigned wakeups;

static void count_wakeup(struct ev_loop *l)
{
	wakeups += ev_pending_count(l) > 0;
	ev_invoke_pending(l);
}

/* A probe sleeps until its answer or its end: the machine is not kept awake for it. */
START_TEST(probes_sleep)
{
	setup();
	conf_servers[0].status_server = true;
	conf.dead_s = 1000;
	radius_client_configure(client, &conf);
	kill_a();
	for (int i = 0; i < 400 && !view_of(0).probes; i++)
		skip_ms(100);
	ck_assert_uint_eq(fake_drain(&a), 1);
	ev_set_invoke_pending_cb(loop, count_wakeup);
	wakeups = 0;
	for (int i = 0; i < 2700; i++)
		skip_ms(10);
	ck_assert_uint_eq(view_of(0).probes, 1);
	fake_silence(&a);
	ck_assert_uint_le(wakeups, 5); /* its end, which libev may find a little early */
	teardown();
}
END_TEST

/* An answer to somebody's request ends the probes, too; so does a reload that takes the server away. */
START_TEST(probes_end)
{
	struct caller c = { 0 };

	servers_open();
	conf.nservers = 1;
	conf_servers[0].status_server = true;
	conf_servers[0].retries = 0;
	client_start();
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 3; i++) {
			c.dones = 0;
			caller_send(&c, RADIUS_AUTH);
			exhaust();
		}
		ck_assert_int_eq(view_of(0).state, RADIUS_DEAD);
		skip_ms(33000);
		ck_assert_uint_eq(view_of(0).probes, round + 1);
		fake_drain(&a);
		if (round)
			break;
		c = (struct caller){ 0 };
		caller_send(&c, RADIUS_AUTH); /* all are dead */
		answer(&a, &c, RADIUS_ACCESS_ACCEPT);
		ck_assert_int_eq(view_of(0).state, RADIUS_UP);
		for (int i = 0; i < 100; i++)
			skip_ms(1000);
		ck_assert_uint_eq(view_of(0).probes, 1);
	}
	conf_servers[0] = conf_servers[1];
	radius_client_configure(client, &conf);
	ck_assert_uint_eq(open_fds(), fds_before);
	for (int i = 0; i < 100; i++)
		skip_ms(1000);
	fake_silence(&a);
	teardown();
}
END_TEST

/* The accounting port answers with Accounting-Response. */
START_TEST(probes_accounting)
{
	struct caller c = { 0 };
	struct wire w;

	servers_open();
	conf.nservers = 1;
	conf_servers[0].port = 0;
	conf_servers[0].acct_port = a.port;
	conf_servers[0].status_server = true;
	conf_servers[0].retries = 0;
	client_start();
	for (int i = 0; i < 3; i++) {
		caller_send(&c, RADIUS_ACCT);
		skip_ms(2300);
	}
	ck_assert_int_eq(view_of(0).state, RADIUS_DEAD);
	ck_assert_uint_eq(fake_drain(&a), 3);
	skip_ms(33000);
	w = fake_expect(&a, RADIUS_STATUS_SERVER);
	fake_reply(&a, &w, RADIUS_ACCOUNTING_RESPONSE, UNSIGNED);
	ck_assert_int_eq(view_of(0).state, RADIUS_UP);
	ck_assert_uint_eq(view_of(0).responses, 0);
	teardown();
}
END_TEST

/* --- reload --- */

/* RAD-108: what is pending goes on at the server that went, and then only to the new ones. */
START_TEST(server_goes)
{
	struct caller c[2] = { { .id = 0 } };
	struct wire w[2];

	servers_open();
	conf.nservers = 1;
	client_start();
	for (int i = 0; i < 2; i++) {
		caller_send(&c[i], RADIUS_AUTH);
		w[i] = fake_expect(&a, RADIUS_ACCESS_REQUEST);
	}
	conf_servers[0] = conf_servers[1];
	memset(&conf_servers[1], 0, sizeof conf_servers[1]);
	radius_client_configure(client, &conf);
	fake_reply(&a, &w[0], RADIUS_ACCESS_ACCEPT, 0);
	ck_assert(c[0].dones == 1 && c[0].error == 0);
	skip_ms(2300);
	fake_expect(&a, RADIUS_ACCESS_REQUEST); /* retransmitted */
	for (int i = 0; i < 200 && c[1].encodes < 2; i++)
		skip_ms(100);
	answer(&b, &c[1], RADIUS_ACCESS_ACCEPT);
	ck_assert_uint_eq(open_fds(), fds_before + 1); /* A's socket went with its last request */
	ck_assert_uint_eq(log_count("radius-server-dead"), 0);
	teardown();
}
END_TEST

/* No server is left: what is pending may still be answered, then it is told. */
START_TEST(servers_all_go)
{
	struct caller c[3] = { { .id = 0 } };
	struct wire w;

	servers_open();
	conf.outstanding = 2;
	conf.nservers = 1;
	client_start();
	for (int i = 0; i < 3; i++)
		caller_send(&c[i], RADIUS_AUTH);
	w = fake_expect(&a, RADIUS_ACCESS_REQUEST);
	conf.nservers = 0;
	radius_client_configure(client, &conf);
	ck_assert(!radius_client_has(client, RADIUS_AUTH));
	turn();
	ck_assert(c[2].dones == 1 && c[2].error == -ETIMEDOUT && c[2].encodes == 0); /* it waited */
	fake_reply(&a, &w, RADIUS_ACCESS_ACCEPT, 0);
	ck_assert(c[0].dones == 1 && c[0].error == 0);
	exhaust();
	ck_assert(c[1].dones == 1 && c[1].error == -ETIMEDOUT);
	ck_assert_uint_eq(open_fds(), fds_before);
	teardown();
}
END_TEST

/* A server that stays is still dead, and still counts; freed with requests at one that is gone. */
START_TEST(state_stays)
{
	struct caller c = { 0 };
	struct conf_radius_server kept;

	setup();
	kill_a();
	kept = conf_servers[0];
	conf_servers[0] = conf_servers[1];
	conf_servers[1] = kept;
	radius_client_configure(client, &conf);
	ck_assert_int_eq(view_of(0).state, RADIUS_DEAD); /* the order is by priority */
	ck_assert_uint_eq(view_of(0).timeouts, 3);
	caller_send(&c, RADIUS_AUTH);
	fake_expect(&b, RADIUS_ACCESS_REQUEST);
	conf.nservers = 0;
	radius_client_configure(client, &conf);
	radius_client_free(client);
	client = NULL;
	ck_assert_uint_eq(open_fds(), fds_before);
	teardown();
}
END_TEST

/* --- IPv6 --- */

static unsigned skipped;

START_TEST(ipv6)
{
	struct caller c = { 0 };

	conf_init();
	a.fd = b.fd = -1;
	if (!fake_open(&a, AF_INET6, "secret-a")) {
		skipped++;
		fprintf(stderr, "skipped=%u: no IPv6 here\n", skipped);
		return;
	}
	conf_add(&a);
	ck_assert(fake_open(&b, AF_INET6, "secret-b"));
	conf_add(&b); /* the same address, another port: another server */
	client_start();
	ck_assert_str_ne(view_of(0).name, view_of(1).name);
	ck_assert_int_eq(strncmp(view_of(0).name, "[::1]:", 6), 0);
	caller_send(&c, RADIUS_AUTH);
	answer(&a, &c, RADIUS_ACCESS_ACCEPT);
	fake_close(&a);
	c = (struct caller){ 0 };
	caller_send(&c, RADIUS_AUTH);
	answer(&b, &c, RADIUS_ACCESS_ACCEPT);
	c = (struct caller){ 0 };
	caller_send(&c, RADIUS_AUTH); /* refused by A */
	answer(&b, &c, RADIUS_ACCESS_ACCEPT);
	ck_assert_uint_eq(view_of(0).timeouts, 1);
	teardown();
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("radius_failover");

	UNIT_CASE(s, "failover", other_secret, all_silent, share, answers_are_final);
	UNIT_CASE(s, "dead", dead_and_back, trial_fails, trial_refused, all_dead, waiting_moves, in_turn);
	UNIT_CASE(s, "probes", probes, probes_in_vain, probes_sleep, probes_end, probes_accounting);
	UNIT_CASE(s, "reload", server_goes, servers_all_go, state_stays);
	UNIT_CASE(s, "ipv6", ipv6);
	return s;
}

UNIT_MAIN(suite)
