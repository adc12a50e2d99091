/*
 * Local users: each method's proof against secrets and NT hashes, names with a domain, and what the answers carry.
 * The vectors are those of RFC 2433 appendix B, RFC 2759 section 9.2 and RFC 3079 section 3.5.
 */
#include "pacd/aaa/aaa.h"
#include "test/unit/unit.h"

#include <nettle/md5.h>
#include <stdio.h>

/* MD4 of "clientPass" and of "MyPw" in UTF-16LE */
#define CLIENT_HASH "44EBBA8D5312B8D611474411F56989AE"
#define MYPW_HASH "FC156AF7EDCD6C0EDDE3337D427F4EAC"

static const char users_text[] =
	"users = ( { name = \"User\"; secret = \"clientPass\"; pool = \"b\"; sessions = 3; on_limit = \"replace\";"
	"  session_timeout = 60; idle_timeout = 30; },"
	"{ name = \"hash\"; nt_hash = \"" CLIENT_HASH "\"; address = \"10.0.0.200\"; },"
	"{ name = \"v1\"; secret = \"MyPw\"; }, { name = \"v1hash\"; nt_hash = \"" MYPW_HASH "\"; },"
	"{ name = \"DOM\\\\both\"; secret = \"one\"; }, { name = \"both\"; secret = \"two\"; },"
	"{ name = \"caf\xc3\xa9\"; secret = \"\xe2\x82\xac" "uro\"; } );";

static struct conf *conf;
static struct conf_users *users;

static void setup(void)
{
	static const char text[] = "pools = ( { name = \"a\"; local = \"10.0.0.1\"; ranges = [ \"10.0.0.2-9\" ]; },"
				   "{ name = \"b\"; local = \"10.0.0.1\"; ranges = [ \"10.1.0.2-9\" ]; } );";
	struct conf_errors errors;

	conf_errors_init(&errors);
	conf = conf_parse("f", text, sizeof text - 1, &errors);
	ck_assert_ptr_nonnull(conf);
	users = conf_users_parse("u", users_text, sizeof users_text - 1, conf, &errors);
	ck_assert_ptr_nonnull(users);
	conf_errors_clear(&errors);
}

static void teardown(void)
{
	conf_users_free(users);
	conf_free(conf);
}

static void unhex(uint8_t *out, const char *text)
{
	for (; *text; text += 2) {
		unsigned octet;

		ck_assert_int_eq(sscanf(text, "%2x", &octet), 1);
		*out++ = (uint8_t)octet;
	}
}

static struct aaa_request request(enum plugin_method method, const char *name)
{
	struct aaa_request rq = { .session = 77, .peer_addr = 0xc0000201 };

	rq.proof.method = (uint8_t)method;
	rq.proof.name_len = (uint8_t)strlen(name);
	memcpy(rq.proof.name, name, strlen(name));
	return rq;
}

static struct aaa_answer check(const struct aaa_request *rq)
{
	struct aaa_answer a;

	memset(&a, 0xa5, sizeof a); /* it must fill the whole answer */
	aaa_local_check(users, rq, &a);
	ck_assert_uint_eq(a.session, 77);
	ck_assert_uint_lt(strnlen(a.message, sizeof a.message), sizeof a.message);
	return a;
}

static void check_rejected(const struct aaa_answer *a, const char *reason)
{
	static const uint8_t zeros[16];

	ck_assert_int_eq(a->verdict, AAA_REJECT);
	ck_assert_str_eq(a->reason, reason);
	ck_assert(!a->has_keys);
	ck_assert_mem_eq(a->send_key, zeros, 16);
	ck_assert_mem_eq(a->recv_key, zeros, 16);
	ck_assert_str_eq(a->account, "");
	ck_assert_uint_eq(a->address, 0);
	ck_assert_ptr_null(strstr(a->message, "S="));
}

static void check_accepted(const struct aaa_answer *a, const char *account)
{
	ck_assert_str_eq(a->reason, "ok");
	ck_assert_int_eq(a->verdict, AAA_ACCEPT);
	ck_assert_str_eq(a->account, account);
}

/* --- PAP --- */

static struct aaa_answer pap(const char *name, const char *password)
{
	struct aaa_request rq = request(PLUGIN_PAP, name);

	rq.proof.proof_len = (uint8_t)strlen(password);
	memcpy(rq.proof.proof, password, strlen(password));
	return check(&rq);
}

START_TEST(test_pap)
{
	struct aaa_answer a = pap("User", "clientPass");

	check_accepted(&a, "User");
	ck_assert(!a.has_keys);
	ck_assert_str_eq(a.message, "Welcome");
	ck_assert_str_eq(a.pool, "b");
	ck_assert_uint_eq(a.address, 0);
	ck_assert_uint_eq(a.sessions, 3);
	ck_assert_int_eq(a.on_limit, CONF_LIMIT_REPLACE);
	ck_assert_uint_eq(a.session_timeout, 60);
	ck_assert_uint_eq(a.idle_timeout, 30);
	a = pap("hash", "clientPass"); /* against the NT hash */
	check_accepted(&a, "hash");
	ck_assert_uint_eq(a.address, 0x0a0000c8);
	ck_assert_str_eq(a.pool, "");
	ck_assert_uint_eq(a.sessions, 0);
	a = pap("caf\xc3\xa9", "\xe2\x82\xac" "uro");
	check_accepted(&a, "caf\xc3\xa9");
}
END_TEST

