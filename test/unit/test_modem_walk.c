/*
 * A walk over every state, event and kind of line of a modem: what always holds.
 */
#include "test/unit/unit_modem.h"

/* Every state and stage in which a modem can be, made by the events that lead there. */
static void reach(int place, bool has_lines)
{
	reply = "OK";
	switch (place) {
	case 0:
		new_modem();
		break;
	case 1: /* settles */
		new_modem();
		open_port(has_lines, false);
		break;
	case 2: /* the init runs */
		new_modem();
		reply = NULL;
		open_port(has_lines, false);
		after_ms(MODEM_SETTLE_MS);
		break;
	case 3: /* silence between two tries */
		reach(2, has_lines);
		after_ms(3000);
		break;
	case 4: /* escaped */
		reach(3, has_lines);
		after_ms(1200);
		break;
	case 5: /* the hang-up chat of an init */
		reach(4, has_lines);
		after_ms(1200);
		break;
	case 6:
		idle(has_lines);
		break;
	case 7:
		idle(has_lines);
		input("RING\r\n");
		break;
	case 8:
		idle(has_lines);
		input("RING\r\nRING\r\n");
		break;
	case 9:
		reach(8, has_lines);
		event(MODEM_EV_REJECT);
		break;
	case 10:
		reach(8, has_lines);
		reply = NULL;
		event(MODEM_EV_ANSWER);
		break;
	case 11:
		dialling(has_lines);
		break;
	case 12: /* with lines it waits for the carrier */
		dialling(has_lines);
		input("CONNECT\r\n");
		break;
	case 13:
		online(has_lines);
		break;
	case 14:
		online(has_lines);
		event(MODEM_EV_HANGUP);
		break;
	case 15:
		reach(14, has_lines);
		after_ms(1200);
		break;
	case 16: /* the hang-up chat, with lines when the carrier stays */
		reach(14, has_lines);
		reply = NULL;
		after_ms(has_lines ? 3400 : 2400);
		break;
	case 17:
		dialling(has_lines);
		event(MODEM_EV_HANGUP);
		break;
	default:
		new_modem();
		reply = NULL;
		open_port(has_lines, false);
		after_ms(30000);
		break;
	}
	done[0] = '\0';
}

#define PLACES 19

static const char *const inputs[] = { "", "\r", "OK\r\n", "ERROR\r\n", "RING\r\n", "RING\r\nRING\r\nRING\r\n",
	"BUSY\r\n", "NO CARRIER\r\n", "NO DIALTONE\r\n", "NO ANSWER\r\n", "CONNECT 9600\r\n~",
	"NMBR = 1\r\nDDN_NMBR = 2\r\n", "ATZ\r\n",
	"\r\nOK\r\nRING\r\nNMBR=5\r\nRING\r\nOK\r\nBUSY\r\nCONNECT\r\nNO CARRIER\r\n" };

#define INPUTS (sizeof inputs / sizeof *inputs)

static int count(enum modem_action_type type)
{
	int n = 0;

	for (unsigned i = 0; i < out.n; i++)
		n += out.list[i].type == type;
	return n;
}

static bool bears_call(enum modem_state s)
{
	return s == MODEM_ANSWERING || s == MODEM_DIALLING || s == MODEM_ONLINE;
}

static void assert_told(const struct modem *before)
{
	int ends = count(MODEM_ACT_FAILED) + count(MODEM_ACT_DOWN);
	bool ringing = before->state == MODEM_RINGING && before->told && !before->rejected;

	ck_assert_int_eq(before->call - ends, m.call - (!before->call && m.call));
	ck_assert(!bears_call(m.state) || m.call);
	ck_assert_int_eq(count(MODEM_ACT_ONLINE), m.state == MODEM_ONLINE && before->state != MODEM_ONLINE);
	ck_assert_int_eq(count(MODEM_ACT_COMMAND),
			 before->state == MODEM_ONLINE && m.state != MODEM_ONLINE && m.state != MODEM_CLOSED);
	ck_assert_int_le(count(MODEM_ACT_RING), 1);
	ck_assert(!count(MODEM_ACT_RING) || (m.state == MODEM_RINGING && m.told && !before->told));
	ck_assert(!count(MODEM_ACT_RING_OVER) || ringing);
	ck_assert(!ringing || m.state == MODEM_RINGING || m.state == MODEM_ANSWERING ||
		  count(MODEM_ACT_RING_OVER) == 1);
	ck_assert(m.state != MODEM_IDLE || before->state == MODEM_IDLE || count(MODEM_ACT_READY) == 1);
	ck_assert(!count(MODEM_ACT_READY) || m.state == MODEM_IDLE || m.state == MODEM_RINGING);
}

