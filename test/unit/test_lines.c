/*
 * The set of real lines: groups and the choice of a line, busy-out and drain, what the operator sees, reloads with
 * calls on, the root part's queue, and hundreds of lines (CALL-IN-01, -11, CALL-OUT-01).
 */
#include "pacd/line/lines_internal.h"

#include "test/unit/unit_lines.h"

static struct fake *online(uint64_t session, const char *group)
{
	struct line_view v;
	struct fake *p = NULL;

	ck_assert_int_eq(dial(session, group), 0);
	for (size_t i = 0; lines_view(lines, i, &v); i++)
		if (v.session == session)
			p = port_of(v.name);
	ck_assert_ptr_nonnull(p);
	p->h->lines(p->ctx, true, 0);
	modem_says(p, "\r\nCONNECT\r\n");
	ck_assert_uint_eq(seen.session, session);
	return p;
}

static void rings(const char *name)
{
	modem_says(port_of(name), "\r\nRING\r\n");
	modem_says(port_of(name), "\r\nRING\r\n");
}

static void ends(struct fake *p)
{
	p->h->lines(p->ctx, false, 0);
	for (int i = 0; i < 3; i++)
		modems_work();
}

static unsigned count(void)
{
	struct line_view v;
	unsigned n = 0;

	while (lines_view(lines, n, &v))
		n++;
	return n;
}

/* --- the choice of a line --- */

START_TEST(groups)
{
	modems_up("lines = ( { name = \"a\"; type = \"tty\"; device = \"/dev/a\"; group = \"one\"; },"
		  "{ name = \"i\"; type = \"tty\"; device = \"/dev/i\"; group = \"one\"; use = \"in\"; },"
		  "{ name = \"o\"; type = \"tty\"; device = \"/dev/o\"; group = \"two\"; use = \"out\"; },"
		  "{ name = \"p\"; type = \"ppp\"; group = \"three\"; },"
		  "{ name = \"l\"; type = \"tcp\"; listen = \"127.0.0.1:7001\"; group = \"four\"; } );");
	ck_assert_uint_eq(count(), 4); /* the local pppd is none of ours */
	ck_assert_uint_eq(view_of("l").channel, 5);
	ck_assert_int_eq(dial(1, "none"), -ENOENT);
	ck_assert_int_eq(dial(1, "three"), -ENOENT);
	ck_assert_int_eq(dial(1, NULL), -ENOENT);
	ck_assert_int_eq(dial(1, "four"), -EBUSY); /* no address to dial */
	ck_assert_int_eq(dial(1, "one"), 0);
	ck_assert_int_eq(dial(2, "one"), -EBUSY);
	ck_assert_int_eq(dial(2, "two"), 0);
	ck_assert_int_eq(dial(3, "two"), -EBUSY);
	ck_assert_uint_eq(view_of("a").session, 1);
	ck_assert_uint_eq(view_of("o").session, 2);
	rings("i");
	ck_assert_uint_eq(seen.rings, 1);
}
END_TEST

/* CALL-OUT-01 */
START_TEST(bearer_and_framing)
{
	struct line_dial d = { .group = "default", .number = "1", .bearer = MSG_BEARER_DIGITAL,
			       .framing = MSG_FRAMING_ASYNC };

	modems_up("lines = ( { name = \"a\"; type = \"tty\"; device = \"/dev/a\"; },"
		  "{ name = \"d\"; type = \"tty\"; device = \"/dev/d\"; bearer = \"digital\"; } );");
	ck_assert_int_eq(CALL(lines_ops.dial(lines, 1, &d)), 0);
	ck_assert_uint_eq(view_of("d").session, 1);
	ck_assert_int_eq(CALL(lines_ops.dial(lines, 2, &d)), -EBUSY);
	d.bearer = 3;
	d.framing = MSG_FRAMING_SYNC;
	ck_assert_int_eq(CALL(lines_ops.dial(lines, 2, &d)), -EBUSY);
	d.framing = 3;
	ck_assert_int_eq(CALL(lines_ops.dial(lines, 2, &d)), 0);
	ck_assert_uint_eq(view_of("a").session, 2);
}
END_TEST

