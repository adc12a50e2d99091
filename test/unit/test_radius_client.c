/*
 * One RADIUS server and its client (RAD-08, RAD-50 to RAD-56, RAD-100, RAD-108): packets, bad replies, retransmission,
 * cancelling, a new secret.
 */
#include "test/unit/unit_radius_client.h"

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

/* --- packets --- */

/* RAD-50, RAD-51, RAD-55: signed first, 16 new random octets each. */
START_TEST(request_and_answer)
{
	struct caller c[2] = { 0 };
	struct wire w[2];

	setup();
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_ne(caller_send(&c[i], RADIUS_AUTH), 0);
		w[i] = fake_expect(&a, RADIUS_ACCESS_REQUEST);
		check_signed(&w[i], a.secret);
		check_password(&w[i], a.secret);
	}
	ck_assert_uint_ne(c[0].id, c[1].id);
	ck_assert_uint_eq(radius_client_pending(client, RADIUS_AUTH), 2);
	ck_assert_mem_ne(w[0].data + 4, w[1].data + 4, 16);
	ck_assert_uint_ne(w[0].data[1], w[1].data[1]);
	/* Out of order, each to its own. */
	fake_reply(&a, &w[1], RADIUS_ACCESS_REJECT, 0);
	ck_assert(c[1].dones == 1 && c[1].code == RADIUS_ACCESS_REJECT && !c[0].dones);
	skip_ms(30);
	fake_reply(&a, &w[0], RADIUS_ACCESS_ACCEPT, 0);
	ck_assert(c[0].dones == 1 && c[0].code == RADIUS_ACCESS_ACCEPT && c[0].error == 0);
	ck_assert_mem_eq(c[0].authenticator, w[0].data + 4, 16);
	ck_assert_str_eq(c[0].secret, a.secret);
	ck_assert_str_eq(c[0].server, view_of(0).name);
	ck_assert_uint_eq(radius_client_pending(client, RADIUS_AUTH), 0);
	ck_assert(view_of(0).requests == 2 && view_of(0).accepts == 1 && view_of(0).rejects == 1);
	ck_assert_int_eq(view_of(0).p99_us, 30000);
	ck_assert_int_eq(view_of(0).p50_us, 1);
	skip_ms(100000);
	fake_silence(&a);
	teardown();
}
END_TEST

/* RAD-08, RAD-67: zeros are hashed for the authenticator; the answer needs no signature even where Accepts do. */
START_TEST(accounting)
{
	struct caller c = { 0 };
	uint8_t hash[16];
	struct wire w, zeroed;

	conf_init();
	ck_assert(fake_open(&a, AF_INET, "secret-a"));
	conf_add(&a)->acct_port = a.port;
	conf_servers[0].port = 0;
	conf_servers[0].signature = CONF_SIGNATURE_YES;
	client_start();
	ck_assert(!radius_client_has(client, RADIUS_AUTH) && radius_client_has(client, RADIUS_ACCT));
	ck_assert_uint_eq(caller_send(&c, RADIUS_AUTH), 0);
	ck_assert_uint_ne(caller_send(&c, RADIUS_ACCT), 0);
	w = zeroed = fake_expect(&a, RADIUS_ACCOUNTING_REQUEST);
	memset(zeroed.data + 4, 0, 16);
	md5_of(hash, zeroed.data, zeroed.len, a.secret);
	ck_assert_mem_eq(hash, w.data + 4, 16);
	fake_reply(&a, &w, RADIUS_ACCOUNTING_RESPONSE, UNSIGNED | BAD_AUTH);
	ck_assert_uint_eq(c.dones, 0);
	fake_reply(&a, &w, RADIUS_ACCOUNTING_RESPONSE, UNSIGNED);
	ck_assert(c.dones == 1 && c.code == RADIUS_ACCOUNTING_RESPONSE);
	ck_assert_mem_eq(c.authenticator, w.data + 4, 16);
	ck_assert_uint_eq(view_of(0).responses, 1);
	teardown();
}
END_TEST

/* --- bad replies --- */

