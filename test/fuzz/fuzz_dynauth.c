/*
 * Disconnect- and CoA-Requests (RFC 5176): any attributes behind a good Request Authenticator, as a client with the
 * secret could send them, and the same octets unsigned.  What is refused gives nothing, causes and bits are those of
 * the header, values lie within the packet, and every answer is one that its client would accept.
 *
 * The first octet: bit 0 CoA, bit 1 a Message-Authenticator in front, bit 2 the rest as a packet of its own.
 */
#include "pacd/proto/dynauth_cache.h"

#include "test/fuzz/fuzz.h"

#include <nettle/hmac.h>
#include <nettle/md5.h>
#include <string.h>

static const uint8_t secret_octets[] = "0123456789abcdef";
static const struct radius_secret secret = { secret_octets, 16 };
static const struct radius_nas nas = { .address = 0xc0000201, .has_address6 = true, .address6 = { 0x20, 1 },
				       .identifier = "pac1" };

static void check_text(struct dynauth_text t, bool given, const struct radius_packet *p)
{
	if (given)
		FUZZ_REQUIRE(t.len && t.len <= RADIUS_VALUE_MAX && t.p > p->attributes &&
			     t.p + t.len <= p->attributes + p->len);
	else
		FUZZ_REQUIRE(!t.p && !t.len);
}

static void check_ident(const struct dynauth_ident *i, const struct radius_packet *p)
{
	FUZZ_REQUIRE(!(i->given & ~0x1ffu));
	check_text(i->user, i->given & DYNAUTH_BY_USER, p);
	check_text(i->called, i->given & DYNAUTH_BY_CALLED, p);
	check_text(i->calling, i->given & DYNAUTH_BY_CALLING, p);
	check_text(i->session, i->given & DYNAUTH_BY_SESSION, p);
	check_text(i->port_id, i->given & DYNAUTH_BY_PORT_ID, p);
	FUZZ_REQUIRE(!!i->address == !!(i->given & DYNAUTH_BY_ADDRESS));
	FUZZ_REQUIRE(!!i->interface_id == !!(i->given & DYNAUTH_BY_INTERFACE_ID));
}

static void check_change(const struct dynauth_request *d, const struct radius_packet *p)
{
	const struct dynauth_change *c = &d->change;

	FUZZ_REQUIRE(!(c->given & ~(d->disconnect ? (unsigned)DYNAUTH_SET_CLASS : 0xffu)));
	FUZZ_REQUIRE(!(c->given & DYNAUTH_SET_INTERIM) || c->interim >= 60);
	check_text(c->filter, c->given & DYNAUTH_SET_FILTER, p);
	check_text(c->rate_limit, c->given & DYNAUTH_SET_RATE_LIMIT, p);
	FUZZ_REQUIRE(c->class_len <= RADIUS_CLASS_MAX && !!c->class_len == !!(c->given & DYNAUTH_SET_CLASS));
	FUZZ_REQUIRE(radius_list_valid(c->class_, c->class_len));
}

static void check_decoded(const struct dynauth_request *d, enum dynauth_cause cause, const struct radius_packet *p)
{
	static const struct dynauth_ident no_ident;
	static const struct dynauth_change no_change;

	FUZZ_REQUIRE(d->disconnect == (p->code == RADIUS_DISCONNECT_REQUEST));
	switch (cause) {
	case DYNAUTH_OK:
		FUZZ_REQUIRE(d->ident.given && radius_list_valid(p->attributes, p->len));
		check_ident(&d->ident, p);
		check_change(d, p);
		return;
	case DYNAUTH_UNSUPPORTED_SERVICE:
		FUZZ_REQUIRE(!d->disconnect);
		break;
	case DYNAUTH_UNSUPPORTED_ATTRIBUTE:
	case DYNAUTH_MISSING_ATTRIBUTE:
	case DYNAUTH_NAS_MISMATCH:
	case DYNAUTH_INVALID_REQUEST:
	case DYNAUTH_INVALID_VALUE:
	case DYNAUTH_RESOURCES:
		break;
	default: /* those are for the sessions to say */
		FUZZ_REQUIRE(false);
	}
	FUZZ_REQUIRE(!memcmp(&d->ident, &no_ident, sizeof no_ident) && !memcmp(&d->change, &no_change, sizeof no_change));
}

