/*
 * What pacd says to a RADIUS server about a call, a login and a session: plain
 * values to attribute lists.
 *
 * Pure.  Which server, its secret and the packet around it are not known here.
 */
#ifndef PACD_PROTO_RADIUS_REQUEST_H
#define PACD_PROTO_RADIUS_REQUEST_H

#include "common/plugin_proto.h"
#include "pacd/proto/radius.h"

#define RADIUS_SESSION_ID 24 /* octets of an Acct-Session-Id of ours with its NUL */

enum radius_service { RADIUS_SERVICE_FRAMED = 2, RADIUS_SERVICE_OUTBOUND = 5, RADIUS_SERVICE_CALL_CHECK = 10,
		      RADIUS_SERVICE_AUTHORIZE_ONLY = 17 };
enum radius_port_type { RADIUS_PORT_ASYNC = 0, RADIUS_PORT_SYNC = 1, RADIUS_PORT_ISDN_SYNC = 2,
			RADIUS_PORT_ISDN_V120 = 3, RADIUS_PORT_ISDN_V110 = 4, RADIUS_PORT_VIRTUAL = 5 };

enum radius_acct_status {
	RADIUS_ACCT_START = 1,
	RADIUS_ACCT_STOP = 2,
	RADIUS_ACCT_INTERIM = 3,
	RADIUS_ACCT_ON = 7,
	RADIUS_ACCT_OFF = 8,
	RADIUS_ACCT_TUNNEL_START = 9,
	RADIUS_ACCT_TUNNEL_STOP = 10,
	RADIUS_ACCT_TUNNEL_REJECT = 11,
	RADIUS_ACCT_LINK_START = 12,
	RADIUS_ACCT_LINK_STOP = 13,
	RADIUS_ACCT_LINK_REJECT = 14,
};

enum radius_terminate_cause {
	RADIUS_CAUSE_NONE = 0,
	RADIUS_CAUSE_USER_REQUEST = 1,
	RADIUS_CAUSE_LOST_CARRIER = 2,
	RADIUS_CAUSE_LOST_SERVICE = 3,
	RADIUS_CAUSE_IDLE_TIMEOUT = 4,
	RADIUS_CAUSE_SESSION_TIMEOUT = 5,
	RADIUS_CAUSE_ADMIN_RESET = 6,
	RADIUS_CAUSE_ADMIN_REBOOT = 7,
	RADIUS_CAUSE_PORT_ERROR = 8,
	RADIUS_CAUSE_NAS_ERROR = 9,
	RADIUS_CAUSE_NAS_REQUEST = 10,
	RADIUS_CAUSE_NAS_REBOOT = 11,
	RADIUS_CAUSE_PORT_PREEMPTED = 13,
	RADIUS_CAUSE_SERVICE_UNAVAILABLE = 15,
	RADIUS_CAUSE_CALLBACK = 16,
	RADIUS_CAUSE_USER_ERROR = 17,
	RADIUS_CAUSE_HOST_REQUEST = 18,
};

/* RAD-01: this access server; at least one is there. */
struct radius_nas {
	uint32_t address; /* host order; 0: none */
	bool has_address6;
	uint8_t address6[16];
	char identifier[RADIUS_TEXT]; /* "": none */
};

/* RAD-06, RAD-07 and what a compulsory tunnel's set gave (RAD-43, RAD-44); "" or 0: none. */
struct radius_tunnel {
	uint32_t client, server; /* host order: who opened the control connection, and the other end */
	char connection[24];     /* Acct-Tunnel-Connection */
	const char *private_group, *assignment, *client_auth, *server_auth; /* borrowed; NULL: none */
};

/* RAD-02..05: one call; stays the same for its life. */
struct radius_call {
	char session_id[RADIUS_SESSION_ID];
	uint32_t nas_port;
	uint8_t port_type; /* enum radius_port_type */
	char port_id[32];  /* "pptp12" */
	char calling[RADIUS_TEXT], called[RADIUS_TEXT];
	char connect_info[64];
	struct radius_tunnel tunnel; /* all zero: no tunnel */
};

/* RAD-02: from the bearer and framing capabilities of an OCRQ or ICRQ (bits: 1 analog/async, 2 digital/sync). */
enum radius_port_type radius_port_type(uint32_t bearer, uint32_t framing);

void radius_put_nas(struct wbuf *w, const struct radius_nas *nas);
/* RAD-06, RAD-07, RAD-44: Tunnel-Type to Tunnel-Server-Auth-ID, the untagged set.  Nothing for a tunnel of zeros. */
void radius_put_tunnel(struct wbuf *w, const struct radius_tunnel *t);
/* NAS-Port to Acct-Tunnel-Connection, each once. */
void radius_put_call(struct wbuf *w, const struct radius_call *c);
/*
 * A Call-Check (RAD-10): User-Name and User-Password with NAS and call around them.  service: Call-Check or Outbound.
 */
void radius_put_call_check(struct wbuf *w, const struct radius_nas *nas, const struct radius_call *c,
			   enum radius_service service, const char *user, const char *password,
			   const struct radius_hiding *h);
/*
 * A login (RAD-20 to RAD-23), Service-Type Framed, Framed-Protocol PPP.  0, or -EINVAL: not to be put to a server (a
 * password over 128 octets, a response or challenge of wrong length, no name or one over 253 octets, another method),
 * and nothing is written.
 */
int radius_put_login(struct wbuf *w, const struct radius_nas *nas, const struct radius_call *c,
		     const struct plugin_auth *proof, const struct radius_hiding *h);

/* One accounting record but for Acct-Delay-Time, which is added when it is sent. */
struct radius_account {
	uint8_t status;     /* enum radius_acct_status */
	int64_t event_time; /* unix seconds */
	const uint8_t *user;
	size_t user_len;    /* 0: none */
	bool framed;        /* Service-Type Framed and Framed-Protocol PPP */
	uint32_t address;   /* Framed-IP-Address; 0: none */
	uint8_t authentic;  /* 1 RADIUS, 2 local; 0: none */
	uint8_t method;     /* enum plugin_method; 0: none: for MS-Acct-Auth-Type */
	const uint8_t *class_; /* encoded Class attributes, borrowed */
	size_t class_len;
	const char *filter; /* Filter-Id; NULL or "": none */
	uint64_t interface_id; /* Framed-Interface-Id; 0: none */
	bool has_counters;  /* Interim, Stop, Link-Stop, Tunnel-Stop */
	uint32_t seconds;
	uint64_t in_octets, out_octets, in_packets, out_packets; /* from the user; to the user */
	uint32_t cause;     /* enum radius_terminate_cause; 0: not in the record */
	bool has_lost;      /* Acct-Tunnel-Packets-Lost (RAD-72) */
	uint32_t lost;
};

/*
 * NULL call: On and Off, with the session id given; else that of the call.  Which attributes go into which record:
 * table of ledger section 7.
 */
void radius_put_account(struct wbuf *w, const struct radius_nas *nas, const struct radius_call *c,
			const char *session_id, const struct radius_account *a);
/*
 * From a Start or Interim already encoded: the Stop that nobody has written, after a crash (cause 11).  Likewise
 * Tunnel-Stop and Link-Stop from their Starts.  Counters that the record has not are 0.  A broken list, or one without
 * Acct-Status-Type, faults the writer.
 */
void radius_put_closing(struct wbuf *w, const uint8_t *record, size_t len);

#endif
