/*
 * The users file: every kind of error with its exact text, look-ups, the shipped sample, and its cost.
 */
#include "pacd/conf.h"
#include "test/unit/unit.h"

#include <stdio.h>
#include <time.h>

/* libconfig 1.5 loses the string that it was reading when a syntax error comes. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig";
}

static const char with_pools[] =
	"pools = ( { name = \"default\"; local = \"10.0.0.1\"; ranges = [ \"10.0.0.0/24\" ];"
	"reserved = [ \"10.0.0.1-9\" ]; },"
	"{ name = \"b\"; local = \"10.1.0.1\"; ranges = [ \"10.1.0.2-9\" ]; } );";
static const char without_pools[] = "ppp = { local = \"10.0.0.1\"; };";

static struct conf *conf_of(const char *text)
{
	struct conf_errors errors;
	struct conf *c;

	conf_errors_init(&errors);
	c = conf_parse("pacd.conf", text, strlen(text), &errors);
	ck_assert_ptr_nonnull(c);
	conf_errors_clear(&errors);
	return c;
}

static struct conf_users *parse_good(const struct conf *c, const char *text)
{
	struct conf_errors errors;
	struct conf_users *u;

	conf_errors_init(&errors);
	u = conf_users_parse("u", text, strlen(text), c, &errors);
	for (size_t i = 0; i < errors.n; i++)
		fprintf(stderr, "%s\n", errors.list[i]);
	ck_assert_ptr_nonnull(u);
	conf_errors_clear(&errors);
	return u;
}

struct bad {
	const char *conf, *text, *errors;
};

#define HASH "0123456789abcdefABCDEF0123456789"

static const struct bad bad[] = {
	{ with_pools, "", "u: users: is missing; it must be given (see pacd-users(5))\n" },
	{ with_pools, "users = 1;", "u:1: users: must be a list of groups; write \"users = ( { ... }, { ... } );\"\n" },
	{ with_pools, "users = (\n\"alice\" );", "u:2: users[0]: must be a group; write \"{ ... }\"\n" },
	{ with_pools, "users = ( { } );", "u:1: users[0].name: is missing; it must be given (see pacd-users(5))\n"
					  "u:1: users[0].secret: is missing; give secret or nt_hash\n" },
	{ with_pools, "users = (\n{ name = \"a\"; } );", "u:2: users[0].secret: is missing; give secret or nt_hash\n" },
	{ with_pools, "users = ( { name = \"a\"; secret = \"x\";\nnt_hash = \"" HASH "\"; } );",
	  "u:2: users[0].nt_hash: stands beside a secret; give one of the two\n" },
	{ with_pools, "users = ( { name = \"a\"; secret = \"x\"; },\n{ name = \"b\"; secret = \"x\"; },\n"
		      "{ name = \"a\"; secret = \"y\"; } );",
	  "u:3: users[2].name: there is a user \"a\" in line 1 already; take one of them out\n" },
	{ with_pools, "users = ( { name = \"a\"; secret = \"\"; } );",
	  "u:1: users[0].secret: is empty; fill it in or take it out\n" },
	{ with_pools, "users = ( { name = \"a\"; secret = 5; } );",
	  "u:1: users[0].secret: must be a text in double quotes\n" },
	/* secrets are in no message */
	{ with_pools, "users = ( { name = \"a\"; secret = \"SECRET\xff\"; } );",
	  "u:1: users[0].secret: is not UTF-8, so its NT hash would be wrong; save the file as UTF-8\n" },
	{ with_pools, "users = ( { name = \"a\"; secret = \"\xed\xa0\x80\"; },"
		      "{ name = \"b\"; secret = \"\xc0\x80\"; },"
		      "{ name = \"e\"; secret = \"\xe0\x9f\xbf\"; }, { name = \"f\"; secret = \"\xf0\x8f\xbf\xbf\"; },"
		      "{ name = \"c\"; secret = \"\xf4\x90\x80\x80\"; }, { name = \"d\"; secret = \"\xe2\x82\"; } );",
	  "u:1: users[0].secret: is not UTF-8, so its NT hash would be wrong; save the file as UTF-8\n"
	  "u:1: users[1].secret: is not UTF-8, so its NT hash would be wrong; save the file as UTF-8\n"
	  "u:1: users[2].secret: is not UTF-8, so its NT hash would be wrong; save the file as UTF-8\n"
	  "u:1: users[3].secret: is not UTF-8, so its NT hash would be wrong; save the file as UTF-8\n"
	  "u:1: users[4].secret: is not UTF-8, so its NT hash would be wrong; save the file as UTF-8\n"
	  "u:1: users[5].secret: is not UTF-8, so its NT hash would be wrong; save the file as UTF-8\n" },
	{ with_pools, "users = ( { name = \"a\"; nt_hash = \"SECRET\"; } );",
	  "u:1: users[0].nt_hash: must be 32 hexadecimal digits: MD4 over the secret in UTF-16LE\n" },
	{ with_pools, "users = ( { name = \"a\"; nt_hash = \"x123456789abcdefABCDEF0123456789\"; } );",
	  "u:1: users[0].nt_hash: must be 32 hexadecimal digits: MD4 over the secret in UTF-16LE\n" },
	{ with_pools, "users = ( { name = \"a\\nb\"; secret = \"x\"; } );",
	  "u:1: users[0].name: \"a\\x0ab\": there are control characters in this name; take them out\n" },
	{ with_pools, "users = ( { name = \"a\"; secret = \"x\"; address = \"10.0.0.256\"; } );",
	  "u:1: users[0].address: \"10.0.0.256\" is not an IPv4 address; write it like \"10.0.0.1\"\n" },
	{ with_pools, "users = ( { name = \"a\"; secret = \"x\"; address = \"10.0.0.1\"; },\n"
		      "{ name = \"b\"; secret = \"x\"; address = \"10.1.0.1\"; } );",
	  "u:1: users[0].address: 10.0.0.1 is our own end of the links; give another one\n"
	  "u:2: users[1].address: 10.1.0.1 is our own end of the links; give another one\n" },
	{ with_pools, "users = ( { name = \"a\"; secret = \"x\"; address = \"10.0.0.9\"; },\n"
		      "{ name = \"b\"; secret = \"x\"; address = \"10.0.0.9\"; } );",
	  "u:2: users[1].address: 10.0.0.9 is the address of the user in line 1 already; give another one\n" },
	{ with_pools, "users = ( { name = \"a\"; secret = \"x\"; pool = \"c\"; } );",
	  "u:1: users[0].pool: there is no pool \"c\"; add it to pools in pacd.conf or name another one\n" },
	{ without_pools, "users = ( { name = \"a\"; secret = \"x\"; } );",
	  "u:1: users[0].address: is missing, and there are no pools in pacd.conf; give an address or a pool\n" },
	{ with_pools, "users = ( { name = \"a\"; secret = \"x\"; sessions = -1; on_limit = \"kill\"; "
		      "session_timeout = 1.5; idle_timeout = \"9\"; } );",
	  "u:1: users[0].sessions: must be a whole number from 0 to 1000000\n"
	  "u:1: users[0].on_limit: \"kill\" is no word for this setting; give one of \"refuse\", \"replace\"\n"
	  "u:1: users[0].session_timeout: must be a whole number from 0 to 2147483646\n"
	  "u:1: users[0].idle_timeout: must be a whole number from 0 to 2147483646\n" },
	{ with_pools, "users = ( { name = \"a\"; password = \"x\"; } );",
	  "u:1: users[0].password: unknown setting; see pacd-users(5) for all there are\n"
	  "u:1: users[0].secret: is missing; give secret or nt_hash\n" },
	{ with_pools, "users = ( { name = \"a\"; secret = \"x\"; name = \"b\"; } );",
	  "u:1: duplicate setting name; a setting may be given once\n" },
	{ with_pools, "name = \"a\"; users = ( );", "u:1: name: unknown setting; did you mean \"users[].name\"?\n" },
};

