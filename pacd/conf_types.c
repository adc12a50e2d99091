/*
 * Kinds of values: numbers, words and texts.  Each knows how it is written in
 * libconfig syntax, both ways, and what is wrong with a bad one.
 *
 * Addresses are in conf_types_addr.c.
 */
#include "pacd/conf_schema.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void *at(const struct conf_key *key, const void *base)
{
	return (char *)base + key->offset;
}

/* --- numbers --- */

static bool is_integer(const config_setting_t *s)
{
	return config_setting_type(s) == CONFIG_TYPE_INT || config_setting_type(s) == CONFIG_TYPE_INT64;
}

static void uint_read(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, void *base)
{
	long long v = is_integer(s) ? config_setting_get_int64(s) : -1;

	if (v < key->min || v > key->max)
		conf_fail(ctx, s, "must be a whole number from %lld to %lld", (long long)key->min, (long long)key->max);
	else
		*(unsigned *)at(key, base) = (unsigned)v;
}

static void uint_print(FILE *out, const struct conf_key *key, const void *base, unsigned depth)
{
	(void)depth;
	fprintf(out, "%u", *(const unsigned *)at(key, base));
}

const struct conf_type conf_type_uint = { .read = uint_read, .print = uint_print };

static int64_t ms_get(const struct conf_key *key, const void *base)
{
	return key->size == sizeof(int64_t) ? *(const int64_t *)at(key, base) : *(const unsigned *)at(key, base);
}

static void ms_set(const struct conf_key *key, void *base, int64_t ms)
{
	if (key->size == sizeof(int64_t))
		*(int64_t *)at(key, base) = ms;
	else
		*(unsigned *)at(key, base) = (unsigned)ms;
}

static void seconds_read(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, void *base)
{
	double min = (double)key->min / 1000, max = (double)key->max / 1000, v = -1;

	if (is_integer(s))
		v = (double)config_setting_get_int64(s);
	else if (config_setting_type(s) == CONFIG_TYPE_FLOAT)
		v = config_setting_get_float(s);
	if (v >= min && v <= max)
		ms_set(key, base, llround(v * 1000));
	else
		conf_fail(ctx, s, "must be a number of seconds from %g to %g", min, max);
}

static void seconds_print(FILE *out, const struct conf_key *key, const void *base, unsigned depth)
{
	int64_t ms = ms_get(key, base);

	(void)depth;
	fprintf(out, "%lld", (long long)ms / 1000);
	if (ms % 1000)
		fprintf(out, ".%03d", (int)(ms % 1000));
}

const struct conf_type conf_type_seconds = { .read = seconds_read, .print = seconds_print };

static void bool_read(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, void *base)
{
	if (config_setting_type(s) == CONFIG_TYPE_BOOL)
		*(bool *)at(key, base) = config_setting_get_bool(s) != 0;
	else
		conf_fail(ctx, s, "must be true or false, without quotes");
}

static void bool_print(FILE *out, const struct conf_key *key, const void *base, unsigned depth)
{
	(void)depth;
	fputs(*(const bool *)at(key, base) ? "true" : "false", out);
}

const struct conf_type conf_type_flag = { .read = bool_read, .print = bool_print };

/* --- words --- */

static const char *string_get(struct conf_ctx *ctx, const config_setting_t *s)
{
	if (config_setting_type(s) == CONFIG_TYPE_STRING)
		return config_setting_get_string(s);
	conf_fail(ctx, s, "must be a text in double quotes");
	return NULL;
}

static char *words_list(const struct conf_key *key, char *text, size_t size)
{
	size_t used = 0;

	for (const char *const *w = key->arg; *w && used < size; w++)
		used += (size_t)snprintf(text + used, size - used, "%s\"%s\"", w == key->arg ? "" : ", ", *w);
	return text;
}

/* The word's index, or -1 with an error added. */
static int word_find(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s)
{
	const char *text = string_get(ctx, s);
	const char *const *words = key->arg;
	char quoted[CONF_QUOTE], list[128];

	if (!text)
		return -1;
	for (int i = 0; words[i]; i++)
		if (!strcmp(words[i], text))
			return i;
	conf_fail(ctx, s, "%s is no word for this setting; give one of %s", conf_quote(quoted, text),
		  words_list(key, list, sizeof list));
	return -1;
}

