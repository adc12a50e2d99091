/*
 * A port of a terminal server that speaks RFC 2217: one TCP connection, kept
 * while the line is configured, in which the modem's lines are notifications.
 *
 * Owns the connection.  Must not know what the octets mean, nor sessions.  A
 * server that refuses the option leaves a port without lines, where NO CARRIER
 * among the data has to do.  Whatever it sends, what waits for it is bounded.
 */
#include "pacd/line/port.h"

#include "common/log.h"
#include "pacd/line/port_connect.h"
#include "pacd/line/port_queue.h"
#include "pacd/line/port_watch.h"
#include "pacd/line/relay.h"
#include "pacd/proto/rfc2217.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* With the deltas: there are servers that tell of nothing where none of the bits in the mask is set. */
enum { MODEM_MASK = RFC2217_MODEM_CARRIER | RFC2217_MODEM_RING | RFC2217_MODEM_RING_TRAILING |
		     RFC2217_MODEM_CARRIER_DELTA };

/* OUT_MAX: all that was injected into a relay, and half a pair of IACs. */
enum { CONNECT_MS = 10000, ANSWER_MS = 10000, OUT_MAX = RELAY_INJECT + 1 };
enum { COMMAND_MAX = 1024, READ_MAX = 2048, SETTINGS_MAX = 128 };
enum { TELL_READY = 1, TELL_LINES = 2, TELL_CLOSED = 4 };
enum phase { CONNECTING, NEGOTIATING, OPEN };

struct port_rfc2217 {
	struct port port;
	struct ev_loop *loop;
	const struct port_handlers *handlers;
	void *ctx;
	int fd;
	char name[LINE_NAME], place[ENDPOINT_TEXT];
	uint32_t baud;
	enum conf_line_flow flow;
	enum conf_line_control control;
	enum phase phase;
	bool agreed;   /* the option: settings and DTR can be sent */
	bool ready;    /* said */
	bool dead, data, held;
	bool dtr, dtr_late; /* wanted; not sent yet for want of room */
	bool carrier;
	uint8_t modem; /* the last state octet */
	struct port_rings rings;
	struct line_errors errors;
	struct rfc2217 telnet;
	struct ev_io readable, writable;
	struct ev_timer wait;  /* of the phase; then for dtr_late in data mode */
	struct ev_timer quiet; /* behind NO CARRIER */
	struct ev_watcher later;
	unsigned tell;
	char why[160];
	uint8_t out_room[OUT_MAX], command_room[COMMAND_MAX];
	struct port_queue out;     /* for the connection, as it goes */
	struct port_queue command; /* encoded, while the server wants nothing */
	struct relay *relay;   /* data mode */
	struct port_words words;
};

