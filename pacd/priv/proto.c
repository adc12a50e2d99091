/*
 * The codec of priv/proto.h: decoder and encoder mirror each other, field by field.
 *
 * Pure: owns nothing, does no IO.  It knows ranges, not meanings: whether an
 * index or a generation exists is asked elsewhere.
 */
#include "pacd/priv/proto.h"

#include "common/buf.h"

#include <errno.h>
#include <string.h>

static void put_open(struct wbuf *w, const struct priv_open *m)
{
	wbuf_u32(w, m->generation);
	wbuf_u8(w, m->socket);
	wbuf_u16(w, m->index);
}

static void get_open(struct rbuf *r, struct priv_open *m)
{
	m->generation = rbuf_u32(r);
	m->socket = rbuf_u8(r);
	m->index = rbuf_u16(r);
	r->fault |= m->socket >= PRIV_SOCKETS;
}

static void put_start_pppd(struct wbuf *w, const struct priv_start_pppd *m)
{
	wbuf_u32(w, m->generation);
	wbuf_u64(w, m->token);
	wbuf_u32(w, m->peer_addr);
}

static void get_start_pppd(struct rbuf *r, struct priv_start_pppd *m)
{
	m->generation = rbuf_u32(r);
	m->token = rbuf_u64(r);
	m->peer_addr = rbuf_u32(r);
}

static void put_signal_pppd(struct wbuf *w, const struct priv_signal_pppd *m)
{
	wbuf_u64(w, m->token);
	wbuf_u8(w, m->signal);
}

static void get_signal_pppd(struct rbuf *r, struct priv_signal_pppd *m)
{
	m->token = rbuf_u64(r);
	m->signal = rbuf_u8(r);
	r->fault |= m->signal >= PRIV_SIGNALS;
}

static void put_conf_taken(struct wbuf *w, const struct priv_conf_taken *m)
{
	wbuf_u32(w, m->generation);
	wbuf_u8(w, m->taken);
}

static void get_conf_taken(struct rbuf *r, struct priv_conf_taken *m)
{
	m->generation = rbuf_u32(r);
	m->taken = rbuf_u8(r);
	r->fault |= m->taken > 1;
}

static void put_down_hook(struct wbuf *w, const struct priv_down_hook *m)
{
	wbuf_u32(w, m->unit);
	wbuf_u32(w, m->local);
	wbuf_u32(w, m->remote);
	wbuf_u32(w, m->peer_addr);
}

static void get_down_hook(struct rbuf *r, struct priv_down_hook *m)
{
	m->unit = rbuf_u32(r);
	m->local = rbuf_u32(r);
	m->remote = rbuf_u32(r);
	m->peer_addr = rbuf_u32(r);
	r->fault |= m->unit > INT32_MAX;
}

static void put_change_hook(struct wbuf *w, const struct priv_change_hook *m)
{
	wbuf_u32(w, m->generation);
	wbuf_u64(w, m->token);
	wbuf_u32(w, m->unit);
	wbuf_u32(w, m->local);
	wbuf_u32(w, m->remote);
	wbuf_u32(w, m->peer_addr);
	script_vars_put(w, &m->vars);
}

static void get_change_hook(struct rbuf *r, struct priv_change_hook *m)
{
	m->generation = rbuf_u32(r);
	m->token = rbuf_u64(r);
	m->unit = rbuf_u32(r);
	m->local = rbuf_u32(r);
	m->remote = rbuf_u32(r);
	m->peer_addr = rbuf_u32(r);
	script_vars_get(r, &m->vars);
	r->fault |= m->unit > INT32_MAX;
}

static void put_close_line(struct wbuf *w, const struct priv_close_line *m)
{
	wbuf_u32(w, m->handle);
}

static void get_close_line(struct rbuf *r, struct priv_close_line *m)
{
	m->handle = rbuf_u32(r);
	r->fault |= !m->handle;
}

static void put_conf(struct wbuf *w, const struct priv_conf *m)
{
	wbuf_u32(w, m->generation);
	wbuf_u8(w, m->ok);
	wbuf_u8(w, m->has_users);
	wbuf_u8(w, m->has_radius);
	wbuf_u8(w, m->detach);
}

static void get_conf(struct rbuf *r, struct priv_conf *m)
{
	m->generation = rbuf_u32(r);
	m->ok = rbuf_u8(r);
	m->has_users = rbuf_u8(r);
	m->has_radius = rbuf_u8(r);
	m->detach = rbuf_u8(r);
	r->fault |= m->ok > 1 || m->has_users > m->ok || m->has_radius > m->ok || m->detach > 1;
}

static void put_opened(struct wbuf *w, const struct priv_opened *m)
{
	wbuf_u8(w, m->socket);
	wbuf_u16(w, m->index);
	wbuf_u32(w, (uint32_t)m->error);
	wbuf_u32(w, m->handle);
	wbuf_u32(w, m->generation);
}

