/*
 * RADIUS packets: attribute lists, signatures of what goes out, checks of what
 * comes in (RFC 2865 sections 3 and 5, RFC 2866 section 3, RFC 3579 section 3.2,
 * RFC 5176 section 2.3, RFC 5997).
 *
 * Owns nothing.  Must not know servers, sockets, or what an attribute means.
 */
#include "pacd/proto/radius.h"

#include <nettle/hmac.h>
#include <nettle/md5.h>
#include <nettle/memops.h>
#include <string.h>

#define HEAD 4 /* code, identifier, length: what stands before the authenticator */
#define ATTRIBUTE_HEAD 2
#define VSA_HEAD 6 /* vendor, vendor type, vendor length */
#define SIGNATURE 16 /* value of a Message-Authenticator */

static const uint8_t zeros[RADIUS_AUTHENTICATOR];

/* A packet in its parts: the authenticator that counts is often not the one in the header. */
struct parts {
	const uint8_t *head; /* HEAD octets */
	const uint8_t *authenticator;
	const uint8_t *attributes;
	size_t len;
};

/* --- attributes --- */

bool radius_next(struct rbuf *r, struct radius_attribute *a)
{
	size_t len;

	if (r->fault || !rbuf_left(r))
		return false;
	a->type = rbuf_u8(r);
	len = rbuf_u8(r);
	if (len < ATTRIBUTE_HEAD) {
		r->fault = true;
		return false;
	}
	a->len = (uint8_t)(len - ATTRIBUTE_HEAD);
	a->value = rbuf_view(r, a->len);
	return !r->fault;
}

bool radius_list_valid(const uint8_t *attributes, size_t len)
{
	struct radius_attribute a;
	struct rbuf r;

	if (!len) /* then there may be no memory */
		return true;
	rbuf_init(&r, attributes, len);
	while (radius_next(&r, &a))
		;
	return !r.fault;
}

bool radius_vsa_next(struct rbuf *r, uint32_t *vendor, struct radius_vsa *v)
{
	struct radius_attribute a;

	if (!*vendor) {
		*vendor = rbuf_u32(r);
		/* No vendor has that number; to the next call it would look like the start. */
		if (!*vendor)
			r->fault = true;
	}
	if (!radius_next(r, &a)) /* inside it has the form of an attribute list */
		return false;
	v->vendor = *vendor;
	v->type = a.type;
	v->len = a.len;
	v->value = a.value;
	return true;
}

void radius_put(struct wbuf *w, uint8_t type, const void *value, size_t len)
{
	if (!len)
		return;
	if (len > RADIUS_VALUE_MAX) {
		w->fault = true;
		return;
	}
	wbuf_u8(w, type);
	wbuf_u8(w, (uint8_t)(ATTRIBUTE_HEAD + len));
	wbuf_bytes(w, value, len);
}

void radius_put_u32(struct wbuf *w, uint8_t type, uint32_t v)
{
	wbuf_u8(w, type);
	wbuf_u8(w, ATTRIBUTE_HEAD + 4);
	wbuf_u32(w, v);
}

void radius_put_text(struct wbuf *w, uint8_t type, const char *text)
{
	radius_put(w, type, text, strlen(text));
}

void radius_put_vsa(struct wbuf *w, uint32_t vendor, uint8_t type, const void *value, size_t len)
{
	if (!len)
		return;
	if (len > RADIUS_VALUE_MAX - VSA_HEAD) {
		w->fault = true;
		return;
	}
	wbuf_u8(w, RADIUS_VENDOR_SPECIFIC);
	wbuf_u8(w, (uint8_t)(ATTRIBUTE_HEAD + VSA_HEAD + len));
	wbuf_u32(w, vendor);
	wbuf_u8(w, type);
	wbuf_u8(w, (uint8_t)(ATTRIBUTE_HEAD + len));
	wbuf_bytes(w, value, len);
}

void radius_put_vsa_u32(struct wbuf *w, uint32_t vendor, uint8_t type, uint32_t v)
{
	uint8_t b[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };

	radius_put_vsa(w, vendor, type, b, sizeof b);
}

/* --- digests --- */

