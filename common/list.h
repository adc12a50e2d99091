/*
 * Intrusive doubly linked lists.  The list owns nothing.
 */
#ifndef PACD_COMMON_LIST_H
#define PACD_COMMON_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev; /* a node that is in no list points to itself */
};

#define list_entry(node, type, member) ((type *)(void *)((char *)(node) - offsetof(type, member)))

/* Walks the list; `pos` (a struct list *) may be removed in the body. */
#define list_each(pos, head) \
	for (struct list *pos = (head)->next, *pos##_next = pos->next; pos != (head); \
	     pos = pos##_next, pos##_next = pos->next)

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_append(struct list *head, struct list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

/* Also legal for a node that is in no list. */
static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

#endif
