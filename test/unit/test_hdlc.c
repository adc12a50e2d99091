/*
 * Async HDLC: PPP-01, PPP-02, PPP-03, PPP-04, against a plain octet-by-octet reference.
 */
#include "pacd/proto/hdlc.h"
#include "test/unit/unit.h"

static const uint32_t accms[] = { 0, 0xFFFFFFFF, 0x000A0000, 0x80000001 };

static uint32_t rng_state;

static uint32_t rng(uint32_t below)
{
	rng_state = rng_state * 1664525 + 1013904223;
	return (rng_state >> 8) % below;
}

/* One bit at a time, as the polynomial says. */
static uint16_t plain_fcs(uint16_t fcs, const uint8_t *p, size_t len)
{
	for (; len; len--) {
		fcs ^= *p++;
		for (int i = 0; i < 8; i++)
			fcs = (uint16_t)(fcs & 1 ? fcs >> 1 ^ 0x8408 : fcs >> 1);
	}
	return fcs;
}

static size_t plain_put(uint8_t *out, uint8_t c, uint32_t accm)
{
	if (c != 0x7D && c != 0x7E && (c >= 0x20 || !(accm >> c & 1))) {
		out[0] = c;
		return 1;
	}
	out[0] = 0x7D;
	out[1] = c ^ 0x20;
	return 2;
}

static size_t plain_encode(uint8_t *out, const uint8_t *frame, size_t len, uint32_t accm)
{
	uint16_t fcs = plain_fcs(0xFFFF, frame, len) ^ 0xFFFF;
	size_t n = 0;

	out[n++] = 0x7E;
	for (size_t i = 0; i < len; i++)
		n += plain_put(out + n, frame[i], accm);
	n += plain_put(out + n, (uint8_t)fcs, accm);
	n += plain_put(out + n, (uint8_t)(fcs >> 8), accm);
	out[n++] = 0x7E;
	return n;
}

static uint32_t fault_sum(const struct hdlc_rx *h)
{
	return h->faults[HDLC_FAULT_FCS] + h->faults[HDLC_FAULT_RUNT] + h->faults[HDLC_FAULT_ABORT] +
	       h->faults[HDLC_FAULT_LONG];
}

/* Feeds octets that hold no good frame. */
static void feed_bad(struct hdlc_rx *h, const void *data, size_t len)
{
	const uint8_t *p = data;

	ck_assert_uint_eq(hdlc_decode(h, &p, &len), 0);
	ck_assert_uint_eq(len, 0);
	ck_assert_ptr_ne(p, NULL);
}

/* Feeds one good frame and nothing behind it. */
static void feed_good(struct hdlc_rx *h, const void *data, size_t len, const void *frame, size_t frame_len)
{
	const uint8_t *p = data, *end = p + len;

	ck_assert_uint_eq(hdlc_decode(h, &p, &len), frame_len);
	ck_assert_mem_eq(h->frame, frame, frame_len);
	ck_assert_uint_eq(len, 0);
	ck_assert_ptr_eq(p, end);
}

START_TEST(ppp_01_fcs_vectors)
{
	static const uint8_t frame[] = { 0xFF, 0x03, 0xC0, 0x21, 0x01, 0x01, 0x00, 0x33, 0x95 };

	ck_assert_uint_eq(hdlc_fcs(0xFFFF, (const uint8_t *)"123456789", 9) ^ 0xFFFF, 0x906E);
	ck_assert_uint_eq(hdlc_fcs(0xFFFF, frame, 0), 0xFFFF);
	ck_assert_uint_eq(hdlc_fcs(0xFFFF, frame, 7) ^ 0xFFFF, 0x9533);
	ck_assert_uint_eq(hdlc_fcs(0xFFFF, frame, 9), 0xF0B8);
}
END_TEST

/* Every octet from every state bit, and every length and alignment around the word size. */
START_TEST(ppp_01_fcs_plain)
{
	uint8_t data[80];

	for (unsigned c = 0; c < 256; c++)
		for (unsigned start = 0; start < 17; start++) {
			uint16_t fcs = (uint16_t)(start ? 1 << (start - 1) : 0xFFFF);
			uint8_t octet = (uint8_t)c;

			ck_assert_uint_eq(hdlc_fcs(fcs, &octet, 1), plain_fcs(fcs, &octet, 1));
		}
	rng_state = 1;
	for (int round = 0; round < 2000; round++) {
		size_t at = rng(16), len = rng(64);
		uint16_t fcs = (uint16_t)rng(65536);

		for (size_t i = 0; i < sizeof data; i++)
			data[i] = (uint8_t)rng(256);
		ck_assert_uint_eq(hdlc_fcs(fcs, data + at, len), plain_fcs(fcs, data + at, len));
	}
}
END_TEST

