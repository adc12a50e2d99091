/*
 * The plugin protocol's codec, and pppd's numbers in words.
 *
 * Owns nothing and knows neither sockets nor pppd: decoders and encoders mirror
 * each other, and both ends check the same ranges, so that nothing unchecked
 * goes into an environment, an interface name or a packet.
 */
#include "common/plugin_proto.h"

#include "common/buf.h"

#include <errno.h>
#include <string.h>

/* --- what is valid --- */

/* Printable and without the octets that mean something to a shell or a path. */
static bool plain_octet(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
	       c == '-';
}

static bool plain_text(const char *text, size_t len, bool space)
{
	for (size_t i = 0; i < len; i++)
		if (!plain_octet(text[i]) && !(space && text[i] == ' '))
			return false;
	return len > 0;
}

/* A name that the kernel takes; '@', ':' and others that it would take too are not made by pppd. */
static bool ifname_valid(const char name[PLUGIN_IFNAME])
{
	size_t len = strnlen(name, PLUGIN_IFNAME);

	return len < PLUGIN_IFNAME && plain_text(name, len, false) && strcmp(name, ".") && strcmp(name, "..");
}

static bool hello_valid(const struct plugin_hello *h)
{
	size_t len = strnlen(h->pppd, sizeof h->pppd);

	return len < sizeof h->pppd && plain_text(h->pppd, len, false);
}

static bool auth_valid(const struct plugin_auth *a)
{
	switch (a->method) {
	case PLUGIN_PAP:
		return a->challenge_len == 0;
	case PLUGIN_CHAP_MD5:
		return a->challenge_len > 0;
	case PLUGIN_MSCHAP:
		return a->challenge_len == 8;
	case PLUGIN_MSCHAPV2:
		return a->challenge_len == 16;
	default:
		return false;
	}
}

static bool up_valid(const struct plugin_up *u)
{
	bool bits = u->mppe_bits == 0 || u->mppe_bits == 40 || u->mppe_bits == 56 || u->mppe_bits == 128;

	return ifname_valid(u->ifname) && bits;
}

static bool route_valid(const struct plugin_route *r)
{
	bool multicast = r->gateway >> 28 == 0xe;

	/* A shift by all of a number's bits has no meaning in C. */
	return r->len <= 32 && (r->len == 32 || !(r->prefix & UINT32_MAX >> r->len)) && !multicast;
}

static bool routes_valid(const struct plugin_answer *a)
{
	if (a->nroutes > PLUGIN_ROUTES)
		return false;
	for (uint8_t i = 0; i < a->nroutes; i++)
		if (!route_valid(&a->routes[i]))
			return false;
	return true;
}

static bool answer_valid(const struct plugin_answer *a)
{
	return !memchr(a->message, 0, a->message_len) && a->mppe <= PLUGIN_MPPE_REQUIRE && (a->ok || !a->has_keys) &&
	       !(a->peer_chooses && a->remote) && routes_valid(a) && script_vars_valid(&a->vars);
}

static bool msg_valid(const struct plugin_msg *m)
{
	switch (m->type) {
	case PLUGIN_HELLO:
		return hello_valid(&m->hello);
	case PLUGIN_PHASE:
		return true;
	case PLUGIN_AUTH:
		return auth_valid(&m->auth);
	case PLUGIN_UP:
		return up_valid(&m->up);
	case PLUGIN_DOWN:
		return m->down.status >= 0 && m->down.status <= 255;
	case PLUGIN_ANSWER:
		return answer_valid(&m->answer);
	case PLUGIN_END:
		return plain_text(m->end.reason, m->end.reason_len, true);
	default:
		return false;
	}
}

/* --- encoding --- */

static void put_string(struct wbuf *w, const void *data, size_t len)
{
	wbuf_u8(w, (uint8_t)len);
	wbuf_bytes(w, data, len);
}

static void put_auth(struct wbuf *w, const struct plugin_auth *a)
{
	wbuf_u8(w, a->method);
	wbuf_u8(w, a->id);
	put_string(w, a->name, a->name_len);
	put_string(w, a->challenge, a->challenge_len);
	put_string(w, a->proof, a->proof_len);
}

static void put_up(struct wbuf *w, const struct plugin_up *u)
{
	put_string(w, u->ifname, strlen(u->ifname));
	wbuf_u32(w, u->unit);
	wbuf_u32(w, u->local);
	wbuf_u32(w, u->remote);
	wbuf_u8(w, u->mppe_bits);
	wbuf_u16(w, u->mtu);
}

