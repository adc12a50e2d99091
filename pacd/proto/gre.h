/*
 * The enhanced GRE header, version 1 (RFC 2637 section 4.1).  Pure.
 */
#ifndef PACD_PROTO_GRE_H
#define PACD_PROTO_GRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GRE_HEADER_MAX 16    /* key, sequence and acknowledgment */
#define GRE_PROTOCOL 0x880B  /* PPP */
#define GRE_PAYLOAD_MAX 1532 /* RFC 2637 section 1.4: user packet MTU */

struct gre {
	uint16_t call_id; /* the receiver's */
	bool has_seq, has_ack;
	uint32_t seq, ack;
	const uint8_t *payload; /* view into the packet; NULL when there is none */
	size_t payload_len;
};

/* Why a packet was dropped; each is a counter of its own (GRE-02). */
enum gre_drop {
	GRE_OK,
	GRE_DROP_IP,       /* not IPv4, bad header length, a fragment, shorter than its total length */
	GRE_DROP_SHORT,    /* header incomplete */
	GRE_DROP_FLAGS,    /* C, R, s, Recur or Flags set, K missing */
	GRE_DROP_VERSION,
	GRE_DROP_PROTOCOL,
	GRE_DROP_LENGTH,   /* payload length above what is there, or above GRE_PAYLOAD_MAX */
	GRE_DROP_EMPTY,    /* neither sequence nor acknowledgment */
	GRE_DROP_CALL,     /* no such call id */
	GRE_DROP_SOURCE,   /* not the addresses of the call's control connection */
	GRE_DROPS
};

/* The outer IPv4 header of a raw socket's packet. */
struct gre_ip {
	uint32_t src, dst; /* host order */
};

/*
 * Strips the IPv4 header (options included): *packet and *len become what its total length leaves after it.
 * GRE_OK or GRE_DROP_IP; after a drop *packet and *len are as they were and *ip is not to be used.
 */
enum gre_drop gre_ip_strip(const uint8_t **packet, size_t *len, struct gre_ip *ip);
/*
 * Decodes one packet that begins with the GRE header: GRE_OK or the first reason that applies, in the order of the enum
 * save that GRE_DROP_EMPTY is told by the bits, before any length; after a drop *g is not to be used.
 * Trailing octets after the payload are ignored as padding.  S=0 with a payload: the payload is dropped (GRE-03).
 */
enum gre_drop gre_decode(struct gre *g, const uint8_t *packet, size_t len);
/*
 * Writes the header for payload_len (at most GRE_PAYLOAD_MAX) octets that follow elsewhere; returns 8, 12 or 16.
 * `head` has GRE_HEADER_MAX octets.  Without has_seq there is no payload, and its length is written as 0.
 */
size_t gre_encode(uint8_t *head, const struct gre *g);
/* A short word for counters and logs. */
const char *gre_drop_word(enum gre_drop d);

#endif
