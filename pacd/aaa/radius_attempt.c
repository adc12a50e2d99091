/*
 * One request at one RADIUS server: its packet, its retransmission and the check of what comes back (RFC 2865
 * section 2.4 and 3, RFC 5080 section 2.2.1, RFC 5997; RAD-50 to RAD-56, RAD-100, RAD-101).
 *
 * Owns packets.  Must not know which server comes next.
 */
#include "pacd/aaa/radius_internal.h"

#include "common/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define PROBE_WAIT_S 25 /* less than the time between two probes */

static struct radius_secret secret_of(const struct radius_attempt *a)
{
	return (struct radius_secret){ .p = a->key->octets, .len = a->key->len };
}

static void packet_free(struct radius_attempt *a)
{
	if (a->packet)
		explicit_bzero(a->packet, a->len);
	free(a->packet);
	a->packet = NULL;
}

/* The identifier is free, the exchange gone elsewhere; the secret stays until attempt_free(). */
static void attempt_detach(struct radius_attempt *a)
{
	ev_timer_stop(a->server->client->loop, &a->timer);
	if (a->exchange)
		a->server->view.in_flight--;
	if (a->exchange)
		a->exchange->attempt = NULL;
	a->exchange = NULL;
	if (a->server->probe == a)
		a->server->probe = NULL;
	radius_socket_release(a);
	packet_free(a);
}

static void attempt_free(struct radius_attempt *a)
{
	radius_key_put(a->key);
	radius_server_put(a->server);
	explicit_bzero(a, sizeof *a);
	free(a);
}

void radius_attempt_end(struct radius_attempt *a)
{
	if (a->trial)
		radius_health_trial_over(&a->server->health);
	attempt_detach(a);
	attempt_free(a);
}

/* --- no answer --- */

/* Its exchange, if there is one, goes on from here without it. */
static void attempt_leave(struct radius_attempt *a)
{
	struct radius_exchange *x = a->exchange;

	radius_attempt_end(a);
	if (x)
		radius_exchange_move(x);
}

static void attempt_lost(struct radius_attempt *a, bool unreachable)
{
	struct radius_server *s = a->server;

	if (a->exchange) {
		s->view.timeouts++;
		log_debug("radius-no-answer", "server=%s id=%u packets=%u%s", s->name, a->id, a->sent,
			  unreachable ? " unreachable=yes" : "");
	}
	attempt_leave(a);
}

/* A server that had less than its first wait is not to blame: the exchange's time was over. */
static void attempt_silent(struct radius_attempt *a)
{
	struct radius_server *s = radius_server_get(a->server);
	bool trial = a->trial, blame = a->exchange && a->waited && (!a->blamed || trial);
	struct mono since = a->first;

	if (blame)
		a->trial = false;
	attempt_lost(a, false);
	if (blame)
		radius_server_failed(s, since, trial, "silence");
	radius_server_put(s);
}

void radius_attempt_refused(struct radius_attempt *a, struct radius_refusal *r)
{
	if (a->probe)
		return;
	if (!a->exchange) {
		radius_attempt_end(a);
		return;
	}
	if (!r->failed && !a->blamed)
		r->failed = a->blamed = true;
	if (!radius_exchange_elsewhere(a->exchange))
		return;
	r->trial = r->trial || a->trial;
	a->trial = false;
	attempt_lost(a, true);
}

void radius_attempt_stranded(struct radius_attempt *a)
{
	if (a->exchange)
		radius_exchange_again(a->exchange);
	attempt_leave(a);
}

/* --- time --- */

static void timer_arm(struct radius_attempt *a)
{
	radius_client_timer(a->server->client, &a->timer, mono_earlier(a->wait_over, a->end));
}

