/*
 * The text of a Framed-Route: RFC 2865 section 5.22.
 *
 * Must not know who installs routes.  The RFC leaves the text to the
 * implementation; this is the form that it recommends, and nothing else.
 */
#include "pacd/proto/radius_grant.h"

#include <errno.h>

#define BITS 32

static bool digit_next(const struct rbuf *r)
{
	return rbuf_left(r) && *r->p >= '0' && *r->p <= '9';
}

static bool octet_take(struct rbuf *r, uint8_t octet)
{
	if (!rbuf_left(r) || *r->p != octet)
		return false;
	rbuf_skip(r, 1);
	return true;
}

/* Octets of spaces, which may be none. */
static size_t spaces_take(struct rbuf *r)
{
	size_t n = 0;

	while (octet_take(r, ' '))
		n++;
	return n;
}

/* Decimal, 0..max.  No leading zeros: some read them as octal. */
static int number_parse(struct rbuf *r, uint32_t max, uint32_t *number)
{
	uint64_t n = 0;

	if (!digit_next(r))
		return -EINVAL;
	if (octet_take(r, '0')) {
		*number = 0;
		return digit_next(r) ? -EINVAL : 0;
	}
	while (digit_next(r)) {
		n = n * 10 + (uint64_t)(rbuf_u8(r) - '0');
		if (n > max)
			return -EINVAL;
	}
	*number = (uint32_t)n;
	return 0;
}

static int address_parse(struct rbuf *r, uint32_t *address)
{
	uint32_t n;

	*address = 0;
	for (unsigned i = 0; i < 4; i++) {
		if ((i && !octet_take(r, '.')) || number_parse(r, 255, &n) < 0)
			return -EINVAL;
		*address = *address << 8 | n;
	}
	return 0;
}

/* The old classes A, B and C; net 0 is none of them: a default route has to say "/0". */
static int class_length(uint32_t address, uint32_t *len)
{
	if (address >> 24 == 0 || address >> 29 == 7)
		return -EINVAL;
	*len = address >> 31 == 0 ? 8 : address >> 30 == 2 ? 16 : 24;
	return 0;
}

static int prefix_parse(struct rbuf *r, struct radius_route *route)
{
	uint32_t prefix, len;

	if (address_parse(r, &prefix) < 0)
		return -EINVAL;
	if (octet_take(r, '/') ? number_parse(r, BITS, &len) < 0 : class_length(prefix, &len) < 0)
		return -EINVAL;
	route->len = (uint8_t)len;
	route->prefix = len ? prefix & UINT32_MAX << (BITS - len) : 0;
	return 0;
}

/* The RFC's own example has a negative one; as a metric of ours it is none. */
static int metric_parse(struct rbuf *r, uint32_t *metric)
{
	bool negative = octet_take(r, '-');

	if (number_parse(r, UINT32_MAX, metric) < 0)
		return -EINVAL;
	if (negative)
		*metric = 0;
	return 0;
}

static int metrics_parse(struct rbuf *r, struct radius_route *route)
{
	uint32_t metric;

	for (bool first = true; rbuf_left(r); first = false) {
		if (metric_parse(r, &metric) < 0)
			return -EINVAL;
		if (first)
			route->metric = metric;
		if (!spaces_take(r) && rbuf_left(r))
			return -EINVAL;
	}
	return 0;
}

/* Whatever is not a digit, a sign or a space in its place ends with an error, so no other octet is looked for. */
int radius_route_parse(struct radius_route *route, const void *text, size_t len)
{
	struct radius_route parsed = { 0 };
	struct rbuf r;

	if (!len)
		return -EINVAL;
	rbuf_init(&r, text, len);
	spaces_take(&r);
	if (prefix_parse(&r, &parsed) < 0)
		return -EINVAL;
	if (!spaces_take(&r) && rbuf_left(&r))
		return -EINVAL;
	if (rbuf_left(&r)) {
		if (address_parse(&r, &parsed.gateway) < 0)
			return -EINVAL;
		if (!spaces_take(&r) && rbuf_left(&r))
			return -EINVAL;
	}
	if (metrics_parse(&r, &parsed) < 0)
		return -EINVAL;
	*route = parsed;
	return 0;
}
