/*
 * Lines with a modem behind a port, with this test in the place of the port and the modem: opening, rings, calls in
 * both directions, and every way in which they end (CALL-IN-03, -05, -06, -09, CALL-OUT-02 to -06, -08).
 */
#include "test/unit/unit_lines.h"

/* --- opening --- */

START_TEST(wakes)
{
	struct priv_open o;
	struct line_view v;

	configure(MODEMS);
	for (unsigned i = 0; i < 3; i++) {
		o = asked_open();
		ck_assert_uint_eq(o.index, i);
		ck_assert_uint_eq(o.generation, generation);
		ck_assert_str_eq(state_of("m1"), "closed");
		tell_opened(&o, 0, some_device(), i + 100);
	}
	asked_nothing();
	ck_assert_uint_eq(ports_open(), 3);
	ports_ready();
	ck_assert_str_eq(state_of("m1"), "init");
	ck_assert_uint_eq(logged("line-up"), 0);
	modems_work();
	ck_assert_uint_eq(logged("line-up"), 3);
	ck_assert_uint_eq(logged("line-up name=m2 group=modems place=\"/dev/ttyS2\""), 1);
	v = view_of("m2");
	ck_assert_str_eq(v.state, "idle");
	ck_assert_str_eq(v.control, "modem-lines");
	ck_assert_str_eq(v.type, "tty");
	ck_assert_str_eq(v.place, "/dev/ttyS2");
	ck_assert_str_eq(v.group, "modems");
	ck_assert_uint_eq(v.channel, 2);
	ck_assert(!v.session && !v.speed && !v.faults && !v.last_error[0] && !v.last_error_at);
	ck_assert(port_of("m1")->dtr);
	ck_assert_uint_eq(lines_busy(lines), 0);
	ck_assert(!lines_view(lines, 3, &v));
}
END_TEST

START_TEST(cannot_be_opened)
{
	static const struct {
		int error;
		const char *sentence;
	} rows[] = {
		{ EBUSY, "locked by another program" }, { ENOENT, "there is no such device" },
		{ EACCES, "the root part may not open it" }, { EMFILE, "out of file descriptors" },
		{ ESTALE, "Stale file handle" },
	};
	uint64_t before = stats_get(STATS_LINES_FAILED);
	struct priv_open o;

	configure("lines = ( { name = \"m\"; type = \"tty\"; device = \"/dev/ttyS1\"; retry = 30; } );");
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		o = asked_open();
		tell_opened(&o, rows[i].error, -1, 0);
		ck_assert_str_eq(state_of("m"), "failed");
		ck_assert_str_eq(view_of("m").last_error, rows[i].sentence);
		ck_assert_int_ne(view_of("m").last_error_at, 0);
		asked_nothing();
		skip_ms(29000);
		asked_nothing();
		skip_ms(1001);
	}
	ck_assert_uint_eq(logged("line-failed"), 1);
	ck_assert_uint_eq(logged("line-failed name=m group=default place=\"/dev/ttyS1\" "
				 "error=\"locked by another program\" retry_s=30 hint="), 1);
	ck_assert_uint_eq(view_of("m").faults, 1);
	ck_assert_uint_eq(stats_get(STATS_LINES_FAILED), before + 1);
	ck_assert_int_eq(dial(1, "default"), -EBUSY);
	o = asked_open();
	tell_opened(&o, 0, some_device(), 7);
	ports_ready();
	modems_work();
	ck_assert_str_eq(state_of("m"), "idle");
	ck_assert_uint_eq(logged("line-up"), 1);
}
END_TEST

