/*
 * Raw TCP lines on real loopback sockets: callers, who may call, dialling with each result, and the end of calls
 * (CALL-IN-03, -05, -09, CALL-OUT-02, -04 to -08, SEC-07).
 */
#include "test/unit/unit_lines.h"

#include <netinet/tcp.h>
#include <sys/resource.h>

/* --- the other side --- */

static struct sockaddr_in loopback(unsigned port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static unsigned port_number(int fd)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof sin;

	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	return ntohs(sin.sin_port);
}

/* A terminal server that waits for calls, or what the root part opens for callers. */
static int listening(int backlog)
{
	const struct sockaddr_in sin = loopback(0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&sin, sizeof sin), 0);
	ck_assert_int_eq(listen(fd, backlog), 0);
	return fd;
}

static int calls(unsigned port)
{
	const struct sockaddr_in sin = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&sin, sizeof sin), 0);
	turn();
	return fd;
}

static unsigned port; /* of the line "t" */

/* One line, with `more` of its settings; it listens, whatever its configuration gives as the port. */
static void line_up_with(const char *more)
{
	char text[512];
	struct priv_open o;
	int fd = listening(16);

	port = port_number(fd);
	snprintf(text, sizeof text, "lines = ( { name = \"t\"; type = \"tcp\"; listen = \"127.0.0.1:7001\"; "
		 "called = \"5551\"; speed = 9600; window = 3; retry = 5; %s } );", more);
	configure(text);
	ck_assert_str_eq(state_of("t"), "closed");
	o = asked_open();
	tell_opened(&o, 0, fd, 0);
	ck_assert_str_eq(state_of("t"), "idle");
}

static void line_dials(unsigned to, const char *more)
{
	char text[512];

	snprintf(text, sizeof text, "lines = ( { name = \"t\"; type = \"tcp\"; address = \"127.0.0.1:%u\"; %s } );", to,
		 more);
	configure(text);
	asked_nothing(); /* there is nothing for the root part to open */
	ck_assert_str_eq(state_of("t"), "idle");
}

/* --- callers --- */

