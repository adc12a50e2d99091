/*
 * RTM_GETLINK for one interface by name, IFLA_STATS64 out of the answer.
 */
#include "pacd/line/ifstats.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX 16384

struct question {
	struct nlmsghdr nh;
	struct ifinfomsg ifi;
	struct rtattr name_attr;
	char name[16];
};

int ifstats_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	return fd < 0 ? -errno : fd;
}

static int ask(int fd, const char *ifname)
{
	struct question q;

	memset(&q, 0, sizeof q);
	q.nh.nlmsg_len = sizeof q;
	q.nh.nlmsg_type = RTM_GETLINK;
	q.nh.nlmsg_flags = NLM_F_REQUEST;
	q.name_attr.rta_type = IFLA_IFNAME;
	q.name_attr.rta_len = RTA_LENGTH(sizeof q.name);
	strncpy(q.name, ifname, sizeof q.name - 1);
	return send(fd, &q, sizeof q, 0) < 0 ? -errno : 0;
}

static int take_stats(const struct nlmsghdr *nh, struct ifstats *out)
{
	const struct ifinfomsg *ifi = NLMSG_DATA(nh);
	int left = (int)nh->nlmsg_len - (int)NLMSG_LENGTH(sizeof *ifi);

	for (const struct rtattr *a = IFLA_RTA(ifi); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		struct rtnl_link_stats64 st;

		if (a->rta_type != IFLA_STATS64 || RTA_PAYLOAD(a) < 8 * sizeof(uint64_t))
			continue;
		memcpy(&st, RTA_DATA(a), RTA_PAYLOAD(a) < sizeof st ? RTA_PAYLOAD(a) : sizeof st);
		*out = (struct ifstats){ st.rx_packets, st.tx_packets, st.rx_bytes, st.tx_bytes };
		return 0;
	}
	return -ENODATA;
}

int ifstats_read(int fd, const char *ifname, struct ifstats *out)
{
	union {
		struct nlmsghdr nh;
		char data[ANSWER_MAX];
	} answer;
	ssize_t n;
	int r;

	/* An answer that an earlier question left behind must not be taken for this one's. */
	while (recv(fd, &answer, sizeof answer, MSG_DONTWAIT) > 0)
		;
	r = ask(fd, ifname);
	if (r < 0)
		return r;
	n = recv(fd, &answer, sizeof answer, MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	if (!NLMSG_OK(&answer.nh, (size_t)n))
		return -EBADMSG;
	if (answer.nh.nlmsg_type == NLMSG_ERROR)
		return -ENODEV;
	return answer.nh.nlmsg_type == RTM_NEWLINK ? take_stats(&answer.nh, out) : -EBADMSG;
}
