/*
 * The PAC's call state machines, outgoing (RFC 2637 section 3.2.4.1) and
 * incoming (section 3.2.3.1), as one complete table.
 *
 * Pure.  It knows nothing of lines, users or ids: the shell (session.c) executes
 * its actions in order.
 */
#ifndef PACD_PROTO_CALL_H
#define PACD_PROTO_CALL_H

#include "pacd/proto/msg.h"

#include <stdbool.h>

enum call_state {
	CALL_IDLE,
	CALL_WAIT_CS_ANS,  /* outgoing: dialling */
	CALL_WAIT_REPLY,   /* incoming: ICRQ sent */
	CALL_WAIT_ANSWER,  /* incoming: ICRP accepted, the line is being answered; part of the RFC's wait_reply */
	CALL_ESTABLISHED,
	CALL_CLOSED,       /* over: every event is ignored */
	CALL_STATES
};

enum call_event_type {
	CALL_EV_OCRQ,        /* a valid, admitted Outgoing-Call-Request */
	CALL_EV_OCRQ_BAD,    /* refuse with result, error */
	CALL_EV_RING,        /* incoming, authorized, the control connection is up */
	CALL_EV_ICRP,        /* result is the message's */
	CALL_EV_ICRP_BAD,    /* accepted, but its PNS id collides (CALL-IN-13) */
	CALL_EV_ANSWERED,    /* the line is up, and frames may flow already (GRE-20) */
	CALL_EV_LINE_FAILED, /* could not be dialled or answered: result (of OCRP, when dialling), error, cause */
	CALL_EV_LINE_DOWN,   /* the line or its user ended: error non-zero for a failure of ours; cause */
	CALL_EV_TIME_OUT,    /* outgoing: the dial timer; incoming: no ICRP for 60 s, or the line not answered */
	CALL_EV_WITHDRAW,    /* incoming: the offer time-out: try the next PNS; the line is not hung up */
	CALL_EV_CCRQ,
	CALL_EV_LOCAL,       /* administrator, limits, shutdown: OCRP result 7 while dialling, else CDN result 3 */
	CALL_EV_CTRL_LOST,   /* the control connection is gone */
	CALL_EV_SLI,
	CALL_EVENTS
};

struct call_event {
	enum call_event_type type;
	uint8_t result, error;
	uint16_t cause;
};

enum call_action_type {
	CALL_ACT_DIAL,
	CALL_ACT_ANSWER,
	CALL_ACT_HANGUP,      /* hang the line up; legal when it is already down */
	CALL_ACT_SEND_OCRP,   /* result, error, cause; error is non-zero with result 2 and only then */
	CALL_ACT_SEND_ICRQ,
	CALL_ACT_SEND_ICCN,
	CALL_ACT_SEND_CDN,    /* result, error, cause */
	CALL_ACT_STOP_DATA,   /* no frame any more; the line's descriptor may be closed */
	CALL_ACT_SET_ACCM,
	CALL_ACT_SUSPECT,     /* close the whole control connection (TIM-05) */
	CALL_ACT_END,         /* the call is over: always last, and once */
};

struct call_action {
	enum call_action_type type;
	uint8_t result, error;
	uint16_t cause;
};

#define CALL_ACTIONS 5

struct call_actions {
	struct call_action list[CALL_ACTIONS];
	unsigned n;
};

struct call {
	enum call_state state;
};

void call_init(struct call *c);
/*
 * The only function that changes the state; an event that has no meaning in a state leaves it and yields nothing.
 * Execute the actions in order: a CDN goes out before anything is hung up (TIM-08), and the line is told before its
 * data stop.  The data path is started before CALL_EV_ANSWERED: that can fail, and the PNS may send its first packet
 * right behind the message that tells of it.  Every OCRQ gets exactly one OCRP, unless a CCRQ or the end of the control
 * connection comes first (section 3.2.4).
 */
void call_step(struct call *c, const struct call_event *ev, struct call_actions *out);
const char *call_state_word(enum call_state s);

/*
 * Judges an OCRQ's values (MSG-14): MSG_ERR_NONE, or MSG_ERR_BAD_VALUE for bearer or
 * framing outside 1..3, a phone number longer than its field, or minimum above maximum speed.
 */
enum msg_general_error call_check_ocrq(const struct msg_ocrq *m);
/* Connect speed to answer: `speed` (bit/s), clamped into what the PNS asked for.  The OCRQ was judged good. */
uint32_t call_speed(const struct msg_ocrq *m, uint32_t speed);

#endif
