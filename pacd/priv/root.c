/*
 * The root part's loop: takes main's requests, reaps children, heeds signals.
 *
 * Owns main's socket, the tables of pppds, of scripts and of locked devices, and
 * the answers that main did not read yet; the snapshots are root_conf.c's.  It
 * parses nothing that came from the network, and a request that main should never
 * make ends everything: a main that makes it is not ours any more.  A signal for a
 * token that nobody has is no such request, and is ignored: the pppd may have
 * ended while it was on its way.  So is a hook for a link that has not earned one.
 */
#include "pacd/priv/root_internal.h"

#include "common/log.h"
#include "common/seqmsg.h"
#include "pacd/priv/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define BATCH 64           /* requests in one turn of the loop */
#define ANSWER_MAX 32      /* octets of the longest message of ours, with room */
#define STOP_SLACK_S 15    /* main gets its own bound and this */
#define TERM_S 10          /* pppd may take this long to end */
#define KILL_S 2           /* and the kernel this long after SIGKILL */

_Static_assert(PRIV_MSG_MAX <= SEQMSG_MAX, "a request must fit its carrier");

struct outgoing {
	struct list node;
	uint8_t data[ANSWER_MAX]; /* encoded: there may be one for each pppd, and a request may be large */
	size_t len;
	int fds[SEQMSG_FDS]; /* owned */
	size_t nfds;
};

static void outgoing_free(struct outgoing *o)
{
	list_remove(&o->node);
	for (size_t i = 0; i < o->nfds; i++)
		close(o->fds[i]);
	free(o);
}

void root_violation(struct root *r, const char *what)
{
	log_error("priv_violation", "what=%s", what);
	r->over = r->failed = true;
}

void root_queue(struct root *r, const struct priv_msg *m, const int *fds, size_t nfds)
{
	struct outgoing *o = calloc(1, sizeof *o);

	if (!o) {
		for (size_t i = 0; i < nfds; i++)
			close(fds[i]);
		root_violation(r, "no_memory");
		return;
	}
	o->len = priv_encode(o->data, sizeof o->data, m); /* 17 octets are the most: PRIV_STARTED */
	o->nfds = nfds;
	if (nfds)
		memcpy(o->fds, fds, nfds * sizeof *fds);
	list_append(&r->outgoing, &o->node);
}

static void flush(struct root *r)
{
	while (!list_empty(&r->outgoing)) {
		struct outgoing *o = list_entry(r->outgoing.next, struct outgoing, node);
		int e = seqmsg_send(r->fd, o->data, o->len, o->fds, o->nfds);

		if (e == -EAGAIN)
			return;
		if (e < 0) {
			if (e != -EPIPE && e != -ECONNRESET)
				log_error("priv_send", "error=\"%s\"", strerror(-e));
			r->over = true;
			return;
		}
		outgoing_free(o);
	}
}

/* --- main's requests --- */

/*
 * Each is opened once: a main that was taken over gains nothing by asking again and again.  A line's may come again,
 * for devices are unplugged; what was not closed is busy then.
 */
static bool first_time(struct root *r, const struct priv_open *m)
{
	uint8_t *octet = &r->opened[m->socket][m->index / 8], bit = (uint8_t)(1 << m->index % 8);

	if (*octet & bit)
		return false;
	*octet |= bit;
	return true;
}

static void open_line(struct root *r, const struct conf *c, const struct priv_open *m)
{
	struct priv_msg answer = { .type = PRIV_OPENED,
				   .opened = { m->socket, m->index, ESTALE, 0, m->generation } };
	struct conf_line line = { 0 };
	int fd = -1, e = c ? conf_line_get(c, m->index, &line) : -ESTALE;

	if (e == 0 && line.type == CONF_LINE_TTY)
		e = line_lock_open(&r->locks, line.device, &fd, &answer.opened.handle);
	else if (e == 0)
		e = sockets_open(c, m->socket, m->index, &fd);
	answer.opened.error = -e;
	conf_line_clear(&line);
	root_queue(r, &answer, &fd, fd >= 0 ? 1 : 0);
}

