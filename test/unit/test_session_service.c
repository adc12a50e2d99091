/*
 * What a server's Accept gives a session (RAD-28 to RAD-30, ledger section 4): encryption, address, routes, limits, and
 * what the scripts are told.
 */
#include "test/unit/unit_radius_session.h"

static void ends(uint64_t id)
{
	sessions_disconnect(sessions, id);
	cdn_at_last();
	line_goes_down(id, 0);
}

static void up_at(uint64_t id, uint32_t remote)
{
	struct plugin_msg m = { .type = PLUGIN_UP, .up = { .local = 1, .remote = remote, .mtu = 1400 } };

	strcpy(m.up.ifname, "ppp7");
	plugin_says(id, &m);
}

/* --- MPPE --- */

struct mppe_case {
	enum conf_mppe conf;
	unsigned policy; /* 0: none given */
	bool keys;
	int types; /* -1: none given */
};

/* RAD-30, in its words. */
static const char *expected(const struct mppe_case *c, enum plugin_mppe *mppe)
{
	bool usable = c->keys && (c->types < 0 || c->types & 6);

	if (c->conf == CONF_MPPE_DENY) {
		*mppe = PLUGIN_MPPE_DENY;
		return c->policy == 2 ? "reason=mppe-required-by-server" : NULL;
	}
	if (c->conf == CONF_MPPE_REQUIRE || c->policy == 2) {
		*mppe = PLUGIN_MPPE_REQUIRE;
		return usable ? NULL : "reason=no-mppe-keys";
	}
	*mppe = c->policy && usable ? PLUGIN_MPPE_ALLOW : PLUGIN_MPPE_DENY;
	return NULL;
}

static void mppe_case(const struct mppe_case *c)
{
	uint64_t id = next_call();
	enum plugin_mppe mppe;
	const char *why = expected(c, &mppe);
	const struct plugin_answer *a = answer(id);

	conf->ppp.mppe = c->conf;
	plugin_mschapv2(id, true);
	give_success();
	if (c->keys)
		give_keys();
	if (c->policy)
		give_ms_number(RADIUS_MS_MPPE_ENCRYPTION_POLICY, c->policy);
	if (c->types >= 0)
		give_ms_number(RADIUS_MS_MPPE_ENCRYPTION_TYPES, (uint32_t)c->types);
	server_accepts();
	ck_assert_msg(accepted(id) == !why, "conf %d policy %u keys %d types %d", c->conf, c->policy, c->keys, c->types);
	if (why) {
		logged(why);
		ck_assert_int_eq(strncmp(a->message, "E=649 R=0 C=", 12), 0);
		ck_assert(!a->has_keys && !a->remote);
	} else {
		ck_assert_msg(a->mppe == mppe, "conf %d policy %u keys %d types %d: %u", c->conf, c->policy, c->keys,
			      c->types, a->mppe);
		ck_assert_int_eq(a->has_keys, mppe != PLUGIN_MPPE_DENY);
		ck_assert_uint_eq(a->send_key[0], a->has_keys ? 0x55 : 0);
		ck_assert_int_eq(a->mppe_40, c->types >= 0 && c->types & 2);
		ck_assert_int_eq(a->mppe_128, c->types >= 0 && c->types & 4);
	}
	ends(id);
}

START_TEST(mppe)
{
	static const int types[] = { -1, 0, 1, 2, 4, 6 };

	conf->limits.call_rate_per_peer = 0;
	for (int mode = CONF_MPPE_REQUIRE; mode <= CONF_MPPE_DENY; mode++)
		for (unsigned policy = 0; policy <= 2; policy++)
			for (int keys = 0; keys <= 1; keys++)
				for (unsigned i = 0; i < 6; i++)
					mppe_case(&(struct mppe_case){ (enum conf_mppe)mode, policy, keys, types[i] });
}
END_TEST

/* --- the address --- */

