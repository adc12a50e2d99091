/*
 * Calls that RADIUS servers are asked about before they are answered (RAD-10 to RAD-13): what is asked, what comes of
 * each answer, and of calls that end meanwhile.
 */
#include "test/unit/unit_radius_session.h"

static void check(void)
{
	radius_with(RADIUS("radius,local", "",
			   "precheck = \"vpn\"; precheck_password = \"dummy\"; acct = { interim = 0; };"));
}

static void off(void)
{
	radius_with(RADIUS("radius,local", "", ""));
}

static void highest(void *arg, const struct session_view *v)
{
	uint64_t *id = arg;

	if (v->id > *id)
		*id = v->id;
}

/* A call that waits for a server: nothing is dialled, nothing said. */
static uint64_t checked(struct pns *from, uint16_t call)
{
	unsigned dialled = nlines;
	uint64_t id = 0;

	pns_ocrq(from, call);
	sessions_each(sessions, highest, &id);
	ck_assert_uint_eq(nlines, dialled);
	ck_assert_uint_gt(id, dialled);
	ck_assert_uint_ge(waiting(), 1);
	ck_assert_str_eq(view(id).state, "wait_cs_ans");
	pns_lives(from);
	return id;
}

static unsigned gone(struct pns *from, uint16_t call, uint64_t id)
{
	struct session_view v;

	ck_assert(!sessions_view(sessions, id, &v));
	ck_assert(id >= LINES || !lines[id].dialled);
	ck_assert_uint_eq(waiting(), 0);
	return ocrp_code(from, call);
}

static void dials(struct pns *from, uint16_t call, uint64_t id)
{
	ck_assert_uint_eq(nlines, id);
	ck_assert(lines[id].dialled);
	pns_silence(from);
	line_answers(id);
	ck_assert_uint_eq(ocrp_code(from, call), OCRP_CONNECTED * 10);
}

/* --- answers --- */

/* RAD-10. */
START_TEST(asked_about)
{
	uint8_t password[16] = "dummy";
	struct msg m = msg_ocrq_good(1);
	uint64_t id;

	m.ocrq.number_len = 4;
	memcpy(m.ocrq.number, "1234", 4);
	pns_send(p, &m);
	turn();
	id = 1;
	hide(password, sizeof password, NULL);
	attr_is_text(asked(), RADIUS_USER_NAME, "0.0.0.5");
	attr_is(asked(), RADIUS_USER_PASSWORD, password, sizeof password);
	ck_assert_uint_eq(attr_number(asked(), RADIUS_SERVICE_TYPE), RADIUS_SERVICE_CALL_CHECK);
	attr_is_text(asked(), RADIUS_CALLING_STATION_ID, "0.0.0.5");
	attr_is_text(asked(), RADIUS_CALLED_STATION_ID, "1234");
	attr_is_text(asked(), RADIUS_ACCT_SESSION_ID, view(id).session_id);
	ck_assert_uint_eq(attr_number(asked(), RADIUS_NAS_PORT), id);
	ck_assert_uint_eq(attr_number(asked(), RADIUS_TUNNEL_TYPE), 1);
	ck_assert_uint_eq(attr_count(asked(), RADIUS_FRAMED_PROTOCOL) + attr_count(asked(), RADIUS_STATE), 0);
	give_number(RADIUS_SERVICE_TYPE, RADIUS_SERVICE_CALL_CHECK);
	server_accepts();
	dials(p, 1, id);
	/* The login has the same session's id (RAD-04). */
	plugin_pap(id, "alice", "a");
	attr_is_text(asked(), RADIUS_ACCT_SESSION_ID, view(id).session_id);
	server_accepts();
	ck_assert(accepted(id));
}
END_TEST

