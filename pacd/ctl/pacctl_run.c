/*
 * pacctl's options, its one exchange with pacd, and its exit codes.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "pacd/ctl/pacctl.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

#define PATIENCE_S 75            /* without an octet; longer than pacd's own bound for a deferred answer */
#define ANSWER_MAX (512u << 20)
#define READ_PIECE (64u << 10)

struct run {
	FILE *out, *err;
	const char *socket;
	enum pacctl_mode mode;
	struct ctl_words words;
};

/* --- help --- */

static void print_commands(FILE *f, const struct ctl_words *only)
{
	char form[CTL_SYNTAX_TEXT];

	for (unsigned c = 0; c < CTL_COMMANDS; c++)
		if (!only || ctl_syntax_has((enum ctl_command)c, only))
			fprintf(f, "  %-26s %s\n", ctl_syntax_text((enum ctl_command)c, form),
				ctl_syntax_get((enum ctl_command)c)->help);
}

static void print_help(FILE *f)
{
	fputs("usage: pacctl [OPTIONS] COMMAND...\n"
	      "Asks or tells a running pacd.\n\n"
	      "  -s, --socket PATH          the control socket, default " CTL_SOCKET "\n"
	      "  -j, --json                 answer in JSON\n"
	      "  -k, --kv                   answer as lines of key=value\n"
	      "  -h, --help                 this help\n"
	      "  -V, --version              the version\n\n"
	      "commands, which may be abbreviated:\n",
	      f);
	print_commands(f, NULL);
	fputs("\n`pacctl help COMMAND` tells more about one. Exit codes are in pacctl(8).\n", f);
}

static int help_about(struct run *r)
{
	struct ctl_words about = { .n = 0 };
	const struct ctl_syntax *s;
	size_t found = 0;

	for (size_t i = 1; i < r->words.n; i++)
		about.list[about.n++] = r->words.list[i];
	for (unsigned c = 0; c < CTL_COMMANDS; c++) {
		char form[CTL_SYNTAX_TEXT];

		s = ctl_syntax_get((enum ctl_command)c);
		if (!ctl_syntax_has((enum ctl_command)c, &about))
			continue;
		fprintf(r->out, "%s%s\n    %s\n", found++ ? "\n" : "", ctl_syntax_text((enum ctl_command)c, form),
			s->help);
		if (s->detail)
			fprintf(r->out, "    %s\n", s->detail);
		if (s->right)
			fprintf(r->out, "    Needs %s permission on the control socket.\n",
				s->right == CTL_MAY_ACT ? "write" : "read");
	}
	if (found)
		return PACCTL_OK;
	fputs("pacctl: no such command; see `pacctl help`\n", r->err);
	return PACCTL_USAGE;
}

/* --- the exchange --- */

static int complain_connect(struct run *r, int error)
{
	const char *p = r->socket;

	if (error == ENOENT || error == ECONNREFUSED || error == ENOTDIR || error == ENOTSOCK) {
		fprintf(r->err, "pacctl: %s: %s: pacd is not running, or has another control_socket (see --socket)\n",
			p, strerror(error));
		return PACCTL_NOT_RUNNING;
	}
	if (error == EACCES || error == EPERM) {
		fprintf(r->err, "pacctl: %s: not permitted: see control_owner, control_group and control_mode\n", p);
		return PACCTL_NOT_PERMITTED;
	}
	fprintf(r->err, "pacctl: %s: %s\n", p, error == EAGAIN ? "pacd does not answer" : strerror(error));
	return error == ENAMETOOLONG ? PACCTL_USAGE : PACCTL_FAILED;
}

/* A connected socket, or -errno. */
static int connect_to(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = PATIENCE_S };
	int fd, rc;

	if (strlen(path) >= sizeof sun.sun_path)
		return -ENAMETOOLONG;
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0 ||
	    connect(fd, (const struct sockaddr *)&sun, sizeof sun) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

