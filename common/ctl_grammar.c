/*
 * The table of commands, and finding the one that a line of words means.
 *
 * Pure.  Knows words and arguments, not what a command does.
 */
#include "common/ctl_grammar.h"

#include "common/addr.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is said of an argument that is none. */
static const char *const arg_faults[] = {
	[CTL_ARG_ID] = "not an ID:",
	[CTL_ARG_ADDRESS] = "not an IPv4 address:",
	[CTL_ARG_LEVEL] = "not error, warn, info or debug:",
	[CTL_ARG_LINE] = "not a line's name:",
};

static const struct ctl_syntax table[CTL_COMMANDS] = {
	[CTL_HELP] = { { "help" }, CTL_ARG_NONE, 0, "list the commands", NULL },
	[CTL_SHOW_STATUS] = { { "show", "status" }, CTL_ARG_NONE, CTL_MAY_SHOW,
		"the daemon: version, uptime, channels in use, last reload", NULL },
	[CTL_SHOW_SESSIONS] = { { "show", "sessions" }, CTL_ARG_NONE, CTL_MAY_SHOW,
		"every call: user, addresses, interface, traffic", NULL },
	[CTL_SHOW_SESSION] = { { "show", "session", "ID" }, CTL_ARG_ID, CTL_MAY_SHOW,
		"all that is known of one call",
		"ID is the number in the first column of `show sessions`." },
	[CTL_SHOW_CONNECTIONS] = { { "show", "connections" }, CTL_ARG_NONE, CTL_MAY_SHOW,
		"every control connection", NULL },
	[CTL_SHOW_POOLS] = { { "show", "pools" }, CTL_ARG_NONE, CTL_MAY_SHOW,
		"address pools and how full they are", NULL },
	[CTL_SHOW_STATS] = { { "show", "stats" }, CTL_ARG_NONE, CTL_MAY_SHOW,
		"counters since the start", NULL },
	[CTL_SHOW_CONFIG] = { { "show", "config" }, CTL_ARG_NONE, CTL_MAY_SHOW,
		"the configuration in force, with every default",
		"The text is in the syntax of pacd.conf and holds no secrets." },
	[CTL_SHOW_RADIUS] = { { "show", "radius" }, CTL_ARG_NONE, CTL_MAY_SHOW,
		"RADIUS servers: state, answers, faults, response times", NULL },
	[CTL_SHOW_ACCOUNTING] = { { "show", "accounting" }, CTL_ARG_NONE, CTL_MAY_SHOW,
		"accounting records that wait or are delivered, and changes on request",
		"What a server has not taken waits on disk until one does." },
	[CTL_SHOW_LINES] = { { "show", "lines" }, CTL_ARG_NONE, CTL_MAY_SHOW,
		"every modem and terminal-server line: state, numbers, counters", NULL },
	[CTL_SHOW_LINE] = { { "show", "line", "NAME" }, CTL_ARG_LINE, CTL_MAY_SHOW,
		"all that is known of one line",
		"NAME is the first column of `show lines`." },
	[CTL_DISCONNECT] = { { "disconnect", "ID" }, CTL_ARG_ID, CTL_MAY_ACT,
		"end one call",
		"ID is the number in the first column of `show sessions`." },
	[CTL_DISCONNECT_USER] = { { "disconnect", "user", "NAME" }, CTL_ARG_NAME, CTL_MAY_ACT,
		"end every call of a user",
		"NAME is taken octet by octet as the peer sent it, with its domain if it has one." },
	[CTL_DISCONNECT_PEER] = { { "disconnect", "peer", "ADDRESS" }, CTL_ARG_ADDRESS, CTL_MAY_ACT,
		"end every call from an address",
		"ADDRESS is the public IPv4 address of the peer, not the one inside the tunnel." },
	[CTL_DRAIN] = { { "drain" }, CTL_ARG_NONE, CTL_MAY_ACT,
		"take no new calls; those that are up stay", NULL },
	[CTL_DRAIN_OFF] = { { "drain", "off" }, CTL_ARG_NONE, CTL_MAY_ACT,
		"take new calls again", NULL },
	[CTL_RELOAD] = { { "reload" }, CTL_ARG_NONE, CTL_MAY_ACT,
		"read the configuration and the users again",
		"A file with an error is refused whole and every error is shown; calls are untouched either way." },
	[CTL_LOG] = { { "log", "LEVEL" }, CTL_ARG_LEVEL, CTL_MAY_ACT,
		"log more or less until the next reload",
		"LEVEL is error, warn, info or debug." },
	[CTL_LINE_BUSY_OUT] = { { "line", "NAME", "busy-out" }, CTL_ARG_LINE, CTL_MAY_ACT,
		"take no call on that line; one that is up goes on",
		"It stays so until `line NAME enable`, or until pacd starts again." },
	[CTL_LINE_ENABLE] = { { "line", "NAME", "enable" }, CTL_ARG_LINE, CTL_MAY_ACT,
		"use that line again", NULL },
	[CTL_LINE_HANGUP] = { { "line", "NAME", "hangup" }, CTL_ARG_LINE, CTL_MAY_ACT,
		"end the call or the ring on that line", NULL },
	[CTL_TEST_RADIUS] = { { "test", "radius", "USER" }, CTL_ARG_LOGIN, CTL_MAY_ACT,
		"ask the RADIUS servers about a user, and show what they say",
		"The password is asked for on the terminal, or is the first line of standard input; it is sent with PAP." },
};

