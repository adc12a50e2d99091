/*
 * Real lines in the configuration: their tables, and what others ask of them: a
 * line by its index, the configuration of its modem, where a call goes.
 *
 * Owns what the tables fill.  It opens no device and knows no call.  What is
 * wrong with a combination of settings is conf_check_lines.c's.
 */
#include "pacd/conf_schema.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)
#define PATH_OCTETS 1024
#define PATTERN_OCTETS 128
#define PNS_MAX 32 /* of one route */

static const char *const type_words[] = { "tty", "tcp", "ppp", NULL };
static const char *const mode_words[] = { "raw", "rfc2217", NULL };
static const char *const control_words[] = { "auto", "modem", "text", NULL };
static const char *const flow_words[] = { "rtscts", "none", NULL };
static const char *const use_words[] = { "both", "in", "out", NULL };
static const char *const bearer_words[] = { "analog", "digital", NULL };
static const char *const framing_words[] = { "async", "sync", NULL };
static const char *const window_words[] = { "off", "rfc2637", NULL };
const char *const conf_choice_words[] = { "longest-idle", "first", NULL };

/* --- tables --- */

#define STEP_KEY(name, kind, member, ...) CONF_KEY(name, kind, struct conf_chat_step, member, ##__VA_ARGS__)

static const struct conf_key step_keys[] = {
	STEP_KEY("send", send, send, .max = CHAT_SEND),
	STEP_KEY("expect", expect, expect, .max = CHAT_LINE),
	STEP_KEY("timeout", seconds, timeout_ms, .min = 100, .max = 3600000),
	{ 0 },
};

static void step_init(void *element)
{
	struct conf_chat_step *s = element;

	s->timeout_ms = 5000;
}

static const struct conf_elements step_elements = { step_keys, sizeof(struct conf_chat_step), step_init };

#define CHAT_KEY(name, kind, member, ...) CONF_KEY(name, kind, struct conf_chat, member, ##__VA_ARGS__)
#define SCRIPT(name_)                                                                                        \
	CHAT_KEY(#name_, groups, name_, .count = offsetof(struct conf_chat, n##name_), .arg = &step_elements, \
		 .max = CHAT_STEPS)
#define WORDS(name_)                                                                                           \
	CHAT_KEY(#name_, texts, name_, .count = offsetof(struct conf_chat, n##name_), .arg = &conf_type_ascii, \
		 .max = CHAT_LINE)

static const struct conf_key chat_keys[] = {
	CHAT_KEY("name", name, name, .max = CONF_LINE_NAME, .required = true),
	SCRIPT(init), SCRIPT(answer), SCRIPT(dial), SCRIPT(hangup),
	WORDS(busy), WORDS(no_carrier), WORDS(no_dialtone), WORDS(no_answer), WORDS(error), WORDS(calling),
	WORDS(called),
	{ 0 },
};

const struct conf_elements conf_chat_elements = { chat_keys, sizeof(struct conf_chat), NULL };

enum conf_kind conf_line_kind(const struct conf_line *l)
{
	if (l->type == CONF_LINE_TTY)
		return CONF_KIND_TTY;
	if (l->type == CONF_LINE_PPP)
		return CONF_KIND_PPP;
	return l->mode == CONF_LINE_RAW ? CONF_KIND_RAW : CONF_KIND_RFC2217;
}

static bool has_kind(const struct conf_key *key, const void *base)
{
	return key->kinds & conf_line_kind(base);
}

#define FOR(kinds_) .kinds = (kinds_), .applies = has_kind
#define FOR_TTY FOR(CONF_KIND_TTY)
#define FOR_RAW FOR(CONF_KIND_RAW)
#define FOR_TCP FOR(CONF_KIND_RAW | CONF_KIND_RFC2217)
#define FOR_MODEM FOR(CONF_KIND_TTY | CONF_KIND_RFC2217)
#define FOR_REAL FOR(CONF_KIND_TTY | CONF_KIND_RAW | CONF_KIND_RFC2217)

#define LINE_KEY(name, kind, member, ...) CONF_KEY(name, kind, struct conf_line, member, ##__VA_ARGS__)

