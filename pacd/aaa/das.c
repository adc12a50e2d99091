/*
 * The dynamic authorization server (RFC 5176 sections 2.3 and 3, RAD-80 to RAD-90).
 *
 * Owns the sockets, and for each client its cache of answers.  Who may ask, what
 * is a repetition and what comes too late is decided here; what a request says
 * in dynauth.c; what a session is, is known to the table of functions only.
 */
#include "pacd/aaa/das.h"

#include "common/log.h"
#include "pacd/aaa/das_socket.h"
#include "pacd/proto/dynauth_cache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BATCH 32      /* datagrams a round, so that calls go on during a storm */
#define FEW_IDS 32    /* sessions of one request for which no memory is taken */
#define IDENT_TEXT 96 /* "user+port+address+..." */
#define TEXT LOG_QUOTED(RADIUS_VALUE_MAX)

struct das_socket {
	struct ev_io io;
	struct sockaddr_storage address; /* as configured */
	struct das *das;
};

struct das_client {
	const struct conf_das_client *conf; /* borrowed until the next configuration */
	struct in6_addr address;
	uint32_t scope; /* 0: any */
	struct dynauth_cache cache;
};

struct das {
	struct ev_loop *loop;
	struct das_sessions sessions;
	void *ctx;
	const struct conf_radius_das *conf; /* borrowed until the next configuration */
	struct radius_nas nas;
	struct das_socket **sockets; /* each by itself: libev knows its address */
	size_t nsockets;
	struct das_client *clients;
	size_t nclients;
	struct das_view view;
	struct log_limit limit_request, limit_dropped, limit_failed;
};

/* One datagram on its way through. */
struct request {
	int fd;
	const struct das_path *path;
	struct das_client *client;
	struct radius_secret secret;
	struct radius_packet packet;
	struct dynauth_request d;
	struct dynauth_cache_key key;
	int64_t keep_s;   /* how long its answer is kept */
	unsigned matched; /* sessions */
};

/* --- clients --- */

static uint32_t scope_of(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)a)->sin6_scope_id : 0;
}

static struct das_client *client_find(struct das_client *clients, size_t n, const struct sockaddr_storage *from)
{
	struct in6_addr address = das_address_octets(from);

	for (size_t i = 0; i < n; i++) {
		struct das_client *c = &clients[i];

		if (IN6_ARE_ADDR_EQUAL(&c->address, &address) && (!c->scope || c->scope == scope_of(from)))
			return c;
	}
	return NULL;
}

/* A client that stays keeps its answers: a repetition does not become new by a reload. */
static void clients_set(struct das *d, const struct conf_radius_das *c)
{
	struct das_client *clients = c->nclients ? calloc(c->nclients, sizeof *clients) : NULL, *old;
	size_t n = 0;

	if (c->nclients && !clients)
		log_error("das-clients", "error=\"out of memory\" hint=\"reload when there is more: until then nobody "
			  "can change or end sessions\"");
	for (size_t i = 0; clients && i < c->nclients; i++) {
		const struct conf_das_client *conf = &c->clients[i];

		if (!conf->address.ss_family || !conf->secret || !*conf->secret)
			continue;
		clients[n].conf = conf;
		clients[n].address = das_address_octets(&conf->address);
		clients[n].scope = scope_of(&conf->address);
		old = client_find(d->clients, d->nclients, &conf->address);
		if (old)
			clients[n].cache = old->cache;
		n++;
	}
	free(d->clients);
	d->clients = clients;
	d->nclients = n;
}

/* --- the log --- */

static const char *kind_word(bool disconnect)
{
	return disconnect ? "disconnect" : "coa";
}

static void log_dropped(struct das *d, const struct das_path *path, const char *reason)
{
	char text[DAS_ADDRESS_TEXT];
	unsigned suppressed;

	if (log_allow(&d->limit_dropped, mono_now(), &suppressed))
		log_info("das-dropped", "client=%s reason=%s suppressed=%u", das_address_text(&path->from, text), reason,
			 suppressed);
}

static const char *ident_text(unsigned given, char text[IDENT_TEXT])
{
	static const char *const words[] = { "user", "port", "address", "called", "calling", "session", "port-id",
					     "interface-id", "other" };
	size_t n = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
		if (given & 1u << i)
			n += (size_t)snprintf(text + n, IDENT_TEXT - n, "%s%s", n ? "+" : "", words[i]);
	return n ? text : "none";
}

