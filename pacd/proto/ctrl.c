/*
 * The control connection's state machine (RFC 2637 sections 3.1.1 to 3.1.4).
 *
 * Owns the state, its one deadline and the echo.  Two complete tables say what
 * happens: state by event, and state by message type; every cell is written out.
 * Must not know sockets, other connections or calls.
 */
#include "pacd/proto/ctrl.h"

#include <string.h>

/* One run of ctrl_step(), so that handlers need one argument. */
struct step {
	struct ctrl *c;
	const struct ctrl_event *ev;
	struct mono now;
	struct ctrl_actions *out;
};

typedef void handler(struct step *s);

static struct ctrl_action *act(struct step *s, enum ctrl_action_type type)
{
	struct ctrl_action *a = &s->out->list[s->out->n++];

	memset(a, 0, sizeof *a);
	a->type = type;
	return a;
}

static struct msg *act_send(struct step *s, uint16_t type)
{
	struct msg *m = &act(s, CTRL_ACT_SEND)->msg;

	m->type = type;
	return m;
}

static void enter(struct step *s, enum ctrl_state state, int64_t ms)
{
	s->c->state = state;
	s->c->echo_pending = false;
	s->c->deadline = mono_add_ms(s->now, ms);
}

/* Only a connection that is, or has been, established can have calls. */
static void clear_calls(struct step *s, enum ctrl_close why)
{
	if (s->c->state == CTRL_ESTABLISHED || s->c->state == CTRL_WAIT_STOP_REPLY)
		act(s, CTRL_ACT_CLEAR_CALLS)->close = why;
}

static void shut(struct step *s, enum ctrl_action_type how, enum ctrl_close why)
{
	act(s, how)->close = why;
	s->c->close = why;
	s->c->state = CTRL_CLOSED;
	s->c->echo_pending = false;
	s->c->deadline = MONO_NEVER;
}

static void finish(struct step *s, enum ctrl_action_type how, enum ctrl_close why)
{
	/* A reason that was decided before the Stop-CCRQ outlives the way in which the wait for its reply ends. */
	if (s->c->close)
		why = s->c->close;
	clear_calls(s, why);
	shut(s, how, why);
}

static void nothing(struct step *s)
{
	(void)s;
}

static void ignored(struct step *s)
{
	act(s, CTRL_ACT_IGNORED);
}

static bool is_version_ok(const struct ctrl *c, uint16_t version)
{
	if (version == MSG_VERSION)
		return true;
	/* Ours is the oldest of its major version: any other is newer. */
	return version >> 8 == MSG_VERSION >> 8 && c->self.accept_minor;
}

static void self_describe(const struct ctrl *c, struct msg_sccrq *m)
{
	m->version = MSG_VERSION;
	m->framing = MSG_FRAMING_ASYNC | MSG_FRAMING_SYNC;
	m->bearer = MSG_BEARER_ANALOG | MSG_BEARER_DIGITAL;
	m->max_channels = c->self.max_channels;
	m->firmware = c->self.firmware;
	memcpy(m->host, c->self.host, MSG_TEXT);
	memcpy(m->vendor, c->self.vendor, MSG_TEXT);
}

static void send_sccrp(struct step *s, uint8_t result, uint8_t error)
{
	struct msg *m = act_send(s, MSG_SCCRP);

	self_describe(s->c, &m->sccrp);
	m->sccrp.result = result;
	m->sccrp.error = error;
}

static void send_echo_rp(struct step *s, uint8_t result, uint8_t error)
{
	struct msg *m = act_send(s, MSG_ECHO_RP);

	m->echo_rp.identifier = s->ev->msg->echo_rq.identifier;
	m->echo_rp.result = result;
	m->echo_rp.error = error;
}

static void send_stop_ccrq(struct step *s, enum stop_reason reason)
{
	act_send(s, MSG_STOP_CCRQ)->stop_ccrq.reason = reason ? (uint8_t)reason : STOP_NONE;
	/* An echo that is still out may be answered before the Stop is. */
	s->c->state = CTRL_WAIT_STOP_REPLY;
	s->c->deadline = mono_add_ms(s->now, s->c->timers.reply_ms);
}

static void establish(struct step *s, const struct msg_sccrq *peer)
{
	s->c->peer = *peer;
	enter(s, CTRL_ESTABLISHED, s->c->timers.echo_idle_ms);
	act(s, CTRL_ACT_ESTABLISHED);
}

