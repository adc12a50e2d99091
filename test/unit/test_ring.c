/*
 * Calls that come in on real lines (ledger CALL-IN-01 to CALL-IN-14, CALL-04): what each PNS is told, when the line is
 * answered, and where a call goes that nobody takes.
 */
#include "test/unit/unit_ring.h"

static void routed(void)
{
	real_with(REAL(ROUTES));
}

/* The configured PNS has a connection of its own: no other is opened. */
static struct pns *known_pns(void)
{
	return pns_up(PNS_A);
}

static struct msg_icrq offered(struct pns *n)
{
	return pns_expect(n, MSG_ICRQ).icrq;
}

/* A call that is up; its session. */
static uint64_t dialled_in(struct pns *n, uint16_t pns_id)
{
	uint64_t ring = ring_now(), id;
	struct msg_icrq rq = offered(n);

	pns_icrp(n, rq.call_id, pns_id, ICRP_CONNECT);
	ck_assert(was_answered(ring));
	id = rings[ring].session;
	real_connects(id, 33600);
	pns_expect(n, MSG_ICCN);
	return id;
}

/* CALL-IN-01, CALL-IN-03: the line is answered behind the ICRP and not before, and the ICCN has what it is like. */
START_TEST(in_01_03_offer_answer_connect)
{
	struct pns *n = known_pns();
	uint64_t ring = ring_now();
	struct msg_icrq rq = offered(n);
	struct msg_iccn cn;

	ck_assert_uint_ne(rq.call_id, 0);
	ck_assert_uint_eq(rq.bearer, MSG_BEARER_ANALOG);
	ck_assert_uint_eq(rq.channel, 7);
	ck_assert_uint_eq(rq.dialed_len, 7);
	ck_assert_mem_eq(rq.dialed, "5550000\0", 8);
	ck_assert_uint_eq(rq.dialing_len, 7);
	ck_assert_mem_eq(rq.dialing, "5551234\0", 8);
	ck_assert(!was_answered(ring));
	ck_assert_uint_eq(sessions_channels(sessions), 1);

	pns_icrp(n, rq.call_id, 99, ICRP_CONNECT);
	ck_assert(was_answered(ring));
	pns_silence(n);
	real_connects(rings[ring].session, 33600);
	cn = pns_expect(n, MSG_ICCN).iccn;
	ck_assert_uint_eq(cn.peer_call_id, 99);
	ck_assert_uint_eq(cn.speed, 33600);
	ck_assert_uint_eq(cn.framing, MSG_FRAMING_ASYNC);
	ck_assert_uint_eq(cn.window, 4);
	ck_assert_uint_eq(cn.delay, 15); /* GRE-13: 1496 * 4 * 8 / 33600 = 1.42 s */
	ck_assert_uint_eq(sessions_channels(sessions), 1);

	/* CALL-IN-09 */
	real_goes_down(rings[ring].session, MSG_ERR_NONE);
	ck_assert_uint_eq(cdn_code(n), CDN_LOST_CARRIER * 10);
	pns_close(n);
}
END_TEST

/* CALL-IN-02, CC-15: no connection to the PNS: one is opened, and it serves the next call as well. */
START_TEST(in_02_connection_is_opened)
{
	int a = pns_listens(PNS_A);
	uint64_t ring = ring_now();
	struct pns *n = pns_called(a);
	struct msg_icrq rq;

	ck_assert_ptr_nonnull(n);
	pns_accepts(n);
	rq = offered(n);
	pns_icrp(n, rq.call_id, 1, ICRP_CONNECT);
	ck_assert(was_answered(ring));
	dialled_in(n, 2);
	ck_assert_ptr_null(pns_called(a));
	pns_close(n);
	close(a);
}
END_TEST

