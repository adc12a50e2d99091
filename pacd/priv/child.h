/*
 * What every child of the root part does between fork() and its program: plain
 * signals, its own descriptors and no others, a fixed PATH.
 */
#ifndef PACD_PRIV_CHILD_H
#define PACD_PRIV_CHILD_H

#include <stddef.h>

#define CHILD_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define CHILD_FDS 8

/* All signals at their default, none blocked. */
void child_signals(void);
/* Makes from[i] descriptor i for i < n, at most CHILD_FDS, and closes all others. 0, or -1 with errno. */
int child_descriptors(const int *from, size_t n);

#endif