/* Messages: a word says in which state, `any` where that makes no difference. */

static void any_bad(struct step *s)
{
	finish(s, CTRL_ACT_CLOSE, CTRL_CLOSE_FAULT);
}

static void any_echo_rq(struct step *s)
{
	send_echo_rp(s, ECHO_OK, MSG_ERR_NONE);
}

static void any_echo_rp(struct step *s)
{
	const struct msg_echo *m = &s->ev->msg->echo_rp;

	/* Not asked whether one is pending: the peer's own Echo-Request may have crossed ours and been proof enough. */
	if (m->identifier != s->c->echo_identifier || m->result != ECHO_OK)
		ignored(s);
}

static void any_stop_ccrq(struct step *s)
{
	enum ctrl_close why = s->c->close ? s->c->close : CTRL_CLOSE_PEER_STOP;

	/* The calls' ids are free before the peer can know that it may connect again (CC-11). */
	clear_calls(s, why);
	act_send(s, MSG_STOP_CCRP)->stop_ccrp.result = STOP_OK;
	shut(s, CTRL_ACT_CLOSE, why);
}

static void any_stop_ccrp(struct step *s)
{
	finish(s, CTRL_ACT_CLOSE, CTRL_CLOSE_PEER_STOP);
}

static void idle_other(struct step *s)
{
	finish(s, CTRL_ACT_CLOSE, CTRL_CLOSE_BAD_FIRST);
}

static void idle_refuse(struct step *s, uint8_t result, uint8_t error, enum ctrl_close why)
{
	send_sccrp(s, result, error);
	finish(s, CTRL_ACT_CLOSE, why);
}

static void idle_admitted(struct step *s)
{
	if (!is_version_ok(s->c, s->ev->msg->sccrq.version)) {
		idle_refuse(s, SCCRP_VERSION, MSG_ERR_NONE, CTRL_CLOSE_VERSION);
		return;
	}
	send_sccrp(s, SCCRP_OK, MSG_ERR_NONE);
	establish(s, &s->ev->msg->sccrq);
}

static void idle_sccrq(struct step *s)
{
	switch (s->ev->admit) {
	case CTRL_ADMIT:
		idle_admitted(s);
		break;
	case CTRL_ADMIT_COLLISION:
		enter(s, CTRL_LOST_COLLISION, s->c->timers.start_ms);
		break;
	case CTRL_ADMIT_EXISTS:
		idle_refuse(s, SCCRP_EXISTS, MSG_ERR_NONE, CTRL_CLOSE_REFUSED);
		break;
	case CTRL_ADMIT_FORBIDDEN:
		idle_refuse(s, SCCRP_NOT_AUTHORIZED, MSG_ERR_NONE, CTRL_CLOSE_REFUSED);
		break;
	case CTRL_ADMIT_NO_RESOURCE:
		idle_refuse(s, SCCRP_ERROR, MSG_ERR_NO_RESOURCE, CTRL_CLOSE_REFUSED);
		break;
	}
}

static void idle_echo_rq(struct step *s)
{
	send_echo_rp(s, ECHO_ERROR, MSG_ERR_NOT_CONNECTED);
	idle_other(s);
}

static void idle_ocrq(struct step *s)
{
	struct msg *m = act_send(s, MSG_OCRP);

	m->ocrp.peer_call_id = s->ev->msg->ocrq.call_id;
	m->ocrp.result = OCRP_ERROR;
	m->ocrp.error = MSG_ERR_NOT_CONNECTED;
	idle_other(s);
}

static void reply_sccrp(struct step *s)
{
	const struct msg_sccrq *m = &s->ev->msg->sccrp;

	s->c->peer = *m;
	if (m->result != SCCRP_OK) {
		finish(s, CTRL_ACT_CLOSE, CTRL_CLOSE_REFUSED);
	} else if (!is_version_ok(s->c, m->version)) {
		s->c->close = CTRL_CLOSE_VERSION;
		send_stop_ccrq(s, STOP_PROTOCOL);
	} else {
		establish(s, m);
	}
}

static void established_sccrq(struct step *s)
{
	send_sccrp(s, SCCRP_EXISTS, MSG_ERR_NONE);
}

static void established_call(struct step *s)
{
	act(s, CTRL_ACT_CALL);
}

