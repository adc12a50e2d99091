/*
 * Serial devices: settings, text on a pty, and modem lines that this test's own ioctl() plays.
 * (Issue 5, section 1: DCD, RI, NO CARRIER, DTR; section 4: error counters, sync framing.)
 */
#include "test/unit/unit_port_tty.h"

/* --- settings --- */

START_TEST(settings)
{
	struct termios t;

	opens();
	ck_assert_int_eq(tcgetattr(device, &t), 0);
	ck_assert_uint_eq(cfgetispeed(&t), B115200);
	ck_assert_uint_eq(t.c_cflag & CSIZE, CS8);
	ck_assert(t.c_cflag & CREAD && t.c_cflag & CLOCAL && t.c_cflag & HUPCL && t.c_cflag & CRTSCTS);
	ck_assert(!(t.c_cflag & (PARENB | CSTOPB)));
	ck_assert(!(t.c_lflag & (ICANON | ECHO | ISIG)) && !(t.c_oflag & OPOST));
	ck_assert(!(t.c_iflag & (IXON | IXOFF | ICRNL | ISTRIP)));
	ck_assert(fcntl(device, F_GETFL) & O_NONBLOCK);
	port->ops->free(port);
	ck_assert_int_lt(fcntl(device, F_GETFD), 0);
	device = open(ptsname(modem), O_RDWR | O_NOCTTY);
	seen.ready = 0;
	conf.flow = CONF_FLOW_NONE;
	conf.baud = 9600;
	opens();
	ck_assert_int_eq(tcgetattr(device, &t), 0);
	ck_assert_uint_eq(cfgetospeed(&t), B9600);
	ck_assert(!(t.c_cflag & CRTSCTS));
}
END_TEST

START_TEST(not_a_device)
{
	int pair[2];

	close(device);
	ck_assert_int_eq(pipe(pair), 0);
	ck_assert_ptr_null(port_tty_new(loop, pair[0], &conf, &handlers, &seen));
	ck_assert_int_eq(errno, ENOTTY);
	ck_assert_int_lt(fcntl(pair[0], F_GETFD), 0);
	close(pair[1]);
	device = open(ptsname(modem), O_RDWR | O_NOCTTY);
	conf.baud = 12345;
	ck_assert_ptr_null(port_tty_new(loop, device, &conf, &handlers, &seen));
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_lt(fcntl(device, F_GETFD), 0);
	turn();
	ck_assert_uint_eq(seen.closed, 0);
}
END_TEST

START_TEST(modem_lines_wanted)
{
	conf.control = CONF_CONTROL_MODEM;
	opens();
	ck_assert(!seen.ready && seen.closed == 1);
	ck_assert_ptr_nonnull(strstr(seen.why, "no modem lines"));
	ck_assert_int_eq(writes("AT\r"), -EPIPE);
	ck_assert_int_eq(begins_data(""), -EPIPE);
	turn();
	ck_assert_uint_eq(seen.closed, 1);
}
END_TEST

START_TEST(text_wanted)
{
	conf.control = CONF_CONTROL_TEXT;
	fake.lines = true;
	fake.state = TIOCM_CAR;
	opens();
	ck_assert(seen.ready == 1 && !port->has_lines);
	ck_assert_str_eq(port->ops->name, "text");
	skip_ms(1000);
	ck_assert_uint_eq(seen.lines, 0);
	port->ops->set_dtr(port, true); /* it has one all the same */
	ck_assert(fake.state & TIOCM_DTR);
}
END_TEST

/* --- text --- */

START_TEST(commands)
{
	opens();
	ck_assert(seen.ready == 1 && !port->has_lines && !seen.closed);
	ck_assert_str_eq(port->ops->name, "text");
	ck_assert_int_eq(writes("ATZ\r"), 0);
	hears("ATZ\r");
	says("\r\nOK\r\n");
	ck_assert_str_eq(seen.input, "\r\nOK\r\n");
	port->ops->set_dtr(port, false);
	ck_assert_uint_eq(seen.lines, 0);
}
END_TEST

/* All or none, and nothing grows, when the device takes nothing. */
START_TEST(device_is_full)
{
	static char command[200];
	int e, n = 0;

	opens();
	memset(command, 'x', sizeof command - 1);
	while (!(e = writes(command)) && n < 10000)
		n++;
	ck_assert_int_eq(e, -EAGAIN);
	ck_assert_int_gt(n, 5);
	port->ops->flush(port);
	ck_assert_int_eq(writes("AT\r"), 0);
}
END_TEST

