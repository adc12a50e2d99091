/*
 * The control socket: who is asked (struct ctl_provider, implemented by the
 * daemon), and the server that speaks to the clients.
 *
 * Main's thread only.  The server owns the listening socket and its clients;
 * it never blocks the loop and no client can make it grow without bound.
 */
#ifndef PACD_CTL_CTL_H
#define PACD_CTL_CTL_H

#include "common/addr.h"
#include "common/ctl_proto.h"
#include "common/log.h"
#include "pacd/aaa/acct.h"
#include "pacd/aaa/das.h"
#include "pacd/aaa/dictionary.h"
#include "pacd/aaa/radius.h"
#include "pacd/line/lines.h"
#include "pacd/net/datapath.h"
#include "pacd/pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Values for one answer.  Texts are borrowed and need to live only during the callback; a NULL
 * text and a zero where zero makes no sense (addresses, pid, time-outs, times) mean "none".
 */
struct ctl_session {
	uint64_t id, connection;
	uint16_t call_id, peer_call_id, serial; /* ours; the peer's; Call Serial Number */
	struct endpoint peer;                   /* of the control connection */
	uint32_t local_addr;                    /* likewise, host order */
	const void *user;                       /* octets as the peer sent them */
	size_t user_len;
	const char *state, *phase; /* words of the call's machine; of pppd */
	const char *ifname;
	uint32_t inner_local, inner_remote; /* of the tunnel; host order */
	const char *auth;                   /* word: "mschapv2", ... */
	unsigned mppe_bits;
	int64_t started_at;                 /* unix seconds */
	uint64_t up_s;
	struct datapath_stats traffic;
	unsigned session_timeout_s, idle_timeout_s;
	bool has_idle;                      /* false: no packet came yet */
	uint64_t idle_s;
	pid_t pppd;
	const char *pool, *data_path;       /* name; "user", "null" */
	uint32_t send_accm, receive_accm;   /* of the last Set-Link-Info; all ones before */
	/* Of a real line; line is NULL with a local pppd, "" before one was chosen. */
	const char *line, *group, *direction; /* direction: "in", "out" */
	const char *calling, *called;
	uint32_t speed;                     /* bit/s */
	/* Authorization and accounting; what is not given is not shown. */
	const char *authentic;              /* word: "radius", "local" */
	const char *server;                 /* that accepted the user: "192.0.2.1:1812" */
	const char *session_id;             /* Acct-Session-Id */
	const void *account;                /* octets of the name in accounting */
	size_t account_len;
	const char *filter, *rate_limit;    /* Filter-Id, Mikrotik-Rate-Limit */
	uint64_t rate_up, rate_down;        /* bit/s */
	unsigned classes;                   /* Class attributes */
	const char *class_hex;
	unsigned interim_s;
	const char *routes;                 /* separated by commas */
	uint64_t interface_id;
	const char *ipv6_prefix, *delegated_prefix;
};

struct ctl_connection {
	uint64_t id;
	struct endpoint peer, local;
	const char *state;         /* ctrl_state_word() */
	const void *host, *vendor; /* octets of SCCRQ or SCCRP, without padding */
	size_t host_len, vendor_len;
	unsigned calls;
	uint64_t age_s, idle_s;    /* idle: since the last message of the peer */
	bool originator;
	uint64_t messages_in, messages_out;
};

struct ctl_status {
	const char *version, *conf_file;
	pid_t pid;
	uint64_t up_s;
	uint32_t generation; /* of the configuration */
	unsigned max_channels, channels, connections, established;
	bool draining;
	int64_t last_reload_at;         /* unix seconds */
	const char *last_reload_result; /* "ok", "refused" */
	enum log_level log_level;
	size_t users;
	unsigned lines, lines_busy, lines_failed; /* real ones: all; as lines_busy(); those out of service by a fault */
};

enum ctl_verdict { CTL_VERDICT_ACCEPT, CTL_VERDICT_REJECT, CTL_VERDICT_CHALLENGE, CTL_VERDICT_NO_ANSWER };

/* What came of a test of a user. */
struct ctl_test {
	enum ctl_verdict verdict;
	const char *server;                  /* that answered; NULL or "": none did */
	uint64_t us;                         /* from the first packet to the answer, or until it was given up */
	const char *message;                 /* its Reply-Messages, or NULL */
	const struct radius_packet *packet;  /* the verified answer: its attributes are shown; or NULL */
	const struct dictionary *dictionary; /* for their words; or NULL */
};

typedef void (*ctl_session_fn)(void *arg, const struct ctl_session *s);
typedef void (*ctl_connection_fn)(void *arg, const struct ctl_connection *c);

/*
 * What the daemon can tell and do.  No function may be NULL, none may call ctl_free(), and `ctx` is
 * what ctl_new() got.
 */
