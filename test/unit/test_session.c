/*
 * Sessions, the call's side (CALL-OUT, CALL-01..04, TIM-08): every way that a call goes, the code that the PNS gets,
 * and that each of them is over once, with nothing left.
 */
#include "test/unit/unit_session.h"

static void plain(void)
{
	start(PLAIN "max_channels = 4; limits = { calls_per_connection = 3; calls_per_peer = 3; };"
		    "timers = { echo_idle = 10; dial = 30; };");
}

static bool view(uint64_t id, struct session_view *v)
{
	return sessions_view(sessions, id, v);
}

static unsigned refused(struct pns *p, uint16_t id)
{
	unsigned before = nlines, code;

	pns_ocrq(p, id);
	code = ocrp_code(p, id);
	ck_assert_uint_eq(nlines, before); /* and cheaply: no line was asked (CALL-04, SEC-10) */
	return code;
}

/* --- a good call --- */

/* CALL-OUT-02, -03, -07, -12; GRE-20, TIM-08; MSG-15, -17, -22. */
START_TEST(good_call)
{
	struct pns *p = pns_up(5);
	struct msg m = msg_ocrq_good(77);
	struct session_view v;
	uint64_t id;

	m.ocrq.max_bps = 64000;
	m.ocrq.delay = 65535;
	m.ocrq.window = 0;
	pns_send(p, &m);
	turn();
	id = nlines;
	ck_assert(lines[id].dialled && lines[id].peer_addr == 5);
	pns_silence(p);
	ck_assert_uint_eq(sessions_channels(sessions), 1);
	ck_assert(view(id, &v) && !strcmp(v.state, "wait_cs_ans") && v.peer_call_id == 77 && v.serial == 77);

	line_answers(id);
	m = pns_expect(p, MSG_OCRP);
	ck_assert_uint_eq(m.ocrp.result, OCRP_CONNECTED);
	ck_assert_uint_eq(m.ocrp.error, 0);
	ck_assert_uint_eq(m.ocrp.peer_call_id, 77);
	ck_assert_uint_ne(m.ocrp.call_id, 0);
	ck_assert_uint_eq(m.ocrp.speed, 64000);
	ck_assert_uint_eq(m.ocrp.window, conf->window);
	ck_assert(view(id, &v) && !strcmp(v.state, "established") && v.pid == 1000 + id);
	ck_assert_uint_eq(v.call_id, m.ocrp.call_id);
	ck_assert_uint_eq(peers_count(&peers, 5, PEERS_CALLS), 1);
	ck_assert(datapath->ops->stats(datapath, v.call_id, &v.stats));

	pns_send(p, &(struct msg){ .type = MSG_SLI, .sli = { .peer_call_id = v.call_id } });
	pns_send(p, &(struct msg){ .type = MSG_SLI, .sli = { .peer_call_id = (uint16_t)(v.call_id + 1) } });
	pns_send(p, &(struct msg){ .type = MSG_ICRP, .icrp = { .peer_call_id = v.call_id, .result = 1 } });
	pns_lives(p);
	pns_ccrq(p, 77);
	m = pns_expect(p, MSG_CDN);
	ck_assert_uint_eq(m.cdn.call_id, v.call_id);
	ck_assert_uint_eq(m.cdn.result, CDN_REQUEST);
	ck_assert_int_eq(strncmp(m.cdn.statistics, "seconds=", 8), 0);
	/* The line knew why before its descriptor was closed; the call is over now, the session when the line is down. */
	ck_assert_uint_eq(lines[id].hangups, 1);
	ck_assert_int_eq(lines[id].reason, LINE_PEER_CLEAR);
	ck_assert(lines[id].fd_open_at_hangup);
	ck_assert_int_lt(fcntl(lines[id].fd, F_GETFD), 0);
	ck_assert_uint_eq(sessions_channels(sessions), 0);
	ck_assert_uint_eq(peers_count(&peers, 5, PEERS_CALLS), 0);
	ck_assert(view(id, &v) && !strcmp(v.state, "ending"));
	pns_ccrq(p, 77); /* CALL-OUT-13 */
	pns_lives(p);
	line_goes_down(id, 0);
	ck_assert(!view(id, &v));
	ck_assert_uint_eq(stats_get(STATS_CALLS_CONNECTED), 1);
	ck_assert_uint_eq(stats_get(STATS_CALLS_ENDED), 1);
	logged("reason=peer-clear");
	pns_bye(p);
}
END_TEST

