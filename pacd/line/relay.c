/*
 * Data mode of a port through main: one socket pair, a filter in each direction.
 *
 * Owns the socket pair's near end, and what waits: never more than one chunk in
 * each direction and RELAY_INJECT octets of the filter's own.  Must not know what
 * the filter does, nor who is behind either end.
 */
#include "pacd/line/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* As much as waits is late: 2 KB are a third of a second at 56 kbit/s. */
enum { CHUNK = 2048, UP = 2 * CHUNK + RELAY_INJECT };
/* The kernel raises it to its least, which takes four short frames. */
enum { PAIR_BUFFER = 2048 };

struct relay {
	struct ev_loop *loop;
	const struct relay_handlers *handlers;
	void *ctx;
	int port, path;
	bool port_is_socket;
	bool path_gone; /* the data path has closed its end; the port is read on, for the filter's sake */
	bool held, lost;
	struct ev_io port_readable, port_writable, path_readable, path_writable;
	uint8_t down[CHUNK]; /* to the data path */
	size_t down_from, down_to;
	uint8_t up[UP];      /* to the port; behind up_data: injected */
	size_t up_from, up_data, up_to;
};

static bool error_is_soft(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

static void io_set(struct ev_loop *loop, struct ev_io *io, bool on)
{
	if (on)
		ev_io_start(loop, io);
	else
		ev_io_stop(loop, io);
}

/* Each side is read only while the other has taken everything. */
static void watch(struct relay *r)
{
	bool down = r->down_from < r->down_to, up = r->up_from < r->up_to;

	io_set(r->loop, &r->port_readable, !r->lost && !down);
	io_set(r->loop, &r->path_writable, !r->lost && down);
	io_set(r->loop, &r->path_readable, !r->lost && !up && !r->held && !r->path_gone);
	io_set(r->loop, &r->port_writable, !r->lost && up);
}

/* The last thing that its caller does: the handler may free the relay. */
static void port_lost(struct relay *r, int error)
{
	r->lost = true;
	watch(r);
	r->handlers->port_lost(r->ctx, error);
}

static void path_lost(struct relay *r)
{
	r->path_gone = true;
	r->down_from = r->down_to = 0;
}

static void down_write(struct relay *r)
{
	ssize_t n;

	if (r->path_gone)
		r->down_from = r->down_to;
	if (r->down_from == r->down_to)
		return;
	n = send(r->path, r->down + r->down_from, r->down_to - r->down_from, MSG_NOSIGNAL);
	if (n >= 0)
		r->down_from += (size_t)n;
	else if (!error_is_soft(errno))
		path_lost(r);
}

static void on_port_readable(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct relay *r = io->data;
	uint8_t data[CHUNK];
	ssize_t n = read(r->port, data, sizeof data);

	(void)loop;
	(void)revents;
	if (n < 0 && error_is_soft(errno))
		return;
	if (n <= 0) {
		port_lost(r, n < 0 ? errno : 0);
		return;
	}
	r->down_from = 0;
	r->down_to = r->handlers->from_port(r->ctx, r->down, data, (size_t)n);
	down_write(r);
	watch(r);
}

static void on_path_writable(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct relay *r = io->data;

	(void)loop;
	(void)revents;
	down_write(r);
	watch(r);
}

/* The last thing that its caller does. */
static void up_write(struct relay *r)
{
	size_t len = r->up_to - r->up_from;
	ssize_t n;

	if (len) {
		n = r->port_is_socket ? send(r->port, r->up + r->up_from, len, MSG_NOSIGNAL) :
					write(r->port, r->up + r->up_from, len);
		if (n < 0 && !error_is_soft(errno)) {
			port_lost(r, errno);
			return;
		}
		r->up_from += n > 0 ? (size_t)n : 0;
	}
	watch(r);
}

static void on_path_readable(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct relay *r = io->data;
	uint8_t data[CHUNK];
	ssize_t n = recv(r->path, data, sizeof data, 0);

	(void)loop;
	(void)revents;
	if (n < 0 && error_is_soft(errno))
		return;
	if (n <= 0) {
		path_lost(r);
		watch(r);
		return;
	}
	r->up_from = 0;
	r->up_data = r->up_to = r->handlers->to_port(r->ctx, r->up, data, (size_t)n);
	up_write(r);
}

static void on_port_writable(struct ev_loop *loop, struct ev_io *io, int revents)
{
	(void)loop;
	(void)revents;
	up_write(io->data);
}

static int pair_new(int pair[2])
{
	static const int size = PAIR_BUFFER;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	for (int i = 0; i < 2; i++)
		(void)setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	return 0;
}

struct relay *relay_new(struct ev_loop *loop, int port, const struct relay_handlers *h, void *ctx, int *fd)
{
	struct relay *r = calloc(1, sizeof *r);
	int type, pair[2];

	if (!r)
		return NULL;
	if (pair_new(pair) < 0) {
		free(r);
		return NULL;
	}
	r->loop = loop;
	r->handlers = h;
	r->ctx = ctx;
	r->port = port;
	r->path = pair[0];
	*fd = pair[1];
	r->port_is_socket = getsockopt(port, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){ sizeof type }) == 0;
	ev_io_init(&r->port_readable, on_port_readable, port, EV_READ);
	ev_io_init(&r->port_writable, on_port_writable, port, EV_WRITE);
	ev_io_init(&r->path_readable, on_path_readable, r->path, EV_READ);
	ev_io_init(&r->path_writable, on_path_writable, r->path, EV_WRITE);
	r->port_readable.data = r->port_writable.data = r->path_readable.data = r->path_writable.data = r;
	watch(r);
	return r;
}

void relay_push(struct relay *r, const uint8_t *data, size_t len)
{
	size_t room = sizeof r->down - r->down_to;

	if (r->lost || r->path_gone)
		return;
	if (len > room)
		len = room;
	memcpy(r->down + r->down_to, data, len);
	r->down_to += len;
	watch(r);
}

bool relay_inject(struct relay *r, const uint8_t *data, size_t len)
{
	if (r->lost)
		return false;
	if (r->up_from >= r->up_data) {
		/* The data are out; what was injected moves up. */
		memmove(r->up, r->up + r->up_from, r->up_to - r->up_from);
		r->up_to -= r->up_from;
		r->up_from = r->up_data = 0;
	}
	if (len > RELAY_INJECT - (r->up_to - r->up_data))
		return false;
	memcpy(r->up + r->up_to, data, len);
	r->up_to += len;
	watch(r);
	return true;
}

void relay_hold(struct relay *r, bool on)
{
	r->held = on;
	watch(r);
}

void relay_unsent(const struct relay *r, struct relay_unsent *u)
{
	size_t injected = r->up_from > r->up_data ? r->up_from : r->up_data;

	u->sent = r->up;
	u->sent_len = r->up_from < r->up_data ? r->up_from : r->up_data;
	u->lost = r->up_data - u->sent_len;
	u->injected = r->up + injected;
	u->injected_len = r->up_to - injected;
}

void relay_free(struct relay *r)
{
	if (!r)
		return;
	r->lost = true;
	watch(r);
	close(r->path);
	free(r);
}