START_TEST(outbound)
{
	struct msg m = msg_ocrq_good(1);

	conf->radius.outbound = true;
	m.ocrq.number_len = 4;
	memcpy(m.ocrq.number, "1234", 4);
	pns_send(p, &m);
	turn();
	attr_is_text(asked(), RADIUS_USER_NAME, "1234");
	ck_assert_uint_eq(attr_number(asked(), RADIUS_SERVICE_TYPE), RADIUS_SERVICE_OUTBOUND);
	server_rejects();
	ck_assert_uint_eq(gone(p, 1, 1), OCRP_PROHIBITED * 10);
	checked(p, 2); /* no number: the caller */
	attr_is_text(asked(), RADIUS_USER_NAME, "0.0.0.5");
	ck_assert_uint_eq(attr_number(asked(), RADIUS_SERVICE_TYPE), RADIUS_SERVICE_CALL_CHECK);
	server_accepts();
}
END_TEST

START_TEST(not_configured)
{
	uint64_t id = dialling(p, 1);

	ck_assert_uint_eq(njobs, 0);
	line_answers(id);
	ck_assert_uint_eq(ocrp_code(p, 1), 10);
}
END_TEST

/* RAD-11. */
START_TEST(refusals)
{
	uint64_t id = checked(p, 1);

	server_rejects();
	ck_assert_uint_eq(gone(p, 1, id), OCRP_PROHIBITED * 10);
	logged("call-check session=1");
	id = checked(p, 1);
	give_text(RADIUS_STATE, "x");
	server_says(RADIUS_ACCESS_CHALLENGE);
	ck_assert_uint_eq(gone(p, 1, id), OCRP_PROHIBITED * 10);
	logged("result=reject reason=challenge server=\"" SERVER "\"");
	id = checked(p, 1);
	give_number(RADIUS_SERVICE_TYPE, 1);
	server_accepts();
	ck_assert_uint_eq(gone(p, 1, id), OCRP_PROHIBITED * 10);
	logged("reason=service-type");
	id = checked(p, 1);
	give_number(RADIUS_TUNNEL_TYPE, 0x01000003);
	server_accepts();
	ck_assert_uint_eq(gone(p, 1, id), OCRP_PROHIBITED * 10);
	logged("reason=tunnel-type");
	id = checked(p, 1);
	give(RADIUS_PORT_LIMIT, "x", 1);
	server_accepts();
	ck_assert_uint_eq(gone(p, 1, id), OCRP_PROHIBITED * 10);
	logged("reason=bad-attribute");
	id = checked(p, 1);
	give_number(RADIUS_SERVICE_TYPE, RADIUS_SERVICE_FRAMED);
	give_number(RADIUS_TUNNEL_TYPE, 0x01000003);
	give_number(RADIUS_TUNNEL_TYPE, 0x02000001);
	server_accepts();
	dials(p, 1, id);
	no_record(); /* RAD-13 */
	ck_assert_uint_eq(peers_count(&peers, 5, PEERS_CALLS), 1);
	ck_assert_uint_eq(peers_count(&peers, 5, PEERS_LINES), 1);
}
END_TEST

START_TEST(silence)
{
	uint64_t id = checked(p, 1);

	server_fails();
	ck_assert_uint_eq(gone(p, 1, id), 24);
	logged("result=no-server reason=no-server server=\"\"");
	client.full = true;
	pns_ocrq(p, 2);
	ck_assert_uint_eq(gone(p, 2, id + 1), 24);
	conf->radius.fail_open = true;
	id = dialling(p, 3);
	line_answers(id);
	ck_assert_uint_eq(ocrp_code(p, 3), 10);
	client.full = false;
	id = checked(p, 4);
	server_fails();
	dials(p, 4, id);
	id = checked(p, 5);
	server_rejects(); /* that is no silence */
	ck_assert_uint_eq(gone(p, 5, id), OCRP_PROHIBITED * 10);
	id = checked(p, 5);
	dial_error = -ENOBUFS;
	server_accepts();
	ck_assert_uint_eq(gone(p, 5, id), 24);
	dial_error = 0;
}
END_TEST

