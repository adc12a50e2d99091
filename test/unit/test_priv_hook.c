/*
 * priv/hook: what the down script and the change script get, how many run at once
 * and in what order, and the end of one that does not end (SEC-03, SEC-08, RAD-87).
 */
#include "test/unit/unit_priv.h"

#include "common/log.h"
#include "pacd/priv/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

static const struct priv_down_hook link_7 = { 7, 0x0a090001, 0x0a09000a, 0xc0000201 };
static struct hooks hooks;
static char script[128], change_script[128];

static void no_log(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

static void setup(void)
{
	dir_setup();
	log_set_sink(no_log);
	snprintf(script, sizeof script, "%s", in_dir("ip-down"));
	snprintf(change_script, sizeof change_script, "%s", in_dir("change"));
	hooks_init(&hooks, script);
}

static void teardown(void)
{
	hooks_clear(&hooks);
	dir_teardown();
}

/* The status of the next one that ends. */
static int reap(void)
{
	int status;
	pid_t pid = waitpid(-1, &status, 0);

	ck_assert_int_gt(pid, 0);
	ck_assert(hooks_reaped(&hooks, pid, status));
	ck_assert(!hooks_reaped(&hooks, pid, status));
	return status;
}

static const char *file_text(const char *name)
{
	int fd = open(in_dir(name), O_RDONLY);
	const char *text = fd < 0 ? "" : read_text(fd);

	close(fd);
	return text;
}

static const char *said_by(const char *commands, bool ipparam)
{
	write_file("ip-down", 0700, "#!/bin/sh\nexec >%s/said\n%s\n", dir, commands);
	ck_assert_int_eq(hooks_run(&hooks, &link_7, ipparam), 0);
	ck_assert_uint_eq(hooks_count(&hooks), 1);
	ck_assert_int_eq(reap(), 0);
	ck_assert_uint_eq(hooks_count(&hooks), 0);
	return file_text("said");
}

/* Of that token's link, with its number in a variable. */
static int change(uint64_t token, uint64_t number)
{
	struct priv_change_hook m = { .token = token, .unit = 7, .local = 0x0a090001, .remote = 0x0a09000a,
				      .peer_addr = 0xc0000201 };

	script_vars_add_text(&m.vars, SCRIPT_VAR_FILTER_ID, "std ppp;id");
	script_vars_add_number(&m.vars, SCRIPT_VAR_RATE_UP, number);
	return hooks_change(&hooks, change_script, &m, true);
}

START_TEST(words)
{
	ck_assert_str_eq(said_by("printf '%s|' $# \"$@\"", true), "6|ppp7|-|0|10.9.0.1|10.9.0.10|192.0.2.1|");
	ck_assert_str_eq(said_by("printf '%s|' $# \"$@\"", false), "6|ppp7|-|0|10.9.0.1|10.9.0.10||");
}
END_TEST

START_TEST(environment)
{
	setenv("PACD_TEST_SECRET", "x", 1);
	ck_assert_str_eq(said_by("tr '\\0' '\\n' </proc/$$/environ", true),
			 "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
			 "PACD_REASON=crashed\nIFNAME=ppp7\nDEVICE=-\nSPEED=0\nIPLOCAL=10.9.0.1\nIPREMOTE=10.9.0.10\n"
			 "REMOTENUMBER=192.0.2.1\nPPP_IPPARAM=192.0.2.1\n");
	ck_assert_ptr_nonnull(strstr(said_by("tr '\\0' '\\n' </proc/$$/environ", false), "\nPPP_IPPARAM=\n"));
}
END_TEST

/* The largest values still fit. */
START_TEST(longest)
{
	const struct priv_down_hook m = { INT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX };
	const char *text;
	int fd;

	write_file("ip-down", 0700, "#!/bin/sh\nexec >%s/said\necho \"$* $IFNAME $REMOTENUMBER $PPP_IPPARAM\"\n", dir);
	ck_assert_int_eq(hooks_run(&hooks, &m, true), 0);
	ck_assert_int_eq(reap(), 0);
	fd = open(in_dir("said"), O_RDONLY);
	text = read_text(fd);
	ck_assert_str_eq(text, "ppp2147483647 - 0 255.255.255.255 255.255.255.255 255.255.255.255 ppp2147483647 "
			       "255.255.255.255 255.255.255.255\n");
	close(fd);
}
END_TEST

/* As under pppd: no terminal, a session of its own, "/", a closed umask, nothing of ours is open. */
START_TEST(surroundings)
{
	int extra = open("/dev/null", O_RDONLY); /* not close-on-exec */
	const char *text;
	unsigned pid, session;
	int tty;

	ck_assert_int_ge(extra, 3);
	text = said_by("cut -d ' ' -f 1,6,7 /proc/$$/stat; pwd; umask\n"
		       "for i in 0 2 3 4 5 6 7 8 9; do test -e /proc/$$/fd/$i && echo $i; done\n"
		       "readlink /proc/$$/fd/0", true);
	ck_assert_int_eq(sscanf(text, "%u %u %d", &pid, &session, &tty), 3);
	ck_assert_uint_eq(pid, session);
	ck_assert_int_eq(tty, 0);
	ck_assert_ptr_nonnull(strstr(text, "\n/\n0077\n0\n2\n/dev/null\n"));
	close(extra);
}
END_TEST

/* No script is no fault; one that others may change is never run. */
START_TEST(which_scripts)
{
	ck_assert_int_eq(hooks_run(&hooks, &link_7, true), 0);
	write_file("ip-down", 0600, "#!/bin/sh\n");
	ck_assert_int_eq(hooks_run(&hooks, &link_7, true), 0);
	chmod(script, 0720);
	ck_assert_int_eq(hooks_run(&hooks, &link_7, true), -EPERM);
	chmod(script, 0702);
	ck_assert_int_eq(hooks_run(&hooks, &link_7, true), -EPERM);
	chmod(script, 0700);
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(script, 1, 0), 0);
		ck_assert_int_eq(hooks_run(&hooks, &link_7, true), -EPERM);
	}
	unlink(script);
	ck_assert_int_eq(mkdir(script, 0700), 0);
	ck_assert_int_eq(hooks_run(&hooks, &link_7, true), 0);
	ck_assert_uint_eq(hooks_count(&hooks), 0);
}
END_TEST

