/*
 * The user's side of a session: its address, its limits, and what the plugin
 * tells of the link.  Who the user is: session_login.c.
 */
#include "pacd/session_internal.h"

#include "common/log.h"
#include "pacd/line/ifstats.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

#define IDLE_LOOKS 8 /* looks at the counters per idle time-out */

/* --- the address --- */

int session_user_lease(struct session *s, const struct aaa_answer *a)
{
	struct pools *pools = s->set->rooms.pools;
	/* Users and pools are those of today: the names in one stand in the other. */
	const struct conf *conf = s->set->conf;
	const struct conf_pool *pool = conf_pool_find(conf, a->pool[0] ? a->pool : NULL);
	int r = 0;

	if (a->peer_chooses) {
		s->peer_chooses = true; /* leased once it is known */
		s->gateway = conf->ppp.local ? conf->ppp.local : pool ? pool->local : 0;
		return 0;
	}
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

void session_user_drop_lease(struct session *s)
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
	session_user_drop_lease(s);
	session_login_drop(s);
	session_service_free(s);
}

/* --- the link --- */

struct mono session_user_idle_look(const struct session *s)
{
	int64_t step_ms = (int64_t)s->idle_timeout * 1000 / IDLE_LOOKS;

	return mono_add_ms(mono_now(), step_ms < 250 ? 250 : step_ms);
}

static bool is_host(const struct sockaddr_storage *host, uint32_t addr)
{
	struct sockaddr_in in;

	memcpy(&in, host, sizeof in);
	return host->ss_family == AF_INET && ntohl(in.sin_addr.s_addr) == addr;
}

/* Addresses that other traffic of this machine goes to: a host route to one of them would lead it into the tunnel. */
static bool is_ours(const struct conf *c, uint32_t addr)
{
	const struct conf_radius *r = &c->radius;

	for (size_t i = 0; i < r->nservers; i++)
		if (is_host(&r->servers[i].address, addr))
			return true;
	for (size_t i = 0; i < r->das.nclients; i++)
		if (is_host(&r->das.clients[i].address, addr))
			return true;
	for (size_t i = 0; i < c->nlisten; i++)
		if (c->listen[i].addr == addr)
			return true;
	for (size_t i = 0; i < c->npools; i++)
		if (c->pools[i].local == addr || c->pools[i].dns[0] == addr || c->pools[i].dns[1] == addr)
			return true;
	return addr == r->nas_ip_address || addr == c->ppp.local;
}

static bool choosable(const struct session *s, uint32_t addr)
{
	return addr != s->peer.addr && addr != s->local_addr && !is_ours(s->set->conf, addr);
}

/* An address of the peer's own choice is nobody else's, and its first one. False: the session is being ended. */
static bool take_chosen(struct session *s, const struct plugin_up *up)
{
	char peer[ENDPOINT_TEXT], address[ADDR_TEXT];

	if (!s->peer_chooses || s->call_over || (s->leased && up->remote == s->address))
		return true;
	if (!s->leased && choosable(s, up->remote) && pools_take_fixed(s->set->rooms.pools, up->remote) == 0) {
		s->leased = true;
		s->address = up->remote;
		return true;
	}
	log_warn("address-refused", SESSION_LOG " address=%s hint=\"chosen by the peer, and not to be had\"",
		 SESSION_LOG_ARGS(s, peer), addr_text(up->remote, address));
	session_end(s, LINE_REFUSED);
	return false;
}

void session_user_tell_scripts(struct session *s)
{
	struct script_vars vars;

	s->changed_early = !s->up;
	if (!s->up)
		return;
	session_service_vars(s, &vars);
	s->line_ops->change(s->lines, s->id, &vars);
}

static void on_up(struct session *s, const struct plugin_up *up)
{
	char peer[ENDPOINT_TEXT], local[ADDR_TEXT], remote[ADDR_TEXT], ifname[LOG_QUOTED(PLUGIN_IFNAME)];
	bool first = !s->up;

	s->up = true;
	s->link_up = *up;
	if (!take_chosen(s, up))
		return;
	log_info("session-up", SESSION_LOG " interface=%s local=%s remote=%s mppe=%u mtu=%u", SESSION_LOG_ARGS(s, peer),
		 log_quote(ifname, sizeof ifname, up->ifname, strnlen(up->ifname, sizeof up->ifname)),
		 addr_text(up->local, local), addr_text(up->remote, remote), up->mppe_bits, up->mtu);
	session_set_deadline(s, SESSION_DL_LOGIN, MONO_NEVER);
	if (!first || s->call_over) /* IPCP may come up again: that must not prolong anything */
		return;
	s->idle_since = mono_now();
	session_acct_up(s);
	if (s->changed_early) /* ip-up has what held at the login */
		session_user_tell_scripts(s);
	if (s->session_timeout)
		session_set_deadline(s, SESSION_DL_LIMIT, mono_add_s(mono_now(), s->session_timeout));
	if (s->idle_timeout)
		session_set_deadline(s, SESSION_DL_IDLE, session_user_idle_look(s));
}

/* Packets so far, either way; false: not known. */
static bool packets_read(const struct session *s, uint64_t *n)
{
	struct ifstats st;

	if (s->real) {
		*n = session_real_packets(s);
		return true;
	}
	if (ifstats_read(s->set->netlink, s->link_up.ifname, &st) < 0)
		return false;
	*n = st.rx_packets + st.tx_packets;
	return true;
}

void session_user_idle_check(struct session *s)
{
	struct mono now = mono_now();
	uint64_t packets;

	if (!s->up && !s->real)
		return;
	if (!packets_read(s, &packets)) {
		session_set_deadline(s, SESSION_DL_IDLE, session_user_idle_look(s)); /* not known, so not idle */
		return;
	}
	if (packets != s->idle_packets) {
		s->idle_packets = packets;
		s->idle_since = now;
	}
	if (mono_diff_us(now, s->idle_since) >= (int64_t)s->idle_timeout * 1000000)
		session_end(s, LINE_IDLE_TIMEOUT);
	else
		session_set_deadline(s, SESSION_DL_IDLE, session_user_idle_look(s));
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
	if (s->started_acct && !s->stopped_acct) {
		s->counted = *down;
		s->has_counted = true;
	}
	s->asked_to_end = down->peer_ended;
	session_note_exit(s, down->status);
	session_acct_stop(s);
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
		session_login_auth(s, &m->auth);
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
