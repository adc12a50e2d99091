/*
 * Logins that RADIUS servers decide, as sessions have them (RAD-20 to RAD-27, RAD-102): what the peer hears, what is
 * final, when the users file stands in, and that nothing outlives its call.
 */
#include "test/unit/unit_radius_session.h"

static void both(void)
{
	radius_with(RADIUS("radius,local", "", ""));
}

static void slow(void)
{
	radius_with(RADIUS("radius", "", ""));
	conf->login_delay_ms = 1000;
}

/* --- answers --- */

/* RAD-02 to RAD-07: the question is about this call, and whoever answers is told of. */
START_TEST(pap_accepted)
{
	uint64_t id = next_call();
	char text[32];

	plugin_pap(id, "alice@example", "secret");
	attr_is_text(asked(), RADIUS_USER_NAME, "alice@example");
	ck_assert_uint_eq(attr_number(asked(), RADIUS_NAS_PORT), id);
	ck_assert_uint_eq(attr_number(asked(), RADIUS_NAS_PORT_TYPE), RADIUS_PORT_VIRTUAL);
	snprintf(text, sizeof text, "pptp%u", (unsigned)id);
	attr_is_text(asked(), RADIUS_NAS_PORT_ID, text);
	attr_is_text(asked(), RADIUS_CALLING_STATION_ID, "0.0.0.5");
	attr_is_text(asked(), RADIUS_CALLED_STATION_ID, "10.0.0.1");
	attr_is_text(asked(), RADIUS_TUNNEL_CLIENT_ENDPOINT, "0.0.0.5");
	attr_is_text(asked(), RADIUS_TUNNEL_SERVER_ENDPOINT, "10.0.0.1");
	attr_is_text(asked(), RADIUS_ACCT_SESSION_ID, view(id).session_id);
	attr_is_text(asked(), RADIUS_NAS_IDENTIFIER, "nas");
	attr_is(asked(), RADIUS_NAS_IP_ADDRESS, "\xc0\x00\x02\x01", 4);
	give_text(RADIUS_REPLY_MESSAGE, "Hello Alice");
	server_accepts();
	ck_assert(accepted(id));
	check_message(id, "Hello Alice");
	ck_assert_uint_eq(answer(id)->remote, 0x0a000002);
	ck_assert_uint_eq(answer(id)->local, 0x0a000001);
	ck_assert_str_eq(view(id).account, "alice@example");
	ck_assert_str_eq(view(id).server, SERVER);
	ck_assert_int_eq(view(id).by, AAA_BY_RADIUS);
	logged("by=" SERVER);
	ck_assert_uint_eq(sessions_disconnect_user(sessions, "alice@example", 13), 1);
}
END_TEST

/* RAD-23. */
START_TEST(mschapv2_accepted)
{
	uint64_t id = next_call();

	plugin_mschapv2(id, false); /* that is the server's business */
	give_success();
	give_keys();
	give_ms_number(RADIUS_MS_MPPE_ENCRYPTION_POLICY, 1);
	server_accepts();
	ck_assert(accepted(id));
	check_message(id, "S=407A5589115FD0D6209F510FE9C04566932CDA56 M=Welcome");
	ck_assert(answer(id)->has_keys && answer(id)->send_key[3] == 0x55 && answer(id)->recv_key[3] == 0xAA);
	ck_assert_str_eq(view(id).method, "mschapv2");
	id = next_call();
	plugin_mschapv2(id, true);
	give_keys();
	server_accepts();
	ck_assert(!accepted(id));
	logged("reason=no-mschap2-success");
	ck_assert(!answer(id)->has_keys);
}
END_TEST