static void word_read(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, void *base)
{
	int i = word_find(ctx, key, s);

	if (i < 0)
		return;
	if (key->size == sizeof(bool))
		*(bool *)at(key, base) = i != 0;
	else
		*(unsigned *)at(key, base) = (unsigned)i;
}

static void word_print(FILE *out, const struct conf_key *key, const void *base, unsigned depth)
{
	const char *const *words = key->arg;
	unsigned i = key->size == sizeof(bool) ? *(const bool *)at(key, base) : *(const unsigned *)at(key, base);

	(void)depth;
	fprintf(out, "\"%s\"", words[i]);
}

const struct conf_type conf_type_word = { .read = word_read, .print = word_print };

static void wordset_read(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, void *base)
{
	unsigned set = 0;
	char list[128];

	if (config_setting_type(s) != CONFIG_TYPE_ARRAY && config_setting_type(s) != CONFIG_TYPE_LIST) {
		conf_fail(ctx, s, "must be an array of texts; write \"%s = [ \"...\", \"...\" ];\"", key->name);
		return;
	}
	if (!config_setting_length(s))
		conf_fail(ctx, s, "is empty; give at least one of %s", words_list(key, list, sizeof list));
	for (int i = 0; i < config_setting_length(s); i++) {
		int w = word_find(ctx, key, config_setting_get_elem(s, (unsigned)i));

		if (w >= 0)
			set |= 1u << w;
	}
	*(unsigned *)at(key, base) = set;
}

static void wordset_print(FILE *out, const struct conf_key *key, const void *base, unsigned depth)
{
	const char *const *words = key->arg;
	const char *sep = "";

	(void)depth;
	fputs("[ ", out);
	for (unsigned i = 0; words[i]; i++) {
		if (!(*(const unsigned *)at(key, base) >> i & 1))
			continue;
		fprintf(out, "%s\"%s\"", sep, words[i]);
		sep = ", ";
	}
	fputs(" ]", out);
}

const struct conf_type conf_type_wordset = { .read = wordset_read, .print = wordset_print };

static void wordbit_read(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, void *base)
{
	int i = word_find(ctx, key, s);

	if (i >= 0)
		*(uint32_t *)at(key, base) = UINT32_C(1) << i;
}

static void wordbit_print(FILE *out, const struct conf_key *key, const void *base, unsigned depth)
{
	const char *const *words = key->arg;
	unsigned i = 0;

	(void)depth;
	while (words[i + 1] && !(*(const uint32_t *)at(key, base) >> i & 1))
		i++;
	fprintf(out, "\"%s\"", words[i]);
}

const struct conf_type conf_type_wordbit = { .read = wordbit_read, .print = wordbit_print };

static void mode_read(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, void *base)
{
	const char *text = config_setting_type(s) == CONFIG_TYPE_STRING ? config_setting_get_string(s) : "";
	size_t len = strlen(text);

	if (len < 3 || len > 4 || strspn(text, "01234567") != len || (len == 4 && *text != '0'))
		conf_fail(ctx, s, "must be a file mode as a text; write it like \"0660\", with quotes");
	else
		*(unsigned *)at(key, base) = (unsigned)strtoul(text, NULL, 8);
}

static void mode_print(FILE *out, const struct conf_key *key, const void *base, unsigned depth)
{
	(void)depth;
	fprintf(out, "\"%04o\"", *(const unsigned *)at(key, base));
}

const struct conf_type conf_type_mode = { .read = mode_read, .print = mode_print };

/* --- texts --- */

static void text_fail(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, const char *text,
		      const char *complaint)
{
	char quoted[CONF_QUOTE];

	if (key->type->secret)
		conf_fail(ctx, s, "%s", complaint);
	else
		conf_fail(ctx, s, "%s: %s", conf_quote(quoted, text), complaint);
}

/* The text when it is a good one, else NULL with an error added. */
static const char *text_get(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s)
{
	const char *text = string_get(ctx, s), *complaint;

	if (!text)
		return NULL;
	if (!*text && !key->type->empty) {
		conf_fail(ctx, s, "is empty; fill it in or take it out");
		return NULL;
	}
	if ((int64_t)strlen(text) > key->max) {
		conf_fail(ctx, s, "is longer than %lld octets; make it shorter", (long long)key->max);
		return NULL;
	}
	complaint = key->type->check ? key->type->check(key, text) : NULL;
	if (!complaint)
		return text;
	text_fail(ctx, key, s, text, complaint);
	return NULL;
}

