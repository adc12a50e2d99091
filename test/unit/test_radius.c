/*
 * RADIUS packets out, attribute lists and words: RAD-08, RAD-50, RAD-51, RAD-81.
 */
#include "test/unit/unit.h"
#include "test/unit/unit_radius.h"

/* --- packets out --- */

START_TEST(rad51_rfc5997_status)
{
	struct wbuf w;
	uint8_t mem[64];

	wbuf_init(&w, mem, sizeof mem);
	radius_begin(&w, RADIUS_STATUS_SERVER, 0xDA, status_auth + 4, false);
	ck_assert_uint_eq(radius_finish(&w, secret), sizeof status_auth);
	ck_assert_mem_eq(mem, status_auth, sizeof status_auth);
	wbuf_init(&w, mem, sizeof mem);
	radius_begin(&w, RADIUS_STATUS_SERVER, 0xB3, status_acct + 4, false);
	ck_assert_uint_eq(radius_finish(&w, secret), sizeof status_acct);
	ck_assert_mem_eq(mem, status_acct, sizeof status_acct);
}
END_TEST

START_TEST(rad51_access_request)
{
	uint8_t mem[RADIUS_PACKET_MAX];
	struct wbuf w;

	wbuf_init(&w, mem, sizeof mem);
	radius_begin(&w, RADIUS_ACCESS_REQUEST, 7, request_authenticator, false);
	radius_put_text(&w, RADIUS_USER_NAME, "alice");
	radius_put_u32(&w, RADIUS_NAS_PORT, 9);
	ck_assert_uint_eq(radius_finish(&w, secret), sizeof access_request);
	ck_assert_mem_eq(mem, access_request, sizeof access_request);
}
END_TEST

/* A second finish, as for a packet that is sent again, gives the same octets. */
START_TEST(rad50_finish_twice)
{
	uint8_t mem[RADIUS_PACKET_MAX];
	struct wbuf w;

	wbuf_init(&w, mem, sizeof mem);
	radius_begin(&w, RADIUS_ACCOUNTING_REQUEST, 9, NULL, false);
	radius_put_u32(&w, RADIUS_ACCT_STATUS_TYPE, 1);
	radius_put_text(&w, RADIUS_ACCT_SESSION_ID, "a1");
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(radius_finish(&w, secret), sizeof accounting_request);
		ck_assert_mem_eq(mem, accounting_request, sizeof accounting_request);
	}
	wbuf_init(&w, mem, sizeof mem);
	radius_begin(&w, RADIUS_ACCESS_REQUEST, 7, request_authenticator, false);
	radius_put(&w, RADIUS_USER_NAME, "alice", 5);
	radius_put_u32(&w, RADIUS_NAS_PORT, 9);
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(radius_finish(&w, secret), sizeof access_request);
		ck_assert_mem_eq(mem, access_request, sizeof access_request);
	}
}
END_TEST

START_TEST(rad81_our_replies)
{
	uint8_t mem[RADIUS_PACKET_MAX];
	struct wbuf w;

	wbuf_init(&w, mem, sizeof mem);
	radius_begin(&w, RADIUS_DISCONNECT_ACK, 3, disconnect_request + 4, true);
	radius_put_u32(&w, RADIUS_ACCT_TERMINATE_CAUSE, 6);
	ck_assert_uint_eq(radius_finish_reply(&w, secret), sizeof disconnect_ack);
	ck_assert_mem_eq(mem, disconnect_ack, sizeof disconnect_ack);
	wbuf_init(&w, mem, sizeof mem);
	radius_begin(&w, RADIUS_COA_NAK, 4, coa_request + 4, false);
	radius_put_text(&w, RADIUS_PROXY_STATE, "proxy");
	radius_put_u32(&w, RADIUS_ERROR_CAUSE, 503);
	ck_assert_uint_eq(radius_finish_reply(&w, secret), sizeof coa_nak);
	ck_assert_mem_eq(mem, coa_nak, sizeof coa_nak);
}
END_TEST

START_TEST(rad81_request_out)
{
	uint8_t mem[RADIUS_PACKET_MAX];
	struct wbuf w;

	wbuf_init(&w, mem, sizeof mem);
	radius_begin(&w, RADIUS_DISCONNECT_REQUEST, 3, NULL, true);
	radius_put_text(&w, RADIUS_USER_NAME, "alice");
	ck_assert_uint_eq(radius_finish(&w, secret), sizeof disconnect_request);
	ck_assert_mem_eq(mem, disconnect_request, sizeof disconnect_request);
}
END_TEST

