/*
 * One control connection with calls behind it: framer, ctrl and call under a program of octets in any splits, time,
 * local events and line events.  A small model shell executes the actions and holds what must always be true.
 */
#include "pacd/proto/call.h"
#include "pacd/proto/ctrl.h"
#include "pacd/proto/framer.h"

#include "test/fuzz/fuzz.h"

#include <string.h>

#define CALLS 4

struct slot {
	bool used, ocrp_due;
	uint16_t pns_id;
	struct call call;
};

struct shell {
	const uint8_t *p; /* the program */
	size_t left;
	struct framer framer;
	struct ctrl ctrl;
	enum ctrl_admit admit;
	struct mono now;
	struct slot calls[CALLS];
	unsigned established, cleared, closed;
};

static void ctrl_do(struct shell *s, struct ctrl_event *ev);

static uint8_t next(struct shell *s)
{
	if (!s->left)
		return 0;
	s->left--;
	return *s->p++;
}

static uint16_t next16(struct shell *s)
{
	unsigned hi = next(s);

	return (uint16_t)(hi << 8 | next(s));
}

static void ctrl_do_type(struct shell *s, enum ctrl_event_type type)
{
	struct ctrl_event ev = { .type = type, .reason = (enum stop_reason)(type % 4), .random = (uint32_t)s->left };

	ctrl_do(s, &ev);
}

static void ocrp_over(struct shell *s, struct slot *slot)
{
	if (slot->ocrp_due)
		ctrl_reply_done(&s->ctrl, s->now);
	slot->ocrp_due = false;
}

static void call_act(struct shell *s, struct slot *slot, const struct call_action *a)
{
	FUZZ_REQUIRE(slot->used);
	switch (a->type) {
	case CALL_ACT_SEND_OCRP:
		/* Exactly one answer, and a legal one. */
		FUZZ_REQUIRE(slot->ocrp_due);
		FUZZ_REQUIRE(a->result >= OCRP_CONNECTED && a->result <= OCRP_PROHIBITED);
		FUZZ_REQUIRE((a->result == OCRP_ERROR) == (a->error != 0));
		/* fall through */
	case CALL_ACT_SEND_CDN:
	case CALL_ACT_SEND_ICRQ:
	case CALL_ACT_SEND_ICCN:
		FUZZ_REQUIRE(s->ctrl.state == CTRL_ESTABLISHED);
		ocrp_over(s, slot);
		break;
	case CALL_ACT_SUSPECT:
		ctrl_do_type(s, CTRL_EV_SUSPECT);
		break;
	case CALL_ACT_END:
		FUZZ_REQUIRE(slot->call.state == CALL_CLOSED);
		FUZZ_REQUIRE(!slot->ocrp_due || s->closed);
		ocrp_over(s, slot);
		slot->used = false;
		break;
	default:
		break;
	}
}

static void call_do(struct shell *s, struct slot *slot, enum call_event_type type, uint8_t result, uint8_t error)
{
	struct call_event ev = { .type = type, .result = result, .error = error };
	struct call_actions out;

	if (!slot->used)
		return;
	call_step(&slot->call, &ev, &out);
	FUZZ_REQUIRE(out.n <= CALL_ACTIONS);
	for (unsigned i = 0; i < out.n; i++) {
		FUZZ_REQUIRE((out.list[i].type == CALL_ACT_END) == (i + 1 == out.n && slot->call.state == CALL_CLOSED));
		call_act(s, slot, &out.list[i]);
	}
}

static struct slot *call_new(struct shell *s, uint16_t pns_id)
{
	for (int i = 0; i < CALLS; i++) {
		struct slot *slot = &s->calls[i];

		if (slot->used)
			continue;
		*slot = (struct slot){ .used = true, .pns_id = pns_id };
		call_init(&slot->call);
		return slot;
	}
	return NULL;
}

static void on_ocrq(struct shell *s, const struct msg_ocrq *m)
{
	struct slot *slot = call_new(s, m->call_id);
	enum msg_general_error error = call_check_ocrq(m);

	if (!slot)
		return;
	FUZZ_REQUIRE(error || (call_speed(m, 64000) >= m->min_bps && call_speed(m, 64000) <= m->max_bps));
	slot->ocrp_due = true;
	ctrl_reply_due(&s->ctrl);
	call_do(s, slot, error ? CALL_EV_OCRQ_BAD : CALL_EV_OCRQ, OCRP_ERROR, (uint8_t)error);
	FUZZ_REQUIRE(slot->used == !error);
}

