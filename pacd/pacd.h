/*
 * The unprivileged main process: it owns all rooms.
 */
#ifndef PACD_PACD_H
#define PACD_PACD_H

/* Runs main on the root part's socket (PRIV_FD) until it ends; the process's exit code. conf_file: its name, for messages. */
int pacd_run(const char *conf_file);

#endif
