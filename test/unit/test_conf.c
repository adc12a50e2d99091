/*
 * pacd.conf: every kind of error with its exact text, the defaults, and the way back to text.
 */
#include "pacd/conf.h"
#include "test/unit/unit.h"

#include <stdio.h>

/* libconfig 1.5 loses the string that it was reading when a syntax error comes. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig";
}

/* The least that a file must have; in one line, so that it moves no line number where it stands first. */
#define POOL "pools = ( { name = \"a\"; local = \"10.0.0.1\"; ranges = [ \"10.0.0.2-99\" ]; } ); "

static struct conf *parse(const char *text, size_t len, struct conf_errors *errors)
{
	/* An exact allocation, so that a sanitizer sees one octet too many. */
	char *copy = malloc(len ? len : 1);
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
	struct conf *c = parse(text, strlen(text), &errors);

	for (size_t i = 0; i < errors.n; i++)
		fprintf(stderr, "%s\n", errors.list[i]);
	ck_assert_ptr_nonnull(c);
	ck_assert_uint_eq(errors.n, 0);
	conf_errors_clear(&errors);
	return c;
}

static void check_bad(const char *text, size_t len, const char *expected)
{
	struct conf_errors errors;
	struct conf *c = parse(text, len, &errors);
	char *joined = conf_errors_join(&errors);

	ck_assert_ptr_null(c);
	ck_assert_str_eq(joined, expected);
	free(joined);
	conf_errors_clear(&errors);
}

struct bad {
	const char *text, *errors;
};