START_TEST(fixed_address)
{
	uint64_t id, other;

	give_number(RADIUS_FRAMED_IP_ADDRESS, 0x0a000042);
	id = logged_in("zoe");
	ck_assert_uint_eq(answer(id)->remote, 0x0a000042);
	ck_assert_uint_eq(answer(id)->local, 0x0a000001);
	ck_assert(!answer(id)->peer_chooses);
	ck_assert_uint_eq(pool_used(0), 1);
	give_number(RADIUS_FRAMED_IP_ADDRESS, 0x0a000042);
	other = asking("yan"); /* in use by another live call */
	server_accepts();
	ck_assert(!accepted(other));
	logged("reason=address-in-use");
	ck_assert_uint_eq(view(other).address, 0);
	give_number(RADIUS_FRAMED_IP_ADDRESS, 5); /* its own outer one */
	plugin_pap(other, "yan", "x");
	server_accepts();
	ck_assert(!accepted(other));
	logged("reason=address-is-the-callers");
	give_number(RADIUS_FRAMED_IP_ADDRESS, 0xc6336401); /* of no pool */
	plugin_pap(other, "yan", "x");
	server_accepts();
	ck_assert(accepted(other));
	ck_assert_uint_eq(answer(other)->remote, 0xc6336401);
	ends(id);
	ck_assert_uint_eq(pool_used(0), 0);
	give_number(RADIUS_FRAMED_IP_ADDRESS, RADIUS_ADDRESS_NAS);
	id = logged_in("zoe");
	ck_assert_uint_eq(answer(id)->remote, 0x0a000002);
}
END_TEST

START_TEST(pool)
{
	uint64_t id;

	give_text(RADIUS_FRAMED_POOL, "one");
	id = logged_in("zoe");
	ck_assert_uint_eq(answer(id)->remote, 0x0a000105);
	ck_assert_uint_eq(answer(id)->local, 0x0a000101);
	ck_assert_str_eq(view(id).pool, "one");
	give_text(RADIUS_FRAMED_POOL, "nowhere");
	id = logged_in("yan");
	ck_assert_str_eq(view(id).pool, "main");
	logged("unknown-pool session=2 pool=\"nowhere\"");
	conf->radius.unknown_pool = CONF_UNKNOWN_REFUSE;
	give_text(RADIUS_FRAMED_POOL, "nowhere");
	id = asking("xia");
	server_accepts();
	ck_assert(!accepted(id));
	logged("reason=no-such-pool");
	/* Beside an address of its own the pool is no matter. */
	give_text(RADIUS_FRAMED_POOL, "nowhere");
	give_number(RADIUS_FRAMED_IP_ADDRESS, 0x0a000050);
	id = logged_in("xia");
	ck_assert_uint_eq(answer(id)->remote, 0x0a000050);
	ck_assert_uint_eq(answer(id)->local, 0x0a000001);
	give_text(RADIUS_FRAMED_POOL, "nowhere");
	give_number(RADIUS_FRAMED_IP_ADDRESS, RADIUS_ADDRESS_USER);
	id = logged_in("wim");
	ck_assert(answer(id)->peer_chooses && answer(id)->local == 0x0a000001);
	give_text(RADIUS_FRAMED_POOL, "one"); /* exhausted */
	id = asking("vic");
	server_accepts();
	ck_assert(!accepted(id));
	logged("reason=pool-exhausted");
}
END_TEST

static uint64_t choosing(const char *name)
{
	give_number(RADIUS_FRAMED_IP_ADDRESS, RADIUS_ADDRESS_USER);
	return logged_in(name);
}

