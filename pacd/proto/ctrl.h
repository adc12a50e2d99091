/*
 * The control connection's state machine, originator and receiver (RFC 2637
 * sections 3.1.1 to 3.1.4).
 *
 * Pure: events and time go in, a short list of actions comes out.  It knows
 * nothing of sockets, of other connections or of calls: who may connect and who
 * wins a collision is asked of the shell beforehand and comes in as `admit`.
 */
#ifndef PACD_PROTO_CTRL_H
#define PACD_PROTO_CTRL_H

#include "common/mono.h"
#include "pacd/proto/msg.h"

enum ctrl_state {
	CTRL_IDLE,            /* receiver: TCP is open, no SCCRQ yet; originator: TCP is not open yet */
	CTRL_WAIT_CTL_REPLY,  /* originator: SCCRQ sent */
	CTRL_ESTABLISHED,
	CTRL_WAIT_STOP_REPLY, /* Stop-CCRQ sent */
	CTRL_LOST_COLLISION,  /* receiver: we won; silent, waiting for the loser's FIN (COL-04) */
	CTRL_CLOSED,
	CTRL_STATES
};

/* The shell's verdict on a peer's SCCRQ; looked at only in CTRL_IDLE. */
enum ctrl_admit {
	CTRL_ADMIT,             /* go on */
	CTRL_ADMIT_COLLISION,   /* our own SCCRQ to this peer wins: say nothing (COL-04) */
	CTRL_ADMIT_EXISTS,      /* result 3 */
	CTRL_ADMIT_FORBIDDEN,   /* result 4 */
	CTRL_ADMIT_NO_RESOURCE, /* result 2, error 4 */
};

enum ctrl_event_type {
	CTRL_EV_OPEN,    /* originator: TCP is connected */
	CTRL_EV_MESSAGE, /* any message, whatever its type */
	CTRL_EV_SKIPPED, /* a well framed message of unknown type */
	CTRL_EV_FAULT,   /* the framer gave up, or the output queue overflowed */
	CTRL_EV_EOF,     /* TCP closed, reset or failed, or did not open */
	CTRL_EV_STOP,    /* we want to end it: `reason` */
	CTRL_EV_SUSPECT, /* a call's reply is overdue (TIM-05): close at once */
	CTRL_EV_TICK,    /* a deadline may have passed */
	CTRL_EVENTS
};

struct ctrl_event {
	enum ctrl_event_type type;
	const struct msg *msg;    /* CTRL_EV_MESSAGE */
	enum ctrl_admit admit;    /* with an SCCRQ; with CTRL_EV_STOP, CTRL_ADMIT_COLLISION says why (COL-03) */
	enum stop_reason reason;  /* CTRL_EV_STOP */
	uint32_t random;          /* fresh random bits: identifier of an Echo-Request */
};

enum ctrl_close {
	CTRL_CLOSE_NONE,
	CTRL_CLOSE_PEER,          /* the peer closed TCP */
	CTRL_CLOSE_UNREACHABLE,   /* originator: TCP could not be opened */
	CTRL_CLOSE_PEER_STOP,     /* Stop-CCRQ (or an unasked Stop-CCRP) of the peer */
	CTRL_CLOSE_STOPPED,       /* our own Stop was answered, or none was needed */
	CTRL_CLOSE_STOP_TIMEOUT,
	CTRL_CLOSE_START_TIMEOUT, /* no SCCRQ, or no SCCRP, or TCP did not open in time */
	CTRL_CLOSE_ECHO_TIMEOUT,
	CTRL_CLOSE_REPLY_TIMEOUT, /* TIM-05 */
	CTRL_CLOSE_FAULT,         /* malformed input */
	CTRL_CLOSE_BAD_FIRST,     /* the first message was not SCCRQ */
	CTRL_CLOSE_VERSION,
	CTRL_CLOSE_REFUSED,       /* we refused its SCCRQ, or it refused ours */
	CTRL_CLOSE_COLLISION,     /* we lost a collision, or the loser never closed */
	CTRL_CLOSES
};

