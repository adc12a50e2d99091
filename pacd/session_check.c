/*
 * May this call be answered: the Call-Check before its line is dialled (RFC 2865
 * section 5.6; ledger RAD-10 to RAD-13).
 *
 * To the call's state machine this is part of dialling, so that a request which
 * is cleared meanwhile ends like any other.
 */
#include "pacd/session_internal.h"

#include "common/log.h"

static void log_check(const struct session *s, const struct aaa_answer *a)
{
	char peer[ENDPOINT_TEXT];
	unsigned suppressed = 0;

	if (a->verdict == AAA_ACCEPT) {
		log_debug("call-check", SESSION_LOG " result=accept server=%s", SESSION_LOG_ARGS(s, peer), a->server);
		return;
	}
	if (log_allow(&s->set->limit_refused, mono_now(), &suppressed))
		log_warn("call-check", SESSION_LOG " result=%s reason=%s server=\"%s\" suppressed=%u",
			 SESSION_LOG_ARGS(s, peer), a->verdict == AAA_REJECT ? "reject" : "no-server", a->reason,
			 a->server, suppressed);
}

static void refuse(struct session *s, uint8_t result, uint8_t error)
{
	struct call_event failed = { .type = CALL_EV_LINE_FAILED, .result = result, .error = error };

	session_ending(s, LINE_REFUSED, RADIUS_CAUSE_NAS_REQUEST);
	session_event(s, &failed);
}

/* Calls of this Calling-Station-Id, which for a caller over IP is its address (Port-Limit: RAD-12). */
static bool over_limit(const struct session *s, unsigned limit)
{
	return limit && peers_count(s->set->rooms.peers, s->peer.addr, PEERS_CALLS) > limit;
}

static void on_accept(struct session *s, struct aaa_answer *a)
{
	if (over_limit(s, a->sessions)) {
		a->verdict = AAA_REJECT;
		a->reason = "port-limit";
		log_check(s, a);
		refuse(s, OCRP_PROHIBITED, 0);
		return;
	}
	log_check(s, a);
	aaa_grant_move(&s->call_grant, &a->grant);
	if (s->real)
		strcpy(s->real->server, a->server);
	session_call_dial(s);
}

static void on_silence(struct session *s, const struct aaa_answer *a)
{
	log_check(s, a);
	if (s->conf->radius.fail_open)
		session_call_dial(s);
	else
		refuse(s, OCRP_ERROR, MSG_ERR_NO_RESOURCE);
}

static void on_answer(void *ctx, uint64_t session, struct aaa_answer *a, const struct aaa_request *rq)
{
	struct session *s = session_find(ctx, session);

	(void)rq;
	if (!s)
		return;
	s->asking = NULL;
	if (s->call_over)
		return;
	if (a->verdict == AAA_ACCEPT) {
		on_accept(s, a);
	} else if (a->verdict == AAA_UNAVAILABLE) {
		on_silence(s, a);
	} else {
		log_check(s, a);
		refuse(s, OCRP_PROHIBITED, 0);
	}
}

static bool is_wanted(const struct conf_radius *c, bool real)
{
	return c->precheck == CONF_PRECHECK_ALL || c->precheck == (real ? CONF_PRECHECK_LINES : CONF_PRECHECK_VPN);
}

bool session_check_start(struct session *s)
{
	const struct conf_radius *c = &s->conf->radius;
	struct aaa_servers servers = { .client = s->set->rooms.radius, .conf = c, .nas = &s->set->nas };
	struct aaa_answer none = { .verdict = AAA_UNAVAILABLE, .reason = "no-server" };

	if (!is_wanted(c, s->real) || !servers.client)
		return false;
	s->asking = aaa_ask_call(&servers, s->id, &s->radius, c->outbound && s->ocrq.number[0], on_answer, s->set);
	if (!s->asking)
		on_silence(s, &none);
	return true;
}
