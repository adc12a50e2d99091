/*
 * Vendor-Specific attributes of a reply (ledger section 3): MS-CHAP, MPPE keys (RAD-28 to RAD-30), and their form.
 */
#include "test/unit/unit_grant.h"

/* RFC 2548 section 2.4, computed apart from this code: keys of 16, 16, 32, 15 octets; then a length beyond the text. */
static const uint8_t send_hidden[] = {
	0x80, 0x01, 0xFB, 0x0C, 0x17, 0xE6, 0x4B, 0x5B, 0x55, 0x72, 0xB2, 0xC3, 0x64, 0xD0, 0x01, 0xB2,
	0x78, 0x62, 0x09, 0xA5, 0xB6, 0x8C, 0xEA, 0x6F, 0x99, 0xB9, 0xDC, 0xAA, 0xBF, 0x47, 0x0B, 0x78,
	0xA4, 0x59,
};
static const uint8_t recv_hidden[] = {
	0xFF, 0xFE, 0x91, 0xC9, 0xE1, 0x3B, 0x88, 0xDC, 0x67, 0xEE, 0x65, 0x6A, 0xF1, 0x52, 0x05, 0x94,
	0xFE, 0x0F, 0x9A, 0x4E, 0xF2, 0xF1, 0x8B, 0x0B, 0x9B, 0x96, 0x7D, 0xF8, 0xDB, 0x35, 0x57, 0xC8,
	0x9D, 0x3D,
};
static const uint8_t long_hidden[] = {
	0x9A, 0xBC, 0xFB, 0x2A, 0x59, 0x54, 0xA2, 0xD0, 0x38, 0xA3, 0x78, 0x11, 0xDF, 0x40, 0x05, 0x65,
	0xFF, 0x1B, 0x6B, 0xF0, 0x05, 0x84, 0x7A, 0x64, 0x5E, 0x6E, 0x86, 0x18, 0xAE, 0xF3, 0x22, 0xF9,
	0x6C, 0xB1, 0x81, 0x55, 0x03, 0xCF, 0x06, 0x6E, 0x10, 0x58, 0xC9, 0x60, 0x17, 0x2C, 0x4F, 0x8A,
	0x9C, 0x2A,
};
static const uint8_t short_hidden[] = {
	0x81, 0x02, 0x82, 0x24, 0x15, 0x48, 0x9E, 0x91, 0xE2, 0xD4, 0x4E, 0x3D, 0x59, 0x82, 0x09, 0xA8,
	0x8C, 0xAB,
};
static const uint8_t overlong_hidden[] = {
	0x81, 0x03, 0x67, 0xE4, 0xB2, 0x74, 0x46, 0x1C, 0x99, 0x69, 0xB5, 0x3E, 0x01, 0xF2, 0x21, 0x09,
	0x80, 0xDE, 0x7D, 0x0C, 0x67, 0x5D, 0x0D, 0x73, 0x25, 0xB4, 0xC8, 0x78, 0xEC, 0x2E, 0xAC, 0x9C,
	0xE4, 0x63,
};
static const uint8_t mschap_hidden[] = {
	0xDF, 0x44, 0x33, 0x8F, 0xF6, 0xB8, 0x61, 0x34, 0x85, 0xFC, 0x35, 0x14, 0x8D, 0x99, 0xB8, 0xCB,
	0x17, 0x98, 0xD8, 0x69, 0x1E, 0xCE, 0x04, 0xCD, 0x6E, 0x25, 0x60, 0xA7, 0xE9, 0x90, 0xC8, 0x8A,
};
static const uint8_t send_key[] = { 0x8B, 0x7C, 0xDC, 0x14, 0x9B, 0x99, 0x3A, 0x1B,
				    0xA1, 0x18, 0xCB, 0x15, 0x3F, 0x56, 0xDC, 0xCB };
static const uint8_t recv_key[] = { 0x40, 0x5C, 0xB2, 0x24, 0x7A, 0x79, 0x56, 0xE6,
				    0xE2, 0x11, 0x00, 0x7A, 0xE2, 0x7B, 0x22, 0xD4 };
static const uint8_t nt_key[] = { 0x41, 0xC0, 0x0C, 0x58, 0x4B, 0xD2, 0xD9, 0x1C,
				  0x40, 0x17, 0xA2, 0xA1, 0x2F, 0xA5, 0x9F, 0x3F };
static const char success[] = "\x07S=0123456789ABCDEF0123456789ABCDEF01234567";

/* --- MS-CHAP --- */