/* CALL-IN-04: refused by all: never answered, and no message behind the refusal. */
START_TEST(in_04_refused)
{
	static const uint8_t results[] = { 2, 3, 0, 9 };
	int b = pns_listens(PNS_B);
	struct pns *n = known_pns(), *q = NULL;

	for (unsigned i = 0; i < 4; i++) {
		uint64_t ring = ring_now();

		pns_icrp(n, offered(n).call_id, 5, results[i]);
		skip_ms(2);
		if (!q) { /* and the next one is tried at once */
			q = pns_called(b);
			ck_assert_ptr_nonnull(q);
			pns_accepts(q);
		}
		pns_icrp(q, offered(q).call_id, 5, results[i]);
		ck_assert(was_rejected(ring));
		ck_assert(!was_answered(ring));
		pns_silence(n);
		pns_silence(q);
	}
	pns_close(n);
	pns_close(q);
	close(b);
}
END_TEST

/* CALL-IN-05 */
START_TEST(in_05_caller_gives_up)
{
	struct pns *n = known_pns();
	uint64_t ring = ring_now();
	struct msg_icrq rq = offered(n);
	struct msg m;

	caller_gives_up(ring);
	m = pns_expect(n, MSG_CDN);
	ck_assert_uint_eq(m.cdn.call_id, rq.call_id);
	ck_assert_uint_eq(m.cdn.result, CDN_LOST_CARRIER);
	/* CALL-IN-12: too late */
	pns_icrp(n, rq.call_id, 5, ICRP_CONNECT);
	pns_lives(n);
	ck_assert(!rings[ring].session && !rings[ring].rejected);
	pns_close(n);
}
END_TEST

/* CALL-IN-06: the PNS has taken it, and the line can't be answered. */
START_TEST(in_06_line_fails)
{
	struct pns *n = known_pns();
	uint64_t ring = ring_now(), id;

	pns_icrp(n, offered(n).call_id, 5, ICRP_CONNECT);
	ck_assert(was_answered(ring));
	id = rings[ring].session;
	lines[id].over = true;
	session_line_handlers.failed(sessions, id, OCRP_NO_CARRIER, 0, 0);
	ck_assert_uint_eq(cdn_code(n), CDN_LOST_CARRIER * 10);

	ring = ring_now();
	pns_icrp(n, offered(n).call_id, 6, ICRP_CONNECT);
	ck_assert(was_answered(ring));
	id = rings[ring].session;
	lines[id].over = true;
	session_line_handlers.failed(sessions, id, OCRP_ERROR, MSG_ERR_PAC, 0);
	ck_assert_uint_eq(cdn_code(n), CDN_ERROR * 10 + MSG_ERR_PAC);
	pns_close(n);
}
END_TEST

/* CALL-IN-07: no ICRP: withdrawn after pns.offer_timeout, the next one has it; the connection has the RFC's minute. */
START_TEST(in_07_silent_pns)
{
	int b = pns_listens(PNS_B);
	struct pns *n = known_pns(), *q;
	uint64_t ring = ring_now();
	struct msg_icrq rq = offered(n);
	struct msg m;

	skip_ms(9900);
	pns_silence(n);
	skip_ms(150);
	m = pns_expect(n, MSG_CDN);
	ck_assert_uint_eq(m.cdn.call_id, rq.call_id);
	ck_assert_uint_eq(m.cdn.result, CDN_ADMIN);
	q = pns_called(b);
	ck_assert_ptr_nonnull(q);
	pns_accepts(q);
	pns_icrp(q, offered(q).call_id, 5, ICRP_CONNECT);
	ck_assert(was_answered(ring));
	real_connects(rings[ring].session, 28800);
	pns_expect(q, MSG_ICCN);

	skip_ms(49000);
	pns_lives(n);
	skip_ms(1500);
	pns_end(n);
	pns_lives(q);
	pns_close(n);
	pns_close(q);
	close(b);
}
END_TEST

/* TIM-05: a late word is a word. */
START_TEST(in_07_late_answer_saves_the_connection)
{
	struct pns *n = known_pns();
	uint64_t ring = ring_now();
	struct msg_icrq rq = offered(n);

	skip_ms(10050);
	pns_expect(n, MSG_CDN);
	pns_icrp(n, rq.call_id, 5, ICRP_CONNECT);
	skip_ms(55000);
	pns_lives(n);
	ck_assert(!rings[ring].session);
	ck_assert(was_rejected(ring));
	pns_close(n);
}
END_TEST

