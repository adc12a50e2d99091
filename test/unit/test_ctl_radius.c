/*
 * RADIUS on the control socket: servers, accounting, and a test of a user whose
 * password must be seen nowhere (issue 4 section 6; RAD-31).
 */
#include "test/unit/ctl_server.h"

/* --- show --- */

START_TEST(radius_commands)
{
	const char *a = ask("show radius\n");

	ck_assert_str_eq(a, ".200 0\n"); /* none is configured */
	fake.servers = 2;
	a = ask("show radius\n");
	has(a, "radius_server name=\"192.0.2.9:1812\" role=auth state=up dead_for_s=- priority=1 "
	       "signature_required=true in_flight=3 sockets=1 requests=100 retransmissions=7 answered=82 accepts=60 "
	       "rejects=20 challenges=2 responses=0 timeouts=4 probes=0 p50_us=1500 p90_us=20000 p99_us=1234567 "
	       "dropped=4 reasons=\"bad-authenticator:3,bad-source:1\" dropped_bad_length=0 ");
	has(a, " dropped_bad_authenticator=3 ");
	has(a, "radius_server name=\"[2001:db8::1]:1813\" role=acct state=dead dead_for_s=42 priority=2 "
	       "signature_required=false ");
	has(a, " p50_us=- p90_us=- p99_us=- dropped=0 reasons=- ");
	ends_with_code(a, ".200");
	a = ask("show accounting\n");
	has(a, "accounting enabled=true on_disk=false waiting=12 oldest_s=61 spool_octets=2048 sent=100 "
	       "acknowledged=88 retried=5 dropped_interims=2 dropped_stops=1 dropped_others=3 recovered=4 disk_errors=9 "
	       "das_disconnect_requests=1 das_disconnect_acks=0 das_disconnect_naks=0 das_coa_requests=0 "
	       "das_coa_acks=0 das_coa_naks=6 das_repeated=7 das_dropped_client=8 das_dropped_replay=9 "
	       "das_dropped_bad_length=0 ");
	has(a, " das_dropped_bad_authenticator=10 ");
	ends_with_code(a, ".200");
}
END_TEST

/* --- test radius --- */

static const char forbidden[] = "hunter2";

static void no_password(const char *text)
{
	ck_assert_msg(strstr(text, forbidden) == NULL, "%s", text);
}

static int test_begin(const char *line)
{
	int fd = dial();
	struct mono end = mono_add_s(mono_now(), 20);

	fake.test_client = 0;
	say(fd, line);
	while (!fake.test_client) {
		ev_run(loop, EVRUN_NOWAIT);
		ck_assert(!mono_reached(end, mono_now()));
	}
	return fd;
}

START_TEST(test_accepted)
{
	static const uint8_t attributes[] = { 6, 6, 0, 0, 0, 2, 18, 5, 'a', '"', 'b', 26, 12, 0, 0, 1, 55, 16, 6,
					      1, 2, 3, 4 };
	const struct radius_packet packet = { .code = RADIUS_ACCESS_ACCEPT, .attributes = attributes,
					      .len = sizeof attributes };
	const struct ctl_test t = { .verdict = CTL_VERDICT_ACCEPT, .server = "[::1]:1812", .us = 1234,
				    .message = "a\"b", .packet = &packet };
	int fd = test_begin("test radius \"b\\x00b\" \"hunter2 \\x1b\"\n");

	ck_assert_uint_eq(fake.user_len, 3);
	ck_assert(!memcmp(fake.user, "b\0b", 3));
	ck_assert_uint_eq(fake.password_len, 9);
	ck_assert(!memcmp(fake.password, "hunter2 \x1b", 9));
	ends_with_code(ask("show pools\n"), ".200"); /* nobody waits for it */
	ctl_finish_test(ctl, fake.test_client, &t);
	ctl_finish_test(ctl, fake.test_client, &t); /* a second answer is nobody's */
	ck_assert_str_eq(hear(fd), "test verdict=accept server=\"[::1]:1812\" time_us=1234 message=\"a\\x22b\"\n"
				   "attribute name=\"Service-Type\" value=\"2\"\n"
				   "attribute name=\"Reply-Message\" value=\"a\\x22b\"\n"
				   "attribute name=\"MS-MPPE-Send-Key\" value=\"(hidden)\"\n"
				   ".200 [::1]:1812 accepts the user\n");
	has(last_log, "control uid=0 pid=0 command=\"test radius \\x22b\\x5cx00b\\x22\" code=200");
	no_password(last_log);
}
END_TEST

