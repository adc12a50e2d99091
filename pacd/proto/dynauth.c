/*
 * Dynamic authorization (RFC 5176 section 3): reads a Disconnect- or CoA-Request
 * by one table of what may be in it, and writes the answer.
 *
 * Owns nothing.  Must not know sessions, sockets, clients or the clock.
 */
#include "pacd/proto/dynauth.h"

#include <string.h>

#define INTERIM_MIN 60 /* seconds: RFC 2869 section 5.16 */
#define VSA_HEADER 4   /* Vendor-Id */

enum packets { DM = 1, COA = 2, BOTH = DM | COA };
enum use {
	USE_NOTHING, /* for somebody else, or of no effect with PPP (Reply-Message) */
	USE_IDENT,   /* of a session */
	USE_CHANGE,
	USE_CLASS,
	USE_VENDOR,
	USE_SERVICE,
	USE_EAP,
};

/*
 * RFC 5176 section 3.6 as far as it can be done here (RAD-84 to RAD-87); all else is refused.  Framed-IP-Address is not
 * in its table for a Disconnect-Request, but section 3 lists it, and its example disconnects by it (RAD-85).
 */
static const struct rule {
	uint8_t type;
	uint8_t in;       /* enum packets */
	uint8_t min, max; /* octets of the value */
	uint8_t use;      /* enum use */
	bool many;        /* may come more than once */
} rules[] = {
	{ RADIUS_USER_NAME, BOTH, 1, 253, USE_IDENT, false },
	{ RADIUS_NAS_IP_ADDRESS, BOTH, 4, 4, USE_NOTHING, false },
	{ RADIUS_NAS_PORT, BOTH, 4, 4, USE_IDENT, false },
	{ RADIUS_SERVICE_TYPE, COA, 4, 4, USE_SERVICE, false },
	{ RADIUS_FRAMED_IP_ADDRESS, BOTH, 4, 4, USE_IDENT, false },
	{ RADIUS_FILTER_ID, COA, 1, 253, USE_CHANGE, false },
	{ RADIUS_REPLY_MESSAGE, BOTH, 1, 253, USE_NOTHING, true },
	{ RADIUS_STATE, COA, 1, 253, USE_NOTHING, false },
	{ RADIUS_CLASS, BOTH, 1, 253, USE_CLASS, true },
	{ RADIUS_VENDOR_SPECIFIC, COA, 0, 253, USE_VENDOR, true },
	{ RADIUS_SESSION_TIMEOUT, COA, 4, 4, USE_CHANGE, false },
	{ RADIUS_IDLE_TIMEOUT, COA, 4, 4, USE_CHANGE, false },
	{ RADIUS_CALLED_STATION_ID, BOTH, 1, 253, USE_IDENT, false },
	{ RADIUS_CALLING_STATION_ID, BOTH, 1, 253, USE_IDENT, false },
	{ RADIUS_NAS_IDENTIFIER, BOTH, 1, 253, USE_NOTHING, false },
	{ RADIUS_PROXY_STATE, BOTH, 0, 253, USE_NOTHING, true },
	{ RADIUS_ACCT_SESSION_ID, BOTH, 1, 253, USE_IDENT, false },
	{ RADIUS_ACCT_TERMINATE_CAUSE, DM, 4, 4, USE_NOTHING, false },
	{ RADIUS_ACCT_MULTI_SESSION_ID, BOTH, 1, 253, USE_IDENT, false },
	{ RADIUS_EVENT_TIMESTAMP, BOTH, 4, 4, USE_NOTHING, false },
	{ RADIUS_EAP_MESSAGE, DM, 1, 253, USE_EAP, true },
	{ RADIUS_MESSAGE_AUTHENTICATOR, BOTH, 16, 16, USE_NOTHING, false },
	{ RADIUS_ACCT_INTERIM_INTERVAL, COA, 4, 4, USE_CHANGE, false },
	{ RADIUS_NAS_PORT_ID, BOTH, 1, 253, USE_IDENT, false },
	{ RADIUS_CUI, BOTH, 1, 253, USE_IDENT, false },
	{ RADIUS_NAS_IPV6_ADDRESS, BOTH, 16, 16, USE_NOTHING, false },
	{ RADIUS_FRAMED_INTERFACE_ID, BOTH, 8, 8, USE_IDENT, false },
	{ RADIUS_FRAMED_IPV6_PREFIX, BOTH, 2, 18, USE_IDENT, true },
};

static const struct rule *rule_of(uint8_t type, bool disconnect)
{
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (rules[i].type == type)
			return rules[i].in & (disconnect ? DM : COA) ? &rules[i] : NULL;
	return NULL;
}

