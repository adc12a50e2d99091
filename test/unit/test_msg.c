/*
 * The 15 messages against octets written out from RFC 2637 section 2 (MSG-00 to MSG-24).
 */
#include "pacd/proto/msg.h"

#include "test/unit/unit.h"

#include <stdbool.h>
#include <stdio.h>

#define TYPES MSG_SLI

static const char h64[] = "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh";

/* A message: the octets in front of its texts, the texts, and what it means. */
static const struct vector {
	size_t size;
	const char *hex;
	struct {
		size_t at;
		const char *text;
	} texts[3];
	struct {
		size_t at, n;
	} reserved; /* besides Reserved0 */
	struct msg m;
} vectors[TYPES + 1] = {
	[MSG_SCCRQ] = { 156,
		"009c 0001 1a2b3c4d 0001 0000"
		"0100 0000 00000003 00000001 0002 0304", { { 28, "pns.example" }, { 92, h64 } }, { 14, 2 },
		{ .type = MSG_SCCRQ, .sccrq = { .version = 0x0100, .framing = 3, .bearer = 1, .max_channels = 2,
			.firmware = 0x0304, .host = "pns.example", .vendor =
			"hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh" } } },
	[MSG_SCCRP] = { 156,
		"009c 0001 1a2b3c4d 0002 0000"
		"0100 02 04 00000001 00000002 ffff 0102", { { 28, "pac" }, { 92, "Vendor" } }, { 0, 0 },
		{ .type = MSG_SCCRP, .sccrp = { .version = 0x0100, .result = 2, .error = 4, .framing = 1, .bearer = 2,
			.max_channels = 0xffff, .firmware = 0x0102, .host = "pac", .vendor = "Vendor" } } },
	[MSG_STOP_CCRQ] = { 16, "0010 0001 1a2b3c4d 0003 0000 03 00 0000", { { 0 } }, { 13, 3 },
		{ .type = MSG_STOP_CCRQ, .stop_ccrq = { .reason = 3 } } },
	[MSG_STOP_CCRP] = { 16, "0010 0001 1a2b3c4d 0004 0000 02 06 0000", { { 0 } }, { 14, 2 },
		{ .type = MSG_STOP_CCRP, .stop_ccrp = { .result = 2, .error = 6 } } },
	[MSG_ECHO_RQ] = { 16, "0010 0001 1a2b3c4d 0005 0000 deadbeef", { { 0 } }, { 0, 0 },
		{ .type = MSG_ECHO_RQ, .echo_rq = { .identifier = 0xdeadbeef } } },
	[MSG_ECHO_RP] = { 20, "0014 0001 1a2b3c4d 0006 0000 01020304 01 05 0000", { { 0 } }, { 18, 2 },
		{ .type = MSG_ECHO_RP, .echo_rp = { .identifier = 0x01020304, .result = 1, .error = 5 } } },
	[MSG_OCRQ] = { 168,
		"00a8 0001 1a2b3c4d 0007 0000"
		"1234 5678 0000012c 05f5e100 00000003 00000002 0040 0005 0007 0000",
		{ { 40, "5551234" }, { 104, "sub" } }, { 38, 2 },
		{ .type = MSG_OCRQ, .ocrq = { .call_id = 0x1234, .serial = 0x5678, .min_bps = 300,
			.max_bps = 100000000, .bearer = 3, .framing = 2, .window = 64, .delay = 5, .number_len = 7,
			.number = "5551234", .subaddress = "sub" } } },
	[MSG_OCRP] = { 32,
		"0020 0001 1a2b3c4d 0008 0000"
		"a1b2 c3d4 04 01 0011 0000fa00 0040 0003 01020304", { { 0 } }, { 0, 0 },
		{ .type = MSG_OCRP, .ocrp = { .call_id = 0xa1b2, .peer_call_id = 0xc3d4, .result = 4, .error = 1,
			.cause = 17, .speed = 64000, .window = 64, .delay = 3, .channel = 0x01020304 } } },
	[MSG_ICRQ] = { 220,
		"00dc 0001 1a2b3c4d 0009 0000"
		"0102 0304 00000001 00000506 0004 0006", { { 28, "4711" }, { 92, "080015" }, { 156, "x" } }, { 0, 0 },
		{ .type = MSG_ICRQ, .icrq = { .call_id = 0x0102, .serial = 0x0304, .bearer = 1, .channel = 0x0506,
			.dialed_len = 4, .dialing_len = 6, .dialed = "4711", .dialing = "080015",
			.subaddress = "x" } } },
	[MSG_ICRP] = { 24, "0018 0001 1a2b3c4d 000a 0000 0807 0605 03 02 0010 0009 0000", { { 0 } }, { 22, 2 },
		{ .type = MSG_ICRP, .icrp = { .call_id = 0x0807, .peer_call_id = 0x0605, .result = 3, .error = 2,
			.window = 16, .delay = 9 } } },
	[MSG_ICCN] = { 28, "001c 0001 1a2b3c4d 000b 0000 4321 0000 0001c200 0020 0001 00000002", { { 0 } }, { 14, 2 },
		{ .type = MSG_ICCN, .iccn = { .peer_call_id = 0x4321, .speed = 115200, .window = 32, .delay = 1,
			.framing = 2 } } },
	[MSG_CCRQ] = { 16, "0010 0001 1a2b3c4d 000c 0000 ff01 0000", { { 0 } }, { 14, 2 },
		{ .type = MSG_CCRQ, .ccrq = { .call_id = 0xff01 } } },
	[MSG_CDN] = { 148, "0094 0001 1a2b3c4d 000d 0000 beef 04 01 0010 0000", { { 20, "rx=1 tx=2" } }, { 18, 2 },
		{ .type = MSG_CDN, .cdn = { .call_id = 0xbeef, .result = 4, .error = 1, .cause = 16,
			.statistics = "rx=1 tx=2" } } },
	[MSG_WEN] = { 40,
		"0028 0001 1a2b3c4d 000e 0000"
		"0a0b 0000 00000001 00000002 00000003 00000004 00000005 00000006", { { 0 } }, { 14, 2 },
		{ .type = MSG_WEN, .wen = { .peer_call_id = 0x0a0b, .crc = 1, .framing = 2, .hardware_overrun = 3,
			.buffer_overrun = 4, .time_out = 5, .alignment = 6 } } },
	[MSG_SLI] = { 24, "0018 0001 1a2b3c4d 000f 0000 7788 0000 000a0000 ffffffff", { { 0 } }, { 14, 2 },
		{ .type = MSG_SLI, .sli = { .peer_call_id = 0x7788, .send_accm = 0x000a0000,
			.receive_accm = 0xffffffff } } },
};

