/*
 * Attributes of Access-Accept, -Reject and -Challenge (ledger sections 3 and 4): values, every wrong size, ranges, what
 * counts when there are two, and what a Reject or a Challenge says.
 */
#include "test/unit/unit_grant.h"

#include <stddef.h>

static const char success[] = "\x07S=0123456789ABCDEF0123456789ABCDEF01234567";

#define FIELD(name) offsetof(struct radius_grant, name)

static uint32_t field(size_t at)
{
	uint32_t v;

	memcpy(&v, (const uint8_t *)&grant + at, sizeof v);
	return v;
}

/* --- numbers: one attribute, one field --- */

static const struct number {
	uint32_t vendor; /* 0: a standard attribute */
	uint8_t type;
	uint32_t value, given;
	size_t at;
} numbers[] = {
	{ 0, RADIUS_SERVICE_TYPE, 2, RADIUS_GIVEN_SERVICE, FIELD(service) },
	{ 0, RADIUS_FRAMED_PROTOCOL, 1, RADIUS_GIVEN_PROTOCOL, FIELD(protocol) },
	{ 0, RADIUS_FRAMED_IP_ADDRESS, 0x0A010203, RADIUS_GIVEN_ADDRESS, FIELD(address) },
	{ 0, RADIUS_FRAMED_IP_NETMASK, 0xFFFFFF00, RADIUS_GIVEN_NETMASK, FIELD(netmask) },
	{ 0, RADIUS_FRAMED_MTU, 1400, RADIUS_GIVEN_MTU, FIELD(mtu) },
	{ 0, RADIUS_FRAMED_COMPRESSION, 1, RADIUS_GIVEN_COMPRESSION, FIELD(compression) },
	{ 0, RADIUS_SESSION_TIMEOUT, 0x01020304, RADIUS_GIVEN_SESSION_TIMEOUT, FIELD(session_timeout) },
	{ 0, RADIUS_IDLE_TIMEOUT, 0x01020305, RADIUS_GIVEN_IDLE_TIMEOUT, FIELD(idle_timeout) },
	{ 0, RADIUS_TERMINATION_ACTION, 1, RADIUS_GIVEN_TERMINATION, FIELD(termination) },
	{ 0, RADIUS_PORT_LIMIT, 0xFFFFFFFF, RADIUS_GIVEN_PORT_LIMIT, FIELD(port_limit) },
	{ 0, RADIUS_ACCT_INTERIM_INTERVAL, 30, RADIUS_GIVEN_INTERIM, FIELD(interim) },
	{ RADIUS_MICROSOFT, RADIUS_MS_MPPE_ENCRYPTION_POLICY, 2, RADIUS_GIVEN_POLICY, FIELD(policy) },
	{ RADIUS_MICROSOFT, RADIUS_MS_MPPE_ENCRYPTION_TYPES, 6, RADIUS_GIVEN_TYPES, FIELD(types) },
	{ RADIUS_MICROSOFT, RADIUS_MS_PRIMARY_DNS, 0xC0000201, 0, FIELD(dns[0]) },
	{ RADIUS_MICROSOFT, RADIUS_MS_SECONDARY_DNS, 0xC0000202, 0, FIELD(dns[1]) },
	{ RADIUS_MICROSOFT, RADIUS_MS_PRIMARY_NBNS, 0xC0000203, 0, FIELD(wins[0]) },
	{ RADIUS_MICROSOFT, RADIUS_MS_SECONDARY_NBNS, 0xC0000204, 0, FIELD(wins[1]) },
	{ RADIUS_WISPR, RADIUS_WISPR_BANDWIDTH_MAX_UP, 1000000, RADIUS_GIVEN_RATE_UP, FIELD(rate_up) },
	{ RADIUS_WISPR, RADIUS_WISPR_BANDWIDTH_MAX_DOWN, 2000000, RADIUS_GIVEN_RATE_DOWN, FIELD(rate_down) },
};

#define NUMBERS ((int)(sizeof numbers / sizeof *numbers))

static void add_any(const struct number *n, const void *value, size_t len)
{
	if (n->vendor)
		add_vsa(n->vendor, n->type, value, len);
	else
		add(n->type, value, len);
}

static void add_any_number(const struct number *n, uint32_t v)
{
	if (n->vendor)
		add_vsa_number(n->vendor, n->type, v);
	else
		add_number(n->type, v);
}

