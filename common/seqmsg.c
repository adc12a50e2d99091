/*
 * sendmsg/recvmsg with SCM_RIGHTS on a SOCK_SEQPACKET socket.
 */
#include "common/seqmsg.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union fd_control {
	struct cmsghdr align;
	char space[CMSG_SPACE(sizeof(int) * SEQMSG_FDS)];
};

int seqmsg_pair(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0 ? -errno : 0;
}

int seqmsg_send(int fd, const void *data, size_t len, const int *fds, size_t nfds)
{
	union fd_control control;
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (len == 0 || len > SEQMSG_MAX || nfds > SEQMSG_FDS)
		return -EMSGSIZE;
	if (nfds) {
		struct cmsghdr *c = &control.align;

		memset(&control, 0, sizeof control);
		mh.msg_control = &control;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * nfds);
	}
	do
		n = sendmsg(fd, &mh, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static void take_fds(struct seqmsg *m, struct msghdr *mh)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n && m->nfds < SEQMSG_FDS; i++)
			memcpy(&m->fds[m->nfds++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
}

int seqmsg_recv(int fd, struct seqmsg *m)
{
	union fd_control control;
	struct iovec iov = { m->data, sizeof m->data };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1,
			     .msg_control = &control, .msg_controllen = sizeof control };
	ssize_t n;

	m->len = m->nfds = 0;
	m->cut = false;
	do
		n = recvmsg(fd, &mh, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	take_fds(m, &mh);
	if (n == 0) {
		seqmsg_clear(m);
		return -EPIPE;
	}
	m->cut = mh.msg_flags & MSG_CTRUNC;
	/* More descriptors than there may be are the sender's fault; fewer than it sent are a shortage of ours. */
	if ((mh.msg_flags & MSG_TRUNC) || (m->cut && m->nfds == SEQMSG_FDS)) {
		seqmsg_clear(m);
		return -EBADMSG;
	}
	if (m->cut)
		seqmsg_clear(m);
	m->len = (size_t)n;
	return 0;
}

int seqmsg_take_fd(struct seqmsg *m, size_t i)
{
	int fd;

	if (i >= m->nfds)
		return -1;
	fd = m->fds[i];
	m->fds[i] = -1;
	return fd;
}

void seqmsg_clear(struct seqmsg *m)
{
	for (size_t i = 0; i < m->nfds; i++)
		if (m->fds[i] >= 0)
			close(m->fds[i]);
	m->nfds = 0;
}
