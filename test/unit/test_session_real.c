/*
 * Outgoing calls to real lines and what is particular about them: dial plan (CALL-OUT-01 to CALL-OUT-09), the line's own
 * values in the OCRP (MSG-17), Set-Link-Info (CALL-20) and WAN-Error-Notify (CALL-22, TIM-06).
 */
#include "test/unit/unit_ring.h"

#define DIALPLAN                                                                                                   \
	"dialplan = ( { match = \"9*\"; group = \"pool\"; strip = 1; prefix = \"0\"; from = [ \"127.0.0.0/8\" ]; }," \
	"             { match = \"555????\"; group = \"pool\"; from = [ \"127.0.0.2\" ]; },"                          \
	"             { match = \"7*\"; ppp = true; } );"

/* What the data path was given, and what it says. */
static struct datapath_call attached;
static struct datapath_stats path_stats;
static uint32_t set_send, set_receive;
static unsigned set_links;
static struct datapath_ops ops;
static const struct datapath_ops *null_ops;

static int watch_attach(struct datapath *d, const struct datapath_call *call)
{
	attached = *call;
	return null_ops->attach(d, call);
}

static bool watch_stats(struct datapath *d, uint16_t call_id, struct datapath_stats *st)
{
	if (!null_ops->stats(d, call_id, st))
		return false;
	*st = path_stats;
	return true;
}

static void watch_set_link(struct datapath *d, uint16_t call_id, uint32_t send, uint32_t receive)
{
	(void)d;
	ck_assert_uint_eq(call_id, attached.call_id);
	set_send = send;
	set_receive = receive;
	set_links++;
}

static void planned(void)
{
	real_with(REAL(DIALPLAN ROUTES "wan_error_interval = 60;"));
	null_ops = datapath->ops;
	ops = *null_ops;
	ops.attach = watch_attach;
	ops.stats = watch_stats;
	ops.set_link = watch_set_link;
	datapath->ops = &ops;
}

static void request(struct pns *n, uint16_t id, const char *number)
{
	struct msg m = msg_ocrq_good(id);

	m.ocrq.number_len = (uint16_t)strlen(number);
	memcpy(m.ocrq.number, number, strlen(number));
	m.ocrq.window = 5;
	m.ocrq.delay = 2;
	pns_send(n, &m);
	turn();
}

/* MSG-17, GRE-09, GRE-13: speed, channel, window and delay are the line's; flow control as it has it. */
START_TEST(dialled)
{
	struct pns *n = pns_up(PNS_A);
	struct msg_ocrp rp;

	request(n, 1, "95551234");
	ck_assert_str_eq(dialled_number, "05551234");
	ck_assert_str_eq(dialled_group, "pool");
	skip_ms(120000); /* longer than a minute, and than timers.dial: it is the line's affair */
	pns_lives(n);
	real_connects(nlines, 28800);
	rp = pns_expect(n, MSG_OCRP).ocrp;
	ck_assert_uint_eq(rp.result, OCRP_CONNECTED);
	ck_assert_uint_eq(rp.speed, 28800);
	ck_assert_uint_eq(rp.channel, 7);
	ck_assert_uint_eq(rp.window, 4);
	ck_assert_uint_eq(rp.delay, 17);
	ck_assert_uint_eq(rp.peer_call_id, 1);
	ck_assert_uint_eq(attached.peer_window, 5);
	ck_assert_uint_eq(attached.peer_delay_us, 200000);
	ck_assert_uint_eq(attached.accm, UINT32_MAX);
	ck_assert_uint_eq(attached.receive_accm, UINT32_MAX);
	ck_assert_uint_eq(attached.pace_bps, 28800);
	ck_assert(attached.strict_window && attached.ack_taken && !attached.sync);

	pns_ccrq(n, 1);
	ck_assert_uint_eq(cdn_code(n), CDN_REQUEST * 10);
	ck_assert_uint_eq(lines[nlines].hangups, 1);
	pns_close(n);
}
END_TEST

