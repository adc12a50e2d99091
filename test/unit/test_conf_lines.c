/*
 * pacd.conf's real lines: every kind of error with its exact text, warnings, defaults, lines by index, chats, where
 * calls go (CALL-IN-01, CALL-OUT-01, RAD-46, TIM-06, SEC-05), and the way back to text.
 */
#include "pacd/conf.h"
#include "test/unit/unit.h"

#include <errno.h>
#include <stdio.h>

/* libconfig 1.5 loses the string that it was reading when a syntax error comes. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig";
}

/* In line 1; what a case adds begins with line 2. */
#define BASE "pools = ( { name = \"a\"; local = \"10.0.0.1\"; ranges = [ \"10.0.0.2-99\" ]; } ); aaa = { users = " \
	"\"/u\"; };"
#define ROUTES " routes = ( { pns = [ \"192.0.2.1\" ]; } );\n"
#define LINES BASE ROUTES
#define MODEM "{ name = \"m\"; type = \"tty\"; device = \"/dev/ttyS0\"; }"
#define ONE LINES "lines = ( " MODEM " );\n"

static struct conf *parse(const char *text, struct conf_errors *errors)
{
	size_t len = strlen(text);
	char *copy = malloc(len ? len : 1); /* an exact allocation, so that a sanitizer sees one octet too many */
	struct conf *c;

	conf_errors_init(errors);
	memcpy(copy, text, len);
	c = conf_parse("f", copy, len, errors);
	free(copy);
	return c;
}

static struct conf *parse_good(const char *text)
{
	struct conf_errors errors;
	struct conf *c = parse(text, &errors);
	char *joined = conf_errors_join(&errors);

	ck_assert_msg(c && !errors.n, "%s", joined);
	free(joined);
	conf_errors_clear(&errors);
	return c;
}

struct text {
	const char *text, *said;
};

#define LINE(more) LINES "lines = ( { name = \"m\"; " more " } );"
#define TTY(more) LINE("type = \"tty\"; device = \"/dev/ttyS0\"; " more)
#define RAW(more) LINE("type = \"tcp\"; " more)
#define RFC(more) LINE("type = \"tcp\"; mode = \"rfc2217\"; " more)
#define PLAN(more) ONE "dialplan = ( { " more " } );"

