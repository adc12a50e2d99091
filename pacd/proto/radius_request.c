/*
 * What pacd asks a RADIUS server: who it is, the call, may this call go on
 * (Call-Check), is this the user (RFC 2865 section 5, RFC 2868 section 3 for the
 * tunnel, RFC 2548 section 2 for MS-CHAP).
 *
 * Owns nothing; what is secret in between is wiped.  Must not know servers, and
 * not the packet around its attributes.
 */
#include "pacd/proto/radius_request.h"

#include "common/addr.h"

#include <errno.h>
#include <string.h>

#define FRAMED_PPP 1
#define TUNNEL_PPTP 1
#define MEDIUM_IPV4 1
#define TAG_MAX 0x1f /* a first octet above it is the text's */

#define CHAP_RESPONSE 16
#define MSCHAP_CHALLENGE 8
#define MSCHAP2_CHALLENGE 16
#define MSCHAP_VALUE 49 /* in PPP: two responses or peer challenge, reserved, response; then flags */
#define MSCHAP_FLAGS 48
#define MSCHAP_RESPONSES 48

/* --- access server and call --- */

enum radius_port_type radius_port_type(uint32_t bearer, uint32_t framing)
{
	enum { ANALOG = 1, DIGITAL = 2, ASYNC = 1, SYNC = 2, BOTH = 3 };

	bearer &= BOTH;
	framing &= BOTH;
	if (bearer == ANALOG && framing == ASYNC)
		return RADIUS_PORT_ASYNC;
	if (bearer == ANALOG && framing == SYNC)
		return RADIUS_PORT_SYNC;
	if (bearer == DIGITAL && framing == SYNC)
		return RADIUS_PORT_ISDN_SYNC;
	if (bearer == DIGITAL && framing == ASYNC)
		return RADIUS_PORT_ISDN_V120;
	return RADIUS_PORT_VIRTUAL; /* either will do: that is no port of a telephone line */
}

void radius_put_nas(struct wbuf *w, const struct radius_nas *nas)
{
	if (nas->address)
		radius_put_u32(w, RADIUS_NAS_IP_ADDRESS, nas->address);
	if (nas->has_address6)
		radius_put(w, RADIUS_NAS_IPV6_ADDRESS, nas->address6, sizeof nas->address6);
	radius_put_text(w, RADIUS_NAS_IDENTIFIER, nas->identifier);
}

static void put_endpoint(struct wbuf *w, uint8_t type, uint32_t address)
{
	char text[ADDR_TEXT];

	if (address)
		radius_put_text(w, type, addr_text(address, text));
}

/* A text whose first octet would be taken for a tag gets one. */
static void put_tagged(struct wbuf *w, uint8_t type, const char *text)
{
	uint8_t value[1 + RADIUS_VALUE_MAX] = { 0 };
	size_t len = text ? strnlen(text, RADIUS_VALUE_MAX) : 0;
	size_t tag = len && (uint8_t)text[0] <= TAG_MAX;

	if (tag + len > RADIUS_VALUE_MAX)
		len = RADIUS_VALUE_MAX - tag;
	if (len)
		memcpy(value + tag, text, len);
	radius_put(w, type, value, len ? tag + len : 0);
}

void radius_put_tunnel(struct wbuf *w, const struct radius_tunnel *t)
{
	if (!t->client && !t->server && !t->connection[0])
		return;
	/* Tag 0, and the number in three octets: as one number they are the number itself. */
	radius_put_u32(w, RADIUS_TUNNEL_TYPE, TUNNEL_PPTP);
	radius_put_u32(w, RADIUS_TUNNEL_MEDIUM_TYPE, MEDIUM_IPV4);
	put_endpoint(w, RADIUS_TUNNEL_CLIENT_ENDPOINT, t->client);
	put_endpoint(w, RADIUS_TUNNEL_SERVER_ENDPOINT, t->server);
	radius_put_text(w, RADIUS_ACCT_TUNNEL_CONNECTION, t->connection);
	put_tagged(w, RADIUS_TUNNEL_PRIVATE_GROUP_ID, t->private_group);
	put_tagged(w, RADIUS_TUNNEL_ASSIGNMENT_ID, t->assignment);
	put_tagged(w, RADIUS_TUNNEL_CLIENT_AUTH_ID, t->client_auth);
	put_tagged(w, RADIUS_TUNNEL_SERVER_AUTH_ID, t->server_auth);
}

void radius_put_call(struct wbuf *w, const struct radius_call *c)
{
	radius_put_u32(w, RADIUS_NAS_PORT, c->nas_port);
	radius_put_u32(w, RADIUS_NAS_PORT_TYPE, c->port_type);
	radius_put_text(w, RADIUS_NAS_PORT_ID, c->port_id);
	radius_put_text(w, RADIUS_CALLING_STATION_ID, c->calling);
	radius_put_text(w, RADIUS_CALLED_STATION_ID, c->called);
	radius_put_text(w, RADIUS_ACCT_SESSION_ID, c->session_id);
	radius_put_text(w, RADIUS_CONNECT_INFO, c->connect_info);
	radius_put_tunnel(w, &c->tunnel);
}

