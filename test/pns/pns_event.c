/*
 * What the test PNS tells, one event a line on stdout; and nothing else.
 */
#include "test/pns/pns.h"

#include "common/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define LINE 2048

struct line {
	char text[LINE];
	size_t len;
};

__attribute__((format(printf, 2, 0)))
static void line_vadd(struct line *l, const char *fmt, va_list ap)
{
	int n = vsnprintf(l->text + l->len, sizeof l->text - l->len, fmt, ap);

	if (n > 0)
		l->len += (size_t)n;
	if (l->len > sizeof l->text - 2)
		l->len = sizeof l->text - 2;
}

__attribute__((format(printf, 2, 3)))
static void line_add(struct line *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line_vadd(l, fmt, ap);
	va_end(ap);
}

/* One write: a reader never sees half a line of a file. */
static void line_out(struct line *l)
{
	l->text[l->len++] = '\n';
	if (write(STDOUT_FILENO, l->text, l->len) < 0)
		_exit(1); /* nobody reads any more */
}

void pns_event(const char *fmt, ...)
{
	struct line l = { .len = 0 };
	va_list ap;

	va_start(ap, fmt);
	line_vadd(&l, fmt, ap);
	va_end(ap);
	line_out(&l);
}

const char *pns_event_quote(const void *text, size_t len)
{
	static char quoted[4][LOG_QUOTED(512)];
	static unsigned next;
	char *to = quoted[next++ % 4];

	return log_quote(to, sizeof quoted[0], text, len < 511 ? len : 511);
}

static const char *text_of(const char *field, size_t size)
{
	return pns_event_quote(field, msg_text_len(field, size));
}

static void add_start(struct line *l, const struct msg_sccrq *s)
{
	line_add(l, " version=0x%04x result=%u error=%u framing=%u bearer=%u channels=%u firmware=%u host=%s vendor=%s",
		 s->version, s->result, s->error, s->framing, s->bearer, s->max_channels, s->firmware,
		 text_of(s->host, MSG_TEXT), text_of(s->vendor, MSG_TEXT));
}

static void add_ocrq(struct line *l, const struct msg_ocrq *o)
{
	line_add(l, " call_id=%u serial=%u min=%u max=%u bearer=%u framing=%u window=%u delay=%u number_len=%u "
		 "number=%s subaddress=%s", o->call_id, o->serial, o->min_bps, o->max_bps, o->bearer, o->framing,
		 o->window, o->delay, o->number_len, text_of(o->number, MSG_TEXT), text_of(o->subaddress, MSG_TEXT));
}

static void add_ocrp(struct line *l, const struct msg_ocrp *o)
{
	line_add(l, " call_id=%u peer_call_id=%u result=%u error=%u cause=%u speed=%u window=%u delay=%u channel=%u",
		 o->call_id, o->peer_call_id, o->result, o->error, o->cause, o->speed, o->window, o->delay, o->channel);
}

static void add_icrq(struct line *l, const struct msg_icrq *i)
{
	line_add(l, " call_id=%u serial=%u bearer=%u channel=%u dialed_len=%u dialing_len=%u dialed=%s dialing=%s "
		 "subaddress=%s", i->call_id, i->serial, i->bearer, i->channel, i->dialed_len, i->dialing_len,
		 text_of(i->dialed, MSG_TEXT), text_of(i->dialing, MSG_TEXT), text_of(i->subaddress, MSG_TEXT));
}

static void add_icrp(struct line *l, const struct msg_icrp *i)
{
	line_add(l, " call_id=%u peer_call_id=%u result=%u error=%u window=%u delay=%u", i->call_id, i->peer_call_id,
		 i->result, i->error, i->window, i->delay);
}

static void add_iccn(struct line *l, const struct msg_iccn *i)
{
	line_add(l, " peer_call_id=%u speed=%u window=%u delay=%u framing=%u", i->peer_call_id, i->speed, i->window,
		 i->delay, i->framing);
}

static void add_cdn(struct line *l, const struct msg_cdn *c)
{
	line_add(l, " call_id=%u result=%u error=%u cause=%u statistics=%s", c->call_id, c->result, c->error, c->cause,
		 text_of(c->statistics, MSG_STATISTICS));
}

static void add_wen(struct line *l, const struct msg_wen *w)
{
	line_add(l, " peer_call_id=%u crc=%u framing=%u hardware_overrun=%u buffer_overrun=%u time_out=%u alignment=%u",
		 w->peer_call_id, w->crc, w->framing, w->hardware_overrun, w->buffer_overrun, w->time_out, w->alignment);
}

static void add_sli(struct line *l, const struct msg_sli *s)
{
	line_add(l, " peer_call_id=%u send=0x%08x receive=0x%08x", s->peer_call_id, s->send_accm, s->receive_accm);
}

static void add_echo(struct line *l, const struct msg_echo *e)
{
	line_add(l, " identifier=%u result=%u error=%u", e->identifier, e->result, e->error);
}

static void add_fields(struct line *l, const struct msg *m)
{
	switch (m->type) {
	case MSG_SCCRQ: add_start(l, &m->sccrq); break;
	case MSG_SCCRP: add_start(l, &m->sccrp); break;
	case MSG_STOP_CCRQ: line_add(l, " reason=%u", m->stop_ccrq.reason); break;
	case MSG_STOP_CCRP: line_add(l, " result=%u error=%u", m->stop_ccrp.result, m->stop_ccrp.error); break;
	case MSG_ECHO_RQ: add_echo(l, &m->echo_rq); break;
	case MSG_ECHO_RP: add_echo(l, &m->echo_rp); break;
	case MSG_OCRQ: add_ocrq(l, &m->ocrq); break;
	case MSG_OCRP: add_ocrp(l, &m->ocrp); break;
	case MSG_ICRQ: add_icrq(l, &m->icrq); break;
	case MSG_ICRP: add_icrp(l, &m->icrp); break;
	case MSG_ICCN: add_iccn(l, &m->iccn); break;
	case MSG_CCRQ: line_add(l, " call_id=%u", m->ccrq.call_id); break;
	case MSG_CDN: add_cdn(l, &m->cdn); break;
	case MSG_WEN: add_wen(l, &m->wen); break;
	case MSG_SLI: add_sli(l, &m->sli); break;
	default: break;
	}
}

void pns_event_message(const char *way, unsigned conn, const struct msg *m)
{
	struct line l = { .len = 0 };

	line_add(&l, "%s conn=%u type=%s", way, conn, msg_type_word(m->type));
	add_fields(&l, m);
	line_out(&l);
}