static const struct text bad[] = {
	/* what a line needs */
	{ LINES "lines = ( { } );", "f:2: lines[0].name: is missing; it must be given (see pacd.conf(5))\n"
				    "f:2: lines[0].type: is missing; it must be given (see pacd.conf(5))\n" },
	{ LINE("type = \"tty\";"),
	  "f:2: lines[0].device: is missing; give the serial device, such as \"/dev/ttyS0\"\n" },
	{ LINE("type = \"pty\";"),
	  "f:2: lines[0].type: \"pty\" is no word for this setting; give one of \"tty\", \"tcp\", \"ppp\"\n"
	  "f:2: lines[0].device: is missing; give the serial device, such as \"/dev/ttyS0\"\n" },
	{ LINE("type = \"tty\"; device = \"ttyS0\";"),
	  "f:2: lines[0].device: \"ttyS0\": not an absolute path; begin it with \"/\"\n" },
	{ RAW(""), "f:2: lines[0].address: is missing; give address for a line to connect to, listen for one where a "
		   "connection is a ring, or both\n" },
	{ RAW("listen = \"0.0.0.0:7001\"; use = \"out\";"),
	  "f:2: lines[0].address: is missing; use is \"out\", so it must be able to connect\n" },
	{ RAW("address = \"192.0.2.9:7001\"; use = \"in\";"),
	  "f:2: lines[0].listen: is missing; use is \"in\", and a connection there is what rings\n" },
	{ RFC(""), "f:2: lines[0].address: is missing; give the terminal server's address and port\n" },
	{ RAW("address = \"192.0.2.9\";"),
	  "f:2: lines[0].address: \"192.0.2.9\" is no IPv4 address with a port; write it like \"192.0.2.10:2001\"\n" },
	{ RAW("address = \"0.0.0.0:1\"; listen = \"224.0.0.1:1\";"),
	  "f:2: lines[0].address: 0.0.0.0:1 is not the address of a host; give another one\n"
	  "f:2: lines[0].listen: 224.0.0.1:1 is not the address of a host; give another one\n" },
	{ RAW("address = \"[2001:db8::1]:7001\";"),
	  "f:2: lines[0].address: \"[2001:db8::1]:7001\": IPv6 is not possible with PPTP (RFC 2637); give an IPv4 "
	  "address\n" },

	/* what belongs to which */
	{ RFC("address = \"192.0.2.9:1\"; listen = \"0.0.0.0:7001\";"),
	  "f:2: lines[0].listen: means nothing for a line of type \"tcp\" and mode \"rfc2217\"; take it out\n" },
	{ TTY("address = \"192.0.2.9:1\"; mode = \"raw\"; peers = [ ];"),
	  "f:2: lines[0].mode: means nothing for a line of type \"tty\"; take it out\n"
	  "f:2: lines[0].address: means nothing for a line of type \"tty\"; take it out\n"
	  "f:2: lines[0].peers: means nothing for a line of type \"tty\"; take it out\n" },
	{ RAW("address = \"192.0.2.9:1\"; device = \"/d\"; baud = 9600; chat = \"x\"; control = \"text\";"),
	  "f:2: lines[0].device: means nothing for a line of type \"tcp\" and mode \"raw\"; take it out\n"
	  "f:2: lines[0].baud: means nothing for a line of type \"tcp\" and mode \"raw\"; take it out\n"
	  "f:2: lines[0].control: means nothing for a line of type \"tcp\" and mode \"raw\"; take it out\n"
	  "f:2: lines[0].chat: means nothing for a line of type \"tcp\" and mode \"raw\"; take it out\n" },
	{ LINE("type = \"ppp\"; device = \"/d\"; speed = 300;"),
	  "f:2: lines[0].device: means nothing for a line of type \"ppp\"; take it out\n"
	  "f:2: lines[0].speed: means nothing for a line of type \"ppp\"; take it out\n" },
	{ LINES "lines = ( { name = \"p\"; type = \"ppp\"; },\n" MODEM " );",
	  "f:3: lines[1]: group \"default\" has lines of type \"ppp\" and others; give them groups of their own\n" },
	{ RAW("address = \"192.0.2.9:1\"; framing = \"sync\";"),
	  "f:2: lines[0].framing: \"sync\" takes a device that keeps frames apart, and a TCP connection does "
	    "not; set it "
	  "to \"async\"\n" },
	{ RFC("address = \"192.0.2.9:1\"; framing = \"sync\";"),
	  "f:2: lines[0].framing: \"sync\" takes a device that keeps frames apart, and a TCP connection does "
	    "not; set it "
	  "to \"async\"\n" },

	/* values */
	{ TTY("baud = 115201;"), "f:2: lines[0].baud: 115201 is no speed of a serial device; give one such as 9600, "
				 "57600, 115200 or 230400\n" },
	{ TTY("baud = 49; count = 0; first = 65536; speed = 299; window = 0;"),
	  "f:2: lines[0].baud: must be a whole number from 50 to 4000000\n"
	  "f:2: lines[0].count: must be a whole number from 1 to 4096\n"
	  "f:2: lines[0].first: must be a whole number from 0 to 65535\n"
	  "f:2: lines[0].speed: must be a whole number from 300 to 2000000000\n"
	  "f:2: lines[0].window: must be a whole number from 1 to 128\n" },
	{ TTY("dial_timeout = 0; retry = 0; caller_id_wait = 31; check = -1;"),
	  "f:2: lines[0].dial_timeout: must be a number of seconds from 0.1 to 600\n"
	  "f:2: lines[0].retry: must be a number of seconds from 0.1 to 86400\n"
	  "f:2: lines[0].caller_id_wait: must be a number of seconds from 0 to 30\n"
	  "f:2: lines[0].check: must be a number of seconds from 0 to 86400\n" },
	{ TTY("bearer = \"isdn\"; flow = \"xonxoff\"; pace = 1; group = \"a b\"; called = \"\\x80\";"),
	  "f:2: lines[0].bearer: \"isdn\" is no word for this setting; give one of \"analog\", \"digital\"\n"
	  "f:2: lines[0].flow: \"xonxoff\" is no word for this setting; give one of \"rtscts\", \"none\"\n"
	  "f:2: lines[0].pace: must be true or false, without quotes\n"
	  "f:2: lines[0].group: \"a b\": not a plain name; use letters, digits, \"_\", \".\" and \"-\" only\n"
	  "f:2: lines[0].called: \"\\x80\": must be printable ASCII; take the other characters out\n" },
	{ TTY("chat = \"usr\";"), "f:2: lines[0].chat: no chat has the name \"usr\"; add it to chats, or take it "
	  "out for "
				  "that of Hayes modems\n" },

	/* many alike */
	{ LINES "lines = ( { name = \"a%%\"; type = \"tty\"; device = \"/dev/%/%\"; called = \"%%\"; } );",
	  "f:2: lines[0].name: \"a%%\": has more than one \"%\"; the number takes the place of one\n"
	  "f:2: lines[0].device: has more than one \"%\"; the number takes the place of one\n"
	  "f:2: lines[0].called: has more than one \"%\"; the number takes the place of one\n" },
	{ TTY("count = 2;"),
	  "f:2: lines[0].name: count is 2, so there must be a \"%\" in it for the number; put it in, or take "
	    "count out\n"
	  "f:2: lines[0].device: count is 2, so there must be a \"%\" in it for the number; put it in, or take count "
	  "out\n" },
	{ LINES "lines = ( { name = \"%23456789_123456789_123456789_123456789_123456789_123456789_123\"; type = "
	  "\"ppp\";\n"
		"count = 10; } );",
	  "f:2: lines[0].name: is longer than 63 octets with its number; make it shorter\n" },
	{ LINES "lines = ( { name = \"a%\"; type = \"tcp\"; count = 3; address = \"192.0.2.9:65534\"; } );",
	  "f:2: lines[0].address: with count = 3 the ports from 192.0.2.9:65534 on go beyond 65535; begin with a lower "
	  "one\n" },
	{ LINES "lines = ( { name = \"a%\"; type = \"ppp\"; count = 4096; },\n{ name = \"b\"; type = \"ppp\"; } );",
	  "f:2: lines: are 4097 with their counts multiplied out; 4096 is the most\n" },

	/* given twice, once they are multiplied out */
	{ LINES "lines = ( { name = \"m%\"; type = \"tty\"; device = \"/dev/ttyS%\"; count = 9; first = 0; },\n"
		"{ name = \"m3\"; type = \"tty\"; device = \"/dev/ttyS7\"; },\n"
		"{ name = \"m%\"; type = \"tty\"; device = \"/dev/ttyUSB%\"; count = 2; first = 8; } );",
	  "f:3: lines[1].name: \"m3\" is the name of a line of lines[0], too; give another one\n"
	  "f:4: lines[2].name: \"m8\" is the name of a line of lines[0], too; give another one\n"
	  "f:3: lines[1].device: \"/dev/ttyS7\" is the device of line \"m7\" (lines[0]), too; give another one\n" },
	{ LINES "lines = ( { name = \"a\"; type = \"tcp\"; mode = \"rfc2217\"; address = \"192.0.2.9:2002\"; },\n"
		"{ name = \"b%\"; type = \"tcp\"; mode = \"rfc2217\"; address = \"192.0.2.9:2001\"; count = 2; } );",
	  "f:3: lines[1].address: 192.0.2.9:2002 is the address of line \"a\" (lines[0]), too; give another one\n" },
	{ LINES "lines = ( { name = \"a%\"; type = \"tcp\"; listen = \"0.0.0.0:7001\"; count = 9; },\n"
		"{ name = \"b\"; type = \"tcp\"; listen = \"10.0.0.1:7003\"; },\n"
		"{ name = \"c%\"; type = \"tcp\"; listen = \"10.0.0.2:1720\"; count = 5; },\n"
		"{ name = \"d\"; type = \"tcp\"; listen = \"10.0.0.2:1720\"; } );",
	  "f:5: lines[3].listen: 10.0.0.2:1720 is the listen of line \"c1\" (lines[2]), too; give another one\n"
	  "f:4: lines[2].listen: 10.0.0.2:1723 is where control connections are accepted (listen); give another one\n"
	  "f:3: lines[1].listen: 10.0.0.1:7003 is the listen of line \"a3\" (lines[0]), too; give another one\n" },
	{ "listen = [ \"10.0.0.2:7001\" ];" LINES "lines = ( { name = \"a\"; type = \"tcp\"; listen = "
	  "\"0.0.0.0:7001\"; } );",
	  "f:2: lines[0].listen: 0.0.0.0:7001 is where control connections are accepted (listen); give another one\n" },

	/* chats */
	{ ONE "chats = ( { name = \"a\"; init = ( { send = \"AT\\\\q\"; timeout = 0; } ); busy = [ \"\" ]; },\n"
	      "{ name = \"a\"; dial = ( 5 ); } );",
	  "f:3: chats[0].init[0].send: \"AT\\x5cq\": an unknown escape: \\T, \\d, \\c and \\\\ are known\n"
	  "f:3: chats[0].init[0].timeout: must be a number of seconds from 0.1 to 3600\n"
	  "f:3: chats[0].busy[0]: is empty; fill it in or take it out\n"
	  "f:4: chats[1].dial[0]: must be a group; write \"{ ... }\"\n"
	  "f:4: chats[1].name: chats[0] has the name \"a\" already; give another one\n" },

	/* routes */
	{ ONE "line_choice = \"any\";", "f:3: line_choice: \"any\" is no word for this setting; give one of "
					"\"longest-idle\", \"first\"\n" },
	{ BASE "\nlines = ( " MODEM " ); routes = ( { called = \"5*\"; }, { pns = [ ]; }, { group = \"isdn\"; pns = [\n"
	       "\"0.0.0.0\", \"224.0.0.1\", \"127.0.0.1\", \"x\" ]; } );",
	  "f:2: routes[0].pns: is missing; it must be given (see pacd.conf(5))\n"
	  "f:2: routes[1].pns: is empty; give at least one address\n"
	  "f:3: routes[2].pns[3]: \"x\" is no IPv4 address with an optional port; write it like \"0.0.0.0:1723\"\n"
	  "f:2: routes[2].group: no line of group \"isdn\" can ring; give the group of lines, or take it out\n"
	  "f:3: routes[2].pns[0]: 0.0.0.0 is not the address of a host; give another one\n"
	  "f:3: routes[2].pns[1]: 224.0.0.1 is not the address of a host; give another one\n" },
	{ BASE "\nlines = ( { name = \"m\"; type = \"tty\"; device = \"/d\"; use = \"out\"; }, { name = \"p\";\n"
	       "type = \"ppp\"; group = \"p\"; } );\n"
	       "routes = ( { group = \"default\"; pns = [ \"192.0.2.1\" ]; },\n{ group = \"p\"; pns = [ "
	         "\"192.0.2.1\" ]; } );",
	  "f:4: routes[0].group: no line of group \"default\" can ring; give the group of lines, or take it out\n"
	  "f:5: routes[1].group: no line of group \"p\" can ring; give the group of lines, or take it out\n" },
	{ ONE "pns = { addresses = [ \"0.0.0.0/0\", \"192.0.2.0-224.0.0.1\" ]; source = \"0.0.0.0\"; port = 0;\n"
	      "offer_timeout = 61; ring_timeout = 0; idle = -1; backoff = 0; };",
	  "f:3: pns.source: \"0.0.0.0\" is not the address of a host; give another one\n"
	  "f:3: pns.port: must be a whole number from 1 to 65535\n"
	  "f:4: pns.offer_timeout: must be a number of seconds from 0.1 to 60\n"
	  "f:4: pns.ring_timeout: must be a number of seconds from 0.1 to 600\n"
	  "f:4: pns.idle: must be a number of seconds from 0 to 86400\n"
	  "f:4: pns.backoff: must be a number of seconds from 0.1 to 3600\n"
	  "f:3: pns.addresses[0]: has addresses that no host can have; give those of your PNSs: whoever is in there is "
	  "offered the calls of your lines\n"
	  "f:3: pns.addresses[1]: has addresses that no host can have; give those of your PNSs: whoever is in there is "
	  "offered the calls of your lines\n" },
	{ ONE "pns = { ring_timeout = 5; };", "f:3: pns: offer_timeout is 10 s, but a ring may take only 5 s "
					      "(ring_timeout); make it smaller\n" },
	{ ONE "wan_error_interval = 0.5;", "f:3: wan_error_interval: must be a number of seconds from 1 to 86400\n" },

	/* dial plan */
	{ PLAN(""), "f:3: dialplan[0].match: is missing; it must be given (see pacd.conf(5))\n"
		    "f:3: dialplan[0].group: is missing; give the group of lines to dial on, or ppp = true\n" },
	{ PLAN("match = \"*\"; group = \"default\"; ppp = true;"),
	  "f:3: dialplan[0].ppp: stands beside a group; give one of the two\n" },
	{ PLAN("match = \"*\"; group = \"isdn\"; from = [ \"192.0.2.1\" ]; prefix = \"0 \"; strip = 65;"),
	  "f:3: dialplan[0].strip: must be a whole number from 0 to 64\n"
	  "f:3: dialplan[0].prefix: can't be dialled; give digits, \"*\", \"#\", \",\" and \"w\"\n"
	  "f:3: dialplan[0].group: no line of group \"isdn\" can dial; give the group of lines\n" },
	{ LINES "lines = ( { name = \"m\"; type = \"tty\"; device = \"/d\"; use = \"in\"; } );\n"
		"dialplan = ( { match = \"*\"; group = \"default\"; from = [ \"192.0.2.1\" ]; } );",
	  "f:3: dialplan[0].group: no line of group \"default\" can dial; give the group of lines\n" },
};