static void log_request(struct das *d, const struct request *r, enum dynauth_cause cause)
{
	char client[DAS_ADDRESS_TEXT], ident[IDENT_TEXT], user[TEXT], session[TEXT];
	const struct dynauth_ident *i = &r->d.ident;
	unsigned suppressed;

	if (!log_allow(&d->limit_request, mono_now(), &suppressed))
		return;
	log_info("das-request", "client=%s kind=%s by=%s user=%s session=%s sessions=%u result=%s cause=%u suppressed=%u",
		 das_address_text(&r->path->from, client), kind_word(r->packet.code == RADIUS_DISCONNECT_REQUEST),
		 ident_text(i->given, ident), log_quote(user, sizeof user, i->user.p, i->user.len),
		 log_quote(session, sizeof session, i->session.p, i->session.len), r->matched,
		 cause ? "nak" : "ack", (unsigned)cause, suppressed);
}

/* --- what is asked for is done --- */

static enum dynauth_cause change_all(struct das *d, const struct dynauth_change *c, const uint64_t *ids, unsigned n)
{
	enum dynauth_cause cause;

	/* RAD-87: nothing of it, anywhere, when one of them can't. */
	for (unsigned i = 0; i < n; i++) {
		cause = d->sessions.check(d->ctx, ids[i], c);
		if (cause)
			return cause;
	}
	for (unsigned i = 0; c->given && i < n; i++)
		d->sessions.change(d->ctx, ids[i], c);
	return DYNAUTH_OK;
}

static enum dynauth_cause act_on(struct das *d, const struct dynauth_request *rq, const uint64_t *ids, unsigned n)
{
	if (!rq->disconnect)
		return change_all(d, &rq->change, ids, n);
	for (unsigned i = 0; i < n; i++)
		d->sessions.disconnect(d->ctx, ids[i], &rq->change);
	return DYNAUTH_OK;
}

static enum dynauth_cause act_on_many(struct das *d, const struct dynauth_request *rq, unsigned n)
{
	uint64_t *ids = calloc(n, sizeof *ids);
	enum dynauth_cause cause;
	unsigned again;

	if (!ids)
		return DYNAUTH_RESOURCES;
	again = d->sessions.match(d->ctx, &rq->ident, ids, n);
	cause = act_on(d, rq, ids, again < n ? again : n);
	free(ids);
	return cause;
}

/* RAD-85: all of the sessions that match. */
static enum dynauth_cause act(struct das *d, struct request *r)
{
	uint64_t ids[FEW_IDS];

	if (r->d.ident.given & DYNAUTH_BY_OTHER)
		return DYNAUTH_NOT_FOUND;
	r->matched = d->sessions.match(d->ctx, &r->d.ident, ids, FEW_IDS);
	if (!r->matched)
		return DYNAUTH_NOT_FOUND;
	if (r->matched > FEW_IDS)
		return act_on_many(d, &r->d, r->matched);
	return act_on(d, &r->d, ids, r->matched);
}

/* --- requests --- */

static size_t make_reply(const struct request *r, enum dynauth_cause cause, uint8_t reply[RADIUS_PACKET_MAX])
{
	return dynauth_reply(reply, RADIUS_PACKET_MAX, &r->packet, cause, RADIUS_CAUSE_ADMIN_RESET, r->secret);
}

static void send_reply(struct das *d, const struct request *r, enum dynauth_cause cause)
{
	uint8_t reply[RADIUS_PACKET_MAX];
	char client[DAS_ADDRESS_TEXT];
	unsigned suppressed;
	int error = das_socket_send(r->fd, reply, make_reply(r, cause, reply), r->path);

	/* The client asks again, and then gets it from the cache. */
	if (error && log_allow(&d->limit_failed, mono_now(), &suppressed))
		log_warn("das-reply-failed", "client=%s error=\"%s\" suppressed=%u",
			 das_address_text(&r->path->from, client), strerror(-error), suppressed);
}

