/*
 * CPU time per megabyte through a real line and its tunnel, beside socat copying
 * the same octets, in the same run: the real user-space data path in a process
 * of its own, raw GRE on the loopback of a network namespace, the line a pty.
 *
 * Only what moves the octets is measured, not who feeds or drinks them.
 */
#include "pacd/net/datapath.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define US 0x7F000009u
#define PEER 0x7F000002u
#define CALL 7
#define PEER_CALL 1007
#define FRAME 1400
#define WINDOW 4          /* of a real line, by default */
#define PEER_WINDOW 16
#define STALL_S 20

/* One measurement. */
struct bench {
	const char *name;
	bool to_line;
	unsigned piece;      /* octets that come from the line at once; 0: as fast as they go */
	unsigned pause_us;   /* between them, or between as many towards it */
	/* the rest is of the run */
	unsigned frames;
	int line, far;       /* the measured process's side of the line, the other one */
	int peer;            /* raw GRE; or the other end of socat's copy */
	bool copy;
};

static uint8_t frame[FRAME], encoded[HDLC_ENCODED_MAX(FRAME)];
static size_t encoded_len;

_Noreturn static void die(const char *what)
{
	fprintf(stderr, "bench_line: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void namespace_enter(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		die("a network namespace (root is needed)");
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
		die("the loopback");
	close(fd);
}

/* --- descriptors --- */

static int raw_socket(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, US, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xFFFF),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = { .len = 4, .filter = code };
	int fd = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_GRE);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0)
		die("raw GRE");
	return fd;
}

static int peer_socket(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(PEER) };
	struct timeval limit = { .tv_sec = STALL_S };
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_GRE);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		die("the peer's raw GRE");
	a.sin_addr.s_addr = htonl(US);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		die("the peer's address");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

static void line_open(struct bench *b)
{
	struct termios raw = { 0 };

	cfmakeraw(&raw);
	raw.c_cflag |= CS8 | CREAD;
	cfsetspeed(&raw, B38400);
	if (openpty(&b->line, &b->far, NULL, &raw, NULL) < 0)
		die("a pty");
}

static int64_t cpu_us(const struct rusage *u)
{
	return (u->ru_utime.tv_sec + u->ru_stime.tv_sec) * INT64_C(1000000) + u->ru_utime.tv_usec + u->ru_stime.tv_usec;
}

/* --- what is measured --- */

static void on_closed(void *ctx, uint64_t id)
{
	(void)ctx;
	(void)id;
}

static void on_stop(struct ev_loop *loop, ev_io *io, int revents)
{
	(void)io;
	(void)revents;
	ev_break(loop, EVBREAK_ALL);
}

static void path_run(const struct bench *b, int control)
{
	struct datapath_call c = {
		.id = 1, .call_id = CALL, .peer_call_id = PEER_CALL, .local_addr = US, .peer_addr = PEER,
		.fd = b->line, .window = WINDOW, .peer_window = PEER_WINDOW, .strict_window = true, .ack_taken = true,
	};
	struct ev_loop *loop = ev_default_loop(EVFLAG_AUTO);
	int fd = raw_socket();
	struct datapath *d = datapath_raw_new(loop, &fd, 1, on_closed, NULL);
	struct rusage before, after;
	int64_t us;
	ev_io stop;

	if (!d || d->ops->attach(d, &c) != 0)
		die("the data path");
	ev_io_init(&stop, on_stop, control, EV_READ);
	ev_io_start(loop, &stop);
	getrusage(RUSAGE_SELF, &before);
	if (write(control, "r", 1) != 1)
		die("control");
	ev_run(loop, 0);
	getrusage(RUSAGE_SELF, &after);
	us = cpu_us(&after) - cpu_us(&before);
	if (write(control, &us, sizeof(us)) != sizeof(us))
		die("control");
	_exit(0);
}

static pid_t path_start(const struct bench *b, int *control)
{
	int fds[2];
	pid_t child;
	char ready;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		die("a socket pair");
	child = fork();
	if (child < 0)
		die("a process");
	if (child == 0) {
		close(b->far);
		path_run(b, fds[1]);
	}
	close(fds[1]);
	if (read(fds[0], &ready, 1) != 1)
		die("the data path did not start");
	*control = fds[0];
	return child;
}

static int64_t path_stop(pid_t child, int control)
{
	int64_t us = 0;

	if (write(control, "s", 1) != 1 || read(control, &us, sizeof(us)) != sizeof(us))
		die("the data path's usage");
	close(control);
	waitpid(child, NULL, 0);
	return us;
}

static pid_t socat_start(const struct bench *b, int end)
{
	pid_t child = fork();

	if (child < 0)
		die("a process");
	if (child)
		return child;
	dup2(b->to_line ? end : b->line, 0);
	dup2(b->to_line ? b->line : end, 1);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	execlp("socat", "socat", "-u", "STDIN", "STDOUT", (char *)NULL);
	die("socat");
}

static int64_t socat_stop(pid_t child)
{
	struct rusage u;

	kill(child, SIGTERM);
	if (wait4(child, NULL, 0, &u) != child)
		die("socat's usage");
	return cpu_us(&u);
}

/* --- who feeds and drinks --- */

static void pause_us(unsigned us)
{
	struct timespec t = { .tv_nsec = us * 1000L };

	if (us)
		nanosleep(&t, NULL);
}

static void octets_write(int fd, const uint8_t *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n <= 0)
			die("write");
		p += n;
		len -= (size_t)n;
	}
}

