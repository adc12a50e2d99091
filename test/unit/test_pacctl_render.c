/*
 * pacctl: goldens of what it prints for an answer.
 */
#include "pacd/ctl/pacctl.h"
#include "test/unit/unit.h"

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
	       "age_s=90061 idle_s=61\n"
	       "connection id=2 peer_address=192.0.2.7 peer_port=1723 server_address=198.51.100.1 server_port=40000 "
	       "state=established originator=true host=\"pns\" vendor=\"x\" calls=0 age_s=1 idle_s=1\n.200 2\n",
	       "ID  PEER             SERVER              STATE        OURS  CALLS    AGE   IDLE  HOST            "
	       "VENDOR\n"
	       " 1  192.0.2.1:50000  198.51.100.1:1723   established  no        1  1d01h  1m01s  pc\\x1b]0;x\\x07  "
	       "Microsoft Windows NT\n"
	       " 2  192.0.2.7:1723   198.51.100.1:40000  established  yes       0     1s     1s  pns             x\n",
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

static const char lines[] =
	"line name=\"m01\" group=\"pool\" type=tty place=\"/dev/ttyS1\" state=online since_s=61 session=2 "
	"speed_bps=33600 calling=\"0401234567\" called=\"0301\" rings=9 dialled=7 connected=6 failed=15 "
	"last_error=\"an old one\"\n"
	"line name=\"ts.2\" group=\"ts\" type=tcp place=\"192.0.2.8:2002\" state=failed since_s=90061 session=- "
	"speed_bps=- calling=- called=- rings=0 dialled=0 connected=0 failed=0 last_error=\"timed out\\x1b\"\n"
	".200 2\n";

/* An error that is over is not in the table: it would only be in the way. */
START_TEST(lines_table)
{
	golden(PACCTL_TABLE, CTL_SHOW_LINES, lines,
	       "NAME  GROUP  STATE     FOR  SPEED  CALLING     CALLED  RINGS  DIALS  OK  FAILED  ERROR\n"
	       "m01   pool   online  1m01s  33.6k  0401234567  0301        9      7   6      15  -\n"
	       "ts.2  ts     failed  1d01h      -  -           -           0      0   0       0  timed out\\x1b\n",
	       "");
	golden(PACCTL_JSON, CTL_SHOW_LINES, "line name=\"m01\" speed_bps=33600 called=-\n.200 1\n",
	       "[\n{\"name\":\"m01\",\"speed_bps\":33600,\"called\":null}\n]\n", "");
	golden(PACCTL_TABLE, CTL_SHOW_LINES, ".200 0\n",
	       "NAME  GROUP  STATE  FOR  SPEED  CALLING  CALLED  RINGS  DIALS  OK  FAILED  ERROR\n", "");
	golden(PACCTL_TABLE, CTL_SHOW_LINE,
	       "line name=\"m01\" speed_bps=33600 since_s=61 last_error_at=1700000000\n.200 ok\n",
	       "name        m01\nspeed       33.6kbit/s\nsince       1m01s\n"
	       "last error  2023-11-14 22:13:20 +0000\n", "");
	golden(PACCTL_TABLE, CTL_LINE_ENABLE, "line_act name=\"m01\" act=enable\n.200 line \"m01\" takes calls again\n",
	       "line \"m01\" takes calls again\n", "");
	golden(PACCTL_JSON, CTL_LINE_ENABLE, "line_act name=\"m01\" act=enable\n.200 ok\n",
	       "{\"name\":\"m01\",\"act\":\"enable\"}\n", "");
}
END_TEST