static const struct bad bad[] = {
	/* the file as a whole */
	{ "", "f: pools: is missing; give a pool, or ppp.local when every user has an address of their own\n" },
	{ POOL "\n\nuser = ;", "f:3: syntax error; look for a missing \";\", quote or bracket in this line or the one "
			       "before\n" },
	{ POOL "\nuser = \"a\";\nuser = \"b\";", "f:3: duplicate setting name; a setting may be given once\n" },
	{ POOL "\nlisten = [ \"1.2.3.4\", 5 ];",
	  "f:2: mismatched element type in array; all elements between \"[\" and \"]\" "
	  "must be of one type, and none of them a group or a list\n" },
	{ POOL "\n\n\t @include \"/etc/passwd\"\n",
	  "f:3: @include is not supported; put everything into this one file\n" },
	{ POOL "/*\n@include \"x\"\n*/", "f:2: @include is not supported; put everything into this one file\n" },
	{ POOL "\n/* user = \"x\";\n", "f:2: this comment has no end; close it with \"*/\"\n" },
	{ POOL "\nuser = \"x;\n", "f:2: this string does not end in its line; close it with a double quote\n" },
	{ POOL "\nuser = \"x\\x00y\";\n", "f:2: \"\\x00\" would cut this string short; take it out\n" },

	/* names */
	{ POOL "\nmax_chanels = 3;", "f:2: max_chanels: unknown setting; did you mean \"max_channels\"?\n" },
	{ POOL "\nmtu = 1400;", "f:2: mtu: unknown setting; did you mean \"ppp.mtu\"?\n" },
	{ POOL "\nppp = { speed = 1; };", "f:2: ppp.speed: unknown setting; \"speed\" stands outside of all groups\n" },
	{ POOL "\nfoo = 1;", "f:2: foo: unknown setting; see pacd.conf(5) for all there are\n" },
	{ POOL "\nlocalip = \"10.0.0.1\";",
	  "f:2: localip: unknown setting; pptpd's \"localip\" is pools[].local here\n" },
	{ POOL "\nstimeout = 10;", "f:2: stimeout: unknown setting; pptpd's \"stimeout\" is timers.start here\n" },

	/* numbers */
	{ POOL "\nmax_channels = 0;", "f:2: max_channels: must be a whole number from 1 to 65535\n" },
	{ POOL "\nmax_channels = 65536;", "f:2: max_channels: must be a whole number from 1 to 65535\n" },
	{ POOL "\nmax_channels = -1;", "f:2: max_channels: must be a whole number from 1 to 65535\n" },
	{ POOL "\nmax_channels = 1.5;", "f:2: max_channels: must be a whole number from 1 to 65535\n" },
	{ POOL "\nmax_channels = \"5\";", "f:2: max_channels: must be a whole number from 1 to 65535\n" },
	/* libconfig 1.5 would make 1 of these */
	{ POOL "\nmax_channels = 4294967297;", "f:2: max_channels: must be a whole number from 1 to 65535\n" },
	{ POOL "\nmax_channels = 0x100000001;", "f:2: max_channels: must be a whole number from 1 to 65535\n" },
	{ POOL "\nmax_channels = 99999999999999999999999999999999999999999999999999L;",
	  "f:2: max_channels: must be a whole number from 1 to 65535\n" },
	{ POOL "\nspeed = 299;", "f:2: speed: must be a whole number from 300 to 2000000000\n" },
	{ POOL "\nspeed = 2147483647;", "f:2: speed: must be a whole number from 300 to 2000000000\n" },
	{ POOL "\nwindow = 0;", "f:2: window: must be a whole number from 1 to 1024\n" },
	{ POOL "\nworkers = 65;", "f:2: workers: must be a whole number from 1 to 64\n" },
	{ POOL "\ndrain = 3601;", "f:2: drain: must be a whole number from 0 to 3600\n" },
	{ POOL "\nquarantine = -1;", "f:2: quarantine: must be a whole number from 0 to 3600\n" },
	{ POOL "\nlogin_delay = 10.5;", "f:2: login_delay: must be a number of seconds from 0 to 10\n" },
	{ POOL "\ntimers = { start = 0; };", "f:2: timers.start: must be a number of seconds from 0.01 to 86400\n" },
	{ POOL "\ntimers = { reply = 1e99; };", "f:2: timers.reply: must be a number of seconds from 0.01 to 86400\n" },
	{ POOL "\ntimers = {\necho_idle = \"60\";\necho_reply = 86401; };",
	  "f:3: timers.echo_idle: must be a number of seconds from 0.01 to 86400\n"
	  "f:4: timers.echo_reply: must be a number of seconds from 0.01 to 86400\n" },
	{ POOL "\nlimits = { pending = 1000001; };",
	  "f:2: limits.pending: must be a whole number from 0 to 1000000\n" },
	{ POOL "\nppp = { mtu = 1461; };", "f:2: ppp.mtu: must be a whole number from 128 to 1460\n" },
	{ POOL "\nppp = { check = 1; };", "f:2: ppp.check: must be true or false, without quotes\n" },
	{ POOL "\none_connection_per_peer = \"true\";",
	  "f:2: one_connection_per_peer: must be true or false, without quotes\n" },

	/* words */
	{ POOL "\nlog = { target = \"file\"; level = \"loud\"; };",
	  "f:2: log.target: \"file\" is no word for this setting; give one of \"stderr\", \"syslog\", \"journal\"\n"
	  "f:2: log.level: \"loud\" is no word for this setting; give one of \"error\", \"warn\", \"info\", "
	  "\"debug\"\n" },
	{ POOL "\nlog = \"debug\";", "f:2: log: must be a group; write \"log = { ... };\"\n" },
	{ POOL "\nstrict_window = true;", "f:2: strict_window: must be a text in double quotes\n" },
	{ POOL "\nstrict_window = \"on\";",
	  "f:2: strict_window: \"on\" is no word for this setting; give one of \"off\", \"rfc2637\"\n" },
	{ POOL "\naaa = { method = \"tacacs\"; };",
	  "f:2: aaa.method: \"tacacs\" is no word for this setting; give one of \"local\", \"radius\", "
	  "\"radius,local\"\n" },
	{ POOL "\nppp = { mppe = \"on\"; };",
	  "f:2: ppp.mppe: \"on\" is no word for this setting; give one of \"require\", \"allow\", \"deny\"\n" },
	{ POOL "\nppp = { auth = [ ]; };",
	  "f:2: ppp.auth: is empty; give at least one of \"pap\", \"chap\", \"mschap\", \"mschapv2\"\n" },
	{ POOL "\nppp = { auth = \"mschapv2\"; };",
	  "f:2: ppp.auth: must be an array of texts; write \"auth = [ \"...\", \"...\" ];\"\n" },
	{ POOL "\nppp = { auth = [ \"mschapv2\",\n\"eap\" ]; };",
	  "f:3: ppp.auth[1]: \"eap\" is no word for this setting; give one of \"pap\", \"chap\", \"mschap\", "
	  "\"mschapv2\"\n" },
	{ POOL "\nppp = { auth = [ \"pap\", \"mschapv2\" ]; };",
	  "f:2: ppp.auth: \"pap\" and \"chap\" give no keys for encryption, and ppp.mppe is \"require\"; take them "
	  "out, or set ppp.mppe = \"allow\"\n" },
	{ POOL "\nppp = { auth = [ \"chap\" ]; mppe = \"require\"; };",
	  "f:2: ppp.auth: \"pap\" and \"chap\" give no keys for encryption, and ppp.mppe is \"require\"; take them "
	  "out, or set ppp.mppe = \"allow\"\n" },

	/* texts */
	{ POOL "\nuser = \"\";", "f:2: user: is empty; fill it in or take it out\n" },
	{ POOL "\nuser = 5;", "f:2: user: must be a text in double quotes\n" },
	{ POOL "\nuser = \"a b\";", "f:2: user: \"a b\": not a plain name; use letters, digits, \"_\", \".\" and \"-\" "
				    "only\n" },
	{ POOL "\nuser = \"-x\";", "f:2: user: \"-x\": begins with \"-\"; begin it with a letter or a digit\n" },
	{ POOL "\nuser = \"a12345678901234567890123456789012\";",
	  "f:2: user: is longer than 32 octets; make it shorter\n" },
	{ POOL "\ncontrol_socket = \"run/x\";",
	  "f:2: control_socket: \"run/x\": not an absolute path; begin it with \"/\"\n" },
	{ POOL "\ncontrol_socket = \"/123456789012345678901234567890123456789012345678901234567890123456789012345678901"
	       "23456789012345678901234567\";",
	  "f:2: control_socket: is longer than 107 octets; make it shorter\n" },
	{ POOL "\nppp = { pppd = \"pppd\"; plugin = \"pacd.so\"; options = \"/a\\nb\"; };",
	  "f:2: ppp.pppd: \"pppd\": not an absolute path; begin it with \"/\"\n"
	  "f:2: ppp.plugin: \"pacd.so\": not an absolute path; begin it with \"/\"\n"
	  "f:2: ppp.options: \"/a\\x0ab\": there are control characters in this path; take them out\n" },
	{ POOL "\naaa = { users = \"users\"; };",
	  "f:2: aaa.users: \"users\": not an absolute path; begin it with \"/\"\n" },
	{ POOL "\ncontrol_mode = 660;",
	  "f:2: control_mode: must be a file mode as a text; write it like \"0660\", with quotes\n" },
	{ POOL "\ncontrol_mode = \"4660\";",
	  "f:2: control_mode: must be a file mode as a text; write it like \"0660\", with quotes\n" },
	{ POOL "\nhostname = \"a_b c\";",
	  "f:2: hostname: \"a_b c\": not a plain name; use letters, digits, \"_\", \".\" and \"-\" only\n" },

	/* addresses */
	{ POOL "\nlisten = [ \"::\" ];",
	  "f:2: listen[0]: \"::\": IPv6 is not possible with PPTP (RFC 2637); give an IPv4 address\n" },
	{ POOL "\nlisten = [ \"[2001:db8::1]:1723\" ];",
	  "f:2: listen[0]: \"[2001:db8::1]:1723\": IPv6 is not possible with PPTP (RFC 2637); give an IPv4 address\n" },
	{ POOL "\nlisten = [ \"vpn.example.org\" ];",
	  "f:2: listen[0]: \"vpn.example.org\" is no IPv4 address with an optional port; write it like "
	  "\"0.0.0.0:1723\"\n" },
	{ POOL "\nlisten = [ \"10.0.0.1:0\" ];",
	  "f:2: listen[0]: \"10.0.0.1:0\" is no IPv4 address with an optional port; write it like \"0.0.0.0:1723\"\n" },
	{ POOL "\nlisten = \"0.0.0.0\";",
	  "f:2: listen: must be an array of texts; write \"listen = [ \"...\", \"...\" ];\"\n" },
	{ POOL "\nlisten = [ ];",
	  "f:2: listen: is empty; give at least one address, or take it out to listen on all\n" },
	{ POOL "\nlisten = [ \"0.0.0.0\",\n\"10.0.0.1:1723\" ];",
	  "f:3: listen[1]: 10.0.0.1:1723 is already covered by 0.0.0.0:1723; take one of them out\n" },
	{ POOL "\npeers = { allow = [ \"10.0.0.1/8\" ]; deny = [ \"fe80::/10\", \"x\" ]; };",
	  "f:2: peers.allow[0]: \"10.0.0.1/8\" is no range of addresses; write it like \"10.0.0.0/24\", "
	  "\"10.0.0.5-10.0.0.9\", \"10.0.0.5-9\" or \"10.0.0.5\"\n"
	  "f:2: peers.deny[0]: \"fe80::/10\": IPv6 is not possible with PPTP (RFC 2637); give an IPv4 address\n"
	  "f:2: peers.deny[1]: \"x\" is no range of addresses; write it like \"10.0.0.0/24\", "
	  "\"10.0.0.5-10.0.0.9\", \"10.0.0.5-9\" or \"10.0.0.5\"\n" },
	{ POOL "\nppp = { local = \"10.0.0.300\"; };",
	  "f:2: ppp.local: \"10.0.0.300\" is not an IPv4 address; write it like \"10.0.0.1\"\n" },
	{ POOL "\nppp = { local = \"127.0.0.1\"; };",
	  "f:2: ppp.local: \"127.0.0.1\" is not the address of a host; give another one\n" },
	{ POOL "\nppp = { local = \"10.0.0.9\"; };",
	  "f:2: ppp.local: 10.0.0.9 could be given to a user, it lies in pools[0].ranges[0]; add it to the reserved "
	  "addresses of that pool\n" },

	/* pools */
	{ "pools = 5;", "f:1: pools: must be a list of groups; write \"pools = ( { ... }, { ... } );\"\n" },
	{ "pools = { name = \"a\"; };",
	  "f:1: pools: must be a list of groups; write \"pools = ( { ... }, { ... } );\"\n" },
	{ "pools = ( 5 );", "f:1: pools[0]: must be a group; write \"{ ... }\"\n" },
	{ "pools = (\n{ } );", "f:2: pools[0].name: is missing; it must be given (see pacd.conf(5))\n"
			       "f:2: pools[0].ranges: is missing; it must be given (see pacd.conf(5))\n"
			       "f:2: pools[0].local: is missing; give the address of our end of the links, here or as "
			       "ppp.local\n" },
	{ "pools = ( { name = \"a\"; local = \"10.0.0.1\"; ranges = [ ]; } );",
	  "f:1: pools[0].ranges: is empty; give at least one range of addresses\n" },
	{ "pools = ( { name = \"a\"; local = \"10.0.0.1\"; ranges = [ \"10.0.0.0/24\" ]; } );",
	  "f:1: pools[0].local: 10.0.0.1 could be given to a user, it lies in pools[0].ranges[0]; add it to the "
	  "reserved addresses of that pool\n" },
	{ "pools = ( { name = \"a\"; local = \"10.0.0.1\"; ranges = [ \"10.0.0.2-99\",\n\"10.0.0.99\" ]; } );",
	  "f:2: pools[0].ranges[1]: overlaps pools[0].ranges[0] at 10.0.0.99; an address may be in one range only\n" },
	/* of three the first lies apart, and the second reaches over the third */
	{ "pools = ( { name = \"a\"; local = \"10.0.0.1\"; ranges = [ \"10.0.0.2\", \"10.0.1.0-99\", \"10.0.1.5\",\n"
	  "\"10.0.1.7-8\" ]; } );",
	  "f:1: pools[0].ranges[2]: overlaps pools[0].ranges[1] at 10.0.1.5; an address may be in one range only\n"
	  "f:2: pools[0].ranges[3]: overlaps pools[0].ranges[1] at 10.0.1.7; an address may be in one range only\n" },
	{ "pools = ( { name = \"a\"; local = \"10.0.0.1\"; ranges = [ \"10.0.0.50\" ]; },\n"
	  "{ name = \"a\"; local = \"10.0.0.1\"; ranges = [ \"10.0.0.0/24\" ]; } );",
	  "f:2: pools[1].name: pools[0] has the name \"a\" already; give another one\n"
	  "f:2: pools[1].ranges[0]: overlaps pools[0].ranges[0] at 10.0.0.50; an address may be in one range only\n" },
	{ "pools = ( { name = \"a\"; local = \"10.0.0.1\"; ranges = [ \"10.0.0.9-5\", \"127.0.0.0/24\", \"0.0.0.0/0\", "
	  "\"10.0.0.0/7\", \"223.255.255.0-224.0.0.5\" ]; } );",
	  "f:1: pools[0].ranges[0]: \"10.0.0.9-5\" is no range of addresses; write it like \"10.0.0.0/24\", "
	  "\"10.0.0.5-10.0.0.9\", \"10.0.0.5-9\" or \"10.0.0.5\"\n"
	  "f:1: pools[0].ranges[1]: \"127.0.0.0/24\" has addresses that no host can have; give others\n"
	  "f:1: pools[0].ranges[2]: \"0.0.0.0/0\" has more than 16777216 addresses; make it smaller\n"
	  "f:1: pools[0].ranges[3]: \"10.0.0.0/7\" has more than 16777216 addresses; make it smaller\n"
	  "f:1: pools[0].ranges[4]: \"223.255.255.0-224.0.0.5\" has addresses that no host can have; give others\n" },
	{ "pools = ( { name = \"a\"; local = \"9.0.0.1\"; ranges = [ \"10.0.0.0/8\", \"11.0.0.0/24\" ]; } );",
	  "f:1: pools[0].ranges: have more than 16777216 addresses together; make them smaller\n" },
	{ "pools = ( { name = \"a\"; local = \"10.0.0.1\"; ranges = [ \"10.0.1.0/24\" ]; dns = [ \"1.1.1.1\", "
	  "\"1.1.1.2\", \"1.1.1.3\" ]; wins = [ \"0.0.0.0\" ]; } );",
	  "f:1: pools[0].dns: has 3 elements; 2 is the most\n"
	  "f:1: pools[0].wins[0]: \"0.0.0.0\" is not the address of a host; give another one\n" },
	{ "pools = ( { nam = \"a\"; local = \"10.0.0.1\"; ranges = [ \"10.0.1.0/24\" ]; } );",
	  "f:1: pools[0].nam: unknown setting; did you mean \"name\"?\n"
	  "f:1: pools[0].name: is missing; it must be given (see pacd.conf(5))\n" },
};

