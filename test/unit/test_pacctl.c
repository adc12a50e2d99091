/*
 * pacctl: goldens of what it prints, and its exit codes against a real server
 * with a daemon that is not there.
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

static int render(enum pacctl_mode mode, enum ctl_command command, const char *answer)
{
	char *copy = strdup(answer);
	struct pacctl_answer a;
	FILE *out, *err;
	int rc;

	clear();
	out = open_memstream(&out_text, &out_len);
	err = open_memstream(&err_text, &err_len);
	rc = pacctl_split(&a, copy, strlen(copy));
	if (rc == 0)
		rc = pacctl_render(out, err, mode, command, &a);
	fclose(out);
	fclose(err);
	free(copy);
	return rc;
}

static void golden(enum pacctl_mode mode, enum ctl_command command, const char *answer, const char *out,
		   const char *err)
{
	ck_assert_int_eq(render(mode, command, answer), 0);
	ck_assert_str_eq(out_text, out);
	ck_assert_str_eq(err_text, err);
}

static const char sessions[] =
	"session id=7 user=\"bob\" state=established address=10.0.0.2 interface=\"ppp0\" peer_address=192.0.2.1 "
	"up_s=59 rx_octets=1023 tx_octets=1024\n"
	"session id=12345 user=\"DOM\\x5call\\x1b[31my\" state=wait_reply address=- interface=- "
	"peer_address=192.0.2.200 up_s=93784 rx_octets=1048575 tx_octets=5000000000\n"
	"session id=8 user=\"a  b\\x22\" state=established newer=1\n"
	".200 3\n";

START_TEST(sessions_table)
{
	golden(PACCTL_TABLE, CTL_SHOW_SESSIONS, sessions,
	       "   ID  USER               ADDRESS   PEER         INTERFACE     UP    IN   OUT  STATE\n"
	       "    7  bob                10.0.0.2  192.0.2.1    ppp0         59s  1023  1.0K  established\n"
	       "12345  DOM\\\\all\\x1b[31my  -         192.0.2.200  -          1d02h  1.0M  4.7G  wait_reply\n"
	       "    8  \"a  b\\\"\"           -         -            -              -     -     -  established\n",
	       "");
	golden(PACCTL_TABLE, CTL_SHOW_SESSIONS, ".200 0\n",
	       "ID  USER  ADDRESS  PEER  INTERFACE  UP  IN  OUT  STATE\n", "");
}
END_TEST

START_TEST(sessions_json)
{
	golden(PACCTL_JSON, CTL_SHOW_SESSIONS, sessions,
	       "[\n{\"id\":7,\"user\":\"bob\",\"state\":\"established\",\"address\":\"10.0.0.2\","
	       "\"interface\":\"ppp0\",\"peer_address\":\"192.0.2.1\",\"up_s\":59,\"rx_octets\":1023,"
	       "\"tx_octets\":1024},\n"
	       "{\"id\":12345,\"user\":\"DOM\\\\all\\u001b[31my\",\"state\":\"wait_reply\",\"address\":null,"
	       "\"interface\":null,\"peer_address\":\"192.0.2.200\",\"up_s\":93784,\"rx_octets\":1048575,"
	       "\"tx_octets\":5000000000},\n"
	       "{\"id\":8,\"user\":\"a  b\\\"\",\"state\":\"established\",\"newer\":1}\n]\n",
	       "");
	golden(PACCTL_JSON, CTL_SHOW_SESSIONS, ".200 0\n", "[]\n", "");
}
END_TEST

START_TEST(sessions_kv)
{
	char expect[sizeof sessions];

	strcpy(expect, sessions);
	strstr(expect, "\n.200")[1] = '\0';
	golden(PACCTL_KV, CTL_SHOW_SESSIONS, sessions, expect, "");
}
END_TEST

START_TEST(session_listing)
{
	static const char one[] = "session id=7 user=\"a b\" state=established mppe_bits=128 up_s=3723 "
				  "started_at=1700000000 rx_octets=2048 rtt_us=12345 idle_timeout_s=- odd=\"\" "
				  "yes=true\n.200 ok\n";

	setenv("TZ", "UTC", 1);
	golden(PACCTL_TABLE, CTL_SHOW_SESSION, one,
	       "id            7\n"
	       "user          a b\n"
	       "state         established\n"
	       "mppe bits     128\n"
	       "up            1h02m\n"
	       "started       2023-11-14 22:13:20 +0000\n"
	       "rx octets     2.0K\n"
	       "rtt           12.3ms\n"
	       "idle timeout  -\n"
	       "odd           -\n"
	       "yes           yes\n",
	       "");
	golden(PACCTL_JSON, CTL_SHOW_SESSION, one,
	       "{\"id\":7,\"user\":\"a b\",\"state\":\"established\",\"mppe_bits\":128,\"up_s\":3723,"
	       "\"started_at\":1700000000,\"rx_octets\":2048,\"rtt_us\":12345,\"idle_timeout_s\":null,\"odd\":\"\","
	       "\"yes\":true}\n",
	       "");
}
END_TEST

START_TEST(other_tables)
{
	golden(PACCTL_TABLE, CTL_SHOW_CONNECTIONS,
	       "connection id=1 peer_address=192.0.2.1 peer_port=50000 server_address=198.51.100.1 server_port=1723 "
	       "state=established originator=false host=\"pc\\x1b]0;x\\x07\" vendor=\"Microsoft Windows NT\" calls=1 "
	       "age_s=90061 idle_s=61\n.200 1\n",
	       "ID  PEER             SERVER             STATE        CALLS    AGE   IDLE  HOST            VENDOR\n"
	       " 1  192.0.2.1:50000  198.51.100.1:1723  established      1  1d01h  1m01s  pc\\x1b]0;x\\x07  "
	       "Microsoft Windows NT\n",
	       "");
	golden(PACCTL_TABLE, CTL_SHOW_POOLS,
	       "pool name=\"main\" size=254 used=7 reserved=1 refused=0\npool name=\"-\" size=18446744073709551615 "
	       "used=0 reserved=0 refused=0\n.200 2\n",
	       "NAME                  SIZE  USED  RESERVED  REFUSED\n"
	       "main                   254     7         1        0\n"
	       "\"-\"   18446744073709551615     0         0        0\n",
	       "");
	golden(PACCTL_TABLE, CTL_SHOW_STATS, "counter name=calls_ended value=12 help=\"calls that were up\"\n.200 1\n",
	       "NAME         VALUE  MEANING\ncalls_ended     12  calls that were up\n", "");
}
END_TEST

START_TEST(config_text)
{
	static const char config[] = "config text=\"a = \\x221\\x22;\\x0a\\x09b\\x1b\\x0a\"\n.200 ok\n";

	golden(PACCTL_TABLE, CTL_SHOW_CONFIG, config, "a = \"1\";\n\tb\\x1b\n", "");
	golden(PACCTL_JSON, CTL_SHOW_CONFIG, config, "{\"text\":\"a = \\\"1\\\";\\n\\u0009b\\u001b\\n\"}\n", "");
}
END_TEST

START_TEST(actions)
{
	static const char done[] = "disconnected sessions=2\n.200 2 sessions of user \"bob\" are being disconnected\n";
	static const char refused[] = "error text=\"f:3: user: \\x1b no\"\nerror text=\"f:9: mtu\"\n"
				      ".409 refused: 2 errors\n";

	golden(PACCTL_TABLE, CTL_DISCONNECT_USER, done, "2 sessions of user \"bob\" are being disconnected\n", "");
	golden(PACCTL_JSON, CTL_DISCONNECT_USER, done, "{\"sessions\":2}\n", "");
	golden(PACCTL_KV, CTL_DISCONNECT_USER, done, "disconnected sessions=2\n", "");
	golden(PACCTL_TABLE, CTL_RELOAD, refused, "", "pacctl: refused: 2 errors\nf:3: user: \\x1b no\nf:9: mtu\n");
	golden(PACCTL_JSON, CTL_RELOAD, refused,
	       "{\"code\":409,\"error\":\"refused: 2 errors\",\"details\":[{\"text\":\"f:3: user: \\u001b no\"},"
	       "{\"text\":\"f:9: mtu\"}]}\n",
	       "pacctl: refused: 2 errors\n");
	golden(PACCTL_KV, CTL_RELOAD, refused, "error text=\"f:3: user: \\x1b no\"\nerror text=\"f:9: mtu\"\n",
	       "pacctl: refused: 2 errors\n");
	golden(PACCTL_JSON, CTL_RELOAD, ".200 ok\n", "{}\n", "");
}
END_TEST

START_TEST(json_strings)
{
	static const char utf8[] = "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xff "
				   "\xc0\xaf \xed\xa0\x80 \xe2\x82 \xf5\x80\x80\x80 \xc3";
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	pacctl_json_string(f, utf8, sizeof utf8 - 1);
	pacctl_json_string(f, "\0\x7f/", 3);
	fclose(f);
	ck_assert_str_eq(text, "\"caf\\u00e9 \\u20ac \\ud83d\\ude00 \\ufffd \\ufffd\\ufffd \\ufffd\\ufffd\\ufffd "
			       "\\ufffd\\ufffd \\ufffd\\ufffd\\ufffd\\ufffd \\ufffd\"\"\\u0000\\u007f/\"");
	free(text);
}
END_TEST

static const char *formatted(const char *key, const char *text)
{
	static char value[PACCTL_CELL];
	const struct ctl_field f = { key, text, strlen(text), CTL_NUMBER };

	pacctl_format(value, &f, true);
	return value;
}

START_TEST(human_units)
{
	ck_assert_str_eq(formatted("up_s", "0"), "0s");
	ck_assert_str_eq(formatted("up_s", "60"), "1m00s");
	ck_assert_str_eq(formatted("up_s", "3599"), "59m59s");
	ck_assert_str_eq(formatted("up_s", "3600"), "1h00m");
	ck_assert_str_eq(formatted("up_s", "86400"), "1d00h");
	ck_assert_str_eq(formatted("rx_octets", "0"), "0");
	ck_assert_str_eq(formatted("rx_octets", "1048524"), "1023.9K");
	ck_assert_str_eq(formatted("rx_octets", "1048525"), "1.0M");
	ck_assert_str_eq(formatted("rx_octets", "18446744073709551615"), "16.0E");
	ck_assert_str_eq(formatted("x_at", "18446744073709551615"), "18446744073709551615");
	ck_assert_str_eq(formatted("_s", "61"), "61"); /* a key that is all suffix has none */
	ck_assert_str_eq(formatted("packets", "1000000"), "1000000");
}
END_TEST

