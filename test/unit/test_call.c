/*
 * The call machines against RFC 2637 sections 3.2.3.1 and 3.2.4.1 (CALL-OUT, CALL-IN, MSG-14).
 *
 * Every state x event is written down a second time here, as text.
 */
#include "pacd/proto/call.h"

#include "test/unit/unit.h"

#include <stdio.h>

static struct call_actions out;

/* ck_assert() costs a system call: too much for a walk of millions. */
#define REQUIRE(condition) ((condition) ? (void)0 : ck_abort_msg("%s", #condition))

static const char *const states[CALL_STATES] = { "idle", "wait_cs_ans", "wait_reply", "wait_answer", "established",
	"closed" };

/* An event with its values, and what each state makes of it: "next: actions", or "" for nothing. */
static const struct row {
	const char *name;
	struct call_event ev;
	const char *in[CALL_STATES];
} rows[] = {
	{ "OCRQ", { CALL_EV_OCRQ, 0, 0, 0 }, { "wait_cs_ans: dial", "", "", "", "", "" } },
	{ "OCRQ_BAD 2/3", { CALL_EV_OCRQ_BAD, 2, 3, 0 }, { "closed: ocrp(2,3,0) end", "", "", "", "", "" } },
	{ "OCRQ_BAD 7", { CALL_EV_OCRQ_BAD, 7, 0, 0 }, { "closed: ocrp(7,0,0) end", "", "", "", "", "" } },
	{ "RING", { CALL_EV_RING, 0, 0, 0 }, { "wait_reply: icrq", "", "", "", "", "" } },
	{ "ICRP 1", { CALL_EV_ICRP, 1, 0, 0 }, { "", "", "wait_answer: answer", "", "", "" } },
	{ "ICRP 2", { CALL_EV_ICRP, 2, 4, 0 }, { "", "", "closed: hangup end", "", "", "" } },
	{ "ICRP 3", { CALL_EV_ICRP, 3, 0, 0 }, { "", "", "closed: hangup end", "", "", "" } },
	{ "ICRP 0", { CALL_EV_ICRP, 0, 0, 0 }, { "", "", "closed: hangup end", "", "", "" } },
	{ "ICRP 255", { CALL_EV_ICRP, 255, 0, 0 }, { "", "", "closed: hangup end", "", "", "" } },
	{ "ICRP_BAD", { CALL_EV_ICRP_BAD, 1, 0, 0 }, { "", "", "closed: cdn(2,5,0) hangup end", "", "", "" } },
	{ "ANSWERED", { CALL_EV_ANSWERED, 0, 0, 0 },
		{ "", "established: ocrp(1,0,0)", "", "established: iccn", "", "" } },
	{ "LINE_FAILED 4", { CALL_EV_LINE_FAILED, 4, 0, 17 },
		{ "closed: hangup end", "closed: ocrp(4,0,17) hangup end", "closed: cdn(1,0,17) hangup end",
			"closed: cdn(1,0,17) hangup end", "closed: cdn(1,0,17) hangup stop end", "" } },
	{ "LINE_FAILED 2/6", { CALL_EV_LINE_FAILED, 2, 6, 0 },
		{ "closed: hangup end", "closed: ocrp(2,6,0) hangup end", "closed: cdn(2,6,0) hangup end",
			"closed: cdn(2,6,0) hangup end", "closed: cdn(2,6,0) hangup stop end", "" } },
	{ "LINE_DOWN", { CALL_EV_LINE_DOWN, 0, 0, 16 },
		{ "closed: hangup end", "closed: ocrp(3,0,16) hangup end", "closed: cdn(1,0,16) hangup end",
			"closed: cdn(1,0,16) hangup end", "closed: cdn(1,0,16) hangup stop end", "" } },
	{ "LINE_DOWN 6", { CALL_EV_LINE_DOWN, 0, 6, 0 },
		{ "closed: hangup end", "closed: ocrp(2,6,0) hangup end", "closed: cdn(2,6,0) hangup end",
			"closed: cdn(2,6,0) hangup end", "closed: cdn(2,6,0) hangup stop end", "" } },
	{ "TIME_OUT", { CALL_EV_TIME_OUT, 0, 0, 0 },
		{ "closed: hangup end", "closed: ocrp(6,0,0) hangup end", "closed: suspect hangup end",
			"closed: cdn(1,0,0) hangup end", "", "" } },
	{ "WITHDRAW", { CALL_EV_WITHDRAW, 0, 0, 0 }, { "closed: end", "", "closed: cdn(3,0,0) end", "", "", "" } },
	{ "CCRQ", { CALL_EV_CCRQ, 0, 0, 0 },
		{ "closed: cdn(4,0,0) hangup end", "closed: cdn(4,0,0) hangup end", "closed: cdn(4,0,0) hangup end",
			"closed: cdn(4,0,0) hangup end", "closed: cdn(4,0,0) hangup stop end", "" } },
	{ "LOCAL", { CALL_EV_LOCAL, 0, 0, 0 },
		{ "closed: hangup end", "closed: ocrp(7,0,0) hangup end", "closed: cdn(3,0,0) hangup end",
			"closed: cdn(3,0,0) hangup end", "closed: cdn(3,0,0) hangup stop end", "" } },
	{ "CTRL_LOST", { CALL_EV_CTRL_LOST, 0, 0, 0 },
		{ "closed: hangup end", "closed: hangup end", "closed: hangup end", "closed: hangup end",
			"closed: hangup stop end", "" } },
	{ "SLI", { CALL_EV_SLI, 0, 0, 0 }, { "", "", "", "", "established: accm", "" } },
};

