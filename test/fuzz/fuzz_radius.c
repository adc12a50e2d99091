/*
 * RADIUS packets.  The first octet says what is done with the others: taken as a reply or a request as they are;
 * taken so after they were signed, so that what is behind the signatures is reached; taken as values for the builders,
 * whose packets must then be good ones; taken as an accounting record to close.
 */
#include "pacd/proto/radius_request.h"
#include "test/fuzz/fuzz.h"

#include <errno.h>
#include <nettle/hmac.h>
#include <nettle/md5.h>
#include <string.h>

static const struct radius_secret secret = { (const uint8_t *)"fuzz", 4 };
static const uint8_t authenticator[16] = "Authenticator 16";
static const uint8_t zeros[16];

/* --- what was taken --- */

static void walk_vsa(const struct radius_attribute *a)
{
	uint32_t vendor = 0;
	struct radius_vsa v;
	struct rbuf r;
	size_t sum = 4;

	rbuf_init(&r, a->value, a->len);
	while (radius_vsa_next(&r, &vendor, &v)) {
		sum += 2 + v.len;
		FUZZ_REQUIRE(v.vendor == vendor && vendor != 0);
		FUZZ_REQUIRE(v.value >= a->value + 6 && v.value + v.len <= a->value + a->len);
	}
	FUZZ_REQUIRE(r.fault || sum == a->len);
}

static void unhide(const struct radius_attribute *a)
{
	struct radius_hiding h = { secret, authenticator };
	uint8_t plain[256];
	size_t len = 1;
	int r = radius_unhide_salted(plain, &len, a->value, a->len, &h);

	FUZZ_REQUIRE((r == 0 && len + 3 <= a->len) || (r == -EBADMSG && len == 0));
	r = radius_unhide_mschap_keys(plain, a->value, a->len, &h);
	FUZZ_REQUIRE(r == (a->len == 32 ? 0 : -EBADMSG));
}

/* Attributes of `type` in a list that has to be whole. */
static unsigned walk(const uint8_t *list, size_t len, uint8_t type)
{
	struct radius_attribute a;
	unsigned n = 0;
	size_t sum = 0;
	struct rbuf r;

	FUZZ_REQUIRE(radius_list_valid(list, len));
	rbuf_init(&r, list, len);
	while (radius_next(&r, &a)) {
		sum += 2 + a.len;
		n += a.type == type;
		unhide(&a);
		if (a.type == RADIUS_VENDOR_SPECIFIC)
			walk_vsa(&a);
	}
	FUZZ_REQUIRE(!r.fault && sum == len);
	return n;
}

static void good_is_good(const struct radius_packet *p, const uint8_t *data, size_t len)
{
	FUZZ_REQUIRE(p->attributes == data + 20 && p->authenticator == data + 4 && p->len <= len - 20);
	FUZZ_REQUIRE(walk(p->attributes, p->len, RADIUS_MESSAGE_AUTHENTICATOR) == p->signed_);
}

static uint8_t request_of(uint8_t reply)
{
	return reply == RADIUS_ACCOUNTING_RESPONSE ? RADIUS_ACCOUNTING_REQUEST : RADIUS_ACCESS_REQUEST;
}

static enum radius_fault check_reply(const uint8_t *data, size_t size, bool require)
{
	struct radius_expectation e = { .code = request_of(size ? data[0] : 0), .id = size > 1 ? data[1] : 0,
					.authenticator = authenticator, .secret = secret,
					.require_signature = require };
	struct radius_packet p;
	enum radius_fault fault = radius_check_reply(&p, data, size, &e);

	FUZZ_REQUIRE(fault < RADIUS_FAULTS && radius_fault_word(fault));
	if (fault)
		return fault;
	good_is_good(&p, data, size);
	FUZZ_REQUIRE(walk(p.attributes, p.len, RADIUS_PROXY_STATE) == 0);
	FUZZ_REQUIRE(p.signed_ || walk(p.attributes, p.len, RADIUS_EAP_MESSAGE) == 0);
	FUZZ_REQUIRE(p.signed_ || !require || p.code == RADIUS_ACCOUNTING_RESPONSE);
	e.id ^= 1;
	FUZZ_REQUIRE(radius_check_reply(&p, data, size, &e) == RADIUS_BAD_ID);
	return fault;
}

static enum radius_fault check_request(const uint8_t *data, size_t size, bool require)
{
	struct radius_packet p;
	enum radius_fault fault = radius_check_request(&p, data, size, secret, require);

	if (fault == RADIUS_BAD_LIST)
		FUZZ_REQUIRE(!radius_list_valid(p.attributes, p.len) && !p.signed_ && !require);
	if (fault == RADIUS_GOOD) {
		good_is_good(&p, data, size);
		FUZZ_REQUIRE(p.signed_ || !require);
	}
	return fault;
}

/* --- signing, without the code under test --- */

