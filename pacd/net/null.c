/*
 * A data path that moves nothing: for tests and for load runs of everything
 * else.  Owns the lines' descriptors until detach.
 */
#include "pacd/net/datapath.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CALL_IDS 65536

struct null {
	struct datapath base;
	int lines[CALL_IDS]; /* descriptor + 1, by call id; 0: no such call */
};

static struct null *null_of(struct datapath *d)
{
	return (struct null *)(void *)((char *)d - offsetof(struct null, base));
}

static int null_probe(struct datapath *d)
{
	(void)d;
	return 0;
}

static int null_attach(struct datapath *d, const struct datapath_call *call)
{
	int *line = &null_of(d)->lines[call->call_id];

	if (!call->call_id || *line) {
		close(call->fd);
		return call->call_id ? -EEXIST : -EINVAL;
	}
	*line = call->fd + 1;
	return 0;
}

static void null_detach(struct datapath *d, uint16_t call_id, struct datapath_stats *final)
{
	int *line = &null_of(d)->lines[call_id];

	if (final)
		memset(final, 0, sizeof(*final));
	if (!*line)
		return;
	close(*line - 1);
	*line = 0;
}

static void null_set_link(struct datapath *d, uint16_t call_id, uint32_t send_accm, uint32_t receive_accm)
{
	(void)d;
	(void)call_id;
	(void)send_accm;
	(void)receive_accm;
}

static bool null_stats(struct datapath *d, uint16_t call_id, struct datapath_stats *stats)
{
	if (!null_of(d)->lines[call_id])
		return false;
	memset(stats, 0, sizeof(*stats));
	return true;
}

static void null_totals(struct datapath *d, struct datapath_totals *totals)
{
	(void)d;
	memset(totals, 0, sizeof(*totals));
}

static void null_free(struct datapath *d)
{
	for (unsigned id = 0; id < CALL_IDS; id++)
		null_detach(d, (uint16_t)id, NULL);
	free(null_of(d));
}

static const struct datapath_ops null_ops = {
	.name = "null",
	.probe = null_probe,
	.attach = null_attach,
	.detach = null_detach,
	.set_link = null_set_link,
	.stats = null_stats,
	.totals = null_totals,
	.free = null_free,
};

struct datapath *datapath_null_new(void)
{
	struct null *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->base.ops = &null_ops;
	return &n->base;
}
