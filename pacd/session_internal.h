/*
 * What the session*.c files share, and nobody else.
 */
#ifndef PACD_SESSION_INTERNAL_H
#define PACD_SESSION_INTERNAL_H

#include "pacd/aaa/ask.h"
#include "pacd/net/callid.h"
#include "pacd/session.h"

#define SESSION_NAMES 32 /* names of PNSs whose addresses are kept for a moment */
#define SESSION_LINE_MAX_S 660 /* no real line takes longer to be dialled or answered: see dial_timeout */

/* One timer per session, set to the earliest of these. */
enum session_deadline {
	SESSION_DL_DIAL,    /* the line has not answered */
	SESSION_DL_NO_GRE,  /* nothing has come from the peer */
	SESSION_DL_LOGIN,   /* no user is logged in, or the link is not up */
	SESSION_DL_CLOSED,  /* pppd has closed its pty and still lives */
	SESSION_DL_ANSWER,  /* the login's answer is sent, or tried again */
	SESSION_DL_LIMIT,   /* session_timeout */
	SESSION_DL_IDLE,    /* look whether there was traffic */
	SESSION_DL_INTERIM, /* the next Interim-Update */
	SESSION_DL_NOTE,    /* how it stands goes to the spool */
	SESSION_DL_WEN,     /* look at a real line's errors */
	SESSION_DEADLINES
};

/* What a RADIUS server gave, as far as it outlives the login. */
struct session_service {
	char server[AAA_SERVER_TEXT];
	uint8_t *class_; /* owned; encoded Class attributes */
	size_t class_len;
	char user_name[RADIUS_TEXT]; /* for accounting; "": as the peer sent it */
	char filter[RADIUS_TEXT], rate_limit[RADIUS_TEXT];
	uint32_t rate_up, rate_down; /* bit/s; 0: none */
	unsigned interim;            /* seconds, as the server has it; 0: none */
	bool interim_ordered;        /* by a CoA-Request: goes before ours */
	uint64_t interface_id;
	struct plugin_route routes[PLUGIN_ROUTES];
	unsigned nroutes;
	struct radius_prefix6 prefixes[RADIUS_PREFIXES], delegated[RADIUS_PREFIXES];
	unsigned nprefixes, ndelegated;
	unsigned mtu; /* 0: ours */
	bool no_vj;
	uint32_t dns[2], wins[2];
	bool mppe_40, mppe_128;
};

/* Of a call on a real line. */
struct session_real {
	uint64_t ring;       /* whose offer it is; 0: outgoing, or the line is its own already */
	char name[LINE_NAME], group[LINE_NAME];
	char calling[MSG_TEXT + 1], called[MSG_TEXT + 1];
	char number[CHAT_NUMBER + 1]; /* outgoing: what is dialled */
	uint32_t channel, bearer, framing, speed;
	uint16_t window;
	struct msg_wen told; /* the last WAN-Error-Notify */
	char server[AAA_SERVER_TEXT]; /* that authorized the ring */
	/* of the tunnel's set, for accounting (RAD-43, RAD-44) */
	char private_group[RADIUS_TEXT], assignment[RADIUS_TEXT], client_auth[RADIUS_TEXT], server_auth[RADIUS_TEXT];
};

struct session {
	struct sessions *set;
	uint64_t id;
	struct hash_node by_id, by_pns, by_user;
	struct list link;      /* in set->all */
	struct list conn_link; /* in the connection's list, while the call lives */

	struct conf *conf; /* the snapshot that it began with, held */

	/* the call */
	struct call call;
	uint64_t conn;
	struct endpoint peer;
	uint32_t local_addr;
	uint16_t call_id;
	bool incoming;
	struct msg_ocrq ocrq;  /* outgoing */
	uint16_t pns_id;       /* the PNS's call id, once has_pns_id */
	bool has_pns_id;
	uint16_t serial;       /* Call Serial Number */
	uint16_t peer_window, peer_delay; /* as its OCRQ or ICRP has them */
	bool call_over;
	bool connected; /* OCRP result 1, or ICCN, is out */
	bool data_on;
	uint32_t send_accm, receive_accm; /* of the last Set-Link-Info (section 2.15) */
	struct datapath_stats final; /* once the data path has let go */

