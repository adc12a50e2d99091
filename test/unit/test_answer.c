/*
 * What a server's reply means for a login and for a call (RAD-11, RAD-20 to RAD-30, ledger section 4).
 */
#include "test/unit/unit_radius_fake.h"

#include "pacd/aaa/ask.h"
#include "pacd/proto/mschap.h"

#include <ctype.h>
#include <netinet/in.h>

static struct aaa_answer a;
static struct conf_radius conf;
static struct plugin_auth proof;

static void setup(void)
{
	conf.unknown_attributes = CONF_UNKNOWN_IGNORE;
	proof = (struct plugin_auth){ .method = PLUGIN_PAP, .name_len = 5, .name = "alice" };
}

static void teardown(void)
{
	static const struct aaa_answer zeros;

	aaa_answer_wipe(&a);
	ck_assert_mem_eq(&a, &zeros, sizeof a);
}

static struct radius_packet packet(uint8_t code, uint8_t **copy)
{
	*copy = malloc(reply.len ? reply.len : 1);
	memcpy(*copy, reply.data, reply.len);
	return (struct radius_packet){ .code = code, .attributes = *copy, .len = reply.len };
}

/* The answer to what was given, in `a`. */
static void login_says(uint8_t code)
{
	uint8_t *copy;
	struct radius_packet p = packet(code, &copy);

	aaa_answer_wipe(&a);
	aaa_answer_login(&a, &p, &hiding, &proof, &conf);
	reply.len = 0;
	free(copy);
}

static void accepts(void)
{
	login_says(RADIUS_ACCESS_ACCEPT);
	ck_assert_msg(a.verdict == AAA_ACCEPT, "refused: %s", a.reason);
	ck_assert_int_eq(a.by, AAA_BY_RADIUS);
}

static void refused(const char *reason)
{
	ck_assert_int_eq(a.verdict, AAA_REJECT);
	ck_assert_str_eq(a.reason, reason);
	ck_assert(!a.has_keys && a.by == AAA_BY_NOBODY);
}

static void refuses(const char *reason)
{
	login_says(RADIUS_ACCESS_ACCEPT);
	refused(reason);
}

static void method(enum plugin_method m)
{
	proof.method = (uint8_t)m;
	proof.challenge_len = m == PLUGIN_MSCHAP ? 8 : 16;
	memset(proof.challenge, 7, sizeof proof.challenge);
}

/* --- accepting --- */

/* RAD-20, RAD-21: the name stays as it was sent; no attribute is needed. */
START_TEST(plain_accept)
{
	accepts();
	ck_assert_str_eq(a.account, "alice");
	ck_assert_str_eq(a.message, "Welcome");
	ck_assert(!a.address && !a.peer_chooses && !a.pool[0] && !a.sessions && !a.session_timeout && !a.idle_timeout);
	ck_assert(!a.has_keys && a.grant);
	give_text(RADIUS_REPLY_MESSAGE, "Good ");
	give_text(RADIUS_REPLY_MESSAGE, "morning");
	method(PLUGIN_CHAP_MD5);
	accepts();
	ck_assert_str_eq(a.message, "Good morning");
}
END_TEST

/* Ledger section 4. */
START_TEST(services)
{
	for (uint32_t service = 0; service < 20; service++) {
		give_number(RADIUS_SERVICE_TYPE, service);
		if (service == RADIUS_SERVICE_FRAMED)
			accepts();
		else
			refuses("service-type");
	}
	give_number(RADIUS_FRAMED_PROTOCOL, 1);
	accepts();
	give_number(RADIUS_FRAMED_PROTOCOL, 2);
	refuses("framed-protocol");
	give_text(RADIUS_CALLBACK_NUMBER, "123");
	refuses("callback");
	give_text(RADIUS_CALLBACK_ID, "x");
	refuses("callback");
	ck_assert_str_eq(a.message, "Not permitted");
}
END_TEST

