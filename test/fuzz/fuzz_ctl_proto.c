/*
 * The control socket's lines.  The first octet picks what the rest is:
 * a request, which is run against a daemon that is not there; a record; RADIUS
 * attributes to put in words; or the answer that pacctl got.
 */
#include "pacd/ctl/commands.h"
#include "pacd/ctl/pacctl.h"
#include "test/fuzz/fuzz.h"
#include "test/unit/ctl_fake.h"

static void check_records(char *text, size_t len)
{
	static struct ctl_record r;

	while (len) {
		char *newline = memchr(text, '\n', len);
		size_t n;

		FUZZ_REQUIRE(newline != NULL);
		n = (size_t)(newline - text);
		FUZZ_REQUIRE(ctl_record_parse(&r, text, n) == 0);
		text = newline + 1;
		len -= n + 1;
	}
}

/* No octet of a password is in what may be logged, and the password is all that is not in it. */
static void check_public(const struct ctl_fake *fake, const uint8_t *data, size_t size)
{
	static struct ctl_words all, public;
	size_t len = ctl_public_len((const char *)data, size);

	FUZZ_REQUIRE(len < size);
	FUZZ_REQUIRE(ctl_words_parse(&all, (const char *)data, size) == 0 && all.n == 4);
	FUZZ_REQUIRE(ctl_words_parse(&public, (const char *)data, len) == 0 && public.n <= 3);
	for (size_t i = 0; i < public.n; i++)
		FUZZ_REQUIRE(public.list[i].len == all.list[i].len &&
			     !memcmp(public.list[i].text, all.list[i].text, all.list[i].len));
	FUZZ_REQUIRE(fake->password_len == all.list[3].len && fake->password_len <= CTL_PASSWORD_MAX);
}

/* Whatever a server answers: names and values. */
static void answer_test(struct ctl_out *out, const struct ctl_fake *fake, const char *text, const uint8_t *data,
			size_t size)
{
	const struct radius_packet packet = { .code = RADIUS_ACCESS_ACCEPT, .attributes = data, .len = size };
	const struct ctl_test t = { .verdict = (enum ctl_verdict)(size % 4), .server = text, .us = size,
				    .message = text, .packet = &packet };

	check_public(fake, data, size);
	commands_test_answer(out, &t);
}

static bool same_word(const struct ctl_word *a, const struct ctl_word *b)
{
	return !a == !b && (!a || (a->len == b->len && !memcmp(a->text, b->text, a->len)));
}

/* As pacctl does: what was meant in whole words means the same, with the argument where it was. */
static void check_whole_words(const struct ctl_match *m, const struct ctl_words *words)
{
	static struct ctl_words whole;
	const struct ctl_syntax *s = ctl_syntax_get(m->command);
	size_t at = ctl_syntax_arg(m->command);
	struct ctl_match again;
	struct ctl_out line;
	char why[CTL_WHY];

	ctl_out_init(&line);
	for (size_t i = 0; i < words->n; i++)
		if (i != at && i < CTL_SYNTAX_WORDS && s->words[i])
			ctl_out_arg(&line, s->words[i], strlen(s->words[i]));
		else
			ctl_out_arg(&line, words->list[i].text, words->list[i].len);
	if (ctl_words_parse(&whole, line.text, line.len) == 0) {
		FUZZ_REQUIRE(ctl_match(&again, &whole, why) == 0);
		FUZZ_REQUIRE(again.command == m->command && again.id == m->id && again.addr == m->addr &&
			     again.level == m->level);
		FUZZ_REQUIRE(same_word(again.name, m->name) && same_word(again.password, m->password));
	}
	ctl_out_clear(&line);
}

static void check_grammar(const uint8_t *data, size_t size)
{
	static struct ctl_words words;
	struct ctl_match m;
	char why[CTL_WHY];

	if (ctl_words_parse(&words, (const char *)data, size) < 0)
		return;
	if (ctl_match(&m, &words, why) < 0) {
		FUZZ_REQUIRE(*why && strlen(why) < CTL_WHY);
		return;
	}
	FUZZ_REQUIRE(ctl_syntax_has(m.command, &words));
	if (ctl_syntax_get(m.command)->arg == CTL_ARG_LINE)
		FUZZ_REQUIRE(m.name->len && strlen(m.name->text) == m.name->len);
	check_whole_words(&m, &words);
}