static size_t unhex(uint8_t *out, const char *hex)
{
	size_t n = 0;
	unsigned v;

	while (sscanf(hex, " %2x", &v) == 1) {
		hex += strspn(hex, " ") + 2;
		out[n++] = (uint8_t)v;
	}
	return n;
}

static size_t vector_bytes(const struct vector *v, uint8_t *out)
{
	memset(out, 0, MSG_MAX);
	unhex(out, v->hex);
	for (int i = 0; i < 3; i++)
		if (v->texts[i].text)
			memcpy(out + v->texts[i].at, v->texts[i].text, strlen(v->texts[i].text));
	return v->size;
}

static bool is_reserved(const struct vector *v, size_t at)
{
	return at == 10 || at == 11 || (at >= v->reserved.at && at < v->reserved.at + v->reserved.n);
}

/* MSG-00: sizes and names. */
START_TEST(sizes)
{
	static const char *const words[] = { "SCCRQ", "SCCRP", "StopCCRQ", "StopCCRP", "EchoRQ", "EchoRP", "OCRQ",
		"OCRP", "ICRQ", "ICRP", "ICCN", "CCRQ", "CDN", "WEN", "SLI" };

	for (uint16_t t = 1; t <= TYPES; t++) {
		ck_assert_uint_eq(msg_size(t), vectors[t].size);
		ck_assert_str_eq(msg_type_word(t), words[t - 1]);
	}
	for (unsigned t = TYPES + 1; t <= 65535; t++)
		ck_assert(msg_size((uint16_t)t) == 0);
	ck_assert_uint_eq(msg_size(0), 0);
	ck_assert_str_eq(msg_type_word(0), "unknown");
	ck_assert_str_eq(msg_type_word(16), "unknown");
}
END_TEST

