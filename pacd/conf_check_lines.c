/*
 * What no setting of real lines shows alone: what belongs to which type of line,
 * names, devices and ports that are given twice once `count` is multiplied out,
 * and calls that nobody should be able to make (toll fraud).
 *
 * Reads a snapshot whose bad values left holes, as conf_check.c does: these were
 * reported already and are stepped over.
 */
#include "pacd/conf_schema.h"

#include <stdlib.h>
#include <string.h>

#define WEN_LEAST_MS 60000 /* RFC 2637 section 2.14 */

static const char *kind_text(enum conf_kind kind)
{
	switch (kind) {
	case CONF_KIND_TTY: return "type \"tty\"";
	case CONF_KIND_RAW: return "type \"tcp\" and mode \"raw\"";
	case CONF_KIND_RFC2217: return "type \"tcp\" and mode \"rfc2217\"";
	default: return "type \"ppp\"";
	}
}

/* The line of the setting, or of its group where it is not given. */
static const config_setting_t *member(const config_setting_t *group, const char *name)
{
	const config_setting_t *s = config_setting_get_member(group, name);

	return s ? s : group;
}

static bool given(const config_setting_t *group, const char *name)
{
	return config_setting_get_member(group, name) != NULL;
}

/* The group's setting, or NULL where something else stands in its place. */
static const config_setting_t *element(const config_t *tree, const char *list, size_t i)
{
	const config_setting_t *s = conf_setting_at(tree, "%s.[%zu]", list, i);

	return s && config_setting_is_group(s) ? s : NULL;
}

/* --- one line --- */

static void check_meant(struct conf_ctx *ctx, const config_setting_t *group, const struct conf_line *l)
{
	for (const struct conf_key *key = conf_line_elements.keys; key->name; key++)
		if (key->applies && !key->applies(key, l) && given(group, key->name))
			conf_fail(ctx, member(group, key->name), "means nothing for a line of %s; take it out",
				  kind_text(conf_line_kind(l)));
}

static void check_percent(struct conf_ctx *ctx, const config_setting_t *group, const char *name, const char *text,
			  unsigned count)
{
	if (!text)
		return;
	if (strchr(text, '%') != strrchr(text, '%'))
		conf_fail(ctx, member(group, name), "has more than one \"%%\"; the number takes the place of one");
	else if (count > 1 && !strchr(text, '%'))
		conf_fail(ctx, member(group, name), "count is %u, so there must be a \"%%\" in it for the number; put "
			  "it in, or take count out", count);
}

static void check_name(struct conf_ctx *ctx, const config_setting_t *group, const struct conf_line *l)
{
	char number[16];
	int digits = snprintf(number, sizeof number, "%u", l->first + l->count - 1);

	check_percent(ctx, group, "name", l->name, l->count);
	check_percent(ctx, group, "device", l->device, l->count);
	check_percent(ctx, group, "called", l->called, 1);
	if (l->name && strchr(l->name, '%') && strlen(l->name) - 1 + (size_t)digits > CONF_LINE_NAME)
		conf_fail(ctx, member(group, "name"), "is longer than %d octets with its number; make it shorter",
			  CONF_LINE_NAME);
}

static void check_ports(struct conf_ctx *ctx, const config_setting_t *group, const char *name, struct endpoint ep,
			const struct conf_line *l, bool any)
{
	char text[ENDPOINT_TEXT];
	bool usable = conf_addr_usable(ep.addr) || ep.addr >> 24 == 127 || (any && !ep.addr);

	if (!ep.port)
		return;
	if (!usable)
		conf_fail(ctx, member(group, name), "%s is not the address of a host; give another one",
			  endpoint_text(ep, text));
	else if (ep.port + l->count - 1 > 65535)
		conf_fail(ctx, member(group, name), "with count = %u the ports from %s on go beyond 65535; begin with "
			  "a lower one", l->count, endpoint_text(ep, text));
}

