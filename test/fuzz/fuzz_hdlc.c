/*
 * Async HDLC: a stream decoded in any split gives what it gives in one go, and what was encoded comes back.
 *
 * Input: four octets of ACCM, one octet that seeds the splits, then the stream, which serves as a frame as well.
 */
#include "common/buf.h"
#include "pacd/proto/hdlc.h"
#include "test/fuzz/fuzz.h"

#include <string.h>

#define STREAM_MAX 8192

struct frames {
	struct hdlc_rx rx;
	uint8_t data[STREAM_MAX];
	size_t used, n;
};

static void frames_feed(struct frames *f, const uint8_t *data, size_t len)
{
	/* An exact allocation, so that a sanitizer sees one octet too many. */
	uint8_t *copy = malloc(len ? len : 1);
	const uint8_t *p = copy, *end = copy + len;
	size_t left = len, n;

	if (len)
		memcpy(copy, data, len);
	while ((n = hdlc_decode(&f->rx, &p, &left))) {
		FUZZ_REQUIRE(n >= 2 && n <= HDLC_FRAME_MAX - 2);
		FUZZ_REQUIRE(p > copy && p + left == end);
		FUZZ_REQUIRE(hdlc_fcs(0xFFFF, f->rx.frame, n + 2) == 0xF0B8);
		FUZZ_REQUIRE(f->used + n <= STREAM_MAX);
		memcpy(f->data + f->used, f->rx.frame, n);
		f->used += n;
		f->n++;
	}
	FUZZ_REQUIRE(left == 0 && p == end);
	FUZZ_REQUIRE(f->rx.len <= HDLC_FRAME_MAX);
	free(copy);
}

static void frames_same(const struct frames *a, const struct frames *b)
{
	FUZZ_REQUIRE(a->n == b->n && a->used == b->used);
	FUZZ_REQUIRE(memcmp(a->data, b->data, a->used) == 0);
	FUZZ_REQUIRE(memcmp(a->rx.faults, b->rx.faults, sizeof a->rx.faults) == 0);
	FUZZ_REQUIRE(a->rx.in_sync == b->rx.in_sync && a->rx.len == b->rx.len);
}

static void splits_check(const uint8_t *data, size_t len, uint32_t accm, uint8_t seed)
{
	static struct frames whole, parts;
	uint32_t state = seed;
	size_t at = 0;

	memset(&whole, 0, sizeof whole);
	memset(&parts, 0, sizeof parts);
	hdlc_rx_init(&whole.rx, accm);
	hdlc_rx_init(&parts.rx, accm);
	frames_feed(&whole, data, len);
	while (at < len) {
		size_t n;

		state = state * 1664525 + 1013904223;
		n = 1 + (state >> 16) % (seed & 1 ? 4 : 40);
		if (n > len - at)
			n = len - at;
		frames_feed(&parts, data + at, n);
		at += n;
	}
	frames_same(&whole, &parts);
}

static void identity_check(const uint8_t *frame, size_t len, uint32_t accm)
{
	static struct hdlc_rx rx;
	uint8_t *out;
	const uint8_t *p;
	size_t n, left;

	if (len > HDLC_FRAME_MAX - 2)
		len = HDLC_FRAME_MAX - 2;
	if (len < 2)
		return;
	out = malloc(HDLC_ENCODED_MAX(len));
	n = hdlc_encode(out, frame, len, accm);
	FUZZ_REQUIRE(n >= len + 4 && n <= HDLC_ENCODED_MAX(len));
	FUZZ_REQUIRE(out[0] == 0x7E && out[n - 1] == 0x7E && !memchr(out + 1, 0x7E, n - 2));
	for (size_t i = 0; i < n; i++)
		FUZZ_REQUIRE(out[i] >= 0x20 || !(accm >> out[i] & 1));
	hdlc_rx_init(&rx, accm);
	p = out;
	left = n;
	FUZZ_REQUIRE(hdlc_decode(&rx, &p, &left) == len && left == 0);
	FUZZ_REQUIRE(memcmp(rx.frame, frame, len) == 0);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rbuf r;
	uint32_t accm;
	uint8_t seed;

	rbuf_init(&r, data, size);
	accm = rbuf_u32(&r);
	seed = rbuf_u8(&r);
	if (r.fault || rbuf_left(&r) > STREAM_MAX)
		return 0;
	splits_check(r.p, rbuf_left(&r), accm, seed);
	identity_check(r.p, rbuf_left(&r), accm);
	return 0;
}
