/*
 * common/: addresses, hash table, list, log and octet buffers.
 */
#include "common/addr.h"
#include "common/buf.h"
#include "common/hash.h"
#include "common/list.h"
#include "common/log.h"

#include "test/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define N(a) (sizeof(a) / sizeof *(a))

/* --- addr --- */

static const struct {
	const char *text;
	uint32_t first, last;
} ranges[] = {
	{ "10.0.0.1", 0x0a000001, 0x0a000001 },
	{ "0.0.0.0/0", 0, 0xffffffff },
	{ "10.0.0.0/8", 0x0a000000, 0x0affffff },
	{ "10.0.0.4/30", 0x0a000004, 0x0a000007 },
	{ "10.0.0.5/32", 0x0a000005, 0x0a000005 },
	{ "10.0.0.1-99", 0x0a000001, 0x0a000063 },
	{ "10.0.0.9-9", 0x0a000009, 0x0a000009 },
	{ "10.0.0.1-255", 0x0a000001, 0x0a0000ff },
	{ "10.0.0.250-10.0.1.5", 0x0a0000fa, 0x0a000105 },
	{ "0.0.0.0-255.255.255.255", 0, 0xffffffff },
};

static const char *const bad_addrs[] = {
	"", " ", "1", "1.2.3", "1.2.3.", "1.2.3.256", "1.2.3.4.5", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.-4",
	"0x1.2.3.4", "a.b.c.d", "::1", "1.2.3.4/8", "1.2.3.4:5", "255.255.255.2555", "1111111111111111111.2.3.4",
};

static const char *const bad_ranges[] = {
	"10.0.0.1/", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/-1", "10.0.0.0/ 8", "10.0.0.0/+8", "10.0.0.0/8x",
	"10.0.0.0/8/8", "/8", "10.0.0.0/4294967304", "10.0.0.1-", "10.0.0.9-8", "10.0.0.9-256", "10.0.0.9-10.0.0.8",
	"10.0.0.1-10.0.0.2-3", "10.0.0.1-1.2", "-5", "10.0.0.1 - 9", "10.0.0.1-10.0.0.9/24",
	"10.0.0.0-10.0.0.255-10.0.1.0",
};

START_TEST(addr_texts)
{
	static const char *const good[] = { "0.0.0.0", "10.0.0.1", "192.33.45.89", "255.255.255.255" };
	char text[ADDR_TEXT];
	uint32_t addr;

	for (size_t i = 0; i < N(good); i++) {
		ck_assert_int_eq(addr_parse(good[i], &addr), 0);
		ck_assert_str_eq(addr_text(addr, text), good[i]);
	}
	ck_assert_int_eq(addr_parse("192.33.45.89", &addr), 0);
	ck_assert_uint_eq(addr, 0xc0212d59);
	for (size_t i = 0; i < N(bad_addrs); i++)
		ck_assert_msg(addr_parse(bad_addrs[i], &addr) == -EINVAL, "\"%s\"", bad_addrs[i]);
}
END_TEST

START_TEST(endpoint_texts)
{
	static const char *const bad[] = { "", ":", ":1723", "1.2.3.4:", "1.2.3.4:0", "1.2.3.4:65536", "1.2.3.4:-1",
		"1.2.3.4: 1", "1.2.3.4:1x", "1.2.3.4:1:2", "1.2.3:1723", "1.2.3.4:4294967297", "host:1723" };
	char text[ENDPOINT_TEXT];
	struct endpoint ep;

	ck_assert_int_eq(endpoint_parse("255.255.255.255:65535", 0, &ep), 0);
	ck_assert_uint_eq(ep.addr, 0xffffffff);
	ck_assert_uint_eq(ep.port, 65535);
	ck_assert_str_eq(endpoint_text(ep, text), "255.255.255.255:65535");
	ck_assert_int_eq(endpoint_parse("1.2.3.4", 1723, &ep), 0);
	ck_assert_str_eq(endpoint_text(ep, text), "1.2.3.4:1723");
	ck_assert_int_eq(endpoint_parse("1.2.3.4:1", 1723, &ep), 0);
	ck_assert_uint_eq(ep.port, 1);
	ck_assert_int_eq(endpoint_parse("1.2.3.4", 0, &ep), -EINVAL);
	for (size_t i = 0; i < N(bad); i++)
		ck_assert_msg(endpoint_parse(bad[i], 1723, &ep) == -EINVAL, "\"%s\"", bad[i]);
}
END_TEST

