/*
 * The user-space data path towards real lines: pace, acknowledgments that follow
 * the line, what is thrown away, sync framing (ledger GRE-07, GRE-09, GRE-12,
 * GRE-17, CALL-20, PPP-02, PPP-03).  Without a network namespace all of them are
 * skipped and said.
 */
#include "test/unit/raw_env.h"

#define MS 1000 /* microseconds */

/* --- lines --- */

static void line_packets(struct line *l)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	l->ours = fds[0];
	l->far = fds[1];
	line_init(l);
}

/* Acknowledges what the line took; a window of `window`. */
static struct datapath_call slow_of(uint16_t id, const struct line *l, uint16_t window, uint32_t bps)
{
	struct datapath_call c = call_of(id, l);

	c.window = window;
	c.pace_bps = bps;
	c.ack_taken = true;
	return c;
}

static void slow_open(struct env *e, struct line *l, uint16_t window, uint32_t bps)
{
	struct datapath_call c;

	env_open(e, 1);
	line_pair(l);
	c = slow_of(7, l, window, bps);
	ck_assert_int_eq(e->d->ops->attach(e->d, &c), 0);
}

static void slow_close(struct env *e, struct line *l)
{
	env_close(e);
	close(l->far);
}

/* The acknowledgments that come, up to this one, are in order; the last one's time. */
static struct mono ack_wait(struct env *e, uint32_t ack, int64_t *last)
{
	struct gre g;

	do {
		peer_recv(e, &g);
		ck_assert(g.has_ack);
		ck_assert_int_gt(g.ack, *last);
		ck_assert_uint_le(g.ack, ack);
		*last = g.ack;
	} while (g.ack != ack);
	return mono_now();
}

/* Frames come at the line's speed, not sooner, and each is acknowledged when the line has it (GRE-07). */
START_TEST(paced)
{
	enum { FRAMES = 5, OCTETS = 200, BPS = 20000 };
	struct mono start = mono_now();
	int64_t last = -1;
	struct line l;
	struct env e;

	slow_open(&e, &l, 8, BPS);
	for (uint32_t i = 0; i < FRAMES; i++)
		peer_data(&e, 7, i, OCTETS);
	for (uint32_t i = 0; i < FRAMES; i++) {
		/* At least 100 ms each, unless the octets are fewer than they look. */
		int64_t us = (int64_t)i * OCTETS * 10 * 1000000 / BPS - RAW_PACE_IDLE_US;

		line_expect(&l, i, OCTETS);
		ck_assert_int_ge(mono_diff_us(mono_now(), start), us);
		if (last < (int64_t)i)
			ck_assert_int_ge(mono_diff_us(ack_wait(&e, i, &last), start), us);
	}
	ck_assert_uint_eq(stats(&e, 7).rx_packets, FRAMES);
	ck_assert_uint_eq(stats(&e, 7).rx_dropped, 0);
	/* 0, 90, 190, 290, 390 ms */
	ck_assert_uint_gt(stats(&e, 7).queue_us, 50 * MS);
	slow_close(&e, &l);
}
END_TEST

/* GRE-12: the newest goes first; its number is acknowledged when what stands before it is gone. */
START_TEST(beyond_window)
{
	enum { OCTETS = 1000, BPS = 40000 }; /* 250 ms */
	struct datapath_stats s;
	struct mono start;
	int64_t last = -1;
	struct line l;
	struct env e;

	slow_open(&e, &l, 4, BPS);
	start = mono_now();
	for (uint32_t i = 0; i <= 10; i++)
		peer_data(&e, 7, i, OCTETS);
	WAIT_FOR(stats(&e, 7).rx_dropped && received(&e) == 11);
	s = stats(&e, 7);
	ck_assert_uint_ge(s.queue_peak, 4 * OCTETS);
	ck_assert_uint_le(s.queue_peak, 4 * HDLC_ENCODED_MAX(OCTETS));
	for (uint32_t i = 0; i <= 4; i++)
		line_expect(&l, i, OCTETS);
	ck_assert_int_ge(mono_diff_us(mono_now(), start), 4 * (250 * MS - RAW_PACE_IDLE_US));
	ack_wait(&e, 10, &last);
	s = stats(&e, 7);
	ck_assert_uint_eq(s.rx_packets + s.rx_dropped, 11);
	ck_assert_uint_eq(s.rx_octets, s.rx_packets * OCTETS);
	ck_assert_uint_eq(s.rx_lost, 0);
	ck_assert_uint_eq(s.queue_octets, 0);
	/* And on: room for a window again. */
	for (uint32_t i = 11; i < 15; i++)
		peer_data(&e, 7, i, OCTETS);
	ack_wait(&e, 14, &last);
	ck_assert_uint_eq(stats(&e, 7).rx_packets, s.rx_packets + 4);
	slow_close(&e, &l);
}
END_TEST

