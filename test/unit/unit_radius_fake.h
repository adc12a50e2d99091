/*
 * In the place of the RADIUS client: it keeps what was asked, as a server would see it, and answers what the test says.
 * All of pacd/aaa/radius.h is defined here, so that the real one is not linked in.
 */
#ifndef PACD_TEST_UNIT_RADIUS_FAKE_H
#define PACD_TEST_UNIT_RADIUS_FAKE_H

#include "pacd/aaa/radius.h"
#include "test/unit/unit.h"

#include <errno.h>
#include <nettle/md5.h>

#define JOBS 256
#define SERVER "192.0.2.9:1812"

struct radius_client {
	bool full; /* takes nothing more */
};

/* A list of attributes that was written. */
struct attrs {
	uint8_t data[RADIUS_PACKET_MAX];
	size_t len;
};

struct job {
	bool over; /* answered or cancelled */
	int error; /* of encode() */
	struct radius_job job;
	struct attrs a;
};

static struct radius_client client;
static struct job jobs[JOBS];
static unsigned njobs, ncancelled;
static struct attrs reply; /* what the next answer says */

static const uint8_t authenticator[RADIUS_AUTHENTICATOR] = {
	0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1B, 0x1C, 0x1D, 0x1E, 0x1F
};
static const struct radius_hiding hiding = { { (const uint8_t *)"xyzzy5461", 9 }, authenticator };

/* --- the client --- */

uint64_t radius_client_send(struct radius_client *r, const struct radius_job *job)
{
	struct job *k = &jobs[njobs];
	struct wbuf w;

	ck_assert_ptr_eq(r, &client);
	ck_assert(job->role == RADIUS_AUTH && job->code == RADIUS_ACCESS_REQUEST);
	if (r->full)
		return 0;
	ck_assert_uint_lt(njobs, JOBS);
	*k = (struct job){ .job = *job };
	wbuf_init(&w, k->a.data, sizeof k->a.data);
	k->error = job->encode(job->ctx, &hiding, &w);
	ck_assert(!w.fault);
	k->a.len = wbuf_len(&w);
	return ++njobs;
}

void radius_client_cancel(struct radius_client *r, uint64_t id)
{
	ck_assert_ptr_eq(r, &client);
	ck_assert(id && id <= njobs && !jobs[id - 1].over);
	jobs[id - 1].over = true;
	ncancelled++;
}

unsigned radius_client_pending(const struct radius_client *r, enum radius_role role)
{
	unsigned n = 0;

	(void)r;
	for (unsigned i = 0; i < njobs; i++)
		n += !jobs[i].over;
	return role == RADIUS_AUTH ? n : 0;
}

bool radius_client_has(const struct radius_client *r, enum radius_role role)
{
	(void)role;
	return r != NULL;
}

struct radius_client *radius_client_new(struct ev_loop *l, const struct conf_radius *c)
{
	(void)l, (void)c;
	return NULL;
}

void radius_client_free(struct radius_client *r)
{
	(void)r;
}

void radius_client_configure(struct radius_client *r, const struct conf_radius *c)
{
	(void)r, (void)c;
}

bool radius_client_view(const struct radius_client *r, size_t i, struct radius_server_view *v)
{
	(void)r, (void)i, (void)v;
	return false;
}

const char *radius_server_state_word(enum radius_server_state s)
{
	(void)s;
	return "up";
}

static inline unsigned waiting(void)
{
	return radius_client_pending(&client, RADIUS_AUTH);
}

/* --- what was written --- */

/* The i-th of a type, from 0. */
static inline bool attr_find(const struct attrs *l, uint8_t type, unsigned i, struct radius_attribute *a)
{
	struct rbuf r;

	rbuf_init(&r, l->data, l->len);
	while (radius_next(&r, a))
		if (a->type == type && i-- == 0)
			return true;
	ck_assert(!r.fault);
	return false;
}

static inline unsigned attr_count(const struct attrs *l, uint8_t type)
{
	struct radius_attribute a;
	unsigned n = 0;

	while (attr_find(l, type, n, &a))
		n++;
	return n;
}

/* There is one, and it is a number. */
static inline uint32_t attr_number(const struct attrs *l, uint8_t type)
{
	struct radius_attribute a = { 0 };

	ck_assert_msg(attr_count(l, type) == 1, "%u attributes of type %u", attr_count(l, type), type);
	attr_find(l, type, 0, &a);
	ck_assert_uint_eq(a.len, 4);
	return (uint32_t)a.value[0] << 24 | (uint32_t)a.value[1] << 16 | (uint32_t)a.value[2] << 8 | a.value[3];
}

/* There is one, with these octets. */
static inline void attr_is(const struct attrs *l, uint8_t type, const void *value, size_t len)
{
	struct radius_attribute a = { 0 };

	ck_assert_msg(attr_count(l, type) == 1, "%u attributes of type %u", attr_count(l, type), type);
	attr_find(l, type, 0, &a);
	ck_assert_msg(a.len == len && !memcmp(a.value, value, len), "attribute %u is \"%.*s\"", type, a.len,
		      (const char *)a.value);
}

static inline void attr_is_text(const struct attrs *l, uint8_t type, const char *text)
{
	attr_is(l, type, text, strlen(text));
}

