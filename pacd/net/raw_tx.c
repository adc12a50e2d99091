/*
 * The sending side of a worker: enhanced GRE packets of all its calls, one
 * sendmmsg per batch (RFC 2637 section 4.1; GRE-01, GRE-04, GRE-07, GRE-21).
 *
 * The socket is never connected or bound: an ICMP error must not reach it, and
 * one socket serves all local addresses, so each packet names its source.
 */
#include "pacd/net/raw_worker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static void control_init(struct msghdr *h)
{
	const struct in_pktinfo info = { 0 };
	struct cmsghdr *c = CMSG_FIRSTHDR(h);

	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(c), &info, sizeof(info));
}

void raw_tx_init(struct raw_tx *tx)
{
	for (unsigned i = 0; i < RAW_BATCH; i++) {
		struct msghdr *h = &tx->msgs[i].msg_hdr;

		tx->iov[i].iov_base = tx->data[i];
		tx->to[i].sin_family = AF_INET;
		h->msg_name = &tx->to[i];
		h->msg_namelen = sizeof(tx->to[i]);
		h->msg_iov = &tx->iov[i];
		h->msg_iovlen = 1;
		h->msg_control = tx->control[i].octets;
		h->msg_controllen = sizeof(tx->control[i].octets);
		control_init(h);
	}
}

static void tx_address(struct raw_tx *tx, unsigned i, const struct datapath_call *conf)
{
	struct in_pktinfo info = { .ipi_spec_dst.s_addr = htonl(conf->local_addr) };

	tx->to[i].sin_addr.s_addr = htonl(conf->peer_addr);
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&tx->msgs[i].msg_hdr)), &info, sizeof(info));
}

/* The numbers that go into the next packet. */
static void tx_number(struct raw_call *c, struct gre *g, struct mono now)
{
	if (g->payload_len) {
		g->has_seq = true;
		g->seq = seq_tx_send(&c->tx, now);
	}
	if (seq_rx_ack_pending(&c->rx)) {
		g->has_ack = true;
		g->ack = seq_rx_ack_take(&c->rx);
		list_remove(&c->ack);
		raw_add(&c->count.acks_sent, 1);
	}
}

void raw_tx_packet(struct raw_call *c, const uint8_t *frame, size_t len, struct mono now)
{
	struct raw_tx *tx = &c->worker->tx;
	struct gre g = { .call_id = c->conf.peer_call_id, .payload_len = len };
	unsigned i;
	size_t head;

	tx_number(c, &g, now);
	if (!g.has_seq && !g.has_ack)
		return;
	if (tx->count == RAW_BATCH)
		raw_tx_flush(c->worker);
	i = tx->count++;
	head = gre_encode(tx->data[i], &g);
	if (len)
		memcpy(tx->data[i] + head, frame, len);
	tx->iov[i].iov_len = head + len;
	tx->payload[i] = (uint16_t)len;
	tx->calls[i] = c;
	tx_address(tx, i, &c->conf);
}

static void count_sent(struct raw_worker *w, unsigned from, unsigned n)
{
	struct raw_tx *tx = &w->tx;
	uint64_t octets = 0;

	for (unsigned i = from; i < from + n; i++) {
		if (!tx->payload[i])
			continue;
		raw_add(&tx->calls[i]->count.tx_packets, 1);
		raw_add(&tx->calls[i]->count.tx_octets, tx->payload[i]);
		octets += tx->payload[i];
	}
	raw_add(&w->tx_packets, n);
	raw_add(&w->tx_octets, octets);
}

static void count_dropped(struct raw_worker *w, unsigned from, unsigned n)
{
	for (unsigned i = from; i < from + n; i++)
		raw_add(&w->tx.calls[i]->count.tx_dropped, 1);
}

/* How many packets an error costs: where there is no room, the whole rest of the batch would only meet it again. */
static unsigned tx_loss(int error, unsigned left)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS || error == ENOMEM ? left : 1;
}

void raw_tx_flush(struct raw_worker *w)
{
	struct raw_tx *tx = &w->tx;
	unsigned done = 0;

	while (done < tx->count) {
		int n = sendmmsg(w->fd, tx->msgs + done, tx->count - done, MSG_DONTWAIT);

		if (n > 0) {
			count_sent(w, done, (unsigned)n);
			done += (unsigned)n;
		} else {
			/* Anybody can cause EHOSTUNREACH and the like: a packet is lost, never the call (GRE-21). */
			unsigned lost = tx_loss(errno, tx->count - done);

			raw_add(&w->socket_errors, 1);
			count_dropped(w, done, lost);
			done += lost;
		}
	}
	w->sent += tx->count;
	tx->count = 0;
}