static bool error_is_soft(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

/* --- events --- */

static void tell_later(struct port_rfc2217 *p, unsigned what)
{
	if (p->dead && what != TELL_CLOSED)
		return;
	p->tell |= what;
	ev_feed_event(p->loop, &p->later, EV_CUSTOM);
}

static void watchers_stop(struct port_rfc2217 *p)
{
	ev_io_stop(p->loop, &p->readable);
	ev_io_stop(p->loop, &p->writable);
	ev_timer_stop(p->loop, &p->wait);
	ev_timer_stop(p->loop, &p->quiet);
}

/* error: an errno; 0: `what` says it all. */
static void port_dead(struct port_rfc2217 *p, const char *what, int error)
{
	if (p->dead)
		return;
	snprintf(p->why, sizeof p->why, "terminal server %s: %s%s%s", p->place, what, error ? ": " : "",
		 error ? strerror(error) : "");
	watchers_stop(p);
	p->tell = 0;
	p->dead = true;
	tell_later(p, TELL_CLOSED);
}

static void connection_lost(struct port_rfc2217 *p, int error)
{
	port_dead(p, error ? "connection lost" : "it has closed the connection", error);
}

/* One event at a time: the handler may free the port. */
static void on_later(struct ev_loop *loop, struct ev_watcher *w, int revents)
{
	struct port_rfc2217 *p = w->data;
	unsigned tell = p->tell;

	(void)loop;
	(void)revents;
	if (tell & TELL_CLOSED) {
		p->tell = 0;
		p->handlers->closed(p->ctx, p->why);
	} else if (tell & TELL_READY) {
		p->tell = 0;
		p->ready = true;
		if (tell & TELL_LINES)
			tell_later(p, TELL_LINES);
		p->handlers->ready(p->ctx);
	} else if (tell & TELL_LINES) {
		p->tell = 0;
		if (p->ready && p->port.has_lines)
			p->handlers->lines(p->ctx, p->carrier, p->rings.n);
	}
}

/* --- to the connection --- */

static bool telnet_send(struct port_rfc2217 *p, const uint8_t *data, size_t len)
{
	if (p->dead)
		return false;
	if (p->data)
		return relay_inject(p->relay, data, len);
	if (!port_queue_append(&p->out, data, len))
		return false;
	if (p->out.len)
		ev_io_start(p->loop, &p->writable);
	return true;
}

/* The one command that may not be lost: without it no line hangs up. */
static void dtr_send(struct port_rfc2217 *p)
{
	uint8_t out[16];

	if (!p->agreed || p->dead)
		return;
	p->dtr_late = !telnet_send(p, out, rfc2217_put_dtr(out, p->dtr));
	if (p->dtr_late && p->data)
		ev_timer_again(p->loop, &p->wait);
	else
		ev_timer_stop(p->loop, &p->wait);
}

/* Commands follow as soon as the server takes data. Command mode. */
static void commands_move(struct port_rfc2217 *p)
{
	size_t n = p->out.max - p->out.len;

	if (p->held || p->data)
		return;
	if (n > p->command.len)
		n = p->command.len;
	telnet_send(p, p->command.data, n);
	port_queue_consume(&p->command, n);
}

static void out_write(struct port_rfc2217 *p)
{
	ssize_t n = send(p->fd, p->out.data, p->out.len, MSG_NOSIGNAL);

	if (n < 0 && !error_is_soft(errno)) {
		connection_lost(p, errno);
		return;
	}
	if (n > 0)
		port_queue_consume(&p->out, (size_t)n);
	if (p->dtr_late)
		dtr_send(p);
	commands_move(p);
	if (!p->out.len)
		ev_io_stop(p->loop, &p->writable);
}

static void settings_send(struct port_rfc2217 *p)
{
	uint8_t out[SETTINGS_MAX];
	size_t n = rfc2217_put_baud(out, p->baud);

	n += rfc2217_put_8n1(out + n);
	n += rfc2217_put_flow(out + n, p->flow == CONF_FLOW_RTSCTS ? RFC2217_FLOW_HARDWARE : RFC2217_FLOW_NONE);
	n += rfc2217_put_masks(out + n, MODEM_MASK,
			       RFC2217_LINE_OVERRUN | RFC2217_LINE_PARITY | RFC2217_LINE_FRAMING);
	telnet_send(p, out, n);
	dtr_send(p);
}

/* --- what the server says --- */

static const struct port_ops ops_lines, ops_text;

static void opened(struct port_rfc2217 *p)
{
	p->phase = OPEN;
	ev_timer_stop(p->loop, &p->wait);
	p->wait.repeat = PORT_POLL_MS / 1e3;
	tell_later(p, TELL_READY);
}

static void option_agreed(struct port_rfc2217 *p)
{
	if (p->phase != NEGOTIATING)
		return;
	p->agreed = true;
	p->port.has_lines = p->control != CONF_CONTROL_TEXT;
	p->port.ops = p->port.has_lines ? &ops_lines : &ops_text;
	opened(p);
	settings_send(p);
}

static void option_refused(struct port_rfc2217 *p, const char *why)
{
	p->agreed = false;
	if (p->phase != NEGOTIATING) {
		if (p->port.has_lines)
			port_dead(p, "it has taken the com port option of RFC 2217 back", 0);
		return;
	}
	if (p->control == CONF_CONTROL_MODEM) {
		port_dead(p, why, 0);
		return;
	}
	if (p->control == CONF_CONTROL_AUTO)
		log_warn("rfc2217-refused", "name=%s address=%s reason=\"%s\"", p->name, p->place, why);
	opened(p);
}

/* Some servers tell the level of the ring indicator, some its end, some both. */
static void modem_state(struct port_rfc2217 *p, uint8_t state)
{
	bool carrier = state & RFC2217_MODEM_CARRIER, changed = carrier != p->carrier;
	bool ring = (state & RFC2217_MODEM_RING && !(p->modem & RFC2217_MODEM_RING)) ||
		    state & RFC2217_MODEM_RING_TRAILING;

	p->modem = state;
	p->carrier = carrier;
	if (ring)
		changed |= port_rings_edge(&p->rings, mono_now());
	if (changed && p->port.has_lines)
		tell_later(p, TELL_LINES);
}

static void line_state(struct port_rfc2217 *p, uint8_t state)
{
	p->errors.hardware_overrun += (state & RFC2217_LINE_OVERRUN) != 0;
	p->errors.parity += (state & RFC2217_LINE_PARITY) != 0;
	p->errors.framing += (state & RFC2217_LINE_FRAMING) != 0;
}

static void hold(struct port_rfc2217 *p, bool on)
{
	p->held = on;
	if (p->data)
		relay_hold(p->relay, on);
	else
		commands_move(p);
}

static void event_take(struct port_rfc2217 *p, const struct rfc2217_event *ev)
{
	switch (ev->type) {
	case RFC2217_READY: option_agreed(p); break;
	case RFC2217_REFUSED: option_refused(p, "it refuses the com port option of RFC 2217"); break;
	case RFC2217_MODEMSTATE: modem_state(p, ev->value); break;
	case RFC2217_LINESTATE: line_state(p, ev->value); break;
	case RFC2217_SUSPEND: hold(p, true); break;
	case RFC2217_RESUME: hold(p, false); break;
	case RFC2217_DATA:
	case RFC2217_NONE: break;
	}
}

/* What it asks is answered at once; all data of the chunk go to `out`, which may be `data`. Returns their length. */
static size_t chunk_decode(struct port_rfc2217 *p, uint8_t *out, const uint8_t *data, size_t len)
{
	struct rfc2217_event ev;
	size_t n = 0;

	while (rfc2217_decode(&p->telnet, &data, &len, out + n, &ev) != RFC2217_NONE) {
		n += ev.len;
		event_take(p, &ev);
	}
	if (p->telnet.reply_len)
		telnet_send(p, p->telnet.reply, p->telnet.reply_len);
	p->telnet.reply_len = 0;
	return n;
}

/* What comes before it is open is a banner of the server's, and no modem's word. */
static void on_readable(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct port_rfc2217 *p = io->data;
	uint8_t data[READ_MAX];
	ssize_t n = recv(p->fd, data, sizeof data, 0);
	size_t len;

	(void)loop;
	(void)revents;
	if (n < 0 && error_is_soft(errno))
		return;
	if (n <= 0) {
		connection_lost(p, n < 0 ? errno : 0);
		return;
	}
	len = chunk_decode(p, data, data, (size_t)n);
	if (len && p->ready && !p->dead)
		p->handlers->input(p->ctx, data, len);
}

/* --- the connection --- */

static void connected(struct port_rfc2217 *p)
{
	uint8_t out[RFC2217_START_MAX];
	int error = 0;

	if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){ sizeof error }) < 0)
		error = errno;
	if (error) {
		port_dead(p, "no connection", error);
		return;
	}
	p->phase = NEGOTIATING;
	p->wait.repeat = ANSWER_MS / 1e3;
	ev_timer_again(p->loop, &p->wait);
	ev_io_start(p->loop, &p->readable);
	telnet_send(p, out, rfc2217_start(&p->telnet, out));
}

