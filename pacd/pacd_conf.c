/*
 * Main's configuration: takes the files' copies from the root part, parses them,
 * and hands the new snapshot to every room; reload.
 *
 * Owns the snapshot in force.  A snapshot that does not parse changes nothing.
 */
#include "pacd/pacd_internal.h"

#include "pacd/stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FIRMWARE 1
#define VENDOR "pacd"

bool pacd_accounts(const struct conf *c)
{
	for (size_t i = 0; i < c->radius.nservers; i++)
		if (c->radius.servers[i].acct_port)
			return c->radius.acct.enabled;
	return false;
}

struct conf_radius pacd_accounting(const struct conf *c)
{
	struct conf_radius r = c->radius;

	r.acct.enabled = pacd_accounts(c);
	return r;
}

void pacd_configure_conns(struct pacd *p)
{
	const struct conf *c = p->conf;
	struct conn_settings settings = {
		.timers = c->timers,
		.self = { .max_channels = (uint16_t)c->max_channels, .firmware = FIRMWARE, .accept_minor = true },
		.connections = c->limits.connections, .connections_per_peer = c->limits.connections_per_peer,
		.pending = c->limits.pending, .pending_per_peer = c->limits.pending_per_peer,
		.one_per_peer = c->one_connection_per_peer, .idle_ms = c->real.pns.idle_ms,
	};

	memcpy(settings.self.host, c->hostname, sizeof settings.self.host);
	msg_text_set(settings.self.vendor, sizeof settings.self.vendor, VENDOR);
	conns_configure(p->conns, &settings);
}

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

static void free_copy(char *text, size_t len)
{
	if (text)
		explicit_bzero(text, len);
	free(text);
}

static bool complete_radius(struct conf *c, int fd, struct conf_errors *errors)
{
	size_t len = 0;
	char *text = fd >= 0 ? read_copy(fd, &len) : strdup("");
	bool ok = text && conf_radius_complete(c, text, len, errors) == 0;

	free_copy(text, len);
	return ok;
}

static struct conf *parse_conf(const char *file, const struct priv_conf_fds *fds, struct conf_errors *errors)
{
	size_t len;
	char *text = read_copy(fds->conf, &len);
	struct conf *c = text ? conf_parse(file, text, len, errors) : NULL;

	free_copy(text, text ? len : 0);
	if (!c || complete_radius(c, fds->radius, errors))
		return c;
	conf_free(c);
	return NULL;
}

static struct conf_users *parse_users(int fd, const struct conf *c, struct conf_errors *errors)
{
	size_t len;
	char *text = read_copy(fd, &len);
	struct conf_users *u = text ? conf_users_parse(c->aaa.users ? c->aaa.users : "users", text, len, c, errors) : NULL;

	free_copy(text, text ? len : 0);
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
	if (strcmp(old->radius.acct.spool, new->radius.acct.spool) || (pacd_accounts(new) && !pacd_accounts(old)))
		log_warn("restart-needed", "key=radius.acct.spool");
}

static void load_dictionary(struct pacd *p)
{
	const char *file = p->conf->radius.dictionary;

	dictionary_free(p->dictionary);
	p->dictionary = conf_radius_used(p->conf) ? dictionary_load(file) : NULL;
	if (!p->dictionary && conf_radius_used(p->conf))
		log_warn("dictionary", "file=%s error=\"%s\" hint=\"attributes are shown as numbers\"", file,
			 strerror(errno));
}

static void configure_radius(struct pacd *p)
{
	const struct conf_radius *c = &p->conf->radius;
	const struct conf_radius accounting = pacd_accounting(p->conf);
	struct radius_nas nas;

	aaa_nas(&nas, c);
	radius_client_configure(p->radius, c);
	acct_configure(p->acct, &accounting, &nas);
	das_configure(p->das, &c->das, &nas);
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
	load_dictionary(p);
	if (!old)
		return;
	log_restart_needed(old, conf);
	configure_radius(p);
	sessions_configure(p->sessions, conf, users);
	line_ppp_set_generation(p->pppds, generation);
	lines_configure(p->lines, conf, generation);
	pacd_configure_conns(p);
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
static bool conf_taken(struct pacd *p, const struct priv_conf *m, const struct priv_conf_fds *fds)
{
	struct conf_errors errors;
	struct conf *conf;
	struct conf_users *users = NULL;
	bool ok;

	conf_errors_init(&errors);
	conf = parse_conf(p->conf_file, fds, &errors);
	if (conf && fds->users >= 0)
		users = parse_users(fds->users, conf, &errors);
	ok = conf && (fds->users < 0 || users) && (!p->pools || pools_reload(p->pools, conf) == 0);
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

void pacd_close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void pacd_on_conf(void *ctx, const struct priv_conf *m, const struct priv_conf_fds *fds)
{
	struct pacd *p = ctx;
	bool first = !p->conf, ok;

	p->detach = m->detach;
	ok = m->ok && conf_taken(p, m, fds);
	if (!first && ok)
		reload_done(p, NULL);
	else if (!first)
		conf_refused(p, fds->errors);
	else if (!ok)
		pacd_fail(p, "configuration", EINVAL, "see the lines before");
	else
		pacd_open_inner(p);
	pacd_close_fd(fds->conf);
	pacd_close_fd(fds->users);
	pacd_close_fd(fds->radius);
	pacd_close_fd(fds->errors);
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
