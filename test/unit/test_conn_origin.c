/*
 * Control connections that we open (RFC 2637 section 3.1.1; CC-09, CC-15, CC-20, TIM-01, TIM-04): the ways to open one
 * and to fail, what ends an idle one, and who finds it.
 */
#include "test/unit/unit_conn_tcp.h"

#include <sys/resource.h>

/* --- opening --- */

/* CC-15: TCP, SCCRQ, SCCRP, calls. */
START_TEST(establishes)
{
	const struct conn_open o = { .peer = pns_at, .local_addr = HIGH, .host = "pac.example" };
	uint64_t id = conns_open(conns, &o);
	struct pns *p;
	struct msg m;

	ck_assert_uint_ne(id, 0);
	ck_assert_str_eq(view(id).state, "idle");
	ck_assert(view(id).originator);
	ck_assert_uint_eq(view(id).local.addr, HIGH);
	p = pns_accept();
	ck_assert_uint_eq(end_of(p->fd, getpeername).addr, HIGH);
	m = tcp_expect(p, MSG_SCCRQ);
	ck_assert_uint_eq(m.sccrq.version, MSG_VERSION);
	ck_assert_uint_eq(m.sccrq.max_channels, 100);
	ck_assert_str_eq(m.sccrq.host, "pac.example");
	ck_assert(is_in(id, "wait_ctl_reply"));
	ck_assert_uint_eq(view(id).local.port, end_of(p->fd, getpeername).port);
	ck_assert_uint_eq(seen.established, 0);
	ck_assert(!conn_is_established(conn_find(conns, id)));
	pns_reply(p, MSG_VERSION, SCCRP_OK);
	WAIT(seen.established);
	ck_assert_uint_eq(seen.up, id);
	ck_assert_uint_eq(conns_established(conns), 1);
	ck_assert(conn_is_originator(conn_find(conns, id)));
	ck_assert_str_eq(conn_peer_host(conn_find(conns, id)), "pns");
	ck_assert_uint_eq(conn_peer(conn_find(conns, id)).port, pns_at.port);
	m = (struct msg){ .type = MSG_ICRP };
	pns_send(p, &m);
	WAIT(seen.calls);
	ck_assert_uint_eq(seen.conn, id);
	pns_send(p, &stop);
	tcp_expect(p, MSG_STOP_CCRP);
	tcp_end(p);
	expect_closed(id, CTRL_CLOSE_PEER_STOP);
	ck_assert(seen.was_up && (!conn_find(conns, id) || !conn_is_established(conn_find(conns, id))));
	ck_assert_uint_eq(seen.clears, 1);
	all_gone();
	ck_assert_uint_eq(seen.closed, 1);
}
END_TEST

/* From whatever address the kernel chooses, and as settings have it. */
START_TEST(establishes_from_any)
{
	struct pns *p;
	uint64_t id = open_from(0);

	ck_assert_uint_ne(view(id).local.addr, 0);
	p = pns_accept();
	ck_assert_str_eq(tcp_expect(p, MSG_SCCRQ).sccrq.host, "pac");
	ck_assert_uint_eq(view(id).local.addr, end_of(p->fd, getpeername).addr);
	tcp_close(p);
	expect_closed(id, CTRL_CLOSE_PEER);
	ck_assert_uint_eq(seen.clears, 0);
	all_gone();
}
END_TEST

/* CC-20: nobody listens; told later, and why. */
START_TEST(nobody_listens)
{
	uint64_t id;

	close(pns_listener);
	id = open_from(LOW);
	ck_assert_uint_eq(seen.closed, 0);
	expect_closed(id, CTRL_CLOSE_UNREACHABLE);
	ck_assert_uint_eq(seen.clears + seen.established, 0);
	ck_assert_msg(is_logged("connection-failed conn=1 peer=127.0.0.2:"), "%s", logged);
	ck_assert_msg(is_logged("error=\"Connection refused\" hint=\"no PPTP server"), "%s", logged);
	ck_assert(!is_logged("connection-down"));
	all_gone();
	for (int i = 0; i < 100; i++)
		expect_closed(open_from(LOW), CTRL_CLOSE_UNREACHABLE);
	ck_assert(!is_logged("conn=50 ")); /* rate-limited */
	all_gone();
}
END_TEST

