/*
 * priv/pppd: what a pppd finds when it starts, shown by a shell script in its
 * place; the table of tokens; exits (SEC-08, SEC-03).
 */
#include "test/unit/unit_priv.h"

#include "common/seqmsg.h"
#include "pacd/priv/pppd.h"
#include "pacd/priv/priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

static struct pppd_table table;
static struct conf_pool pool;
static struct conf c;
static char program[128];

static void setup(void)
{
	static char plugin[] = "/nowhere/pacd.so";

	dir_setup();
	snprintf(program, sizeof program, "%s", in_dir("pppd"));
	pool.local = 0x0a000001;
	c.pools = &pool;
	c.npools = 1;
	c.ppp = (struct conf_ppp){ .pppd = program, .plugin = plugin, .mtu = 1400, .auth = CONF_AUTH_MSCHAPV2 };
	pppd_init(&table);
}

static void teardown(void)
{
	pppd_clear(&table);
	dir_teardown();
}

static struct pppd_ends start(uint64_t token)
{
	struct pppd_ends ends;

	ck_assert_int_eq(pppd_start(&table, &c, token, 0xc0000201, &ends), 0);
	return ends;
}

/* Waits for the one with that pid, and checks that the table knows whose it was. */
static int reap(pid_t pid, uint64_t token)
{
	uint64_t found;
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(pppd_reaped(&table, pid, &found));
	ck_assert(found == token);
	return status;
}

/* What the script says on fd 2, and that it ended well. */
static const char *said_by(const char *script)
{
	struct pppd_ends ends;
	const char *text;
	int status;

	write_file("pppd", 0700, "#!/bin/sh\n%s\n", script);
	ends = start(1);
	text = read_text(ends.log);
	status = reap(ends.pid, 1);
	ck_assert_msg(status == 0, "status %d: %s", status, text);
	return text;
}

START_TEST(arguments_are_those_of_the_configuration)
{
	const char *text = said_by("echo \"$# $1 $2\" >&2; shift $(($# - 6)); echo \"$*\" >&2");

	ck_assert_ptr_nonnull(strstr(text, " 115200 local\n"));
	ck_assert_ptr_nonnull(strstr(text, "noipv6 10.0.0.1: remotenumber 192.0.2.1 plugin /nowhere/pacd.so\n"));
}
END_TEST

START_TEST(environment_is_clean)
{
	setenv("PACD_TEST_SECRET", "x", 1);
	setenv("LD_PRELOAD_", "x", 1);
	ck_assert_str_eq(said_by("tr '\\0' '\\n' < /proc/$$/environ >&2"),
			 "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n");
}
END_TEST

/* Those from 10 on are the shell's own. */
START_TEST(descriptors_are_0_to_3)
{
	int extra = open("/dev/null", O_RDONLY); /* not close-on-exec */

	ck_assert_int_ge(extra, 0);
	ck_assert_str_eq(said_by("for i in 0 1 2 3 4 5 6 7 8 9; do test -e /proc/$$/fd/$i && echo $i >&2; done\n"
				 "test -t 0 && test ! -t 2 || echo tty >&2"), "0\n1\n2\n3\n");
	close(extra);
}
END_TEST

/* A process group of its own in the session of the daemon, without a terminal. */
START_TEST(no_session_leader)
{
	unsigned pid, pgrp, session;
	int tty;

	const char *text = said_by("cut -d ' ' -f 1,5,6,7 /proc/$$/stat >&2");

	ck_assert_int_eq(sscanf(text, "%u %u %u %d", &pid, &pgrp, &session, &tty), 4);
	ck_assert_uint_eq(pgrp, pid);
	ck_assert_uint_eq(session, (unsigned)getsid(0));
	ck_assert_uint_ne(session, pid);
}
END_TEST

START_TEST(signals_and_places_are_plain)
{
	unsigned long long blocked, ignored;
	sigset_t block;
	const char *text;

	sigfillset(&block);
	sigprocmask(SIG_BLOCK, &block, NULL);
	signal(SIGPIPE, SIG_IGN);
	text = said_by("pwd >&2; umask >&2; ulimit -n >&2; exec grep -E 'Sig(Blk|Ign)' /proc/self/status >&2");
	ck_assert_ptr_nonnull(strstr(text, "/\n0022\n"));
	text = strstr(text, "SigBlk:");
	ck_assert_ptr_nonnull(text);
	ck_assert_int_eq(sscanf(text, "SigBlk: %llx SigIgn: %llx", &blocked, &ignored), 2);
	ck_assert_uint_eq(blocked, 0);
	/* 32 and 33 are the C library's own: it lets nobody touch them, and some test runners ignore them. */
	ck_assert_uint_eq(ignored & ~(3ull << 31), 0);
}
END_TEST

/* It holds keys: the root part's own limit is its limit, and it can't raise it. */
START_TEST(leaves_no_core)
{
	priv_keep_memory();
	ck_assert_str_eq(said_by("ulimit -Sc >&2; ulimit -Hc >&2"), "0\n0\n");
}
END_TEST