static void put_down(struct wbuf *w, const struct plugin_down *d)
{
	wbuf_u32(w, (uint32_t)d->status);
	wbuf_u8(w, d->peer_ended);
	wbuf_u32(w, d->seconds);
	wbuf_u64(w, d->in_octets);
	wbuf_u64(w, d->out_octets);
	wbuf_u64(w, d->in_packets);
	wbuf_u64(w, d->out_packets);
}

static void put_routes(struct wbuf *w, const struct plugin_answer *a)
{
	wbuf_u8(w, a->nroutes);
	for (uint8_t i = 0; i < a->nroutes; i++) {
		wbuf_u32(w, a->routes[i].prefix);
		wbuf_u32(w, a->routes[i].gateway);
		wbuf_u8(w, a->routes[i].len);
		wbuf_u32(w, a->routes[i].metric);
	}
}

static void put_answer(struct wbuf *w, const struct plugin_answer *a)
{
	wbuf_u8(w, a->ok);
	put_string(w, a->message, a->message_len);
	wbuf_u32(w, a->local);
	wbuf_u32(w, a->remote);
	for (int i = 0; i < PLUGIN_DNS; i++)
		wbuf_u32(w, a->dns[i]);
	for (int i = 0; i < PLUGIN_DNS; i++)
		wbuf_u32(w, a->wins[i]);
	wbuf_u16(w, a->mtu);
	wbuf_u8(w, a->proxyarp);
	wbuf_u8(w, a->peer_chooses);
	wbuf_u8(w, a->no_vj);
	wbuf_u64(w, a->interface_id);
	put_routes(w, a);
	script_vars_put(w, &a->vars);
	wbuf_u8(w, a->mppe);
	wbuf_u8(w, a->mppe_40);
	wbuf_u8(w, a->mppe_128);
	wbuf_u8(w, a->has_keys);
	if (a->has_keys) {
		wbuf_bytes(w, a->send_key, sizeof a->send_key);
		wbuf_bytes(w, a->recv_key, sizeof a->recv_key);
	}
}

static void put_body(struct wbuf *w, const struct plugin_msg *m)
{
	switch (m->type) {
	case PLUGIN_HELLO:
		wbuf_u8(w, m->hello.version);
		put_string(w, m->hello.pppd, strlen(m->hello.pppd));
		break;
	case PLUGIN_PHASE:
		wbuf_u8(w, m->phase.phase);
		break;
	case PLUGIN_AUTH:
		put_auth(w, &m->auth);
		break;
	case PLUGIN_UP:
		put_up(w, &m->up);
		break;
	case PLUGIN_DOWN:
		put_down(w, &m->down);
		break;
	case PLUGIN_ANSWER:
		put_answer(w, &m->answer);
		break;
	case PLUGIN_END:
		put_string(w, m->end.reason, m->end.reason_len);
		break;
	default:
		break;
	}
}

size_t plugin_encode(uint8_t *data, size_t cap, const struct plugin_msg *m)
{
	struct wbuf w;

	if (!msg_valid(m))
		return 0;
	wbuf_init(&w, data, cap);
	wbuf_u8(&w, m->type);
	put_body(&w, m);
	return wbuf_len(&w);
}

/* --- decoding --- */

/* Into an array of `cap` octets; a longer string is a fault. */
static uint8_t get_string(struct rbuf *r, void *dst, size_t cap)
{
	uint8_t len = rbuf_u8(r);

	if (len > cap) {
		r->fault = true;
		return 0;
	}
	rbuf_bytes(r, dst, len);
	return len;
}

/* Into a NUL-terminated array; the caller has zeroed it. A NUL inside would make two texts of one length equal. */
static void get_text(struct rbuf *r, char *dst, size_t cap)
{
	uint8_t len = get_string(r, dst, cap - 1);

	if (memchr(dst, 0, len))
		r->fault = true;
}

static bool get_bool(struct rbuf *r)
{
	uint8_t v = rbuf_u8(r);

	if (v > 1)
		r->fault = true;
	return v == 1;
}

static void get_auth(struct rbuf *r, struct plugin_auth *a)
{
	a->method = rbuf_u8(r);
	a->id = rbuf_u8(r);
	a->name_len = get_string(r, a->name, sizeof a->name);
	a->challenge_len = get_string(r, a->challenge, sizeof a->challenge);
	a->proof_len = get_string(r, a->proof, sizeof a->proof);
}

static void get_up(struct rbuf *r, struct plugin_up *u)
{
	get_text(r, u->ifname, sizeof u->ifname);
	u->unit = rbuf_u32(r);
	u->local = rbuf_u32(r);
	u->remote = rbuf_u32(r);
	u->mppe_bits = rbuf_u8(r);
	u->mtu = rbuf_u16(r);
}