static void on_writable(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct port_rfc2217 *p = io->data;

	(void)loop;
	(void)revents;
	if (p->phase == CONNECTING)
		connected(p);
	else
		out_write(p);
}

static void on_wait(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct port_rfc2217 *p = w->data;

	(void)loop;
	(void)revents;
	switch (p->phase) {
	case CONNECTING: port_dead(p, "no connection", ETIMEDOUT); break;
	case NEGOTIATING: option_refused(p, "it does not answer to the com port option of RFC 2217"); break;
	case OPEN: dtr_send(p); break;
	}
}

/* --- command mode --- */

static int rfc2217_write(struct port *port, const void *data, size_t len)
{
	struct port_rfc2217 *p = (struct port_rfc2217 *)port;
	uint8_t encoded[RFC2217_ENCODED_MAX(COMMAND_MAX)];

	if (p->dead || p->data)
		return -EPIPE;
	if (p->phase != OPEN || len > COMMAND_MAX)
		return -EAGAIN;
	if (!port_queue_append(&p->command, encoded, rfc2217_encode(encoded, data, len)))
		return -EAGAIN;
	commands_move(p);
	return 0;
}

static void rfc2217_set_dtr(struct port *port, bool on)
{
	struct port_rfc2217 *p = (struct port_rfc2217 *)port;

	p->dtr = on;
	dtr_send(p);
}

