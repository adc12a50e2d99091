/*
 * What main's answer gives the peer: addresses, name servers, MTU, MPPE.
 *
 * Owns the addresses of this call and the MPPE policy; writes them into pppd's
 * option tables between authentication and the network phase, which is when
 * IPCP and CCP read them.  Must not know where they come from.  RFC 1332, RFC
 * 1877 (name servers), RFC 3078 (MPPE).
 *
 * pppd knows MPPE as demanded or as refused, nothing between.  "Allow" is made
 * of these: CCP waits for the peer, and a Configure-Request of the peer that
 * asks for an encryption that we have turns refused into demanded, just before
 * CCP reads its wishes.  IP may then come up before MPPE: whoever cannot bear that
 * demands it.
 */
#include "pacd/plugin/compat.h"

#include "common/buf.h"
#include "pacd/plugin/plugin.h"

#include <arpa/inet.h>

#define PROTO_CCP 0x80fd
#define CONFIGURE_REQUEST 1
#define OPTION_MPPE 18
#define PPP_DEFAULT_MRU 1500

static struct {
	bool given;
	uint32_t remote; /* network order; 0: the one in pppd's options */
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

/* The peer has what it was given and nothing else, whatever the options say. */
static int address_allowed(uint32_t addr)
{
	uint32_t want = grant.remote ? grant.remote : ipcp_wantoptions[0].hisaddr;

	return grant.given && want && addr == want;
}

static void apply_addresses(const struct plugin_answer *a)
{
	ipcp_options *want = &ipcp_wantoptions[0], *allow = &ipcp_allowoptions[0];

	grant.remote = htonl(a->remote);
	if (a->remote) {
		want->hisaddr = grant.remote;
		want->accept_remote = 0;
	}
	if (a->local) {
		want->ouraddr = htonl(a->local);
		want->accept_local = 0;
	}
	if (a->proxyarp)
		want->proxy_arp = 1;
	for (int i = 0; i < PLUGIN_DNS; i++) {
		if (a->dns[i])
			allow->dnsaddr[i] = htonl(a->dns[i]);
		if (a->wins[i])
			allow->winsaddr[i] = htonl(a->wins[i]);
	}
}

/* --- MPPE --- */

static void demand_mppe(void)
{
	ccp_wantoptions[0].mppe = grant.bits;
}

/* CCP must not speak first: once it has asked for something else, its wishes are fixed for this negotiation. */
static void await_mppe(void)
{
	ccp_options *want = &ccp_wantoptions[0];

	want->mppe = 0;
	want->bsd_compress = want->deflate = want->predictor_1 = want->predictor_2 = 0;
}

static void deny_mppe(void)
{
	ccp_wantoptions[0].mppe = 0;
	ccp_allowoptions[0].mppe = 0;
}

static uint8_t usable_bits(void)
{
	uint8_t bits = ccp_wantoptions[0].mppe & (MPPE_OPT_40 | MPPE_OPT_128);

	return bits ? bits : MPPE_OPT_128;
}

static int apply_mppe(struct plugin_answer *a)
{
	bool possible = a->has_keys && ccp_protent.enabled_flag;

	grant.bits = usable_bits();
	grant.mppe = a->mppe;
	if (a->mppe == PLUGIN_MPPE_REQUIRE && !possible) {
		compat_error("pacd.so: MPPE is required, but %s", a->has_keys ? "the option noccp is set" : "this login has no keys");
		return -1;
	}
	if (!possible)
		grant.mppe = PLUGIN_MPPE_DENY;
	else if (a->mppe != PLUGIN_MPPE_DENY)
		compat_mppe_keys(a->send_key, a->recv_key);
	if (grant.mppe == PLUGIN_MPPE_REQUIRE)
		demand_mppe();
	else if (grant.mppe == PLUGIN_MPPE_ALLOW)
		await_mppe();
	else
		deny_mppe();
	return 0;
}

int grant_apply(struct plugin_answer *a)
{
	int r = apply_mppe(a);

	explicit_bzero(a->send_key, sizeof a->send_key);
	explicit_bzero(a->recv_key, sizeof a->recv_key);
	if (r < 0)
		return r;
	apply_addresses(a);
	grant.mtu = a->mtu;
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
		demand_mppe();
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

/* LCP's value, as lcp_up() has it. */
static int link_mtu(void)
{
	int peer = lcp_hisoptions[0].neg_mru ? lcp_hisoptions[0].mru : PPP_DEFAULT_MRU;

	return peer < lcp_allowoptions[0].mru ? peer : lcp_allowoptions[0].mru;
}

/* CCP takes MPPE_PAD off at each request that it acknowledges, also when one comes twice: set it anew, once. */
void grant_mtu(void)
{
	bool acked = ccp_fsm[0].state == OPENED || ccp_fsm[0].state == ACKSENT;
	int mtu = link_mtu();

	if (grant.mtu && grant.mtu < mtu)
		mtu = grant.mtu;
	if (acked && ccp_hisoptions[0].mppe)
		mtu -= MPPE_PAD;
	compat_set_mtu(mtu);
}

void grant_init(void)
{
	ip_choose_hook = choose_address;
	allowed_address_hook = address_allowed;
}