/* RFC 2868 section 3.1: of sets of tunnels one must be usable. */
START_TEST(tunnels)
{
	give_number(RADIUS_TUNNEL_TYPE, 0x01000003); /* L2TP, tag 1 */
	refuses("tunnel-type");
	give_number(RADIUS_TUNNEL_TYPE, 0x01000003);
	give_number(RADIUS_TUNNEL_TYPE, 0x02000001); /* or PPTP */
	accepts();
	give_text(RADIUS_TUNNEL_ASSIGNMENT_ID, "x"); /* of no type */
	accepts();
}
END_TEST

START_TEST(filters)
{
	char *names[] = { (char *)"gold", (char *)"silver" };

	give_text(RADIUS_FILTER_ID, "lead"); /* none are listed: all are known */
	accepts();
	ck_assert_str_eq(a.grant->filter, "lead");
	conf.filters = names;
	conf.nfilters = 2;
	accepts();
	give_text(RADIUS_FILTER_ID, "silver");
	accepts();
	ck_assert_str_eq(a.grant->filter, "silver");
	give_text(RADIUS_FILTER_ID, "lead");
	give_text(RADIUS_FILTER_ID, "tin");
	give_text(RADIUS_FILTER_ID, "silver");
	give_text(RADIUS_FILTER_ID, "gold");
	accepts();
	ck_assert_str_eq(a.grant->filter, "silver"); /* RFC 5080 section 2.4: the first that is known */
	give_text(RADIUS_FILTER_ID, "lead");
	refuses("unknown-filter");
	conf.unknown_filter = CONF_UNKNOWN_IGNORE;
	give_text(RADIUS_FILTER_ID, "lead");
	accepts();
	ck_assert(!a.grant->filter[0] && !(a.grant->given & RADIUS_GIVEN_FILTER)); /* in without it */
}
END_TEST

/* RFC 5080 section 2.5. */
START_TEST(unknown_attributes)
{
	give_text(200, "?");
	accepts();
	conf.unknown_attributes = CONF_UNKNOWN_REFUSE;
	give_text(200, "?");
	refuses("unknown-attribute");
	give_vsa(99999, 1, "?", 1);
	accepts(); /* those of vendors never matter */
}
END_TEST

/* RFC 2865 section 5: of a wrong size is a Reject. */
START_TEST(bad_attributes)
{
	give(RADIUS_SESSION_TIMEOUT, "abc", 3);
	refuses("bad-attribute");
	ck_assert_uint_eq(a.bad_attribute, RADIUS_SESSION_TIMEOUT);
	ck_assert_str_eq(a.message, "Login failed");
	give_number(RADIUS_FRAMED_IP_ADDRESS, 0x7f000001);
	refuses("bad-attribute");
	ck_assert_uint_eq(a.bad_attribute, RADIUS_FRAMED_IP_ADDRESS);
	method(PLUGIN_MSCHAPV2);
	give(RADIUS_IDLE_TIMEOUT, "a", 1);
	refuses("bad-attribute");
	ck_assert_int_eq(strncmp(a.message, "E=691 R=0 C=", 12), 0);
	give(RADIUS_IDLE_TIMEOUT, "a", 1); /* nobody looks at it in a Reject */
	login_says(RADIUS_ACCESS_REJECT);
	refused("rejected");
}
END_TEST

START_TEST(addresses)
{
	give_number(RADIUS_FRAMED_IP_ADDRESS, 0x0a010203);
	give_text(RADIUS_FRAMED_POOL, "ignored");
	accepts();
	ck_assert(a.address == 0x0a010203 && !a.peer_chooses && !a.pool[0]);
	give_number(RADIUS_FRAMED_IP_ADDRESS, RADIUS_ADDRESS_USER);
	accepts();
	ck_assert(!a.address && a.peer_chooses);
	give_number(RADIUS_FRAMED_IP_ADDRESS, RADIUS_ADDRESS_NAS);
	give_text(RADIUS_FRAMED_POOL, "main");
	accepts();
	ck_assert(!a.address && !a.peer_chooses);
	ck_assert_str_eq(a.pool, "main");
	give_number(RADIUS_SESSION_TIMEOUT, 100);
	give_number(RADIUS_IDLE_TIMEOUT, 50);
	give_number(RADIUS_PORT_LIMIT, 3);
	accepts();
	ck_assert(a.session_timeout == 100 && a.idle_timeout == 50 && a.sessions == 3);
	ck_assert_int_eq(a.on_limit, CONF_LIMIT_REFUSE);
}
END_TEST

