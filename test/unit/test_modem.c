/*
 * A modem's life without a call: waking, rings and their numbers, and what modems say besides.
 */
#include "test/unit/unit_modem.h"

/* --- waking --- */

START_TEST(wakes)
{
	new_modem();
	open_port(true, false);
	did("DTR flush");
	in_state(MODEM_INIT);
	after_ms(MODEM_SETTLE_MS - 1);
	did("");
	after_ms(1);
	did("ATZ! READY");
	in_state(MODEM_IDLE);
	ck_assert(!mono_is_set(modem_deadline(&m)));
}
END_TEST

START_TEST(hayes_init)
{
	idle(false);
	conf.init = chat_hayes_init;
	event(MODEM_EV_LOST);
	open_port(false, false);
	after_ms(MODEM_SETTLE_MS);
	did("DTR flush ATZ! ATQ0E0V1X4S0=0! AT&C1&D2! AT+VCID=1! READY");
}
END_TEST

START_TEST(stale_carrier_is_hung_up_first)
{
	new_modem();
	open_port(true, true);
	did("DTR flush dtr");
	in_state(MODEM_HANGING_UP);
	lines(false, 7);
	after_ms(1300);
	did("DTR ATZ! READY");
}
END_TEST

START_TEST(silent_modem_is_out_of_service)
{
	new_modem();
	reply = NULL;
	open_port(true, false);
	after_ms(300 + 3000);
	did("DTR flush ATZ!");
	after_ms(2400);
	did("+++ ATH!");
	after_ms(3000 + 300 + 3000);
	did("ATZ!");
	after_ms(2400 + 3000 + 300 + 3000);
	did("+++ ATH! ATZ! flush dtr OUT");
	in_state(MODEM_FAILED);
	ck_assert_str_eq(m.why, "the modem does not answer to step 1 (\"ATZ\")");
	/* Told once, tried again and again. */
	after_ms(29999);
	did("");
	after_ms(1 + 30000);
	did("DTR ATZ! +++ ATH! ATZ! +++ ATH! ATZ! flush dtr");
	reply = "OK";
	after_ms(40000);
	did("DTR ATZ! READY");
	in_state(MODEM_IDLE);
	reply = "ERROR";
	event(MODEM_EV_LOST);
	open_port(false, false);
	after_ms(30000);
	did("DTR flush ATZ! +++ ATH! ATZ! +++ ATH! ATZ! flush OUT");
	ck_assert_str_eq(m.why, "the modem says ERROR to step 1 (\"ATZ\")");
}
END_TEST

START_TEST(data_mode_left_over_is_escaped)
{
	new_modem();
	reply = NULL;
	open_port(false, false);
	after_ms(300 + 3000 + 1200);
	did("DTR flush ATZ! +++");
	reply = "OK";
	after_ms(1200 + 300);
	did("ATH! ATZ! READY");
}
END_TEST

/* What a modem still says of its last call is no answer to an init. */
START_TEST(late_words_are_passed_over)
{
	new_modem();
	reply = NULL;
	open_port(false, false);
	input("OK\r\nNO CARRIER\r\n");
	after_ms(300);
	input("NO CARRIER\r\nBUSY\r\nATZ\r\ngarbage\xff\x80\r\n");
	in_state(MODEM_INIT);
	input("O");
	input("K");
	in_state(MODEM_INIT);
	input("\r");
	did("DTR flush ATZ! READY");
}
END_TEST

START_TEST(idle_modem_is_checked)
{
	new_modem();
	conf.check_ms = 300000;
	open_port(false, false);
	after_ms(300 + 300000);
	did("DTR flush ATZ! READY");
	in_state(MODEM_INIT);
	after_ms(300);
	did("ATZ! READY");
	reply = NULL;
	after_ms(300000 + 30000);
	did("ATZ! +++ ATH! ATZ! +++ ATH! ATZ! flush OUT");
	in_state(MODEM_FAILED);
}
END_TEST

/* --- rings: CALL-IN-01 --- */

START_TEST(second_ring_is_told)
{
	idle(false);
	input("RING\r\n");
	did("");
	in_state(MODEM_RINGING);
	after_ms(2000);
	input("RING\r\n");
	did("RING");
	ck_assert_str_eq(m.calling, "");
	ck_assert_str_eq(m.called, "");
	after_ms(6000);
	input("RING 1\r\n");
	after_ms(7999);
	did("");
	after_ms(1);
	did("OVER READY");
	in_state(MODEM_IDLE);
}
END_TEST