/* SEC-05: an Outgoing-Call-Request comes before any login. */
#define SERVER "servers = ( { host = \"192.0.2.7\"; secret = \"0123456789abcdef\"; } ); "
#define OPEN_PLAN(radius) \
	ONE "radius = { " SERVER radius " }; dialplan = ( { match = \"0*\"; group = \"default\"; } );"
#define FRAUD "f:3: dialplan[0].from: is missing; without it anybody could dial on your lines, since that comes " \
	"before any login: name the PNSs, or let RADIUS decide (radius.precheck = \"lines\" and radius.outbound = " \
	"true)\n"

static const struct text fraud[] = {
	{ PLAN("match = \"0*\"; group = \"default\";"), FRAUD },
	{ PLAN("match = \"0*\"; group = \"default\"; from = [ ];"), FRAUD },
	{ OPEN_PLAN(""), FRAUD },
	{ OPEN_PLAN("outbound = true;"), FRAUD },
	{ OPEN_PLAN("precheck = \"lines\";"), FRAUD },
	{ OPEN_PLAN("precheck = \"vpn\"; outbound = true;"), FRAUD },
	{ OPEN_PLAN("precheck = \"all\"; outbound = true; fail_open = true;"),
	  "f:3: dialplan[0]: anybody could dial on your lines whenever no RADIUS server answers "
	    "(radius.fail_open); name "
	  "the PNSs in from, or set radius.fail_open = false\n" },
};

