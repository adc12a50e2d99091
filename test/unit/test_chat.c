/*
 * Chats: lines of any split, the words of Hayes-like modems, speeds, numbers, and scripts with echo, garbage and
 * silence.
 */
#include "pacd/proto/chat.h"

#include "test/unit/unit.h"

static struct mono now;
static struct chat c;
static char sent[2 * CHAT_SEND];

static const struct chat_step *steps_of(const char *send, const char *expect, int64_t timeout_ms)
{
	static struct chat_step step;

	step = (struct chat_step){ send, expect, timeout_ms };
	return &step;
}

/* All that the chat writes now, in pieces of `cap`. */
static const char *output(size_t cap)
{
	size_t n, len = 0;

	while ((n = chat_output(&c, sent + len, cap, now)))
		len += n;
	sent[len] = '\0';
	return sent;
}

static void start(const struct chat_step *steps, unsigned n, const char *number)
{
	struct chat_script script = { steps, n };

	now.us = 1000000;
	chat_start(&c, &script, &chat_hayes_words, number, now);
}

static void start_one(const char *send, const char *expect, const char *number)
{
	start(steps_of(send, expect, 1000), 1, number);
}

/* --- lines --- */

static void lines_are(const char *octets, size_t piece, const char *want)
{
	struct chat_reader r;
	char got[512] = "";

	chat_reader_init(&r);
	for (size_t at = 0, total = strlen(octets); at < total; at += piece) {
		const uint8_t *data = (const uint8_t *)octets + at;
		size_t len = total - at < piece ? total - at : piece;

		while (chat_reader_next(&r, &data, &len)) {
			strcat(got, r.line);
			strcat(got, "|");
		}
		ck_assert_uint_eq(len, 0);
	}
	ck_assert_str_eq(got, want);
}

START_TEST(reader_cuts_lines_in_any_split)
{
	for (size_t piece = 1; piece < 40; piece++) {
		lines_are("\r\nOK\r\n\r\nRING\r\n", piece, "OK|RING|");
		lines_are("ATZ\r\r\nOK\r\npartial", piece, "ATZ|OK|");
		lines_are("  a\tb  \n \r\n", piece, "a b|");
		/* Seven bits with parity, NULs, bells and deletes. */
		lines_are("\xcf\xcb\x8d\x01\x07" "BUSY\x7f\x80\x0d", piece, "OK|BUSY|");
	}
}
END_TEST

START_TEST(reader_cuts_long_line)
{
	char in[400], want[CHAT_LINE + 2];

	memset(in, 'x', 300);
	strcpy(in + 300, "\rOK\r");
	memset(want, 'x', CHAT_LINE);
	strcpy(want + CHAT_LINE, "|");
	lines_are(in, 7, strcat(strcpy(sent, want), "OK|"));
}
END_TEST

START_TEST(reader_leaves_what_is_behind_a_line)
{
	const uint8_t *data = (const uint8_t *)"CONNECT\r\n~x";
	size_t len = 11;
	struct chat_reader r;

	chat_reader_init(&r);
	ck_assert(chat_reader_next(&r, &data, &len));
	ck_assert_uint_eq(len, 3);
	ck_assert_int_eq(*data, '\n');
}
END_TEST