static void check_raw(struct conf_ctx *ctx, const config_setting_t *group, const struct conf_line *l)
{
	bool in = given(group, "listen"), out = given(group, "address");

	if (!in && !out)
		conf_fail_in(ctx, group, "address", "is missing; give address for a line to connect to, listen for one "
			     "where a connection is a ring, or both");
	else if (!out && l->use == CONF_USE_OUT)
		conf_fail_in(ctx, group, "address", "is missing; use is \"out\", so it must be able to connect");
	else if (!in && l->use == CONF_USE_IN)
		conf_fail_in(ctx, group, "listen", "is missing; use is \"in\", and a connection there is what rings");
	if (l->npeers && !in)
		conf_warn(ctx, member(group, "peers"), "does nothing without listen");
}

/* Asynchronous speeds that Linux's termios has. */
static bool baud_known(unsigned baud)
{
	static const unsigned known[] = { 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200,
					  38400, 57600, 115200, 230400, 460800, 500000, 576000, 921600, 1000000,
					  1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000 };

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (known[i] == baud)
			return true;
	return false;
}

static void check_place(struct conf_ctx *ctx, const config_setting_t *group, const struct conf_line *l,
			enum conf_kind kind)
{
	if (kind == CONF_KIND_TTY && !given(group, "device"))
		conf_fail_in(ctx, group, "device", "is missing; give the serial device, such as \"/dev/ttyS0\"");
	if (kind == CONF_KIND_TTY && !baud_known(l->baud))
		conf_fail(ctx, member(group, "baud"), "%u is no speed of a serial device; give one such as 9600, "
			  "57600, 115200 or 230400", l->baud);
	if (kind == CONF_KIND_RFC2217 && !given(group, "address"))
		conf_fail_in(ctx, group, "address", "is missing; give the terminal server's address and port");
	if (kind == CONF_KIND_RAW)
		check_raw(ctx, group, l);
	if (l->type == CONF_LINE_TCP) {
		check_ports(ctx, group, "address", l->address, l, false);
		check_ports(ctx, group, "listen", l->listen, l, true);
	}
	if (l->type == CONF_LINE_TCP && l->framing == MSG_FRAMING_SYNC)
		conf_fail(ctx, member(group, "framing"), "\"sync\" takes a device that keeps frames apart, and a TCP "
			  "connection does not; set it to \"async\"");
}

static void check_chat(struct conf_ctx *ctx, const struct conf *c, const config_setting_t *group,
		       const struct conf_line *l, enum conf_kind kind)
{
	if (kind & (CONF_KIND_TTY | CONF_KIND_RFC2217) && l->chat && !conf_chat_find(c, l->chat))
		conf_fail(ctx, member(group, "chat"), "no chat has the name \"%s\"; add it to chats, or take it out "
			  "for that of Hayes modems", l->chat);
}

/* A group is of real lines or of local pppds; the first line of it says which. */
static void check_group(struct conf_ctx *ctx, const struct conf *c, const config_setting_t *group,
			const struct conf_line *l)
{
	if ((conf_group_kind(c, l->group) == CONF_LINE_PPP) != (l->type == CONF_LINE_PPP))
		conf_fail(ctx, member(group, "group"), "group \"%s\" has lines of type \"ppp\" and others; give them "
			  "groups of their own", l->group);
}

static void check_line(struct conf_ctx *ctx, const struct conf *c, const config_setting_t *group,
		       const struct conf_line *l)
{
	enum conf_kind kind = conf_line_kind(l);

	if (!given(group, "type"))
		return; /* what would be right for it, nobody knows */
	check_name(ctx, group, l);
	check_meant(ctx, group, l);
	check_place(ctx, group, l, kind);
	check_chat(ctx, c, group, l, kind);
	check_group(ctx, c, group, l);
}

/* --- all lines --- */

