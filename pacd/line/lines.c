/*
 * The set of real lines: takes the configuration over, makes and removes lines
 * by name, and shows them to the operator.
 *
 * Owns every line and group.  Must not know how a line is opened
 * (lines_service.c), answers or dials (line_modem.c, line_tcp.c), nor sessions
 * but by number (lines_call.c).
 */
#include "pacd/line/lines_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct line_group *line_group_find(const struct lines *set, const char *name)
{
	struct hash_node *node = hash_first(&set->groups, hash_bytes(name, strlen(name)));

	for (; node; node = hash_next(node)) {
		struct line_group *g = hash_entry(node, struct line_group, node);

		if (!strcmp(g->name, name))
			return g;
	}
	return NULL;
}

static struct line_group *group_get(struct lines *set, const char *name)
{
	struct line_group *g = line_group_find(set, name);

	if (!g) {
		g = calloc(1, sizeof *g);
		if (!g || strlen(name) >= sizeof g->name ||
		    hash_insert(&set->groups, &g->node, hash_bytes(name, strlen(name))) < 0) {
			free(g);
			return NULL;
		}
		strcpy(g->name, name);
		list_init(&g->idle);
	}
	g->lines++;
	return g;
}

static void group_put(struct lines *set, struct line_group *g)
{
	if (!g || --g->lines)
		return;
	hash_remove(&set->groups, &g->node);
	free(g);
}

static struct line *find_name(const struct lines *set, const char *name)
{
	struct hash_node *node = hash_first(&set->by_name, hash_bytes(name, strlen(name)));

	for (; node; node = hash_next(node)) {
		struct line *l = hash_entry(node, struct line, by_name);

		if (!strcmp(l->conf.name, name))
			return l;
	}
	return NULL;
}

/* --- the configuration --- */

static void name_place(struct line *l)
{
	const struct conf_line *c = &l->conf;

	l->place[0] = '\0';
	if (c->type == CONF_LINE_TCP)
		endpoint_text(c->address.port ? c->address : c->listen, l->place);
}

static const struct line_kind *kind_of(const struct conf_line *c)
{
	return c->type == CONF_LINE_TCP && c->mode == CONF_LINE_RAW ? &line_tcp_kind : &line_modem_kind;
}

/* Takes `conf` over, which borrows from the set's snapshot. */
static int take_conf(struct line *l, struct conf_line *conf)
{
	struct line_group *g = group_get(l->set, conf->group);
	int r;

	if (!g) {
		conf_line_clear(conf);
		return -ENOMEM;
	}
	l->group = g;
	l->conf = *conf;
	l->held = conf_hold(l->set->conf);
	l->kind = kind_of(conf);
	name_place(l);
	r = l->kind->init(l);
	if (r == 0)
		r = hash_insert(&l->set->by_name, &l->by_name, hash_bytes(conf->name, strlen(conf->name)));
	if (r < 0)
		l->kind->clear(l);
	return r;
}

static void drop_conf(struct line *l)
{
	group_put(l->set, l->group);
	l->group = NULL;
	conf_line_clear(&l->conf);
	conf_free(l->held);
	l->held = NULL;
}

/* All that it holds is closed; it is told to nobody. */
static void shut(struct line *l)
{
	struct lines *set = l->set;

	l->kind->close(l);
	if (l->asking != LINE_ASKS_NOTHING)
		line_forget_asking(l);
	list_remove(&l->idle);
	ev_timer_stop(set->loop, &l->timer);
	l->armed = l->retry = MONO_NEVER;
	line_set_state(l, MODEM_CLOSED);
	l->kind->clear(l);
	hash_remove(&set->by_name, &l->by_name);
	drop_conf(l);
}

static void discard(struct line *l)
{
	struct lines *set = l->set;

	if (l->counted)
		set->busy--;
	if (l->session)
		hash_remove(&set->by_session, &l->by_session);
	if (l->ring)
		hash_remove(&set->by_ring, &l->by_ring);
	if (l->call.fd >= 0)
		close(l->call.fd);
	list_remove(&l->pending);
	list_remove(&l->old);
	free(l);
}

