/*
 * The framer under every split of the stream (MSG-02 to MSG-04, CC-18).
 */
#include "pacd/proto/framer.h"

#include "test/unit/unit.h"

#define TYPES MSG_SLI

static struct framer f;
static struct msg m;

/* A valid message of the type; its texts are not empty. */
static size_t build(uint16_t type, uint8_t *out)
{
	struct msg b;

	memset(&b, 'a' + type, sizeof b);
	b.type = type;
	return msg_encode(out, MSG_MAX, &b);
}

/* A header of any kind with `length` - 12 octets of filling behind it. */
static size_t build_odd(uint8_t *out, unsigned length, unsigned pptp_type, uint32_t cookie, unsigned type)
{
	memset(out, 0x5a, MSG_MAX);
	out[0] = (uint8_t)(length >> 8);
	out[1] = (uint8_t)length;
	out[2] = (uint8_t)(pptp_type >> 8);
	out[3] = (uint8_t)pptp_type;
	for (int i = 0; i < 4; i++)
		out[4 + i] = (uint8_t)(cookie >> (24 - 8 * i));
	out[8] = (uint8_t)(type >> 8);
	out[9] = (uint8_t)type;
	return length;
}

static enum framer_result feed(const uint8_t *data, size_t len, size_t *left)
{
	enum framer_result r = framer_next(&f, &data, &len, &m);

	*left = len;
	return r;
}

static enum framer_result feed_all(const uint8_t *data, size_t len)
{
	size_t left;
	enum framer_result r = feed(data, len, &left);

	if (r != FRAMER_FAULT)
		ck_assert_uint_eq(left, 0);
	return r;
}

static void assert_is(uint16_t type)
{
	uint8_t want[MSG_MAX], got[MSG_MAX];
	size_t n = build(type, want);

	ck_assert_uint_eq(m.type, type);
	ck_assert_uint_eq(msg_encode(got, sizeof got, &m), n);
	ck_assert(!memcmp(got, want, n));
}

START_TEST(every_split_point)
{
	for (uint16_t t = 1; t <= TYPES; t++) {
		uint8_t b[MSG_MAX];
		size_t n = build(t, b);

		framer_init(&f);
		for (size_t cut = 0; cut <= n; cut++) {
			ck_assert_int_eq(feed_all(b, cut), cut == n ? FRAMER_MESSAGE : FRAMER_MORE);
			if (cut < n)
				ck_assert_int_eq(feed_all(b + cut, n - cut), FRAMER_MESSAGE);
			assert_is(t);
		}
	}
}
END_TEST

/* From an exact allocation, so that a sanitizer sees a read too far. */
START_TEST(every_split_point_exact)
{
	uint8_t b[MSG_MAX];
	size_t n = build(MSG_SCCRQ, b);

	framer_init(&f);
	for (size_t cut = 1; cut < n; cut++) {
		uint8_t *head = malloc(cut);

		memcpy(head, b, cut);
		ck_assert_int_eq(feed_all(head, cut), FRAMER_MORE);
		free(head);
		ck_assert_int_eq(feed_all(b + cut, n - cut), FRAMER_MESSAGE);
		assert_is(MSG_SCCRQ);
	}
}
END_TEST

START_TEST(octet_by_octet)
{
	framer_init(&f);
	for (uint16_t t = 1; t <= TYPES; t++) {
		uint8_t b[MSG_MAX];
		size_t n = build(t, b);

		for (size_t i = 0; i < n; i++)
			ck_assert_int_eq(feed_all(b + i, 1), i + 1 == n ? FRAMER_MESSAGE : FRAMER_MORE);
		assert_is(t);
	}
}
END_TEST

START_TEST(many_in_one_buffer_and_a_partial_one)
{
	uint8_t b[100 * MSG_MAX], last[MSG_MAX];
	const uint8_t *p = b;
	size_t n = 0, len, last_len = build(MSG_OCRQ, last);

	for (int i = 0; i < 75; i++)
		n += build((uint16_t)(i % TYPES + 1), b + n);
	memcpy(b + n, last, 100);
	len = n + 100;
	framer_init(&f);
	for (int i = 0; i < 75; i++) {
		ck_assert_int_eq(framer_next(&f, &p, &len, &m), FRAMER_MESSAGE);
		assert_is((uint16_t)(i % TYPES + 1));
	}
	ck_assert_uint_eq(len, 100);
	ck_assert_int_eq(framer_next(&f, &p, &len, &m), FRAMER_MORE);
	ck_assert_uint_eq(len, 0);
	ck_assert_ptr_eq(p, b + n + 100);
	ck_assert_int_eq(feed_all(last + 100, last_len - 100), FRAMER_MESSAGE);
	assert_is(MSG_OCRQ);
}
END_TEST

