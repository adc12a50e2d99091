/*
 * How MPPE is to be negotiated: what the configuration, the server's answer and
 * the login leave of it.
 *
 * Pure: no name of pppd in it, so that a test needs none.  RFC 2548 2.4.4 and
 * 2.4.5 (policy and types), RFC 3079 (keys for 128 bits after MS-CHAPv1 too).
 */
#ifndef PACD_PLUGIN_MPPE_BITS_H
#define PACD_PLUGIN_MPPE_BITS_H

#include "common/plugin_proto.h"

/* Key lengths, as pppd has them: MPPE_OPT_40 and MPPE_OPT_128. */
#define MPPE_BITS_40 1
#define MPPE_BITS_128 2
#define MPPE_BITS_ALL (MPPE_BITS_40 | MPPE_BITS_128)

struct mppe_plan {
	uint8_t policy;     /* enum plugin_mppe: what is left of the answer's */
	uint8_t bits;       /* that may be used; 0 where policy is PLUGIN_MPPE_DENY */
	uint8_t want;       /* what CCP starts with: all of `bits`, or 0 */
	const char *refuse; /* why the login is to be refused, or NULL */
};

/*
 * The lengths that both sides of it allow.  `configured`: those of pppd's options; none there: 128, which the
 * configuration promises.  The answer has a say by taking away only, so that a server that sends "40 or 128" to all
 * does not weaken a set-up that demands 128.  pppd has no keys for 40 bits after MS-CHAPv1 (RFC 3079 2.1).
 */
static inline uint8_t mppe_bits(uint8_t configured, const struct plugin_answer *a, uint8_t method)
{
	uint8_t bits = configured & MPPE_BITS_ALL;
	uint8_t server = (uint8_t)((a->mppe_40 ? MPPE_BITS_40 : 0) | (a->mppe_128 ? MPPE_BITS_128 : 0));

	if (!bits)
		bits = MPPE_BITS_128;
	if (server)
		bits &= server;
	if (method == PLUGIN_MSCHAP)
		bits &= MPPE_BITS_128;
	return bits;
}

/* NULL where MPPE is possible. `ccp`: pppd may negotiate it at all. */
static inline const char *mppe_obstacle(uint8_t bits, const struct plugin_answer *a, bool ccp)
{
	if (!a->has_keys)
		return "this login has no keys";
	if (!ccp)
		return "the option noccp is set";
	return bits ? NULL : "no key length suits the configuration, the server and this kind of login";
}

static inline struct mppe_plan mppe_plan(uint8_t configured, const struct plugin_answer *a, uint8_t method, bool ccp)
{
	struct mppe_plan p = { .policy = a->mppe, .bits = mppe_bits(configured, a, method) };
	const char *obstacle = mppe_obstacle(p.bits, a, ccp);

	if (obstacle && p.policy == PLUGIN_MPPE_REQUIRE)
		p.refuse = obstacle;
	if (obstacle)
		p.policy = PLUGIN_MPPE_DENY;
	if (p.policy == PLUGIN_MPPE_DENY)
		p.bits = 0;
	p.want = p.policy == PLUGIN_MPPE_REQUIRE ? p.bits : 0;
	return p;
}

#endif
