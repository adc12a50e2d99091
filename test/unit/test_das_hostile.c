/*
 * The dynamic authorization server: whom and what it does not answer (RAD-80, RAD-81, RAD-90), and its sockets and
 * clients over reloads (RAD-83).
 */
#include "test/unit/unit_das.h"

/* RAD-80: who is not configured, and who has another one's secret. */
START_TEST(strangers)
{
	struct asker a = asker_open("127.0.0.3"), b;

	ask(&a, RADIUS_DISCONNECT_REQUEST, 1, A(ALICE));
	silence(&a);
	ck_assert_uint_eq(view().dropped_client, 1);
	ck_assert(logged("das-dropped client=127.0.0.3:", "reason=unknown-client"));
	for (int i = 0; i < 100; i++)
		again(&a);
	ck_assert_uint_eq(view().dropped_client, 101);
	ck_assert_uint_le(nlines, 11); /* the line of the socket, and a burst */

	client_set(1, "127.0.0.2", "second secret");
	configure();
	b = asker_open("127.0.0.2");
	ask(&b, RADIUS_DISCONNECT_REQUEST, 1, A(ALICE)); /* with the first one's */
	silence(&b);
	ck_assert_uint_eq(view().dropped[RADIUS_BAD_AUTHENTICATOR], 1);
	b.secret = "second secret";
	ask(&b, RADIUS_DISCONNECT_REQUEST, 1, A(ALICE));
	expect(&b, RADIUS_DISCONNECT_ACK, 0);
	ck_assert_uint_eq(sessions[0].disconnected, 1);
	close(a.fd);
	close(b.fd);
}
END_TEST

/* A client whose name has no address (yet), or without a secret, is none: an empty secret would let in anybody. */
START_TEST(unfinished_clients)
{
	struct asker a = asker_open("127.0.0.1");

	clients[0].secret = (char *)(uintptr_t)"";
	configure();
	a.secret = "";
	ask(&a, RADIUS_DISCONNECT_REQUEST, 1, A(ALICE));
	silence(&a);
	clients[0].secret = NULL;
	configure();
	again(&a);
	silence(&a);
	clients[0].secret = (char *)(uintptr_t)"first secret";
	clients[0].address.ss_family = 0;
	configure();
	again(&a);
	silence(&a);
	ck_assert_uint_eq(view().dropped_client, 3);
	close(a.fd);
}
END_TEST

/* RAD-80, RAD-81, RAD-90: hostile packets; only a broken list of one who knows the secret gets an answer. */
START_TEST(hostile)
{
	struct asker a = asker_open("127.0.0.1");
	uint8_t data[RADIUS_PACKET_MAX + 100] = { 0 };
	struct das_view v;

	for (size_t len = 0; len < 20; len++) {
		data[0] = RADIUS_DISCONNECT_REQUEST;
		data[3] = (uint8_t)len;
		send_octets(&a, data, len);
	}
	make(&a, RADIUS_DISCONNECT_REQUEST, 1, A(ALICE), true);
	send_octets(&a, a.request, a.request_len - 1); /* shorter than it says */
	v = view();
	ck_assert_uint_eq(v.dropped[RADIUS_BAD_LENGTH], 21);
	a.request[5] ^= 1;
	again(&a);
	ck_assert_uint_eq(view().dropped[RADIUS_BAD_AUTHENTICATOR], 1);
	for (unsigned code = 0; code < 256; code++)
		if (code != RADIUS_DISCONNECT_REQUEST && code != RADIUS_COA_REQUEST)
			ask(&a, (uint8_t)code, 1, A(ALICE));
	ck_assert_uint_eq(view().dropped[RADIUS_BAD_CODE], 254);
	/* A wrong Message-Authenticator under a good Request Authenticator; two of them; one that is too short. */
	make(&a, RADIUS_DISCONNECT_REQUEST, 1, A(ALICE "\x50\x12" "0123456789abcdef"), false);
	again(&a);
	make(&a, RADIUS_DISCONNECT_REQUEST, 1, A(ALICE "\x50\x12" "0123456789abcdef"), true);
	again(&a);
	make(&a, RADIUS_DISCONNECT_REQUEST, 1, A(ALICE "\x50\x0a" "01234567"), false);
	again(&a);
	ck_assert_uint_eq(view().dropped[RADIUS_BAD_SIGNATURE], 3);
	silence(&a);
	ck_assert_uint_eq(matches, 0);
	ask(&a, RADIUS_DISCONNECT_REQUEST, 1, A(ALICE "\x19\x09" "a"));
	expect(&a, RADIUS_DISCONNECT_NAK, DYNAUTH_INVALID_REQUEST);
	ck_assert_uint_eq(matches, 0);
	close(a.fd);
}
END_TEST