/* MSG-01, MSG-07 to MSG-23: every layout, both ways. */
START_TEST(vectors_both_ways)
{
	for (uint16_t t = 1; t <= TYPES; t++) {
		uint8_t want[MSG_MAX], got[MSG_MAX];
		struct msg m;
		size_t n = vector_bytes(&vectors[t], want);

		memset(&m, 0xee, sizeof m);
		ck_assert_int_eq(msg_decode(&m, want, n), MSG_OK);
		ck_assert_msg(!memcmp(&m, &vectors[t].m, sizeof m), "decoded type %u", t);
		memset(got, 0xee, sizeof got);
		ck_assert_uint_eq(msg_encode(got, sizeof got, &vectors[t].m), n);
		ck_assert_msg(!memcmp(got, want, n), "encoded type %u", t);
	}
}
END_TEST

/* Encoding what was decoded from any octets gives the same octets, reserved ones as 0 (MSG-05). */
START_TEST(mutation_of_every_octet)
{
	for (uint16_t t = 1; t <= TYPES; t++) {
		uint8_t good[MSG_MAX], bad[MSG_MAX], got[MSG_MAX];
		size_t n = vector_bytes(&vectors[t], good);

		for (size_t i = 0; i < n * 8; i++) {
			size_t at = i / 8;
			struct msg m;
			enum msg_fault fault;

			memcpy(bad, good, n);
			bad[at] ^= (uint8_t)(1u << i % 8);
			fault = msg_decode(&m, bad, n);
			if (at < 10) {
				/* A type of the same size is another good message. */
				ck_assert_msg(fault || (at == 9 && msg_size(bad[9]) == n), "type %u octet %zu", t, at);
				continue;
			}
			ck_assert_int_eq(fault, MSG_OK);
			ck_assert_uint_eq(msg_encode(got, sizeof got, &m), n);
			ck_assert_msg(!memcmp(got, is_reserved(&vectors[t], at) ? good : bad, n),
				      "type %u octet %zu", t, at);
		}
	}
}
END_TEST

/* The same type by mistake: StopCCRQ and EchoRQ are of one size, so a type octet can turn one into the other. */
START_TEST(mutated_type_of_same_size)
{
	uint8_t b[MSG_MAX];
	size_t n = vector_bytes(&vectors[MSG_ECHO_RQ], b);
	struct msg m;

	b[9] = MSG_CCRQ;
	ck_assert_int_eq(msg_decode(&m, b, n), MSG_OK);
	ck_assert_uint_eq(m.type, MSG_CCRQ);
	ck_assert_uint_eq(m.ccrq.call_id, 0xdead);
}
END_TEST

/* MSG-02: nothing but the exact length. */
START_TEST(truncations_and_excess)
{
	for (uint16_t t = 1; t <= TYPES; t++) {
		uint8_t b[MSG_MAX + 1];
		size_t n = vector_bytes(&vectors[t], b);
		struct msg m;

		b[MSG_MAX] = 0;
		for (size_t len = 0; len <= MSG_MAX + 1; len++)
			ck_assert_int_eq(!msg_decode(&m, b, len), len == n);
		for (int d = -1; d <= 1; d += 2) {
			size_t need, wrong = n + (size_t)d;

			b[1] = (uint8_t)wrong;
			ck_assert_int_eq(msg_check(b, 9, &need), wrong > MSG_MAX ? MSG_LONG : MSG_OK);
			ck_assert_int_eq(msg_decode(&m, b, wrong), wrong > MSG_MAX ? MSG_LONG : MSG_BAD_LENGTH);
			ck_assert_int_eq(msg_decode(&m, b, n), wrong > MSG_MAX ? MSG_LONG : MSG_BAD_LENGTH);
		}
	}
}
END_TEST

START_TEST(decode_reads_no_octet_too_many)
{
	for (uint16_t t = 1; t <= TYPES; t++) {
		uint8_t b[MSG_MAX];
		size_t n = vector_bytes(&vectors[t], b);

		for (size_t len = 0; len <= n; len++) {
			uint8_t *exact = malloc(len ? len : 1);
			struct msg m;

			memcpy(exact, b, len);
			ck_assert_int_eq(!msg_decode(&m, exact, len), len == n);
			free(exact);
		}
	}
}
END_TEST

START_TEST(encode_needs_room)
{
	for (uint16_t t = 1; t <= TYPES; t++) {
		for (size_t cap = 0; cap < vectors[t].size; cap++) {
			uint8_t *exact = malloc(cap ? cap : 1);

			ck_assert_uint_eq(msg_encode(exact, cap, &vectors[t].m), 0);
			free(exact);
		}
	}
}
END_TEST

