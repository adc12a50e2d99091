/*
 * Dynamic authorization, RFC 5176: what requests are refused for (RAD-84 to RAD-90), what good ones say, and answers
 * octet for octet (RAD-83) as another implementation (Python's hashlib and hmac) makes them.
 */
#include "pacd/proto/dynauth.h"

#include "test/unit/unit.h"

static const char secret_text[] = "secret-of-16-oct";
static const struct radius_secret secret = { (const uint8_t *)secret_text, sizeof secret_text - 1 };
static const struct radius_nas nas = { .address = 0xc0000201, .has_address6 = true,
				       .address6 = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 }, .identifier = "pac1" };

static uint8_t data[RADIUS_PACKET_MAX];

/* A signed packet of these attributes, checked as das.c does it. */
static enum radius_fault make(struct radius_packet *p, uint8_t code, const void *attributes, size_t len, bool sign)
{
	struct wbuf w;
	size_t n;

	wbuf_init(&w, data, sizeof data);
	radius_begin(&w, code, 9, NULL, sign);
	wbuf_bytes(&w, attributes, len);
	n = radius_finish(&w, secret);
	ck_assert_uint_ne(n, 0);
	return radius_check_request(p, data, n, secret, false);
}

static enum dynauth_cause decode(struct dynauth_request *d, uint8_t code, const void *attributes, size_t len)
{
	struct radius_packet p;

	make(&p, code, attributes, len, true);
	return dynauth_decode(d, &p, &nas);
}

/* Attributes as a string literal: octets with NULs inside. */
#define A(literal) literal, sizeof(literal) - 1
#define USER "\x01\x07" "alice"
#define WISPR "\0\0\x37\x2a"
#define MIKROTIK "\0\0\x3a\x8c"
#define MICROSOFT "\0\0\x01\x37"

struct row {
	const char *ids; /* of the ledger */
	const char *attributes;
	size_t len;
	unsigned dm, coa; /* causes */
};

