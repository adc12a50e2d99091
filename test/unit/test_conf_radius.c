/*
 * pacd.conf's radius group: every kind of error with its exact text, warnings, defaults, secrets that are never shown,
 * and what the root part adds (RAD-01, RAD-09, RAD-53, RAD-57, RAD-63, RAD-80, RAD-82, RAD-104, RAD-107, RAD-108).
 */
#include "pacd/conf.h"
#include "test/unit/unit.h"

#include <arpa/inet.h>
#include <stdio.h>

/* libconfig 1.5 loses the string that it was reading when a syntax error comes. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig";
}

/* In line 1; what a case adds begins with line 2. */
#define POOL "pools = ( { name = \"a\"; local = \"10.0.0.1\"; ranges = [ \"10.0.0.2-99\" ]; } ); "
#define LOCAL POOL "aaa = { users = \"/u\"; };\n"
#define RADIUS POOL "aaa = { method = \"radius\"; };\n"
#define LONG "0123456789abcdef"
#define SERVER "{ host = \"192.0.2.1\"; secret = \"" LONG "\"; }"
#define SERVERS "servers = ( " SERVER " ); "

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

static const struct text bad[] = {
	/* what is needed */
	{ RADIUS "", "f:1: aaa.method: needs RADIUS servers, and there are none; give radius.servers or "
	  "radius.config\n" },
	{ LOCAL "radius = { precheck = \"vpn\"; };",
	  "f:2: radius.precheck: needs RADIUS servers, and there are none; give radius.servers or radius.config\n" },
	{ RADIUS "radius = { servers = ( { host = \"192.0.2.1\"; port = 0; secret = \"" LONG "\"; } ); };",
	  "f:1: aaa.method: needs a server to ask, and port is 0 in all radius.servers; give one its port\n" },
	{ LOCAL "radius = { " SERVERS "\nconfig = \"/c\"; };",
	  "f:3: radius.config: stands beside radius.servers; give one of the two\n" },

	/* servers */
	{ LOCAL "radius = { servers = {}; };",
	  "f:2: radius.servers: must be a list of groups; write \"servers = ( { ... }, { ... } );\"\n" },
	{ LOCAL "radius = { servers = ( 5,\n{ } ); };",
	  "f:2: radius.servers[0]: must be a group; write \"{ ... }\"\n"
	  "f:3: radius.servers[1].host: is missing; it must be given (see pacd.conf(5))\n"
	  "f:3: radius.servers[1].secret: is missing; give secret or secret_file\n" },
	{ LOCAL "radius = { servers = ( { host = \"192.0.2.1\"; secret = \"" LONG "\";\nsecret_file = \"/s\"; } ); };",
	  "f:3: radius.servers[0].secret_file: stands beside a secret; give one of the two\n" },
	{ LOCAL "radius = { servers = ( { host = \"a\"; port = 0; acct_port = 0; secret = \"" LONG "\"; } ); };",
	  "f:2: radius.servers[0].port: port and acct_port are both 0, so it is asked nothing; give one\n" },
	{ LOCAL "radius = { servers = ( { host = \"a\"; port = 65536; secret = \"" LONG "\"; timeout = 0.09;\n"
		"retries = 11; priority = 1001; require_message_authenticator = true; status_server = \"yes\"; } ); };",
	  "f:2: radius.servers[0].port: must be a whole number from 0 to 65535\n"
	  "f:2: radius.servers[0].timeout: must be a number of seconds from 0.1 to 16\n"
	  "f:3: radius.servers[0].retries: must be a whole number from 0 to 10\n"
	  "f:3: radius.servers[0].priority: must be a whole number from 0 to 1000\n"
	  "f:3: radius.servers[0].require_message_authenticator: must be a text in double quotes\n"
	  "f:3: radius.servers[0].status_server: must be true or false, without quotes\n" },
	{ LOCAL "radius = { servers = ( { host = \"a\"; secret = \"" LONG "\"; timeout = 30.1;\n"
		"require_message_authenticator = \"maybe\"; } ); };",
	  "f:2: radius.servers[0].timeout: must be a number of seconds from 0.1 to 16\n"
	  "f:3: radius.servers[0].require_message_authenticator: \"maybe\" is no word for this setting; give one of "
	  "\"yes\", \"auto\", \"no\"\n" },

	/* hosts */
#define HOST_FAILS(host, said)                                                                          \
	{ LOCAL "radius = { servers = ( { host = \"" host "\"; secret = \"" LONG "\"; } ); };",          \
	  "f:2: radius.servers[0].host: \"" host "\": " said "\n" }
	HOST_FAILS("10.0.0.300", "not an IPv4 address; write it like \"10.0.0.1\""),
	HOST_FAILS("10.0.1", "not an IPv4 address; write it like \"10.0.0.1\""),
	HOST_FAILS("0.0.0.0", "not the address of a host; give another one"),
	HOST_FAILS("224.0.0.1", "not the address of a host; give another one"),
	HOST_FAILS("255.255.255.255", "not the address of a host; give another one"),
	HOST_FAILS("::", "not the address of a host; give another one"),
	HOST_FAILS("ff02::1", "not the address of a host; give another one"),
	HOST_FAILS("fe80::1", "a link-local address means nothing without its interface; give another one"),
	HOST_FAILS("fe80::1%eth0", "not an IPv6 address; write it like \"2001:db8::1\", without brackets or a port"),
	HOST_FAILS("::ffff:10.0.0.1", "an IPv4 address in IPv6's clothes; write it as an IPv4 address"),
	HOST_FAILS("[2001:db8::1]", "not an IPv6 address; write it like \"2001:db8::1\", without brackets or a port"),
	HOST_FAILS("192.0.2.1:1812", "not an IPv6 address; write it like \"2001:db8::1\", without brackets or a port"),
	HOST_FAILS("a b", "neither a host's name nor an address; give one of them, without brackets or a port"),
	HOST_FAILS("-a", "begins with \"-\"; begin it with a letter or a digit"),

	/* the same server twice: per role, whatever way its address is written */
	{ LOCAL "radius = { servers = ( " SERVER ",\n" SERVER " ); };",
	  "f:3: radius.servers[1].host: 192.0.2.1 with the same port is servers[0] already; take one of them out\n" },
	{ LOCAL "radius = { servers = ( { host = \"2001:db8::1\"; acct_port = 0; secret = \"" LONG "\"; },\n"
		"{ host = \"2001:0db8:0:0::1\"; acct_port = 9; secret = \"" LONG "\"; } ); };",
	  "f:3: radius.servers[1].host: 2001:0db8:0:0::1 with the same port is servers[0] already; take one of them "
	  "out\n" },
	{ LOCAL "radius = { servers = ( { host = \"a.example\"; port = 9; secret = \"" LONG "\"; },\n"
		"{ host = \"A.example\"; secret = \"" LONG "\"; } ); };",
	  "f:3: radius.servers[1].host: A.example with the same port is servers[0] already; take one of them out\n" },

	/* the rest of the group */
	{ LOCAL "radius = { config = \"c\"; dictionary = \"d\"; nas_identifier = \"\"; };",
	  "f:2: radius.config: \"c\": not an absolute path; begin it with \"/\"\n"
	  "f:2: radius.dictionary: \"d\": not an absolute path; begin it with \"/\"\n"
	  "f:2: radius.nas_identifier: is empty; fill it in or take it out\n" },
	{ LOCAL "radius = { nas_ip_address = \"169.254.1.1\"; nas_ipv6_address = \"fe80::1\"; };",
	  "f:2: radius.nas_ip_address: \"169.254.1.1\": a link-local address names nobody to a server (RFC 5080 "
	  "section "
	  "2.7); give another one\n"
	  "f:2: radius.nas_ipv6_address: \"fe80::1\": a link-local address names nobody to a server (RFC 5080 section "
	  "2.7); give another one\n" },
	{ LOCAL "radius = { nas_ip_address = \"0.0.0.0\"; nas_ipv6_address = \"10.0.0.1\"; };",
	  "f:2: radius.nas_ip_address: \"0.0.0.0\": not the address of a host; give another one\n"
	  "f:2: radius.nas_ipv6_address: \"10.0.0.1\": not an IPv6 address; write it like \"2001:db8::1\"\n" },
	{ LOCAL "radius = { nas_ip_address = \"vpn\"; nas_ipv6_address = \"::\"; };",
	  "f:2: radius.nas_ip_address: \"vpn\": not an IPv4 address; write it like \"10.0.0.1\"\n"
	  "f:2: radius.nas_ipv6_address: \"::\": not the address of a host; give another one\n" },
	{ LOCAL "radius = { total = 24.1; max_fail = 0; dead_time = 0; max_outstanding = 65537; };",
	  "f:2: radius.total: must be a number of seconds from 1 to 24\n"
	  "f:2: radius.max_fail: must be a whole number from 1 to 1000\n"
	  "f:2: radius.dead_time: must be a whole number from 1 to 86400\n"
	  "f:2: radius.max_outstanding: must be a whole number from 1 to 65536\n" },
	{ LOCAL "timers = { dial = 5; };\nradius = { " SERVERS "\ntotal = 5; };",
	  "f:4: radius.total: total is 5 s, but a call waits for its answer only 5 s (timers.dial); make total "
	  "smaller\n" },
	{ LOCAL "timers = { dial = 5; };\nradius = { " SERVERS "};",
	  "f:3: radius: total is 20 s, but a call waits for its answer only 5 s (timers.dial); make total smaller\n" },
	{ LOCAL "radius = { precheck = \"on\"; unknown_pool = \"default\"; filters = \"a\"; };",
	  "f:2: radius.precheck: \"on\" is no word for this setting; give one of \"off\", \"vpn\", \"all\", \"lines\"\n"
	  "f:2: radius.unknown_pool: \"default\" is no word for this setting; give one of \"refuse\", \"ignore\"\n"
	  "f:2: radius.filters: must be an array of texts; write \"filters = [ \"...\", \"...\" ];\"\n" },
	{ LOCAL "radius = { filters = ( \"a\", \"\",\n5, \"b\\x07\" ); };",
	  "f:2: radius.filters[1]: is empty; fill it in or take it out\n"
	  "f:3: radius.filters[2]: must be a text in double quotes\n"
	  "f:3: radius.filters[3]: \"b\\x07\": there are control characters in this name; take them out\n" },

	/* accounting */
	{ LOCAL "radius = { acct = { interim = 59; }; };",
	  "f:2: radius.acct.interim: must be 0, for none, or a whole number from 60 to 86400\n" },
	{ LOCAL "radius = { acct = { interim = 86401; interim_min = 59; spool = \"x\"; spool_max = 0; }; };",
	  "f:2: radius.acct.interim: must be a whole number from 0 to 86400\n"
	  "f:2: radius.acct.interim_min: must be a whole number from 60 to 86400\n"
	  "f:2: radius.acct.spool: \"x\": not an absolute path; begin it with \"/\"\n"
	  "f:2: radius.acct.spool_max: must be a whole number from 1 to 10240\n" },
	{ LOCAL "radius = { acct = { interim = 100;\ninterim_min = 101; }; };",
	  "f:2: radius.acct.interim: interim is 100, below interim_min, which is 101; make one of them fit the "
	  "other\n" },
	{ LOCAL "radius = { acct = { interim = 600;\ninterim_min = 601; }; };",
	  "f:2: radius.acct.interim: interim is 600, below interim_min, which is 601; make one of them fit the "
	  "other\n" },

	/* dynamic authorization */
	{ LOCAL "radius = { das = { listen = [ \"0.0.0.0\" ]; }; };",
	  "f:2: radius.das.listen: nobody is allowed to ask; give radius.das.clients, or take listen out\n" },
#define LISTEN_FAILS(text)                                                                                   \
	{ LOCAL "radius = { das = { listen = [ \"" text "\" ]; clients = ( " SERVER " ); }; };",             \
	  "f:2: radius.das.listen[0]: \"" text "\" is no address with an optional port; write it like "      \
	  "\"0.0.0.0:3799\" or \"[::1]:3799\"\n" }
	LISTEN_FAILS("::1"), LISTEN_FAILS("[::1"), LISTEN_FAILS("[::1]3799"), LISTEN_FAILS("[::1]5"),
	LISTEN_FAILS("[::1]:0"),
	LISTEN_FAILS("[::1]:65536"), LISTEN_FAILS("[::1]:"), LISTEN_FAILS("[fe80::1]"), LISTEN_FAILS("[ff02::1]"),
	LISTEN_FAILS("[::ffff:10.0.0.1]"), LISTEN_FAILS("[]"), LISTEN_FAILS("host:3799"), LISTEN_FAILS("224.0.0.1"),
	LISTEN_FAILS("[10.0.0.1]"), LISTEN_FAILS("10.0.0.1:0"), LISTEN_FAILS("[::1]:1234567890123"),
	LISTEN_FAILS("[2001:0db8:0000:0000:0000:0000:0000:0000:0000:0001]"), LISTEN_FAILS("[::1]::1"),
	{ LOCAL "radius = { das = { listen = [ \"0.0.0.0\", \"[::]:3799\", \"[::1]:3800\",\n\"10.0.0.1:3799\",\n"
		"\"[::1]\" ]; clients = ( " SERVER " ); }; };",
	  "f:3: radius.das.listen[3]: 10.0.0.1:3799 is already covered by 0.0.0.0:3799; take one of them out\n"
	  "f:4: radius.das.listen[4]: [::1]:3799 is already covered by [::]:3799; take one of them out\n" },
	{ LOCAL "radius = { das = { listen = [ \"0.0.0.0\" ]; clients = ( { host = \"192.0.2.1\"; },\n"
		"{ host = \"192.0.2.1\"; secret = \"" LONG "\"; secret_file = \"/s\"; } ); window = 0; }; };",
	  "f:3: radius.das.window: must be a whole number from 1 to 3600\n"
	  "f:2: radius.das.clients[0].secret: is missing; give secret or secret_file\n"
	  "f:3: radius.das.clients[1].secret_file: stands beside a secret; give one of the two\n"
	  "f:3: radius.das.clients[1].host: 192.0.2.1 is clients[0] already; take one of them out\n" },
	{ LOCAL "radius = { das = { clients = ( { host = \"a\"; secret = \"" LONG "\"; timeout = 1; } ); }; };",
	  "f:2: radius.das.clients[0].timeout: unknown setting; did you mean \"radius.servers[].timeout\"?\n" },
	{ LOCAL "ppp = { change_script = \"x\"; };",
	  "f:2: ppp.change_script: \"x\": not an absolute path; begin it with \"/\"\n" },
};