/* The value of the only Vendor-Specific attribute of this kind. */
static inline struct radius_vsa attr_vsa(const struct attrs *l, uint32_t vendor, uint8_t type)
{
	struct radius_attribute a;
	struct radius_vsa v, found = { 0 };
	unsigned n = 0;

	for (unsigned i = 0; attr_find(l, RADIUS_VENDOR_SPECIFIC, i, &a); i++) {
		struct rbuf r;
		uint32_t at = 0;

		rbuf_init(&r, a.value, a.len);
		while (radius_vsa_next(&r, &at, &v)) {
			if (v.vendor != vendor || v.type != type)
				continue;
			found = v;
			n++;
		}
	}
	ck_assert_msg(n == 1, "%u of vendor %u type %u", n, vendor, type);
	return found;
}

/* The request that was asked last. */
static inline const struct attrs *asked(void)
{
	ck_assert_uint_gt(njobs, 0);
	return &jobs[njobs - 1].a;
}

/* --- answers --- */

static inline void give(uint8_t type, const void *value, size_t len)
{
	struct wbuf w;

	wbuf_init(&w, reply.data + reply.len, sizeof reply.data - reply.len);
	radius_put(&w, type, value, len);
	ck_assert(!w.fault);
	reply.len += wbuf_len(&w);
}

static inline void give_text(uint8_t type, const char *text)
{
	give(type, text, strlen(text));
}

static inline void give_number(uint8_t type, uint32_t v)
{
	const uint8_t octets[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };

	give(type, octets, sizeof octets);
}

static inline void give_vsa(uint32_t vendor, uint8_t type, const void *value, size_t len)
{
	struct wbuf w;

	wbuf_init(&w, reply.data + reply.len, sizeof reply.data - reply.len);
	radius_put_vsa(&w, vendor, type, value, len);
	ck_assert(!w.fault);
	reply.len += wbuf_len(&w);
}

static inline void give_ms(uint8_t type, const void *value, size_t len)
{
	give_vsa(RADIUS_MICROSOFT, type, value, len);
}

static inline void give_ms_number(uint8_t type, uint32_t v)
{
	const uint8_t octets[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };

	give_ms(type, octets, sizeof octets);
}

/* One octet, the CHAP identifier, and a text. */
static inline void give_ms_text(uint8_t type, const char *text)
{
	char value[200] = { 1 };

	strcpy(value + 1, text);
	give_ms(type, value, 1 + strlen(text));
}

static inline void give_success(void)
{
	give_ms_text(RADIUS_MS_CHAP2_SUCCESS, "S=407A5589115FD0D6209F510FE9C04566932CDA56");
}

/* RFC 2548 section 2.4.2, here written apart from the code under test; `salt` 0: as in section 2.4.1. */
static inline void hide(uint8_t *text, size_t len, const uint8_t *salt)
{
	const uint8_t *before = authenticator;

	for (size_t at = 0; at < len; at += 16) {
		struct md5_ctx md5;
		uint8_t pad[16];

		md5_init(&md5);
		md5_update(&md5, hiding.secret.len, hiding.secret.p);
		md5_update(&md5, 16, before);
		if (salt && !at)
			md5_update(&md5, 2, salt);
		md5_digest(&md5, 16, pad);
		for (int i = 0; i < 16; i++)
			text[at + i] ^= pad[i];
		before = text + at;
	}
}

/* 16 octets of this value. */
static inline void give_key(uint8_t type, uint8_t octet)
{
	uint8_t value[34] = { 0x80, type, 16 };

	memset(value + 3, octet, 16);
	hide(value + 2, 32, value);
	give_ms(type, value, sizeof value);
}

static inline void give_keys(void)
{
	give_key(RADIUS_MS_MPPE_SEND_KEY, 0x55);
	give_key(RADIUS_MS_MPPE_RECV_KEY, 0xAA);
}

static inline struct job *next_waiting(void)
{
	for (unsigned i = 0; i < njobs; i++)
		if (!jobs[i].over)
			return &jobs[i];
	ck_abort_msg("nothing is asked");
	return NULL;
}

/* The answer to the oldest request that waits, with all that was given; from memory of its own, so that what is kept of
 * it is seen by a sanitizer. */
static inline void server_says(uint8_t code)
{
	struct job *k = next_waiting();
	uint8_t *copy = malloc(reply.len ? reply.len : 1);
	struct radius_packet packet = { .code = code, .attributes = copy, .len = reply.len };
	struct radius_answer a = { .packet = &packet, .hiding = hiding, .server = SERVER };

	ck_assert_int_eq(k->error, 0);
	memcpy(copy, reply.data, reply.len);
	reply.len = 0;
	k->over = true;
	k->job.done(k->job.ctx, &a);
	free(copy);
}

static inline void server_accepts(void)
{
	server_says(RADIUS_ACCESS_ACCEPT);
}

static inline void server_rejects(void)
{
	server_says(RADIUS_ACCESS_REJECT);
}

/* Nobody has answered in time, or the request could not be written. */
static inline void server_fails(void)
{
	struct job *k = next_waiting();
	struct radius_answer a = { .error = k->error ? k->error : -ETIMEDOUT, .server = "" };

	k->over = true;
	k->job.done(k->job.ctx, &a);
}

#endif
