/*
 * Runs the down script in pppd's place (pppd(8), SCRIPTS): interface, tty, speed,
 * the two addresses and ipparam as words, and what of pppd's environment is known.
 *
 * Owns its children until they are reaped.  It gets numbers, and nothing of a
 * script's words or environment can be anything else; whether a link has earned
 * a run is for the caller to know.
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
#define VARIABLES 10
#define NOT_EXECUTED 127

struct hook {
	struct list node; /* in hooks.running or hooks.waiting */
	struct priv_down_hook link;
	bool ipparam;
	pid_t pid;
	struct mono until;
	bool killed;
};

/* What the script gets. */
struct words {
	char name[WORD], local[ADDR_TEXT], remote[ADDR_TEXT], caller[ADDR_TEXT];
	char values[VARIABLES][WORD];
	char *args[ARGS], *env[VARIABLES + 1];
};

void hooks_init(struct hooks *h, const char *script)
{
	*h = (struct hooks){ .script = script };
	list_init(&h->running);
	list_init(&h->waiting);
}

static void drop_all(struct list *l)
{
	while (!list_empty(l)) {
		struct hook *k = list_entry(l->next, struct hook, node);

		list_remove(&k->node);
		free(k);
	}
}

void hooks_clear(struct hooks *h)
{
	drop_all(&h->running);
	drop_all(&h->waiting);
	h->nrunning = h->nwaiting = 0;
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

/* pppd's own names, as far as their values are known; and the reason, as our plugin gives it to pppd. */
static void make_env(struct words *w, bool ipparam)
{
	static char path[] = CHILD_PATH, reason[] = "PACD_REASON=crashed";
	const char *const variables[][2] = {
		{ "IFNAME", w->name },         { "DEVICE", "-" },           { "SPEED", "0" },
		{ "IPLOCAL", w->local },       { "IPREMOTE", w->remote },   { "REMOTENUMBER", w->caller },
		{ "PPP_IPPARAM", ipparam ? w->caller : "" },
	};
	size_t n = 0;

	w->env[n++] = path;
	w->env[n++] = reason;
	for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
		snprintf(w->values[i], WORD, "%s=%s", variables[i][0], variables[i][1]);
		w->env[n++] = w->values[i];
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
	make_env(&w, k->ipparam);
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
		child(h->script, k);
	if (k->pid < 0)
		return -errno;
	k->until = mono_add_s(mono_now(), HOOK_S);
	list_append(&h->running, &k->node);
	h->nrunning++;
	log_info("down-hook", "interface=ppp%u pid=%d", k->link.unit, (int)k->pid);
	return 0;
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
	if (h->nrunning >= HOOKS_RUNNING) {
		list_append(&h->waiting, &k->node);
		h->nwaiting++;
		return 0;
	}
	r = start(h, k);
	if (r < 0)
		free(k);
	return r;
}

static void start_next(struct hooks *h)
{
	while (h->nwaiting && h->nrunning < HOOKS_RUNNING) {
		struct hook *k = list_entry(h->waiting.next, struct hook, node);
		int r;

		list_remove(&k->node);
		h->nwaiting--;
		r = start(h, k);
		if (r < 0) {
			log_error("down-hook", "interface=ppp%u error=\"%s\"", k->link.unit, strerror(-r));
			free(k);
		}
	}
}

static void log_end(const struct hook *k, int status)
{
	if (WIFSIGNALED(status))
		log_warn("down-hook", "interface=ppp%u pid=%d signal=%d timeout=%s", k->link.unit, (int)k->pid,
			 WTERMSIG(status), k->killed ? "yes" : "no");
	else if (WEXITSTATUS(status))
		log_warn("down-hook", "interface=ppp%u pid=%d status=%d", k->link.unit, (int)k->pid,
			 WEXITSTATUS(status));
}

bool hooks_reaped(struct hooks *h, pid_t pid, int status)
{
	list_each(at, &h->running) {
		struct hook *k = list_entry(at, struct hook, node);

		if (k->pid != pid)
			continue;
		log_end(k, status);
		list_remove(&k->node);
		h->nrunning--;
		free(k);
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
	drop_all(&h->waiting);
	h->nwaiting = 0;
	list_each(at, &h->running)
		kill_group(list_entry(at, struct hook, node));
}

size_t hooks_count(const struct hooks *h)
{
	return h->nrunning + h->nwaiting;
}
