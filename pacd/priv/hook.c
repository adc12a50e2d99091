/*
 * Runs scripts for a link with the words of pppd's own (pppd(8), SCRIPTS):
 * interface, tty, speed, the two addresses and ipparam, and what of pppd's
 * environment is known.  The down script in pppd's place, and the change script.
 *
 * Owns its children until they are reaped.  It gets numbers and checked variables
 * of a closed list, and nothing of a script's words or environment can be anything
 * else; whether a link has earned a run is for the caller to know.
 */
#include "pacd/priv/hook.h"

#include "common/addr.h"
#include "common/log.h"
#include "pacd/priv/child.h"
#include "pacd/priv/priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORD 32 /* octets of an interface's name, an address, or a variable with one of them */
#define ARGS 8
#define VARIABLES 7 /* of pppd's */
#define VARIABLE (32 + SCRIPT_VAR_MAX + 1) /* octets of one of ours: name, "=", value, NUL */
#define NOT_EXECUTED 127

struct hook {
	struct list node; /* in one of the lists of struct hooks */
	struct priv_down_hook link;
	bool ipparam;
	pid_t pid;
	struct mono until;
	bool killed;
	bool ended; /* killed since its link is gone */
	struct change *change; /* owned; NULL: it is the down script */
};

/* What a change script has beyond a down script. */
struct change {
	uint64_t token;
	struct script_vars vars;
	char script[]; /* a copy: the configuration may go first */
};

/* What the script gets. */
struct words {
	char name[WORD], local[ADDR_TEXT], remote[ADDR_TEXT], caller[ADDR_TEXT];
	char values[VARIABLES][WORD], vars[SCRIPT_VARS][VARIABLE];
	char *args[ARGS], *env[2 + VARIABLES + SCRIPT_VARS + 1];
};

void hooks_init(struct hooks *h, const char *script)
{
	*h = (struct hooks){ .script = script };
	list_init(&h->running);
	list_init(&h->waiting);
	list_init(&h->changing);
}

static void hook_free(struct hook *k)
{
	free(k->change);
	free(k);
}

static void drop(struct hook *k, size_t *count)
{
	list_remove(&k->node);
	(*count)--;
	hook_free(k);
}

static void drop_all(struct list *l, size_t *count)
{
	while (!list_empty(l))
		drop(list_entry(l->next, struct hook, node), count);
}

void hooks_clear(struct hooks *h)
{
	drop_all(&h->running, &h->nrunning);
	drop_all(&h->waiting, &h->nwaiting);
	drop_all(&h->changing, &h->nchanging);
}

static const char *event_of(const struct hook *k)
{
	return k->change ? "change-hook" : "down-hook";
}

static const char *script_of(const struct hooks *h, const struct hook *k)
{
	return k->change ? k->change->script : h->script;
}

/* --- the child --- */

static void make_args(struct words *w, const char *script, const struct hook *k)
{
	static char tty[] = "-", speed[] = "0", none[] = "";
	char *args[ARGS] = { (char *)(uintptr_t)script, w->name, tty, speed, w->local, w->remote,
			     k->ipparam ? w->caller : none, NULL };

	snprintf(w->name, sizeof w->name, "ppp%u", k->link.unit);
	addr_text(k->link.local, w->local);
	addr_text(k->link.remote, w->remote);
	addr_text(k->link.peer_addr, w->caller);
	memcpy(w->args, args, sizeof args);
}