/* Framed-IP-Address 255.255.255.255: what the peer has chosen is known once the link is up. */
START_TEST(chosen_address)
{
	uint64_t id = choosing("zoe"), other;

	ck_assert(answer(id)->peer_chooses && answer(id)->remote == 0 && answer(id)->local == 0x0a000001);
	logged("address=peer");
	ck_assert_uint_eq(pool_used(0), 0);
	up_at(id, 0x0a000042);
	ck_assert_uint_eq(pool_used(0), 1);
	ck_assert_uint_eq(view(id).address, 0x0a000042);
	ck_assert_uint_eq(attr_number(record(RADIUS_ACCT_START), RADIUS_FRAMED_IP_ADDRESS), 0x0a000042);
	up_at(id, 0x0a000042); /* once more, as when MPPE came later */
	ck_assert_uint_eq(lines[id].hangups, 0);
	ck_assert_uint_eq(pool_used(0), 1);

	other = choosing("yan"); /* the same one */
	up_at(other, 0x0a000042);
	ck_assert_int_eq(lines[other].reason, LINE_REFUSED);
	ck_assert_uint_eq(cdn_code(p), CDN_ADMIN * 10);
	logged("address-refused session=2");
	no_record();
	line_goes_down(other, 0);
	ck_assert_uint_eq(pool_used(0), 1);
	ck_assert_uint_eq(lines[id].hangups, 0);

	no_record();

	/* Nor another one later: the first one is what all know it by. */
	other = choosing("yan");
	up_at(other, 0x0a000043);
	record(RADIUS_ACCT_START);
	up_at(other, 0x0a000044);
	ck_assert_int_eq(lines[other].reason, LINE_REFUSED);
	ck_assert_uint_eq(cdn_code(p), CDN_ADMIN * 10);
	ck_assert_uint_eq(pool_used(0), 2);
	line_goes_down(other, 0);
	ck_assert_uint_eq(pool_used(0), 1);
	attr_is(record(RADIUS_ACCT_STOP), RADIUS_ACCT_TERMINATE_CAUSE, "\0\0\0\x0a", 4);
}
END_TEST

/* None that other traffic of this machine goes to: its own, the caller's outer one, those of servers. */
START_TEST(chosen_badly)
{
	static const uint32_t bad[] = { 5, 0x0a000001, 0x0a0000fe, 0x0a000101, 0x09090909, 0xc0000201, 0xc0000209 };

	conf->pools[0].local = 0x0a0000fe;
	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
		uint64_t id = choosing("yan");

		up_at(id, bad[i]);
		ck_assert_msg(lines[id].hangups && lines[id].reason == LINE_REFUSED, "address %#x", bad[i]);
		ck_assert_uint_eq(cdn_code(p), CDN_ADMIN * 10);
		line_goes_down(id, 0);
		ck_assert_uint_eq(pool_used(0) + pool_used(1), 0);
	}
	no_record();
}
END_TEST

/* --- the link --- */