/* CALL-01, CALL-04: a channel is free at once, an id is not. */
START_TEST(channel_is_free_at_once)
{
	struct pns *p = pns_up(5);
	uint16_t ids[18];
	struct session_view v;

	conf->max_channels = 1;
	for (uint16_t i = 0; i < 18; i++) {
		uint64_t id = calling(p, i);

		ck_assert(view(id, &v));
		ids[i] = v.call_id;
		for (uint16_t k = 0; k < i; k++)
			ck_assert_uint_ne(ids[k], ids[i]);
		pns_ccrq(p, i);
		ck_assert_uint_eq(cdn_code(p), CDN_REQUEST * 10);
		ck_assert_uint_eq(sessions_channels(sessions), 0);
		ck_assert_uint_eq(sessions_count(sessions), i + 1u);
	}
	ck_assert_uint_eq(refused(p, 99), 24); /* but not without bound, while no pppd ends (SEC-03) */
	line_goes_down(1, 0);
	calling(p, 99);
	pns_bye(p);
}
END_TEST

/* TIM-02: no Echo-Request while an OCRQ waits; with the answer the time begins anew. */
START_TEST(no_echo_while_dialling)
{
	struct pns *p = pns_up(5);
	uint64_t id = dialling(p, 1);

	skip_ms(15000);
	pns_silence(p);
	line_answers(id);
	ck_assert_uint_eq(ocrp_code(p, 1), 10);
	skip_ms(9000);
	pns_silence(p);
	skip_ms(1500);
	pns_expect(p, MSG_ECHO_RQ);
	/* A call that was cleared while it dialled does not hold it up either. */
	dialling(p, 2);
	pns_ccrq(p, 2);
	ck_assert_uint_eq(cdn_code(p), 40);
	skip_ms(10500);
	pns_expect(p, MSG_ECHO_RQ);
	pns_bye(p);
}
END_TEST

/* --- refusals --- */

/* CALL-OUT-01, -11; CALL-02..04; MSG-14. */
START_TEST(refusals)
{
	struct pns *p = pns_up(5), *q = pns_up(5), *r = pns_up(6);
	struct msg m = msg_ocrq_good(9);
	uint64_t first;

	m.ocrq.bearer = 4;
	pns_send(p, &m);
	ck_assert_uint_eq(ocrp_code(p, 9), 23);
	first = calling(p, 1);
	ck_assert_uint_eq(refused(p, 1), 25);
	ck_assert_uint_eq(peers_count(&peers, 5, PEERS_CALLS), 1); /* what was refused is not counted */
	dialling(q, 1); /* the same id on another connection is another call */
	ck_assert_uint_eq(refused(q, 1), 25);
	calling(q, 2);
	ck_assert_uint_eq(refused(p, 2), 24); /* calls_per_peer */
	calling(r, 0);
	ck_assert_uint_eq(refused(r, 2), 24); /* max_channels */
	ck_assert_uint_eq(stats_get(STATS_CALLS_REFUSED_CHANNELS), 1);
	conf->max_channels = 100;
	calling(r, 2);
	calling(r, 3);
	conf->limits.calls_per_peer = 0;
	ck_assert_uint_eq(refused(r, 4), 24); /* calls_per_connection */
	conf->limits.calls_per_connection = 0;
	sessions_drain(sessions, true);
	ck_assert_uint_eq(refused(r, 4), 24);
	sessions_drain(sessions, false);
	calling(r, 4);
	ck_assert(view(first, &(struct session_view){ 0 }));
	pns_lives(p);
	pns_bye(p);
	pns_bye(q);
	pns_bye(r);
}
END_TEST

/* SEC-03, SEC-10: no more of one peer's lines than twice its calls and a few, and no more requests than its rate. */
START_TEST(floods)
{
	struct pns *p = pns_up(5), *q = pns_up(6);
	unsigned n;

	conf->max_channels = 1000;
	conf->limits.call_rate_per_peer = 0;
	for (n = 0; n < 100 && peers_count(&peers, 5, PEERS_LINES) == n; n++) {
		pns_ocrq(p, 1);
		pns_ccrq(p, 1);
		if (pns_expect(p, nlines == n + 1 ? MSG_CDN : MSG_OCRP).type == MSG_OCRP)
			break;
	}
	ck_assert_uint_eq(n, 2 * 3 + 16);
	calling(q, 1);
	lines_settle();
	ck_assert_uint_eq(peers_count(&peers, 5, PEERS_LINES), 0);
	conf->limits.call_rate_per_peer = 2;
	for (n = 0; n < 100; n++) {
		pns_ocrq(p, 1);
		pns_ccrq(p, 1);
		if (pns_expect(p, nlines == 24 + n ? MSG_CDN : MSG_OCRP).type == MSG_OCRP)
			break;
		lines_settle();
	}
	ck_assert_uint_eq(n, 2 * PEERS_BURST_S);
	ck_assert_uint_eq(refused(p, 1), 24);
	skip_ms(510);
	calling(p, 1);
	ck_assert_uint_eq(refused(p, 2), 24);
	pns_bye(p);
	pns_bye(q);
}
END_TEST