START_TEST(encode_unknown_type)
{
	static const uint16_t types[] = { 0, 16, 99, 65535 };
	uint8_t b[MSG_MAX];

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		struct msg m = { .type = types[i] };

		ck_assert_uint_eq(msg_encode(b, sizeof b, &m), 0);
	}
}
END_TEST

/* MSG-06: full fields have no NUL, and nothing behind them is read. */
START_TEST(texts)
{
	char field[MSG_TEXT + 1], big[MSG_TEXT * 2];

	memset(field, '!', sizeof field);
	msg_text_set(field, MSG_TEXT, "abc");
	ck_assert_str_eq(field, "abc");
	for (int i = 3; i < MSG_TEXT; i++)
		ck_assert_int_eq(field[i], 0);
	ck_assert_int_eq(field[MSG_TEXT], '!');
	ck_assert_uint_eq(msg_text_len(field, MSG_TEXT), 3);
	msg_text_set(field, MSG_TEXT, h64);
	ck_assert(!memcmp(field, h64, MSG_TEXT) && field[MSG_TEXT] == '!');
	ck_assert_uint_eq(msg_text_len(field, MSG_TEXT), MSG_TEXT);
	memset(big, 'z', sizeof big);
	big[sizeof big - 1] = 0;
	msg_text_set(field, MSG_TEXT, big);
	ck_assert_uint_eq(msg_text_len(field, MSG_TEXT), MSG_TEXT);
	ck_assert_int_eq(field[MSG_TEXT], '!');
	msg_text_set(field, MSG_TEXT, "");
	ck_assert_uint_eq(msg_text_len(field, MSG_TEXT), 0);
}
END_TEST

START_TEST(text_fields_without_nul)
{
	static const struct {
		uint16_t type;
		size_t at, n;
	} fields[] = { { MSG_SCCRQ, 28, 128 }, { MSG_SCCRP, 28, 128 }, { MSG_OCRQ, 40, 128 }, { MSG_ICRQ, 28, 192 },
		{ MSG_CDN, 20, 128 } };

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		uint8_t b[MSG_MAX], got[MSG_MAX];
		size_t n = vector_bytes(&vectors[fields[i].type], b);
		struct msg m;

		ck_assert_uint_eq(fields[i].at + fields[i].n, n);
		memset(b + fields[i].at, 'x', fields[i].n);
		ck_assert_int_eq(msg_decode(&m, b, n), MSG_OK);
		ck_assert_uint_eq(msg_encode(got, sizeof got, &m), n);
		ck_assert(!memcmp(got, b, n));
	}
}
END_TEST

/* MSG-05: whatever is in the reserved fields makes no difference, and is never sent. */
START_TEST(reserved_fields)
{
	for (uint16_t t = 1; t <= TYPES; t++) {
		uint8_t good[MSG_MAX], b[MSG_MAX], got[MSG_MAX];
		size_t n = vector_bytes(&vectors[t], good);
		struct msg m;

		memcpy(b, good, n);
		for (size_t i = 0; i < n; i++)
			if (is_reserved(&vectors[t], i))
				b[i] = 0xff;
		ck_assert_int_eq(msg_decode(&m, b, n), MSG_OK);
		ck_assert(!memcmp(&m, &vectors[t].m, sizeof m));
		ck_assert_uint_eq(msg_encode(got, sizeof got, &m), n);
		ck_assert(!memcmp(got, good, n));
	}
}
END_TEST

/* What MSG-02 to MSG-04 say, written as a list of cases. */
static enum msg_fault expected(unsigned length, unsigned pptp_type, uint32_t cookie, unsigned type, size_t have)
{
	if (have >= 2 && length < 12)
		return MSG_SHORT;
	if (have >= 2 && length > 220)
		return MSG_LONG;
	if (have >= 8 && cookie != 0x1A2B3C4D)
		return MSG_BAD_COOKIE;
	if (have >= 8 && pptp_type != 1)
		return MSG_NOT_CONTROL;
	if (have >= 10 && (type == 0 || type > 15))
		return MSG_UNKNOWN_TYPE;
	if (have >= 10 && length != vectors[type].size)
		return MSG_BAD_LENGTH;
	return MSG_OK;
}

