/*
 * Octets that wait for a port, in room of fixed size: all or none.
 */
#ifndef PACD_LINE_PORT_QUEUE_H
#define PACD_LINE_PORT_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct port_queue {
	uint8_t *data; /* room for max, borrowed */
	size_t len, max;
};

static inline bool port_queue_append(struct port_queue *q, const void *data, size_t len)
{
	if (len > q->max - q->len)
		return false;
	if (len)
		memcpy(q->data + q->len, data, len);
	q->len += len;
	return true;
}

/* The first `len` are done with. */
static inline void port_queue_consume(struct port_queue *q, size_t len)
{
	q->len -= len;
	if (len)
		memmove(q->data, q->data + len, q->len);
}

#endif
