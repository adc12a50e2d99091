/*
 * Rings and calls on real lines, as the session layer knows them: by numbers,
 * through line_ops, with each event told once and never from inside a call.
 *
 * Owns the events that wait to be told.  Must not know whether a modem or a
 * socket does what is asked, nor who a call is for.
 */
#include "pacd/line/lines_internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static struct line *find_session(const struct lines *set, uint64_t session)
{
	struct hash_node *node = session ? hash_first(&set->by_session, hash_u64(session)) : NULL;

	for (; node; node = hash_next(node)) {
		struct line *l = hash_entry(node, struct line, by_session);

		if (l->session == session)
			return l;
	}
	return NULL;
}

static struct line *find_ring(const struct lines *set, uint64_t ring)
{
	struct hash_node *node = ring ? hash_first(&set->by_ring, hash_u64(ring)) : NULL;

	for (; node; node = hash_next(node)) {
		struct line *l = hash_entry(node, struct line, by_ring);

		if (l->ring == ring)
			return l;
	}
	return NULL;
}

uint8_t line_error_code(int error)
{
	return error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE || error == ENOBUFS ?
	       MSG_ERR_NO_RESOURCE : MSG_ERR_PAC;
}

/* --- telling --- */

/*
 * A callback of the loop's comes back before the kick is called, and the kick before the loop waits again; called from
 * outside the loop, it is the first thing that the loop does.
 */
void line_schedule(struct line *l, enum line_event event)
{
	struct lines *set = l->set;

	l->events |= event;
	if (list_empty(&l->pending))
		list_append(&set->pending, &l->pending);
	ev_feed_event(set->loop, &set->kick, EV_CUSTOM);
}

static void tell_ring(const struct line *l)
{
	const struct line_ring r = { .ring = l->ring, .name = l->conf.name, .group = l->conf.group,
				     .channel = l->index + 1, .bearer = l->conf.bearer, .framing = l->conf.framing,
				     .called = l->call.called, .calling = l->call.calling };

	l->set->handlers->ring(l->set->ctx, &r);
}

static void tell_answered(struct line *l)
{
	const struct line_up up = { .fd = l->call.fd, .speed = l->call.speed, .bearer = l->conf.bearer,
				    .framing = l->conf.framing, .channel = l->index + 1, .pace_bps = l->conf.pace ? l->call.speed : 0,
				    .window = (uint16_t)l->conf.window, .flow_control = l->conf.flow_control,
				    .name = l->conf.name, .group = l->conf.group, .connect = l->call.connect };

	l->call.fd = -1;
	l->set->handlers->answered(l->set->ctx, l->session, &up);
}

static void tell_end(struct line *l, bool failed)
{
	struct lines *set = l->set;
	const struct line_end end = { .error = l->call.error, .cause = l->call.cause };
	uint64_t session = l->session;
	uint8_t result = l->call.result;

	hash_remove(&set->by_session, &l->by_session);
	l->session = 0;
	l->last_use = mono_now();
	line_update(l);
	if (failed)
		set->handlers->failed(set->ctx, session, result, end.error, end.cause);
	else
		set->handlers->down(set->ctx, session, &end);
}

static void tell_ring_over(struct line *l)
{
	line_update(l);
	l->set->handlers->ring_over(l->set->ctx, l->over);
}

/* One event.  A handler may do anything to the line: nothing is done with it afterwards. */
static void tell(struct line *l)
{
	unsigned event = l->events & -l->events;

	l->events &= ~event;
	if (!l->events)
		list_remove(&l->pending);
	switch (event) {
	case LINE_EV_RING_OVER: tell_ring_over(l); break;
	case LINE_EV_FAILED: tell_end(l, true); break;
	case LINE_EV_DOWN: tell_end(l, false); break;
	case LINE_EV_RING: tell_ring(l); break;
	case LINE_EV_ANSWERED: tell_answered(l); break;
	case LINE_EV_SETTLE: line_settle(l); break;
	default: break; /* it was taken back */
	}
}

void line_kick(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct lines *set = w->data;

	(void)loop;
	(void)revents;
	while (!list_empty(&set->pending))
		tell(list_entry(set->pending.next, struct line, pending));
}

/* --- what a kind has to tell --- */

static void set_numbers(struct line *l, const char *calling, const char *called)
{
	l->call = (struct line_call){ .fd = -1 };
	strncpy(l->call.calling, calling, MSG_TEXT);
	strncpy(l->call.called, called, MSG_TEXT);
	l->kind->errors(l, &l->call.base);
}

bool line_ring(struct line *l, const char *calling, const char *called)
{
	struct lines *set = l->set;

	if (set->drain || l->busied || l->gone || l->changed || l->conf.use == CONF_USE_OUT || l->session || l->ring ||
	    hash_insert(&set->by_ring, &l->by_ring, hash_u64(set->last_ring + 1)) < 0)
		return false;
	l->ring = ++set->last_ring;
	l->n.rings++;
	set_numbers(l, calling, called[0] || !l->conf.called ? called : l->conf.called);
	line_schedule(l, LINE_EV_RING);
	return true;
}

/* It is not rung for any more; true: that was told. */
static bool ring_end(struct line *l)
{
	bool told = !(l->events & LINE_EV_RING);

	l->events &= ~(unsigned)LINE_EV_RING;
	hash_remove(&l->set->by_ring, &l->by_ring);
	l->ring = 0;
	l->last_use = mono_now();
	return told;
}

void line_ring_over(struct line *l)
{
	uint64_t ring = l->ring;

	if (!ring || !ring_end(l))
		return;
	l->over = ring; /* no other one waits to be told: that would have been told before this one's beginning */
	line_schedule(l, LINE_EV_RING_OVER);
}