/* Nobody took the request. */
START_TEST(line_cannot_dial)
{
	struct pns *p = pns_up(5);

	dial_error = -ENOBUFS;
	ck_assert_uint_eq(refused(p, 1), 24);
	ck_assert_uint_eq(sessions_count(sessions), 0);
	ck_assert_uint_eq(peers_count(&peers, 5, PEERS_CALLS), 0);
	ck_assert_uint_eq(stats_get(STATS_CALLS_ENDED), 0); /* it never was */
	dial_error = 0;
	calling(p, 1);
	pns_bye(p);
}
END_TEST

/* CALL-OUT-04. */
START_TEST(line_failed)
{
	static const uint8_t codes[][2] = { { 2, 6 }, { 2, 4 }, { 3, 0 }, { 4, 0 }, { 5, 0 }, { 7, 0 } };
	struct pns *p = pns_up(5);

	for (uint16_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		uint64_t id = dialling(p, i);

		line_fails(id, codes[i][0], codes[i][1]);
		ck_assert_uint_eq(ocrp_code(p, i), codes[i][0] * 10u + codes[i][1]);
		ck_assert_uint_eq(sessions_count(sessions), 0);
	}
	logged("reason=fault");
	pns_lives(p);
	pns_bye(p);
}
END_TEST

static struct datapath_call attached;

static int attach_refused(struct datapath *d, const struct datapath_call *call)
{
	(void)d;
	attached = *call;
	close(call->fd);
	return -ENOMEM;
}

/* GRE-20: without a data path there is no call. */
START_TEST(data_path_failed)
{
	const struct datapath_ops *good = datapath->ops;
	struct datapath_ops bad = *good;
	struct pns *p = pns_up(5);
	struct msg m = msg_ocrq_good(1);
	uint64_t id;

	m.ocrq.delay = 65535;
	m.ocrq.window = 0;
	pns_send(p, &m);
	turn();
	id = nlines;
	bad.attach = attach_refused;
	datapath->ops = &bad;
	line_answers(id);
	datapath->ops = good;
	ck_assert_uint_eq(ocrp_code(p, 1), 26);
	ck_assert(attached.id == id && attached.peer_call_id == 1 && attached.peer_addr == 5);
	ck_assert_uint_eq(attached.local_addr, 0x0a000001);
	ck_assert_uint_eq(attached.peer_delay_us, 60000000); /* what nobody can mean is not taken at its word */
	ck_assert_uint_eq(attached.peer_window, 1);
	ck_assert_uint_eq(lines[id].hangups, 1);
	ck_assert_int_eq(lines[id].reason, LINE_FAULT);
	pns_lives(p);
	pns_bye(p);
}
END_TEST

/* CALL-OUT-05: and what the line says afterwards is not told any more. */
START_TEST(dial_time_out)
{
	struct pns *p = pns_up(5);
	uint64_t a = dialling(p, 1), b = dialling(p, 2), c = dialling(p, 3);

	skip_ms(29000);
	pns_silence(p);
	skip_ms(1100);
	for (uint16_t i = 1; i <= 3; i++)
		ck_assert_uint_eq(ocrp_code(p, i), OCRP_TIME_OUT * 10);
	ck_assert_uint_eq(lines[a].hangups + lines[b].hangups + lines[c].hangups, 3);
	ck_assert_uint_eq(sessions_channels(sessions), 0);
	line_answers(a); /* its descriptor is closed */
	line_goes_down(a, 0);
	line_fails(b, OCRP_BUSY, 0);
	line_goes_down(c, MSG_ERR_PAC);
	pns_lives(p);
	pns_bye(p);
}
END_TEST

/* --- ends --- */

