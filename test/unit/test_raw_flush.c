/*
 * What a real line has not sent when its call ends is thrown away before its descriptor is closed: a serial device's
 * close() waits for it, up to 30 s, and with it the worker.  A pppd's pty is left alone.
 */
#include "test/unit/raw_env.h"

#include <stdatomic.h>

static atomic_int flushed = -1; /* that descriptor, last, and it was open */

int tcflush(int fd, int queue)
{
	if (queue == TCIOFLUSH && fcntl(fd, F_GETFD) >= 0)
		atomic_store(&flushed, fd);
	return 0;
}

static void call_ends(bool ack_taken, uint32_t bps, bool sync, bool wanted)
{
	struct datapath_stats s;
	struct datapath_call c;
	struct line l;
	struct env e;

	env_open(&e, 1);
	line_pty(&l);
	atomic_store(&flushed, -1);
	c = call_of(7, &l);
	c.ack_taken = ack_taken;
	c.pace_bps = bps;
	c.sync = sync;
	ck_assert_int_eq(e.d->ops->attach(e.d, &c), 0);
	e.d->ops->detach(e.d, 7, &s);
	ck_assert_int_eq(atomic_load(&flushed), wanted ? l.ours : -1);
	env_close(&e);
	close(l.far);
}

START_TEST(real_line)
{
	call_ends(true, 0, false, true);
}
END_TEST

START_TEST(paced_line)
{
	call_ends(false, 33600, false, true);
}
END_TEST

START_TEST(sync_line)
{
	call_ends(false, 0, true, true);
}
END_TEST

START_TEST(local_pppd)
{
	call_ends(false, 0, false, false);
}
END_TEST

static Suite *raw_flush_suite(void)
{
	Suite *s = suite_create("raw_flush");

	if (namespace_possible())
		UNIT_CASE(s, "end", real_line, paced_line, sync_line, local_pppd);
	else
		fprintf(stderr, "raw_flush: 4 tests skipped: no network namespace with raw sockets\n");
	return s;
}

UNIT_MAIN(raw_flush_suite)
