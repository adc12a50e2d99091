/*
 * Address pools.  A pool is a numbering of the addresses in its ranges, and a
 * set of the numbers that are taken or reserved; a lease is known by its
 * address alone and outlives the pool.
 *
 * Owns leases and what it remembers of users; it keeps nothing of the snapshot
 * that it was made from.
 */
#include "pacd/pool.h"

#include "common/list.h"
#include "pacd/pool_bits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct pool;

/* Addresses in a row, and the number of the first one in its pool. */
struct span {
	struct addr_range range;
	struct pool *pool;
	uint32_t base;
};

struct pool {
	char *name;
	struct span *spans; /* by address, so by base as well */
	size_t nspans;
	struct addr_range *reserved; /* by address; none overlap */
	size_t nreserved;
	struct pool_bits taken; /* leased, or reserved */
	uint32_t size, cursor;  /* the cursor goes round: the next search starts there */
	uint64_t used, nreserved_addrs, refused;
};

/* All that depends on the configuration. */
struct layout {
	struct pool *pools;
	size_t npools;
	struct span *spans; /* of all pools, by address */
	size_t nspans;
};

struct lease {
	struct hash_node node; /* in pools.leases, by address */
	struct list link;      /* in pools.all */
	uint32_t addr;
};

/* What address a user had last in a pool. */
struct memory {
	struct hash_node node; /* in pools.remembered; a user is known by the hash alone: a clash costs nothing */
	struct list link;      /* in pools.recent */
	uint32_t addr;
};

struct pools {
	struct layout layout;
	struct hash leases;
	struct list all;
	struct hash remembered;
	struct list recent; /* the one not seen for longest first */
};

/* --- ranges --- */

