/*
 * pppd lines: starts, listens to and ends one pppd per call.
 *
 * Owns main's end of the plugin's socket and of pppd's log pipe; the pty goes to
 * the data path.  Must not know calls, users or the network.  A pppd is over
 * when the root part has reaped it: only then `down` is told.
 */
#include "pacd/line/line_ppp.h"

#include "common/hash.h"
#include "common/log.h"
#include "common/mono.h"
#include "common/seqmsg.h"
#include "pacd/proto/msg.h"
#include "pacd/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILL_AFTER_S 10.0 /* SIGTERM, then SIGKILL: a silent peer alone costs pppd 6 s */
#define LOG_LINE 512
#define PLUGIN_BATCH 16   /* messages a round */

enum ppp_state {
	PPP_STARTING, /* asked of the root part */
	PPP_RUNNING,
	PPP_ENDING,   /* SIGTERM is out */
};

struct ppp {
	struct line_ppp *set;
	uint64_t session;
	struct hash_node node;
	enum ppp_state state;
	bool hangup; /* wanted before it was there */
	bool up;     /* its link, with these ends; its down scripts have not been told of */
	struct plugin_up link;
	uint32_t peer_addr;
	enum line_reason reason;
	uint32_t pid;
	struct ev_io plugin, log;
	struct ev_timer kill;
	char line[LOG_LINE]; /* what pppd has said of its present line */
	size_t line_len;
	struct log_limit limit;
};

struct line_ppp {
	struct ev_loop *loop;
	struct priv_client *priv;
	const struct line_handlers *handlers;
	void *ctx;
	uint32_t generation;
	struct hash by_session;
};

static const char *const reason_words[LINE_REASONS] = {
	[LINE_PEER_CLEAR] = "peer-clear",     [LINE_PEER_LOST] = "peer-lost",
	[LINE_ADMIN] = "admin",               [LINE_SESSION_TIMEOUT] = "session-timeout",
	[LINE_IDLE_TIMEOUT] = "idle-timeout", [LINE_REPLACED] = "replaced",
	[LINE_SHUTDOWN] = "shutdown",         [LINE_USER] = "user",
	[LINE_AUTH] = "auth-failed",          [LINE_FAULT] = "fault",
	[LINE_LOGIN_TIMEOUT] = "login-timeout", [LINE_NEGOTIATION] = "negotiation-failed",
	[LINE_SILENT] = "peer-silent",        [LINE_REFUSED] = "refused",
	[LINE_CARRIER] = "lost-carrier",      [LINE_NO_PNS] = "no-pns",
};

const char *line_reason_word(enum line_reason r)
{
	return reason_words[r];
}

static struct ppp *find(const struct line_ppp *l, uint64_t session)
{
	struct hash_node *node = hash_first(&l->by_session, hash_u64(session));

	for (; node; node = hash_next(node)) {
		struct ppp *p = hash_entry(node, struct ppp, node);

		if (p->session == session)
			return p;
	}
	return NULL;
}

static void close_watched(struct ev_loop *loop, struct ev_io *io)
{
	if (io->fd < 0)
		return;
	ev_io_stop(loop, io);
	close(io->fd);
	io->fd = -1;
}

static void ppp_free(struct ppp *p)
{
	struct line_ppp *l = p->set;

	hash_remove(&l->by_session, &p->node);
	close_watched(l->loop, &p->plugin);
	close_watched(l->loop, &p->log);
	ev_timer_stop(l->loop, &p->kill);
	free(p);
}

/* --- what pppd says --- */

static void log_pppd_line(struct ppp *p)
{
	char text[LOG_QUOTED(LOG_LINE)];
	unsigned suppressed;

	if (p->line_len && log_allow(&p->limit, mono_now(), &suppressed))
		log_info("pppd", "session=%llu pid=%u text=%s suppressed=%u", (unsigned long long)p->session, p->pid,
			 log_quote(text, sizeof text, p->line, p->line_len), suppressed);
	p->line_len = 0;
}

