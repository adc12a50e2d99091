/*
 * pacd.conf: which settings there are, their defaults, and the one immutable
 * snapshot that a text with them becomes.
 *
 * It works on bytes in memory and opens nothing, so that the root part and main
 * get the same snapshot from the same bytes.  Owns what the snapshot points to.
 */
#include "pacd/conf_schema.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where configure found or puts them. */
#ifndef PACD_PPPD_PATH
#define PACD_PPPD_PATH "/usr/sbin/pppd"
#endif
#ifndef PACD_PLUGIN_PATH
#define PACD_PLUGIN_PATH "/usr/lib/pacd/pacd.so"
#endif

#define DAY_S 86400
#define COUNT_MAX 1000000
#define PATH_OCTETS 1024
#define SOCKET_OCTETS 107 /* of sun_path, without its NUL */
#define POOL_NAME_OCTETS 63

static const char *const log_targets[] = { "stderr", "syslog", "journal", NULL };
static const char *const log_levels[] = { "error", "warn", "info", "debug", NULL };
static const char *const auth_words[] = { "pap", "chap", "mschap", "mschapv2", NULL };
static const char *const mppe_words[] = { "require", "allow", "deny", NULL };
static const char *const window_words[] = { "off", "rfc2637", NULL };
static const char *const aaa_methods[] = { "local", "radius", "radius,local", NULL };

#define KEY(name, kind, member, ...) CONF_KEY(name, kind, struct conf, member, ##__VA_ARGS__)

static const struct conf_key log_keys[] = {
	KEY("target", word, log_target, .arg = log_targets),
	KEY("level", word, log_level, .arg = log_levels),
	{ 0 },
};

static const struct conf_key limits_keys[] = {
	KEY("connections", uint, limits.connections, .max = 1000000),
	KEY("connections_per_peer", uint, limits.connections_per_peer, .max = COUNT_MAX),
	KEY("calls_per_peer", uint, limits.calls_per_peer, .max = COUNT_MAX),
	KEY("calls_per_connection", uint, limits.calls_per_connection, .max = COUNT_MAX),
	KEY("pending", uint, limits.pending, .max = COUNT_MAX),
	KEY("pending_per_peer", uint, limits.pending_per_peer, .max = COUNT_MAX),
	KEY("call_rate_per_peer", uint, limits.call_rate_per_peer, .max = COUNT_MAX),
	{ 0 },
};

static const struct conf_key peers_keys[] = {
	KEY("allow", ranges, allow, .count = offsetof(struct conf, nallow)),
	KEY("deny", ranges, deny, .count = offsetof(struct conf, ndeny)),
	{ 0 },
};

#define CONNECTIONS_SPARE 512
#define TIMER_RANGE .min = 10, .max = DAY_S * 1000

static const struct conf_key timers_keys[] = {
	KEY("start", seconds, timers.start_ms, TIMER_RANGE),
	KEY("reply", seconds, timers.reply_ms, TIMER_RANGE),
	KEY("echo_idle", seconds, timers.echo_idle_ms, TIMER_RANGE),
	KEY("echo_reply", seconds, timers.echo_reply_ms, TIMER_RANGE),
	KEY("dial", seconds, dial_ms, TIMER_RANGE),
	KEY("login", seconds, login_ms, TIMER_RANGE),
	KEY("ack_timeout_max", seconds, ack_timeout_max_ms, .min = 100, .max = 60000),
	{ 0 },
};

static const struct conf_key ppp_keys[] = {
	KEY("pppd", path, ppp.pppd, .max = PATH_OCTETS),
	KEY("plugin", path, ppp.plugin, .max = PATH_OCTETS),
	KEY("options", path, ppp.options, .max = PATH_OCTETS),
	KEY("check", flag, ppp.check),
	KEY("mtu", uint, ppp.mtu, .min = 128, .max = 1460),
	KEY("auth", wordset, ppp.auth, .arg = auth_words),
	KEY("mppe", word, ppp.mppe, .arg = mppe_words),
	KEY("mppe_stateful", flag, ppp.mppe_stateful),
	KEY("lcp_echo_interval", uint, ppp.lcp_echo_interval, .max = 3600),
	KEY("lcp_echo_failure", uint, ppp.lcp_echo_failure, .max = 100),
	KEY("ipv6", flag, ppp.ipv6),
	KEY("ipparam", flag, ppp.ipparam),
	KEY("change_script", path, ppp.change_script, .max = PATH_OCTETS),
	KEY("local", addr, ppp.local),
	{ 0 },
};