enum ctrl_action_type {
	CTRL_ACT_SEND,        /* msg */
	CTRL_ACT_ESTABLISHED, /* calls may come */
	CTRL_ACT_CALL,        /* a message for the call layer: the event's msg */
	CTRL_ACT_IGNORED,     /* count and log, rate-limited: the event's msg had no business here */
	/*
	 * End every call of the connection, without CDN; reason in `close`.  Once, in the
	 * step that closes the connection, if it was established; maybe there is none left.
	 */
	CTRL_ACT_CLEAR_CALLS,
	CTRL_ACT_CLOSE,       /* flush what was sent, then FIN; reason in `close` */
	CTRL_ACT_ABORT,       /* close without flushing */
};

struct ctrl_action {
	enum ctrl_action_type type;
	enum ctrl_close close;
	struct msg msg;
};

#define CTRL_ACTIONS 4

struct ctrl_actions {
	struct ctrl_action list[CTRL_ACTIONS];
	unsigned n;
};

/* Durations in milliseconds, above 0; all configurable. */
struct ctrl_timers {
	int64_t start_ms;      /* receiver: to wait for SCCRQ; originator: for TCP to open (TIM-01) */
	int64_t reply_ms;      /* to wait for SCCRP or Stop-CCRP (TIM-01, TIM-04) */
	int64_t echo_idle_ms;  /* without a message before an Echo-Request goes out (TIM-02) */
	int64_t echo_reply_ms; /* from there to the end (TIM-03) */
};

/* What we say of ourselves in SCCRQ and SCCRP. */
struct ctrl_self {
	uint16_t max_channels, firmware;
	char host[MSG_TEXT], vendor[MSG_TEXT];
	bool accept_minor; /* CC-07: a newer minor version (0x01xx) is answered with result 1 */
};

struct ctrl {
	enum ctrl_state state;
	bool originator;
	struct ctrl_timers timers;
	struct ctrl_self self;
	unsigned replies_due;     /* OCRQs not answered yet: no Echo-Request meanwhile */
	bool echo_pending;
	uint32_t echo_identifier;
	struct mono deadline;     /* of the state, or of the echo; MONO_NEVER in CTRL_CLOSED */
	enum ctrl_close close;    /* why it is closed, or will be when the Stop-CCRQ is answered */
	struct msg_sccrq peer;    /* the SCCRQ or SCCRP that established it, or the SCCRP that refused us */
};

/* The clock of TIM-01 starts here. */
void ctrl_init(struct ctrl *c, bool originator, const struct ctrl_timers *timers, const struct ctrl_self *self,
	       struct mono now);
/*
 * The only function that changes the state.  `out` is emptied first; execute its
 * actions in order.  CTRL_ACT_CLOSE or CTRL_ACT_ABORT is the last action of a
 * connection: in CTRL_CLOSED every event yields nothing (CC-11).
 */
void ctrl_step(struct ctrl *c, const struct ctrl_event *ev, struct mono now, struct ctrl_actions *out);
/* The call layer tells when an OCRQ starts to wait for its answer and when it has got it. */
void ctrl_reply_due(struct ctrl *c);
void ctrl_reply_done(struct ctrl *c, struct mono now);
/* When CTRL_EV_TICK is wanted; ask again after every call.  A tick that comes too early does nothing. */
struct mono ctrl_deadline(const struct ctrl *c);
const char *ctrl_state_word(enum ctrl_state s);
const char *ctrl_close_word(enum ctrl_close c);

/*
 * RFC 2637 section 3.1.3: of two colliding SCCRQs that of the higher IPv4 address, in
 * host byte order, wins.  Equal addresses are no collision (COL-05): do not ask then.
 */
bool ctrl_collision_won(uint32_t own_addr, uint32_t peer_addr);

#endif