START_TEST(range_texts)
{
	struct addr_range r;

	for (size_t i = 0; i < N(ranges); i++) {
		ck_assert_msg(range_parse(ranges[i].text, &r) == 0, "\"%s\"", ranges[i].text);
		ck_assert_uint_eq(r.first, ranges[i].first);
		ck_assert_uint_eq(r.last, ranges[i].last);
		ck_assert(range_has(r, r.first) && range_has(r, r.last));
		ck_assert(r.first == 0 || !range_has(r, r.first - 1));
		ck_assert(r.last == 0xffffffff || !range_has(r, r.last + 1));
	}
	for (size_t i = 0; i < N(bad_ranges); i++)
		ck_assert_msg(range_parse(bad_ranges[i], &r) == -EINVAL, "\"%s\"", bad_ranges[i]);
	for (size_t i = 0; i < N(bad_addrs); i++)
		if (!strchr(bad_addrs[i], '/'))
			ck_assert_msg(range_parse(bad_addrs[i], &r) == -EINVAL, "\"%s\"", bad_addrs[i]);
}
END_TEST

START_TEST(range_overlaps)
{
	static const struct addr_range a = { 10, 20 };

	ck_assert(range_overlap(a, a));
	ck_assert(range_overlap(a, (struct addr_range){ 20, 30 }));
	ck_assert(range_overlap((struct addr_range){ 0, 10 }, a));
	ck_assert(range_overlap(a, (struct addr_range){ 12, 13 }));
	ck_assert(!range_overlap(a, (struct addr_range){ 21, 30 }));
	ck_assert(!range_overlap((struct addr_range){ 0, 9 }, a));
}
END_TEST

/* --- hash and list --- */

struct thing {
	struct hash_node node;
	unsigned key;
};

/* Everything that the table has under this hash. */
static unsigned under(const struct hash *h, uint64_t hash)
{
	unsigned n = 0;

	for (struct hash_node *node = hash_first(h, hash); node; node = hash_next(node))
		n++;
	return n;
}

static struct thing *find(const struct hash *h, unsigned key)
{
	for (struct hash_node *node = hash_first(h, hash_u64(key)); node; node = hash_next(node))
		if (hash_entry(node, struct thing, node)->key == key)
			return hash_entry(node, struct thing, node);
	return NULL;
}

START_TEST(hash_grows_and_shrinks)
{
	enum { COUNT = 5000 };
	static struct thing things[COUNT];
	struct hash h;

	hash_init(&h);
	ck_assert_ptr_null(hash_first(&h, 0));
	hash_remove(&h, &things[0].node); /* of an empty table */
	for (unsigned i = 0; i < COUNT; i++) {
		things[i].key = i;
		ck_assert_int_eq(hash_insert(&h, &things[i].node, hash_u64(i)), 0);
		ck_assert(h.count == i + 1 && h.count <= h.size && !(h.size & (h.size - 1)));
	}
	for (unsigned i = 0; i < COUNT; i++)
		ck_assert_ptr_eq(find(&h, i), &things[i]);
	ck_assert_ptr_null(find(&h, COUNT));
	for (unsigned i = 0; i < COUNT; i += 2)
		hash_remove(&h, &things[i].node);
	hash_remove(&h, &things[0].node); /* not there any more: nothing happens */
	ck_assert_uint_eq(h.count, COUNT / 2);
	for (unsigned i = 0; i < COUNT; i++)
		ck_assert_ptr_eq(find(&h, i), i % 2 ? &things[i] : NULL);
	hash_clear(&h);
	ck_assert(!h.size && !h.count);
	ck_assert_int_eq(hash_insert(&h, &things[7].node, 1), 0);
	hash_clear(&h);
}
END_TEST

