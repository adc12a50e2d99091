/*
 * The control connection's receiver against RFC 2637 sections 3.1.2 and 3.1.4, rule by rule (CC, TIM).
 */
#include "test/unit/unit_ctrl.h"

static void assert_sccrp(uint8_t result, uint8_t error)
{
	const struct msg_sccrq *m = &sent()->sccrp;

	ck_assert_uint_eq(sent()->type, MSG_SCCRP);
	ck_assert_uint_eq(m->version, 0x0100);
	ck_assert_uint_eq(m->result, result);
	ck_assert_uint_eq(m->error, error);
	ck_assert_uint_eq(m->framing, 3);
	ck_assert_uint_eq(m->bearer, 3);
	ck_assert_uint_eq(m->max_channels, 100);
	ck_assert_uint_eq(m->firmware, 7);
	ck_assert_str_eq(m->host, "pac");
	ck_assert_str_eq(m->vendor, "vendor");
}

/* CC-03, MSG-08. */
START_TEST(receiver_establishes)
{
	start(false);
	after_ms(500);
	sccrq(0x0100, CTRL_ADMIT);
	DONE("SCCRP established");
	assert_sccrp(SCCRP_OK, 0);
	ck_assert_str_eq(c.peer.host, "pns");
	assert_deadline_in(30000);
}
END_TEST

/* CC-06, CC-07. */
START_TEST(receiver_versions)
{
	static const struct {
		uint16_t version;
		int minor_ok, ok;
	} cases[] = { { 0x0000, 1, 0 }, { 0x0001, 1, 0 }, { 0x00ff, 1, 0 }, { 0x0100, 0, 1 }, { 0x0101, 1, 1 },
		{ 0x0101, 0, 0 }, { 0x01ff, 1, 1 }, { 0x0200, 1, 0 }, { 0x0200, 0, 0 }, { 0xffff, 1, 0 } };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		start(false);
		c.self.accept_minor = cases[i].minor_ok;
		sccrq(cases[i].version, CTRL_ADMIT);
		DONE(cases[i].ok ? "SCCRP established" : "SCCRP close(version)");
		assert_sccrp(cases[i].ok ? SCCRP_OK : SCCRP_VERSION, 0);
	}
}
END_TEST

/* CC-04, CC-05, CC-08. */
START_TEST(receiver_refuses)
{
	start(false);
	sccrq(0x0100, CTRL_ADMIT_EXISTS);
	DONE("SCCRP close(refused)");
	assert_sccrp(SCCRP_EXISTS, 0);
	start(false);
	sccrq(0x0100, CTRL_ADMIT_FORBIDDEN);
	DONE("SCCRP close(refused)");
	assert_sccrp(SCCRP_NOT_AUTHORIZED, 0);
	start(false);
	sccrq(0x0100, CTRL_ADMIT_NO_RESOURCE);
	DONE("SCCRP close(refused)");
	assert_sccrp(SCCRP_ERROR, MSG_ERR_NO_RESOURCE);
}
END_TEST

/* CC-02: nothing but SCCRQ is acted on first. */
START_TEST(bad_first_message)
{
	for (uint16_t t = 2; t <= MSG_SLI; t++) {
		if (t == MSG_STOP_CCRQ || t == MSG_ECHO_RQ || t == MSG_OCRQ)
			continue;
		start(false);
		message(t);
		DONE("close(bad-first-message)");
	}
	start(false);
	event(CTRL_EV_SKIPPED);
	DONE("close(bad-first-message)");
	start(false);
	message(99);
	DONE("close(bad-first-message)");
}
END_TEST