	/* what servers are told of it, and asked */
	struct radius_call radius;
	struct aaa_exchange *asking;     /* about the call, or about the user; NULL: nothing is */
	struct radius_grant *call_grant; /* owned: what the call's authorization gave, until the user's comes */
	struct session_service *service; /* owned; NULL: a local user, or nobody yet */
	enum aaa_authentic by;

	/* accounting */
	enum radius_terminate_cause cause; /* the first one noted; NONE: as `reason` says */
	bool started_acct, stopped_acct;   /* Start, Stop are on their way */
	bool link_acct;                    /* Link-Start is */
	bool changed_early;                /* by a CoA-Request, before the link was up */
	bool asked_to_end;                 /* the peer's own LCP Terminate-Request */
	struct plugin_down counted;        /* pppd's last counters */
	bool has_counted;
	struct mono up_since;
	bool in_tunnel;                    /* counted in its connection's tunnel */
	uint32_t call_seconds;             /* how long the call was, once it is over */

	/* the line */
	const struct line_ops *line_ops;
	void *lines;
	struct session_real *real; /* owned; NULL: a local pppd */
	bool line_over;
	enum line_reason reason; /* why it ends, or would if its peer or its line ended it now */
	bool ending;
	uint32_t pid;

	/* the user */
	bool rejected; /* a login was: final (RAD-27) */
	bool known; /* authenticated: counted in set->users */
	uint8_t user[PLUGIN_NAME_MAX]; /* as sent */
	size_t user_len;
	char account[CONF_NAME_MAX + 1]; /* as the users file has it */
	uint8_t method;
	uint32_t address, gateway;
	bool leased;
	bool peer_chooses;     /* its address comes with the link */
	char pool[64];
	unsigned session_timeout, idle_timeout;
	struct aaa_answer *answer; /* waits to be sent, or for an address */
	struct mono answer_until, plugin_waits_until;

	/* the link */
	bool up;
	unsigned phase;
	struct plugin_up link_up;
	uint64_t idle_packets;
	struct mono idle_since;

	struct mono since;
	int64_t started;
	struct ev_timer timer;
	struct mono deadlines[SESSION_DEADLINES];
};

struct sessions {
	struct session_rooms rooms;
	const struct conf *conf;
	const struct conf_users *users;
	struct list all;
	struct hash by_id, by_pns, by_user;
	struct callid_pool callids;
	struct list rings; /* of session_ring.c, as the next two */
	unsigned nrings, turn;
	struct hash failing; /* of session_pns.c, as the next two */
	struct session_name { char host[RADIUS_TEXT]; uint32_t addr; struct mono until; } names[SESSION_NAMES];
	unsigned next_name;
	struct list owed;    /* of session_offer.c */
	struct ev_timer owed_timer;
	uint16_t serial;     /* of the next Incoming-Call-Request; random start (CALL-05) */
	uint64_t next_id;
	unsigned channels, count;
	bool draining;
	int netlink;
	struct radius_nas nas;
	struct hash tunnels; /* of session_tunnel.c */
	struct log_limit limit_refused, limit_calls;
};

/* session.c */
struct session *session_find(struct sessions *set, uint64_t id);
void session_event(struct session *s, const struct call_event *ev);
/* The peer or the line ends it: notes why.  The first reason counts, and a refused login explains what follows. */
void session_ending(struct session *s, enum line_reason reason, enum radius_terminate_cause cause);
/* pppd's exit status, so far or final, where nobody here has asked for the end. */
void session_note_exit(struct session *s, int status);
/* Why the calls of a control connection end with it. */
enum radius_terminate_cause session_close_cause(enum ctrl_close why, bool incoming);
/* Ends the call (CDN result 3) and the line for a reason of ours. */
void session_end(struct session *s, enum line_reason reason);
/* Likewise each that is chosen (NULL: all) and not over; how many. */
unsigned session_end_each(struct sessions *set, bool (*chosen)(const struct session *s, const void *arg),
			  const void *arg, enum line_reason reason);
