/*
 * Kinds of values: addresses, ranges of them, and endpoints.  IPv4 only, as
 * PPTP is (RFC 2637 section 1); what RADIUS may have besides is in conf_types_net.c.
 */
#include "pacd/conf_schema.h"

#include <stdlib.h>
#include <string.h>

static void *at(const struct conf_key *key, const void *base)
{
	return (char *)base + key->offset;
}

static size_t *count_at(const struct conf_key *key, const void *base)
{
	return (size_t *)(void *)((char *)base + key->count);
}

bool conf_addr_usable(uint32_t addr)
{
	uint32_t net = addr >> 24;

	return net != 0 && net != 127 && net < 224;
}

/* A text that must be an address or more; NULL with an error added. */
static const char *text_get(struct conf_ctx *ctx, const config_setting_t *s)
{
	const char *text, *colon;
	char quoted[CONF_QUOTE];

	if (config_setting_type(s) != CONFIG_TYPE_STRING) {
		conf_fail(ctx, s, "must be a text in double quotes");
		return NULL;
	}
	text = config_setting_get_string(s);
	colon = strchr(text, ':');
	if (*text != '[' && (!colon || !strchr(colon + 1, ':')))
		return text;
	conf_fail(ctx, s, "%s: IPv6 is not possible with PPTP (RFC 2637); give an IPv4 address",
		  conf_quote(quoted, text));
	return NULL;
}

/* A host's, seen from outside; with `loopback` also one of this machine alone. */
static int addr_get(struct conf_ctx *ctx, const config_setting_t *s, bool loopback, uint32_t *addr)
{
	const char *text = text_get(ctx, s);
	char quoted[CONF_QUOTE];

	if (!text)
		return -1;
	if (addr_parse(text, addr) < 0) {
		conf_fail(ctx, s, "%s is not an IPv4 address; write it like \"10.0.0.1\"", conf_quote(quoted, text));
		return -1;
	}
	if (conf_addr_usable(*addr) || (loopback && *addr >> 24 == 127))
		return 0;
	conf_fail(ctx, s, "%s is not the address of a host; give another one", conf_quote(quoted, text));
	return -1;
}

static void addr_print_text(FILE *out, uint32_t addr)
{
	char text[ADDR_TEXT];

	fprintf(out, "\"%s\"", addr_text(addr, text));
}

static void addr_read(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, void *base)
{
	uint32_t addr;

	if (addr_get(ctx, s, false, &addr) == 0)
		*(uint32_t *)at(key, base) = addr;
}

static void addr_print(FILE *out, const struct conf_key *key, const void *base, unsigned depth)
{
	(void)depth;
	addr_print_text(out, *(const uint32_t *)at(key, base));
}

static bool addr_present(const struct conf_key *key, const void *base)
{
	return *(const uint32_t *)at(key, base) != 0;
}

const struct conf_type conf_type_addr = { .read = addr_read, .print = addr_print, .present = addr_present };

static void source_read(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, void *base)
{
	uint32_t addr;

	if (addr_get(ctx, s, true, &addr) == 0)
		*(uint32_t *)at(key, base) = addr;
}

const struct conf_type conf_type_source = { .read = source_read, .print = addr_print, .present = addr_present };

/* --- lists --- */

/* How many elements there are, or -1 with an error added. */
static int list_length(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, int max)
{
	int n;

	if (config_setting_type(s) != CONFIG_TYPE_ARRAY && config_setting_type(s) != CONFIG_TYPE_LIST) {
		conf_fail(ctx, s, "must be an array of texts; write \"%s = [ \"...\", \"...\" ];\"", key->name);
		return -1;
	}
	n = config_setting_length(s);
	if (n <= max)
		return n;
	conf_fail(ctx, s, "has %d elements; %d is the most", n, max);
	return -1;
}

static void addrs_read(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, void *base)
{
	uint32_t *addrs = at(key, base);
	int n = list_length(ctx, key, s, CONF_DNS);

	for (int i = 0; i < n; i++)
		if (addr_get(ctx, config_setting_get_elem(s, (unsigned)i), false, &addrs[i]) < 0)
			addrs[i] = 0;
}

static void addrs_print(FILE *out, const struct conf_key *key, const void *base, unsigned depth)
{
	const uint32_t *addrs = at(key, base);

	(void)depth;
	fputs("[", out);
	for (int i = 0; i < CONF_DNS && addrs[i]; i++) {
		fputs(i ? ", " : " ", out);
		addr_print_text(out, addrs[i]);
	}
	fputs(" ]", out);
}

const struct conf_type conf_type_addrs = { .read = addrs_read, .print = addrs_print, .present = addr_present };

void conf_list_clear(const struct conf_key *key, void *base)
{
	void **list = at(key, base);

	free(*list);
	*list = NULL;
	*count_at(key, base) = 0;
}

/* Makes room for all elements, zeroed: a bad one stays in its place as a hole, so that others keep their number. */
void *conf_list_new(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, void *base,
		    size_t size, int max)
{
	int n = list_length(ctx, key, s, max);
	void *list = n < 0 ? NULL : calloc((size_t)n ? (size_t)n : 1, size);

	if (n < 0)
		return NULL;
	if (!list) {
		conf_fail_memory(ctx);
		return NULL;
	}
	conf_list_clear(key, base);
	*(void **)at(key, base) = list;
	*count_at(key, base) = (size_t)n;
	return list;
}

/* In place of a bad range: holds nothing, overlaps nothing. */
static const struct addr_range hole = { 1, 0 };

