/*
 * Data mode through main: order, back-pressure in both directions, ends, and what is put in between.
 * (Issue 5, section 4: bounded queue to the line.)
 */
#include "pacd/line/relay.h"

#include "test/unit/unit_loop.h"

static struct relay *relay;
static int port, modem, path; /* the relay's port, its other end, the data path's end */
static struct {
	unsigned lost;
	int error;
	bool free_when_lost;
	const char *answer; /* injected by from_port */
	size_t from, to;    /* octets that passed */
} seen;

/* Upper case one way; the other way every "!" twice. */
static size_t from_port(void *ctx, uint8_t *out, const uint8_t *data, size_t len)
{
	ck_assert_ptr_eq(ctx, &seen);
	seen.from += len;
	for (size_t i = 0; i < len; i++)
		out[i] = data[i] >= 'a' && data[i] <= 'z' ? (uint8_t)(data[i] - 32) : data[i];
	if (seen.answer)
		ck_assert(relay_inject(relay, (const uint8_t *)seen.answer, strlen(seen.answer)));
	seen.answer = NULL;
	return len;
}

static size_t to_port(void *ctx, uint8_t *out, const uint8_t *data, size_t len)
{
	size_t n = 0;

	(void)ctx;
	seen.to += len;
	for (size_t i = 0; i < len; i++) {
		out[n++] = data[i];
		if (data[i] == '!')
			out[n++] = data[i];
	}
	return n;
}

static void lost(void *ctx, int error)
{
	(void)ctx;
	seen.lost++;
	seen.error = error;
	if (!seen.free_when_lost)
		return;
	relay_free(relay);
	relay = NULL;
}

static const struct relay_handlers handlers = { .from_port = from_port, .to_port = to_port, .port_lost = lost };

static void begin(void)
{
	int pair[2], size = 2048;

	loop = ev_default_loop(0);
	memset(&seen, 0, sizeof seen);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	for (int i = 0; i < 2; i++)
		setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	port = pair[0];
	modem = pair[1];
	relay = relay_new(loop, port, &handlers, &seen, &path);
	ck_assert_ptr_nonnull(relay);
	ck_assert(fcntl(path, F_GETFL) & O_NONBLOCK && fcntl(path, F_GETFD) & FD_CLOEXEC);
}

static void end(void)
{
	relay_free(relay);
	for (int i = 0, *fd[] = { &port, &modem, &path }; i < 3; i++) {
		if (*fd[i] >= 0)
			close(*fd[i]);
		*fd[i] = -1;
	}
	turn();
}

static void sends(int fd, const void *data, size_t len)
{
	ck_assert_int_eq(send(fd, data, len, MSG_NOSIGNAL), len);
	turn();
}

static void gets(int fd, const char *text)
{
	char data[8192];
	ssize_t n;

	turn();
	n = recv(fd, data, sizeof data - 1, 0);
	if (n < 0)
		ck_assert_int_eq(errno, EAGAIN);
	data[n > 0 ? n : 0] = 0;
	ck_assert_str_eq(data, text);
}

/* Writes until nothing more is taken, with the loop running; how much. */
static size_t pours(int fd, uint8_t octet)
{
	uint8_t data[500];
	size_t total = 0;
	ssize_t n;

	memset(data, octet, sizeof data);
	while (total < 1 << 20) {
		n = send(fd, data, sizeof data, MSG_NOSIGNAL);
		turn();
		if (n < 0 && errno == EAGAIN && (n = send(fd, data, sizeof data, MSG_NOSIGNAL)) < 0)
			return total;
		total += (size_t)n;
	}
	return total;
}

static size_t drains(int fd)
{
	uint8_t data[4096];
	size_t total = 0;
	ssize_t n;

	for (int idle = 0; idle < 3; idle++) {
		turn();
		while ((n = recv(fd, data, sizeof data, 0)) > 0) {
			total += (size_t)n;
			idle = 0;
			turn();
		}
	}
	return total;
}

START_TEST(octets_pass_the_filters)
{
	begin();
	sends(modem, "frame", 5);
	gets(path, "FRAME");
	sends(path, "a!b", 3);
	gets(modem, "a!!b");
	end();
}
END_TEST

START_TEST(path_takes_nothing)
{
	size_t n;

	begin();
	n = pours(modem, 'x');
	ck_assert_uint_lt(n, 40000); /* three small buffers, not one that grows */
	ck_assert_uint_lt(seen.from, 16000);
	sends(path, "still!", 6); /* the other way is open */
	gets(modem, "still!!");
	ck_assert_uint_eq(drains(path), n);
	sends(modem, "y", 1);
	gets(path, "Y");
	end();
}
END_TEST

START_TEST(port_takes_nothing)
{
	size_t n;

	begin();
	n = pours(path, '!');
	ck_assert_uint_lt(n, 40000);
	sends(modem, "still", 5);
	gets(path, "STILL");
	ck_assert_uint_eq(drains(modem), 2 * n);
	end();
}
END_TEST