void session_set_deadline(struct session *s, enum session_deadline d, struct mono at);
/* The head of every log line about a session. */
#define SESSION_LOG "session=%llu call=%u peer=%s"
#define SESSION_LOG_ARGS(s, text) (unsigned long long)(s)->id, (s)->call_id, endpoint_text((s)->peer, text)

/*
 * NULL without memory. Its line is a local pppd's until somebody says otherwise.  Places among PEERS_LINES, and the
 * connection's calls, are its caller's to take.
 */
struct session *session_new(struct sessions *set, struct conn *c);
/* One that has not begun: it gives its place among PEERS_LINES back. */
void session_discard(struct session *s);
/* The PNS's call id is known; 0 or -ENOMEM. */
int session_take_pns_id(struct session *s, uint16_t id);
/* The call of that connection with this PNS id, or NULL. */
struct session *session_find_pns(struct sessions *set, uint64_t conn, uint16_t pns_id);

/* session_call.c */
void session_call_message(void *ctx, struct conn *c, const struct msg *m);
void session_call_act(struct session *s, const struct call_action *a);
void session_call_no_gre(struct session *s);
void session_call_dial(struct session *s);
/* The channel, the call id and the place in the connection's list. */
void session_call_claim(struct session *s, struct conn *c);
/* From the tables of the living: its ids and its place are free. */
void session_unlink_call(struct session *s);

/* session_check.c: may the call be answered (RAD-10 to RAD-13) */
/* True: a server is asked, and the line is dialled, or the call refused, once it has answered. */
bool session_check_start(struct session *s);

/* session_real.c: what is particular about a real line */
/* Which line an OCRQ is for, by dial plan. 0; -EINVAL: its number can't be dialled; -ENOMEM. */
int session_real_choose(struct session *s);
void session_real_up(struct session *s, const struct line_up *up);
/*
 * The call is up.  What its check gave holds from here on (RAD-12), and its records begin: there is no login that could
 * say more.  Nothing but a line in the log for a call that no server was asked about.
 */
void session_real_begin(struct session *s);
/* Processing delay that is announced for it (section 4.4; GRE-13), 1/10 s. */
uint16_t session_real_delay(const struct session *s);
/* Set-Link-Info goes to the data path. */
void session_real_set_link(struct session *s);
void session_real_errors_due(struct session *s);
/* Frames that went over it, either way: for idle time. */
uint64_t session_real_packets(const struct session *s);

/* session_ring.c: a line rings: who may have it, in which order (CALL-IN-01, -02, -07; RAD-40 to RAD-46) */
void session_ring(void *ctx, const struct line_ring *r);
void session_ring_over(void *ctx, uint64_t id);
/* A control connection can be used; has ended. */
void session_ring_conn_up(struct sessions *set, struct conn *c);
void session_ring_conn_down(struct sessions *set, struct conn *c, enum ctrl_close why);
/* An offer of this ring has ended without an answer. */
void session_ring_offer_ended(struct session *s);
/* The offer was accepted, and the line is told to answer: 0, or -ENOENT: the caller has given up. */
int session_ring_answer(struct session *s);
/* The ring of that line, if there is one: nobody will answer it.  How many. */
unsigned session_ring_end(struct sessions *set, const char *line);
void session_ring_clear(struct sessions *set);

/* session_offer.c: a ring as a call to one PNS: ICRQ, ICRP, ICCN (section 3.2.3.1) */
struct ring;
/* Its session's id; 0 without memory, or when the offer has ended at once. */
uint64_t session_offer(struct ring *r, struct conn *c);
/* CDN.  late: no ICRP came in time, and it is owed all the same (TIM-05). */
void session_offer_withdraw(struct session *s, bool late);
void session_offer_icrp(struct sessions *set, struct conn *c, const struct msg_icrp *m);
void session_offer_send_icrq(struct session *s, struct conn *c);
void session_offer_send_iccn(struct session *s, struct conn *c, uint32_t speed);
void session_offer_clear(struct sessions *set);

