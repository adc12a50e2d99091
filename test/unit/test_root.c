/*
 * priv/root: the loop in a process of its own, this test in main's place: pppd and
 * its exit, the scripts of links, start and stop, and what makes it end everything
 * (SEC-04, SEC-08, RAD-87).
 */
#include "test/unit/unit_root.h"

/* --- pppd --- */

START_TEST(pppd_lives_and_exits)
{
	uint32_t pid;
	int pty, log_77;

	write_file("pppd", 0700, "#!/bin/sh\necho up >&2\nexec sleep 1000\n");
	take_first();
	ck_assert_int_eq(started(1, 77), 0);
	pid = m.started.pid;
	log_77 = seqmsg_take_fd(&raw, 2);
	ck_assert_int_eq(kill((pid_t)pid, 0), 0);
	ck_assert_int_eq(started(1, 77), EEXIST);
	ck_assert(readable(log_77)); /* so it is done with the script */
	write_file("pppd", 0700, "#!/bin/sh\nexec cat\n");
	ck_assert_int_eq(started(1, 78), 0);
	pty = seqmsg_take_fd(&raw, 0);
	raw.nfds = 0; /* its log stays open: cat says what ended it */
	ask((struct priv_msg){ .type = PRIV_SIGNAL_PPPD, .signal_pppd = { 77, PRIV_SIGNAL_TERM } });
	expect(PRIV_EXITED);
	ck_assert(m.exited.token == 77);
	ck_assert(WIFSIGNALED(m.exited.status) && WTERMSIG(m.exited.status) == SIGTERM);
	ck_assert_int_eq(kill((pid_t)pid, 0), -1);
	close(pty); /* the peer is known to be gone */
	expect(PRIV_EXITED);
	ck_assert(m.exited.token == 78);
	ck_assert(WIFEXITED(m.exited.status));
}
END_TEST

START_TEST(pppds_are_bounded)
{
	unsigned n = 0;

	take_first();
	while (n < 1000 && started(1, n) == 0)
		n++;
	ck_assert_int_eq(m.started.error, EUSERS);
	ck_assert_uint_eq(n, 2 * 4 + 16);
}
END_TEST

START_TEST(main_is_gone)
{
	pid_t pids[3];
	int status;

	take_first();
	for (uint64_t i = 0; i < 3; i++) {
		ck_assert_int_eq(started(1, i), 0);
		pids[i] = (pid_t)m.started.pid;
	}
	close(fd);
	ck_assert_int_eq(waitpid(server, &status, 0), server);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(kill(pids[i], 0), -1);
}
END_TEST

START_TEST(priv_is_gone)
{
	int status;

	write_file("pppd", 0700, "#!/bin/sh\necho up >&2\nexec sleep 1000\n");
	take_first();
	ck_assert_int_eq(started(1, 1), 0);
	ck_assert(readable(raw.fds[2])); /* it is past its own start */
	kill(server, SIGKILL);
	ck_assert_int_eq(waitpid(server, &status, 0), server);
	/* Its end shows at the pty: nobody holds the slave any more. */
	fcntl(raw.fds[0], F_SETFL, 0);
	ck_assert(readable(raw.fds[0]));
	ck_assert_int_eq(read(raw.fds[0], &status, 1), -1);
	ck_assert_int_eq(errno, EIO);
}
END_TEST

/* --- the down script --- */

static void write_hook(mode_t mode)
{
	write_file("ip-down", mode, "#!/bin/sh\necho \"$* $PACD_REASON $IFNAME\" >%s/hook\n", dir);
}

static const struct priv_msg hook = { .type = PRIV_DOWN_HOOK,
				      .down_hook = { 7, 0x0a090001, 0x0a09000a, 0xc0000201 } };

static void kill_pppd_of(uint32_t generation, uint64_t token)
{
	ck_assert_int_eq(started(generation, token), 0);
	ask((struct priv_msg){ .type = PRIV_SIGNAL_PPPD, .signal_pppd = { token, PRIV_SIGNAL_KILL } });
	expect(PRIV_EXITED);
}

static void kill_pppd(uint64_t token)
{
	kill_pppd_of(1, token);
}

/* After it: the root part waits for the script before it ends. */
static const char *hook_text(void)
{
	int text;

	shutdown(fd, SHUT_WR);
	expect_end(1);
	text = open(in_dir("hook"), O_RDONLY);
	return text < 0 ? "" : read_text(text);
}

