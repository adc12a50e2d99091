/*
 * Bounded cursors over octets, with a sticky fault flag.
 *
 * A reader that runs past its end yields zeros and stays faulty; a writer that
 * runs past its end drops what does not fit and stays faulty.  So a decoder or
 * an encoder is one straight run of fields, checked once at its end.  All
 * multi-octet fields are big-endian.
 */
#ifndef PACD_COMMON_BUF_H
#define PACD_COMMON_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rbuf {
	const uint8_t *p; /* next octet; the memory is borrowed */
	const uint8_t *end;
	bool fault;
};

struct wbuf {
	uint8_t *start; /* the memory is borrowed */
	uint8_t *p;
	uint8_t *end;
	bool fault;
};

void rbuf_init(struct rbuf *r, const void *data, size_t len);
uint8_t rbuf_u8(struct rbuf *r);
uint16_t rbuf_u16(struct rbuf *r);
uint32_t rbuf_u32(struct rbuf *r);
uint64_t rbuf_u64(struct rbuf *r);
/* Copies exactly n octets; on a fault dst is filled with zeros. */
void rbuf_bytes(struct rbuf *r, void *dst, size_t n);
void rbuf_skip(struct rbuf *r, size_t n);
/* A view of the next n octets, or NULL on a fault. */
const uint8_t *rbuf_view(struct rbuf *r, size_t n);
size_t rbuf_left(const struct rbuf *r);
/* 0 when nothing was missing and nothing is left over, else -1. */
int rbuf_end(const struct rbuf *r);

void wbuf_init(struct wbuf *w, void *mem, size_t cap);
void wbuf_u8(struct wbuf *w, uint8_t v);
void wbuf_u16(struct wbuf *w, uint16_t v);
void wbuf_u32(struct wbuf *w, uint32_t v);
void wbuf_u64(struct wbuf *w, uint64_t v);
void wbuf_bytes(struct wbuf *w, const void *src, size_t n);
void wbuf_zero(struct wbuf *w, size_t n);
/* Octets written so far, or 0 after a fault. */
size_t wbuf_len(const struct wbuf *w);

#endif
