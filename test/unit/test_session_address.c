/*
 * Sessions, the user's side (SEC-03): addresses, sessions of one user at once, callers that wait for an address; and that
 * no lease outlives its line.
 */
#include "test/unit/unit_login.h"

START_TEST(pool_exhausted)
{
	uint64_t first = login("erin", "e"), second = login("erin", "e");

	ck_assert(accepted(first));
	ck_assert(!accepted(second));
	logged("reason=pool-exhausted");
	ck_assert_uint_eq(stats_get(STATS_POOL_EXHAUSTED), 1);
	line_goes_down(second, 0); /* does not take the first one's lease with it */
	ck_assert_uint_eq(pool_used(1), 1);
	line_goes_down(first, 0);
	second = login("erin", "e");
	ck_assert(accepted(second));
}
END_TEST

START_TEST(fixed_address_in_use)
{
	uint64_t id;

	ck_assert_int_eq(pools_take_fixed(pools, 0x0a00004d), 0);
	id = login("bob", "b");
	ck_assert(!accepted(id)); /* nobody was replaced: nothing to wait for */
	logged("reason=address-in-use");
	ck_assert_uint_eq(view(id).address, 0);
	line_goes_down(id, 0);
	ck_assert_uint_eq(pool_used(0), 1);
	pools_put(pools, 0x0a00004d);
	id = login("bob", "b");
	ck_assert(accepted(id));
	ck_assert_uint_eq(answer(id)->remote, 0x0a00004d);
}
END_TEST

START_TEST(limit_refuses)
{
	uint64_t first = login("alice", "a"), second = login("alice", "a");

	ck_assert(accepted(first));
	ck_assert(!accepted(second));
	logged("reason=session-limit");
	ck_assert_uint_eq(lines[first].hangups, 0);
	pns_silence(p);
	plugin_pap(first, "alice", "a"); /* it is not counted twice */
	ck_assert(accepted(first));
	sessions_disconnect(sessions, first); /* counts no more, though its line is not down yet */
	cdn_code(p);
	plugin_pap(second, "alice", "a");
	ck_assert(accepted(second));
}
END_TEST

/* The oldest gives way, and its address is had as soon as its line is down. */
START_TEST(limit_replaces)
{
	uint64_t first = login("bob", "b"), second;

	ck_assert(accepted(first));
	second = login("bob", "b");
	ck_assert_uint_eq(lines[second].answers, 0);
	ck_assert_uint_eq(cdn_code(p), CDN_ADMIN * 10);
	ck_assert_int_eq(lines[first].reason, LINE_REPLACED);
	skip_ms(3000);
	ck_assert_uint_eq(lines[second].answers, 0);
	line_goes_down(first, 0);
	logged("reason=replaced");
	ck_assert_uint_eq(lines[second].answers, 0);
	skip_ms(150);
	ck_assert(accepted(second));
	ck_assert_uint_eq(answer(second)->remote, 0x0a00004d);
	ck_assert_uint_eq(pool_used(0), 1);
	skip_ms(20000);
	ck_assert_uint_eq(lines[second].answers, 0);
}
END_TEST

/* The same where the pool has no other address. */
START_TEST(limit_replaces_in_a_full_pool)
{
	uint64_t first = login("carol", "c"), second;

	ck_assert(accepted(first));
	second = login("carol", "c");
	ck_assert_uint_eq(cdn_code(p), CDN_ADMIN * 10);
	ck_assert_uint_eq(lines[second].answers, 0);
	line_goes_down(first, 0);
	skip_ms(150);
	ck_assert(accepted(second));
	ck_assert_uint_eq(answer(second)->remote, 0x0a000105);
}
END_TEST

/* An old line that never goes down is not waited for longer than the plugin waits for us. */
START_TEST(replaced_line_stays)
{
	uint64_t first = login("bob", "b"), second, third;

	ck_assert(accepted(first));
	second = login("bob", "b");
	skip_ms(14000);
	ck_assert_uint_eq(lines[second].answers, 0);
	third = login("bob", "b"); /* nobody to replace any more, but its address may come free */
	skip_ms(1200);
	ck_assert(!accepted(second));
	logged("reason=address-in-use");
	ck_assert_uint_eq(lines[third].answers, 0);
	skip_ms(14000);
	ck_assert(!accepted(third));
	line_goes_down(first, 0);
	skip_ms(5000);
	ck_assert_uint_eq(lines[second].answers, 0);
	ck_assert_uint_eq(pool_used(0), 0);
}
END_TEST

