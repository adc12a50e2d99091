/*
 * Addresses of host names: a thread for each look-up, since the C library's own
 * look-up waits for its answer.
 *
 * Owns the look-ups and what is shared with their threads.  A thread knows its
 * look-up and that; the loop, callbacks and the resolver itself are only the
 * loop's.  A thread cannot be stopped: whoever is done last, it or
 * resolver_free(), frees what they share.
 */
#include "pacd/net/resolve.h"

#include "common/addr.h"
#include "common/list.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define HOST_MAX 253

struct shared {
	pthread_mutex_t lock;
	struct list finished;  /* look-ups by `link`, the loop's again */
	unsigned running;      /* look-ups that a thread works on */
	struct resolver *of;   /* NULL: freed; nobody waits for anything any more */
};

/* The thread's until it is in `finished`, but for what is below the line. */
struct lookup {
	struct shared *shared;
	char host[HOST_MAX + 1];
	uint32_t addr;
	int result, error; /* of getaddrinfo(), and errno with EAI_SYSTEM */
	struct list link;
	/* --- only the loop's --- */
	struct list all;
	uint64_t id;
	resolve_done_fn done; /* NULL: cancelled */
	void *ctx;
};

struct resolver {
	struct ev_loop *loop;
	struct ev_async report;
	struct shared *shared;
	struct list all; /* look-ups that are not told yet, cancelled ones too */
	unsigned count;
	uint64_t next_id;
	bool *freed; /* while done() runs: where to say that it has freed us */
};

/* --- in the threads --- */

static uint32_t addr_first(const struct addrinfo *list)
{
	for (; list; list = list->ai_next) {
		struct sockaddr_in sin;

		if (list->ai_family != AF_INET || list->ai_addrlen < sizeof sin)
			continue;
		memcpy(&sin, list->ai_addr, sizeof sin);
		if (sin.sin_addr.s_addr)
			return ntohl(sin.sin_addr.s_addr);
	}
	return 0;
}

static void look_up(struct lookup *l)
{
	const struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;

	l->result = getaddrinfo(l->host, NULL, &hints, &list);
	l->error = errno;
	if (l->result)
		return;
	l->addr = addr_first(list);
	freeaddrinfo(list);
}

static void shared_free(struct shared *s)
{
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* Under the lock the resolver cannot go away. */
static void finish(struct lookup *l, struct shared *s)
{
	bool is_last;

	pthread_mutex_lock(&s->lock);
	s->running--;
	is_last = !s->of && !s->running;
	if (s->of) {
		list_append(&s->finished, &l->link);
		ev_async_send(s->of->loop, &s->of->report);
		l = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	free(l);
	if (is_last)
		shared_free(s);
}

static void *thread_main(void *arg)
{
	struct lookup *l = arg;

	pthread_setname_np(pthread_self(), "pacd-resolve");
	look_up(l);
	finish(l, l->shared);
	return NULL;
}

/* No signal is ever the thread's. */
static int thread_start(struct lookup *l)
{
	sigset_t every, old;
	pthread_attr_t attr;
	pthread_t thread;
	int error = pthread_attr_init(&attr);

	if (error)
		return error;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&every);
	pthread_sigmask(SIG_SETMASK, &every, &old);
	error = pthread_create(&thread, &attr, thread_main, l);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return error;
}

/* --- in the loop --- */

static struct lookup *finished_take(struct shared *s)
{
	struct lookup *l = NULL;

	pthread_mutex_lock(&s->lock);
	if (!list_empty(&s->finished)) {
		l = list_entry(s->finished.next, struct lookup, link);
		list_remove(&l->link);
	}
	pthread_mutex_unlock(&s->lock);
	return l;
}

static const char *why_not(const struct lookup *l)
{
	if (!l->result)
		return "it has no IPv4 address that can be used";
	return l->result == EAI_SYSTEM ? strerror(l->error) : gai_strerror(l->result);
}

/* One at a time: what is told may ask (the answer is a matter of the next turn), cancel, or free the resolver. */
static void on_report(struct ev_loop *loop, struct ev_async *w, int revents)
{
	struct resolver *r = w->data;
	unsigned left = r->count;
	bool freed = false;
	struct lookup *l;

	(void)loop;
	(void)revents;
	while (left-- && !freed && (l = finished_take(r->shared)) != NULL) {
		list_remove(&l->all);
		r->count--;
		r->freed = &freed;
		if (l->done)
			l->done(l->ctx, l->id, l->addr, l->addr ? NULL : why_not(l));
		if (!freed)
			r->freed = NULL;
		free(l);
	}
}

struct resolver *resolver_new(struct ev_loop *loop)
{
	struct resolver *r = calloc(1, sizeof *r);
	struct shared *s = calloc(1, sizeof *s);

	if (!r || !s || pthread_mutex_init(&s->lock, NULL)) {
		free(r);
		free(s);
		return NULL;
	}
	list_init(&s->finished);
	s->of = r;
	r->shared = s;
	r->loop = loop;
	r->next_id = 1;
	list_init(&r->all);
	ev_async_init(&r->report, on_report);
	r->report.data = r;
	ev_async_start(loop, &r->report);
	return r;
}

void resolver_free(struct resolver *r)
{
	struct shared *s;
	bool is_last;

	if (!r)
		return;
	s = r->shared;
	if (r->freed)
		*r->freed = true;
	pthread_mutex_lock(&s->lock);
	s->of = NULL;
	list_each(at, &s->finished)
		free(list_entry(at, struct lookup, link));
	is_last = !s->running;
	pthread_mutex_unlock(&s->lock);
	if (is_last)
		shared_free(s);
	ev_async_stop(r->loop, &r->report);
	free(r);
}

/* Short forms like "127.1" would pass for names, and mean something else than they seem to. */
static bool is_name(const char *host)
{
	static const char octets[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
	size_t len = strlen(host);
	struct in_addr any;

	return len && len <= HOST_MAX && strspn(host, octets) == len && !inet_aton(host, &any);
}

/* An address needs no thread, but is told like all others. */
static int lookup_start(struct resolver *r, struct lookup *l, bool is_addr)
{
	struct shared *s = r->shared;
	int error;

	pthread_mutex_lock(&s->lock);
	if (is_addr)
		list_append(&s->finished, &l->link);
	else
		s->running++;
	pthread_mutex_unlock(&s->lock);
	if (is_addr) {
		ev_async_send(r->loop, &r->report);
		return 0;
	}
	error = thread_start(l);
	if (!error)
		return 0;
	pthread_mutex_lock(&s->lock);
	s->running--;
	pthread_mutex_unlock(&s->lock);
	return error;
}

uint64_t resolver_ask(struct resolver *r, const char *host, resolve_done_fn done, void *ctx)
{
	uint32_t addr = 0;
	bool is_addr = addr_parse(host, &addr) == 0;
	struct lookup *l;
	uint64_t id;

	if (r->count >= RESOLVE_MAX || (!is_addr && !is_name(host)))
		return 0;
	l = calloc(1, sizeof *l);
	if (!l)
		return 0;
	l->shared = r->shared;
	strcpy(l->host, host);
	l->addr = addr;
	l->done = done;
	l->ctx = ctx;
	id = l->id = r->next_id++;
	list_append(&r->all, &l->all);
	r->count++;
	if (!lookup_start(r, l, is_addr))
		return id;
	list_remove(&l->all);
	r->count--;
	free(l);
	return 0;
}

void resolver_cancel(struct resolver *r, uint64_t id)
{
	list_each(at, &r->all) {
		struct lookup *l = list_entry(at, struct lookup, all);

		if (l->id == id)
			l->done = NULL;
	}
}
