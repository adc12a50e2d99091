/*
 * The accounting spool: entries that outlive pacd, in segment files of a folder.
 *
 * On the loop; the disk is a thread's business (spool_writer.h), so that nothing
 * here waits for it once spool_read() is over.  An entry lives in its owner's
 * memory and, as a copy, in a file.  When the disk fails, entries go on in memory,
 * and all of them are written anew once it works again.
 *
 * The files: spool-NUMBER, a few MB each, appended to in order.  Only the oldest is
 * ever unlinked, when nothing in it lives; what lives long in it is copied forward.
 * So an entry's SPOOL_DONE never goes before the entry itself.
 */
#ifndef PACD_AAA_SPOOL_H
#define PACD_AAA_SPOOL_H

#include "common/list.h"
#include "pacd/proto/spool_record.h"

#include <ev.h>

struct spool; /* opaque */
struct spool_segment;

/* One entry, inside of its owner. Zeros and spool_item_init() first; gone from the spool only by spool_drop(). */
struct spool_item {
	uint64_t number; /* by the first spool_put(), or set before it when it came from spool_read() */
	uint8_t kind;    /* enum spool_kind */
	const uint8_t *payload; /* the owner's; stays as it is */
	size_t len;
	/* The spool's. */
	struct list node;
	struct spool_segment *segment;
};

void spool_item_init(struct spool_item *i, uint8_t kind, const uint8_t *payload, size_t len);

/*
 * Takes `dir`. Creates and locks the file "lock" there.  `where`: the folder's name for the log, copied.  NULL, logged:
 * another process has the lock, or no memory, or the folder can't be read.
 */
struct spool *spool_new(struct ev_loop *loop, int dir, const char *where, uint64_t octets);
/*
 * What an earlier pacd left, file after file, entry after entry, each one that is good; what is not is logged and
 * stepped over.  0, or what each() returned when it was negative: then it stops, and the files stay as they are.
 */
int spool_read(struct spool *s, int (*each)(void *ctx, const struct spool_record *r), void *ctx);
/*
 * Once, after spool_read(): starts the writer.  All files that were read are unlinked when everything that was put by
 * now is in new ones.  0 or -ENOMEM.
 */
int spool_start(struct spool *s);
/* What waits is written (bounded in time). Items are not touched any more. */
void spool_free(struct spool *s);

/* How much of the folder may be filled: sets the files' size. */
void spool_set_limit(struct spool *s, uint64_t octets);
/* To disk: at once and synced, or within a second or so. `s` may be NULL here and below: memory only. */
void spool_put(struct spool *s, struct spool_item *i, bool sync);
/* Of no use any more. Also for an item that was never put. */
void spool_drop(struct spool *s, struct spool_item *i);

/* Of all files. */
uint64_t spool_octets(const struct spool *s);
/* Writes and syncs that failed. */
uint64_t spool_errors(const struct spool *s);
/* Everything put with `sync` is on disk. */
bool spool_synced(const struct spool *s);

/*
 * RAD-04: a number above all that were ever returned for this folder, and `now` (unix seconds) if that is more.
 * Waits for the disk; before spool_start().
 */
uint32_t spool_boot(struct spool *s, int64_t now);

#endif
