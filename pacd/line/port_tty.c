/*
 * A port that is a serial device: termios, and the modem's control lines by
 * TIOCMGET and TIOCGICOUNT, or NO CARRIER among the data where it has none.
 *
 * Owns the descriptor.  Must not know what the octets mean, nor sessions.  Who
 * else may use the device (lock files, TIOCEXCL) is the root part's business.
 */
#include "pacd/line/port.h"

#include "common/log.h"
#include "pacd/line/port_queue.h"
#include "pacd/line/port_watch.h"
#include "pacd/line/relay.h"
#include "pacd/proto/msg.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/serial.h>
#include <linux/tty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

enum { OUT_MAX = 1024, READ_MAX = 1024 };
enum { TELL_READY = 1, TELL_CLOSED = 2 };
/*
 * A look at the control lines is a transfer that main waits for at many USB adapters.  A modem that nobody talks with
 * is looked at seldom, where the driver counts the edges that nobody saw; one that was heard, told or rang so lately
 * may raise its carrier soon, or drop it.
 */
enum { IDLE_POLL_MS = 1000, LIVELY_MS = 3000 };
/* One that takes longer than SLOW_MS is looked at half as often, and so on; after some that did not, oftener again. */
enum { SLOW_MS = 50, SLOW_POLL_MS = 5000, STRETCH_MAX = 5, QUICK_POLLS = 100 };

struct port_tty {
	struct port port;
	struct ev_loop *loop;
	const struct port_handlers *handlers;
	void *ctx;
	int fd;
	bool sync;
	bool has_dtr;    /* also where text has to do because the operator wants it so */
	bool has_counts;
	bool dead, data;
	bool carrier, ring;
	bool said_slow;
	char name[LINE_NAME];
	struct port_rings rings;
	int ring_edges;  /* as the driver counts */
	struct serial_icounter_struct base;
	struct ev_io readable, writable;
	struct ev_timer poll;  /* control lines; one shot */
	unsigned poll_ms;      /* between the last poll and the next; 0: there was none */
	unsigned stretch;      /* a slow device: each one doubles that */
	unsigned quick;        /* polls in a row that were not slow */
	struct mono lively;    /* until then; MONO_NEVER: nothing is polled, or not yet */
	struct ev_timer quiet; /* behind NO CARRIER */
	struct ev_watcher later;
	unsigned tell;         /* what `later` has to say */
	char why[128];
	uint8_t out_room[OUT_MAX];
	struct port_queue out;
	struct relay *relay;   /* data mode without lines */
	struct port_words words;
};

/* --- how often the control lines are looked at --- */

/*
 * A slow device may be told late of a hang-up, but a carrier behind CONNECT, and one that goes with DTR, has to be seen
 * within the second or two that a modem's state machine gives it.
 */
static unsigned poll_wanted(const struct port_tty *p, struct mono now)
{
	bool lively = !p->data && !mono_reached(p->lively, now);
	unsigned ms = p->data || lively || !p->has_counts ? PORT_POLL_MS : IDLE_POLL_MS;
	unsigned max = lively ? IDLE_POLL_MS : SLOW_POLL_MS;

	ms <<= p->stretch;
	return ms < max ? ms : max;
}

/* Lines that a reload opens at once are not looked at all at once for ever: their descriptors differ. */
static double poll_phase(const struct port_tty *p)
{
	return (uint32_t)p->fd * UINT32_C(2654435769) / 4294967296.;
}

static void poll_arm(struct port_tty *p, struct mono now)
{
	unsigned last = p->poll_ms;
	double ms = p->poll_ms = poll_wanted(p, now);

	if (ms > last)
		ms = last + (ms - last) * poll_phase(p);
	ev_timer_stop(p->loop, &p->poll);
	ev_timer_set(&p->poll, ms / 1e3, 0.);
	ev_timer_start(p->loop, &p->poll);
}

/* Never later than it was to be. */
static void poll_hasten(struct port_tty *p)
{
	struct mono now = mono_now();

	if (ev_is_active(&p->poll) && poll_wanted(p, now) < p->poll_ms)
		poll_arm(p, now);
}

static void poll_begin(struct port_tty *p)
{
	struct mono now = mono_now();

	p->lively = mono_add_ms(now, LIVELY_MS);
	poll_arm(p, now);
}

/* Something goes on in command mode. */
static void poll_soon(struct port_tty *p)
{
	if (!mono_is_set(p->lively))
		return;
	p->lively = mono_add_ms(mono_now(), LIVELY_MS);
	poll_hasten(p);
}

