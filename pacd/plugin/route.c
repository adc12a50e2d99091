/*
 * Routes through the link: what main's answer lists, while IP is up on it.
 *
 * Owns the routes that it has installed, and takes away no other.  By rtnetlink,
 * since the older ioctl has no room for a metric.  Must not end a call: a route
 * that the kernel refuses is a warning.
 */
#include "pacd/plugin/compat.h"

#include "common/addr.h"
#include "pacd/plugin/plugin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define WAIT_S 1 /* the kernel answers before the request's send returns */
#define TEXT 80

static struct {
	uint8_t n;
	struct plugin_route list[PLUGIN_ROUTES];
	bool there[PLUGIN_ROUTES];
} routes;

struct request {
	struct nlmsghdr head;
	struct rtmsg route;
	uint8_t attributes[64];
};

struct reply {
	struct nlmsghdr head;
	struct nlmsgerr error;
};

/* --- the request --- */

static void add_u32(struct request *q, unsigned short type, uint32_t value)
{
	struct rtattr *a = (struct rtattr *)(void *)((char *)q + NLMSG_ALIGN(q->head.nlmsg_len));

	a->rta_type = type;
	a->rta_len = RTA_LENGTH(sizeof value);
	memcpy(RTA_DATA(a), &value, sizeof value);
	q->head.nlmsg_len = NLMSG_ALIGN(q->head.nlmsg_len) + RTA_LENGTH(sizeof value);
}

static void make_request(struct request *q, bool add, const struct plugin_route *p, unsigned ifindex)
{
	*q = (struct request){
		.head = { .nlmsg_len = NLMSG_LENGTH(sizeof q->route),
			  .nlmsg_type = add ? RTM_NEWROUTE : RTM_DELROUTE,
			  .nlmsg_flags = (unsigned short)(NLM_F_REQUEST | NLM_F_ACK |
							  (add ? NLM_F_CREATE | NLM_F_EXCL : 0)) },
		.route = { .rtm_family = AF_INET, .rtm_dst_len = p->len, .rtm_table = RT_TABLE_MAIN,
			   .rtm_protocol = RTPROT_STATIC, .rtm_type = RTN_UNICAST,
			   .rtm_scope = p->gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK },
	};
	if (p->len)
		add_u32(q, RTA_DST, htonl(p->prefix));
	if (p->gateway)
		add_u32(q, RTA_GATEWAY, htonl(p->gateway));
	add_u32(q, RTA_OIF, ifindex);
	if (p->metric)
		add_u32(q, RTA_PRIORITY, p->metric);
}

/* 0 or -errno. */
static int ask_kernel(int fd, const struct request *q)
{
	struct reply reply;
	ssize_t n;

	do
		n = send(fd, q, q->head.nlmsg_len, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	do
		n = recv(fd, &reply, sizeof reply, MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n >= (ssize_t)sizeof reply && reply.head.nlmsg_type == NLMSG_ERROR ? reply.error.error : -EPROTO;
}

static int open_kernel(void)
{
	const struct timeval wait = { .tv_sec = WAIT_S };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	return fd;
}

/* --- one route --- */

static void complain(const char *what, const struct plugin_route *p, int e)
{
	char prefix[ADDR_TEXT], gateway[ADDR_TEXT], text[TEXT];

	snprintf(text, sizeof text, "%s/%u via %s metric %u", addr_text(p->prefix, prefix), (unsigned)p->len,
		 p->gateway ? addr_text(p->gateway, gateway) : "the link", (unsigned)p->metric);
	if (e == -EEXIST)
		compat_warn("pacd.so: there is a route like %s already: it is left as it is", text);
	else
		compat_warn("pacd.so: the route %s cannot be %s: %s", text, what, strerror(-e));
}

static void install(int fd, unsigned ifindex, uint8_t i)
{
	struct request q;
	int r;

	make_request(&q, true, &routes.list[i], ifindex);
	r = ask_kernel(fd, &q);
	routes.there[i] = r == 0;
	if (r < 0)
		complain("installed", &routes.list[i], r);
}

/* Whoever has taken it away before us has done no harm. */
static void withdraw(int fd, unsigned ifindex, uint8_t i)
{
	struct request q;
	int r;

	make_request(&q, false, &routes.list[i], ifindex);
	r = ask_kernel(fd, &q);
	routes.there[i] = false;
	if (r < 0 && r != -ESRCH)
		complain("removed", &routes.list[i], r);
}

/* --- all of them --- */

void route_keep(const struct plugin_answer *a)
{
	routes.n = a->nroutes;
	memcpy(routes.list, a->routes, sizeof routes.list);
}

static void do_all(int fd, unsigned ifindex, bool add)
{
	for (uint8_t i = 0; i < routes.n; i++) {
		if (add && !routes.there[i])
			install(fd, ifindex, i);
		else if (!add && routes.there[i])
			withdraw(fd, ifindex, i);
	}
}

/* Without an interface the kernel would take the request for any. */
static void change_all(bool add)
{
	unsigned ifindex = if_nametoindex(compat_ifname());
	int fd = ifindex ? open_kernel() : -ENODEV;

	if (fd >= 0) {
		do_all(fd, ifindex, add);
		close(fd);
	} else {
		compat_warn("pacd.so: routes through %s cannot be changed: %s", compat_ifname(), strerror(-fd));
	}
}

void route_up(void)
{
	if (routes.n)
		change_all(true);
}

void route_down(void)
{
	if (routes.n)
		change_all(false);
	memset(routes.there, 0, sizeof routes.there); /* those that are still there go with the interface */
}