static void on_call_message(struct shell *s, const struct msg *m)
{
	switch (m->type) {
	case MSG_OCRQ:
		on_ocrq(s, &m->ocrq);
		break;
	case MSG_CCRQ:
		for (int i = 0; i < CALLS; i++)
			if (s->calls[i].pns_id == m->ccrq.call_id)
				call_do(s, &s->calls[i], CALL_EV_CCRQ, 0, 0);
		break;
	case MSG_ICRP:
		call_do(s, &s->calls[m->icrp.peer_call_id % CALLS], CALL_EV_ICRP, m->icrp.result, m->icrp.error);
		break;
	case MSG_SLI:
		call_do(s, &s->calls[m->sli.peer_call_id % CALLS], CALL_EV_SLI, 0, 0);
		break;
	default:
		/* No other message is the calls' business. */
		abort();
	}
}

static void clear_calls(struct shell *s)
{
	s->cleared++;
	for (int i = 0; i < CALLS; i++) {
		call_do(s, &s->calls[i], CALL_EV_CTRL_LOST, 0, 0);
		FUZZ_REQUIRE(!s->calls[i].used || s->calls[i].call.state == CALL_CLOSED);
	}
}

static void check_sent(struct shell *s, const struct msg *m)
{
	uint8_t b[MSG_MAX];
	struct msg again;
	size_t n = msg_encode(b, sizeof b, m);

	FUZZ_REQUIRE(n && msg_decode(&again, b, n) == MSG_OK);
	if (m->type == MSG_ECHO_RQ)
		FUZZ_REQUIRE(s->ctrl.state == CTRL_ESTABLISHED && !s->ctrl.replies_due);
}

static void ctrl_act(struct shell *s, const struct ctrl_event *ev, const struct ctrl_action *a)
{
	FUZZ_REQUIRE(!s->closed);
	switch (a->type) {
	case CTRL_ACT_SEND:
		check_sent(s, &a->msg);
		break;
	case CTRL_ACT_ESTABLISHED:
		FUZZ_REQUIRE(!s->established++);
		break;
	case CTRL_ACT_CALL:
		FUZZ_REQUIRE(s->established && ev->type == CTRL_EV_MESSAGE);
		on_call_message(s, ev->msg);
		break;
	case CTRL_ACT_IGNORED:
		break;
	case CTRL_ACT_CLEAR_CALLS:
		s->closed = 1; /* as good as: nothing can be sent for a call any more */
		clear_calls(s);
		s->closed = 0;
		break;
	case CTRL_ACT_CLOSE:
	case CTRL_ACT_ABORT:
		s->closed = 1;
		FUZZ_REQUIRE(a->close != CTRL_CLOSE_NONE && a->close == s->ctrl.close);
		break;
	}
}

static void check_ctrl(const struct shell *s)
{
	FUZZ_REQUIRE(s->closed == (s->ctrl.state == CTRL_CLOSED));
	FUZZ_REQUIRE(mono_is_set(ctrl_deadline(&s->ctrl)) == !s->closed);
	FUZZ_REQUIRE(s->cleared <= 1 && (!s->cleared || s->closed));
	FUZZ_REQUIRE(!s->closed || s->cleared >= s->established);
}

static void ctrl_do(struct shell *s, struct ctrl_event *ev)
{
	enum ctrl_state before = s->ctrl.state;
	struct ctrl_actions out;

	ctrl_step(&s->ctrl, ev, s->now, &out);
	FUZZ_REQUIRE(out.n <= CTRL_ACTIONS);
	FUZZ_REQUIRE(before != CTRL_CLOSED || !out.n);
	if (before == CTRL_LOST_COLLISION)
		FUZZ_REQUIRE(!out.n || out.list[0].type >= CTRL_ACT_CLOSE);
	for (unsigned i = 0; i < out.n; i++)
		ctrl_act(s, ev, &out.list[i]);
	check_ctrl(s);
}

static void input(struct shell *s, const uint8_t *data, size_t len)
{
	const uint8_t *end = data + len;

	while (!s->closed) {
		struct msg m;
		struct ctrl_event ev = { .type = CTRL_EV_MESSAGE, .msg = &m, .admit = s->admit };

		switch (framer_next(&s->framer, &data, &len, &m)) {
		case FRAMER_MORE:
			FUZZ_REQUIRE(data == end && !len && s->framer.have < MSG_MAX);
			return;
		case FRAMER_MESSAGE:
			FUZZ_REQUIRE(msg_size(m.type));
			break;
		case FRAMER_SKIPPED:
			ev.type = CTRL_EV_SKIPPED;
			break;
		case FRAMER_FAULT:
			FUZZ_REQUIRE(s->framer.fault);
			ev.type = CTRL_EV_FAULT;
			break;
		}
		ctrl_do(s, &ev);
		FUZZ_REQUIRE(ev.type != CTRL_EV_FAULT || s->closed);
	}
}