START_TEST(killed_pppd_has_its_hook)
{
	write_hook(0700);
	take_first();
	kill_pppd(1);
	ask(hook);
	ck_assert_str_eq(hook_text(), "ppp7 - 0 10.9.0.1 10.9.0.10 192.0.2.1 crashed ppp7\n");
}
END_TEST

/* One for each pppd that ended by a signal, and none for others. */
START_TEST(hook_must_be_earned)
{
	write_hook(0700);
	write_file("pppd", 0700, "#!/bin/sh\nexit 16\n");
	take_first();
	ask(hook);
	ck_assert_int_eq(started(1, 1), 0);
	expect(PRIV_EXITED);
	ask(hook);
	ck_assert_int_eq(started(1, 2), 0); /* it is no violation */
	expect(PRIV_EXITED);
	ck_assert_str_eq(hook_text(), "");
}
END_TEST

START_TEST(hook_runs_once)
{
	write_file("ip-down", 0700, "#!/bin/sh\necho x >>%s/hook\n", dir);
	take_first();
	kill_pppd(1);
	ask(hook);
	ask(hook);
	ck_assert_str_eq(hook_text(), "x\n");
}
END_TEST

START_TEST(hook_of_others_is_left_alone)
{
	write_hook(0722);
	take_first();
	kill_pppd(1);
	ask(hook);
	ck_assert_str_eq(hook_text(), "");
}
END_TEST

/* --- the change script --- */

static int told; /* a pipe that the script writes to when it is done: the end of its pppd would kill it before */

static void write_change(const char *file, mode_t mode)
{
	write_file(file, mode, "#!/bin/sh\necho \"$* $PACD_REASON $IFNAME $PACD_FILTER_ID\" >>%s/hook\n"
			       "echo >%s/told\n", dir, dir);
	ck_assert_int_eq(mkfifo(in_dir("told"), 0600), 0);
	told = open(in_dir("told"), O_RDWR | O_CLOEXEC);
}

static void wait_told(void)
{
	char octet;

	ck_assert(readable(told));
	ck_assert_int_eq(read(told, &octet, 1), 1);
}

/* The configuration names the script before the root part reads it: as of its second generation. */
static void take_second(const char *file)
{
	static char settings[160];

	snprintf(settings, sizeof settings, "false; change_script = \"%s/%s\"", dir, file);
	ppp_check = settings; /* what stands behind "check = " */
	write_conf("");
	take_first_and_serve();
	ask((struct priv_msg){ .type = PRIV_RELOAD });
	expect(PRIV_CONF);
	ck_assert(m.conf.ok);
	taken(2, 1);
}

static struct priv_msg change_of(uint32_t generation, uint64_t token, const char *filter)
{
	struct priv_msg question = { .type = PRIV_CHANGE_HOOK,
				     .change_hook = { .generation = generation, .token = token, .unit = 7,
						      .local = 0x0a090001, .remote = 0x0a09000a,
						      .peer_addr = 0xc0000201 } };

	script_vars_add_text(&question.change_hook.vars, SCRIPT_VAR_FILTER_ID, filter);
	return question;
}

static void ask_change(uint32_t generation, uint64_t token, const char *filter)
{
	ask(change_of(generation, token, filter));
}

START_TEST(change_of_a_live_link)
{
	write_change("change", 0700);
	take_second("change");
	ck_assert_int_eq(started(2, 1), 0);
	ask_change(2, 1, "slow");
	wait_told();
	ck_assert_str_eq(hook_text(), "ppp7 - 0 10.9.0.1 10.9.0.10 192.0.2.1 change ppp7 slow\n");
}
END_TEST

/* None of them is a violation: a pppd may end, and a configuration go, while the request is on its way. */
START_TEST(change_must_be_earned)
{
	write_change("change", 0700);
	take_second("change");
	ck_assert_int_eq(started(2, 1), 0);
	kill_pppd_of(2, 2);
	ask_change(2, 2, "ended");
	ask_change(2, 99, "never-there");
	ask_change(1, 1, "stale");
	ask_change(0, 1, "no-generation");
	ask_change(3, 1, "not-yet");
	ask_change(2, 1, "earned");
	wait_told();
	ck_assert_int_eq(started(2, 3), 0);
	ck_assert_str_eq(hook_text(), "ppp7 - 0 10.9.0.1 10.9.0.10 192.0.2.1 change ppp7 earned\n");
}
END_TEST

