/*
 * Rings that a RADIUS server decides about (RAD-10 to RAD-12, RAD-40 to RAD-46): what is asked, which PNSs are tried in
 * which order, and what accounting says of a call that goes through (RAD-60, RAD-62, RAD-70 to RAD-73).
 */
#include "test/unit/unit_ring.h"

#define SETTINGS(more)                                                                                          \
	"radius = { servers = ( { host = \"192.0.2.9\"; secret = \"0123456789abcdef\"; } );"                     \
	"           nas_identifier = \"nas\"; nas_ip_address = \"192.0.2.1\"; precheck = \"lines\"; " more " };"

static void real_radius(const char *text)
{
	radius_room = &client;
	acct_room = &accounting;
	accounting.enabled = true;
	real_with(text);
}

static void checked(void)
{
	real_radius(REAL("routes = ( { pns = [ \"127.0.0.2:47231\", \"127.0.0.3:47231\" ]; } );" SETTINGS("")));
}

static void fail_open(void)
{
	real_radius(REAL(ROUTES SETTINGS("fail_open = true;")));
}

static void dial_out(void)
{
	real_radius(REAL("dialplan = ( { match = \"*\"; group = \"pool\"; strip = 1; prefix = \"0\"; } );"
			 SETTINGS("outbound = true; acct = { interim = 0; };")));
}

static void tunnel_accounting(void)
{
	real_radius(REAL(SETTINGS("acct = { tunnel = true; interim = 0; };")));
}