struct ctl_provider {
	void (*status)(void *ctx, struct ctl_status *s); /* *s is zeroed */
	void (*each_session)(void *ctx, ctl_session_fn fn, void *arg);
	/* Calls fn for that one. 0 or -ENOENT. */
	int (*one_session)(void *ctx, uint64_t id, ctl_session_fn fn, void *arg);
	void (*each_connection)(void *ctx, ctl_connection_fn fn, void *arg);
	/* i counts from 0; false past the last pool. */
	bool (*pool)(void *ctx, size_t i, struct pool_view *view);
	void (*totals)(void *ctx, struct datapath_totals *totals); /* *totals is zeroed */
	/* i counts from 0, over servers and roles; false past the last. */
	bool (*radius)(void *ctx, size_t i, struct radius_server_view *view);
	void (*accounting)(void *ctx, struct acct_view *acct, struct das_view *das); /* both are zeroed */
	/* Real lines; i counts from 0; false past the last. */
	bool (*line)(void *ctx, size_t i, struct line_view *view);
	/* As lines_act(). */
	int (*line_act)(void *ctx, const char *name, enum line_act act);
	/* As conf_print(): freed by the caller; NULL without memory. */
	char *(*config)(void *ctx);

	/* 0 or -ENOENT. */
	int (*disconnect_session)(void *ctx, uint64_t id);
	/* How many sessions this ended. */
	size_t (*disconnect_user)(void *ctx, const void *name, size_t len);
	size_t (*disconnect_peer)(void *ctx, uint32_t addr);
	/* 0; -EALREADY when that is so already; -ESHUTDOWN: the daemon is ending. */
	int (*drain)(void *ctx, bool on);
	/*
	 * Starts one and keeps the client's id for ctl_finish_reload(), which may be called at once, too.
	 * 0; -EBUSY: one is going on; -ESHUTDOWN: the daemon is ending; another negative code: failed.
	 */
	int (*reload)(void *ctx, uint64_t client);
	void (*log_level)(void *ctx, enum log_level level);
	/*
	 * Sends a real Access-Request with PAP and keeps the client's id for ctl_finish_test(), which may be called at
	 * once, too.  user: 1 to RADIUS_VALUE_MAX octets; password: 0 to CTL_PASSWORD_MAX, wiped when this returns:
	 * a copy of it is wiped by who made it.
	 * 0; -ENOENT: no server for authentication is configured; -ESHUTDOWN: the daemon is ending; -EBUSY: too many
	 * requests wait; another negative code: failed.
	 */
	int (*test_radius)(void *ctx, uint64_t client, const void *user, size_t user_len, const void *password,
			   size_t password_len);
};

struct ctl; /* opaque */

/*
 * Takes over the listening fd in any case. NULL without memory.
 * Until ctl_set_permission() only root may do anything.
 */
struct ctl *ctl_new(struct ev_loop *loop, int fd, const struct ctl_provider *provider, void *ctx);
/* Closes everything; answers that were not read are lost. The socket's file is not ours. */
void ctl_free(struct ctl *c);

/*
 * Who may do what from now on: `mode` is read as for a file, with the caller's user and all its groups (SO_PEERCRED,
 * SO_PEERGROUPS): r of its class: may show; w: may act.  Root always may.  The file itself needs ctl_socket_mode(mode).
 */
void ctl_set_permission(struct ctl *c, uid_t owner, gid_t group, unsigned mode);

/*
 * The deferred answer to reload.  errors: texts, one a line, of a configuration that was refused;
 * NULL: it was taken over.  A client that is gone is ignored.
 */
void ctl_finish_reload(struct ctl *c, uint64_t client, uint32_t generation, const char *errors);
/* The deferred answer to test radius.  `t` and all in it is borrowed. A client that is gone is ignored. */
void ctl_finish_test(struct ctl *c, uint64_t client, const struct ctl_test *t);
/* Any other deferred answer; the text of `answer` is taken over in any case. */
void ctl_finish(struct ctl *c, uint64_t client, struct ctl_out *answer);

/* Clients at present. */
unsigned ctl_clients(const struct ctl *c);

/* --- for tests --- */

struct ctl_peer {
	uid_t uid;
	pid_t pid;
	gid_t gid, *groups; /* groups: malloc'd, or NULL */
	size_t ngroups;
};

struct ctl_limits {
	double request_s;  /* for a request to come in */
	double write_s;    /* without progress while an answer is read */
	double pending_s;  /* for a deferred answer: above the bound of an exchange with RADIUS servers */
	double retry_s;    /* rest after accept() failed for want of descriptors or memory (SEC-07) */
	unsigned clients;  /* at once */
	unsigned reserved; /* of these, places that only root gets */
	size_t queued;     /* octets of answers not read, above which no new request is answered */
};

void ctl_set_limits(struct ctl *c, const struct ctl_limits *limits);
/* Who the other end of a socket is; the default asks the kernel. 0 or -errno. */
void ctl_set_peer_fn(struct ctl *c, int (*peer)(int fd, struct ctl_peer *peer));
/* Pure: CTL_MAY_SHOW and CTL_MAY_ACT. */
unsigned ctl_rights(const struct ctl_peer *peer, uid_t owner, gid_t group, unsigned mode);

#endif
