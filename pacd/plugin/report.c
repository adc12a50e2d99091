/*
 * What main hears of the session's life: UP, DOWN with the last counters; and
 * what the scripts hear: why main ended the call.
 *
 * Owns the state up/over of this process, which is one session's: a second
 * login on the same link would be another session that main knows nothing of.
 * Must not end anything itself, but for a session that was to be encrypted and
 * is not.
 */
#include "pacd/plugin/compat.h"

#include "common/buf.h"
#include "pacd/plugin/plugin.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define PROTO_CCP 0x80fd
#define EXIT_NEGOTIATION 10 /* pppd's "negotiation failed" */
#define PROTO_LCP 0xc021
#define TERMINATE_REQUEST 5

static struct {
	bool up;   /* UP has been sent */
	bool over; /* DOWN has been sent */
	bool peer_ended; /* the peer has sent LCP Terminate-Request */
	int64_t since_ms;
	uint8_t mppe_bits; /* as last seen, and reported where `up` */
} session;

bool report_over(void)
{
	return session.over;
}

/* --- up --- */

static void close_link(const char *why)
{
	char text[64];

	compat_error("pacd.so: %s", why);
	compat_set_status(EXIT_NEGOTIATION);
	snprintf(text, sizeof text, "%s", why);
	lcp_close(0, text);
}

static void send_up(void)
{
	struct plugin_msg m = { .type = PLUGIN_UP };
	int mtu = compat_get_mtu();

	snprintf(m.up.ifname, sizeof m.up.ifname, "%s", compat_ifname());
	m.up.unit = compat_unit();
	m.up.local = ntohl(ipcp_gotoptions[0].ouraddr);
	m.up.remote = ntohl(ipcp_hisoptions[0].hisaddr);
	m.up.mppe_bits = session.mppe_bits = grant_mppe_bits();
	m.up.mtu = (uint16_t)(mtu > 0 && mtu <= 65535 ? mtu : 0);
	if (plugin_send(&m) < 0)
		compat_error("pacd.so: pacd cannot be told that %s is up", compat_ifname());
}

/* Not from inside IPCP's own change of state, which could not bear it. */
static void check_encryption(void *ctx)
{
	(void)ctx;
	if (!grant_kept())
		close_link("MPPE is required and not in use");
}

static void on_ip_up(void *ctx, int arg)
{
	(void)ctx;
	(void)arg;
	if (session.over)
		return;
	if (!session.up)
		session.since_ms = plugin_clock_ms();
	session.up = true;
	grant_mtu();
	route_up();
	send_up();
	if (!grant_kept())
		compat_soon(check_encryption);
}

static void after_ccp(void *ctx)
{
	(void)ctx;
	if (session.over || grant_mppe_bits() == session.mppe_bits)
		return;
	if (session.up) {
		grant_mtu();
		send_up();
	} else {
		session.mppe_bits = grant_mppe_bits();
		grant_hurry_ipcp();
	}
}

/* One that pppd heeds (RFC 1661 5.5). Whatever comes after it, it was the peer who ended the link. */
static bool ends_link(struct rbuf *r)
{
	uint8_t code = rbuf_u8(r);
	uint16_t length;

	rbuf_skip(r, 1);
	length = rbuf_u16(r);
	return code == TERMINATE_REQUEST && !r->fault && length >= 4 && length - 4u <= rbuf_left(r) &&
	       lcp_fsm[0].state == OPENED;
}

void report_snoop(const uint8_t *packet, size_t len)
{
	struct rbuf r;
	uint16_t proto;

	rbuf_init(&r, packet, len);
	rbuf_skip(&r, 2); /* address and control */
	proto = rbuf_u16(&r);
	if (proto == PROTO_LCP && ends_link(&r))
		session.peer_ended = true;
	if (proto == PROTO_CCP && grant_optional() && !session.over)
		compat_soon(after_ccp); /* once CCP has dealt with the packet */
}

/* --- down --- */

/* 64 bits, unlike those of pppd 2.4.9, which wrap at 4 GiB. */
static bool read_counter(const char *name, uint64_t *value)
{
	char path[96], text[32];
	FILE *f;
	bool ok;

	snprintf(path, sizeof path, "/sys/class/net/%.15s/statistics/%s", compat_ifname(), name);
	f = fopen(path, "re");
	if (!f)
		return false;
	ok = fgets(text, sizeof text, f) != NULL;
	fclose(f);
	if (ok)
		*value = strtoull(text, NULL, 10);
	return ok;
}

/* "rx" of the interface is what came from the peer. */
static void read_counters(struct plugin_down *d)
{
	if (read_counter("rx_bytes", &d->in_octets) && read_counter("tx_bytes", &d->out_octets) &&
	    read_counter("rx_packets", &d->in_packets) && read_counter("tx_packets", &d->out_packets))
		return;
	if (!compat_counters(&d->in_octets, &d->out_octets, &d->in_packets, &d->out_packets))
		compat_warn("pacd.so: the counters of %s cannot be read", compat_ifname());
}

static void tell_scripts(void)
{
	const char *reason;

	plugin_drain();
	reason = plugin_end_reason();
	if (reason)
		compat_setenv("PACD_REASON", reason);
}

static void on_ip_down(void *ctx, int arg)
{
	(void)ctx;
	(void)arg;
	route_down();
	tell_scripts();
}

static void do_nothing(int signal)
{
	(void)signal;
}

/*
 * A pppd whose link is down ends by itself, once its scripts have run; a SIGTERM that comes now, behind the hang-up
 * that pacd's closing of the pty is, would have it kill them.  A handler, not SIG_IGN, which the scripts would inherit.
 */
static void shield_scripts(void)
{
	struct sigaction sa = { .sa_handler = do_nothing };

	sigemptyset(&sa.sa_mask);
	sigaction(SIGTERM, &sa, NULL);
	compat_forget_sigterm();
}

/* pppd closes LCP by itself where MPPE goes away from under a link that demands it, and calls that an ordinary end. */
static void note_lost_encryption(void)
{
	if (session.up && !session.peer_ended && !compat_status() && !grant_kept())
		compat_set_status(EXIT_NEGOTIATION);
}

/* LCP is down after the peer had authenticated. Comes before IPCP goes down, while the interface is there. */
static void on_link_down(void *ctx, int arg)
{
	struct plugin_msg m = { .type = PLUGIN_DOWN };

	(void)ctx;
	(void)arg;
	tell_scripts();
	shield_scripts();
	if (session.over)
		return;
	session.over = true;
	note_lost_encryption();
	m.down.status = compat_status() & 0xff;
	m.down.peer_ended = session.peer_ended;
	if (session.up) {
		m.down.seconds = (uint32_t)((plugin_clock_ms() - session.since_ms) / 1000);
		read_counters(&m.down);
	}
	plugin_send(&m);
}

void report_init(void)
{
	compat_on_ip_up(on_ip_up);
	compat_on_ip_down(on_ip_down);
	compat_on_link_down(on_link_down);
}
