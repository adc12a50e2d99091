/*
 * priv/files_radius and priv/radcli: secrets in files, radcli's configuration, names that are looked up, the spool's
 * folder, and the sealed text with all of it (RAD-31, RAD-57, RAD-108).
 */
#include "test/unit/unit_priv.h"

#include "pacd/priv/priv.h"

#include <dirent.h>
#include <fcntl.h>

#define POOL "pools = ( { name = \"main\"; local = \"10.9.0.1\"; ranges = [ \"10.9.0.10-20\" ]; } );\n"
#define LONG "0123456789abcdef"
/* A name that no name server is asked about: its first part is too long. */
#define NOWHERE "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.invalid"

static struct conf_errors errors;
static struct priv_files files;

static void setup(void)
{
	dir_setup();
	conf_errors_init(&errors);
	files = (struct priv_files){ .conf_fd = -1, .users_fd = -1, .radius_fd = -1 };
	write_file("pppd", 0700, "#!/bin/sh\n");
	write_file("pacd.so", 0600, "x");
	write_file("secret", 0600, LONG "\n");
}

static void teardown(void)
{
	conf_errors_clear(&errors);
	priv_files_clear(&files);
	dir_teardown();
}

/* With this in the radius group, where @ stands for the folder. */
static int load(const char *radius)
{
	char text[4096], file[128];
	size_t n = 0;

	for (; *radius && n < sizeof text - 128; radius++) {
		if (*radius == '@')
			n += (size_t)snprintf(text + n, sizeof text - n, "%s", dir);
		else
			text[n++] = *radius;
	}
	text[n] = '\0';
	write_file("pacd.conf", 0600,
		   "user = \"nobody\";\ncontrol_socket = \"%s/control\";\naaa = { method = \"radius\"; };\n"
		   "ppp = { pppd = \"%s/pppd\"; plugin = \"%s/pacd.so\"; check = false; };\n" POOL
		   "radius = { acct = { spool = \"%s/spool\"; }; %s };\n", dir, dir, dir, dir, text);
	snprintf(file, sizeof file, "%s", in_dir("pacd.conf"));
	priv_files_clear(&files);
	conf_errors_clear(&errors);
	return priv_files_load(&files, file, &errors);
}

static void expect_good(const char *radius)
{
	int r = load(radius);
	char *text = conf_errors_join(&errors);

	ck_assert_msg(r == 0, "%s", text);
	free(text);
}

/* One error, with these words in it. */
static void expect_error(const char *radius, const char *key, const char *words)
{
	int r = load(radius);
	char *text = conf_errors_join(&errors), start[256];

	snprintf(start, sizeof start, "%s/pacd.conf: %s: ", dir, key);
	ck_assert_msg(r == -1 && errors.n == 1 && !strncmp(text, start, strlen(start)) && strstr(text, words),
		      "not \"%s...%s\" but: %s", start, words, text);
	ck_assert_int_eq(files.radius_fd, -1);
	free(text);
}

#define WITH_FILE "servers = ( { host = \"192.0.2.1\"; secret_file = \"@/secret\"; } );"
#define FILE_KEY "radius.servers[0].secret_file"

