/*
 * RADIUS packets in: what is taken, and everything that is wrong with a packet.  RAD-08, RAD-50 to RAD-56, RAD-80,
 * RAD-81, RAD-90.
 */
#include "test/unit/unit.h"
#include "test/unit/unit_radius.h"

#include <nettle/hmac.h>
#include <nettle/md5.h>

/* --- tools --- */

/* Checks in memory of its own, so that a sanitizer sees one octet too many. */
static enum radius_fault reply_check(struct radius_packet *p, const uint8_t *data, size_t len,
				     const struct radius_expectation *e)
{
	uint8_t *copy = malloc(len ? len : 1);
	enum radius_fault fault;

	if (len)
		memcpy(copy, data, len);
	fault = radius_check_reply(p, copy, len, e);
	free(copy);
	return fault;
}

static enum radius_fault request_check(const uint8_t *data, size_t len, bool require)
{
	struct radius_packet p;
	uint8_t *copy = malloc(len ? len : 1);
	enum radius_fault fault;

	if (len)
		memcpy(copy, data, len);
	fault = radius_check_request(&p, copy, len, secret, require);
	free(copy);
	return fault;
}

static struct radius_expectation expect(uint8_t code, uint8_t id, const uint8_t *authenticator)
{
	return (struct radius_expectation){ .code = code, .id = id, .authenticator = authenticator, .secret = secret };
}

/* The answer that e waits for, with that code and these attributes: authenticators by nettle only. */
struct forged {
	uint8_t data[RADIUS_PACKET_MAX + 64];
	size_t len;
};

static void md5_over(const uint8_t *data, size_t len, uint8_t digest[16])
{
	struct md5_ctx ctx;

	md5_init(&ctx);
	md5_update(&ctx, len, data);
	md5_update(&ctx, secret.len, secret.p);
	md5_digest(&ctx, 16, digest);
}

static void forged_digest(struct forged *f, const uint8_t *authenticator)
{
	memcpy(f->data + 4, authenticator, 16);
	f->data[2] = (uint8_t)(f->len >> 8);
	f->data[3] = (uint8_t)f->len;
	md5_over(f->data, f->len, f->data + 4);
}

static void forged_begin(struct forged *f, uint8_t code, uint8_t id)
{
	memset(f, 0, sizeof *f);
	f->data[0] = code;
	f->data[1] = id;
	f->len = 20;
}

static void forged_add(struct forged *f, uint8_t type, const void *value, size_t len)
{
	f->data[f->len] = type;
	f->data[f->len + 1] = (uint8_t)(2 + len);
	memcpy(f->data + f->len + 2, value, len);
	f->len += 2 + len;
}

/* Signs at an offset where 16 zeros are. */
static void forged_sign(struct forged *f, const uint8_t *authenticator, size_t at)
{
	struct hmac_md5_ctx ctx;
	uint8_t mac[16];

	memcpy(f->data + 4, authenticator, 16);
	f->data[2] = (uint8_t)(f->len >> 8);
	f->data[3] = (uint8_t)f->len;
	hmac_md5_set_key(&ctx, secret.len, secret.p);
	hmac_md5_update(&ctx, f->len, f->data);
	hmac_md5_digest(&ctx, 16, mac);
	memcpy(f->data + at, mac, 16);
}

static const uint8_t zero16[16];

/* --- RFC examples --- */

static void rfc_reply(const uint8_t *request, const uint8_t *reply, size_t len)
{
	struct radius_expectation e = expect(request[0], request[1], request + 4);
	struct radius_packet p;

	ck_assert_int_eq(radius_check_reply(&p, reply, len, &e), RADIUS_GOOD);
	ck_assert_uint_eq(p.code, reply[0]);
	ck_assert_uint_eq(p.id, reply[1]);
	ck_assert_ptr_eq(p.attributes, reply + 20);
	ck_assert_ptr_eq(p.authenticator, reply + 4);
	ck_assert_uint_eq(p.len, len - 20);
	ck_assert(!p.signed_);
}

