/*
 * Async HDLC framing (RFC 1662): flags, escapes, FCS-16.  Pure; the state of a
 * decoder survives any split of the stream.
 */
#ifndef PACD_PROTO_HDLC_H
#define PACD_PROTO_HDLC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HDLC_FRAME_MAX 1600 /* longest frame with its FCS, unescaped */
/* Room that the encoded form of n octets may take. */
#define HDLC_ENCODED_MAX(n) (((n) + 2) * 2 + 2)

/* The FCS-16 over more octets; starts at 0xFFFF, is 0xF0B8 over a frame with its own FCS (RFC 1662 appendix C.2). */
uint16_t hdlc_fcs(uint16_t fcs, const uint8_t *data, size_t len);

/*
 * Writes flag, escaped octets, escaped FCS, flag.  Octets below 0x20 whose bit is set in
 * `accm`, 0x7D and 0x7E are escaped.  `out` has HDLC_ENCODED_MAX(len).  Returns the length.
 */
size_t hdlc_encode(uint8_t *out, const uint8_t *frame, size_t len, uint32_t accm);

/*
 * LCP's own packets (codes 1 to 7) are sent as if nothing had been agreed (RFC 1661 section 5): the map that the peer wants
 * holds once it has the answer, and a Set-Link-Info may come before that.  The one thing that is read of PPP.
 */
bool hdlc_is_lcp(const uint8_t *frame, size_t len);

enum hdlc_fault {
	HDLC_FAULT_FCS,
	HDLC_FAULT_RUNT,  /* fewer than 4 octets, FCS included; nothing between two flags is no fault */
	HDLC_FAULT_ABORT, /* ended with 0x7D 0x7E */
	HDLC_FAULT_LONG,  /* more than HDLC_FRAME_MAX; whatever follows up to the next flag is dropped */
	HDLC_FAULTS
};

struct hdlc_rx {
	uint32_t accm;    /* octets dropped when they come unescaped; may be changed at any time */
	bool escaped, overflow;
	bool in_sync; /* a flag was seen; what comes before the first one is noise, no fault */
	size_t len;
	uint32_t faults[HDLC_FAULTS];
	uint8_t frame[HDLC_FRAME_MAX];
};

void hdlc_rx_init(struct hdlc_rx *h, uint32_t accm);
/*
 * Consumes octets up to the end of one good frame: returns its length (2 or more) without FCS, the frame
 * in h->frame until the next call; or 0 when all is consumed.  Bad frames are counted and passed over.
 */
size_t hdlc_decode(struct hdlc_rx *h, const uint8_t **data, size_t *len);

#endif