static const struct row rows[] = {
	/* RAD-85: each thing that identifies, alone */
	{ "RAD-85 user", A(USER), 0, 0 },
	{ "RAD-85 port", A("\x05\x06\0\0\0\x07"), 0, 0 },
	{ "RAD-85 address", A("\x08\x06\x0a\0\0\x01"), 0, 0 },
	{ "RAD-85 called", A("\x1e\x03" "2"), 0, 0 },
	{ "RAD-85 calling", A("\x1f\x03" "1"), 0, 0 },
	{ "RAD-85 session", A("\x2c\x04" "s1"), 0, 0 },
	{ "RAD-85 multi session", A("\x32\x04" "m1"), 0, 0 },
	{ "RAD-85 port id", A("\x57\x07" "pptp1"), 0, 0 },
	{ "RAD-85 cui", A("\x59\x04" "cu"), 0, 0 },
	{ "RAD-85 interface id", A("\x60\x0a\0\0\0\0\0\0\0\x01"), 0, 0 },
	{ "RAD-85 prefixes", A("\x61\x08\0\x20\x20\x01\x0d\xb8" "\x61\x08\0\x20\x20\x01\x0d\xb9"), 0, 0 },
	{ "RAD-85 none", A(""), 402, 402 },
	{ "RAD-85 only a change", A("\x19\x03" "c"), 402, 402 },
	{ "RAD-85 only the NAS", A("\x04\x06\xc0\0\x02\x01"), 402, 402 },
	{ "RAD-85 twice", A(USER USER), 404, 404 },
	{ "RAD-85 an address that is none", A("\x08\x06\0\0\0\0"), 407, 407 },
	{ "RAD-85 an interface id that is none", A("\x60\x0a\0\0\0\0\0\0\0\0"), 407, 407 },
	{ "RAD-85 empty user", A("\x01\x02"), 407, 407 },
	{ "RAD-85 port, size", A("\x05\x05\0\0\x07"), 407, 407 },
	{ "RAD-85 address, size", A("\x08\x07\x0a\0\0\x01\x01"), 407, 407 },
	{ "RAD-85 interface id, size", A("\x60\x09\0\0\0\0\0\0\x01"), 407, 407 },
	{ "RAD-85 prefix, size", A("\x61\x03\0"), 407, 407 },
	{ "RAD-85 port type is no identification", A(USER "\x3d\x06\0\0\0\x05"), 401, 401 },

	/* RAD-84 */
	{ "RAD-84 all",
	  A(USER "\x04\x06\xc0\0\x02\x01" "\x20\x06" "pac1" "\x5f\x12\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"),
	  0, 0 },
	{ "RAD-84 address", A(USER "\x04\x06\xc0\0\x02\x02"), 403, 403 },
	{ "RAD-84 identifier", A(USER "\x20\x06" "pac2"), 403, 403 },
	{ "RAD-84 identifier, longer", A(USER "\x20\x07" "pac12"), 403, 403 },
	{ "RAD-84 identifier, shorter", A(USER "\x20\x05" "pac"), 403, 403 },
	{ "RAD-84 address6", A(USER "\x5f\x12\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"), 403, 403 },
	{ "RAD-84 one of them wrong", A(USER "\x04\x06\xc0\0\x02\x01" "\x20\x06" "pac2"), 403, 403 },
	{ "RAD-84 before all else", A("\x06\x06\0\0\0\x11" "\x20\x06" "pac2"), 403, 403 },
	{ "RAD-84 address, size", A(USER "\x04\x05\xc0\0\x02"), 407, 407 },
	{ "RAD-84 identifier, empty", A(USER "\x20\x02"), 407, 407 },
	{ "RAD-84 address6, size", A(USER "\x5f\x06\x20\x01\x0d\xb8"), 407, 407 },
	{ "RAD-84 twice", A(USER "\x20\x06" "pac1" "\x20\x06" "pac1"), 404, 404 },

	/* RAD-86 and RAD-87: what else may be there */
	{ "RAD-86 reply message", A(USER "\x12\x04" "hi" "\x12\x04" "ho"), 0, 0 },
	{ "RAD-86 class", A(USER "\x19\x03" "a" "\x19\x03" "b"), 0, 0 },
	{ "RAD-86 class, empty", A(USER "\x19\x02"), 407, 407 },
	{ "RAD-86 proxy state", A(USER "\x21\x03" "a" "\x21\x02" "\x21\x03" "b"), 0, 0 },
	{ "RAD-86 terminate cause", A(USER "\x31\x06\0\0\0\x06"), 0, 401 },
	{ "RAD-86 terminate cause, size", A(USER "\x31\x05\0\0\0"), 407, 401 },
	{ "RAD-86 timestamp", A(USER "\x37\x06\x60\0\0\0"), 0, 0 },
	{ "RAD-86 timestamp, size", A(USER "\x37\x05\x60\0\0"), 407, 407 },
	{ "RAD-86 timestamp, twice", A(USER "\x37\x06\x60\0\0\0" "\x37\x06\x60\0\0\0"), 404, 404 },
	{ "RAD-86 EAP", A(USER "\x4f\x06\x02\x01\0\x04"), 0, 401 },
	{ "RAD-86 state", A(USER "\x18\x03" "s"), 401, 0 },
	{ "RAD-83 state, twice", A(USER "\x18\x03" "s" "\x18\x03" "t"), 401, 404 },
	{ "RAD-87 state, empty", A(USER "\x18\x02"), 401, 407 },

	/* RAD-87: changes */
	{ "RAD-87 session timeout", A(USER "\x1b\x06\0\0\0\0"), 401, 0 },
	{ "RAD-87 session timeout, size", A(USER "\x1b\x05\0\0\0"), 401, 407 },
	{ "RAD-87 session timeout, twice", A(USER "\x1b\x06\0\0\0\x3c" "\x1b\x06\0\0\0\x3c"), 401, 404 },
	{ "RAD-87 idle timeout", A(USER "\x1c\x06\0\0\0\x3c"), 401, 0 },
	{ "RAD-87 idle timeout, size", A(USER "\x1c\x07\0\0\0\x3c\0"), 401, 407 },
	{ "RAD-87 interim", A(USER "\x55\x06\0\0\0\x3c"), 401, 0 },
	{ "RAD-87 interim, 59", A(USER "\x55\x06\0\0\0\x3b"), 401, 407 },
	{ "RAD-87 interim, 0", A(USER "\x55\x06\0\0\0\0"), 401, 407 },
	{ "RAD-90 27 good, 85 = 30", A(USER "\x1b\x06\0\0\0\x3c" "\x55\x06\0\0\0\x1e"), 401, 407 },
	{ "RAD-87 filter", A(USER "\x0b\x06" "gold"), 401, 0 },
	{ "RAD-87 filter, twice", A(USER "\x0b\x06" "gold" "\x0b\x06" "lead"), 401, 404 },
	{ "RAD-87 filter, empty", A(USER "\x0b\x02"), 401, 407 },
	{ "RAD-87 filter, NUL", A(USER "\x0b\x06" "go\0d"), 401, 407 },
	{ "RAD-87 rate up", A(USER "\x1a\x0c" WISPR "\x07\x06\0\x0f\x42\x40"), 401, 0 },
	{ "RAD-87 rate down", A(USER "\x1a\x0c" WISPR "\x08\x06\0\x0f\x42\x40"), 401, 0 },
	{ "RAD-87 both in one", A(USER "\x1a\x12" WISPR "\x07\x06\0\x0f\x42\x40" "\x08\x06\0\x0f\x42\x40"), 401, 0 },
	{ "RAD-87 rate up, size", A(USER "\x1a\x0b" WISPR "\x07\x05\0\x0f\x42"), 401, 407 },
	{ "RAD-87 rate up, twice", A(USER "\x1a\x12" WISPR "\x07\x06\0\x0f\x42\x40" "\x07\x06\0\x0f\x42\x40"), 401, 404 },
	{ "RAD-87 rate limit", A(USER "\x1a\x0d" MIKROTIK "\x08\x07" "1M/2M"), 401, 0 },
	{ "RAD-87 rate limit, empty", A(USER "\x1a\x08" MIKROTIK "\x08\x02"), 401, 407 },
	{ "RAD-87 rate limit, NUL", A(USER "\x1a\x0d" MIKROTIK "\x08\x07" "1M\0M2"), 401, 407 },
	{ "RAD-87 rate limit, twice", A(USER "\x1a\x0d" MIKROTIK "\x08\x07" "1M/2M" "\x1a\x0d" MIKROTIK "\x08\x07" "1M/2M"),
	  401, 404 },
	{ "RAD-87 of WISPr another", A(USER "\x1a\x0c" WISPR "\x05\x06\0\x0f\x42\x40"), 401, 401 },
	{ "RAD-87 of Mikrotik another", A(USER "\x1a\x0c" MIKROTIK "\x01\x06\0\0\0\x01"), 401, 401 },
	{ "RAD-87 one good, one not", A(USER "\x1a\x12" WISPR "\x07\x06\0\x0f\x42\x40" "\x05\x06\0\x0f\x42\x40"), 401, 401 },
	{ "RAD-87 another vendor", A(USER "\x1a\x0c" MICROSOFT "\x07\x06\0\0\0\x01"), 401, 401 },
	{ "RAD-87 another vendor, another form", A(USER "\x1a\x08\0\0\0\x09" "xx"), 401, 401 },
	{ "RAD-90 vendor, no form", A(USER "\x1a\x0c" WISPR "\x07\x07\0\x0f\x42\x40"), 401, 404 },
	{ "RAD-90 vendor, octet behind", A(USER "\x1a\x0d" WISPR "\x07\x06\0\x0f\x42\x40" "\x08"), 401, 404 },
	{ "RAD-90 vendor, nothing", A(USER "\x1a\x06" WISPR), 401, 404 },
	{ "RAD-90 vendor, half a number", A(USER "\x1a\x05\0\0\x37"), 401, 404 },
	{ "RAD-90 vendor, empty", A(USER "\x1a\x02"), 401, 404 },
	{ "RAD-87 no change at all is good", A(USER), 0, 0 },

	/* RAD-88 */
	{ "RAD-88 Authorize-Only", A(USER "\x06\x06\0\0\0\x11"), 401, 405 },
	{ "RAD-88 Authorize-Only and state", A(USER "\x18\x03" "s" "\x06\x06\0\0\0\x11"), 401, 405 },
	{ "RAD-88 Framed", A(USER "\x06\x06\0\0\0\x02"), 401, 405 },
	{ "RAD-88 of wrong size", A(USER "\x06\x03\x02"), 401, 405 },
	{ "RAD-88 tunnel", A(USER "\x40\x06\0\0\0\x01"), 401, 401 },

	/* RAD-86, RAD-87: anything else */
	{ "RAD-86 password", A(USER "\x02\x12" "0123456789abcdef"), 401, 401 },
	{ "RAD-86 CHAP password", A(USER "\x03\x13\x01" "0123456789abcdef"), 401, 401 },
	{ "RAD-87 framed protocol", A(USER "\x07\x06\0\0\0\x01"), 401, 401 },
	{ "RAD-87 netmask", A(USER "\x09\x06\xff\xff\xff\xff"), 401, 401 },
	{ "RAD-87 termination action", A(USER "\x1d\x06\0\0\0\x01"), 401, 401 },
	{ "RAD-87 port limit", A(USER "\x3e\x06\0\0\0\x01"), 401, 401 },
	{ "RAD-87 pool", A(USER "\x58\x03" "p"), 401, 401 },
	{ "RAD-86 error cause", A(USER "\x65\x06\0\0\x01\x91"), 401, 401 },
	{ "RAD-86 unheard of", A(USER "\xf0\x03" "x"), 401, 401 },
	{ "RAD-86 type 0", A(USER "\0\x03" "x"), 401, 401 },

	/* RAD-90 */
	{ "RAD-90 length 0", A(USER "\x19\0"), 404, 404 },
	{ "RAD-90 length 1", A(USER "\x19\x01"), 404, 404 },
	{ "RAD-90 beyond the end", A(USER "\x19\x04" "a"), 404, 404 },
	{ "RAD-90 a type only", A(USER "\x19"), 404, 404 },
	{ "RAD-90 before NAS and service", A("\x20\x06" "pac2" "\x06\x06\0\0\0\x11" "\x19\0"), 404, 404 },
};