START_TEST(longest_idle)
{
	modems_up(MODEMS);
	for (unsigned i = 1; i <= 3; i++) {
		ends(online(i, "modems"));
		ck_assert_uint_eq(seen.ended[i], 1);
	}
	ck_assert(view_of("m1").dialled == 1 && view_of("m2").dialled == 1 && view_of("m3").dialled == 1);
	/* A call that came in is a use as well. */
	seen.answer = true;
	seen.next = 9;
	rings("m1");
	modem_says(port_of("m1"), "\r\nNO CARRIER\r\n");
	modems_work();
	modems_work();
	ends(online(4, "modems"));
	ck_assert_uint_eq(view_of("m2").dialled, 2);
	ends(online(5, "modems"));
	ends(online(6, "modems"));
	ck_assert(view_of("m1").dialled == 2 && view_of("m3").dialled == 2);
}
END_TEST

START_TEST(first_in_file)
{
	modems_up(MODEMS "line_choice = \"first\";");
	ends(online(1, "modems"));
	ends(online(2, "modems"));
	ck_assert_uint_eq(view_of("m1").dialled, 2);
	online(3, "modems");
	online(4, "modems");
	ck_assert(view_of("m1").dialled == 3 && view_of("m2").dialled == 1 && !view_of("m3").dialled);
}
END_TEST

/* --- the operator --- */

START_TEST(busy_out)
{
	modems_up(MODEMS);
	ck_assert_int_eq(CALL(lines_act(lines, "x", LINE_BUSY_OUT)), -ENOENT);
	ck_assert_int_eq(CALL(lines_act(lines, "m1", LINE_ENABLE)), -EALREADY);
	ck_assert_int_eq(CALL(lines_act(lines, "m1", LINE_BUSY_OUT)), 0);
	ck_assert_int_eq(CALL(lines_act(lines, "m1", LINE_BUSY_OUT)), -EALREADY);
	ck_assert_str_eq(state_of("m1"), "busied-out");
	rings("m1");
	ck_assert_uint_eq(seen.rings, 0);
	for (int i = 0; i < 20; i++)
		skip_ms(1000);
	ck_assert_int_eq(CALL(lines_act(lines, "m2", LINE_BUSY_OUT)), 0);
	online(1, "modems");
	ck_assert_int_eq(dial(2, "modems"), -EBUSY);
	/* A call goes on. */
	ck_assert_int_eq(CALL(lines_act(lines, "m3", LINE_BUSY_OUT)), 0);
	ck_assert_str_eq(state_of("m3"), "online");
	ends(port_of("m3"));
	ck_assert_str_eq(state_of("m3"), "busied-out");
	configure(MODEMS); /* a reload changes nothing of it */
	ck_assert_int_eq(dial(2, "modems"), -EBUSY);
	ck_assert_int_eq(CALL(lines_act(lines, "m1", LINE_ENABLE)), 0);
	ck_assert_str_eq(state_of("m1"), "idle");
	rings("m1");
	ck_assert_uint_eq(seen.rings, 1);
}
END_TEST

START_TEST(operator_hangs_up)
{
	struct fake *p;

	modems_up(MODEMS);
	ck_assert_int_eq(CALL(lines_act(lines, "m1", LINE_HANG_UP)), -ENOTCONN);
	p = online(1, "modems");
	ck_assert_int_eq(CALL(lines_act(lines, "m1", LINE_HANG_UP)), 0);
	ck_assert_int_eq(CALL(lines_act(lines, "m1", LINE_HANG_UP)), 0);
	hangup(1);
	ends(p);
	ck_assert(seen.down == 1 && seen.ended[1] == 1 && seen.error == MSG_ERR_NONE);
	ck_assert_int_eq(CALL(lines_act(lines, "m1", LINE_HANG_UP)), -ENOTCONN);
	rings("m1");
	ck_assert_uint_eq(seen.rings, 1);
	ck_assert_int_eq(CALL(lines_act(lines, "m1", LINE_HANG_UP)), 0);
	turn();
	ck_assert(seen.over == 1 && seen.ring_over == seen.ring);
	ck_assert_int_eq(CALL(lines_ops.answer(lines, seen.ring, 2)), -ENOENT);
}
END_TEST

