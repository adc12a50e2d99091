/*
 * Any octets, and any values, through the decoder and the encoder: what is decoded is encoded to the same octets
 * (reserved fields apart) and decoded again to the same values, and a prefix never promises what the whole breaks.
 */
#include "pacd/proto/msg.h"

#include "test/fuzz/fuzz.h"

#include <string.h>

static void round_trip(const struct msg *m)
{
	uint8_t first[MSG_MAX], second[MSG_MAX];
	struct msg again;
	size_t n = msg_encode(first, sizeof first, m);

	FUZZ_REQUIRE(n == msg_size(m->type));
	if (!n)
		return;
	FUZZ_REQUIRE(msg_decode(&again, first, n) == MSG_OK);
	FUZZ_REQUIRE(again.type == m->type);
	FUZZ_REQUIRE(msg_encode(second, sizeof second, &again) == n);
	FUZZ_REQUIRE(!memcmp(first, second, n));
	FUZZ_REQUIRE(!msg_encode(second, n - 1, &again));
}

/* Where a type has reserved octets besides the header's. */
static const struct {
	size_t at, n;
} reserved[MSG_SLI + 1] = {
	[MSG_SCCRQ] = { 14, 2 },
	[MSG_STOP_CCRQ] = { 13, 3 },
	[MSG_STOP_CCRP] = { 14, 2 },
	[MSG_ECHO_RP] = { 18, 2 },
	[MSG_OCRQ] = { 38, 2 },
	[MSG_ICRP] = { 22, 2 },
	[MSG_ICCN] = { 14, 2 },
	[MSG_CCRQ] = { 14, 2 },
	[MSG_CDN] = { 18, 2 },
	[MSG_WEN] = { 14, 2 },
	[MSG_SLI] = { 14, 2 },
};

static void compare_octets(const struct msg *m, const uint8_t *data, size_t size)
{
	uint8_t b[MSG_MAX], want[MSG_MAX];

	memcpy(want, data, size);
	memset(want + 10, 0, 2);
	memset(want + reserved[m->type].at, 0, reserved[m->type].n);
	FUZZ_REQUIRE(msg_encode(b, sizeof b, m) == size);
	FUZZ_REQUIRE(!memcmp(b, want, size));
}

static void check_prefixes(const uint8_t *data, size_t size)
{
	enum msg_fault before = MSG_OK;
	size_t known = 0, need;

	for (size_t len = 0; len <= size && len <= MSG_MAX; len++) {
		enum msg_fault fault = msg_check(data, len, &need);

		if (before != MSG_OK)
			FUZZ_REQUIRE(fault == before);
		if (known)
			FUZZ_REQUIRE(need == known);
		if (fault == MSG_OK || fault <= MSG_NOT_CONTROL)
			FUZZ_REQUIRE(len < 2 ? need == 0 : need >= MSG_HEADER && need <= MSG_MAX);
		before = fault;
		known = need;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct msg m;

	check_prefixes(data, size);
	if (msg_decode(&m, data, size) == MSG_OK) {
		FUZZ_REQUIRE(size == msg_size(m.type));
		compare_octets(&m, data, size);
		round_trip(&m);
	}
	memset(&m, 0, sizeof m);
	memcpy(&m, data, size < sizeof m ? size : sizeof m);
	m.type %= MSG_SLI + 2;
	round_trip(&m);
	return 0;
}
