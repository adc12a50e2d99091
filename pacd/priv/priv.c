/*
 * How the root part starts: reads and checks, leaves the terminal, starts main,
 * and serves it.
 *
 * Owns the order of the start only.  Until the log is open, what is wrong goes to
 * stderr, one line each.
 */
#include "pacd/priv/priv.h"

#include "common/log.h"
#include "common/seqmsg.h"
#include "pacd/priv/root.h"
#include "pacd/priv/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void print_errors(const struct conf_errors *errors)
{
	for (size_t i = 0; i < errors->n; i++)
		fprintf(stderr, "%s\n", errors->list[i]);
}

static void print_warnings(const struct conf_errors *warnings)
{
	for (size_t i = 0; i < warnings->n; i++)
		fprintf(stderr, "warning: %s\n", warnings->list[i]);
}

void priv_keep_memory(void)
{
	const struct rlimit none = { 0, 0 };

	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &none);
}

/* Files and machine; what is wrong has been printed when it is not 0. */
static int load(struct priv_files *files, const char *conf_file, unsigned live)
{
	const struct priv_scope scope = { .live = live, .programs = true };
	struct conf_errors errors;
	int r;

	conf_errors_init(&errors);
	r = priv_files_load(files, conf_file, &errors);
	if (r == 0)
		priv_check_machine(files->conf, &scope, &errors);
	if (r == 0 && errors.n) {
		priv_files_clear(files);
		r = -1;
	}
	print_errors(&errors);
	conf_errors_clear(&errors);
	return r;
}

int priv_check(const char *conf_file)
{
	struct priv_files files;

	/* A daemon may be running on it, with any number of calls. */
	if (load(&files, conf_file, UINT_MAX) < 0)
		return EXIT_FAILURE;
	print_warnings(&files.conf->warnings);
	if (files.users)
		print_warnings(&files.users->warnings);
	printf("%s: good\n", conf_file);
	priv_files_clear(&files);
	return EXIT_SUCCESS;
}

/* The daemon changes to "/", and reads the file again later. A symbolic link stays one, so that it may be turned. */
static char *absolute(const char *file)
{
	char *cwd, *path = NULL;

	if (file[0] == '/')
		return strdup(file);
	cwd = getcwd(NULL, 0);
	if (cwd && asprintf(&path, "%s/%s", cwd, file) < 0)
		path = NULL;
	free(cwd);
	return path;
}

/* So that no descriptor of ours is taken for one of these. */
static void fill_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* The one that was started: ends with what became of the daemon. */
static _Noreturn void wait_for_daemon(int fd)
{
	char octet;
	ssize_t n;

	do
		n = read(fd, &octet, 1);
	while (n < 0 && errno == EINTR);
	_exit(n == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* 0 in the daemon, with the descriptor that its starter waits at; -errno. */
static int detach(int *ready_fd)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid > 0) {
		close(fds[1]);
		wait_for_daemon(fds[0]);
	}
	close(fds[0]);
	setsid();
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid > 0)
		_exit(EXIT_SUCCESS);
	*ready_fd = fds[1];
	return 0;
}

static int start_main(struct root *r, const char *conf_file, const char *user)
{
	int fds[2] = { -1, -1 }, e = seqmsg_pair(fds);
	int init = root_init(r, conf_file, fds[0]);

	e = e < 0 ? e : init;
	e = e < 0 ? e : spawn_main(user, conf_file, fds[1], &r->main_pid);
	if (fds[1] >= 0)
		close(fds[1]);
	return e;
}

static int serve(struct priv_files *files, const char *conf_file, bool detached, int ready_fd)
{
	struct root r;
	int e = start_main(&r, conf_file, files->conf->user), code = EXIT_FAILURE;

	r.ready_fd = ready_fd;
	r.detach = detached;
	e = e < 0 ? e : root_offer(&r, files);
	if (e < 0)
		log_error("start", "error=\"%s\"", strerror(-e));
	else
		code = root_serve(&r);
	root_clear(&r);
	return code;
}

static int run(const char *conf_file, bool foreground)
{
	struct priv_files files;
	int ready_fd = -1, code, e;

	if (load(&files, conf_file, 0) < 0)
		return EXIT_FAILURE;
	log_open("pacd", foreground ? files.conf->log_target : log_target_detached(files.conf->log_target),
		 files.conf->log_level);
	e = foreground ? 0 : detach(&ready_fd);
	if (e == 0 && chdir("/") < 0)
		e = -errno;
	if (e < 0)
		log_error("start", "error=\"%s\"", strerror(-e));
	code = e < 0 ? EXIT_FAILURE : serve(&files, conf_file, !foreground, ready_fd);
	priv_files_clear(&files);
	return code;
}

int priv_run(const struct priv_options *options)
{
	char *conf_file;
	int code;

	priv_keep_memory();
	if (geteuid() != 0) {
		fprintf(stderr, "pacd: it must be started as root: it opens raw sockets and starts pppd\n");
		return EXIT_FAILURE;
	}
	fill_standard_fds();
	umask(022);
	conf_file = absolute(options->conf_file);
	if (!conf_file) {
		fprintf(stderr, "pacd: %s: %s\n", options->conf_file, strerror(errno));
		return EXIT_FAILURE;
	}
	code = run(conf_file, options->foreground);
	free(conf_file);
	return code;
}
