/*
 * The root part's snapshots: offered to main, taken or refused by it; reload.
 *
 * Owns the two snapshots of struct root and when the files are read.  What a
 * configuration means is not known here.
 */
#include "pacd/priv/root_internal.h"

#include "common/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RELOAD_GAP_MS 200

static void snapshot_clear(struct root_snapshot *s)
{
	if (s->generation)
		priv_files_clear(&s->files);
	s->generation = 0;
}

const struct conf *root_conf_find(const struct root *r, uint32_t generation)
{
	if (generation && generation == r->current.generation)
		return r->current.files.conf;
	if (generation && generation == r->pending.generation)
		return r->pending.files.conf;
	return NULL;
}

int root_offer(struct root *r, struct priv_files *files)
{
	struct priv_msg m = { .type = PRIV_CONF };
	int fds[3] = { files->conf_fd };
	size_t n = 1;

	if (files->users_fd >= 0)
		fds[n++] = files->users_fd;
	if (files->radius_fd >= 0)
		fds[n++] = files->radius_fd;
	snapshot_clear(&r->pending);
	r->pending.generation = ++r->last_generation;
	r->pending.files = *files;
	r->pending.files.conf_fd = r->pending.files.users_fd = r->pending.files.radius_fd = -1; /* main's now */
	m.conf = (struct priv_conf){ .generation = r->last_generation, .ok = 1, .has_users = files->users_fd >= 0,
				     .has_radius = files->radius_fd >= 0, .detach = r->detach };
	root_queue(r, &m, fds, n);
	*files = (struct priv_files){ .conf_fd = -1, .users_fd = -1, .radius_fd = -1 };
	return r->over ? -ENOMEM : 0;
}

static void refuse(struct root *r, const struct conf_errors *errors)
{
	struct priv_msg m = { .type = PRIV_CONF };
	char *text = conf_errors_join(errors);
	int fd = text ? priv_files_seal(text, strlen(text)) : -ENOMEM;

	free(text);
	m.conf = (struct priv_conf){ .generation = ++r->last_generation, .detach = r->detach };
	if (fd >= 0)
		root_queue(r, &m, &fd, 1);
	else
		log_error("reload", "error=\"%s\"", strerror(-fd));
}

/* Until main serves, requests of its start are under way, which carry the first generation. */
struct mono root_reload_due(const struct root *r)
{
	if (!r->reload_asked || !r->ready || !r->current.generation || r->pending.generation || r->stopping)
		return MONO_NEVER;
	return r->reload_after;
}

/* pppd is not started for what has been seen already: calls wait meanwhile, and none is started or reaped. */
static void check(const struct root *r, const struct priv_files *files, struct conf_errors *errors)
{
	struct priv_scope scope = {
		.live = (unsigned)pppd_count(&r->pppds), .main_pid = r->main_pid,
		.programs = !priv_files_same_programs(&r->current.files, files),
	};

	priv_check_machine(files->conf, &scope, errors);
}

void root_reload(struct root *r)
{
	struct conf_errors errors;
	struct priv_files files;
	bool ok;

	r->reload_asked = false;
	conf_errors_init(&errors);
	ok = priv_files_load(&files, r->conf_file, &errors) == 0;
	if (ok)
		check(r, &files, &errors);
	if (ok && errors.n == 0) {
		root_offer(r, &files);
	} else {
		refuse(r, &errors);
		priv_files_clear(&files);
	}
	conf_errors_clear(&errors);
	r->reload_after = mono_add_ms(mono_now(), RELOAD_GAP_MS);
}

static void take(struct root *r)
{
	const struct conf *c;

	snapshot_clear(&r->current);
	r->current = r->pending;
	r->pending = (struct root_snapshot){ 0 };
	c = r->current.files.conf;
	log_open("pacd", r->detach ? log_target_detached(c->log_target) : c->log_target, c->log_level);
}

void root_conf_taken(struct root *r, const struct priv_conf_taken *m)
{
	if (!m->generation || m->generation != r->pending.generation)
		root_violation(r, "no_such_generation_offered");
	else if (m->taken)
		take(r);
	else
		snapshot_clear(&r->pending);
}

void root_conf_clear(struct root *r)
{
	snapshot_clear(&r->current);
	snapshot_clear(&r->pending);
}
