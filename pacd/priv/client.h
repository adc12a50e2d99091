/*
 * Main's side of the root part's socket: asks, and hands answers to handlers.
 *
 * Owns the socket and a queue of requests that it did not take yet.  Every
 * answer is asynchronous; descriptors that a handler gets belong to it.
 */
#ifndef PACD_PRIV_CLIENT_H
#define PACD_PRIV_CLIENT_H

#include "pacd/priv/proto.h"

#include <ev.h>
#include <stdbool.h>

struct priv_conf_fds {
	int conf, users, radius, errors; /* the handler's, each; -1: none */
};

struct priv_handlers {
	/*
	 * On a good configuration conf, users and radius (or -1); on a bad one errors; the others are -1.  Without a
	 * descriptor left for them: m->ok is 0, all are -1, and the root part has been told that it is not taken.
	 */
	void (*conf)(void *ctx, const struct priv_conf *m, const struct priv_conf_fds *fds);
	void (*opened)(void *ctx, const struct priv_opened *m, int fd);
	/* Without a descriptor left: m->error is EMFILE, and the root part has been asked to kill that pppd. */
	void (*started)(void *ctx, const struct priv_started *m, int pty, int plugin, int log);
	void (*exited)(void *ctx, const struct priv_exited *m);
	void (*stop)(void *ctx);
	/* The root part is dead or spoke nonsense: end at once. Comes once, nothing comes after it, and it may free. */
	void (*gone)(void *ctx);
};

struct priv_client; /* opaque */

/* Takes over fd. NULL without memory. */
struct priv_client *priv_client_new(struct ev_loop *loop, int fd, const struct priv_handlers *handlers, void *ctx);
void priv_client_free(struct priv_client *p);
/*
 * Each: 0; -ENOMEM; -ENOBUFS when the queue (bounded) is full; -EPIPE when the root part is gone.
 * A handler may call any of them; only gone() may free.
 */
int priv_client_open(struct priv_client *p, uint32_t generation, enum priv_socket socket, unsigned index);
int priv_client_start_pppd(struct priv_client *p, uint32_t generation, uint64_t token, uint32_t peer_addr);
int priv_client_signal_pppd(struct priv_client *p, uint64_t token, enum priv_signal signal);
int priv_client_conf_taken(struct priv_client *p, uint32_t generation, bool taken);
int priv_client_reload(struct priv_client *p);
/* Once, when main serves: `pacd` without -f returns to its caller then. See also priv_conf.detach. */
int priv_client_ready(struct priv_client *p);
/*
 * For a pppd that ended by a signal with its link up, after its exited(): the down scripts run, as pppd would have run
 * them.  Once for each such pppd; more is refused.
 */
int priv_client_down_hook(struct priv_client *p, uint32_t unit, uint32_t local, uint32_t remote, uint32_t peer_addr);
/*
 * The change script of a live pppd's link, after its session was changed; see ppp.change_script.  Also -EINVAL: a value
 * that the root part would not take.
 */
int priv_client_change_hook(struct priv_client *p, const struct priv_change_hook *m);
/* After the device of a line was closed: the lock goes, and it may be opened again. */
int priv_client_close_line(struct priv_client *p, uint32_t handle);

#endif