static void check_bad(const struct text *t)
{
	struct conf_errors errors;
	struct conf *c = parse(t->text, &errors);
	char *joined = conf_errors_join(&errors);

	ck_assert_str_eq(joined, t->said);
	ck_assert_ptr_null(c);
	free(joined);
	conf_errors_clear(&errors);
}

START_TEST(errors_of_lines)
{
	check_bad(&bad[_i]);
}
END_TEST

START_TEST(toll_fraud)
{
	check_bad(&fraud[_i]);
}
END_TEST

static const struct text doubtful[] = {
	{ ONE, "" },
	{ ONE "max_channels = 1; dialplan = ( { match = \"*\"; ppp = true; } );", "" },
	{ OPEN_PLAN("precheck = \"lines\"; outbound = true;"), "" },
	{ OPEN_PLAN("precheck = \"all\"; outbound = true;"), "" },
	{ BASE "lines = ( { name = \"p\"; type = \"ppp\"; group = \"v\"; } ); dialplan = ( { match = \"*\"; "
	  "group = \"v\"; } );",
	  "" },
	{ BASE "radius = { " SERVER "precheck = \"lines\"; }; lines = ( " MODEM " );", "" },
	{ BASE "lines = ( { name = \"m\"; type = \"tty\"; device = \"/d\"; use = \"out\"; } );", "" },
	{ BASE "\nlines = ( " MODEM " );", "f:2: lines: ring, but nothing says for which PNS; give routes, or "
					   "radius.precheck = \"lines\", or use = \"out\"\n" },
	{ LINES "lines = ( { name = \"m%\"; type = \"ppp\"; count = 4096; } );", "" },
	{ LINES "lines = ( { name = \"m%\"; type = \"tty\"; device = \"/dev/ttyS%\"; count = 1001; } );",
	  "f:2: lines: there are 1001 lines, but max_channels lets only 1000 of them have a call at once\n" },
	{ LINES "lines = ( { name = \"m%\"; type = \"tty\"; device = \"/dev/ttyS%\"; count = 3; } ); max_channels = 2;",
	  "f:2: max_channels: there are 3 lines, but max_channels lets only 2 of them have a call at once\n" },
	{ ONE "wan_error_interval = 1;", "f:3: wan_error_interval: is less than the 60 s that RFC 2637 section "
	  "2.14 asks "
					 "for, which is for tests only\n" },
	{ RAW("address = \"192.0.2.9:1\"; peers = [ \"192.0.2.9\" ];"),
	  "f:2: lines[0].peers: does nothing without listen\n" },
	{ PLAN("match = \"*\"; ppp = true; strip = 1; prefix = \"0\";"),
	  "f:3: dialplan[0].strip: does nothing for a local pppd\n" },
	{ PLAN("match = \"*\"; group = \"default\"; from = [ \"0.0.0.0/0\" ];"),
	  "f:3: dialplan[0].from: lets anybody dial on your lines\n" },
	{ LINES "lines = ( { name = \"a%\"; type = \"tcp\"; count = 2; address = \"192.0.2.9:65534\"; } );", "" },
	/* a hunt group may be behind one port, and one port on two addresses is two */
	{ LINES "lines = ( { name = \"a\"; type = \"tcp\"; address = \"192.0.2.9:1\"; }, { name = \"b\"; type = "
	  "\"tcp\";"
		" address = \"192.0.2.9:1\"; listen = \"10.0.0.1:7001\"; }, { name = \"c\"; type = \"tcp\";"
		" listen = \"10.0.0.2:7001\"; } );", "" },
};

