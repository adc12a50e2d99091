/*
 * What a server's verified reply means for a call and for a login: verdict,
 * keys, and the text that the peer's method has for it.
 *
 * Pure apart from allocation and random octets.  RFC 2865 section 5, RFC 2548
 * sections 2 and 3; ledger sections 2 to 4 (RAD-11, RAD-23 to RAD-30).
 */
#include "pacd/aaa/ask.h"

#include "pacd/proto/mschap.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MSCHAP_AUTHENTICATION_FAILURE 691
#define PROTOCOL_PPP 1
#define TUNNEL_PPTP 1

/* --- rejections --- */

static void refuse(struct aaa_answer *a, const char *reason)
{
	a->verdict = AAA_REJECT;
	a->reason = reason;
}

/* "E=691 R=1 C=.. V=3 M=..": its number, and whether another try is offered (RFC 2433 section 8, RFC 2759 6). */
static unsigned error_number(const char *text, bool *retry)
{
	const char *e = strstr(text, "E="), *r = strstr(text, "R=");
	unsigned long number = e ? strtoul(e + 2, NULL, 10) : 0;

	*retry = r && r[2] == '1';
	return number > 0 && number < 1000 ? (unsigned)number : MSCHAP_AUTHENTICATION_FAILURE;
}

/* The server's own challenge stands where it gave one of the right length (RAD-24). */
static void keep_challenge(struct aaa_answer *a, const char *text, size_t digits)
{
	const char *c = strstr(text, "C=");
	char *own = strstr(a->message, "C=");

	if (!c || !own)
		return;
	for (size_t i = 0; i < digits; i++)
		if (!isxdigit((unsigned char)c[2 + i]))
			return;
	if (!isxdigit((unsigned char)c[2 + digits]))
		memcpy(own + 2, c + 2, digits);
}

static void reject_text(struct aaa_answer *a, const struct plugin_auth *proof)
{
	const struct radius_grant *g = a->grant;
	const char *text = g->message[0] ? g->message : "Login failed";
	const char *m = g->given & RADIUS_GIVEN_ERROR ? strstr(g->error, "M=") : NULL;
	bool mschap = proof->method == PLUGIN_MSCHAP || proof->method == PLUGIN_MSCHAPV2;

	if (!mschap) {
		aaa_failure_text(a, proof->method, 0, text);
		return;
	}
	a->mschap_error = MSCHAP_AUTHENTICATION_FAILURE;
	if (g->given & RADIUS_GIVEN_ERROR)
		a->mschap_error = error_number(g->error, &a->retry_offered);
	aaa_failure_text(a, proof->method, a->mschap_error, !g->message[0] && m && m[2] ? m + 2 : text);
	if (g->given & RADIUS_GIVEN_ERROR)
		keep_challenge(a, g->error, proof->method == PLUGIN_MSCHAP ? 16 : 32);
}

/* --- what every Access-Accept must not ask for --- */

/* The word for the log, or NULL: RFC 2865 5.6, "MUST treat unknown or unsupported Service-Types as though an
 * Access-Reject had been received"; RFC 5080 section 2.5 for callback. */
static const char *unsupported(const struct radius_grant *g, const struct conf_radius *conf, uint32_t also)
{
	if (g->given & RADIUS_GIVEN_SERVICE && g->service != RADIUS_SERVICE_FRAMED && g->service != also)
		return "service-type";
	if (g->given & RADIUS_GIVEN_PROTOCOL && g->protocol != PROTOCOL_PPP)
		return "framed-protocol";
	if (g->given & RADIUS_GIVEN_CALLBACK)
		return "callback";
	if (g->unknown && conf->unknown_attributes == CONF_UNKNOWN_REFUSE)
		return "unknown-attribute";
	return NULL;
}

static bool filter_listed(const struct conf_radius *conf, const char *filter)
{
	for (size_t i = 0; i < conf->nfilters; i++)
		if (!strcmp(conf->filters[i], filter))
			return true;
	return !conf->nfilters;
}

/*
 * Of several filters the first that the scripts know becomes the one (RFC 5080 section 2.4); they never hear of an
 * unknown one.  False: it forbids the rest.
 */
static bool settle_filter(struct radius_grant *g, const struct conf_radius *conf)
{
	if (!(g->given & RADIUS_GIVEN_FILTER) || filter_listed(conf, g->filter))
		return true;
	for (unsigned i = 0; i < g->nmore_filters; i++) {
		if (!filter_listed(conf, g->more_filters[i]))
			continue;
		strcpy(g->filter, g->more_filters[i]);
		return true;
	}
	g->given &= ~(uint32_t)RADIUS_GIVEN_FILTER;
	g->filter[0] = '\0';
	return conf->unknown_filter == CONF_UNKNOWN_IGNORE;
}

/* Sets of tunnels are for calls that go out to a PNS; one that ends here bears PPTP only (RFC 2868 section 3.1). */
static bool tunnels_usable(const struct radius_grant *g)
{
	bool typed = false;

	for (unsigned i = 0; i < g->ntunnels; i++) {
		if (g->tunnels[i].type == TUNNEL_PPTP)
			return true;
		typed |= g->tunnels[i].type != 0;
	}
	return !typed;
}

/* --- MPPE --- */

