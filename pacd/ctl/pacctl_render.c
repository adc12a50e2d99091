/*
 * An answer as a table, a listing, JSON or records.
 *
 * Reads the records one by one, a table's twice: an answer of any length needs
 * memory for one line only.  Knows which columns people want; must not know sockets.
 */
#include "pacd/ctl/pacctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS 16

struct column {
	const char *title;
	const char *key;  /* NULL: what `other` says */
	bool right;
	const char *port; /* a second key, shown as ":PORT"; or NULL */
	/* What is shown where the key is missing or has no value: a field of the same record, or NULL; or NULL. */
	const struct ctl_field *(*other)(const struct ctl_record *r);
};

#define LEFT(name, value) { .title = name, .key = value }
#define RIGHT(name, value) { .title = name, .key = value, .right = true }

/* Of a call of a real line nobody knows the user: who is at its far end is told by a number. */
static const struct ctl_field *far_number(const struct ctl_record *r)
{
	const struct ctl_field *direction = ctl_record_find(r, "direction");

	if (!direction)
		return NULL;
	return ctl_record_find(r, !strcmp(direction->text, "in") ? "calling" : "called");
}

/* Of a line out of service; an error that is over would only be in the way. */
static const struct ctl_field *present_error(const struct ctl_record *r)
{
	const struct ctl_field *state = ctl_record_find(r, "state");

	return state && !strcmp(state->text, "failed") ? ctl_record_find(r, "last_error") : NULL;
}

static const struct ctl_field *line_name(const struct ctl_record *r)
{
	return ctl_record_find(r, "line");
}

/*
 * What a command's answer is: several records of one kind, one, a text, nothing but the status, or one and a list of
 * attributes, whatever the status is.
 */
enum layout { LAYOUT_DONE, LAYOUT_LIST, LAYOUT_ONE, LAYOUT_TEXT, LAYOUT_TEST };

static const struct view {
	enum layout layout;
	struct column columns[COLUMNS];
} views[CTL_COMMANDS] = {
	[CTL_HELP] = { LAYOUT_LIST, {
		LEFT("COMMAND", "syntax"),
		LEFT("NEEDS", "needs"),
		LEFT("MEANING", "help"),
	} },
	[CTL_SHOW_STATUS] = { .layout = LAYOUT_ONE },
	[CTL_SHOW_SESSIONS] = { LAYOUT_LIST, {
		RIGHT("ID", "id"),
		{ .title = "USER", .key = "user", .other = far_number },
		LEFT("ADDRESS", "address"),
		LEFT("PEER", "peer_address"),
		{ .title = "INTERFACE", .key = "interface", .other = line_name },
		RIGHT("UP", "up_s"),
		RIGHT("IN", "rx_octets"),
		RIGHT("OUT", "tx_octets"),
		LEFT("STATE", "state"),
	} },
	[CTL_SHOW_SESSION] = { .layout = LAYOUT_ONE },
	[CTL_SHOW_CONNECTIONS] = { LAYOUT_LIST, {
		RIGHT("ID", "id"),
		{ .title = "PEER", .key = "peer_address", .port = "peer_port" },
		{ .title = "SERVER", .key = "server_address", .port = "server_port" },
		LEFT("STATE", "state"),
		LEFT("OURS", "originator"),
		RIGHT("CALLS", "calls"),
		RIGHT("AGE", "age_s"),
		RIGHT("IDLE", "idle_s"),
		LEFT("HOST", "host"),
		LEFT("VENDOR", "vendor"),
	} },
	[CTL_SHOW_POOLS] = { LAYOUT_LIST, {
		LEFT("NAME", "name"),
		RIGHT("SIZE", "size"),
		RIGHT("USED", "used"),
		RIGHT("RESERVED", "reserved"),
		RIGHT("REFUSED", "refused"),
	} },
	[CTL_SHOW_STATS] = { LAYOUT_LIST, {
		LEFT("NAME", "name"),
		RIGHT("VALUE", "value"),
		LEFT("MEANING", "help"),
	} },
	[CTL_SHOW_CONFIG] = { .layout = LAYOUT_TEXT },
	[CTL_SHOW_RADIUS] = { LAYOUT_LIST, {
		LEFT("SERVER", "name"),
		LEFT("ROLE", "role"),
		LEFT("STATE", "state"),
		RIGHT("FOR", "dead_for_s"),
		RIGHT("PRIO", "priority"),
		LEFT("SIGNED", "signature_required"),
		RIGHT("FLIGHT", "in_flight"),
		RIGHT("REQUESTS", "requests"),
		RIGHT("AGAIN", "retransmissions"),
		RIGHT("ANSWERED", "answered"),
		RIGHT("REJECTS", "rejects"),
		RIGHT("TIMEOUTS", "timeouts"),
		RIGHT("P50", "p50_us"),
		RIGHT("P90", "p90_us"),
		RIGHT("P99", "p99_us"),
		LEFT("DROPPED", "reasons"),
	} },
	[CTL_SHOW_ACCOUNTING] = { .layout = LAYOUT_ONE },
	[CTL_SHOW_LINES] = { LAYOUT_LIST, {
		LEFT("NAME", "name"),
		LEFT("GROUP", "group"),
		LEFT("STATE", "state"),
		RIGHT("FOR", "since_s"),
		RIGHT("SPEED", "speed_bps"),
		LEFT("CALLING", "calling"),
		LEFT("CALLED", "called"),
		RIGHT("RINGS", "rings"),
		RIGHT("DIALS", "dialled"),
		RIGHT("OK", "connected"),
		RIGHT("FAILED", "failed"),
		{ .title = "ERROR", .other = present_error },
	} },
	[CTL_SHOW_LINE] = { .layout = LAYOUT_ONE },
	[CTL_TEST_RADIUS] = { LAYOUT_TEST, {
		LEFT("ATTRIBUTE", "name"),
		LEFT("VALUE", "value"),
	} },
};

