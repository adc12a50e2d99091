/*
 * pacctl: exit codes and output of the whole program, against a real server with
 * a daemon that is not there.  Goldens of what it prints are in test_pacctl_render.c.
 */
#include "pacd/ctl/pacctl.h"
#include "test/unit/ctl_fake.h"
#include "test/unit/unit.h"

#include <ev.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char *out_text, *err_text;
static size_t out_len, err_len;

static void clear(void)
{
	free(out_text);
	free(err_text);
	out_text = err_text = NULL;
}

static char folder[] = "/tmp/test_pacctl.XXXXXX", path[64];
static struct ctl_fake fake;
static struct ctl *ctl;
static struct ev_loop *loop;
static struct ev_async stop;
static pthread_t thread;
static uid_t caller;

static int peer_fake(int fd, struct ctl_peer *p)
{
	(void)fd;
	*p = (struct ctl_peer){ .uid = caller, .gid = caller };
	return 0;
}

static void sink(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

static void stop_cb(struct ev_loop *l, struct ev_async *w, int events)
{
	(void)w;
	(void)events;
	ev_break(l, EVBREAK_ALL);
}

static void *serve(void *arg)
{
	ev_run(arg, 0);
	return NULL;
}

static void setup(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(folder, "/tmp/test_pacctl.XXXXXX");
	ck_assert(mkdtemp(folder) != NULL);
	snprintf(path, sizeof path, "%s/s", folder);
	strcpy(sun.sun_path, path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof sun), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	log_set_sink(sink);
	fake = (struct ctl_fake){ .sessions = 3, .connections = 2, .pools = 1 };
	caller = 10;
	loop = ev_loop_new(EVFLAG_AUTO);
	ctl = ctl_new(loop, fd, &ctl_fake_provider, &fake);
	ctl_set_permission(ctl, 10, 10, 0640);
	ctl_set_peer_fn(ctl, peer_fake);
	fake.finish = ctl;
	ev_async_init(&stop, stop_cb);
	ev_async_start(loop, &stop);
	ck_assert_int_eq(pthread_create(&thread, NULL, serve, loop), 0);
}

static void teardown(void)
{
	ev_async_send(loop, &stop);
	pthread_join(thread, NULL);
	ctl_free(ctl);
	ev_loop_destroy(loop);
	unlink(path);
	rmdir(folder);
	clear();
}

#define PACCTL(...) pacctl((const char *const[]){ "pacctl", __VA_ARGS__, NULL })

static int pacctl(const char *const *args)
{
	char *argv[16] = { NULL };
	int argc = 0, rc;
	FILE *out, *err;

	clear();
	out = open_memstream(&out_text, &out_len);
	err = open_memstream(&err_text, &err_len);
	for (; args[argc]; argc++)
		argv[argc] = (char *)(uintptr_t)args[argc];
	rc = pacctl_run(argc, argv, out, err);
	fclose(out);
	fclose(err);
	return rc;
}

static void err_has(const char *part)
{
	ck_assert_msg(strstr(err_text, part) != NULL, "%s not in: %s", part, err_text);
}

static void out_has(const char *part)
{
	ck_assert_msg(strstr(out_text, part) != NULL, "%s not in: %s", part, out_text);
}

START_TEST(exit_ok)
{
	ck_assert_int_eq(PACCTL("-s", path, "show", "sessions"), 0);
	out_has(" 1  user1  10.0.0.2  192.0.2.1  ppp0       1h02m  1.5K  5.0M  established\n");
	ck_assert_int_eq(PACCTL("--socket", path, "--json", "sh", "sess", "2"), 0);
	out_has("{\"id\":2,\"user\":\"user2\"");
	ck_assert_int_eq(PACCTL("-k", "-s", path, "show", "pools"), 0);
	ck_assert_str_eq(out_text, "pool name=\"main\" size=254 used=0 reserved=1 refused=2\n");
	ck_assert_int_eq(PACCTL("-s", path, "disconnect", "user", "user \"1\""), 0);
	ck_assert_uint_eq(fake.name_len, 8);
	ck_assert(!memcmp(fake.name, "user \"1\"", 8));
	ck_assert_int_eq(PACCTL("-s", path, "disconnect", "user", "--json"), PACCTL_NOT_FOUND);
	ck_assert(!memcmp(fake.name, "--json", 6)); /* a name, not an option */
	ck_assert_int_eq(PACCTL("-s", path, "reload"), 0);
	ck_assert_str_eq(out_text, "the configuration was taken over\n");
	ck_assert_str_eq(err_text, "");
	ck_assert_int_eq(PACCTL("-s", path, "show", "config"), 0);
	ck_assert_str_eq(out_text, "max_channels = 1000;\nuser = \"pacd\";\n");
}
END_TEST

START_TEST(exit_codes)
{
	ck_assert_int_eq(PACCTL("-s", path, "show", "session", "9"), PACCTL_NOT_FOUND);
	ck_assert_str_eq(err_text, "pacctl: no session 9\n");
	ck_assert_int_eq(PACCTL("-s", path, "disconnect", "user", "nobody"), PACCTL_NOT_FOUND);
	ck_assert_int_eq(PACCTL("-s", path, "disconnect", "peer", "192.0.2.77"), PACCTL_NOT_FOUND);
	fake.reload_rc = -EBUSY;
	ck_assert_int_eq(PACCTL("-s", path, "reload"), PACCTL_BUSY);
	fake.no_memory = true;
	ck_assert_int_eq(PACCTL("-s", path, "show", "config"), PACCTL_FAILED);
	fake.ending = true;
	ck_assert_int_eq(PACCTL("-s", path, "drain"), PACCTL_BUSY);
	ck_assert_int_eq(pacctl_exit_code(CTL_REFUSED), PACCTL_REFUSED);
	ck_assert_int_eq(pacctl_exit_code(CTL_BAD_REQUEST), PACCTL_USAGE);
	ck_assert_int_eq(pacctl_exit_code(CTL_NO_ANSWER), PACCTL_FAILED);
	ck_assert_int_eq(pacctl_exit_code(299), PACCTL_FAILED);
}
END_TEST

/* Standard input is this from now on. */
static void input(const char *octets, size_t len)
{
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(write(ends[1], octets, len), (ssize_t)len);
	close(ends[1]);
	ck_assert_int_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	close(ends[0]);
}

#define INPUT(octets) input(octets, sizeof octets - 1)

START_TEST(test_radius)
{
	char rest[8];

	INPUT("se \"cret\x1b\0\nmore\n");
	ck_assert_int_eq(PACCTL("-s", path, "test", "radius", "bob b"), 0);
	out_has("verdict  accept\nserver   192.0.2.9:1812\ntime     2.5ms\nmessage  hi\n\n"
		"ATTRIBUTE          VALUE\nFramed-IP-Address  10.0.0.1\nReply-Message      hi\n");
	ck_assert_str_eq(err_text, "");
	ck_assert_str_eq(fake.user, "bob b");
	ck_assert_uint_eq(fake.password_len, 10);
	ck_assert(!memcmp(fake.password, "se \"cret\x1b\0", 10));
	ck_assert_int_eq(read(STDIN_FILENO, rest, sizeof rest), 5); /* what follows is left for others */
	INPUT("\n"); /* an empty one is one */
	ck_assert_int_eq(PACCTL("-s", path, "t", "r", "--json"), 0);
	ck_assert_str_eq(fake.user, "--json");
	ck_assert_uint_eq(fake.password_len, 0);
	INPUT("pw\n");
	fake.test_rc = -ENOENT;
	ck_assert_int_eq(PACCTL("-s", path, "test", "radius", "bob"), PACCTL_REFUSED);
	err_has("no RADIUS server");
}
END_TEST

START_TEST(test_radius_usage)
{
	static char longest[CTL_PASSWORD_MAX + 2];

	ck_assert_int_eq(PACCTL("-s", path, "test", "radius", "bob", "hunter2"), PACCTL_USAGE);
	err_has("the password is asked for");
	ck_assert(!strstr(err_text, "hunter2"));
	INPUT("");
	ck_assert_int_eq(PACCTL("-s", path, "test", "radius", "bob"), PACCTL_USAGE);
	err_has("no password");
	memset(longest, 'p', sizeof longest);
	input(longest, CTL_PASSWORD_MAX + 1);
	ck_assert_int_eq(PACCTL("-s", path, "test", "radius", "bob"), PACCTL_USAGE);
	err_has("at most 128 octets");
	ck_assert_uint_eq(fake.test_client, 0);
	input(longest, CTL_PASSWORD_MAX); /* the last line may lack its newline */
	ck_assert_int_eq(PACCTL("-s", path, "test", "radius", "bob"), 0);
	ck_assert_uint_eq(fake.password_len, CTL_PASSWORD_MAX);
}
END_TEST

START_TEST(exit_not_permitted)
{
	caller = 11;
	ck_assert_int_eq(PACCTL("-s", path, "show", "pools"), PACCTL_NOT_PERMITTED);
	err_has("you may not use this control socket");
}
END_TEST

START_TEST(exit_usage)
{
	ck_assert_int_eq(PACCTL("frobnicate"), PACCTL_USAGE);
	err_has("use help, show, disconnect");
	ck_assert_int_eq(PACCTL("-x"), PACCTL_USAGE);
	ck_assert_int_eq(PACCTL("--socket"), PACCTL_USAGE);
	ck_assert_int_eq(PACCTL("show", "session", "x"), PACCTL_USAGE);
	ck_assert_int_eq(PACCTL("show", "pools", "--json"), PACCTL_USAGE);
	err_has("options go before the command");
	ck_assert_int_eq(pacctl((const char *const[]){ "pacctl", NULL }), PACCTL_USAGE);
	err_has("no command; use help");
	ck_assert_int_eq(PACCTL("-s", "/nowhere/nowhere/nowhere/nowhere/nowhere/nowhere/nowhere/nowhere/nowhere"
				      "/nowhere/nowhere"
				      "/nowhere/nowhere/nowhere", "show", "pools"), PACCTL_USAGE);
}
END_TEST

START_TEST(exit_not_running)
{
	ck_assert_int_eq(PACCTL("-s", "/nonexistent/socket", "show", "pools"), PACCTL_NOT_RUNNING);
	err_has("pacd is not running");
	ck_assert_str_eq(out_text, "");
}
END_TEST

/* Whoever is there closes without a word, or says something else. */
START_TEST(exit_no_answer)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), pid;

	snprintf(sun.sun_path, sizeof sun.sun_path, "%s/t", folder);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof sun), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	pid = fork();
	if (!pid) {
		close(accept(fd, NULL, NULL));
		pid = accept(fd, NULL, NULL);
		_exit(write(pid, "hello\n", 6) != 6);
	}
	ck_assert_int_eq(PACCTL("-s", sun.sun_path, "show", "pools"), PACCTL_FAILED);
	err_has("without an answer");
	ck_assert_int_eq(PACCTL("-s", sun.sun_path, "show", "pools"), PACCTL_FAILED);
	err_has("cut or broken");
	close(fd);
	ck_assert_int_eq(PACCTL("-s", sun.sun_path, "show", "pools"), PACCTL_NOT_RUNNING);
	unlink(sun.sun_path);
}
END_TEST