/* What connect() says at once is told later as well; what bind() says is not. */
START_TEST(fails_at_once)
{
	unsigned before = open_fds();
	struct conn_open o = { .peer = { 0xe0000001, 1723 } }; /* no TCP to a multicast address */
	uint64_t id = conns_open(conns, &o);

	ck_assert_uint_ne(id, 0);
	ck_assert_uint_eq(seen.closed, 0);
	expect_closed(id, CTRL_CLOSE_UNREACHABLE);
	ck_assert(is_logged("connection-failed"));
	all_gone();
	o = (struct conn_open){ .peer = pns_at, .local_addr = 0xc0000201 };
	errno = 0;
	ck_assert_uint_eq(conns_open(conns, &o), 0);
	ck_assert_int_eq(errno, EADDRNOTAVAIL);
	all_gone();
	ck_assert_uint_eq(seen.closed, 1);
	ck_assert_uint_eq(open_fds(), before);
}
END_TEST

START_TEST(no_descriptors)
{
	const struct conn_open o = { .peer = pns_at };
	struct rlimit l, none;
	uint64_t id;
	int error;

	getrlimit(RLIMIT_NOFILE, &l);
	none = l;
	none.rlim_cur = 3;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	id = conns_open(conns, &o);
	error = errno;
	setrlimit(RLIMIT_NOFILE, &l);
	ck_assert_uint_eq(id, 0);
	ck_assert_int_eq(error, EMFILE);
	all_gone();
}
END_TEST

/* CC-15, CC-20: every result but one ends it. */
START_TEST(refused)
{
	for (uint8_t result = 0; result <= 6; result++) {
		uint64_t id = open_from(LOW);
		struct pns *p = pns_accept();
		char text[80];

		if (result == SCCRP_OK) {
			tcp_close(p);
			continue;
		}
		tcp_expect(p, MSG_SCCRQ);
		pns_reply(p, MSG_VERSION, result);
		tcp_end(p);
		expect_closed(id, CTRL_CLOSE_REFUSED);
		ck_assert(!seen.was_up);
		snprintf(text, sizeof text, "reason=refused result=%u error=0", result);
		ck_assert_msg(is_logged(text), "%s", logged);
	}
	WAIT(!conns_count(conns));
	ck_assert_uint_eq(seen.established, 0);
	all_gone();
}
END_TEST

/* CC-15: a version that is not ours is told with Stop-Control-Connection-Request, reason 2. */
START_TEST(version)
{
	const struct msg reply = { .type = MSG_STOP_CCRP, .stop_ccrp = { .result = STOP_OK } };
	uint64_t id = open_from(LOW);
	struct pns *p = pns_accept();

	tcp_expect(p, MSG_SCCRQ);
	pns_reply(p, 0x0000, SCCRP_OK);
	ck_assert_uint_eq(tcp_expect(p, MSG_STOP_CCRQ).stop_ccrq.reason, STOP_PROTOCOL);
	ck_assert_ptr_null(conns_find_peer(conns, pns_at, 0, true));
	pns_send(p, &reply);
	tcp_end(p);
	expect_closed(id, CTRL_CLOSE_VERSION);
	ck_assert(!seen.established && !seen.was_up);
	all_gone();
	/* TIM-04: and not for ever. */
	id = open_from(LOW);
	p = pns_accept();
	tcp_expect(p, MSG_SCCRQ);
	pns_reply(p, 0x0000, SCCRP_OK);
	tcp_expect(p, MSG_STOP_CCRQ);
	skip_ms(REPLY_MS + 100);
	expect_closed(id, CTRL_CLOSE_VERSION);
	all_gone();
	tcp_close(p);
}
END_TEST

/* --- time --- */

/* TIM-01: TCP that does not open. */
START_TEST(no_tcp)
{
	uint64_t id = open_unanswered(LOW);

	skip_ms(START_MS - 100);
	ck_assert(is_in(id, "idle"));
	ck_assert_ptr_eq(conns_find_peer(conns, pns_at, LOW, false), conn_find(conns, id));
	skip_ms(200);
	expect_closed(id, CTRL_CLOSE_START_TIMEOUT);
	ck_assert_msg(is_logged("connection-failed conn=1 peer=127.0.0.2:"), "%s", logged);
	ck_assert(is_logged("error=\"Connection timed out\" hint="));
	ck_assert(!is_logged("connection-down"));
	ck_assert_uint_eq(stats_get(STATS_CONNECTIONS_TIMED_OUT), 1);
	all_gone();
}
END_TEST

/* TIM-04, TIM-01: no SCCRP; the clock starts with the SCCRQ, and octets do not stop it. */
START_TEST(no_reply)
{
	uint64_t id = open_from(LOW);
	struct pns *p = pns_accept();

	tcp_expect(p, MSG_SCCRQ);
	skip_ms(REPLY_MS - 1000);
	pns_octets(p, "\0\234\0\1", 4);
	ck_assert(is_in(id, "wait_ctl_reply"));
	skip_ms(1200);
	expect_closed(id, CTRL_CLOSE_START_TIMEOUT);
	ck_assert_msg(is_logged("connection-down conn=1 peer=127.0.0.2:"), "%s", logged);
	tcp_end(p);
	all_gone();
	ck_assert_uint_eq(seen.clears, 0);
}
END_TEST