static uint32_t value_u32(const uint8_t *value, size_t len)
{
	struct rbuf r;

	rbuf_init(&r, value, len);
	return rbuf_u32(&r);
}

/* --- identification --- */

static void take_ident_text(struct dynauth_ident *i, unsigned bit, struct dynauth_text *text,
			    const struct radius_attribute *a)
{
	i->given |= bit;
	*text = (struct dynauth_text){ a->value, a->len };
}

/*
 * Zero is what a session has that has no address or interface identifier (yet): nobody means those, and a request that
 * says it must not reach them.
 */
static enum dynauth_cause take_ident_address(struct dynauth_ident *i, const struct radius_attribute *a)
{
	i->given |= DYNAUTH_BY_ADDRESS;
	i->address = value_u32(a->value, a->len);
	return i->address ? DYNAUTH_OK : DYNAUTH_INVALID_VALUE;
}

static enum dynauth_cause take_ident_interface(struct dynauth_ident *i, const struct radius_attribute *a)
{
	struct rbuf r;

	rbuf_init(&r, a->value, a->len);
	i->given |= DYNAUTH_BY_INTERFACE_ID;
	i->interface_id = rbuf_u64(&r);
	return i->interface_id ? DYNAUTH_OK : DYNAUTH_INVALID_VALUE;
}

static enum dynauth_cause take_ident(struct dynauth_ident *i, const struct radius_attribute *a)
{
	switch (a->type) {
	case RADIUS_USER_NAME:
		take_ident_text(i, DYNAUTH_BY_USER, &i->user, a);
		break;
	case RADIUS_CALLED_STATION_ID:
		take_ident_text(i, DYNAUTH_BY_CALLED, &i->called, a);
		break;
	case RADIUS_CALLING_STATION_ID:
		take_ident_text(i, DYNAUTH_BY_CALLING, &i->calling, a);
		break;
	case RADIUS_ACCT_SESSION_ID:
		take_ident_text(i, DYNAUTH_BY_SESSION, &i->session, a);
		break;
	case RADIUS_NAS_PORT_ID:
		take_ident_text(i, DYNAUTH_BY_PORT_ID, &i->port_id, a);
		break;
	case RADIUS_NAS_PORT:
		i->given |= DYNAUTH_BY_PORT;
		i->port = value_u32(a->value, a->len);
		break;
	case RADIUS_FRAMED_IP_ADDRESS:
		return take_ident_address(i, a);
	case RADIUS_FRAMED_INTERFACE_ID:
		return take_ident_interface(i, a);
	default:
		i->given |= DYNAUTH_BY_OTHER;
	}
	return DYNAUTH_OK;
}

/* RAD-84. A value of wrong size is left to the rules. */
static bool nas_has(const struct radius_nas *nas, const struct radius_attribute *a)
{
	switch (a->type) {
	case RADIUS_NAS_IP_ADDRESS:
		return a->len != 4 || (nas->address && value_u32(a->value, a->len) == nas->address);
	case RADIUS_NAS_IDENTIFIER:
		return !a->len || (strlen(nas->identifier) == a->len && !memcmp(nas->identifier, a->value, a->len));
	case RADIUS_NAS_IPV6_ADDRESS:
		return a->len != 16 || (nas->has_address6 && !memcmp(nas->address6, a->value, 16));
	default:
		return true;
	}
}

static bool nas_matches(const struct radius_nas *nas, const struct radius_packet *p)
{
	struct radius_attribute a;
	struct rbuf r;

	rbuf_init(&r, p->attributes, p->len);
	while (radius_next(&r, &a))
		if (!nas_has(nas, &a))
			return false;
	return true;
}

/* --- changes --- */

static enum dynauth_cause take_number(struct dynauth_change *c, unsigned bit, uint32_t *number, const uint8_t *value,
				      size_t len)
{
	if (len != 4)
		return DYNAUTH_INVALID_VALUE;
	if (c->given & bit)
		return DYNAUTH_INVALID_REQUEST;
	c->given |= bit;
	*number = value_u32(value, len);
	return DYNAUTH_OK;
}

/* A text with a NUL inside would be cut on its way to the scripts: another name than the one that was asked for. */
static enum dynauth_cause take_text(struct dynauth_change *c, unsigned bit, struct dynauth_text *text,
				    const uint8_t *value, size_t len)
{
	if (!len || memchr(value, '\0', len))
		return DYNAUTH_INVALID_VALUE;
	if (c->given & bit)
		return DYNAUTH_INVALID_REQUEST;
	c->given |= bit;
	*text = (struct dynauth_text){ value, len };
	return DYNAUTH_OK;
}

static enum dynauth_cause take_interim(struct dynauth_change *c, const struct radius_attribute *a)
{
	enum dynauth_cause cause = take_number(c, DYNAUTH_SET_INTERIM, &c->interim, a->value, a->len);