START_TEST(ppp_01_encode_vector)
{
	static const uint8_t frame[] = { 0xFF, 0x03, 0xC0, 0x21, 0x7E, 0x7D, 0x11, 0x20 };
	uint8_t out[HDLC_ENCODED_MAX(sizeof frame)], expected[64] = { 0x7E, 0xFF, 0x03, 0xC0, 0x21, 0x7D,
								      0x5E, 0x7D, 0x5D, 0x11, 0x20 };
	uint16_t fcs = plain_fcs(0xFFFF, frame, sizeof frame) ^ 0xFFFF;
	size_t n;

	expected[11] = (uint8_t)fcs;
	expected[12] = (uint8_t)(fcs >> 8);
	expected[13] = 0x7E;
	n = hdlc_encode(out, frame, sizeof frame, 0);
	ck_assert_uint_eq(n, 14);
	ck_assert_mem_eq(out, expected, n);
}
END_TEST

/* An octet of each value at each place of a word; only what must be escaped is. */
START_TEST(ppp_01_encode_each_octet)
{
	for (size_t a = 0; a < sizeof accms / sizeof *accms; a++)
		for (unsigned c = 0; c < 256; c++)
			for (size_t at = 0; at < 20; at++) {
				uint8_t frame[20], out[HDLC_ENCODED_MAX(20)], expected[64];
				size_t n;

				memset(frame, 'x', sizeof frame);
				frame[at] = (uint8_t)c;
				n = plain_encode(expected, frame, sizeof frame, accms[a]);
				ck_assert_uint_eq(hdlc_encode(out, frame, sizeof frame, accms[a]), n);
				ck_assert_mem_eq(out, expected, n);
			}
}
END_TEST

/* The worst case fills HDLC_ENCODED_MAX but for the FCS; the allocation is exact. */
START_TEST(ppp_01_encode_room)
{
	uint8_t frame[64];

	memset(frame, 0x7E, sizeof frame);
	for (size_t len = 0; len <= sizeof frame; len++) {
		uint8_t *out = malloc(HDLC_ENCODED_MAX(len));
		size_t n = hdlc_encode(out, frame, len, 0xFFFFFFFF);

		ck_assert_uint_ge(n, 2 * len + 4);
		ck_assert_uint_le(n, HDLC_ENCODED_MAX(len));
		free(out);
	}
}
END_TEST

/* Mostly plain octets, mostly control octets, or anything. */
static size_t frame_random(uint8_t *frame, size_t max)
{
	size_t len = 2 + rng((uint32_t)max - 1);
	uint32_t kind = rng(3);

	for (size_t i = 0; i < len; i++) {
		frame[i] = (uint8_t)(kind == 0 ? 0x70 + rng(16) : kind == 1 ? rng(0x30) : rng(256));
		if (kind == 2 && !rng(10))
			frame[i] = (uint8_t)(0x7D + rng(2));
	}
	return len;
}

START_TEST(round_trips)
{
	static uint8_t frame[HDLC_FRAME_MAX], out[HDLC_ENCODED_MAX(HDLC_FRAME_MAX)], expected[sizeof out];
	static struct hdlc_rx h;

	rng_state = 42;
	for (int round = 0; round < 4000; round++) {
		uint32_t accm = accms[rng(4)];
		size_t len = frame_random(frame, round % 4 ? 100 : HDLC_FRAME_MAX - 2);
		size_t n = hdlc_encode(out, frame, len, accm);

		ck_assert_uint_eq(plain_encode(expected, frame, len, accm), n);
		ck_assert_mem_eq(out, expected, n);
		hdlc_rx_init(&h, accm);
		feed_good(&h, out, n, frame, len);
		ck_assert_uint_eq(fault_sum(&h), 0);
	}
}
END_TEST