/* Only that one is given; a second one changes nothing. */
START_TEST(number_value)
{
	const struct number *n = &numbers[_i];
	uint32_t other = n->type == RADIUS_FRAMED_IP_NETMASK && !n->vendor ? 0xFFFF0000 : n->value - 1;

	if (!n->vendor && n->type == RADIUS_TERMINATION_ACTION)
		other = 0;
	reply_begin(RADIUS_ACCESS_ACCEPT);
	add_any_number(n, n->value);
	decodes();
	ck_assert_uint_eq(grant.given, n->given);
	ck_assert_uint_eq(field(n->at), n->value);
	add_any_number(n, other);
	decodes();
	ck_assert_uint_eq(grant.given, n->given);
	ck_assert_uint_eq(field(n->at), n->value);
}
END_TEST

/* RAD: section 4, "wrong size of one attribute: Reject". The octets are a good value where there are four. */
START_TEST(number_sizes)
{
	const struct number *n = &numbers[_i];
	uint32_t v = n->value;
	uint8_t octets[10] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };

	for (size_t len = 0; len <= sizeof octets; len++) {
		reply_begin(RADIUS_ACCESS_ACCEPT);
		add_any(n, octets, len);
		if (len == 4)
			decodes();
		else
			refused(n->vendor ? RADIUS_VENDOR_SPECIFIC : n->type);
	}
}
END_TEST

/* A second one of a wrong size, though it would not count. */
START_TEST(number_second)
{
	const struct number *n = &numbers[_i];

	reply_begin(RADIUS_ACCESS_ACCEPT);
	add_any_number(n, n->value);
	add_any(n, "abc", 3);
	refused(n->vendor ? RADIUS_VENDOR_SPECIFIC : n->type);
}
END_TEST

/* 0 is a value like others where the table says so (Session-Timeout: unlimited). */
START_TEST(number_zero)
{
	reply_begin(RADIUS_ACCESS_ACCEPT);
	add_number(RADIUS_SESSION_TIMEOUT, 0);
	add_number(RADIUS_SESSION_TIMEOUT, 5);
	add_number(RADIUS_SERVICE_TYPE, 0);
	add_vsa_number(RADIUS_MICROSOFT, RADIUS_MS_PRIMARY_DNS, 0);
	add_vsa_number(RADIUS_MICROSOFT, RADIUS_MS_PRIMARY_DNS, 5);
	decodes();
	ck_assert_uint_eq(grant.given, RADIUS_GIVEN_SESSION_TIMEOUT | RADIUS_GIVEN_SERVICE);
	ck_assert_uint_eq(grant.session_timeout, 0);
	ck_assert_uint_eq(grant.dns[0], 5);
}
END_TEST

/* Sizes of what is not a number: every length that an attribute can have. */
static const struct size {
	uint32_t vendor;
	uint8_t type, min, max;
	const char *value; /* one that is good from its begin on, of the length max; NULL: zeros */
} sizes[] = {
	{ 0, RADIUS_FRAMED_INTERFACE_ID, 8, 8, NULL },
	{ 0, RADIUS_FRAMED_IPV6_PREFIX, 2, 18, NULL },
	{ 0, RADIUS_DELEGATED_IPV6_PREFIX, 2, 18, NULL },
	{ 0, RADIUS_MESSAGE_AUTHENTICATOR, 16, 16, NULL },
	{ 0, RADIUS_EVENT_TIMESTAMP, 4, 4, NULL },
	{ 0, RADIUS_NAS_IP_ADDRESS, 4, 4, NULL },
	{ 0, RADIUS_NAS_IPV6_ADDRESS, 16, 16, NULL },
	{ 0, 10, 4, 4, NULL },
	{ 0, 14, 4, 4, NULL },
	{ RADIUS_MICROSOFT, RADIUS_MS_CHAP2_SUCCESS, 43, 43, success },
};

#define SIZES ((int)(sizeof sizes / sizeof *sizes))

START_TEST(other_sizes)
{
	const struct size *s = &sizes[_i];
	char octets[247];

	memset(octets, s->value ? 'A' : 0, sizeof octets);
	if (s->value)
		memcpy(octets, s->value, s->max);
	for (size_t len = 0; len <= sizeof octets; len++) {
		reply_begin(RADIUS_ACCESS_ACCEPT);
		if (s->vendor)
			add_vsa(s->vendor, s->type, octets, len);
		else
			add(s->type, octets, len);
		if (len >= s->min && len <= s->max)
			decodes();
		else
			refused(s->vendor ? RADIUS_VENDOR_SPECIFIC : s->type);
	}
}
END_TEST

/* --- ranges --- */

static void range_is(uint8_t type, uint32_t v, bool good)
{
	reply_begin(RADIUS_ACCESS_ACCEPT);
	add_number(type, v);
	if (good)
		decodes();
	else
		refused(type);
}