START_TEST(secret_file)
{
	const struct conf_radius *r;
	const char *text;

	expect_good(WITH_FILE);
	r = &files.conf->radius;
	ck_assert_str_eq(r->servers[0].secret, LONG);
	ck_assert_int_eq(fcntl(files.radius_fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	text = read_text(files.radius_fd);
	ck_assert_ptr_nonnull(strstr(text, "secret = \"" LONG "\""));
}
END_TEST

/* The other part makes the same of the same text. */
START_TEST(sealed_text_completes)
{
	static const char words[] = "servers = ( { host = \"localhost\"; secret_file = \"@/secret\"; }, "
				    "{ host = \"192.0.2.1\"; secret_file = \"@/secret\"; } );";
	struct conf *other;
	char conf_text[8192];
	const char *text;

	expect_good(words);
	snprintf(conf_text, sizeof conf_text, "%s", read_text(files.conf_fd));
	text = read_text(files.radius_fd);
	other = conf_parse("f", conf_text, strlen(conf_text), &errors);
	ck_assert_ptr_nonnull(other);
	ck_assert_int_eq(conf_radius_complete(other, text, strlen(text), &errors), 0);
	for (int i = 0; i < 2; i++) {
		ck_assert_str_eq(other->radius.servers[i].secret, LONG);
		ck_assert_int_ne(other->radius.servers[i].address.ss_family, 0);
		ck_assert_int_eq(memcmp(&other->radius.servers[i].address, &files.conf->radius.servers[i].address,
					sizeof(struct sockaddr_storage)), 0);
	}
	conf_free(other);
}
END_TEST

START_TEST(nothing_to_say)
{
	expect_good("servers = ( { host = \"192.0.2.1\"; secret = \"" LONG "\"; } );");
	ck_assert_int_eq(files.radius_fd, -1);
}
END_TEST

static const struct {
	const char *content, *secret; /* secret NULL: it is refused */
	const char *complaint;
} contents[] = {
	{ LONG, LONG, NULL },
	{ LONG "\n", LONG, NULL },
	{ LONG "\r\n", LONG, NULL },
	{ " a b\tc \n", " a b\tc ", NULL },
	{ "\x01\xff\"\\@include\n", "\x01\xff\"\\@include", NULL },
	{ "", NULL, "is empty" },
	{ "\n", NULL, "is empty" },
	{ LONG "\n\n", NULL, "more than one line" },
	{ LONG "\nb", NULL, "more than one line" },
};

START_TEST(secret_files_content)
{
	write_file("secret", 0600, "%s", contents[_i].content);
	if (!contents[_i].secret) {
		expect_error(WITH_FILE, FILE_KEY, contents[_i].complaint);
		return;
	}
	expect_good(WITH_FILE);
	ck_assert_str_eq(files.conf->radius.servers[0].secret, contents[_i].secret);
}
END_TEST

static void write_octets(const char *name, const char *data, size_t len)
{
	FILE *f = fopen(in_dir(name), "w");

	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	fclose(f);
}

START_TEST(secret_file_that_is_none)
{
	char text[260];

	memset(text, 'x', sizeof text);
	write_octets("secret", text, 253);
	expect_good(WITH_FILE);
	ck_assert_uint_eq(strlen(files.conf->radius.servers[0].secret), 253);
	write_octets("secret", text, 254);
	expect_error(WITH_FILE, FILE_KEY, "more than 253 octets");
	write_octets("secret", "abc\0def", 7);
	expect_error(WITH_FILE, FILE_KEY, "NUL octet");
	ck_assert_int_eq(truncate(in_dir("secret"), 65537), 0);
	expect_error(WITH_FILE, FILE_KEY, "longer than 65536");
	unlink(in_dir("secret"));
	expect_error(WITH_FILE, FILE_KEY, "No such file");
	ck_assert_int_eq(mkfifo(in_dir("secret"), 0600), 0);
	expect_error(WITH_FILE, FILE_KEY, "not a regular file");
}
END_TEST

START_TEST(secret_file_of_others)
{
	static const mode_t bad[] = { 0604, 0602, 0601, 0620, 0644 }, good[] = { 0600, 0640, 0400, 0440 };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		chmod(in_dir("secret"), bad[i]);
		expect_error(WITH_FILE, FILE_KEY, "chmod 600");
	}
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		chmod(in_dir("secret"), good[i]);
		expect_good(WITH_FILE);
	}
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(chown(in_dir("secret"), 1, 0), 0);
	expect_error(WITH_FILE, FILE_KEY, "chown root");
}
END_TEST

