/*
 * Attributes that may come more than once (ledger section 4): Reply-Message, Class, Framed-Route, IPv6 prefixes; and
 * what a call's authorization leaves to the user's (RAD-12).
 */
#include "test/unit/unit_grant.h"

/* --- Reply-Message --- */

static const struct {
	const char *raw, *clean;
} messages[] = {
	{ "welcome", "welcome" },
	{ "", "" },
	{ " ~", " ~" },
	{ "a\nb\r\tc\x1B[2J\x7F", "a?b??c?[2J?" },
	{ "gr\xC3\xBC\xC3\x9F dich", "gr\xC3\xBC\xC3\x9F dich" },
	{ "\xE2\x82\xAC \xF0\x9D\x84\x9E \xF4\x8F\xBF\xBF", "\xE2\x82\xAC \xF0\x9D\x84\x9E \xF4\x8F\xBF\xBF" },
	{ "\xC2\xA0\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xF0\x90\x80\x80",
	  "\xC2\xA0\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xF0\x90\x80\x80" },
	{ "\xC2\x80-\xC2\x9F", "?-?" },                          /* controls of two octets */
	{ "\x80 \xBF \xC0\x80 \xC1\xBF", "? ? ?? ??" },          /* stray, overlong */
	{ "\xE0\x80\x80 \xE0\x9F\xBF \xF0\x8F\xBF\xBF", "??? ??? ????" }, /* overlong */
	{ "\xED\xA0\x80 \xED\xBF\xBF", "??? ???" },              /* surrogates */
	{ "\xF4\x90\x80\x80 \xF5\x80\x80\x80 \xFF\xFE", "???? ???? ??" }, /* past the last one */
	{ "\xC3", "?" },
	{ "\xE2\x82", "??" },
	{ "\xF0\x9D\x84", "???" },
	{ "\xC3x \xE2\x82x", "?x ??x" },
};

START_TEST(message_clean)
{
	reply_begin(RADIUS_ACCESS_ACCEPT);
	add_text(RADIUS_REPLY_MESSAGE, messages[_i].raw);
	decodes();
	ck_assert_str_eq(grant.message, messages[_i].clean);
	ck_assert_uint_eq(grant.given, 0);
}
END_TEST

/* Joined before they are looked at: a server may split text anywhere. A NUL ends its own part only. */
START_TEST(message_joined)
{
	reply_begin(RADIUS_ACCESS_ACCEPT);
	add(RADIUS_REPLY_MESSAGE, "one \xE2\x82", 6);
	add(RADIUS_REPLY_MESSAGE, "", 0);
	add(RADIUS_REPLY_MESSAGE, "\xAC two\0three", 11);
	add(RADIUS_REPLY_MESSAGE, " four", 5);
	decodes();
	ck_assert_str_eq(grant.message, "one \xE2\x82\xAC two four");
}
END_TEST

/* At most 255 octets, and no part of a character at their end. */
START_TEST(message_cut)
{
	char x[RADIUS_VALUE_MAX];

	memset(x, 'x', sizeof x);
	for (unsigned room = 0; room <= 5; room++) {
		reply_begin(RADIUS_ACCESS_ACCEPT);
		add(RADIUS_REPLY_MESSAGE, x, sizeof x - 3);
		add(RADIUS_REPLY_MESSAGE, x, 5 - room);
		add_text(RADIUS_REPLY_MESSAGE, "\xF0\x9D\x84\x9E\xF0\x9D\x84\x9E");
		add(RADIUS_REPLY_MESSAGE, x, sizeof x);
		decodes();
		ck_assert_uint_eq(strlen(grant.message), room == 4 ? 255 : room == 5 ? 254 : 255 - room);
	}
	for (unsigned i = 0; i < 12; i++)
		add(RADIUS_REPLY_MESSAGE, x, sizeof x);
	decodes();
	ck_assert_uint_le(strlen(grant.message), 255);
}
END_TEST

/* --- lists --- */

