/*
 * The plugin protocol's codec: every message there and back, every truncation,
 * one octet too many, each range at its edges, every single-octet mutation (RAD-30,
 * and what of section 4 the plugin applies).
 */
#include "common/plugin_proto.h"

#include "test/unit/unit.h"

#include <errno.h>

/* Addresses, MTU, three flags, interface identifier, no routes, no variables, MPPE and three flags. */
#define ANSWER_FIXED (4 * 6 + 2 + 3 + 8 + 1 + 1 + 1 + 3)
#define SAMPLES 14

static void fill(uint8_t *p, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(seed + i * 7);
}

static struct plugin_msg auth(uint8_t method, uint8_t name_len, uint8_t challenge_len, uint8_t proof_len)
{
	struct plugin_msg m = { .type = PLUGIN_AUTH };

	m.auth.method = method;
	m.auth.id = 0xfe;
	m.auth.name_len = name_len;
	m.auth.challenge_len = challenge_len;
	m.auth.proof_len = proof_len;
	fill(m.auth.name, name_len, 0);
	fill(m.auth.challenge, challenge_len, 90);
	fill(m.auth.proof, proof_len, 180);
	return m;
}

static struct plugin_msg up(void)
{
	struct plugin_msg m = { .type = PLUGIN_UP };

	strcpy(m.up.ifname, "ppp12345678.-_x");
	m.up.unit = 0x01020304;
	m.up.local = 0xc0a80001;
	m.up.remote = 0xc0a800fe;
	m.up.mppe_bits = 128;
	m.up.mtu = 1396;
	return m;
}

static struct plugin_msg answer(bool ok, bool keys, size_t text)
{
	struct plugin_msg m = { .type = PLUGIN_ANSWER };
	struct plugin_answer *a = &m.answer;

	a->ok = ok;
	a->message_len = (uint8_t)text;
	memset(a->message, 0xe4, text);
	a->local = 0x0a000001;
	a->remote = 0x0a000002;
	for (unsigned i = 0; i < PLUGIN_DNS; i++) {
		a->dns[i] = 0x08080800 + i;
		a->wins[i] = 0x09090900 + i;
	}
	a->mtu = 1400;
	a->proxyarp = true;
	a->mppe = PLUGIN_MPPE_REQUIRE;
	a->has_keys = keys;
	if (keys) {
		fill(a->send_key, 16, 1);
		fill(a->recv_key, 16, 2);
	}
	return m;
}

static void add_route(struct plugin_answer *a, uint32_t prefix, uint8_t len, uint32_t gateway, uint32_t metric)
{
	a->routes[a->nroutes++] = (struct plugin_route){ .prefix = prefix, .gateway = gateway, .len = len,
							 .metric = metric };
}

/* All that a server may give. */
static struct plugin_msg granted(void)
{
	struct plugin_msg m = answer(true, true, 3);
	struct plugin_answer *a = &m.answer;

	a->remote = 0;
	a->peer_chooses = a->no_vj = a->mppe_40 = a->mppe_128 = true;
	a->interface_id = 0x0102030405060708;
	add_route(a, 0x0a000000, 8, 0, 0);
	add_route(a, 0xc0000201, 32, 0xc0000202, UINT32_MAX);
	add_route(a, 0, 0, 1, 1);
	script_vars_add_text(&a->vars, SCRIPT_VAR_FILTER_ID, "std.ppp in");
	script_vars_add_number(&a->vars, SCRIPT_VAR_RATE_UP, 1000);
	return m;
}

/* The largest one. */
static struct plugin_msg largest(void)
{
	struct plugin_msg m = answer(true, true, PLUGIN_TEXT_MAX);
	struct plugin_answer *a = &m.answer;
	char text[SCRIPT_VAR_MAX];

	memset(text, 'v', sizeof text);
	while (a->nroutes < PLUGIN_ROUTES)
		add_route(a, 0xc0a80000 + 256u * a->nroutes, 24, 0, a->nroutes);
	for (unsigned i = 0; i < SCRIPT_VAR_COUNT; i++)
		script_vars_add(&a->vars, (enum script_var)i, text, sizeof text);
	return m;
}

static struct plugin_msg end(const char *reason)
{
	struct plugin_msg m = { .type = PLUGIN_END };

	m.end.reason_len = (uint8_t)strlen(reason);
	memcpy(m.end.reason, reason, m.end.reason_len);
	return m;
}

static struct plugin_msg sample(int i)
{
	struct plugin_msg m = { 0 };

