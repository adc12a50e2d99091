/*
 * Attributes of an Access-Accept, -Reject or -Challenge, to plain values: RFC 2865 section 5, RFC 2869 section 5, RFC
 * 2548 section 2, RFC 3162, RFC 4818.
 *
 * Owns the tables of what is read, its size and its range.  Must not know
 * sessions, pools or settings: whether a value suits a call is decided by those
 * who have the call.
 */
#include "pacd/proto/radius_grant_internal.h"

#include <errno.h>
#include <string.h>

#define VSA_MIN 5 /* vendor, and something */
#define KEY_SIZE 16
#define LM_KEY_SIZE 8
#define PLAIN_MAX 256
#define MESSAGE_MAX (sizeof((struct radius_grant *)0)->message - 1)
#define DIGITS "0123456789ABCDEFabcdef"

enum place { ACCEPT = 1, REFUSAL = 2, ANY = ACCEPT | REFUSAL }; /* Access-Reject and -Challenge: RAD-26, RAD-27 */
enum key { SEND_KEY = 1, RECV_KEY = 2, BOTH_KEYS = SEND_KEY | RECV_KEY };

struct decoding {
	struct radius_grant *g;
	const struct radius_hiding *h;
	enum place place;
	unsigned keys; /* enum key: those that were there */
	uint8_t message[MESSAGE_MAX + RADIUS_CHAR_MAX - 1]; /* Reply-Messages as they came, one character too many */
	size_t message_len;
};

struct rule {
	uint8_t min, max; /* octets of the value */
	uint8_t place;    /* where it is read; elsewhere it means nothing */
	int (*take)(struct decoding *d, const struct rule *rule, const struct radius_attribute *a); /* 0 or -EBADMSG */
	size_t at;    /* of the field in struct radius_grant */
	uint32_t bit; /* enum radius_given, or enum key; 0: a field that is 0 is not given */
};

static void *field(struct decoding *d, const struct rule *rule)
{
	return (uint8_t *)d->g + rule->at;
}

/* Is it the first one? From now on it is given. */
static bool give(struct decoding *d, const struct rule *rule)
{
	bool first = !(d->g->given & rule->bit);

	d->g->given |= rule->bit;
	return first;
}

static uint32_t number_of(const struct radius_attribute *a)
{
	struct rbuf r;

	rbuf_init(&r, a->value, a->len);
	return rbuf_u32(&r);
}

/* --- values of one kind --- */

static int take_message(struct decoding *d, const struct rule *rule, const struct radius_attribute *a)
{
	size_t len = strnlen((const char *)a->value, a->len), room = sizeof d->message - d->message_len;

	(void)rule;
	if (len > room)
		len = room;
	memcpy(d->message + d->message_len, a->value, len);
	d->message_len += len;
	return 0;
}

/* It is known, and a call over PPP does not depend on it. */
static int take_nothing(struct decoding *d, const struct rule *rule, const struct radius_attribute *a)
{
	(void)d;
	(void)rule;
	(void)a;
	return 0;
}

static int take_unknown(struct decoding *d, const struct rule *rule, const struct radius_attribute *a)
{
	(void)rule;
	if (!d->g->unknown++)
		d->g->first_unknown = a->type;
	return 0;
}

static int take_number(struct decoding *d, const struct rule *rule, const struct radius_attribute *a)
{
	uint32_t *number = field(d, rule);

	if (rule->bit ? give(d, rule) : !*number)
		*number = number_of(a);
	return 0;
}

static int take_text(struct decoding *d, const struct rule *rule, const struct radius_attribute *a)
{
	if (!a->len || !a->value[0])
		return 0;
	radius_text_keep(field(d, rule), a->value, a->len);
	d->g->given |= rule->bit;
	return 0;
}

/* --- RFC 2865, 2869, 3162, 4818 --- */

static bool address_usable(uint32_t address)
{
	uint32_t net = address >> 24;

	if (address == RADIUS_ADDRESS_USER || address == RADIUS_ADDRESS_NAS)
		return true;
	return address && net != 127 && net < 224;
}

static int take_address(struct decoding *d, const struct rule *rule, const struct radius_attribute *a)
{
	return address_usable(number_of(a)) ? take_number(d, rule, a) : -EBADMSG;
}

