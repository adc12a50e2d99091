/*
 * For tests of control connections that we open: a PNS at 127.0.0.2 that listens and connects, over TCP.  Its addresses
 * lie between two of ours, since the order decides collisions.
 */
#ifndef PACD_TEST_UNIT_CONN_TCP_H
#define PACD_TEST_UNIT_CONN_TCP_H

#include "test/unit/unit_conn.h"

#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>

#define LOW 0x7f000001u
#define PNS 0x7f000002u
#define HIGH 0x7f000003u

#define PNS_IDLE_MS 15000 /* below the echo's time */

static int pns_listener;
static struct endpoint pns_at;
static char logged[4096];

static inline void keep(enum log_level level, const char *line)
{
	size_t len = strlen(logged);

	(void)level;
	snprintf(logged + len, sizeof logged - len, "%s\n", line);
}

/* The kernel delivers on its own time; Check's time-out is the deadline. */
#define WAIT(condition)                        \
	do {                                   \
		while (turn(), !(condition))   \
			sched_yield();         \
	} while (0)

static inline struct sockaddr_in sockaddr_of(struct endpoint e)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(e.port) };

	sin.sin_addr.s_addr = htonl(e.addr);
	return sin;
}

static inline struct endpoint end_of(int fd, int (*get)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_in sin;
	socklen_t len = sizeof sin;

	ck_assert_int_eq(get(fd, (struct sockaddr *)&sin, &len), 0);
	return (struct endpoint){ ntohl(sin.sin_addr.s_addr), ntohs(sin.sin_port) };
}

static inline int tcp_at(uint32_t addr)
{
	struct sockaddr_in sin = sockaddr_of((struct endpoint){ addr, 0 });
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, sizeof sin), 0);
	return fd;
}

static inline int listen_at(uint32_t addr, int backlog)
{
	int fd = tcp_at(addr);

	ck_assert_int_eq(listen(fd, backlog), 0);
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static inline void setup_tcp(void)
{
	setup();
	memset(&seen, 0, sizeof seen);
	logged[0] = '\0';
	log_set_sink(keep);
	settings.idle_ms = PNS_IDLE_MS;
	conns_configure(conns, &settings);
	pns_listener = listen_at(PNS, 64);
	pns_at = end_of(pns_listener, getsockname);
}

static inline void teardown_tcp(void)
{
	close(pns_listener);
	teardown();
}

static inline struct pns *pns_of(int fd)
{
	static struct pns all[64];
	static unsigned next;
	struct pns *p = &all[next++ % 64];

	*p = (struct pns){ .fd = fd };
	return p;
}

/* --- what we open --- */

static inline uint64_t open_from(uint32_t local)
{
	const struct conn_open o = { .peer = pns_at, .local_addr = local, .yields = true };
	uint64_t id = conns_open(conns, &o);

	ck_assert_msg(id != 0, "%s", strerror(errno));
	return id;
}

/* The PNS's end of it. */
static inline struct pns *pns_accept(void)
{
	int fd;

	WAIT((fd = accept4(pns_listener, NULL, NULL, SOCK_CLOEXEC)) >= 0);
	return pns_of(fd);
}

static inline struct msg tcp_expect(struct pns *p, uint16_t type)
{
	struct msg m = { 0 };

	WAIT(pns_next(p, &m));
	ck_assert_str_eq(msg_type_word(m.type), msg_type_word(type));
	return m;
}

/* Not one octet more, and a FIN. */
static inline void tcp_end(struct pns *p)
{
	WAIT((pns_read(p), p->eof || p->error));
	pns_end(p);
	close(p->fd);
	p->fd = -1;
}

static inline void tcp_close(struct pns *p)
{
	close(p->fd);
	p->fd = -1;
}

static inline void pns_reply(struct pns *p, uint16_t version, uint8_t result)
{
	struct msg m = { .type = MSG_SCCRP, .sccrp = { .version = version, .result = result, .framing = 3, .bearer = 3 } };

	msg_text_set(m.sccrp.host, MSG_TEXT, "pns");
	pns_send(p, &m);
}

/* Established, from this address of ours. */
static inline struct pns *opened(uint32_t local)
{
	unsigned before = seen.established;
	uint64_t id = open_from(local);
	struct pns *p = pns_accept();

	tcp_expect(p, MSG_SCCRQ);
	pns_reply(p, MSG_VERSION, SCCRP_OK);
	WAIT(seen.established > before);
	ck_assert_uint_eq(seen.up, id);
	return p;
}

/* --- what the PNS opens --- */

static inline struct pns *pns_connect(uint32_t from, uint32_t to)
{
	int listener = listen_at(to, 1), fd = tcp_at(from), theirs;
	struct sockaddr_in sin = sockaddr_of(end_of(listener, getsockname));

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sin, sizeof sin), 0);
	WAIT((theirs = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0);
	close(listener);
	conns_accept(conns, theirs, end_of(theirs, getpeername), end_of(theirs, getsockname));
	return pns_of(fd);
}

static inline void pns_sccrq(struct pns *p)
{
	const struct msg m = msg_sccrq_good();

	pns_send(p, &m);
}

/* --- what there is --- */

struct find_view {
	uint64_t id;
	struct conn_view v;
	unsigned n; /* of all */
};

static inline void find_view(void *arg, const struct conn_view *v)
{
	struct find_view *f = arg;

	f->n++;
	if (v->id == f->id)
		f->v = *v;
}

/* Its id is 0 when it is gone. */
static inline struct conn_view view(uint64_t id)
{
	struct find_view f = { .id = id };

	conns_each(conns, find_view, &f);
	ck_assert_uint_eq(f.n, conns_count(conns));
	return f.v;
}

static inline bool is_in(uint64_t id, const char *state)
{
	struct conn_view v = view(id);

	return v.id && !strcmp(v.state, state);
}

static inline bool is_logged(const char *text)
{
	return strstr(logged, text) != NULL;
}

static inline void expect_closed(uint64_t id, enum ctrl_close why)
{
	WAIT(seen.down == id);
	ck_assert_str_eq(ctrl_close_word(seen.closed_why), ctrl_close_word(why));
}

#define FILLERS 8

/* From here on the PNS's queue is full: a further SYN gets no answer. */
static inline uint64_t open_unanswered(uint32_t local)
{
	struct sockaddr_in sin = sockaddr_of(pns_at);
	uint64_t id;

	ck_assert_int_eq(listen(pns_listener, 0), 0);
	for (int i = 0; i < FILLERS; i++)
		connect(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), (struct sockaddr *)&sin, sizeof sin);
	id = open_from(local);
	turn();
	ck_assert(is_in(id, "idle"));
	return id;
}

static inline void add_tcp(Suite *s, const char *name, const TTest *const *tests)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup_tcp, teardown_tcp);
	tcase_set_timeout(tc, 60);
	for (; *tests; tests++)
		tcase_add_test(tc, *tests);
	suite_add_tcase(s, tc);
}

#define CASE_TCP(s, name, ...) add_tcp(s, name, (const TTest *const[]){ __VA_ARGS__, NULL })

#endif
