/*
 * The clock of a slow line (RFC 2637 section 4.2: what waits is bounded by the
 * window, so it must wait here and not in a driver or a modem).
 *
 * Owns one time.  Must not know descriptors, frames or timers.
 */
#include "pacd/net/raw_pace.h"

void raw_pace_init(struct raw_pace *p, uint32_t bps, unsigned bits)
{
	*p = (struct raw_pace){ .bps = bps, .bits = bits };
	p->ahead_us = raw_pace_us(p, RAW_PACE_AHEAD_OCTETS);
	if (p->ahead_us > RAW_PACE_AHEAD_US)
		p->ahead_us = RAW_PACE_AHEAD_US;
	p->idle_us = p->ahead_us / 2 < RAW_PACE_IDLE_US ? p->ahead_us / 2 : RAW_PACE_IDLE_US;
}

int64_t raw_pace_us(const struct raw_pace *p, size_t octets)
{
	return p->bps ? (int64_t)((uint64_t)octets * p->bits * 1000000 / p->bps) : 0;
}

struct mono raw_pace_when(const struct raw_pace *p, size_t octets)
{
	int64_t us = raw_pace_us(p, octets), before = p->idle_us;

	if (!p->bps || !mono_is_set(p->drained))
		return MONO_NEVER;
	if (p->ahead_us - us > before)
		before = p->ahead_us - us;
	return mono_add_us(p->drained, -before);
}

bool raw_pace_open(const struct raw_pace *p, size_t octets, struct mono now)
{
	struct mono when = raw_pace_when(p, octets);

	return !mono_is_set(when) || mono_reached(when, now);
}

void raw_pace_wrote(struct raw_pace *p, size_t octets, struct mono now)
{
	if (!p->bps)
		return;
	if (p->drained.us < now.us)
		p->drained = now;
	p->drained = mono_add_us(p->drained, raw_pace_us(p, octets));
}
