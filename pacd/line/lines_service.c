/*
 * A line's service: what state it is in, whether it may be dialled, and how it is
 * opened: the root part is asked, a few lines at a time, and asked again when it
 * failed.
 *
 * Owns the queue of those who ask.  Must not know what is behind a descriptor,
 * nor what a call is for.
 */
#include "pacd/line/lines_internal.h"

#include "pacd/stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ASKED_MAX 32 /* of the root part at once: it opens devices one after the other, and calls wait for it too */
#define REST_S 0.1   /* when its queue is full */
#define BUSY_TRIES 5 /* of a device that was closed here just now, and is held yet */
#define BUSY_MS 1000

bool line_is_busy(const struct line *l)
{
	switch (l->state) {
	case MODEM_ANSWERING:
	case MODEM_DIALLING:
	case MODEM_ONLINE:
	case MODEM_HANGING_UP:
		return true;
	default: /* one that rings for nobody bears nothing */
		return l->session || l->ring;
	}
}

static bool may_dial(const struct line *l)
{
	return l->state == MODEM_IDLE && !line_is_busy(l) && !l->busied && !l->gone && !l->changed &&
	       l->conf.use != CONF_USE_IN && (l->conf.type == CONF_LINE_TTY || l->conf.address.port);
}

static void arm(struct line *l)
{
	struct mono at = mono_earlier(l->retry, l->kind->deadline(l));
	int64_t us;

	if (at.us == l->armed.us && ev_is_active(&l->timer))
		return;
	ev_timer_stop(l->set->loop, &l->timer);
	l->armed = at;
	if (!mono_is_set(at))
		return;
	us = mono_diff_us(at, mono_now());
	ev_timer_set(&l->timer, us > 1000 ? (double)us / 1e6 : 0.001, 0.);
	ev_timer_start(l->set->loop, &l->timer);
}

void line_update(struct line *l)
{
	bool busy = line_is_busy(l);

	if (busy != l->counted)
		l->set->busy += busy ? 1 : -1u;
	l->counted = busy;
	if (may_dial(l) == list_empty(&l->idle)) {
		if (list_empty(&l->idle))
			list_append(&l->group->idle, &l->idle);
		else
			list_remove(&l->idle);
	}
	arm(l);
	if ((l->gone || l->changed) && !busy)
		line_schedule(l, LINE_EV_SETTLE);
}

void line_set_state(struct line *l, enum modem_state state)
{
	if (l->state != state)
		l->since = mono_now();
	l->state = state;
}

void line_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct line *l = w->data;
	struct mono now = mono_now();

	(void)loop;
	(void)revents;
	if (mono_reached(l->retry, now)) {
		l->retry = MONO_NEVER;
		l->kind->open(l);
	}
	l->kind->tick(l, now);
	line_update(l);
}

const char *line_place(const struct line *l)
{
	return l->conf.type == CONF_LINE_TTY ? l->conf.device : l->place;
}

void line_in_service(struct line *l)
{
	if (l->in_service)
		return;
	l->in_service = true;
	l->failed = false;
	log_info("line-up", "name=%s group=%s place=\"%s\"", l->conf.name, l->conf.group, line_place(l));
}

void line_out_of_service(struct line *l, const char *why)
{
	char text[LOG_QUOTED(sizeof l->last_error)];

	strncpy(l->last_error, why, sizeof l->last_error - 1);
	l->last_error_at = (int64_t)time(NULL);
	if (l->failed)
		return;
	l->failed = true;
	l->in_service = false;
	l->n.faults++;
	stats_add(STATS_LINES_FAILED);
	log_error("line-failed", "name=%s group=%s place=\"%s\" error=%s retry_s=%lld hint=\"%s\"", l->conf.name,
		  l->conf.group, line_place(l),
		  log_quote(text, sizeof text, l->last_error, strlen(l->last_error)),
		  (long long)(l->conf.retry_ms / 1000), l->kind->hint);
}

/* --- locks --- */

static void ask_later(struct lines *set, double s)
{
	ev_timer_stop(set->loop, &set->rest);
	ev_timer_set(&set->rest, s, 0.);
	ev_timer_start(set->loop, &set->rest);
}

static void unlock_later(struct lines *set, uint32_t handle)
{
	if (set->nunlocks == set->unlocks_max) {
		size_t max = set->unlocks_max ? 2 * set->unlocks_max : 16;
		uint32_t *unlocks = reallocarray(set->unlocks, max, sizeof *unlocks);

		if (!unlocks) {
			log_error("lines-memory", "error=\"out of memory\" hint=\"a line stays locked: restart pacd\"");
			return;
		}
		set->unlocks = unlocks;
		set->unlocks_max = max;
	}
	set->unlocks[set->nunlocks++] = handle;
	ask_later(set, REST_S);
}