/* All at once; a file that is named twice is complained of once. */
START_TEST(all_that_is_wrong)
{
	char *text;

	ck_assert_int_eq(load("servers = ( { host = \"192.0.2.1\"; secret_file = \"@/none\"; }, "
			      "{ host = \"" NOWHERE "\"; secret = \"" LONG "\"; } ); "
			      "das = { clients = ( { host = \"192.0.2.1\"; secret_file = \"@/gone\"; } ); };"), -1);
	text = conf_errors_join(&errors);
	ck_assert_msg(errors.n == 3, "%s", text);
	ck_assert_ptr_nonnull(strstr(text, "radius.servers[0].secret_file: can't open"));
	ck_assert_ptr_nonnull(strstr(text, "radius.servers[1].host: no address for the name " NOWHERE ": "));
	ck_assert_ptr_nonnull(strstr(text, "radius.das.clients[0].secret_file: can't open"));
	free(text);
}
END_TEST

/* RAD-108 */
START_TEST(names)
{
	const struct conf_radius *r;

	expect_good("servers = ( { host = \"localhost\"; secret = \"" LONG "\"; } ); das = { listen = [ \"0.0.0.0\" ]; "
		    "clients = ( { host = \"LOCALHOST\"; secret = \"" LONG "\"; } ); };");
	r = &files.conf->radius;
	ck_assert(r->servers[0].address.ss_family == AF_INET || r->servers[0].address.ss_family == AF_INET6);
	ck_assert(conf_host_same(&r->servers[0].address, &r->das.clients[0].address));
	ck_assert_str_eq(r->servers[0].host, "localhost");
	ck_assert_int_ge(files.radius_fd, 0);
}
END_TEST

/* Nobody's process or descriptor stays. */
static size_t descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

START_TEST(nothing_is_left_open)
{
	size_t before;

	expect_good(WITH_FILE);
	priv_files_clear(&files);
	ck_assert_int_eq(files.radius_fd, -1);
	before = descriptors();
	expect_good(WITH_FILE);
	ck_assert_uint_eq(descriptors(), before + 2); /* the configuration and this */
	expect_error("servers = ( { host = \"192.0.2.1\"; secret_file = \"@/none\"; } );", FILE_KEY, "No such file");
	ck_assert_uint_eq(descriptors(), before);
}
END_TEST

/* --- radcli --- */

#define RADCLI "config = \"@/radiusclient.conf\";"

static void write_radcli(const char *servers)
{
	write_file("dictionary", 0644, "ATTRIBUTE User-Name 1 string\n");
	write_file("radiusclient.conf", 0600, "%s\nservers %s/servers\ndictionary %s/dictionary\ndefault_realm\n"
		   "radius_timeout 7\nradius_retries 4\nbindaddr *\n", servers, dir, dir);
	write_file("servers", 0600, "# a comment\n\n192.0.2.1 " LONG "1\n192.0.2.2/10.0.0.1\t" LONG "2\n"
		   "localhost/localhost " LONG "3\n2001:db8::1 " LONG "6\nradius10.example " LONG "10\n");
}

START_TEST(radcli)
{
	const struct conf_radius_server *s;

	write_radcli("authserver 192.0.2.1,10.0.0.1:99,127.0.0.1\nacctserver [2001:db8::1]:1646 "
		"192.0.2.9:77:inline-" LONG);
	expect_good(RADCLI);
	s = files.conf->radius.servers;
	ck_assert_uint_eq(files.conf->radius.nservers, 5);
	ck_assert_str_eq(s[0].host, "192.0.2.1");
	ck_assert_str_eq(s[0].secret, LONG "1");
	ck_assert_uint_eq(s[0].port, 1812);
	ck_assert_uint_eq(s[0].acct_port, 0);
	ck_assert_int_eq(s[0].timeout_ms, 7000);
	ck_assert_uint_eq(s[0].retries, 4);
	ck_assert_uint_eq(s[0].priority, 1);
	ck_assert_int_eq(s[0].signature, CONF_SIGNATURE_AUTO);
	ck_assert_str_eq(s[1].host, "10.0.0.1"); /* by the second of a pair */
	ck_assert_str_eq(s[1].secret, LONG "2");
	ck_assert_uint_eq(s[1].port, 99);
	ck_assert_uint_eq(s[1].priority, 2);
	ck_assert_str_eq(s[2].secret, LONG "3"); /* by address */
	ck_assert_str_eq(s[3].host, "2001:db8::1");
	ck_assert_uint_eq(s[3].port, 0);
	ck_assert_uint_eq(s[3].acct_port, 1646);
	ck_assert_uint_eq(s[3].priority, 1);
	ck_assert_int_eq(s[3].address.ss_family, AF_INET6);
	ck_assert_str_eq(s[3].secret, LONG "6");
	ck_assert_uint_eq(s[4].acct_port, 77);
	ck_assert_str_eq(s[4].secret, "inline-" LONG);
	ck_assert_int_ge(files.radius_fd, 0);
}
END_TEST