/* RAD-56: each is dropped and counted, the wait goes on, and the right one ends it. */
START_TEST(bad_then_good)
{
	static const struct {
		uint8_t code;
		unsigned how;
		enum radius_fault fault;
	} bad[] = {
		{ RADIUS_ACCESS_ACCEPT, OTHER_ID, RADIUS_BAD_ID },
		{ RADIUS_ACCESS_ACCEPT, BAD_AUTH, RADIUS_BAD_AUTHENTICATOR },
		{ RADIUS_ACCESS_ACCEPT, RANDOM_AUTH, RADIUS_BAD_AUTHENTICATOR }, /* what libradcli 1.2.11 takes */
		{ RADIUS_ACCESS_ACCEPT, RANDOM_AUTH | UNSIGNED, RADIUS_BAD_AUTHENTICATOR },
		{ RADIUS_ACCESS_ACCEPT, BAD_HMAC, RADIUS_BAD_SIGNATURE },
		{ RADIUS_ACCESS_ACCEPT, PROXY_STATE, RADIUS_PROXY_STATE_SEEN },
		{ RADIUS_ACCESS_ACCEPT, BROKEN_LIST, RADIUS_BAD_LIST },
		{ RADIUS_ACCESS_ACCEPT, SHORT, RADIUS_BAD_LENGTH },
		{ RADIUS_COA_ACK, 0, RADIUS_BAD_CODE },
		{ RADIUS_ACCOUNTING_RESPONSE, 0, RADIUS_BAD_CODE },
	};
	struct caller c = { 0 };
	struct wire w;

	setup();
	caller_send(&c, RADIUS_AUTH);
	w = fake_expect(&a, RADIUS_ACCESS_REQUEST);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		uint64_t before = view_of(0).dropped[bad[i].fault];

		fake_reply(&a, &w, bad[i].code, bad[i].how);
		ck_assert_msg(c.dones == 0, "bad reply %zu ended it", i);
		ck_assert_msg(view_of(0).dropped[bad[i].fault] == before + 1, "bad reply %zu", i);
	}
	ck_assert(!view_of(0).signature_required);
	fake_reply(&a, &w, RADIUS_ACCESS_ACCEPT, 0);
	ck_assert(c.dones == 1 && c.code == RADIUS_ACCESS_ACCEPT);
	ck_assert_uint_eq(log_count("radius-packet-dropped"), sizeof bad / sizeof *bad);
	ck_assert_uint_eq(log_count(a.secret), 0);
	teardown();
}
END_TEST

/* A flood of forged packets is a bounded number of lines. */
START_TEST(log_is_bounded)
{
	struct caller c = { 0 };
	struct wire w;

	setup();
	caller_send(&c, RADIUS_AUTH);
	w = fake_expect(&a, RADIUS_ACCESS_REQUEST);
	for (int i = 0; i < 300; i++)
		fake_reply(&a, &w, RADIUS_ACCESS_ACCEPT, BAD_AUTH);
	ck_assert_uint_eq(view_of(0).dropped[RADIUS_BAD_AUTHENTICATOR], 300);
	ck_assert_uint_eq(log_count("radius-packet-dropped"), 10);
	fake_reply(&a, &w, RADIUS_ACCESS_ACCEPT, 0);
	ck_assert_uint_eq(c.dones, 1);
	teardown();
}
END_TEST

static bool takes_unsigned(void)
{
	struct caller c = { 0 };
	struct wire w;

	caller_send(&c, RADIUS_AUTH);
	w = fake_expect(&a, RADIUS_ACCESS_REQUEST);
	fake_reply(&a, &w, RADIUS_ACCESS_REJECT, UNSIGNED);
	if (c.dones)
		return true;
	fake_reply(&a, &w, RADIUS_ACCESS_REJECT, 0);
	ck_assert_uint_eq(c.dones, 1);
	return false;
}

/* RAD-53 */
START_TEST(signature_rules)
{
	setup();
	ck_assert(takes_unsigned() && !view_of(0).signature_required);
	conf_servers[0].signature = CONF_SIGNATURE_YES;
	radius_client_configure(client, &conf);
	ck_assert(view_of(0).signature_required && !takes_unsigned());
	ck_assert_uint_eq(view_of(0).dropped[RADIUS_NO_SIGNATURE], 1);
	conf_servers[0].signature = CONF_SIGNATURE_NO;
	radius_client_configure(client, &conf);
	ck_assert(takes_unsigned() && !view_of(0).signature_required);
	/* It has signed something meanwhile. */
	conf_servers[0].signature = CONF_SIGNATURE_AUTO;
	radius_client_configure(client, &conf);
	ck_assert(view_of(0).signature_required && !takes_unsigned());
	teardown();
}
END_TEST

