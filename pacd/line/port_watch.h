/*
 * What ports watch for, whatever bears them: words of a modem among data, and
 * rings among the edges of a ring indicator.
 *
 * Values; no port, no loop, no clock.
 */
#ifndef PACD_LINE_PORT_WATCH_H
#define PACD_LINE_PORT_WATCH_H

#include "common/mono.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A modem that has lost its carrier says so and is silent: the words among data that go on are the user's. */
#define PORT_QUIET_MS 500
/*
 * Edges this long after a ring's first belong to it: an indicator may follow the 20 or 25 Hz of the ringing current,
 * or change once in a ring.  Shorter than the period of any country's ringing tone (3 s).
 */
#define PORT_RING_MS 2500

struct port_words {
	unsigned at;
};

/* What comes next begins a line. */
void port_words_init(struct port_words *w);
/*
 * Data of the port in the order that they came, split anyhow.  true: NO CARRIER, at the start of a line, is what came
 * last, but for ends of lines.
 */
bool port_words_scan(struct port_words *w, const uint8_t *data, size_t len);

struct port_rings {
	unsigned n;        /* so far */
	struct mono first; /* edge of the last one */
};

/* An edge of the ring indicator. true: n has grown. */
bool port_rings_edge(struct port_rings *r, struct mono now);

#endif
