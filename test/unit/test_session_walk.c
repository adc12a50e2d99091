/*
 * A long random walk over connections, calls, lines and logins: whatever happens in whatever order, each
 * Outgoing-Call-Request has its one answer, each call ends once, and nothing is left (section 3.2.4; CALL-OUT, SEC-03).
 */
#include "test/unit/unit_session.h"

#define PEERS 4
#define EVENTS 5000

/* What a PNS has asked for and heard of on its present connection. */
static struct peer {
	struct pns *pns; /* NULL: none */
	bool deaf;       /* does not read at the moment */
	bool stopped;    /* Stop-Control-Connection-Request is out */
	unsigned ocrqs, ocrps, connected, cdns;
} pns[PEERS];

static bool live_ids[65536]; /* PAC call ids that a PNS knows as connected */
static uint16_t owned[PEERS][65536 / 64];
static uint32_t seed;

static unsigned any(unsigned n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static void forget(unsigned i)
{
	for (unsigned k = 0; k < sizeof owned[i] / sizeof *owned[i]; k++) {
		live_ids[owned[i][k]] = false;
		owned[i][k] = 0;
	}
}

static void own(unsigned i, uint16_t id)
{
	unsigned k = 0;

	ck_assert(id && !live_ids[id]); /* CALL-01 */
	while (owned[i][k])
		k++;
	owned[i][k] = id;
	live_ids[id] = true;
}

static void disown(unsigned i, uint16_t id)
{
	for (unsigned k = 0; k < sizeof owned[i] / sizeof *owned[i]; k++)
		if (owned[i][k] == id) {
			owned[i][k] = 0;
			live_ids[id] = false;
		}
}

static void leave(unsigned i)
{
	pns_close(pns[i].pns);
	forget(i);
	pns[i] = (struct peer){ .pns = NULL };
}

/* It may have been cut off for not reading: then sending fails, and it leaves. */
static void say(unsigned i, const struct msg *m)
{
	uint8_t data[MSG_MAX];
	size_t len = msg_encode(data, sizeof data, m);

	if (send(pns[i].pns->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len) {
		pns[i].ocrqs += m->type == MSG_OCRQ && !pns[i].stopped;
		return;
	}
	leave(i);
}

static void hear(unsigned i)
{
	struct msg m;

	while (pns[i].pns && pns_next(pns[i].pns, &m)) {
		switch (m.type) {
		case MSG_OCRP:
			pns[i].ocrps++;
			ck_assert_uint_eq(m.ocrp.result == OCRP_ERROR, m.ocrp.error != 0);
			if (m.ocrp.result != OCRP_CONNECTED)
				break;
			pns[i].connected++;
			own(i, m.ocrp.call_id);
			break;
		case MSG_CDN:
			pns[i].cdns++;
			ck_assert(m.cdn.result && (m.cdn.result == CDN_ERROR) == (m.cdn.error != 0));
			disown(i, m.cdn.call_id);
			break;
		case MSG_ECHO_RQ:
			m.type = MSG_ECHO_RP;
			m.echo_rp.result = ECHO_OK;
			say(i, &m);
			break;
		default:
			ck_assert(m.type == MSG_ECHO_RP || m.type == MSG_STOP_CCRP);
		}
	}
	/* Nothing was promised twice or forgotten so far. */
	if (pns[i].cdns > pns[i].connected)
		ck_assert_uint_le(pns[i].ocrps + pns[i].cdns - pns[i].connected, pns[i].ocrqs);
	ck_assert_uint_le(pns[i].ocrps, pns[i].ocrqs);
}

static void arrive(unsigned i)
{
	if (!pns[i].pns)
		pns[i] = (struct peer){ .pns = pns_up(1 + i / 2) }; /* two share an address */
}

/* A line that is there, or 0. */
static uint64_t any_line(bool answered)
{
	for (int tries = 0; tries < 40 && nlines; tries++) {
		uint64_t id = nlines - any(nlines < 40 ? nlines : 40);

		if (lines[id].dialled && !lines[id].over && lines[id].answered == answered)
			return id;
	}
	return 0;
}

static void pns_event(unsigned i)
{
	struct msg m = { .type = MSG_CCRQ, .ccrq = { .call_id = (uint16_t)any(4) } };

	switch (any(10)) {
	case 0:
		if (any(4) == 0)
			leave(i);
		return;
	case 1:
		m = (struct msg){ .type = MSG_STOP_CCRQ, .stop_ccrq = { .reason = STOP_NONE } };
		if (any(6))
			return;
		say(i, &m);
		pns[i].stopped = true;
		return;
	case 2:
		pns[i].deaf = any(3) == 0;
		return;
	case 3:
		m = msg_echo(seed);
		for (unsigned n = any(200); n && pns[i].pns && pns[i].deaf; n--) {
			say(i, &m);
			turns(1);
		}
		return;
	case 4:
		m = (struct msg){ .type = MSG_SLI, .sli = { .peer_call_id = owned[i][0] } };
		break;
	case 5:
	case 6:
		break;
	default:
		m = msg_ocrq_good((uint16_t)any(4));
		if (any(20) == 0)
			m.ocrq.framing = 0;
	}
	say(i, &m);
}

static void line_event(void)
{
	static const char *const names[][2] = { { "alice", "a" }, { "bob", "b" }, { "carol", "c" }, { "dave", "d" },
		{ "erin", "e" }, { "brief", "t" }, { "alice", "wrong" }, { "mallory", "x" } };
	uint64_t waiting = any_line(false), id = any_line(true);
	unsigned who = any(8);

	switch (any(8)) {
	case 0:
	case 1:
		if (waiting && lines[waiting].hangups)
			line_goes_down(waiting, 0); /* what was hung up before it answered does not answer */
		else if (waiting)
			line_answers(waiting);
		break;
	case 2:
		if (waiting && !any(3))
			line_fails(waiting, (uint8_t)(2 + any(6)), any(2) ? MSG_ERR_PAC : 0);
		break;
	case 3:
		if (id && (lines[id].hangups || !any(4)))
			line_goes_down(id, any(3) ? 0 : MSG_ERR_PAC);
		break;
	case 4:
		if (id)
			plugin_up(id, "no-such-if");
		break;
	case 5:
		if (id)
			plugin_mschapv2(id, any(2));
		break;
	default:
		if (id)
			plugin_pap(id, names[who][0], names[who][1]);
	}
}

static void our_event(void)
{
	switch (any(8)) {
	case 0:
		sessions_disconnect(sessions, nlines - (nlines ? any(nlines < 20 ? nlines : 20) : 0));
		break;
	case 1:
		sessions_disconnect_user(sessions, "dave", 4);
		break;
	case 2:
		sessions_disconnect_peer(sessions, 1 + any(2));
		break;
	case 3:
		sessions_drain(sessions, any(3) == 0);
		break;
	case 4:
		dial_error = any(4) ? 0 : -ENOBUFS;
		break;
	default:
		skip_ms(any(1500));
	}
}

static void check_all(void)
{
	unsigned live = 0, calls = 0;

	for (unsigned i = 0; i < PEERS; i++)
		if (pns[i].pns && !pns[i].deaf)
			hear(i);
	for (uint32_t addr = 1; addr <= 2; addr++)
		calls += peers_count(&peers, addr, PEERS_CALLS);
	for (unsigned i = 1; i <= nlines; i++)
		live += lines[i].dialled && !lines[i].over;
	ck_assert_uint_eq(calls, sessions_channels(sessions));
	ck_assert_uint_eq(live, sessions_count(sessions));
	ck_assert_uint_le(sessions_channels(sessions), conf->max_channels);
	ck_assert_uint_le(pool_used(0) + pool_used(1), sessions_count(sessions));
}

/* All is ended: those who still listen have an answer to each request and an end of each call. */
static void wind_up(void)
{
	sessions_drain(sessions, true);
	sessions_end_all(sessions, LINE_SHUTDOWN);
	ck_assert_uint_eq(sessions_channels(sessions), 0);
	for (unsigned i = 0; i < PEERS; i++) {
		if (!pns[i].pns)
			continue;
		hear(i);
		if (!pns[i].pns)
			continue;
		if (!pns[i].pns->eof && !pns[i].pns->error && !pns[i].stopped) {
			ck_assert_uint_eq(pns[i].ocrps + (pns[i].cdns - pns[i].connected), pns[i].ocrqs);
			for (unsigned k = 0; k < sizeof owned[i] / sizeof *owned[i]; k++)
				ck_assert_uint_eq(owned[i][k], 0);
		}
		leave(i);
	}
	lines_settle();
	for (unsigned i = 1; i <= nlines; i++)
		ck_assert(!lines[i].dialled || lines[i].over);
	sessions_drain(sessions, false);
	dial_error = 0;
	nothing_left();
}

START_TEST(walk)
{
	seed = 20 + (uint32_t)_i;
	start("max_channels = 9; quarantine = 2; login_delay = 1;"
	      "limits = { calls_per_connection = 4; calls_per_peer = 6; };"
	      "timers = { echo_idle = 5; echo_reply = 5; };"
	      "ppp = { auth = [ \"pap\", \"mschapv2\" ]; mppe = \"allow\"; };" POOLS);
	for (int event = 0; event < EVENTS; event++) {
		unsigned i = any(PEERS);

		arrive(i);
		switch (any(4)) {
		case 0:
		case 1:
			pns_event(i);
			break;
		case 2:
			line_event();
			break;
		default:
			our_event();
		}
		turns(2);
		check_all();
		for (unsigned k = 0; k < PEERS; k++)
			if (pns[k].pns && !pns[k].deaf && (pns[k].pns->eof || pns[k].pns->error))
				leave(k);
		if (event % 1000 == 999)
			wind_up();
	}
	ck_assert_uint_gt(stats_get(STATS_CALLS_CONNECTED), 50); /* it went somewhere */
	ck_assert_uint_gt(stats_get(STATS_LOGINS_ACCEPTED), 20);
	finish();
}
END_TEST

static Suite *session_walk_suite(void)
{
	Suite *s = suite_create("session_walk");
	TCase *tc = tcase_create("walk");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, walk, 0, 3);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(session_walk_suite)