START_TEST(drain)
{
	struct fake *p;

	modems_up(MODEMS);
	p = online(1, "modems");
	rings("m2");
	DO(lines_drain(lines, true));
	rings("m3");
	ck_assert_uint_eq(seen.rings, 1);
	ck_assert_int_eq(dial(2, "modems"), -EBUSY);
	ck_assert_uint_eq(lines_busy(lines), 2);
	DO(lines_ops.reject(lines, seen.ring));
	ck_assert_uint_eq(lines_busy(lines), 1); /* that it rings on for nobody does not count */
	ends(p);
	ck_assert_uint_eq(lines_busy(lines), 0);
	DO(lines_drain(lines, false));
	ck_assert_int_eq(dial(2, "modems"), 0);
}
END_TEST

START_TEST(view)
{
	modems_up(MODEMS);
	ck_assert_uint_le(view_of("m1").since_s, 6);
	skip_ms(100000);
	ck_assert_uint_ge(view_of("m1").since_s, 100);
	online(1, "modems");
	ck_assert_uint_eq(view_of("m1").since_s, 0);
	ck_assert_str_eq(view_of("m1").called, "12345");
	ends(port_of("m1"));
	ck_assert_uint_eq(view_of("m1").speed, 33600); /* of the last one */
	ck_assert_str_eq(view_of("m1").called, "12345");
	ck_assert_uint_eq(view_of("m1").session, 0);
}
END_TEST

/* --- reload --- */

START_TEST(reload_of_the_same)
{
	struct fake *p;

	modems_up(MODEMS);
	p = online(1, "modems");
	rings("m2");
	for (int i = 0; i < 3; i++)
		configure(MODEMS);
	asked_nothing();
	ck_assert(count() == 3 && ports_open() == 3 && lines_busy(lines) == 2);
	ck_assert(joined(p->data, seen.up.fd));
	ck_assert_int_eq(CALL(lines_ops.answer(lines, seen.ring, 2)), 0);
	ck_assert(!seen.down && !seen.over && !seen.failed);
	/* Others before it: its index is another one, and it is opened by that. */
	configure("lines = ( { name = \"n\"; type = \"ppp\"; },"
		  "{ name = \"m%\"; type = \"tty\"; device = \"/dev/ttyS%\"; count = 3; group = \"modems\"; } );");
	ck_assert_uint_eq(view_of("m1").channel, 2);
	asked_nothing();
	port_dies(p, "unplugged");
	asked_unlock(100);
	skip_ms(30001);
	ck_assert_uint_eq(asked_open().index, 1);
}
END_TEST

START_TEST(lines_removed_and_new)
{
	struct priv_msg m;
	unsigned unlocked = 0, opened = 0;

	modems_up(MODEMS);
	configure("lines = ( { name = \"m2\"; type = \"tty\"; device = \"/dev/ttyS2\"; group = \"modems\"; },"
		  "{ name = \"z\"; type = \"tty\"; device = \"/dev/ttyS1\"; } );");
	ck_assert_uint_eq(count(), 2);
	ck_assert_uint_eq(ports_open(), 1);
	/* The locks go before anything is opened. */
	while (asks(&m)) {
		ck_assert(m.type == PRIV_OPEN || !opened);
		unlocked += m.type == PRIV_CLOSE_LINE;
		opened += m.type == PRIV_OPEN;
	}
	ck_assert(unlocked == 2 && opened == 1);
	ck_assert_str_eq(state_of("m2"), "idle");
	ck_assert_uint_eq(logged("line-removed"), 2);
	configure("");
	ck_assert_uint_eq(ports_open(), 0);
	asked_unlock(101);
	/* z is asked for still; what comes is given back. */
	tell_opened(&(struct priv_open){ generation - 1, PRIV_SOCKET_LINE, 1 }, 0, some_device(), 55);
	asked_unlock(55);
	ck_assert_uint_eq(count(), 0);
	ck_assert_int_eq(dial(1, "modems"), -ENOENT);
}
END_TEST

