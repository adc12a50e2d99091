/*
 * For tests of real lines: this test is the root part, the ports, and the session layer.  The configuration and the
 * modem's state machine are the real ones.
 */
#ifndef PACD_TEST_UNIT_LINES_H
#define PACD_TEST_UNIT_LINES_H

#include "common/log.h"
#include "common/seqmsg.h"
#include "pacd/line/lines.h"
#include "pacd/line/port.h"
#include "pacd/stats.h"

#include "test/unit/unit_loop.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#define SESSIONS 2048
#define PORTS 512
#define MODEMS "lines = ( { name = \"m%\"; type = \"tty\"; device = \"/dev/ttyS%\"; count = 3; group = \"modems\"; } );"

static struct lines *lines;
static struct priv_client *priv;
static int root = -1; /* the root part's end */
static unsigned fds_before;
static uint32_t generation;

/* --- the log --- */

static char log_text[1 << 20];
static size_t log_len;

static inline void keep_log(enum log_level level, const char *line)
{
	(void)level;
	ck_assert_uint_lt(log_len + strlen(line) + 2, sizeof log_text);
	log_len += (size_t)sprintf(log_text + log_len, "%s\n", line);
}

/* How often. */
static inline unsigned logged(const char *what)
{
	unsigned n = 0;

	for (const char *at = log_text; (at = strstr(at, what)); at++)
		n++;
	return n;
}

/* --- the session layer --- */

static struct {
	unsigned rings, over, answered, failed, down;
	uint64_t ring, ring_over, session; /* the last of each */
	uint32_t channel;
	struct line_up up;  /* its texts are below */
	char name[LINE_NAME], connect[128], calling[MSG_TEXT + 1], called[MSG_TEXT + 1];
	uint8_t result, error;
	uint16_t cause;
	uint8_t ended[SESSIONS]; /* how often, by session */
	bool inside; /* a call into the room: no handler may come */
	bool answer, reject; /* what to do with a ring, from within its handler */
	uint64_t next;       /* that session */
} seen;

#define IN(call) (seen.inside = true, (call))

/* A call into the room, and its result, without an event from inside it. */
#define CALL(call)                              \
	({                                      \
		__auto_type result_ = IN(call); \
		seen.inside = false;            \
		result_;                        \
	})
#define DO(call)                      \
	do {                          \
		IN(call);             \
		seen.inside = false;  \
	} while (0)

static inline void keep(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text);
}

static inline void on_answered(void *ctx, uint64_t session, const struct line_up *up)
{
	ck_assert_ptr_eq(ctx, &seen);
	ck_assert(!seen.inside && !seen.ended[session]);
	seen.answered++;
	seen.session = session;
	if (seen.up.fd >= 0)
		close(seen.up.fd);
	seen.up = *up;
	keep(seen.name, sizeof seen.name, up->name);
	keep(seen.connect, sizeof seen.connect, up->connect);
}

static inline void on_failed(void *ctx, uint64_t session, uint8_t result, uint8_t error, uint16_t cause)
{
	ck_assert_ptr_eq(ctx, &seen);
	ck_assert(!seen.inside);
	ck_assert_uint_eq(seen.ended[session]++, 0);
	seen.failed++;
	seen.session = session;
	seen.result = result;
	seen.error = error;
	seen.cause = cause;
}

static inline void on_down(void *ctx, uint64_t session, const struct line_end *end)
{
	ck_assert_ptr_eq(ctx, &seen);
	ck_assert(!seen.inside);
	ck_assert_uint_eq(seen.ended[session]++, 0);
	seen.down++;
	seen.session = session;
	seen.error = end->error;
	seen.cause = end->cause;
}

static inline void on_plugin(void *ctx, uint64_t session, const struct plugin_msg *m)
{
	(void)ctx, (void)session, (void)m;
	ck_abort_msg("there is no plugin");
}