START_TEST(address_range)
{
	static const uint32_t good[] = { 1, 0x01000000, 0x0A000000, 0x7EFFFFFF, 0x80000000, 0xC0A80001, 0xDFFFFFFF,
					 RADIUS_ADDRESS_USER, RADIUS_ADDRESS_NAS };
	static const uint32_t wrong[] = { 0, 0x7F000000, 0x7F000001, 0x7FFFFFFF, 0xE0000000, 0xE0000001, 0xEFFFFFFF,
					  0xF0000000, 0xFFFFFFFD, 0xFFFFFF00 };

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		range_is(RADIUS_FRAMED_IP_ADDRESS, good[i], true);
		ck_assert_uint_eq(grant.address, good[i]);
	}
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		range_is(RADIUS_FRAMED_IP_ADDRESS, wrong[i], false);
}
END_TEST

START_TEST(netmask_range)
{
	for (unsigned len = 1; len <= 32; len++) {
		range_is(RADIUS_FRAMED_IP_NETMASK, UINT32_MAX << (32 - len), true);
		ck_assert_uint_eq(grant.netmask, UINT32_MAX << (32 - len));
		ck_assert_uint_eq(grant.given, RADIUS_GIVEN_NETMASK);
	}
	range_is(RADIUS_FRAMED_IP_NETMASK, 0, true);
	ck_assert_uint_eq(grant.given, 0);
	range_is(RADIUS_FRAMED_IP_NETMASK, 0x000000FF, false);
	range_is(RADIUS_FRAMED_IP_NETMASK, 0xFF00FF00, false);
	range_is(RADIUS_FRAMED_IP_NETMASK, 0x7FFFFFFF, false);
	range_is(RADIUS_FRAMED_IP_NETMASK, 1, false);
}
END_TEST

START_TEST(mtu_range)
{
	range_is(RADIUS_FRAMED_MTU, 64, true);
	range_is(RADIUS_FRAMED_MTU, 65535, true);
	range_is(RADIUS_FRAMED_MTU, 0, false);
	range_is(RADIUS_FRAMED_MTU, 63, false);
	range_is(RADIUS_FRAMED_MTU, 65536, false);
	range_is(RADIUS_FRAMED_MTU, UINT32_MAX, false);
}
END_TEST

/* --- texts --- */

static const struct {
	uint32_t vendor;
	uint8_t type;
	uint32_t given;
	size_t at, max;
} texts[] = {
	{ 0, RADIUS_USER_NAME, RADIUS_GIVEN_USER_NAME, FIELD(user_name), 253 },
	{ 0, RADIUS_FILTER_ID, RADIUS_GIVEN_FILTER, FIELD(filter), 253 },
	{ 0, RADIUS_FRAMED_POOL, RADIUS_GIVEN_POOL, FIELD(pool), 253 },
	{ RADIUS_MIKROTIK, RADIUS_MIKROTIK_RATE_LIMIT, RADIUS_GIVEN_RATE_LIMIT, FIELD(rate_limit), 247 },
};

#define TEXTS ((int)(sizeof texts / sizeof *texts))

static void text_is(int i, const void *value, size_t len, const char *want)
{
	if (texts[i].vendor)
		add_vsa(texts[i].vendor, texts[i].type, value, len);
	else
		add(texts[i].type, value, len);
	decodes();
	ck_assert_uint_eq(grant.given, *want ? texts[i].given : 0);
	ck_assert_str_eq((const char *)&grant + texts[i].at, want);
}

/* Empty ones are none, the first of the others counts, a NUL ends it. */
START_TEST(text_values)
{
	char longest[RADIUS_TEXT] = "";

	memset(longest, 'x', texts[_i].max);
	reply_begin(RADIUS_ACCESS_ACCEPT);
	text_is(_i, "", 0, "");
	text_is(_i, "\0hidden", 7, "");
	text_is(_i, "one\0hidden", 10, "one");
	text_is(_i, "two", 3, "one");
	reply_begin(RADIUS_ACCESS_ACCEPT);
	text_is(_i, longest, texts[_i].max, longest);
}
END_TEST

START_TEST(callback)
{
	accept_of(RADIUS_CALLBACK_NUMBER, "", 0);
	add(RADIUS_CALLBACK_ID, "", 0);
	decodes();
	ck_assert_uint_eq(grant.given, 0);
	accept_of(RADIUS_CALLBACK_NUMBER, "5551234", 7);
	decodes();
	ck_assert_uint_eq(grant.given, RADIUS_GIVEN_CALLBACK);
	accept_of(RADIUS_CALLBACK_ID, "x", 1);
	decodes();
	ck_assert_uint_eq(grant.given, RADIUS_GIVEN_CALLBACK);
}
END_TEST

