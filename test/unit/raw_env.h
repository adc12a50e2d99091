/*
 * The surroundings of the user-space data path's tests: a network namespace of
 * their own, where the test is the peer (127.0.0.2) on real raw GRE sockets and
 * the far side of each line.  Needs root or user namespaces.
 */
#ifndef PACD_TEST_RAW_ENV_H
#define PACD_TEST_RAW_ENV_H

#include "pacd/net/raw_worker.h"
#include "pacd/proto/gre.h"
#include "test/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <net/if.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define US 0x7F000009u    /* not what the kernel would choose as the source */
#define PEER 0x7F000002u
#define OTHER 0x7F000003u
#define LIMIT_MS 20000    /* for what must happen */
#define SESSION(id) (UINT64_C(0x100000000) + (id))

/* --- the surroundings --- */

struct env {
	struct ev_loop *loop;
	struct datapath *d;
	int peer;
	unsigned closed;
	uint64_t closed_id;
};

struct line {
	int ours, far; /* the data path's side, the test's */
	struct hdlc_rx rx;
	uint8_t data[65536];
	const uint8_t *p;
	size_t len;
};

static inline bool namespace_enter(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd, r;

	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	r = ioctl(fd, SIOCSIFFLAGS, &lo);
	close(fd);
	fd = socket(AF_INET, SOCK_RAW, IPPROTO_GRE);
	if (fd >= 0)
		close(fd);
	return r == 0 && fd >= 0;
}

static inline bool namespace_possible(void)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0)
		_exit(!namespace_enter());
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Takes what is addressed to us only: on loopback every raw socket sees both directions. */
static inline int raw_socket(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, US, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xFFFF),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = { .len = 4, .filter = code };
	int size = 1 << 22;
	int fd = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_GRE);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return fd;
}

static inline void closed(void *ctx, uint64_t id)
{
	struct env *e = ctx;

	e->closed++;
	e->closed_id = id;
	ev_break(e->loop, EVBREAK_ALL);
}

static inline void env_open(struct env *e, unsigned workers)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(PEER) };
	struct rlimit files = { 4096, 4096 };
	int sockets[8], size = 1 << 22;

	ck_assert(namespace_enter());
	setrlimit(RLIMIT_NOFILE, &files);
	memset(e, 0, sizeof(*e));
	for (unsigned i = 0; i < workers; i++)
		sockets[i] = raw_socket();
	e->peer = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_GRE);
	ck_assert_int_eq(bind(e->peer, (struct sockaddr *)&a, sizeof(a)), 0);
	setsockopt(e->peer, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	e->loop = ev_loop_new(EVFLAG_AUTO);
	e->d = datapath_raw_new(e->loop, sockets, workers, closed, e);
	ck_assert_ptr_nonnull(e->d);
	ck_assert_str_eq(e->d->ops->name, "user");
	ck_assert_int_eq(e->d->ops->probe(e->d), 0);
}

static inline void env_close(struct env *e)
{
	e->d->ops->free(e->d);
	ev_loop_destroy(e->loop);
	close(e->peer);
}

static inline void line_init(struct line *l)
{
	hdlc_rx_init(&l->rx, 0);
	l->p = l->data;
	l->len = 0;
}

static inline void line_pty(struct line *l)
{
	struct termios raw = { 0 };

	cfmakeraw(&raw);
	raw.c_cflag |= CS8 | CREAD;
	cfsetspeed(&raw, B38400);
	ck_assert_int_eq(openpty(&l->ours, &l->far, NULL, &raw, NULL), 0);
	line_init(l);
}

static inline void line_pair(struct line *l)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	l->ours = fds[0];
	l->far = fds[1];
	line_init(l);
}

/* The peer's id is ours + 1000. */
static inline struct datapath_call call_of(uint16_t id, const struct line *l)
{
	return (struct datapath_call){ .id = SESSION(id), .call_id = id, .peer_call_id = (uint16_t)(id + 1000),
				       .local_addr = US, .peer_addr = PEER, .fd = l->ours, .window = 64,
				       .peer_window = 64 };
}

static inline void attach(struct env *e, uint16_t id, struct line *l)
{
	struct datapath_call c = call_of(id, l);

	ck_assert_int_eq(e->d->ops->attach(e->d, &c), 0);
}

static inline struct datapath_stats stats(struct env *e, uint16_t id)
{
	struct datapath_stats s;

	ck_assert(e->d->ops->stats(e->d, id, &s));
	return s;
}

/* --- the peer and the far side of the line --- */