	switch (i) {
	case 0:
		m.type = PLUGIN_HELLO;
		m.hello.version = PLUGIN_PROTO_VERSION;
		strcpy(m.hello.pppd, "2.4.9");
		return m;
	case 1:
		m.type = PLUGIN_PHASE;
		m.phase.phase = 5;
		return m;
	case 2:
		return auth(PLUGIN_PAP, 255, 0, 255);
	case 3:
		return auth(PLUGIN_CHAP_MD5, 0, 1, 0);
	case 4:
		return auth(PLUGIN_MSCHAP, 3, 8, 49);
	case 5:
		return auth(PLUGIN_MSCHAPV2, 255, 16, 255);
	case 6:
		return up();
	case 7:
		m.type = PLUGIN_DOWN;
		m.down.status = 16;
		m.down.peer_ended = true;
		m.down.seconds = 0xfffffffe;
		m.down.in_octets = 0x1122334455667788;
		m.down.out_octets = UINT64_MAX;
		m.down.in_packets = 0x0102030405060708;
		m.down.out_packets = 1;
		return m;
	case 8:
		return answer(true, true, PLUGIN_TEXT_MAX);
	case 9:
		return answer(true, false, 0);
	case 10:
		return answer(false, false, 64);
	case 11:
		return granted();
	case 12:
		return largest();
	default:
		return end("idle timeout_1.x-y");
	}
}

static size_t encoded(uint8_t data[PLUGIN_MSG_MAX], int i)
{
	struct plugin_msg m = sample(i);
	size_t len = plugin_encode(data, PLUGIN_MSG_MAX, &m);

	ck_assert_uint_gt(len, 0);
	return len;
}

/* Not each octet of a long message: its many values are alike, and that is for the shorter ones. */
static size_t step(size_t len)
{
	return len > 1000 ? 41 : 1;
}

START_TEST(round_trip)
{
	for (int i = 0; i < SAMPLES; i++) {
		uint8_t data[PLUGIN_MSG_MAX], again[PLUGIN_MSG_MAX];
		size_t len = encoded(data, i);
		struct plugin_msg want = sample(i), got;

		memset(&got, 0xaa, sizeof got);
		ck_assert_int_eq(plugin_decode(&got, data, len), 0);
		ck_assert_mem_eq(&got, &want, sizeof got);
		ck_assert_uint_eq(plugin_encode(again, sizeof again, &got), len);
		ck_assert_mem_eq(again, data, len);
	}
}
END_TEST

/* The fields at their places: both ends are built apart. */
START_TEST(octets_on_the_wire)
{
	static const uint8_t hello[] = { 1, 2, 5, '2', '.', '4', '.', '9' };
	static const uint8_t phase[] = { 2, 5 };
	static const uint8_t chap[] = { 3, 2, 0xfe, 0, 1, 90, 0 };
	static const uint8_t bye[] = { 66, 4, 'i', 'd', 'l', 'e' };
	uint8_t data[PLUGIN_MSG_MAX];
	struct plugin_msg m = end("idle");

	ck_assert_uint_eq(encoded(data, 0), sizeof hello);
	ck_assert_mem_eq(data, hello, sizeof hello);
	ck_assert_uint_eq(encoded(data, 1), sizeof phase);
	ck_assert_mem_eq(data, phase, sizeof phase);
	ck_assert_uint_eq(encoded(data, 3), sizeof chap);
	ck_assert_mem_eq(data, chap, sizeof chap);
	ck_assert_uint_eq(plugin_encode(data, sizeof data, &m), sizeof bye);
	ck_assert_mem_eq(data, bye, sizeof bye);
	ck_assert_uint_eq(encoded(data, 9), 1 + 1 + 1 + ANSWER_FIXED);
	ck_assert_uint_eq(encoded(data, 8), 1 + 1 + 1 + 255 + ANSWER_FIXED + 32);
	ck_assert_uint_eq(encoded(data, 7), 1 + 4 + 1 + 4 + 4 * 8);
	ck_assert_uint_eq(encoded(data, 12), 1 + 1 + 1 + 255 + ANSWER_FIXED + 32 + 33 * 13 + 16 * 255);
}
END_TEST

