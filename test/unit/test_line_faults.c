/*
 * Lines with a modem that does what no modem should: it floods us, it rings for ever, or its device is held by what is
 * left of our own call (issue 5, section 1: a line that fails is out of service, and tried again).
 */
#include "test/unit/unit_lines.h"

/* What of our own call is not closed yet holds the device: no other program does. */
START_TEST(held_after_our_own_close)
{
	struct priv_open o;

	modems_up("lines = ( { name = \"m\"; type = \"tty\"; device = \"/dev/ttyS1\"; } );");
	configure("lines = ( { name = \"m\"; type = \"tty\"; device = \"/dev/ttyS1\"; baud = 9600; } );");
	asked_unlock(100);
	for (int i = 0; i < 5; i++) {
		o = asked_open();
		tell_opened(&o, EBUSY, -1, 0);
		ck_assert_str_eq(state_of("m"), "closed");
		skip_ms(900);
		asked_nothing();
		skip_ms(101);
	}
	ck_assert_uint_eq(logged("line-failed"), 0);
	o = asked_open();
	tell_opened(&o, EBUSY, -1, 0);
	ck_assert_str_eq(view_of("m").last_error, "locked by another program");
	ck_assert_uint_eq(logged("line-failed"), 1);
	skip_ms(29000);
	asked_nothing();
	skip_ms(1001);
	o = asked_open(); /* nothing was closed since: it is somebody else's at once */
	tell_opened(&o, EBUSY, -1, 0);
	skip_ms(29000);
	asked_nothing();
	skip_ms(1001);
	ck_assert_uint_eq(root_opens(), 1);
	/* A port that died, likewise. */
	port_dies(port_of("m"), "unplugged");
	asked_unlock(100);
	skip_ms(30001);
	o = asked_open();
	tell_opened(&o, EBUSY, -1, 0);
	skip_ms(1001);
	o = asked_open();
	tell_opened(&o, 0, some_device(), 7);
	ck_assert_str_eq(view_of("m").last_error, "unplugged");
}
END_TEST

static void floods(struct fake *p, unsigned kilobytes)
{
	static uint8_t text[1024];

	memset(text, 'x', sizeof text);
	while (kilobytes-- && p->used)
		p->h->input(p->ctx, text, sizeof text);
	turn();
}

/* A terminal server that sends at the network's speed. */
START_TEST(flood_in_command_mode)
{
	struct fake *p;

	modems_up("lines = ( { name = \"m\"; type = \"tty\"; device = \"/dev/ttyS1\"; } );");
	p = port_of("m");
	for (int i = 0; i < 10; i++) {
		skip_ms(10001);
		floods(p, 64);
	}
	ck_assert(p->used && logged("line-failed") == 0);
	skip_ms(10001);
	ck_assert_int_eq(dial(1, "default"), 0);
	floods(p, 60);
	skip_ms(9000);
	floods(p, 5);
	ck_assert(!p->used);
	ck_assert(seen.failed == 1 && seen.result == OCRP_ERROR && seen.error == MSG_ERR_PAC);
	asked_unlock(100);
	ck_assert_str_eq(state_of("m"), "failed");
	ck_assert_ptr_nonnull(strstr(view_of("m").last_error, "more than a modem says"));
	skip_ms(30001);
	root_opens();
	ports_ready();
	modems_work();
	ck_assert_str_eq(state_of("m"), "idle");
}
END_TEST

START_TEST(rings_without_end)
{
	modems_up(MODEMS);
	for (int i = 0; i < 100; i++) {
		modem_says(port_of("m1"), "\r\nRING\r\n");
		skip_ms(4000);
	}
	ck_assert(seen.rings == 1 && seen.over == 1 && seen.ring_over == seen.ring);
	ck_assert_str_eq(state_of("m1"), "failed");
	ck_assert_uint_eq(lines_busy(lines), 0);
	ck_assert_uint_eq(logged("line-failed name=m1"), 1);
	ck_assert_ptr_nonnull(strstr(view_of("m1").last_error, "rings without end"));
	for (int i = 0; i < 10; i++)
		modems_work();
	ck_assert_str_eq(state_of("m1"), "idle");
	ck_assert_uint_eq(logged("line-up name=m1"), 2);
}
END_TEST

static Suite *line_faults_suite(void)
{
	Suite *s = suite_create("line_faults");

	LINES_CASE(s, "faults", held_after_our_own_close, flood_in_command_mode, rings_without_end);
	return s;
}

UNIT_MAIN(line_faults_suite)
