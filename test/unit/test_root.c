/*
 * priv/root: the loop in a process of its own, this test in main's place: sockets,
 * generations, reload, pppd and its exit, stop, and what makes it end everything
 * (SEC-04, SEC-08).
 */
#include "test/unit/unit_priv.h"

#include "common/log.h"
#include "common/seqmsg.h"
#include "pacd/priv/root.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/un.h>
#include <sys/wait.h>

static unsigned port;
static pid_t server;
static int fd = -1, ready_fd = -1; /* main's end; who waits for the start */
static struct seqmsg raw;          /* the last message */
static struct priv_msg m;

static void write_conf(const char *more)
{
	write_file("pacd.conf", 0600,
		   "listen = [ \"127.0.0.1:%u\" ];\n"
		   "user = \"nobody\";\n"
		   "control_socket = \"%s/run/control\";\n"
		   "control_owner = \"%s\"; control_group = \"%s\"; control_mode = \"0640\";\n"
		   "max_channels = 4;\n"
		   "log = { level = \"error\"; };\n"
		   "aaa = { method = \"local\"; users = \"%s/users\"; };\n"
		   "ppp = { pppd = \"%s/pppd\"; plugin = \"%s/pacd.so\"; check = false; };\n"
		   "pools = ( { name = \"main\"; local = \"10.9.0.1\"; ranges = [ \"10.9.0.10-20\" ]; } );\n%s\n",
		   port, dir, getpwuid(geteuid())->pw_name, getgrgid(getegid())->gr_name, dir, dir, dir, more);
}

/* --- the root part, in the child --- */

static void no_log(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

static _Noreturn void serve(int end, int ready)
{
	char conf_file[128];
	struct conf_errors errors;
	struct priv_files files;
	struct root r;
	int code = 99;

	snprintf(conf_file, sizeof conf_file, "%s", in_dir("pacd.conf"));
	log_set_sink(no_log);
	conf_errors_init(&errors);
	if (priv_files_load(&files, conf_file, &errors) < 0)
		fprintf(stderr, "%s\n", conf_errors_join(&errors));
	else if (root_init(&r, conf_file, end) == 0) {
		r.ready_fd = ready;
		root_offer(&r, &files);
		code = root_serve(&r);
		root_clear(&r);
	}
	conf_errors_clear(&errors);
	exit(code);
}

static void setup(void)
{
	int fds[2], ready[2];

	dir_setup();
	port = free_port();
	write_file("users", 0600, "users = ( { name = \"alice\"; secret = \"wonder\"; } );\n");
	write_file("pppd", 0700, "#!/bin/sh\nexec sleep 1000\n"); /* the pty's end does not end it */
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

static void teardown(void)
{
	kill(server, SIGKILL);
	dir_teardown();
}

/* --- main, in the test --- */

static void ask(struct priv_msg question)
{
	uint8_t data[PRIV_MSG_MAX];
	size_t len = priv_encode(data, sizeof data, &question);

	ck_assert_int_eq(seqmsg_send(fd, data, len, NULL, 0), 0);
}

/* The next message, which must be of that type and have all its descriptors. */
static void expect(uint8_t type)
{
	seqmsg_clear(&raw);
	ck_assert_msg(readable(fd), "nothing came, type %d was expected", type);
	ck_assert_int_eq(seqmsg_recv(fd, &raw), 0);
	ck_assert_int_eq(priv_decode(&m, raw.data, raw.len), 0);
	ck_assert_int_eq(m.type, type);
	ck_assert_uint_eq(raw.nfds, priv_fds(&m));
}

static void expect_end(int code)
{
	int status;

	ck_assert(readable(fd));
	ck_assert_int_eq(seqmsg_recv(fd, &raw), -EPIPE);
	close(fd);
	ck_assert_int_eq(waitpid(server, &status, 0), server);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), code);
}

static void taken(uint32_t generation, uint8_t yes)
{
	ask((struct priv_msg){ .type = PRIV_CONF_TAKEN, .conf_taken = { generation, yes } });
}

static void take_first(void)
{
	expect(PRIV_CONF);
	taken(1, 1);
}

/* The error that comes back; the socket stays in `raw`. */
static int opened(uint32_t generation, enum priv_socket socket, unsigned index)
{
	ask((struct priv_msg){ .type = PRIV_OPEN, .open = { generation, (uint8_t)socket, (uint16_t)index } });
	expect(PRIV_OPENED);
	ck_assert_int_eq(m.opened.socket, socket);
	ck_assert_uint_eq(m.opened.index, index);
	return m.opened.error;
}

static int started(uint32_t generation, uint64_t token)
{
	ask((struct priv_msg){ .type = PRIV_START_PPPD, .start_pppd = { generation, token, 0xc0000201 } });
	expect(PRIV_STARTED);
	ck_assert(m.started.token == token);
	return m.started.error;
}

/* --- snapshots --- */

