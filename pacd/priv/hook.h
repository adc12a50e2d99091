/*
 * Scripts that the root part runs for a link: /etc/ppp/ip-down where pppd could
 * not run it, since it was killed or crashed, and the change script after a
 * session was changed.  Children of the root part, bounded in number and in time.
 */
#ifndef PACD_PRIV_HOOK_H
#define PACD_PRIV_HOOK_H

#include "common/list.h"
#include "common/mono.h"
#include "pacd/priv/proto.h"

#include <stdbool.h>
#include <sys/types.h>

#define HOOK_SCRIPT "/etc/ppp/ip-down"
#define HOOKS_RUNNING 64 /* at once, of both kinds */
#define HOOKS_WAITING 4096
#define HOOKS_CHANGING 1024
#define HOOK_S 30        /* a script that takes longer is killed, with what it started */

/* One thread; the root part's loop owns it. */
struct hooks {
	const char *script; /* the down script */
	/* struct hook; running: the oldest first; waiting: down scripts; changing: change scripts that wait */
	struct list running, waiting, changing;
	size_t nrunning, nwaiting, nchanging;
};

void hooks_init(struct hooks *h, const char *script);
void hooks_clear(struct hooks *h); /* forgets them; signals nobody */
/*
 * Runs the down script, or keeps it for when there is room; `ipparam` says whether the caller's address is its sixth
 * word.  0, also when there is no such script; -EPERM for one that others than root may change; -ENOBUFS when too many
 * wait; -ENOMEM, or another -errno.
 */
int hooks_run(struct hooks *h, const struct priv_down_hook *m, bool ipparam);
/*
 * Runs that change script, with the same results; -ENOENT where there is none.  One at a time for each token: the next
 * one waits for it, and takes the place of one that waits already.
 */
int hooks_change(struct hooks *h, const char *script, const struct priv_change_hook *m, bool ipparam);
/*
 * The token's pppd has ended, and another link may have its interface's name: a change script that waits for it is
 * dropped, and one that runs is killed, with what it started.
 */
void hooks_forget(struct hooks *h, uint64_t token);
/* The child with that pid was reaped. False when it is none of them. */
bool hooks_reaped(struct hooks *h, pid_t pid, int status);
/* Kills what is over its time; and when to call it again, or MONO_NEVER. */
struct mono hooks_due(struct hooks *h, struct mono now);
/* Kills all that run, and drops what waits. */
void hooks_kill(struct hooks *h);
/* Those that run and those that wait. */
size_t hooks_count(const struct hooks *h);

#endif