/* MD5 over the packet and the secret (RFC 2865 section 3, RFC 2866 section 3). */
static void packet_digest(const struct parts *p, struct radius_secret secret, uint8_t digest[RADIUS_AUTHENTICATOR])
{
	struct md5_ctx ctx;

	md5_init(&ctx);
	md5_update(&ctx, HEAD, p->head);
	md5_update(&ctx, RADIUS_AUTHENTICATOR, p->authenticator);
	if (p->len)
		md5_update(&ctx, p->len, p->attributes);
	md5_update(&ctx, secret.len, secret.p);
	md5_digest(&ctx, RADIUS_AUTHENTICATOR, digest);
	explicit_bzero(&ctx, sizeof ctx);
}

/* HMAC-MD5 over the packet; `value`, one of its octets, is where 16 of them count as zero. */
static void packet_signature(const struct parts *p, const uint8_t *value, struct radius_secret secret,
			     uint8_t signature[SIGNATURE])
{
	const uint8_t *after = value + SIGNATURE;
	struct hmac_md5_ctx ctx;

	hmac_md5_set_key(&ctx, secret.len, secret.p);
	hmac_md5_update(&ctx, HEAD, p->head);
	hmac_md5_update(&ctx, RADIUS_AUTHENTICATOR, p->authenticator);
	hmac_md5_update(&ctx, (size_t)(value - p->attributes), p->attributes);
	hmac_md5_update(&ctx, SIGNATURE, zeros);
	hmac_md5_update(&ctx, (size_t)(p->attributes + p->len - after), after);
	hmac_md5_digest(&ctx, SIGNATURE, signature);
	explicit_bzero(&ctx, sizeof ctx);
}

/* --- packets out --- */

void radius_begin(struct wbuf *w, uint8_t code, uint8_t id, const uint8_t *authenticator, bool sign)
{
	wbuf_u8(w, code);
	wbuf_u8(w, id);
	wbuf_u16(w, 0);
	wbuf_bytes(w, authenticator ? authenticator : zeros, RADIUS_AUTHENTICATOR);
	if (code == RADIUS_ACCESS_REQUEST || code == RADIUS_STATUS_SERVER || sign)
		radius_put(w, RADIUS_MESSAGE_AUTHENTICATOR, zeros, SIGNATURE);
}

/* Writes Length; the octets of the packet, or 0. */
static size_t length_set(struct wbuf *w)
{
	size_t len = wbuf_len(w);

	if (len < RADIUS_HEADER || len > RADIUS_PACKET_MAX)
		return 0;
	w->start[2] = (uint8_t)(len >> 8);
	w->start[3] = (uint8_t)len;
	return len;
}

static struct parts parts_of(const uint8_t *packet, size_t len)
{
	return (struct parts){ .head = packet, .authenticator = packet + HEAD,
			       .attributes = packet + RADIUS_HEADER, .len = len - RADIUS_HEADER };
}

/* radius_begin() put it first, so nothing is searched. */
static void sign_packet(uint8_t *packet, size_t len, struct radius_secret secret)
{
	uint8_t *first = packet + RADIUS_HEADER;
	struct parts p = parts_of(packet, len);

	if (len < RADIUS_HEADER + ATTRIBUTE_HEAD + SIGNATURE || first[0] != RADIUS_MESSAGE_AUTHENTICATOR ||
	    first[1] != ATTRIBUTE_HEAD + SIGNATURE)
		return;
	packet_signature(&p, first + ATTRIBUTE_HEAD, secret, first + ATTRIBUTE_HEAD);
}

static void digest_set(uint8_t *packet, size_t len, struct radius_secret secret)
{
	struct parts p = parts_of(packet, len);
	uint8_t digest[RADIUS_AUTHENTICATOR];

	packet_digest(&p, secret, digest);
	memcpy(packet + HEAD, digest, sizeof digest);
}

static bool authenticator_is_digest(uint8_t code)
{
	return code == RADIUS_ACCOUNTING_REQUEST || code == RADIUS_DISCONNECT_REQUEST || code == RADIUS_COA_REQUEST;
}

size_t radius_finish(struct wbuf *w, struct radius_secret secret)
{
	size_t len = length_set(w);

	if (!len)
		return 0;
	if (authenticator_is_digest(w->start[0]))
		memset(w->start + HEAD, 0, RADIUS_AUTHENTICATOR);
	sign_packet(w->start, len, secret);
	if (authenticator_is_digest(w->start[0]))
		digest_set(w->start, len, secret);
	return len;
}