START_TEST(signature_auto)
{
	struct caller c = { 0 };
	struct wire w;

	setup();
	ck_assert(takes_unsigned());
	caller_send(&c, RADIUS_AUTH);
	w = fake_expect(&a, RADIUS_ACCESS_REQUEST);
	fake_reply(&a, &w, RADIUS_ACCESS_ACCEPT, BAD_HMAC); /* not a valid one */
	ck_assert(!view_of(0).signature_required);
	fake_reply(&a, &w, RADIUS_ACCESS_ACCEPT, 0);
	ck_assert_uint_eq(c.dones, 1);
	ck_assert(view_of(0).signature_required && !takes_unsigned());
	teardown();
}
END_TEST

/* --- retransmission --- */

/* Milliseconds until the next packet comes, by steps of 10. */
static int64_t until_next(struct fake *f, struct wire *w)
{
	for (int64_t ms = 0; ms < 100000; ms += 10) {
		if (fake_next(f, w))
			return ms;
		skip_ms(10);
	}
	return -1;
}

/* RAD-100: identical, at 2, 4, 8, 16 and 16 s +-10 %, then silence is told. */
START_TEST(backoff)
{
	static const int64_t base[] = { 2000, 4000, 8000, 16000, 16000 };
	struct caller c = { 0 };
	struct wire first, w;
	int64_t from;

	setup();
	conf_servers[0].retries = 5;
	conf.total_ms = 100000;
	radius_client_configure(client, &conf);
	caller_send(&c, RADIUS_AUTH);
	first = fake_expect(&a, RADIUS_ACCESS_REQUEST);
	for (int i = 0; i < 5; i++) {
		int64_t ms = until_next(&a, &w);

		ck_assert_int_ge(ms, base[i] * 9 / 10 - 10);
		ck_assert_int_le(ms, base[i] * 11 / 10 + 20);
		ck_assert(wire_same(&first, &w));
	}
	from = skipped_ms;
	while (!c.dones && skipped_ms < from + 20000)
		skip_ms(10);
	ck_assert(c.dones == 1 && c.error == -ETIMEDOUT);
	ck_assert_str_eq(c.server, "");
	ck_assert_int_ge(skipped_ms - from, 14390);
	ck_assert_int_le(skipped_ms - from, 17620);
	ck_assert_uint_eq(c.encodes, 1);
	ck_assert(view_of(0).requests == 1 && view_of(0).retransmissions == 5 && view_of(0).timeouts == 1);
	ck_assert_int_eq(view_of(0).state, RADIUS_SUSPECT);
	teardown();
}
END_TEST

/* The answer to a retransmission counts; the second answer is dropped. */
START_TEST(duplicates)
{
	struct caller c = { 0 };
	struct wire w[2];

	setup();
	caller_send(&c, RADIUS_AUTH);
	w[0] = fake_expect(&a, RADIUS_ACCESS_REQUEST);
	skip_ms(2300);
	w[1] = fake_expect(&a, RADIUS_ACCESS_REQUEST);
	ck_assert(wire_same(&w[0], &w[1]));
	fake_reply(&a, &w[1], RADIUS_ACCESS_CHALLENGE, 0);
	fake_reply(&a, &w[0], RADIUS_ACCESS_CHALLENGE, 0);
	ck_assert(c.dones == 1 && c.code == RADIUS_ACCESS_CHALLENGE);
	ck_assert_uint_eq(view_of(0).dropped[RADIUS_BAD_ID], 1);
	ck_assert_uint_eq(view_of(0).challenges, 1);
	teardown();
}
END_TEST

/* The bound of an exchange, as configured and of its own. */
START_TEST(total)
{
	struct caller c = { 0 }, own = { 0 };
	struct radius_job job = { .code = RADIUS_ACCESS_REQUEST, .encode = caller_encode, .done = caller_done,
				  .ctx = &own, .total_ms = 3000 };

	setup();
	conf_servers[0].retries = 20;
	conf.total_ms = 10000;
	radius_client_configure(client, &conf);
	caller_send(&c, RADIUS_AUTH);
	ck_assert_uint_ne(radius_client_send(client, &job), 0);
	for (int i = 0; i < 29; i++)
		skip_ms(100);
	ck_assert(!c.dones && !own.dones);
	skip_ms(110);
	ck_assert(!c.dones && own.dones == 1 && own.error == -ETIMEDOUT);
	for (int i = 0; i < 69; i++)
		skip_ms(100);
	ck_assert(!c.dones);
	skip_ms(110);
	ck_assert(c.dones == 1 && c.error == -ETIMEDOUT);
	teardown();
}
END_TEST

/* --- encode() --- */

