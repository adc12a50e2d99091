/*
 * IPv4 addresses, endpoints and ranges as values in host byte order.
 *
 * PPTP's outer transport is IPv4 only (RFC 2637), so an address is 32 bits.
 */
#ifndef PACD_COMMON_ADDR_H
#define PACD_COMMON_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDR_TEXT 16     /* "255.255.255.255" and NUL */
#define ENDPOINT_TEXT 22 /* with ":65535" */

struct endpoint {
	uint32_t addr; /* host order */
	uint16_t port;
};

/* Both ends belong to the range. */
struct addr_range {
	uint32_t first, last; /* host order, first <= last */
};

/* Each parser takes the whole text or fails: 0, or -EINVAL. */
int addr_parse(const char *text, uint32_t *addr);
/* "A.B.C.D" or "A.B.C.D:PORT"; without a port `default_port` is taken. Port 0 is an error. */
int endpoint_parse(const char *text, uint16_t default_port, struct endpoint *ep);
/* "A.B.C.D", "A.B.C.D/LEN" (host bits must be 0) or "A.B.C.D-E.F.G.H" or "A.B.C.D-N" (last octet). */
int range_parse(const char *text, struct addr_range *range);

/* Each writes a NUL-terminated text and returns `text`. */
char *addr_text(uint32_t addr, char text[ADDR_TEXT]);
char *endpoint_text(struct endpoint ep, char text[ENDPOINT_TEXT]);

static inline bool range_has(struct addr_range r, uint32_t addr)
{
	return addr >= r.first && addr <= r.last;
}

static inline bool range_overlap(struct addr_range a, struct addr_range b)
{
	return a.first <= b.last && b.first <= a.last;
}

#endif
