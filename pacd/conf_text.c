/*
 * Configuration text to libconfig's tree.
 *
 * libconfig takes some things silently, or wrongly, that a careful reader must
 * not: "@include" opens files (this runs in an unprivileged process on bytes
 * that another one has read), numbers beyond 32 bits lose their upper half in
 * 1.5, an unterminated comment swallows the rest of the file, and "\x00" cuts
 * a string short.  So a small scanner goes over the text first.  It touches no file.
 */
#include "pacd/conf_schema.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct scan {
	struct conf_ctx *ctx;
	char *p, *end;
	unsigned line;
	bool fatal;
};

static void __attribute__((format(printf, 3, 4))) scan_fail(struct scan *s, unsigned line, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	conf_errors_addv(s->ctx->errors, s->ctx->file, line, NULL, fmt, args);
	va_end(args);
	s->ctx->failed++;
	s->fatal = true;
}

static bool at(const struct scan *s, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(s->end - s->p) >= n && !memcmp(s->p, word, n);
}

static void skip_line_comment(struct scan *s)
{
	while (s->p < s->end && *s->p != '\n')
		s->p++;
}

static void skip_block_comment(struct scan *s)
{
	unsigned first = s->line;

	for (s->p += 2; s->p < s->end; s->p++) {
		if (at(s, "*/")) {
			s->p += 2;
			return;
		}
		if (*s->p == '\n')
			s->line++;
	}
	scan_fail(s, first, "this comment has no end; close it with \"*/\"");
}

static void skip_string(struct scan *s)
{
	for (s->p++; s->p < s->end && *s->p != '\n'; s->p++) {
		if (*s->p == '"') {
			s->p++;
			return;
		}
		if (at(s, "\\x00"))
			scan_fail(s, s->line, "\"\\x00\" would cut this string short; take it out");
		if (*s->p == '\\' && s->p + 1 < s->end && s->p[1] != '\n')
			s->p++;
	}
	scan_fail(s, s->line, "this string does not end in its line; close it with a double quote");
}

static bool in_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '*' || c == '-' || c == '+' || c == '.';
}

static bool is_digit(char c, int base)
{
	return base == 16 ? isxdigit((unsigned char)c) : isdigit((unsigned char)c);
}

/* The octets of an integer, without sign and suffix; 0: this word is no integer. */
static size_t integer_len(const char *word, size_t len, int *base)
{
	size_t digits = 0;

	*base = len > 2 && word[0] == '0' && (word[1] == 'x' || word[1] == 'X') ? 16 : 10;
	if (*base == 16)
		word += 2, len -= 2;
	while (digits < len && is_digit(word[digits], *base))
		digits++;
	for (size_t i = digits; i < len; i++)
		if (word[i] != 'L')
			return 0;
	return digits ? digits + (*base == 16 ? 2 : 0) : 0;
}

/*
 * What 32 bits can't hold becomes the largest number that they can: no setting goes that far, so the range check of the
 * setting itself refuses it, with its name.
 */
static void clamp_number(char *word, size_t len)
{
	static const char largest[] = "2147483647";
	size_t sign = *word == '-' || *word == '+', digits;
	char copy[32] = "";
	int base;

	digits = integer_len(word + sign, len - sign, &base);
	if (!digits)
		return;
	errno = 0;
	memcpy(copy, word + sign, digits < sizeof copy ? digits : sizeof copy - 1);
	if (digits < sizeof copy && strtoull(copy, NULL, base) <= INT32_MAX && !errno)
		return;
	memset(word, ' ', len);
	memcpy(word, largest, sizeof largest - 1);
}

static void skip_word(struct scan *s)
{
	char *word = s->p;

	while (s->p < s->end && in_word(*s->p))
		s->p++;
	if (!isalpha((unsigned char)*word) && *word != '*' && *word != '_')
		clamp_number(word, (size_t)(s->p - word));
}

