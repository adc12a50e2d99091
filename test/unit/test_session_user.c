/*
 * Sessions, the user's side (SEC-01, SEC-09, CALL-OUT-09): logins good and bad, answers that wait, limits of time.
 */
#include "test/unit/unit_login.h"

#include <sched.h>

/* --- logins --- */

START_TEST(mschapv2_login)
{
	uint64_t id = next_call();
	struct session_view v;

	plugin_mschapv2(id, true);
	ck_assert(accepted(id));
	check_message(id, "S=407A5589115FD0D6209F510FE9C04566932CDA56 M=Welcome");
	ck_assert_uint_eq(answer(id)->local, 0x0a000001);
	ck_assert_uint_eq(answer(id)->remote, 0x0a000002);
	ck_assert_uint_eq(answer(id)->dns[0], 0x09090909);
	ck_assert(answer(id)->has_keys && answer(id)->mppe == PLUGIN_MPPE_ALLOW);
	ck_assert_mem_ne(answer(id)->send_key, answer(id)->recv_key, 16);
	v = view(id);
	ck_assert(v.user_len == 4 && !memcmp(v.user, "User", 4));
	ck_assert_str_eq(v.method, "mschapv2");
	ck_assert_str_eq(v.pool, "main");
	ck_assert_uint_eq(v.address, 0x0a000002);
	ck_assert_uint_eq(pool_used(0), 1);
	logged("user=\"User\" method=mschapv2 address=10.0.0.2 pool=\"main\"");
	/* Ended while the line is up still: the address is the line's until that is down. */
	ck_assert_uint_eq(sessions_disconnect_user(sessions, "nobody", 6), 0);
	ck_assert_uint_eq(sessions_disconnect_user(sessions, "User", 4), 1);
	ck_assert_uint_eq(cdn_code(p), CDN_ADMIN * 10);
	ck_assert_uint_eq(pool_used(0), 1);
	line_goes_down(id, 0);
	ck_assert_uint_eq(pool_used(0), 0);
}
END_TEST

START_TEST(pap_login)
{
	uint64_t id = login("erin", "e");

	ck_assert(accepted(id));
	check_message(id, "Welcome");
	ck_assert_uint_eq(answer(id)->local, 0x0a000101);
	ck_assert_uint_eq(answer(id)->remote, 0x0a000105);
	ck_assert(!answer(id)->has_keys && answer(id)->mppe == PLUGIN_MPPE_DENY);
	ck_assert_uint_eq(pool_used(1), 1);
	/* The name as it was sent, a domain before it, finds the user as well. */
	id = login("DOM\\dave", "d");
	ck_assert(accepted(id));
	ck_assert_uint_eq(sessions_disconnect_user(sessions, "dave", 4), 1);
}
END_TEST

/* The end of a call with a refused login says so, however pppd or the peer ends it then. */
START_TEST(wrong_password)
{
	uint64_t id = login("alice", "x");

	ck_assert(!accepted(id));
	check_message(id, "Login failed");
	ck_assert(!answer(id)->has_keys && !answer(id)->remote);
	logged("login-failed session=1");
	line_goes_down(id, 0);
	ck_assert_uint_eq(cdn_code(p), CDN_LOST_CARRIER * 10);
	logged("reason=auth-failed");
	id = next_call();
	plugin_mschapv2(id, false);
	ck_assert(!accepted(id));
	ck_assert_int_eq(strncmp(answer(id)->message, "E=691 R=0 C=", 12), 0);
	log_len = 0;
	pns_close(p);
	logged("reason=auth-failed");
	lines_settle();
	ck_assert_uint_eq(stats_get(STATS_LOGINS_REJECTED), 2);
	ck_assert_uint_eq(pool_used(0), 0);
	p = pns_up(5);
	/* PAP may try again. */
	id = login("alice", "x");
	ck_assert(!accepted(id));
	plugin_pap(id, "alice", "a");
	ck_assert(accepted(id));
	log_len = 0;
	line_goes_down(id, 0);
	logged("reason=user");
}
END_TEST