/* By pattern and by PNS; everything else is a local pppd, and so is an entry that says so (MSG-16: also no number). */
START_TEST(which_line)
{
	static const struct {
		uint32_t from;
		const char *number;
		bool real;
	} cases[] = {
		{ PNS_A, "5551234", true }, { PNS_B, "5551234", false }, { 0x0a000005, "95551234", false },
		{ PNS_A, "7123", false }, { PNS_A, "", false }, { PNS_A, "192.0.2.1", false }, { PNS_A, "91", true },
		/* A pause, or a plus, in front leads past no pattern. */
		{ PNS_A, ",7123", false }, { PNS_A, "+7w123", false }, { PNS_A, ",w+", false }, { PNS_A, ",91", true },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct pns *n = pns_up(cases[i].from);
		unsigned before = real_dials, lines_before = nlines;

		request(n, 1, cases[i].number);
		ck_assert_uint_eq(real_dials - before, cases[i].real);
		ck_assert_uint_gt(nlines, lines_before);
		pns_close(n);
	}
}
END_TEST

/* What is dialled are the digits that a pattern has seen, and nothing of the field behind its length or a NUL. */
START_TEST(digits_only)
{
	struct msg m = msg_ocrq_good(1);
	struct pns *n = pns_up(PNS_A);

	memcpy(m.ocrq.number, ",9,55w5123456 internal", 22);
	m.ocrq.number_len = 10;
	pns_send(n, &m);
	turn();
	ck_assert_str_eq(dialled_number, "0555123");
	memcpy(m.ocrq.number, "91\0002222", 7);
	m.ocrq.call_id = 2;
	m.ocrq.number_len = 7;
	pns_send(n, &m);
	turn();
	ck_assert_str_eq(dialled_number, "01");
	pns_close(n);
}
END_TEST

/* SEC-05: what no modem may be told is a bad value, whatever it matches. */
START_TEST(number_that_is_none)
{
	static const char *const bad[] = { "9ATH1", "91;2", "9", "9 1", "9\r1" };
	struct pns *n = pns_up(PNS_A);

	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
		unsigned before = real_dials;

		request(n, (uint16_t)i, bad[i]);
		if (i == 2) { /* the prefix is left */
			ck_assert_uint_eq(real_dials, before + 1);
			continue;
		}
		ck_assert_uint_eq(ocrp_code(n, (uint16_t)i), OCRP_ERROR * 10 + MSG_ERR_BAD_VALUE);
		ck_assert_uint_eq(real_dials, before);
	}
	pns_close(n);
}
END_TEST

/* CALL-OUT-01, CALL-OUT-04, CALL-OUT-05: each result of the line; no free line is a lack of resources. */
START_TEST(results)
{
	static const uint8_t codes[][3] = {
		{ OCRP_NO_CARRIER, 0, 30 }, { OCRP_BUSY, 0, 40 }, { OCRP_NO_DIAL_TONE, 0, 50 }, { OCRP_TIME_OUT, 0, 60 },
		{ OCRP_ERROR, MSG_ERR_PAC, 26 },
	};
	struct pns *n = pns_up(PNS_A);
	uint16_t id = 10;

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		request(n, ++id, "5551234");
		line_fails(nlines, codes[i][0], codes[i][1]);
		ck_assert_uint_eq(ocrp_code(n, id), codes[i][2]);
	}
	real_dial_error = -EBUSY;
	request(n, ++id, "5551234");
	ck_assert_uint_eq(ocrp_code(n, id), OCRP_ERROR * 10 + MSG_ERR_NO_RESOURCE);
	real_dial_error = 0;
	ck_assert_uint_eq(sessions_count(sessions), 0);
	pns_close(n);
}
END_TEST

/* CALL-OUT-06, CALL-OUT-08 */
START_TEST(ends)
{
	struct pns *n = pns_up(PNS_A);

	request(n, 1, "5551234");
	pns_ccrq(n, 1);
	ck_assert_uint_eq(cdn_code(n), CDN_REQUEST * 10);
	ck_assert_uint_eq(lines[nlines].hangups, 1);
	real_settle();

	request(n, 2, "5551234");
	real_connects(nlines, 28800);
	ck_assert_uint_eq(ocrp_code(n, 2), OCRP_CONNECTED * 10);
	real_goes_down(nlines, MSG_ERR_NONE);
	ck_assert_uint_eq(cdn_code(n), CDN_LOST_CARRIER * 10);

	request(n, 3, "5551234"); /* the data path sees it first */
	real_connects(nlines, 28800);
	ck_assert_uint_eq(ocrp_code(n, 3), OCRP_CONNECTED * 10);
	sessions_line_closed(sessions, nlines);
	ck_assert_uint_eq(cdn_code(n), CDN_LOST_CARRIER * 10);
	ck_assert_uint_eq(lines[nlines].hangups, 1);
	pns_close(n);
}
END_TEST

