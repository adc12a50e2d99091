/*
 * The commands of the control socket.
 *
 * One table from command to handler; a handler asks the provider and writes
 * records.  Owns nothing; must not know sockets, clients, or how anything is shown.
 * RADIUS is in commands_radius.c, real lines are in commands_lines.c.
 */
#include "pacd/ctl/commands_internal.h"

#include "pacd/stats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- values that may be missing --- */

static void out_addr(struct ctl_out *o, const char *key, uint32_t addr)
{
	char text[ADDR_TEXT];

	ctl_out_word(o, key, addr ? addr_text(addr, text) : NULL);
}

void commands_out_nonzero(struct ctl_out *o, const char *key, uint64_t v)
{
	if (v)
		ctl_out_u64(o, key, v);
	else
		ctl_out_none(o, key);
}

void commands_out_string(struct ctl_out *o, const char *key, const char *text)
{
	if (text)
		ctl_out_text(o, key, text, strlen(text));
	else
		ctl_out_none(o, key);
}

void commands_out_filled(struct ctl_out *o, const char *key, const char *text)
{
	commands_out_string(o, key, text && *text ? text : NULL);
}

static void out_octets(struct ctl_out *o, const char *key, const void *octets, size_t len)
{
	if (octets)
		ctl_out_text(o, key, octets, len);
	else
		ctl_out_none(o, key);
}

/* --- records --- */

static void out_traffic(struct ctl_out *o, const struct datapath_stats *t)
{
	ctl_out_u64(o, "rx_packets", t->rx_packets);
	ctl_out_u64(o, "rx_octets", t->rx_octets);
	ctl_out_u64(o, "tx_packets", t->tx_packets);
	ctl_out_u64(o, "tx_octets", t->tx_octets);
	ctl_out_u64(o, "rx_lost", t->rx_lost);
	ctl_out_u64(o, "rx_duplicate", t->rx_duplicate);
	ctl_out_u64(o, "rx_old", t->rx_old);
	ctl_out_u64(o, "rx_reordered", t->rx_reordered);
	ctl_out_u64(o, "rx_dropped", t->rx_dropped);
	ctl_out_u64(o, "tx_dropped", t->tx_dropped);
	ctl_out_u64(o, "acks_sent", t->acks_sent);
	ctl_out_u64(o, "acks_received", t->acks_received);
	ctl_out_u64(o, "ack_timeouts", t->tx_timeouts);
	ctl_out_u64(o, "send_window", t->window);
	commands_out_nonzero(o, "rtt_us", t->rtt_us);
}

/* What came from the line and was no frame: noise of a modem's, or text that a program wrote to pppd's. */
static void out_line_faults(struct ctl_out *o, const struct datapath_stats *t)
{
	ctl_out_u64(o, "line_fcs_errors", t->line_faults[HDLC_FAULT_FCS]);
	ctl_out_u64(o, "line_runts", t->line_faults[HDLC_FAULT_RUNT]);
	ctl_out_u64(o, "line_aborts", t->line_faults[HDLC_FAULT_ABORT]);
	ctl_out_u64(o, "line_long_frames", t->line_faults[HDLC_FAULT_LONG]);
}

static void out_accm(struct ctl_out *o, const char *key, uint32_t accm)
{
	char text[11];

	snprintf(text, sizeof text, "0x%08" PRIx32, accm);
	ctl_out_word(o, key, text);
}