START_TEST(causes)
{
	struct dynauth_request d;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *r = &rows[i];
		unsigned dm = decode(&d, RADIUS_DISCONNECT_REQUEST, r->attributes, r->len), coa;

		ck_assert_msg(dm == r->dm, "%s: DM %u, not %u", r->ids, dm, r->dm);
		ck_assert(d.disconnect);
		ck_assert_msg(!!d.ident.given == !dm, "%s: DM, given %x", r->ids, d.ident.given);
		ck_assert(!(d.change.given & ~(unsigned)DYNAUTH_SET_CLASS));
		coa = decode(&d, RADIUS_COA_REQUEST, r->attributes, r->len);
		ck_assert_msg(coa == r->coa, "%s: CoA %u, not %u", r->ids, coa, r->coa);
		ck_assert(!d.disconnect);
		ck_assert_msg(!!d.ident.given == !coa, "%s: CoA, given %x", r->ids, d.ident.given);
		ck_assert(!coa || (!d.change.given && !d.change.class_len));
	}
}
END_TEST

static void expect_text(struct dynauth_text t, const char *want)
{
	ck_assert_uint_eq(t.len, strlen(want));
	ck_assert_mem_eq(t.p, want, t.len);
}

/* RAD-85: every value, and that it is that one. */
START_TEST(identification)
{
	static const char all[] = USER "\x05\x06\x01\x02\x03\x04" "\x08\x06\x0a\x01\x02\x03" "\x1e\x05" "222" "\x1f\x06" "1111"
				  "\x2c\x04" "s9" "\x57\x07" "pptp1" "\x60\x0a\x01\x02\x03\x04\x05\x06\x07\x08";
	struct dynauth_request d;

	ck_assert_uint_eq(decode(&d, RADIUS_DISCONNECT_REQUEST, A(all)), DYNAUTH_OK);
	ck_assert_uint_eq(d.ident.given, DYNAUTH_BY_USER | DYNAUTH_BY_PORT | DYNAUTH_BY_ADDRESS | DYNAUTH_BY_CALLED |
						 DYNAUTH_BY_CALLING | DYNAUTH_BY_SESSION | DYNAUTH_BY_PORT_ID |
						 DYNAUTH_BY_INTERFACE_ID);
	expect_text(d.ident.user, "alice");
	expect_text(d.ident.called, "222");
	expect_text(d.ident.calling, "1111");
	expect_text(d.ident.session, "s9");
	expect_text(d.ident.port_id, "pptp1");
	ck_assert_uint_eq(d.ident.port, 0x01020304);
	ck_assert_uint_eq(d.ident.address, 0x0a010203);
	ck_assert(d.ident.interface_id == 0x0102030405060708);
	ck_assert(!d.has_timestamp);
	ck_assert_uint_eq(d.change.given, 0);

	/* No session has those: RAD-85, "all given must match". */
	ck_assert_uint_eq(decode(&d, RADIUS_DISCONNECT_REQUEST, A(USER "\x59\x04" "cu")), DYNAUTH_OK);
	ck_assert_uint_eq(d.ident.given, DYNAUTH_BY_USER | DYNAUTH_BY_OTHER);
}
END_TEST

