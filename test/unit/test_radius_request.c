/*
 * What pacd says to a RADIUS server: access server, call, Call-Check and login, to the octet.  RAD-01 to RAD-07,
 * RAD-10, RAD-20 to RAD-23, RAD-44.
 */
#include "pacd/proto/radius_request.h"
#include "test/unit/unit.h"
#include "test/unit/unit_radius_list.h"

#include <errno.h>

static const uint8_t authenticator[] = {
	0x0F, 0x40, 0x3F, 0x94, 0x73, 0x97, 0x80, 0x57, 0xBD, 0x83, 0xD5, 0xCB, 0x98, 0xF4, 0x22, 0x7A,
};
/* Of RFC 2865 section 7.1, for the password "arctangent". */
static const struct radius_hiding hiding = { { (const uint8_t *)"xyzzy5461", 9 }, authenticator };
static const char arctangent[] = "\x0D\xBE\x70\x8D\x93\xD4\x13\xCE\x31\x96\xE4\x3F\x78\x2A\x0A\xEE";

static const struct radius_nas nas = { .address = 0xC0A80110, .identifier = "pac" };
static const struct radius_call call = {
	.session_id = "0000000a00000001",
	.nas_port = 12,
	.port_type = RADIUS_PORT_VIRTUAL,
	.port_id = "pptp12",
	.calling = "198.51.100.7",
	.called = "203.0.113.1",
	.connect_info = "64000 PPTP",
	.tunnel = { .client = 0xC6336407, .server = 0xCB007101, .connection = "4711" },
};

#define NAS_LIST V(4, "\xC0\xA8\x01\x10"), V(32, "pac")
#define CALL_LIST                                                                                      \
	V(5, "\0\0\0\x0C"), V(61, "\0\0\0\5"), V(87, "pptp12"), V(31, "198.51.100.7"), V(30, "203.0.113.1"), \
		V(44, "0000000a00000001"), V(77, "64000 PPTP"), V(64, "\0\0\0\1"), V(65, "\0\0\0\1"),          \
		V(66, "198.51.100.7"), V(67, "203.0.113.1"), V(68, "4711")

/* --- access server and call --- */

START_TEST(rad01_nas)
{
	struct radius_nas n = { .has_address6 = true, .address6 = { 0x20, 1, 0x0D, 0xB8, [15] = 1 } };
	struct list l;

	list_begin(&l);
	radius_put_nas(&l.w, &nas);
	LIST_IS(&l, NAS_LIST);
	list_begin(&l);
	radius_put_nas(&l.w, &n);
	LIST_IS(&l, V(95, "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\1"));
	n.address = 0x0A000001;
	list_begin(&l);
	radius_put_nas(&l.w, &n);
	LIST_IS(&l, V(4, "\x0A\0\0\1"), V(95, "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\1"));
}
END_TEST

START_TEST(rad02_port_type)
{
	ck_assert_uint_eq(radius_port_type(1, 1), 0);
	ck_assert_uint_eq(radius_port_type(1, 2), 1);
	ck_assert_uint_eq(radius_port_type(2, 2), 2);
	ck_assert_uint_eq(radius_port_type(2, 1), 3);
	for (uint32_t i = 0; i < 4; i++) {
		ck_assert_uint_eq(radius_port_type(0, i), 5);
		ck_assert_uint_eq(radius_port_type(3, i), 5);
		ck_assert_uint_eq(radius_port_type(i, 0), 5);
		ck_assert_uint_eq(radius_port_type(i, 3), 5);
	}
	ck_assert_uint_eq(radius_port_type(0xFFFFFFFC | 2, 0x10 | 2), 2);
}
END_TEST

START_TEST(rad06_call)
{
	struct list l;

	list_begin(&l);
	radius_put_call(&l.w, &call);
	LIST_IS(&l, CALL_LIST);
}
END_TEST