/* Beside VPN calls: who calls, or was called, stands for the user, and the line for the interface. */
START_TEST(sessions_of_lines)
{
	golden(PACCTL_TABLE, CTL_SHOW_SESSIONS,
	       "session id=1 user=\"bob\" state=established address=10.0.0.2 interface=\"ppp0\" peer_address=192.0.2.1 "
	       "up_s=59 rx_octets=1023 tx_octets=1024\n"
	       "session id=2 user=- state=established address=- interface=- peer_address=192.0.2.7 up_s=5 rx_octets=1 "
	       "tx_octets=2 line=\"m01\" direction=in calling=\"040\" called=\"0301\"\n"
	       "session id=3 user=\"\" state=wait_cs_ans address=- interface=- peer_address=192.0.2.7 up_s=5 "
	       "rx_octets=0 tx_octets=0 line=\"m02\" direction=out calling=\"1\" called=\"0409\"\n"
	       "session id=4 user=- state=wait_reply address=- interface=- peer_address=192.0.2.7 up_s=0 rx_octets=0 "
	       "tx_octets=0 line=\"m03\" direction=in calling=- called=\"0301\"\n"
	       "session id=5 user=\"amy\" state=established address=- interface=- peer_address=192.0.2.7 up_s=0 "
	       "rx_octets=0 tx_octets=0 line=\"m04\" direction=out called=\"0408\"\n"
	       "session id=6 user=- state=wait_cs_ans address=- interface=- peer_address=192.0.2.1 up_s=0 rx_octets=0 "
	       "tx_octets=0\n.200 6\n",
	       "ID  USER  ADDRESS   PEER       INTERFACE   UP    IN   OUT  STATE\n"
	       " 1  bob   10.0.0.2  192.0.2.1  ppp0       59s  1023  1.0K  established\n"
	       " 2  040   -         192.0.2.7  m01         5s     1     2  established\n"
	       " 3  0409  -         192.0.2.7  m02         5s     0     0  wait_cs_ans\n"
	       " 4  -     -         192.0.2.7  m03         0s     0     0  wait_reply\n"
	       " 5  amy   -         192.0.2.7  m04         0s     0     0  established\n"
	       " 6  -     -         192.0.2.1  -           0s     0     0  wait_cs_ans\n",
	       "");
}
END_TEST

START_TEST(radius_table)
{
	golden(PACCTL_TABLE, CTL_SHOW_RADIUS,
	       "radius_server name=\"192.0.2.9:1812\" role=auth state=up dead_for_s=- priority=1 "
	       "signature_required=true in_flight=3 requests=100 retransmissions=7 answered=82 rejects=20 timeouts=4 "
	       "p50_us=1500 p90_us=20000 p99_us=1234567 dropped=4 reasons=\"bad-authenticator:3,bad-source:1\"\n"
	       "radius_server name=\"[2001:db8::1]:1813\" role=acct state=dead dead_for_s=42 priority=2 "
	       "signature_required=false in_flight=0 requests=1 retransmissions=0 answered=0 rejects=0 timeouts=1 "
	       "p50_us=- p90_us=- p99_us=- dropped=0 reasons=-\n.200 2\n",
	       "SERVER              ROLE  STATE  FOR  PRIO  SIGNED  FLIGHT  REQUESTS  AGAIN  ANSWERED  REJECTS  "
	       "TIMEOUTS    P50     P90       P99  DROPPED\n"
	       "192.0.2.9:1812      auth  up       -     1  yes          3       100      7        82       20  "
	       "       4  1.5ms  20.0ms  1234.6ms  bad-authenticator:3,bad-source:1\n"
	       "[2001:db8::1]:1813  acct  dead   42s     2  no           0         1      0         0        0  "
	       "       1      -       -         -  -\n",
	       "");
	golden(PACCTL_JSON, CTL_SHOW_RADIUS, ".200 0\n", "[]\n", "");
}
END_TEST

START_TEST(accounting_listing)
{
	golden(PACCTL_TABLE, CTL_SHOW_ACCOUNTING,
	       "accounting enabled=true on_disk=true waiting=12 oldest_s=61 spool_octets=2048 das_coa_naks=6\n.200 ok\n",
	       "enabled       yes\n"
	       "on disk       yes\n"
	       "waiting       12\n"
	       "oldest        1m01s\n"
	       "spool octets  2.0K\n"
	       "das coa naks  6\n",
	       "");
	golden(PACCTL_JSON, CTL_SHOW_ACCOUNTING, "accounting enabled=true waiting=12\n.200 ok\n",
	       "{\"enabled\":true,\"waiting\":12}\n", "");
}
END_TEST

START_TEST(session_given)
{
	golden(PACCTL_TABLE, CTL_SHOW_SESSION,
	       "session id=7 authentic=radius account=\"b\\x1b\" rate_up_bps=1000000 interim_s=600 "
	       "interface_id=0000:0000:0000:00a1\n.200 ok\n",
	       "id            7\n"
	       "authentic     radius\n"
	       "account       b\\x1b\n"
	       "rate up       1.0Mbit/s\n"
	       "interim       10m00s\n"
	       "interface id  0000:0000:0000:00a1\n",
	       "");
}
END_TEST