START_TEST(success_value)
{
	char copy[sizeof success];

	reply_begin(RADIUS_ACCESS_ACCEPT);
	add_vsa(RADIUS_MICROSOFT, RADIUS_MS_CHAP2_SUCCESS, success, 43);
	decodes();
	ck_assert_uint_eq(grant.given, RADIUS_GIVEN_SUCCESS);
	ck_assert_uint_eq(grant.success_id, 7);
	ck_assert_str_eq(grant.success, success + 1);
	for (size_t i = 1; i < 43; i++) {
		memcpy(copy, success, sizeof copy);
		copy[i] = i == 1 ? 's' : i == 2 ? ':' : i % 2 ? 'G' : '\0';
		reply_begin(RADIUS_ACCESS_ACCEPT);
		add_vsa(RADIUS_MICROSOFT, RADIUS_MS_CHAP2_SUCCESS, copy, 43);
		refused(RADIUS_VENDOR_SPECIFIC);
	}
}
END_TEST

/* RAD-24: of a Reject; in an Accept it means nothing. */
START_TEST(error_value)
{
	static const char error[] = "\x09" "E=691 R=0 C=00 V=3 M=no\x07\0more";

	reply_begin(RADIUS_ACCESS_REJECT);
	add_vsa(RADIUS_MICROSOFT, RADIUS_MS_CHAP_ERROR, error, sizeof error - 1);
	add_vsa(RADIUS_MICROSOFT, RADIUS_MS_CHAP_ERROR, "\x01second", 7);
	decodes();
	ck_assert_uint_eq(grant.given, RADIUS_GIVEN_ERROR);
	ck_assert_uint_eq(grant.error_id, 9);
	ck_assert_str_eq(grant.error, "E=691 R=0 C=00 V=3 M=no?");
	reply.code = RADIUS_ACCESS_ACCEPT;
	decodes();
	ck_assert_uint_eq(grant.given, 0);
	ck_assert_str_eq(grant.error, "");
}
END_TEST

START_TEST(error_sizes)
{
	char octets[247];

	memset(octets, 'E', sizeof octets);
	for (size_t len = 0; len <= sizeof octets; len++) {
		reply_begin(RADIUS_ACCESS_REJECT);
		add_vsa(RADIUS_MICROSOFT, RADIUS_MS_CHAP_ERROR, octets, len);
		if (len < 2) {
			refused(RADIUS_VENDOR_SPECIFIC);
			continue;
		}
		decodes();
		ck_assert_uint_eq(strlen(grant.error), len - 1);
	}
	reply_begin(RADIUS_ACCESS_REJECT);
	add_vsa(RADIUS_MICROSOFT, RADIUS_MS_CHAP_ERROR, "\x01\0E=691", 7);
	refused(RADIUS_VENDOR_SPECIFIC);
}
END_TEST

/* --- MPPE keys --- */

#define SEND(v) add_vsa(RADIUS_MICROSOFT, RADIUS_MS_MPPE_SEND_KEY, v, sizeof(v))
#define RECV(v) add_vsa(RADIUS_MICROSOFT, RADIUS_MS_MPPE_RECV_KEY, v, sizeof(v))

/* RAD-28. A longer key is cut, the first one counts. */
START_TEST(keys)
{
	reply_begin(RADIUS_ACCESS_ACCEPT);
	RECV(recv_hidden);
	SEND(send_hidden);
	decodes();
	ck_assert_uint_eq(grant.given, RADIUS_GIVEN_KEYS);
	ck_assert_mem_eq(grant.send_key, send_key, 16);
	ck_assert_mem_eq(grant.recv_key, recv_key, 16);
	SEND(recv_hidden);
	decodes();
	ck_assert_mem_eq(grant.send_key, send_key, 16);
	reply_begin(RADIUS_ACCESS_ACCEPT);
	RECV(recv_hidden);
	SEND(long_hidden);
	decodes();
	ck_assert_mem_eq(grant.send_key, send_key, 16);
}
END_TEST

/* RAD-30: one of the two alone is none. */
START_TEST(keys_alone)
{
	static const uint8_t zeros[16];

	reply_begin(RADIUS_ACCESS_ACCEPT);
	SEND(send_hidden);
	SEND(send_hidden);
	decodes();
	ck_assert_uint_eq(grant.given, 0);
	ck_assert_mem_eq(grant.send_key, zeros, 16);
	reply_begin(RADIUS_ACCESS_ACCEPT);
	RECV(recv_hidden);
	decodes();
	ck_assert_uint_eq(grant.given, 0);
	ck_assert_mem_eq(grant.recv_key, zeros, 16);
}
END_TEST

