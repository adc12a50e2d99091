/*
 * Sessions that are ended and changed from outside (RAD-85 to RAD-87): whom a request means, what may be changed, and
 * what comes of it.
 */
#include "test/unit/unit_radius_session.h"

#define TEXT(s) ((struct dynauth_text){ (const uint8_t *)(s), strlen(s) })

static void both(void)
{
	radius_with(RADIUS("radius,local", "", ""));
}

/* --- which --- */

static uint64_t first, second; /* two sessions; `matched` numbers them 1 and 2 */

static void two(void)
{
	radius();
	give_text(RADIUS_USER_NAME, "Zoe Z.");
	give_number(RADIUS_FRAMED_IP_ADDRESS, 0x0a000042);
	give(RADIUS_FRAMED_INTERFACE_ID, "\0\0\0\0\0\0\0\x2a", 8);
	first = linked("zoe");
	second = linked("yan");
}

/* Bits of who is meant. */
static unsigned matched(const struct dynauth_ident *i)
{
	uint64_t found[8];
	unsigned n = session_das.match(sessions, i, found, 8), bits = 0;

	ck_assert_uint_le(n, 8);
	for (unsigned k = 0; k < n; k++)
		bits |= found[k] == first ? 1 : found[k] == second ? 2 : 4;
	return bits;
}

/* Each way alone: the first, and somebody who is not there. */
START_TEST(each_way)
{
	struct session_view v = view(first);
	char port_id[32];

	snprintf(port_id, sizeof port_id, "pptp%u", (unsigned)first);
#define BY(bit, member, ...) matched(&(struct dynauth_ident){ .given = bit, .member = __VA_ARGS__ })
	ck_assert_uint_eq(BY(DYNAUTH_BY_USER, user, TEXT("zoe")), 1);
	ck_assert_uint_eq(BY(DYNAUTH_BY_USER, user, TEXT("Zoe Z.")), 1); /* as accounting has it */
	ck_assert_uint_eq(BY(DYNAUTH_BY_USER, user, TEXT("zo")), 0);
	ck_assert_uint_eq(BY(DYNAUTH_BY_USER, user, TEXT("zoey")), 0);
	ck_assert_uint_eq(BY(DYNAUTH_BY_USER, user, TEXT("")), 0);
	ck_assert_uint_eq(BY(DYNAUTH_BY_USER, user, TEXT("yan")), 2);
	ck_assert_uint_eq(BY(DYNAUTH_BY_SESSION, session, TEXT(v.session_id)), 1);
	ck_assert_uint_eq(BY(DYNAUTH_BY_SESSION, session, TEXT("other")), 0);
	ck_assert_uint_eq(BY(DYNAUTH_BY_PORT, port, (uint32_t)first), 1);
	ck_assert_uint_eq(BY(DYNAUTH_BY_PORT, port, 99), 0);
	ck_assert_uint_eq(BY(DYNAUTH_BY_PORT_ID, port_id, TEXT(port_id)), 1);
	ck_assert_uint_eq(BY(DYNAUTH_BY_PORT_ID, port_id, TEXT("pptp99")), 0);
	ck_assert_uint_eq(BY(DYNAUTH_BY_ADDRESS, address, 0x0a000042), 1);
	ck_assert_uint_eq(BY(DYNAUTH_BY_ADDRESS, address, 0x0a000002), 2);
	ck_assert_uint_eq(BY(DYNAUTH_BY_ADDRESS, address, 0x0a000043), 0);
	ck_assert_uint_eq(BY(DYNAUTH_BY_ADDRESS, address, 0), 0);
	ck_assert_uint_eq(BY(DYNAUTH_BY_CALLED, called, TEXT("10.0.0.1")), 3);
	ck_assert_uint_eq(BY(DYNAUTH_BY_CALLED, called, TEXT("10.0.0.2")), 0);
	ck_assert_uint_eq(BY(DYNAUTH_BY_CALLING, calling, TEXT("0.0.0.5")), 3);
	ck_assert_uint_eq(BY(DYNAUTH_BY_CALLING, calling, TEXT("0.0.0.6")), 0);
	ck_assert_uint_eq(BY(DYNAUTH_BY_INTERFACE_ID, interface_id, 42), 1);
	ck_assert_uint_eq(BY(DYNAUTH_BY_INTERFACE_ID, interface_id, 43), 0);
	ck_assert_uint_eq(BY(DYNAUTH_BY_OTHER, port, (uint32_t)first), 0);
}
END_TEST