START_TEST(help)
{
	ck_assert_int_eq(PACCTL("--help"), 0);
	for (unsigned c = 0; c < CTL_COMMANDS; c++) {
		char form[CTL_SYNTAX_TEXT];

		out_has(ctl_syntax_text((enum ctl_command)c, form));
	}
	ck_assert_int_eq(PACCTL("help"), 0);
	out_has("usage: pacctl");
	ck_assert_int_eq(PACCTL("help", "disconnect", "user"), 0);
	out_has("disconnect user NAME\n    end every call of a user\n");
	out_has("Needs write permission");
	ck_assert_int_eq(PACCTL("help", "frobnicate"), PACCTL_USAGE);
	ck_assert_int_eq(PACCTL("--version"), 0);
	out_has("pacctl ");
}
END_TEST

/* The argument stands between two words: abbreviated on the command line, whole on the socket. */
START_TEST(line_commands)
{
	fake.lines = 2;
	ck_assert_int_eq(PACCTL("-s", path, "show", "lines"), 0);
	out_has("m01   pool   online  1m01s  33.6k  0401234567  0301 ");
	out_has("connect: timed out\\x1b\n");
	ck_assert_int_eq(PACCTL("-s", path, "sh", "line", "m01"), 0);
	out_has("speed              33.6kbit/s\n");
	ck_assert_int_eq(PACCTL("-s", path, "show", "line", "m02"), PACCTL_NOT_FOUND);
	ck_assert_str_eq(err_text, "pacctl: no line \"m02\"\n");
	ck_assert_int_eq(PACCTL("-s", path, "line", "m01", "busy-out"), 0);
	ck_assert_int_eq(fake.act, LINE_BUSY_OUT);
	ck_assert_int_eq(PACCTL("-s", path, "l", "m01", "h"), 0);
	ck_assert_int_eq(fake.act, LINE_HANG_UP);
	ck_assert_str_eq(out_text, "line \"m01\" is being hung up\n");
	ck_assert_int_eq(PACCTL("-s", path, "line", "--json", "enable"), PACCTL_NOT_FOUND);
	ck_assert_str_eq(fake.line, "--json"); /* a name, not an option */
	fake.act_rc = -EALREADY;
	ck_assert_int_eq(PACCTL("-s", path, "line", "m01", "enable"), PACCTL_REFUSED);
	err_has("is in service already");
	ck_assert_int_eq(PACCTL("-s", path, "line", "m01"), PACCTL_USAGE);
	err_has("use line NAME busy-out, line NAME enable, line NAME hangup");
	ck_assert_int_eq(PACCTL("help", "line"), 0);
	out_has("line NAME hangup\n    end the call or the ring on that line\n    Needs write permission");
	ck_assert_int_eq(PACCTL("help", "line", "NAME", "hangup"), 0);
	ck_assert(!strstr(out_text, "busy-out"));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("pacctl");
	TCase *tc = tcase_create("program");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, exit_ok);
	tcase_add_test(tc, exit_codes);
	tcase_add_test(tc, test_radius);
	tcase_add_test(tc, test_radius_usage);
	tcase_add_test(tc, exit_not_permitted);
	tcase_add_test(tc, exit_usage);
	tcase_add_test(tc, exit_not_running);
	tcase_add_test(tc, exit_no_answer);
	tcase_add_test(tc, help);
	tcase_add_test(tc, line_commands);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
