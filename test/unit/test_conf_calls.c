/*
 * What others ask of the configuration of real lines: a modem's chats and words, routes of incoming calls (CALL-IN-02),
 * the dial plan (CALL-OUT-01, SEC-05), and which PNSs are ours.
 */
#include "pacd/conf.h"
#include "test/unit/unit.h"

#include <errno.h>
#include <stdio.h>

#define BASE "pools = ( { name = \"a\"; local = \"10.0.0.1\"; ranges = [ \"10.0.0.2-99\" ]; } ); aaa = { users = " \
	"\"/u\"; };"
#define MODEM(more) "lines = ( { name = \"m\"; type = \"tty\"; device = \"/dev/ttyS0\"; " more " } );"

static struct conf *parse_good(const char *text)
{
	struct conf_errors errors;
	struct conf *c;
	char *joined;

	conf_errors_init(&errors);
	c = conf_parse("f", text, strlen(text), &errors);
	joined = conf_errors_join(&errors);
	ck_assert_msg(c && !errors.n, "%s", joined);
	free(joined);
	conf_errors_clear(&errors);
	return c;
}

/* --- modems --- */

/* Of line 0, outliving its snapshot. */
static void modem_of(const char *text, struct conf_modem *m)
{
	struct conf *c = parse_good(text);
	struct conf_line line;

	ck_assert_int_eq(conf_line_get(c, 0, &line), 0);
	ck_assert_int_eq(conf_modem_get(c, &line, m), 0);
	conf_line_clear(&line);
	conf_free(c);
}

static void expect_step(const struct chat_script *s, unsigned i, const char *send, const char *expect,
			int64_t timeout_ms)
{
	ck_assert_uint_lt(i, s->n);
	ck_assert_str_eq(s->steps[i].send, send);
	ck_assert_str_eq(s->steps[i].expect, expect);
	ck_assert_int_eq(s->steps[i].timeout_ms, timeout_ms);
}

START_TEST(hayes)
{
	struct conf_modem m;

	modem_of(BASE MODEM("caller_id_wait = 2; retry = 7; check = 9;"), &m);
	ck_assert(m.modem.init.n == 4 && m.modem.answer.n == 1 && m.modem.dial.n == 1 && m.modem.hangup.n == 1);
	expect_step(&m.modem.init, 0, "ATZ", "OK|0", 3000);
	expect_step(&m.modem.init, 1, "ATQ0E0V1X4S0=0", "OK", 3000);
	expect_step(&m.modem.init, 2, "AT&C1&D2", "OK|ERROR", 3000);
	expect_step(&m.modem.init, 3, "AT+VCID=1", "OK|ERROR", 3000);
	expect_step(&m.modem.answer, 0, "ATA", "CONNECT", 60000);
	expect_step(&m.modem.dial, 0, "ATDT\\T", "CONNECT", 90000);
	expect_step(&m.modem.hangup, 0, "ATH", "OK", 3000);
	for (unsigned i = 0; i < m.modem.init.n; i++)
		ck_assert_ptr_null(chat_send_complaint(m.modem.init.steps[i].send));
	ck_assert_ptr_null(chat_send_complaint(m.modem.dial.steps[0].send));
	ck_assert_ptr_eq(m.modem.words, &m.words);
	ck_assert_mem_eq(&m.words, &chat_hayes_words, sizeof m.words);
	ck_assert(m.modem.caller_id_ms == 2000 && m.modem.retry_ms == 7000 && m.modem.check_ms == 9000);
	ck_assert(m.modem.ring_gap_ms == 8000 && m.modem.dtr_ms == 1000 && m.modem.escape_ms == 1200 &&
		  m.modem.init_tries == 3);
	conf_modem_clear(&m);
	ck_assert_ptr_null(m.owned[0]);
}
END_TEST

#define CHAT "chats = ( { name = \"x\"; }, { name = \"usr\"; init = ( { send = \"AT\"; expect = \"OK\"; timeout " \
	"= 200; }, " \
	"{ expect = \"READY\"; }, { send = \"AT+VCID=1\"; } ); dial = ( { send = \"AT\"; expect = \"OK\"; " \
	"timeout = 2; }, " \
	"{ send = \"ATDP\\\\T\"; expect = \"CONNECT\"; timeout = 100; } ); busy = [ \"ENGAGED\", \"FULL\" ]; " \
	"calling = [ \"FROM\" ]; } ); "

/* Those of Hayes modems, and these behind them. */
static void expect_words(const struct conf_modem *m, enum chat_answer answer, const char *const *own)
{
	const char *const *had = m->words.list[answer], *const *theirs = chat_hayes_words.list[answer];

	for (; theirs && *theirs; theirs++, had++)
		ck_assert_str_eq(*had, *theirs);
	for (; *own; own++, had++)
		ck_assert_str_eq(*had, *own);
	ck_assert_ptr_null(*had);
}