/* RAD-85: all that are given must match, and one that does not is enough. */
START_TEST(all_of_them)
{
	struct session_view v = view(first);
	char port_id[32];
	struct dynauth_ident all = {
		.given = DYNAUTH_BY_OTHER - 1, .user = TEXT("zoe"), .session = TEXT(v.session_id),
		.port = (uint32_t)first, .port_id = TEXT(port_id), .address = 0x0a000042, .called = TEXT("10.0.0.1"),
		.calling = TEXT("0.0.0.5"), .interface_id = 42,
	};
	const struct dynauth_ident none = { .user = TEXT("x"), .session = TEXT("x"), .port = 99, .port_id = TEXT("x"),
		.address = 1, .called = TEXT("x"), .calling = TEXT("x"), .interface_id = 1 };
	struct dynauth_ident i;

	snprintf(port_id, sizeof port_id, "pptp%u", (unsigned)first);
	all.port_id = TEXT(port_id);
	ck_assert_uint_eq(matched(&all), 1);
#define SPOILED(member) (i = all, i.member = none.member, matched(&i))
	ck_assert_uint_eq(SPOILED(user), 0);
	ck_assert_uint_eq(SPOILED(session), 0);
	ck_assert_uint_eq(SPOILED(port), 0);
	ck_assert_uint_eq(SPOILED(port_id), 0);
	ck_assert_uint_eq(SPOILED(address), 0);
	ck_assert_uint_eq(SPOILED(called), 0);
	ck_assert_uint_eq(SPOILED(calling), 0);
	ck_assert_uint_eq(SPOILED(interface_id), 0);
	all.given |= DYNAUTH_BY_OTHER;
	ck_assert_uint_eq(matched(&all), 0);
}
END_TEST

/* More than there is room for are counted; a call without a user is one, too, but not one that ends. */
START_TEST(how_many)
{
	const struct dynauth_ident here = { .given = DYNAUTH_BY_CALLED, .called = TEXT("10.0.0.1") };
	uint64_t found[2] = { 0, 0 };
	uint64_t id = next_call();

	ck_assert_uint_eq(session_das.match(sessions, &here, found, 1), 3);
	ck_assert(found[0] == first && !found[1]);
	ck_assert_uint_eq(matched(&here), 7);
	ck_assert_uint_eq(BY(DYNAUTH_BY_USER, user, TEXT("xia")), 0);
	ck_assert_uint_eq(BY(DYNAUTH_BY_USER, user, TEXT("")), 0); /* nobody's name */
	plugin_pap(id, "xia", "x");
	give_number(RADIUS_FRAMED_IP_ADDRESS, RADIUS_ADDRESS_USER);
	server_accepts();
	ck_assert_uint_eq(matched(&here), 7);
	ck_assert_uint_eq(BY(DYNAUTH_BY_ADDRESS, address, 0), 0); /* it has none yet */
	sessions_disconnect(sessions, first);
	sessions_disconnect(sessions, id);
	ck_assert_uint_eq(matched(&here), 2);
}
END_TEST

/* A local user has neither server nor interface id. */
START_TEST(local_user)
{
	uint64_t id = login("DOM\\dave", "d");

	server_fails();
	ck_assert(accepted(id));
	first = id;
	ck_assert_uint_eq(BY(DYNAUTH_BY_USER, user, TEXT("DOM\\dave")), 1);
	ck_assert_uint_eq(BY(DYNAUTH_BY_USER, user, TEXT("dave")), 1);
	ck_assert_uint_eq(BY(DYNAUTH_BY_INTERFACE_ID, interface_id, 0), 0);
	plugin_up(id, "ppp7");
	session_das.change(sessions, id, &(struct dynauth_change){ .given = DYNAUTH_SET_FILTER, .filter = TEXT("slow") });
	ck_assert_str_eq(view(id).filter, "slow");
	ck_assert_str_eq(var(&lines[id].vars, SCRIPT_VAR_FILTER_ID), "slow");
}
END_TEST

