/*
 * The users file: one snapshot of who may log in, found by name in constant time.
 *
 * Owns the secrets in it and wipes them.  Every step is linear in the number of
 * users: 100,000 of them are a file like any other.
 */
#include "pacd/conf_schema.h"

#include <stdlib.h>
#include <string.h>

#define COUNT_MAX 1000000
#define USERS_MAX 10000000
#define SECRET_OCTETS 255 /* of a PAP password on the wire */
#define POOL_NAME_OCTETS 63

static const char *const limit_words[] = { "refuse", "replace", NULL };

#define KEY(name, kind, member, ...) CONF_KEY(name, kind, struct conf_user, member, ##__VA_ARGS__)

static const struct conf_key user_keys[] = {
	KEY("name", login, name, .max = CONF_NAME_MAX, .required = true),
	KEY("secret", secret, secret, .max = SECRET_OCTETS),
	KEY("nt_hash", hash, nt_hash, .max = 64, .count = offsetof(struct conf_user, has_nt_hash)),
	KEY("address", addr, address),
	KEY("pool", name, pool, .max = POOL_NAME_OCTETS),
	KEY("sessions", uint, sessions, .max = COUNT_MAX),
	KEY("on_limit", word, on_limit, .arg = limit_words),
	KEY("session_timeout", uint, session_timeout, .max = INT32_MAX - 1),
	KEY("idle_timeout", uint, idle_timeout, .max = INT32_MAX - 1),
	{ 0 },
};

static const struct conf_elements user_elements = { user_keys, sizeof(struct conf_user), NULL };

static const struct conf_key root_keys[] = {
	CONF_KEY("users", groups, struct conf_users, list, .count = offsetof(struct conf_users, n),
		 .arg = &user_elements, .max = USERS_MAX, .required = true),
	{ 0 },
};

/* What the checks of one file work on. */
struct check {
	struct conf_ctx *ctx;
	struct conf_users *users;
	const struct conf *conf;
	const config_setting_t *list;
	struct hash by_address;
	struct hash_node *nodes; /* in by_address: one for each user */
};

static const config_setting_t *user_setting(const struct check *k, const struct conf_user *u)
{
	return config_setting_get_elem(k->list, (unsigned)(u - k->users->list));
}

/* The line of the setting, or of its group where it is not given. */
static const config_setting_t *member(const struct check *k, const struct conf_user *u, const char *name)
{
	const config_setting_t *group = user_setting(k, u), *s = config_setting_get_member(group, name);

	return s ? s : group;
}

static void check_secret(const struct check *k, const struct conf_user *u)
{
	const config_setting_t *group = user_setting(k, u);
	bool secret = config_setting_get_member(group, "secret"), hash = config_setting_get_member(group, "nt_hash");

	if (!secret && !hash)
		conf_fail_in(k->ctx, group, "secret", "is missing; give secret or nt_hash");
	else if (secret && hash)
		conf_fail(k->ctx, member(k, u, "nt_hash"), "stands beside a secret; give one of the two");
}

static void check_pool(const struct check *k, const struct conf_user *u)
{
	char quoted[CONF_QUOTE];

	if (u->pool && !conf_pool_find(k->conf, u->pool))
		conf_fail(k->ctx, member(k, u, "pool"),
			  "there is no pool %s; add it to pools in %s or name another one",
			  conf_quote(quoted, u->pool), k->conf->file);
	else if (!u->pool && !u->address && !k->conf->npools)
		conf_fail_in(k->ctx, user_setting(k, u), "address", "is missing, and there are no pools in %s; "
			     "give an address or a pool", k->conf->file);
}

static bool is_local(const struct conf *c, uint32_t addr)
{
	for (size_t i = 0; i < c->npools; i++)
		if (c->pools[i].local == addr)
			return true;
	return c->ppp.local == addr;
}

/* A pool may give that address to somebody else meanwhile. */
static bool is_given(const struct conf *c, uint32_t addr)
{
	for (size_t i = 0; i < c->npools; i++) {
		const struct conf_pool *p = &c->pools[i];
		bool in = false;

		for (size_t j = 0; j < p->nranges; j++)
			in |= range_has(p->ranges[j], addr);
		for (size_t j = 0; j < p->nreserved; j++)
			in &= !range_has(p->reserved[j], addr);
		if (in)
			return true;
	}
	return false;
}

