/*
 * Host names (CALL-IN-02): answers come later and to whom they belong, and whoever asks may be gone by then.  The C
 * library's look-up is ours here, but for one real one.
 */
#include "pacd/net/resolve.h"

#include "test/unit/unit_loop.h"

#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>

#define LOOPBACK 0x7f000001u

static struct resolver *resolver;
static sem_t gate;                    /* the look-ups of "slow..." wait here */
static unsigned entered, left;        /* look-ups that have begun, and that are over */
static bool real;

static unsigned count_get(unsigned *n)
{
	return __atomic_load_n(n, __ATOMIC_SEQ_CST);
}

static void count_up(unsigned *n)
{
	__atomic_add_fetch(n, 1, __ATOMIC_SEQ_CST);
}

static struct addrinfo *info(int family, uint32_t addr, struct addrinfo *next)
{
	struct sockaddr_in *sin = calloc(1, sizeof *sin);
	struct addrinfo *a = calloc(1, sizeof *a);

	ck_assert(sin && a);
	sin->sin_family = (sa_family_t)family;
	sin->sin_addr.s_addr = htonl(addr);
	a->ai_family = family;
	a->ai_addr = (struct sockaddr *)sin;
	a->ai_addrlen = sizeof *sin;
	a->ai_next = next;
	return a;
}

static int answer(const char *host, struct addrinfo **list)
{
	if (!strncmp(host, "slow", 4))
		while (sem_wait(&gate) < 0)
			;
	if (!strcmp(host, "none.example"))
		return EAI_NONAME;
	if (!strcmp(host, "broken.example")) {
		errno = ENETDOWN;
		return EAI_SYSTEM;
	}
	*list = info(AF_INET, !strcmp(host, "zero.example") ? 0 : 0x0a000000 + (uint32_t)strlen(host), NULL);
	if (!strcmp(host, "many.example"))
		*list = info(AF_INET6, 0x09090909, info(AF_INET, 0, info(AF_INET, 0x0a0a0a0a, *list)));
	return 0;
}

/* In the C library's place. */
int getaddrinfo(const char *restrict host, const char *restrict service, const struct addrinfo *restrict hints,
		struct addrinfo **restrict list)
{
	int (*libc)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	sigset_t mask;
	int result;

	ck_assert(!service && hints->ai_family == AF_INET);
	if (__atomic_load_n(&real, __ATOMIC_SEQ_CST)) {
		*(void **)&libc = dlsym(RTLD_NEXT, "getaddrinfo");
		return libc(host, service, hints, list);
	}
	ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
	ck_assert(sigismember(&mask, SIGTERM)); /* a signal is the loop's */
	count_up(&entered);
	result = answer(host, list);
	count_up(&left);
	return result;
}

void freeaddrinfo(struct addrinfo *list)
{
	void (*libc)(struct addrinfo *);

	if (__atomic_load_n(&real, __ATOMIC_SEQ_CST)) {
		*(void **)&libc = dlsym(RTLD_NEXT, "freeaddrinfo");
		libc(list);
		return;
	}
	for (struct addrinfo *next; list; list = next) {
		next = list->ai_next;
		free(list->ai_addr);
		free(list);
	}
}

static struct answers {
	unsigned n;
	uint64_t id[256];
	uint32_t addr;
	char why[200];
	void (*then)(void);
} got;

static void done(void *ctx, uint64_t id, uint32_t addr, const char *why)
{
	struct answers *g = ctx;

	ck_assert(!addr == !!why);
	g->id[g->n++ % 256] = id;
	g->addr = addr;
	snprintf(g->why, sizeof g->why, "%s", why ? why : "");
	if (g->then)
		g->then();
}

static uint64_t ask(const char *host)
{
	unsigned before = got.n;
	uint64_t id = resolver_ask(resolver, host, done, &got);

	ck_assert_uint_eq(got.n, before);
	return id;
}

/* Check's own time-out is the deadline. */
static void wait_for(unsigned n)
{
	while (got.n < n)
		ev_run(loop, EVRUN_ONCE);
	ck_assert_uint_eq(got.n, n);
}

static void wait_until(unsigned *counter, unsigned n)
{
	while (count_get(counter) < n)
		sched_yield();
}

static void open_gate(unsigned n)
{
	while (n--)
		sem_post(&gate);
}

static void setup(void)
{
	loop = ev_loop_new(EVFLAG_AUTO);
	sem_init(&gate, 0, 0);
	memset(&got, 0, sizeof got);
	entered = left = 0;
	resolver = resolver_new(loop);
	ck_assert_ptr_nonnull(resolver);
}

static void teardown(void)
{
	resolver_free(resolver);
	resolver_free(NULL);
	ev_loop_destroy(loop);
}

static void expect(const char *host, uint32_t addr, const char *why)
{
	uint64_t id = ask(host);

	ck_assert_uint_ne(id, 0);
	wait_for(got.n + 1);
	ck_assert_uint_eq(got.id[(got.n - 1) % 256], id);
	ck_assert_uint_eq(got.addr, addr);
	ck_assert_str_eq(got.why, why);
}

START_TEST(answers)
{
	char longest[254] = "";

	expect("pns.example", 0x0a00000b, "");
	expect("many.example", 0x0a0a0a0a, ""); /* the first that is IPv4 and one at all */
	expect("none.example", 0, gai_strerror(EAI_NONAME));
	expect("broken.example", 0, strerror(ENETDOWN));
	expect("zero.example", 0, "it has no IPv4 address that can be used");
	expect("A_b-9.example.", 0x0a00000e, "");
	memset(longest, 'a', sizeof longest - 1);
	expect(longest, 0x0a0000fd, "");
}
END_TEST

