/*
 * A modem's state machine: the table of state by event, waking a modem (the init
 * chat) and hanging it up.
 *
 * Owns struct modem, and all that changes the state.  Must not know ports, sessions,
 * or the configuration's texts.  Data Terminal Ready, escape ("+++" between
 * silences) and hang-up are those of ITU-T V.250.
 */
#include "pacd/proto/modem_internal.h"

#include <stdio.h>
#include <string.h>

void modem_act(struct run *r, enum modem_action_type type)
{
	if (r->out->n < MODEM_ACTIONS)
		r->out->list[r->out->n++] = (struct modem_action){ .type = type };
}

struct mono modem_later(const struct run *r, int64_t ms)
{
	return mono_add_ms(r->now, ms > 0 ? ms : 1);
}

void modem_enter(struct run *r, enum modem_state state, enum modem_stage stage)
{
	r->m->state = state;
	r->m->stage = stage;
	r->m->deadline = MONO_NEVER;
}

void modem_stage(struct run *r, enum modem_stage stage, int64_t ms)
{
	r->m->stage = stage;
	r->m->deadline = modem_later(r, ms);
}

/* Marks that there is something in m->out, once. */
static void written(struct run *r, size_t len)
{
	if (len && !r->m->out_len)
		modem_act(r, MODEM_ACT_WRITE);
	r->m->out_len += len;
}

void modem_write(struct run *r, const char *text, size_t len)
{
	struct modem *m = r->m;

	if (len > sizeof m->out - m->out_len)
		return;
	memcpy(m->out + m->out_len, text, len);
	written(r, len);
}

void modem_why(struct modem *m, const char *what)
{
	const struct chat *c = &m->chat;

	if (c->step < c->script.n)
		snprintf(m->why, sizeof m->why, "%s to step %u (\"%.60s\")", what, c->step + 1,
			 c->script.steps[c->step].send);
	else
		snprintf(m->why, sizeof m->why, "%s", what);
}

/* --- chats --- */

static bool is_chatting(const struct modem *m)
{
	return m->stage == STAGE_CHAT || m->stage == STAGE_HANGUP;
}

void modem_chat_begin(struct run *r, enum modem_stage stage, const struct chat_script *script, const char *number)
{
	struct modem *m = r->m;

	m->stage = stage;
	chat_start(&m->chat, script, m->conf->words, number, r->now);
	modem_chat_run(r);
}

static void init_over(struct run *r, enum chat_verdict verdict);
static void hangup_over(struct run *r);

static void chat_over(struct run *r, enum chat_verdict verdict)
{
	if (r->m->stage == STAGE_HANGUP)
		hangup_over(r);
	else if (r->m->state == MODEM_INIT)
		init_over(r, verdict);
	else
		modem_call_chat(r, verdict);
}

void modem_chat_run(struct run *r)
{
	struct modem *m = r->m;
	enum chat_verdict verdict;
	size_t n;

	do {
		n = chat_output(&m->chat, m->out + m->out_len, sizeof m->out - m->out_len, r->now);
		written(r, n);
	} while (n);
	verdict = chat_tick(&m->chat, r->now);
	if (verdict != CHAT_MORE)
		chat_over(r, verdict);
}

/* --- waking --- */

void modem_wake(struct run *r)
{
	r->m->tries = 0;
	chat_reader_init(&r->m->reader);
	modem_enter(r, MODEM_INIT, STAGE_SETTLE);
	modem_stage(r, STAGE_SETTLE, MODEM_SETTLE_MS);
}

void modem_out_of_service(struct run *r)
{
	struct modem *m = r->m;

	modem_enter(r, MODEM_FAILED, STAGE_NONE);
	m->deadline = modem_later(r, m->conf->retry_ms);
	/* What it has not taken is of no use later, and would hold up whoever closes the port. */
	modem_act(r, MODEM_ACT_FLUSH);
	if (m->has_lines)
		modem_act(r, MODEM_ACT_DTR_OFF);
	if (!m->out_of_service)
		modem_act(r, MODEM_ACT_OUT_OF_SERVICE);
	m->out_of_service = true;
}

static void init_over(struct run *r, enum chat_verdict verdict)
{
	struct modem *m = r->m;

	if (verdict == CHAT_DONE) {
		modem_ring_or_idle(r);
		return;
	}
	modem_why(m, m->chat.answer == CHAT_OTHER ? "the modem does not answer" : "the modem says ERROR");
	/* It may be in data mode, from a time before this one. */
	if (++m->tries < m->conf->init_tries)
		modem_stage(r, STAGE_SILENCE, m->conf->escape_ms);
	else
		modem_out_of_service(r);
}

/* --- hanging up --- */