START_TEST(change_without_a_script)
{
	take_first();
	ck_assert_int_eq(started(1, 1), 0);
	ask_change(1, 1, "unset");
	ck_assert_int_eq(started(1, 2), 0);
	ck_assert_str_eq(hook_text(), "");
}
END_TEST

START_TEST(change_script_of_others_is_left_alone)
{
	write_change("change", 0700);
	take_second("change");
	ck_assert_int_eq(chmod(in_dir("change"), 0722), 0);
	ck_assert_int_eq(started(2, 1), 0);
	ask_change(2, 1, "unsafe");
	ck_assert_int_eq(started(2, 2), 0); /* it has been looked at */
	ck_assert_int_eq(chmod(in_dir("change"), 0700), 0);
	ask_change(2, 1, "safe");
	wait_told();
	unlink(in_dir("change"));
	ask_change(2, 1, "none");
	ck_assert_int_eq(started(2, 3), 0);
	ck_assert_str_eq(hook_text(), "ppp7 - 0 10.9.0.1 10.9.0.10 192.0.2.1 change ppp7 safe\n");
}
END_TEST

/* A token is good for one link: the first that main has named. Another one is refused, and no violation. */
START_TEST(change_of_another_link)
{
	struct priv_msg question;

	write_change("change", 0700);
	take_second("change");
	ck_assert_int_eq(started(2, 1), 0);
	question = change_of(2, 1, "other-caller");
	question.change_hook.peer_addr++;
	ask(question);
	ask_change(2, 1, "first");
	wait_told();
	question = change_of(2, 1, "other-unit");
	question.change_hook.unit++;
	ask(question);
	question = change_of(2, 1, "other-local");
	question.change_hook.local++;
	ask(question);
	question = change_of(2, 1, "other-remote");
	question.change_hook.remote++;
	ask(question);
	ask_change(2, 1, "last");
	wait_told();
	ck_assert_int_eq(started(2, 2), 0);
	ck_assert_str_eq(hook_text(), "ppp7 - 0 10.9.0.1 10.9.0.10 192.0.2.1 change ppp7 first\n"
				      "ppp7 - 0 10.9.0.1 10.9.0.10 192.0.2.1 change ppp7 last\n");
}
END_TEST

/* Its interface's name is free for the next one when a pppd has ended: nothing of its change may come after that. */
START_TEST(change_ends_with_its_pppd)
{
	int gate, held;
	char octets[8];

	write_file("change", 0700,
		   "#!/bin/sh\nexec 3>%s/held\necho up >&3\nread line <%s/gate\necho \"$PACD_FILTER_ID\" >>%s/hook\n",
		   dir, dir, dir);
	ck_assert_int_eq(mkfifo(in_dir("gate"), 0600), 0);
	ck_assert_int_eq(mkfifo(in_dir("held"), 0600), 0);
	gate = open(in_dir("gate"), O_RDWR);
	held = open(in_dir("held"), O_RDONLY | O_NONBLOCK);
	take_second("change");
	ck_assert_int_eq(started(2, 1), 0);
	ask_change(2, 1, "first");
	ck_assert(readable(held));
	ck_assert_int_eq(read(held, octets, sizeof octets), 3);
	ask_change(2, 1, "second"); /* waits behind it */
	ask((struct priv_msg){ .type = PRIV_SIGNAL_PPPD, .signal_pppd = { 1, PRIV_SIGNAL_KILL } });
	expect(PRIV_EXITED);
	ck_assert(readable(held));
	ck_assert_int_eq(read(held, octets, sizeof octets), 0); /* it is gone */
	ck_assert_int_eq(write(gate, "\n\n", 2), 2);
	ck_assert_str_eq(hook_text(), "");
	close(gate);
	close(held);
}
END_TEST

/* --- start and stop --- */

START_TEST(ready_is_told_once)
{
	char octet;

	take_first();
	ask((struct priv_msg){ .type = PRIV_READY });
	ask((struct priv_msg){ .type = PRIV_READY });
	ck_assert(readable(ready_fd));
	ck_assert_int_eq(read(ready_fd, &octet, 1), 1);
	ck_assert_int_eq(read(ready_fd, &octet, 1), 0);
	ck_assert_int_eq(started(1, 1), 0);
}
END_TEST