START_TEST(own_chat)
{
	struct conf_modem m;

	modem_of(BASE CHAT MODEM("chat = \"usr\"; dial_timeout = 50;"), &m);
	ck_assert(m.modem.init.n == 3 && m.modem.answer.n == 1 && m.modem.dial.n == 2 && m.modem.hangup.n == 1);
	expect_step(&m.modem.init, 0, "AT", "OK", 200000);
	expect_step(&m.modem.init, 1, "", "READY", 5000);
	expect_step(&m.modem.init, 2, "AT+VCID=1", "", 5000);
	expect_step(&m.modem.answer, 0, "ATA", "CONNECT", 60000);
	expect_step(&m.modem.dial, 0, "AT", "OK", 2000);
	expect_step(&m.modem.dial, 1, "ATDP\\T", "CONNECT", 100000);
	ck_assert_int_eq(m.modem.dial_ms, 50000); /* bounds them altogether */
	expect_step(&m.modem.hangup, 0, "ATH", "OK", 3000);
	expect_words(&m, CHAT_BUSY, (const char *const[]){ "ENGAGED", "FULL", NULL });
	expect_words(&m, CHAT_CALLING, (const char *const[]){ "FROM", NULL });
	ck_assert_ptr_eq(m.words.list[CHAT_OK], chat_hayes_words.list[CHAT_OK]);
	ck_assert_ptr_eq(m.words.list[CHAT_CALLED], chat_hayes_words.list[CHAT_CALLED]);
	conf_modem_clear(&m);
}
END_TEST

START_TEST(long_dialling)
{
	struct conf_modem m;

	modem_of(BASE CHAT MODEM("chat = \"x\"; dial_timeout = 300;"), &m);
	expect_step(&m.modem.dial, 0, "ATDT\\T", "CONNECT", 300000);
	expect_step(&m.modem.answer, 0, "ATA", "CONNECT", 60000);
	conf_modem_clear(&m);
}
END_TEST

/* --- routes --- */

#define ROUTES BASE "lines = ( { name = \"a\"; type = \"tty\"; device = \"/a\"; group = \"ga\"; }, " \
	"{ name = \"b\"; type = \"tty\"; device = \"/b\"; group = \"gb\"; } ); " \
	"routes = ( { called = \"5*\"; calling = \"0?3\"; group = \"ga\"; pns = [ \"192.0.2.1\" ]; }, " \
	"{ called = \"5*\"; pns = [ \"192.0.2.2\", \"192.0.2.3:99\" ]; }, { calling = \"*\"; group = \"gb\"; " \
	"pns = [ \"192.0.2.4\" ]; }, { called = \"?*\"; calling = \"[1-9]*\"; pns = [ \"192.0.2.5\" ]; } ); " \
	"pns = { addresses = [ \"198.51.100.8/30\", \"203.0.113.5\" ]; };"

START_TEST(routes)
{
	static const struct {
		const char *called, *calling, *group;
		int route; /* -1: none */
	} calls[] = {
		{ "555", "023", "ga", 0 },
		{ "555", "023", "gb", 1 },
		{ "555", "0233", "ga", 1 },
		{ "555", "", "ga", 1 },
		{ "655", "", "gb", 2 }, /* "*" takes an unknown number */
		{ "", "", "gb", 2 },
		{ "", "", "ga", -1 },
		{ "", "177", "ga", -1 }, /* "?*" does not */
		{ "6", "177", "ga", 3 },
		{ "6", "077", "ga", -1 },
		{ "6", "", "ga", -1 },
	};
	struct conf *c = parse_good(ROUTES), *none = parse_good(BASE);

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		const struct conf_route *r = conf_route_find(c, calls[i].called, calls[i].calling, calls[i].group);

		ck_assert_int_eq(r ? (int)(r - c->real.routes) : -1, calls[i].route);
	}
	ck_assert(c->real.routes[1].npns == 2 && c->real.routes[1].pns[0].port == 1723 &&
		  c->real.routes[1].pns[1].port == 99 && c->real.routes[1].pns[1].addr == 0xc0000203);
	ck_assert_ptr_null(conf_route_find(none, "5", "5", "default"));
	conf_free(c);
	conf_free(none);
}
END_TEST

