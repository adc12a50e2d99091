/*
 * pacd.so, the plugin in each pppd: start, the socket to main, phases.
 *
 * Owns fd PLUGIN_FD and the reason that main gives for an end.  Must not decide
 * anything about a user: main does.  Blocks only in plugin_receive(), with a
 * deadline, so that a silent or dead pacd ends the call.
 *
 * With PACD_PLUGIN_CHECK in the environment it says its version and exits 0:
 * that is how pacd tests at its start that this pppd can load it.
 */
#include "pacd/plugin/compat.h"

#include "common/seqmsg.h"
#include "pacd/plugin/plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

#define EXIT_BAD_START 2 /* pppd's "option error" */

_Static_assert(PLUGIN_MSG_MAX <= SEQMSG_MAX, "a message must fit its carrier");

/* pppd compares it with its own version and refuses another. */
EXPORT extern char pppd_version[];
EXPORT void plugin_init(void);

char pppd_version[] = COMPAT_VERSION;

static char end_reason[PLUGIN_TEXT_MAX + 1];

/* --- the socket --- */

int64_t plugin_clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int plugin_send(const struct plugin_msg *m)
{
	uint8_t data[PLUGIN_MSG_MAX];
	size_t len = plugin_encode(data, sizeof data, m);
	int r = len ? seqmsg_send(PLUGIN_FD, data, len, NULL, 0) : -EINVAL;

	explicit_bzero(data, sizeof data);
	return r;
}

/* 0, -EAGAIN, -EPIPE, -EBADMSG; the socket does not block. */
static int read_message(struct plugin_msg *m)
{
	struct seqmsg s;
	int r = seqmsg_recv(PLUGIN_FD, &s);

	if (r < 0)
		return r;
	seqmsg_clear(&s);
	r = plugin_decode(m, s.data, s.len);
	explicit_bzero(&s, sizeof s);
	return r < 0 || m->type < PLUGIN_ANSWER ? -EBADMSG : 0;
}

static void keep_reason(const struct plugin_end *e)
{
	if (end_reason[0])
		return;
	memcpy(end_reason, e->reason, e->reason_len);
	end_reason[e->reason_len] = 0;
}

const char *plugin_end_reason(void)
{
	return end_reason[0] ? end_reason : NULL;
}

void plugin_drain(void)
{
	struct plugin_msg m;
	int r;

	while ((r = read_message(&m)) == 0 || r == -EBADMSG)
		if (r == 0 && m.type == PLUGIN_END)
			keep_reason(&m.end);
	explicit_bzero(&m, sizeof m);
}

/* Signals are blocked outside of ppoll(): one that comes just before it must not be slept through. */
static int wait_readable(int64_t deadline_ms)
{
	struct pollfd p = { .fd = PLUGIN_FD, .events = POLLIN };
	sigset_t block, before;
	int r = 0;

	sigemptyset(&block);
	sigaddset(&block, SIGTERM);
	sigaddset(&block, SIGINT);
	sigprocmask(SIG_BLOCK, &block, &before);
	while (r == 0) {
		int64_t left = deadline_ms - plugin_clock_ms();
		struct timespec t = { left / 1000, left % 1000 * 1000000 };
		int n;

		if (compat_got_sigterm()) {
			r = -EINTR;
		} else if (left <= 0) {
			r = -ETIMEDOUT;
		} else if ((n = ppoll(&p, 1, &t, &before)) > 0) {
			break;
		} else if (n < 0 && errno != EINTR) {
			r = -errno;
		}
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}

int plugin_receive(struct plugin_msg *m, int64_t deadline_ms)
{
	int r;

	do {
		r = wait_readable(deadline_ms);
		if (r == 0)
			r = read_message(m);
	} while (r == -EAGAIN);
	if (r == 0 && m->type == PLUGIN_END) {
		keep_reason(&m->end);
		r = -ECANCELED;
	}
	return r;
}

/* --- what pppd calls --- */

/* The copies in syslog: pacd has each message already, with the call that it belongs to. */
static void silence_syslog(void)
{
	setlogmask(LOG_MASK(LOG_EMERG)); /* pppd uses no such level, and 0 would change nothing */
}

static void on_phase(void *ctx, int arg)
{
	struct plugin_msg m = { .type = PLUGIN_PHASE, .phase.phase = (uint8_t)arg };

	(void)ctx;
	silence_syslog(); /* the debug option sets the mask after plugin_init() */
	compat_leave_database(); /* pppd opens it after plugin_init() */
	plugin_send(&m);
}

static void on_packet(unsigned char *packet, int len)
{
	if (len <= 0)
		return;
	login_snoop(packet, (size_t)len);
	grant_snoop(packet, (size_t)len);
	report_snoop(packet, (size_t)len);
}

static void fill_random(unsigned char *challenge, uint8_t len)
{
	challenge[0] = len;
	if (getrandom(challenge + 1, len, 0) != len)
		compat_fatal("pacd.so: no random octets: %m");
}

static void short_challenge(unsigned char *challenge)
{
	fill_random(challenge, 8);
}

static void long_challenge(unsigned char *challenge)
{
	fill_random(challenge, 16);
}

/* pppd's own come from mrand48(), seeded with the time and its pid: they can be guessed. */
static void replace_challenge(int code, void (*generate)(unsigned char *))
{
	struct chap_digest_type *digest = chap_find_digest(code);

	if (digest)
		digest->generate_challenge = generate;
}

/* --- start --- */

static void say_version(void)
{
	printf("pacd.so for pppd %s\n", pppd_version);
	exit(fflush(stdout) == 0 ? 0 : EXIT_BAD_START);
}

static void refuse_start(const char *why)
{
	compat_option_error("pacd.so: must be started by pacd (%s)", why);
	exit(EXIT_BAD_START);
}

static void take_socket(void)
{
	int type = 0;
	socklen_t len = sizeof type;

	if (getsockopt(PLUGIN_FD, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_SEQPACKET)
		refuse_start("fd 3 is not its socket");
	/* Our end only: pppd must neither sleep in a send nor give the socket to scripts. */
	if (fcntl(PLUGIN_FD, F_SETFD, FD_CLOEXEC) < 0 || fcntl(PLUGIN_FD, F_SETFL, O_NONBLOCK) < 0)
		refuse_start("fd 3 cannot be set up");
}

static void say_hello(void)
{
	struct plugin_msg m = { .type = PLUGIN_HELLO, .hello.version = PLUGIN_PROTO_VERSION };

	snprintf(m.hello.pppd, sizeof m.hello.pppd, "%s", pppd_version);
	for (char *c = m.hello.pppd; *c; c++)
		if (*c == '+' || *c == '~')
			*c = '-';
	if (plugin_send(&m) < 0)
		refuse_start("it does not listen");
}

void plugin_init(void)
{
	if (getenv("PACD_PLUGIN_CHECK"))
		say_version();
	silence_syslog();
	take_socket();
	say_hello();
	replace_challenge(CHAP_MD5, long_challenge);
	replace_challenge(CHAP_MICROSOFT, short_challenge);
	replace_challenge(CHAP_MICROSOFT_V2, long_challenge);
	login_init();
	grant_init();
	report_init();
	snoop_recv_hook = on_packet;
	compat_on_phase(on_phase);
}
