/*
 * What main's answer gives the peer: addresses, name servers, MTU, MPPE, and the
 * variables of its scripts.
 *
 * Owns the addresses of this call and the MPPE policy; writes them into pppd's
 * option tables between authentication and the network phase, which is when
 * IPCP, IPV6CP and CCP read them.  Must not know where they come from.  RFC 1332,
 * RFC 1877 (name servers), RFC 5072 (interface identifier), RFC 3078 (MPPE).
 *
 * pppd knows MPPE as demanded or as refused, nothing between.  "Allow" is made
 * of these: CCP waits for the peer, and a Configure-Request of the peer that
 * asks for an encryption that we have turns refused into demanded, just before
 * CCP reads its wishes.  IP may then come up before MPPE: whoever cannot bear that
 * demands it.
 */
#include "pacd/plugin/compat.h"

#include "common/buf.h"
#include "pacd/plugin/mppe_bits.h"
#include "pacd/plugin/plugin.h"

#include <arpa/inet.h>

#define PROTO_CCP 0x80fd
#define CONFIGURE_REQUEST 1
#define OPTION_MPPE 18
#define PPP_DEFAULT_MRU 1500
#define IPV4_LEAST_MTU 68    /* the kernel takes IPv4 off an interface that has less */
#define IPV6_LEAST_MTU 1280  /* and IPv6 */

_Static_assert(MPPE_BITS_40 == MPPE_OPT_40 && MPPE_BITS_128 == MPPE_OPT_128, "mppe_bits.h has pppd's bits");

static struct {
	bool given;
	uint32_t remote; /* network order; 0: the one in pppd's options */
	bool peer_chooses;
	bool has_id;
	eui64_t id;      /* the peer's interface identifier, where has_id */
	uint16_t mtu;    /* 0: what LCP gives */
	uint8_t mppe;    /* enum plugin_mppe */
	uint8_t bits;    /* MPPE_OPT_40 and MPPE_OPT_128 that we may use */
} grant;

/* --- addresses --- */

static void choose_address(uint32_t *addr)
{
	if (grant.remote)
		*addr = grant.remote;
}

/* Not the one that pppd makes up for a peer that has named none. */
static bool address_chosen(uint32_t addr)
{
	bool named = ipcp_hisoptions[0].neg_addr || ipcp_hisoptions[0].old_addrs;
	uint8_t first = (uint8_t)(ntohl(addr) >> 24);

	return named && first != 0 && first != 127 && first < 224 && addr != ipcp_gotoptions[0].ouraddr;
}

/* The peer has what it was given and nothing else, whatever the options say. */
static int address_allowed(uint32_t addr)
{
	uint32_t want = grant.remote ? grant.remote : ipcp_wantoptions[0].hisaddr;

	if (grant.given && grant.peer_chooses)
		return address_chosen(addr);
	return grant.given && want && addr == want;
}

static void apply_remote(const struct plugin_answer *a)
{
	ipcp_options *want = &ipcp_wantoptions[0];

	grant.remote = htonl(a->remote);
	grant.peer_chooses = a->peer_chooses;
	if (a->remote || a->peer_chooses) {
		want->hisaddr = grant.remote;
		want->accept_remote = a->peer_chooses;
	}
}

static void apply_addresses(const struct plugin_answer *a)
{
	ipcp_options *want = &ipcp_wantoptions[0], *allow = &ipcp_allowoptions[0];

	apply_remote(a);
	if (a->local) {
		want->ouraddr = htonl(a->local);
		want->accept_local = 0;
	}
	if (a->proxyarp)
		want->proxy_arp = 1;
	if (a->no_vj)
		want->neg_vj = allow->neg_vj = 0;
	for (int i = 0; i < PLUGIN_DNS; i++) {
		if (a->dns[i])
			allow->dnsaddr[i] = htonl(a->dns[i]);
		if (a->wins[i])
			allow->winsaddr[i] = htonl(a->wins[i]);
	}
}

/* --- interface identifier --- */

static void apply_interface_id(uint64_t id)
{
	ipv6cp_options *want = &ipv6cp_wantoptions[0];

	grant.has_id = id != 0;
	if (!grant.has_id)
		return;
	for (int i = 0; i < 8; i++)
		grant.id.e8[i] = (uint8_t)(id >> (56 - 8 * i));
	want->hisid = grant.id;
	want->opt_remote = 1; /* or pppd would take any */
	want->accept_remote = 0;
}

static void close_ipv6(void *ctx)
{
	char why[] = "Refused its interface identifier";

	(void)ctx;
	ipv6cp_protent.close(0, why);
}

/* pppd 2.4.9 proposes the identifier once, and then takes the peer's own. */
static void on_ipv6_up(void *ctx, int arg)
{
	(void)ctx;
	(void)arg;
	if (!grant.has_id || eui64_equals(grant.id, ipv6cp_hisoptions[0].hisid))
		return;
	compat_warn("pacd.so: the peer does not take the interface identifier that it was given: no IPv6");
	compat_soon(close_ipv6); /* not from inside IPV6CP's own change of state */
}

/* --- MPPE --- */

/* What is not wanted is not allowed: pppd's options use the second one as a scratch variable, and leave bits in it. */
static void set_mppe(uint8_t bits)
{
	ccp_wantoptions[0].mppe = bits;
	ccp_allowoptions[0].mppe = bits;
}

/* CCP must not speak first: once it has asked for something else, its wishes are fixed for this negotiation. */
static void await_peer(void)
{
	ccp_options *want = &ccp_wantoptions[0];

	want->bsd_compress = want->deflate = want->predictor_1 = want->predictor_2 = 0;
}

