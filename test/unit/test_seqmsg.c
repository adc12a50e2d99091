/*
 * common/seqmsg: messages with descriptors, cut ones, full sockets and the end (SEC-04).
 */
#include "common/seqmsg.h"

#include "test/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static int pair[2];

static void pair_setup(void)
{
	ck_assert_int_eq(seqmsg_pair(pair), 0);
	fcntl(pair[1], F_SETFL, O_NONBLOCK);
}

static void pair_teardown(void)
{
	close(pair[0]);
	close(pair[1]);
}

static unsigned open_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

START_TEST(seqmsg_data)
{
	static uint8_t data[SEQMSG_MAX + 1];
	struct seqmsg m;

	ck_assert(fcntl(pair[0], F_GETFD) & FD_CLOEXEC);
	ck_assert_int_eq(seqmsg_recv(pair[1], &m), -EAGAIN);
	memset(data, 7, sizeof data);
	ck_assert_int_eq(seqmsg_send(pair[0], data, SEQMSG_MAX, NULL, 0), 0);
	ck_assert_int_eq(seqmsg_send(pair[0], "x", 1, NULL, 0), 0);
	ck_assert_int_eq(seqmsg_send(pair[0], data, SEQMSG_MAX + 1, NULL, 0), -EMSGSIZE);
	ck_assert_int_eq(seqmsg_send(pair[0], data, 0, NULL, 0), -EMSGSIZE);
	ck_assert_int_eq(seqmsg_send(pair[0], data, 1, (int[]){ 0, 0, 0, 0, 0 }, 5), -EMSGSIZE);
	ck_assert_int_eq(seqmsg_recv(pair[1], &m), 0);
	ck_assert(m.len == SEQMSG_MAX && !memcmp(m.data, data, SEQMSG_MAX) && !m.nfds);
	ck_assert_int_eq(seqmsg_recv(pair[1], &m), 0);
	ck_assert(m.len == 1 && m.data[0] == 'x');
	ck_assert_int_eq(seqmsg_recv(pair[1], &m), -EAGAIN);
	/* A full socket says so; what was sent before its end is still there. */
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	while (seqmsg_send(pair[0], data, SEQMSG_MAX, NULL, 0) == 0)
		;
	ck_assert_int_eq(seqmsg_send(pair[0], data, SEQMSG_MAX, NULL, 0), -EAGAIN);
	shutdown(pair[0], SHUT_WR);
	while (seqmsg_recv(pair[1], &m) == 0)
		ck_assert_uint_eq(m.len, SEQMSG_MAX);
	ck_assert_int_eq(seqmsg_recv(pair[1], &m), -EPIPE);
	close(pair[1]);
	ck_assert_int_eq(seqmsg_send(pair[0], "x", 1, NULL, 0), -EPIPE); /* and no SIGPIPE */
}
END_TEST

START_TEST(seqmsg_descriptors)
{
	int fds[SEQMSG_FDS], taken;
	struct seqmsg m;
	unsigned before;

	for (int i = 0; i < SEQMSG_FDS; i++)
		fds[i] = open("/dev/null", O_RDONLY);
	before = open_fds();
	for (size_t n = 0; n <= SEQMSG_FDS; n++) {
		ck_assert_int_eq(seqmsg_send(pair[0], "m", 1, fds, n), 0);
		ck_assert_int_eq(seqmsg_recv(pair[1], &m), 0);
		ck_assert_uint_eq(m.nfds, n);
		ck_assert_uint_eq(open_fds(), before + n);
		for (size_t i = 0; i < n; i++)
			ck_assert(fcntl(m.fds[i], F_GETFD) & FD_CLOEXEC);
		ck_assert_int_eq(seqmsg_take_fd(&m, n), -1);
		taken = n ? seqmsg_take_fd(&m, 0) : -1;
		if (n)
			ck_assert_int_eq(seqmsg_take_fd(&m, 0), -1); /* once */
		seqmsg_clear(&m);
		seqmsg_clear(&m);
		ck_assert_uint_eq(open_fds(), before + (n ? 1 : 0));
		if (n)
			close(taken);
	}
	for (int i = 0; i < SEQMSG_FDS; i++)
		close(fds[i]);
}
END_TEST

/* Sends what seqmsg_send() would not: too many octets, or too many descriptors. */
static void send_raw(size_t len, const int *fds, size_t nfds)
{
	static uint8_t data[SEQMSG_MAX * 2];
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * 8)];
	} control;
	struct iovec iov = { data, len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			     .msg_controllen = CMSG_SPACE(sizeof(int) * nfds) };

	memset(&control, 0, sizeof control);
	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	control.align.cmsg_len = CMSG_LEN(sizeof(int) * nfds);
	memcpy(CMSG_DATA(&control.align), fds, sizeof(int) * nfds);
	ck_assert_int_eq(sendmsg(pair[0], &mh, 0), len);
}

/* SEC-04: a message that was cut leaves no descriptor behind, and the next one is whole. */
START_TEST(seqmsg_cut)
{
	int null = open("/dev/null", O_RDONLY);
	int fds[8] = { null, null, null, null, null, null, null, null };
	unsigned before = open_fds();
	struct seqmsg m;

	send_raw(SEQMSG_MAX + 1, fds, 2);
	send_raw(10, fds, SEQMSG_FDS + 1);
	send_raw(10, fds, 8);
	send_raw(0, fds, 1);
	ck_assert_int_eq(seqmsg_send(pair[0], "ok", 2, NULL, 0), 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(seqmsg_recv(pair[1], &m), -EBADMSG);
		ck_assert_uint_eq(m.nfds, 0);
		ck_assert_uint_eq(open_fds(), before);
	}
	ck_assert_int_eq(seqmsg_recv(pair[1], &m), -EPIPE); /* nothing that we would send */
	ck_assert_uint_eq(open_fds(), before);
	ck_assert_int_eq(seqmsg_recv(pair[1], &m), 0);
	ck_assert_uint_eq(m.len, 2);
	close(null);
}
END_TEST

static Suite *seqmsg_suite(void)
{
	Suite *s = suite_create("seqmsg");
	TCase *tc = tcase_create("seqmsg");

	tcase_add_checked_fixture(tc, pair_setup, pair_teardown);
	tcase_add_test(tc, seqmsg_data);
	tcase_add_test(tc, seqmsg_descriptors);
	tcase_add_test(tc, seqmsg_cut);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(seqmsg_suite)