/* RAD-87: every value. */
START_TEST(changes)
{
	static const char all[] = USER "\x1b\x06\0\0\x0e\x10" "\x1c\x06\0\0\0\x3c" "\x55\x06\0\0\x02\x58" "\x0b\x06" "gold"
				  "\x1a\x12" WISPR "\x07\x06\0\x0f\x42\x40" "\x08\x06\0\x1e\x84\x80"
				  "\x1a\x0d" MIKROTIK "\x08\x07" "1M/2M" "\x19\x03" "a" "\x19\x04" "bc" "\x12\x04" "hi"
				  "\x37\x06\x60\0\0\x01";
	struct dynauth_request d;

	ck_assert_uint_eq(decode(&d, RADIUS_COA_REQUEST, A(all)), DYNAUTH_OK);
	ck_assert_uint_eq(d.change.given, 0xff);
	ck_assert_uint_eq(d.change.session_timeout, 3600);
	ck_assert_uint_eq(d.change.idle_timeout, 60);
	ck_assert_uint_eq(d.change.interim, 600);
	ck_assert_uint_eq(d.change.rate_up, 1000000);
	ck_assert_uint_eq(d.change.rate_down, 2000000);
	expect_text(d.change.filter, "gold");
	expect_text(d.change.rate_limit, "1M/2M");
	ck_assert_uint_eq(d.change.class_len, 7);
	ck_assert_mem_eq(d.change.class_, "\x19\x03" "a" "\x19\x04" "bc", 7);
	ck_assert(d.has_timestamp);
	ck_assert_uint_eq(d.timestamp, 0x60000001);

	/* RAD-86: Class of a Disconnect-Request is for the Stop. */
	ck_assert_uint_eq(decode(&d, RADIUS_DISCONNECT_REQUEST, A(USER "\x19\x04" "bc")), DYNAUTH_OK);
	ck_assert_uint_eq(d.change.given, DYNAUTH_SET_CLASS);
	ck_assert_mem_eq(d.change.class_, "\x19\x04" "bc", 4);
}
END_TEST

