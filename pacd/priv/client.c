/*
 * Main's side of the root part's socket, on libev.
 *
 * Owns the socket, its watchers and a ring of encoded requests that the kernel
 * did not take yet.  Knows nothing of what the answers mean.  The root part is
 * trusted, but a message that makes no sense says that it is not what it should
 * be, and then its end and ours is the only safe answer.
 */
#include "pacd/priv/client.h"

#include "common/seqmsg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ITEM_MAX 32          /* octets of the longest request of fixed length, with room */
#define RING_FIRST 64
#define RING_MAX (1u << 18)  /* requests: a few for each of 65,535 calls */
#define LONG_MAX 1024        /* of them longer than ITEM_MAX: those of calls that were changed */
#define BATCH 64             /* messages in one turn of the loop */

struct item {
	uint16_t len;
	union {
		uint8_t data[ITEM_MAX];
		uint8_t *apart; /* owned; where len is more than ITEM_MAX */
	};
};

struct priv_client {
	struct ev_loop *loop;
	int fd;
	ev_io reads, writes;
	const struct priv_handlers *handlers;
	void *ctx;
	struct item *ring;
	size_t size, first, count; /* size: 0 or a power of two */
	size_t nlong;              /* items with memory of their own */
	bool dead;
};

static void end(struct priv_client *p)
{
	ev_io_stop(p->loop, &p->reads);
	ev_io_stop(p->loop, &p->writes);
	p->dead = true;
	p->handlers->gone(p->ctx); /* may free p */
}

static const struct priv_conf_fds no_conf_fds = { -1, -1, -1, -1 };

/* Their number is right: priv_fds(). */
static void hand_conf(struct priv_client *p, const struct priv_conf *m, struct seqmsg *raw)
{
	struct priv_conf_fds fds = no_conf_fds;
	size_t next = 0;

	if (!m->ok)
		fds.errors = seqmsg_take_fd(raw, next++);
	else
		fds.conf = seqmsg_take_fd(raw, next++);
	if (m->has_users)
		fds.users = seqmsg_take_fd(raw, next++);
	if (m->has_radius)
		fds.radius = seqmsg_take_fd(raw, next++);
	p->handlers->conf(p->ctx, m, &fds);
}

static void hand_started(struct priv_client *p, const struct priv_started *m, struct seqmsg *raw)
{
	int pty = seqmsg_take_fd(raw, 0), plugin = seqmsg_take_fd(raw, 1), log = seqmsg_take_fd(raw, 2);

	p->handlers->started(p->ctx, m, pty, plugin, log);
}

static int hand(struct priv_client *p, const struct priv_msg *m, struct seqmsg *raw)
{
	switch (m->type) {
	case PRIV_CONF: hand_conf(p, &m->conf, raw); return 0;
	case PRIV_OPENED: p->handlers->opened(p->ctx, &m->opened, seqmsg_take_fd(raw, 0)); return 0;
	case PRIV_STARTED: hand_started(p, &m->started, raw); return 0;
	case PRIV_EXITED: p->handlers->exited(p->ctx, &m->exited); return 0;
	case PRIV_STOP: p->handlers->stop(p->ctx); return 0;
	default: return -EBADMSG; /* a request: those go the other way */
	}
}

/*
 * We are at our limit of descriptors, and the message's own are lost.  That costs this one call, socket or reload:
 * what the root part did for us is undone, and the handler is told as if it had not been done.
 */
static int hand_short(struct priv_client *p, struct priv_msg *m)
{
	switch (m->type) {
	case PRIV_CONF:
		if (m->conf.ok)
			priv_client_conf_taken(p, m->conf.generation, false);
		m->conf.ok = m->conf.has_users = m->conf.has_radius = 0;
		p->handlers->conf(p->ctx, &m->conf, &no_conf_fds);
		return 0;
	case PRIV_OPENED:
		if (m->opened.handle)
			priv_client_close_line(p, m->opened.handle);
		m->opened.handle = 0;
		m->opened.error = EMFILE;
		p->handlers->opened(p->ctx, &m->opened, -1);
		return 0;
	case PRIV_STARTED:
		priv_client_signal_pppd(p, m->started.token, PRIV_SIGNAL_KILL);
		m->started.error = EMFILE;
		m->started.pid = 0;
		p->handlers->started(p->ctx, &m->started, -1, -1, -1);
		return 0;
	default:
		return -EBADMSG;
	}
}

static int hand_any(struct priv_client *p, struct seqmsg *raw)
{
	struct priv_msg m;

	if (priv_decode(&m, raw->data, raw->len) < 0)
		return -EBADMSG;
	if (raw->cut && priv_fds(&m))
		return hand_short(p, &m);
	return raw->cut || raw->nfds != priv_fds(&m) ? -EBADMSG : hand(p, &m, raw);
}

static int receive(struct priv_client *p)
{
	struct seqmsg raw;
	int r = seqmsg_recv(p->fd, &raw);

	if (r < 0)
		return r;
	r = hand_any(p, &raw);
	seqmsg_clear(&raw);
	return r;
}

static void on_read(struct ev_loop *loop, ev_io *w, int events)
{
	struct priv_client *p = w->data;
	int r = 0;

	(void)loop;
	(void)events;
	for (int i = 0; i < BATCH && r == 0; i++)
		r = receive(p);
	if (r < 0 && r != -EAGAIN)
		end(p);
}

static int grow(struct priv_client *p)
{
	size_t size = p->size ? p->size * 2 : RING_FIRST;
	struct item *ring;

	if (size > RING_MAX)
		return -ENOBUFS;
	ring = calloc(size, sizeof *ring);
	if (!ring)
		return -ENOMEM;
	for (size_t i = 0; i < p->count; i++)
		ring[i] = p->ring[(p->first + i) & (p->size - 1)];
	free(p->ring);
	p->ring = ring;
	p->size = size;
	p->first = 0;
	return 0;
}