static struct conf_user *address_owner(const struct check *k, uint32_t addr)
{
	struct hash_node *n = hash_first(&k->by_address, hash_u64(addr));

	for (; n; n = hash_next(n))
		if (k->users->list[n - k->nodes].address == addr)
			return &k->users->list[n - k->nodes];
	return NULL;
}

static void check_address(struct check *k, struct conf_user *u)
{
	const struct conf_user *other;
	char text[ADDR_TEXT];

	if (!u->address)
		return;
	other = address_owner(k, u->address);
	if (is_local(k->conf, u->address))
		conf_fail(k->ctx, member(k, u, "address"), "%s is our own end of the links; give another one",
			  addr_text(u->address, text));
	else if (other)
		conf_fail(k->ctx, member(k, u, "address"),
			  "%s is the address of the user in line %u already; give another one",
			  addr_text(u->address, text), config_setting_source_line(user_setting(k, other)));
	else if (hash_insert(&k->by_address, &k->nodes[u - k->users->list], hash_u64(u->address)) < 0)
		conf_fail_memory(k->ctx);
	else if (is_given(k->conf, u->address))
		conf_warn(k->ctx, member(k, u, "address"), "%s may have been given to another user when this one "
			  "comes; add it to the reserved addresses of its pool", addr_text(u->address, text));
}

static void check_name(struct check *k, struct conf_user *u)
{
	const struct conf_user *other = conf_users_find(k->users, u->name, strlen(u->name));
	char quoted[CONF_QUOTE];

	if (other)
		conf_fail(k->ctx, member(k, u, "name"), "there is a user %s in line %u already; take one of them out",
			  conf_quote(quoted, u->name), config_setting_source_line(user_setting(k, other)));
	else if (hash_insert(&k->users->by_name, &u->node, hash_bytes(u->name, strlen(u->name))) < 0)
		conf_fail_memory(k->ctx);
}

static void check_users(struct conf_ctx *ctx, struct conf_users *users, const struct conf *c, const config_t *tree)
{
	struct check k = { .ctx = ctx, .users = users, .conf = c, .list = config_lookup(tree, "users") };

	k.nodes = calloc(users->n ? users->n : 1, sizeof *k.nodes);
	if (!k.nodes) {
		conf_fail_memory(ctx);
		return;
	}
	hash_init(&k.by_address);
	for (size_t i = 0; i < users->n; i++) {
		struct conf_user *u = &users->list[i];

		if (!config_setting_is_group(user_setting(&k, u)))
			continue;
		if (u->name)
			check_name(&k, u);
		check_secret(&k, u);
		check_pool(&k, u);
		check_address(&k, u);
	}
	hash_clear(&k.by_address);
	free(k.nodes);
}

struct conf_users *conf_users_parse(const char *file, const char *text, size_t len, const struct conf *c,
				    struct conf_errors *errors)
{
	struct conf_ctx ctx = { .file = file, .manual = "pacd-users(5)", .root = root_keys, .errors = errors };
	struct conf_users *users = calloc(1, sizeof *users);
	config_t tree;

	if (!users) {
		conf_fail_memory(&ctx);
		return NULL;
	}
	hash_init(&users->by_name);
	conf_errors_init(&users->warnings);
	ctx.warnings = &users->warnings;
	if (conf_text_read(&ctx, &tree, text, len) == 0) {
		conf_walk(&ctx, root_keys, config_root_setting(&tree), users);
		check_users(&ctx, users, c, &tree);
	}
	conf_text_clear(&tree);
	if (!ctx.failed)
		return users;
	conf_users_free(users);
	return NULL;
}

void conf_users_free(struct conf_users *u)
{
	if (!u)
		return;
	conf_walk_clear(root_keys, u);
	hash_clear(&u->by_name);
	conf_errors_clear(&u->warnings);
	free(u);
}

const struct conf_user *conf_users_find(const struct conf_users *u, const void *name, size_t len)
{
	struct hash_node *n = hash_first(&u->by_name, hash_bytes(name, len));

	for (; n; n = hash_next(n)) {
		const struct conf_user *user = hash_entry(n, struct conf_user, node);

		if (strlen(user->name) == len && !memcmp(user->name, name, len))
			return user;
	}
	return NULL;
}
