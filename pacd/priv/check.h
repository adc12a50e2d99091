/*
 * The parts of the start-up check; priv_check_machine() is what others call.
 */
#ifndef PACD_PRIV_CHECK_H
#define PACD_PRIV_CHECK_H

#include "pacd/conf.h"

/* Ptys, pids and descriptors for max_channels calls, of which `live` are up. */
void check_capacity(const struct conf *c, unsigned live, struct conf_errors *errors);
/* The number that a file of /proc or /sys/fs/cgroup starts with, or -1 ("max" is -1 too). */
long long check_number(const char *file);

#endif
