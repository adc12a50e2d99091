/*
 * Accounting: records on their way to a server, each until a server has taken
 * it, in order for each session, over restarts too.
 *
 * On the loop, main's thread; writing to disk is a thread of its own (spool.h).
 * Owns records that are not acknowledged.  What a record says is its callers'
 * business: it gets encoded attributes (radius_put_account()).
 */
#ifndef PACD_AAA_ACCT_H
#define PACD_AAA_ACCT_H

#include "pacd/aaa/radius.h"
#include "pacd/proto/radius_request.h"

struct acct; /* opaque */

struct acct_record {
	uint8_t status;     /* enum radius_acct_status */
	int64_t event_time; /* unix seconds: Acct-Delay-Time counts from it */
	const char *session_id;
	/*
	 * Session id of the control connection whose Tunnel-Start and -Stop are around this record; NULL: no such
	 * records.  All of one connection go one after another then (RAD-73), else those of one session.
	 */
	const char *tunnel;
	const uint8_t *attributes; /* encoded; copied */
	size_t len;
};

struct acct_view {
	bool enabled, on_disk; /* on_disk: there is a spool */
	uint64_t waiting;      /* records that no server has taken yet */
	uint64_t octets;       /* in the spool */
	uint64_t sent, acknowledged, retried, dropped_interims, dropped_stops, recovered, disk_errors;
	uint64_t dropped_others; /* neither Interims nor users' Stops */
	int64_t oldest_s;      /* age of the oldest record that waits; 0: none */
};

/*
 * Bounds: records and the states of open sessions take at most 5/8 of acct.spool_mb (the rest is room in the files for
 * what is done), and in memory some 450 octets more each.  Over that the oldest records of tunnels and links (RFC 2867)
 * go, then the oldest Interims, then new Interims are not taken; for a Stop, which takes the place of its session's
 * state, the oldest Starts go, too.  Tunnels and links, which are there before anybody has logged in, have a quarter of
 * that at most, and only their own records go for them.
 *
 * A record that servers do not take, while they take others, does not hold up other sessions; if it is no Stop, it is
 * given up once a Stop of its session waits behind it.
 *
 * What a server has taken is noted on disk within a second or so, without a sync: after a crash a record may be sent
 * once more, never less.
 *
 * spool_fd: the folder, taken over; -1: memory only.  Reads what an earlier pacd left there: its records wait to be
 * sent, and sessions that were open get a Stop with cause NAS-Reboot.  Then, with on_off, Accounting-On goes first of
 * all new records; with a later acct_configure() only if that enables accounting, and no session is open then.  NULL
 * without memory.
 */
struct acct *acct_new(struct ev_loop *loop, struct radius_client *client, const struct conf_radius *c, int spool_fd,
		      const struct radius_nas *nas);
/* Waits for the disk (bounded), and frees; what waits stays in the spool. */
void acct_free(struct acct *a);
void acct_configure(struct acct *a, const struct conf_radius *c, const struct radius_nas *nas);
bool acct_enabled(const struct acct *a);
/* RAD-04: unique over restarts, crashes and a clock that is set back. */
void acct_session_id(struct acct *a, char id[RADIUS_SESSION_ID]);
/*
 * Never fails for the caller: what finds no memory is counted and logged. A newer Interim replaces one that waits.
 * While accounting is disabled only Stops of sessions that had a Start are taken.
 */
void acct_add(struct acct *a, const struct acct_record *r);
/*
 * How a session stands (an Interim), for the spool only: what its Stop would say if pacd died now.  Start and Interim
 * do this by themselves.
 */
void acct_note(struct acct *a, const struct acct_record *r);
/* Accounting-Off, behind all that waits; done() once it and all Stops are taken, or after `ms`. */
void acct_stop(struct acct *a, int64_t ms, void (*done)(void *ctx), void *ctx);
void acct_view(const struct acct *a, struct acct_view *v);

#endif
