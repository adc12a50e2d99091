/*
 * Chats with a modem: lines, their meaning, and scripts of send and expect.
 *
 * Owns the words and the default scripts of Hayes modems.  Must not know ports,
 * control lines, or what a chat is for.  The commands are those of ITU-T V.250
 * and V.253 (caller id).
 */
#include "pacd/proto/chat.h"

#include <string.h>
#include <strings.h>

#define PAUSE_MS 1000

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

const struct chat_words chat_hayes_words = { {
	[CHAT_OK] = WORDS("OK"),
	[CHAT_CONNECT] = WORDS("CONNECT"),
	[CHAT_RING] = WORDS("RING"),
	[CHAT_BUSY] = WORDS("BUSY"),
	/* VOICE: somebody answered, and it was no modem. */
	[CHAT_NO_CARRIER] = WORDS("NO CARRIER", "VOICE"),
	[CHAT_NO_DIALTONE] = WORDS("NO DIALTONE", "NO DIAL TONE", "NO LINE", "LINE IN USE"),
	[CHAT_NO_ANSWER] = WORDS("NO ANSWER"),
	/* The last two: the modem itself keeps a number from being dialled again, as some countries have it. */
	[CHAT_ERROR] = WORDS("ERROR", "+CME ERROR", "DELAYED", "BLACKLISTED"),
	[CHAT_CALLING] = WORDS("NMBR", "CALLER NUMBER", "CALLER ID", "CALLING NUMBER", "CALLING",
			       "REASON FOR NO NUMBER", "CID:", "FM:", "+CLIP"),
	[CHAT_CALLED] = WORDS("DDN_NMBR", "DDN NMBR", "DDN", "CALLED NUMBER", "CALLED", "TO:"),
} };

/*
 * Back to its stored settings; then no echo, answers in words, with connect speeds and with busy and dial tone told
 * apart (X4), and no answering by itself (S0), for that would be before the PNS has agreed (RFC 2637 section 3.2.3).
 */
static const struct chat_step hayes_init[] = {
	/* "0": what OK is in a stored profile with V0. */
	{ "ATZ", "OK|0", 3000 },
	{ "ATQ0E0V1X4S0=0", "OK", 3000 },
	/* Carrier and DTR have their meaning; what has no such lines may refuse it. */
	{ "AT&C1&D2", "OK|ERROR", 3000 },
	{ "AT+VCID=1", "OK|ERROR", 3000 },
};
static const struct chat_step hayes_answer[] = { { "ATA", "CONNECT", 3600000 } };
static const struct chat_step hayes_dial[] = { { "ATDT\\T", "CONNECT", 3600000 } };
static const struct chat_step hayes_hangup[] = { { "ATH", "OK", 3000 } };

const struct chat_script chat_hayes_init = { hayes_init, sizeof hayes_init / sizeof *hayes_init };
const struct chat_script chat_hayes_answer = { hayes_answer, 1 };
const struct chat_script chat_hayes_dial = { hayes_dial, 1 };
const struct chat_script chat_hayes_hangup = { hayes_hangup, 1 };

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* --- texts to send --- */

enum { PAUSE = -1, END = -2 };

/* A place in a text to send. */
struct cursor {
	size_t at, digits;
	bool ended;
};

static int text_next(const char *send, const char *number, struct cursor *c);

static int escape_next(const char *send, const char *number, struct cursor *c)
{
	switch (send[c->at + 1]) {
	case 'T':
		if (number[c->digits])
			return number[c->digits++];
		c->digits = 0;
		c->at += 2;
		return text_next(send, number, c);
	case 'd':
		c->at += 2;
		return PAUSE;
	case 'c':
		c->ended = true;
		return END;
	case '\\':
		c->at++;
		break;
	}
	c->at++;
	return '\\';
}

/* The next octet of the text with its number and carriage return, PAUSE, or END for ever. */
static int text_next(const char *send, const char *number, struct cursor *c)
{
	if (c->ended)
		return END;
	if (send[c->at] == '\\')
		return escape_next(send, number, c);
	if (send[c->at])
		return (unsigned char)send[c->at++];
	c->ended = true;
	return c->at ? '\r' : END;
}

