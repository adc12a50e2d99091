/*
 * The writer thread of the accounting spool (RAD-65).
 *
 * Owns the folder's descriptor and the segment files.  What is shared with the
 * loop is behind the lock, which is never held over a system call that touches
 * the disk: the loop must not wait for it.  Never logs: it reports errno.
 */
#include "pacd/aaa/spool_writer.h"

#include "common/list.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CHUNK 65536 /* octets that are gathered in one piece */

struct chunk {
	struct list node;
	uint32_t segment;
	size_t len, cap;
	uint8_t data[];
};

struct spool_writer {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	/* Behind the lock. */
	struct list pending; /* chunks */
	size_t waiting;
	uint32_t keep_from, kept_from;
	uint32_t drop_from; /* UINT32_MAX: none */
	bool kicked, sync, stop, busy, abandoned;
	int error;
	struct ev_loop *loop;
	ev_async *report;
	/* The thread's. */
	int dir, fd; /* fd: -1: no segment is open */
	uint32_t segment; /* that is open */
	off_t good;       /* octets of it that are whole */
	uint32_t *segments;
	size_t n;
};

/* What the thread takes at once. */
struct batch {
	struct list chunks;
	uint32_t keep_from, drop_from;
	bool sync, stop;
	bool failed; /* an earlier one: this one is dropped */
};

void spool_file_name(char name[SPOOL_FILE_NAME], uint32_t segment)
{
	snprintf(name, SPOOL_FILE_NAME, "spool-%08" PRIu32, segment);
}

static void chunks_free(struct list *chunks)
{
	list_each(p, chunks) {
		struct chunk *c = list_entry(p, struct chunk, node);

		list_remove(&c->node);
		free(c);
	}
}

static void chunks_move(struct list *to, struct list *from)
{
	list_each(p, from) {
		list_remove(p);
		list_append(to, p);
	}
}

/* --- files: the thread --- */

static int fd_sync(int fd)
{
	return fdatasync(fd) < 0 ? -errno : 0;
}

static int segment_close(struct spool_writer *w)
{
	int r;

	if (w->fd < 0)
		return 0;
	r = fd_sync(w->fd);
	close(w->fd);
	w->fd = -1;
	return r;
}

static int segment_open(struct spool_writer *w, uint32_t segment)
{
	uint32_t *more = realloc(w->segments, (w->n + 1) * sizeof *more);
	char name[SPOOL_FILE_NAME];

	if (!more)
		return -ENOMEM;
	w->segments = more;
	spool_file_name(name, segment);
	w->fd = openat(w->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (w->fd < 0)
		return -errno;
	w->segments[w->n++] = w->segment = segment;
	w->good = 0;
	return fsync(w->dir) < 0 ? -errno : 0;
}

static int write_all(int fd, const uint8_t *data, size_t len)
{
	ssize_t n;

	for (; len; data += n, len -= (size_t)n) {
		n = write(fd, data, len);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n < 0)
			n = 0;
	}
	return 0;
}

static int chunk_write(struct spool_writer *w, const struct chunk *c)
{
	int r = 0;

	if (w->fd >= 0 && w->segment != c->segment)
		r = segment_close(w);
	if (r == 0 && w->fd < 0)
		r = segment_open(w, c->segment);
	if (r == 0)
		r = write_all(w->fd, c->data, c->len);
	if (r == 0)
		w->good += (off_t)c->len;
	return r;
}

/*
 * From the one at `first` on, those below `end`. One at a time, oldest first, each on disk before the next: what an
 * entry depends on never goes before it.
 */
static void segments_unlink(struct spool_writer *w, size_t first, uint32_t end)
{
	char name[SPOOL_FILE_NAME];
	size_t i;

	for (i = first; i < w->n && w->segments[i] < end; i++) {
		spool_file_name(name, w->segments[i]);
		if (unlinkat(w->dir, name, 0) < 0 && errno != ENOENT)
			break;
		fsync(w->dir);
	}
	memmove(w->segments + first, w->segments + i, (w->n - i) * sizeof *w->segments);
	w->n -= i - first;
}

static void segments_release(struct spool_writer *w, uint32_t keep_from)
{
	if (!w->n || w->segments[0] >= keep_from)
		return;
	if (w->fd >= 0 && w->segment < keep_from)
		segment_close(w);
	segments_unlink(w, 0, keep_from);
}

static void segments_drop(struct spool_writer *w, uint32_t drop_from)
{
	size_t first = 0;

	while (first < w->n && w->segments[first] < drop_from)
		first++;
	if (first == w->n)
		return;
	if (w->fd >= 0 && w->segment >= drop_from) {
		close(w->fd);
		w->fd = -1;
	}
	segments_unlink(w, first, UINT32_MAX);
}

/* The half entry at the end would only be stepped over; and on a full disk every octet counts. */
static void segment_fail(struct spool_writer *w)
{
	if (w->fd < 0)
		return;
	if (ftruncate(w->fd, w->good) < 0)
		w->good = 0; /* nothing more to do: the reader finds out */
	close(w->fd);
	w->fd = -1;
}

static int batch_write(struct spool_writer *w, struct batch *b)
{
	bool unlinks;
	int r = 0;

	segments_drop(w, b->drop_from);
	unlinks = w->n && w->segments[0] < b->keep_from;
	list_each(p, &b->chunks)
		if (r == 0)
			r = chunk_write(w, list_entry(p, struct chunk, node));
	if (r == 0 && (b->sync || unlinks) && w->fd >= 0)
		r = fd_sync(w->fd);
	if (r < 0)
		segment_fail(w);
	else
		segments_release(w, b->keep_from);
	return r;
}