static void check_include(struct scan *s)
{
	const char *p = s->p;

	while (p < s->end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\f' || *p == '\v'))
		p++;
	if ((size_t)(s->end - p) >= 8 && !memcmp(p, "@include", 8))
		scan_fail(s, s->line, "@include is not supported; put everything into this one file");
}

/* Every line, whatever it is part of: that leaves no room for two readers to differ. */
static void scan_includes(struct scan *s)
{
	char *start = s->p, *nl;

	for (s->line = 1; s->p < s->end; s->p = nl + 1, s->line++) {
		check_include(s);
		nl = memchr(s->p, '\n', (size_t)(s->end - s->p));
		if (!nl)
			break;
	}
	s->p = start;
	s->line = 1;
}

static void scan_text(struct scan *s)
{
	scan_includes(s);
	while (s->p < s->end) {
		if (*s->p == '#' || at(s, "//"))
			skip_line_comment(s);
		else if (at(s, "/*"))
			skip_block_comment(s);
		else if (*s->p == '"')
			skip_string(s);
		else if (in_word(*s->p))
			skip_word(s);
		else if (*s->p++ == '\n')
			s->line++;
	}
}

static unsigned line_of(const char *text, const char *p)
{
	unsigned line = 1;

	for (; text < p; text++)
		line += *text == '\n';
	return line;
}

static bool size_ok(struct conf_ctx *ctx, const char *text, size_t len)
{
	const char *nul;

	if (len > CONF_FILE_MAX) {
		conf_errors_add(ctx->errors, ctx->file, 0, NULL, "the file is longer than %u octets; make it shorter",
				CONF_FILE_MAX);
		ctx->failed++;
		return false;
	}
	nul = len ? memchr(text, '\0', len) : NULL;
	if (nul) {
		conf_errors_add(ctx->errors, ctx->file, line_of(text, nul), NULL,
				"there is a NUL octet in this line; this must be a text file");
		ctx->failed++;
	}
	return !nul;
}

static void syntax_fail(struct conf_ctx *ctx, const config_t *tree)
{
	const char *text = config_error_text(tree) ? config_error_text(tree) : "not readable";
	const char *hint = "look for a missing \";\", quote or bracket in this line or the one before";

	if (!strcmp(text, "duplicate setting name"))
		hint = "a setting may be given once";
	else if (!strcmp(text, "mismatched element type in array"))
		hint = "all elements between \"[\" and \"]\" must be of one type, and none of them a group or a list";
	else if (!strcmp(text, "memory exhausted")) {
		text = "brackets within brackets go too deep";
		hint = "no setting needs more than four levels";
	}
	conf_errors_add(ctx->errors, ctx->file, config_error_line(tree) > 0 ? (unsigned)config_error_line(tree) : 0,
			NULL, "%s; %s", text, hint);
	ctx->failed++;
}

/* Through a stream with a buffer of our own: libconfig's way for strings copies the whole text and does not wipe it. */
static int tree_read(struct conf_ctx *ctx, config_t *tree, char *text, size_t len)
{
	char buffer[4096];
	FILE *in = fmemopen(text, len, "r");
	int ok;

	if (!in) {
		conf_fail_memory(ctx);
		return -1;
	}
	setvbuf(in, buffer, _IOFBF, sizeof buffer);
	ok = config_read(tree, in);
	fclose(in);
	explicit_bzero(buffer, sizeof buffer);
	if (!ok)
		syntax_fail(ctx, tree);
	return ok ? 0 : -1;
}

int conf_text_read(struct conf_ctx *ctx, config_t *tree, const char *text, size_t len)
{
	struct scan s = { .ctx = ctx };
	char *copy;
	int rc = -1;

	config_init(tree);
	if (!size_ok(ctx, text, len))
		return -1;
	copy = malloc(len + 1);
	if (!copy) {
		conf_fail_memory(ctx);
		return -1;
	}
	if (len)
		memcpy(copy, text, len);
	copy[len] = '\n';
	s.p = copy;
	s.end = copy + len + 1;
	scan_text(&s);
	if (!s.fatal)
		rc = tree_read(ctx, tree, copy, len + 1);
	explicit_bzero(copy, len + 1);
	free(copy);
	return rc;
}

static void wipe(const config_setting_t *s)
{
	if (config_setting_type(s) == CONFIG_TYPE_STRING && s->value.sval)
		explicit_bzero(s->value.sval, strlen(s->value.sval));
	if (!config_setting_is_aggregate(s))
		return;
	for (int i = 0; i < config_setting_length(s); i++)
		wipe(config_setting_get_elem(s, (unsigned)i));
}

void conf_text_clear(config_t *tree)
{
	if (config_root_setting(tree))
		wipe(config_root_setting(tree));
	config_destroy(tree);
}
