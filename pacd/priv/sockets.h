/*
 * The sockets, and the folder, that only root can open, named by kind and index into a snapshot.
 */
#ifndef PACD_PRIV_SOCKETS_H
#define PACD_PRIV_SOCKETS_H

#include "pacd/conf.h"
#include "pacd/priv/proto.h"

/* Whether the snapshot has such a socket. */
bool sockets_exist(const struct conf *c, enum priv_socket socket, unsigned index);
/*
 * 0 with a non-blocking, close-on-exec socket, or the spool's folder, or -errno.  For the control socket -EADDRINUSE
 * says that another pacd answers there, -EEXIST that something else has its name, and -EPERM that others may change its
 * folder.  For the spool -ELOOP or -ENOTDIR says that it is no folder, -ENOENT that the one above it is missing, and
 * -EPERM that it belongs to somebody else, that others may write to it, that it is root's and in use, or that the one
 * above it is not root's.  Of lines only those that listen: a serial device is line_lock_open()'s.
 */
int sockets_open(const struct conf *c, enum priv_socket socket, unsigned index, int *fd);

#endif
