/*
 * pppd lines, with this test in the place of the root part and of pppd: start, plugin, log, and every way to end
 * (CALL-OUT-08, TIM-08, SEC-04, SEC-05).
 */
#include "test/unit/unit_line.h"

/* --- start --- */

START_TEST(line_starts)
{
	struct pppd p;

	dials(3);
	ck_assert_uint_eq(line_ppp_count(lines), 1);
	ck_assert_uint_eq(seen.answered, 0);
	p = starts(3);
	ck_assert_uint_eq(seen.answered, 1);
	ck_assert_uint_eq(seen.session, 3);
	ck_assert_uint_eq(seen.pid, 503);
	ck_assert_int_eq(send(seen.fd, "x", 1, 0), 1); /* it is the pty */
	ck_assert_int_eq(recv(p.pty, &(char){ 0 }, 1, MSG_DONTWAIT), 1);
	tell_failed(3, EINVAL); /* nonsense by now */
	ck_assert(!seen.failed && line_ppp_count(lines) == 1);
	pppd_closes(&p);
}
END_TEST

START_TEST(start_fails)
{
	static const struct {
		int error;
		uint8_t code;
	} rows[] = {
		{ EAGAIN, MSG_ERR_NO_RESOURCE }, { ENOMEM, MSG_ERR_NO_RESOURCE }, { EMFILE, MSG_ERR_NO_RESOURCE },
		{ ENOSPC, MSG_ERR_NO_RESOURCE }, { ENOENT, MSG_ERR_PAC }, { ESTALE, MSG_ERR_PAC }, { EIO, MSG_ERR_PAC },
	};

	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		dials(i + 1);
		tell_failed(i + 1, rows[i].error);
		ck_assert_uint_eq(seen.failed, i + 1);
		ck_assert_uint_eq(seen.result, OCRP_ERROR);
		ck_assert_uint_eq(seen.error, rows[i].code);
		ck_assert_uint_eq(line_ppp_count(lines), 0);
	}
	ck_assert_uint_eq(seen.down + seen.answered, 0);
	ck_assert(logged("pppd-not-started"));
}
END_TEST

START_TEST(root_is_gone)
{
	close(root);
	root = -1;
	ck_assert_int_eq(line_ppp_ops.dial(lines, 1, &to_peer), -EPIPE);
	turn();
	ck_assert_int_eq(line_ppp_ops.dial(lines, 1, &to_peer), -EPIPE);
	ck_assert_uint_eq(line_ppp_count(lines), 0);
	ck_assert_uint_eq(seen.failed + seen.down, 0);
}
END_TEST

/* Answers for lines that nobody asked for, or has twice: their descriptors are closed, and no more. */
START_TEST(strange_answers)
{
	struct pppd p = running(1), q, r;

	q = starts(1);
	ck_assert(is_closed(q.pty) && is_closed(q.plugin));
	r = starts(2);
	ck_assert(is_closed(r.pty) && is_closed(r.plugin));
	tell_exited(2, 0);
	ck_assert(seen.answered == 1 && !seen.down && line_ppp_count(lines) == 1);
	ck_assert(!is_closed(p.pty) && !is_closed(p.plugin));
	line_ppp_ops.hangup(lines, 2, LINE_ADMIN);
	line_ppp_ops.answer_auth(lines, 2, &(struct plugin_answer){ .ok = true });
	asked_nothing();
	pppd_closes(&p);
	pppd_closes(&q);
	pppd_closes(&r);
}
END_TEST

/* --- the plugin --- */