static void stopping_stop_ccrp(struct step *s)
{
	finish(s, CTRL_ACT_CLOSE, CTRL_CLOSE_STOPPED);
}

static handler *const on_message[CTRL_STATES][MSG_SLI + 1] = {
	[CTRL_IDLE] = {
		[MSG_SCCRQ] = idle_sccrq,
		[MSG_SCCRP] = idle_other,
		[MSG_STOP_CCRQ] = any_stop_ccrq,
		[MSG_STOP_CCRP] = idle_other,
		[MSG_ECHO_RQ] = idle_echo_rq,
		[MSG_ECHO_RP] = idle_other,
		[MSG_OCRQ] = idle_ocrq,
		[MSG_OCRP] = idle_other,
		[MSG_ICRQ] = idle_other,
		[MSG_ICRP] = idle_other,
		[MSG_ICCN] = idle_other,
		[MSG_CCRQ] = idle_other,
		[MSG_CDN] = idle_other,
		[MSG_WEN] = idle_other,
		[MSG_SLI] = idle_other,
	},
	[CTRL_WAIT_CTL_REPLY] = {
		/* On the connection that we opened ourselves: not a collision, nonsense. */
		[MSG_SCCRQ] = any_bad,
		[MSG_SCCRP] = reply_sccrp,
		[MSG_STOP_CCRQ] = any_stop_ccrq,
		[MSG_STOP_CCRP] = any_stop_ccrp,
		[MSG_ECHO_RQ] = ignored,
		[MSG_ECHO_RP] = ignored,
		[MSG_OCRQ] = ignored,
		[MSG_OCRP] = ignored,
		[MSG_ICRQ] = ignored,
		[MSG_ICRP] = ignored,
		[MSG_ICCN] = ignored,
		[MSG_CCRQ] = ignored,
		[MSG_CDN] = ignored,
		[MSG_WEN] = ignored,
		[MSG_SLI] = ignored,
	},
	[CTRL_ESTABLISHED] = {
		[MSG_SCCRQ] = established_sccrq,
		[MSG_SCCRP] = ignored,
		[MSG_STOP_CCRQ] = any_stop_ccrq,
		[MSG_STOP_CCRP] = any_stop_ccrp,
		[MSG_ECHO_RQ] = any_echo_rq,
		[MSG_ECHO_RP] = any_echo_rp,
		[MSG_OCRQ] = established_call,
		[MSG_OCRP] = ignored,
		[MSG_ICRQ] = ignored,
		[MSG_ICRP] = established_call,
		[MSG_ICCN] = ignored,
		[MSG_CCRQ] = established_call,
		[MSG_CDN] = ignored,
		[MSG_WEN] = ignored,
		[MSG_SLI] = established_call,
	},
	[CTRL_WAIT_STOP_REPLY] = {
		[MSG_SCCRQ] = ignored,
		[MSG_SCCRP] = ignored,
		[MSG_STOP_CCRQ] = any_stop_ccrq,
		[MSG_STOP_CCRP] = stopping_stop_ccrp,
		[MSG_ECHO_RQ] = any_echo_rq,
		[MSG_ECHO_RP] = any_echo_rp,
		[MSG_OCRQ] = ignored,
		[MSG_OCRP] = ignored,
		[MSG_ICRQ] = ignored,
		[MSG_ICRP] = ignored,
		[MSG_ICCN] = ignored,
		[MSG_CCRQ] = ignored,
		[MSG_CDN] = ignored,
		[MSG_WEN] = ignored,
		[MSG_SLI] = ignored,
	},
	/* CTRL_LOST_COLLISION and CTRL_CLOSED never look at a message. */
};

/* Events. */

static void idle_open(struct step *s)
{
	if (!s->c->originator)
		return;
	self_describe(s->c, &act_send(s, MSG_SCCRQ)->sccrq);
	enter(s, CTRL_WAIT_CTL_REPLY, s->c->timers.reply_ms);
}

static void any_message(struct step *s)
{
	on_message[s->c->state][s->ev->msg->type](s);
}

static void idle_message(struct step *s)
{
	/* An originator that is not connected yet cannot have been sent anything. */
	if (s->c->originator)
		any_bad(s);
	else
		any_message(s);
}

static void established_message(struct step *s)
{
	any_message(s);
	/* Whatever it said, the peer is alive (TIM-02, TIM-03). */
	if (s->c->state == CTRL_ESTABLISHED)
		enter(s, CTRL_ESTABLISHED, s->c->timers.echo_idle_ms);
}