START_TEST(removed_while_online)
{
	struct fake *p;
	struct line_view v;

	modems_up(MODEMS);
	p = online(1, "modems");
	rings("m2");
	configure("");
	ck_assert_uint_eq(count(), 2); /* the third is gone at once */
	ck_assert(lines_view(lines, 0, &v) && lines_view(lines, 1, &v) && !lines_view(lines, 2, &v));
	ck_assert(joined(p->data, seen.up.fd));
	ck_assert_int_eq(CALL(lines_act(lines, "m1", LINE_BUSY_OUT)), -ESTALE);
	ck_assert_int_eq(dial(2, "modems"), -EBUSY);
	/* Back again before it ended: nothing has happened to it. */
	configure(MODEMS);
	ck_assert_uint_eq(count(), 3);
	ck_assert(joined(p->data, seen.up.fd));
	asked_unlock(102);
	ck_assert_uint_eq(root_opens(), 1);
	configure("");
	/* The ring is answered, and fails; the call ends: the lines go. */
	ck_assert_int_eq(CALL(lines_ops.answer(lines, seen.ring, 2)), 0);
	modem_says(port_of("m2"), "\r\nNO CARRIER\r\n");
	ck_assert_uint_eq(seen.failed, 1);
	ck_assert_int_eq(CALL(lines_act(lines, "m1", LINE_HANG_UP)), 0);
	ends(p);
	ck_assert_uint_eq(seen.ended[1], 1);
	ck_assert(!count() && !ports_open() && !lines_busy(lines));
}
END_TEST

#define ONE(more) "lines = ( { name = \"m\"; type = \"tty\"; device = \"/dev/ttyS1\"; " more " } );"

START_TEST(changed_while_online)
{
	struct fake *p;

	modems_up(ONE(""));
	p = online(1, "default");
	configure(ONE("speed = 9600; group = \"g\";"));
	asked_nothing();
	ck_assert(joined(p->data, seen.up.fd));
	ck_assert_uint_eq(count(), 1);
	ck_assert_str_eq(view_of("m").group, "default");
	ends(p);
	ck_assert_uint_eq(seen.down, 1);
	asked_unlock(100);
	ck_assert_uint_eq(root_opens(), 1);
	ports_ready();
	modems_work();
	ck_assert_str_eq(state_of("m"), "idle");
	ck_assert_int_eq(dial(2, "default"), -ENOENT);
	online(2, "g");
	ck_assert_uint_eq(seen.up.speed, 9600);
	ck_assert_uint_eq(view_of("m").connected, 2); /* it is the same line */
	configure("");
	configure(ONE("speed = 300; group = \"g\";"));
	configure(ONE("speed = 9600; group = \"g\";")); /* as it is */
	ends(port_of("m"));
	asked_nothing();
	ck_assert_str_eq(state_of("m"), "idle");
}
END_TEST