START_TEST(grant_on_the_wire)
{
	static const uint8_t grant[] = {
		65, 1, 3, 0xe4, 0xe4, 0xe4,          /* ok, the message */
		10, 0, 0, 1, 0, 0, 0, 0,             /* local, remote */
		8, 8, 8, 0, 8, 8, 8, 1, 9, 9, 9, 0, 9, 9, 9, 1,
		0x05, 0x78, 1, 1, 1,                 /* MTU, proxyarp, peer_chooses, no_vj */
		1, 2, 3, 4, 5, 6, 7, 8,              /* interface identifier */
		3, 10, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0,
		192, 0, 2, 1, 192, 0, 2, 2, 32, 255, 255, 255, 255,
		0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1,
		2, SCRIPT_VAR_FILTER_ID, 10, 's', 't', 'd', '.', 'p', 'p', 'p', ' ', 'i', 'n',
		SCRIPT_VAR_RATE_UP, 4, '1', '0', '0', '0',
		PLUGIN_MPPE_REQUIRE, 1, 1, 1,        /* the key lengths, has_keys */
	};
	uint8_t data[PLUGIN_MSG_MAX];

	ck_assert_uint_eq(encoded(data, 11), sizeof grant + 32);
	ck_assert_mem_eq(data, grant, sizeof grant);
}
END_TEST

START_TEST(every_truncation)
{
	for (int i = 0; i < SAMPLES; i++) {
		uint8_t data[PLUGIN_MSG_MAX];
		size_t len = encoded(data, i);
		struct plugin_msg m;

		for (size_t n = 0; n < len; n += step(len)) {
			uint8_t *exact = malloc(n ? n : 1);

			memcpy(exact, data, n);
			ck_assert_int_eq(plugin_decode(&m, exact, n), -EBADMSG);
			free(exact);
		}
	}
}
END_TEST

START_TEST(extra_octet)
{
	for (int i = 0; i < SAMPLES; i++) {
		uint8_t data[PLUGIN_MSG_MAX + 1] = { 0 };
		size_t len = encoded(data, i);
		struct plugin_msg m;

		data[len] = 0;
		ck_assert_int_eq(plugin_decode(&m, data, len + 1), -EBADMSG);
	}
}
END_TEST

START_TEST(small_buffer)
{
	for (int i = 0; i < SAMPLES; i++) {
		uint8_t data[PLUGIN_MSG_MAX];
		size_t len = encoded(data, i);
		struct plugin_msg m = sample(i);

		for (size_t cap = 0; cap < len; cap += step(len))
			ck_assert_uint_eq(plugin_encode(data, cap, &m), 0);
		ck_assert_uint_eq(plugin_encode(data, len, &m), len);
	}
}
END_TEST

START_TEST(largest_fits)
{
	uint8_t data[PLUGIN_MSG_MAX];
	struct plugin_msg m = auth(PLUGIN_CHAP_MD5, 255, 255, 255);

	ck_assert_uint_eq(plugin_encode(data, sizeof data, &m), 1 + 2 + 3 * 256);
}
END_TEST

static void refused(struct plugin_msg m)
{
	uint8_t data[PLUGIN_MSG_MAX];

	ck_assert_uint_eq(plugin_encode(data, sizeof data, &m), 0);
}

static void taken(struct plugin_msg m)
{
	uint8_t data[PLUGIN_MSG_MAX];

	ck_assert_uint_gt(plugin_encode(data, sizeof data, &m), 0);
}

START_TEST(encode_out_of_range)
{
	struct plugin_msg m = { 0 };

	refused(m);
	m.type = PLUGIN_DOWN + 1;
	refused(m);
	m.type = PLUGIN_END + 1;
	refused(m);

	refused(auth(0, 1, 16, 1));
	refused(auth(PLUGIN_MSCHAPV2 + 1, 1, 16, 1));
	refused(auth(PLUGIN_PAP, 1, 1, 1));
	refused(auth(PLUGIN_CHAP_MD5, 1, 0, 1));
	refused(auth(PLUGIN_MSCHAP, 1, 7, 49));
	refused(auth(PLUGIN_MSCHAP, 1, 9, 49));
	refused(auth(PLUGIN_MSCHAPV2, 1, 15, 49));
	refused(auth(PLUGIN_MSCHAPV2, 1, 17, 49));

	m = sample(0);
	memset(m.hello.pppd, '2', sizeof m.hello.pppd);
	refused(m);
	m.hello.pppd[sizeof m.hello.pppd - 1] = 0;
	taken(m);
	m.hello.pppd[0] = 0;
	refused(m);

	m = sample(7);
	m.down.status = -1;
	refused(m);
	m.down.status = 255;
	taken(m);
	m.down.status = 256;
	refused(m);
}
END_TEST

START_TEST(encode_answer_range)
{
	struct plugin_msg m = answer(true, true, 4);

	taken(m);
	m.answer.mppe = PLUGIN_MPPE_REQUIRE + 1;
	refused(m);
	m = answer(true, true, 4);
	m.answer.message[3] = 0;
	refused(m);
	m = answer(true, true, 4);
	m.answer.ok = false; /* keys for a peer that is refused */
	refused(m);
	m = answer(true, true, 4);
	m.answer.peer_chooses = true; /* and has an address given */
	refused(m);
	m.answer.remote = 0;
	taken(m);
	m.answer.vars.n = 1; /* of no octets */
	refused(m);
}
END_TEST