/* Empty texts are left out; NAS-Port and its type are numbers and stay. */
START_TEST(rad03_empty_call)
{
	static const struct radius_call none;
	struct list l;

	list_begin(&l);
	radius_put_call(&l.w, &none);
	LIST_IS(&l, V(5, "\0\0\0\0"), V(61, "\0\0\0\0"));
}
END_TEST

START_TEST(rad07_tunnel)
{
	struct radius_tunnel t = { .client = 0x01020304 };
	struct list l;

	list_begin(&l);
	radius_put_tunnel(&l.w, &t);
	LIST_IS(&l, V(64, "\0\0\0\1"), V(65, "\0\0\0\1"), V(66, "1.2.3.4"));
	t = (struct radius_tunnel){ .connection = "65535" };
	list_begin(&l);
	radius_put_tunnel(&l.w, &t);
	LIST_IS(&l, V(64, "\0\0\0\1"), V(65, "\0\0\0\1"), V(68, "65535"));
}
END_TEST

/* What the set of a compulsory tunnel gave; a first octet up to 0x1F would be a tag, so it gets one. */
START_TEST(rad44_tunnel_texts)
{
	struct radius_tunnel t = { .server = 0xFFFFFFFF, .private_group = "vlan", .assignment = "\x1F" "a",
				   .client_auth = " c", .server_auth = "" };
	struct list l;

	list_begin(&l);
	radius_put_tunnel(&l.w, &t);
	LIST_IS(&l, V(64, "\0\0\0\1"), V(65, "\0\0\0\1"), V(67, "255.255.255.255"), V(81, "vlan"), V(82, "\0\x1F" "a"),
		V(90, " c"));
}
END_TEST

START_TEST(rad44_tunnel_text_long)
{
	char text[300];
	struct radius_tunnel t = { .server = 1, .private_group = text };
	struct list l;

	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	list_begin(&l);
	radius_put_tunnel(&l.w, &t);
	list_end(&l);
	ck_assert_uint_eq(list_find(&l, 81, 0)->len, 253);
	text[0] = 1;
	list_begin(&l);
	radius_put_tunnel(&l.w, &t);
	list_end(&l);
	ck_assert_uint_eq(list_find(&l, 81, 0)->len, 253);
	ck_assert_mem_eq(list_find(&l, 81, 0)->value, "\0\1x", 3);
}
END_TEST

/* --- Call-Check --- */

START_TEST(rad10_call_check)
{
	struct list l;

	list_begin(&l);
	radius_put_call_check(&l.w, &nas, &call, RADIUS_SERVICE_CALL_CHECK, "198.51.100.7", "arctangent", &hiding);
	LIST_IS(&l, V(1, "198.51.100.7"), VN(2, arctangent, 16), V(6, "\0\0\0\x0A"), NAS_LIST, CALL_LIST);
	list_begin(&l);
	radius_put_call_check(&l.w, &nas, &call, RADIUS_SERVICE_OUTBOUND, "5551234", "arctangent", &hiding);
	LIST_IS(&l, V(1, "5551234"), VN(2, arctangent, 16), V(6, "\0\0\0\5"), NAS_LIST, CALL_LIST);
}
END_TEST

START_TEST(rad10_password_too_long)
{
	char password[130];
	struct list l;

	memset(password, 'p', sizeof password);
	password[128] = '\0';
	list_begin(&l);
	radius_put_call_check(&l.w, &nas, &call, RADIUS_SERVICE_CALL_CHECK, "1", password, &hiding);
	list_end(&l);
	ck_assert_uint_eq(list_find(&l, 2, 0)->len, 128);
	password[128] = 'p';
	password[129] = '\0';
	list_begin(&l);
	radius_put_call_check(&l.w, &nas, &call, RADIUS_SERVICE_CALL_CHECK, "1", password, &hiding);
	ck_assert(l.w.fault);
}
END_TEST

/* --- login --- */