static void assert_invariants(const struct modem *before)
{
	ck_assert(m.state < MODEM_STATES);
	ck_assert_uint_lt(out.n, MODEM_ACTIONS);
	ck_assert_int_le(count(MODEM_ACT_WRITE), 1);
	ck_assert_int_eq(count(MODEM_ACT_WRITE), m.out_len > 0);
	if (count(MODEM_ACT_ONLINE))
		ck_assert_int_eq(out.list[out.n - 1].type, MODEM_ACT_ONLINE);
	if (m.state == MODEM_CLOSED)
		ck_assert(!m.call && !count(MODEM_ACT_WRITE));
	/* Nothing waits for ever but for somebody else. */
	if (m.state != MODEM_CLOSED && m.state != MODEM_IDLE && m.state != MODEM_ONLINE)
		ck_assert(mono_is_set(modem_deadline(&m)));
	for (unsigned i = 0; i < out.n; i++) {
		if (out.list[i].type == MODEM_ACT_FAILED)
			ck_assert(out.list[i].result >= OCRP_ERROR && out.list[i].result <= OCRP_TIME_OUT && m.why[0]);
		else
			ck_assert_uint_eq(out.list[i].result, 0);
	}
	assert_told(before);
}

static void walk_one(int place, bool has_lines, int type, const char *text, int64_t ms)
{
	struct modem_event ev = { .type = (enum modem_event_type)type, .data = (const uint8_t *)text,
		.len = strlen(text), .has_lines = has_lines, .carrier = ms & 1, .rings = 8, .number = "123" };
	struct modem before;

	reach(place, has_lines);
	now = mono_add_ms(now, ms);
	before = m;
	memset(&out, 0xee, sizeof out);
	modem_step(&m, &ev, now, &out);
	assert_invariants(&before);
	/* Whatever happened, left to itself it comes to rest: idle, closed, online, or out of service. */
	for (int i = 0; i < 40 && mono_is_set(modem_deadline(&m)) && m.state != MODEM_FAILED; i++) {
		struct mono deadline = modem_deadline(&m);

		now = deadline.us > now.us ? deadline : now;
		before = m;
		ev.type = MODEM_EV_TICK;
		modem_step(&m, &ev, now, &out);
		assert_invariants(&before);
		deadline = modem_deadline(&m);
		ck_assert(!mono_is_set(deadline) || deadline.us > now.us);
	}
	ck_assert(m.state == MODEM_FAILED || !mono_is_set(modem_deadline(&m)));
	ck_assert(!m.call || m.state == MODEM_ONLINE);
}

static void walk(bool has_lines)
{
	static const int64_t times[] = { 0, 1, 1000, 100001 };
	bool seen[MODEM_STATES] = { false };

	for (int place = 0; place < PLACES; place++) {
		reach(place, has_lines);
		seen[m.state] = true;
		for (size_t i = 0; i < sizeof times / sizeof *times; i++)
			for (int type = 0; type < MODEM_EVENTS; type++)
				for (size_t n = 0; n < (type == MODEM_EV_INPUT ? INPUTS : 1); n++)
					walk_one(place, has_lines, type, inputs[n], times[i]);
	}
	for (int s = 0; s < MODEM_STATES; s++)
		ck_assert_msg(seen[s], "no way to %s", modem_state_word((enum modem_state)s));
}

START_TEST(every_state_and_event_with_lines)
{
	walk(true);
}
END_TEST

START_TEST(every_state_and_event_without_lines)
{
	walk(false);
}
END_TEST

static Suite *modem_walk_suite(void)
{
	Suite *s = suite_create("modem_walk");

	UNIT_CASE(s, "walk", every_state_and_event_with_lines, every_state_and_event_without_lines);
	return s;
}

UNIT_MAIN(modem_walk_suite)