START_TEST(test_nul)
{
	static const char text[] = POOL "\nuser = \"a\";\nuser\0 = 1;";

	check_bad(text, sizeof text - 1, "f:3: there is a NUL octet in this line; this must be a text file\n");
}
END_TEST

START_TEST(test_too_long)
{
	size_t len = CONF_FILE_MAX + 1;
	char *text = malloc(len);

	memset(text, ' ', len);
	check_bad(text, len, "f: the file is longer than 16777216 octets; make it shorter\n");
	free(text);
}
END_TEST

START_TEST(test_errors)
{
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		check_bad(bad[i].text, strlen(bad[i].text), bad[i].errors);
}
END_TEST

START_TEST(test_deep)
{
	char text[20000];

	memset(text, '(', sizeof text);
	memcpy(text, "\nuser = ", 8);
	check_bad(text, sizeof text,
		  "f:2: brackets within brackets go too deep; no setting needs more than four levels\n");
}
END_TEST

START_TEST(test_all_at_once)
{
	static const char text[] = "max_channels = 0;\nuser = \"\";\nfoo = 1;\nppp = { mtu = 9;\nmppe = \"x\"; };\n"
				   "listen = [ \"::1\" ];\n";

	check_bad(text, sizeof text - 1,
		  "f:1: max_channels: must be a whole number from 1 to 65535\n"
		  "f:2: user: is empty; fill it in or take it out\n"
		  "f:3: foo: unknown setting; see pacd.conf(5) for all there are\n"
		  "f:4: ppp.mtu: must be a whole number from 128 to 1460\n"
		  "f:5: ppp.mppe: \"x\" is no word for this setting; give one of \"require\", \"allow\", \"deny\"\n"
		  "f:6: listen[0]: \"::1\": IPv6 is not possible with PPTP (RFC 2637); give an IPv4 address\n"
		  "f: pools: is missing; give a pool, or ppp.local when every user has an address of their own\n");
}
END_TEST