void modem_hangup(struct run *r, bool abort)
{
	struct modem *m = r->m;

	modem_enter(r, MODEM_HANGING_UP, STAGE_NONE);
	if (abort)
		modem_write(r, "\r", 1);
	else
		modem_act(r, MODEM_ACT_FLUSH);
	if (m->has_lines) {
		modem_act(r, MODEM_ACT_DTR_OFF);
		modem_stage(r, STAGE_DTR, m->conf->dtr_ms);
	} else {
		modem_stage(r, abort ? STAGE_ABORT : STAGE_SILENCE, m->conf->escape_ms);
	}
}

static void hung_up(struct run *r)
{
	if (r->m->call)
		modem_act(r, MODEM_ACT_DOWN);
	r->m->call = false;
	modem_wake(r);
}

/* Whether the modem liked it or not: the init will tell. */
static void hangup_over(struct run *r)
{
	if (r->m->state == MODEM_HANGING_UP)
		hung_up(r);
	else
		modem_stage(r, STAGE_SETTLE, MODEM_SETTLE_MS);
}

static void dtr_over(struct run *r)
{
	modem_act(r, MODEM_ACT_DTR_ON);
	/* With its carrier still there, the modem does not heed DTR. */
	if (r->m->carrier)
		modem_stage(r, STAGE_SILENCE, r->m->conf->escape_ms);
	else
		hung_up(r);
}

/* The end of a stage of waking or hanging up. */
static void stage_over(struct run *r)
{
	struct modem *m = r->m;

	switch ((enum modem_stage)m->stage) {
	case STAGE_DTR:
		dtr_over(r);
		break;
	case STAGE_ABORT:
	case STAGE_SILENCE:
		modem_write(r, "+++", 3);
		modem_stage(r, STAGE_ESCAPED, m->conf->escape_ms);
		break;
	case STAGE_ESCAPED:
		chat_reader_init(&m->reader);
		m->deadline = MONO_NEVER;
		modem_chat_begin(r, STAGE_HANGUP, &m->conf->hangup, NULL);
		break;
	case STAGE_SETTLE:
		m->deadline = MONO_NEVER;
		modem_chat_begin(r, STAGE_CHAT, &m->conf->init, NULL);
		break;
	case STAGE_NONE:
	case STAGE_CHAT:
	case STAGE_CARRIER:
	case STAGE_HANGUP:
		break;
	}
}

/* --- input --- */

static bool is_end_of_call(enum chat_answer answer)
{
	return answer >= CHAT_BUSY && answer <= CHAT_NO_ANSWER;
}

static bool is_ring(enum chat_answer answer)
{
	return answer == CHAT_RING || answer == CHAT_CALLING || answer == CHAT_CALLED;
}

static void ring_in(struct run *r, enum chat_answer answer, const char *value)
{
	if (answer == CHAT_RING)
		modem_ring_text(r);
	else if (is_ring(answer))
		modem_ring_id(r, answer, value);
}

/* While the modem is woken or hung up. */
static void command_in(struct run *r, enum chat_answer answer, const char *line, const char *value)
{
	struct modem *m = r->m;

	if (m->stage == STAGE_ABORT) {
		if (answer == CHAT_OK || is_end_of_call(answer) || answer == CHAT_ERROR)
			hung_up(r);
		return;
	}
	/* Before the escape what looks like a line may be the data of a call. */
	if (is_ring(answer) && (m->stage == STAGE_SETTLE || is_chatting(m))) {
		ring_in(r, answer, value);
		return;
	}
	/* The end of the last call may still be told: that is no answer to an init. */
	if (!is_chatting(m) || is_end_of_call(answer))
		return;
	chat_line(&m->chat, line, r->now);
	modem_chat_run(r);
}

static void line_in(struct run *r)
{
	struct modem *m = r->m;
	const char *value;
	enum chat_answer answer = chat_classify(m->conf->words, m->reader.line, &value);

	switch (m->state) {
	case MODEM_INIT:
	case MODEM_HANGING_UP:
		command_in(r, answer, m->reader.line, value);
		break;
	case MODEM_IDLE:
	case MODEM_RINGING:
	case MODEM_FAILED:
		ring_in(r, answer, value);
		break;
	case MODEM_ANSWERING:
	case MODEM_DIALLING:
		modem_call_line(r, answer, m->reader.line);
		break;
	case MODEM_CLOSED:
	case MODEM_ONLINE:
	case MODEM_STATES:
		break;
	}
}

static void on_input(struct run *r)
{
	while (r->m->stage != STAGE_CARRIER && chat_reader_next(&r->m->reader, &r->data, &r->len))
		line_in(r);
	if (r->m->stage == STAGE_CARRIER)
		modem_call_keep(r);
}

/* --- the other events --- */

