/*
 * The radius group: its tables, defaults, and what the root part adds to it.
 *
 * Owns what the group points to; secrets are wiped.  It looks nothing up and
 * opens nothing: names and files are the root part's business, which sends what
 * it found as a text (the same syntax, with tables of its own).
 */
#include "pacd/conf_schema.h"

#include "common/plugin_proto.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DAY_S 86400
#define PATH_OCTETS 1024
#define HOST_OCTETS 253
#define TEXT_OCTETS RADIUS_VALUE_MAX
/* The plugin refuses the login by itself after this long. */
#define TOTAL_MAX_MS ((PLUGIN_ANSWER_SECONDS - 1) * 1000)

static const char *const signature_words[] = { "yes", "auto", "no", NULL };
static const char *const precheck_words[] = { "off", "vpn", "all", "lines", NULL };
static const char *const unknown_words[] = { "refuse", "ignore", NULL };

/* --- tables --- */

#define SERVER_KEY(name, kind, member, ...) CONF_KEY(name, kind, struct conf_radius_server, member, ##__VA_ARGS__)

#define SERVER_KEYS(secret_kind)                                                                                 \
	SERVER_KEY("host", server, host, .max = HOST_OCTETS, .count = offsetof(struct conf_radius_server, address), \
		   .required = true),                                                                            \
	SERVER_KEY("port", uint, port, .max = 65535),                                                            \
	SERVER_KEY("acct_port", uint, acct_port, .max = 65535),                                                  \
	SERVER_KEY("secret", secret_kind, secret, .max = RADIUS_SECRET_MAX),                                     \
	SERVER_KEY("secret_file", path, secret_file, .max = PATH_OCTETS),                                        \
	SERVER_KEY("timeout", seconds, timeout_ms, .min = 100, .max = 16000),                                    \
	SERVER_KEY("retries", uint, retries, .max = 10),                                                         \
	SERVER_KEY("priority", uint, priority, .max = 1000),                                                     \
	SERVER_KEY("require_message_authenticator", word, signature, .arg = signature_words),                    \
	SERVER_KEY("status_server", flag, status_server),                                                        \
	{ 0 }

static const struct conf_key server_keys[] = { SERVER_KEYS(octets) };
static const struct conf_key found_server_keys[] = { SERVER_KEYS(shown) };

void conf_radius_server_init(struct conf_radius_server *s)
{
	s->port = 1812;
	s->acct_port = 1813;
	s->timeout_ms = 2000;
	s->retries = 2;
	s->priority = 1;
	s->signature = CONF_SIGNATURE_AUTO;
}

static void server_init(void *element)
{
	conf_radius_server_init(element);
}

static const struct conf_elements server_elements = { server_keys, sizeof(struct conf_radius_server), server_init };
static const struct conf_elements found_server_elements = { found_server_keys, sizeof(struct conf_radius_server),
							    server_init };

#define CLIENT_KEY(name, kind, member, ...) CONF_KEY(name, kind, struct conf_das_client, member, ##__VA_ARGS__)

static const struct conf_key client_keys[] = {
	CLIENT_KEY("host", server, host, .max = HOST_OCTETS, .count = offsetof(struct conf_das_client, address),
		   .required = true),
	CLIENT_KEY("secret", octets, secret, .max = RADIUS_SECRET_MAX),
	CLIENT_KEY("secret_file", path, secret_file, .max = PATH_OCTETS),
	CLIENT_KEY("require_message_authenticator", flag, require_signature),
	{ 0 },
};

static const struct conf_elements client_elements = { client_keys, sizeof(struct conf_das_client), NULL };

#define KEY(name, kind, member, ...) CONF_KEY(name, kind, struct conf, radius.member, ##__VA_ARGS__)

static const struct conf_key acct_keys[] = {
	KEY("enabled", flag, acct.enabled),
	KEY("interim", uint, acct.interim, .max = DAY_S),
	KEY("interim_min", uint, acct.interim_min, .min = 60, .max = DAY_S),
	KEY("spool", path, acct.spool, .max = PATH_OCTETS),
	KEY("spool_max", uint, acct.spool_mb, .min = 1, .max = 10240),
	KEY("on_off", flag, acct.on_off),
	KEY("tunnel", flag, acct.tunnel),
	{ 0 },
};

static const struct conf_key das_keys[] = {
	KEY("listen", udp, das.listen, .count = offsetof(struct conf, radius.das.nlisten), .min = CONF_DAS_PORT,
	    .max = CONF_DAS_LISTEN_MAX),
	KEY("clients", groups, das.clients, .count = offsetof(struct conf, radius.das.nclients),
	    .arg = &client_elements, .max = CONF_DAS_CLIENTS_MAX),
	KEY("window", uint, das.window, .min = 1, .max = 3600),
	KEY("require_event_timestamp", flag, das.require_timestamp),
	{ 0 },
};