/* Ones, then zeros.  None at all is written by servers that mean no netmask; nobody routes the world to a user so. */
static int take_netmask(struct decoding *d, const struct rule *rule, const struct radius_attribute *a)
{
	uint32_t host = ~number_of(a);

	if (host & (host + 1))
		return -EBADMSG;
	return host == UINT32_MAX ? 0 : take_number(d, rule, a);
}

static int take_mtu(struct decoding *d, const struct rule *rule, const struct radius_attribute *a)
{
	uint32_t mtu = number_of(a);

	return mtu < 64 || mtu > 65535 ? -EBADMSG : take_number(d, rule, a);
}

/* 0 is "no routing packets", which is all that there is here. */
static int take_routing(struct decoding *d, const struct rule *rule, const struct radius_attribute *a)
{
	return number_of(a) ? take_unknown(d, rule, a) : 0;
}

static int take_callback(struct decoding *d, const struct rule *rule, const struct radius_attribute *a)
{
	if (a->len)
		d->g->given |= rule->bit;
	return 0;
}

static int take_route(struct decoding *d, const struct rule *rule, const struct radius_attribute *a)
{
	struct radius_grant *g = d->g;

	(void)rule;
	if (!a->len)
		return 0;
	if (g->nroutes < RADIUS_ROUTES && !radius_route_parse(&g->routes[g->nroutes], a->value, a->len))
		g->nroutes++;
	else
		g->bad_routes++;
	return 0;
}

static int take_state(struct decoding *d, const struct rule *rule, const struct radius_attribute *a)
{
	(void)rule;
	if (d->g->state_len)
		return 0;
	memcpy(d->g->state, a->value, a->len);
	d->g->state_len = a->len;
	return 0;
}

static int take_class(struct decoding *d, const struct rule *rule, const struct radius_attribute *a)
{
	struct radius_grant *g = d->g;
	struct wbuf w;

	(void)rule;
	if (!a->len)
		return 0;
	wbuf_init(&w, g->class_ + g->class_len, sizeof g->class_ - g->class_len);
	radius_put(&w, RADIUS_CLASS, a->value, a->len);
	if (w.fault)
		return -EBADMSG;
	g->class_len += wbuf_len(&w);
	return 0;
}

static int take_interface(struct decoding *d, const struct rule *rule, const struct radius_attribute *a)
{
	uint64_t *id = field(d, rule);
	struct rbuf r;

	rbuf_init(&r, a->value, a->len);
	if (give(d, rule))
		*id = rbuf_u64(&r);
	return 0;
}

/* A reserved octet, the length, and as many octets as the server likes to send, but enough for the length. */
static int prefix_parse(struct radius_prefix6 *prefix, const struct radius_attribute *a)
{
	struct radius_prefix6 p = { 0 };
	unsigned whole;
	struct rbuf r;

	rbuf_init(&r, a->value, a->len);
	rbuf_skip(&r, 1);
	p.len = rbuf_u8(&r);
	if (r.fault || p.len > 128 || rbuf_left(&r) < (p.len + 7u) / 8)
		return -EBADMSG;
	rbuf_bytes(&r, p.prefix, (p.len + 7u) / 8);
	whole = p.len / 8;
	if (p.len % 8)
		p.prefix[whole] &= (uint8_t)(0xFF00 >> p.len % 8);
	*prefix = p;
	return 0;
}

static int prefix_add(struct radius_prefix6 *prefixes, unsigned *n, const struct radius_attribute *a)
{
	struct radius_prefix6 prefix;

	if (prefix_parse(&prefix, a) < 0)
		return -EBADMSG;
	if (*n < RADIUS_PREFIXES)
		prefixes[(*n)++] = prefix;
	return 0;
}

static int take_prefix(struct decoding *d, const struct rule *rule, const struct radius_attribute *a)
{
	(void)rule;
	return prefix_add(d->g->prefixes, &d->g->nprefixes, a);
}

static int take_delegated(struct decoding *d, const struct rule *rule, const struct radius_attribute *a)
{
	(void)rule;
	return prefix_add(d->g->delegated, &d->g->ndelegated, a);
}

static int take_tunnel(struct decoding *d, const struct rule *rule, const struct radius_attribute *a)
{
	(void)rule;
	return radius_tunnel_take(d->g, a, d->h);
}

/* RFC 2865 has 0+ of them; which one is meant is for who knows the filters (RFC 5080 section 2.4). */
static int take_filter(struct decoding *d, const struct rule *rule, const struct radius_attribute *a)
{
	struct radius_grant *g = d->g;

	if (!g->filter[0])
		return take_text(d, rule, a);
	if (g->nmore_filters < RADIUS_FILTERS && a->len)
		radius_text_keep(g->more_filters[g->nmore_filters++], a->value, a->len);
	return 0;
}