/* The number of the call as it was dialled, where there is one that can be shown (RAD-03). */
START_TEST(dialled_number)
{
	static const char *const numbers[] = { "5550100", "55\n", "" };
	static const char *const called[] = { "5550100", "10.0.0.1", "10.0.0.1" };

	for (uint16_t i = 0; i < 3; i++) {
		struct msg m = msg_ocrq_good((uint16_t)(100 + i));

		m.ocrq.max_bps = 64000;
		m.ocrq.serial = (uint16_t)(7 + i);
		m.ocrq.number_len = (uint16_t)strlen(numbers[i]);
		memcpy(m.ocrq.number, numbers[i], strlen(numbers[i]));
		pns_send(p, &m);
		turn();
		line_answers(nlines);
		plugin_pap(nlines, "a", "b");
		attr_is_text(asked(), RADIUS_CALLED_STATION_ID, called[i]);
		attr_is_text(asked(), RADIUS_CONNECT_INFO, "64000 PPTP");
		attr_is_text(asked(), RADIUS_ACCT_TUNNEL_CONNECTION, (const char *[]){ "7", "8", "9" }[i]);
		server_accepts();
	}
}
END_TEST

/* RAD-27: asked once, and no users file has a say; but PAP may try again, and that is another login. */
START_TEST(reject_is_final)
{
	uint64_t id = login("alice", "a"); /* right in the users file */

	give_text(RADIUS_REPLY_MESSAGE, "Go away");
	server_rejects();
	ck_assert(!accepted(id));
	check_message(id, "Go away");
	ck_assert(!answer(id)->remote && !answer(id)->has_keys && !answer(id)->vars.n);
	logged("login-failed session=1");
	skip_ms(10000);
	ck_assert_uint_eq(njobs, 1);
	ck_assert_uint_eq(view(id).address, 0);
	plugin_pap(id, "alice", "b"); /* pppd has one try per link; if it had more, they would not be asked about */
	ck_assert_uint_eq(njobs, 1);
	ck_assert(!accepted(id));
	logged("reason=rejected-before");
	id = login("alice", "x");
	server_rejects();
	ck_assert(!accepted(id));
	line_goes_down(id, 0);
	logged("reason=auth-failed");
	no_record();
}
END_TEST

/* RAD-24, RAD-26. */
START_TEST(reject_texts)
{
	uint64_t id = next_call();

	plugin_mschapv2(id, true);
	give_ms_text(RADIUS_MS_CHAP_ERROR, "E=648 R=1 C=0123456789ABCDEF0123456789ABCDEF V=3 M=Password expired");
	server_rejects();
	ck_assert(!accepted(id));
	check_message(id, "E=648 R=0 C=0123456789ABCDEF0123456789ABCDEF V=3 M=Password expired");
	logged("reason=rejected by=" SERVER " mschap_error=648 hint=\"another try was offered");
	id = asking("alice");
	give_text(RADIUS_STATE, "state");
	give_text(RADIUS_REPLY_MESSAGE, "Token, please");
	server_says(RADIUS_ACCESS_CHALLENGE);
	ck_assert(!accepted(id));
	check_message(id, "Token, please");
	logged("reason=challenge");
	ck_assert_uint_eq(njobs, 2);
	id = asking("alice");
	give(RADIUS_SESSION_TIMEOUT, "x", 1);
	server_accepts();
	ck_assert(!accepted(id));
	logged("reason=bad-attribute by=" SERVER " attribute=27");
	id = next_call();
	plugin_mschapv2(id, true);
	give(RADIUS_PORT_LIMIT, "x", 1);
	server_accepts();
	ck_assert(!accepted(id));
	ck_assert_int_eq(strncmp(answer(id)->message, "E=691 R=0 C=", 12), 0);
}
END_TEST

/* The delay of a refusal holds for those of servers, too. */
START_TEST(reject_with_delay)
{
	uint64_t id = asking("alice");

	give_text(RADIUS_REPLY_MESSAGE, "Go away");
	server_rejects();
	skip_ms(900);
	ck_assert_uint_eq(lines[id].answers, 0);
	plugin_pap(id, "alice", "again");
	ck_assert_uint_eq(njobs, 1);
	skip_ms(200);
	ck_assert(!accepted(id));
	check_message(id, "Go away");
	id = asking("alice");
	server_rejects();
	sessions_disconnect(sessions, id);
	skip_ms(2000);
	ck_assert_uint_eq(lines[id].answers, 0);
}
END_TEST