START_TEST(warnings)
{
	struct conf *c = parse_good(doubtful[_i].text);
	char *joined = conf_errors_join(&c->warnings);

	ck_assert_str_eq(joined, doubtful[_i].said);
	free(joined);
	conf_free(c);
}
END_TEST

START_TEST(defaults)
{
	struct conf *c = parse_good(ONE), *none = parse_good(BASE);
	const struct conf_line *l = c->real.lines;

	ck_assert(none->real.nlines == 0 && conf_lines_count(none) == 0 && !none->real.nroutes && !none->warnings.n);
	ck_assert(c->real.nlines == 1 && conf_lines_count(c) == 1 && c->real.choice == CONF_CHOICE_LONGEST_IDLE);
	ck_assert_str_eq(l->group, "default");
	ck_assert(l->count == 1 && l->first == 1 && l->baud == 115200 && l->flow == CONF_FLOW_RTSCTS &&
		  l->control == CONF_CONTROL_AUTO && l->mode == CONF_LINE_RAW && !l->address.port && !l->listen.port);
	ck_assert(l->bearer == MSG_BEARER_ANALOG && l->framing == MSG_FRAMING_ASYNC && l->use == CONF_USE_BOTH);
	ck_assert(!l->chat && !l->called && !l->npeers && l->speed == 33600 && l->pace && l->window == 4 &&
		  l->flow_control);
	ck_assert(l->dial_ms == 90000 && l->retry_ms == 30000 && l->caller_id_ms == 3000 && l->check_ms == 300000);
	ck_assert_int_eq(none->real.wen_ms, 60000); /* TIM-06 */
	ck_assert(!none->real.pns.naddresses && !none->real.pns.source && none->real.pns.port == 1723 &&
		  none->real.pns.offer_ms == 10000 && none->real.pns.ring_ms == 45000 &&
		  none->real.pns.idle_ms == 60000 && none->real.pns.backoff_ms == 2000);
	conf_free(c);
	conf_free(none);
}
END_TEST

