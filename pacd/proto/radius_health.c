/*
 * The state of a RADIUS server, the choice among several, and the times of retransmission and probes: RFC 5080
 * section 2.2.1 with the bounds of RFC 3539's watchdog (RAD-100, RAD-104 to RAD-106).
 *
 * Owns nothing.  Must not know sockets, packets or the configuration.
 */
#include "pacd/proto/radius_health.h"

#include <string.h>

#define RESTING_MAX 128 /* sockets whose identifiers all rest: a thousand cancelled requests a second, and more */

/* --- up, suspect, dead --- */

bool radius_health_answered(struct radius_health *h, struct mono now)
{
	bool was_dead = h->state == RADIUS_HEALTH_DEAD;

	h->state = RADIUS_HEALTH_UP;
	h->failures = 0;
	h->trial = false;
	h->answered = now;
	h->dead_until = MONO_NEVER;
	return was_dead;
}

/* Requests that go to a dead server because all are dead don't make its dead time longer, else no trial would come. */
static void failed_dead(struct radius_health *h, const struct radius_health_rules *rules, bool trial, struct mono now)
{
	if (trial)
		h->trial = false;
	if (trial || mono_reached(h->dead_until, now))
		h->dead_until = mono_add_s(now, rules->dead_s);
}

bool radius_health_failed(struct radius_health *h, const struct radius_health_rules *rules, struct mono since,
			  bool trial, struct mono now)
{
	if (h->state == RADIUS_HEALTH_DEAD) {
		h->failures++;
		failed_dead(h, rules, trial, now);
		return false;
	}
	if (h->answered.us > since.us)
		return false;
	h->failures++;
	h->state = RADIUS_HEALTH_SUSPECT;
	if (!rules->max_fail || h->failures < rules->max_fail)
		return false;
	h->state = RADIUS_HEALTH_DEAD;
	h->trial = false;
	h->dead_until = mono_add_s(now, rules->dead_s);
	return true;
}

static bool trial_due(const struct radius_health *h, struct mono now)
{
	return h->state == RADIUS_HEALTH_DEAD && !h->trial && mono_reached(h->dead_until, now);
}

bool radius_health_usable(const struct radius_health *h, struct mono now)
{
	return h->state != RADIUS_HEALTH_DEAD || trial_due(h, now);
}

bool radius_health_try(struct radius_health *h, struct mono now)
{
	if (!trial_due(h, now))
		return false;
	h->trial = true;
	return true;
}

void radius_health_trial_over(struct radius_health *h)
{
	h->trial = false;
}

/* --- whom to ask --- */

static bool usable(const struct radius_health_choice *c, struct mono now)
{
	return !c->tried && radius_health_usable(c->health, now);
}

/* Is `a` to be taken where `b` is the best so far? Between equals the first one seen stays. */
static bool better(const struct radius_health_choice *a, const struct radius_health_choice *b)
{
	if (a->priority != b->priority)
		return a->priority < b->priority;
	return b->full && !a->full;
}

static size_t choose_dead(const struct radius_health_choice *c, size_t n)
{
	size_t best = n;

	for (size_t i = 0; i < n; i++)
		if (!c[i].tried && (best == n || better(&c[i], &c[best])))
			best = i;
	return best;
}

size_t radius_health_choose(const struct radius_health_choice *c, size_t n, size_t *turn, struct mono now)
{
	size_t best = n;

	for (size_t k = 0; k < n; k++) {
		size_t i = (*turn + k) % n;

		if (usable(&c[i], now) && (best == n || better(&c[i], &c[best])))
			best = i;
	}
	if (best == n)
		return choose_dead(c, n);
	*turn = best + 1;
	return best;
}

size_t radius_health_count(const struct radius_health_choice *c, size_t n, struct mono now)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += usable(&c[i], now);
	return count;
}

/* --- when --- */

static int64_t base_ms(int64_t timeout_ms, unsigned n)
{
	while (n-- && timeout_ms < RADIUS_HEALTH_WAIT_MAX_MS)
		timeout_ms *= 2;
	return timeout_ms < RADIUS_HEALTH_WAIT_MAX_MS ? timeout_ms : RADIUS_HEALTH_WAIT_MAX_MS;
}

/* From base - spread to base + spread. */
static int64_t spread_us(int64_t base_us, int64_t spread, uint32_t random)
{
	return base_us - spread + (int64_t)((uint64_t)(2 * spread) * random >> 32);
}

int64_t radius_health_wait_us(int64_t timeout_ms, unsigned n, uint32_t random)
{
	int64_t us = base_ms(timeout_ms, n) * 1000;

	return spread_us(us, us / 10, random);
}

int64_t radius_health_span_us(int64_t timeout_ms, unsigned retries)
{
	int64_t ms = 0;

	for (unsigned n = 0; n <= retries; n++)
		ms += base_ms(timeout_ms, n);
	return ms * 1100;
}

int64_t radius_health_share_us(int64_t left_us, size_t others, int64_t timeout_ms)
{
	int64_t share = left_us / (int64_t)(others + 1), first = radius_health_span_us(timeout_ms, 0);

	if (share < first)
		share = first;
	return share < left_us ? share : left_us;
}

int64_t radius_health_probe_us(uint32_t random)
{
	return spread_us(RADIUS_HEALTH_PROBE_MS * 1000LL, RADIUS_HEALTH_PROBE_SPREAD_MS * 1000LL, random);
}

/* --- sockets --- */

unsigned radius_health_sockets(unsigned outstanding)
{
	unsigned needed = outstanding ? (outstanding - 1) / RADIUS_IDS + 1 : 1;

	return needed + (needed < RESTING_MAX ? needed : RESTING_MAX);
}

/* --- how long answers take --- */

void radius_health_sample(struct radius_health *h, int64_t us)
{
	h->samples[h->next_sample] = us < 1 ? 1 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
	h->next_sample = (h->next_sample + 1) % RADIUS_HEALTH_SAMPLES;
	if (h->nsamples < RADIUS_HEALTH_SAMPLES)
		h->nsamples++;
}

static void sort(uint32_t *v, unsigned n)
{
	for (unsigned i = 1; i < n; i++) {
		uint32_t x = v[i];
		unsigned k = i;

		for (; k && v[k - 1] > x; k--)
			v[k] = v[k - 1];
		v[k] = x;
	}
}

static int64_t rank(const uint32_t *sorted, unsigned n, unsigned percent)
{
	return n ? sorted[(n * percent + 99) / 100 - 1] : 0;
}

void radius_health_quantiles(const struct radius_health *h, int64_t *p50, int64_t *p90, int64_t *p99)
{
	uint32_t v[RADIUS_HEALTH_SAMPLES];

	memcpy(v, h->samples, sizeof v);
	sort(v, h->nsamples);
	*p50 = rank(v, h->nsamples, 50);
	*p90 = rank(v, h->nsamples, 90);
	*p99 = rank(v, h->nsamples, 99);
}