/* The refusal waits, alone: a second proof meanwhile changes nothing, another caller does not notice. */
START_TEST(wrong_password_with_delay)
{
	uint64_t id = login("alice", "x"), other;

	skip_ms(500);
	ck_assert_uint_eq(lines[id].answers, 0);
	plugin_pap(id, "alice", "a");
	plugin_pap(id, "alice", "y");
	ck_assert_uint_eq(lines[id].answers, 0);
	other = login("alice", "a");
	ck_assert(accepted(other));
	skip_ms(600);
	ck_assert(!accepted(id));
	skip_ms(5000);
	ck_assert_uint_eq(lines[id].answers, 0);
	plugin_pap(id, "dave", "d"); /* that was one login; this is the next */
	ck_assert(accepted(id));
	/* One whose call ends meanwhile is never answered. */
	id = login("alice", "x");
	sessions_disconnect(sessions, id);
	skip_ms(2000);
	ck_assert_uint_eq(lines[id].answers, 0);
	id = login("alice", "x");
	line_goes_down(id, 0);
	skip_ms(2000);
	ck_assert_uint_eq(lines[id].answers, 0);
}
END_TEST

START_TEST(not_permitted)
{
	uint64_t id;

	conf->ppp.mppe = CONF_MPPE_REQUIRE;
	id = login("alice", "a");
	ck_assert(!accepted(id));
	logged("reason=no-mppe-keys");
	plugin_mschapv2(id, true);
	ck_assert(accepted(id));
	ck_assert_uint_eq(answer(id)->mppe, PLUGIN_MPPE_REQUIRE);
	conf->ppp.mppe = CONF_MPPE_DENY;
	id = next_call();
	plugin_mschapv2(id, true);
	ck_assert(accepted(id));
	ck_assert(!answer(id)->has_keys && answer(id)->mppe == PLUGIN_MPPE_DENY);
	conf->ppp.auth = CONF_AUTH_MSCHAPV2;
	id = login("alice", "a");
	ck_assert(!accepted(id));
	logged("reason=method-not-allowed");
	sessions_configure(sessions, conf, NULL);
	plugin_mschapv2(id, true);
	ck_assert(!accepted(id));
	ck_assert_int_eq(strncmp(answer(id)->message, "E=649 R=0 C=", 12), 0);
	logged("reason=no-users");
	ck_assert_uint_eq(pool_used(0), 2);
}
END_TEST

/* CHAP asks again: the same user keeps its lease, another one is refused. */
START_TEST(authentication_again)
{
	uint64_t id = next_call();

	plugin_mschapv2(id, true);
	ck_assert(accepted(id));
	for (int i = 0; i < 3; i++) {
		plugin_mschapv2(id, true);
		ck_assert(accepted(id));
		ck_assert_uint_eq(answer(id)->remote, 0x0a000002);
		ck_assert_uint_eq(answer(id)->local, 0x0a000001);
	}
	ck_assert_uint_eq(pool_used(0), 1);
	plugin_pap(id, "alice", "a");
	ck_assert(!accepted(id));
	logged("reason=another-user");
	ck_assert_uint_eq(view(id).user_len, 4);
	plugin_mschapv2(id, false);
	ck_assert(!accepted(id));
	ck_assert_uint_eq(pool_used(0), 1);
	line_goes_down(id, 0);
	ck_assert_uint_eq(cdn_code(p), CDN_LOST_CARRIER * 10);
	logged("reason=auth-failed");
}
END_TEST

/* --- limits of time --- */

START_TEST(session_timeout)
{
	uint64_t id = login("brief", "t");

	ck_assert(accepted(id));
	skip_ms(5000);
	ck_assert_uint_eq(lines[id].hangups, 0); /* counted from when it can be used */
	plugin_says(id, &(struct plugin_msg){ .type = PLUGIN_PHASE, .phase = { .phase = 9 } });
	ck_assert_uint_eq(view(id).phase, 9);
	plugin_up(id, "ppp77");
	ck_assert_str_eq(view(id).ifname, "ppp77");
	ck_assert_uint_eq(view(id).session_timeout, 2);
	skip_ms(1500);
	plugin_up(id, "ppp77"); /* the peer negotiates IPCP anew: that gains it nothing */
	skip_ms(300);
	ck_assert_uint_eq(lines[id].hangups, 0);
	skip_ms(300);
	ck_assert_int_eq(lines[id].reason, LINE_SESSION_TIMEOUT);
	ck_assert_uint_eq(cdn_code(p), CDN_ADMIN * 10);
	logged("reason=session-timeout");
}
END_TEST

