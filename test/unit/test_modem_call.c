/*
 * Calls of a modem: answering, dialling, being online, hanging up, and a port that is lost.
 */
#include "test/unit/unit_modem.h"

/* --- calls --- */

/* CALL-IN-03 */
START_TEST(answers)
{
	idle(false);
	input("RING\r\nRING\r\n");
	reply = NULL;
	event(MODEM_EV_ANSWER);
	did("RING ATA!");
	in_state(MODEM_ANSWERING);
	input("ATA\r\nRING\r\n\r\nCONNECT 31200/ARQ\r\n~data");
	did("ONLINE");
	ck_assert_uint_eq(m.speed, 31200);
	ck_assert_str_eq(m.chat.connect, "31200/ARQ");
	ck_assert_uint_eq(m.rest_len, 5);
	ck_assert(!memcmp(m.rest, "~data", 5));
	ck_assert(!mono_is_set(modem_deadline(&m)));
}
END_TEST

/* CALL-OUT-02, 03 */
START_TEST(dials)
{
	idle(false);
	reply = NULL;
	dial("0,123");
	did("ATD0,123!");
	input("ATD0,123\r\nRINGING\r\n");
	after_ms(60000);
	input("CARRIER 28800\r\nPROTOCOL: LAPM\r\nCONNECT 115200\r");
	did("ONLINE");
	ck_assert_uint_eq(m.speed, 28800);
	ck_assert_uint_eq(m.rest_len, 0);
	event(MODEM_EV_NO_CARRIER);
	reply = "OK";
	after_ms(300);
	did("COMMAND DOWN ATZ! READY");
	dial("1");
	reply = NULL;
	input("CONNECT\r\n");
	ck_assert_uint_eq(m.speed, 0);
}
END_TEST

static void dial_ends_with(const char *text, uint8_t result, enum chat_answer answer)
{
	dialling(false);
	input(text);
	ck_assert_uint_eq(out.n, 1);
	ck_assert_int_eq(out.list[0].type, MODEM_ACT_FAILED);
	ck_assert_uint_eq(out.list[0].result, result);
	ck_assert_int_eq(out.list[0].answer, answer);
	ck_assert_str_eq(m.why, "refused to step 1 (\"ATD\\T\")");
	done[0] = '\0';
	after_ms(300);
	did("ATZ! READY");
}

/* CALL-OUT-04, 05: the results of section 2.8 */
START_TEST(results_of_a_dial)
{
	dial_ends_with("NO CARRIER\r\n", OCRP_NO_CARRIER, CHAT_NO_CARRIER);
	dial_ends_with("BUSY\r\n", OCRP_BUSY, CHAT_BUSY);
	dial_ends_with("NO DIALTONE\r\n", OCRP_NO_DIAL_TONE, CHAT_NO_DIALTONE);
	dial_ends_with("NO DIAL TONE\r\n", OCRP_NO_DIAL_TONE, CHAT_NO_DIALTONE);
	dial_ends_with("NO ANSWER\r\n", OCRP_TIME_OUT, CHAT_NO_ANSWER);
	dial_ends_with("ERROR\r\n", OCRP_ERROR, CHAT_ERROR);
}
END_TEST

/* CALL-OUT-05 */
START_TEST(dial_takes_too_long)
{
	dialling(false);
	after_ms(89999);
	did("");
	after_ms(1);
	did("FAILED6 !");
	in_state(MODEM_HANGING_UP);
	input("\r\nNO CARRIER\r\n");
	after_ms(300);
	did("ATZ! READY");
	/* The step's own time-out. */
	conf.dial_ms = 0;
	conf.answer.steps = (const struct chat_step[]){ { "ATA", "CONNECT", 5000 } };
	input("RING\r\nRING\r\n");
	reply = NULL;
	event(MODEM_EV_ANSWER);
	after_ms(5000);
	did("RING ATA! FAILED6 !");
}
END_TEST

START_TEST(default_time_of_a_dial)
{
	idle(false);
	conf.dial_ms = 0;
	reply = NULL;
	dial("1");
	after_ms(MODEM_DIAL_MS - 1);
	did("ATD1!");
	after_ms(1);
	did("FAILED6 !");
}
END_TEST

START_TEST(bad_number_is_not_dialled)
{
	idle(false);
	dial("1;ATZ");
	did("FAILED2 READY");
	dial(NULL);
	did("FAILED2 READY");
	in_state(MODEM_IDLE);
}
END_TEST

START_TEST(call_from_outside_while_dialling)
{
	dialling(false);
	input("RING\r\n");
	did("FAILED4 !");
	in_state(MODEM_HANGING_UP);
	input("NO CARRIER\r\n");
	after_ms(300);
	did("ATZ!");
	in_state(MODEM_RINGING);
	after_ms(3000);
	did("RING");
	/* A modem that says nothing at all then does not hang either. */
	dialling(false);
	reply = NULL;
	input("RING\r\n");
	after_ms(30000);
	did("FAILED4 ! +++ ATH! ATZ! +++ ATH! ATZ! +++ ATH! ATZ! flush OUT");
}
END_TEST