START_TEST(routes)
{
	uint64_t id;

	give_number(RADIUS_FRAMED_IP_ADDRESS, 0x0a000042);
	give_number(RADIUS_FRAMED_IP_NETMASK, 0xfffffff8);
	give_text(RADIUS_FRAMED_ROUTE, "10.9.0.0/16 0.0.0.0 7");
	give_text(RADIUS_FRAMED_ROUTE, "192.168.3.0");
	give_text(RADIUS_FRAMED_ROUTE, "nonsense");
	id = linked("zoe");
	ck_assert_uint_eq(answer(id)->nroutes, 3);
	ck_assert(answer(id)->routes[0].prefix == 0x0a000040 && answer(id)->routes[0].len == 29);
	ck_assert(answer(id)->routes[1].prefix == 0x0a090000 && answer(id)->routes[1].len == 16);
	ck_assert(answer(id)->routes[1].metric == 7 && !answer(id)->routes[1].gateway);
	ck_assert(answer(id)->routes[2].prefix == 0xc0a80300 && answer(id)->routes[2].len == 24);
	ck_assert_str_eq(var(&answer(id)->vars, SCRIPT_VAR_ROUTES), "10.0.0.64/29,10.9.0.0/16,192.168.3.0/24");
	ck_assert_str_eq(view(id).routes, "10.0.0.64/29,10.9.0.0/16,192.168.3.0/24");
	logged("framed-route session=1 ignored=1");

	give_text(RADIUS_FRAMED_ROUTE, "0.0.0.0/24"); /* the caller's own address is in these */
	give_text(RADIUS_FRAMED_ROUTE, "0.0.0.0/0");
	give_text(RADIUS_FRAMED_ROUTE, "0.0.0.5/32");
	give_text(RADIUS_FRAMED_ROUTE, "0.0.1.0/24");
	id = logged_in("vic");
	ck_assert_uint_eq(answer(id)->nroutes, 1);
	ck_assert_uint_eq(answer(id)->routes[0].prefix, 0x100);
	logged("framed-route session=2 route=0.0.0.0/24");

	give_number(RADIUS_FRAMED_IP_NETMASK, 0xffffffff); /* a host */
	id = logged_in("yan");
	ck_assert_uint_eq(answer(id)->nroutes, 0);
	give_number(RADIUS_FRAMED_IP_NETMASK, 0xff00ff00);
	id = asking("xia");
	server_accepts();
	ck_assert(!accepted(id));
	logged("reason=bad-attribute by=" SERVER " attribute=9");
	give_number(RADIUS_FRAMED_IP_NETMASK, 0);
	id = logged_in("wim");
	ck_assert_uint_eq(answer(id)->nroutes, 0);
	ck_assert_ptr_null(var(&answer(id)->vars, SCRIPT_VAR_ROUTES));
}
END_TEST

/* As many as there are in a grant, and the netmask's: all of them go to the plugin, in a message that can be sent. */
START_TEST(many_routes)
{
	uint8_t data[PLUGIN_MSG_MAX];
	struct plugin_msg m = { .type = PLUGIN_ANSWER };
	uint64_t id;

	give_number(RADIUS_FRAMED_IP_NETMASK, 0xfffffff8);
	for (unsigned i = 0; i < RADIUS_ROUTES + 1; i++) {
		char text[32];

		snprintf(text, sizeof text, "10.100.%u.0/24 0.0.0.0 1", i);
		give_text(RADIUS_FRAMED_ROUTE, text);
	}
	for (int i = 0; i < 7; i++)
		give_text(RADIUS_CLASS, "0123456789012345678901234567890123456789");
	id = logged_in("zoe");
	ck_assert_uint_eq(answer(id)->nroutes, RADIUS_ROUTES + 1);
	logged("framed-route session=1 ignored=1");
	ck_assert_uint_le(strlen(var(&answer(id)->vars, SCRIPT_VAR_ROUTES)), SCRIPT_VAR_MAX);
	ck_assert_int_eq(strncmp(view(id).routes, "10.0.0.0/29,10.100.0.0/24,", 26), 0);
	/* Of a long Class whole attributes only. */
	ck_assert_uint_eq(strlen(var(&answer(id)->vars, SCRIPT_VAR_CLASS)), 3 * 81 - 1);
	m.answer = *answer(id);
	ck_assert_uint_gt(plugin_encode(data, sizeof data, &m), 0);
}
END_TEST

