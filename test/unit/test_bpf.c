/*
 * priv/bpf: the programs are attached to a socket pair, the kernel itself decides
 * about crafted packets as a raw IPv4 socket would see them (GRE-01, SEC-03).
 */
#include "test/unit/unit.h"

#include "pacd/priv/priv.h"

#include <linux/filter.h>
#include <sys/socket.h>
#include <unistd.h>

struct packet {
	unsigned ihl;      /* words of the IP header */
	unsigned fragment; /* flags and offset */
	unsigned flags, protocol;
	unsigned id;
	size_t cut;        /* octets missing at the end */
};

static const struct packet pptp = { .ihl = 5, .flags = 0x3081, .protocol = 0x880b, .id = 7 };

static int pair[2];

static void attach_program(struct sock_filter *prog, size_t len)
{
	struct sock_fprog fprog = { (unsigned short)len, prog };

	ck_assert_uint_le(len, PRIV_BPF_MAX);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
	ck_assert_int_eq(setsockopt(pair[0], SOL_SOCKET, SO_ATTACH_FILTER, &fprog, sizeof fprog), 0);
}

static void attach_share(unsigned worker, unsigned workers)
{
	struct sock_filter prog[PRIV_BPF_MAX];

	attach_program(prog, priv_bpf_build(prog, worker, workers));
}

static void put(uint8_t *at, unsigned v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static size_t build(uint8_t *data, const struct packet *p)
{
	uint8_t *gre = data + p->ihl * 4;

	memset(data, 0x5a, 128);
	data[0] = (uint8_t)(0x40 | p->ihl);
	put(data + 6, p->fragment);
	put(gre, p->flags);
	put(gre + 2, p->protocol);
	put(gre + 4, 20);
	put(gre + 6, p->id);
	return p->ihl * 4 + 8 - p->cut;
}

/* True when the packet came through, whole. */
static bool passes(struct packet p)
{
	uint8_t data[128], got[128];
	size_t len = build(data, &p);
	ssize_t n;

	/* What the filter drops on a local pair may be reported to the sender; it is all the same here. */
	n = send(pair[1], data, len, 0);
	ck_assert(n == (ssize_t)len || n < 0);
	n = recv(pair[0], got, sizeof got, 0);
	if (n < 0)
		return false;
	ck_assert_int_eq(n, (ssize_t)len);
	ck_assert_mem_eq(got, data, len);
	return true;
}

#define WITH(field, value) passes(({ struct packet p_ = pptp; p_.field = (value); p_; }))

START_TEST(keeps_enhanced_gre)
{
	attach_share(0, 1);
	ck_assert(passes(pptp));
	ck_assert(WITH(flags, 0x2001)); /* neither sequence nor acknowledgment */
	ck_assert(WITH(flags, 0x2081)); /* an acknowledgment alone */
	ck_assert(WITH(flags, 0x3001));
	/* Bits that must be 0 are for the decoder to count. */
	ck_assert(WITH(flags, 0xb081));
}
END_TEST

START_TEST(drops_other_gre)
{
	attach_share(0, 1);
	ck_assert(!WITH(flags, 0x2000)); /* GRE version 0 with a key */
	ck_assert(!WITH(flags, 0x3082));
	ck_assert(!WITH(flags, 0x3083)); /* version 3 has the bit of version 1 */
	ck_assert(!WITH(flags, 0x3085));
	ck_assert(!WITH(flags, 0x1081)); /* no key */
	ck_assert(!WITH(protocol, 0x0800));
	ck_assert(!WITH(protocol, 0x880c));
	ck_assert(!WITH(protocol, 0x0b88));
}
END_TEST

START_TEST(looks_behind_ip_options)
{
	attach_share(0, 1);
	for (unsigned ihl = 5; ihl <= 15; ihl++) {
		struct packet p = pptp;

		p.ihl = ihl;
		ck_assert(passes(p));
		p.flags = 0x3080;
		ck_assert(!passes(p));
	}
}
END_TEST

START_TEST(drops_fragments)
{
	attach_share(0, 1);
	ck_assert(WITH(fragment, 0x4000)); /* don't fragment is no fragment */
	ck_assert(!WITH(fragment, 0x2000));
	ck_assert(!WITH(fragment, 0x0001));
	ck_assert(!WITH(fragment, 0x1fff));
}
END_TEST

START_TEST(drops_short_packets)
{
	attach_share(0, 1);
	for (size_t cut = 1; cut <= 27; cut++)
		ck_assert(!WITH(cut, cut));
}
END_TEST

START_TEST(each_id_has_one_worker)
{
	unsigned workers = (unsigned)_i + 1;

	for (unsigned worker = 0; worker < workers; worker++) {
		attach_share(worker, workers);
		for (unsigned id = 0; id < 200; id++)
			ck_assert_int_eq(WITH(id, id), id % workers == worker);
		for (unsigned id = 65500; id <= 65535; id++)
			ck_assert_int_eq(WITH(id, id), id % workers == worker);
		close(pair[0]);
		close(pair[1]);
	}
}
END_TEST

START_TEST(guard_drops_all)
{
	struct sock_filter prog[PRIV_BPF_MAX];

	attach_program(prog, priv_bpf_drop(prog));
	ck_assert(!passes(pptp));
	ck_assert(!WITH(flags, 0x2000));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("bpf");
	TCase *tc = tcase_create("shares");

	UNIT_CASE(s, "kinds", keeps_enhanced_gre, drops_other_gre, looks_behind_ip_options, drops_fragments,
		  drops_short_packets, guard_drops_all);
	tcase_add_loop_test(tc, each_id_has_one_worker, 0, 5);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
