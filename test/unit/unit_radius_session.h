/*
 * For tests of sessions with RADIUS: besides the client of unit_radius_fake.h, accounting that keeps its records, and
 * counters of interfaces that are what the test says.
 */
#ifndef PACD_TEST_UNIT_RADIUS_SESSION_H
#define PACD_TEST_UNIT_RADIUS_SESSION_H

#include "pacd/line/ifstats.h"

#include "test/unit/unit_login.h"
#include "test/unit/unit_radius_fake.h"

#define RECORDS 512

struct acct {
	bool enabled;
};

struct told {
	bool note;
	uint8_t status;
	char id[RADIUS_SESSION_ID], tunnel[RADIUS_SESSION_ID]; /* tunnel: "": none */
	struct attrs a;
};

static struct acct accounting;
static struct told told[RECORDS];
static unsigned ntold, nshown; /* nshown: of earlier questions */
static unsigned ids;

static bool counters_there;
static struct ifstats counters;

/* --- interfaces --- */

int ifstats_open(void)
{
	return -1;
}

int ifstats_read(int fd, const char *ifname, struct ifstats *out)
{
	(void)fd;
	ck_assert_uint_ne(ifname[0], 0);
	*out = counters;
	return counters_there ? 0 : -ENODEV;
}

/* --- accounting --- */

static inline void tell(struct acct *a, const struct acct_record *r, bool note)
{
	struct told *t = &told[ntold];

	ck_assert_ptr_eq(a, &accounting);
	ck_assert_uint_lt(ntold, RECORDS);
	ck_assert_uint_le(r->len, sizeof t->a.data);
	ntold++;
	t->note = note;
	t->status = r->status;
	strcpy(t->id, r->session_id);
	strcpy(t->tunnel, r->tunnel ? r->tunnel : "");
	memcpy(t->a.data, r->attributes, r->len);
	t->a.len = r->len;
	ck_assert_uint_eq(attr_number(&t->a, RADIUS_ACCT_STATUS_TYPE), r->status);
	ck_assert_uint_eq(attr_number(&t->a, RADIUS_EVENT_TIMESTAMP), (uint32_t)r->event_time);
	attr_is_text(&t->a, RADIUS_ACCT_SESSION_ID, r->session_id);
}

void acct_add(struct acct *a, const struct acct_record *r)
{
	tell(a, r, false);
}

void acct_note(struct acct *a, const struct acct_record *r)
{
	ck_assert_uint_eq(r->status, RADIUS_ACCT_INTERIM);
	tell(a, r, true);
}

bool acct_enabled(const struct acct *a)
{
	return a->enabled;
}

void acct_session_id(struct acct *a, char id[RADIUS_SESSION_ID])
{
	ck_assert_ptr_eq(a, &accounting);
	snprintf(id, RADIUS_SESSION_ID, "boot%08X", ++ids);
}

struct acct *acct_new(struct ev_loop *l, struct radius_client *c, const struct conf_radius *conf_, int spool_fd,
		      const struct radius_nas *nas)
{
	(void)l, (void)c, (void)conf_, (void)spool_fd, (void)nas;
	return NULL;
}

void acct_free(struct acct *a)
{
	(void)a;
}

void acct_configure(struct acct *a, const struct conf_radius *c, const struct radius_nas *nas)
{
	(void)a, (void)c, (void)nas;
}

void acct_stop(struct acct *a, int64_t ms, void (*done)(void *ctx), void *ctx)
{
	(void)a, (void)ms, (void)done, (void)ctx;
}

void acct_view(const struct acct *a, struct acct_view *v)
{
	(void)a, (void)v;
}

/* The next record that nobody has looked at: it must be of this kind. */
static inline const struct attrs *record(uint8_t status)
{
	ck_assert_msg(nshown < ntold, "no record of status %u", status);
	ck_assert(!told[nshown].note);
	ck_assert_uint_eq(told[nshown].status, status);
	return &told[nshown++].a;
}

static inline const struct attrs *noted(void)
{
	ck_assert_msg(nshown < ntold, "nothing noted");
	ck_assert(told[nshown].note);
	return &told[nshown++].a;
}

static inline void no_record(void)
{
	ck_assert_msg(nshown == ntold, "a record of status %u", told[nshown].status);
}

/* RAD-61: of each session one Start, first, and one Stop, last. */
static inline void check_records(void)
{
	for (unsigned i = 0; i < ntold; i++) {
		unsigned starts = 0, stops = 0;

		for (unsigned k = 0; k < ntold; k++) {
			if (strcmp(told[k].id, told[i].id))
				continue;
			starts += told[k].status == RADIUS_ACCT_START;
			if (told[k].status == RADIUS_ACCT_INTERIM || told[k].status == RADIUS_ACCT_STOP)
				ck_assert(starts == 1 && stops == 0);
			stops += told[k].status == RADIUS_ACCT_STOP;
		}
		ck_assert_uint_le(starts, 1);
		ck_assert_uint_eq(starts, stops);
	}
}

