/*
 * The inside of the accounting spool: what spool.c and spool_read.c share.
 * Nobody else includes this.  All of it is the loop's thread's.
 */
#ifndef PACD_AAA_SPOOL_INTERNAL_H
#define PACD_AAA_SPOOL_INTERNAL_H

#include "pacd/aaa/spool.h"
#include "pacd/aaa/spool_writer.h"

#define SPOOL_WHERE 256

struct spool_segment {
	struct list node;
	struct list live; /* items */
	uint32_t number;
	uint64_t octets;
};

struct spool {
	struct ev_loop *loop;
	int dir; /* until the writer takes it: then borrowed from there */
	int lock;
	char where[SPOOL_WHERE]; /* quoted */
	struct spool_writer *writer;
	ev_async report;
	ev_timer lazy, step, retry;
	struct list segments; /* oldest first; the last one is appended to */
	struct list homeless; /* items that are to be written (again) */
	uint32_t next_segment;
	uint64_t number;   /* the last that was given */
	uint64_t segment_octets, limit;
	uint64_t total;    /* octets of segments */
	uint64_t live;     /* octets of entries that live in them */
	uint64_t errors;
	uint64_t old;      /* octets of files that are to go when all is written anew */
	uint64_t old_kept; /* of those, what was there before copies_from */
	uint32_t copies_from; /* the first segment behind the first of failures in a row: of use once all is in there */
	bool failed;       /* nothing goes to the writer until the retry */
	bool logged;       /* said so */
	double retry_s;
	uint32_t *found;   /* numbers of files that are there, ascending: until spool_start() */
	size_t nfound;
};

/* Opens the folder's files: the lock, and the list. 0 or -errno. */
int spool_open_lock(struct spool *s);
int spool_scan(struct spool *s);

#endif