static void open_socket(struct root *r, const struct priv_open *m)
{
	struct priv_msg answer = { .type = PRIV_OPENED, .opened = { m->socket, m->index, ESTALE, 0, 0 } };
	const struct conf *c = root_conf_find(r, m->generation);
	int fd = -1;

	if (c && !sockets_exist(c, m->socket, m->index)) {
		root_violation(r, "no_such_socket");
		return;
	}
	if (m->socket == PRIV_SOCKET_LINE) {
		open_line(r, c, m);
		return;
	}
	if (c && !first_time(r, m)) {
		root_violation(r, "socket_asked_for_twice");
		return;
	}
	if (c)
		answer.opened.error = -sockets_open(c, m->socket, m->index, &fd);
	if (fd >= 0 && m->socket == PRIV_SOCKET_CONTROL)
		r->control = strdup(c->control.path);
	root_queue(r, &answer, &fd, fd >= 0 ? 1 : 0);
}

static void start_pppd(struct root *r, const struct priv_start_pppd *m)
{
	struct priv_msg answer = { .type = PRIV_STARTED, .started = { m->token, ESTALE, 0 } };
	const struct conf *c = root_conf_find(r, m->generation);
	struct pppd_ends ends;

	if (c && pppd_count(&r->pppds) >= pppd_max(c)) {
		answer.started.error = EUSERS;
	} else if (c) {
		answer.started.error = -pppd_start(&r->pppds, c, m->token, m->peer_addr, &ends);
	}
	if (answer.started.error) {
		root_queue(r, &answer, NULL, 0);
		return;
	}
	answer.started.pid = (uint32_t)ends.pid;
	root_queue(r, &answer, (int[]){ ends.pty, ends.plugin, ends.log }, 3);
}

/* Without -f, whoever started us waits until here. */
static void ready(struct root *r)
{
	int null;

	r->ready = true;
	if (r->ready_fd < 0)
		return;
	if (write(r->ready_fd, "", 1) < 0)
		log_warn("priv_ready", "error=\"%s\"", strerror(errno));
	close(r->ready_fd);
	r->ready_fd = -1;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	if (r->current.generation && r->current.files.conf->log_target != LOG_TO_STDERR)
		dup2(null, STDERR_FILENO);
	close(null);
}

static bool with_ipparam(const struct root *r)
{
	return r->current.generation && r->current.files.conf->ppp.ipparam;
}

static void say_hook(const char *event, unsigned unit, const char *script, int e)
{
	if (e == -EPERM)
		log_warn(event, "interface=ppp%u refused=unsafe hint=\"chown root and chmod go-w %s\"", unit, script);
	else if (e < 0)
		log_error(event, "interface=ppp%u error=\"%s\"", unit, strerror(-e));
}

static void down_hook(struct root *r, const struct priv_down_hook *m)
{
	if (!r->hooks_earned) {
		log_warn("down-hook", "interface=ppp%u refused=unearned", m->unit);
		return;
	}
	r->hooks_earned--;
	say_hook("down-hook", m->unit, r->hooks.script, hooks_run(&r->hooks, m, with_ipparam(r)));
}

/*
 * The pppd may have ended, or the configuration changed, while it was on its way.  A main that was taken over may run
 * the script with the one name and the addresses that it gave a pppd first, and not for all the links of the machine.
 */
static void change_hook(struct root *r, const struct priv_change_hook *m)
{
	const struct pppd_link link = { m->unit, m->local, m->remote, m->peer_addr };
	const struct conf *c = root_conf_find(r, m->generation);
	const char *script = c ? c->ppp.change_script : NULL, *why = NULL;

	if (!c)
		why = "stale";
	else if (!script)
		why = "unset";
	else if (!pppd_lives(&r->pppds, m->token))
		why = "ended";
	else if (!pppd_has_link(&r->pppds, m->token, &link))
		why = "other-link";
	if (why)
		log_warn("change-hook", "interface=ppp%u refused=%s", m->unit, why);
	else
		say_hook("change-hook", m->unit, script, hooks_change(&r->hooks, script, m, c->ppp.ipparam));
}