static int apply_mppe(struct plugin_answer *a, uint8_t method)
{
	struct mppe_plan plan = mppe_plan(ccp_wantoptions[0].mppe, a, method, ccp_protent.enabled_flag);

	if (plan.refuse) {
		compat_error("pacd.so: MPPE is required, but %s", plan.refuse);
		return -1;
	}
	grant.bits = plan.bits;
	grant.mppe = plan.policy;
	if (plan.policy != PLUGIN_MPPE_DENY)
		compat_mppe_keys(a->send_key, a->recv_key);
	if (plan.policy == PLUGIN_MPPE_ALLOW)
		await_peer();
	set_mppe(plan.want);
	return 0;
}

static void apply_vars(const struct script_vars *v)
{
	for (uint8_t i = 0; i < v->n; i++)
		compat_setenv(script_var_name(v->list[i].var), v->list[i].value);
}

int grant_apply(struct plugin_answer *a, uint8_t method)
{
	int r = apply_mppe(a, method);

	explicit_bzero(a->send_key, sizeof a->send_key);
	explicit_bzero(a->recv_key, sizeof a->recv_key);
	if (r < 0)
		return r;
	apply_addresses(a);
	apply_interface_id(a->interface_id);
	apply_vars(&a->vars);
	route_keep(a);
	grant.mtu = a->mtu;
	if (a->mtu && a->mtu < IPV6_LEAST_MTU && ipv6cp_protent.enabled_flag)
		compat_warn("pacd.so: there is no IPv6 with an MTU of %d", (int)a->mtu);
	grant.given = true;
	return 0;
}

/* The bits of the MPPE option in a list of CCP options, as MPPE_OPT_*; MPPC alone asks for compression, not for us. */
static uint8_t asked_bits(struct rbuf *r)
{
	while (rbuf_left(r) >= 2) {
		uint8_t type = rbuf_u8(r), len = rbuf_u8(r);
		const uint8_t *value = len >= 2 ? rbuf_view(r, len - 2u) : NULL;

		if (!value)
			return 0;
		if (type == OPTION_MPPE && len == 6)
			return (uint8_t)((value[3] & MPPE_S_BIT ? MPPE_OPT_128 : 0) |
					 (value[3] & MPPE_L_BIT ? MPPE_OPT_40 : 0));
	}
	return 0;
}

void grant_snoop(const uint8_t *packet, size_t len)
{
	struct rbuf r, options;
	uint16_t proto, length;
	uint8_t code;
	const uint8_t *p;

	if (!grant_optional() || ccp_wantoptions[0].mppe)
		return;
	rbuf_init(&r, packet, len);
	rbuf_skip(&r, 2); /* address and control */
	proto = rbuf_u16(&r);
	code = rbuf_u8(&r);
	rbuf_skip(&r, 1);
	length = rbuf_u16(&r);
	if (proto != PROTO_CCP || code != CONFIGURE_REQUEST || length < 4)
		return;
	p = rbuf_view(&r, length - 4u);
	/* In the midst of a negotiation the wishes are not read again. */
	if (!p || (ccp_fsm[0].state != STOPPED && ccp_fsm[0].state != OPENED))
		return;
	rbuf_init(&options, p, length - 4u);
	if (asked_bits(&options) & grant.bits)
		set_mppe(grant.bits);
}

uint8_t grant_mppe_bits(void)
{
	uint8_t bits = ccp_fsm[0].state == OPENED ? ccp_gotoptions[0].mppe & ccp_hisoptions[0].mppe : 0;

	return bits & MPPE_OPT_128 ? 128 : bits & MPPE_OPT_40 ? 40 : 0;
}

bool grant_kept(void)
{
	return grant.mppe != PLUGIN_MPPE_REQUIRE || grant_mppe_bits() > 0;
}

bool grant_optional(void)
{
	return grant.given && grant.mppe == PLUGIN_MPPE_ALLOW;
}

/*
 * IPCP has not waited for CCP here, and a peer that does wait has dropped our first request: without this IP would
 * come up when the request is repeated, three seconds later.  In any other state the peer's answer is on its way.
 */
void grant_hurry_ipcp(void)
{
	if (ipcp_fsm[0].state != REQSENT)
		return;
	ipcp_protent.lowerdown(0);
	ipcp_protent.lowerup(0);
}

/* --- MTU --- */

static int least(int a, int b)
{
	return a < b ? a : b;
}

/* LCP's value, as lcp_up() has it. */
static int link_mtu(void)
{
	const lcp_options *peer = &lcp_hisoptions[0], *got = &lcp_gotoptions[0], *want = &lcp_wantoptions[0];
	int theirs = peer->neg_mru ? peer->mru : PPP_DEFAULT_MRU;
	int ours = !got->neg_mru ? PPP_DEFAULT_MRU : got->mru > want->mru ? got->mru : want->mru;

	return least(least(theirs, ours), lcp_allowoptions[0].mru);
}

/* The answer may be lower than any MRU could be, but not so low that the kernel takes the address away. */
static int granted_mtu(void)
{
	int floor = IPV4_LEAST_MTU + (grant.mppe == PLUGIN_MPPE_DENY ? 0 : MPPE_PAD);
	int mtu = link_mtu();

	if (!grant.mtu || grant.mtu >= mtu)
		return mtu;
	return grant.mtu > floor ? grant.mtu : floor;
}

/* CCP takes MPPE_PAD off at each request that it acknowledges, also when one comes twice: set it anew, once. */
void grant_mtu(void)
{
	bool acked = ccp_fsm[0].state == OPENED || ccp_fsm[0].state == ACKSENT;

	compat_set_mtu(granted_mtu() - (acked && ccp_hisoptions[0].mppe ? MPPE_PAD : 0));
}

void grant_init(void)
{
	ip_choose_hook = choose_address;
	allowed_address_hook = address_allowed;
	compat_on_ipv6_up(on_ipv6_up);
}