/* Every octet value goes through the pty as it is, both ways, even what came before the program read. */
START_TEST(pty_is_raw)
{
	uint8_t all[256], back[256];
	struct pppd_ends ends;
	size_t got = 0;

	for (int i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	write_file("pppd", 0700, "#!/bin/sh\nexec cat >&0\n");
	ends = start(1);
	ck_assert(fcntl(ends.pty, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(ends.log, F_GETFL) & O_NONBLOCK);
	ck_assert_int_eq(write(ends.pty, all, sizeof all), sizeof all);
	while (got < sizeof back && readable(ends.pty)) {
		ssize_t n = read(ends.pty, back + got, sizeof back - got);

		ck_assert_int_gt(n, 0);
		got += (size_t)n;
	}
	ck_assert_mem_eq(back, all, sizeof all);
	/* The master's end is a hang-up, which is how a call ends whose peer is gone. */
	close(ends.pty);
	ck_assert(WIFEXITED(reap(ends.pid, 1)));
}
END_TEST

START_TEST(plugin_socket_reaches)
{
	struct seqmsg m;
	struct pppd_ends ends;

	write_file("pppd", 0700, "#!/bin/sh\nprintf hello >&3\n");
	ends = start(1);
	ck_assert(readable(ends.plugin));
	ck_assert_int_eq(seqmsg_recv(ends.plugin, &m), 0);
	ck_assert_uint_eq(m.len, 5);
	ck_assert_mem_eq(m.data, "hello", 5);
	reap(ends.pid, 1);
	ck_assert_int_eq(seqmsg_recv(ends.plugin, &m), -EPIPE); /* no copy of its end is left with us */
}
END_TEST

START_TEST(exit_status_and_token)
{
	struct pppd_ends ends;
	uint64_t token;
	int status;

	write_file("pppd", 0700, "#!/bin/sh\nexit 16\n");
	ends = start(UINT64_MAX);
	ck_assert_uint_eq(pppd_count(&table), 1);
	ck_assert(!pppd_reaped(&table, getpid(), &token));
	status = reap(ends.pid, UINT64_MAX);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 16);
	ck_assert_uint_eq(pppd_count(&table), 0);
	ck_assert(!pppd_reaped(&table, ends.pid, &token));
}
END_TEST

START_TEST(not_executable_is_said)
{
	struct pppd_ends ends = start(7);
	const char *text = read_text(ends.log);
	int status = reap(ends.pid, 7);

	ck_assert_ptr_nonnull(strstr(text, program));
	ck_assert_ptr_nonnull(strstr(text, "No such file"));
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 127);
}
END_TEST

START_TEST(tokens_are_unique_and_signals_find_theirs)
{
	struct pppd_ends a, b, none;
	int status;

	write_file("pppd", 0700, "#!/bin/sh\necho up >&2\nexec cat\n");
	a = start(1);
	ck_assert(readable(a.log)); /* it is past its start, in which it is still a copy of this program */
	b = start(2);
	ck_assert_int_eq(pppd_start(&table, &c, 1, 0, &none), -EEXIST);
	ck_assert_uint_eq(pppd_count(&table), 2);
	pppd_signal(&table, 3, SIGKILL); /* nobody */
	pppd_signal(&table, 2, SIGKILL);
	status = reap(b.pid, 2);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	ck_assert_int_eq(waitpid(a.pid, &status, WNOHANG), 0);
	pppd_signal(&table, 2, SIGKILL); /* gone: no stranger is hit */
	pppd_signal_all(&table, SIGTERM);
	status = reap(a.pid, 1);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}
END_TEST

/* The first that is named, with the caller's address of the start. */
START_TEST(one_link_for_each_token)
{
	const struct pppd_link first = { 7, 0x0a000001, 0x0a000002, 0xc0000201 };
	struct pppd_link other = first;
	struct pppd_ends ends;

	write_file("pppd", 0700, "#!/bin/sh\nexit 0\n");
	ends = start(1);
	ck_assert(!pppd_has_link(&table, 2, &first));
	other.peer_addr = 0;
	ck_assert(!pppd_has_link(&table, 1, &other));
	ck_assert(pppd_has_link(&table, 1, &first));
	for (int i = 0; i < 4; i++) {
		uint32_t *const fields[] = { &other.unit, &other.local, &other.remote, &other.peer_addr };

		other = first;
		++*fields[i];
		ck_assert(!pppd_has_link(&table, 1, &other));
		ck_assert(pppd_has_link(&table, 1, &first));
	}
	reap(ends.pid, 1);
	ck_assert(!pppd_has_link(&table, 1, &first));
	ends = start(1); /* another pppd */
	other = first;
	other.unit++;
	ck_assert(pppd_has_link(&table, 1, &other));
	reap(ends.pid, 1);
}
END_TEST

START_TEST(nothing_is_left_behind)
{
	int before = open("/dev/null", O_RDONLY | O_CLOEXEC), after;

	close(before);
	write_file("pppd", 0700, "#!/bin/sh\nexit 0\n");
	for (uint64_t token = 0; token < 100; token++) {
		struct pppd_ends ends = start(token);

		close(ends.pty);
		close(ends.plugin);
		close(ends.log);
		reap(ends.pid, token);
	}
	c.npools = 0; /* no local address: no arguments */
	ck_assert_int_eq(pppd_start(&table, &c, 1, 0, &(struct pppd_ends){ 0 }), -EINVAL);
	after = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(after, before);
	close(after);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = {
		arguments_are_those_of_the_configuration, environment_is_clean, descriptors_are_0_to_3,
		no_session_leader, signals_and_places_are_plain, leaves_no_core, pty_is_raw, plugin_socket_reaches,
		exit_status_and_token,
		not_executable_is_said, tokens_are_unique_and_signals_find_theirs, one_link_for_each_token,
		nothing_is_left_behind, NULL,
	};
	Suite *s = suite_create("pppd");
	TCase *tc = tcase_create("pppd");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	for (const TTest *const *t = tests; *t; t++)
		tcase_add_test(tc, *t);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