static const struct conf_key line_keys[] = {
	LINE_KEY("name", numbered, name, .max = CONF_LINE_NAME, .required = true),
	LINE_KEY("type", word, type, .arg = type_words, .required = true),
	LINE_KEY("group", name, group, .max = CONF_LINE_NAME),
	LINE_KEY("count", uint, count, .min = 1, .max = CONF_LINES_MAX),
	LINE_KEY("first", uint, first, .max = 65535),
	LINE_KEY("device", path, device, .max = PATH_OCTETS, FOR_TTY),
	LINE_KEY("baud", uint, baud, .min = 50, .max = 4000000, FOR_MODEM),
	LINE_KEY("flow", word, flow, .arg = flow_words, FOR_MODEM),
	LINE_KEY("control", word, control, .arg = control_words, FOR_MODEM),
	LINE_KEY("mode", word, mode, .arg = mode_words, FOR_TCP),
	LINE_KEY("address", endpoint, address, FOR_TCP),
	LINE_KEY("listen", endpoint, listen, FOR_RAW),
	LINE_KEY("peers", ranges, peers, .count = offsetof(struct conf_line, npeers), FOR_RAW),
	LINE_KEY("bearer", wordbit, bearer, .arg = bearer_words, FOR_REAL),
	LINE_KEY("framing", wordbit, framing, .arg = framing_words, FOR_REAL),
	LINE_KEY("use", word, use, .arg = use_words, FOR_REAL),
	LINE_KEY("chat", name, chat, .max = CONF_LINE_NAME, FOR_MODEM),
	LINE_KEY("called", ascii, called, .max = MSG_TEXT, FOR_REAL),
	LINE_KEY("speed", uint, speed, .min = 300, .max = 2000000000, FOR_REAL),
	LINE_KEY("pace", flag, pace, FOR_REAL),
	LINE_KEY("window", uint, window, .min = 1, .max = 128, FOR_REAL),
	LINE_KEY("strict_window", word, flow_control, .arg = window_words, FOR_REAL),
	LINE_KEY("dial_timeout", seconds, dial_ms, .min = 100, .max = 600000, FOR_REAL),
	LINE_KEY("retry", seconds, retry_ms, .min = 100, .max = DAY_MS, FOR_REAL),
	LINE_KEY("caller_id_wait", seconds, caller_id_ms, .max = 30000, FOR_MODEM),
	LINE_KEY("check", seconds, check_ms, .max = DAY_MS, FOR_MODEM),
	{ 0 },
};

static void line_init(void *element)
{
	struct conf_line *l = element;

	l->count = l->first = 1;
	l->baud = 115200;
	l->bearer = MSG_BEARER_ANALOG;
	l->framing = MSG_FRAMING_ASYNC;
	l->speed = 33600;
	l->pace = true;
	l->window = 4;
	l->flow_control = true;
	l->dial_ms = 90000;
	l->retry_ms = 30000;
	l->caller_id_ms = 3000;
	l->check_ms = 300000;
}

const struct conf_elements conf_line_elements = { line_keys, sizeof(struct conf_line), line_init };

#define ROUTE_KEY(name, kind, member, ...) CONF_KEY(name, kind, struct conf_route, member, ##__VA_ARGS__)

static const struct conf_key route_keys[] = {
	ROUTE_KEY("called", ascii, called, .max = PATTERN_OCTETS),
	ROUTE_KEY("calling", ascii, calling, .max = PATTERN_OCTETS),
	ROUTE_KEY("group", name, group, .max = CONF_LINE_NAME),
	ROUTE_KEY("pns", endpoints, pns, .count = offsetof(struct conf_route, npns), .min = CONF_PORT, .max = PNS_MAX,
		  .required = true),
	{ 0 },
};

const struct conf_elements conf_route_elements = { route_keys, sizeof(struct conf_route), NULL };

#define PLAN_KEY(name, kind, member, ...) CONF_KEY(name, kind, struct conf_dialplan, member, ##__VA_ARGS__)

static const struct conf_key dialplan_keys[] = {
	PLAN_KEY("match", ascii, match, .max = PATTERN_OCTETS, .required = true),
	PLAN_KEY("group", name, group, .max = CONF_LINE_NAME),
	PLAN_KEY("ppp", flag, ppp),
	PLAN_KEY("strip", uint, strip, .max = CHAT_NUMBER),
	PLAN_KEY("prefix", ascii, prefix, .max = CHAT_NUMBER),
	PLAN_KEY("from", ranges, from, .count = offsetof(struct conf_dialplan, nfrom)),
	{ 0 },
};

const struct conf_elements conf_dialplan_elements = { dialplan_keys, sizeof(struct conf_dialplan), NULL };

#define PNS_KEY(name, kind, member, ...) CONF_KEY(name, kind, struct conf, real.pns.member, ##__VA_ARGS__)