START_TEST(errors_of_a_file)
{
	struct conf_errors errors;
	struct conf *c = parse(bad[_i].text, &errors);
	char *joined = conf_errors_join(&errors);

	ck_assert_ptr_null(c);
	ck_assert_str_eq(joined, bad[_i].said);
	free(joined);
	conf_errors_clear(&errors);
}
END_TEST

static const struct text doubtful[] = {
	{ RADIUS "radius = { " SERVERS "};", "" },
	{ POOL "aaa = { method = \"radius,local\"; };\nradius = { " SERVERS "};",
	  "f:1: aaa: aaa.users names no file; nobody can log in when no RADIUS server answers\n" },
	/* RAD-57: never the secret itself */
	{ RADIUS "radius = { servers = ( { host = \"a\"; secret = \"testing123\"; } ); };",
	  "f:2: radius.servers[0].secret: is a secret that everybody tries first; make one with \"openssl rand -base64 "
	  "24\"\n" },
	{ RADIUS "radius = { servers = ( { host = \"a\"; secret = \"Radius\"; } ); };",
	  "f:2: radius.servers[0].secret: is a secret that everybody tries first; make one with \"openssl rand -base64 "
	  "24\"\n" },
	{ RADIUS "radius = { servers = ( { host = \"a\"; secret = \"0123456789abcde\"; } ); };",
	  "f:2: radius.servers[0].secret: is shorter than 16 octets and can be found by trying; make one with "
	  "\"openssl "
	  "rand -base64 24\"\n" },
	{ RADIUS "radius = { servers = ( { host = \"a\"; secret = \"" LONG "\"; require_message_authenticator = "
		 "\"no\"; } ); };",
	  "f:2: radius.servers[0].require_message_authenticator: \"no\" lets forged answers in (CVE-2024-3596) unless "
	  "the "
	  "way to the server is protected\n" },
	{ RADIUS "radius = { servers = ( { host = \"a\"; acct_port = 0; secret = \"" LONG "\"; } ); };",
	  "f:2: radius.servers: acct_port is 0 in all of them, so there is no accounting; set acct.enabled = false if "
	  "that is meant\n" },
	{ RADIUS "radius = { servers = ( { host = \"a\"; acct_port = 0; secret = \"" LONG "\"; } );\n"
		 "acct = { enabled = false; }; };", "" },
	{ RADIUS "radius = { " SERVERS "fail_open = true; };",
	  "f:2: radius.fail_open: does nothing while radius.precheck is \"off\"\n" },
	{ RADIUS "login_delay = 4;\nradius = { " SERVERS "\ntotal = 21; };",
	  "f:4: radius.total: total and login_delay come to 25 s or more, so that a caller may not hear why a login "
	  "failed; make one of them smaller\n" },
	{ LOCAL "radius = { nas_ip_address = \"127.0.0.1\"; nas_ipv6_address = \"::1\"; };",
	  "f:2: radius.nas_ip_address: a loopback address tells servers elsewhere nothing\n"
	  "f:2: radius.nas_ipv6_address: a loopback address tells servers elsewhere nothing\n" },
	{ LOCAL "radius = { das = { clients = ( { host = \"a\"; secret = \"secret\"; } ); }; };",
	  "f:2: radius.das.clients: radius.das.listen gives no address, so none of them is heard\n"
	  "f:2: radius.das.clients[0].secret: is a secret that everybody tries first; make one with \"openssl rand "
	  "-base64 24\"\n" },
	/* the same host for other ports, in another role, or at another address is no twin */
	{ RADIUS "radius = { servers = ( " SERVER ", { host = \"192.0.2.1\"; port = 9; acct_port = 8; secret = \"" LONG
		 "\"; }, { host = \"b\"; port = 0; secret = \"" LONG "\"; }, { host = \"b\"; port = 0; acct_port = 9; "
		 "secret = \"" LONG "\"; }, { host = \"b\"; acct_port = 0; secret = \""
		 LONG "\"; }, { host = \"2001:db8::1\"; secret = \"" LONG "\"; }, { host = \"2001:db8::2\"; secret = \""
		 LONG "\"; } ); };", "" },
	/* nothing is required of what is not used */
	{ LOCAL "radius = { }; timers = { dial = 1; };", "" },
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
	struct conf *c = parse_good(RADIUS "hostname = \"vpn.example\"; radius = { " SERVERS "};");
	const struct conf_radius *r = &c->radius;

	ck_assert_uint_eq(r->nservers, 1);
	ck_assert_uint_eq(r->servers[0].port, 1812); /* RAD-09 */
	ck_assert_uint_eq(r->servers[0].acct_port, 1813);
	ck_assert_int_eq(r->servers[0].timeout_ms, 2000);
	ck_assert_uint_eq(r->servers[0].retries, 2);
	ck_assert_uint_eq(r->servers[0].priority, 1);
	ck_assert_int_eq(r->servers[0].signature, CONF_SIGNATURE_AUTO); /* RAD-53 */
	ck_assert(!r->servers[0].status_server);
	ck_assert_int_eq(r->servers[0].address.ss_family, AF_INET);
	ck_assert_ptr_null(r->config);
	ck_assert_str_eq(r->dictionary, "/etc/radcli/dictionary");
	ck_assert_str_eq(r->nas_identifier, "vpn.example"); /* RAD-01 */
	ck_assert_uint_eq(r->nas_ip_address, 0);
	ck_assert_int_eq(r->nas_ipv6_address.ss_family, 0);
	ck_assert_int_eq(r->total_ms, 20000);
	ck_assert_uint_eq(r->max_fail, 3); /* RAD-104 */
	ck_assert_uint_eq(r->dead_s, 60);
	ck_assert_uint_eq(r->outstanding, 1024); /* RAD-107 */
	ck_assert_int_eq(r->precheck, CONF_PRECHECK_OFF);
	ck_assert_str_eq(r->precheck_password, "pacd");
	ck_assert(!r->outbound && !r->fail_open);
	ck_assert_uint_eq(r->nfilters, 0);
	ck_assert_int_eq(r->unknown_filter, CONF_UNKNOWN_REFUSE);
	ck_assert_int_eq(r->unknown_pool, CONF_UNKNOWN_IGNORE);
	ck_assert_int_eq(r->unknown_attributes, CONF_UNKNOWN_IGNORE);
	ck_assert(r->acct.enabled && r->acct.on_off && !r->acct.tunnel);
	ck_assert_uint_eq(r->acct.interim, 0);
	ck_assert_uint_eq(r->acct.interim_min, 60); /* RAD-63 */
	ck_assert_str_eq(r->acct.spool, "/var/lib/pacd");
	ck_assert_uint_eq(r->acct.spool_mb, 64);
	ck_assert_uint_eq(r->das.nlisten, 0); /* section 8: off */
	ck_assert_uint_eq(r->das.nclients, 0);
	ck_assert_uint_eq(r->das.window, 300); /* RAD-82 */
	ck_assert(!r->das.require_timestamp);
	conf_free(c);
}
END_TEST

