/*
 * Exchanges with RADIUS servers about a call or a login: what goes out, and to
 * whom the answer belongs.
 *
 * Owns each exchange, with the proof in it, until it is answered or cancelled.
 * Must not know what a session does with an answer.
 */
#include "pacd/aaa/ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define UNKNOWN_CALLER "unknown" /* an empty User-Name is no name (RFC 2865 section 5.1) */

struct aaa_exchange {
	struct radius_client *client;
	uint64_t job;
	aaa_done_fn done;
	void *ctx;
	const struct conf_radius *conf; /* of the time of asking; see session snapshots */
	struct radius_nas nas;
	struct radius_call call;
	bool login, dialled;
	struct aaa_request rq; /* of a call only its session */
};

static void exchange_free(struct aaa_exchange *x)
{
	explicit_bzero(x, sizeof *x);
	free(x);
}

static int encode_login(void *ctx, const struct radius_hiding *h, struct wbuf *w)
{
	struct aaa_exchange *x = ctx;

	return radius_put_login(w, &x->nas, &x->call, &x->rq.proof, h);
}

static int encode_call(void *ctx, const struct radius_hiding *h, struct wbuf *w)
{
	struct aaa_exchange *x = ctx;
	enum radius_service service = x->dialled ? RADIUS_SERVICE_OUTBOUND : RADIUS_SERVICE_CALL_CHECK;

	const char *user = x->dialled ? x->call.called : x->call.calling;

	radius_put_call_check(w, &x->nas, &x->call, service, user[0] ? user : UNKNOWN_CALLER,
			      x->conf->precheck_password, h);
	return 0;
}

static void fill_silence(struct aaa_answer *a, const struct aaa_exchange *x, int error)
{
	a->verdict = AAA_UNAVAILABLE;
	a->reason = "no-server";
	if (error == -EINVAL) {
		a->verdict = AAA_REJECT;
		a->reason = "malformed";
	}
	if (x->login)
		aaa_failure_text(a, x->rq.proof.method, 691, "Login failed");
}

static void on_done(void *ctx, const struct radius_answer *ra)
{
	struct aaa_exchange *x = ctx;
	struct aaa_answer a;

	memset(&a, 0, sizeof a);
	a.session = x->rq.session;
	if (ra->error)
		fill_silence(&a, x, ra->error);
	else if (x->login)
		aaa_answer_login(&a, ra->packet, &ra->hiding, &x->rq.proof, x->conf);
	else
		aaa_answer_call(&a, ra->packet, &ra->hiding, x->conf, x->dialled);
	strncpy(a.server, ra->server, sizeof a.server - 1);
	x->done(x->ctx, x->rq.session, &a, x->login ? &x->rq : NULL);
	aaa_answer_wipe(&a);
	exchange_free(x);
}

static struct aaa_exchange *start(struct aaa_exchange *x, const struct aaa_servers *s, const struct radius_call *call,
				  aaa_done_fn done, void *ctx)
{
	struct radius_job job = { .role = RADIUS_AUTH, .code = RADIUS_ACCESS_REQUEST,
				  .encode = x->login ? encode_login : encode_call, .done = on_done, .ctx = x };

	x->client = s->client;
	x->conf = s->conf;
	x->nas = *s->nas;
	x->call = *call;
	x->done = done;
	x->ctx = ctx;
	x->job = radius_client_send(s->client, &job);
	if (x->job)
		return x;
	exchange_free(x);
	return NULL;
}

struct aaa_exchange *aaa_ask_login(const struct aaa_servers *s, const struct aaa_request *rq,
				   const struct radius_call *call, aaa_done_fn done, void *ctx)
{
	struct aaa_exchange *x = calloc(1, sizeof *x);

	if (!x)
		return NULL;
	x->login = true;
	x->rq = *rq;
	return start(x, s, call, done, ctx);
}

struct aaa_exchange *aaa_ask_call(const struct aaa_servers *s, uint64_t session, const struct radius_call *call,
				  bool dialled, aaa_done_fn done, void *ctx)
{
	struct aaa_exchange *x = calloc(1, sizeof *x);

	if (!x)
		return NULL;
	x->dialled = dialled;
	x->rq.session = session;
	return start(x, s, call, done, ctx);
}

void aaa_cancel(struct aaa_exchange *x)
{
	if (!x)
		return;
	radius_client_cancel(x->client, x->job);
	exchange_free(x);
}