static void purge_send(struct port_rfc2217 *p)
{
	uint8_t out[16];

	if (p->agreed)
		telnet_send(p, out, rfc2217_put_purge(out));
}

/* What is in `out` may be the rest of a sequence, and goes out. */
static void rfc2217_flush(struct port *port)
{
	struct port_rfc2217 *p = (struct port_rfc2217 *)port;

	p->command.len = 0;
	purge_send(p);
}

static void rfc2217_errors(struct port *port, struct line_errors *e)
{
	*e = ((struct port_rfc2217 *)port)->errors;
}

/* --- data mode --- */

static void words_watch(struct port_rfc2217 *p, const uint8_t *data, size_t len)
{
	if (p->port.has_lines || !len)
		return;
	if (port_words_scan(&p->words, data, len))
		ev_timer_again(p->loop, &p->quiet);
	else
		ev_timer_stop(p->loop, &p->quiet);
}

static void on_quiet(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct port_rfc2217 *p = w->data;

	(void)revents;
	ev_timer_stop(loop, w);
	p->handlers->no_carrier(p->ctx);
}

static size_t from_port(void *ctx, uint8_t *out, const uint8_t *data, size_t len)
{
	size_t n = chunk_decode(ctx, out, data, len);

	words_watch(ctx, out, n);
	return n;
}

static size_t to_port(void *ctx, uint8_t *out, const uint8_t *data, size_t len)
{
	(void)ctx;
	return rfc2217_encode(out, data, len);
}

static void on_port_lost(void *ctx, int error)
{
	connection_lost(ctx, error);
}

static const struct relay_handlers relay_handlers = {
	.from_port = from_port,
	.to_port = to_port,
	.port_lost = on_port_lost,
};

static int rfc2217_data_begin(struct port *port, const uint8_t *rest, size_t len)
{
	struct port_rfc2217 *p = (struct port_rfc2217 *)port;
	int fd;

	if (p->dead)
		return -EPIPE;
	if (p->data || !p->ready)
		return -EALREADY;
	p->relay = relay_new(p->loop, p->fd, &relay_handlers, p, &fd);
	if (!p->relay)
		return -errno;
	if (!relay_inject(p->relay, p->out.data, p->out.len)) {
		relay_free(p->relay);
		p->relay = NULL;
		close(fd);
		return -EAGAIN;
	}
	p->data = true;
	ev_io_stop(p->loop, &p->readable);
	ev_io_stop(p->loop, &p->writable);
	p->out.len = p->command.len = 0;
	if (p->dtr_late)
		dtr_send(p);
	relay_hold(p->relay, p->held);
	port_words_init(&p->words);
	words_watch(p, rest, len);
	relay_push(p->relay, rest, len);
	return fd;
}