const struct conf_key conf_radius_keys[] = {
	KEY("servers", groups, servers, .count = offsetof(struct conf, radius.nservers), .arg = &server_elements,
	    .max = CONF_RADIUS_SERVERS_MAX),
	KEY("config", path, config, .max = PATH_OCTETS),
	KEY("dictionary", path, dictionary, .max = PATH_OCTETS),
	KEY("nas_identifier", login, nas_identifier, .max = TEXT_OCTETS),
	KEY("nas_ip_address", nas4, nas_ip_address),
	KEY("nas_ipv6_address", nas6, nas_ipv6_address),
	KEY("total", seconds, total_ms, .min = 1000, .max = TOTAL_MAX_MS),
	KEY("max_fail", uint, max_fail, .min = 1, .max = 1000),
	KEY("dead_time", uint, dead_s, .min = 1, .max = DAY_S),
	KEY("max_outstanding", uint, outstanding, .min = 1, .max = 65536),
	KEY("precheck", word, precheck, .arg = precheck_words),
	KEY("precheck_password", octets, precheck_password, .max = RADIUS_PASSWORD_MAX),
	KEY("outbound", flag, outbound),
	KEY("fail_open", flag, fail_open),
	KEY("filters", texts, filters, .count = offsetof(struct conf, radius.nfilters), .max = TEXT_OCTETS),
	KEY("unknown_filter", word, unknown_filter, .arg = unknown_words),
	KEY("unknown_pool", word, unknown_pool, .arg = unknown_words),
	KEY("unknown_attributes", word, unknown_attributes, .arg = unknown_words),
	CONF_GROUP("acct", acct_keys),
	CONF_GROUP("das", das_keys),
	{ 0 },
};

bool conf_radius_default(struct conf *c)
{
	struct conf_radius *r = &c->radius;

	r->total_ms = 20000;
	r->max_fail = 3;
	r->dead_s = 60;
	r->outstanding = 1024;
	r->unknown_filter = CONF_UNKNOWN_REFUSE;
	r->unknown_pool = CONF_UNKNOWN_IGNORE;
	r->unknown_attributes = CONF_UNKNOWN_IGNORE;
	r->acct = (struct conf_radius_acct){ .enabled = true, .interim_min = 60, .spool_mb = 64,
					     .on_off = true };
	r->das.window = 300;
	r->dictionary = strdup("/etc/radcli/dictionary");
	r->precheck_password = strdup("pacd");
	r->acct.spool = strdup("/var/lib/pacd");
	return r->dictionary && r->precheck_password && r->acct.spool;
}

/* Every request must name its sender (RAD-01); a machine whose name is none still has one. */
bool conf_radius_derive(struct conf *c)
{
	if (!c->radius.nas_identifier)
		c->radius.nas_identifier = strdup(*c->hostname ? c->hostname : "pacd");
	return c->radius.nas_identifier != NULL;
}

bool conf_radius_used(const struct conf *c)
{
	const struct conf_radius *r = &c->radius;

	if (!r->nservers && !r->config)
		return false;
	return c->aaa.method != CONF_METHOD_LOCAL || r->precheck != CONF_PRECHECK_OFF || r->acct.enabled;
}

/* --- what the root part found --- */

#define FOUND(struct_, name, kind, member, ...) CONF_KEY(name, kind, struct struct_, member, ##__VA_ARGS__)

static const struct conf_key secret_keys[] = {
	FOUND(conf_found_secret, "file", path, file, .max = PATH_OCTETS, .required = true),
	FOUND(conf_found_secret, "secret", shown, secret, .max = RADIUS_SECRET_MAX, .required = true),
	{ 0 },
};

static const struct conf_key name_keys[] = {
	FOUND(conf_found_name, "name", login, name, .max = HOST_OCTETS, .required = true),
	FOUND(conf_found_name, "host", server, host, .max = HOST_OCTETS,
	      .count = offsetof(struct conf_found_name, address), .required = true),
	FOUND(conf_found_name, "addresses", uint, addresses, .max = 1000000),
	{ 0 },
};

static const struct conf_elements secret_elements = { secret_keys, sizeof(struct conf_found_secret), NULL };
static const struct conf_elements name_elements = { name_keys, sizeof(struct conf_found_name), NULL };

