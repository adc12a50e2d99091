/*
 * What no setting of the radius group shows alone.
 *
 * Reads a snapshot whose bad values left holes, as conf_check.c does: these were
 * reported already and are stepped over.  Secrets are looked at, never shown.
 */
#include "pacd/conf_schema.h"

#include "common/plugin_proto.h"

#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#define SECRET_GOOD 16 /* octets (RAD-57) */
#define INTERIM_LEAST 60 /* RFC 2869 section 5.16 */

/* The line of the setting, or of its group where it is not given. */
static const config_setting_t *member(const config_setting_t *group, const char *name)
{
	const config_setting_t *s = config_setting_get_member(group, name);

	return s ? s : group;
}

/* --- secrets --- */

const char *conf_secret_doubt(const char *secret)
{
	static const char *const known[] = { "testing123", "secret", "radius", "password", "testing", "shared",
					     "sharedsecret", "changeme", "hardlyasecret", "donttellanyone", "pacd",
					     "test", "xyzzy5461" };

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (!strcasecmp(secret, known[i]))
			return "is a secret that everybody tries first; make one with \"openssl rand -base64 24\"";
	if (strlen(secret) < SECRET_GOOD)
		return "is shorter than 16 octets and can be found by trying; make one with "
		       "\"openssl rand -base64 24\"";
	return NULL;
}

static void check_secret(struct conf_ctx *ctx, const config_setting_t *group, const char *secret)
{
	const config_setting_t *here = config_setting_get_member(group, "secret");
	const config_setting_t *file = config_setting_get_member(group, "secret_file");
	const char *doubt = secret ? conf_secret_doubt(secret) : NULL;

	if (!here && !file)
		conf_fail_in(ctx, group, "secret", "is missing; give secret or secret_file");
	else if (here && file)
		conf_fail(ctx, file, "stands beside a secret; give one of the two");
	else if (doubt)
		conf_warn(ctx, here, "%s", doubt);
}

/* --- servers --- */

static bool same_host(const char *host, const struct sockaddr_storage *address, const char *other,
		      const struct sockaddr_storage *other_address)
{
	if (!host || !other)
		return false;
	if (address->ss_family && other_address->ss_family)
		return conf_host_same(address, other_address);
	return !strcasecmp(host, other);
}

size_t conf_server_twin(const struct conf_radius *r, size_t i)
{
	const struct conf_radius_server *s = &r->servers[i];
	size_t j = 0;

	for (; j < i; j++) {
		const struct conf_radius_server *t = &r->servers[j];

		if (((s->port && s->port == t->port) || (s->acct_port && s->acct_port == t->acct_port)) &&
		    same_host(s->host, &s->address, t->host, &t->address))
			break;
	}
	return j;
}

size_t conf_client_twin(const struct conf_radius_das *d, size_t i)
{
	size_t j = 0;

	while (j < i && !same_host(d->clients[i].host, &d->clients[i].address, d->clients[j].host,
				   &d->clients[j].address))
		j++;
	return j;
}

static void check_server(struct conf_ctx *ctx, const struct conf_radius *r, size_t i, const config_setting_t *group)
{
	const struct conf_radius_server *s = &r->servers[i];
	size_t twin = conf_server_twin(r, i);

	check_secret(ctx, group, s->secret);
	if (!s->port && !s->acct_port)
		conf_fail(ctx, member(group, "port"),
			  "port and acct_port are both 0, so it is asked nothing; give one");
	if (twin < i)
		conf_fail(ctx, member(group, "host"), "%s with the same port is servers[%zu] already; take one of them "
			  "out", s->host, twin);
	if (s->signature == CONF_SIGNATURE_NO)
		conf_warn(ctx, member(group, "require_message_authenticator"), "\"no\" lets forged answers in "
			  "(CVE-2024-3596) unless the way to the server is protected");
}

static void check_servers(struct conf_ctx *ctx, const struct conf_radius *r, const config_t *tree)
{
	if (r->config && r->nservers)
		conf_fail(ctx, conf_setting_at(tree, "radius.config"),
			  "stands beside radius.servers; give one of the two");
	for (size_t i = 0; i < r->nservers; i++) {
		const config_setting_t *group = conf_setting_at(tree, "radius.servers.[%zu]", i);

		if (group && config_setting_is_group(group))
			check_server(ctx, r, i, group);
	}
}

/* Bits: 1 for logins, 2 for accounting. radcli's configuration always names servers for logins. */
static unsigned roles(const struct conf_radius *r)
{
	unsigned bits = r->config ? 3 : 0;

	for (size_t i = 0; i < r->nservers; i++)
		bits |= (r->servers[i].port ? 1u : 0) | (r->servers[i].acct_port ? 2u : 0);
	return bits;
}

static void check_needed(struct conf_ctx *ctx, const struct conf_radius *r, const config_setting_t *s)
{
	if (!r->nservers && !r->config)
		conf_fail(ctx, s, "needs RADIUS servers, and there are none; give radius.servers or radius.config");
	else if (!(roles(r) & 1))
		conf_fail(ctx, s, "needs a server to ask, and port is 0 in all radius.servers; give one its port");
}

static void check_use(struct conf_ctx *ctx, const struct conf *c, const config_t *tree)
{
	const struct conf_radius *r = &c->radius;
	bool checked = r->precheck != CONF_PRECHECK_OFF;

	if (c->aaa.method != CONF_METHOD_LOCAL)
		check_needed(ctx, r, conf_setting_at(tree, "aaa.method"));
	if (checked)
		check_needed(ctx, r, conf_setting_at(tree, "radius.precheck"));
	if (!checked && r->fail_open)
		conf_warn(ctx, conf_setting_at(tree, "radius.fail_open"),
			  "does nothing while radius.precheck is \"off\"");
	if (r->nservers && r->acct.enabled && !(roles(r) & 2))
		conf_warn(ctx, conf_setting_at(tree, "radius.servers"), "acct_port is 0 in all of them, so there is no "
			  "accounting; set acct.enabled = false if that is meant");
}

