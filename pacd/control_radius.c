/*
 * What the control socket shows and does about RADIUS: servers, accounting, and
 * a test login.
 *
 * Owns a test from its request to its answer, with the password in it.
 */
#include "pacd/pacd_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct radius_test {
	struct list node; /* in pacd.tests */
	struct pacd *pacd;
	uint64_t client;
	struct mono since;
	struct radius_nas nas;
	struct radius_call call;
	struct plugin_auth proof;
};

static void test_free(struct radius_test *t)
{
	list_remove(&t->node);
	explicit_bzero(t, sizeof *t);
	free(t);
}

static int encode(void *ctx, const struct radius_hiding *h, struct wbuf *w)
{
	const struct radius_test *t = ctx;

	return radius_put_login(w, &t->nas, &t->call, &t->proof, h);
}

static enum ctl_verdict verdict(const struct radius_answer *a)
{
	if (a->error)
		return CTL_VERDICT_NO_ANSWER;
	switch (a->packet->code) {
	case RADIUS_ACCESS_ACCEPT:
		return CTL_VERDICT_ACCEPT;
	case RADIUS_ACCESS_CHALLENGE:
		return CTL_VERDICT_CHALLENGE;
	default:
		return CTL_VERDICT_REJECT;
	}
}

static void on_done(void *ctx, const struct radius_answer *a)
{
	struct radius_test *t = ctx;
	struct pacd *p = t->pacd;
	struct ctl_test result = { .verdict = verdict(a), .server = a->server, .dictionary = p->dictionary,
				   .us = (uint64_t)mono_diff_us(mono_now(), t->since) };

	if (!a->error)
		result.packet = a->packet;
	if (p->ctl)
		ctl_finish_test(p->ctl, t->client, &result);
	test_free(t);
}

void control_radius_clear(struct pacd *p)
{
	while (!list_empty(&p->tests))
		test_free(list_entry(p->tests.next, struct radius_test, node));
}

/* A login that no call stands behind. */
static void describe(struct radius_test *t)
{
	strcpy(t->call.session_id, "test");
	strcpy(t->call.port_id, "test");
	t->call.port_type = RADIUS_PORT_VIRTUAL;
	aaa_nas(&t->nas, &t->pacd->conf->radius);
}

int control_test_radius(void *ctx, uint64_t client, const void *user, size_t user_len, const void *password,
			size_t password_len)
{
	struct pacd *p = ctx;
	struct radius_test *t;
	struct radius_job job = { .role = RADIUS_AUTH, .code = RADIUS_ACCESS_REQUEST, .encode = encode, .done = on_done };

	if (p->phase != PACD_SERVING)
		return -ESHUTDOWN;
	if (!radius_client_has(p->radius, RADIUS_AUTH))
		return -ENOENT;
	if (!user_len || user_len > PLUGIN_NAME_MAX || password_len > PLUGIN_PROOF_MAX)
		return -EINVAL;
	t = calloc(1, sizeof *t);
	if (!t)
		return -ENOMEM;
	list_append(&p->tests, &t->node);
	t->pacd = p;
	t->client = client;
	t->since = mono_now();
	describe(t);
	t->proof = (struct plugin_auth){ .method = PLUGIN_PAP, .name_len = (uint8_t)user_len,
					 .proof_len = (uint8_t)password_len };
	memcpy(t->proof.name, user, user_len);
	memcpy(t->proof.proof, password, password_len);
	job.ctx = t;
	if (radius_client_send(p->radius, &job))
		return 0;
	test_free(t);
	return -EBUSY;
}

bool control_show_radius(void *ctx, size_t i, struct radius_server_view *view)
{
	return radius_client_view(((struct pacd *)ctx)->radius, i, view);
}

void control_show_accounting(void *ctx, struct acct_view *acct, struct das_view *das)
{
	struct pacd *p = ctx;

	acct_view(p->acct, acct);
	das_view(p->das, das);
}

/* --- what a session has of RADIUS --- */

void control_session_radius(const struct session_view *v, struct ctl_session *s, char class_hex[CONTROL_CLASS_HEX])
{
	struct radius_attribute a;
	struct rbuf r;
	size_t len = 0;

	s->authentic = v->by == AAA_BY_RADIUS ? "radius" : v->by == AAA_BY_LOCAL ? "local" : NULL;
	s->server = v->server;
	s->session_id = v->session_id;
	s->account = v->account;
	s->account_len = v->account ? strlen(v->account) : 0;
	s->filter = v->filter;
	s->rate_limit = v->rate_limit;
	s->rate_up = v->rate_up;
	s->rate_down = v->rate_down;
	s->interim_s = v->interim;
	s->routes = v->routes;
	s->interface_id = v->interface_id;
	s->ipv6_prefix = v->prefixes;
	s->delegated_prefix = v->delegated;
	class_hex[0] = '\0';
	rbuf_init(&r, v->class_, v->class_len);
	while (radius_next(&r, &a)) {
		s->classes++;
		for (size_t i = 0; i < a.len && len + 3 < CONTROL_CLASS_HEX; i++)
			len += (size_t)sprintf(class_hex + len, "%02x", a.value[i]);
	}
	s->class_hex = class_hex;
}
