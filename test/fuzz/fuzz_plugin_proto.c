/*
 * The plugin protocol's decoder: what it takes, the encoder gives back octet for
 * octet; no shorter input is a message, and no text has octets that it must not.
 */
#include "common/plugin_proto.h"
#include "test/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

/* What goes to the kernel and into a script's environment. */
static void check_answer(const struct plugin_answer *a)
{
	FUZZ_REQUIRE(!memchr(a->message, 0, a->message_len));
	FUZZ_REQUIRE(a->nroutes <= PLUGIN_ROUTES && !(a->peer_chooses && a->remote));
	for (unsigned i = 0; i < a->nroutes; i++)
		FUZZ_REQUIRE(a->routes[i].len <= 32 && a->routes[i].gateway >> 28 != 0xe &&
			     !((uint64_t)a->routes[i].prefix << a->routes[i].len & UINT32_MAX));
	FUZZ_REQUIRE(a->vars.n <= SCRIPT_VAR_COUNT);
	for (unsigned i = 0; i < a->vars.n; i++) {
		const char *value = a->vars.list[i].value;

		FUZZ_REQUIRE(script_var_name((enum script_var)a->vars.list[i].var));
		FUZZ_REQUIRE(strlen(value) == a->vars.list[i].len && *value && !strpbrk(value, "\"'\\$`\n\r\t"));
	}
}

static void check_text(const struct plugin_msg *m)
{
	if (m->type == PLUGIN_END)
		FUZZ_REQUIRE(!memchr(m->end.reason, '\n', m->end.reason_len) && m->end.reason_len > 0);
	if (m->type == PLUGIN_UP)
		FUZZ_REQUIRE(memchr(m->up.ifname, 0, sizeof m->up.ifname) && !strchr(m->up.ifname, '/'));
	if (m->type == PLUGIN_ANSWER)
		check_answer(&m->answer);
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