/* Random chunks over a long stream give the same messages. */
START_TEST(random_splits)
{
	static uint8_t b[3000 * MSG_MAX];
	size_t n = 0, seen = 0;

	srand(1);
	for (int i = 0; i < 3000; i++)
		n += build((uint16_t)(i % TYPES + 1), b + n);
	framer_init(&f);
	for (size_t at = 0; at < n;) {
		size_t chunk = (size_t)(rand() % 700), len = chunk < n - at ? chunk : n - at;
		const uint8_t *p = b + at;
		enum framer_result r;

		at += len;
		while ((r = framer_next(&f, &p, &len, &m)) == FRAMER_MESSAGE)
			assert_is((uint16_t)(seen++ % TYPES + 1));
		ck_assert_int_eq(r, FRAMER_MORE);
		ck_assert_uint_eq(len, 0);
	}
	ck_assert_uint_eq(seen, 3000);
}
END_TEST

START_TEST(no_input)
{
	framer_init(&f);
	ck_assert_int_eq(feed_all(NULL, 0), FRAMER_MORE);
	ck_assert_int_eq(feed_all((const uint8_t *)"", 0), FRAMER_MORE);
}
END_TEST

/* MSG-03, MSG-04: what is well framed but not ours is passed over, to its last octet and not further. */
static void assert_skipped(unsigned length, unsigned pptp_type, unsigned type)
{
	uint8_t b[2 * MSG_MAX];
	size_t n = build_odd(b, length, pptp_type, MSG_COOKIE, type), echo = build(MSG_ECHO_RQ, b + n);

	for (size_t cut = 0; cut <= n; cut++) {
		const uint8_t *p = b + cut;
		size_t len = n + echo - cut;

		framer_init(&f);
		if (cut < n) {
			ck_assert_int_eq(feed_all(b, cut), FRAMER_MORE);
			ck_assert_int_eq(framer_next(&f, &p, &len, &m), FRAMER_SKIPPED);
			ck_assert_uint_eq(len, echo);
		} else {
			ck_assert_int_eq(feed_all(b, cut), FRAMER_SKIPPED);
		}
		ck_assert_uint_eq(m.type, pptp_type == 1 ? type : 0);
		ck_assert_int_eq(framer_next(&f, &p, &len, &m), FRAMER_MESSAGE);
		assert_is(MSG_ECHO_RQ);
	}
}

START_TEST(skips_what_is_not_ours)
{
	static const unsigned types[] = { 0, 16, 99, 65535 }, pptp_types[] = { 0, 2, 3, 65535 };

	for (int i = 0; i < 4; i++) {
		assert_skipped(28, 1, types[i]);
		assert_skipped(16, pptp_types[i], MSG_ECHO_RQ);
		assert_skipped(156, pptp_types[i], MSG_SCCRQ);
	}
	for (unsigned length = MSG_HEADER; length <= MSG_MAX; length += 13)
		assert_skipped(length, 1, 99);
	assert_skipped(MSG_HEADER, 2, 0);
	assert_skipped(MSG_MAX, 1, 65535);
}
END_TEST

/* Bad at octet `at`, not before: MSG-02's "as soon as the octets concerned are there". */
static void assert_bad(const uint8_t *b, size_t at, enum msg_fault fault)
{
	uint8_t echo[MSG_MAX];
	size_t left, n = build(MSG_ECHO_RQ, echo);

	framer_init(&f);
	for (size_t i = 0; i + 1 < at; i++)
		ck_assert_int_eq(feed_all(b + i, 1), FRAMER_MORE);
	ck_assert_int_eq(feed(b + at - 1, 1, &left), FRAMER_FAULT);
	ck_assert_int_eq(f.fault, fault);
	/* No resynchronisation: nothing is ever taken again. */
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(feed(echo, n, &left), FRAMER_FAULT);
		ck_assert_uint_eq(left, n);
		ck_assert_int_eq(f.fault, fault);
	}
	framer_init(&f);
	ck_assert_int_eq(feed(b, at, &left), FRAMER_FAULT);
	ck_assert_int_eq(f.fault, fault);
}