START_TEST(class_all)
{
	static const uint8_t want[] = { 25, 5, 'o', 'n', 'e', 25, 3, 0, 25, 5, 't', 0, 'o', 25, 5, 'o', 'n', 'e' };

	reply_begin(RADIUS_ACCESS_ACCEPT);
	add(RADIUS_CLASS, "one", 3);
	add(RADIUS_CLASS, "\0", 1);
	add(RADIUS_CLASS, "", 0);
	add(RADIUS_FILTER_ID, "f", 1);
	add(RADIUS_CLASS, "t\0o", 3);
	add(RADIUS_CLASS, "one", 3);
	decodes();
	ck_assert_uint_eq(grant.class_len, sizeof want);
	ck_assert_mem_eq(grant.class_, want, sizeof want);
}
END_TEST

START_TEST(class_most)
{
	static const uint8_t octets[RADIUS_VALUE_MAX];

	reply_begin(RADIUS_ACCESS_ACCEPT);
	for (unsigned i = 0; i < 8; i++)
		add(RADIUS_CLASS, octets, sizeof octets);
	add(RADIUS_CLASS, octets, RADIUS_CLASS_MAX - 8 * 255 - 2);
	decodes();
	ck_assert_uint_eq(grant.class_len, RADIUS_CLASS_MAX);
	add(RADIUS_CLASS, octets, 1);
	refused(RADIUS_CLASS);
	reply.len -= 3;
	decodes();
	reply_begin(RADIUS_ACCESS_ACCEPT);
	for (unsigned i = 0; i < 8; i++)
		add(RADIUS_CLASS, octets, sizeof octets);
	add(RADIUS_CLASS, octets, RADIUS_CLASS_MAX - 8 * 255 - 1);
	refused(RADIUS_CLASS);
}
END_TEST

START_TEST(routes)
{
	reply_begin(RADIUS_ACCESS_ACCEPT);
	add_text(RADIUS_FRAMED_ROUTE, "10.1.2.3/16 0.0.0.0 1");
	add_text(RADIUS_FRAMED_ROUTE, "no route");
	add_text(RADIUS_FRAMED_ROUTE, "");
	add_text(RADIUS_FRAMED_ROUTE, "192.168.7.0 10.0.0.1 2 3");
	decodes();
	ck_assert_uint_eq(grant.nroutes, 2);
	ck_assert_uint_eq(grant.bad_routes, 1);
	ck_assert_uint_eq(grant.routes[0].prefix, 0x0A010000);
	ck_assert_uint_eq(grant.routes[0].len, 16);
	ck_assert_uint_eq(grant.routes[1].prefix, 0xC0A80700);
	ck_assert_uint_eq(grant.routes[1].len, 24);
	ck_assert_uint_eq(grant.routes[1].gateway, 0x0A000001);
	ck_assert_uint_eq(grant.routes[1].metric, 2);
}
END_TEST

START_TEST(routes_most)
{
	reply_begin(RADIUS_ACCESS_ACCEPT);
	for (unsigned i = 0; i < RADIUS_ROUTES + 2; i++)
		add_text(RADIUS_FRAMED_ROUTE, "10.0.0.0/8");
	decodes();
	ck_assert_uint_eq(grant.nroutes, RADIUS_ROUTES);
	ck_assert_uint_eq(grant.bad_routes, 2);
}
END_TEST

/* State is opaque, the first one counts. */
START_TEST(state)
{
	static const uint8_t octets[RADIUS_VALUE_MAX] = { 0, 1, 2 };

	reply_begin(RADIUS_ACCESS_ACCEPT);
	add(RADIUS_STATE, "", 0);
	add(RADIUS_STATE, octets, sizeof octets);
	add(RADIUS_STATE, "x", 1);
	decodes();
	ck_assert_uint_eq(grant.state_len, sizeof octets);
	ck_assert_mem_eq(grant.state, octets, sizeof octets);
}
END_TEST

/* --- IPv6 --- */

