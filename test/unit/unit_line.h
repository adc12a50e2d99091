/*
 * For tests of pppd lines: the root part's end of the socket, and pppd's ends of what it was given.
 */
#ifndef PACD_TEST_UNIT_LINE_H
#define PACD_TEST_UNIT_LINE_H

#include "common/log.h"
#include "common/seqmsg.h"
#include "pacd/line/line_ppp.h"
#include "pacd/stats.h"

#include "test/unit/unit_loop.h"

#include <stdio.h>

#define PEER 0xc0000201

static const struct line_dial to_peer = { .peer_addr = PEER };

static struct line_ppp *lines;
static struct priv_client *priv;
static int root = -1; /* the root part's end */
static unsigned fds_before;

static struct {
	unsigned answered, failed, down, plugin;
	uint64_t session;
	int fd;
	uint32_t pid;
	uint8_t result, error;
	int status;
	struct plugin_msg last;
} seen;

static char log_text[1 << 16];
static size_t log_len;

static inline void keep_log(enum log_level level, const char *line)
{
	(void)level;
	ck_assert_uint_lt(log_len + strlen(line) + 2, sizeof log_text);
	log_len += (size_t)sprintf(log_text + log_len, "%s\n", line);
}

static inline bool logged(const char *what)
{
	return strstr(log_text, what);
}

static inline void on_answered(void *ctx, uint64_t session, const struct line_up *up)
{
	ck_assert_ptr_eq(ctx, &seen);
	seen.answered++;
	seen.session = session;
	if (seen.fd >= 0)
		close(seen.fd);
	seen.fd = up->fd; /* of the last one; it is ours */
	seen.pid = up->pid;
}

static inline void on_failed(void *ctx, uint64_t session, uint8_t result, uint8_t error, uint16_t cause)
{
	(void)ctx;
	(void)cause;
	seen.failed++;
	seen.session = session;
	seen.result = result;
	seen.error = error;
}

static inline void on_down(void *ctx, uint64_t session, const struct line_end *end)
{
	(void)ctx;
	seen.down++;
	seen.session = session;
	ck_assert(end->has_status);
	seen.error = end->error;
	seen.status = end->exit_status;
}

static inline void on_plugin(void *ctx, uint64_t session, const struct plugin_msg *m)
{
	(void)ctx;
	ck_assert_uint_eq(seen.down, 0);
	seen.plugin++;
	seen.session = session;
	seen.last = *m;
}

static const struct line_handlers line_handlers = {
	.answered = on_answered, .failed = on_failed, .down = on_down, .plugin = on_plugin,
};

static inline void no_conf(void *ctx, const struct priv_conf *m, const struct priv_conf_fds *fds)
{
	(void)ctx, (void)m, (void)fds;
}

static inline void no_opened(void *ctx, const struct priv_opened *m, int fd)
{
	(void)ctx, (void)m, (void)fd;
}

static inline void no_stop(void *ctx)
{
	(void)ctx;
}

static inline void on_started(void *ctx, const struct priv_started *m, int pty, int plugin, int log)
{
	(void)ctx;
	line_ppp_started(lines, m, pty, plugin, log);
}

static inline void on_exited(void *ctx, const struct priv_exited *m)
{
	(void)ctx;
	line_ppp_exited(lines, m);
}

static const struct priv_handlers priv_handlers = { no_conf, no_opened, on_started, on_exited, no_stop, no_stop };

static inline void setup(void)
{
	int fds[2];

	log_set_sink(keep_log);
	fds_before = open_fds();
	loop = ev_loop_new(EVFLAG_AUTO);
	ck_assert_int_eq(seqmsg_pair(fds), 0);
	root = fds[0];
	fcntl(root, F_SETFL, O_NONBLOCK);
	priv = priv_client_new(loop, fds[1], &priv_handlers, NULL);
	lines = line_ppp_new(loop, priv, &line_handlers, &seen);
	ck_assert(priv && lines);
	line_ppp_set_generation(lines, 7);
	seen.fd = -1;
}

/* With nothing left open, but what a test holds itself. */
static inline void teardown(void)
{
	line_ppp_free(lines);
	priv_client_free(priv);
	ev_loop_destroy(loop);
	close(root);
	if (seen.fd >= 0)
		close(seen.fd);
	ck_assert_uint_eq(open_fds(), fds_before);
}

/* --- the root part and pppd --- */