START_TEST(caller_is_answered)
{
	struct line_view v;
	int fd, value = 0;
	socklen_t len = sizeof value;
	char early[8];

	line_up_with("");
	v = view_of("t");
	ck_assert_str_eq(v.type, "tcp");
	ck_assert_str_eq(v.control, "tcp");
	ck_assert_str_eq(v.place, "127.0.0.1:7001");
	fd = calls(port);
	ck_assert_uint_eq(seen.rings, 1);
	ck_assert_str_eq(seen.name, "t");
	ck_assert_str_eq(seen.called, "5551");
	ck_assert_str_eq(seen.calling, "");
	ck_assert_str_eq(state_of("t"), "ringing");
	/* It talks at once: that is kept. */
	ck_assert_int_eq(send(fd, "early", 5, 0), 5);
	skip_ms(1000);
	ck_assert_uint_eq(seen.over, 0);
	ck_assert_int_eq(CALL(lines_ops.answer(lines, seen.ring, 1)), 0);
	turn();
	ck_assert_uint_eq(seen.answered, 1);
	ck_assert(seen.up.speed == 9600 && seen.up.pace_bps == 9600 && seen.up.window == 3 && !seen.up.pid);
	ck_assert_int_eq(recv(seen.up.fd, early, sizeof early, 0), 5);
	ck_assert(joined(fd, seen.up.fd) && joined(seen.up.fd, fd));
	ck_assert(fcntl(seen.up.fd, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(seen.up.fd, F_GETFD) & FD_CLOEXEC);
	getsockopt(seen.up.fd, IPPROTO_TCP, TCP_NODELAY, &value, &len);
	ck_assert_int_eq(value, 1);
	getsockopt(seen.up.fd, SOL_SOCKET, SO_SNDBUF, &value, &len);
	ck_assert_int_le(value, 16384); /* the kernel doubles it, and has a least size of its own */
	getsockopt(seen.up.fd, SOL_SOCKET, SO_KEEPALIVE, &value, &len);
	ck_assert_int_eq(value, 1);
	ck_assert_str_eq(state_of("t"), "online");
	ck_assert(view_of("t").rings == 1 && view_of("t").answered == 1 && view_of("t").connected == 1);
	hangup(1);
	hangup(1);
	turn();
	ck_assert(seen.down == 1 && seen.error == MSG_ERR_NONE);
	ck_assert(is_closed(fd)); /* though the data path has its descriptor still */
	ck_assert(is_closed(seen.up.fd));
	ck_assert_str_eq(state_of("t"), "idle");
	ck_assert_uint_eq(lines_busy(lines), 0);
	close(fd);
	fd = calls(port);
	ck_assert_uint_eq(seen.rings, 2);
	close(fd);
}
END_TEST

START_TEST(line_is_taken)
{
	int a, b;

	line_up_with("");
	a = calls(port);
	b = calls(port);
	ck_assert(is_closed(b) && !is_closed(a));
	close(b);
	ck_assert_int_eq(CALL(lines_ops.answer(lines, seen.ring, 1)), 0);
	turn();
	b = calls(port);
	ck_assert(is_closed(b) && !is_closed(a));
	ck_assert_uint_eq(seen.rings, 1);
	close(a);
	close(b);
}
END_TEST

START_TEST(caller_gives_up)
{
	int fd;

	line_up_with("");
	fd = calls(port);
	send(fd, "early", 5, 0); /* does not hide the end */
	close(fd);
	skip_ms(250);
	ck_assert_uint_eq(seen.over, 1);
	ck_assert_uint_eq(seen.ring_over, seen.ring);
	ck_assert_int_eq(CALL(lines_ops.answer(lines, seen.ring, 1)), -ENOENT);
	ck_assert_str_eq(state_of("t"), "idle");
	/* Between two looks: the answer finds out. */
	fd = calls(port);
	close(fd);
	ck_assert_int_eq(CALL(lines_ops.answer(lines, seen.ring, 2)), 0);
	turn();
	ck_assert(seen.failed == 1 && seen.session == 2 && seen.result == OCRP_NO_CARRIER && !seen.answered);
	ck_assert_uint_eq(seen.over, 1);
	ck_assert_uint_eq(lines_busy(lines), 0);
}
END_TEST

START_TEST(caller_is_rejected)
{
	int fd;

	line_up_with("");
	seen.reject = true; /* from within the event */
	fd = calls(port);
	ck_assert(is_closed(fd));
	close(fd);
	skip_ms(1100);
	ck_assert(seen.rings == 1 && !seen.over && !lines_busy(lines));
	DO(lines_ops.reject(lines, seen.ring));
	seen.reject = false;
	seen.answer = true;
	fd = calls(port);
	ck_assert(seen.answered == 1 && joined(fd, seen.up.fd));
	close(fd);
}
END_TEST

/* SEC-10: one who redials at once rings only when the line has rested. */
START_TEST(rejected_redials)
{
	int fd;

	line_up_with("");
	seen.reject = true;
	close(calls(port));
	fd = calls(port);
	skip_ms(900);
	ck_assert_uint_eq(seen.rings, 1);
	skip_ms(200);
	ck_assert_uint_eq(seen.rings, 2);
	ck_assert(is_closed(fd));
	close(fd);
}
END_TEST

static bool may_call(const char *more)
{
	unsigned before = seen.rings;
	int fd;

	line_up_with(more);
	fd = calls(port);
	close(fd);
	skip_ms(1000);
	return seen.rings > before;
}

START_TEST(who_may_call)
{
	ck_assert(may_call(""));
	ck_assert_uint_eq(logged("line-caller-denied"), 0);
	ck_assert(may_call("peers = [ \"10.0.0.0/8\", \"127.0.0.1\" ];"));
	ck_assert(!may_call("peers = [ \"10.0.0.0/8\", \"127.0.0.2\" ];"));
	ck_assert_uint_eq(logged("line-caller-denied name=t peer=127.0.0.1"), 1);
	ck_assert(!may_call("address = \"10.1.2.3:7001\";"));
	ck_assert(may_call("address = \"127.0.0.1:7001\";"));
	ck_assert(!may_call("address = \"127.0.0.1:7001\"; use = \"out\";"));
	for (int i = 0; i < 50; i++)
		close(calls(port));
	ck_assert_uint_lt(logged("line-caller-denied"), 20);
}
END_TEST

/* SEC-07: no spinning, and the caller is served when there is one again. */
START_TEST(no_descriptors)
{
	struct sockaddr_in sin;
	struct rlimit limit, none;
	int fd;

	line_up_with("");
	fd = calls(port);
	close(fd);
	skip_ms(300);
	ck_assert_uint_eq(seen.rings, 1);
	getrlimit(RLIMIT_NOFILE, &limit);
	none = limit;
	none.rlim_cur = 3; /* no further one */
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	sin = loopback(port);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&sin, sizeof sin), 0);
	turns(50);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_eq(seen.rings, 1);
	ck_assert_uint_eq(logged("line-accept-failed"), 1);
	ck_assert_uint_eq(stats_get(STATS_ACCEPT_FAILURES), 1); /* tried once */
	skip_ms(1001);
	ck_assert_uint_eq(seen.rings, 2);
	close(fd);
}
END_TEST

