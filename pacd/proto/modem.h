/*
 * A modem line's state machine: from a silent device to a call that is online
 * and back, by chats, lines of text, and control lines where there are any.
 *
 * Pure: octets, control lines and time go in, a short list of actions comes out.
 * It knows nothing of ports, sessions or groups.
 */
#ifndef PACD_PROTO_MODEM_H
#define PACD_PROTO_MODEM_H

#include "pacd/proto/chat.h"
#include "pacd/proto/msg.h"

#define MODEM_CALLED_MS 200    /* lines of a caller id are one burst: the called number may stand behind the calling */
#define MODEM_DIAL_MS 90000
#define MODEM_SETTLE_MS 300    /* before an init: a modem that has just seen DTR, or a hang-up, still talks of that */
#define MODEM_CARRIER_MS 2000  /* between CONNECT and the carrier, where it is told by a line */
#define MODEM_RI_MS 1000       /* rings of RI nearer than this are one: some countries ring twice, and RI may chatter */
#define MODEM_RING_MAX_MS 300000 /* nobody lets it ring so long: a fault of the line's, or of its RI */
#define MODEM_KEPT 512         /* octets that came between CONNECT and the carrier; further ones are lost */

enum modem_state {
	MODEM_CLOSED,     /* no port */
	MODEM_INIT,       /* the init chat runs */
	MODEM_IDLE,
	MODEM_RINGING,
	MODEM_ANSWERING,
	MODEM_DIALLING,
	MODEM_ONLINE,     /* data mode */
	MODEM_HANGING_UP, /* DTR is down, then escape and hang-up chat, then init again */
	MODEM_FAILED,     /* does not answer its init, or rings for ever; tried again after retry_ms */
	MODEM_STATES
};

/* Constant while the port is open. Borrowed. */
struct modem_conf {
	struct chat_script init, answer, dial, hangup; /* hangup: behind the escape, in command mode */
	const struct chat_words *words;
	int64_t ring_gap_ms;      /* without a ring this long the caller has given up (8 s) */
	/*
	 * A ring is told when its calling number came (and MODEM_CALLED_MS later where the called one did not), with
	 * the second RING, or after this.
	 */
	int64_t caller_id_ms;
	int64_t dial_ms;          /* at most for a dial or an answer chat altogether; 0: MODEM_DIAL_MS */
	int64_t dtr_ms;           /* DTR stays down this long (1 s) */
	int64_t escape_ms;        /* the silence before and after "+++" (1.2 s) */
	int64_t retry_ms;         /* rest of a failed modem (30 s) */
	int64_t check_ms;         /* an idle modem is sent its init again this often; 0: never */
	unsigned init_tries;      /* before it is failed (3) */
};

enum modem_event_type {
	MODEM_EV_OPENED,  /* the port is ready; has_lines: carrier and rings are told, and are set here */
	MODEM_EV_LOST,    /* the port is gone */
	MODEM_EV_INPUT,   /* data, len: of command mode */
	MODEM_EV_LINES,   /* carrier; rings: how many so far */
	MODEM_EV_NO_CARRIER, /* told among the data, by ports without lines */
	MODEM_EV_ANSWER,  /* MODEM_RINGING only */
	MODEM_EV_REJECT,  /* likewise: the ring is nobody's; further RINGs of it are passed over */
	MODEM_EV_DIAL,    /* MODEM_IDLE only: number; not chat_number_ok(): MODEM_ACT_FAILED with result 2 */
	MODEM_EV_HANGUP,  /* any state: a call ends in MODEM_ACT_DOWN, a ring that was told in RING_OVER */
	MODEM_EV_TICK,
	MODEM_EVENTS
};

struct modem_event {
	enum modem_event_type type;
	const uint8_t *data;
	size_t len;
	bool has_lines, carrier;
	unsigned rings;
	const char *number;
};

enum modem_action_type {
	MODEM_ACT_WRITE,    /* m->out, m->out_len: before the next step; once in a step */
	MODEM_ACT_DTR_ON,
	MODEM_ACT_DTR_OFF,
	MODEM_ACT_FLUSH,
	MODEM_ACT_READY,    /* idle now: may be dialled; each time MODEM_IDLE is entered */
	MODEM_ACT_RING,     /* m->calling, m->called: constant until the ring or its call is over */
	MODEM_ACT_RING_OVER, /* the ring was told, and neither answered nor rejected */
	MODEM_ACT_ONLINE,   /* m->chat.connect, m->speed; m->rest, m->rest_len: octets behind the answer: data mode */
	MODEM_ACT_FAILED,   /* dialling or answering: OCRP's `result` (3 to 6; 2: error), `answer`; m->why */
	MODEM_ACT_DOWN,     /* online no more: nobody here asked, or the hang-up that was asked for is done */
	MODEM_ACT_COMMAND,  /* back to command mode (the data path has let go, or will) */
	/* Does not answer, or rings for ever: m->why, a sentence; once until MODEM_ACT_READY or _RING. */
	MODEM_ACT_OUT_OF_SERVICE,
};

struct modem_action {
	enum modem_action_type type;
	uint8_t result;
	enum chat_answer answer; /* the modem's word for it; CHAT_OTHER: none (a time-out, no carrier behind CONNECT) */
};

#define MODEM_ACTIONS 8

struct modem_actions {
	struct modem_action list[MODEM_ACTIONS];
	unsigned n;
};

struct modem {
	const struct modem_conf *conf;
	enum modem_state state;
	bool has_lines, carrier;
	bool call;             /* a call is there: FAILED or DOWN is owed */
	bool out_of_service;   /* was told */
	bool told;             /* the ring was told */
	bool rejected;
	bool identified;       /* a calling number, or that there is none, came */
	unsigned rings, ri;    /* of the present ring, by text and by RI */
	unsigned ring_lines;   /* as MODEM_EV_LINES counts */
	unsigned tries;
	unsigned stage;        /* of the present state */
	struct chat_reader reader;
	struct chat chat;
	struct mono deadline;
	struct mono ring_last, ri_last; /* MONO_NEVER: none */
	struct mono ring_since; /* the first of the present ring */
	struct mono tell_at, id_at;
	char calling[MSG_TEXT + 1], called[MSG_TEXT + 1]; /* printable */
	uint32_t speed;        /* bit/s; 0: the modem did not say */
	char out[CHAT_SEND];
	size_t out_len;
	const uint8_t *rest;   /* into the event's data, or `kept` */
	size_t rest_len;
	uint8_t kept[MODEM_KEPT];
	size_t kept_len;
	char why[128];
};

void modem_init(struct modem *m, const struct modem_conf *conf);
/*
 * The only function that changes the state.  An event without a meaning in a state yields nothing.  As input ends
 * where data mode begins, MODEM_ACT_ONLINE is the last action of its step.  ACT_FAILED or ACT_DOWN comes once for
 * each call: DOWN when it was online or a hang-up was asked for, FAILED else.  The line is not free before
 * ACT_READY.
 *
 * NO ANSWER is result 6: the time in which somebody might have answered is over (RFC 2637 section 2.8 has no word of
 * its own for it); 3 would say that somebody did, without a carrier.  A RING while dialling is result 4: somebody
 * else has the line.
 */
void modem_step(struct modem *m, const struct modem_event *ev, struct mono now, struct modem_actions *out);
/* When MODEM_EV_TICK is wanted; ask again after every call. */
struct mono modem_deadline(const struct modem *m);
const char *modem_state_word(enum modem_state s); /* as line_view.state */

#endif
