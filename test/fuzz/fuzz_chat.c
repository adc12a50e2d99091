/*
 * Chats under a program of octets in any splits and of time: the reader, the meaning of lines, and scripts whose texts
 * come from the program, too.
 */
#include "pacd/proto/chat.h"

#include "test/fuzz/fuzz.h"

#include <string.h>

#define STEPS 4
#define TEXT 48
#define OUTPUT_MAX (STEPS * (TEXT / 2 * CHAT_NUMBER + 1)) /* of a whole script */

struct shell {
	const uint8_t *p; /* the program */
	size_t left;
	struct mono now;
	struct chat_reader reader;
	struct chat_step steps[STEPS];
	struct chat_script script;
	char texts[2 * STEPS][TEXT];
	struct chat chat;
	size_t written;
};

static uint8_t next(struct shell *s)
{
	if (!s->left)
		return 0;
	s->left--;
	return *s->p++;
}

/* Up to a NUL. */
static const char *next_text(struct shell *s, char *out, size_t size)
{
	size_t n = 0;
	uint8_t c;

	while (n + 1 < size && (c = next(s)))
		out[n++] = (char)c;
	out[n] = '\0';
	return out;
}

static void check_line(const char *line)
{
	size_t n = strlen(line);
	const char *value;
	enum chat_answer answer = chat_classify(&chat_hayes_words, line, &value);

	FUZZ_REQUIRE(n && n <= CHAT_LINE && line[0] != ' ' && line[n - 1] != ' ');
	for (size_t i = 0; i < n; i++)
		FUZZ_REQUIRE(line[i] >= ' ' && line[i] <= '~');
	FUZZ_REQUIRE(answer < CHAT_ANSWERS);
	FUZZ_REQUIRE(!*value || (value > line && value < line + n));
	FUZZ_REQUIRE(!*value || answer == CHAT_CONNECT || answer == CHAT_CALLING || answer == CHAT_CALLED);
	chat_speed(value);
	chat_speed(line);
	FUZZ_REQUIRE(!chat_number_ok(line) || n <= CHAT_NUMBER);
}

static void output(struct shell *s)
{
	char out[CHAT_SEND];
	size_t cap = next(s) % sizeof out + 1, n;

	while ((n = chat_output(&s->chat, out, cap, s->now))) {
		FUZZ_REQUIRE(n <= cap);
		s->written += n;
		FUZZ_REQUIRE(s->written <= OUTPUT_MAX);
	}
	/* Nothing is left unsaid: it waits for an answer, or for a pause's end, or it is over. */
	FUZZ_REQUIRE(s->chat.verdict != CHAT_MORE || s->chat.expecting || s->chat.pausing);
}

static void check_chat(const struct shell *s, enum chat_verdict before)
{
	const struct chat *c = &s->chat;

	FUZZ_REQUIRE(before == CHAT_MORE || c->verdict == before);
	FUZZ_REQUIRE(c->verdict != CHAT_MORE || c->step < c->script.n);
	FUZZ_REQUIRE(mono_is_set(chat_deadline(c)) == (c->verdict == CHAT_MORE));
	FUZZ_REQUIRE(c->verdict != CHAT_FAILED || c->answer == CHAT_OTHER ||
		     (c->answer >= CHAT_BUSY && c->answer <= CHAT_ERROR));
	FUZZ_REQUIRE(strlen(c->connect) <= CHAT_LINE && strlen(c->number) <= CHAT_NUMBER);
}

static void input(struct shell *s, const uint8_t *data, size_t len)
{
	const uint8_t *end = data + len;

	while (chat_reader_next(&s->reader, &data, &len)) {
		enum chat_verdict before = s->chat.verdict;

		FUZZ_REQUIRE(data + len == end);
		check_line(s->reader.line);
		FUZZ_REQUIRE(chat_line(&s->chat, s->reader.line, s->now) == s->chat.verdict);
		check_chat(s, before);
		output(s);
		check_chat(s, before);
	}
	FUZZ_REQUIRE(!len && data == end);
}

static void op_input(struct shell *s)
{
	size_t n = next(s) % 64;
	const uint8_t *p = s->p;

	n = n < s->left ? n : s->left;
	s->p += n;
	s->left -= n;
	input(s, p, n);
}

static void op_answer(struct shell *s)
{
	static const char *const answers[] = { "OK\r\n", "\r\nERROR\r\n", "CONNECT 33600\r", "BUSY\n", "NO CARRIER\r\n",
		"RING\r\n", "NMBR = 1\r\n", "\xcf\xcb\r" };
	const char *text = answers[next(s) % (sizeof answers / sizeof *answers)];

	input(s, (const uint8_t *)text, strlen(text));
}

static void op_time(struct shell *s)
{
	enum chat_verdict before = s->chat.verdict;

	s->now = mono_add_ms(s->now, (int64_t)next(s) * 20);
	FUZZ_REQUIRE(chat_tick(&s->chat, s->now) == s->chat.verdict);
	output(s);
	chat_tick(&s->chat, s->now);
	check_chat(s, before);
	FUZZ_REQUIRE(s->chat.verdict != CHAT_MORE || chat_deadline(&s->chat).us > s->now.us);
}

static void op_start(struct shell *s)
{
	char number[CHAT_NUMBER + 1];

	s->script = (struct chat_script){ s->steps, next(s) % (STEPS + 1) };
	for (unsigned i = 0; i < s->script.n; i++) {
		s->steps[i].send = next_text(s, s->texts[2 * i], TEXT);
		s->steps[i].expect = next_text(s, s->texts[2 * i + 1], TEXT);
		s->steps[i].timeout_ms = (int64_t)next(s) * 10;
		/* No complaint: it fits. */
		FUZZ_REQUIRE(chat_send_complaint(s->steps[i].send) || strlen(s->steps[i].send) < CHAT_SEND);
	}
	next_text(s, number, sizeof number);
	chat_start(&s->chat, &s->script, next(s) & 1 ? &chat_hayes_words : NULL, number, s->now);
	s->written = 0;
	check_chat(s, CHAT_MORE);
	output(s);
}

/* However the octets are cut, the lines are the same. */
static void check_splits(const uint8_t *data, size_t size)
{
	struct chat_reader whole, split;
	const uint8_t *p = data;
	size_t len = size;

	chat_reader_init(&whole);
	chat_reader_init(&split);
	for (size_t i = 0; i < size; i++) {
		const uint8_t *q = data + i;
		size_t one = 1;

		if (!chat_reader_next(&split, &q, &one))
			continue;
		FUZZ_REQUIRE(chat_reader_next(&whole, &p, &len));
		FUZZ_REQUIRE(p == data + i + 1 && !strcmp(whole.line, split.line));
	}
	FUZZ_REQUIRE(!chat_reader_next(&whole, &p, &len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const ops[])(struct shell *) = { op_input, op_answer, op_time, op_start };
	static struct shell s;

	memset(&s, 0, sizeof s);
	s.p = data;
	s.left = size;
	s.now.us = 1;
	chat_reader_init(&s.reader);
	op_start(&s);
	while (s.left)
		ops[next(&s) % (sizeof ops / sizeof *ops)](&s);
	check_splits(data, size);
	return 0;
}
