/*
 * Tunnel attributes of an Access-Accept (ledger section 5, RAD-40, RAD-41, RAD-45): tags, sizes, hidden passwords,
 * sets and their order.
 */
#include "test/unit/unit_grant.h"

#include <stddef.h>

/* RFC 2868 section 3.5, behind the tag, computed apart from this code; the last one says 16 octets and has 15. */
static const uint8_t password_hidden[] = {
	0x83, 0x45, 0xCE, 0x8E, 0xF7, 0xC3, 0xA3, 0xC4, 0xDA, 0xD5, 0x1B, 0xCE, 0x13, 0x74, 0x27, 0x2B,
	0x70, 0x74,
};
static const uint8_t long_password_hidden[] = {
	0xC0, 0x01, 0xD8, 0x34, 0xD9, 0xE7, 0xB6, 0xF3, 0x7D, 0xA9, 0x5E, 0x72, 0x37, 0x34, 0xD8, 0x23,
	0x43, 0x82, 0xE2, 0xFE, 0x3F, 0x64, 0xBB, 0xF6, 0xFC, 0xA0, 0xB4, 0x68, 0x46, 0xE3, 0xA0, 0x3A,
	0xA6, 0x5D, 0x82, 0x0D, 0x1C, 0xF2, 0x3E, 0x6F, 0x18, 0x3E, 0x6B, 0x8B, 0xD5, 0xB7, 0xC4, 0x23,
	0xDF, 0xDD, 0x1A, 0x7D, 0x6D, 0xDB, 0x9D, 0xB4, 0xFE, 0x2B, 0x38, 0x49, 0x54, 0xE0, 0x08, 0x81,
	0xB6, 0x52, 0x18, 0xD5, 0x1E, 0xC3, 0xAF, 0x14, 0xA1, 0x32, 0x15, 0xCB, 0x8D, 0x23, 0x8F, 0x5D,
	0xAF, 0xBA, 0x76, 0x5A, 0x50, 0x28, 0x71, 0xE5, 0xF5, 0x74, 0xB7, 0xBD, 0x8B, 0x5F, 0xCA, 0xEE,
	0xD8, 0x08, 0x8D, 0xB2, 0x52, 0x22, 0xC5, 0xD8, 0xE4, 0x06, 0x29, 0x1F, 0x5B, 0x8F, 0x52, 0x27,
	0x35, 0xC7, 0x9C, 0xF1, 0xC4, 0x57, 0x85, 0xCB, 0x51, 0x76, 0xCE, 0x6C, 0x67, 0x9A, 0xAC, 0xF6,
	0x0A, 0x76, 0x79, 0x61, 0x6E, 0x13, 0xA0, 0x73, 0xDB, 0xBA, 0xF2, 0x92, 0xFE, 0xF4, 0x6F, 0x6C,
	0x6E, 0xAE, 0x85, 0x32, 0x15, 0xE3, 0x7E, 0xD9, 0xD2, 0x25, 0x05, 0x1F, 0x69, 0x4E, 0xD8, 0x0B,
	0x19, 0x68, 0x54, 0xBD, 0xB9, 0xA8, 0x29, 0x2F, 0xDC, 0x4C, 0xEE, 0xCD, 0x48, 0x52, 0x4A, 0xD4,
	0x42, 0x46, 0xE9, 0xF8, 0x5C, 0x6F, 0x3D, 0xD6, 0xA6, 0xF4, 0x45, 0x42, 0xC2, 0xB5, 0x8E, 0x8E,
	0xC7, 0xC3, 0x42, 0xB9, 0xAE, 0x4C, 0xB4, 0xC8, 0xC7, 0x63, 0xA5, 0xDF, 0x54, 0xD3, 0x0C, 0xFE,
	0x44, 0x00,
};
static const uint8_t empty_password_hidden[] = {
	0xC0, 0x02, 0x64, 0x8B, 0xC5, 0x0B, 0x74, 0x8B, 0x67, 0x9F, 0x04, 0x46, 0xC2, 0x93, 0x0A, 0x4D,
	0xD6, 0xF9,
};
static const uint8_t broken_password_hidden[] = {
	0xC0, 0x03, 0x14, 0x46, 0x7E, 0x73, 0x74, 0x17, 0x11, 0x24, 0xF8, 0xEB, 0x8C, 0x79, 0xF6, 0xBE,
	0x94, 0x82,
};

