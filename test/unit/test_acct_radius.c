/*
 * Accounting over the real client: what it makes of a server that is silent, and of one that is silent to one record
 * only (RAD-61, RAD-65, RAD-66).
 */
#include "test/unit/unit_radius_client.h"

#include "pacd/aaa/acct_internal.h"

#define SERVERS 3

static struct acct *accounting;
static struct fake servers[SERVERS];
static unsigned nservers;
static uint8_t ignored; /* no server answers records with this status; 0: none */
static bool mute;       /* nor anything else */
static unsigned stops;  /* of "A", that were taken */

static void add(uint8_t status, const char *session)
{
	struct acct_record r = { .status = status, .event_time = time(NULL), .session_id = session };
	uint8_t data[512];
	struct wbuf w;

	wbuf_init(&w, data, sizeof data);
	radius_put_u32(&w, RADIUS_ACCT_STATUS_TYPE, status);
	radius_put_text(&w, RADIUS_ACCT_SESSION_ID, session);
	r.attributes = data;
	r.len = wbuf_len(&w);
	acct_add(accounting, &r);
}

static void setup(void)
{
	loop = ev_loop_new(0);
	log_set_sink(log_sink);
	conf_init();
	conf.total_ms = 30000;
	conf.acct.enabled = conf.acct.on_off = true;
	conf.acct.spool_mb = 1;
}

static void up(unsigned n, bool status_server)
{
	static const struct radius_nas nas = { .identifier = "pac" };

	for (nservers = 0; nservers < n; nservers++) {
		struct conf_radius_server *s;

		ck_assert(fake_open(&servers[nservers], AF_INET, "secret"));
		s = conf_add(&servers[nservers]);
		s->port = 0;
		s->acct_port = servers[nservers].port;
		s->priority = nservers;
		s->timeout_ms = 3000;
		s->retries = 3;
		s->status_server = status_server;
	}
	client = radius_client_new(loop, &conf);
	accounting = acct_new(loop, client, &conf, -1, &nas);
	ck_assert(client && accounting);
}

static void teardown(void)
{
	acct_free(accounting);
	radius_client_free(client);
	while (nservers)
		fake_close(&servers[--nservers]);
	ev_loop_destroy(loop);
}

static void serve(struct fake *f)
{
	const uint8_t *status, *session;
	size_t len = 0;
	struct wire w;

	while (fake_next(f, &w)) {
		status = wire_attribute(&w, RADIUS_ACCT_STATUS_TYPE, &len);
		if (mute || (status && status[3] == ignored))
			continue;
		session = wire_attribute(&w, RADIUS_ACCT_SESSION_ID, &len);
		stops += status && status[3] == RADIUS_ACCT_STOP && session && len == 1 && *session == 'A';
		fake_reply(f, &w, RADIUS_ACCOUNTING_RESPONSE, 0);
	}
}

/* Until A's Stop is taken, at most so many seconds; each 20 s somebody else's comes. */
static unsigned serve_for(unsigned most, bool others)
{
	char id[RADIUS_SESSION_ID];
	unsigned s;

	for (s = 0; s < most && !stops; s++) {
		if (others && s % 20 == 0) {
			snprintf(id, sizeof id, "other%u", s);
			add(RADIUS_ACCT_STOP, id);
		}
		for (unsigned i = 0; i < nservers; i++)
			serve(&servers[i]);
		skip_ms(1000);
	}
	return s;
}

static struct acct_view view(void)
{
	struct acct_view v;

	acct_view(accounting, &v);
	return v;
}

/* Found out by Status-Server: only that is answered. */
START_TEST(on_is_ignored)
{
	up(1, true);
	ignored = RADIUS_ACCT_ON;
	add(RADIUS_ACCT_STOP, "A");
	ck_assert_uint_lt(serve_for(300, false), 300);
	ck_assert_uint_eq(view().dropped_others, 1);
}
END_TEST

START_TEST(start_is_ignored)
{
	up(1, false);
	serve_for(3, false); /* On */
	ignored = RADIUS_ACCT_START;
	add(RADIUS_ACCT_START, "A");
	add(RADIUS_ACCT_STOP, "A");
	ck_assert_uint_lt(serve_for(300, true), 300);
	ck_assert_uint_eq(view().dropped_others, 1);
	ck_assert_uint_eq(view().dropped_stops, 0);
}
END_TEST

/* Servers that have answered, and never were asked: none is alive for that, nothing is given up or let pass. */
START_TEST(all_fall_silent)
{
	struct acct_item *start;

	up(3, false);
	serve_for(60, true);
	mute = true;
	add(RADIUS_ACCT_START, "A");
	add(RADIUS_ACCT_STOP, "A");
	serve_for(900, false);
	start = list_entry(accounting->age[ACCT_OTHERS].next, struct acct_item, age);
	ck_assert_uint_gt(start->failures, 6);
	ck_assert(!start->refused && !start->stuck);
	mute = false;
	serve_for(200, false);
	ck_assert_uint_eq(stops, 1);
	ck_assert_uint_eq(view().waiting, 0);
	ck_assert_uint_eq(view().dropped_others, 0);
}
END_TEST

static Suite *acct_radius_suite(void)
{
	Suite *s = suite_create("acct_radius");
	TCase *c = tcase_create("real client");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, on_is_ignored);
	tcase_add_test(c, start_is_ignored);
	tcase_add_test(c, all_fall_silent);
	suite_add_tcase(s, c);
	return s;
}

UNIT_MAIN(acct_radius_suite)
