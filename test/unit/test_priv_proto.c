/*
 * priv/proto: every message there and back, at every truncation, with leftovers,
 * and with each value just out of its range (SEC-04, SEC-08).
 */
#include "test/unit/unit.h"

#include "pacd/priv/proto.h"

#include <errno.h>
#include <stdbool.h>

static const struct {
	struct priv_msg m;
	size_t len, fds;
} good[] = {
	{ { .type = PRIV_OPEN, .open = { 0x01020304, PRIV_SOCKET_GRE, 0xfffe } }, 8, 0 },
	{ { .type = PRIV_OPEN, .open = { 1, PRIV_SOCKET_CONTROL, 0 } }, 8, 0 },
	{ { .type = PRIV_START_PPPD, .start_pppd = { 7, 0x1122334455667788, 0xc0000201 } }, 17, 0 },
	{ { .type = PRIV_SIGNAL_PPPD, .signal_pppd = { UINT64_MAX, PRIV_SIGNAL_KILL } }, 10, 0 },
	{ { .type = PRIV_CONF_TAKEN, .conf_taken = { 9, 1 } }, 6, 0 },
	{ { .type = PRIV_RELOAD }, 1, 0 },
	{ { .type = PRIV_READY }, 1, 0 },
	{ { .type = PRIV_DOWN_HOOK, .down_hook = { INT32_MAX, 0x0a000001, 0x0a000002, 0xc0000201 } }, 17, 0 },
	{ { .type = PRIV_CHANGE_HOOK, .change_hook = { 7, UINT64_MAX, INT32_MAX, 1, 2, 3, { .n = 0 } } }, 30, 0 },
	{ { .type = PRIV_CHANGE_HOOK,
	    .change_hook = { 7, 1, 0, 1, 2, 3, { 2, { { SCRIPT_VAR_CLASS, 3, "a b" }, { 0, 1, "x" } } } } }, 38, 0 },
	{ { .type = PRIV_CLOSE_LINE, .close_line = { UINT32_MAX } }, 5, 0 },
	{ { .type = PRIV_OPEN, .open = { 1, PRIV_SOCKET_LINE, 4095 } }, 8, 0 },
	{ { .type = PRIV_CONF, .conf = { 3, 1, 1, 1, 1 } }, 9, 3 },
	{ { .type = PRIV_CONF, .conf = { 3, 1, 1, 0, 0 } }, 9, 2 },
	{ { .type = PRIV_CONF, .conf = { 3, 1, 0, 1, 0 } }, 9, 2 },
	{ { .type = PRIV_CONF, .conf = { 3, 1, 0, 0, 0 } }, 9, 1 },
	{ { .type = PRIV_CONF, .conf = { 4, 0, 0, 0, 0 } }, 9, 1 },
	{ { .type = PRIV_OPENED, .opened = { PRIV_SOCKET_LISTEN, 2, 0, 0, 0 } }, 16, 1 },
	{ { .type = PRIV_OPENED, .opened = { PRIV_SOCKET_LISTEN, 2, EADDRINUSE, 0, 0 } }, 16, 0 },
	{ { .type = PRIV_OPENED, .opened = { PRIV_SOCKET_LINE, 2, 0, 0x01020304, 9 } }, 16, 1 },
	{ { .type = PRIV_OPENED, .opened = { PRIV_SOCKET_LINE, 2, 0, 0, 9 } }, 16, 1 },
	{ { .type = PRIV_OPENED, .opened = { PRIV_SOCKET_LINE, 2, EBUSY, 0, 9 } }, 16, 0 },
	{ { .type = PRIV_STARTED, .started = { 5, 0, 4711 } }, 17, 3 },
	{ { .type = PRIV_STARTED, .started = { 5, ESTALE, 0 } }, 17, 0 },
	{ { .type = PRIV_EXITED, .exited = { 5, -1 } }, 13, 0 },
	{ { .type = PRIV_STOP }, 1, 0 },
};
#define GOOD ((int)(sizeof good / sizeof good[0]))