START_TEST(test_errors_bounded)
{
	struct conf_errors errors;
	char *text = NULL, *joined;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	for (int i = 0; i < 1500; i++)
		fprintf(out, "x%d = 1;\n", i);
	fclose(out);
	ck_assert_ptr_null(parse(text, size, &errors));
	ck_assert_uint_eq(errors.n, CONF_ERRORS_MAX);
	ck_assert_uint_eq(errors.dropped, 501); /* and the missing pools */
	joined = conf_errors_join(&errors);
	ck_assert_ptr_nonnull(strstr(joined, "\nand 501 more\n"));
	free(joined);
	free(text);
	conf_errors_clear(&errors);
}
END_TEST

/* TIM-01 to TIM-04, CC-08: what RFC 2637 says where the file says nothing. */
START_TEST(test_defaults)
{
	struct conf *c = parse_good(POOL);

	ck_assert_uint_eq(c->nlisten, 1);
	ck_assert_uint_eq(c->listen[0].addr, 0);
	ck_assert_uint_eq(c->listen[0].port, 1723);
	ck_assert_uint_eq(c->max_channels, 1000);
	ck_assert_str_eq(c->user, "pacd");
	ck_assert_str_eq(c->control.path, "/run/pacd/control.sock");
	ck_assert_ptr_null(c->control.owner);
	ck_assert_uint_eq(c->control.mode, 0660);
	ck_assert_int_eq(c->timers.start_ms, 60000);
	ck_assert_int_eq(c->timers.reply_ms, 60000);
	ck_assert_int_eq(c->timers.echo_idle_ms, 60000);
	ck_assert_int_eq(c->timers.echo_reply_ms, 60000);
	ck_assert(!c->one_connection_per_peer);
	ck_assert_uint_eq(c->window, 64);
	ck_assert(!c->strict_window);
	ck_assert_uint_eq(c->workers, 1);
	ck_assert_uint_eq(c->login_delay_ms, 1000);
	ck_assert_int_eq(*c->ppp.pppd, '/'); /* where configure found it */
	ck_assert(c->ppp.check && c->ppp.ipparam && !c->ppp.ipv6 && !c->ppp.mppe_stateful);
	ck_assert_uint_eq(c->ppp.mtu, 1400);
	ck_assert_uint_eq(c->ppp.auth, CONF_AUTH_MSCHAPV2);
	ck_assert_int_eq(c->ppp.mppe, CONF_MPPE_REQUIRE);
	ck_assert_uint_eq(c->ppp.lcp_echo_interval, 30);
	ck_assert_uint_eq(c->ppp.lcp_echo_failure, 4);
	ck_assert_int_eq(c->aaa.method, CONF_METHOD_LOCAL);
	ck_assert_ptr_null(c->ppp.change_script);
	ck_assert_ptr_null(c->aaa.users);
	ck_assert_str_eq(c->file, "f");
	ck_assert_uint_eq(c->warnings.n, 1);
	ck_assert_str_eq(c->warnings.list[0], "f: aaa.users names no file; nobody can log in");
	conf_free(c);
}
END_TEST