static void out_session(void *arg, const struct ctl_session *s)
{
	struct commands_run *r = arg;
	struct ctl_out *o = r->out;

	r->records++;
	ctl_out_record(o, "session");
	ctl_out_u64(o, "id", s->id);
	out_octets(o, "user", s->user, s->user_len);
	ctl_out_word(o, "state", s->state);
	ctl_out_word(o, "phase", s->phase);
	out_addr(o, "address", s->inner_remote);
	out_addr(o, "local_address", s->inner_local);
	commands_out_string(o, "interface", s->ifname);
	out_addr(o, "peer_address", s->peer.addr);
	ctl_out_u64(o, "peer_port", s->peer.port);
	out_addr(o, "server_address", s->local_addr);
	ctl_out_u64(o, "connection", s->connection);
	ctl_out_u64(o, "call_id", s->call_id);
	ctl_out_u64(o, "peer_call_id", s->peer_call_id);
	ctl_out_u64(o, "serial", s->serial);
	ctl_out_word(o, "auth", s->auth);
	ctl_out_u64(o, "mppe_bits", s->mppe_bits);
	commands_out_string(o, "pool", s->pool);
	ctl_out_word(o, "data_path", s->data_path);
	commands_out_nonzero(o, "pppd_pid", s->pppd > 0 ? (uint64_t)s->pppd : 0);
	commands_out_nonzero(o, "started_at", s->started_at > 0 ? (uint64_t)s->started_at : 0);
	ctl_out_u64(o, "up_s", s->up_s);
	if (s->has_idle)
		ctl_out_u64(o, "idle_s", s->idle_s);
	else
		ctl_out_none(o, "idle_s");
	commands_out_nonzero(o, "session_timeout_s", s->session_timeout_s);
	commands_out_nonzero(o, "idle_timeout_s", s->idle_timeout_s);
	out_traffic(o, &s->traffic);
	out_line_faults(o, &s->traffic);
	out_accm(o, "send_accm", s->send_accm);
	out_accm(o, "receive_accm", s->receive_accm);
	commands_out_line(o, s);
	commands_out_given(o, s);
	ctl_out_end(o);
}

static void out_connection(void *arg, const struct ctl_connection *c)
{
	struct commands_run *r = arg;
	struct ctl_out *o = r->out;

	r->records++;
	ctl_out_record(o, "connection");
	ctl_out_u64(o, "id", c->id);
	out_addr(o, "peer_address", c->peer.addr);
	ctl_out_u64(o, "peer_port", c->peer.port);
	out_addr(o, "server_address", c->local.addr);
	ctl_out_u64(o, "server_port", c->local.port);
	ctl_out_word(o, "state", c->state);
	ctl_out_bool(o, "originator", c->originator);
	out_octets(o, "host", c->host, c->host_len);
	out_octets(o, "vendor", c->vendor, c->vendor_len);
	ctl_out_u64(o, "calls", c->calls);
	ctl_out_u64(o, "age_s", c->age_s);
	ctl_out_u64(o, "idle_s", c->idle_s);
	ctl_out_u64(o, "messages_in", c->messages_in);
	ctl_out_u64(o, "messages_out", c->messages_out);
	ctl_out_end(o);
}

static void out_pool(struct commands_run *r, const struct pool_view *v)
{
	r->records++;
	ctl_out_record(r->out, "pool");
	commands_out_string(r->out, "name", v->name);
	ctl_out_u64(r->out, "size", v->size);
	ctl_out_u64(r->out, "used", v->used);
	ctl_out_u64(r->out, "reserved", v->reserved);
	ctl_out_u64(r->out, "refused", v->refused);
	ctl_out_end(r->out);
}

static void out_counter(struct commands_run *r, const char *name, const char *detail, uint64_t value, const char *help)
{
	char full[80];

	snprintf(full, sizeof full, "%s%s", name, detail);
	for (char *p = full; *p; p++)
		if (*p == '-' || *p == ' ')
			*p = '_';
	r->records++;
	ctl_out_record(r->out, "counter");
	ctl_out_word(r->out, "name", full);
	ctl_out_u64(r->out, "value", value);
	commands_out_string(r->out, "help", help);
	ctl_out_end(r->out);
}

/* --- show --- */

enum commands_result commands_finish_list(struct commands_run *r)
{
	ctl_out_status(r->out, CTL_OK, "%zu", r->records);
	return COMMANDS_DONE;
}

enum commands_result commands_finish_one(struct commands_run *r)
{
	ctl_out_status(r->out, CTL_OK, "ok");
	return COMMANDS_DONE;
}

