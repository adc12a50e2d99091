/*
 * Framed-Route text (RFC 2865 section 5.22, ledger section 4): what operators write, and what is refused.
 */
#include "pacd/proto/radius_grant.h"
#include "test/unit/unit.h"

#include <errno.h>
#include <stdio.h>

#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

/* From an allocation of its own, so that a sanitizer sees one octet too many. */
static int parse(struct radius_route *r, const char *text, size_t len)
{
	char *copy = malloc(len ? len : 1);
	int err;

	memcpy(copy, text, len);
	err = radius_route_parse(r, copy, len);
	free(copy);
	return err;
}

static const struct {
	const char *text;
	struct radius_route route;
} good[] = {
	{ "192.168.10.0/24 192.168.10.1 1", { IP(192, 168, 10, 0), 24, IP(192, 168, 10, 1), 1 } },
	{ "192.168.1.0/24 192.168.1.1 1 2 -1 3 400", { IP(192, 168, 1, 0), 24, IP(192, 168, 1, 1), 1 } },
	{ "10.1.0.0/16 0.0.0.0 1", { IP(10, 1, 0, 0), 16, 0, 1 } },
	{ "10.1.0.0/16", { IP(10, 1, 0, 0), 16, 0, 0 } },
	{ "10.1.0.0/16 10.0.0.9", { IP(10, 1, 0, 0), 16, IP(10, 0, 0, 9), 0 } },
	{ "10.1.0.0/16 10.0.0.9 0", { IP(10, 1, 0, 0), 16, IP(10, 0, 0, 9), 0 } },
	{ "10.1.0.0/16 10.0.0.9 4294967295", { IP(10, 1, 0, 0), 16, IP(10, 0, 0, 9), UINT32_MAX } },
	{ "10.1.0.0/16 10.0.0.9 -7 5", { IP(10, 1, 0, 0), 16, IP(10, 0, 0, 9), 0 } },
	{ "   10.1.0.0/16   0.0.0.0   3   4   ", { IP(10, 1, 0, 0), 16, 0, 3 } },
	{ "10.1.0.0/16 ", { IP(10, 1, 0, 0), 16, 0, 0 } },
	{ "10.1.0.0/16 0.0.0.0 ", { IP(10, 1, 0, 0), 16, 0, 0 } },
	/* the old classes and their borders */
	{ "10.0.0.0", { IP(10, 0, 0, 0), 8, 0, 0 } },
	{ "1.0.0.0", { IP(1, 0, 0, 0), 8, 0, 0 } },
	{ "127.0.0.0", { IP(127, 0, 0, 0), 8, 0, 0 } },
	{ "128.0.0.0 0.0.0.0 2", { IP(128, 0, 0, 0), 16, 0, 2 } },
	{ "191.255.0.0", { IP(191, 255, 0, 0), 16, 0, 0 } },
	{ "192.0.0.0", { IP(192, 0, 0, 0), 24, 0, 0 } },
	{ "223.255.255.0", { IP(223, 255, 255, 0), 24, 0, 0 } },
	/* lengths, and host bits that are masked */
	{ "0.0.0.0/0 0.0.0.0 1", { 0, 0, 0, 1 } },
	{ "255.255.255.255/0", { 0, 0, 0, 0 } },
	{ "192.0.2.7/32", { IP(192, 0, 2, 7), 32, 0, 0 } },
	{ "192.0.2.255/31", { IP(192, 0, 2, 254), 31, 0, 0 } },
	{ "192.0.2.129/25", { IP(192, 0, 2, 128), 25, 0, 0 } },
	{ "255.255.255.255/1", { IP(128, 0, 0, 0), 1, 0, 0 } },
	{ "10.1.2.3", { IP(10, 0, 0, 0), 8, 0, 0 } },
};

START_TEST(route_good)
{
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct radius_route r;
		const struct radius_route *want = &good[i].route;

		memset(&r, 0xEE, sizeof r);
		ck_assert_msg(!parse(&r, good[i].text, strlen(good[i].text)), "%s", good[i].text);
		ck_assert_msg(r.prefix == want->prefix && r.len == want->len && r.gateway == want->gateway &&
			      r.metric == want->metric, "%s: %08x/%u %08x %u", good[i].text, (unsigned)r.prefix, r.len,
			      (unsigned)r.gateway, (unsigned)r.metric);
	}
}
END_TEST