#define NUMBER_TYPES 3

static const uint8_t number_types[NUMBER_TYPES] = { RADIUS_TUNNEL_TYPE, RADIUS_TUNNEL_MEDIUM_TYPE,
						    RADIUS_TUNNEL_PREFERENCE };

static const struct {
	uint8_t type;
	size_t at;
} texts[] = {
	{ RADIUS_TUNNEL_CLIENT_ENDPOINT, offsetof(struct radius_tunnel_set, client_endpoint) },
	{ RADIUS_TUNNEL_SERVER_ENDPOINT, offsetof(struct radius_tunnel_set, server_endpoint) },
	{ RADIUS_TUNNEL_PRIVATE_GROUP_ID, offsetof(struct radius_tunnel_set, private_group) },
	{ RADIUS_TUNNEL_ASSIGNMENT_ID, offsetof(struct radius_tunnel_set, assignment) },
	{ RADIUS_TUNNEL_CLIENT_AUTH_ID, offsetof(struct radius_tunnel_set, client_auth) },
	{ RADIUS_TUNNEL_SERVER_AUTH_ID, offsetof(struct radius_tunnel_set, server_auth) },
};

#define TEXTS ((int)(sizeof texts / sizeof *texts))

static uint32_t set_number(const struct radius_tunnel_set *set, uint8_t type)
{
	if (type == RADIUS_TUNNEL_TYPE)
		return set->type;
	return type == RADIUS_TUNNEL_MEDIUM_TYPE ? set->medium : set->preference;
}

static void add_tagged(uint8_t type, uint8_t tag, uint32_t v)
{
	add_number(type, (uint32_t)tag << 24 | v);
}

static void add_password(uint8_t tag, const uint8_t *hidden, size_t len)
{
	uint8_t octets[RADIUS_VALUE_MAX] = { tag };

	memcpy(octets + 1, hidden, len);
	add(RADIUS_TUNNEL_PASSWORD, octets, len + 1);
}

/* --- numbers --- */

/* A tag and three octets; a tag past 0x1F is none. */
START_TEST(number_tags)
{
	static const struct {
		uint8_t octet, tag;
	} tags[] = { { 0, 0 }, { 1, 1 }, { 0x1E, 0x1E }, { 0x1F, 0x1F }, { 0x20, 0 }, { 0xFF, 0 } };
	uint8_t type = number_types[_i];

	for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
		reply_begin(RADIUS_ACCESS_ACCEPT);
		add_tagged(type, tags[i].octet, 0x010203);
		add_tagged(type, tags[i].octet, 0x040506);
		decodes();
		ck_assert_uint_eq(grant.ntunnels, 1);
		ck_assert_uint_eq(grant.tunnels[0].tag, tags[i].tag);
		ck_assert_uint_eq(set_number(&grant.tunnels[0], type), 0x010203);
		ck_assert_uint_eq(grant.given, 0);
		ck_assert_uint_eq(grant.unknown, 0);
	}
}
END_TEST

START_TEST(number_sizes)
{
	static const uint8_t octets[RADIUS_VALUE_MAX] = { 1, 0, 0, 1 };

	for (size_t len = 0; len <= sizeof octets; len++) {
		accept_of(number_types[_i], octets, len);
		if (len == 4)
			decodes();
		else
			refused(number_types[_i]);
	}
}
END_TEST