#define EVERYTHING \
	BASE "listen = [ \"10.0.0.1\" ];\n" \
	"lines = ( { name = \"modem-%\"; type = \"tty\"; group = \"analog\"; count = 3; first = 10; chat = \"usr\";" \
	"  device = \"/dev/ttyS%\"; baud = 57600; flow = \"none\"; control = \"text\"; bearer = \"digital\";" \
	"  framing = \"sync\"; use = \"in\"; called = \"0301234%\"; speed = 64000; pace = false; window = 7;" \
	"  strict_window = \"off\"; dial_timeout = 45; retry = 1.5; caller_id_wait = 0; check = 0; }," \
	"  { name = \"t%\"; type = \"tcp\"; address = \"192.0.2.10:2001\"; listen = \"0.0.0.0:7001\"; count = 2;" \
	"  peers = [ \"192.0.2.0/24\" ]; }," \
	"  { name = \"r\"; type = \"tcp\"; mode = \"rfc2217\"; address = \"192.0.2.11:4001\"; }," \
	"  { name = \"v\"; type = \"ppp\"; group = \"vpn\"; } );" \
	"line_choice = \"first\";" \
	"chats = ( { name = \"usr\"; init = ( { send = \"AT&F1\"; expect = \"OK\"; }, { send = \"\\\\d\\\\c\"; } );" \
	"  answer = ( { send = \"ATA\"; expect = \"CONNECT\"; timeout = 50; } );" \
	"  dial = ( { send = \"ATDP\\\\T\"; expect = \"CONNECT\"; timeout = 60; } );" \
	"  hangup = ( { send = \"ATH\"; expect = \"OK\"; timeout = 2.5; } ); busy = [ \"ENGAGED\", \"FULL\" ];" \
	"  no_carrier = [ \"LOST\" ]; no_dialtone = [ \"SILENT\" ]; no_answer = [ \"NOBODY\" ]; error = [ \"EH\" ];" \
	"  calling = [ \"FROM\" ]; called = [ \"TO\" ]; } );" \
	"routes = ( { called = \"555*\"; calling = \"+49*\"; group = \"analog\"; pns = [ \"192.0.2.1\", " \
	"\"192.0.2.2:9\" ]; }," \
	"  { pns = [ \"192.0.2.3\" ]; } );" \
	"dialplan = ( { match = \"0[1-9]*\"; group = \"default\"; strip = 1; prefix = \"9,\"; from = [ " \
	"\"192.0.2.1\" ]; }," \
	"  { match = \"7*\"; group = \"vpn\"; }, { match = \"*\"; ppp = true; } );" \
	"pns = { addresses = [ \"192.0.2.8/30\" ]; source = \"127.0.0.1\"; port = 17; offer_timeout = 2; " \
	"ring_timeout = 3;" \
	"  idle = 0; backoff = 0.5; };" \
	"wan_error_interval = 2;"

static void expect_line(const struct conf *c, unsigned i, const char *name, const char *device, const char *called,
			unsigned address, unsigned listen)
{
	struct conf_line l;

	ck_assert_int_eq(conf_line_get(c, i, &l), 0);
	ck_assert_str_eq(l.name, name);
	ck_assert(device ? l.device && !strcmp(l.device, device) : !l.device);
	ck_assert(called ? l.called && !strcmp(l.called, called) : !l.called);
	ck_assert_uint_eq(l.address.port, address);
	ck_assert_uint_eq(l.listen.port, listen);
	ck_assert_uint_eq(l.count, 1);
	conf_line_clear(&l);
	ck_assert(!l.name && !l.device && !l.called);
}

START_TEST(by_index)
{
	struct conf *c = parse_good(EVERYTHING);
	struct conf_line l;

	ck_assert_uint_eq(conf_lines_count(c), 7);
	expect_line(c, 0, "modem-10", "/dev/ttyS10", "030123410", 0, 0);
	expect_line(c, 2, "modem-12", "/dev/ttyS12", "030123412", 0, 0);
	expect_line(c, 3, "t1", NULL, NULL, 2001, 7001);
	expect_line(c, 4, "t2", NULL, NULL, 2002, 7002);
	expect_line(c, 5, "r", NULL, NULL, 4001, 0);
	expect_line(c, 6, "v", NULL, NULL, 0, 0);
	ck_assert_int_eq(conf_line_get(c, 7, &l), -ENOENT);
	ck_assert_int_eq(conf_line_get(c, UINT32_MAX, &l), -ENOENT);
	ck_assert_int_eq(conf_line_get(c, 1, &l), 0);
	ck_assert(l.type == CONF_LINE_TTY && l.baud == 57600 && l.flow == CONF_FLOW_NONE &&
		  l.control == CONF_CONTROL_TEXT && l.bearer == MSG_BEARER_DIGITAL && l.framing == MSG_FRAMING_SYNC &&
		  l.use == CONF_USE_IN && l.speed == 64000 && !l.pace && l.window == 7 && !l.flow_control);
	ck_assert(l.dial_ms == 45000 && l.retry_ms == 1500 && l.caller_id_ms == 0 && l.check_ms == 0 && l.first == 11);
	ck_assert_str_eq(l.group, "analog");
	ck_assert_str_eq(l.chat, "usr");
	conf_line_clear(&l);
	conf_free(c);
}
END_TEST