const char *chat_send_complaint(const char *send)
{
	size_t n = 1; /* the carriage return */

	for (; *send; send++, n++) {
		if (*send < ' ' || *send > '~')
			return "a character that is not printable ASCII";
		if (*send != '\\')
			continue;
		send++;
		if (!*send || !strchr("Tdc\\", *send))
			return "an unknown escape: \\T, \\d, \\c and \\\\ are known";
		if (*send == 'c' && send[1])
			return "\\c is not at the end";
		if (*send == 'T')
			n += CHAT_NUMBER - 1;
	}
	return n > CHAT_SEND ? "too long" : NULL;
}

bool chat_number_ok(const char *number)
{
	const char *p = number + (*number == '+');
	size_t n = strspn(p, "0123456789*#,wW");

	return n && !p[n] && (size_t)(p - number) + n <= CHAT_NUMBER;
}

/* --- lines --- */

void chat_reader_init(struct chat_reader *r)
{
	r->len = 0;
	r->line[0] = '\0';
}

static bool line_end(struct chat_reader *r)
{
	while (r->len && r->line[r->len - 1] == ' ')
		r->len--;
	r->line[r->len] = '\0';
	if (!r->len)
		return false;
	r->len = 0;
	return true;
}

static void line_add(struct chat_reader *r, char c)
{
	if (c == '\t')
		c = ' ';
	if (c < ' ' || c > '~' || (c == ' ' && !r->len) || r->len == CHAT_LINE)
		return;
	r->line[r->len++] = c;
}

bool chat_reader_next(struct chat_reader *r, const uint8_t **data, size_t *len)
{
	while (*len) {
		char c = (char)(**data & 0x7f);

		++*data;
		--*len;
		if (c != '\r' && c != '\n')
			line_add(r, c);
		else if (line_end(r))
			return true;
	}
	return false;
}

/* The length of `word` when the line starts with it, else 0. */
static size_t word_match(const char *word, const char *line)
{
	size_t n = strlen(word);

	if (!n || strncasecmp(word, line, n))
		return 0;
	return is_letter(word[n - 1]) && is_letter(line[n]) ? 0 : n;
}

enum chat_answer chat_classify(const struct chat_words *w, const char *line, const char **value)
{
	enum chat_answer best = CHAT_OTHER;
	size_t longest = 0;

	if (!w)
		w = &chat_hayes_words;
	for (int a = CHAT_OTHER + 1; a < CHAT_ANSWERS; a++)
		for (const char *const *word = w->list[a]; word && *word; word++) {
			size_t n = word_match(*word, line);

			if (n <= longest)
				continue;
			longest = n;
			best = (enum chat_answer)a;
		}
	*value = "";
	if (best == CHAT_CONNECT || best == CHAT_CALLING || best == CHAT_CALLED)
		*value = line + longest + strspn(line + longest, " \t=:");
	return best;
}

/* The first number that stands by itself: not the 34 of V34 or V.34. */
static uint32_t first_speed(const char *s)
{
	char before = ' ';

	while (*s) {
		size_t n = strspn(s, "0123456789");
		uint32_t bps = 0;

		if (n && n < 10 && !is_letter(before) && before != '.') {
			for (size_t i = 0; i < n; i++)
				bps = bps * 10 + (uint32_t)(s[i] - '0');
			return bps;
		}
		s += n ? n : 1;
		before = s[-1];
	}
	return 0;
}

uint32_t chat_speed(const char *connect)
{
	static const char carrier[] = "CARRIER";

	for (const char *s = connect; *s; s++)
		if (!strncasecmp(s, carrier, sizeof carrier - 1) && first_speed(s))
			return first_speed(s);
	return first_speed(connect);
}

/* --- scripts --- */

static void step_enter(struct chat *c, unsigned step)
{
	c->step = step;
	c->sent = c->digits = 0;
	c->sent_all = c->pausing = c->expecting = false;
	c->deadline = MONO_NEVER;
	if (step >= c->script.n)
		c->verdict = CHAT_DONE;
}

void chat_start(struct chat *c, const struct chat_script *script, const struct chat_words *words, const char *number,
		struct mono now)
{
	memset(c, 0, sizeof *c);
	c->script = *script;
	c->words = words;
	if (number)
		strncpy(c->number, number, CHAT_NUMBER);
	step_enter(c, 0);
	if (c->verdict == CHAT_MORE)
		c->deadline = now;
}

