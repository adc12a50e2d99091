/*
 * A TCP connection to a terminal server.
 *
 * Owns nothing.  Knows neither telnet nor modems.
 */
#include "pacd/line/port_connect.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

/* A dead server is noticed: an idle one after 60 + 4 * 15 s, one that takes or acknowledges nothing after 60 s. */
enum { KEEP_IDLE_S = 60, KEEP_INTERVAL_S = 15, KEEP_PROBES = 4, UNACKED_MS = 60000 };
enum { UNSENT_MAX = 2048 }; /* octets that wait in the kernel: they should wait where they are known */

static void option_set(int fd, int level, int option, int value)
{
	(void)setsockopt(fd, level, option, &value, sizeof value);
}

static void connection_tune(int fd)
{
	option_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	option_set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_MAX);
	option_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	option_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S);
	option_set(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S);
	option_set(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_PROBES);
	option_set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKED_MS);
	/* A telnet synch is urgent data: taken out of the stream it would leave half a command behind. */
	option_set(fd, SOL_SOCKET, SO_OOBINLINE, 1);
}

int port_connect(struct endpoint to)
{
	struct sockaddr_in sa = {
		.sin_family = AF_INET, .sin_port = htons(to.port), .sin_addr.s_addr = htonl(to.addr),
	};
	int e, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	connection_tune(fd);
	if (connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0 || errno == EINPROGRESS)
		return fd;
	e = errno;
	close(fd);
	return -e;
}