/* Equal hashes, and hashes of one bucket, are told apart, whatever is removed from between them. */
START_TEST(hash_collisions)
{
	struct thing a = { .key = 1 }, b = { .key = 2 }, c = { .key = 3 }, d = { .key = 4 };
	struct hash h;

	hash_init(&h);
	hash_insert(&h, &a.node, 5);
	hash_insert(&h, &d.node, 5 + (1u << 20));
	hash_insert(&h, &b.node, 5);
	hash_insert(&h, &c.node, 5);
	ck_assert_uint_eq(under(&h, 5), 3);
	ck_assert_uint_eq(under(&h, 5 + (1u << 20)), 1);
	ck_assert_uint_eq(under(&h, 5 + (1u << 21)), 0);
	hash_remove(&h, &b.node);
	ck_assert_uint_eq(under(&h, 5), 2);
	hash_remove(&h, &c.node);
	ck_assert_ptr_eq(hash_first(&h, 5), &a.node);
	hash_remove(&h, &a.node);
	ck_assert_ptr_null(hash_first(&h, 5));
	ck_assert_ptr_eq(hash_first(&h, 5 + (1u << 20)), &d.node);
	hash_clear(&h);
}
END_TEST

START_TEST(hash_of_octets)
{
	uint8_t data[32] = { 0 }, other[32];

	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)i;
	for (size_t len = 0; len < sizeof data; len++) {
		ck_assert(hash_bytes(data, len) == hash_bytes(data, len));
		ck_assert(hash_bytes(data, len) != hash_bytes(data, len + 1));
		memcpy(other, data, sizeof other);
		other[len] ^= 1;
		ck_assert(hash_bytes(data, len + 1) != hash_bytes(other, len + 1));
	}
	ck_assert(hash_u64(1) != hash_u64(2));
}
END_TEST

struct item {
	struct list link;
	int n;
};

START_TEST(list_walks)
{
	struct item items[4];
	struct list head, other;
	int sum = 0;

	list_init(&head);
	list_init(&other);
	ck_assert(list_empty(&head));
	list_each(at, &head)
		ck_abort_msg("empty");
	for (int i = 0; i < 4; i++) {
		items[i].n = i;
		list_append(&head, &items[i].link);
	}
	list_each(at, &head) { /* in order; the present one may go, also into another list */
		struct item *item = list_entry(at, struct item, link);

		ck_assert_int_eq(item->n, sum++);
		list_remove(at);
		if (item->n % 2)
			list_append(&other, at);
	}
	ck_assert_int_eq(sum, 4);
	ck_assert(list_empty(&head));
	ck_assert_ptr_eq(other.next, &items[1].link);
	ck_assert_ptr_eq(other.prev, &items[3].link);
	list_remove(&items[0].link); /* in no list */
	list_remove(&items[1].link);
	list_remove(&items[3].link);
	ck_assert(list_empty(&other));
}
END_TEST

/* --- log --- */

static char lines[4][3000];
static unsigned nlines;

static void sink(enum log_level level, const char *line)
{
	snprintf(lines[nlines++ % N(lines)], sizeof lines[0], "%s: %s", log_level_word(level), line);
}

START_TEST(log_lines)
{
	char big[4000];

	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	log_set_sink(sink);
	errno = ENOENT;
	log_error("event", "key=%d error=\"%m\"", 5);
	ck_assert_str_eq(lines[0], "error: event key=5 error=\"No such file or directory\"");
	ck_assert_int_eq(errno, ENOENT);
	log_warn("w", "text=%s", "a\nb\tc\x1b[2J"); /* one event is one line */
	ck_assert_str_eq(lines[1], "warn: w text=a b c [2J");
	log_info("i", "%s", big);
	ck_assert_uint_ge(strlen(lines[2]), 1000);
	ck_assert_uint_lt(strlen(lines[2]), 2048 + 6);
	log_debug("d", "x=1");
	ck_assert_str_eq(lines[3], "debug: d x=1");
	ck_assert_uint_eq(nlines, 4);
}
END_TEST

