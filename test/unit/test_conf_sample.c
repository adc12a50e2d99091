/*
 * The shipped pacd.conf: good as it is, with its comments taken off, and harmless when damaged.
 */
#include "pacd/conf.h"
#include "test/unit/unit.h"

#include <stdio.h>

/* libconfig 1.5 loses the string that it was reading when a syntax error comes. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig";
}

static struct conf *parse(const char *text, size_t len, struct conf_errors *errors)
{
	/* An exact allocation, so that a sanitizer sees one octet too many. */
	char *copy = malloc(len ? len : 1);
	struct conf *c;

	conf_errors_init(errors);
	memcpy(copy, text, len);
	c = conf_parse("f", copy, len, errors);
	free(copy);
	return c;
}

static struct conf *parse_good(const char *text)
{
	struct conf_errors errors;
	struct conf *c = parse(text, strlen(text), &errors);

	for (size_t i = 0; i < errors.n; i++)
		fprintf(stderr, "%s\n", errors.list[i]);
	ck_assert_ptr_nonnull(c);
	ck_assert_uint_eq(errors.n, 0);
	conf_errors_clear(&errors);
	return c;
}

static char *read_conf(const char *name, size_t *len)
{
	const char *top = getenv("top_srcdir");
	char path[4096], *text = malloc(65536);
	FILE *f;

	snprintf(path, sizeof path, "%s/conf/%s", top ? top : ".", name);
	f = fopen(path, "rb");
	ck_assert_ptr_nonnull(f);
	*len = fread(text, 1, 65535, f);
	text[*len] = '\0';
	fclose(f);
	return text;
}

static char *sample(size_t *len)
{
	return read_conf("pacd.conf", len);
}

START_TEST(test_sample)
{
	size_t len;
	char *text = sample(&len), *printed, *reprinted;
	struct conf *c = parse_good(text), *again;

	ck_assert_uint_eq(c->warnings.n, 0);
	ck_assert_str_eq(c->aaa.users, "/etc/pacd/users");
	printed = conf_print(c);
	again = parse_good(printed);
	reprinted = conf_print(again);
	ck_assert_str_eq(printed, reprinted);
	free(printed);
	free(reprinted);
	conf_free(again);
	conf_free(c);
	free(text);
}
END_TEST

/* What stands commented out in the sample, "#name = ...", is good as well, and most of it is the default. */
START_TEST(test_sample_uncommented)
{
	size_t len, used = 0;
	char *text = sample(&len), *out = malloc(len + 1);
	struct conf *c;

	for (size_t i = 0; i < len; i++) {
		bool start = text[i] == '#' && i + 1 < len && text[i + 1] != ' ' && text[i + 1] != '\n';
		bool inner = text[i] == '#' && i + 5 < len && !memcmp(text + i + 1, "    ", 4);

		if ((start || inner) && (!i || text[i - 1] == '\n' || text[i - 1] == ' '))
			continue;
		out[used++] = text[i];
	}
	out[used] = '\0';
	c = parse_good(out);
	ck_assert_uint_eq(c->ndeny, 2);
	ck_assert_uint_eq(c->pools[0].dns[0], 0xc0000235);
	ck_assert_uint_eq(c->limits.pending, 256);
	ck_assert_uint_eq(conf_lines_count(c), 24);
	ck_assert(c->real.nroutes == 2 && c->real.ndialplan == 2 && c->real.pns.naddresses == 3);
	conf_free(c);
	free(out);
	free(text);
}
END_TEST

/* Whole files for others to begin with: nothing in them is even doubtful. */
START_TEST(test_examples)
{
	static const char *const names[] = { "examples/modem-pool.conf", "examples/terminal-server.conf" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		size_t len;
		char *text = read_conf(names[i], &len), *joined;
		struct conf *c = parse_good(text);
		struct conf_line line;

		joined = conf_errors_join(&c->warnings);
		ck_assert_str_eq(joined, "");
		free(joined);
		ck_assert_uint_eq(conf_lines_count(c), 16);
		ck_assert_int_eq(conf_line_get(c, 15, &line), 0);
		ck_assert_str_eq(line.name, i ? "ts1-isdn8" : "modem15");
		ck_assert_uint_eq(line.listen.port, i ? 7008 : 0);
		conf_line_clear(&line);
		ck_assert(conf_route_find(c, "0301234601", "", i ? "isdn" : "analog") == c->real.routes);
		ck_assert_ptr_nonnull(conf_dialplan_find(c, "91", 0xc000021f));
		ck_assert_ptr_null(conf_dialplan_find(c, "91", 0xc0000221));
		conf_free(c);
		free(text);
	}
}
END_TEST

/* SEC-04: any octet of the sample changed, taken out or doubled never does worse than an error. */
START_TEST(test_sample_mutated)
{
	size_t len;
	char *text = sample(&len), *copy = malloc(len + 1);
	unsigned seed = 1;

	for (size_t i = 0; i < 3000; i++) {
		struct conf_errors errors;
		size_t at, n = len;
		struct conf *c;

		memcpy(copy, text, len);
		seed = seed * 1103515245 + 12345;
		at = (seed >> 8) % len;
		switch (seed >> 28 & 3) {
		case 0:
			copy[at] = (char)(seed >> 20);
			break;
		case 1:
			memmove(copy + at, copy + at + 1, len - at - 1);
			n--;
			break;
		case 2:
			memmove(copy + at + 1, copy + at, len - at);
			n++;
			break;
		default:
			n = at;
		}
		c = parse(copy, n, &errors);
		ck_assert((c != NULL) == (errors.n == 0));
		conf_free(c);
		conf_errors_clear(&errors);
	}
	free(copy);
	free(text);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("conf_sample");

	UNIT_CASE(s, "sample", test_sample, test_sample_uncommented, test_examples, test_sample_mutated);
	return s;
}

UNIT_MAIN(suite)