/* Secrets in files, for those in the text are not printed. */
#define RADIUS_EVERYTHING \
	"radius = { servers = ( { host = \"192.0.2.1\"; port = 1; acct_port = 2; secret_file = \"/s\"; timeout = 0.5;" \
	"  retries = 3; priority = 4; require_message_authenticator = \"yes\"; status_server = true; }," \
	"  { host = \"radius.example.org\"; secret_file = \"/t\"; } );" \
	" dictionary = \"/d\"; nas_identifier = \"nas one\"; nas_ip_address = \"10.0.0.1\";" \
	" nas_ipv6_address = \"2001:db8::0:1\"; total = 2.5; max_fail = 4; dead_time = 5; max_outstanding = 6;" \
	" precheck = \"vpn\"; precheck_password = \"pp\"; outbound = true; fail_open = true;" \
	" filters = [ \"f\", \"g h\" ]; unknown_filter = \"ignore\"; unknown_pool = \"refuse\";" \
	" unknown_attributes = \"refuse\";" \
	" acct = { enabled = true; interim = 0; interim_min = 61; spool = \"/sp\"; spool_max = 7; on_off = false;" \
	"  tunnel = true; };" \
	" das = { listen = [ \"10.0.0.1\", \"[2001:db8::1]:99\", \"[::]\" ]; clients = ( { host = \"2001:db8::2\";" \
	"  secret_file = \"/s\"; require_message_authenticator = true; } ); window = 8;" \
	"  require_event_timestamp = true; }; };"