static void log_memory(void)
{
	log_error("lines-memory", "error=\"out of memory\" hint=\"a line is missing: reload the configuration later\"");
}

static struct line *line_new(struct lines *set, struct conf_line *conf)
{
	struct line *l = calloc(1, sizeof *l);

	if (!l) {
		log_memory();
		conf_line_clear(conf);
		return NULL;
	}
	l->set = set;
	l->fresh = true;
	l->call.fd = -1;
	l->since = l->last_use = mono_now();
	list_init(&l->idle);
	list_init(&l->pending);
	list_init(&l->opening);
	list_init(&l->old);
	ev_init(&l->timer, line_timer);
	l->timer.data = l;
	if (take_conf(l, conf) == 0)
		return l;
	log_memory();
	if (l->group)
		drop_conf(l);
	free(l);
	return NULL;
}

static void start(struct line *l)
{
	l->fresh = false;
	l->kind->open(l);
	line_update(l);
}

static void take_out(struct lines *set, const struct line *l)
{
	size_t i = 0;

	while (i < set->n && set->all[i] != l)
		i++;
	if (i == set->n)
		return;
	set->n--;
	memmove(&set->all[i], &set->all[i + 1], (set->n - i) * sizeof *set->all);
}

/* Without memory it is gone; the next reload tries again. */
static void reopen(struct line *l)
{
	struct lines *set = l->set;
	struct conf_line conf;

	l->changed = l->in_service = l->failed = l->said_text = false;
	shut(l);
	line_unlock(l);
	if (conf_line_get(set->conf, l->index, &conf) == 0 && take_conf(l, &conf) == 0) {
		start(l);
		return;
	}
	log_memory();
	take_out(set, l);
	if (l->group)
		drop_conf(l);
	discard(l);
}

void line_settle(struct line *l)
{
	/* The root part's answer is waited for, so that its lock is known. */
	if ((!l->gone && !l->changed) || line_is_busy(l) ||
	    (l->events & ~(unsigned)LINE_EV_SETTLE) || l->asking == LINE_ASKED)
		return;
	if (!l->gone) {
		reopen(l);
		return;
	}
	log_info("line-removed", "name=%s group=%s", l->conf.name, l->conf.group);
	shut(l);
	line_unlock(l);
	discard(l);
}

static void configure_line(struct lines *set, unsigned i)
{
	struct conf_line conf = { 0 };
	struct line *l;

	if (conf_line_get(set->conf, i, &conf) < 0 || conf.type == CONF_LINE_PPP) {
		conf_line_clear(&conf);
		return;
	}
	l = find_name(set, conf.name);
	if (!l)
		l = line_new(set, &conf);
	else {
		l->changed = !conf_line_same(l->held, &l->conf, set->conf, &conf);
		conf_line_clear(&conf);
	}
	if (!l)
		return;
	l->gone = false;
	list_remove(&l->old);
	l->index = i;
	l->seen = set->generation;
	set->all[set->n++] = l;
}

static void settle_old(struct lines *set, struct line **old, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct line *l = old[i];

		l->gone = l->seen != set->generation;
		if (l->gone)
			list_append(&set->gone, &l->old);
		line_update(l);
	}
	/* First what goes, so that nothing stands in the way of what comes. */
	for (size_t i = 0; i < n; i++)
		if (old[i]->gone)
			line_settle(old[i]);
}

void lines_configure(struct lines *set, const struct conf *c, uint32_t generation)
{
	struct line **old = set->all, **all = calloc(conf_lines_count(c) + 1, sizeof *all);
	size_t n = set->n;

	if (!all) {
		log_memory();
		return;
	}
	conf_free(set->conf);
	set->conf = conf_hold(c);
	set->generation = generation;
	set->all = all;
	set->n = 0;
	for (unsigned i = 0; i < conf_lines_count(c); i++)
		configure_line(set, i);
	settle_old(set, old, n);
	free(old);
	for (size_t i = 0; i < set->n; i++)
		if (set->all[i]->fresh)
			start(set->all[i]);
}