static void get_down(struct rbuf *r, struct plugin_down *d)
{
	uint32_t status = rbuf_u32(r);

	d->status = status <= 255 ? (int32_t)status : -1;
	d->peer_ended = get_bool(r);
	d->seconds = rbuf_u32(r);
	d->in_octets = rbuf_u64(r);
	d->out_octets = rbuf_u64(r);
	d->in_packets = rbuf_u64(r);
	d->out_packets = rbuf_u64(r);
}

static void get_routes(struct rbuf *r, struct plugin_answer *a)
{
	a->nroutes = rbuf_u8(r);
	r->fault |= a->nroutes > PLUGIN_ROUTES;
	for (uint8_t i = 0; i < a->nroutes && !r->fault; i++) {
		a->routes[i].prefix = rbuf_u32(r);
		a->routes[i].gateway = rbuf_u32(r);
		a->routes[i].len = rbuf_u8(r);
		a->routes[i].metric = rbuf_u32(r);
	}
}

static void get_answer(struct rbuf *r, struct plugin_answer *a)
{
	a->ok = get_bool(r);
	a->message_len = get_string(r, a->message, sizeof a->message);
	a->local = rbuf_u32(r);
	a->remote = rbuf_u32(r);
	for (int i = 0; i < PLUGIN_DNS; i++)
		a->dns[i] = rbuf_u32(r);
	for (int i = 0; i < PLUGIN_DNS; i++)
		a->wins[i] = rbuf_u32(r);
	a->mtu = rbuf_u16(r);
	a->proxyarp = get_bool(r);
	a->peer_chooses = get_bool(r);
	a->no_vj = get_bool(r);
	a->interface_id = rbuf_u64(r);
	get_routes(r, a);
	script_vars_get(r, &a->vars);
	a->mppe = rbuf_u8(r);
	a->mppe_40 = get_bool(r);
	a->mppe_128 = get_bool(r);
	a->has_keys = get_bool(r);
	if (a->has_keys) {
		rbuf_bytes(r, a->send_key, sizeof a->send_key);
		rbuf_bytes(r, a->recv_key, sizeof a->recv_key);
	}
}

static void get_body(struct rbuf *r, struct plugin_msg *m)
{
	switch (m->type) {
	case PLUGIN_HELLO:
		m->hello.version = rbuf_u8(r);
		get_text(r, m->hello.pppd, sizeof m->hello.pppd);
		break;
	case PLUGIN_PHASE:
		m->phase.phase = rbuf_u8(r);
		break;
	case PLUGIN_AUTH:
		get_auth(r, &m->auth);
		break;
	case PLUGIN_UP:
		get_up(r, &m->up);
		break;
	case PLUGIN_DOWN:
		get_down(r, &m->down);
		break;
	case PLUGIN_ANSWER:
		get_answer(r, &m->answer);
		break;
	case PLUGIN_END:
		m->end.reason_len = get_string(r, m->end.reason, sizeof m->end.reason);
		break;
	default:
		r->fault = true;
		break;
	}
}

int plugin_decode(struct plugin_msg *m, const uint8_t *data, size_t len)
{
	struct rbuf r;

	memset(m, 0, sizeof *m);
	rbuf_init(&r, data, len);
	m->type = rbuf_u8(&r);
	get_body(&r, m);
	return rbuf_end(&r) < 0 || !msg_valid(m) ? -EBADMSG : 0;
}

/* --- pppd's numbers --- */

const char *plugin_exit_words(int status)
{
	static const char *const words[] = {
		"ended in the ordinary way",
		"fatal error",
		"option error",
		"not started by root",
		"no PPP in the kernel",
		"ended by a signal",
		"device could not be locked",
		"device could not be opened",
		"connect script failed",
		"command of its pty could not be run",
		"negotiation failed",
		"peer failed to authenticate itself",
		"idle limit reached",
		"connect time limit reached",
		"callback agreed",
		"peer does not answer echo requests",
		"line hung up",
		"line is looped back",
		"init script failed",
		"could not authenticate itself to the peer",
		"traffic limit reached",
		"calling number not allowed",
	};

	return status >= 0 && (size_t)status < sizeof words / sizeof *words ? words[status] : "unknown";
}

const char *plugin_phase_word(unsigned phase)
{
	static const char *const words[] = {
		"dead", "initialize", "serialconn", "dormant", "establish", "authenticate", "callback", "network",
		"running", "terminate", "disconnect", "holdoff", "master",
	};

	return phase < sizeof words / sizeof *words ? words[phase] : "unknown";
}
