/*
 * common/script_vars: what a value may be made of, the list's bounds, and the
 * codec, which takes nothing that the list itself would not hold (RAD-08: text
 * from a server must not break a protocol; RAD-31).
 */
#include "common/script_vars.h"

#include "test/unit/unit.h"

static struct script_vars v;

static void reset(void)
{
	memset(&v, 0, sizeof v);
}

/* The value of that variable, or NULL. */
static const char *value(enum script_var var)
{
	for (unsigned i = 0; i < v.n; i++)
		if (v.list[i].var == var)
			return v.list[i].value;
	return NULL;
}

START_TEST(names)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

	ck_assert_str_eq(script_var_name(SCRIPT_VAR_SESSION_ID), "PACD_SESSION_ID");
	ck_assert_str_eq(script_var_name(SCRIPT_VAR_IDLE_TIMEOUT), "PACD_IDLE_TIMEOUT");
	ck_assert_ptr_null(script_var_name(SCRIPT_VAR_COUNT));
	ck_assert_ptr_null(script_var_name((enum script_var)255));
	ck_assert_int_le(SCRIPT_VAR_COUNT, SCRIPT_VARS);
	for (unsigned i = 0; i < SCRIPT_VAR_COUNT; i++) {
		const char *name = script_var_name((enum script_var)i);

		ck_assert_int_eq(strncmp(name, "PACD_", 5), 0);
		ck_assert_uint_eq(strspn(name, letters), strlen(name));
		ck_assert_uint_lt(strlen(name), 32); /* the root part's room for it */
		ck_assert_str_ne(name, "PACD_REASON"); /* that one is the plugin's and the root part's own */
	}
}
END_TEST

/* Every octet: as it is, or "_". */
START_TEST(octets)
{
	for (unsigned c = 0; c < 256; c++) {
		const char text[] = { 'a', (char)c, 'b' };
		bool plain = c >= 0x20 && c <= 0x7e && !strchr("\"'\\$`", (int)c);

		reset();
		script_vars_add(&v, SCRIPT_VAR_CLASS, text, 3);
		ck_assert_uint_eq(v.n, 1);
		ck_assert_uint_eq(v.list[0].len, 3);
		ck_assert_uint_eq(strlen(value(SCRIPT_VAR_CLASS)), 3);
		ck_assert_int_eq(value(SCRIPT_VAR_CLASS)[1], plain ? (char)c : '_');
		ck_assert(script_vars_valid(&v));
	}
}
END_TEST

START_TEST(lengths)
{
	char text[SCRIPT_VAR_MAX + 100];

	memset(text, 'x', sizeof text);
	reset();
	script_vars_add(&v, SCRIPT_VAR_CLASS, text, 0);
	script_vars_add_text(&v, SCRIPT_VAR_USER, "");
	ck_assert_uint_eq(v.n, 0);
	script_vars_add(&v, SCRIPT_VAR_CLASS, text, SCRIPT_VAR_MAX);
	script_vars_add(&v, SCRIPT_VAR_USER, text, sizeof text);
	ck_assert_uint_eq(v.n, 2);
	ck_assert_uint_eq(strlen(value(SCRIPT_VAR_CLASS)), SCRIPT_VAR_MAX);
	ck_assert_uint_eq(strlen(value(SCRIPT_VAR_USER)), SCRIPT_VAR_MAX);
	ck_assert(script_vars_valid(&v));
}
END_TEST

START_TEST(numbers)
{
	reset();
	script_vars_add_number(&v, SCRIPT_VAR_RATE_UP, 0);
	script_vars_add_number(&v, SCRIPT_VAR_RATE_DOWN, UINT64_MAX);
	ck_assert_str_eq(value(SCRIPT_VAR_RATE_UP), "0");
	ck_assert_str_eq(value(SCRIPT_VAR_RATE_DOWN), "18446744073709551615");
}
END_TEST

