/*
 * Accounting of sessions (RAD-60 to RAD-64, RAD-70 to RAD-73): which records there are, and what stands in them.
 */
#include "test/unit/unit_radius_session.h"

static void tunnels(void)
{
	radius_with(RADIUS("radius", "", "acct = { tunnel = true; };"));
}

static void both(void)
{
	radius_with(RADIUS("radius,local", "", ""));
}

/* --- records --- */

/* RAD-60: when the link is up, once, with what it has then. */
START_TEST(first_up)
{
	const struct attrs *a;
	struct radius_attribute class_;
	uint64_t id;

	give_number(RADIUS_FRAMED_IP_ADDRESS, 0x0a000042);
	give_text(RADIUS_CLASS, "one");
	give_text(RADIUS_CLASS, "two");
	give_text(RADIUS_FILTER_ID, "gold");
	give(RADIUS_FRAMED_INTERFACE_ID, "12345678", 8);
	id = logged_in("zoe@example");
	no_record();
	pass_s(5);
	plugin_up(id, "ppp7");
	a = record(RADIUS_ACCT_START);
	attr_is_text(a, RADIUS_USER_NAME, "zoe@example");
	attr_is_text(a, RADIUS_ACCT_SESSION_ID, view(id).session_id);
	attr_is_text(&jobs[0].a, RADIUS_ACCT_SESSION_ID, view(id).session_id);
	ck_assert_uint_eq(attr_number(a, RADIUS_NAS_PORT), id);
	ck_assert_uint_eq(attr_number(a, RADIUS_NAS_PORT_TYPE), RADIUS_PORT_VIRTUAL);
	attr_is_text(a, RADIUS_NAS_IDENTIFIER, "nas");
	ck_assert_uint_eq(attr_number(a, RADIUS_SERVICE_TYPE), RADIUS_SERVICE_FRAMED);
	ck_assert_uint_eq(attr_number(a, RADIUS_FRAMED_PROTOCOL), 1);
	ck_assert_uint_eq(attr_number(a, RADIUS_FRAMED_IP_ADDRESS), 0x0a000042);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_AUTHENTIC), 1);
	attr_is_text(a, RADIUS_CALLING_STATION_ID, "0.0.0.5");
	attr_is_text(a, RADIUS_CALLED_STATION_ID, "10.0.0.1");
	attr_is_text(a, RADIUS_FILTER_ID, "gold");
	attr_is(a, RADIUS_FRAMED_INTERFACE_ID, "12345678", 8);
	ck_assert_uint_eq(attr_number(a, RADIUS_TUNNEL_TYPE), 1);
	ck_assert_uint_eq(attr_vsa(a, RADIUS_MICROSOFT, RADIUS_MS_ACCT_AUTH_TYPE).value[3], PLUGIN_PAP);
	ck_assert_uint_eq(attr_count(a, RADIUS_CLASS), 2);
	attr_find(a, RADIUS_CLASS, 1, &class_);
	ck_assert(class_.len == 3 && !memcmp(class_.value, "two", 3));
	ck_assert_uint_eq(attr_count(a, RADIUS_ACCT_SESSION_TIME) + attr_count(a, RADIUS_ACCT_INPUT_OCTETS), 0);
	ck_assert_uint_eq(attr_count(a, RADIUS_ACCT_TERMINATE_CAUSE), 0);
	plugin_up(id, "ppp7"); /* IPCP once more */
	no_record();
}
END_TEST

/* The server's name for the user goes before the one that was sent; users of the users file say so. */
START_TEST(names)
{
	const struct attrs *a;
	uint64_t id;

	give_text(RADIUS_USER_NAME, "anonymised");
	linked("zoe");
	attr_is_text(record(RADIUS_ACCT_START), RADIUS_USER_NAME, "anonymised");
	id = login("DOM\\dave", "d");
	server_fails();
	ck_assert(accepted(id));
	plugin_up(id, "ppp8");
	a = record(RADIUS_ACCT_START);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_AUTHENTIC), 2);
	attr_is_text(a, RADIUS_USER_NAME, "DOM\\dave");
	ck_assert_uint_eq(attr_count(a, RADIUS_CLASS), 0);
}
END_TEST

