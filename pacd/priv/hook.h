/*
 * /etc/ppp/ip-down for links whose pppd could not run it: it was killed, or it
 * crashed.  Children of the root part, bounded in number and in time.
 */
#ifndef PACD_PRIV_HOOK_H
#define PACD_PRIV_HOOK_H

#include "common/list.h"
#include "common/mono.h"
#include "pacd/priv/proto.h"

#include <stdbool.h>
#include <sys/types.h>

#define HOOK_SCRIPT "/etc/ppp/ip-down"
#define HOOKS_RUNNING 64 /* at once */
#define HOOKS_WAITING 4096
#define HOOK_S 30        /* a script that takes longer is killed, with what it started */

/* One thread; the root part's loop owns it. */
struct hooks {
	const char *script;
	struct list running, waiting; /* struct hook; running: the oldest first */
	size_t nrunning, nwaiting;
};

void hooks_init(struct hooks *h, const char *script);
void hooks_clear(struct hooks *h); /* forgets them; signals nobody */
/*
 * Runs the script, or keeps it for when there is room; `ipparam` says whether the caller's address is its sixth word.
 * 0, also when there is no such script; -EPERM for one that others than root may change; -ENOBUFS when too many
 * wait; -ENOMEM, or another -errno.
 */
int hooks_run(struct hooks *h, const struct priv_down_hook *m, bool ipparam);
/* The child with that pid was reaped. False when it is none of them. */
bool hooks_reaped(struct hooks *h, pid_t pid, int status);
/* Kills what is over its time; and when to call it again, or MONO_NEVER. */
struct mono hooks_due(struct hooks *h, struct mono now);
/* Kills all that run, and drops what waits. */
void hooks_kill(struct hooks *h);
/* Those that run and those that wait. */
size_t hooks_count(const struct hooks *h);

#endif
