/*
 * Logins: whom to ask, what the answer means for this session, and the answer to
 * its pppd.
 *
 * Each login is one log line with address and outcome.  An answer that has to
 * wait (for a server, for the delay after a failure, or for a replaced session's
 * address) waits here, never in pppd.
 */
#include "pacd/session_internal.h"

#include "common/log.h"
#include "pacd/stats.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS_WAIT_S 15  /* for the session that this one replaces; less than the plugin waits */
#define ADDRESS_RETRY_MS 100

static const char *const method_words[] = { "none", "pap", "chap", "mschap", "mschapv2" };

const char *session_login_method(uint8_t method)
{
	return method_words[method <= PLUGIN_MSCHAPV2 ? method : 0];
}

/* --- log --- */

static const char *by_word(const struct aaa_answer *a)
{
	return a->server[0] ? a->server : a->by == AAA_BY_LOCAL ? "local" : "none";
}

/* What pppd's one try per link makes of the server's answer, and what was wrong with it. */
static const char *detail(const struct aaa_answer *a, char text[96])
{
	size_t len = 0;

	*text = '\0';
	if (a->mschap_error)
		len += (size_t)snprintf(text + len, 96 - len, " mschap_error=%u", a->mschap_error);
	if (a->bad_attribute)
		len += (size_t)snprintf(text + len, 96 - len, " attribute=%u", a->bad_attribute);
	if (a->retry_offered)
		snprintf(text + len, 96 - len, " hint=\"another try was offered: pppd has one per link\"");
	return text;
}

static void log_login(const struct session *s, const struct aaa_answer *a)
{
	char peer[ENDPOINT_TEXT], user[LOG_QUOTED(PLUGIN_NAME_MAX)], address[ADDR_TEXT], more[96];

	log_quote(user, sizeof user, s->user, s->user_len);
	if (a->verdict == AAA_ACCEPT) {
		stats_add(STATS_LOGINS_ACCEPTED);
		log_info("login", SESSION_LOG " user=%s method=%s address=%s pool=\"%s\" by=%s id=%s",
			 SESSION_LOG_ARGS(s, peer), user, method_words[s->method],
			 s->peer_chooses ? "peer" : addr_text(s->address, address), s->pool, by_word(a),
			 s->radius.session_id);
		return;
	}
	stats_add(STATS_LOGINS_REJECTED);
	log_warn("login-failed", SESSION_LOG " user=%s method=%s reason=%s by=%s%s", SESSION_LOG_ARGS(s, peer), user,
		 method_words[s->method], a->reason, by_word(a), detail(a, more));
}

/* --- sessions of one user --- */

static uint64_t account_hash(const char *account)
{
	return hash_bytes(account, strlen(account));
}

/* Sessions of this account whose call lives; *oldest is the one that began first. */
static unsigned count_account(struct sessions *set, const char *account, struct session **oldest)
{
	struct hash_node *node = hash_first(&set->by_user, account_hash(account));
	unsigned n = 0;

	*oldest = NULL;
	for (; node; node = hash_next(node)) {
		struct session *s = hash_entry(node, struct session, by_user);

		if (s->call_over || strcmp(s->account, account))
			continue;
		n++;
		if (!*oldest || s->id < (*oldest)->id)
			*oldest = s;
	}
	return n;
}

static int become_known(struct session *s, const struct aaa_answer *a)
{
	strcpy(s->account, a->account);
	s->session_timeout = a->session_timeout;
	s->idle_timeout = a->idle_timeout;
	s->known = hash_insert(&s->set->by_user, &s->by_user, account_hash(s->account)) == 0;
	return s->known ? 0 : -ENOMEM;
}

static void drop_answer(struct session *s)
{
	if (!s->answer)
		return;
	aaa_answer_wipe(s->answer);
	free(s->answer);
	s->answer = NULL;
}

void session_login_drop(struct session *s)
{
	aaa_cancel(s->asking);
	s->asking = NULL;
	aaa_grant_free(s->call_grant);
	s->call_grant = NULL;
	drop_answer(s);
}