/* The device is no serial one after all, or its port cannot be had: the lock goes. */
START_TEST(no_port)
{
	struct priv_open o;

	configure("lines = ( { name = \"m\"; type = \"tty\"; device = \"/dev/ttyS1\"; },"
		  "{ name = \"r\"; type = \"tcp\"; mode = \"rfc2217\"; address = \"127.0.0.1:2217\"; retry = 1; } );");
	ck_assert_uint_eq(ports_open(), 1);
	port_error = ENOTTY;
	o = asked_open();
	tell_opened(&o, 0, some_device(), 9);
	asked_unlock(9);
	ck_assert_str_eq(state_of("m"), "failed");
	port_dies(port_of("r"), "refused");
	ck_assert_str_eq(view_of("r").last_error, "refused");
	skip_ms(1100);
	ck_assert_uint_eq(ports_open(), 0);
	port_error = 0;
	skip_ms(1100);
	ports_ready();
	ck_assert_str_eq(view_of("r").type, "rfc2217");
	ck_assert_str_eq(view_of("r").place, "127.0.0.1:2217");
	modems_work();
	ck_assert_str_eq(state_of("r"), "idle");
	ck_assert_uint_eq(logged("line-failed name=r"), 1);
	ck_assert_uint_eq(logged("line-up name=r"), 1);
}
END_TEST

START_TEST(does_not_answer)
{
	configure("lines = ( { name = \"m\"; type = \"tty\"; device = \"/dev/ttyS1\"; retry = 30; } );");
	root_opens();
	ports_ready();
	for (int i = 0; i < 100 && strcmp(state_of("m"), "failed"); i++)
		skip_ms(500);
	ck_assert_str_eq(state_of("m"), "failed");
	ck_assert_uint_eq(logged("line-failed"), 1);
	ck_assert_uint_eq(logged("the modem does not answer"), 1);
	ck_assert_uint_eq(port_of("m")->flushes, 2); /* when it was opened, and now */
	for (int i = 0; i < 240; i++) /* tries again, says no more */
		skip_ms(500);
	ck_assert_uint_eq(logged("line-failed"), 1);
	ck_assert_uint_eq(view_of("m").faults, 1);
	for (int i = 0; i < 20 && strcmp(state_of("m"), "idle"); i++)
		modems_work();
	ck_assert_str_eq(state_of("m"), "idle");
	ck_assert_uint_eq(logged("line-up"), 1);
}
END_TEST

/* Said once for a line, also when its port dies in between. */
START_TEST(text_only)
{
	port_kind = "text";
	modems_up("lines = ( { name = \"m\"; type = \"tty\"; device = \"/dev/ttyS1\"; } );");
	ck_assert_str_eq(view_of("m").control, "text");
	ck_assert_uint_eq(logged("line-text name=m hint="), 1);
	port_dies(port_of("m"), "unplugged");
	asked_unlock(100);
	skip_ms(30001);
	root_opens();
	ports_ready();
	modems_work();
	ck_assert_uint_eq(logged("line-text"), 1);
	ck_assert_uint_eq(logged("line-up"), 2);
}
END_TEST

/* --- rings --- */

static void rings(const char *name)
{
	modem_says(port_of(name), "\r\nRING\r\n");
	modem_says(port_of(name), "NMBR = 0305555\r\n");
	skip_ms(300);
	modem_says(port_of(name), "\r\nRING\r\n");
}

