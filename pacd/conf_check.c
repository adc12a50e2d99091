/*
 * What no setting of pacd.conf shows alone: overlaps, contradictions, and
 * combinations that are allowed but doubtful.
 *
 * Reads a snapshot whose bad values left holes (an empty range, a NULL name):
 * these were reported already and are stepped over.
 */
#include "pacd/conf_schema.h"

#include <stdlib.h>
#include <string.h>

const config_setting_t *conf_setting_at(const config_t *tree, const char *fmt, ...)
{
	char path[128];
	va_list args;

	va_start(args, fmt);
	vsnprintf(path, sizeof path, fmt, args);
	va_end(args);
	return config_lookup(tree, path);
}

/* --- listen --- */

static bool endpoint_covers(struct endpoint a, struct endpoint b)
{
	return a.port == b.port && a.port && (!a.addr || !b.addr || a.addr == b.addr);
}

static void check_listen(struct conf_ctx *ctx, const struct conf *c, const config_t *tree)
{
	char text[ENDPOINT_TEXT], other[ENDPOINT_TEXT];

	for (size_t i = 1; i < c->nlisten; i++) {
		size_t j = 0;

		while (j < i && !endpoint_covers(c->listen[j], c->listen[i]))
			j++;
		if (j < i)
			conf_fail(ctx, conf_setting_at(tree, "listen.[%zu]", i),
				  "%s is already covered by %s; take one of them out",
				  endpoint_text(c->listen[i], text),
				  endpoint_text(c->listen[j], other));
	}
}

/* --- authentication --- */

static void check_auth(struct conf_ctx *ctx, const struct conf *c, const config_t *tree)
{
	const config_setting_t *s = conf_setting_at(tree, "ppp.auth");
	const unsigned no_keys = CONF_AUTH_PAP | CONF_AUTH_CHAP;

	if (c->ppp.mppe == CONF_MPPE_REQUIRE && c->ppp.auth & no_keys)
		conf_fail(ctx, s, "\"pap\" and \"chap\" give no keys for encryption, and ppp.mppe is \"require\"; "
			  "take them out, or set ppp.mppe = \"allow\"");
	else if (c->ppp.auth & CONF_AUTH_PAP)
		conf_warn(ctx, s, "\"pap\" sends passwords in clear text");
	if (!c->aaa.users && c->aaa.method == CONF_METHOD_LOCAL)
		conf_warn(ctx, conf_setting_at(tree, "aaa"), "aaa.users names no file; nobody can log in");
	else if (!c->aaa.users && c->aaa.method == CONF_METHOD_RADIUS_LOCAL)
		conf_warn(ctx, conf_setting_at(tree, "aaa"),
			  "aaa.users names no file; nobody can log in when no RADIUS server answers");
}

/* --- pools --- */

/* One range of one pool, for a look at all of them in order. */
struct span {
	struct addr_range range;
	size_t pool, index;
};

struct spans {
	struct span *list;
	size_t n;
};

static int span_compare(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->range.first != y->range.first)
		return x->range.first < y->range.first ? -1 : 1;
	if (x->pool != y->pool)
		return x->pool < y->pool ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static int spans_new(struct spans *spans, const struct conf *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->npools; i++)
		n += c->pools[i].nranges;
	*spans = (struct spans){ .list = calloc(n ? n : 1, sizeof *spans->list) };
	if (!spans->list)
		return -1;
	for (size_t i = 0; i < c->npools; i++)
		for (size_t j = 0; j < c->pools[i].nranges; j++)
			if (c->pools[i].ranges[j].first <= c->pools[i].ranges[j].last)
				spans->list[spans->n++] = (struct span){ c->pools[i].ranges[j], i, j };
	qsort(spans->list, spans->n, sizeof *spans->list, span_compare);
	return 0;
}

/* Of two that overlap the later one in the file gets the blame. */
static void overlap_fail(struct conf_ctx *ctx, const config_t *tree, const struct span *a, const struct span *b)
{
	bool swap = a->pool > b->pool || (a->pool == b->pool && a->index > b->index);
	const struct span *late = swap ? a : b, *early = swap ? b : a;
	uint32_t first = a->range.first > b->range.first ? a->range.first : b->range.first;
	char text[ADDR_TEXT];

	conf_fail(ctx, conf_setting_at(tree, "pools.[%zu].ranges.[%zu]", late->pool, late->index),
		  "overlaps pools[%zu].ranges[%zu] at %s; an address may be in one range only", early->pool,
		  early->index, addr_text(first, text));
}

static void check_overlaps(struct conf_ctx *ctx, const config_t *tree, const struct spans *spans)
{
	const struct span *widest = spans->list; /* of all so far the one that ends last */

	for (size_t i = 1; i < spans->n; i++) {
		const struct span *s = &spans->list[i];

		if (range_overlap(widest->range, s->range))
			overlap_fail(ctx, tree, widest, s);
		if (s->range.last > widest->range.last)
			widest = s;
	}
}

