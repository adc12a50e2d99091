/*
 * Authentication and authorization of calls and users: requests and answers as
 * plain values, whoever decides.
 *
 * Local users are decided at once (local.c), RADIUS servers answer later
 * (ask.h); both fill the same answer.
 */
#ifndef PACD_AAA_AAA_H
#define PACD_AAA_AAA_H

#include "common/plugin_proto.h"
#include "pacd/conf.h"
#include "pacd/proto/radius_grant.h"
#include "pacd/proto/radius_request.h"

struct aaa_request {
	uint64_t session;
	uint32_t peer_addr; /* host order */
	struct plugin_auth proof;
};

enum aaa_verdict { AAA_ACCEPT, AAA_REJECT, AAA_UNAVAILABLE };
enum aaa_authentic { AAA_BY_NOBODY, AAA_BY_RADIUS, AAA_BY_LOCAL }; /* Acct-Authentic */

#define AAA_SERVER_TEXT 64

/* Secrets inside: wipe with aaa_answer_wipe() after use. */
struct aaa_answer {
	uint64_t session;
	enum aaa_verdict verdict;
	char account[CONF_NAME_MAX + 1]; /* the user's name as the users file has it, or as it was sent */
	const char *reason;        /* fixed word for the log: "ok", "no-such-user", "wrong-password", "method", ... */
	char message[PLUGIN_TEXT_MAX + 1]; /* for the peer: Success or Failure text as its method has it */
	uint32_t address;          /* fixed, host order; 0: from the pool */
	bool peer_chooses;         /* the peer may have what it asks for */
	char pool[64];             /* "": the first one */
	unsigned sessions;         /* at once; 0: no limit */
	enum conf_on_limit on_limit;
	unsigned session_timeout, idle_timeout; /* seconds; 0: none */
	bool has_keys;             /* MPPE keys, seen from the server */
	uint8_t send_key[16], recv_key[16];

	enum aaa_authentic by;
	char server[AAA_SERVER_TEXT]; /* that has answered; "" */
	unsigned mschap_error;     /* E= of a rejection; 0: none */
	uint8_t bad_attribute;     /* type of the attribute of wrong size that made a rejection; 0: none */
	bool retry_offered;        /* the server would have had another try on this link (R=1, Access-Challenge) */
	struct radius_grant *grant; /* owned; NULL: nothing from a server */
};

/* Frees what it owns; its memory stays the caller's. */
void aaa_answer_wipe(struct aaa_answer *a);
/* The grant changes hands: `to` gets it, and what `to` had is gone. */
void aaa_grant_move(struct radius_grant **to, struct radius_grant **from);
void aaa_grant_free(struct radius_grant *g);
/* A Failure text in the form that the method wants: "E=691 R=0 C=... M=..." for MS-CHAP, plain text else. */
void aaa_failure_text(struct aaa_answer *a, enum plugin_method method, unsigned mschap_error, const char *text);

/* Verifies against the users file; fills the whole answer. An unknown user takes as long as a known one. */
void aaa_local_check(const struct conf_users *users, const struct aaa_request *rq, struct aaa_answer *a);

/* NAS-IP-Address, NAS-IPv6-Address and NAS-Identifier as configured. */
void aaa_nas(struct radius_nas *nas, const struct conf_radius *c);

#endif