START_TEST(test_verdicts)
{
	struct ctl_test t = { .verdict = CTL_VERDICT_REJECT, .server = "192.0.2.9:1812" };
	int fd = test_begin("test radius bob hunter2\n");

	ctl_finish_test(ctl, fake.test_client, &t);
	ck_assert_str_eq(hear(fd), "test verdict=reject server=\"192.0.2.9:1812\" time_us=0 message=-\n"
				   ".409 192.0.2.9:1812 rejects the user\n");
	fd = test_begin("test radius bob hunter2\n");
	t.verdict = CTL_VERDICT_CHALLENGE;
	ctl_finish_test(ctl, fake.test_client, &t);
	has(hear(fd), "test verdict=challenge ");
	has(answer, ".409 192.0.2.9:1812 sent a challenge");
	fd = test_begin("test radius bob hunter2\n");
	t = (struct ctl_test){ .verdict = CTL_VERDICT_NO_ANSWER, .us = 24000000 };
	ctl_finish_test(ctl, fake.test_client, &t);
	ck_assert_str_eq(hear(fd), "test verdict=no-answer server=- time_us=24000000 message=-\n"
				   ".504 no RADIUS server answered\n");
	no_password(last_log);
}
END_TEST

START_TEST(test_answered_from_within)
{
	fake.finish = ctl;
	has(ask("test radius bob hunter2\n"), "test verdict=accept ");
	has(last_log, "command=\"test radius bob\" code=200");
	no_password(last_log);
}
END_TEST

START_TEST(test_not_begun)
{
	static const struct { int rc; const char *answer; } rows[] = {
		{ -ENOENT, ".409 no RADIUS server for authentication is configured" },
		{ -ESHUTDOWN, ".503 the daemon is ending" }, { -EBUSY, ".503 too many RADIUS requests" },
		{ -ENOMEM, ".500 " },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fake.test_rc = rows[i].rc;
		has(ask("test radius bob hunter2\n"), rows[i].answer);
		no_password(last_log);
	}
	ck_assert_uint_eq(fake.test_client, 0);
}
END_TEST

static const char *ask_login(size_t user, size_t password)
{
	static char line[CTL_LINE_MAX];
	size_t n = (size_t)sprintf(line, "test radius ");

	memset(line + n, 'u', user);
	line[n + user] = ' ';
	memset(line + n + user + 1, 'p', password);
	strcpy(line + n + user + 1 + password, "\n");
	return ask(line);
}

START_TEST(test_login_bounds)
{
	fake.finish = ctl;
	has(ask_login(253, 128), ".200 ");
	ck_assert_uint_eq(fake.user_len, 253);
	ck_assert_uint_eq(fake.password_len, 128);
	fake.test_client = 0;
	has(ask_login(254, 1), ".400 a user's name has 1 to 253 octets");
	has(ask_login(1, 129), ".400 a password has at most 128 octets");
	has(ask("test radius \"\" hunter2\n"), ".400 a user's name");
	has(ask("test radius bob\n"), ".400 the password is missing");
	ck_assert_uint_eq(fake.test_client, 0);
	has(ask("test radius bob \"\"\n"), ".200 "); /* it may be empty */
	ck_assert_uint_eq(fake.password_len, 0);
}
END_TEST

START_TEST(test_needs_to_act)
{
	peer = (struct ctl_peer){ .uid = 11, .gid = 50 };
	ctl_set_permission(ctl, 10, 50, 0640);
	has(ask("test radius bob hunter2\n"), ".403 not permitted: this needs write permission");
	has(last_log, "control-denied uid=11 pid=0 command=\"test radius bob\" code=403");
	ck_assert_uint_eq(fake.test_client, 0);
	fake.servers = 1;
	ends_with_code(ask("show radius\n"), ".200");
	ends_with_code(ask("show accounting\n"), ".200");
}
END_TEST

/* RAD-31: not in the log either when the request is broken, too long or late. */
START_TEST(test_password_is_never_logged)
{
	static const char *const bad[] = {
		"test radius bob hunter2 more\n", "test radius \"bob hunter2\n", "t r bob \"hunter2\n",
		"\"test radius bob hunter2\n", "test radius bob hunter2\x1b\n", "test radius 1 hunter2 3 4 5 6 7 8 9\n",
	};
	int fd;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		last_log[0] = '\0';
		has(ask(bad[i]), ".400 ");
		has(last_log, "code=400");
		no_password(last_log);
	}
	fd = dial();
	say(fd, "test radius bob hunter2");
	spin(3);
	shutdown(fd, SHUT_WR);
	has(hear(fd), ".400 the request does not end");
	has(last_log, "command=\"test radius bob\" code=400");
	no_password(last_log);
	set_deadlines(0.05, 5, 5);
	fd = dial();
	say(fd, "test radius bob hunter2");
	has(hear(fd), ".400 the request did not come in time");
	no_password(last_log);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = {
		radius_commands, test_accepted, test_verdicts, test_answered_from_within, test_not_begun,
		test_login_bounds, test_needs_to_act, test_password_is_never_logged,
	};
	Suite *s = suite_create("ctl_radius");
	TCase *tc = tcase_create("radius");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