/* An address is its own answer, needs no thread, and comes later all the same. */
START_TEST(addresses)
{
	expect("192.0.2.7", 0xc0000207, "");
	expect("0.0.0.0", 0, "it has no IPv4 address that can be used");
	ck_assert_uint_eq(count_get(&entered), 0);
}
END_TEST

START_TEST(no_names)
{
	static const char *const bad[] = { "", "a b", "a/b", "a:1", "[::1]", "h\303\244", "127.1", "2130706433", "0x7f.1",
					   "pns.example\n", "%s" };
	char longer[255] = "";

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(!ask(bad[i]), "%s", bad[i]);
	memset(longer, 'a', sizeof longer - 1);
	ck_assert_uint_eq(ask(longer), 0);
	ck_assert_uint_eq(count_get(&entered), 0);
}
END_TEST

/* One that waits holds nobody up. */
START_TEST(slow_ones)
{
	uint64_t slow = ask("slow.example");

	wait_until(&entered, 1);
	expect("pns.example", 0x0a00000b, "");
	expect("192.0.2.7", 0xc0000207, "");
	open_gate(1);
	wait_for(3);
	ck_assert_uint_eq(got.id[2], slow);
	ck_assert_uint_eq(got.addr, 0x0a00000c);
}
END_TEST

START_TEST(at_most)
{
	uint64_t ids[RESOLVE_MAX];

	for (unsigned i = 0; i < RESOLVE_MAX; i++)
		ck_assert_uint_ne(ids[i] = ask("slow.example"), 0);
	ck_assert_uint_eq(ask("pns.example"), 0);
	ck_assert_uint_eq(ask("192.0.2.7"), 0);
	resolver_cancel(resolver, ids[5]); /* its thread is still there */
	ck_assert_uint_eq(ask("pns.example"), 0);
	open_gate(RESOLVE_MAX);
	wait_for(RESOLVE_MAX - 1);
	/* The cancelled one may be the last to end: then its report is still to come. */
	while (!ask("pns.example"))
		ev_run(loop, EVRUN_NOWAIT);
	wait_for(RESOLVE_MAX);
	ck_assert_uint_eq(got.addr, 0x0a00000b);
}
END_TEST

START_TEST(cancelled)
{
	uint64_t slow = ask("slow.example"), quick = ask("192.0.2.7"), other = ask("pns.example");

	resolver_cancel(resolver, slow);
	resolver_cancel(resolver, quick);
	resolver_cancel(resolver, 999);
	wait_for(1);
	ck_assert_uint_eq(got.id[0], other);
	open_gate(1);
	wait_until(&left, 2);
	expect("pns.example", 0x0a00000b, "");
	resolver_cancel(resolver, other); /* done: ignored */
	turn();
	ck_assert_uint_eq(got.n, 2);
}
END_TEST

/* Freed with look-ups that run, that are over but not told, and that run on long after. */
START_TEST(freed_at_any_time)
{
	for (int round = 0; round < 20; round++) {
		unsigned before = count_get(&left);

		ck_assert_uint_ne(ask("slow.example"), 0);
		ck_assert_uint_ne(ask("pns.example"), 0);
		ck_assert_uint_ne(ask("192.0.2.7"), 0);
		if (round % 3 == 1)
			wait_until(&left, before + 1);
		if (round % 3 == 2)
			open_gate(1);
		resolver_free(resolver);
		resolver = resolver_new(loop);
		turn();
	}
	ck_assert_uint_eq(got.n, 0);
	open_gate(20);
	wait_until(&left, 40);
	turn();
	ck_assert_uint_eq(got.n, 0);
	expect("pns.example", 0x0a00000b, "");
}
END_TEST

static void free_it(void)
{
	resolver_free(resolver);
	resolver = NULL;
}

/* From within an answer, others finished already. */
START_TEST(freed_by_an_answer)
{
	for (int i = 0; i < 5; i++)
		ck_assert_uint_ne(ask("192.0.2.7"), 0);
	got.then = free_it;
	wait_for(1);
	turn();
	ck_assert_uint_eq(got.n, 1);
}
END_TEST

static void ask_again(void)
{
	if (got.n < 100)
		ck_assert_uint_ne(ask(got.n % 2 ? "192.0.2.8" : "pns.example"), 0);
}

/* One that always asks again is told once a turn: it does not keep the loop. */
START_TEST(asked_by_an_answer)
{
	got.then = ask_again;
	ask("192.0.2.7");
	turns(1);
	ck_assert_uint_eq(got.n, 1);
	wait_for(100);
	turn();
	ck_assert_uint_eq(got.n, 100);
}
END_TEST

static uint64_t last;

static void cancel_last(void)
{
	resolver_cancel(resolver, last);
}

START_TEST(cancelled_by_an_answer)
{
	ask("192.0.2.7");
	ask("192.0.2.8");
	last = ask("192.0.2.9");
	got.then = cancel_last;
	turn();
	ck_assert_uint_eq(got.n, 2);
	ck_assert_uint_eq(got.addr, 0xc0000208);
}
END_TEST

/* The machine's own look-up: every machine knows this name without a network. */
START_TEST(localhost)
{
	__atomic_store_n(&real, true, __ATOMIC_SEQ_CST);
	expect("localhost", LOOPBACK, "");
}
END_TEST

static Suite *resolve_suite(void)
{
	const TTest *const tests[] = { answers, addresses, no_names, slow_ones, at_most, cancelled, freed_at_any_time,
				       freed_by_an_answer, asked_by_an_answer, cancelled_by_an_answer, localhost };
	Suite *s = suite_create("resolve");
	TCase *tc = tcase_create("resolve");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(resolve_suite)