/* RAD-23. */
START_TEST(mschapv2_success)
{
	char text[254];

	method(PLUGIN_MSCHAPV2);
	refuses("no-mschap2-success");
	ck_assert_int_eq(strncmp(a.message, "E=691 R=0 C=", 12), 0);
	give_success();
	accepts();
	ck_assert_str_eq(a.message, "S=407A5589115FD0D6209F510FE9C04566932CDA56 M=Welcome");
	give_success();
	give_text(RADIUS_REPLY_MESSAGE, "Hi");
	accepts();
	ck_assert_str_eq(a.message, "S=407A5589115FD0D6209F510FE9C04566932CDA56 M=Hi");
	memset(text, 'x', sizeof text);
	text[253] = '\0';
	give_success();
	give_text(RADIUS_REPLY_MESSAGE, text);
	accepts();
	ck_assert_uint_eq(strlen(a.message), 253);
	/* Of the first version none is needed. */
	method(PLUGIN_MSCHAP);
	accepts();
	ck_assert_str_eq(a.message, "Welcome");
}
END_TEST

/* --- rejecting --- */

/* RAD-27. */
START_TEST(plain_reject)
{
	give_number(RADIUS_FRAMED_IP_ADDRESS, 0x0a010203);
	give_ms_text(RADIUS_MS_CHAP_ERROR, "E=648 R=1 C=00");
	login_says(RADIUS_ACCESS_REJECT);
	refused("rejected");
	ck_assert_str_eq(a.message, "Login failed");
	ck_assert(!a.address && !a.mschap_error && !a.retry_offered);
	give_text(RADIUS_REPLY_MESSAGE, "Pay first");
	login_says(RADIUS_ACCESS_REJECT);
	ck_assert_str_eq(a.message, "Pay first");
}
END_TEST

#define C32 "0123456789ABCDEFfedcba9876543210"

/* "E=n R=0 C=.. V=3 M=text", with `digits` of a challenge; the challenge. */
static const char *failure_is(unsigned error, size_t digits, const char *rest)
{
	char start[32];
	const char *c = a.message + sprintf(start, "E=%u R=0 C=", error);

	ck_assert_uint_eq(a.mschap_error, error);
	ck_assert_msg(!strncmp(a.message, start, strlen(start)), "%s", a.message);
	for (size_t i = 0; i < digits; i++)
		ck_assert(isxdigit((unsigned char)c[i]));
	ck_assert_str_eq(c + digits, rest);
	return c;
}

/* RAD-24: the server's challenge stays, R=1 does not. */
START_TEST(mschapv2_reject)
{
	method(PLUGIN_MSCHAPV2);
	login_says(RADIUS_ACCESS_REJECT);
	refused("rejected");
	failure_is(691, 32, " V=3 M=Login failed");
	ck_assert(!a.retry_offered);

	give_ms_text(RADIUS_MS_CHAP_ERROR, "E=648 R=1 C=" C32 " V=3 M=Expired");
	login_says(RADIUS_ACCESS_REJECT);
	ck_assert_str_eq(a.message, "E=648 R=0 C=" C32 " V=3 M=Expired");
	ck_assert(a.retry_offered);

	give_ms_text(RADIUS_MS_CHAP_ERROR, "E=649 R=0 V=3"); /* no challenge: one of ours */
	give_text(RADIUS_REPLY_MESSAGE, "Not you");
	login_says(RADIUS_ACCESS_REJECT);
	failure_is(649, 32, " V=3 M=Not you");
	ck_assert(!a.retry_offered);

	give_ms_text(RADIUS_MS_CHAP_ERROR, "E=647 R=0 C=0011 V=3 M="); /* of a wrong length */
	login_says(RADIUS_ACCESS_REJECT);
	ck_assert_int_ne(strncmp(failure_is(647, 32, " V=3 M=Login failed"), "0011", 5), 0);
	give_ms_text(RADIUS_MS_CHAP_ERROR, "E=647 R=0 C=" C32 "00");
	login_says(RADIUS_ACCESS_REJECT);
	ck_assert_int_ne(strncmp(failure_is(647, 32, " V=3 M=Login failed"), C32, 32), 0);

	give_ms_text(RADIUS_MS_CHAP_ERROR, "what? E=99999 R=");
	login_says(RADIUS_ACCESS_REJECT);
	failure_is(691, 32, " V=3 M=Login failed");
}
END_TEST