static void count(struct das_view *v, bool disconnect, bool ack)
{
	if (disconnect) {
		v->disconnect_requests++;
		v->disconnect_acks += ack;
		v->disconnect_naks += !ack;
	} else {
		v->coa_requests++;
		v->coa_acks += ack;
		v->coa_naks += !ack;
	}
}

static void answer(struct das *d, struct request *r, enum dynauth_cause cause)
{
	if (!cause)
		cause = act(d, r);
	dynauth_cache_add(&r->client->cache, &r->key, cause, mono_now(), r->keep_s);
	count(&d->view, r->packet.code == RADIUS_DISCONNECT_REQUEST, !cause);
	log_request(d, r, cause);
	send_reply(d, r, cause);
}

/*
 * RAD-82.  Differences of 32 bits, so that 2106 is no special year.  An answer is kept until its request is too old by
 * its timestamp too, also where the client's clock is ahead.
 */
static bool is_timely(const struct das *d, struct request *r)
{
	int32_t ahead = (int32_t)(r->d.timestamp - (uint32_t)time(NULL));

	r->keep_s = d->conf->window;
	if (!r->d.has_timestamp)
		return !d->conf->require_timestamp;
	r->keep_s += 1 + (ahead > 0 ? ahead : 0);
	return llabs((long long)ahead) <= d->conf->window;
}

static void drop_replay(struct das *d, const struct request *r, const char *reason)
{
	d->view.dropped_replay++;
	log_dropped(d, r->path, reason);
}

/* A packet whose signature is good. */
static void on_request(struct das *d, struct request *r)
{
	uint8_t reply[RADIUS_PACKET_MAX];
	enum dynauth_cause cause = dynauth_decode(&r->d, &r->packet, &d->nas), answered;

	if (!is_timely(d, r)) {
		drop_replay(d, r, r->d.has_timestamp ? "event-timestamp" : "no-event-timestamp");
		return;
	}
	r->key = (struct dynauth_cache_key){ das_address_port(&r->path->from), r->packet.id, r->packet.authenticator,
					     r->d.has_timestamp };
	switch (dynauth_cache_find(&r->client->cache, &r->key, mono_now(), &answered)) {
	case DYNAUTH_CACHE_REPEATED:
		d->view.repeated++;
		send_reply(d, r, answered);
		return;
	case DYNAUTH_CACHE_FULL:
		drop_replay(d, r, "too-many");
		return;
	case DYNAUTH_CACHE_NEW:
		break;
	}
	/* So full of Proxy-State that no answer holds it all: nothing is done that could not be answered. */
	if (!make_reply(r, DYNAUTH_OK, reply)) {
		d->view.dropped[RADIUS_BAD_LENGTH]++;
		log_dropped(d, r->path, radius_fault_word(RADIUS_BAD_LENGTH));
		return;
	}
	answer(d, r, cause);
}

static void on_datagram(struct das *d, int fd, const uint8_t *data, size_t len, const struct das_path *path)
{
	struct request r = { .fd = fd, .path = path, .client = client_find(d->clients, d->nclients, &path->from) };
	enum radius_fault fault;

	if (!r.client) {
		d->view.dropped_client++;
		log_dropped(d, path, "unknown-client");
		return;
	}
	r.secret = (struct radius_secret){ (const uint8_t *)r.client->conf->secret, strlen(r.client->conf->secret) };
	fault = radius_check_request(&r.packet, data, len, r.secret, r.client->conf->require_signature);
	/* RAD-90: a broken list from one who knows the secret gets a NAK, which dynauth_decode() finds again. */
	if (fault && fault != RADIUS_BAD_LIST) {
		d->view.dropped[fault]++;
		log_dropped(d, path, radius_fault_word(fault));
		return;
	}
	on_request(d, &r);
}

static void on_readable(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct das_socket *s = w->data;
	struct das_path path;
	uint8_t data[RADIUS_PACKET_MAX];

	(void)loop;
	(void)revents;
	for (int i = 0; i < BATCH; i++) {
		ssize_t n = das_socket_receive(w->fd, data, sizeof data, &path);

		if (n < 0)
			return; /* nothing more, or an error that reading has cleared */
		on_datagram(s->das, w->fd, data, (size_t)n, &path);
	}
}

/* --- sockets --- */

