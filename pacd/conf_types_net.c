/*
 * Kinds of values: hosts and addresses that RADIUS has to do with, IPv4 and IPv6.
 *
 * Nothing is looked up here: a name stays a name.
 */
#include "pacd/conf_schema.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
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

/* --- sockaddr --- */

static void set4(struct sockaddr_storage *ss, uint32_t addr, unsigned port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				   .sin_addr.s_addr = htonl(addr) };

	memset(ss, 0, sizeof *ss);
	memcpy(ss, &sin, sizeof sin);
}

static void set6(struct sockaddr_storage *ss, const struct in6_addr *addr, unsigned port)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = *addr };

	memset(ss, 0, sizeof *ss);
	memcpy(ss, &sin6, sizeof sin6);
}

bool conf_host_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET6)
		return !memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
			       &((const struct sockaddr_in6 *)b)->sin6_addr, sizeof(struct in6_addr));
	return a->ss_family == AF_INET && ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
						  ((const struct sockaddr_in *)b)->sin_addr.s_addr;
}

char *conf_sockaddr_text(const struct sockaddr_storage *ss, unsigned port, char text[CONF_SOCKADDR_TEXT])
{
	const void *addr = ss->ss_family == AF_INET6 ? (const void *)&((const struct sockaddr_in6 *)ss)->sin6_addr
						     : (const void *)&((const struct sockaddr_in *)ss)->sin_addr;
	bool brackets = port && ss->ss_family == AF_INET6;
	char host[INET6_ADDRSTRLEN];

	if (!inet_ntop(ss->ss_family, addr, host, sizeof host))
		*host = '\0';
	if (port)
		snprintf(text, CONF_SOCKADDR_TEXT, "%s%s%s:%u", brackets ? "[" : "", host, brackets ? "]" : "", port);
	else
		snprintf(text, CONF_SOCKADDR_TEXT, "%s", host);
	return text;
}

/* --- hosts --- */

/* What forbids this as an address of one host, or NULL. */
static const char *complaint6(const struct in6_addr *a)
{
	if (IN6_IS_ADDR_LINKLOCAL(a))
		return "a link-local address means nothing without its interface; give another one";
	if (IN6_IS_ADDR_V4MAPPED(a))
		return "an IPv4 address in IPv6's clothes; write it as an IPv4 address";
	if (IN6_IS_ADDR_UNSPECIFIED(a) || IN6_IS_ADDR_MULTICAST(a))
		return "not the address of a host; give another one";
	return NULL;
}

/* Loopback is good here: a server may run on this machine. */
static const char *complaint4(uint32_t addr)
{
	return addr >> 24 == 0 || addr >> 24 >= 224 ? "not the address of a host; give another one" : NULL;
}

static const char *name_complaint(const char *text)
{
	if (*text == '-')
		return "begins with \"-\"; begin it with a letter or a digit";
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr("_.-", *text))
			return "neither a host's name nor an address; give one of them, without brackets or a port";
	return NULL;
}

/* NULL with a family of 0 for a name. */
static const char *host_read(const char *text, struct sockaddr_storage *address)
{
	struct in6_addr in6;
	const char *complaint;
	uint32_t addr;

	memset(address, 0, sizeof *address);
	if (strchr(text, ':')) {
		if (inet_pton(AF_INET6, text, &in6) != 1)
			return "not an IPv6 address; write it like \"2001:db8::1\", without brackets or a port";
		complaint = complaint6(&in6);
		if (!complaint)
			set6(address, &in6, 0);
		return complaint;
	}
	if (text[strspn(text, "0123456789.")])
		return name_complaint(text);
	if (addr_parse(text, &addr) < 0)
		return "not an IPv4 address; write it like \"10.0.0.1\"";
	complaint = complaint4(addr);
	if (!complaint)
		set4(address, addr, 0);
	return complaint;
}

const char *conf_host_complaint(const char *text)
{
	struct sockaddr_storage address;

	return host_read(text, &address);
}

int conf_host_parse(const char *text, struct sockaddr_storage *address)
{
	if (!*text || host_read(text, address))
		return -1;
	return address->ss_family != 0;
}

/* --- our own addresses --- */

static const char *string_get(struct conf_ctx *ctx, const config_setting_t *s)
{
	if (config_setting_type(s) == CONFIG_TYPE_STRING)
		return config_setting_get_string(s);
	conf_fail(ctx, s, "must be a text in double quotes");
	return NULL;
}

#define LINK_LOCAL_NET 0xa9fe /* 169.254 */

static const char *nas4_complaint(const char *text, uint32_t *addr)
{
	if (addr_parse(text, addr) < 0)
		return "not an IPv4 address; write it like \"10.0.0.1\"";
	if (*addr >> 16 == LINK_LOCAL_NET)
		return "a link-local address names nobody to a server (RFC 5080 section 2.7); give another one";
	return complaint4(*addr);
}

static void nas4_read(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, void *base)
{
	const char *text = string_get(ctx, s), *complaint;
	char quoted[CONF_QUOTE];
	uint32_t addr;

	if (!text)
		return;
	complaint = nas4_complaint(text, &addr);
	if (complaint)
		conf_fail(ctx, s, "%s: %s", conf_quote(quoted, text), complaint);
	else
		*(uint32_t *)at(key, base) = addr;
}

