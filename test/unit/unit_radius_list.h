/*
 * Comparing an attribute list that was written with the list that it should be.
 */
#ifndef PACD_TEST_UNIT_RADIUS_LIST_H
#define PACD_TEST_UNIT_RADIUS_LIST_H

#include "pacd/proto/radius.h"
#include "test/unit/unit.h"

struct list {
	uint8_t data[4096];
	struct wbuf w;
	struct radius_attribute a[600]; /* list_end() fills them in */
	size_t n;
};

/* One attribute that is expected: a value from a string literal, without its NUL, or of n octets. */
struct list_item {
	uint8_t type;
	const void *value;
	size_t len;
};

#define V(type, text) { type, text, sizeof(text) - 1 }
#define VN(type, value, n) { type, value, n }

static inline void list_begin(struct list *l)
{
	memset(l, 0xA5, sizeof *l);
	wbuf_init(&l->w, l->data, sizeof l->data);
	l->n = 0;
}

static inline void list_end(struct list *l)
{
	struct rbuf r;

	ck_assert(!l->w.fault);
	rbuf_init(&r, l->data, wbuf_len(&l->w));
	l->n = 0;
	while (radius_next(&r, &l->a[l->n]))
		l->n++;
	ck_assert(!r.fault);
}

/* The i-th of a type, from 0; NULL: there are no more. */
static inline const struct radius_attribute *list_find(const struct list *l, uint8_t type, size_t i)
{
	for (size_t k = 0; k < l->n; k++)
		if (l->a[k].type == type && i-- == 0)
			return &l->a[k];
	return NULL;
}

static inline void list_is(struct list *l, const struct list_item *items, size_t n)
{
	list_end(l);
	for (size_t i = 0; i < n && i < l->n; i++) {
		ck_assert_msg(l->a[i].type == items[i].type, "attribute %zu: type %u, not %u", i, l->a[i].type,
			      items[i].type);
		ck_assert_msg(l->a[i].len == items[i].len && !memcmp(l->a[i].value, items[i].value, items[i].len),
			      "attribute %zu, type %u: another value", i, items[i].type);
	}
	ck_assert_uint_eq(l->n, n);
}

#define LIST_IS(l, ...)                                                                   \
	do {                                                                              \
		const struct list_item items[] = { __VA_ARGS__ };                          \
		list_is(l, items, sizeof items / sizeof items[0]);                         \
	} while (0)

#endif
