/*
 * Async HDLC: a stream decoded in any split, with the ACCM changed in the middle or not, gives what a decoder gives
 * that goes octet by octet and is too simple to be wrong; and what was encoded comes back.
 *
 * Input: four octets of ACCM, one octet that seeds the splits (bit 0: short ones; bit 1: the ACCM changes), then the
 * stream, which serves as a frame as well.
 */
#include "common/buf.h"
#include "pacd/proto/hdlc.h"
#include "test/fuzz/fuzz.h"

#include <stdbool.h>
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

/* --- the simple decoder --- */

struct model {
	bool in_sync, escaped;
	uint8_t frame[STREAM_MAX];
	size_t len;
	uint8_t data[STREAM_MAX];
	size_t used, n;
	uint32_t faults[HDLC_FAULTS];
};

static uint16_t model_fcs(const uint8_t *p, size_t len)
{
	uint16_t fcs = 0xFFFF;

	for (; len; len--, p++) {
		fcs ^= *p;
		for (unsigned i = 0; i < 8; i++)
			fcs = fcs & 1 ? (uint16_t)(fcs >> 1 ^ 0x8408) : fcs >> 1;
	}
	return fcs;
}

static void model_end(struct model *m)
{
	if (m->len > HDLC_FRAME_MAX) {
		m->faults[HDLC_FAULT_LONG]++;
	} else if (m->escaped) {
		m->faults[HDLC_FAULT_ABORT]++;
	} else if (m->len && m->len < 4) {
		m->faults[HDLC_FAULT_RUNT]++;
	} else if (m->len && model_fcs(m->frame, m->len) != 0xF0B8) {
		m->faults[HDLC_FAULT_FCS]++;
	} else if (m->len) {
		memcpy(m->data + m->used, m->frame, m->len - 2);
		m->used += m->len - 2;
		m->n++;
	}
	m->escaped = false;
	m->len = 0;
}

static void model_octet(struct model *m, uint8_t c, uint32_t accm)
{
	if (!m->in_sync) {
		m->in_sync = c == 0x7E;
	} else if (c == 0x7E) {
		model_end(m);
	} else if (c < 0x20 && accm >> c & 1) {
		return;
	} else if (m->escaped) {
		m->escaped = false;
		m->frame[m->len++] = c ^ 0x20;
	} else if (c == 0x7D) {
		m->escaped = true;
	} else {
		m->frame[m->len++] = c;
	}
}

static void model_same(const struct model *m, const struct frames *f)
{
	FUZZ_REQUIRE(m->n == f->n && m->used == f->used);
	FUZZ_REQUIRE(memcmp(m->data, f->data, m->used) == 0);
	FUZZ_REQUIRE(memcmp(m->faults, f->rx.faults, sizeof m->faults) == 0);
	FUZZ_REQUIRE(m->in_sync == f->rx.in_sync);
	FUZZ_REQUIRE((m->len < HDLC_FRAME_MAX ? m->len : HDLC_FRAME_MAX) == f->rx.len);
	FUZZ_REQUIRE((m->len > HDLC_FRAME_MAX) == f->rx.overflow);
	FUZZ_REQUIRE(f->rx.overflow || m->escaped == f->rx.escaped);
}

static void splits_check(const uint8_t *data, size_t len, uint32_t accm, uint8_t seed)
{
	static struct frames parts;
	static struct model model;
	uint32_t state = seed;
	size_t at = 0;

	memset(&parts, 0, sizeof parts);
	memset(&model, 0, sizeof model);
	hdlc_rx_init(&parts.rx, accm);
	while (at < len) {
		size_t n;

		state = state * 1664525 + 1013904223;
		n = 1 + (state >> 16) % (seed & 1 ? 4 : 40);
		if (n > len - at)
			n = len - at;
		if (seed & 2 && state >> 24 & 1)
			parts.rx.accm = accm ^ (state >> 25 & 1 ? state : 0);
		for (size_t i = at; i < at + n; i++)
			model_octet(&model, data[i], parts.rx.accm);
		frames_feed(&parts, data + at, n);
		model_same(&model, &parts);
		at += n;
	}
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