/* One name, device or endpoint of one line, `count` multiplied out. */
struct claim {
	const char *text;   /* NULL: the endpoint counts */
	struct endpoint ep;
	size_t entry;       /* in the file; SIZE_MAX: the daemon's own `listen` */
	const char *line;   /* its name */
};

struct claims {
	struct claim *list;
	size_t n;
	const char *setting;
	size_t late, early; /* of the clash that was told last: one of each pair of entries is enough */
};

static int claim_compare(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int r = x->text ? strcmp(x->text, y->text) : 0;

	if (r)
		return r;
	if (x->ep.port != y->ep.port)
		return x->ep.port < y->ep.port ? -1 : 1;
	if (x->ep.addr != y->ep.addr)
		return x->ep.addr < y->ep.addr ? -1 : 1;
	return x->entry < y->entry ? -1 : x->entry > y->entry;
}

/* Of two the later one in the file gets the blame. */
static void clash(struct conf_ctx *ctx, const config_t *tree, struct claims *claims, const struct claim *a,
		  const struct claim *b)
{
	bool swap = a->entry != SIZE_MAX && (b->entry == SIZE_MAX || a->entry > b->entry);
	const struct claim *late = swap ? a : b, *early = swap ? b : a;
	const config_setting_t *s = conf_setting_at(tree, "lines.[%zu].%s", late->entry, claims->setting);
	char text[ENDPOINT_TEXT], quoted[CONF_QUOTE];
	const char *thing = late->text ? conf_quote(quoted, late->text) : endpoint_text(late->ep, text);

	if (late->entry == claims->late && early->entry == claims->early)
		return;
	claims->late = late->entry;
	claims->early = early->entry;
	if (early->entry == SIZE_MAX)
		conf_fail(ctx, s, "%s is where control connections are accepted (listen); give another one", thing);
	else if (!strcmp(claims->setting, "name"))
		conf_fail(ctx, s, "%s is the name of a line of lines[%zu], too; give another one", thing, early->entry);
	else
		conf_fail(ctx, s, "%s is the %s of line \"%s\" (lines[%zu]), too; give another one", thing,
			  claims->setting, early->line, early->entry);
}

static bool same_place(const struct claim *a, const struct claim *b)
{
	if (a->text)
		return !strcmp(a->text, b->text);
	return a->ep.port == b->ep.port && a->ep.addr == b->ep.addr;
}

static void check_same(struct conf_ctx *ctx, const config_t *tree, struct claims *claims)
{
	qsort(claims->list, claims->n, sizeof *claims->list, claim_compare);
	for (size_t i = 1; i < claims->n; i++)
		if (same_place(&claims->list[i - 1], &claims->list[i]))
			clash(ctx, tree, claims, &claims->list[i - 1], &claims->list[i]);
}

/* 0.0.0.0 has the port on all addresses; it comes first among those with that port. */
static void check_endpoints(struct conf_ctx *ctx, const config_t *tree, struct claims *claims)
{
	const struct claim *any = NULL;

	qsort(claims->list, claims->n, sizeof *claims->list, claim_compare);
	for (size_t i = 0; i < claims->n; i++) {
		const struct claim *k = &claims->list[i], *before = i ? k - 1 : NULL;

		if (any && any->ep.port != k->ep.port)
			any = NULL;
		if (before && !same_place(before, k))
			before = NULL;
		if (any)
			before = any;
		/* Two of the daemon's own were seen by conf_check.c. */
		if (before && (before->entry != SIZE_MAX || k->entry != SIZE_MAX))
			clash(ctx, tree, claims, before, k);
		if (!any && !k->ep.addr)
			any = k;
	}
}

static void claim(struct claims *claims, const char *text, struct endpoint ep, size_t entry, const char *line)
{
	claims->list[claims->n++] = (struct claim){ text, ep, entry, line ? line : "" };
}

static const struct endpoint nowhere;

struct expanded {
	struct conf_line *lines;
	size_t *entries; /* of each line the entry that it comes from */
	unsigned n;
};

