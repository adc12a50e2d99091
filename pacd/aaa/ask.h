/*
 * Asking RADIUS servers: may this call be answered, is this user who it says.
 *
 * An exchange belongs to this room until done() or aaa_cancel(); whoever asks
 * is named by a session id, which done() gets back.
 */
#ifndef PACD_AAA_ASK_H
#define PACD_AAA_ASK_H

#include "pacd/aaa/aaa.h"
#include "pacd/aaa/radius.h"

struct aaa_exchange; /* opaque */

struct aaa_servers {
	struct radius_client *client;
	const struct conf_radius *conf;
	const struct radius_nas *nas;
};

/* `a` is wiped after the call: take its grant with aaa_grant_move(). rq: the proof in question; NULL: a call. */
typedef void (*aaa_done_fn)(void *ctx, uint64_t session, struct aaa_answer *a, const struct aaa_request *rq);

/* NULL, and done() is not called: no server, no memory, or too many wait.  What is pointed to is copied. */
struct aaa_exchange *aaa_ask_login(const struct aaa_servers *s, const struct aaa_request *rq,
				   const struct radius_call *call, aaa_done_fn done, void *ctx);
/* Call-Check (RAD-10), or for a dialled number Service-Type Outbound where so configured. */
struct aaa_exchange *aaa_ask_call(const struct aaa_servers *s, uint64_t session, const struct radius_call *call,
				  bool dialled, aaa_done_fn done, void *ctx);
/* NULL is allowed. Its secrets are wiped at once, and a late answer is dropped. */
void aaa_cancel(struct aaa_exchange *x);

/* --- answer.c, for tests, too: what a verified reply means --- */

void aaa_answer_login(struct aaa_answer *a, const struct radius_packet *p, const struct radius_hiding *h,
		      const struct plugin_auth *proof, const struct conf_radius *conf);
/* dialled: Service-Type Outbound was asked for, and may be the answer. */
void aaa_answer_call(struct aaa_answer *a, const struct radius_packet *p, const struct radius_hiding *h,
		     const struct conf_radius *conf, bool dialled);

#endif