/* --- RFC 2548 --- */

static int take_error(struct decoding *d, const struct rule *rule, const struct radius_attribute *a)
{
	size_t len = strnlen((const char *)a->value + 1, a->len - 1u);

	if (!len)
		return -EBADMSG;
	if (!give(d, rule))
		return 0;
	d->g->error_id = a->value[0];
	radius_text_clean(d->g->error, sizeof d->g->error - 1, a->value + 1, len);
	return 0;
}

static int take_success(struct decoding *d, const struct rule *rule, const struct radius_attribute *a)
{
	struct radius_grant *g = d->g;
	char text[sizeof g->success] = "";

	memcpy(text, a->value + 1, sizeof text - 1);
	if (text[0] != 'S' || text[1] != '=' || strspn(text + 2, DIGITS) != sizeof text - 3)
		return -EBADMSG;
	if (!give(d, rule))
		return 0;
	g->success_id = a->value[0];
	memcpy(g->success, text, sizeof text);
	return 0;
}

/* RAD-28: of a longer key the first octets count; a shorter one is none for 128 bits. */
static int take_key(struct decoding *d, const struct rule *rule, const struct radius_attribute *a)
{
	uint8_t plain[PLAIN_MAX];
	size_t len = 0;
	int err = radius_unhide_salted(plain, &len, a->value, a->len, d->h);

	if (!err && len < KEY_SIZE)
		err = -EBADMSG;
	if (!err && !(d->keys & rule->bit)) {
		memcpy(field(d, rule), plain, KEY_SIZE);
		d->keys |= rule->bit;
	}
	explicit_bzero(plain, sizeof plain);
	return err < 0 ? -EBADMSG : 0;
}

static int take_mschap_keys(struct decoding *d, const struct rule *rule, const struct radius_attribute *a)
{
	uint8_t plain[32];
	int err = radius_unhide_mschap_keys(plain, a->value, a->len, d->h);

	if (!err && give(d, rule))
		memcpy(field(d, rule), plain + LM_KEY_SIZE, KEY_SIZE);
	explicit_bzero(plain, sizeof plain);
	return err < 0 ? -EBADMSG : 0;
}

/* --- tables --- */

#define AT(name) offsetof(struct radius_grant, name)
#define NUMBER(where, f, given) { 4, 4, where, take_number, AT(f), given }
#define TEXT(f, given) { 0, RADIUS_VALUE_MAX, ACCEPT, take_text, AT(f), given }
#define FIXED(size, taker, f, given) { size, size, ACCEPT, taker, AT(f), given }
#define OCTETS(min, max, where, taker) { min, max, where, taker, 0, 0 }
#define TUNNEL OCTETS(0, RADIUS_VALUE_MAX, ACCEPT, take_tunnel) /* their sizes: radius_tunnel.c */
#define IGNORED OCTETS(0, RADIUS_VALUE_MAX, ACCEPT, take_nothing)
#define IGNORED_NUMBER OCTETS(4, 4, ACCEPT, take_nothing)