static inline void on_ring(void *ctx, const struct line_ring *r)
{
	ck_assert_ptr_eq(ctx, &seen);
	ck_assert(!seen.inside);
	ck_assert_uint_gt(r->ring, seen.ring); /* never 0, never used twice */
	seen.rings++;
	seen.ring = r->ring;
	seen.channel = r->channel;
	keep(seen.name, sizeof seen.name, r->name);
	keep(seen.calling, sizeof seen.calling, r->calling);
	keep(seen.called, sizeof seen.called, r->called);
	if (seen.answer)
		ck_assert_int_eq(CALL(lines_ops.answer(lines, r->ring, ++seen.next)), 0);
	else if (seen.reject)
		DO(lines_ops.reject(lines, r->ring));
}

static inline void on_ring_over(void *ctx, uint64_t ring)
{
	ck_assert_ptr_eq(ctx, &seen);
	ck_assert(!seen.inside);
	ck_assert_uint_ne(seen.ring_over, ring);
	seen.over++;
	seen.ring_over = ring;
}

static const struct line_handlers line_handlers = {
	.answered = on_answered, .failed = on_failed, .down = on_down, .plugin = on_plugin, .ring = on_ring,
	.ring_over = on_ring_over,
};

/* --- ports --- */

struct fake {
	struct port port; /* first */
	const struct port_handlers *h;
	void *ctx;
	char name[LINE_NAME];
	int fd, data; /* the device; the data path's other end */
	char said[CHAT_SEND]; /* what was written last */
	size_t said_len;
	bool dtr, fresh, used, data_mode, data_refused;
	unsigned flushes;
	struct line_errors errors;
};

static struct fake ports[PORTS];
static const char *port_kind = "modem-lines"; /* of those that are made */
static int port_error; /* no port is made: errno */

static inline int fake_write(struct port *port, const void *data, size_t len)
{
	struct fake *p = (struct fake *)port;

	ck_assert(!p->data_mode && len < sizeof p->said);
	memcpy(p->said, data, len);
	p->said[len] = '\0';
	p->said_len = len;
	p->fresh = true;
	return 0;
}

static inline void fake_dtr(struct port *port, bool on)
{
	((struct fake *)port)->dtr = on;
}

static inline void fake_flush(struct port *port)
{
	((struct fake *)port)->flushes++;
}

static inline int fake_data_begin(struct port *port, const uint8_t *rest, size_t len)
{
	struct fake *p = (struct fake *)port;
	int fds[2];

	ck_assert(!p->data_mode);
	if (p->data_refused)
		return -EMFILE;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	if (len)
		ck_assert_int_eq(send(fds[0], rest, len, 0), len);
	p->data = fds[0];
	p->data_mode = true;
	return fds[1];
}

static inline void fake_data_end(struct port *port)
{
	struct fake *p = (struct fake *)port;

	ck_assert(p->data_mode);
	close(p->data);
	p->data = -1;
	p->data_mode = false;
}

static inline void fake_errors(struct port *port, struct line_errors *e)
{
	*e = ((struct fake *)port)->errors;
}

static inline void fake_free(struct port *port)
{
	struct fake *p = (struct fake *)port;

	ck_assert(p->used);
	if (p->fd >= 0)
		close(p->fd);
	if (p->data >= 0)
		close(p->data);
	p->fd = p->data = -1;
	p->used = false;
}

static struct port_ops fake_ops = {
	.write = fake_write, .set_dtr = fake_dtr, .flush = fake_flush, .data_begin = fake_data_begin,
	.data_end = fake_data_end, .errors = fake_errors, .free = fake_free,
};

static inline struct port *fake_new(int fd, const struct conf_line *conf, const struct port_handlers *h, void *ctx)
{
	struct fake *p = ports;

	if (port_error) {
		if (fd >= 0)
			close(fd);
		errno = port_error;
		return NULL;
	}
	while (p->used)
		p++;
	ck_assert(p < ports + PORTS);
	fake_ops.name = port_kind;
	*p = (struct fake){ .port = { &fake_ops, strcmp(port_kind, "text") }, .h = h, .ctx = ctx, .fd = fd, .data = -1,
			    .used = true };
	keep(p->name, sizeof p->name, conf->name);
	return &p->port;
}