START_TEST(ring_is_answered)
{
	struct fake *p;
	struct line_view v;
	char rest[8];

	modems_up(MODEMS);
	p = port_of("m2");
	rings("m2");
	ck_assert_uint_eq(seen.rings, 1);
	ck_assert_str_eq(seen.name, "m2");
	ck_assert_uint_eq(seen.channel, 2);
	ck_assert_str_eq(seen.calling, "0305555");
	ck_assert_str_eq(seen.called, "");
	ck_assert_str_eq(state_of("m2"), "ringing");
	ck_assert_uint_eq(lines_busy(lines), 1);
	ck_assert(strncmp(p->said, "ATA", 3)); /* only when it is asked for */
	ck_assert_int_eq(CALL(lines_ops.answer(lines, seen.ring + 1, 5)), -ENOENT);
	p->errors = (struct line_errors){ 10, 20, 30, 40 };
	ck_assert_int_eq(CALL(lines_ops.answer(lines, seen.ring, 5)), 0);
	ck_assert_int_eq(CALL(lines_ops.answer(lines, seen.ring, 6)), -ENOENT);
	ck_assert_str_eq(p->said, "ATA\r");
	ck_assert_str_eq(state_of("m2"), "answering");
	p->h->lines(p->ctx, true, 1);
	modem_says(p, "\r\nCONNECT 31200/ARQ\r\nrest");
	ck_assert_uint_eq(seen.answered, 1);
	ck_assert_uint_eq(seen.session, 5);
	ck_assert_uint_eq(seen.up.speed, 31200);
	ck_assert_uint_eq(seen.up.pace_bps, 31200);
	ck_assert_uint_eq(seen.up.framing, MSG_FRAMING_ASYNC);
	ck_assert_uint_eq(seen.up.channel, 2);
	ck_assert_uint_eq(seen.up.window, 4);
	ck_assert(seen.up.flow_control && !seen.up.pid);
	ck_assert_str_eq(seen.connect, "31200/ARQ");
	ck_assert_int_eq(recv(seen.up.fd, rest, sizeof rest, 0), 4); /* what came behind the answer goes first */
	ck_assert_mem_eq(rest, "rest", 4);
	ck_assert(joined(p->data, seen.up.fd) && joined(seen.up.fd, p->data));
	p->errors = (struct line_errors){ 11, 22, 33, 44 };
	v = view_of("m2");
	ck_assert_str_eq(v.state, "online");
	ck_assert(v.session == 5 && v.speed == 31200 && v.rings == 1 && v.answered == 1 && v.connected == 1);
	ck_assert_str_eq(v.calling, "0305555");
	ck_assert_uint_eq(v.errors.framing, 11);
	ck_assert_uint_eq(lines_busy(lines), 1);
}
END_TEST

START_TEST(errors_of_a_call)
{
	struct line_errors e = { 9, 9, 9, 9 };
	struct fake *p;

	modems_up(MODEMS);
	p = port_of("m1");
	p->errors = (struct line_errors){ 10, 20, 30, 40 };
	ck_assert(!CALL(lines_ops.errors(lines, 1, &e)));
	ck_assert_int_eq(dial(1, "modems"), 0);
	ck_assert(lines_ops.errors(lines, 1, &e));
	ck_assert(!e.framing && !e.hardware_overrun && !e.buffer_overrun && !e.parity);
	p->errors = (struct line_errors){ 11, 22, 33, 5 }; /* a driver may count anew */
	ck_assert(lines_ops.errors(lines, 1, &e));
	ck_assert(e.framing == 1 && e.hardware_overrun == 2 && e.buffer_overrun == 3 && e.parity == 0);
	ck_assert(!lines_ops.errors(lines, 0, &e));
}
END_TEST

START_TEST(ring_is_given_up)
{
	modems_up(MODEMS);
	rings("m1");
	for (int i = 0; i < 20; i++)
		skip_ms(500);
	ck_assert_uint_eq(seen.over, 1);
	ck_assert_uint_eq(seen.ring_over, seen.ring);
	ck_assert_int_eq(CALL(lines_ops.answer(lines, seen.ring, 5)), -ENOENT);
	DO(lines_ops.reject(lines, seen.ring));
	modems_work();
	ck_assert_str_eq(state_of("m1"), "idle");
	ck_assert_uint_eq(lines_busy(lines), 0);
	rings("m1");
	ck_assert_uint_eq(seen.rings, 2);
}
END_TEST

/* The caller hears it ring on; the line is told of no more, and is free when it is over. */
START_TEST(ring_is_rejected)
{
	modems_up(MODEMS);
	seen.reject = true;
	rings("m1");
	for (int i = 0; i < 5; i++) {
		skip_ms(2000);
		modem_says(port_of("m1"), "\r\nRING\r\n");
	}
	ck_assert_uint_eq(seen.rings, 1);
	ck_assert_uint_eq(lines_busy(lines), 0);
	for (int i = 0; i < 10; i++)
		skip_ms(1000);
	modems_work();
	ck_assert_uint_eq(seen.over, 0);
	ck_assert_str_eq(state_of("m1"), "idle");
	rings("m1");
	ck_assert_uint_eq(seen.rings, 2);
}
END_TEST