#define EVERYTHING \
	"listen = ( \"10.1.1.1\", \"10.1.1.2:9\" ); max_channels = 0x10; user = \"u\";" \
	"control_socket = \"/tmp/\\\"q\\\\\"; control_owner = \"o\"; control_group = \"g\"; control_mode = \"640\";" \
	"log = { target = \"journal\"; level = \"debug\"; };" \
	"limits = { connections = 9; connections_per_peer = 1; calls_per_peer = 2; calls_per_connection = 3; pending = 0;" \
	" pending_per_peer = 4; call_rate_per_peer = 5; };" \
	"peers = { allow = [ \"10.0.0.0/8\", \"192.0.2.7\" ]; deny = [ \"10.9.0.0/16\", \"10.8.0.1-5\" ]; };" \
	"timers = { start = 0.25; reply = 1; echo_idle = 1.5; echo_reply = 2.0; dial = 3; login = 4;" \
	" ack_timeout_max = 0.5; };" \
	"drain = 7; quarantine = 0; hostname = \"h.example\"; one_connection_per_peer = true; window = 8;" \
	"strict_window = \"rfc2637\"; workers = 2; speed = 64000; login_delay = 0.5;" \
	"ppp = { pppd = \"/p\"; plugin = \"/q\"; options = \"/o\"; check = false; mtu = 1300;" \
	"  auth = [ \"pap\", \"chap\", \"mschap\", \"mschapv2\" ]; mppe = \"allow\"; mppe_stateful = true;" \
	"  lcp_echo_interval = 1; lcp_echo_failure = 2; ipv6 = true; ipparam = false; change_script = \"/c\";" \
	"  local = \"10.255.0.1\"; };" \
	"aaa = { method = \"radius,local\"; users = \"/u\"; };" \
	RADIUS_EVERYTHING \
	"pools = ( { name = \"a\"; ranges = [ \"10.0.0.0/24\", \"10.0.1.0/31\", \"10.0.2.7\" ];" \
	"  reserved = [ \"10.0.0.0/30\" ]; dns = [ \"10.0.0.1\", \"10.0.0.2\" ]; wins = [ \"10.0.0.3\" ];" \
	"  proxyarp = true; }, { name = \"b\"; local = \"10.0.0.1\"; ranges = [ \"172.16.0.0/12\" ]; } );"

START_TEST(test_values)
{
	struct conf *c = parse_good(EVERYTHING);
	const struct conf_pool *a = conf_pool_find(c, NULL), *b = conf_pool_find(c, "b");

	ck_assert_uint_eq(c->nlisten, 2);
	ck_assert_uint_eq(c->listen[0].port, 1723);
	ck_assert_uint_eq(c->listen[1].port, 9);
	ck_assert_uint_eq(c->max_channels, 16);
	ck_assert_str_eq(c->control.path, "/tmp/\"q\\");
	ck_assert_uint_eq(c->control.mode, 0640);
	ck_assert_int_eq(c->log_target, LOG_TO_JOURNAL);
	ck_assert_int_eq(c->log_level, LOG_LEVEL_DEBUG);
	ck_assert_uint_eq(c->limits.calls_per_connection, 3);
	ck_assert_uint_eq(c->limits.pending, 0);
	ck_assert_uint_eq(c->limits.connections, 9);
	ck_assert_int_eq(c->login_ms, 4000);
	ck_assert_int_eq(c->ack_timeout_max_ms, 500);
	ck_assert_int_eq(c->timers.start_ms, 250);
	ck_assert_int_eq(c->timers.echo_idle_ms, 1500);
	ck_assert_int_eq(c->timers.echo_reply_ms, 2000);
	ck_assert_uint_eq(c->login_delay_ms, 500);
	ck_assert_str_eq(c->hostname, "h.example");
	ck_assert(c->strict_window && c->one_connection_per_peer);
	ck_assert_uint_eq(c->ppp.auth, 15);
	ck_assert_int_eq(c->ppp.mppe, CONF_MPPE_ALLOW);
	ck_assert(!c->ppp.check && !c->ppp.ipparam && c->ppp.ipv6 && c->ppp.mppe_stateful);
	ck_assert_str_eq(a->name, "a");
	ck_assert_uint_eq(a->local, 0x0aff0001); /* ppp.local stands in */
	ck_assert_uint_eq(a->nranges, 3);
	ck_assert_uint_eq(a->ranges[0].first, 0x0a000001); /* no network address, no broadcast address */
	ck_assert_uint_eq(a->ranges[0].last, 0x0a0000fe);
	ck_assert_uint_eq(a->ranges[1].first, 0x0a000100); /* both of a /31 */
	ck_assert_uint_eq(a->ranges[1].last, 0x0a000101);
	ck_assert_uint_eq(a->reserved[0].first, 0x0a000000);
	ck_assert_uint_eq(a->dns[1], 0x0a000002);
	ck_assert_uint_eq(a->wins[0], 0x0a000003);
	ck_assert_uint_eq(a->wins[1], 0);
	ck_assert(a->proxyarp && !b->proxyarp);
	ck_assert_uint_eq(b->local, 0x0a000001);
	ck_assert_ptr_null(conf_pool_find(c, "c"));
	ck_assert_uint_eq(c->warnings.n, 1);
	ck_assert_str_eq(c->warnings.list[0], "f:1: ppp.auth: \"pap\" sends passwords in clear text");
	conf_free(c);
}
END_TEST