START_TEST(there_and_back)
{
	uint8_t data[PRIV_MSG_MAX], again[PRIV_MSG_MAX];
	struct priv_msg m;
	size_t len = priv_encode(data, sizeof data, &good[_i].m);

	ck_assert_uint_eq(len, good[_i].len);
	ck_assert_int_eq(priv_decode(&m, data, len), 0);
	ck_assert_int_eq(m.type, good[_i].m.type);
	ck_assert_uint_eq(priv_fds(&m), good[_i].fds);
	ck_assert_uint_eq(priv_encode(again, sizeof again, &m), len);
	ck_assert_mem_eq(again, data, len);
}
END_TEST

START_TEST(layout)
{
	static const uint8_t start[] = { PRIV_START_PPPD, 0, 0, 0, 7, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88,
					 0xc0, 0, 2, 1 };
	struct priv_msg m;

	ck_assert_int_eq(priv_decode(&m, start, sizeof start), 0);
	ck_assert_uint_eq(m.start_pppd.generation, 7);
	ck_assert(m.start_pppd.token == 0x1122334455667788);
	ck_assert_uint_eq(m.start_pppd.peer_addr, 0xc0000201);
}
END_TEST

START_TEST(cut_or_too_long)
{
	uint8_t data[PRIV_MSG_MAX] = { 0 };
	size_t len = priv_encode(data, sizeof data, &good[_i].m);
	struct priv_msg m;

	for (size_t cut = 0; cut < len; cut++)
		ck_assert_int_eq(priv_decode(&m, data, cut), -EBADMSG);
	ck_assert_int_eq(priv_decode(&m, data, len + 1), -EBADMSG);
	for (size_t cap = 0; cap < len; cap++)
		ck_assert_uint_eq(priv_encode(data, cap, &good[_i].m), 0);
}
END_TEST

static const struct priv_msg bad[] = {
	{ .type = PRIV_OPEN, .open = { 1, PRIV_SOCKETS, 0 } },
	{ .type = PRIV_SIGNAL_PPPD, .signal_pppd = { 1, PRIV_SIGNALS } },
	{ .type = PRIV_CONF_TAKEN, .conf_taken = { 1, 2 } },
	{ .type = PRIV_DOWN_HOOK, .down_hook = { 0x80000000, 1, 2, 3 } },
	{ .type = PRIV_CHANGE_HOOK, .change_hook = { 1, 1, 0x80000000, 1, 2, 3, { .n = 0 } } },
	{ .type = PRIV_CONF, .conf = { 1, 2, 0, 0, 0 } },
	{ .type = PRIV_CONF, .conf = { 1, 0, 1, 0, 0 } },
	{ .type = PRIV_CONF, .conf = { 1, 0, 0, 1, 0 } },
	{ .type = PRIV_CONF, .conf = { 1, 1, 2, 0, 0 } },
	{ .type = PRIV_CONF, .conf = { 1, 1, 0, 2, 0 } },
	{ .type = PRIV_CONF, .conf = { 1, 1, 0, 0, 2 } },
	{ .type = PRIV_CLOSE_LINE, .close_line = { 0 } },
	{ .type = PRIV_OPENED, .opened = { PRIV_SOCKETS, 0, 0, 0, 0 } },
	{ .type = PRIV_OPENED, .opened = { PRIV_SOCKET_GRE, 0, -1, 0, 0 } },
	{ .type = PRIV_OPENED, .opened = { PRIV_SOCKET_GRE, 0, 0, 1, 0 } },
	{ .type = PRIV_OPENED, .opened = { PRIV_SOCKET_GRE, 0, 0, 0, 1 } },
	{ .type = PRIV_OPENED, .opened = { PRIV_SOCKET_LINE, 0, EBUSY, 1, 1 } },
	{ .type = PRIV_STARTED, .started = { 1, 0, 0 } },
	{ .type = PRIV_STARTED, .started = { 1, ENOMEM, 5 } },
	{ .type = PRIV_STARTED, .started = { 1, -1, 0 } },
	{ .type = PRIV_STARTED, .started = { 1, 0, 0x80000000 } },
};
#define BAD ((int)(sizeof bad / sizeof bad[0]))

