/*
 * What the control socket shows and does: the daemon's side of struct
 * ctl_provider.  Only translates; it owns nothing.
 */
#include "pacd/pacd_internal.h"

#include "config.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

static uint64_t seconds_since(struct mono t)
{
	return (uint64_t)(mono_diff_us(mono_now(), t) / 1000000);
}

static void count_lines(struct lines *lines, struct ctl_status *s)
{
	struct line_view v;

	s->lines_busy = lines_busy(lines);
	for (size_t i = 0; lines_view(lines, i, &v); i++) {
		s->lines++;
		s->lines_failed += !strcmp(v.state, "failed");
	}
}

static void show_status(void *ctx, struct ctl_status *s)
{
	const struct pacd *p = ctx;

	*s = (struct ctl_status){
		.version = PACKAGE_VERSION, .conf_file = p->conf->file, .pid = getpid(),
		.up_s = seconds_since(p->since), .generation = p->generation,
		.max_channels = p->conf->max_channels, .channels = sessions_channels(p->sessions),
		.connections = conns_count(p->conns), .established = conns_established(p->conns),
		.draining = p->draining, .last_reload_at = p->last_reload,
		.last_reload_result = p->last_reload_result, .log_level = log_get_level(),
		.users = p->users ? p->users->n : 0,
	};
	count_lines(p->lines, s);
}

struct session_walk {
	ctl_session_fn fn;
	void *arg;
};

static void tell_session(void *arg, const struct session_view *v)
{
	const struct session_walk *walk = arg;
	char class_hex[CONTROL_CLASS_HEX];
	struct ctl_session s = {
		.id = v->id, .connection = v->conn, .call_id = v->call_id, .peer_call_id = v->peer_call_id,
		.serial = v->serial, .peer = v->peer, .local_addr = v->local_addr, .user = v->user,
		.user_len = v->user_len, .state = v->state, .phase = plugin_phase_word(v->phase),
		.ifname = v->ifname, .inner_local = v->gateway, .inner_remote = v->address, .auth = v->method,
		.mppe_bits = v->mppe_bits, .started_at = v->started, .up_s = seconds_since(v->since),
		.traffic = v->stats, .session_timeout_s = v->session_timeout, .idle_timeout_s = v->idle_timeout,
		.has_idle = v->idle_s >= 0, .idle_s = v->idle_s >= 0 ? (uint64_t)v->idle_s : 0,
		.pppd = (pid_t)v->pid, .pool = v->pool, .data_path = v->datapath,
		.send_accm = v->send_accm, .receive_accm = v->receive_accm,
	};

	s.line = v->line;
	s.group = v->group;
	s.calling = v->calling;
	s.called = v->called;
	s.speed = v->speed;
	s.direction = !v->line ? NULL : v->incoming ? "in" : "out";
	control_session_radius(v, &s, class_hex);
	walk->fn(walk->arg, &s);
}

static void show_sessions(void *ctx, ctl_session_fn fn, void *arg)
{
	struct pacd *p = ctx;
	struct session_walk walk = { fn, arg };

	sessions_each(p->sessions, tell_session, &walk);
}

static int show_session(void *ctx, uint64_t id, ctl_session_fn fn, void *arg)
{
	struct pacd *p = ctx;
	struct session_walk walk = { fn, arg };
	struct session_view v;

	if (!sessions_view(p->sessions, id, &v))
		return -ENOENT;
	tell_session(&walk, &v);
	return 0;
}

struct connection_walk {
	ctl_connection_fn fn;
	void *arg;
};

static void tell_connection(void *arg, const struct conn_view *v)
{
	const struct connection_walk *walk = arg;
	struct ctl_connection c = {
		.id = v->id, .peer = v->peer, .local = v->local, .state = v->state, .host = v->host,
		.vendor = v->vendor, .host_len = msg_text_len(v->host, MSG_TEXT),
		.vendor_len = msg_text_len(v->vendor, MSG_TEXT), .calls = v->calls,
		.age_s = seconds_since(v->since), .idle_s = seconds_since(v->last_in),
		.originator = v->originator, .messages_in = v->messages_in, .messages_out = v->messages_out,
	};

	walk->fn(walk->arg, &c);
}

static void show_connections(void *ctx, ctl_connection_fn fn, void *arg)
{
	struct pacd *p = ctx;
	struct connection_walk walk = { fn, arg };

	conns_each(p->conns, tell_connection, &walk);
}

static bool show_pool(void *ctx, size_t i, struct pool_view *view)
{
	return pools_view(((struct pacd *)ctx)->pools, i, view);
}

static bool show_line(void *ctx, size_t i, struct line_view *view)
{
	return lines_view(((struct pacd *)ctx)->lines, i, view);
}

static int act_on_line(void *ctx, const char *name, enum line_act act)
{
	struct pacd *p = ctx;

	/* By the session, so that the PNS hears why, and the data path lets go first. */
	if (act == LINE_HANG_UP && sessions_disconnect_line(p->sessions, name))
		return 0;
	return lines_act(p->lines, name, act);
}

static void show_totals(void *ctx, struct datapath_totals *totals)
{
	struct datapath *d = ((struct pacd *)ctx)->datapath;

	d->ops->totals(d, totals);
}

static char *show_config(void *ctx)
{
	return conf_print(((struct pacd *)ctx)->conf);
}

static int disconnect_session(void *ctx, uint64_t id)
{
	return sessions_disconnect(((struct pacd *)ctx)->sessions, id) ? 0 : -ENOENT;
}

static size_t disconnect_user(void *ctx, const void *name, size_t len)
{
	return sessions_disconnect_user(((struct pacd *)ctx)->sessions, name, len);
}

static size_t disconnect_peer(void *ctx, uint32_t addr)
{
	return sessions_disconnect_peer(((struct pacd *)ctx)->sessions, addr);
}

static int drain(void *ctx, bool on)
{
	struct pacd *p = ctx;

	if (p->phase == PACD_STOPPING)
		return -ESHUTDOWN;
	if (p->draining == on)
		return -EALREADY;
	pacd_drain(p, on);
	return 0;
}

static int reload(void *ctx, uint64_t client)
{
	struct pacd *p = ctx;
	int r = pacd_reload(p);

	if (r == 0)
		p->reload_client = client;
	return r;
}

static void set_log_level(void *ctx, enum log_level level)
{
	(void)ctx;
	log_set_level(level);
}

const struct ctl_provider pacd_ctl_provider = {
	.status = show_status,
	.each_session = show_sessions,
	.one_session = show_session,
	.each_connection = show_connections,
	.pool = show_pool,
	.totals = show_totals,
	.line = show_line,
	.line_act = act_on_line,
	.radius = control_show_radius,
	.accounting = control_show_accounting,
	.test_radius = control_test_radius,
	.config = show_config,
	.disconnect_session = disconnect_session,
	.disconnect_user = disconnect_user,
	.disconnect_peer = disconnect_peer,
	.drain = drain,
	.reload = reload,
	.log_level = set_log_level,
};

/* A name that has vanished since the check falls to root: nobody gets a right by accident. */
void pacd_ctl_permission(struct pacd *p)
{
	const struct conf_control *c = &p->conf->control;
	const struct passwd *pw = c->owner ? getpwnam(c->owner) : NULL;
	const struct group *gr = c->group ? getgrnam(c->group) : NULL;

	ctl_set_permission(p->ctl, pw ? pw->pw_uid : 0, gr ? gr->gr_gid : 0, c->mode);
}