START_TEST(rad08_size_limit)
{
	static uint8_t mem[RADIUS_PACKET_MAX + 8];
	uint8_t value[253] = { 1 };
	struct wbuf w;

	for (size_t last = 239; last <= 241; last++) {
		wbuf_init(&w, mem, sizeof mem);
		radius_begin(&w, RADIUS_ACCOUNTING_REQUEST, 1, NULL, false);
		for (int i = 0; i < 15; i++)
			radius_put(&w, RADIUS_CLASS, value, sizeof value);
		ck_assert_uint_eq(wbuf_len(&w), 20 + 15 * 255);
		radius_put(&w, RADIUS_CLASS, value, last); /* 4086 to 4088 */
		radius_put(&w, RADIUS_CLASS, value, 7);
		ck_assert_uint_eq(radius_finish(&w, secret), last == 241 ? 0 : 4095 + last - 239);
	}
	wbuf_init(&w, mem, 19);
	radius_begin(&w, RADIUS_ACCOUNTING_REQUEST, 1, NULL, false);
	ck_assert_uint_eq(radius_finish(&w, secret), 0);
	wbuf_init(&w, mem, 37); /* one octet short of the Message-Authenticator */
	radius_begin(&w, RADIUS_ACCESS_REQUEST, 1, request_authenticator, false);
	ck_assert_uint_eq(radius_finish(&w, secret), 0);
	wbuf_init(&w, mem, 21);
	radius_begin(&w, RADIUS_COA_ACK, 1, request_authenticator, false);
	radius_put(&w, RADIUS_CLASS, value, 1);
	ck_assert_uint_eq(radius_finish_reply(&w, secret), 0);
}
END_TEST

static size_t put_len(size_t len, bool vsa)
{
	uint8_t mem[600], value[300] = { 0 };
	struct wbuf w;

	wbuf_init(&w, mem, sizeof mem);
	wbuf_u8(&w, 0);
	if (vsa)
		radius_put_vsa(&w, RADIUS_MICROSOFT, 1, value, len);
	else
		radius_put(&w, RADIUS_CLASS, value, len);
	return wbuf_len(&w);
}

/* Nothing for 0 octets; up to 253, and 247 inside of a Vendor-Specific. */
START_TEST(rad08_value_sizes)
{
	ck_assert_uint_eq(put_len(0, false), 1);
	ck_assert_uint_eq(put_len(1, false), 4);
	ck_assert_uint_eq(put_len(253, false), 256);
	ck_assert_uint_eq(put_len(254, false), 0);
	ck_assert_uint_eq(put_len(0, true), 1);
	ck_assert_uint_eq(put_len(1, true), 10);
	ck_assert_uint_eq(put_len(247, true), 256);
	ck_assert_uint_eq(put_len(248, true), 0);
}
END_TEST

START_TEST(vsa_written)
{
	static const uint8_t expected[] = { 26, 12, 0, 0, 1, 0x37, 23, 6, 0, 0,
					    0, 4, 26, 9, 0, 0, 0x3A, 0x8C, 8, 3, '1' };
	uint8_t mem[64];
	struct wbuf w;

	wbuf_init(&w, mem, sizeof mem);
	radius_put_vsa_u32(&w, RADIUS_MICROSOFT, RADIUS_MS_ACCT_AUTH_TYPE, 4);
	radius_put_vsa(&w, RADIUS_MIKROTIK, RADIUS_MIKROTIK_RATE_LIMIT, "1", 1);
	radius_put_text(&w, RADIUS_CLASS, "");
	ck_assert_uint_eq(wbuf_len(&w), sizeof expected);
	ck_assert_mem_eq(mem, expected, sizeof expected);
}
END_TEST

/* --- lists --- */

/* The whole list of an example, attribute by attribute. */
START_TEST(attributes_read)
{
	static const uint8_t types[] = { 6, 7, 8, 10, 13, 12 };
	struct radius_attribute a;
	struct rbuf r;

	rbuf_init(&r, flopsy_accept + 20, sizeof flopsy_accept - 20);
	for (size_t i = 0; i < sizeof types; i++) {
		ck_assert(radius_next(&r, &a));
		ck_assert_uint_eq(a.type, types[i]);
		ck_assert_uint_eq(a.len, 4);
	}
	ck_assert_mem_eq(a.value, "\x00\x00\x05\xDC", 4);
	ck_assert(!radius_next(&r, &a));
	ck_assert(!r.fault);
}
END_TEST
START_TEST(rad08_list)
{
	static const uint8_t empty_value[] = { 1, 2, 3, 2 };
	struct radius_attribute a;
	struct rbuf r;

	ck_assert(radius_list_valid(NULL, 0));
	ck_assert(radius_list_valid(empty_value, 4));
	ck_assert(!radius_list_valid(empty_value, 3));
	ck_assert(!radius_list_valid((const uint8_t *)"\x01\x01", 2));
	ck_assert(!radius_list_valid((const uint8_t *)"\x01\x00\x00", 3));
	ck_assert(!radius_list_valid((const uint8_t *)"\x01\x03", 2));
	ck_assert(radius_list_valid((const uint8_t *)"\x01\x03\x00", 3));
	rbuf_init(&r, empty_value, sizeof empty_value);
	ck_assert(radius_next(&r, &a) && a.type == 1 && a.len == 0);
	ck_assert(radius_next(&r, &a) && a.type == 3 && a.len == 0);
	ck_assert(!radius_next(&r, &a) && !r.fault);
}
END_TEST

