/*
 * The daemon's counters.
 */
#include "pacd/stats.h"

static uint64_t counters[STATS_COUNTERS];

static const struct {
	const char *name, *help;
} table[STATS_COUNTERS] = {
#define X(id, name, help) { name, help },
	STATS_TABLE(X)
#undef X
};

void stats_add(enum stats_counter c)
{
	counters[c]++;
}

uint64_t stats_get(enum stats_counter c)
{
	return counters[c];
}

const char *stats_name(enum stats_counter c)
{
	return table[c].name;
}

const char *stats_help(enum stats_counter c)
{
	return table[c].help;
}
