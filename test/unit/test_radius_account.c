/*
 * Accounting records: which attributes are in which type of record, to the octet, and Stops for what a crash left
 * open.  Ledger section 7, RAD-60 to RAD-64, RAD-66, RAD-71, RAD-72.
 */
#include "pacd/proto/radius_request.h"
#include "test/unit/unit.h"
#include "test/unit/unit_radius_list.h"

static const struct radius_nas nas = { .address = 0xC0A80110, .identifier = "pac" };
static const struct radius_call call = {
	.session_id = "0a01",
	.nas_port = 12,
	.port_type = RADIUS_PORT_VIRTUAL,
	.port_id = "pptp12",
	.calling = "198.51.100.7",
	.called = "203.0.113.1",
	.connect_info = "64000 PPTP",
	.tunnel = { .client = 0xC6336407, .server = 0xCB007101, .connection = "4711" },
};

/* Everything is set, so that a record has to leave out what is not for it. */
static const uint8_t classes[] = { 25, 4, 'c', '1', 24, 3, 'S', 25, 3, '2', 2, 3, 'p' };
static const struct radius_account full = {
	.event_time = 0x65000000,
	.user = (const uint8_t *)"nemo",
	.user_len = 4,
	.framed = true,
	.address = 0x0A000005,
	.authentic = 1,
	.method = PLUGIN_MSCHAPV2,
	.class_ = classes,
	.class_len = sizeof classes,
	.filter = "std",
	.interface_id = 0x0102030405060708,
	.has_counters = true,
	.seconds = 3600,
	.in_octets = 0x0000000512345678,
	.out_octets = 0xFFFFFFFF00000001,
	.in_packets = 0x0000000700000009,
	.out_packets = 10,
	.cause = RADIUS_CAUSE_IDLE_TIMEOUT,
	.has_lost = true,
	.lost = 77,
};

#define STAMP V(55, "\x65\0\0\0")
#define NAS_LIST V(4, "\xC0\xA8\x01\x10"), V(32, "pac")
#define USER_LIST V(1, "nemo")
#define TUNNEL_LIST                                                                             \
	V(64, "\0\0\0\1"), V(65, "\0\0\0\1"), V(66, "198.51.100.7"), V(67, "203.0.113.1"), V(68, "4711")
#define CALL_LIST                                                                                      \
	V(5, "\0\0\0\x0C"), V(61, "\0\0\0\5"), V(87, "pptp12"), V(31, "198.51.100.7"), V(30, "203.0.113.1"), \
		V(44, "0a01"), V(77, "64000 PPTP"), TUNNEL_LIST
#define SERVICE_LIST                                                                            \
	V(6, "\0\0\0\2"), V(7, "\0\0\0\1"), V(8, "\x0A\0\0\5"), V(96, "\1\2\3\4\5\6\7\x08"), V(11, "std"), \
		V(25, "c1"), V(25, "2"), V(45, "\0\0\0\1"), V(26, "\0\0\1\x37\x17\6\0\0\0\4")
#define COUNTERS_LIST                                                                           \
	V(46, "\0\0\x0E\x10"), V(42, "\x12\x34\x56\x78"), V(43, "\0\0\0\1"), V(52, "\0\0\0\5"),  \
		V(53, "\xFF\xFF\xFF\xFF"), V(47, "\0\0\0\x09"), V(48, "\0\0\0\x0A")
#define ZERO_COUNTERS                                                                           \
	V(46, "\0\0\0\0"), V(42, "\0\0\0\0"), V(43, "\0\0\0\0"), V(52, "\0\0\0\0"),              \
		V(53, "\0\0\0\0"), V(47, "\0\0\0\0"), V(48, "\0\0\0\0")
#define LOST_LIST V(86, "\0\0\0\x4D")
#define CAUSE_LIST V(49, "\0\0\0\4")

static void account(struct list *l, uint8_t status, const struct radius_account *a)
{
	struct radius_account copy = *a;

	copy.status = status;
	list_begin(l);
	radius_put_account(&l->w, &nas, &call, NULL, &copy);
}

/* --- the table of ledger section 7 --- */

START_TEST(section7_start)
{
	struct list l;

	account(&l, RADIUS_ACCT_START, &full);
	LIST_IS(&l, V(40, "\0\0\0\1"), STAMP, NAS_LIST, USER_LIST, CALL_LIST, SERVICE_LIST);
}
END_TEST

START_TEST(rad63_interim)
{
	struct list l;

	account(&l, RADIUS_ACCT_INTERIM, &full);
	LIST_IS(&l, V(40, "\0\0\0\3"), STAMP, NAS_LIST, USER_LIST, CALL_LIST, SERVICE_LIST, COUNTERS_LIST);
}
END_TEST

START_TEST(rad61_stop)
{
	struct list l;

	account(&l, RADIUS_ACCT_STOP, &full);
	LIST_IS(&l, V(40, "\0\0\0\2"), STAMP, NAS_LIST, USER_LIST, CALL_LIST, SERVICE_LIST, COUNTERS_LIST, CAUSE_LIST);
}
END_TEST

