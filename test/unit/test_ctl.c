/*
 * The control socket's server over a real unix socket, with a daemon that is not
 * there and clients that behave well and badly, in one thread and one loop.
 */
#include "test/unit/ctl_server.h"

#include <sys/resource.h>
#include <time.h>

#define CLIENTS 128

/* --- every command --- */

START_TEST(show_commands)
{
	const char *a = ask("show sessions\n");

	ends_with_code(a, ".200");
	has(a, "session id=1 user=\"user1\" state=established phase=running address=10.0.0.2 "
	       "local_address=10.0.0.1 interface=\"ppp0\" peer_address=192.0.2.1 peer_port=1723 "
	       "server_address=198.51.100.1 connection=1001 "
	       "call_id=1 peer_call_id=7 serial=9 auth=mschapv2 mppe_bits=128 pool=\"main\" data_path=user "
	       "pppd_pid=4242 started_at=1700000000 up_s=3723 idle_s=3 session_timeout_s=- idle_timeout_s=600 "
	       "rx_packets=100 rx_octets=1536 tx_packets=200 tx_octets=5242880 "
	       "rx_lost=1 rx_duplicate=2 rx_old=3 rx_reordered=4 "
	       "rx_dropped=5 tx_dropped=6 acks_sent=0 "
	       "acks_received=0 ack_timeouts=0 send_window=0 rtt_us=12345 line_fcs_errors=0 line_runts=0 line_aborts=0 "
	       "line_long_frames=0 send_accm=0x00000000 receive_accm=0x00000000\n");
	has(a, "session id=3 ");
	/* only what RADIUS gave is there */
	has(a, "receive_accm=0x00000000 authentic=radius radius_server=\"192.0.2.9:1812\" "
	       "session_id=\"0000000100000003\" account=\"bob@isp\\x1b\" filter=\"gold \\x22x\\x22\" "
	       "rate_limit=\"1M/10M\" rate_up_bps=1000000 rate_down_bps=10500000 classes=2 "
	       "class_hex=\"676f6c64,01\" interim_s=600 routes=\"192.0.2.0/24,198.51.100.0/24 via 10.0.0.9\" "
	       "interface_id=0000:0000:0000:00a1 ipv6_prefix=\"2001:db8:1::/64\" "
	       "delegated_prefix=\"2001:db8:2::/56\"\n");
	a = ask("show session 2\n");
	ends_with_code(a, ".200");
	ck_assert(!strncmp(a, "session id=2 ", 13));
	ends_with_code(ask("show session 4\n"), ".404");
	a = ask("show connections\n");
	has(a, "connection id=1 peer_address=192.0.2.1 peer_port=50000 server_address=198.51.100.1 server_port=1723 "
	       "state=established originator=false host=\"pc\\x1b[2J\" vendor=\"Microsoft Windows NT\" calls=1 "
	       "age_s=90061 idle_s=61 messages_in=10 messages_out=11\n");
	a = ask("show pools\n");
	has(a, "pool name=\"main\" size=254 used=0 reserved=1 refused=2\npool name=\"lan two\" size=254 used=1 ");
	a = ask("show stats\n");
	has(a, "counter name=logins_rejected value=0 help=\"users rejected\"\n");
	has(a, "counter name=gre_rx_packets value=77 ");
	has(a, "counter name=gre_drop_call value=8 "); /* SEC-09 */
	a = ask("show status\n");
	has(a, "status version=\"1.0\" pid=99 up_s=59 draining=false channels=3 max_channels=1000 connections=2 "
	       "established=0 lines=30 lines_busy=7 lines_failed=1 users=5 "
	       "config_file=\"/etc/pacd/pacd.conf\" generation=3 last_reload_at=- last_reload=- log_level=error\n");
	a = ask("show config\n");
	has(a, "config text=\"max_channels \\x3d 1000;\\x0auser \\x3d \\x22pacd\\x22;\\x0a\"\n");
	fake.no_memory = true;
	ends_with_code(ask("show config\n"), ".500");
	a = ask("help\n");
	has(a, "command syntax=\"disconnect user NAME\" needs=act help=");
	ends_with_code(a, ".200");
}
END_TEST