static const struct conf_key aaa_keys[] = {
	KEY("method", word, aaa.method, .arg = aaa_methods),
	KEY("users", path, aaa.users, .max = PATH_OCTETS),
	{ 0 },
};

#define POOL_KEY(name, kind, member, ...) CONF_KEY(name, kind, struct conf_pool, member, ##__VA_ARGS__)

static const struct conf_key pool_keys[] = {
	POOL_KEY("name", name, name, .max = POOL_NAME_OCTETS, .required = true),
	POOL_KEY("local", addr, local),
	POOL_KEY("ranges", pool, ranges, .count = offsetof(struct conf_pool, nranges), .required = true),
	POOL_KEY("reserved", ranges, reserved, .count = offsetof(struct conf_pool, nreserved)),
	POOL_KEY("dns", addrs, dns),
	POOL_KEY("wins", addrs, wins),
	POOL_KEY("proxyarp", flag, proxyarp),
	{ 0 },
};

static const struct conf_elements pool_elements = { pool_keys, sizeof(struct conf_pool), NULL };

static const struct conf_key root_keys[] = {
	KEY("listen", endpoints, listen, .count = offsetof(struct conf, nlisten), .min = CONF_PORT,
	    .max = CONF_LIST_MAX),
	KEY("max_channels", uint, max_channels, .min = 1, .max = 65535),
	KEY("user", name, user, .max = 32),
	KEY("control_socket", path, control.path, .max = SOCKET_OCTETS),
	KEY("control_owner", name, control.owner, .max = 32),
	KEY("control_group", name, control.group, .max = 32),
	KEY("control_mode", mode, control.mode),
	CONF_GROUP("log", log_keys),
	CONF_GROUP("limits", limits_keys),
	CONF_GROUP("peers", peers_keys),
	CONF_GROUP("timers", timers_keys),
	KEY("drain", uint, drain_s, .max = 3600),
	KEY("quarantine", uint, quarantine_s, .max = 3600),
	KEY("hostname", host, hostname, .max = MSG_TEXT - 1),
	KEY("one_connection_per_peer", flag, one_connection_per_peer),
	KEY("window", uint, window, .min = 1, .max = 1024),
	KEY("strict_window", word, strict_window, .arg = window_words),
	KEY("workers", uint, workers, .min = 1, .max = 64),
	KEY("speed", uint, speed, .min = 300, .max = 2000000000),
	KEY("login_delay", seconds, login_delay_ms, .max = 10000),
	CONF_GROUP("ppp", ppp_keys),
	CONF_GROUP("aaa", aaa_keys),
	CONF_GROUP("radius", conf_radius_keys),
	KEY("pools", groups, pools, .count = offsetof(struct conf, npools), .arg = &pool_elements,
	    .max = CONF_POOLS_MAX),
	KEY("lines", groups, real.lines, .count = offsetof(struct conf, real.nlines), .arg = &conf_line_elements,
	    .max = CONF_LINES_MAX),
	KEY("line_choice", word, real.choice, .arg = conf_choice_words),
	KEY("chats", groups, real.chats, .count = offsetof(struct conf, real.nchats), .arg = &conf_chat_elements,
	    .max = CONF_LIST_MAX),
	KEY("routes", groups, real.routes, .count = offsetof(struct conf, real.nroutes), .arg = &conf_route_elements,
	    .max = CONF_LIST_MAX),
	KEY("dialplan", groups, real.dialplan, .count = offsetof(struct conf, real.ndialplan),
	    .arg = &conf_dialplan_elements, .max = CONF_LIST_MAX),
	CONF_GROUP("pns", conf_pns_keys),
	KEY("wan_error_interval", seconds, real.wen_ms, .min = 1000, .max = DAY_S * 1000),
	{ 0 },
};

static void hostname_default(char hostname[MSG_TEXT])
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	/* Left empty where the kernel's name is none that we would accept in the file. */
	if (gethostname(hostname, MSG_TEXT - 1) < 0 || *hostname == '-' || hostname[strspn(hostname, plain)])
		memset(hostname, 0, MSG_TEXT);
}

