/*
 * Any attribute list as an Access-Accept, -Reject or -Challenge.  What comes out is within its bounds and has the form
 * that the header promises; what is refused leaves nothing; a call's grant leaves a user's own values alone.  The whole
 * input is tried as a Framed-Route, too.
 */
#include "pacd/proto/radius_grant.h"

#include "test/fuzz/fuzz.h"

#include <string.h>

static const uint8_t authenticator[RADIUS_AUTHENTICATOR] = { 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,
							     0x18, 0x19, 0x1A, 0x1B, 0x1C, 0x1D, 0x1E, 0x1F };
static const uint8_t secret[] = "xyzzy5461";
static const struct radius_hiding hiding = { { secret, sizeof secret - 1 }, authenticator };
static const struct radius_grant zeros;

static void check_text(const char *text, size_t size)
{
	FUZZ_REQUIRE(memchr(text, '\0', size) != NULL);
}

static void check_printable(const char *text, size_t max)
{
	check_text(text, max + 1);
	for (; *text; text++)
		FUZZ_REQUIRE((uint8_t)*text >= 0x20 && *text != 0x7F);
}

static void check_texts(const struct radius_grant *g)
{
	check_text(g->filter, sizeof g->filter);
	check_text(g->pool, sizeof g->pool);
	check_text(g->rate_limit, sizeof g->rate_limit);
	check_text(g->user_name, sizeof g->user_name);
	check_printable(g->message, 255);
	check_printable(g->error, sizeof g->error - 1);
	FUZZ_REQUIRE(!!g->filter[0] == !!(g->given & RADIUS_GIVEN_FILTER));
	FUZZ_REQUIRE(!!g->pool[0] == !!(g->given & RADIUS_GIVEN_POOL));
	FUZZ_REQUIRE(!!g->rate_limit[0] == !!(g->given & RADIUS_GIVEN_RATE_LIMIT));
	FUZZ_REQUIRE(!!g->user_name[0] == !!(g->given & RADIUS_GIVEN_USER_NAME));
	FUZZ_REQUIRE(!!g->error[0] == !!(g->given & RADIUS_GIVEN_ERROR));
	check_text(g->success, sizeof g->success);
	FUZZ_REQUIRE(strlen(g->success) == (g->given & RADIUS_GIVEN_SUCCESS ? 42u : 0u));
}

static void check_numbers(const struct radius_grant *g)
{
	uint32_t host = ~g->netmask;

	FUZZ_REQUIRE(g->given >> 25 == 0);
	if (g->given & RADIUS_GIVEN_ADDRESS)
		FUZZ_REQUIRE(g->address >> 24 != 127 && g->address &&
			     (g->address < 0xE0000000 || g->address >= RADIUS_ADDRESS_NAS));
	if (g->given & RADIUS_GIVEN_NETMASK)
		FUZZ_REQUIRE(g->netmask && !(host & (host + 1)));
	if (g->given & RADIUS_GIVEN_MTU)
		FUZZ_REQUIRE(g->mtu >= 64 && g->mtu <= 65535);
	if (!(g->given & RADIUS_GIVEN_KEYS))
		FUZZ_REQUIRE(!memcmp(g->send_key, zeros.send_key, 16) && !memcmp(g->recv_key, zeros.recv_key, 16));
	FUZZ_REQUIRE(g->state_len <= sizeof g->state);
	FUZZ_REQUIRE(g->unknown || !g->first_unknown);
}

static void check_class(const struct radius_grant *g)
{
	struct radius_attribute a;
	struct rbuf r;

	FUZZ_REQUIRE(g->class_len <= sizeof g->class_);
	FUZZ_REQUIRE(radius_list_valid(g->class_, g->class_len));
	rbuf_init(&r, g->class_, g->class_len);
	while (radius_next(&r, &a))
		FUZZ_REQUIRE(a.type == RADIUS_CLASS && a.len);
}

static void check_route(const struct radius_route *r)
{
	FUZZ_REQUIRE(r->len <= 32);
	FUZZ_REQUIRE(r->len == 32 || !(r->prefix & UINT32_MAX >> r->len));
}

static void check_prefixes(const struct radius_prefix6 *p, unsigned n)
{
	FUZZ_REQUIRE(n <= RADIUS_PREFIXES);
	for (; n; n--, p++) {
		FUZZ_REQUIRE(p->len <= 128);
		for (unsigned bit = p->len; bit < 128; bit++)
			FUZZ_REQUIRE(!(p->prefix[bit / 8] >> (7 - bit % 8) & 1));
	}
}