/* RAD-20: a password that RADIUS has no room for. */
START_TEST(malformed)
{
	struct plugin_msg m = { .type = PLUGIN_AUTH, .auth = { .method = PLUGIN_PAP, .proof_len = 129 } };
	uint64_t id = next_call();

	put_text(m.auth.name, &m.auth.name_len, "alice");
	memset(m.auth.proof, 'x', sizeof m.auth.proof);
	plugin_says(id, &m);
	server_fails();
	ck_assert(!accepted(id));
	logged("reason=malformed");
	m.auth.proof_len = 5;
	m.auth.name_len = 0;
	plugin_says(id, &m);
	server_fails();
	ck_assert(!accepted(id));
	m.auth.method = 99;
	plugin_says(id, &m);
	ck_assert(!accepted(id));
	logged("reason=method-not-allowed");
	ck_assert_uint_eq(njobs, 2);
}
END_TEST

/* --- silence --- */

START_TEST(silence)
{
	uint64_t id = login("alice", "a");

	server_fails();
	ck_assert(!accepted(id));
	check_message(id, "No server answers, try again later");
	logged("reason=no-server");
	id = next_call();
	plugin_mschapv2(id, true);
	server_fails();
	ck_assert(!accepted(id));
	ck_assert_int_eq(strncmp(answer(id)->message, "E=649 R=0 C=", 12), 0);
	client.full = true; /* too many wait already */
	id = login("alice", "a");
	ck_assert(!accepted(id));
	logged("reason=no-server");
	ck_assert_uint_eq(waiting(), 0);
}
END_TEST

/* radius,local: only silence makes the users file speak (RAD-102). */
START_TEST(local_stands_in)
{
	uint64_t id = login("alice", "a");

	server_rejects();
	ck_assert(!accepted(id));
	give_text(RADIUS_REPLY_MESSAGE, "?");
	id = login("alice", "a");
	server_says(RADIUS_ACCESS_CHALLENGE);
	ck_assert(!accepted(id));
	id = login("alice", "a");
	give(RADIUS_PORT_LIMIT, "x", 1);
	server_accepts();
	ck_assert(!accepted(id));
	id = login("alice", "a");
	give_number(RADIUS_SERVICE_TYPE, 1);
	server_accepts();
	ck_assert(!accepted(id));
	id = login("alice", "wrong");
	server_fails();
	ck_assert(!accepted(id));
	logged("reason=wrong-password by=local");
	plugin_pap(id, "alice", "a");
	server_fails();
	ck_assert(accepted(id));
	check_message(id, "Welcome");
	logged("by=local");
	ck_assert_int_eq(view(id).by, AAA_BY_LOCAL);
	ck_assert_ptr_null(view(id).server);
	client.full = true;
	id = login("dave", "d");
	ck_assert(accepted(id));
	client.full = false;
	/* Whom only the server knows. */
	id = asking("zoe");
	server_accepts();
	ck_assert(accepted(id));
	ck_assert_int_eq(view(id).by, AAA_BY_RADIUS);
	/* A proof that can't be put to a server is refused, though nobody said no. */
	id = next_call();
	plugin_says(id, &(struct plugin_msg){ .type = PLUGIN_AUTH, .auth = { .method = PLUGIN_PAP } });
	server_fails();
	ck_assert(!accepted(id));
	logged("reason=malformed");
}
END_TEST

/* --- ends while it is asked --- */

/* The first proof counts; and an answer without a call is no answer. */
START_TEST(ends_while_asking)
{
	uint64_t id = asking("alice");

	plugin_pap(id, "bob", "b");
	plugin_mschapv2(id, true);
	ck_assert_uint_eq(njobs, 1);
	sessions_disconnect(sessions, id);
	ck_assert_uint_eq(ncancelled, 1);
	plugin_pap(id, "alice", "a"); /* its pppd lives still */
	line_goes_down(id, 0);
	id = asking("alice");
	line_goes_down(id, 0);
	ck_assert_uint_eq(ncancelled, 2);
	id = asking("alice");
	pns_close(p);
	ck_assert_uint_eq(ncancelled, 3);
	lines_settle();
	p = pns_up(5);
	id = next_call();
	plugin_says(id, &(struct plugin_msg){ .type = PLUGIN_HELLO });
	plugin_pap(id, "alice", "a");
	skip_ms(conf->login_ms + 100); /* nobody is logged in by then */
	ck_assert_int_eq(lines[id].reason, LINE_LOGIN_TIMEOUT);
	ck_assert_uint_eq(ncancelled, 4);
	ck_assert_uint_eq(njobs, 4);
}
END_TEST