static void serve_msg(struct root *r, const struct priv_msg *m)
{
	switch (m->type) {
	case PRIV_OPEN: open_socket(r, &m->open); break;
	case PRIV_START_PPPD: start_pppd(r, &m->start_pppd); break;
	case PRIV_SIGNAL_PPPD:
		pppd_signal(&r->pppds, m->signal_pppd.token,
			    m->signal_pppd.signal == PRIV_SIGNAL_KILL ? SIGKILL : SIGTERM);
		break;
	case PRIV_CONF_TAKEN: root_conf_taken(r, &m->conf_taken); break;
	case PRIV_RELOAD: r->reload_asked = true; break;
	case PRIV_READY: ready(r); break;
	case PRIV_DOWN_HOOK: down_hook(r, &m->down_hook); break;
	case PRIV_CHANGE_HOOK: change_hook(r, &m->change_hook); break;
	case PRIV_CLOSE_LINE: line_lock_release(&r->locks, m->close_line.handle); break;
	default: root_violation(r, "not_a_request"); break;
	}
}

static int serve_one(struct root *r)
{
	struct seqmsg raw;
	struct priv_msg m;
	int e = seqmsg_recv(r->fd, &raw);

	if (e == -EAGAIN)
		return e;
	if (e == -EPIPE) {
		r->over = true;
		return e;
	}
	if (e < 0 || raw.nfds || raw.cut || priv_decode(&m, raw.data, raw.len) < 0)
		root_violation(r, "malformed_request");
	else
		serve_msg(r, &m);
	if (e == 0)
		seqmsg_clear(&raw);
	return 0;
}

/* While answers wait nothing more is asked for: so main bounds what is kept for it. */
static void serve_main(struct root *r)
{
	for (int i = 0; i < BATCH && !r->over && list_empty(&r->outgoing); i++) {
		if (serve_one(r) < 0)
			return;
		flush(r);
	}
}

/* --- signals and children --- */

static void reap(struct root *r)
{
	struct priv_msg m = { .type = PRIV_EXITED };
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == r->main_pid) {
			r->main_pid = 0;
			r->main_status = status;
			r->over = true;
		} else if (pppd_reaped(&r->pppds, pid, &m.exited.token)) {
			m.exited.status = status;
			hooks_forget(&r->hooks, m.exited.token);
			r->hooks_earned += WIFSIGNALED(status);
			if (!r->over)
				root_queue(r, &m, NULL, 0);
		} else {
			hooks_reaped(&r->hooks, pid, status);
		}
	}
}

static unsigned drain_s(const struct root *r)
{
	return r->current.generation ? r->current.files.conf->drain_s : 0;
}

static void stop(struct root *r)
{
	struct priv_msg m = { .type = PRIV_STOP };

	if (r->stopping) {
		log_warn("stop", "forced=yes");
		r->over = true;
		return;
	}
	r->stopping = true;
	r->stop_by = mono_add_s(mono_now(), drain_s(r) + STOP_SLACK_S);
	root_queue(r, &m, NULL, 0);
}

static void heed_signals(struct root *r)
{
	struct signalfd_siginfo si;

	while (read(r->signals, &si, sizeof si) == sizeof si) {
		switch (si.ssi_signo) {
		case SIGHUP: r->reload_asked = true; break;
		case SIGTERM:
		case SIGINT: stop(r); break;
		default: break; /* SIGCHLD: several may be one signal */
		}
	}
	reap(r);
}

/* --- the loop --- */

static int wait_ms(struct mono until)
{
	int64_t us = mono_diff_us(until, mono_now());

	if (!mono_is_set(until))
		return -1;
	return us <= 0 ? 0 : us / 1000 >= INT_MAX ? INT_MAX : (int)(us / 1000) + 1;
}

/* What has a time of its own. */
static void look_at_clock(struct root *r)
{
	struct mono now = mono_now();

	hooks_due(&r->hooks, now);
	if (mono_reached(root_reload_due(r), now))
		root_reload(r);
	if (mono_reached(r->stop_by, now)) {
		log_error("stop", "main=silent");
		r->over = r->failed = true;
		if (r->main_pid)
			kill(r->main_pid, SIGKILL);
	}
}

static struct mono next_time(struct root *r)
{
	return mono_earlier(mono_earlier(r->stop_by, root_reload_due(r)), hooks_due(&r->hooks, mono_now()));
}