static void any_eof(struct step *s)
{
	finish(s, CTRL_ACT_CLOSE, CTRL_CLOSE_PEER);
}

static void idle_eof(struct step *s)
{
	finish(s, CTRL_ACT_CLOSE, s->c->originator ? CTRL_CLOSE_UNREACHABLE : CTRL_CLOSE_PEER);
}

static void any_suspect(struct step *s)
{
	finish(s, CTRL_ACT_ABORT, CTRL_CLOSE_REPLY_TIMEOUT);
}

/* Nothing is established: the TCP connection is all there is to end.  A lost collision forbids even a Stop (COL-03). */
static void unstarted_stop(struct step *s)
{
	finish(s, CTRL_ACT_CLOSE, s->ev->admit == CTRL_ADMIT_COLLISION ? CTRL_CLOSE_COLLISION : CTRL_CLOSE_STOPPED);
}

static void established_stop(struct step *s)
{
	send_stop_ccrq(s, s->ev->reason);
}

static void start_tick(struct step *s)
{
	finish(s, CTRL_ACT_CLOSE, CTRL_CLOSE_START_TIMEOUT);
}

static void established_tick(struct step *s)
{
	struct ctrl *c = s->c;

	if (c->echo_pending) {
		finish(s, CTRL_ACT_ABORT, CTRL_CLOSE_ECHO_TIMEOUT);
	} else if (c->replies_due) {
		c->deadline = mono_add_ms(s->now, c->timers.echo_idle_ms);
	} else {
		act_send(s, MSG_ECHO_RQ)->echo_rq.identifier = s->ev->random;
		c->echo_identifier = s->ev->random;
		c->echo_pending = true;
		c->deadline = mono_add_ms(s->now, c->timers.echo_reply_ms);
	}
}

static void stopping_tick(struct step *s)
{
	finish(s, CTRL_ACT_ABORT, CTRL_CLOSE_STOP_TIMEOUT);
}

static void lost_tick(struct step *s)
{
	finish(s, CTRL_ACT_CLOSE, CTRL_CLOSE_COLLISION);
}

static handler *const on_event[CTRL_STATES][CTRL_EVENTS] = {
	[CTRL_IDLE] = {
		[CTRL_EV_OPEN] = idle_open,
		[CTRL_EV_MESSAGE] = idle_message,
		[CTRL_EV_SKIPPED] = idle_other,
		[CTRL_EV_FAULT] = any_bad,
		[CTRL_EV_EOF] = idle_eof,
		[CTRL_EV_STOP] = unstarted_stop,
		[CTRL_EV_SUSPECT] = any_suspect,
		[CTRL_EV_TICK] = start_tick,
	},
	[CTRL_WAIT_CTL_REPLY] = {
		[CTRL_EV_OPEN] = nothing,
		[CTRL_EV_MESSAGE] = any_message,
		[CTRL_EV_SKIPPED] = ignored,
		[CTRL_EV_FAULT] = any_bad,
		[CTRL_EV_EOF] = any_eof,
		[CTRL_EV_STOP] = unstarted_stop,
		[CTRL_EV_SUSPECT] = any_suspect,
		[CTRL_EV_TICK] = start_tick,
	},
	[CTRL_ESTABLISHED] = {
		[CTRL_EV_OPEN] = nothing,
		[CTRL_EV_MESSAGE] = established_message,
		[CTRL_EV_SKIPPED] = ignored,
		[CTRL_EV_FAULT] = any_bad,
		[CTRL_EV_EOF] = any_eof,
		[CTRL_EV_STOP] = established_stop,
		[CTRL_EV_SUSPECT] = any_suspect,
		[CTRL_EV_TICK] = established_tick,
	},
	[CTRL_WAIT_STOP_REPLY] = {
		[CTRL_EV_OPEN] = nothing,
		[CTRL_EV_MESSAGE] = any_message,
		[CTRL_EV_SKIPPED] = ignored,
		[CTRL_EV_FAULT] = any_bad,
		[CTRL_EV_EOF] = any_eof,
		[CTRL_EV_STOP] = nothing,
		[CTRL_EV_SUSPECT] = any_suspect,
		[CTRL_EV_TICK] = stopping_tick,
	},
	[CTRL_LOST_COLLISION] = {
		[CTRL_EV_OPEN] = nothing,
		[CTRL_EV_MESSAGE] = nothing,
		[CTRL_EV_SKIPPED] = nothing,
		[CTRL_EV_FAULT] = any_bad,
		[CTRL_EV_EOF] = any_eof,
		[CTRL_EV_STOP] = unstarted_stop,
		[CTRL_EV_SUSPECT] = any_suspect,
		[CTRL_EV_TICK] = lost_tick,
	},
	[CTRL_CLOSED] = {
		[CTRL_EV_OPEN] = nothing,
		[CTRL_EV_MESSAGE] = nothing,
		[CTRL_EV_SKIPPED] = nothing,
		[CTRL_EV_FAULT] = nothing,
		[CTRL_EV_EOF] = nothing,
		[CTRL_EV_STOP] = nothing,
		[CTRL_EV_SUSPECT] = nothing,
		[CTRL_EV_TICK] = nothing,
	},
};