/* CALL-OUT-08, and the same before the answer. */
START_TEST(line_down)
{
	struct pns *p = pns_up(5);
	uint64_t id = dialling(p, 1);

	line_goes_down(id, 0);
	ck_assert_uint_eq(ocrp_code(p, 1), OCRP_NO_CARRIER * 10);
	id = dialling(p, 1);
	line_goes_down(id, MSG_ERR_PAC);
	ck_assert_uint_eq(ocrp_code(p, 1), 26);
	id = calling(p, 1);
	line_goes_down(id, 0);
	ck_assert_uint_eq(cdn_code(p), CDN_LOST_CARRIER * 10);
	ck_assert_int_lt(fcntl(lines[id].fd, F_GETFD), 0);
	log_len = 0;
	id = calling(p, 1);
	line_goes_down(id, MSG_ERR_PAC);
	ck_assert_uint_eq(cdn_code(p), 26);
	logged("reason=fault");
	ck_assert_uint_eq(sessions_count(sessions), 0);
	pns_ccrq(p, 1);
	pns_lives(p);
	pns_bye(p);
}
END_TEST

/* CALL-OUT-06, -07, -13, -15; CALL-02, SEC-06. */
START_TEST(call_clear)
{
	struct pns *p = pns_up(5), *q = pns_up(5);
	uint64_t id;

	pns_ccrq(p, 1); /* no such call */
	pns_lives(p);
	id = dialling(p, 1);
	pns_ccrq(q, 1); /* not theirs */
	pns_lives(q);
	ck_assert_uint_eq(lines[id].hangups, 0);
	pns_ccrq(p, 1);
	ck_assert_uint_eq(cdn_code(p), CDN_REQUEST * 10);
	pns_ccrq(p, 1);
	line_answers(id); /* too late */
	ck_assert_int_lt(fcntl(lines[id].fd, F_GETFD), 0);
	pns_lives(p);
	id = dialling(p, 1); /* the old one with this id is not down yet */
	line_answers(id);
	ck_assert_uint_eq(ocrp_code(p, 1), 10);
	pns_ccrq(p, 1);
	ck_assert_uint_eq(cdn_code(p), CDN_REQUEST * 10);
	pns_ccrq(p, 1);
	pns_lives(p);
	ck_assert_uint_eq(sessions_count(sessions), 2);
	pns_bye(q);
	ck_assert_uint_eq(sessions_count(sessions), 0);
	pns_bye(p);
}
END_TEST

/* CALL-OUT-10, CC-11, CC-17: no CDN, and all of them at once. */
START_TEST(connection_lost)
{
	struct pns *p = pns_up(5), *q = pns_up(6);
	uint64_t a = calling(p, 1), b = dialling(p, 2), c = calling(q, 1), d;

	pns_ccrq(p, 1);
	ck_assert_uint_eq(cdn_code(p), CDN_REQUEST * 10);
	d = calling(p, 3);
	pns_close(p);
	ck_assert_int_eq(lines[a].reason, LINE_PEER_CLEAR);
	ck_assert_int_eq(lines[b].reason, LINE_PEER_LOST);
	ck_assert_int_eq(lines[d].reason, LINE_PEER_LOST);
	ck_assert_uint_eq(lines[c].hangups, 0);
	ck_assert_uint_eq(sessions_channels(sessions), 1);
	pns_send(q, &(struct msg){ .type = MSG_STOP_CCRQ, .stop_ccrq = { .reason = STOP_NONE } });
	pns_expect(q, MSG_STOP_CCRP);
	pns_end(q);
	ck_assert_int_eq(lines[c].reason, LINE_PEER_LOST);
	line_answers(b);
	pns_bye(p);
	pns_bye(q);
}
END_TEST

/* CALL-OUT-09. */
START_TEST(ended_by_us)
{
	struct pns *p = pns_up(5);
	uint64_t id = dialling(p, 1);

	ck_assert_uint_eq(sessions_disconnect(sessions, 999), 0);
	ck_assert_uint_eq(sessions_disconnect(sessions, id), 1);
	ck_assert_uint_eq(ocrp_code(p, 1), OCRP_PROHIBITED * 10);
	ck_assert_int_eq(lines[id].reason, LINE_ADMIN);
	id = calling(p, 1);
	ck_assert_uint_eq(sessions_disconnect(sessions, id), 1);
	ck_assert_uint_eq(sessions_disconnect(sessions, id), 0); /* it ends already */
	ck_assert_uint_eq(cdn_code(p), CDN_ADMIN * 10);
	line_goes_down(id, MSG_ERR_PAC); /* does not change the reason */
	logged("reason=admin");
	calling(p, 1);
	dialling(p, 2);
	ck_assert_uint_eq(sessions_disconnect_peer(sessions, 6), 0);
	ck_assert_uint_eq(sessions_disconnect_peer(sessions, 5), 2);
	ck_assert_uint_eq(sessions_disconnect_peer(sessions, 5), 0);
	ck_assert_uint_eq(cdn_code(p), CDN_ADMIN * 10);
	ck_assert_uint_eq(ocrp_code(p, 2), OCRP_PROHIBITED * 10);
	pns_lives(p);
	pns_bye(p);
}
END_TEST