/* RAD-28, RAD-29; without a policy in the Accept the keys stand, and the configuration decides. */
static void take_keys(struct aaa_answer *a, const struct plugin_auth *proof)
{
	const struct radius_grant *g = a->grant;

	if (g->given & RADIUS_GIVEN_KEYS) {
		memcpy(a->send_key, g->send_key, sizeof a->send_key);
		memcpy(a->recv_key, g->recv_key, sizeof a->recv_key);
		a->has_keys = true;
	} else if (g->given & RADIUS_GIVEN_MSCHAP_KEYS && proof->method == PLUGIN_MSCHAP &&
		   proof->challenge_len == MSCHAP_V1_CHALLENGE_LEN) {
		mschap_v1_start_key(g->nt_key, proof->challenge, a->send_key);
		memcpy(a->recv_key, a->send_key, sizeof a->recv_key);
		a->has_keys = true;
	}
}

/* --- accepting --- */

static bool accept_text(struct aaa_answer *a, const struct plugin_auth *proof)
{
	const struct radius_grant *g = a->grant;
	const char *text = g->message[0] ? g->message : "Welcome";

	if (proof->method == PLUGIN_MSCHAPV2) {
		if (!(g->given & RADIUS_GIVEN_SUCCESS))
			return false;
		snprintf(a->message, sizeof a->message, "%s M=%.208s", g->success, text);
	} else {
		snprintf(a->message, sizeof a->message, "%s", text);
	}
	return true;
}

static void take_address(struct aaa_answer *a)
{
	const struct radius_grant *g = a->grant;

	if (!(g->given & RADIUS_GIVEN_ADDRESS) || g->address == RADIUS_ADDRESS_NAS)
		return;
	if (g->address == RADIUS_ADDRESS_USER)
		a->peer_chooses = true;
	else
		a->address = g->address;
}

static void take_service(struct aaa_answer *a, const struct plugin_auth *proof)
{
	const struct radius_grant *g = a->grant;

	take_address(a);
	/* One user has one name here, whatever spelling the server takes for it (RFC 2865 section 5.1). */
	if (g->user_name[0])
		snprintf(a->account, sizeof a->account, "%s", g->user_name);
	else
		snprintf(a->account, sizeof a->account, "%.*s", (int)proof->name_len, (const char *)proof->name);
	if (!a->address && !a->peer_chooses)
		snprintf(a->pool, sizeof a->pool, "%.63s", g->pool);
	a->sessions = g->port_limit;
	a->on_limit = CONF_LIMIT_REFUSE;
	a->session_timeout = g->session_timeout;
	a->idle_timeout = g->idle_timeout;
	a->by = AAA_BY_RADIUS;
}

static void accept_login(struct aaa_answer *a, const struct plugin_auth *proof, const struct conf_radius *conf)
{
	const char *why = unsupported(a->grant, conf, RADIUS_SERVICE_FRAMED);

	if (!why && !tunnels_usable(a->grant))
		why = "tunnel-type";
	if (!why && !settle_filter(a->grant, conf))
		why = "unknown-filter";
	if (!why && !accept_text(a, proof))
		why = "no-mschap2-success";
	if (why) {
		refuse(a, why);
		aaa_failure_text(a, proof->method, MSCHAP_AUTHENTICATION_FAILURE, "Not permitted");
		return;
	}
	a->verdict = AAA_ACCEPT;
	a->reason = "ok";
	take_service(a, proof);
	take_keys(a, proof);
}

/* --- replies --- */

/* False, with the answer's verdict filled, where there is nothing to read. */
static bool read_reply(struct aaa_answer *a, const struct radius_packet *p, const struct radius_hiding *h)
{
	uint8_t bad = 0;

	a->grant = malloc(sizeof *a->grant);
	if (!a->grant) {
		refuse(a, "memory");
		return false;
	}
	if (radius_grant_decode(a->grant, p, h, &bad) == 0)
		return true;
	/* RFC 2865 section 5: an attribute of a wrong size makes a Reject of it. */
	refuse(a, "bad-attribute");
	a->bad_attribute = bad;
	return false;
}

void aaa_answer_login(struct aaa_answer *a, const struct radius_packet *p, const struct radius_hiding *h,
		      const struct plugin_auth *proof, const struct conf_radius *conf)
{
	if (!read_reply(a, p, h)) {
		aaa_failure_text(a, proof->method, MSCHAP_AUTHENTICATION_FAILURE, "Login failed");
		return;
	}
	switch (p->code) {
	case RADIUS_ACCESS_ACCEPT:
		accept_login(a, proof, conf);
		break;
	case RADIUS_ACCESS_CHALLENGE: /* RAD-26: pppd carries none */
		refuse(a, "challenge");
		reject_text(a, proof);
		a->retry_offered = true;
		break;
	default:
		refuse(a, "rejected");
		reject_text(a, proof);
	}
}

void aaa_answer_call(struct aaa_answer *a, const struct radius_packet *p, const struct radius_hiding *h,
		     const struct conf_radius *conf, bool dialled)
{
	const char *why;

	if (!read_reply(a, p, h))
		return;
	if (p->code != RADIUS_ACCESS_ACCEPT) {
		refuse(a, p->code == RADIUS_ACCESS_CHALLENGE ? "challenge" : "rejected");
		return;
	}
	why = unsupported(a->grant, conf, dialled ? RADIUS_SERVICE_OUTBOUND : RADIUS_SERVICE_CALL_CHECK);
	if (!why && !tunnels_usable(a->grant))
		why = "tunnel-type";
	if (!why && !settle_filter(a->grant, conf)) /* a login inherits it */
		why = "unknown-filter";
	a->verdict = AAA_ACCEPT;
	a->reason = "ok";
	a->sessions = a->grant->port_limit;
	a->by = AAA_BY_RADIUS;
	if (why)
		refuse(a, why);
}