START_TEST(mschap_reject)
{
	char first[64];

	method(PLUGIN_MSCHAP);
	login_says(RADIUS_ACCESS_REJECT);
	strcpy(first, a.message);
	failure_is(691, 16, " V=2");
	login_says(RADIUS_ACCESS_REJECT);
	ck_assert_str_ne(first, a.message); /* a challenge of ours is a fresh one */
	give_ms_text(RADIUS_MS_CHAP_ERROR, "E=646 R=1 C=0123456789ABCDEF V=2");
	give_text(RADIUS_REPLY_MESSAGE, "has no place");
	login_says(RADIUS_ACCESS_REJECT);
	ck_assert_str_eq(a.message, "E=646 R=0 C=0123456789ABCDEF V=2");
	ck_assert(a.retry_offered);
}
END_TEST

/* RAD-26. */
START_TEST(challenge)
{
	give_text(RADIUS_REPLY_MESSAGE, "Enter your token");
	give_text(RADIUS_STATE, "s");
	login_says(RADIUS_ACCESS_CHALLENGE);
	refused("challenge");
	ck_assert_str_eq(a.message, "Enter your token");
	ck_assert(a.retry_offered);
	method(PLUGIN_MSCHAPV2);
	give_text(RADIUS_REPLY_MESSAGE, "Token?");
	login_says(RADIUS_ACCESS_CHALLENGE);
	failure_is(691, 32, " V=3 M=Token?");
	ck_assert(a.retry_offered);
}
END_TEST

/* --- keys --- */

/* RAD-28. */
START_TEST(mppe_keys)
{
	static const uint8_t send[16] = { 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55,
		0x55, 0x55, 0x55 };

	method(PLUGIN_MSCHAPV2);
	give_success();
	give_keys();
	accepts();
	ck_assert(a.has_keys);
	ck_assert_mem_eq(a.send_key, send, 16);
	ck_assert_uint_eq(a.recv_key[0], 0xAA);
	ck_assert_uint_eq(a.recv_key[15], 0xAA);
	give_success();
	give_key(RADIUS_MS_MPPE_SEND_KEY, 1); /* one alone is none */
	accepts();
	ck_assert(!a.has_keys);
	give_keys();
	refuses("no-mschap2-success");
	give_keys();
	login_says(RADIUS_ACCESS_REJECT);
	refused("rejected");
}
END_TEST

/* RAD-29: the same both ways, and of no use to any other method. */
START_TEST(mschap_keys)
{
	uint8_t keys[32], expected[16], hash[16];

	for (int i = 0; i < 32; i++)
		keys[i] = (uint8_t)(i < 8 ? 1 : i < 24 ? 0x20 + i : 0);
	memcpy(hash, keys + 8, 16);
	hide(keys, sizeof keys, NULL);
	method(PLUGIN_MSCHAP);
	mschap_v1_start_key(hash, proof.challenge, expected);
	give_ms(RADIUS_MS_CHAP_MPPE_KEYS, keys, sizeof keys);
	accepts();
	ck_assert(a.has_keys);
	ck_assert_mem_eq(a.send_key, expected, 16);
	ck_assert_mem_eq(a.recv_key, expected, 16);
	method(PLUGIN_CHAP_MD5);
	proof.challenge_len = 8;
	give_ms(RADIUS_MS_CHAP_MPPE_KEYS, keys, sizeof keys);
	accepts();
	ck_assert(!a.has_keys);
	method(PLUGIN_MSCHAP);
	proof.challenge_len = 16;
	give_ms(RADIUS_MS_CHAP_MPPE_KEYS, keys, sizeof keys);
	accepts();
	ck_assert(!a.has_keys);
}
END_TEST