/* The later one, and nothing of a longer one before it. */
START_TEST(second_replaces)
{
	struct script_vars once = { 0 };

	reset();
	script_vars_add_text(&v, SCRIPT_VAR_USER, "first and long");
	script_vars_add_text(&v, SCRIPT_VAR_CLASS, "c");
	script_vars_add_text(&v, SCRIPT_VAR_USER, "second");
	script_vars_add_text(&v, SCRIPT_VAR_USER, "");
	script_vars_add_text(&once, SCRIPT_VAR_USER, "second");
	script_vars_add_text(&once, SCRIPT_VAR_CLASS, "c");
	ck_assert_mem_eq(&v, &once, sizeof v);
}
END_TEST

static void fill(void)
{
	char text[SCRIPT_VAR_MAX];

	reset();
	memset(text, 'y', sizeof text);
	for (unsigned i = 0; i < SCRIPT_VAR_COUNT; i++)
		script_vars_add(&v, (enum script_var)i, text, sizeof text);
	ck_assert_uint_eq(v.n, SCRIPT_VAR_COUNT);
}

START_TEST(unknown_is_not_added)
{
	fill();
	script_vars_add_text(&v, SCRIPT_VAR_COUNT, "x");
	script_vars_add_text(&v, (enum script_var)255, "x");
	ck_assert_uint_eq(v.n, SCRIPT_VAR_COUNT);
	ck_assert(script_vars_valid(&v));
}
END_TEST

START_TEST(validity)
{
	for (unsigned fault = 0; fault <= 8; fault++) {
		reset();
		script_vars_add_text(&v, SCRIPT_VAR_USER, "u");
		script_vars_add_text(&v, SCRIPT_VAR_CLASS, "some");
		switch (fault) {
		case 1: v.n = SCRIPT_VARS + 1; break;
		case 2: v.list[1].var = SCRIPT_VAR_COUNT; break;
		case 3: v.list[1].var = SCRIPT_VAR_USER; break; /* twice */
		case 4: v.list[1].len = 0; break;
		case 5: v.list[1].len = SCRIPT_VAR_MAX + 1; break;
		case 6: v.list[1].len = 3; break;               /* it goes on */
		case 7: v.list[1].len = 5; break;               /* it ends before */
		case 8: v.list[1].value[2] = '\n'; break;
		default: break;
		}
		ck_assert_msg(script_vars_valid(&v) == (fault == 0), "fault %u", fault);
	}
}
END_TEST

static uint8_t data[8192];

static size_t put(void)
{
	struct wbuf w;

	wbuf_init(&w, data, sizeof data);
	script_vars_put(&w, &v);
	return wbuf_len(&w);
}

static int get(struct script_vars *got, const uint8_t *from, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1);
	struct rbuf r;

	memcpy(exact, from, len);
	rbuf_init(&r, exact, len);
	script_vars_get(&r, got);
	free(exact);
	return rbuf_end(&r);
}

START_TEST(there_and_back)
{
	struct script_vars got;
	size_t len;

	reset();
	ck_assert_uint_eq(put(), 1);
	ck_assert_int_eq(get(&got, data, 1), 0);
	ck_assert_uint_eq(got.n, 0);
	fill();
	len = put();
	ck_assert_uint_eq(len, 1 + SCRIPT_VAR_COUNT * (2 + SCRIPT_VAR_MAX));
	memset(&got, 0xaa, sizeof got);
	ck_assert_int_eq(get(&got, data, len), 0);
	ck_assert_mem_eq(&got, &v, sizeof v);
	for (size_t cut = 0; cut < len; cut++)
		ck_assert_int_lt(get(&got, data, cut), 0);
}
END_TEST

START_TEST(layout)
{
	static const uint8_t two[] = { 2, SCRIPT_VAR_CLASS, 2, 'a', ' ', SCRIPT_VAR_USER, 1, 'u' };

	reset();
	script_vars_add_text(&v, SCRIPT_VAR_CLASS, "a ");
	script_vars_add_text(&v, SCRIPT_VAR_USER, "u");
	ck_assert_uint_eq(put(), sizeof two);
	ck_assert_mem_eq(data, two, sizeof two);
}
END_TEST

