/*
 * Both ends open a control connection at once (RFC 2637 section 3.1.3; COL-01 to COL-06): the PNS is 127.0.0.2, we are
 * 127.0.0.1, which loses, or 127.0.0.3, which wins.
 */
#include "test/unit/unit_conn_tcp.h"

static uint64_t ours;                      /* the connection that we have opened */
static struct pns *on_ours, *on_theirs;    /* the PNS's ends of both */

static uint64_t id_of_theirs(void)
{
	return ours + 1;
}

/* Our SCCRQ is out and unanswered, and one comes in. */
static void meet(uint32_t local, bool yields)
{
	const struct conn_open o = { .peer = pns_at, .local_addr = local, .yields = yields };

	ours = conns_open(conns, &o);
	on_ours = pns_accept();
	tcp_expect(on_ours, MSG_SCCRQ);
	on_theirs = pns_connect(PNS, local);
	ck_assert(is_in(id_of_theirs(), "idle"));
	pns_sccrq(on_theirs);
}

/* COL-01 */
static void collide(uint32_t local)
{
	meet(local, true);
}

/* COL-02, COL-03: ours is closed without a word, theirs answered. */
START_TEST(lost)
{
	unsigned before = open_fds();

	collide(LOW);
	ck_assert_uint_eq(tcp_expect(on_theirs, MSG_SCCRP).sccrp.result, SCCRP_OK);
	ck_assert_uint_eq(seen.down, ours);
	ck_assert_int_eq(seen.closed_why, CTRL_CLOSE_COLLISION);
	ck_assert_uint_eq(seen.up, id_of_theirs());
	ck_assert_uint_eq(seen.established + seen.closed, 2);
	ck_assert_uint_eq(seen.clears, 0);
	ck_assert_msg(is_logged("connection-down conn=1 peer=127.0.0.2:") && is_logged("reason=collision"), "%s", logged);
	ck_assert_ptr_null(conns_find_peer(conns, pns_at, 0, false));
	ck_assert_ptr_eq(conns_find_peer(conns, pns_at, 0, true), conn_find(conns, id_of_theirs()));
	pns_reply(on_ours, MSG_VERSION, SCCRP_OK); /* too late: of no effect */
	tcp_end(on_ours);
	pns_lives(on_theirs);
	WAIT(conns_count(conns) == 1);
	ck_assert_uint_eq(seen.established + seen.closed, 2);
	tcp_close(on_theirs);
	WAIT(!conns_count(conns));
	all_gone();
	ck_assert_uint_eq(open_fds(), before);
}
END_TEST

/* CC-08: behind one address there may be many: whoever calls from a PNS's that nobody has configured is not the PNS. */
START_TEST(stranger)
{
	meet(LOW, false);
	ck_assert_uint_eq(tcp_expect(on_theirs, MSG_SCCRP).sccrp.result, SCCRP_OK);
	ck_assert(is_in(ours, "wait_ctl_reply"));
	ck_assert_ptr_eq(conns_find_peer(conns, pns_at, 0, false), conn_find(conns, ours));
	pns_reply(on_ours, MSG_VERSION, SCCRP_OK);
	WAIT(conn_is_established(conn_find(conns, ours)));
	ck_assert_ptr_eq(conns_find_peer(conns, pns_at, 0, false), conn_find(conns, ours));
	tcp_close(on_theirs);
	tcp_close(on_ours);
	WAIT(!conns_count(conns));
	all_gone();
}
END_TEST

/* COL-02, COL-04: nothing is sent on theirs, whatever comes, and we wait for their FIN; ours goes on. */
START_TEST(won)
{
	const struct msg echo = msg_echo(7);

	collide(HIGH);
	WAIT(is_in(id_of_theirs(), "lost_collision"));
	ck_assert(is_in(ours, "wait_ctl_reply"));
	ck_assert_ptr_eq(conns_find_peer(conns, pns_at, 0, true), conn_find(conns, ours));
	pns_send(on_theirs, &echo);
	pns_sccrq(on_theirs);
	pns_send(on_theirs, &stop);
	pns_silence(on_theirs);
	pns_reply(on_ours, MSG_VERSION, SCCRP_OK);
	WAIT(seen.established);
	ck_assert_uint_eq(seen.up, ours);
	pns_silence(on_theirs);
	shutdown(on_theirs->fd, SHUT_WR);
	tcp_end(on_theirs);
	expect_closed(id_of_theirs(), CTRL_CLOSE_PEER);
	pns_lives(on_ours);
	ck_assert_uint_eq(seen.closed, 1);
	ck_assert_uint_eq(conns_count(conns), 1);
	tcp_close(on_ours);
}
END_TEST

