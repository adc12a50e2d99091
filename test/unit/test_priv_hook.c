/*
 * priv/hook: what the down script gets, how many run at once, and the end of one
 * that does not end (SEC-03, SEC-08).
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
static char script[128];

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

static const char *said_by(const char *commands, bool ipparam)
{
	int fd;
	const char *text;

	write_file("ip-down", 0700, "#!/bin/sh\nexec >%s/said\n%s\n", dir, commands);
	ck_assert_int_eq(hooks_run(&hooks, &link_7, ipparam), 0);
	ck_assert_uint_eq(hooks_count(&hooks), 1);
	ck_assert_int_eq(reap(), 0);
	ck_assert_uint_eq(hooks_count(&hooks), 0);
	fd = open(in_dir("said"), O_RDONLY);
	text = read_text(fd);
	close(fd);
	return text;
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

static Suite *suite(void)
{
	const TTest *const tests[] = { words, environment, longest, surroundings, which_scripts, bounded,
				       waiting_ones_have_their_turn, over_its_time, NULL };
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