/* 0, or -errno where the kernel says that nobody is there; what else fails is as good as lost. */
static int packet_try(const struct radius_attempt *a)
{
	ssize_t n;

	do
		n = send(a->socket->fd, a->packet, a->len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 && radius_socket_unreachable(errno) ? -errno : 0;
}

/*
 * The wait begins in any case: what can't be sent now may be sent later.  A probe has one wait, until its end.  The
 * attempt may be gone afterwards.
 */
static void packet_send(struct radius_attempt *a)
{
	int error = packet_try(a);

	/* The kernel tells what came back of an earlier packet in place of sending this one. */
	if (error < 0)
		error = packet_try(a);
	a->sent++;
	if (!a->probe)
		a->wait_over = mono_add_us(mono_now(), radius_health_wait_us(a->server->timeout_ms, a->sent - 1,
									     random_u32()));
	timer_arm(a);
	if (error < 0)
		radius_socket_refused(a->socket, -error);
}

static void retransmit(struct radius_attempt *a)
{
	a->server->view.retransmissions++;
	packet_send(a);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct radius_attempt *a = w->data;
	struct mono now = mono_now();

	(void)loop;
	(void)revents;
	if (a->exchange && mono_reached(a->wait_over, now))
		a->waited++;
	if (mono_reached(a->end, now) || (a->exchange && a->waited > a->server->retries))
		attempt_silent(a);
	else if (a->exchange && mono_reached(a->wait_over, now))
		retransmit(a);
	else
		timer_arm(a);
}

void radius_attempt_abandon(struct radius_attempt *a)
{
	struct radius_server *s = a->server;

	if (a->trial)
		radius_health_trial_over(&s->health);
	a->trial = false;
	a->exchange->attempt = NULL;
	a->exchange = NULL;
	s->view.in_flight--;
	packet_free(a);
	a->wait_over = MONO_NEVER;
	timer_arm(a);
	if (!list_empty(&s->waiting))
		radius_client_kick(s->client);
	/* Callers that give up early must not keep a silent server from being found out. */
	if (a->waited && !a->blamed)
		radius_server_failed(s, a->first, false, "silence");
}

/* --- start --- */

static struct radius_attempt *attempt_new(struct radius_server *s, uint8_t code)
{
	struct radius_attempt *a = calloc(1, sizeof *a);

	if (!a)
		return NULL;
	a->server = radius_server_get(s);
	a->key = radius_key_get(s->key);
	a->code = code;
	ev_timer_init(&a->timer, on_timer, 0., 0.);
	a->timer.data = a;
	return a;
}

static int encode_job(const struct radius_job *job, const struct radius_attempt *a, const uint8_t *authenticator,
		      struct wbuf *w)
{
	struct radius_hiding h = { .secret = secret_of(a), .authenticator = authenticator };

	return job->encode(job->ctx, &h, w);
}

/* Who asks, for the log of the server (RFC 5997 section 6). */
static void encode_probe(const struct radius_client *r, struct wbuf *w)
{
	if (r->conf->nas_identifier)
		radius_put_text(w, RADIUS_NAS_IDENTIFIER, r->conf->nas_identifier);
}

/* Into a->packet; 0, -EINVAL or -ENOMEM. The scratch memory is wiped: it holds what is only thinly hidden. */
static int packet_build(struct radius_attempt *a, const struct radius_job *job)
{
	struct radius_client *r = a->server->client;
	uint8_t authenticator[RADIUS_AUTHENTICATOR] = { 0 };
	bool random = a->code != RADIUS_ACCOUNTING_REQUEST;
	struct wbuf w;

	if (random)
		random_fill(authenticator, sizeof authenticator);
	wbuf_init(&w, r->scratch, sizeof r->scratch);
	radius_begin(&w, a->code, a->id, random ? authenticator : NULL, false);
	if (!job)
		encode_probe(r, &w);
	a->len = !job || encode_job(job, a, authenticator, &w) == 0 ? radius_finish(&w, secret_of(a)) : 0;
	a->packet = a->len ? malloc(a->len) : NULL;
	if (a->packet) {
		memcpy(a->packet, r->scratch, a->len);
		memcpy(a->authenticator, a->packet + 4, RADIUS_AUTHENTICATOR);
	}
	explicit_bzero(r->scratch, sizeof r->scratch);
	return a->packet ? 0 : a->len ? -ENOMEM : -EINVAL;
}

static int attempt_prepare(struct radius_attempt *a, const struct radius_job *job, struct mono end)
{
	int error = radius_socket_take(a->server, a);

	if (error < 0)
		return error;
	a->first = mono_now();
	a->end = end;
	return packet_build(a, job);
}

int radius_attempt_start(struct radius_server *s, struct radius_exchange *x, struct mono end)
{
	struct radius_attempt *a = attempt_new(s, x->job.code);
	int error;

	if (!a)
		return -ENOMEM;
	error = attempt_prepare(a, &x->job, end);
	if (error < 0) {
		radius_attempt_end(a);
		return error;
	}
	a->exchange = x;
	x->attempt = a;
	a->trial = radius_health_try(&s->health, a->first);
	s->view.in_flight++;
	s->view.requests++;
	packet_send(a);
	return 0;
}

void radius_attempt_probe(struct radius_server *s)
{
	struct radius_attempt *a = attempt_new(s, RADIUS_STATUS_SERVER);

	if (!a)
		return;
	a->probe = true;
	if (attempt_prepare(a, NULL, mono_add_s(mono_now(), PROBE_WAIT_S)) < 0) {
		radius_attempt_end(a);
		return;
	}
	s->probe = a;
	s->view.probes++;
	packet_send(a);
}

/* --- answers --- */

static void count_dropped(struct radius_server *s, enum radius_fault fault, const uint8_t *data, size_t len)
{
	unsigned suppressed = 0;

	s->view.dropped[fault]++;
	if (log_allow(&s->bad_packets, mono_now(), &suppressed))
		log_warn("radius-packet-dropped", "server=%s reason=%s code=%d id=%d len=%zu suppressed=%u", s->name,
			 radius_fault_word(fault), len > 0 ? data[0] : -1, len > 1 ? data[1] : -1, len, suppressed);
}

static void count_answer(struct radius_attempt *a, const struct radius_packet *p)
{
	struct radius_server *s = a->server;

	if (p->signed_)
		s->signed_once = true;
	radius_server_answered(s);
	if (a->probe)
		return;
	radius_health_sample(&s->health, mono_diff_us(mono_now(), a->first));
	s->view.accepts += p->code == RADIUS_ACCESS_ACCEPT;
	s->view.rejects += p->code == RADIUS_ACCESS_REJECT;
	s->view.challenges += p->code == RADIUS_ACCESS_CHALLENGE;
	s->view.responses += p->code == RADIUS_ACCOUNTING_RESPONSE;
}

/* To a request that was cancelled, too: then nobody is told, but the server lives, and has done with the identifier. */
static void answer(struct radius_attempt *a, const struct radius_packet *p)
{
	struct radius_exchange *x = a->exchange;
	struct radius_answer to_caller = {
		.packet = p,
		.hiding = { .secret = secret_of(a), .authenticator = a->authenticator },
		.server = a->server->name,
	};

	attempt_detach(a);
	count_answer(a, p);
	if (x)
		radius_exchange_answered(x, &to_caller);
	attempt_free(a);
}

void radius_attempt_reply(struct radius_socket *k, const uint8_t *data, size_t len)
{
	struct radius_packet p = { 0 };
	enum radius_fault fault = radius_parse(&p, data, len);
	struct radius_attempt *a = fault == RADIUS_GOOD ? k->slots[p.id] : NULL;

	if (fault == RADIUS_GOOD && !a)
		fault = RADIUS_BAD_ID;
	if (fault == RADIUS_GOOD) {
		struct radius_expectation e = {
			.code = a->code,
			.id = a->id,
			.authenticator = a->authenticator,
			.secret = secret_of(a),
			.require_signature = radius_server_signature_required(k->server),
		};

		fault = radius_check_reply(&p, data, len, &e);
	}
	if (fault == RADIUS_GOOD)
		answer(a, &p);
	else
		count_dropped(k->server, fault, data, len);
}
