/*
 * A terminal server with RFC 2217 on the loopback, for tests of the port that connects to it.
 */
#ifndef PACD_TEST_UNIT_PORT_SERVER_H
#define PACD_TEST_UNIT_PORT_SERVER_H

#include "common/log.h"

#include "test/unit/unit_port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#define IAC "\xFF"
#define SB "\xFA"
#define SE "\xF0"
#define WILL "\xFB"
#define DO "\xFD"
#define DONT "\xFE"
#define COM "\x2C"
#define SUB(octets) IAC SB COM octets IAC SE
#define OPENING IAC WILL "\0" IAC DO "\0" IAC WILL "\3" IAC DO "\3" IAC WILL COM
#define DTR_ON SUB("\5\x8")
#define DTR_OFF SUB("\5\x9")
#define PURGE SUB("\xC\3")
#define SETTINGS                                                               \
	SUB("\1\0\1\xC2\0")                                                    \
	SUB("\2\x8") SUB("\3\1") SUB("\4\1") SUB("\5\3") SUB("\xA\xE") SUB("\xB\xCC") DTR_ON

/* Octets of a string constant with NULs in it. */
#define GETS(s) server_gets((s), sizeof(s) - 1)
#define SAYS(s) server_says((s), sizeof(s) - 1)

static int listener = -1, server = -1;
static unsigned warned;

static ssize_t room = -1; /* octets that the network takes of the port; -1: as it is */

/* In the C library's place, so that a test says where the port's octets are cut. */
ssize_t send(int fd, const void *data, size_t len, int flags)
{
	int domain = 0;

	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &(socklen_t){ sizeof domain });
	if (room < 0 || fd == server || domain != AF_INET)
		return syscall(SYS_sendto, fd, data, len, flags, NULL, 0);
	if (!room) {
		errno = EAGAIN;
		return -1;
	}
	if (len > (size_t)room)
		len = (size_t)room;
	room -= (ssize_t)len;
	return syscall(SYS_sendto, fd, data, len, flags, NULL, 0);
}

static inline void sink(enum log_level level, const char *line)
{
	ck_assert_ptr_nonnull(strstr(line, "name=modem3"));
	warned += level == LOG_LEVEL_WARN;
}

static inline void setup(void)
{
	static char name[] = "modem3";
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof sa;

	loop = ev_default_loop(0);
	memset(&seen, 0, sizeof seen);
	warned = 0;
	room = -1;
	log_set_sink(sink);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&sa, sizeof sa), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&sa, &len), 0);
	conf = (struct conf_line){ .name = name, .baud = 115200, .flow = CONF_FLOW_RTSCTS };
	conf.address = (struct endpoint){ INADDR_LOOPBACK, ntohs(sa.sin_port) };
}

static inline void teardown(void)
{
	if (port)
		port->ops->free(port);
	port = NULL;
	for (int i = 0, *fd[] = { &server, &listener }; i < 2; i++) {
		if (*fd[i] >= 0)
			close(*fd[i]);
		*fd[i] = -1;
	}
	turn();
}

static inline void server_says(const void *data, size_t len)
{
	ck_assert_int_eq(send(server, data, len, MSG_NOSIGNAL), len);
	turn();
}

static inline void server_gets(const void *data, size_t len)
{
	uint8_t in[8192];
	ssize_t n;

	turn();
	n = recv(server, in, sizeof in, MSG_DONTWAIT);
	if (n < 0)
		n = 0;
	ck_assert_int_eq(n, len);
	ck_assert_mem_eq(in, data, len);
}

static inline void connects(void)
{
	seen.inside = true;
	port = port_rfc2217_new(loop, &conf, &handlers, &seen);
	seen.inside = false;
	ck_assert_ptr_nonnull(port);
	turn();
	server = accept(listener, NULL, NULL);
	ck_assert_int_ge(server, 0);
	ck_assert_int_eq(setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)), 0);
	GETS(OPENING);
	ck_assert_uint_eq(seen.ready + seen.closed, 0);
}

static inline void opens(void)
{
	connects();
	SAYS(IAC DO COM);
	GETS(SETTINGS);
	ck_assert(seen.ready == 1 && port->has_lines);
	ck_assert_str_eq(port->ops->name, "rfc2217");
}

static inline void opens_text(void)
{
	connects();
	SAYS(IAC DONT COM);
	ck_assert(seen.ready == 1 && !port->has_lines && !seen.closed);
	ck_assert_str_eq(port->ops->name, "text");
}

/* The server reads nothing: all buffers on the way to it fill up. */
static inline void server_stuck(int path)
{
	uint8_t data[1000];
	size_t total = 0;
	int idle = 0;

	memset(data, 0xFF, sizeof data);
	while (idle < 5 && total < 64 << 20) {
		ssize_t n = send(path, data, sizeof data, MSG_NOSIGNAL | MSG_DONTWAIT);

		idle = n < 0 ? idle + 1 : 0;
		total += n < 0 ? 0 : (size_t)n;
		turns(2);
	}
	ck_assert_uint_lt(total, 64 << 20);
}

/* All that comes, until nothing does. */
static inline size_t server_drains(uint8_t *out, size_t max)
{
	size_t total = 0;
	ssize_t n;

	for (int idle = 0; idle < 5; idle++) {
		turn();
		while ((n = recv(server, out + total, max - total, MSG_DONTWAIT)) > 0) {
			total += (size_t)n;
			idle = 0;
			turn();
		}
	}
	return total;
}

#endif
