/*
 * The commands about RADIUS: servers, accounting, a test of a user, and what a
 * session was given.
 *
 * Owns nothing; a password passes through it and stays nowhere.
 */
#include "pacd/ctl/commands_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --- dropped packets, by reason --- */

static void key_of(char *key, size_t size, const char *prefix, enum radius_fault f)
{
	snprintf(key, size, "%s%s", prefix, radius_fault_word(f));
	for (char *p = key; *p; p++)
		if (*p == '-' || *p == ' ')
			*p = '_';
}

static void out_dropped(struct ctl_out *o, const char *prefix, const uint64_t dropped[RADIUS_FAULTS])
{
	char key[80];

	for (unsigned f = RADIUS_GOOD + 1; f < RADIUS_FAULTS; f++) {
		key_of(key, sizeof key, prefix, (enum radius_fault)f);
		ctl_out_u64(o, key, dropped[f]);
	}
}

/* For people: "bad-signature:3,bad-id:1", or none. */
static void out_reasons(struct ctl_out *o, const uint64_t dropped[RADIUS_FAULTS])
{
	char text[RADIUS_FAULTS * 64] = "";
	size_t n = 0;

	for (unsigned f = RADIUS_GOOD + 1; f < RADIUS_FAULTS; f++)
		if (dropped[f] && n < sizeof text)
			n += (size_t)snprintf(text + n, sizeof text - n, "%s%s:%" PRIu64, n ? "," : "",
					      radius_fault_word((enum radius_fault)f), dropped[f]);
	commands_out_string(o, "reasons", n ? text : NULL);
}

/* --- servers --- */

static void out_times(struct ctl_out *o, const struct radius_server_view *v)
{
	commands_out_nonzero(o, "p50_us", v->p50_us > 0 ? (uint64_t)v->p50_us : 0);
	commands_out_nonzero(o, "p90_us", v->p90_us > 0 ? (uint64_t)v->p90_us : 0);
	commands_out_nonzero(o, "p99_us", v->p99_us > 0 ? (uint64_t)v->p99_us : 0);
}

static void out_server(struct commands_run *r, const struct radius_server_view *v)
{
	struct ctl_out *o = r->out;
	uint64_t dropped = 0;

	for (unsigned f = RADIUS_GOOD + 1; f < RADIUS_FAULTS; f++)
		dropped += v->dropped[f];
	r->records++;
	ctl_out_record(o, "radius_server");
	commands_out_string(o, "name", v->name);
	ctl_out_word(o, "role", v->role == RADIUS_AUTH ? "auth" : "acct");
	ctl_out_word(o, "state", radius_server_state_word(v->state));
	commands_out_nonzero(o, "dead_for_s", v->dead_for_s > 0 ? (uint64_t)v->dead_for_s : 0);
	ctl_out_u64(o, "priority", v->priority);
	ctl_out_bool(o, "signature_required", v->signature_required);
	ctl_out_u64(o, "in_flight", v->in_flight);
	ctl_out_u64(o, "sockets", v->sockets);
	ctl_out_u64(o, "requests", v->requests);
	ctl_out_u64(o, "retransmissions", v->retransmissions);
	ctl_out_u64(o, "answered", v->accepts + v->rejects + v->challenges + v->responses);
	ctl_out_u64(o, "accepts", v->accepts);
	ctl_out_u64(o, "rejects", v->rejects);
	ctl_out_u64(o, "challenges", v->challenges);
	ctl_out_u64(o, "responses", v->responses);
	ctl_out_u64(o, "timeouts", v->timeouts);
	ctl_out_u64(o, "probes", v->probes);
	out_times(o, v);
	ctl_out_u64(o, "dropped", dropped);
	out_reasons(o, v->dropped);
	out_dropped(o, "dropped_", v->dropped);
	ctl_out_end(o);
}

enum commands_result commands_show_radius(struct commands_run *r)
{
	struct radius_server_view v = { 0 };