void ctrl_init(struct ctrl *c, bool originator, const struct ctrl_timers *timers, const struct ctrl_self *self,
	       struct mono now)
{
	memset(c, 0, sizeof *c);
	c->originator = originator;
	c->timers = *timers;
	c->self = *self;
	c->deadline = mono_add_ms(now, timers->start_ms);
}

void ctrl_step(struct ctrl *c, const struct ctrl_event *ev, struct mono now, struct ctrl_actions *out)
{
	struct step s = { .c = c, .ev = ev, .now = now, .out = out };
	enum ctrl_event_type type = ev->type;

	out->n = 0;
	if (type == CTRL_EV_MESSAGE && !msg_size(ev->msg->type))
		type = CTRL_EV_SKIPPED;
	if (type == CTRL_EV_TICK && !mono_reached(c->deadline, now))
		return;
	on_event[c->state][type](&s);
}

void ctrl_reply_due(struct ctrl *c)
{
	c->replies_due++;
}

void ctrl_reply_done(struct ctrl *c, struct mono now)
{
	if (!c->replies_due || --c->replies_due)
		return;
	/* The echo that was held back gets a fresh idle period. */
	if (c->state == CTRL_ESTABLISHED && !c->echo_pending)
		c->deadline = mono_add_ms(now, c->timers.echo_idle_ms);
}

struct mono ctrl_deadline(const struct ctrl *c)
{
	return c->deadline;
}

const char *ctrl_state_word(enum ctrl_state s)
{
	static const char *const words[CTRL_STATES] = {
		[CTRL_IDLE] = "idle",
		[CTRL_WAIT_CTL_REPLY] = "wait_ctl_reply",
		[CTRL_ESTABLISHED] = "established",
		[CTRL_WAIT_STOP_REPLY] = "wait_stop_reply",
		[CTRL_LOST_COLLISION] = "lost_collision",
		[CTRL_CLOSED] = "closed",
	};

	return (unsigned)s < CTRL_STATES ? words[s] : "unknown";
}

const char *ctrl_close_word(enum ctrl_close c)
{
	static const char *const words[CTRL_CLOSES] = {
		[CTRL_CLOSE_NONE] = "none",
		[CTRL_CLOSE_PEER] = "peer-closed",
		[CTRL_CLOSE_UNREACHABLE] = "unreachable",
		[CTRL_CLOSE_PEER_STOP] = "peer-stop",
		[CTRL_CLOSE_STOPPED] = "stopped",
		[CTRL_CLOSE_STOP_TIMEOUT] = "stop-timeout",
		[CTRL_CLOSE_START_TIMEOUT] = "start-timeout",
		[CTRL_CLOSE_ECHO_TIMEOUT] = "echo-timeout",
		[CTRL_CLOSE_REPLY_TIMEOUT] = "reply-timeout",
		[CTRL_CLOSE_FAULT] = "fault",
		[CTRL_CLOSE_BAD_FIRST] = "bad-first-message",
		[CTRL_CLOSE_VERSION] = "version",
		[CTRL_CLOSE_REFUSED] = "refused",
		[CTRL_CLOSE_COLLISION] = "collision",
	};

	return (unsigned)c < CTRL_CLOSES ? words[c] : "unknown";
}

bool ctrl_collision_won(uint32_t own_addr, uint32_t peer_addr)
{
	return own_addr > peer_addr;
}
