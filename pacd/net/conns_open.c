/*
 * Control connections that we open: the originator's way from a socket to TCP
 * that is open (RFC 2637 section 3.1.1, idle).
 *
 * Owns nothing: the connection is in the set from the start.  Whether it may be
 * opened, and what happens on it afterwards, is not known here.
 */
#include "pacd/net/conn_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in to_sockaddr(uint32_t addr, uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port) };

	sin.sin_addr.s_addr = htonl(addr);
	return sin;
}

/* -1, and errno says why. */
static int socket_open(uint32_t local_addr)
{
	struct sockaddr_in sin = to_sockaddr(local_addr, 0);
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error;

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0 &&
	    (!local_addr || bind(fd, (struct sockaddr *)&sin, sizeof sin) == 0))
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* The kernel has chosen our own end by now, though TCP is not open yet. */
static void learn_local(struct conn *c)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof sin;

	if (getsockname(c->fd, (struct sockaddr *)&sin, &len) == 0)
		c->local = (struct endpoint){ ntohl(sin.sin_addr.s_addr), ntohs(sin.sin_port) };
}

/* What fails at once is told like what fails later: not before the loop is back. */
static void tcp_open(struct conn *c)
{
	struct sockaddr_in sin = to_sockaddr(c->peer.addr, c->peer.port);

	c->opening = true;
	if (connect(c->fd, (struct sockaddr *)&sin, sizeof sin) < 0 && errno != EINPROGRESS)
		c->open_error = errno;
	learn_local(c);
}

static struct conn *add(struct conns *s, int fd, const struct conn_open *o)
{
	struct conn *c;

	/* The limits hold for what others want of us, but who has a connection at all must be known. */
	if (!peers_take(s->peers, o->peer.addr, PEERS_OPENED, 0))
		return NULL;
	c = conns_add(s, fd, o->peer);
	if (!c)
		peers_put(s->peers, o->peer.addr, PEERS_OPENED);
	return c;
}

uint64_t conns_open(struct conns *s, const struct conn_open *o)
{
	struct ctrl_self self = s->settings.self;
	struct conn *c;
	int fd;

	if (s->draining) {
		errno = ESHUTDOWN;
		return 0;
	}
	fd = socket_open(o->local_addr);
	if (fd < 0)
		return 0;
	c = add(s, fd, o);
	if (!c) {
		close(fd);
		errno = ENOMEM;
		return 0;
	}
	if (o->host)
		msg_text_set(self.host, MSG_TEXT, o->host);
	ctrl_init(&c->ctrl, true, &s->settings.timers, &self, c->since);
	c->idle_ms = s->settings.idle_ms;
	c->yields = o->yields;
	tcp_open(c);
	conn_start(c);
	return c->id;
}

void conn_opened(struct conn *c)
{
	struct ctrl_event ev = { .type = CTRL_EV_OPEN };
	socklen_t len = sizeof c->open_error;

	ev_io_stop(c->set->loop, &c->writer);
	if (!c->open_error && getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &c->open_error, &len) < 0)
		c->open_error = errno;
	if (c->open_error) {
		ev.type = CTRL_EV_EOF;
	} else {
		c->opening = false;
		ev_io_start(c->set->loop, &c->reader);
	}
	conn_step(c, &ev);
}

static const char *hint(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return "no PPTP server listens on that address and port";
	case EHOSTUNREACH:
	case ENETUNREACH:
		return "look at the routes to the PNS, and whether it is up";
	case EACCES:
	case EPERM:
		return "a firewall of this machine forbids it";
	default:
		return "look at the route to the PNS, and at firewalls on the way";
	}
}

void conn_log_unopened(struct conn *c)
{
	/* Without an error of the kernel's it was our own timer that ended it. */
	int error = c->open_error ? c->open_error : ETIMEDOUT;
	char peer[ENDPOINT_TEXT];
	unsigned suppressed;

	if (log_allow(&c->set->limit_open, mono_now(), &suppressed))
		log_warn("connection-failed", "conn=%llu peer=%s error=\"%s\" hint=\"%s\" suppressed=%u",
			 (unsigned long long)c->id, endpoint_text(c->peer, peer), strerror(error), hint(error),
			 suppressed);
}