static void expanded_clear(struct expanded *e)
{
	for (unsigned i = 0; i < e->n; i++)
		conf_line_clear(&e->lines[i]);
	free(e->lines);
	free(e->entries);
}

static int expand(struct expanded *e, const struct conf *c)
{
	unsigned n = conf_lines_count(c);
	size_t entry = 0;

	*e = (struct expanded){ .lines = calloc(n, sizeof *e->lines), .entries = calloc(n, sizeof *e->entries) };
	if (!e->lines || !e->entries)
		return -1;
	for (unsigned in_entry = 0; e->n < n; e->n++) {
		while (in_entry == c->real.lines[entry].count) {
			entry++;
			in_entry = 0;
		}
		if (conf_line_get(c, e->n, &e->lines[e->n]) < 0)
			return -1;
		e->entries[e->n] = entry;
		in_entry++;
	}
	return 0;
}

static void check_claims(struct conf_ctx *ctx, const struct conf *c, const config_t *tree, const struct expanded *e,
			 struct claim *list)
{
	struct claims names = { list, 0, "name", SIZE_MAX, SIZE_MAX };
	struct claims devices = { list, 0, "device", SIZE_MAX, SIZE_MAX };
	struct claims servers = { list, 0, "address", SIZE_MAX, SIZE_MAX };
	struct claims listen = { list, 0, "listen", SIZE_MAX, SIZE_MAX };

	for (unsigned i = 0; i < e->n; i++)
		if (e->lines[i].name)
			claim(&names, e->lines[i].name, nowhere, e->entries[i], NULL);
	check_same(ctx, tree, &names);
	for (unsigned i = 0; i < e->n; i++)
		if (e->lines[i].device && e->lines[i].type == CONF_LINE_TTY)
			claim(&devices, e->lines[i].device, nowhere, e->entries[i], e->lines[i].name);
	check_same(ctx, tree, &devices);
	/* A raw line may connect to where others do as well: behind the port there may be a hunt group. */
	for (unsigned i = 0; i < e->n; i++)
		if (conf_line_kind(&e->lines[i]) == CONF_KIND_RFC2217 && e->lines[i].address.port)
			claim(&servers, NULL, e->lines[i].address, e->entries[i], e->lines[i].name);
	check_same(ctx, tree, &servers);
	for (unsigned i = 0; i < e->n; i++)
		if (conf_line_kind(&e->lines[i]) == CONF_KIND_RAW && e->lines[i].listen.port)
			claim(&listen, NULL, e->lines[i].listen, e->entries[i], e->lines[i].name);
	for (size_t i = 0; i < c->nlisten; i++)
		if (c->listen[i].port)
			claim(&listen, NULL, c->listen[i], SIZE_MAX, NULL);
	check_endpoints(ctx, tree, &listen);
}

static void check_twice(struct conf_ctx *ctx, const struct conf *c, const config_t *tree)
{
	struct expanded e;
	struct claim *list;

	if (expand(&e, c) < 0) {
		conf_fail_memory(ctx);
	} else {
		list = calloc(e.n + c->nlisten + 1, sizeof *list);
		if (list)
			check_claims(ctx, c, tree, &e, list);
		else
			conf_fail_memory(ctx);
		free(list);
	}
	expanded_clear(&e);
}

static unsigned real_lines(const struct conf *c)
{
	unsigned n = 0;

	for (size_t i = 0; i < c->real.nlines; i++)
		n += c->real.lines[i].type == CONF_LINE_PPP ? 0 : c->real.lines[i].count;
	return n;
}

static void check_numbers(struct conf_ctx *ctx, const struct conf *c, const config_t *tree)
{
	const config_setting_t *s = conf_setting_at(tree, "max_channels");
	unsigned n = real_lines(c);

	if (n > c->max_channels)
		conf_warn(ctx, s ? s : conf_setting_at(tree, "lines"), "there are %u lines, but max_channels lets only "
			  "%u of them have a call at once", n, c->max_channels);
}

