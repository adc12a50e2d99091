/*
 * priv/root_conf: snapshots and their generations, reload, and the log that
 * follows them (SEC-08).
 */
#include "test/unit/unit_root.h"

START_TEST(first_snapshot_is_sealed)
{
	const char *text;

	expect(PRIV_CONF);
	ck_assert_uint_eq(m.conf.generation, 1);
	ck_assert(m.conf.ok && m.conf.has_users && !m.conf.has_radius);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(write(raw.fds[i], "x", 1), -1);
		ck_assert_int_eq(errno, EPERM);
		ck_assert_int_eq(ftruncate(raw.fds[i], 0), -1);
	}
	text = read_text(raw.fds[0]);
	ck_assert_int_eq(strncmp(text, "listen = ", 9), 0);
	text = read_text(raw.fds[1]);
	ck_assert_ptr_nonnull(strstr(text, "wonder"));
}
END_TEST

#define SECRET_FILE "radius = { servers = ( { host = \"192.0.2.1\"; secret_file = \"%s/secret\"; } ); };"

/* A third one, sealed as well, where RADIUS has something that stands in no file that main sees; also without users. */
START_TEST(radius_comes_third)
{
	char more[256];

	take_first_and_serve();
	write_file("secret", 0600, "0123456789abcdef\n");
	snprintf(more, sizeof more, SECRET_FILE, dir);
	write_conf(more);
	ask((struct priv_msg){ .type = PRIV_RELOAD });
	expect(PRIV_CONF);
	ck_assert(m.conf.ok && m.conf.has_users && m.conf.has_radius);
	ck_assert_uint_eq(raw.nfds, 3);
	ck_assert_ptr_nonnull(strstr(read_text(raw.fds[0]), "secret_file"));
	ck_assert_ptr_nonnull(strstr(read_text(raw.fds[1]), "wonder"));
	ck_assert_ptr_nonnull(strstr(read_text(raw.fds[2]), "0123456789abcdef"));
	ck_assert_int_eq(write(raw.fds[2], "x", 1), -1);
	ck_assert_int_eq(errno, EPERM);
	taken(2, 1);

	write_file("pacd.conf", 0600, "user = \"nobody\"; ppp = { check = false; }; control_socket = "
		"\"%s/run/control\";\n"
		   "pools = ( { name = \"main\"; local = \"10.9.0.1\"; ranges = [ \"10.9.0.10-20\" ]; } );\n%s\n",
		   dir, more);
	ask((struct priv_msg){ .type = PRIV_RELOAD });
	expect(PRIV_CONF);
	ck_assert(m.conf.ok && !m.conf.has_users && m.conf.has_radius);
	ck_assert_uint_eq(raw.nfds, 2);
	ck_assert_ptr_nonnull(strstr(read_text(raw.fds[1]), "0123456789abcdef"));
	taken(3, 1);

	unlink(in_dir("secret"));
	ask((struct priv_msg){ .type = PRIV_RELOAD });
	expect(PRIV_CONF);
	ck_assert(!m.conf.ok && !m.conf.has_users && !m.conf.has_radius);
	ck_assert_ptr_nonnull(strstr(read_text(raw.fds[0]), "radius.servers[0].secret_file: can't open"));
}
END_TEST

START_TEST(reload_refused_and_taken)
{
	const char *text;

	take_first_and_serve();
	write_conf("nonsense = 1;");
	ask((struct priv_msg){ .type = PRIV_RELOAD });
	expect(PRIV_CONF);
	ck_assert_uint_eq(m.conf.generation, 2);
	ck_assert(!m.conf.ok && !m.conf.has_users);
	text = read_text(raw.fds[0]);
	ck_assert_msg(strstr(text, "nonsense") != NULL, "%s", text);
	ck_assert_int_eq(opened(1, PRIV_SOCKET_LISTEN, 0), 0); /* the old one stays */
	ck_assert_int_eq(opened(2, PRIV_SOCKET_LISTEN, 0), ESTALE);

	write_conf("");
	kill(server, SIGHUP);
	expect(PRIV_CONF);
	ck_assert_uint_eq(m.conf.generation, 3);
	ck_assert(m.conf.ok);
	/* Until main has answered, both are good. */
	ck_assert_int_eq(started(1, 1), 0);
	ck_assert_int_eq(started(3, 2), 0);
	taken(3, 1);
	ck_assert_int_eq(started(1, 3), ESTALE);
	ck_assert_int_eq(started(3, 4), 0);
}
END_TEST

/* Until a child has lived and ended: what was due before, with the clock's help, has been done by then. */
static void let_it_turn(uint32_t generation, const char *seconds)
{
	write_file("pppd", 0700, "#!/bin/sh\nexec sleep %s\n", seconds);
	ck_assert_int_eq(started(generation, 99), 0);
	expect(PRIV_EXITED);
}

