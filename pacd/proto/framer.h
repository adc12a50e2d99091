/*
 * From a TCP byte stream to whole control messages (RFC 2637 section 1.4, CC-18).
 *
 * Holds at most one incomplete message; takes any split of the stream.  After a
 * fault it stays faulty: there is no resynchronisation.
 */
#ifndef PACD_PROTO_FRAMER_H
#define PACD_PROTO_FRAMER_H

#include "pacd/proto/msg.h"

struct framer {
	uint8_t data[MSG_MAX];
	size_t have;          /* octets of the message in hand */
	enum msg_fault fault; /* sticky */
};

enum framer_result {
	FRAMER_MORE,    /* all input consumed, no whole message yet */
	FRAMER_MESSAGE, /* *m is a message */
	/*
	 * A well framed message that is not one of the 15 was passed over (MSG-03, MSG-04).
	 * m->type is its unknown Control Message Type, or 0 when its PPTP Message Type is not 1.
	 */
	FRAMER_SKIPPED,
	FRAMER_FAULT,   /* f->fault says why: close the connection */
};

void framer_init(struct framer *f);
/*
 * Consumes octets up to the end of one message and advances *data and *len past them;
 * call it again until FRAMER_MORE or FRAMER_FAULT.  A fault is told with the first
 * octets that show it (2: the length's range, 8: the cookie, 10: the type's own length)
 * and consumes nothing from then on.  *m is written only for a message or a skipped one.
 */
enum framer_result framer_next(struct framer *f, const uint8_t **data, size_t *len, struct msg *m);

#endif