static void text_clear(const struct conf_key *key, void *base)
{
	char **text = at(key, base);

	if (*text && key->type->secret)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

static void text_set(struct conf_ctx *ctx, const struct conf_key *key, void *base, const char *text)
{
	char *copy = strdup(text);

	if (!copy) {
		conf_fail_memory(ctx);
		return;
	}
	text_clear(key, base);
	*(char **)at(key, base) = copy;
}

static void text_read(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, void *base)
{
	const char *text = text_get(ctx, key, s);

	if (text)
		text_set(ctx, key, base, text);
}

void conf_string_print(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
			fprintf(out, "\\x%02x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

static void text_print(FILE *out, const struct conf_key *key, const void *base, unsigned depth)
{
	(void)depth;
	conf_string_print(out, *(char *const *)at(key, base));
}

static bool text_present(const struct conf_key *key, const void *base)
{
	return *(char *const *)at(key, base) != NULL;
}

static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	return false;
}

static const char *path_check(const struct conf_key *key, const char *text)
{
	(void)key;
	if (*text != '/')
		return "not an absolute path; begin it with \"/\"";
	return has_control(text) ? "there are control characters in this path; take them out" : NULL;
}

const struct conf_type conf_type_path = { .read = text_read, .print = text_print, .present = text_present,
					  .clear = text_clear, .check = path_check };

static const char *name_check(const struct conf_key *key, const char *text)
{
	(void)key;
	if (*text == '-')
		return "begins with \"-\"; begin it with a letter or a digit";
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr("_.-", *text))
			return "not a plain name; use letters, digits, \"_\", \".\" and \"-\" only";
	return NULL;
}

const struct conf_type conf_type_name = { .read = text_read, .print = text_print, .present = text_present,
					  .clear = text_clear, .check = name_check };

/* One "%" in it, or none, stands for a number. */
static const char *numbered_check(const struct conf_key *key, const char *text)
{
	char plain[CONF_LINE_NAME + 1];
	size_t len = strlen(text);

	if (strchr(text, '%') != strrchr(text, '%'))
		return "has more than one \"%\"; the number takes the place of one";
	if (len >= sizeof plain)
		return "is too long; make it shorter";
	memcpy(plain, text, len + 1);
	if (strchr(plain, '%'))
		*strchr(plain, '%') = '0';
	return name_check(key, plain);
}

const struct conf_type conf_type_numbered = { .read = text_read, .print = text_print, .present = text_present,
					      .clear = text_clear, .check = numbered_check };

static const char *login_check(const struct conf_key *key, const char *text)
{
	(void)key;
	return has_control(text) ? "there are control characters in this name; take them out" : NULL;
}

const struct conf_type conf_type_login = { .read = text_read, .print = text_print, .present = text_present,
					   .clear = text_clear, .check = login_check };

/* --- what is said to a modem, and what it says --- */

static const char *send_check(const struct conf_key *key, const char *text)
{
	(void)key;
	return chat_send_complaint(text);
}

const struct conf_type conf_type_send = { .read = text_read, .print = text_print, .present = text_present,
					  .clear = text_clear, .check = send_check, .empty = true };

static const char *ascii_check(const struct conf_key *key, const char *text)
{
	(void)key;
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return "must be printable ASCII; take the other characters out";
	return NULL;
}

const struct conf_type conf_type_expect = { .read = text_read, .print = text_print, .present = text_present,
					    .clear = text_clear, .check = ascii_check, .empty = true };

const struct conf_type conf_type_ascii = { .read = text_read, .print = text_print, .present = text_present,
					   .clear = text_clear, .check = ascii_check };

/* --- secrets --- */

static size_t utf8_lead(unsigned char c)
{
	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c < 0xe0)
		return 2;
	if (c >= 0xe0 && c < 0xf0)
		return 3;
	return c >= 0xf0 && c < 0xf5 ? 4 : 0;
}