static const struct {
	const char *line;
	enum chat_answer answer;
	const char *value;
} meanings[] = {
	{ "OK", CHAT_OK, "" },
	{ "ok", CHAT_OK, "" },
	{ "OKAY", CHAT_OTHER, "" },
	{ "CONNECT", CHAT_CONNECT, "" },
	{ "CONNECT 33600", CHAT_CONNECT, "33600" },
	{ "CONNECT 115200/ARQ/V34/LAPM", CHAT_CONNECT, "115200/ARQ/V34/LAPM" },
	{ "Connect  57600 CARRIER 28800", CHAT_CONNECT, "57600 CARRIER 28800" },
	{ "CONNECTING", CHAT_OTHER, "" },
	{ "RING", CHAT_RING, "" },
	{ "RING 1", CHAT_RING, "" },
	{ "RING1", CHAT_RING, "" },
	{ "RINGING", CHAT_OTHER, "" },
	{ "BUSY", CHAT_BUSY, "" },
	{ "NO CARRIER", CHAT_NO_CARRIER, "" },
	{ "VOICE", CHAT_NO_CARRIER, "" },
	{ "NO DIALTONE", CHAT_NO_DIALTONE, "" },
	{ "NO DIAL TONE", CHAT_NO_DIALTONE, "" },
	{ "NO ANSWER", CHAT_NO_ANSWER, "" },
	{ "ERROR", CHAT_ERROR, "" },
	{ "+CME ERROR: 3", CHAT_ERROR, "" },
	{ "NMBR = 5551234", CHAT_CALLING, "5551234" },
	{ "NMBR=5551234", CHAT_CALLING, "5551234" },
	{ "nmbr = P", CHAT_CALLING, "P" },
	{ "CALLER NUMBER: 5551234", CHAT_CALLING, "5551234" },
	{ "CALLING: 5551234", CHAT_CALLING, "5551234" },
	{ "FM:5551234", CHAT_CALLING, "5551234" },
	{ "+CLIP: \"5551234\",129", CHAT_CALLING, "\"5551234\",129" },
	{ "DDN_NMBR= 4321", CHAT_CALLED, "4321" },
	{ "DDN = 4321", CHAT_CALLED, "4321" },
	{ "CALLED NUMBER: 4321", CHAT_CALLED, "4321" },
	{ "CALLED 4321", CHAT_CALLED, "4321" },
	{ "TO:4321", CHAT_CALLED, "4321" },
	{ "TONE", CHAT_OTHER, "" },
	{ "DATE = 0412", CHAT_OTHER, "" },
	{ "NAME = BUSY BEE", CHAT_OTHER, "" },
	{ "ATDT5551234", CHAT_OTHER, "" },
	{ "", CHAT_OTHER, "" },
};

START_TEST(classifies_lines)
{
	for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
		const char *value;

		ck_assert_msg(chat_classify(&chat_hayes_words, meanings[i].line, &value) == meanings[i].answer, "%s",
			      meanings[i].line);
		ck_assert_str_eq(value, meanings[i].value);
		chat_classify(NULL, meanings[i].line, &value);
		ck_assert_str_eq(value, meanings[i].value);
	}
}
END_TEST

START_TEST(longest_word_wins)
{
	static const char *const busy[] = { "BUSY", NULL }, *const no_answer[] = { "", "BUSY (no answer)", NULL };
	static const struct chat_words words = { { [CHAT_BUSY] = busy, [CHAT_NO_ANSWER] = no_answer } };
	const char *value;

	ck_assert_int_eq(chat_classify(&words, "BUSY", &value), CHAT_BUSY);
	ck_assert_int_eq(chat_classify(&words, "BUSY (NO ANSWER)", &value), CHAT_NO_ANSWER);
	ck_assert_int_eq(chat_classify(&words, "RING", &value), CHAT_OTHER);
}
END_TEST

START_TEST(speeds_of_connect)
{
	static const struct {
		const char *connect;
		uint32_t bps;
	} speeds[] = {
		{ "", 0 },
		{ "33600", 33600 },
		{ "115200/ARQ/V34/LAPM", 115200 },
		{ "57600 V42bis CARRIER 28800", 28800 },
		{ "57600/CARRIER:28800", 28800 },
		{ "57600 CARRIER", 57600 },
		{ "V34 33600", 33600 },
		{ "V.34/31200", 31200 },
		{ "1200TX/75RX", 1200 },
		{ "ARQ/V34", 0 },
		{ "99999999999999999999", 0 },
		{ "999999999", 999999999 },
	};

	for (size_t i = 0; i < sizeof speeds / sizeof *speeds; i++)
		ck_assert_msg(chat_speed(speeds[i].connect) == speeds[i].bps, "%s: %u", speeds[i].connect,
			      chat_speed(speeds[i].connect));
}
END_TEST