static const struct {
	const char *servers, *words;
} radcli_bad[] = {
	{ "authserver", "names no server" },
	{ " authserver 192.0.2.1", "begins with a blank" },
	{ "authserver 1.0.0.1,1.0.0.2,1.0.0.3,1.0.0.4,1.0.0.5 1.0.0.6,1.0.0.7,1.0.0.8,1.0.0.9", "more than 8 servers" },
	{ "authserver 1.0.0.1,1.0.0.2,1.0.0.3,1.0.0.4,1.0.0.5\nauthserver 1.0.0.6,1.0.0.7,1.0.0.8,1.0.0.9",
	  "line 2 of " },
	{ "acctserver 192.0.2.1", "libradcli can't read" },
	{ "authserver 192.0.2.1\nno_such_word x", "unrecognized keyword: no_such_word" },
	{ "authserver [2001:db8::1", "libradcli can't read" },
	{ "authserver 192.0.2.1:0", "give a port" },
	{ "authserver 192.0.2.300", "is no server" },
	{ "authserver 192.0.2.99", "there is no secret for 192.0.2.99" },
	/* libradcli would take the longer name's */
	{ "authserver 192.0.2.9,192.0.2.99:1812:" LONG, "there is no secret for 192.0.2.9 " },
	{ "authserver 192.0.2.1\nserv-type tcp", "must be udp" },
	{ "authserver " NOWHERE ":1812:" LONG, "no address for the name " NOWHERE },
};

START_TEST(radcli_is_bad)
{
	write_radcli(radcli_bad[_i].servers);
	expect_error(RADCLI, "radius.config", radcli_bad[_i].words);
}
END_TEST

START_TEST(radcli_times)
{
	write_radcli("authserver 192.0.2.1");
	write_file("radiusclient.conf", 0600, "authserver 192.0.2.1\nservers %s/servers\ndictionary %s/dictionary\n"
		   "radius_timeout 31\nradius_retries 1\n", dir, dir);
	expect_error(RADCLI, "radius.config", "radius_timeout must be 1 to 30");
	write_file("radiusclient.conf", 0600, "authserver 192.0.2.1:1812:%s\n%0600d\n", LONG, 0);
	expect_error(RADCLI, "radius.config", "too long for radcli");
}
END_TEST

/* Its files are root's and closed, where there are secrets in them. */
START_TEST(radcli_files)
{
	write_radcli("authserver 192.0.2.1");
	chmod(in_dir("radiusclient.conf"), 0644); /* as Debian ships it */
	expect_good(RADCLI);
	chmod(in_dir("servers"), 0644);
	expect_error(RADCLI, "radius.config", "/servers holds a secret");
	chmod(in_dir("servers"), 0600);
	unlink(in_dir("servers"));
	expect_error(RADCLI, "radius.config", "/servers: No such file");
	write_file("servers", 0600, "192.0.2.1\n");
	ck_assert_int_eq(load(RADCLI), -1);
	ck_assert_ptr_nonnull(strstr(errors.list[0], "line 1 of "));
	ck_assert_ptr_nonnull(strstr(errors.list[0], "has no secret"));
	write_radcli("authserver 192.0.2.1:1812:" LONG);
	expect_good(RADCLI);
	chmod(in_dir("radiusclient.conf"), 0644);
	expect_error(RADCLI, "radius.config", "radiusclient.conf holds a secret");
	unlink(in_dir("radiusclient.conf"));
	expect_error(RADCLI, "radius.config", "No such file");
	if (geteuid() != 0)
		return;
	write_radcli("authserver 192.0.2.1");
	chmod(in_dir("radiusclient.conf"), 0666);
	expect_error(RADCLI, "radius.config", "chmod go-w");
	chmod(in_dir("radiusclient.conf"), 0644);
	ck_assert_int_eq(chown(in_dir("radiusclient.conf"), 1, 0), 0);
	expect_error(RADCLI, "radius.config", "chown root");
}
END_TEST

