/*
 * Accounting records: which attributes go into which type of record (RFC 2866
 * section 5.13, RFC 2869 section 2.1, RFC 2867 sections 2 and 4).
 *
 * Owns nothing.  Must not know when a record is sent, nor to whom; so without
 * Acct-Delay-Time.
 */
#include "pacd/proto/radius_request.h"

#include <string.h>

#define FRAMED_PPP 1

enum part { /* bits of a record's shape */
	USER = 1 << 0,      /* User-Name */
	SERVICE = 1 << 1,   /* what the user has: service, address, filter, Class */
	CALL = 1 << 2,      /* all of the call; else those of the next three */
	PORT = 1 << 3,      /* NAS-Port */
	PORT_TYPE = 1 << 4, /* NAS-Port-Type */
	TUNNEL = 1 << 5,    /* the tunnel's description */
	COUNTERS = 1 << 6,
	LOST = 1 << 7,      /* Acct-Tunnel-Packets-Lost */
	CAUSE = 1 << 8,     /* Acct-Terminate-Cause */
};

/* Ledger section 7, RAD-71. On has only what all records have. */
static unsigned status_parts(uint8_t status)
{
	static const uint16_t parts[] = {
		[RADIUS_ACCT_START] = USER | SERVICE | CALL,
		[RADIUS_ACCT_STOP] = USER | SERVICE | CALL | COUNTERS | CAUSE,
		[RADIUS_ACCT_INTERIM] = USER | SERVICE | CALL | COUNTERS,
		[RADIUS_ACCT_ON] = 0,
		[RADIUS_ACCT_OFF] = CAUSE,
		[RADIUS_ACCT_TUNNEL_START] = USER | TUNNEL,
		[RADIUS_ACCT_TUNNEL_STOP] = USER | TUNNEL | COUNTERS | LOST | CAUSE,
		[RADIUS_ACCT_TUNNEL_REJECT] = USER | TUNNEL | CAUSE,
		[RADIUS_ACCT_LINK_START] = USER | PORT | TUNNEL,
		[RADIUS_ACCT_LINK_STOP] = USER | PORT | PORT_TYPE | TUNNEL | COUNTERS | LOST | CAUSE,
		[RADIUS_ACCT_LINK_REJECT] = USER | TUNNEL | CAUSE,
	};

	return status < sizeof parts / sizeof parts[0] ? parts[status] : 0;
}

/* Only Class: these octets come from a server by way of others. */
static void put_class(struct wbuf *w, const uint8_t *list, size_t len)
{
	struct radius_attribute a;
	struct rbuf r;

	rbuf_init(&r, list, len);
	while (radius_next(&r, &a))
		if (a.type == RADIUS_CLASS)
			radius_put(w, a.type, a.value, a.len);
}

/* RFC 2548 section 2.7.4; its numbers are those of enum plugin_method. */
static void put_method(struct wbuf *w, uint8_t method)
{
	if (method >= PLUGIN_PAP && method <= PLUGIN_MSCHAPV2)
		radius_put_vsa_u32(w, RADIUS_MICROSOFT, RADIUS_MS_ACCT_AUTH_TYPE, method);
}

static void put_service(struct wbuf *w, const struct radius_account *a)
{
	if (a->framed) {
		radius_put_u32(w, RADIUS_SERVICE_TYPE, RADIUS_SERVICE_FRAMED);
		radius_put_u32(w, RADIUS_FRAMED_PROTOCOL, FRAMED_PPP);
	}
	if (a->address)
		radius_put_u32(w, RADIUS_FRAMED_IP_ADDRESS, a->address);
	if (a->interface_id) {
		wbuf_u8(w, RADIUS_FRAMED_INTERFACE_ID);
		wbuf_u8(w, 2 + 8);
		wbuf_u64(w, a->interface_id);
	}
	if (a->filter)
		radius_put_text(w, RADIUS_FILTER_ID, a->filter);
	if (a->class_len)
		put_class(w, a->class_, a->class_len);
	if (a->authentic)
		radius_put_u32(w, RADIUS_ACCT_AUTHENTIC, a->authentic);
	put_method(w, a->method);
}

static void put_call(struct wbuf *w, unsigned parts, const struct radius_call *c)
{
	if (parts & CALL) {
		radius_put_call(w, c);
		return;
	}
	radius_put_text(w, RADIUS_ACCT_SESSION_ID, c->session_id);
	if (parts & PORT)
		radius_put_u32(w, RADIUS_NAS_PORT, c->nas_port);
	if (parts & PORT_TYPE)
		radius_put_u32(w, RADIUS_NAS_PORT_TYPE, c->port_type);
	if (parts & TUNNEL)
		radius_put_tunnel(w, &c->tunnel);
}