/* --- walking over the records --- */

struct walk {
	const char *p, *end;
	char *scratch; /* the present line, decoded in place */
	size_t cap;
	struct ctl_record record;
};

static void walk_init(struct walk *w, const struct pacctl_answer *a)
{
	w->p = a->records;
	w->end = a->records + a->len;
	w->scratch = NULL;
	w->cap = 0;
}

static int walk_room(struct walk *w, size_t len)
{
	char *p;

	if (len < w->cap)
		return 0;
	p = realloc(w->scratch, len + 1024);
	if (!p)
		return -ENOMEM;
	w->scratch = p;
	w->cap = len + 1024;
	return 0;
}

/* 1 with the next record, 0 at the end, or a negative code. */
static int walk_next(struct walk *w)
{
	const char *newline;
	size_t len;

	if (w->p == w->end)
		return 0;
	newline = memchr(w->p, '\n', (size_t)(w->end - w->p));
	if (!newline)
		return -EBADMSG;
	len = (size_t)(newline - w->p);
	if (walk_room(w, len) < 0)
		return -ENOMEM;
	memcpy(w->scratch, w->p, len);
	w->p = newline + 1;
	return ctl_record_parse(&w->record, w->scratch, len) < 0 ? -EBADMSG : 1;
}

typedef void (*record_fn)(void *arg, const struct ctl_record *r);

static int walk_all(const struct pacctl_answer *a, record_fn fn, void *arg)
{
	struct walk w;
	int rc;

	walk_init(&w, a);
	while ((rc = walk_next(&w)) > 0)
		fn(arg, &w.record);
	free(w.scratch);
	return rc;
}

/* --- a table --- */

struct table {
	FILE *out;
	const struct column *columns;
	size_t n;
	size_t width[COLUMNS];
};

static const struct ctl_field *cell_field(const struct column *c, const struct ctl_record *r)
{
	const struct ctl_field *f = c->key ? ctl_record_find(r, c->key) : NULL;

	return c->other && (!f || f->kind == CTL_NONE || !f->len) ? c->other(r) : f;
}

static void cell_text(char text[PACCTL_CELL], const struct table *t, size_t i, const struct ctl_record *r)
{
	const struct column *c = &t->columns[i];
	const struct ctl_field *f = cell_field(c, r), *port = c->port ? ctl_record_find(r, c->port) : NULL;
	size_t len;

	if (f)
		pacctl_format(text, f, i + 1 < t->n);
	else
		strcpy(text, "-");
	len = strlen(text);
	if (f && f->kind != CTL_NONE && port && port->kind == CTL_NUMBER)
		snprintf(text + len, PACCTL_CELL - len, ":%s", port->text);
}