START_TEST(start_that_fails)
{
	char octet;

	take_first();
	close(fd);
	ck_assert(readable(ready_fd));
	ck_assert_int_eq(read(ready_fd, &octet, 1), 0);
}
END_TEST

START_TEST(stop_twice_forces)
{
	take_first();
	ck_assert_int_eq(started(1, 1), 0);
	kill(server, SIGINT);
	expect(PRIV_STOP);
	ck_assert_int_eq(started(1, 2), 0); /* main still rules while it drains */
	kill(server, SIGTERM);
	expect_end(0);
}
END_TEST

/* --- what main must never say --- */

static void say(const void *data, size_t len)
{
	take_first();
	ck_assert_int_eq(started(1, 1), 0);
	ck_assert_int_eq(seqmsg_send(fd, data, len, NULL, 0), 0);
	expect_end(1);
	ck_assert_int_eq(kill((pid_t)m.started.pid, 0), -1);
}

static const struct {
	uint8_t data[40];
	size_t len;
} nonsense[] = {
	{ { 0 }, 1 },
	{ { PRIV_RELOAD, 0 }, 2 },
	{ { PRIV_START_PPPD, 0, 0 }, 3 },
	{ { PRIV_STOP }, 1 },                              /* the wrong way */
	{ { PRIV_OPEN, 0, 0, 0, 1, 0, 0, 1 }, 8 },         /* no second listener */
	{ { PRIV_OPEN, 0, 0, 0, 1, 1, 0, 1 }, 8 },         /* no second worker */
	{ { PRIV_OPEN, 0, 0, 0, 1, 2, 0, 1 }, 8 },
	{ { PRIV_OPEN, 0, 0, 0, 1, 9, 0, 0 }, 8 },
	{ { PRIV_CONF_TAKEN, 0, 0, 0, 9, 1 }, 6 },
	{ { PRIV_CONF_TAKEN, 0, 0, 0, 9, 0 }, 6 },
	{ { PRIV_CONF_TAKEN, 0, 0, 0, 0, 1 }, 6 },         /* none is offered: 0 is no generation */
	{ { PRIV_CONF_TAKEN, 0, 0, 0, 0, 0 }, 6 },
	{ { PRIV_CONF_TAKEN, 0, 0, 0, 1, 1 }, 6 },         /* it has been */
	{ { PRIV_CHANGE_HOOK, 0, 0, 0, 1 }, 5 },
	{ { PRIV_CHANGE_HOOK, 0, 0, 0, 1, [29] = 1, [30] = SCRIPT_VAR_USER, [31] = 1, [32] = '`' }, 33 },
};
#define NONSENSE ((int)(sizeof nonsense / sizeof nonsense[0]))

START_TEST(nonsense_ends_everything)
{
	say(nonsense[_i].data, nonsense[_i].len);
}
END_TEST

START_TEST(descriptors_are_not_taken)
{
	uint8_t data[] = { PRIV_RELOAD };

	take_first();
	ck_assert_int_eq(seqmsg_send(fd, data, sizeof data, &ready_fd, 1), 0);
	expect_end(1);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("root");

	root_case(s, "pppd", (const TTest *const[]){ pppd_lives_and_exits, pppds_are_bounded, main_is_gone,
						     priv_is_gone, NULL });
	root_case(s, "hook", (const TTest *const[]){ killed_pppd_has_its_hook, hook_must_be_earned, hook_runs_once,
						     hook_of_others_is_left_alone, NULL });
	root_case(s, "change", (const TTest *const[]){ change_of_a_live_link, change_must_be_earned,
						       change_without_a_script, change_script_of_others_is_left_alone,
						       change_of_another_link, change_ends_with_its_pppd, NULL });
	root_case(s, "life", (const TTest *const[]){ ready_is_told_once, start_that_fails, stop_twice_forces, NULL });
	root_loop(s, "nonsense", nonsense_ends_everything, NONSENSE);
	root_case(s, "descriptors", (const TTest *const[]){ descriptors_are_not_taken, NULL });
	return s;
}

UNIT_MAIN(suite)
