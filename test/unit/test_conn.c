/*
 * Control connections over socket pairs (RFC 2637 section 3; CC, TIM): streams cut anywhere, peers that do not read, the
 * ways to end, timers, and that calls are cleared once whatever happens.
 */
#include "test/unit/unit_conn.h"

/* --- streams --- */

/* Everything from SCCRQ to two calls' worth of messages. */
static size_t conversation(uint8_t data[2048])
{
	size_t n = put(data, msg_sccrq_good());

	for (uint32_t i = 0; i < 3; i++)
		n += put(data + n, msg_echo(0xa0b0c0d0 + i));
	n += put(data + n, (struct msg){ .type = MSG_OCRQ, .ocrq = { .call_id = 7 } });
	n += put(data + n, (struct msg){ .type = MSG_SLI });
	n += put(data + n, (struct msg){ .type = MSG_CCRQ, .ccrq = { .call_id = 7 } });
	n += put(data + n, (struct msg){ .type = MSG_ICRP });
	n += put(data + n, (struct msg){ .type = MSG_CDN }); /* ignored (CC-22) */
	return n + put(data + n, msg_echo(4));
}

static void check_conversation(struct pns *p)
{
	struct msg m = pns_expect(p, MSG_SCCRP);

	ck_assert_uint_eq(m.sccrp.max_channels, 100);
	ck_assert_str_eq(m.sccrp.host, "pac");
	for (uint32_t i = 0; i < 3; i++)
		ck_assert_uint_eq(pns_expect(p, MSG_ECHO_RP).echo_rp.identifier, 0xa0b0c0d0 + i);
	ck_assert_uint_eq(pns_expect(p, MSG_ECHO_RP).echo_rp.identifier, 4);
	pns_silence(p);
	ck_assert_uint_eq(seen.calls, 4);
	ck_assert_uint_eq(seen.type, MSG_ICRP);
	ck_assert_uint_eq(seen.clears, 0);
	pns_close(p);
	ck_assert_uint_eq(seen.clears, 1);
	ck_assert_int_eq(seen.why, CTRL_CLOSE_PEER);
	memset(&seen, 0, sizeof seen);
	all_gone();
}

/* CC-18: one write, one octet at a time, cut at each place. */
START_TEST(streams)
{
	uint8_t data[2048];
	size_t n = conversation(data);
	struct pns *p = pns_from(1);

	pns_octets(p, data, n);
	check_conversation(p);
	p = pns_from(1);
	for (size_t i = 0; i < n; i++) {
		pns_octets(p, data + i, 1);
		turns(1);
	}
	check_conversation(p);
	for (size_t cut = 1; cut < n; cut++) {
		p = pns_from(1);
		pns_octets(p, data, cut);
		turns(2);
		pns_octets(p, data + cut, n - cut);
		check_conversation(p);
	}
}
END_TEST

/* CC-19: replies wait for a peer that reads late, and come whole and in order. */
START_TEST(slow_reader)
{
	enum { ECHOES = 600 };
	struct pns *p = narrow();
	struct msg m;

	for (uint32_t i = 0; i < ECHOES; i++) {
		m = msg_echo(i * 0x01010101);
		pns_send(p, &m);
		turn();
	}
	for (uint32_t i = 0; i < ECHOES; i++)
		ck_assert_uint_eq(pns_expect(p, MSG_ECHO_RP).echo_rp.identifier, i * 0x01010101);
	pns_lives(p);
	skip_ms(IDLE_MS - 1000);
	pns_lives(p);
	pns_close(p);
	all_gone();
}
END_TEST

/* Sends echoes until the queue has no room for more replies, or is about to. */
static unsigned flood(struct pns *p, unsigned echoes)
{
	const struct msg m = msg_echo(1);

	for (unsigned i = 0; i < echoes; i++) {
		if (!conns_count(conns))
			return i;
		pns_send(p, &m);
		turns(1);
	}
	return echoes;
}

/* CC-19, SEC-03: who never reads is cut off at a bound. */
START_TEST(reader_of_nothing)
{
	struct pns *p = narrow();
	unsigned echoes = flood(p, 100000);

	ck_assert_uint_ge(echoes, 800); /* 16 KB of replies, and the kernel's own room */
	ck_assert_uint_lt(echoes, 2000);
	ck_assert_uint_eq(seen.clears, 1);
	ck_assert_int_eq(seen.why, CTRL_CLOSE_FAULT);
	all_gone();
	pns_close(p);
}
END_TEST

