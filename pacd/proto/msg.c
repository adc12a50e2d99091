/*
 * The 15 control messages, octet for octet (RFC 2637 sections 1.4 and 2).
 *
 * Owns the layouts and nothing else: one decoder and one encoder per type, written
 * as mirrors of each other and found through one table.  Must not know states,
 * sockets or what a value means.
 */
#include "pacd/proto/msg.h"

#include "common/buf.h"

#include <string.h>

/* Octets needed before a part of the header can be judged. */
#define HAVE_LENGTH 2
#define HAVE_COOKIE 8
#define HAVE_TYPE 10

static void self_decode(struct rbuf *r, struct msg_sccrq *m)
{
	m->framing = rbuf_u32(r);
	m->bearer = rbuf_u32(r);
	m->max_channels = rbuf_u16(r);
	m->firmware = rbuf_u16(r);
	rbuf_bytes(r, m->host, MSG_TEXT);
	rbuf_bytes(r, m->vendor, MSG_TEXT);
}

static void self_encode(struct wbuf *w, const struct msg_sccrq *m)
{
	wbuf_u32(w, m->framing);
	wbuf_u32(w, m->bearer);
	wbuf_u16(w, m->max_channels);
	wbuf_u16(w, m->firmware);
	wbuf_bytes(w, m->host, MSG_TEXT);
	wbuf_bytes(w, m->vendor, MSG_TEXT);
}

static void sccrq_decode(struct rbuf *r, struct msg *m)
{
	m->sccrq.version = rbuf_u16(r);
	rbuf_skip(r, 2);
	self_decode(r, &m->sccrq);
}

static void sccrq_encode(struct wbuf *w, const struct msg *m)
{
	wbuf_u16(w, m->sccrq.version);
	wbuf_zero(w, 2);
	self_encode(w, &m->sccrq);
}

static void sccrp_decode(struct rbuf *r, struct msg *m)
{
	m->sccrp.version = rbuf_u16(r);
	m->sccrp.result = rbuf_u8(r);
	m->sccrp.error = rbuf_u8(r);
	self_decode(r, &m->sccrp);
}

static void sccrp_encode(struct wbuf *w, const struct msg *m)
{
	wbuf_u16(w, m->sccrp.version);
	wbuf_u8(w, m->sccrp.result);
	wbuf_u8(w, m->sccrp.error);
	self_encode(w, &m->sccrp);
}

static void stop_ccrq_decode(struct rbuf *r, struct msg *m)
{
	m->stop_ccrq.reason = rbuf_u8(r);
	rbuf_skip(r, 3);
}

static void stop_ccrq_encode(struct wbuf *w, const struct msg *m)
{
	wbuf_u8(w, m->stop_ccrq.reason);
	wbuf_zero(w, 3);
}

static void stop_ccrp_decode(struct rbuf *r, struct msg *m)
{
	m->stop_ccrp.result = rbuf_u8(r);
	m->stop_ccrp.error = rbuf_u8(r);
	rbuf_skip(r, 2);
}

static void stop_ccrp_encode(struct wbuf *w, const struct msg *m)
{
	wbuf_u8(w, m->stop_ccrp.result);
	wbuf_u8(w, m->stop_ccrp.error);
	wbuf_zero(w, 2);
}

static void echo_rq_decode(struct rbuf *r, struct msg *m)
{
	m->echo_rq.identifier = rbuf_u32(r);
}

static void echo_rq_encode(struct wbuf *w, const struct msg *m)
{
	wbuf_u32(w, m->echo_rq.identifier);
}

static void echo_rp_decode(struct rbuf *r, struct msg *m)
{
	m->echo_rp.identifier = rbuf_u32(r);
	m->echo_rp.result = rbuf_u8(r);
	m->echo_rp.error = rbuf_u8(r);
	rbuf_skip(r, 2);
}

static void echo_rp_encode(struct wbuf *w, const struct msg *m)
{
	wbuf_u32(w, m->echo_rp.identifier);
	wbuf_u8(w, m->echo_rp.result);
	wbuf_u8(w, m->echo_rp.error);
	wbuf_zero(w, 2);
}

static void ocrq_decode(struct rbuf *r, struct msg *m)
{
	m->ocrq.call_id = rbuf_u16(r);
	m->ocrq.serial = rbuf_u16(r);
	m->ocrq.min_bps = rbuf_u32(r);
	m->ocrq.max_bps = rbuf_u32(r);
	m->ocrq.bearer = rbuf_u32(r);
	m->ocrq.framing = rbuf_u32(r);
	m->ocrq.window = rbuf_u16(r);
	m->ocrq.delay = rbuf_u16(r);
	m->ocrq.number_len = rbuf_u16(r);
	rbuf_skip(r, 2);
	rbuf_bytes(r, m->ocrq.number, MSG_TEXT);
	rbuf_bytes(r, m->ocrq.subaddress, MSG_TEXT);
}

