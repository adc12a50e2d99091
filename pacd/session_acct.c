/*
 * What RADIUS servers are told of a session: its description, and the records
 * from Start to Stop (ledger sections 1 and 7; RFC 2866, 2867, 2869).
 *
 * Owns nothing: the records are acct.h's once they are added.  The link never
 * waits for any of this.
 */
#include "pacd/session_internal.h"

#include "common/log.h"
#include "common/random.h"
#include "pacd/line/ifstats.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define NOTE_S 300 /* how a session stands goes to the spool this often, where no Interim does it */
#define CLOSING_LEN 54 /* what acct.h may add: Acct-Delay-Time, counters and cause of a Stop in our stead */
#define RECORD_MAX (RADIUS_PACKET_MAX - RADIUS_HEADER - CLOSING_LEN)

/* --- description --- */

static bool printable(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

/* The Phone Number of the request where there is one, else the address that was called (RAD-03). */
static void describe_called(struct session *s, struct radius_call *c)
{
	char number[MSG_TEXT + 1] = "";

	memcpy(number, s->ocrq.number, msg_text_len(s->ocrq.number, MSG_TEXT));
	if (number[0] && printable(number))
		snprintf(c->called, sizeof c->called, "%s", number);
	else
		addr_text(s->local_addr, c->called);
}

void session_acct_describe(struct session *s)
{
	struct radius_call *c = &s->radius;
	struct acct *acct = s->set->rooms.acct;

	if (acct)
		acct_session_id(acct, c->session_id);
	else
		snprintf(c->session_id, sizeof c->session_id, "%08x%08x", (unsigned)s->started, (unsigned)s->id);
	c->nas_port = (uint32_t)s->id; /* as the Physical Channel ID of the OCRP */
	c->port_type = RADIUS_PORT_VIRTUAL;
	snprintf(c->port_id, sizeof c->port_id, "pptp%u", c->nas_port);
	addr_text(s->peer.addr, c->calling);
	describe_called(s, c);
	snprintf(c->connect_info, sizeof c->connect_info, "%u PPTP", call_speed(&s->ocrq, s->conf->speed));
	c->tunnel.client = s->peer.addr;
	c->tunnel.server = s->local_addr;
	snprintf(c->tunnel.connection, sizeof c->tunnel.connection, "%u", s->serial);
}

/* --- causes --- */

static enum radius_terminate_cause reason_cause(enum line_reason reason)
{
	static const uint8_t causes[LINE_REASONS] = {
		[LINE_PEER_CLEAR] = RADIUS_CAUSE_USER_REQUEST,
		[LINE_PEER_LOST] = RADIUS_CAUSE_LOST_CARRIER,
		[LINE_ADMIN] = RADIUS_CAUSE_ADMIN_RESET,
		[LINE_SESSION_TIMEOUT] = RADIUS_CAUSE_SESSION_TIMEOUT,
		[LINE_IDLE_TIMEOUT] = RADIUS_CAUSE_IDLE_TIMEOUT,
		[LINE_REPLACED] = RADIUS_CAUSE_PORT_PREEMPTED,
		[LINE_SHUTDOWN] = RADIUS_CAUSE_ADMIN_REBOOT,
		[LINE_USER] = RADIUS_CAUSE_USER_REQUEST,
		[LINE_AUTH] = RADIUS_CAUSE_USER_ERROR,
		[LINE_LOGIN_TIMEOUT] = RADIUS_CAUSE_SERVICE_UNAVAILABLE,
		[LINE_NEGOTIATION] = RADIUS_CAUSE_SERVICE_UNAVAILABLE,
		[LINE_SILENT] = RADIUS_CAUSE_LOST_CARRIER,
		[LINE_FAULT] = RADIUS_CAUSE_NAS_ERROR,
		[LINE_REFUSED] = RADIUS_CAUSE_NAS_REQUEST,
		[LINE_CARRIER] = RADIUS_CAUSE_LOST_CARRIER,
		[LINE_NO_PNS] = RADIUS_CAUSE_LOST_SERVICE,
	};

	return causes[reason];
}

static enum radius_terminate_cause cause_of(const struct session *s)
{
	return s->cause ? s->cause : reason_cause(s->reason);
}

/* --- records --- */

static bool accounted(const struct session *s)
{
	const struct session_rooms *rooms = &s->set->rooms;

	return rooms->acct && rooms->radius && acct_enabled(rooms->acct);
}

/* RAD-62: a real line is the port, so what comes from it is input. */
static void count_real(struct session *s)
{
	struct datapath *d = s->set->rooms.datapath;
	struct datapath_stats st = s->final;

	if (s->data_on)
		d->ops->stats(d, s->call_id, &st);
	s->counted.in_octets = st.tx_octets;
	s->counted.out_octets = st.rx_octets;
	s->counted.in_packets = st.tx_packets;
	s->counted.out_packets = st.rx_packets;
}

/* The interface's own counters, as long as it is there; else the last ones stay. */
static void count(struct session *s)
{
	struct ifstats st;

	if (s->real) {
		count_real(s);
		return;
	}
	if (s->has_counted || !s->link_up.ifname[0] || ifstats_read(s->set->netlink, s->link_up.ifname, &st) < 0)
		return;
	s->counted.in_octets = st.rx_octets;
	s->counted.out_octets = st.tx_octets;
	s->counted.in_packets = st.rx_packets;
	s->counted.out_packets = st.tx_packets;
}

static void fill(struct session *s, enum radius_acct_status status, struct radius_account *a)
{
	const struct session_service *v = s->service;

	*a = (struct radius_account){
		.status = (uint8_t)status, .event_time = (int64_t)time(NULL), .user = s->user, .user_len = s->user_len,
		.framed = true, .address = s->address, .authentic = (uint8_t)s->by, .method = s->method,
	};
	if (!v)
		return;
	if (v->user_name[0]) {
		a->user = (const uint8_t *)v->user_name;
		a->user_len = strlen(v->user_name);
	}
	a->class_ = v->class_;
	a->class_len = v->class_len;
	a->filter = v->filter;
	a->interface_id = v->interface_id;
}

static void fill_counters(struct session *s, struct radius_account *a)
{
	a->has_counters = true;
	a->seconds = (uint32_t)(mono_diff_us(mono_now(), s->up_since) / 1000000);
	a->in_octets = s->counted.in_octets;
	a->out_octets = s->counted.out_octets;
	a->in_packets = s->counted.in_packets;
	a->out_packets = s->counted.out_packets;
}

static void add(struct session *s, const struct radius_account *a, bool note)
{
	uint8_t data[RECORD_MAX];
	struct acct_record r = { .status = a->status, .event_time = a->event_time,
				 .session_id = s->radius.session_id, .tunnel = session_tunnel_id(s), .attributes = data };
	struct wbuf w;

	wbuf_init(&w, data, sizeof data);
	radius_put_account(&w, &s->set->nas, &s->radius, s->radius.session_id, a);
	r.len = wbuf_len(&w);
	if (!r.len)
		log_error("accounting-record", "session=%llu status=%u error=\"too long for a packet\"",
			  (unsigned long long)s->id, a->status);
	else if (note)
		acct_note(s->set->rooms.acct, &r);
	else
		acct_add(s->set->rooms.acct, &r);
}

/* --- interim --- */

/*
 * RFC 2869 section 2.1: a value of ours overrides the Accept's; RFC 5080 section 2.3: and bounds it from below.  A
 * CoA-Request is somebody's order and goes before both defaults.
 */
unsigned session_acct_interval(const struct session *s)
{
	const struct conf_radius_acct *c = &s->conf->radius.acct;
	const struct session_service *v = s->service;
	unsigned interval = c->interim;

	if (v && (!interval || v->interim_ordered))
		interval = v->interim;
	return interval && interval < c->interim_min ? c->interim_min : interval;
}

/* +-10 %, so that sessions that began together do not speak together. */
static struct mono jittered(unsigned seconds)
{
	int64_t ms = (int64_t)seconds * 900;

	return mono_add_ms(mono_now(), ms + random_u32() % ((int64_t)seconds * 200 + 1));
}

void session_acct_arm(struct session *s)
{
	unsigned interval = session_acct_interval(s);

	session_set_deadline(s, SESSION_DL_INTERIM, interval ? jittered(interval) : MONO_NEVER);
	session_set_deadline(s, SESSION_DL_NOTE, !interval || interval > NOTE_S ? jittered(NOTE_S) : MONO_NEVER);
}

static void tell_state(struct session *s, bool note)
{
	struct radius_account a;

	count(s);
	fill(s, RADIUS_ACCT_INTERIM, &a);
	fill_counters(s, &a);
	add(s, &a, note);
}

void session_acct_interim(struct session *s)
{
	if (!s->started_acct || s->stopped_acct || s->call_over)
		return;
	tell_state(s, false);
	session_acct_arm(s);
}

void session_acct_note(struct session *s)
{
	if (!s->started_acct || s->stopped_acct || s->call_over)
		return;
	tell_state(s, true);
	session_set_deadline(s, SESSION_DL_NOTE, jittered(NOTE_S));
}

/* --- start and stop --- */

void session_acct_up(struct session *s)
{
	struct radius_account a;

	s->up_since = mono_now();
	/* RAD-60: of nobody there are no records; who has dialled in is somebody once a server has said so. */
	if (!accounted(s) || s->started_acct || !(s->known || (s->real && s->by == AAA_BY_RADIUS)))
		return;
	s->started_acct = true;
	fill(s, RADIUS_ACCT_START, &a);
	add(s, &a, false);
	session_acct_arm(s);
}

void session_acct_stop(struct session *s)
{
	struct radius_account a;

	if (!s->started_acct || s->stopped_acct)
		return;
	s->stopped_acct = true;
	session_set_deadline(s, SESSION_DL_INTERIM, MONO_NEVER);
	session_set_deadline(s, SESSION_DL_NOTE, MONO_NEVER);
	fill(s, RADIUS_ACCT_STOP, &a);
	fill_counters(s, &a);
	a.cause = cause_of(s);
	add(s, &a, false);
}

void session_acct_count(struct session *s)
{
	if (s->started_acct && !s->stopped_acct)
		count(s);
}

/* --- RFC 2867 --- */

void session_acct_link(struct session *s, enum radius_acct_status status)
{
	struct radius_account a;

	/* A Stop follows its Start, whatever has been configured since. */
	if (status == RADIUS_ACCT_LINK_STOP ? !s->link_acct : !accounted(s) || !s->conf->radius.acct.tunnel)
		return;
	s->link_acct = status == RADIUS_ACCT_LINK_START;
	fill(s, status, &a);
	if (status == RADIUS_ACCT_LINK_STOP) {
		a.has_counters = true;
		a.seconds = s->call_seconds;
		a.in_octets = s->real ? s->final.tx_octets : s->final.rx_octets;
		a.out_octets = s->real ? s->final.rx_octets : s->final.tx_octets;
		a.in_packets = s->real ? s->final.tx_packets : s->final.rx_packets;
		a.out_packets = s->real ? s->final.rx_packets : s->final.tx_packets;
		a.has_lost = true;
		a.lost = (uint32_t)s->final.rx_lost;
	}
	if (status != RADIUS_ACCT_LINK_START)
		a.cause = cause_of(s);
	add(s, &a, false);
}
