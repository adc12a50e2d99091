/*
 * A chat: send, expect, send, expect, with a time-out each, over the octets of a
 * modem; and the modem's answers as words.
 *
 * Pure.  It sees lines of text, not a port.
 */
#ifndef PACD_PROTO_CHAT_H
#define PACD_PROTO_CHAT_H

#include "common/mono.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHAT_LINE 128   /* octets of one line of a modem; the rest of a longer one is dropped */
#define CHAT_STEPS 16
#define CHAT_SEND 256   /* octets of one command, number filled in, carriage return included */
#define CHAT_NUMBER 64  /* octets of a number to dial */

/* What a line of the modem means. */
enum chat_answer {
	CHAT_OTHER,       /* echo of a command, a blank line, garbage */
	CHAT_OK,
	CHAT_CONNECT,
	CHAT_RING,
	CHAT_BUSY,
	CHAT_NO_CARRIER,
	CHAT_NO_DIALTONE,
	CHAT_NO_ANSWER,
	CHAT_ERROR,
	CHAT_CALLING,     /* caller id: the calling number */
	CHAT_CALLED,      /* the called number (DDN, "CALLED", ...) */
	CHAT_ANSWERS
};

/*
 * Texts at the start of a line that have a meaning, letter case apart; each list ends with NULL.  No letter may
 * follow a text that ends in one ("RING" is not "RINGING", which tells of the far end's bell); of several that fit
 * the longest wins.
 */
struct chat_words {
	const char *const *list[CHAT_ANSWERS]; /* NULL: none; [CHAT_OTHER] is never looked at */
};

/*
 * Those of Hayes-like modems, caller id of Bellcore and ETSI modems (NMBR=, DDN_NMBR=, CALLER NUMBER: ...) among
 * them.
 */
extern const struct chat_words chat_hayes_words;

/* One step. Borrowed. */
struct chat_step {
	/*
	 * "": nothing; \T: the number; \d: a pause of a second; \\: a backslash; a carriage return follows unless \c
	 * ends it.
	 */
	const char *send;
	/*
	 * Start of the line that is waited for, letter case apart; "": goes on at once.  "|" stands between
	 * alternatives: a step that waits for "OK|ERROR" may be refused, and the chat goes on.
	 */
	const char *expect;
	int64_t timeout_ms;
};

struct chat_script {
	const struct chat_step *steps;
	unsigned n; /* at most CHAT_STEPS */
};

/*
 * Of Hayes modems (as ITU-T V.250 has it).  Caller id (AT+VCID=1, V.253) is asked for by a step that may be
 * refused.  The steps that wait for CONNECT have no time-out to speak of: modem_conf.dial_ms is theirs.
 */
extern const struct chat_script chat_hayes_init, chat_hayes_answer, chat_hayes_dial, chat_hayes_hangup;

/* What is wrong with a text to send (an unknown escape, too long, a control character), or NULL. */
const char *chat_send_complaint(const char *send);
/* Digits, "*", "#", ",", "w", "W" and "+" in front; 1 to CHAT_NUMBER octets: what may be dialled (SEC-05). */
bool chat_number_ok(const char *number);

/* --- lines --- */

/*
 * Cuts octets into lines.  Carriage returns and line feeds end one, blank ones are left out, the top bit is
 * dropped.  What a line has is printable: tabs become spaces, other control characters and the spaces at both ends
 * are dropped.
 */
struct chat_reader {
	char line[CHAT_LINE + 1];
	size_t len;
};

void chat_reader_init(struct chat_reader *r);
/* Consumes octets up to the end of one line: true, and the line is in r->line until the next call. */
bool chat_reader_next(struct chat_reader *r, const uint8_t **data, size_t *len);
/*
 * The meaning; for CONNECT, CALLING and CALLED *value is what stands behind the text and separators (spaces, "=",
 * ":"), in `line`; else "".  w: NULL: chat_hayes_words.
 */
enum chat_answer chat_classify(const struct chat_words *w, const char *line, const char **value);
/*
 * The speed in bit/s of what stands behind CONNECT: "33600/ARQ/V34" is 33600, "115200 ... CARRIER 28800" is the
 * carrier's; 0: it does not say.
 */
uint32_t chat_speed(const char *connect);

/* --- scripts --- */

enum chat_verdict {
	CHAT_MORE,
	CHAT_DONE,
	CHAT_FAILED, /* `answer` says by which line: BUSY, NO_CARRIER, ... ERROR; CHAT_OTHER: time-out */
};

struct chat {
	struct chat_script script;
	const struct chat_words *words;
	char number[CHAT_NUMBER + 1];
	unsigned step;
	bool expecting;
	struct mono deadline;   /* MONO_NEVER: none */
	enum chat_verdict verdict;
	size_t sent, digits;    /* octets of the step's text, and of the number in it, that are done */
	bool sent_all, pausing;
	enum chat_answer answer;
	char connect[CHAT_LINE + 1]; /* what stood behind CONNECT, when that was the line expected last */
};

/*
 * The words' failures (BUSY to ERROR) end any step that does not wait for them.  number: NULL: none; CONNECT counts
 * as met by chat_words, too.  A line that comes before the step's text is sent, and the text's own echo, is no
 * answer.
 */
void chat_start(struct chat *c, const struct chat_script *script, const struct chat_words *words, const char *number,
		struct mono now);
/*
 * What to write now: up to `cap` octets (CHAT_SEND is enough) into `out`, 0: nothing now.  Call it after start, line
 * and tick until it says 0.  When `cap` was too small for all of it, chat_deadline() is near.
 */
size_t chat_output(struct chat *c, char *out, size_t cap, struct mono now);
enum chat_verdict chat_line(struct chat *c, const char *line, struct mono now);
/*
 * A time may have passed: a pause is over, or the answer is overdue. Too early it does nothing.  Call it after
 * chat_output(), too: a chat that ends in a step with nothing to wait for is CHAT_DONE only here.
 */
enum chat_verdict chat_tick(struct chat *c, struct mono now);
struct mono chat_deadline(const struct chat *c);

#endif