/* --- times --- */

static const config_setting_t *setting_or(const config_t *tree, const char *path, const char *group)
{
	const config_setting_t *s = conf_setting_at(tree, "%s", path);

	return s ? s : conf_setting_at(tree, "%s", group);
}

static void check_total(struct conf_ctx *ctx, const struct conf *c, const config_t *tree)
{
	const config_setting_t *s = setting_or(tree, "radius.total", "radius");
	int64_t total = c->radius.total_ms;

	if (!conf_radius_used(c))
		return;
	if (total >= c->dial_ms)
		conf_fail(ctx, s, "total is %g s, but a call waits for its answer only %g s (timers.dial); make total "
			  "smaller", (double)total / 1000, (double)c->dial_ms / 1000);
	if (total + c->login_delay_ms >= PLUGIN_ANSWER_SECONDS * 1000)
		conf_warn(ctx, s, "total and login_delay come to %d s or more, so that a caller may not hear why a "
			  "login failed; make one of them smaller", PLUGIN_ANSWER_SECONDS);
}

static void check_acct(struct conf_ctx *ctx, const struct conf_radius_acct *a, const config_t *tree)
{
	const config_setting_t *s = conf_setting_at(tree, "radius.acct.interim");

	if (a->interim && a->interim < INTERIM_LEAST)
		conf_fail(ctx, s, "must be 0, for none, or a whole number from %d to 86400", INTERIM_LEAST);
	else if (a->interim && a->interim < a->interim_min)
		conf_fail(ctx, setting_or(tree, "radius.acct.interim", "radius.acct.interim_min"),
			  "interim is %u, below interim_min, which is %u; make one of them fit the other", a->interim,
			  a->interim_min);
}

static void check_nas(struct conf_ctx *ctx, const struct conf_radius *r, const config_t *tree)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&r->nas_ipv6_address;

	if (r->nas_ip_address >> 24 == 127)
		conf_warn(ctx, conf_setting_at(tree, "radius.nas_ip_address"),
			  "a loopback address tells servers elsewhere nothing");
	if (in6->sin6_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr))
		conf_warn(ctx, conf_setting_at(tree, "radius.nas_ipv6_address"),
			  "a loopback address tells servers elsewhere nothing");
}

/* --- dynamic authorization --- */

static bool any_address(const struct sockaddr_storage *ss)
{
	if (ss->ss_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)ss)->sin6_addr);
	return ((const struct sockaddr_in *)ss)->sin_addr.s_addr == 0;
}

/* In both families the port stands in the same place. */
static unsigned port_of(const struct sockaddr_storage *ss)
{
	return ntohs(((const struct sockaddr_in *)ss)->sin_port);
}

static bool covers(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	return a->ss_family && a->ss_family == b->ss_family && port_of(a) == port_of(b) &&
	       (any_address(a) || any_address(b) || conf_host_same(a, b));
}

static void check_das_listen(struct conf_ctx *ctx, const struct conf_radius_das *d, const config_t *tree)
{
	char text[CONF_SOCKADDR_TEXT], other[CONF_SOCKADDR_TEXT];

	for (size_t i = 1; i < d->nlisten; i++) {
		size_t j = 0;

		while (j < i && !covers(&d->listen[j], &d->listen[i]))
			j++;
		if (j < i)
			conf_fail(ctx, conf_setting_at(tree, "radius.das.listen.[%zu]", i),
				  "%s is already covered by %s; take one of them out",
				  conf_sockaddr_text(&d->listen[i], port_of(&d->listen[i]), text),
				  conf_sockaddr_text(&d->listen[j], port_of(&d->listen[j]), other));
	}
}

static void check_client(struct conf_ctx *ctx, const struct conf_radius_das *d, size_t i, const config_setting_t *group)
{
	size_t twin = conf_client_twin(d, i);

	check_secret(ctx, group, d->clients[i].secret);
	if (twin < i)
		conf_fail(ctx, member(group, "host"), "%s is clients[%zu] already; take one of them out",
			  d->clients[i].host, twin);
}

static void check_das(struct conf_ctx *ctx, const struct conf_radius_das *d, const config_t *tree)
{
	check_das_listen(ctx, d, tree);
	if (d->nlisten && !d->nclients)
		conf_fail(ctx, conf_setting_at(tree, "radius.das.listen"),
			  "nobody is allowed to ask; give radius.das.clients, or take listen out");
	else if (!d->nlisten && d->nclients)
		conf_warn(ctx, conf_setting_at(tree, "radius.das.clients"),
			  "radius.das.listen gives no address, so none of them is heard");
	for (size_t i = 0; i < d->nclients; i++) {
		const config_setting_t *group = conf_setting_at(tree, "radius.das.clients.[%zu]", i);

		if (group && config_setting_is_group(group))
			check_client(ctx, d, i, group);
	}
}

void conf_check_radius(struct conf_ctx *ctx, const struct conf *c, const config_t *tree)
{
	check_servers(ctx, &c->radius, tree);
	check_use(ctx, c, tree);
	check_total(ctx, c, tree);
	check_acct(ctx, &c->radius.acct, tree);
	check_nas(ctx, &c->radius, tree);
	check_das(ctx, &c->radius.das, tree);
}