static void check_all_haves(unsigned length, unsigned pptp_type, uint32_t cookie, unsigned type)
{
	uint8_t b[MSG_HEADER] = { (uint8_t)(length >> 8), (uint8_t)length, (uint8_t)(pptp_type >> 8),
		(uint8_t)pptp_type, (uint8_t)(cookie >> 24), (uint8_t)(cookie >> 16), (uint8_t)(cookie >> 8),
		(uint8_t)cookie, (uint8_t)(type >> 8), (uint8_t)type, 0xff, 0xff };

	for (size_t have = 0; have <= sizeof b; have++) {
		size_t need = 9999;
		enum msg_fault want = expected(length, pptp_type, cookie, type, have);

		if (msg_check(b, have, &need) != want)
			ck_abort_msg("length %u pptp %u type %u have %zu", length, pptp_type, type, have);
		if (want == MSG_OK || want == MSG_NOT_CONTROL || want == MSG_UNKNOWN_TYPE)
			ck_assert(need == (have < 2 ? 0 : length));
	}
}

START_TEST(check_every_length)
{
	for (unsigned length = 0; length <= 65535; length++) {
		check_all_haves(length, 1, MSG_COOKIE, MSG_ECHO_RQ);
		check_all_haves(length, 2, MSG_COOKIE, MSG_SCCRQ);
		check_all_haves(length, 1, 0x4D3C2B1A, MSG_SCCRQ);
	}
}
END_TEST

START_TEST(check_every_type)
{
	for (unsigned type = 0; type <= 65535; type++) {
		check_all_haves(16, 1, MSG_COOKIE, type);
		check_all_haves(156, 1, MSG_COOKIE, type);
		check_all_haves(16, type, MSG_COOKIE, MSG_ECHO_RQ);
	}
	for (unsigned length = 0; length <= 255; length++)
		for (unsigned type = 0; type <= 16; type++)
			check_all_haves(length, 1, MSG_COOKIE, type);
}
END_TEST

/* A bad cookie is a fault also where the PPTP Message Type would be skipped: there is no framing to skip by. */
START_TEST(check_cookie)
{
	for (unsigned bit = 0; bit < 32; bit++) {
		check_all_haves(16, 1, MSG_COOKIE ^ 1u << bit, MSG_ECHO_RQ);
		check_all_haves(16, 2, MSG_COOKIE ^ 1u << bit, MSG_ECHO_RQ);
	}
	check_all_haves(16, 1, 0, MSG_ECHO_RQ);
}
END_TEST

/* MSG-02: somebody speaks HTTP, TLS or SSH to us. */
START_TEST(check_other_protocols)
{
	size_t need;

	ck_assert_int_eq(msg_check((const uint8_t *)"GE", 2, &need), MSG_LONG);
	ck_assert_int_eq(msg_check((const uint8_t *)"\x16\x03", 2, &need), MSG_LONG);
	ck_assert_int_eq(msg_check((const uint8_t *)"SS", 2, &need), MSG_LONG);
	ck_assert_int_eq(msg_check((const uint8_t *)"\0\0", 2, &need), MSG_SHORT);
}
END_TEST

START_TEST(fault_words)
{
	for (int f = MSG_UNKNOWN_TYPE; f <= MSG_OK; f++)
		for (int g = MSG_UNKNOWN_TYPE; g < f; g++)
			ck_assert_str_ne(msg_fault_word(f), msg_fault_word(g));
	ck_assert_str_eq(msg_fault_word(MSG_BAD_COOKIE), "bad-cookie");
	ck_assert_str_eq(msg_fault_word(1), "unknown");
}
END_TEST

static Suite *msg_suite(void)
{
	Suite *s = suite_create("msg");

	UNIT_CASE(s, "layout", sizes, vectors_both_ways, mutation_of_every_octet, mutated_type_of_same_size,
		  reserved_fields);
	UNIT_CASE(s, "bounds", truncations_and_excess, decode_reads_no_octet_too_many, encode_needs_room,
		  encode_unknown_type);
	UNIT_CASE(s, "texts", texts, text_fields_without_nul);
	UNIT_CASE(s, "check", check_every_length, check_every_type, check_cookie, check_other_protocols, fault_words);
	return s;
}

UNIT_MAIN(msg_suite)