	return !cause && c->interim < INTERIM_MIN ? DYNAUTH_INVALID_VALUE : cause;
}

static enum dynauth_cause take_change(struct dynauth_change *c, const struct radius_attribute *a)
{
	switch (a->type) {
	case RADIUS_SESSION_TIMEOUT:
		return take_number(c, DYNAUTH_SET_SESSION_TIMEOUT, &c->session_timeout, a->value, a->len);
	case RADIUS_IDLE_TIMEOUT:
		return take_number(c, DYNAUTH_SET_IDLE_TIMEOUT, &c->idle_timeout, a->value, a->len);
	case RADIUS_ACCT_INTERIM_INTERVAL:
		return take_interim(c, a);
	case RADIUS_FILTER_ID:
		return take_text(c, DYNAUTH_SET_FILTER, &c->filter, a->value, a->len);
	default:
		return DYNAUTH_UNSUPPORTED_ATTRIBUTE;
	}
}

static enum dynauth_cause take_class(struct dynauth_change *c, const struct radius_attribute *a)
{
	struct wbuf w;

	wbuf_init(&w, c->class_ + c->class_len, sizeof c->class_ - c->class_len);
	radius_put(&w, RADIUS_CLASS, a->value, a->len);
	if (!wbuf_len(&w))
		return DYNAUTH_RESOURCES;
	c->class_len += wbuf_len(&w);
	c->given |= DYNAUTH_SET_CLASS;
	return DYNAUTH_OK;
}

static enum dynauth_cause take_vsa(struct dynauth_change *c, const struct radius_vsa *v)
{
	if (v->vendor == RADIUS_WISPR && v->type == RADIUS_WISPR_BANDWIDTH_MAX_UP)
		return take_number(c, DYNAUTH_SET_RATE_UP, &c->rate_up, v->value, v->len);
	if (v->vendor == RADIUS_WISPR && v->type == RADIUS_WISPR_BANDWIDTH_MAX_DOWN)
		return take_number(c, DYNAUTH_SET_RATE_DOWN, &c->rate_down, v->value, v->len);
	if (v->vendor == RADIUS_MIKROTIK && v->type == RADIUS_MIKROTIK_RATE_LIMIT)
		return take_text(c, DYNAUTH_SET_RATE_LIMIT, &c->rate_limit, v->value, v->len);
	return DYNAUTH_UNSUPPORTED_ATTRIBUTE;
}

/*
 * Only vendors whose values have the form of RFC 2865 section 5.26 are known; one that does not keep to it, or holds
 * nothing, is not formatted properly.
 */
static enum dynauth_cause take_vendor(struct dynauth_change *c, const struct radius_attribute *a)
{
	uint32_t id = value_u32(a->value, a->len), vendor = 0;
	enum dynauth_cause cause;
	size_t seen = VSA_HEADER;
	struct radius_vsa v;
	struct rbuf r;

	if (a->len < VSA_HEADER)
		return DYNAUTH_INVALID_REQUEST;
	if (id != RADIUS_WISPR && id != RADIUS_MIKROTIK)
		return DYNAUTH_UNSUPPORTED_ATTRIBUTE;
	rbuf_init(&r, a->value, a->len);
	while (radius_vsa_next(&r, &vendor, &v)) {
		cause = take_vsa(c, &v);
		if (cause)
			return cause;
		seen += 2u + v.len;
	}
	return seen == a->len && seen > VSA_HEADER ? DYNAUTH_OK : DYNAUTH_INVALID_REQUEST;
}

/* --- the whole --- */

static enum dynauth_cause take(struct dynauth_request *d, const struct radius_packet *p, const struct rule *rule,
			       const struct radius_attribute *a)
{
	switch ((enum use)rule->use) {
	case USE_IDENT:
		return take_ident(&d->ident, a);
	case USE_CHANGE:
		return take_change(&d->change, a);
	case USE_CLASS:
		return take_class(&d->change, a);
	case USE_VENDOR:
		return take_vendor(&d->change, a);
	case USE_SERVICE: /* RAD-88: neither Authorize-Only nor another service */
		return DYNAUTH_UNSUPPORTED_SERVICE;
	case USE_EAP: /* RFC 3579 section 3.1: not without a Message-Authenticator; else of no effect without EAP */
		return p->signed_ ? DYNAUTH_OK : DYNAUTH_INVALID_REQUEST;
	case USE_NOTHING:
		break;
	}
	return DYNAUTH_OK;
}

/* In the packet's order: the first thing that is wrong says why. */
static enum dynauth_cause take_all(struct dynauth_request *d, const struct radius_packet *p)
{
	bool seen[256] = { false };
	struct radius_attribute a;
	enum dynauth_cause cause;
	struct rbuf r;