START_TEST(data_by_text)
{
	int fd;

	opens();
	fd = begins_data("rest");
	ck_assert_int_ge(fd, 0);
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ck_assert_int_eq(writes("AT\r"), -EPIPE);
	ck_assert_int_eq(begins_data(""), -EALREADY);
	path_gets(fd, "rest");
	says("~frame~");
	path_gets(fd, "~frame~");
	ck_assert_int_eq(write(fd, "~reply~", 7), 7);
	hears("~reply~");
	ck_assert_uint_eq(seen.len, 0);
	port->ops->data_end(port);
	port->ops->data_end(port);
	says("OK\r\n");
	ck_assert_str_eq(seen.input, "OK\r\n");
	path_gets(fd, "");
	ck_assert_int_eq(writes("AT\r"), 0);
	hears("AT\r");
	close(fd);
}
END_TEST

START_TEST(no_carrier_in_any_split)
{
	static const char text[] = "~data~\r\nNO CARRIER\r\n";
	size_t len = sizeof text - 1;

	opens();
	for (size_t cut = 0; cut <= len; cut++) {
		char first[sizeof text] = "";
		int fd = begins_data("");

		memcpy(first, text, cut);
		if (cut)
			says(first);
		if (cut < len)
			says(text + cut);
		seen.no_carrier = 0;
		skip_ms(PORT_QUIET_MS - 1);
		ck_assert_uint_eq(seen.no_carrier, 0);
		skip_ms(2);
		ck_assert_uint_eq(seen.no_carrier, 1);
		skip_ms(5000);
		ck_assert_uint_eq(seen.no_carrier, 1);
		path_gets(fd, text);
		port->ops->data_end(port);
		close(fd);
	}
}
END_TEST

START_TEST(no_carrier_or_not)
{
	static const struct {
		const char *text;
		unsigned n;
	} rows[] = {
		{ "NO CARRIER", 1 }, { "x\nNO CARRIER\r", 1 }, { "\r\nNO CARRI\r\nNO CARRIER\r\n\r\n", 1 },
		{ "xNO CARRIER\r\n", 0 }, { " NO CARRIER\r\n", 0 }, { "\r\nno carrier\r\n", 0 },
		{ "\r\nNO CARRIERS\r\n", 0 }, { "\r\nNO CARRIER\r\n~", 0 }, { "\r\nNO CARRIE\r\n", 0 },
		{ "NO CARRIER\r\n\r\nNO CAR", 0 },
	};

	opens();
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		int fd = begins_data("");

		seen.no_carrier = 0;
		says(rows[i].text);
		skip_ms(PORT_QUIET_MS + 1);
		ck_assert_msg(seen.no_carrier == rows[i].n, "row %u", i);
		port->ops->data_end(port);
		close(fd);
	}
}
END_TEST

/* A mail about modems: what is among data that go on is no word of the modem. */
START_TEST(no_carrier_in_data)
{
	int fd;

	opens();
	fd = begins_data("NO CARRIER\r\n");
	skip_ms(PORT_QUIET_MS / 2);
	says("more");
	skip_ms(PORT_QUIET_MS * 2);
	ck_assert_uint_eq(seen.no_carrier, 0);
	says("\r\nNO CARRIER\r\n");
	port->ops->data_end(port); /* too late */
	skip_ms(PORT_QUIET_MS * 2);
	ck_assert_uint_eq(seen.no_carrier, 0);
	close(fd);
}
END_TEST

START_TEST(unplugged)
{
	opens();
	close(modem);
	modem = -1;
	turn();
	ck_assert_uint_eq(seen.closed, 1);
	ck_assert_ptr_nonnull(strstr(seen.why, "gone"));
	ck_assert_int_eq(writes("AT\r"), -EPIPE);
	turn();
	ck_assert_uint_eq(seen.closed, 1);
}
END_TEST

START_TEST(unplugged_in_data)
{
	int fd;

	opens();
	fd = begins_data("");
	close(modem);
	modem = -1;
	turn();
	ck_assert_uint_eq(seen.closed, 1);
	port->ops->data_end(port);
	port->ops->set_dtr(port, false);
	port->ops->flush(port);
	ck_assert_int_eq(read(fd, &(char){ 0 }, 1), 0);
	close(fd);
}
END_TEST

/* --- modem lines --- */