#define FOUND_MAX (CONF_RADIUS_SERVERS_MAX + CONF_DAS_CLIENTS_MAX)
#define LIST(name, member, elements)                                                                            \
	FOUND(conf_radius_found, name, groups, member, .count = offsetof(struct conf_radius_found, n##member), \
	      .arg = &(elements), .max = FOUND_MAX)

static const struct conf_key found_keys[] = {
	LIST("secrets", secrets, secret_elements),
	LIST("names", names, name_elements),
	LIST("servers", servers, found_server_elements),
	{ 0 },
};

int conf_radius_text(FILE *out, const struct conf_radius_found *found)
{
	conf_walk_print(out, found_keys, found, 0);
	return fflush(out) == 0 && !ferror(out) ? 0 : -1;
}

void conf_radius_found_clear(struct conf_radius_found *found)
{
	conf_walk_clear(found_keys, found);
}

/* One completion. */
struct completion {
	struct conf *conf;
	struct conf_radius_found found;
	struct conf_errors *errors;
	size_t failed;
};

static void __attribute__((format(printf, 3, 4)))
fail(struct completion *k, const char *key, const char *fmt, ...)
{
	va_list args;

	k->failed++;
	va_start(args, fmt);
	conf_errors_addv(k->errors, k->conf->file, 0, key, fmt, args);
	va_end(args);
}

static void complete_address(struct completion *k, const char *key, const char *host, struct sockaddr_storage *address)
{
	char quoted[CONF_QUOTE], text[CONF_SOCKADDR_TEXT];

	if (address->ss_family)
		return;
	for (size_t i = 0; i < k->found.nnames; i++) {
		const struct conf_found_name *n = &k->found.names[i];

		if (strcasecmp(n->name, host) || !n->address.ss_family)
			continue;
		*address = n->address;
		if (n->addresses > 1)
			conf_errors_add(&k->conf->warnings, k->conf->file, 0, key,
					"%s has %u addresses; %s is the one that counts", conf_quote(quoted, host),
					n->addresses, conf_sockaddr_text(address, 0, text));
		return;
	}
	fail(k, key, "no address was found for %s; give its address, or repair its name", conf_quote(quoted, host));
}

static void complete_secret(struct completion *k, const char *key, char **secret, const char *file)
{
	const char *doubt;

	for (size_t i = 0; file && !*secret && i < k->found.nsecrets; i++) {
		if (strcmp(k->found.secrets[i].file, file))
			continue;
		*secret = strdup(k->found.secrets[i].secret);
		doubt = *secret ? conf_secret_doubt(*secret) : NULL;
		if (doubt)
			conf_errors_add(&k->conf->warnings, k->conf->file, 0, key, "%s: %s", file, doubt);
	}
	if (!*secret)
		fail(k, key, "no secret was found%s%s", file ? " in " : "", file ? file : "");
}

#define KEY_TEXT 96

static void complete_server(struct completion *k, size_t i)
{
	struct conf_radius_server *s = &k->conf->radius.servers[i];
	char host[KEY_TEXT] = "radius.config", secret[KEY_TEXT] = "radius.config";
	size_t twin;

	if (!k->conf->radius.config) {
		snprintf(host, sizeof host, "radius.servers[%zu].host", i);
		snprintf(secret, sizeof secret, "radius.servers[%zu].secret_file", i);
	}
	complete_address(k, host, s->host, &s->address);
	complete_secret(k, secret, &s->secret, s->secret_file);
	twin = conf_server_twin(&k->conf->radius, i);
	if (twin < i)
		fail(k, host, "%s is the same server as %s, with the same port; take one of them out", s->host,
		     k->conf->radius.servers[twin].host);
}

static void complete_client(struct completion *k, size_t i)
{
	struct conf_das_client *client = &k->conf->radius.das.clients[i];
	char host[KEY_TEXT], secret[KEY_TEXT];
	size_t twin;

	snprintf(host, sizeof host, "radius.das.clients[%zu].host", i);
	snprintf(secret, sizeof secret, "radius.das.clients[%zu].secret_file", i);
	complete_address(k, host, client->host, &client->address);
	complete_secret(k, secret, &client->secret, client->secret_file);
	twin = conf_client_twin(&k->conf->radius.das, i);
	if (twin < i)
		fail(k, host, "%s has the address of %s; take one of them out", client->host,
		     k->conf->radius.das.clients[twin].host);
}

/* They become the configuration's own. */
static void take_servers(struct completion *k)
{
	struct conf_radius *r = &k->conf->radius;

	if (!r->config)
		return;
	if (!k->found.nservers) {
		fail(k, "radius.config", "no server was found in %s", r->config);
		return;
	}
	free(r->servers); /* an empty list: there are no others beside `config` */
	r->servers = k->found.servers;
	r->nservers = k->found.nservers;
	k->found.servers = NULL;
	k->found.nservers = 0;
	for (size_t i = 0; i < r->nservers; i++) {
		const char *doubt = r->servers[i].secret ? conf_secret_doubt(r->servers[i].secret) : NULL;

		if (doubt)
			conf_errors_add(&k->conf->warnings, k->conf->file, 0, "radius.config",
					"%s: the secret of %s %s", r->config, r->servers[i].host, doubt);
	}
}

static void complete(struct completion *k)
{
	take_servers(k);
	for (size_t i = 0; i < k->conf->radius.nservers; i++)
		complete_server(k, i);
	for (size_t i = 0; i < k->conf->radius.das.nclients; i++)
		complete_client(k, i);
}

int conf_radius_complete(struct conf *c, const char *text, size_t len, struct conf_errors *errors)
{
	struct conf_ctx ctx = { .file = c->file, .manual = "pacd.conf(5)", .root = found_keys, .errors = errors,
				.warnings = &c->warnings };
	struct completion k = { .conf = c, .errors = errors };
	config_t tree;

	if (conf_text_read(&ctx, &tree, text, len) == 0)
		conf_walk(&ctx, found_keys, config_root_setting(&tree), &k.found);
	conf_text_clear(&tree);
	if (!ctx.failed)
		complete(&k);
	conf_radius_found_clear(&k.found);
	return ctx.failed || k.failed ? -1 : 0;
}
