/*
 * Tells the service manager of our state: the datagrams that sd_notify(3)
 * documents, to the socket of $NOTIFY_SOCKET.
 */
#ifndef PACD_NOTIFY_H
#define PACD_NOTIFY_H

/* "READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=..."; several lines may be joined by newlines. Nothing happens without a manager. */
void notify_send(const char *state);
/* Seconds between two WATCHDOG=1: half of $WATCHDOG_USEC; 0: none wanted. */
double notify_watchdog_s(void);

#endif