#define ROWS (sizeof rows / sizeof *rows)

static void describe(char *text, size_t size, const char *state, const struct call_actions *a)
{
	static const char *const words[] = { "dial", "answer", "hangup", "ocrp", "icrq", "iccn", "cdn", "stop",
		"accm", "suspect", "end" };
	int n = snprintf(text, size, "%s:", state);

	for (unsigned i = 0; i < a->n; i++) {
		const struct call_action *x = &a->list[i];

		n += snprintf(text + n, size - (size_t)n, " %s", words[x->type]);
		if (x->type == CALL_ACT_SEND_OCRP || x->type == CALL_ACT_SEND_CDN)
			n += snprintf(text + n, size - (size_t)n, "(%u,%u,%u)", x->result, x->error, x->cause);
		else
			ck_assert(!x->result && !x->error && !x->cause);
	}
}

/* Does the event and says what came of it, as the rows do. */
static const char *step(struct call *c, const struct call_event *ev)
{
	static char text[200];
	enum call_state before = c->state;

	memset(&out, 0xee, sizeof out);
	call_step(c, ev, &out);
	if (c->state == before && !out.n)
		return "";
	describe(text, sizeof text, call_state_word(c->state), &out);
	return text;
}

START_TEST(every_state_and_event)
{
	unsigned seen[CALL_EVENTS] = { 0 };

	for (size_t i = 0; i < ROWS; i++) {
		seen[rows[i].ev.type]++;
		for (int s = 0; s < CALL_STATES; s++) {
			struct call c = { .state = (enum call_state)s };
			const char *got = step(&c, &rows[i].ev);

			ck_assert_msg(!strcmp(got, rows[i].in[s]), "%s in %s: \"%s\"", rows[i].name, states[s], got);
		}
	}
	for (int e = 0; e < CALL_EVENTS; e++)
		ck_assert_msg(seen[e], "event %d has no row", e);
}
END_TEST

START_TEST(words)
{
	struct call c = { .state = CALL_CLOSED };

	for (int s = 0; s < CALL_STATES; s++)
		ck_assert_str_eq(call_state_word((enum call_state)s), states[s]);
	ck_assert_str_eq(call_state_word(CALL_STATES), "unknown");
	call_init(&c);
	ck_assert_int_eq(c.state, CALL_IDLE);
}
END_TEST

/* E7: in an OCRP that refuses, an error code stands with result 2 and only there; success is never said by mistake. */
START_TEST(refusals_are_legal)
{
	static const enum call_event_type types[] = { CALL_EV_OCRQ_BAD, CALL_EV_LINE_FAILED, CALL_EV_LINE_DOWN };

	for (unsigned i = 0; i < 3 * 256 * 256; i++) {
		struct call_event ev = { types[i / 65536], (uint8_t)(i / 256), (uint8_t)i, 0 };
		struct call c = { .state = ev.type == CALL_EV_OCRQ_BAD ? CALL_IDLE : CALL_WAIT_CS_ANS };

		call_step(&c, &ev, &out);
		REQUIRE(out.n >= 2 && out.list[0].type == CALL_ACT_SEND_OCRP);
		REQUIRE(out.list[0].result >= OCRP_ERROR && out.list[0].result <= OCRP_PROHIBITED);
		REQUIRE((out.list[0].result == OCRP_ERROR) == (out.list[0].error != 0));
		if (ev.type != CALL_EV_LINE_DOWN && ev.result >= 2 && ev.result <= 7)
			REQUIRE(out.list[0].result == ev.result);
	}
}
END_TEST

