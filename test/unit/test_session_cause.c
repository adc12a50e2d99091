/*
 * Why a session ended, as its Accounting-Stop says it (ledger section 7, Acct-Terminate-Cause): every reason of ours,
 * every exit of pppd, every end of a control connection.
 */
#include "test/unit/unit_radius_session.h"

#include "pacd/session_internal.h"

static void both(void)
{
	radius_with(RADIUS("radius,local", "", ""));
}

/* Ledger section 7, for what main ends itself; the first one counts, whatever pppd says then. */
START_TEST(causes_of_reasons)
{
	static const uint8_t causes[LINE_REASONS] = {
		[LINE_PEER_CLEAR] = 1, [LINE_PEER_LOST] = 2, [LINE_ADMIN] = 6, [LINE_SESSION_TIMEOUT] = 5,
		[LINE_IDLE_TIMEOUT] = 4, [LINE_REPLACED] = 13, [LINE_SHUTDOWN] = 7, [LINE_USER] = 1, [LINE_AUTH] = 17,
		[LINE_LOGIN_TIMEOUT] = 15, [LINE_NEGOTIATION] = 15, [LINE_SILENT] = 2, [LINE_FAULT] = 9,
		[LINE_REFUSED] = 10, [LINE_CARRIER] = 2, [LINE_NO_PNS] = 3,
	};

	for (int reason = 0; reason < LINE_REASONS; reason++) {
		uint64_t id = started();

		session_end(session_find(sessions, id), (enum line_reason)reason);
		cdn_at_last();
		no_record();
		down(id, 5, reason % 2);
		line_exits(id, 0, EXITED(5));
		ck_assert_uint_eq(cause(), causes[reason]);
		no_record();
	}
}
END_TEST

/* pppd's exit status to cause; what pppd's documentation calls 0..21, and one of nobody's. */
static const uint8_t exit_causes[] = { 1, 9, 9, 9, 9, 6, 8, 8, 8, 8, 15, 17, 4, 5, 16, 2, 2, 15, 9, 17, 10, 17, 9 };

#define STATUSES (int)(sizeof exit_causes)

static const char *exit_reason(int status)
{
	switch (status) {
	case 10:
		return "reason=negotiation-failed";
	case 11:
		return "reason=auth-failed";
	case 12:
		return "reason=idle-timeout";
	case 13:
		return "reason=session-timeout";
	case 15:
		return "reason=peer-silent";
	default:
		return "reason=user";
	}
}

START_TEST(causes_of_exits)
{
	for (int status = 0; status < STATUSES; status++) {
		uint64_t id;

		/* The plugin tells; what follows does not matter. */
		id = started();
		down(id, status, false);
		ck_assert_msg(cause() == exit_causes[status], "status %d", status);
		log_len = 0;
		line_exits(id, 0, EXITED(16));
		logged(exit_reason(status));
		cdn_at_last();
		/* It tells nothing, and pppd's exit must do. */
		id = started();
		line_exits(id, 0, EXITED(status));
		cdn_at_last();
		ck_assert_msg(cause() == exit_causes[status], "status %d", status);
		id = started();
		line_exits(id, MSG_ERR_PAC, EXITED(status));
		ck_assert_uint_eq(cdn_at_last(), 26);
		ck_assert_msg(cause() == exit_causes[status], "status %d, as an error", status);
		/* The peer's LCP Terminate-Request. */
		id = started();
		down(id, status, true);
		ck_assert_uint_eq(cause(), 1);
		line_exits(id, 0, EXITED(status));
		cdn_at_last();
		no_record();
	}
}
END_TEST

START_TEST(causes_of_signals)
{
	static const int signals[] = { 1, 9, 11, 15, 6 };

	for (unsigned i = 0; i < 5; i++) {
		uint64_t id = started();

		line_exits(id, i % 2 ? MSG_ERR_PAC : 0, SIGNALLED(signals[i]));
		cdn_at_last();
		ck_assert_uint_eq(cause(), 9);
		id = started();
		sessions_disconnect(sessions, id);
		cdn_at_last();
		line_exits(id, 0, SIGNALLED(signals[i]));
		ck_assert_uint_eq(cause(), 6);
	}
}
END_TEST

static void cut_off(void)
{
	static const uint8_t garbage[24] = { 0, 24, 0, 1, 1, 2, 3, 4 };

	pns_octets(p, garbage, sizeof garbage);
	turn();
}