/* --- changes --- */

static void change(uint64_t id, const struct dynauth_change *c)
{
	ck_assert_uint_eq(session_das.check(sessions, id, c), DYNAUTH_OK);
	session_das.change(sessions, id, c);
}

#define CHANGE(id, ...) change(id, &(struct dynauth_change){ __VA_ARGS__ })

START_TEST(checks)
{
	char *names[] = { (char *)"gold" };
	struct dynauth_change c = { .given = DYNAUTH_SET_FILTER, .filter = TEXT("lead") };

	ck_assert_uint_eq(session_das.check(sessions, 999, &c), DYNAUTH_NOT_FOUND);
	ck_assert_uint_eq(session_das.check(sessions, first, &c), DYNAUTH_OK);
	conf->radius.filters = names;
	conf->radius.nfilters = 1;
	ck_assert_uint_eq(session_das.check(sessions, first, &c), DYNAUTH_INVALID_VALUE);
	conf->radius.unknown_filter = CONF_UNKNOWN_IGNORE; /* that is for logins */
	ck_assert_uint_eq(session_das.check(sessions, first, &c), DYNAUTH_INVALID_VALUE);
	c.filter = TEXT("gold");
	ck_assert_uint_eq(session_das.check(sessions, first, &c), DYNAUTH_OK);
	c = (struct dynauth_change){ .given = DYNAUTH_SET_IDLE_TIMEOUT, .filter = TEXT("lead") };
	ck_assert_uint_eq(session_das.check(sessions, first, &c), DYNAUTH_OK);
	ck_assert_uint_eq(lines[first].changes, 0); /* asking changes nothing */
	ck_assert_str_eq(view(first).filter, "");
	sessions_disconnect(sessions, first);
	ck_assert_uint_eq(session_das.check(sessions, first, &c), DYNAUTH_NOT_FOUND);
	session_das.change(sessions, first, &c);
	session_das.change(sessions, 999, &c);
	session_das.disconnect(sessions, first, &c);
	session_das.disconnect(sessions, 999, &c);
	ck_assert_uint_eq(lines[first].changes, 0);
	conf->radius.filters = NULL;
	conf->radius.nfilters = 0;
}
END_TEST

/* RAD-87: counted from the start of service. */
START_TEST(session_timeout)
{
	skip_ms(20000);
	CHANGE(first, .given = DYNAUTH_SET_SESSION_TIMEOUT, .session_timeout = 29);
	ck_assert_uint_eq(view(first).session_timeout, 29);
	ck_assert_uint_eq(lines[first].changes, 1);
	ck_assert_str_eq(var(&lines[first].vars, SCRIPT_VAR_SESSION_TIMEOUT), "29");
	skip_ms(8900);
	ck_assert_uint_eq(lines[first].hangups, 0);
	skip_ms(200);
	ck_assert_int_eq(lines[first].reason, LINE_SESSION_TIMEOUT);
	ck_assert_uint_eq(cdn_at_last(), CDN_ADMIN * 10);
	/* Passed already: it ends, and nobody is told of a change. */
	CHANGE(second, .given = DYNAUTH_SET_SESSION_TIMEOUT | DYNAUTH_SET_FILTER, .session_timeout = 29,
	       .filter = TEXT("x"));
	ck_assert_int_eq(lines[second].reason, LINE_SESSION_TIMEOUT);
	ck_assert_uint_eq(lines[second].changes, 0);
	ck_assert_uint_eq(cdn_at_last(), CDN_ADMIN * 10);
	nshown = ntold;
	line_goes_down(second, 0);
	ck_assert_uint_eq(attr_number(record(RADIUS_ACCT_STOP), RADIUS_ACCT_TERMINATE_CAUSE), 5);
}
END_TEST