/* Those of routes, and those named; nobody else, whatever connects to us. */
START_TEST(known_pns)
{
	struct conf *c = parse_good(ROUTES), *none = parse_good(BASE);

	ck_assert(conf_pns_known(c, 0xc0000201) && conf_pns_known(c, 0xc0000203) && conf_pns_known(c, 0xc0000205));
	ck_assert(!conf_pns_known(c, 0xc0000200) && !conf_pns_known(c, 0xc0000206) && !conf_pns_known(c, 0));
	ck_assert(conf_pns_known(c, 0xc6336408) && conf_pns_known(c, 0xc633640b) && conf_pns_known(c, 0xcb007105));
	ck_assert(!conf_pns_known(c, 0xc6336407) && !conf_pns_known(c, 0xc633640c) && !conf_pns_known(c, 0xcb007106));
	ck_assert(!conf_pns_known(none, 0xc0000201));
	conf_free(c);
	conf_free(none);
}
END_TEST

/* --- dial plan --- */

#define PLAN BASE MODEM("") \
	"dialplan = ( { match = \"00*\"; group = \"default\"; from = [ \"192.0.2.1\", \"192.0.2.8/30\" ]; }, " \
	"{ match = \"0*\"; group = \"default\"; from = [ \"192.0.2.2\" ]; strip = 1; prefix = \"9,\"; } );"

START_TEST(dialplan)
{
	struct conf *c = parse_good(PLAN);
	const struct conf_dialplan *d = c->real.dialplan;

	ck_assert_ptr_eq(conf_dialplan_find(c, "0049", 0xc0000201), &d[0]);
	ck_assert_ptr_eq(conf_dialplan_find(c, "0049", 0xc000020b), &d[0]);
	ck_assert_ptr_eq(conf_dialplan_find(c, "0049", 0xc0000202), &d[1]); /* not for this one, but the next is */
	ck_assert_ptr_null(conf_dialplan_find(c, "0049", 0xc0000203));
	ck_assert_ptr_null(conf_dialplan_find(c, "049", 0xc0000201));
	ck_assert_ptr_null(conf_dialplan_find(c, "", 0xc0000202));
	conf_free(c);
}
END_TEST

START_TEST(numbers)
{
	struct conf_dialplan plain = { 0 }, both = { .strip = 2 }, all = { .strip = 3 };
	char prefix[] = "9,", out[CHAT_NUMBER + 1], number[CHAT_NUMBER + 2];

	both.prefix = prefix;
	ck_assert_int_eq(conf_dialplan_number(&plain, "+49*#,w", out), 0);
	ck_assert_str_eq(out, "+49*#,w");
	ck_assert_int_eq(conf_dialplan_number(&both, "0030", out), 0);
	ck_assert_str_eq(out, "9,30");
	ck_assert_int_eq(conf_dialplan_number(&all, "0030", out), 0);
	ck_assert_str_eq(out, "0");
	ck_assert_int_eq(conf_dialplan_number(&all, "003", out), -EINVAL); /* nothing is left */
	ck_assert_int_eq(conf_dialplan_number(&all, "00", out), -EINVAL);
	ck_assert_int_eq(conf_dialplan_number(&both, "0", out), -EINVAL); /* less than there is to take off */
	ck_assert_int_eq(conf_dialplan_number(&plain, "", out), -EINVAL);
	/* no second command, no pulse of the modem's own */
	ck_assert_int_eq(conf_dialplan_number(&plain, "5;H", out), -EINVAL);
	ck_assert_int_eq(conf_dialplan_number(&plain, "5\rATH", out), -EINVAL);
	ck_assert_int_eq(conf_dialplan_number(&plain, "5-5", out), -EINVAL);
	ck_assert_int_eq(conf_dialplan_number(&both, "00+5", out), -EINVAL);
	memset(number, '5', sizeof number);
	number[CHAT_NUMBER] = '\0';
	ck_assert_int_eq(conf_dialplan_number(&plain, number, out), 0);
	ck_assert_int_eq(conf_dialplan_number(&both, number, out), 0);
	ck_assert_uint_eq(strlen(out), CHAT_NUMBER);
	both.strip = 1;
	ck_assert_int_eq(conf_dialplan_number(&both, number, out), -EINVAL);
	number[CHAT_NUMBER] = '5';
	number[CHAT_NUMBER + 1] = '\0';
	ck_assert_int_eq(conf_dialplan_number(&plain, number, out), -EINVAL);
}
END_TEST

/* A group of local pppds is the local pppd. */
START_TEST(ppp_group)
{
	struct conf *c = parse_good(BASE "lines = ( { name = \"v\"; type = \"ppp\"; group = \"vpn\"; } ); "
				    "dialplan = ( { match = \"*\"; group = \"vpn\"; } );");
	const struct conf_dialplan *d = conf_dialplan_find(c, "5", 1);

	ck_assert(d && d->ppp && !d->group);
	conf_free(c);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("conf_calls");

	UNIT_CASE(s, "modem", hayes, own_chat, long_dialling);
	UNIT_CASE(s, "in", routes, known_pns);
	UNIT_CASE(s, "out", dialplan, numbers, ppp_group);
	return s;
}

UNIT_MAIN(suite)