/* The caller that waits for an address goes, in each way; or another one of its name is quicker. */
START_TEST(waiting_caller_goes)
{
	uint64_t first = login("carol", "c"), second, third;

	ck_assert(accepted(first));
	second = login("carol", "c");
	sessions_disconnect(sessions, second);
	line_goes_down(first, 0);
	skip_ms(500);
	ck_assert_uint_eq(lines[second].answers, 0);
	ck_assert_uint_eq(pool_used(1), 0);
	line_goes_down(second, 0);
	pns_bye(p);
	p = pns_up(5);

	first = login("carol", "c");
	ck_assert(accepted(first));
	second = login("carol", "c");
	line_goes_down(second, 0);
	line_goes_down(first, 0);
	skip_ms(500);
	pns_bye(p);
	p = pns_up(5);

	first = login("carol", "c");
	ck_assert(accepted(first));
	second = login("carol", "c");
	line_goes_down(first, 0);
	third = login("carol", "c"); /* before the second one has looked again */
	ck_assert(accepted(third));
	skip_ms(150);
	ck_assert_int_eq(lines[third].reason, LINE_REPLACED); /* the later try holds: one at once, as the limit says */
	line_goes_down(third, 0);
	skip_ms(150);
	ck_assert(accepted(second));
}
END_TEST

START_TEST(limit_of_two)
{
	uint64_t id[5];

	for (int i = 0; i < 5; i++) {
		id[i] = login("dave", "d");
		ck_assert(accepted(id[i]));
		if (i >= 2) {
			ck_assert_uint_eq(cdn_code(p), CDN_ADMIN * 10);
			ck_assert_int_eq(lines[id[i - 2]].reason, LINE_REPLACED);
		}
	}
	ck_assert_uint_eq(sessions_channels(sessions), 2);
	ck_assert_uint_eq(pool_used(0), 5);
	ck_assert_uint_eq(sessions_disconnect_user(sessions, "dave", 4), 2);
}
END_TEST

/* Nothing that comes from a line whose call is over makes anything. */
START_TEST(plugin_of_an_ended_call)
{
	uint64_t id = next_call();

	sessions_disconnect(sessions, id);
	plugin_pap(id, "brief", "t");
	plugin_up(id, "lo");
	plugin_says(id, &(struct plugin_msg){ .type = PLUGIN_DOWN });
	ck_assert_uint_eq(lines[id].answers, 0);
	ck_assert_uint_eq(pool_used(0), 0);
	skip_ms(5000);
	line_goes_down(id, 0);
	plugin_pap(id, "alice", "a"); /* not there any more */
	ck_assert_uint_eq(lines[id].answers, 0);
}
END_TEST

/* An address that is the caller's own outer one would lead the tunnel into itself. */
START_TEST(address_of_the_caller)
{
	struct pns *q = pns_up(0x0a000105);
	uint64_t id = calling(q, 1);

	plugin_pap(id, "erin", "e");
	ck_assert(!accepted(id));
	ck_assert_uint_eq(pool_used(1), 0);
	id = login("erin", "e");
	ck_assert(accepted(id));
	pns_bye(q);
}
END_TEST

/* A live call keeps the snapshot that it began with, and holds it. */
START_TEST(reload_with_a_call)
{
	struct conf *old = conf;
	struct conf_users *old_users = users;
	struct conf_errors errors;
	uint64_t id = next_call();

	conf_errors_init(&errors);
	conf = conf_parse("f", PLAIN, strlen(PLAIN), &errors);
	conf->ppp.auth = CONF_AUTH_MSCHAPV2;
	users = conf_users_parse("u", users_text, sizeof users_text - 1, conf, &errors);
	conf_errors_clear(&errors);
	ck_assert_int_eq(pools_reload(pools, conf), 0);
	sessions_configure(sessions, conf, users);
	conf_free(old);
	conf_users_free(old_users);
	plugin_pap(id, "alice", "a");
	ck_assert(accepted(id));
	id = login("alice", "a");
	ck_assert(!accepted(id));
	logged("reason=method-not-allowed");
}
END_TEST

static Suite *session_address_suite(void)
{
	Suite *s = suite_create("session_address");

	CASE(s, "address", plain, pool_exhausted, fixed_address_in_use, address_of_the_caller, reload_with_a_call,
	     plugin_of_an_ended_call);
	CASE(s, "at once", plain, limit_refuses, limit_replaces, limit_replaces_in_a_full_pool, replaced_line_stays,
	     waiting_caller_goes, limit_of_two);
	return s;
}

UNIT_MAIN(session_address_suite)