/* libradcli cuts a line of it at 127 octets and a secret at 95. */
START_TEST(radcli_long_secret)
{
	char secret[254];

	memset(secret, 's', sizeof secret - 1);
	secret[253] = '\0';
	write_radcli("authserver 192.0.2.1");
	write_file("servers", 0600, "192.0.2.1 %s\n", secret);
	expect_good(RADCLI);
	ck_assert_str_eq(files.conf->radius.servers[0].secret, secret);
	write_file("servers", 0600, "192.0.2.1 %sx\n", secret);
	ck_assert_int_eq(load(RADCLI), -1);
	ck_assert_ptr_nonnull(strstr(errors.list[0], "longer than 253 octets"));
	ck_assert_ptr_null(strstr(errors.list[0], "ssss"));
}
END_TEST

/* --- the spool's folder --- */

#define WITH_SECRET "servers = ( { host = \"192.0.2.1\"; secret = \"" LONG "\"; } );"
#define SPOOL_KEY "radius.acct.spool"

START_TEST(spool)
{
	expect_good(WITH_SECRET); /* it is made when main asks for it */
	ck_assert_int_eq(access(in_dir("spool"), F_OK), -1);
	write_file("spool", 0600, "x");
	expect_error(WITH_SECRET, SPOOL_KEY, "is not a folder");
	unlink(in_dir("spool"));
	ck_assert_int_eq(symlink("/", in_dir("spool")), 0);
	expect_error(WITH_SECRET, SPOOL_KEY, "is not a folder");
	unlink(in_dir("spool"));
}
END_TEST

/* Above it. */
START_TEST(spool_folder_of_others)
{
	ck_assert_int_eq(load(""), -1); /* no servers: only to have the file written */
	write_file("pacd.conf", 0600,
		   "user = \"nobody\"; control_socket = \"%s/control\"; ppp = { pppd = \"%s/pppd\"; "
		   "plugin = \"%s/pacd.so\"; check = false; };\n" POOL
		   "radius = { acct = { spool = \"%s/a/spool\"; }; " WITH_SECRET " };\n", dir, dir, dir, dir);
	conf_errors_clear(&errors);
	ck_assert_int_eq(priv_files_load(&files, in_dir("pacd.conf"), &errors), -1);
	ck_assert_ptr_nonnull(strstr(errors.list[0], SPOOL_KEY ": there is no folder"));
	ck_assert_int_eq(mkdir(in_dir("a"), 0755), 0);
	ck_assert_int_eq(priv_files_load(&files, in_dir("pacd.conf"), &errors), 0);
	priv_files_clear(&files);
	chmod(in_dir("a"), 0775);
	conf_errors_clear(&errors);
	ck_assert_int_eq(priv_files_load(&files, in_dir("pacd.conf"), &errors), -1);
	ck_assert_ptr_nonnull(strstr(errors.list[0], SPOOL_KEY ": others than root"));
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { secret_file, sealed_text_completes, nothing_to_say, secret_file_that_is_none,
				       secret_file_of_others, all_that_is_wrong, names, nothing_is_left_open, radcli,
				       radcli_times, radcli_files, radcli_long_secret, spool, spool_folder_of_others,
				       NULL };
	Suite *s = suite_create("priv_radius");
	TCase *tc = tcase_create("radius");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	for (const TTest *const *t = tests; *t; t++)
		tcase_add_test(tc, *t);
	tcase_add_loop_test(tc, secret_files_content, 0, sizeof contents / sizeof *contents);
	tcase_add_loop_test(tc, radcli_is_bad, 0, sizeof radcli_bad / sizeof *radcli_bad);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
