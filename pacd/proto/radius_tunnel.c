/*
 * Tunnel attributes of an Access-Accept, by tag: RFC 2868 section 3.
 *
 * Owns nothing.  Must not know which of the sets can be used, nor that there is
 * an order of trying besides that of Tunnel-Preference.
 */
#include "pacd/proto/radius_grant_internal.h"

#include <errno.h>
#include <string.h>

#define TAG_MAX 0x1F
#define PLAIN_MAX 256
#define MEDIUM_IPV4 1

static uint8_t tag_of(uint8_t octet)
{
	return octet <= TAG_MAX ? octet : 0;
}

/* NULL where there is no room for another set. */
static struct radius_tunnel_set *set_get(struct radius_grant *g, uint8_t tag)
{
	struct radius_tunnel_set *set = g->tunnels;

	for (; set < g->tunnels + g->ntunnels; set++)
		if (set->tag == tag)
			return set;
	if (g->ntunnels == RADIUS_TUNNELS)
		return NULL;
	g->ntunnels++;
	set->tag = tag;
	set->preference = UINT32_MAX;
	return set;
}

static void number_keep(uint32_t *number, uint32_t none, uint32_t value)
{
	if (*number == none)
		*number = value;
}

/* Types and media are numbered from 1; of preferences 0 is the best one. */
static int take_number(struct radius_grant *g, const struct radius_attribute *a)
{
	struct radius_tunnel_set *set;
	uint32_t value;
	struct rbuf r;
	uint8_t tag;

	rbuf_init(&r, a->value, a->len);
	tag = tag_of(rbuf_u8(&r));
	value = (uint32_t)rbuf_u8(&r) << 16;
	value |= rbuf_u16(&r);
	if (rbuf_end(&r) < 0 || (!value && a->type != RADIUS_TUNNEL_PREFERENCE))
		return -EBADMSG;
	set = set_get(g, tag);
	if (!set)
		return 0;
	if (a->type == RADIUS_TUNNEL_TYPE)
		number_keep(&set->type, 0, value);
	else if (a->type == RADIUS_TUNNEL_MEDIUM_TYPE)
		number_keep(&set->medium, 0, value);
	else
		number_keep(&set->preference, UINT32_MAX, value);
	return 0;
}

static char *text_of(struct radius_tunnel_set *set, uint8_t type)
{
	switch (type) {
	case RADIUS_TUNNEL_CLIENT_ENDPOINT: return set->client_endpoint;
	case RADIUS_TUNNEL_SERVER_ENDPOINT: return set->server_endpoint;
	case RADIUS_TUNNEL_PRIVATE_GROUP_ID: return set->private_group;
	case RADIUS_TUNNEL_ASSIGNMENT_ID: return set->assignment;
	case RADIUS_TUNNEL_CLIENT_AUTH_ID: return set->client_auth;
	default: return set->server_auth;
	}
}

/* The tag is there only where the first octet can't be text. */
static int take_text(struct radius_grant *g, const struct radius_attribute *a)
{
	bool tagged = a->len && a->value[0] <= TAG_MAX;
	size_t len = tagged ? a->len - 1u : a->len;
	const uint8_t *text = a->value + tagged;
	struct radius_tunnel_set *set;

	if (!len || !text[0])
		return 0;
	set = set_get(g, tagged ? a->value[0] : 0);
	if (set)
		radius_text_keep(text_of(set, a->type), text, len);
	return 0;
}

static int take_password(struct radius_grant *g, const struct radius_attribute *a, const struct radius_hiding *h)
{
	struct radius_tunnel_set *set;
	uint8_t plain[PLAIN_MAX];
	size_t len = 0;
	int err = -EBADMSG;

	if (a->len)
		err = radius_unhide_salted(plain, &len, a->value + 1, a->len - 1u, h);
	set = err < 0 ? NULL : set_get(g, tag_of(a->value[0]));
	if (set && !set->password_len && len <= sizeof set->password) {
		memcpy(set->password, plain, len);
		set->password_len = len;
	}
	explicit_bzero(plain, sizeof plain);
	return err < 0 ? -EBADMSG : 0;
}

int radius_tunnel_take(struct radius_grant *g, const struct radius_attribute *a, const struct radius_hiding *h)
{
	switch (a->type) {
	case RADIUS_TUNNEL_TYPE:
	case RADIUS_TUNNEL_MEDIUM_TYPE:
	case RADIUS_TUNNEL_PREFERENCE: return take_number(g, a);
	case RADIUS_TUNNEL_PASSWORD: return take_password(g, a, h);
	default: return take_text(g, a);
	}
}

/* Stable: of equal ones the first stays in front. */
static void sets_sort(struct radius_grant *g)
{
	struct radius_tunnel_set moved;

	for (unsigned i = 1; i < g->ntunnels; i++) {
		unsigned to = i;

		while (to && g->tunnels[to - 1].preference > g->tunnels[i].preference)
			to--;
		if (to == i)
			continue;
		moved = g->tunnels[i];
		memmove(g->tunnels + to + 1, g->tunnels + to, (i - to) * sizeof moved);
		g->tunnels[to] = moved;
	}
	explicit_bzero(&moved, sizeof moved);
}

void radius_tunnel_finish(struct radius_grant *g)
{
	for (unsigned i = 0; i < g->ntunnels; i++)
		number_keep(&g->tunnels[i].medium, 0, MEDIUM_IPV4);
	sets_sort(g);
}