/* SEC-05 */
START_TEST(numbers_to_dial)
{
	char number[CHAT_NUMBER + 2];

	ck_assert(chat_number_ok("5551234"));
	ck_assert(chat_number_ok("+495551234"));
	ck_assert(chat_number_ok("0,W*1#w"));
	ck_assert(!chat_number_ok(""));
	ck_assert(!chat_number_ok("+"));
	ck_assert(!chat_number_ok("1+2"));
	ck_assert(!chat_number_ok("1;"));
	ck_assert(!chat_number_ok("1\rATH"));
	ck_assert(!chat_number_ok("1 2"));
	ck_assert(!chat_number_ok("1@"));
	memset(number, '1', sizeof number);
	number[CHAT_NUMBER] = '\0';
	ck_assert(chat_number_ok(number));
	number[0] = '+';
	ck_assert(chat_number_ok(number));
	number[CHAT_NUMBER] = '1';
	number[CHAT_NUMBER + 1] = '\0';
	ck_assert(!chat_number_ok(number));
}
END_TEST

START_TEST(complaints)
{
	char text[CHAT_SEND + 2];

	ck_assert_ptr_null(chat_send_complaint(""));
	ck_assert_ptr_null(chat_send_complaint("ATDT\\T\\d\\\\\\c"));
	ck_assert_ptr_nonnull(chat_send_complaint("AT\r"));
	ck_assert_ptr_nonnull(chat_send_complaint("AT\xe4"));
	ck_assert_ptr_nonnull(chat_send_complaint("\\n"));
	ck_assert_ptr_nonnull(chat_send_complaint("AT\\"));
	ck_assert_ptr_nonnull(chat_send_complaint("\\cAT"));
	ck_assert_ptr_null(chat_send_complaint("\\T\\T\\T"));
	ck_assert_ptr_nonnull(chat_send_complaint("\\T\\T\\T\\T"));
	memset(text, 'x', sizeof text);
	text[CHAT_SEND - 1] = '\0';
	ck_assert_ptr_null(chat_send_complaint(text));
	text[CHAT_SEND - 1] = 'x';
	text[CHAT_SEND] = '\0';
	ck_assert_ptr_nonnull(chat_send_complaint(text));
}
END_TEST

/* --- scripts --- */

static void sends(const char *send, const char *number, const char *want)
{
	for (size_t cap = 1; cap <= CHAT_SEND; cap += cap < 8 ? 1 : 62) {
		start_one(send, "OK", number);
		ck_assert_str_eq(output(cap), want);
		ck_assert_int_eq(c.expecting, true);
		ck_assert_int_eq(chat_deadline(&c).us, now.us + 1000000);
	}
}

START_TEST(sends_text)
{
	sends("ATZ", NULL, "ATZ\r");
	sends("ATDT\\T;", "123", "ATDT123;\r");
	sends("\\T\\T", "12", "1212\r");
	sends("AT\\T", NULL, "AT\r");
	sends("a\\\\b\\c", NULL, "a\\b");
	sends("", NULL, "");
	sends("\\c", NULL, "");
	sends("\\q", NULL, "\\q\r");
	sends("x\\", NULL, "x\\\r");
}
END_TEST

START_TEST(small_room_has_a_near_deadline)
{
	start_one("ATZ", "OK", NULL);
	ck_assert_uint_eq(chat_output(&c, sent, 2, now), 2);
	ck_assert_int_eq(chat_deadline(&c).us, now.us + 1000);
	ck_assert_uint_eq(chat_output(&c, sent, 0, now), 0);
	ck_assert_int_eq(chat_deadline(&c).us, now.us + 1000);
	ck_assert_str_eq(output(CHAT_SEND), "Z\r");
}
END_TEST

