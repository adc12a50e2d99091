/*
 * radcli's own configuration (radiusclient.conf), for those who have one: read
 * with libradcli in a child of the root part.
 */
#ifndef PACD_PRIV_RADCLI_H
#define PACD_PRIV_RADCLI_H

#include "pacd/priv/files_internal.h"

/* A line of radcli's `servers` file: who, or both ends of a pair, and their secret. */
struct radcli_secret {
	char *host, *other; /* other: NULL where there is one name */
	char *secret;
	unsigned line;
};

struct radcli {
	const struct conf *conf; /* radius.config is what is read */
	struct conf_errors *errors;
	char *servers;           /* the file of secrets */
	struct radcli_secret *secrets;
	size_t nsecrets;
};

/*
 * Adds the servers to found->servers (empty before): authserver ones with acct_port 0, acctserver ones with port 0,
 * priorities in their order; with those secrets that are known by now.  For a process that ends soon: libradcli keeps
 * copies of secrets, and its faults are not ours.  0, or -1 with errors added.
 */
int radcli_read(struct radcli *r, const struct conf *conf, struct conf_radius_found *found,
		struct conf_errors *errors);
/*
 * The secrets that were not found by name, by address: `address` of each server is found->names'.  Adds an error for
 * each server without a secret.
 */
void radcli_match(struct radcli *r, struct conf_radius_found *found);

#endif
