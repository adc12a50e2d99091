/*
 * The plugin protocol's decoder: what it takes, the encoder gives back octet for
 * octet; no shorter input is a message, and no text has octets that it must not.
 */
#include "common/plugin_proto.h"
#include "test/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

static void check_text(const struct plugin_msg *m)
{
	if (m->type == PLUGIN_END)
		FUZZ_REQUIRE(!memchr(m->end.reason, '\n', m->end.reason_len) && m->end.reason_len > 0);
	if (m->type == PLUGIN_UP)
		FUZZ_REQUIRE(memchr(m->up.ifname, 0, sizeof m->up.ifname) && !strchr(m->up.ifname, '/'));
	if (m->type == PLUGIN_ANSWER)
		FUZZ_REQUIRE(!memchr(m->answer.message, 0, m->answer.message_len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plugin_msg m, again;
	uint8_t out[PLUGIN_MSG_MAX];
	int r = plugin_decode(&m, data, size);

	FUZZ_REQUIRE(r == 0 || r == -EBADMSG);
	if (r < 0)
		return 0;
	check_text(&m);
	FUZZ_REQUIRE(plugin_encode(out, sizeof out, &m) == size);
	FUZZ_REQUIRE(memcmp(out, data, size) == 0);
	FUZZ_REQUIRE(plugin_encode(out, size - 1, &m) == 0);
	FUZZ_REQUIRE(plugin_decode(&again, data, size - 1) == -EBADMSG);
	return 0;
}