/* The rest waits its turn, and none is lost but those over the bound. */
START_TEST(bounded)
{
	write_file("ip-down", 0700, "#!/bin/sh\nread line <%s/gate\necho x >>%s/said\n", dir, dir);
	ck_assert_int_eq(mkfifo(in_dir("gate"), 0600), 0);
	for (unsigned i = 0; i < HOOKS_RUNNING + HOOKS_WAITING; i++)
		ck_assert_int_eq(hooks_run(&hooks, &link_7, true), 0);
	ck_assert_int_eq(hooks_run(&hooks, &link_7, true), -ENOBUFS);
	ck_assert_uint_eq(hooks.nrunning, HOOKS_RUNNING);
	ck_assert_uint_eq(hooks_count(&hooks), HOOKS_RUNNING + HOOKS_WAITING);
	hooks_kill(&hooks);
	ck_assert_uint_eq(hooks_count(&hooks), HOOKS_RUNNING);
	while (hooks_count(&hooks))
		ck_assert(WIFSIGNALED(reap()));
	ck_assert_int_eq(access(in_dir("said"), F_OK), -1);
}
END_TEST

START_TEST(waiting_ones_have_their_turn)
{
	const unsigned n = HOOKS_RUNNING + 3;
	unsigned reaped = 0;
	struct stat st;

	write_file("ip-down", 0700, "#!/bin/sh\nprintf x >>%s/said\n", dir);
	for (unsigned i = 0; i < n; i++)
		ck_assert_int_eq(hooks_run(&hooks, &link_7, true), 0);
	ck_assert_uint_eq(hooks.nwaiting, 3);
	for (; hooks_count(&hooks); reaped++) {
		ck_assert_uint_le(hooks.nrunning, HOOKS_RUNNING);
		reap();
	}
	ck_assert_uint_eq(reaped, n);
	ck_assert_int_eq(stat(in_dir("said"), &st), 0);
	ck_assert_int_eq(st.st_size, n);
}
END_TEST

