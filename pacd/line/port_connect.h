/*
 * A TCP connection to a terminal server, as a line wants it: nothing waits in
 * the kernel for long, and a dead server is noticed.
 */
#ifndef PACD_LINE_PORT_CONNECT_H
#define PACD_LINE_PORT_CONNECT_H

#include "common/addr.h"

/* A non-blocking socket on its way to be connected (wait until it is writable, and ask SO_ERROR), or -errno. */
int port_connect(struct endpoint to);

#endif
