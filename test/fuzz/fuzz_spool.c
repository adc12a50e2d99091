/*
 * Reading of the accounting spool's files as a crash or a bad disk left them: every octet is either in an entry or
 * counted as damaged, an entry encodes to the same octets again, and so does a record in it (RAD-65).
 */
#include "test/fuzz/fuzz.h"

#include "pacd/proto/spool_record.h"

#include <errno.h>
#include <string.h>

static void check_account(const struct spool_record *r)
{
	uint8_t again[SPOOL_RECORD_MAX];
	struct spool_account a;
	int error = spool_account_get(&a, r->payload, r->len);
	struct wbuf w;

	FUZZ_REQUIRE(error == 0 || error == -EBADMSG);
	if (error < 0)
		return;
	FUZZ_REQUIRE(a.session_id[0] && a.queue[0]);
	FUZZ_REQUIRE(radius_list_valid(a.attributes, a.len));
	wbuf_init(&w, again, sizeof again);
	spool_account_put(&w, &a);
	FUZZ_REQUIRE(wbuf_len(&w) == r->len && memcmp(again, r->payload, r->len) == 0);
}

/* The checksum keeps nearly everything out: the same octets as a payload, too. */
static void check_inside(const uint8_t *data, size_t size)
{
	uint8_t file[SPOOL_RECORD_HEADER + SPOOL_RECORD_MAX];
	struct spool_record r = { .kind = SPOOL_WAITS, .number = size, .payload = data,
				  .len = size < SPOOL_RECORD_MAX ? size : SPOOL_RECORD_MAX }, got;
	size_t damaged = 0;
	struct wbuf w;
	struct rbuf b;

	wbuf_init(&w, file, sizeof file);
	spool_record_put(&w, &r);
	rbuf_init(&b, file, wbuf_len(&w));
	FUZZ_REQUIRE(spool_record_next(&b, &got, &damaged));
	FUZZ_REQUIRE(damaged == 0 && got.len == r.len && got.number == r.number && got.kind == r.kind);
	check_account(&got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[SPOOL_RECORD_HEADER + SPOOL_RECORD_MAX];
	size_t damaged = 0, whole = 0;
	struct spool_record r;
	struct wbuf w;
	struct rbuf b;

	rbuf_init(&b, data, size);
	while (spool_record_next(&b, &r, &damaged)) {
		wbuf_init(&w, again, sizeof again);
		spool_record_put(&w, &r);
		FUZZ_REQUIRE(wbuf_len(&w) == SPOOL_RECORD_HEADER + r.len);
		FUZZ_REQUIRE(memcmp(again, b.p - wbuf_len(&w), wbuf_len(&w)) == 0);
		whole += wbuf_len(&w);
		check_account(&r);
	}
	FUZZ_REQUIRE(whole + damaged == size && rbuf_left(&b) == 0);
	check_inside(data, size);
	return 0;
}