START_TEST(act_commands)
{
	has(ask("disconnect 2\n"), "disconnected sessions=1\n.200 session 2 ");
	ck_assert_uint_eq(fake.disconnected, 2);
	has(last_log, "control uid=0 pid=0 command=\"disconnect 2\" code=200");
	ends_with_code(ask("disconnect 9\n"), ".404");
	has(ask("disconnect user \"user\\x001\"\n"),
	    "disconnected sessions=1\n.200 1 session of user \"user\\x001\" is");
	ck_assert_uint_eq(fake.name_len, 6);
	ck_assert(!memcmp(fake.name, "user\0001", 6));
	ends_with_code(ask("disconnect user nobody\n"), ".404");
	has(ask("disconnect peer 192.0.2.1\n"), "disconnected sessions=2\n.200 2 sessions of peer 192.0.2.1 are");
	ends_with_code(ask("disconnect peer 192.0.2.2\n"), ".404");
	has(ask("drain\n"), "drain draining=true\n.200 no new calls are taken\n");
	ck_assert(fake.draining);
	has(ask("drain\n"), ".200 no new calls are taken, as before\n");
	has(ask("drain off\n"), "drain draining=false\n.200 ");
	fake.ending = true;
	ends_with_code(ask("drain off\n"), ".503");
	has(ask("log debug\n"), "log log_level=debug\n.200 ");
	ck_assert_int_eq(fake.level, LOG_LEVEL_DEBUG);
}
END_TEST

START_TEST(bad_requests)
{
	has(ask("frobnicate\n"), ".400 ");
	has(ask("\n"), ".400 no command; use help, show");
	has(ask("\"\n"), ".400 not words");
	has(ask("show \x1b[2J\n"), ".400 not words");
	has(ask("1 2 3 4 5 6 7 8 9\n"), ".400 too long");
	has(last_log, "control-denied uid=0 pid=0 command=\"1 2 3 4 5 6 7 8 9\" code=400 suppressed=0");
	has(ask("show pools\nreload\n"), "pool name="); /* one request a connection: the second is not looked at */
	ck_assert_uint_eq(fake.reload_client, 0);
}
END_TEST

/* --- who may do what --- */

