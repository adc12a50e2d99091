/*
 * The clock of a slow line: when it will have drained what was written to it, so
 * that little is written ahead and the rest waits where it is known.
 *
 * Pure: time is passed in.
 */
#ifndef PACD_NET_RAW_PACE_H
#define PACD_NET_RAW_PACE_H

#include "common/mono.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What may be ahead of the line: the lesser of these, and always one frame.  A frame that is longer than that is
 * written when the line is about to fall idle: a timer may be late by some milliseconds.
 */
#define RAW_PACE_AHEAD_US 100000
#define RAW_PACE_AHEAD_OCTETS 3000
#define RAW_PACE_IDLE_US 10000

struct raw_pace {
	uint32_t bps;  /* 0: no pace, everything may be written at any time */
	unsigned bits; /* that an octet takes on the line */
	int64_t ahead_us, idle_us;
	struct mono drained;
};

void raw_pace_init(struct raw_pace *p, uint32_t bps, unsigned bits);
/* How long the line needs for them. */
int64_t raw_pace_us(const struct raw_pace *p, size_t octets);
/* From when on these octets may be written; MONO_NEVER: at any time. */
struct mono raw_pace_when(const struct raw_pace *p, size_t octets);
/* They may be written now. */
bool raw_pace_open(const struct raw_pace *p, size_t octets, struct mono now);
/* They were written. */
void raw_pace_wrote(struct raw_pace *p, size_t octets, struct mono now);

#endif