static bool can_ring(const struct conf_line *l)
{
	enum conf_kind kind = conf_line_kind(l);

	return kind != CONF_KIND_PPP && l->use != CONF_USE_OUT && (kind != CONF_KIND_RAW || l->listen.port);
}

static bool can_dial(const struct conf_line *l)
{
	enum conf_kind kind = conf_line_kind(l);

	return kind != CONF_KIND_PPP && l->use != CONF_USE_IN && (kind != CONF_KIND_RAW || l->address.port);
}

static bool group_can(const struct conf *c, const char *group, bool (*can)(const struct conf_line *l))
{
	for (size_t i = 0; i < c->real.nlines; i++)
		if ((!group || !strcmp(c->real.lines[i].group, group)) && can(&c->real.lines[i]))
			return true;
	return false;
}

/* Rings and requests for real lines are told to RADIUS before anything else happens. */
static bool lines_checked(const struct conf *c)
{
	return c->radius.precheck == CONF_PRECHECK_LINES || c->radius.precheck == CONF_PRECHECK_ALL;
}

static void check_lines(struct conf_ctx *ctx, const struct conf *c, const config_t *tree)
{
	size_t failed = ctx->failed;
	unsigned n = conf_lines_count(c);

	for (size_t i = 0; i < c->real.nlines; i++) {
		const config_setting_t *group = element(tree, "lines", i);

		if (group)
			check_line(ctx, c, group, &c->real.lines[i]);
	}
	if (n > CONF_LINES_MAX)
		conf_fail(ctx, conf_setting_at(tree, "lines"), "are %u with their counts multiplied out; %d is the "
			  "most", n, CONF_LINES_MAX);
	else if (n && ctx->failed == failed)
		check_twice(ctx, c, tree);
	check_numbers(ctx, c, tree);
	if (group_can(c, NULL, can_ring) && !c->real.nroutes && !lines_checked(c))
		conf_warn(ctx, conf_setting_at(tree, "lines"), "ring, but nothing says for which PNS; give routes, or "
			  "radius.precheck = \"lines\", or use = \"out\"");
}

/* --- chats --- */

static void check_chats(struct conf_ctx *ctx, const struct conf *c, const config_t *tree)
{
	for (size_t i = 1; i < c->real.nchats; i++) {
		const char *name = c->real.chats[i].name;
		const struct conf_chat *first = conf_chat_find(c, name);

		if (first && first < &c->real.chats[i])
			conf_fail(ctx, conf_setting_at(tree, "chats.[%zu].name", i),
				  "chats[%zu] has the name \"%s\" already; give another one",
				  (size_t)(first - c->real.chats), name);
	}
}

/* --- routes and pns --- */

static void check_route(struct conf_ctx *ctx, const struct conf *c, const config_t *tree, size_t i)
{
	const struct conf_route *r = &c->real.routes[i];
	char text[ADDR_TEXT];

	if (r->group && !group_can(c, r->group, can_ring))
		conf_fail(ctx, conf_setting_at(tree, "routes.[%zu].group", i), "no line of group \"%s\" can ring; give "
			  "the group of lines, or take it out", r->group);
	for (size_t j = 0; j < r->npns; j++)
		if (r->pns[j].port && !conf_addr_usable(r->pns[j].addr) && r->pns[j].addr >> 24 != 127)
			conf_fail(ctx, conf_setting_at(tree, "routes.[%zu].pns.[%zu]", i, j),
				  "%s is not the address of a host; give another one", addr_text(r->pns[j].addr, text));
}

