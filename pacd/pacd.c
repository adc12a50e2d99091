/*
 * Main: takes the configuration and the sockets from the root part, builds the
 * rooms and joins them; reload, drain, stop.
 *
 * Owns every room.  What a room does is not known here.
 */
#include "pacd/pacd.h"

#include "common/random.h"
#include "pacd/notify.h"
#include "pacd/pacd_internal.h"
#include "pacd/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ACCOUNTING_STOP_MS 5000

/* --- start --- */

void pacd_fail(struct pacd *p, const char *what, int error, const char *hint)
{
	log_error("start-failed", "what=%s error=\"%s\" hint=\"%s\"", what, strerror(error), hint);
	p->exit_code = EXIT_FAILURE;
	ev_break(p->loop, EVBREAK_ALL);
}

static void serving(struct pacd *p)
{
	p->phase = PACD_SERVING;
	lines_configure(p->lines, p->conf, p->generation);
	log_info("serving", "generation=%u max_channels=%u listen=%zu pools=%zu users=%zu", p->generation,
		 p->conf->max_channels, p->conf->nlisten, p->conf->npools, p->users ? p->users->n : 0);
	priv_client_ready(p->priv);
	notify_send("READY=1\nSTATUS=Serving");
	if (p->detach && p->conf->log_target != LOG_TO_STDERR) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		if (null >= 0) {
			dup2(null, STDERR_FILENO);
			close(null);
		}
	}
}

static void build_sessions(struct pacd *p)
{
	struct session_rooms rooms = {
		.loop = p->loop, .conns = p->conns, .peers = &p->peers, .datapath = p->datapath,
		.line_ops = &line_ppp_ops, .lines = p->pppds, .real_ops = &lines_ops, .real_lines = p->lines,
		.resolver = p->resolver, .pools = p->pools,
		.radius = p->radius, .acct = p->acct,
	};

	p->sessions = sessions_new(&rooms);
	if (p->sessions)
		sessions_configure(p->sessions, p->conf, p->users);
}

/* Handlers get the sessions through these, since connections and lines are built before them. */
static void conn_call(void *ctx, struct conn *c, const struct msg *m)
{
	session_conn_handlers.call(((struct pacd *)ctx)->sessions, c, m);
}

static void conn_clear_calls(void *ctx, struct conn *c, enum ctrl_close why)
{
	session_conn_handlers.clear_calls(((struct pacd *)ctx)->sessions, c, why);
}

static void conn_established(void *ctx, struct conn *c)
{
	session_conn_handlers.established(((struct pacd *)ctx)->sessions, c);
}

static void conn_closed(void *ctx, struct conn *c, enum ctrl_close why)
{
	session_conn_handlers.closed(((struct pacd *)ctx)->sessions, c, why);
}

static const struct conn_handlers conn_handlers = { conn_call, conn_clear_calls, conn_established, conn_closed };

static void line_answered(void *ctx, uint64_t session, const struct line_up *up)
{
	session_line_handlers.answered(((struct pacd *)ctx)->sessions, session, up);
}

static void line_failed(void *ctx, uint64_t session, uint8_t result, uint8_t error, uint16_t cause)
{
	session_line_handlers.failed(((struct pacd *)ctx)->sessions, session, result, error, cause);
}

static void line_down(void *ctx, uint64_t session, const struct line_end *end)
{
	session_line_handlers.down(((struct pacd *)ctx)->sessions, session, end);
}

static void line_plugin(void *ctx, uint64_t session, const struct plugin_msg *m)
{
	session_line_handlers.plugin(((struct pacd *)ctx)->sessions, session, m);
}

static void line_rings(void *ctx, const struct line_ring *r)
{
	session_line_handlers.ring(((struct pacd *)ctx)->sessions, r);
}

static void line_ring_over(void *ctx, uint64_t ring)
{
	session_line_handlers.ring_over(((struct pacd *)ctx)->sessions, ring);
}

static const struct line_handlers line_handlers = {
	line_answered, line_failed, line_down, line_plugin, line_rings, line_ring_over,
};

static void line_closed(void *ctx, uint64_t session)
{
	sessions_line_closed(((struct pacd *)ctx)->sessions, session);
}