START_TEST(test_pap_wrong)
{
	static const char *const wrong[] = { "", "clientPas", "clientPasss", "clientpass", "ClientPass" };
	struct aaa_answer a;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		a = pap("User", wrong[i]);
		check_rejected(&a, "wrong-password");
		ck_assert_str_eq(a.message, "Login failed");
		a = pap("hash", wrong[i]);
		check_rejected(&a, "wrong-password");
	}
	a = pap("hash", CLIENT_HASH); /* the hash is no password */
	check_rejected(&a, "wrong-password");
}
END_TEST

START_TEST(test_unknown)
{
	struct aaa_answer a = pap("nobody", "x");

	check_rejected(&a, "no-such-user");
	a = pap("", "");
	check_rejected(&a, "no-such-user");
	a = pap("", "nobody has this secret");
	check_rejected(&a, "no-such-user");
	a = pap("user", "clientPass"); /* names are exact */
	check_rejected(&a, "no-such-user");
}
END_TEST

START_TEST(test_domain)
{
	struct aaa_answer a = pap("DOM\\User", "clientPass");

	check_accepted(&a, "User");
	a = pap("A\\B\\User", "clientPass");
	check_accepted(&a, "User");
	a = pap("DOM\\both", "one"); /* as given goes first */
	check_accepted(&a, "DOM\\both");
	a = pap("DOM\\both", "two");
	check_rejected(&a, "wrong-password");
	a = pap("X\\both", "two");
	check_accepted(&a, "both");
	a = pap("DOM\\", "two");
	check_rejected(&a, "no-such-user");
	a = pap("\\", "two");
	check_rejected(&a, "no-such-user");
}
END_TEST

START_TEST(test_name_with_nul)
{
	struct aaa_request rq = request(PLUGIN_PAP, "User");

	rq.proof.name_len = 5; /* "User\0" is another name */
	rq.proof.proof_len = 10;
	memcpy(rq.proof.proof, "clientPass", 10);
	struct aaa_answer a = check(&rq);
	check_rejected(&a, "no-such-user");
}
END_TEST

/* --- CHAP --- */

static struct aaa_request md5_request(const char *name, const char *secret)
{
	struct aaa_request rq = request(PLUGIN_CHAP_MD5, name);
	struct md5_ctx md5;

	rq.proof.id = 9;
	rq.proof.challenge_len = 17;
	memset(rq.proof.challenge, 0x5a, 17);
	rq.proof.proof_len = 16;
	md5_init(&md5);
	md5_update(&md5, 1, &rq.proof.id);
	md5_update(&md5, strlen(secret), (const uint8_t *)secret);
	md5_update(&md5, 17, rq.proof.challenge);
	md5_digest(&md5, 16, rq.proof.proof);
	return rq;
}

START_TEST(test_md5)
{
	struct aaa_request rq = md5_request("User", "clientPass");
	struct aaa_answer a = check(&rq);

	check_accepted(&a, "User");
	ck_assert(!a.has_keys);
	rq.proof.id++;
	a = check(&rq);
	check_rejected(&a, "wrong-password");
	rq.proof.id--;
	rq.proof.proof_len = 15;
	a = check(&rq);
	check_rejected(&a, "malformed");
	rq.proof.proof_len = 16;
	rq.proof.challenge_len = 0;
	a = check(&rq);
	check_rejected(&a, "malformed");
	rq = md5_request("hash", "clientPass"); /* MD5 needs the secret */
	a = check(&rq);
	check_rejected(&a, "method");
	rq = md5_request("nobody", "nobody has this secret");
	a = check(&rq);
	check_rejected(&a, "no-such-user");
}
END_TEST

static struct aaa_request v1_request(const char *name)
{
	struct aaa_request rq = request(PLUGIN_MSCHAP, name);

	rq.proof.challenge_len = 8;
	unhex(rq.proof.challenge, "102DB5DF085D3041");
	rq.proof.proof_len = 49;
	unhex(rq.proof.proof + 24, "4E9D3C8F9CFD385D5BF4D3246791956CA4C351AB409A3D61");
	rq.proof.proof[48] = 1;
	return rq;
}