/* In the place of the real ones. */
struct port *port_tty_new(struct ev_loop *l, int fd, const struct conf_line *conf, const struct port_handlers *h,
			  void *ctx)
{
	(void)l;
	return fake_new(fd, conf, h, ctx);
}

struct port *port_rfc2217_new(struct ev_loop *l, const struct conf_line *conf, const struct port_handlers *h, void *ctx)
{
	(void)l;
	return fake_new(-1, conf, h, ctx);
}

static inline struct fake *port_of(const char *name)
{
	for (struct fake *p = ports; p < ports + PORTS; p++)
		if (p->used && !strcmp(p->name, name))
			return p;
	return NULL;
}

static inline unsigned ports_open(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PORTS; i++)
		n += ports[i].used;
	return n;
}

static inline void modem_says(struct fake *p, const char *text)
{
	p->h->input(p->ctx, (const uint8_t *)text, strlen(text));
	turn();
}

/* What the modem was told, but for init and hang-up, which it takes as they come; time goes on by some seconds. */
static inline void modems_work(void)
{
	for (int i = 0; i < 16; i++) {
		skip_ms(350);
		for (struct fake *p = ports; p < ports + PORTS; p++) {
			if (!p->used || !p->fresh || !strncmp(p->said, "ATD", 3) || !strncmp(p->said, "ATA", 3))
				continue;
			p->fresh = false;
			if (!strncmp(p->said, "AT", 2))
				p->h->input(p->ctx, (const uint8_t *)"\r\nOK\r\n", 6);
		}
	}
	turn();
}

static inline void ports_ready(void)
{
	for (struct fake *p = ports; p < ports + PORTS; p++)
		if (p->used && !p->said_len)
			p->h->ready(p->ctx);
}

static inline void port_dies(struct fake *p, const char *why)
{
	p->h->closed(p->ctx, why);
	turn();
}

/* --- the root part --- */

static inline void no_conf(void *ctx, const struct priv_conf *m, const struct priv_conf_fds *fds)
{
	(void)ctx, (void)m, (void)fds;
}

static inline void on_opened(void *ctx, const struct priv_opened *m, int fd)
{
	(void)ctx;
	DO(lines_opened(lines, m, fd));
}

static inline void no_started(void *ctx, const struct priv_started *m, int pty, int plugin, int log)
{
	(void)ctx, (void)m, (void)pty, (void)plugin, (void)log;
}

static inline void no_exited(void *ctx, const struct priv_exited *m)
{
	(void)ctx, (void)m;
}

static inline void no_stop(void *ctx)
{
	(void)ctx;
}

static const struct priv_handlers priv_handlers = {
	.conf = no_conf, .opened = on_opened, .started = no_started, .exited = no_exited, .stop = no_stop,
	.gone = no_stop,
};

/* The next request, if there is one; time goes on a little, for requests come a moment later. */
static inline bool asks(struct priv_msg *m)
{
	struct seqmsg raw;

	skip_ms(2);
	if (seqmsg_recv(root, &raw) < 0)
		return false;
	ck_assert_int_eq(priv_decode(m, raw.data, raw.len), 0);
	return true;
}

static inline struct priv_open asked_open(void)
{
	struct priv_msg m;

	ck_assert(asks(&m));
	ck_assert_uint_eq(m.type, PRIV_OPEN);
	ck_assert_uint_eq(m.open.socket, PRIV_SOCKET_LINE);
	return m.open;
}

static inline void asked_unlock(uint32_t handle)
{
	struct priv_msg m;

	ck_assert(asks(&m));
	ck_assert_uint_eq(m.type, PRIV_CLOSE_LINE);
	ck_assert_uint_eq(m.close_line.handle, handle);
}

static inline void asked_nothing(void)
{
	struct priv_msg m;

	ck_assert(!asks(&m));
}