/* Frames back to back, with one shared flag, and two, split at every place. */
START_TEST(every_split)
{
	uint8_t frame[40], stream[400];
	static struct hdlc_rx h;
	size_t total = 0;

	for (size_t i = 0; i < sizeof frame; i++)
		frame[i] = (uint8_t)(i < 20 ? 0x70 + i : i);
	for (int i = 0; i < 3; i++)
		total += hdlc_encode(stream + total, frame, sizeof frame, 0xFFFFFFFF) - (i == 1);
	for (size_t split = 0; split <= total; split++) {
		const uint8_t *p = stream;
		size_t len = split, good = 0;

		hdlc_rx_init(&h, 0xFFFFFFFF);
		for (int part = 0; part < 2; part++) {
			size_t n;

			while ((n = hdlc_decode(&h, &p, &len))) {
				ck_assert_uint_eq(n, sizeof frame);
				ck_assert_mem_eq(h.frame, frame, n);
				good++;
			}
			ck_assert_uint_eq(len, 0);
			ck_assert_ptr_eq(p, stream + (part ? total : split));
			len = total - split;
		}
		ck_assert_uint_eq(good, 3);
		ck_assert_uint_eq(fault_sum(&h), 0);
	}
}
END_TEST

START_TEST(octet_by_octet)
{
	static const uint8_t frame[] = { 0xFF, 0x03, 0x7E, 0x7D, 0x00, 0x1F, 0x20 };
	uint8_t out[HDLC_ENCODED_MAX(sizeof frame)];
	size_t n = hdlc_encode(out, frame, sizeof frame, 0xFFFFFFFF);
	static struct hdlc_rx h;

	hdlc_rx_init(&h, 0xFFFFFFFF);
	for (size_t i = 0; i < n - 1; i++)
		feed_bad(&h, out + i, 1);
	feed_good(&h, out + n - 1, 1, frame, sizeof frame);
}
END_TEST

START_TEST(noise_before_first_flag)
{
	static const uint8_t frame[] = { 0xC0, 0x21 };
	uint8_t out[HDLC_ENCODED_MAX(sizeof frame)];
	size_t n = hdlc_encode(out, frame, sizeof frame, 0);
	static struct hdlc_rx h;

	hdlc_rx_init(&h, 0);
	feed_bad(&h, "login: \x7D", 8);
	feed_bad(&h, out + 1, n - 2);
	ck_assert(!h.in_sync);
	feed_good(&h, out, n, frame, sizeof frame);
	ck_assert_uint_eq(fault_sum(&h), 0);
}
END_TEST

START_TEST(ppp_02_empty)
{
	static struct hdlc_rx h;

	hdlc_rx_init(&h, 0);
	feed_bad(&h, "\x7E\x7E\x7E\x7E", 4);
	ck_assert_uint_eq(fault_sum(&h), 0);
}
END_TEST

START_TEST(ppp_02_runt)
{
	uint8_t out[4] = { 'a', 0, 0, 0x7E };
	uint16_t fcs = plain_fcs(0xFFFF, out, 1) ^ 0xFFFF;
	static struct hdlc_rx h;

	hdlc_rx_init(&h, 0);
	feed_bad(&h, "\x7E" "a\x7E" "ab\x7E" "abc\x7E", 10);
	ck_assert_uint_eq(h.faults[HDLC_FAULT_RUNT], 3);
	/* A good FCS, over nothing and over one octet, is not enough. */
	out[1] = (uint8_t)fcs;
	out[2] = (uint8_t)(fcs >> 8);
	feed_bad(&h, "\0\0\x7E", 3);
	feed_bad(&h, out, sizeof out);
	ck_assert_uint_eq(h.faults[HDLC_FAULT_RUNT], 5);
	ck_assert_uint_eq(fault_sum(&h), 5);
}
END_TEST

START_TEST(ppp_02_bad_fcs)
{
	static const uint8_t frame[] = "any frame of some octets";
	uint8_t out[HDLC_ENCODED_MAX(sizeof frame)];
	size_t n = hdlc_encode(out, frame, sizeof frame, 0);
	static struct hdlc_rx h;

	hdlc_rx_init(&h, 0);
	for (size_t i = 1; i < n - 1; i++) {
		out[i] ^= 0x80;
		feed_bad(&h, out, n);
		out[i] ^= 0x80;
	}
	ck_assert_uint_eq(h.faults[HDLC_FAULT_FCS], n - 2);
	feed_good(&h, out, n, frame, sizeof frame);
}
END_TEST

START_TEST(ppp_02_abort)
{
	static const uint8_t frame[] = "good all the same";
	uint8_t out[HDLC_ENCODED_MAX(sizeof frame)];
	size_t n = hdlc_encode(out, frame, sizeof frame, 0);
	static struct hdlc_rx h;

	hdlc_rx_init(&h, 0);
	feed_bad(&h, "\x7E\x7D\x7E", 3);
	ck_assert_uint_eq(h.faults[HDLC_FAULT_ABORT], 1);
	out[n - 1] = 0x7D;
	feed_bad(&h, out, n);
	feed_bad(&h, "\x7E", 1);
	ck_assert_uint_eq(h.faults[HDLC_FAULT_ABORT], 2);
	/* The flag of the abort begins the next frame. */
	out[n - 1] = 0x7E;
	feed_good(&h, out + 1, n - 1, frame, sizeof frame);
	ck_assert_uint_eq(fault_sum(&h), 2);
}
END_TEST