/* RAD-60: nobody's link, and a call that never has one, are not told of. */
START_TEST(nobody)
{
	uint64_t id = next_call();

	plugin_up(id, "ppp7");
	line_goes_down(id, 0);
	id = asking("zoe");
	server_rejects();
	ck_assert(!accepted(id));
	plugin_up(id, "ppp7");
	down(id, 11, false);
	line_goes_down(id, 0);
	id = logged_in("zoe");
	down(id, 10, false);
	line_goes_down(id, 0);
	id = logged_in("zoe");
	sessions_disconnect(sessions, id);
	line_goes_down(id, 0);
	id = logged_in("zoe"); /* up when its call is over already */
	sessions_disconnect(sessions, id);
	plugin_up(id, "ppp7");
	down(id, 5, false);
	line_goes_down(id, 0);
	ck_assert_uint_eq(ntold, 0);
}
END_TEST

START_TEST(not_wanted)
{
	uint64_t id;

	accounting.enabled = false;
	id = linked("zoe");
	line_goes_down(id, 0);
	ck_assert_uint_eq(ntold, 0);
	accounting.enabled = true;
	id = started();
	accounting.enabled = false; /* what was begun is ended all the same */
	down(id, 0, true);
	ck_assert_uint_eq(cause(), 1);
	accounting.enabled = true;
	line_goes_down(id, 0);
}
END_TEST

/* RAD-61, RAD-62: with what the plugin has counted last, once. */
START_TEST(stop)
{
	uint64_t id = started();
	const struct attrs *a;

	counters_there = true;
	counters = (struct ifstats){ 1, 2, 3, 4 };
	pass_s(61);
	down(id, 0, true);
	a = record(RADIUS_ACCT_STOP);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_SESSION_TIME), 61);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_INPUT_OCTETS), 0xAB);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_INPUT_GIGAWORDS), 1);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_OUTPUT_OCTETS), 0xCD);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_OUTPUT_GIGAWORDS), 2);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_INPUT_PACKETS), 11);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_OUTPUT_PACKETS), 22);
	ck_assert_uint_eq(attr_number(a, RADIUS_FRAMED_IP_ADDRESS), 0x0a000002);
	attr_is_text(a, RADIUS_USER_NAME, "zoe");
	attr_is_text(a, RADIUS_ACCT_SESSION_ID, view(id).session_id);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_TERMINATE_CAUSE), 1);
	down(id, 0, true);
	plugin_up(id, "ppp7"); /* nonsense by now */
	down(id, 0, true);
	pass_s(700); /* nor an Interim after it */
	line_goes_down(id, 0);
	no_record();

	/* Of a pppd that tells nothing: what its interface had when the call ended. */
	id = started();
	counters = (struct ifstats){ .rx_packets = 5, .tx_packets = 6, .rx_octets = 0x700000007, .tx_octets = 8 };
	sessions_disconnect(sessions, id);
	cdn_at_last();
	no_record(); /* it may tell still */
	counters_there = false;
	line_exits(id, 0, SIGNALLED(9));
	a = record(RADIUS_ACCT_STOP);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_INPUT_OCTETS), 7);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_INPUT_GIGAWORDS), 7);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_OUTPUT_OCTETS), 8);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_INPUT_PACKETS), 5);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_OUTPUT_PACKETS), 6);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_TERMINATE_CAUSE), 6);
	no_record();
}
END_TEST

/* --- interim --- */

/* When the next record comes, in seconds, looking each second; then how it looks. */
static unsigned interim_after(unsigned limit, const struct attrs **a)
{
	for (unsigned s = 1; s <= limit; s++) {
		pass_s(1);
		if (ntold == nshown)
			continue;
		*a = record(RADIUS_ACCT_INTERIM);
		return s;
	}
	return 0;
}

/* RAD-63: a value of ours goes first. */
START_TEST(interim)
{
	const struct attrs *a;
	unsigned first, second;
	uint64_t id;

	give_number(RADIUS_ACCT_INTERIM_INTERVAL, 100);
	give_text(RADIUS_CLASS, "c");
	conf->radius.acct.interim = 200;
	id = started();
	ck_assert_uint_eq(view(id).interim, 200);
	counters_there = true;
	counters = (struct ifstats){ .rx_packets = 5, .tx_packets = 6, .rx_octets = 0x700000007, .tx_octets = 8 };
	first = interim_after(300, &a);
	ck_assert_uint_ge(first, 180);
	ck_assert_uint_le(first, 221);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_SESSION_TIME), first);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_INPUT_OCTETS), 7);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_INPUT_GIGAWORDS), 7);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_OUTPUT_PACKETS), 6);
	ck_assert_uint_eq(attr_count(a, RADIUS_ACCT_TERMINATE_CAUSE), 0);
	attr_is_text(a, RADIUS_CLASS, "c");
	attr_is_text(a, RADIUS_USER_NAME, "zoe");
	counters.rx_packets = 50;
	second = interim_after(300, &a);
	ck_assert_uint_ge(second, 180);
	ck_assert_uint_le(second, 221);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_INPUT_PACKETS), 50);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_SESSION_TIME), first + second);
	counters_there = false; /* what is known stays */
	interim_after(300, &a);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_INPUT_PACKETS), 50);
	sessions_disconnect(sessions, id); /* none while it ends */
	cdn_at_last();
	ck_assert_uint_eq(interim_after(300, &a), 0);
	line_goes_down(id, 0);
	nshown = ntold;
}
END_TEST