/* Types and media begin at 1; 0 is the best preference. */
START_TEST(number_zero)
{
	uint8_t type = number_types[_i];

	accept_of(type, "\x01\0\0\0", 4);
	if (type != RADIUS_TUNNEL_PREFERENCE) {
		refused(type);
		return;
	}
	decodes();
	ck_assert_uint_eq(grant.tunnels[0].preference, 0);
}
END_TEST

/* What RAD-06 prints: 40 06 00 00 00 01 is PPTP, untagged. */
START_TEST(number_pptp)
{
	static const uint8_t octets[] = { 0x40, 0x06, 0x00, 0x00, 0x00, 0x01 };

	reply_begin(RADIUS_ACCESS_ACCEPT);
	memcpy(reply.octets, octets, sizeof octets);
	reply.len = sizeof octets;
	decodes();
	ck_assert_uint_eq(grant.ntunnels, 1);
	ck_assert_uint_eq(grant.tunnels[0].tag, 0);
	ck_assert_uint_eq(grant.tunnels[0].type, 1);
	ck_assert_uint_eq(grant.tunnels[0].medium, 1); /* absent = IPv4: RAD-40 */
	ck_assert_uint_eq(grant.tunnels[0].preference, UINT32_MAX);
}
END_TEST

/* --- texts --- */

static void text_is(int i, uint8_t tag, const char *want)
{
	decodes();
	ck_assert_uint_eq(grant.ntunnels, 1);
	ck_assert_uint_eq(grant.tunnels[0].tag, tag);
	ck_assert_str_eq((const char *)&grant.tunnels[0] + texts[i].at, want);
	ck_assert_uint_eq(grant.tunnels[0].type, 0);
	for (int other = 0; other < TEXTS; other++)
		if (other != i)
			ck_assert_str_eq((const char *)&grant.tunnels[0] + texts[other].at, "");
}

START_TEST(text_tags)
{
	uint8_t type = texts[_i].type;

	accept_of(type, "\x01" "10.0.0.1", 9);
	text_is(_i, 1, "10.0.0.1");
	accept_of(type, "\x1F" "10.0.0.1", 9);
	text_is(_i, 0x1F, "10.0.0.1");
	accept_of(type, "\0" "10.0.0.1", 9);
	text_is(_i, 0, "10.0.0.1");
	accept_of(type, "10.0.0.1", 8);
	text_is(_i, 0, "10.0.0.1");
	accept_of(type, " 10.0.0.1", 9); /* 0x20 is text */
	text_is(_i, 0, " 10.0.0.1");
	accept_of(type, "\xC3\xA4", 2);
	text_is(_i, 0, "\xC3\xA4");
	accept_of(type, "\x02\x03x", 3); /* only one octet is a tag */
	text_is(_i, 2, "\x03x");
}
END_TEST

/* Empty ones are none and make no set; a NUL ends a text; the first one of a tag counts. */
START_TEST(text_empty)
{
	uint8_t type = texts[_i].type;

	accept_of(type, "", 0);
	add(type, "\0", 1);
	add(type, "\x05", 1);
	add(type, "\x05\0x", 3);
	decodes();
	ck_assert_uint_eq(grant.ntunnels, 0);
	add(type, "\x05one\0two", 8);
	add(type, "\x05three", 6);
	text_is(_i, 5, "one");
}
END_TEST

START_TEST(text_longest)
{
	char octets[RADIUS_VALUE_MAX + 1] = "";

	memset(octets, 'x', RADIUS_VALUE_MAX);
	accept_of(texts[_i].type, octets, RADIUS_VALUE_MAX);
	text_is(_i, 0, octets);
	octets[0] = 7;
	accept_of(texts[_i].type, octets, RADIUS_VALUE_MAX);
	text_is(_i, 7, octets + 1);
}
END_TEST

/* --- Tunnel-Password (RAD-45) --- */

static void password_is(uint8_t tag, const void *password, size_t len)
{
	decodes();
	ck_assert_uint_eq(grant.ntunnels, 1);
	ck_assert_uint_eq(grant.tunnels[0].tag, tag);
	ck_assert_uint_eq(grant.tunnels[0].password_len, len);
	ck_assert_mem_eq(grant.tunnels[0].password, password, len);
}