START_TEST(plugin_messages)
{
	struct pppd p = running(1);
	struct plugin_msg m = { .type = PLUGIN_HELLO, .hello = { PLUGIN_PROTO_VERSION, "2.5.0" } };
	struct plugin_answer a = { .ok = true, .message_len = 2, .message = "hi", .remote = 5, .mppe = PLUGIN_MPPE_ALLOW };

	plugin_says(&p, &m);
	turn();
	ck_assert_uint_eq(seen.plugin, 1);
	ck_assert_str_eq(seen.last.hello.pppd, "2.5.0");
	m = (struct plugin_msg){ .type = PLUGIN_AUTH, .auth = { .method = PLUGIN_PAP, .name_len = 1, .proof_len = 1,
								.name = "u", .proof = "p" } };
	plugin_says(&p, &m);
	turn();
	ck_assert_uint_eq(seen.last.auth.name[0], 'u');
	line_ppp_ops.answer_auth(lines, 1, &a);
	ck_assert(plugin_hears(&p, &m));
	ck_assert_uint_eq(m.type, PLUGIN_ANSWER);
	ck_assert(m.answer.ok && m.answer.remote == 5 && m.answer.message_len == 2);
	/* More than one turn takes: all come, in order. */
	for (uint8_t i = 0; i < 60; i++) {
		m = (struct plugin_msg){ .type = PLUGIN_PHASE, .phase = { i } };
		plugin_says(&p, &m);
		if (i % 20 == 19)
			turn();
	}
	ck_assert_uint_eq(seen.plugin, 62);
	ck_assert_uint_eq(seen.last.phase.phase, 59);
	/* Its end of the socket may go before pppd does. */
	close(p.plugin);
	p.plugin = -1;
	turn();
	line_ppp_ops.answer_auth(lines, 1, &a);
	ck_assert_uint_eq(stats_get(STATS_PLUGIN_FAULTS), 0);
	asked_nothing();
	exits(&p, 0);
	ck_assert_uint_eq(seen.down, 1);
}
END_TEST

static void say_garbage(struct pppd *p, unsigned kind)
{
	static const uint8_t zeros[SEQMSG_MAX + 1];
	const struct plugin_msg wrong_way = { .type = PLUGIN_END, .end = { 4, "user" } };
	uint8_t data[PLUGIN_MSG_MAX] = { PLUGIN_UP };

	switch (kind) {
	case 0: /* short */
		send(p->plugin, data, 3, 0);
		break;
	case 1: /* of no known type */
		send(p->plugin, zeros, 10, 0);
		break;
	case 2: /* too long for anything */
		send(p->plugin, zeros, sizeof zeros, 0);
		break;
	default: /* what only we may say */
		plugin_says(p, &wrong_way);
	}
	turn();
}

/* SEC-04: the line is ended for a fault of ours, once, and nothing more is read. */
START_TEST(plugin_faults)
{
	for (unsigned kind = 0; kind < 4; kind++) {
		struct pppd p = running(kind + 1);

		seen.down = 0;
		say_garbage(&p, kind);
		ck_assert_uint_eq(stats_get(STATS_PLUGIN_FAULTS), kind + 1);
		asked_signal(kind + 1, PRIV_SIGNAL_TERM);
		ck_assert_int_eq(seqmsg_send(p.plugin, "x", 1, NULL, 0), -EPIPE);
		line_ppp_ops.answer_auth(lines, kind + 1, &(struct plugin_answer){ .ok = true });
		line_ppp_ops.hangup(lines, kind + 1, LINE_ADMIN);
		asked_nothing();
		exits(&p, 5 << 8);
		ck_assert_uint_eq(seen.down, 1);
		ck_assert_uint_eq(seen.error, MSG_ERR_PAC);
		ck_assert_uint_eq(seen.plugin, 0);
	}
}
END_TEST

/* What it said last is heard before its end is told. */
START_TEST(last_words)
{
	struct pppd p = running(1);
	const struct plugin_msg m = { .type = PLUGIN_DOWN, .down = { .status = 5, .seconds = 9, .in_octets = 1000 } };
	const struct priv_msg exited = { .type = PRIV_EXITED, .exited = { 1, 5 << 8 } };
	uint8_t data[PRIV_MSG_MAX];

	plugin_says(&p, &m);
	ck_assert_int_eq(write(p.log, "bye", 3), 3);
	ck_assert_int_eq(seqmsg_send(root, data, priv_encode(data, sizeof data, &exited), NULL, 0), 0);
	turn();
	ck_assert_uint_eq(seen.plugin, 1);
	ck_assert_uint_eq(seen.last.down.in_octets, 1000);
	ck_assert_uint_eq(seen.down, 1);
	ck_assert_int_eq(seen.status, 5 << 8);
	ck_assert(logged("text=\"bye\"")); /* although a script still holds the pipe open */
	ck_assert(logged("pppd-exit session=1 pid=501 status=5"));
	pppd_closes(&p);
}
END_TEST

/* --- changes --- */

