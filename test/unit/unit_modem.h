/*
 * A modem's state machine in a test: time that the test moves, a far end that answers each command alike, and what was
 * done as one text.
 */
#ifndef PACD_TEST_UNIT_MODEM_H
#define PACD_TEST_UNIT_MODEM_H

#include "pacd/proto/modem.h"

#include "test/unit/unit.h"

#include <stdio.h>

static struct modem_conf conf;
static struct modem m;
static struct modem_actions out;
static struct mono now;
static char done[1024];    /* words of the actions, and in quotes what was written */
static const char *reply;  /* to each command; NULL: none */
static bool echo;

static void input(const char *text);

static inline void say(const char *format, const char *text, unsigned n)
{
	size_t len = strlen(done);

	/* Each format has both, in this order. */
	snprintf(done + len, sizeof done - len, "%s", len ? " " : "");
	len = strlen(done);
	snprintf(done + len, sizeof done - len, "%s%s", format, text);
	if (n)
		snprintf(done + strlen(done), sizeof done - strlen(done), "%u", n);
}

static inline void say_written(void)
{
	char text[CHAT_SEND + 1];

	ck_assert(m.out_len && m.out_len <= CHAT_SEND);
	memcpy(text, m.out, m.out_len);
	text[m.out_len] = '\0';
	for (char *p = text; *p; p++)
		if (*p == '\r')
			*p = '!';
	say("", text, 0);
}

static inline void say_action(const struct modem_action *a)
{
	static const char *const words[] = {
		[MODEM_ACT_DTR_ON] = "DTR",
		[MODEM_ACT_DTR_OFF] = "dtr",
		[MODEM_ACT_FLUSH] = "flush",
		[MODEM_ACT_READY] = "READY",
		[MODEM_ACT_RING] = "RING",
		[MODEM_ACT_RING_OVER] = "OVER",
		[MODEM_ACT_ONLINE] = "ONLINE",
		[MODEM_ACT_FAILED] = "FAILED",
		[MODEM_ACT_DOWN] = "DOWN",
		[MODEM_ACT_COMMAND] = "COMMAND",
		[MODEM_ACT_OUT_OF_SERVICE] = "OUT",
	};

	if (a->type == MODEM_ACT_WRITE)
		say_written();
	else
		say(words[a->type], "", a->result);
}

static inline void step(const struct modem_event *ev)
{
	bool command = false;
	char text[2 * CHAT_SEND + 64];
	int n;

	memset(&out, 0xee, sizeof out);
	modem_step(&m, ev, now, &out);
	ck_assert_uint_le(out.n, MODEM_ACTIONS);
	for (unsigned i = 0; i < out.n; i++) {
		say_action(&out.list[i]);
		command |= out.list[i].type == MODEM_ACT_WRITE && m.out_len > 1 && m.out[m.out_len - 1] == '\r';
	}
	if (!command || !reply)
		return;
	n = snprintf(text, sizeof text, "%.*s\r\n%s\r\n", echo ? (int)m.out_len : 0, m.out, reply);
	ck_assert_int_lt(n, (int)sizeof text);
	input(text);
}

static inline void event(enum modem_event_type type)
{
	struct modem_event ev = { .type = type };

	step(&ev);
}

static void input(const char *text)
{
	struct modem_event ev = { .type = MODEM_EV_INPUT, .data = (const uint8_t *)text, .len = strlen(text) };

	step(&ev);
}

static inline void lines(bool carrier, unsigned rings)
{
	struct modem_event ev = { .type = MODEM_EV_LINES, .has_lines = true, .carrier = carrier, .rings = rings };

	step(&ev);
}

static inline void dial(const char *number)
{
	struct modem_event ev = { .type = MODEM_EV_DIAL, .number = number };

	step(&ev);
}

static inline void open_port(bool has_lines, bool carrier)
{
	struct modem_event ev = { .type = MODEM_EV_OPENED, .has_lines = has_lines, .carrier = carrier, .rings = 7 };

	step(&ev);
}

/* Time passes, with a tick whenever one is wanted, and never twice for the same deadline. */
static inline void after_ms(int64_t ms)
{
	struct mono end = mono_add_ms(now, ms);

	while (mono_reached(modem_deadline(&m), end)) {
		struct mono due = modem_deadline(&m);

		if (due.us > now.us)
			now = due;
		event(MODEM_EV_TICK);
		due = modem_deadline(&m);
		ck_assert(!mono_is_set(due) || due.us > now.us);
	}
	now = end;
}

/* What was done since the last time. */
static inline void did(const char *want)
{
	ck_assert_str_eq(done, want);
	done[0] = '\0';
}

static inline void in_state(enum modem_state state)
{
	ck_assert_str_eq(modem_state_word(m.state), modem_state_word(state));
}

static inline void new_modem(void)
{
	static const struct chat_step init[] = { { "ATZ", "OK", 3000 } };
	static const struct chat_step dialling[] = { { "ATD\\T", "CONNECT", 600000 } };

	conf = (struct modem_conf){
		.init = { init, 1 },
		.answer = chat_hayes_answer,
		.dial = { dialling, 1 },
		.hangup = chat_hayes_hangup,
		.words = &chat_hayes_words,
		.ring_gap_ms = 8000,
		.caller_id_ms = 3000,
		.dial_ms = 90000,
		.dtr_ms = 1000,
		.escape_ms = 1200,
		.retry_ms = 30000,
		.init_tries = 3,
	};
	modem_init(&m, &conf);
	now.us = 1000000;
	done[0] = '\0';
	reply = "OK";
	echo = true;
}

/* An idle modem. */
static inline void idle(bool has_lines)
{
	new_modem();
	open_port(has_lines, false);
	after_ms(MODEM_SETTLE_MS);
	in_state(MODEM_IDLE);
	done[0] = '\0';
}

static inline void dialling(bool has_lines)
{
	idle(has_lines);
	reply = NULL;
	dial("123");
	reply = "OK";
	in_state(MODEM_DIALLING);
	done[0] = '\0';
}

static inline void online(bool has_lines)
{
	dialling(has_lines);
	if (has_lines)
		lines(true, 7);
	input("CONNECT 33600\r\n");
	in_state(MODEM_ONLINE);
	done[0] = '\0';
}

#endif