START_TEST(test_errors)
{
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct conf *c = conf_of(bad[i].conf);
		struct conf_errors errors;
		char *joined;

		conf_errors_init(&errors);
		ck_assert_ptr_null(conf_users_parse("u", bad[i].text, strlen(bad[i].text), c, &errors));
		joined = conf_errors_join(&errors);
		ck_assert_str_eq(joined, bad[i].errors);
		free(joined);
		conf_errors_clear(&errors);
		conf_free(c);
	}
}
END_TEST

START_TEST(test_values)
{
	struct conf *c = conf_of(with_pools);
	struct conf_users *u = parse_good(c,
		"users = ( { name = \"DOM\\\\al\xc3\xad" "ce\"; secret = \"s\xe2\x82\xac\"; },"
		"{ name = \"bob\"; nt_hash = \"" HASH "\"; address = \"10.0.0.9\"; pool = \"b\"; sessions = 2;"
		"on_limit = \"replace\"; session_timeout = 5; idle_timeout = 6; } );");
	const struct conf_user *alice = conf_users_find(u, "DOM\\al\xc3\xad" "ce", 10);
	const struct conf_user *bob = conf_users_find(u, "bobby", 3);

	ck_assert_ptr_nonnull(alice);
	ck_assert_str_eq(alice->secret, "s\xe2\x82\xac");
	ck_assert(!alice->has_nt_hash && !alice->address && !alice->pool && !alice->sessions);
	ck_assert_int_eq(alice->on_limit, CONF_LIMIT_REFUSE);
	ck_assert_ptr_nonnull(bob);
	ck_assert(bob->has_nt_hash && !bob->secret);
	ck_assert_uint_eq(bob->nt_hash[0], 0x01);
	ck_assert_uint_eq(bob->nt_hash[7], 0xef);
	ck_assert_uint_eq(bob->nt_hash[8], 0xab);
	ck_assert_uint_eq(bob->address, 0x0a000009);
	ck_assert_str_eq(bob->pool, "b");
	ck_assert_uint_eq(bob->sessions, 2);
	ck_assert_int_eq(bob->on_limit, CONF_LIMIT_REPLACE);
	ck_assert_uint_eq(bob->session_timeout, 5);
	ck_assert_uint_eq(bob->idle_timeout, 6);
	ck_assert_ptr_null(conf_users_find(u, "Bob", 3));
	ck_assert_ptr_null(conf_users_find(u, "bob", 2));
	ck_assert_ptr_null(conf_users_find(u, "bob\0", 4));
	ck_assert_ptr_null(conf_users_find(u, "", 0));
	ck_assert_uint_eq(u->warnings.n, 0); /* 10.0.0.9 is reserved */
	conf_users_free(u);
	conf_free(c);
}
END_TEST