static void check_tunnel(const struct radius_tunnel_set *set)
{
	FUZZ_REQUIRE(set->tag <= 0x1F);
	FUZZ_REQUIRE(set->type <= 0xFFFFFF);
	FUZZ_REQUIRE(set->medium && set->medium <= 0xFFFFFF);
	FUZZ_REQUIRE(set->preference <= 0xFFFFFF || set->preference == UINT32_MAX);
	FUZZ_REQUIRE(set->password_len < sizeof set->password);
	check_text(set->client_endpoint, RADIUS_TEXT);
	check_text(set->server_endpoint, RADIUS_TEXT);
	check_text(set->private_group, RADIUS_TEXT);
	check_text(set->assignment, RADIUS_TEXT);
	check_text(set->client_auth, RADIUS_TEXT);
	check_text(set->server_auth, RADIUS_TEXT);
}

static void check_tunnels(const struct radius_grant *g)
{
	uint32_t tags = 0;

	FUZZ_REQUIRE(g->ntunnels <= RADIUS_TUNNELS);
	for (unsigned i = 0; i < g->ntunnels; i++) {
		check_tunnel(&g->tunnels[i]);
		FUZZ_REQUIRE(!(tags >> g->tunnels[i].tag & 1));
		tags |= 1u << g->tunnels[i].tag;
		FUZZ_REQUIRE(!i || g->tunnels[i - 1].preference <= g->tunnels[i].preference);
	}
}

static void check_grant(const struct radius_grant *g)
{
	check_texts(g);
	check_numbers(g);
	check_class(g);
	check_prefixes(g->prefixes, g->nprefixes);
	check_prefixes(g->delegated, g->ndelegated);
	check_tunnels(g);
	FUZZ_REQUIRE(g->nroutes <= RADIUS_ROUTES);
	for (unsigned i = 0; i < g->nroutes; i++)
		check_route(&g->routes[i]);
}

/* Nothing but these bits, a message and a State can come of a Reject or a Challenge. */
static void check_refusal(const struct radius_grant *g)
{
	FUZZ_REQUIRE(!(g->given & ~(uint32_t)(RADIUS_GIVEN_SESSION_TIMEOUT | RADIUS_GIVEN_ERROR)));
	FUZZ_REQUIRE(!g->class_len && !g->nroutes && !g->bad_routes && !g->ntunnels && !g->unknown);
	FUZZ_REQUIRE(!g->nprefixes && !g->ndelegated && !g->dns[0] && !g->wins[0]);
}

/* From nothing to what the call gave, and not a bit more the second time; what is the user's own stays. */
static void check_inherit(const struct radius_grant *g)
{
	static struct radius_grant user, once;

	user = *g;
	radius_grant_inherit(&user, g);
	FUZZ_REQUIRE(!memcmp(&user, g, sizeof user));
	user = zeros;
	radius_grant_inherit(&user, g);
	check_grant(&user);
	FUZZ_REQUIRE(!(user.given & ~g->given));
	FUZZ_REQUIRE(user.class_len == g->class_len);
	once = user;
	radius_grant_inherit(&user, g);
	FUZZ_REQUIRE(!memcmp(&user, &once, sizeof user));
	user = *g;
	radius_grant_inherit(&user, &zeros);
	FUZZ_REQUIRE(!memcmp(&user, g, sizeof user));
}

static void check_reply(uint8_t code, const uint8_t *data, size_t size)
{
	struct radius_packet p = { .code = code, .attributes = data, .len = size };
	static struct radius_grant g;
	uint8_t bad;

	memset(&g, 0xEE, sizeof g);
	if (radius_grant_decode(&g, &p, &hiding, &bad) < 0) {
		FUZZ_REQUIRE(bad || !radius_list_valid(data, size));
		FUZZ_REQUIRE(!memcmp(&g, &zeros, sizeof g));
		return;
	}
	FUZZ_REQUIRE(radius_list_valid(data, size));
	check_grant(&g);
	if (code != RADIUS_ACCESS_ACCEPT)
		check_refusal(&g);
	check_inherit(&g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct radius_route route;

	if (!radius_route_parse(&route, data, size))
		check_route(&route);
	if (size > RADIUS_PACKET_MAX - RADIUS_HEADER)
		return 0;
	check_reply(RADIUS_ACCESS_ACCEPT, data, size);
	check_reply(RADIUS_ACCESS_REJECT, data, size);
	check_reply(RADIUS_ACCESS_CHALLENGE, data, size);
	return 0;
}
