/*
 * For tests of the RADIUS client: servers on the loopback in the test's own process, and callers that note what they
 * are told.  Replies are signed with code of the tests' own, so that a fault of ours does not cancel itself out.
 */
#ifndef PACD_TEST_UNIT_RADIUS_CLIENT_H
#define PACD_TEST_UNIT_RADIUS_CLIENT_H

#include "common/log.h"
#include "pacd/aaa/radius.h"

#include "test/unit/unit_loop.h"

#include <arpa/inet.h>
#include <nettle/hmac.h>
#include <nettle/md5.h>
#include <stdio.h>

#define SECRETS_MAX 8

/* --- the log --- */

static char logged[65536];

static inline void log_sink(enum log_level level, const char *line)
{
	size_t len = strlen(logged);

	if (level <= LOG_LEVEL_INFO && len + strlen(line) + 2 < sizeof logged)
		snprintf(logged + len, sizeof logged - len, "%s\n", line);
}

/* How often the text stands in the log. */
static inline unsigned log_count(const char *text)
{
	unsigned n = 0;

	for (const char *p = logged; (p = strstr(p, text)); p++)
		n++;
	return n;
}

/* --- servers --- */

struct fake {
	int fd;
	struct sockaddr_storage address;
	unsigned port;
	const char *secret;
};

struct wire { /* a request as it came */
	uint8_t data[4096];
	size_t len;
	struct sockaddr_storage from;
	socklen_t from_len;
};

static inline bool fake_open(struct fake *f, int family, const char *secret)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = family == AF_INET6 ? sizeof in6 : sizeof in;
	int size = 1 << 22;

	memset(f, 0, sizeof *f);
	f->secret = secret;
	memcpy(&f->address, family == AF_INET6 ? (void *)&in6 : (void *)&in, len);
	f->fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (f->fd < 0 || bind(f->fd, (struct sockaddr *)&f->address, len) < 0) {
		if (f->fd >= 0)
			close(f->fd);
		return false;
	}
	setsockopt(f->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	ck_assert_int_eq(getsockname(f->fd, (struct sockaddr *)&f->address, &len), 0);
	f->port = ntohs(((struct sockaddr_in *)&f->address)->sin_port); /* in the same place in both */
	return true;
}

/* Nobody listens there any more. */
static inline void fake_close(struct fake *f)
{
	close(f->fd);
	f->fd = -1;
}