	rbuf_init(&r, p->attributes, p->len);
	while (radius_next(&r, &a)) {
		const struct rule *rule = rule_of(a.type, d->disconnect);

		if (!rule)
			return DYNAUTH_UNSUPPORTED_ATTRIBUTE;
		if (rule->use != USE_SERVICE && (a.len < rule->min || a.len > rule->max))
			return DYNAUTH_INVALID_VALUE;
		if (seen[a.type] && !rule->many)
			return DYNAUTH_INVALID_REQUEST;
		seen[a.type] = true;
		cause = take(d, p, rule, &a);
		if (cause)
			return cause;
	}
	return DYNAUTH_OK;
}

/* Also from the good part of a broken list: its sender knows the secret, and a late copy of it wants no answer. */
static void take_timestamp(struct dynauth_request *d, const struct radius_packet *p)
{
	struct radius_attribute a;
	struct rbuf r;

	rbuf_init(&r, p->attributes, p->len);
	while (!d->has_timestamp && radius_next(&r, &a)) {
		if (a.type != RADIUS_EVENT_TIMESTAMP || a.len != 4)
			continue;
		d->has_timestamp = true;
		d->timestamp = value_u32(a.value, a.len);
	}
}

/*
 * A CoA-Request that identifies a session and changes nothing is good: the RFC has "Missing Attribute" for what
 * identifies, a NAK for what cannot be carried out, and of what is omitted it says that it remains unchanged.
 */
static enum dynauth_cause decode(struct dynauth_request *d, const struct radius_packet *p, const struct radius_nas *nas)
{
	enum dynauth_cause cause;

	if (!radius_list_valid(p->attributes, p->len))
		return DYNAUTH_INVALID_REQUEST;
	if (!nas_matches(nas, p))
		return DYNAUTH_NAS_MISMATCH;
	cause = take_all(d, p);
	if (cause)
		return cause;
	return d->ident.given ? DYNAUTH_OK : DYNAUTH_MISSING_ATTRIBUTE;
}

enum dynauth_cause dynauth_decode(struct dynauth_request *d, const struct radius_packet *p,
				  const struct radius_nas *nas)
{
	enum dynauth_cause cause;

	memset(d, 0, sizeof *d);
	d->disconnect = p->code == RADIUS_DISCONNECT_REQUEST;
	take_timestamp(d, p);
	cause = decode(d, p, nas);
	if (cause) {
		memset(&d->ident, 0, sizeof d->ident);
		memset(&d->change, 0, sizeof d->change);
	}
	return cause;
}

/* --- the answer --- */

/* As it came: not through radius_put(), which leaves out what is empty. */
static void copy_attribute(struct wbuf *w, const struct radius_attribute *a)
{
	wbuf_u8(w, a->type);
	wbuf_u8(w, (uint8_t)(a->len + 2));
	wbuf_bytes(w, a->value, a->len);
}

static void copy_states(struct wbuf *w, const struct radius_packet *request)
{
	bool state = request->code == RADIUS_COA_REQUEST; /* the first one only */
	struct radius_attribute a;
	struct rbuf r;

	rbuf_init(&r, request->attributes, request->len);
	while (radius_next(&r, &a)) {
		if (a.type == RADIUS_PROXY_STATE || (a.type == RADIUS_STATE && state))
			copy_attribute(w, &a);
		if (a.type == RADIUS_STATE)
			state = false;
	}
}

static uint8_t reply_code(bool disconnect, bool ack)
{
	if (disconnect)
		return ack ? RADIUS_DISCONNECT_ACK : RADIUS_DISCONNECT_NAK;
	return ack ? RADIUS_COA_ACK : RADIUS_COA_NAK;
}

size_t dynauth_reply(uint8_t *data, size_t cap, const struct radius_packet *request, enum dynauth_cause cause,
		     uint32_t terminate_cause, struct radius_secret secret)
{
	bool disconnect = request->code == RADIUS_DISCONNECT_REQUEST;
	bool ack = cause < DYNAUTH_UNSUPPORTED_ATTRIBUTE; /* RAD-89: 2xx is success */
	struct wbuf w;

	wbuf_init(&w, data, cap < RADIUS_PACKET_MAX ? cap : RADIUS_PACKET_MAX);
	radius_begin(&w, reply_code(disconnect, ack), request->id, request->authenticator, true);
	if (!ack || (cause && disconnect))
		radius_put_u32(&w, RADIUS_ERROR_CAUSE, cause);
	if (ack && disconnect && terminate_cause)
		radius_put_u32(&w, RADIUS_ACCT_TERMINATE_CAUSE, terminate_cause);
	copy_states(&w, request);
	return radius_finish_reply(&w, secret);
}