/* --- Call-Check --- */

/* Likewise for a login: a password that can't be hidden leaves no request. */
static void put_password(struct wbuf *w, const void *password, size_t len, const struct radius_hiding *h)
{
	uint8_t hidden[RADIUS_PASSWORD_MAX];
	size_t hidden_len = radius_hide_password(hidden, password, len, h);

	if (!hidden_len)
		w->fault = true;
	radius_put(w, RADIUS_USER_PASSWORD, hidden, hidden_len);
	explicit_bzero(hidden, sizeof hidden);
}

void radius_put_call_check(struct wbuf *w, const struct radius_nas *nas, const struct radius_call *c,
			   enum radius_service service, const char *user, const char *password,
			   const struct radius_hiding *h)
{
	radius_put_text(w, RADIUS_USER_NAME, user);
	put_password(w, password, strlen(password), h);
	radius_put_u32(w, RADIUS_SERVICE_TYPE, service);
	radius_put_nas(w, nas);
	radius_put_call(w, c);
}

/* --- login --- */

static int put_pap(struct wbuf *w, const struct plugin_auth *proof, const struct radius_hiding *h)
{
	if (proof->proof_len > RADIUS_PASSWORD_MAX)
		return -EINVAL;
	put_password(w, proof->proof, proof->proof_len, h);
	return 0;
}

/* The challenge always in an attribute of its own (RAD-21): the Request Authenticator stays random. */
static int put_chap(struct wbuf *w, const struct plugin_auth *proof)
{
	uint8_t value[1 + CHAP_RESPONSE];

	if (proof->proof_len != CHAP_RESPONSE || !proof->challenge_len || proof->challenge_len > RADIUS_VALUE_MAX)
		return -EINVAL;
	value[0] = proof->id;
	memcpy(value + 1, proof->proof, CHAP_RESPONSE);
	radius_put(w, RADIUS_CHAP_PASSWORD, value, sizeof value);
	radius_put(w, RADIUS_CHAP_CHALLENGE, proof->challenge, proof->challenge_len);
	explicit_bzero(value, sizeof value);
	return 0;
}

/* RFC 2548 sections 2.1.3 and 2.3.2: identifier, flags, and 48 octets in the order in which PPP has them. */
static int put_mschap(struct wbuf *w, const struct plugin_auth *proof, uint8_t type, size_t challenge_len,
		      uint8_t flags)
{
	uint8_t value[2 + MSCHAP_RESPONSES];

	if (proof->proof_len != MSCHAP_VALUE || proof->challenge_len != challenge_len)
		return -EINVAL;
	value[0] = proof->id;
	value[1] = flags;
	memcpy(value + 2, proof->proof, MSCHAP_RESPONSES);
	radius_put_vsa(w, RADIUS_MICROSOFT, RADIUS_MS_CHAP_CHALLENGE, proof->challenge, challenge_len);
	radius_put_vsa(w, RADIUS_MICROSOFT, type, value, sizeof value);
	explicit_bzero(value, sizeof value);
	return 0;
}

static int put_proof(struct wbuf *w, const struct plugin_auth *proof, const struct radius_hiding *h)
{
	switch (proof->method) {
	case PLUGIN_PAP:
		return put_pap(w, proof, h);
	case PLUGIN_CHAP_MD5:
		return put_chap(w, proof);
	case PLUGIN_MSCHAP:
		return put_mschap(w, proof, RADIUS_MS_CHAP_RESPONSE, MSCHAP_CHALLENGE, proof->proof[MSCHAP_FLAGS]);
	case PLUGIN_MSCHAPV2:
		return put_mschap(w, proof, RADIUS_MS_CHAP2_RESPONSE, MSCHAP2_CHALLENGE, 0);
	default:
		return -EINVAL;
	}
}

int radius_put_login(struct wbuf *w, const struct radius_nas *nas, const struct radius_call *c,
		     const struct plugin_auth *proof, const struct radius_hiding *h)
{
	struct wbuf before = *w;

	if (!proof->name_len || proof->name_len > RADIUS_VALUE_MAX)
		return -EINVAL;
	radius_put(w, RADIUS_USER_NAME, proof->name, proof->name_len);
	if (put_proof(w, proof, h) < 0) {
		*w = before;
		return -EINVAL;
	}
	radius_put_u32(w, RADIUS_SERVICE_TYPE, RADIUS_SERVICE_FRAMED);
	radius_put_u32(w, RADIUS_FRAMED_PROTOCOL, FRAMED_PPP);
	radius_put_nas(w, nas);
	radius_put_call(w, c);
	return 0;
}