/* Its first octet is always the tag's, also where it can't be one. */
START_TEST(password_tags)
{
	static const struct {
		uint8_t octet, tag;
	} tags[] = { { 0, 0 }, { 1, 1 }, { 0x1F, 0x1F }, { 0x20, 0 }, { 0x83, 0 } };

	for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
		reply_begin(RADIUS_ACCESS_ACCEPT);
		add_password(tags[i].octet, password_hidden, sizeof password_hidden);
		add_password(tags[i].octet, long_password_hidden, sizeof long_password_hidden);
		password_is(tags[i].tag, "open sesame", 11);
	}
	accept_of(RADIUS_TUNNEL_PASSWORD, password_hidden, sizeof password_hidden);
	refused(RADIUS_TUNNEL_PASSWORD);
}
END_TEST

START_TEST(password_lengths)
{
	char long_one[200];

	memset(long_one, 'p', sizeof long_one);
	reply_begin(RADIUS_ACCESS_ACCEPT);
	add_password(3, long_password_hidden, sizeof long_password_hidden);
	password_is(3, long_one, sizeof long_one);
	reply_begin(RADIUS_ACCESS_ACCEPT);
	add_password(3, empty_password_hidden, sizeof empty_password_hidden);
	password_is(3, "", 0);
}
END_TEST

/* No salt bit, a length past the text, every truncation. */
START_TEST(password_bad)
{
	uint8_t unsalted[sizeof password_hidden];

	memcpy(unsalted, password_hidden, sizeof unsalted);
	unsalted[0] &= 0x7F;
	reply_begin(RADIUS_ACCESS_ACCEPT);
	add_password(1, unsalted, sizeof unsalted);
	refused(RADIUS_TUNNEL_PASSWORD);
	reply_begin(RADIUS_ACCESS_ACCEPT);
	add_password(1, broken_password_hidden, sizeof broken_password_hidden);
	refused(RADIUS_TUNNEL_PASSWORD);
	accept_of(RADIUS_TUNNEL_PASSWORD, "", 0);
	refused(RADIUS_TUNNEL_PASSWORD);
	for (size_t len = 0; len < sizeof password_hidden; len++) {
		reply_begin(RADIUS_ACCESS_ACCEPT);
		add_password(1, password_hidden, len);
		refused(RADIUS_TUNNEL_PASSWORD);
	}
}
END_TEST

/* --- sets --- */

/* Attributes of two sets and of the untagged one, mixed: RAD-41's order, lowest first, the one without any last. */
START_TEST(sets_mixed)
{
	reply_begin(RADIUS_ACCESS_ACCEPT);
	add_tagged(RADIUS_TUNNEL_TYPE, 0, 3);
	add_tagged(RADIUS_TUNNEL_TYPE, 2, 1);
	add_tagged(RADIUS_TUNNEL_TYPE, 1, 1);
	add_text(RADIUS_TUNNEL_SERVER_ENDPOINT, "\x01" "192.0.2.1");
	add_text(RADIUS_TUNNEL_SERVER_ENDPOINT, "\x02" "pns.example.com");
	add_tagged(RADIUS_TUNNEL_PREFERENCE, 1, 20);
	add_tagged(RADIUS_TUNNEL_PREFERENCE, 2, 10);
	add_tagged(RADIUS_TUNNEL_MEDIUM_TYPE, 2, 6);
	add_text(RADIUS_TUNNEL_ASSIGNMENT_ID, "untagged");
	add_password(1, password_hidden, sizeof password_hidden);
	decodes();
	ck_assert_uint_eq(grant.ntunnels, 3);
	ck_assert_uint_eq(grant.tunnels[0].tag, 2);
	ck_assert_uint_eq(grant.tunnels[0].type, 1);
	ck_assert_uint_eq(grant.tunnels[0].medium, 6);
	ck_assert_uint_eq(grant.tunnels[0].preference, 10);
	ck_assert_str_eq(grant.tunnels[0].server_endpoint, "pns.example.com");
	ck_assert_uint_eq(grant.tunnels[0].password_len, 0);
	ck_assert_uint_eq(grant.tunnels[1].tag, 1);
	ck_assert_uint_eq(grant.tunnels[1].medium, 1);
	ck_assert_str_eq(grant.tunnels[1].server_endpoint, "192.0.2.1");
	ck_assert_uint_eq(grant.tunnels[1].password_len, 11);
	ck_assert_uint_eq(grant.tunnels[2].tag, 0);
	ck_assert_uint_eq(grant.tunnels[2].type, 3);
	ck_assert_str_eq(grant.tunnels[2].assignment, "untagged");
}
END_TEST

