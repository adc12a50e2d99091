/*
 * The configuration: one immutable, validated snapshot of pacd.conf and of the
 * users file.
 *
 * Parsing works on bytes that are already in memory and touches no file: the
 * root part reads the files and hands main sealed copies, and both parse them
 * with this code.  Every error of a file is collected, with file, line and key.
 */
#ifndef PACD_CONF_H
#define PACD_CONF_H

#include "common/addr.h"
#include "common/hash.h"
#include "common/log.h"
#include "pacd/conf_lines.h"
#include "pacd/conf_radius.h"
#include "pacd/proto/ctrl.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONF_FILE_MAX (16u << 20) /* octets of one file */
#define CONF_NAME_MAX 253         /* octets of a user's name */
#define CONF_DNS 2
#define CONF_PORT 1723 /* where listen gives none */
#define CONF_ERRORS_MAX 1000
#define CONF_POOLS_MAX 1000
#define CONF_LIST_MAX 4096            /* elements of any other list */
#define CONF_POOL_SIZE_MAX (1u << 24) /* addresses of one pool */

/* Texts "FILE:LINE: KEY: what is wrong; what to do", without a newline. */
struct conf_errors {
	char **list;
	size_t n;       /* at most CONF_ERRORS_MAX are kept */
	size_t dropped; /* how many more there were */
};

enum conf_mppe { CONF_MPPE_REQUIRE, CONF_MPPE_ALLOW, CONF_MPPE_DENY };
enum conf_auth { CONF_AUTH_PAP = 1, CONF_AUTH_CHAP = 2, CONF_AUTH_MSCHAP = 4, CONF_AUTH_MSCHAPV2 = 8 };
enum conf_on_limit { CONF_LIMIT_REFUSE, CONF_LIMIT_REPLACE };

struct conf_pool {
	char *name;
	uint32_t local; /* our end of every link that takes an address here; never 0 (ppp.local stands in) */
	struct addr_range *ranges;
	size_t nranges; /* a CIDR's network and broadcast address are left out already */
	struct addr_range *reserved; /* never given to anyone by choice of the pool */
	size_t nreserved;
	uint32_t dns[CONF_DNS], wins[CONF_DNS]; /* 0: not given */
	bool proxyarp;
};

struct conf_control {
	char *path;
	char *owner, *group; /* NULL: root; names */
	unsigned mode;       /* r: may show, w: may act; see pacctl(8) */
};

struct conf_limits {
	unsigned connections; /* control connections of all peers; never 0 */
	unsigned connections_per_peer, calls_per_peer; /* 0: no limit */
	unsigned pending; /* connections of all peers that are not established; 0: no limit */
	unsigned pending_per_peer;
	unsigned calls_per_connection;
	unsigned call_rate_per_peer; /* Outgoing-Call-Requests a second from one address; 0: no limit */
};

struct conf_ppp {
	char *pppd;     /* absolute path */
	char *plugin;   /* absolute path of pacd.so */
	char *options;  /* a pppd options file, or NULL */
	bool check;     /* start-up checks; false lets any program stand in pppd's place */
	unsigned mtu;   /* and MRU; 128..1460 */
	unsigned auth;  /* bits of enum conf_auth, not 0 */
	enum conf_mppe mppe;
	bool mppe_stateful;
	unsigned lcp_echo_interval, lcp_echo_failure; /* seconds; count; 0: off */
	bool ipv6;
	bool ipparam;   /* the caller's public address as ipparam */
	char *change_script; /* run after a CoA-Request, or NULL */
	uint32_t local; /* our address where the pool gives none; 0: the first pool's */
};

struct conf_aaa {
	enum conf_method method;
	char *users;  /* absolute path, or NULL: there are no local users */
};