START_TEST(cannot_listen)
{
	struct priv_open o;
	int fd;

	configure("lines = ( { name = \"t\"; type = \"tcp\"; listen = \"127.0.0.1:7001\"; retry = 5; } );");
	o = asked_open();
	tell_opened(&o, EADDRINUSE, -1, 0);
	ck_assert_str_eq(state_of("t"), "failed");
	ck_assert_str_eq(view_of("t").last_error, "another program has this address and port");
	skip_ms(5001);
	o = asked_open();
	fd = listening(4);
	port = port_number(fd);
	tell_opened(&o, 0, fd, 0);
	ck_assert_str_eq(state_of("t"), "idle");
	fd = calls(port);
	ck_assert_uint_eq(seen.rings, 1);
	close(fd);
}
END_TEST

/* --- dialling --- */

START_TEST(dial_succeeds)
{
	int server = listening(4), fd;

	line_dials(port_number(server), "speed = 56000; pace = false; bearer = \"digital\"; strict_window = \"off\";");
	ck_assert_int_eq(dial(1, "default"), 0);
	ck_assert_str_eq(state_of("t"), "dialling");
	ck_assert_uint_eq(seen.answered, 0);
	ck_assert_int_eq(dial(2, "default"), -EBUSY);
	turn();
	ck_assert_uint_eq(seen.answered, 1);
	ck_assert(seen.up.speed == 56000 && !seen.up.pace_bps && !seen.up.flow_control);
	fd = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	ck_assert(joined(fd, seen.up.fd) && joined(seen.up.fd, fd));
	ck_assert(view_of("t").dialled == 1 && view_of("t").connected == 1);
	/* Its end is the data path's to see; it says so, and hangs up. */
	close(fd);
	skip_ms(5000);
	ck_assert(!seen.down && is_closed(seen.up.fd));
	hangup(1);
	turn();
	ck_assert(seen.down == 1 && !seen.failed);
	ck_assert_int_eq(dial(3, "default"), 0);
	turn();
	ck_assert_uint_eq(seen.answered, 2);
	close(server);
}
END_TEST

/* CALL-OUT-04 */
START_TEST(nobody_there)
{
	int server = listening(4);
	unsigned to = port_number(server);

	close(server);
	line_dials(to, "");
	ck_assert_int_eq(dial(1, "default"), 0);
	ck_assert_uint_eq(seen.failed, 0);
	turn();
	ck_assert(seen.failed == 1 && seen.result == OCRP_BUSY && seen.error == MSG_ERR_NONE);
	ck_assert_uint_eq(view_of("t").busy, 1);
	ck_assert_str_eq(state_of("t"), "idle");
	hangup(1);
	turn();
	ck_assert_uint_eq(seen.down, 0);
}
END_TEST

