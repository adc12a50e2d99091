/*
 * Traffic counters of a network interface, read by netlink: what crossed the
 * link as user data, without LCP and other PPP control packets.
 */
#ifndef PACD_LINE_IFSTATS_H
#define PACD_LINE_IFSTATS_H

#include <stdint.h>

struct ifstats {
	uint64_t rx_packets, tx_packets, rx_octets, tx_octets; /* rx: from the caller */
};

/* A netlink socket for ifstats_read(). -errno on failure. */
int ifstats_open(void);
/* One question and its answer; the kernel answers at once, so this does not block. 0 or -errno. */
int ifstats_read(int fd, const char *ifname, struct ifstats *out);

#endif