static void check_pns(struct conf_ctx *ctx, const struct conf_pns *p, const config_t *tree)
{
	for (size_t i = 0; i < p->naddresses; i++) {
		struct addr_range r = p->addresses[i];

		if (r.first <= r.last && (r.first >> 24 == 0 || r.last >> 24 >= 224))
			conf_fail(ctx, conf_setting_at(tree, "pns.addresses.[%zu]", i),
				  "has addresses that no host can have; give those of your PNSs: whoever is in there "
				  "is offered the calls of your lines");
	}
	if (p->offer_ms > p->ring_ms)
		conf_fail(ctx, member(conf_setting_at(tree, "pns"), "offer_timeout"), "offer_timeout is %g s, but a "
			  "ring may take only %g s (ring_timeout); make it smaller", (double)p->offer_ms / 1000,
			  (double)p->ring_ms / 1000);
}

/* --- dial plan --- */

static bool outbound_checked(const struct conf *c)
{
	return lines_checked(c) && c->radius.outbound && !c->radius.fail_open;
}

/* An Outgoing-Call-Request comes before any login, so a line that anybody may dial on is anybody's telephone. */
static void check_fraud(struct conf_ctx *ctx, const struct conf *c, const config_setting_t *group)
{
	if (lines_checked(c) && c->radius.outbound)
		conf_fail(ctx, member(group, "from"), "anybody could dial on your lines whenever no RADIUS server "
			  "answers (radius.fail_open); name the PNSs in from, or set radius.fail_open = false");
	else
		conf_fail_in(ctx, group, "from", "is missing; without it anybody could dial on your lines, since that "
			     "comes before any login: name the PNSs, or let RADIUS decide (radius.precheck = \"lines\" "
			     "and radius.outbound = true)");
}

static void check_entry(struct conf_ctx *ctx, const struct conf *c, const config_setting_t *group,
			const struct conf_dialplan *d)
{
	if (d->prefix && !chat_number_ok(d->prefix))
		conf_fail(ctx, member(group, "prefix"), "can't be dialled; give digits, \"*\", \"#\", \",\" and \"w\"");
	if (d->group && d->ppp) {
		conf_fail(ctx, member(group, "ppp"), "stands beside a group; give one of the two");
		return;
	}
	if (!d->group && !d->ppp && !given(group, "group")) {
		conf_fail_in(ctx, group, "group", "is missing; give the group of lines to dial on, or ppp = true");
		return;
	}
	if (d->ppp && (d->strip || d->prefix))
		conf_warn(ctx, member(group, d->strip ? "strip" : "prefix"), "does nothing for a local pppd");
	if (!d->group)
		return;
	if (!group_can(c, d->group, can_dial))
		conf_fail(ctx, member(group, "group"), "no line of group \"%s\" can dial; give the group of lines",
			  d->group);
	if (!d->nfrom && !outbound_checked(c))
		check_fraud(ctx, c, group);
	for (size_t i = 0; i < d->nfrom && !outbound_checked(c); i++)
		if (d->from[i].first == 0 && d->from[i].last == UINT32_MAX)
			conf_warn(ctx, member(group, "from"), "lets anybody dial on your lines");
}

static void check_dialplan(struct conf_ctx *ctx, const struct conf *c, const config_t *tree)
{
	for (size_t i = 0; i < c->real.ndialplan; i++) {
		const config_setting_t *group = element(tree, "dialplan", i);

		if (group)
			check_entry(ctx, c, group, &c->real.dialplan[i]);
	}
}

void conf_check_lines(struct conf_ctx *ctx, const struct conf *c, const config_t *tree)
{
	check_lines(ctx, c, tree);
	check_chats(ctx, c, tree);
	for (size_t i = 0; i < c->real.nroutes; i++)
		if (element(tree, "routes", i))
			check_route(ctx, c, tree, i);
	check_pns(ctx, &c->real.pns, tree);
	check_dialplan(ctx, c, tree);
	if (c->real.wen_ms < WEN_LEAST_MS)
		conf_warn(ctx, conf_setting_at(tree, "wan_error_interval"), "is less than the 60 s that RFC 2637 "
			  "section 2.14 asks for, which is for tests only");
}