/* --- calls --- */

static void call_says(uint8_t code)
{
	uint8_t *copy;
	struct radius_packet p = packet(code, &copy);

	aaa_answer_wipe(&a);
	aaa_answer_call(&a, &p, &hiding, &conf, false);
	reply.len = 0;
	free(copy);
}

static void call_refused(uint8_t code, const char *reason)
{
	call_says(code);
	ck_assert_int_eq(a.verdict, AAA_REJECT);
	ck_assert_str_eq(a.reason, reason);
}

/* RAD-11. */
START_TEST(calls)
{
	char *names[] = { (char *)"gold" };

	call_says(RADIUS_ACCESS_ACCEPT);
	ck_assert_int_eq(a.verdict, AAA_ACCEPT);
	for (uint32_t service = 0; service < 20; service++) {
		give_number(RADIUS_SERVICE_TYPE, service);
		give_number(RADIUS_PORT_LIMIT, 7);
		call_says(RADIUS_ACCESS_ACCEPT);
		ck_assert_int_eq(a.verdict == AAA_ACCEPT, service == RADIUS_SERVICE_FRAMED ||
						       service == RADIUS_SERVICE_CALL_CHECK);
		if (a.verdict == AAA_ACCEPT)
			ck_assert_uint_eq(a.sessions, 7);
		else
			ck_assert_str_eq(a.reason, "service-type");
	}
	call_refused(RADIUS_ACCESS_REJECT, "rejected");
	call_refused(RADIUS_ACCESS_CHALLENGE, "challenge");
	give_number(RADIUS_TUNNEL_TYPE, 3);
	call_refused(RADIUS_ACCESS_ACCEPT, "tunnel-type");
	give(RADIUS_PORT_LIMIT, "x", 1);
	call_refused(RADIUS_ACCESS_ACCEPT, "bad-attribute");
	ck_assert_uint_eq(a.bad_attribute, RADIUS_PORT_LIMIT);
	give_text(RADIUS_CALLBACK_ID, "x");
	call_refused(RADIUS_ACCESS_ACCEPT, "callback");
	conf.filters = names;
	conf.nfilters = 1;
	give_text(RADIUS_FILTER_ID, "lead");
	call_refused(RADIUS_ACCESS_ACCEPT, "unknown-filter");
	conf.unknown_attributes = CONF_UNKNOWN_REFUSE;
	give_text(200, "x");
	call_refused(RADIUS_ACCESS_ACCEPT, "unknown-attribute");
}
END_TEST

/* --- what is shared --- */

START_TEST(grants_move)
{
	struct radius_grant *one = calloc(1, sizeof *one), *two = calloc(1, sizeof *two), *from = two;

	aaa_grant_move(&one, &from);
	ck_assert_ptr_eq(one, two);
	ck_assert_ptr_null(from);
	aaa_grant_free(one);
	aaa_grant_free(NULL);
}
END_TEST

/* RAD-01. */
START_TEST(nas)
{
	struct radius_nas n;
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = { { { 0x20, 1 } } } };

	memset(&n, 0xEE, sizeof n);
	aaa_nas(&n, &conf);
	ck_assert(!n.address && !n.has_address6 && !n.identifier[0]);
	conf.nas_identifier = (char *)"box";
	conf.nas_ip_address = 0xc0000201;
	memcpy(&conf.nas_ipv6_address, &six, sizeof six);
	aaa_nas(&n, &conf);
	ck_assert(n.address == 0xc0000201 && n.has_address6 && n.address6[0] == 0x20 && n.address6[1] == 1);
	ck_assert_str_eq(n.identifier, "box");
}
END_TEST

static Suite *answer_suite(void)
{
	Suite *s = suite_create("answer");
	static const TTest *const *const tests[] = { &plain_accept, &services, &tunnels, &filters, &unknown_attributes,
		&bad_attributes, &addresses, &mschapv2_success, &plain_reject, &mschapv2_reject, &mschap_reject,
		&challenge, &mppe_keys, &mschap_keys, &calls, &grants_move, &nas };
	TCase *tc = tcase_create("replies");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(tc, *tests[i]);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(answer_suite)
