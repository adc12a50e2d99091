/*
 * What lines tell their sessions: they are there, they could not be had, they are
 * over and why; and the data path between a line and its call (RFC 2637 section
 * 4; ledger section 7 of RADIUS for the causes).
 */
#include "pacd/session_internal.h"

#include "common/log.h"

#include <sys/wait.h>
#include <unistd.h>

#define CLOSED_S 3 /* from the end of the pty to that of pppd */

/* In 1/10 s (section 2.7).  It seeds an estimate only: what nobody can mean must not overflow. */
static uint32_t delay_us(unsigned tenths)
{
	return 100000u * (tenths < 600 ? tenths : 600);
}

/* A real line is slow, and its flow control is real; of the framing only the PNS knows what was agreed (CALL-20). */
static void describe_real(const struct session *s, const struct line_up *up, struct datapath_call *call)
{
	call->accm = s->send_accm;
	call->receive_accm = s->receive_accm;
	call->window = up->window;
	call->strict_window = call->ack_taken = up->flow_control;
	call->pace_bps = up->pace_bps;
	call->sync = up->framing == MSG_FRAMING_SYNC;
}

static bool attach_data(struct session *s, const struct line_up *up)
{
	struct sessions *set = s->set;
	struct datapath_call call = {
		.id = s->id, .call_id = s->call_id, .peer_call_id = s->pns_id,
		.local_addr = s->local_addr, .peer_addr = s->peer.addr, .fd = up->fd,
		.window = (uint16_t)s->conf->window,
		.peer_window = s->peer_window ? s->peer_window : 1, /* MSG-15 */
		.peer_delay_us = delay_us(s->peer_delay), .strict_window = s->conf->strict_window,
		.ack_timeout_max_us = s->conf->ack_timeout_max_ms * 1000,
	};

	if (s->real)
		describe_real(s, up, &call);
	if (set->rooms.datapath->ops->attach(set->rooms.datapath, &call) < 0)
		return false;
	s->data_on = true;
	return true;
}

static void on_line_answered(void *ctx, uint64_t id, const struct line_up *up)
{
	struct session *s = session_find(ctx, id);
	struct call_event ev = { .type = CALL_EV_ANSWERED };

	if (!s || s->call_over) {
		close(up->fd);
		return;
	}
	s->pid = up->pid;
	s->deadlines[SESSION_DL_DIAL] = MONO_NEVER;
	if (s->real)
		session_real_up(s, up);
	/* Before the step, since it can fail and since LCP may follow right behind our OCRP (GRE-20). */
	if (!attach_data(s, up)) {
		session_ending(s, LINE_FAULT, RADIUS_CAUSE_NONE);
		ev = (struct call_event){ .type = CALL_EV_LINE_FAILED, .result = OCRP_ERROR, .error = MSG_ERR_PAC };
	} else {
		session_set_deadline(s, SESSION_DL_NO_GRE, mono_add_s(mono_now(), 5));
	}
	session_event(s, &ev);
}

static void on_line_failed(void *ctx, uint64_t id, uint8_t result, uint8_t error, uint16_t cause)
{
	struct session *s = session_find(ctx, id);
	struct call_event ev = { .type = CALL_EV_LINE_FAILED, .result = result, .error = error, .cause = cause };

	if (!s)
		return;
	s->line_over = true;
	session_ending(s, LINE_FAULT, RADIUS_CAUSE_NONE);
	session_event(s, &ev);
}

/* What pppd's exit status says of an end that nobody here has asked for. */
static enum line_reason exit_reason(int status)
{
	switch (status) {
	case 10:
		return LINE_NEGOTIATION;
	case 11:
		return LINE_AUTH;
	case 12:
		return LINE_IDLE_TIMEOUT;
	case 13:
		return LINE_SESSION_TIMEOUT;
	case 15:
		return LINE_SILENT;
	default:
		return LINE_USER;
	}
}

/* Ledger section 7. */
static enum radius_terminate_cause exit_cause(const struct session *s, int status)
{
	if (s->asked_to_end)
		return RADIUS_CAUSE_USER_REQUEST;
	switch (status) {
	case 0:
		return RADIUS_CAUSE_USER_REQUEST;
	case 5: /* a signal that was none of ours */
		return RADIUS_CAUSE_ADMIN_RESET;
	case 12: /* by options of the administrator's: main's own limits end it with a signal */
		return RADIUS_CAUSE_IDLE_TIMEOUT;
	case 13:
		return RADIUS_CAUSE_SESSION_TIMEOUT;
	case 14:
		return RADIUS_CAUSE_CALLBACK;
	case 15:
	case 16:
		return RADIUS_CAUSE_LOST_CARRIER;
	case 10:
	case 17:
		return RADIUS_CAUSE_SERVICE_UNAVAILABLE;
	case 11:
	case 19:
	case 21:
		return RADIUS_CAUSE_USER_ERROR;
	case 20: /* maxoctets */
		return RADIUS_CAUSE_NAS_REQUEST;
	case 6:
	case 7:
	case 8:
	case 9:
		return RADIUS_CAUSE_PORT_ERROR;
	default:
		return RADIUS_CAUSE_NAS_ERROR;
	}
}

void session_note_exit(struct session *s, int status)
{
	session_ending(s, exit_reason(status), exit_cause(s, status));
}

static void note_line_end(struct session *s, const struct line_end *end)
{
	int status = end->exit_status;

	if (!end->has_status)
		session_ending(s, end->error ? LINE_FAULT : LINE_CARRIER,
			       end->error ? RADIUS_CAUSE_PORT_ERROR : RADIUS_CAUSE_LOST_CARRIER);
	else if (!WIFEXITED(status))
		session_ending(s, end->error ? LINE_FAULT : LINE_USER, RADIUS_CAUSE_NAS_ERROR);
	else if (end->error)
		session_ending(s, LINE_FAULT, exit_cause(s, WEXITSTATUS(status)));
	else
		session_note_exit(s, WEXITSTATUS(status));
}

static void on_line_down(void *ctx, uint64_t id, const struct line_end *end)
{
	struct session *s = session_find(ctx, id);
	struct call_event ev = { .type = CALL_EV_LINE_DOWN, .error = end->error, .cause = end->cause };

	if (!s)
		return;
	s->line_over = true;
	note_line_end(s, end);
	if (s->real)
		session_acct_count(s);
	session_acct_stop(s); /* for a pppd that has not told its end */
	session_event(s, &ev);
}

static void on_line_plugin(void *ctx, uint64_t id, const struct plugin_msg *m)
{
	struct session *s = session_find(ctx, id);

	if (s)
		session_user_plugin(s, m);
}

const struct line_handlers session_line_handlers = {
	.answered = on_line_answered,
	.failed = on_line_failed,
	.down = on_line_down,
	.plugin = on_line_plugin,
	.ring = session_ring,
	.ring_over = session_ring_over,
};

/* pppd has let go of its pty: its exit follows at once as a rule, and tells more. */
void sessions_line_closed(void *ctx, uint64_t id)
{
	static const struct call_event down = { .type = CALL_EV_LINE_DOWN };
	struct session *s = session_find(ctx, id);

	log_debug("line-closed", "session=%llu", (unsigned long long)id);
	if (s && s->real) {
		session_ending(s, LINE_CARRIER, RADIUS_CAUSE_LOST_CARRIER);
		session_event(s, &down);
	} else if (s && !s->call_over)
		session_set_deadline(s, SESSION_DL_CLOSED, mono_add_s(mono_now(), CLOSED_S));
}
