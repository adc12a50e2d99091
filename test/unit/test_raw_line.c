/*
 * The user-space data path's line end: stalls, faults, the strict window, the
 * other side going away (ledger GRE-09 to GRE-18, PPP-02).  Without a network
 * namespace it is skipped and said.
 */
#include "test/unit/raw_env.h"

/* --- the line --- */

/* GRE-12: a whole window of full packets at once loses nothing, though the line takes little of it. */
START_TEST(whole_window)
{
	struct line l;
	struct env e;

	env_open(&e, 1);
	line_pty(&l);
	attach(&e, 7, &l);
	for (uint32_t i = 0; i < 64; i++)
		peer_data(&e, 7, i, 1400);
	WAIT_FOR(received(&e) == 64);
	for (uint32_t i = 0; i < 64; i++)
		line_expect(&l, i, 1400);
	ck_assert_uint_eq(stats(&e, 7).rx_dropped, 0);
	env_close(&e);
	close(l.far);
}
END_TEST

/* GRE-12: a line that nobody reads costs its own frames only, and no frame is cut. */
START_TEST(stalled)
{
	enum { SENT = 400 };
	struct line stuck, well;
	struct datapath_stats s;
	uint64_t frames = 0;
	uint32_t last = 0;
	struct env e;

	env_open(&e, 1);
	line_pty(&stuck);
	line_pty(&well);
	attach(&e, 7, &stuck);
	attach(&e, 8, &well);
	for (uint32_t i = 0; i < SENT; i++) {
		peer_data(&e, 7, i, 1400);
		peer_data(&e, 8, i, 50);
		line_expect(&well, i, 50);
	}
	WAIT_FOR(stats(&e, 7).rx_packets + stats(&e, 7).rx_dropped == SENT);
	s = stats(&e, 7);
	ck_assert_uint_gt(s.rx_dropped, 0);
	ck_assert_uint_gt(s.rx_packets, 40);
	for (; frames < s.rx_packets; frames++) {
		uint32_t n;

		ck_assert_uint_eq(line_recv(&stuck), 1400);
		memcpy(&n, stuck.rx.frame, sizeof(n));
		ck_assert(frames == 0 || n > last);
		last = n;
	}
	peer_data(&e, 7, SENT, 1400);
	line_expect(&stuck, SENT, 1400);
	for (unsigned i = 0; i < HDLC_FAULTS; i++)
		ck_assert_uint_eq(stuck.rx.faults[i], 0);
	ck_assert_uint_eq(stats(&e, 8).rx_dropped, 0);
	env_close(&e);
	close(stuck.far);
	close(well.far);
}
END_TEST

/* GRE-18, PPP-02 */
START_TEST(line_faults)
{
	static const uint8_t broken[] = { 0x7E, 0xFF, 0x03, 0xC0, 0x21, 1, 2, 3, 0x7E };
	uint8_t frame[GRE_PAYLOAD_MAX + 1] = { 0xFF, 0x03 };
	struct line l;
	struct env e;
	struct gre g;

	env_open(&e, 1);
	line_pty(&l);
	attach(&e, 7, &l);
	line_send(&l, frame, sizeof(frame));
	ck_assert_int_eq(write(l.far, broken, sizeof(broken)), sizeof(broken));
	line_send(&l, frame, 20);
	peer_recv_data(&e, &g);
	ck_assert_uint_eq(g.seq, 0);
	ck_assert_uint_eq(g.payload_len, 20);
	WAIT_FOR(stats(&e, 7).line_faults[HDLC_FAULT_FCS] == 1);
	ck_assert_uint_eq(stats(&e, 7).tx_dropped, 1);
	env_close(&e);
	close(l.far);
}
END_TEST