/* CC-02, MSG-24. */
START_TEST(bad_first_message_with_answer)
{
	start(false);
	in.ocrq.call_id = 0x1234;
	message(MSG_OCRQ);
	DONE("OCRP close(bad-first-message)");
	ck_assert_uint_eq(sent()->ocrp.result, OCRP_ERROR);
	ck_assert_uint_eq(sent()->ocrp.error, MSG_ERR_NOT_CONNECTED);
	ck_assert_uint_eq(sent()->ocrp.call_id, 0);
	ck_assert_uint_eq(sent()->ocrp.peer_call_id, 0x1234);
	start(false);
	in.echo_rq.identifier = 0xdeadbeef;
	message(MSG_ECHO_RQ);
	DONE("EchoRP close(bad-first-message)");
	ck_assert_uint_eq(sent()->echo_rp.result, ECHO_ERROR);
	ck_assert_uint_eq(sent()->echo_rp.error, MSG_ERR_NOT_CONNECTED);
	ck_assert_uint_eq(sent()->echo_rp.identifier, 0xdeadbeef);
	start(false);
	message(MSG_STOP_CCRQ);
	DONE("StopCCRP close(peer-stop)");
}
END_TEST

/* TIM-01: the clock starts with ctrl_init() and nothing restarts it. */
START_TEST(start_time_out)
{
	start(false);
	assert_deadline_in(10000);
	after_ms(9999);
	event(CTRL_EV_TICK);
	DONE("");
	assert_deadline_in(1);
	after_ms(1);
	event(CTRL_EV_TICK);
	DONE("close(start-timeout)");
	ck_assert(!mono_is_set(ctrl_deadline(&c)));
	start(true);
	after_ms(10000);
	event(CTRL_EV_TICK);
	DONE("close(start-timeout)");
}
END_TEST

/* CC-10: a second SCCRQ is told so; the connection lives. */
START_TEST(second_sccrq)
{
	established();
	sccrq(0x0100, CTRL_ADMIT);
	DONE("SCCRP");
	assert_sccrp(SCCRP_EXISTS, 0);
	ck_assert_int_eq(c.state, CTRL_ESTABLISHED);
}
END_TEST

/* CC-11, CC-13: the peer stops. */
START_TEST(peer_stops)
{
	for (unsigned reason = 0; reason <= 255; reason++) {
		established();
		in.stop_ccrq.reason = (uint8_t)reason;
		message(MSG_STOP_CCRQ);
		DONE("clear(peer-stop) StopCCRP close(peer-stop)");
		ck_assert_uint_eq(sent()->stop_ccrp.result, STOP_OK);
		ck_assert_uint_eq(sent()->stop_ccrp.error, 0);
	}
	message(MSG_ECHO_RQ);
	DONE("");
	established();
	message(MSG_STOP_CCRP);
	DONE("clear(peer-stop) close(peer-stop)");
}
END_TEST

/* MSG-12: each EchoRQ is answered, identifier untouched. */
START_TEST(echo_answered)
{
	established();
	for (uint32_t i = 0; i < 32; i++) {
		in.echo_rq.identifier = 1u << i;
		message(MSG_ECHO_RQ);
		DONE("EchoRP");
		ck_assert_uint_eq(sent()->echo_rp.identifier, 1u << i);
		ck_assert_uint_eq(sent()->echo_rp.result, ECHO_OK);
		ck_assert_uint_eq(sent()->echo_rp.error, 0);
	}
}
END_TEST

/* CC-14, CC-22 and what goes to the calls. */
START_TEST(established_messages)
{
	static const uint16_t call[] = { MSG_OCRQ, MSG_ICRP, MSG_CCRQ, MSG_SLI };
	static const uint16_t ignored[] = { MSG_SCCRP, MSG_ECHO_RP, MSG_OCRP, MSG_ICRQ, MSG_ICCN, MSG_CDN, MSG_WEN };

	established();
	for (size_t i = 0; i < sizeof call / sizeof *call; i++) {
		message(call[i]);
		DONE("call");
	}
	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) {
		message(ignored[i]);
		DONE("ignored");
	}
	event(CTRL_EV_SKIPPED);
	DONE("ignored");
	message(99);
	DONE("ignored");
	ck_assert_int_eq(c.state, CTRL_ESTABLISHED);
}
END_TEST