/* RAD-87: what a server gave is checked where it arrives, and not sent where it is not valid. */
START_TEST(change_hook)
{
	struct priv_msg m = { .type = PRIV_CHANGE_HOOK, .change_hook = { .token = 5 } }, got;
	uint8_t data[PRIV_MSG_MAX];
	char text[SCRIPT_VAR_MAX];
	size_t len;

	memset(text, 'x', sizeof text);
	for (unsigned i = 0; i < SCRIPT_VAR_COUNT; i++)
		script_vars_add(&m.change_hook.vars, (enum script_var)i, text, sizeof text);
	len = priv_encode(data, sizeof data, &m);
	ck_assert_uint_eq(len, 30 + SCRIPT_VAR_COUNT * (2 + SCRIPT_VAR_MAX));
	ck_assert_int_eq(priv_decode(&got, data, len), 0);
	ck_assert_mem_eq(&got, &m, sizeof m);
	data[len - 1] = '\n';
	ck_assert_int_eq(priv_decode(&got, data, len), -EBADMSG);
	data[len - 1] = 'x';
	data[30] = SCRIPT_VAR_COUNT; /* the first one's name */
	ck_assert_int_eq(priv_decode(&got, data, len), -EBADMSG);
	data[30] = 1; /* the second one's */
	ck_assert_int_eq(priv_decode(&got, data, len), -EBADMSG);
	m.change_hook.vars.list[3].value[9] = '\n';
	ck_assert_uint_eq(priv_encode(data, sizeof data, &m), 0);
}
END_TEST

START_TEST(out_of_range)
{
	uint8_t data[PRIV_MSG_MAX];
	size_t len = priv_encode(data, sizeof data, &bad[_i]);
	struct priv_msg m;

	ck_assert_uint_gt(len, 1);
	ck_assert_int_eq(priv_decode(&m, data, len), -EBADMSG);
}
END_TEST

START_TEST(unknown_types)
{
	uint8_t data[PRIV_MSG_MAX];
	struct priv_msg m;

	for (unsigned type = 0; type < 256; type++) {
		bool request = type >= PRIV_OPEN && type <= PRIV_CLOSE_LINE;
		bool known = request || (type >= PRIV_CONF && type <= PRIV_STOP), any = false;

		m = (struct priv_msg){ .type = (uint8_t)type };
		ck_assert_int_eq(priv_encode(data, sizeof data, &m) > 0, known);
		/* No length helps an unknown one. */
		for (size_t len = 1; len < 32; len++) {
			memset(data, 1, sizeof data);
			data[0] = (uint8_t)type;
			if (type == PRIV_STARTED)
				memset(data + 9, 0, 4);
			if (type == PRIV_OPENED)
				memset(data + 8, 0, 8); /* no handle, no generation */
			if (type == PRIV_CHANGE_HOOK)
				data[29] = 0; /* no variables */
			any |= priv_decode(&m, data, len) == 0;
		}
		ck_assert_int_eq(any, known);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("priv_proto");
	TCase *tc = tcase_create("messages");

	tcase_add_loop_test(tc, there_and_back, 0, GOOD);
	tcase_add_loop_test(tc, cut_or_too_long, 0, GOOD);
	tcase_add_loop_test(tc, out_of_range, 0, BAD);
	suite_add_tcase(s, tc);
	UNIT_CASE(s, "codec", layout, change_hook, unknown_types);
	return s;
}

UNIT_MAIN(suite)
