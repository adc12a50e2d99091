/*
 * The commands about real lines: what they are, what they have done, and taking
 * one out of service.
 *
 * Owns nothing.  A line is named by its name; which one that is, and whether it
 * can be done, is the provider's affair.
 */
#include "pacd/ctl/commands_internal.h"

#include <errno.h>
#include <string.h>

/* --- show --- */

/* How the calls ended that came to nothing. */
static void out_failures(struct ctl_out *o, const struct line_view *v)
{
	ctl_out_u64(o, "failed", v->busy + v->no_carrier + v->no_dialtone + v->no_answer + v->time_outs);
	ctl_out_u64(o, "busy", v->busy);
	ctl_out_u64(o, "no_carrier", v->no_carrier);
	ctl_out_u64(o, "no_dialtone", v->no_dialtone);
	ctl_out_u64(o, "no_answer", v->no_answer);
	ctl_out_u64(o, "timeouts", v->time_outs);
}

static void out_errors(struct ctl_out *o, const struct line_view *v)
{
	ctl_out_u64(o, "framing_errors", v->errors.framing);
	ctl_out_u64(o, "hardware_overruns", v->errors.hardware_overrun);
	ctl_out_u64(o, "buffer_overruns", v->errors.buffer_overrun);
	ctl_out_u64(o, "parity_errors", v->errors.parity);
	commands_out_filled(o, "last_error", v->last_error);
	commands_out_nonzero(o, "last_error_at", v->last_error_at > 0 ? (uint64_t)v->last_error_at : 0);
}

static void out_line(struct commands_run *r, const struct line_view *v)
{
	struct ctl_out *o = r->out;

	r->records++;
	ctl_out_record(o, "line");
	commands_out_string(o, "name", v->name);
	commands_out_string(o, "group", v->group);
	ctl_out_word(o, "type", v->type);
	commands_out_filled(o, "place", v->place);
	ctl_out_word(o, "state", v->state);
	ctl_out_u64(o, "since_s", v->since_s);
	ctl_out_word(o, "control", v->control);
	commands_out_nonzero(o, "session", v->session);
	ctl_out_u64(o, "channel", v->channel);
	commands_out_nonzero(o, "speed_bps", v->speed);
	commands_out_filled(o, "calling", v->calling);
	commands_out_filled(o, "called", v->called);
	ctl_out_u64(o, "rings", v->rings);
	ctl_out_u64(o, "answered", v->answered);
	ctl_out_u64(o, "dialled", v->dialled);
	ctl_out_u64(o, "connected", v->connected);
	out_failures(o, v);
	ctl_out_u64(o, "faults", v->faults);
	out_errors(o, v);
	ctl_out_end(o);
}

enum commands_result commands_show_lines(struct commands_run *r)
{
	struct line_view v = { 0 };

	for (size_t i = 0; r->rq->provider->line(r->rq->ctx, i, &v); i++)
		out_line(r, &v);
	return commands_finish_list(r);
}

static enum commands_result no_line(struct commands_run *r, const char *quoted)
{
	ctl_out_status(r->out, CTL_NOT_FOUND, "no line %s", quoted);
	return COMMANDS_DONE;
}

static char *quote_name(const struct commands_run *r, char *quoted, size_t size)
{
	return log_quote(quoted, size, r->match.name->text, r->match.name->len);
}

enum commands_result commands_show_line(struct commands_run *r)
{
	struct line_view v = { 0 };
	char quoted[512];

	for (size_t i = 0; r->rq->provider->line(r->rq->ctx, i, &v); i++)
		if (!strcmp(v.name, r->match.name->text)) {
			out_line(r, &v);
			return commands_finish_one(r);
		}
	return no_line(r, quote_name(r, quoted, sizeof quoted));
}

/* Frames that wait for a slow line: what its user feels, and what the window of RFC 2637 section 4 is to bound. */
static void out_queue(struct ctl_out *o, const struct datapath_stats *t)
{
	ctl_out_u64(o, "queue_octets", t->queue_octets);
	ctl_out_u64(o, "queue_peak_octets", t->queue_peak);
	ctl_out_u64(o, "queue_us", t->queue_us);
}

void commands_out_line(struct ctl_out *o, const struct ctl_session *s)
{
	if (!s->line)
		return;
	commands_out_filled(o, "line", s->line);
	commands_out_filled(o, "line_group", s->group);
	ctl_out_word(o, "direction", s->direction);
	commands_out_filled(o, "calling", s->calling);
	commands_out_filled(o, "called", s->called);
	commands_out_nonzero(o, "speed_bps", s->speed);
	out_queue(o, &s->traffic);
}

/* --- act --- */

static const struct act {
	enum line_act act;
	const char *word;
	const char *done, *already, *nothing; /* what the line does or is: at success; at -EALREADY; at -ENOTCONN */
} acts[CTL_COMMANDS] = {
	[CTL_LINE_BUSY_OUT] = { LINE_BUSY_OUT, "busy-out", "takes no calls from now on; one that is up goes on",
				"is busied out already", "has no call" },
	[CTL_LINE_ENABLE] = { LINE_ENABLE, "enable", "takes calls again", "is in service already", "has no call" },
	[CTL_LINE_HANGUP] = { LINE_HANG_UP, "hangup", "is being hung up", "is being hung up already",
			      "has no call and does not ring" },
};

static void act_failed(struct commands_run *r, const struct act *act, int rc, const char *quoted)
{
	if (rc == -ENOENT)
		no_line(r, quoted);
	else if (rc == -EALREADY)
		ctl_out_status(r->out, CTL_REFUSED, "line %s %s", quoted, act->already);
	else if (rc == -ENOTCONN)
		ctl_out_status(r->out, CTL_REFUSED, "line %s %s", quoted, act->nothing);
	else if (rc == -ESTALE)
		ctl_out_status(r->out, CTL_REFUSED, "line %s is not in the configuration any more: it goes when its "
			       "call ends", quoted);
	else
		ctl_out_status(r->out, CTL_FAILED, "line %s: %s", quoted, strerror(-rc));
}

enum commands_result commands_line_act(struct commands_run *r)
{
	const struct act *act = &acts[r->match.command];
	char quoted[512];
	int rc = r->rq->provider->line_act(r->rq->ctx, r->match.name->text, act->act);

	quote_name(r, quoted, sizeof quoted);
	if (rc < 0) {
		act_failed(r, act, rc, quoted);
		return COMMANDS_DONE;
	}
	ctl_out_record(r->out, "line_act");
	ctl_out_text(r->out, "name", r->match.name->text, r->match.name->len);
	ctl_out_word(r->out, "act", act->word);
	ctl_out_end(r->out);
	ctl_out_status(r->out, CTL_OK, "line %s %s", quoted, act->done);
	return COMMANDS_DONE;
}
