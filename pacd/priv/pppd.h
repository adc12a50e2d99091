/*
 * The pppd processes: children of the root part, known to main by tokens.
 */
#ifndef PACD_PRIV_PPPD_H
#define PACD_PRIV_PPPD_H

#include "common/hash.h"
#include "common/list.h"
#include "pacd/conf.h"

#include <sys/types.h>

struct pppd_table {
	struct hash by_token, by_pid;
	struct list all;
};

struct pppd_ends {
	int pty;    /* master, non-blocking */
	int plugin; /* main's end of the plugin's socket */
	int log;    /* what pppd writes to fds 1 and 2; non-blocking */
	pid_t pid;
};

/* Where a pppd's link is said to be.  Addresses in host order. */
struct pppd_link {
	uint32_t unit; /* of the interface: pppN */
	uint32_t local, remote, peer_addr;
};

void pppd_init(struct pppd_table *t);
void pppd_clear(struct pppd_table *t); /* forgets them; signals nobody */
/*
 * Starts a pppd for a caller; the descriptors are the caller's then.  0, or -errno with nothing started: -EEXIST for a
 * token that is in use.  A program that can't be executed ends with status 127 and says why into the log pipe.
 */
int pppd_start(struct pppd_table *t, const struct conf *c, uint64_t token, uint32_t peer_addr, struct pppd_ends *ends);
/* A token that is gone already is no fault: its end is on the way to main. */
void pppd_signal(const struct pppd_table *t, uint64_t token, int signal);
/* It was started and is not reaped yet. */
bool pppd_lives(const struct pppd_table *t, uint64_t token);
/*
 * Whether that is its link.  The first one that is named with the caller's address of pppd_start() is it from then on,
 * and no other one is; false as well for a token that nobody has.
 */
bool pppd_has_link(struct pppd_table *t, uint64_t token, const struct pppd_link *link);
void pppd_signal_all(const struct pppd_table *t, int signal);
/* The child with that pid was reaped: its token, and it is forgotten. False when it is none of them. */
bool pppd_reaped(struct pppd_table *t, pid_t pid, uint64_t *token);
size_t pppd_count(const struct pppd_table *t);
/* How many there may be: more than calls, since those of ended calls take their time. */
size_t pppd_max(const struct conf *c);

#endif