static void on_log(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct ppp *p = w->data;
	char data[LOG_LINE];
	ssize_t n = read(w->fd, data, sizeof data);

	(void)revents;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		log_pppd_line(p);
		close_watched(loop, w);
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		if (data[i] == '\n' || p->line_len == sizeof p->line)
			log_pppd_line(p);
		if (data[i] != '\n')
			p->line[p->line_len++] = data[i];
	}
}

/* The last words, when pppd is dead: they are in the pipe already. */
static void drain_log(struct ppp *p)
{
	for (int i = 0; i < PLUGIN_BATCH && p->log.fd >= 0; i++)
		on_log(p->set->loop, &p->log, EV_READ);
	log_pppd_line(p); /* cut short, or its end is held open by a script */
}

static void plugin_fault(struct ppp *p)
{
	stats_add(STATS_PLUGIN_FAULTS);
	log_error("plugin-fault", "session=%llu pid=%u hint=\"pacd.so and pacd are not of one version?\"",
		  (unsigned long long)p->session, p->pid);
	close_watched(p->set->loop, &p->plugin);
	line_ppp_ops.hangup(p->set, p->session, LINE_FAULT);
}

/* One message; false when there is no more. */
static bool read_plugin(struct line_ppp *l, struct ppp *p)
{
	struct seqmsg m;
	struct plugin_msg pm;
	int r = p->plugin.fd < 0 ? -EAGAIN : seqmsg_recv(p->plugin.fd, &m);

	if (r == -EPIPE)
		close_watched(l->loop, &p->plugin);
	else if (r == -EBADMSG)
		plugin_fault(p);
	if (r < 0)
		return false;
	seqmsg_clear(&m); /* nothing is ever passed this way */
	r = plugin_decode(&pm, m.data, m.len);
	explicit_bzero(m.data, m.len);
	if (r < 0 || pm.type >= PLUGIN_ANSWER) {
		plugin_fault(p);
		return false;
	}
	if (pm.type == PLUGIN_UP)
		p->link = pm.up;
	if (pm.type == PLUGIN_UP || pm.type == PLUGIN_DOWN)
		p->up = pm.type == PLUGIN_UP;
	l->handlers->plugin(l->ctx, p->session, &pm);
	explicit_bzero(&pm, sizeof pm);
	return true;
}

static void on_plugin(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct ppp *p = w->data;
	struct line_ppp *l = p->set;
	uint64_t session = p->session;

	(void)loop;
	(void)revents;
	for (int i = 0; i < PLUGIN_BATCH; i++)
		if (!read_plugin(l, p) || find(l, session) != p)
			return;
}

static void send_plugin(struct ppp *p, const struct plugin_msg *m)
{
	uint8_t data[PLUGIN_MSG_MAX];
	size_t len = plugin_encode(data, sizeof data, m);
	int r = p->plugin.fd < 0 || !len ? -EPIPE : seqmsg_send(p->plugin.fd, data, len, NULL, 0);

	explicit_bzero(data, sizeof data);
	if (r < 0)
		log_debug("plugin-unreached", "session=%llu pid=%u error=%d", (unsigned long long)p->session, p->pid, -r);
}

/* --- the end --- */

static void on_kill(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct ppp *p = w->data;

	(void)loop;
	(void)revents;
	stats_add(STATS_PPPD_KILLED);
	log_warn("pppd-killed", "session=%llu pid=%u after_s=%d", (unsigned long long)p->session, p->pid,
		 (int)KILL_AFTER_S);
	/* Again, should it have been lost on the way. */
	ev_timer_set(w, KILL_AFTER_S, 0);
	ev_timer_start(p->set->loop, w);
	priv_client_signal_pppd(p->set->priv, p->session, PRIV_SIGNAL_KILL);
}

