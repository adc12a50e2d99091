/*
 * Settings and commands of the test PNS:
 *
 *   set NAME=VALUE                      a setting from now on
 *   connect ADDR[:PORT] [from=ADDR]     a control connection to a PAC
 *   sccrq CONN | stop CONN [reason=N] | echo CONN [identifier=N] | close CONN | reset CONN | raw CONN HEX
 *   ocrq CONN [NAME=VALUE ...]          call= serial= min= max= bearer= framing= window= number= subaddress=
 *   icrp CONN [NAME=VALUE ...]          peer= call= result= error=: whether there is such a call or not
 *   ccrq CONN call=N                    likewise
 *   sli CONN peer=N send=MAP receive=MAP   likewise
 *   stats CALL                          counters of its frames
 *   hangup CALL                         its pppd is told to end
 */
#include "test/pns/pns.h"

#include <ctype.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- settings --- */

static const struct {
	const char *name;
	size_t offset;
	int value; /* from the start */
} settings[] = {
#define SETTING(name, value) { #name, offsetof(struct pns_settings, name), value }
	SETTING(hello, 1), SETTING(version, MSG_VERSION), SETTING(sccrp, SCCRP_OK), SETTING(sccrp_error, 0),
	SETTING(sccrp_delay, 0), SETTING(icrp, ICRP_CONNECT), SETTING(icrp_error, 0), SETTING(icrp_delay, 0),
	SETTING(icrp_id, 0), SETTING(icrp_count, 1), SETTING(window, 16), SETTING(delay, 0),
	SETTING(strict_window, 1), SETTING(echo, 1), SETTING(stop, 1), SETTING(pppd, 1), SETTING(sli, 1),
	SETTING(collide, 0), SETTING(ccrq_on, 0), SETTING(rst_on, 0), SETTING(garbage_on, 0),
#undef SETTING
};

#define SETTINGS (sizeof settings / sizeof settings[0])

static int *place_of(struct pns_settings *s, size_t i)
{
	return (int *)(void *)((char *)s + settings[i].offset);
}

void pns_command_defaults(struct pns_settings *s)
{
	for (size_t i = 0; i < SETTINGS; i++)
		*place_of(s, i) = settings[i].value;
}

/* A number, "never", "accept", or a message's word. */
static bool value_parse(const char *text, int *value)
{
	char *end;

	if (strcmp(text, "never") == 0) {
		*value = PNS_NEVER;
		return true;
	}
	if (strcmp(text, "accept") == 0) {
		*value = PNS_AT_ACCEPT;
		return true;
	}
	for (uint16_t type = MSG_SCCRQ; type <= MSG_SLI; type++) {
		if (strcasecmp(text, msg_type_word(type)) == 0) {
			*value = type;
			return true;
		}
	}
	*value = (int)strtol(text, &end, 0);
	return end != text && !*end;
}

bool pns_command_set(struct pns_settings *s, const char *text)
{
	for (size_t i = 0; i < SETTINGS; i++) {
		size_t len = strlen(settings[i].name);

		if (strncmp(text, settings[i].name, len) == 0 && text[len] == '=')
			return value_parse(text + len + 1, place_of(s, i));
	}
	return false;
}

/* --- words of a command --- */

#define WORDS 16

struct words {
	const char *word[WORDS];
	unsigned n;
};

static void split(struct words *w, char *line)
{
	char *save = NULL;

	w->n = 0;
	for (char *at = strtok_r(line, " \t\r\n", &save); at && w->n < WORDS; at = strtok_r(NULL, " \t\r\n", &save))
		w->word[w->n++] = at;
}

/* What stands behind "name=", or NULL. */
static const char *text_of(const struct words *w, const char *name)
{
	size_t len = strlen(name);

	for (unsigned i = 1; i < w->n; i++)
		if (strncmp(w->word[i], name, len) == 0 && w->word[i][len] == '=')
			return w->word[i] + len + 1;
	return NULL;
}