/* session_pns.c: PNSs that could not be reached are left alone for a while (CC-15) */
/* A name's address that was looked up within the last half minute; 0: not known. */
uint32_t session_pns_address(const struct sessions *set, const char *host);
void session_pns_resolved(struct sessions *set, const char *host, uint32_t addr);
bool session_pns_rests(struct sessions *set, struct endpoint peer);
void session_pns_failed(struct sessions *set, struct endpoint peer);
void session_pns_reached(struct sessions *set, struct endpoint peer);
void session_pns_clear(struct sessions *set);

/* session_login.c: who is it, and what may it have */
void session_login_auth(struct session *s, const struct plugin_auth *proof);
void session_login_answer_due(struct session *s);
const char *session_login_method(uint8_t method); /* "pap", ... */
/* Nothing is asked any more, and what was answered is wiped. */
void session_login_drop(struct session *s);

/* session_user.c: address, and what the plugin tells of the link */
void session_user_plugin(struct session *s, const struct plugin_msg *m);
void session_user_idle_check(struct session *s);
/* The scripts are told how the session stands, after a change. */
void session_user_tell_scripts(struct session *s);
/* 0; -EAGAIN: the address will be free in a moment; or -errno. */
int session_user_lease(struct session *s, const struct aaa_answer *a);
void session_user_drop_lease(struct session *s);
/* Takes the session out of the users' table and gives its address back. */
void session_user_release(struct session *s);
/* When to look at the counters next. */
struct mono session_user_idle_look(const struct session *s);

/* session_service.c: what a server's grant gives the link and its scripts */
/* Takes the values of the answer's grant; 0 or -ENOMEM. */
int session_service_take(struct session *s, const struct aaa_answer *a);
void session_service_free(struct session *s);
/* What a CoA-Request says of Filter-Id, Class, rates and interim. */
void session_service_change(struct session *s, const struct dynauth_change *c);
/* The word for the log, or NULL: the grant and the configuration agree about MPPE. */
const char *session_service_mppe(const struct session *s, const struct aaa_answer *a, enum plugin_mppe *mppe);
void session_service_fill(const struct session *s, struct plugin_answer *p);
void session_service_vars(const struct session *s, struct script_vars *vars);
/* Its routes as text, comma-separated; "" without any. */
void session_service_routes(const struct session *s, char *text, size_t size);
void session_service_prefixes(const struct radius_prefix6 *list, unsigned n, char *text, size_t size);

/* session_acct.c: what servers are told (ledger sections 1 and 7) */
void session_acct_describe(struct session *s);
void session_acct_up(struct session *s);      /* the link is up for the first time */
void session_acct_interim(struct session *s);
void session_acct_note(struct session *s);
void session_acct_stop(struct session *s);    /* once; nothing without a Start */
/* The interface's counters while it is there, for a pppd that will not tell them. */
void session_acct_count(struct session *s);
/* The interval has changed. */
void session_acct_arm(struct session *s);
/* RFC 2867, where configured. */
void session_acct_link(struct session *s, enum radius_acct_status status);
/* The interval that holds: the server's or ours; 0: none. */
unsigned session_acct_interval(const struct session *s);

/* session_tunnel.c: a control connection's records */
void session_tunnel_up(void *ctx, struct conn *c);
void session_tunnel_down(void *ctx, struct conn *c, enum ctrl_close why);
void session_tunnel_hold(struct session *s);
/* The Acct-Session-Id of the tunnel's own records; NULL: it has none. */
const char *session_tunnel_id(const struct session *s);
void session_tunnel_release(struct session *s);
void session_tunnel_clear(struct sessions *set);


#endif