/* TIM-02, TIM-03. */
START_TEST(echo_sent_and_missed)
{
	established();
	after_ms(29999);
	event(CTRL_EV_TICK);
	DONE("");
	after_ms(1);
	event(CTRL_EV_TICK);
	DONE("EchoRQ");
	ck_assert_uint_eq(sent()->echo_rq.identifier, 0xcafe);
	assert_deadline_in(40000);
	after_ms(39999);
	event(CTRL_EV_TICK);
	DONE("");
	after_ms(1);
	event(CTRL_EV_TICK);
	DONE("clear(echo-timeout) abort(echo-timeout)");
}
END_TEST

START_TEST(echo_reply)
{
	echo_out();
	in.echo_rp.identifier = 0xcafe;
	in.echo_rp.result = ECHO_OK;
	message(MSG_ECHO_RP);
	DONE("");
	assert_deadline_in(30000);
	/* A second answer to the same, as when echoes of both sides have crossed, is no event. CC-16: another one is. */
	message(MSG_ECHO_RP);
	DONE("");
	in.echo_rp.identifier++;
	message(MSG_ECHO_RP);
	DONE("ignored");
	after_ms(30000);
	event(CTRL_EV_TICK);
	DONE("EchoRQ");
}
END_TEST

/* CC-16: not the answer, but a sign of life as any whole message is. */
START_TEST(echo_reply_mismatched)
{
	echo_out();
	in.echo_rp.identifier = 0xcafe + 1;
	in.echo_rp.result = ECHO_OK;
	message(MSG_ECHO_RP);
	DONE("ignored");
	ck_assert(!c.echo_pending);
	assert_deadline_in(30000);
	echo_out();
	in.echo_rp.identifier = 0xcafe;
	in.echo_rp.result = ECHO_ERROR;
	message(MSG_ECHO_RP);
	DONE("ignored");
}
END_TEST

START_TEST(any_message_is_a_sign_of_life)
{
	for (uint16_t t = 1; t <= MSG_SLI; t++) {
		if (t == MSG_STOP_CCRQ || t == MSG_STOP_CCRP)
			continue;
		echo_out();
		message(t);
		ck_assert(!c.echo_pending);
		assert_deadline_in(30000);
		after_ms(20000);
		message(t);
		assert_deadline_in(30000);
	}
	/* What is not one of the 15 is none. */
	echo_out();
	event(CTRL_EV_SKIPPED);
	assert_deadline_in(39000);
	ck_assert(c.echo_pending);
}
END_TEST

/* TIM-02: no EchoRQ while an OCRQ is unanswered. */
START_TEST(no_echo_while_reply_due)
{
	established();
	message(MSG_OCRQ);
	ctrl_reply_due(&c);
	ctrl_reply_due(&c);
	for (int i = 0; i < 10; i++) {
		after_ms(30000);
		event(CTRL_EV_TICK);
		DONE("");
		assert_deadline_in(30000);
	}
	after_ms(1000);
	ctrl_reply_done(&c, now);
	assert_deadline_in(29000);
	after_ms(29000);
	event(CTRL_EV_TICK);
	DONE("");
	after_ms(5000);
	ctrl_reply_done(&c, now);
	assert_deadline_in(30000);
	after_ms(30000);
	event(CTRL_EV_TICK);
	DONE("EchoRQ");
	/* One too many is harmless. */
	ctrl_reply_done(&c, now);
	assert_deadline_in(40000);
	ck_assert_uint_eq(c.replies_due, 0);
}
END_TEST

/* An echo that is out already keeps its own deadline. */
START_TEST(reply_done_while_echo_out)
{
	echo_out();
	ctrl_reply_due(&c);
	ctrl_reply_done(&c, now);
	assert_deadline_in(39000);
	ck_assert(c.echo_pending);
}
END_TEST

START_TEST(reply_done_when_not_established)
{
	stopping();
	ctrl_reply_due(&c);
	after_ms(1);
	ctrl_reply_done(&c, now);
	assert_deadline_in(19999);
	event(CTRL_EV_EOF);
	ctrl_reply_due(&c);
	ctrl_reply_done(&c, now);
	ck_assert(!mono_is_set(ctrl_deadline(&c)));
}
END_TEST

