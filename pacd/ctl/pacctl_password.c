/*
 * Asking for a password.
 *
 * Owns the terminal's echo while it asks: it is switched on again in every case,
 * also when a signal ends or stops the program.  Keeps no copy.
 */
#include "pacd/ctl/pacctl.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static const int caught[] = { SIGINT, SIGHUP, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU };

#define CAUGHT (sizeof caught / sizeof *caught)

static volatile sig_atomic_t came; /* 0: none */

static void note(int sig)
{
	came = sig;
}

struct signals {
	struct sigaction actions[CAUGHT]; /* as they were */
	sigset_t mask;
};

/* Blocked, but where input is waited for: none can come between a look at `came` and the wait. */
static void signals_catch(struct signals *before)
{
	struct sigaction sa = { .sa_handler = note };
	sigset_t block;

	came = 0;
	sigemptyset(&sa.sa_mask);
	sigemptyset(&block);
	for (size_t i = 0; i < CAUGHT; i++)
		sigaddset(&block, caught[i]);
	sigprocmask(SIG_BLOCK, &block, &before->mask);
	for (size_t i = 0; i < CAUGHT; i++) {
		sigaction(caught[i], NULL, &before->actions[i]);
		if (before->actions[i].sa_handler != SIG_IGN)
			sigaction(caught[i], &sa, NULL);
	}
}

static void signals_restore(const struct signals *before)
{
	for (size_t i = 0; i < CAUGHT; i++)
		sigaction(caught[i], &before->actions[i], NULL);
	sigprocmask(SIG_SETMASK, &before->mask, NULL);
}

/* Octet by octet: what follows the line is somebody else's.  mask: of signals while it waits; NULL: as they are. */
static ssize_t line_read(int fd, const sigset_t *mask, char *line, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	char c = 0;

	for (;;) {
		ssize_t n = mask && ppoll(&p, 1, NULL, mask) < 0 ? -1 : read(fd, &c, 1);

		if (n < 0)
			return -errno;
		if (n == 0)
			return len ? (ssize_t)len : -ENODATA;
		if (c == '\n')
			return (ssize_t)len;
		if (len == size)
			return -E2BIG;
		line[len++] = c;
		c = 0;
	}
}

static ssize_t ask(int fd, FILE *err, const struct termios *before, const sigset_t *mask, char *password, size_t size)
{
	struct termios quiet = *before;
	ssize_t n;

	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	if (tcsetattr(fd, TCSAFLUSH, &quiet) < 0)
		return -errno;
	fputs("Password: ", err);
	fflush(err);
	n = line_read(fd, mask, password, size);
	/* The rest of a line that is too long must not reach the shell. */
	tcsetattr(fd, TCSAFLUSH, before);
	fputs("\n", err);
	fflush(err);
	return n;
}

ssize_t pacctl_password(int fd, FILE *err, char *password, size_t size)
{
	struct signals signals;
	struct termios before;
	ssize_t n;

	if (tcgetattr(fd, &before) < 0)
		return line_read(fd, NULL, password, size);
	signals_catch(&signals);
	n = ask(fd, err, &before, &signals.mask, password, size);
	signals_restore(&signals);
	if (came)
		raise(came);
	return came ? -EINTR : n;
}