START_TEST(encode_refuses)
{
	struct caller c = { .refuse = 1 };

	setup();
	ck_assert_uint_ne(caller_send(&c, RADIUS_AUTH), 0);
	ck_assert_uint_eq(c.dones, 0);
	turn();
	ck_assert(c.dones == 1 && c.error == -EINVAL);
	fake_silence(&a);
	ck_assert_uint_eq(view_of(0).in_flight, 0);
	c = (struct caller){ .refuse = 1 }; /* cancelled before it is told */
	radius_client_cancel(client, caller_send(&c, RADIUS_AUTH));
	turn();
	ck_assert_uint_eq(c.dones, 0);
	teardown();
}
END_TEST

static struct caller again;

static void send_again(struct caller *c)
{
	(void)c;
	caller_send(&again, RADIUS_AUTH);
	radius_client_cancel(client, again.id);
	caller_send(&again, RADIUS_AUTH);
	radius_client_configure(client, &conf);
}

static void free_client(struct caller *c)
{
	(void)c;
	radius_client_free(client);
	client = NULL;
}

/* done() may do all. */
START_TEST(reentrant)
{
	struct caller c = { .then = send_again }, refused = { .refuse = 1, .then = free_client };
	struct caller other = { .refuse = 1 };
	struct wire w;

	setup();
	memset(&again, 0, sizeof again);
	caller_send(&c, RADIUS_AUTH);
	w = fake_expect(&a, RADIUS_ACCESS_REQUEST);
	fake_reply(&a, &w, RADIUS_ACCESS_ACCEPT, 0);
	ck_assert_uint_eq(c.dones, 1);
	fake_expect(&a, RADIUS_ACCESS_REQUEST); /* the cancelled one */
	w = fake_expect(&a, RADIUS_ACCESS_REQUEST);
	again.then = free_client;
	fake_reply(&a, &w, RADIUS_ACCESS_ACCEPT, 0);
	ck_assert(again.dones == 1 && !client);
	client = radius_client_new(loop, &conf);
	caller_send(&refused, RADIUS_AUTH);
	caller_send(&other, RADIUS_AUTH);
	turn();
	ck_assert(refused.dones == 1 && !other.dones && !client);
	teardown();
}
END_TEST

/* --- cancelling --- */

/* Its identifier rests until the good late reply, which hurts nobody, and is none that was not asked for. */
START_TEST(cancel_and_late_reply)
{
	struct caller c = { 0 }, next[255] = { 0 };
	struct wire w, other;

	setup();
	caller_send(&c, RADIUS_AUTH);
	w = fake_expect(&a, RADIUS_ACCESS_REQUEST);
	radius_client_cancel(client, c.id);
	radius_client_cancel(client, c.id);
	radius_client_cancel(client, 0);
	ck_assert_uint_eq(radius_client_pending(client, RADIUS_AUTH), 0);
	ck_assert_uint_eq(view_of(0).in_flight, 0);
	for (int i = 0; i < 255; i++) {
		caller_send(&next[i], RADIUS_AUTH);
		other = fake_expect(&a, RADIUS_ACCESS_REQUEST);
		ck_assert_uint_ne(other.data[1], w.data[1]);
	}
	fake_reply(&a, &w, RADIUS_ACCESS_ACCEPT, BAD_AUTH);
	ck_assert_uint_eq(view_of(0).dropped[RADIUS_BAD_AUTHENTICATOR], 1);
	fake_reply(&a, &w, RADIUS_ACCESS_ACCEPT, 0);
	ck_assert_uint_eq(view_of(0).dropped[RADIUS_BAD_ID], 0);
	fake_reply(&a, &w, RADIUS_ACCESS_ACCEPT, 0); /* now there is nothing that it answers */
	ck_assert_uint_eq(view_of(0).dropped[RADIUS_BAD_ID], 1);
	ck_assert(c.dones == 0 && view_of(0).in_flight == 255 && view_of(0).signature_required);
	for (int i = 0; i < 255; i++)
		ck_assert_uint_eq(next[i].dones, 0);
	ck_assert_uint_eq(view_of(0).sockets, 1);
	radius_client_cancel(client, next[0].id);
	caller_send(&c, RADIUS_AUTH); /* the one identifier that is free again */
	other = fake_expect(&a, RADIUS_ACCESS_REQUEST);
	ck_assert(other.data[1] == w.data[1] && wire_port(&other) == wire_port(&w));
	radius_client_cancel(client, c.id);
	for (int i = 0; i < 255; i++)
		radius_client_cancel(client, next[i].id);
	skip_ms(20000); /* all have rested */
	fake_drain(&a);
	c.id = caller_send(&c, RADIUS_AUTH);
	ck_assert_uint_ne(c.id, 0);
	ck_assert_uint_eq(view_of(0).sockets, 1);
	teardown();
}
END_TEST

