/*
 * Calls of the test PNS, incoming and outgoing (RFC 2637 sections 2.7 to 2.15).
 *
 * Owns the calls and their place in the data path; each bears a pppd of
 * pns_ppp.c.  A control connection frees its calls when it ends.
 */
#include "test/pns/pns.h"

#include <stdlib.h>

struct pns_call *pns_call_find(const struct pns_conn *c, uint16_t id)
{
	list_each(at, (struct list *)(uintptr_t)&c->calls) {
		struct pns_call *call = list_entry(at, struct pns_call, node);

		if (call->id == id)
			return call;
	}
	return NULL;
}

struct pns_call *pns_call_by_id(uint16_t id)
{
	list_each(at, &pns.conns) {
		struct pns_call *call = pns_call_find(list_entry(at, struct pns_conn, node), id);

		if (call)
			return call;
	}
	return NULL;
}

static struct pns_call *by_peer_id(const struct pns_conn *c, uint16_t id)
{
	list_each(at, (struct list *)(uintptr_t)&c->calls) {
		struct pns_call *call = list_entry(at, struct pns_call, node);

		if (call->has_peer && call->peer_id == id)
			return call;
	}
	return NULL;
}

uint16_t pns_call_free_id(void)
{
	do
		pns.last_id++;
	while (!pns.last_id || pns_call_by_id(pns.last_id));
	return pns.last_id;
}

/* --- frames --- */

void pns_call_stats(const struct pns_call *call, const char *word)
{
	struct datapath_stats s;

	if (!call->attached || !pns.path->ops->stats(pns.path, call->id, &s))
		return;
	pns_event("%s call=%u rx_packets=%llu rx_octets=%llu tx_packets=%llu tx_octets=%llu lost=%llu duplicate=%llu "
		  "acks_in=%llu acks_out=%llu timeouts=%llu rtt_us=%u window=%u", word, call->id,
		  (unsigned long long)s.rx_packets, (unsigned long long)s.rx_octets, (unsigned long long)s.tx_packets,
		  (unsigned long long)s.tx_octets, (unsigned long long)s.rx_lost, (unsigned long long)s.rx_duplicate,
		  (unsigned long long)s.acks_received, (unsigned long long)s.acks_sent,
		  (unsigned long long)s.tx_timeouts, s.rtt_us, s.window);
}

static void attach(struct pns_call *call)
{
	struct datapath_call d = {
		.id = call->number,
		.call_id = call->id,
		.peer_call_id = call->peer_id,
		.local_addr = call->conn->local.addr,
		.peer_addr = call->conn->peer.addr,
		.window = (uint16_t)pns.set.window,
		.peer_window = call->peer_window,
		.peer_delay_us = call->peer_delay * 100000u,
		.strict_window = pns.set.strict_window,
	};
	int r;

	if (!pns.set.pppd)
		return;
	d.fd = pns_ppp_start(call);
	if (d.fd < 0)
		return;
	r = pns.path->ops->attach(pns.path, &d);
	call->attached = r == 0;
	pns_event("frames call=%u peer_call_id=%u error=%d", call->id, call->peer_id, -r);
}

void pns_call_free(struct pns_call *call)
{
	if (call->attached) {
		pns_call_stats(call, "final");
		pns.path->ops->detach(pns.path, call->id, NULL);
	}
	pns_ppp_end(call);
	ev_timer_stop(pns.loop, &call->late);
	list_remove(&call->node);
	pns_event("end call=%u conn=%u", call->id, call->conn->id);
	free(call);
}

/* --- our messages --- */

void pns_call_ccrq(struct pns_call *call)
{
	struct msg m = { .type = MSG_CCRQ, .ccrq.call_id = call->id };

	pns_conn_send(call->conn, &m);
}

void pns_call_sli(struct pns_call *call, uint32_t send, uint32_t receive)
{
	struct msg m = { .type = MSG_SLI, .sli = { call->peer_id, send, receive } };

	pns_conn_send(call->conn, &m);
}