static struct plugin_auth proof_of(uint8_t method, size_t challenge_len, size_t proof_len)
{
	struct plugin_auth p = { .method = method, .id = 0x16, .name_len = 4, .name = "nemo" };

	p.challenge_len = (uint8_t)challenge_len;
	p.proof_len = (uint8_t)proof_len;
	for (size_t i = 0; i < sizeof p.challenge; i++)
		p.challenge[i] = (uint8_t)(0x80 + i);
	for (size_t i = 0; i < sizeof p.proof; i++)
		p.proof[i] = (uint8_t)(0x20 + i);
	return p;
}

#define LOGIN_LIST V(6, "\0\0\0\2"), V(7, "\0\0\0\1"), NAS_LIST, CALL_LIST

static void login(struct list *l, const struct plugin_auth *p)
{
	list_begin(l);
	ck_assert_int_eq(radius_put_login(&l->w, &nas, &call, p, &hiding), 0);
}

/* Refused, and nothing written of it. */
static void no_login(const struct plugin_auth *p)
{
	struct list l;

	list_begin(&l);
	ck_assert_int_eq(radius_put_login(&l.w, &nas, &call, p, &hiding), -EINVAL);
	ck_assert(!l.w.fault);
	ck_assert_uint_eq(wbuf_len(&l.w), 0);
}

START_TEST(rad20_pap)
{
	struct plugin_auth p = proof_of(PLUGIN_PAP, 0, 10);
	struct list l;

	memcpy(p.proof, "arctangent", 10);
	login(&l, &p);
	LIST_IS(&l, V(1, "nemo"), VN(2, arctangent, 16), LOGIN_LIST);
}
END_TEST

START_TEST(rad20_pap_lengths)
{
	static const struct { uint8_t len, hidden; } cases[] = {
		{ 0, 16 }, { 1, 16 }, { 16, 16 }, { 17, 32 }, { 128, 128 },
	};
	struct plugin_auth p;
	struct list l;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		p = proof_of(PLUGIN_PAP, 0, cases[i].len);
		login(&l, &p);
		list_end(&l);
		ck_assert_uint_eq(list_find(&l, 2, 0)->len, cases[i].hidden);
	}
	p = proof_of(PLUGIN_PAP, 0, 129);
	no_login(&p);
	p = proof_of(PLUGIN_PAP, 0, 255);
	no_login(&p);
}
END_TEST

START_TEST(rad21_chap)
{
	struct plugin_auth p = proof_of(PLUGIN_CHAP_MD5, 3, 16);
	struct list l;

	login(&l, &p);
	LIST_IS(&l, V(1, "nemo"), V(3, "\x16 !\"#$%&'()*+,-./"), V(60, "\x80\x81\x82"), LOGIN_LIST);
}
END_TEST

START_TEST(rad21_chap_lengths)
{
	for (unsigned n = 0; n < 256; n++) {
		struct plugin_auth p = proof_of(PLUGIN_CHAP_MD5, 16, n);
		struct list l;

		if (n != 16)
			no_login(&p);
		p = proof_of(PLUGIN_CHAP_MD5, n, 16);
		if (n == 0 || n > 253) {
			no_login(&p);
			continue;
		}
		login(&l, &p);
		list_end(&l);
		ck_assert_uint_eq(list_find(&l, 60, 0)->len, n);
	}
}
END_TEST

START_TEST(rad22_mschap)
{
	struct plugin_auth p = proof_of(PLUGIN_MSCHAP, 8, 49);
	uint8_t response[56] = { 0, 0, 1, 0x37, 1, 52, 0x16, 1 };
	struct list l;

	p.proof[48] = 1;
	memcpy(response + 8, p.proof, 48); /* LM response, NT response */
	login(&l, &p);
	LIST_IS(&l, V(1, "nemo"), V(26, "\0\0\1\x37\x0B\x0A\x80\x81\x82\x83\x84\x85\x86\x87"), VN(26, response, 56),
		LOGIN_LIST);
}
END_TEST