struct conf {
	unsigned refs; /* see conf_hold() */
	char *file; /* its name, for messages */
	struct endpoint *listen;
	size_t nlisten;
	unsigned max_channels; /* 1..65535 */
	char *user;            /* main runs as it */
	struct conf_control control;
	enum log_target log_target;
	enum log_level log_level;
	struct conf_limits limits;
	struct addr_range *allow, *deny; /* deny goes first; an empty allow list allows all */
	size_t nallow, ndeny;
	struct ctrl_timers timers;  /* start, reply, echo_idle, echo_reply */
	int64_t dial_ms;            /* for a line to answer (TIM-05) */
	int64_t login_ms;           /* from the call's answer to an accepted login */
	int64_t ack_timeout_max_ms; /* MaxTimeOut of RFC 2637 section 4.4 */
	unsigned drain_s;           /* bound of a polite shutdown */
	unsigned quarantine_s;      /* a call id rests this long after use */
	char hostname[MSG_TEXT];    /* SCCRP; default: the host's own name */
	bool one_connection_per_peer; /* CC-08 */
	unsigned window;            /* packets; our receive window */
	bool strict_window;         /* obey the peer's window on pppd calls */
	unsigned workers;           /* GRE worker threads; 1..64 */
	uint32_t speed;             /* bit/s announced in OCRP */
	unsigned login_delay_ms;    /* a rejected login is answered this much later */
	struct conf_ppp ppp;
	struct conf_aaa aaa;
	struct conf_radius radius;
	struct conf_real real;      /* lines, chats, routes, dialplan, pns */
	struct conf_pool *pools;
	size_t npools;
	struct conf_errors warnings; /* nothing that forbids to start, but worth a line in the log */
};

struct conf_user {
	struct hash_node node; /* in conf_users.by_name */
	char *name;
	char *secret; /* text, or NULL when nt_hash is given */
	bool has_nt_hash;
	uint8_t nt_hash[16];
	uint32_t address; /* 0: from a pool */
	char *pool;       /* NULL: the first one */
	unsigned sessions; /* at once; 0: no limit */
	enum conf_on_limit on_limit;
	unsigned session_timeout, idle_timeout; /* seconds; 0: none */
};

struct conf_users {
	struct hash by_name; /* hash_bytes() of the name */
	struct conf_user *list;
	size_t n;
	struct conf_errors warnings;
};

void conf_errors_init(struct conf_errors *e);
void conf_errors_clear(struct conf_errors *e);
/* line 0: the file as a whole; key NULL: none. */
void conf_errors_add(struct conf_errors *e, const char *file, unsigned line, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
void conf_errors_addv(struct conf_errors *e, const char *file, unsigned line, const char *key, const char *fmt,
		      va_list args) __attribute__((format(printf, 5, 0)));
/* All texts, one a line, into one string that the caller frees; NULL without memory. */
char *conf_errors_join(const struct conf_errors *e);

/* NULL with at least one error added, or the snapshot, which the caller frees. */
struct conf *conf_parse(const char *file, const char *text, size_t len, struct conf_errors *errors);
/* Calls keep the snapshot that they began with: one more holder. One thread only. */
struct conf *conf_hold(const struct conf *c);
/* The last holder's frees it; NULL is allowed. */
void conf_free(struct conf *c);
/* Likewise for the users file; pools named in it must stand in `c`. Secrets are wiped when freed. */
struct conf_users *conf_users_parse(const char *file, const char *text, size_t len, const struct conf *c,
				    struct conf_errors *errors);
void conf_users_free(struct conf_users *u);
const struct conf_user *conf_users_find(const struct conf_users *u, const void *name, size_t len);
/*
 * What only root could find out, as text of the root part's own making (conf_radius_text()): secrets that stand in
 * files, addresses of names, the servers of radcli's configuration.  Fills conf.radius, and warnings; 0, or -1 with
 * errors added for what is missing.  len 0: there is nothing, as when the root part sends no such text.
 */
int conf_radius_complete(struct conf *c, const char *text, size_t len, struct conf_errors *errors);
/* True when requests go to RADIUS servers at all: a method with it, precheck, or accounting. */
bool conf_radius_used(const struct conf *c);
/* The pool of that name, the first pool for NULL, or NULL. */
const struct conf_pool *conf_pool_find(const struct conf *c, const char *name);
/* peers.allow and peers.deny. */
bool conf_peer_allowed(const struct conf *c, uint32_t addr);

/*
 * The snapshot as text that conf_parse() takes again and that yields the same, but for secrets: there are none in it,
 * so one that stands in the configuration itself has to be put back first. The caller frees it; NULL without memory.
 */
char *conf_print(const struct conf *c);

#endif
