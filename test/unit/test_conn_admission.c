/*
 * Who may have a control connection (CC-02, CC-05, CC-06, CC-08, CC-10; SEC-03), and what is told of those who have.
 */
#include "test/unit/unit_conn.h"

/* CC-05, SEC-03: of those that are not established the oldest gives way, and nobody else. */
START_TEST(limit_of_pending)
{
	struct pns *up, *p[6];

	settings.pending = 2;
	conns_configure(conns, &settings);
	up = established(9);
	for (uint32_t i = 0; i < 3; i++)
		p[i] = pns_from(1 + i);
	pns_end(p[0]);
	pns_silence(p[1]);
	pns_silence(p[2]);
	ck_assert_uint_eq(stats_get(STATS_CONNECTIONS_LIMITED), 1);
	pns_establish(p[1]); /* makes room, as does one that goes or is stopped */
	p[3] = pns_from(4);
	pns_silence(p[2]);
	pns_send(p[2], &stop);
	pns_expect(p[2], MSG_STOP_CCRP);
	p[4] = pns_from(5);
	pns_close(p[3]);
	p[5] = pns_from(6);
	pns_silence(p[4]);
	pns_silence(p[5]);
	pns_lives(up);
	pns_lives(p[1]);
	ck_assert_uint_eq(stats_get(STATS_CONNECTIONS_LIMITED), 1);
	ck_assert_uint_eq(seen.clears, 0);
}
END_TEST

/* CC-05: closed at accept, without a word. */
START_TEST(limit_of_all)
{
	struct pns *p, *q;

	settings.connections = 2;
	conns_configure(conns, &settings);
	p = established(1);
	q = pns_from(2);
	pns_end(pns_from(3));
	ck_assert_uint_eq(peers_count(&peers, 3, PEERS_CONNECTIONS), 0);
	pns_lives(p);
	pns_close(q);
	pns_establish(pns_from(3));
	ck_assert_uint_eq(stats_get(STATS_CONNECTIONS_LIMITED), 1);
}
END_TEST

/* One address does not take up all places of those that wait. */
START_TEST(limit_of_pending_per_peer)
{
	struct pns *p, *q;

	settings.pending_per_peer = 2;
	conns_configure(conns, &settings);
	p = pns_from(1);
	q = pns_from(1);
	pns_end(pns_from(1));
	pns_silence(pns_from(2));
	ck_assert_uint_eq(peers_count(&peers, 1, PEERS_CONNECTIONS), 2);
	pns_establish(p);
	pns_silence(pns_from(1));
	pns_close(q);
	pns_silence(pns_from(1));
	pns_end(pns_from(1));
	ck_assert_uint_eq(peers_count(&peers, 1, PEERS_PENDING), 2);
}
END_TEST

START_TEST(limit_per_peer)
{
	struct pns *p, *q;

	settings.connections_per_peer = 2;
	conns_configure(conns, &settings);
	p = established(1);
	q = pns_from(1);
	pns_end(pns_from(1));
	pns_establish(pns_from(2)); /* another peer's business */
	ck_assert_uint_eq(peers_count(&peers, 1, PEERS_CONNECTIONS), 2);
	pns_close(q);
	pns_establish(pns_from(1));
	pns_end(pns_from(1));
	pns_lives(p);
}
END_TEST

static unsigned refused(uint32_t addr)
{
	struct pns *p = pns_from(addr);
	struct msg m = msg_sccrq_good();

	pns_send(p, &m);
	m = pns_expect(p, MSG_SCCRP);
	pns_end(p);
	pns_close(p);
	ck_assert_uint_eq(m.sccrp.version, MSG_VERSION);
	return (unsigned)(m.sccrp.result * 10 + m.sccrp.error);
}

