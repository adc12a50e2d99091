/*
 * Lines of the control socket: words, records, status lines, and the grammar.
 */
#include "common/ctl_grammar.h"
#include "test/unit/unit.h"

#include <errno.h>

static struct ctl_words words;

static int parse(const char *line)
{
	return ctl_words_parse(&words, line, strlen(line));
}

static void word_is(size_t i, const char *octets, size_t len)
{
	ck_assert_uint_lt(i, words.n);
	ck_assert_uint_eq(words.list[i].len, len);
	ck_assert(!memcmp(words.list[i].text, octets, len));
	ck_assert_int_eq(words.list[i].text[len], '\0');
}

START_TEST(words_bare_and_quoted)
{
	ck_assert_int_eq(parse("  disconnect  user \"a b\\x22\\x5C\\x00\\xfF\" "), 0);
	ck_assert_uint_eq(words.n, 3);
	word_is(0, "disconnect", 10);
	word_is(1, "user", 4);
	word_is(2, "a b\"\\\0\xff", 7);
	ck_assert(words.list[2].quoted && !words.list[1].quoted);
	ck_assert_int_eq(parse("\"\" x\"\""), -EINVAL);
	ck_assert_int_eq(parse("\"\" \"\""), 0);
	word_is(0, "", 0);
	word_is(1, "", 0);
	ck_assert_int_eq(parse(""), 0);
	ck_assert_uint_eq(words.n, 0);
	ck_assert_int_eq(parse("   "), 0);
	ck_assert_uint_eq(words.n, 0);
}
END_TEST