/* --- sending the answer --- */

static void fill_pool(const struct session *s, struct plugin_answer *p)
{
	const struct conf_pool *pool = conf_pool_find(s->set->conf, s->pool[0] ? s->pool : NULL);

	if (!pool)
		return;
	memcpy(p->dns, pool->dns, sizeof p->dns);
	memcpy(p->wins, pool->wins, sizeof p->wins);
	p->proxyarp = pool->proxyarp;
}

static void fill_accept(const struct session *s, const struct aaa_answer *a, struct plugin_answer *p)
{
	enum plugin_mppe mppe;

	session_service_mppe(s, a, &mppe);
	p->local = s->gateway;
	p->remote = s->address;
	p->peer_chooses = s->peer_chooses;
	p->mppe = (uint8_t)mppe;
	p->has_keys = a->has_keys && mppe != PLUGIN_MPPE_DENY;
	if (p->has_keys) {
		memcpy(p->send_key, a->send_key, sizeof p->send_key);
		memcpy(p->recv_key, a->recv_key, sizeof p->recv_key);
	}
	fill_pool(s, p);
	session_service_fill(s, p);
}

static void send_answer(struct session *s, const struct aaa_answer *a)
{
	struct sessions *set = s->set;
	struct plugin_answer p = { .ok = a->verdict == AAA_ACCEPT };
	size_t len = strlen(a->message);

	p.message_len = (uint8_t)len;
	memcpy(p.message, a->message, len);
	if (p.ok)
		fill_accept(s, a, &p);
	set->rooms.line_ops->answer_auth(set->rooms.lines, s->id, &p);
	explicit_bzero(&p, sizeof p);
}

/* What `a` owns is the kept one's then. */
static void keep_answer(struct session *s, struct aaa_answer *a, struct mono at)
{
	if (!s->answer)
		s->answer = malloc(sizeof *s->answer);
	if (!s->answer)
		return; /* the plugin's own deadline refuses the login */
	if (s->answer != a) {
		*s->answer = *a;
		a->grant = NULL;
	}
	session_set_deadline(s, SESSION_DL_ANSWER, at);
}

/* --- deciding --- */

/* A failed login is told a little later, so that guessing takes time; it holds up nobody else. */
static void reject(struct session *s, struct aaa_answer *a)
{
	log_login(s, a);
	if (!s->ending)
		s->reason = LINE_AUTH;
	if (s->conf->login_delay_ms)
		keep_answer(s, a, mono_add_ms(mono_now(), s->conf->login_delay_ms));
	else
		send_answer(s, a);
}

static void reject_for(struct session *s, struct aaa_answer *a, const char *reason, const char *text)
{
	a->verdict = AAA_REJECT;
	a->reason = reason;
	a->has_keys = false;
	aaa_failure_text(a, s->method, 649, text); /* 649: no dial-in permission */
	reject(s, a);
}

/* A caller that redials at once finds its own last session still there, whose pppd runs its scripts. */
static bool is_own_leftover(struct session *s, const struct aaa_answer *a)
{
	struct hash_node *node = hash_first(&s->set->by_user, account_hash(a->account));

	for (; node; node = hash_next(node)) {
		const struct session *other = hash_entry(node, struct session, by_user);

		if (other->call_over && other->address == a->address && !strcmp(other->account, a->account))
			return true;
	}
	return false;
}

static const char *lease_fault_word(int error)
{
	switch (error) {
	case -EADDRINUSE:
		return "address-in-use";
	case -ENOSPC:
		return "pool-exhausted";
	case -ENOENT:
		return "no-such-pool";
	case -ELOOP:
		return "address-is-the-callers";
	default:
		return "memory";
	}
}

/* Less than the plugin waits, of which a server may have had its part. */
static struct mono wait_until(const struct session *s)
{
	return mono_earlier(mono_add_s(mono_now(), ADDRESS_WAIT_S), s->plugin_waits_until);
}