/* The same octets in the same pieces, whoever is to move them. */
static void feed_octets(const struct bench *b, int fd)
{
	unsigned piece = b->piece && !b->to_line ? b->piece : (unsigned)encoded_len;

	for (unsigned i = 0; i < b->frames; i++)
		for (size_t at = 0; at < encoded_len; at += piece) {
			size_t n = encoded_len - at < piece ? encoded_len - at : piece;

			octets_write(fd, encoded + at, n);
			pause_us(b->pause_us);
		}
}

static bool gre_recv(int fd, struct gre *g)
{
	static __thread uint8_t packet[2048];
	const uint8_t *p = packet;
	ssize_t n = recv(fd, packet, sizeof(packet), 0);
	size_t len = (size_t)n;
	struct gre_ip ip;

	if (n < 0)
		die("nothing comes from the tunnel");
	return gre_ip_strip(&p, &len, &ip) == GRE_OK && gre_decode(g, p, len) == GRE_OK;
}

static void gre_send(int fd, const struct gre *g)
{
	uint8_t packet[GRE_HEADER_MAX + FRAME];
	size_t head = gre_encode(packet, g);

	memcpy(packet + head, frame, g->payload_len);
	if (send(fd, packet, head + g->payload_len, 0) < 0)
		die("send");
}

/* Obeys the window. */
static void feed_packets(const struct bench *b)
{
	struct gre g = { .call_id = CALL, .has_seq = true, .payload_len = FRAME }, got;
	uint32_t acked = 0;

	while (acked < b->frames) {
		for (; g.seq < b->frames && g.seq - acked < WINDOW; g.seq++) {
			gre_send(b->peer, &g);
			pause_us(b->pause_us);
		}
		if (gre_recv(b->peer, &got) && got.has_ack && (int32_t)(got.ack + 1 - acked) > 0)
			acked = got.ack + 1;
	}
}

static void *feed(void *arg)
{
	const struct bench *b = arg;

	if (b->to_line && !b->copy)
		feed_packets(b);
	else
		feed_octets(b, b->to_line ? b->peer : b->far);
	return NULL;
}

static void drink_octets(const struct bench *b, int fd)
{
	static uint8_t data[65536];
	uint64_t left = (uint64_t)b->frames * encoded_len;

	while (left) {
		ssize_t n = read(fd, data, sizeof(data));

		if (n <= 0)
			die("read");
		left -= (uint64_t)n < left ? (uint64_t)n : left;
	}
}

static void drink_packets(const struct bench *b)
{
	struct gre ack = { .call_id = CALL, .has_ack = true }, g;
	unsigned n = 0;

	while (n < b->frames) {
		if (!gre_recv(b->peer, &g) || !g.has_seq)
			continue;
		n++;
		ack.ack = g.seq;
		if (n % (PEER_WINDOW / 4) == 0 || n == b->frames)
			gre_send(b->peer, &ack);
	}
}

static void move(struct bench *b)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, feed, b))
		die("a thread");
	if (!b->to_line && !b->copy)
		drink_packets(b);
	else
		drink_octets(b, b->to_line ? b->far : b->peer);
	pthread_join(thread, NULL);
}

/* --- runs --- */

static int64_t path_measure(struct bench *b)
{
	int control;
	pid_t child;
	int64_t us;

	b->copy = false;
	b->peer = peer_socket();
	line_open(b);
	child = path_start(b, &control);
	move(b);
	us = path_stop(child, control);
	close(b->line);
	close(b->far);
	close(b->peer);
	return us;
}

static int64_t socat_measure(struct bench *b)
{
	int fds[2];
	pid_t child;
	int64_t us;

	b->copy = true;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		die("a socket pair");
	b->peer = fds[0];
	line_open(b);
	child = socat_start(b, fds[1]);
	move(b);
	us = socat_stop(child);
	close(b->line);
	close(b->far);
	close(fds[0]);
	close(fds[1]);
	return us;
}

/* What it costs to start and stop. */
static int64_t socat_idle(struct bench b)
{
	b.frames = 1;
	b.pause_us = 0;
	return socat_measure(&b);
}

static void bench_run(struct bench *b, double megabytes)
{
	double mb;
	int64_t path, copy;

	if (b->pause_us)
		megabytes /= 32;
	b->frames = (unsigned)(megabytes * 1e6 / (double)encoded_len) + 1;
	mb = (double)b->frames * (double)encoded_len / 1e6;
	path = path_measure(b);
	copy = socat_measure(b) - socat_idle(*b);
	printf("| %s | %.1f | %.2f | %.2f | %.2f |\n", b->name, mb, (double)path / mb / 1000, (double)copy / mb / 1000,
	       copy > 0 ? (double)path / (double)copy : 0.);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct bench benches[] = {
		{ .name = "to the line, full speed", .to_line = true },
		{ .name = "from the line, full speed" },
		{ .name = "to the line, a frame per 5 ms", .to_line = true, .pause_us = 5000 },
		{ .name = "from the line, 64 octets per 250 us", .piece = 64, .pause_us = 250 },
	};
	double megabytes = argc > 1 ? atof(argv[1]) : 64;

	signal(SIGPIPE, SIG_IGN);
	namespace_enter();
	for (unsigned i = 0; i < FRAME; i++)
		frame[i] = (uint8_t)((i * 2654435761u) >> 13);
	encoded_len = hdlc_encode(encoded, frame, FRAME, 0);
	printf("| %u-octet frames | MB on the line | line and tunnel, ms CPU per MB | socat, ms CPU per MB | ratio |\n"
	       "|---|---|---|---|---|\n", FRAME);
	for (unsigned i = 0; i < sizeof(benches) / sizeof(*benches); i++)
		bench_run(&benches[i], megabytes);
	return 0;
}
