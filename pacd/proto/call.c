/*
 * The PAC's call state machines (RFC 2637 sections 3.2.3.1 and 3.2.4.1).
 *
 * Owns one table of state by input: the next state and the actions, in the order
 * in which they are to be done.  Must not know lines, users, ids or time.
 */
#include "pacd/proto/call.h"

/* An event whose value decides is two inputs; the second one follows the events. */
enum input {
	IN_ICRP_REFUSED = CALL_EVENTS,
	IN_LINE_BROKEN, /* CALL_EV_LINE_DOWN or, for an incoming call, CALL_EV_LINE_FAILED: through a failure of ours */
	INPUTS
};

/* Where a message takes its result, error and cause from. */
enum source {
	FIXED,   /* the rule */
	CAUSE,   /* the rule, but the event's Q.931 cause */
	REFUSAL, /* the event, made a legal refusal by OCRP */
	FAILURE, /* result 2, the event's error (6 if it has none) and cause */
};

enum rule {
	NONE,
	DIAL,
	ANSWER,
	HANGUP,
	ICRQ,
	ICCN,
	OCRP_CONNECT,
	OCRP_REFUSE,
	OCRP_NO_ANSWER,
	OCRP_BROKEN,
	OCRP_LATE,
	OCRP_LOCAL,
	CDN_LOST,
	CDN_BROKEN,
	CDN_CALL_ID,
	CDN_LOCAL,
	CDN_ASKED,
	STOP_DATA,
	SET_ACCM,
	SUSPECT,
	END,
};

static const struct {
	enum call_action_type type;
	uint8_t result, error;
	enum source source;
} rules[] = {
	[DIAL] = { CALL_ACT_DIAL, 0, 0, FIXED },
	[ANSWER] = { CALL_ACT_ANSWER, 0, 0, FIXED },
	[HANGUP] = { CALL_ACT_HANGUP, 0, 0, FIXED },
	[ICRQ] = { CALL_ACT_SEND_ICRQ, 0, 0, FIXED },
	[ICCN] = { CALL_ACT_SEND_ICCN, 0, 0, FIXED },
	[OCRP_CONNECT] = { CALL_ACT_SEND_OCRP, OCRP_CONNECTED, 0, FIXED },
	[OCRP_REFUSE] = { CALL_ACT_SEND_OCRP, 0, 0, REFUSAL },
	[OCRP_NO_ANSWER] = { CALL_ACT_SEND_OCRP, OCRP_NO_CARRIER, 0, CAUSE },
	[OCRP_BROKEN] = { CALL_ACT_SEND_OCRP, OCRP_ERROR, 0, FAILURE },
	[OCRP_LATE] = { CALL_ACT_SEND_OCRP, OCRP_TIME_OUT, 0, FIXED },
	[OCRP_LOCAL] = { CALL_ACT_SEND_OCRP, OCRP_PROHIBITED, 0, FIXED },
	[CDN_LOST] = { CALL_ACT_SEND_CDN, CDN_LOST_CARRIER, 0, CAUSE },
	[CDN_BROKEN] = { CALL_ACT_SEND_CDN, CDN_ERROR, 0, FAILURE },
	[CDN_CALL_ID] = { CALL_ACT_SEND_CDN, CDN_ERROR, MSG_ERR_BAD_CALL_ID, FIXED },
	[CDN_LOCAL] = { CALL_ACT_SEND_CDN, CDN_ADMIN, 0, FIXED },
	[CDN_ASKED] = { CALL_ACT_SEND_CDN, CDN_REQUEST, 0, FIXED },
	[STOP_DATA] = { CALL_ACT_STOP_DATA, 0, 0, FIXED },
	[SET_ACCM] = { CALL_ACT_SET_ACCM, 0, 0, FIXED },
	[SUSPECT] = { CALL_ACT_SUSPECT, 0, 0, FIXED },
	[END] = { CALL_ACT_END, 0, 0, FIXED },
};

struct cell {
	enum call_state next;
	enum rule rules[CALL_ACTIONS]; /* up to the first NONE */
};