START_TEST(rad08_rfc2865_replies)
{
	rfc_reply(nemo_request, nemo_accept, sizeof nemo_accept);
	rfc_reply(flopsy_request, flopsy_accept, sizeof flopsy_accept);
	rfc_reply(mopsy_request, mopsy_challenge, sizeof mopsy_challenge);
	rfc_reply(mopsy_again, mopsy_reject, sizeof mopsy_reject);
}
END_TEST

START_TEST(rad105_rfc5997_status)
{
	rfc_reply(status_auth, status_auth_reply, sizeof status_auth_reply);
	rfc_reply(status_acct, status_acct_reply, sizeof status_acct_reply);
}
END_TEST

/* --- replies --- */

START_TEST(rad52_signed_reply)
{
	struct radius_expectation e = expect(RADIUS_ACCESS_REQUEST, 7, request_authenticator);
	struct radius_packet p;

	ck_assert_int_eq(reply_check(&p, accept_signed_last, sizeof accept_signed_last, &e), RADIUS_GOOD);
	ck_assert(p.signed_);
	e.require_signature = true;
	ck_assert_int_eq(reply_check(&p, accept_signed_last, sizeof accept_signed_last, &e), RADIUS_GOOD);
}
END_TEST

/* Each bit of the packet, of the secret, and of the request's authenticator matters. */
START_TEST(rad08_one_bit)
{
	struct radius_expectation e = expect(RADIUS_ACCESS_REQUEST, 7, request_authenticator);
	uint8_t data[sizeof accept_signed_last], other[16], key[9];
	struct radius_packet p;

	for (size_t bit = 0; bit < 8 * sizeof data; bit++) {
		memcpy(data, accept_signed_last, sizeof data);
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_ne(reply_check(&p, data, sizeof data, &e), RADIUS_GOOD);
		if (bit >= 32 && bit < 160)
			ck_assert_int_eq(reply_check(&p, data, sizeof data, &e), RADIUS_BAD_AUTHENTICATOR);
	}
	e.authenticator = other;
	for (size_t bit = 0; bit < 128; bit++) {
		memcpy(other, request_authenticator, sizeof other);
		other[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_eq(reply_check(&p, accept_signed_last, sizeof data, &e), RADIUS_BAD_AUTHENTICATOR);
	}
	e.authenticator = request_authenticator;
	memcpy(key, secret.p, sizeof key);
	key[8] ^= 1;
	e.secret.p = key;
	ck_assert_int_eq(reply_check(&p, accept_signed_last, sizeof data, &e), RADIUS_BAD_AUTHENTICATOR);
}
END_TEST

START_TEST(rad08_header_lengths)
{
	struct radius_expectation e = expect(RADIUS_ACCESS_REQUEST, 3, mopsy_again + 4);
	uint8_t data[RADIUS_PACKET_MAX + 100] = { 0 };
	struct radius_packet p;

	memcpy(data, mopsy_reject, 20);
	for (size_t len = 0; len < 20; len++)
		ck_assert_int_eq(reply_check(&p, data, len, &e), RADIUS_BAD_LENGTH);
	/* What is behind Length is padding, however much. */
	for (size_t i = 20; i < sizeof data; i++)
		data[i] = 0xFF;
	ck_assert_int_eq(reply_check(&p, data, 21, &e), RADIUS_GOOD);
	ck_assert_uint_eq(p.len, 0);
	ck_assert_int_eq(reply_check(&p, data, sizeof data, &e), RADIUS_GOOD);
	data[3] = 19;
	ck_assert_int_eq(reply_check(&p, data, 20, &e), RADIUS_BAD_LENGTH);
	data[3] = 0;
	ck_assert_int_eq(reply_check(&p, data, 20, &e), RADIUS_BAD_LENGTH);
	data[3] = 21;
	ck_assert_int_eq(reply_check(&p, data, 20, &e), RADIUS_BAD_LENGTH);
	data[2] = 0x10; /* 4097 */
	data[3] = 1;
	ck_assert_int_eq(reply_check(&p, data, sizeof data, &e), RADIUS_BAD_LENGTH);
	data[3] = 0;
	ck_assert_int_eq(radius_parse(&p, data, 4096), RADIUS_GOOD);
	ck_assert_int_eq(radius_parse(&p, data, 4095), RADIUS_BAD_LENGTH);
}
END_TEST

/* The octets of a packet that came cut are never a packet. */
START_TEST(rad08_cut)
{
	struct radius_expectation e = expect(RADIUS_ACCESS_REQUEST, 7, request_authenticator);
	struct radius_packet p;

	for (size_t cut = 0; cut < sizeof accept_signed_last; cut++)
		ck_assert_int_eq(reply_check(&p, accept_signed_last, cut, &e), RADIUS_BAD_LENGTH);
}
END_TEST

/* Cut at every octet, but signed again: the list decides, and then that the signature is gone. */
START_TEST(rad08_cut_and_signed)
{
	struct radius_expectation e = expect(RADIUS_ACCESS_REQUEST, 7, request_authenticator);
	struct radius_packet p;
	struct forged f;

	e.require_signature = true;
	for (size_t cut = 20; cut < sizeof accept_signed_last; cut++) {
		bool whole = cut == 20 || cut == 26 || cut == 33;

		forged_begin(&f, 2, 7);
		memcpy(f.data + 20, accept_signed_last + 20, cut - 20);
		f.len = cut;
		forged_digest(&f, request_authenticator);
		ck_assert_int_eq(reply_check(&p, f.data, f.len, &e), whole ? RADIUS_NO_SIGNATURE : RADIUS_BAD_LIST);
	}
}
END_TEST

START_TEST(rad56_id)
{
	struct radius_expectation e = expect(RADIUS_ACCESS_REQUEST, 4, mopsy_again + 4);
	struct radius_packet p;

	ck_assert_int_eq(reply_check(&p, mopsy_reject, sizeof mopsy_reject, &e), RADIUS_BAD_ID);
}
END_TEST

START_TEST(rad08_code_pairs)
{
	struct radius_packet p;
	struct forged f;

	for (unsigned request = 0; request < 256; request++) {
		struct radius_expectation e = expect((uint8_t)request, 1, request_authenticator);

		for (unsigned reply = 0; reply < 256; reply++) {
			bool fits = (request == 1 && (reply == 2 || reply == 3 || reply == 11)) ||
				    (request == 4 && reply == 5) || (request == 12 && (reply == 2 || reply == 5));

			forged_begin(&f, (uint8_t)reply, 1);
			forged_digest(&f, request_authenticator);
			ck_assert_int_eq(radius_check_reply(&p, f.data, f.len, &e),
					 fits ? RADIUS_GOOD : RADIUS_BAD_CODE);
		}
	}
}
END_TEST

/* --- Message-Authenticator of replies --- */

static enum radius_fault forged_check(struct forged *f, bool require, bool *signed_)
{
	struct radius_expectation e = expect(RADIUS_ACCESS_REQUEST, 1, request_authenticator);
	struct radius_packet p;
	enum radius_fault fault;

	forged_digest(f, request_authenticator);
	e.require_signature = require;
	fault = reply_check(&p, f->data, f->len, &e);
	*signed_ = p.signed_;
	return fault;
}

START_TEST(rad52_signature_wrong)
{
	struct forged f;
	bool signed_;

	for (int bit = 0; bit < 128; bit++) {
		forged_begin(&f, 2, 1);
		forged_add(&f, RADIUS_MESSAGE_AUTHENTICATOR, zero16, 16);
		forged_sign(&f, request_authenticator, 22);
		ck_assert_int_eq(forged_check(&f, false, &signed_), RADIUS_GOOD);
		ck_assert(signed_);
		f.data[22 + bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_eq(forged_check(&f, false, &signed_), RADIUS_BAD_SIGNATURE);
		ck_assert(!signed_);
	}
}
END_TEST

/* Over the reply's own authenticator, or zeros, instead of the request's: RAD-50. */
START_TEST(rad50_signature_over_another)
{
	struct forged f;
	bool signed_;

	forged_begin(&f, 2, 1);
	forged_add(&f, RADIUS_MESSAGE_AUTHENTICATOR, zero16, 16);
	forged_sign(&f, zero16, 22);
	ck_assert_int_eq(forged_check(&f, false, &signed_), RADIUS_BAD_SIGNATURE);
}
END_TEST

START_TEST(rad52_signature_twice)
{
	struct forged f;
	bool signed_;

	forged_begin(&f, 2, 1);
	forged_add(&f, RADIUS_MESSAGE_AUTHENTICATOR, zero16, 16);
	forged_add(&f, RADIUS_MESSAGE_AUTHENTICATOR, zero16, 16);
	forged_sign(&f, request_authenticator, 22);
	ck_assert_int_eq(forged_check(&f, false, &signed_), RADIUS_BAD_SIGNATURE);
	forged_begin(&f, 2, 1);
	forged_add(&f, RADIUS_MESSAGE_AUTHENTICATOR, zero16, 16);
	forged_add(&f, RADIUS_MESSAGE_AUTHENTICATOR, zero16, 16);
	forged_sign(&f, request_authenticator, 40);
	ck_assert_int_eq(forged_check(&f, true, &signed_), RADIUS_BAD_SIGNATURE);
}
END_TEST

START_TEST(rad52_signature_length)
{
	struct forged f;
	bool signed_;

	for (size_t len = 0; len <= 32; len++) {
		uint8_t value[32] = { 0 };

		forged_begin(&f, 2, 1);
		forged_add(&f, RADIUS_MESSAGE_AUTHENTICATOR, value, len);
		forged_add(&f, RADIUS_CLASS, "0123456789abcdef", 16);
		ck_assert_int_eq(forged_check(&f, false, &signed_), RADIUS_BAD_SIGNATURE);
	}
}
END_TEST

START_TEST(rad53_signature_required)
{
	static const uint8_t codes[] = { 2, 3, 11 };
	struct forged f;
	bool signed_;

	for (size_t i = 0; i < sizeof codes; i++) {
		forged_begin(&f, codes[i], 1);
		ck_assert_int_eq(forged_check(&f, true, &signed_), RADIUS_NO_SIGNATURE);
		ck_assert_int_eq(forged_check(&f, false, &signed_), RADIUS_GOOD);
		ck_assert(!signed_);
		forged_add(&f, RADIUS_EAP_MESSAGE, "x", 1);
		ck_assert_int_eq(forged_check(&f, false, &signed_), RADIUS_NO_SIGNATURE);
	}
}
END_TEST

START_TEST(rad53_never_of_accounting)
{
	struct radius_expectation e = expect(RADIUS_ACCOUNTING_REQUEST, 9, accounting_request + 4);
	struct radius_packet p;

	e.require_signature = true;
	ck_assert_int_eq(reply_check(&p, accounting_response, sizeof accounting_response, &e), RADIUS_GOOD);
	e = expect(RADIUS_STATUS_SERVER, 0xB3, status_acct + 4);
	e.require_signature = true;
	ck_assert_int_eq(reply_check(&p, status_acct_reply, sizeof status_acct_reply, &e), RADIUS_GOOD);
	e = expect(RADIUS_STATUS_SERVER, 0xDA, status_auth + 4);
	e.require_signature = true;
	ck_assert_int_eq(reply_check(&p, status_auth_reply, sizeof status_auth_reply, &e), RADIUS_NO_SIGNATURE);
}
END_TEST

START_TEST(rad54_proxy_state)
{
	struct forged f;
	bool signed_;

	forged_begin(&f, 2, 1);
	forged_add(&f, RADIUS_PROXY_STATE, "p", 1);
	ck_assert_int_eq(forged_check(&f, false, &signed_), RADIUS_PROXY_STATE_SEEN);
	ck_assert_int_eq(forged_check(&f, true, &signed_), RADIUS_NO_SIGNATURE);
	forged_begin(&f, 2, 1);
	forged_add(&f, RADIUS_PROXY_STATE, "", 0);
	forged_add(&f, RADIUS_MESSAGE_AUTHENTICATOR, zero16, 16);
	forged_sign(&f, request_authenticator, 24);
	ck_assert_int_eq(forged_check(&f, true, &signed_), RADIUS_PROXY_STATE_SEEN);
}
END_TEST

/* --- requests of a dynamic authorization client --- */

START_TEST(rad80_requests)
{
	struct radius_packet p;

	ck_assert_int_eq(radius_check_request(&p, disconnect_request, sizeof disconnect_request, secret, true),
			 RADIUS_GOOD);
	ck_assert(p.signed_);
	ck_assert_uint_eq(p.code, RADIUS_DISCONNECT_REQUEST);
	ck_assert_uint_eq(p.id, 3);
	ck_assert_int_eq(radius_check_request(&p, coa_request, sizeof coa_request, secret, false), RADIUS_GOOD);
	ck_assert(!p.signed_);
	ck_assert_uint_eq(p.len, sizeof coa_request - 20);
	ck_assert_int_eq(request_check(coa_request, sizeof coa_request, true), RADIUS_NO_SIGNATURE);
}
END_TEST

START_TEST(rad80_one_bit)
{
	uint8_t data[sizeof disconnect_request];

	for (size_t bit = 0; bit < 8 * sizeof data; bit++) {
		memcpy(data, disconnect_request, sizeof data);
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_ne(request_check(data, sizeof data, false), RADIUS_GOOD);
	}
	for (size_t cut = 0; cut < sizeof data; cut++)
		ck_assert_int_eq(request_check(disconnect_request, cut, false), RADIUS_BAD_LENGTH);
}
END_TEST

START_TEST(rad80_codes)
{
	struct forged f;

	for (unsigned code = 0; code < 256; code++) {
		forged_begin(&f, (uint8_t)code, 1);
		forged_digest(&f, zero16);
		ck_assert_int_eq(request_check(f.data, f.len, false),
				 code == 40 || code == 43 ? RADIUS_GOOD : RADIUS_BAD_CODE);
	}
}
END_TEST

START_TEST(rad81_signature)
{
	struct forged f;

	forged_begin(&f, 43, 1);
	forged_add(&f, RADIUS_USER_NAME, "u", 1);
	forged_add(&f, RADIUS_MESSAGE_AUTHENTICATOR, zero16, 16);
	forged_sign(&f, zero16, 25);
	forged_digest(&f, zero16);
	ck_assert_int_eq(request_check(f.data, f.len, true), RADIUS_GOOD);
	f.data[25] ^= 1;
	forged_digest(&f, zero16);
	ck_assert_int_eq(request_check(f.data, f.len, false), RADIUS_BAD_SIGNATURE);
	forged_begin(&f, 43, 1);
	forged_add(&f, RADIUS_MESSAGE_AUTHENTICATOR, zero16, 15);
	forged_digest(&f, zero16);
	ck_assert_int_eq(request_check(f.data, f.len, false), RADIUS_BAD_SIGNATURE);
}
END_TEST

/* Only who knows the secret learns that its list is broken; and a Message-Authenticator in it counts for nothing. */
START_TEST(rad90_broken_list)
{
	struct radius_packet p;
	struct forged f;

	forged_begin(&f, 40, 1);
	forged_add(&f, RADIUS_MESSAGE_AUTHENTICATOR, zero16, 16);
	f.data[f.len++] = 1;
	forged_sign(&f, zero16, 22);
	forged_digest(&f, zero16);
	ck_assert_int_eq(radius_check_request(&p, f.data, f.len, secret, false), RADIUS_BAD_LIST);
	ck_assert(!p.signed_);
	ck_assert_uint_eq(p.id, 1);
	ck_assert_ptr_eq(p.authenticator, f.data + 4);
	ck_assert_int_eq(request_check(f.data, f.len, true), RADIUS_NO_SIGNATURE);
	f.data[5] ^= 1;
	ck_assert_int_eq(request_check(f.data, f.len, false), RADIUS_BAD_AUTHENTICATOR);
}
END_TEST

static Suite *radius_check_suite(void)
{
	Suite *s = suite_create("radius_check");

	UNIT_CASE(s, "rfc", rad08_rfc2865_replies, rad105_rfc5997_status);
	UNIT_CASE(s, "reply", rad52_signed_reply, rad08_one_bit, rad08_header_lengths, rad08_cut, rad08_cut_and_signed,
		  rad56_id, rad08_code_pairs);
	UNIT_CASE(s, "signature", rad52_signature_wrong, rad50_signature_over_another, rad52_signature_twice,
		  rad52_signature_length, rad53_signature_required, rad53_never_of_accounting, rad54_proxy_state);
	UNIT_CASE(s, "request", rad80_requests, rad80_one_bit, rad80_codes, rad81_signature, rad90_broken_list);
	return s;
}

UNIT_MAIN(radius_check_suite)