static bool is_lost_request(int error)
{
	return error == -ENOBUFS || error == -ENOMEM;
}

static void unlock(struct lines *set, uint32_t handle)
{
	if (set->nunlocks || is_lost_request(priv_client_close_line(set->priv, handle)))
		unlock_later(set, handle);
}

/* false: some are left, and the root part is asked again later. */
static bool unlock_some(struct lines *set)
{
	size_t n = 0;

	while (n < set->nunlocks && !is_lost_request(priv_client_close_line(set->priv, set->unlocks[n])))
		n++;
	set->nunlocks -= n;
	if (n)
		memmove(set->unlocks, set->unlocks + n, set->nunlocks * sizeof *set->unlocks);
	if (set->nunlocks)
		ask_later(set, REST_S);
	return !set->nunlocks;
}

void line_unlock(struct line *l)
{
	if (!l->handle)
		return;
	unlock(l->set, l->handle);
	l->handle = 0;
	l->busy_tries = BUSY_TRIES;
}

void line_lost(struct line *l, const char *why)
{
	line_unlock(l);
	line_out_of_service(l, why);
	line_set_state(l, MODEM_FAILED);
	l->retry = mono_add_ms(mono_now(), l->conf.retry_ms > 0 ? l->conf.retry_ms : 1);
}

/* --- opening --- */

static const char *open_sentence(int error)
{
	switch (error) {
	case EBUSY: return "locked by another program";
	case ENOENT: return "there is no such device";
	case ENXIO:
	case ENODEV:
	case EIO: return "there is nothing behind the device";
	case ENOTTY: return "it is no serial device";
	case EPERM:
	case EACCES: return "the root part may not open it";
	case EADDRINUSE: return "another program has this address and port";
	case EADDRNOTAVAIL: return "the address is none of this host";
	case EMFILE:
	case ENFILE: return "out of file descriptors";
	default: return strerror(error);
	}
}

void line_forget_asking(struct line *l)
{
	if (l->asking == LINE_ASKED)
		l->set->nasked--;
	l->asking = LINE_ASKS_NOTHING;
	list_remove(&l->opening);
}

static void ask(struct line *l)
{
	struct lines *set = l->set;

	list_remove(&l->opening);
	list_append(&set->asked, &l->opening);
	l->asking = LINE_ASKED;
	l->asked_generation = set->generation;
	l->asked_index = l->index;
	set->nasked++;
}

static void ask_some(struct lines *set)
{
	/* A device that is locked still cannot be opened. */
	if (!unlock_some(set))
		return;
	while (!list_empty(&set->wanting) && set->nasked < ASKED_MAX) {
		struct line *l = list_entry(set->wanting.next, struct line, opening);
		int r = priv_client_open(set->priv, set->generation, PRIV_SOCKET_LINE, l->index);

		if (is_lost_request(r)) {
			ask_later(set, REST_S);
			return;
		}
		if (r < 0) /* the root part is gone, and so are we, soon */
			line_forget_asking(l);
		else
			ask(l);
	}
}

void line_rested(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	ask_some(w->data);
}

void line_want_fd(struct line *l)
{
	if (l->asking != LINE_ASKS_NOTHING)
		return;
	l->asking = LINE_WANTS;
	list_append(&l->set->wanting, &l->opening);
	if (!ev_is_active(&l->set->rest)) /* not at once: all that a reload closes goes first */
		ask_later(l->set, 0.001);
}

static struct line *take_asked(struct lines *set, const struct priv_opened *m)
{
	list_each(at, &set->asked) {
		struct line *l = list_entry(at, struct line, opening);

		if (l->asked_generation == m->generation && l->asked_index == m->index) {
			line_forget_asking(l);
			return l;
		}
	}
	return NULL;
}

static void open_failed(struct line *l, const struct priv_opened *m)
{
	if (m->error == ESTALE && m->generation != l->set->generation)
		line_want_fd(l);
	else if (m->error == EBUSY && l->busy_tries) {
		l->busy_tries--;
		l->retry = mono_add_ms(mono_now(), BUSY_MS);
	} else
		line_lost(l, open_sentence(m->error));
}

void lines_opened(struct lines *set, const struct priv_opened *m, int fd)
{
	struct line *l = take_asked(set, m);
	bool wanted = l && !l->gone && !l->changed;

	if (wanted && !m->error && fd >= 0) {
		l->handle = m->handle;
		l->kind->opened(l, fd);
	} else {
		if (fd >= 0)
			close(fd);
		if (m->handle)
			unlock(set, m->handle);
		if (wanted)
			open_failed(l, m);
	}
	if (l)
		line_update(l);
	ask_some(set);
}