static void link_is(struct pppd *p, uint8_t type)
{
	const struct plugin_msg m = type == PLUGIN_UP ?
		(struct plugin_msg){ .type = type, .up = { .ifname = "ppp4", .unit = 4, .local = 1, .remote = 2 } } :
		(struct plugin_msg){ .type = type };

	plugin_says(p, &m);
	turn();
}

/* RAD-87: the root part is asked to run the change script of a link, while there is one. */
START_TEST(change)
{
	struct script_vars vars = { 0 };
	struct pppd p = running(1), q = running(2);
	struct priv_msg m;

	script_vars_add_text(&vars, SCRIPT_VAR_FILTER_ID, "slow");
	line_ppp_ops.change(lines, 1, &vars); /* not up */
	line_ppp_ops.change(lines, 99, &vars); /* not there */
	asked_nothing();
	link_is(&p, PLUGIN_UP);
	line_ppp_set_generation(lines, 8); /* a reload: today's script */
	line_ppp_ops.change(lines, 1, &vars);
	line_ppp_ops.change(lines, 2, &vars);
	turn();
	m = asked(PRIV_CHANGE_HOOK);
	ck_assert(m.change_hook.token == 1 && m.change_hook.generation == 8 && m.change_hook.unit == 4);
	ck_assert(m.change_hook.local == 1 && m.change_hook.remote == 2 && m.change_hook.peer_addr == PEER);
	ck_assert_uint_eq(m.change_hook.vars.n, 1);
	ck_assert_uint_eq(m.change_hook.vars.list[0].var, SCRIPT_VAR_FILTER_ID);
	ck_assert_str_eq(m.change_hook.vars.list[0].value, "slow");
	asked_nothing();
	link_is(&p, PLUGIN_DOWN);
	line_ppp_ops.change(lines, 1, &vars);
	asked_nothing();
	link_is(&q, PLUGIN_UP);
	line_ppp_ops.hangup(lines, 2, LINE_ADMIN); /* its down scripts are next */
	asked_signal(2, PRIV_SIGNAL_TERM);
	line_ppp_ops.change(lines, 2, &vars);
	asked_nothing();
	exits(&p, 0);
	exits(&q, 0);
	line_ppp_ops.change(lines, 1, &vars);
	asked_nothing();
}
END_TEST

/* What the root part would not take, or can't be told, is a line in the log; the link stays. */
START_TEST(change_fails)
{
	struct script_vars vars = { .n = 1, .list = { { .var = SCRIPT_VAR_COUNT, .len = 1, .value = "x" } } };
	struct pppd p = running(1);

	link_is(&p, PLUGIN_UP);
	line_ppp_ops.change(lines, 1, &vars);
	ck_assert(logged("change-script session=1"));
	asked_nothing();
	log_len = 0;
	log_text[0] = '\0';
	close(root);
	root = -1;
	vars.n = 0;
	line_ppp_ops.change(lines, 1, &vars);
	ck_assert(logged("change-script session=1"));
	ck_assert_uint_eq(line_ppp_count(lines), 1);
	pppd_closes(&p);
}
END_TEST

/* --- the log --- */

START_TEST(log_lines)
{
	static const char text[] = "one\ntwo words\n\nthree\x1b[2J \"quoted\"\nlast";
	struct pppd p = running(1);
	size_t n = strlen(text);
	char first[sizeof log_text];

	ck_assert_int_eq(write(p.log, text, n), n);
	turn();
	close(p.log);
	turn();
	ck_assert_str_eq(log_text, "pppd session=1 pid=501 text=\"one\" suppressed=0\n"
				   "pppd session=1 pid=501 text=\"two words\" suppressed=0\n"
				   "pppd session=1 pid=501 text=\"three\\x1b[2J \\x22quoted\\x22\" suppressed=0\n"
				   "pppd session=1 pid=501 text=\"last\" suppressed=0\n");
	memcpy(first, log_text, sizeof first);
	p.log = -1;
	exits(&p, 0);
	/* Cut anywhere it makes the same lines. */
	for (size_t cut = 1; cut < n; cut++) {
		p = running(1);
		log_len = 0;
		ck_assert_int_eq(write(p.log, text, cut), cut);
		turn();
		ck_assert_int_eq(write(p.log, text + cut, n - cut), n - cut);
		turn();
		close(p.log);
		p.log = -1;
		turn();
		ck_assert_str_eq(log_text, first);
		exits(&p, 0);
	}
}
END_TEST

