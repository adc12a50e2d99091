/*
 * For tests of the dynamic authorization server over loopback: a table of sessions that only notes what is done to it,
 * and a client that signs requests and verifies answers.
 */
#ifndef PACD_TEST_UNIT_DAS_H
#define PACD_TEST_UNIT_DAS_H

#include "common/log.h"
#include "pacd/aaa/das.h"
#include "pacd/aaa/das_socket.h"

#include "test/unit/unit_loop.h"

#include <arpa/inet.h>
#include <nettle/hmac.h>
#include <nettle/md5.h>
#include <stdio.h>

#define WINDOW 300
#define MAX 100
#define LINES 400

static struct das *das;
static struct conf_radius_das conf;
static struct conf_das_client clients[4];
static struct sockaddr_storage listens[3];
static const struct radius_nas nas = { .address = 0xc0000201, .identifier = "pac1" };
static char lines[LINES][512];
static unsigned nlines;

static inline void note_line(enum log_level level, const char *line)
{
	(void)level;
	if (nlines < LINES)
		snprintf(lines[nlines++], sizeof lines[0], "%s", line);
}

static inline bool logged(const char *a, const char *b)
{
	for (unsigned i = 0; i < nlines; i++)
		if (strstr(lines[i], a) && strstr(lines[i], b))
			return true;
	return false;
}

/* --- sessions --- */

struct session {
	const char *user, *id;
	enum dynauth_cause check; /* what check() says */
	unsigned checked, changed, disconnected;
	uint32_t timeout;
	size_t class_len;
};

static struct session sessions[MAX];
static unsigned nsessions, matches;

static inline bool text_is(struct dynauth_text t, const char *want)
{
	return t.len == strlen(want) && !memcmp(t.p, want, t.len);
}

static inline unsigned match(void *ctx, const struct dynauth_ident *i, uint64_t *ids, unsigned max)
{
	unsigned n = 0;

	ck_assert_ptr_eq(ctx, sessions);
	matches++;
	for (unsigned s = 0; s < nsessions; s++) {
		if (i->given & DYNAUTH_BY_USER && !text_is(i->user, sessions[s].user))
			continue;
		if (i->given & DYNAUTH_BY_SESSION && !text_is(i->session, sessions[s].id))
			continue;
		if (n < max)
			ids[n] = s;
		n++;
	}
	return n;
}

static inline enum dynauth_cause check(void *ctx, uint64_t id, const struct dynauth_change *c)
{
	(void)ctx;
	(void)c;
	sessions[id].checked++;
	return sessions[id].check;
}

static inline void change(void *ctx, uint64_t id, const struct dynauth_change *c)
{
	(void)ctx;
	/* All were asked before the first one changes. */
	ck_assert_uint_gt(sessions[id].checked, 0);
	sessions[id].changed++;
	sessions[id].timeout = c->session_timeout;
}

static inline void disconnect(void *ctx, uint64_t id, const struct dynauth_change *c)
{
	(void)ctx;
	sessions[id].disconnected++;
	sessions[id].class_len = c->class_len;
}

static const struct das_sessions table = { match, check, change, disconnect };

/* --- the server --- */

static inline struct sockaddr_storage address(const char *text, uint16_t port)
{
	struct sockaddr_storage a = { 0 };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&a;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a;

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		a.ss_family = AF_INET;
		v4->sin_port = htons(port);
	} else {
		ck_assert_int_eq(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
		a.ss_family = AF_INET6;
		v6->sin6_port = htons(port);
	}
	return a;
}

static inline socklen_t address_len(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

/* Bound to that address and a free port; -1: no such address here. */
static inline int udp(const char *text, uint16_t *port)
{
	struct sockaddr_storage a = address(text, port ? *port : 0);
	socklen_t len = sizeof a;
	int fd = socket(a.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&a, address_len(&a)) < 0) {
		close(fd);
		return -1;
	}
	getsockname(fd, (struct sockaddr *)&a, &len);
	if (port)
		*port = das_address_port(&a);
	return fd;
}

static inline uint16_t free_port(const char *text)
{
	uint16_t port = 0;
	int fd = udp(text, &port);

	ck_assert_int_ge(fd, 0);
	close(fd);
	return port;
}

static inline void client_set(unsigned i, const char *text, const char *secret)
{
	clients[i].address = address(text, 0);
	clients[i].secret = (char *)(uintptr_t)secret;
	conf.nclients = i + 1;
}

static inline void configure(void)
{
	conf.clients = clients;
	conf.listen = listens;
	das_configure(das, &conf, &nas);
}

static inline void listen_on(const char *text)
{
	listens[0] = address(text, free_port(text));
	conf.nlisten = 1;
}

static inline void setup(void)
{
	loop = ev_loop_new(EVFLAG_AUTO);
	log_set_sink(note_line);
	nlines = nsessions = matches = 0;
	memset(sessions, 0, sizeof sessions);
	memset(clients, 0, sizeof clients);
	conf = (struct conf_radius_das){ .window = WINDOW };
	das = das_new(loop, &table, sessions);
	listen_on("127.0.0.1");
	client_set(0, "127.0.0.1", "first secret");
	configure();
	sessions[nsessions++] = (struct session){ .user = "alice", .id = "s1" };
	sessions[nsessions++] = (struct session){ .user = "bob", .id = "s2" };
	sessions[nsessions++] = (struct session){ .user = "bob", .id = "s3" };
}