START_TEST(carrier)
{
	opens_lines(true);
	skip_ms(1000);
	ck_assert_uint_eq(seen.lines, 0);
	fake.state |= TIOCM_CAR;
	skip_ms(PORT_POLL_MS + 1);
	ck_assert(seen.lines == 1 && seen.carrier && seen.rings == 0);
	skip_ms(5000);
	ck_assert_uint_eq(seen.lines, 1);
	fake.state &= ~TIOCM_CAR;
	skip_ms(IDLE_MS + 1); /* nobody talks with it */
	ck_assert(seen.lines == 2 && !seen.carrier);
}
END_TEST

START_TEST(carrier_is_there)
{
	fake.state = TIOCM_CAR;
	opens_lines(true);
	skip_ms(PORT_POLL_MS + 1);
	ck_assert(seen.lines == 1 && seen.carrier);
}
END_TEST

/* The driver counts edges that no poll sees; those of one ringing tone are one ring. */
START_TEST(rings_by_count)
{
	fake.icount.rng = 7;
	opens_lines(true);
	skip_ms(1000);
	ck_assert_uint_eq(seen.lines, 0);
	for (unsigned ring = 1; ring <= 3; ring++) {
		for (int i = 0; i < 10; i++) { /* two seconds of a ringing tone */
			fake.icount.rng += 4;
			skip_ms(PORT_POLL_MS + 1);
		}
		ck_assert_uint_eq(seen.rings, ring);
		ck_assert_uint_eq(seen.lines, ring);
		skip_ms(4000);
	}
}
END_TEST

START_TEST(rings_by_level)
{
	opens_lines(false);
	fake.state |= TIOCM_RNG;
	skip_ms(PORT_POLL_MS + 1);
	ck_assert(seen.lines == 1 && seen.rings == 1 && !seen.carrier);
	skip_ms(6000);
	fake.state &= ~TIOCM_RNG;
	skip_ms(PORT_POLL_MS + 1);
	ck_assert_uint_eq(seen.rings, 1);
	fake.state |= TIOCM_RNG;
	skip_ms(PORT_POLL_MS + 1);
	ck_assert_uint_eq(seen.rings, 2);
}
END_TEST

START_TEST(dtr)
{
	opens_lines(true);
	port->ops->set_dtr(port, true);
	ck_assert_int_eq(fake.state, TIOCM_DTR);
	port->ops->set_dtr(port, false);
	ck_assert_int_eq(fake.state, 0);
}
END_TEST

/* Of this port's life only. */
START_TEST(errors)
{
	struct line_errors e;

	fake.icount = (struct serial_icounter_struct){ .frame = 10, .overrun = 20, .parity = 30, .buf_overrun = 40 };
	opens_lines(true);
	port->ops->errors(port, &e);
	ck_assert_uint_eq(e.framing + e.hardware_overrun + e.parity + e.buffer_overrun, 0);
	fake.icount = (struct serial_icounter_struct){ .frame = 11, .overrun = 22, .parity = 33, .buf_overrun = 44 };
	port->ops->errors(port, &e);
	ck_assert(e.framing == 1 && e.hardware_overrun == 2 && e.parity == 3 && e.buffer_overrun == 4);
	fake.counts = false;
	port->ops->errors(port, &e);
	ck_assert(e.framing + e.hardware_overrun + e.parity + e.buffer_overrun == 0);
}
END_TEST

/* The device itself: main sees nothing of the data, but the lines all the same. */
START_TEST(data_direct)
{
	int fd;

	opens_lines(true);
	fd = begins_data("rest");
	ck_assert_int_ge(fd, 0);
	ck_assert(isatty(fd) && fcntl(fd, F_GETFD) & FD_CLOEXEC && fcntl(fd, F_GETFL) & O_NONBLOCK);
	says("\r\nNO CARRIER\r\n");
	skip_ms(2000);
	ck_assert_uint_eq(seen.no_carrier + seen.len, 0);
	path_gets(fd, "\r\nNO CARRIER\r\n");
	ck_assert_int_eq(write(fd, "frame", 5), 5);
	hears("frame");
	fake.state |= TIOCM_CAR;
	skip_ms(PORT_POLL_MS + 1);
	ck_assert(seen.carrier);
	close(fd);
	port->ops->data_end(port);
	says("OK");
	ck_assert_str_eq(seen.input, "OK");
	ck_assert_int_eq(fake.discipline, N_TTY);
}
END_TEST

START_TEST(synchronous)
{
	int fd;

	conf.framing = MSG_FRAMING_SYNC;
	opens_lines(true);
	fake.discipline_error = EPERM;
	ck_assert_int_eq(begins_data(""), -EPERM);
	says("still"); /* command mode */
	ck_assert_str_eq(seen.input, "still");
	fake.discipline_error = 0;
	fd = begins_data("");
	ck_assert(fd >= 0 && fake.discipline == N_HDLC);
	port->ops->data_end(port);
	ck_assert_int_eq(fake.discipline, N_TTY);
	close(fd);
}
END_TEST