static const struct cell table[CALL_STATES][INPUTS] = {
	/* Before OCRQ or RING nothing is said to the PNS; a CCRQ can only be for an OCRQ that is still being judged. */
	[CALL_IDLE] = {
		[CALL_EV_OCRQ] = { CALL_WAIT_CS_ANS, { DIAL } },
		[CALL_EV_OCRQ_BAD] = { CALL_CLOSED, { OCRP_REFUSE, END } },
		[CALL_EV_RING] = { CALL_WAIT_REPLY, { ICRQ } },
		[CALL_EV_ICRP] = { CALL_IDLE, { NONE } },
		[CALL_EV_ICRP_BAD] = { CALL_IDLE, { NONE } },
		[CALL_EV_ANSWERED] = { CALL_IDLE, { NONE } },
		[CALL_EV_LINE_FAILED] = { CALL_CLOSED, { HANGUP, END } },
		[CALL_EV_LINE_DOWN] = { CALL_CLOSED, { HANGUP, END } },
		[CALL_EV_TIME_OUT] = { CALL_CLOSED, { HANGUP, END } },
		[CALL_EV_WITHDRAW] = { CALL_CLOSED, { END } },
		[CALL_EV_CCRQ] = { CALL_CLOSED, { CDN_ASKED, HANGUP, END } },
		[CALL_EV_LOCAL] = { CALL_CLOSED, { HANGUP, END } },
		[CALL_EV_CTRL_LOST] = { CALL_CLOSED, { HANGUP, END } },
		[CALL_EV_SLI] = { CALL_IDLE, { NONE } },
		[IN_ICRP_REFUSED] = { CALL_IDLE, { NONE } },
		[IN_LINE_BROKEN] = { CALL_CLOSED, { HANGUP, END } },
	},
	[CALL_WAIT_CS_ANS] = {
		[CALL_EV_OCRQ] = { CALL_WAIT_CS_ANS, { NONE } },
		[CALL_EV_OCRQ_BAD] = { CALL_WAIT_CS_ANS, { NONE } },
		[CALL_EV_RING] = { CALL_WAIT_CS_ANS, { NONE } },
		[CALL_EV_ICRP] = { CALL_WAIT_CS_ANS, { NONE } },
		[CALL_EV_ICRP_BAD] = { CALL_WAIT_CS_ANS, { NONE } },
		[CALL_EV_ANSWERED] = { CALL_ESTABLISHED, { OCRP_CONNECT } },
		[CALL_EV_LINE_FAILED] = { CALL_CLOSED, { OCRP_REFUSE, HANGUP, END } },
		[CALL_EV_LINE_DOWN] = { CALL_CLOSED, { OCRP_NO_ANSWER, HANGUP, END } },
		[CALL_EV_TIME_OUT] = { CALL_CLOSED, { OCRP_LATE, HANGUP, END } },
		[CALL_EV_WITHDRAW] = { CALL_WAIT_CS_ANS, { NONE } },
		[CALL_EV_CCRQ] = { CALL_CLOSED, { CDN_ASKED, HANGUP, END } },
		[CALL_EV_LOCAL] = { CALL_CLOSED, { OCRP_LOCAL, HANGUP, END } },
		[CALL_EV_CTRL_LOST] = { CALL_CLOSED, { HANGUP, END } },
		[CALL_EV_SLI] = { CALL_WAIT_CS_ANS, { NONE } },
		[IN_ICRP_REFUSED] = { CALL_WAIT_CS_ANS, { NONE } },
		[IN_LINE_BROKEN] = { CALL_CLOSED, { OCRP_BROKEN, HANGUP, END } },
	},
	[CALL_WAIT_REPLY] = {
		[CALL_EV_OCRQ] = { CALL_WAIT_REPLY, { NONE } },
		[CALL_EV_OCRQ_BAD] = { CALL_WAIT_REPLY, { NONE } },
		[CALL_EV_RING] = { CALL_WAIT_REPLY, { NONE } },
		[CALL_EV_ICRP] = { CALL_WAIT_ANSWER, { ANSWER } },
		[CALL_EV_ICRP_BAD] = { CALL_CLOSED, { CDN_CALL_ID, HANGUP, END } },
		[CALL_EV_ANSWERED] = { CALL_WAIT_REPLY, { NONE } },
		[CALL_EV_LINE_FAILED] = { CALL_CLOSED, { CDN_LOST, HANGUP, END } },
		[CALL_EV_LINE_DOWN] = { CALL_CLOSED, { CDN_LOST, HANGUP, END } },
		[CALL_EV_TIME_OUT] = { CALL_CLOSED, { SUSPECT, HANGUP, END } },
		/* No hang-up: the line keeps ringing for the next PNS. */
		[CALL_EV_WITHDRAW] = { CALL_CLOSED, { CDN_LOCAL, END } },
		[CALL_EV_CCRQ] = { CALL_CLOSED, { CDN_ASKED, HANGUP, END } },
		[CALL_EV_LOCAL] = { CALL_CLOSED, { CDN_LOCAL, HANGUP, END } },
		[CALL_EV_CTRL_LOST] = { CALL_CLOSED, { HANGUP, END } },
		[CALL_EV_SLI] = { CALL_WAIT_REPLY, { NONE } },
		[IN_ICRP_REFUSED] = { CALL_CLOSED, { HANGUP, END } },
		[IN_LINE_BROKEN] = { CALL_CLOSED, { CDN_BROKEN, HANGUP, END } },
	},
	[CALL_WAIT_ANSWER] = {
		[CALL_EV_OCRQ] = { CALL_WAIT_ANSWER, { NONE } },
		[CALL_EV_OCRQ_BAD] = { CALL_WAIT_ANSWER, { NONE } },
		[CALL_EV_RING] = { CALL_WAIT_ANSWER, { NONE } },
		[CALL_EV_ICRP] = { CALL_WAIT_ANSWER, { NONE } },
		[CALL_EV_ICRP_BAD] = { CALL_WAIT_ANSWER, { NONE } },
		[CALL_EV_ANSWERED] = { CALL_ESTABLISHED, { ICCN } },
		[CALL_EV_LINE_FAILED] = { CALL_CLOSED, { CDN_LOST, HANGUP, END } },
		[CALL_EV_LINE_DOWN] = { CALL_CLOSED, { CDN_LOST, HANGUP, END } },
		/* The PNS has replied: what is late is the line, so the control connection is not to blame. */
		[CALL_EV_TIME_OUT] = { CALL_CLOSED, { CDN_LOST, HANGUP, END } },
		[CALL_EV_WITHDRAW] = { CALL_WAIT_ANSWER, { NONE } },
		[CALL_EV_CCRQ] = { CALL_CLOSED, { CDN_ASKED, HANGUP, END } },
		[CALL_EV_LOCAL] = { CALL_CLOSED, { CDN_LOCAL, HANGUP, END } },
		[CALL_EV_CTRL_LOST] = { CALL_CLOSED, { HANGUP, END } },
		[CALL_EV_SLI] = { CALL_WAIT_ANSWER, { NONE } },
		[IN_ICRP_REFUSED] = { CALL_WAIT_ANSWER, { NONE } },
		[IN_LINE_BROKEN] = { CALL_CLOSED, { CDN_BROKEN, HANGUP, END } },
	},
	/*
	 * The CDN goes out at once, not after the line is down (TIM-08).  Then the line learns why it ends, and only after
	 * that its descriptor is closed, which it would take for a hang-up of its own.
	 */
	[CALL_ESTABLISHED] = {
		[CALL_EV_OCRQ] = { CALL_ESTABLISHED, { NONE } },
		[CALL_EV_OCRQ_BAD] = { CALL_ESTABLISHED, { NONE } },
		[CALL_EV_RING] = { CALL_ESTABLISHED, { NONE } },
		[CALL_EV_ICRP] = { CALL_ESTABLISHED, { NONE } },
		[CALL_EV_ICRP_BAD] = { CALL_ESTABLISHED, { NONE } },
		[CALL_EV_ANSWERED] = { CALL_ESTABLISHED, { NONE } },
		[CALL_EV_LINE_FAILED] = { CALL_CLOSED, { CDN_LOST, HANGUP, STOP_DATA, END } },
		[CALL_EV_LINE_DOWN] = { CALL_CLOSED, { CDN_LOST, HANGUP, STOP_DATA, END } },
		[CALL_EV_TIME_OUT] = { CALL_ESTABLISHED, { NONE } },
		[CALL_EV_WITHDRAW] = { CALL_ESTABLISHED, { NONE } },
		[CALL_EV_CCRQ] = { CALL_CLOSED, { CDN_ASKED, HANGUP, STOP_DATA, END } },
		[CALL_EV_LOCAL] = { CALL_CLOSED, { CDN_LOCAL, HANGUP, STOP_DATA, END } },
		[CALL_EV_CTRL_LOST] = { CALL_CLOSED, { HANGUP, STOP_DATA, END } },
		[CALL_EV_SLI] = { CALL_ESTABLISHED, { SET_ACCM } },
		[IN_ICRP_REFUSED] = { CALL_ESTABLISHED, { NONE } },
		[IN_LINE_BROKEN] = { CALL_CLOSED, { CDN_BROKEN, HANGUP, STOP_DATA, END } },
	},
	[CALL_CLOSED] = {
		[CALL_EV_OCRQ] = { CALL_CLOSED, { NONE } },
		[CALL_EV_OCRQ_BAD] = { CALL_CLOSED, { NONE } },
		[CALL_EV_RING] = { CALL_CLOSED, { NONE } },
		[CALL_EV_ICRP] = { CALL_CLOSED, { NONE } },
		[CALL_EV_ICRP_BAD] = { CALL_CLOSED, { NONE } },
		[CALL_EV_ANSWERED] = { CALL_CLOSED, { NONE } },
		[CALL_EV_LINE_FAILED] = { CALL_CLOSED, { NONE } },
		[CALL_EV_LINE_DOWN] = { CALL_CLOSED, { NONE } },
		[CALL_EV_TIME_OUT] = { CALL_CLOSED, { NONE } },
		[CALL_EV_WITHDRAW] = { CALL_CLOSED, { NONE } },
		[CALL_EV_CCRQ] = { CALL_CLOSED, { NONE } },
		[CALL_EV_LOCAL] = { CALL_CLOSED, { NONE } },
		[CALL_EV_CTRL_LOST] = { CALL_CLOSED, { NONE } },
		[CALL_EV_SLI] = { CALL_CLOSED, { NONE } },
		[IN_ICRP_REFUSED] = { CALL_CLOSED, { NONE } },
		[IN_LINE_BROKEN] = { CALL_CLOSED, { NONE } },
	},
};