static enum commands_result run_help(struct commands_run *r)
{
	for (unsigned c = 0; c < CTL_COMMANDS; c++) {
		const struct ctl_syntax *s = ctl_syntax_get((enum ctl_command)c);
		char form[CTL_SYNTAX_TEXT];

		r->records++;
		ctl_out_record(r->out, "command");
		commands_out_string(r->out, "syntax", ctl_syntax_text((enum ctl_command)c, form));
		ctl_out_word(r->out, "needs", s->right == CTL_MAY_ACT ? "act" : s->right ? "show" : NULL);
		commands_out_string(r->out, "help", s->help);
		ctl_out_end(r->out);
	}
	return commands_finish_list(r);
}

static enum commands_result run_status(struct commands_run *r)
{
	struct ctl_status s = { 0 };
	struct ctl_out *o = r->out;

	r->rq->provider->status(r->rq->ctx, &s);
	ctl_out_record(o, "status");
	commands_out_string(o, "version", s.version);
	ctl_out_u64(o, "pid", s.pid > 0 ? (uint64_t)s.pid : 0);
	ctl_out_u64(o, "up_s", s.up_s);
	ctl_out_bool(o, "draining", s.draining);
	ctl_out_u64(o, "channels", s.channels);
	ctl_out_u64(o, "max_channels", s.max_channels);
	ctl_out_u64(o, "connections", s.connections);
	ctl_out_u64(o, "established", s.established);
	ctl_out_u64(o, "lines", s.lines);
	ctl_out_u64(o, "lines_busy", s.lines_busy);
	ctl_out_u64(o, "lines_failed", s.lines_failed);
	ctl_out_u64(o, "users", s.users);
	commands_out_string(o, "config_file", s.conf_file);
	ctl_out_u64(o, "generation", s.generation);
	commands_out_nonzero(o, "last_reload_at", s.last_reload_at > 0 ? (uint64_t)s.last_reload_at : 0);
	ctl_out_word(o, "last_reload", s.last_reload_result);
	ctl_out_word(o, "log_level", log_level_word(s.log_level));
	ctl_out_end(o);
	return commands_finish_one(r);
}

static enum commands_result run_sessions(struct commands_run *r)
{
	r->rq->provider->each_session(r->rq->ctx, out_session, r);
	return commands_finish_list(r);
}

static enum commands_result no_session(struct commands_run *r)
{
	ctl_out_status(r->out, CTL_NOT_FOUND, "no session %llu", (unsigned long long)r->match.id);
	return COMMANDS_DONE;
}

static enum commands_result run_session(struct commands_run *r)
{
	if (r->rq->provider->one_session(r->rq->ctx, r->match.id, out_session, r) < 0)
		return no_session(r);
	return commands_finish_one(r);
}

static enum commands_result run_connections(struct commands_run *r)
{
	r->rq->provider->each_connection(r->rq->ctx, out_connection, r);
	return commands_finish_list(r);
}

static enum commands_result run_pools(struct commands_run *r)
{
	struct pool_view v;

	for (size_t i = 0; r->rq->provider->pool(r->rq->ctx, i, &v); i++)
		out_pool(r, &v);
	return commands_finish_list(r);
}

static enum commands_result run_stats(struct commands_run *r)
{
	struct datapath_totals t = { 0 };

	for (unsigned c = 0; c < STATS_COUNTERS; c++)
		out_counter(r, stats_name((enum stats_counter)c), "", stats_get((enum stats_counter)c),
			    stats_help((enum stats_counter)c));
	r->rq->provider->totals(r->rq->ctx, &t);
	out_counter(r, "gre_rx_packets", "", t.rx_packets, "GRE packets received");
	out_counter(r, "gre_rx_octets", "", t.rx_octets, "octets received in GRE");
	out_counter(r, "gre_tx_packets", "", t.tx_packets, "GRE packets sent");
	out_counter(r, "gre_tx_octets", "", t.tx_octets, "octets sent in GRE");
	out_counter(r, "gre_socket_errors", "", t.socket_errors, "errors of the raw sockets");
	for (unsigned d = GRE_OK + 1; d < GRE_DROPS; d++)
		out_counter(r, "gre_drop_", gre_drop_word((enum gre_drop)d), t.drops[d],
			    "GRE packets that reached no call");
	return commands_finish_list(r);
}

