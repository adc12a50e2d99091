/*
 * Inside the room of real lines: what its files share.  No other room includes it.
 *
 * lines.c is the set: configuration and views.  lines_service.c opens lines and
 * says whether they work.  lines_call.c is what the session layer sees: rings,
 * calls, events.  line_modem.c and line_tcp.c are the two kinds of line.
 *
 * Nothing here calls a handler of the session layer at once: events wait in the
 * line and are told by the set's kick, after the present callback.  So a kind may
 * tell anything at any time, also from within answer() or hangup().
 */
#ifndef PACD_LINE_LINES_INTERNAL_H
#define PACD_LINE_LINES_INTERNAL_H

#include "common/hash.h"
#include "common/list.h"
#include "common/log.h"
#include "common/mono.h"
#include "pacd/line/lines.h"

struct line;
struct line_modem; /* line_modem.c */
struct line_tcp;   /* line_tcp.c */

/* What a kind of line can do; always called by the set, which calls line_update() afterwards. */
struct line_kind {
	const char *hint; /* for the operator, when it fails */
	int (*init)(struct line *l);   /* its own part, from l->conf: 0, -ENOMEM */
	void (*clear)(struct line *l);
	/* MODEM_CLOSED or MODEM_FAILED: line_want_fd(), line_in_service() or line_lost() follows. */
	void (*open)(struct line *l);
	void (*opened)(struct line *l, int fd); /* the root part's; takes it over */
	void (*close)(struct line *l); /* in any state, and without an event */
	void (*answer)(struct line *l);
	void (*reject)(struct line *l);
	int (*dial)(struct line *l, const char *number); /* 0, or -errno: no event follows */
	void (*hangup)(struct line *l); /* a ring or a call */
	void (*tick)(struct line *l, struct mono now);
	struct mono (*deadline)(const struct line *l);
	const char *(*control)(const struct line *l); /* as line_view.control */
	void (*errors)(const struct line *l, struct line_errors *e); /* of the port since it was opened */
};

extern const struct line_kind line_modem_kind, line_tcp_kind;

struct line_group {
	struct hash_node node; /* in lines.groups */
	struct list idle;      /* of line.idle: those that may be dialled now */
	unsigned lines;
	char name[LINE_NAME];
};

/* What is to be told, in this order. */
enum line_event {
	LINE_EV_RING_OVER = 1,
	LINE_EV_FAILED = 2,
	LINE_EV_DOWN = 4,
	LINE_EV_RING = 8,
	LINE_EV_ANSWERED = 16,
	LINE_EV_SETTLE = 32, /* nothing to tell: what a reload wants of the line is done, if it can be now */
};

enum line_asking {
	LINE_ASKS_NOTHING,
	LINE_WANTS, /* in lines.wanting */
	LINE_ASKED, /* in lines.asked: the root part's answer will come */
};

/* The attempt or the call that it is about, or the last one. */
struct line_call {
	bool hangup;  /* asked for: the end is `down` */
	bool online;  /* answered() was told, or waits */
	uint8_t result, error; /* of its end */
	uint16_t cause;
	int fd;       /* for answered(), while that waits; -1 */
	uint32_t speed;
	struct line_errors base; /* of the port, when it began */
	char connect[CHAT_LINE + 1];
	char calling[MSG_TEXT + 1], called[MSG_TEXT + 1];
};

struct line_counters {
	uint64_t rings, answered, dialled, connected, busy, no_carrier, no_dialtone, no_answer, time_outs, faults;
};