/* Also where no server is configured: a reload may bring some. */
static int build_radius(struct pacd *p)
{
	const struct conf_radius *c = &p->conf->radius;
	const struct conf_radius accounting = pacd_accounting(p->conf);
	struct radius_nas nas;
	int spool = p->spool_fd;

	aaa_nas(&nas, c);
	p->radius = radius_client_new(p->loop, c);
	if (!p->radius)
		return -ENOMEM;
	p->spool_fd = -1;
	p->acct = acct_new(p->loop, p->radius, &accounting, spool, &nas);
	return p->acct ? 0 : -ENOMEM;
}

/* Once there are sessions to ask. */
static int build_das(struct pacd *p)
{
	struct radius_nas nas;

	aaa_nas(&nas, &p->conf->radius);
	p->das = das_new(p->loop, &session_das, p->sessions);
	if (!p->das)
		return -ENOMEM;
	das_configure(p->das, &p->conf->radius.das, &nas);
	return 0;
}

static int build_rooms(struct pacd *p)
{
	p->datapath = datapath_raw_new(p->loop, p->gre_fds, p->conf->workers, line_closed, p);
	if (!p->datapath)
		return -errno;
	p->pools = pools_new(p->conf);
	p->conns = conns_new(p->loop, &conn_handlers, p, &p->peers);
	p->pppds = line_ppp_new(p->loop, p->priv, &line_handlers, p);
	p->lines = lines_new(p->loop, p->priv, &line_handlers, p);
	p->resolver = resolver_new(p->loop);
	if (!p->pools || !p->conns || !p->pppds || !p->lines || !p->resolver || build_radius(p) < 0)
		return -ENOMEM;
	build_sessions(p);
	if (!p->sessions || build_das(p) < 0)
		return -ENOMEM;
	line_ppp_set_generation(p->pppds, p->generation);
	pacd_configure_conns(p);
	return 0;
}

static void open_one(struct pacd *p, enum priv_socket socket, unsigned index)
{
	p->opens_due++;
	if (priv_client_open(p->priv, p->generation, socket, index) < 0)
		pacd_fail(p, "request", ENOMEM, "");
}

/* Data path and control socket first: no peer is kept waiting behind a listening socket. */
void pacd_open_inner(struct pacd *p)
{
	p->gre_fds = calloc(p->conf->workers, sizeof *p->gre_fds);
	p->listeners = calloc(p->conf->nlisten, sizeof *p->listeners);
	p->nlisteners = p->conf->nlisten;
	if (!p->gre_fds || !p->listeners) {
		pacd_fail(p, "memory", ENOMEM, "");
		return;
	}
	for (unsigned i = 0; i < p->conf->workers; i++)
		open_one(p, PRIV_SOCKET_GRE, i);
	open_one(p, PRIV_SOCKET_GUARD, 0);
	open_one(p, PRIV_SOCKET_CONTROL, 0);
	if (pacd_accounts(p->conf))
		open_one(p, PRIV_SOCKET_SPOOL, 0);
}

static void open_listeners(struct pacd *p)
{
	for (size_t i = 0; i < p->conf->nlisten; i++)
		open_one(p, PRIV_SOCKET_LISTEN, (unsigned)i);
}

static bool peer_allowed(void *ctx, uint32_t addr)
{
	return conf_peer_allowed(((struct pacd *)ctx)->conf, addr);
}

static void accepted(void *ctx, int fd, struct endpoint peer, struct endpoint local)
{
	conns_accept(((struct pacd *)ctx)->conns, fd, peer, local);
}

static void take_socket(struct pacd *p, const struct priv_opened *m, int fd)
{
	switch (m->socket) {
	case PRIV_SOCKET_GRE:
		p->gre_fds[m->index] = fd;
		break;
	case PRIV_SOCKET_GUARD:
		p->guard_fd = fd;
		break;
	case PRIV_SOCKET_CONTROL:
		p->ctl = ctl_new(p->loop, fd, &pacd_ctl_provider, p);
		if (p->ctl)
			pacd_ctl_permission(p);
		break;
	case PRIV_SOCKET_SPOOL:
		p->spool_fd = fd;
		break;
	case PRIV_SOCKET_LISTEN:
		p->listeners[m->index] = listener_new(p->loop, fd, peer_allowed, accepted, p);
		break;
	default:
		close(fd);
	}
}