/* SEC-05, SEC-09: long lines come in pieces, and a talkative pppd is held back. */
START_TEST(log_is_bounded)
{
	struct pppd p = running(1);
	char big[1300];
	unsigned n = 0;

	memset(big, 'x', sizeof big);
	ck_assert_int_eq(write(p.log, big, sizeof big), sizeof big);
	ck_assert_int_eq(write(p.log, "\n", 1), 1);
	turn();
	for (const char *at = log_text; (at = strstr(at, "text=")); at++)
		n++;
	ck_assert_uint_eq(n, 3);
	for (int i = 0; i < 1000; i++) {
		ck_assert_int_eq(write(p.log, "noise\n", 6), 6);
		turns(1);
	}
	n = 0;
	for (const char *at = log_text; (at = strstr(at, "noise")); at++)
		n++;
	ck_assert_uint_ge(n, 37);
	ck_assert_uint_le(n, 45);
	exits(&p, 0);
}
END_TEST

/* --- the end --- */

/* TIM-08: the reason first, then SIGTERM; once; the pty is the data path's. */
START_TEST(hangup)
{
	static const char *const words[LINE_REASONS] = { "peer-clear", "peer-lost", "admin", "session-timeout",
		"idle-timeout", "replaced", "shutdown", "user", "auth-failed", "login-timeout", "negotiation-failed",
		"peer-silent", "fault", "refused", "lost-carrier", "no-pns" };

	for (unsigned reason = 0; reason < LINE_REASONS; reason++) {
		struct pppd p = running(reason + 1);

		line_ppp_ops.hangup(lines, reason + 1, (enum line_reason)reason);
		line_ppp_ops.hangup(lines, reason + 1, LINE_ADMIN);
		hears_end(&p, words[reason]);
		ck_assert_str_eq(line_reason_word((enum line_reason)reason), words[reason]);
		ck_assert(!plugin_hears(&p, &(struct plugin_msg){ 0 }));
		asked_signal(reason + 1, PRIV_SIGNAL_TERM);
		asked_nothing();
		ck_assert(!is_closed(p.pty));
		ck_assert_uint_eq(seen.down, reason);
		exits(&p, 16 << 8);
		ck_assert_uint_eq(seen.down, reason + 1);
	}
	ck_assert_uint_eq(line_ppp_count(lines), 0);
}
END_TEST

START_TEST(hangup_before_start)
{
	struct pppd p;

	dials(1);
	line_ppp_ops.hangup(lines, 1, LINE_PEER_CLEAR);
	line_ppp_ops.hangup(lines, 1, LINE_ADMIN);
	asked_nothing(); /* there is nobody yet to send a signal to */
	p = starts(1);
	ck_assert_uint_eq(seen.answered, 0);
	ck_assert(is_closed(p.pty));
	hears_end(&p, "peer-clear");
	asked_signal(1, PRIV_SIGNAL_TERM);
	exits(&p, 5 << 8);
	ck_assert(seen.down == 1 && !seen.error && !seen.failed);
	/* And where it never starts, that is its end. */
	dials(2);
	line_ppp_ops.hangup(lines, 2, LINE_PEER_CLEAR);
	tell_failed(2, ENOENT);
	ck_assert(seen.down == 2 && !seen.error && !seen.failed);
	ck_assert_uint_eq(line_ppp_count(lines), 0);
}
END_TEST

START_TEST(exit_before_start)
{
	struct pppd p;

	dials(1);
	tell_exited(1, 1 << 8);
	ck_assert(seen.down == 1 && seen.error == MSG_ERR_PAC && !seen.answered && !seen.failed);
	p = starts(1); /* the answer that it has overtaken */
	ck_assert(is_closed(p.pty) && is_closed(p.plugin));
	ck_assert_uint_eq(seen.answered, 0);
	pppd_closes(&p);
}
END_TEST