/* CALL-IN-08, CALL-IN-10, CALL-IN-11 */
START_TEST(in_08_10_11_ends)
{
	struct pns *n = known_pns();
	uint64_t id = dialled_in(n, 5);

	pns_ccrq(n, 5);
	ck_assert_uint_eq(cdn_code(n), CDN_REQUEST * 10);
	ck_assert_uint_eq(lines[id].hangups, 1);
	ck_assert(lines[id].fd_open_at_hangup);

	id = dialled_in(n, 5);
	ck_assert_uint_eq(sessions_disconnect(sessions, id), 1);
	ck_assert_uint_eq(cdn_code(n), CDN_ADMIN * 10);
	ck_assert_int_eq(lines[id].reason, LINE_ADMIN);

	id = dialled_in(n, 5);
	pns_close(n);
	ck_assert_int_eq(lines[id].reason, LINE_PEER_LOST);
}
END_TEST

/* A CCRQ while it is offered is a refusal; the connection's end as well. */
START_TEST(in_cleared_while_offered)
{
	int b = pns_listens(PNS_B);
	struct pns *n = known_pns(), *q;
	uint64_t ring = ring_now();
	struct msg_icrq rq = offered(n);

	pns_icrp(n, rq.call_id, 5, ICRP_CONNECT);
	ck_assert(was_answered(ring));
	pns_ccrq(n, 5); /* the line is being answered */
	ck_assert_uint_eq(cdn_code(n), CDN_REQUEST * 10);
	ck_assert_uint_eq(lines[rings[ring].session].hangups, 1);

	ring = ring_now();
	offered(n);
	pns_close(n);
	skip_ms(3);
	q = pns_called(b);
	ck_assert_ptr_nonnull(q);
	pns_accepts(q);
	pns_icrp(q, offered(q).call_id, 5, ICRP_CONNECT);
	ck_assert(was_answered(ring));
	pns_close(q);
	close(b);
}
END_TEST

/* CALL-IN-12 */
START_TEST(in_12_stray_icrp)
{
	struct pns *n = known_pns();
	uint64_t id, ignored = stats_get(STATS_MESSAGES_IGNORED);

	pns_icrp(n, 4711, 5, ICRP_CONNECT);
	pns_lives(n);
	ck_assert_uint_eq(stats_get(STATS_MESSAGES_IGNORED), ignored + 1);
	id = dialled_in(n, 6);
	{
		struct session_view v;

		ck_assert(sessions_view(sessions, id, &v));
		pns_icrp(n, v.call_id, 8, ICRP_CONNECT);
		ck_assert(sessions_view(sessions, id, &v));
		ck_assert_uint_eq(v.peer_call_id, 6);
		ck_assert_str_eq(v.state, "established");
	}
	pns_lives(n);
	pns_close(n);
}
END_TEST

/* CALL-IN-13; other connections have numbers of their own. */
START_TEST(in_13_pns_id_collides)
{
	struct pns *n = known_pns();
	uint64_t ring;

	dialled_in(n, 6);
	ring = ring_now();
	pns_icrp(n, offered(n).call_id, 6, ICRP_CONNECT);
	ck_assert_uint_eq(cdn_code(n), CDN_ERROR * 10 + MSG_ERR_BAD_CALL_ID);
	ck_assert(!rings[ring].session);
	ck_assert(was_rejected(ring) || sessions_rings(sessions));
	caller_gives_up(ring);
	pns_close(n);
}
END_TEST