static enum commands_result run_config(struct commands_run *r)
{
	char *text = r->rq->provider->config(r->rq->ctx);

	if (!text) {
		ctl_out_status(r->out, CTL_FAILED, "out of memory");
		return COMMANDS_DONE;
	}
	ctl_out_record(r->out, "config");
	commands_out_string(r->out, "text", text);
	ctl_out_end(r->out);
	free(text);
	return commands_finish_one(r);
}

/* --- act --- */

static void out_ended(struct commands_run *r, size_t n)
{
	ctl_out_record(r->out, "disconnected");
	ctl_out_u64(r->out, "sessions", n);
	ctl_out_end(r->out);
}

static enum commands_result run_disconnect(struct commands_run *r)
{
	if (r->rq->provider->disconnect_session(r->rq->ctx, r->match.id) < 0)
		return no_session(r);
	out_ended(r, 1);
	ctl_out_status(r->out, CTL_OK, "session %llu is being disconnected", (unsigned long long)r->match.id);
	return COMMANDS_DONE;
}

static enum commands_result ended(struct commands_run *r, size_t n, const char *of, const char *whom)
{
	if (!n) {
		ctl_out_status(r->out, CTL_NOT_FOUND, "no session of %s%s", of, whom);
		return COMMANDS_DONE;
	}
	out_ended(r, n);
	ctl_out_status(r->out, CTL_OK, "%zu session%s of %s%s %s being disconnected", n, n == 1 ? "" : "s", of, whom,
		       n == 1 ? "is" : "are");
	return COMMANDS_DONE;
}

static enum commands_result run_disconnect_user(struct commands_run *r)
{
	const struct ctl_word *name = r->match.name;
	char quoted[512];

	return ended(r, r->rq->provider->disconnect_user(r->rq->ctx, name->text, name->len), "user ",
		     log_quote(quoted, sizeof quoted, name->text, name->len));
}

static enum commands_result run_disconnect_peer(struct commands_run *r)
{
	char text[ADDR_TEXT];

	return ended(r, r->rq->provider->disconnect_peer(r->rq->ctx, r->match.addr), "peer ",
		     addr_text(r->match.addr, text));
}

static enum commands_result run_drain(struct commands_run *r)
{
	bool on = r->match.command == CTL_DRAIN;
	int rc = r->rq->provider->drain(r->rq->ctx, on);

	if (rc == -ESHUTDOWN) {
		ctl_out_status(r->out, CTL_BUSY, "the daemon is ending");
		return COMMANDS_DONE;
	}
	if (rc < 0 && rc != -EALREADY) {
		ctl_out_status(r->out, CTL_REFUSED, "not possible now: %s", strerror(-rc));
		return COMMANDS_DONE;
	}
	ctl_out_record(r->out, "drain");
	ctl_out_bool(r->out, "draining", on);
	ctl_out_end(r->out);
	ctl_out_status(r->out, CTL_OK, "%s%s", on ? "no new calls are taken" : "new calls are taken",
		       rc < 0 ? ", as before" : "");
	return COMMANDS_DONE;
}

static enum commands_result run_reload(struct commands_run *r)
{
	int rc = r->rq->provider->reload(r->rq->ctx, r->rq->client);

	if (rc == 0)
		return COMMANDS_PENDING;
	if (rc == -EBUSY)
		ctl_out_status(r->out, CTL_BUSY, "another reload is going on");
	else if (rc == -ESHUTDOWN)
		ctl_out_status(r->out, CTL_BUSY, "the daemon is ending");
	else
		ctl_out_status(r->out, CTL_FAILED, "reload failed: %s", strerror(-rc));
	return COMMANDS_DONE;
}

static enum commands_result run_log(struct commands_run *r)
{
	const char *word = log_level_word(r->match.level);