	for (size_t i = 0; r->rq->provider->radius(r->rq->ctx, i, &v); i++)
		out_server(r, &v);
	return commands_finish_list(r);
}

/* --- accounting and dynamic authorization --- */

static void out_acct(struct ctl_out *o, const struct acct_view *v)
{
	ctl_out_bool(o, "enabled", v->enabled);
	ctl_out_bool(o, "on_disk", v->on_disk);
	ctl_out_u64(o, "waiting", v->waiting);
	commands_out_nonzero(o, "oldest_s", v->oldest_s > 0 ? (uint64_t)v->oldest_s : 0);
	ctl_out_u64(o, "spool_octets", v->octets);
	ctl_out_u64(o, "sent", v->sent);
	ctl_out_u64(o, "acknowledged", v->acknowledged);
	ctl_out_u64(o, "retried", v->retried);
	ctl_out_u64(o, "dropped_interims", v->dropped_interims);
	ctl_out_u64(o, "dropped_stops", v->dropped_stops);
	ctl_out_u64(o, "dropped_others", v->dropped_others);
	ctl_out_u64(o, "recovered", v->recovered);
	ctl_out_u64(o, "disk_errors", v->disk_errors);
}

static void out_das(struct ctl_out *o, const struct das_view *v)
{
	ctl_out_u64(o, "das_disconnect_requests", v->disconnect_requests);
	ctl_out_u64(o, "das_disconnect_acks", v->disconnect_acks);
	ctl_out_u64(o, "das_disconnect_naks", v->disconnect_naks);
	ctl_out_u64(o, "das_coa_requests", v->coa_requests);
	ctl_out_u64(o, "das_coa_acks", v->coa_acks);
	ctl_out_u64(o, "das_coa_naks", v->coa_naks);
	ctl_out_u64(o, "das_repeated", v->repeated);
	ctl_out_u64(o, "das_dropped_client", v->dropped_client);
	ctl_out_u64(o, "das_dropped_replay", v->dropped_replay);
	out_dropped(o, "das_dropped_", v->dropped);
}

enum commands_result commands_show_accounting(struct commands_run *r)
{
	struct acct_view acct = { 0 };
	struct das_view das = { 0 };

	r->rq->provider->accounting(r->rq->ctx, &acct, &das);
	ctl_out_record(r->out, "accounting");
	out_acct(r->out, &acct);
	out_das(r->out, &das);
	ctl_out_end(r->out);
	return commands_finish_one(r);
}

/* --- a session --- */

static void given_text(struct ctl_out *o, const char *key, const char *text)
{
	if (text && *text)
		ctl_out_text(o, key, text, strlen(text));
}

static void given_number(struct ctl_out *o, const char *key, uint64_t v)
{
	if (v)
		ctl_out_u64(o, key, v);
}

static void given_interface(struct ctl_out *o, uint64_t id)
{
	char text[20];

	if (!id)
		return;
	snprintf(text, sizeof text, "%04x:%04x:%04x:%04x", (unsigned)(id >> 48), (unsigned)(id >> 32 & 0xffff),
		 (unsigned)(id >> 16 & 0xffff), (unsigned)(id & 0xffff));
	ctl_out_word(o, "interface_id", text);
}

void commands_out_given(struct ctl_out *o, const struct ctl_session *s)
{
	if (s->authentic)
		ctl_out_word(o, "authentic", s->authentic);
	given_text(o, "radius_server", s->server);
	given_text(o, "session_id", s->session_id);
	if (s->account && s->account_len)
		ctl_out_text(o, "account", s->account, s->account_len);
	given_text(o, "filter", s->filter);
	given_text(o, "rate_limit", s->rate_limit);
	given_number(o, "rate_up_bps", s->rate_up);
	given_number(o, "rate_down_bps", s->rate_down);
	given_number(o, "classes", s->classes);
	given_text(o, "class_hex", s->class_hex);
	given_number(o, "interim_s", s->interim_s);
	given_text(o, "routes", s->routes);
	given_interface(o, s->interface_id);
	given_text(o, "ipv6_prefix", s->ipv6_prefix);
	given_text(o, "delegated_prefix", s->delegated_prefix);
}

