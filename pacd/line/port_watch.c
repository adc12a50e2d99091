/*
 * Words of a modem among data, and rings among edges.
 *
 * Owns nothing.  Knows no port; what is done about it is the caller's.
 */
#include "pacd/line/port_watch.h"

static const char words[] = "NO CARRIER";

enum { WORDS = sizeof words - 1, ELSEWHERE }; /* 0: at the start of a line; WORDS: behind all of them */

static unsigned word_next(unsigned at, uint8_t octet)
{
	if (octet == '\r' || octet == '\n')
		return at == WORDS ? WORDS : 0;
	if (at < WORDS && octet == (uint8_t)words[at])
		return at + 1;
	return ELSEWHERE;
}

void port_words_init(struct port_words *w)
{
	w->at = 0;
}

bool port_words_scan(struct port_words *w, const uint8_t *data, size_t len)
{
	unsigned at = w->at;

	for (size_t i = 0; i < len; i++)
		at = word_next(at, data[i]);
	w->at = at;
	return at == WORDS;
}

bool port_rings_edge(struct port_rings *r, struct mono now)
{
	if (mono_is_set(r->first) && mono_diff_us(now, r->first) < PORT_RING_MS * 1000)
		return false;
	r->first = now;
	r->n++;
	return true;
}