START_TEST(values)
{
	struct conf *c = parse_good(RADIUS "radius = { servers = ( { host = \"2001:db8::1\"; secret = \"s \\x01\\xff"
		"cccccccccccccccc\"; require_message_authenticator = \"no\"; }, { host = \"Name.example\"; "
		"secret_file = "
		"\"/s\"; require_message_authenticator = \"yes\"; } ); nas_ip_address = \"10.0.0.1\"; "
		"nas_ipv6_address = "
		"\"2001:db8::9\"; filters = [ \"a b\", \"c\" ]; precheck = \"all\"; das = { listen = [ \"10.0.0.1\", "
		"\"[::]\", \"[::1]:1\" ]; clients = ( { host = \"127.0.0.1\"; secret = \"" LONG "\"; "
		"require_message_authenticator = true; } ); }; };");
	const struct conf_radius *r = &c->radius;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&r->servers[0].address;
	char text[INET6_ADDRSTRLEN];

	ck_assert_int_eq(in6->sin6_family, AF_INET6);
	ck_assert_str_eq(inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text), "2001:db8::1");
	ck_assert_uint_eq(in6->sin6_port, 0);
	ck_assert_str_eq(r->servers[0].secret, "s \x01\xff" "cccccccccccccccc"); /* any octets */
	ck_assert_int_eq(r->servers[0].signature, CONF_SIGNATURE_NO);
	ck_assert_str_eq(r->servers[1].host, "Name.example");
	ck_assert_int_eq(r->servers[1].address.ss_family, 0); /* RAD-108: nothing is looked up here */
	ck_assert_str_eq(r->servers[1].secret_file, "/s");
	ck_assert_ptr_null(r->servers[1].secret);
	ck_assert_int_eq(r->servers[1].signature, CONF_SIGNATURE_YES);
	ck_assert_uint_eq(r->nas_ip_address, 0x0a000001);
	ck_assert_int_eq(r->nas_ipv6_address.ss_family, AF_INET6);
	ck_assert_uint_eq(r->nfilters, 2);
	ck_assert_str_eq(r->filters[0], "a b");
	ck_assert_str_eq(r->filters[1], "c");
	ck_assert_int_eq(r->precheck, CONF_PRECHECK_ALL);
	ck_assert_uint_eq(r->das.nlisten, 3);
	ck_assert_uint_eq(ntohs(((const struct sockaddr_in *)&r->das.listen[0])->sin_port), 3799);
	ck_assert_uint_eq(ntohs(((const struct sockaddr_in6 *)&r->das.listen[1])->sin6_port), 3799);
	ck_assert_uint_eq(ntohs(((const struct sockaddr_in6 *)&r->das.listen[2])->sin6_port), 1);
	ck_assert(r->das.clients[0].require_signature);
	conf_free(c);
}
END_TEST

