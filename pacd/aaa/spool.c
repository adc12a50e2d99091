/*
 * The accounting spool on the loop: what goes into which segment, what lives
 * where, when a segment is of no use any more (RAD-65).
 *
 * Owns the segments' bookkeeping and the writer.  Must not know what a payload
 * says, and never waits for the disk here but in spool_free().
 */
#include "pacd/aaa/spool_internal.h"

#include "common/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define SEGMENT_MIN 65536
#define SEGMENT_MAX (4u << 20)
#define SEGMENTS_FEW 4         /* so many are never worth a copy */
#define STEP 64                /* entries that are copied at once: a fraction of a millisecond */
#define LAZY_S 1.
#define RETRY_S 5.
#define RETRY_MAX_S 60.
#define STALLED (16u << 20)    /* octets that wait beyond what lives: the disk does not keep up */
#define FREE_MS 5000

static size_t item_octets(const struct spool_item *i)
{
	return SPOOL_RECORD_HEADER + i->len;
}

void spool_item_init(struct spool_item *i, uint8_t kind, const uint8_t *payload, size_t len)
{
	*i = (struct spool_item){ .kind = kind, .payload = payload, .len = len };
	list_init(&i->node);
}

static void item_leave(struct spool *s, struct spool_item *i)
{
	if (i->segment)
		s->live -= item_octets(i);
	i->segment = NULL;
	list_remove(&i->node);
}

/* --- a disk that fails --- */

static void item_strand(struct spool *s, struct spool_item *i)
{
	item_leave(s, i);
	list_append(&s->homeless, &i->node);
}

/* All that lives is to be written anew; what the old files say then is older. */
static void segments_strand(struct spool *s)
{
	list_each(p, &s->segments) {
		struct spool_segment *segment = list_entry(p, struct spool_segment, node);

		list_each(q, &segment->live)
			item_strand(s, list_entry(q, struct spool_item, node));
		s->old += segment->octets;
		list_remove(&segment->node);
		free(segment);
	}
	s->total = 0;
}

/*
 * Everything that lives is to be written anew.  What an earlier try has written of it goes first, else each try would
 * eat more of a full disk; but what stood on disk before the first failure stays until all of it is there again.
 */
static void writer_restart(struct spool *s)
{
	if (spool_writer_state(s->writer).kept_from >= s->copies_from) {
		s->copies_from = s->next_segment;
		s->old_kept = s->old;
	}
	s->old = s->old_kept;
	spool_writer_restart(s->writer, s->copies_from);
	s->failed = false;
}

static void spool_fail(struct spool *s, int error)
{
	if (s->failed)
		return;
	s->failed = true;
	s->errors++;
	segments_strand(s);
	ev_timer_stop(s->loop, &s->step);
	ev_timer_stop(s->loop, &s->lazy);
	ev_timer_set(&s->retry, s->retry_s, 0.);
	ev_timer_start(s->loop, &s->retry);
	s->retry_s = s->retry_s * 2 < RETRY_MAX_S ? s->retry_s * 2 : RETRY_MAX_S;
	if (!s->logged)
		log_error("accounting-spool",
			  "path=%s error=\"%s\" records=in-memory hint=\"%s; writing is tried again by itself\"", s->where,
			  strerror(error), error == ENOSPC || error == EDQUOT ? "make room there" : "look at the disk");
	s->logged = true;
}

/* --- segments --- */

static struct spool_segment *segment_newest(struct spool *s)
{
	return list_empty(&s->segments) ? NULL : list_entry(s->segments.prev, struct spool_segment, node);
}

static struct spool_segment *segment_oldest(struct spool *s)
{
	return list_empty(&s->segments) ? NULL : list_entry(s->segments.next, struct spool_segment, node);
}

static struct spool_segment *segment_for(struct spool *s, size_t octets)
{
	struct spool_segment *segment = segment_newest(s);

	if (segment && segment->octets + octets <= s->segment_octets)
		return segment;
	segment = calloc(1, sizeof *segment);
	if (!segment)
		return NULL;
	list_init(&segment->live);
	segment->number = s->next_segment++;
	list_append(&s->segments, &segment->node);
	return segment;
}

/* The segment it went to, or NULL: the spool has failed. */
static struct spool_segment *entry_append(struct spool *s, const struct spool_item *i, uint8_t kind)
{
	uint8_t data[SPOOL_RECORD_HEADER + SPOOL_RECORD_MAX];
	bool done = kind == SPOOL_DONE;
	struct spool_record record = { .kind = kind, .number = i->number, .payload = done ? NULL : i->payload,
				       .len = done ? 0 : i->len };
	struct spool_segment *segment;
	struct wbuf w;