/* TIM-07: one question holds up nothing else. */
START_TEST(several_at_once)
{
	struct pns *q = pns_up(6);
	uint64_t a = checked(p, 1), b = checked(q, 1), c = checked(p, 2);

	ck_assert_uint_eq(waiting(), 3);
	pns_ccrq(p, 1);
	ck_assert_uint_eq(cdn_code(p), CDN_REQUEST * 10);
	server_accepts();
	dials(q, 1, b);
	server_rejects();
	ck_assert_uint_eq(gone(p, 2, c), OCRP_PROHIBITED * 10);
	ck_assert(!lines[a].dialled);
	pns_bye(q);
}
END_TEST

/* --- ends meanwhile --- */

/* RAD-13: nothing is left, of the call or of the question. */
START_TEST(cleared_meanwhile)
{
	struct session_view v;
	uint64_t id = checked(p, 1);

	pns_ccrq(p, 1);
	ck_assert_uint_eq(cdn_code(p), CDN_REQUEST * 10);
	ck_assert(ncancelled == 1 && !sessions_view(sessions, id, &v));
	ck_assert_uint_eq(sessions_channels(sessions), 0);
	ck_assert_uint_eq(peers_count(&peers, 5, PEERS_CALLS) + peers_count(&peers, 5, PEERS_LINES), 0);
	checked(p, 1);
	pns_close(p);
	ck_assert(ncancelled == 2 && sessions_count(sessions) == 0);
	ck_assert_uint_eq(nlines, 0);
	p = pns_up(5);
	id = checked(p, 1);
	ck_assert_uint_eq(sessions_disconnect(sessions, id), 1);
	ck_assert_uint_eq(gone(p, 1, id), OCRP_PROHIBITED * 10);
	id = checked(p, 1);
	skip_ms(conf->dial_ms + 100);
	ck_assert_uint_eq(gone(p, 1, id), OCRP_TIME_OUT * 10);
	ck_assert_uint_eq(ncancelled, 4);
	no_record();
}
END_TEST

/* The same, with the answer given: what it granted is freed with the call. */
START_TEST(ends_before_login)
{
	uint64_t id = checked(p, 1);

	give_text(RADIUS_CLASS, "c");
	server_accepts();
	dials(p, 1, id);
	pns_ccrq(p, 1);
	ck_assert_uint_eq(cdn_code(p), CDN_REQUEST * 10);
	lines_settle();
	id = checked(p, 1);
	give_text(RADIUS_CLASS, "c");
	server_accepts();
	line_fails(id, OCRP_BUSY, 0);
	ck_assert_uint_eq(ocrp_code(p, 1), OCRP_BUSY * 10);
}
END_TEST

/* RAD-12: calls of this Calling-Station-Id, of which this is one. */
START_TEST(port_limit)
{
	struct pns *q = pns_up(6), *again;
	uint64_t id = checked(p, 1);

	give_number(RADIUS_PORT_LIMIT, 1);
	server_accepts();
	dials(p, 1, id);
	again = pns_up(5); /* the same caller */
	id = checked(again, 1);
	give_number(RADIUS_PORT_LIMIT, 1);
	server_accepts();
	ck_assert_uint_eq(gone(again, 1, id), OCRP_PROHIBITED * 10);
	logged("reason=port-limit");
	id = checked(q, 1); /* another one */
	give_number(RADIUS_PORT_LIMIT, 1);
	server_accepts();
	dials(q, 1, id);
	id = checked(p, 2);
	give_number(RADIUS_PORT_LIMIT, 2);
	server_accepts();
	dials(p, 2, id);
	pns_bye(q);
	pns_bye(again);
}
END_TEST

/* --- what a login inherits --- */

#define INHERITED 6

static void give_one(unsigned i, bool user)
{
	switch (i) {
	case 0:
		give_number(RADIUS_SESSION_TIMEOUT, user ? 2000 : 1000);
		break;
	case 1:
		give_number(RADIUS_IDLE_TIMEOUT, user ? 200 : 100);
		break;
	case 2:
		give_text(RADIUS_CLASS, user ? "user" : "call");
		break;
	case 3:
		give_text(RADIUS_FILTER_ID, user ? "uf" : "cf");
		break;
	case 4:
		give_text(RADIUS_FRAMED_POOL, user ? "main" : "one");
		break;
	default:
		give_number(RADIUS_ACCT_INTERIM_INTERVAL, user ? 800 : 700);
	}
}