/* Without calls it is stopped, reason 1 (CC-09), and a call takes as long as it takes. */
START_TEST(idle)
{
	const struct msg reply = { .type = MSG_STOP_CCRP, .stop_ccrp = { .result = STOP_OK } };
	struct pns *p = opened(LOW);
	uint64_t id = seen.up;
	struct conn *c = conn_find(conns, id);

	skip_ms(PNS_IDLE_MS - 100);
	ck_assert(is_in(id, "established"));
	conn_calls_changed(c, 2);
	for (int i = 0; i < 20; i++) {
		skip_ms(PNS_IDLE_MS);
		pns_lives(p);
	}
	conn_calls_changed(c, -1);
	skip_ms(PNS_IDLE_MS + 100);
	pns_lives(p);
	conn_calls_changed(c, -1);
	conn_calls_changed(c, 1);
	skip_ms(PNS_IDLE_MS - 100);
	conn_calls_changed(c, -1);
	skip_ms(PNS_IDLE_MS - 100);
	pns_lives(p); /* what the peer says is no call */
	skip_ms(200);
	ck_assert_uint_eq(tcp_expect(p, MSG_STOP_CCRQ).stop_ccrq.reason, STOP_NONE);
	ck_assert(is_in(id, "wait_stop_reply"));
	ck_assert_ptr_null(conns_find_peer(conns, pns_at, 0, true));
	pns_send(p, &reply);
	expect_closed(id, CTRL_CLOSE_STOPPED);
	ck_assert(seen.was_up);
	ck_assert_msg(is_logged("connection-down conn=1 peer=127.0.0.2:") && is_logged(" reason=idle "), "%s", logged);
	tcp_end(p);
	all_gone();
}
END_TEST

/* Not those that the peer has opened, nor any when the time is 0; a live one keeps the time that it began with. */
START_TEST(idle_never)
{
	struct pns *ours, *theirs = pns_connect(PNS, LOW);
	struct msg m;

	pns_sccrq(theirs);
	tcp_expect(theirs, MSG_SCCRP);
	settings.idle_ms = 0;
	conns_configure(conns, &settings);
	ours = opened(LOW);
	settings.idle_ms = 1000;
	conns_configure(conns, &settings);
	for (int i = 0; i < 5; i++) {
		skip_ms(IDLE_MS + 100);
		m = tcp_expect(ours, MSG_ECHO_RQ);
		m.type = MSG_ECHO_RP;
		m.echo_rp.result = ECHO_OK;
		pns_send(ours, &m);
		m = tcp_expect(theirs, MSG_ECHO_RQ);
		m.type = MSG_ECHO_RP;
		m.echo_rp.result = ECHO_OK;
		pns_send(theirs, &m);
	}
	ck_assert_uint_eq(conns_established(conns), 2);
	ck_assert_uint_eq(seen.closed, 0);
	tcp_close(ours);
	tcp_close(theirs);
}
END_TEST

/* --- the end, in every phase --- */

enum phase { OPENING, ASKED, UP, UP_CALL, STOPPING, PHASES };

static struct pns *reach(enum phase phase, uint64_t *id)
{
	struct pns *p;

	if (phase == OPENING) {
		*id = open_unanswered(LOW);
		return NULL;
	}
	if (phase == ASKED) {
		*id = open_from(LOW);
		p = pns_accept();
		tcp_expect(p, MSG_SCCRQ);
		return p;
	}
	p = opened(LOW);
	*id = seen.up;
	if (phase == UP_CALL)
		conn_calls_changed(conn_find(conns, *id), 1);
	if (phase == STOPPING) {
		skip_ms(PNS_IDLE_MS + 100);
		tcp_expect(p, MSG_STOP_CCRQ);
	}
	return p;
}

/* CC-09: what is not established has nothing to stop. */
START_TEST(stopped)
{
	uint64_t id;
	struct pns *p = reach((enum phase)_i, &id);

	conns_stop(conns, STOP_SHUTDOWN);
	if (_i == OPENING || _i == ASKED) {
		ck_assert_uint_eq(seen.down, id);
		ck_assert_int_eq(seen.closed_why, CTRL_CLOSE_STOPPED);
		if (p)
			tcp_end(p);
	} else {
		if (_i != STOPPING)
			ck_assert_uint_eq(tcp_expect(p, MSG_STOP_CCRQ).stop_ccrq.reason, STOP_SHUTDOWN);
		tcp_close(p);
	}
	WAIT(!conns_count(conns));
	ck_assert_uint_eq(seen.closed, 1);
	all_gone();
}
END_TEST