/* Section 2.15 */
START_TEST(set_link)
{
	uint8_t out[64], got[64];
	uint8_t frame[8] = { 0, 0, 0, 0, 1, 0x11, 0x13, 4 };
	size_t n = hdlc_encode(out, frame, sizeof(frame), 0x000A0000);
	struct gre g = { .call_id = 7, .has_seq = true, .payload = frame, .payload_len = sizeof(frame) };
	struct line l;
	struct env e;

	env_open(&e, 1);
	line_pair(&l);
	attach(&e, 7, &l);
	e.d->ops->set_link(e.d, 9, 0, 0);
	e.d->ops->set_link(e.d, 7, 0x000A0000, 0x00020000);
	peer_packet(&e, PEER, &g);
	for (size_t have = 0; have < n;) {
		ssize_t r;

		wait_in(l.far);
		r = read(l.far, got + have, sizeof(got) - have);
		ck_assert_int_gt(r, 0);
		have += (size_t)r;
	}
	ck_assert_mem_eq(got, out, n);
	/* XON put in on the way. */
	memmove(out + 4, out + 3, n - 3);
	out[3] = 0x11;
	ck_assert_int_eq(write(l.far, out, n + 1), (ssize_t)n + 1);
	peer_recv_data(&e, &g);
	ck_assert_uint_eq(g.payload_len, sizeof(frame));
	ck_assert_mem_eq(g.payload, frame, sizeof(frame));
	env_close(&e);
	close(l.far);
}
END_TEST

/* GRE-09, GRE-11, GRE-17: a window of 2 begins with 1; acknowledgments open it, and time does. */
START_TEST(strict_window)
{
	struct datapath_call c;
	uint8_t frame[50];
	struct line l;
	struct env e;
	struct gre g;

	env_open(&e, 1);
	line_pair(&l);
	c = call_of(7, &l);
	c.strict_window = true;
	c.peer_window = 2;
	c.peer_delay_us = 500000;
	ck_assert_int_eq(e.d->ops->attach(e.d, &c), 0);
	for (uint32_t i = 0; i < 6; i++) {
		frame_fill(frame, sizeof(frame), i);
		line_send(&l, frame, sizeof(frame));
	}
	peer_recv_data(&e, &g);
	WAIT_FOR(stats(&e, 7).tx_packets == 1);
	peer_ack(&e, 7, 0);
	for (uint32_t i = 1; i < 3; i++) {
		peer_recv_data(&e, &g);
		ck_assert_uint_eq(g.seq, i);
	}
	ck_assert_uint_eq(stats(&e, 7).window, 2);
	ck_assert_uint_le(stats(&e, 7).tx_packets, 3);
	for (uint32_t i = 3; i < 6; i++) {
		peer_recv_data(&e, &g);
		ck_assert_uint_eq(g.seq, i);
		frame_fill(frame, sizeof(frame), i);
		ck_assert_mem_eq(g.payload, frame, sizeof(frame));
		ck_assert_uint_ge(stats(&e, 7).tx_timeouts, 1);
		peer_ack(&e, 7, i);
	}
	env_close(&e);
	close(l.far);
}
END_TEST

START_TEST(line_closed)
{
	struct datapath_stats s;
	struct line a, b;
	struct env e;

	env_open(&e, 2);
	line_pty(&a);
	line_pair(&b);
	attach(&e, 7, &a);
	attach(&e, 8, &b);
	close(a.far);
	ev_run(e.loop, 0);
	ck_assert_uint_eq(e.closed, 1);
	ck_assert_uint_eq(e.closed_id, SESSION(7));
	peer_data(&e, 7, 0, 50);
	WAIT_FOR(stats(&e, 7).rx_dropped == 1);
	/* Detached before main was told: then it is not told. */
	close(b.far);
	peer_data(&e, 8, 0, 50);
	WAIT_FOR(stats(&e, 8).rx_dropped == 1);
	e.d->ops->detach(e.d, 8, &s);
	e.d->ops->detach(e.d, 7, &s);
	ev_run(e.loop, EVRUN_NOWAIT);
	ck_assert_uint_eq(e.closed, 1);
	env_close(&e);
}
END_TEST

static Suite *raw_line_suite(void)
{
	Suite *s = suite_create("raw_line");

	if (!namespace_possible()) {
		fprintf(stderr, "raw_line: 6 tests skipped: no network namespace with raw sockets\n");
		return s;
	}
	UNIT_CASE(s, "line", whole_window, stalled, line_faults, set_link, strict_window, line_closed);
	return s;
}

UNIT_MAIN(raw_line_suite)
