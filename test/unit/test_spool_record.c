/*
 * The entries of the accounting spool's files (RAD-65): what is written reads the same, files that are cut or damaged
 * anywhere give all that is whole in them, and nothing else.
 */
#include "pacd/proto/spool_record.h"

#include "test/unit/unit.h"

#include <errno.h>

static const uint8_t attributes[] = { 40, 6, 0, 0, 0, 2, 44, 4, 'a', 'b', 25, 2 };

static const struct spool_account sample = { .status = RADIUS_ACCT_STOP, .event_time = 0x0102030405,
					     .session_id = "00000001000000A0", .queue = "T1",
					     .attributes = attributes, .len = sizeof attributes };

static struct spool_record record(uint8_t kind, uint64_t number, const void *payload, size_t len)
{
	return (struct spool_record){ .kind = kind, .number = number, .payload = payload, .len = len };
}

/* Five entries; the place of each and of the end. */
static size_t journal(uint8_t data[1024], size_t at[6])
{
	uint8_t payload[128];
	struct spool_record r[5];
	struct wbuf w, p;

	wbuf_init(&p, payload, sizeof payload);
	spool_account_put(&p, &sample);
	r[0] = record(SPOOL_WAITS, 1, payload, wbuf_len(&p));
	r[1] = record(SPOOL_OPEN, 2, payload, wbuf_len(&p));
	r[2] = record(SPOOL_DONE, 1, NULL, 0);
	r[3] = record(SPOOL_WAITS, UINT64_MAX, "PaS1PaS1PPaPaS", 14); /* looks like entries */
	r[4] = record(SPOOL_DONE, 2, NULL, 0);
	wbuf_init(&w, data, 1024);
	for (size_t i = 0; i < 5; i++) {
		at[i] = wbuf_len(&w);
		spool_record_put(&w, &r[i]);
	}
	ck_assert(!w.fault);
	at[5] = wbuf_len(&w);
	return at[5];
}

/* How many come, as bits by place; *damaged as the reader says. */
static unsigned seen(const uint8_t *data, size_t len, const size_t at[6], size_t *damaged)
{
	struct spool_record r;
	unsigned bits = 0;
	struct rbuf b;

	*damaged = 0;
	rbuf_init(&b, data, len);
	while (spool_record_next(&b, &r, damaged)) {
		size_t begin = (size_t)(b.p - data) - SPOOL_RECORD_HEADER - r.len, i = 0;

		while (i < 5 && at[i] != begin)
			i++;
		ck_assert_uint_lt(i, 5);
		bits |= 1u << i;
	}
	ck_assert_uint_eq(rbuf_left(&b), 0);
	return bits;
}

START_TEST(crc)
{
	ck_assert_uint_eq(spool_crc32(0, "", 0), 0);
	ck_assert_uint_eq(spool_crc32(0, "123456789", 9), 0xcbf43926);
	ck_assert_uint_eq(spool_crc32(spool_crc32(0, "1234", 4), "56789", 5), 0xcbf43926);
}
END_TEST

/* The very octets: an earlier pacd wrote them. */
START_TEST(format)
{
	static const uint8_t want[] = { 'P', 'a', 'S', '1', 0, 3, SPOOL_WAITS, 0, 0, 0, 0, 0, 0, 0, 0, 9 };
	struct spool_record r = record(SPOOL_WAITS, 9, "xyz", 3);
	uint8_t data[64], whole[19];
	uint32_t sum;
	struct wbuf w;

	wbuf_init(&w, data, sizeof data);
	spool_record_put(&w, &r);
	ck_assert_uint_eq(wbuf_len(&w), SPOOL_RECORD_HEADER + 3);
	ck_assert_mem_eq(data, want, sizeof want);
	memcpy(whole, want, sizeof want);
	memcpy(whole + 16, "xyz", 3);
	sum = spool_crc32(0, whole, sizeof whole);
	ck_assert_uint_eq((uint32_t)data[16] << 24 | data[17] << 16 | data[18] << 8 | data[19], sum);
	ck_assert_mem_eq(data + 20, "xyz", 3);
}
END_TEST

START_TEST(bounds)
{
	static uint8_t big[SPOOL_RECORD_MAX + 1], data[SPOOL_RECORD_MAX + SPOOL_RECORD_HEADER];
	struct spool_record r = record(SPOOL_WAITS, 9, big, SPOOL_RECORD_MAX), again;
	size_t damaged = 0;
	struct wbuf w;
	struct rbuf b;

	wbuf_init(&w, data, sizeof data);
	spool_record_put(&w, &r);
	ck_assert_uint_eq(wbuf_len(&w), sizeof data);
	rbuf_init(&b, data, sizeof data);
	ck_assert(spool_record_next(&b, &again, &damaged));
	ck_assert_uint_eq(again.len, SPOOL_RECORD_MAX);
	ck_assert(!spool_record_next(&b, &again, &damaged));
	ck_assert_uint_eq(damaged, 0);
	r.len++;
	wbuf_init(&w, data, sizeof data);
	spool_record_put(&w, &r);
	ck_assert(w.fault);
	wbuf_init(&w, data, SPOOL_RECORD_HEADER);
	r.len = 1;
	spool_record_put(&w, &r);
	ck_assert(w.fault);
}
END_TEST

