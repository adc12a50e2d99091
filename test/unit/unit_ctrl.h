/*
 * What the tests of the control connection share: one connection, a clock of their own, and what was done as text.
 */
#ifndef PACD_TEST_UNIT_CTRL_H
#define PACD_TEST_UNIT_CTRL_H

#include "pacd/proto/ctrl.h"

#include "test/unit/unit.h"

#include <stdio.h>

static const struct ctrl_timers timers = { .start_ms = 10000, .reply_ms = 20000, .echo_idle_ms = 30000,
	.echo_reply_ms = 40000 };

static struct ctrl c;
static struct ctrl_actions out;
static struct msg in;
static struct mono now;

static inline void start(bool originator)
{
	struct ctrl_self self = { .max_channels = 100, .firmware = 7, .accept_minor = true };

	msg_text_set(self.host, MSG_TEXT, "pac");
	msg_text_set(self.vendor, MSG_TEXT, "vendor");
	now.us = 1000000;
	memset(&in, 0, sizeof in);
	ctrl_init(&c, originator, &timers, &self, now);
}

static inline void after_ms(int64_t ms)
{
	now = mono_add_ms(now, ms);
}

static inline void event(enum ctrl_event_type type)
{
	struct ctrl_event ev = { .type = type, .msg = &in, .random = 0xcafe };

	memset(&out, 0xee, sizeof out);
	ctrl_step(&c, &ev, now, &out);
}

static inline void message(uint16_t type)
{
	in.type = type;
	event(CTRL_EV_MESSAGE);
}

static inline void sccrq(uint16_t version, enum ctrl_admit admit)
{
	struct ctrl_event ev = { .type = CTRL_EV_MESSAGE, .msg = &in, .admit = admit };

	in = (struct msg){ .type = MSG_SCCRQ, .sccrq = { .version = version, .host = "pns" } };
	ctrl_step(&c, &ev, now, &out);
	memset(&in, 0, sizeof in);
}

static inline void established(void)
{
	start(false);
	sccrq(0x0100, CTRL_ADMIT);
	ck_assert_int_eq(c.state, CTRL_ESTABLISHED);
}

static inline void stopping(void)
{
	established();
	event(CTRL_EV_STOP);
	ck_assert_int_eq(c.state, CTRL_WAIT_STOP_REPLY);
}

/* What was done, as one line: message names, and words with the reason of a close. */
static inline const char *done(void)
{
	static const char *const words[] = { "send", "established", "call", "ignored", "clear", "close", "abort" };
	static char text[300];
	int n = 0;

	text[0] = 0;
	ck_assert_uint_le(out.n, CTRL_ACTIONS);
	for (unsigned i = 0; i < out.n; i++) {
		const struct ctrl_action *a = &out.list[i];

		n += snprintf(text + n, sizeof text - (size_t)n, "%s%s", i ? " " : "",
			      a->type == CTRL_ACT_SEND ? msg_type_word(a->msg.type) : words[a->type]);
		if (a->type >= CTRL_ACT_CLEAR_CALLS)
			n += snprintf(text + n, sizeof text - (size_t)n, "(%s)", ctrl_close_word(a->close));
	}
	return text;
}

static inline const struct msg *sent(void)
{
	for (unsigned i = 0; i < out.n; i++)
		if (out.list[i].type == CTRL_ACT_SEND)
			return &out.list[i].msg;
	ck_abort_msg("nothing sent");
	return NULL;
}

#define DONE(text) ck_assert_str_eq(done(), text)

static inline void assert_deadline_in(int64_t ms)
{
	ck_assert_int_eq(mono_diff_us(ctrl_deadline(&c), now), ms * 1000);
}

/* Established, an EchoRQ is out for a second. */
static inline void echo_out(void)
{
	established();
	after_ms(30000);
	event(CTRL_EV_TICK);
	after_ms(1000);
	memset(&in, 0, sizeof in);
}

/* An originator gets this SCCRP. */
static inline void sccrp(uint16_t version, uint8_t result)
{
	start(true);
	event(CTRL_EV_OPEN);
	in = (struct msg){ .type = MSG_SCCRP, .sccrp = { .version = version, .result = result, .host = "pns" } };
	event(CTRL_EV_MESSAGE);
}

#endif