static void end_running(struct ppp *p)
{
	struct plugin_msg m = { .type = PLUGIN_END };
	const char *word = line_reason_word(p->reason);

	m.end.reason_len = (uint8_t)strlen(word);
	memcpy(m.end.reason, word, m.end.reason_len);
	send_plugin(p, &m);
	priv_client_signal_pppd(p->set->priv, p->session, PRIV_SIGNAL_TERM);
	p->state = PPP_ENDING;
	ev_timer_set(&p->kill, KILL_AFTER_S, 0);
	ev_timer_start(p->set->loop, &p->kill);
}

static void ppp_hangup(void *lines, uint64_t session, enum line_reason reason)
{
	struct ppp *p = find(lines, session);

	if (!p || p->hangup)
		return;
	p->hangup = true;
	p->reason = reason;
	if (p->state == PPP_RUNNING)
		end_running(p);
}

static int ppp_dial(void *lines, uint64_t session, const struct line_dial *d)
{
	struct line_ppp *l = lines;
	struct ppp *p = calloc(1, sizeof *p);
	int r;

	if (!p)
		return -ENOMEM;
	p->set = l;
	p->session = session;
	p->peer_addr = d->peer_addr;
	p->plugin.fd = p->log.fd = -1;
	p->limit = LOG_LIMIT(40, 60);
	ev_init(&p->kill, on_kill);
	p->kill.data = p;
	r = hash_insert(&l->by_session, &p->node, hash_u64(session));
	if (r < 0) {
		free(p);
		return r;
	}
	r = priv_client_start_pppd(l->priv, l->generation, session, d->peer_addr);
	if (r < 0)
		ppp_free(p);
	return r;
}

static void ppp_answer_auth(void *lines, uint64_t session, const struct plugin_answer *a)
{
	struct ppp *p = find(lines, session);
	struct plugin_msg m = { .type = PLUGIN_ANSWER, .answer = *a };

	if (p)
		send_plugin(p, &m);
	explicit_bzero(&m, sizeof m);
}

static void ppp_change(void *lines, uint64_t session, const struct script_vars *vars)
{
	struct line_ppp *l = lines;
	struct ppp *p = find(l, session);
	struct priv_change_hook m;

	if (!p || !p->up || p->state != PPP_RUNNING)
		return;
	m = (struct priv_change_hook){ .generation = l->generation, .token = session, .unit = p->link.unit,
				       .local = p->link.local, .remote = p->link.remote, .peer_addr = p->peer_addr,
				       .vars = *vars };
	if (priv_client_change_hook(l->priv, &m) < 0)
		log_error("change-script", "session=%llu hint=\"the root part cannot be asked: too much to do?\"",
			  (unsigned long long)session);
}

const struct line_ops line_ppp_ops = {
	.name = "ppp",
	.dial = ppp_dial,
	.hangup = ppp_hangup,
	.answer_auth = ppp_answer_auth,
	.change = ppp_change,
};

/* --- the root part's answers --- */

static void watch(struct ppp *p, struct ev_io *io, void (*cb)(struct ev_loop *, struct ev_io *, int), int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	ev_io_init(io, cb, fd, EV_READ);
	io->data = p;
	ev_io_start(p->set->loop, io);
}

static bool is_shortage(int error)
{
	return error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE || error == ENOSPC ||
	       error == EUSERS;
}

static void start_failed(struct line_ppp *l, struct ppp *p, int error)
{
	uint64_t session = p->session;
	bool hangup = p->hangup;

	stats_add(STATS_PPPD_FAILED);
	log_error("pppd-not-started", "session=%llu error=\"%s\"", (unsigned long long)session, strerror(error));
	ppp_free(p);
	if (hangup)
		l->handlers->down(l->ctx, session, &(struct line_end){ .has_status = true });
	else
		l->handlers->failed(l->ctx, session, OCRP_ERROR,
				    is_shortage(error) ? MSG_ERR_NO_RESOURCE : MSG_ERR_PAC, 0);
}