/* A peer that obeys our window, and keeps it full, loses nothing: the longest frames there are, all of them escapes. */
START_TEST(whole_windows)
{
	enum { WINDOW = 4, FRAMES = 40 };
	uint8_t frame[GRE_PAYLOAD_MAX];
	struct gre g = { .call_id = 7, .has_seq = true, .payload = frame, .payload_len = sizeof(frame) };
	struct gre ack;
	struct line l;
	struct env e;
	uint32_t got = 0, acked = 0;

	memset(frame, 0x7E, sizeof(frame));
	slow_open(&e, &l, WINDOW, 10000000);
	while (acked < FRAMES) {
		for (; g.seq < FRAMES && g.seq < acked + WINDOW; g.seq++)
			peer_packet(&e, PEER, &g);
		peer_recv(&e, &ack);
		acked = ack.ack + 1;
		for (; got < acked; got++) {
			ck_assert_uint_eq(line_recv(&l), sizeof(frame));
			ck_assert_mem_eq(l.rx.frame, frame, sizeof(frame));
		}
	}
	ck_assert_uint_eq(stats(&e, 7).rx_packets, FRAMES);
	ck_assert_uint_eq(stats(&e, 7).rx_dropped, 0);
	slow_close(&e, &l);
}
END_TEST

/*
 * No pace, but a line that takes nothing for a while, and then parts of frames: what waits is bounded, no frame is cut,
 * and it goes on.
 */
START_TEST(stalled)
{
	enum { SENT = 400, WINDOW = 16 };
	struct datapath_stats s;
	struct datapath_call c;
	int64_t ack = -1;
	uint32_t last = 0;
	struct line l;
	struct env e;

	env_open(&e, 1);
	line_pty(&l);
	c = slow_of(7, &l, WINDOW, 0);
	ck_assert_int_eq(e.d->ops->attach(e.d, &c), 0);
	for (uint32_t i = 0; i < SENT; i++)
		peer_data(&e, 7, i, 1400);
	WAIT_FOR(received(&e) == SENT);
	WAIT_FOR(stats(&e, 7).rx_packets + stats(&e, 7).rx_dropped == SENT - WINDOW);
	s = stats(&e, 7);
	ck_assert_uint_gt(s.rx_dropped, 0);
	ck_assert_uint_gt(s.queue_octets, (WINDOW - 1) * 1400);
	for (uint64_t frames = 0; frames < s.rx_packets + WINDOW; frames++) {
		uint32_t n;

		ck_assert_uint_eq(line_recv(&l), 1400);
		memcpy(&n, l.rx.frame, sizeof(n));
		ck_assert(frames == 0 || n > last);
		last = n;
	}
	peer_data(&e, 7, SENT, 1400);
	line_expect(&l, SENT, 1400);
	ack_wait(&e, SENT, &ack);
	for (unsigned i = 0; i < HDLC_FAULTS; i++)
		ck_assert_uint_eq(l.rx.faults[i], 0);
	ck_assert_uint_eq(stats(&e, 7).rx_dropped, s.rx_dropped);
	ck_assert_uint_eq(stats(&e, 7).queue_octets, 0);
	slow_close(&e, &l);
}
END_TEST