/* With what it started: that holds the pipe open. */
START_TEST(over_its_time)
{
	struct mono begin = mono_now(), due;
	int gate, status;
	char octets[8];

	write_file("ip-down", 0700, "#!/bin/sh\nexec >%s/gate\necho up\nsleep 1000 &\nsleep 1000\n", dir);
	ck_assert_int_eq(mkfifo(in_dir("gate"), 0600), 0);
	gate = open(in_dir("gate"), O_RDONLY | O_NONBLOCK);
	ck_assert(!mono_is_set(hooks_due(&hooks, begin)));
	ck_assert_int_eq(hooks_run(&hooks, &link_7, true), 0);
	ck_assert(readable(gate)); /* it is that far */
	due = hooks_due(&hooks, mono_now());
	ck_assert_int_ge(mono_diff_us(due, begin), HOOK_S * 1000000ll);
	ck_assert_int_le(mono_diff_us(due, begin), HOOK_S * 1000000ll + 20000000);
	ck_assert(mono_is_set(hooks_due(&hooks, mono_add_us(due, -1))));
	ck_assert(!mono_is_set(hooks_due(&hooks, due)));
	status = reap();
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	ck_assert_int_eq(read(gate, octets, sizeof octets), 3);
	ck_assert(readable(gate));
	ck_assert_int_eq(read(gate, octets, sizeof octets), 0); /* nobody holds it any more */
	close(gate);
}
END_TEST

/* --- change scripts --- */

START_TEST(change_words_and_environment)
{
	write_file("change", 0700,
		   "#!/bin/sh\nexec >%s/said\nprintf '%%s|' $# \"$@\"\ntr '\\0' '\\n' </proc/$$/environ\n", dir);
	setenv("PACD_TEST_SECRET", "x", 1);
	ck_assert_int_eq(change(1, 64000), 0);
	ck_assert_uint_eq(hooks_count(&hooks), 1);
	ck_assert_int_eq(reap(), 0);
	ck_assert_str_eq(file_text("said"),
			 "6|ppp7|-|0|10.9.0.1|10.9.0.10|192.0.2.1|"
			 "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
			 "PACD_REASON=change\nIFNAME=ppp7\nDEVICE=-\nSPEED=0\nIPLOCAL=10.9.0.1\nIPREMOTE=10.9.0.10\n"
			 "REMOTENUMBER=192.0.2.1\nPPP_IPPARAM=192.0.2.1\nPACD_FILTER_ID=std ppp;id\n"
			 "PACD_RATE_UP=64000\n");
}
END_TEST

/* All variables at their longest. */
START_TEST(change_longest)
{
	struct priv_change_hook m = { .token = 1, .unit = INT32_MAX, .local = UINT32_MAX, .remote = UINT32_MAX,
				      .peer_addr = UINT32_MAX };
	char text[SCRIPT_VAR_MAX], line[400];
	const char *said;

	memset(text, 'x', sizeof text);
	text[SCRIPT_VAR_MAX - 1] = 'E';
	for (unsigned i = 0; i < SCRIPT_VAR_COUNT; i++)
		script_vars_add(&m.vars, (enum script_var)i, text, sizeof text);
	write_file("change", 0700, "#!/bin/sh\ntr '\\0' '\\n' </proc/$$/environ >%s/said\n", dir);
	ck_assert_int_eq(hooks_change(&hooks, change_script, &m, false), 0);
	ck_assert_int_eq(reap(), 0);
	said = file_text("said");
	for (unsigned i = 0; i < SCRIPT_VAR_COUNT; i++) {
		snprintf(line, sizeof line, "\n%s=%.*s\n", script_var_name((enum script_var)i), SCRIPT_VAR_MAX, text);
		ck_assert_ptr_nonnull(strstr(said, line));
	}
	ck_assert_ptr_nonnull(strstr(said, "\nPPP_IPPARAM=\n"));
}
END_TEST

START_TEST(which_change_scripts)
{
	ck_assert_int_eq(change(1, 1), -ENOENT);
	write_file("change", 0600, "#!/bin/sh\n");
	ck_assert_int_eq(change(1, 1), -ENOENT);
	chmod(change_script, 0720);
	ck_assert_int_eq(change(1, 1), -EPERM);
	chmod(change_script, 0702);
	ck_assert_int_eq(change(1, 1), -EPERM);
	if (geteuid() == 0) {
		chmod(change_script, 0700);
		ck_assert_int_eq(chown(change_script, 1, 0), 0);
		ck_assert_int_eq(change(1, 1), -EPERM);
	}
	ck_assert_uint_eq(hooks_count(&hooks), 0);
}
END_TEST