static void nas4_print(FILE *out, const struct conf_key *key, const void *base, unsigned depth)
{
	char text[ADDR_TEXT];

	(void)depth;
	fprintf(out, "\"%s\"", addr_text(*(const uint32_t *)at(key, base), text));
}

static bool nas4_present(const struct conf_key *key, const void *base)
{
	return *(const uint32_t *)at(key, base) != 0;
}

const struct conf_type conf_type_nas4 = { .read = nas4_read, .print = nas4_print, .present = nas4_present };

static void nas6_read(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, void *base)
{
	const char *text = string_get(ctx, s), *complaint;
	char quoted[CONF_QUOTE];
	struct in6_addr in6;

	if (!text)
		return;
	if (inet_pton(AF_INET6, text, &in6) != 1)
		complaint = "not an IPv6 address; write it like \"2001:db8::1\"";
	else if (IN6_IS_ADDR_LINKLOCAL(&in6))
		complaint = "a link-local address names nobody to a server (RFC 5080 section 2.7); give another one";
	else
		complaint = complaint6(&in6);
	if (complaint)
		conf_fail(ctx, s, "%s: %s", conf_quote(quoted, text), complaint);
	else
		set6(at(key, base), &in6, 0);
}

static void nas6_print(FILE *out, const struct conf_key *key, const void *base, unsigned depth)
{
	char text[CONF_SOCKADDR_TEXT];

	(void)depth;
	fprintf(out, "\"%s\"", conf_sockaddr_text(at(key, base), 0, text));
}

static bool nas6_present(const struct conf_key *key, const void *base)
{
	return ((const struct sockaddr_storage *)at(key, base))->ss_family != 0;
}

const struct conf_type conf_type_nas6 = { .read = nas6_read, .print = nas6_print, .present = nas6_present };

/* --- where to listen --- */

/* "[...]" with an optional ":PORT"; any address of the host. 0 or -1. */
static int bracketed_parse(const char *text, uint16_t port, struct sockaddr_storage *ss)
{
	const char *end = strchr(text, ']');
	size_t len = end ? (size_t)(end - text) - 1 : INET6_ADDRSTRLEN;
	char host[INET6_ADDRSTRLEN];
	struct in6_addr in6;

	if (len >= sizeof host)
		return -1;
	memcpy(host, text + 1, len);
	host[len] = '\0';
	if (end[1]) {
		/* a port and its bounds are the same for an IPv4 endpoint */
		char v4[ENDPOINT_TEXT];
		struct endpoint ep;

		if (snprintf(v4, sizeof v4, "127.0.0.1%s", end + 1) >= (int)sizeof v4 || end[1] != ':' ||
		    endpoint_parse(v4, port, &ep) < 0)
			return -1;
		port = ep.port;
	}
	if (inet_pton(AF_INET6, host, &in6) != 1 || IN6_IS_ADDR_MULTICAST(&in6) || IN6_IS_ADDR_V4MAPPED(&in6) ||
	    IN6_IS_ADDR_LINKLOCAL(&in6))
		return -1;
	set6(ss, &in6, port);
	return 0;
}

static int udp_parse(const char *text, uint16_t port, struct sockaddr_storage *ss)
{
	struct endpoint ep;

	if (*text == '[')
		return bracketed_parse(text, port, ss);
	if (endpoint_parse(text, port, &ep) < 0 || ep.addr >> 24 >= 224)
		return -1;
	set4(ss, ep.addr, ep.port);
	return 0;
}

static void udp_get(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s,
		    struct sockaddr_storage *ss)
{
	const char *text = string_get(ctx, s);
	char quoted[CONF_QUOTE];

	if (text && udp_parse(text, (uint16_t)key->min, ss) < 0)
		conf_fail(ctx, s, "%s is no address with an optional port; write it like \"0.0.0.0:%u\" or "
			  "\"[::1]:%u\"", conf_quote(quoted, text), (unsigned)key->min, (unsigned)key->min);
}

static void udp_read(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, void *base)
{
	struct sockaddr_storage *list = conf_list_new(ctx, key, s, base, sizeof *list, (int)key->max);

	for (size_t i = 0; list && i < *count_at(key, base); i++)
		udp_get(ctx, key, config_setting_get_elem(s, (unsigned)i), &list[i]);
}

static unsigned port_of(const struct sockaddr_storage *ss)
{
	if (ss->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)ss)->sin6_port);
	return ntohs(((const struct sockaddr_in *)ss)->sin_port);
}

static void udp_print(FILE *out, const struct conf_key *key, const void *base, unsigned depth)
{
	const struct sockaddr_storage *list = *(struct sockaddr_storage *const *)at(key, base);
	char text[CONF_SOCKADDR_TEXT];

	(void)depth;
	fputs("[", out);
	for (size_t i = 0; i < *count_at(key, base); i++)
		fprintf(out, "%s\"%s\"", i ? ", " : " ", conf_sockaddr_text(&list[i], port_of(&list[i]), text));
	fputs(" ]", out);
}

const struct conf_type conf_type_udp = { .read = udp_read, .print = udp_print, .clear = conf_list_clear };
