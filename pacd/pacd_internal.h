/*
 * What pacd.c and control.c share.
 */
#ifndef PACD_PACD_INTERNAL_H
#define PACD_PACD_INTERNAL_H

#include "pacd/ctl/ctl.h"
#include "pacd/line/line_ppp.h"
#include "pacd/net/listener.h"
#include "pacd/session.h"

enum pacd_phase {
	PACD_STARTING, /* waits for the configuration and for sockets */
	PACD_SERVING,
	PACD_STOPPING, /* SIGTERM: calls are being ended */
};

struct pacd {
	struct ev_loop *loop;
	enum pacd_phase phase;
	int exit_code;
	bool detach; /* leave stderr once serving */

	const char *conf_file;
	struct conf *conf;
	struct conf_users *users; /* NULL: no users file */
	uint32_t generation;

	struct priv_client *priv;
	struct peers peers;
	struct conns *conns;
	struct listener **listeners;
	size_t nlisteners; /* a reload may change how many the configuration names */
	struct line_ppp *lines;
	struct pools *pools;
	struct datapath *datapath;
	struct sessions *sessions;
	struct ctl *ctl;

	int *gre_fds; /* while starting: one per worker */
	int guard_fd;
	unsigned opens_due; /* sockets that were asked for and have not come */

	struct ev_timer watchdog, drain;
	struct ev_prepare drained;
	bool draining; /* by pacctl */

	struct mono since;
	int64_t last_reload;
	const char *last_reload_result;
	uint64_t reload_client; /* 0: nobody waits */
	bool reloading;
};

/* control.c: what the control socket shows and does. */
extern const struct ctl_provider pacd_ctl_provider;
void pacd_ctl_permission(struct pacd *p);
/* pacd.c */
int pacd_reload(struct pacd *p);
void pacd_drain(struct pacd *p, bool on);

#endif