static void ocrq_encode(struct wbuf *w, const struct msg *m)
{
	wbuf_u16(w, m->ocrq.call_id);
	wbuf_u16(w, m->ocrq.serial);
	wbuf_u32(w, m->ocrq.min_bps);
	wbuf_u32(w, m->ocrq.max_bps);
	wbuf_u32(w, m->ocrq.bearer);
	wbuf_u32(w, m->ocrq.framing);
	wbuf_u16(w, m->ocrq.window);
	wbuf_u16(w, m->ocrq.delay);
	wbuf_u16(w, m->ocrq.number_len);
	wbuf_zero(w, 2);
	wbuf_bytes(w, m->ocrq.number, MSG_TEXT);
	wbuf_bytes(w, m->ocrq.subaddress, MSG_TEXT);
}

static void ocrp_decode(struct rbuf *r, struct msg *m)
{
	m->ocrp.call_id = rbuf_u16(r);
	m->ocrp.peer_call_id = rbuf_u16(r);
	m->ocrp.result = rbuf_u8(r);
	m->ocrp.error = rbuf_u8(r);
	m->ocrp.cause = rbuf_u16(r);
	m->ocrp.speed = rbuf_u32(r);
	m->ocrp.window = rbuf_u16(r);
	m->ocrp.delay = rbuf_u16(r);
	m->ocrp.channel = rbuf_u32(r);
}

static void ocrp_encode(struct wbuf *w, const struct msg *m)
{
	wbuf_u16(w, m->ocrp.call_id);
	wbuf_u16(w, m->ocrp.peer_call_id);
	wbuf_u8(w, m->ocrp.result);
	wbuf_u8(w, m->ocrp.error);
	wbuf_u16(w, m->ocrp.cause);
	wbuf_u32(w, m->ocrp.speed);
	wbuf_u16(w, m->ocrp.window);
	wbuf_u16(w, m->ocrp.delay);
	wbuf_u32(w, m->ocrp.channel);
}

static void icrq_decode(struct rbuf *r, struct msg *m)
{
	m->icrq.call_id = rbuf_u16(r);
	m->icrq.serial = rbuf_u16(r);
	m->icrq.bearer = rbuf_u32(r);
	m->icrq.channel = rbuf_u32(r);
	m->icrq.dialed_len = rbuf_u16(r);
	m->icrq.dialing_len = rbuf_u16(r);
	rbuf_bytes(r, m->icrq.dialed, MSG_TEXT);
	rbuf_bytes(r, m->icrq.dialing, MSG_TEXT);
	rbuf_bytes(r, m->icrq.subaddress, MSG_TEXT);
}

static void icrq_encode(struct wbuf *w, const struct msg *m)
{
	wbuf_u16(w, m->icrq.call_id);
	wbuf_u16(w, m->icrq.serial);
	wbuf_u32(w, m->icrq.bearer);
	wbuf_u32(w, m->icrq.channel);
	wbuf_u16(w, m->icrq.dialed_len);
	wbuf_u16(w, m->icrq.dialing_len);
	wbuf_bytes(w, m->icrq.dialed, MSG_TEXT);
	wbuf_bytes(w, m->icrq.dialing, MSG_TEXT);
	wbuf_bytes(w, m->icrq.subaddress, MSG_TEXT);
}

static void icrp_decode(struct rbuf *r, struct msg *m)
{
	m->icrp.call_id = rbuf_u16(r);
	m->icrp.peer_call_id = rbuf_u16(r);
	m->icrp.result = rbuf_u8(r);
	m->icrp.error = rbuf_u8(r);
	m->icrp.window = rbuf_u16(r);
	m->icrp.delay = rbuf_u16(r);
	rbuf_skip(r, 2);
}

static void icrp_encode(struct wbuf *w, const struct msg *m)
{
	wbuf_u16(w, m->icrp.call_id);
	wbuf_u16(w, m->icrp.peer_call_id);
	wbuf_u8(w, m->icrp.result);
	wbuf_u8(w, m->icrp.error);
	wbuf_u16(w, m->icrp.window);
	wbuf_u16(w, m->icrp.delay);
	wbuf_zero(w, 2);
}

