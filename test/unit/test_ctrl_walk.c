/*
 * A walk over every state, event and message type of the control connection: what always holds.
 */
#include "test/unit/unit_ctrl.h"

/* Every state in which a connection can be, made by the events that lead there. */
static void reach(int place)
{
	switch (place) {
	case 0:
		start(false);
		break;
	case 1:
		start(true);
		break;
	case 2:
		start(true);
		event(CTRL_EV_OPEN);
		break;
	case 3:
		established();
		break;
	case 4:
		echo_out();
		break;
	case 5:
		stopping();
		break;
	case 6:
		sccrp(0x0000, SCCRP_OK);
		break;
	case 7:
		start(false);
		sccrq(0x0100, CTRL_ADMIT_COLLISION);
		break;
	default:
		established();
		event(CTRL_EV_EOF);
		break;
	}
}

#define PLACES 9

static int count(enum ctrl_action_type type)
{
	int n = 0;

	for (unsigned i = 0; i < out.n; i++)
		n += out.list[i].type == type;
	return n;
}

static void assert_invariants(enum ctrl_state before)
{
	bool may_have_calls = before == CTRL_ESTABLISHED || before == CTRL_WAIT_STOP_REPLY;
	bool closes = before != CTRL_CLOSED && c.state == CTRL_CLOSED;
	int ends = count(CTRL_ACT_CLOSE) + count(CTRL_ACT_ABORT);

	if (before == CTRL_CLOSED || before == CTRL_LOST_COLLISION)
		ck_assert_uint_eq(out.n, closes);
	ck_assert_int_eq(ends, closes);
	ck_assert_int_eq(count(CTRL_ACT_CLEAR_CALLS), closes && may_have_calls);
	ck_assert_int_eq(count(CTRL_ACT_ESTABLISHED), before != CTRL_ESTABLISHED && c.state == CTRL_ESTABLISHED);
	ck_assert(!count(CTRL_ACT_CALL) || before == CTRL_ESTABLISHED);
	ck_assert_int_eq(mono_is_set(ctrl_deadline(&c)), c.state != CTRL_CLOSED);
	ck_assert_int_eq(c.close != CTRL_CLOSE_NONE && before != CTRL_CLOSED,
			 closes || (c.state == CTRL_WAIT_STOP_REPLY && c.close == CTRL_CLOSE_VERSION));
	if (closes) {
		ck_assert(out.list[out.n - 1].type >= CTRL_ACT_CLOSE);
		ck_assert_int_eq(out.list[out.n - 1].close, c.close);
	}
	for (unsigned i = 0; i < out.n; i++) {
		uint8_t b[MSG_MAX];

		if (out.list[i].type == CTRL_ACT_SEND)
			ck_assert_uint_gt(msg_encode(b, sizeof b, &out.list[i].msg), 0);
		ck_assert(!out.list[i].close == (out.list[i].type < CTRL_ACT_CLEAR_CALLS));
	}
}

static void walk_one(int place, int type, uint16_t msg_type, enum ctrl_admit admit, int64_t ms)
{
	struct ctrl_event ev = { .type = (enum ctrl_event_type)type, .msg = &in, .admit = admit, .random = 1 };
	enum ctrl_state before;
	struct mono deadline;

	reach(place);
	before = c.state;
	deadline = c.deadline;
	after_ms(ms);
	memset(&in, 0, sizeof in);
	in.type = msg_type;
	in.sccrq.version = 0x0100;
	memset(&out, 0xee, sizeof out);
	ctrl_step(&c, &ev, now, &out);
	assert_invariants(before);
	/* The time-outs of every state but `established` are not put off by anything that leaves the state. */
	if (c.state == before && before != CTRL_ESTABLISHED)
		ck_assert_int_eq(c.deadline.us, deadline.us);
	/* Whatever happened, a tick at the deadline moves it or ends the connection: a shell cannot spin. */
	deadline = c.deadline;
	if (!mono_is_set(deadline))
		return;
	now = deadline;
	before = c.state;
	event(CTRL_EV_TICK);
	assert_invariants(before);
	ck_assert(c.state == CTRL_CLOSED || c.deadline.us > deadline.us);
}

START_TEST(every_state_event_and_type)
{
	static const int64_t times[] = { 0, 1, 10000, 100000 };
	bool seen[CTRL_STATES] = { false };

	for (int place = 0; place < PLACES; place++) {
		reach(place);
		seen[c.state] = true;
		for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
			for (int type = 0; type < CTRL_EVENTS; type++)
				walk_one(place, type, MSG_SCCRQ, CTRL_ADMIT, times[i]);
			for (uint16_t t = 0; t <= MSG_SLI + 1; t++)
				for (int a = CTRL_ADMIT; a <= CTRL_ADMIT_NO_RESOURCE; a++)
					walk_one(place, CTRL_EV_MESSAGE, t, (enum ctrl_admit)a, times[i]);
		}
	}
	for (int s = 0; s < CTRL_STATES; s++)
		ck_assert_msg(seen[s], "no way to %s", ctrl_state_word((enum ctrl_state)s));
}
END_TEST

static Suite *ctrl_walk_suite(void)
{
	Suite *s = suite_create("ctrl_walk");

	UNIT_CASE(s, "walk", every_state_event_and_type);
	return s;
}

UNIT_MAIN(ctrl_walk_suite)
