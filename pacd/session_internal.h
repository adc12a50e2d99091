/*
 * What session.c, session_call.c and session_user.c share, and nobody else.
 */
#ifndef PACD_SESSION_INTERNAL_H
#define PACD_SESSION_INTERNAL_H

#include "pacd/net/callid.h"
#include "pacd/session.h"

/* One timer per session, set to the earliest of these. */
enum session_deadline {
	SESSION_DL_DIAL,    /* the line has not answered */
	SESSION_DL_NO_GRE,  /* nothing has come from the peer */
	SESSION_DL_LOGIN,   /* no user is logged in, or the link is not up */
	SESSION_DL_CLOSED,  /* pppd has closed its pty and still lives */
	SESSION_DL_ANSWER,  /* the login's answer is sent, or tried again */
	SESSION_DL_LIMIT,   /* session_timeout */
	SESSION_DL_IDLE,    /* look whether there was traffic */
	SESSION_DEADLINES
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
	struct msg_ocrq ocrq;
	bool call_over;
	bool connected; /* OCRP result 1 is out */
	bool data_on;
	uint32_t send_accm, receive_accm; /* of the last Set-Link-Info (section 2.15) */
	struct datapath_stats final; /* once the data path has let go */

	/* the line */
	bool line_over;
	enum line_reason reason; /* why it ends, or would if its peer or its line ended it now */
	bool ending;
	uint32_t pid;

	/* the user */
	bool known; /* authenticated: counted in set->users */
	uint8_t user[PLUGIN_NAME_MAX]; /* as sent */
	size_t user_len;
	char account[CONF_NAME_MAX + 1]; /* as the users file has it */
	uint8_t method;
	uint32_t address, gateway;
	bool leased;
	char pool[64];
	unsigned session_timeout, idle_timeout;
	struct aaa_answer *answer; /* waits to be sent, or for an address */
	struct mono answer_until;

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
	uint64_t next_id;
	unsigned channels, count;
	bool draining;
	int netlink;
	struct log_limit limit_refused, limit_calls;
};

/* session.c */
struct session *session_find(struct sessions *set, uint64_t id);
void session_event(struct session *s, const struct call_event *ev);
/* The peer or the line ends it: notes why.  The first reason counts, and a refused login explains what follows. */
void session_ending(struct session *s, enum line_reason reason);
/* Ends the call (CDN result 3) and the line for a reason of ours. */
void session_end(struct session *s, enum line_reason reason);
void session_set_deadline(struct session *s, enum session_deadline d, struct mono at);
/* The head of every log line about a session. */
#define SESSION_LOG "session=%llu call=%u peer=%s"
#define SESSION_LOG_ARGS(s, text) (unsigned long long)(s)->id, (s)->call_id, endpoint_text((s)->peer, text)

/* session_call.c */
struct session *session_new(struct sessions *set, struct conn *c, const struct msg_ocrq *m);
void session_call_message(void *ctx, struct conn *c, const struct msg *m);
void session_call_act(struct session *s, const struct call_action *a);
void session_call_no_gre(struct session *s);
/* From the tables of the living: its ids and its place are free. */
void session_unlink_call(struct session *s);

/* session_user.c */
void session_user_plugin(struct session *s, const struct plugin_msg *m);
void session_user_answer_due(struct session *s);
void session_user_idle_check(struct session *s);
/* Takes the session out of the users' table and gives its address back. */
void session_user_release(struct session *s);

#endif