static void close_all(int a, int b, int c)
{
	int fds[3] = { a, b, c };

	for (int i = 0; i < 3; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

void line_ppp_started(struct line_ppp *l, const struct priv_started *m, int pty, int plugin, int log)
{
	struct ppp *p = find(l, m->token);

	if (!p || p->state != PPP_STARTING || m->error) {
		close_all(pty, plugin, log);
		if (p && p->state == PPP_STARTING)
			start_failed(l, p, m->error);
		return;
	}
	stats_add(STATS_PPPD_STARTED);
	p->pid = m->pid;
	p->state = PPP_RUNNING;
	watch(p, &p->plugin, on_plugin, plugin);
	watch(p, &p->log, on_log, log);
	if (p->hangup) {
		close(pty);
		end_running(p);
		return;
	}
	l->handlers->answered(l->ctx, m->token, &(struct line_up){ .fd = pty, .pid = m->pid });
}

static void log_exit(const struct ppp *p, int status)
{
	unsigned long long session = p->session;

	if (WIFSIGNALED(status))
		log_warn("pppd-exit", "session=%llu pid=%u signal=%d meaning=\"killed by signal\"", session, p->pid,
			 WTERMSIG(status));
	else
		log_info("pppd-exit", "session=%llu pid=%u status=%d meaning=\"%s\"", session, p->pid,
			 WEXITSTATUS(status), plugin_exit_words(WEXITSTATUS(status)));
}

/* A crash, or a failure before there was a link at all, is ours; the rest is the user's hanging up. */
static uint8_t exit_error(int status)
{
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGTERM || WTERMSIG(status) == SIGHUP ? MSG_ERR_NONE : MSG_ERR_PAC;
	switch (WEXITSTATUS(status)) {
	case 1: /* fatal */
	case 2: /* options */
	case 3: /* not root */
	case 4: /* no PPP in the kernel */
	case 6: /* lock */
	case 7: /* open */
	case 8: /* connect script */
	case 9: /* no pty */
	case 18: /* init script */
	case 127: /* exec failed */
		return MSG_ERR_PAC;
	default:
		return MSG_ERR_NONE;
	}
}

void line_ppp_exited(struct line_ppp *l, const struct priv_exited *m)
{
	struct ppp *p = find(l, m->token);
	uint8_t error = exit_error(m->status);

	if (!p)
		return;
	while (read_plugin(l, p)) /* its final counters */
		;
	drain_log(p);
	log_exit(p, m->status);
	if (p->hangup) /* also by ourselves, for a plugin that makes no sense */
		error = p->reason == LINE_FAULT ? MSG_ERR_PAC : MSG_ERR_NONE;
	if (error)
		stats_add(STATS_PPPD_FAILED);
	/* It had no time to run them itself: routes and firewall rules of the call would stay. */
	if (WIFSIGNALED(m->status) && p->up)
		priv_client_down_hook(l->priv, p->link.unit, p->link.local, p->link.remote, p->peer_addr);
	ppp_free(p);
	l->handlers->down(l->ctx, m->token,
			  &(struct line_end){ .error = error, .has_status = true, .exit_status = m->status });
}

/* --- the set --- */

struct line_ppp *line_ppp_new(struct ev_loop *loop, struct priv_client *priv, const struct line_handlers *handlers,
			      void *ctx)
{
	struct line_ppp *l = calloc(1, sizeof *l);

	if (!l)
		return NULL;
	l->loop = loop;
	l->priv = priv;
	l->handlers = handlers;
	l->ctx = ctx;
	hash_init(&l->by_session);
	return l;
}

void line_ppp_free(struct line_ppp *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->by_session.size; i++)
		while (l->by_session.buckets[i])
			ppp_free(hash_entry(l->by_session.buckets[i], struct ppp, node));
	hash_clear(&l->by_session);
	free(l);
}

void line_ppp_set_generation(struct line_ppp *l, uint32_t generation)
{
	l->generation = generation;
}

unsigned line_ppp_count(const struct line_ppp *l)
{
	return (unsigned)l->by_session.count;
}
