/*
 * A modem line's whole state machine under a program of octets, control lines, commands and time.  A small model
 * counts what is owed to whoever uses it.
 */
#include "pacd/proto/modem.h"

#include "test/fuzz/fuzz.h"

#include <string.h>

struct shell {
	const uint8_t *p; /* the program */
	size_t left;
	struct mono now;
	struct modem_conf conf;
	struct modem modem;
	bool call;    /* FAILED or DOWN is owed */
	bool online;  /* a data path is there */
	bool ringing; /* a ring was told, and is neither answered, rejected nor over */
	bool has_lines, carrier;
	unsigned rings;
};

static uint8_t next(struct shell *s)
{
	if (!s->left)
		return 0;
	s->left--;
	return *s->p++;
}

static void check_text(const char *text)
{
	size_t n = 0;

	while (n <= MSG_TEXT && text[n])
		FUZZ_REQUIRE(text[n] >= ' ' && text[n] <= '~' && ++n);
	FUZZ_REQUIRE(n <= MSG_TEXT);
}

static void check_rest(const struct shell *s, const struct modem_event *ev)
{
	const struct modem *m = &s->modem;
	bool kept = m->rest == m->kept;

	FUZZ_REQUIRE(!kept || m->rest_len <= MODEM_KEPT);
	FUZZ_REQUIRE(kept || (ev->type == MODEM_EV_INPUT && m->rest >= ev->data &&
			      m->rest + m->rest_len == ev->data + ev->len));
	FUZZ_REQUIRE(!m->has_lines || m->carrier);
	FUZZ_REQUIRE(strlen(m->chat.connect) <= CHAT_LINE);
}

static void act(struct shell *s, const struct modem_event *ev, const struct modem_action *a)
{
	const struct modem *m = &s->modem;

	FUZZ_REQUIRE((a->type == MODEM_ACT_FAILED) == (a->result != 0));
	switch (a->type) {
	case MODEM_ACT_WRITE:
		FUZZ_REQUIRE(m->out_len && m->out_len <= CHAT_SEND && !s->online);
		break;
	case MODEM_ACT_RING:
		FUZZ_REQUIRE(!s->ringing && !s->call);
		s->ringing = true;
		break;
	case MODEM_ACT_RING_OVER:
		FUZZ_REQUIRE(s->ringing);
		s->ringing = false;
		break;
	case MODEM_ACT_ONLINE:
		FUZZ_REQUIRE(s->call && !s->online);
		check_rest(s, ev);
		s->online = true;
		break;
	case MODEM_ACT_COMMAND:
		FUZZ_REQUIRE(s->online);
		s->online = false;
		break;
	case MODEM_ACT_FAILED:
		FUZZ_REQUIRE(a->result >= OCRP_ERROR && a->result <= OCRP_TIME_OUT);
		FUZZ_REQUIRE(!s->online);
		/* fall through */
	case MODEM_ACT_DOWN:
		FUZZ_REQUIRE(s->call);
		s->call = false;
		break;
	case MODEM_ACT_READY:
		FUZZ_REQUIRE(!s->call && !s->ringing && !s->online);
		break;
	case MODEM_ACT_OUT_OF_SERVICE:
		FUZZ_REQUIRE(!s->call && m->why[0] && strlen(m->why) < sizeof m->why);
		break;
	case MODEM_ACT_DTR_ON:
	case MODEM_ACT_DTR_OFF:
	case MODEM_ACT_FLUSH:
		break;
	}
}

/* What the user of the machine knows before it steps. */
static void expect(struct shell *s, const struct modem_event *ev)
{
	const struct modem *m = &s->modem;

	if (ev->type == MODEM_EV_DIAL)
		s->call |= m->state == MODEM_IDLE;
	if (ev->type == MODEM_EV_ANSWER && m->state == MODEM_RINGING && !m->rejected) {
		s->call = true;
		s->ringing = false;
	}
	if (ev->type == MODEM_EV_REJECT && m->state == MODEM_RINGING)
		s->ringing = false;
}

static void check(const struct shell *s)
{
	const struct modem *m = &s->modem;

	FUZZ_REQUIRE(m->state < MODEM_STATES);
	FUZZ_REQUIRE(m->call == s->call);
	FUZZ_REQUIRE((m->state == MODEM_ONLINE) == s->online);
	FUZZ_REQUIRE(!s->ringing || m->state == MODEM_RINGING);
	check_text(m->calling);
	check_text(m->called);
	if (m->state != MODEM_CLOSED && m->state != MODEM_IDLE && m->state != MODEM_ONLINE)
		FUZZ_REQUIRE(mono_is_set(modem_deadline(m)));
	if (m->state == MODEM_CLOSED)
		FUZZ_REQUIRE(!mono_is_set(modem_deadline(m)) && !s->call && !s->ringing);
}

static void step(struct shell *s, const struct modem_event *ev)
{
	struct modem_actions out;
	bool write = false;

	expect(s, ev);
	modem_step(&s->modem, ev, s->now, &out);
	/* Less than there is room for: none was left out. */
	FUZZ_REQUIRE(out.n < MODEM_ACTIONS);
	if (ev->type == MODEM_EV_LOST)
		s->online = false;
	for (unsigned i = 0; i < out.n; i++) {
		act(s, ev, &out.list[i]);
		FUZZ_REQUIRE(out.list[i].type != MODEM_ACT_ONLINE || i + 1 == out.n);
		FUZZ_REQUIRE(out.list[i].type != MODEM_ACT_WRITE || !write);
		write |= out.list[i].type == MODEM_ACT_WRITE;
	}
	FUZZ_REQUIRE(write == (s->modem.out_len > 0));
	check(s);
}