/* `own`: bits of what the user's Accept gave itself. */
static void check_inherited(uint64_t id, unsigned own)
{
	struct session_view v = view(id);

	ck_assert_uint_eq(v.session_timeout, own & 1 ? 2000 : 1000);
	ck_assert_uint_eq(v.idle_timeout, own & 2 ? 200 : 100);
	ck_assert_uint_eq(v.class_len, 6);
	ck_assert_mem_eq(v.class_ + 2, own & 4 ? "user" : "call", 4);
	ck_assert_str_eq(v.filter, own & 8 ? "uf" : "cf");
	ck_assert_str_eq(v.pool, own & 16 ? "main" : "one");
	ck_assert_uint_eq(v.interim, own & 32 ? 800 : 700);
}

/* A call that was let in with all of it. */
static uint64_t let_in(uint16_t call)
{
	uint64_t id = checked(p, call);

	for (unsigned i = 0; i < INHERITED; i++)
		give_one(i, false);
	server_accepts();
	dials(p, call, id);
	return id;
}

static void ends(uint64_t id)
{
	sessions_disconnect(sessions, id);
	ck_assert_uint_eq(cdn_code(p), CDN_ADMIN * 10);
	line_goes_down(id, 0);
}

START_TEST(inherited)
{
	/* None, each alone, and all of them. */
	for (unsigned i = 0; i <= INHERITED + 1; i++) {
		unsigned own = i == 0 ? 0 : i <= INHERITED ? 1u << (i - 1) : (1u << INHERITED) - 1;
		uint64_t id = let_in((uint16_t)i);

		plugin_pap(id, "zoe", "x");
		for (unsigned k = 0; k < INHERITED; k++)
			if (own & 1u << k)
				give_one(k, true);
		server_accepts();
		ck_assert(accepted(id));
		plugin_up(id, "ppp1");
		check_inherited(id, own);
		ends(id);
	}
	nshown = ntold;
}
END_TEST

/* Session-Timeout 0 is a value: no limit. */
START_TEST(overridden_by_nothing)
{
	uint64_t id = let_in(1);

	plugin_pap(id, "zoe", "x");
	give_number(RADIUS_SESSION_TIMEOUT, 0);
	give_number(RADIUS_FRAMED_IP_ADDRESS, 0x0a000099); /* and a pool does not matter beside an address */
	server_accepts();
	ck_assert(accepted(id));
	ck_assert_uint_eq(view(id).session_timeout, 0);
	ck_assert_uint_eq(view(id).address, 0x0a000099);
	ck_assert_str_eq(view(id).pool, "main");
}
END_TEST

