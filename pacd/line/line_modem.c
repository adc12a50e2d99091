/*
 * A line with a modem behind a port: carries out what the modem's state machine
 * (proto/modem.h) says, on a serial device or a terminal server's RFC 2217 port.
 *
 * Owns the port and the machine.  Must not know sessions, groups or tunnels; the
 * octets of a call are the data path's.
 */
#include "pacd/line/lines_internal.h"
#include "pacd/line/port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CAUSE_BUSY 17      /* Q.931: user busy */
#define CAUSE_NO_ANSWER 19 /* no answer from user (user alerted) */
/* What a modem says in command mode are a few lines; a terminal server that floods us costs all other lines time. */
#define FLOOD_OCTETS 65536
#define FLOOD_MS 10000

struct line_modem {
	struct conf_modem conf;
	struct modem modem;
	struct port *port; /* NULL: closed */
	bool lost;         /* the port is going: what ends now ends for a fault of ours */
	bool carrier;      /* as the port told last */
	unsigned rings;
	const char *control;
	size_t heard;      /* octets of command mode, before `heard_until` */
	struct mono heard_until;
};

static void step(struct line *l, const struct modem_event *ev);

static void step_plain(struct line *l, enum modem_event_type type)
{
	const struct modem_event ev = { .type = type };

	step(l, &ev);
}

/* --- actions --- */

static void count_failure(struct line *l, const struct modem_action *a)
{
	switch (a->result) {
	case OCRP_BUSY: l->n.busy++; break;
	case OCRP_NO_CARRIER: l->n.no_carrier++; break;
	case OCRP_NO_DIAL_TONE: l->n.no_dialtone++; break;
	case OCRP_TIME_OUT:
		if (a->answer == CHAT_NO_ANSWER)
			l->n.no_answer++;
		else
			l->n.time_outs++;
		break;
	default: break;
	}
}

static uint16_t cause_of(const struct modem_action *a)
{
	if (a->answer == CHAT_BUSY)
		return CAUSE_BUSY;
	return a->answer == CHAT_NO_ANSWER ? CAUSE_NO_ANSWER : 0;
}

static void act_failed(struct line *l, const struct modem_action *a)
{
	count_failure(l, a);
	line_failed(l, l->modem->lost ? (uint8_t)OCRP_ERROR : a->result,
		    l->modem->lost || a->result == OCRP_ERROR ? MSG_ERR_PAC : MSG_ERR_NONE, cause_of(a));
}

/* false: it is not online after all, and hangs up. */
static bool act_online(struct line *l)
{
	struct line_modem *m = l->modem;
	int fd = m->port->ops->data_begin(m->port, m->modem.rest, m->modem.rest_len);

	if (fd >= 0)
		return line_answered(l, fd, m->modem.speed, m->modem.chat.connect);
	line_failed(l, OCRP_ERROR, line_error_code(-fd), 0);
	return false;
}

/* MODEM_EVENTS, or what has to follow at once. */
static enum modem_event_type act(struct line *l, const struct modem_action *a)
{
	struct line_modem *m = l->modem;

	switch (a->type) {
	case MODEM_ACT_WRITE: m->port->ops->write(m->port, m->modem.out, m->modem.out_len); break;
	case MODEM_ACT_DTR_ON: m->port->ops->set_dtr(m->port, true); break;
	case MODEM_ACT_DTR_OFF: m->port->ops->set_dtr(m->port, false); break;
	case MODEM_ACT_FLUSH: m->port->ops->flush(m->port); break;
	case MODEM_ACT_COMMAND: m->port->ops->data_end(m->port); break;
	case MODEM_ACT_READY: line_in_service(l); break;
	case MODEM_ACT_RING:
		line_in_service(l);
		return line_ring(l, m->modem.calling, m->modem.called) ? MODEM_EVENTS : MODEM_EV_REJECT;
	case MODEM_ACT_RING_OVER: line_ring_over(l); break;
	case MODEM_ACT_ONLINE: return act_online(l) ? MODEM_EVENTS : MODEM_EV_HANGUP;
	case MODEM_ACT_FAILED: act_failed(l, a); break;
	case MODEM_ACT_DOWN: line_down(l, m->lost ? MSG_ERR_PAC : MSG_ERR_NONE); break;
	case MODEM_ACT_OUT_OF_SERVICE: line_out_of_service(l, m->modem.why); break;
	}
	return MODEM_EVENTS;
}

/* A write that the port does not take shows as a time-out of the chat, or as the port's end: no need to look here. */
static void step(struct line *l, const struct modem_event *ev)
{
	struct line_modem *m = l->modem;
	struct modem_actions acts;
	enum modem_event_type next = MODEM_EVENTS;

	modem_step(&m->modem, ev, mono_now(), &acts);
	for (unsigned i = 0; i < acts.n && m->port; i++) {
		enum modem_event_type after = act(l, &acts.list[i]);

		if (after != MODEM_EVENTS)
			next = after;
	}
	line_set_state(l, m->modem.state);
	if (next != MODEM_EVENTS)
		step_plain(l, next);
}

/* --- the port's events --- */

static void on_ready(void *ctx)
{
	struct line *l = ctx;
	struct line_modem *m = l->modem;
	const struct modem_event ev = { .type = MODEM_EV_OPENED, .has_lines = m->port->has_lines,
					.carrier = m->carrier, .rings = m->rings };

	m->control = m->port->ops->name;
	if (!m->port->has_lines && !l->said_text) {
		l->said_text = true;
		log_info("line-text", "name=%s hint=\"no modem lines here: RING and NO CARRIER in what the modem "
			 "says decide, and DTR does not hang up\"", l->conf.name);
	}
	step(l, &ev);
	line_update(l);
}

