/*
 * Accepts control connections.
 *
 * Owns the listening socket.  When descriptors or memory run out it closes a
 * spare descriptor to take and drop the waiting connection, and rests for a
 * moment: it neither spins nor leaves peers hanging (SEC-07).
 */
#include "pacd/net/listener.h"

#include "common/log.h"
#include "pacd/stats.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_BATCH 32 /* a round, so that calls go on during a storm */
#define REST_S 0.1      /* after a failure */
#define RESERVE 48      /* descriptors that connections leave to the calls that are there */

struct listener {
	struct ev_loop *loop;
	struct ev_io io;
	struct ev_timer rest;
	int spare; /* a descriptor to give up when there are none left */
	listener_allowed_fn allowed;
	listener_accept_fn accepted;
	void *ctx;
	struct log_limit limit_denied, limit_failed;
};

static struct endpoint from_sockaddr(const struct sockaddr_in *sin)
{
	return (struct endpoint){ ntohl(sin->sin_addr.s_addr), ntohs(sin->sin_port) };
}

static void deny(struct listener *l, int fd, struct endpoint peer)
{
	char text[ENDPOINT_TEXT];
	unsigned suppressed;

	close(fd);
	stats_add(STATS_CONNECTIONS_DENIED);
	if (log_allow(&l->limit_denied, mono_now(), &suppressed))
		log_info("connection-denied", "peer=%s by=peers suppressed=%u", endpoint_text(peer, text), suppressed);
}

static void take(struct listener *l, int fd, const struct sockaddr_in *from)
{
	struct endpoint peer = from_sockaddr(from);
	struct sockaddr_in sin;
	socklen_t len = sizeof sin;
	int one = 1;

	if (!l->allowed(l->ctx, peer.addr)) {
		deny(l, fd, peer);
		return;
	}
	/* A peer that has reset already has no local address to tell. */
	if (getsockname(fd, (struct sockaddr *)&sin, &len) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0) {
		close(fd);
		return;
	}
	l->accepted(l->ctx, fd, peer, from_sockaddr(&sin));
}

static void out_of_descriptors(struct listener *l, int error)
{
	unsigned suppressed;
	int fd;

	stats_add(STATS_ACCEPT_FAILURES);
	errno = error;
	if (log_allow(&l->limit_failed, mono_now(), &suppressed))
		log_error("accept-failed", "error=\"%m\" hint=\"raise LimitNOFILE or lower max_channels\" suppressed=%u",
			  suppressed);
	if (error == EMFILE || error == ENFILE) {
		close(l->spare);
		fd = accept4(l->io.fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			close(fd);
		l->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	ev_io_stop(l->loop, &l->io);
	ev_timer_set(&l->rest, REST_S, 0);
	ev_timer_start(l->loop, &l->rest);
}

/* The kernel gives the lowest free number, so that a high one says how many are taken. */
static bool in_reserve(int fd)
{
	struct rlimit l;

	return getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur > 2 * RESERVE && (rlim_t)fd >= l.rlim_cur - RESERVE;
}

static bool is_transient(int error)
{
	return error == EINTR || error == ECONNABORTED || error == EPROTO || error == EPERM;
}

static void on_acceptable(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct listener *l = w->data;

	(void)loop;
	(void)revents;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		struct sockaddr_in sin;
		socklen_t len = sizeof sin;
		int fd = accept4(w->fd, (struct sockaddr *)&sin, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0 && in_reserve(fd)) {
			close(fd);
			out_of_descriptors(l, EMFILE);
			return;
		}
		if (fd >= 0) {
			take(l, fd, &sin);
			continue;
		}
		if (errno == EAGAIN)
			return;
		if (!is_transient(errno)) {
			out_of_descriptors(l, errno);
			return;
		}
	}
}

static void on_rested(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct listener *l = w->data;

	(void)revents;
	ev_io_start(loop, &l->io);
}

struct listener *listener_new(struct ev_loop *loop, int fd, listener_allowed_fn allowed, listener_accept_fn accepted,
			      void *ctx)
{
	struct listener *l = calloc(1, sizeof *l);

	if (!l) {
		close(fd);
		return NULL;
	}
	l->loop = loop;
	l->allowed = allowed;
	l->accepted = accepted;
	l->ctx = ctx;
	l->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	l->limit_denied = LOG_LIMIT(10, 30);
	l->limit_failed = LOG_LIMIT(1, 6);
	ev_io_init(&l->io, on_acceptable, fd, EV_READ);
	ev_init(&l->rest, on_rested);
	l->io.data = l->rest.data = l;
	ev_io_start(loop, &l->io);
	return l;
}

void listener_free(struct listener *l)
{
	if (!l)
		return;
	ev_io_stop(l->loop, &l->io);
	ev_timer_stop(l->loop, &l->rest);
	close(l->io.fd);
	close(l->spare);
	free(l);
}
