/*
 * priv/check_capacity: how many descriptors main can need, and that it gets them,
 * also when it runs already (SEC-07).
 */
#include "test/unit/unit_priv.h"

#include "pacd/priv/check.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static char name[] = "pacd.conf";

static struct conf settings(void)
{
	return (struct conf){ .file = name, .max_channels = 10, .nlisten = 2, .workers = 3,
			      .limits = { .connections = 50 } };
}

/* RAD-09: two sockets for each 256 requests, at each server that is asked for logins, and for accounting. */
static void check_radius(unsigned long base)
{
	struct conf_radius_server one = { .port = 1812, .acct_port = 1813 };
	struct conf c = settings();

	c.radius = (struct conf_radius){ .servers = &one, .nservers = 1, .outstanding = 1024 };
	ck_assert_uint_eq(check_files_needed(&c), base + 2 * 8);
	c.radius.outstanding = 1025;
	ck_assert_uint_eq(check_files_needed(&c), base + 2 * 10);
	one.acct_port = 0;
	c.radius.das.nlisten = 3;
	ck_assert_uint_eq(check_files_needed(&c), base + 10 + 3);
}

/* Each of them has its descriptors in the sum. */
START_TEST(sum)
{
	static struct conf_radius_server servers[CONF_RADIUS_SERVERS_MAX];
	struct conf c = settings();
	unsigned long base = check_files_needed(&c);

	/* 3 for each pppd, of which there may be 2 a channel and 16 more; the rest is to spare */
	ck_assert_uint_ge(base, 3 * (2 * 10 + 16) + 50 + 2 + 3 * 3 + 128);
	c.max_channels++;
	ck_assert_uint_eq(check_files_needed(&c), base + 6);
	c.limits.connections++;
	ck_assert_uint_eq(check_files_needed(&c), base + 7);
	c.nlisten++;
	ck_assert_uint_eq(check_files_needed(&c), base + 8);
	c.workers++;
	ck_assert_uint_gt(check_files_needed(&c), base + 8);
	check_radius(base);
	/* The unit's LimitNOFILE is enough for all that one may set in max_channels. */
	memset(servers, 0, sizeof servers);
	for (size_t i = 0; i < CONF_RADIUS_SERVERS_MAX; i++)
		servers[i].port = servers[i].acct_port = 1;
	c.radius = (struct conf_radius){ .servers = servers, .nservers = CONF_RADIUS_SERVERS_MAX, .outstanding = 65536,
					 .das.nlisten = CONF_DAS_LISTEN_MAX };
	c.max_channels = 65535;
	c.limits.connections = 65535 + 512;
	c.workers = 64;
	ck_assert_uint_le(check_files_needed(&c), 524288);
}
END_TEST

static void set_limit(pid_t pid, rlim_t files)
{
	struct rlimit l;

	ck_assert_int_eq(prlimit(pid, RLIMIT_NOFILE, NULL, &l), 0);
	l.rlim_cur = files;
	ck_assert_int_eq(prlimit(pid, RLIMIT_NOFILE, &l, NULL), 0);
}

static rlim_t limit(pid_t pid)
{
	struct rlimit l;

	ck_assert_int_eq(prlimit(pid, RLIMIT_NOFILE, NULL, &l), 0);
	return l.rlim_cur;
}

START_TEST(both_are_raised)
{
	struct conf c = settings();
	struct conf_errors errors;
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	conf_errors_init(&errors);
	set_limit(pid, 64);
	set_limit(0, 64);
	check_files(&c, pid, &errors);
	ck_assert_uint_eq(errors.n, 0);
	ck_assert_uint_eq(limit(0), check_files_needed(&c));
	ck_assert_uint_eq(limit(pid), check_files_needed(&c));
	/* What is enough stays as it is. */
	set_limit(pid, limit(pid) + 1);
	check_files(&c, pid, &errors);
	ck_assert_uint_eq(limit(pid), check_files_needed(&c) + 1);
	ck_assert_uint_eq(limit(0), check_files_needed(&c));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
END_TEST

/* Of another user's process root may need a further right, and does without: that one began with the hard limit. */
START_TEST(main_is_somebody_else)
{
	struct conf c = settings();
	struct conf_errors errors;
	int ready[2];
	char octet;
	pid_t pid;

	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
			_exit(1);
		if (write(ready[1], "", 1) == 1)
			for (;;)
				pause();
	}
	ck_assert_int_eq(read(ready[0], &octet, 1), 1);
	conf_errors_init(&errors);
	set_limit(0, 64);
	check_files(&c, pid, &errors);
	ck_assert_uint_eq(errors.n, 0);
	ck_assert_uint_eq(limit(0), check_files_needed(&c));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
END_TEST

START_TEST(ours_alone)
{
	struct conf c = settings();
	struct conf_errors errors;

	conf_errors_init(&errors);
	set_limit(0, 64);
	check_files(&c, 0, &errors);
	ck_assert_uint_eq(errors.n, 0);
	ck_assert_uint_eq(limit(0), check_files_needed(&c));
}
END_TEST

/* More than the kernel gives anyone: an error that says so, and nothing is changed. */
START_TEST(too_many)
{
	struct conf c = settings();
	struct conf_errors errors;
	rlim_t before = limit(0);

	c.limits.connections = 2000000000;
	conf_errors_init(&errors);
	check_files(&c, 0, &errors);
	ck_assert_uint_eq(errors.n, 1);
	ck_assert_ptr_nonnull(strstr(errors.list[0], "max_channels: 10 calls and 2000000000 control connections"));
	ck_assert_ptr_nonnull(strstr(errors.list[0], "RLIMIT_NOFILE"));
	ck_assert_uint_eq(limit(0), before);
	conf_errors_clear(&errors);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("priv_check");

	UNIT_CASE(s, "files", sum, both_are_raised, main_is_somebody_else, ours_alone, too_many);
	return s;
}

UNIT_MAIN(suite)
