/*
 * Time as a type: a point on the monotonic clock in microseconds.
 *
 * Wall-clock seconds, libev's doubles and durations in milliseconds cannot be
 * assigned to it by accident.  Pure code never reads the clock: it is passed in.
 */
#ifndef PACD_COMMON_MONO_H
#define PACD_COMMON_MONO_H

#include <stdbool.h>
#include <stdint.h>

struct mono {
	int64_t us; /* microseconds; 0 is "never" where a deadline may be unset */
};

#define MONO_NEVER ((struct mono){ 0 })

/* Reads CLOCK_MONOTONIC. */
struct mono mono_now(void);

static inline struct mono mono_add_us(struct mono t, int64_t us)
{
	return (struct mono){ t.us + us };
}

static inline struct mono mono_add_ms(struct mono t, int64_t ms)
{
	return (struct mono){ t.us + ms * 1000 };
}

static inline struct mono mono_add_s(struct mono t, int64_t s)
{
	return (struct mono){ t.us + s * 1000000 };
}

/* Microseconds from `from` to `to`; negative when `to` lies before `from`. */
static inline int64_t mono_diff_us(struct mono to, struct mono from)
{
	return to.us - from.us;
}

static inline bool mono_is_set(struct mono t)
{
	return t.us != 0;
}

/* True when the deadline is set and `now` has reached it. */
static inline bool mono_reached(struct mono deadline, struct mono now)
{
	return deadline.us != 0 && now.us >= deadline.us;
}

/* The earlier of two deadlines, each of which may be MONO_NEVER. */
static inline struct mono mono_earlier(struct mono a, struct mono b)
{
	if (!mono_is_set(a))
		return b;
	if (!mono_is_set(b))
		return a;
	return a.us < b.us ? a : b;
}

#endif