static const struct chat_step *step_of(const struct chat *c)
{
	return &c->script.steps[c->step];
}

static int octet_next(struct chat *c)
{
	struct cursor cursor = { c->sent, c->digits, c->sent_all };
	int octet = text_next(step_of(c)->send, c->number, &cursor);

	c->sent = cursor.at;
	c->digits = cursor.digits;
	c->sent_all = cursor.ended;
	return octet;
}

static struct mono later(struct mono now, int64_t ms)
{
	return mono_add_ms(now, ms > 0 ? ms : 1);
}

static void pause_begin(struct chat *c, struct mono now)
{
	c->pausing = true;
	c->deadline = later(now, PAUSE_MS);
}

static void step_sent(struct chat *c, struct mono now)
{
	if (!*step_of(c)->expect) {
		step_enter(c, c->step + 1);
		return;
	}
	c->expecting = true;
	c->deadline = later(now, step_of(c)->timeout_ms);
}

static bool may_send(struct chat *c, struct mono now)
{
	if (c->pausing && mono_reached(c->deadline, now))
		c->pausing = false;
	return c->verdict == CHAT_MORE && !c->expecting && !c->pausing;
}

size_t chat_output(struct chat *c, char *out, size_t cap, struct mono now)
{
	size_t n = 0;

	while (may_send(c, now)) {
		int octet;

		if (n == cap) {
			c->deadline = later(now, 1);
			return n;
		}
		octet = octet_next(c);
		if (octet == PAUSE)
			pause_begin(c, now);
		else if (octet == END)
			step_sent(c, now);
		else
			out[n++] = (char)octet;
	}
	return n;
}

/* As the reader would have it, had the modem sent it back. */
static bool is_echo(const struct chat *c, const char *line)
{
	struct chat_reader r;
	struct cursor cursor = { 0, 0, false };
	int octet;

	chat_reader_init(&r);
	while ((octet = text_next(step_of(c)->send, c->number, &cursor)) != END)
		if (octet != PAUSE && octet != '\r')
			line_add(&r, (char)octet);
	return line_end(&r) && !strcasecmp(r.line, line);
}

/* One alternative of what is expected. */
static bool is_met(const struct chat *c, const char *text, size_t len, const char *line, enum chat_answer answer)
{
	char word[CHAT_LINE + 1];
	const char *value;

	if (!len || len > CHAT_LINE)
		return false;
	if (!strncasecmp(text, line, len))
		return true;
	memcpy(word, text, len);
	word[len] = '\0';
	return answer == CHAT_CONNECT && chat_classify(c->words, word, &value) == CHAT_CONNECT;
}

static bool is_expected(const struct chat *c, const char *line, enum chat_answer answer)
{
	for (const char *text = step_of(c)->expect;;) {
		size_t len = strcspn(text, "|");

		if (is_met(c, text, len, line, answer))
			return true;
		if (!text[len])
			return false;
		text += len + 1;
	}
}

static void step_met(struct chat *c, enum chat_answer answer, const char *value)
{
	c->connect[0] = '\0';
	if (answer == CHAT_CONNECT)
		strncpy(c->connect, value, CHAT_LINE);
	step_enter(c, c->step + 1);
}

static void chat_fail(struct chat *c, enum chat_answer answer)
{
	c->verdict = CHAT_FAILED;
	c->answer = answer;
	c->expecting = false;
	c->deadline = MONO_NEVER;
}

enum chat_verdict chat_line(struct chat *c, const char *line, struct mono now)
{
	enum chat_answer answer;
	const char *value;

	if (c->verdict != CHAT_MORE || !c->expecting || is_echo(c, line))
		return c->verdict;
	answer = chat_classify(c->words, line, &value);
	if (is_expected(c, line, answer))
		step_met(c, answer, value);
	else if (answer >= CHAT_BUSY && answer <= CHAT_ERROR)
		chat_fail(c, answer);
	if (c->verdict == CHAT_MORE && !c->expecting)
		c->deadline = now;
	return c->verdict;
}

enum chat_verdict chat_tick(struct chat *c, struct mono now)
{
	if (c->verdict == CHAT_MORE && c->expecting && mono_reached(c->deadline, now))
		chat_fail(c, CHAT_OTHER);
	return c->verdict;
}

struct mono chat_deadline(const struct chat *c)
{
	return c->deadline;
}
