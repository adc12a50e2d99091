/*
 * PAP, CHAP-MD5, MS-CHAPv1 and v2, MPPE keys: the vectors of RFC 2433 B.2, RFC 2759 9.2, RFC 3079 2.5.3 and 3.5, and
 * values computed apart from this code where the RFCs give none.
 */
#include "pacd/proto/mschap.h"
#include "test/unit/unit.h"

#include <stdint.h>

static const uint8_t user[] = "User";
static const uint8_t auth_challenge[] = { 0x5B, 0x5D, 0x7C, 0x7D, 0x7B, 0x3F, 0x2F, 0x3E,
					  0x3C, 0x2C, 0x60, 0x21, 0x32, 0x26, 0x26, 0x28 };
static const uint8_t peer_challenge[] = { 0x21, 0x40, 0x23, 0x24, 0x25, 0x5E, 0x26, 0x2A,
					  0x28, 0x29, 0x5F, 0x2B, 0x3A, 0x33, 0x7C, 0x7E };
static const uint8_t hash_user[] = { 0x44, 0xEB, 0xBA, 0x8D, 0x53, 0x12, 0xB8, 0xD6,
				     0x11, 0x47, 0x44, 0x11, 0xF5, 0x69, 0x89, 0xAE };
static const uint8_t response_user[] = { 0x82, 0x30, 0x9E, 0xCD, 0x8D, 0x70, 0x8B, 0x5E, 0xA0, 0x8F, 0xAA, 0x39,
					 0x81, 0xCD, 0x83, 0x54, 0x42, 0x33, 0x11, 0x4A, 0x3D, 0x85, 0xD6, 0xDF };
static const uint8_t challenge_v1[] = { 0x10, 0x2D, 0xB5, 0xDF, 0x08, 0x5D, 0x30, 0x41 };
static const uint8_t hash_v1[] = { 0xFC, 0x15, 0x6A, 0xF7, 0xED, 0xCD, 0x6C, 0x0E,
				   0xDD, 0xE3, 0x33, 0x7D, 0x42, 0x7F, 0x4E, 0xAC };
static const uint8_t response_v1[] = { 0x4E, 0x9D, 0x3C, 0x8F, 0x9C, 0xFD, 0x38, 0x5D, 0x5B, 0xF4, 0xD3, 0x24,
				       0x67, 0x91, 0x95, 0x6C, 0xA4, 0xC3, 0x51, 0xAB, 0x40, 0x9A, 0x3D, 0x61 };

/* From an allocation of its own, so that a sanitizer sees one octet too many. */
static void hash_is(const void *password, size_t len, const uint8_t expected[16])
{
	uint8_t hash[16], *copy = malloc(len ? len : 1);

	memcpy(copy, password, len);
	mschap_nt_hash(copy, len, hash);
	free(copy);
	ck_assert_mem_eq(hash, expected, 16);
}

START_TEST(nt_hash_rfc)
{
	hash_is("clientPass", 10, hash_user);
	hash_is("MyPw", 4, hash_v1);
}
END_TEST

START_TEST(nt_hash_empty)
{
	static const uint8_t empty[16] = { 0x31, 0xD6, 0xCF, 0xE0, 0xD1, 0x6A, 0xE9, 0x31,
					   0xB7, 0x3C, 0x59, 0xD7, 0xE0, 0xC0, 0x89, 0xC0 };

	hash_is("", 0, empty);
}
END_TEST

/* Two, three and four octets: U+E4, U+20AC, U+1D11E and U+10FFFF with their surrogates. */
START_TEST(nt_hash_utf8)
{
	static const uint8_t expected[16] = { 0x34, 0xE7, 0xE0, 0xE1, 0xC1, 0x2C, 0xAC, 0x7F,
					      0xA4, 0x11, 0x37, 0x6D, 0x8C, 0x27, 0x78, 0xEC };

	hash_is("p\xC3\xA4\xE2\x82\xAC\xF0\x9D\x84\x9E\xF4\x8F\xBF\xBF", 14, expected);
}
END_TEST

/* A lone octet, overlong forms, a surrogate, beyond U+10FFFF, two cut sequences: each octet for itself. */
START_TEST(nt_hash_latin1)
{
	static const uint8_t expected[16] = { 0xE0, 0xEE, 0x4D, 0x81, 0xA9, 0x7A, 0x9E, 0x93,
					      0xD2, 0x3D, 0xE0, 0x47, 0xC2, 0xFD, 0x18, 0x8A };

	hash_is("a\xE4\xC0\xAF\xED\xA0\x80\xF4\x90\x80\x80\xE2\x82\xC3", 14, expected);
}
END_TEST

START_TEST(v1_rfc)
{
	ck_assert(mschap_v1_verify(hash_v1, challenge_v1, response_v1));
}
END_TEST