/* SEC-03: who is not logged in and up in time is hung up, whatever else its PPP is busy with. */
START_TEST(login_timeout)
{
	const struct plugin_msg hello = { .type = PLUGIN_HELLO, .hello = { PLUGIN_PROTO_VERSION, "2.5.0" } };
	uint64_t id = next_call(), up = next_call();

	conf->login_ms = 10000;
	plugin_says(id, &hello);
	plugin_says(up, &hello);
	plugin_mschapv2(up, true);
	plugin_up(up, "ppp77");
	for (int i = 0; i < 9; i++) {
		skip_ms(1000);
		plugin_says(id, &(struct plugin_msg){ .type = PLUGIN_PHASE, .phase = { 4 } });
	}
	ck_assert_uint_eq(lines[id].hangups, 0);
	skip_ms(1100);
	ck_assert_int_eq(lines[id].reason, LINE_LOGIN_TIMEOUT);
	ck_assert_uint_eq(cdn_code(p), CDN_ADMIN * 10);
	skip_ms(60000);
	ck_assert_uint_eq(lines[up].hangups, 0);
}
END_TEST

/* A pppd that has let go of its pty is about to end; one that does not is hung up, and its call is over. */
START_TEST(line_closed)
{
	uint64_t soon = next_call(), never = next_call();

	sessions_line_closed(sessions, soon);
	sessions_line_closed(sessions, never);
	sessions_line_closed(sessions, 999);
	line_goes_down(soon, 0);
	ck_assert_uint_eq(cdn_code(p), CDN_LOST_CARRIER * 10);
	skip_ms(2900);
	ck_assert_uint_eq(lines[never].hangups, 0);
	skip_ms(200);
	ck_assert_uint_eq(lines[never].hangups, 1);
	ck_assert_uint_eq(cdn_code(p), CDN_LOST_CARRIER * 10);
	ck_assert_uint_eq(sessions_channels(sessions), 0);
	sessions_line_closed(sessions, never);
	skip_ms(5000);
	pns_silence(p);
}
END_TEST

/* An interface that cannot be looked at is not taken for idle, and looked at again. */
START_TEST(idle_is_not_known)
{
	uint64_t id = login("idle", "i");

	ck_assert(accepted(id));
	plugin_up(id, "no-such-if");
	for (int i = 0; i < 20; i++)
		skip_ms(1000);
	ck_assert_uint_eq(lines[id].hangups, 0);
	plugin_says(id, &(struct plugin_msg){ .type = PLUGIN_DOWN });
	skip_ms(10000);
	ck_assert_uint_eq(lines[id].hangups, 0);
}
END_TEST

/* On a loopback interface of our own that nobody uses. */
START_TEST(idle_timeout)
{
	uint64_t id;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
		fprintf(stderr, "test_session_user: idle_timeout skipped: no namespaces here\n");
		plain();
		return;
	}
	plain();
	id = login("idle", "i");
	ck_assert(accepted(id));
	plugin_up(id, "lo");
	for (int i = 0; i < 7; i++)
		skip_ms(500);
	ck_assert_uint_eq(lines[id].hangups, 0);
	ck_assert_int_ge(view(id).idle_s, 3);
	skip_ms(500);
	skip_ms(500);
	ck_assert_int_eq(lines[id].reason, LINE_IDLE_TIMEOUT);
	ck_assert_uint_eq(cdn_code(p), CDN_ADMIN * 10);
}
END_TEST

/* No GRE from a peer is worth a line, once, where the call still lives. */
START_TEST(no_gre)
{
	uint64_t id = next_call();

	next_call();
	sessions_disconnect(sessions, id);
	log_len = 0;
	log_text[0] = '\0';
	skip_ms(5100);
	ck_assert_ptr_null(strstr(log_text, "no-gre session=1"));
	logged("no-gre session=2");
	skip_ms(20000);
	ck_assert_ptr_null(strstr(log_text, "no-gre"));
	skip_ms(40000); /* no dial timer runs on */
	line_goes_down(id + 1, 0);
	logged("reason=user");
}
END_TEST

static Suite *session_user_suite(void)
{
	Suite *s = suite_create("session_user");

	CASE(s, "login", plain, mschapv2_login, pap_login, wrong_password, not_permitted, authentication_again);
	CASE(s, "delay", delayed, wrong_password_with_delay);
	CASE(s, "time", plain, session_timeout, login_timeout, line_closed, idle_is_not_known, no_gre);
	CASE(s, "idle", NULL, idle_timeout);
	return s;
}

UNIT_MAIN(session_user_suite)