static int range_compare(const void *a, const void *b)
{
	const struct addr_range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

static int span_compare(const void *a, const void *b)
{
	return range_compare(&((const struct span *)a)->range, &((const struct span *)b)->range);
}

/* The span that has the address, or NULL. */
static const struct span *span_find(const struct span *spans, size_t n, uint32_t addr)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (spans[mid].range.first <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low && range_has(spans[low - 1].range, addr) ? &spans[low - 1] : NULL;
}

static uint32_t number_of(const struct span *s, uint32_t addr)
{
	return s->base + (addr - s->range.first);
}

static uint32_t address_of(const struct pool *p, uint32_t number)
{
	size_t low = 0, high = p->nspans;

	while (high - low > 1) {
		size_t mid = (low + high) / 2;

		if (p->spans[mid].base <= number)
			low = mid;
		else
			high = mid;
	}
	return p->spans[low].range.first + (number - p->spans[low].base);
}

static bool is_reserved(const struct pool *p, uint32_t addr)
{
	size_t low = 0, high = p->nreserved;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (p->reserved[mid].first <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low && range_has(p->reserved[low - 1], addr);
}

/* --- layout --- */

/* Sorted, and those that touch or overlap made one, so that a search needs to look at one only. */
static int reserved_init(struct pool *p, const struct conf_pool *c)
{
	size_t n = 0;

	p->reserved = calloc(c->nreserved ? c->nreserved : 1, sizeof *p->reserved);
	if (!p->reserved)
		return -ENOMEM;
	if (c->nreserved)
		memcpy(p->reserved, c->reserved, c->nreserved * sizeof *p->reserved);
	qsort(p->reserved, c->nreserved, sizeof *p->reserved, range_compare);
	for (size_t i = 0; i < c->nreserved; i++) {
		struct addr_range r = p->reserved[i], *last = n ? &p->reserved[n - 1] : NULL;

		if (!last || r.first > last->last)
			p->reserved[n++] = r;
		else if (r.last > last->last)
			last->last = r.last;
	}
	p->nreserved = n;
	return 0;
}

static int spans_init(struct pool *p, const struct conf_pool *c)
{
	p->spans = calloc(c->nranges ? c->nranges : 1, sizeof *p->spans);
	if (!p->spans)
		return -ENOMEM;
	p->nspans = c->nranges;
	for (size_t i = 0; i < p->nspans; i++)
		p->spans[i] = (struct span){ .range = c->ranges[i], .pool = p };
	qsort(p->spans, p->nspans, sizeof *p->spans, span_compare);
	for (size_t i = 0; i < p->nspans; i++) {
		p->spans[i].base = p->size;
		p->size += p->spans[i].range.last - p->spans[i].range.first + 1;
	}
	return 0;
}

static void reserve(struct pool *p, const struct span *s, struct addr_range r)
{
	uint32_t first = r.first > s->range.first ? r.first : s->range.first;
	uint32_t last = r.last < s->range.last ? r.last : s->range.last;

	for (uint32_t addr = first; addr <= last; addr++) { /* no host has 255.255.255.255: this ends */
		pool_bits_add(&p->taken, number_of(s, addr));
		p->nreserved_addrs++;
	}
}

static int pool_init(struct pool *p, const struct conf_pool *c)
{
	p->name = strdup(c->name);
	if (!p->name || reserved_init(p, c) < 0 || spans_init(p, c) < 0 || pool_bits_init(&p->taken, p->size) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < p->nspans; i++)
		for (size_t j = 0; j < p->nreserved; j++)
			if (range_overlap(p->spans[i].range, p->reserved[j]))
				reserve(p, &p->spans[i], p->reserved[j]);
	return 0;
}

static void layout_clear(struct layout *l)
{
	for (size_t i = 0; i < l->npools; i++) {
		free(l->pools[i].name);
		free(l->pools[i].spans);
		free(l->pools[i].reserved);
		pool_bits_clear(&l->pools[i].taken);
	}
	free(l->pools);
	free(l->spans);
	memset(l, 0, sizeof *l);
}

static int layout_init(struct layout *l, const struct conf *c)
{
	size_t n = 0;

	memset(l, 0, sizeof *l);
	for (size_t i = 0; i < c->npools; i++)
		n += c->pools[i].nranges;
	l->pools = calloc(c->npools ? c->npools : 1, sizeof *l->pools);
	l->spans = calloc(n ? n : 1, sizeof *l->spans);
	l->npools = l->pools ? c->npools : 0;
	if (!l->pools || !l->spans)
		return -ENOMEM;
	for (size_t i = 0; i < c->npools; i++) {
		struct pool *p = &l->pools[i];

		if (pool_init(p, &c->pools[i]) < 0)
			return -ENOMEM;
		memcpy(l->spans + l->nspans, p->spans, p->nspans * sizeof *p->spans);
		l->nspans += p->nspans;
	}
	qsort(l->spans, l->nspans, sizeof *l->spans, span_compare);
	return 0;
}

static struct pool *pool_find(const struct layout *l, const char *name)
{
	for (size_t i = 0; i < l->npools; i++)
		if (!name || !strcmp(l->pools[i].name, name))
			return &l->pools[i];
	return NULL;
}

static void address_taken(struct layout *l, uint32_t addr)
{
	const struct span *s = span_find(l->spans, l->nspans, addr);

	if (!s)
		return;
	pool_bits_add(&s->pool->taken, number_of(s, addr));
	s->pool->used++;
}

static void address_free(struct layout *l, uint32_t addr)
{
	const struct span *s = span_find(l->spans, l->nspans, addr);

	if (!s)
		return;
	s->pool->used--;
	if (!is_reserved(s->pool, addr))
		pool_bits_remove(&s->pool->taken, number_of(s, addr));
}

/* --- leases --- */

static struct lease *lease_find(const struct pools *p, uint32_t addr)
{
	struct hash_node *n = hash_first(&p->leases, hash_u64(addr));

	for (; n; n = hash_next(n))
		if (hash_entry(n, struct lease, node)->addr == addr)
			return hash_entry(n, struct lease, node);
	return NULL;
}

static int lease_new(struct pools *p, uint32_t addr)
{
	struct lease *lease = calloc(1, sizeof *lease);

	if (!lease)
		return -ENOMEM;
	lease->addr = addr;
	if (hash_insert(&p->leases, &lease->node, hash_u64(addr)) < 0) {
		free(lease);
		return -ENOMEM;
	}
	list_append(&p->all, &lease->link);
	address_taken(&p->layout, addr);
	return 0;
}

static void lease_free(struct pools *p, struct lease *lease)
{
	hash_remove(&p->leases, &lease->node);
	list_remove(&lease->link);
	free(lease);
}

/* --- what users had last --- */

static uint64_t memory_key(const struct pool *p, const void *user, size_t len)
{
	return hash_bytes(user, len) ^ hash_bytes(p->name, strlen(p->name));
}

static struct memory *memory_find(const struct pools *p, uint64_t key)
{
	struct hash_node *n = hash_first(&p->remembered, key);

	return n ? hash_entry(n, struct memory, node) : NULL;
}

/* A new one, or in place of the one that was not seen for longest; NULL without memory. */
static struct memory *memory_new(struct pools *p, uint64_t key)
{
	struct memory *m;

	if (p->remembered.count < POOLS_REMEMBERED) {
		m = calloc(1, sizeof *m);
		if (!m)
			return NULL;
		list_init(&m->link);
	} else {
		m = list_entry(p->recent.next, struct memory, link);
		hash_remove(&p->remembered, &m->node);
	}
	if (hash_insert(&p->remembered, &m->node, key) == 0)
		return m;
	list_remove(&m->link);
	free(m);
	return NULL;
}

/* Without memory the user is forgotten, nothing worse. */
static void remember(struct pools *p, uint64_t key, uint32_t addr)
{
	struct memory *m = memory_find(p, key);

	if (!m)
		m = memory_new(p, key);
	if (!m)
		return;
	m->addr = addr;
	list_remove(&m->link);
	list_append(&p->recent, &m->link);
}

/* --- public --- */

struct pools *pools_new(const struct conf *c)
{
	struct pools *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	hash_init(&p->leases);
	hash_init(&p->remembered);
	list_init(&p->all);
	list_init(&p->recent);
	if (layout_init(&p->layout, c) == 0)
		return p;
	pools_free(p);
	return NULL;
}

void pools_free(struct pools *p)
{
	if (!p)
		return;
	list_each(pos, &p->all)
		free(list_entry(pos, struct lease, link));
	list_each(pos, &p->recent)
		free(list_entry(pos, struct memory, link));
	hash_clear(&p->leases);
	hash_clear(&p->remembered);
	layout_clear(&p->layout);
	free(p);
}

/* The same pool goes on where it was: what was given back last is not given out first. */
static void pool_inherit(struct pool *p, const struct pool *old)
{
	uint32_t addr = old->size ? address_of(old, old->cursor % old->size) : 0;
	const struct span *s = span_find(p->spans, p->nspans, addr);

	p->refused = old->refused;
	p->cursor = s ? number_of(s, addr) : 0;
}

int pools_reload(struct pools *p, const struct conf *c)
{
	struct layout layout;

	if (layout_init(&layout, c) < 0) {
		layout_clear(&layout);
		return -ENOMEM;
	}
	for (size_t i = 0; i < layout.npools; i++) {
		const struct pool *old = pool_find(&p->layout, layout.pools[i].name);

		if (old)
			pool_inherit(&layout.pools[i], old);
	}
	list_each(pos, &p->all)
		address_taken(&layout, list_entry(pos, struct lease, link)->addr);
	layout_clear(&p->layout);
	p->layout = layout;
	return 0;
}

/* The number of the remembered address where it is free, else of the next one in turn, else the pool's size. */
static uint32_t choose(const struct pool *pool, const struct memory *m)
{
	const struct span *s = m ? span_find(pool->spans, pool->nspans, m->addr) : NULL;
	uint32_t number;

	if (s && !pool_bits_has(&pool->taken, number_of(s, m->addr)))
		return number_of(s, m->addr);
	number = pool_bits_next_free(&pool->taken, pool->cursor);
	return number < pool->size ? number : pool_bits_next_free(&pool->taken, 0);
}

int pools_take(struct pools *p, const char *name, const void *user, size_t user_len, uint32_t *addr)
{
	struct pool *pool = pool_find(&p->layout, name);
	uint32_t number;
	uint64_t key;

	if (!pool)
		return -ENOENT;
	key = memory_key(pool, user, user_len);
	number = choose(pool, memory_find(p, key));
	if (number >= pool->size) {
		pool->refused++;
		return -ENOSPC;
	}
	*addr = address_of(pool, number);
	if (lease_new(p, *addr) < 0)
		return -ENOMEM;
	pool->cursor = number + 1;
	remember(p, key, *addr);
	return 0;
}

int pools_take_fixed(struct pools *p, uint32_t addr)
{
	return lease_find(p, addr) ? -EADDRINUSE : lease_new(p, addr);
}

void pools_put(struct pools *p, uint32_t addr)
{
	struct lease *lease = lease_find(p, addr);

	if (!lease)
		return;
	address_free(&p->layout, addr);
	lease_free(p, lease);
}

bool pools_view(const struct pools *p, size_t i, struct pool_view *view)
{
	const struct pool *pool = i < p->layout.npools ? &p->layout.pools[i] : NULL;

	if (!pool)
		return false;
	*view = (struct pool_view){ .name = pool->name, .size = pool->size, .used = pool->used,
				    .reserved = pool->nreserved_addrs, .refused = pool->refused };
	return true;
}