static void give_tunnel_number(uint8_t type, uint8_t tag, uint32_t value)
{
	const uint8_t octets[4] = { tag, (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value };

	give(type, octets, sizeof octets);
}

static void give_tunnel_text(uint8_t type, uint8_t tag, const char *text)
{
	char value[100];

	value[0] = (char)tag;
	strcpy(value + 1, text);
	give(type, value, strlen(text) + 1);
}

/* A set for a PNS. */
static void give_set(uint8_t tag, const char *server, uint32_t preference)
{
	give_tunnel_number(RADIUS_TUNNEL_TYPE, tag, 1);
	give_tunnel_number(RADIUS_TUNNEL_MEDIUM_TYPE, tag, 1);
	give_tunnel_text(RADIUS_TUNNEL_SERVER_ENDPOINT, tag, server);
	give_tunnel_number(RADIUS_TUNNEL_PREFERENCE, tag, preference);
}

/* The PNS takes the call of this ring, and the line is up. */
static uint64_t goes_through(struct pns *n, uint64_t ring, uint16_t pns_id)
{
	struct msg_icrq rq = pns_expect(n, MSG_ICRQ).icrq;

	pns_icrp(n, rq.call_id, pns_id, ICRP_CONNECT);
	ck_assert(was_answered(ring));
	real_connects(rings[ring].session, 33600);
	pns_expect(n, MSG_ICCN);
	return rings[ring].session;
}

/* RAD-02, RAD-03, RAD-10 */
START_TEST(asked_about)
{
	uint64_t ring = ring_now();
	const struct attrs *a = asked();

	ck_assert_uint_eq(waiting(), 1);
	ck_assert_uint_eq(attr_number(a, RADIUS_SERVICE_TYPE), RADIUS_SERVICE_CALL_CHECK);
	attr_is_text(a, RADIUS_USER_NAME, "5551234");
	attr_is_text(a, RADIUS_CALLING_STATION_ID, "5551234");
	attr_is_text(a, RADIUS_CALLED_STATION_ID, "5550000");
	ck_assert_uint_eq(attr_number(a, RADIUS_NAS_PORT), 7);
	ck_assert_uint_eq(attr_number(a, RADIUS_NAS_PORT_TYPE), RADIUS_PORT_ASYNC);
	attr_is_text(a, RADIUS_NAS_PORT_ID, "modem7");
	ck_assert_uint_eq(attr_count(a, RADIUS_STATE), 0);
	caller_gives_up(ring);
	ck_assert_uint_eq(waiting(), 0);

	ring = rings_from("", "5550000");
	attr_is_text(asked(), RADIUS_USER_NAME, "unknown");
	ck_assert_uint_eq(attr_count(asked(), RADIUS_CALLING_STATION_ID), 0);
	caller_gives_up(ring);
}
END_TEST

/* RAD-11, right column: nobody is offered the call. */
START_TEST(refused)
{
	uint64_t ring = ring_now();

	server_rejects();
	ck_assert(was_rejected(ring));
	ring = ring_now();
	server_fails();
	ck_assert(was_rejected(ring));
	logged("reason=no-server");
	ring = ring_now(); /* L2TP only: as a Reject (RAD-40) */
	give_tunnel_number(RADIUS_TUNNEL_TYPE, 1, 3);
	give_tunnel_text(RADIUS_TUNNEL_SERVER_ENDPOINT, 1, "127.0.0.2");
	server_accepts();
	ck_assert(was_rejected(ring));
	logged("reason=tunnel-type");
	ring = ring_now(); /* PPTP, but to nobody, and over IPv6 */
	give_tunnel_number(RADIUS_TUNNEL_TYPE, 1, 1);
	give_set(2, "127.0.0.2", 1);
	give_tunnel_number(RADIUS_TUNNEL_TYPE, 3, 1);
	give_tunnel_number(RADIUS_TUNNEL_MEDIUM_TYPE, 3, 2);
	give_tunnel_text(RADIUS_TUNNEL_SERVER_ENDPOINT, 3, "::1");
	server_accepts();
	skip_ms(20);
	ck_assert(was_rejected(ring)); /* 127.0.0.2 does not listen */
	logged("reason=no-pns-took-it");
	ring = ring_now(); /* PPTP, to a group of hosts */
	give_set(1, "224.0.0.1", 1);
	server_accepts();
	ck_assert(was_rejected(ring));
	logged("reason=no-usable-tunnel");
}
END_TEST

/* fail_open: no answer means the routes of the configuration, and an Accept without a tunnel does so, too. */
START_TEST(routes_instead)
{
	struct pns *n = pns_up(PNS_A);
	uint64_t ring = ring_now();

	server_fails();
	skip_ms(3);
	goes_through(n, ring, 1);
	ring = ring_now();
	server_accepts();
	skip_ms(3);
	goes_through(n, ring, 2);
	pns_close(n);
}
END_TEST

/* RAD-41: lowest preference first; the next one when the first does not take it. RAD-42: the source is ours or none. */
START_TEST(in_order_of_preference)
{
	int a = pns_listens(PNS_A), b = pns_listens(PNS_B);
	struct pns *first, *second;
	uint64_t ring = ring_now();

	give_set(1, "127.0.0.2", 20);
	give_set(2, "127.0.0.3", 10);
	give_set(3, "127.0.0.2", 5);
	give_tunnel_text(RADIUS_TUNNEL_CLIENT_ENDPOINT, 3, "192.0.2.77"); /* not an address of this machine */
	server_accepts();
	skip_ms(3);
	second = pns_called(b);
	ck_assert_ptr_nonnull(second);
	ck_assert_ptr_null(pns_called(a));
	pns_accepts(second);
	pns_icrp(second, pns_expect(second, MSG_ICRQ).icrq.call_id, 1, 3);
	skip_ms(3);
	first = pns_called(a);
	ck_assert_ptr_nonnull(first);
	pns_accepts(first);
	goes_through(first, ring, 4);
	pns_close(first);
	pns_close(second);
	close(a);
	close(b);
}
END_TEST

/* RAD-41: those of equal preference take turns. */
START_TEST(equal_ones_take_turns)
{
	struct pns *n[2] = { pns_up(PNS_A), pns_up(PNS_B) };
	unsigned got[2] = { 0 };

	for (int i = 0; i < 6; i++) {
		uint64_t ring = ring_now();
		struct msg m;

		give_set(1, "127.0.0.2", 7);
		give_set(2, "127.0.0.3", 7);
		server_accepts();
		skip_ms(3);
		for (int k = 0; k < 2; k++) {
			if (!pns_next(n[k], &m))
				continue;
			ck_assert_uint_eq(m.type, MSG_ICRQ);
			got[k]++;
		}
		caller_gives_up(ring);
		for (int k = 0; k < 2; k++)
			while (pns_next(n[k], &m))
				ck_assert_uint_eq(m.type, MSG_CDN);
	}
	ck_assert_uint_eq(got[0], 3);
	ck_assert_uint_eq(got[1], 3);
	pns_close(n[0]);
	pns_close(n[1]);
}
END_TEST

/* RAD-44: a PNS that has another name than the set says is not the one. */
START_TEST(server_name)
{
	struct pns *n[2] = { pns_up(PNS_A), pns_up(PNS_B) }; /* both call themselves "pns" */
	uint64_t ring = ring_now();

	give_set(1, "127.0.0.2", 1);
	give_tunnel_text(RADIUS_TUNNEL_SERVER_AUTH_ID, 1, "pnsx");
	give_set(2, "127.0.0.3", 2);
	give_tunnel_text(RADIUS_TUNNEL_SERVER_AUTH_ID, 2, "pns");
	server_accepts();
	skip_ms(3);
	pns_silence(n[0]);
	goes_through(n[1], ring, 1);
	record(RADIUS_ACCT_START);
	pns_close(n[0]);
	pns_close(n[1]);
	real_settle();
	cause();
}
END_TEST

/* RAD-12: Port-Limit is about this caller; Session-Timeout and Idle-Timeout hold from the connection on. */
START_TEST(limits)
{
	struct pns *n = pns_up(PNS_A);
	uint64_t ring = ring_now(), id;

	give_set(1, "127.0.0.2", 1);
	give_number(RADIUS_PORT_LIMIT, 1);
	give_number(RADIUS_SESSION_TIMEOUT, 30);
	server_accepts();
	skip_ms(3);
	id = goes_through(n, ring, 1);
	record(RADIUS_ACCT_START);
	ring = ring_now();
	give_set(1, "127.0.0.2", 1);
	give_number(RADIUS_PORT_LIMIT, 1);
	server_accepts();
	ck_assert(was_rejected(ring));
	logged("reason=port-limit");
	skip_ms(29000);
	pns_lives(n);
	skip_ms(1100);
	ck_assert_uint_eq(cdn_code(n), CDN_ADMIN * 10);
	ck_assert_int_eq(lines[id].reason, LINE_SESSION_TIMEOUT);
	real_settle();
	ck_assert_uint_eq(cause(), RADIUS_CAUSE_SESSION_TIMEOUT);
	pns_close(n);
}
END_TEST

/* Never a VPN user's, also where it has the address of a PNS that is just being called (one NAT before both). */
START_TEST(not_over_a_neighbour)
{
	int a = pns_listens(PNS_C);
	struct pns *n, *user;

	for (uint16_t i = 1; i < 3; i++) {
		uint64_t ring = ring_now();

		give_set(1, "127.0.0.4", 1);
		server_accepts();
		skip_ms(3);
		if (i == 1) {
			n = pns_called(a);
			ck_assert_ptr_nonnull(n);
			user = pns_up(PNS_C);
			skip_ms(3);
			pns_silence(user);
			pns_accepts(n);
		}
		goes_through(n, ring, i);
		record(RADIUS_ACCT_START);
		pns_silence(user);
	}
	pns_close(user);
	pns_close(n);
	real_settle();
	cause();
	cause();
	close(a);
}
END_TEST

/* RAD-87: times of a call on a line can be changed; filters and rates have no link there that they could be done to. */
START_TEST(changed)
{
	struct dynauth_change c = { .given = DYNAUTH_SET_SESSION_TIMEOUT, .session_timeout = 20 };
	static const uint32_t links[] = { DYNAUTH_SET_FILTER, DYNAUTH_SET_RATE_UP, DYNAUTH_SET_RATE_DOWN,
					  DYNAUTH_SET_RATE_LIMIT };
	struct pns *n = pns_up(PNS_A);
	uint64_t ring = ring_now(), id;

	server_accepts(); /* without a tunnel: the route's */
	skip_ms(3);
	id = goes_through(n, ring, 1);
	record(RADIUS_ACCT_START);
	ck_assert_int_eq(session_das.check(sessions, id, &c), DYNAUTH_OK);
	session_das.change(sessions, id, &c);
	for (unsigned i = 0; i < 4; i++) {
		const struct dynauth_change f = { .given = links[i] };

		ck_assert_int_eq(session_das.check(sessions, id, &f), DYNAUTH_UNSUPPORTED_ATTRIBUTE);
	}
	skip_ms(19000);
	pns_silence(n);
	skip_ms(1100);
	ck_assert_uint_eq(cdn_code(n), CDN_ADMIN * 10);
	real_settle();
	ck_assert_uint_eq(cause(), RADIUS_CAUSE_SESSION_TIMEOUT);

	ring = ring_now(); /* RAD-12: no frame passes here, so it is idle from the start */
	give_number(RADIUS_IDLE_TIMEOUT, 12);
	server_accepts();
	skip_ms(3);
	goes_through(n, ring, 1);
	record(RADIUS_ACCT_START);
	for (int i = 0; i < 11; i++)
		skip_ms(1000);
	pns_silence(n);
	for (int i = 0; i < 5; i++)
		skip_ms(1000);
	ck_assert_uint_eq(cdn_code(n), CDN_ADMIN * 10);
	real_settle();
	ck_assert_uint_eq(cause(), RADIUS_CAUSE_IDLE_TIMEOUT);
	pns_close(n);
}
END_TEST

/* The caller, the PNS and the connection end while nobody has answered yet. */
START_TEST(given_up_while_asked)
{
	uint64_t ring = ring_now();

	ck_assert_uint_eq(sessions_channels(sessions), 1);
	caller_gives_up(ring);
	ck_assert_uint_eq(waiting(), 0);
	ring = ring_now();
	sessions_end_rings(sessions);
	ck_assert(was_rejected(ring));
	ck_assert_uint_eq(waiting(), 0);
}
END_TEST

/* What is dialled is what a server was asked about: the digits, whatever else stands in the field. */
START_TEST(outbound)
{
	struct msg m = msg_ocrq_good(1);
	struct pns *n = pns_up(PNS_A);

	memcpy(m.ocrq.number, ",9555123456 internal", 20);
	m.ocrq.number_len = 11;
	pns_send(n, &m);
	turn();
	ck_assert_uint_eq(attr_number(asked(), RADIUS_SERVICE_TYPE), RADIUS_SERVICE_OUTBOUND);
	attr_is_text(asked(), RADIUS_USER_NAME, "9555123456");
	attr_is_text(asked(), RADIUS_CALLED_STATION_ID, "9555123456");
	ck_assert_uint_eq(real_dials, 0);
	give_text(RADIUS_CLASS, "gold");
	give_number(RADIUS_SERVICE_TYPE, RADIUS_SERVICE_OUTBOUND);
	server_accepts();
	ck_assert_str_eq(dialled_number, "0555123456");
	real_connects(nlines, 28800);
	ck_assert_uint_eq(ocrp_code(n, 1), OCRP_CONNECTED * 10);
	ck_assert_uint_eq(attr_number(&told[ntold - 1].a, RADIUS_NAS_PORT_TYPE), RADIUS_PORT_ASYNC);
	attr_is_text(record(RADIUS_ACCT_START), RADIUS_USER_NAME, "9555123456");
	pns_ccrq(n, 1);
	pns_expect(n, MSG_CDN);
	real_settle();
	ck_assert_uint_eq(cause(), RADIUS_CAUSE_USER_REQUEST);

	memcpy(m.ocrq.number, "\x01" "900123456", 10);
	m.ocrq.number_len = 10;
	m.ocrq.call_id = 2;
	pns_send(n, &m);
	turn();
	ck_assert_uint_eq(ocrp_code(n, 2), OCRP_ERROR * 10 + MSG_ERR_BAD_VALUE);
	ck_assert_uint_eq(waiting(), 0);
	pns_close(n);
}
END_TEST

/* --- accounting --- */

static void check_tunnel(const struct attrs *a)
{
	static const uint8_t pptp[4] = { 0, 0, 0, 1 };

	attr_is(a, RADIUS_TUNNEL_TYPE, pptp, 4);
	attr_is_text(a, RADIUS_TUNNEL_SERVER_ENDPOINT, "127.0.0.2");
}

/*
 * RAD-06, RAD-70 to RAD-73: client is pacd, server the PNS; Tunnel-Start < Link-Start < Start < Stop < Link-Stop <
 * Tunnel-Stop.
 */
START_TEST(records)
{
	int l = pns_listens(PNS_A);
	struct pns *n;
	uint64_t ring = ring_now(), id;
	const struct attrs *a;

	give_set(1, "127.0.0.2", 1);
	give_tunnel_text(RADIUS_TUNNEL_PRIVATE_GROUP_ID, 1, "green");
	give_tunnel_text(RADIUS_TUNNEL_ASSIGNMENT_ID, 1, "one");
	give_text(RADIUS_CLASS, "silver");
	server_accepts();
	skip_ms(3);
	n = pns_called(l);
	ck_assert_ptr_nonnull(n);
	pns_accepts(n);
	a = record(RADIUS_ACCT_TUNNEL_START);
	check_tunnel(a);
	id = goes_through(n, ring, 9);
	a = record(RADIUS_ACCT_LINK_START);
	check_tunnel(a);
	a = record(RADIUS_ACCT_START);
	check_tunnel(a);
	attr_is_text(a, RADIUS_USER_NAME, "5551234");
	attr_is_text(a, RADIUS_TUNNEL_PRIVATE_GROUP_ID, "green");
	attr_is_text(a, RADIUS_TUNNEL_ASSIGNMENT_ID, "one");
	attr_is_text(a, RADIUS_CLASS, "silver");
	attr_is_text(a, RADIUS_CONNECT_INFO, "CONNECT");
	ck_assert_uint_eq(attr_number(a, RADIUS_NAS_PORT_TYPE), RADIUS_PORT_ASYNC);
	ck_assert_uint_eq(attr_number(a, RADIUS_ACCT_AUTHENTIC), 1);

	pns_ccrq(n, 9);
	ck_assert_uint_eq(cdn_code(n), CDN_REQUEST * 10);
	no_record();
	real_settle();
	ck_assert_uint_eq(cause(), RADIUS_CAUSE_HOST_REQUEST);
	record(RADIUS_ACCT_LINK_STOP);
	ck_assert(lines[id].over);
	pns_close(n);
	a = record(RADIUS_ACCT_TUNNEL_STOP);
	check_tunnel(a);
	close(l);
}
END_TEST

/* RAD-70: a refusal is a Link-Reject. */
START_TEST(link_reject)
{
	struct pns *n = pns_up(PNS_A);
	uint64_t ring = ring_now();

	record(RADIUS_ACCT_TUNNEL_START);
	give_set(1, "127.0.0.2", 1);
	server_accepts();
	skip_ms(3);
	pns_icrp(n, pns_expect(n, MSG_ICRQ).icrq.call_id, 1, 3);
	ck_assert_uint_eq(attr_number(record(RADIUS_ACCT_LINK_REJECT), RADIUS_ACCT_TERMINATE_CAUSE), 3);
	ck_assert(was_rejected(ring));
	pns_close(n);
	record(RADIUS_ACCT_TUNNEL_STOP);
}
END_TEST

static uint64_t accounted_call(struct pns *n)
{
	uint64_t ring = ring_now(), id;

	give_set(1, "127.0.0.2", 1);
	server_accepts();
	skip_ms(3);
	id = goes_through(n, ring, 9);
	record(RADIUS_ACCT_LINK_START);
	record(RADIUS_ACCT_START);
	return id;
}

/* Ledger section 7: the caller's hang-up, the PNS's Stop, and its loss. */
START_TEST(causes)
{
	struct msg stop = { .type = MSG_STOP_CCRQ, .stop_ccrq = { .reason = STOP_SHUTDOWN } };
	struct pns *n = pns_up(PNS_A);
	uint64_t id;

	record(RADIUS_ACCT_TUNNEL_START);
	id = accounted_call(n);
	real_goes_down(id, MSG_ERR_NONE);
	ck_assert_uint_eq(cause(), RADIUS_CAUSE_LOST_CARRIER);
	record(RADIUS_ACCT_LINK_STOP);
	pns_expect(n, MSG_CDN);

	accounted_call(n);
	pns_close(n);
	real_settle();
	ck_assert_uint_eq(cause(), RADIUS_CAUSE_LOST_SERVICE);
	record(RADIUS_ACCT_LINK_STOP);
	record(RADIUS_ACCT_TUNNEL_STOP);

	n = pns_up(PNS_A);
	record(RADIUS_ACCT_TUNNEL_START);
	accounted_call(n);
	pns_send(n, &stop);
	turn();
	real_settle();
	ck_assert_uint_eq(cause(), RADIUS_CAUSE_LOST_SERVICE);
	record(RADIUS_ACCT_LINK_STOP);
	record(RADIUS_ACCT_TUNNEL_STOP);
	pns_close(n);
}
END_TEST

static Suite *ring_radius_suite(void)
{
	Suite *s = suite_create("ring_radius");

	RING_CASE(s, "checked", checked, asked_about, refused, in_order_of_preference, equal_ones_take_turns,
		  server_name, limits, not_over_a_neighbour, given_up_while_asked, changed);
	RING_CASE(s, "outbound", dial_out, outbound);
	RING_CASE(s, "fail_open", fail_open, routes_instead);
	RING_CASE(s, "accounting", tunnel_accounting, records, link_reject, causes);
	return s;
}

UNIT_MAIN(ring_radius_suite)