START_TEST(log_words)
{
	enum log_level level;
	enum log_target target;

	for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
		ck_assert_int_eq(log_level_parse(log_level_word((enum log_level)i), &level), 0);
		ck_assert_int_eq(level, i);
	}
	ck_assert_int_eq(log_level_parse("Info", &level), -EINVAL);
	ck_assert_int_eq(log_level_parse("", &level), -EINVAL);
	ck_assert_int_eq(log_target_parse("journal", &target), 0);
	ck_assert_int_eq(target, LOG_TO_JOURNAL);
	ck_assert_int_eq(log_target_parse("stdout", &target), -EINVAL);
	log_set_level(LOG_LEVEL_WARN);
	ck_assert_int_eq(log_get_level(), LOG_LEVEL_WARN);
}
END_TEST

/* What is written to stderr: the level holds back, the journal gets its prefix, and a line is one write. */
START_TEST(log_to_stderr)
{
	int saved = dup(STDERR_FILENO), fds[2];
	char text[4096], big[3000];
	ssize_t n;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	dup2(fds[1], STDERR_FILENO);
	log_open("unit", LOG_TO_JOURNAL, LOG_LEVEL_WARN);
	log_info("quiet", "x=1");
	log_warn("loud", "x=2");
	log_open("unit", LOG_TO_STDERR, LOG_LEVEL_DEBUG);
	log_debug("more", "x=3");
	memset(big, 'x', sizeof big);
	log_error("big", "%.*s", (int)sizeof big, big);
	dup2(saved, STDERR_FILENO);

	n = recv(fds[0], text, sizeof text - 1, MSG_DONTWAIT);
	text[n > 0 ? n : 0] = '\0';
	ck_assert_str_eq(text, "<4>loud x=2\n");
	n = recv(fds[0], text, sizeof text - 1, MSG_DONTWAIT);
	text[n > 0 ? n : 0] = '\0';
	ck_assert_ptr_nonnull(strstr(text, "Z unit["));
	ck_assert_ptr_nonnull(strstr(text, "] debug: more x=3\n"));
	n = recv(fds[0], text, sizeof text - 1, MSG_DONTWAIT);
	ck_assert_int_gt(n, 2000);
	ck_assert_int_eq(text[n - 1], '\n');
	ck_assert_int_lt(recv(fds[0], text, sizeof text, MSG_DONTWAIT), 0);
	close(fds[0]);
	close(fds[1]);
	close(saved);
}
END_TEST

/* SEC-05: whatever a peer sent stays inside of its quotes. */
START_TEST(log_quotes)
{
	static const struct {
		const char *octets;
		size_t len;
		const char *quoted;
	} rows[] = {
		{ "", 0, "\"\"" },
		{ "alice", 5, "\"alice\"" },
		{ "a b", 3, "\"a b\"" },
		{ "a\"b\\c", 5, "\"a\\x22b\\x5cc\"" },
		{ "a\0b\n\x7f\xff", 6, "\"a\\x00b\\x0a\\x7f\\xff\"" },
		{ "%s%n", 4, "\"%s%n\"" },
	};
	char out[LOG_QUOTED(16)];

	for (size_t i = 0; i < N(rows); i++)
		ck_assert_str_eq(log_quote(out, sizeof out, rows[i].octets, rows[i].len), rows[i].quoted);
}
END_TEST

