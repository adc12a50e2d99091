/*
 * Questions to RADIUS servers: what goes out (RAD-10, RAD-20 to RAD-23), who gets the answer, and that a question is
 * either answered or cancelled, once.
 */
#include "test/unit/unit_radius_fake.h"

#include "pacd/aaa/ask.h"
#include "pacd/proto/mschap.h"

static struct conf_radius conf = { .precheck_password = (char *)"dummy", .unknown_attributes = CONF_UNKNOWN_IGNORE };
static const struct radius_nas nas = { .address = 0xc0000201, .identifier = "nas" };
static const struct aaa_servers servers = { .client = &client, .conf = &conf, .nas = &nas };
static struct radius_call call = { .session_id = "0001", .nas_port = 12, .port_type = RADIUS_PORT_VIRTUAL,
				   .port_id = "pptp12", .calling = "192.0.2.77", .called = "5550100",
				   .connect_info = "64000 PPTP",
				   .tunnel = { .client = 1, .server = 2, .connection = "9" } };

static struct {
	unsigned n;
	uint64_t session;
	enum aaa_verdict verdict;
	char reason[32], server[AAA_SERVER_TEXT], message[PLUGIN_TEXT_MAX + 1];
	bool asked; /* a login's proof came back, with this first octet */
	uint8_t first;
	struct radius_grant *keep;
} seen;

static void done(void *ctx, uint64_t session, struct aaa_answer *a, const struct aaa_request *rq)
{
	ck_assert_ptr_eq(ctx, &seen);
	seen.n++;
	seen.session = session;
	ck_assert_uint_eq(a->session, session);
	seen.verdict = a->verdict;
	strcpy(seen.reason, a->reason);
	strcpy(seen.server, a->server);
	strcpy(seen.message, a->message);
	seen.asked = rq != NULL;
	seen.first = rq ? rq->proof.proof[0] : 0;
	if (a->grant)
		aaa_grant_move(&seen.keep, &a->grant);
}

static void teardown(void)
{
	ck_assert_uint_eq(waiting(), 0);
	aaa_grant_free(seen.keep);
}

static struct aaa_request rq = { .session = 42 };

static struct aaa_exchange *ask(uint8_t method, const void *challenge, size_t challenge_len, const void *proof,
				size_t len)
{
	struct plugin_auth *p = &rq.proof;
	struct aaa_exchange *x;

	*p = (struct plugin_auth){ .method = method, .id = 77, .name_len = 5, .name = "D\\bob",
				   .challenge_len = (uint8_t)challenge_len, .proof_len = (uint8_t)len };
	memcpy(p->challenge, challenge, challenge_len);
	memcpy(p->proof, proof, len);
	x = aaa_ask_login(&servers, &rq, &call, done, &seen);
	ck_assert_ptr_nonnull(x);
	memset(p, 0, sizeof *p); /* it has a copy */
	return x;
}

/* RAD-01 to RAD-07. */
static void check_call(const struct attrs *l)
{
	attr_is(l, RADIUS_NAS_IP_ADDRESS, "\xc0\x00\x02\x01", 4);
	attr_is_text(l, RADIUS_NAS_IDENTIFIER, "nas");
	ck_assert_uint_eq(attr_number(l, RADIUS_NAS_PORT), 12);
	ck_assert_uint_eq(attr_number(l, RADIUS_NAS_PORT_TYPE), 5);
	attr_is_text(l, RADIUS_NAS_PORT_ID, "pptp12");
	attr_is_text(l, RADIUS_CALLING_STATION_ID, "192.0.2.77");
	attr_is_text(l, RADIUS_CALLED_STATION_ID, "5550100");
	attr_is_text(l, RADIUS_ACCT_SESSION_ID, "0001");
	attr_is_text(l, RADIUS_CONNECT_INFO, "64000 PPTP");
	ck_assert_uint_eq(attr_number(l, RADIUS_TUNNEL_TYPE), 1);
	ck_assert_uint_eq(attr_number(l, RADIUS_TUNNEL_MEDIUM_TYPE), 1);
	attr_is_text(l, RADIUS_TUNNEL_CLIENT_ENDPOINT, "0.0.0.1");
	attr_is_text(l, RADIUS_TUNNEL_SERVER_ENDPOINT, "0.0.0.2");
	attr_is_text(l, RADIUS_ACCT_TUNNEL_CONNECTION, "9");
	ck_assert_uint_eq(attr_count(l, RADIUS_STATE), 0);
}