/* CALL-IN-06: once, with an end that fits, and the line comes back. */
START_TEST(answer_fails)
{
	struct fake *p;

	modems_up(MODEMS);
	seen.answer = true;
	p = port_of("m1");
	rings("m1");
	modem_says(p, "\r\nNO CARRIER\r\n");
	ck_assert_uint_eq(seen.failed, 1);
	ck_assert_uint_eq(seen.session, 1);
	ck_assert_uint_eq(seen.result, OCRP_NO_CARRIER);
	modems_work();
	ck_assert_str_eq(state_of("m1"), "idle");
	ck_assert_uint_eq(view_of("m1").no_carrier, 1);
	rings("m1");
	hangup(2);
	hangup(2);
	modems_work();
	modems_work();
	ck_assert_uint_eq(seen.down, 1);
	ck_assert_uint_eq(seen.ended[2], 1);
	rings("m1");
	ck_assert_uint_eq(seen.rings, 3);
	port_dies(p, "unplugged");
	ck_assert_uint_eq(seen.failed, 2);
	ck_assert_uint_eq(seen.result, OCRP_ERROR);
	ck_assert_uint_eq(seen.error, MSG_ERR_PAC);
	ck_assert_str_eq(state_of("m1"), "failed");
	ck_assert_uint_eq(seen.answered, 0);
}
END_TEST

START_TEST(port_dies_while_it_rings)
{
	struct fake *p;

	modems_up(MODEMS);
	rings("m1");
	port_dies(port_of("m1"), "unplugged");
	ck_assert_uint_eq(seen.over, 1);
	/* Before it was told: nothing is. */
	p = port_of("m2");
	p->h->input(p->ctx, (const uint8_t *)"\r\nRING\r\nRING\r\n", 14);
	p->h->closed(p->ctx, "unplugged");
	turn();
	ck_assert(seen.rings == 1 && seen.over == 1);
	ck_assert_uint_eq(lines_busy(lines), 0);
	ck_assert_int_eq(CALL(lines_ops.answer(lines, seen.ring, 5)), -ENOENT);
	asked_unlock(100);
	asked_unlock(101);
	ck_assert_uint_eq(logged("error=\"unplugged\""), 2);
}
END_TEST

/* --- dialling --- */

static struct fake *dialling(uint64_t session)
{
	struct line_view v;

	ck_assert_int_eq(dial(session, "modems"), 0);
	for (size_t i = 0; lines_view(lines, i, &v); i++)
		if (v.session == session) {
			ck_assert_str_eq(v.state, "dialling");
			return port_of(v.name);
		}
	ck_abort_msg("nobody dials");
	return NULL;
}

static struct fake *online(uint64_t session)
{
	struct fake *p = dialling(session);

	p->h->lines(p->ctx, true, 0);
	modem_says(p, "\r\nCONNECT 28800\r\n");
	ck_assert_uint_eq(seen.session, session);
	ck_assert(p->data_mode);
	return p;
}

START_TEST(dial_succeeds)
{
	struct fake *p;
	struct line_view v;

	modems_up(MODEMS);
	p = dialling(1);
	ck_assert_str_eq(p->said, "ATDT12345\r");
	p->h->lines(p->ctx, true, 0);
	modem_says(p, "\r\nCONNECT\r\n");
	ck_assert_uint_eq(seen.answered, 1);
	ck_assert_uint_eq(seen.up.speed, 33600); /* as configured */
	ck_assert(joined(p->data, seen.up.fd));
	v = view_of(seen.name);
	ck_assert(v.dialled == 1 && v.connected == 1 && v.session == 1);
	ck_assert_str_eq(v.called, "12345");
}
END_TEST