/* Line 0 of two texts. */
static bool same(const char *a, const char *b)
{
	struct conf *c = parse_good(a), *d = parse_good(b);
	struct conf_line x, y;
	bool yes;

	ck_assert(conf_line_get(c, 0, &x) == 0 && conf_line_get(d, 0, &y) == 0);
	yes = conf_line_same(c, &x, d, &y);
	ck_assert_int_eq(conf_line_same(d, &y, c, &x), yes);
	conf_line_clear(&x);
	conf_line_clear(&y);
	conf_free(c);
	conf_free(d);
	return yes;
}

START_TEST(same_or_not)
{
	static const char *const others[] = {
		TTY("group = \"g\";"), TTY("baud = 9600;"), TTY("flow = \"none\";"), TTY("control = \"text\";"),
		TTY("bearer = \"digital\";"), TTY("framing = \"sync\";"), TTY("use = \"in\";"), TTY("called = \"5\";"),
		TTY("speed = 9600;"), TTY("pace = false;"), TTY("window = 5;"), TTY("strict_window = \"off\";"),
		TTY("dial_timeout = 1;"), TTY("retry = 1;"), TTY("caller_id_wait = 1;"), TTY("check = 1;"),
		TTY("chat = \"x\";") "chats = ( { name = \"x\"; } );", LINE("type = \"tty\"; device = \"/dev/ttyS1\";"),
		RAW("listen = \"0.0.0.0:1\";"),
	};
	static const char chat[] = TTY("chat = \"x\";") "chats = ( { name = \"x\"; busy = [ \"B\" ]; } );";

	ck_assert(same(ONE, ONE "max_channels = 5;"));
	/* out of a list, and under another number of its entry */
	ck_assert(same(ONE, LINES "lines = ( { name = \"%\"; type = \"tty\"; device = \"/dev/ttyS0\"; } );") == false);
	ck_assert(same(LINES "lines = ( { name = \"m1\"; type = \"tty\"; device = \"/dev/ttyS1\"; } );",
		       LINES "lines = ( { name = \"m%\"; type = \"tty\"; device = \"/dev/ttyS%\"; count = 4; } );"));
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		ck_assert_msg(!same(ONE, others[i]), "%s", others[i]);
	ck_assert(same(chat, chat));
	ck_assert(!same(chat, TTY("chat = \"x\";") "chats = ( { name = \"x\"; busy = [ \"C\" ]; } );"));
	ck_assert(!same(chat, TTY("chat = \"x\";") "chats = ( { name = \"x\"; busy = [ \"B\" ]; init = ( { } ); } );"));
	ck_assert(!same(RAW("listen = \"0.0.0.0:1\";"), RAW("listen = \"0.0.0.0:1\"; peers = [ \"10.0.0.1\" ];")));
	ck_assert(!same(RAW("listen = \"0.0.0.0:1\";"), RAW("listen = \"0.0.0.0:2\";")));
	ck_assert(!same(RAW("address = \"10.0.0.1:1\";"), RAW("address = \"10.0.0.2:1\";")));
	ck_assert(!same(RAW("address = \"10.0.0.1:1\";"), RFC("address = \"10.0.0.1:1\";")));
}
END_TEST