static void check_used(const char *text, bool used)
{
	struct conf *c = parse_good(text);

	ck_assert_msg(conf_radius_used(c) == used, "%s", text);
	conf_free(c);
}

START_TEST(used)
{
	check_used(LOCAL, false);
	check_used(LOCAL "radius = { das = { listen = [ \"0.0.0.0\" ]; clients = ( " SERVER " ); }; };", false);
	check_used(LOCAL "radius = { " SERVERS "};", true); /* accounting */
	check_used(LOCAL "radius = { config = \"/c\"; };", true);
	check_used(LOCAL "radius = { " SERVERS "acct = { enabled = false; }; };", false);
	check_used(LOCAL "radius = { " SERVERS "precheck = \"vpn\"; acct = { enabled = false; }; };", true);
	check_used(RADIUS "radius = { " SERVERS "acct = { enabled = false; }; };", true);
}
END_TEST

/* RAD-31: no secret in the printed configuration, nor in what is said about a bad one. */
START_TEST(secrets_are_not_shown)
{
	struct conf *c = parse_good(RADIUS "radius = { servers = ( { host = \"a\"; secret = \"HUSH\"; } ); "
		"precheck_password = \"HUSH\"; das = { clients = ( { host = \"b\"; secret = \"HUSH\"; } ); }; };");
	char *text = conf_print(c), *said = conf_errors_join(&c->warnings);
	struct conf_errors errors;

	ck_assert_ptr_null(strstr(text, "HUSH"));
	ck_assert_ptr_nonnull(strstr(text, "host = \"a\""));
	ck_assert_ptr_null(strstr(said, "HUSH"));
	free(text);
	free(said);
	conf_free(c);
	ck_assert_ptr_null(parse(RADIUS "radius = { servers = ( { host = \"a\"; secret = [ \"HUSH\" ]; } ); "
			   "precheck_password = "
			   "\"HUSHHUSHHUSHHUSHHUSHHUSHHUSHHUSHHUSHHUSHHUSHHUSHHUSHHUSHHUSHHUSHHUSHHUSHHUSHHUSH"
			   "HUSHHUSHHUSHHUSHHUSHHUSHHUSHHUSHHUSHHUSHHUSHHUSHHUSHHUSHHUSHHUSH\"; };", &errors));
	said = conf_errors_join(&errors);
	ck_assert_ptr_nonnull(strstr(said, "radius.precheck_password: is longer than 128 octets"));
	ck_assert_ptr_null(strstr(said, "HUSH"));
	free(said);
	conf_errors_clear(&errors);
}
END_TEST