/* CALL-OUT-04, -05 */
START_TEST(dial_results)
{
	static const struct {
		const char *says;
		uint8_t result;
		uint16_t cause;
	} rows[] = {
		{ "BUSY", OCRP_BUSY, 17 }, { "NO CARRIER", OCRP_NO_CARRIER, 0 },
		{ "NO DIALTONE", OCRP_NO_DIAL_TONE, 0 }, { "NO ANSWER", OCRP_TIME_OUT, 19 }, { "ERROR", OCRP_ERROR, 0 }, { NULL, OCRP_TIME_OUT, 0 },
	};
	struct line_view v = { 0 }, one;
	uint64_t n[5] = { 0 };

	modems_up(MODEMS);
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fake *p = dialling(i + 1);

		if (rows[i].says) {
			modem_says(p, "\r\n");
			modem_says(p, rows[i].says);
			modem_says(p, "\r\n");
		} else {
			skip_ms(91000);
		}
		ck_assert_uint_eq(seen.failed, i + 1);
		ck_assert_uint_eq(seen.session, i + 1);
		ck_assert_uint_eq(seen.result, rows[i].result);
		ck_assert_uint_eq(seen.error, rows[i].result == OCRP_ERROR ? MSG_ERR_PAC : MSG_ERR_NONE);
		ck_assert_uint_eq(seen.cause, rows[i].cause);
		hangup(i + 1);
		modems_work();
		modems_work();
	}
	for (size_t i = 0; lines_view(lines, i, &one); i++) {
		n[0] += one.busy, n[1] += one.no_carrier, n[2] += one.no_dialtone, n[3] += one.no_answer;
		n[4] += one.time_outs;
		v = one;
		ck_assert_uint_eq(one.dialled, 2); /* by turns */
	}
	ck_assert(n[0] == 1 && n[1] == 1 && n[2] == 1 && n[3] == 1 && n[4] == 1);
	ck_assert_str_eq(v.state, "idle");
	ck_assert_uint_eq(seen.down, 0);
}
END_TEST

START_TEST(bad_number)
{
	const struct line_dial bad = { .group = "modems", .number = "1;rm", .bearer = 3, .framing = 3 };

	modems_up(MODEMS);
	ck_assert_int_eq(CALL(lines_ops.dial(lines, 1, &bad)), -EINVAL);
	modems_work();
	ck_assert_uint_eq(seen.failed + seen.down, 0);
	ck_assert_uint_eq(lines_busy(lines), 0);
	ck_assert_ptr_nonnull(dialling(1)); /* the number of the session is free again, too */
}
END_TEST

/* CALL-OUT-06 */
START_TEST(hangup_while_dialling)
{
	struct fake *p;

	modems_up(MODEMS);
	p = dialling(1);
	hangup(1);
	hangup(1);
	ck_assert_uint_eq(lines_busy(lines), 1);
	ck_assert_str_eq(state_of("m1"), "hanging-up");
	ck_assert(!p->dtr);
	modems_work();
	modems_work();
	hangup(1);
	ck_assert(seen.down == 1 && !seen.failed && !seen.answered && seen.ended[1] == 1);
	ck_assert_uint_eq(lines_busy(lines), 0);
	ck_assert_str_eq(state_of("m1"), "idle");
}
END_TEST

/* The modem is online, and nobody has heard yet: the session hears of its end only, and no descriptor is lost. */
START_TEST(hangup_before_it_is_told)
{
	struct fake *p;

	modems_up(MODEMS);
	p = dialling(1);
	p->h->lines(p->ctx, true, 0);
	p->h->input(p->ctx, (const uint8_t *)"\r\nCONNECT\r\n", 11);
	ck_assert_uint_eq(seen.answered, 0);
	hangup(1);
	turn();
	ck_assert_uint_eq(seen.answered, 0);
	p->h->lines(p->ctx, false, 0);
	modems_work();
	ck_assert_uint_eq(seen.down, 1);
	/* Likewise a failure. */
	p = dialling(2);
	p->h->input(p->ctx, (const uint8_t *)"\r\nBUSY\r\n", 8);
	hangup(2);
	turn();
	ck_assert(seen.failed == 0 && seen.down == 2 && seen.ended[2] == 1);
	/* And a carrier that comes and goes. */
	p = dialling(3);
	p->h->lines(p->ctx, true, 0);
	p->h->input(p->ctx, (const uint8_t *)"\r\nCONNECT\r\n", 11);
	p->h->lines(p->ctx, false, 0);
	turn();
	ck_assert(seen.answered == 0 && seen.failed == 1 && seen.result == OCRP_NO_CARRIER);
	/* Two ends: the first one counts. */
	modems_work();
	modems_work();
	p = dialling(4);
	p->h->input(p->ctx, (const uint8_t *)"\r\nBUSY\r\n", 8);
	p->h->closed(p->ctx, "unplugged");
	turn();
	ck_assert(seen.failed == 2 && seen.ended[4] == 1 && seen.result == OCRP_BUSY);
}
END_TEST

