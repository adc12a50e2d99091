/*
 * The real lines of this access concentrator: modems at serial ports and lines
 * of terminal servers, by index of the configuration, by name and by group.
 *
 * Owns every line.  A line that fails is taken out of service, tried again, and
 * said so; a reload touches no line in use.
 */
#ifndef PACD_LINE_LINES_H
#define PACD_LINE_LINES_H

#include "pacd/conf.h"
#include "pacd/line/line.h"
#include "pacd/priv/client.h"

#include <ev.h>

struct lines; /* opaque */

extern const struct line_ops lines_ops;

/* One line for `pacctl show lines`. All is borrowed, until the next event. */
struct line_view {
	const char *name, *group;
	const char *type;   /* "tty", "tcp", "rfc2217" */
	const char *place;  /* device, or address and port */
	/* "closed", "init", "idle", "ringing", "answering", "dialling", "online", "hanging-up", "failed", "busied-out" */
	const char *state;
	const char *control; /* "modem-lines", "rfc2217", "text", "tcp"; "": not known yet */
	uint64_t session;   /* 0: none */
	uint32_t channel;
	uint32_t speed;     /* bit/s of the present or the last call; 0: none yet */
	const char *calling, *called; /* of the present or the last call */
	uint64_t since_s;   /* in that state */
	uint64_t rings, answered, dialled, connected; /* dialled: attempts; connected: both directions */
	uint64_t busy, no_carrier, no_dialtone, no_answer, time_outs; /* attempts that ended so */
	uint64_t faults;    /* times that it went out of service */
	struct line_errors errors; /* of the port since it was opened */
	const char *last_error; /* ""; a sentence */
	int64_t last_error_at;  /* unix seconds; 0: none */
};

enum line_act { LINE_BUSY_OUT, LINE_ENABLE, LINE_HANG_UP };

/* NULL without memory. */
struct lines *lines_new(struct ev_loop *loop, struct priv_client *priv, const struct line_handlers *handlers, void *ctx);
/* Without a word to anybody; descriptors of calls are their data path's. */
void lines_free(struct lines *l);
/*
 * The snapshot in force, borrowed until the next call, and its generation.  Lines are told apart by name: new ones are
 * opened; those that are gone, or differ, are closed (and opened anew) as soon as they bear no call.
 */
void lines_configure(struct lines *l, const struct conf *c, uint32_t generation);
/* PRIV_OPENED with PRIV_SOCKET_LINE, handed on by whoever owns the root part's client. Takes `fd` over. */
void lines_opened(struct lines *l, const struct priv_opened *m, int fd);
/* No ring is taken and nothing dialled while it is on. */
void lines_drain(struct lines *l, bool on);
/* Lines that bear a call, ring, or are being hung up. */
unsigned lines_busy(const struct lines *l);
/* i counts from 0; false past the last. */
bool lines_view(struct lines *l, size_t i, struct line_view *v);
/*
 * Busy-out: no ring, no call from now on; a call on it goes on.  0; -ENOENT; -EALREADY; for LINE_HANG_UP -ENOTCONN: no
 * call or ring there; -ESTALE: the configuration does not name it any more.
 */
int lines_act(struct lines *l, const char *name, enum line_act act);

#endif