/* What is printed says all but the secrets: with them put back it yields the same. */
START_TEST(print_lacks_secrets_only)
{
	struct conf *c = parse_good(RADIUS "radius = { " SERVERS "};");
	char *text = conf_print(c);
	struct conf_errors errors;
	char *said;

	ck_assert_ptr_null(parse(text, &errors));
	said = conf_errors_join(&errors);
	ck_assert_ptr_nonnull(strstr(said, "radius.servers[0].secret: is missing; give secret or secret_file"));
	ck_assert_uint_eq(errors.n, 1);
	free(said);
	free(text);
	conf_errors_clear(&errors);
	conf_free(c);
}
END_TEST

/* --- what the root part adds --- */

static char secret_text[] = "from \"a\" file \x01\xff", file_s[] = "/s", file_t[] = "/t", weak[] = "testing123";
static char name_a[] = "A.example", name_b[] = "b.example", host_4[] = "192.0.2.7", host_6[] = "2001:db8::7";

static char *text_of(const struct conf_radius_found *found, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	ck_assert_int_eq(conf_radius_text(out, found), 0);
	fclose(out);
	return text;
}

/* 0 or -1, as conf_radius_complete(); what it said is compared. */
static int complete(struct conf *c, const struct conf_radius_found *found, const char *expected)
{
	struct conf_errors errors;
	size_t len = 0;
	char *text = found ? text_of(found, &len) : NULL, *said;
	int rc;

	conf_errors_init(&errors);
	rc = conf_radius_complete(c, text, len, &errors);
	said = conf_errors_join(&errors);
	ck_assert_str_eq(said, expected);
	ck_assert_int_eq(rc, errors.n ? -1 : 0);
	free(said);
	free(text);
	conf_errors_clear(&errors);
	return rc;
}

