/*
 * What is particular about a call on a real line: which line (dial plan), what
 * it is like once it is there, its framing as Set-Link-Info wants it, and the
 * errors that a PNS is told of (RFC 2637 sections 2.14, 2.15 and 4.4; ledger
 * CALL-20 to CALL-22, TIM-06, GRE-13).
 *
 * Owns struct session_real.
 */
#include "pacd/session_internal.h"

#include "common/log.h"
#include "pacd/proto/seq.h"
#include "pacd/stats.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MTU 1532 /* User Packet MTU, GRE-18 */
#define LOOK_S 5      /* errors are looked at this often, until some were told */

/* --- which line --- */

/* A group of which every line is "ppp" is the local pppd under another name. */
static bool group_is_ppp(const struct conf *c, const char *group)
{
	for (size_t i = 0; i < c->real.nlines; i++)
		if (!strcmp(c->real.lines[i].group, group))
			return c->real.lines[i].type == CONF_LINE_PPP;
	return false;
}

/*
 * The digits of the request's number (MSG-16), which is what the dial plan, a RADIUS server and the modem all get: a
 * pause or a "+" in front would lead past a pattern, and means nothing to an exchange.  False: there is something in it
 * that no telephone has.
 */
static bool number_read(const struct msg_ocrq *m, char digits[MSG_TEXT + 1])
{
	bool ok = true;
	size_t n = 0;

	for (size_t i = 0; i < m->number_len && m->number[i]; i++) { /* judged: at most MSG_TEXT */
		if (strchr("0123456789*#", m->number[i]))
			digits[n++] = m->number[i];
		else if (!strchr(",wW+", m->number[i]))
			ok = false;
	}
	digits[n] = '\0';
	return ok;
}

int session_real_choose(struct session *s)
{
	const struct conf_dialplan *d;
	struct session_real *real;
	char number[MSG_TEXT + 1];
	bool ok = number_read(&s->ocrq, number);

	d = number[0] && s->set->rooms.real_ops ? conf_dialplan_find(s->conf, number, s->peer.addr) : NULL;
	if (!d || !d->group || group_is_ppp(s->conf, d->group))
		return 0;
	real = calloc(1, sizeof *real);
	if (!real)
		return -ENOMEM;
	s->real = real;
	s->line_ops = s->set->rooms.real_ops;
	s->lines = s->set->rooms.real_lines;
	strncpy(real->group, d->group, sizeof real->group - 1);
	if (!ok || conf_dialplan_number(d, number, real->number) < 0)
		return -EINVAL;
	strcpy(real->called, real->number);
	strcpy(s->radius.called, number);
	s->radius.port_type = (uint8_t)radius_port_type(s->ocrq.bearer, s->ocrq.framing);
	return 0;
}

void session_real_up(struct session *s, const struct line_up *up)
{
	struct session_real *real = s->real;

	real->speed = up->speed;
	real->framing = up->framing;
	real->channel = up->channel;
	real->window = up->window;
	strncpy(real->name, up->name, sizeof real->name - 1);
	s->radius.nas_port = up->channel;
	s->radius.port_type = (uint8_t)radius_port_type(up->bearer, up->framing);
	if (up->connect[0])
		snprintf(s->radius.connect_info, sizeof s->radius.connect_info, "%.63s", up->connect);
	else
		snprintf(s->radius.connect_info, sizeof s->radius.connect_info, "%u", up->speed);
	strncpy(s->radius.port_id, up->name, sizeof s->radius.port_id - 1);
	session_set_deadline(s, SESSION_DL_WEN, mono_add_s(mono_now(), LOOK_S));
}

/* Whom the records are about: the check of a call knows nobody else than who has called, or was called (RFC 2866). */
static void name_user(struct session *s)
{
	const char *name = s->service->user_name;

	if (!name[0])
		name = s->incoming ? s->radius.calling : s->radius.called;
	s->user_len = strlen(name);
	memcpy(s->user, name, s->user_len);
	memcpy(s->account, name, s->user_len + 1);
	s->by = AAA_BY_RADIUS;
}

static void begin_limits(struct session *s)
{
	s->session_timeout = s->call_grant->session_timeout;
	s->idle_timeout = s->call_grant->idle_timeout;
	s->idle_since = mono_now();
	if (s->session_timeout)
		session_set_deadline(s, SESSION_DL_LIMIT, mono_add_s(mono_now(), s->session_timeout));
	if (s->idle_timeout)
		session_set_deadline(s, SESSION_DL_IDLE, session_user_idle_look(s));
}