START_TEST(test_mschap)
{
	struct aaa_request rq = v1_request("v1");
	struct aaa_answer a = check(&rq), b;

	check_accepted(&a, "v1");
	ck_assert(a.has_keys);
	ck_assert_mem_eq(a.send_key, a.recv_key, 16);
	rq = v1_request("v1hash");
	b = check(&rq);
	check_accepted(&b, "v1hash");
	ck_assert_mem_eq(a.send_key, b.send_key, 16);
	rq.proof.proof[47] ^= 1;
	a = check(&rq);
	check_rejected(&a, "wrong-password");
	ck_assert_str_eq(a.message + strlen(a.message) - 4, " V=2");
	ck_assert_int_eq(strncmp(a.message, "E=691 R=0 C=", 12), 0);
	ck_assert_uint_eq(strlen(a.message), 12 + 16 + 4);
	rq = v1_request("v1");
	rq.proof.proof[48] = 0; /* a LAN Manager response only */
	a = check(&rq);
	check_rejected(&a, "method");
	rq.proof.proof[48] = 1;
	rq.proof.proof_len = 48;
	a = check(&rq);
	check_rejected(&a, "malformed");
	rq.proof.proof_len = 49;
	rq.proof.challenge_len = 16;
	a = check(&rq);
	check_rejected(&a, "malformed");
}
END_TEST

static struct aaa_request v2_request(const char *name)
{
	struct aaa_request rq = request(PLUGIN_MSCHAPV2, name);

	rq.proof.challenge_len = 16;
	unhex(rq.proof.challenge, "5B5D7C7D7B3F2F3E3C2C602132262628");
	rq.proof.proof_len = 49;
	unhex(rq.proof.proof, "21402324255E262A28295F2B3A337C7E");
	unhex(rq.proof.proof + 24, "82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF");
	return rq;
}

START_TEST(test_mschapv2)
{
	struct aaa_request rq = v2_request("User");
	struct aaa_answer a = check(&rq), b;
	uint8_t key[16];

	check_accepted(&a, "User");
	ck_assert_str_eq(a.message, "S=407A5589115FD0D6209F510FE9C04566932CDA56 M=Welcome");
	ck_assert(a.has_keys);
	unhex(key, "8B7CDC149B993A1BA118CB153F56DCCB"); /* the server's send key */
	ck_assert_mem_eq(a.send_key, key, 16);
	ck_assert_mem_ne(a.recv_key, key, 16);
	rq = v2_request("DOMAIN\\User"); /* the domain does not take part in the hash */
	b = check(&rq);
	check_accepted(&b, "User");
	ck_assert_mem_eq(a.recv_key, b.recv_key, 16);
}
END_TEST

START_TEST(test_mschapv2_wrong)
{
	struct aaa_request rq = v2_request("User");
	struct aaa_answer a;

	for (int i = 0; i < 48; i++) {
		if (i >= 16 && i < 24)
			continue; /* reserved: not looked at */
		rq = v2_request("User");
		rq.proof.proof[i] ^= 0x10;
		a = check(&rq);
		check_rejected(&a, "wrong-password");
	}
	ck_assert_int_eq(strncmp(a.message, "E=691 R=0 C=", 12), 0);
	ck_assert_str_eq(a.message + 12 + 32, " V=3 M=Login failed");
	ck_assert_uint_eq(strspn(a.message + 12, "0123456789ABCDEF"), 32);
	rq = v2_request("v1");
	a = check(&rq);
	check_rejected(&a, "wrong-password");
	rq = v2_request("nobody");
	a = check(&rq);
	check_rejected(&a, "no-such-user");
	rq = v2_request("User");
	rq.proof.proof_len = 50;
	a = check(&rq);
	check_rejected(&a, "malformed");
	rq.proof.proof_len = 0;
	a = check(&rq);
	check_rejected(&a, "malformed");
	rq.proof.proof_len = 49;
	rq.proof.challenge_len = 8;
	a = check(&rq);
	check_rejected(&a, "malformed");
	rq = request(0, "User");
	a = check(&rq);
	check_rejected(&a, "method");
}
END_TEST

START_TEST(test_wipe)
{
	static const struct aaa_answer none;
	struct aaa_request rq = v2_request("User");
	struct aaa_answer a = check(&rq);

	aaa_answer_wipe(&a);
	ck_assert_mem_eq(&a, &none, sizeof a);
}
END_TEST

START_TEST(test_failure_text)
{
	struct aaa_answer a;
	char text[400];

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	aaa_failure_text(&a, PLUGIN_PAP, 649, "Not permitted");
	ck_assert_str_eq(a.message, "Not permitted");
	aaa_failure_text(&a, PLUGIN_CHAP_MD5, 649, text); /* cut to what fits */
	ck_assert_uint_eq(strlen(a.message), PLUGIN_TEXT_MAX);
	aaa_failure_text(&a, PLUGIN_MSCHAPV2, 649, text);
	ck_assert_uint_eq(strlen(a.message), PLUGIN_TEXT_MAX);
	ck_assert_int_eq(strncmp(a.message, "E=649 R=0 C=", 12), 0);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { test_pap, test_pap_wrong, test_unknown, test_domain, test_name_with_nul,
				       test_md5, test_mschap, test_mschapv2, test_mschapv2_wrong, test_wipe,
					      test_failure_text, NULL };
	Suite *s = suite_create("local");
	TCase *tc = tcase_create("local");

	tcase_add_checked_fixture(tc, setup, teardown);
	for (const TTest *const *t = tests; *t; t++)
		tcase_add_test(tc, *t);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