static void stop_ccrq(void)
{
	pns_send(p, &(struct msg){ .type = MSG_STOP_CCRQ, .stop_ccrq = { .reason = STOP_NONE } });
	turn();
}

static void hang_up(void)
{
	pns_close(p);
}

static void echo_time_out(void)
{
	for (int i = 0; i < 200; i++)
		skip_ms(1000);
}

static void our_stop(void)
{
	conns_stop(conns, STOP_SHUTDOWN);
	for (int i = 0; i < 200; i++)
		skip_ms(1000);
}

static void our_answered_stop(void)
{
	conns_stop(conns, STOP_SHUTDOWN);
	pns_expect(p, MSG_STOP_CCRQ);
	pns_send(p, &(struct msg){ .type = MSG_STOP_CCRP, .stop_ccrp = { .result = STOP_OK } });
	turn();
}

/* The caller is the PNS: what it stops is the user's request, what it loses is a lost carrier. */
START_TEST(causes_of_connections)
{
	static const struct {
		void (*end)(void);
		uint8_t cause;
	} rows[] = { { stop_ccrq, 1 }, { hang_up, 2 }, { echo_time_out, 2 }, { cut_off, 8 }, { our_stop, 7 },
		    { our_answered_stop, 7 } };

	conf->radius.acct.interim = 10000;
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint64_t id = started();

		rows[i].end();
		ck_assert_int_eq(lines[id].reason, LINE_PEER_LOST);
		line_exits(id, 0, EXITED(16));
		ck_assert_msg(cause() == rows[i].cause, "row %u", i);
		pns_close(p);
		p = pns_up(5);
	}
	{
		uint64_t id = started();
		struct msg m = { .type = MSG_CCRQ };
		struct session_view v = view(id);

		m.ccrq.call_id = v.peer_call_id;
		pns_send(p, &m);
		turn();
		ck_assert_uint_eq(cdn_at_last(), CDN_REQUEST * 10);
		down(id, 5, false);
		line_goes_down(id, 0);
		ck_assert_uint_eq(cause(), 1);
	}
}
END_TEST

/* The others of the table, as they come about. */
START_TEST(causes_of_events)
{
	uint64_t id = started();

	down(id, 15, false); /* the peer's PPP was silent; then it hangs up, too late to be the cause */
	pns_close(p);
	line_goes_down(id, 0);
	ck_assert_uint_eq(cause(), 2);
	p = pns_up(5);

	id = started(); /* pppd has let go of its pty, and does not end */
	sessions_line_closed(sessions, id);
	pass_s(2);
	skip_ms(2000);
	cdn_at_last();
	line_exits(id, 0, SIGNALLED(9));
	ck_assert_uint_eq(cause(), 9);

	id = started(); /* a challenge in the middle that it can't answer */
	plugin_pap(id, "zoe", "x");
	server_rejects();
	ck_assert(!accepted(id));
	down(id, 11, false);
	line_exits(id, 0, EXITED(11));
	cdn_at_last();
	ck_assert_uint_eq(cause(), 17);

	give_number(RADIUS_SESSION_TIMEOUT, 5);
	id = started();
	pass_s(4);
	skip_ms(1100);
	cdn_at_last();
	down(id, 5, false);
	line_goes_down(id, 0);
	ck_assert_uint_eq(cause(), 5);

	sessions_end_all(sessions, LINE_SHUTDOWN);
	id = started();
	sessions_end_all(sessions, LINE_SHUTDOWN);
	cdn_at_last();
	line_goes_down(id, 0);
	ck_assert_uint_eq(cause(), 7);
}
END_TEST

START_TEST(cause_of_replacement)
{
	uint64_t first = login("bob", "b"), second;

	server_fails();
	ck_assert(accepted(first));
	plugin_up(first, "ppp7");
	record(RADIUS_ACCT_START);
	second = login("bob", "b");
	server_fails();
	cdn_at_last();
	line_goes_down(first, 0);
	ck_assert_uint_eq(cause(), 13);
	skip_ms(200);
	ck_assert(accepted(second));
}
END_TEST

static Suite *session_cause_suite(void)
{
	Suite *s = suite_create("session_cause");

	RADIUS_CASE(s, "causes", radius, causes_of_reasons, causes_of_exits, causes_of_signals, causes_of_connections,
		    causes_of_events);
	RADIUS_CASE(s, "users", both, cause_of_replacement);
	return s;
}

UNIT_MAIN(session_cause_suite)