static void on_opened(struct run *r)
{
	struct modem *m = r->m;
	const struct modem_conf *conf = m->conf;

	modem_init(m, conf);
	m->has_lines = r->ev->has_lines;
	m->carrier = m->has_lines && r->ev->carrier;
	m->ring_lines = r->ev->rings;
	modem_act(r, MODEM_ACT_DTR_ON);
	/* A call that somebody else has left there. */
	if (m->carrier) {
		modem_hangup(r, false);
		return;
	}
	modem_act(r, MODEM_ACT_FLUSH);
	modem_wake(r);
}

static void on_lost(struct run *r)
{
	struct modem *m = r->m;

	if (m->state == MODEM_RINGING && m->told && !m->rejected)
		modem_act(r, MODEM_ACT_RING_OVER);
	modem_call_lost(r);
	modem_ring_forget(m);
	modem_enter(r, MODEM_CLOSED, STAGE_NONE);
}

static void lines_idle(struct run *r)
{
	modem_ring_line(r, r->ev->rings);
}

static void lines_call(struct run *r)
{
	r->m->ring_lines = r->ev->rings;
	modem_call_carrier(r);
}

/* The bell's line may bounce when the modem goes on hook; a true ring will be there again. */
static void lines_hangup(struct run *r)
{
	r->m->ring_lines = r->ev->rings;
}

static void lines_online(struct run *r)
{
	r->m->ring_lines = r->ev->rings;
	if (!r->m->carrier)
		modem_call_drop(r);
}

static void on_reject(struct run *r)
{
	r->m->rejected = true;
}

static void hangup_ring(struct run *r)
{
	if (r->m->told && !r->m->rejected)
		modem_act(r, MODEM_ACT_RING_OVER);
	r->m->rejected = true;
}

static void hangup_call(struct run *r)
{
	modem_hangup(r, true);
}

static void hangup_online(struct run *r)
{
	modem_act(r, MODEM_ACT_COMMAND);
	modem_hangup(r, false);
}

static void tick_command(struct run *r)
{
	if (is_chatting(r->m))
		modem_chat_run(r);
	else
		stage_over(r);
}

static void tick_failed(struct run *r)
{
	if (r->m->has_lines)
		modem_act(r, MODEM_ACT_DTR_ON);
	modem_wake(r);
}

static void ignore(struct run *r)
{
	(void)r;
}