/* CC-08. */
START_TEST(one_per_peer)
{
	struct pns *first, *again, *silent;
	struct conn *c;

	established(1);
	first = established(1); /* not forbidden by default */
	conn_calls_changed(conn_of(first), 1);
	settings.one_per_peer = true;
	conns_configure(conns, &settings);
	ck_assert_uint_eq(refused(1), SCCRP_EXISTS * 10);
	first = established(2);
	c = conn_of(first);
	conn_calls_changed(c, 1);
	ck_assert_uint_eq(refused(2), SCCRP_EXISTS * 10);
	silent = pns_from(3); /* one that says nothing does not shut others out, nor is it shut out itself */
	established(3);
	pns_silence(silent);
	pns_lives(first);
	/* One without calls, of a peer that has started anew perhaps, gives way. */
	conn_calls_changed(c, -1);
	again = established(2);
	pns_expect(first, MSG_STOP_CCRQ);
	ck_assert_uint_eq(seen.clears, 0);
	pns_send(first, &(struct msg){ .type = MSG_STOP_CCRP, .stop_ccrp = { .result = STOP_OK } });
	pns_end(first);
	ck_assert_uint_eq(seen.clears, 1);
	pns_lives(again);
}
END_TEST

/* CC-05: nobody new, but who is there stays. */
START_TEST(draining)
{
	struct pns *old = established(1), *pending = pns_from(2);
	struct msg m = msg_sccrq_good();

	conns_drain(conns, true);
	ck_assert_uint_eq(refused(3), SCCRP_ERROR * 10 + MSG_ERR_NO_RESOURCE);
	pns_send(pending, &m);
	ck_assert_uint_eq(pns_expect(pending, MSG_SCCRP).sccrp.result, SCCRP_ERROR);
	pns_end(pending);
	skip_ms(100); /* what we have opened ourselves would be stopped now */
	pns_lives(old);
	conns_drain(conns, false);
	established(3);
}
END_TEST

/* CC-02, CC-06, CC-10: what is not a good first message, and a second SCCRQ. */
START_TEST(first_messages)
{
	struct pns *p = pns_from(1);
	struct msg m = msg_echo(5);

	pns_send(p, &m);
	m = pns_expect(p, MSG_ECHO_RP);
	ck_assert_uint_eq(m.echo_rp.result, ECHO_ERROR);
	ck_assert_uint_eq(m.echo_rp.error, MSG_ERR_NOT_CONNECTED);
	pns_end(p);
	p = pns_from(1);
	m = msg_sccrq_good();
	m.sccrq.version = 0;
	pns_send(p, &m);
	ck_assert_uint_eq(pns_expect(p, MSG_SCCRP).sccrp.result, SCCRP_VERSION);
	pns_end(p);
	ck_assert_uint_eq(conns_established(conns), 0);
	p = established(1);
	m = msg_sccrq_good();
	pns_send(p, &m);
	ck_assert_uint_eq(pns_expect(p, MSG_SCCRP).sccrp.result, SCCRP_EXISTS);
	pns_lives(p);
	ck_assert_uint_eq(conns_established(conns), 1);
	ck_assert_uint_eq(seen.calls + seen.clears, 0);
}
END_TEST

static unsigned views;

static void on_view(void *arg, const struct conn_view *v)
{
	const char *const *expected = arg;

	ck_assert_str_eq(v->state, expected[views++]);
	ck_assert_uint_eq(v->local.port, 1723);
	ck_assert(!v->originator);
	if (!strcmp(v->state, "established"))
		ck_assert_str_eq(v->host, "pns");
}

START_TEST(views_of_all)
{
	const char *expected[] = { "wait_stop_reply", "closing", "idle", "established" };

	established(1);
	conns_stop(conns, STOP_SHUTDOWN);
	pns_send(established(2), &stop);
	turn();
	pns_from(3);
	conn_calls_changed(conn_of(established(4)), 1);
	ck_assert_uint_eq(conn_ncalls(the_conn()), 1);
	ck_assert_uint_eq(conn_peer(the_conn()).addr, 4);
	ck_assert_uint_eq(conn_local(the_conn()).port, 1723);
	conns_each(conns, on_view, expected);
	ck_assert_uint_eq(views, 4);
	ck_assert_ptr_null(conn_find(conns, 999));
}
END_TEST

static Suite *conn_admission_suite(void)
{
	Suite *s = suite_create("conn_admission");

	CASE(s, "limits", limit_of_pending, limit_of_all, limit_of_pending_per_peer, limit_per_peer);
	CASE(s, "admission", one_per_peer, draining, first_messages, views_of_all);
	return s;
}

UNIT_MAIN(conn_admission_suite)
