/*
 * The configuration of a line's modem: the steps and words of its chat, or those
 * of Hayes modems where it gives none.
 *
 * Copies what it needs, so that a modem outlives the snapshot.  It knows no
 * modem but by its texts.
 */
#include "pacd/conf_schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RING_GAP_MS 8000
#define DTR_MS 1000
#define ESCAPE_MS 1200
#define INIT_TRIES 3
#define ANSWER_MS 60000

/* A first round with nothing to write to counts, the second writes. */
struct build {
	struct chat_step *steps;
	const char **words;
	char *text;
	size_t nsteps, nwords, ntext;
};

static const char *put_text(struct build *b, const char *text)
{
	size_t len = strlen(text) + 1;
	char *at = b->text ? memcpy(b->text + b->ntext, text, len) : NULL;

	b->ntext += len;
	return at;
}

static void put_step(struct build *b, const char *send, const char *expect, int64_t timeout_ms)
{
	struct chat_step step = { put_text(b, send ? send : ""), put_text(b, expect ? expect : ""), timeout_ms };

	if (b->steps)
		b->steps[b->nsteps] = step;
	b->nsteps++;
}

/* The chat's steps where there are any, else the others. */
static void put_script(struct build *b, struct chat_script *out, const struct conf_chat_step *own, size_t nown,
		       const struct chat_step *others, size_t nothers)
{
	out->steps = b->steps ? b->steps + b->nsteps : NULL;
	out->n = (unsigned)(nown ? nown : nothers);
	for (size_t i = 0; i < nown; i++)
		put_step(b, own[i].send, own[i].expect, own[i].timeout_ms);
	for (size_t i = 0; i < nothers && !nown; i++)
		put_step(b, others[i].send, others[i].expect, others[i].timeout_ms);
}

static void put_scripts(struct build *b, struct modem_conf *m, const struct conf_chat *chat, int64_t dial_ms)
{
	const struct chat_step answer[] = { { "ATA", "CONNECT", ANSWER_MS } };
	const struct chat_step dial[] = { { "ATDT\\T", "CONNECT", dial_ms } };

	put_script(b, &m->init, chat->init, chat->ninit, chat_hayes_init.steps, chat_hayes_init.n);
	put_script(b, &m->answer, chat->answer, chat->nanswer, answer, 1);
	put_script(b, &m->dial, chat->dial, chat->ndial, dial, 1);
	put_script(b, &m->hangup, chat->hangup, chat->nhangup, chat_hayes_hangup.steps, chat_hayes_hangup.n);
}

static void put_word(struct build *b, const char *word)
{
	if (b->words)
		b->words[b->nwords] = word;
	b->nwords++;
}

/* Those of Hayes modems, and the chat's own behind them. */
static void put_words(struct build *b, struct chat_words *words, enum chat_answer answer, char *const *own, size_t nown)
{
	const char *const *hayes = chat_hayes_words.list[answer];

	words->list[answer] = hayes;
	if (!nown)
		return;
	if (b->words)
		words->list[answer] = b->words + b->nwords;
	for (; hayes && *hayes; hayes++)
		put_word(b, *hayes);
	for (size_t i = 0; i < nown; i++)
		put_word(b, put_text(b, own[i]));
	put_word(b, NULL);
}

static void put_all(struct build *b, struct conf_modem *m, const struct conf_chat *chat, int64_t dial_ms)
{
	put_scripts(b, &m->modem, chat, dial_ms);
	m->words = chat_hayes_words;
	put_words(b, &m->words, CHAT_BUSY, chat->busy, chat->nbusy);
	put_words(b, &m->words, CHAT_NO_CARRIER, chat->no_carrier, chat->nno_carrier);
	put_words(b, &m->words, CHAT_NO_DIALTONE, chat->no_dialtone, chat->nno_dialtone);
	put_words(b, &m->words, CHAT_NO_ANSWER, chat->no_answer, chat->nno_answer);
	put_words(b, &m->words, CHAT_ERROR, chat->error, chat->nerror);
	put_words(b, &m->words, CHAT_CALLING, chat->calling, chat->ncalling);
	put_words(b, &m->words, CHAT_CALLED, chat->called, chat->ncalled);
}

static int allocate(struct build *b, struct conf_modem *m)
{
	const struct build n = *b;

	*b = (struct build){ .steps = calloc(n.nsteps + 1, sizeof *b->steps),
			     .words = calloc(n.nwords + 1, sizeof *b->words), .text = malloc(n.ntext + 1) };
	m->owned[0] = b->steps;
	m->owned[1] = b->words;
	m->owned[2] = b->text;
	return b->steps && b->words && b->text ? 0 : -ENOMEM;
}

int conf_modem_get(const struct conf *c, const struct conf_line *line, struct conf_modem *m)
{
	static const struct conf_chat hayes;
	const struct conf_chat *chat = conf_chat_find(c, line->chat);
	struct build b = { 0 };
	int r;

	*m = (struct conf_modem){ .modem = {
		.words = &m->words, .ring_gap_ms = RING_GAP_MS, .caller_id_ms = line->caller_id_ms, .dtr_ms = DTR_MS,
		.escape_ms = ESCAPE_MS, .retry_ms = line->retry_ms, .check_ms = line->check_ms,
		.init_tries = INIT_TRIES, .dial_ms = line->dial_ms } };
	put_all(&b, m, chat ? chat : &hayes, line->dial_ms);
	r = allocate(&b, m);
	if (r < 0)
		conf_modem_clear(m);
	else
		put_all(&b, m, chat ? chat : &hayes, line->dial_ms);
	return r;
}

void conf_modem_clear(struct conf_modem *m)
{
	for (size_t i = 0; i < sizeof m->owned / sizeof *m->owned; i++)
		free(m->owned[i]);
	memset(m, 0, sizeof *m);
}