/* No salt bit, a short key, a length beyond the text, every truncation. */
START_TEST(keys_bad)
{
	uint8_t unsalted[sizeof send_hidden];

	memcpy(unsalted, send_hidden, sizeof unsalted);
	unsalted[0] &= 0x7F;
	reply_begin(RADIUS_ACCESS_ACCEPT);
	SEND(unsalted);
	refused(RADIUS_VENDOR_SPECIFIC);
	reply_begin(RADIUS_ACCESS_ACCEPT);
	SEND(short_hidden);
	refused(RADIUS_VENDOR_SPECIFIC);
	reply_begin(RADIUS_ACCESS_ACCEPT);
	RECV(overlong_hidden);
	refused(RADIUS_VENDOR_SPECIFIC);
	for (size_t len = 0; len < sizeof send_hidden; len++) {
		reply_begin(RADIUS_ACCESS_ACCEPT);
		add_vsa(RADIUS_MICROSOFT, RADIUS_MS_MPPE_SEND_KEY, send_hidden, len);
		refused(RADIUS_VENDOR_SPECIFIC);
	}
}
END_TEST

/* RAD-29 */
START_TEST(mschap_keys)
{
	uint8_t octets[64] = { 0 };

	memcpy(octets, mschap_hidden, sizeof mschap_hidden);
	for (size_t len = 0; len <= sizeof octets; len++) {
		reply_begin(RADIUS_ACCESS_ACCEPT);
		add_vsa(RADIUS_MICROSOFT, RADIUS_MS_CHAP_MPPE_KEYS, octets, len);
		if (len != 32) {
			refused(RADIUS_VENDOR_SPECIFIC);
			continue;
		}
		decodes();
		ck_assert_uint_eq(grant.given, RADIUS_GIVEN_MSCHAP_KEYS);
		ck_assert_mem_eq(grant.nt_key, nt_key, 16);
	}
}
END_TEST

START_TEST(wipe)
{
	static const struct radius_grant zeros;

	reply_begin(RADIUS_ACCESS_ACCEPT);
	RECV(recv_hidden);
	SEND(send_hidden);
	decodes();
	radius_grant_wipe(&grant);
	ck_assert_int_eq(memcmp(&grant, &zeros, sizeof grant), 0);
}
END_TEST

/* --- Vendor-Specific --- */

/* Several values in one attribute (RFC 2865 section 5.26). */
START_TEST(vsa_several)
{
	static const uint8_t octets[] = { 0, 0, 1, 0x37, 7, 6, 0, 0, 0, 1, 99, 3, 'x', 8, 6, 0, 0, 0, 4 };

	accept_of(RADIUS_VENDOR_SPECIFIC, octets, sizeof octets);
	decodes();
	ck_assert_uint_eq(grant.given, RADIUS_GIVEN_POLICY | RADIUS_GIVEN_TYPES);
	ck_assert_uint_eq(grant.policy, 1);
	ck_assert_uint_eq(grant.types, 4);
	for (size_t len = 0; len < sizeof octets; len++) {
		accept_of(RADIUS_VENDOR_SPECIFIC, octets, len);
		if (len == 10 || len == 13)
			decodes();
		else
			refused(RADIUS_VENDOR_SPECIFIC);
	}
}
END_TEST

/* Unknown vendors may use any form; unknown types of known ones and vendor 0 are left out, too. */
START_TEST(vsa_unknown)
{
	accept_of(RADIUS_VENDOR_SPECIFIC, "\0\0\0\x09\x01", 5);
	add(RADIUS_VENDOR_SPECIFIC, "\0\0\0\0\x07\x06\0\0\0\x01", 10);
	add(RADIUS_VENDOR_SPECIFIC, "\0\0\0\x09\x07\x06\0\0\0\x01", 10);
	add_vsa(RADIUS_MICROSOFT, 255, "x", 1);
	add_vsa(RADIUS_MICROSOFT, 0, "x", 1);
	add_vsa(RADIUS_WISPR, 7 + 2, "x", 1);
	add_vsa(RADIUS_MIKROTIK, 1, "x", 1);
	decodes();
	ck_assert_uint_eq(grant.given, 0);
	ck_assert_uint_eq(grant.unknown, 0);
}
END_TEST

/* The same number means something else at each vendor. */
START_TEST(vsa_vendors)
{
	reply_begin(RADIUS_ACCESS_ACCEPT);
	add_vsa_number(RADIUS_MICROSOFT, 8, 6);
	add_vsa_number(RADIUS_WISPR, 8, 64000);
	add_vsa(RADIUS_MIKROTIK, 8, "1M/2M", 5);
	decodes();
	ck_assert_uint_eq(grant.given, RADIUS_GIVEN_TYPES | RADIUS_GIVEN_RATE_DOWN | RADIUS_GIVEN_RATE_LIMIT);
	ck_assert_uint_eq(grant.types, 6);
	ck_assert_uint_eq(grant.rate_down, 64000);
	ck_assert_str_eq(grant.rate_limit, "1M/2M");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("radius_grant_vendor");

	UNIT_CASE(s, "MS-CHAP", success_value, error_value, error_sizes);
	UNIT_CASE(s, "keys", keys, keys_alone, keys_bad, mschap_keys, wipe);
	UNIT_CASE(s, "form", vsa_several, vsa_unknown, vsa_vendors);
	return s;
}

UNIT_MAIN(suite)
