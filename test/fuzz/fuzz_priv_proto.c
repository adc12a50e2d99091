/*
 * The codec between main and the root part: whatever decodes encodes to the very
 * same octets again, has its values in range, and nothing else decodes (SEC-04, SEC-08).
 */
#include "test/fuzz/fuzz.h"

#include "pacd/priv/proto.h"

#include <errno.h>
#include <string.h>

static void check_ranges(const struct priv_msg *m)
{
	switch (m->type) {
	case PRIV_OPEN: FUZZ_REQUIRE(m->open.socket < PRIV_SOCKETS); break;
	case PRIV_SIGNAL_PPPD: FUZZ_REQUIRE(m->signal_pppd.signal < PRIV_SIGNALS); break;
	case PRIV_OPENED:
		FUZZ_REQUIRE(m->opened.socket < PRIV_SOCKETS && m->opened.error >= 0);
		FUZZ_REQUIRE(!m->opened.handle || (m->opened.socket == PRIV_SOCKET_LINE && !m->opened.error));
		FUZZ_REQUIRE(!m->opened.generation || m->opened.socket == PRIV_SOCKET_LINE);
		break;
	case PRIV_CLOSE_LINE: FUZZ_REQUIRE(m->close_line.handle); break;
	case PRIV_STARTED: FUZZ_REQUIRE((m->started.error == 0) == (m->started.pid > 0)); break;
	case PRIV_CONF: FUZZ_REQUIRE(m->conf.ok || !(m->conf.has_users || m->conf.has_radius)); break;
	case PRIV_CHANGE_HOOK:
		FUZZ_REQUIRE(script_vars_valid(&m->change_hook.vars) && m->change_hook.unit <= INT32_MAX);
		break;
	default: break;
	}
	FUZZ_REQUIRE(priv_fds(m) <= 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[PRIV_MSG_MAX];
	struct priv_msg m;
	int r = priv_decode(&m, data, size);

	FUZZ_REQUIRE(r == 0 || r == -EBADMSG);
	if (r < 0)
		return 0;
	check_ranges(&m);
	FUZZ_REQUIRE(priv_encode(again, sizeof again, &m) == size);
	FUZZ_REQUIRE(memcmp(again, data, size) == 0);
	for (size_t cap = 0; cap < size; cap += 1 + cap / 64)
		FUZZ_REQUIRE(priv_encode(again, cap, &m) == 0);
	return 0;
}
