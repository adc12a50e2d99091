/*
 * Lines of a terminal server, with this test as a server on the loopback that behaves, and does not.
 * (Issue 5, section 1: RI is a ring, DCD is carrier, DTR hangs up; SEC: a hostile server.)
 */
#include "pacd/line/port_watch.h"

#include "test/unit/unit_port_server.h"

/* --- opening --- */

START_TEST(opening)
{
	opens();
	SAYS(IAC WILL "\1"); /* ECHO */
	GETS(IAC DONT "\1");
	ck_assert_uint_eq(seen.lines + seen.closed + warned, 0);
}
END_TEST

START_TEST(settings)
{
	conf.baud = 9600;
	conf.flow = CONF_FLOW_NONE;
	connects();
	SAYS(IAC WILL COM); /* offered the other way round */
	GETS(SUB("\1\0\0\x25\x80") SUB("\2\x8") SUB("\3\1") SUB("\4\1") SUB("\5\1") SUB("\xA\xE") SUB("\xB\xCC") DTR_ON
	     IAC DO COM);
	ck_assert(port->has_lines);
}
END_TEST

START_TEST(no_server)
{
	close(listener);
	listener = -1;
	port = port_rfc2217_new(loop, &conf, &handlers, &seen);
	if (!port)
		return;
	turn();
	ck_assert(seen.closed == 1 && !seen.ready);
	ck_assert_ptr_nonnull(strstr(seen.why, strerror(ECONNREFUSED)));
	skip_ms(60000);
	ck_assert_uint_eq(seen.closed, 1);
}
END_TEST