static const struct rule standard[] = {
	[RADIUS_USER_NAME] = TEXT(user_name, RADIUS_GIVEN_USER_NAME),
	[RADIUS_SERVICE_TYPE] = NUMBER(ACCEPT, service, RADIUS_GIVEN_SERVICE),
	[RADIUS_FRAMED_PROTOCOL] = NUMBER(ACCEPT, protocol, RADIUS_GIVEN_PROTOCOL),
	[RADIUS_FRAMED_IP_ADDRESS] = FIXED(4, take_address, address, RADIUS_GIVEN_ADDRESS),
	[RADIUS_FRAMED_IP_NETMASK] = FIXED(4, take_netmask, netmask, RADIUS_GIVEN_NETMASK),
	[10] = OCTETS(4, 4, ACCEPT, take_routing), /* Framed-Routing */
	[RADIUS_FILTER_ID] = { 0, RADIUS_VALUE_MAX, ACCEPT, take_filter, AT(filter), RADIUS_GIVEN_FILTER },
	[RADIUS_FRAMED_MTU] = FIXED(4, take_mtu, mtu, RADIUS_GIVEN_MTU),
	[RADIUS_FRAMED_COMPRESSION] = NUMBER(ACCEPT, compression, RADIUS_GIVEN_COMPRESSION),
	[RADIUS_REPLY_MESSAGE] = OCTETS(0, RADIUS_VALUE_MAX, ANY, take_message),
	[RADIUS_CALLBACK_NUMBER] = { 0, RADIUS_VALUE_MAX, ACCEPT, take_callback, 0, RADIUS_GIVEN_CALLBACK },
	[RADIUS_CALLBACK_ID] = { 0, RADIUS_VALUE_MAX, ACCEPT, take_callback, 0, RADIUS_GIVEN_CALLBACK },
	[RADIUS_FRAMED_ROUTE] = OCTETS(0, RADIUS_VALUE_MAX, ACCEPT, take_route),
	[RADIUS_STATE] = OCTETS(0, RADIUS_VALUE_MAX, ANY, take_state),
	[RADIUS_CLASS] = OCTETS(0, RADIUS_VALUE_MAX, ACCEPT, take_class),
	[RADIUS_SESSION_TIMEOUT] = NUMBER(ANY, session_timeout, RADIUS_GIVEN_SESSION_TIMEOUT),
	[RADIUS_IDLE_TIMEOUT] = NUMBER(ACCEPT, idle_timeout, RADIUS_GIVEN_IDLE_TIMEOUT),
	[RADIUS_TERMINATION_ACTION] = NUMBER(ACCEPT, termination, RADIUS_GIVEN_TERMINATION),
	[RADIUS_PORT_LIMIT] = NUMBER(ACCEPT, port_limit, RADIUS_GIVEN_PORT_LIMIT),
	[RADIUS_ACCT_INTERIM_INTERVAL] = NUMBER(ACCEPT, interim, RADIUS_GIVEN_INTERIM),
	[RADIUS_FRAMED_POOL] = TEXT(pool, RADIUS_GIVEN_POOL),
	[RADIUS_FRAMED_INTERFACE_ID] = FIXED(8, take_interface, interface_id, RADIUS_GIVEN_INTERFACE_ID),
	[RADIUS_FRAMED_IPV6_PREFIX] = OCTETS(2, 18, ACCEPT, take_prefix),
	[RADIUS_DELEGATED_IPV6_PREFIX] = OCTETS(2, 18, ACCEPT, take_delegated),

	[RADIUS_TUNNEL_TYPE] = TUNNEL,
	[RADIUS_TUNNEL_MEDIUM_TYPE] = TUNNEL,
	[RADIUS_TUNNEL_CLIENT_ENDPOINT] = TUNNEL,
	[RADIUS_TUNNEL_SERVER_ENDPOINT] = TUNNEL,
	[RADIUS_TUNNEL_PASSWORD] = TUNNEL,
	[RADIUS_TUNNEL_PRIVATE_GROUP_ID] = TUNNEL,
	[RADIUS_TUNNEL_ASSIGNMENT_ID] = TUNNEL,
	[RADIUS_TUNNEL_PREFERENCE] = TUNNEL,
	[RADIUS_TUNNEL_CLIENT_AUTH_ID] = TUNNEL,
	[RADIUS_TUNNEL_SERVER_AUTH_ID] = TUNNEL,

	/* The packet's own, and what a server gives back from the request. */
	[RADIUS_MESSAGE_AUTHENTICATOR] = OCTETS(RADIUS_AUTHENTICATOR, RADIUS_AUTHENTICATOR, ACCEPT, take_nothing),
	[RADIUS_EVENT_TIMESTAMP] = IGNORED_NUMBER,
	[RADIUS_NAS_IP_ADDRESS] = IGNORED_NUMBER,
	[RADIUS_NAS_PORT] = IGNORED_NUMBER,
	[RADIUS_NAS_PORT_TYPE] = IGNORED_NUMBER,
	[RADIUS_NAS_PORT_ID] = IGNORED,
	[RADIUS_NAS_IDENTIFIER] = IGNORED,
	[RADIUS_NAS_IPV6_ADDRESS] = OCTETS(16, 16, ACCEPT, take_nothing),
	[RADIUS_CALLED_STATION_ID] = IGNORED,
	[RADIUS_CALLING_STATION_ID] = IGNORED,
	[RADIUS_ACCT_SESSION_ID] = IGNORED,
	[RADIUS_ACCT_MULTI_SESSION_ID] = IGNORED,
	[RADIUS_ACCT_TUNNEL_CONNECTION] = IGNORED,
	[RADIUS_CONNECT_INFO] = IGNORED,
	[RADIUS_EAP_MESSAGE] = IGNORED,
	[RADIUS_CUI] = IGNORED,
	/* Of logins on terminal servers, and of protocols other than IP: not for a PPP user of ours. */
	[14] = IGNORED_NUMBER, /* Login-IP-Host */
	[15] = IGNORED_NUMBER, /* Login-Service */
	[16] = IGNORED_NUMBER, /* Login-TCP-Port */
	[23] = IGNORED_NUMBER, /* Framed-IPX-Network */
	[34] = IGNORED,        /* Login-LAT-Service */
	[35] = IGNORED,        /* Login-LAT-Node */
	[36] = IGNORED,        /* Login-LAT-Group */
	[37] = IGNORED_NUMBER, /* Framed-AppleTalk-Link */
	[38] = IGNORED_NUMBER, /* Framed-AppleTalk-Network */
	[39] = IGNORED,        /* Framed-AppleTalk-Zone */
	[63] = IGNORED,        /* Login-LAT-Port */
	[75] = IGNORED_NUMBER, /* Password-Retry */
	[76] = IGNORED_NUMBER, /* Prompt */
	[98] = OCTETS(16, 16, ACCEPT, take_nothing), /* Login-IPv6-Host */
};