/* CALL-04: rings count; over the limit the caller hears the ringing tone and nobody is asked. */
START_TEST(in_04_maximum_channels)
{
	struct pns *n = known_pns();
	uint64_t first = nrings + 1, last;

	for (int i = 0; i < 30; i++)
		last = ring_now();
	ck_assert_uint_eq(sessions_channels(sessions), 20);
	for (uint64_t i = first; i <= last; i++)
		ck_assert_uint_eq(rings[i].rejected, i >= first + 20);
	for (int i = 0; i < 20; i++)
		offered(n);
	pns_silence(n);
	for (uint64_t i = first; i < first + 20; i++)
		caller_gives_up(i);
	ck_assert_uint_eq(sessions_channels(sessions), 0);
	pns_close(n);
}
END_TEST

START_TEST(in_draining)
{
	struct pns *n = known_pns();
	uint64_t ring = ring_now();

	offered(n);
	sessions_drain(sessions, true);
	skip_ms(11000);
	ck_assert(was_rejected(ring));
	ck_assert(was_rejected(ring_now()));
	sessions_drain(sessions, false);
	pns_expect(n, MSG_CDN);
	pns_close(n);
}
END_TEST

/* Never a VPN user's: its connection has the PNS's address only in that nobody has configured it. */
START_TEST(in_not_over_a_stranger)
{
	struct pns *n = pns_up(PNS_B);
	int b = pns_listens(PNS_B);
	uint64_t ring = ring_now();
	struct pns *own;

	/* 127.0.0.2 does not listen; 127.0.0.3 is a PNS of a route, so its connection may serve */
	skip_ms(5);
	ck_assert_ptr_null(pns_called(b));
	pns_icrp(n, offered(n).call_id, 5, 3);
	ck_assert(was_rejected(ring));
	own = pns_up(0x7f000009);
	ring = ring_now();
	pns_silence(own);
	caller_gives_up(ring);
	pns_close(own);
	pns_close(n);
	close(b);
}
END_TEST

START_TEST(in_no_route)
{
	ck_assert(was_rejected(ring_now()));
	logged("reason=no-route");
}
END_TEST

/* CC-15: one that does not listen rests; the caller is not kept waiting for it. */
START_TEST(in_unreachable_rests)
{
	uint64_t ring = ring_now();
	int a;

	skip_ms(20);
	ck_assert(was_rejected(ring));
	a = pns_listens(PNS_A);
	ck_assert(was_rejected(ring_now()));
	ck_assert_ptr_null(pns_called(a));
	skip_ms(2100);
	ring = ring_now();
	{
		struct pns *n = pns_called(a);

		ck_assert_ptr_nonnull(n);
		pns_accepts(n);
		pns_icrp(n, offered(n).call_id, 1, ICRP_CONNECT);
		ck_assert(was_answered(ring));
		pns_close(n);
	}
	close(a);
}
END_TEST

/* M calls on a connection show that it works: they do not pay for one answer that never came. */
START_TEST(in_07_silence_does_not_end_calls)
{
	struct pns *n = known_pns();
	uint64_t id = dialled_in(n, 5), ring = ring_now();

	offered(n);
	skip_ms(10050);
	pns_expect(n, MSG_CDN);
	skip_ms(49000);
	pns_lives(n);
	skip_ms(10000);
	pns_lives(n);
	ck_assert_uint_eq(lines[id].hangups, 0);
	ck_assert(was_rejected(ring));
	pns_close(n);
}
END_TEST

/* What a PNS is offered is none of its own requests: it may dial all the same. */
START_TEST(in_offers_take_no_place_of_requests)
{
	struct pns *n = known_pns();
	uint64_t first = nrings + 1;
	struct msg m;

	sessions_configure(sessions, conf, users);
	conf->limits.calls_per_peer = 2;
	conf->limits.calls_per_connection = 2;
	for (int i = 0; i < 5; i++) {
		ring_now();
		offered(n);
	}
	pns_ocrq(n, 77);
	line_answers(nlines);
	ck_assert_uint_eq(ocrp_code(n, 77), OCRP_CONNECTED * 10);
	for (uint64_t i = first; i <= nrings; i++)
		caller_gives_up(i);
	while (pns_next(n, &m))
		ck_assert_uint_eq(m.type, MSG_CDN);
	pns_close(n);
}
END_TEST

