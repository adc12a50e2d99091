/*
 * A stream of IPv4 packets as a raw socket gives them, through gre_ip_strip(), gre_decode() and the receiver, with all
 * that a data path does with its verdicts.
 *
 * Input: records of two octets, and what the first of them asks for:
 *   kind < 0xC0  a sequence number, made from the last one and the second octet, and delivered as a whole packet
 *   kind < 0xE0  time passes, or the first gap is given up
 *   else         the second octet's number of octets follows: a packet as it is
 */
#include "common/buf.h"
#include "pacd/proto/gre.h"
#include "pacd/proto/seq.h"
#include "test/fuzz/fuzz.h"

#include <string.h>

#define IP_LEN 20

struct path {
	struct seq_rx rx;
	struct mono now;
	uint32_t numbers[SEQ_RING + 1]; /* by slot; what a real path holds is the packet */
	bool used[SEQ_RING + 1];
	unsigned held;
	bool any;
	uint32_t last;     /* delivered */
	uint32_t resyncs;
};

static void path_deliver(struct path *p, uint32_t seq)
{
	/* Strictly in order, unless a false jump was taken back. The farthest jump is 2^31 - 1 from the next number. */
	if (p->any && p->resyncs == p->rx.resyncs)
		FUZZ_REQUIRE(seq - p->last - 1 <= INT32_MAX);
	p->resyncs = p->rx.resyncs;
	p->last = seq;
	p->any = true;
}

static void path_release(struct path *p, uint16_t slot)
{
	FUZZ_REQUIRE(slot <= SEQ_RING && p->used[slot]);
	p->used[slot] = false;
	p->held--;
	path_deliver(p, p->numbers[slot]);
}

static void path_next(struct path *p)
{
	uint16_t slot;

	while ((slot = seq_rx_next(&p->rx, p->now)))
		path_release(p, slot);
}

static void path_flush(struct path *p, bool all)
{
	uint16_t slot;

	while ((slot = seq_rx_flush(&p->rx, p->now))) {
		path_release(p, slot);
		if (!all)
			break;
	}
	path_next(p);
}

static uint16_t path_slot(const struct path *p)
{
	for (uint16_t slot = 1; slot <= SEQ_RING; slot++)
		if (!p->used[slot])
			return slot;
	return SEQ_NO_SLOT;
}

static void path_check(const struct path *p)
{
	FUZZ_REQUIRE(p->rx.held == p->held && p->held < SEQ_RING);
	FUZZ_REQUIRE(mono_is_set(p->rx.hold_since) == (p->held > 0));
	FUZZ_REQUIRE(p->rx.hold_since.us <= p->now.us);
	FUZZ_REQUIRE(mono_is_set(p->rx.ack_since) == seq_rx_ack_pending(&p->rx));
	FUZZ_REQUIRE(!p->any || p->rx.next == p->last + 1);
}

static void path_seq(struct path *p, uint32_t seq)
{
	uint16_t slot = path_slot(p);
	enum seq_verdict v = seq_rx_packet(&p->rx, seq, slot, p->now);

	if (v == SEQ_OVERFLOW) {
		path_flush(p, true);
		FUZZ_REQUIRE(p->held == 0);
		v = seq_rx_packet(&p->rx, seq, slot, p->now);
		FUZZ_REQUIRE(v != SEQ_OVERFLOW);
	}
	if (v == SEQ_HOLD) {
		p->numbers[slot] = seq;
		p->used[slot] = true;
		p->held++;
	} else if (v == SEQ_DELIVER) {
		path_deliver(p, seq);
		path_next(p);
	}
	path_check(p);
}

static void path_packet(struct path *p, const uint8_t *data, size_t len)
{
	/* An exact allocation, so that a sanitizer sees one octet too many. */
	uint8_t *copy = malloc(len ? len : 1);
	const uint8_t *packet = copy;
	size_t left = len;
	struct gre_ip ip;
	struct gre g;

	if (len)
		memcpy(copy, data, len);
	if (gre_ip_strip(&packet, &left, &ip) == GRE_OK) {
		FUZZ_REQUIRE(packet - copy >= IP_LEN && (size_t)(packet - copy) + left <= len);
		if (gre_decode(&g, packet, left) == GRE_OK) {
			FUZZ_REQUIRE(g.has_seq || g.has_ack);
			FUZZ_REQUIRE(!g.payload == !g.payload_len && g.payload_len <= GRE_PAYLOAD_MAX);
			FUZZ_REQUIRE(!g.payload || (g.has_seq && g.payload > packet &&
						    g.payload + g.payload_len <= packet + left));
			if (g.has_seq)
				path_seq(p, g.seq);
		}
	}
	free(copy);
}

/* A packet of our own making has to come through, and to say what was put in. */
static void path_made(struct path *p, uint32_t seq, uint8_t extra)
{
	struct gre g = { .call_id = 0x1234, .has_seq = true, .has_ack = extra & 1, .seq = seq, .ack = ~seq,
			 .payload_len = extra }, back;
	uint8_t packet[IP_LEN + GRE_HEADER_MAX + 255] = { 0x45 };
	size_t len = IP_LEN + gre_encode(packet + IP_LEN, &g) + extra;
	struct gre_ip ip;
	const uint8_t *view = packet;
	size_t left = len;

	packet[2] = (uint8_t)(len >> 8);
	packet[3] = (uint8_t)len;
	FUZZ_REQUIRE(gre_ip_strip(&view, &left, &ip) == GRE_OK);
	FUZZ_REQUIRE(gre_decode(&back, view, left) == GRE_OK);
	FUZZ_REQUIRE(back.seq == seq && back.has_ack == g.has_ack && back.ack == (g.has_ack ? g.ack : 0));
	FUZZ_REQUIRE(back.call_id == g.call_id && back.payload_len == extra);
	path_packet(p, packet, len);
}

static uint32_t number_from(const struct path *p, uint8_t kind, uint8_t value)
{
	static const uint32_t far[] = { 0, 64, 1000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x40000000, 0xFFFFF000 };

	if (kind < 0x60)
		return p->rx.next + value % 4;
	if (kind < 0x80)
		return p->rx.next + value - 64;
	if (kind < 0xA0)
		return p->rx.next + far[value & 7] + (value >> 3);
	return p->rx.jump_from + value; /* the numbers that a jump left behind */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct path p;
	struct rbuf r;

	memset(&p, 0, sizeof p);
	seq_rx_init(&p.rx);
	p.now = (struct mono){ 1 };
	rbuf_init(&r, data, size);
	while (rbuf_left(&r) >= 2) {
		uint8_t kind = rbuf_u8(&r), value = rbuf_u8(&r);

		if (kind < 0xC0) {
			path_made(&p, number_from(&p, kind, value), kind & 0x1F);
		} else if (kind < 0xE0) {
			p.now = mono_add_us(p.now, value);
			if (kind & 1)
				path_flush(&p, kind & 2);
			if (kind & 4)
				seq_rx_ack_take(&p.rx);
		} else {
			size_t n = value < rbuf_left(&r) ? value : rbuf_left(&r);

			path_packet(&p, rbuf_view(&r, n), n);
		}
		path_check(&p);
	}
	return 0;
}