size_t radius_finish_reply(struct wbuf *w, struct radius_secret secret)
{
	size_t len = length_set(w);

	if (!len)
		return 0;
	sign_packet(w->start, len, secret);
	digest_set(w->start, len, secret);
	return len;
}

/* --- packets in --- */

enum radius_fault radius_parse(struct radius_packet *p, const uint8_t *data, size_t len)
{
	struct rbuf r;
	size_t said;

	memset(p, 0, sizeof *p);
	if (len < RADIUS_HEADER)
		return RADIUS_BAD_LENGTH;
	rbuf_init(&r, data, len);
	p->code = rbuf_u8(&r);
	p->id = rbuf_u8(&r);
	said = rbuf_u16(&r);
	p->authenticator = rbuf_view(&r, RADIUS_AUTHENTICATOR);
	if (said < RADIUS_HEADER || said > RADIUS_PACKET_MAX || said > len)
		return RADIUS_BAD_LENGTH;
	p->attributes = r.p;
	p->len = said - RADIUS_HEADER;
	return RADIUS_GOOD;
}

static bool code_answers(uint8_t request, uint8_t reply)
{
	switch (request) {
	case RADIUS_ACCESS_REQUEST:
		return reply == RADIUS_ACCESS_ACCEPT || reply == RADIUS_ACCESS_REJECT ||
		       reply == RADIUS_ACCESS_CHALLENGE;
	case RADIUS_ACCOUNTING_REQUEST:
		return reply == RADIUS_ACCOUNTING_RESPONSE;
	case RADIUS_STATUS_SERVER:
		return reply == RADIUS_ACCESS_ACCEPT || reply == RADIUS_ACCOUNTING_RESPONSE;
	default:
		return false;
	}
}

/* The authenticator in the header is the digest of the packet with `authenticator` in its place. */
static bool digest_good(const struct radius_packet *p, const uint8_t *data, const uint8_t *authenticator,
			struct radius_secret secret)
{
	struct parts parts = { .head = data, .authenticator = authenticator, .attributes = p->attributes,
			       .len = p->len };
	uint8_t digest[RADIUS_AUTHENTICATOR];
	bool good;

	packet_digest(&parts, secret, digest);
	good = memeql_sec(digest, p->authenticator, sizeof digest);
	explicit_bzero(digest, sizeof digest); /* the right one is not for a forger */
	return good;
}

/* What of the list matters to the checks; the list is valid. */
struct found {
	unsigned signatures;
	struct radius_attribute signature; /* the last one */
	bool eap, proxy_state;
};

static void list_search(const struct radius_packet *p, struct found *f)
{
	struct radius_attribute a;
	struct rbuf r;

	memset(f, 0, sizeof *f);
	rbuf_init(&r, p->attributes, p->len);
	while (radius_next(&r, &a)) {
		if (a.type == RADIUS_MESSAGE_AUTHENTICATOR) {
			f->signatures++;
			f->signature = a;
		}
		f->eap |= a.type == RADIUS_EAP_MESSAGE;
		f->proxy_state |= a.type == RADIUS_PROXY_STATE;
	}
}

/* RAD-52, RFC 3579 section 3.2. */
static enum radius_fault signature_check(struct radius_packet *p, const uint8_t *data, const struct found *f,
					 const uint8_t *authenticator, struct radius_secret secret)
{
	struct parts parts = { .head = data, .authenticator = authenticator, .attributes = p->attributes,
			       .len = p->len };
	uint8_t signature[SIGNATURE];

	if (f->signatures != 1 || f->signature.len != SIGNATURE)
		return RADIUS_BAD_SIGNATURE;
	packet_signature(&parts, f->signature.value, secret, signature);
	p->signed_ = memeql_sec(signature, f->signature.value, SIGNATURE);
	explicit_bzero(signature, sizeof signature);
	return p->signed_ ? RADIUS_GOOD : RADIUS_BAD_SIGNATURE;
}

