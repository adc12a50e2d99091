/*
 * The configuration's part about real lines: lines, chats, routes of incoming
 * calls, dial plan, and the PNSs that are ours to call.
 *
 * Part of struct conf; read by the tables in conf_lines.c.
 */
#ifndef PACD_CONF_LINES_H
#define PACD_CONF_LINES_H

#include "common/addr.h"
#include "pacd/proto/modem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONF_LINES_MAX 4096 /* all of them, each `count` multiplied out */
#define CONF_LINE_NAME 63   /* octets */

enum conf_line_type { CONF_LINE_TTY, CONF_LINE_TCP, CONF_LINE_PPP };
enum conf_line_mode { CONF_LINE_RAW, CONF_LINE_RFC2217 };
/* line_control: "auto": the modem lines where the device has them, else text */
enum conf_line_control { CONF_CONTROL_AUTO, CONF_CONTROL_MODEM, CONF_CONTROL_TEXT };
enum conf_line_flow { CONF_FLOW_RTSCTS, CONF_FLOW_NONE };
enum conf_line_use { CONF_USE_BOTH, CONF_USE_IN, CONF_USE_OUT };
/* lines_choice: of the free lines of a group the one that */
enum conf_line_choice {
	CONF_CHOICE_LONGEST_IDLE, /* was used least lately: wear and faults spread */
	CONF_CHOICE_FIRST,        /* stands first in the file */
};

struct conf_chat {
	char *name;
	struct conf_chat_step *init, *answer, *dial, *hangup; /* none given: those of Hayes modems */
	size_t ninit, nanswer, ndial, nhangup;
	/* texts that mean it, beside those of chat_hayes_words */
	char **busy, **no_carrier, **no_dialtone, **no_answer, **error, **calling, **called;
	size_t nbusy, nno_carrier, nno_dialtone, nno_answer, nerror, ncalling, ncalled;
};

struct conf_chat_step {
	char *send, *expect;
	int64_t timeout_ms;
};

/* One line, or with `count` that many alike: "%" in name, device and called is the number from `first` on. */
struct conf_line {
	char *name;            /* letters, digits, "_.-" and one "%" */
	enum conf_line_type type;
	char *group;           /* "default" */
	unsigned count, first; /* 1; 1 */
	char *device;          /* tty: absolute path */
	unsigned baud;         /* of the port: 115200; of a tty one that termios knows */
	enum conf_line_flow flow;
	enum conf_line_control control;
	enum conf_line_mode mode;
	struct endpoint address; /* tcp: where to connect to; each further of `count` has the next port; port 0: none */
	struct endpoint listen;  /* tcp, raw: a connection accepted here is a ring; likewise */
	struct addr_range *peers; /* who may connect to `listen`; none: only `address`, or 127.0.0.0/8 */
	size_t npeers;
	uint32_t bearer, framing; /* MSG_BEARER_ANALOG or _DIGITAL, MSG_FRAMING_ASYNC or _SYNC */
	enum conf_line_use use;
	char *chat;            /* name of a chat; NULL: Hayes */
	char *called;          /* number of the line where the modem does not say it; NULL */
	unsigned speed;        /* bit/s where nobody says it: 33600; for "tcp", "raw" the only source */
	bool pace;             /* frames go out no faster than the connect speed; false for modems that compress */
	unsigned window;       /* packets advertised for calls on it: 4 */
	bool flow_control;     /* strict_window = "rfc2637" | "off" of the line */
	int64_t dial_ms;       /* at most for a dial or an answer chat altogether: 90 s */
	int64_t retry_ms;      /* between attempts to open or to wake it: 30 s */
	int64_t caller_id_ms;  /* how long a ring waits for its calling number: 3 s */
	int64_t check_ms;      /* an idle modem is asked this often whether it is there: 300 s; 0: never */
};

/* First match; what is not given matches all. Patterns as fnmatch(3) has them. */
struct conf_route {
	char *called, *calling, *group; /* NULL: any */
	struct endpoint *pns;           /* in order */
	size_t npns;
};

struct conf_dialplan {
	char *match;           /* pattern on the phone number */
	char *group;           /* NULL: a local pppd (`ppp = true`) */
	bool ppp;
	unsigned strip;        /* leading digits to take off */
	char *prefix;          /* to put in front afterwards; NULL */
	struct addr_range *from; /* PNSs that may use it; none: all (an error for a group without RADIUS: toll fraud) */
	size_t nfrom;
};

struct conf_pns {
	struct addr_range *addresses; /* PNSs whose own control connections may bear incoming calls */
	size_t naddresses;
	uint32_t source;       /* our address towards them; 0: any */
	unsigned port;         /* 1723 */
	int64_t offer_ms;      /* offer_timeout: TCP, SCCRP and ICRP together, for one PNS: 10 s */
	int64_t ring_ms;       /* ring_timeout: for all of them: 45 s */
	int64_t idle_ms;       /* a connection that we opened and that bears no call is closed: 60 s */
	int64_t backoff_ms;    /* after a failure it is not tried for this long, doubling up to 16 times: 2 s */
};

/* What stands in struct conf. */
struct conf_real {
	struct conf_line *lines;
	size_t nlines;
	enum conf_line_choice choice; /* line_choice */
	struct conf_chat *chats;
	size_t nchats;
	struct conf_route *routes;
	size_t nroutes;
	struct conf_dialplan *dialplan;
	size_t ndialplan;
	struct conf_pns pns;
	int64_t wen_ms;               /* wan_error_interval: the least time between two WAN-Error-Notifies of a call: 60 s */
};

struct conf;

/* --- by index: `count` multiplied out, in order of the file --- */

unsigned conf_lines_count(const struct conf *c);
/*
 * Line i with its own name, device and endpoints; its other texts and lists are borrowed from `c`.  Free it with
 * conf_line_clear().  0, -ENOENT, -ENOMEM.
 */
int conf_line_get(const struct conf *c, unsigned i, struct conf_line *line);
void conf_line_clear(struct conf_line *line);
/* Same device or endpoints and same settings: a reload need not touch it. */
bool conf_line_same(const struct conf *a, const struct conf_line *x, const struct conf *b, const struct conf_line *y);
/*
 * The modem's configuration of a line: chat or Hayes defaults.  What it points to is owned by *m, which must stay where
 * it is: conf_modem_clear().  0, -ENOMEM.
 */
struct conf_modem {
	struct modem_conf modem;
	struct chat_words words;
	void *owned[8];
};
int conf_modem_get(const struct conf *c, const struct conf_line *line, struct conf_modem *m);
void conf_modem_clear(struct conf_modem *m);

/* --- routes and numbers; pure --- */

/* The first one that matches, or NULL. "" is an unknown number: only "*" or no pattern matches it. */
const struct conf_route *conf_route_find(const struct conf *c, const char *called, const char *calling,
					 const char *group);
/* The first entry that matches, or NULL: the local pppd. peer: of the PNS, host order. */
const struct conf_dialplan *conf_dialplan_find(const struct conf *c, const char *number, uint32_t peer);
/* strip and prefix; 0, or -EINVAL: nothing is left, too long, or not to be dialled (chat_number_ok()). */
int conf_dialplan_number(const struct conf_dialplan *d, const char *number, char out[CHAT_NUMBER + 1]);
/* pns.addresses, and the PNSs of routes: whose own connections may bear incoming calls. */
bool conf_pns_known(const struct conf *c, uint32_t addr);

#endif