static struct plugin_msg routed(uint32_t prefix, uint8_t len, uint32_t gateway)
{
	struct plugin_msg m = granted();

	m.answer.nroutes = 1;
	add_route(&m.answer, prefix, len, gateway, 7);
	return m;
}

static void route_refused(uint32_t prefix, uint8_t len, uint32_t gateway)
{
	uint8_t data[PLUGIN_MSG_MAX];
	struct plugin_msg good = routed(0xb0000000, 4, 0xa0000000), m;
	size_t octets = plugin_encode(data, sizeof data, &good), at = 0;

	refused(routed(prefix, len, gateway));
	while (data[at] != 0xb0 || data[at + 4] != 0xa0)
		at++;
	for (int i = 0; i < 4; i++) {
		data[at + (size_t)i] = (uint8_t)(prefix >> (24 - 8 * i));
		data[at + 4 + (size_t)i] = (uint8_t)(gateway >> (24 - 8 * i));
	}
	data[at + 8] = len;
	ck_assert_int_eq(plugin_decode(&m, data, octets), -EBADMSG);
}

START_TEST(route_range)
{
	struct plugin_msg m = largest();

	for (uint8_t len = 0; len <= 32; len++) {
		uint32_t mask = len ? UINT32_MAX << (32 - len) : 0;

		taken(routed(mask, len, 0));
		if (len < 32)
			route_refused(mask | 1u << (31 - len), len, 0);
		if (len < 32)
			route_refused(mask | 1, len, 0);
	}
	route_refused(0, 33, 0);
	route_refused(0x0a000000, 255, 0);
	taken(routed(0x0a000000, 8, 0xdfffffff));
	route_refused(0x0a000000, 8, 0xe0000000);
	route_refused(0x0a000000, 8, 0xefffffff);
	taken(m);
	m.answer.nroutes++;
	refused(m);
}
END_TEST

START_TEST(encode_up_range)
{
	static const char *const bad[] = { "", ".", "..", "a/b", "a b", "a\nb", "a;b", "$x", "p\xe4" };
	static const uint8_t bits[] = { 1, 39, 41, 64, 127, 129, 255 };
	struct plugin_msg m = up();

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		memset(m.up.ifname, 0, sizeof m.up.ifname);
		strcpy(m.up.ifname, bad[i]);
		refused(m);
	}
	memset(m.up.ifname, 'p', sizeof m.up.ifname);
	refused(m);
	m = up();
	for (size_t i = 0; i < sizeof bits; i++) {
		m.up.mppe_bits = bits[i];
		refused(m);
	}
	for (int b = 0; b < 4; b++) {
		static const uint8_t good[] = { 0, 40, 56, 128 };

		m.up.mppe_bits = good[b];
		taken(m);
	}
}
END_TEST

/* What goes into a script's environment holds nothing that a shell could take as more than a word. */
START_TEST(reason_octets)
{
	for (int c = 0; c < 256; c++) {
		char text[4] = { 'a', (char)c, 'b', 0 };
		struct plugin_msg m = { .type = PLUGIN_END, .end.reason_len = 3 };
		uint8_t data[] = { PLUGIN_END, 3, 'a', (uint8_t)c, 'b' };
		bool good = c && strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._-", c);

		memcpy(m.end.reason, text, 3);
		if (good)
			taken(m);
		else
			refused(m);
		ck_assert_int_eq(plugin_decode(&m, data, sizeof data), good ? 0 : -EBADMSG);
	}
	refused((struct plugin_msg){ .type = PLUGIN_END });
}
END_TEST

static void decode_refused(const uint8_t *good, size_t len, size_t at, uint8_t value)
{
	uint8_t data[PLUGIN_MSG_MAX];
	struct plugin_msg m;

	ck_assert_uint_lt(at, len);
	memcpy(data, good, len);
	ck_assert_int_eq(plugin_decode(&m, data, len), 0);
	data[at] = value;
	ck_assert_int_eq(plugin_decode(&m, data, len), -EBADMSG);
}