static unsigned long number_of(const struct words *w, const char *name, unsigned long otherwise)
{
	const char *text = text_of(w, name);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

static struct pns_conn *conn_of(const struct words *w)
{
	return w->n > 1 ? pns_conn_find((unsigned)strtoul(w->word[1], NULL, 0)) : NULL;
}

static struct pns_call *call_of(const struct words *w)
{
	return w->n > 1 ? pns_call_by_id((uint16_t)strtoul(w->word[1], NULL, 0)) : NULL;
}

/* --- commands; each returns false for words that make no sense --- */

static bool do_set(const struct words *w)
{
	return w->n == 2 && pns_command_set(&pns.set, w->word[1]);
}

static bool do_connect(const struct words *w)
{
	const char *from = text_of(w, "from");
	struct endpoint peer;
	uint32_t local = 0;

	if (w->n < 2 || endpoint_parse(w->word[1], PNS_PORT, &peer) < 0 || (from && addr_parse(from, &local) < 0))
		return false;
	pns_conn_open(peer, local);
	return true;
}

static bool do_sccrq(const struct words *w)
{
	struct pns_conn *c = conn_of(w);

	if (c)
		pns_conn_sccrq(c);
	return c;
}

static bool do_stop(const struct words *w)
{
	struct msg m = { .type = MSG_STOP_CCRQ, .stop_ccrq.reason = (uint8_t)number_of(w, "reason", STOP_NONE) };
	struct pns_conn *c = conn_of(w);

	if (c)
		pns_conn_send(c, &m);
	return c;
}

static bool do_echo(const struct words *w)
{
	struct msg m = { .type = MSG_ECHO_RQ, .echo_rq.identifier = (uint32_t)number_of(w, "identifier", 1) };
	struct pns_conn *c = conn_of(w);

	if (c)
		pns_conn_send(c, &m);
	return c;
}

static bool do_close(const struct words *w)
{
	struct pns_conn *c = conn_of(w);

	if (c)
		pns_conn_close(c, strcmp(w->word[0], "reset") == 0, "told");
	return c;
}

static bool do_raw(const struct words *w)
{
	struct pns_conn *c = conn_of(w);
	uint8_t octets[512];
	size_t n = 0;

	if (!c || w->n != 3)
		return false;
	for (const char *at = w->word[2]; at[0] && at[1] && n < sizeof octets; at += 2) {
		const char pair[] = { at[0], at[1], '\0' };

		if (!isxdigit((unsigned char)at[0]) || !isxdigit((unsigned char)at[1]))
			return false;
		octets[n++] = (uint8_t)strtoul(pair, NULL, 16);
	}
	pns_conn_raw(c, octets, n);
	return true;
}

static bool do_ocrq(const struct words *w)
{
	const char *number = text_of(w, "number"), *subaddress = text_of(w, "subaddress");
	struct msg m = { .type = MSG_OCRQ, .ocrq = {
		.serial = (uint16_t)number_of(w, "serial", pns.calls_made + 1),
		.min_bps = (uint32_t)number_of(w, "min", 300),
		.max_bps = (uint32_t)number_of(w, "max", 100000000),
		.bearer = (uint32_t)number_of(w, "bearer", MSG_BEARER_ANALOG | MSG_BEARER_DIGITAL),
		.framing = (uint32_t)number_of(w, "framing", MSG_FRAMING_ASYNC | MSG_FRAMING_SYNC),
		.window = (uint16_t)number_of(w, "window", (unsigned long)pns.set.window),
		.delay = (uint16_t)pns.set.delay,
		.number_len = (uint16_t)number_of(w, "number_len", number ? strlen(number) : 0),
	} };
	struct pns_conn *c = conn_of(w);
	struct pns_call *call;

	if (!c)
		return false;
	msg_text_set(m.ocrq.number, sizeof m.ocrq.number, number ? number : "");
	msg_text_set(m.ocrq.subaddress, sizeof m.ocrq.subaddress, subaddress ? subaddress : "");
	m.ocrq.call_id = text_of(w, "call") ? (uint16_t)number_of(w, "call", 0) : pns_call_free_id();
	call = pns_call_new(c, m.ocrq.call_id);
	if (!call)
		return false;
	pns_conn_send(c, &m);
	if (pns.set.ccrq_on == MSG_OCRQ)
		pns_call_ccrq(call);
	return true;
}

static bool do_icrp(const struct words *w)
{
	struct msg m = { .type = MSG_ICRP, .icrp = {
		.call_id = (uint16_t)number_of(w, "call", 1),
		.peer_call_id = (uint16_t)number_of(w, "peer", 1),
		.result = (uint8_t)number_of(w, "result", ICRP_CONNECT),
		.error = (uint8_t)number_of(w, "error", 0),
		.window = (uint16_t)pns.set.window,
	} };
	struct pns_conn *c = conn_of(w);

	if (c)
		pns_conn_send(c, &m);
	return c;
}

static bool do_ccrq(const struct words *w)
{
	struct msg m = { .type = MSG_CCRQ, .ccrq.call_id = (uint16_t)number_of(w, "call", 0) };
	struct pns_conn *c = conn_of(w);

	if (c)
		pns_conn_send(c, &m);
	return c;
}

static bool do_sli(const struct words *w)
{
	struct msg m = { .type = MSG_SLI, .sli = {
		(uint16_t)number_of(w, "peer", 0),
		(uint32_t)number_of(w, "send", UINT32_MAX),
		(uint32_t)number_of(w, "receive", UINT32_MAX),
	} };
	struct pns_conn *c = conn_of(w);

	if (c)
		pns_conn_send(c, &m);
	return c;
}

static bool do_stats(const struct words *w)
{
	const struct pns_call *call = call_of(w);

	if (call)
		pns_call_stats(call, "stats");
	return call;
}

static bool do_hangup(const struct words *w)
{
	const struct pns_call *call = call_of(w);

	if (!call || call->pid <= 0)
		return false;
	kill(call->pid, SIGTERM);
	return true;
}

static const struct {
	const char *word;
	bool (*act)(const struct words *w);
} commands[] = {
	{ "set", do_set }, { "connect", do_connect }, { "sccrq", do_sccrq }, { "stop", do_stop }, { "echo", do_echo },
	{ "close", do_close }, { "reset", do_close }, { "raw", do_raw }, { "ocrq", do_ocrq }, { "icrp", do_icrp },
	{ "ccrq", do_ccrq }, { "sli", do_sli }, { "stats", do_stats }, { "hangup", do_hangup },
};

/* Every command has its event, so that a test can wait for it to be done. */
void pns_command(char *line)
{
	const char *quoted = pns_event_quote(line, strcspn(line, "\r\n"));
	struct words w;
	bool done = false;

	split(&w, line);
	for (size_t i = 0; i < sizeof commands / sizeof commands[0] && w.n; i++)
		if (strcmp(w.word[0], commands[i].word) == 0)
			done = commands[i].act(&w);
	pns_event("%s command=%s", done ? "done" : "wrong", quoted);
}
