/*
 * IPv4 text to values and back.
 */
#include "common/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Digits only, so that "+1", " 1" and "0x1" are errors as well. */
static int number_parse(const char *text, uint32_t max, uint32_t *value)
{
	uint32_t v = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		v = v * 10 + (uint32_t)(*text - '0');
		if (v > max)
			return -EINVAL;
	}
	*value = v;
	return 0;
}

int addr_parse(const char *text, uint32_t *addr)
{
	struct in_addr in;

	if (inet_pton(AF_INET, text, &in) != 1)
		return -EINVAL;
	*addr = ntohl(in.s_addr);
	return 0;
}

/* Copies what stands before `sep`; returns what follows it, or NULL where there is none. */
static const char *split(const char *text, char sep, char head[ADDR_TEXT])
{
	const char *at = strchr(text, sep);
	size_t len = at ? (size_t)(at - text) : strlen(text);

	if (len >= ADDR_TEXT)
		len = 0; /* too long for an address: parses as the empty text */
	memcpy(head, text, len);
	head[len] = '\0';
	return at ? at + 1 : NULL;
}

int endpoint_parse(const char *text, uint16_t default_port, struct endpoint *ep)
{
	char head[ADDR_TEXT];
	const char *tail = split(text, ':', head);
	uint32_t port = default_port;

	if (addr_parse(head, &ep->addr) < 0)
		return -EINVAL;
	if (tail && number_parse(tail, UINT16_MAX, &port) < 0)
		return -EINVAL;
	ep->port = (uint16_t)port;
	return port ? 0 : -EINVAL;
}

static int cidr_parse(const char *tail, struct addr_range *range)
{
	uint32_t bits, mask;

	if (number_parse(tail, 32, &bits) < 0)
		return -EINVAL;
	mask = bits ? UINT32_MAX << (32 - bits) : 0;
	if (range->first & ~mask)
		return -EINVAL;
	range->last = range->first | ~mask;
	return 0;
}

static int span_parse(const char *tail, struct addr_range *range)
{
	uint32_t octet;

	if (number_parse(tail, 255, &octet) == 0)
		range->last = (range->first & ~0xffu) | octet;
	else if (addr_parse(tail, &range->last) < 0)
		return -EINVAL;
	return range->first <= range->last ? 0 : -EINVAL;
}

int range_parse(const char *text, struct addr_range *range)
{
	char head[ADDR_TEXT];
	bool cidr = strchr(text, '/') != NULL;
	const char *tail = split(text, cidr ? '/' : '-', head);

	if (addr_parse(head, &range->first) < 0)
		return -EINVAL;
	range->last = range->first;
	if (!tail)
		return 0;
	return cidr ? cidr_parse(tail, range) : span_parse(tail, range);
}

char *addr_text(uint32_t addr, char text[ADDR_TEXT])
{
	struct in_addr in = { htonl(addr) };

	inet_ntop(AF_INET, &in, text, ADDR_TEXT);
	return text;
}

char *endpoint_text(struct endpoint ep, char text[ENDPOINT_TEXT])
{
	char host[ADDR_TEXT];

	snprintf(text, ENDPOINT_TEXT, "%s:%u", addr_text(ep.addr, host), ep.port);
	return text;
}