/* The new part of it once, so that a setting that is read but not printed is seen. */
START_TEST(print)
{
	struct conf *c = parse_good(EVERYTHING), *again;
	char *text = conf_print(c), *second;

	ck_assert_str_eq(strstr(text, "lines = ("),
		"lines = (\n"
		"    {\n        name = \"modem-%\";\n        type = \"tty\";\n        group = \"analog\";\n"
		"        count = 3;\n        first = 10;\n        device = \"/dev/ttyS%\";\n        baud = 57600;\n"
		"        flow = \"none\";\n        control = \"text\";\n        bearer = \"digital\";\n"
		"        framing = \"sync\";\n        use = \"in\";\n        chat = \"usr\";\n"
		"        called = \"0301234%\";\n        speed = 64000;\n        pace = false;\n        window = 7;\n"
		"        strict_window = \"off\";\n        dial_timeout = 45;\n        retry = 1.500;\n"
		"        caller_id_wait = 0;\n        check = 0;\n    },\n"
		"    {\n        name = \"t%\";\n        type = \"tcp\";\n        group = \"default\";\n        "
		  "count = 2;\n"
		"        first = 1;\n        mode = \"raw\";\n        address = \"192.0.2.10:2001\";\n"
		"        listen = \"0.0.0.0:7001\";\n        peers = [ \"192.0.2.0-192.0.2.255\" ];\n"
		"        bearer = \"analog\";\n        framing = \"async\";\n        use = \"both\";\n"
		"        speed = 33600;\n        pace = true;\n        window = 4;\n"
		"        strict_window = \"rfc2637\";\n        dial_timeout = 90;\n        retry = 30;\n"
		"    },\n"
		"    {\n        name = \"r\";\n        type = \"tcp\";\n        group = \"default\";\n        "
		  "count = 1;\n"
		"        first = 1;\n        baud = 115200;\n        flow = \"rtscts\";\n        control = "
		  "\"auto\";\n        mode = \"rfc2217\";\n"
		"        address = \"192.0.2.11:4001\";\n        bearer = \"analog\";\n"
		"        framing = \"async\";\n        use = \"both\";\n        speed = 33600;\n        pace = true;\n"
		"        window = 4;\n        strict_window = \"rfc2637\";\n        dial_timeout = 90;\n"
		"        retry = 30;\n        caller_id_wait = 3;\n        check = 300;\n    },\n"
		"    {\n        name = \"v\";\n        type = \"ppp\";\n        group = \"vpn\";\n        count = 1;\n"
		"        first = 1;\n    }\n);\n"
		"line_choice = \"first\";\n"
		"chats = (\n    {\n        name = \"usr\";\n        init = (\n"
		"            {\n                send = \"AT&F1\";\n                expect = \"OK\";\n"
		"                timeout = 5;\n            },\n"
		"            {\n                send = \"\\x5cd\\x5cc\";\n                timeout = 5;\n            }\n"
		"        );\n        answer = (\n            {\n                send = \"ATA\";\n"
		"                expect = \"CONNECT\";\n                timeout = 50;\n            }\n        );\n"
		"        dial = (\n            {\n                send = \"ATDP\\x5cT\";\n"
		"                expect = \"CONNECT\";\n                timeout = 60;\n            }\n        );\n"
		"        hangup = (\n            {\n                send = \"ATH\";\n                expect = \"OK\";\n"
		"                timeout = 2.500;\n            }\n        );\n"
		"        busy = [ \"ENGAGED\", \"FULL\" ];\n        no_carrier = [ \"LOST\" ];\n"
		"        no_dialtone = [ \"SILENT\" ];\n        no_answer = [ \"NOBODY\" ];\n"
		"        error = [ \"EH\" ];\n        calling = [ \"FROM\" ];\n        called = [ \"TO\" ];\n"
		"    }\n);\n"
		"routes = (\n    {\n        called = \"555*\";\n        calling = \"+49*\";\n"
		"        group = \"analog\";\n        pns = [ \"192.0.2.1:1723\", \"192.0.2.2:9\" ];\n    },\n"
		"    {\n        pns = [ \"192.0.2.3:1723\" ];\n    }\n);\n"
		"dialplan = (\n    {\n        match = \"0[1-9]*\";\n        group = \"default\";\n"
		"        ppp = false;\n        strip = 1;\n        prefix = \"9,\";\n"
		"        from = [ \"192.0.2.1\" ];\n    },\n"
		"    {\n        match = \"7*\";\n        ppp = true;\n        strip = 0;\n        from = [ ];\n    },\n"
		"    {\n        match = \"*\";\n        ppp = true;\n        strip = 0;\n        from = [ ];\n   "
		  " }\n);\n"
		"pns = {\n    addresses = [ \"192.0.2.8-192.0.2.11\" ];\n    source = \"127.0.0.1\";\n    port = 17;\n"
		"    offer_timeout = 2;\n    ring_timeout = 3;\n    idle = 0;\n    backoff = 0.500;\n};\n"
		"wan_error_interval = 2;\n");
	again = parse_good(text);
	second = conf_print(again);
	ck_assert_str_eq(text, second);
	free(text);
	free(second);
	conf_free(c);
	conf_free(again);
}
END_TEST

/* What is a setting is in the sample and in the manual. */
START_TEST(documented)
{
	static const char *const files[] = { "pacd.conf", "pacd.conf.5" };
	struct conf *c = parse_good(EVERYTHING);
	char *text = conf_print(c), *save = NULL, path[4096], *doc = malloc(131072);
	const char *top = getenv("top_srcdir");

	for (char *line = strtok_r(strstr(text, "lines = ("), "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char name[64], *equal = strstr(line, " = ");

		if (!equal)
			continue;
		*equal = '\0';
		snprintf(name, sizeof name, "%s", line + strspn(line, " "));
		for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
			FILE *f;

			snprintf(path, sizeof path, "%s/conf/%s", top ? top : ".", files[i]);
			f = fopen(path, "rb");
			ck_assert_ptr_nonnull(f);
			doc[fread(doc, 1, 131071, f)] = '\0';
			fclose(f);
			ck_assert_msg(strstr(doc, name), "%s is not in %s", name, files[i]);
		}
	}
	free(doc);
	free(text);
	conf_free(c);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("conf_lines");
	TCase *tc = tcase_create("texts");

	tcase_add_loop_test(tc, errors_of_lines, 0, (int)(sizeof bad / sizeof *bad));
	tcase_add_loop_test(tc, toll_fraud, 0, (int)(sizeof fraud / sizeof *fraud));
	tcase_add_loop_test(tc, warnings, 0, (int)(sizeof doubtful / sizeof *doubtful));
	suite_add_tcase(s, tc);
	UNIT_CASE(s, "lines", defaults, by_index, same_or_not);
	UNIT_CASE(s, "print", print, documented);
	return s;
}

UNIT_MAIN(suite)