static void open_failed(struct pacd *p, const struct priv_opened *m)
{
	char what[64], address[ENDPOINT_TEXT];

	switch (m->socket) {
	case PRIV_SOCKET_LISTEN:
		snprintf(what, sizeof what, "listen address=%s", endpoint_text(p->conf->listen[m->index], address));
		pacd_fail(p, what, m->error, m->error == EADDRINUSE ? "another program has this port, see ss -ltnp" :
		     "the address must be one of this machine's, see ip address");
		break;
	case PRIV_SOCKET_CONTROL:
		pacd_fail(p, "control_socket", m->error, m->error == EADDRINUSE ? "another pacd is running on this control_socket" :
		     "its folder must be root's and closed to the writing of others");
		break;
	default:
		pacd_fail(p, "gre", m->error, "raw sockets need CAP_NET_RAW");
	}
}

/* Accounting goes on without: what no server has taken is then lost with the process. */
static void spool_failed(const struct pacd *p, int error)
{
	log_error("spool", "folder=%s error=\"%s\" hint=\"it must be user %s's own, with mode 700; until then what no "
		  "server has taken is in memory only\"", p->conf->radius.acct.spool, strerror(error), p->conf->user);
}

static void on_opened(void *ctx, const struct priv_opened *m, int fd)
{
	struct pacd *p = ctx;
	int r;

	if (m->socket == PRIV_SOCKET_LINE) {
		lines_opened(p->lines, m, fd);
		return;
	}
	if (m->error && m->socket != PRIV_SOCKET_SPOOL) {
		open_failed(p, m);
		return;
	}
	if (m->error)
		spool_failed(p, m->error);
	else
		take_socket(p, m, fd);
	if (--p->opens_due || p->phase != PACD_STARTING)
		return;
	if (p->sessions) {
		serving(p);
		return;
	}
	r = build_rooms(p);
	if (r < 0)
		pacd_fail(p, "rooms", -r, "memory or threads are short");
	else
		open_listeners(p);
}

/* --- drain and stop --- */

static void listeners_free(struct pacd *p)
{
	for (size_t i = 0; p->listeners && i < p->nlisteners; i++)
		listener_free(p->listeners[i]);
	free(p->listeners);
	p->listeners = NULL;
}

void pacd_drain(struct pacd *p, bool on)
{
	p->draining = on;
	sessions_drain(p->sessions, on);
	conns_drain(p->conns, on);
	lines_drain(p->lines, on);
	notify_send(on ? "STATUS=Draining" : "STATUS=Serving");
	log_info(on ? "drain" : "drain-cancelled", "channels=%u", sessions_channels(p->sessions));
}

static void on_accounted(void *ctx)
{
	struct pacd *p = ctx;

	ev_break(p->loop, EVBREAK_ALL);
}

/* What is over is told: the last records and Accounting-Off have a moment of their own (RAD-66). */
static void account_end(struct pacd *p)
{
	ev_prepare_stop(p->loop, &p->drained);
	ev_timer_stop(p->loop, &p->drain);
	acct_stop(p->acct, ACCOUNTING_STOP_MS, on_accounted, p);
}

static void on_drain_over(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct pacd *p = w->data;

	(void)revents;
	(void)loop;
	log_warn("stop-forced", "sessions=%u connections=%u after_s=%u", sessions_count(p->sessions),
		 conns_count(p->conns), p->conf->drain_s);
	sessions_give_up(p->sessions);
	account_end(p);
}

static void on_drained(struct ev_loop *loop, struct ev_prepare *w, int revents)
{
	struct pacd *p = w->data;

	(void)loop;
	(void)revents;
	if (!sessions_count(p->sessions) && !sessions_rings(p->sessions) && !conns_count(p->conns) &&
	    !line_ppp_count(p->pppds) && !lines_busy(p->lines))
		account_end(p);
}

