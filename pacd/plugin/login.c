/*
 * The peer's proof, PAP or CHAP of three kinds, to main and the verdict back.
 *
 * Owns the last proof that was seen on the line: pppd hands names and PAP
 * passwords on with octets rewritten, and a user called "müller" would never
 * match, so the raw octets are taken from the packet itself.  Must not know any
 * secret or compute any hash.  RFC 1334 (PAP), RFC 1994 (CHAP), RFC 2433 and
 * RFC 2759 (MS-CHAP).
 */
#include "pacd/plugin/compat.h"

#include "common/buf.h"
#include "pacd/plugin/plugin.h"

#include <errno.h>
#include <stdio.h>

#define PROTO_PAP 0xc023
#define PROTO_CHAP 0xc223
#define PAP_REQUEST 1
#define RESPONSE 2

struct proof {
	bool valid;
	bool pap;
	uint8_t id;
	uint8_t name_len, value_len;
	uint8_t name[PLUGIN_NAME_MAX];
	uint8_t value[PLUGIN_PROOF_MAX];
};

static struct proof seen;

/* Who has logged in already: a rechallenge during the call must come from the same user. */
static struct {
	bool done;
	uint8_t len;
	uint8_t name[PLUGIN_NAME_MAX];
} logged_in;

/* --- the packet --- */

static void see_string(struct rbuf *r, size_t len, uint8_t *dst, uint8_t *dst_len)
{
	const uint8_t *p = len <= 255 ? rbuf_view(r, len) : NULL;

	*dst_len = 0;
	if (!p) {
		r->fault = true;
		return;
	}
	memcpy(dst, p, len);
	*dst_len = (uint8_t)len;
}

/* Authenticate-Request: name, password; octets that follow are padding. */
static void see_pap(struct rbuf *r)
{
	see_string(r, rbuf_u8(r), seen.name, &seen.name_len);
	see_string(r, rbuf_u8(r), seen.value, &seen.value_len);
}

/* Response: value, and the name is the rest. */
static void see_chap(struct rbuf *r)
{
	see_string(r, rbuf_u8(r), seen.value, &seen.value_len);
	see_string(r, rbuf_left(r), seen.name, &seen.name_len);
}

void login_snoop(const uint8_t *packet, size_t len)
{
	struct rbuf r, body;
	uint16_t proto, length;
	uint8_t code, id;
	const uint8_t *p;

	rbuf_init(&r, packet, len);
	rbuf_skip(&r, 2); /* address and control */
	proto = rbuf_u16(&r);
	code = rbuf_u8(&r);
	id = rbuf_u8(&r);
	length = rbuf_u16(&r);
	if (!((proto == PROTO_PAP && code == PAP_REQUEST) || (proto == PROTO_CHAP && code == RESPONSE)))
		return;
	explicit_bzero(&seen, sizeof seen);
	p = length >= 4 ? rbuf_view(&r, length - 4u) : NULL;
	if (!p)
		return;
	rbuf_init(&body, p, length - 4u);
	seen.pap = proto == PROTO_PAP;
	seen.id = id;
	if (seen.pap)
		see_pap(&body);
	else
		see_chap(&body);
	seen.valid = !body.fault;
}

/* --- the question --- */

static bool same_user(void)
{
	return !logged_in.done || (logged_in.len == seen.name_len && memcmp(logged_in.name, seen.name, logged_in.len) == 0);
}

static void remember_user(void)
{
	logged_in.done = true;
	logged_in.len = seen.name_len;
	memcpy(logged_in.name, seen.name, seen.name_len);
}

static int ask(struct plugin_msg *m, const uint8_t *challenge, uint8_t challenge_len)
{
	struct plugin_auth *a = &m->auth;
	int r;

	a->id = seen.id;
	a->name_len = seen.name_len;
	a->proof_len = seen.value_len;
	a->challenge_len = challenge_len;
	memcpy(a->name, seen.name, seen.name_len);
	memcpy(a->proof, seen.value, seen.value_len);
	memcpy(a->challenge, challenge, challenge_len);
	plugin_drain(); /* an answer that came too late for an earlier question is no answer to this one */
	r = plugin_send(m);
	if (r == 0)
		r = plugin_receive(m, plugin_clock_ms() + PLUGIN_ANSWER_SECONDS * 1000);
	return r;
}