/* The receiver checks all of it again. */
START_TEST(refused_by_the_receiver)
{
	static const struct {
		uint8_t octets[16];
		size_t len;
	} bad[] = {
		{ { SCRIPT_VARS + 1 }, 1 },
		{ { 1, SCRIPT_VAR_COUNT, 1, 'x' }, 4 },
		{ { 1, 255, 1, 'x' }, 4 },
		{ { 1, SCRIPT_VAR_USER, 0 }, 3 },
		{ { 1, SCRIPT_VAR_USER, 1, 0 }, 4 },
		{ { 1, SCRIPT_VAR_USER, 3, 'a', 0, 'b' }, 6 },
		{ { 1, SCRIPT_VAR_USER, 1, '`' }, 4 },
		{ { 1, SCRIPT_VAR_USER, 1, '$' }, 4 },
		{ { 1, SCRIPT_VAR_USER, 1, '"' }, 4 },
		{ { 1, SCRIPT_VAR_USER, 1, '\'' }, 4 },
		{ { 1, SCRIPT_VAR_USER, 1, '\\' }, 4 },
		{ { 1, SCRIPT_VAR_USER, 1, '\n' }, 4 },
		{ { 1, SCRIPT_VAR_USER, 1, 0x7f }, 4 },
		{ { 1, SCRIPT_VAR_USER, 1, 0xe4 }, 4 },
		{ { 2, SCRIPT_VAR_USER, 1, 'a', SCRIPT_VAR_USER, 1, 'b' }, 7 },
	};
	struct script_vars got;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(get(&got, bad[i].octets, bad[i].len) < 0, "case %zu", i);
	for (unsigned len = SCRIPT_VAR_MAX + 1; len < 256; len++) {
		memset(data, 'x', 3 + len);
		data[0] = 1;
		data[1] = SCRIPT_VAR_USER;
		data[2] = (uint8_t)len;
		ck_assert_int_lt(get(&got, data, 3 + len), 0);
	}
}
END_TEST

/* As many as the list holds, of which the last comes twice: n is not trusted. */
START_TEST(as_many_as_fit)
{
	struct script_vars got;
	size_t len = 1;

	data[0] = SCRIPT_VARS;
	for (unsigned i = 0; i < SCRIPT_VARS; i++) {
		data[len++] = (uint8_t)(i < SCRIPT_VAR_COUNT ? i : SCRIPT_VAR_COUNT - 1);
		data[len++] = 1;
		data[len++] = 'x';
	}
	ck_assert_int_lt(get(&got, data, len), 0);
	data[0] = SCRIPT_VAR_COUNT;
	ck_assert_int_eq(get(&got, data, 1 + 3 * SCRIPT_VAR_COUNT), 0);
	/* The last one longer than its place: the sanitizer looks. */
	data[0] = SCRIPT_VARS;
	data[len - 2] = 255;
	memset(data + len - 1, 'x', 255);
	ck_assert_int_lt(get(&got, data, len - 1 + 255), 0);
}
END_TEST

/* What is not valid is not sent. */
START_TEST(refused_by_the_sender)
{
	reset();
	script_vars_add_text(&v, SCRIPT_VAR_USER, "u");
	v.list[0].value[0] = '\n';
	ck_assert_uint_eq(put(), 0);
	v.n = SCRIPT_VARS + 1;
	ck_assert_uint_eq(put(), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("script_vars");

	UNIT_CASE(s, "list", names, octets, lengths, numbers, second_replaces, unknown_is_not_added, validity);
	UNIT_CASE(s, "codec", there_and_back, layout, refused_by_the_receiver, as_many_as_fit, refused_by_the_sender);
	return s;
}

UNIT_MAIN(suite)