START_TEST(link_options)
{
	uint64_t id = logged_in("zoe");

	ck_assert(!answer(id)->mtu && !answer(id)->no_vj && !answer(id)->interface_id && !answer(id)->mppe_128);
	ck_assert(answer(id)->dns[0] == 0x09090909 && !answer(id)->dns[1] && !answer(id)->wins[0]);
	give_number(RADIUS_FRAMED_MTU, 1000);
	give_number(RADIUS_FRAMED_COMPRESSION, 0);
	give_ms_number(RADIUS_MS_PRIMARY_DNS, 0x01010101);
	give_ms_number(RADIUS_MS_SECONDARY_DNS, 0x01010102);
	give_ms_number(RADIUS_MS_SECONDARY_NBNS, 0x02020202);
	give(RADIUS_FRAMED_INTERFACE_ID, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
	id = logged_in("zoe");
	ck_assert(answer(id)->mtu == 1000 && answer(id)->no_vj);
	ck_assert(answer(id)->dns[0] == 0x01010101 && answer(id)->dns[1] == 0x01010102);
	ck_assert_uint_eq(answer(id)->wins[1], 0x02020202);
	ck_assert_uint_eq(answer(id)->interface_id, 0x0102030405060708);
	ck_assert_uint_eq(view(id).interface_id, 0x0102030405060708);
	give_number(RADIUS_FRAMED_MTU, 1500); /* the least of both */
	give_number(RADIUS_FRAMED_COMPRESSION, 1);
	give_ms_number(RADIUS_MS_PRIMARY_DNS, 0x01010101);
	id = logged_in("zoe");
	ck_assert(!answer(id)->mtu && !answer(id)->no_vj);
	ck_assert(answer(id)->dns[0] == 0x01010101 && !answer(id)->dns[1]);
}
END_TEST

START_TEST(filter)
{
	char *names[] = { (char *)"gold" };
	uint64_t id;

	give_text(RADIUS_FILTER_ID, "any");
	id = logged_in("zoe");
	ck_assert_str_eq(var(&answer(id)->vars, SCRIPT_VAR_FILTER_ID), "any");
	conf->radius.filters = names;
	conf->radius.nfilters = 1;
	give_text(RADIUS_FILTER_ID, "lead");
	id = asking("zoe");
	server_accepts();
	ck_assert(!accepted(id));
	logged("reason=unknown-filter");
	conf->radius.unknown_filter = CONF_UNKNOWN_IGNORE;
	give_text(RADIUS_FILTER_ID, "lead");
	id = logged_in("zoe");
	ck_assert_ptr_null(var(&answer(id)->vars, SCRIPT_VAR_FILTER_ID));
	ck_assert_str_eq(view(id).filter, "");
	give_text(RADIUS_FILTER_ID, "gold");
	id = logged_in("zoe");
	ck_assert_str_eq(view(id).filter, "gold");
	conf->radius.filters = NULL;
	conf->radius.nfilters = 0;
}
END_TEST

/* --- limits --- */

/* Session-Timeout from the start of service; Idle-Timeout by the interface's counters. */
START_TEST(timeouts)
{
	uint64_t id;

	give_number(RADIUS_SESSION_TIMEOUT, 30);
	id = logged_in("zoe");
	ck_assert_uint_eq(view(id).session_timeout, 30);
	ck_assert_str_eq(var(&answer(id)->vars, SCRIPT_VAR_SESSION_TIMEOUT), "30");
	skip_ms(25000);
	plugin_up(id, "ppp7");
	skip_ms(29000);
	ck_assert_uint_eq(lines[id].hangups, 0);
	skip_ms(1100);
	ck_assert_int_eq(lines[id].reason, LINE_SESSION_TIMEOUT);
	ck_assert_uint_eq(cdn_at_last(), CDN_ADMIN * 10);
	line_goes_down(id, 0);

	counters_there = true;
	give_number(RADIUS_IDLE_TIMEOUT, 16);
	id = linked("zoe");
	for (int i = 0; i < 30; i++) {
		counters.rx_packets += i % 5 == 0;
		skip_ms(2000);
	}
	ck_assert_uint_eq(lines[id].hangups, 0);
	for (int i = 0; i < 5; i++)
		skip_ms(2000);
	ck_assert_int_eq(lines[id].reason, LINE_IDLE_TIMEOUT);
	ck_assert_uint_eq(cdn_at_last(), CDN_ADMIN * 10);
	line_goes_down(id, 0);
	nshown = ntold;
}
END_TEST

/* --- scripts --- */

#define PREFIX "\x00\x30\x20\x01\x0d\xb8\x00\x07"

START_TEST(variables)
{
	struct script_vars *v;
	uint64_t id;

	give_text(RADIUS_FILTER_ID, "gold");
	give(RADIUS_CLASS, "\x01\xff", 2);
	give_text(RADIUS_CLASS, "ab");
	give_vsa(RADIUS_WISPR, RADIUS_WISPR_BANDWIDTH_MAX_UP, "\0\0\x10\0", 4);
	give_vsa(RADIUS_WISPR, RADIUS_WISPR_BANDWIDTH_MAX_DOWN, "\0\0\x20\0", 4);
	give_vsa(RADIUS_MIKROTIK, RADIUS_MIKROTIK_RATE_LIMIT, "1M/2M", 5);
	give(RADIUS_FRAMED_IPV6_PREFIX, PREFIX, 8);
	give(RADIUS_DELEGATED_IPV6_PREFIX, PREFIX "\0\1", 10);
	give(RADIUS_FRAMED_INTERFACE_ID, "\0\0\0\0\0\0\0\x2a", 8);
	give_number(RADIUS_SESSION_TIMEOUT, 3600);
	give_number(RADIUS_IDLE_TIMEOUT, 600);
	id = logged_in("z\"oe");
	v = &lines[id].answer.vars;
	ck_assert(script_vars_valid(v));
	ck_assert_str_eq(var(v, SCRIPT_VAR_SESSION_ID), view(id).session_id);
	ck_assert_str_eq(var(v, SCRIPT_VAR_USER), "z_oe");
	ck_assert_str_eq(var(v, SCRIPT_VAR_METHOD), "pap");
	ck_assert_str_eq(var(v, SCRIPT_VAR_CALLING), "0.0.0.5");
	ck_assert_str_eq(var(v, SCRIPT_VAR_CALLED), "10.0.0.1");
	ck_assert_str_eq(var(v, SCRIPT_VAR_FILTER_ID), "gold");
	ck_assert_str_eq(var(v, SCRIPT_VAR_CLASS), "01ff,6162");
	ck_assert_str_eq(var(v, SCRIPT_VAR_RATE_UP), "4096");
	ck_assert_str_eq(var(v, SCRIPT_VAR_RATE_DOWN), "8192");
	ck_assert_str_eq(var(v, SCRIPT_VAR_RATE_LIMIT), "1M/2M");
	ck_assert_str_eq(var(v, SCRIPT_VAR_IPV6_PREFIX), "2001:db8:7::/48");
	ck_assert_str_eq(var(v, SCRIPT_VAR_DELEGATED_PREFIX), "2001:db8:7::/48");
	ck_assert_str_eq(var(v, SCRIPT_VAR_INTERFACE_ID), "000000000000002a");
	ck_assert_str_eq(var(v, SCRIPT_VAR_SESSION_TIMEOUT), "3600");
	ck_assert_str_eq(var(v, SCRIPT_VAR_IDLE_TIMEOUT), "600");
	ck_assert_str_eq(view(id).prefixes, "2001:db8:7::/48");
	ck_assert_str_eq(view(id).delegated, "2001:db8:7::/48");
	ck_assert(view(id).rate_up == 4096 && view(id).rate_down == 8192);
	ck_assert_str_eq(view(id).rate_limit, "1M/2M");
	/* And of a call without any of it. */
	id = logged_in("yan");
	v = &lines[id].answer.vars;
	ck_assert_uint_eq(v->n, 5);
	ck_assert_str_eq(view(id).filter, "");
	ck_assert_uint_eq(view(id).class_len, 0);
}
END_TEST

static Suite *session_service_suite(void)
{
	Suite *s = suite_create("session_service");

	RADIUS_CASE(s, "mppe", radius, mppe);
	RADIUS_CASE(s, "address", radius, fixed_address, pool, chosen_address, chosen_badly);
	RADIUS_CASE(s, "link", radius, routes, many_routes, link_options, filter);
	RADIUS_CASE(s, "limits", radius, timeouts);
	RADIUS_CASE(s, "scripts", radius, variables);
	return s;
}

UNIT_MAIN(session_service_suite)