/* Hardly anything waits in the pair itself: what waits should wait in the data path. */
START_TEST(pair_is_small)
{
	size_t n;

	begin();
	relay_hold(relay, true);
	n = pours(path, 'x');
	ck_assert_uint_gt(n, 1000);
	ck_assert_uint_le(n, 6000);
	ck_assert_uint_eq(seen.to, 0);
	relay_hold(relay, false);
	ck_assert_uint_eq(drains(modem), n);
	end();
}
END_TEST

START_TEST(push_comes_first)
{
	begin();
	relay_push(relay, (const uint8_t *)"rest", 4);
	sends(modem, "more", 4);
	turn();
	gets(path, "restMORE");
	end();
}
END_TEST

START_TEST(push_is_bounded)
{
	static const uint8_t much[10000];

	begin();
	relay_push(relay, much, sizeof much);
	relay_push(relay, much, sizeof much);
	ck_assert_uint_le(drains(path), 2048);
	end();
}
END_TEST

START_TEST(inject)
{
	static const uint8_t much[RELAY_INJECT + 1];

	begin();
	ck_assert(!relay_inject(relay, much, sizeof much));
	seen.answer = "<answer>";
	sends(modem, "q", 1);
	gets(modem, "<answer>");
	relay_hold(relay, true); /* not for commands */
	ck_assert(relay_inject(relay, (const uint8_t *)"c", 1));
	gets(modem, "c");
	end();
}
END_TEST

/* Behind what waits, all or none, and what was not sent is told. */
START_TEST(inject_behind_data)
{
	static const uint8_t much[RELAY_INJECT - 1];
	struct relay_unsent u;

	begin();
	pours(path, '!');
	ck_assert(relay_inject(relay, (const uint8_t *)"1", 1));
	ck_assert(relay_inject(relay, much, sizeof much));
	ck_assert(!relay_inject(relay, much, 1));
	relay_unsent(relay, &u);
	ck_assert_uint_gt(u.lost, 0);
	ck_assert_uint_eq((u.sent_len + u.lost) % 2, 0);
	if (u.sent_len)
		ck_assert_uint_eq(u.sent[u.sent_len - 1], '!');
	ck_assert_uint_eq(u.injected_len, RELAY_INJECT);
	ck_assert_uint_eq(u.injected[0], '1');
	end();
}
END_TEST

START_TEST(data_path_closes)
{
	begin();
	close(path);
	path = -1;
	for (int i = 0; i < 20; i++)
		sends(modem, "abc", 3); /* read on: the filter has to see it */
	ck_assert_uint_eq(seen.from, 60);
	seen.answer = "answer";
	sends(modem, "q", 1);
	gets(modem, "answer");
	relay_push(relay, (const uint8_t *)"x", 1);
	ck_assert_uint_eq(seen.lost, 0);
	end();
}
END_TEST

START_TEST(port_ends)
{
	for (int freed = 0; freed < 2; freed++) {
		begin();
		seen.free_when_lost = freed;
		close(modem);
		modem = -1;
		turn();
		ck_assert_uint_eq(seen.lost, 1);
		ck_assert_int_eq(seen.error, 0);
		if (relay)
			ck_assert(!relay_inject(relay, (const uint8_t *)"x", 1));
		(void)!send(path, "x", 1, MSG_NOSIGNAL);
		turn();
		ck_assert_uint_eq(seen.lost, 1);
		end();
	}
}
END_TEST

/* A write finds it first. */
START_TEST(port_breaks)
{
	begin();
	seen.free_when_lost = true;
	shutdown(port, SHUT_WR);
	sends(path, "x", 1);
	ck_assert_uint_eq(seen.lost, 1);
	ck_assert_int_eq(seen.error, EPIPE);
	end();
}
END_TEST

START_TEST(path_sees_the_end)
{
	begin();
	relay_free(relay);
	relay = NULL;
	gets(path, "");
	ck_assert_int_eq(recv(path, &(char){ 0 }, 1, 0), 0);
	end();
}
END_TEST

START_TEST(no_descriptor_leaks)
{
	unsigned before;

	begin();
	end();
	before = open_fds();
	begin();
	end();
	ck_assert_uint_eq(open_fds(), before);
}
END_TEST

static Suite *relay_suite(void)
{
	Suite *s = suite_create("relay");

	UNIT_CASE(s, "data", octets_pass_the_filters, path_takes_nothing, port_takes_nothing, pair_is_small);
	UNIT_CASE(s, "between", push_comes_first, push_is_bounded, inject, inject_behind_data);
	UNIT_CASE(s, "ends", data_path_closes, port_ends, port_breaks, path_sees_the_end, no_descriptor_leaks);
	return s;
}

UNIT_MAIN(relay_suite)