START_TEST(bad_lengths)
{
	static const unsigned lengths[] = { 0, 7, 11, 221, 256, 65535 };
	static const struct {
		unsigned type, length;
	} wrong[] = { { MSG_SCCRQ, 155 }, { MSG_SCCRQ, 157 }, { MSG_SCCRQ, 12 }, { MSG_ECHO_RQ, 20 }, { MSG_SLI, 20 },
		{ MSG_SLI, 23 }, { MSG_SLI, 25 }, { MSG_OCRQ, 167 }, { MSG_OCRQ, 169 }, { MSG_ICRQ, 219 } };
	uint8_t b[MSG_MAX];

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		build_odd(b, lengths[i], 1, MSG_COOKIE, MSG_SCCRQ);
		assert_bad(b, 2, lengths[i] < 12 ? MSG_SHORT : MSG_LONG);
	}
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		build_odd(b, wrong[i].length, 1, MSG_COOKIE, wrong[i].type);
		assert_bad(b, 10, MSG_BAD_LENGTH);
	}
}
END_TEST

START_TEST(bad_cookie_with_8_octets)
{
	static const uint32_t cookies[] = { 0, 0x4D3C2B1A, 0x1A2B3C4E, 0x9A2B3C4D, 0xffffffff };
	uint8_t b[MSG_MAX];

	for (size_t i = 0; i < sizeof cookies / sizeof *cookies; i++) {
		build_odd(b, 16, 1, cookies[i], MSG_ECHO_RQ);
		assert_bad(b, 8, MSG_BAD_COOKIE);
		build_odd(b, 16, 2, cookies[i], MSG_ECHO_RQ);
		assert_bad(b, 8, MSG_BAD_COOKIE);
		build_odd(b, 100, 1, cookies[i], 99);
		assert_bad(b, 8, MSG_BAD_COOKIE);
	}
}
END_TEST

/* One junk octet in front of a good message is out of step for ever. */
START_TEST(junk_in_front)
{
	uint8_t b[MSG_MAX + 1];
	size_t left;

	for (unsigned junk = 0; junk <= 255; junk++) {
		size_t n = build(MSG_SCCRQ, b + 1);

		b[0] = (uint8_t)junk;
		framer_init(&f);
		ck_assert_int_eq(feed(b, n + 1, &left), FRAMER_FAULT);
	}
	assert_bad((const uint8_t *)"GET / HTTP/1.0\r\n\r\n", 2, MSG_LONG);
}
END_TEST

START_TEST(fault_behind_good_messages)
{
	uint8_t b[3 * MSG_MAX];
	const uint8_t *p = b;
	size_t n = build(MSG_SCCRQ, b), len;

	n += build(MSG_ECHO_RQ, b + n);
	b[n] = b[n + 1] = 0;
	len = n + 2;
	framer_init(&f);
	ck_assert_int_eq(framer_next(&f, &p, &len, &m), FRAMER_MESSAGE);
	assert_is(MSG_SCCRQ);
	ck_assert_int_eq(framer_next(&f, &p, &len, &m), FRAMER_MESSAGE);
	assert_is(MSG_ECHO_RQ);
	ck_assert_int_eq(framer_next(&f, &p, &len, &m), FRAMER_FAULT);
	ck_assert_int_eq(f.fault, MSG_SHORT);
}
END_TEST

START_TEST(message_untouched_until_whole)
{
	uint8_t b[MSG_MAX];
	size_t n = build(MSG_SLI, b);
	struct msg before;

	framer_init(&f);
	memset(&m, 0x77, sizeof m);
	before = m;
	ck_assert_int_eq(feed_all(b, n - 1), FRAMER_MORE);
	ck_assert(!memcmp(&m, &before, sizeof m));
}
END_TEST

static Suite *framer_suite(void)
{
	Suite *s = suite_create("framer");

	UNIT_CASE(s, "split", every_split_point, every_split_point_exact, octet_by_octet,
		  many_in_one_buffer_and_a_partial_one, random_splits, no_input, message_untouched_until_whole);
	UNIT_CASE(s, "skip", skips_what_is_not_ours);
	UNIT_CASE(s, "fault", bad_lengths, bad_cookie_with_8_octets, junk_in_front, fault_behind_good_messages);
	return s;
}

UNIT_MAIN(framer_suite)
