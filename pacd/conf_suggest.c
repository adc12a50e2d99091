/*
 * A guess at what somebody meant who wrote a name that is no setting: one of
 * pptpd's names, a slip of the pen, or the right name in the wrong group.
 */
#include "pacd/conf_schema.h"

#include <string.h>

#define NAME_MAX_ 32

static const struct {
	const char *name, *hint;
} pptpd_names[] = {
	{ "bcrelay", "broadcasts are not relayed" },
	{ "connections", "pptpd's \"connections\" is max_channels here" },
	{ "debug", "pptpd's \"debug\" is log.level = \"debug\" here" },
	{ "delegate", "pptpd's \"delegate\" is not needed: who gives addresses is said by pools and users" },
	{ "localip", "pptpd's \"localip\" is pools[].local here" },
	{ "logwtmp", "pacd logs who came and went; wtmp is not written" },
	{ "noipparam", "pptpd's \"noipparam\" is ppp.ipparam = false here" },
	{ "option", "pptpd's \"option\" is ppp.options here" },
	{ "pidfile", "there is none: systemd knows pacd's process, and pacctl talks to it" },
	{ "remoteip", "pptpd's \"remoteip\" is pools[].ranges here" },
	{ "stimeout", "pptpd's \"stimeout\" is timers.start here" },
	{ "vrf", "a VRF is set from outside, with \"ip vrf exec\"" },
};

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Letters to add, take out or change to get from one name to the other; one row of the table at a time. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[NAME_MAX_ + 1], lb = (unsigned)strlen(b);

	if (strlen(a) > NAME_MAX_ || lb > NAME_MAX_)
		return NAME_MAX_;
	for (unsigned j = 0; j <= lb; j++)
		row[j] = j;
	for (unsigned i = 0; a[i]; i++) {
		unsigned left_up = row[0];

		row[0] = i + 1;
		for (unsigned j = 1; j <= lb; j++) {
			unsigned up = row[j];

			row[j] = min3(up + 1, row[j - 1] + 1, left_up + (a[i] != b[j - 1]));
			left_up = up;
		}
	}
	return row[lb];
}

static const char *nearest(const struct conf_key *keys, const char *name)
{
	unsigned best = 1 + (unsigned)strlen(name) / 3;
	const char *found = NULL;

	for (; keys->name; keys++) {
		unsigned d = distance(name, keys->name);

		if (d >= best)
			continue;
		best = d;
		found = keys->name;
	}
	return found;
}

/* Where that very name is a setting: "ppp.mtu". */
static bool elsewhere(const struct conf_key *keys, const char *name, char *path, size_t size)
{
	for (; keys->name; keys++) {
		const struct conf_key *inner = NULL;
		int n = 0;

		if (keys->type == &conf_type_group)
			inner = keys->arg;
		else if (keys->type == &conf_type_groups)
			inner = ((const struct conf_elements *)keys->arg)->keys;
		else if (!strcmp(keys->name, name))
			return true;
		if (!inner)
			continue;
		n = snprintf(path, size, "%s%s.", keys->name, keys->type == &conf_type_groups ? "[]" : "");
		if (n > 0 && (size_t)n < size && elsewhere(inner, name, path + n, size - (size_t)n))
			return true;
		*path = '\0';
	}
	return false;
}

void conf_suggest(char *hint, size_t size, const struct conf_ctx *ctx, const struct conf_key *keys, const char *name)
{
	char path[128] = "";
	const char *near;

	for (size_t i = 0; i < sizeof pptpd_names / sizeof *pptpd_names; i++) {
		if (keys != ctx->root || strcmp(pptpd_names[i].name, name) != 0)
			continue;
		snprintf(hint, size, "%s", pptpd_names[i].hint);
		return;
	}
	if (elsewhere(ctx->root, name, path, sizeof path)) {
		if (*path)
			snprintf(hint, size, "did you mean \"%s%s\"?", path, name);
		else
			snprintf(hint, size, "\"%s\" stands outside of all groups", name);
		return;
	}
	near = nearest(keys, name);
	if (near)
		snprintf(hint, size, "did you mean \"%s\"?", near);
	else
		snprintf(hint, size, "see %s for all there are", ctx->manual);
}