/* It is back, at the port that it had. */
static inline void fake_reopen(struct fake *f)
{
	socklen_t len = f->address.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

	f->fd = socket(f->address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(f->fd, 0);
	ck_assert_int_eq(bind(f->fd, (struct sockaddr *)&f->address, len), 0);
}

/* The next request, if there is one. */
static inline bool fake_next(struct fake *f, struct wire *w)
{
	ssize_t n;

	turn();
	w->from_len = sizeof w->from;
	n = recvfrom(f->fd, w->data, sizeof w->data, 0, (struct sockaddr *)&w->from, &w->from_len);
	w->len = n < 0 ? 0 : (size_t)n;
	return n >= 0;
}

static inline struct wire fake_expect(struct fake *f, uint8_t code)
{
	struct wire w;

	ck_assert_msg(fake_next(f, &w), "no request came");
	ck_assert_uint_ge(w.len, 20);
	ck_assert_uint_eq(w.data[0], code);
	ck_assert_uint_eq((size_t)(w.data[2] << 8 | w.data[3]), w.len);
	return w;
}

static inline void fake_silence(struct fake *f)
{
	struct wire w;

	ck_assert(!fake_next(f, &w));
}

static inline unsigned fake_drain(struct fake *f)
{
	struct wire w;
	unsigned n = 0;

	while (fake_next(f, &w))
		n++;
	return n;
}

static inline uint16_t wire_port(const struct wire *w)
{
	return ntohs(((const struct sockaddr_in *)&w->from)->sin_port);
}

static inline bool wire_same(const struct wire *a, const struct wire *b)
{
	return a->len == b->len && !memcmp(a->data, b->data, a->len) && wire_port(a) == wire_port(b);
}

/* The value of the first attribute of that type, or NULL. */
static inline const uint8_t *wire_attribute(const struct wire *w, uint8_t type, size_t *len)
{
	for (size_t at = 20; at + 2 <= w->len && w->data[at + 1] >= 2; at += w->data[at + 1])
		if (w->data[at] == type) {
			*len = w->data[at + 1] - 2u;
			return w->data + at + 2;
		}
	return NULL;
}

/* --- replies --- */

enum { UNSIGNED = 1, BAD_HMAC = 2, BAD_AUTH = 4, PROXY_STATE = 8, BROKEN_LIST = 16, OTHER_ID = 32, SHORT = 64,
       RANDOM_AUTH = 128 };

static inline void md5_of(uint8_t digest[16], const uint8_t *data, size_t len, const char *secret)
{
	struct md5_ctx ctx;

	md5_init(&ctx);
	md5_update(&ctx, len, data);
	md5_update(&ctx, strlen(secret), (const uint8_t *)secret);
	md5_digest(&ctx, 16, digest);
}

/* What the first 16 octets of a User-Password are hidden with (RFC 2865 section 5.2). */
static inline void mask_of(uint8_t mask[16], const char *secret, const uint8_t authenticator[16])
{
	struct md5_ctx ctx;

	md5_init(&ctx);
	md5_update(&ctx, strlen(secret), (const uint8_t *)secret);
	md5_update(&ctx, 16, authenticator);
	md5_digest(&ctx, 16, mask);
}

static inline void hmac_of(uint8_t digest[16], const uint8_t *data, size_t len, const char *secret)
{
	struct hmac_md5_ctx ctx;

	hmac_md5_set_key(&ctx, strlen(secret), (const uint8_t *)secret);
	hmac_md5_update(&ctx, len, data);
	hmac_md5_digest(&ctx, 16, digest);
}

static inline size_t reply_list(uint8_t *p, unsigned how)
{
	size_t n = 0;

	if (!(how & UNSIGNED)) {
		p[n] = 80;
		p[n + 1] = 18;
		memset(p + n + 2, 0, 16);
		n += 18;
	}
	memcpy(p + n, "\x12\x04hi", 4);
	n += 4;
	if (how & PROXY_STATE) {
		memcpy(p + n, "\x21\x04xy", 4);
		n += 4;
	}
	if (how & BROKEN_LIST) {
		memcpy(p + n, "\x12\x09z", 3);
		n += 3;
	}
	return n;
}

static inline void fake_reply(struct fake *f, const struct wire *rq, uint8_t code, unsigned how)
{
	uint8_t p[4096], hash[16];
	size_t len = 20 + reply_list(p + 20, how);

	p[0] = code;
	p[1] = (uint8_t)(rq->data[1] + (how & OTHER_ID ? 1 : 0));
	p[2] = 0;
	p[3] = (uint8_t)len;
	memcpy(p + 4, rq->data + 4, 16);
	if (!(how & UNSIGNED)) {
		hmac_of(p + 22, p, len, f->secret);
		p[22] ^= how & BAD_HMAC ? 1 : 0;
	}
	md5_of(hash, p, len, f->secret);
	memcpy(p + 4, hash, 16);
	p[19] ^= how & BAD_AUTH ? 1 : 0;
	if (how & RANDOM_AUTH)
		memset(p + 4, 0x5a, 16);
	if (how & SHORT)
		len = 19;
	ck_assert_int_eq(sendto(f->fd, p, len, 0, (const struct sockaddr *)&rq->from, rq->from_len), len);
	turn();
}

/* --- the configuration --- */

static struct conf_radius conf;
static struct conf_radius_server conf_servers[SECRETS_MAX];

static inline struct conf_radius_server *conf_add(const struct fake *f)
{
	struct conf_radius_server *s = &conf_servers[conf.nservers++];

	*s = (struct conf_radius_server){
		.address = f->address, .port = f->port, .acct_port = 0, .secret = (char *)(uintptr_t)f->secret,
		.timeout_ms = 2000, .retries = 2, .signature = CONF_SIGNATURE_AUTO,
	};
	((struct sockaddr_in *)&s->address)->sin_port = 0;
	return s;
}

static inline void conf_init(void)
{
	memset(conf_servers, 0, sizeof conf_servers);
	conf = (struct conf_radius){
		.servers = conf_servers, .total_ms = 60000, .max_fail = 3, .dead_s = 60, .outstanding = 256,
		.nas_identifier = (char *)(uintptr_t)"pac",
	};
}

/* --- callers --- */

static struct radius_client *client;

struct caller {
	uint64_t id;
	unsigned encodes, dones;
	int error, refuse; /* refuse: encode() says no from this call on (1: the first) */
	uint8_t code;
	char server[80];
	uint8_t authenticator[16], hidden_by[16]; /* of the answer; that encode() saw latest */
	char secret[64], encoded_secret[64];
	void (*then)(struct caller *c);
};

static inline int caller_encode(void *ctx, const struct radius_hiding *h, struct wbuf *w)
{
	struct caller *c = ctx;
	uint8_t hidden[16];

	c->encodes++;
	if (c->refuse && c->encodes >= (unsigned)c->refuse)
		return -EINVAL;
	memcpy(c->hidden_by, h->authenticator, 16);
	snprintf(c->encoded_secret, sizeof c->encoded_secret, "%.*s", (int)h->secret.len, (const char *)h->secret.p);
	radius_put_text(w, RADIUS_USER_NAME, "user");
	mask_of(hidden, c->encoded_secret, h->authenticator);
	for (int i = 0; i < 8; i++)
		hidden[i] ^= (uint8_t)"password"[i];
	radius_put(w, RADIUS_USER_PASSWORD, hidden, 16);
	return 0;
}

static inline void caller_done(void *ctx, const struct radius_answer *a)
{
	struct caller *c = ctx;

	c->dones++;
	c->error = a->error;
	snprintf(c->server, sizeof c->server, "%s", a->server);
	if (a->packet) {
		c->code = a->packet->code;
		memcpy(c->authenticator, a->hiding.authenticator, 16);
		snprintf(c->secret, sizeof c->secret, "%.*s", (int)a->hiding.secret.len,
			 (const char *)a->hiding.secret.p);
	}
	if (c->then)
		c->then(c);
}

static inline uint64_t caller_send(struct caller *c, enum radius_role role)
{
	struct radius_job job = {
		.role = role,
		.code = role == RADIUS_AUTH ? RADIUS_ACCESS_REQUEST : RADIUS_ACCOUNTING_REQUEST,
		.encode = caller_encode,
		.done = caller_done,
		.ctx = c,
	};
	unsigned dones = c->dones;

	c->id = radius_client_send(client, &job);
	ck_assert_uint_eq(c->dones, dones); /* never from inside */
	return c->id;
}

/* The password in a request, by this secret. */
static inline void check_password(const struct wire *w, const char *secret)
{
	uint8_t plain[16];
	size_t len = 0;
	const uint8_t *hidden = wire_attribute(w, RADIUS_USER_PASSWORD, &len);

	ck_assert(hidden && len == 16);
	mask_of(plain, secret, w->data + 4);
	for (int i = 0; i < 16; i++)
		plain[i] ^= hidden[i];
	ck_assert_mem_eq(plain, "password\0\0\0\0\0\0\0\0", 16);
}

/* Message-Authenticator first, and right (RAD-50, RAD-51). */
static inline void check_signed(const struct wire *w, const char *secret)
{
	struct wire copy = *w;
	uint8_t digest[16];

	ck_assert_uint_eq(w->data[20], 80);
	ck_assert_uint_eq(w->data[21], 18);
	memset(copy.data + 22, 0, 16);
	hmac_of(digest, copy.data, copy.len, secret);
	ck_assert_mem_eq(digest, w->data + 22, 16);
}

static inline struct radius_server_view view_of(size_t i)
{
	struct radius_server_view v;

	ck_assert(radius_client_view(client, i, &v));
	return v;
}

/* --- both --- */

/* Seconds pass until nothing is under way. */
static inline void exhaust(void)
{
	for (int i = 0; i < 200 && radius_client_pending(client, RADIUS_AUTH); i++)
		skip_ms(1000);
	ck_assert_uint_eq(radius_client_pending(client, RADIUS_AUTH), 0);
}

static inline void answer(struct fake *f, struct caller *c, uint8_t code)
{
	struct wire w = fake_expect(f, RADIUS_ACCESS_REQUEST);

	fake_reply(f, &w, code, 0);
	ck_assert(c->dones == 1 && c->code == code);
	ck_assert_str_eq(c->secret, f->secret);
}

/* One request that this server answers, after the others kept silent. */
static inline void ask(struct fake *f)
{
	struct caller c = { 0 };
	struct wire w;

	caller_send(&c, RADIUS_AUTH);
	for (int i = 0; i < 60 && !c.dones; i++) {
		if (fake_next(f, &w))
			fake_reply(f, &w, RADIUS_ACCESS_ACCEPT, 0);
		else
			skip_ms(500);
	}
	ck_assert(c.dones == 1 && c.error == 0);
	ck_assert_str_eq(c.secret, f->secret);
}

/* --- start and end --- */

static unsigned fds_before;

static inline void client_start(void)
{
	log_set_sink(log_sink);
	log_set_level(LOG_LEVEL_INFO);
	logged[0] = 0;
	loop = ev_loop_new(EVFLAG_AUTO);
	client = radius_client_new(loop, &conf);
	ck_assert_ptr_nonnull(client);
	turn();
	fds_before = open_fds();
}

static inline void client_stop(void)
{
	radius_client_free(client);
	client = NULL;
	turn();
	ev_loop_destroy(loop);
}

#endif