static void sign(uint8_t *packet, size_t len, const uint8_t *with)
{
	struct hmac_md5_ctx hmac;
	struct md5_ctx md5;

	packet[2] = (uint8_t)(len >> 8);
	packet[3] = (uint8_t)len;
	memcpy(packet + 4, with, 16);
	for (size_t at = 20; at + 18 <= len && packet[at + 1] >= 2; at += packet[at + 1]) {
		if (packet[at] != RADIUS_MESSAGE_AUTHENTICATOR || packet[at + 1] != 18)
			continue;
		memset(packet + at + 2, 0, 16);
		hmac_md5_set_key(&hmac, secret.len, secret.p);
		hmac_md5_update(&hmac, len, packet);
		hmac_md5_digest(&hmac, 16, packet + at + 2);
		break;
	}
	md5_init(&md5);
	md5_update(&md5, len, packet);
	md5_update(&md5, secret.len, secret.p);
	md5_digest(&md5, 16, packet + 4);
}

/* Then neither length nor authenticator can be what is wrong. */
static void signed_ones(uint8_t mode, const uint8_t *data, size_t size)
{
	static const uint8_t replies[] = { 2, 3, 11, 5 };
	uint8_t packet[RADIUS_PACKET_MAX];
	enum radius_fault fault;

	if (size < 20 || size > sizeof packet)
		return;
	memcpy(packet, data, size);
	packet[0] = replies[mode >> 4 & 3];
	sign(packet, size, authenticator);
	fault = check_reply(packet, size, mode & 0x80);
	FUZZ_REQUIRE(fault != RADIUS_BAD_LENGTH && fault != RADIUS_BAD_CODE && fault != RADIUS_BAD_AUTHENTICATOR);
	packet[0] = mode & 0x40 ? RADIUS_COA_REQUEST : RADIUS_DISCONNECT_REQUEST;
	sign(packet, size, zeros);
	fault = check_request(packet, size, mode & 0x80);
	FUZZ_REQUIRE(fault == RADIUS_GOOD || fault == RADIUS_BAD_LIST || fault == RADIUS_BAD_SIGNATURE ||
		     fault == RADIUS_NO_SIGNATURE);
}

/* --- builders --- */

static void take(struct rbuf *r, void *value, size_t len)
{
	size_t n = rbuf_left(r) < len ? rbuf_left(r) : len;

	memset(value, 0, len);
	rbuf_bytes(r, value, n);
}

static void take_text(struct rbuf *r, char *text, size_t cap)
{
	size_t len = rbuf_left(r) ? rbuf_u8(r) : 0;

	memset(text, 0, cap);
	take(r, text, len < cap ? len : cap - 1);
}

static void take_call(struct rbuf *r, struct radius_nas *nas, struct radius_call *c, char texts[2][RADIUS_TEXT])
{
	uint8_t n[6];

	take(r, n, sizeof n);
	memset(nas, 0, sizeof *nas);
	nas->address = n[0];
	nas->has_address6 = n[1] & 1;
	take_text(r, nas->identifier, sizeof nas->identifier);
	memset(c, 0, sizeof *c);
	c->nas_port = n[2];
	c->port_type = n[3];
	c->tunnel.client = n[4];
	c->tunnel.server = n[5];
	take_text(r, c->session_id, sizeof c->session_id);
	take_text(r, c->port_id, sizeof c->port_id);
	take_text(r, c->calling, sizeof c->calling);
	take_text(r, c->called, sizeof c->called);
	take_text(r, c->tunnel.connection, sizeof c->tunnel.connection);
	take_text(r, texts[0], RADIUS_TEXT);
	take_text(r, texts[1], RADIUS_TEXT);
	c->tunnel.private_group = texts[0];
	c->tunnel.client_auth = texts[1];
}

static void take_proof(struct rbuf *r, struct plugin_auth *p)
{
	uint8_t n[5];

	take(r, n, sizeof n);
	memset(p, 0, sizeof *p);
	p->method = n[0] & 7;
	p->id = n[1];
	p->name_len = n[2];
	p->challenge_len = n[3];
	p->proof_len = n[4];
	take(r, p->name, p->name_len);
	take(r, p->challenge, p->challenge_len);
	take(r, p->proof, p->proof_len);
}

/* A list of ours makes a good reply, and a good signed request. */
static void list_is_good(const uint8_t *list, size_t len)
{
	uint8_t packet[2 * RADIUS_PACKET_MAX];
	struct wbuf w;
	size_t n;

	wbuf_init(&w, packet, sizeof packet);
	radius_begin(&w, RADIUS_ACCESS_ACCEPT, 1, authenticator, true);
	wbuf_bytes(&w, list, len);
	n = radius_finish_reply(&w, secret);
	FUZZ_REQUIRE(n == (len <= RADIUS_PACKET_MAX - 38 ? len + 38 : 0));
	if (!n)
		return;
	FUZZ_REQUIRE(check_reply(packet, n, true) == RADIUS_GOOD);
	packet[n - 1] ^= 1;
	FUZZ_REQUIRE(check_reply(packet, n, true) != RADIUS_GOOD);
	wbuf_init(&w, packet, sizeof packet);
	radius_begin(&w, RADIUS_COA_REQUEST, 1, NULL, true);
	wbuf_bytes(&w, list, len);
	FUZZ_REQUIRE(radius_finish(&w, secret) == n);
	FUZZ_REQUIRE(check_request(packet, n, true) == RADIUS_GOOD);
}