/* Cut to every size: never written past it, always whole escapes, always closed. */
START_TEST(log_quotes_are_cut)
{
	char out[40];

	for (size_t size = 0; size <= 30; size++) {
		memset(out, '#', sizeof out);
		log_quote(out, size, "ab\ncd\nef", 8);
		for (size_t i = size; i < sizeof out; i++)
			ck_assert_int_eq(out[i], '#');
		if (size >= 3) {
			size_t len = strlen(out);

			ck_assert(len < size && out[0] == '"' && out[len - 1] == '"');
			ck_assert_int_eq(strncmp(out, "\"ab\\x0acd\\x0aef\"", len - 1), 0);
			ck_assert(out[len - 2] != '\\' && out[len - 2] != 'x' && out[len - 2] != '0');
		} else if (size) {
			ck_assert_str_eq(out, "");
		}
	}
	log_quote(out, 17, "ab\ncd\nef", 8);
	ck_assert_str_eq(out, "\"ab\\x0acd\\x0aef\"");
	log_quote(out, LOG_QUOTED(2), "\n\n", 2);
	ck_assert_str_eq(out, "\"\\x0a\\x0a\"");
}
END_TEST

/* SEC-09: a burst, then so many a minute, and how many were held back. */
/* A reader that has stopped costs lines, not the daemon: this would block for ever. */
START_TEST(log_reader_stops)
{
	int fds[2], own = dup(STDERR_FILENO);
	char text[65536 + 4096] = "", *end;
	ssize_t n;

	ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0);
	while (write(fds[1], text, 4096) > 0)
		;
	fcntl(fds[1], F_SETFL, 0); /* as a service manager gives it */
	dup2(fds[1], STDERR_FILENO);
	log_open("test", LOG_TO_STDERR, LOG_LEVEL_INFO);
	log_info("one", "a=1");
	log_info("two", "a=1");
	while (read(fds[0], text, 4096) > 0)
		;
	log_info("three", "a=1");
	dup2(own, STDERR_FILENO);
	n = read(fds[0], text, sizeof text - 1);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	end = strstr(text, "log-dropped lines=2 ");
	ck_assert_ptr_nonnull(end);
	ck_assert_ptr_nonnull(strstr(end, "three a=1"));
}
END_TEST

START_TEST(log_limits)
{
	struct log_limit limit = LOG_LIMIT(3, 60);
	struct mono now = { 1000000 };
	unsigned suppressed = 99;

	for (int i = 0; i < 3; i++) {
		ck_assert(log_allow(&limit, now, &suppressed));
		ck_assert_uint_eq(suppressed, 0);
	}
	for (int i = 0; i < 5; i++)
		ck_assert(!log_allow(&limit, now, &suppressed));
	now = mono_add_ms(now, 999);
	ck_assert(!log_allow(&limit, now, &suppressed));
	now = mono_add_ms(now, 1);
	ck_assert(log_allow(&limit, now, &suppressed));
	ck_assert_uint_eq(suppressed, 6);
	ck_assert(!log_allow(&limit, now, &suppressed));
	now = mono_add_s(now, 86400); /* a long rest earns the burst, not more */
	for (int i = 0; i < 3; i++) {
		ck_assert(log_allow(&limit, now, &suppressed));
		ck_assert_uint_eq(suppressed, i ? 0 : 1);
	}
	ck_assert(!log_allow(&limit, now, &suppressed));
}
END_TEST

/* --- buf --- */