const struct conf_key conf_pns_keys[] = {
	PNS_KEY("addresses", ranges, addresses, .count = offsetof(struct conf, real.pns.naddresses)),
	PNS_KEY("source", source, source),
	PNS_KEY("port", uint, port, .min = 1, .max = 65535),
	PNS_KEY("offer_timeout", seconds, offer_ms, .min = 100, .max = 60000),
	PNS_KEY("ring_timeout", seconds, ring_ms, .min = 100, .max = 600000),
	PNS_KEY("idle", seconds, idle_ms, .max = DAY_MS),
	PNS_KEY("backoff", seconds, backoff_ms, .min = 100, .max = 3600000),
	{ 0 },
};

void conf_lines_default(struct conf *c)
{
	c->real.pns = (struct conf_pns){ .port = CONF_PORT, .offer_ms = 10000, .ring_ms = 45000, .idle_ms = 60000,
					 .backoff_ms = 2000 };
	c->real.wen_ms = 60000;
}

int conf_group_kind(const struct conf *c, const char *group)
{
	for (size_t i = 0; i < c->real.nlines; i++)
		if (c->real.lines[i].group && !strcmp(c->real.lines[i].group, group))
			return c->real.lines[i].type == CONF_LINE_PPP ? CONF_LINE_PPP : CONF_LINE_TTY;
	return -1;
}

bool conf_lines_derive(struct conf *c)
{
	struct conf_real *r = &c->real;

	for (size_t i = 0; i < r->nlines; i++) {
		if (!r->lines[i].group)
			r->lines[i].group = strdup("default");
		if (!r->lines[i].group)
			return false;
	}
	/* A group of local pppds is the local pppd, by another name. */
	for (size_t i = 0; i < r->ndialplan; i++) {
		struct conf_dialplan *d = &r->dialplan[i];

		if (d->ppp || !d->group || conf_group_kind(c, d->group) != CONF_LINE_PPP)
			continue;
		free(d->group);
		d->group = NULL;
		d->ppp = true;
	}
	return true;
}

const struct conf_chat *conf_chat_find(const struct conf *c, const char *name)
{
	for (size_t i = 0; name && i < c->real.nchats; i++)
		if (c->real.chats[i].name && !strcmp(c->real.chats[i].name, name))
			return &c->real.chats[i];
	return NULL;
}

/* --- by index --- */

unsigned conf_lines_count(const struct conf *c)
{
	unsigned n = 0;

	for (size_t i = 0; i < c->real.nlines; i++)
		n += c->real.lines[i].count;
	return n;
}

/* Where the text has a "%", the number takes its place. True, or false without memory. */
static bool numbered(char **out, const char *text, unsigned number)
{
	const char *sign = text ? strchr(text, '%') : NULL;

	*out = NULL;
	if (!text)
		return true;
	if (!sign)
		*out = strdup(text);
	else if (asprintf(out, "%.*s%u%s", (int)(sign - text), text, number, sign + 1) < 0)
		*out = NULL;
	return *out != NULL;
}

static void shift(struct endpoint *ep, unsigned by)
{
	if (ep->port)
		ep->port = (uint16_t)(ep->port + by);
}

int conf_line_get(const struct conf *c, unsigned i, struct conf_line *line)
{
	const struct conf_line *l;
	size_t entry = 0;
	bool ok;

	for (; entry < c->real.nlines && i >= c->real.lines[entry].count; entry++)
		i -= c->real.lines[entry].count;
	if (entry == c->real.nlines)
		return -ENOENT;
	l = &c->real.lines[entry];
	*line = *l;
	line->first = l->first + i;
	line->count = 1;
	shift(&line->address, i);
	shift(&line->listen, i);
	ok = numbered(&line->name, l->name, line->first);
	ok &= numbered(&line->device, l->device, line->first);
	ok &= numbered(&line->called, l->called, line->first);
	if (ok)
		return 0;
	conf_line_clear(line);
	return -ENOMEM;
}

void conf_line_clear(struct conf_line *line)
{
	free(line->name);
	free(line->device);
	free(line->called);
	line->name = line->device = line->called = NULL;
}

static bool text_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool endpoint_same(struct endpoint a, struct endpoint b)
{
	return a.addr == b.addr && a.port == b.port;
}

static bool ranges_same(const struct addr_range *a, size_t na, const struct addr_range *b, size_t nb)
{
	for (size_t i = 0; na == nb && i < na; i++)
		if (a[i].first != b[i].first || a[i].last != b[i].last)
			return false;
	return na == nb;
}

static bool steps_same(const struct conf_chat_step *a, size_t na, const struct conf_chat_step *b, size_t nb)
{
	for (size_t i = 0; na == nb && i < na; i++)
		if (!text_same(a[i].send, b[i].send) || !text_same(a[i].expect, b[i].expect) ||
		    a[i].timeout_ms != b[i].timeout_ms)
			return false;
	return na == nb;
}