/* A user of the users file has what its entry says, then what the call brought; of that only what RAD-12 lists. */
START_TEST(inherited_by_local_user)
{
	uint64_t id = checked(p, 1);

	for (unsigned i = 0; i < INHERITED; i++)
		give_one(i, false);
	give_text(RADIUS_FRAMED_ROUTE, "10.9.0.0/16 0.0.0.0 1");
	give_number(RADIUS_FRAMED_MTU, 1000);
	give_ms_number(RADIUS_MS_PRIMARY_DNS, 0x01020304);
	give_ms_number(RADIUS_MS_MPPE_ENCRYPTION_POLICY, 2);
	give_text(RADIUS_USER_NAME, "somebody");
	give_number(RADIUS_FRAMED_IP_ADDRESS, 0x0a000099);
	server_accepts();
	dials(p, 1, id);
	plugin_pap(id, "dave", "d");
	server_fails();
	ck_assert(accepted(id));
	plugin_up(id, "ppp1");
	check_inherited(id, 0);
	ck_assert_uint_eq(view(id).address, 0x0a000105);
	ck_assert(!answer(id)->nroutes && !answer(id)->mtu && answer(id)->dns[0] != 0x01020304);
	attr_is_text(record(RADIUS_ACCT_START), RADIUS_USER_NAME, "dave");
	ends(id);
	record(RADIUS_ACCT_STOP);

	id = let_in(2);
	plugin_pap(id, "brief", "t");
	server_fails();
	ck_assert(accepted(id));
	ck_assert_uint_eq(view(id).session_timeout, 2);
	ck_assert_uint_eq(view(id).idle_timeout, 100);
	ends(id);

	id = checked(p, 3);
	give_text(RADIUS_FRAMED_POOL, "nowhere");
	server_accepts();
	dials(p, 3, id);
	plugin_pap(id, "dave", "d");
	server_fails();
	ck_assert(accepted(id)); /* unknown_pool = ignore */
	logged("unknown-pool session=3 pool=\"nowhere\"");
	ck_assert_str_eq(view(id).pool, "main");
	conf->radius.unknown_pool = CONF_UNKNOWN_REFUSE;
	id = checked(p, 4);
	give_text(RADIUS_FRAMED_POOL, "nowhere");
	server_accepts();
	dials(p, 4, id);
	plugin_pap(id, "dave", "d");
	server_fails();
	ck_assert(!accepted(id));
	logged("reason=no-such-pool");
}
END_TEST

static bool all_of_them(unsigned how)
{
	switch (how) {
	case 0:
		sessions_end_all(sessions, LINE_SHUTDOWN);
		return true;
	case 1:
		return sessions_disconnect_peer(sessions, 7) > 0;
	default:
		return sessions_disconnect_user(sessions, "", 0) > 0;
	}
}

/* A peer with twenty calls that wait for their Call-Check; and reads nothing. */
static struct pns waiting_calls(void)
{
	int fds[2], small = 1;
	struct pns q;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
	q = (struct pns){ .fd = fds[1] };
	conns_accept(conns, fds[0], (struct endpoint){ 7, 50000 }, (struct endpoint){ 0x0a000001, 1723 });
	pns_establish(&q);
	for (uint16_t i = 1; i <= 20; i++)
		pns_ocrq(&q, i);
	ck_assert_uint_eq(waiting(), 20);
	return q;
}

/* Asks for echoes, until the connection is ended for it; how many were too many. */
static unsigned ask_echoes(struct pns *q, unsigned most)
{
	const struct msg echo = { .type = MSG_ECHO_RQ };
	unsigned n;

	for (n = 0; n < most && sessions_count(sessions); n++) {
		pns_send(q, &echo);
		turn();
	}
	return n;
}

/*
 * Calls that wait for their Call-Check are freed as they end.  Of a peer that asks and never reads, the first one's
 * OCRP ends the connection, and with it all others, in the midst of a walk over them.
 */
START_TEST(ended_in_one_walk)
{
	struct pns q = waiting_calls();
	unsigned most = ask_echoes(&q, 100000);

	ck_assert_uint_eq(sessions_count(sessions), 0);
	pns_close(&q);
	q = waiting_calls();
	ask_echoes(&q, most - 1);
	ck_assert_uint_eq(sessions_count(sessions), 20);
	ck_assert(all_of_them((unsigned)_i));
	ck_assert_uint_eq(sessions_count(sessions), 0);
	pns_close(&q);
}
END_TEST

static Suite *session_check_suite(void)
{
	Suite *s = suite_create("session_check");

	RADIUS_CASE(s, "off", off, not_configured);
	RADIUS_CASE(s, "answers", check, asked_about, outbound, refusals, silence, several_at_once, port_limit);
	RADIUS_CASE(s, "ends", check, cleared_meanwhile, ends_before_login);
	tcase_add_loop_test(radius_case(s, "walk", check), ended_in_one_walk, 0, 3);
	RADIUS_CASE(s, "inherited", check, inherited, overridden_by_nothing, inherited_by_local_user);
	return s;
}

UNIT_MAIN(session_check_suite)