#define NAMED                                                                                                    \
	"radius = { servers = ( { host = \"a.example\"; secret_file = \"/s\"; }, { host = \"192.0.2.1\"; "       \
	"secret = \"" LONG "\"; } ); das = { listen = [ \"0.0.0.0\" ]; "                                         \
	"clients = ( { host = \"b.example\"; secret_file = \"/t\"; } ); }; };"

static struct conf_found_secret secrets[] = { { file_t, weak }, { file_s, secret_text } };

START_TEST(completed)
{
	struct conf_found_name names[] = { { .name = name_b, .host = host_6, .addresses = 1 },
					   { .name = name_a, .host = host_4, .addresses = 2 } };
	struct conf_radius_found found = { .secrets = secrets, .nsecrets = 2, .names = names, .nnames = 2 };
	struct conf *c = parse_good(RADIUS NAMED);
	const struct conf_radius *r = &c->radius;
	char *said;

	ck_assert_int_eq(complete(c, &found, ""), 0);
	ck_assert_str_eq(r->servers[0].secret, secret_text);
	ck_assert_int_eq(r->servers[0].address.ss_family, AF_INET);
	ck_assert_uint_eq(((const struct sockaddr_in *)&r->servers[0].address)->sin_addr.s_addr, htonl(0xc0000207));
	ck_assert_str_eq(r->servers[1].secret, LONG);
	ck_assert_int_eq(r->das.clients[0].address.ss_family, AF_INET6);
	ck_assert_str_eq(r->das.clients[0].secret, weak);
	said = conf_errors_join(&c->warnings);
	ck_assert_str_eq(said,
		"f: radius.servers[0].host: \"a.example\" has 2 addresses; 192.0.2.7 is the one that counts\n"
		"f: radius.das.clients[0].secret_file: /t: is a secret that everybody tries first; make one with "
		"\"openssl "
		"rand -base64 24\"\n");
	free(said);
	conf_free(c);
}
END_TEST