static void accept_user(struct session *s, struct aaa_answer *a)
{
	int r = session_user_lease(s, a);

	if (r == -EADDRINUSE && !mono_is_set(s->answer_until) && is_own_leftover(s, a))
		s->answer_until = wait_until(s);
	if ((r == -EADDRINUSE || r == -ENOSPC) && mono_diff_us(s->answer_until, mono_now()) > 0) {
		keep_answer(s, a, mono_add_ms(mono_now(), ADDRESS_RETRY_MS));
		return;
	}
	if (r == 0)
		r = session_service_take(s, a);
	if (r == 0)
		r = become_known(s, a);
	if (r < 0) {
		session_user_drop_lease(s);
		if (r == -ENOSPC)
			stats_add(STATS_POOL_EXHAUSTED);
		reject_for(s, a, lease_fault_word(r), "No address is free");
		return;
	}
	s->reason = LINE_USER; /* whatever was refused before */
	s->by = a->by;
	aaa_grant_free(s->call_grant);
	s->call_grant = NULL;
	log_login(s, a);
	send_answer(s, a);
}

/* Sessions at once: refused, or the oldest gives way.  False: the login is decided, or its call is over by now. */
static bool within_limit(struct session *s, struct aaa_answer *a)
{
	struct session *oldest;

	if (!a->sessions || count_account(s->set, a->account, &oldest) < a->sessions)
		return true;
	if (a->on_limit == CONF_LIMIT_REFUSE) {
		reject_for(s, a, "session-limit", "Too many sessions at once");
		return false;
	}
	if (!mono_is_set(s->answer_until))
		s->answer_until = wait_until(s);
	session_end(oldest, LINE_REPLACED); /* and, where its peer does not read, all calls of its connection */
	return !s->call_over;
}

/* RAD-12: what the call's authorization gave stands where the user's says nothing; of a local user's, too. */
static void inherit(struct session *s, struct aaa_answer *a)
{
	const struct radius_grant *g;

	if (!s->call_grant)
		return;
	if (!a->grant)
		a->grant = calloc(1, sizeof *a->grant);
	if (!a->grant)
		return;
	radius_grant_inherit(a->grant, s->call_grant);
	g = a->grant;
	if (!a->session_timeout)
		a->session_timeout = g->session_timeout;
	if (!a->idle_timeout)
		a->idle_timeout = g->idle_timeout;
	if (!a->pool[0] && !a->address && !a->peer_chooses)
		snprintf(a->pool, sizeof a->pool, "%.63s", g->pool);
}

/* A pool that only the server knows: refused later, or the first one stands in. */
static void settle_pool(struct session *s, struct aaa_answer *a)
{
	char pool[LOG_QUOTED(sizeof a->pool)];

	if (!a->pool[0] || !a->grant || conf_pool_find(s->set->conf, a->pool) ||
	    s->set->conf->radius.unknown_pool == CONF_UNKNOWN_REFUSE)
		return;
	log_warn("unknown-pool", "session=%llu pool=%s hint=\"Framed-Pool names no pool here: the first one is taken\"",
		 (unsigned long long)s->id, log_quote(pool, sizeof pool, a->pool, strlen(a->pool)));
	a->pool[0] = '\0';
}

static void decide(struct session *s, struct aaa_answer *a)
{
	enum plugin_mppe mppe;
	const char *why;

	if (a->verdict != AAA_ACCEPT) {
		reject(s, a);
		return;
	}
	if (s->known) { /* CHAP asks again in the middle of a session: same user, same lease */
		if (!strcmp(s->account, a->account))
			send_answer(s, a);
		else
			reject_for(s, a, "another-user", "Another user");
		return;
	}
	inherit(s, a);
	settle_pool(s, a);
	why = session_service_mppe(s, a, &mppe);
	if (why)
		reject_for(s, a, why, "Encryption is required");
	else if (within_limit(s, a))
		accept_user(s, a);
}