/* Unescaped controls of the map go away, even behind an escape; escaped ones, and those not in the map, stay. */
START_TEST(ppp_03_accm)
{
	static const uint8_t frame[] = { 0xFF, 0x03, 0x11, 0x7E, 0x13, 0x05 };
	uint8_t out[HDLC_ENCODED_MAX(sizeof frame)], noisy[3 * sizeof out];
	size_t n = hdlc_encode(out, frame, sizeof frame, 0x000A0000), m = 0;
	static struct hdlc_rx h;

	for (size_t i = 0; i < n; i++) {
		noisy[m++] = out[i];
		noisy[m++] = 0x11;
		noisy[m++] = 0x13;
	}
	hdlc_rx_init(&h, 0x000A0000);
	feed_good(&h, noisy, m - 2, frame, sizeof frame);
	hdlc_rx_init(&h, 0x00020000);
	feed_bad(&h, noisy, m);
	ck_assert_uint_eq(h.faults[HDLC_FAULT_FCS], 1);
	hdlc_rx_init(&h, 0);
	feed_good(&h, out, n, frame, sizeof frame);
}
END_TEST

/* In pieces of 1, 7 and 4096 octets: the longest frame is good, one more is not, and the next one is again. */
START_TEST(ppp_04_long)
{
	static const size_t pieces[] = { 1, 7, 4096 };
	static uint8_t frame[HDLC_FRAME_MAX], out[3][HDLC_ENCODED_MAX(HDLC_FRAME_MAX)];
	static struct hdlc_rx h;
	size_t n[3], good = 0;

	memset(frame, 'y', sizeof frame);
	n[0] = hdlc_encode(out[0], frame, HDLC_FRAME_MAX - 2, 0);
	n[1] = hdlc_encode(out[1], frame, HDLC_FRAME_MAX - 1, 0);
	n[2] = hdlc_encode(out[2], frame, 3, 0);
	for (int piece = 0; piece < 3; piece++) {
		hdlc_rx_init(&h, 0);
		for (int i = 0; i < 3; i++) {
			for (size_t at = 0; at < n[i]; at += pieces[piece]) {
				const uint8_t *p = out[i] + at;
				size_t left = n[i] - at < pieces[piece] ? n[i] - at : pieces[piece];
				size_t len = hdlc_decode(&h, &p, &left);

				ck_assert(len == 0 || (i == 0 && len == HDLC_FRAME_MAX - 2) || (i == 2 && len == 3));
				good += len != 0;
			}
		}
		ck_assert_uint_eq(h.faults[HDLC_FAULT_LONG], 1);
		ck_assert_uint_eq(fault_sum(&h), 1);
	}
	ck_assert_uint_eq(good, 6);
}
END_TEST

/* An abort inside of what is too long is one fault. */
START_TEST(ppp_04_long_abort)
{
	static uint8_t junk[2 * HDLC_FRAME_MAX];
	static struct hdlc_rx h;

	memset(junk, 'z', sizeof junk);
	junk[0] = 0x7E;
	junk[sizeof junk - 2] = 0x7D;
	junk[sizeof junk - 1] = 0x7E;
	hdlc_rx_init(&h, 0);
	feed_bad(&h, junk, sizeof junk);
	ck_assert_uint_eq(h.faults[HDLC_FAULT_LONG], 1);
	ck_assert_uint_eq(fault_sum(&h), 1);
}
END_TEST

static Suite *hdlc_suite(void)
{
	Suite *s = suite_create("hdlc");

	UNIT_CASE(s, "fcs", ppp_01_fcs_vectors, ppp_01_fcs_plain);
	UNIT_CASE(s, "encode", ppp_01_encode_vector, ppp_01_encode_each_octet, ppp_01_encode_room);
	UNIT_CASE(s, "decode", round_trips, every_split, octet_by_octet, noise_before_first_flag, ppp_02_empty,
		  ppp_02_runt, ppp_02_bad_fcs, ppp_02_abort, ppp_03_accm, ppp_04_long, ppp_04_long_abort);
	return s;
}

UNIT_MAIN(hdlc_suite)