/* None any more, and one before the link is up. */
START_TEST(session_timeout_lifted)
{
	uint64_t id;

	give_number(RADIUS_SESSION_TIMEOUT, 10);
	id = linked("xia");
	CHANGE(id, .given = DYNAUTH_SET_SESSION_TIMEOUT, .session_timeout = 0);
	skip_ms(15000);
	ck_assert_uint_eq(lines[id].hangups, 0);
	ck_assert_ptr_null(var(&lines[id].vars, SCRIPT_VAR_SESSION_TIMEOUT));
	id = logged_in("wim");
	skip_ms(8000);
	CHANGE(id, .given = DYNAUTH_SET_SESSION_TIMEOUT, .session_timeout = 5);
	ck_assert_uint_eq(lines[id].hangups, 0);
	plugin_up(id, "ppp9");
	skip_ms(4000);
	ck_assert_uint_eq(lines[id].hangups, 0);
	skip_ms(1100);
	ck_assert_int_eq(lines[id].reason, LINE_SESSION_TIMEOUT);
}
END_TEST

static void look_for(unsigned seconds)
{
	for (; seconds; seconds--)
		skip_ms(1000);
}

START_TEST(idle_timeout)
{
	uint64_t id;

	counters_there = true;
	look_for(20);
	CHANGE(first, .given = DYNAUTH_SET_IDLE_TIMEOUT, .idle_timeout = 8);
	ck_assert_uint_eq(view(first).idle_timeout, 8);
	ck_assert_str_eq(var(&lines[first].vars, SCRIPT_VAR_IDLE_TIMEOUT), "8");
	look_for(7); /* from now on: nobody has looked before */
	ck_assert_uint_eq(lines[first].hangups, 0);
	look_for(4);
	ck_assert_int_eq(lines[first].reason, LINE_IDLE_TIMEOUT);
	/* Taken away again. */
	CHANGE(second, .given = DYNAUTH_SET_IDLE_TIMEOUT, .idle_timeout = 8);
	look_for(5);
	CHANGE(second, .given = DYNAUTH_SET_IDLE_TIMEOUT, .idle_timeout = 0);
	look_for(10);
	ck_assert_uint_eq(lines[second].hangups, 0);
	/* Before the link is up. */
	id = logged_in("xia");
	CHANGE(id, .given = DYNAUTH_SET_IDLE_TIMEOUT, .idle_timeout = 4);
	look_for(6);
	ck_assert_uint_eq(lines[id].hangups, 0);
	plugin_up(id, "ppp9");
	look_for(6);
	ck_assert_int_eq(lines[id].reason, LINE_IDLE_TIMEOUT);
	nshown = ntold;
}
END_TEST

/* An order goes before what the server and we have, but not below our least. */
START_TEST(interim)
{
	conf->radius.acct.interim = 1000;
	ck_assert_uint_eq(view(first).interim, 1000);
	CHANGE(first, .given = DYNAUTH_SET_INTERIM, .interim = 100);
	ck_assert_uint_eq(view(first).interim, 100);
	nshown = ntold;
	look_for(89);
	no_record();
	look_for(22);
	record(RADIUS_ACCT_INTERIM);
	conf->radius.acct.interim_min = 300;
	ck_assert_uint_eq(view(first).interim, 300);
	CHANGE(first, .given = DYNAUTH_SET_FILTER, .filter = TEXT("x")); /* stays */
	ck_assert_uint_eq(view(first).interim, 300);
	ck_assert_uint_eq(view(second).interim, 1000);
}
END_TEST

START_TEST(for_scripts)
{
	struct script_vars *v = &lines[first].vars;

	CHANGE(first, .given = DYNAUTH_SET_FILTER | DYNAUTH_SET_RATE_UP | DYNAUTH_SET_RATE_DOWN | DYNAUTH_SET_RATE_LIMIT,
	       .filter = TEXT("slow"), .rate_up = 1000, .rate_down = 2000, .rate_limit = TEXT("1k/2k"));
	ck_assert_uint_eq(lines[first].changes, 1);
	ck_assert(script_vars_valid(v));
	ck_assert_str_eq(var(v, SCRIPT_VAR_FILTER_ID), "slow");
	ck_assert_str_eq(var(v, SCRIPT_VAR_RATE_UP), "1000");
	ck_assert_str_eq(var(v, SCRIPT_VAR_RATE_DOWN), "2000");
	ck_assert_str_eq(var(v, SCRIPT_VAR_RATE_LIMIT), "1k/2k");
	ck_assert_str_eq(var(v, SCRIPT_VAR_USER), "zoe");
	ck_assert_str_eq(var(v, SCRIPT_VAR_SESSION_ID), view(first).session_id);
	/* What is omitted stays. */
	CHANGE(first, .given = DYNAUTH_SET_RATE_UP, .rate_up = 5);
	ck_assert_uint_eq(lines[first].changes, 2);
	ck_assert_str_eq(var(v, SCRIPT_VAR_RATE_UP), "5");
	ck_assert_str_eq(var(v, SCRIPT_VAR_RATE_DOWN), "2000");
	ck_assert_str_eq(var(v, SCRIPT_VAR_FILTER_ID), "slow");
	ck_assert_str_eq(view(first).rate_limit, "1k/2k");
	ck_assert_uint_eq(lines[second].changes, 0);
	logged("session-changed session=");
	pns_silence(p); /* the call knows nothing of it */
}
END_TEST

