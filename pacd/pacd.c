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

#define FIRMWARE 1
#define VENDOR "pacd"

/* --- start --- */

static void fail(struct pacd *p, const char *what, int error, const char *hint)
{
	log_error("start-failed", "what=%s error=\"%s\" hint=\"%s\"", what, strerror(error), hint);
	p->exit_code = EXIT_FAILURE;
	ev_break(p->loop, EVBREAK_ALL);
}

static void serving(struct pacd *p)
{
	p->phase = PACD_SERVING;
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

static void configure_conns(struct pacd *p)
{
	const struct conf *c = p->conf;
	struct conn_settings settings = {
		.timers = c->timers,
		.self = { .max_channels = (uint16_t)c->max_channels, .firmware = FIRMWARE, .accept_minor = true },
		.connections = c->limits.connections, .connections_per_peer = c->limits.connections_per_peer,
		.pending = c->limits.pending, .pending_per_peer = c->limits.pending_per_peer,
		.one_per_peer = c->one_connection_per_peer,
	};

	memcpy(settings.self.host, c->hostname, sizeof settings.self.host);
	msg_text_set(settings.self.vendor, sizeof settings.self.vendor, VENDOR);
	conns_configure(p->conns, &settings);
}

static void build_sessions(struct pacd *p)
{
	struct session_rooms rooms = {
		.loop = p->loop, .conns = p->conns, .peers = &p->peers, .datapath = p->datapath,
		.line_ops = &line_ppp_ops, .lines = p->lines, .pools = p->pools,
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

static const struct conn_handlers conn_handlers = { conn_call, conn_clear_calls };

static void line_answered(void *ctx, uint64_t session, int fd, uint32_t pid)
{
	session_line_handlers.answered(((struct pacd *)ctx)->sessions, session, fd, pid);
}

static void line_failed(void *ctx, uint64_t session, uint8_t result, uint8_t error)
{
	session_line_handlers.failed(((struct pacd *)ctx)->sessions, session, result, error);
}

static void line_down(void *ctx, uint64_t session, uint8_t error, int exit_status)
{
	session_line_handlers.down(((struct pacd *)ctx)->sessions, session, error, exit_status);
}

static void line_plugin(void *ctx, uint64_t session, const struct plugin_msg *m)
{
	session_line_handlers.plugin(((struct pacd *)ctx)->sessions, session, m);
}

static const struct line_handlers line_handlers = { line_answered, line_failed, line_down, line_plugin };

static void line_closed(void *ctx, uint64_t session)
{
	sessions_line_closed(((struct pacd *)ctx)->sessions, session);
}

static int build_rooms(struct pacd *p)
{
	p->datapath = datapath_raw_new(p->loop, p->gre_fds, p->conf->workers, line_closed, p);
	if (!p->datapath)
		return -errno;
	p->pools = pools_new(p->conf);
	p->conns = conns_new(p->loop, &conn_handlers, p, &p->peers);
	p->lines = line_ppp_new(p->loop, p->priv, &line_handlers, p);
	if (!p->pools || !p->conns || !p->lines)
		return -ENOMEM;
	build_sessions(p);
	if (!p->sessions)
		return -ENOMEM;
	line_ppp_set_generation(p->lines, p->generation);
	configure_conns(p);
	return 0;
}

static void open_one(struct pacd *p, enum priv_socket socket, unsigned index)
{
	p->opens_due++;
	if (priv_client_open(p->priv, p->generation, socket, index) < 0)
		fail(p, "request", ENOMEM, "");
}

/* Data path and control socket first: no peer is kept waiting behind a listening socket. */
static void open_inner(struct pacd *p)
{
	p->gre_fds = calloc(p->conf->workers, sizeof *p->gre_fds);
	p->listeners = calloc(p->conf->nlisten, sizeof *p->listeners);
	p->nlisteners = p->conf->nlisten;
	if (!p->gre_fds || !p->listeners) {
		fail(p, "memory", ENOMEM, "");
		return;
	}
	for (unsigned i = 0; i < p->conf->workers; i++)
		open_one(p, PRIV_SOCKET_GRE, i);
	open_one(p, PRIV_SOCKET_GUARD, 0);
	open_one(p, PRIV_SOCKET_CONTROL, 0);
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
		fail(p, what, m->error, m->error == EADDRINUSE ? "another program has this port, see ss -ltnp" :
		     "the address must be one of this machine's, see ip address");
		break;
	case PRIV_SOCKET_CONTROL:
		fail(p, "control_socket", m->error, m->error == EADDRINUSE ? "another pacd is running on this control_socket" :
		     "its folder must be root's and closed to the writing of others");
		break;
	default:
		fail(p, "gre", m->error, "raw sockets need CAP_NET_RAW");
	}
}

static void on_opened(void *ctx, const struct priv_opened *m, int fd)
{
	struct pacd *p = ctx;
	int r;

	if (m->error) {
		open_failed(p, m);
		return;
	}
	take_socket(p, m, fd);
	if (--p->opens_due || p->phase != PACD_STARTING)
		return;
	if (p->sessions) {
		serving(p);
		return;
	}
	r = build_rooms(p);
	if (r < 0)
		fail(p, "rooms", -r, "memory or threads are short");
	else
		open_listeners(p);
}

/* --- configuration --- */

/* The file's text, NUL-terminated, or NULL. */
static char *read_copy(int fd, size_t *len)
{
	struct stat st;
	char *text;

	if (fstat(fd, &st) < 0 || st.st_size < 0 || st.st_size > CONF_FILE_MAX)
		return NULL;
	*len = (size_t)st.st_size;
	text = malloc(*len + 1);
	if (!text)
		return NULL;
	if (pread(fd, text, *len, 0) != st.st_size) {
		free(text);
		return NULL;
	}
	text[*len] = '\0';
	return text;
}

static struct conf *parse_conf(const char *file, int fd, struct conf_errors *errors)
{
	size_t len;
	char *text = read_copy(fd, &len);
	struct conf *c = text ? conf_parse(file, text, len, errors) : NULL;

	free(text);
	return c;
}

static struct conf_users *parse_users(int fd, const struct conf *c, struct conf_errors *errors)
{
	size_t len;
	char *text = read_copy(fd, &len);
	struct conf_users *u = text ? conf_users_parse(c->aaa.users ? c->aaa.users : "users", text, len, c, errors) : NULL;

	if (text)
		explicit_bzero(text, len);
	free(text);
	return u;
}

static void log_errors(const struct conf_errors *errors)
{
	for (size_t i = 0; i < errors->n; i++)
		log_error("configuration", "error=\"%s\"", errors->list[i]);
}

static void log_warnings(const struct conf_errors *warnings)
{
	for (size_t i = 0; i < warnings->n; i++)
		log_warn("configuration", "warning=\"%s\"", warnings->list[i]);
}

/* What cannot change under a running daemon is said, not silently ignored. */
static void log_restart_needed(const struct conf *old, const struct conf *new)
{
	bool listen_same = old->nlisten == new->nlisten &&
			   !memcmp(old->listen, new->listen, old->nlisten * sizeof *old->listen);

	if (!listen_same)
		log_warn("restart-needed", "key=listen");
	if (strcmp(old->user, new->user))
		log_warn("restart-needed", "key=user");
	if (strcmp(old->control.path, new->control.path))
		log_warn("restart-needed", "key=control_socket");
	if (old->workers != new->workers)
		log_warn("restart-needed", "key=workers");
}

static void apply(struct pacd *p, struct conf *conf, struct conf_users *users, uint32_t generation)
{
	struct conf *old = p->conf;
	struct conf_users *old_users = p->users;

	p->conf = conf;
	p->users = users;
	p->generation = generation;
	log_open("pacd", p->detach ? log_target_detached(conf->log_target) : conf->log_target, conf->log_level);
	log_warnings(&conf->warnings);
	if (users)
		log_warnings(&users->warnings);
	if (!old)
		return;
	log_restart_needed(old, conf);
	sessions_configure(p->sessions, conf, users);
	line_ppp_set_generation(p->lines, generation);
	configure_conns(p);
	pacd_ctl_permission(p);
	conf_free(old);
	conf_users_free(old_users);
}

static void reload_done(struct pacd *p, const char *errors)
{
	p->last_reload = (int64_t)time(NULL);
	p->last_reload_result = errors ? "refused" : "ok";
	p->reloading = false;
	stats_add(errors ? STATS_RELOADS_REFUSED : STATS_RELOADS);
	if (errors)
		log_error("reload-refused", "generation=%u hint=\"the configuration before it stays\"", p->generation);
	else
		log_info("reloaded", "generation=%u max_channels=%u users=%zu", p->generation, p->conf->max_channels,
			 p->users ? p->users->n : 0);
	if (p->ctl && p->reload_client)
		ctl_finish_reload(p->ctl, p->reload_client, p->generation, errors);
	p->reload_client = 0;
}

static void conf_refused(struct pacd *p, int errors_fd)
{
	size_t len = 0;
	char *text = errors_fd >= 0 ? read_copy(errors_fd, &len) : NULL;

	reload_done(p, text ? text : "the files could not be taken over; see the log");
	free(text);
}

/* Both parts parse the same bytes with the same code: what the root part took parses here. */
static bool conf_taken(struct pacd *p, const struct priv_conf *m, int conf_fd, int users_fd)
{
	struct conf_errors errors;
	struct conf *conf;
	struct conf_users *users = NULL;
	bool ok;

	conf_errors_init(&errors);
	conf = parse_conf(p->conf_file, conf_fd, &errors);
	if (conf && users_fd >= 0)
		users = parse_users(users_fd, conf, &errors);
	ok = conf && (users_fd < 0 || users) && (!p->pools || pools_reload(p->pools, conf) == 0);
	log_errors(&errors);
	conf_errors_clear(&errors);
	if (ok) {
		apply(p, conf, users, m->generation);
	} else {
		conf_users_free(users);
		conf_free(conf);
	}
	priv_client_conf_taken(p->priv, m->generation, ok);
	return ok;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void on_conf(void *ctx, const struct priv_conf *m, int conf_fd, int users_fd, int errors_fd)
{
	struct pacd *p = ctx;
	bool first = !p->conf, ok;

	p->detach = m->detach;
	ok = m->ok && conf_taken(p, m, conf_fd, users_fd);
	if (!first && ok)
		reload_done(p, NULL);
	else if (!first)
		conf_refused(p, errors_fd);
	else if (!ok)
		fail(p, "configuration", EINVAL, "see the lines before");
	else
		open_inner(p);
	close_fd(conf_fd);
	close_fd(users_fd);
	close_fd(errors_fd);
}

int pacd_reload(struct pacd *p)
{
	int r;

	if (p->phase != PACD_SERVING)
		return -ESHUTDOWN;
	if (p->reloading)
		return -EBUSY;
	r = priv_client_reload(p->priv);
	p->reloading = r == 0;
	return r;
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
	notify_send(on ? "STATUS=Draining" : "STATUS=Serving");
	log_info(on ? "drain" : "drain-cancelled", "channels=%u", sessions_channels(p->sessions));
}

static void on_drain_over(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct pacd *p = w->data;

	(void)revents;
	log_warn("stop-forced", "sessions=%u connections=%u after_s=%u", sessions_count(p->sessions),
		 conns_count(p->conns), p->conf->drain_s);
	ev_break(loop, EVBREAK_ALL);
}

static void on_drained(struct ev_loop *loop, struct ev_prepare *w, int revents)
{
	struct pacd *p = w->data;

	(void)revents;
	if (!sessions_count(p->sessions) && !conns_count(p->conns) && !line_ppp_count(p->lines))
		ev_break(loop, EVBREAK_ALL);
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
	line_ppp_started(((struct pacd *)ctx)->lines, m, pty, plugin, log);
}

static void on_exited(void *ctx, const struct priv_exited *m)
{
	line_ppp_exited(((struct pacd *)ctx)->lines, m);
}

static const struct priv_handlers priv_handlers = {
	.conf = on_conf,
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
	p->guard_fd = -1;
	p->since = mono_now();
	peers_init(&p->peers);
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
	line_ppp_free(p->lines);
	if (p->datapath)
		p->datapath->ops->free(p->datapath);
	sessions_free(p->sessions);
	pools_free(p->pools);
	priv_client_free(p->priv);
	peers_clear(&p->peers);
	close_fd(p->guard_fd);
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
