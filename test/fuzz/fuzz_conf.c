/*
 * Any octets as pacd.conf and as the users file.  A file is refused with at least one error, or yields a snapshot that
 * prints to a text which yields the same.
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

static void snapshot_check(const struct conf *c)
{
	char *text = conf_print(c), *second;
	struct conf *again;

	FUZZ_REQUIRE(text);
	again = parse(text, strlen(text));
	FUZZ_REQUIRE(again);
	second = conf_print(again);
	FUZZ_REQUIRE(second && !strcmp(text, second));
	FUZZ_REQUIRE(c->nlisten && c->max_channels >= 1 && c->max_channels <= 65535 && c->ppp.auth);
	for (size_t i = 0; i < c->npools; i++) {
		FUZZ_REQUIRE(c->pools[i].local && conf_pool_find(c, c->pools[i].name) == &c->pools[i]);
		for (size_t j = 0; j < c->pools[i].nranges; j++)
			FUZZ_REQUIRE(c->pools[i].ranges[j].first <= c->pools[i].ranges[j].last);
	}
	free(text);
	free(second);
	conf_free(again);
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
	return 0;
}
