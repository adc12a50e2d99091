/*
 * Rings: RING lines, the RI line, the numbers of caller id, and when a ring is told or over.
 *
 * Owns the ring's part of struct modem.  Must not know calls, chats, or what becomes of a ring.
 */
#include "pacd/proto/modem_internal.h"

#include <string.h>

/* Within the gap the ring is still the one that it was. */
static bool is_fresh(const struct run *r, struct mono last)
{
	return mono_is_set(last) && !mono_reached(mono_add_ms(last, r->m->conf->ring_gap_ms), r->now);
}

void modem_ring_unknown(struct modem *m)
{
	m->calling[0] = m->called[0] = '\0';
	m->identified = false;
	m->id_at = MONO_NEVER;
}

void modem_ring_forget(struct modem *m)
{
	m->rings = m->ri = 0;
	m->told = m->rejected = false;
	m->ring_last = m->ri_last = m->ring_since = m->tell_at = MONO_NEVER;
}

void modem_ring_taken(struct modem *m)
{
	modem_ring_forget(m);
	/* The numbers are this call's; they may not become those of a ring soon after it. */
	m->id_at = MONO_NEVER;
}

static void tell_by(struct modem *m, struct mono at)
{
	m->tell_at = mono_earlier(m->tell_at, at);
}

/* The called number stands behind the calling one in some modems' burst, before it in others'. */
static void tell_identified(struct run *r)
{
	struct modem *m = r->m;

	if (m->identified)
		tell_by(m, m->called[0] ? r->now : modem_later(r, MODEM_CALLED_MS));
}

static void ring_tell(struct run *r)
{
	struct modem *m = r->m;

	if (m->told || m->rejected)
		return;
	if (m->rings < 2 && m->ri < 2 && !mono_reached(m->tell_at, r->now))
		return;
	m->told = true;
	/* It works: whatever was told of it before. */
	m->out_of_service = false;
	modem_act(r, MODEM_ACT_RING);
}

/* Some modems give the numbers before the first RING, so what came lately is kept. */
static void ring_first(struct run *r)
{
	struct modem *m = r->m;

	modem_ring_forget(m);
	if (!is_fresh(r, m->id_at))
		modem_ring_unknown(m);
	m->ring_since = r->now;
	m->tell_at = modem_later(r, m->conf->caller_id_ms);
	tell_identified(r);
}

/* In MODEM_IDLE it begins a ring; while the modem is woken or hung up it is kept for modem_ring_or_idle(). */
static void ring_seen(struct run *r)
{
	struct modem *m = r->m;

	m->ring_last = r->now;
	if (m->state == MODEM_IDLE)
		modem_enter(r, MODEM_RINGING, STAGE_NONE);
	if (m->state == MODEM_RINGING)
		ring_tell(r);
}

static bool is_new(const struct run *r)
{
	return r->m->state != MODEM_RINGING && !is_fresh(r, r->m->ring_last);
}

void modem_ring_text(struct run *r)
{
	if (is_new(r))
		ring_first(r);
	r->m->rings++;
	ring_seen(r);
}

void modem_ring_line(struct run *r, unsigned rings)
{
	struct modem *m = r->m;
	bool more = rings != m->ring_lines;

	m->ring_lines = rings;
	if (!more)
		return;
	if (is_new(r))
		ring_first(r);
	if (!mono_is_set(m->ri_last) || mono_diff_us(r->now, m->ri_last) >= MODEM_RI_MS * 1000)
		m->ri++;
	m->ri_last = r->now;
	ring_seen(r);
}

/*
 * A number may stand in quotes, with its type behind it (3GPP 27.007); without a digit ("P", "O") it says that there
 * is none.
 */
static void number_set(char out[MSG_TEXT + 1], const char *value)
{
	size_t n = *value == '"' ? strcspn(++value, "\"") : strcspn(value, ",;");

	while (n && value[n - 1] == ' ')
		n--;
	if (n > MSG_TEXT)
		n = MSG_TEXT;
	memcpy(out, value, n);
	out[n] = '\0';
	if (!strpbrk(out, "0123456789"))
		out[0] = '\0';
}

void modem_ring_id(struct run *r, enum chat_answer answer, const char *value)
{
	struct modem *m = r->m;

	if (m->state == MODEM_RINGING && (m->told || m->rejected))
		return;
	if (is_new(r) && !is_fresh(r, m->id_at))
		modem_ring_unknown(m);
	m->id_at = r->now;
	number_set(answer == CHAT_CALLING ? m->calling : m->called, value);
	m->identified |= answer == CHAT_CALLING;
	/* Without a ring it may be a note of the exchange's, as of a waiting message. */
	if (is_new(r))
		return;
	tell_identified(r);
	if (m->state == MODEM_RINGING)
		ring_tell(r);
}

static void idle(struct run *r)
{
	struct modem *m = r->m;

	m->out_of_service = false;
	modem_ring_forget(m);
	modem_enter(r, MODEM_IDLE, STAGE_NONE);
	if (m->conf->check_ms > 0)
		m->deadline = modem_later(r, m->conf->check_ms);
	modem_act(r, MODEM_ACT_READY);
}

static struct mono endless_at(const struct modem *m)
{
	return mono_is_set(m->ring_since) ? mono_add_ms(m->ring_since, MODEM_RING_MAX_MS) : MONO_NEVER;
}

/* Nobody is offered the rest of it, however long it goes on while the modem is woken again and again. */
static void endless(struct run *r)
{
	struct modem *m = r->m;

	if (m->told && !m->rejected)
		modem_act(r, MODEM_ACT_RING_OVER);
	m->rejected = true;
	strcpy(m->why, "it rings without end: is its ring indicator (RI) wired, and the modem all right?");
	modem_out_of_service(r);
}

void modem_ring_or_idle(struct run *r)
{
	if (!is_fresh(r, r->m->ring_last)) {
		idle(r);
		return;
	}
	if (mono_reached(endless_at(r->m), r->now)) {
		endless(r);
		return;
	}
	modem_enter(r, MODEM_RINGING, STAGE_NONE);
	ring_tell(r);
}

void modem_ring_tick(struct run *r)
{
	struct modem *m = r->m;

	if (is_fresh(r, m->ring_last)) {
		if (mono_reached(endless_at(m), r->now))
			endless(r);
		else
			ring_tell(r);
		return;
	}
	if (m->told && !m->rejected)
		modem_act(r, MODEM_ACT_RING_OVER);
	modem_ring_unknown(m);
	idle(r);
}

struct mono modem_ring_deadline(const struct modem *m)
{
	struct mono over = mono_earlier(mono_add_ms(m->ring_last, m->conf->ring_gap_ms), endless_at(m));

	return m->told || m->rejected ? over : mono_earlier(over, m->tell_at);
}
