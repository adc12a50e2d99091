/*
 * Starts main: drops every right of root, for good, and executes the program anew
 * so that nothing of root's memory and descriptors is left in it.
 *
 * Owns nothing.  It must not know what main does.
 */
#include "pacd/priv/spawn.h"

#include "pacd/priv/child.h"
#include "pacd/priv/priv.h"
#include "pacd/priv/proto.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXE_FD (PRIV_FD + 1)

/* Told on by systemd; and what a build with a sanitizer listens to. */
static const char *const kept[] = {
	"NOTIFY_SOCKET", "WATCHDOG_USEC", "JOURNAL_STREAM",
#ifdef __SANITIZE_ADDRESS__
	"ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS",
#endif
};
#define KEPT (sizeof kept / sizeof kept[0])
#define VALUE_MAX 256

static _Noreturn void fail(const char *what)
{
	dprintf(STDERR_FILENO, "pacd: can't start main: %s: %s\n", what, strerror(errno));
	_exit(EXIT_FAILURE);
}

static void drop_bounding_set(void)
{
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			fail("the capability bounding set");
}

static void drop_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];

	memset(none, 0, sizeof none);
	if (syscall(SYS_capset, &head, none) < 0)
		fail("capabilities");
}

static void drop_root(const struct passwd *pw)
{
	drop_bounding_set();
	if (setgroups(1, &pw->pw_gid) < 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
		fail("user and groups");
	drop_capabilities();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		fail("no_new_privs");
	if (setuid(0) == 0) {
		errno = EPERM;
		fail("root could be had again");
	}
}

/* stdin and stdout lead nowhere, stderr stays, the socket and the program follow, all else goes. */
static void place(int fd, int exe)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const int from[EXE_FD + 1] = { null, null, STDERR_FILENO, fd, exe };

	if (null < 0 || child_descriptors(from, EXE_FD + 1) < 0 || fcntl(EXE_FD, F_SETFD, FD_CLOEXEC) < 0)
		fail("descriptors");
}

static char **clean_environment(char *env[KEPT + 3], char values[KEPT][VALUE_MAX])
{
	static char path[] = CHILD_PATH, lang[] = "LANG=C";
	size_t n = 0;

	env[n++] = path;
	env[n++] = lang;
	for (size_t i = 0; i < KEPT; i++) {
		const char *value = getenv(kept[i]);

		if (value && snprintf(values[i], VALUE_MAX, "%s=%s", kept[i], value) < VALUE_MAX)
			env[n++] = values[i];
	}
	env[n] = NULL;
	return env;
}

/* All that we may give it, since not every root may raise another user's limit later. */
static void widen_files(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0)
		return;
	l.rlim_cur = l.rlim_max;
	setrlimit(RLIMIT_NOFILE, &l);
}

static _Noreturn void child(const struct passwd *pw, const char *conf_file, int fd, int exe)
{
	static char role[] = PRIV_MAIN_ROLE, empty[] = "";
	char values[KEPT][VALUE_MAX], *env[KEPT + 3], *argv[] = { role, strdup(conf_file), NULL };

	child_signals();
	place(fd, exe);
	if (chdir("/") < 0)
		fail("chdir");
	/* A terminal that we were started from is not main's: it could type into it. */
	if (setsid() < 0)
		fail("setsid");
	widen_files();
	drop_root(pw);
	/* By descriptor: the user needs no way to the program's folder. */
	execveat(EXE_FD, empty, argv, clean_environment(env, values), AT_EMPTY_PATH);
	fail("execute the program");
}

int spawn_main(const char *user, const char *conf_file, int fd, pid_t *pid)
{
	const struct passwd *pw;
	int exe, r = 0;

	errno = 0;
	pw = getpwnam(user);
	if (!pw)
		return errno ? -errno : -ENOENT;
	if (pw->pw_uid == 0)
		return -EPERM;
	exe = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	if (exe < 0)
		return -errno;
	*pid = fork();
	if (*pid == 0)
		child(pw, conf_file, fd, exe);
	if (*pid < 0)
		r = -errno;
	close(exe);
	return r;
}