static uint64_t connected(struct pns *n, uint16_t id)
{
	request(n, id, "5551234");
	real_connects(nlines, 28800);
	ck_assert_uint_eq(ocrp_code(n, id), OCRP_CONNECTED * 10);
	return nlines;
}

/* CALL-OUT-14: a CCRQ has the PNS's id; one with ours names no call. */
START_TEST(cleared_by_our_id)
{
	struct pns *n = pns_up(PNS_A);
	struct session_view v;
	uint64_t id = connected(n, 1);

	pns_ccrq(n, attached.call_id == 1 ? 2 : attached.call_id);
	pns_lives(n);
	ck_assert(sessions_view(sessions, id, &v));
	ck_assert_str_eq(v.state, "established");
	pns_ccrq(n, 1);
	ck_assert_uint_eq(cdn_code(n), CDN_REQUEST * 10);
	pns_close(n);
}
END_TEST

/* CALL-20, CALL-21 */
START_TEST(set_link_info)
{
	struct msg m = { .type = MSG_SLI, .sli = { .send_accm = 0x000a0000, .receive_accm = 0x11 } };
	struct pns *n = pns_up(PNS_A), *other = pns_up(PNS_B);

	connected(n, 1);
	m.sli.peer_call_id = attached.call_id;
	pns_send(other, &m); /* not its call */
	pns_lives(other);
	ck_assert_uint_eq(set_links, 0);
	pns_send(n, &m);
	pns_lives(n);
	ck_assert_uint_eq(set_links, 1);
	ck_assert_uint_eq(set_send, 0x000a0000);
	ck_assert_uint_eq(set_receive, 0x11);
	pns_close(n);
	pns_close(other);
}
END_TEST

/* CALL-22, TIM-06: one when they grew, cumulative, and not another one for a minute. */
START_TEST(wan_error_notify)
{
	struct pns *n = pns_up(PNS_A);
	struct msg_wen w;

	path_stats = (struct datapath_stats){ 0 };
	connected(n, 77);
	skip_ms(20000);
	pns_silence(n);
	path_stats.line_faults[HDLC_FAULT_FCS] = 2;
	path_stats.line_faults[HDLC_FAULT_ABORT] = 1;
	path_stats.tx_timeouts = 9;
	line_errors = (struct line_errors){ 4, 5, 6, 7 };
	skip_ms(5100);
	w = pns_expect(n, MSG_WEN).wen;
	ck_assert_uint_eq(w.peer_call_id, 77);
	ck_assert_uint_eq(w.crc, 2);
	ck_assert_uint_eq(w.framing, 5);
	ck_assert_uint_eq(w.hardware_overrun, 5);
	ck_assert_uint_eq(w.buffer_overrun, 6);
	ck_assert_uint_eq(w.time_out, 0); /* those of the tunnel are none of the line */
	ck_assert_uint_eq(w.alignment, 7);
	path_stats.line_faults[HDLC_FAULT_FCS] = 3;
	for (int i = 0; i < 11; i++) {
		skip_ms(5000);
		pns_lives(n);
	}
	skip_ms(5200);
	ck_assert_uint_eq(pns_expect(n, MSG_WEN).wen.crc, 3);
	for (int i = 0; i < 30; i++) {
		skip_ms(5000);
		pns_lives(n);
	}
	line_errors = (struct line_errors){ 0 };
	pns_close(n);
}
END_TEST

/* CALL-22: never to a VPN caller. */
START_TEST(no_notify_without_a_line)
{
	struct pns *n = pns_up(PNS_A);

	path_stats = (struct datapath_stats){ .line_faults = { 5, 5, 5, 5 } };
	calling(n, 1);
	ck_assert(!attached.pace_bps && !attached.ack_taken && !attached.accm && !attached.receive_accm);
	skip_ms(30000);
	pns_silence(n);
	pns_close(n);
}
END_TEST

static Suite *session_real_suite(void)
{
	Suite *s = suite_create("session_real");

	RING_CASE(s, "dial", planned, dialled, which_line, digits_only, number_that_is_none,
		  results, ends);
	RING_CASE(s, "link", planned, cleared_by_our_id, set_link_info, wan_error_notify, no_notify_without_a_line);
	return s;
}

UNIT_MAIN(session_real_suite)