START_TEST(ring_without_number_is_told_in_time)
{
	idle(false);
	input("RING\r\n");
	after_ms(2999);
	did("");
	after_ms(1);
	did("RING");
}
END_TEST

static void rings_with(const char *text, const char *calling, const char *called)
{
	idle(false);
	input("RING\r\n");
	after_ms(500);
	input(text);
	after_ms(MODEM_CALLED_MS);
	did("RING");
	ck_assert_str_eq(m.calling, calling);
	ck_assert_str_eq(m.called, called);
	input("NMBR = 999\r\nDDN_NMBR = 999\r\n");
	ck_assert_str_eq(m.calling, calling);
	ck_assert_str_eq(m.called, called);
}

START_TEST(numbers_of_a_ring)
{
	rings_with("DATE = 0412\r\nTIME = 1203\r\nNMBR = 5551234\r\nNAME = BEE\r\n", "5551234", "");
	rings_with("NMBR=5551234\r\nDDN_NMBR=4321\r\n", "5551234", "4321");
	rings_with("CALLED NUMBER: 4321\r\nCALLER NUMBER: 555 1234  \r\n", "555 1234", "4321");
	rings_with("+CLIP: \"+49555\",145\r\n", "+49555", "");
	rings_with("NMBR = P\r\n", "", "");
	rings_with("NMBR = O\r\nDDN=1\r\n", "", "1");
	rings_with("REASON FOR NO NUMBER: PRIVATE\r\n", "", "");
	rings_with("NMBR = 5\x1b\xb1\x7f" "6\r\n", "516", "");
	rings_with("NMBR = 1234567890123456789012345678901234567890123456789012345678901234567890\r\n",
		   "1234567890123456789012345678901234567890123456789012345678901234", "");
}
END_TEST

START_TEST(both_numbers_are_told_at_once)
{
	idle(false);
	input("RING\r\nDDN_NMBR = 4321\r\n");
	did("");
	input("NMBR = 5551234\r\n");
	did("RING");
	idle(false);
	input("RING\r\nNMBR = 5551234\r\n");
	did("");
	input("DDN_NMBR = 4321\r\n");
	did("RING");
}
END_TEST

START_TEST(number_before_the_first_ring)
{
	idle(false);
	input("NMBR = 5551234\r\n");
	in_state(MODEM_IDLE);
	after_ms(1000);
	input("RING\r\n");
	did("");
	after_ms(MODEM_CALLED_MS);
	did("RING");
	ck_assert_str_eq(m.calling, "5551234");
}
END_TEST

/* Nobody may be taken for the one who called before. */
START_TEST(old_number_is_not_the_next_callers)
{
	idle(false);
	input("NMBR = 5551234\r\n");
	after_ms(8000);
	input("RING\r\nRING\r\n");
	did("RING");
	ck_assert_str_eq(m.calling, "");
	idle(false);
	input("RING\r\nNMBR = 5551234\r\nRING\r\n");
	reply = NULL;
	event(MODEM_EV_ANSWER);
	reply = "OK";
	input("NO CARRIER\r\n");
	ck_assert_str_eq(m.calling, "5551234");
	after_ms(300);
	did("RING ATA! FAILED3 ATZ! READY");
	input("RING\r\nRING\r\n");
	did("RING");
	ck_assert_str_eq(m.calling, "");
	idle(false);
	input("RING\r\nNMBR = 5551234\r\nRING\r\n");
	after_ms(8000);
	input("RING\r\nRING\r\n");
	did("RING OVER READY RING");
	ck_assert_str_eq(m.calling, "");
	/* It came late in a ring that is over, and is young yet. */
	idle(false);
	conf.caller_id_ms = 10000;
	input("RING\r\n");
	after_ms(7000);
	input("NMBR = 5551234\r\n");
	after_ms(1000);
	input("RING\r\nRING\r\n");
	did("RING OVER READY RING");
	ck_assert_str_eq(m.calling, "");
}
END_TEST