/* RFC 2869 section 5.16, RFC 5080 section 2.3: the server's own, but not below our least. */
START_TEST(interim_of_server)
{
	static const struct {
		uint32_t given;
		unsigned least, is;
	} rows[] = { { 100, 60, 100 }, { 30, 60, 60 }, { 1, 60, 60 }, { 100, 250, 250 }, { 0, 60, 0 } };
	const struct attrs *a;

	conf->radius.acct.interim = 0;
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		unsigned after;
		uint64_t id;

		conf->radius.acct.interim_min = rows[i].least;
		if (rows[i].given)
			give_number(RADIUS_ACCT_INTERIM_INTERVAL, rows[i].given);
		id = started();
		ck_assert_uint_eq(view(id).interim, rows[i].is);
		after = rows[i].is ? interim_after(400, &a) : 0;
		ck_assert_uint_ge(after, rows[i].is * 9 / 10);
		ck_assert_uint_le(after, rows[i].is * 11 / 10 + 1);
		line_goes_down(id, 0);
		cdn_at_last();
		record(RADIUS_ACCT_STOP);
	}
}
END_TEST

/* They don't all speak at once. */
START_TEST(interim_jitter)
{
	unsigned at[20] = { 0 }, n = 0, different = 0, notes = 0;

	conf->radius.acct.interim = 1000;
	for (unsigned i = 0; i < 20; i++)
		started();
	for (unsigned s = 1; s < 1200; s++) {
		pass_s(1);
		for (; nshown < ntold; nshown++)
			if (told[nshown].note)
				notes++;
			else
				at[n++] = s;
		if (n == 20)
			break;
	}
	ck_assert_uint_eq(n, 20);
	ck_assert(at[0] >= 900 && at[19] <= 1101);
	for (unsigned i = 1; i < 20; i++)
		different += at[i] != at[i - 1];
	ck_assert_uint_gt(different, 10);
	ck_assert_uint_ge(notes, 2 * 20); /* the spool must not wait that long */
}
END_TEST

/* Where no Interim says how it stands, the spool knows it in time. */
START_TEST(notes)
{
	const struct attrs *a;
	unsigned n = 0;
	uint64_t id;

	conf->radius.acct.interim = 0;
	id = started();
	counters_there = true;
	counters.tx_packets = 9;
	for (unsigned s = 0; s < 1000; s++) {
		pass_s(1);
		if (nshown == ntold)
			continue;
		a = noted();
		ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_OUTPUT_PACKETS), 9);
		ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_SESSION_TIME), s + 1);
		n++;
	}
	ck_assert_uint_ge(n, 3);
	ck_assert_uint_le(n, 3);
	line_goes_down(id, 0);
	record(RADIUS_ACCT_STOP);
	no_record();
}
END_TEST

/* The daemon ends and has not waited: Stops all the same, with what is known. */
START_TEST(end_of_all)
{
	const struct attrs *a;

	radius();
	sessions_end_all(sessions, LINE_SHUTDOWN);
	started();
	sessions_end_all(sessions, LINE_SHUTDOWN);
	cdn_at_last();
	linked("yan"); /* nobody had the time to end this one */
	record(RADIUS_ACCT_START);
	asking("xia");
	counters_there = true;
	counters.rx_packets = 77;
	rooms_free();
	close(p->fd);
	ck_assert_uint_eq(cause(), 7);
	a = record(RADIUS_ACCT_STOP);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_TERMINATE_CAUSE), 9);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_INPUT_PACKETS), 77);
	no_record();
	check_records();
	ck_assert_uint_eq(waiting(), 0);
	ck_assert_uint_eq(open_fds(), fds_before);
}
END_TEST

/* --- RFC 2867 --- */

static const struct datapath_ops *real_ops;

