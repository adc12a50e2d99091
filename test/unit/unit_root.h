/*
 * For the tests of the root part's loop: it runs in a process of its own, and the
 * test is in main's place.
 */
#ifndef PACD_TEST_UNIT_ROOT_H
#define PACD_TEST_UNIT_ROOT_H

#include "test/unit/unit_priv.h"

#include "common/log.h"
#include "common/seqmsg.h"
#include "pacd/priv/root.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/wait.h>

static unsigned port;
static const char *log_target = "stderr", *ppp_check = "false";
static const char *pppd_script = "exec sleep 1000"; /* the pty's end does not end it */
static pid_t server;
static int fd = -1, ready_fd = -1; /* main's end; who waits for the start */
static struct seqmsg raw;          /* the last message */
static struct priv_msg m;

/* As a whole: the root part may be reading it. */
static inline void write_conf(const char *more)
{
	write_file("pacd.conf.new", 0600,
		   "listen = [ \"127.0.0.1:%u\" ];\n"
		   "user = \"nobody\";\n"
		   "control_socket = \"%s/run/control\";\n"
		   "control_owner = \"%s\"; control_group = \"%s\"; control_mode = \"0640\";\n"
		   "max_channels = 4;\n"
		   "log = { target = \"%s\"; level = \"error\"; };\n"
		   "aaa = { method = \"local\"; users = \"%s/users\"; };\n"
		   "ppp = { pppd = \"%s/pppd\"; plugin = \"%s/pacd.so\"; check = %s; };\n"
		   "pools = ( { name = \"main\"; local = \"10.9.0.1\"; ranges = [ \"10.9.0.10-20\" ]; } );\n%s\n",
		   port, dir, getpwuid(geteuid())->pw_name, getgrgid(getegid())->gr_name, log_target, dir, dir, dir,
		   ppp_check, more);
	ck_assert_int_eq(rename(in_dir("pacd.conf.new"), in_dir("pacd.conf")), 0);
}

/* --- the root part, in the child --- */

/* What it logs is for the tests that look into the file. */
static inline void log_to_file(void)
{
	int log = open(in_dir("log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	dup2(log, STDERR_FILENO);
	close(log);
}

static inline _Noreturn void serve(int end, int ready)
{
	char conf_file[128], script[128], locks[128];
	struct conf_errors errors;
	struct priv_files files;
	struct root r;
	int code = 99;

	snprintf(conf_file, sizeof conf_file, "%s", in_dir("pacd.conf"));
	snprintf(script, sizeof script, "%s", in_dir("ip-down"));
	snprintf(locks, sizeof locks, "%s", in_dir("locks"));
	log_open("pacd", LOG_TO_STDERR, LOG_LEVEL_ERROR);
	conf_errors_init(&errors);
	if (priv_files_load(&files, conf_file, &errors) < 0)
		fprintf(stderr, "%s\n", conf_errors_join(&errors));
	else if (root_init(&r, conf_file, end) == 0) {
		r.ready_fd = ready;
		r.hooks.script = script;
		r.locks.folder = locks;
		log_to_file();
		root_offer(&r, &files);
		code = root_serve(&r);
		root_clear(&r);
	}
	conf_errors_clear(&errors);
	exit(code);
}

static inline void root_setup(void)
{
	int fds[2], ready[2];

	dir_setup();
	port = free_port();
	write_file("users", 0600, "users = ( { name = \"alice\"; secret = \"wonder\"; } );\n");
	write_file("pppd", 0700, "#!/bin/sh\n%s\n", pppd_script);
	write_file("pacd.so", 0600, "x");
	write_conf("");
	ck_assert_int_eq(seqmsg_pair(fds), 0);
	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	server = fork();
	if (server == 0) {
		close(fds[0]);
		close(ready[0]);
		serve(fds[1], ready[1]);
	}
	close(fds[1]);
	close(ready[1]);
	fd = fds[0];
	ready_fd = ready[0];
}

static inline void root_teardown(void)
{
	kill(server, SIGKILL);
	dir_teardown();
}

/* --- main, in the test --- */

static inline void ask(struct priv_msg question)
{
	uint8_t data[PRIV_MSG_MAX];
	size_t len = priv_encode(data, sizeof data, &question);

	ck_assert_int_eq(seqmsg_send(fd, data, len, NULL, 0), 0);
}

/* The next message, which must be of that type and have all its descriptors. */
static inline void expect(uint8_t type)
{
	seqmsg_clear(&raw);
	ck_assert_msg(readable(fd), "nothing came, type %d was expected", type);
	ck_assert_int_eq(seqmsg_recv(fd, &raw), 0);
	ck_assert_int_eq(priv_decode(&m, raw.data, raw.len), 0);
	ck_assert_int_eq(m.type, type);
	ck_assert_uint_eq(raw.nfds, priv_fds(&m));
}

static inline void expect_end(int code)
{
	int status;

	ck_assert(readable(fd));
	ck_assert_int_eq(seqmsg_recv(fd, &raw), -EPIPE);
	close(fd);
	ck_assert_int_eq(waitpid(server, &status, 0), server);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), code);
}

static inline void taken(uint32_t generation, uint8_t yes)
{
	ask((struct priv_msg){ .type = PRIV_CONF_TAKEN, .conf_taken = { generation, yes } });
}

static inline void take_first(void)
{
	expect(PRIV_CONF);
	taken(1, 1);
}

static inline void take_first_and_serve(void)
{
	take_first();
	ask((struct priv_msg){ .type = PRIV_READY });
}

/* The error that comes back; the socket stays in `raw`. */
static inline int opened(uint32_t generation, enum priv_socket socket, unsigned index)
{
	ask((struct priv_msg){ .type = PRIV_OPEN, .open = { generation, (uint8_t)socket, (uint16_t)index } });
	expect(PRIV_OPENED);
	ck_assert_int_eq(m.opened.socket, socket);
	ck_assert_uint_eq(m.opened.index, index);
	return m.opened.error;
}

static inline int started(uint32_t generation, uint64_t token)
{
	ask((struct priv_msg){ .type = PRIV_START_PPPD, .start_pppd = { generation, token, 0xc0000201 } });
	expect(PRIV_STARTED);
	ck_assert(m.started.token == token);
	return m.started.error;
}

static inline bool exists(const char *name)
{
	struct stat st;

	return lstat(in_dir(name), &st) == 0;
}

/* A loop test for `n` values of _i. */
static inline void root_loop(Suite *s, const char *name, const TTest *test, int n)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, root_setup, root_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test, 0, n);
	suite_add_tcase(s, tc);
}

/* The test functions of one case; the list ends with NULL. */
static inline void root_case(Suite *s, const char *name, const TTest *const *tests)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, root_setup, root_teardown);
	tcase_set_timeout(tc, 60);
	for (; *tests; tests++)
		tcase_add_test(tc, *tests);
	suite_add_tcase(s, tc);
}

#endif
