/*
 * Main as a child of the root part: the same program, without any right of root.
 */
#ifndef PACD_PRIV_SPAWN_H
#define PACD_PRIV_SPAWN_H

#include <sys/types.h>

/*
 * Executes this program again as `user`, PRIV_MAIN_ROLE as argv[0], the configuration's name as argv[1], `fd` as its
 * descriptor PRIV_FD, in a session of its own and with the hard limit of descriptors.  0 with its pid, or -errno; a
 * child that fails before main begins says why on stderr and exits with status 1.
 */
int spawn_main(const char *user, const char *conf_file, int fd, pid_t *pid);

#endif