const struct ctl_syntax *ctl_syntax_get(enum ctl_command c)
{
	return &table[c];
}

static size_t word_count(const struct ctl_syntax *s)
{
	size_t n = 0;

	while (n < CTL_SYNTAX_WORDS && s->words[n])
		n++;
	return n;
}

static bool is_arg(const char *word)
{
	return word[0] >= 'A' && word[0] <= 'Z';
}

size_t ctl_syntax_arg(enum ctl_command c)
{
	const struct ctl_syntax *s = &table[c];
	size_t i = 0;

	while (i < word_count(s) && !is_arg(s->words[i]))
		i++;
	return i;
}

char *ctl_syntax_text(enum ctl_command c, char text[CTL_SYNTAX_TEXT])
{
	const struct ctl_syntax *s = &table[c];
	size_t len = 0;

	for (size_t i = 0; i < word_count(s) && len < CTL_SYNTAX_TEXT; i++)
		len += (size_t)snprintf(text + len, CTL_SYNTAX_TEXT - len, "%s%s", i ? " " : "", s->words[i]);
	return text;
}

/* Clears *exact where the word is only the beginning of `want`. */
static bool word_begins(const struct ctl_word *w, const char *want, bool *exact)
{
	size_t len = strlen(want);

	if (!w->len || w->len > len || memcmp(w->text, want, w->len) != 0)
		return false;
	*exact = *exact && w->len == len;
	return true;
}

/* The first n of them; anything will do for the argument. */
static bool words_match(const struct ctl_syntax *s, const struct ctl_words *w, size_t n, bool *exact)
{
	*exact = true;
	for (size_t i = 0; i < n; i++)
		if (!is_arg(s->words[i]) && !word_begins(&w->list[i], s->words[i], exact))
			return false;
	return true;
}

bool ctl_syntax_has(enum ctl_command c, const struct ctl_words *w)
{
	size_t n = word_count(&table[c]);
	bool exact;

	return words_match(&table[c], w, w->n < n ? w->n : n, &exact);
}

/* A text that grows inside a fixed buffer and is cut at its end. */
struct text {
	char *p;
	size_t size, len;
};

static void text_add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void text_add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->p + t->len, t->size - t->len, fmt, ap);
	va_end(ap);
	t->len = n > 0 && (size_t)n < t->size - t->len ? t->len + (size_t)n : t->size - 1;
}

/* What may follow: the forms of that first word, or else all first words. */
static void add_legal(struct text *t, const struct ctl_words *w)
{
	struct ctl_words first = { .n = 0 };
	char form[CTL_SYNTAX_TEXT];
	const char *sep = "", *last = "";

	if (w->n) {
		first.list[0] = w->list[0];
		first.n = 1;
	}
	for (unsigned c = 0; c < CTL_COMMANDS && first.n; c++)
		if (ctl_syntax_has((enum ctl_command)c, &first)) {
			text_add(t, "%s%s", sep, ctl_syntax_text((enum ctl_command)c, form));
			sep = ", ";
		}
	for (unsigned c = 0; c < CTL_COMMANDS && !*sep; c++)
		if (strcmp(table[c].words[0], last) != 0) {
			text_add(t, "%s%s", *last ? ", " : "", table[c].words[0]);
			last = table[c].words[0];
		}
}

/* at: the word that it is about, where there is one. */
static int complain(char why[CTL_WHY], const struct ctl_words *w, size_t at, const char *what)
{
	struct text t = { why, CTL_WHY, 0 };
	char quoted[80];

	if (w->n)
		text_add(&t, "%s %s; use ", what, log_quote(quoted, sizeof quoted, w->list[at].text,
							    w->list[at].len));
	else
		text_add(&t, "no command; use ");
	add_legal(&t, w);
	return -EINVAL;
}