static unsigned input_of(const struct call *c, const struct call_event *ev)
{
	if (ev->type == CALL_EV_ICRP && ev->result != ICRP_CONNECT)
		return IN_ICRP_REFUSED;
	if (ev->type == CALL_EV_LINE_DOWN && ev->error)
		return IN_LINE_BROKEN;
	/* Of an outgoing call that is not answered yet the line's own result is told, in the OCRP. */
	if (ev->type == CALL_EV_LINE_FAILED && ev->error && c->state != CALL_WAIT_CS_ANS)
		return IN_LINE_BROKEN;
	return ev->type;
}

/* An error code without result 2, or result 2 without one, contradicts section 2.8. */
static void set_error(struct call_action *a, uint8_t error)
{
	a->result = OCRP_ERROR;
	a->error = error ? error : MSG_ERR_PAC;
}

static void set_refusal(struct call_action *a, const struct call_event *ev)
{
	a->result = ev->result;
	if (ev->result <= OCRP_ERROR || ev->result > OCRP_PROHIBITED)
		set_error(a, ev->error);
	a->cause = ev->cause;
}

static void set_failure(struct call_action *a, const struct call_event *ev)
{
	/* General Error is 2 in OCRP and CDN alike. */
	set_error(a, ev->error);
	a->cause = ev->cause;
}