/* CALL-OUT-02, -03, -12, -07. */
START_TEST(outgoing_call)
{
	struct call c;

	call_init(&c);
	ck_assert_str_eq(step(&c, &(struct call_event){ .type = CALL_EV_OCRQ }), "wait_cs_ans: dial");
	ck_assert_str_eq(step(&c, &(struct call_event){ .type = CALL_EV_SLI }), "");
	ck_assert_str_eq(step(&c, &(struct call_event){ .type = CALL_EV_ANSWERED }), "established: ocrp(1,0,0)");
	ck_assert_str_eq(step(&c, &(struct call_event){ .type = CALL_EV_SLI }), "established: accm");
	ck_assert_str_eq(step(&c, &(struct call_event){ .type = CALL_EV_SLI }), "established: accm");
	ck_assert_str_eq(step(&c, &(struct call_event){ .type = CALL_EV_CCRQ }), "closed: cdn(4,0,0) hangup stop end");
	ck_assert_str_eq(step(&c, &(struct call_event){ .type = CALL_EV_CCRQ }), "");
}
END_TEST

/* CALL-IN-01, -03, -12, -09. */
START_TEST(incoming_call)
{
	struct call c;
	struct call_event accept = { .type = CALL_EV_ICRP, .result = ICRP_CONNECT };
	struct call_event refuse = { .type = CALL_EV_ICRP, .result = ICRP_DO_NOT_ACCEPT };

	call_init(&c);
	ck_assert_str_eq(step(&c, &(struct call_event){ .type = CALL_EV_RING }), "wait_reply: icrq");
	ck_assert_str_eq(step(&c, &accept), "wait_answer: answer");
	ck_assert_str_eq(step(&c, &accept), "");
	ck_assert_str_eq(step(&c, &refuse), "");
	ck_assert_str_eq(step(&c, &(struct call_event){ .type = CALL_EV_ANSWERED }), "established: iccn");
	ck_assert_str_eq(step(&c, &accept), "");
	ck_assert_str_eq(step(&c, &(struct call_event){ .type = CALL_EV_ANSWERED }), "");
	ck_assert_str_eq(step(&c, &(struct call_event){ .type = CALL_EV_LINE_DOWN }),
			 "closed: cdn(1,0,0) hangup stop end");
}
END_TEST

/* CALL-IN-07 and TIM-05: only a missing ICRP makes the control connection suspect. */
START_TEST(suspect_only_without_icrp)
{
	for (size_t i = 0; i < ROWS; i++)
		for (int s = 0; s < CALL_STATES; s++) {
			struct call c = { .state = (enum call_state)s };

			call_step(&c, &rows[i].ev, &out);
			for (unsigned k = 0; k < out.n; k++)
				if (out.list[k].type == CALL_ACT_SUSPECT)
					ck_assert(s == CALL_WAIT_REPLY && rows[i].ev.type == CALL_EV_TIME_OUT);
		}
}
END_TEST

/* What a walk has seen of one call. */
struct tally {
	unsigned count[CALL_ACT_END + 1];
	int ocrq, answered, cleared;
};

static unsigned told(const struct tally *t)
{
	return t->count[CALL_ACT_SEND_OCRP] + t->count[CALL_ACT_SEND_CDN];
}

static void tally_step(struct tally *t, struct call *c, const struct call_event *ev)
{
	enum call_state before = c->state;

	call_step(c, ev, &out);
	REQUIRE(out.n <= CALL_ACTIONS);
	if (before == CALL_CLOSED)
		REQUIRE(!out.n && c->state == CALL_CLOSED);
	if (before != CALL_IDLE)
		REQUIRE(c->state != CALL_IDLE);
	if (before == CALL_IDLE && (ev->type == CALL_EV_OCRQ || ev->type == CALL_EV_OCRQ_BAD))
		t->ocrq = 1;
	if (before != CALL_CLOSED && (ev->type == CALL_EV_CCRQ || ev->type == CALL_EV_CTRL_LOST))
		t->cleared = 1;
	if (c->state == CALL_ESTABLISHED)
		t->answered = 1;
	for (unsigned i = 0; i < out.n; i++) {
		t->count[out.list[i].type]++;
		REQUIRE((out.list[i].type == CALL_ACT_END) == (i + 1 == out.n && c->state == CALL_CLOSED));
	}
	REQUIRE(t->count[CALL_ACT_END] == (c->state == CALL_CLOSED));
	/* After the connection is lost nothing can be sent. */
	if (ev->type == CALL_EV_CTRL_LOST)
		for (unsigned i = 0; i < out.n; i++)
			REQUIRE(out.list[i].type == CALL_ACT_HANGUP || out.list[i].type == CALL_ACT_STOP_DATA ||
				  out.list[i].type == CALL_ACT_END);
}

