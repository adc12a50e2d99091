/*
 * Framed messages with file descriptors over a SOCK_SEQPACKET socket: the
 * carrier of the priv and the plugin protocol.  The kernel keeps the frames;
 * this adds the descriptors (close-on-exec on arrival) and says what went wrong.
 */
#ifndef PACD_COMMON_SEQMSG_H
#define PACD_COMMON_SEQMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEQMSG_MAX 8192
#define SEQMSG_FDS 4

struct seqmsg {
	uint8_t data[SEQMSG_MAX];
	size_t len;
	int fds[SEQMSG_FDS];
	size_t nfds;
	bool cut; /* this process has no room for the message's descriptors: none is kept */
};

/* A connected pair, close-on-exec; both ends blocking.  0 or -errno. */
int seqmsg_pair(int fds[2]);
/* 0, -EAGAIN on a full non-blocking socket, or -errno (-EPIPE: the other end is gone). */
int seqmsg_send(int fd, const void *data, size_t len, const int *fds, size_t nfds);
/*
 * 0 with the message and the descriptors, which the caller owns now; -EAGAIN;
 * -EPIPE at end of file; -EBADMSG for a message of more than SEQMSG_MAX octets or SEQMSG_FDS descriptors (which are
 * closed).  A process at its own limit of descriptors still gets the data, with `cut`.
 */
int seqmsg_recv(int fd, struct seqmsg *m);
/* Takes descriptor i out of the message: the caller owns it. -1 where there is none. */
int seqmsg_take_fd(struct seqmsg *m, size_t i);
/* Closes the descriptors that nobody took. */
void seqmsg_clear(struct seqmsg *m);

#endif