/* Every bit of response, challenge and hash matters. */
START_TEST(v1_wrong)
{
	uint8_t wrong[24];

	for (size_t bit = 0; bit < 24 * 8; bit++) {
		memcpy(wrong, response_v1, 24);
		wrong[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert(!mschap_v1_verify(hash_v1, challenge_v1, wrong));
	}
	for (size_t bit = 0; bit < 16 * 8; bit++) {
		memcpy(wrong, hash_v1, 16);
		wrong[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert(!mschap_v1_verify(wrong, challenge_v1, response_v1));
	}
	for (size_t bit = 0; bit < 8 * 8; bit++) {
		memcpy(wrong, challenge_v1, 8);
		wrong[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert(!mschap_v1_verify(hash_v1, wrong, response_v1));
	}
}
END_TEST

static bool v2(const void *name, size_t len, const uint8_t *response, char *text)
{
	return mschap_v2_verify(hash_user, name, len, auth_challenge, peer_challenge, response, text);
}

START_TEST(v2_rfc)
{
	char text[MSCHAP_AUTH_RESPONSE_LEN];

	ck_assert(v2(user, 4, response_user, text));
	ck_assert_str_eq(text, "S=407A5589115FD0D6209F510FE9C04566932CDA56");
}
END_TEST

START_TEST(v2_domain)
{
	char text[MSCHAP_AUTH_RESPONSE_LEN];

	ck_assert(v2("BIGCO\\User", 10, response_user, text));
	ck_assert(v2("a\\b\\User", 8, response_user, text));
	ck_assert(v2("\\User", 5, response_user, text));
	ck_assert(!v2("User\\", 5, response_user, text));
	ck_assert(!v2("BIGCO/User", 10, response_user, text));
}
END_TEST

START_TEST(v2_wrong)
{
	char text[MSCHAP_AUTH_RESPONSE_LEN] = "old";
	uint8_t wrong[24];

	for (size_t bit = 0; bit < 24 * 8; bit++) {
		memcpy(wrong, response_user, 24);
		wrong[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert(!v2(user, 4, wrong, text));
		ck_assert_str_eq(text, "");
	}
	ck_assert(!v2("user", 4, response_user, text));
	ck_assert(!v2("Use", 3, response_user, text));
	ck_assert(!v2("", 0, response_user, text));
	ck_assert(!mschap_v2_verify(hash_user, user, 4, peer_challenge, auth_challenge, response_user, text));
	ck_assert(!mschap_v2_verify(hash_v1, user, 4, auth_challenge, peer_challenge, response_user, text));
}
END_TEST

/* The first 8 octets are SendStartKey40 and SendStartKey56 too (RFC 3079 3.5.1, 3.5.2). */
START_TEST(v2_keys_rfc)
{
	static const uint8_t send_expected[16] = { 0x8B, 0x7C, 0xDC, 0x14, 0x9B, 0x99, 0x3A, 0x1B,
						   0xA1, 0x18, 0xCB, 0x15, 0x3F, 0x56, 0xDC, 0xCB };
	static const uint8_t recv_expected[16] = { 0xD5, 0xF0, 0xE9, 0x52, 0x1E, 0x3E, 0xA9, 0x58,
						   0x96, 0x45, 0xE8, 0x60, 0x51, 0xC8, 0x22, 0x26 };
	uint8_t send[16], recv[16];

	mschap_v2_mppe_keys(hash_user, response_user, send, recv);
	ck_assert_mem_eq(send, send_expected, 16);
	ck_assert_mem_eq(recv, recv_expected, 16);
}
END_TEST

/* RFC 3079 2.5.3; its step 3 misprints one octet (CA for C1), step 4 and step 5 agree with this. */
START_TEST(v1_key_rfc)
{
	static const uint8_t expected[16] = { 0xA8, 0x94, 0x78, 0x50, 0xCF, 0xC0, 0xAC, 0xC1,
					      0xD1, 0x78, 0x9F, 0xB6, 0x2D, 0xDC, 0xDD, 0xB0 };
	uint8_t key[16];

	mschap_v1_mppe_key(hash_user, challenge_v1, key);
	ck_assert_mem_eq(key, expected, 16);
}
END_TEST

START_TEST(md5)
{
	static const uint8_t response[16] = { 0x0A, 0x90, 0x65, 0xCD, 0xCE, 0xBB, 0xE4, 0x9B,
					      0xD1, 0xF1, 0xD1, 0xFD, 0xA6, 0xCE, 0x3F, 0xF9 };
	const uint8_t *secret = (const uint8_t *)"secret";
	uint8_t challenge[16], wrong[16];

	for (uint8_t i = 0; i < 16; i++)
		challenge[i] = i;
	ck_assert(chap_md5_verify(5, secret, 6, challenge, 16, response));
	ck_assert(!chap_md5_verify(6, secret, 6, challenge, 16, response));
	ck_assert(!chap_md5_verify(5, secret, 5, challenge, 16, response));
	ck_assert(!chap_md5_verify(5, secret, 6, challenge, 15, response));
	ck_assert(!chap_md5_verify(5, NULL, 0, NULL, 0, response));
	for (size_t bit = 0; bit < 16 * 8; bit++) {
		memcpy(wrong, response, 16);
		wrong[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert(!chap_md5_verify(5, secret, 6, challenge, 16, wrong));
	}
}
END_TEST

static bool pap(const char *secret, const char *password)
{
	return pap_verify((const uint8_t *)secret, strlen(secret), (const uint8_t *)password, strlen(password));
}

START_TEST(pap_compare)
{
	ck_assert(pap("secret", "secret"));
	ck_assert(pap("", ""));
	ck_assert(!pap("secret", "secreT"));
	ck_assert(!pap("secret", "Secret"));
	ck_assert(!pap("secret", "secre"));
	ck_assert(!pap("secret", ""));
	ck_assert(!pap("", "secret"));
	ck_assert(!pap("ab", "abab"));
	ck_assert(!pap("abab", "ab"));
	/* The difference of the lengths must not be cut to an octet. */
	ck_assert(!pap_verify((const uint8_t *)"\0", 1, (const uint8_t[257]){ 0 }, 257));
}
END_TEST

static Suite *mschap_suite(void)
{
	Suite *s = suite_create("mschap");

	UNIT_CASE(s, "nt_hash", nt_hash_rfc, nt_hash_empty, nt_hash_utf8, nt_hash_latin1);
	UNIT_CASE(s, "verify", v1_rfc, v1_wrong, v2_rfc, v2_domain, v2_wrong, md5, pap_compare);
	UNIT_CASE(s, "keys", v2_keys_rfc, v1_key_rfc);
	return s;
}

UNIT_MAIN(mschap_suite)