/* SEC-01: who may connect. */
START_TEST(test_peers)
{
	struct conf *c = parse_good(EVERYTHING), *open = parse_good(POOL);

	ck_assert(conf_peer_allowed(c, 0x0a000001));
	ck_assert(!conf_peer_allowed(c, 0x0a090001)); /* deny goes first */
	ck_assert(!conf_peer_allowed(c, 0x0a080005));
	ck_assert(conf_peer_allowed(c, 0x0a080006));
	ck_assert(conf_peer_allowed(c, 0xc0000207));
	ck_assert(!conf_peer_allowed(c, 0xc0000208));
	ck_assert(conf_peer_allowed(open, 0xc0000208));
	conf_free(c);
	conf_free(open);
}
END_TEST

START_TEST(test_warn_channels)
{
	struct conf *c = parse_good(POOL "\nmax_channels = 99; aaa = { users = \"/u\"; };");

	ck_assert_uint_eq(c->warnings.n, 1);
	ck_assert_str_eq(c->warnings.list[0], "f:2: max_channels: is 99, but the pools have only 98 addresses");
	conf_free(c);
}
END_TEST

static void check_round_trip(const char *text)
{
	struct conf *c = parse_good(text), *again;
	char *first = conf_print(c), *second;

	again = parse_good(first);
	second = conf_print(again);
	ck_assert_str_eq(first, second);
	ck_assert_int_eq(memcmp(&c->timers, &again->timers, sizeof c->timers), 0);
	ck_assert_uint_eq(c->ppp.auth, again->ppp.auth);
	ck_assert_uint_eq(c->pools[0].ranges[0].first, again->pools[0].ranges[0].first);
	ck_assert_uint_eq(c->pools[0].ranges[0].last, again->pools[0].ranges[0].last);
	free(first);
	free(second);
	conf_free(c);
	conf_free(again);
}

START_TEST(test_round_trip)
{
	check_round_trip(POOL);
	check_round_trip(EVERYTHING);
}
END_TEST