/* Reordering and empty packets: numbers are acknowledged as they are delivered, a gap does not stop them. */
START_TEST(order)
{
	int64_t last = -1;
	struct line l;
	struct env e;

	slow_open(&e, &l, 8, 0);
	peer_data(&e, 7, 0, 50);
	peer_data(&e, 7, 2, 50);
	peer_data(&e, 7, 1, 50);
	for (uint32_t i = 0; i < 3; i++)
		line_expect(&l, i, 50);
	ack_wait(&e, 2, &last);
	peer_packet(&e, PEER, &(struct gre){ .call_id = 7, .has_seq = true, .seq = 3 });
	ack_wait(&e, 3, &last);
	peer_data(&e, 7, 5, 50);
	line_expect(&l, 5, 50);
	ack_wait(&e, 5, &last);
	ck_assert_uint_eq(stats(&e, 7).rx_lost, 1);
	slow_close(&e, &l);
}
END_TEST

/* CALL-20: what is given at attach, then a Set-Link-Info between two frames that both wait. */
START_TEST(link_info)
{
	uint8_t first[64], second[64], got[128];
	uint8_t frame[8] = { 0, 1, 2, 3, 4, 0x11, 0x13, 4 };
	size_t a = hdlc_encode(first, frame, sizeof(frame), UINT32_MAX);
	size_t b = hdlc_encode(second, frame, sizeof(frame), 0x000A0000);
	struct gre g = { .call_id = 7, .has_seq = true, .payload = frame, .payload_len = sizeof(frame) };
	struct datapath_call c;
	struct line l;
	struct env e;
	size_t have = 0;

	env_open(&e, 1);
	line_pair(&l);
	c = slow_of(7, &l, 4, 1500);
	c.accm = UINT32_MAX;
	c.receive_accm = 0x00020000;
	ck_assert_int_eq(e.d->ops->attach(e.d, &c), 0);
	for (g.seq = 0; g.seq < 2; g.seq++)
		peer_packet(&e, PEER, &g);
	WAIT_FOR(received(&e) == 2);
	WAIT_FOR(stats(&e, 7).queue_peak);
	e.d->ops->set_link(e.d, 7, 0x000A0000, 0);
	peer_packet(&e, PEER, &g);
	while (have < 2 * a + b) {
		ssize_t r;

		wait_in(l.far);
		r = read(l.far, got + have, sizeof(got) - have);
		ck_assert_int_gt(r, 0);
		have += (size_t)r;
	}
	ck_assert_uint_eq(have, 2 * a + b);
	ck_assert_mem_eq(got, first, a);
	ck_assert_mem_eq(got + a, first, a);
	ck_assert_mem_eq(got + 2 * a, second, b);
	slow_close(&e, &l);
}
END_TEST

/* RFC 1661 section 5: LCP's own packets are sent with the map of the beginning, whatever has been agreed; others are not. */
START_TEST(lcp_unmapped)
{
	static const struct { uint8_t code, protocol; bool bare; } cases[] = {
		{ 2, 0x21, true }, { 7, 0x21, true }, { 8, 0x21, false }, { 9, 0x21, false }, { 2, 0x23, false },
	};
	struct datapath_call c;
	struct line l;
	struct env e;

	env_open(&e, 1);
	line_pair(&l);
	c = slow_of(7, &l, 4, 1500);
	c.accm = UINT32_MAX;
	ck_assert_int_eq(e.d->ops->attach(e.d, &c), 0);
	e.d->ops->set_link(e.d, 7, 0, 0);
	for (uint32_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint8_t frame[8] = { 0xFF, 3, 0xC0, cases[i].protocol, cases[i].code, 1, 0, 4 };
		struct gre g = { .call_id = 7, .has_seq = true, .seq = i, .payload = frame, .payload_len = sizeof frame };
		uint8_t want[64], got[64];
		size_t n = hdlc_encode(want, frame, sizeof frame, cases[i].bare ? UINT32_MAX : 0);

		peer_packet(&e, PEER, &g);
		for (size_t have = 0; have < n;) {
			ssize_t r;

			wait_in(l.far);
			r = read(l.far, got + have, sizeof got - have);
			ck_assert_int_gt(r, 0);
			have += (size_t)r;
		}
		ck_assert_mem_eq(got, want, n);
	}
	slow_close(&e, &l);
}
END_TEST