/* CC-09: CDNs first, then the Stop. */
START_TEST(shutdown_of_all)
{
	struct pns *p = pns_up(5);

	calling(p, 1);
	dialling(p, 2);
	calling(p, 3);
	sessions_drain(sessions, true);
	sessions_end_all(sessions, LINE_SHUTDOWN);
	sessions_end_all(sessions, LINE_SHUTDOWN);
	conns_stop(conns, STOP_SHUTDOWN);
	ck_assert_uint_eq(cdn_code(p), CDN_ADMIN * 10);
	ck_assert_uint_eq(ocrp_code(p, 2), OCRP_PROHIBITED * 10);
	ck_assert_uint_eq(cdn_code(p), CDN_ADMIN * 10);
	ck_assert_uint_eq(pns_expect(p, MSG_STOP_CCRQ).stop_ccrq.reason, STOP_SHUTDOWN);
	pns_ocrq(p, 4); /* not looked at any more */
	pns_send(p, &(struct msg){ .type = MSG_STOP_CCRP, .stop_ccrp = { .result = STOP_OK } });
	pns_end(p);
	ck_assert_int_eq(lines[1].reason, LINE_SHUTDOWN);
	pns_bye(p);
}
END_TEST

/* CC-19: the CDN that finds no room ends the connection, in the middle of ending its calls. */
START_TEST(no_room_for_a_cdn)
{
	struct pns *p = pns_up(5);
	unsigned i;

	conf->limits.calls_per_connection = conf->limits.calls_per_peer = conf->limits.call_rate_per_peer = 0;
	conf->max_channels = 1000;
	for (uint16_t id = 0; id < 200; id++)
		calling(p, id);
	for (i = 0; i < 100000 && conns_count(conns); i++) {
		struct msg m = msg_echo(i);

		pns_send(p, &m);
		turns(1);
		if (i % 50 == 49 && sessions_channels(sessions) > 150)
			sessions_disconnect(sessions, i / 50); /* their CDNs come into the way here and there */
	}
	ck_assert_uint_lt(i, 100000);
	ck_assert_uint_eq(sessions_channels(sessions), 0);
	pns_bye(p);
	p = pns_up(5);
	for (uint16_t id = 0; id < 500; id++)
		calling(p, id);
	for (i = 0; i < 12000 && sessions_channels(sessions); i++) {
		struct msg m = msg_echo(i);

		pns_send(p, &m);
		if (i == 11000)
			sessions_end_all(sessions, LINE_SHUTDOWN);
		turns(1);
	}
	sessions_end_all(sessions, LINE_SHUTDOWN);
	ck_assert_uint_eq(sessions_channels(sessions), 0);
	pns_bye(p);
}
END_TEST

/* The end of the daemon in the middle of everything: connections first, as pacd does it. */
START_TEST(rooms_freed_in_use)
{
	struct pns *p = pns_up(5);

	dialling(p, 1);
	calling(p, 2);
	plugin_mschapv2(calling(p, 3), true);
	rooms_free();
	close(p->fd);
	ck_assert_uint_eq(open_fds(), fds_before);
}
END_TEST

static Suite *session_suite(void)
{
	Suite *s = suite_create("session");
	TCase *tc = tcase_create("calls"), *end = tcase_create("end of all");
	static const TTest *const *const tests[] = { &good_call, &channel_is_free_at_once, &no_echo_while_dialling,
		&refusals, &floods, &line_cannot_dial, &line_failed, &data_path_failed, &dial_time_out, &line_down, &call_clear,
		&connection_lost, &ended_by_us, &shutdown_of_all, &no_room_for_a_cdn };

	tcase_add_checked_fixture(tc, plain, finish);
	tcase_set_timeout(tc, 60);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(tc, *tests[i]);
	suite_add_tcase(s, tc);
	tcase_add_checked_fixture(end, plain, NULL);
	tcase_add_test(end, rooms_freed_in_use);
	suite_add_tcase(s, end);
	return s;
}

UNIT_MAIN(session_suite)
