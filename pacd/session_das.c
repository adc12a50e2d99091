/*
 * Dynamic authorization, as the sessions see it: which ones are meant, what may
 * be changed of them, and the change (RFC 5176; ledger RAD-85 to RAD-87).
 */
#include "pacd/session_internal.h"

#include "common/log.h"

#include <string.h>

/* --- which --- */

static bool same(const struct dynauth_text *t, const void *value, size_t len)
{
	return len && t->len == len && !memcmp(t->p, value, len); /* an empty name is nobody's */
}

static bool same_text(const struct dynauth_text *t, const char *value)
{
	return same(t, value, strlen(value));
}

static bool is_user(const struct session *s, const struct dynauth_text *name)
{
	return same(name, s->user, s->user_len) || same_text(name, s->account) ||
	       (s->service && s->service->user_name[0] && same_text(name, s->service->user_name));
}

static bool matches(const struct session *s, const struct dynauth_ident *i)
{
	const struct radius_call *c = &s->radius;

	if (i->given & DYNAUTH_BY_OTHER)
		return false;
	return !(i->given & DYNAUTH_BY_SESSION && !same_text(&i->session, c->session_id)) &&
	       !(i->given & DYNAUTH_BY_USER && !is_user(s, &i->user)) &&
	       !(i->given & DYNAUTH_BY_PORT && i->port != c->nas_port) &&
	       !(i->given & DYNAUTH_BY_PORT_ID && !same_text(&i->port_id, c->port_id)) &&
	       !(i->given & DYNAUTH_BY_ADDRESS && (!s->address || i->address != s->address)) &&
	       !(i->given & DYNAUTH_BY_CALLED && !same_text(&i->called, c->called)) &&
	       !(i->given & DYNAUTH_BY_CALLING && !same_text(&i->calling, c->calling)) &&
	       !(i->given & DYNAUTH_BY_INTERFACE_ID &&
		 (!s->service || i->interface_id != s->service->interface_id));
}

static unsigned match(void *ctx, const struct dynauth_ident *ident, uint64_t *ids, unsigned max)
{
	struct sessions *set = ctx;
	unsigned n = 0;

	list_each(at, &set->all) {
		const struct session *s = list_entry(at, struct session, link);

		if (s->call_over || !matches(s, ident))
			continue;
		if (n < max)
			ids[n] = s->id;
		n++;
	}
	return n;
}

/* --- what --- */

static bool filter_known(const struct conf_radius *c, const struct dynauth_text *filter)
{
	for (size_t i = 0; i < c->nfilters; i++)
		if (same_text(filter, c->filters[i]))
			return true;
	return !c->nfilters; /* unknown_filter is about logins: a change that can't be made is refused */
}

#define FOR_LINKS (DYNAUTH_SET_FILTER | DYNAUTH_SET_RATE_UP | DYNAUTH_SET_RATE_DOWN | DYNAUTH_SET_RATE_LIMIT)

static enum dynauth_cause check(void *ctx, uint64_t id, const struct dynauth_change *c)
{
	struct session *s = session_find(ctx, id);

	if (!s || s->call_over)
		return DYNAUTH_NOT_FOUND;
	if (s->real && c->given & FOR_LINKS) /* nothing here has a link that they could be done to */
		return DYNAUTH_UNSUPPORTED_ATTRIBUTE;
	if (c->given & DYNAUTH_SET_FILTER && !filter_known(&s->set->conf->radius, &c->filter))
		return DYNAUTH_INVALID_VALUE;
	return DYNAUTH_OK;
}

/* Counts from the session's start, not from now (RAD-87). */
static bool set_session_timeout(struct session *s, uint32_t seconds)
{
	s->session_timeout = seconds;
	if (!mono_is_set(s->up_since))
		return true; /* it begins with the link */
	if (!seconds) {
		session_set_deadline(s, SESSION_DL_LIMIT, MONO_NEVER);
		return true;
	}
	if (mono_diff_us(mono_now(), s->up_since) >= (int64_t)seconds * 1000000) {
		session_end(s, LINE_SESSION_TIMEOUT);
		return false;
	}
	session_set_deadline(s, SESSION_DL_LIMIT, mono_add_s(s->up_since, seconds));
	return true;
}

static void set_idle_timeout(struct session *s, uint32_t seconds)
{
	s->idle_timeout = seconds;
	if (!s->up && !(s->real && s->connected))
		return;
	s->idle_since = mono_now();
	session_set_deadline(s, SESSION_DL_IDLE, seconds ? session_user_idle_look(s) : MONO_NEVER);
}

static void change(void *ctx, uint64_t id, const struct dynauth_change *c)
{
	struct session *s = session_find(ctx, id);
	char peer[ENDPOINT_TEXT];

	if (!s || s->call_over)
		return;
	log_info("session-changed", SESSION_LOG " id=%s", SESSION_LOG_ARGS(s, peer), s->radius.session_id);
	session_service_change(s, c);
	if (c->given & DYNAUTH_SET_IDLE_TIMEOUT)
		set_idle_timeout(s, c->idle_timeout);
	if (c->given & DYNAUTH_SET_INTERIM && s->started_acct)
		session_acct_arm(s);
	if (c->given & DYNAUTH_SET_SESSION_TIMEOUT && !set_session_timeout(s, c->session_timeout))
		return;
	session_user_tell_scripts(s);
}

static void disconnect(void *ctx, uint64_t id, const struct dynauth_change *c)
{
	struct session *s = session_find(ctx, id);

	if (!s || s->call_over)
		return;
	if (c->given & DYNAUTH_SET_CLASS)
		session_service_change(s, c);
	session_end(s, LINE_ADMIN);
	/* Queued before the acknowledgment (RAD-86): with the interface's own counters, without waiting for pppd's. */
	s = session_find(ctx, id);
	if (s)
		session_acct_stop(s);
}

const struct das_sessions session_das = {
	.match = match,
	.check = check,
	.change = change,
	.disconnect = disconnect,
};
