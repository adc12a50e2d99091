/*
 * For tests of sessions: all rooms around them are real, but for the data path,
 * which moves nothing, and the lines, which do what the test says.
 */
#ifndef PACD_TEST_UNIT_SESSION_H
#define PACD_TEST_UNIT_SESSION_H

#include "common/log.h"
#include "pacd/session.h"
#include "pacd/stats.h"

#include "test/unit/unit_loop.h"

#include <stdio.h>

#define LINES 1024

/* The line of the session with this number. */
struct line {
	bool dialled, answered, over;
	unsigned hangups, answers;
	enum line_reason reason;
	uint32_t peer_addr;
	int fd;
	bool fd_open_at_hangup;
	struct plugin_answer answer; /* the last one */
	unsigned changes;
	struct script_vars vars;     /* of the last change */
};

static struct line lines[LINES];
static unsigned nlines; /* the highest number of one that was dialled: as a rule the last one */
static int dial_error;

static struct peers peers;
static struct conns *conns;
static struct datapath *datapath;
static struct pools *pools;
static struct sessions *sessions;
static struct radius_client *radius_room; /* NULL: there are no servers; see unit_radius_session.h */
static struct acct *acct_room;
static const struct line_ops *real_room; /* NULL: there are no real lines; see unit_ring.h */
static struct conf *conf;
static struct conf_users *users;
static unsigned fds_before;

static char log_text[1 << 16];
static size_t log_len;

/* --- lines --- */

static inline struct line *line_at(uint64_t id)
{
	ck_assert(id && id < LINES);
	return &lines[id];
}

static inline int fake_dial(void *ctx, uint64_t session, const struct line_dial *d)
{
	struct line *l = line_at(session);

	ck_assert_ptr_eq(ctx, lines);
	if (dial_error)
		return dial_error;
	ck_assert(!l->dialled);
	*l = (struct line){ .dialled = true, .peer_addr = d->peer_addr, .fd = -1 };
	if (session > nlines)
		nlines = (unsigned)session;
	return 0;
}

static inline void fake_hangup(void *ctx, uint64_t session, enum line_reason reason)
{
	struct line *l = line_at(session);

	(void)ctx;
	if (l->hangups++)
		return;
	l->reason = reason;
	l->fd_open_at_hangup = l->fd >= 0 && fcntl(l->fd, F_GETFD) >= 0;
}

static inline void fake_answer_auth(void *ctx, uint64_t session, const struct plugin_answer *a)
{
	struct line *l = line_at(session);

	(void)ctx;
	ck_assert(l->answered && !l->over);
	l->answers++;
	l->answer = *a;
}

static inline void fake_change(void *ctx, uint64_t session, const struct script_vars *vars)
{
	struct line *l = line_at(session);

	(void)ctx;
	l->changes++;
	l->vars = *vars;
}

static const struct line_ops fake_line_ops = {
	.name = "fake", .dial = fake_dial, .hangup = fake_hangup, .answer_auth = fake_answer_auth, .change = fake_change,
};

