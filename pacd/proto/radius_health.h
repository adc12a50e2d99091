/*
 * How a RADIUS server does, which one is asked next, and when a request is sent again (RFC 5080 section 2.2.1,
 * RFC 3539 section 3.4).
 *
 * Pure: time and randomness are parameters.  Times are microseconds unless the name says otherwise.
 */
#ifndef PACD_PROTO_RADIUS_HEALTH_H
#define PACD_PROTO_RADIUS_HEALTH_H

#include "common/mono.h"

#include <stddef.h>

#define RADIUS_IDS 256 /* requests that one socket can have outstanding (RFC 2865 section 3) */
#define RADIUS_HEALTH_SAMPLES 128
#define RADIUS_HEALTH_WAIT_MAX_MS 16000 /* MRT */
#define RADIUS_HEALTH_PROBE_MS 30000    /* Tw of RFC 3539 */
#define RADIUS_HEALTH_PROBE_SPREAD_MS 2000

enum radius_health_state { RADIUS_HEALTH_UP, RADIUS_HEALTH_SUSPECT, RADIUS_HEALTH_DEAD };

struct radius_health_rules {
	unsigned max_fail; /* requests in a row without any answer that make a server dead; 0: never */
	unsigned dead_s;
};

struct radius_health {
	enum radius_health_state state;
	unsigned failures;      /* in a row */
	bool trial;             /* the one request after the dead time is under way */
	struct mono answered;   /* the latest valid packet */
	struct mono dead_until; /* when the trial may go there */
	uint32_t samples[RADIUS_HEALTH_SAMPLES]; /* a ring of the latest answer times */
	unsigned nsamples, next_sample;
};

/* Any valid packet: up.  True when it was dead. */
bool radius_health_answered(struct radius_health *h, struct mono now);
/*
 * A request that was first sent at `since` got no answer; it does not count when the server has sent something valid
 * after that.  `trial`: what radius_health_try() said.  True when the server is dead from now on, and was not.
 */
bool radius_health_failed(struct radius_health *h, const struct radius_health_rules *rules, struct mono since,
			  bool trial, struct mono now);
/* Not dead, or its dead time is over and the trial has not begun; Status-Server may bring it back before that. */
bool radius_health_usable(const struct radius_health *h, struct mono now);
/* A request goes there: true when it is the trial, whose end is told by one of the two above or trial_over(). */
bool radius_health_try(struct radius_health *h, struct mono now);
/* The trial was cancelled: the next request is one. */
void radius_health_trial_over(struct radius_health *h);

/* --- whom to ask --- */

struct radius_health_choice {
	const struct radius_health *health;
	unsigned priority; /* lowest first */
	bool tried;        /* not again in this exchange */
	bool full;         /* an equal one with room comes first */
};

/*
 * The best priority that is usable, equal ones in turn (*turn is the caller's memory between calls); without a usable
 * one the dead ones by priority and then order (RAD-105).  n when all were tried.
 */
size_t radius_health_choose(const struct radius_health_choice *c, size_t n, size_t *turn, struct mono now);
/* How many that were not tried are usable. */
size_t radius_health_count(const struct radius_health_choice *c, size_t n, struct mono now);

/* --- when --- */

/* The wait behind packet n (0: the first): doubled each time, at most 16 s, then +-10 % by 32 random bits. */
int64_t radius_health_wait_us(int64_t timeout_ms, unsigned n, uint32_t random);
/* The longest that all waits of one server can take together. */
int64_t radius_health_span_us(int64_t timeout_ms, unsigned retries);
/*
 * The longest that one server may take of `left_us` when `others` usable ones would come after it: its share, but at
 * least its first wait; else a silent server with long waits would keep a good one from ever being asked.
 */
int64_t radius_health_share_us(int64_t left_us, size_t others, int64_t timeout_ms);
/* Until the next Status-Server: 30 s +-2 s. */
int64_t radius_health_probe_us(uint32_t random);

/* --- sockets --- */

/*
 * The most that `outstanding` requests to one server may take: as many again as their identifiers need, at most 128,
 * because those of what was cancelled rest and take room, too.  Main's client and the budget of descriptors go by it.
 */
unsigned radius_health_sockets(unsigned outstanding);

/* --- how long answers take --- */

void radius_health_sample(struct radius_health *h, int64_t us);
/* Of the latest samples, nearest rank; zeros when there are none. */
void radius_health_quantiles(const struct radius_health *h, int64_t *p50, int64_t *p90, int64_t *p99);

#endif
