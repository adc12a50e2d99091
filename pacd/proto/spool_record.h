/*
 * What stands in the accounting spool's files: entries, one behind the other,
 * each with its length, checksum, kind and number; and in some of them a record.
 *
 * Pure.  Written by one pacd, read by the next one after a crash or a loss of
 * power: nothing that is read is trusted, and what is damaged is stepped over.
 */
#ifndef PACD_PROTO_SPOOL_RECORD_H
#define PACD_PROTO_SPOOL_RECORD_H

#include "pacd/proto/radius_request.h"

#define SPOOL_RECORD_HEADER 20
#define SPOOL_RECORD_MAX 8192 /* octets of one payload */

enum spool_kind {
	SPOOL_WAITS = 1, /* a record that no server has taken yet: struct spool_account */
	SPOOL_OPEN = 2,  /* how a session stands: struct spool_account */
	SPOOL_DONE = 3,  /* the entry with this number is of no use any more; no payload */
};

/*
 * Format: 4 octets "PaS1"; length of the payload (2); kind (1); 0 (1); number (8); CRC-32 of all octets of the entry
 * but these four (4); payload.  Big-endian.
 */
struct spool_record {
	uint8_t kind;           /* enum spool_kind */
	uint64_t number;        /* grows with each entry; a copy of an entry keeps its number */
	const uint8_t *payload; /* borrowed */
	size_t len;             /* 0..SPOOL_RECORD_MAX */
};

/* Faults the writer when it does not fit, or for a payload that is too long. */
void spool_record_put(struct wbuf *w, const struct spool_record *r);
/*
 * The next good entry; false at the end.  *damaged grows by the octets that were stepped over: at the end of a file
 * that is the rest of an entry that was being written, elsewhere damage.
 */
bool spool_record_next(struct rbuf *r, struct spool_record *record, size_t *damaged);

/* The payload of SPOOL_WAITS and SPOOL_OPEN. */
struct spool_account {
	uint8_t status;     /* enum radius_acct_status */
	int64_t event_time; /* unix seconds */
	char session_id[RADIUS_SESSION_ID];
	char queue[RADIUS_SESSION_ID]; /* records of one queue go one after another */
	const uint8_t *attributes;     /* borrowed */
	size_t len;
};

/* Format: status (1); event time (8); two texts, each with its length before it (1); attributes. */
void spool_account_put(struct wbuf *w, const struct spool_account *a);
/* 0 or -EBADMSG: too short, texts too long or with a NUL or empty, attributes that are no valid list. */
int spool_account_get(struct spool_account *a, const uint8_t *payload, size_t len);

/* IEEE 802.3; `crc` of nothing is 0, and a CRC goes on with more octets. */
uint32_t spool_crc32(uint32_t crc, const void *data, size_t len);

#endif