START_TEST(pauses)
{
	start_one("\\dAT\\dZ", "OK", NULL);
	ck_assert_str_eq(output(CHAT_SEND), "");
	ck_assert_int_eq(chat_deadline(&c).us, now.us + 1000000);
	/* No answer yet, as nothing was asked. */
	ck_assert_int_eq(chat_line(&c, "ERROR", now), CHAT_MORE);
	now = mono_add_ms(now, 999);
	ck_assert_int_eq(chat_tick(&c, now), CHAT_MORE);
	ck_assert_str_eq(output(CHAT_SEND), "");
	now = mono_add_ms(now, 1);
	ck_assert_str_eq(output(CHAT_SEND), "AT");
	now = mono_add_ms(now, 1000);
	ck_assert_str_eq(output(CHAT_SEND), "Z\r");
	ck_assert_int_eq(chat_line(&c, "ATZ", now), CHAT_MORE);
	ck_assert_int_eq(chat_line(&c, "OK", now), CHAT_DONE);
}
END_TEST

START_TEST(steps_follow)
{
	static const struct chat_step steps[] = { { "A", "OK", 1000 }, { "B", "", 0 }, { "C", "YES|ERROR", 500 } };

	start(steps, 3, NULL);
	ck_assert_int_eq(chat_deadline(&c).us, now.us);
	ck_assert_str_eq(output(CHAT_SEND), "A\r");
	ck_assert_int_eq(chat_line(&c, "noise", now), CHAT_MORE);
	ck_assert_str_eq(output(CHAT_SEND), "");
	ck_assert_int_eq(chat_line(&c, "ok", now), CHAT_MORE);
	ck_assert_str_eq(output(CHAT_SEND), "B\rC\r");
	/* A refusal that is waited for. */
	ck_assert_int_eq(chat_line(&c, "ERROR", now), CHAT_DONE);
	ck_assert_int_eq(chat_tick(&c, now), CHAT_DONE);
	ck_assert(!mono_is_set(chat_deadline(&c)));
	ck_assert_str_eq(output(CHAT_SEND), "");
	ck_assert_int_eq(chat_line(&c, "BUSY", now), CHAT_DONE);
}
END_TEST

START_TEST(nothing_to_wait_for)
{
	start_one("A", "", NULL);
	ck_assert_int_eq(chat_tick(&c, now), CHAT_MORE);
	ck_assert_str_eq(output(CHAT_SEND), "A\r");
	ck_assert_int_eq(chat_tick(&c, now), CHAT_DONE);
	start(NULL, 0, NULL);
	ck_assert_str_eq(output(CHAT_SEND), "");
	ck_assert_int_eq(chat_tick(&c, now), CHAT_DONE);
}
END_TEST

START_TEST(silence_is_a_time_out)
{
	start_one("A", "OK", NULL);
	output(CHAT_SEND);
	ck_assert_int_eq(chat_tick(&c, mono_add_ms(now, 999)), CHAT_MORE);
	ck_assert_int_eq(chat_tick(&c, mono_add_ms(now, 1000)), CHAT_FAILED);
	ck_assert_int_eq(c.answer, CHAT_OTHER);
	ck_assert_int_eq(chat_line(&c, "OK", now), CHAT_FAILED);
	ck_assert(!mono_is_set(chat_deadline(&c)));
}
END_TEST

START_TEST(failures_end_it)
{
	static const char *const lines[CHAT_ANSWERS] = { [CHAT_BUSY] = "BUSY", [CHAT_NO_CARRIER] = "NO CARRIER",
		[CHAT_NO_DIALTONE] = "NO DIAL TONE", [CHAT_NO_ANSWER] = "NO ANSWER", [CHAT_ERROR] = "ERROR" };

	for (int a = CHAT_BUSY; a <= CHAT_ERROR; a++) {
		start_one("ATDT\\T", "CONNECT", "1");
		output(CHAT_SEND);
		ck_assert_int_eq(chat_line(&c, "RINGING", now), CHAT_MORE);
		ck_assert_int_eq(chat_line(&c, "RING", now), CHAT_MORE);
		ck_assert_int_eq(chat_line(&c, "OK", now), CHAT_MORE);
		ck_assert_int_eq(chat_line(&c, lines[a], now), CHAT_FAILED);
		ck_assert_int_eq(c.answer, a);
	}
}
END_TEST