/* What a server says is shown, whatever it decides; the exit code tells the decision. */
START_TEST(test_outcomes)
{
	static const char accepted[] = "test verdict=accept server=\"192.0.2.9:1812\" time_us=2500 message=-\n"
				       "attribute name=\"Framed-IP-Address\" value=\"10.0.0.1\"\n"
				       "attribute name=\"Reply-Message\" value=\"hi there \\xc3\\xa9\\x1b\"\n"
				       ".200 192.0.2.9:1812 accepts the user\n";
	static const char rejected[] = "test verdict=reject server=\"192.0.2.9:1812\" time_us=2500 message=\"no\"\n"
				       ".409 192.0.2.9:1812 rejects the user\n";
	char records[sizeof accepted];

	golden(PACCTL_TABLE, CTL_TEST_RADIUS, accepted,
	       "verdict  accept\nserver   192.0.2.9:1812\ntime     2.5ms\nmessage  -\n\n"
	       "ATTRIBUTE          VALUE\nFramed-IP-Address  10.0.0.1\n"
	       "Reply-Message      hi there \\xc3\\xa9\\x1b\n", "");
	golden(PACCTL_JSON, CTL_TEST_RADIUS, accepted,
	       "{\"verdict\":\"accept\",\"server\":\"192.0.2.9:1812\",\"time_us\":2500,\"message\":null,"
	       "\"attributes\":[{\"name\":\"Framed-IP-Address\",\"value\":\"10.0.0.1\"},"
	       "{\"name\":\"Reply-Message\",\"value\":\"hi there \\u00e9\\u001b\"}]}\n", "");
	strcpy(records, accepted);
	strstr(records, "\n.200")[1] = '\0';
	golden(PACCTL_KV, CTL_TEST_RADIUS, accepted, records, "");
	golden(PACCTL_TABLE, CTL_TEST_RADIUS, rejected,
	       "verdict  reject\nserver   192.0.2.9:1812\ntime     2.5ms\nmessage  no\n",
	       "pacctl: 192.0.2.9:1812 rejects the user\n");
	golden(PACCTL_JSON, CTL_TEST_RADIUS, rejected,
	       "{\"verdict\":\"reject\",\"server\":\"192.0.2.9:1812\",\"time_us\":2500,\"message\":\"no\","
	       "\"attributes\":[]}\n", "pacctl: 192.0.2.9:1812 rejects the user\n");
	golden(PACCTL_JSON, CTL_TEST_RADIUS, ".409 none\n", "{\"code\":409,\"error\":\"none\",\"details\":[]}\n",
	       "pacctl: none\n");
	ck_assert_int_lt(render(PACCTL_TABLE, CTL_TEST_RADIUS, "test verdict=accept\nattribute\x1b\n.200 ok\n"), 0);
	ck_assert_int_lt(render(PACCTL_JSON, CTL_TEST_RADIUS, "test verdict\n.200 ok\n"), 0);
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

static const char *format(const char *key, const char *text, bool in_table)
{
	static char value[PACCTL_CELL];
	const struct ctl_field f = { key, text, strlen(text), CTL_NUMBER };

	pacctl_format(value, &f, in_table);
	return value;
}

static const char *formatted(const char *key, const char *text)
{
	return format(key, text, false);
}

static const char *cell(const char *key, const char *text)
{
	return format(key, text, true);
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
	ck_assert_str_eq(formatted("rate_bps", "999"), "999bit/s");
	ck_assert_str_eq(formatted("rate_bps", "64000"), "64.0kbit/s");
	ck_assert_str_eq(formatted("rate_bps", "999949"), "999.9kbit/s");
	ck_assert_str_eq(formatted("rate_bps", "999950"), "1.0Mbit/s");
	ck_assert_str_eq(formatted("rate_bps", "18446744073709551615"), "18.4Ebit/s");
	ck_assert_str_eq(cell("rate_bps", "33600"), "33.6k");
	ck_assert_str_eq(cell("rate_bps", "300"), "300");
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

static Suite *suite(void)
{
	Suite *s = suite_create("pacctl_render");

	UNIT_CASE(s, "render", sessions_table, sessions_json, sessions_kv, session_listing, other_tables, lines_table,
		  sessions_of_lines, config_text,
		  radius_table, accounting_listing, session_given, test_outcomes,
		  actions, json_strings, human_units, long_text_is_cut, broken_answers);
	return s;
}

UNIT_MAIN(suite)