START_TEST(buf_round_trip)
{
	static const uint8_t expected[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 'a', 'b', 0, 0 };
	uint8_t mem[sizeof expected], text[2];
	struct wbuf w;
	struct rbuf r;

	wbuf_init(&w, mem, sizeof mem);
	wbuf_u8(&w, 1);
	wbuf_u16(&w, 0x0203);
	wbuf_u32(&w, 0x04050607);
	wbuf_u64(&w, 0x08090a0b0c0d0e0f);
	wbuf_bytes(&w, "ab", 2);
	wbuf_bytes(&w, NULL, 0);
	wbuf_zero(&w, 2);
	ck_assert_uint_eq(wbuf_len(&w), sizeof expected);
	ck_assert_mem_eq(mem, expected, sizeof expected);
	rbuf_init(&r, mem, sizeof mem);
	ck_assert_uint_eq(rbuf_u8(&r), 1);
	ck_assert_uint_eq(rbuf_u16(&r), 0x0203);
	ck_assert_uint_eq(rbuf_u32(&r), 0x04050607);
	ck_assert(rbuf_u64(&r) == 0x08090a0b0c0d0e0f);
	rbuf_bytes(&r, text, 2);
	ck_assert_mem_eq(text, "ab", 2);
	ck_assert_int_eq(rbuf_end(&r), -1); /* left over */
	ck_assert_uint_eq(rbuf_left(&r), 2);
	rbuf_skip(&r, 2);
	ck_assert_int_eq(rbuf_end(&r), 0);
}
END_TEST

/* A reader past its end yields zeros, not parts, and stays faulty. */
START_TEST(buf_reader_faults)
{
	static const uint8_t data[7] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	uint8_t bytes[9];

	for (size_t len = 0; len <= sizeof data; len++) {
		uint8_t *copy = malloc(len ? len : 1);
		struct rbuf r;

		memcpy(copy, data, len);
		rbuf_init(&r, copy, len);
		ck_assert(rbuf_u64(&r) == 0);
		ck_assert(r.fault && rbuf_u8(&r) == 0 && rbuf_end(&r) == -1);
		rbuf_init(&r, copy, len);
		ck_assert_uint_eq(rbuf_u32(&r), len < 4 ? 0 : 0xffffffff);
		rbuf_init(&r, copy, len);
		ck_assert_uint_eq(rbuf_u16(&r), len < 2 ? 0 : 0xffff);
		rbuf_init(&r, copy, len);
		memset(bytes, 0xee, sizeof bytes);
		rbuf_bytes(&r, bytes, len + 1);
		for (size_t i = 0; i <= len; i++)
			ck_assert_uint_eq(bytes[i], 0);
		ck_assert_uint_eq(bytes[len + 1], 0xee);
		ck_assert_ptr_null(rbuf_view(&r, 0));
		rbuf_init(&r, copy, len);
		rbuf_skip(&r, SIZE_MAX);
		ck_assert(r.fault);
		free(copy);
	}
}
END_TEST

/* A writer past its end writes nothing there, has no length any more and stays faulty. */
START_TEST(buf_writer_faults)
{
	for (size_t cap = 0; cap < 8; cap++) {
		uint8_t *mem = malloc(cap ? cap : 1);
		struct wbuf w;

		wbuf_init(&w, mem, cap);
		wbuf_u64(&w, 1);
		ck_assert(w.fault && !wbuf_len(&w));
		wbuf_u8(&w, 1);
		ck_assert(w.fault && !wbuf_len(&w));
		wbuf_init(&w, mem, cap);
		wbuf_zero(&w, cap);
		ck_assert_uint_eq(wbuf_len(&w), cap);
		wbuf_bytes(&w, "", 1);
		ck_assert(w.fault && !wbuf_len(&w));
		wbuf_init(&w, mem, cap);
		wbuf_zero(&w, SIZE_MAX);
		ck_assert(w.fault);
		free(mem);
	}
}
END_TEST

static Suite *common_suite(void)
{
	Suite *s = suite_create("common");

	UNIT_CASE(s, "addr", addr_texts, endpoint_texts, range_texts, range_overlaps);
	UNIT_CASE(s, "hash", hash_grows_and_shrinks, hash_collisions, hash_of_octets, list_walks);
	UNIT_CASE(s, "log", log_lines, log_words, log_to_stderr, log_quotes, log_quotes_are_cut, log_reader_stops,
		  log_limits);
	UNIT_CASE(s, "buf", buf_round_trip, buf_reader_faults, buf_writer_faults);
	return s;
}

UNIT_MAIN(common_suite)
