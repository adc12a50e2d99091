/*
 * Async HDLC framing (RFC 1662 sections 3.1, 4 and appendix C).
 *
 * Owns the state of one direction of one line.  Must not know PPP: a frame is
 * any run of octets between two flags with a good FCS.
 *
 * Octets are moved eight at a time.  A word is stored before it is looked at;
 * then only the octets before its first special one are counted as moved.
 */
#include "pacd/proto/hdlc.h"

#include <endian.h>
#include <string.h>

#define FLAG 0x7E
#define ESCAPE 0x7D
#define FLIP 0x20
#define CONTROLS 0x20 /* octets below it may be in the ACCM */

#define FCS_INIT 0xFFFF
#define FCS_GOOD 0xF0B8
#define FCS_LEN 2
#define FRAME_MIN 4 /* with FCS */

#define WORD 8
#define ONES UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

/*
 * The FCS is linear: the entry of an octet is the exclusive-or of the entries of its bits.  So a table is written down
 * by eight numbers.  Table k is for an octet with k more octets behind it, so that eight can be looked up at once.
 */
#define BIT(n, i, v) ((n) >> (i) & 1 ? (v) : 0)
#define ENTRY(n, a, b, c, d, e, f, g, h)                                       \
	(BIT(n, 0, a) ^ BIT(n, 1, b) ^ BIT(n, 2, c) ^ BIT(n, 3, d) ^           \
	 BIT(n, 4, e) ^ BIT(n, 5, f) ^ BIT(n, 6, g) ^ BIT(n, 7, h))
#define ENTRY4(n, ...)                                                         \
	ENTRY(n, __VA_ARGS__), ENTRY((n) + 1, __VA_ARGS__),                    \
	ENTRY((n) + 2, __VA_ARGS__), ENTRY((n) + 3, __VA_ARGS__)
#define ENTRY16(n, ...)                                                        \
	ENTRY4(n, __VA_ARGS__), ENTRY4((n) + 4, __VA_ARGS__),                  \
	ENTRY4((n) + 8, __VA_ARGS__), ENTRY4((n) + 12, __VA_ARGS__)
#define ENTRY64(n, ...)                                                        \
	ENTRY16(n, __VA_ARGS__), ENTRY16((n) + 16, __VA_ARGS__),               \
	ENTRY16((n) + 32, __VA_ARGS__), ENTRY16((n) + 48, __VA_ARGS__)
#define TABLE(...)                                                             \
	{ ENTRY64(0, __VA_ARGS__), ENTRY64(64, __VA_ARGS__),                   \
	  ENTRY64(128, __VA_ARGS__), ENTRY64(192, __VA_ARGS__) }

static const uint16_t fcs_table[WORD][256] = {
	TABLE(0x1189, 0x2312, 0x4624, 0x8C48, 0x1081, 0x2102, 0x4204, 0x8408),
	TABLE(0x19D8, 0x33B0, 0x6760, 0xCEC0, 0x9591, 0x2333, 0x4666, 0x8CCC),
	TABLE(0x5ADC, 0xB5B8, 0x6361, 0xC6C2, 0x8595, 0x033B, 0x0676, 0x0CEC),
	TABLE(0x1CBB, 0x3976, 0x72EC, 0xE5D8, 0xC3A1, 0x8F53, 0x16B7, 0x2D6E),
	TABLE(0x0B44, 0x1688, 0x2D10, 0x5A20, 0xB440, 0x6091, 0xC122, 0x8A55),
	TABLE(0x042B, 0x0856, 0x10AC, 0x2158, 0x42B0, 0x8560, 0x02D1, 0x05A2),
	TABLE(0x9FD5, 0x37BB, 0x6F76, 0xDEEC, 0xB5C9, 0x6383, 0xC706, 0x861D),
	TABLE(0x81BF, 0x0B6F, 0x16DE, 0x2DBC, 0x5B78, 0xB6F0, 0x65F1, 0xCBE2),
};

static uint16_t fcs_word(uint16_t fcs, const uint8_t *p)
{
	return fcs_table[7][(fcs ^ p[0]) & 0xFF] ^ fcs_table[6][(fcs >> 8) ^ p[1]] ^ fcs_table[5][p[2]] ^
	       fcs_table[4][p[3]] ^ fcs_table[3][p[4]] ^ fcs_table[2][p[5]] ^ fcs_table[1][p[6]] ^ fcs_table[0][p[7]];
}

uint16_t hdlc_fcs(uint16_t fcs, const uint8_t *data, size_t len)
{
	for (; len >= WORD; data += WORD, len -= WORD)
		fcs = fcs_word(fcs, data);
	for (; len; data++, len--)
		fcs = (uint16_t)(fcs >> 8 ^ fcs_table[0][(fcs ^ *data) & 0xFF]);
	return fcs;
}

/* The high bit of each octet that is below n (at most 0x80); right up to and including the lowest such octet. */
static uint64_t word_below(uint64_t w, uint64_t n)
{
	return (w - ONES * n) & ~w & HIGHS;
}

/*
 * Copies a word, and says how many of its first octets are plain: not flag, not escape and, unless the ACCM is empty,
 * not a control octet.
 */