/* Nothing is sent again for what was cancelled. */
START_TEST(cancel_is_silent)
{
	struct caller c = { 0 };

	setup();
	caller_send(&c, RADIUS_AUTH);
	fake_expect(&a, RADIUS_ACCESS_REQUEST);
	radius_client_cancel(client, c.id);
	for (int i = 0; i < 40; i++)
		skip_ms(1000);
	fake_silence(&a);
	ck_assert_uint_eq(c.dones, 0);
	ck_assert_int_eq(view_of(0).state, RADIUS_UP); /* it had no time to answer */
	teardown();
}
END_TEST

/* Callers that give up early don't hide a silent server (RAD-104). */
START_TEST(cancel_counts_silence)
{
	struct wire w;

	setup();
	for (int i = 0; i < 3; i++) {
		struct caller c = { 0 };

		caller_send(&c, RADIUS_AUTH);
		skip_ms(2300); /* one retransmission */
		radius_client_cancel(client, c.id);
	}
	ck_assert_int_eq(view_of(0).state, RADIUS_DEAD);
	w = fake_expect(&a, RADIUS_ACCESS_REQUEST);
	fake_reply(&a, &w, RADIUS_ACCESS_REJECT, BAD_AUTH);
	ck_assert_int_eq(view_of(0).state, RADIUS_DEAD);
	fake_reply(&a, &w, RADIUS_ACCESS_REJECT, 0); /* late, but it lives */
	ck_assert_int_eq(view_of(0).state, RADIUS_UP);
	teardown();
}
END_TEST

/* --- reload --- */

/* RAD-108: what is pending keeps its secret, what is new takes the new one, counters stay. */
START_TEST(new_secret)
{
	struct caller old = { 0 }, new = { 0 };
	struct fake renamed;
	struct wire w[2];

	setup();
	caller_send(&old, RADIUS_AUTH);
	w[0] = fake_expect(&a, RADIUS_ACCESS_REQUEST);
	renamed = a;
	renamed.secret = "another";
	conf_servers[0].secret = (char *)(uintptr_t)renamed.secret;
	radius_client_configure(client, &conf);
	caller_send(&new, RADIUS_AUTH);
	w[1] = fake_expect(&renamed, RADIUS_ACCESS_REQUEST);
	check_password(&w[1], "another");
	check_signed(&w[1], "another");
	fake_reply(&renamed, &w[0], RADIUS_ACCESS_ACCEPT, 0);
	ck_assert_uint_eq(old.dones, 0);
	fake_reply(&a, &w[0], RADIUS_ACCESS_ACCEPT, 0);
	fake_reply(&renamed, &w[1], RADIUS_ACCESS_ACCEPT, 0);
	ck_assert(old.dones == 1 && new.dones == 1);
	ck_assert_str_eq(old.secret, "secret-a");
	ck_assert_str_eq(new.secret, "another");
	ck_assert_uint_eq(view_of(0).accepts, 2);
	teardown();
}
END_TEST

/* Freed with everything under way: no done(), no memory, no descriptor left. */
START_TEST(freed_in_flight)
{
	struct caller c[3] = { { .id = 0 } };
	unsigned fds;

	setup();
	fds = open_fds();
	for (int i = 0; i < 3; i++)
		caller_send(&c[i], RADIUS_AUTH);
	radius_client_cancel(client, c[1].id);
	c[2].refuse = 1;
	caller_send(&c[2], RADIUS_AUTH);
	radius_client_free(client);
	client = NULL;
	turn();
	ck_assert_uint_eq(open_fds(), fds);
	ck_assert(!c[0].dones && !c[1].dones && !c[2].dones);
	teardown();
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("radius_client");

	UNIT_CASE(s, "packets", request_and_answer, accounting);
	UNIT_CASE(s, "bad replies", bad_then_good, log_is_bounded, signature_rules, signature_auto);
	UNIT_CASE(s, "retransmission", backoff, duplicates, total);
	UNIT_CASE(s, "callers", encode_refuses, reentrant, cancel_and_late_reply, cancel_is_silent,
		  cancel_counts_silence);
	UNIT_CASE(s, "reload", new_secret, freed_in_flight);
	return s;
}

UNIT_MAIN(suite)