START_TEST(completed_with_nothing)
{
	struct conf *c = parse_good(RADIUS NAMED);

	ck_assert_int_eq(complete(c, NULL,
		"f: radius.servers[0].host: no address was found for \"a.example\"; give its address, or repair its "
		"name\n"
		"f: radius.servers[0].secret_file: no secret was found in /s\n"
		"f: radius.das.clients[0].host: no address was found for \"b.example\"; give its address, or repair "
		"its "
		"name\n"
		"f: radius.das.clients[0].secret_file: no secret was found in /t\n"), -1);
	conf_free(c);
	c = parse_good(RADIUS "radius = { " SERVERS "};");
	ck_assert_int_eq(complete(c, NULL, ""), 0);
	conf_free(c);
	c = parse_good(RADIUS "radius = { config = \"/c\"; };");
	ck_assert_int_eq(complete(c, NULL, "f: radius.config: no server was found in /c\n"), -1);
	conf_free(c);
}
END_TEST

/* Two names for one address are one server. */
START_TEST(completed_twins)
{
	struct conf_found_name names[] = { { .name = name_b, .host = host_4, .addresses = 1 },
					   { .name = name_a, .host = host_4, .addresses = 1 } };
	struct conf_radius_found found = { .names = names, .nnames = 2 };
	struct conf *c = parse_good(RADIUS "radius = { servers = ( { host = \"a.example\"; secret = \"" LONG "\"; }, "
		"{ host = \"b.example\"; secret = \"" LONG "\"; } ); das = { listen = [ \"0.0.0.0\" ]; clients = ( "
		"{ host = \"b.example\"; secret = \"" LONG "\"; }, { host = \"192.0.2.7\"; secret = \"" LONG "\"; } ); "
		"}; };");

	ck_assert_int_eq(complete(c, &found,
		"f: radius.servers[1].host: b.example is the same server as a.example, with the same port; take one of "
		"them out\n"
		"f: radius.das.clients[1].host: 192.0.2.7 has the address of b.example; take one of them out\n"), -1);
	conf_free(c);
}
END_TEST

