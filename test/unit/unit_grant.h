/*
 * Attributes put together by hand, and decoded as one reply; with the secret and the Request Authenticator that the
 * hidden values in these tests were made with.
 */
#ifndef PACD_TEST_UNIT_GRANT_H
#define PACD_TEST_UNIT_GRANT_H

#include "pacd/proto/radius_grant.h"
#include "test/unit/unit.h"

#include <errno.h>

static const uint8_t grant_authenticator[RADIUS_AUTHENTICATOR] = {
	0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1B, 0x1C, 0x1D, 0x1E, 0x1F
};

static struct reply {
	uint8_t code;
	uint8_t octets[RADIUS_PACKET_MAX];
	size_t len;
} reply;
static struct radius_grant grant;
static uint8_t bad;

static inline void reply_begin(uint8_t code)
{
	reply.code = code;
	reply.len = 0;
}

static inline void add(uint8_t type, const void *value, size_t len)
{
	ck_assert_uint_le(len, RADIUS_VALUE_MAX);
	ck_assert_uint_le(reply.len + 2 + len, sizeof reply.octets);
	reply.octets[reply.len++] = type;
	reply.octets[reply.len++] = (uint8_t)(len + 2);
	if (len)
		memcpy(reply.octets + reply.len, value, len);
	reply.len += len;
}

/* From an allocation of its own, so that a sanitizer sees one octet too many. */
static inline int decode(void)
{
	static const uint8_t secret[] = "xyzzy5461";
	struct radius_hiding h = { { secret, sizeof secret - 1 }, grant_authenticator };
	uint8_t *copy = malloc(reply.len ? reply.len : 1);
	struct radius_packet p = { .code = reply.code, .attributes = copy, .len = reply.len };
	int err;

	memcpy(copy, reply.octets, reply.len);
	memset(&grant, 0xEE, sizeof grant);
	bad = 0xEE;
	err = radius_grant_decode(&grant, &p, &h, &bad);
	free(copy);
	return err;
}

static inline void decodes(void)
{
	ck_assert_int_eq(decode(), 0);
	ck_assert_uint_eq(bad, 0);
}

/* And nothing is left of it. */
static inline void refused(uint8_t type)
{
	static const struct radius_grant zeros;

	ck_assert_int_eq(decode(), -EBADMSG);
	ck_assert_uint_eq(bad, type);
	ck_assert_int_eq(memcmp(&grant, &zeros, sizeof grant), 0);
}

/* An Access-Accept of one attribute. */
static inline void accept_of(uint8_t type, const void *value, size_t len)
{
	reply_begin(RADIUS_ACCESS_ACCEPT);
	add(type, value, len);
}

static inline void add_number(uint8_t type, uint32_t v)
{
	uint8_t octets[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };

	add(type, octets, sizeof octets);
}

static inline void add_text(uint8_t type, const char *text)
{
	add(type, text, strlen(text));
}

static inline void add_vsa(uint32_t vendor, uint8_t type, const void *value, size_t len)
{
	uint8_t octets[RADIUS_VALUE_MAX] = { (uint8_t)(vendor >> 24), (uint8_t)(vendor >> 16), (uint8_t)(vendor >> 8),
					     (uint8_t)vendor, type, (uint8_t)(len + 2) };

	ck_assert_uint_le(len, sizeof octets - 6);
	memcpy(octets + 6, value, len);
	add(RADIUS_VENDOR_SPECIFIC, octets, len + 6);
}

static inline void add_vsa_number(uint32_t vendor, uint8_t type, uint32_t v)
{
	uint8_t octets[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };

	add_vsa(vendor, type, octets, sizeof octets);
}

static inline void loop_case(Suite *s, const char *name, const TTest *test, int n)
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test, 0, n);
	suite_add_tcase(s, tc);
}

#endif
