/*
 * Any octets as pacd.conf, as the users file, and as what the root part found for RADIUS.  A file is refused with at
 * least one error, or yields a snapshot that prints to a text which yields the same, but for secrets: they are not in it.
 */
#include "pacd/conf.h"
#include "test/fuzz/fuzz.h"

#include <string.h>

/* libconfig 1.5 loses the string that it was reading when a syntax error comes. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig";
}

static const char pool[] = "pools = ( { name = \"default\"; local = \"10.0.0.1\"; ranges = [ \"10.0.0.2-99\" ]; } );";

static struct conf *parse(const void *text, size_t len)
{
	struct conf_errors errors;
	struct conf *c;

	conf_errors_init(&errors);
	c = conf_parse("pacd.conf", text, len, &errors);
	FUZZ_REQUIRE((c != NULL) == (errors.n == 0));
	conf_errors_clear(&errors);
	return c;
}

static bool has_secrets(const struct conf_radius *r)
{
	for (size_t i = 0; i < r->nservers; i++)
		if (r->servers[i].secret)
			return true;
	for (size_t i = 0; i < r->das.nclients; i++)
		if (r->das.clients[i].secret)
			return true;
	return false;
}

static void radius_check(const struct conf *c)
{
	const struct conf_radius *r = &c->radius;

	FUZZ_REQUIRE(r->nas_identifier && *r->nas_identifier && r->dictionary && r->precheck_password && r->acct.spool);
	FUZZ_REQUIRE(!r->config || !r->nservers);
	FUZZ_REQUIRE(!conf_radius_used(c) || r->total_ms < c->dial_ms);
	FUZZ_REQUIRE(c->aaa.method == CONF_METHOD_LOCAL || conf_radius_used(c));
	FUZZ_REQUIRE(!r->acct.interim || (r->acct.interim >= 60 && r->acct.interim >= r->acct.interim_min));
	FUZZ_REQUIRE(!r->das.nlisten || r->das.nclients);
	for (size_t i = 0; i < r->nservers; i++) {
		const struct conf_radius_server *s = &r->servers[i];
		struct sockaddr_storage address;

		FUZZ_REQUIRE(s->host && !s->secret == !!s->secret_file && (s->port || s->acct_port));
		FUZZ_REQUIRE(conf_host_parse(s->host, &address) == (s->address.ss_family != 0));
	}
	for (size_t i = 0; i < r->das.nclients; i++)
		FUZZ_REQUIRE(r->das.clients[i].host && !r->das.clients[i].secret == !!r->das.clients[i].secret_file);
	for (size_t i = 0; i < r->nfilters; i++)
		FUZZ_REQUIRE(r->filters[i] && *r->filters[i]);
}

/* With its secrets left out it is refused for want of them, and of nothing else. */
static void print_check_without(const char *text)
{
	struct conf_errors errors;
	struct conf *c;

	conf_errors_init(&errors);
	c = conf_parse("pacd.conf", text, strlen(text), &errors);
	FUZZ_REQUIRE(!c && errors.n);
	for (size_t i = 0; i < errors.n; i++)
		FUZZ_REQUIRE(strstr(errors.list[i], "].secret: is missing"));
	conf_errors_clear(&errors);
}

static void print_check(const char *text)
{
	struct conf *again = parse(text, strlen(text));
	char *second;

	FUZZ_REQUIRE(again);
	second = conf_print(again);
	FUZZ_REQUIRE(second && !strcmp(text, second));
	free(second);
	conf_free(again);
}

/* What was found, in any form: taken whole, or refused with an error. */
static void complete_check(const void *text, size_t len)
{
	static const char radius[] =
		"radius = { config = \"/c\"; das = { clients = ( { host = \"a\"; secret_file = \"/s\"; } ); }; };";
	char both[sizeof pool + sizeof radius];
	struct conf_errors errors;
	struct conf *c;

	strcpy(both, pool);
	strcat(both, radius);
	c = parse(both, strlen(both));
	conf_errors_init(&errors);
	FUZZ_REQUIRE((conf_radius_complete(c, text, len, &errors) == 0) == (errors.n == 0));
	for (size_t i = 0; !errors.n && i < c->radius.nservers; i++)
		FUZZ_REQUIRE(c->radius.servers[i].address.ss_family && c->radius.servers[i].secret);
	FUZZ_REQUIRE(errors.n || (c->radius.nservers && c->radius.das.clients[0].secret));
	conf_errors_clear(&errors);
	conf_free(c);
}

static void snapshot_check(const struct conf *c)
{
	char *text = conf_print(c);

	FUZZ_REQUIRE(text);
	if (has_secrets(&c->radius))
		print_check_without(text);
	else
		print_check(text);
	radius_check(c);
	FUZZ_REQUIRE(c->nlisten && c->max_channels >= 1 && c->max_channels <= 65535 && c->ppp.auth);
	for (size_t i = 0; i < c->npools; i++) {
		FUZZ_REQUIRE(c->pools[i].local && conf_pool_find(c, c->pools[i].name) == &c->pools[i]);
		for (size_t j = 0; j < c->pools[i].nranges; j++)
			FUZZ_REQUIRE(c->pools[i].ranges[j].first <= c->pools[i].ranges[j].last);
	}
	free(text);
}

static void users_check(const void *text, size_t len)
{
	struct conf *c = parse(pool, sizeof pool - 1);
	struct conf_errors errors;
	struct conf_users *users;

	conf_errors_init(&errors);
	users = conf_users_parse("users", text, len, c, &errors);
	FUZZ_REQUIRE((users != NULL) == (errors.n == 0));
	for (size_t i = 0; users && i < users->n; i++) {
		const struct conf_user *u = &users->list[i];

		FUZZ_REQUIRE(u->name && !u->secret == u->has_nt_hash);
		FUZZ_REQUIRE(conf_users_find(users, u->name, strlen(u->name)) == u);
		FUZZ_REQUIRE(conf_pool_find(c, u->pool));
	}
	conf_users_free(users);
	conf_errors_clear(&errors);
	conf_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf *c = parse(data, size);

	if (c)
		snapshot_check(c);
	conf_free(c);
	users_check(data, size);
	complete_check(data, size);
	return 0;
}
