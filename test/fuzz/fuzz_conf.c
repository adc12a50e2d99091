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

static void endpoint_check(struct endpoint ep, enum conf_line_type type)
{
	FUZZ_REQUIRE(!ep.port || type == CONF_LINE_TCP);
}

/* Each line by its index, with a name, a place, and a chat that is there. */
static void lines_check(const struct conf *c)
{
	struct conf_line line;
	unsigned n = conf_lines_count(c);

	FUZZ_REQUIRE(n <= CONF_LINES_MAX && conf_line_get(c, n, &line) < 0);
	for (unsigned i = 0; i < n; i += 1 + i / 16) {
		struct conf_modem modem;

		FUZZ_REQUIRE(conf_line_get(c, i, &line) == 0);
		FUZZ_REQUIRE(line.name && strlen(line.name) <= CONF_LINE_NAME && !strchr(line.name, '%') && line.group);
		FUZZ_REQUIRE(!line.device == (line.type != CONF_LINE_TTY));
		FUZZ_REQUIRE(line.type != CONF_LINE_TCP || line.address.port || line.listen.port);
		endpoint_check(line.address, line.type);
		endpoint_check(line.listen, line.type);
		FUZZ_REQUIRE(conf_line_same(c, &line, c, &line));
		FUZZ_REQUIRE(conf_modem_get(c, &line, &modem) == 0 && modem.modem.init.n && modem.modem.dial.n);
		for (unsigned j = 0; j < modem.modem.init.n; j++)
			FUZZ_REQUIRE(!chat_send_complaint(modem.modem.init.steps[j].send));
		conf_modem_clear(&modem);
		conf_line_clear(&line);
	}
	for (size_t i = 0; i < c->real.ndialplan; i++) {
		const struct conf_dialplan *d = &c->real.dialplan[i];
		char number[CHAT_NUMBER + 1];

		FUZZ_REQUIRE(d->match && !d->group == d->ppp);
		FUZZ_REQUIRE(conf_dialplan_number(d, "12345", number) < 0 || chat_number_ok(number));
	}
	for (size_t i = 0; i < c->real.nroutes; i++)
		FUZZ_REQUIRE(c->real.routes[i].npns && conf_pns_known(c, c->real.routes[i].pns[0].addr));
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
	lines_check(c);
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