static void op_raw(struct shell *s)
{
	size_t n = next(s);
	const uint8_t *p = s->p;

	n = n < s->left ? n : s->left;
	s->p += n;
	s->left -= n;
	input(s, p, n);
}

/* A good message with some octets poked, delivered in pieces of one size. */
static void op_message(struct shell *s)
{
	struct msg m = { .type = (uint16_t)(next(s) % MSG_SLI + 1) };
	uint8_t b[MSG_MAX];
	unsigned pokes, piece;
	size_t n;

	if (m.type == MSG_SCCRQ || m.type == MSG_SCCRP)
		m.sccrp = (struct msg_sccrq){ .version = MSG_VERSION, .result = SCCRP_OK };
	if (m.type == MSG_OCRQ)
		m.ocrq = (struct msg_ocrq){ .call_id = next(s), .bearer = 3, .framing = 3, .max_bps = 100000 };
	if (m.type == MSG_ICRP)
		m.icrp = (struct msg_icrp){ .peer_call_id = next(s), .result = ICRP_CONNECT };
	if (m.type == MSG_ECHO_RP)
		m.echo_rp = (struct msg_echo){ .identifier = s->ctrl.echo_identifier, .result = ECHO_OK };
	n = msg_encode(b, sizeof b, &m);
	piece = next(s);
	for (pokes = next(s) % 4; pokes; pokes--) {
		uint8_t at = next(s);

		b[at % n] = next(s);
	}
	piece = piece ? piece : MSG_MAX;
	for (size_t at = 0; at < n; at += piece)
		input(s, b + at, n - at < piece ? n - at : piece);
}

static void op_time(struct shell *s)
{
	s->now = mono_add_ms(s->now, (int64_t)next16(s) * 10);
	ctrl_do_type(s, CTRL_EV_TICK);
	FUZZ_REQUIRE(s->closed || ctrl_deadline(&s->ctrl).us > s->now.us);
}

static void op_stop(struct shell *s)
{
	struct ctrl_event ev = { .type = CTRL_EV_STOP, .reason = (enum stop_reason)(next(s) % 4) };

	for (int i = 0; i < CALLS; i++)
		call_do(s, &s->calls[i], CALL_EV_LOCAL, 0, 0);
	ctrl_do(s, &ev);
}

static void op_ring(struct shell *s)
{
	struct slot *slot = s->ctrl.state == CTRL_ESTABLISHED ? call_new(s, next(s)) : NULL;

	if (slot)
		call_do(s, slot, CALL_EV_RING, 0, 0);
}

static void op_call(struct shell *s)
{
	static const enum call_event_type types[] = { CALL_EV_ANSWERED, CALL_EV_LINE_FAILED, CALL_EV_LINE_DOWN,
		CALL_EV_TIME_OUT, CALL_EV_WITHDRAW, CALL_EV_LOCAL, CALL_EV_ICRP_BAD };
	struct slot *slot = &s->calls[next(s) % CALLS];
	enum call_event_type type = types[next(s) % (sizeof types / sizeof *types)];
	uint8_t result = next(s), error = next(s) % 8;

	call_do(s, slot, type, result, error);
}

static void op_event(struct shell *s)
{
	static const enum ctrl_event_type types[] = { CTRL_EV_OPEN, CTRL_EV_EOF, CTRL_EV_FAULT, CTRL_EV_SUSPECT,
		CTRL_EV_TICK };

	ctrl_do_type(s, types[next(s) % (sizeof types / sizeof *types)]);
}

static void start(struct shell *s, const uint8_t *data, size_t size)
{
	static const struct ctrl_timers timers = { 60000, 60000, 60000, 60000 };
	struct ctrl_self self = { .max_channels = 4 };
	uint8_t options;

	memset(s, 0, sizeof *s);
	s->p = data;
	s->left = size;
	s->now.us = 1;
	options = next(s);
	self.accept_minor = options & 1;
	/* Admission in most runs, or nothing deep is ever reached. */
	s->admit = (options >> 2) % 16 < 5 ? (enum ctrl_admit)((options >> 2) % 16) : CTRL_ADMIT;
	framer_init(&s->framer);
	ctrl_init(&s->ctrl, options & 2, &timers, &self, s->now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const ops[])(struct shell *) = { op_raw, op_message, op_message, op_time, op_stop, op_ring,
		op_call, op_event };
	struct shell s;

	start(&s, data, size);
	while (s.left)
		ops[next(&s) % (sizeof ops / sizeof *ops)](&s);
	ctrl_do_type(&s, CTRL_EV_EOF);
	FUZZ_REQUIRE(s.closed && s.ctrl.replies_due == 0);
	for (int i = 0; i < CALLS; i++)
		FUZZ_REQUIRE(!s.calls[i].used);
	return 0;
}