/* radcli's servers become the configuration's, and are printed as the file that they stand in. */
START_TEST(completed_from_radcli)
{
	struct conf_radius_server servers[2] = { { 0 }, { 0 } };
	struct conf_found_name names[] = { { .name = name_a, .host = host_6, .addresses = 1 } };
	struct conf_radius_found found = { .names = names, .nnames = 1, .servers = servers, .nservers = 2 };
	struct conf *c = parse_good(RADIUS "radius = { config = \"/c\"; };"), *again;
	const struct conf_radius *r = &c->radius;
	char *text, *second;

	for (int i = 0; i < 2; i++)
		conf_radius_server_init(&servers[i]);
	servers[0].host = name_a;
	servers[0].secret = secret_text;
	servers[0].acct_port = 0;
	servers[0].timeout_ms = 7000;
	servers[1].host = host_4;
	servers[1].secret = weak;
	servers[1].port = 0;
	servers[1].acct_port = 99;
	ck_assert_int_eq(complete(c, &found, ""), 0);
	ck_assert_uint_eq(r->nservers, 2);
	ck_assert_str_eq(r->servers[0].secret, secret_text);
	ck_assert_int_eq(r->servers[0].address.ss_family, AF_INET6);
	ck_assert_int_eq(r->servers[0].timeout_ms, 7000);
	ck_assert_uint_eq(r->servers[0].acct_port, 0);
	ck_assert_uint_eq(r->servers[1].acct_port, 99);
	ck_assert_int_eq(r->servers[1].address.ss_family, AF_INET);
	ck_assert_uint_eq(c->warnings.n, 1);
	ck_assert_ptr_nonnull(strstr(c->warnings.list[0], "f: radius.config: /c: the secret of 192.0.2.7 is a secret"));
	text = conf_print(c);
	again = parse_good(text);
	second = conf_print(again);
	ck_assert_str_eq(text, second);
	free(text);
	free(second);
	conf_free(again);
	conf_free(c);
}
END_TEST

/* The text is the root part's own, but a bad one must not harm either. */
START_TEST(completed_by_nonsense)
{
	static const char *const texts[] = { "servers = 5;", "names = ( { name = \"a\"; host = \"x y\"; } );", "= ;",
					     "secrets = ( { } );", "other = 1;" };
	struct conf_errors errors;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct conf *c = parse_good(RADIUS "radius = { " SERVERS "};");

		conf_errors_init(&errors);
		ck_assert_int_eq(conf_radius_complete(c, texts[i], strlen(texts[i]), &errors), -1);
		ck_assert_uint_ge(errors.n, 1);
		conf_errors_clear(&errors);
		conf_free(c);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("conf_radius");
	TCase *tc = tcase_create("texts");
	tcase_add_loop_test(tc, errors_of_a_file, 0, sizeof bad / sizeof *bad);
	tcase_add_loop_test(tc, warnings, 0, sizeof doubtful / sizeof *doubtful);
	suite_add_tcase(s, tc);
	UNIT_CASE(s, "values", defaults, values, used, secrets_are_not_shown, print_lacks_secrets_only);
	UNIT_CASE(s, "all", completed, completed_with_nothing, completed_twins, completed_from_radcli, completed_by_nonsense);
	return s;
}

UNIT_MAIN(suite)