	wbuf_init(&w, data, sizeof data);
	spool_record_put(&w, &record);
	segment = segment_for(s, wbuf_len(&w));
	if (!segment || spool_writer_append(s->writer, segment->number, data, wbuf_len(&w)) < 0) {
		spool_fail(s, ENOMEM);
		return NULL;
	}
	segment->octets += wbuf_len(&w);
	s->total += wbuf_len(&w);
	return segment;
}

static void item_append(struct spool *s, struct spool_item *i)
{
	struct spool_segment *segment = entry_append(s, i, i->kind);

	item_leave(s, i);
	list_append(segment ? &segment->live : &s->homeless, &i->node);
	i->segment = segment;
	if (segment)
		s->live += item_octets(i);
}

/* Lets go of the oldest ones in which nothing lives; not while some entries are still in older files only. */
static void segments_trim(struct spool *s)
{
	struct spool_segment *oldest;

	if (s->failed || !list_empty(&s->homeless))
		return;
	while ((oldest = segment_oldest(s)) != NULL && oldest != segment_newest(s) && list_empty(&oldest->live)) {
		s->total -= oldest->octets;
		list_remove(&oldest->node);
		free(oldest);
	}
	s->old = 0;
	spool_writer_release(s->writer, oldest ? oldest->number : s->next_segment);
}

/* Is so much dead that the oldest is worth a copy? */
static bool segments_stale(struct spool *s)
{
	uint64_t dead = s->total - s->live;
	bool few = s->total < SEGMENTS_FEW * s->segment_octets;

	if (few || segment_oldest(s) == segment_newest(s))
		return false;
	return s->total < s->limit / 4 * 3 ? dead > s->total / 2 : dead > s->total / 4;
}

static void segments_compact(struct spool *s)
{
	struct spool_segment *oldest;

	for (unsigned n = 0; n < STEP && !s->failed && segments_stale(s); n++) {
		oldest = segment_oldest(s);
		if (list_empty(&oldest->live))
			break;
		item_append(s, list_entry(oldest->live.next, struct spool_item, node));
	}
	segments_trim(s);
}

/* --- the writer --- */

static void kick(struct spool *s, bool sync)
{
	if (s->failed)
		return;
	ev_timer_stop(s->loop, &s->lazy);
	if (spool_writer_state(s->writer).waiting > s->live + STALLED)
		spool_fail(s, ETIMEDOUT);
	else
		spool_writer_kick(s->writer, sync);
}

static void kick_later(struct spool *s)
{
	if (s->failed || ev_is_active(&s->lazy))
		return;
	ev_timer_set(&s->lazy, LAZY_S, 0.);
	ev_timer_start(s->loop, &s->lazy);
}

static void homeless_step(struct spool *s)
{
	for (unsigned n = 0; n < STEP && !s->failed && !list_empty(&s->homeless); n++)
		item_append(s, list_entry(s->homeless.next, struct spool_item, node));
	if (s->failed)
		return;
	if (list_empty(&s->homeless)) {
		ev_timer_stop(s->loop, &s->step);
		segments_trim(s);
	}
	kick(s, list_empty(&s->homeless));
}

static void on_step(struct ev_loop *loop, ev_timer *t, int revents)
{
	(void)loop;
	(void)revents;
	homeless_step(t->data);
}

static void on_lazy(struct ev_loop *loop, ev_timer *t, int revents)
{
	(void)loop;
	(void)revents;
	kick(t->data, false);
}

static void on_retry(struct ev_loop *loop, ev_timer *t, int revents)
{
	struct spool *s = t->data;

	(void)revents;
	if (spool_writer_state(s->writer).busy) {
		ev_timer_set(t, RETRY_S, 0.);
		ev_timer_start(loop, t);
		return;
	}
	writer_restart(s);
	ev_timer_again(loop, &s->step);
}

static void on_report(struct ev_loop *loop, ev_async *report, int revents)
{
	struct spool *s = report->data;
	int error = spool_writer_state(s->writer).error;

	(void)loop;
	(void)revents;
	if (error) {
		spool_fail(s, error);
		return;
	}
	if (s->failed || !list_empty(&s->homeless))
		return;
	s->retry_s = RETRY_S;
	if (s->logged && spool_synced(s)) {
		s->logged = false;
		log_info("accounting-spool", "path=%s error=none", s->where);
	}
}

