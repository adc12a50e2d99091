/*
 * The data path that moves nothing: descriptors are owned and closed.
 */
#include "pacd/net/datapath.h"
#include "test/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

START_TEST(null)
{
	struct datapath *d = datapath_null_new();
	struct datapath_totals t;
	struct datapath_stats s;
	struct datapath_call c;
	int a[2], b[2];

	ck_assert_ptr_nonnull(d);
	ck_assert_str_eq(d->ops->name, "null");
	ck_assert_int_eq(d->ops->probe(d), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, a), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, b), 0);
	c = (struct datapath_call){ .call_id = 65535, .fd = a[0] };
	ck_assert_int_eq(d->ops->attach(d, &c), 0);
	c.fd = a[1];
	ck_assert_int_eq(d->ops->attach(d, &c), -EEXIST);
	ck_assert_int_eq(fcntl(a[1], F_GETFD), -1);
	c = (struct datapath_call){ .call_id = 7, .fd = b[0] };
	ck_assert_int_eq(d->ops->attach(d, &c), 0);
	ck_assert(d->ops->stats(d, 7, &s));
	ck_assert(!mono_is_set(s.last_rx));
	ck_assert(!d->ops->stats(d, 8, &s));
	d->ops->set_link(d, 7, 0, 0);
	d->ops->totals(d, &t);
	ck_assert_uint_eq(t.rx_packets, 0);
	d->ops->detach(d, 7, &s);
	ck_assert_int_eq(fcntl(b[0], F_GETFD), -1);
	ck_assert(!d->ops->stats(d, 7, &s));
	d->ops->free(d);
	ck_assert_int_eq(fcntl(a[0], F_GETFD), -1);
	close(b[1]);
}
END_TEST

static Suite *null_suite(void)
{
	Suite *s = suite_create("null");

	UNIT_CASE(s, "null", null);
	return s;
}

UNIT_MAIN(null_suite)