START_TEST(ring_line_rings)
{
	idle(true);
	lines(false, 7);
	in_state(MODEM_IDLE);
	lines(false, 8);
	in_state(MODEM_RINGING);
	/* The second half of a double ring, and chatter. */
	after_ms(600);
	lines(false, 9);
	input("RING\r\n");
	after_ms(100);
	lines(false, 15);
	did("");
	after_ms(2000);
	lines(false, 16);
	did("RING");
	after_ms(7999);
	did("");
	after_ms(1);
	did("OVER READY");
}
END_TEST

START_TEST(lines_without_lines_mean_nothing)
{
	idle(false);
	lines(true, 99);
	in_state(MODEM_IDLE);
	online(false);
	lines(false, 99);
	in_state(MODEM_ONLINE);
}
END_TEST

START_TEST(rejected_ring_stays_quiet)
{
	idle(false);
	input("RING\r\nRING\r\n");
	event(MODEM_EV_REJECT);
	did("RING");
	for (int i = 0; i < 5; i++) {
		after_ms(6000);
		input("RING\r\nNMBR = 1\r\n");
		event(MODEM_EV_ANSWER);
	}
	in_state(MODEM_RINGING);
	after_ms(8000);
	did("READY");
	input("RING\r\nRING\r\n");
	did("RING");
}
END_TEST

START_TEST(ring_that_is_hung_up_is_over)
{
	idle(false);
	input("RING\r\nRING\r\n");
	event(MODEM_EV_HANGUP);
	did("RING OVER");
	event(MODEM_EV_HANGUP);
	after_ms(8000);
	did("READY");
}
END_TEST

START_TEST(ring_given_up_before_it_was_told)
{
	idle(false);
	conf.caller_id_ms = 10000;
	input("RING\r\n");
	after_ms(8000);
	did("READY");
}
END_TEST

START_TEST(ring_while_it_wakes_is_not_lost)
{
	new_modem();
	reply = NULL;
	open_port(false, false);
	after_ms(300);
	input("RING\r\nNMBR = 77\r\n");
	in_state(MODEM_INIT);
	input("OK\r\n");
	in_state(MODEM_RINGING);
	after_ms(MODEM_CALLED_MS);
	did("DTR flush ATZ! RING");
	ck_assert_str_eq(m.calling, "77");
	/* An init that takes longer than the ring does. */
	idle(false);
	conf.check_ms = 1000;
	event(MODEM_EV_LOST);
	open_port(true, false);
	after_ms(1300);
	lines(false, 8);
	reply = NULL;
	after_ms(9000);
	input("OK\r\n");
	did("DTR flush ATZ! READY ATZ! +++ ATH! ATZ! READY");
}
END_TEST

START_TEST(ring_of_a_modem_out_of_service)
{
	new_modem();
	reply = NULL;
	conf.init_tries = 0;
	open_port(false, false);
	after_ms(3300 + 29000);
	did("DTR flush ATZ! flush OUT");
	reply = "OK";
	input("RING\r\n");
	after_ms(1300);
	did("ATZ!");
	in_state(MODEM_RINGING);
	input("RING\r\n");
	did("RING");
	/* It was told so that it works: the next fault is news. */
	reply = NULL;
	event(MODEM_EV_ANSWER);
	input("NO CARRIER\r\n");
	after_ms(3300);
	did("ATA! FAILED3 ATZ! flush OUT");
}
END_TEST

static void rings_for_ms(int64_t ms, bool by_line)
{
	for (; ms > 0; ms -= 4000) {
		if (by_line)
			lines(false, m.ring_lines + 1);
		else
			input("RING\r\n");
		after_ms(4000);
	}
}

/* A floating RI, or a modem that went mad: out of service for as long as it goes on, and nobody is offered it again. */
START_TEST(endless_ring_is_a_fault)
{
	idle(true);
	rings_for_ms(MODEM_RING_MAX_MS - 4000, true);
	did("RING");
	in_state(MODEM_RINGING);
	rings_for_ms(8000, true);
	did("OVER flush dtr OUT");
	in_state(MODEM_FAILED);
	ck_assert_ptr_nonnull(strstr(m.why, "rings without end"));
	rings_for_ms(120000, true);
	did("DTR ATZ! flush dtr DTR ATZ! flush dtr DTR ATZ! flush dtr DTR ATZ! flush dtr");
	after_ms(31000);
	did("DTR ATZ! READY");
	in_state(MODEM_IDLE);
	rings_for_ms(8000, true);
	did("RING");
}
END_TEST