/* pppd's own names, as far as their values are known; the reason, as our plugin gives it to pppd; and the variables. */
static void make_env(struct words *w, const struct hook *k)
{
	static char path[] = CHILD_PATH, crashed[] = "PACD_REASON=crashed", change[] = "PACD_REASON=change";
	const char *const variables[VARIABLES][2] = {
		{ "IFNAME", w->name },         { "DEVICE", "-" },           { "SPEED", "0" },
		{ "IPLOCAL", w->local },       { "IPREMOTE", w->remote },   { "REMOTENUMBER", w->caller },
		{ "PPP_IPPARAM", k->ipparam ? w->caller : "" },
	};
	size_t n = 0;

	w->env[n++] = path;
	w->env[n++] = k->change ? change : crashed;
	for (size_t i = 0; i < VARIABLES; i++) {
		snprintf(w->values[i], WORD, "%s=%s", variables[i][0], variables[i][1]);
		w->env[n++] = w->values[i];
	}
	for (size_t i = 0; k->change && i < k->change->vars.n; i++) {
		snprintf(w->vars[i], VARIABLE, "%s=%s", script_var_name(k->change->vars.list[i].var),
			 k->change->vars.list[i].value);
		w->env[n++] = w->vars[i];
	}
	w->env[n] = NULL;
}

/* As pppd starts its scripts: no terminal, nothing on 0 to 2, in "/", and a umask that lets nobody else in. */
static _Noreturn void child(const char *script, const struct hook *k)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct words w;

	child_signals();
	if (null < 0 || child_descriptors((const int[]){ null, null, null }, 3) < 0 || setsid() < 0 || chdir("/") < 0)
		_exit(NOT_EXECUTED);
	umask(077);
	make_args(&w, script, k);
	make_env(&w, k);
	execve(script, w.args, w.env);
	_exit(NOT_EXECUTED);
}

/* --- the parent --- */

