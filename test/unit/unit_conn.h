/*
 * For tests of control connections: a set of them with handlers that count, and PNSes on socket pairs.
 */
#ifndef PACD_TEST_UNIT_CONN_H
#define PACD_TEST_UNIT_CONN_H

#include "common/log.h"
#include "pacd/net/conn.h"
#include "pacd/stats.h"

#include "test/unit/unit_loop.h"

#define START_MS 10000
#define REPLY_MS 20000
#define IDLE_MS 30000
#define ECHO_MS 40000
#define LINGER_MS 2000

static struct peers peers;
static struct conns *conns;
static struct conn_settings settings;
static struct list call; /* a call of the connection, as the call layer would hang it there */

static struct {
	unsigned calls, clears;
	uint16_t type;
	enum ctrl_close why;
	uint64_t conn;
	void (*then)(struct conn *c);
	unsigned established, closed;
	enum ctrl_close closed_why;
	uint64_t up, down;
	bool was_up;
	void (*closed_then)(struct conn *c);
} seen;

static inline void on_call(void *ctx, struct conn *c, const struct msg *m)
{
	ck_assert_ptr_eq(ctx, &seen);
	seen.calls++;
	seen.type = m->type;
	seen.conn = conn_id(c);
	if (seen.then)
		seen.then(c);
}

static inline void on_clear_calls(void *ctx, struct conn *c, enum ctrl_close why)
{
	ck_assert_ptr_eq(ctx, &seen);
	seen.clears++;
	seen.why = why;
	seen.conn = conn_id(c);
}

static inline void on_up(void *ctx, struct conn *c)
{
	ck_assert_ptr_eq(ctx, &seen);
	ck_assert(conn_is_established(c));
	seen.established++;
	seen.up = conn_id(c);
}

static inline void on_down(void *ctx, struct conn *c, enum ctrl_close why)
{
	ck_assert_ptr_eq(ctx, &seen);
	seen.was_up = conn_is_established(c);
	seen.closed++;
	seen.closed_why = why;
	seen.down = conn_id(c);
	if (seen.closed_then)
		seen.closed_then(c);
}

static const struct conn_handlers handlers = { on_call, on_clear_calls, on_up, on_down };

static inline void quiet(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

static inline void setup(void)
{
	log_set_sink(quiet);
	loop = ev_loop_new(EVFLAG_AUTO);
	peers_init(&peers);
	list_init(&call);
	conns = conns_new(loop, &handlers, &seen, &peers);
	ck_assert_ptr_nonnull(conns);
	settings = (struct conn_settings){
		.timers = { .start_ms = START_MS, .reply_ms = REPLY_MS, .echo_idle_ms = IDLE_MS, .echo_reply_ms = ECHO_MS },
		.self = { .max_channels = 100, .accept_minor = true },
	};
	msg_text_set(settings.self.host, MSG_TEXT, "pac");
	conns_configure(conns, &settings);
}

static inline void teardown(void)
{
	conns_free(conns);
	ck_assert_uint_eq(peers.by_addr.count, 0);
	peers_clear(&peers);
	ev_loop_destroy(loop);
}

static inline struct pns *pns_from(uint32_t addr)
{
	static struct pns all[64];
	static unsigned next;
	struct pns *p = &all[next++ % 64];
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	*p = (struct pns){ .fd = fds[1] };
	conns_accept(conns, fds[0], (struct endpoint){ addr, 50000 }, (struct endpoint){ 0x0a000001, 1723 });
	return p;
}

static inline struct pns *established(uint32_t addr)
{
	struct pns *p = pns_from(addr);

	pns_establish(p);
	return p;
}

/* The kernel's buffers towards the PNS are as small as they get. */
static inline struct pns *narrow(void)
{
	int fds[2], small = 1;
	static struct pns p;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	ck_assert_int_eq(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
	p = (struct pns){ .fd = fds[1] };
	conns_accept(conns, fds[0], (struct endpoint){ 1, 50000 }, (struct endpoint){ 2, 1723 });
	pns_establish(&p);
	return &p;
}

static inline void all_gone(void)
{
	turn();
	ck_assert_uint_eq(conns_count(conns), 0);
	ck_assert_uint_eq(conns_established(conns), 0);
	ck_assert_uint_eq(peers.by_addr.count, 0);
}

static inline struct conn *the_conn(void)
{
	struct conn *c = conn_find(conns, seen.conn);

	ck_assert_ptr_nonnull(c);
	return c;
}

/* The connection of this PNS, found by the call that it asks for. */
static inline struct conn *conn_of(struct pns *p)
{
	const struct msg m = { .type = MSG_OCRQ };
	unsigned before = seen.calls;

	pns_send(p, &m);
	turn();
	ck_assert_uint_eq(seen.calls, before + 1);
	return the_conn();
}

static const struct msg stop = { .type = MSG_STOP_CCRQ, .stop_ccrq = { .reason = STOP_NONE } };

static inline size_t put(uint8_t *to, struct msg m)
{
	return msg_encode(to, MSG_MAX, &m);
}

static inline void add(Suite *s, const char *name, const TTest *const *tests)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	for (; *tests; tests++)
		tcase_add_test(tc, *tests);
	suite_add_tcase(s, tc);
}

#define CASE(s, name, ...) add(s, name, (const TTest *const[]){ __VA_ARGS__, NULL })

#endif