START_TEST(decode_out_of_range)
{
	uint8_t data[PLUGIN_MSG_MAX];
	size_t len = encoded(data, 1);

	decode_refused(data, len, 0, 0);
	decode_refused(data, len, 0, PLUGIN_DOWN + 1);
	decode_refused(data, len, 0, PLUGIN_ANSWER - 1);
	decode_refused(data, len, 0, PLUGIN_END + 1);
	len = encoded(data, 4);
	decode_refused(data, len, 1, 0);
	decode_refused(data, len, 1, PLUGIN_MSCHAPV2);
	len = encoded(data, 9);
	decode_refused(data, len, 1, 2);       /* ok */
	decode_refused(data, len, 29, 2);      /* proxyarp */
	decode_refused(data, len, 30, 1);      /* peer_chooses, and has an address given */
	decode_refused(data, len, 31, 2);      /* no_vj */
	decode_refused(data, len, len - 6, PLUGIN_ROUTES + 1);
	decode_refused(data, len, len - 5, SCRIPT_VARS + 1);
	decode_refused(data, len, len - 4, 3); /* mppe */
	decode_refused(data, len, len - 3, 2); /* mppe_40 */
	decode_refused(data, len, len - 2, 2); /* mppe_128 */
	decode_refused(data, len, len - 1, 2); /* has_keys */
	len = encoded(data, 8);
	decode_refused(data, len, 1, 0);  /* keys with a refusal */
	decode_refused(data, len, 10, 0); /* NUL in the message */
	len = encoded(data, 7);
	for (size_t i = 1; i < 4; i++)
		decode_refused(data, len, i, 1); /* status */
	decode_refused(data, len, 5, 2); /* peer_ended */
	len = encoded(data, 6);
	decode_refused(data, len, 5, 0);
	decode_refused(data, len, 5, '/');
	decode_refused(data, len, len - 3, 127);
	len = encoded(data, 0);
	decode_refused(data, len, 4, 0);
}
END_TEST

/* Longer than its array, though the octets are there. */
START_TEST(long_text)
{
	uint8_t hello[3 + 32] = { PLUGIN_HELLO, 1, 32 }, name[2 + 16 + 15] = { PLUGIN_UP, 16 };
	struct plugin_msg m;

	memset(hello + 3, '2', 32);
	ck_assert_int_eq(plugin_decode(&m, hello, sizeof hello), -EBADMSG);
	hello[2] = 31;
	ck_assert_int_eq(plugin_decode(&m, hello, sizeof hello - 1), 0);
	memset(name + 2, 'p', 16);
	ck_assert_int_eq(plugin_decode(&m, name, sizeof name), -EBADMSG);
}
END_TEST

/* Any single octet changed: refused, or a message whose encoding is that very input. */
START_TEST(mutations)
{
	for (int i = 0; i < SAMPLES; i++) {
		uint8_t data[PLUGIN_MSG_MAX], again[PLUGIN_MSG_MAX];
		size_t len = encoded(data, i);

		for (size_t at = 0; at < len; at += step(len)) {
			uint8_t was = data[at];

			for (int v = 0; v < 256; v++) {
				struct plugin_msg m;

				data[at] = (uint8_t)v;
				if (plugin_decode(&m, data, len) < 0)
					continue;
				ck_assert_uint_eq(plugin_encode(again, sizeof again, &m), len);
				ck_assert_mem_eq(again, data, len);
			}
			data[at] = was;
		}
	}
}
END_TEST

START_TEST(words)
{
	ck_assert_str_eq(plugin_exit_words(0), "ended in the ordinary way");
	ck_assert_str_eq(plugin_exit_words(11), "peer failed to authenticate itself");
	ck_assert_str_eq(plugin_exit_words(16), "line hung up");
	ck_assert_str_eq(plugin_exit_words(21), "calling number not allowed");
	ck_assert_str_eq(plugin_exit_words(22), "unknown");
	ck_assert_str_eq(plugin_exit_words(-1), "unknown");
	ck_assert_str_eq(plugin_phase_word(0), "dead");
	ck_assert_str_eq(plugin_phase_word(2), "serialconn");
	ck_assert_str_eq(plugin_phase_word(5), "authenticate");
	ck_assert_str_eq(plugin_phase_word(7), "network");
	ck_assert_str_eq(plugin_phase_word(12), "master");
	ck_assert_str_eq(plugin_phase_word(13), "unknown");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("plugin_proto");

	UNIT_CASE(s, "there and back", round_trip, octets_on_the_wire, grant_on_the_wire, largest_fits);
	UNIT_CASE(s, "length", every_truncation, extra_octet, small_buffer, long_text);
	UNIT_CASE(s, "range", encode_out_of_range, encode_answer_range, route_range, encode_up_range,
		  reason_octets, decode_out_of_range);
	UNIT_CASE(s, "mutation", mutations);
	UNIT_CASE(s, "words", words);
	return s;
}

UNIT_MAIN(suite)