static void complain(int r)
{
	switch (r) {
	case -ETIMEDOUT:
		compat_error("pacd.so: pacd has not answered the login within %d s", PLUGIN_ANSWER_SECONDS);
		break;
	case -EINTR:
	case -ECANCELED:
		compat_notice("pacd.so: the call is ended before its login is answered");
		break;
	case -EPERM:
		compat_error("pacd.so: one link is one session: another login on it is refused");
		break;
	case -EPIPE:
		compat_error("pacd.so: pacd is gone, the login is refused");
		break;
	default:
		compat_error("pacd.so: the login cannot be put to pacd: error %d", -r);
		break;
	}
}

/* Text for a peer that main has not answered. RFC 2759 6: the challenge field is demanded, though no retry is. */
static void default_text(struct plugin_answer *a, uint8_t method)
{
	static const char v2[] = "E=691 R=0 C=00000000000000000000000000000000 V=3 M=Access denied";
	static const char v1[] = "E=691 R=0";
	static const char plain[] = "Access denied";
	const char *text = method == PLUGIN_MSCHAPV2 ? v2 : method == PLUGIN_MSCHAP ? v1 : plain;

	memset(a, 0, sizeof *a);
	a->message_len = (uint8_t)strlen(text);
	memcpy(a->message, text, a->message_len);
}

/* The verdict of main on the proof in `seen`, which it wipes; always leaves a text. */
static bool verdict(struct plugin_answer *a, uint8_t method, const uint8_t *challenge, uint8_t challenge_len)
{
	struct plugin_msg m = { .type = PLUGIN_AUTH, .auth.method = method };
	int r = report_over() || !same_user() ? -EPERM : ask(&m, challenge, challenge_len);

	default_text(a, method);
	if (r < 0) {
		complain(r);
	} else {
		*a = m.answer;
		/* Addresses and keys are those of the first login: CCP and IPCP have used them. */
		if (a->ok && !logged_in.done && grant_apply(a, method) < 0)
			default_text(a, method);
		else if (a->ok)
			remember_user();
	}
	explicit_bzero(&m, sizeof m);
	explicit_bzero(&seen, sizeof seen);
	return a->ok;
}

static void copy_text(char *dst, size_t space, const struct plugin_answer *a)
{
	snprintf(dst, space, "%.*s", (int)a->message_len, a->message);
}

/* --- pppd's hooks --- */

static int check_hook(void)
{
	return 1;
}

static uint8_t method_of(int code)
{
	switch (code) {
	case CHAP_MD5:
		return PLUGIN_CHAP_MD5;
	case CHAP_MICROSOFT:
		return PLUGIN_MSCHAP;
	case CHAP_MICROSOFT_V2:
		return PLUGIN_MSCHAPV2;
	default:
		return 0;
	}
}

/* EAP-MSCHAPv2 comes here too, with a packet that was not seen as a CHAP one: there is no proof to ask about. */
static bool chap_seen(int id, const unsigned char *response)
{
	return seen.valid && !seen.pap && seen.id == (uint8_t)id && seen.value_len == response[0] &&
	       memcmp(seen.value, response + 1, seen.value_len) == 0;
}

static int chap_hook(char *name, char *ourname, int id, struct chap_digest_type *digest, unsigned char *challenge,
		     unsigned char *response, char *message, int space)
{
	uint8_t method = method_of(digest->code);
	struct plugin_answer a;
	bool ok = false;

	(void)name;
	(void)ourname;
	if (method && chap_seen(id, response)) {
		ok = verdict(&a, method, challenge + 1, challenge[0]);
	} else {
		default_text(&a, method);
		compat_error("pacd.so: a login that is neither CHAP nor MS-CHAP is refused");
	}
	copy_text(message, (size_t)space, &a);
	explicit_bzero(&a, sizeof a);
	return ok;
}

static int pap_hook(char *name, char *password, char **message, struct wordlist **addrs, struct wordlist **options)
{
	static char text[PLUGIN_TEXT_MAX + 1];
	struct plugin_answer a;
	bool ok = false;

	(void)name;
	(void)password;
	(void)addrs;
	(void)options;
	if (seen.valid && seen.pap)
		ok = verdict(&a, PLUGIN_PAP, (const uint8_t *)"", 0);
	else
		default_text(&a, PLUGIN_PAP);
	copy_text(text, sizeof text, &a);
	explicit_bzero(&a, sizeof a);
	*message = text;
	return ok;
}

void login_init(void)
{
	pap_check_hook = check_hook;
	chap_check_hook = check_hook;
	pap_auth_hook = pap_hook;
	chap_verify_hook = chap_hook;
}
