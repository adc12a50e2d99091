/*
 * For tests of rings and of calls on real lines: a room of real lines that does
 * what the test says, and PNSs that are dialled at loopback addresses.
 */
#ifndef PACD_TEST_UNIT_RING_H
#define PACD_TEST_UNIT_RING_H

#include "common/random.h"
#include "test/unit/unit_radius_session.h"

#include <arpa/inet.h>

#define RINGS 256

struct fake_ring {
	bool told, over, rejected;
	uint64_t session; /* that has answered; 0: none */
};

static struct fake_ring rings[RINGS];
static unsigned nrings;
static struct line_errors line_errors;
static int real_dial_error;
static char dialled_number[CHAT_NUMBER + 1], dialled_group[LINE_NAME];
static unsigned real_dials;

/* --- real lines --- */

static inline int real_dial(void *ctx, uint64_t session, const struct line_dial *d)
{
	ck_assert_ptr_nonnull(d->group);
	ck_assert(chat_number_ok(d->number));
	strcpy(dialled_number, d->number);
	strcpy(dialled_group, d->group);
	real_dials++;
	if (real_dial_error)
		return real_dial_error;
	return fake_dial(ctx, session, d);
}

static inline int real_answer(void *ctx, uint64_t ring, uint64_t session)
{
	struct line *l = line_at(session);

	(void)ctx;
	ck_assert(ring && ring <= nrings && !rings[ring].rejected && !rings[ring].session);
	if (rings[ring].over)
		return -ENOENT;
	ck_assert(!l->dialled);
	rings[ring].session = session;
	*l = (struct line){ .dialled = true, .fd = -1 };
	if (session > nlines)
		nlines = (unsigned)session;
	return 0;
}

static inline void real_reject(void *ctx, uint64_t ring)
{
	(void)ctx;
	ck_assert(ring && ring <= nrings && !rings[ring].rejected && !rings[ring].session);
	rings[ring].rejected = true;
}

static inline bool real_errors(void *ctx, uint64_t session, struct line_errors *e)
{
	(void)ctx;
	ck_assert(line_at(session)->answered);
	*e = line_errors;
	return true;
}

static const struct line_ops fake_real_ops = {
	.name = "real", .dial = real_dial, .hangup = fake_hangup, .answer = real_answer, .reject = real_reject,
	.errors = real_errors,
};

/* Line `name` rings; the ring's number. */
static inline uint64_t rings_from(const char *calling, const char *called)
{
	struct line_ring r = { .ring = ++nrings, .name = "modem7", .group = "pool", .channel = 7,
			       .bearer = MSG_BEARER_ANALOG, .framing = MSG_FRAMING_ASYNC, .called = called,
			       .calling = calling };

	ck_assert_uint_lt(nrings, RINGS);
	rings[nrings] = (struct fake_ring){ .told = true };
	session_line_handlers.ring(sessions, &r);
	turn();
	skip_ms(3); /* rings think in turns of their own */
	return r.ring;
}

static inline uint64_t ring_now(void)
{
	return rings_from("5551234", "5550000");
}

static inline void caller_gives_up(uint64_t ring)
{
	rings[ring].over = true;
	session_line_handlers.ring_over(sessions, ring);
	turn();
}

static inline bool was_rejected(uint64_t ring)
{
	skip_ms(3);
	return rings[ring].rejected;
}

static inline bool was_answered(uint64_t ring)
{
	skip_ms(3);
	return rings[ring].session != 0;
}