static bool same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	struct in6_addr x = das_address_octets(a), y = das_address_octets(b);

	return a->ss_family == b->ss_family && IN6_ARE_ADDR_EQUAL(&x, &y) && scope_of(a) == scope_of(b) &&
	       das_address_port(a) == das_address_port(b);
}

static const char *listen_hint(int error)
{
	switch (error) {
	case -EADDRINUSE:
		return "another program has this port: stop it, or change radius.das.listen";
	case -EADDRNOTAVAIL:
		return "no interface has this address: correct radius.das.listen, or reload when one has it";
	case -EACCES:
		return "choose a port above 1023 in radius.das.listen";
	case -EAFNOSUPPORT:
		return "this system has no IPv6: take the address out of radius.das.listen";
	default:
		return "correct radius.das.listen, or reload to try again";
	}
}

static void socket_add(struct das *d, const struct sockaddr_storage *address)
{
	struct das_socket *s = calloc(1, sizeof *s);
	int fd = s ? das_socket_open(address) : -ENOMEM;
	char text[DAS_ADDRESS_TEXT];

	das_address_text(address, text);
	if (fd < 0) {
		log_error("das-listen", "address=%s error=\"%s\" hint=\"%s\"", text, strerror(-fd), listen_hint(fd));
		free(s);
		return;
	}
	s->address = *address;
	s->das = d;
	ev_io_init(&s->io, on_readable, fd, EV_READ);
	s->io.data = s;
	ev_io_start(d->loop, &s->io);
	d->sockets[d->nsockets++] = s;
	log_info("das-listening", "address=%s", text);
}

static void socket_free(struct das *d, struct das_socket *s)
{
	ev_io_stop(d->loop, &s->io);
	close(s->io.fd);
	free(s);
}

static bool is_listed(const struct conf_radius_das *c, const struct sockaddr_storage *address)
{
	for (size_t i = 0; i < c->nlisten; i++)
		if (same_address(&c->listen[i], address))
			return true;
	return false;
}

static bool is_open(const struct das *d, const struct sockaddr_storage *address)
{
	for (size_t i = 0; i < d->nsockets; i++)
		if (same_address(&d->sockets[i]->address, address))
			return true;
	return false;
}

/* Those that go are closed first: their port may be wanted for another address. */
static void sockets_drop(struct das *d, const struct conf_radius_das *c)
{
	size_t n = 0;

	for (size_t i = 0; i < d->nsockets; i++) {
		if (c && is_listed(c, &d->sockets[i]->address))
			d->sockets[n++] = d->sockets[i];
		else
			socket_free(d, d->sockets[i]);
	}
	d->nsockets = n;
}

static void sockets_set(struct das *d, const struct conf_radius_das *c)
{
	struct das_socket **sockets;

	sockets_drop(d, c);
	if (!c->nlisten)
		return;
	/* What stays is at most as many as are listed. */
	sockets = reallocarray(d->sockets, c->nlisten, sizeof *sockets);
	if (!sockets) {
		log_error("das-listen", "error=\"out of memory\" hint=\"reload to try again\"");
		return;
	}
	d->sockets = sockets;
	for (size_t i = 0; i < c->nlisten; i++)
		if (!is_open(d, &c->listen[i]))
			socket_add(d, &c->listen[i]);
}

/* --- the public part --- */

struct das *das_new(struct ev_loop *loop, const struct das_sessions *sessions, void *ctx)
{
	struct das *d = calloc(1, sizeof *d);

	if (!d)
		return NULL;
	d->loop = loop;
	d->sessions = *sessions;
	d->ctx = ctx;
	d->limit_request = LOG_LIMIT(100, 300);
	d->limit_dropped = LOG_LIMIT(10, 30);
	d->limit_failed = LOG_LIMIT(5, 10);
	return d;
}

void das_free(struct das *d)
{
	if (!d)
		return;
	sockets_drop(d, NULL);
	free(d->sockets);
	free(d->clients);
	free(d);
}

void das_configure(struct das *d, const struct conf_radius_das *c, const struct radius_nas *nas)
{
	d->conf = c;
	d->nas = *nas;
	clients_set(d, c);
	sockets_set(d, c);
}

void das_view(const struct das *d, struct das_view *v)
{
	*v = d->view;
}