/* A line that is asked for when a reload comes: the old answer fits it, or is given back. */
START_TEST(reload_while_opening)
{
	struct priv_open o;

	configure(ONE(""));
	o = asked_open();
	configure(ONE(""));
	tell_opened(&o, 0, some_device(), 1);
	ck_assert_uint_eq(ports_open(), 1);
	configure(ONE("baud = 9600;"));
	ck_assert_uint_eq(ports_open(), 0);
	asked_unlock(1);
	o = asked_open();
	configure(ONE("baud = 19200;"));
	asked_nothing(); /* one at a time */
	tell_opened(&o, 0, some_device(), 2);
	ck_assert_uint_eq(ports_open(), 0);
	asked_unlock(2);
	o = asked_open();
	ck_assert_uint_eq(o.generation, generation);
	/* A stale question is asked anew, and is no fault. */
	configure(ONE("baud = 19200;"));
	tell_opened(&o, ESTALE, -1, 0);
	ck_assert_uint_eq(logged("line-failed"), 0);
	o = asked_open();
	ck_assert_uint_eq(o.generation, generation);
	/* And one that has nothing to do with us. */
	tell_opened(&(struct priv_open){ 77, PRIV_SOCKET_LINE, 3 }, 0, some_device(), 99);
	asked_unlock(99);
	tell_opened(&o, 0, some_device(), 3);
	ck_assert_uint_eq(ports_open(), 1);
}
END_TEST

START_TEST(another_kind)
{
	modems_up(ONE(""));
	configure("lines = ( { name = \"m\"; type = \"tcp\"; address = \"127.0.0.1:7001\"; } );");
	asked_unlock(100);
	ck_assert_str_eq(view_of("m").type, "tcp");
	ck_assert_str_eq(state_of("m"), "idle");
	configure("lines = ( { name = \"m\"; type = \"tcp\"; mode = \"rfc2217\"; address = \"127.0.0.1:7001\"; } );");
	ck_assert_uint_eq(ports_open(), 1);
	ck_assert_str_eq(view_of("m").type, "rfc2217");
	configure("lines = ( { name = \"m\"; type = \"ppp\"; } );");
	ck_assert(!ports_open() && !count());
}
END_TEST

START_TEST(root_is_gone)
{
	close(root);
	root = -1;
	configure(MODEMS);
	skip_ms(10);
	skip_ms(1000);
	ck_assert_uint_eq(ports_open(), 0);
	root = open("/dev/null", O_RDONLY | O_CLOEXEC); /* for teardown() */
}
END_TEST

/* --- the root part's queue --- */

/* What waits for the root part; those that unlock a line are counted. */
static unsigned root_reads_all(uint32_t *handle)
{
	struct priv_msg m;
	struct seqmsg raw;
	unsigned n = 0;

	for (int i = 0; i < 1000; i++) { /* the queue is sent in turns of the loop */
		while (seqmsg_recv(root, &raw) >= 0) {
			ck_assert_int_eq(priv_decode(&m, raw.data, raw.len), 0);
			if (m.type != PRIV_CLOSE_LINE)
				continue;
			n++;
			*handle = m.close_line.handle;
		}
		turns(20);
	}
	return n;
}

START_TEST(unlock_while_the_queue_is_full)
{
	uint32_t handle = 0;

	modems_up(ONE("retry = 1;"));
	while (priv_client_reload(priv) == 0)
		;
	port_dies(port_of("m"), "unplugged");
	skip_ms(1001);
	ck_assert_uint_eq(root_reads_all(&handle), 0);
	skip_ms(101);
	asked_unlock(100); /* before it is opened again */
	ck_assert_uint_eq(root_opens(), 1);
	ports_ready();
	modems_work();
	ck_assert_str_eq(state_of("m"), "idle");
	asked_nothing();
}
END_TEST

/* --- rings --- */

/* The end of a ring that nobody heard of is not told in the place of one that somebody did. */
START_TEST(ring_behind_a_ring)
{
	struct line *l;
	uint64_t first;

	modems_up(MODEMS);
	l = lines->all[0];
	ck_assert(CALL(line_ring(l, "", "")));
	turn();
	first = seen.ring;
	ck_assert_uint_ne(first, 0);
	DO(line_ring_over(l));
	ck_assert(CALL(line_ring(l, "", "")));
	DO(line_ring_over(l));
	turn();
	ck_assert(seen.rings == 1 && seen.over == 1);
	ck_assert_uint_eq(seen.ring_over, first);
}
END_TEST