/* --- sessions of one user --- */

/* Port-Limit: over it, a Failure. */
START_TEST(port_limit)
{
	uint64_t first, second, third;

	give_number(RADIUS_PORT_LIMIT, 2);
	first = logged_in("zoe");
	give_number(RADIUS_PORT_LIMIT, 2);
	second = logged_in("zoe");
	give_number(RADIUS_PORT_LIMIT, 2);
	third = asking("zoe");
	server_accepts();
	ck_assert(!accepted(third));
	check_message(third, "Too many sessions at once");
	logged("reason=session-limit");
	ck_assert_uint_eq(lines[first].hangups + lines[second].hangups, 0);
	logged_in("zoe"); /* none given: no limit */
	give_number(RADIUS_PORT_LIMIT, 1);
	logged_in("Zoe"); /* names are octets */
}
END_TEST

/* CHAP asks again in the middle: the server is asked, lease and service stay. */
START_TEST(asked_again)
{
	uint64_t id;

	give_number(RADIUS_FRAMED_IP_ADDRESS, 0x0a000042);
	give_text(RADIUS_FILTER_ID, "first");
	id = linked("alice");
	plugin_pap(id, "alice", "secret");
	give_text(RADIUS_FILTER_ID, "second");
	give_number(RADIUS_FRAMED_IP_ADDRESS, 0x0a000043);
	server_accepts();
	ck_assert(accepted(id));
	ck_assert_uint_eq(answer(id)->remote, 0x0a000042);
	ck_assert_str_eq(view(id).filter, "first");
	ck_assert_uint_eq(pool_used(0), 1);
	plugin_pap(id, "bob", "secret");
	server_accepts();
	ck_assert(!accepted(id));
	logged("reason=another-user");
	plugin_pap(id, "alice", "secret");
	server_rejects();
	ck_assert(!accepted(id));
	ck_assert_uint_eq(pool_used(0), 1);
}
END_TEST

/* The wait for an address and that for a server are one wait of the plugin's. */
START_TEST(plugin_waits)
{
	uint64_t first, second;

	give_number(RADIUS_FRAMED_IP_ADDRESS, 0x0a000042);
	first = logged_in("zoe");
	sessions_disconnect(sessions, first);
	second = asking("zoe");
	skip_ms(20000);
	give_number(RADIUS_FRAMED_IP_ADDRESS, 0x0a000042);
	server_accepts();
	ck_assert_uint_eq(lines[second].answers, 0);
	for (int i = 0; i < 39; i++)
		skip_ms(100);
	ck_assert_uint_eq(lines[second].answers, 0);
	for (int i = 0; i < 3; i++)
		skip_ms(100);
	ck_assert(!accepted(second));
	logged("reason=address-in-use");
	/* Had it become free in time. */
	plugin_pap(second, "zoe", "secret");
	give_number(RADIUS_FRAMED_IP_ADDRESS, 0x0a000042);
	give_text(RADIUS_FILTER_ID, "kept");
	server_accepts();
	ck_assert_uint_eq(lines[second].answers, 0);
	line_goes_down(first, 0);
	skip_ms(200);
	ck_assert(accepted(second));
	ck_assert_uint_eq(answer(second)->remote, 0x0a000042);
	ck_assert_str_eq(view(second).filter, "kept"); /* what was given waited with it */
}
END_TEST

static Suite *session_radius_suite(void)
{
	Suite *s = suite_create("session_radius");

	RADIUS_CASE(s, "answers", radius, pap_accepted, mschapv2_accepted, dialled_number, reject_is_final, reject_texts,
		    malformed, silence, ends_while_asking, port_limit, asked_again, plugin_waits);
	RADIUS_CASE(s, "delay", slow, reject_with_delay);
	RADIUS_CASE(s, "both", both, local_stands_in);
	return s;
}

UNIT_MAIN(session_radius_suite)