static void get_opened(struct rbuf *r, struct priv_opened *m)
{
	m->socket = rbuf_u8(r);
	m->index = rbuf_u16(r);
	m->error = (int32_t)rbuf_u32(r);
	m->handle = rbuf_u32(r);
	m->generation = rbuf_u32(r);
	r->fault |= m->socket >= PRIV_SOCKETS || m->error < 0;
	/* Only a line has them, and only one that is open is locked. */
	r->fault |= m->socket != PRIV_SOCKET_LINE && (m->handle || m->generation);
	r->fault |= m->error && m->handle;
}

static void put_started(struct wbuf *w, const struct priv_started *m)
{
	wbuf_u64(w, m->token);
	wbuf_u32(w, (uint32_t)m->error);
	wbuf_u32(w, m->pid);
}

static void get_started(struct rbuf *r, struct priv_started *m)
{
	m->token = rbuf_u64(r);
	m->error = (int32_t)rbuf_u32(r);
	m->pid = rbuf_u32(r);
	/* A pid and an error exclude each other. */
	r->fault |= m->error < 0 || (m->error == 0) != (m->pid != 0) || m->pid > INT32_MAX;
}

static void put_exited(struct wbuf *w, const struct priv_exited *m)
{
	wbuf_u64(w, m->token);
	wbuf_u32(w, (uint32_t)m->status);
}

static void get_exited(struct rbuf *r, struct priv_exited *m)
{
	m->token = rbuf_u64(r);
	m->status = (int32_t)rbuf_u32(r);
}

size_t priv_encode(uint8_t *data, size_t cap, const struct priv_msg *m)
{
	struct wbuf w;

	wbuf_init(&w, data, cap);
	wbuf_u8(&w, m->type);
	switch (m->type) {
	case PRIV_OPEN: put_open(&w, &m->open); break;
	case PRIV_START_PPPD: put_start_pppd(&w, &m->start_pppd); break;
	case PRIV_SIGNAL_PPPD: put_signal_pppd(&w, &m->signal_pppd); break;
	case PRIV_CONF_TAKEN: put_conf_taken(&w, &m->conf_taken); break;
	case PRIV_DOWN_HOOK: put_down_hook(&w, &m->down_hook); break;
	case PRIV_CHANGE_HOOK: put_change_hook(&w, &m->change_hook); break;
	case PRIV_CLOSE_LINE: put_close_line(&w, &m->close_line); break;
	case PRIV_CONF: put_conf(&w, &m->conf); break;
	case PRIV_OPENED: put_opened(&w, &m->opened); break;
	case PRIV_STARTED: put_started(&w, &m->started); break;
	case PRIV_EXITED: put_exited(&w, &m->exited); break;
	case PRIV_RELOAD:
	case PRIV_READY:
	case PRIV_STOP: break;
	default: return 0;
	}
	return wbuf_len(&w);
}

int priv_decode(struct priv_msg *m, const uint8_t *data, size_t len)
{
	struct rbuf r;

	memset(m, 0, sizeof *m);
	rbuf_init(&r, data, len);
	m->type = rbuf_u8(&r);
	switch (m->type) {
	case PRIV_OPEN: get_open(&r, &m->open); break;
	case PRIV_START_PPPD: get_start_pppd(&r, &m->start_pppd); break;
	case PRIV_SIGNAL_PPPD: get_signal_pppd(&r, &m->signal_pppd); break;
	case PRIV_CONF_TAKEN: get_conf_taken(&r, &m->conf_taken); break;
	case PRIV_DOWN_HOOK: get_down_hook(&r, &m->down_hook); break;
	case PRIV_CHANGE_HOOK: get_change_hook(&r, &m->change_hook); break;
	case PRIV_CLOSE_LINE: get_close_line(&r, &m->close_line); break;
	case PRIV_CONF: get_conf(&r, &m->conf); break;
	case PRIV_OPENED: get_opened(&r, &m->opened); break;
	case PRIV_STARTED: get_started(&r, &m->started); break;
	case PRIV_EXITED: get_exited(&r, &m->exited); break;
	case PRIV_RELOAD:
	case PRIV_READY:
	case PRIV_STOP: break;
	default: return -EBADMSG;
	}
	return rbuf_end(&r) < 0 ? -EBADMSG : 0;
}

size_t priv_fds(const struct priv_msg *m)
{
	switch (m->type) {
	case PRIV_CONF: return 1u + m->conf.has_users + m->conf.has_radius;
	case PRIV_OPENED: return m->opened.error ? 0 : 1;
	case PRIV_STARTED: return m->started.error ? 0 : 3;
	default: return 0;
	}
}