static void table_measure(void *arg, const struct ctl_record *r)
{
	struct table *t = arg;
	char text[PACCTL_CELL];

	for (size_t i = 0; i < t->n; i++) {
		size_t len;

		cell_text(text, t, i, r);
		len = strlen(text);
		if (len > t->width[i])
			t->width[i] = len;
	}
}

static void cell_print(const struct table *t, size_t i, const char *text)
{
	const char *gap = i ? "  " : "";

	if (t->columns[i].right)
		fprintf(t->out, "%s%*s", gap, (int)t->width[i], text);
	else if (i + 1 == t->n)
		fprintf(t->out, "%s%s", gap, text); /* no spaces at the end of a line */
	else
		fprintf(t->out, "%s%-*s", gap, (int)t->width[i], text);
	if (i + 1 == t->n)
		putc('\n', t->out);
}

static void table_print(void *arg, const struct ctl_record *r)
{
	struct table *t = arg;
	char text[PACCTL_CELL];

	for (size_t i = 0; i < t->n; i++) {
		cell_text(text, t, i, r);
		cell_print(t, i, text);
	}
}

static int render_table(FILE *out, const struct column *columns, const struct pacctl_answer *a)
{
	struct table t = { .out = out, .columns = columns };
	int rc;

	for (; t.n < COLUMNS && columns[t.n].title; t.n++)
		t.width[t.n] = strlen(columns[t.n].title);
	rc = walk_all(a, table_measure, &t);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < t.n; i++)
		cell_print(&t, i, columns[i].title);
	return walk_all(a, table_print, &t);
}

/* --- one object, a key a line --- */

/* The key without its unit, which the value shows; "octets" stays, "rx" alone would say less. */
static void key_label(char label[64], const char *key)
{
	static const char *const units[] = { "_s", "_us", "_at", "_bps" };
	size_t len = strlen(key);

	if (len > 63)
		len = 63;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		size_t n = strlen(units[i]);

		if (len > n && !memcmp(key + len - n, units[i], n)) {
			len -= n;
			break;
		}
	}
	for (size_t i = 0; i < len; i++)
		label[i] = key[i] == '_' ? ' ' : key[i];
	label[len] = '\0';
}

static void listing_print(void *arg, const struct ctl_record *r)
{
	FILE *out = arg;
	char label[64], text[PACCTL_CELL];
	size_t width = 0;

	for (size_t i = 0; i < r->n; i++) {
		key_label(label, r->list[i].key);
		if (strlen(label) > width)
			width = strlen(label);
	}
	for (size_t i = 0; i < r->n; i++) {
		key_label(label, r->list[i].key);
		pacctl_format(text, &r->list[i], false);
		fprintf(out, "%-*s  %s\n", (int)width, label, text);
	}
}

static void text_print(void *arg, const struct ctl_record *r)
{
	const struct ctl_field *f = ctl_record_find(r, "text");

	if (f)
		pacctl_text(arg, f->text, f->len);
}

/* --- JSON --- */

struct json {
	FILE *out;
	size_t n;
	const char *before, *between; /* the first object; each other one */
};

/* The fields of a record, without the braces. */
static void json_fields(void *arg, const struct ctl_record *r)
{
	FILE *out = arg;

	for (size_t i = 0; i < r->n; i++) {
		fputs(i ? "," : "", out);
		pacctl_json_string(out, r->list[i].key, strlen(r->list[i].key));
		putc(':', out);
		pacctl_json_value(out, &r->list[i]);
	}
}

static void json_record(void *arg, const struct ctl_record *r)
{
	struct json *j = arg;

	fputs(j->n++ ? j->between : j->before, j->out);
	putc('{', j->out);
	json_fields(j->out, r);
	putc('}', j->out);
}

static int render_json_list(FILE *out, const struct pacctl_answer *a)
{
	struct json j = { out, 0, "\n", ",\n" };
	int rc;

	putc('[', out);
	rc = walk_all(a, json_record, &j);
	fputs(j.n ? "\n]\n" : "]\n", out);
	return rc;
}

static int render_json_one(FILE *out, const struct pacctl_answer *a)
{
	struct walk w;
	struct json j = { out, 0, "", "" };
	int rc;

	walk_init(&w, a);
	rc = walk_next(&w);
	if (rc > 0)
		json_record(&j, &w.record);
	else
		fputs("{}", out);
	putc('\n', out);
	free(w.scratch);
	return rc < 0 ? rc : 0;
}