/* A script that waits for a line from the gate. */
static void write_gated(const char *name)
{
	write_file(name, 0700, "#!/bin/sh\nread line <%s/gate\necho \"$PACD_RATE_UP$PACD_REASON\" >>%s/said\n", dir,
		   dir);
	if (access(in_dir("gate"), F_OK) < 0)
		ck_assert_int_eq(mkfifo(in_dir("gate"), 0600), 0);
}

/* A line for each of those that run and wait, until nothing is left. */
static void run_all(void)
{
	int gate = open(in_dir("gate"), O_RDWR);

	while (hooks_count(&hooks)) {
		ck_assert_int_eq(write(gate, "\n", 1), 1);
		reap();
	}
	close(gate);
}

/* The newest of those that wait is the one that runs; another link's is not held up. */
START_TEST(one_change_at_a_time)
{
	write_gated("change");
	ck_assert_int_eq(change(1, 1), 0);
	for (uint64_t number = 2; number < 10; number++)
		ck_assert_int_eq(change(1, number), 0);
	ck_assert_uint_eq(hooks.nrunning, 1);
	ck_assert_uint_eq(hooks.nchanging, 1);
	ck_assert_uint_eq(hooks_count(&hooks), 2);
	ck_assert_int_eq(change(2, 100), 0);
	ck_assert_uint_eq(hooks.nrunning, 2);
	hooks_kill(&hooks); /* the two that run */
	ck_assert_uint_eq(hooks_count(&hooks), 2);
	reap();
	reap();
	ck_assert_int_eq(change(1, 1), 0);
	ck_assert_int_eq(change(1, 2), 0);
	ck_assert_int_eq(change(1, 3), 0);
	run_all();
	ck_assert_str_eq(file_text("said"), "1change\n3change\n");
}
END_TEST

/* Another link's end makes room, but not for a link that is busy. */
START_TEST(busy_link_waits)
{
	write_file("change", 0700, "#!/bin/sh\ntest $PACD_RATE_UP = 0 && exit\nread line <%s/gate\n", dir);
	ck_assert_int_eq(mkfifo(in_dir("gate"), 0600), 0);
	ck_assert_int_eq(change(1, 1), 0);
	ck_assert_int_eq(change(1, 2), 0);
	ck_assert_int_eq(change(2, 0), 0);
	ck_assert_int_eq(reap(), 0); /* the second link's */
	ck_assert_uint_eq(hooks.nrunning, 1);
	ck_assert_uint_eq(hooks.nchanging, 1);
	run_all();
}
END_TEST

/* Of the link that is gone nothing starts any more, and what runs is killed; another link's is left alone. */
START_TEST(change_of_an_ended_link)
{
	int status;

	write_gated("change");
	ck_assert_int_eq(change(1, 1), 0);
	ck_assert_int_eq(change(1, 2), 0);
	hooks_forget(&hooks, 2);
	ck_assert_uint_eq(hooks_count(&hooks), 2);
	hooks_forget(&hooks, 1);
	ck_assert_uint_eq(hooks_count(&hooks), 1); /* until it is reaped */
	hooks_forget(&hooks, 1);
	ck_assert_int_eq(change(3, 3), 0);
	status = reap();
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	run_all();
	ck_assert_str_eq(file_text("said"), "3change\n");
}
END_TEST

/* With what it started: that holds the pipe open.  A down script has no token, and goes on. */
START_TEST(ended_link_takes_the_whole_group)
{
	int gate, status;
	char octets[8];

	write_gated("ip-down");
	ck_assert_int_eq(hooks_run(&hooks, &link_7, true), 0);
	write_file("change", 0700, "#!/bin/sh\nexec >%s/held\necho up\nsleep 1000 &\nsleep 1000\n", dir);
	ck_assert_int_eq(mkfifo(in_dir("held"), 0600), 0);
	gate = open(in_dir("held"), O_RDONLY | O_NONBLOCK);
	ck_assert_int_eq(change(0, 1), 0);
	ck_assert(readable(gate)); /* it is that far */
	hooks_forget(&hooks, 0);
	status = reap();
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	ck_assert_int_eq(read(gate, octets, sizeof octets), 3);
	ck_assert(readable(gate));
	ck_assert_int_eq(read(gate, octets, sizeof octets), 0); /* nobody holds it any more */
	close(gate);
	ck_assert_uint_eq(hooks_count(&hooks), 1);
	run_all();
	ck_assert_str_eq(file_text("said"), "crashed\n");
}
END_TEST