static int id_parse(const struct ctl_word *w, uint64_t *id)
{
	uint64_t v = 0;

	if (!w->len)
		return -EINVAL;
	for (size_t i = 0; i < w->len; i++) {
		unsigned digit = (unsigned char)w->text[i] - (unsigned)'0';

		if (digit > 9 || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, digit, &v))
			return -EINVAL;
	}
	*id = v;
	return 0;
}

/* Texts end at a NUL: a word with one inside is no address, no level and no line. */
static bool has_nul(const struct ctl_word *w)
{
	return strlen(w->text) != w->len;
}

static int arg_parse(struct ctl_match *m, enum ctl_arg arg, const struct ctl_word *w)
{
	switch (arg) {
	case CTL_ARG_NONE:
		return 0;
	case CTL_ARG_ID:
		return id_parse(w, &m->id);
	case CTL_ARG_NAME:
	case CTL_ARG_LOGIN:
		m->name = w;
		return 0;
	case CTL_ARG_LINE:
		m->name = w;
		return has_nul(w) || !w->len ? -EINVAL : 0;
	case CTL_ARG_ADDRESS:
		return has_nul(w) ? -EINVAL : addr_parse(w->text, &m->addr);
	case CTL_ARG_LEVEL:
		return has_nul(w) ? -EINVAL : log_level_parse(w->text, &m->level);
	}
	return -EINVAL;
}

/* As many words as the command has, its password or not. */
static bool count_fits(const struct ctl_syntax *s, size_t n)
{
	size_t want = word_count(s);

	return n == want || (s->arg == CTL_ARG_LOGIN && n == want + 1);
}

/* The command that is meant, CTL_COMMANDS for none; *ambiguous when there are several. */
static enum ctl_command command_find(const struct ctl_words *w, bool *ambiguous)
{
	enum ctl_command found = CTL_COMMANDS;

	*ambiguous = false;
	for (unsigned c = 0; c < CTL_COMMANDS; c++) {
		const struct ctl_syntax *s = &table[c];
		bool exact;

		if (!count_fits(s, w->n) || !words_match(s, w, word_count(s), &exact))
			continue;
		if (exact) {
			*ambiguous = false;
			return (enum ctl_command)c;
		}
		*ambiguous = *ambiguous || found != CTL_COMMANDS;
		found = (enum ctl_command)c;
	}
	return found;
}

int ctl_match(struct ctl_match *m, const struct ctl_words *w, char why[CTL_WHY])
{
	bool ambiguous;
	const struct ctl_syntax *s;
	size_t at;

	memset(m, 0, sizeof *m);
	m->command = command_find(w, &ambiguous);
	if (ambiguous)
		return complain(why, w, w->n - 1, "ambiguous:");
	if (m->command == CTL_COMMANDS)
		return complain(why, w, w->n - 1, "no such command, or too few or too many words, at");
	s = &table[m->command];
	at = ctl_syntax_arg(m->command);
	if (w->n > word_count(s))
		m->password = &w->list[w->n - 1];
	if (s->arg != CTL_ARG_NONE && arg_parse(m, s->arg, &w->list[at]) < 0)
		return complain(why, w, at, arg_faults[s->arg]);
	return 0;
}

/* --- what may be logged --- */

/* Behind the word that begins at `at`, or 0 where none that is well formed does. */
static size_t word_end(const char *line, size_t len, size_t at)
{
	size_t end = at;
	const char *quote;

	if (at < len && line[at] == '"') {
		quote = memchr(line + at + 1, '"', len - at - 1);
		end = quote ? (size_t)(quote - line) + 1 : 0;
	} else {
		while (end < len && line[end] != ' ' && line[end] != '"' && line[end] != '\\')
			end++;
	}
	return end > at && (end == len || line[end] == ' ') ? end : 0;
}

/* Does a word begin a command with a password?  What is written in an odd way is taken for one. */
static bool word_tests(const char *word, size_t len)
{
	const char *want = table[CTL_TEST_RADIUS].words[0];

	if (word[0] == '"') {
		if (memchr(word, '\\', len))
			return true;
		word++;
		len -= 2;
	}
	return len <= strlen(want) && !memcmp(word, want, len);
}

size_t ctl_public_len(const char *line, size_t len)
{
	size_t public = 0;

	for (unsigned i = 0; i < 3; i++) {
		size_t at = public, end;

		while (at < len && line[at] == ' ')
			at++;
		end = word_end(line, len, at);
		if (!end)
			return public;
		if (i == 0 && !word_tests(line + at, end - at))
			return len;
		public = end;
	}
	return public;
}
