/*
 * A control socket's server in a folder of its own and its clients, for test_ctl.c and test_ctl_radius.c.
 */
#ifndef PACD_TEST_CTL_SERVER_H
#define PACD_TEST_CTL_SERVER_H

#include "pacd/ctl/ctl.h"
#include "test/unit/ctl_fake.h"
#include "test/unit/unit.h"

#include <ev.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct ev_loop *loop;
static struct ctl *ctl;
static struct ctl_fake fake;
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static char folder[] = "/tmp/test_ctl.XXXXXX";
static struct ctl_peer peer; /* who every client is */
static const struct ctl_limits limits = {
	.request_s = 5, .write_s = 5, .pending_s = 5, .retry_s = 0.05, .clients = 64, .reserved = 8,
	.queued = 32u << 20,
};
static char last_log[2048];

static int peer_fake(int fd, struct ctl_peer *p)
{
	(void)fd;
	*p = peer;
	if (peer.ngroups) {
		p->groups = malloc(peer.ngroups * sizeof *p->groups);
		memcpy(p->groups, peer.groups, peer.ngroups * sizeof *p->groups);
	}
	return 0;
}

static void sink(enum log_level level, const char *line)
{
	(void)level;
	snprintf(last_log, sizeof last_log, "%s", line);
}

static void setup(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(folder, "/tmp/test_ctl.XXXXXX");
	ck_assert(mkdtemp(folder) != NULL);
	snprintf(address.sun_path, sizeof address.sun_path, "%s/s", folder);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	ck_assert_int_eq(listen(fd, 128), 0);
	loop = ev_loop_new(EVFLAG_AUTO);
	fake = (struct ctl_fake){ .sessions = 3, .connections = 2, .pools = 2 };
	peer = (struct ctl_peer){ .uid = 0 };
	last_log[0] = '\0';
	log_set_sink(sink);
	ctl = ctl_new(loop, fd, &ctl_fake_provider, &fake);
	ck_assert(ctl != NULL);
	ctl_set_limits(ctl, &limits);
	ctl_set_peer_fn(ctl, peer_fake);
}

static void teardown(void)
{
	ctl_free(ctl);
	ev_loop_destroy(loop);
	unlink(address.sun_path);
	rmdir(folder);
}

static int dial(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static void say_octets(int fd, const char *text, size_t len)
{
	ck_assert_int_eq(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void say(int fd, const char *text)
{
	say_octets(fd, text, strlen(text));
}

static inline void spin(unsigned n)
{
	while (n--)
		ev_run(loop, EVRUN_NOWAIT);
}

static char answer[1u << 20];
static size_t answer_len;

/* Runs the loop until the server closes; the answer is NUL-terminated. */
static const char *hear(int fd)
{
	struct mono end = mono_add_s(mono_now(), 20);

	answer_len = 0;
	for (;;) {
		ssize_t n = recv(fd, answer + answer_len, sizeof answer - 1 - answer_len, 0);

		if (n > 0)
			answer_len += (size_t)n;
		else if (n == 0 || errno != EAGAIN)
			break;
		else
			ev_run(loop, EVRUN_NOWAIT);
		ck_assert(!mono_reached(end, mono_now()));
	}
	answer[answer_len] = '\0';
	close(fd);
	return answer;
}

static const char *ask(const char *line)
{
	int fd = dial();

	say(fd, line);
	return hear(fd);
}

static void ends_with_code(const char *text, const char *code)
{
	const char *newline = strstr(text, "\n."), *status = newline ? newline + 1 : text;

	ck_assert_msg(!strncmp(status, code, 4), "%s: %s", code, text);
}

static void has(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "%s not in: %s", part, text);
}

static inline void wait_clients(unsigned n)
{
	struct mono end = mono_add_s(mono_now(), 20);

	while (ctl_clients(ctl) != n) {
		ev_run(loop, EVRUN_NOWAIT);
		ck_assert(!mono_reached(end, mono_now()));
	}
}

static inline void set_deadlines(double request_s, double write_s, double pending_s)
{
	struct ctl_limits l = limits;

	l.request_s = request_s;
	l.write_s = write_s;
	l.pending_s = pending_s;
	ctl_set_limits(ctl, &l);
}

#endif