/* A server that does not take connections any more: those that come wait. */
static void fill(int server, int *fds, unsigned n)
{
	const struct sockaddr_in sin = loopback(port_number(server));

	for (unsigned i = 0; i < n; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		connect(fds[i], (const struct sockaddr *)&sin, sizeof sin);
	}
	turn();
}

/* CALL-OUT-05, -06 */
START_TEST(nobody_answers)
{
	int server = listening(0), fds[4];

	fill(server, fds, 4);
	line_dials(port_number(server), "dial_timeout = 20;");
	ck_assert_int_eq(dial(1, "default"), 0);
	skip_ms(19000);
	ck_assert_uint_eq(seen.failed + seen.answered, 0);
	skip_ms(1001);
	ck_assert(seen.failed == 1 && seen.result == OCRP_TIME_OUT);
	ck_assert_uint_eq(view_of("t").time_outs, 1);
	ck_assert_str_eq(state_of("t"), "idle");
	ck_assert_int_eq(dial(2, "default"), 0);
	turn();
	hangup(2);
	ck_assert_uint_eq(seen.down, 0); /* not from inside */
	turn();
	ck_assert(seen.down == 1 && seen.failed == 1 && !seen.answered);
	hangup(2);
	skip_ms(30000);
	ck_assert(seen.down == 1 && seen.failed == 1);
	for (unsigned i = 0; i < 4; i++)
		close(fds[i]);
	close(server);
}
END_TEST

START_TEST(hangup_before_it_is_told)
{
	int server = listening(4), fd;

	line_dials(port_number(server), "");
	ck_assert_int_eq(dial(1, "default"), 0);
	hangup(1);
	turn();
	ck_assert(seen.down == 1 && !seen.answered);
	line_up_with("");
	fd = calls(port);
	ck_assert_int_eq(CALL(lines_ops.answer(lines, seen.ring, 2)), 0);
	hangup(2);
	turn();
	ck_assert(seen.down == 2 && !seen.answered && is_closed(fd));
	close(fd);
	close(server);
}
END_TEST

static void again(void)
{
	lines = lines_new(loop, priv, &line_handlers, &seen);
	seen.ring = 0;
}

/* Neither calls nor rings: nothing is left of them, and nobody is told. */
START_TEST(freed_while_in_use)
{
	int server = listening(0), fds[4], fd;

	fill(server, fds, 4);
	line_up_with("");
	fd = calls(port);
	ck_assert_int_eq(CALL(lines_ops.answer(lines, seen.ring, 1)), 0);
	DO(lines_free(lines)); /* with answered() untold */
	ck_assert(is_closed(fd));
	close(fd);
	again();
	line_dials(port_number(server), "");
	ck_assert_int_eq(dial(2, "default"), 0);
	DO(lines_free(lines));
	again();
	line_up_with("");
	fd = calls(port);
	DO(lines_free(lines));
	ck_assert(is_closed(fd));
	close(fd);
	lines = NULL;
	ck_assert_uint_eq(seen.answered + seen.failed + seen.down, 0);
	for (unsigned i = 0; i < 4; i++)
		close(fds[i]);
	close(server);
}
END_TEST

static Suite *line_tcp_suite(void)
{
	Suite *s = suite_create("line_tcp");

	LINES_CASE(s, "caller", caller_is_answered, line_is_taken, caller_gives_up, caller_is_rejected, rejected_redials,
		  who_may_call,
		   no_descriptors, cannot_listen);
	LINES_CASE(s, "dial", dial_succeeds, nobody_there, nobody_answers, hangup_before_it_is_told);
	LINES_CASE(s, "free", freed_while_in_use);
	return s;
}

UNIT_MAIN(line_tcp_suite)
