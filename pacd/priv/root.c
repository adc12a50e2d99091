/*
 * The root part's loop: takes main's requests, reaps children, heeds signals.
 *
 * Owns main's socket, the two snapshots, the pppd table and the answers that
 * main did not read yet.  It parses nothing that came from the network, and a
 * request that main should never make ends everything: a main that makes it is
 * not ours any more.
 */
#include "pacd/priv/root.h"

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
#define STOP_SLACK_S 15    /* main gets its own bound and this */
#define TERM_S 10          /* pppd may take this long to end */
#define KILL_S 2           /* and the kernel this long after SIGKILL */
#define PPPD_SLACK 16

struct outgoing {
	struct list node;
	struct priv_msg m;
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

static void violation(struct root *r, const char *what)
{
	log_error("priv_violation", "what=%s", what);
	r->over = r->failed = true;
}

/* Takes over the descriptors. */
static void queue(struct root *r, const struct priv_msg *m, const int *fds, size_t nfds)
{
	struct outgoing *o = calloc(1, sizeof *o);

	if (!o) {
		for (size_t i = 0; i < nfds; i++)
			close(fds[i]);
		violation(r, "no_memory");
		return;
	}
	o->m = *m;
	o->nfds = nfds;
	if (nfds)
		memcpy(o->fds, fds, nfds * sizeof *fds);
	list_append(&r->outgoing, &o->node);
}

static int send_one(const struct root *r, const struct outgoing *o)
{
	uint8_t data[PRIV_MSG_MAX];
	size_t len = priv_encode(data, sizeof data, &o->m);

	return seqmsg_send(r->fd, data, len, o->fds, o->nfds);
}

static void flush(struct root *r)
{
	while (!list_empty(&r->outgoing)) {
		struct outgoing *o = list_entry(r->outgoing.next, struct outgoing, node);
		int e = send_one(r, o);

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

/* --- snapshots --- */

static void snapshot_clear(struct root_snapshot *s)
{
	if (s->generation)
		priv_files_clear(&s->files);
	s->generation = 0;
}

/* The snapshot that a request means: until main has answered, the old and the new one are both good. */
static const struct conf *snapshot_find(const struct root *r, uint32_t generation)
{
	if (generation && generation == r->current.generation)
		return r->current.files.conf;
	if (generation && generation == r->pending.generation)
		return r->pending.files.conf;
	return NULL;
}

int root_offer(struct root *r, struct priv_files *files)
{
	struct priv_msg m = { .type = PRIV_CONF };
	int fds[2] = { files->conf_fd, files->users_fd };

	snapshot_clear(&r->pending);
	r->pending.generation = ++r->last_generation;
	r->pending.files = *files;
	r->pending.files.conf_fd = r->pending.files.users_fd = -1; /* the copies are main's now */
	m.conf = (struct priv_conf){ r->last_generation, 1, files->users_fd >= 0, r->detach };
	queue(r, &m, fds, files->users_fd >= 0 ? 2 : 1);
	*files = (struct priv_files){ .conf_fd = -1, .users_fd = -1 };
	return r->over ? -ENOMEM : 0;
}

static void refuse(struct root *r, const struct conf_errors *errors)
{
	struct priv_msg m = { .type = PRIV_CONF };
	char *text = conf_errors_join(errors);
	int fd = text ? priv_files_seal(text, strlen(text)) : -ENOMEM;

	free(text);
	m.conf = (struct priv_conf){ ++r->last_generation, 0, 0, r->detach };
	if (fd >= 0)
		queue(r, &m, &fd, 1);
	else
		log_error("reload", "error=\"%s\"", strerror(-fd));
}

static void reload(struct root *r)
{
	struct conf_errors errors;
	struct priv_files files;
	bool ok;

	if (r->stopping)
		return;
	if (r->pending.generation) {
		r->reload_again = true;
		return;
	}
	conf_errors_init(&errors);
	ok = priv_files_load(&files, r->conf_file, &errors) == 0;
	if (ok)
		priv_check_machine(files.conf, (unsigned)pppd_count(&r->pppds), &errors);
	if (ok && errors.n == 0) {
		root_offer(r, &files);
	} else {
		refuse(r, &errors);
		priv_files_clear(&files);
	}
	conf_errors_clear(&errors);
}

static void conf_taken(struct root *r, const struct priv_conf_taken *m)
{
	if (m->generation != r->pending.generation) {
		/* Main may also say that it does not take what was refused anyway. */
		if (m->taken)
			violation(r, "unknown_generation_taken");
		return;
	}
	if (m->taken) {
		snapshot_clear(&r->current);
		r->current = r->pending;
		r->pending = (struct root_snapshot){ 0 };
		log_set_level(r->current.files.conf->log_level);
	} else {
		snapshot_clear(&r->pending);
	}
	if (r->reload_again) {
		r->reload_again = false;
		reload(r);
	}
}

/* --- main's requests --- */

/* What is to be removed when the daemon ends; there is one at a time. */
static void keep_control(struct root *r, const struct conf *c)
{
	char *path = strdup(c->control.path);

	if (!path)
		return;
	if (r->control && strcmp(r->control, path) != 0)
		unlink(r->control);
	free(r->control);
	r->control = path;
}

static void open_socket(struct root *r, const struct priv_open *m)
{
	struct priv_msg answer = { .type = PRIV_OPENED, .opened = { m->socket, m->index, ESTALE } };
	const struct conf *c = snapshot_find(r, m->generation);
	int fd = -1;

	if (c && !sockets_exist(c, m->socket, m->index)) {
		violation(r, "no_such_socket");
		return;
	}
	if (c)
		answer.opened.error = -sockets_open(c, m->socket, m->index, &fd);
	if (fd >= 0 && m->socket == PRIV_SOCKET_CONTROL)
		keep_control(r, c);
	queue(r, &answer, &fd, fd >= 0 ? 1 : 0);
}

/* More than there may be calls: those of ended calls take their time. */
static bool pppd_room(const struct root *r, const struct conf *c)
{
	return pppd_count(&r->pppds) < 2 * (size_t)c->max_channels + PPPD_SLACK;
}

static void start_pppd(struct root *r, const struct priv_start_pppd *m)
{
	struct priv_msg answer = { .type = PRIV_STARTED, .started = { m->token, ESTALE, 0 } };
	const struct conf *c = snapshot_find(r, m->generation);
	struct pppd_ends ends;

	if (c && !pppd_room(r, c)) {
		answer.started.error = EUSERS;
	} else if (c) {
		answer.started.error = -pppd_start(&r->pppds, c, m->token, m->peer_addr, &ends);
	}
	if (answer.started.error) {
		queue(r, &answer, NULL, 0);
		return;
	}
	answer.started.pid = (uint32_t)ends.pid;
	queue(r, &answer, (int[]){ ends.pty, ends.plugin, ends.log }, 3);
}

/* Without -f, whoever started us waits until here. */
static void ready(struct root *r)
{
	int null;

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

static void serve_msg(struct root *r, const struct priv_msg *m)
{
	switch (m->type) {
	case PRIV_OPEN: open_socket(r, &m->open); break;
	case PRIV_START_PPPD: start_pppd(r, &m->start_pppd); break;
	case PRIV_SIGNAL_PPPD:
		pppd_signal(&r->pppds, m->signal_pppd.token,
			    m->signal_pppd.signal == PRIV_SIGNAL_KILL ? SIGKILL : SIGTERM);
		break;
	case PRIV_CONF_TAKEN: conf_taken(r, &m->conf_taken); break;
	case PRIV_RELOAD: reload(r); break;
	case PRIV_READY: ready(r); break;
	default: violation(r, "not_a_request"); break;
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
	if (e < 0 || raw.nfds || priv_decode(&m, raw.data, raw.len) < 0)
		violation(r, "malformed_request");
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
			if (!r->over)
				queue(r, &m, NULL, 0);
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
	queue(r, &m, NULL, 0);
}

static void heed_signals(struct root *r)
{
	struct signalfd_siginfo si;

	while (read(r->signals, &si, sizeof si) == sizeof si) {
		switch (si.ssi_signo) {
		case SIGHUP: reload(r); break;
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

static void turn(struct root *r)
{
	struct pollfd fds[2] = {
		{ .fd = r->signals, .events = POLLIN },
		{ .fd = r->fd, .events = list_empty(&r->outgoing) ? POLLIN : POLLOUT },
	};

	if (poll(fds, 2, wait_ms(r->stop_by)) < 0 && errno != EINTR) {
		violation(r, "poll");
		return;
	}
	if (fds[0].revents)
		heed_signals(r);
	flush(r);
	if (fds[1].revents)
		serve_main(r);
	if (mono_reached(r->stop_by, mono_now())) {
		log_error("stop", "main=silent");
		r->over = r->failed = true;
		if (r->main_pid)
			kill(r->main_pid, SIGKILL);
	}
}

static bool children_left(const struct root *r)
{
	return r->main_pid || pppd_count(&r->pppds);
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
		log_warn("stop", "killed=%zu main=%s", pppd_count(&r->pppds), r->main_pid ? "killed" : "ended");
		pppd_signal_all(&r->pppds, SIGKILL);
		if (r->main_pid)
			kill(r->main_pid, SIGKILL);
		wait_for_children(r, KILL_S);
	}
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
	*r = (struct root){ .conf_file = conf_file, .fd = fd, .ready_fd = -1 };
	list_init(&r->outgoing);
	pppd_init(&r->pppds);
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
	snapshot_clear(&r->current);
	snapshot_clear(&r->pending);
	pppd_clear(&r->pppds);
	free(r->control);
}