static bool is_flood(struct line_modem *m, size_t len)
{
	struct mono now = mono_now();

	if (!mono_is_set(m->heard_until) || mono_reached(m->heard_until, now)) {
		m->heard = 0;
		m->heard_until = mono_add_ms(now, FLOOD_MS);
	}
	m->heard += len;
	return m->heard > FLOOD_OCTETS;
}

static void on_closed(void *ctx, const char *why);

static void on_input(void *ctx, const uint8_t *data, size_t len)
{
	const struct modem_event ev = { .type = MODEM_EV_INPUT, .data = data, .len = len };
	struct line *l = ctx;

	if (is_flood(l->modem, len)) {
		on_closed(l, "it sends far more than a modem says, without a call");
		return;
	}
	step(l, &ev);
	line_update(l);
}

static void on_lines(void *ctx, bool carrier, unsigned rings)
{
	struct line *l = ctx;
	const struct modem_event ev = { .type = MODEM_EV_LINES, .carrier = carrier, .rings = rings };

	l->modem->carrier = carrier;
	l->modem->rings = rings;
	step(l, &ev);
	line_update(l);
}

static void on_no_carrier(void *ctx)
{
	step_plain(ctx, MODEM_EV_NO_CARRIER);
	line_update(ctx);
}

static void drop_port(struct line_modem *m)
{
	if (m->port)
		m->port->ops->free(m->port);
	m->port = NULL;
	m->carrier = m->lost = false;
	m->rings = 0;
	m->heard_until = MONO_NEVER;
}

static void on_closed(void *ctx, const char *why)
{
	struct line *l = ctx;
	char text[sizeof l->last_error] = "";

	strncpy(text, why, sizeof text - 1); /* it may be the port's, which goes */
	l->modem->lost = true;
	step_plain(l, MODEM_EV_LOST);
	line_ring_over(l);
	line_down(l, MSG_ERR_PAC);
	drop_port(l->modem);
	modem_init(&l->modem->modem, &l->modem->conf.modem);
	line_lost(l, text);
	line_update(l);
}

static const struct port_handlers port_handlers = {
	.ready = on_ready, .input = on_input, .lines = on_lines, .no_carrier = on_no_carrier, .closed = on_closed,
};

/* --- the kind --- */

static int modem_line_init(struct line *l)
{
	struct line_modem *m = calloc(1, sizeof *m);
	int r = m ? conf_modem_get(l->held, &l->conf, &m->conf) : -ENOMEM;

	if (r < 0) {
		free(m);
		return r;
	}
	m->conf.modem.dial_ms = l->conf.dial_ms;
	m->control = "";
	modem_init(&m->modem, &m->conf.modem);
	l->modem = m;
	return 0;
}

static void modem_line_clear(struct line *l)
{
	if (l->modem)
		conf_modem_clear(&l->modem->conf);
	free(l->modem);
	l->modem = NULL;
}

/* `error`: of a port that could not be made. */
static void begin(struct line *l, struct port *port, int error)
{
	l->modem->port = port;
	if (port)
		line_set_state(l, MODEM_CLOSED);
	else
		line_lost(l, strerror(error));
}

static void modem_line_open(struct line *l)
{
	struct port *port;

	if (l->conf.type == CONF_LINE_TTY) {
		line_want_fd(l);
		return;
	}
	port = port_rfc2217_new(l->set->loop, &l->conf, &port_handlers, l);
	begin(l, port, errno);
}

static void modem_line_opened(struct line *l, int fd)
{
	struct port *port = port_tty_new(l->set->loop, fd, &l->conf, &port_handlers, l);

	begin(l, port, errno);
}

static void modem_line_close(struct line *l)
{
	drop_port(l->modem);
	modem_init(&l->modem->modem, &l->modem->conf.modem);
}

static void modem_line_answer(struct line *l)
{
	step_plain(l, MODEM_EV_ANSWER);
	if (l->state == MODEM_IDLE || l->state == MODEM_RINGING) /* it has no ring to answer */
		line_failed(l, OCRP_NO_CARRIER, MSG_ERR_NONE, 0);
}

static void modem_line_reject(struct line *l)
{
	step_plain(l, MODEM_EV_REJECT);
}

static int modem_line_dial(struct line *l, const char *number)
{
	const struct modem_event ev = { .type = MODEM_EV_DIAL, .number = number };

	if (!chat_number_ok(number))
		return -EINVAL;
	step(l, &ev);
	return 0;
}

static void modem_line_hangup(struct line *l)
{
	step_plain(l, MODEM_EV_HANGUP);
}

static void modem_line_tick(struct line *l, struct mono now)
{
	if (mono_reached(modem_deadline(&l->modem->modem), now))
		step_plain(l, MODEM_EV_TICK);
}

static struct mono modem_line_deadline(const struct line *l)
{
	return l->modem->port ? modem_deadline(&l->modem->modem) : MONO_NEVER;
}

static const char *modem_line_control(const struct line *l)
{
	return l->modem->control;
}

static void modem_line_errors(const struct line *l, struct line_errors *e)
{
	struct port *port = l->modem->port;

	*e = (struct line_errors){ 0 };
	if (port)
		port->ops->errors(port, e);
}

const struct line_kind line_modem_kind = {
	.hint = "is it plugged in and on, what the configuration calls it right, and no other program at it?",
	.init = modem_line_init,
	.clear = modem_line_clear,
	.open = modem_line_open,
	.opened = modem_line_opened,
	.close = modem_line_close,
	.answer = modem_line_answer,
	.reject = modem_line_reject,
	.dial = modem_line_dial,
	.hangup = modem_line_hangup,
	.tick = modem_line_tick,
	.deadline = modem_line_deadline,
	.control = modem_line_control,
	.errors = modem_line_errors,
};