START_TEST(test_warning)
{
	struct conf *c = conf_of(with_pools);
	struct conf_users *u = parse_good(c, "users = (\n"
					     "{ name = \"a\"; secret = \"x\"; address = \"10.0.0.10\"; } );");

	ck_assert_uint_eq(u->warnings.n, 1);
	ck_assert_str_eq(u->warnings.list[0], "u:2: users[0].address: 10.0.0.10 may have been given to another user "
					      "when this one comes; add it to the reserved addresses of its pool");
	conf_users_free(u);
	conf_free(c);
}
END_TEST

/* A user with an address of their own needs no pool; no users at all is a file, too. */
START_TEST(test_no_pools)
{
	struct conf *c = conf_of(without_pools);

	conf_users_free(parse_good(c, "users = ( { name = \"a\"; secret = \"x\"; address = \"10.0.0.9\"; } );"));
	conf_users_free(parse_good(c, "users = ( );"));
	conf_free(c);
}
END_TEST

static char *file_read(const char *name)
{
	const char *top = getenv("top_srcdir");
	char path[4096], *text = calloc(1, 65536);
	FILE *f;

	snprintf(path, sizeof path, "%s/conf/%s", top ? top : ".", name);
	f = fopen(path, "rb");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_gt(fread(text, 1, 65535, f), 0);
	fclose(f);
	return text;
}

START_TEST(test_sample)
{
	char *conf_text = file_read("pacd.conf"), *text = file_read("users"), *hash = text;
	struct conf *c = conf_of(conf_text);
	struct conf_users *u = parse_good(c, text);

	ck_assert_uint_eq(u->n, 0); /* no account whose secret is published */
	conf_users_free(u);
	/* and with the examples in it */
	while ((hash = strstr(hash, "\n    #")))
		hash[5] = ' ', hash++;
	u = parse_good(c, text);
	ck_assert_ptr_nonnull(conf_users_find(u, "alice", 5));
	ck_assert_uint_eq(conf_users_find(u, "bob", 3)->address, 0xc0a8ee09);
	conf_users_free(u);
	conf_free(c);
	free(conf_text);
	free(text);
}
END_TEST

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double load_time(unsigned n)
{
	struct conf *c = conf_of(with_pools);
	struct conf_users *u;
	char *text = NULL, name[32];
	double start;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fputs("users = (", out);
	for (unsigned i = 0; i < n; i++)
		fprintf(out, "%s\n{ name = \"user%u\"; secret = \"secret%u\"; address = \"11.%u.%u.%u\"; }",
			i ? "," : "", i, i, i >> 16, i >> 8 & 255, i & 255);
	fputs(");", out);
	fclose(out);
	start = seconds();
	u = parse_good(c, text);
	start = seconds() - start;
	snprintf(name, sizeof name, "user%u", n - 1);
	ck_assert_ptr_nonnull(conf_users_find(u, name, strlen(name)));
	conf_users_free(u);
	conf_free(c);
	free(text);
	return start;
}

/* Ten times the users take about ten times as long: nothing is quadratic. */
START_TEST(test_many)
{
	double few = load_time(10000), many = load_time(100000);

	ck_assert_double_lt(many, 60 * few + 0.1);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("conf_users");

	UNIT_CASE(s, "users", test_errors, test_values, test_warning, test_no_pools, test_sample, test_many);
	return s;
}

UNIT_MAIN(suite)