/* PPP-03: the other map, from attach on and after a Set-Link-Info. */
START_TEST(receive_accm)
{
	static const uint8_t text[] = { 0x7E, 0x11, 0xFF, 0x03, 0x11, 0x13, 0xC0, 0x21 };
	static const uint32_t maps[] = { 0x00020000, 0x000A0000, 0 };
	static const size_t lens[] = { 5, 4, 7 };
	struct datapath_call c;
	struct line l;
	struct env e;
	struct gre g;

	env_open(&e, 1);
	line_pair(&l);
	c = slow_of(7, &l, 4, 0);
	c.receive_accm = maps[0];
	ck_assert_int_eq(e.d->ops->attach(e.d, &c), 0);
	for (unsigned i = 0; i < 3; i++) {
		uint8_t frame[8], out[32];
		size_t n = 0, end;

		if (i)
			e.d->ops->set_link(e.d, 7, 0, maps[i]);
		for (size_t at = 1; at < sizeof(text); at++)
			if (text[at] >= 0x20 || !(maps[i] >> text[at] & 1))
				frame[n++] = text[at];
		ck_assert_uint_eq(n, lens[i]);
		/* The FCS is over what is left; an XON that is in the map is put in front, where it is worth nothing. */
		out[0] = 0x7E;
		end = 1 + hdlc_encode(out + 1, frame, n, 0);
		if (maps[i] & 0x00020000) {
			memmove(out + 4, out + 3, end - 3);
			out[3] = 0x11;
			end++;
		}
		ck_assert_int_eq(write(l.far, out, end), (ssize_t)end);
		peer_recv_data(&e, &g);
		ck_assert_uint_eq(g.payload_len, n);
		ck_assert_mem_eq(g.payload, frame, n);
	}
	slow_close(&e, &l);
}
END_TEST

static size_t whole_recv(struct line *l)
{
	ssize_t n;

	wait_in(l->far);
	n = read(l->far, l->data, sizeof(l->data));
	ck_assert_int_gt(n, 0);
	return (size_t)n;
}

/* One read or write is one frame. */
START_TEST(sync_frames)
{
	static const size_t sizes[] = { 4, 100, 1400, GRE_PAYLOAD_MAX };
	uint8_t frame[GRE_PAYLOAD_MAX + 1];
	struct datapath_call c;
	struct line l;
	struct env e;
	struct gre g;

	env_open(&e, 1);
	line_packets(&l);
	c = slow_of(7, &l, 8, 100000000);
	c.sync = true;
	c.accm = UINT32_MAX;
	ck_assert_int_eq(e.d->ops->attach(e.d, &c), 0);
	for (uint32_t i = 0; i < 4; i++)
		peer_data(&e, 7, i, sizes[i]);
	for (uint32_t i = 0; i < 4; i++) {
		frame_fill(frame, sizes[i], i);
		ck_assert_uint_eq(whole_recv(&l), sizes[i]);
		ck_assert_mem_eq(l.data, frame, sizes[i]);
	}
	for (uint32_t i = 0; i < 4; i++) {
		frame_fill(frame, sizes[i], i + 9);
		ck_assert_int_eq(write(l.far, frame, sizeof(frame)), sizeof(frame));
		ck_assert_int_eq(write(l.far, frame, 1), 1);
		ck_assert_int_eq(write(l.far, frame, sizes[i]), (ssize_t)sizes[i]);
		peer_recv_data(&e, &g);
		ck_assert_uint_eq(g.seq, i);
		ck_assert_uint_eq(g.payload_len, sizes[i]);
		ck_assert_mem_eq(g.payload, frame, sizes[i]);
	}
	WAIT_FOR(stats(&e, 7).line_faults[HDLC_FAULT_RUNT] == 4);
	WAIT_FOR(stats(&e, 7).tx_packets == 4);
	ck_assert_uint_eq(stats(&e, 7).tx_dropped, 4);
	ck_assert_uint_eq(stats(&e, 7).rx_packets, 4);
	slow_close(&e, &l);
}
END_TEST

