/*
 * One value of a record as text for people or for JSON.
 *
 * Pure but for stdio and the time zone.  Never lets an octet through that a
 * terminal could take for a command.
 */
#include "pacd/ctl/pacctl.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool is_printable(unsigned char c)
{
	return c >= ' ' && c < 0x7f;
}

/* --- for people --- */

static void format_duration(char *text, size_t size, uint64_t s)
{
	uint64_t m = s / 60, h = m / 60, d = h / 24;

	if (d)
		snprintf(text, size, "%" PRIu64 "d%02uh", d, (unsigned)(h % 24));
	else if (h)
		snprintf(text, size, "%" PRIu64 "h%02um", h, (unsigned)(m % 60));
	else if (m)
		snprintf(text, size, "%" PRIu64 "m%02us", m, (unsigned)(s % 60));
	else
		snprintf(text, size, "%" PRIu64 "s", s);
}

static void format_octets(char *text, size_t size, uint64_t n)
{
	static const char units[] = "KMGTPE";
	double v = (double)n / 1024;
	size_t i = 0;

	if (n < 1024) {
		snprintf(text, size, "%" PRIu64, n);
		return;
	}
	/* 1023.95 would be printed as 1024.0 */
	for (; v >= 1023.95 && units[i + 1]; i++)
		v /= 1024;
	snprintf(text, size, "%.1f%c", v, units[i]);
}

/* Bits a second, in powers of 1000 as rates are. */
static void format_rate(char *text, size_t size, uint64_t n, const char *unit)
{
	static const char units[] = "kMGTPE";
	double v = (double)n / 1000;
	size_t i = 0;

	if (n < 1000) {
		snprintf(text, size, "%" PRIu64 "%s", n, unit);
		return;
	}
	for (; v >= 999.95 && units[i + 1]; i++)
		v /= 1000;
	snprintf(text, size, "%.1f%c%s", v, units[i], unit);
}

static void format_time(char *text, size_t size, uint64_t at)
{
	time_t t = (time_t)at;
	struct tm tm;

	if (at > INT64_MAX || !localtime_r(&t, &tm) || !strftime(text, size, "%Y-%m-%d %H:%M:%S %z", &tm))
		snprintf(text, size, "%" PRIu64, at);
}

static bool ends_with(const char *key, const char *suffix)
{
	size_t len = strlen(key), n = strlen(suffix);

	return len > n && !strcmp(key + len - n, suffix);
}

static void format_number(char *text, size_t size, const struct ctl_field *f, bool cell)
{
	uint64_t v = strtoull(f->text, NULL, 10);

	if (ends_with(f->key, "_s"))
		format_duration(text, size, v);
	else if (ends_with(f->key, "_us"))
		snprintf(text, size, "%.1fms", (double)v / 1000);
	else if (ends_with(f->key, "_octets"))
		format_octets(text, size, v);
	else if (ends_with(f->key, "_bps"))
		format_rate(text, size, v, cell ? "" : "bit/s");
	else if (ends_with(f->key, "_at"))
		format_time(text, size, v);
	else
		snprintf(text, size, "%s", f->text);
}

/* Octets that take more than one character, or that end a quoted text. */
static size_t escape(char out[5], unsigned char c, bool quoted)
{
	if (c == '\\' || (quoted && c == '"')) {
		out[0] = '\\';
		out[1] = (char)c;
		return 2;
	}
	if (is_printable(c)) {
		out[0] = (char)c;
		return 1;
	}
	return (size_t)snprintf(out, 5, "\\x%02x", c);
}

static void format_text(char text[PACCTL_CELL], const struct ctl_field *f, bool quoted)
{
	size_t n = 0, i;

	if (quoted)
		text[n++] = '"';
	for (i = 0; i < f->len && n < PACCTL_CELL - 10; i++)
		n += escape(text + n, (unsigned char)f->text[i], quoted);
	if (i < f->len)
		n += (size_t)snprintf(text + n, 4, "...");
	if (quoted)
		text[n++] = '"';
	text[n] = '\0';
}

static bool needs_quotes(const struct ctl_field *f)
{
	return (f->len == 1 && f->text[0] == '-') || memchr(f->text, ' ', f->len) || memchr(f->text, '"', f->len);
}

void pacctl_format(char text[PACCTL_CELL], const struct ctl_field *f, bool cell)
{
	if (f->kind == CTL_NUMBER)
		format_number(text, PACCTL_CELL, f, cell);
	else if (f->kind == CTL_BOOL)
		strcpy(text, f->text[0] == 't' ? "yes" : "no");
	else if (f->kind == CTL_NONE || !f->len)
		strcpy(text, "-");
	else
		format_text(text, f, cell && f->kind == CTL_TEXT && needs_quotes(f));
}

void pacctl_text(FILE *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (is_printable((unsigned char)text[i]) || text[i] == '\n' || text[i] == '\t')
			putc(text[i], out);
		else
			fprintf(out, "\\x%02x", (unsigned char)text[i]);
	if (len && text[len - 1] != '\n')
		putc('\n', out);
}

/* --- JSON --- */

/* How long the UTF-8 sequence that this octet begins should be, or 0. */
static size_t utf8_length(unsigned char first)
{
	if (first >= 0xf0 && first < 0xf8)
		return 4;
	if (first >= 0xe0)
		return first < 0xf0 ? 3 : 0;
	return first >= 0xc0 ? 2 : 0;
}

/* Octets of the well formed sequence at p and its character; 0 with *c untouched where there is none. */
static size_t utf8_take(const unsigned char *p, size_t len, uint32_t *c)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = utf8_length(p[0]);
	uint32_t v;

	if (!n || n > len)
		return 0;
	v = p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (p[i] & 0x3fu);
	}
	if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
		return 0;
	*c = v;
	return n;
}

static void json_escape(FILE *out, uint32_t c)
{
	if (c < 0x10000)
		fprintf(out, "\\u%04x", (unsigned)c);
	else
		fprintf(out, "\\u%04x\\u%04x", (unsigned)(0xd800 + ((c - 0x10000) >> 10)),
			(unsigned)(0xdc00 + ((c - 0x10000) & 0x3ff)));
}

/* Octets that are no UTF-8 become U+FFFD: JSON has no octets. --kv keeps them. */
void pacctl_json_string(FILE *out, const char *octets, size_t len)
{
	const unsigned char *p = (const unsigned char *)octets, *end = p + len;

	putc('"', out);
	while (p < end) {
		uint32_t c = 0xfffd;
		size_t n = *p < 0x80 ? 0 : utf8_take(p, (size_t)(end - p), &c);

		if (*p == '"' || *p == '\\')
			fprintf(out, "\\%c", *p);
		else if (*p == '\n')
			fputs("\\n", out);
		else if (is_printable(*p))
			putc(*p, out);
		else
			json_escape(out, *p < 0x80 ? *p : c);
		p += n ? n : 1;
	}
	putc('"', out);
}

void pacctl_json_value(FILE *out, const struct ctl_field *f)
{
	if (f->kind == CTL_NONE)
		fputs("null", out);
	else if (f->kind == CTL_NUMBER || f->kind == CTL_BOOL)
		fputs(f->text, out);
	else
		pacctl_json_string(out, f->text, f->len);
}