static void poll_was_slow(struct port_tty *p, int64_t ms)
{
	p->quick = 0;
	if (p->stretch < STRETCH_MAX)
		p->stretch++;
	if (p->said_slow)
		return;
	p->said_slow = true;
	log_warn("line-slow", "name=%s ms=%lld hint=\"its control lines take so long to read, and everything waits: "
		 "they are read less often, so a hang-up is seen late; is the adapter, or its hub, all right?\"",
		 p->name, (long long)ms);
}

static void poll_took(struct port_tty *p, int64_t us)
{
	if (us > SLOW_MS * 1000) {
		poll_was_slow(p, us / 1000);
	} else if (p->stretch && ++p->quick >= QUICK_POLLS) {
		p->quick = 0;
		p->stretch--;
	}
}

/* --- events --- */

static bool error_is_soft(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

static void tell_later(struct port_tty *p, unsigned what)
{
	p->tell |= what;
	ev_feed_event(p->loop, &p->later, EV_CUSTOM);
}

static void watchers_stop(struct port_tty *p)
{
	ev_io_stop(p->loop, &p->readable);
	ev_io_stop(p->loop, &p->writable);
	ev_timer_stop(p->loop, &p->poll);
	ev_timer_stop(p->loop, &p->quiet);
}

/* error: an errno; 0: end of file. */
static void port_dead(struct port_tty *p, const char *what, int error)
{
	if (p->dead)
		return;
	p->dead = true;
	snprintf(p->why, sizeof p->why, "%s%s%s", what, error ? ": " : "", error ? strerror(error) : "");
	watchers_stop(p);
	p->tell = 0;
	tell_later(p, TELL_CLOSED);
}

static void device_lost(struct port_tty *p, int error)
{
	port_dead(p, "the device is gone", error);
}

/* One event at a time: the handler may free the port. */
static void on_later(struct ev_loop *loop, struct ev_watcher *w, int revents)
{
	struct port_tty *p = w->data;
	unsigned tell = p->tell;

	(void)loop;
	(void)revents;
	p->tell = 0;
	if (tell & TELL_CLOSED) {
		p->handlers->closed(p->ctx, p->why);
	} else if (tell & TELL_READY) {
		ev_io_start(p->loop, &p->readable);
		if (p->port.has_lines)
			poll_begin(p);
		p->handlers->ready(p->ctx);
	}
}

/* --- control lines --- */

static bool counts_read(const struct port_tty *p, struct serial_icounter_struct *counts)
{
	memset(counts, 0, sizeof *counts);
	return ioctl(p->fd, TIOCGICOUNT, counts) == 0;
}

/* The driver sees rings that are shorter than our poll; without it the line itself is looked at. */
static bool ring_edge(struct port_tty *p, int state)
{
	bool ring = state & TIOCM_RNG, edge = ring && !p->ring;
	struct serial_icounter_struct counts;

	p->ring = ring;
	if (p->has_counts && counts_read(p, &counts)) {
		edge = counts.rng != p->ring_edges;
		p->ring_edges = counts.rng;
	}
	return edge;
}

static void on_poll(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct port_tty *p = w->data;
	struct mono before = mono_now(), now;
	bool carrier, edge, changed;
	int state;

	(void)loop;
	(void)revents;
	if (ioctl(p->fd, TIOCMGET, &state) < 0) {
		device_lost(p, errno);
		return;
	}
	carrier = state & TIOCM_CAR;
	edge = ring_edge(p, state);
	now = mono_now();
	poll_took(p, mono_diff_us(now, before));
	changed = edge && port_rings_edge(&p->rings, now);
	changed |= carrier != p->carrier;
	p->carrier = carrier;
	if (edge || changed)
		p->lively = mono_add_ms(now, LIVELY_MS);
	poll_arm(p, now);
	if (changed)
		p->handlers->lines(p->ctx, carrier, p->rings.n);
}

static void tty_set_dtr(struct port *port, bool on)
{
	struct port_tty *p = (struct port_tty *)port;
	int dtr = TIOCM_DTR;

	/* A device that cannot is found by the poll. */
	if (!p->has_dtr || p->dead)
		return;
	(void)ioctl(p->fd, on ? TIOCMBIS : TIOCMBIC, &dtr);
	poll_soon(p);
}

static void tty_errors(struct port *port, struct line_errors *e)
{
	struct port_tty *p = (struct port_tty *)port;
	struct serial_icounter_struct c;

	*e = (struct line_errors){ 0 };
	if (!p->has_counts)
		return;
	if (!counts_read(p, &c))
		c = p->base;
	e->framing = (uint32_t)c.frame - (uint32_t)p->base.frame;
	e->hardware_overrun = (uint32_t)c.overrun - (uint32_t)p->base.overrun;
	e->buffer_overrun = (uint32_t)c.buf_overrun - (uint32_t)p->base.buf_overrun;
	e->parity = (uint32_t)c.parity - (uint32_t)p->base.parity;
}

/* --- command mode --- */

static void on_readable(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct port_tty *p = io->data;
	uint8_t data[READ_MAX];
	ssize_t n = read(p->fd, data, sizeof data);

	(void)loop;
	(void)revents;
	if (n > 0) {
		poll_soon(p);
		p->handlers->input(p->ctx, data, (size_t)n);
	} else if (n == 0 || !error_is_soft(errno))
		device_lost(p, n < 0 ? errno : 0);
}

static void out_write(struct port_tty *p)
{
	ssize_t n = write(p->fd, p->out.data, p->out.len);

	if (n < 0 && !error_is_soft(errno)) {
		device_lost(p, errno);
		return;
	}
	if (n > 0)
		port_queue_consume(&p->out, (size_t)n);
	if (p->out.len)
		ev_io_start(p->loop, &p->writable);
	else
		ev_io_stop(p->loop, &p->writable);
}

static void on_writable(struct ev_loop *loop, struct ev_io *io, int revents)
{
	(void)loop;
	(void)revents;
	out_write(io->data);
}

static int tty_write(struct port *port, const void *data, size_t len)
{
	struct port_tty *p = (struct port_tty *)port;
	bool waits = p->out.len > 0;

	if (p->dead || p->data)
		return -EPIPE;
	if (!port_queue_append(&p->out, data, len))
		return -EAGAIN;
	poll_soon(p);
	if (!waits && len)
		out_write(p);
	return p->dead ? -EPIPE : 0;
}

static void out_drop(struct port_tty *p)
{
	p->out.len = 0;
	ev_io_stop(p->loop, &p->writable);
}

static void tty_flush(struct port *port)
{
	struct port_tty *p = (struct port_tty *)port;

	if (p->dead)
		return;
	out_drop(p);
	(void)tcflush(p->fd, TCIOFLUSH);
}

/* --- data mode --- */

static void words_watch(struct port_tty *p, const uint8_t *data, size_t len)
{
	if (port_words_scan(&p->words, data, len))
		ev_timer_again(p->loop, &p->quiet);
	else
		ev_timer_stop(p->loop, &p->quiet);
}

static void on_quiet(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct port_tty *p = w->data;

	(void)revents;
	ev_timer_stop(loop, w);
	p->handlers->no_carrier(p->ctx);
}

static size_t from_port(void *ctx, uint8_t *out, const uint8_t *data, size_t len)
{
	words_watch(ctx, data, len);
	memcpy(out, data, len);
	return len;
}

static size_t to_port(void *ctx, uint8_t *out, const uint8_t *data, size_t len)
{
	(void)ctx;
	memcpy(out, data, len);
	return len;
}

static void on_port_lost(void *ctx, int error)
{
	device_lost(ctx, error);
}

static const struct relay_handlers relay_handlers = {
	.from_port = from_port,
	.to_port = to_port,
	.port_lost = on_port_lost,
};

static int discipline_set(const struct port_tty *p, int discipline)
{
	return ioctl(p->fd, TIOCSETD, &discipline) < 0 ? -errno : 0;
}

/* The device itself: nothing is copied in main. */
static int data_direct(struct port_tty *p)
{
	int e = 0, fd = fcntl(p->fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (p->sync)
		e = discipline_set(p, N_HDLC);
	if (e < 0) {
		close(fd);
		return e;
	}
	return fd;
}

static int data_relayed(struct port_tty *p, const uint8_t *rest, size_t len)
{
	int fd;

	p->relay = relay_new(p->loop, p->fd, &relay_handlers, p, &fd);
	if (!p->relay)
		return -errno;
	port_words_init(&p->words);
	if (len) {
		words_watch(p, rest, len);
		relay_push(p->relay, rest, len);
	}
	return fd;
}

/* A frame of a synchronous line must not pass through a stream: no words are looked for there. */
static int tty_data_begin(struct port *port, const uint8_t *rest, size_t len)
{
	struct port_tty *p = (struct port_tty *)port;
	int fd;

	if (p->dead)
		return -EPIPE;
	if (p->data)
		return -EALREADY;
	fd = p->port.has_lines || p->sync ? data_direct(p) : data_relayed(p, rest, len);
	if (fd < 0)
		return fd;
	p->data = true;
	out_drop(p);
	ev_io_stop(p->loop, &p->readable);
	poll_hasten(p);
	return fd;
}

static void tty_data_end(struct port *port)
{
	struct port_tty *p = (struct port_tty *)port;

	if (!p->data)
		return;
	p->data = false;
	ev_timer_stop(p->loop, &p->quiet);
	relay_free(p->relay);
	p->relay = NULL;
	if (p->dead)
		return;
	tty_flush(port); /* also of what the discipline holds, which may wait for it when it goes */
	if (p->sync)
		(void)discipline_set(p, N_TTY);
	tty_flush(port);
	ev_io_start(p->loop, &p->readable);
	poll_soon(p);
}

/* --- birth and death --- */

/*
 * The last close() waits for what is unsent, for up to 30 s where the modem holds it back by CTS, and so would all of
 * main.  Many USB adapters' drivers cannot throw it away: without flow control they send it.
 */
static void unsent_drop(int fd)
{
	struct termios t;

	if (tcgetattr(fd, &t) == 0 && t.c_cflag & CRTSCTS) {
		t.c_cflag &= ~(tcflag_t)CRTSCTS;
		(void)tcsetattr(fd, TCSANOW, &t);
	}
	(void)tcflush(fd, TCIOFLUSH);
}

/* DTR falls with the last descriptor: HUPCL. */
static void tty_free(struct port *port)
{
	struct port_tty *p = (struct port_tty *)port;

	watchers_stop(p);
	ev_clear_pending(p->loop, &p->later);
	relay_free(p->relay);
	unsent_drop(p->fd);
	if (p->data && p->sync && !p->dead) {
		(void)discipline_set(p, N_TTY);
		(void)tcflush(p->fd, TCIOFLUSH);
	}
	close(p->fd);
	free(p);
}

#define TTY_OPS(word)                                                          \
	{                                                                      \
		.name = (word), .write = tty_write, .set_dtr = tty_set_dtr, .flush = tty_flush, \
		.data_begin = tty_data_begin, .data_end = tty_data_end, .errors = tty_errors, .free = tty_free, \
	}

static const struct port_ops ops_lines = TTY_OPS("modem-lines"), ops_text = TTY_OPS("text");

/* Raw, 8N1.  CLOCAL: a carrier that goes is seen by our poll, and must not hang the device up under us. */
static int tty_setup(int fd, const struct conf_line *conf)
{
	struct termios t;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || tcgetattr(fd, &t) < 0)
		return -1;
	cfmakeraw(&t);
	t.c_iflag |= IGNBRK;
	t.c_iflag &= ~(tcflag_t)(IXOFF | IXANY);
	t.c_cflag &= ~(tcflag_t)(CSTOPB | CRTSCTS);
	t.c_cflag |= CLOCAL | CREAD | HUPCL | (conf->flow == CONF_FLOW_RTSCTS ? CRTSCTS : 0);
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	if (cfsetspeed(&t, conf->baud) < 0)
		return -1;
	return tcsetattr(fd, TCSANOW, &t);
}

/* What the device offers and the operator wants. */
static void lines_detect(struct port_tty *p, const struct conf_line *conf)
{
	int state;

	p->has_dtr = ioctl(p->fd, TIOCMGET, &state) == 0;
	p->has_counts = counts_read(p, &p->base);
	p->ring_edges = p->base.rng;
	p->ring = p->has_dtr && state & TIOCM_RNG;
	p->port.has_lines = p->has_dtr && conf->control != CONF_CONTROL_TEXT;
	p->port.ops = p->port.has_lines ? &ops_lines : &ops_text;
	if (!p->has_dtr && conf->control == CONF_CONTROL_MODEM)
		port_dead(p, "the device has no modem lines, which the configuration asks for", 0);
	else
		tell_later(p, TELL_READY);
}

static void watchers_init(struct port_tty *p)
{
	ev_io_init(&p->readable, on_readable, p->fd, EV_READ);
	ev_io_init(&p->writable, on_writable, p->fd, EV_WRITE);
	ev_timer_init(&p->poll, on_poll, 0., 0.);
	ev_timer_init(&p->quiet, on_quiet, 0., PORT_QUIET_MS / 1e3);
	ev_init(&p->later, on_later);
	p->readable.data = p->writable.data = p->poll.data = p->quiet.data = p->later.data = p;
}

struct port *port_tty_new(struct ev_loop *loop, int fd, const struct conf_line *conf, const struct port_handlers *h,
			  void *ctx)
{
	struct port_tty *p = calloc(1, sizeof *p);
	int e;

	if (!p || tty_setup(fd, conf) < 0) {
		e = p ? errno : ENOMEM;
		unsent_drop(fd); /* of whoever had it before */
		close(fd);
		free(p);
		errno = e;
		return NULL;
	}
	p->loop = loop;
	p->handlers = h;
	p->ctx = ctx;
	p->fd = fd;
	snprintf(p->name, sizeof p->name, "%s", conf->name ? conf->name : "");
	p->out = (struct port_queue){ .data = p->out_room, .max = OUT_MAX };
	p->sync = conf->framing & MSG_FRAMING_SYNC;
	watchers_init(p);
	lines_detect(p, conf);
	return &p->port;
}