START_TEST(carrier_comes_behind_connect)
{
	struct modem_event ev = { .type = MODEM_EV_INPUT, .len = MODEM_KEPT + 99 };
	static uint8_t much[MODEM_KEPT + 99];

	dialling(true);
	input("CONNECT 33600\r\n~ab");
	did("");
	in_state(MODEM_DIALLING);
	after_ms(1000);
	input("NO CARRIER\r\n");
	lines(true, 7);
	did("ONLINE");
	ck_assert_uint_eq(m.rest_len, 15);
	ck_assert(!memcmp(m.rest, "~abNO CARRIER\r\n", 15));
	/* More than there is room for. */
	dialling(true);
	input("CONNECT\r\n");
	ev.data = much;
	step(&ev);
	step(&ev);
	lines(true, 7);
	did("ONLINE");
	ck_assert_uint_eq(m.rest_len, MODEM_KEPT);
}
END_TEST

START_TEST(connect_without_carrier)
{
	dialling(true);
	input("CONNECT 33600\r\n");
	lines(false, 8);
	after_ms(MODEM_CARRIER_MS - 1);
	did("");
	after_ms(1);
	did("FAILED3 ! dtr");
	after_ms(1300);
	did("DTR ATZ! READY");
}
END_TEST

/* CALL-IN-09, CALL-OUT-08 */
START_TEST(carrier_is_lost)
{
	online(true);
	lines(true, 8);
	did("");
	lines(false, 8);
	did("COMMAND DOWN flush dtr");
	after_ms(1300);
	did("DTR ATZ! READY");
	online(false);
	input("NO CARRIER\r\nRING\r\n");
	did("");
	event(MODEM_EV_NO_CARRIER);
	event(MODEM_EV_NO_CARRIER);
	did("COMMAND DOWN");
	after_ms(300);
	did("ATZ! READY");
}
END_TEST

/* --- hanging up: CALL-IN-08, CALL-OUT-07, 09 --- */

START_TEST(hangs_up_by_dtr)
{
	online(true);
	event(MODEM_EV_HANGUP);
	did("COMMAND flush dtr");
	event(MODEM_EV_HANGUP);
	lines(false, 8);
	after_ms(999);
	did("");
	after_ms(1);
	did("DTR DOWN");
	after_ms(300);
	did("ATZ! READY");
}
END_TEST

START_TEST(dtr_is_not_heeded)
{
	online(true);
	event(MODEM_EV_HANGUP);
	after_ms(1000);
	did("COMMAND flush dtr DTR");
	after_ms(1200);
	did("+++");
	after_ms(1200);
	did("ATH! DOWN");
	after_ms(300);
	did("ATZ! READY");
}
END_TEST

START_TEST(hangs_up_by_escape)
{
	online(false);
	event(MODEM_EV_HANGUP);
	did("COMMAND flush");
	input("data\r\nRING\r\nOK\r\n~");
	after_ms(1199);
	did("");
	after_ms(1);
	did("+++");
	input("\r\nOK\r\n");
	after_ms(1200);
	did("ATH! DOWN");
	after_ms(300);
	did("ATZ! READY");
	/* The modem has gone silent: the call is over all the same. */
	online(false);
	reply = NULL;
	event(MODEM_EV_HANGUP);
	after_ms(2400 + 3000);
	did("COMMAND flush +++ ATH! DOWN");
}
END_TEST

/* CALL-OUT-06 */
START_TEST(hangs_up_while_dialling)
{
	dialling(false);
	event(MODEM_EV_HANGUP);
	did("!");
	event(MODEM_EV_HANGUP);
	input("NO CARRIER\r\n");
	did("DOWN");
	after_ms(300);
	did("ATZ! READY");
	/* It connects just then. */
	dialling(false);
	event(MODEM_EV_HANGUP);
	input("CONNECT 33600\r\n~~~");
	did("!");
	after_ms(2400);
	did("+++ ATH! DOWN");
	after_ms(300);
	did("ATZ! READY");
	dialling(true);
	event(MODEM_EV_HANGUP);
	after_ms(1300);
	did("! dtr DTR DOWN ATZ! READY");
}
END_TEST

/* --- the port is gone --- */

START_TEST(port_is_lost)
{
	idle(false);
	event(MODEM_EV_LOST);
	did("");
	in_state(MODEM_CLOSED);
	ck_assert(!mono_is_set(modem_deadline(&m)));
	idle(false);
	input("RING\r\nRING\r\n");
	event(MODEM_EV_LOST);
	did("RING OVER");
	idle(false);
	input("RING\r\n");
	event(MODEM_EV_LOST);
	did("");
	idle(false);
	input("RING\r\nRING\r\n");
	event(MODEM_EV_REJECT);
	event(MODEM_EV_LOST);
	did("RING");
	dialling(false);
	event(MODEM_EV_LOST);
	did("FAILED2");
	dialling(false);
	event(MODEM_EV_HANGUP);
	event(MODEM_EV_LOST);
	did("! DOWN");
	online(true);
	event(MODEM_EV_LOST);
	event(MODEM_EV_LOST);
	did("DOWN");
	online(true);
	lines(false, 7);
	event(MODEM_EV_LOST);
	did("COMMAND DOWN flush dtr");
	open_port(true, false);
	after_ms(300);
	did("DTR flush ATZ! READY");
}
END_TEST

static Suite *modem_call_suite(void)
{
	Suite *s = suite_create("modem_call");

	UNIT_CASE(s, "calls", answers, dials, results_of_a_dial, dial_takes_too_long, default_time_of_a_dial,
		  bad_number_is_not_dialled, call_from_outside_while_dialling, carrier_comes_behind_connect,
		  connect_without_carrier, carrier_is_lost);
	UNIT_CASE(s, "hangup", hangs_up_by_dtr, dtr_is_not_heeded, hangs_up_by_escape, hangs_up_while_dialling,
		  port_is_lost);
	return s;
}

UNIT_MAIN(modem_call_suite)