void session_login_answer_due(struct session *s)
{
	struct aaa_answer *a = s->answer;

	if (!a)
		return;
	if (a->verdict != AAA_ACCEPT)
		send_answer(s, a);
	else if (within_limit(s, a)) /* another one of the same user may have come in the meantime */
		accept_user(s, a);   /* may keep it again */
	if (!mono_is_set(s->deadlines[SESSION_DL_ANSWER]))
		drop_answer(s);
}

static bool method_allowed(const struct conf *conf, uint8_t method)
{
	static const unsigned bits[] = { 0, CONF_AUTH_PAP, CONF_AUTH_CHAP, CONF_AUTH_MSCHAP, CONF_AUTH_MSCHAPV2 };

	return method <= PLUGIN_MSCHAPV2 && (conf->ppp.auth & bits[method]);
}

/* --- asking --- */

static void ask_local(struct session *s, const struct aaa_request *rq)
{
	struct aaa_answer a;

	memset(&a, 0, sizeof a);
	if (s->set->users) {
		aaa_local_check(s->set->users, rq, &a);
		decide(s, &a);
	} else {
		reject_for(s, &a, "no-users", "Not permitted");
	}
	aaa_answer_wipe(&a);
}

/* No server has answered: a Reject would have been final (RAD-102). */
static void on_silence(struct session *s, struct aaa_answer *a, const struct aaa_request *rq)
{
	if (s->set->conf->aaa.method == CONF_METHOD_RADIUS_LOCAL)
		ask_local(s, rq);
	else
		reject_for(s, a, "no-server", "No server answers, try again later");
}

static void on_answer(void *ctx, uint64_t session, struct aaa_answer *a, const struct aaa_request *rq)
{
	struct session *s = session_find(ctx, session);

	if (!s)
		return;
	s->asking = NULL;
	if (s->call_over)
		return;
	s->rejected = a->verdict == AAA_REJECT && a->server[0];
	if (a->verdict == AAA_UNAVAILABLE)
		on_silence(s, a, rq);
	else
		decide(s, a);
}

/* A server's Reject is final for the call (RFC 5080 section 2.6): no other proof is put to one. */
static void refuse_again(struct session *s)
{
	struct aaa_answer a;

	memset(&a, 0, sizeof a);
	reject_for(s, &a, "rejected-before", "Login failed");
	aaa_answer_wipe(&a);
}

static void ask_servers(struct session *s, const struct aaa_request *rq)
{
	struct sessions *set = s->set;
	struct aaa_servers servers = { .client = set->rooms.radius, .conf = &s->conf->radius, .nas = &set->nas };
	struct aaa_answer none = { .verdict = AAA_UNAVAILABLE };

	if (servers.client)
		s->asking = aaa_ask_login(&servers, rq, &s->radius, on_answer, set);
	if (s->asking)
		return;
	on_silence(s, &none, rq);
	aaa_answer_wipe(&none);
}

static void refuse_method(struct session *s)
{
	struct aaa_answer a;

	memset(&a, 0, sizeof a);
	reject_for(s, &a, "method-not-allowed", "Not permitted");
	aaa_answer_wipe(&a);
}

void session_login_auth(struct session *s, const struct plugin_auth *proof)
{
	struct aaa_request rq = { .session = s->id, .peer_addr = s->peer.addr, .proof = *proof };

	if (s->call_over || s->answer || s->asking)
		return; /* a second proof while the first one waits: the first answer counts */
	s->plugin_waits_until = mono_add_s(mono_now(), PLUGIN_ANSWER_SECONDS - 1);
	s->answer_until = MONO_NEVER; /* an earlier login's wait is over */
	s->method = proof->method <= PLUGIN_MSCHAPV2 ? proof->method : 0;
	if (!s->known) {
		s->user_len = proof->name_len;
		memcpy(s->user, proof->name, proof->name_len);
	}
	if (!method_allowed(s->conf, s->method))
		refuse_method(s);
	else if (s->set->conf->aaa.method == CONF_METHOD_LOCAL)
		ask_local(s, &rq);
	else if (s->rejected)
		refuse_again(s);
	else
		ask_servers(s, &rq);
	explicit_bzero(&rq, sizeof rq);
}