/* An answer is records and then one status line, whatever was asked. */
static void fuzz_request(const uint8_t *data, size_t size)
{
	struct ctl_fake fake = { .sessions = 3, .connections = 1, .pools = 2, .servers = 2, .lines = 2 };
	const struct commands_request rq = {
		(const char *)data, size, size % 4 * 2, 5, &ctl_fake_provider, &fake,
	};
	struct pacctl_answer a;
	struct ctl_out out;
	char *text;
	size_t records;

	check_grammar(data, size);
	ctl_out_init(&out);
	if (commands_run(&rq, &out) == COMMANDS_PENDING) {
		FUZZ_REQUIRE(out.len == 0 && (fake.reload_client == 5) != (fake.test_client == 5));
		text = strndup((const char *)data, size);
		if (fake.test_client)
			answer_test(&out, &fake, text, data, size);
		else
			commands_reload_answer(&out, 1, text);
		free(text);
	}
	FUZZ_REQUIRE(out.code != 0 && !out.fault);
	if (!(rq.rights & CTL_MAY_ACT))
		FUZZ_REQUIRE(!fake.disconnected && !fake.name_len && !fake.draining && !fake.reload_client &&
			     !fake.test_client && !fake.acts);
	FUZZ_REQUIRE(pacctl_split(&a, out.text, out.len) == 0);
	FUZZ_REQUIRE(a.code == out.code);
	records = a.len;
	check_records(out.text, records);
	ctl_out_clear(&out);
}

static void write_again(struct ctl_out *out, const struct ctl_record *r)
{
	ctl_out_record(out, r->type);
	for (size_t i = 0; i < r->n; i++) {
		const struct ctl_field *f = &r->list[i];

		if (f->kind == CTL_TEXT)
			ctl_out_text(out, f->key, f->text, f->len);
		else
			ctl_out_word(out, f->key, f->text);
	}
	ctl_out_end(out);
}

/* What was read and written is read the same. */
static void fuzz_record(const uint8_t *data, size_t size)
{
	static struct ctl_record r, again;
	char *line = malloc(size + 1);
	struct ctl_out out;

	memcpy(line, data, size);
	ctl_out_init(&out);
	if (ctl_record_parse(&r, line, size) == 0) {
		write_again(&out, &r);
		FUZZ_REQUIRE(ctl_record_parse(&again, out.text, out.len - 1) == 0);
		FUZZ_REQUIRE(again.n == r.n && !strcmp(again.type, r.type));
		for (size_t i = 0; i < r.n; i++) {
			FUZZ_REQUIRE(!strcmp(again.list[i].key, r.list[i].key));
			FUZZ_REQUIRE(again.list[i].kind == r.list[i].kind && again.list[i].len == r.list[i].len);
			FUZZ_REQUIRE(!memcmp(again.list[i].text, r.list[i].text, r.list[i].len));
		}
	}
	ctl_out_clear(&out);
	free(line);
}

static void check_printable(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		FUZZ_REQUIRE((text[i] >= ' ' && text[i] < 0x7f) || text[i] == '\n' || text[i] == '\t');
}

/* Nothing that a terminal could take for a command comes out, whoever answered. */
static void fuzz_answer(const uint8_t *data, size_t size, unsigned how)
{
	char *text = malloc(size + 1), *shown = NULL, *errors = NULL;
	size_t shown_len, errors_len;
	FILE *out = open_memstream(&shown, &shown_len), *err = open_memstream(&errors, &errors_len);
	struct pacctl_answer a;

	memcpy(text, data, size);
	if (pacctl_split(&a, text, size) == 0)
		pacctl_render(out, err, (enum pacctl_mode)(how % 3), (enum ctl_command)(how / 3 % CTL_COMMANDS), &a);
	fclose(out);
	fclose(err);
	check_printable(shown, shown_len);
	check_printable(errors, errors_len);
	free(shown);
	free(errors);
	free(text);
}

/* Attributes in words hold nothing that is not text, with names and values within their bounds. */
static void check_attribute(void *arg, const char *name, const char *value)
{
	size_t *n = arg;

	FUZZ_REQUIRE(*name && strlen(name) < DICTIONARY_NAME && strlen(value) < DICTIONARY_VALUE);
	for (const char *p = name; *p; p++)
		FUZZ_REQUIRE(*p > ' ' && *p < 0x7f);
	for (const char *p = value; *p; p++)
		FUZZ_REQUIRE((unsigned char)*p >= ' ' && *p != 0x7f);
	++*n;
}

static void fuzz_attributes(const uint8_t *data, size_t size)
{
	struct radius_packet packet = { .code = RADIUS_ACCESS_ACCEPT, .attributes = data, .len = size };
	size_t n = 0;

	dictionary_print(NULL, &packet, check_attribute, &n);
	FUZZ_REQUIRE(n <= size / 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (data[0] == 'r')
		fuzz_request(data + 1, size - 1);
	else if (data[0] == 'k')
		fuzz_record(data + 1, size - 1);
	else if (data[0] == 'a')
		fuzz_attributes(data + 1, size - 1);
	else
		fuzz_answer(data + 1, size - 1, data[0]);
	return 0;
}