/* As long as the prefix or longer; bits past its length are zeros. */
START_TEST(prefix_lengths)
{
	uint8_t octets[18];

	for (unsigned len = 0; len < 256; len++) {
		for (unsigned n = 0; n <= 16; n++) {
			const struct radius_prefix6 *p = grant.prefixes;
			uint8_t want[16] = { 0 };

			memset(octets, 0xFF, sizeof octets);
			octets[0] = 0;
			octets[1] = (uint8_t)len;
			accept_of(RADIUS_FRAMED_IPV6_PREFIX, octets, 2 + n);
			if (len > 128 || n * 8 < len) {
				refused(RADIUS_FRAMED_IPV6_PREFIX);
				continue;
			}
			decodes();
			for (unsigned bit = 0; bit < len; bit++)
				want[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
			ck_assert_uint_eq(grant.nprefixes, 1);
			ck_assert_uint_eq(p->len, len);
			ck_assert_mem_eq(p->prefix, want, sizeof want);
		}
	}
}
END_TEST

START_TEST(prefixes)
{
	uint8_t first[] = { 0, 64, 0x20, 0x01, 0x0D, 0xB8, 0, 1, 0, 2 };
	static const uint8_t delegated[] = { 0xFF, 44, 0x20, 0x01, 0x0D, 0xB8, 0xAB, 0xCD };
	static const uint8_t masked[16] = { 0x20, 0x01, 0x0D, 0xB8, 0xAB, 0xC0 };

	reply_begin(RADIUS_ACCESS_ACCEPT);
	add(RADIUS_DELEGATED_IPV6_PREFIX, delegated, sizeof delegated);
	for (uint8_t i = 0; i < RADIUS_PREFIXES + 1; i++) {
		first[9] = i;
		add(RADIUS_FRAMED_IPV6_PREFIX, first, sizeof first);
	}
	decodes();
	ck_assert_uint_eq(grant.nprefixes, RADIUS_PREFIXES);
	ck_assert_uint_eq(grant.prefixes[0].prefix[7], 0);
	ck_assert_uint_eq(grant.prefixes[RADIUS_PREFIXES - 1].prefix[7], RADIUS_PREFIXES - 1);
	ck_assert_uint_eq(grant.ndelegated, 1);
	ck_assert_uint_eq(grant.delegated[0].len, 44);
	ck_assert_mem_eq(grant.delegated[0].prefix, masked, sizeof masked);
	first[1] = 129;
	add(RADIUS_FRAMED_IPV6_PREFIX, first, sizeof first);
	refused(RADIUS_FRAMED_IPV6_PREFIX);
}
END_TEST

START_TEST(interface_id)
{
	accept_of(RADIUS_FRAMED_INTERFACE_ID, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
	add(RADIUS_FRAMED_INTERFACE_ID, "\0\0\0\0\0\0\0\0", 8);
	decodes();
	ck_assert_uint_eq(grant.given, RADIUS_GIVEN_INTERFACE_ID);
	ck_assert(grant.interface_id == UINT64_C(0x0102030405060708));
}
END_TEST

/* --- RAD-12 --- */

static void call_grant(struct radius_grant *call)
{
	reply_begin(RADIUS_ACCESS_ACCEPT);
	add_number(RADIUS_SESSION_TIMEOUT, 1);
	add_number(RADIUS_IDLE_TIMEOUT, 2);
	add_number(RADIUS_PORT_LIMIT, 3);
	add_number(RADIUS_ACCT_INTERIM_INTERVAL, 4);
	add_text(RADIUS_CLASS, "call");
	add_text(RADIUS_FILTER_ID, "call-filter");
	add_text(RADIUS_FRAMED_POOL, "call-pool");
	/* of these the user gets nothing */
	add_number(RADIUS_FRAMED_IP_ADDRESS, 0x0A000001);
	add_number(RADIUS_FRAMED_MTU, 1000);
	add_number(RADIUS_SERVICE_TYPE, 10);
	add_text(RADIUS_FRAMED_ROUTE, "10.0.0.0/8");
	add_text(RADIUS_STATE, "s");
	add_text(RADIUS_REPLY_MESSAGE, "m");
	add_text(RADIUS_TUNNEL_SERVER_ENDPOINT, "10.0.0.1");
	decodes();
	*call = grant;
}

#define INHERITED (RADIUS_GIVEN_SESSION_TIMEOUT | RADIUS_GIVEN_IDLE_TIMEOUT | RADIUS_GIVEN_PORT_LIMIT | \
		   RADIUS_GIVEN_INTERIM | RADIUS_GIVEN_FILTER | RADIUS_GIVEN_POOL)

START_TEST(inherit_all)
{
	static struct radius_grant call, want;

	call_grant(&call);
	reply_begin(RADIUS_ACCESS_ACCEPT);
	decodes();
	want = grant;
	want.given = INHERITED;
	want.session_timeout = 1;
	want.idle_timeout = 2;
	want.port_limit = 3;
	want.interim = 4;
	strcpy(want.filter, "call-filter");
	strcpy(want.pool, "call-pool");
	memcpy(want.class_, "\x19\x06" "call", 6);
	want.class_len = 6;
	radius_grant_inherit(&grant, &call);
	ck_assert_int_eq(memcmp(&grant, &want, sizeof want), 0);
}
END_TEST

/* Each of the user's own stays, zeros too, and only that one. */
START_TEST(inherit_one)
{
	static const uint8_t types[] = { RADIUS_SESSION_TIMEOUT, RADIUS_IDLE_TIMEOUT, RADIUS_PORT_LIMIT,
					 RADIUS_ACCT_INTERIM_INTERVAL, RADIUS_FILTER_ID, RADIUS_FRAMED_POOL,
					 RADIUS_CLASS };
	static struct radius_grant call;
	uint8_t own = types[_i];

	call_grant(&call);
	reply_begin(RADIUS_ACCESS_ACCEPT);
	add(own, own == RADIUS_FILTER_ID || own == RADIUS_FRAMED_POOL ? "user" : "\0\0\0\0", 4);
	decodes();
	radius_grant_inherit(&grant, &call);
	ck_assert_uint_eq(grant.given, INHERITED);
	ck_assert_uint_eq(grant.session_timeout, own == RADIUS_SESSION_TIMEOUT ? 0 : 1);
	ck_assert_uint_eq(grant.idle_timeout, own == RADIUS_IDLE_TIMEOUT ? 0 : 2);
	ck_assert_uint_eq(grant.port_limit, own == RADIUS_PORT_LIMIT ? 0 : 3);
	ck_assert_uint_eq(grant.interim, own == RADIUS_ACCT_INTERIM_INTERVAL ? 0 : 4);
	ck_assert_str_eq(grant.filter, own == RADIUS_FILTER_ID ? "user" : "call-filter");
	ck_assert_str_eq(grant.pool, own == RADIUS_FRAMED_POOL ? "user" : "call-pool");
	ck_assert_uint_eq(grant.class_len, 6);
	ck_assert_mem_eq(grant.class_, own == RADIUS_CLASS ? "\x19\x06\0\0\0\0" : "\x19\x06" "call", 6);
}
END_TEST

START_TEST(inherit_nothing)
{
	static struct radius_grant call, before;

	reply_begin(RADIUS_ACCESS_ACCEPT);
	decodes();
	call = grant;
	call_grant(&before);
	radius_grant_inherit(&grant, &call);
	ck_assert_int_eq(memcmp(&grant, &before, sizeof before), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("radius_grant_lists");

	loop_case(s, "message", message_clean, sizeof messages / sizeof *messages);
	UNIT_CASE(s, "messages", message_joined, message_cut);
	UNIT_CASE(s, "lists", class_all, class_most, routes, routes_most, state);
	UNIT_CASE(s, "IPv6", prefix_lengths, prefixes, interface_id);
	loop_case(s, "inherit one", inherit_one, 7);
	UNIT_CASE(s, "inherit", inherit_all, inherit_nothing);
	return s;
}

UNIT_MAIN(suite)