START_TEST(first_snapshot_is_sealed)
{
	const char *text;

	expect(PRIV_CONF);
	ck_assert_uint_eq(m.conf.generation, 1);
	ck_assert(m.conf.ok && m.conf.has_users);
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

START_TEST(reload_refused_and_taken)
{
	const char *text;

	take_first();
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

START_TEST(main_may_refuse_a_reload)
{
	take_first();
	ask((struct priv_msg){ .type = PRIV_RELOAD });
	/* A second one waits for the answer to the first. */
	ask((struct priv_msg){ .type = PRIV_RELOAD });
	expect(PRIV_CONF);
	ck_assert_uint_eq(m.conf.generation, 2);
	taken(2, 0);
	expect(PRIV_CONF);
	ck_assert_uint_eq(m.conf.generation, 3);
	taken(3, 0);
	ck_assert_int_eq(started(2, 1), ESTALE);
	ck_assert_int_eq(started(3, 1), ESTALE);
	ck_assert_int_eq(started(1, 1), 0);
}
END_TEST

/* --- sockets --- */

START_TEST(listens)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int client = socket(AF_INET, SOCK_STREAM, 0);

	take_first();
	ck_assert_int_eq(opened(1, PRIV_SOCKET_LISTEN, 0), 0);
	ck_assert(fcntl(raw.fds[0], F_GETFL) & O_NONBLOCK);
	ck_assert_int_eq(connect(client, (struct sockaddr *)&sin, sizeof sin), 0);
	ck_assert_int_ge(accept(raw.fds[0], NULL, NULL), 0);
	ck_assert_int_eq(raw.nfds, 1);
	close(client);
}
END_TEST

START_TEST(taken_port_is_an_error)
{
	struct seqmsg first;

	take_first();
	ck_assert_int_eq(opened(1, PRIV_SOCKET_LISTEN, 0), 0);
	first = raw;
	raw.nfds = 0;
	ck_assert_int_eq(opened(1, PRIV_SOCKET_LISTEN, 0), EADDRINUSE);
	seqmsg_clear(&first);
	ck_assert_int_eq(opened(1, PRIV_SOCKET_LISTEN, 0), 0);
}
END_TEST

/* Without the right to it, the error says so; with it, the socket is a raw GRE one. */
START_TEST(raw_sockets)
{
	static const enum priv_socket kinds[] = { PRIV_SOCKET_GRE, PRIV_SOCKET_GUARD };

	take_first();
	for (int i = 0; i < 2; i++) {
		int error = opened(1, kinds[i], 0), protocol = 0, on = 0;
		socklen_t len = sizeof protocol;

		if (error) {
			ck_assert_int_eq(error, EPERM);
			continue;
		}
		ck_assert_int_eq(getsockopt(raw.fds[0], SOL_SOCKET, SO_PROTOCOL, &protocol, &len), 0);
		ck_assert_int_eq(protocol, IPPROTO_GRE);
		ck_assert_int_eq(getsockopt(raw.fds[0], IPPROTO_IP, IP_PKTINFO, &on, &len), 0);
		ck_assert_int_eq(on, kinds[i] == PRIV_SOCKET_GRE);
		len = 0;
		ck_assert_int_eq(getsockopt(raw.fds[0], SOL_SOCKET, SO_GET_FILTER, NULL, &len), 0);
		ck_assert_uint_eq(len, kinds[i] == PRIV_SOCKET_GRE ? 13 : 1);
	}
}
END_TEST

static bool exists(const char *name)
{
	struct stat st;

	return lstat(in_dir(name), &st) == 0;
}

START_TEST(control_socket)
{
	struct seqmsg first;
	struct stat st;

	take_first();
	ck_assert_int_eq(opened(1, PRIV_SOCKET_CONTROL, 0), 0);
	ck_assert_int_eq(stat(in_dir("run/control"), &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	/* 0640 in the file; who may read must be able to connect, which takes the right to write. */
	ck_assert_uint_eq(st.st_mode & 07777, 0660);
	ck_assert_uint_eq(st.st_uid, geteuid());
	first = raw;
	raw.nfds = 0;
	/* One that lives is not taken over; what a dead one left is. */
	ck_assert_int_eq(opened(1, PRIV_SOCKET_CONTROL, 0), EADDRINUSE);
	seqmsg_clear(&first);
	ck_assert_int_eq(opened(1, PRIV_SOCKET_CONTROL, 0), 0);
	kill(server, SIGTERM);
	expect(PRIV_STOP);
	shutdown(fd, SHUT_WR);
	expect_end(0);
	ck_assert(!exists("run/control"));
}
END_TEST

START_TEST(control_name_is_taken)
{
	ck_assert_int_eq(mkdir(in_dir("run"), 0755), 0);
	write_file("run/control", 0600, "precious");
	take_first();
	ck_assert_int_eq(opened(1, PRIV_SOCKET_CONTROL, 0), EEXIST);
	ck_assert(exists("run/control"));
}
END_TEST

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

START_TEST(nonsense_ends_everything)
{
	static const struct {
		uint8_t data[20];
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
	};

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

static void add(Suite *s, const char *name, const TTest *const *tests)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	for (; *tests; tests++)
		tcase_add_test(tc, *tests);
	suite_add_tcase(s, tc);
}

static Suite *suite(void)
{
	Suite *s = suite_create("root");
	TCase *tc = tcase_create("nonsense");

	add(s, "snapshots", (const TTest *const[]){ first_snapshot_is_sealed, reload_refused_and_taken,
						    main_may_refuse_a_reload, NULL });
	add(s, "sockets", (const TTest *const[]){ listens, taken_port_is_an_error, raw_sockets, control_socket,
						  control_name_is_taken, NULL });
	add(s, "pppd", (const TTest *const[]){ pppd_lives_and_exits, pppds_are_bounded, main_is_gone,
					       priv_is_gone, NULL });
	add(s, "life", (const TTest *const[]){ ready_is_told_once, start_that_fails, stop_twice_forces, NULL });
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, nonsense_ends_everything, 0, 9);
	tcase_add_test(tc, descriptors_are_not_taken);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
