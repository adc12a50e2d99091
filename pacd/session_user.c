/*
 * The user's side of a session: login, address, limits, and what the plugin
 * tells of the link.
 *
 * Each login is one log line with address and outcome.  An answer that has to
 * wait (for the delay after a failure, or for a replaced session's address)
 * waits here, never in pppd.
 */
#include "pacd/session_internal.h"

#include "common/log.h"
#include "pacd/line/ifstats.h"
#include "pacd/stats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS_WAIT_S 15  /* for the session that this one replaces; less than the plugin waits */
#define ADDRESS_RETRY_MS 100
#define IDLE_LOOKS 8       /* looks at the counters per idle time-out */

static const char *const method_words[] = { "none", "pap", "chap", "mschap", "mschapv2" };

/* --- log --- */

static void log_login(const struct session *s, const struct aaa_answer *a)
{
	char peer[ENDPOINT_TEXT], user[LOG_QUOTED(PLUGIN_NAME_MAX)], address[ADDR_TEXT];

	log_quote(user, sizeof user, s->user, s->user_len);
	if (a->verdict == AAA_ACCEPT) {
		stats_add(STATS_LOGINS_ACCEPTED);
		log_info("login", SESSION_LOG " user=%s method=%s address=%s pool=\"%s\"", SESSION_LOG_ARGS(s, peer), user,
			 method_words[s->method], addr_text(s->address, address), s->pool);
		return;
	}
	stats_add(STATS_LOGINS_REJECTED);
	log_warn("login-failed", SESSION_LOG " user=%s method=%s reason=%s", SESSION_LOG_ARGS(s, peer), user,
		 method_words[s->method], a->reason);
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

static void drop_lease(struct session *s)
{
	if (s->leased)
		pools_put(s->set->rooms.pools, s->address);
	s->leased = false;
	s->address = 0;
}

void session_user_release(struct session *s)
{
	if (s->known)
		hash_remove(&s->set->by_user, &s->by_user);
	s->known = false;
	drop_lease(s);
	drop_answer(s);
}

/* --- sending the answer --- */

static void fill_accept(const struct session *s, const struct aaa_answer *a, struct plugin_answer *p)
{
	static const uint8_t mppe[] = {
		[CONF_MPPE_REQUIRE] = PLUGIN_MPPE_REQUIRE, [CONF_MPPE_ALLOW] = PLUGIN_MPPE_ALLOW,
		[CONF_MPPE_DENY] = PLUGIN_MPPE_DENY,
	};
	const struct conf *conf = s->conf;
	const struct conf_pool *pool = conf_pool_find(s->set->conf, s->pool[0] ? s->pool : NULL);

	p->local = s->gateway;
	p->remote = s->address;
	p->mppe = a->has_keys ? mppe[conf->ppp.mppe] : PLUGIN_MPPE_DENY;
	p->has_keys = a->has_keys && p->mppe != PLUGIN_MPPE_DENY;
	if (p->has_keys) {
		memcpy(p->send_key, a->send_key, sizeof p->send_key);
		memcpy(p->recv_key, a->recv_key, sizeof p->recv_key);
	}
	if (!pool)
		return;
	memcpy(p->dns, pool->dns, sizeof p->dns);
	memcpy(p->wins, pool->wins, sizeof p->wins);
	p->proxyarp = pool->proxyarp;
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

static void keep_answer(struct session *s, const struct aaa_answer *a, struct mono at)
{
	if (!s->answer)
		s->answer = malloc(sizeof *s->answer);
	if (!s->answer)
		return; /* the plugin's own deadline refuses the login */
	if (s->answer != a)
		*s->answer = *a;
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

/* 0; -EAGAIN: the address will be free in a moment; or -errno. */
static int lease(struct session *s, const struct aaa_answer *a)
{
	struct pools *pools = s->set->rooms.pools;
	/* Users and pools are those of today: the names in one stand in the other. */
	const struct conf *conf = s->set->conf;
	const struct conf_pool *pool = conf_pool_find(conf, a->pool[0] ? a->pool : NULL);
	int r;

	if (a->address) {
		s->address = a->address;
		r = pools_take_fixed(pools, a->address);
	} else {
		r = pools_take(pools, a->pool[0] ? a->pool : NULL, a->account, strlen(a->account), &s->address);
	}
	if (r < 0)
		return r;
	s->leased = true;
	/* A route to the caller's own outer address through the tunnel would send the tunnel into itself. */
	if (s->address == s->peer.addr)
		return -ELOOP;
	s->gateway = conf->ppp.local;
	if (pool && pool->local)
		s->gateway = pool->local;
	if (pool)
		strncpy(s->pool, pool->name, sizeof s->pool - 1);
	return 0;
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

static void accept_user(struct session *s, struct aaa_answer *a)
{
	int r = lease(s, a);

	if (r == -EADDRINUSE && !mono_is_set(s->answer_until) && is_own_leftover(s, a))
		s->answer_until = mono_add_s(mono_now(), ADDRESS_WAIT_S);
	if ((r == -EADDRINUSE || r == -ENOSPC) && mono_diff_us(s->answer_until, mono_now()) > 0) {
		keep_answer(s, a, mono_add_ms(mono_now(), ADDRESS_RETRY_MS));
		return;
	}
	if (r == 0)
		r = become_known(s, a);
	if (r < 0) {
		drop_lease(s);
		if (r == -ENOSPC)
			stats_add(STATS_POOL_EXHAUSTED);
		reject_for(s, a, lease_fault_word(r), "No address is free");
		return;
	}
	s->reason = LINE_USER; /* whatever was refused before */
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
		s->answer_until = mono_add_s(mono_now(), ADDRESS_WAIT_S);
	session_end(oldest, LINE_REPLACED); /* and, where its peer does not read, all calls of its connection */
	return !s->call_over;
}

static void decide(struct session *s, struct aaa_answer *a)
{
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
	if (s->conf->ppp.mppe == CONF_MPPE_REQUIRE && !a->has_keys) {
		reject_for(s, a, "no-mppe-keys", "Encryption is required");
		return;
	}
	if (within_limit(s, a))
		accept_user(s, a);
}

void session_user_answer_due(struct session *s)
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

static void on_auth(struct session *s, const struct plugin_auth *proof)
{
	struct aaa_request rq = { .session = s->id, .peer_addr = s->peer.addr, .proof = *proof };
	struct aaa_answer a;

	if (s->call_over || s->answer)
		return; /* a second proof while the first one waits: the first answer counts */
	memset(&a, 0, sizeof a);
	s->method = proof->method <= PLUGIN_MSCHAPV2 ? proof->method : 0;
	if (!s->known) {
		s->user_len = proof->name_len;
		memcpy(s->user, proof->name, proof->name_len);
	}
	if (!s->set->users || !method_allowed(s->conf, s->method)) {
		reject_for(s, &a, s->set->users ? "method-not-allowed" : "no-users", "Not permitted");
	} else {
		aaa_local_check(s->set->users, &rq, &a);
		decide(s, &a);
	}
	aaa_answer_wipe(&a);
	explicit_bzero(&rq, sizeof rq);
}

/* --- the link --- */

static struct mono idle_look(const struct session *s)
{
	int64_t step_ms = (int64_t)s->idle_timeout * 1000 / IDLE_LOOKS;

	return mono_add_ms(mono_now(), step_ms < 250 ? 250 : step_ms);
}

static void on_up(struct session *s, const struct plugin_up *up)
{
	char peer[ENDPOINT_TEXT], local[ADDR_TEXT], remote[ADDR_TEXT], ifname[LOG_QUOTED(PLUGIN_IFNAME)];
	bool first = !s->up;

	s->up = true;
	s->link_up = *up;
	log_info("session-up", SESSION_LOG " interface=%s local=%s remote=%s mppe=%u mtu=%u", SESSION_LOG_ARGS(s, peer),
		 log_quote(ifname, sizeof ifname, up->ifname, strnlen(up->ifname, sizeof up->ifname)),
		 addr_text(up->local, local), addr_text(up->remote, remote), up->mppe_bits, up->mtu);
	session_set_deadline(s, SESSION_DL_LOGIN, MONO_NEVER);
	if (!first || s->call_over) /* IPCP may come up again: that must not prolong anything */
		return;
	s->idle_since = mono_now();
	if (s->session_timeout)
		session_set_deadline(s, SESSION_DL_LIMIT, mono_add_s(mono_now(), s->session_timeout));
	if (s->idle_timeout)
		session_set_deadline(s, SESSION_DL_IDLE, idle_look(s));
}

void session_user_idle_check(struct session *s)
{
	struct ifstats st;
	struct mono now = mono_now();

	if (!s->up)
		return;
	if (ifstats_read(s->set->netlink, s->link_up.ifname, &st) < 0) {
		session_set_deadline(s, SESSION_DL_IDLE, idle_look(s)); /* not known, so not idle */
		return;
	}
	if (st.rx_packets + st.tx_packets != s->idle_packets) {
		s->idle_packets = st.rx_packets + st.tx_packets;
		s->idle_since = now;
	}
	if (mono_diff_us(now, s->idle_since) >= (int64_t)s->idle_timeout * 1000000)
		session_end(s, LINE_IDLE_TIMEOUT);
	else
		session_set_deadline(s, SESSION_DL_IDLE, idle_look(s));
}

/* What its PPP says meanwhile does not prolong it: LCP can be kept busy for ever (SEC-03). */
static void on_hello(struct session *s, const struct plugin_hello *hello)
{
	log_debug("plugin", "session=%llu pppd=%s", (unsigned long long)s->id, hello->pppd);
	if (!s->call_over)
		session_set_deadline(s, SESSION_DL_LOGIN, mono_add_ms(mono_now(), s->conf->login_ms));
}

static void on_down(struct session *s, const struct plugin_down *down)
{
	char peer[ENDPOINT_TEXT], user[LOG_QUOTED(PLUGIN_NAME_MAX)];

	if (s->up)
		log_info("session-down",
			 SESSION_LOG " user=%s seconds=%u in_octets=%" PRIu64 " out_octets=%" PRIu64 " in_packets=%" PRIu64
			 " out_packets=%" PRIu64, SESSION_LOG_ARGS(s, peer),
			 log_quote(user, sizeof user, s->user, s->user_len), down->seconds, down->in_octets,
			 down->out_octets, down->in_packets, down->out_packets);
	s->up = false;
}

void session_user_plugin(struct session *s, const struct plugin_msg *m)
{
	switch (m->type) {
	case PLUGIN_HELLO:
		on_hello(s, &m->hello);
		break;
	case PLUGIN_PHASE:
		s->phase = m->phase.phase;
		break;
	case PLUGIN_AUTH:
		on_auth(s, &m->auth);
		break;
	case PLUGIN_UP:
		on_up(s, &m->up);
		break;
	case PLUGIN_DOWN:
		on_down(s, &m->down);
		break;
	default:
		break;
	}
}