static void fill_up(void)
{
	for (uint64_t token = 0; token < HOOKS_RUNNING; token++)
		ck_assert_int_eq(change(token, token), 0);
	ck_assert_uint_eq(hooks.nrunning, HOOKS_RUNNING);
}

START_TEST(changes_are_bounded)
{
	write_gated("change");
	fill_up();
	for (uint64_t token = 0; token < HOOKS_CHANGING; token++)
		ck_assert_int_eq(change(token, 1000), 0); /* some behind one that runs, some behind all */
	ck_assert_uint_eq(hooks.nrunning, HOOKS_RUNNING);
	ck_assert_uint_eq(hooks.nchanging, HOOKS_CHANGING);
	ck_assert_int_eq(change(HOOKS_CHANGING, 1), -ENOBUFS);
	ck_assert_int_eq(change(HOOKS_CHANGING - 1, 1), 0); /* in another's place */
	write_file("ip-down", 0700, "#!/bin/sh\n");
	ck_assert_int_eq(hooks_run(&hooks, &link_7, true), 0); /* changes take no down script's room */
	hooks_kill(&hooks);
	ck_assert_uint_eq(hooks_count(&hooks), HOOKS_RUNNING);
	while (hooks_count(&hooks))
		ck_assert(WIFSIGNALED(reap()));
}
END_TEST

/* The first place that is free is the down script's; and a replaced change keeps its turn. */
START_TEST(turns)
{
	const char *said;
	unsigned reaped;

	write_gated("change");
	fill_up();
	ck_assert_int_eq(change(500, 500), 0);
	ck_assert_int_eq(change(501, 501), 0);
	ck_assert_int_eq(change(500, 502), 0);
	write_gated("ip-down");
	ck_assert_int_eq(hooks_run(&hooks, &link_7, true), 0);
	ck_assert_uint_eq(hooks.nwaiting, 1);
	hooks_due(&hooks, mono_add_s(mono_now(), HOOK_S + 1)); /* kills all that run */
	for (reaped = 0; hooks.nwaiting; reaped++)
		reap();
	ck_assert_uint_eq(reaped, 1);
	ck_assert_uint_eq(hooks.nchanging, 2);
	reap();
	ck_assert_uint_eq(hooks.nchanging, 1);
	for (reaped = 2; reaped < HOOKS_RUNNING; reaped++)
		reap();
	ck_assert_uint_eq(hooks.nchanging, 0);
	ck_assert_uint_eq(hooks.nrunning, 3);
	run_all();
	said = file_text("said");
	ck_assert_ptr_nonnull(strstr(said, "crashed\n"));
	ck_assert_ptr_nonnull(strstr(said, "501change\n"));
	ck_assert_ptr_nonnull(strstr(said, "502change\n"));
	ck_assert_ptr_null(strstr(said, "500change\n"));
}
END_TEST

/* It is judged again when its turn comes, which may be much later. */
START_TEST(judged_when_it_starts)
{
	write_gated("change");
	ck_assert_int_eq(change(1, 1), 0);
	ck_assert_int_eq(change(1, 2), 0);
	chmod(change_script, 0722);
	run_all();
	ck_assert_str_eq(file_text("said"), "1change\n");
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { words, environment, longest, surroundings, which_scripts, bounded,
				       waiting_ones_have_their_turn, over_its_time, change_words_and_environment,
				       change_longest, which_change_scripts, one_change_at_a_time,
				       busy_link_waits, change_of_an_ended_link, ended_link_takes_the_whole_group,
				       changes_are_bounded, turns, judged_when_it_starts, NULL };
	Suite *s = suite_create("priv_hook");
	TCase *tc = tcase_create("hook");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	for (const TTest *const *t = tests; *t; t++)
		tcase_add_test(tc, *t);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