/* CC-09, TIM-04. */
START_TEST(local_stop)
{
	struct ctrl_event ev = { .type = CTRL_EV_STOP, .reason = STOP_SHUTDOWN };

	established();
	ctrl_step(&c, &ev, now, &out);
	DONE("StopCCRQ");
	ck_assert_uint_eq(sent()->stop_ccrq.reason, STOP_SHUTDOWN);
	assert_deadline_in(20000);
	after_ms(1);
	event(CTRL_EV_STOP);
	DONE("");
	in.echo_rq.identifier = 5;
	message(MSG_ECHO_RQ);
	DONE("EchoRP");
	assert_deadline_in(19999);
	for (uint16_t t = MSG_OCRQ; t <= MSG_SLI; t++) {
		message(t);
		DONE("ignored");
	}
	message(MSG_STOP_CCRP);
	DONE("clear(stopped) close(stopped)");
	stopping();
	ck_assert_uint_eq(sent()->stop_ccrq.reason, STOP_NONE);
	after_ms(19999);
	event(CTRL_EV_TICK);
	DONE("");
	after_ms(1);
	event(CTRL_EV_TICK);
	DONE("clear(stop-timeout) abort(stop-timeout)");
}
END_TEST

/* CC-12: both stop. */
START_TEST(both_stop)
{
	stopping();
	message(MSG_STOP_CCRQ);
	DONE("clear(peer-stop) StopCCRP close(peer-stop)");
}
END_TEST

START_TEST(stop_before_established)
{
	struct ctrl_event lost = { .type = CTRL_EV_STOP, .admit = CTRL_ADMIT_COLLISION };

	start(false);
	event(CTRL_EV_STOP);
	DONE("close(stopped)");
	start(true);
	event(CTRL_EV_OPEN);
	event(CTRL_EV_STOP);
	DONE("close(stopped)");
	/* COL-03: not one octet more. */
	start(true);
	event(CTRL_EV_OPEN);
	ctrl_step(&c, &lost, now, &out);
	DONE("close(collision)");
}
END_TEST

/* MSG-02, CC-17, CC-20, TIM-05. */
START_TEST(faults)
{
	established();
	event(CTRL_EV_FAULT);
	DONE("clear(fault) close(fault)");
	established();
	event(CTRL_EV_EOF);
	DONE("clear(peer-closed) close(peer-closed)");
	established();
	event(CTRL_EV_SUSPECT);
	DONE("clear(reply-timeout) abort(reply-timeout)");
	stopping();
	event(CTRL_EV_FAULT);
	DONE("clear(fault) close(fault)");
	stopping();
	event(CTRL_EV_EOF);
	DONE("clear(peer-closed) close(peer-closed)");
	start(false);
	event(CTRL_EV_FAULT);
	DONE("close(fault)");
	start(false);
	event(CTRL_EV_EOF);
	DONE("close(peer-closed)");
}
END_TEST

START_TEST(words)
{
	for (int s = 0; s < CTRL_STATES; s++)
		ck_assert_str_ne(ctrl_state_word((enum ctrl_state)s), "unknown");
	ck_assert_str_eq(ctrl_state_word(CTRL_STATES), "unknown");
	for (int w = 0; w < CTRL_CLOSES; w++)
		ck_assert_str_ne(ctrl_close_word((enum ctrl_close)w), "unknown");
	ck_assert_str_eq(ctrl_close_word(CTRL_CLOSES), "unknown");
}
END_TEST

static Suite *ctrl_suite(void)
{
	Suite *s = suite_create("ctrl");

	UNIT_CASE(s, "receiver", receiver_establishes, receiver_versions, receiver_refuses, bad_first_message,
		  bad_first_message_with_answer, start_time_out, words);
	UNIT_CASE(s, "established", second_sccrq, peer_stops, echo_answered, established_messages, faults);
	UNIT_CASE(s, "echo", echo_sent_and_missed, echo_reply, echo_reply_mismatched, any_message_is_a_sign_of_life,
		  no_echo_while_reply_due, reply_done_while_echo_out, reply_done_when_not_established);
	UNIT_CASE(s, "stop", local_stop, both_stop, stop_before_established);
	return s;
}

UNIT_MAIN(ctrl_suite)