/* --- hundreds --- */

#define MANY 400
#define MANY_TEXT "lines = ( { name = \"m%\"; type = \"tty\"; device = \"/dev/ttyS%\"; count = 400; check = 0; } );"

START_TEST(many_are_opened_by_turns)
{
	unsigned n = 0;
	struct priv_msg m;

	configure(MANY_TEXT);
	while (asks(&m))
		n++;
	ck_assert_uint_gt(n, 0);
	ck_assert_uint_le(n, 64); /* not all of them wait in the root part */
}
END_TEST

START_TEST(many)
{
	configure(MANY_TEXT);
	ck_assert_uint_eq(root_opens(), MANY);
	ports_ready();
	modems_work();
	for (unsigned i = 0; i < MANY; i++)
		ck_assert_int_eq(dial(i + 1, "default"), 0);
	ck_assert_int_eq(dial(MANY + 1, "default"), -EBUSY);
	ck_assert_uint_eq(lines_busy(lines), MANY);
	/* Two of three connect; then all are hung up, some twice, with a reload in between. */
	for (unsigned i = 0; i < MANY; i++) {
		if (i % 3 == 2) {
			modem_says(&ports[i], "\r\nBUSY\r\n");
			continue;
		}
		ports[i].h->lines(ports[i].ctx, true, 0);
		modem_says(&ports[i], "\r\nCONNECT 33600\r\n");
	}
	ck_assert_uint_eq(seen.answered + seen.failed, MANY);
	configure(MANY_TEXT);
	for (unsigned i = 0; i < MANY; i++) {
		hangup(i + 1);
		if (i % 2)
			ports[i].h->lines(ports[i].ctx, false, 0);
		hangup(i + 1);
	}
	for (unsigned i = 0; i < MANY; i++)
		ports[i].h->lines(ports[i].ctx, false, 0);
	for (int i = 0; i < 3; i++)
		modems_work();
	for (unsigned i = 0; i < MANY; i++)
		ck_assert_uint_eq(seen.ended[i + 1], 1);
	ck_assert_uint_eq(lines_busy(lines), 0);
	for (unsigned i = 0; i < MANY; i++)
		ck_assert_int_eq(dial(MANY + i + 1, "default"), 0);
	asked_nothing();
}
END_TEST

START_TEST(many_ring)
{
	configure(MANY_TEXT);
	root_opens();
	ports_ready();
	modems_work();
	seen.answer = true; /* each from within its event */
	for (unsigned i = 0; i < MANY; i++)
		ports[i].h->input(ports[i].ctx, (const uint8_t *)"\r\nRING\r\nRING\r\n", 14);
	turn();
	ck_assert_uint_eq(seen.rings, MANY);
	for (unsigned i = 0; i < MANY; i++)
		ports[i].h->closed(ports[i].ctx, "unplugged"); /* the whole terminal server */
	turn();
	ck_assert(seen.failed == MANY && !seen.answered && !seen.down && !lines_busy(lines));
}
END_TEST

static Suite *lines_suite(void)
{
	Suite *s = suite_create("lines");

	LINES_CASE(s, "choice", groups, bearer_and_framing, longest_idle, first_in_file);
	LINES_CASE(s, "operator", busy_out, operator_hangs_up, drain, view);
	LINES_CASE(s, "reload", reload_of_the_same, lines_removed_and_new, removed_while_online, changed_while_online,
		   reload_while_opening, another_kind, root_is_gone);
	LINES_CASE(s, "queue", unlock_while_the_queue_is_full, ring_behind_a_ring);
	LINES_CASE(s, "many", many_are_opened_by_turns, many, many_ring);
	return s;
}

UNIT_MAIN(lines_suite)