/* Nothing new, what has a call stays until that ends, and the rest goes. */
START_TEST(drained)
{
	const struct conn_open o = { .peer = pns_at };
	uint64_t id;
	struct pns *p = reach((enum phase)_i, &id);

	conns_drain(conns, true);
	ck_assert_uint_eq(conns_open(conns, &o), 0);
	ck_assert_int_eq(errno, ESHUTDOWN);
	ck_assert_uint_eq(seen.closed, 0); /* not from within */
	skip_ms(100);
	if (_i == OPENING || _i == ASKED)
		expect_closed(id, CTRL_CLOSE_STOPPED);
	if (_i == UP_CALL) {
		pns_lives(p);
		conn_calls_changed(conn_find(conns, id), -1);
		skip_ms(100);
	}
	if (_i == UP || _i == UP_CALL)
		ck_assert_uint_eq(tcp_expect(p, MSG_STOP_CCRQ).stop_ccrq.reason, STOP_NONE);
	if (p)
		tcp_close(p);
	WAIT(!conns_count(conns));
	conns_drain(conns, false);
	all_gone();
}
END_TEST

/* CC-17: the peer goes, or talks nonsense. */
START_TEST(broken_off)
{
	static const uint8_t junk[MSG_MAX] = { 0, 16, 0, 1, 0xde, 0xad, 0xbe, 0xef };
	unsigned before = open_fds(), clears = _i >= UP;
	uint64_t id;
	struct pns *p = reach((enum phase)_i, &id);

	tcp_close(p);
	expect_closed(id, CTRL_CLOSE_PEER);
	WAIT(!conns_count(conns));
	ck_assert_uint_eq(seen.clears, clears);
	p = reach((enum phase)_i, &id);
	pns_octets(p, junk, sizeof junk);
	expect_closed(id, CTRL_CLOSE_FAULT);
	tcp_end(p);
	WAIT(!conns_count(conns));
	ck_assert_uint_eq(seen.clears, 2 * clears);
	ck_assert_uint_eq(seen.closed, 2);
	all_gone();
	ck_assert_uint_eq(open_fds(), before);
}
END_TEST

/* What is sent to one that is not established goes nowhere, and harms nothing. */
START_TEST(sent_too_early)
{
	uint64_t id = open_from(LOW);
	struct pns *p;

	conn_send(conn_find(conns, id), &stop);
	conn_reply_due(conn_find(conns, id));
	conn_reply_done(conn_find(conns, id));
	conn_calls_changed(conn_find(conns, id), 1);
	conn_calls_changed(conn_find(conns, id), -1);
	p = pns_accept();
	tcp_expect(p, MSG_SCCRQ);
	conn_suspect(conn_find(conns, id));
	ck_assert_uint_eq(view(id).id, 0); /* at once, though its memory goes later */
	ck_assert_ptr_null(conns_find_peer(conns, pns_at, 0, true));
	expect_closed(id, CTRL_CLOSE_REPLY_TIMEOUT);
	tcp_end(p);
	all_gone();
}
END_TEST

START_TEST(freed_in_use)
{
	unsigned before = open_fds();
	uint64_t id;
	struct pns *p = reach((enum phase)_i, &id);

	if (p)
		tcp_close(p);
	conns_free(conns);
	conns = conns_new(loop, &handlers, &seen, &peers);
	ck_assert_uint_eq(seen.closed, 0);
	ck_assert_uint_eq(open_fds(), before + (_i == OPENING ? FILLERS : 0));
	all_gone();
}
END_TEST

static unsigned again;

static void open_again(struct conn *c)
{
	(void)c;
	if (again++ < 50)
		open_from(LOW);
}

/* The next PNS is tried from within closed(): each once a turn, and a stop of all ends. */
START_TEST(opened_by_closed)
{
	seen.closed_then = open_again;
	open_from(LOW);
	open_from(LOW);
	conns_stop(conns, STOP_SHUTDOWN);
	ck_assert_uint_eq(seen.closed, 2);
	ck_assert_uint_eq(conns_count(conns), 2);
	close(pns_listener);
	again = 0;
	conns_stop(conns, STOP_SHUTDOWN);
	WAIT(seen.closed == 54);
	all_gone();
}
END_TEST

/* --- limits, and who is found --- */