/* Octets of one UTF-8 sequence, or 0: over-long forms, surrogates and what lies beyond U+10FFFF are none. */
static size_t utf8_len(const unsigned char *p)
{
	size_t n = utf8_lead(*p);

	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if (n == 3 && ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0)))
		return 0;
	if (n == 4 && ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90)))
		return 0;
	return n;
}

static const char *secret_check(const struct conf_key *key, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = 1;

	(void)key;
	for (; *p && n; p += n)
		n = utf8_len(p);
	return n ? NULL : "is not UTF-8, so its NT hash would be wrong; save the file as UTF-8";
}

const struct conf_type conf_type_secret = { .read = text_read, .clear = text_clear, .check = secret_check,
					    .secret = true };

/* RADIUS hashes octets, whatever they stand for. */
const struct conf_type conf_type_octets = { .read = text_read, .clear = text_clear, .secret = true };

const struct conf_type conf_type_shown = { .read = text_read, .print = text_print, .present = text_present,
					   .clear = text_clear, .secret = true };

static int digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

static const char *hash_check(const struct conf_key *key, const char *text)
{
	(void)key;
	if (strlen(text) == 32 && strspn(text, "0123456789abcdefABCDEF") == 32)
		return NULL;
	return "must be 32 hexadecimal digits: MD4 over the secret in UTF-16LE";
}

static void nt_hash_read(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, void *base)
{
	const char *text = text_get(ctx, key, s);
	uint8_t *hash = at(key, base);

	if (!text)
		return;
	for (size_t i = 0; i < key->size; i++)
		hash[i] = (uint8_t)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
	*(bool *)((char *)base + key->count) = true;
}

static void nt_hash_clear(const struct conf_key *key, void *base)
{
	explicit_bzero(at(key, base), key->size);
}

const struct conf_type conf_type_hash = { .read = nt_hash_read, .clear = nt_hash_clear, .check = hash_check,
					  .secret = true };

static void host_read(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, void *base)
{
	const char *text = text_get(ctx, key, s);

	if (!text)
		return;
	memset(at(key, base), 0, key->size);
	memcpy(at(key, base), text, strlen(text));
}

static void host_print(FILE *out, const struct conf_key *key, const void *base, unsigned depth)
{
	(void)depth;
	conf_string_print(out, at(key, base));
}

static bool host_present(const struct conf_key *key, const void *base)
{
	return *(const char *)at(key, base) != '\0';
}

const struct conf_type conf_type_host = { .read = host_read, .print = host_print, .present = host_present,
					  .check = name_check };

static const char *server_check(const struct conf_key *key, const char *text)
{
	(void)key;
	return conf_host_complaint(text);
}

static void server_read(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, void *base)
{
	char **text = at(key, base);

	text_read(ctx, key, s, base);
	if (*text)
		conf_host_parse(*text, (void *)((char *)base + key->count));
}

const struct conf_type conf_type_server = { .read = server_read, .print = text_print, .present = text_present,
					    .clear = text_clear, .check = server_check };

/* --- lists of texts --- */

static void texts_read(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, void *base)
{
	const struct conf_key element = { .type = key->arg ? key->arg : &conf_type_login, .max = key->max };
	char **list;
	size_t n;

	key->type->clear(key, base);
	list = conf_list_new(ctx, key, s, base, sizeof *list, CONF_LIST_MAX);
	n = list ? (size_t)config_setting_length(s) : 0;
	for (size_t i = 0; i < n; i++)
		text_read(ctx, &element, config_setting_get_elem(s, (unsigned)i), &list[i]);
}

static size_t texts_count(const struct conf_key *key, const void *base)
{
	return *(const size_t *)(const void *)((const char *)base + key->count);
}

static void texts_print(FILE *out, const struct conf_key *key, const void *base, unsigned depth)
{
	char *const *list = *(char **const *)at(key, base);

	(void)depth;
	fputs("[", out);
	for (size_t i = 0; i < texts_count(key, base); i++) {
		fputs(i ? ", " : " ", out);
		conf_string_print(out, list[i]);
	}
	fputs(" ]", out);
}

static void texts_clear(const struct conf_key *key, void *base)
{
	char **list = *(char ***)at(key, base);

	for (size_t i = 0; i < texts_count(key, base); i++)
		free(list[i]);
	conf_list_clear(key, base);
}

const struct conf_type conf_type_texts = { .read = texts_read, .print = texts_print, .clear = texts_clear };