/* kill -9, loss of power: cut at each octet. */
START_TEST(cut)
{
	uint8_t data[1024];
	size_t at[6], len = journal(data, at), damaged;

	ck_assert_uint_eq(seen(data, len, at, &damaged), 31);
	ck_assert_uint_eq(damaged, 0);
	for (size_t n = 0; n < len; n++) {
		unsigned whole = 0;

		while (at[whole + 1] <= n)
			whole++;
		ck_assert_uint_eq(seen(data, n, at, &damaged), (1u << whole) - 1);
		ck_assert_uint_eq(damaged, n - at[whole]);
	}
}
END_TEST

/* Each bit of the file: the one entry that it is in is gone. */
START_TEST(flipped)
{
	uint8_t data[1024];
	size_t at[6], len = journal(data, at), damaged;

	for (size_t bit = 0; bit < len * 8; bit++) {
		unsigned hit = 0;

		while (at[hit + 1] <= bit / 8)
			hit++;
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert_uint_eq(seen(data, len, at, &damaged), 31u & ~(1u << hit));
		ck_assert_uint_eq(damaged, at[hit + 1] - at[hit]);
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}
END_TEST

/* Octets that are missing or too many in the middle. */
START_TEST(shifted)
{
	uint8_t data[1024], other[2048];
	size_t at[6], len = journal(data, at), damaged, n;
	struct spool_record r;
	struct rbuf b;

	for (size_t gone = 1; gone < at[1]; gone++) {
		memcpy(other, data + gone, len - gone);
		rbuf_init(&b, other, len - gone);
		damaged = 0;
		for (n = 0; spool_record_next(&b, &r, &damaged); n++)
			;
		ck_assert_uint_eq(n, 4);
		ck_assert_uint_eq(damaged, at[1] - gone);
	}
	memcpy(other, data, at[2]);
	memset(other + at[2], 'P', 100);
	memcpy(other + at[2] + 100, data + at[2], len - at[2]);
	rbuf_init(&b, other, len + 100);
	damaged = 0;
	for (n = 0; spool_record_next(&b, &r, &damaged); n++)
		;
	ck_assert_uint_eq(n, 5);
	ck_assert_uint_eq(damaged, 100);
}
END_TEST

START_TEST(account)
{
	uint8_t data[128], again[128];
	struct spool_account a;
	struct wbuf w;
	size_t len;

	wbuf_init(&w, data, sizeof data);
	spool_account_put(&w, &sample);
	len = wbuf_len(&w);
	ck_assert_int_eq(spool_account_get(&a, data, len), 0);
	ck_assert_uint_eq(a.status, sample.status);
	ck_assert_int_eq(a.event_time, sample.event_time);
	ck_assert_str_eq(a.session_id, sample.session_id);
	ck_assert_str_eq(a.queue, sample.queue);
	ck_assert_uint_eq(a.len, sizeof attributes);
	ck_assert_mem_eq(a.attributes, attributes, sizeof attributes);
	for (size_t n = 0; n < len; n++) {
		bool between = n == len - sizeof attributes || n == len - 6 || n == len - 2;

		memcpy(again, data, n);
		ck_assert_int_eq(spool_account_get(&a, again, n), between ? 0 : -EBADMSG);
	}
}
END_TEST

/* Texts that are empty, too long, or hold a NUL; lists that don't add up. */
START_TEST(account_bad)
{
	uint8_t data[128];
	struct spool_account a;
	struct wbuf w;
	size_t len;

	wbuf_init(&w, data, sizeof data);
	spool_account_put(&w, &sample);
	len = wbuf_len(&w);
	data[12] = 0;
	ck_assert_int_eq(spool_account_get(&a, data, len), -EBADMSG);
	data[12] = 'x';
	ck_assert_int_eq(spool_account_get(&a, data, len), 0);
	data[len - 1] = 1;
	ck_assert_int_eq(spool_account_get(&a, data, len), -EBADMSG);
	data[len - 1] = 3;
	ck_assert_int_eq(spool_account_get(&a, data, len), -EBADMSG);
	data[len - 1] = 2;
	data[9] = 0;
	ck_assert_int_eq(spool_account_get(&a, data, len), -EBADMSG);
	data[9] = RADIUS_SESSION_ID;
	ck_assert_int_eq(spool_account_get(&a, data, len), -EBADMSG);
}
END_TEST

static Suite *spool_record_suite(void)
{
	Suite *s = suite_create("spool_record");

	UNIT_CASE(s, "entries", crc, format, bounds, cut, flipped, shifted);
	UNIT_CASE(s, "records", account, account_bad);
	return s;
}

UNIT_MAIN(spool_record_suite)