START_TEST(no_descriptor)
{
	struct fake *p;

	modems_up(MODEMS);
	p = dialling(1);
	p->data_refused = true;
	p->h->lines(p->ctx, true, 0);
	fake_ops.data_end = fake_flush; /* data mode never was */
	modem_says(p, "\r\nCONNECT\r\n");
	ck_assert_uint_eq(seen.failed, 1);
	ck_assert_uint_eq(seen.result, OCRP_ERROR);
	ck_assert_uint_eq(seen.error, MSG_ERR_NO_RESOURCE);
	ck_assert_str_eq(state_of("m1"), "hanging-up");
	p->h->lines(p->ctx, false, 0);
	modems_work();
	fake_ops.data_end = fake_data_end;
	ck_assert(seen.down == 0 && seen.answered == 0);
	ck_assert_str_eq(state_of("m1"), "idle");
}
END_TEST

/* --- the end of calls --- */

/* CALL-IN-09, CALL-OUT-08 */
START_TEST(carrier_is_lost)
{
	struct fake *p;

	modems_up(MODEMS);
	p = online(1);
	p->h->lines(p->ctx, false, 0);
	turn();
	ck_assert(seen.down == 1 && seen.error == MSG_ERR_NONE && !seen.failed);
	hangup(1);
	modems_work();
	modems_work();
	ck_assert_uint_eq(lines_busy(lines), 0);
	ck_assert_str_eq(state_of("m1"), "idle");
	ck_assert_uint_eq(seen.down, 1);
}
END_TEST

START_TEST(no_carrier_in_text)
{
	struct fake *p;

	port_kind = "text";
	modems_up(MODEMS);
	p = dialling(1);
	modem_says(p, "\r\nCONNECT 9600\r\n");
	ck_assert_uint_eq(seen.answered, 1);
	p->h->no_carrier(p->ctx);
	turn();
	ck_assert_uint_eq(seen.down, 1);
}
END_TEST

START_TEST(hangup_online)
{
	struct fake *p;

	modems_up(MODEMS);
	p = online(1);
	hangup(1);
	ck_assert(!p->dtr && !p->data_mode);
	p->h->lines(p->ctx, false, 0);
	for (int i = 0; i < 3; i++)
		modems_work();
	hangup(1);
	ck_assert(seen.down == 1 && seen.error == MSG_ERR_NONE);
	ck_assert_str_eq(state_of("m1"), "idle");
	ck_assert(p->dtr);
}
END_TEST

START_TEST(port_dies_online)
{
	modems_up(MODEMS);
	port_dies(online(1), "unplugged");
	ck_assert(seen.down == 1 && seen.error == MSG_ERR_PAC && !seen.failed);
	ck_assert_uint_eq(lines_busy(lines), 0);
	asked_unlock(100);
	hangup(1);
	skip_ms(30001);
	ck_assert_uint_eq(root_opens(), 1);
	ports_ready();
	modems_work();
	ck_assert_str_eq(state_of("m1"), "idle");
	ck_assert_uint_eq(seen.down, 1);
}
END_TEST

static Suite *line_modem_suite(void)
{
	Suite *s = suite_create("line_modem");

	LINES_CASE(s, "open", wakes, cannot_be_opened, no_port, does_not_answer, text_only);
	LINES_CASE(s, "ring", ring_is_answered, errors_of_a_call, ring_is_given_up, ring_is_rejected, answer_fails,
		  port_dies_while_it_rings);
	LINES_CASE(s, "dial", dial_succeeds, dial_results, bad_number, hangup_while_dialling, hangup_before_it_is_told,
		  no_descriptor);
	LINES_CASE(s, "end", carrier_is_lost, no_carrier_in_text, hangup_online, port_dies_online);
	return s;
}

UNIT_MAIN(line_modem_suite)