START_TEST(echo_is_no_answer)
{
	start_one("OK\\T", "OK", "1");
	output(CHAT_SEND);
	ck_assert_int_eq(chat_line(&c, "OK1", now), CHAT_MORE);
	ck_assert_int_eq(chat_line(&c, "ok1", now), CHAT_MORE);
	ck_assert_int_eq(chat_line(&c, "OK", now), CHAT_DONE);
	/* A command with the text of a failure, and blanks that the reader has dropped. */
	start_one(" ERROR \\d", "OK", NULL);
	output(CHAT_SEND);
	now = mono_add_ms(now, 1000);
	output(CHAT_SEND);
	ck_assert_int_eq(chat_line(&c, "ERROR", now), CHAT_MORE);
	ck_assert_int_eq(chat_line(&c, "ERROR 1", now), CHAT_FAILED);
}
END_TEST

START_TEST(connect_by_other_words)
{
	static const char *const connect[] = { "CONNECT", "VERBUNDEN", NULL };
	struct chat_words words = chat_hayes_words;
	struct chat_script script = { steps_of("ATA", "CONNECT", 1000), 1 };

	words.list[CHAT_CONNECT] = connect;
	chat_start(&c, &script, &words, NULL, now);
	output(CHAT_SEND);
	ck_assert_int_eq(chat_line(&c, "VERBUNDEN: 9600", now), CHAT_DONE);
	ck_assert_str_eq(c.connect, "9600");
	chat_start(&c, &script, &chat_hayes_words, NULL, now);
	output(CHAT_SEND);
	ck_assert_int_eq(chat_line(&c, "VERBUNDEN", now), CHAT_MORE);
	ck_assert_int_eq(chat_line(&c, "CONNECT 33600/V34", now), CHAT_DONE);
	ck_assert_str_eq(c.connect, "33600/V34");
}
END_TEST

START_TEST(default_scripts_are_good)
{
	const struct chat_script *const scripts[] = { &chat_hayes_init, &chat_hayes_answer, &chat_hayes_dial,
		&chat_hayes_hangup };

	for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
		ck_assert(scripts[i]->n && scripts[i]->n <= CHAT_STEPS);
		for (unsigned n = 0; n < scripts[i]->n; n++) {
			ck_assert_ptr_null(chat_send_complaint(scripts[i]->steps[n].send));
			ck_assert(*scripts[i]->steps[n].expect && scripts[i]->steps[n].timeout_ms > 0);
		}
	}
}
END_TEST

/* A modem without caller id is a good modem. */
START_TEST(caller_id_may_be_refused)
{
	chat_start(&c, &chat_hayes_init, NULL, NULL, now);
	for (unsigned n = 0; n < chat_hayes_init.n; n++) {
		ck_assert_str_ne(output(CHAT_SEND), "");
		chat_line(&c, strstr(sent, "VCID") ? "ERROR" : "OK", now);
	}
	ck_assert_int_eq(chat_tick(&c, now), CHAT_DONE);
}
END_TEST

static Suite *chat_suite(void)
{
	Suite *s = suite_create("chat");

	UNIT_CASE(s, "lines", reader_cuts_lines_in_any_split, reader_cuts_long_line,
		  reader_leaves_what_is_behind_a_line, classifies_lines, longest_word_wins, speeds_of_connect);
	UNIT_CASE(s, "texts", numbers_to_dial, complaints, sends_text, small_room_has_a_near_deadline, pauses);
	UNIT_CASE(s, "scripts", steps_follow, nothing_to_wait_for, silence_is_a_time_out, failures_end_it,
		  echo_is_no_answer, connect_by_other_words, default_scripts_are_good, caller_id_may_be_refused);
	return s;
}

UNIT_MAIN(chat_suite)