START_TEST(rad23_mschapv2)
{
	struct plugin_auth p = proof_of(PLUGIN_MSCHAPV2, 16, 49);
	uint8_t challenge[22] = { 0, 0, 1, 0x37, 11, 18 };
	uint8_t response[56] = { 0, 0, 1, 0x37, 25, 52, 0x16, 0 };
	struct list l;

	p.proof[48] = 0x7F; /* the peer's flags don't get there */
	memcpy(challenge + 6, p.challenge, 16);
	memcpy(response + 8, p.proof, 48); /* peer challenge, reserved, NT response */
	login(&l, &p);
	LIST_IS(&l, V(1, "nemo"), VN(26, challenge, 22), VN(26, response, 56), LOGIN_LIST);
}
END_TEST

START_TEST(rad23_mschap_lengths)
{
	for (unsigned n = 0; n < 256; n++) {
		struct plugin_auth p = proof_of(PLUGIN_MSCHAP, 8, n);

		if (n != 49) {
			no_login(&p);
			p = proof_of(PLUGIN_MSCHAPV2, 16, n);
			no_login(&p);
		}
		if (n != 8) {
			p = proof_of(PLUGIN_MSCHAP, n, 49);
			no_login(&p);
		}
		if (n != 16) {
			p = proof_of(PLUGIN_MSCHAPV2, n, 49);
			no_login(&p);
		}
	}
}
END_TEST

START_TEST(login_names)
{
	struct plugin_auth p = proof_of(PLUGIN_PAP, 0, 3);
	struct list l;

	memcpy(p.name, "DOM\\a\0b", 7); /* as the peer gave it */
	p.name_len = 7;
	login(&l, &p);
	list_end(&l);
	ck_assert_uint_eq(list_find(&l, 1, 0)->len, 7);
	ck_assert_mem_eq(list_find(&l, 1, 0)->value, "DOM\\a\0b", 7);
	p.name_len = 253;
	login(&l, &p);
	p.name_len = 254;
	no_login(&p);
	p.name_len = 0;
	no_login(&p);
}
END_TEST

START_TEST(login_methods)
{
	for (unsigned method = 0; method < 256; method++) {
		struct plugin_auth p = proof_of((uint8_t)method, 16, 49);

		if (method != PLUGIN_PAP && method != PLUGIN_MSCHAPV2)
			no_login(&p);
	}
}
END_TEST

/* What does not fit shows in the writer, and so in radius_finish(). */
START_TEST(login_without_room)
{
	struct plugin_auth p = proof_of(PLUGIN_MSCHAPV2, 16, 49);
	struct list l;
	size_t whole;

	login(&l, &p);
	whole = wbuf_len(&l.w);
	for (size_t room = 0; room <= whole; room++) {
		uint8_t *mem = malloc(room ? room : 1);
		struct wbuf w;

		wbuf_init(&w, mem, room);
		ck_assert_int_eq(radius_put_login(&w, &nas, &call, &p, &hiding), 0);
		ck_assert_uint_eq(wbuf_len(&w), room < whole ? 0 : whole);
		free(mem);
	}
}
END_TEST

static Suite *radius_request_suite(void)
{
	Suite *s = suite_create("radius_request");

	UNIT_CASE(s, "call", rad01_nas, rad02_port_type, rad06_call, rad03_empty_call, rad07_tunnel,
		  rad44_tunnel_texts, rad44_tunnel_text_long);
	UNIT_CASE(s, "call_check", rad10_call_check, rad10_password_too_long);
	UNIT_CASE(s, "login", rad20_pap, rad20_pap_lengths, rad21_chap, rad21_chap_lengths, rad22_mschap,
		  rad23_mschapv2, rad23_mschap_lengths, login_names, login_methods, login_without_room);
	return s;
}

UNIT_MAIN(radius_request_suite)