static unsigned word_copy(uint8_t *out, const uint8_t *in, uint64_t controls)
{
	uint64_t w, special;

	memcpy(&w, in, WORD);
	memcpy(out, &w, WORD);
	w = le64toh(w);
	special = word_below(w ^ ONES * FLAG, 1) | word_below(w ^ ONES * ESCAPE, 1) |
		  (word_below(w, CONTROLS) & controls);
	return special ? (unsigned)__builtin_ctzll(special) / 8 : WORD;
}

static uint64_t controls_of(uint32_t accm)
{
	return accm ? HIGHS : 0;
}

static bool accm_has(uint32_t accm, uint8_t c)
{
	return c < CONTROLS && accm >> c & 1;
}

static uint8_t *octet_encode(uint8_t *out, uint8_t c, uint32_t accm)
{
	if (c == FLAG || c == ESCAPE || accm_has(accm, c)) {
		*out++ = ESCAPE;
		c ^= FLIP;
	}
	*out++ = c;
	return out;
}

size_t hdlc_encode(uint8_t *out, const uint8_t *frame, size_t len, uint32_t accm)
{
	const uint8_t *p = frame, *end = frame + len;
	uint64_t controls = controls_of(accm);
	uint16_t fcs = (uint16_t)~hdlc_fcs(FCS_INIT, frame, len);
	uint8_t *o = out;

	*o++ = FLAG;
	/* Whole words fit: for each octet of input that is left there is room for two. */
	while (end - p >= WORD) {
		unsigned plain = word_copy(o, p, controls);

		p += plain;
		o += plain;
		if (plain < WORD)
			o = octet_encode(o, *p++, accm);
	}
	while (p < end)
		o = octet_encode(o, *p++, accm);
	o = octet_encode(o, (uint8_t)fcs, accm);
	o = octet_encode(o, (uint8_t)(fcs >> 8), accm);
	*o++ = FLAG;
	return (size_t)(o - out);
}

bool hdlc_is_lcp(const uint8_t *frame, size_t len)
{
	static const uint8_t head[] = { 0xFF, 0x03, 0xC0, 0x21 }; /* neither field is ever compressed here */

	return len > sizeof head && !memcmp(frame, head, sizeof head) && frame[4] >= 1 && frame[4] <= 7;
}

void hdlc_rx_init(struct hdlc_rx *h, uint32_t accm)
{
	memset(h, 0, sizeof *h);
	h->accm = accm;
}

/* Drops up to and including the next flag. */
static bool rx_skip(const uint8_t **data, const uint8_t *end)
{
	const uint8_t *flag = memchr(*data, FLAG, (size_t)(end - *data));

	*data = flag ? flag + 1 : end;
	return flag != NULL;
}

static void rx_put(struct hdlc_rx *h, uint8_t c)
{
	if (h->len < HDLC_FRAME_MAX)
		h->frame[h->len++] = c;
	else
		h->overflow = true;
}

/* Moves plain octets while whole words are left on both sides. */
static const uint8_t *rx_words(struct hdlc_rx *h, const uint8_t *p, const uint8_t *end)
{
	uint64_t controls = controls_of(h->accm);
	unsigned plain = WORD;

	while (plain == WORD && end - p >= WORD && HDLC_FRAME_MAX - h->len >= WORD) {
		plain = word_copy(h->frame + h->len, p, controls);
		p += plain;
		h->len += plain;
	}
	return p;
}

/* A flag came: the length of a good frame, or 0. */
static size_t rx_end(struct hdlc_rx *h)
{
	size_t len = h->len;

	h->len = 0;
	if (h->overflow)
		h->faults[HDLC_FAULT_LONG]++;
	else if (h->escaped)
		h->faults[HDLC_FAULT_ABORT]++;
	else if (len && len < FRAME_MIN)
		h->faults[HDLC_FAULT_RUNT]++;
	else if (len && hdlc_fcs(FCS_INIT, h->frame, len) != FCS_GOOD)
		h->faults[HDLC_FAULT_FCS]++;
	else if (len)
		return len - FCS_LEN;
	h->overflow = h->escaped = false;
	return 0;
}

/* Any octet but a flag. */
static void rx_octet(struct hdlc_rx *h, uint8_t c)
{
	/* Equipment on the way may put these in anywhere, even behind an escape. */
	if (accm_has(h->accm, c))
		return;
	if (h->escaped) {
		h->escaped = false;
		rx_put(h, c ^ FLIP);
	} else if (c == ESCAPE) {
		h->escaped = true;
	} else {
		rx_put(h, c);
	}
}

size_t hdlc_decode(struct hdlc_rx *h, const uint8_t **data, size_t *len)
{
	const uint8_t *p = *data, *end = p + *len;
	size_t frame = 0;

	if (!h->in_sync)
		h->in_sync = rx_skip(&p, end);
	while (p < end && !frame) {
		if (h->overflow) {
			if (rx_skip(&p, end))
				rx_end(h);
			continue;
		}
		if (!h->escaped)
			p = rx_words(h, p, end);
		if (p == end)
			break;
		if (*p == FLAG)
			frame = rx_end(h);
		else
			rx_octet(h, *p);
		p++;
	}
	*data = p;
	*len = (size_t)(end - p);
	return frame;
}
