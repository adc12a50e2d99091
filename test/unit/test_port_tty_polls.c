/*
 * How often the control lines of a serial device are looked at, which is a transfer that main waits for at many USB
 * adapters (issue 5, section 1: DCD, RI).
 */
#include "test/unit/unit_port_tty.h"

/* Polls in that time, as the loop sees it. */
static unsigned polls_in(int64_t ms)
{
	unsigned before = fake.polls;
	int64_t end = skipped_ms + ms;

	while (skipped_ms < end)
		skip_ms(10);
	return fake.polls - before;
}

/* Each is a transfer that main waits for, at a USB adapter. */
START_TEST(idle_is_polled_seldom)
{
	int fd;

	opens_lines(true);
	ck_assert_uint_ge(polls_in(2900), 14);
	polls_in(2000);
	ck_assert_uint_eq(polls_in(20000), 20);
	fd = begins_data("");
	polls_in(PORT_POLL_MS);
	ck_assert_uint_ge(polls_in(20000), 95);
	fake.state |= TIOCM_CAR;
	polls_in(PORT_POLL_MS + 10);
	ck_assert(seen.carrier);
	close(fd);
	port->ops->data_end(port);
	polls_in(5000);
	ck_assert_uint_eq(polls_in(20000), 20);
}
END_TEST

/* Without a count a ring that no poll sees is lost. */
START_TEST(levels_are_polled_often)
{
	opens_lines(false);
	polls_in(10000);
	ck_assert_uint_ge(polls_in(20000), 95);
}
END_TEST

static void carrier_changes_soon(void)
{
	bool want = !seen.carrier;

	fake.state ^= TIOCM_CAR;
	polls_in(PORT_POLL_MS + 10);
	ck_assert_int_eq(seen.carrier, want);
	polls_in(10000);
}

/* The modem's state machine waits a second or two for its carrier, or its end. */
START_TEST(carrier_is_seen_soon_when_it_matters)
{
	opens_lines(true);
	polls_in(10000);
	ck_assert_int_eq(writes("ATA\r"), 0);
	carrier_changes_soon();
	says("CONNECT\r\n");
	carrier_changes_soon();
	port->ops->set_dtr(port, false);
	carrier_changes_soon();
	close(begins_data(""));
	port->ops->data_end(port);
	carrier_changes_soon();
}
END_TEST

#define MANY 16

/* All that a reload opens at once. */
START_TEST(polls_are_spread)
{
	struct port *ports[MANY];
	int modems[MANY];
	unsigned most = 0, n;

	fake.lines = fake.counts = true;
	for (unsigned i = 0; i < MANY; i++) {
		modems[i] = posix_openpt(O_RDWR | O_NOCTTY);
		ck_assert(grantpt(modems[i]) == 0 && unlockpt(modems[i]) == 0);
		ports[i] = port_tty_new(loop, open(ptsname(modems[i]), O_RDWR | O_NOCTTY), &conf, &handlers, &seen);
		ck_assert_ptr_nonnull(ports[i]);
	}
	turn();
	ck_assert_uint_le(fake.polls, 2 * MANY); /* one in port_tty_new() */
	polls_in(10000);
	for (unsigned i = 0; i < IDLE_MS / 50; i++) {
		n = polls_in(50);
		most = n > most ? n : most;
	}
	ck_assert(most > 0 && most <= MANY / 4);
	for (unsigned i = 0; i < MANY; i++) {
		ports[i]->ops->free(ports[i]);
		close(modems[i]);
	}
	close(device);
}
END_TEST

START_TEST(slow_device_is_polled_seldom)
{
	int fd;

	fake.state = TIOCM_CAR;
	opens_lines(true);
	fd = begins_data("");
	fake.poll_ms = 50; /* not yet */
	polls_in(10000);
	ck_assert(said_slow == 0 && polls_in(10000) >= 45);
	fake.poll_ms = 60;
	polls_in(30000);
	ck_assert(said_slow == 1 && seen.carrier);
	ck_assert_uint_le(polls_in(20000), 4);
	fake.state &= ~TIOCM_CAR; /* it is seen all the same */
	polls_in(5100);
	ck_assert(!seen.carrier);
	close(fd);
	port->ops->data_end(port);
	fake.state |= TIOCM_CAR;
	polls_in(IDLE_MS + 100);
	ck_assert(seen.carrier);
	fd = begins_data("");
	fake.poll_ms = 0; /* it was its hub, for a while */
	polls_in(2000000);
	ck_assert_uint_ge(polls_in(10000), 45);
	ck_assert_uint_eq(said_slow, 1);
	close(fd);
}
END_TEST

START_TEST(rings_are_counted_while_idle)
{
	opens_lines(true);
	skip_ms(10000);
	skip_ms(10000);
	fake.icount.rng++;
	skip_ms(IDLE_MS + 1);
	ck_assert_uint_eq(seen.rings, 1);
}
END_TEST

static Suite *port_tty_polls_suite(void)
{
	Suite *s = suite_create("port_tty_polls");

	PORT_CASE(s, "polls", idle_is_polled_seldom, levels_are_polled_often, carrier_is_seen_soon_when_it_matters,
		  polls_are_spread, slow_device_is_polled_seldom, rings_are_counted_while_idle);
	return s;
}

UNIT_MAIN(port_tty_polls_suite)
