/*
 * The enhanced GRE header, version 1 (RFC 2637 section 4.1), and the IPv4
 * header in front of it on a raw socket (RFC 791 section 3.1).
 *
 * Owns nothing: it looks at one packet.  Must not know of calls, so the reasons
 * GRE_DROP_CALL and GRE_DROP_SOURCE are the caller's to use.
 */
#include "pacd/proto/gre.h"

#include "common/buf.h"

#define IP_HEADER_MIN 20
#define IP_MORE_OR_OFFSET 0x3FFF /* MF and the fragment offset; DF is fine */

#define BIT_K 0x2000
#define BIT_S 0x1000
#define BIT_A 0x0080
#define BITS_ZERO 0xCF78 /* C, R, s, Recur, Flags */
#define BITS_VERSION 0x0007
#define VERSION 1

#define KEY_LEN 8 /* octets up to the end of the key */

enum gre_drop gre_ip_strip(const uint8_t **packet, size_t *len, struct gre_ip *ip)
{
	struct rbuf r;
	size_t header, total;
	uint16_t fragment;
	uint8_t first;

	rbuf_init(&r, *packet, *len);
	first = rbuf_u8(&r);
	rbuf_skip(&r, 1);
	total = rbuf_u16(&r);
	rbuf_skip(&r, 2);
	fragment = rbuf_u16(&r);
	rbuf_skip(&r, 4);
	ip->src = rbuf_u32(&r);
	ip->dst = rbuf_u32(&r);
	header = (size_t)(first & 0x0F) * 4;
	if (r.fault || first >> 4 != 4 || header < IP_HEADER_MIN || fragment & IP_MORE_OR_OFFSET)
		return GRE_DROP_IP;
	if (total < header || total > *len)
		return GRE_DROP_IP;
	*packet += header;
	*len = total - header;
	return GRE_OK;
}

/* GRE-02: what the first four octets must be. */
static enum gre_drop fixed_check(uint16_t bits, uint16_t protocol)
{
	if (bits & BITS_ZERO || !(bits & BIT_K))
		return GRE_DROP_FLAGS;
	if ((bits & BITS_VERSION) != VERSION)
		return GRE_DROP_VERSION;
	if (protocol != GRE_PROTOCOL)
		return GRE_DROP_PROTOCOL;
	if (!(bits & (BIT_S | BIT_A)))
		return GRE_DROP_EMPTY;
	return GRE_OK;
}

enum gre_drop gre_decode(struct gre *g, const uint8_t *packet, size_t len)
{
	enum gre_drop drop;
	struct rbuf r;
	uint16_t bits, protocol;
	size_t payload_len;

	if (len < KEY_LEN)
		return GRE_DROP_SHORT;
	rbuf_init(&r, packet, len);
	bits = rbuf_u16(&r);
	protocol = rbuf_u16(&r);
	drop = fixed_check(bits, protocol);
	if (drop != GRE_OK)
		return drop;
	payload_len = rbuf_u16(&r);
	g->call_id = rbuf_u16(&r);
	g->has_seq = bits & BIT_S;
	g->has_ack = bits & BIT_A;
	g->seq = g->has_seq ? rbuf_u32(&r) : 0;
	g->ack = g->has_ack ? rbuf_u32(&r) : 0;
	if (r.fault)
		return GRE_DROP_SHORT;
	if (payload_len > rbuf_left(&r) || payload_len > GRE_PAYLOAD_MAX)
		return GRE_DROP_LENGTH;
	/* Without a number a payload cannot be put in order: only the acknowledgment counts (GRE-03). */
	g->payload_len = g->has_seq ? payload_len : 0;
	g->payload = g->payload_len ? rbuf_view(&r, payload_len) : NULL;
	return GRE_OK;
}

size_t gre_encode(uint8_t *head, const struct gre *g)
{
	uint16_t bits = BIT_K | VERSION;
	struct wbuf w;

	if (g->has_seq)
		bits |= BIT_S;
	if (g->has_ack)
		bits |= BIT_A;
	wbuf_init(&w, head, GRE_HEADER_MAX);
	wbuf_u16(&w, bits);
	wbuf_u16(&w, GRE_PROTOCOL);
	wbuf_u16(&w, g->has_seq ? (uint16_t)g->payload_len : 0);
	wbuf_u16(&w, g->call_id);
	if (g->has_seq)
		wbuf_u32(&w, g->seq);
	if (g->has_ack)
		wbuf_u32(&w, g->ack);
	return wbuf_len(&w);
}

const char *gre_drop_word(enum gre_drop d)
{
	static const char *const words[GRE_DROPS] = {
		[GRE_OK] = "ok",
		[GRE_DROP_IP] = "ip",
		[GRE_DROP_SHORT] = "short",
		[GRE_DROP_FLAGS] = "flags",
		[GRE_DROP_VERSION] = "version",
		[GRE_DROP_PROTOCOL] = "protocol",
		[GRE_DROP_LENGTH] = "length",
		[GRE_DROP_EMPTY] = "empty",
		[GRE_DROP_CALL] = "call",
		[GRE_DROP_SOURCE] = "source",
	};

	return (unsigned)d < GRE_DROPS ? words[d] : "unknown";
}