/* --- sessions --- */

/* `more`: settings of the radius group; `top`: other ones. */
#define RADIUS(method, top, more)                                                                               \
	"login_delay = 0; aaa = { method = \"" method "\"; };" top                                             \
	"ppp = { auth = [ \"pap\", \"chap\", \"mschap\", \"mschapv2\" ]; mppe = \"allow\"; };"                   \
	"radius = { servers = ( { host = \"192.0.2.9\"; secret = \"0123456789abcdef\"; } );"                    \
	"           nas_identifier = \"nas\"; nas_ip_address = \"192.0.2.1\"; " more " };" POOLS

static inline void radius_with(const char *text)
{
	radius_room = &client;
	acct_room = &accounting;
	accounting.enabled = true;
	with(text);
}

/* Those who ask RADIUS about logins. */
static inline void radius(void)
{
	radius_with(RADIUS("radius", "", ""));
}

static inline void radius_over(void)
{
	over();
	ck_assert_uint_eq(waiting(), 0);
	check_records();
}

/* A call with a login that a server was asked about. */
static inline uint64_t asking(const char *name)
{
	uint64_t id = login(name, "secret");

	ck_assert_uint_eq(waiting(), 1);
	ck_assert_uint_eq(lines[id].answers, 0);
	return id;
}

/* A call whose login was accepted with what was given. */
static inline uint64_t logged_in(const char *name)
{
	uint64_t id = asking(name);

	server_accepts();
	ck_assert(accepted(id));
	return id;
}

/* And whose link is up. */
static inline uint64_t linked(const char *name)
{
	uint64_t id = logged_in(name);

	plugin_up(id, "ppp7");
	return id;
}

/* The result and error of the next CDN, whatever echoes there were. */
static inline unsigned cdn_at_last(void)
{
	struct msg m = { 0 };

	while (pns_next(p, &m) && m.type != MSG_CDN)
		ck_assert_uint_eq(m.type, MSG_ECHO_RQ);
	ck_assert_str_eq(msg_type_word(m.type), "CDN");
	return m.cdn.result * 10u + m.cdn.error;
}

#define SIGNALLED(n) (n)
#define EXITED(n) ((n) << 8)

/* Time goes by on a connection whose echoes are answered. */
static inline void pass_s(unsigned seconds)
{
	struct msg m;

	for (; seconds; seconds--) {
		skip_ms(1000);
		while (pns_next(p, &m)) {
			struct msg echo = { .type = MSG_ECHO_RP, .echo_rp = { .identifier = m.echo_rq.identifier,
									       .result = ECHO_OK } };

			ck_assert_uint_eq(m.type, MSG_ECHO_RQ);
			pns_send(p, &echo);
			turn();
		}
	}
}

/* What the plugin says when its link goes down. */
static inline void down(uint64_t id, int status, bool peer_ended)
{
	const struct plugin_msg m = { .type = PLUGIN_DOWN, .down = { .status = status, .peer_ended = peer_ended,
		.seconds = 3, .in_octets = 0x1000000AB, .out_octets = 0x2000000CD, .in_packets = 11, .out_packets = 22 } };

	plugin_says(id, &m);
}

/* Of the next record, which must be a Stop. */
static inline uint32_t cause(void)
{
	return attr_number(record(RADIUS_ACCT_STOP), RADIUS_ACCT_TERMINATE_CAUSE);
}

/* A session whose Start is told. */
static inline uint64_t started(void)
{
	uint64_t id = linked("zoe");

	record(RADIUS_ACCT_START);
	return id;
}

static inline const char *var(const struct script_vars *vars, enum script_var v)
{
	for (unsigned i = 0; i < vars->n; i++)
		if (vars->list[i].var == v)
			return vars->list[i].value;
	return NULL;
}

static inline TCase *radius_case(Suite *s, const char *name, void (*setup)(void))
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, radius_over);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	return tc;
}

static inline void radius_add(Suite *s, const char *name, void (*setup)(void), const TTest *const *tests)
{
	TCase *tc = radius_case(s, name, setup);

	for (; *tests; tests++)
		tcase_add_test(tc, *tests);
}

#define RADIUS_CASE(s, name, setup, ...) radius_add(s, name, setup, (const TTest *const[]){ __VA_ARGS__, NULL })

#endif
