/*
 * Real lines on the control socket: what is shown of them and of their calls, and
 * taking one out of service (issue 5 section 1).
 */
#include "test/unit/ctl_server.h"

START_TEST(show_lines)
{
	const char *a = ask("show lines\n");

	ck_assert_str_eq(a, ".200 0\n"); /* none is configured */
	fake.lines = 2;
	ck_assert_str_eq(ask("show lines\n"),
			 "line name=\"m01\" group=\"pool\" type=tty place=\"/dev/ttyS1\" state=online since_s=61 "
			 "control=modem-lines session=2 channel=1 speed_bps=33600 calling=\"0401234567\" "
			 "called=\"0301\" rings=9 answered=8 dialled=7 connected=6 failed=15 busy=1 no_carrier=2 "
			 "no_dialtone=3 no_answer=4 timeouts=5 faults=0 framing_errors=11 hardware_overruns=12 "
			 "buffer_overruns=13 parity_errors=14 last_error=- last_error_at=-\n"
			 "line name=\"ts.2\" group=\"ts\" type=tcp place=\"192.0.2.8:2002\" state=failed since_s=90061 "
			 "control=- session=- channel=2 speed_bps=- calling=- called=- "
			 "rings=9 answered=8 dialled=7 connected=6 failed=15 busy=1 no_carrier=2 "
			 "no_dialtone=3 no_answer=4 timeouts=5 faults=1 framing_errors=11 hardware_overruns=12 "
			 "buffer_overruns=13 parity_errors=14 last_error=\"connect: timed out\\x1b\" "
			 "last_error_at=1700000000\n"
			 ".200 2\n");
}
END_TEST

START_TEST(show_one_line)
{
	const char *a;

	fake.lines = 2;
	a = ask("show line ts.2\n");
	ck_assert(!strncmp(a, "line name=\"ts.2\" ", 17));
	has(a, "\n.200 ok\n");
	has(ask("show line m0\n"), ".404 no line \"m0\"\n");
	has(ask("show line m011\n"), ".404 no line \"m011\"\n");
	has(ask("show line \"m01\\x00\"\n"), ".400 not a line's name");
}
END_TEST

/* Only of a call of a real line: a VPN user's call has none of it. */
START_TEST(session_of_a_line)
{
	has(ask("show session 2\n"), " receive_accm=0x00000000 line=\"m01\" line_group=\"pool\" direction=in "
				     "calling=\"0401234567\" called=- speed_bps=33600 queue_octets=300 "
				     "queue_peak_octets=4096 queue_us=72000\n.200 ok\n");
	fake.sessions = 4;
	has(ask("show session 4\n"), " line=- line_group=- direction=out calling=- called=\"0409\" speed_bps=- queue");
	ck_assert(strstr(ask("show session 1\n"), " line=") == NULL);
	ck_assert(strstr(answer, " speed_bps=") == NULL && strstr(answer, " queue_octets=") == NULL);
}
END_TEST

START_TEST(acts)
{
	static const struct { const char *line; enum line_act act; const char *answer; } rows[] = {
		{ "line m01 busy-out\n", LINE_BUSY_OUT,
		  "line_act name=\"m01\" act=busy-out\n.200 line \"m01\" takes no calls from now on" },
		{ "line m01 enable\n", LINE_ENABLE,
		  "line_act name=\"m01\" act=enable\n.200 line \"m01\" takes calls again" },
		{ "line m01 hangup\n", LINE_HANG_UP,
		  "line_act name=\"m01\" act=hangup\n.200 line \"m01\" is being hung up" },
		{ "line \"no\\x20such\" hangup\n", LINE_HANG_UP, ".404 no line \"no such\"\n" },
	};

	fake.lines = 1;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *a = ask(rows[i].line);

		ck_assert_msg(!strncmp(a, rows[i].answer, strlen(rows[i].answer)), "%s", a);
		ck_assert_int_eq(fake.act, rows[i].act);
		ck_assert_uint_eq(fake.acts, i + 1);
	}
	ck_assert_str_eq(fake.line, "no such");
	has(last_log, "control uid=0 pid=0 command=\"line \\x22no\\x5cx20such\\x22 hangup\" code=404");
}
END_TEST

START_TEST(acts_refused)
{
	static const struct { int rc; const char *line, *answer; } rows[] = {
		{ -EALREADY, "line m01 busy-out\n", ".409 line \"m01\" is busied out already\n" },
		{ -EALREADY, "line m01 enable\n", ".409 line \"m01\" is in service already\n" },
		{ -ENOTCONN, "line m01 hangup\n", ".409 line \"m01\" has no call and does not ring\n" },
		{ -ESTALE, "line m01 enable\n",
		  ".409 line \"m01\" is not in the configuration any more: it goes when its call ends\n" },
		{ -ENOMEM, "line m01 busy-out\n", ".500 line \"m01\": " },
	};

	fake.lines = 1;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fake.act_rc = rows[i].rc;
		has(ask(rows[i].line), rows[i].answer);
		ck_assert(!strstr(answer, "line_act"));
	}
}
END_TEST

START_TEST(acts_need_to_act)
{
	fake.lines = 1;
	peer = (struct ctl_peer){ .uid = 11, .gid = 50 };
	ctl_set_permission(ctl, 10, 50, 0640);
	has(ask("line m01 hangup\n"), ".403 not permitted: this needs write permission");
	has(last_log, "control-denied uid=11 pid=0 command=\"line m01 hangup\" code=403");
	ck_assert_uint_eq(fake.acts, 0);
	ends_with_code(ask("show lines\n"), ".200");
	ends_with_code(ask("show line m01\n"), ".200");
	ctl_set_permission(ctl, 10, 50, 0620);
	has(ask("show lines\n"), ".403 not permitted: this needs read permission");
	ends_with_code(ask("line m01 hangup\n"), ".200");
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = {
		show_lines, show_one_line, session_of_a_line, acts, acts_refused, acts_need_to_act,
	};
	Suite *s = suite_create("ctl_lines");
	TCase *tc = tcase_create("lines");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