/* What is not known is not there: but counters of 0, with their Gigawords. */
START_TEST(rad62_stop_of_little)
{
	static const struct radius_account little = { .event_time = 0x65000000, .has_counters = true };
	struct list l;

	account(&l, RADIUS_ACCT_STOP, &little);
	LIST_IS(&l, V(40, "\0\0\0\2"), STAMP, NAS_LIST, CALL_LIST, ZERO_COUNTERS);
}
END_TEST

START_TEST(rad66_on_off)
{
	struct radius_account a = full;
	struct list l;

	a.status = RADIUS_ACCT_ON;
	list_begin(&l);
	radius_put_account(&l.w, &nas, NULL, "boot1", &a);
	LIST_IS(&l, V(40, "\0\0\0\7"), STAMP, NAS_LIST, V(44, "boot1"));
	a.status = RADIUS_ACCT_OFF;
	list_begin(&l);
	radius_put_account(&l.w, &nas, NULL, "boot1", &a);
	LIST_IS(&l, V(40, "\0\0\0\x08"), STAMP, NAS_LIST, V(44, "boot1"), CAUSE_LIST);
	a.cause = RADIUS_CAUSE_NONE;
	list_begin(&l);
	radius_put_account(&l.w, &nas, NULL, "boot1", &a);
	LIST_IS(&l, V(40, "\0\0\0\x08"), STAMP, NAS_LIST, V(44, "boot1"), V(49, "\0\0\0\7"));
}
END_TEST

START_TEST(rad71_tunnel)
{
	struct list l;

	account(&l, RADIUS_ACCT_TUNNEL_START, &full);
	LIST_IS(&l, V(40, "\0\0\0\x09"), STAMP, NAS_LIST, USER_LIST, V(44, "0a01"), TUNNEL_LIST);
	account(&l, RADIUS_ACCT_TUNNEL_STOP, &full);
	LIST_IS(&l, V(40, "\0\0\0\x0A"), STAMP, NAS_LIST, USER_LIST, V(44, "0a01"), TUNNEL_LIST, COUNTERS_LIST,
		LOST_LIST, CAUSE_LIST);
	account(&l, RADIUS_ACCT_TUNNEL_REJECT, &full);
	LIST_IS(&l, V(40, "\0\0\0\x0B"), STAMP, NAS_LIST, USER_LIST, V(44, "0a01"), TUNNEL_LIST, CAUSE_LIST);
}
END_TEST

START_TEST(rad71_link)
{
	struct list l;

	account(&l, RADIUS_ACCT_LINK_START, &full);
	LIST_IS(&l, V(40, "\0\0\0\x0C"), STAMP, NAS_LIST, USER_LIST, V(44, "0a01"), V(5, "\0\0\0\x0C"), TUNNEL_LIST);
	account(&l, RADIUS_ACCT_LINK_STOP, &full);
	LIST_IS(&l, V(40, "\0\0\0\x0D"), STAMP, NAS_LIST, USER_LIST, V(44, "0a01"), V(5, "\0\0\0\x0C"),
		V(61, "\0\0\0\5"), TUNNEL_LIST, COUNTERS_LIST, LOST_LIST, CAUSE_LIST);
	account(&l, RADIUS_ACCT_LINK_REJECT, &full);
	LIST_IS(&l, V(40, "\0\0\0\x0E"), STAMP, NAS_LIST, USER_LIST, V(44, "0a01"), TUNNEL_LIST, CAUSE_LIST);
}
END_TEST

START_TEST(rad72_nothing_lost)
{
	struct radius_account a = full;
	struct list l;

	a.lost = 0;
	account(&l, RADIUS_ACCT_LINK_STOP, &a);
	list_end(&l);
	ck_assert_mem_eq(list_find(&l, 86, 0)->value, "\0\0\0\0", 4);
	a.has_lost = false;
	account(&l, RADIUS_ACCT_LINK_STOP, &a);
	list_end(&l);
	ck_assert_ptr_null(list_find(&l, 86, 0));
}
END_TEST

/* Of whatever a record is given, no secret gets in; each tunnel attribute at most once. */
START_TEST(section7_never)
{
	static const uint8_t never[] = { 2, 3, 18, 24, 41, 60, 69, 80, 83 };
	struct list l;

	for (unsigned status = 0; status < 256; status++) {
		account(&l, (uint8_t)status, &full);
		list_end(&l);
		for (size_t i = 0; i < sizeof never; i++)
			ck_assert_ptr_null(list_find(&l, never[i], 0));
		for (unsigned type = 64; type <= 91; type++)
			ck_assert_ptr_null(list_find(&l, (uint8_t)type, 1));
		ck_assert_ptr_nonnull(list_find(&l, RADIUS_ACCT_STATUS_TYPE, 0));
		ck_assert_ptr_nonnull(list_find(&l, RADIUS_ACCT_SESSION_ID, 0));
		ck_assert_ptr_nonnull(list_find(&l, RADIUS_NAS_IP_ADDRESS, 0));
		ck_assert_ptr_null(list_find(&l, RADIUS_ACCT_SESSION_ID, 1));
	}
}
END_TEST

