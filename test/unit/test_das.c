/*
 * The dynamic authorization server: what it does for requests (RAD-85 to RAD-87), and for those that come again
 * (RAD-82).
 */
#include "test/unit/unit_das.h"

START_TEST(disconnects)
{
	struct asker a = asker_open("127.0.0.1");
	struct das_view v;

	ask(&a, RADIUS_DISCONNECT_REQUEST, 1, A(ALICE S1 "\x19\x03" "c"));
	expect(&a, RADIUS_DISCONNECT_ACK, 0);
	ck_assert_mem_eq(a.reply + 38, "\x31\x06\0\0\0\x06", 6);
	ck_assert_uint_eq(sessions[0].disconnected, 1);
	ck_assert_uint_eq(sessions[0].class_len, 3);
	ck_assert_uint_eq(sessions[1].disconnected + sessions[2].disconnected, 0);
	ck_assert(logged("das-request client=127.0.0.1:", "kind=disconnect by=user+session user=\"alice\" session=\"s1\" "
			 "sessions=1 result=ack cause=0"));

	ask(&a, RADIUS_DISCONNECT_REQUEST, 2, A("\x01\x07" "carol"));
	expect(&a, RADIUS_DISCONNECT_NAK, DYNAUTH_NOT_FOUND);
	ask(&a, RADIUS_DISCONNECT_REQUEST, 3, A(BOB S1));
	expect(&a, RADIUS_DISCONNECT_NAK, DYNAUTH_NOT_FOUND);
	ask(&a, RADIUS_DISCONNECT_REQUEST, 4, A("\x19\x03" "c"));
	expect(&a, RADIUS_DISCONNECT_NAK, DYNAUTH_MISSING_ATTRIBUTE);
	ck_assert(logged("by=none user=\"\" session=\"\" sessions=0", "result=nak cause=402"));
	ask(&a, RADIUS_DISCONNECT_REQUEST, 5, A(ALICE "\x20\x06" "pac2"));
	expect(&a, RADIUS_DISCONNECT_NAK, DYNAUTH_NAS_MISMATCH);
	ck_assert_uint_eq(sessions[0].disconnected, 1);
	v = view();
	ck_assert_uint_eq(v.disconnect_requests, 5);
	ck_assert_uint_eq(v.disconnect_acks, 1);
	ck_assert_uint_eq(v.disconnect_naks, 4);
	ck_assert_uint_eq(v.coa_requests, 0);
	close(a.fd);
}
END_TEST

/* RAD-87: all or nothing, over attributes and over sessions. */
START_TEST(changes)
{
	struct asker a = asker_open("127.0.0.1");
	struct das_view v;

	ask(&a, RADIUS_COA_REQUEST, 1, A(BOB TIMEOUT));
	expect(&a, RADIUS_COA_ACK, 0);
	ck_assert_uint_eq(a.reply_len, 38);
	ck_assert_uint_eq(sessions[0].changed, 0);
	ck_assert_uint_eq(sessions[1].changed, 1);
	ck_assert_uint_eq(sessions[2].changed, 1);
	ck_assert_uint_eq(sessions[2].timeout, 3600);

	sessions[2].check = DYNAUTH_PROHIBITED;
	ask(&a, RADIUS_COA_REQUEST, 2, A(BOB TIMEOUT));
	expect(&a, RADIUS_COA_NAK, DYNAUTH_PROHIBITED);
	ask(&a, RADIUS_COA_REQUEST, 3, A(ALICE TIMEOUT "\x55\x06\0\0\0\x1e"));
	expect(&a, RADIUS_COA_NAK, DYNAUTH_INVALID_VALUE);
	ck_assert_uint_eq(sessions[0].changed, 0);
	ck_assert_uint_eq(sessions[1].changed, 1);
	/* Nothing to change is done at once. */
	ask(&a, RADIUS_COA_REQUEST, 4, A(ALICE));
	expect(&a, RADIUS_COA_ACK, 0);
	ck_assert_uint_eq(sessions[0].changed, 0);
	v = view();
	ck_assert_uint_eq(v.coa_requests, 4);
	ck_assert_uint_eq(v.coa_acks, 2);
	ck_assert_uint_eq(v.coa_naks, 2);
	close(a.fd);
}
END_TEST