/* --- the set --- */

struct lines *lines_new(struct ev_loop *loop, struct priv_client *priv, const struct line_handlers *handlers, void *ctx)
{
	struct lines *set = calloc(1, sizeof *set);

	if (!set)
		return NULL;
	set->loop = loop;
	set->priv = priv;
	set->handlers = handlers;
	set->ctx = ctx;
	list_init(&set->gone);
	list_init(&set->pending);
	list_init(&set->wanting);
	list_init(&set->asked);
	hash_init(&set->by_name);
	hash_init(&set->by_session);
	hash_init(&set->by_ring);
	hash_init(&set->groups);
	ev_init(&set->kick, line_kick);
	ev_init(&set->rest, line_rested);
	set->kick.data = set->rest.data = set;
	set->limit_denied = LOG_LIMIT(10, 30);
	set->limit_accept = LOG_LIMIT(1, 6);
	return set;
}

void lines_free(struct lines *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->n; i++) {
		shut(set->all[i]);
		discard(set->all[i]);
	}
	list_each(at, &set->gone) {
		struct line *l = list_entry(at, struct line, old);

		shut(l);
		discard(l);
	}
	ev_timer_stop(set->loop, &set->rest);
	ev_clear_pending(set->loop, &set->kick);
	hash_clear(&set->by_name);
	hash_clear(&set->by_session);
	hash_clear(&set->by_ring);
	hash_clear(&set->groups);
	conf_free(set->conf);
	free(set->unlocks);
	free(set->all);
	free(set);
}

void lines_drain(struct lines *set, bool on)
{
	set->drain = on;
}

unsigned lines_busy(const struct lines *set)
{
	return set->busy;
}

/* --- for the operator --- */

static const struct line *nth(const struct lines *set, size_t i)
{
	if (i < set->n)
		return set->all[i];
	i -= set->n;
	list_each(at, &set->gone)
		if (i-- == 0)
			return list_entry(at, struct line, old);
	return NULL;
}

static const char *type_word(const struct conf_line *c)
{
	if (c->type == CONF_LINE_TTY)
		return "tty";
	return c->mode == CONF_LINE_RAW ? "tcp" : "rfc2217";
}

bool lines_view(struct lines *set, size_t i, struct line_view *v)
{
	const struct line *l = nth(set, i);
	const struct line_counters *n;

	if (!l)
		return false;
	n = &l->n;
	*v = (struct line_view){
		.name = l->conf.name, .group = l->conf.group, .type = type_word(&l->conf),
		.place = line_place(l),
		.state = l->busied && !line_is_busy(l) ? "busied-out" : modem_state_word(l->state),
		.control = l->kind->control(l), .session = l->session, .channel = l->index + 1,
		.speed = l->call.speed, .calling = l->call.calling, .called = l->call.called,
		.since_s = (uint64_t)(mono_diff_us(mono_now(), l->since) / 1000000), .rings = n->rings,
		.answered = n->answered, .dialled = n->dialled, .connected = n->connected, .busy = n->busy,
		.no_carrier = n->no_carrier, .no_dialtone = n->no_dialtone, .no_answer = n->no_answer,
		.time_outs = n->time_outs, .faults = n->faults, .last_error = l->last_error,
		.last_error_at = l->last_error_at };
	l->kind->errors(l, &v->errors);
	return true;
}

static int hang_up(struct line *l)
{
	if (!l->session && !l->ring)
		return -ENOTCONN;
	line_hang_up(l);
	return 0;
}

int lines_act(struct lines *set, const char *name, enum line_act act)
{
	struct line *l = find_name(set, name);

	if (!l)
		return -ENOENT;
	if (act == LINE_HANG_UP)
		return hang_up(l);
	if (l->gone)
		return -ESTALE;
	if (l->busied == (act == LINE_BUSY_OUT))
		return -EALREADY;
	l->busied = act == LINE_BUSY_OUT;
	line_update(l);
	return 0;
}
