/*
 * Bounded cursors over octets.  Knows nothing of any message.
 */
#include "common/buf.h"

#include <string.h>

void rbuf_init(struct rbuf *r, const void *data, size_t len)
{
	r->p = data;
	r->end = len ? r->p + len : r->p; /* of nothing there need not even be an address */
	r->fault = false;
}

size_t rbuf_left(const struct rbuf *r)
{
	return (size_t)(r->end - r->p);
}

const uint8_t *rbuf_view(struct rbuf *r, size_t n)
{
	const uint8_t *p = r->p;

	if (r->fault || rbuf_left(r) < n) {
		r->fault = true;
		return NULL;
	}
	r->p += n;
	return p;
}

uint8_t rbuf_u8(struct rbuf *r)
{
	const uint8_t *p = rbuf_view(r, 1);

	return p ? p[0] : 0;
}

uint16_t rbuf_u16(struct rbuf *r)
{
	const uint8_t *p = rbuf_view(r, 2);

	if (!p)
		return 0;
	return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t rbuf_u32(struct rbuf *r)
{
	const uint8_t *p = rbuf_view(r, 4);

	if (!p)
		return 0;
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

uint64_t rbuf_u64(struct rbuf *r)
{
	uint64_t hi = rbuf_u32(r), low = rbuf_u32(r);

	return r->fault ? 0 : hi << 32 | low;
}

void rbuf_bytes(struct rbuf *r, void *dst, size_t n)
{
	const uint8_t *p = rbuf_view(r, n);

	if (p)
		memcpy(dst, p, n);
	else
		memset(dst, 0, n);
}

void rbuf_skip(struct rbuf *r, size_t n)
{
	rbuf_view(r, n);
}

int rbuf_end(const struct rbuf *r)
{
	return r->fault || r->p != r->end ? -1 : 0;
}

void wbuf_init(struct wbuf *w, void *mem, size_t cap)
{
	w->start = w->p = mem;
	w->end = w->p + cap;
	w->fault = false;
}

static uint8_t *wbuf_take(struct wbuf *w, size_t n)
{
	uint8_t *p = w->p;

	if (w->fault || (size_t)(w->end - w->p) < n) {
		w->fault = true;
		return NULL;
	}
	w->p += n;
	return p;
}

void wbuf_u8(struct wbuf *w, uint8_t v)
{
	wbuf_bytes(w, &v, 1);
}

void wbuf_u16(struct wbuf *w, uint16_t v)
{
	uint8_t b[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	wbuf_bytes(w, b, sizeof b);
}

void wbuf_u32(struct wbuf *w, uint32_t v)
{
	wbuf_u16(w, (uint16_t)(v >> 16));
	wbuf_u16(w, (uint16_t)v);
}

void wbuf_u64(struct wbuf *w, uint64_t v)
{
	wbuf_u32(w, (uint32_t)(v >> 32));
	wbuf_u32(w, (uint32_t)v);
}

void wbuf_bytes(struct wbuf *w, const void *src, size_t n)
{
	uint8_t *p = wbuf_take(w, n);

	if (p && n)
		memcpy(p, src, n);
}

void wbuf_zero(struct wbuf *w, size_t n)
{
	uint8_t *p = wbuf_take(w, n);

	if (p)
		memset(p, 0, n);
}

size_t wbuf_len(const struct wbuf *w)
{
	return w->fault ? 0 : (size_t)(w->p - w->start);
}