/* Of a CoA-Request, n Class attributes of 255 octets. */
static enum dynauth_cause with_classes(unsigned n)
{
	static uint8_t attributes[RADIUS_PACKET_MAX - RADIUS_HEADER - 18];
	struct dynauth_request d;
	struct wbuf w;

	wbuf_init(&w, attributes, sizeof attributes);
	wbuf_bytes(&w, USER, sizeof USER - 1);
	while (n--) {
		wbuf_u8(&w, RADIUS_CLASS);
		wbuf_u8(&w, 255);
		wbuf_zero(&w, 253);
	}
	return decode(&d, RADIUS_COA_REQUEST, attributes, wbuf_len(&w));
}

/* More Class than is kept: none of it, and it says so. */
START_TEST(class_bound)
{
	ck_assert_uint_eq(with_classes(8), DYNAUTH_OK); /* 2040 octets */
	ck_assert_uint_eq(with_classes(9), DYNAUTH_RESOURCES);
}
END_TEST

/* The timestamp is there whatever else is wrong, so that a stale request gets no answer at all. */
START_TEST(timestamp_of_refused)
{
	static const struct { const char *attributes; size_t len; } bad[] = {
		{ A("\x37\x06\x60\0\0\x01") },                            /* 402 */
		{ A(USER "\x20\x06" "pac2" "\x37\x06\x60\0\0\x01") },     /* 403 */
		{ A(USER "\x3e\x06\0\0\0\x01" "\x37\x06\x60\0\0\x01") },  /* 401 */
		{ A(USER "\x37\x06\x60\0\0\x01" "\x19\0") },              /* 404 */
		{ A(USER "\x37\x03\x60" "\x37\x06\x60\0\0\x01") },        /* 407 */
	};
	struct dynauth_request d;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert_uint_ne(decode(&d, RADIUS_COA_REQUEST, bad[i].attributes, bad[i].len), DYNAUTH_OK);
		ck_assert(d.has_timestamp);
		ck_assert_uint_eq(d.timestamp, 0x60000001);
	}
	decode(&d, RADIUS_COA_REQUEST, A(USER "\x37\x05\x60\0\0"));
	ck_assert(!d.has_timestamp);
}
END_TEST