/* CDN for every call, Stop-Control-Connection-Request for every connection, then wait for both (CC-09). */
static void on_stop(void *ctx)
{
	struct pacd *p = ctx;

	if (p->phase == PACD_STOPPING)
		return;
	if (p->phase == PACD_STARTING) {
		ev_break(p->loop, EVBREAK_ALL);
		return;
	}
	p->phase = PACD_STOPPING;
	log_info("stopping", "sessions=%u connections=%u", sessions_count(p->sessions), conns_count(p->conns));
	notify_send("STOPPING=1\nSTATUS=Ending all calls");
	listeners_free(p);
	pacd_drain(p, true);
	sessions_end_all(p->sessions, LINE_SHUTDOWN);
	conns_stop(p->conns, STOP_SHUTDOWN);
	ev_timer_set(&p->drain, p->conf->drain_s, 0);
	ev_timer_start(p->loop, &p->drain);
	ev_prepare_start(p->loop, &p->drained);
}

static void on_gone(void *ctx)
{
	struct pacd *p = ctx;

	log_error("root-part-gone", "hint=\"all calls are lost; the service manager starts pacd again\"");
	p->exit_code = EXIT_FAILURE;
	ev_break(p->loop, EVBREAK_ALL);
}

static void on_started(void *ctx, const struct priv_started *m, int pty, int plugin, int log)
{
	line_ppp_started(((struct pacd *)ctx)->pppds, m, pty, plugin, log);
}

static void on_exited(void *ctx, const struct priv_exited *m)
{
	line_ppp_exited(((struct pacd *)ctx)->pppds, m);
}

static const struct priv_handlers priv_handlers = {
	.conf = pacd_on_conf,
	.opened = on_opened,
	.started = on_started,
	.exited = on_exited,
	.stop = on_stop,
	.gone = on_gone,
};

static void on_watchdog(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)w;
	(void)revents;
	notify_send("WATCHDOG=1");
}

/* --- life --- */

static int pacd_init(struct pacd *p)
{
	double watchdog = notify_watchdog_s();

	p->loop = ev_loop_new(EVFLAG_AUTO);
	if (!p->loop)
		return -1;
	p->guard_fd = p->spool_fd = -1;
	p->since = mono_now();
	peers_init(&p->peers);
	list_init(&p->tests);
	ev_timer_init(&p->drain, on_drain_over, 0, 0);
	ev_timer_init(&p->watchdog, on_watchdog, watchdog, watchdog);
	ev_prepare_init(&p->drained, on_drained);
	p->drain.data = p->watchdog.data = p->drained.data = p;
	if (watchdog > 0)
		ev_timer_start(p->loop, &p->watchdog);
	p->priv = priv_client_new(p->loop, PRIV_FD, &priv_handlers, p);
	return p->priv ? 0 : -1;
}

/* Everything, in the reverse order of its building, so that a leak checker has nothing to say. */
static void pacd_clear(struct pacd *p)
{
	listeners_free(p);
	if (p->ctl)
		ctl_free(p->ctl);
	conns_free(p->conns);
	line_ppp_free(p->pppds);
	lines_free(p->lines);
	if (p->datapath)
		p->datapath->ops->free(p->datapath);
	das_free(p->das);
	sessions_free(p->sessions);
	acct_free(p->acct);
	radius_client_free(p->radius);
	control_radius_clear(p);
	dictionary_free(p->dictionary);
	resolver_free(p->resolver);
	pools_free(p->pools);
	priv_client_free(p->priv);
	peers_clear(&p->peers);
	pacd_close_fd(p->guard_fd);
	pacd_close_fd(p->spool_fd);
	free(p->gre_fds);
	conf_users_free(p->users);
	conf_free(p->conf);
	ev_loop_destroy(p->loop);
}

int pacd_run(const char *conf_file)
{
	struct pacd p = { .exit_code = EXIT_SUCCESS, .conf_file = conf_file };

	prctl(PR_SET_NAME, "pacd-main"); /* after execveat() it would be the descriptor's number */
	prctl(PR_SET_DUMPABLE, 0);       /* users' secrets are in our memory */
	signal(SIGPIPE, SIG_IGN);
	/* Meant for all of us, these come to the root part, too, which decides what they mean. */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	if (pacd_init(&p) < 0) {
		log_error("start-failed", "what=memory");
		return EXIT_FAILURE;
	}
	ev_run(p.loop, 0);
	log_info("stopped", "exit_code=%d", p.exit_code);
	pacd_clear(&p);
	return p.exit_code;
}
