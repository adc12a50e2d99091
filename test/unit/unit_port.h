/*
 * For tests of ports: what the port has told, and calls into it that must not tell anything themselves.
 */
#ifndef PACD_TEST_UNIT_PORT_H
#define PACD_TEST_UNIT_PORT_H

#include "pacd/line/port.h"

#include "test/unit/unit_loop.h"

#include <stdio.h>

static struct port *port;
static struct conf_line conf;

/* A handler that frees the port. */
enum free_in { FREE_NEVER, FREE_READY, FREE_INPUT, FREE_LINES, FREE_NO_CARRIER, FREE_CLOSED };

static struct {
	unsigned ready, lines, no_carrier, closed, rings;
	bool carrier;
	char input[4096], why[256];
	size_t len;
	enum free_in free_in;
	bool inside; /* a call into the port */
} seen;

static inline void free_if(enum free_in when)
{
	ck_assert(!seen.inside);
	if (seen.free_in != when)
		return;
	port->ops->free(port);
	port = NULL;
}

static inline void on_ready(void *ctx)
{
	ck_assert_ptr_eq(ctx, &seen);
	seen.ready++;
	free_if(FREE_READY);
}

static inline void on_input(void *ctx, const uint8_t *data, size_t len)
{
	(void)ctx;
	ck_assert_uint_lt(seen.len + len, sizeof seen.input);
	memcpy(seen.input + seen.len, data, len);
	seen.len += len;
	seen.input[seen.len] = 0;
	free_if(FREE_INPUT);
}

static inline void on_lines(void *ctx, bool carrier, unsigned rings)
{
	(void)ctx;
	seen.lines++;
	seen.carrier = carrier;
	seen.rings = rings;
	free_if(FREE_LINES);
}

static inline void on_no_carrier(void *ctx)
{
	(void)ctx;
	seen.no_carrier++;
	free_if(FREE_NO_CARRIER);
}

static inline void on_closed(void *ctx, const char *why)
{
	(void)ctx;
	seen.closed++;
	snprintf(seen.why, sizeof seen.why, "%s", why);
	free_if(FREE_CLOSED);
}

static const struct port_handlers handlers = {
	.ready = on_ready, .input = on_input, .lines = on_lines, .no_carrier = on_no_carrier, .closed = on_closed,
};

static inline int writes(const char *text)
{
	int e;

	seen.inside = true;
	e = port->ops->write(port, text, strlen(text));
	seen.inside = false;
	return e;
}

static inline int begins_data(const char *rest)
{
	int fd;

	seen.inside = true;
	fd = port->ops->data_begin(port, (const uint8_t *)rest, strlen(rest));
	seen.inside = false;
	return fd;
}

static inline void path_gets(int fd, const char *text)
{
	char data[4096];
	ssize_t n;

	turn();
	n = read(fd, data, sizeof data - 1);
	data[n > 0 ? n : 0] = 0;
	ck_assert_str_eq(data, text);
}

/* A port of the test's own, before and after each test. */
#define PORT_CASE(suite, name, ...)                                            \
	do {                                                                   \
		TCase *case_ = tcase_create(name);                             \
		const TTest *const tests_[] = { __VA_ARGS__ };                 \
		tcase_add_checked_fixture(case_, setup, teardown);             \
		tcase_set_timeout(case_, 60);                                  \
		for (size_t i_ = 0; i_ < sizeof tests_ / sizeof tests_[0]; i_++) \
			tcase_add_test(case_, tests_[i_]);                     \
		suite_add_tcase(suite, case_);                                 \
	} while (0)

/* A test in which the handler `when` frees the port; the program's all_events() makes it call each. */
#define PORT_FREED(name, when)                                                 \
	START_TEST(name)                                                       \
	{                                                                      \
		all_events(when);                                              \
	}                                                                      \
	END_TEST

#define PORT_FREED_ALL                                                         \
	PORT_FREED(freed_in_ready, FREE_READY)                                 \
	PORT_FREED(freed_in_input, FREE_INPUT)                                 \
	PORT_FREED(freed_in_lines, FREE_LINES)                                 \
	PORT_FREED(freed_in_no_carrier, FREE_NO_CARRIER)                       \
	PORT_FREED(freed_in_closed, FREE_CLOSED)

#endif