/* Octets behind the Length are no attributes (a fault of others: rival-accel-ppp). */
START_TEST(padding)
{
	struct asker a = asker_open("127.0.0.1");

	make(&a, RADIUS_DISCONNECT_REQUEST, 1, A(ALICE), true);
	memcpy(a.request + a.request_len, A("\x3e\x06\0\0\0\x01" "\xff\xff\xff"));
	a.request_len += 9;
	again(&a);
	a.request_len -= 9;
	expect(&a, RADIUS_DISCONNECT_ACK, 0);
	/* Without them it is the same request. */
	again(&a);
	expect(&a, RADIUS_DISCONNECT_ACK, 0);
	ck_assert_uint_eq(sessions[0].disconnected, 1);
	close(a.fd);
}
END_TEST

/* RAD-81 */
START_TEST(signature_required)
{
	struct asker a = asker_open("127.0.0.1");

	make(&a, RADIUS_DISCONNECT_REQUEST, 1, A(ALICE), false);
	again(&a);
	expect(&a, RADIUS_DISCONNECT_ACK, 0); /* signed all the same: expect() looks */
	clients[0].require_signature = true;
	configure();
	make(&a, RADIUS_DISCONNECT_REQUEST, 2, A(ALICE), false);
	again(&a);
	silence(&a);
	ck_assert_uint_eq(view().dropped[RADIUS_NO_SIGNATURE], 1);
	ask(&a, RADIUS_DISCONNECT_REQUEST, 2, A(ALICE));
	expect(&a, RADIUS_DISCONNECT_ACK, 0);
	close(a.fd);
}
END_TEST

/* What could not be answered is not done. */
START_TEST(no_room_for_reply)
{
	static uint8_t attributes[RADIUS_PACKET_MAX - RADIUS_HEADER];
	struct asker a = asker_open("127.0.0.1");
	struct wbuf w;

	wbuf_init(&w, attributes, sizeof attributes);
	wbuf_bytes(&w, A(ALICE));
	for (int i = 0; i < 15; i++) {
		wbuf_u8(&w, RADIUS_PROXY_STATE);
		wbuf_u8(&w, 255);
		wbuf_zero(&w, 253);
	}
	wbuf_u8(&w, RADIUS_PROXY_STATE);
	wbuf_u8(&w, 240);
	wbuf_zero(&w, 238);
	make(&a, RADIUS_DISCONNECT_REQUEST, 1, attributes, wbuf_len(&w), false);
	again(&a);
	silence(&a);
	ck_assert_uint_eq(view().dropped[RADIUS_BAD_LENGTH], 1);
	ck_assert_uint_eq(sessions[0].disconnected, 0);
	close(a.fd);
}
END_TEST

/* RAD-83: bound to all addresses, the reply still comes from the one that was asked (expect() looks). */
START_TEST(any_address)
{
	struct asker a;

	listen_on("0.0.0.0");
	configure();
	a = asker_open("127.0.0.1");
	a.to = address("127.0.0.7", das_address_port(&listens[0]));
	ask(&a, RADIUS_DISCONNECT_REQUEST, 1, A(ALICE));
	expect(&a, RADIUS_DISCONNECT_ACK, 0);
	close(a.fd);
}
END_TEST