/* 1: run it; 0: there is none; or -EPERM, -errno. */
static int judge(const char *script)
{
	struct stat st;

	if (stat(script, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISREG(st.st_mode) || !(st.st_mode & S_IXUSR))
		return 0;
	return priv_owned(&st) ? 1 : -EPERM;
}

static int start(struct hooks *h, struct hook *k)
{
	k->pid = fork();
	if (k->pid == 0)
		child(script_of(h, k), k);
	if (k->pid < 0)
		return -errno;
	k->until = mono_add_s(mono_now(), HOOK_S);
	list_append(&h->running, &k->node);
	h->nrunning++;
	log_info(event_of(k), "interface=ppp%u pid=%d", k->link.unit, (int)k->pid);
	return 0;
}

/* Starts it, or lets it wait in that list; takes it over. */
static int start_or_keep(struct hooks *h, struct hook *k, bool now, struct list *list, size_t *count)
{
	int r = 0;

	if (now) {
		r = start(h, k);
	} else {
		list_append(list, &k->node);
		(*count)++;
	}
	if (r < 0)
		hook_free(k);
	return r;
}

int hooks_run(struct hooks *h, const struct priv_down_hook *m, bool ipparam)
{
	struct hook *k;
	int r = judge(h->script);

	if (r <= 0)
		return r;
	if (h->nrunning >= HOOKS_RUNNING && h->nwaiting >= HOOKS_WAITING)
		return -ENOBUFS;
	k = calloc(1, sizeof *k);
	if (!k)
		return -ENOMEM;
	k->link = *m;
	k->ipparam = ipparam;
	return start_or_keep(h, k, h->nrunning < HOOKS_RUNNING, &h->waiting, &h->nwaiting);
}

/* --- change scripts --- */

static struct hook *find_change(const struct list *l, uint64_t token)
{
	list_each(at, l) {
		struct hook *k = list_entry(at, struct hook, node);

		if (k->change && k->change->token == token)
			return k;
	}
	return NULL;
}

static struct hook *hook_new(const char *script, const struct priv_change_hook *m, bool ipparam)
{
	struct hook *k = calloc(1, sizeof *k);
	size_t len = strlen(script) + 1;

	if (!k)
		return NULL;
	k->change = malloc(sizeof *k->change + len);
	if (!k->change) {
		free(k);
		return NULL;
	}
	k->link = (struct priv_down_hook){ m->unit, m->local, m->remote, m->peer_addr };
	k->ipparam = ipparam;
	k->change->token = m->token;
	k->change->vars = m->vars;
	memcpy(k->change->script, script, len);
	return k;
}

/* In its turn. */
static void replace(struct hook *k, struct hook *by)
{
	list_append(&k->node, &by->node); /* goes before it */
	list_remove(&k->node);
	hook_free(k);
}

int hooks_change(struct hooks *h, const char *script, const struct priv_change_hook *m, bool ipparam)
{
	struct hook *k, *waits = find_change(&h->changing, m->token);
	int r = judge(script);

	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	if (!waits && h->nchanging >= HOOKS_CHANGING)
		return -ENOBUFS;
	k = hook_new(script, m, ipparam);
	if (!k)
		return -ENOMEM;
	if (waits) {
		replace(waits, k);
		return 0;
	}
	return start_or_keep(h, k, h->nrunning < HOOKS_RUNNING && !find_change(&h->running, m->token), &h->changing,
			     &h->nchanging);
}

/* --- whose turn it is --- */

/* The down scripts go first: their addresses may have gone to somebody else already. */
static struct hook *take_next(struct hooks *h)
{
	struct hook *k = NULL;

	if (h->nwaiting) {
		k = list_entry(h->waiting.next, struct hook, node);
		h->nwaiting--;
	} else {
		list_each(at, &h->changing) {
			k = list_entry(at, struct hook, node);
			if (!find_change(&h->running, k->change->token))
				break;
			k = NULL;
		}
		h->nchanging -= k != NULL;
	}
	if (k)
		list_remove(&k->node);
	return k;
}

static void start_next(struct hooks *h)
{
	struct hook *k;

	while (h->nrunning < HOOKS_RUNNING && (k = take_next(h))) {
		int r = judge(script_of(h, k)); /* that may have been long ago */

		if (r > 0 && (r = start(h, k)) == 0)
			continue;
		log_error(event_of(k), "interface=ppp%u error=\"%s\"", k->link.unit, strerror(r ? -r : ENOENT));
		hook_free(k);
	}
}

static void log_end(const struct hook *k, int status)
{
	if (k->ended)
		log_info(event_of(k), "interface=ppp%u pid=%d killed=ended", k->link.unit, (int)k->pid);
	else if (WIFSIGNALED(status))
		log_warn(event_of(k), "interface=ppp%u pid=%d signal=%d timeout=%s", k->link.unit, (int)k->pid,
			 WTERMSIG(status), k->killed ? "yes" : "no");
	else if (WEXITSTATUS(status))
		log_warn(event_of(k), "interface=ppp%u pid=%d status=%d", k->link.unit, (int)k->pid,
			 WEXITSTATUS(status));
}

bool hooks_reaped(struct hooks *h, pid_t pid, int status)
{
	list_each(at, &h->running) {
		struct hook *k = list_entry(at, struct hook, node);

		if (k->pid != pid)
			continue;
		log_end(k, status);
		drop(k, &h->nrunning);
		start_next(h);
		return true;
	}
	return false;
}

/* It leads a process group, since it leads a session. */
static void kill_group(struct hook *k)
{
	k->killed = true;
	if (kill(-k->pid, SIGKILL) < 0)
		kill(k->pid, SIGKILL); /* not that far yet */
}

void hooks_forget(struct hooks *h, uint64_t token)
{
	struct hook *waits = find_change(&h->changing, token), *runs = find_change(&h->running, token);

	if (waits)
		drop(waits, &h->nchanging);
	if (!runs || runs->killed)
		return;
	kill_group(runs);
	runs->ended = true;
}

struct mono hooks_due(struct hooks *h, struct mono now)
{
	list_each(at, &h->running) {
		struct hook *k = list_entry(at, struct hook, node);

		if (k->killed)
			continue;
		if (!mono_reached(k->until, now))
			return k->until;
		kill_group(k);
	}
	return MONO_NEVER;
}

void hooks_kill(struct hooks *h)
{
	drop_all(&h->waiting, &h->nwaiting);
	drop_all(&h->changing, &h->nchanging);
	list_each(at, &h->running)
		kill_group(list_entry(at, struct hook, node));
}

size_t hooks_count(const struct hooks *h)
{
	return h->nrunning + h->nwaiting + h->nchanging;
}
