/*
 * A line: the far end of a call.  It answers, dials, hangs up and gives a
 * descriptor that moves PPP frames in async HDLC.
 *
 * A line is named by the session that uses it.  What happens to it is told
 * through handlers, always with the session's id, never from inside a call into
 * the line.
 */
#ifndef PACD_LINE_LINE_H
#define PACD_LINE_LINE_H

#include "common/plugin_proto.h"

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
	LINE_REASONS
};

const char *line_reason_word(enum line_reason r);

struct line_handlers {
	/* It is there: `fd` moves its frames and belongs to the handler. */
	void (*answered)(void *ctx, uint64_t session, int fd, uint32_t pid);
	/* It could not be had: result and error of an OCRP. */
	void (*failed)(void *ctx, uint64_t session, uint8_t result, uint8_t error);
	/* It has ended, whoever asked; last event.  error: general error code, 0 for an ordinary end. */
	void (*down)(void *ctx, uint64_t session, uint8_t error, int exit_status);
	/* What the plugin of a pppd line says. */
	void (*plugin)(void *ctx, uint64_t session, const struct plugin_msg *m);
};

struct line_ops {
	const char *name;
	/* 0, or -errno: nothing was started and no event will come. */
	int (*dial)(void *lines, uint64_t session, uint32_t peer_addr);
	/* Ends it; `down` follows (at once or later). Legal in any state, any number of times. */
	void (*hangup)(void *lines, uint64_t session, enum line_reason reason);
	/* The answer to PLUGIN_AUTH. */
	void (*answer_auth)(void *lines, uint64_t session, const struct plugin_answer *a);
	/* The session was changed while it is up: its scripts are told. Nothing where there are none, or no link. */
	void (*change)(void *lines, uint64_t session, const struct script_vars *vars);
};

#endif