/* The range that has the address, where none overlap. */
static const struct span *span_find(const struct spans *spans, uint32_t addr)
{
	size_t low = 0, high = spans->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (spans->list[mid].range.first <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low && range_has(spans->list[low - 1].range, addr) ? &spans->list[low - 1] : NULL;
}

static bool reserved(const struct conf_pool *pool, uint32_t addr)
{
	for (size_t i = 0; i < pool->nreserved; i++)
		if (range_has(pool->reserved[i], addr))
			return true;
	return false;
}

/* Our own address must not be given to a peer. */
static void check_local(struct conf_ctx *ctx, const struct conf *c, const struct spans *spans,
			const config_setting_t *s, uint32_t addr)
{
	const struct span *span = addr ? span_find(spans, addr) : NULL;
	char text[ADDR_TEXT];

	if (span && !reserved(&c->pools[span->pool], addr))
		conf_fail(ctx, s, "%s could be given to a user, it lies in pools[%zu].ranges[%zu]; add it to the "
			  "reserved addresses of that pool", addr_text(addr, text), span->pool, span->index);
}

static void check_locals(struct conf_ctx *ctx, const struct conf *c, const config_t *tree, const struct spans *spans)
{
	check_local(ctx, c, spans, conf_setting_at(tree, "ppp.local"), c->ppp.local);
	for (size_t i = 0; i < c->npools; i++) {
		const config_setting_t *local = conf_setting_at(tree, "pools.[%zu].local", i);

		if (local)
			check_local(ctx, c, spans, local, c->pools[i].local);
		else if (!c->pools[i].local && config_setting_is_group(conf_setting_at(tree, "pools.[%zu]", i)))
			conf_fail_in(ctx, conf_setting_at(tree, "pools.[%zu]", i), "local",
				     "is missing; give the address of our end of the links, here or as ppp.local");
	}
}

static bool same_name(const struct conf_pool *a, const struct conf_pool *b)
{
	return a->name && b->name && !strcmp(a->name, b->name);
}

static void check_pool_names(struct conf_ctx *ctx, const struct conf *c, const config_t *tree)
{
	for (size_t i = 1; i < c->npools; i++) {
		size_t j = 0;

		while (j < i && !same_name(&c->pools[i], &c->pools[j]))
			j++;
		if (j < i)
			conf_fail(ctx, conf_setting_at(tree, "pools.[%zu].name", i),
				  "pools[%zu] has the name \"%s\" already; give another one", j, c->pools[i].name);
	}
}

static void check_sizes(struct conf_ctx *ctx, const struct conf *c, const config_t *tree)
{
	for (size_t i = 0; i < c->npools; i++) {
		const struct conf_pool *p = &c->pools[i];
		uint64_t n = 0;

		for (size_t j = 0; j < p->nranges; j++)
			if (p->ranges[j].first <= p->ranges[j].last)
				n += p->ranges[j].last - p->ranges[j].first + 1;
		if (n > CONF_POOL_SIZE_MAX)
			conf_fail(ctx, conf_setting_at(tree, "pools.[%zu].ranges", i),
				  "have more than %u addresses together; make them smaller", CONF_POOL_SIZE_MAX);
	}
}

static void check_channels(struct conf_ctx *ctx, const struct conf *c, const config_t *tree, const struct spans *spans)
{
	const config_setting_t *s = conf_setting_at(tree, "max_channels");
	uint64_t n = 0;

	for (size_t i = 0; i < spans->n; i++)
		n += spans->list[i].range.last - spans->list[i].range.first + 1;
	/* The default is no promise of the administrator's, so there is nothing to warn of. */
	if (s && c->npools && c->max_channels > n)
		conf_warn(ctx, s, "is %u, but the pools have only %llu addresses", c->max_channels,
			  (unsigned long long)n);
}

static void check_pools(struct conf_ctx *ctx, const struct conf *c, const config_t *tree)
{
	size_t failed = ctx->failed;
	struct spans spans;

	if (!c->npools && !c->ppp.local && !conf_setting_at(tree, "pools") && !conf_setting_at(tree, "ppp.local"))
		conf_fail_in(ctx, config_root_setting(tree), "pools",
			     "is missing; give a pool, or ppp.local when every user has an address of their own");
	if (spans_new(&spans, c) < 0) {
		conf_fail_memory(ctx);
		return;
	}
	check_pool_names(ctx, c, tree);
	check_sizes(ctx, c, tree);
	check_overlaps(ctx, tree, &spans);
	if (ctx->failed == failed)
		check_locals(ctx, c, tree, &spans);
	check_channels(ctx, c, tree, &spans);
	free(spans.list);
}

void conf_check(struct conf_ctx *ctx, const struct conf *c, const config_t *tree)
{
	check_listen(ctx, c, tree);
	check_auth(ctx, c, tree);
	check_pools(ctx, c, tree);
	conf_check_radius(ctx, c, tree);
	conf_check_lines(ctx, c, tree);
}