static int render_json_failure(FILE *out, const struct pacctl_answer *a)
{
	struct json j = { out, 0, "", "," };
	int rc;

	fprintf(out, "{\"code\":%u,\"error\":", a->code);
	pacctl_json_string(out, a->status, strlen(a->status));
	fputs(",\"details\":[", out);
	rc = walk_all(a, json_record, &j);
	fputs("]}\n", out);
	return rc;
}

/* --- a test: its outcome, then what the server said --- */

/* The first record is of that type. */
static bool is_test(const struct pacctl_answer *a)
{
	static const char type[] = "test ";

	return a->len >= sizeof type - 1 && !memcmp(a->records, type, sizeof type - 1);
}

/* Parts an answer behind its first record. */
static void test_split(const struct pacctl_answer *a, struct pacctl_answer *outcome, struct pacctl_answer *attributes)
{
	const char *newline = memchr(a->records, '\n', a->len);

	*outcome = *attributes = *a;
	outcome->len = newline ? (size_t)(newline - a->records) + 1 : a->len;
	attributes->records += outcome->len;
	attributes->len -= outcome->len;
}

static int render_test(FILE *out, const struct column *columns, const struct pacctl_answer *a)
{
	struct pacctl_answer outcome, attributes;
	int rc;

	test_split(a, &outcome, &attributes);
	rc = walk_all(&outcome, listing_print, out);
	if (rc < 0 || !attributes.len)
		return rc;
	putc('\n', out);
	return render_table(out, columns, &attributes);
}

static int render_json_test(FILE *out, const struct pacctl_answer *a)
{
	struct pacctl_answer outcome, attributes;
	struct json j = { out, 0, "", "," };
	int rc;

	test_split(a, &outcome, &attributes);
	putc('{', out);
	rc = walk_all(&outcome, json_fields, out);
	if (rc == 0) {
		fputs(",\"attributes\":[", out);
		rc = walk_all(&attributes, json_record, &j);
	}
	fputs("]}\n", out);
	return rc;
}

/* --- the whole --- */

static void check_print(void *arg, const struct ctl_record *r)
{
	(void)arg;
	(void)r;
}

static int render_kv(FILE *out, const struct pacctl_answer *a)
{
	/* Printed as they are, but only when they are records: nothing else has been checked for a terminal. */
	int rc = walk_all(a, check_print, NULL);

	if (rc == 0)
		fwrite(a->records, 1, a->len, out);
	return rc;
}

static int render_people(FILE *out, enum ctl_command command, const struct pacctl_answer *a)
{
	switch (views[command].layout) {
	case LAYOUT_LIST:
		return render_table(out, views[command].columns, a);
	case LAYOUT_ONE:
		return walk_all(a, listing_print, out);
	case LAYOUT_TEXT:
		return walk_all(a, text_print, out);
	case LAYOUT_TEST:
		return render_test(out, views[command].columns, a);
	case LAYOUT_DONE:
		fprintf(out, "%s\n", a->status);
		return 0;
	}
	return 0;
}

static int render_failure(FILE *out, FILE *err, enum pacctl_mode mode, const struct pacctl_answer *a)
{
	fprintf(err, "pacctl: %s\n", a->status);
	if (mode == PACCTL_JSON)
		return render_json_failure(out, a);
	if (mode == PACCTL_KV)
		return render_kv(out, a);
	return walk_all(a, text_print, err);
}

static int render_answer(FILE *out, enum pacctl_mode mode, enum ctl_command command, const struct pacctl_answer *a)
{
	if (mode == PACCTL_KV)
		return render_kv(out, a);
	if (mode == PACCTL_TABLE)
		return render_people(out, command, a);
	if (views[command].layout == LAYOUT_TEST)
		return render_json_test(out, a);
	return views[command].layout == LAYOUT_LIST ? render_json_list(out, a) : render_json_one(out, a);
}

int pacctl_render(FILE *out, FILE *err, enum pacctl_mode mode, enum ctl_command command,
		  const struct pacctl_answer *a)
{
	bool test = views[command].layout == LAYOUT_TEST && is_test(a);

	if (a->code != CTL_OK && !test)
		return render_failure(out, err, mode, a);
	if (a->code != CTL_OK) /* a rejected user is an outcome, too */
		fprintf(err, "pacctl: %s\n", a->status);
	return render_answer(out, mode, command, a);
}