static const char *const bad[] = {
	"", " ", "   ", "x", "default", "10", "10.0", "10.0.0", "10.0.0.", "10.0.0.0.", "10.0.0.0.0", ".10.0.0.0",
	"10..0.0", "256.0.0.0", "10.0.0.256", "10.0.0.1000", "99999999999999999999.0.0.0", "010.0.0.0/8",
	"10.0.0.00/8", "-10.0.0.0/8", "10.0.0.0/", "10.0.0.0/ 1.2.3.4", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08",
	"10.0.0.0/4294967304", "10.0.0.0/8x", "10.0.0.0/8/8", "10.0.0.0 /8", "10.0.0.0/8 1", "10.0.0.0/8 1.2.3",
	"10.0.0.0/8 1.2.3.4.5", "10.0.0.0/8 1.2.3.4/32", "10.0.0.0/8 gw", "10.0.0.0/8 1.2.3.4 x",
	"10.0.0.0/8 1.2.3.4 1x", "10.0.0.0/8 1.2.3.4 1 x", "10.0.0.0/8 1.2.3.4 -", "10.0.0.0/8 1.2.3.4 --1",
	"10.0.0.0/8 1.2.3.4 1-1", "10.0.0.0/8 1.2.3.4 4294967296", "10.0.0.0/8 1.2.3.4 01",
	"10.0.0.0/8 1.2.3.4 1 99999999999999999999999", "10.0.0.0/8,1.2.3.4", "10.0.0.0/8\t1.2.3.4", "10.0.0.0/8\n",
	"\t10.0.0.0/8", "10.0.0.0/8;reboot", "$(reboot)", "10.0.0.0/8 1.2.3.4 1 \xC2\xA0",
	"\357\273\27710.0.0.0/8", "10.0.0.0/8 1.2.3.4 1 \x7F", "fe80::/64", "10.0.0.0/255.0.0.0",
	/* no class has a length for these */
	"0.0.0.0", "0.1.2.3", "224.0.0.0", "239.1.1.1", "240.0.0.0", "255.255.255.255",
};

START_TEST(route_bad)
{
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct radius_route r = { 1, 2, 3, 4 };

		ck_assert_msg(parse(&r, bad[i], strlen(bad[i])) == -EINVAL, "\"%s\"", bad[i]);
		ck_assert_msg(r.prefix == 1 && r.len == 2 && r.gateway == 3 && r.metric == 4, "%s", bad[i]);
	}
}
END_TEST

/* Also the NUL that some servers put behind text, and everything behind one. */
START_TEST(route_nul)
{
	static const char text[] = "10.0.0.0/8 1.2.3.4 1";
	struct radius_route r;
	char copy[sizeof text];

	ck_assert_int_eq(parse(&r, text, sizeof text - 1), 0);
	for (size_t i = 0; i < sizeof text; i++) {
		memcpy(copy, text, sizeof text);
		copy[i] = '\0';
		ck_assert_msg(parse(&r, copy, sizeof text) == -EINVAL, "NUL at %zu", i);
	}
	ck_assert_int_eq(parse(&r, "10.0.0.0/8\0001.2.3.4", 18), -EINVAL);
}
END_TEST

/* Of each place, which octets can stand there: digits, a dot, a slash, a space, a sign. */
START_TEST(route_octets)
{
	static const char text[] = "10.0.0.0/8 1.2.3.4 1";

	for (size_t i = 0; i < sizeof text - 1; i++) {
		for (unsigned octet = 0; octet < 256; octet++) {
			char copy[sizeof text];
			struct radius_route r;

			memcpy(copy, text, sizeof text);
			copy[i] = (char)octet;
			if (!parse(&r, copy, sizeof text - 1))
				ck_assert_msg(octet && strchr("0123456789./ -", (int)octet), "%u at %zu", octet, i);
		}
	}
}
END_TEST

/* The longest value of an attribute, filled with metrics. */
START_TEST(route_long)
{
	char text[RADIUS_VALUE_MAX];
	struct radius_route r;

	memcpy(text, "10.0.0.0/8 1.2.3.4 7", 20);
	for (size_t i = 20; i < sizeof text; i++)
		text[i] = i % 2 ? '5' : ' ';
	ck_assert_int_eq(parse(&r, text, sizeof text), 0);
	ck_assert_uint_eq(r.metric, 7);
	text[sizeof text - 1] = 'x';
	ck_assert_int_eq(parse(&r, text, sizeof text), -EINVAL);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("radius_route");

	UNIT_CASE(s, "text", route_good, route_bad, route_nul, route_octets, route_long);
	return s;
}

UNIT_MAIN(suite)