/* --- a test --- */

/* NULL: the words are good. */
static const char *login_fault(const struct ctl_match *m)
{
	if (!m->password)
		return "the password is missing: it is one more word, behind the user";
	if (!m->name->len || m->name->len > RADIUS_VALUE_MAX)
		return "a user's name has 1 to 253 octets";
	return m->password->len > CTL_PASSWORD_MAX ? "a password has at most 128 octets" : NULL;
}

static void test_failed(struct commands_run *r, int rc)
{
	if (rc == -ENOENT)
		ctl_out_status(r->out, CTL_REFUSED, "no RADIUS server for authentication is configured");
	else if (rc == -ESHUTDOWN)
		ctl_out_status(r->out, CTL_BUSY, "the daemon is ending");
	else if (rc == -EBUSY)
		ctl_out_status(r->out, CTL_BUSY, "too many RADIUS requests are waiting");
	else
		ctl_out_status(r->out, CTL_FAILED, "the request can't be sent: %s", strerror(-rc));
}

enum commands_result commands_test_radius(struct commands_run *r)
{
	const struct ctl_word *user = r->match.name, *password = r->match.password;
	const char *fault = login_fault(&r->match);
	int rc;

	if (fault) {
		ctl_out_status(r->out, CTL_BAD_REQUEST, "%s", fault);
		return COMMANDS_DONE;
	}
	rc = r->rq->provider->test_radius(r->rq->ctx, r->rq->client, user->text, user->len, password->text,
					  password->len);
	if (rc == 0)
		return COMMANDS_PENDING;
	test_failed(r, rc);
	return COMMANDS_DONE;
}

static const char *verdict_word(enum ctl_verdict v)
{
	switch (v) {
	case CTL_VERDICT_ACCEPT:
		return "accept";
	case CTL_VERDICT_REJECT:
		return "reject";
	case CTL_VERDICT_CHALLENGE:
		return "challenge";
	case CTL_VERDICT_NO_ANSWER:
		break;
	}
	return "no-answer";
}

static void out_attribute(void *arg, const char *name, const char *value)
{
	struct ctl_out *o = arg;

	ctl_out_record(o, "attribute");
	ctl_out_text(o, "name", name, strlen(name));
	ctl_out_text(o, "value", value, strlen(value));
	ctl_out_end(o);
}

static void test_status(struct ctl_out *o, enum ctl_verdict v, const char *server)
{
	switch (v) {
	case CTL_VERDICT_ACCEPT:
		ctl_out_status(o, CTL_OK, "%s accepts the user", server);
		return;
	case CTL_VERDICT_REJECT:
		ctl_out_status(o, CTL_REFUSED, "%s rejects the user", server);
		return;
	case CTL_VERDICT_CHALLENGE:
		ctl_out_status(o, CTL_REFUSED, "%s sent a challenge, which counts as a reject: PPP can't carry it", server);
		return;
	case CTL_VERDICT_NO_ANSWER:
		ctl_out_status(o, CTL_NO_ANSWER, "no RADIUS server answered");
		return;
	}
}

void commands_test_answer(struct ctl_out *out, const struct ctl_test *t)
{
	const char *server = t->server && *t->server ? t->server : NULL;

	ctl_out_record(out, "test");
	ctl_out_word(out, "verdict", verdict_word(t->verdict));
	commands_out_string(out, "server", server);
	ctl_out_u64(out, "time_us", t->us);
	commands_out_string(out, "message", t->message && *t->message ? t->message : NULL);
	ctl_out_end(out);
	if (t->packet)
		dictionary_print(t->dictionary, t->packet, out_attribute, out);
	test_status(out, t->verdict, server ? server : "a server");
}
