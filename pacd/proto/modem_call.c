/*
 * Calls of a modem: dialling, answering, and being online.
 *
 * Owns what is told of a call: one FAILED or DOWN each.  Must not know rings, or how a modem is woken and hung up.
 * The results are those of RFC 2637 section 2.8.
 */
#include "pacd/proto/modem_internal.h"

#include <string.h>
#include <strings.h>

static void down(struct run *r)
{
	r->m->call = false;
	modem_act(r, MODEM_ACT_DOWN);
}

static void failed(struct run *r, uint8_t result, enum chat_answer answer)
{
	struct modem_actions *out = r->out;

	r->m->call = false;
	modem_act(r, MODEM_ACT_FAILED);
	out->list[out->n - 1].result = result;
	out->list[out->n - 1].answer = answer;
}

static void begin(struct run *r, enum modem_state state, const struct chat_script *script, const char *number)
{
	struct modem *m = r->m;
	int64_t ms = m->conf->dial_ms > 0 ? m->conf->dial_ms : MODEM_DIAL_MS;

	m->call = true;
	m->speed = 0;
	m->kept_len = 0;
	modem_ring_taken(m);
	modem_enter(r, state, STAGE_CHAT);
	m->deadline = modem_later(r, ms);
	modem_chat_begin(r, STAGE_CHAT, script, number);
}

void modem_call_answer(struct run *r)
{
	if (!r->m->rejected)
		begin(r, MODEM_ANSWERING, &r->m->conf->answer, NULL);
}

void modem_call_dial(struct run *r)
{
	if (r->ev->number && chat_number_ok(r->ev->number)) {
		modem_ring_unknown(r->m);
		begin(r, MODEM_DIALLING, &r->m->conf->dial, r->ev->number);
		return;
	}
	strcpy(r->m->why, "not a number that may be dialled");
	failed(r, OCRP_ERROR, CHAT_OTHER);
	modem_act(r, MODEM_ACT_READY);
}

/* The modem is in command mode, as its answer says, or an abort has to see to that. */
static void fail(struct run *r, uint8_t result, enum chat_answer answer)
{
	failed(r, result, answer);
	if (answer == CHAT_OTHER || answer == CHAT_RING)
		modem_hangup(r, true);
	else
		modem_wake(r);
}

static uint8_t result_of(enum chat_answer answer)
{
	static const uint8_t results[CHAT_ANSWERS] = {
		[CHAT_OTHER] = OCRP_TIME_OUT,
		[CHAT_RING] = OCRP_BUSY,
		[CHAT_BUSY] = OCRP_BUSY,
		[CHAT_NO_CARRIER] = OCRP_NO_CARRIER,
		[CHAT_NO_DIALTONE] = OCRP_NO_DIAL_TONE,
		[CHAT_NO_ANSWER] = OCRP_TIME_OUT,
		[CHAT_ERROR] = OCRP_ERROR,
	};

	return results[answer] ? results[answer] : OCRP_ERROR;
}

static void online(struct run *r, const uint8_t *rest, size_t len)
{
	modem_enter(r, MODEM_ONLINE, STAGE_NONE);
	r->m->rest = rest;
	r->m->rest_len = len;
	modem_act(r, MODEM_ACT_ONLINE);
}

void modem_call_keep(struct run *r)
{
	struct modem *m = r->m;
	size_t n = MODEM_KEPT - m->kept_len;

	if (n > r->len)
		n = r->len;
	if (n)
		memcpy(m->kept + m->kept_len, r->data, n);
	m->kept_len += n;
	r->len = 0;
}

static void connected(struct run *r)
{
	struct modem *m = r->m;

	if (!m->speed)
		m->speed = chat_speed(m->chat.connect);
	/* The second half of the answer's end of line is no data. */
	if (r->len && *r->data == '\n') {
		r->data++;
		r->len--;
	}
	if (!m->has_lines || m->carrier) {
		online(r, r->data, r->len);
		r->len = 0;
		return;
	}
	modem_stage(r, STAGE_CARRIER, MODEM_CARRIER_MS);
	modem_call_keep(r);
}

void modem_call_chat(struct run *r, enum chat_verdict verdict)
{
	enum chat_answer answer = r->m->chat.answer;

	if (verdict == CHAT_DONE) {
		connected(r);
		return;
	}
	modem_why(r->m, answer == CHAT_OTHER ? "no answer in time" : "refused");
	fail(r, result_of(answer), answer);
}

/*
 * Some modems tell the speed between them in a line of its own; CONNECT has the port's then (V.250 +MR is such a
 * one).
 */
static void note_speed(struct modem *m, const char *line)
{
	if (!strncasecmp(line, "CARRIER ", 8) || !strncasecmp(line, "+MRR", 4))
		m->speed = chat_speed(line);
}

void modem_call_line(struct run *r, enum chat_answer answer, const char *line)
{
	struct modem *m = r->m;

	if (answer == CHAT_RING && m->state == MODEM_DIALLING) {
		strcpy(m->why, "somebody called while it was to be dialled");
		fail(r, result_of(answer), answer);
		modem_ring_text(r);
		return;
	}
	note_speed(m, line);
	chat_line(&m->chat, line, r->now);
	modem_chat_run(r);
}

void modem_call_carrier(struct run *r)
{
	if (r->m->stage == STAGE_CARRIER && r->m->carrier)
		online(r, r->m->kept, r->m->kept_len);
}

void modem_call_tick(struct run *r)
{
	struct modem *m = r->m;

	if (!mono_reached(m->deadline, r->now)) {
		if (m->stage == STAGE_CHAT)
			modem_chat_run(r);
		return;
	}
	if (m->stage == STAGE_CARRIER) {
		strcpy(m->why, "the modem said CONNECT, but its carrier line (DCD) did not come up");
		fail(r, OCRP_NO_CARRIER, CHAT_OTHER);
		return;
	}
	modem_why(m, "no answer in time");
	fail(r, OCRP_TIME_OUT, CHAT_OTHER);
}

void modem_call_drop(struct run *r)
{
	modem_act(r, MODEM_ACT_COMMAND);
	down(r);
	/* A modem without lines has said NO CARRIER, and so is in command mode. */
	if (r->m->has_lines)
		modem_hangup(r, false);
	else
		modem_wake(r);
}

void modem_call_lost(struct run *r)
{
	struct modem *m = r->m;

	if (!m->call)
		return;
	if (m->state == MODEM_ONLINE || m->state == MODEM_HANGING_UP) {
		down(r);
		return;
	}
	strcpy(m->why, "the port is gone");
	failed(r, OCRP_ERROR, CHAT_OTHER);
}