/* A list cut anywhere but between two attributes is none. */
START_TEST(rad08_list_cut)
{
	const uint8_t *list = mopsy_challenge + 20;
	size_t len = sizeof mopsy_challenge - 20;

	for (size_t cut = 0; cut <= len; cut++) {
		uint8_t *copy = malloc(cut ? cut : 1);

		memcpy(copy, list, cut);
		ck_assert_msg(radius_list_valid(copy, cut) == (cut == 0 || cut == 48 || cut == len), "cut at %zu", cut);
		free(copy);
	}
}
END_TEST

START_TEST(vsa_read)
{
	static const uint8_t two[] = { 0, 0, 1, 0x37, 16, 3, 'k', 17, 4, 'x', 'y' };
	uint32_t vendor = 0;
	struct radius_vsa v;
	struct rbuf r;

	rbuf_init(&r, two, sizeof two);
	ck_assert(radius_vsa_next(&r, &vendor, &v));
	ck_assert(v.vendor == 311 && v.type == 16 && v.len == 1 && v.value == two + 6);
	ck_assert(radius_vsa_next(&r, &vendor, &v));
	ck_assert(v.vendor == 311 && v.type == 17 && v.len == 2 && v.value == two + 9);
	ck_assert(!radius_vsa_next(&r, &vendor, &v));
	ck_assert(!r.fault);
}
END_TEST

static unsigned vsa_count(const void *value, size_t len)
{
	uint32_t vendor = 0;
	unsigned n = 0;
	struct radius_vsa v;
	struct rbuf r;

	rbuf_init(&r, value, len);
	while (radius_vsa_next(&r, &vendor, &v))
		n++;
	return n;
}

START_TEST(vsa_of_another_form)
{
	ck_assert_uint_eq(vsa_count("", 0), 0);
	ck_assert_uint_eq(vsa_count("\0\0\1", 3), 0);
	ck_assert_uint_eq(vsa_count("\0\0\1\x37", 4), 0);
	ck_assert_uint_eq(vsa_count("\0\0\1\x37\x10", 5), 0);
	ck_assert_uint_eq(vsa_count("\0\0\1\x37\x10\1", 6), 0);
	ck_assert_uint_eq(vsa_count("\0\0\1\x37\x10\3", 6), 0);
	ck_assert_uint_eq(vsa_count("\0\0\1\x37\x10\3a\x11\3", 9), 1);
	/* Vendor 0 must not look like the start again. */
	ck_assert_uint_eq(vsa_count("\0\0\0\0\0\0\1\x37\x10\3a", 11), 0);
	ck_assert_uint_eq(vsa_count("\0\0\0\0\x10\3a", 7), 0);
}
END_TEST

/* --- words --- */

START_TEST(words)
{
	for (int i = 0; i < RADIUS_FAULTS; i++)
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(radius_fault_word((enum radius_fault)i),
					 radius_fault_word((enum radius_fault)j));
	ck_assert_str_eq(radius_fault_word(RADIUS_FAULTS), "unknown");
	ck_assert_str_eq(radius_fault_word(RADIUS_PROXY_STATE_SEEN), "proxy-state");
	ck_assert_str_eq(radius_code_word(2), "Access-Accept");
	ck_assert_str_eq(radius_code_word(45), "CoA-NAK");
	ck_assert_str_eq(radius_code_word(0), "unknown");
	ck_assert_str_eq(radius_code_word(10), "unknown");
	ck_assert_str_eq(radius_code_word(46), "unknown");
	ck_assert_str_eq(radius_code_word(255), "unknown");
}
END_TEST

static Suite *radius_suite(void)
{
	Suite *s = suite_create("radius");

	UNIT_CASE(s, "out", rad51_rfc5997_status, rad51_access_request, rad50_finish_twice, rad81_our_replies,
		  rad81_request_out, rad08_size_limit, rad08_value_sizes, vsa_written);
	UNIT_CASE(s, "list", attributes_read, rad08_list, rad08_list_cut, vsa_read, vsa_of_another_form);
	UNIT_CASE(s, "words", words);
	return s;
}

UNIT_MAIN(radius_suite)
