/*
 * The control connection's originator and the collision against RFC 2637 sections 3.1.1 and 3.1.3 (CC-15, COL).
 */
#include "test/unit/unit_ctrl.h"

/* CC-15. */
START_TEST(originator_establishes)
{
	start(true);
	after_ms(9000);
	event(CTRL_EV_OPEN);
	DONE("SCCRQ");
	ck_assert_uint_eq(sent()->sccrq.version, 0x0100);
	ck_assert_uint_eq(sent()->sccrq.result, 0);
	ck_assert_uint_eq(sent()->sccrq.max_channels, 100);
	ck_assert_str_eq(sent()->sccrq.host, "pac");
	ck_assert_int_eq(c.state, CTRL_WAIT_CTL_REPLY);
	assert_deadline_in(20000);
	event(CTRL_EV_OPEN);
	DONE("");
	sccrp(0x0100, SCCRP_OK);
	DONE("established");
	ck_assert_str_eq(c.peer.host, "pns");
	assert_deadline_in(30000);
	message(MSG_ICRP);
	DONE("call");
}
END_TEST

START_TEST(originator_refused)
{
	for (unsigned result = 0; result <= 255; result++) {
		sccrp(0x0100, (uint8_t)result);
		DONE(result == SCCRP_OK ? "established" : "close(refused)");
		ck_assert_uint_eq(c.peer.result, result);
	}
}
END_TEST

START_TEST(originator_version)
{
	static const uint16_t versions[] = { 0x0000, 0x00ff, 0x0200, 0xffff };

	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
		sccrp(versions[i], SCCRP_OK);
		DONE("StopCCRQ");
		ck_assert_uint_eq(sent()->stop_ccrq.reason, STOP_PROTOCOL);
		ck_assert_int_eq(c.state, CTRL_WAIT_STOP_REPLY);
		assert_deadline_in(20000);
		message(MSG_STOP_CCRP);
		DONE("clear(version) close(version)");
	}
	sccrp(0x0101, SCCRP_OK);
	DONE("established");
	sccrp(0x0000, SCCRP_OK);
	after_ms(20000);
	event(CTRL_EV_TICK);
	DONE("clear(version) abort(version)");
	sccrp(0x0000, SCCRP_OK);
	message(MSG_STOP_CCRQ);
	DONE("clear(version) StopCCRP close(version)");
}
END_TEST

START_TEST(originator_waits)
{
	for (uint16_t t = 1; t <= MSG_SLI; t++) {
		start(true);
		event(CTRL_EV_OPEN);
		message(t);
		if (t == MSG_SCCRQ)
			DONE("close(fault)");
		else if (t == MSG_SCCRP)
			DONE("close(refused)");
		else if (t == MSG_STOP_CCRQ)
			DONE("StopCCRP close(peer-stop)");
		else if (t == MSG_STOP_CCRP)
			DONE("close(peer-stop)");
		else
			DONE("ignored");
	}
	/* TIM-01, TIM-04: what was ignored does not buy time. */
	start(true);
	event(CTRL_EV_OPEN);
	after_ms(19999);
	message(MSG_ECHO_RP);
	assert_deadline_in(1);
	after_ms(1);
	event(CTRL_EV_TICK);
	DONE("close(start-timeout)");
}
END_TEST

/* TIM-01: TCP that fails to open, in time or not; once it was open it is the peer who has closed. */
START_TEST(originator_unreachable)
{
	start(true);
	event(CTRL_EV_EOF);
	DONE("close(unreachable)");
	start(true);
	after_ms(9999);
	event(CTRL_EV_TICK);
	DONE("");
	after_ms(1);
	event(CTRL_EV_TICK);
	DONE("close(start-timeout)");
	start(true);
	event(CTRL_EV_OPEN);
	event(CTRL_EV_EOF);
	DONE("close(peer-closed)");
}
END_TEST

/* COL-04: silence, whatever comes, until the loser closes or time is up. */
START_TEST(lost_collision)
{
	start(false);
	after_ms(4000);
	sccrq(0x0200, CTRL_ADMIT_COLLISION);
	DONE("");
	ck_assert_int_eq(c.state, CTRL_LOST_COLLISION);
	assert_deadline_in(10000);
	for (uint16_t t = 0; t <= MSG_SLI + 1; t++) {
		after_ms(10);
		message(t);
		DONE("");
	}
	event(CTRL_EV_SKIPPED);
	DONE("");
	ck_assert_int_eq(c.state, CTRL_LOST_COLLISION);
	after_ms(10000 - 170 - 1);
	event(CTRL_EV_TICK);
	DONE("");
	after_ms(1);
	event(CTRL_EV_TICK);
	DONE("close(collision)");
	start(false);
	sccrq(0x0100, CTRL_ADMIT_COLLISION);
	event(CTRL_EV_EOF);
	DONE("close(peer-closed)");
	start(false);
	sccrq(0x0100, CTRL_ADMIT_COLLISION);
	event(CTRL_EV_FAULT);
	DONE("close(fault)");
}
END_TEST

/* COL-02: the RFC's own example. */
START_TEST(collision_rule)
{
	ck_assert(ctrl_collision_won(0xC0212D59, 0xC0212D11));
	ck_assert(!ctrl_collision_won(0xC0212D11, 0xC0212D59));
	ck_assert(ctrl_collision_won(0xE0000001, 0x0A000001));
	ck_assert(!ctrl_collision_won(0x0A000001, 0x0A000001));
}
END_TEST

static Suite *ctrl_origin_suite(void)
{
	Suite *s = suite_create("ctrl_origin");

	UNIT_CASE(s, "originator", originator_establishes, originator_refused, originator_version, originator_waits,
		  originator_unreachable);
	UNIT_CASE(s, "collision", lost_collision, collision_rule);
	return s;
}

UNIT_MAIN(ctrl_origin_suite)