START_TEST(main_may_refuse_a_reload)
{
	take_first_and_serve();
	ask((struct priv_msg){ .type = PRIV_RELOAD });
	expect(PRIV_CONF);
	ck_assert_uint_eq(m.conf.generation, 2);
	/* A second one waits for the answer to the first. */
	ask((struct priv_msg){ .type = PRIV_RELOAD });
	let_it_turn(2, "0.3");
	taken(2, 0);
	expect(PRIV_CONF);
	ck_assert_uint_eq(m.conf.generation, 3);
	taken(3, 0);
	ck_assert_int_eq(started(2, 1), ESTALE);
	ck_assert_int_eq(started(3, 1), ESTALE);
	ck_assert_int_eq(started(1, 1), 0);
}
END_TEST

/* What main asked for while it started carries the first generation, and must not meet another one. */
START_TEST(reload_waits_for_the_start)
{
	ask((struct priv_msg){ .type = PRIV_RELOAD });
	expect(PRIV_CONF);
	kill(server, SIGHUP);
	taken(1, 1);
	kill(server, SIGHUP);
	let_it_turn(1, "0"); /* an answer, and no snapshot before it */
	ask((struct priv_msg){ .type = PRIV_READY });
	expect(PRIV_CONF);
	ck_assert_uint_eq(m.conf.generation, 2);
	taken(2, 1);
	ck_assert_int_eq(started(2, 2), 0); /* all of them were one */
}
END_TEST

/* Somebody who asks all the time gets the files read five times a second, and no more. */
START_TEST(reloads_are_apart)
{
	struct mono begin = mono_now();

	take_first_and_serve();
	ask((struct priv_msg){ .type = PRIV_RELOAD });
	for (uint32_t generation = 2; generation <= 4; generation++) {
		expect(PRIV_CONF);
		ck_assert_uint_eq(m.conf.generation, generation);
		for (int i = 0; i < 50 && generation < 4; i++)
			ask((struct priv_msg){ .type = PRIV_RELOAD });
		taken(generation, 1);
	}
	ck_assert_int_ge(mono_diff_us(mono_now(), begin), 2 * 200000);
	ck_assert_int_eq(started(4, 1), 0); /* nothing was due any more */
}
END_TEST

/* What was looked at is not started again: while it runs, no call is served. Only root looks at it at all. */
START_TEST(reload_starts_pppd_for_new_files_only)
{
	take_first_and_serve();
	ask((struct priv_msg){ .type = PRIV_RELOAD });
	expect(PRIV_CONF);
	ck_assert(!exists("started"));
	if (m.conf.ok)
		taken(2, 1);
	write_file("pppd", 0700, "#!/bin/sh\ntouch %s/started # anew\n", dir);
	ask((struct priv_msg){ .type = PRIV_RELOAD });
	expect(PRIV_CONF);
	ck_assert_int_eq(exists("started"), geteuid() == 0);
}
END_TEST

/* The first snapshot has ppp.check, and the pppd that the server saw when it began. */
static void checked_setup(void)
{
	ppp_check = "true";
	pppd_script = "touch ${0%/*}/started";
	root_setup();
}

static const char *log_text(void)
{
	int log = open(in_dir("log"), O_RDONLY);
	const char *text = read_text(log);

	close(log);
	return text;
}

/* log.target of the new snapshot: with "journal" a line begins with its priority. */
START_TEST(log_goes_where_the_snapshot_says)
{
	take_first_and_serve();
	log_target = "journal";
	write_conf("");
	ask((struct priv_msg){ .type = PRIV_RELOAD });
	expect(PRIV_CONF);
	ck_assert(m.conf.ok);
	taken(2, 1);
	ck_assert_int_eq(started(2, 1), 0);
	shutdown(fd, SHUT_WR);
	expect_end(1);
	ck_assert_msg(!strncmp(log_text(), "<3>main_gone ", 13), "%s", log_text());
}
END_TEST

START_TEST(log_without_a_terminal)
{
	int null = open("/dev/null", O_WRONLY), tty = dup(STDERR_FILENO);

	ck_assert_int_eq(dup2(open(in_dir("log"), O_WRONLY | O_CREAT, 0600), STDERR_FILENO), STDERR_FILENO);
	ck_assert_int_eq(log_target_detached(LOG_TO_STDERR), LOG_TO_STDERR);
	ck_assert_int_eq(log_target_detached(LOG_TO_SYSLOG), LOG_TO_SYSLOG);
	ck_assert_int_eq(log_target_detached(LOG_TO_JOURNAL), LOG_TO_SYSLOG);
	dup2(null, STDERR_FILENO);
	ck_assert_int_eq(log_target_detached(LOG_TO_STDERR), LOG_TO_SYSLOG);
	dup2(tty, STDERR_FILENO);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("root_conf");
	TCase *tc = tcase_create("check");

	tcase_add_checked_fixture(tc, checked_setup, root_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, reload_starts_pppd_for_new_files_only);
	suite_add_tcase(s, tc);

	root_case(s, "snapshots", (const TTest *const[]){ first_snapshot_is_sealed, radius_comes_third,
							  reload_refused_and_taken,
							  main_may_refuse_a_reload, reload_waits_for_the_start,
							  reloads_are_apart, NULL });
	root_case(s, "log", (const TTest *const[]){ log_goes_where_the_snapshot_says, log_without_a_terminal, NULL });
	return s;
}

UNIT_MAIN(suite)