START_TEST(endless_ring_that_was_rejected)
{
	idle(false);
	input("RING\r\nRING\r\n");
	event(MODEM_EV_REJECT);
	rings_for_ms(MODEM_RING_MAX_MS, false);
	did("RING flush OUT");
	in_state(MODEM_FAILED);
	/* A caller after a pause is somebody else, and shows that it works. */
	after_ms(8000);
	rings_for_ms(24000, false);
	did("ATZ! RING");
	in_state(MODEM_RINGING);
}
END_TEST

/* --- what modems do --- */

START_TEST(slow_echo_in_pieces)
{
	static const char answer[] = "ATD123\r\r\nCONNECT 9600\r\n";

	dialling(false);
	for (size_t i = 0; i + 1 < sizeof answer; i++) {
		char one[2] = { answer[i], '\0' };

		after_ms(300);
		input(one);
	}
	/* ONLINE stood at the carriage return. */
	did("ONLINE");
	ck_assert_uint_eq(m.speed, 9600);
}
END_TEST

START_TEST(garbage_is_passed_over)
{
	char junk[2] = { 0 };

	idle(false);
	for (int i = 1; i < 256; i++) {
		junk[0] = (char)i;
		input(junk);
	}
	did("");
	input("\r\nRING\r\nRING\r\n");
	did("RING");
}
END_TEST

START_TEST(pauses_in_a_chat)
{
	static const struct chat_step steps[] = { { "AT\\dZ", "OK", 1000 }, { "\\dATE0", "", 0 } };

	new_modem();
	conf.init = (struct chat_script){ steps, 2 };
	open_port(false, false);
	after_ms(300);
	did("DTR flush AT");
	after_ms(1000);
	did("Z!");
	after_ms(1000);
	did("ATE0! READY");
}
END_TEST

/* More to write in one step than there is room for: the rest follows, and nothing is lost. */
START_TEST(long_steps_without_answers)
{
	static char text[201];
	static const struct chat_step steps[] = { { text, "", 0 }, { text, "", 0 }, { text, "", 0 } };
	size_t n = 0;

	memset(text, 'x', 200);
	new_modem();
	reply = NULL;
	conf.init = (struct chat_script){ steps, 3 };
	open_port(false, false);
	done[0] = '\0';
	after_ms(400);
	for (const char *p = done; *p; p++)
		n += *p == 'x' || *p == '!';
	ck_assert_uint_eq(n, 603);
	in_state(MODEM_IDLE);
}
END_TEST

START_TEST(state_words)
{
	for (int s = 0; s < MODEM_STATES; s++)
		ck_assert_ptr_nonnull(modem_state_word((enum modem_state)s));
	ck_assert_str_eq(modem_state_word(MODEM_HANGING_UP), "hanging-up");
	ck_assert_str_eq(modem_state_word(MODEM_STATES), "unknown");
}
END_TEST

static Suite *modem_suite(void)
{
	Suite *s = suite_create("modem");

	UNIT_CASE(s, "waking", wakes, hayes_init, stale_carrier_is_hung_up_first, silent_modem_is_out_of_service,
		  data_mode_left_over_is_escaped, late_words_are_passed_over, idle_modem_is_checked);
	UNIT_CASE(s, "rings", second_ring_is_told, ring_without_number_is_told_in_time, numbers_of_a_ring,
		  both_numbers_are_told_at_once, number_before_the_first_ring, old_number_is_not_the_next_callers,
		  ring_line_rings, lines_without_lines_mean_nothing, rejected_ring_stays_quiet,
		  ring_that_is_hung_up_is_over, ring_given_up_before_it_was_told, ring_while_it_wakes_is_not_lost,
		  ring_of_a_modem_out_of_service, endless_ring_is_a_fault, endless_ring_that_was_rejected);
	UNIT_CASE(s, "misbehaviour", slow_echo_in_pieces, garbage_is_passed_over, pauses_in_a_chat,
		  long_steps_without_answers, state_words);
	return s;
}

UNIT_MAIN(modem_suite)