/* CC-19: one that has stopped to read for the time of an Echo-Reply, too. */
START_TEST(stuck_reader)
{
	struct pns *p = narrow();

	flood(p, 700);
	skip_ms(ECHO_MS - 1000);
	ck_assert_uint_eq(conns_count(conns), 1);
	skip_ms(1500);
	ck_assert_uint_eq(seen.clears, 1);
	all_gone();
	pns_close(p);
}
END_TEST

/* A call layer that says too much while it is asked: cleared once, from within its own handler. */
static void chatter(struct conn *c)
{
	const struct msg m = { .type = MSG_CDN };

	for (int i = 0; i < 300; i++)
		conn_send(c, &m);
}

START_TEST(overflow_from_a_handler)
{
	struct pns *p = narrow();
	const struct msg m = { .type = MSG_OCRQ };

	seen.then = chatter;
	pns_send(p, &m);
	pns_send(p, &m); /* never looked at */
	turn();
	ck_assert_uint_eq(seen.calls, 1);
	ck_assert_uint_eq(seen.clears, 1);
	all_gone();
	pns_close(p);
}
END_TEST

/* --- the end --- */

/* CC-11: calls are cleared, the reply comes, then a FIN and no reset, whatever comes late; nothing of that counts. */
START_TEST(lingers)
{
	struct pns *p = established(1);
	const struct msg ocrq = { .type = MSG_OCRQ };

	pns_send(p, &stop);
	pns_send(p, &ocrq);
	ck_assert_uint_eq(pns_expect(p, MSG_STOP_CCRP).stop_ccrp.result, STOP_OK);
	pns_end(p);
	ck_assert_uint_eq(seen.clears, 1);
	ck_assert_int_eq(seen.why, CTRL_CLOSE_PEER_STOP);
	for (int i = 0; i < 10; i++) {
		pns_send(p, &ocrq);
		pns_end(p);
	}
	ck_assert_uint_eq(seen.calls, 0);
	ck_assert_uint_eq(conns_established(conns), 0);
	ck_assert_uint_eq(conns_count(conns), 1); /* waits for the peer's own FIN */
	pns_close(p);
	all_gone();
	ck_assert_uint_eq(seen.clears, 1);
}
END_TEST

/* Both bounds of that wait: time and octets. */
START_TEST(lingers_not_for_ever)
{
	static const uint8_t junk[4096];
	struct pns *p = established(1), *q = established(2);

	pns_send(p, &stop);
	pns_send(q, &stop);
	turn();
	for (int i = 0; i < 20 && conns_count(conns) == 2; i++) {
		pns_octets(q, junk, sizeof junk);
		turn();
	}
	ck_assert_uint_eq(conns_count(conns), 1);
	skip_ms(LINGER_MS - 200);
	ck_assert_uint_eq(conns_count(conns), 1);
	skip_ms(300);
	all_gone();
	ck_assert_uint_eq(seen.clears, 2);
	pns_close(p);
	pns_close(q);
}
END_TEST

/* CC-11: a peer that has closed its sending side still gets all replies that wait for it. */
START_TEST(flushes_to_a_half_closed_peer)
{
	struct pns *p = narrow();
	unsigned echoes = flood(p, 500);

	pns_send(p, &stop);
	shutdown(p->fd, SHUT_WR);
	turn();
	for (unsigned i = 0; i < echoes; i++)
		pns_expect(p, MSG_ECHO_RP);
	pns_expect(p, MSG_STOP_CCRP);
	pns_end(p);
	all_gone();
	ck_assert_uint_eq(seen.clears, 1);

	p = narrow();
	echoes = flood(p, 500);
	shutdown(p->fd, SHUT_WR); /* without a word */
	turn();
	ck_assert_uint_eq(seen.clears, 2);
	for (unsigned i = 0; i < echoes; i++)
		pns_expect(p, MSG_ECHO_RP);
	pns_end(p);
	all_gone();
}
END_TEST

/* One that does not read its last replies is not waited for longer than that either. */
START_TEST(flushes_not_for_ever)
{
	struct pns *p = narrow();

	flood(p, 500);
	pns_send(p, &stop);
	shutdown(p->fd, SHUT_WR);
	turn();
	ck_assert_uint_eq(conns_count(conns), 1);
	skip_ms(ECHO_MS + 500);
	all_gone();
	ck_assert_uint_eq(seen.clears, 1);
	pns_close(p);
}
END_TEST