/* COL-04, TIM-04: a loser that never closes; its octets do not buy it time. */
START_TEST(won_and_never_closed)
{
	const struct msg echo = msg_echo(7);

	collide(HIGH);
	WAIT(is_in(id_of_theirs(), "lost_collision"));
	pns_reply(on_ours, MSG_VERSION, SCCRP_OK);
	WAIT(seen.established);
	for (int i = 0; i < 9; i++) {
		skip_ms(START_MS / 10);
		pns_send(on_theirs, &echo);
		pns_silence(on_theirs);
	}
	ck_assert(is_in(id_of_theirs(), "lost_collision"));
	skip_ms(START_MS / 10 + 100);
	tcp_end(on_theirs);
	ck_assert_uint_eq(seen.down, id_of_theirs());
	ck_assert_int_eq(seen.closed_why, CTRL_CLOSE_COLLISION);
	pns_lives(on_ours);
}
END_TEST

/* COL-04: we stop while a loser is there: not a word then either. */
START_TEST(won_and_stopped)
{
	collide(HIGH);
	WAIT(is_in(id_of_theirs(), "lost_collision"));
	conns_stop(conns, STOP_SHUTDOWN);
	tcp_end(on_theirs);
	tcp_end(on_ours);
	ck_assert_uint_eq(seen.closed, 2);
	WAIT(!conns_count(conns));
	all_gone();
}
END_TEST

/* We do not begin anything any more: ours ends, and theirs is refused like all others (CC-05). */
START_TEST(draining)
{
	struct msg m;

	collide(HIGH);
	conns_drain(conns, true);
	m = tcp_expect(on_theirs, MSG_SCCRP);
	ck_assert_uint_eq(m.sccrp.result, SCCRP_ERROR);
	ck_assert_uint_eq(m.sccrp.error, MSG_ERR_NO_RESOURCE);
	tcp_end(on_theirs);
	skip_ms(100);
	expect_closed(ours, CTRL_CLOSE_STOPPED);
	tcp_end(on_ours);
}
END_TEST

/* COL-01: TCP of ours is not open, no SCCRQ is there to collide with: theirs is as good, even where we would win. */
START_TEST(before_ours_is_open)
{
	uint32_t local = _i ? HIGH : LOW;

	ours = open_unanswered(local);
	on_theirs = pns_connect(PNS, local);
	pns_sccrq(on_theirs);
	ck_assert_uint_eq(tcp_expect(on_theirs, MSG_SCCRP).sccrp.result, SCCRP_OK);
	ck_assert_uint_eq(seen.down, ours);
	ck_assert_int_eq(seen.closed_why, CTRL_CLOSE_COLLISION);
	ck_assert_uint_eq(conns_count(conns), 1);
	ck_assert(is_logged("reason=collision") && !is_logged("connection-failed"));
	pns_lives(on_theirs);
}
END_TEST

/* One with an SCCRQ out and one that TCP is not open for: they share the verdict. */
START_TEST(several_of_ours)
{
	uint64_t second;

	ours = open_from(LOW);
	on_ours = pns_accept();
	tcp_expect(on_ours, MSG_SCCRQ);
	second = open_unanswered(LOW);
	on_theirs = pns_connect(PNS, _i ? HIGH : LOW); /* our own end of theirs decides (COL-02) */
	pns_sccrq(on_theirs);
	if (_i) {
		WAIT(is_in(second + 1, "lost_collision"));
		ck_assert(is_in(ours, "wait_ctl_reply") && is_in(second, "idle"));
		return;
	}
	tcp_expect(on_theirs, MSG_SCCRP);
	tcp_end(on_ours);
	ck_assert_uint_eq(seen.closed, 2);
	ck_assert_int_eq(seen.closed_why, CTRL_CLOSE_COLLISION);
	pns_lives(on_theirs);
	WAIT(conns_count(conns) == 1);
}
END_TEST

/* Whoever opens another one because this one is lost does not keep us from the end. */
static void open_again(struct conn *c)
{
	ck_assert(conn_is_originator(c));
	if (seen.closed < 10)
		open_from(LOW);
}