/* EAP-Message needs a Message-Authenticator (RFC 3579 section 3.1). */
START_TEST(eap_unsigned)
{
	struct dynauth_request d;
	struct radius_packet p;

	ck_assert_uint_eq(make(&p, RADIUS_DISCONNECT_REQUEST, A(USER "\x4f\x06\x02\x01\0\x04"), false), RADIUS_GOOD);
	ck_assert_uint_eq(dynauth_decode(&d, &p, &nas), DYNAUTH_INVALID_REQUEST);
}
END_TEST

/* RAD-84: a NAS that has no such name matches none. */
START_TEST(nas_without)
{
	static const struct radius_nas only_name = { .identifier = "pac1" }, only_address = { .address = 0xc0000201 };
	struct dynauth_request d;
	struct radius_packet p;

	make(&p, RADIUS_DISCONNECT_REQUEST, A(USER "\x04\x06\0\0\0\0"), true);
	ck_assert_uint_eq(dynauth_decode(&d, &p, &only_name), DYNAUTH_NAS_MISMATCH);
	make(&p, RADIUS_DISCONNECT_REQUEST, A(USER "\x5f\x12\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), true);
	ck_assert_uint_eq(dynauth_decode(&d, &p, &only_name), DYNAUTH_NAS_MISMATCH);
	make(&p, RADIUS_DISCONNECT_REQUEST, A(USER "\x20\x06" "pac1"), true);
	ck_assert_uint_eq(dynauth_decode(&d, &p, &only_name), DYNAUTH_OK);
	ck_assert_uint_eq(dynauth_decode(&d, &p, &only_address), DYNAUTH_NAS_MISMATCH);
}
END_TEST

/* --- answers: id 7, User-Name "alice", Proxy-States "p1", "" and "p2" --- */

static const uint8_t dm_request[] = {
	0x28, 0x07, 0x00, 0x37, 0xfb, 0x84, 0xef, 0xd3, 0x0d, 0xbc, 0xf2, 0x9b, 0x20, 0x9f, 0xc8, 0xbb,
	0xe4, 0x16, 0x89, 0xb5, 0x50, 0x12, 0x55, 0xed, 0x20, 0x79, 0x24, 0x0e, 0xbf, 0x48, 0xe4, 0x1f,
	0xd1, 0xc0, 0xf3, 0x01, 0x7e, 0x0d, 0x01, 0x07, 0x61, 0x6c, 0x69, 0x63, 0x65, 0x21, 0x04, 0x70,
	0x31, 0x21, 0x02, 0x21, 0x04, 0x70, 0x32,
};
static const uint8_t dm_ack[] = { /* Acct-Terminate-Cause 6 */
	0x29, 0x07, 0x00, 0x36, 0xf5, 0xee, 0x04, 0x5e, 0x7b, 0x01, 0x9d, 0x74, 0xc6, 0xa4, 0x3f, 0xc5,
	0x2f, 0x7b, 0x63, 0x55, 0x50, 0x12, 0x33, 0xf7, 0xf8, 0xff, 0x24, 0xfc, 0x84, 0xea, 0xf7, 0x2d,
	0x12, 0xdc, 0xe4, 0x3b, 0x12, 0x77, 0x31, 0x06, 0x00, 0x00, 0x00, 0x06, 0x21, 0x04, 0x70, 0x31,
	0x21, 0x02, 0x21, 0x04, 0x70, 0x32,
};
static const uint8_t dm_nak[] = { /* Error-Cause 503 */
	0x2a, 0x07, 0x00, 0x36, 0xed, 0x5d, 0x99, 0xd3, 0x1d, 0x9d, 0x54, 0x2f, 0xc1, 0x2f, 0xe1, 0x75,
	0xdb, 0xa3, 0x15, 0x11, 0x50, 0x12, 0xce, 0xe1, 0x67, 0x35, 0xd7, 0x94, 0x59, 0xa0, 0x6d, 0x9f,
	0x81, 0xef, 0x11, 0x42, 0x42, 0x16, 0x65, 0x06, 0x00, 0x00, 0x01, 0xf7, 0x21, 0x04, 0x70, 0x31,
	0x21, 0x02, 0x21, 0x04, 0x70, 0x32,
};
/* id 200, Acct-Session-Id "S123", State "abc", Session-Timeout 3600, Proxy-State "q" */
static const uint8_t coa_request[] = {
	0x2b, 0xc8, 0x00, 0x3a, 0x49, 0x36, 0xfa, 0x7e, 0xb9, 0x0f, 0xcb, 0x5d, 0x47, 0xac, 0xf6, 0x83,
	0xb4, 0x9c, 0xa7, 0xf9, 0x50, 0x12, 0xda, 0xad, 0x4f, 0x19, 0x04, 0xe5, 0xbb, 0xbf, 0x8e, 0xe5,
	0xc5, 0x8d, 0x44, 0x9d, 0x64, 0xdc, 0x2c, 0x06, 0x53, 0x31, 0x32, 0x33, 0x18, 0x05, 0x61, 0x62,
	0x63, 0x1b, 0x06, 0x00, 0x00, 0x0e, 0x10, 0x21, 0x03, 0x71,
};
static const uint8_t coa_ack[] = {
	0x2c, 0xc8, 0x00, 0x2e, 0x8e, 0xaa, 0xbb, 0xac, 0xa0, 0x37, 0x46, 0x29, 0x41, 0x59, 0x8a, 0x2b,
	0xc7, 0x4f, 0x8b, 0x78, 0x50, 0x12, 0x00, 0x9f, 0xe6, 0xff, 0x6c, 0x06, 0x1b, 0x32, 0xf1, 0xe2,
	0xf6, 0xed, 0x9f, 0xdc, 0x14, 0x44, 0x18, 0x05, 0x61, 0x62, 0x63, 0x21, 0x03, 0x71,
};
static const uint8_t coa_nak[] = { /* Error-Cause 401 */
	0x2d, 0xc8, 0x00, 0x34, 0x02, 0xc3, 0x7f, 0x98, 0x73, 0x35, 0x5b, 0x7e, 0x4c, 0x15, 0x86, 0xcb,
	0x15, 0xfc, 0xac, 0x89, 0x50, 0x12, 0xf2, 0x1a, 0xda, 0xa9, 0xf8, 0x2a, 0x0d, 0xb4, 0x19, 0xfb,
	0x7a, 0x48, 0xb4, 0x5d, 0xa0, 0x53, 0x65, 0x06, 0x00, 0x00, 0x01, 0x91, 0x18, 0x05, 0x61, 0x62,
	0x63, 0x21, 0x03, 0x71,
};

static void expect_reply(const uint8_t *request, size_t request_len, enum dynauth_cause cause, const uint8_t *want,
			 size_t len)
{
	uint8_t reply[RADIUS_PACKET_MAX];
	struct radius_packet p;

	ck_assert_uint_eq(radius_check_request(&p, request, request_len, secret, true), RADIUS_GOOD);
	ck_assert_uint_eq(dynauth_reply(reply, sizeof reply, &p, cause, 6, secret), len);
	ck_assert_mem_eq(reply, want, len);
	ck_assert_uint_eq(dynauth_reply(reply, len, &p, cause, 6, secret), len);
	ck_assert_uint_eq(dynauth_reply(reply, len - 1, &p, cause, 6, secret), 0);
}

/* RAD-81, RAD-83, RAD-86 */
START_TEST(reply_octets)
{
	expect_reply(dm_request, sizeof dm_request, DYNAUTH_OK, dm_ack, sizeof dm_ack);
	expect_reply(dm_request, sizeof dm_request, DYNAUTH_NOT_FOUND, dm_nak, sizeof dm_nak);
	expect_reply(coa_request, sizeof coa_request, DYNAUTH_OK, coa_ack, sizeof coa_ack);
	expect_reply(coa_request, sizeof coa_request, DYNAUTH_UNSUPPORTED_ATTRIBUTE, coa_nak, sizeof coa_nak);
}
END_TEST

/* What stands behind the signature, and its code. */
static size_t reply_of(uint8_t code, const void *attributes, size_t len, enum dynauth_cause cause, uint8_t *reply_code,
		       uint8_t *out)
{
	uint8_t reply[RADIUS_PACKET_MAX];
	struct radius_packet p, q;
	size_t n;

	make(&p, code, attributes, len, true);
	n = dynauth_reply(reply, sizeof reply, &p, cause, 6, secret);
	ck_assert_uint_eq(radius_parse(&q, reply, n), RADIUS_GOOD);
	ck_assert_uint_eq(q.id, 9);
	ck_assert_uint_eq(q.attributes[0], RADIUS_MESSAGE_AUTHENTICATOR);
	*reply_code = q.code;
	memcpy(out, q.attributes + 18, q.len - 18);
	return q.len - 18;
}

/* RAD-89: 2xx never in a NAK, nor in a CoA-ACK; 4xx and 5xx never in an ACK. */
START_TEST(error_cause)
{
	uint8_t code, out[RADIUS_PACKET_MAX];
	size_t n;

	n = reply_of(RADIUS_DISCONNECT_REQUEST, A(USER), DYNAUTH_RESIDUAL_REMOVED, &code, out);
	ck_assert_uint_eq(code, RADIUS_DISCONNECT_ACK);
	ck_assert_uint_eq(n, 12);
	ck_assert_mem_eq(out, "\x65\x06\0\0\0\xc9\x31\x06\0\0\0\x06", 12);
	n = reply_of(RADIUS_COA_REQUEST, A(USER), DYNAUTH_RESIDUAL_REMOVED, &code, out);
	ck_assert_uint_eq(code, RADIUS_COA_ACK);
	ck_assert_uint_eq(n, 0);
	n = reply_of(RADIUS_DISCONNECT_REQUEST, A(USER), DYNAUTH_NOT_REMOVABLE, &code, out);
	ck_assert_uint_eq(code, RADIUS_DISCONNECT_NAK);
	ck_assert_uint_eq(n, 6);
	ck_assert_mem_eq(out, "\x65\x06\0\0\x01\xf8", 6);
}
END_TEST

/* RAD-83: State of a CoA only, one; RAD-90: from a broken list what could be read. */
START_TEST(states)
{
	uint8_t code, out[RADIUS_PACKET_MAX];
	size_t n;

	n = reply_of(RADIUS_DISCONNECT_REQUEST, A(USER "\x18\x03" "s" "\x21\x03" "p"), 401, &code, out);
	ck_assert_uint_eq(n, 9);
	ck_assert_mem_eq(out + 6, "\x21\x03" "p", 3);
	n = reply_of(RADIUS_COA_REQUEST, A(USER "\x18\x03" "s" "\x18\x03" "t"), 404, &code, out);
	ck_assert_uint_eq(n, 9);
	ck_assert_mem_eq(out + 6, "\x18\x03" "s", 3);
	n = reply_of(RADIUS_COA_REQUEST, A(USER "\x21\x03" "p" "\x19\0" "\x21\x03" "q"), 404, &code, out);
	ck_assert_uint_eq(code, RADIUS_COA_NAK);
	ck_assert_uint_eq(n, 9);
	ck_assert_mem_eq(out, "\x65\x06\0\0\x01\x94\x21\x03" "p", 9);
}
END_TEST

/* A request full of Proxy-State has no room for more: no answer rather than one without some of it. */
START_TEST(reply_bound)
{
	static uint8_t full[RADIUS_PACKET_MAX - RADIUS_HEADER], reply[2 * RADIUS_PACKET_MAX];
	struct radius_packet p;
	struct wbuf w;

	wbuf_init(&w, full, sizeof full);
	wbuf_bytes(&w, USER, sizeof USER - 1);
	for (int i = 0; i < 15; i++) {
		wbuf_u8(&w, RADIUS_PROXY_STATE);
		wbuf_u8(&w, 255);
		wbuf_zero(&w, 253);
	}
	wbuf_u8(&w, RADIUS_PROXY_STATE);
	wbuf_u8(&w, (uint8_t)(sizeof full - 15 * 255 - 7));
	wbuf_zero(&w, sizeof full - 15 * 255 - 9);
	ck_assert_uint_eq(wbuf_len(&w), sizeof full);
	ck_assert_uint_eq(make(&p, RADIUS_COA_REQUEST, full, sizeof full, false), RADIUS_GOOD);
	ck_assert_uint_eq(dynauth_reply(reply, sizeof reply, &p, DYNAUTH_OK, 0, secret), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("dynauth");

	UNIT_CASE(s, "request", causes, identification, changes, class_bound, timestamp_of_refused, eap_unsigned,
		  nas_without);
	UNIT_CASE(s, "reply", reply_octets, error_cause, states, reply_bound);
	return s;
}

UNIT_MAIN(suite)
