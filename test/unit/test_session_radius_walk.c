/*
 * A long random walk over calls and logins that servers decide, with accounting and changes from outside: whatever
 * comes in whatever order, each question is answered or cancelled, each Start has its one Stop, all records of a tunnel
 * are in order, and nothing is left (RAD-13, RAD-61, RAD-73).
 */
#include "test/unit/unit_radius_session.h"

#define PEERS 3
#define ROUNDS 40
#define EVENTS 300 /* a round */

static struct pns *pns[PEERS];
static unsigned nstarts, nanswers, nchanges;
static uint32_t seed;

static unsigned any(unsigned n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* --- peers --- */

static void hear(unsigned i)
{
	struct msg m;

	while (pns[i] && pns_next(pns[i], &m)) {
		if (m.type == MSG_OCRP)
			ck_assert_uint_eq(m.ocrp.result == OCRP_ERROR, m.ocrp.error != 0);
		if (m.type != MSG_ECHO_RQ)
			continue;
		m.type = MSG_ECHO_RP;
		m.echo_rp.result = ECHO_OK;
		pns_send(pns[i], &m);
	}
	if (pns[i] && (pns[i]->eof || pns[i]->error)) {
		pns_close(pns[i]);
		pns[i] = NULL;
	}
}

static void peer_event(unsigned i)
{
	if (!pns[i])
		pns[i] = pns_up(6 + i / 2);
	switch (any(12)) {
	case 0:
		if (any(4))
			break;
		pns_close(pns[i]);
		pns[i] = NULL;
		break;
	case 1:
		pns_ccrq(pns[i], (uint16_t)any(4));
		break;
	default:
		pns_ocrq(pns[i], (uint16_t)any(4));
	}
}

/* --- servers --- */

static void give_something(void)
{
	static const uint32_t addresses[] = { 0x0a000042, 0x0a000043, RADIUS_ADDRESS_USER, RADIUS_ADDRESS_NAS, 6 };
	static const char *const pools_[] = { "main", "one", "nowhere" };

	if (any(3) == 0)
		give_number(RADIUS_FRAMED_IP_ADDRESS, addresses[any(5)]);
	if (any(3) == 0)
		give_text(RADIUS_FRAMED_POOL, pools_[any(3)]);
	if (any(4) == 0)
		give_number(RADIUS_PORT_LIMIT, 1 + any(3));
	if (any(3) == 0)
		give_text(RADIUS_CLASS, "class");
	if (any(4) == 0)
		give_number(RADIUS_SESSION_TIMEOUT, 1 + any(20));
	if (any(4) == 0)
		give_number(RADIUS_IDLE_TIMEOUT, 1 + any(20));
	if (any(4) == 0)
		give_text(RADIUS_FRAMED_ROUTE, "10.9.0.0/16");
	if (any(20) == 0)
		give_number(RADIUS_SERVICE_TYPE, any(4));
	if (any(20) == 0)
		give(RADIUS_IDLE_TIMEOUT, "x", 1);
	if (any(2))
		give_keys();
	if (any(2))
		give_ms_number(RADIUS_MS_MPPE_ENCRYPTION_POLICY, 1 + any(2));
	if (any(8))
		give_success();
}

static void server_event(void)
{
	if (!waiting())
		return;
	nanswers++;
	if (next_waiting()->error || any(6) == 0) {
		server_fails();
	} else if (any(6) == 0) {
		give_text(RADIUS_REPLY_MESSAGE, "no");
		server_says(any(2) ? RADIUS_ACCESS_REJECT : RADIUS_ACCESS_CHALLENGE);
	} else {
		give_something();
		server_accepts();
	}
}

/* --- lines --- */

static uint64_t any_line(bool answered)
{
	for (int tries = 0; tries < 20 && nlines; tries++) {
		uint64_t id = nlines - any(nlines < 20 ? nlines : 20);

		if (lines[id].dialled && !lines[id].over && lines[id].answered == answered)
			return id;
	}
	return 0;
}

static void up_at(uint64_t id, uint32_t remote)
{
	struct plugin_msg m = { .type = PLUGIN_UP, .up = { .local = 1, .remote = remote, .mtu = 1400 } };

	strcpy(m.up.ifname, "ppp7");
	plugin_says(id, &m);
}

static void login_event(uint64_t id)
{
	static const char *const names[][2] = { { "alice", "a" }, { "bob", "b" }, { "zoe", "z" }, { "", "" },
		{ "brief", "t" }, { "alice", "wrong" } };
	unsigned who = any(6);

	if (any(2))
		plugin_mschapv2(id, any(2));
	else
		plugin_pap(id, names[who][0], names[who][1]);
}

static void line_event(void)
{
	uint64_t dialling_ = any_line(false), id = any_line(true);
	const struct plugin_msg down = { .type = PLUGIN_DOWN, .down = { .status = (int32_t)any(22), .peer_ended = any(2),
									.in_octets = seed } };

	switch (any(8)) {
	case 0:
	case 1:
		if (dialling_ && lines[dialling_].hangups)
			line_goes_down(dialling_, 0);
		else if (dialling_)
			line_answers(dialling_);
		break;
	case 2:
		if (id && !any(6))
			plugin_says(id, &down);
		break;
	case 3:
		if (id && (lines[id].hangups || !any(10)))
			line_exits(id, any(3) ? 0 : MSG_ERR_PAC, any(4) ? (int)any(22) << 8 : 9);
		break;
	case 4:
	case 5:
		if (id)
			up_at(id, any(3) ? lines[id].answer.remote : 0x0a000042 + any(2));
		break;
	default:
		if (id)
			login_event(id);
	}
}

/* --- ourselves, and others --- */

static void change_event(void)
{
	const struct dynauth_ident all = { .given = DYNAUTH_BY_CALLED, .called = { (const uint8_t *)"10.0.0.1", 8 } };
	struct dynauth_change c = { .given = any(DYNAUTH_SET_RATE_LIMIT << 1), .session_timeout = any(30),
				    .idle_timeout = any(10), .interim = 60 + any(10), .rate_up = any(2),
				    .filter = { (const uint8_t *)"f", 1 }, .rate_limit = { (const uint8_t *)"r", 1 },
				    .class_ = { RADIUS_CLASS, 3, 'x' }, .class_len = 3 };
	uint64_t found[16];
	unsigned n = session_das.match(sessions, &all, found, 16);

	if (!n)
		return;
	nchanges++;
	n = any(n > 16 ? 16 : n);
	ck_assert_uint_eq(session_das.check(sessions, found[n], &c), DYNAUTH_OK);
	if (any(4))
		session_das.change(sessions, found[n], &c);
	else
		session_das.disconnect(sessions, found[n], &c);
}

static void our_event(void)
{
	switch (any(8)) {
	case 0:
		if (any(3) == 0)
			sessions_disconnect(sessions, nlines - (nlines ? any(nlines < 10 ? nlines : 10) : 0));
		break;
	case 1:
		change_event();
		break;
	case 2:
		accounting.enabled = any(8) != 0;
		break;
	case 3:
		client.full = any(8) == 0;
		break;
	case 4:
		dial_error = any(6) ? 0 : -ENOBUFS;
		break;
	case 5:
		conf->radius.fail_open = any(2);
		conf->aaa.method = any(2) ? CONF_METHOD_RADIUS : CONF_METHOD_RADIUS_LOCAL;
		break;
	case 6:
		counters.rx_packets += any(2);
		counters_there = any(4) != 0;
		break;
	default:
		skip_ms(any(4000));
	}
}

/* RAD-73: a tunnel begins before its calls and ends behind them. */
static void check_tunnels(void)
{
	for (unsigned i = 0; i < ntold; i++) {
		bool begun = false;

		nstarts += told[i].status == RADIUS_ACCT_START;
		if (told[i].status != RADIUS_ACCT_TUNNEL_STOP)
			continue;
		for (unsigned k = 0; k < ntold; k++) {
			if (!strcmp(told[k].id, told[i].id) && told[k].status == RADIUS_ACCT_TUNNEL_START)
				begun = true;
			if (!strcmp(told[k].tunnel, told[i].id))
				ck_assert(begun && k <= i);
		}
	}
}

static void wind_up(void)
{
	sessions_end_all(sessions, LINE_SHUTDOWN);
	ck_assert_uint_eq(waiting(), 0);
	for (unsigned i = 0; i < PEERS; i++) {
		hear(i);
		if (pns[i])
			pns_close(pns[i]);
		pns[i] = NULL;
	}
	lines_settle();
	turn();
	ck_assert_uint_eq(sessions_count(sessions), 0);
	ck_assert_uint_eq(pool_used(0) + pool_used(1), 0);
	check_records();
	check_tunnels();
	ntold = nshown = njobs = 0;
	accounting.enabled = true;
	client.full = false;
	dial_error = 0;
}

START_TEST(walk)
{
	seed = 7 + (uint32_t)_i;
	radius_with(RADIUS("radius,local", "quarantine = 2; limits = { call_rate_per_peer = 0; };",
			   "precheck = \"vpn\"; acct = { tunnel = true; interim = 60; };"));
	pns_bye(p); /* of the fixture */
	ntold = 0;
	for (int round = 0; round < ROUNDS && nlines < LINES - EVENTS; round++) {
		conf->radius.precheck = any(2) ? CONF_PRECHECK_VPN : CONF_PRECHECK_OFF;
		for (int event = 0; event < EVENTS; event++) {
			switch (any(6)) {
			case 0:
				peer_event(any(PEERS));
				break;
			case 1:
			case 2:
				server_event();
				break;
			case 3:
			case 4:
				line_event();
				break;
			default:
				our_event();
			}
			turns(2);
			for (unsigned i = 0; i < PEERS; i++)
				hear(i);
			ck_assert_uint_le(pool_used(0) + pool_used(1), sessions_count(sessions));
			ck_assert_uint_le(waiting(), sessions_channels(sessions));
		}
		wind_up();
	}
	ck_assert_uint_gt(nstarts, 10); /* it went somewhere */
	ck_assert_uint_gt(nanswers, 200);
	ck_assert_uint_gt(nchanges, 10);
	over();
}
END_TEST

static Suite *session_radius_walk_suite(void)
{
	Suite *s = suite_create("session_radius_walk");
	TCase *tc = tcase_create("walk");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, walk, 0, 4);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(session_radius_walk_suite)