/* --- what is not known --- */

START_TEST(unknown)
{
	reply_begin(RADIUS_ACCESS_ACCEPT);
	add(RADIUS_MESSAGE_AUTHENTICATOR, grant_authenticator, 16);
	add_number(RADIUS_EVENT_TIMESTAMP, 1);
	add_number(15, 0);
	add_number(10, 0); /* Framed-Routing: None */
	add(RADIUS_CUI, "cui", 3);
	decodes();
	ck_assert_uint_eq(grant.unknown, 0);
	ck_assert_uint_eq(grant.first_unknown, 0);
	add_number(10, 3);
	add(92, "deny all", 8); /* NAS-Filter-Rule */
	add(255, "", 0);
	decodes();
	ck_assert_uint_eq(grant.unknown, 3);
	ck_assert_uint_eq(grant.first_unknown, 10);
	accept_of(0, "", 0);
	add(124, "x", 1);
	decodes();
	ck_assert_uint_eq(grant.unknown, 2);
	ck_assert_uint_eq(grant.first_unknown, 0);
}
END_TEST

/* Everything of no attributes is "not given". */
START_TEST(nothing)
{
	static const struct radius_grant zeros;

	reply_begin(RADIUS_ACCESS_ACCEPT);
	decodes();
	ck_assert_int_eq(memcmp(&grant, &zeros, sizeof grant), 0);
}
END_TEST

/* The caller has seen a good list; a broken one is still an error. */
START_TEST(list_broken)
{
	reply_begin(RADIUS_ACCESS_ACCEPT);
	add_text(RADIUS_FILTER_ID, "f");
	reply.octets[reply.len++] = RADIUS_CLASS;
	refused(0);
	reply.octets[reply.len++] = 1;
	refused(0);
}
END_TEST

/* --- Reject and Challenge (RAD-26, RAD-27) --- */

static void refusal_is(uint8_t code)
{
	reply_begin(code);
	add_text(RADIUS_REPLY_MESSAGE, "go away");
	add_text(RADIUS_STATE, "s");
	add_number(RADIUS_SESSION_TIMEOUT, 30);
	add_text(RADIUS_CLASS, "c");
	add_text(RADIUS_FRAMED_ROUTE, "10.0.0.0/8");
	add_text(RADIUS_TUNNEL_SERVER_ENDPOINT, "10.0.0.1");
	add_text(RADIUS_FRAMED_IP_ADDRESS, "wrong size");
	add_text(RADIUS_CALLBACK_ID, "c");
	add_number(200, 1);
	add(RADIUS_VENDOR_SPECIFIC, "x", 1);
	add(RADIUS_VENDOR_SPECIFIC, "\0\0\1\x37\x07\x06", 6);
	add_vsa(RADIUS_MICROSOFT, RADIUS_MS_CHAP_ERROR, "\1E=691", 6);
	add_vsa(RADIUS_MICROSOFT, RADIUS_MS_MPPE_SEND_KEY, "wrong", 5);
	add_vsa_number(RADIUS_WISPR, RADIUS_WISPR_BANDWIDTH_MAX_UP, 1);
	decodes();
	ck_assert_uint_eq(grant.given, RADIUS_GIVEN_SESSION_TIMEOUT | RADIUS_GIVEN_ERROR);
	ck_assert_uint_eq(grant.session_timeout, 30);
	ck_assert_str_eq(grant.message, "go away");
	ck_assert_str_eq(grant.error, "E=691");
	ck_assert_uint_eq(grant.state_len, 1);
	ck_assert_uint_eq(grant.class_len + grant.nroutes + grant.ntunnels + grant.unknown, 0);
	add(RADIUS_SESSION_TIMEOUT, "x", 1);
	refused(RADIUS_SESSION_TIMEOUT);
}

START_TEST(refusals)
{
	refusal_is(RADIUS_ACCESS_REJECT);
	refusal_is(RADIUS_ACCESS_CHALLENGE);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("radius_grant");

	loop_case(s, "number value", number_value, NUMBERS);
	loop_case(s, "number sizes", number_sizes, NUMBERS);
	loop_case(s, "number second", number_second, NUMBERS);
	loop_case(s, "sizes", other_sizes, SIZES);
	loop_case(s, "texts", text_values, TEXTS);
	UNIT_CASE(s, "values", number_zero, address_range, netmask_range, mtu_range, callback);
	UNIT_CASE(s, "unknown", unknown, nothing, list_broken);
	UNIT_CASE(s, "refusals", refusals);
	return s;
}

UNIT_MAIN(suite)