static void step_type(struct shell *s, enum modem_event_type type)
{
	struct modem_event ev = { .type = type, .has_lines = s->has_lines, .carrier = s->carrier, .rings = s->rings,
		.number = "5551234" };

	step(s, &ev);
}

static void op_raw(struct shell *s)
{
	size_t n = next(s) % 64;
	struct modem_event ev = { .type = MODEM_EV_INPUT, .data = s->p };

	ev.len = n < s->left ? n : s->left;
	s->p += ev.len;
	s->left -= ev.len;
	/* A port in data mode hands nothing up, but the machine may not rely on that. */
	step(s, &ev);
}

/* Good lines, up to three in one piece. */
static void op_lines_of_text(struct shell *s)
{
	static const char *const texts[] = { "OK\r\n", "ERROR\r\n", "RING\r\n", "CONNECT 33600/ARQ\r\n", "BUSY\r\n",
		"NO CARRIER\r\n", "NO DIALTONE\r\n", "NO ANSWER\r\n", "NMBR = 5551234\r\n", "NMBR = P\r\n",
		"DDN_NMBR=4321\r\n", "CARRIER 28800\r\n", "RINGING\r\n", "+++", "ATZ\r\r\n", "~\xff}#\xc0!" };
	char buf[128];
	struct modem_event ev = { .type = MODEM_EV_INPUT, .data = (uint8_t *)buf };

	for (unsigned n = next(s) % 3 + 1; n; n--) {
		const char *text = texts[next(s) % (sizeof texts / sizeof *texts)];

		memcpy(buf + ev.len, text, strlen(text));
		ev.len += strlen(text);
	}
	step(s, &ev);
}

static void op_modem_lines(struct shell *s)
{
	uint8_t bits = next(s);

	s->carrier = bits & 1;
	s->rings += bits >> 1 & 1;
	step_type(s, MODEM_EV_LINES);
}

static void op_time(struct shell *s)
{
	s->now = mono_add_ms(s->now, (int64_t)next(s) * 50);
	step_type(s, MODEM_EV_TICK);
	FUZZ_REQUIRE(!mono_is_set(modem_deadline(&s->modem)) || modem_deadline(&s->modem).us > s->now.us);
}

static void op_deadline(struct shell *s)
{
	struct mono due = modem_deadline(&s->modem);

	if (!mono_is_set(due))
		return;
	s->now = due.us > s->now.us ? due : s->now;
	step_type(s, MODEM_EV_TICK);
	FUZZ_REQUIRE(!mono_is_set(modem_deadline(&s->modem)) || modem_deadline(&s->modem).us > s->now.us);
}

static void op_command(struct shell *s)
{
	static const enum modem_event_type types[] = { MODEM_EV_ANSWER, MODEM_EV_REJECT, MODEM_EV_DIAL, MODEM_EV_HANGUP,
		MODEM_EV_NO_CARRIER, MODEM_EV_OPENED, MODEM_EV_LOST };

	step_type(s, types[next(s) % (sizeof types / sizeof *types)]);
}

static void op_dial(struct shell *s)
{
	char number[8];
	struct modem_event ev = { .type = MODEM_EV_DIAL, .number = number };

	for (size_t i = 0; i + 1 < sizeof number; i++)
		number[i] = (char)next(s);
	number[sizeof number - 1] = '\0';
	step(s, &ev);
}

static void configure(struct shell *s)
{
	static const struct chat_step paused[] = { { "AT\\dX", "", 0 }, { "AT\\c", "OK|ERROR", 500 } };
	uint8_t options = next(s);

	s->has_lines = options & 1;
	s->conf = (struct modem_conf){
		.init = options & 2 ? chat_hayes_init : (struct chat_script){ paused, 2 },
		.answer = chat_hayes_answer,
		.dial = chat_hayes_dial,
		.hangup = options & 4 ? chat_hayes_hangup : (struct chat_script){ paused, 0 },
		.words = &chat_hayes_words,
		.ring_gap_ms = 8000,
		.caller_id_ms = options & 8 ? 3000 : 0,
		.dtr_ms = 1000,
		.escape_ms = 1200,
		.retry_ms = 30000,
		.check_ms = options & 16 ? 60000 : 0,
		.init_tries = options >> 6,
	};
	modem_init(&s->modem, &s->conf);
	step_type(s, MODEM_EV_OPENED);
	/* Most programs begin with a modem that is there. */
	for (int i = 0; i < 8 && !(options & 32); i++) {
		struct modem_event ok = { .type = MODEM_EV_INPUT, .data = (const uint8_t *)"OK\r\n", .len = 4 };

		op_deadline(s);
		step(s, &ok);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const ops[])(struct shell *) = { op_raw, op_lines_of_text, op_lines_of_text, op_modem_lines,
		op_time, op_deadline, op_command, op_dial };
	static struct shell s;

	memset(&s, 0, sizeof s);
	s.p = data;
	s.left = size;
	s.now.us = 1;
	configure(&s);
	while (s.left)
		ops[next(&s) % (sizeof ops / sizeof *ops)](&s);
	/* Left alone and then closed, it owes nothing to anybody. */
	op_time(&s);
	step_type(&s, MODEM_EV_LOST);
	FUZZ_REQUIRE(s.modem.state == MODEM_CLOSED);
	return 0;
}