enum place { IDLE, PARTIAL, UP, UP_PARTIAL, STOPPING, PLACES };

static struct pns *reach(enum place place)
{
	uint8_t data[MSG_MAX];
	struct pns *p = pns_from(1);

	put(data, msg_sccrq_good());
	switch (place) {
	case PARTIAL:
		pns_octets(p, data, 5);
		break;
	case UP_PARTIAL:
		pns_establish(p);
		pns_octets(p, data, 9);
		break;
	case UP:
		pns_establish(p);
		break;
	case STOPPING:
		pns_establish(p);
		conns_stop(conns, STOP_SHUTDOWN);
		ck_assert_uint_eq(pns_expect(p, MSG_STOP_CCRQ).stop_ccrq.reason, STOP_SHUTDOWN);
		break;
	default:
		break;
	}
	turn();
	return p;
}

static void end_fin(struct pns *p)
{
	pns_close(p);
}

/* Unread octets make a reset of the close. */
static void end_reset(struct pns *p)
{
	const struct msg m = msg_echo(1);

	pns_send(p, &m);
	turn();
	pns_close(p);
}

static void end_fault(struct pns *p)
{
	static const uint8_t junk[MSG_MAX] = { 0, 16, 0, 1, 0xde, 0xad, 0xbe, 0xef };

	pns_octets(p, junk, sizeof junk);
	turn();
	skip_ms(LINGER_MS + 100);
	pns_close(p);
}

static void end_silence(struct pns *p)
{
	skip_ms(START_MS + 100);
	skip_ms(IDLE_MS + 100);
	skip_ms(ECHO_MS + 100);
	skip_ms(LINGER_MS + 100);
	pns_close(p);
}

/* CC-17, CC-20: however it ends, in whatever state: calls are cleared once where there can be any, nothing is left. */
START_TEST(ends_in_every_state)
{
	static void (*const ends[])(struct pns *) = { end_fin, end_reset, end_fault, end_silence };

	for (int place = 0; place < PLACES; place++)
		for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++) {
			memset(&seen, 0, sizeof seen);
			ends[i](reach((enum place)place));
			all_gone();
			ck_assert_msg(seen.clears == (place >= UP), "place %d, end %u: %u", place, i, seen.clears);
		}
	for (int i = 0; i < 100; i++)
		end_fin(reach((enum place)(i % PLACES)));
	all_gone();
}
END_TEST

/* TIM-05. */
START_TEST(suspect)
{
	struct pns *p = established(1);
	struct conn *c = conn_of(p);

	conn_suspect(c);
	ck_assert_uint_eq(seen.clears, 1);
	ck_assert_int_eq(seen.why, CTRL_CLOSE_REPLY_TIMEOUT);
	conn_suspect(c); /* till the callbacks are done it is there, but nothing happens to it */
	conn_send(c, &stop);
	ck_assert_ptr_null(conn_find(conns, seen.conn));
	pns_end(p);
	ck_assert_uint_eq(seen.clears, 1);
	all_gone();
	pns_close(p);
}
END_TEST

/* CC-09: with a reply, without one, and where there is nothing to stop. */
START_TEST(stops)
{
	struct pns *p = established(1), *q = established(2), *idle = pns_from(3);
	const struct msg reply = { .type = MSG_STOP_CCRP, .stop_ccrp = { .result = STOP_OK } };

	conns_stop(conns, STOP_SHUTDOWN);
	conns_stop(conns, STOP_SHUTDOWN); /* once is enough */
	ck_assert_uint_eq(pns_expect(p, MSG_STOP_CCRQ).stop_ccrq.reason, STOP_SHUTDOWN);
	ck_assert_uint_eq(pns_expect(q, MSG_STOP_CCRQ).stop_ccrq.reason, STOP_SHUTDOWN);
	pns_end(idle);
	pns_close(idle);
	ck_assert_uint_eq(conns_count(conns), 2);
	pns_lives(p); /* an echo on its way is answered still */
	pns_send(p, &reply);
	pns_end(p);
	ck_assert_uint_eq(seen.clears, 1);
	ck_assert_int_eq(seen.why, CTRL_CLOSE_STOPPED);
	pns_close(p);
	ck_assert_uint_eq(conns_count(conns), 1);
	skip_ms(REPLY_MS - 500);
	ck_assert_uint_eq(seen.clears, 1);
	skip_ms(1000);
	ck_assert_uint_eq(seen.clears, 2);
	ck_assert_int_eq(seen.why, CTRL_CLOSE_STOP_TIMEOUT);
	all_gone();
	pns_close(q);
}
END_TEST

