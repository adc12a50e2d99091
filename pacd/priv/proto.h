/*
 * What main and the root part say to each other: a closed set of typed messages
 * over a SOCK_SEQPACKET pair.  No path, no argv and no option text crosses to
 * the root part: things are named by index into a configuration snapshot, and
 * each request carries the snapshot's generation.
 *
 * Pure codec; descriptors travel beside the message (common/seqmsg.h).
 */
#ifndef PACD_PRIV_PROTO_H
#define PACD_PRIV_PROTO_H

#include "common/script_vars.h"

#include <stddef.h>
#include <stdint.h>

#define PRIV_MSG_MAX 8192
#define PRIV_FD 3 /* main finds its end of the pair here */

enum priv_type {
	/* main asks */
	PRIV_OPEN = 1,    /* a socket: what, index */
	PRIV_START_PPPD,
	PRIV_SIGNAL_PPPD,
	PRIV_CONF_TAKEN,  /* main has taken over, or refused, the snapshot */
	PRIV_RELOAD,      /* read the files again (also on SIGHUP to the root part) */
	PRIV_READY,       /* main serves; once, after the start */
	PRIV_DOWN_HOOK,   /* run ip-down for a pppd that could not: it was killed or crashed with its link up */
	PRIV_CHANGE_HOOK, /* run ppp.change_script: a CoA-Request has changed a session */
	PRIV_CLOSE_LINE,  /* main has closed a line's device: its lock goes */
	/* the root part tells */
	PRIV_CONF = 65,   /* fds: pacd.conf, then users and radius (where there are some), or error texts (when not ok) */
	PRIV_OPENED,      /* fd: the socket, when error is 0 */
	PRIV_STARTED,     /* fds: pty master, plugin socket, log pipe, when error is 0 */
	PRIV_EXITED,
	PRIV_STOP,        /* SIGTERM or SIGINT came to the root part: drain */
};

enum priv_socket {
	PRIV_SOCKET_LISTEN,  /* index: of listen[] */
	PRIV_SOCKET_GRE,     /* index: worker */
	PRIV_SOCKET_GUARD,   /* a raw GRE socket that drops all: keeps ICMP protocol-unreachable from being sent */
	PRIV_SOCKET_CONTROL, /* the control socket, listening */
	PRIV_SOCKET_SPOOL,   /* the folder radius.acct.spool (O_DIRECTORY), made where missing, main's user's own, 0700 */
	/*
	 * index: of a line (conf_line_get()): the serial device of a "tty", locked and exclusively ours; for a "tcp" with
	 * `listen` the listening socket.  May come again, once it was closed.
	 */
	PRIV_SOCKET_LINE,
	PRIV_SOCKETS
};

enum priv_signal { PRIV_SIGNAL_TERM, PRIV_SIGNAL_KILL, PRIV_SIGNALS };

struct priv_open {
	uint32_t generation;
	uint8_t socket; /* enum priv_socket */
	uint16_t index;
};

struct priv_start_pppd {
	uint32_t generation;
	uint64_t token;     /* main's name for this pppd: the session id */
	uint32_t peer_addr; /* host order: ipparam and remotenumber */
};

struct priv_signal_pppd {
	uint64_t token;
	uint8_t signal; /* enum priv_signal */
};

struct priv_conf_taken {
	uint32_t generation;
	uint8_t taken; /* 1 or 0 */
};

/* Addresses in host order.  What the script gets is made of these numbers only. */
struct priv_down_hook {
	uint32_t unit;          /* of the interface: pppN; at most INT32_MAX */
	uint32_t local, remote; /* the link's own addresses */
	uint32_t peer_addr;     /* the caller's: ipparam and remotenumber */
};

/* The link of a live pppd, and what its script is told. */
struct priv_change_hook {
	uint32_t generation;    /* whose ppp.change_script */
	uint64_t token;         /* of a pppd that lives */
	uint32_t unit;          /* as above */
	uint32_t local, remote;
	uint32_t peer_addr;
	struct script_vars vars;
};

/* ok: PRIV_CONF_TAKEN is to follow, and until then both generations are good. Not ok: nothing follows. */
struct priv_conf {
	uint32_t generation; /* 1 at the start; never used twice */
	uint8_t ok;          /* 1: fds are the files; 0: one fd, the error texts */
	uint8_t has_users;   /* 0 when not ok */
	uint8_t has_radius;  /* 0 when not ok: what conf_radius_complete() takes */
	uint8_t detach;      /* 1: after PRIV_READY main leaves the terminal: no stderr, unless it logs there */
};

struct priv_opened {
	uint8_t socket;
	uint16_t index;
	int32_t error; /* 0 or an errno */
	uint32_t handle; /* of a line's device: for PRIV_CLOSE_LINE; 0: there is nothing to unlock */
	uint32_t generation; /* that was asked with; 0 but for a line */
};

/* A handle that is not there any more is ignored. */
struct priv_close_line {
	uint32_t handle; /* not 0 */
};

struct priv_started {
	uint64_t token;
	int32_t error;
	uint32_t pid;
};

struct priv_exited {
	uint64_t token;
	int32_t status; /* of waitpid() */
};

struct priv_msg {
	uint8_t type;
	union {
		struct priv_open open;
		struct priv_start_pppd start_pppd;
		struct priv_signal_pppd signal_pppd;
		struct priv_conf_taken conf_taken;
		struct priv_down_hook down_hook;
		struct priv_change_hook change_hook;
		struct priv_close_line close_line;
		struct priv_conf conf;
		struct priv_opened opened;
		struct priv_started started;
		struct priv_exited exited;
	};
};

/* Length written, or 0 when `cap` is too small or the type unknown. */
size_t priv_encode(uint8_t *data, size_t cap, const struct priv_msg *m);
/* 0, or -EBADMSG: unknown type, short, leftover octets, values out of range. */
int priv_decode(struct priv_msg *m, const uint8_t *data, size_t len);
/* How many descriptors come with the message; all others are a fault of the sender. */
size_t priv_fds(const struct priv_msg *m);

#endif