static void assert_tally(const struct tally *t, const struct call *c)
{
	const unsigned *n = t->count;

	for (int a = 0; a <= CALL_ACT_END; a++)
		REQUIRE(a == CALL_ACT_SET_ACCM || n[a] <= 1);
	REQUIRE(n[CALL_ACT_STOP_DATA] == (t->answered && c->state == CALL_CLOSED));
	/* Whatever was put off hook is put back. */
	if (c->state == CALL_CLOSED && n[CALL_ACT_DIAL] + n[CALL_ACT_ANSWER])
		REQUIRE(n[CALL_ACT_HANGUP] == 1);
	if (n[CALL_ACT_SEND_ICRQ])
		REQUIRE(n[CALL_ACT_SEND_OCRP] == 0);
	/* Section 3.2.4: exactly one OCRP for each OCRQ, unless it was cleared first. */
	if (t->ocrq && c->state == CALL_CLOSED) {
		REQUIRE(n[CALL_ACT_SEND_OCRP] <= 1);
		REQUIRE(n[CALL_ACT_SEND_OCRP] == 1 || t->cleared);
	}
	if (t->ocrq && c->state == CALL_ESTABLISHED)
		REQUIRE(told(t) == 1);
}

/* Every sequence of events from here; a call that is over takes each of them once more. */
static void walk(const struct tally *t, const struct call *c, int depth)
{
	for (size_t i = 0; i < ROWS; i++) {
		struct tally next_t = *t;
		struct call next_c = *c;

		tally_step(&next_t, &next_c, &rows[i].ev);
		assert_tally(&next_t, &next_c);
		if (depth > 1 && c->state != CALL_CLOSED)
			walk(&next_t, &next_c, depth - 1);
	}
}

/* Five events are one more than the longest way from ring to end. */
START_TEST(every_sequence)
{
	struct tally t = { { 0 }, 0, 0, 0 };
	struct call c;

	call_init(&c);
	walk(&t, &c, 5);
}
END_TEST

/* MSG-14. */
START_TEST(ocrq_values)
{
	const struct msg_ocrq good = { .min_bps = 300, .max_bps = 100000000, .bearer = 3, .framing = 3, .window = 64 };
	static const uint32_t bad[] = { 0, 4, 5, 0x80000001, 0xffffffff };
	struct msg_ocrq m = good;

	ck_assert_int_eq(call_check_ocrq(&m), MSG_ERR_NONE);
	for (uint32_t v = 1; v <= 3; v++) {
		m.bearer = v;
		m.framing = 4 - v;
		ck_assert_int_eq(call_check_ocrq(&m), MSG_ERR_NONE);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		m = good;
		m.bearer = bad[i];
		ck_assert_int_eq(call_check_ocrq(&m), MSG_ERR_BAD_VALUE);
		m = good;
		m.framing = bad[i];
		ck_assert_int_eq(call_check_ocrq(&m), MSG_ERR_BAD_VALUE);
	}
	for (unsigned n = 0; n <= 65535; n++) {
		m = good;
		m.number_len = (uint16_t)n;
		ck_assert_int_eq(call_check_ocrq(&m), n <= 64 ? MSG_ERR_NONE : MSG_ERR_BAD_VALUE);
	}
	m = good;
	m.min_bps = m.max_bps;
	ck_assert_int_eq(call_check_ocrq(&m), MSG_ERR_NONE);
	m.min_bps++;
	ck_assert_int_eq(call_check_ocrq(&m), MSG_ERR_BAD_VALUE);
	/* MSG-15, CALL-06: window 0 and call id 0 are accepted. */
	m = good;
	m.window = 0;
	m.call_id = 0;
	ck_assert_int_eq(call_check_ocrq(&m), MSG_ERR_NONE);
}
END_TEST

/* MSG-17: the speed that is told lies within what was asked for. */
START_TEST(speed)
{
	struct msg_ocrq m = { .min_bps = 2400, .max_bps = 10000000 };

	ck_assert_uint_eq(call_speed(&m, 64000), 64000);
	ck_assert_uint_eq(call_speed(&m, 2399), 2400);
	ck_assert_uint_eq(call_speed(&m, 0), 2400);
	ck_assert_uint_eq(call_speed(&m, 10000000), 10000000);
	ck_assert_uint_eq(call_speed(&m, 0xffffffff), 10000000);
	m.max_bps = 2400;
	ck_assert_uint_eq(call_speed(&m, 64000), 2400);
}
END_TEST

static Suite *call_suite(void)
{
	Suite *s = suite_create("call");

	UNIT_CASE(s, "table", every_state_and_event, words, refusals_are_legal, suspect_only_without_icrp);
	UNIT_CASE(s, "life", outgoing_call, incoming_call, every_sequence);
	UNIT_CASE(s, "values", ocrq_values, speed);
	return s;
}

UNIT_MAIN(call_suite)
