/*
 * Telnet with the Com Port Control Option: a stream decoded in any split gives what it gives in one go, in place or
 * not, and what was encoded comes back.
 *
 * Input: one octet that seeds the splits, then the stream, which serves as data to encode as well.
 */
#include "pacd/proto/rfc2217.h"
#include "test/fuzz/fuzz.h"

#include <string.h>

#define STREAM_MAX 4096

struct result {
	struct rfc2217 t;
	uint8_t data[STREAM_MAX];
	size_t len;
	uint8_t events[2 * STREAM_MAX]; /* type and value */
	size_t n;
	unsigned ready, refused;
	uint8_t replies[4 * STREAM_MAX];
	size_t replies_len;
};

static void event_note(struct result *r, const struct rfc2217_event *ev)
{
	r->ready += ev->type == RFC2217_READY;
	r->refused += ev->type == RFC2217_REFUSED;
	FUZZ_REQUIRE(r->ready <= 1 && r->refused <= 1);
	FUZZ_REQUIRE(ev->len == 0 && r->n + 2 <= sizeof r->events);
	r->events[r->n++] = (uint8_t)ev->type;
	r->events[r->n++] = ev->value;
}

/* Replies are compared up to where one call had no room for more. */
static void replies_take(struct result *r)
{
	FUZZ_REQUIRE(r->t.reply_len <= RFC2217_REPLY_MAX);
	FUZZ_REQUIRE(r->replies_len + r->t.reply_len <= sizeof r->replies);
	memcpy(r->replies + r->replies_len, r->t.reply, r->t.reply_len);
	r->replies_len += r->t.reply_len;
	r->t.reply_len = 0;
}

static void feed(struct result *r, const uint8_t *data, size_t len, bool in_place)
{
	/* Exact allocations, so that a sanitizer sees one octet too many. */
	uint8_t *copy = malloc(len), *room = in_place ? copy : malloc(len);
	const uint8_t *p = copy;
	size_t left = len, used = 0;
	struct rfc2217_event ev;

	memcpy(copy, data, len);
	while (rfc2217_decode(&r->t, &p, &left, room + used, &ev) != RFC2217_NONE) {
		FUZZ_REQUIRE(p + left == copy + len);
		if (ev.type != RFC2217_DATA) {
			event_note(r, &ev);
			continue;
		}
		FUZZ_REQUIRE(ev.len && used + ev.len <= len - left);
		memcpy(r->data + r->len, room + used, ev.len);
		r->len += ev.len;
		used += ev.len;
	}
	FUZZ_REQUIRE(left == 0 && r->t.sub_len <= RFC2217_SUB_MAX);
	replies_take(r);
	if (!in_place)
		free(room);
	free(copy);
}

static void begin(struct result *r)
{
	uint8_t out[RFC2217_START_MAX];

	memset(r, 0, sizeof *r);
	rfc2217_init(&r->t);
	FUZZ_REQUIRE(rfc2217_start(&r->t, out) <= sizeof out);
}

static void same(const struct result *a, const struct result *b)
{
	FUZZ_REQUIRE(a->len == b->len && memcmp(a->data, b->data, a->len) == 0);
	FUZZ_REQUIRE(a->n == b->n && memcmp(a->events, b->events, a->n) == 0);
	FUZZ_REQUIRE(a->t.state == b->t.state && a->t.faults == b->t.faults);
	FUZZ_REQUIRE(a->t.us == b->t.us && a->t.him == b->t.him);
	if (a->replies_len <= RFC2217_REPLY_MAX - 16)
		FUZZ_REQUIRE(a->replies_len == b->replies_len && memcmp(a->replies, b->replies, a->replies_len) == 0);
}

static void splits_check(const uint8_t *data, size_t len, uint8_t seed)
{
	static struct result whole, parts;
	uint32_t state = seed;

	begin(&whole);
	begin(&parts);
	feed(&whole, data, len, true);
	for (size_t at = 0, n; at < len; at += n) {
		state = state * 1664525 + 1013904223;
		n = 1 + (state >> 16) % (seed & 1 ? 4 : 40);
		if (n > len - at)
			n = len - at;
		feed(&parts, data + at, n, seed & 2);
	}
	same(&whole, &parts);
}

static void identity_check(const uint8_t *data, size_t len)
{
	static struct result r;
	uint8_t *out = malloc(RFC2217_ENCODED_MAX(len));
	size_t n = rfc2217_encode(out, data, len);

	FUZZ_REQUIRE(n >= len && n <= RFC2217_ENCODED_MAX(len));
	begin(&r);
	for (size_t at = 0; at < n; at += STREAM_MAX)
		feed(&r, out + at, n - at < STREAM_MAX ? n - at : STREAM_MAX, true);
	FUZZ_REQUIRE(r.len == len && memcmp(r.data, data, len) == 0 && !r.n && !r.replies_len);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > STREAM_MAX)
		return 0;
	splits_check(data + 1, size - 1, data[0]);
	identity_check(data + 1, size - 1);
	return 0;
}