/* Frames that were not sent are dropped, but neither half of a doubled IAC nor a command. */
static void unsent_take(struct port_rfc2217 *p)
{
	static const uint8_t iac = 0xFF;
	struct relay_unsent u;
	size_t run = 0;

	relay_unsent(p->relay, &u);
	while (run < u.sent_len && u.sent[u.sent_len - 1 - run] == iac)
		run++;
	p->out.len = 0;
	if (run % 2)
		port_queue_append(&p->out, &iac, 1);
	port_queue_append(&p->out, u.injected, u.injected_len);
}

static void rfc2217_data_end(struct port *port)
{
	struct port_rfc2217 *p = (struct port_rfc2217 *)port;

	if (!p->data)
		return;
	unsent_take(p);
	p->data = false;
	ev_timer_stop(p->loop, &p->quiet);
	relay_free(p->relay);
	p->relay = NULL;
	if (p->dead)
		return;
	ev_io_start(p->loop, &p->readable);
	if (p->out.len)
		ev_io_start(p->loop, &p->writable);
	if (p->dtr_late)
		dtr_send(p);
	purge_send(p);
}

/* --- birth and death --- */

static void rfc2217_free(struct port *port)
{
	struct port_rfc2217 *p = (struct port_rfc2217 *)port;

	watchers_stop(p);
	ev_clear_pending(p->loop, &p->later);
	relay_free(p->relay);
	close(p->fd);
	free(p);
}

#define RFC2217_OPS(word)                                                      \
	{                                                                      \
		.name = (word), .write = rfc2217_write, .set_dtr = rfc2217_set_dtr, .flush = rfc2217_flush, \
		.data_begin = rfc2217_data_begin, .data_end = rfc2217_data_end, .errors = rfc2217_errors, \
		.free = rfc2217_free, \
	}

static const struct port_ops ops_lines = RFC2217_OPS("rfc2217"), ops_text = RFC2217_OPS("text");

static void watchers_init(struct port_rfc2217 *p)
{
	ev_io_init(&p->readable, on_readable, p->fd, EV_READ);
	ev_io_init(&p->writable, on_writable, p->fd, EV_WRITE);
	ev_timer_init(&p->wait, on_wait, 0., CONNECT_MS / 1e3);
	ev_timer_init(&p->quiet, on_quiet, 0., PORT_QUIET_MS / 1e3);
	ev_init(&p->later, on_later);
	p->readable.data = p->writable.data = p->wait.data = p->quiet.data = p->later.data = p;
}

static void conf_take(struct port_rfc2217 *p, const struct conf_line *conf)
{
	snprintf(p->name, sizeof p->name, "%s", conf->name ? conf->name : "");
	endpoint_text(conf->address, p->place);
	p->baud = conf->baud;
	p->flow = conf->flow;
	p->control = conf->control;
}

struct port *port_rfc2217_new(struct ev_loop *loop, const struct conf_line *conf, const struct port_handlers *h,
			      void *ctx)
{
	struct port_rfc2217 *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->fd = port_connect(conf->address);
	if (p->fd < 0) {
		errno = -p->fd;
		free(p);
		return NULL;
	}
	p->port.ops = &ops_text;
	p->loop = loop;
	p->handlers = h;
	p->ctx = ctx;
	p->dtr = true;
	p->out = (struct port_queue){ .data = p->out_room, .max = OUT_MAX };
	p->command = (struct port_queue){ .data = p->command_room, .max = COMMAND_MAX };
	conf_take(p, conf);
	rfc2217_init(&p->telnet);
	watchers_init(p);
	ev_io_start(loop, &p->writable);
	ev_timer_again(loop, &p->wait);
	return &p->port;
}