static void counting_detach(struct datapath *d, uint16_t call_id, struct datapath_stats *final)
{
	real_ops->detach(d, call_id, final);
	*final = (struct datapath_stats){ .rx_packets = 10, .rx_octets = 0x100000011, .tx_packets = 20, .tx_octets = 200,
					  .rx_lost = 3 };
}

/* RAD-70 to RAD-73. */
START_TEST(links)
{
	struct datapath_ops counting = *datapath->ops;
	const struct attrs *a;
	uint64_t id;

	real_ops = datapath->ops;
	counting.detach = counting_detach;
	datapath->ops = &counting;
	record(RADIUS_ACCT_TUNNEL_START); /* the connection's */
	id = next_call();
	a = record(RADIUS_ACCT_LINK_START);
	attr_is_text(a, RADIUS_ACCT_SESSION_ID, view(id).session_id);
	ck_assert_uint_eq(attr_number(a, RADIUS_NAS_PORT), id);
	attr_is_text(a, RADIUS_TUNNEL_CLIENT_ENDPOINT, "0.0.0.5");
	attr_is_text(a, RADIUS_TUNNEL_SERVER_ENDPOINT, "10.0.0.1");
	ck_assert_uint_eq(attr_count(a, RADIUS_ACCT_TERMINATE_CAUSE) + attr_count(a, RADIUS_FRAMED_IP_ADDRESS), 0);
	plugin_pap(id, "zoe", "x");
	server_accepts();
	plugin_up(id, "ppp7");
	record(RADIUS_ACCT_START);
	pass_s(30);
	sessions_disconnect(sessions, id);
	cdn_at_last();
	skip_ms(5000);
	down(id, 5, false);
	line_goes_down(id, 0);
	ck_assert_uint_eq(cause(), 6);
	a = record(RADIUS_ACCT_LINK_STOP);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_TERMINATE_CAUSE), 6);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_SESSION_TIME), 30);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_INPUT_OCTETS), 0x11);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_INPUT_GIGAWORDS), 1);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_INPUT_PACKETS), 10);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_OUTPUT_OCTETS), 200);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_OUTPUT_PACKETS), 20);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_TUNNEL_PACKETS_LOST), 3);
	attr_is_text(a, RADIUS_USER_NAME, "zoe");
	no_record();

	/* A call without a user, ended from the other end; and calls that were refused or cleared while dialling. */
	id = next_call();
	record(RADIUS_ACCT_LINK_START);
	accounting.enabled = false;
	line_exits(id, 0, EXITED(16));
	accounting.enabled = true;
	ck_assert_uint_eq(attr_number(record(RADIUS_ACCT_LINK_STOP), RADIUS_ACCT_TERMINATE_CAUSE), 2);
	cdn_at_last();
	id = dialling(p, 1000);
	line_fails(id, OCRP_BUSY, 0);
	ck_assert_uint_eq(ocrp_code(p, 1000), OCRP_BUSY * 10);
	a = record(RADIUS_ACCT_LINK_REJECT);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_TERMINATE_CAUSE), 9);
	id = dialling(p, 1000);
	pns_ccrq(p, 1000);
	cdn_at_last();
	line_goes_down(id, 0);
	no_record();

	/* All of a connection's before its own end. */
	id = next_call();
	record(RADIUS_ACCT_LINK_START);
	plugin_pap(id, "zoe", "x");
	server_accepts();
	plugin_up(id, "ppp7");
	record(RADIUS_ACCT_START);
	pns_close(p);
	no_record();
	line_exits(id, 0, EXITED(16));
	ck_assert_uint_eq(cause(), 2);
	record(RADIUS_ACCT_LINK_STOP);
	a = record(RADIUS_ACCT_TUNNEL_STOP);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_TERMINATE_CAUSE), 2);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_INPUT_PACKETS), 30);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_TUNNEL_PACKETS_LOST), 9);
	no_record();
	for (unsigned i = 0; i < ntold; i++) /* so accounting keeps them in order */
		ck_assert_str_eq(told[i].tunnel, told[0].id);
	datapath->ops = real_ops;
}
END_TEST

static Suite *session_acct_suite(void)
{
	Suite *s = suite_create("session_acct");
	TCase *end = tcase_create("end of all");

	RADIUS_CASE(s, "records", radius, first_up, nobody, not_wanted, stop);
	RADIUS_CASE(s, "users", both, names);
	RADIUS_CASE(s, "interim", radius, interim, interim_of_server, interim_jitter, notes);
	RADIUS_CASE(s, "links", tunnels, links);
	tcase_add_test(end, end_of_all);
	suite_add_tcase(s, end);
	return s;
}

UNIT_MAIN(session_acct_suite)
