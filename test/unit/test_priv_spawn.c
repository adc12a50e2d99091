/*
 * priv/spawn and priv/priv: what main is left with, seen by this very program in
 * main's place, and what the root part does first of all (SEC-08).
 *
 * spawn_main() needs root: without it that test says that it was skipped.
 */
#include "test/unit/unit_priv.h"

#include "common/seqmsg.h"
#include "pacd/priv/priv.h"
#include "pacd/priv/proto.h"
#include "pacd/priv/spawn.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* What main finds, as values on its socket. */
struct seen {
	pid_t pid, session;
	uid_t uids[3];
	gid_t gids[3], groups[4];
	int ngroups, no_new_privs, bounding, dumpable, cwd_is_root, fds, path_only;
	unsigned long long effective, permitted;
	struct rlimit core, files;
};

static unsigned long long status_field(const char *field)
{
	char line[256];
	unsigned long long value = 1;
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof line, f))
		if (!strncmp(line, field, strlen(field)))
			value = strtoull(line + strlen(field) + 1, NULL, 16);
	if (f)
		fclose(f);
	return value;
}

/* As main: tells and ends. */
static int tell(void)
{
	struct seen s = { .pid = getpid(), .session = getsid(0) };
	char cwd[8];

	getresuid(&s.uids[0], &s.uids[1], &s.uids[2]);
	getresgid(&s.gids[0], &s.gids[1], &s.gids[2]);
	s.ngroups = getgroups(4, s.groups);
	s.no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		s.bounding += prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
	s.cwd_is_root = getcwd(cwd, sizeof cwd) && !strcmp(cwd, "/");
	for (int fd = 0; fd < 256; fd++)
		s.fds += fcntl(fd, F_GETFD) >= 0;
	s.path_only = getenv("PATH") && !getenv("PACD_TEST_SECRET");
	s.effective = status_field("CapEff");
	s.permitted = status_field("CapPrm");
	getrlimit(RLIMIT_CORE, &s.core);
	getrlimit(RLIMIT_NOFILE, &s.files);
	return seqmsg_send(PRIV_FD, &s, sizeof s, NULL, 0) == 0 ? 7 : 8;
}

START_TEST(main_has_nothing_of_root)
{
	const struct passwd *nobody = getpwnam("nobody");
	int fds[2], status, extra = open("/dev/null", O_RDONLY);
	struct seqmsg m;
	struct seen s;
	pid_t pid;

	if (geteuid() != 0) {
		fprintf(stderr, "test_priv_spawn: skipped: main_has_nothing_of_root: it needs root\n");
		return;
	}
	setenv("PACD_TEST_SECRET", "x", 1);
	priv_keep_memory();
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 100, 200 }), 0);
	ck_assert_int_eq(seqmsg_pair(fds), 0);
	ck_assert_int_eq(spawn_main("nobody", "pacd.conf", fds[1], &pid), 0);
	close(fds[1]);
	ck_assert(readable(fds[0]));
	ck_assert_int_eq(seqmsg_recv(fds[0], &m), 0);
	ck_assert_uint_eq(m.len, sizeof s);
	memcpy(&s, m.data, sizeof s);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	ck_assert_int_eq(s.pid, pid);
	ck_assert_int_eq(s.session, pid); /* the terminal of our session is not its own */
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(s.uids[i], nobody->pw_uid);
		ck_assert_uint_eq(s.gids[i], nobody->pw_gid);
	}
	ck_assert_int_eq(s.ngroups, 1);
	ck_assert_uint_eq(s.groups[0], nobody->pw_gid);
	ck_assert_int_eq(s.no_new_privs, 1);
	ck_assert_int_eq(s.bounding, 0);
	ck_assert(s.effective == 0 && s.permitted == 0);
	ck_assert(s.core.rlim_cur == 0 && s.core.rlim_max == 0);
	ck_assert_uint_eq(s.files.rlim_cur, s.files.rlim_max);
	ck_assert_uint_eq(s.files.rlim_max, 200);
	ck_assert(s.cwd_is_root && s.path_only);
	ck_assert_int_eq(s.fds, 4); /* 0 to 2 and its socket */
	close(extra);
	close(fds[0]);
}
END_TEST

/* Before it has read a single file. */
START_TEST(memory_is_kept)
{
	struct priv_options options = { .conf_file = "/nowhere/pacd.conf", .foreground = true };
	struct rlimit core;

	ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 1), 0);
	ck_assert_int_eq(priv_run(&options), EXIT_FAILURE);
	ck_assert_int_eq(prctl(PR_GET_DUMPABLE), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_CORE, &core), 0);
	ck_assert(core.rlim_cur == 0 && core.rlim_max == 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("priv_spawn");

	UNIT_CASE(s, "start", main_has_nothing_of_root, memory_is_kept);
	return s;
}

int main(int argc, char **argv)
{
	SRunner *r;
	int failed;

	if (argc > 0 && !strcmp(argv[0], PRIV_MAIN_ROLE))
		return tell();
	r = srunner_create(suite());
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