/* CALL-IN-05, CALL-IN-10: an administrator ends it while it rings: CDN 3, and nobody else gets it. */
START_TEST(in_hung_up_while_ringing)
{
	struct pns *n = known_pns();
	uint64_t ring = ring_now();

	offered(n);
	ck_assert_uint_eq(sessions_disconnect_line(sessions, "modem7"), 1);
	ck_assert_uint_eq(cdn_code(n), CDN_ADMIN * 10);
	ck_assert(was_rejected(ring));
	ck_assert_uint_eq(sessions_disconnect_line(sessions, "modem7"), 0);
	pns_close(n);
}
END_TEST

/* A drain calls back what is offered, and touches no call. */
START_TEST(in_drain_beside_a_call)
{
	struct pns *n = known_pns();
	uint64_t id = dialled_in(n, 5), ring = ring_now();
	struct msg_icrq rq = offered(n);

	sessions_drain(sessions, true);
	ck_assert(was_rejected(ring));
	ck_assert_uint_eq(pns_expect(n, MSG_CDN).cdn.call_id, rq.call_id);
	ck_assert_uint_eq(sessions_channels(sessions), 1);
	for (int i = 0; i < 4; i++) {
		skip_ms(30000);
		pns_lives(n);
	}
	ck_assert_uint_eq(lines[id].hangups, 0);
	sessions_drain(sessions, false);
	pns_close(n);
}
END_TEST

/* Two PNSs of one address, at different ports, are two. */
START_TEST(in_ports_tell_pnss_apart)
{
	int a = pns_listens_at(PNS_C, pns_port), b = pns_listens_at(PNS_C, pns_port + 1);
	uint64_t ring = rings_from("1", "77");
	struct pns *n = pns_called(a), *q;

	ck_assert_ptr_nonnull(n);
	pns_accepts(n);
	pns_icrp(n, offered(n).call_id, 1, 3);
	skip_ms(3);
	q = pns_called(b);
	ck_assert_ptr_nonnull(q);
	pns_silence(n);
	pns_accepts(q);
	pns_icrp(q, offered(q).call_id, 1, ICRP_CONNECT);
	ck_assert(was_answered(ring));
	pns_close(n);
	pns_close(q);
	close(a);
	close(b);
}
END_TEST

/* CALL-IN-14 */
START_TEST(in_14_long_numbers)
{
	char number[MSG_TEXT + 1];
	struct pns *n = known_pns();
	struct msg_icrq rq;
	uint64_t ring;

	memset(number, '7', MSG_TEXT);
	number[MSG_TEXT] = '\0';
	ring = rings_from(number, "");
	rq = offered(n);
	ck_assert_uint_eq(rq.dialing_len, MSG_TEXT);
	ck_assert_mem_eq(rq.dialing, number, MSG_TEXT);
	ck_assert_uint_eq(rq.dialed_len, 0);
	caller_gives_up(ring);
	pns_expect(n, MSG_CDN);
	pns_close(n);
}
END_TEST

static void unrouted(void)
{
	real_with(REAL(""));
}

static Suite *ring_suite(void)
{
	Suite *s = suite_create("ring");

	RING_CASE(s, "offers", routed, in_01_03_offer_answer_connect, in_02_connection_is_opened, in_04_refused,
		  in_05_caller_gives_up, in_06_line_fails, in_07_silent_pns,
		  in_07_late_answer_saves_the_connection, in_08_10_11_ends, in_cleared_while_offered,
		  in_12_stray_icrp, in_13_pns_id_collides, in_04_maximum_channels, in_draining,
		  in_07_silence_does_not_end_calls, in_drain_beside_a_call, in_hung_up_while_ringing,
		  in_offers_take_no_place_of_requests, in_ports_tell_pnss_apart, in_not_over_a_stranger,
		  in_unreachable_rests, in_14_long_numbers);
	RING_CASE(s, "nowhere", unrouted, in_no_route);
	return s;
}

UNIT_MAIN(ring_suite)
