/*
 * What the parts of the modem's state machine share: modem.c (the table, waking
 * and hanging up), modem_ring.c (rings and their numbers), modem_call.c (calls).
 */
#ifndef PACD_PROTO_MODEM_INTERNAL_H
#define PACD_PROTO_MODEM_INTERNAL_H

#include "pacd/proto/modem.h"

/*
 * Stages.  MODEM_INIT: SETTLE, CHAT, and between tries SILENCE, ESCAPED, HANGUP.  MODEM_HANGING_UP: DTR where there
 * are lines, else ABORT or SILENCE; then ESCAPED and HANGUP if need be.  MODEM_DIALLING, MODEM_ANSWERING: CHAT, CARRIER.
 */
enum modem_stage {
	STAGE_NONE,
	STAGE_SETTLE,
	STAGE_CHAT,
	STAGE_CARRIER, /* CONNECT came, the carrier's line is not up yet */
	STAGE_DTR,     /* it is down */
	STAGE_ABORT,   /* dialling was aborted by a carriage return; it is a silence, too */
	STAGE_SILENCE, /* before "+++" */
	STAGE_ESCAPED, /* the one behind it */
	STAGE_HANGUP,  /* the hang-up chat */
};

/* One step. */
struct run {
	struct modem *m;
	const struct modem_event *ev;
	struct mono now;
	struct modem_actions *out;
	const uint8_t *data; /* of the input, what no line has taken yet */
	size_t len;
};

/* --- modem.c --- */

void modem_act(struct run *r, enum modem_action_type type);
/* A deadline, always later than now: no tick may find it due again. */
struct mono modem_later(const struct run *r, int64_t ms);
void modem_enter(struct run *r, enum modem_state state, enum modem_stage stage);
/* The stage with its end. */
void modem_stage(struct run *r, enum modem_stage stage, int64_t ms);
void modem_write(struct run *r, const char *text, size_t len);
void modem_chat_begin(struct run *r, enum modem_stage stage, const struct chat_script *script, const char *number);
/* Writes what the chat has to say, and sees to its end. */
void modem_chat_run(struct run *r);
/* From the start, with all tries. */
void modem_wake(struct run *r);
/* It does not work; m->why says so.  Woken again after a rest. */
void modem_out_of_service(struct run *r);
/* abort: a chat may be dialling or answering yet; else it is data mode. */
void modem_hangup(struct run *r, bool abort);
/* Keeps a sentence: `what`, and the step of the chat that was the last. */
void modem_why(struct modem *m, const char *what);

/* --- modem_ring.c --- */

void modem_ring_text(struct run *r);
void modem_ring_line(struct run *r, unsigned rings);
void modem_ring_id(struct run *r, enum chat_answer answer, const char *value);
/* The init is done: on to MODEM_IDLE, or to a ring that began meanwhile; out of service while that has no end. */
void modem_ring_or_idle(struct run *r);
void modem_ring_tick(struct run *r);
struct mono modem_ring_deadline(const struct modem *m);
/* The next RING begins a new one. */
void modem_ring_forget(struct modem *m);
/* Likewise, as the present one is a call now, whose numbers stay. */
void modem_ring_taken(struct modem *m);
/* No numbers are known. */
void modem_ring_unknown(struct modem *m);

/* --- modem_call.c --- */

void modem_call_answer(struct run *r);
void modem_call_dial(struct run *r);
void modem_call_line(struct run *r, enum chat_answer answer, const char *line);
/* The chat has ended. */
void modem_call_chat(struct run *r, enum chat_verdict verdict);
void modem_call_keep(struct run *r);
void modem_call_carrier(struct run *r);
void modem_call_tick(struct run *r);
/* Online no more, and nobody here asked. */
void modem_call_drop(struct run *r);
/* The port is gone: what is owed. */
void modem_call_lost(struct run *r);

#endif
