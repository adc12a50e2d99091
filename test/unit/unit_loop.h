/*
 * For tests of what runs on the loop: a clock that a test can move on, turns of
 * the loop, and the PNS's end of a control connection.
 */
#ifndef PACD_TEST_UNIT_LOOP_H
#define PACD_TEST_UNIT_LOOP_H

#include "common/mono.h"
#include "pacd/proto/msg.h"

#include "test/unit/unit.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct ev_loop *loop;
static int64_t skipped_ms;

/*
 * In the C library's place, for our code and for libev: the monotonic clock stands still but for what a test skips, so
 * that no test depends on how fast the machine is.
 */
int clock_gettime(clockid_t id, struct timespec *ts)
{
	if (id != CLOCK_MONOTONIC && id != CLOCK_MONOTONIC_COARSE)
		return (int)syscall(SYS_clock_gettime, id, ts);
	ts->tv_sec = 1000 + skipped_ms / 1000;
	ts->tv_nsec = skipped_ms % 1000 * 1000000;
	return 0;
}

static inline void turns(int n)
{
	while (n--)
		ev_run(loop, EVRUN_NOWAIT);
}

/* As many as any chain of events here needs. */
static inline void turn(void)
{
	turns(6);
}

/* What was sent arrives, time goes by, and what is due then is done. */
static inline void skip_ms(int64_t ms)
{
	turn();
	skipped_ms += ms;
	turn();
}

static inline unsigned open_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* --- the PNS --- */

struct pns {
	int fd;
	uint8_t in[65536];
	size_t len;
	bool eof;
	int error; /* of recv() */
};

static inline void pns_read(struct pns *p)
{
	ssize_t n;

	turn();
	while (p->len < sizeof p->in && (n = recv(p->fd, p->in + p->len, sizeof p->in - p->len, MSG_DONTWAIT)) != 0) {
		if (n < 0) {
			p->error = errno == EAGAIN ? 0 : errno;
			return;
		}
		p->len += (size_t)n;
		turns(1);
	}
	p->eof = p->len < sizeof p->in;
}

static inline void pns_octets(struct pns *p, const void *data, size_t len)
{
	ck_assert_int_eq(send(p->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT), len);
}

static inline void pns_send(struct pns *p, const struct msg *m)
{
	uint8_t data[MSG_MAX];

	pns_octets(p, data, msg_encode(data, sizeof data, m));
}

/* The next message that has come, if there is one. */
static inline bool pns_next(struct pns *p, struct msg *m)
{
	size_t len;

	if (!p->len)
		pns_read(p);
	if (p->len < MSG_HEADER)
		return false;
	len = (size_t)(p->in[0] << 8 | p->in[1]);
	if (len > p->len)
		return false;
	ck_assert_int_eq(msg_decode(m, p->in, len), MSG_OK);
	p->len -= len;
	memmove(p->in, p->in + len, p->len);
	return true;
}

/* The next message, which must be of this type. */
static inline struct msg pns_expect(struct pns *p, uint16_t type)
{
	struct msg m = { 0 };

	ck_assert_msg(pns_next(p, &m), "no %s came", msg_type_word(type));
	ck_assert_str_eq(msg_type_word(m.type), msg_type_word(type));
	return m;
}

/* Nothing has come, and the connection is open. */
static inline void pns_silence(struct pns *p)
{
	pns_read(p);
	ck_assert_uint_eq(p->len, 0);
	ck_assert(!p->eof && !p->error);
}

/* Nothing more has come, but the end: a FIN, not a reset. */
static inline void pns_end(struct pns *p)
{
	pns_read(p);
	ck_assert_uint_eq(p->len, 0);
	ck_assert(p->eof && !p->error);
}

static inline void pns_close(struct pns *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	p->len = 0;
	turn();
}

static inline struct msg msg_sccrq_good(void)
{
	struct msg m = { .type = MSG_SCCRQ, .sccrq = { .version = MSG_VERSION, .framing = 3, .bearer = 3 } };

	msg_text_set(m.sccrq.host, MSG_TEXT, "pns");
	return m;
}

static inline struct msg msg_echo(uint32_t identifier)
{
	return (struct msg){ .type = MSG_ECHO_RQ, .echo_rq = { .identifier = identifier } };
}

/* SCCRQ, and a good reply. */
static inline void pns_establish(struct pns *p)
{
	struct msg m = msg_sccrq_good();

	pns_send(p, &m);
	m = pns_expect(p, MSG_SCCRP);
	ck_assert_uint_eq(m.sccrp.result, SCCRP_OK);
	ck_assert_uint_eq(m.sccrp.version, MSG_VERSION);
}

/* It lives: an echo is answered, and nothing else comes first. */
static inline void pns_lives(struct pns *p)
{
	static uint32_t identifier;
	struct msg m = msg_echo(++identifier);

	pns_send(p, &m);
	m = pns_expect(p, MSG_ECHO_RP);
	ck_assert_uint_eq(m.echo_rp.identifier, identifier);
	ck_assert_uint_eq(m.echo_rp.result, ECHO_OK);
}

#endif