/* TCP's own time-out is two minutes. */
START_TEST(server_is_silent)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(conf.address.port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int full[4];

	for (int i = 0; i < 4; i++) { /* whoever comes when the backlog is full hears nothing */
		full[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(full[i], (struct sockaddr *)&sa, sizeof sa);
	}
	port = port_rfc2217_new(loop, &conf, &handlers, &seen);
	ck_assert_ptr_nonnull(port);
	skip_ms(9900);
	ck_assert_uint_eq(seen.closed, 0);
	skip_ms(200);
	ck_assert_uint_eq(seen.closed, 1);
	ck_assert_ptr_nonnull(strstr(seen.why, strerror(ETIMEDOUT)));
	for (int i = 0; i < 4; i++)
		close(full[i]);
}
END_TEST

START_TEST(option_refused)
{
	opens_text();
	ck_assert_uint_eq(warned, 1);
	ck_assert_int_eq(writes("AT\xFF\r"), 0);
	GETS("AT" IAC IAC "\r");
	port->ops->set_dtr(port, false); /* there is none */
	port->ops->flush(port);
	GETS("");
	SAYS(SUB("\x6B\x80"));
	SAYS("OK\r\n");
	ck_assert_str_eq(seen.input, "OK\r\n");
	ck_assert_uint_eq(seen.lines, 0);
	SAYS(IAC DO COM);
	ck_assert(seen.ready == 1 && !port->has_lines);
}
END_TEST

START_TEST(option_not_answered)
{
	connects();
	SAYS("Welcome\r\n");
	skip_ms(9900);
	ck_assert_uint_eq(seen.ready, 0);
	skip_ms(200);
	ck_assert(seen.ready == 1 && !port->has_lines && warned == 1);
	ck_assert_uint_eq(seen.len, 0); /* a banner is no modem's word */
	SAYS(IAC DO COM); /* too late */
	GETS("");
	ck_assert(!port->has_lines);
}
END_TEST

START_TEST(lines_wanted)
{
	conf.control = CONF_CONTROL_MODEM;
	connects();
	SAYS(IAC DONT COM);
	ck_assert(!seen.ready && seen.closed == 1 && !warned);
	ck_assert_ptr_nonnull(strstr(seen.why, "refuses"));
	ck_assert_int_eq(writes("AT\r"), -EPIPE);
}
END_TEST

START_TEST(text_wanted)
{
	conf.control = CONF_CONTROL_TEXT;
	connects();
	SAYS(IAC DO COM SUB("\x6B\x80"));
	GETS(SETTINGS);
	ck_assert(seen.ready == 1 && !port->has_lines && !seen.lines && !warned);
	ck_assert_str_eq(port->ops->name, "text");
	SAYS(IAC DONT COM);
	ck_assert_uint_eq(seen.closed, 0);
}
END_TEST

START_TEST(option_taken_back)
{
	opens();
	SAYS(IAC DONT COM);
	ck_assert_uint_eq(seen.closed, 1);
	ck_assert_ptr_nonnull(strstr(seen.why, "back"));
}
END_TEST

/* --- command mode --- */

START_TEST(commands)
{
	opens();
	ck_assert_int_eq(writes("ATZ\r"), 0);
	GETS("ATZ\r");
	SAYS("\r\nO" IAC IAC SUB("\x6B\x80") "K\r\n");
	ck_assert_str_eq(seen.input, "\r\nO\xFFK\r\n");
	port->ops->set_dtr(port, false);
	port->ops->set_dtr(port, true);
	port->ops->flush(port);
	GETS(DTR_OFF DTR_ON PURGE);
}
END_TEST

START_TEST(modem_lines)
{
	opens();
	SAYS(SUB("\x6B\x30"));
	ck_assert_uint_eq(seen.lines, 0);
	SAYS(SUB("\x6B\xB8"));
	ck_assert(seen.lines == 1 && seen.carrier && !seen.rings);
	SAYS(SUB("\x6B\xB0"));
	ck_assert_uint_eq(seen.lines, 1);
	SAYS(SUB("\x6B\x38"));
	ck_assert(seen.lines == 2 && !seen.carrier);
}
END_TEST

/* A state that came with the answer to the option is told behind ready(). */
START_TEST(carrier_is_there)
{
	connects();
	SAYS(IAC DO COM SUB("\x6B\x80"));
	ck_assert(seen.ready == 1 && seen.lines == 1 && seen.carrier);
}
END_TEST

START_TEST(rings)
{
	opens();
	for (unsigned ring = 1; ring <= 6; ring++) {
		for (int i = 0; i < 10; i++) { /* the level, the end, or both */
			if (ring % 3 != 1)
				SAYS(SUB("\x6B\x04"));
			if (ring % 3 != 2)
				SAYS(SUB("\x6B\x40"));
			SAYS(SUB("\x6B\x00"));
			skip_ms(200);
		}
		ck_assert_uint_eq(seen.rings, ring);
		ck_assert_uint_eq(seen.lines, ring);
		skip_ms(4000);
	}
}
END_TEST

START_TEST(line_errors)
{
	struct line_errors e;

	opens();
	SAYS(SUB("\x6A\x02") SUB("\x6A\x04") SUB("\x6A\x0C") SUB("\x6A\x08") SUB("\x6A\xE1"));
	port->ops->errors(port, &e);
	ck_assert(e.hardware_overrun == 1 && e.parity == 2 && e.framing == 2 && !e.buffer_overrun);
}
END_TEST

START_TEST(suspended)
{
	static char much[1100];

	opens();
	SAYS(SUB("\x6C"));
	ck_assert_int_eq(writes("AT"), 0);
	ck_assert_int_eq(writes("Z\r"), 0);
	port->ops->set_dtr(port, false); /* is no data */
	GETS(DTR_OFF);
	SAYS(SUB("\x6D"));
	GETS("ATZ\r");
	SAYS(SUB("\x6C"));
	memset(much, 'x', 1000);
	ck_assert_int_eq(writes(much), 0);
	ck_assert_int_eq(writes(much), -EAGAIN);
	port->ops->flush(port);
	GETS(PURGE);
	SAYS(SUB("\x6D"));
	GETS("");
}
END_TEST

START_TEST(server_closes)
{
	opens();
	close(server);
	server = -1;
	turn();
	ck_assert_uint_eq(seen.closed, 1);
	ck_assert_int_eq(writes("AT\r"), -EPIPE);
	ck_assert_int_eq(begins_data(""), -EPIPE);
	port->ops->set_dtr(port, false);
	port->ops->flush(port);
	skip_ms(10000);
	ck_assert_uint_eq(seen.closed, 1);
}
END_TEST

/* --- data mode --- */

START_TEST(data)
{
	int fd;

	opens();
	fd = begins_data("rest");
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(writes("AT\r"), -EPIPE);
	SAYS("fra" IAC IAC "me" SUB("\x6B\x80") IAC DO "\x18");
	path_gets(fd, "restfra\xFFme");
	ck_assert(seen.carrier && !seen.len);
	GETS(IAC "\xFC" "\x18");
	ck_assert_int_eq(send(fd, "\xFF\x03", 2, MSG_NOSIGNAL), 2);
	GETS(IAC IAC "\x03");
	SAYS("\r\nNO CARRIER\r\n" SUB("\x6B\x00"));
	ck_assert(!seen.carrier);
	skip_ms(PORT_QUIET_MS * 2);
	ck_assert_uint_eq(seen.no_carrier, 0); /* that is what the lines are for */
	port->ops->set_dtr(port, false);
	port->ops->data_end(port);
	GETS(DTR_OFF PURGE);
	path_gets(fd, "\r\nNO CARRIER\r\n");
	ck_assert_int_eq(recv(fd, &(char){ 0 }, 1, 0), 0);
	SAYS("OK");
	ck_assert_str_eq(seen.input, "OK");
	close(fd);
}
END_TEST

START_TEST(data_by_text)
{
	int fd;

	opens_text();
	fd = begins_data("\r\nNO CARR");
	SAYS("IE");
	SAYS("R\r\n");
	skip_ms(PORT_QUIET_MS - 1);
	ck_assert_uint_eq(seen.no_carrier, 0);
	skip_ms(2);
	ck_assert_uint_eq(seen.no_carrier, 1);
	SAYS("x\r\nNO CARRIER\r\ny");
	skip_ms(PORT_QUIET_MS * 2);
	ck_assert_uint_eq(seen.no_carrier, 1);
	close(fd);
}
END_TEST

/* What was not sent before is sent before the data. */
START_TEST(data_begins_at_once)
{
	int fd;

	opens();
	port->ops->set_dtr(port, true);
	fd = begins_data("");
	ck_assert_int_eq(send(fd, "data", 4, MSG_NOSIGNAL), 4);
	GETS(DTR_ON "data");
	close(fd);
}
END_TEST

START_TEST(data_suspended)
{
	int fd;

	opens();
	fd = begins_data("");
	SAYS(SUB("\x6C"));
	ck_assert_int_eq(send(fd, "data", 4, MSG_NOSIGNAL), 4);
	GETS("");
	port->ops->set_dtr(port, false);
	GETS(DTR_OFF);
	SAYS(SUB("\x6D"));
	GETS("data");
	SAYS(SUB("\x6C"));
	port->ops->data_end(port);
	close(fd);
	GETS(PURGE);
	fd = begins_data(""); /* it wants nothing still */
	ck_assert_int_eq(send(fd, "data", 4, MSG_NOSIGNAL), 4);
	GETS("");
	close(fd);
}
END_TEST

/* The hang-up goes out at last, and behind nothing but whole pairs of IACs. */
START_TEST(data_to_stuck_server)
{
	static uint8_t in[16 << 20];
	size_t n;
	int fd;

	opens();
	fd = begins_data("");
	server_stuck(fd);
	for (int i = 0; i < 1000; i++)
		port->ops->set_dtr(port, i % 2);
	port->ops->set_dtr(port, false);
	skip_ms(PORT_POLL_MS * 2);
	port->ops->data_end(port);
	close(fd);
	n = server_drains(in, sizeof in);
	ck_assert_uint_gt(n, 1000);
	ck_assert_mem_eq(in + n - 7, DTR_OFF, 7);
	for (size_t i = 0; i < n; i++) {
		if (in[i] == 0xFF && in[i + 1] == 0xFF)
			i++;
		else if (in[i] == 0xFF)
			ck_assert_uint_eq(in[i + 1], i + 1 < n && in[i + 1] == 0xF0 ? 0xF0 : 0xFA);
	}
	ck_assert_int_eq(writes("AT\r"), 0);
	GETS("AT\r");
}
END_TEST

/* Neither half a pair of IACs nor half a command is left in the stream. */
START_TEST(data_is_cut)
{
	opens();
	for (int n = 1; n <= 7 + 4; n++) {
		int fd = begins_data("");

		room = n;
		ck_assert_int_eq(send(fd, "x\xFF\xFF\xFF", 4, MSG_NOSIGNAL), 4);
		turn();
		port->ops->set_dtr(port, false);
		turn();
		port->ops->data_end(port);
		close(fd);
		room = -1;
		if (n < 2)
			GETS("x" DTR_OFF PURGE);
		else if (n < 4)
			GETS("x" IAC IAC DTR_OFF PURGE);
		else if (n < 6)
			GETS("x" IAC IAC IAC IAC DTR_OFF PURGE);
		else
			GETS("x" IAC IAC IAC IAC IAC IAC DTR_OFF PURGE);
	}
}
END_TEST

START_TEST(data_and_the_server_closes)
{
	int fd;

	opens();
	fd = begins_data("");
	close(server);
	server = -1;
	turn();
	ck_assert_uint_eq(seen.closed, 1);
	ck_assert_int_eq(send(fd, "x", 1, MSG_NOSIGNAL), 1);
	port->ops->set_dtr(port, false);
	port->ops->data_end(port);
	skip_ms(10000);
	ck_assert_uint_eq(seen.closed, 1);
	close(fd);
}
END_TEST

/* --- a hostile server --- */

static void floods(const void *octets, size_t len, unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		if (send(server, octets, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			turn();
		if (i % 64 == 0)
			turns(1);
	}
	turn();
}

/* It asks and does not listen: nothing grows, and the rest goes on. */
START_TEST(hostile_questions)
{
	int fd;

	opens();
	floods(IAC DO "\x18" SUB("\x64"), 9, 100000);
	ck_assert_uint_eq(seen.closed, 0);
	ck_assert_int_eq(writes("AT\r"), 0);
	fd = begins_data("");
	if (fd >= 0) {
		floods(IAC DO "\x18" SUB("\x64"), 9, 100000);
		port->ops->data_end(port);
		close(fd);
	} else {
		ck_assert_int_eq(fd, -EAGAIN);
	}
	ck_assert_uint_eq(seen.closed, 0);
}
END_TEST

START_TEST(hostile_noise)
{
	uint32_t state = 1;
	uint8_t noise[1024];
	int fd = -1;

	opens();
	seen.free_in = FREE_CLOSED;
	for (int round = 0; round < 400 && port; round++) {
		for (size_t i = 0; i < sizeof noise; i++) {
			state = state * 1664525 + 1013904223;
			noise[i] = state >> 29 ? (uint8_t)(state >> 16) : (uint8_t)(0xF0 | (state >> 16 & 15));
		}
		(void)!send(server, noise, sizeof noise, MSG_NOSIGNAL | MSG_DONTWAIT);
		turns(2);
		seen.len = 0;
		if (port && round % 10 == 5)
			fd = begins_data("");
		if (port && round % 10 == 9) {
			port->ops->data_end(port);
			close(fd);
			fd = -1;
		}
	}
	ck_assert_uint_eq(seen.ready, 1);
}
END_TEST

/* Lines that flap: one call for what came at once. */
START_TEST(hostile_lines)
{
	static char flap[(7 + 7) * 100];

	opens();
	for (int i = 0; i < 100; i++)
		memcpy(flap + 14 * i, SUB("\x6B\xC4") SUB("\x6B\x00"), 14);
	server_says(flap, sizeof flap);
	ck_assert_uint_le(seen.lines, 2);
	ck_assert(!seen.carrier && seen.rings == 1);
}
END_TEST

START_TEST(urgent)
{
	opens();
	ck_assert_int_eq(send(server, "a" IAC "\xF2", 3, MSG_OOB), 3); /* a synch: the data mark is urgent */
	SAYS("b");
	ck_assert_str_eq(seen.input, "ab");
}
END_TEST

/* --- ends --- */

static void all_events(enum free_in free_in)
{
	unsigned before = open_fds();
	int fd = -1;

	seen.free_in = free_in;
	if (free_in == FREE_NO_CARRIER)
		conf.control = CONF_CONTROL_TEXT;
	connects();
	SAYS(IAC DO COM "x" SUB("\x6B\x80"));
	if (port)
		(void)!send(server, "x" SUB("\x6B\x00"), 8, MSG_NOSIGNAL);
	turn();
	if (port)
		fd = begins_data("NO CARRIER");
	skip_ms(PORT_QUIET_MS + 1);
	close(server);
	server = -1;
	turn();
	ck_assert_ptr_null(port);
	if (fd >= 0)
		close(fd);
	skip_ms(20000);
	ck_assert_uint_eq(open_fds(), before);
}

PORT_FREED_ALL

START_TEST(freed_while_connecting)
{
	unsigned before = open_fds();

	port = port_rfc2217_new(loop, &conf, &handlers, &seen);
	ck_assert_ptr_nonnull(port);
	port->ops->free(port);
	port = NULL;
	skip_ms(20000);
	ck_assert_uint_eq(seen.ready + seen.closed, 0);
	ck_assert_uint_eq(open_fds(), before);
}
END_TEST

static Suite *port_rfc2217_suite(void)
{
	Suite *s = suite_create("port_rfc2217");

	PORT_CASE(s, "opening", opening, settings, no_server, server_is_silent, option_refused, option_not_answered,
		  lines_wanted, text_wanted, option_taken_back);
	PORT_CASE(s, "commands", commands, modem_lines, carrier_is_there, rings, line_errors, suspended, server_closes);
	PORT_CASE(s, "data", data, data_by_text, data_begins_at_once, data_suspended, data_to_stuck_server, data_is_cut,
		  data_and_the_server_closes);
	PORT_CASE(s, "hostile", hostile_questions, hostile_noise, hostile_lines, urgent);
	PORT_CASE(s, "ends", freed_in_ready, freed_in_input, freed_in_lines, freed_in_no_carrier, freed_in_closed,
		  freed_while_connecting);
	return s;
}

UNIT_MAIN(port_rfc2217_suite)
