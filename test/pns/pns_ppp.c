/*
 * pppd at the PNS's end of a call: a real one, on a pty whose master is the data
 * path's.
 *
 * Owns the process and the pipe of its log.  The log is told line by line; the
 * maps that LCP agrees on are read from it, as pppd tells them nowhere else, and
 * become a Set-Link-Info.
 */
#include "test/pns/pns.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { LOG_FD = 3 };

/* --- the log --- */

/* The map of a Configure-Ack; where it has none, all is escaped (RFC 1662 section 7.1). */
static uint32_t accm_of(const char *line)
{
	const char *at = strstr(line, "<asyncmap ");

	return at ? (uint32_t)strtoul(at + strlen("<asyncmap "), NULL, 16) : UINT32_MAX;
}

/*
 * What we acknowledge is how the other side wants to be sent to, and what it acknowledges is how it will send: the
 * other side of the PAC's line is the user.
 */
static void look(struct pns_call *call, const char *line)
{
	if (strstr(line, "sent [LCP ConfAck")) {
		call->send_accm = accm_of(line);
		call->has_send = true;
	} else if (strstr(line, "rcvd [LCP ConfAck")) {
		call->receive_accm = accm_of(line);
		call->has_receive = true;
	} else {
		return;
	}
	if (!call->has_send || !call->has_receive)
		return;
	call->has_send = call->has_receive = false;
	if (pns.set.sli)
		pns_call_sli(call, call->send_accm, call->receive_accm);
}

static void add(struct pns_call *call, char octet)
{
	if (octet != '\n') {
		if (call->line_len < sizeof call->line - 1)
			call->line[call->line_len++] = octet;
		return;
	}
	call->line[call->line_len] = '\0';
	pns_event("pppd call=%u text=%s", call->id, pns_event_quote(call->line, call->line_len));
	call->line_len = 0;
	look(call, call->line);
}

static void log_close(struct pns_call *call)
{
	if (call->log < 0)
		return;
	ev_io_stop(pns.loop, &call->log_io);
	close(call->log);
	call->log = -1;
}

static void on_log(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct pns_call *call = io->data;
	char text[1024];
	ssize_t n = read(call->log, text, sizeof text);

	(void)loop;
	(void)revents;
	if (n <= 0)
		log_close(call);
	for (ssize_t i = 0; i < n; i++)
		add(call, text[i]);
}

/* --- the process --- */

/* Whoever ends it, the call is over; when it was pppd itself, the PAC is to know. */
static void on_exit_of(struct ev_loop *loop, struct ev_child *w, int revents)
{
	struct pns_call *call = w->data;
	int status = w->rstatus;

	(void)revents;
	ev_child_stop(loop, w);
	call->pid = 0;
	pns_event("pppd-exit call=%u status=%d signal=%d", call->id, WIFEXITED(status) ? WEXITSTATUS(status) : -1,
		  WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	pns_call_ccrq(call);
}

static _Noreturn void child(int slave, int log, char *const *argv)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *env[] = { path, NULL };
	sigset_t none;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* Above 3 first, so that none of these overwrites another one. */
	slave = fcntl(slave, F_DUPFD_CLOEXEC, LOG_FD + 1);
	log = fcntl(log, F_DUPFD_CLOEXEC, LOG_FD + 1);
	if (dup2(slave, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 || dup2(log, LOG_FD) < 0 || setpgid(0, 0) < 0)
		_exit(127);
	execve(argv[0], argv, env);
	_exit(127);
}

static int pty_open(int *slave)
{
	struct termios t;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (master < 0)
		return -1;
	if (grantpt(master) < 0 || unlockpt(master) < 0)
		goto fail;
	*slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*slave < 0 || tcgetattr(*slave, &t) < 0)
		goto fail;
	cfmakeraw(&t);
	cfsetspeed(&t, B115200);
	t.c_cflag |= CLOCAL | CREAD;
	tcsetattr(*slave, TCSANOW, &t);
	return master;
fail:
	close(master);
	return -1;
}

static pid_t launch(const struct pns_call *call, int slave, int log)
{
	char local[ADDR_TEXT], remote[ADDR_TEXT], addresses[2 * ADDR_TEXT] = "noipdefault", name[16];
	char *argv[] = { (char *)(uintptr_t)pns.pppd, (char[]){ "115200" }, (char[]){ "local" }, (char[]){ "nolock" },
			 (char[]){ "nocrtscts" }, (char[]){ "nodetach" }, (char[]){ "receive-all" }, (char[]){ "debug" },
			 (char[]){ "logfd" }, (char[]){ "3" }, (char[]){ "ipparam" }, name, addresses,
			 (char[]){ "file" }, (char *)(uintptr_t)pns.options, NULL };
	pid_t pid;

	snprintf(name, sizeof name, "%u", call->id);
	if (pns.ppp_remote)
		snprintf(addresses, sizeof addresses, "%s:%s", addr_text(pns.ppp_local, local),
			 addr_text(pns.ppp_remote + (uint32_t)(call->number - 1), remote));
	pid = fork();
	if (pid == 0)
		child(slave, log, argv);
	return pid;
}

int pns_ppp_start(struct pns_call *call)
{
	int slave = -1, log[2] = { -1, -1 };
	int master = pty_open(&slave);

	if (master < 0 || pipe2(log, O_CLOEXEC) < 0) {
		pns_event("fault text=%s", pns_event_quote(strerror(errno), strlen(strerror(errno))));
		if (master >= 0)
			close(master);
		return -1;
	}
	call->pid = launch(call, slave, log[1]);
	close(slave);
	close(log[1]);
	fcntl(log[0], F_SETFL, O_NONBLOCK);
	call->log = log[0];
	ev_io_init(&call->log_io, on_log, call->log, EV_READ);
	call->log_io.data = call;
	ev_io_start(pns.loop, &call->log_io);
	ev_child_init(&call->child, on_exit_of, call->pid, 0);
	call->child.data = call;
	ev_child_start(pns.loop, &call->child);
	return master;
}

/* With the pty's master gone it ends by itself; SIGHUP makes it sooner. libev reaps it. */
void pns_ppp_end(struct pns_call *call)
{
	log_close(call);
	if (call->pid <= 0)
		return;
	ev_child_stop(pns.loop, &call->child);
	kill(call->pid, SIGTERM);
	call->pid = 0;
}