static const struct rule microsoft[] = {
	[RADIUS_MS_CHAP_ERROR] = { 2, RADIUS_VALUE_MAX, REFUSAL, take_error, 0, RADIUS_GIVEN_ERROR },
	[RADIUS_MS_MPPE_ENCRYPTION_POLICY] = NUMBER(ACCEPT, policy, RADIUS_GIVEN_POLICY),
	[RADIUS_MS_MPPE_ENCRYPTION_TYPES] = NUMBER(ACCEPT, types, RADIUS_GIVEN_TYPES),
	[RADIUS_MS_CHAP_MPPE_KEYS] = FIXED(32, take_mschap_keys, nt_key, RADIUS_GIVEN_MSCHAP_KEYS),
	[RADIUS_MS_MPPE_SEND_KEY] = { 0, RADIUS_VALUE_MAX, ACCEPT, take_key, AT(send_key), SEND_KEY },
	[RADIUS_MS_MPPE_RECV_KEY] = { 0, RADIUS_VALUE_MAX, ACCEPT, take_key, AT(recv_key), RECV_KEY },
	[RADIUS_MS_CHAP2_SUCCESS] = FIXED(43, take_success, success, RADIUS_GIVEN_SUCCESS),
	[RADIUS_MS_PRIMARY_DNS] = NUMBER(ACCEPT, dns[0], 0),
	[RADIUS_MS_SECONDARY_DNS] = NUMBER(ACCEPT, dns[1], 0),
	[RADIUS_MS_PRIMARY_NBNS] = NUMBER(ACCEPT, wins[0], 0),
	[RADIUS_MS_SECONDARY_NBNS] = NUMBER(ACCEPT, wins[1], 0),
};

static const struct rule wispr[] = {
	[RADIUS_WISPR_BANDWIDTH_MAX_UP] = NUMBER(ACCEPT, rate_up, RADIUS_GIVEN_RATE_UP),
	[RADIUS_WISPR_BANDWIDTH_MAX_DOWN] = NUMBER(ACCEPT, rate_down, RADIUS_GIVEN_RATE_DOWN),
};

static const struct rule mikrotik[] = {
	[RADIUS_MIKROTIK_RATE_LIMIT] = TEXT(rate_limit, RADIUS_GIVEN_RATE_LIMIT),
};

#define RULES(table) table, sizeof table / sizeof *table

static const struct {
	uint32_t id;
	const struct rule *rules;
	size_t n;
} vendors[] = {
	{ RADIUS_MICROSOFT, RULES(microsoft) },
	{ RADIUS_WISPR, RULES(wispr) },
	{ RADIUS_MIKROTIK, RULES(mikrotik) },
};

/* --- walking --- */

static int rule_apply(struct decoding *d, const struct rule *rule, const struct radius_attribute *a)
{
	if (!(rule->place & d->place))
		return 0;
	if (a->len < rule->min || a->len > rule->max)
		return -EBADMSG;
	return rule->take(d, rule, a);
}

