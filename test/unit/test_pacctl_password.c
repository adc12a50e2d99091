/*
 * pacctl asks for a password: no echo on a terminal, and echo again in every
 * case afterwards (RAD-31).
 */
#include "pacd/ctl/pacctl.h"
#include "test/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static int master, slave, prompt; /* prompt: what the child says on its standard error */
static pid_t child;

static bool echoes(void)
{
	struct termios t;

	ck_assert_int_eq(tcgetattr(slave, &t), 0);
	return t.c_lflag & ECHO;
}

/* Waits until it is there: the check has the deadline. */
static void prompt_read(void)
{
	static const char want[] = "Password: ";
	char c;

	for (size_t i = 0; want[i]; i++) {
		ck_assert_int_eq(read(prompt, &c, 1), 1);
		ck_assert_int_eq(c, want[i]);
	}
}

/* Exits with 0 when it reads `want`, with the code if it gets one, else 99. */
static void child_run(int err_fd, const char *want)
{
	FILE *err = fdopen(err_fd, "w");
	char password[8];
	ssize_t n = pacctl_password(slave, err, password, sizeof password);

	fflush(err);
	if (n < 0)
		_exit((int)-n);
	_exit((size_t)n == strlen(want) && !memcmp(password, want, (size_t)n) ? 0 : 99);
}

static void begin(const char *want)
{
	int ends[2];

	ck_assert_int_eq(openpty(&master, &slave, NULL, NULL, NULL), 0);
	ck_assert(echoes());
	ck_assert_int_eq(pipe(ends), 0);
	child = fork();
	if (!child) {
		close(ends[0]);
		signal(SIGINT, SIG_DFL); /* Check has handlers of its own */
		signal(SIGTERM, SIG_DFL);
		child_run(ends[1], want);
	}
	close(ends[1]);
	prompt = ends[0];
	prompt_read();
	ck_assert(!echoes());
}

static int end(void)
{
	int status;

	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(echoes());
	return status;
}

static void type(const char *text)
{
	ck_assert_int_eq(write(master, text, strlen(text)), (ssize_t)strlen(text));
}

/* What the terminal shows until now. */
static size_t shown(char *text, size_t size)
{
	struct pollfd p = { .fd = master, .events = POLLIN };
	ssize_t n = poll(&p, 1, 0) > 0 ? read(master, text, size) : 0;

	return n > 0 ? (size_t)n : 0;
}

START_TEST(terminal_without_echo)
{
	char text[100];

	begin("s3cret");
	type("s3cret\n");
	ck_assert_int_eq(end(), 0);
	ck_assert_uint_eq(shown(text, sizeof text), 0);
}
END_TEST

START_TEST(terminal_line_too_long)
{
	begin("");
	type("123456789\n");
	ck_assert_int_eq(WEXITSTATUS(end()), E2BIG);
}
END_TEST

START_TEST(terminal_end_of_input)
{
	begin("");
	type("\x04"); /* Control-D */
	ck_assert_int_eq(WEXITSTATUS(end()), ENODATA);
}
END_TEST

START_TEST(terminal_signals)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		int status;

		signal(signals[i], SIG_DFL); /* under nohup one is ignored */
		begin("");
		type("half");
		ck_assert_int_eq(kill(child, signals[i]), 0);
		status = end();
		ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == signals[i], "%d: %x", signals[i],
			      (unsigned)status);
		close(master);
		close(slave);
		close(prompt);
	}
}
END_TEST

/* A signal that is ignored stays ignored, as nohup wants. */
START_TEST(terminal_ignored_signal)
{
	signal(SIGHUP, SIG_IGN);
	begin("pw");
	ck_assert_int_eq(kill(child, SIGHUP), 0);
	type("pw\n");
	ck_assert_int_eq(end(), 0);
}
END_TEST

START_TEST(no_terminal)
{
	char password[4];
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(write(ends[1], "abcd\n\nab", 8), 8);
	close(ends[1]);
	ck_assert_int_eq(pacctl_password(ends[0], stderr, password, sizeof password), 4);
	ck_assert(!memcmp(password, "abcd", 4));
	ck_assert_int_eq(pacctl_password(ends[0], stderr, password, sizeof password), 0);
	ck_assert_int_eq(pacctl_password(ends[0], stderr, password, sizeof password), 2);
	ck_assert_int_eq(pacctl_password(ends[0], stderr, password, sizeof password), -ENODATA);
	close(ends[0]);
	ck_assert_int_eq(pacctl_password(ends[0], stderr, password, sizeof password), -EBADF);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("pacctl_password");

	UNIT_CASE(s, "password", terminal_without_echo, terminal_line_too_long, terminal_end_of_input, terminal_signals,
		  terminal_ignored_signal, no_terminal);
	return s;
}

UNIT_MAIN(suite)