static void check_login(const struct attrs *l)
{
	check_call(l);
	attr_is_text(l, RADIUS_USER_NAME, "D\\bob");
	ck_assert_uint_eq(attr_number(l, RADIUS_SERVICE_TYPE), 2);
	ck_assert_uint_eq(attr_number(l, RADIUS_FRAMED_PROTOCOL), 1);
}

/* The plain text of a password of up to 16 octets. */
static void check_password(const struct attrs *l, const char *text)
{
	uint8_t plain[16] = { 0 };

	memcpy(plain, text, strlen(text));
	hide(plain, sizeof plain, NULL);
	attr_is(l, RADIUS_USER_PASSWORD, plain, sizeof plain);
}

/* Exactly one kind of proof (RFC 2865 section 5.2, 5.3). */
static void check_proofs(const struct attrs *l, unsigned password, unsigned chap, unsigned vendor)
{
	ck_assert_uint_eq(attr_count(l, RADIUS_USER_PASSWORD), password);
	ck_assert_uint_eq(attr_count(l, RADIUS_CHAP_PASSWORD), chap);
	ck_assert_uint_eq(attr_count(l, RADIUS_CHAP_CHALLENGE), chap);
	ck_assert_uint_eq(attr_count(l, RADIUS_VENDOR_SPECIFIC), vendor);
}

START_TEST(pap)
{
	ask(PLUGIN_PAP, "", 0, "open sesame", 11);
	check_login(asked());
	check_password(asked(), "open sesame");
	check_proofs(asked(), 1, 0, 0);
	give_text(RADIUS_REPLY_MESSAGE, "Hello");
	server_accepts();
	ck_assert(seen.n == 1 && seen.session == 42 && seen.asked && seen.first == 'o');
	ck_assert_int_eq(seen.verdict, AAA_ACCEPT);
	ck_assert_str_eq(seen.server, SERVER);
	ck_assert_str_eq(seen.message, "Hello");
	ck_assert_str_eq(seen.keep->message, "Hello");
}
END_TEST

START_TEST(chap)
{
	ask(PLUGIN_CHAP_MD5, "challengechallenge", 18, "0123456789abcdef", 16);
	check_login(asked());
	attr_is(asked(), RADIUS_CHAP_PASSWORD, "M0123456789abcdef", 17);
	attr_is(asked(), RADIUS_CHAP_CHALLENGE, "challengechallenge", 18);
	check_proofs(asked(), 0, 1, 0);
	server_rejects();
	ck_assert_int_eq(seen.verdict, AAA_REJECT);
	ck_assert_str_eq(seen.reason, "rejected");
}
END_TEST

START_TEST(mschap)
{
	char value[49];
	struct radius_vsa v;

	memset(value, 'L', 24);
	memset(value + 24, 'N', 24);
	value[48] = 1;
	ask(PLUGIN_MSCHAP, "8 octets", 8, value, 49);
	check_login(asked());
	check_proofs(asked(), 0, 0, 2);
	v = attr_vsa(asked(), RADIUS_MICROSOFT, RADIUS_MS_CHAP_CHALLENGE);
	ck_assert(v.len == 8 && !memcmp(v.value, "8 octets", 8));
	v = attr_vsa(asked(), RADIUS_MICROSOFT, RADIUS_MS_CHAP_RESPONSE);
	ck_assert(v.len == 50 && v.value[0] == 77 && v.value[1] == 1 && !memcmp(v.value + 2, value, 48));
	server_fails();
	ck_assert_int_eq(seen.verdict, AAA_UNAVAILABLE);
	ck_assert_str_eq(seen.reason, "no-server");
	ck_assert_str_eq(seen.server, "");
	ck_assert_int_eq(strncmp(seen.message, "E=691 R=0 C=", 12), 0);
}
END_TEST

