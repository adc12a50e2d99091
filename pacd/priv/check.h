/*
 * The parts of the start-up check; priv_check_machine() is what others call.
 */
#ifndef PACD_PRIV_CHECK_H
#define PACD_PRIV_CHECK_H

#include "pacd/conf.h"

#include <sys/types.h>

/* Ptys and pids for max_channels calls, of which `live` are up (UINT_MAX: nobody knows). */
void check_capacity(const struct conf *c, unsigned live, struct conf_errors *errors);
/* Descriptors that main can come to need under the configuration's own limits. */
unsigned long check_files_needed(const struct conf *c);
/* Raises the limit of main (0: it is not there yet) and ours to that. */
void check_files(const struct conf *c, pid_t main_pid, struct conf_errors *errors);
/* The number that a file of /proc or /sys/fs/cgroup starts with, or -1 ("max" is -1 too). */
long long check_number(const char *file);

#endif