/* A set that goes drops its connections, and a call that hung on one is in no list of the dead. */
START_TEST(freed_while_in_use)
{
	unsigned before = open_fds();
	struct pns *p[] = { reach(IDLE), reach(PARTIAL), reach(UP), reach(UP_PARTIAL), narrow(), established(9),
			    reach(STOPPING) };

	flood(p[4], 400);
	pns_send(p[5], &stop);
	turn();
	list_append(conn_calls(conn_of(established(10))), &call);
	conns_free(conns);
	ck_assert(list_empty(&call));
	list_remove(&call);
	for (size_t i = 0; i < sizeof p / sizeof *p; i++)
		close(p[i]->fd);
	ck_assert_uint_eq(open_fds(), before + 1); /* the call's PNS */
	conns = conns_new(loop, &handlers, &seen, &peers);
	all_gone();
}
END_TEST

/* --- timers --- */

/* TIM-01: the clock starts at accept; octets do not stop it. */
START_TEST(start_time_out)
{
	uint8_t data[MSG_MAX];
	struct pns *silent = pns_from(1), *drip = pns_from(2);

	put(data, msg_sccrq_good());
	for (int i = 0; i < 9; i++) {
		skip_ms(START_MS / 10);
		pns_octets(drip, data + i, 1);
	}
	pns_silence(silent);
	pns_silence(drip);
	skip_ms(START_MS / 10 + 100);
	pns_end(silent);
	pns_end(drip);
	pns_close(silent);
	pns_close(drip);
	all_gone();
	ck_assert_uint_eq(seen.clears, 0);
	ck_assert_uint_eq(stats_get(STATS_CONNECTIONS_TIMED_OUT), 2);
}
END_TEST

/* TIM-02, TIM-03: silence, an echo, its reply; then no reply, and half a message is none. */
START_TEST(echo)
{
	struct pns *p = established(1);
	struct msg m;

	skip_ms(IDLE_MS - 500);
	pns_silence(p);
	skip_ms(1000);
	m = pns_expect(p, MSG_ECHO_RQ);
	m.type = MSG_ECHO_RP;
	m.echo_rp.result = ECHO_OK;
	skip_ms(ECHO_MS - 1000);
	pns_send(p, &m);
	skip_ms(IDLE_MS - 500);
	pns_silence(p);
	skip_ms(1000);
	pns_expect(p, MSG_ECHO_RQ);
	pns_octets(p, "\0\20\0\1", 4);
	skip_ms(ECHO_MS - 1000);
	pns_silence(p);
	skip_ms(1500);
	pns_end(p);
	ck_assert_uint_eq(seen.clears, 1);
	ck_assert_int_eq(seen.why, CTRL_CLOSE_ECHO_TIMEOUT);
	all_gone();
	pns_close(p);
}
END_TEST

/* TIM-02: no Echo-Request while an OCRQ is unanswered. */
START_TEST(echo_is_held)
{
	struct pns *p = established(1);
	struct conn *c = conn_of(p);

	conn_reply_due(c);
	conn_reply_due(c);
	skip_ms(IDLE_MS + 500);
	conn_reply_done(c);
	skip_ms(IDLE_MS + 500);
	pns_silence(p);
	conn_reply_done(c);
	skip_ms(IDLE_MS - 500);
	pns_silence(p);
	skip_ms(1000);
	pns_expect(p, MSG_ECHO_RQ);
	pns_close(p);
	all_gone();
}
END_TEST

static Suite *conn_suite(void)
{
	Suite *s = suite_create("conn");

	CASE(s, "streams", streams, slow_reader, reader_of_nothing, stuck_reader, overflow_from_a_handler);
	CASE(s, "end", lingers, lingers_not_for_ever, flushes_to_a_half_closed_peer, flushes_not_for_ever,
	     ends_in_every_state, suspect, stops, freed_while_in_use);
	CASE(s, "timers", start_time_out, echo, echo_is_held);
	return s;
}

UNIT_MAIN(conn_suite)