START_TEST(rights_by_class)
{
	gid_t groups[] = { 7, 50 };
	const struct { struct ctl_peer p; unsigned mode, rights; } rows[] = {
		{ { .uid = 0 }, 0, 6 },
		{ { .uid = 10 }, 0640, 6 }, { { .uid = 10 }, 0400, 4 }, { { .uid = 10 }, 0200, 2 },
		{ { .uid = 10, .gid = 50 }, 0077, 0 }, /* the first class that fits decides, as for files */
		{ { .uid = 11, .gid = 50 }, 0640, 4 }, { { .uid = 11, .gid = 50 }, 0660, 6 },
		{ { .uid = 11, .gid = 1, .groups = groups, .ngroups = 2 }, 0640, 4 },
		{ { .uid = 11, .gid = 1, .groups = groups, .ngroups = 1 }, 0640, 0 },
		{ { .uid = 11, .gid = 50 }, 0606, 0 },
		{ { .uid = 11, .gid = 1 }, 0644, 4 }, { { .uid = 11, .gid = 1 }, 0771, 0 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		ck_assert_msg(ctl_rights(&rows[i].p, 10, 50, rows[i].mode) == rows[i].rights, "row %zu", i);
}
END_TEST

START_TEST(permission_is_enforced)
{
	gid_t groups[] = { 7, 50 };

	peer = (struct ctl_peer){ .uid = 11, .gid = 1, .groups = groups, .ngroups = 2, .pid = 4321 };
	has(ask("show pools\n"), ".403 "); /* the default lets only root in */
	ck_assert_uint_eq(ctl_clients(ctl), 0);
	ctl_set_permission(ctl, 10, 50, 0640);
	ends_with_code(ask("show pools\n"), ".200");
	has(ask("disconnect 1\n"), ".403 not permitted: this needs write permission");
	has(last_log, "control-denied uid=11 pid=4321 command=\"disconnect 1\" code=403 suppressed=0");
	ck_assert_uint_eq(fake.disconnected, 0);
	ctl_set_permission(ctl, 10, 50, 0620);
	has(ask("show pools\n"), ".403 not permitted: this needs read permission");
	ends_with_code(ask("disconnect 1\n"), ".200");
	ends_with_code(ask("help\n"), ".200");
	peer = (struct ctl_peer){ .uid = 12, .gid = 2 };
	has(ask("help\n"), ".403 not permitted: you may not use");
}
END_TEST

/* The default way to ask who it is: we are ourselves. */
START_TEST(credentials_of_ourselves)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct ctl *own;

	address.sun_path[strlen(address.sun_path) - 1] = 't';
	unlink(address.sun_path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	own = ctl_new(loop, fd, &ctl_fake_provider, &fake);
	ctl_set_permission(own, getuid(), getgid(), 0400);
	ends_with_code(ask("show pools\n"), ".200");
	ends_with_code(ask("drain\n"), getuid() == 0 ? ".200" : ".403");
	ctl_set_permission(own, getuid(), getgid(), 0);
	ends_with_code(ask("show pools\n"), getuid() == 0 ? ".200" : ".403");
	ctl_free(own);
	unlink(address.sun_path);
	address.sun_path[strlen(address.sun_path) - 1] = 's';
}
END_TEST

/* --- clients that behave badly (SEC-03) --- */

START_TEST(request_in_pieces)
{
	static const char line[] = "show session 2\n";
	int fd = dial();

	for (const char *p = line; *p; p++) {
		say_octets(fd, p, 1);
		spin(3);
	}
	ck_assert(!strncmp(hear(fd), "session id=2 ", 13));
}
END_TEST

START_TEST(request_too_long)
{
	static char line[CTL_LINE_MAX + 100];
	int fd = dial();

	memset(line, 'a', sizeof line);
	say_octets(fd, line, CTL_LINE_MAX - 1);
	spin(5);
	ck_assert_uint_eq(ctl_clients(ctl), 1);
	say_octets(fd, line, 100);
	has(hear(fd), ".400 the request is too long");
	line[CTL_LINE_MAX - 1] = '\n'; /* the longest that is looked at */
	fd = dial();
	say_octets(fd, line, CTL_LINE_MAX);
	has(hear(fd), ".400 no such command");
}
END_TEST

START_TEST(request_cut)
{
	int fd = dial();

	say(fd, "disconnect user user1");
	spin(3);
	shutdown(fd, SHUT_WR);
	has(hear(fd), ".400 the request does not end");
	ck_assert_uint_eq(fake.name_len, 0);
	fd = dial();
	wait_clients(1);
	close(fd); /* and one that says nothing at all */
	wait_clients(0);
}
END_TEST

START_TEST(half_closed_gets_its_answer)
{
	int fd = dial();

	say(fd, "show session 2\n");
	shutdown(fd, SHUT_WR);
	ends_with_code(hear(fd), ".200");
}
END_TEST

START_TEST(request_deadline)
{
	int fd;

	set_deadlines(0.05, 5, 5);
	fd = dial();
	say(fd, "show");
	has(hear(fd), ".400 the request did not come in time");
}
END_TEST

/* Reads a whole long answer in pieces, with everything checked. */
START_TEST(slow_reader_gets_all)
{
	size_t total = 0, lines = 0;
	char piece[8192], last = 0;
	int fd = dial();
	struct mono end = mono_add_s(mono_now(), 30);

	fake.sessions = 20000;
	say(fd, "show sessions\n");
	wait_clients(1);
	spin(5);
	has(ask("show session 1\n"), ".200 "); /* meanwhile others are served */
	for (;;) {
		ssize_t n = recv(fd, piece, sizeof piece, 0);

		ck_assert(!mono_reached(end, mono_now()));
		if (n < 0 && errno == EAGAIN) {
			ev_run(loop, EVRUN_NOWAIT);
			continue;
		}
		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			lines += piece[i] == '\n';
		last = piece[n - 1];
		total += (size_t)n;
	}
	close(fd);
	ck_assert_uint_eq(lines, 20001);
	ck_assert_int_eq(last, '\n');
	ck_assert_uint_gt(total, 20000 * 300);
	ck_assert_uint_eq(ctl_clients(ctl), 0);
}
END_TEST

START_TEST(reader_without_progress)
{
	int fd = dial();

	fake.sessions = 20000;
	set_deadlines(5, 0.05, 5);
	say(fd, "show sessions\n");
	wait_clients(1);
	wait_clients(0);
	close(fd);
}
END_TEST

/* Slow, and over the deadline in all, but never without progress. */
START_TEST(reader_with_progress)
{
	static char piece[16384];
	int fd = dial();
	struct mono end = mono_add_ms(mono_now(), 2500), next = mono_now();

	fake.sessions = 10000;
	set_deadlines(5, 1, 5);
	say(fd, "show sessions\n");
	wait_clients(1);
	while (!mono_reached(end, mono_now())) {
		ev_run(loop, EVRUN_NOWAIT);
		if (!mono_reached(next, mono_now()))
			continue;
		if (recv(fd, piece, sizeof piece, 0) >= 0 || errno == EAGAIN)
			next = mono_add_ms(mono_now(), 10);
	}
	ck_assert_uint_eq(ctl_clients(ctl), 1);
	close(fd);
	wait_clients(0);
}
END_TEST

START_TEST(reader_gone)
{
	int fd = dial();

	fake.sessions = 20000;
	say(fd, "show sessions\n");
	wait_clients(1);
	spin(3);
	close(fd); /* no SIGPIPE either */
	wait_clients(0);
}
END_TEST

START_TEST(waiting_answers_are_bounded)
{
	struct ctl_limits l = limits;
	int fd = dial();

	l.queued = 1000;
	ctl_set_limits(ctl, &l);
	fake.sessions = 20000;
	say(fd, "show sessions\n");
	wait_clients(1);
	spin(5);
	has(ask("show pools\n"), ".503 ");
	close(fd);
	wait_clients(0);
	ends_with_code(ask("show pools\n"), ".200"); /* what was given back counts no more */
}
END_TEST

START_TEST(many_clients)
{
	int fds[CLIENTS], n = 0;

	peer = (struct ctl_peer){ .uid = 11, .gid = 50 };
	ctl_set_permission(ctl, 10, 50, 0660);
	for (; n < CLIENTS / 2; n++)
		fds[n] = dial();
	wait_clients(limits.clients - limits.reserved);
	spin(20);
	ck_assert_uint_eq(ctl_clients(ctl), limits.clients - limits.reserved);
	has(hear(fds[--n]), ".503 too many clients"); /* the last ones were sent away */
	peer = (struct ctl_peer){ .uid = 0 };
	ends_with_code(ask("drain\n"), ".200"); /* root has places of its own */
	while (n)
		close(fds[--n]);
	wait_clients(0);
	ends_with_code(ask("show pools\n"), ".200");
}
END_TEST

/* SEC-07 */
START_TEST(no_descriptors_no_spin)
{
	struct rlimit old, low;
	int fd = dial();
	unsigned before;
	struct mono end;

	say(fd, "show session 1\n");
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = (rlim_t)fd + 1;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	spin(2);
	before = ev_iteration(loop);
	end = mono_add_ms(mono_now(), 300);
	while (!mono_reached(end, mono_now()))
		ev_run(loop, EVRUN_ONCE);
	ck_assert_uint_lt(ev_iteration(loop) - before, 40);
	has(last_log, "control-accept-failed");
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	ends_with_code(hear(fd), ".200");
}
END_TEST

/* --- deferred answers --- */

static int reload_begin(void)
{
	int fd = dial();
	struct mono end = mono_add_s(mono_now(), 20);

	fake.reload_client = 0;
	say(fd, "reload\n");
	while (!fake.reload_client) {
		ev_run(loop, EVRUN_NOWAIT);
		ck_assert(!mono_reached(end, mono_now()));
	}
	return fd;
}

START_TEST(reload_taken)
{
	int fd = reload_begin();

	ends_with_code(ask("show pools\n"), ".200"); /* nobody waits for it */
	ctl_finish_reload(ctl, fake.reload_client, 5, NULL);
	has(hear(fd), "reload generation=5\n.200 ");
	has(last_log, "command=\"reload\" code=200");
}
END_TEST

START_TEST(reload_refused)
{
	int fd = reload_begin();

	ctl_finish_reload(ctl, fake.reload_client, 5, "pacd.conf:3: user: no such user\n\npacd.conf:9: mtu: \"x\"");
	ctl_finish_reload(ctl, fake.reload_client, 6, NULL); /* a second answer is nobody's */
	ck_assert_str_eq(hear(fd), "error text=\"pacd.conf:3: user: no such user\"\n"
				   "error text=\"pacd.conf:9: mtu: \\x22x\\x22\"\n"
				   ".409 the configuration was refused, the old one stays: 2 errors\n");
}
END_TEST

START_TEST(reload_answered_from_within)
{
	fake.finish = ctl;
	has(ask("reload\n"), "reload generation=4\n.200 ");
}
END_TEST

START_TEST(reload_not_begun)
{
	fake.reload_rc = -EBUSY;
	has(ask("reload\n"), ".503 another reload");
	fake.reload_rc = -ESHUTDOWN;
	has(ask("reload\n"), ".503 the daemon is ending");
	fake.reload_rc = -ENOMEM;
	has(ask("reload\n"), ".500 ");
}
END_TEST

START_TEST(reload_never_answered)
{
	int fd;

	set_deadlines(5, 5, 0.05);
	fd = reload_begin();
	has(hear(fd), ".504 ");
	ctl_finish_reload(ctl, fake.reload_client, 5, NULL);
}
END_TEST

START_TEST(client_gone_before_answer)
{
	int fd = reload_begin();
	struct ctl_out out;

	close(fd);
	spin(5);
	ctl_finish_reload(ctl, fake.reload_client, 5, NULL);
	wait_clients(0);
	ctl_out_init(&out);
	ctl_out_status(&out, CTL_OK, "late");
	ctl_finish(ctl, fake.reload_client, &out); /* the memory is taken all the same */
	ck_assert(out.text == NULL);
	fd = reload_begin();
	ctl_out_status(&out, CTL_REFUSED, "own");
	ctl_finish(ctl, fake.reload_client, &out);
	ck_assert_str_eq(hear(fd), ".409 own\n");
}
END_TEST

START_TEST(free_with_clients)
{
	int fd = reload_begin(), other = dial();

	fake.sessions = 20000;
	say(other, "show sessions\n");
	wait_clients(2);
	spin(3);
	ctl_free(ctl);
	ctl = NULL;
	close(fd);
	close(other);
}
END_TEST

/* 10,000 sessions in well under half a second, with sanitizers, too; of our own time: others use the machine. */
START_TEST(long_listing_is_fast)
{
	int fd = dial();
	clock_t start = clock();
	static char piece[1u << 16];
	ssize_t n;

	fake.sessions = 10000;
	say(fd, "show sessions\n");
	while ((n = recv(fd, piece, sizeof piece, 0)) != 0)
		if (n < 0)
			ev_run(loop, EVRUN_NOWAIT);
	close(fd);
	ck_assert_int_lt(clock() - start, CLOCKS_PER_SEC / 2);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("ctl");
	const struct { const char *name; const TTest *tests[14]; } cases[] = {
		{ "commands", { show_commands, act_commands, bad_requests, long_listing_is_fast } },
		{ "permission", { rights_by_class, permission_is_enforced, credentials_of_ourselves } },
		{ "clients", { request_in_pieces, request_too_long, request_cut, half_closed_gets_its_answer,
			       request_deadline, slow_reader_gets_all, reader_without_progress,
			       reader_with_progress, reader_gone,
			       waiting_answers_are_bounded, many_clients, no_descriptors_no_spin } },
		{ "deferred", { reload_taken, reload_refused, reload_answered_from_within, reload_not_begun,
				reload_never_answered, client_gone_before_answer, free_with_clients } },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		TCase *tc = tcase_create(cases[i].name);

		tcase_set_timeout(tc, 60);
		tcase_add_checked_fixture(tc, setup, teardown);
		for (const TTest *const *t = cases[i].tests; *t; t++)
			tcase_add_test(tc, *t);
		suite_add_tcase(s, tc);
	}
	return s;
}

UNIT_MAIN(suite)