/* What the client does with it. */
static void verify_reply(uint8_t *reply, size_t len, const struct radius_packet *request)
{
	uint8_t got[16], digest[16];
	struct hmac_md5_ctx hmac;
	struct md5_ctx md5;

	memcpy(got, reply + 4, 16);
	memcpy(reply + 4, request->authenticator, 16);
	md5_init(&md5);
	md5_update(&md5, len, reply);
	md5_update(&md5, secret.len, secret.p);
	md5_digest(&md5, 16, digest);
	FUZZ_REQUIRE(!memcmp(got, digest, 16));
	FUZZ_REQUIRE(reply[20] == RADIUS_MESSAGE_AUTHENTICATOR && reply[21] == 18);
	memcpy(got, reply + 22, 16);
	memset(reply + 22, 0, 16);
	hmac_md5_set_key(&hmac, secret.len, secret.p);
	hmac_md5_update(&hmac, len, reply);
	hmac_md5_digest(&hmac, 16, digest);
	FUZZ_REQUIRE(!memcmp(got, digest, 16));
}

/* Octets of all attributes of a type that can be read. */
static size_t octets_of(const struct radius_packet *p, uint8_t type)
{
	struct radius_attribute a;
	struct rbuf r;
	size_t n = 0;

	rbuf_init(&r, p->attributes, p->len);
	while (radius_next(&r, &a))
		n += a.type == type ? a.len + 2u : 0;
	return n;
}

static void check_reply(const struct radius_packet *request, enum dynauth_cause cause)
{
	uint8_t reply[RADIUS_PACKET_MAX];
	size_t len = dynauth_reply(reply, sizeof reply, request, cause, 6, secret);
	struct radius_packet p;

	if (!len) {
		FUZZ_REQUIRE(octets_of(request, RADIUS_PROXY_STATE) + octets_of(request, RADIUS_STATE) > 3500);
		return;
	}
	FUZZ_REQUIRE(radius_parse(&p, reply, len) == RADIUS_GOOD && p.len == len - RADIUS_HEADER);
	FUZZ_REQUIRE(p.id == request->id && p.code == request->code + (cause ? 2 : 1));
	FUZZ_REQUIRE(radius_list_valid(p.attributes, p.len));
	FUZZ_REQUIRE(octets_of(&p, RADIUS_ERROR_CAUSE) == (cause ? 6 : 0));
	FUZZ_REQUIRE(octets_of(&p, RADIUS_PROXY_STATE) == octets_of(request, RADIUS_PROXY_STATE));
	verify_reply(reply, len, request);
}

static void check_request(const uint8_t *data, size_t len)
{
	struct dynauth_request d;
	struct radius_packet p;
	enum radius_fault fault = radius_check_request(&p, data, len, secret, false);
	enum dynauth_cause cause;

	if (fault && fault != RADIUS_BAD_LIST)
		return;
	cause = dynauth_decode(&d, &p, &nas);
	FUZZ_REQUIRE(!fault || cause == DYNAUTH_INVALID_REQUEST);
	check_decoded(&d, cause, &p);
	check_reply(&p, cause);
	check_reply(&p, DYNAUTH_NOT_FOUND);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t packet[RADIUS_PACKET_MAX];
	struct wbuf w;
	size_t len;

	if (!size)
		return 0;
	if (data[0] & 4) {
		check_request(data + 1, size - 1);
		return 0;
	}
	wbuf_init(&w, packet, sizeof packet);
	radius_begin(&w, data[0] & 1 ? RADIUS_COA_REQUEST : RADIUS_DISCONNECT_REQUEST, data[0], NULL, data[0] & 2);
	wbuf_bytes(&w, data + 1, size - 1);
	len = radius_finish(&w, secret);
	if (len)
		check_request(packet, len);
	return 0;
}