static inline struct priv_msg asked(uint8_t type)
{
	struct seqmsg raw;
	struct priv_msg m;

	ck_assert_int_eq(seqmsg_recv(root, &raw), 0);
	ck_assert_int_eq(priv_decode(&m, raw.data, raw.len), 0);
	ck_assert_uint_eq(m.type, type);
	return m;
}

static inline void asked_signal(uint64_t session, enum priv_signal signal)
{
	struct priv_msg m = asked(PRIV_SIGNAL_PPPD);

	ck_assert_uint_eq(m.signal_pppd.token, session);
	ck_assert_uint_eq(m.signal_pppd.signal, signal);
}

static inline void asked_nothing(void)
{
	struct seqmsg raw;

	turn();
	ck_assert_int_eq(seqmsg_recv(root, &raw), -EAGAIN);
}

static inline void tell(const struct priv_msg *m, const int *fds, size_t nfds)
{
	uint8_t data[PRIV_MSG_MAX];

	ck_assert_int_eq(seqmsg_send(root, data, priv_encode(data, sizeof data, m), fds, nfds), 0);
	turn();
}

/* pppd's ends. */
struct pppd {
	uint64_t session;
	int pty, plugin, log;
};

static inline void dials(uint64_t session)
{
	struct priv_msg m;

	ck_assert_int_eq(line_ppp_ops.dial(lines, session, &to_peer), 0);
	m = asked(PRIV_START_PPPD);
	ck_assert_uint_eq(m.start_pppd.token, session);
	ck_assert_uint_eq(m.start_pppd.generation, 7);
	ck_assert_uint_eq(m.start_pppd.peer_addr, PEER);
}

static inline void tell_started(uint64_t session, const int fds[3])
{
	const struct priv_msg m = { .type = PRIV_STARTED, .started = { session, 0, 500 + (uint32_t)session } };

	tell(&m, fds, 3);
}

static inline void tell_failed(uint64_t session, int error)
{
	const struct priv_msg m = { .type = PRIV_STARTED, .started = { session, error, 0 } };

	tell(&m, NULL, 0);
}

static inline void tell_exited(uint64_t session, int status)
{
	const struct priv_msg m = { .type = PRIV_EXITED, .exited = { session, status } };

	tell(&m, NULL, 0);
}

static inline struct pppd starts(uint64_t session)
{
	struct pppd p = { .session = session };
	int pty[2], plugin[2], log[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pty), 0);
	ck_assert_int_eq(seqmsg_pair(plugin), 0);
	ck_assert_int_eq(pipe2(log, O_CLOEXEC), 0);
	tell_started(session, (int[]){ pty[0], plugin[0], log[0] });
	close(pty[0]);
	close(plugin[0]);
	close(log[0]);
	p.pty = pty[1];
	p.plugin = plugin[1];
	p.log = log[1];
	fcntl(p.plugin, F_SETFL, O_NONBLOCK);
	return p;
}

static inline struct pppd running(uint64_t session)
{
	dials(session);
	return starts(session);
}

static inline void pppd_closes(struct pppd *p)
{
	close(p->pty);
	close(p->plugin);
	close(p->log);
	turn();
}

static inline void exits(struct pppd *p, int status)
{
	pppd_closes(p);
	tell_exited(p->session, status);
}

static inline void plugin_says(struct pppd *p, const struct plugin_msg *m)
{
	uint8_t data[PLUGIN_MSG_MAX];

	ck_assert_int_eq(seqmsg_send(p->plugin, data, plugin_encode(data, sizeof data, m), NULL, 0), 0);
}

static inline bool plugin_hears(struct pppd *p, struct plugin_msg *m)
{
	struct seqmsg raw;

	turn();
	if (seqmsg_recv(p->plugin, &raw) < 0)
		return false;
	ck_assert_int_eq(plugin_decode(m, raw.data, raw.len), 0);
	return true;
}

static inline void hears_end(struct pppd *p, const char *reason)
{
	struct plugin_msg m;

	ck_assert(plugin_hears(p, &m));
	ck_assert_uint_eq(m.type, PLUGIN_END);
	ck_assert_uint_eq(m.end.reason_len, strlen(reason));
	ck_assert_mem_eq(m.end.reason, reason, strlen(reason));
}

static inline bool is_closed(int fd)
{
	char octet;

	return recv(fd, &octet, 1, MSG_DONTWAIT) == 0;
}

#endif