START_TEST(opened_again)
{
	seen.closed_then = open_again;
	collide(LOW);
	tcp_expect(on_theirs, MSG_SCCRP);
	ck_assert_uint_eq(seen.closed, 1);
	tcp_end(on_ours);
	pns_lives(on_theirs);
	on_ours = pns_accept();
	tcp_expect(on_ours, MSG_SCCRQ);
	pns_silence(on_ours);
	seen.closed_then = NULL;
}
END_TEST

/* COL-05: equal addresses, where nobody could win: no collision. */
START_TEST(equal_addresses)
{
	settings.one_per_peer = _i;
	conns_configure(conns, &settings);
	collide(PNS);
	ck_assert_uint_eq(tcp_expect(on_theirs, MSG_SCCRP).sccrp.result, _i ? SCCRP_EXISTS : SCCRP_OK);
	ck_assert(is_in(ours, "wait_ctl_reply"));
	pns_reply(on_ours, MSG_VERSION, SCCRP_OK);
	WAIT(seen.up == ours);
	pns_lives(on_ours);
	if (_i)
		tcp_end(on_theirs);
	else
		pns_lives(on_theirs);
}
END_TEST

/* COL-06: ours is established: CC-08's matter, won or lost. */
START_TEST(established_already)
{
	uint32_t local = _i ? HIGH : LOW;
	const struct msg reply = { .type = MSG_STOP_CCRP, .stop_ccrp = { .result = STOP_OK } };
	struct conn *c;

	on_ours = opened(local);
	ours = seen.up;
	c = conn_find(conns, ours);
	on_theirs = pns_connect(PNS, local);
	pns_sccrq(on_theirs);
	ck_assert_uint_eq(tcp_expect(on_theirs, MSG_SCCRP).sccrp.result, SCCRP_OK);
	pns_lives(on_ours);
	tcp_close(on_theirs);
	settings.one_per_peer = true;
	conns_configure(conns, &settings);
	WAIT(conns_count(conns) == 1);
	conn_calls_changed(c, 1);
	on_theirs = pns_connect(PNS, local);
	pns_sccrq(on_theirs);
	ck_assert_uint_eq(tcp_expect(on_theirs, MSG_SCCRP).sccrp.result, SCCRP_EXISTS);
	tcp_end(on_theirs);
	pns_lives(on_ours);
	/* Without a call it gives way, as any would. */
	conn_calls_changed(c, -1);
	on_theirs = pns_connect(PNS, local);
	pns_sccrq(on_theirs);
	ck_assert_uint_eq(tcp_expect(on_theirs, MSG_SCCRP).sccrp.result, SCCRP_OK);
	tcp_expect(on_ours, MSG_STOP_CCRQ);
	pns_send(on_ours, &reply);
	tcp_end(on_ours);
	expect_closed(ours, CTRL_CLOSE_STOPPED);
	pns_lives(on_theirs);
}
END_TEST

/* Nor does one collide with another peer's, nor one that is being stopped already. */
START_TEST(no_collision)
{
	ours = open_from(LOW);
	on_ours = pns_accept();
	tcp_expect(on_ours, MSG_SCCRQ);
	on_theirs = pns_connect(HIGH, LOW);
	pns_sccrq(on_theirs);
	tcp_expect(on_theirs, MSG_SCCRP);
	ck_assert(is_in(ours, "wait_ctl_reply"));
	pns_reply(on_ours, 0x0000, SCCRP_OK);
	tcp_expect(on_ours, MSG_STOP_CCRQ);
	on_theirs = pns_connect(PNS, HIGH);
	pns_sccrq(on_theirs);
	tcp_expect(on_theirs, MSG_SCCRP);
	ck_assert(is_in(ours, "wait_stop_reply"));
	ck_assert_uint_eq(seen.closed, 0);
}
END_TEST

static Suite *conn_collision_suite(void)
{
	Suite *s = suite_create("conn_collision");
	TCase *tc = tcase_create("both");

	CASE_TCP(s, "collision", stranger, lost, won, won_and_never_closed, won_and_stopped, draining, opened_again,
		 no_collision);
	tcase_add_checked_fixture(tc, setup_tcp, teardown_tcp);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, before_ours_is_open, 0, 2);
	tcase_add_loop_test(tc, several_of_ours, 0, 2);
	tcase_add_loop_test(tc, equal_addresses, 0, 2);
	tcase_add_loop_test(tc, established_already, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(conn_collision_suite)