/* TIM-08: SIGKILL after 10 s, and only to those who are still there. */
START_TEST(kill_after_term)
{
	struct pppd p = running(1), q;

	q = running(2);
	line_ppp_ops.hangup(lines, 1, LINE_ADMIN);
	line_ppp_ops.hangup(lines, 2, LINE_ADMIN);
	asked_signal(1, PRIV_SIGNAL_TERM);
	asked_signal(2, PRIV_SIGNAL_TERM);
	skip_ms(9000);
	asked_nothing();
	exits(&q, 0);
	skip_ms(1500);
	asked_signal(1, PRIV_SIGNAL_KILL);
	asked_nothing();
	ck_assert(logged("pppd-killed session=1"));
	ck_assert_uint_eq(stats_get(STATS_PPPD_KILLED), 1);
	ck_assert_uint_eq(seen.down, 1);
	skip_ms(10100);
	asked_signal(1, PRIV_SIGNAL_KILL); /* again, should the first one be lost */
	asked_nothing();
	exits(&p, 9);
	ck_assert(seen.down == 2 && !seen.error);
	ck_assert(logged("pppd-exit session=1 pid=501 signal=9"));
	skip_ms(30000);
	asked_nothing();
}
END_TEST

/* CALL-OUT-08: what of pppd's exits is a failure of ours (CDN 2/6), and what a hang-up of the user. */
START_TEST(exit_statuses)
{
	static const struct {
		int status;
		uint8_t error;
	} rows[] = {
		{ 0 << 8, 0 }, { 1 << 8, 6 }, { 2 << 8, 6 }, { 3 << 8, 6 }, { 4 << 8, 6 }, { 5 << 8, 0 }, { 6 << 8, 6 },
		{ 7 << 8, 6 }, { 8 << 8, 6 }, { 9 << 8, 6 }, { 10 << 8, 0 }, { 12 << 8, 0 }, { 13 << 8, 0 },
		{ 15 << 8, 0 }, { 16 << 8, 0 }, { 18 << 8, 6 },
		{ 19 << 8, 0 }, { 127 << 8, 6 }, { 15, 0 }, { 1, 0 }, { 9, 6 }, { 11, 6 }, { 6 | 0x80, 6 },
	};

	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pppd p = running(i + 1);

		exits(&p, rows[i].status);
		ck_assert_uint_eq(seen.down, i + 1);
		ck_assert_int_eq(seen.status, rows[i].status);
		ck_assert_msg(seen.error == rows[i].error, "status %#x", (unsigned)rows[i].status);
		/* After a hang-up of ours none of them is a failure. */
		p = running(i + 1);
		line_ppp_ops.hangup(lines, i + 1, LINE_PEER_CLEAR);
		asked_signal(i + 1, PRIV_SIGNAL_TERM);
		exits(&p, rows[i].status);
		ck_assert_uint_eq(seen.error, 0);
		seen.down = i + 1;
	}
}
END_TEST

/* The end of the daemon: descriptors of lines in every state are closed, nobody is told. */
START_TEST(freed_while_in_use)
{
	struct pppd p = running(1), q = running(2);

	dials(3);
	line_ppp_ops.hangup(lines, 2, LINE_SHUTDOWN);
	for (uint64_t id = 4; id < 200; id++)
		ck_assert_int_eq(line_ppp_ops.dial(lines, id, &to_peer), 0);
	line_ppp_free(lines);
	lines = NULL;
	ck_assert(is_closed(p.plugin));
	hears_end(&q, "shutdown");
	ck_assert(is_closed(q.plugin));
	ck_assert_uint_eq(seen.down + seen.failed, 0);
	pppd_closes(&p);
	pppd_closes(&q);
}
END_TEST

static void add(Suite *s, const char *name, const TTest *const *tests)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	for (; *tests; tests++)
		tcase_add_test(tc, *tests);
	suite_add_tcase(s, tc);
}

#define CASE(s, name, ...) add(s, name, (const TTest *const[]){ __VA_ARGS__, NULL })

static Suite *line_ppp_suite(void)
{
	Suite *s = suite_create("line_ppp");

	CASE(s, "start", line_starts, start_fails, root_is_gone, strange_answers);
	CASE(s, "plugin", plugin_messages, plugin_faults, last_words);
	CASE(s, "change", change, change_fails);
	CASE(s, "log", log_lines, log_is_bounded);
	CASE(s, "end", hangup, hangup_before_start, exit_before_start, kill_after_term, exit_statuses, freed_while_in_use);
	return s;
}

UNIT_MAIN(line_ppp_suite)
