/*
 * Data mode of a port whose octets cannot be given away as they are: what comes
 * from the port passes through a filter in main on its way to the data path, and
 * back.  One socket pair, a read and a write for a chunk in each direction; when
 * one side does not take what the other has, that one is not read (no growth).
 */
#ifndef PACD_LINE_RELAY_H
#define PACD_LINE_RELAY_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RELAY_INJECT 2048 /* octets for the port from elsewhere that may wait */

struct relay; /* opaque */

struct relay_handlers {
	/*
	 * Octets of the port become octets for the data path in `out`, which has room for `len`; how many.  May end the
	 * relay's owner only later, by an event of its own.
	 */
	size_t (*from_port)(void *ctx, uint8_t *out, const uint8_t *data, size_t len);
	/* The other way; `out` has room for 2 * len. */
	size_t (*to_port)(void *ctx, uint8_t *out, const uint8_t *data, size_t len);
	/* The port is dead (0: end of file, else an errno).  Nothing moves any more; the relay may be freed here. */
	void (*port_lost)(void *ctx, int error);
};

/* `port` is borrowed.  *fd: the data path's end. NULL: errno says why. */
struct relay *relay_new(struct ev_loop *loop, int port, const struct relay_handlers *h, void *ctx, int *fd);
/* Octets for the data path from elsewhere, first of all: as much as there is room for. */
void relay_push(struct relay *r, const uint8_t *data, size_t len);
/* Octets for the port from elsewhere (an answer of the filter's), behind what waits. false: no room. */
bool relay_inject(struct relay *r, const uint8_t *data, size_t len);
/* While it is on, nothing more is taken from the data path; what was taken, and what is injected, goes out. */
void relay_hold(struct relay *r, bool on);
/* What the port has not taken, before the relay is freed. Borrowed. */
struct relay_unsent {
	const uint8_t *sent;     /* of the last to_port(): what the port has taken, to know where it stopped */
	size_t sent_len;
	size_t lost;             /* octets of it that were not taken */
	const uint8_t *injected; /* what was not taken of all that was injected */
	size_t injected_len;     /* at most RELAY_INJECT */
};
void relay_unsent(const struct relay *r, struct relay_unsent *u);
/* Closes its own end: the data path sees an end of file. */
void relay_free(struct relay *r);

#endif