/* Limits are for what peers open: ours is neither refused, nor does it give way, nor take a place of theirs. */
START_TEST(limits)
{
	uint64_t id;
	struct pns *p, *theirs[4];

	settings.pending = settings.pending_per_peer = settings.connections_per_peer = 1;
	conns_configure(conns, &settings);
	id = open_from(LOW);
	p = pns_accept();
	tcp_expect(p, MSG_SCCRQ);
	ck_assert_uint_eq(peers_count(&peers, PNS, PEERS_CONNECTIONS), 0);
	ck_assert_uint_eq(peers_count(&peers, PNS, PEERS_OPENED), 1);
	for (uint32_t i = 0; i < 4; i++) {
		theirs[i] = pns_connect(PNS + 10 + i, LOW);
		turn();
	}
	tcp_end(theirs[0]);
	pns_silence(theirs[3]);
	ck_assert(is_in(id, "wait_ctl_reply"));
	tcp_close(pns_connect(PNS, HIGH));
	open_from(LOW);
	tcp_expect(pns_accept(), MSG_SCCRQ);
	ck_assert_uint_eq(peers_count(&peers, PNS, PEERS_OPENED), 2);
	WAIT(seen.closed == 5);
	pns_reply(p, MSG_VERSION, SCCRP_OK);
	WAIT(seen.established);
	pns_lives(p);
}
END_TEST

/* CALL-IN-02: established before being opened, by address of either end; theirs only when asked for. */
START_TEST(found_by_peer)
{
	uint64_t first, second;
	struct pns *p, *theirs;

	ck_assert_ptr_null(conns_find_peer(conns, pns_at, 0, true));
	first = open_from(LOW);
	second = open_from(HIGH);
	ck_assert_ptr_eq(conns_find_peer(conns, pns_at, LOW, false), conn_find(conns, first));
	ck_assert_ptr_eq(conns_find_peer(conns, pns_at, HIGH, false), conn_find(conns, second));
	ck_assert_ptr_nonnull(conns_find_peer(conns, pns_at, 0, false));
	ck_assert_ptr_null(conns_find_peer(conns, pns_at, PNS, true));
	ck_assert_ptr_null(conns_find_peer(conns, (struct endpoint){ HIGH, pns_at.port }, 0, true));
	p = pns_accept();
	for (int i = 0; i < 2; i++) { /* each in turn is the only one that is up */
		tcp_expect(p, MSG_SCCRQ);
		pns_reply(p, MSG_VERSION, SCCRP_OK);
		WAIT(seen.established == (unsigned)i + 1);
		ck_assert_ptr_eq(conns_find_peer(conns, pns_at, 0, false), conn_find(conns, seen.up));
		tcp_close(p);
		expect_closed(seen.up, CTRL_CLOSE_PEER);
		if (!i)
			p = pns_accept();
	}
	ck_assert_ptr_null(conns_find_peer(conns, pns_at, 0, true));

	theirs = pns_connect(PNS, LOW);
	ck_assert_ptr_null(conns_find_peer(conns, pns_at, 0, true)); /* it has said nothing yet */
	pns_sccrq(theirs);
	tcp_expect(theirs, MSG_SCCRP);
	ck_assert_ptr_null(conns_find_peer(conns, pns_at, 0, false));
	ck_assert_ptr_null(conns_find_peer(conns, pns_at, HIGH, true));
	ck_assert_ptr_eq(conns_find_peer(conns, pns_at, LOW, true), conn_find(conns, seen.up));
	ck_assert(!conn_is_originator(conn_find(conns, seen.up)));
	conns_stop(conns, STOP_NONE);
	ck_assert_ptr_null(conns_find_peer(conns, pns_at, 0, true));
	tcp_close(theirs);
	WAIT(!conns_count(conns));
	all_gone();
}
END_TEST

static Suite *conn_origin_suite(void)
{
	Suite *s = suite_create("conn_origin");
	TCase *tc = tcase_create("phases");

	CASE_TCP(s, "opening", establishes, establishes_from_any, nobody_listens, fails_at_once, no_descriptors, refused,
		 version);
	CASE_TCP(s, "time", no_tcp, no_reply, idle, idle_never);
	CASE_TCP(s, "end", sent_too_early, opened_by_closed);
	CASE_TCP(s, "limits", limits, found_by_peer);
	tcase_add_checked_fixture(tc, setup_tcp, teardown_tcp);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, stopped, OPENING, PHASES);
	tcase_add_loop_test(tc, drained, OPENING, PHASES);
	tcase_add_loop_test(tc, broken_off, ASKED, PHASES);
	tcase_add_loop_test(tc, freed_in_use, OPENING, PHASES);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(conn_origin_suite)
