/*
 * A line: the far end of a call.  It rings, answers, dials, hangs up and gives a
 * descriptor that moves PPP frames.
 *
 * A line in use is named by its session, one that rings by a number of its own.
 * What happens to it is told through handlers, never from inside a call into the
 * line.
 */
#ifndef PACD_LINE_LINE_H
#define PACD_LINE_LINE_H

#include "common/plugin_proto.h"
#include "pacd/proto/msg.h"

#include <stdbool.h>
#include <stdint.h>

/* Why a line is hung up: fixed words, for the log and for the scripts' environment. */
enum line_reason {
	LINE_PEER_CLEAR, /* Call-Clear-Request */
	LINE_PEER_LOST,  /* control connection gone or stopped */
	LINE_ADMIN,
	LINE_SESSION_TIMEOUT,
	LINE_IDLE_TIMEOUT,
	LINE_REPLACED,
	LINE_SHUTDOWN,
	LINE_USER,       /* the line's own end: LCP Terminate, pppd's exit */
	LINE_AUTH,       /* the login was refused */
	LINE_LOGIN_TIMEOUT, /* nobody was logged in, or no link was up, in time */
	LINE_NEGOTIATION,   /* PPP could not agree */
	LINE_SILENT,        /* the peer's PPP does not answer echoes any more */
	LINE_FAULT,
	LINE_REFUSED,       /* a RADIUS server, or what it gave, forbids it */
	LINE_CARRIER,       /* a real line: the caller, or the called one, has hung up */
	LINE_NO_PNS,        /* a ring: nobody to offer it to, or nobody took it */
	LINE_REASONS
};

const char *line_reason_word(enum line_reason r);

#define LINE_NAME 64 /* octets of a line's or a group's name with its NUL */

/* What is wanted of a line that is dialled. Borrowed. */
struct line_dial {
	uint32_t peer_addr; /* the PNS's, host order: for pppd's scripts */
	const char *group;  /* of real lines; NULL: a local pppd */
	const char *number; /* of a real line: digits, "*", "#", "," (a pause) and "w"; not empty */
	uint32_t bearer, framing; /* bits that the PNS takes (section 2.7) */
};

/* A line that is there. */
struct line_up {
	int fd;            /* moves its frames, and belongs to the handler */
	uint32_t pid;      /* of its pppd; 0: a real line, and all that follows is set */
	uint32_t speed;    /* bit/s, as the modem says, or as configured */
	uint32_t bearer;   /* one bit */
	uint32_t framing;  /* MSG_FRAMING_ASYNC, or MSG_FRAMING_SYNC: one read or write of fd is one frame without FCS */
	uint32_t channel;  /* Physical Channel ID */
	uint32_t pace_bps; /* frames are written no faster than this; 0: as fast as they are taken */
	uint16_t window;   /* packets; what to advertise for it */
	bool flow_control; /* RFC 2637 section 4 in both directions */
	const char *name, *group; /* borrowed */
	const char *connect; /* borrowed: what the modem said behind CONNECT, printable; "" */
};

/* How it ended. */
struct line_end {
	uint8_t error;    /* general error code of a failure of ours; 0: an ordinary end */
	uint16_t cause;   /* Q.931; 0: unknown */
	bool has_status;  /* a pppd */
	int exit_status;  /* of waitpid() */
};

/* Somebody calls. Borrowed. */
struct line_ring {
	uint64_t ring;   /* its name until answer(), reject() or ring_over(); never 0, never used twice */
	const char *name, *group; /* of the line */
	uint32_t channel;
	uint32_t bearer, framing; /* one bit each */
	const char *called, *calling; /* printable, up to MSG_TEXT octets; "": unknown */
};

/* Of a real line in use, cumulative since its call began (section 2.14). */
struct line_errors {
	uint32_t framing, hardware_overrun, buffer_overrun, parity;
};

struct line_handlers {
	void (*answered)(void *ctx, uint64_t session, const struct line_up *up);
	/* It could not be had: result, error and cause of an OCRP; also for a ring that could not be answered. */
	void (*failed)(void *ctx, uint64_t session, uint8_t result, uint8_t error, uint16_t cause);
	/* It has ended, whoever asked; last event. */
	void (*down)(void *ctx, uint64_t session, const struct line_end *end);
	/* What the plugin of a pppd line says. */
	void (*plugin)(void *ctx, uint64_t session, const struct plugin_msg *m);
	void (*ring)(void *ctx, const struct line_ring *r);
	/* The caller has given up, or the line is gone: the ring's last event. */
	void (*ring_over)(void *ctx, uint64_t ring);
};

struct line_ops {
	const char *name;
	/* 0, or -errno: nothing was started and no event will come; -EBUSY: no line of that group is free. */
	int (*dial)(void *lines, uint64_t session, const struct line_dial *d);
	/* Ends it; `down` follows (at once or later). Legal in any state, any number of times. */
	void (*hangup)(void *lines, uint64_t session, enum line_reason reason);
	/* The answer to PLUGIN_AUTH.  NULL on real lines, as the next one. */
	void (*answer_auth)(void *lines, uint64_t session, const struct plugin_answer *a);
	/* The session was changed while it is up: its scripts are told. Nothing where there are none, or no link. */
	void (*change)(void *lines, uint64_t session, const struct script_vars *vars);
	/* --- NULL on pppd lines --- */
	/* The ring becomes this session's line: answered(), failed() or down() follows.  0, or -ENOENT: it is over. */
	int (*answer)(void *lines, uint64_t ring, uint64_t session);
	/* Nobody will answer: the caller hears the ringing tone, or busy where the line can say so. No event follows. */
	void (*reject)(void *lines, uint64_t ring);
	/* false: no such session. */
	bool (*errors)(void *lines, uint64_t session, struct line_errors *e);
};

#endif