static void log_up(const struct session *s)
{
	char peer[ENDPOINT_TEXT], calling[LOG_QUOTED(MSG_TEXT)], called[LOG_QUOTED(MSG_TEXT)];
	const struct session_real *r = s->real;

	log_info("call-up", SESSION_LOG " line=%s direction=%s calling=%s called=%s speed=%u conn=%llu",
		 SESSION_LOG_ARGS(s, peer), r->name, s->incoming ? "in" : "out",
		 log_quote(calling, sizeof calling, r->calling, strlen(r->calling)),
		 log_quote(called, sizeof called, r->called, strlen(r->called)), r->speed, (unsigned long long)s->conn);
}

void session_real_begin(struct session *s)
{
	struct aaa_answer a = { .grant = s->call_grant };

	s->up_since = mono_now(); /* also where nobody has said how long it may be: a CoA-Request may */
	log_up(s);
	if (!s->call_grant)
		return;
	strcpy(a.server, s->real->server);
	if (session_service_take(s, &a) < 0) {
		log_error("service", "session=%llu error=memory", (unsigned long long)s->id);
		return;
	}
	name_user(s);
	begin_limits(s);
	session_acct_up(s);
}

uint16_t session_real_delay(const struct session *s)
{
	return seq_delay_tenths(LINE_MTU, s->real->window, s->real->speed);
}

/* --- its framing --- */

void session_real_set_link(struct session *s)
{
	struct datapath *d = s->set->rooms.datapath;

	if (s->real && s->data_on)
		d->ops->set_link(d, s->call_id, s->send_accm, s->receive_accm);
}

uint64_t session_real_packets(const struct session *s)
{
	struct datapath *d = s->set->rooms.datapath;
	struct datapath_stats st = s->final;

	if (s->data_on)
		d->ops->stats(d, s->call_id, &st);
	return st.rx_packets + st.tx_packets;
}

/* --- its errors --- */

static bool errors_read(const struct session *s, struct msg_wen *w)
{
	struct datapath *d = s->set->rooms.datapath;
	struct datapath_stats st = { 0 };
	struct line_errors e = { 0 };

	if (!s->data_on || !d->ops->stats(d, s->call_id, &st))
		return false;
	s->line_ops->errors(s->lines, s->id, &e);
	*w = (struct msg_wen){
		.peer_call_id = s->pns_id,
		.crc = (uint32_t)st.line_faults[HDLC_FAULT_FCS],
		.framing = e.framing + (uint32_t)(st.line_faults[HDLC_FAULT_RUNT] + st.line_faults[HDLC_FAULT_ABORT]),
		.hardware_overrun = e.hardware_overrun,
		.buffer_overrun = e.buffer_overrun + (uint32_t)(st.rx_dropped + st.line_faults[HDLC_FAULT_LONG]),
		/* No time-out is known at the interface that supports PPP; those of the tunnel are none of it. */
		.alignment = e.parity,
	};
	return true;
}

static bool grew(const struct msg_wen *then, const struct msg_wen *now)
{
	return now->crc != then->crc || now->framing != then->framing ||
	       now->hardware_overrun != then->hardware_overrun || now->buffer_overrun != then->buffer_overrun ||
	       now->time_out != then->time_out || now->alignment != then->alignment;
}

/* Last: a connection that does not even take this may end, and its calls with it. */
static void tell(struct session *s, const struct msg_wen *now)
{
	struct conn *c = conn_find(s->set->rooms.conns, s->conn);
	struct msg m = { .type = MSG_WEN, .wen = *now };

	s->real->told = *now;
	stats_add(STATS_WENS_SENT);
	if (c)
		conn_send(c, &m);
}

/* TIM-06: when one of them grew, and not more often than it is configured. */
void session_real_errors_due(struct session *s)
{
	struct mono now = mono_now();
	struct msg_wen w;

	if (s->call.state != CALL_ESTABLISHED)
		return;
	if (!errors_read(s, &w) || !grew(&s->real->told, &w)) {
		session_set_deadline(s, SESSION_DL_WEN, mono_add_s(now, LOOK_S));
		return;
	}
	session_set_deadline(s, SESSION_DL_WEN, mono_add_ms(now, s->conf->real.wen_ms));
	tell(s, &w);
}