START_TEST(section7_methods)
{
	struct radius_account a = full;
	struct list l;

	for (unsigned method = 0; method < 256; method++) {
		a.method = (uint8_t)method;
		account(&l, RADIUS_ACCT_START, &a);
		list_end(&l);
		if (method < 1 || method > 4)
			ck_assert_ptr_null(list_find(&l, 26, 0));
		else
			ck_assert_uint_eq(list_find(&l, 26, 0)->value[9], method);
	}
}
END_TEST

/* --- what a crash left open --- */

static void closing(struct list *to, const struct list *from)
{
	list_begin(to);
	radius_put_closing(&to->w, from->data, wbuf_len(&from->w));
}

START_TEST(closing_start)
{
	struct list start, l;

	account(&start, RADIUS_ACCT_START, &full);
	closing(&l, &start);
	LIST_IS(&l, V(40, "\0\0\0\2"), STAMP, NAS_LIST, USER_LIST, CALL_LIST, SERVICE_LIST, ZERO_COUNTERS,
		V(49, "\0\0\0\x0B"));
}
END_TEST

START_TEST(closing_interim)
{
	struct list interim, l;

	account(&interim, RADIUS_ACCT_INTERIM, &full);
	closing(&l, &interim);
	LIST_IS(&l, V(40, "\0\0\0\2"), STAMP, NAS_LIST, USER_LIST, CALL_LIST, SERVICE_LIST, COUNTERS_LIST,
		V(49, "\0\0\0\x0B"));
}
END_TEST

/* Links and tunnels have their own Stop; another's cause, and how late it was sent once, don't stay. */
START_TEST(closing_others)
{
	struct list begun, l;

	account(&begun, RADIUS_ACCT_LINK_START, &full);
	radius_put_u32(&begun.w, RADIUS_ACCT_DELAY_TIME, 5);
	radius_put_u32(&begun.w, RADIUS_ACCT_TERMINATE_CAUSE, 1);
	closing(&l, &begun);
	LIST_IS(&l, V(40, "\0\0\0\x0D"), STAMP, NAS_LIST, USER_LIST, V(44, "0a01"), V(5, "\0\0\0\x0C"), TUNNEL_LIST,
		ZERO_COUNTERS, V(49, "\0\0\0\x0B"));
	account(&begun, RADIUS_ACCT_TUNNEL_START, &full);
	closing(&l, &begun);
	LIST_IS(&l, V(40, "\0\0\0\x0A"), STAMP, NAS_LIST, USER_LIST, V(44, "0a01"), TUNNEL_LIST, ZERO_COUNTERS,
		V(49, "\0\0\0\x0B"));
}
END_TEST

/* Counters that are there in part, or in a form that is none (here Acct-Session-Time): the others are 0. */
START_TEST(closing_partial)
{
	struct list l;

	list_begin(&l);
	radius_put_closing(&l.w, (const uint8_t *)"\x2A\6\0\0\0\1\x28\6\0\0\0\3\x34\6\0\0\0\2\x2E\2", 20);
	LIST_IS(&l, V(42, "\0\0\0\1"), V(40, "\0\0\0\2"), V(52, "\0\0\0\2"), V(46, "\0\0\0\0"), V(43, "\0\0\0\0"),
		V(53, "\0\0\0\0"), V(47, "\0\0\0\0"), V(48, "\0\0\0\0"), V(49, "\0\0\0\x0B"));
}
END_TEST

/* From a spool that was damaged: no record rather than a wrong one. */
START_TEST(closing_broken)
{
	struct list start, l;
	size_t len;

	account(&start, RADIUS_ACCT_START, &full);
	len = wbuf_len(&start.w);
	list_begin(&l);
	radius_put_closing(&l.w, start.data, len - 1);
	ck_assert(l.w.fault);
	list_begin(&l);
	radius_put_closing(&l.w, start.data, 1);
	ck_assert(l.w.fault);
	list_begin(&l);
	radius_put_closing(&l.w, start.data + 6, len - 6); /* without its Acct-Status-Type */
	ck_assert(l.w.fault);
	list_begin(&l);
	radius_put_closing(&l.w, NULL, 0);
	ck_assert(l.w.fault);
}
END_TEST

static Suite *radius_account_suite(void)
{
	Suite *s = suite_create("radius_account");

	UNIT_CASE(s, "records", section7_start, rad63_interim, rad61_stop, rad62_stop_of_little, rad66_on_off,
		  rad71_tunnel, rad71_link, rad72_nothing_lost, section7_never, section7_methods);
	UNIT_CASE(s, "closing", closing_start, closing_interim, closing_others, closing_partial, closing_broken);
	return s;
}

UNIT_MAIN(radius_account_suite)