/* --- entries --- */

void spool_put(struct spool *s, struct spool_item *i, bool sync)
{
	if (!s)
		return;
	if (!i->number)
		i->number = ++s->number;
	if (s->failed || !s->writer) {
		item_strand(s, i);
		return;
	}
	item_append(s, i);
	segments_compact(s);
	if (sync)
		kick(s, true);
	else
		kick_later(s);
}

void spool_drop(struct spool *s, struct spool_item *i)
{
	if (!s)
		return;
	item_leave(s, i);
	if (!i->number || s->failed || !s->writer)
		return;
	if (!entry_append(s, i, SPOOL_DONE))
		return;
	segments_compact(s);
	kick_later(s);
}

uint64_t spool_octets(const struct spool *s)
{
	return s ? s->total + s->old : 0;
}

uint64_t spool_errors(const struct spool *s)
{
	return s ? s->errors : 0;
}

bool spool_synced(const struct spool *s)
{
	struct spool_writer_state state;

	if (!s)
		return true;
	state = spool_writer_state(s->writer);
	return !s->failed && list_empty(&s->homeless) && !state.error && !state.busy && !state.waiting;
}

/* --- coming and going --- */

void spool_set_limit(struct spool *s, uint64_t octets)
{
	uint64_t segment = octets / 16;

	if (!s)
		return;
	s->limit = octets;
	s->segment_octets = segment < SEGMENT_MIN ? SEGMENT_MIN : segment > SEGMENT_MAX ? SEGMENT_MAX : segment;
}

static void watchers_init(struct spool *s)
{
	ev_async_init(&s->report, on_report);
	ev_timer_init(&s->lazy, on_lazy, 0., 0.);
	ev_timer_init(&s->step, on_step, 0., 1e-6); /* each turn of the loop */
	ev_timer_init(&s->retry, on_retry, 0., 0.);
	s->report.data = s->lazy.data = s->step.data = s->retry.data = s;
	ev_async_start(s->loop, &s->report);
}

static void spool_clear(struct spool *s)
{
	list_each(p, &s->segments)
		free(list_entry(p, struct spool_segment, node));
	ev_async_stop(s->loop, &s->report);
	ev_timer_stop(s->loop, &s->lazy);
	ev_timer_stop(s->loop, &s->step);
	ev_timer_stop(s->loop, &s->retry);
	if (s->dir >= 0)
		close(s->dir);
	if (s->lock >= 0)
		close(s->lock);
	free(s->found);
	free(s);
}

struct spool *spool_new(struct ev_loop *loop, int dir, const char *where, uint64_t octets)
{
	struct spool *s = calloc(1, sizeof *s);
	int r;

	if (!s) {
		close(dir);
		return NULL;
	}
	s->loop = loop;
	s->dir = dir;
	s->lock = -1;
	s->retry_s = RETRY_S;
	log_quote(s->where, sizeof s->where, where, strlen(where));
	list_init(&s->segments);
	list_init(&s->homeless);
	spool_set_limit(s, octets);
	watchers_init(s);
	r = spool_open_lock(s);
	if (r == 0)
		r = spool_scan(s);
	if (r == 0)
		return s;
	log_error("accounting-spool", "path=%s error=\"%s\" records=in-memory hint=\"%s\"", s->where, strerror(-r),
		  r == -EWOULDBLOCK ? "another pacd has this folder; give each its own" : "look at the folder");
	spool_clear(s);
	return NULL;
}

int spool_start(struct spool *s)
{
	s->writer = spool_writer_new(s->dir, s->found, s->nfound, s->loop, &s->report);
	if (!s->writer)
		return -ENOMEM;
	s->dir = -1;
	s->found = NULL;
	ev_timer_again(s->loop, &s->step);
	return 0;
}

/* A spool of which nothing is left is empty files: none, then. */
static void segments_end(struct spool *s)
{
	/* Once more, whatever was. */
	if (s->failed && !spool_writer_state(s->writer).busy)
		writer_restart(s);
	while (!s->failed && !list_empty(&s->homeless))
		homeless_step(s);
	if (s->failed)
		return;
	segments_trim(s);
	if (s->live == 0)
		spool_writer_release(s->writer, s->next_segment);
	spool_writer_kick(s->writer, true);
}

void spool_free(struct spool *s)
{
	if (!s)
		return;
	if (s->writer) {
		segments_end(s);
		spool_writer_free(s->writer, FREE_MS);
	}
	/* Items outlive this; their nodes lead nowhere now. */
	spool_clear(s);
}