static int item_fill(struct priv_client *p, struct item *item, const uint8_t *data, size_t len)
{
	uint8_t *apart;

	item->len = (uint16_t)len;
	if (len <= ITEM_MAX) {
		memcpy(item->data, data, len);
		return 0;
	}
	if (p->nlong >= LONG_MAX)
		return -ENOBUFS;
	apart = malloc(len);
	if (!apart)
		return -ENOMEM;
	memcpy(apart, data, len);
	item->apart = apart;
	p->nlong++;
	return 0;
}

static int enqueue(struct priv_client *p, const uint8_t *data, size_t len)
{
	int r = p->count == p->size ? grow(p) : 0;

	if (r == 0)
		r = item_fill(p, &p->ring[(p->first + p->count) & (p->size - 1)], data, len);
	if (r == 0)
		p->count++;
	return r;
}

static const uint8_t *item_data(const struct item *item)
{
	return item->len > ITEM_MAX ? item->apart : item->data;
}

static void drop_first(struct priv_client *p)
{
	struct item *item = &p->ring[p->first];

	if (item->len > ITEM_MAX) {
		free(item->apart);
		p->nlong--;
	}
	p->first = (p->first + 1) & (p->size - 1);
	p->count--;
}

static void flush(struct priv_client *p)
{
	while (p->count) {
		const struct item *item = &p->ring[p->first];

		/* Any error but a full socket shows at the reading side too, after what is left to read. */
		if (seqmsg_send(p->fd, item_data(item), item->len, NULL, 0) == -EAGAIN)
			return;
		drop_first(p);
	}
	ev_io_stop(p->loop, &p->writes);
}

static void on_write(struct ev_loop *loop, ev_io *w, int events)
{
	(void)loop;
	(void)events;
	flush(w->data);
}

static int send_msg(struct priv_client *p, const struct priv_msg *m)
{
	uint8_t data[PRIV_MSG_MAX];
	size_t len = priv_encode(data, sizeof data, m);
	int r = -EAGAIN;

	if (p->dead)
		return -EPIPE;
	if (len == 0)
		return -EINVAL;
	if (!p->count)
		r = seqmsg_send(p->fd, data, len, NULL, 0);
	if (r != -EAGAIN)
		return r == -ECONNRESET ? -EPIPE : r; /* it ended with messages of ours unread */
	r = enqueue(p, data, len);
	if (r == 0)
		ev_io_start(p->loop, &p->writes);
	return r;
}

struct priv_client *priv_client_new(struct ev_loop *loop, int fd, const struct priv_handlers *handlers, void *ctx)
{
	struct priv_client *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	p->loop = loop;
	p->fd = fd;
	p->handlers = handlers;
	p->ctx = ctx;
	ev_io_init(&p->reads, on_read, fd, EV_READ);
	ev_io_init(&p->writes, on_write, fd, EV_WRITE);
	p->reads.data = p->writes.data = p;
	ev_io_start(loop, &p->reads);
	return p;
}

void priv_client_free(struct priv_client *p)
{
	if (!p)
		return;
	ev_io_stop(p->loop, &p->reads);
	ev_io_stop(p->loop, &p->writes);
	close(p->fd);
	while (p->count)
		drop_first(p);
	free(p->ring);
	free(p);
}

int priv_client_open(struct priv_client *p, uint32_t generation, enum priv_socket socket, unsigned index)
{
	struct priv_msg m = { .type = PRIV_OPEN,
			      .open = { generation, (uint8_t)socket, (uint16_t)index } };

	return send_msg(p, &m);
}

int priv_client_start_pppd(struct priv_client *p, uint32_t generation, uint64_t token, uint32_t peer_addr)
{
	struct priv_msg m = { .type = PRIV_START_PPPD, .start_pppd = { generation, token, peer_addr } };

	return send_msg(p, &m);
}

int priv_client_signal_pppd(struct priv_client *p, uint64_t token, enum priv_signal signal)
{
	struct priv_msg m = { .type = PRIV_SIGNAL_PPPD, .signal_pppd = { token, (uint8_t)signal } };

	return send_msg(p, &m);
}

int priv_client_conf_taken(struct priv_client *p, uint32_t generation, bool taken)
{
	struct priv_msg m = { .type = PRIV_CONF_TAKEN, .conf_taken = { generation, taken } };

	return send_msg(p, &m);
}

int priv_client_reload(struct priv_client *p)
{
	struct priv_msg m = { .type = PRIV_RELOAD };

	return send_msg(p, &m);
}

int priv_client_ready(struct priv_client *p)
{
	struct priv_msg m = { .type = PRIV_READY };

	return send_msg(p, &m);
}

int priv_client_down_hook(struct priv_client *p, uint32_t unit, uint32_t local, uint32_t remote, uint32_t peer_addr)
{
	struct priv_msg m = { .type = PRIV_DOWN_HOOK, .down_hook = { unit, local, remote, peer_addr } };

	return send_msg(p, &m);
}

int priv_client_change_hook(struct priv_client *p, const struct priv_change_hook *m)
{
	struct priv_msg msg = { .type = PRIV_CHANGE_HOOK };

	if (m->unit > INT32_MAX)
		return -EINVAL; /* the root part would take it for an attack */
	msg.change_hook = *m;
	return send_msg(p, &msg);
}

int priv_client_close_line(struct priv_client *p, uint32_t handle)
{
	struct priv_msg m = { .type = PRIV_CLOSE_LINE, .close_line = { handle } };

	return handle ? send_msg(p, &m) : -EINVAL; /* the root part would take it for an attack */
}
