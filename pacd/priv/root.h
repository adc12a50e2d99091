/*
 * The root part's loop, apart from how the daemon is started, so that a test can
 * serve it with a main of its own.
 */
#ifndef PACD_PRIV_ROOT_H
#define PACD_PRIV_ROOT_H

#include "common/list.h"
#include "common/mono.h"
#include "pacd/priv/hook.h"
#include "pacd/priv/line_lock.h"
#include "pacd/priv/pppd.h"
#include "pacd/priv/priv.h"
#include "pacd/priv/proto.h"

struct root_snapshot {
	uint32_t generation; /* 0: none */
	struct priv_files files;
};

/* One thread, one instance; priv_run() owns it. */
struct root {
	const char *conf_file;
	int fd;             /* main's socket; owned; -1 once main is gone */
	int signals;        /* signalfd; owned */
	pid_t main_pid;     /* 0: no child of ours, or reaped */
	int main_status;    /* of waitpid(); once reaped */
	struct root_snapshot current; /* taken by main */
	struct root_snapshot pending; /* sent, not yet answered */
	uint32_t last_generation;
	bool ready;         /* main serves */
	bool reload_asked;  /* any number of times */
	struct mono reload_after; /* not before: somebody may ask all the time */
	/* bits: which sockets main has had; each comes once, but for those of lines */
	uint8_t opened[PRIV_SOCKETS][CONF_LIST_MAX / 8];
	struct line_locks locks; /* of the serial devices that main has */
	struct pppd_table pppds;
	struct hooks hooks;
	size_t hooks_earned; /* pppds that ended by a signal, and have had no hook */
	struct list outgoing; /* struct outgoing: what the socket did not take yet */
	bool detach;        /* started without -f */
	int ready_fd;       /* owned; who waits for the start to succeed, or -1 */
	char *control;      /* owned; path of the control socket that is to be removed, or NULL */
	bool stopping;      /* PRIV_STOP was sent */
	struct mono stop_by; /* main is given this long */
	bool over;          /* main is gone, or has to go */
	bool failed;        /* something was wrong: the exit code is 1 */
};

/* Blocks the signals that it wants, for good. Takes over fd. 0 or -errno. */
int root_init(struct root *r, const char *conf_file, int fd);
/* Sends the snapshot as the next generation; takes the files over. 0 or -errno. */
int root_offer(struct root *r, struct priv_files *files);
/* Serves until main is gone, ends every pppd, and returns the exit code of the daemon. */
int root_serve(struct root *r);
void root_clear(struct root *r);

#endif