/* RAD-53: what of the replies has to have a Message-Authenticator. */
static bool reply_needs_signature(const struct radius_packet *p, const struct found *f,
				  const struct radius_expectation *e)
{
	return f->eap || (e->require_signature && p->code != RADIUS_ACCOUNTING_RESPONSE);
}

enum radius_fault radius_check_reply(struct radius_packet *p, const uint8_t *data, size_t len,
				     const struct radius_expectation *e)
{
	enum radius_fault fault = radius_parse(p, data, len);
	struct found f;

	if (fault)
		return fault;
	if (!code_answers(e->code, p->code))
		return RADIUS_BAD_CODE;
	if (p->id != e->id)
		return RADIUS_BAD_ID;
	if (!radius_list_valid(p->attributes, p->len))
		return RADIUS_BAD_LIST;
	if (!digest_good(p, data, e->authenticator, e->secret))
		return RADIUS_BAD_AUTHENTICATOR;
	list_search(p, &f);
	if (f.signatures)
		fault = signature_check(p, data, &f, e->authenticator, e->secret);
	else if (reply_needs_signature(p, &f, e))
		fault = RADIUS_NO_SIGNATURE;
	if (!fault && f.proxy_state)
		fault = RADIUS_PROXY_STATE_SEEN;
	return fault;
}

enum radius_fault radius_check_request(struct radius_packet *p, const uint8_t *data, size_t len,
				       struct radius_secret secret, bool require_signature)
{
	enum radius_fault fault = radius_parse(p, data, len);
	struct found f;

	if (fault)
		return fault;
	if (p->code != RADIUS_DISCONNECT_REQUEST && p->code != RADIUS_COA_REQUEST)
		return RADIUS_BAD_CODE;
	if (!digest_good(p, data, zeros, secret))
		return RADIUS_BAD_AUTHENTICATOR;
	if (!radius_list_valid(p->attributes, p->len))
		return require_signature ? RADIUS_NO_SIGNATURE : RADIUS_BAD_LIST;
	list_search(p, &f);
	if (f.signatures)
		return signature_check(p, data, &f, zeros, secret);
	return require_signature ? RADIUS_NO_SIGNATURE : RADIUS_GOOD;
}

/* --- words --- */

const char *radius_fault_word(enum radius_fault f)
{
	static const char *const words[RADIUS_FAULTS] = {
		[RADIUS_GOOD] = "good",
		[RADIUS_BAD_LENGTH] = "bad-length",
		[RADIUS_BAD_CODE] = "bad-code",
		[RADIUS_BAD_ID] = "bad-id",
		[RADIUS_BAD_LIST] = "bad-list",
		[RADIUS_BAD_AUTHENTICATOR] = "bad-authenticator",
		[RADIUS_BAD_SIGNATURE] = "bad-message-authenticator",
		[RADIUS_NO_SIGNATURE] = "no-message-authenticator",
		[RADIUS_PROXY_STATE_SEEN] = "proxy-state",
		[RADIUS_BAD_SOURCE] = "bad-source",
	};

	return (unsigned)f < RADIUS_FAULTS ? words[f] : "unknown";
}

const char *radius_code_word(uint8_t code)
{
	static const char *const words[] = {
		[RADIUS_ACCESS_REQUEST] = "Access-Request",
		[RADIUS_ACCESS_ACCEPT] = "Access-Accept",
		[RADIUS_ACCESS_REJECT] = "Access-Reject",
		[RADIUS_ACCOUNTING_REQUEST] = "Accounting-Request",
		[RADIUS_ACCOUNTING_RESPONSE] = "Accounting-Response",
		[RADIUS_ACCESS_CHALLENGE] = "Access-Challenge",
		[RADIUS_STATUS_SERVER] = "Status-Server",
		[RADIUS_DISCONNECT_REQUEST] = "Disconnect-Request",
		[RADIUS_DISCONNECT_ACK] = "Disconnect-ACK",
		[RADIUS_DISCONNECT_NAK] = "Disconnect-NAK",
		[RADIUS_COA_REQUEST] = "CoA-Request",
		[RADIUS_COA_ACK] = "CoA-ACK",
		[RADIUS_COA_NAK] = "CoA-NAK",
	};
	const char *word = code < sizeof words / sizeof words[0] ? words[code] : NULL;

	return word ? word : "unknown";
}