/* Gigawords always (RAD-62): a server that adds them up need not know whether we have them. */
static void put_counters(struct wbuf *w, const struct radius_account *a)
{
	radius_put_u32(w, RADIUS_ACCT_SESSION_TIME, a->seconds);
	radius_put_u32(w, RADIUS_ACCT_INPUT_OCTETS, (uint32_t)a->in_octets);
	radius_put_u32(w, RADIUS_ACCT_OUTPUT_OCTETS, (uint32_t)a->out_octets);
	radius_put_u32(w, RADIUS_ACCT_INPUT_GIGAWORDS, (uint32_t)(a->in_octets >> 32));
	radius_put_u32(w, RADIUS_ACCT_OUTPUT_GIGAWORDS, (uint32_t)(a->out_octets >> 32));
	radius_put_u32(w, RADIUS_ACCT_INPUT_PACKETS, (uint32_t)a->in_packets);
	radius_put_u32(w, RADIUS_ACCT_OUTPUT_PACKETS, (uint32_t)a->out_packets);
}

static uint32_t cause_of(const struct radius_account *a)
{
	if (!a->cause && a->status == RADIUS_ACCT_OFF)
		return RADIUS_CAUSE_ADMIN_REBOOT;
	return a->cause;
}

void radius_put_account(struct wbuf *w, const struct radius_nas *nas, const struct radius_call *c,
			const char *session_id, const struct radius_account *a)
{
	unsigned parts = status_parts(a->status);

	radius_put_u32(w, RADIUS_ACCT_STATUS_TYPE, a->status);
	radius_put_u32(w, RADIUS_EVENT_TIMESTAMP, (uint32_t)a->event_time);
	radius_put_nas(w, nas);
	if (parts & USER)
		radius_put(w, RADIUS_USER_NAME, a->user, a->user_len);
	if (c)
		put_call(w, parts, c);
	else
		radius_put_text(w, RADIUS_ACCT_SESSION_ID, session_id);
	if (parts & SERVICE)
		put_service(w, a);
	if (parts & COUNTERS && a->has_counters)
		put_counters(w, a);
	if (parts & LOST && a->has_lost)
		radius_put_u32(w, RADIUS_ACCT_TUNNEL_PACKETS_LOST, a->lost);
	if (parts & CAUSE && cause_of(a))
		radius_put_u32(w, RADIUS_ACCT_TERMINATE_CAUSE, cause_of(a));
}

/* --- closing of what a crash left open --- */

static const uint8_t counter_types[] = {
	RADIUS_ACCT_SESSION_TIME,
	RADIUS_ACCT_INPUT_OCTETS,
	RADIUS_ACCT_OUTPUT_OCTETS,
	RADIUS_ACCT_INPUT_GIGAWORDS,
	RADIUS_ACCT_OUTPUT_GIGAWORDS,
	RADIUS_ACCT_INPUT_PACKETS,
	RADIUS_ACCT_OUTPUT_PACKETS,
};

/* Its bit for a counter of ours, else 0. */
static unsigned counter_bit(const struct radius_attribute *a)
{
	const uint8_t *p = memchr(counter_types, a->type, sizeof counter_types);

	return p ? 1u << (p - counter_types) : 0;
}

/* The type of the record that ends what a record of this type began. */
static uint32_t status_end(const struct radius_attribute *a)
{
	uint8_t status = a->len == 4 ? a->value[3] : 0;

	if (status == RADIUS_ACCT_TUNNEL_START)
		return RADIUS_ACCT_TUNNEL_STOP;
	return status == RADIUS_ACCT_LINK_START ? RADIUS_ACCT_LINK_STOP : RADIUS_ACCT_STOP;
}

/* All but what is of another record or of one moment of sending, and a counter that is no number. */
static bool kept(const struct radius_attribute *a)
{
	if (a->type == RADIUS_ACCT_TERMINATE_CAUSE || a->type == RADIUS_ACCT_DELAY_TIME)
		return false;
	return !counter_bit(a) || a->len == 4;
}

void radius_put_closing(struct wbuf *w, const uint8_t *record, size_t len)
{
	struct radius_attribute a;
	bool has_status = false;
	unsigned seen = 0;
	struct rbuf r;

	rbuf_init(&r, len ? record : (const uint8_t *)"", len);
	while (radius_next(&r, &a)) {
		if (a.type == RADIUS_ACCT_STATUS_TYPE) {
			has_status = true;
			radius_put_u32(w, a.type, status_end(&a));
		} else if (kept(&a)) {
			seen |= counter_bit(&a);
			radius_put(w, a.type, a.value, a.len);
		}
	}
	w->fault |= r.fault || !has_status;
	for (size_t i = 0; i < sizeof counter_types; i++)
		if (!(seen & 1u << i))
			radius_put_u32(w, counter_types[i], 0);
	radius_put_u32(w, RADIUS_ACCT_TERMINATE_CAUSE, RADIUS_CAUSE_NAS_REBOOT);
}