/* The modem has connected. */
static inline void real_connects(uint64_t session, uint32_t speed)
{
	struct line *l = line_at(session);
	struct line_up up = { .speed = speed, .bearer = MSG_BEARER_ANALOG, .framing = MSG_FRAMING_ASYNC, .channel = 7, .pace_bps = speed, .window = 4,
			      .flow_control = true, .name = "modem7", .group = "pool", .connect = "CONNECT" };

	ck_assert(l->dialled && !l->answered && !l->over);
	l->answered = true;
	up.fd = l->fd = open("/dev/null", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	session_line_handlers.answered(sessions, session, &up);
	turn();
}

static inline void real_goes_down(uint64_t session, uint8_t error)
{
	struct line *l = line_at(session);

	ck_assert(l->dialled && !l->over);
	l->over = true;
	session_line_handlers.down(sessions, session, &(struct line_end){ .error = error });
	turn();
}

/* Real lines that were hung up go down. */
static inline void real_settle(void)
{
	for (unsigned i = 1; i <= nlines; i++)
		if (lines[i].dialled && lines[i].hangups && !lines[i].over)
			real_goes_down(i, MSG_ERR_NONE);
}

/* --- PNSs --- */

#define PNS_A 0x7f000002 /* 127.0.0.2 */
#define PNS_B 0x7f000003
#define PNS_C 0x7f000004

/* Their port, and the next one, in texts of configurations; each test takes two that are free in their stead. */
#define PORT_TEXT "47231"
#define NEXT_TEXT "47232"
static uint16_t pns_port;

#define REAL(more)                                                                                              \
	"max_channels = 20; pns = { port = 47231; addresses = [ \"127.0.0.2\" ]; };"                            \
	"lines = ( { name = \"modem7\"; type = \"tty\"; device = \"/dev/null7\"; group = \"pool\"; } );" more PLAIN
#define ROUTES                                                                                                  \
	"routes = ( { called = \"77\"; pns = [ \"127.0.0.4:47231\", \"127.0.0.4:47232\" ]; },"                     \
	"           { pns = [ \"127.0.0.2:47231\", \"127.0.0.3:47231\" ]; } );"

/* Listens at a port; -1: somebody else does. */
static inline int pns_tries(uint32_t addr, uint16_t port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(addr) };

	ck_assert_int_ge(fd, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, (struct sockaddr *)&sin, sizeof sin) == 0 && listen(fd, 8) == 0)
		return fd;
	close(fd);
	return -1;
}

/* A PNS that listens: its socket. */
static inline int pns_listens_at(uint32_t addr, uint16_t port)
{
	int fd = pns_tries(addr, port);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static inline int pns_listens(uint32_t addr)
{
	return pns_listens_at(addr, pns_port);
}

/* The next connection that pacd opens there; NULL: none. */
static inline struct pns *pns_called(int listening)
{
	static struct pns all[32];
	static unsigned next;
	struct pns *n = &all[next++ % 32];
	int fd = -1;

	for (int i = 0; i < 20 && fd < 0; i++) {
		turns(2);
		fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	}
	if (fd < 0)
		return NULL;
	*n = (struct pns){ .fd = fd };
	turn();
	return n;
}

static inline void pns_accepts(struct pns *n)
{
	struct msg m = pns_expect(n, MSG_SCCRQ);

	ck_assert_uint_eq(m.sccrq.version, MSG_VERSION);
	m = (struct msg){ .type = MSG_SCCRP, .sccrp = { .version = MSG_VERSION, .result = SCCRP_OK } };
	pns_send(n, &m);
	turn();
}

static inline void pns_icrp(struct pns *n, uint16_t pac_id, uint16_t pns_id, uint8_t result)
{
	const struct msg m = { .type = MSG_ICRP, .icrp = { .call_id = pns_id, .peer_call_id = pac_id,
							   .result = result, .window = 6, .delay = 3 } };

	pns_send(n, &m);
	turn();
}

/* Five digits, as those in the texts. */
static inline void port_choose(void)
{
	int a = -1, b = -1;

	while (a < 0 || b < 0) {
		pns_port = (uint16_t)(20000 + random_u32() % 10000);
		a = pns_tries(0, pns_port);
		b = pns_tries(0, (uint16_t)(pns_port + 1));
		close(a);
		close(b);
	}
}

static inline void real_with(const char *text)
{
	char *own = strdup(text), *at, digits[6];

	port_choose();
	while ((at = strstr(own, PORT_TEXT)) || (at = strstr(own, NEXT_TEXT))) {
		snprintf(digits, sizeof digits, "%u", pns_port + (unsigned)(at[4] - '1'));
		memcpy(at, digits, 5);
	}
	real_room = &fake_real_ops;
	start(own);
	free(own);
}

static inline void real_over(void)
{
	real_settle();
	skip_ms(3);
	finish();
	check_records();
}

static inline void ring_case(Suite *s, const char *name, void (*setup)(void), const TTest *const *tests)
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, real_over);
	for (; *tests; tests++)
		tcase_add_test(tc, *tests);
	suite_add_tcase(s, tc);
}

#define RING_CASE(s, name, setup, ...) ring_case(s, name, setup, (const TTest *const[]){ __VA_ARGS__, NULL })

#endif