/* RAD-85: however many there are. */
START_TEST(many_sessions)
{
	struct asker a = asker_open("127.0.0.1");

	for (nsessions = 0; nsessions < MAX; nsessions++)
		sessions[nsessions] = (struct session){ .user = "bob", .id = "s" };
	sessions[MAX - 1].check = DYNAUTH_INVALID_VALUE;
	ask(&a, RADIUS_COA_REQUEST, 1, A(BOB TIMEOUT));
	expect(&a, RADIUS_COA_NAK, DYNAUTH_INVALID_VALUE);
	ask(&a, RADIUS_DISCONNECT_REQUEST, 2, A(BOB));
	expect(&a, RADIUS_DISCONNECT_ACK, 0);
	for (unsigned i = 0; i < MAX; i++) {
		ck_assert_uint_eq(sessions[i].disconnected, 1);
		ck_assert_uint_eq(sessions[i].changed, 0);
	}
	ck_assert(logged("das-request", "sessions=100 result=ack"));
	close(a.fd);
}
END_TEST

/* RAD-85: what no session has is asked of none. */
START_TEST(other_identification)
{
	struct asker a = asker_open("127.0.0.1");

	ask(&a, RADIUS_DISCONNECT_REQUEST, 1, A(ALICE "\x59\x04" "cu"));
	expect(&a, RADIUS_DISCONNECT_NAK, DYNAUTH_NOT_FOUND);
	ck_assert_uint_eq(matches, 0);
	ck_assert_uint_eq(sessions[0].disconnected, 0);
	close(a.fd);
}
END_TEST

/* RAD-82: an exact copy gets the same octets, and nothing is done again. */
START_TEST(repeated)
{
	struct asker a = asker_open("127.0.0.1"), b = asker_open("127.0.0.1");
	uint8_t first[RADIUS_PACKET_MAX];
	size_t len;

	ask(&a, RADIUS_DISCONNECT_REQUEST, 1, A(ALICE "\x21\x04" "px"));
	expect(&a, RADIUS_DISCONNECT_ACK, 0);
	len = a.reply_len;
	memcpy(first, a.reply, len);
	nsessions = 0; /* it is gone: asked again, there would be a NAK */
	again(&a);
	expect(&a, RADIUS_DISCONNECT_ACK, 0);
	ck_assert_uint_eq(a.reply_len, len);
	ck_assert_mem_eq(a.reply, first, len);
	ck_assert_uint_eq(view().repeated, 1);
	ck_assert_uint_eq(view().disconnect_requests, 1);
	ck_assert_uint_eq(sessions[0].disconnected, 1);

	/* Another port, another id, another authenticator: each is a new request. */
	b.request_len = a.request_len;
	memcpy(b.request, a.request, a.request_len);
	again(&b);
	expect(&b, RADIUS_DISCONNECT_NAK, DYNAUTH_NOT_FOUND);
	ask(&a, RADIUS_DISCONNECT_REQUEST, 1, A(ALICE "\x21\x04" "py"));
	expect(&a, RADIUS_DISCONNECT_NAK, DYNAUTH_NOT_FOUND);
	ask(&a, RADIUS_DISCONNECT_REQUEST, 2, A(ALICE "\x21\x04" "px"));
	expect(&a, RADIUS_DISCONNECT_NAK, DYNAUTH_NOT_FOUND);

	/* A NAK is repeated as well; and after the window all is new. */
	nsessions = 3;
	again(&a);
	expect(&a, RADIUS_DISCONNECT_NAK, DYNAUTH_NOT_FOUND);
	ck_assert_uint_eq(view().repeated, 2);
	skip_ms((WINDOW - 1) * 1000);
	again(&a);
	expect(&a, RADIUS_DISCONNECT_NAK, DYNAUTH_NOT_FOUND);
	skip_ms(1000);
	again(&a);
	expect(&a, RADIUS_DISCONNECT_ACK, 0);
	ck_assert_uint_eq(sessions[0].disconnected, 2);
	close(a.fd);
	close(b.fd);
}
END_TEST