static int range_get(struct conf_ctx *ctx, const config_setting_t *s, struct addr_range *range)
{
	const char *text = text_get(ctx, s);
	char quoted[CONF_QUOTE];

	*range = hole;
	if (!text)
		return -1;
	if (range_parse(text, range) == 0)
		return 0;
	*range = hole;
	conf_fail(ctx, s, "%s is no range of addresses; write it like \"10.0.0.0/24\", \"10.0.0.5-10.0.0.9\", "
		  "\"10.0.0.5-9\" or \"10.0.0.5\"", conf_quote(quoted, text));
	return -1;
}

static void ranges_read(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, void *base)
{
	struct addr_range *list = conf_list_new(ctx, key, s, base, sizeof *list, CONF_LIST_MAX);
	size_t n = list ? *count_at(key, base) : 0;

	for (size_t i = 0; i < n; i++)
		range_get(ctx, config_setting_get_elem(s, (unsigned)i), &list[i]);
}

static void ranges_print(FILE *out, const struct conf_key *key, const void *base, unsigned depth)
{
	const struct addr_range *list = *(struct addr_range *const *)at(key, base);
	char first[ADDR_TEXT], last[ADDR_TEXT];

	(void)depth;
	fputs("[", out);
	for (size_t i = 0; i < *count_at(key, base); i++) {
		fprintf(out, "%s\"%s", i ? ", " : " ", addr_text(list[i].first, first));
		if (list[i].last != list[i].first)
			fprintf(out, "-%s", addr_text(list[i].last, last));
		fputc('"', out);
	}
	fputs(" ]", out);
}

const struct conf_type conf_type_ranges = { .read = ranges_read, .print = ranges_print, .clear = conf_list_clear };

static void pool_range_get(struct conf_ctx *ctx, const config_setting_t *s, struct addr_range *range)
{
	char quoted[CONF_QUOTE];
	const char *text;

	if (range_get(ctx, s, range) < 0)
		return;
	text = config_setting_get_string(s);
	if (range->last - range->first >= CONF_POOL_SIZE_MAX)
		conf_fail(ctx, s, "%s has more than %u addresses; make it smaller", conf_quote(quoted, text),
			  CONF_POOL_SIZE_MAX);
	else if (!conf_addr_usable(range->first) || !conf_addr_usable(range->last))
		conf_fail(ctx, s, "%s has addresses that no host can have; give others", conf_quote(quoted, text));
	else {
		if (strchr(text, '/') && range->last - range->first >= 3)
			range->first++, range->last--;
		return;
	}
	*range = hole;
}

static void pool_read(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, void *base)
{
	struct addr_range *list = conf_list_new(ctx, key, s, base, sizeof *list, CONF_LIST_MAX);
	size_t n = list ? *count_at(key, base) : 0;

	if (list && !n)
		conf_fail(ctx, s, "is empty; give at least one range of addresses");
	for (size_t i = 0; i < n; i++)
		pool_range_get(ctx, config_setting_get_elem(s, (unsigned)i), &list[i]);
}

const struct conf_type conf_type_pool = { .read = pool_read, .print = ranges_print, .clear = conf_list_clear };

static void endpoint_get(struct conf_ctx *ctx, const config_setting_t *s, uint16_t port, struct endpoint *ep)
{
	const char *text = text_get(ctx, s);
	char quoted[CONF_QUOTE];

	if (!text)
		return;
	if (endpoint_parse(text, port, ep) == 0)
		return;
	memset(ep, 0, sizeof *ep);
	if (port)
		conf_fail(ctx, s, "%s is no IPv4 address with an optional port; write it like \"0.0.0.0:%u\"",
			  conf_quote(quoted, text), port);
	else
		conf_fail(ctx, s, "%s is no IPv4 address with a port; write it like \"192.0.2.10:2001\"",
			  conf_quote(quoted, text));
}

static void endpoint_read(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, void *base)
{
	endpoint_get(ctx, s, (uint16_t)key->min, at(key, base));
}

static void endpoint_print(FILE *out, const struct conf_key *key, const void *base, unsigned depth)
{
	const struct endpoint *ep = at(key, base);
	char text[ENDPOINT_TEXT];

	(void)depth;
	fprintf(out, "\"%s\"", endpoint_text(*ep, text));
}

static bool endpoint_present(const struct conf_key *key, const void *base)
{
	const struct endpoint *ep = at(key, base);

	return ep->port != 0;
}

const struct conf_type conf_type_endpoint = { .read = endpoint_read, .print = endpoint_print,
					      .present = endpoint_present };

static void endpoints_read(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, void *base)
{
	struct endpoint *list = conf_list_new(ctx, key, s, base, sizeof *list, (int)key->max);
	size_t n = list ? *count_at(key, base) : 0;

	if (list && !n)
		conf_fail(ctx, s, "is empty; give at least one address%s", key->required ? "" : ", or take it out to "
			  "listen on all");
	for (size_t i = 0; i < n; i++)
		endpoint_get(ctx, config_setting_get_elem(s, (unsigned)i), (uint16_t)key->min, &list[i]);
}

static void endpoints_print(FILE *out, const struct conf_key *key, const void *base, unsigned depth)
{
	const struct endpoint *list = *(struct endpoint *const *)at(key, base);
	char text[ENDPOINT_TEXT];

	(void)depth;
	fputs("[", out);
	for (size_t i = 0; i < *count_at(key, base); i++)
		fprintf(out, "%s\"%s\"", i ? ", " : " ", endpoint_text(list[i], text));
	fputs(" ]", out);
}

const struct conf_type conf_type_endpoints = { .read = endpoints_read, .print = endpoints_print,
					       .clear = conf_list_clear };