/* Equal ones stay as they came. */
START_TEST(sets_stable)
{
	static const struct {
		uint8_t tag;
		uint32_t preference; /* UINT32_MAX: none */
	} came[] = { { 5, 7 }, { 9, UINT32_MAX }, { 1, 7 }, { 30, 0 }, { 2, UINT32_MAX }, { 4, 0xFFFFFF }, { 3, 7 },
		     { 8, 0 } };
	static const uint8_t order[] = { 30, 8, 5, 1, 3, 4, 9, 2 };

	reply_begin(RADIUS_ACCESS_ACCEPT);
	for (size_t i = 0; i < sizeof came / sizeof *came; i++) {
		add_tagged(RADIUS_TUNNEL_TYPE, came[i].tag, came[i].tag);
		if (came[i].preference != UINT32_MAX)
			add_tagged(RADIUS_TUNNEL_PREFERENCE, came[i].tag, came[i].preference);
	}
	decodes();
	ck_assert_uint_eq(grant.ntunnels, sizeof order);
	for (size_t i = 0; i < sizeof order; i++) {
		ck_assert_uint_eq(grant.tunnels[i].tag, order[i]);
		ck_assert_uint_eq(grant.tunnels[i].type, order[i]);
	}
}
END_TEST

/* Sets past the last are left out, though better; what belongs to the first ones is still read. */
START_TEST(sets_most)
{
	reply_begin(RADIUS_ACCESS_ACCEPT);
	for (uint8_t tag = 1; tag <= 0x1F; tag++)
		add_tagged(RADIUS_TUNNEL_PREFERENCE, tag, 100u - tag);
	add_text(RADIUS_TUNNEL_SERVER_ENDPOINT, "\x1F" "x");
	add_password(0x1F, password_hidden, sizeof password_hidden);
	add_text(RADIUS_TUNNEL_SERVER_ENDPOINT, "\x10" "192.0.2.16");
	decodes();
	ck_assert_uint_eq(grant.ntunnels, RADIUS_TUNNELS);
	for (unsigned i = 0; i < RADIUS_TUNNELS; i++)
		ck_assert_uint_eq(grant.tunnels[i].tag, RADIUS_TUNNELS - i);
	ck_assert_str_eq(grant.tunnels[0].server_endpoint, "192.0.2.16");
	add_tagged(RADIUS_TUNNEL_TYPE, 0x1F, 0);
	refused(RADIUS_TUNNEL_TYPE);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("radius_tunnel");

	loop_case(s, "number tags", number_tags, NUMBER_TYPES);
	loop_case(s, "number sizes", number_sizes, NUMBER_TYPES);
	loop_case(s, "number zero", number_zero, NUMBER_TYPES);
	loop_case(s, "text tags", text_tags, TEXTS);
	loop_case(s, "text empty", text_empty, TEXTS);
	loop_case(s, "text longest", text_longest, TEXTS);
	UNIT_CASE(s, "password", password_tags, password_lengths, password_bad);
	UNIT_CASE(s, "sets", number_pptp, sets_mixed, sets_stable, sets_most);
	return s;
}

UNIT_MAIN(suite)