static inline void teardown(void)
{
	das_free(das);
	ev_loop_destroy(loop);
	log_set_sink(NULL);
}

static inline struct das_view view(void)
{
	struct das_view v;

	das_view(das, &v);
	return v;
}

/* --- the client --- */

struct asker {
	int fd;
	const char *secret;
	struct sockaddr_storage to, from; /* from: of the reply */
	uint8_t request[RADIUS_PACKET_MAX], reply[RADIUS_PACKET_MAX];
	size_t request_len, reply_len;
};

static inline struct asker asker_open(const char *text)
{
	struct asker a = { .fd = udp(text, NULL), .secret = "first secret", .to = listens[0] };

	ck_assert_int_ge(a.fd, 0);
	return a;
}

static inline void send_octets(struct asker *a, const uint8_t *data, size_t len)
{
	ck_assert_int_eq(sendto(a->fd, data, len, 0, (struct sockaddr *)&a->to, address_len(&a->to)), len);
	turn();
}

static inline void again(struct asker *a)
{
	send_octets(a, a->request, a->request_len);
}

#define A(literal) literal, sizeof(literal) - 1
#define ALICE "\x01\x07" "alice"
#define BOB "\x01\x05" "bob"
#define S1 "\x2c\x04" "s1"
#define TIMEOUT "\x1b\x06\0\0\x0e\x10"

static inline struct radius_secret secret_of(const struct asker *a)
{
	return (struct radius_secret){ (const uint8_t *)a->secret, strlen(a->secret) };
}

static inline void make(struct asker *a, uint8_t code, uint8_t id, const void *attributes, size_t len, bool sign)
{
	struct wbuf w;

	wbuf_init(&w, a->request, sizeof a->request);
	radius_begin(&w, code, id, NULL, sign);
	wbuf_bytes(&w, attributes, len);
	a->request_len = radius_finish(&w, secret_of(a));
	ck_assert_uint_ne(a->request_len, 0);
}

static inline void ask(struct asker *a, uint8_t code, uint8_t id, const void *attributes, size_t len)
{
	make(a, code, id, attributes, len, true);
	again(a);
}

static inline void ask_dated(struct asker *a, uint8_t code, uint8_t id, const char *user, int64_t ahead)
{
	uint8_t attributes[64];
	struct wbuf w;

	wbuf_init(&w, attributes, sizeof attributes);
	radius_put_text(&w, RADIUS_USER_NAME, user);
	radius_put_u32(&w, RADIUS_EVENT_TIMESTAMP, (uint32_t)(time(NULL) + ahead));
	ask(a, code, id, attributes, wbuf_len(&w));
}

static inline bool receive(struct asker *a)
{
	socklen_t len = sizeof a->from;
	ssize_t n = recvfrom(a->fd, a->reply, sizeof a->reply, MSG_DONTWAIT, (struct sockaddr *)&a->from, &len);

	a->reply_len = n > 0 ? (size_t)n : 0;
	return n > 0;
}

static inline void silence(struct asker *a)
{
	ck_assert(!receive(a));
}

/* Response Authenticator and Message-Authenticator, by their definitions (RFC 2866 section 3, RFC 3579 section 3.2). */
static inline void verify(const struct asker *a)
{
	uint8_t packet[RADIUS_PACKET_MAX], digest[16];
	struct hmac_md5_ctx hmac;
	struct md5_ctx md5;

	memcpy(packet, a->reply, a->reply_len);
	memcpy(packet + 4, a->request + 4, 16);
	md5_init(&md5);
	md5_update(&md5, a->reply_len, packet);
	md5_update(&md5, strlen(a->secret), (const uint8_t *)a->secret);
	md5_digest(&md5, 16, digest);
	ck_assert_mem_eq(digest, a->reply + 4, 16);
	ck_assert_mem_eq(packet + 20, "\x50\x12", 2);
	memset(packet + 22, 0, 16);
	hmac_md5_set_key(&hmac, strlen(a->secret), (const uint8_t *)a->secret);
	hmac_md5_update(&hmac, a->reply_len, packet);
	hmac_md5_digest(&hmac, 16, digest);
	ck_assert_mem_eq(digest, a->reply + 22, 16);
}

/* From the address that was asked; cause 0: an ACK. */
static inline void expect(struct asker *a, uint8_t code, unsigned cause)
{
	struct radius_packet p;

	ck_assert_msg(receive(a), "no answer");
	ck_assert_uint_eq(radius_parse(&p, a->reply, a->reply_len), RADIUS_GOOD);
	ck_assert_uint_eq(p.code, code);
	ck_assert_uint_eq(p.id, a->request[1]);
	ck_assert_int_eq(memcmp(&a->from, &a->to, address_len(&a->to)), 0);
	verify(a);
	if (!cause)
		return;
	ck_assert_uint_ge(p.len, 24);
	ck_assert_mem_eq(p.attributes + 18, "\x65\x06\0\0", 4);
	ck_assert_uint_eq((unsigned)(p.attributes[22] << 8 | p.attributes[23]), cause);
}

#define DAS_CASE(s, name, ...) das_case(s, name, (const TTest *const[]){ __VA_ARGS__, NULL })

static inline void das_case(Suite *s, const char *name, const TTest *const *tests)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, teardown);
	for (; *tests; tests++)
		tcase_add_test(tc, *tests);
	suite_add_tcase(s, tc);
}

#endif