static bool texts_same(char *const *a, size_t na, char *const *b, size_t nb)
{
	for (size_t i = 0; na == nb && i < na; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return na == nb;
}

static bool chat_same(const struct conf_chat *a, const struct conf_chat *b)
{
	if (!a || !b)
		return a == b;
	return steps_same(a->init, a->ninit, b->init, b->ninit) &&
	       steps_same(a->answer, a->nanswer, b->answer, b->nanswer) &&
	       steps_same(a->dial, a->ndial, b->dial, b->ndial) &&
	       steps_same(a->hangup, a->nhangup, b->hangup, b->nhangup) &&
	       texts_same(a->busy, a->nbusy, b->busy, b->nbusy) &&
	       texts_same(a->no_carrier, a->nno_carrier, b->no_carrier, b->nno_carrier) &&
	       texts_same(a->no_dialtone, a->nno_dialtone, b->no_dialtone, b->nno_dialtone) &&
	       texts_same(a->no_answer, a->nno_answer, b->no_answer, b->nno_answer) &&
	       texts_same(a->error, a->nerror, b->error, b->nerror) &&
	       texts_same(a->calling, a->ncalling, b->calling, b->ncalling) &&
	       texts_same(a->called, a->ncalled, b->called, b->ncalled);
}

bool conf_line_same(const struct conf *a, const struct conf_line *x, const struct conf *b, const struct conf_line *y)
{
	return x->type == y->type && x->baud == y->baud && x->flow == y->flow && x->control == y->control &&
	       x->mode == y->mode && x->bearer == y->bearer && x->framing == y->framing && x->use == y->use &&
	       x->speed == y->speed && x->pace == y->pace && x->window == y->window &&
	       x->flow_control == y->flow_control && x->dial_ms == y->dial_ms && x->retry_ms == y->retry_ms &&
	       x->caller_id_ms == y->caller_id_ms && x->check_ms == y->check_ms && text_same(x->name, y->name) &&
	       text_same(x->group, y->group) && text_same(x->device, y->device) && text_same(x->called, y->called) &&
	       endpoint_same(x->address, y->address) && endpoint_same(x->listen, y->listen) &&
	       ranges_same(x->peers, x->npeers, y->peers, y->npeers) &&
	       chat_same(conf_chat_find(a, x->chat), conf_chat_find(b, y->chat));
}

/* --- where a call goes --- */

/* No pattern matches all. */
static bool matches(const char *pattern, const char *text)
{
	return !pattern || fnmatch(pattern, text, 0) == 0;
}

const struct conf_route *conf_route_find(const struct conf *c, const char *called, const char *calling,
					 const char *group)
{
	for (size_t i = 0; i < c->real.nroutes; i++) {
		const struct conf_route *r = &c->real.routes[i];

		if (matches(r->called, called) && matches(r->calling, calling) &&
		    (!r->group || !strcmp(r->group, group)))
			return r;
	}
	return NULL;
}

static bool ranges_have(const struct addr_range *list, size_t n, uint32_t addr)
{
	for (size_t i = 0; i < n; i++)
		if (range_has(list[i], addr))
			return true;
	return false;
}

const struct conf_dialplan *conf_dialplan_find(const struct conf *c, const char *number, uint32_t peer)
{
	for (size_t i = 0; i < c->real.ndialplan; i++) {
		const struct conf_dialplan *d = &c->real.dialplan[i];

		if (matches(d->match, number) && (!d->nfrom || ranges_have(d->from, d->nfrom, peer)))
			return d;
	}
	return NULL;
}

int conf_dialplan_number(const struct conf_dialplan *d, const char *number, char out[CHAT_NUMBER + 1])
{
	const char *prefix = d->prefix ? d->prefix : "";

	if (d->strip > strlen(number) || strlen(prefix) + strlen(number) - d->strip > CHAT_NUMBER)
		return -EINVAL;
	strcpy(out, prefix);
	strcat(out, number + d->strip);
	return chat_number_ok(out) ? 0 : -EINVAL;
}

bool conf_pns_known(const struct conf *c, uint32_t addr)
{
	if (ranges_have(c->real.pns.addresses, c->real.pns.naddresses, addr))
		return true;
	for (size_t i = 0; i < c->real.nroutes; i++)
		for (size_t j = 0; j < c->real.routes[i].npns; j++)
			if (c->real.routes[i].pns[j].addr == addr)
				return true;
	return false;
}