static void iccn_decode(struct rbuf *r, struct msg *m)
{
	m->iccn.peer_call_id = rbuf_u16(r);
	rbuf_skip(r, 2);
	m->iccn.speed = rbuf_u32(r);
	m->iccn.window = rbuf_u16(r);
	m->iccn.delay = rbuf_u16(r);
	m->iccn.framing = rbuf_u32(r);
}

static void iccn_encode(struct wbuf *w, const struct msg *m)
{
	wbuf_u16(w, m->iccn.peer_call_id);
	wbuf_zero(w, 2);
	wbuf_u32(w, m->iccn.speed);
	wbuf_u16(w, m->iccn.window);
	wbuf_u16(w, m->iccn.delay);
	wbuf_u32(w, m->iccn.framing);
}

static void ccrq_decode(struct rbuf *r, struct msg *m)
{
	m->ccrq.call_id = rbuf_u16(r);
	rbuf_skip(r, 2);
}

static void ccrq_encode(struct wbuf *w, const struct msg *m)
{
	wbuf_u16(w, m->ccrq.call_id);
	wbuf_zero(w, 2);
}

static void cdn_decode(struct rbuf *r, struct msg *m)
{
	m->cdn.call_id = rbuf_u16(r);
	m->cdn.result = rbuf_u8(r);
	m->cdn.error = rbuf_u8(r);
	m->cdn.cause = rbuf_u16(r);
	rbuf_skip(r, 2);
	rbuf_bytes(r, m->cdn.statistics, MSG_STATISTICS);
}

static void cdn_encode(struct wbuf *w, const struct msg *m)
{
	wbuf_u16(w, m->cdn.call_id);
	wbuf_u8(w, m->cdn.result);
	wbuf_u8(w, m->cdn.error);
	wbuf_u16(w, m->cdn.cause);
	wbuf_zero(w, 2);
	wbuf_bytes(w, m->cdn.statistics, MSG_STATISTICS);
}

static void wen_decode(struct rbuf *r, struct msg *m)
{
	m->wen.peer_call_id = rbuf_u16(r);
	rbuf_skip(r, 2);
	m->wen.crc = rbuf_u32(r);
	m->wen.framing = rbuf_u32(r);
	m->wen.hardware_overrun = rbuf_u32(r);
	m->wen.buffer_overrun = rbuf_u32(r);
	m->wen.time_out = rbuf_u32(r);
	m->wen.alignment = rbuf_u32(r);
}

static void wen_encode(struct wbuf *w, const struct msg *m)
{
	wbuf_u16(w, m->wen.peer_call_id);
	wbuf_zero(w, 2);
	wbuf_u32(w, m->wen.crc);
	wbuf_u32(w, m->wen.framing);
	wbuf_u32(w, m->wen.hardware_overrun);
	wbuf_u32(w, m->wen.buffer_overrun);
	wbuf_u32(w, m->wen.time_out);
	wbuf_u32(w, m->wen.alignment);
}

static void sli_decode(struct rbuf *r, struct msg *m)
{
	m->sli.peer_call_id = rbuf_u16(r);
	rbuf_skip(r, 2);
	m->sli.send_accm = rbuf_u32(r);
	m->sli.receive_accm = rbuf_u32(r);
}

static void sli_encode(struct wbuf *w, const struct msg *m)
{
	wbuf_u16(w, m->sli.peer_call_id);
	wbuf_zero(w, 2);
	wbuf_u32(w, m->sli.send_accm);
	wbuf_u32(w, m->sli.receive_accm);
}

static const struct shape {
	const char *word;
	size_t size;
	void (*decode)(struct rbuf *r, struct msg *m);
	void (*encode)(struct wbuf *w, const struct msg *m);
} shapes[] = {
	[MSG_SCCRQ] = { "SCCRQ", 156, sccrq_decode, sccrq_encode },
	[MSG_SCCRP] = { "SCCRP", 156, sccrp_decode, sccrp_encode },
	[MSG_STOP_CCRQ] = { "StopCCRQ", 16, stop_ccrq_decode, stop_ccrq_encode },
	[MSG_STOP_CCRP] = { "StopCCRP", 16, stop_ccrp_decode, stop_ccrp_encode },
	[MSG_ECHO_RQ] = { "EchoRQ", 16, echo_rq_decode, echo_rq_encode },
	[MSG_ECHO_RP] = { "EchoRP", 20, echo_rp_decode, echo_rp_encode },
	[MSG_OCRQ] = { "OCRQ", 168, ocrq_decode, ocrq_encode },
	[MSG_OCRP] = { "OCRP", 32, ocrp_decode, ocrp_encode },
	[MSG_ICRQ] = { "ICRQ", 220, icrq_decode, icrq_encode },
	[MSG_ICRP] = { "ICRP", 24, icrp_decode, icrp_encode },
	[MSG_ICCN] = { "ICCN", 28, iccn_decode, iccn_encode },
	[MSG_CCRQ] = { "CCRQ", 16, ccrq_decode, ccrq_encode },
	[MSG_CDN] = { "CDN", 148, cdn_decode, cdn_encode },
	[MSG_WEN] = { "WEN", 40, wen_decode, wen_encode },
	[MSG_SLI] = { "SLI", 24, sli_decode, sli_encode },
};