/* fd: -1: none; closed here. */
static inline void tell_opened(const struct priv_open *o, int error, int fd, uint32_t handle)
{
	const struct priv_msg m = { .type = PRIV_OPENED,
				    .opened = { PRIV_SOCKET_LINE, o->index, error, handle, o->generation } };
	uint8_t data[PRIV_MSG_MAX];

	ck_assert_int_eq(seqmsg_send(root, data, priv_encode(data, sizeof data, &m), &fd, fd >= 0), 0);
	if (fd >= 0)
		close(fd);
	turn();
}

static inline int some_device(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

/* All devices that are asked for; how many. */
static inline unsigned root_opens(void)
{
	unsigned n = 0;
	struct priv_msg m;

	while (asks(&m)) {
		if (m.type != PRIV_OPEN)
			continue;
		tell_opened(&m.open, 0, some_device(), m.open.index + 100u);
		n++;
	}
	return n;
}

/* --- the set --- */

static inline struct conf *conf_of(const char *text)
{
	static char whole[1 << 16];
	struct conf_errors errors;
	struct conf *c;

	conf_errors_init(&errors);
	ck_assert_int_lt(snprintf(whole, sizeof whole, "ppp = { local = \"192.0.2.1\"; }; pools = ( { name = \"p\"; "
				  "ranges = [ \"10.0.0.0/24\" ]; } ); %s", text), sizeof whole);
	c = conf_parse("f", whole, strlen(whole), &errors);
	ck_assert_msg(c != NULL, "%s", errors.n ? errors.list[0] : "memory");
	conf_errors_clear(&errors);
	return c;
}

static inline void configure(const char *text)
{
	struct conf *c = conf_of(text);

	DO(lines_configure(lines, c, ++generation));
	conf_free(c);
	turn();
}

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
	lines = lines_new(loop, priv, &line_handlers, &seen);
	ck_assert(priv && lines);
	seen.up.fd = -1;
}

/* With nothing left open, but what a test holds itself. */
static inline void teardown(void)
{
	DO(lines_free(lines));
	priv_client_free(priv);
	ev_loop_destroy(loop);
	close(root);
	if (seen.up.fd >= 0)
		close(seen.up.fd);
	ck_assert_uint_eq(ports_open(), 0);
	ck_assert_uint_eq(open_fds(), fds_before);
}

/* The modems of MODEMS, or of another text, up to idle. */
static inline void modems_up(const char *text)
{
	configure(text);
	root_opens();
	ports_ready();
	modems_work();
}

static inline struct line_view view_of(const char *name)
{
	struct line_view v;

	for (size_t i = 0; lines_view(lines, i, &v); i++)
		if (!strcmp(v.name, name))
			return v;
	ck_abort_msg("there is no line %s", name);
	return v;
}

static inline const char *state_of(const char *name)
{
	return view_of(name).state;
}

static inline int dial(uint64_t session, const char *group)
{
	const struct line_dial d = { .group = group, .number = "12345", .bearer = 3, .framing = 3 };
	int r = CALL(lines_ops.dial(lines, session, &d));

	return r;
}

static inline void hangup(uint64_t session)
{
	DO(lines_ops.hangup(lines, session, LINE_PEER_CLEAR));
}

/* Octets pass between these two. */
static inline bool joined(int a, int b)
{
	char octet = 0;

	return send(a, "x", 1, MSG_NOSIGNAL) == 1 && recv(b, &octet, 1, 0) == 1 && octet == 'x';
}

static inline bool is_closed(int fd)
{
	char octet;
	ssize_t n = recv(fd, &octet, 1, MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno != EAGAIN);
}

/* As UNIT_CASE, with a set of its own for each test. */
static inline void lines_case(Suite *s, const char *name, const TTest *const *tests)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	for (; *tests; tests++)
		tcase_add_test(tc, *tests);
	suite_add_tcase(s, tc);
}

#define LINES_CASE(s, name, ...) lines_case(s, name, (const TTest *const[]){ __VA_ARGS__, NULL })

#endif