/* The whole of it once, so that a setting that is read but not printed is seen. */
START_TEST(test_print)
{
	struct conf *c = parse_good(EVERYTHING);
	char *text = conf_print(c);

	ck_assert_str_eq(text,
		"listen = [ \"10.1.1.1:1723\", \"10.1.1.2:9\" ];\nmax_channels = 16;\nuser = \"u\";\n"
		"control_socket = \"/tmp/\\x22q\\x5c\";\ncontrol_owner = \"o\";\ncontrol_group = \"g\";\n"
		"control_mode = \"0640\";\n"
		"log = {\n    target = \"journal\";\n    level = \"debug\";\n};\n"
		"limits = {\n    connections = 9;\n    connections_per_peer = 1;\n    calls_per_peer = 2;\n    calls_per_connection = 3;\n"
		"    pending = 0;\n    pending_per_peer = 4;\n    call_rate_per_peer = 5;\n};\n"
		"peers = {\n    allow = [ \"10.0.0.0-10.255.255.255\", \"192.0.2.7\" ];\n"
		"    deny = [ \"10.9.0.0-10.9.255.255\", \"10.8.0.1-10.8.0.5\" ];\n};\n"
		"timers = {\n    start = 0.250;\n    reply = 1;\n    echo_idle = 1.500;\n    echo_reply = 2;\n    dial = 3;\n"
		"    login = 4;\n    ack_timeout_max = 0.500;\n};\n"
		"drain = 7;\nquarantine = 0;\nhostname = \"h.example\";\none_connection_per_peer = true;\n"
		"window = 8;\nstrict_window = \"rfc2637\";\nworkers = 2;\nspeed = 64000;\nlogin_delay = 0.500;\n"
		"ppp = {\n    pppd = \"/p\";\n    plugin = \"/q\";\n    options = \"/o\";\n    check = false;\n"
		"    mtu = 1300;\n    auth = [ \"pap\", \"chap\", \"mschap\", \"mschapv2\" ];\n    mppe = \"allow\";\n"
		"    mppe_stateful = true;\n    lcp_echo_interval = 1;\n    lcp_echo_failure = 2;\n    ipv6 = true;\n"
		"    ipparam = false;\n    change_script = \"/c\";\n    local = \"10.255.0.1\";\n};\n"
		"aaa = {\n    method = \"radius,local\";\n    users = \"/u\";\n};\n"
		"radius = {\n    servers = (\n"
		"        {\n            host = \"192.0.2.1\";\n            port = 1;\n            acct_port = 2;\n"
		"            secret_file = \"/s\";\n            timeout = 0.500;\n            retries = 3;\n"
		"            priority = 4;\n            require_message_authenticator = \"yes\";\n"
		"            status_server = true;\n        },\n"
		"        {\n            host = \"radius.example.org\";\n            port = 1812;\n"
		"            acct_port = 1813;\n            secret_file = \"/t\";\n            timeout = 2;\n"
		"            retries = 2;\n            priority = 1;\n"
		"            require_message_authenticator = \"auto\";\n            status_server = false;\n"
		"        }\n    );\n"
		"    dictionary = \"/d\";\n    nas_identifier = \"nas one\";\n    nas_ip_address = \"10.0.0.1\";\n"
		"    nas_ipv6_address = \"2001:db8::1\";\n    total = 2.500;\n    max_fail = 4;\n"
		"    dead_time = 5;\n    max_outstanding = 6;\n    precheck = \"vpn\";\n    outbound = true;\n"
		"    fail_open = true;\n    filters = [ \"f\", \"g h\" ];\n    unknown_filter = \"ignore\";\n"
		"    unknown_pool = \"refuse\";\n    unknown_attributes = \"refuse\";\n"
		"    acct = {\n        enabled = true;\n        interim = 0;\n        interim_min = 61;\n"
		"        spool = \"/sp\";\n        spool_max = 7;\n        on_off = false;\n        tunnel = true;\n"
		"    };\n"
		"    das = {\n        listen = [ \"10.0.0.1:3799\", \"[2001:db8::1]:99\", \"[::]:3799\" ];\n"
		"        clients = (\n            {\n                host = \"2001:db8::2\";\n"
		"                secret_file = \"/s\";\n                require_message_authenticator = true;\n"
		"            }\n        );\n        window = 8;\n        require_event_timestamp = true;\n    };\n"
		"};\n"
		"pools = (\n"
		"    {\n        name = \"a\";\n        local = \"10.255.0.1\";\n"
		"        ranges = [ \"10.0.0.1-10.0.0.254\", \"10.0.1.0-10.0.1.1\", \"10.0.2.7\" ];\n"
		"        reserved = [ \"10.0.0.0-10.0.0.3\" ];\n        dns = [ \"10.0.0.1\", \"10.0.0.2\" ];\n"
		"        wins = [ \"10.0.0.3\" ];\n        proxyarp = true;\n    },\n"
		"    {\n        name = \"b\";\n        local = \"10.0.0.1\";\n"
		"        ranges = [ \"172.16.0.1-172.31.255.254\" ];\n        reserved = [ ];\n"
		"        proxyarp = false;\n    }\n);\n"
		"lines = (\n);\nline_choice = \"longest-idle\";\nchats = (\n);\nroutes = (\n);\ndialplan = (\n);\n"
		"pns = {\n    addresses = [ ];\n    port = 1723;\n    offer_timeout = 10;\n    ring_timeout = 45;\n"
		"    idle = 60;\n    backoff = 2;\n};\nwan_error_interval = 60;\n");
	free(text);
	conf_free(c);
}
END_TEST

/* What is a setting is in the sample and in the manual. */
START_TEST(test_documented)
{
	static const char *const files[] = { "pacd.conf", "pacd.conf.5" };
	struct conf *c = parse_good(EVERYTHING);
	char *text = conf_print(c), *save = NULL, path[4096], *doc = malloc(65536);
	const char *top = getenv("top_srcdir");

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
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
			doc[fread(doc, 1, 65535, f)] = '\0';
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
	Suite *s = suite_create("conf");

	UNIT_CASE(s, "errors", test_errors, test_nul, test_too_long, test_deep, test_all_at_once, test_errors_bounded);
	UNIT_CASE(s, "values", test_defaults, test_values, test_peers, test_warn_channels);
	UNIT_CASE(s, "print", test_round_trip, test_print, test_documented);
	return s;
}

UNIT_MAIN(suite)