	r->rq->provider->log_level(r->rq->ctx, r->match.level);
	ctl_out_record(r->out, "log");
	ctl_out_word(r->out, "log_level", word);
	ctl_out_end(r->out);
	ctl_out_status(r->out, CTL_OK, "the log level is %s", word);
	return COMMANDS_DONE;
}

static enum commands_result (*const handlers[CTL_COMMANDS])(struct commands_run *r) = {
	[CTL_HELP] = run_help,
	[CTL_SHOW_STATUS] = run_status,
	[CTL_SHOW_SESSIONS] = run_sessions,
	[CTL_SHOW_SESSION] = run_session,
	[CTL_SHOW_CONNECTIONS] = run_connections,
	[CTL_SHOW_POOLS] = run_pools,
	[CTL_SHOW_STATS] = run_stats,
	[CTL_SHOW_CONFIG] = run_config,
	[CTL_SHOW_RADIUS] = commands_show_radius,
	[CTL_SHOW_ACCOUNTING] = commands_show_accounting,
	[CTL_SHOW_LINES] = commands_show_lines,
	[CTL_SHOW_LINE] = commands_show_line,
	[CTL_DISCONNECT] = run_disconnect,
	[CTL_DISCONNECT_USER] = run_disconnect_user,
	[CTL_DISCONNECT_PEER] = run_disconnect_peer,
	[CTL_DRAIN] = run_drain,
	[CTL_DRAIN_OFF] = run_drain,
	[CTL_RELOAD] = run_reload,
	[CTL_LOG] = run_log,
	[CTL_LINE_BUSY_OUT] = commands_line_act,
	[CTL_LINE_ENABLE] = commands_line_act,
	[CTL_LINE_HANGUP] = commands_line_act,
	[CTL_TEST_RADIUS] = commands_test_radius,
};

/* A request of words: found, allowed, and run. */
static enum commands_result words_run(struct commands_run *r, const struct ctl_words *words)
{
	unsigned right, rights = r->rq->rights;
	char why[CTL_WHY];

	if (ctl_match(&r->match, words, why) < 0) {
		ctl_out_status(r->out, CTL_BAD_REQUEST, "%s", why);
		return COMMANDS_DONE;
	}
	right = ctl_syntax_get(r->match.command)->right;
	if ((rights & right) != right) {
		ctl_out_status(r->out, CTL_NOT_PERMITTED,
			       "not permitted: this needs %s permission on the control socket",
			       right == CTL_MAY_ACT ? "write" : "read");
		return COMMANDS_DONE;
	}
	return handlers[r->match.command](r);
}

enum commands_result commands_run(const struct commands_request *rq, struct ctl_out *out)
{
	struct commands_run r = { .rq = rq, .out = out };
	struct ctl_words words;
	int rc = ctl_words_parse(&words, rq->line, rq->len);
	enum commands_result result = COMMANDS_DONE;

	if (rc < 0)
		ctl_out_status(out, CTL_BAD_REQUEST, "%s; use one line of words, quoted as \"\\x41\" where needed",
			       rc == -E2BIG ? "too long" : "not words");
	else
		result = words_run(&r, &words);
	explicit_bzero(&words, sizeof words); /* one of them may be a password */
	return result;
}

static void out_error(struct ctl_out *out, const char *text, size_t len)
{
	ctl_out_record(out, "error");
	ctl_out_text(out, "text", text, len);
	ctl_out_end(out);
}

void commands_reload_answer(struct ctl_out *out, uint32_t generation, const char *errors)
{
	size_t n = 0;

	if (!errors) {
		ctl_out_record(out, "reload");
		ctl_out_u64(out, "generation", generation);
		ctl_out_end(out);
		ctl_out_status(out, CTL_OK, "the configuration was taken over");
		return;
	}
	for (size_t len; *errors; errors += len + (errors[len] == '\n')) {
		len = strcspn(errors, "\n");
		if (!len)
			continue;
		out_error(out, errors, len);
		n++;
	}
	ctl_out_status(out, CTL_REFUSED, "the configuration was refused, the old one stays: %zu error%s", n,
		       n == 1 ? "" : "s");
}
