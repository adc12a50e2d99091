/*
 * Serial devices, opened and locked: for one line of ours at a time, and so that
 * other programs keep off.
 */
#ifndef PACD_PRIV_LINE_LOCK_H
#define PACD_PRIV_LINE_LOCK_H

#include "common/list.h"

#include <stdint.h>
#include <sys/types.h>

#define LINE_LOCK_FOLDER "/var/lock" /* LCK..NAME (FHS section 5.9) */

/* One thread, one instance; struct root has it. */
struct line_locks {
	const char *folder;
	struct list all; /* struct line_lock */
	uint32_t last;   /* handle */
};

void line_locks_init(struct line_locks *l, const char *folder);
/* Takes all lock files away. */
void line_locks_clear(struct line_locks *l);
/*
 * Opens a serial device, non-blocking, close-on-exec, not as controlling terminal, with others kept out by a lock file,
 * flock() and TIOCEXCL.  0 with a descriptor, and a handle that is never 0; or -errno: -EBUSY: it is ours already, or
 * another program has it; -ENOTTY: no serial device; -EPERM: others than root could put another device in its
 * place, or the unit does not allow this one.
 */
int line_lock_open(struct line_locks *l, const char *device, int *fd, uint32_t *handle);
/* Its lock file goes; an unknown handle is ignored. */
void line_lock_release(struct line_locks *l, uint32_t handle);
/* What can be seen of a device without opening it: 0 or -errno, as above, and -ENOENT, for it may come later. */
int line_lock_see(const char *device);

#endif