/* Values of a vendor that is known; of these, unknown types are left out. */
static int values_take(struct decoding *d, const struct rule *rules, size_t n, const struct radius_attribute *a)
{
	uint32_t vendor = 0;
	struct radius_vsa v;
	struct rbuf r;

	rbuf_init(&r, a->value, a->len);
	while (radius_vsa_next(&r, &vendor, &v)) {
		struct radius_attribute value = { v.type, v.len, v.value };

		if (v.type < n && rules[v.type].take && rule_apply(d, &rules[v.type], &value) < 0)
			return -EBADMSG;
	}
	return rbuf_end(&r) < 0 && d->place == ACCEPT ? -EBADMSG : 0;
}

static int vendor_take(struct decoding *d, const struct radius_attribute *a)
{
	uint32_t vendor = number_of(a);

	if (a->len < VSA_MIN)
		return d->place == ACCEPT ? -EBADMSG : 0;
	for (size_t i = 0; i < sizeof vendors / sizeof *vendors; i++)
		if (vendors[i].id == vendor)
			return values_take(d, vendors[i].rules, vendors[i].n, a);
	return 0;
}

static int attribute_take(struct decoding *d, const struct radius_attribute *a)
{
	if (a->type == RADIUS_VENDOR_SPECIFIC)
		return vendor_take(d, a);
	if (a->type < sizeof standard / sizeof *standard && standard[a->type].take)
		return rule_apply(d, &standard[a->type], a);
	return d->place == ACCEPT ? take_unknown(d, NULL, a) : 0;
}

static int attributes_take(struct decoding *d, const struct radius_packet *p, uint8_t *bad)
{
	struct radius_attribute a;
	struct rbuf r;

	*bad = 0;
	rbuf_init(&r, p->attributes, p->len);
	while (radius_next(&r, &a)) {
		if (attribute_take(d, &a) < 0) {
			*bad = a.type;
			return -EBADMSG;
		}
	}
	return r.fault ? -EBADMSG : 0;
}

/* One key of the two is none (RAD-30). */
static void keys_finish(struct decoding *d)
{
	struct radius_grant *g = d->g;

	if (d->keys == BOTH_KEYS) {
		g->given |= RADIUS_GIVEN_KEYS;
		return;
	}
	explicit_bzero(g->send_key, sizeof g->send_key);
	explicit_bzero(g->recv_key, sizeof g->recv_key);
}

int radius_grant_decode(struct radius_grant *g, const struct radius_packet *p, const struct radius_hiding *h,
			uint8_t *bad)
{
	bool refusal = p->code == RADIUS_ACCESS_REJECT || p->code == RADIUS_ACCESS_CHALLENGE;
	struct decoding d = { .g = g, .h = h, .place = refusal ? REFUSAL : ACCEPT };

	memset(g, 0, sizeof *g);
	if (attributes_take(&d, p, bad) < 0) {
		radius_grant_wipe(g);
		return -EBADMSG;
	}
	radius_text_clean(g->message, MESSAGE_MAX, d.message, d.message_len);
	keys_finish(&d);
	radius_tunnel_finish(g);
	return 0;
}

void radius_grant_wipe(struct radius_grant *g)
{
	explicit_bzero(g, sizeof *g);
}

/* --- RAD-12 --- */

static bool inherits(struct radius_grant *user, const struct radius_grant *call, uint32_t bit)
{
	if (user->given & bit || !(call->given & bit))
		return false;
	user->given |= bit;
	return true;
}

static void class_inherit(struct radius_grant *user, const struct radius_grant *call)
{
	if (user->class_len)
		return;
	memcpy(user->class_, call->class_, call->class_len);
	user->class_len = call->class_len;
}

void radius_grant_inherit(struct radius_grant *user, const struct radius_grant *call)
{
	if (inherits(user, call, RADIUS_GIVEN_SESSION_TIMEOUT))
		user->session_timeout = call->session_timeout;
	if (inherits(user, call, RADIUS_GIVEN_IDLE_TIMEOUT))
		user->idle_timeout = call->idle_timeout;
	if (inherits(user, call, RADIUS_GIVEN_PORT_LIMIT))
		user->port_limit = call->port_limit;
	if (inherits(user, call, RADIUS_GIVEN_INTERIM))
		user->interim = call->interim;
	if (inherits(user, call, RADIUS_GIVEN_FILTER))
		memcpy(user->filter, call->filter, sizeof user->filter);
	if (inherits(user, call, RADIUS_GIVEN_POOL))
		memcpy(user->pool, call->pool, sizeof user->pool);
	class_inherit(user, call);
}
