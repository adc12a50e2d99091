/*
 * priv/files and priv/check: what is wrong with files and with what they name,
 * all at once and each with its key; sealed copies; pppd's versions.
 */
#include "test/unit/unit_priv.h"

#include "pacd/priv/priv.h"

#include <fcntl.h>

#define POOL "pools = ( { name = \"main\"; local = \"10.9.0.1\"; ranges = [ \"10.9.0.10-20\" ]; } );\n"

static struct conf_errors errors;
static struct priv_files files;

static void setup(void)
{
	dir_setup();
	conf_errors_init(&errors);
	files = (struct priv_files){ .conf_fd = -1, .users_fd = -1, .radius_fd = -1 };
	write_file("users", 0600, "users = ( { name = \"alice\"; secret = \"wonder\"; } );\n");
	write_file("pppd", 0700, "#!/bin/sh\n");
	write_file("pacd.so", 0600, "x");
}

static void teardown(void)
{
	conf_errors_clear(&errors);
	priv_files_clear(&files);
	dir_teardown();
}

/* `user` and what else is to be in the file. */
static int load(const char *user, const char *control, const char *check, const char *more)
{
	char file[128];

	write_file("pacd.conf", 0600,
		   "user = \"%s\";\ncontrol_socket = \"%s/%s\";\naaa = { users = \"%s/users\"; };\n"
		   "ppp = { pppd = \"%s/pppd\"; plugin = \"%s/pacd.so\"; check = %s; };\n" POOL "%s\n",
		   user, dir, control, dir, dir, dir, check, more);
	snprintf(file, sizeof file, "%s", in_dir("pacd.conf"));
	priv_files_clear(&files);
	return priv_files_load(&files, file, &errors);
}

/* The file as it is. */
static int reload(void)
{
	char file[128];

	snprintf(file, sizeof file, "%s", in_dir("pacd.conf"));
	priv_files_clear(&files);
	return priv_files_load(&files, file, &errors);
}

static int load_plain(void)
{
	return load("nobody", "control", "true", "");
}

static void expect_errors(size_t n)
{
	char *text = conf_errors_join(&errors);

	ck_assert_msg(errors.n == n, "%zu errors: %s", errors.n, text);
	free(text);
}

static void expect_error(const char *a, const char *b)
{
	char *text = conf_errors_join(&errors);

	ck_assert_msg(strstr(text, a) && strstr(text, b), "neither %s nor %s in: %s", a, b, text);
	free(text);
}

