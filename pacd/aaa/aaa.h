/*
 * Authentication and authorization of users: requests and answers as plain values.
 *
 * Today only local users (local.c); the answer comes through a callback all the
 * same, so that a server that takes its time can stand behind the same call.
 */
#ifndef PACD_AAA_AAA_H
#define PACD_AAA_AAA_H

#include "common/plugin_proto.h"
#include "pacd/conf.h"

struct aaa_request {
	uint64_t session;
	uint32_t peer_addr; /* host order */
	struct plugin_auth proof;
};

enum aaa_verdict { AAA_ACCEPT, AAA_REJECT, AAA_UNAVAILABLE };

/* Secrets inside: wipe with aaa_answer_wipe() after use. */
struct aaa_answer {
	uint64_t session;
	enum aaa_verdict verdict;
	char account[CONF_NAME_MAX + 1]; /* the user's name as the users file has it */
	const char *reason;        /* fixed word for the log: "ok", "no-such-user", "wrong-password", "method", ... */
	char message[PLUGIN_TEXT_MAX + 1]; /* for the peer: Success or Failure text as its method has it */
	uint32_t address;          /* fixed, host order; 0: from the pool */
	char pool[64];             /* "": the first one */
	unsigned sessions;         /* at once; 0: no limit */
	enum conf_on_limit on_limit;
	unsigned session_timeout, idle_timeout; /* seconds; 0: none */
	bool has_keys;             /* MPPE keys, seen from the server */
	uint8_t send_key[16], recv_key[16];
};

void aaa_answer_wipe(struct aaa_answer *a);
/* A Failure text in the form that the method wants: "E=691 R=0 C=... M=..." for MS-CHAP, plain text else. */
void aaa_failure_text(struct aaa_answer *a, enum plugin_method method, unsigned mschap_error, const char *text);

/* Verifies against the users file; fills the whole answer. An unknown user takes as long as a known one. */
void aaa_local_check(const struct conf_users *users, const struct aaa_request *rq, struct aaa_answer *a);

#endif