/* RAD-82: both directions; silence, and nothing is done. */
START_TEST(timestamps)
{
	struct asker a = asker_open("127.0.0.1");

	ask_dated(&a, RADIUS_DISCONNECT_REQUEST, 1, "alice", -WINDOW - 5);
	silence(&a);
	ask_dated(&a, RADIUS_DISCONNECT_REQUEST, 2, "alice", WINDOW + 5);
	silence(&a);
	ask_dated(&a, RADIUS_DISCONNECT_REQUEST, 3, "nobody", -WINDOW - 5); /* nor is there a NAK */
	silence(&a);
	ck_assert_uint_eq(sessions[0].disconnected, 0);
	ck_assert_uint_eq(view().dropped_replay, 3);
	ck_assert(logged("das-dropped client=127.0.0.1:", "reason=event-timestamp"));
	ask_dated(&a, RADIUS_DISCONNECT_REQUEST, 4, "alice", -WINDOW + 5);
	expect(&a, RADIUS_DISCONNECT_ACK, 0);
	ask_dated(&a, RADIUS_DISCONNECT_REQUEST, 5, "alice", WINDOW - 5);
	expect(&a, RADIUS_DISCONNECT_ACK, 0);
	ck_assert_uint_eq(sessions[0].disconnected, 2);

	conf.require_timestamp = true;
	configure();
	ask(&a, RADIUS_DISCONNECT_REQUEST, 6, A(ALICE));
	silence(&a);
	ck_assert(logged("das-dropped", "reason=no-event-timestamp"));
	ck_assert_uint_eq(view().dropped_replay, 4);
	ask_dated(&a, RADIUS_DISCONNECT_REQUEST, 7, "alice", 0);
	expect(&a, RADIUS_DISCONNECT_ACK, 0);
	close(a.fd);
}
END_TEST

/* A recorded request is of no use: not from another port, nor as long as its timestamp would still do. */
START_TEST(recorded)
{
	struct asker a = asker_open("127.0.0.1"), b = asker_open("127.0.0.1");

	ask_dated(&a, RADIUS_DISCONNECT_REQUEST, 1, "alice", WINDOW - 20);
	expect(&a, RADIUS_DISCONNECT_ACK, 0);
	b.request_len = a.request_len;
	memcpy(b.request, a.request, a.request_len);
	again(&b);
	expect(&b, RADIUS_DISCONNECT_ACK, 0);
	skip_ms((2 * WINDOW - 30) * 1000);
	again(&a);
	expect(&a, RADIUS_DISCONNECT_ACK, 0);
	ck_assert_uint_eq(sessions[0].disconnected, 1);
	ck_assert_uint_eq(view().repeated, 2);
	close(a.fd);
	close(b.fd);
}
END_TEST

/* RAD-82: 256 in a window, and not one more; each client has its own. */
START_TEST(too_many)
{
	struct asker a = asker_open("127.0.0.1"), b = asker_open("127.0.0.1"), c;

	client_set(1, "127.0.0.2", "second secret");
	configure();
	for (unsigned i = 0; i < 256; i++) {
		ask(&a, RADIUS_COA_REQUEST, (uint8_t)i, A(ALICE TIMEOUT));
		expect(&a, RADIUS_COA_ACK, 0);
	}
	ask(&b, RADIUS_COA_REQUEST, 7, A(ALICE TIMEOUT));
	silence(&b);
	ck_assert_uint_eq(view().dropped_replay, 1);
	ck_assert(logged("das-dropped", "reason=too-many"));
	ck_assert_uint_eq(sessions[0].changed, 256);
	again(&a);
	expect(&a, RADIUS_COA_ACK, 0);
	ck_assert_uint_eq(view().repeated, 1);
	c = asker_open("127.0.0.2");
	c.secret = "second secret";
	ask(&c, RADIUS_COA_REQUEST, 7, A(ALICE TIMEOUT));
	expect(&c, RADIUS_COA_ACK, 0);
	skip_ms(WINDOW * 1000);
	again(&b);
	expect(&b, RADIUS_COA_ACK, 0);
	close(a.fd);
	close(b.fd);
	close(c.fd);
}
END_TEST

/* More than a round's batch waits: all of it is answered. */
START_TEST(burst)
{
	struct asker a = asker_open("127.0.0.1");
	unsigned n = 0;

	for (unsigned i = 0; i < 100; i++) {
		make(&a, RADIUS_COA_REQUEST, (uint8_t)i, A(ALICE TIMEOUT), true);
		ck_assert_int_eq(sendto(a.fd, a.request, a.request_len, 0, (struct sockaddr *)&a.to, address_len(&a.to)),
				 a.request_len);
	}
	turn();
	while (receive(&a))
		n++;
	ck_assert_uint_eq(n, 100);
	ck_assert_uint_eq(sessions[0].changed, 100);
	close(a.fd);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("das");

	DAS_CASE(s, "requests", disconnects, changes, many_sessions, other_identification, burst);
	DAS_CASE(s, "replay", repeated, timestamps, recorded, too_many);
	return s;
}

UNIT_MAIN(suite)