static void fill(struct call_action *a, enum rule rule, const struct call_event *ev)
{
	*a = (struct call_action){ .type = rules[rule].type, .result = rules[rule].result, .error = rules[rule].error };
	switch (rules[rule].source) {
	case FIXED:
		break;
	case CAUSE:
		a->cause = ev->cause;
		break;
	case REFUSAL:
		set_refusal(a, ev);
		break;
	case FAILURE:
		set_failure(a, ev);
		break;
	}
}

void call_init(struct call *c)
{
	c->state = CALL_IDLE;
}

void call_step(struct call *c, const struct call_event *ev, struct call_actions *out)
{
	const struct cell *cell = &table[c->state][input_of(c, ev)];

	for (out->n = 0; out->n < CALL_ACTIONS && cell->rules[out->n] != NONE; out->n++)
		fill(&out->list[out->n], cell->rules[out->n], ev);
	c->state = cell->next;
}

const char *call_state_word(enum call_state s)
{
	static const char *const words[CALL_STATES] = {
		[CALL_IDLE] = "idle",
		[CALL_WAIT_CS_ANS] = "wait_cs_ans",
		[CALL_WAIT_REPLY] = "wait_reply",
		[CALL_WAIT_ANSWER] = "wait_answer",
		[CALL_ESTABLISHED] = "established",
		[CALL_CLOSED] = "closed",
	};

	return (unsigned)s < CALL_STATES ? words[s] : "unknown";
}

enum msg_general_error call_check_ocrq(const struct msg_ocrq *m)
{
	if (m->bearer < MSG_BEARER_ANALOG || m->bearer > (MSG_BEARER_ANALOG | MSG_BEARER_DIGITAL))
		return MSG_ERR_BAD_VALUE;
	if (m->framing < MSG_FRAMING_ASYNC || m->framing > (MSG_FRAMING_ASYNC | MSG_FRAMING_SYNC))
		return MSG_ERR_BAD_VALUE;
	if (m->number_len > MSG_TEXT || m->min_bps > m->max_bps)
		return MSG_ERR_BAD_VALUE;
	return MSG_ERR_NONE;
}

uint32_t call_speed(const struct msg_ocrq *m, uint32_t speed)
{
	if (speed > m->max_bps)
		return m->max_bps;
	return speed < m->min_bps ? m->min_bps : speed;
}