struct line {
	struct lines *set;
	const struct line_kind *kind;
	struct line_modem *modem; /* the kind's own part: one of these */
	struct line_tcp *tcp;
	struct conf *held;        /* what `conf` borrows from */
	struct conf_line conf;
	unsigned index;           /* in the snapshot in force, unless it is gone */
	uint32_t seen;            /* generation that named it last */
	bool fresh;               /* was never opened */
	bool gone, changed;       /* to be closed, or closed and opened anew, once it bears no call */
	struct hash_node by_name, by_session, by_ring;
	struct line_group *group;
	struct list idle;         /* in group->idle */
	struct list pending;      /* in lines.pending */
	struct list opening;      /* in lines.wanting or lines.asked */
	struct list old;          /* in lines.gone */
	enum modem_state state;   /* TCP lines use the same words */
	struct mono since, last_use;
	bool busied;              /* out, by the operator */
	bool in_service, failed;  /* as the log was told last; neither: not known yet */
	bool said_text;
	bool counted;             /* in lines.busy */
	enum line_asking asking;
	uint32_t asked_generation;
	unsigned asked_index;
	uint32_t handle;          /* the root part's lock; 0: none */
	unsigned busy_tries;      /* left, since it was closed here: what of the call is not closed yet holds it */
	struct mono retry;        /* when it is opened again */
	struct mono armed;        /* what `timer` waits for */
	struct ev_timer timer;
	unsigned events;          /* enum line_event */
	uint64_t ring, session;   /* 0: none */
	uint64_t over;            /* the ring that LINE_EV_RING_OVER is about */
	struct line_call call;
	struct line_counters n;
	char place[ENDPOINT_TEXT]; /* of a TCP line */
	char last_error[160];
	int64_t last_error_at;
};

struct lines {
	struct ev_loop *loop;
	struct priv_client *priv;
	const struct line_handlers *handlers;
	void *ctx;
	struct conf *conf; /* held; NULL before the first lines_configure() */
	uint32_t generation;
	struct line **all; /* in order of the configuration */
	size_t n;
	struct list gone;  /* of line.old: not named any more, and in use still */
	struct hash by_name, by_session, by_ring, groups;
	struct list pending, wanting, asked;
	unsigned nasked, busy;
	uint32_t *unlocks; /* handles that the root part has to be told of yet */
	size_t nunlocks, unlocks_max;
	bool drain;
	uint64_t last_ring;
	struct ev_timer kick; /* never started, only fed */
	struct ev_timer rest; /* before the root part is asked again */
	struct log_limit limit_denied, limit_accept;
};

/* --- lines.c --- */

/* What a reload wants of it is done, if it bears no call; may free it. */
void line_settle(struct line *l);
struct line_group *line_group_find(const struct lines *set, const char *name);

/* --- lines_service.c --- */

/* After anything that may have changed the line: free list, busy lines, timer, and what a reload wants of it. */
void line_update(struct line *l);
/* Device, or address and port. */
const char *line_place(const struct line *l);
void line_set_state(struct line *l, enum modem_state state);
bool line_is_busy(const struct line *l);
/* opened() or line_lost() follows. */
void line_want_fd(struct line *l);
/* It works: said once. */
void line_in_service(struct line *l);
/* It does not; why: a sentence. Said once; whoever calls it tries again by himself. */
void line_out_of_service(struct line *l, const char *why);
/* Likewise; what was open is closed, and open() comes again after retry_ms. */
void line_lost(struct line *l, const char *why);
/* The root part's lock on the device goes, now that it is closed. */
void line_unlock(struct line *l);
void line_forget_asking(struct line *l);
void line_timer(struct ev_loop *loop, struct ev_timer *w, int revents);
void line_rested(struct ev_loop *loop, struct ev_timer *w, int revents);

/* --- lines_call.c --- */

void line_schedule(struct line *l, enum line_event event);
/* false: nobody wants it now; the kind rejects it. "": unknown. */
bool line_ring(struct line *l, const char *calling, const char *called);
void line_ring_over(struct line *l);
/* Takes over fd. false: nobody waits for it any more; the kind hangs up. speed 0: as configured. */
bool line_answered(struct line *l, int fd, uint32_t speed, const char *connect);
/* The end of an attempt, or of a call; what is told is what fits, once, and nothing where there is no call. */
void line_failed(struct line *l, uint8_t result, uint8_t error, uint16_t cause);
void line_down(struct line *l, uint8_t error);
/* A ring or a call, whoever wants it. */
void line_hang_up(struct line *l);
/* Of an errno of ours: MSG_ERR_NO_RESOURCE or MSG_ERR_PAC. */
uint8_t line_error_code(int error);
void line_kick(struct ev_loop *loop, struct ev_timer *w, int revents);

#endif
