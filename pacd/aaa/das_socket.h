/*
 * UDP sockets of the dynamic authorization server: a reply leaves from the very
 * address that was asked, also where the socket is bound to all of them
 * (RFC 5176 section 2.3, RAD-83).
 */
#ifndef PACD_AAA_DAS_SOCKET_H
#define PACD_AAA_DAS_SOCKET_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#define DAS_ADDRESS_TEXT (INET6_ADDRSTRLEN + 8) /* "[address]:65535" */

/* Where a datagram came from, and which address of ours it was sent to. */
struct das_path {
	struct sockaddr_storage from;
	socklen_t from_len;
	int family; /* of `to`; 0: not known */
	union {
		struct in_pktinfo v4;
		struct in6_pktinfo v6;
	} to;
};

/* Bound and non-blocking: its descriptor, or a negative error of socket() or bind(). */
int das_socket_open(const struct sockaddr_storage *listen);
/* Octets of a datagram, cut to cap; -1 as recvmsg(). */
ssize_t das_socket_receive(int fd, uint8_t *data, size_t cap, struct das_path *path);
/* Back along the path. 0 or a negative error. */
int das_socket_send(int fd, const uint8_t *data, size_t len, const struct das_path *path);

/* "192.0.2.1:3799" or "[2001:db8::1]:3799". Returns `text`. */
char *das_address_text(const struct sockaddr_storage *a, char text[DAS_ADDRESS_TEXT]);
/* 0 for another family. */
uint16_t das_address_port(const struct sockaddr_storage *a);
/* The address as 16 octets, IPv4 in its mapped form (RFC 4291 section 2.5.5.2); zeros for another family. */
struct in6_addr das_address_octets(const struct sockaddr_storage *a);

#endif