START_TEST(good)
{
	ck_assert_int_eq(load_plain(), 0);
	expect_errors(0);
	ck_assert_ptr_nonnull(files.conf);
	ck_assert_ptr_nonnull(conf_users_find(files.users, "alice", 5));
	ck_assert_int_eq(fcntl(files.conf_fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	ck_assert_int_eq(fcntl(files.users_fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	priv_files_clear(&files);
	ck_assert_int_eq(files.conf_fd, -1);
	ck_assert_ptr_null(files.conf);
}
END_TEST

START_TEST(no_configuration)
{
	ck_assert_int_eq(priv_files_load(&files, in_dir("none"), &errors), -1);
	expect_errors(1);
	expect_error("/none: ", "No such file");
	ck_assert_int_eq(priv_files_load(&files, dir, &errors), -1);
	expect_error(dir, "not a regular file");
	ck_assert_int_eq(files.conf_fd, -1);
}
END_TEST

/* Opening must not wait for a writer. */
START_TEST(fifo)
{
	ck_assert_int_eq(mkfifo(in_dir("fifo"), 0600), 0);
	ck_assert_int_eq(priv_files_load(&files, in_dir("fifo"), &errors), -1);
	expect_error("/fifo: ", "not a regular file");
}
END_TEST

START_TEST(too_long)
{
	write_file("pacd.conf", 0600, "x");
	ck_assert_int_eq(truncate(in_dir("pacd.conf"), CONF_FILE_MAX + 1), 0);
	ck_assert_int_eq(priv_files_load(&files, in_dir("pacd.conf"), &errors), -1);
	expect_error("longer than", "pacd.conf");
}
END_TEST

START_TEST(users_that_others_can_read)
{
	static const mode_t modes[] = { 0604, 0602, 0601, 0620, 0666 };

	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		setup();
		chmod(in_dir("users"), modes[i]);
		ck_assert_int_eq(load_plain(), -1);
		expect_errors(1);
		expect_error("/users: ", "mode");
		ck_assert_int_eq(files.users_fd, -1);
		teardown();
	}
	setup();
	chmod(in_dir("users"), 0400);
	ck_assert_int_eq(load_plain(), 0);
}
END_TEST

/* Group root is root. */
START_TEST(users_of_a_group)
{
	int root = geteuid() == 0;

	chmod(in_dir("users"), 0640);
	ck_assert_int_eq(load_plain(), root ? 0 : -1);
	if (!root)
		return;
	ck_assert_int_eq(chown(in_dir("users"), 0, 1), 0);
	ck_assert_int_eq(load_plain(), -1);
	expect_error("/users: ", "mode");
	conf_errors_clear(&errors);
	ck_assert_int_eq(chown(in_dir("users"), 1, 0), 0);
	ck_assert_int_eq(load_plain(), -1);
	expect_error("/users: ", "belong to root");
}
END_TEST

/* All of it in one go, each with its key. */
START_TEST(everything_wrong_at_once)
{
	unlink(in_dir("users"));
	chmod(in_dir("pppd"), 0600);
	unlink(in_dir("pacd.so"));
	ck_assert_int_eq(load("pacd-no-such-user", "a/b/control", "true",
			      "control_owner = \"pacd-no-owner\"; control_group = \"pacd-no-group\";"), -1);
	expect_errors(7);
	expect_error("aaa.users: ", "/users");
	expect_error("ppp.pppd: ", "can't be executed");
	expect_error("ppp.plugin: ", "/pacd.so");
	expect_error("user: ", "pacd-no-such-user");
	expect_error("control_owner: ", "pacd-no-owner");
	expect_error("control_group: ", "pacd-no-group");
	expect_error("control_socket: ", "there is no folder");
}
END_TEST

START_TEST(main_must_not_be_root)
{
	ck_assert_int_eq(load("root", "control", "true", ""), -1);
	expect_errors(1);
	expect_error("user: ", "must not be");
}
END_TEST

START_TEST(unchecked_pppd)
{
	unlink(in_dir("pppd"));
	unlink(in_dir("pacd.so"));
	ck_assert_int_eq(load_plain(), -1);
	expect_errors(2);
	conf_errors_clear(&errors);
	ck_assert_int_eq(load("nobody", "a/control", "false", ""), 0);
	expect_errors(0);
}
END_TEST

START_TEST(versions)
{
	ck_assert_uint_eq(priv_check_version("pppd version 2.4.9"), 20409);
	ck_assert_uint_eq(priv_check_version("pppd version 2.4.8\n"), 20408);
	ck_assert_uint_eq(priv_check_version("/usr/sbin/pppd: pppd version 2.5.2 "), 20502);
	ck_assert_uint_eq(priv_check_version("pppd version 2.5.0-dev"), 20500);
	ck_assert_uint_eq(priv_check_version("pppd version 2.6"), 20600);
	ck_assert_uint_eq(priv_check_version("pppd version x"), 0);
	ck_assert_uint_eq(priv_check_version("2.4.9"), 0);
	ck_assert_uint_eq(priv_check_version(""), 0);
}
END_TEST

static void no_log(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

/* A program in pppd's place, asked as the start-up check asks it; needs root, as the check does. */
static void check_with(const char *script)
{
	write_file("pppd", 0700, "#!/bin/sh\n%s\n", script);
	ck_assert_int_eq(load_plain(), 0);
	conf_errors_clear(&errors);
	log_set_sink(no_log);
	priv_check_machine(files.conf, &(struct priv_scope){ .programs = true }, &errors);
}

/* What has been seen is not started again. */
START_TEST(machine_without_programs)
{
	write_file("pppd", 0700, "#!/bin/sh\ntouch %s/started\n", dir);
	ck_assert_int_eq(load_plain(), 0);
	log_set_sink(no_log);
	priv_check_machine(files.conf, &(struct priv_scope){ .programs = false }, &errors);
	ck_assert_int_eq(access(in_dir("started"), F_OK), -1);
	priv_check_machine(files.conf, &(struct priv_scope){ .programs = true }, &errors);
	ck_assert_int_eq(access(in_dir("started"), F_OK), geteuid() == 0 ? 0 : -1);
}
END_TEST

/* Loads once more, with that after "check =", and compares with what there was. */
static bool same_after(const char *check, const char *more)
{
	struct priv_files old = files;
	bool same;

	files = (struct priv_files){ .conf_fd = -1, .users_fd = -1, .radius_fd = -1 };
	ck_assert_int_eq(load("nobody", "control", check, more), 0);
	same = priv_files_same_programs(&old, &files);
	priv_files_clear(&old);
	return same;
}

static void set_time(const char *name, time_t seconds, long nanoseconds)
{
	const struct timespec times[2] = { { seconds, nanoseconds }, { seconds, nanoseconds } };

	ck_assert_int_eq(utimensat(AT_FDCWD, in_dir(name), times, 0), 0);
}

START_TEST(programs_are_compared)
{
	char options[160];

	set_time("pacd.so", 1, 0);
	ck_assert_int_eq(load_plain(), 0);
	ck_assert(same_after("true", ""));
	ck_assert(same_after("true", "quarantine = 1;")); /* nothing of pppd's */
	write_file("pppd", 0700, "#!/bin/sh\n# new\n");
	ck_assert(!same_after("true", ""));
	ck_assert(same_after("true", ""));
	set_time("pacd.so", 2, 0);
	ck_assert(!same_after("true", ""));
	set_time("pacd.so", 2, 1);
	ck_assert(!same_after("true", ""));
	write_file("new", 0600, "z"); /* of the same size and time */
	set_time("new", 2, 1);
	ck_assert_int_eq(rename(in_dir("new"), in_dir("pacd.so")), 0);
	ck_assert(!same_after("true", ""));
	ck_assert(same_after("true", ""));
	ck_assert(!same_after("true; ipv6 = true", "")); /* a word that a pppd may not know */
	write_file("options", 0600, "x\n");
	snprintf(options, sizeof options, "true; options = \"%s\"", in_dir("options"));
	ck_assert(!same_after(options, ""));
	ck_assert(same_after(options, ""));
	write_file("options", 0600, "xy\n");
	ck_assert(!same_after(options, ""));
}
END_TEST

/* One that was never checked says nothing of a new one. */
START_TEST(unchecked_is_never_the_same)
{
	struct priv_files old;

	ck_assert_int_eq(load("nobody", "control", "false", ""), 0);
	old = files;
	files = (struct priv_files){ .conf_fd = -1, .users_fd = -1, .radius_fd = -1 };
	ck_assert_int_eq(load_plain(), 0);
	ck_assert(!priv_files_same_programs(&old, &files));
	ck_assert(priv_files_same_programs(&files, &old));
	priv_files_clear(&old);
}
END_TEST

START_TEST(machine)
{
	if (geteuid() != 0) {
		check_with("exit 1");
		expect_errors(0); /* said in the log only */
		return;
	}
	check_with("echo pppd version 2.4.7 >&2");
	expect_error("ppp.pppd: pppd 2.4.7", "CVE-2020-8597");
	expect_error("ppp.plugin: ", "does not start with");
	check_with("echo whatever");
	expect_error("ppp.pppd: ", "whatever");
	check_with("test \"$1\" = --version && echo pppd version 2.5.2 || { echo unrecognized option; exit 2; }");
	expect_error("ppp.plugin: ", "unrecognized option");
	check_with("test \"$1\" = --version && echo pppd version 2.5.2 ||\n"
		   "{ echo pacd.so for pppd; test \"$PACD_PLUGIN_CHECK\"; }");
	for (size_t i = 0; i < errors.n; i++)
		ck_assert_ptr_null(strstr(errors.list[i], "pacd.conf: ppp."));
}
END_TEST

/* What decides what root runs is root's, and nobody else may change it; of use only to root. */
START_TEST(files_of_others)
{
	static const struct {
		const char *file, *key;
	} files_of[] = { { "pacd.conf", "pacd.conf: " }, { "pppd", "ppp.pppd: " }, { "pacd.so", "ppp.plugin: " },
			 { "options", "ppp.options: " } };
	const char *file = files_of[_i / 2].file, *check = _i % 2 ? "true" : "false";
	bool root = geteuid() == 0;
	char more[160];

	snprintf(more, sizeof more, "%s; options = \"%s\"", check, in_dir("options"));
	write_file("options", 0600, "x\n");
	ck_assert_int_eq(load("nobody", "control", more, ""), 0);
	for (mode_t mode = 0722; mode >= 0702; mode -= 020) { /* 0722 and 0702 */
		chmod(in_dir(file), mode);
		ck_assert_int_eq(reload(), root ? -1 : 0);
		if (root)
			expect_error(files_of[_i / 2].key, "chmod go-w");
		conf_errors_clear(&errors);
	}
	chmod(in_dir(file), 0755);
	ck_assert_int_eq(reload(), 0);
	if (!root)
		return;
	ck_assert_int_eq(chown(in_dir(file), 1, 0), 0);
	ck_assert_int_eq(reload(), -1);
	expect_errors(1);
	expect_error(files_of[_i / 2].key, "chown root");
}
END_TEST

/* What root runs after a CoA-Request, if it is named at all. */
START_TEST(change_script)
{
	char more[160];

	snprintf(more, sizeof more, "true; change_script = \"%s\"", in_dir("change"));
	ck_assert_int_eq(load("nobody", "control", more, ""), -1);
	expect_errors(1);
	expect_error("ppp.change_script: ", "no script");
	conf_errors_clear(&errors);
	write_file("change", 0600, "#!/bin/sh\n");
	ck_assert_int_eq(load("nobody", "control", more, ""), -1);
	expect_error("ppp.change_script: ", "can't be executed");
	conf_errors_clear(&errors);
	chmod(in_dir("change"), 0700);
	ck_assert_int_eq(load("nobody", "control", more, ""), 0);
	if (geteuid() != 0)
		return;
	chmod(in_dir("change"), 0722);
	ck_assert_int_eq(reload(), -1);
	expect_error("ppp.change_script: ", "chmod go-w");
	conf_errors_clear(&errors);
	chmod(in_dir("change"), 0700);
	ck_assert_int_eq(chown(in_dir("change"), 1, 0), 0);
	ck_assert_int_eq(reload(), -1);
	expect_error("ppp.change_script: ", "chown root");
}
END_TEST

/* Whoever may change the folder may put a link in the socket's place. */
START_TEST(control_folder_of_others)
{
	ck_assert_int_eq(mkdir(in_dir("run"), 0755), 0);
	ck_assert_int_eq(load("nobody", "run/control", "true", ""), 0);
	chmod(in_dir("run"), 0775);
	ck_assert_int_eq(load("nobody", "run/control", "true", ""), -1);
	expect_errors(1);
	expect_error("control_socket: ", "chmod go-w");
	conf_errors_clear(&errors);
	/* Nor may it be made in such a folder. */
	ck_assert_int_eq(load("nobody", "run/pacd/control", "true", ""), -1);
	conf_errors_clear(&errors);
	chmod(in_dir("run"), 01777);
	ck_assert_int_eq(load("nobody", "run/control", "true", ""), 0);
	chmod(in_dir("run"), 0755);
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(chown(in_dir("run"), 1, 0), 0);
	ck_assert_int_eq(load("nobody", "run/control", "true", ""), -1);
	expect_error("control_socket: ", "chown root");
}
END_TEST

/* One that is missing may be plugged in later; one that is something else, or that others could turn, is an error. */
START_TEST(devices)
{
	char more[640];

	write_file("file", 0600, "x");
	ck_assert_int_eq(mkdir(in_dir("open"), 0700), 0);
	ck_assert_int_eq(chmod(in_dir("open"), 0777), 0);
	ck_assert_int_eq(symlink("/dev/null", in_dir("open/modem")), 0);
	ck_assert_int_eq(load("nobody", "control", "true",
			      "lines = ( { name = \"p%\"; type = \"ppp\"; group = \"v\"; count = 9; }, "
			      "{ name = \"m%\"; type = \"tty\"; device = \"/dev/pacd-none%\"; count = 2; "
			      "use = \"out\"; } );"), 0);
	ck_assert_uint_eq(files.conf->warnings.n, 1);
	ck_assert_ptr_nonnull(strstr(files.conf->warnings.list[0], "pacd.conf: lines[1].device: /dev/pacd-none1: No "
				     "such file or directory (and others of these lines); it is tried again "
				     "and again"));
	snprintf(more, sizeof more, "lines = ( { name = \"a\"; type = \"tty\"; device = \"%s\"; }, "
		 "{ name = \"b\"; type = \"tty\"; device = \"%s\"; } );", in_dir("file"), in_dir("open/modem"));
	ck_assert_int_eq(load("nobody", "control", "true", more), -1);
	expect_errors(2);
	expect_error("lines[0].device: ", "file is no serial device; name a character device\n");
	expect_error("lines[1].device: others than root may put another device in the place of ",
		     "open/modem: chown root and chmod go-w its folder\n");
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { good, no_configuration, fifo, too_long, users_that_others_can_read,
				       users_of_a_group, everything_wrong_at_once, main_must_not_be_root,
				       unchecked_pppd, versions, machine, machine_without_programs,
				       programs_are_compared, unchecked_is_never_the_same, control_folder_of_others,
				       change_script, devices, NULL };
	Suite *s = suite_create("priv_files");
	TCase *tc = tcase_create("files");

	tcase_add_checked_fixture(tc, setup, teardown);
	for (const TTest *const *t = tests; *t; t++)
		tcase_add_test(tc, *t);
	tcase_add_loop_test(tc, files_of_others, 0, 8);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
