/*
 * The entries of the accounting spool's files (RAD-65).
 *
 * Pure: owns nothing.  Must not know files, queues or servers.
 */
#include "pacd/proto/spool_record.h"

#include <errno.h>
#include <string.h>

#define CRC_AT 16 /* its place in the header */
#define CRC_LEN 4

static const uint8_t magic[4] = { 'P', 'a', 'S', '1' };

/* Four bits at a time: a small table, and fast enough for what a disk takes. */
uint32_t spool_crc32(uint32_t crc, const void *data, size_t len)
{
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	const uint8_t *p = data;

	crc = ~crc;
	for (; len; len--) {
		crc ^= *p++;
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

/* --- entries --- */

static uint32_t entry_crc(const uint8_t header[SPOOL_RECORD_HEADER], const uint8_t *payload, size_t len)
{
	return spool_crc32(spool_crc32(0, header, CRC_AT), payload, len);
}

void spool_record_put(struct wbuf *w, const struct spool_record *r)
{
	uint8_t header[SPOOL_RECORD_HEADER];
	struct wbuf h;

	if (r->len > SPOOL_RECORD_MAX) {
		w->fault = true;
		return;
	}
	wbuf_init(&h, header, sizeof header);
	wbuf_bytes(&h, magic, sizeof magic);
	wbuf_u16(&h, (uint16_t)r->len);
	wbuf_u8(&h, r->kind);
	wbuf_u8(&h, 0);
	wbuf_u64(&h, r->number);
	wbuf_u32(&h, entry_crc(header, r->payload, r->len));
	wbuf_bytes(w, header, sizeof header);
	wbuf_bytes(w, r->payload, r->len);
}

/* Is a good entry here?  Moves on behind it then. */
static bool entry_take(struct rbuf *r, struct spool_record *record)
{
	const uint8_t *header = r->p;
	struct rbuf at = *r;
	uint32_t crc;
	size_t len;

	if (rbuf_left(&at) < SPOOL_RECORD_HEADER || memcmp(header, magic, sizeof magic) != 0)
		return false;
	rbuf_skip(&at, sizeof magic);
	len = rbuf_u16(&at);
	record->kind = rbuf_u8(&at);
	if (rbuf_u8(&at) != 0 || len > SPOOL_RECORD_MAX)
		return false;
	record->number = rbuf_u64(&at);
	crc = rbuf_u32(&at);
	record->payload = rbuf_view(&at, len);
	record->len = len;
	if (at.fault || crc != entry_crc(header, record->payload, len))
		return false;
	*r = at;
	return true;
}

bool spool_record_next(struct rbuf *r, struct spool_record *record, size_t *damaged)
{
	const uint8_t *next;

	while (rbuf_left(r) > 0) {
		if (entry_take(r, record))
			return true;
		next = memchr(r->p + 1, magic[0], rbuf_left(r) - 1);
		if (!next)
			next = r->end;
		*damaged += (size_t)(next - r->p);
		r->p = next;
	}
	return false;
}

/* --- records --- */

static void put_text(struct wbuf *w, const char *text)
{
	size_t len = strnlen(text, RADIUS_SESSION_ID - 1);

	wbuf_u8(w, (uint8_t)len);
	wbuf_bytes(w, text, len);
}

static bool get_text(struct rbuf *r, char text[RADIUS_SESSION_ID])
{
	size_t len = rbuf_u8(r);

	memset(text, 0, RADIUS_SESSION_ID);
	if (len == 0 || len >= RADIUS_SESSION_ID)
		return false;
	rbuf_bytes(r, text, len);
	return strlen(text) == len;
}

void spool_account_put(struct wbuf *w, const struct spool_account *a)
{
	wbuf_u8(w, a->status);
	wbuf_u64(w, (uint64_t)a->event_time);
	put_text(w, a->session_id);
	put_text(w, a->queue);
	wbuf_bytes(w, a->attributes, a->len);
}

int spool_account_get(struct spool_account *a, const uint8_t *payload, size_t len)
{
	struct rbuf r;
	bool good;

	rbuf_init(&r, payload, len);
	a->status = rbuf_u8(&r);
	a->event_time = (int64_t)rbuf_u64(&r);
	good = get_text(&r, a->session_id);
	good = get_text(&r, a->queue) && good;
	if (!good || r.fault)
		return -EBADMSG;
	a->len = rbuf_left(&r);
	a->attributes = rbuf_view(&r, a->len);
	return radius_list_valid(a->attributes, a->len) ? 0 : -EBADMSG;
}