static bool has_ipv6(void)
{
	int fd = udp("::1", NULL);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* IPv6, beside IPv4 on the same port; a client written in the mapped form is an IPv4 one. */
START_TEST(families)
{
	struct asker a;
	uint16_t port = das_address_port(&listens[0]);

	client_set(0, "::ffff:127.0.0.1", "first secret");
	if (has_ipv6()) {
		client_set(1, "::1", "second secret");
		listens[1] = address("::", port);
		conf.nlisten = 2;
	}
	configure();
	a = asker_open("127.0.0.1");
	ask(&a, RADIUS_DISCONNECT_REQUEST, 1, A(ALICE));
	expect(&a, RADIUS_DISCONNECT_ACK, 0);
	close(a.fd);
	if (conf.nlisten == 1)
		return;
	a = asker_open("::1");
	a.to = address("::1", port);
	a.secret = "second secret";
	ask(&a, RADIUS_DISCONNECT_REQUEST, 1, A(BOB));
	expect(&a, RADIUS_DISCONNECT_ACK, 0);
	ck_assert(logged("das-request client=[::1]:", "user=\"bob\""));
	ck_assert_uint_eq(sessions[1].disconnected, 1);
	close(a.fd);
}
END_TEST

/* A reload: what stays listens on, what waits in its socket too; a secret changes at once; answers are kept. */
START_TEST(reconfigure)
{
	struct asker a = asker_open("127.0.0.1");
	unsigned fds = open_fds();

	ask(&a, RADIUS_DISCONNECT_REQUEST, 1, A(ALICE));
	expect(&a, RADIUS_DISCONNECT_ACK, 0);
	client_set(1, "127.0.0.9", "another");
	configure();
	again(&a);
	expect(&a, RADIUS_DISCONNECT_ACK, 0);
	ck_assert_uint_eq(view().repeated, 1);

	make(&a, RADIUS_DISCONNECT_REQUEST, 2, A(ALICE), true);
	ck_assert_int_eq(sendto(a.fd, a.request, a.request_len, 0, (struct sockaddr *)&a.to, address_len(&a.to)),
			 a.request_len);
	configure();
	turn();
	expect(&a, RADIUS_DISCONNECT_ACK, 0);
	ck_assert_uint_eq(open_fds(), fds);

	clients[0].secret = (char *)(uintptr_t)"newer secret";
	configure();
	ask(&a, RADIUS_DISCONNECT_REQUEST, 3, A(ALICE));
	silence(&a);
	a.secret = "newer secret";
	ask(&a, RADIUS_DISCONNECT_REQUEST, 3, A(ALICE));
	expect(&a, RADIUS_DISCONNECT_ACK, 0);
	ck_assert_uint_eq(sessions[0].disconnected, 3);
	close(a.fd);
}
END_TEST

/* Listening addresses come and go; the same port moves to another address; twice the same is one. */
START_TEST(listen_moves)
{
	unsigned fds = open_fds();
	uint16_t port = das_address_port(&listens[0]);
	struct asker a;

	listens[0] = address("0.0.0.0", port);
	listens[1] = listens[0];
	conf.nlisten = 2;
	configure();
	ck_assert(!logged("das-listen ", ""));
	ck_assert_uint_eq(open_fds(), fds);
	a = asker_open("127.0.0.1");
	a.to = address("127.0.0.1", port);
	ask(&a, RADIUS_DISCONNECT_REQUEST, 1, A(ALICE));
	expect(&a, RADIUS_DISCONNECT_ACK, 0);
	conf.nlisten = 0;
	configure();
	ck_assert_uint_eq(open_fds(), fds); /* without the socket, with the asker's */
	ask(&a, RADIUS_DISCONNECT_REQUEST, 2, A(ALICE));
	silence(&a);
	close(a.fd);
	das_free(das);
	das = NULL;
	ck_assert_uint_eq(open_fds(), fds - 1);
}
END_TEST

/* A port that another program has: said with the address and what to do; and got at the next reload. */
START_TEST(port_taken)
{
	uint16_t port = 0;
	int fd = udp("127.0.0.1", &port);
	char text[64];
	struct asker a;

	listens[0] = address("127.0.0.1", port);
	nlines = 0;
	configure();
	snprintf(text, sizeof text, "das-listen address=127.0.0.1:%u error=", port);
	ck_assert(logged(text, "hint=\"another program has this port"));
	close(fd);
	configure();
	a = asker_open("127.0.0.1");
	ask(&a, RADIUS_DISCONNECT_REQUEST, 1, A(ALICE));
	expect(&a, RADIUS_DISCONNECT_ACK, 0);
	close(a.fd);

	listens[0] = address("192.0.2.1", port);
	configure();
	ck_assert(logged("das-listen address=192.0.2.1:", "hint=\"no interface has this address"));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("das_hostile");

	DAS_CASE(s, "hostile", strangers, unfinished_clients, hostile, padding, signature_required, no_room_for_reply);
	DAS_CASE(s, "sockets", any_address, families, reconfigure, listen_moves, port_taken);
	return s;
}

UNIT_MAIN(suite)