static void turn(struct root *r)
{
	struct pollfd fds[2] = {
		{ .fd = r->signals, .events = POLLIN },
		{ .fd = r->fd, .events = list_empty(&r->outgoing) ? POLLIN : POLLOUT },
	};

	if (poll(fds, 2, wait_ms(next_time(r))) < 0 && errno != EINTR) {
		root_violation(r, "poll");
		return;
	}
	if (fds[0].revents)
		heed_signals(r);
	flush(r);
	if (fds[1].revents)
		serve_main(r);
	look_at_clock(r);
}

static bool children_left(const struct root *r)
{
	return r->main_pid || pppd_count(&r->pppds) || hooks_count(&r->hooks);
}

/* Reaps until nobody is left or the time is up; a further stop signal says that it is. */
static void wait_for_children(struct root *r, unsigned seconds)
{
	struct mono until = mono_add_s(mono_now(), seconds);

	for (reap(r); children_left(r) && !mono_reached(until, mono_now()); reap(r)) {
		struct pollfd fd = { .fd = r->signals, .events = POLLIN };
		struct signalfd_siginfo si;

		poll(&fd, 1, wait_ms(until));
		while (read(r->signals, &si, sizeof si) == sizeof si)
			if (si.ssi_signo == SIGTERM || si.ssi_signo == SIGINT)
				until = mono_now();
	}
}

/* Main's socket goes first: a main that still lives knows then that it has to end. */
static void end_all(struct root *r)
{
	r->over = true;
	close(r->fd);
	r->fd = -1;
	pppd_signal_all(&r->pppds, SIGTERM);
	wait_for_children(r, TERM_S);
	if (children_left(r)) {
		log_warn("stop", "killed=%zu scripts=%zu main=%s", pppd_count(&r->pppds), hooks_count(&r->hooks),
			 r->main_pid ? "killed" : "ended");
		pppd_signal_all(&r->pppds, SIGKILL);
		hooks_kill(&r->hooks);
		if (r->main_pid)
			kill(r->main_pid, SIGKILL);
		wait_for_children(r, KILL_S);
	}
	line_locks_clear(&r->locks); /* nobody has the devices any more */
	if (r->control)
		unlink(r->control);
}

/* An end that nobody asked for. */
static void say_main_end(const struct root *r)
{
	if (r->main_pid)
		log_error("main_gone", "end=unknown");
	else if (WIFSIGNALED(r->main_status))
		log_error("main_gone", "signal=%d name=%s", WTERMSIG(r->main_status),
			  sigabbrev_np(WTERMSIG(r->main_status)));
	else
		log_error("main_gone", "exit=%d", WEXITSTATUS(r->main_status));
}

static int exit_code(const struct root *r)
{
	if (!r->stopping)
		say_main_end(r);
	if (!r->stopping || r->failed || r->main_pid)
		return EXIT_FAILURE;
	return WIFEXITED(r->main_status) && WEXITSTATUS(r->main_status) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int open_signals(void)
{
	static const int wanted[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP };
	sigset_t set;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
		sigaddset(&set, wanted[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int root_init(struct root *r, const char *conf_file, int fd)
{
	*r = (struct root){ .conf_file = conf_file, .fd = fd, .ready_fd = -1, .reload_after = mono_now() };
	list_init(&r->outgoing);
	pppd_init(&r->pppds);
	hooks_init(&r->hooks, HOOK_SCRIPT);
	line_locks_init(&r->locks, LINE_LOCK_FOLDER);
	r->signals = open_signals();
	if (r->signals < 0)
		return r->signals;
	return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 ? -errno : 0;
}

int root_serve(struct root *r)
{
	flush(r);
	while (!r->over)
		turn(r);
	end_all(r);
	return exit_code(r);
}

void root_clear(struct root *r)
{
	list_each(at, &r->outgoing)
		outgoing_free(list_entry(at, struct outgoing, node));
	if (r->fd >= 0)
		close(r->fd);
	if (r->signals >= 0)
		close(r->signals);
	if (r->ready_fd >= 0)
		close(r->ready_fd);
	root_conf_clear(r);
	pppd_clear(&r->pppds);
	hooks_clear(&r->hooks);
	line_locks_clear(&r->locks);
	free(r->control);
}
