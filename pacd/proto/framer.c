/*
 * From a TCP byte stream to whole control messages (RFC 2637 sections 1.4 and 3).
 *
 * Owns one buffer of one message's size.  Must not know sockets, states or time:
 * a message may take for ever to arrive, others put a bound on that.
 */
#include "pacd/proto/framer.h"

#include <stdbool.h>
#include <string.h>

#define LENGTH_SIZE 2 /* octets of the Length: with them the whole message's end is known */

void framer_init(struct framer *f)
{
	memset(f, 0, sizeof *f);
}

static void take(struct framer *f, size_t want, const uint8_t **data, size_t *len)
{
	size_t n = want - f->have < *len ? want - f->have : *len;

	memcpy(f->data + f->have, *data, n);
	f->have += n;
	*data += n;
	*len -= n;
}

static bool is_skippable(enum msg_fault fault)
{
	return fault == MSG_NOT_CONTROL || fault == MSG_UNKNOWN_TYPE;
}

static enum framer_result skip(struct framer *f, enum msg_fault fault, struct msg *m)
{
	memset(m, 0, sizeof *m);
	if (fault == MSG_UNKNOWN_TYPE)
		m->type = (uint16_t)(f->data[8] << 8 | f->data[9]);
	f->have = 0;
	return FRAMER_SKIPPED;
}

static enum framer_result deliver(struct framer *f, struct msg *m)
{
	f->fault = msg_decode(m, f->data, f->have);
	f->have = 0;
	return f->fault ? FRAMER_FAULT : FRAMER_MESSAGE;
}

enum framer_result framer_next(struct framer *f, const uint8_t **data, size_t *len, struct msg *m)
{
	while (!f->fault) {
		size_t need;
		enum msg_fault fault = msg_check(f->data, f->have, &need);

		if (fault && !is_skippable(fault)) {
			f->fault = fault;
			break;
		}
		if (need && f->have == need)
			return fault ? skip(f, fault, m) : deliver(f, m);
		if (!*len)
			return FRAMER_MORE;
		take(f, need ? need : LENGTH_SIZE, data, len);
	}
	return FRAMER_FAULT;
}
