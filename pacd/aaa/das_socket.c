/*
 * UDP sockets of the dynamic authorization server (RFC 5176 section 2.3).
 *
 * Owns nothing.  Must not know clients or what a datagram says.
 */
#include "pacd/aaa/das_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

union control {
	struct cmsghdr align;
	char octets[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

static const struct sockaddr_in *as_v4(const struct sockaddr_storage *a)
{
	return (const struct sockaddr_in *)a;
}

static const struct sockaddr_in6 *as_v6(const struct sockaddr_storage *a)
{
	return (const struct sockaddr_in6 *)a;
}

/* IPv6 only: an IPv4 listener of the same port stands beside it. */
static int set_options(int fd, int family)
{
	int one = 1;

	if (family == AF_INET)
		return setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof one);
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) < 0)
		return -1;
	return setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof one);
}

int das_socket_open(const struct sockaddr_storage *listen)
{
	socklen_t len = listen->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	int fd = socket(listen->ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error;

	if (fd < 0)
		return -errno;
	if (set_options(fd, listen->ss_family) < 0 || bind(fd, (const struct sockaddr *)listen, len) < 0) {
		error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

/* The source address of the reply; the interface is the routing's choice, but for a link-local one. */
static void take_control(struct msghdr *m, struct das_path *path)
{
	path->family = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&path->to.v4, CMSG_DATA(c), sizeof path->to.v4);
			path->to.v4.ipi_ifindex = 0;
			path->family = AF_INET;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&path->to.v6, CMSG_DATA(c), sizeof path->to.v6);
			if (!IN6_IS_ADDR_LINKLOCAL(&path->to.v6.ipi6_addr))
				path->to.v6.ipi6_ifindex = 0;
			path->family = IN6_IS_ADDR_MULTICAST(&path->to.v6.ipi6_addr) ? 0 : AF_INET6;
		}
	}
}

ssize_t das_socket_receive(int fd, uint8_t *data, size_t cap, struct das_path *path)
{
	union control control;
	struct iovec iov = { .iov_base = data, .iov_len = cap };
	struct msghdr m = { .msg_name = &path->from, .msg_namelen = sizeof path->from, .msg_iov = &iov,
			    .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
	ssize_t n;

	memset(&path->from, 0, sizeof path->from);
	n = recvmsg(fd, &m, 0);
	if (n < 0)
		return -1;
	path->from_len = m.msg_namelen;
	take_control(&m, path);
	return n;
}

static void put_control(struct msghdr *m, union control *control, const struct das_path *path)
{
	bool v4 = path->family == AF_INET;
	size_t len = v4 ? sizeof path->to.v4 : sizeof path->to.v6;
	struct cmsghdr *c;

	memset(control, 0, sizeof *control);
	m->msg_control = control;
	m->msg_controllen = CMSG_SPACE(len);
	c = CMSG_FIRSTHDR(m);
	c->cmsg_level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
	c->cmsg_type = v4 ? IP_PKTINFO : IPV6_PKTINFO;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), &path->to, len);
}

int das_socket_send(int fd, const uint8_t *data, size_t len, const struct das_path *path)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = len };
	struct sockaddr_storage to = path->from;
	struct msghdr m = { .msg_name = &to, .msg_namelen = path->from_len, .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;

	if (path->family)
		put_control(&m, &control, path);
	return sendmsg(fd, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

char *das_address_text(const struct sockaddr_storage *a, char text[DAS_ADDRESS_TEXT])
{
	char address[INET6_ADDRSTRLEN] = "?";

	if (a->ss_family == AF_INET)
		inet_ntop(AF_INET, &as_v4(a)->sin_addr, address, sizeof address);
	else if (a->ss_family == AF_INET6)
		inet_ntop(AF_INET6, &as_v6(a)->sin6_addr, address, sizeof address);
	snprintf(text, DAS_ADDRESS_TEXT, a->ss_family == AF_INET6 ? "[%s]:%u" : "%s:%u", address, das_address_port(a));
	return text;
}

uint16_t das_address_port(const struct sockaddr_storage *a)
{
	if (a->ss_family == AF_INET)
		return ntohs(as_v4(a)->sin_port);
	return a->ss_family == AF_INET6 ? ntohs(as_v6(a)->sin6_port) : 0;
}

struct in6_addr das_address_octets(const struct sockaddr_storage *a)
{
	struct in6_addr octets = { 0 };

	if (a->ss_family == AF_INET6)
		return as_v6(a)->sin6_addr;
	if (a->ss_family != AF_INET)
		return octets;
	octets.s6_addr[10] = octets.s6_addr[11] = 0xff;
	memcpy(octets.s6_addr + 12, &as_v4(a)->sin_addr, 4);
	return octets;
}
