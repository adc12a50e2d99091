/*
 * Reading and writing the lines of the control socket.
 *
 * Pure but for the memory of a growing answer.  Knows the shape of lines, not a
 * single command or key; must not know sockets.
 */
#include "common/ctl_proto.h"

#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUT_FIRST 1024
#define STATUS_MAX 1024

unsigned ctl_socket_mode(unsigned mode)
{
	unsigned file = 0;

	for (unsigned shift = 0; shift <= 6; shift += 3)
		if (mode >> shift & (CTL_MAY_SHOW | CTL_MAY_ACT))
			file |= (CTL_MAY_SHOW | CTL_MAY_ACT) << shift;
	return file;
}

static bool is_printable(char c)
{
	return c >= ' ' && c < 0x7f;
}

static bool is_bare(char c)
{
	return is_printable(c) && c != ' ' && c != '"' && c != '\\';
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* --- reading --- */

/* A place in a line that is decoded over itself: what was decoded is never longer than what was read. */
struct scan {
	char *p, *end;
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int scan_escape(struct scan *s, char *c)
{
	int hi, lo;

	if (s->end - s->p < 4 || s->p[1] != 'x')
		return -EINVAL;
	hi = hex_digit(s->p[2]);
	lo = hex_digit(s->p[3]);
	if (hi < 0 || lo < 0)
		return -EINVAL;
	*c = (char)(hi << 4 | lo);
	s->p += 4;
	return 0;
}

static int scan_quoted(struct scan *s, struct ctl_word *w)
{
	char *out = ++s->p;

	w->text = out;
	while (s->p < s->end && *s->p != '"') {
		char c = *s->p;

		if (!is_printable(c))
			return -EINVAL;
		if (c != '\\')
			s->p++;
		else if (scan_escape(s, &c) < 0)
			return -EINVAL;
		*out++ = c;
	}
	if (s->p == s->end)
		return -EINVAL;
	s->p++;
	w->len = (size_t)(out - w->text);
	*out = '\0';
	return 0;
}

static void scan_bare(struct scan *s, struct ctl_word *w)
{
	w->text = s->p;
	while (s->p < s->end && is_bare(*s->p))
		s->p++;
	w->len = (size_t)(s->p - w->text);
}

/* One word and what ends it: a space, which is consumed, or the end of the line. */
static int scan_word(struct scan *s, struct ctl_word *w)
{
	w->quoted = s->p < s->end && *s->p == '"';
	if (w->quoted && scan_quoted(s, w) < 0)
		return -EINVAL;
	if (!w->quoted)
		scan_bare(s, w);
	if (!w->quoted && !w->len)
		return -EINVAL;
	if (s->p < s->end && *s->p != ' ')
		return -EINVAL;
	*s->p = '\0'; /* after a quoted word this is a second one */
	if (s->p < s->end)
		s->p++;
	return 0;
}

static bool scan_more(struct scan *s)
{
	while (s->p < s->end && *s->p == ' ')
		s->p++;
	return s->p < s->end;
}

int ctl_words_parse(struct ctl_words *w, const char *line, size_t len)
{
	struct scan s = { w->text, w->text + len };

	w->n = 0;
	if (len >= CTL_LINE_MAX)
		return -E2BIG;
	memcpy(w->text, line, len);
	while (scan_more(&s)) {
		if (w->n == CTL_WORDS)
			return -E2BIG;
		if (scan_word(&s, &w->list[w->n]) < 0)
			return -EINVAL;
		w->n++;
	}
	return 0;
}

/* A number that JSON takes as well: no leading zero, at most 20 digits. */
static bool is_number(const struct ctl_word *w)
{
	const char *p = w->text;

	if (w->len > 20 || (p[0] == '0' && w->len > 1))
		return false;
	return strspn(p, "0123456789") == w->len;
}

static enum ctl_kind value_kind(const struct ctl_word *w)
{
	if (w->quoted)
		return CTL_TEXT;
	if (!strcmp(w->text, "-"))
		return CTL_NONE;
	if (!strcmp(w->text, "true") || !strcmp(w->text, "false"))
		return CTL_BOOL;
	return is_number(w) ? CTL_NUMBER : CTL_WORD;
}

/* A run of name characters that `stop` ends; the stop becomes its NUL. */
static const char *scan_name(struct scan *s, char stop)
{
	char *name = s->p;

	while (s->p < s->end && is_name(*s->p))
		s->p++;
	if (s->p == name || (s->p < s->end ? *s->p != stop : stop != ' '))
		return NULL;
	*s->p = '\0';
	if (s->p < s->end)
		s->p++;
	return name;
}

static int scan_field(struct scan *s, struct ctl_field *f)
{
	struct ctl_word value;

	f->key = scan_name(s, '=');
	if (!f->key || scan_word(s, &value) < 0)
		return -EINVAL;
	f->text = value.text;
	f->len = value.len;
	f->kind = value_kind(&value);
	return 0;
}

int ctl_record_parse(struct ctl_record *r, char *line, size_t len)
{
	struct scan s = { line, line + len };

	r->n = 0;
	r->type = scan_name(&s, ' ');
	if (!r->type)
		return -EINVAL;
	while (scan_more(&s)) {
		if (r->n == CTL_FIELDS)
			return -E2BIG;
		if (scan_field(&s, &r->list[r->n]) < 0)
			return -EINVAL;
		r->n++;
	}
	return 0;
}

const struct ctl_field *ctl_record_find(const struct ctl_record *r, const char *key)
{
	for (size_t i = 0; i < r->n; i++)
		if (!strcmp(r->list[i].key, key))
			return &r->list[i];
	return NULL;
}

int ctl_status_parse(const char *line, size_t len, unsigned *code, const char **text)
{
	unsigned v = 0;

	if (len < 5 || line[0] != '.' || line[4] != ' ')
		return -EINVAL;
	for (size_t i = 1; i < 4; i++) {
		if (line[i] < '0' || line[i] > '9')
			return -EINVAL;
		v = v * 10 + (unsigned)(line[i] - '0');
	}
	for (size_t i = 5; i < len; i++)
		if (!is_printable(line[i]))
			return -EINVAL;
	*code = v;
	*text = line + 5;
	return 0;
}

/* --- writing --- */

void ctl_out_init(struct ctl_out *o)
{
	memset(o, 0, sizeof *o);
}

void ctl_out_clear(struct ctl_out *o)
{
	free(o->text);
	ctl_out_init(o);
}

/* Room for n more octets, or NULL on a fault. */
static char *out_room(struct ctl_out *o, size_t n)
{
	size_t cap = o->cap ? o->cap : OUT_FIRST;
	char *text;

	if (o->fault || n > CTL_OUT_MAX - o->len) {
		o->fault = true;
		return NULL;
	}
	while (cap - o->len < n)
		cap *= 2;
	if (cap != o->cap) {
		text = realloc(o->text, cap);
		if (!text) {
			o->fault = true;
			return NULL;
		}
		o->text = text;
		o->cap = cap;
	}
	return o->text + o->len;
}

static void out_put(struct ctl_out *o, const char *text, size_t len)
{
	char *p = out_room(o, len);

	if (!p)
		return;
	memcpy(p, text, len);
	o->len += len;
}

static void out_quoted(struct ctl_out *o, const void *octets, size_t len)
{
	char *p;

	if (len > CTL_OUT_MAX / 4) {
		o->fault = true;
		return;
	}
	p = out_room(o, LOG_QUOTED(len));
	if (p)
		o->len += strlen(log_quote(p, LOG_QUOTED(len), octets, len));
}

/* " key=" with room in one go: this is most of what a long listing does. */
static void out_key(struct ctl_out *o, const char *key)
{
	size_t len = strlen(key);
	char *p = out_room(o, len + 2);

	if (!p)
		return;
	p[0] = ' ';
	memcpy(p + 1, key, len);
	p[len + 1] = '=';
	o->len += len + 2;
}

void ctl_out_record(struct ctl_out *o, const char *type)
{
	out_put(o, type, strlen(type));
}

void ctl_out_text(struct ctl_out *o, const char *key, const void *octets, size_t len)
{
	out_key(o, key);
	out_quoted(o, octets, len);
}

void ctl_out_u64(struct ctl_out *o, const char *key, uint64_t v)
{
	char digits[20];
	size_t at = sizeof digits;

	do
		digits[--at] = (char)('0' + v % 10);
	while (v /= 10);
	out_key(o, key);
	out_put(o, digits + at, sizeof digits - at);
}

void ctl_out_bool(struct ctl_out *o, const char *key, bool v)
{
	ctl_out_word(o, key, v ? "true" : "false");
}

static bool all_bare(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_bare(text[i]))
			return false;
	return len != 0;
}

void ctl_out_word(struct ctl_out *o, const char *key, const char *word)
{
	size_t len = word ? strlen(word) : 0;

	out_key(o, key);
	if (!len)
		out_put(o, "-", 1);
	else if (all_bare(word, len))
		out_put(o, word, len);
	else
		out_quoted(o, word, len);
}

void ctl_out_none(struct ctl_out *o, const char *key)
{
	ctl_out_word(o, key, NULL);
}

void ctl_out_end(struct ctl_out *o)
{
	out_put(o, "\n", 1);
}

static void out_status(struct ctl_out *o, unsigned code, const char *text)
{
	char line[STATUS_MAX + 8];
	int n = snprintf(line, sizeof line, ".%03u %s\n", code % 1000, text);

	for (int i = 0; i < n - 1; i++)
		if (!is_printable(line[i]))
			line[i] = '?';
	out_put(o, line, (size_t)n);
	o->code = code;
}

void ctl_out_status(struct ctl_out *o, enum ctl_code code, const char *fmt, ...)
{
	char text[STATUS_MAX];
	va_list ap;

	if (o->code)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (!o->fault)
		out_status(o, code, text);
	if (!o->fault)
		return;
	o->len = 0;
	o->fault = false;
	out_status(o, CTL_FAILED, "out of memory, or the answer is too long");
}

void ctl_out_arg(struct ctl_out *o, const void *octets, size_t len)
{
	if (o->len)
		out_put(o, " ", 1);
	if (all_bare(octets, len))
		out_put(o, octets, len);
	else
		out_quoted(o, octets, len);
}

/* Growing moves the text: there is room for all of it, the space and the newline before it comes. */
void ctl_out_password(struct ctl_out *o, const void *octets, size_t len)
{
	if (len > CTL_LINE_MAX) {
		o->fault = true;
		return;
	}
	if (out_room(o, LOG_QUOTED(len) + 2))
		ctl_out_arg(o, octets, len);
	ctl_out_end(o);
}

void ctl_out_wipe(struct ctl_out *o)
{
	if (o->text)
		explicit_bzero(o->text, o->cap);
	ctl_out_clear(o);
}
