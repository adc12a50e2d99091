/*
 * plugin/mppe_bits: which key lengths are left of what the configuration, the
 * server and the login allow, and what that makes of the policy (RAD-30).
 */
#include "test/unit/unit.h"

#include "pacd/plugin/mppe_bits.h"

#include <stdio.h>

#define NONE 0
#define B40 MPPE_BITS_40
#define B128 MPPE_BITS_128
#define BOTH MPPE_BITS_ALL

/* Rows: what pppd's options say; columns: the server. */
static const uint8_t left[4][4] = {
	/*            silent  40    128   40|128 */
	[NONE]    = { B128, NONE, B128, B128 },
	[B40]     = { B40,  B40,  NONE, B40 },
	[B128]    = { B128, NONE, B128, B128 },
	[BOTH]    = { BOTH, B40,  B128, BOTH },
};

static struct plugin_answer answer(uint8_t mppe, uint8_t server, bool keys)
{
	return (struct plugin_answer){ .ok = true, .mppe = mppe, .mppe_40 = server & B40, .mppe_128 = server & B128,
				       .has_keys = keys };
}

START_TEST(lengths)
{
	for (uint8_t configured = 0; configured < 4; configured++)
		for (uint8_t server = 0; server < 4; server++) {
			struct plugin_answer a = answer(PLUGIN_MPPE_ALLOW, server, true);
			uint8_t bits = left[configured][server];

			ck_assert_uint_eq(mppe_bits(configured, &a, PLUGIN_MSCHAPV2), bits);
			ck_assert_uint_eq(mppe_bits(configured, &a, PLUGIN_MSCHAP), bits & B128);
			/* what else pppd keeps there is no key length */
			ck_assert_uint_eq(mppe_bits(configured | 0xfc, &a, PLUGIN_MSCHAPV2), bits);
		}
}
END_TEST

/* A FreeRADIUS without require_strong: 6 for everybody. */
START_TEST(server_does_not_weaken_the_configuration)
{
	struct plugin_answer a = answer(PLUGIN_MPPE_REQUIRE, BOTH, true);
	struct mppe_plan p = mppe_plan(B128, &a, PLUGIN_MSCHAPV2, true);

	ck_assert_ptr_null(p.refuse);
	ck_assert_uint_eq(p.bits, B128);
	ck_assert_uint_eq(p.want, B128);
	a = answer(PLUGIN_MPPE_REQUIRE, B40, true);
	p = mppe_plan(B128, &a, PLUGIN_MSCHAPV2, true);
	ck_assert_ptr_nonnull(p.refuse);
	ck_assert_ptr_nonnull(strstr(p.refuse, "key length"));
	ck_assert_uint_eq(p.bits | p.want, 0);
	a = answer(PLUGIN_MPPE_ALLOW, B40, true);
	p = mppe_plan(0, &a, PLUGIN_MSCHAPV2, true);
	ck_assert_ptr_null(p.refuse);
	ck_assert_uint_eq(p.policy, PLUGIN_MPPE_DENY);
}
END_TEST

/* What the plan must be, said in another way than the code says it. */
static void check_plan(uint8_t configured, uint8_t server, uint8_t method, uint8_t mppe, unsigned flags)
{
	bool keys = flags & 1, ccp = flags & 2;
	struct plugin_answer a = answer(mppe, server, keys);
	struct mppe_plan p = mppe_plan(configured, &a, method, ccp);
	uint8_t bits = left[configured][server] & (method == PLUGIN_MSCHAP ? B128 : BOTH);
	bool possible = keys && ccp && bits;
	char what[100];

	snprintf(what, sizeof what, "configured %u server %u method %u mppe %u keys %d ccp %d", configured, server,
		 method, mppe, keys, ccp);
	ck_assert_msg(!p.refuse == (possible || mppe != PLUGIN_MPPE_REQUIRE), "%s", what);
	ck_assert_msg(p.policy == (possible ? mppe : PLUGIN_MPPE_DENY), "%s", what);
	ck_assert_msg(p.bits == (possible && mppe != PLUGIN_MPPE_DENY ? bits : 0), "%s", what);
	ck_assert_msg(p.want == (possible && mppe == PLUGIN_MPPE_REQUIRE ? bits : 0), "%s", what);
}

START_TEST(plans)
{
	for (uint8_t configured = 0; configured < 4; configured++)
		for (uint8_t server = 0; server < 4; server++)
			for (uint8_t method = PLUGIN_PAP; method <= PLUGIN_MSCHAPV2; method++)
				for (uint8_t mppe = 0; mppe <= PLUGIN_MPPE_REQUIRE; mppe++)
					for (unsigned flags = 0; flags < 4; flags++)
						check_plan(configured, server, method, mppe, flags);
}
END_TEST

START_TEST(why_refused)
{
	struct plugin_answer a = answer(PLUGIN_MPPE_REQUIRE, NONE, false);

	ck_assert_str_eq(mppe_plan(B128, &a, PLUGIN_MSCHAPV2, true).refuse, "this login has no keys");
	a.has_keys = true;
	ck_assert_str_eq(mppe_plan(B128, &a, PLUGIN_MSCHAPV2, false).refuse, "the option noccp is set");
	ck_assert_ptr_nonnull(strstr(mppe_plan(B40, &a, PLUGIN_MSCHAP, true).refuse, "key length"));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("mppe_bits");

	UNIT_CASE(s, "bits", lengths, server_does_not_weaken_the_configuration, plans, why_refused);
	return s;
}

UNIT_MAIN(suite)