START_TEST(words_refused)
{
	static const char *const bad[] = {
		"\"", "\"a", "\"a\\\"", "\"\\x4\"", "\"\\x4g\"", "\"\\n\"", "\"a\"b", "a\"b\"", "a\\x41", "\"a\\x4",
		"\ttab", "a\rb", "caf\xc3\xa9", "\"\xc3\xa9\"", "\"a\tb\"", "a\x7f", "\"\\",
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(parse(bad[i]) == -EINVAL, "%s", bad[i]);
	ck_assert_int_eq(parse("1 2 3 4 5 6 7 8"), 0);
	ck_assert_int_eq(parse("1 2 3 4 5 6 7 8 9"), -E2BIG);
}
END_TEST

START_TEST(words_length_bound)
{
	static char line[CTL_LINE_MAX + 1];

	memset(line, 'a', sizeof line);
	ck_assert_int_eq(ctl_words_parse(&words, line, CTL_LINE_MAX - 1), 0);
	ck_assert_uint_eq(words.list[0].len, CTL_LINE_MAX - 1);
	ck_assert_int_eq(ctl_words_parse(&words, line, CTL_LINE_MAX), -E2BIG);
}
END_TEST

static void field_is(const struct ctl_record *r, const char *key, enum ctl_kind kind, const char *octets, size_t len)
{
	const struct ctl_field *f = ctl_record_find(r, key);

	ck_assert_msg(f != NULL, "%s", key);
	ck_assert_msg(f->kind == kind, "%s is of kind %d", key, (int)f->kind);
	ck_assert_uint_eq(f->len, len);
	ck_assert(!memcmp(f->text, octets, len));
}

START_TEST(record_round_trip)
{
	struct ctl_out o;
	struct ctl_record r;
	static const char user[] = "a\"b\\c\0\n\x1b\xff d=e";

	ctl_out_init(&o);
	ctl_out_record(&o, "session");
	ctl_out_u64(&o, "id", UINT64_MAX);
	ctl_out_u64(&o, "zero", 0);
	ctl_out_text(&o, "user", user, sizeof user - 1);
	ctl_out_text(&o, "empty", "", 0);
	ctl_out_word(&o, "state", "established");
	ctl_out_word(&o, "odd", "two words");
	ctl_out_none(&o, "none");
	ctl_out_bool(&o, "yes", true);
	ctl_out_bool(&o, "no", false);
	ctl_out_end(&o);
	ck_assert(!o.fault);
	ck_assert(memchr(o.text, '\n', o.len) == o.text + o.len - 1);
	ck_assert_int_eq(ctl_record_parse(&r, o.text, o.len - 1), 0);
	ck_assert_str_eq(r.type, "session");
	ck_assert_uint_eq(r.n, 9);
	field_is(&r, "id", CTL_NUMBER, "18446744073709551615", 20);
	field_is(&r, "zero", CTL_NUMBER, "0", 1);
	field_is(&r, "user", CTL_TEXT, user, sizeof user - 1);
	field_is(&r, "empty", CTL_TEXT, "", 0);
	field_is(&r, "state", CTL_WORD, "established", 11);
	field_is(&r, "odd", CTL_TEXT, "two words", 9);
	field_is(&r, "none", CTL_NONE, "-", 1);
	field_is(&r, "yes", CTL_BOOL, "true", 4);
	field_is(&r, "no", CTL_BOOL, "false", 5);
	ck_assert(ctl_record_find(&r, "nothing") == NULL);
	ctl_out_clear(&o);
}
END_TEST

static int record_parse(struct ctl_record *r, const char *line)
{
	static char copy[4096];

	strcpy(copy, line);
	return ctl_record_parse(r, copy, strlen(line));
}

START_TEST(record_kinds_and_refusals)
{
	static const char *const bad[] = {
		"", " a", "A", "a=1", "a b", "a =1", "a b=", "a b=\"", "a b=\"x\"y", "a b=c\"", "a B=1",
		"a b=1 c", "a.b c=1", "a b=\x1b", "a b=\"\x1b\"",
	};
	struct ctl_record r;
	char many[1024] = "t";

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(record_parse(&r, bad[i]) == -EINVAL, "%s", bad[i]);
	ck_assert_int_eq(record_parse(&r, "only_a_type"), 0);
	ck_assert_uint_eq(r.n, 0);
	ck_assert_int_eq(record_parse(&r, "t a=007 b=1.5 c=\"7\" d=-7 e=x=y f=184467440737095516150"), 0);
	for (size_t i = 0; i < r.n; i++)
		ck_assert_msg(r.list[i].kind == (i == 2 ? CTL_TEXT : CTL_WORD), "%s", r.list[i].key);
	field_is(&r, "e", CTL_WORD, "x=y", 3);
	for (unsigned i = 0; i < CTL_FIELDS; i++)
		strcat(many, " k=1");
	ck_assert_int_eq(record_parse(&r, many), 0);
	strcat(many, " k=1");
	ck_assert_int_eq(record_parse(&r, many), -E2BIG);
}
END_TEST

START_TEST(status_lines)
{
	static const char *const bad[] = {
		"", ".200", ".20 ok", ".2000 k", "200 ok", ".2a0 ok", ".200\tok", ".200 o\x1bk",
	};
	struct ctl_out o;
	unsigned code;
	const char *text;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(ctl_status_parse(bad[i], strlen(bad[i]), &code, &text) < 0, "%s", bad[i]);
	ctl_out_init(&o);
	ctl_out_status(&o, CTL_NOT_FOUND, "no %s\n\x1b[31m", "luck");
	ctl_out_status(&o, CTL_OK, "ignored");
	ck_assert_uint_eq(o.code, 404);
	ck_assert_int_eq((int)o.len, (int)strlen(".404 no luck??[31m\n"));
	ck_assert_int_eq(ctl_status_parse(o.text, o.len - 1, &code, &text), 0);
	ck_assert_uint_eq(code, 404);
	ck_assert(!memcmp(text, "no luck??[31m", 13));
	ctl_out_clear(&o);
}
END_TEST

/* SEC-03: an answer has a bound, and who asked is told so instead of getting a part. */
START_TEST(answer_bound)
{
	static char block[1u << 20];
	struct ctl_out o;

	memset(block, 'a', sizeof block);
	ctl_out_init(&o);
	for (unsigned i = 0; i < CTL_OUT_MAX / sizeof block && !o.fault; i++)
		ctl_out_text(&o, "k", block, sizeof block);
	ck_assert(o.fault);
	ctl_out_status(&o, CTL_OK, "ok");
	ck_assert(!o.fault);
	ck_assert_uint_eq(o.code, 500);
	ck_assert(!memcmp(o.text, ".500 ", 5));
	ck_assert(memchr(o.text, '\n', o.len) == o.text + o.len - 1);
	ctl_out_clear(&o);
}
END_TEST

START_TEST(request_building)
{
	struct ctl_out o;

	ctl_out_init(&o);
	ctl_out_arg(&o, "disconnect", 10);
	ctl_out_arg(&o, "user", 4);
	ctl_out_arg(&o, "a b\0\"", 5);
	ctl_out_arg(&o, "", 0);
	ck_assert_int_eq(ctl_words_parse(&words, o.text, o.len), 0);
	ck_assert_uint_eq(words.n, 4);
	word_is(2, "a b\0\"", 5);
	word_is(3, "", 0);
	ctl_out_clear(&o);
}
END_TEST

static void password_is_written(size_t before, const char *password, size_t len)
{
	static char user[1023];
	struct ctl_out o;

	memset(user, 'u', sizeof user);
	ctl_out_init(&o);
	ctl_out_arg(&o, user, before);
	ctl_out_password(&o, password, len);
	ck_assert(!o.fault && o.text[o.len - 1] == '\n');
	ck_assert_uint_ge(o.cap - before, LOG_QUOTED(len) + 2);
	ck_assert_int_eq(ctl_words_parse(&words, o.text, o.len - 1), 0);
	ck_assert_uint_eq(words.n, 2);
	word_is(1, password, len);
	ctl_out_wipe(&o);
	ck_assert(o.text == NULL && !o.len);
}

/* The text has all its room before a password comes: no growing leaves a copy of it in memory that is freed. */
START_TEST(password_has_one_copy)
{
	static char password[CTL_PASSWORD_MAX], huge[CTL_LINE_MAX + 1];
	struct ctl_out o;

	for (size_t len = 0; len <= sizeof password; len++)
		for (size_t before = 400; before <= 1023; before += 7) {
			memset(password, before % 2 ? 'p' : 0x1b, sizeof password);
			password_is_written(before, password, len);
		}
	ctl_out_init(&o);
	ctl_out_password(&o, huge, sizeof huge);
	ck_assert(o.fault);
	ctl_out_wipe(&o);
	ctl_out_wipe(&o);
}
END_TEST

START_TEST(socket_mode)
{
	ck_assert_uint_eq(ctl_socket_mode(0640), 0660);
	ck_assert_uint_eq(ctl_socket_mode(0600), 0600);
	ck_assert_uint_eq(ctl_socket_mode(0644), 0666);
	ck_assert_uint_eq(ctl_socket_mode(0111), 0);
	ck_assert_uint_eq(ctl_socket_mode(0020), 0060);
}
END_TEST

/* --- the grammar --- */

static char why[CTL_WHY];
static struct ctl_match match;

static int matched(const char *line)
{
	ck_assert_int_eq(parse(line), 0);
	return ctl_match(&match, &words, why) < 0 ? -1 : (int)match.command;
}

START_TEST(grammar_every_command)
{
	static const struct { const char *line; int command; } good[] = {
		{ "help", CTL_HELP }, { "show status", CTL_SHOW_STATUS }, { "show sessions", CTL_SHOW_SESSIONS },
		{ "show session 17", CTL_SHOW_SESSION }, { "show connections", CTL_SHOW_CONNECTIONS },
		{ "show pools", CTL_SHOW_POOLS }, { "show stats", CTL_SHOW_STATS }, { "show config", CTL_SHOW_CONFIG },
		{ "disconnect 17", CTL_DISCONNECT }, { "disconnect user bob", CTL_DISCONNECT_USER },
		{ "disconnect user \"\"", CTL_DISCONNECT_USER }, { "disconnect peer 192.0.2.1", CTL_DISCONNECT_PEER },
		{ "drain", CTL_DRAIN }, { "drain off", CTL_DRAIN_OFF },
		{ "reload", CTL_RELOAD }, { "log debug", CTL_LOG },
		{ "show radius", CTL_SHOW_RADIUS }, { "show accounting", CTL_SHOW_ACCOUNTING },
		{ "test radius bob", CTL_TEST_RADIUS }, { "test radius bob \"p w\"", CTL_TEST_RADIUS },
		{ "test radius \"\" \"\"", CTL_TEST_RADIUS },
		{ "show lines", CTL_SHOW_LINES }, { "show line m01", CTL_SHOW_LINE },
		{ "line m01 busy-out", CTL_LINE_BUSY_OUT }, { "line m01 enable", CTL_LINE_ENABLE },
		{ "line m01 hangup", CTL_LINE_HANGUP }, { "line \"a b\" hangup", CTL_LINE_HANGUP },
		{ "line enable busy-out", CTL_LINE_BUSY_OUT }, { "line BUSY-OUT enable", CTL_LINE_ENABLE },
		/* abbreviated */
		{ "s p", CTL_SHOW_POOLS }, { "sh sess", CTL_SHOW_SESSIONS }, { "show sess 1", CTL_SHOW_SESSION },
		{ "show session", CTL_SHOW_SESSIONS },
		{ "show statu", CTL_SHOW_STATUS }, { "dis u bob", CTL_DISCONNECT_USER }, { "dr", CTL_DRAIN },
		{ "d", CTL_DRAIN }, { "r", CTL_RELOAD }, { "s a", CTL_SHOW_ACCOUNTING }, { "sh ra", CTL_SHOW_RADIUS },
		{ "t r bob", CTL_TEST_RADIUS }, { "show line", CTL_SHOW_LINES }, { "s l", CTL_SHOW_LINES },
		{ "s l l", CTL_SHOW_LINE }, { "l debug", CTL_LOG }, { "l m01 b", CTL_LINE_BUSY_OUT },
		{ "li e e", CTL_LINE_ENABLE }, { "lin m01 hang", CTL_LINE_HANGUP },
	};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		ck_assert_msg(matched(good[i].line) == good[i].command, "%s: %s", good[i].line, why);
}
END_TEST

START_TEST(grammar_arguments)
{
	ck_assert_int_eq(matched("show session 18446744073709551615"), CTL_SHOW_SESSION);
	ck_assert(match.id == UINT64_MAX);
	ck_assert_int_eq(matched("disconnect peer 192.0.2.1"), CTL_DISCONNECT_PEER);
	ck_assert_uint_eq(match.addr, 0xc0000201);
	ck_assert_int_eq(matched("log warn"), CTL_LOG);
	ck_assert_int_eq(match.level, LOG_LEVEL_WARN);
	ck_assert_int_eq(matched("disconnect user \"b\\x00b\""), CTL_DISCONNECT_USER);
	ck_assert_uint_eq(match.name->len, 3);
	ck_assert(match.password == NULL);
	ck_assert_int_eq(matched("test radius bob"), CTL_TEST_RADIUS);
	ck_assert_str_eq(match.name->text, "bob");
	ck_assert(match.password == NULL);
	ck_assert_int_eq(matched("test radius bob secret"), CTL_TEST_RADIUS);
	ck_assert_str_eq(match.name->text, "bob");
	ck_assert_str_eq(match.password->text, "secret");
	ck_assert_uint_eq(ctl_syntax_arg(CTL_TEST_RADIUS), 2);
	ck_assert_uint_eq(ctl_syntax_arg(CTL_DISCONNECT), 1);
	ck_assert_int_eq(matched("line m01 hangup"), CTL_LINE_HANGUP);
	ck_assert_str_eq(match.name->text, "m01");
	ck_assert(match.password == NULL);
	ck_assert_int_eq(matched("show line ts.2"), CTL_SHOW_LINE);
	ck_assert_str_eq(match.name->text, "ts.2");
	ck_assert_uint_eq(ctl_syntax_arg(CTL_LINE_HANGUP), 1);
	ck_assert_uint_eq(ctl_syntax_arg(CTL_DRAIN_OFF), 2);
}
END_TEST

/* What stands for the argument is no command's word, and nothing else is in capitals. */
START_TEST(grammar_table_is_whole)
{
	char text[CTL_SYNTAX_TEXT];

	for (unsigned c = 0; c < CTL_COMMANDS; c++) {
		const struct ctl_syntax *s = ctl_syntax_get((enum ctl_command)c);
		size_t args = 0, n = 0;

		ck_assert(s->words[0] != NULL && s->help != NULL);
		for (; n < CTL_SYNTAX_WORDS && s->words[n]; n++)
			args += strcspn(s->words[n], "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 0;
		ck_assert_msg(args == (s->arg != CTL_ARG_NONE), "%s", s->words[0]);
		ck_assert((ctl_syntax_arg((enum ctl_command)c) < n) == (s->arg != CTL_ARG_NONE));
		ck_assert_uint_lt(strlen(ctl_syntax_text((enum ctl_command)c, text)), CTL_SYNTAX_TEXT - 1);
	}
	ck_assert_str_eq(ctl_syntax_text(CTL_LINE_BUSY_OUT, text), "line NAME busy-out");
	ck_assert_str_eq(ctl_syntax_text(CTL_DISCONNECT_USER, text), "disconnect user NAME");
	ck_assert_str_eq(ctl_syntax_text(CTL_HELP, text), "help");
}
END_TEST

/* Which commands `help` tells of: of a line's, with or without its name. */
START_TEST(grammar_beginnings)
{
	static const struct { const char *line; enum ctl_command command; bool has; } rows[] = {
		{ "line", CTL_LINE_ENABLE, true }, { "l", CTL_LINE_ENABLE, true },
		{ "line m01", CTL_LINE_ENABLE, true },
		{ "line m01 en", CTL_LINE_ENABLE, true }, { "line m01 en more", CTL_LINE_ENABLE, true },
		{ "line m01 hangup", CTL_LINE_ENABLE, false }, { "show line", CTL_LINE_ENABLE, false },
		{ "show line m01 x", CTL_SHOW_LINE, true }, { "show line", CTL_SHOW_LINES, true },
		{ "show lines", CTL_SHOW_LINE, false }, { "disconnect user bob", CTL_DISCONNECT_USER, true },
		{ "disconnect user", CTL_DISCONNECT_PEER, false }, { "", CTL_LOG, true },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ck_assert_int_eq(ctl_words_parse(&words, rows[i].line, strlen(rows[i].line)), 0);
		ck_assert_msg(ctl_syntax_has(rows[i].command, &words) == rows[i].has, "%s", rows[i].line);
	}
}
END_TEST

START_TEST(grammar_refusals_say_what_is_legal)
{
	static const struct { const char *line, *part; } bad[] = {
		{ "", "no command; use help, show, disconnect, drain, reload, log, line, test" },
		{ "frobnicate", "\"frobnicate\"; use help, show, disconnect, drain, reload, log" },
		{ "show", "use show status, show sessions, show session ID, show connections, show pools, show stats, "
			  "show config, show radius, show accounting, show lines, show line NAME" },
		{ "test", "use test radius USER" }, { "test radius", "use test radius USER" },
		{ "test radius a b c", "use test radius USER" },
		{ "show st", "ambiguous: \"st\"" }, { "show session 1 2", "show session ID" },
		{ "show status now", "\"now\"" },
		{ "show session 1x", "not an ID: \"1x\"" }, { "show session \"\"", "not an ID" },
		{ "show session 18446744073709551616", "not an ID" }, { "show session -1", "not an ID" },
		{ "disconnect user", "disconnect ID, disconnect user NAME, disconnect peer ADDRESS" },
		{ "disconnect", "disconnect user NAME" }, { "disconnect peer 1.2.3", "not an IPv4 address" },
		{ "disconnect peer \"1.2.3.4\\x00x\"", "not an IPv4 address: \"1.2.3.4\\x00x\"" },
		{ "log loud", "not error, warn, info or debug: \"loud\"" }, { "log \"info\\x00\"", "not error" },
		{ "drain on", "drain, drain off" }, { "SHOW status", "use help" }, { "\"\"", "use help" },
		{ "showx pools", "use help" },
		{ "line", "at \"line\"; use line NAME busy-out, line NAME enable, line NAME hangup" },
		{ "line m01", "at \"m01\"; use line NAME busy-out, line NAME enable, line NAME hangup" },
		{ "line m01 frob", "at \"frob\"; use line NAME busy-out" },
		{ "line m01 \"\"", "use line NAME busy-out" },
		{ "line busy-out m01", "at \"m01\"; use line NAME busy-out" }, { "line m01 enable now", "at \"now\"" },
		{ "line \"m\\x00\" enable", "not a line's name: \"m\\x00\"; use line NAME" },
		{ "line \"\" enable", "not a line's name: \"\"; use" }, { "show line \"\"", "not a line's name" },
		{ "show lines m01", "show line NAME" }, { "l", "log LEVEL, line NAME busy-out" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert_msg(matched(bad[i].line) == -1, "%s", bad[i].line);
		ck_assert_msg(strstr(why, bad[i].part) != NULL, "%s: %s", bad[i].line, why);
	}
}
END_TEST

/* RAD-31: what is logged of a request holds no password, however it is written. */
START_TEST(public_part_of_a_request)
{
	static const struct { const char *line, *public; } rows[] = {
		{ "show pools", "show pools" }, { "", "" }, { "disconnect user bob", "disconnect user bob" },
		{ "test radius bob secret", "test radius bob" }, { "test radius bob", "test radius bob" },
		{ "  t  r  bob  secret", "  t  r  bob" }, { "tes radius bob secret more", "tes radius bob" },
		{ "\"test\" \"radius\" \"b b\" \"s s\"", "\"test\" \"radius\" \"b b\"" },
		{ "\"t\\x65st\" radius bob secret", "\"t\\x65st\" radius bob" },
		{ "\"\" radius bob secret", "\"\" radius bob" },
		/* cut while it came in, or not words at all */
		{ "test radius bob se", "test radius bob" }, { "test radius \"bob secret", "test radius" },
		{ "test radius bob\"secret\"", "test radius" }, { "test \"radius bob secret", "test" },
		{ "\"test radius bob secret", "" }, { "test\\ radius bob secret", "" }, { "test radius \"bob\"x y", "test radius" },
		{ "tests radius bob secret", "tests radius bob secret" }, { "show \x1b", "show \x1b" },
		{ "1 2 3 4 5 6 7 8 9", "1 2 3 4 5 6 7 8 9" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t n = ctl_public_len(rows[i].line, strlen(rows[i].line));

		ck_assert_msg(n == strlen(rows[i].public) && !memcmp(rows[i].line, rows[i].public, n), "%s: %zu",
			      rows[i].line, n);
	}
}
END_TEST

START_TEST(grammar_why_is_bounded)
{
	static char line[CTL_LINE_MAX];

	memset(line, 'x', sizeof line - 1);
	ck_assert_int_eq(matched(line), -1);
	ck_assert_uint_lt(strlen(why), CTL_WHY);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("ctl_proto");

	UNIT_CASE(s, "words", words_bare_and_quoted, words_refused, words_length_bound, request_building,
		  password_has_one_copy);
	UNIT_CASE(s, "records", record_round_trip, record_kinds_and_refusals, status_lines, answer_bound, socket_mode);
	UNIT_CASE(s, "grammar", grammar_every_command, grammar_arguments, grammar_table_is_whole, grammar_beginnings,
		  grammar_refusals_say_what_is_legal,
		  grammar_why_is_bounded, public_part_of_a_request);
	return s;
}

UNIT_MAIN(suite)