static inline void wait_in(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	ck_assert_msg(poll(&p, 1, LIMIT_MS) == 1, "nothing came");
}

/* Octets from `from` to us, as they are. */
static inline void peer_octets(struct env *e, uint32_t from, uint32_t to, const uint8_t *octets, size_t len)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(to) };
	struct in_pktinfo info = { .ipi_spec_dst.s_addr = htonl(from) };
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(info))] = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)octets, .iov_len = len };
	struct msghdr h = { .msg_name = &a, .msg_namelen = sizeof(a), .msg_iov = &iov, .msg_iovlen = 1,
			    .msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);

	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(c), &info, sizeof(info));
	ck_assert_int_eq(sendmsg(e->peer, &h, 0), (ssize_t)len);
}

static inline void peer_packet(struct env *e, uint32_t from, const struct gre *g)
{
	uint8_t octets[GRE_HEADER_MAX + GRE_PAYLOAD_MAX];
	size_t head = gre_encode(octets, g);

	if (g->payload_len)
		memcpy(octets + head, g->payload, g->payload_len);
	peer_octets(e, from, US, octets, head + g->payload_len);
}

/* A frame of `len` octets that says its number. */
static inline void frame_fill(uint8_t *frame, size_t len, uint32_t n)
{
	for (size_t i = 0; i < len; i++)
		frame[i] = (uint8_t)(n * 7 + i);
	memcpy(frame, &n, sizeof(n));
}

static inline void peer_data(struct env *e, uint16_t id, uint32_t seq, size_t len)
{
	uint8_t frame[GRE_PAYLOAD_MAX];
	struct gre g = { .call_id = id, .has_seq = true, .seq = seq, .payload = frame, .payload_len = len };

	frame_fill(frame, len, seq);
	peer_packet(e, PEER, &g);
}

static inline void peer_ack(struct env *e, uint16_t id, uint32_t ack)
{
	struct gre g = { .call_id = id, .has_ack = true, .ack = ack };

	peer_packet(e, PEER, &g);
}

/* The next packet to the peer, which must come from our address. */
static inline void peer_recv(struct env *e, struct gre *g)
{
	static uint8_t packet[RAW_PACKET];
	const uint8_t *p = packet;
	struct gre_ip ip;
	ssize_t n;
	size_t len;

	wait_in(e->peer);
	n = recv(e->peer, packet, sizeof(packet), 0);
	ck_assert_int_gt(n, 0);
	len = (size_t)n;
	ck_assert_int_eq(gre_ip_strip(&p, &len, &ip), GRE_OK);
	ck_assert_uint_eq(ip.src, US);
	ck_assert_int_eq(gre_decode(g, p, len), GRE_OK);
}

static inline void peer_recv_data(struct env *e, struct gre *g)
{
	do
		peer_recv(e, g);
	while (!g->has_seq);
}

static inline void line_send(struct line *l, const uint8_t *frame, size_t len)
{
	uint8_t out[HDLC_ENCODED_MAX(HDLC_FRAME_MAX)];
	size_t n = hdlc_encode(out, frame, len, 0);

	ck_assert_int_eq(write(l->far, out, n), (ssize_t)n);
}

static inline size_t line_recv(struct line *l)
{
	size_t n;

	while ((n = hdlc_decode(&l->rx, &l->p, &l->len)) == 0) {
		ssize_t got;

		wait_in(l->far);
		got = read(l->far, l->data, sizeof(l->data));
		ck_assert_int_gt(got, 0);
		l->p = l->data;
		l->len = (size_t)got;
	}
	return n;
}

static inline void line_expect(struct line *l, uint32_t seq, size_t len)
{
	uint8_t frame[GRE_PAYLOAD_MAX];
	uint32_t got;

	frame_fill(frame, len, seq);
	ck_assert_uint_eq(line_recv(l), len);
	memcpy(&got, l->rx.frame, sizeof(got));
	ck_assert_uint_eq(got, seq);
	ck_assert_mem_eq(l->rx.frame, frame, len);
}

static inline uint64_t received(struct env *e)
{
	struct datapath_totals t;

	e->d->ops->totals(e->d, &t);
	return t.rx_packets;
}

/* Until the condition holds; it must within the limit. */
#define WAIT_FOR(condition)                                                    \
	do {                                                                   \
		struct mono limit_ = mono_add_ms(mono_now(), LIMIT_MS);        \
		while (!(condition)) {                                         \
			ck_assert_msg(!mono_reached(limit_, mono_now()), #condition); \
			poll(NULL, 0, 1);                                      \
		}                                                              \
	} while (0)

#endif