static void (*const table[MODEM_STATES][MODEM_EVENTS])(struct run *r) = {
	[MODEM_CLOSED] = {
		[MODEM_EV_OPENED] = on_opened,
		[MODEM_EV_LOST] = ignore,
		[MODEM_EV_INPUT] = ignore,
		[MODEM_EV_LINES] = ignore,
		[MODEM_EV_NO_CARRIER] = ignore,
		[MODEM_EV_ANSWER] = ignore,
		[MODEM_EV_REJECT] = ignore,
		[MODEM_EV_DIAL] = ignore,
		[MODEM_EV_HANGUP] = ignore,
		[MODEM_EV_TICK] = ignore,
	},
	[MODEM_INIT] = {
		[MODEM_EV_OPENED] = ignore,
		[MODEM_EV_LOST] = on_lost,
		[MODEM_EV_INPUT] = on_input,
		[MODEM_EV_LINES] = lines_idle,
		[MODEM_EV_NO_CARRIER] = ignore,
		[MODEM_EV_ANSWER] = ignore,
		[MODEM_EV_REJECT] = ignore,
		[MODEM_EV_DIAL] = ignore,
		[MODEM_EV_HANGUP] = ignore,
		[MODEM_EV_TICK] = tick_command,
	},
	[MODEM_IDLE] = {
		[MODEM_EV_OPENED] = ignore,
		[MODEM_EV_LOST] = on_lost,
		[MODEM_EV_INPUT] = on_input,
		[MODEM_EV_LINES] = lines_idle,
		[MODEM_EV_NO_CARRIER] = ignore,
		[MODEM_EV_ANSWER] = ignore,
		[MODEM_EV_REJECT] = ignore,
		[MODEM_EV_DIAL] = modem_call_dial,
		[MODEM_EV_HANGUP] = ignore,
		[MODEM_EV_TICK] = modem_wake,
	},
	[MODEM_RINGING] = {
		[MODEM_EV_OPENED] = ignore,
		[MODEM_EV_LOST] = on_lost,
		[MODEM_EV_INPUT] = on_input,
		[MODEM_EV_LINES] = lines_idle,
		[MODEM_EV_NO_CARRIER] = ignore,
		[MODEM_EV_ANSWER] = modem_call_answer,
		[MODEM_EV_REJECT] = on_reject,
		[MODEM_EV_DIAL] = ignore,
		[MODEM_EV_HANGUP] = hangup_ring,
		[MODEM_EV_TICK] = modem_ring_tick,
	},
	[MODEM_ANSWERING] = {
		[MODEM_EV_OPENED] = ignore,
		[MODEM_EV_LOST] = on_lost,
		[MODEM_EV_INPUT] = on_input,
		[MODEM_EV_LINES] = lines_call,
		[MODEM_EV_NO_CARRIER] = ignore,
		[MODEM_EV_ANSWER] = ignore,
		[MODEM_EV_REJECT] = ignore,
		[MODEM_EV_DIAL] = ignore,
		[MODEM_EV_HANGUP] = hangup_call,
		[MODEM_EV_TICK] = modem_call_tick,
	},
	[MODEM_DIALLING] = {
		[MODEM_EV_OPENED] = ignore,
		[MODEM_EV_LOST] = on_lost,
		[MODEM_EV_INPUT] = on_input,
		[MODEM_EV_LINES] = lines_call,
		[MODEM_EV_NO_CARRIER] = ignore,
		[MODEM_EV_ANSWER] = ignore,
		[MODEM_EV_REJECT] = ignore,
		[MODEM_EV_DIAL] = ignore,
		[MODEM_EV_HANGUP] = hangup_call,
		[MODEM_EV_TICK] = modem_call_tick,
	},
	[MODEM_ONLINE] = {
		[MODEM_EV_OPENED] = ignore,
		[MODEM_EV_LOST] = on_lost,
		[MODEM_EV_INPUT] = ignore,
		[MODEM_EV_LINES] = lines_online,
		[MODEM_EV_NO_CARRIER] = modem_call_drop,
		[MODEM_EV_ANSWER] = ignore,
		[MODEM_EV_REJECT] = ignore,
		[MODEM_EV_DIAL] = ignore,
		[MODEM_EV_HANGUP] = hangup_online,
		[MODEM_EV_TICK] = ignore,
	},
	[MODEM_HANGING_UP] = {
		[MODEM_EV_OPENED] = ignore,
		[MODEM_EV_LOST] = on_lost,
		[MODEM_EV_INPUT] = on_input,
		[MODEM_EV_LINES] = lines_hangup,
		[MODEM_EV_NO_CARRIER] = ignore,
		[MODEM_EV_ANSWER] = ignore,
		[MODEM_EV_REJECT] = ignore,
		[MODEM_EV_DIAL] = ignore,
		[MODEM_EV_HANGUP] = ignore,
		[MODEM_EV_TICK] = tick_command,
	},
	[MODEM_FAILED] = {
		[MODEM_EV_OPENED] = ignore,
		[MODEM_EV_LOST] = on_lost,
		[MODEM_EV_INPUT] = on_input,
		[MODEM_EV_LINES] = lines_idle,
		[MODEM_EV_NO_CARRIER] = ignore,
		[MODEM_EV_ANSWER] = ignore,
		[MODEM_EV_REJECT] = ignore,
		[MODEM_EV_DIAL] = ignore,
		[MODEM_EV_HANGUP] = ignore,
		[MODEM_EV_TICK] = tick_failed,
	},
};

void modem_init(struct modem *m, const struct modem_conf *conf)
{
	memset(m, 0, sizeof *m);
	m->conf = conf;
	m->state = MODEM_CLOSED;
	chat_reader_init(&m->reader);
}

void modem_step(struct modem *m, const struct modem_event *ev, struct mono now, struct modem_actions *out)
{
	struct run r = { .m = m, .ev = ev, .now = now, .out = out };

	out->n = 0;
	m->out_len = m->rest_len = 0;
	m->rest = NULL;
	if (ev->type == MODEM_EV_TICK && !mono_reached(modem_deadline(m), now))
		return;
	if (ev->type == MODEM_EV_LINES && !m->has_lines)
		return;
	if (ev->type == MODEM_EV_LINES)
		m->carrier = ev->carrier;
	if (ev->type == MODEM_EV_INPUT) {
		r.data = ev->data;
		r.len = ev->len;
	}
	table[m->state][ev->type](&r);
}

struct mono modem_deadline(const struct modem *m)
{
	if (m->state == MODEM_RINGING)
		return modem_ring_deadline(m);
	return is_chatting(m) ? mono_earlier(m->deadline, chat_deadline(&m->chat)) : m->deadline;
}

const char *modem_state_word(enum modem_state s)
{
	static const char *const words[MODEM_STATES] = {
		[MODEM_CLOSED] = "closed",
		[MODEM_INIT] = "init",
		[MODEM_IDLE] = "idle",
		[MODEM_RINGING] = "ringing",
		[MODEM_ANSWERING] = "answering",
		[MODEM_DIALLING] = "dialling",
		[MODEM_ONLINE] = "online",
		[MODEM_HANGING_UP] = "hanging-up",
		[MODEM_FAILED] = "failed",
	};

	return (unsigned)s < MODEM_STATES ? words[s] : "unknown";
}