static void numbers_default(struct conf *c)
{
	c->max_channels = 1000;
	c->control.mode = 0660;
	c->log_target = LOG_TO_STDERR;
	c->log_level = LOG_LEVEL_INFO;
	c->limits = (struct conf_limits){ .connections_per_peer = 64, .calls_per_peer = 64,
					  .calls_per_connection = 64, .pending = 256, .pending_per_peer = 16,
					  .call_rate_per_peer = 20 };
	c->timers = (struct ctrl_timers){ .start_ms = 60000, .reply_ms = 60000,
					  .echo_idle_ms = 60000, .echo_reply_ms = 60000 };
	c->dial_ms = 60000;
	c->login_ms = 60000;
	c->ack_timeout_max_ms = 10000;
	c->drain_s = 15;
	c->quarantine_s = 30;
	c->window = 64;
	c->workers = 1;
	c->speed = 100000000;
	c->login_delay_ms = 1000;
	c->ppp.check = true;
	c->ppp.mtu = 1400;
	c->ppp.auth = CONF_AUTH_MSCHAPV2;
	c->ppp.mppe = CONF_MPPE_REQUIRE;
	c->ppp.lcp_echo_interval = 30;
	c->ppp.lcp_echo_failure = 4;
	c->ppp.ipparam = true;
	hostname_default(c->hostname);
	conf_lines_default(c);
}

static bool texts_default(struct conf *c, const char *file)
{
	c->file = strdup(file);
	c->user = strdup("pacd");
	c->control.path = strdup("/run/pacd/control.sock");
	c->ppp.pppd = strdup(PACD_PPPD_PATH);
	c->ppp.plugin = strdup(PACD_PLUGIN_PATH);
	c->listen = calloc(1, sizeof *c->listen);
	if (!c->file || !c->user || !c->control.path || !c->ppp.pppd || !c->ppp.plugin || !c->listen)
		return false;
	c->listen[0].port = CONF_PORT;
	c->nlisten = 1;
	return true;
}

static struct conf *conf_new(const char *file)
{
	struct conf *c = calloc(1, sizeof *c);

	if (c)
		c->refs = 1;

	if (!c)
		return NULL;
	conf_errors_init(&c->warnings);
	numbers_default(c);
	if (texts_default(c, file) && conf_radius_default(c))
		return c;
	conf_free(c);
	return NULL;
}

struct conf *conf_hold(const struct conf *c)
{
	struct conf *held = (struct conf *)(uintptr_t)c; /* all but its count stays as it is */

	held->refs++;
	return held;
}

void conf_free(struct conf *c)
{
	if (!c || --c->refs)
		return;
	conf_walk_clear(root_keys, c);
	conf_errors_clear(&c->warnings);
	free(c->file);
	free(c);
}

/* A pool without an address for our end takes the one that all links share. */
static void pools_complete(struct conf *c)
{
	for (size_t i = 0; i < c->npools; i++)
		if (!c->pools[i].local)
			c->pools[i].local = c->ppp.local;
}

/* A connection for each call, and room for those that have none yet. */
static void limits_complete(struct conf *c)
{
	if (!c->limits.connections)
		c->limits.connections = c->max_channels + CONNECTIONS_SPARE;
}

static void tree_read(struct conf_ctx *ctx, struct conf *c, const char *text, size_t len)
{
	config_t tree;

	if (conf_text_read(ctx, &tree, text, len) == 0) {
		conf_walk(ctx, root_keys, config_root_setting(&tree), c);
		pools_complete(c);
		limits_complete(c);
		if (conf_radius_derive(c) && conf_lines_derive(c))
			conf_check(ctx, c, &tree);
		else
			conf_fail_memory(ctx);
	}
	conf_text_clear(&tree);
}

struct conf *conf_parse(const char *file, const char *text, size_t len, struct conf_errors *errors)
{
	struct conf_ctx ctx = { .file = file, .manual = "pacd.conf(5)", .root = root_keys, .errors = errors };
	struct conf *c = conf_new(file);

	if (!c) {
		conf_fail_memory(&ctx);
		return NULL;
	}
	ctx.warnings = &c->warnings;
	tree_read(&ctx, c, text, len);
	if (!ctx.failed)
		return c;
	conf_free(c);
	return NULL;
}

char *conf_print(const struct conf *c)
{
	struct conf shown = *c; /* borrows all of it */
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	if (c->radius.config)
		shown.radius.nservers = 0; /* they are what stands in that file */
	conf_walk_print(out, root_keys, &shown, 0);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

const struct conf_pool *conf_pool_find(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->npools; i++)
		if (!name || !strcmp(c->pools[i].name, name))
			return &c->pools[i];
	return NULL;
}

static bool ranges_have(const struct addr_range *ranges, size_t n, uint32_t addr)
{
	for (size_t i = 0; i < n; i++)
		if (range_has(ranges[i], addr))
			return true;
	return false;
}

bool conf_peer_allowed(const struct conf *c, uint32_t addr)
{
	if (ranges_have(c->deny, c->ndeny, addr))
		return false;
	return !c->nallow || ranges_have(c->allow, c->nallow, addr);
}