START_TEST(mschapv2)
{
	char value[49];
	struct radius_vsa v;

	for (int i = 0; i < 49; i++)
		value[i] = (char)i;
	ask(PLUGIN_MSCHAPV2, "sixteen octets..", 16, value, 49);
	check_login(asked());
	check_proofs(asked(), 0, 0, 2);
	v = attr_vsa(asked(), RADIUS_MICROSOFT, RADIUS_MS_CHAP_CHALLENGE);
	ck_assert(v.len == 16 && !memcmp(v.value, "sixteen octets..", 16));
	v = attr_vsa(asked(), RADIUS_MICROSOFT, RADIUS_MS_CHAP2_RESPONSE);
	ck_assert(v.len == 50 && v.value[0] == 77 && v.value[1] == 0 && !memcmp(v.value + 2, value, 48));
	give_success();
	server_accepts();
	ck_assert_int_eq(seen.verdict, AAA_ACCEPT);
}
END_TEST

/* RAD-20: what can't be asked is refused, not said to be without a server; and never from inside of asking. */
START_TEST(not_to_be_asked)
{
	char text[200];

	memset(text, 'p', sizeof text);
	ask(PLUGIN_PAP, "", 0, text, 129);
	ck_assert_uint_eq(seen.n, 0);
	server_fails();
	ck_assert_int_eq(seen.verdict, AAA_REJECT);
	ck_assert_str_eq(seen.reason, "malformed");
	ck_assert_str_eq(seen.message, "Login failed");
	ask(PLUGIN_MSCHAPV2, "short", 5, text, 49);
	server_fails();
	ck_assert_str_eq(seen.reason, "malformed");
	ask(PLUGIN_CHAP_MD5, "challenge", 9, text, 15);
	server_fails();
	ck_assert_str_eq(seen.reason, "malformed");
	ck_assert_uint_eq(seen.n, 3);
	client.full = true;
	ck_assert_ptr_null(aaa_ask_login(&servers, &rq, &call, done, &seen));
	ck_assert_ptr_null(aaa_ask_call(&servers, 1, &call, false, done, &seen));
	ck_assert_uint_eq(seen.n, 3);
}
END_TEST

/* RAD-10. */
START_TEST(calls)
{
	struct aaa_exchange *x = aaa_ask_call(&servers, 43, &call, false, done, &seen);

	ck_assert_ptr_nonnull(x);
	check_call(asked());
	attr_is_text(asked(), RADIUS_USER_NAME, "192.0.2.77");
	check_password(asked(), "dummy");
	ck_assert_uint_eq(attr_number(asked(), RADIUS_SERVICE_TYPE), RADIUS_SERVICE_CALL_CHECK);
	ck_assert_uint_eq(attr_count(asked(), RADIUS_FRAMED_PROTOCOL), 0);
	give_number(RADIUS_SERVICE_TYPE, RADIUS_SERVICE_CALL_CHECK);
	server_accepts();
	ck_assert(seen.n == 1 && seen.session == 43 && !seen.asked && seen.verdict == AAA_ACCEPT);
	aaa_ask_call(&servers, 44, &call, true, done, &seen);
	attr_is_text(asked(), RADIUS_USER_NAME, "5550100");
	check_password(asked(), "dummy");
	ck_assert_uint_eq(attr_number(asked(), RADIUS_SERVICE_TYPE), RADIUS_SERVICE_OUTBOUND);
	server_rejects();
	ck_assert(seen.session == 44 && seen.verdict == AAA_REJECT && !seen.asked);
	aaa_ask_call(&servers, 45, &call, false, done, &seen);
	server_fails();
	ck_assert(seen.session == 45 && seen.verdict == AAA_UNAVAILABLE);
	ck_assert_str_eq(seen.message, "");
}
END_TEST

/* Each is its own: the second of three is cancelled, and only that. */
START_TEST(cancelled)
{
	struct aaa_exchange *second;

	ask(PLUGIN_PAP, "", 0, "a", 1);
	second = ask(PLUGIN_PAP, "", 0, "b", 1);
	ask(PLUGIN_PAP, "", 0, "c", 1);
	aaa_cancel(second);
	aaa_cancel(NULL);
	ck_assert(ncancelled == 1 && jobs[1].over);
	server_accepts();
	ck_assert_uint_eq(seen.first, 'a');
	server_accepts();
	ck_assert_uint_eq(seen.first, 'c');
	ck_assert_uint_eq(seen.n, 2);
}
END_TEST

static Suite *ask_suite(void)
{
	Suite *s = suite_create("ask");
	static const TTest *const *const tests[] = { &pap, &chap, &mschap, &mschapv2, &not_to_be_asked, &calls,
		&cancelled };
	TCase *tc = tcase_create("questions");

	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_set_timeout(tc, 60);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(tc, *tests[i]);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(ask_suite)