static void send_icrp(struct pns_call *call)
{
	struct msg m = { .type = MSG_ICRP, .icrp = {
		.call_id = call->id,
		.peer_call_id = call->peer_id,
		.result = (uint8_t)pns.set.icrp,
		.error = (uint8_t)pns.set.icrp_error,
		.window = (uint16_t)pns.set.window,
		.delay = (uint16_t)pns.set.delay,
	} };
	bool taken = pns.set.icrp == ICRP_CONNECT;

	for (int i = 0; i < pns.set.icrp_count; i++)
		pns_conn_send(call->conn, &m);
	if (pns.set.ccrq_on == MSG_ICRQ)
		pns_call_ccrq(call);
	if (!taken)
		pns_call_free(call);
}

static void on_late(struct ev_loop *loop, struct ev_timer *t, int revents)
{
	(void)loop;
	(void)revents;
	send_icrp(t->data);
}

struct pns_call *pns_call_new(struct pns_conn *c, uint16_t id)
{
	struct pns_call *call = calloc(1, sizeof *call);

	if (!call)
		return NULL;
	call->conn = c;
	call->number = ++pns.calls_made;
	call->id = id;
	call->log = -1;
	call->send_accm = call->receive_accm = UINT32_MAX;
	ev_init(&call->late, on_late);
	call->late.data = call;
	list_append(&c->calls, &call->node);
	return call;
}

/* --- the PAC's --- */

static void take_icrq(struct pns_conn *c, const struct msg_icrq *m)
{
	struct pns_call *call = pns_call_new(c, pns.set.icrp_id ? (uint16_t)pns.set.icrp_id : pns_call_free_id());

	if (!call)
		return;
	call->peer_id = m->call_id;
	call->has_peer = true;
	if (pns.set.icrp == PNS_NEVER)
		return;
	if (!pns.set.icrp_delay) {
		send_icrp(call);
		return;
	}
	ev_timer_set(&call->late, pns.set.icrp_delay / 1e3, 0.);
	ev_timer_start(pns.loop, &call->late);
}

static void begin(struct pns_call *call, uint16_t type, uint16_t window, uint16_t delay)
{
	call->peer_window = window;
	call->peer_delay = delay;
	attach(call);
	if (pns.set.ccrq_on == type)
		pns_call_ccrq(call);
}

static void take_iccn(struct pns_conn *c, const struct msg_iccn *m)
{
	struct pns_call *call = pns_call_find(c, m->peer_call_id);

	if (call && !call->attached)
		begin(call, MSG_ICCN, m->window, m->delay);
	else
		pns_event("stray conn=%u type=ICCN", c->id);
}

static void take_ocrp(struct pns_conn *c, const struct msg_ocrp *m)
{
	struct pns_call *call = pns_call_find(c, m->peer_call_id);

	if (!call || call->has_peer) {
		pns_event("stray conn=%u type=OCRP", c->id);
	} else if (m->result != OCRP_CONNECTED) {
		pns_call_free(call);
	} else {
		call->peer_id = m->call_id;
		call->has_peer = true;
		begin(call, MSG_OCRP, m->window, m->delay);
	}
}

static void take_cdn(struct pns_conn *c, const struct msg_cdn *m)
{
	struct pns_call *call = by_peer_id(c, m->call_id);

	/* A call that is cleared before its OCRP has told nobody the PAC's id. */
	if (!call && !list_empty(&c->calls)) {
		call = list_entry(c->calls.prev, struct pns_call, node);
		call = call->has_peer ? NULL : call;
	}
	if (call)
		pns_call_free(call);
	else
		pns_event("stray conn=%u type=CDN", c->id);
}

void pns_call_message(struct pns_conn *c, const struct msg *m)
{
	switch (m->type) {
	case MSG_ICRQ: take_icrq(c, &m->icrq); break;
	case MSG_ICCN: take_iccn(c, &m->iccn); break;
	case MSG_OCRP: take_ocrp(c, &m->ocrp); break;
	case MSG_CDN: take_cdn(c, &m->cdn); break;
	case MSG_WEN: break;
	default: pns_event("stray conn=%u type=%s", c->id, msg_type_word(m->type)); break;
	}
}