START_TEST(lines_are_gone)
{
	opens_lines(true);
	fake.error = EIO;
	skip_ms(PORT_POLL_MS + 1);
	ck_assert_uint_eq(seen.closed, 1);
	ck_assert_ptr_nonnull(strstr(seen.why, strerror(EIO)));
	skip_ms(5000);
	ck_assert(seen.closed == 1 && seen.lines == 0);
}
END_TEST

/* --- ends --- */

static void all_events(enum free_in free_in)
{
	seen.free_in = free_in;
	fake.lines = free_in != FREE_NO_CARRIER;
	opens();
	if (port)
		says("text");
	if (port) {
		fake.state |= TIOCM_CAR;
		skip_ms(PORT_POLL_MS + 1);
	}
	if (port && free_in == FREE_NO_CARRIER) {
		int fd = begins_data("NO CARRIER");

		skip_ms(PORT_QUIET_MS + 1);
		path_gets(fd, "NO CARRIER");
		close(fd);
	}
	if (port) {
		fake.error = EIO;
		skip_ms(PORT_POLL_MS + 1);
	}
	ck_assert_ptr_null(port);
	ck_assert_int_lt(fcntl(device, F_GETFD), 0);
	skip_ms(10000);
}

PORT_FREED_ALL

START_TEST(freed_before_ready)
{
	unsigned before = open_fds();

	port = port_tty_new(loop, device, &conf, &handlers, &seen);
	port->ops->free(port);
	port = NULL;
	turn();
	ck_assert_uint_eq(seen.ready + seen.closed, 0);
	ck_assert_uint_eq(open_fds(), before - 1);
}
END_TEST

START_TEST(freed_in_data)
{
	unsigned before;
	int fd;

	opens();
	before = open_fds();
	fd = begins_data("NO CARRIER");
	port->ops->free(port);
	port = NULL;
	close(fd);
	skip_ms(5000);
	ck_assert_uint_eq(open_fds(), before - 1);
	ck_assert_uint_eq(seen.no_carrier, 0);
}
END_TEST

/* Nothing that was written and not sent is left for close() to wait for, nor a flow control that holds it back. */
static void freed_without_rest(void)
{
	struct termios t;

	fake.flushes = 0;
	port->ops->free(port);
	port = NULL;
	ck_assert_int_eq(tcgetattr(modem, &t), 0);
	ck_assert(!(t.c_cflag & CRTSCTS));
	ck_assert(fake.flushes > 0 && fake.flushed == device);
	ck_assert_int_lt(fcntl(device, F_GETFD), 0);
}

START_TEST(unsent_command_is_dropped)
{
	opens();
	ck_assert_int_eq(writes("ATD123\r"), 0);
	freed_without_rest();
}
END_TEST

START_TEST(unsent_data_are_dropped)
{
	int fd;

	conf.framing = MSG_FRAMING_SYNC;
	opens_lines(true);
	fd = begins_data("");
	freed_without_rest();
	ck_assert_int_eq(fake.discipline, N_TTY);
	close(fd);
}
END_TEST

START_TEST(unsent_data_are_dropped_with_the_call)
{
	int fd;

	opens_lines(true);
	fd = begins_data("");
	fake.flushes = 0;
	port->ops->data_end(port);
	ck_assert_uint_gt(fake.flushes, 0);
	close(fd);
}
END_TEST

static Suite *port_tty_suite(void)
{
	Suite *s = suite_create("port_tty");

	PORT_CASE(s, "open", settings, not_a_device, modem_lines_wanted, text_wanted);
	PORT_CASE(s, "text", commands, device_is_full, data_by_text, no_carrier_in_any_split, no_carrier_or_not,
		  no_carrier_in_data, unplugged, unplugged_in_data);
	PORT_CASE(s, "lines", carrier, carrier_is_there, rings_by_count, rings_by_level, dtr, errors, data_direct,
		  synchronous, lines_are_gone);
	PORT_CASE(s, "ends", freed_in_ready, freed_in_input, freed_in_lines, freed_in_no_carrier, freed_in_closed,
		  freed_before_ready, freed_in_data, unsent_command_is_dropped, unsent_data_are_dropped,
		  unsent_data_are_dropped_with_the_call);
	return s;
}

UNIT_MAIN(port_tty_suite)