static void built_login(struct rbuf *r)
{
	struct radius_hiding h = { secret, authenticator };
	char texts[2][RADIUS_TEXT];
	uint8_t list[RADIUS_PACKET_MAX];
	struct plugin_auth proof;
	struct radius_nas nas;
	struct radius_call c;
	struct wbuf w;
	int error;

	take_proof(r, &proof);
	take_call(r, &nas, &c, texts);
	wbuf_init(&w, list, sizeof list);
	error = radius_put_login(&w, &nas, &c, &proof, &h);
	FUZZ_REQUIRE(!w.fault && (error == 0 || (error == -EINVAL && wbuf_len(&w) == 0)));
	if (!error) {
		FUZZ_REQUIRE(walk(list, wbuf_len(&w), RADIUS_USER_NAME) == 1);
		FUZZ_REQUIRE(walk(list, wbuf_len(&w), RADIUS_STATE) == 0);
		list_is_good(list, wbuf_len(&w));
	}
	wbuf_init(&w, list, sizeof list);
	radius_put_call_check(&w, &nas, &c, RADIUS_SERVICE_CALL_CHECK, c.calling, "dummy", &h);
	FUZZ_REQUIRE(!w.fault && walk(list, wbuf_len(&w), RADIUS_USER_PASSWORD) == 1);
	list_is_good(list, wbuf_len(&w));
}

static void closing(const uint8_t *record, size_t len)
{
	uint8_t list[2 * RADIUS_PACKET_MAX];
	struct wbuf w;

	wbuf_init(&w, list, sizeof list);
	radius_put_closing(&w, record, len);
	if (w.fault)
		return;
	FUZZ_REQUIRE(radius_list_valid(record, len));
	FUZZ_REQUIRE(walk(list, wbuf_len(&w), RADIUS_ACCT_TERMINATE_CAUSE) == 1);
	FUZZ_REQUIRE(walk(list, wbuf_len(&w), RADIUS_ACCT_DELAY_TIME) == 0);
	FUZZ_REQUIRE(walk(list, wbuf_len(&w), RADIUS_ACCT_STATUS_TYPE) >= 1);
	FUZZ_REQUIRE(walk(list, wbuf_len(&w), RADIUS_ACCT_OUTPUT_GIGAWORDS) >= 1);
	FUZZ_REQUIRE(walk(list, wbuf_len(&w), RADIUS_ACCT_SESSION_TIME) >= 1);
}

static void built_account(struct rbuf *r)
{
	char texts[2][RADIUS_TEXT];
	uint8_t list[2 * RADIUS_PACKET_MAX], n[8], user[RADIUS_VALUE_MAX];
	struct radius_account a = { .event_time = 1 };
	struct radius_nas nas;
	struct radius_call c;
	struct wbuf w;

	take(r, n, sizeof n);
	take(r, user, n[1] % sizeof user);
	take_call(r, &nas, &c, texts);
	a.status = n[0] & 15;
	a.user = user;
	a.user_len = n[1] % sizeof user;
	a.framed = n[2] & 1;
	a.has_counters = n[2] & 2;
	a.has_lost = n[2] & 4;
	a.address = n[3];
	a.method = n[4];
	a.interface_id = n[5];
	a.cause = n[6];
	a.authentic = n[7];
	a.class_ = r->p;
	a.class_len = rbuf_left(r);
	if (a.class_len > 2048)
		return;
	wbuf_init(&w, list, sizeof list);
	radius_put_account(&w, &nas, n[2] & 8 ? NULL : &c, c.session_id, &a);
	FUZZ_REQUIRE(!w.fault && walk(list, wbuf_len(&w), RADIUS_ACCT_STATUS_TYPE) == 1);
	FUZZ_REQUIRE(walk(list, wbuf_len(&w), RADIUS_USER_PASSWORD) == 0);
	FUZZ_REQUIRE(walk(list, wbuf_len(&w), RADIUS_STATE) == 0);
	FUZZ_REQUIRE(walk(list, wbuf_len(&w), RADIUS_ACCT_OUTPUT_OCTETS) ==
		     walk(list, wbuf_len(&w), RADIUS_ACCT_OUTPUT_GIGAWORDS));
	list_is_good(list, wbuf_len(&w));
	closing(list, wbuf_len(&w));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rbuf r;
	uint8_t mode;

	if (size < 1 || size > RADIUS_PACKET_MAX + 64)
		return 0;
	mode = data[0];
	rbuf_init(&r, data + 1, size - 1);
	switch (mode & 7) {
	case 0:
		check_reply(data + 1, size - 1, mode & 0x80);
		check_request(data + 1, size - 1, mode & 0x80);
		break;
	case 1:
		built_login(&r);
		break;
	case 2:
		built_account(&r);
		break;
	case 3:
		closing(data + 1, size - 1);
		break;
	default:
		signed_ones(mode, data + 1, size - 1);
	}
	return 0;
}