static bool ends(const struct line *l)
{
	return l->events & (LINE_EV_FAILED | LINE_EV_DOWN);
}

bool line_answered(struct line *l, int fd, uint32_t speed, const char *connect)
{
	if (!l->session || ends(l) || l->call.hangup) {
		close(fd);
		return false;
	}
	l->call.fd = fd;
	l->call.online = true;
	l->call.speed = speed ? speed : l->conf.speed;
	strncpy(l->call.connect, connect, sizeof l->call.connect - 1);
	l->n.connected++;
	line_schedule(l, LINE_EV_ANSWERED);
	return true;
}

/* What was not told yet will not be. */
static void drop_answered(struct line *l)
{
	l->events &= ~(unsigned)LINE_EV_ANSWERED;
	if (l->call.fd >= 0)
		close(l->call.fd);
	l->call.fd = -1;
}

static void end(struct line *l, enum line_event event, uint8_t result, uint8_t error, uint16_t cause)
{
	drop_answered(l);
	l->call.result = result;
	l->call.error = error;
	l->call.cause = cause;
	line_schedule(l, event);
}

void line_failed(struct line *l, uint8_t result, uint8_t error, uint16_t cause)
{
	if (!l->session || ends(l))
		return;
	if (l->call.hangup || (l->call.online && !(l->events & LINE_EV_ANSWERED)))
		end(l, LINE_EV_DOWN, 0, error, cause);
	else
		end(l, LINE_EV_FAILED, result, error, cause);
}

void line_down(struct line *l, uint8_t error)
{
	line_failed(l, error ? OCRP_ERROR : OCRP_NO_CARRIER, error, 0);
}

/* --- line_ops --- */

static int take_session(struct line *l, uint64_t session)
{
	int r = hash_insert(&l->set->by_session, &l->by_session, hash_u64(session));

	if (r == 0)
		l->session = session;
	return r;
}

static bool suits(const struct line *l, const struct line_dial *d)
{
	return (l->conf.bearer & d->bearer) && (l->conf.framing & d->framing);
}

static bool better(const struct line *a, const struct line *b, enum conf_line_choice choice)
{
	if (choice == CONF_CHOICE_FIRST || a->last_use.us == b->last_use.us)
		return a->index < b->index;
	return a->last_use.us < b->last_use.us;
}

static struct line *choose(const struct lines *set, struct line_group *g, const struct line_dial *d)
{
	struct line *best = NULL;

	list_each(at, &g->idle) {
		struct line *l = list_entry(at, struct line, idle);

		if (suits(l, d) && (!best || better(l, best, set->conf->real.choice)))
			best = l;
	}
	return best;
}

static int lines_dial(void *lines, uint64_t session, const struct line_dial *d)
{
	struct lines *set = lines;
	struct line_group *g = d->group ? line_group_find(set, d->group) : NULL;
	struct line *l;
	int r;

	if (!g)
		return -ENOENT;
	l = set->drain ? NULL : choose(set, g, d);
	if (!l)
		return -EBUSY;
	r = take_session(l, session);
	if (r < 0)
		return r;
	set_numbers(l, "", d->number ? d->number : "");
	r = l->kind->dial(l, l->call.called);
	if (r < 0) {
		hash_remove(&set->by_session, &l->by_session);
		l->session = 0;
	} else
		l->n.dialled++;
	l->last_use = mono_now();
	line_update(l);
	return r;
}

static int lines_answer(void *lines, uint64_t ring, uint64_t session)
{
	struct line *l = find_ring(lines, ring);

	if (!l || take_session(l, session) < 0)
		return -ENOENT;
	ring_end(l);
	l->n.answered++;
	l->kind->errors(l, &l->call.base);
	l->kind->answer(l);
	line_update(l);
	return 0;
}

static void lines_reject(void *lines, uint64_t ring)
{
	struct line *l = find_ring(lines, ring);

	if (!l)
		return;
	ring_end(l);
	l->kind->reject(l);
	line_update(l);
}

void line_hang_up(struct line *l)
{
	l->call.hangup |= l->session != 0;
	drop_answered(l);
	l->kind->hangup(l);
	line_update(l);
}

static void lines_hangup(void *lines, uint64_t session, enum line_reason reason)
{
	struct line *l = find_session(lines, session);

	(void)reason; /* a line has no words for it */
	if (!l || (l->events & LINE_EV_DOWN))
		return;
	if (l->events & LINE_EV_FAILED) {
		l->events &= ~(unsigned)LINE_EV_FAILED;
		end(l, LINE_EV_DOWN, 0, l->call.error, l->call.cause);
		return;
	}
	line_hang_up(l);
}

static uint32_t since(uint32_t now, uint32_t base)
{
	return now > base ? now - base : 0;
}

static bool lines_errors(void *lines, uint64_t session, struct line_errors *e)
{
	const struct line *l = find_session(lines, session);
	const struct line_errors *base;

	if (!l)
		return false;
	base = &l->call.base;
	l->kind->errors(l, e);
	*e = (struct line_errors){ .framing = since(e->framing, base->framing),
				   .hardware_overrun = since(e->hardware_overrun, base->hardware_overrun),
				   .buffer_overrun = since(e->buffer_overrun, base->buffer_overrun),
				   .parity = since(e->parity, base->parity) };
	return true;
}

static void lines_change(void *lines, uint64_t session, const struct script_vars *vars)
{
	(void)lines, (void)session, (void)vars; /* there is no script of ours at a real line */
}

const struct line_ops lines_ops = {
	.name = "real",
	.dial = lines_dial,
	.hangup = lines_hangup,
	.change = lines_change,
	.answer = lines_answer,
	.reject = lines_reject,
	.errors = lines_errors,
};