static inline void line_answers(uint64_t id)
{
	struct line *l = line_at(id);

	ck_assert(l->dialled && !l->answered && !l->over);
	l->answered = true;
	l->fd = open("/dev/null", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	session_line_handlers.answered(sessions, id, &(struct line_up){ .fd = l->fd, .pid = 1000 + (uint32_t)id });
}

static inline void line_fails(uint64_t id, uint8_t result, uint8_t error)
{
	struct line *l = line_at(id);

	ck_assert(l->dialled && !l->answered && !l->over);
	l->over = true;
	session_line_handlers.failed(sessions, id, result, error, 0);
}

/* status: as of wait(). */
static inline void line_exits(uint64_t id, uint8_t error, int status)
{
	struct line *l = line_at(id);

	ck_assert(l->dialled && !l->over);
	l->over = true;
	session_line_handlers.down(sessions, id,
				   &(struct line_end){ .error = error, .has_status = true, .exit_status = status });
}

static inline void line_goes_down(uint64_t id, uint8_t error)
{
	line_exits(id, error, 0);
}

/* Those that were hung up go down. */
static inline void lines_settle(void)
{
	for (unsigned i = 1; i <= nlines; i++)
		if (lines[i].dialled && lines[i].hangups && !lines[i].over)
			line_goes_down(i, MSG_ERR_NONE);
}

/* --- what the plugin says --- */

static inline void plugin_says(uint64_t id, const struct plugin_msg *m)
{
	session_line_handlers.plugin(sessions, id, m);
}

static inline void plugin_up(uint64_t id, const char *ifname)
{
	struct plugin_msg m = { .type = PLUGIN_UP, .up = { .local = 1, .remote = 2, .mppe_bits = 128, .mtu = 1400 } };

	memcpy(m.up.ifname, ifname, strlen(ifname));
	plugin_says(id, &m);
}

static inline void put_text(uint8_t *to, uint8_t *len, const char *text)
{
	*len = (uint8_t)strlen(text);
	memcpy(to, text, *len);
}

static inline void plugin_pap(uint64_t id, const char *name, const char *password)
{
	struct plugin_msg m = { .type = PLUGIN_AUTH, .auth = { .method = PLUGIN_PAP } };

	put_text(m.auth.name, &m.auth.name_len, name);
	put_text(m.auth.proof, &m.auth.proof_len, password);
	plugin_says(id, &m);
}

/* The exchange of RFC 2759 section 9.2: user "User" with the secret "clientPass". */
static inline void plugin_mschapv2(uint64_t id, bool right)
{
	static const uint8_t challenge[16] = { 0x5b, 0x5d, 0x7c, 0x7d, 0x7b, 0x3f, 0x2f, 0x3e, 0x3c, 0x2c, 0x60, 0x21,
		0x32, 0x26, 0x26, 0x28 };
	static const uint8_t response[49] = { 0x21, 0x40, 0x23, 0x24, 0x25, 0x5e, 0x26, 0x2a, 0x28, 0x29, 0x5f, 0x2b,
		0x3a, 0x33, 0x7c, 0x7e, 0, 0, 0, 0, 0, 0, 0, 0, 0x82, 0x30, 0x9e, 0xcd, 0x8d, 0x70, 0x8b, 0x5e, 0xa0,
		0x8f, 0xaa, 0x39, 0x81, 0xcd, 0x83, 0x54, 0x42, 0x33, 0x11, 0x4a, 0x3d, 0x85, 0xd6, 0xdf, 0 };
	struct plugin_msg m = { .type = PLUGIN_AUTH, .auth = { .method = PLUGIN_MSCHAPV2, .id = 1, .challenge_len = 16,
							       .proof_len = 49 } };

	put_text(m.auth.name, &m.auth.name_len, "User");
	memcpy(m.auth.challenge, challenge, sizeof challenge);
	memcpy(m.auth.proof, response, sizeof response);
	m.auth.proof[30] ^= !right;
	plugin_says(id, &m);
}

/* --- rooms --- */

#define POOLS "pools = ( { name = \"main\"; local = \"10.0.0.1\"; ranges = [ \"10.0.0.2-200\" ];" \
	      "            dns = [ \"9.9.9.9\" ]; }," \
	      "          { name = \"one\"; local = \"10.0.1.1\"; ranges = [ \"10.0.1.5\" ]; } );"
#define PLAIN "login_delay = 0; ppp = { auth = [ \"pap\", \"mschapv2\" ]; mppe = \"allow\"; };" POOLS

static const char users_text[] =
	"users = ( { name = \"User\"; secret = \"clientPass\"; },"
	"{ name = \"alice\"; secret = \"a\"; sessions = 1; on_limit = \"refuse\"; },"
	"{ name = \"bob\"; secret = \"b\"; sessions = 1; on_limit = \"replace\"; address = \"10.0.0.77\"; },"
	"{ name = \"carol\"; secret = \"c\"; sessions = 1; on_limit = \"replace\"; pool = \"one\"; },"
	"{ name = \"dave\"; secret = \"d\"; sessions = 2; on_limit = \"replace\"; },"
	"{ name = \"erin\"; secret = \"e\"; pool = \"one\"; },"
	"{ name = \"brief\"; secret = \"t\"; session_timeout = 2; },"
	"{ name = \"idle\"; secret = \"i\"; idle_timeout = 4; } );";

static inline void keep_log(enum log_level level, const char *line)
{
	(void)level;
	if (log_len + strlen(line) + 2 > sizeof log_text)
		log_len = 0;
	log_len += (size_t)sprintf(log_text + log_len, "%s\n", line);
}

/* The log since the last question has this in it. */
static inline void logged(const char *what)
{
	ck_assert_msg(strstr(log_text, what) != NULL, "no \"%s\" in:\n%s", what, log_text);
	log_len = 0;
	log_text[0] = '\0';
}

/* The connections are there before the sessions are. */
static inline void hand_call(void *ctx, struct conn *c, const struct msg *m)
{
	(void)ctx;
	session_conn_handlers.call(sessions, c, m);
}

static inline void hand_clear_calls(void *ctx, struct conn *c, enum ctrl_close why)
{
	(void)ctx;
	session_conn_handlers.clear_calls(sessions, c, why);
}

static inline void hand_established(void *ctx, struct conn *c)
{
	(void)ctx;
	session_conn_handlers.established(sessions, c);
}

static inline void hand_closed(void *ctx, struct conn *c, enum ctrl_close why)
{
	(void)ctx;
	if (sessions)
		session_conn_handlers.closed(sessions, c, why);
}

static const struct conn_handlers hands = { hand_call, hand_clear_calls, hand_established, hand_closed };

static inline void conns_setup(void)
{
	struct conn_settings settings = { .timers = conf->timers, .self = { .max_channels = 100 },
					  .idle_ms = conf->real.pns.idle_ms };

	conns_configure(conns, &settings);
}

static inline void start(const char *conf_text)
{
	struct session_rooms rooms;
	struct conf_errors errors;

	log_set_sink(keep_log);
	fds_before = open_fds();
	conf_errors_init(&errors);
	conf = conf_parse("f", conf_text, strlen(conf_text), &errors);
	users = conf ? conf_users_parse("u", users_text, sizeof users_text - 1, conf, &errors) : NULL;
	ck_assert_msg(users != NULL, "%s", errors.n ? errors.list[0] : "memory");
	conf_errors_clear(&errors);
	loop = ev_loop_new(EVFLAG_AUTO);
	peers_init(&peers);
	datapath = datapath_null_new();
	pools = pools_new(conf);
	conns = conns_new(loop, &hands, NULL, &peers);
	rooms = (struct session_rooms){ .loop = loop, .conns = conns, .peers = &peers, .datapath = datapath,
					.line_ops = &fake_line_ops, .lines = lines, .pools = pools,
					.radius = radius_room, .acct = acct_room, .real_ops = real_room,
					.real_lines = lines };
	sessions = sessions_new(&rooms);
	ck_assert(datapath && pools && conns && sessions);
	sessions_configure(sessions, conf, users);
	conns_setup();
}

/* As pacd ends: connections first, whatever is still there. */
static inline void rooms_free(void)
{
	conns_free(conns);
	datapath->ops->free(datapath);
	sessions_free(sessions);
	pools_free(pools);
	peers_clear(&peers);
	conf_users_free(users);
	conf_free(conf);
	ev_loop_destroy(loop);
}

static inline uint64_t pool_used(size_t i)
{
	struct pool_view v;

	ck_assert(pools_view(pools, i, &v));
	return v.used;
}

/* Nothing is left of any call: no channel, session, lease, count of a peer, connection or descriptor. */
static inline void nothing_left(void)
{
	turn();
	ck_assert_uint_eq(sessions_channels(sessions), 0);
	ck_assert_uint_eq(sessions_rings(sessions), 0);
	ck_assert_uint_eq(sessions_count(sessions), 0);
	ck_assert_uint_eq(pool_used(0) + pool_used(1), 0);
	ck_assert_uint_eq(conns_count(conns), 0);
	ck_assert_uint_eq(peers.by_addr.count, 0);
	for (unsigned i = 1; i <= nlines; i++)
		ck_assert(!lines[i].dialled || lines[i].over);
}

static inline void finish(void)
{
	nothing_left();
	rooms_free();
	ck_assert_uint_eq(open_fds(), fds_before);
}

/* --- calls --- */

static inline struct pns *pns_new(uint32_t addr)
{
	static struct pns all[64];
	static unsigned next;
	struct pns *p = &all[next++ % 64];
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	*p = (struct pns){ .fd = fds[1] };
	conns_accept(conns, fds[0], (struct endpoint){ addr, 50000 }, (struct endpoint){ 0x0a000001, 1723 });
	return p;
}

static inline struct pns *pns_up(uint32_t addr)
{
	struct pns *p = pns_new(addr);

	pns_establish(p);
	return p;
}

static inline struct msg msg_ocrq_good(uint16_t id)
{
	return (struct msg){ .type = MSG_OCRQ, .ocrq = { .call_id = id, .serial = id, .min_bps = 300, .max_bps = 10000000,
							 .bearer = 3, .framing = 3, .window = 64 } };
}

static inline void pns_ocrq(struct pns *p, uint16_t id)
{
	const struct msg m = msg_ocrq_good(id);

	pns_send(p, &m);
	turn();
}

static inline void pns_ccrq(struct pns *p, uint16_t id)
{
	const struct msg m = { .type = MSG_CCRQ, .ccrq = { .call_id = id } };

	pns_send(p, &m);
	turn();
}

/* A call that dials; its session's number. */
static inline uint64_t dialling(struct pns *p, uint16_t id)
{
	unsigned before = nlines;

	pns_ocrq(p, id);
	ck_assert_uint_gt(nlines, before);
	return nlines;
}

/* An OCRP for this call: 10 times its result, and its error. */
static inline unsigned ocrp_code(struct pns *p, uint16_t id)
{
	struct msg m = pns_expect(p, MSG_OCRP);

	ck_assert_uint_eq(m.ocrp.peer_call_id, id);
	ck_assert_uint_eq(m.ocrp.result == OCRP_CONNECTED, m.ocrp.call_id != 0);
	return (unsigned)(m.ocrp.result * 10 + m.ocrp.error);
}

static inline unsigned cdn_code(struct pns *p)
{
	struct msg m = pns_expect(p, MSG_CDN);

	ck_assert_uint_ne(m.cdn.call_id, 0);
	return (unsigned)(m.cdn.result * 10 + m.cdn.error);
}

/* A call that is up. */
static inline uint64_t calling(struct pns *p, uint16_t id)
{
	uint64_t session = dialling(p, id);

	line_answers(session);
	ck_assert_uint_eq(ocrp_code(p, id), OCRP_CONNECTED * 10);
	return session;
}

static inline void pns_bye(struct pns *p)
{
	pns_close(p);
	lines_settle();
	turn();
}

#endif
