/*
 * The disk's side of the accounting spool: a thread that appends to segment
 * files, syncs them and unlinks old ones.
 *
 * The spool (spool.c, on the loop) decides what goes where; nothing here knows
 * records.  All functions are for the loop's thread, and none waits for the disk
 * but spool_writer_free().
 */
#ifndef PACD_AAA_SPOOL_WRITER_H
#define PACD_AAA_SPOOL_WRITER_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPOOL_FILE_NAME 32

/* "spool-00000012" */
void spool_file_name(char name[SPOOL_FILE_NAME], uint32_t segment);

struct spool_writer; /* opaque */

/*
 * Takes `dir` and `segments` (malloc()ed: the numbers of files that are there, `n` of them).  `report` is sent to the
 * loop after each batch.  NULL: no memory or no thread; nothing is taken then.
 */
struct spool_writer *spool_writer_new(int dir, uint32_t *segments, size_t n, struct ev_loop *loop, ev_async *report);
/* Stops after what waits is written; gives up after `ms`, and then the thread frees it when it gets so far. */
void spool_writer_free(struct spool_writer *w, int64_t ms);

/* Behind all that waits. Numbers never go down. 0 or -ENOMEM. */
int spool_writer_append(struct spool_writer *w, uint32_t segment, const uint8_t *data, size_t len);
/* Once all that waits now is on disk, segments below `keep_from` are unlinked. */
void spool_writer_release(struct spool_writer *w, uint32_t keep_from);
/* Write what waits, now; with `sync`, fdatasync() behind it. */
void spool_writer_kick(struct spool_writer *w, bool sync);

struct spool_writer_state {
	int error;      /* errno of a write or sync that failed: all is dropped until a restart; 0 */
	bool busy;      /* the thread is at the disk, or on its way there */
	size_t waiting; /* octets that are not written yet */
	uint32_t kept_from; /* of the last release that was carried out: what was appended before it is synced */
};

struct spool_writer_state spool_writer_state(struct spool_writer *w);
/*
 * Forgets the error, what waits, and releases that waited for it. Only while it is not busy. The next segment must be a
 * new one.  Segments from `drop_from` on are unlinked before anything is written.
 */
void spool_writer_restart(struct spool_writer *w, uint32_t drop_from);

#endif