/* A pacd that has said no already does not read: what it said is still there to be read. */
static int request_send(int fd, const struct ctl_out *request)
{
	for (size_t sent = 0; sent < request->len;) {
		ssize_t n = send(fd, request->text + sent, request->len - sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EPIPE || errno == ECONNRESET ? 0 : -errno;
		sent += (size_t)n;
	}
	return 0;
}

/* Everything up to the end, in *text, which the caller frees. 0 or -errno. */
static int answer_read(int fd, char **text, size_t *len)
{
	size_t cap = 0;

	for (;;) {
		ssize_t n;

		if (cap - *len < READ_PIECE) {
			char *p = cap < ANSWER_MAX ? realloc(*text, cap = 2 * cap + READ_PIECE) : NULL;

			if (!p)
				return -ENOMEM;
			*text = p;
		}
		n = recv(fd, *text + *len, cap - *len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != ECONNRESET)
			return -errno;
		if (n <= 0)
			return 0;
		*len += (size_t)n;
	}
}

int pacctl_split(struct pacctl_answer *a, char *text, size_t len)
{
	char *last;

	if (!len || text[len - 1] != '\n')
		return -EBADMSG;
	last = memrchr(text, '\n', len - 1);
	last = last ? last + 1 : text;
	text[len - 1] = '\0';
	a->records = text;
	a->len = (size_t)(last - text);
	return ctl_status_parse(last, len - 1 - a->len, &a->code, &a->status) < 0 ? -EBADMSG : 0;
}

int pacctl_exit_code(unsigned code)
{
	switch (code) {
	case CTL_OK:
		return PACCTL_OK;
	case CTL_NOT_FOUND:
		return PACCTL_NOT_FOUND;
	case CTL_BAD_REQUEST:
		return PACCTL_USAGE;
	case CTL_NOT_PERMITTED:
		return PACCTL_NOT_PERMITTED;
	case CTL_REFUSED:
		return PACCTL_REFUSED;
	case CTL_BUSY:
		return PACCTL_BUSY;
	default:
		return PACCTL_FAILED;
	}
}

static int failed(struct run *r, const char *what)
{
	fprintf(r->err, "pacctl: %s\n", what);
	return PACCTL_FAILED;
}

static int show(struct run *r, enum ctl_command command, char *text, size_t len)
{
	struct pacctl_answer a;
	int rc = pacctl_split(&a, text, len);

	if (rc == 0)
		rc = pacctl_render(r->out, r->err, r->mode, command, &a);
	if (rc == -ENOMEM)
		return failed(r, "out of memory");
	if (rc < 0)
		return failed(r, len ? "the answer is cut or broken" : "pacd closed the connection without an answer");
	if (fflush(r->out) != 0 || ferror(r->out))
		return failed(r, "the answer could not be written");
	return pacctl_exit_code(a.code);
}

static int exchange(struct run *r, enum ctl_command command, const struct ctl_out *request)
{
	char *text = NULL;
	size_t len = 0;
	int fd = connect_to(r->socket), rc;

	if (fd < 0)
		return complain_connect(r, -fd);
	rc = request_send(fd, request);
	if (rc == 0)
		rc = answer_read(fd, &text, &len);
	close(fd);
	if (rc == 0)
		rc = show(r, command, text, len);
	else
		rc = failed(r, rc == -EAGAIN ? "pacd does not answer" : strerror(-rc));
	free(text);
	return rc;
}

/* --- the command line --- */

/* After the command nothing is an option: a peer chose the name that a script puts there. */
static bool has_late_option(const struct run *r)
{
	for (size_t i = 1; i < r->words.n; i++)
		if (r->words.list[i].len > 1 && r->words.list[i].text[0] == '-')
			return true;
	return false;
}

static int complain_password(struct run *r, ssize_t rc)
{
	if (rc == -E2BIG)
		fprintf(r->err, "pacctl: a password has at most %d octets\n", CTL_PASSWORD_MAX);
	else if (rc == -ENODATA)
		fputs("pacctl: no password on standard input\n", r->err);
	else
		fprintf(r->err, "pacctl: the password can't be read: %s\n", strerror((int)-rc));
	return PACCTL_USAGE;
}

/* 0 or an enum pacctl_exit. */
static int password_add(struct run *r, struct ctl_out *request)
{
	char password[CTL_PASSWORD_MAX];
	ssize_t n = pacctl_password(STDIN_FILENO, r->err, password, sizeof password);

	if (n >= 0)
		ctl_out_password(request, password, (size_t)n);
	explicit_bzero(password, sizeof password);
	return n < 0 ? complain_password(r, n) : 0;
}

/* The whole words that were meant: an abbreviation is pacctl's own affair. 0 or an enum pacctl_exit. */
static int request_build(struct run *r, enum ctl_command command, struct ctl_out *request)
{
	const struct ctl_syntax *s = ctl_syntax_get(command);
	size_t at = ctl_syntax_arg(command);

	for (size_t i = 0; i < CTL_SYNTAX_WORDS && s->words[i]; i++)
		if (i == at)
			ctl_out_arg(request, r->words.list[i].text, r->words.list[i].len);
		else
			ctl_out_arg(request, s->words[i], strlen(s->words[i]));
	if (s->arg == CTL_ARG_LOGIN)
		return password_add(r, request);
	ctl_out_end(request);
	return 0;
}

static int ask(struct run *r, const struct ctl_match *m)
{
	struct ctl_out request;
	int rc;

	ctl_out_init(&request);
	rc = request_build(r, m->command, &request);
	if (rc == 0 && request.fault)
		rc = failed(r, "out of memory");
	else if (rc == 0)
		rc = exchange(r, m->command, &request);
	ctl_out_wipe(&request);
	return rc;
}

static int words_take(struct run *r, int argc, char **argv)
{
	struct ctl_out line;
	int rc;

	ctl_out_init(&line);
	for (int i = 0; i < argc; i++)
		ctl_out_arg(&line, argv[i], strlen(argv[i]));
	rc = line.fault ? -E2BIG : ctl_words_parse(&r->words, line.text ? line.text : "", line.len);
	ctl_out_clear(&line);
	return rc;
}

static int command_run(struct run *r, int argc, char **argv)
{
	struct ctl_match m;
	char why[CTL_WHY];

	if (words_take(r, argc, argv) < 0) {
		fputs("pacctl: the command is too long\n", r->err);
		return PACCTL_USAGE;
	}
	if (argc && !strcmp(argv[0], "help") && argc > 1)
		return help_about(r);
	if (argc && !strcmp(argv[0], "help")) {
		print_help(r->out);
		return PACCTL_OK;
	}
	if (ctl_match(&m, &r->words, why) < 0) {
		fprintf(r->err, "pacctl: %s%s\n", why,
			has_late_option(r) ? " (options go before the command)" : "");
		return PACCTL_USAGE;
	}
	if (m.password) {
		fputs("pacctl: others can see a command's words: the password is asked for, or is the first line of "
		      "standard input\n", r->err);
		return PACCTL_USAGE;
	}
	return ask(r, &m);
}

static const struct option options[] = {
	{ "socket", required_argument, NULL, 's' }, { "json", no_argument, NULL, 'j' },
	{ "kv", no_argument, NULL, 'k' },           { "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },      { NULL, 0, NULL, 0 },
};

/* -1: go on, else the exit code. */
static int option_take(struct run *r, int option)
{
	switch (option) {
	case 's':
		r->socket = optarg;
		return -1;
	case 'j':
		r->mode = PACCTL_JSON;
		return -1;
	case 'k':
		r->mode = PACCTL_KV;
		return -1;
	case 'h':
		print_help(r->out);
		return PACCTL_OK;
	case 'V':
		fputs("pacctl " PACKAGE_VERSION "\n", r->out);
		return PACCTL_OK;
	default:
		fputs("pacctl: bad option; see `pacctl --help`\n", r->err);
		return PACCTL_USAGE;
	}
}

int pacctl_run(int argc, char **argv, FILE *out, FILE *err)
{
	struct run r = { .out = out, .err = err, .socket = CTL_SOCKET, .mode = PACCTL_TABLE };
	int option;

	optind = 0; /* glibc: start again, also when called a second time */
	opterr = 0;
	while ((option = getopt_long(argc, argv, "+s:jkhV", options, NULL)) != -1) {
		int rc = option_take(&r, option);

		if (rc >= 0)
			return rc;
	}
	return command_run(&r, argc - optind, argv + optind);
}
