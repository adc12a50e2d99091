/*
 * What pacd.c, pacd_conf.c and the control files share.
 */
#ifndef PACD_PACD_INTERNAL_H
#define PACD_PACD_INTERNAL_H

#include "pacd/aaa/dictionary.h"
#include "pacd/ctl/ctl.h"
#include "pacd/line/line_ppp.h"
#include "pacd/line/lines.h"
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
	struct line_ppp *pppds;
	struct lines *lines; /* real ones */
	struct resolver *resolver;
	struct pools *pools;
	struct datapath *datapath;
	struct radius_client *radius;
	struct acct *acct;
	struct das *das;
	struct list tests; /* of control_radius.c: those that no server has answered yet */
	struct dictionary *dictionary; /* NULL: numbers are shown */
	struct sessions *sessions;
	struct ctl *ctl;

	int *gre_fds; /* while starting: one per worker */
	int guard_fd;
	int spool_fd; /* until accounting has it; -1: none */
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
/* control_radius.c */
#define CONTROL_CLASS_HEX 128 /* octets of text for the Class attributes of a session, cut to it */
int control_test_radius(void *ctx, uint64_t client, const void *user, size_t user_len, const void *password,
			size_t password_len);
void control_radius_clear(struct pacd *p);
bool control_show_radius(void *ctx, size_t i, struct radius_server_view *view);
void control_show_accounting(void *ctx, struct acct_view *acct, struct das_view *das);
void control_session_radius(const struct session_view *v, struct ctl_session *s, char class_hex[CONTROL_CLASS_HEX]);
/* pacd.c */
void pacd_fail(struct pacd *p, const char *what, int error, const char *hint);
/* Asks the root part for everything but the listening sockets. */
void pacd_open_inner(struct pacd *p);
void pacd_drain(struct pacd *p, bool on);
/* pacd_conf.c */
void pacd_on_conf(void *ctx, const struct priv_conf *m, const struct priv_conf_fds *fds);
int pacd_reload(struct pacd *p);
void pacd_configure_conns(struct pacd *p);
/* Accounting is wanted, and has a server to go to. */
bool pacd_accounts(const struct conf *c);
/* For acct.h: without such a server it is off. Borrows from `c`. */
struct conf_radius pacd_accounting(const struct conf *c);
void pacd_close_fd(int fd); /* -1: nothing */

#endif
