/*
 * Sockets of one RADIUS server, and the identifiers on them (RFC 2865 section 3, RFC 5080 section 2.2.2; RAD-09).
 *
 * Each socket is connected, so that the kernel checks the source, and has a port of the kernel's choice.  Owns
 * descriptors and identifiers.  Must not know what packets say.
 */
#include "pacd/aaa/radius_internal.h"

#include "common/random.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_MAX 64 /* packets per callback, so that one server does not hold the loop */

static socklen_t address_len(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

/* -EINVAL is encode()'s word. */
static int socket_error(int error)
{
	return error == EINVAL ? -EADDRNOTAVAIL : -error;
}

/* In an order of this socket's own, so that identifiers tell nobody anything (RAD-55). */
static void ids_shuffle(struct radius_socket *k)
{
	uint32_t random[RADIUS_IDS];

	random_fill(random, sizeof random);
	for (unsigned i = 0; i < RADIUS_IDS; i++) {
		unsigned j = random[i] % (i + 1);

		k->free_ids[i] = k->free_ids[j];
		k->free_ids[j] = (uint8_t)i;
	}
	k->nfree = RADIUS_IDS;
}

/* --- reading --- */

bool radius_socket_unreachable(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENETDOWN:
	case ENOPROTOOPT:
	case EPROTO:
	case EACCES:
	case EPERM:
	case EADDRNOTAVAIL:
	case EINVAL:
		return true;
	default:
		return false;
	}
}

/* Nothing will ever be sent from this socket again: its source address is gone. */
static bool source_gone(int error)
{
	return error == EINVAL || error == EADDRNOTAVAIL;
}

/* A new one has the source address of its own day. */
static void socket_strand(struct radius_socket *k)
{
	for (unsigned id = 0; id < RADIUS_IDS; id++)
		if (k->slots[id])
			radius_attempt_stranded(k->slots[id]);
	if (!k->busy)
		radius_socket_close(k);
}

/* One word of the kernel is one failure, however many wait: anybody who guesses the port can send us an ICMP. */
static void socket_refuse(struct radius_socket *k)
{
	struct radius_refusal r = { 0 };

	for (unsigned id = 0; id < RADIUS_IDS; id++)
		if (k->slots[id])
			radius_attempt_refused(k->slots[id], &r);
	if (r.failed || r.trial)
		radius_server_failed(k->server, mono_now(), r.trial, "unreachable");
}

void radius_socket_refused(struct radius_socket *k, int error)
{
	struct radius_server *s = radius_server_get(k->server);
	unsigned suppressed = 0;

	if (log_allow(&s->socket_errors, mono_now(), &suppressed))
		log_warn("radius-server-unreachable", "server=%s error=\"%s\" suppressed=%u", s->name, strerror(error),
			 suppressed);
	if (source_gone(error))
		socket_strand(k);
	else
		socket_refuse(k);
	radius_server_put(s);
}

static void read_packets(struct radius_socket *k)
{
	uint8_t data[RADIUS_PACKET_MAX]; /* what a datagram has behind this is padding */
	size_t most = 0;

	for (unsigned n = 0; n < READ_MAX && !k->server->client->dying; n++) {
		ssize_t len = recv(k->fd, data, sizeof data, 0);

		if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (len < 0 && radius_socket_unreachable(errno))
			radius_socket_refused(k, errno);
		if (len < 0)
			continue;
		most = (size_t)len > most ? (size_t)len : most;
		radius_attempt_reply(k, data, (size_t)len);
	}
	explicit_bzero(data, most);
}

static void on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct radius_socket *k = w->data;
	struct radius_server *s = radius_server_get(k->server);
	struct radius_client *r = s->client;

	(void)loop;
	(void)revents;
	radius_client_enter(r);
	k->busy = true;
	read_packets(k);
	k->busy = false;
	radius_server_put(s);
	radius_client_leave(r);
}

/* --- open and close --- */

static int socket_connected(const struct sockaddr_storage *address)
{
	int fd = socket(address->ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error;

	if (fd < 0)
		return socket_error(errno);
	if (connect(fd, (const struct sockaddr *)(const void *)address, address_len(address)) == 0)
		return fd;
	error = errno;
	close(fd);
	return socket_error(error);
}

static int socket_open(struct radius_server *s)
{
	struct radius_socket *k = calloc(1, sizeof *k);
	unsigned suppressed = 0;

	if (!k)
		return -ENOMEM;
	k->fd = socket_connected(&s->address);
	if (k->fd < 0) {
		int error = k->fd;

		free(k);
		if (log_allow(&s->socket_errors, mono_now(), &suppressed))
			log_warn("radius-socket-failed", "server=%s error=\"%s\" suppressed=%u", s->name,
				 strerror(-error), suppressed);
		return error;
	}
	k->server = s;
	ids_shuffle(k);
	k->idle_since = mono_now();
	ev_io_init(&k->reader, on_readable, k->fd, EV_READ);
	k->reader.data = k;
	ev_io_start(s->client->loop, &k->reader);
	list_append(&s->open, &k->link);
	s->view.sockets++;
	return 0;
}

void radius_socket_close(struct radius_socket *k)
{
	ev_io_stop(k->server->client->loop, &k->reader);
	close(k->fd);
	list_remove(&k->link);
	k->server->view.sockets--;
	free(k);
}

/* --- identifiers --- */

/* Always the first socket that has one, so that those behind it fall idle when less is outstanding. */
int radius_socket_take(struct radius_server *s, struct radius_attempt *a)
{
	struct radius_socket *k;
	int error = list_empty(&s->open) ? socket_open(s) : 0;

	if (error < 0)
		return error;
	k = list_entry(s->open.next, struct radius_socket, link);
	a->socket = k;
	a->id = k->free_ids[k->first_free];
	k->first_free = (k->first_free + 1) % RADIUS_IDS;
	k->nfree--;
	k->slots[a->id] = a;
	k->idle_since = MONO_NEVER;
	if (!k->nfree) {
		list_remove(&k->link);
		list_append(&s->full, &k->link);
	}
	return 0;
}

static void idle_begins(struct radius_socket *k)
{
	struct radius_server *s = k->server;

	k->idle_since = mono_now();
	if (s->view.sockets > 1 && !ev_is_active(&s->idle_timer)) {
		ev_timer_set(&s->idle_timer, RADIUS_IDLE_S, 0.);
		ev_timer_start(s->client->loop, &s->idle_timer);
	}
}

void radius_socket_release(struct radius_attempt *a)
{
	struct radius_socket *k = a->socket;

	if (!k)
		return;
	a->socket = NULL;
	k->slots[a->id] = NULL;
	k->free_ids[(k->first_free + k->nfree++) % RADIUS_IDS] = a->id;
	if (k->nfree == 1) {
		list_remove(&k->link);
		list_append(&k->server->open, &k->link);
	}
	if (k->nfree == RADIUS_IDS)
		idle_begins(k);
	if (!list_empty(&k->server->waiting))
		radius_client_kick(k->server->client);
}