/* A text of any length has a bound in a table. */
START_TEST(long_text_is_cut)
{
	static char text[PACCTL_CELL];
	static char octets[9000];
	const struct ctl_field f = { "user", octets, sizeof octets, CTL_TEXT };

	memset(octets, '\x1b', sizeof octets);
	octets[1] = ' ';
	pacctl_format(text, &f, true);
	ck_assert_uint_lt(strlen(text), PACCTL_CELL);
	ck_assert_str_eq(text + strlen(text) - 4, "...\"");
}
END_TEST

START_TEST(broken_answers)
{
	static const char *const bad[] = {
		"", "\n", "session id=1\n", "session id=1\n.200", ".200\n", "Session\n.200 ok\n", "\n.200 ok\n",
		"session id=\"\x1b\"\n.200 ok\n", ".200 \x1b[2J\n", "session id\n.404 no\n",
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		for (int mode = PACCTL_TABLE; mode <= PACCTL_KV; mode++) {
			ck_assert_msg(render((enum pacctl_mode)mode, CTL_SHOW_SESSIONS, bad[i]) < 0, "%zu %d", i, mode);
			ck_assert(!strchr(out_text, '\x1b') && !strchr(err_text, '\x1b'));
		}
}
END_TEST

/* --- the program --- */

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

static Suite *suite(void)
{
	Suite *s = suite_create("pacctl");
	TCase *tc = tcase_create("program");

	UNIT_CASE(s, "render", sessions_table, sessions_json, sessions_kv, session_listing, other_tables, config_text,
		  actions, json_strings, human_units, long_text_is_cut, broken_answers);
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, exit_ok);
	tcase_add_test(tc, exit_codes);
	tcase_add_test(tc, exit_not_permitted);
	tcase_add_test(tc, exit_usage);
	tcase_add_test(tc, exit_not_running);
	tcase_add_test(tc, exit_no_answer);
	tcase_add_test(tc, help);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