/* A sync line in both directions of the flow control: it is slow, and it is not read while the window is shut. */
START_TEST(sync_window)
{
	struct datapath_call c;
	uint8_t frame[50];
	int64_t last = -1;
	struct line l;
	struct env e;
	struct gre g;

	env_open(&e, 1);
	line_packets(&l);
	c = slow_of(7, &l, 4, 80000);
	c.sync = c.strict_window = true;
	c.peer_window = 1;
	c.peer_delay_us = 5000000;
	ck_assert_int_eq(e.d->ops->attach(e.d, &c), 0);
	for (uint32_t i = 0; i < 4; i++) {
		frame_fill(frame, sizeof(frame), i);
		ck_assert_int_eq(write(l.far, frame, sizeof(frame)), sizeof(frame));
	}
	for (uint32_t i = 0; i < 4; i++) {
		peer_recv_data(&e, &g);
		ck_assert_uint_eq(g.seq, i);
		WAIT_FOR(stats(&e, 7).tx_packets > i);
		ck_assert_uint_eq(stats(&e, 7).tx_packets, i + 1);
		peer_ack(&e, 7, i);
	}
	for (uint32_t i = 0; i < 12; i++)
		peer_data(&e, 7, i, 1000);
	WAIT_FOR(stats(&e, 7).rx_dropped >= 1);
	for (uint32_t i = 0; i < 4; i++)
		ck_assert_uint_eq(whole_recv(&l), 1000);
	ack_wait(&e, 11, &last);
	slow_close(&e, &l);
}
END_TEST

/* What waits when the call, or the line, goes away is counted as dropped. */
START_TEST(going)
{
	struct datapath_stats s;
	struct datapath_call c;
	struct line a, b;
	struct env e;

	env_open(&e, 1);
	line_pair(&a);
	line_pair(&b);
	c = slow_of(7, &a, 4, 300);
	ck_assert_int_eq(e.d->ops->attach(e.d, &c), 0);
	c = slow_of(8, &b, 4, 300);
	ck_assert_int_eq(e.d->ops->attach(e.d, &c), 0);
	for (uint32_t i = 0; i < 3; i++) {
		peer_data(&e, 7, i, 50);
		peer_data(&e, 8, i, 50);
	}
	line_expect(&a, 0, 50);
	line_expect(&b, 0, 50);
	WAIT_FOR(received(&e) == 6);
	e.d->ops->detach(e.d, 7, &s);
	ck_assert_uint_eq(s.rx_packets, 1);
	ck_assert_uint_eq(s.rx_dropped, 2);
	ck_assert_uint_eq(s.queue_octets, 0);
	close(b.far);
	ev_run(e.loop, 0);
	ck_assert_uint_eq(e.closed_id, SESSION(8));
	peer_data(&e, 8, 3, 50);
	WAIT_FOR(stats(&e, 8).rx_dropped == 3);
	env_close(&e);
	close(a.far);
}
END_TEST

/* GRE-17: with the round trip known, a lost packet costs that, and not the 10 s that the peer announced at first. */
START_TEST(timeout_after_delay)
{
	struct datapath_call c;
	uint8_t frame[50] = { 0xFF, 0x03 };
	struct mono start;
	struct line l;
	struct env e;
	struct gre g;

	env_open(&e, 1);
	line_pair(&l);
	c = slow_of(7, &l, 4, 0);
	c.strict_window = true;
	c.peer_window = 1;
	c.peer_delay_us = 10000000;
	ck_assert_int_eq(e.d->ops->attach(e.d, &c), 0);
	start = mono_now();
	for (uint32_t i = 0; i < 60; i++) {
		line_send(&l, frame, sizeof(frame));
		peer_recv_data(&e, &g);
		ck_assert_uint_eq(g.seq, i);
		peer_ack(&e, 7, i);
	}
	for (uint32_t i = 60; i < 62; i++) {
		line_send(&l, frame, sizeof(frame));
		peer_recv_data(&e, &g);
		ck_assert_uint_eq(g.seq, i);
	}
	ck_assert_uint_ge(stats(&e, 7).tx_timeouts, 1);
	ck_assert_int_lt(mono_diff_us(mono_now(), start), 8000 * MS);
	slow_close(&e, &l);
}
END_TEST

static Suite *raw_slow_suite(void)
{
	Suite *s = suite_create("raw_slow");

	if (!namespace_possible()) {
		fprintf(stderr, "raw_slow: 12 tests skipped: no network namespace with raw sockets\n");
		return s;
	}
	UNIT_CASE(s, "queue", paced, beyond_window, whole_windows, stalled, order, going);
	UNIT_CASE(s, "line", link_info, lcp_unmapped, receive_accm, sync_frames, sync_window, timeout_after_delay);
	return s;
}

UNIT_MAIN(raw_slow_suite)