static const struct shape *shape_of(uint16_t type)
{
	return type >= MSG_SCCRQ && type <= MSG_SLI ? &shapes[type] : NULL;
}

const char *msg_type_word(uint16_t type)
{
	const struct shape *s = shape_of(type);

	return s ? s->word : "unknown";
}

size_t msg_size(uint16_t type)
{
	const struct shape *s = shape_of(type);

	return s ? s->size : 0;
}

const char *msg_fault_word(enum msg_fault fault)
{
	switch (fault) {
	case MSG_OK:
		return "ok";
	case MSG_SHORT:
		return "short";
	case MSG_LONG:
		return "long";
	case MSG_BAD_COOKIE:
		return "bad-cookie";
	case MSG_BAD_LENGTH:
		return "bad-length";
	case MSG_NOT_CONTROL:
		return "not-control";
	case MSG_UNKNOWN_TYPE:
		return "unknown-type";
	}
	return "unknown";
}

static enum msg_fault check_type(uint16_t type, size_t length)
{
	const struct shape *s = shape_of(type);

	if (!s)
		return MSG_UNKNOWN_TYPE;
	return length == s->size ? MSG_OK : MSG_BAD_LENGTH;
}

enum msg_fault msg_check(const uint8_t *data, size_t len, size_t *need)
{
	struct rbuf r;
	size_t length;
	uint16_t pptp_type;

	*need = 0;
	if (len < HAVE_LENGTH)
		return MSG_OK;
	rbuf_init(&r, data, len);
	length = rbuf_u16(&r);
	if (length < MSG_HEADER)
		return MSG_SHORT;
	if (length > MSG_MAX)
		return MSG_LONG;
	*need = length;
	if (len < HAVE_COOKIE)
		return MSG_OK;
	/* The cookie comes first: without it there is no framing by which to skip. */
	pptp_type = rbuf_u16(&r);
	if (rbuf_u32(&r) != MSG_COOKIE)
		return MSG_BAD_COOKIE;
	if (pptp_type != MSG_CONTROL)
		return MSG_NOT_CONTROL;
	return len < HAVE_TYPE ? MSG_OK : check_type(rbuf_u16(&r), length);
}

enum msg_fault msg_decode(struct msg *m, const uint8_t *data, size_t len)
{
	struct rbuf r;
	size_t need;
	enum msg_fault fault = msg_check(data, len, &need);

	memset(m, 0, sizeof *m);
	if (fault)
		return fault;
	if (len < MSG_HEADER)
		return MSG_SHORT;
	if (len != need)
		return MSG_BAD_LENGTH;
	rbuf_init(&r, data, len);
	rbuf_skip(&r, HAVE_COOKIE);
	m->type = rbuf_u16(&r);
	rbuf_skip(&r, MSG_HEADER - HAVE_TYPE);
	shapes[m->type].decode(&r, m);
	return rbuf_end(&r) ? MSG_BAD_LENGTH : MSG_OK;
}

size_t msg_encode(uint8_t *data, size_t cap, const struct msg *m)
{
	const struct shape *s = shape_of(m->type);
	struct wbuf w;

	if (!s)
		return 0;
	wbuf_init(&w, data, cap);
	wbuf_u16(&w, (uint16_t)s->size);
	wbuf_u16(&w, MSG_CONTROL);
	wbuf_u32(&w, MSG_COOKIE);
	wbuf_u16(&w, m->type);
	wbuf_zero(&w, MSG_HEADER - HAVE_TYPE);
	s->encode(&w, m);
	return wbuf_len(&w);
}

size_t msg_text_len(const char *field, size_t size)
{
	return strnlen(field, size);
}

void msg_text_set(char *field, size_t size, const char *text)
{
	size_t n = strnlen(text, size);

	memset(field, 0, size);
	memcpy(field, text, n);
}