/* Between the login and the link: the scripts of ip-up have the old values, and are told of the new ones then. */
START_TEST(before_the_link)
{
	uint64_t id;

	give_text(RADIUS_FILTER_ID, "old");
	id = logged_in("xia");
	CHANGE(id, .given = DYNAUTH_SET_FILTER, .filter = TEXT("new"));
	ck_assert_uint_eq(lines[id].changes, 0);
	plugin_up(id, "ppp7");
	ck_assert_uint_eq(lines[id].changes, 1);
	ck_assert_str_eq(var(&lines[id].vars, SCRIPT_VAR_FILTER_ID), "new");
	plugin_up(id, "ppp7");
	ck_assert_uint_eq(lines[id].changes, 1);
}
END_TEST

/* The new Class in all that follows, and in place of all that there were. */
START_TEST(class_changed)
{
	struct dynauth_change c = { .given = DYNAUTH_SET_CLASS, .class_len = 5,
				    .class_ = { RADIUS_CLASS, 5, 'n', 'e', 'w' } };

	change(first, &c);
	ck_assert_str_eq(var(&lines[first].vars, SCRIPT_VAR_CLASS), "6e6577");
	nshown = ntold;
	line_goes_down(first, 0);
	attr_is_text(record(RADIUS_ACCT_STOP), RADIUS_CLASS, "new");
}
END_TEST

/* --- ends --- */

/* RAD-86. */
START_TEST(disconnect)
{
	struct dynauth_change c = { .given = DYNAUTH_SET_CLASS, .class_len = 5,
				    .class_ = { RADIUS_CLASS, 5, 'n', 'e', 'w' } };
	const struct attrs *a;
	uint64_t id;

	give_text(RADIUS_CLASS, "old");
	id = linked("xia");
	nshown = ntold;
	session_das.disconnect(sessions, id, &c);
	ck_assert_uint_eq(cdn_at_last(), CDN_ADMIN * 10);
	ck_assert_int_eq(lines[id].reason, LINE_ADMIN);
	ck_assert_uint_eq(lines[id].changes, 0);
	plugin_says(id, &(struct plugin_msg){ .type = PLUGIN_DOWN, .down = { .status = 5 } });
	a = record(RADIUS_ACCT_STOP);
	attr_is_text(a, RADIUS_CLASS, "new");
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_TERMINATE_CAUSE), 6);
	line_goes_down(id, 0);
	no_record();
	give_text(RADIUS_CLASS, "old");
	id = linked("xia");
	nshown = ntold;
	c.given = 0;
	session_das.disconnect(sessions, id, &c);
	ck_assert_uint_eq(cdn_at_last(), CDN_ADMIN * 10);
	line_goes_down(id, 0);
	attr_is_text(record(RADIUS_ACCT_STOP), RADIUS_CLASS, "old");
	ck_assert_uint_eq(lines[first].hangups + lines[second].hangups, 0);
}
END_TEST

static Suite *session_das_suite(void)
{
	Suite *s = suite_create("session_das");

	RADIUS_CASE(s, "which", two, each_way, all_of_them, how_many);
	RADIUS_CASE(s, "local", both, local_user);
	RADIUS_CASE(s, "changes", two, checks, session_timeout, session_timeout_lifted, idle_timeout, interim,
		    for_scripts, before_the_link, class_changed);
	RADIUS_CASE(s, "ends", two, disconnect);
	return s;
}

UNIT_MAIN(session_das_suite)