/* --- the thread --- */

static void batch_take(struct spool_writer *w, struct batch *b)
{
	list_init(&b->chunks);
	pthread_mutex_lock(&w->lock);
	while (!w->kicked && !w->stop)
		pthread_cond_wait(&w->wake, &w->lock);
	chunks_move(&b->chunks, &w->pending);
	w->waiting = 0;
	b->keep_from = w->keep_from;
	b->drop_from = w->drop_from;
	w->drop_from = UINT32_MAX;
	b->sync = w->sync || w->stop;
	b->stop = w->stop;
	w->kicked = w->sync = false;
	b->failed = w->error != 0;
	w->busy = !b->failed;
	pthread_mutex_unlock(&w->lock);
}

static void batch_end(struct spool_writer *w, const struct batch *b, int r)
{
	pthread_mutex_lock(&w->lock);
	w->busy = false;
	if (r < 0)
		w->error = -r;
	else
		w->kept_from = b->keep_from;
	if (!w->abandoned)
		ev_async_send(w->loop, w->report);
	pthread_mutex_unlock(&w->lock);
}

static void writer_clear(struct spool_writer *w)
{
	chunks_free(&w->pending);
	if (w->fd >= 0)
		close(w->fd);
	close(w->dir);
	free(w->segments);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

static void *writer_main(void *arg)
{
	struct spool_writer *w = arg;
	struct batch b = { .stop = false };
	bool abandoned;

	pthread_setname_np(pthread_self(), "pacd-spool");
	while (!b.stop) {
		batch_take(w, &b);
		if (!b.failed)
			batch_end(w, &b, batch_write(w, &b));
		chunks_free(&b.chunks);
	}
	pthread_mutex_lock(&w->lock);
	abandoned = w->abandoned;
	w->stop = false; /* for spool_writer_free(): the thread is at its end */
	pthread_mutex_unlock(&w->lock);
	if (abandoned)
		writer_clear(w);
	return NULL;
}

/* No signal is ever the thread's, and a file over a limit of size is an error like others. */
static int thread_start(struct spool_writer *w)
{
	sigset_t all, old;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&w->thread, NULL, writer_main, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return error;
}

/* --- the loop's side --- */

struct spool_writer *spool_writer_new(int dir, uint32_t *segments, size_t n, struct ev_loop *loop, ev_async *report)
{
	struct spool_writer *w = calloc(1, sizeof *w);

	if (!w)
		return NULL;
	w->dir = dir;
	w->segments = segments;
	w->n = n;
	w->loop = loop;
	w->report = report;
	w->fd = -1;
	w->drop_from = UINT32_MAX;
	list_init(&w->pending);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wake, NULL);
	if (thread_start(w) == 0)
		return w;
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w);
	return NULL;
}

/* Whoever is later frees: the caller, or the thread that hangs at a dead disk. */
static bool writer_abandon(struct spool_writer *w)
{
	bool late;

	pthread_mutex_lock(&w->lock);
	late = w->stop;
	w->abandoned = late;
	pthread_mutex_unlock(&w->lock);
	return late;
}

void spool_writer_free(struct spool_writer *w, int64_t ms)
{
	struct timespec until;

	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ms / 1000;
	if (pthread_timedjoin_np(w->thread, NULL, &until) != 0) {
		if (writer_abandon(w)) {
			pthread_detach(w->thread);
			return;
		}
		pthread_join(w->thread, NULL);
	}
	writer_clear(w);
}

static struct chunk *chunk_for(struct spool_writer *w, uint32_t segment, size_t len)
{
	struct chunk *c = list_empty(&w->pending) ? NULL : list_entry(w->pending.prev, struct chunk, node);
	size_t cap = len > CHUNK ? len : CHUNK;

	if (c && c->segment == segment && c->cap - c->len >= len)
		return c;
	c = malloc(sizeof *c + cap);
	if (!c)
		return NULL;
	c->segment = segment;
	c->len = 0;
	c->cap = cap;
	list_append(&w->pending, &c->node);
	return c;
}

int spool_writer_append(struct spool_writer *w, uint32_t segment, const uint8_t *data, size_t len)
{
	struct chunk *c;

	pthread_mutex_lock(&w->lock);
	c = chunk_for(w, segment, len);
	if (c) {
		memcpy(c->data + c->len, data, len);
		c->len += len;
		w->waiting += len;
	}
	pthread_mutex_unlock(&w->lock);
	return c ? 0 : -ENOMEM;
}

void spool_writer_release(struct spool_writer *w, uint32_t keep_from)
{
	pthread_mutex_lock(&w->lock);
	if (w->keep_from < keep_from)
		w->keep_from = keep_from;
	pthread_mutex_unlock(&w->lock);
}

void spool_writer_kick(struct spool_writer *w, bool sync)
{
	pthread_mutex_lock(&w->lock);
	w->kicked = true;
	w->sync |= sync;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

struct spool_writer_state spool_writer_state(struct spool_writer *w)
{
	struct spool_writer_state s;

	pthread_mutex_lock(&w->lock);
	s.error = w->error;
	s.busy = w->busy || w->kicked;
	s.waiting = w->waiting;
	s.kept_from = w->kept_from;
	pthread_mutex_unlock(&w->lock);
	return s;
}

void spool_writer_restart(struct spool_writer *w, uint32_t drop_from)
{
	pthread_mutex_lock(&w->lock);
	chunks_free(&w->pending);
	w->waiting = 0;
	w->error = 0;
	w->keep_from = w->kept_from;
	w->drop_from = drop_from;
	w->kicked = w->sync = false;
	pthread_mutex_unlock(&w->lock);
}
