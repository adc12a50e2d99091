/*
 * pppd's argument vector.
 *
 * Pure: it knows the configuration and the caller's address as a number; no
 * octet of the network gets in here.  Every word is either fixed, a number, an
 * address, or a path of the configuration.
 *
 * pppd reads /etc/ppp/options before these words, so what such a file may say
 * (Debian's: crtscts, lock, modem) is said otherwise here.
 */
#include "pacd/priv/priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static const char *const line_words[] = {
	"115200", "local", "nocrtscts", "nolock", "nodetach", "nopersist", "nodefaultroute", "logfd", "2",
	"asyncmap", "0", "receive-all",
};

/*
 * The plugin's hooks make pppd willing to authenticate itself too; a server is never asked to.
 * VJ relies on a link that keeps order, and other compressions exclude MPPE.
 */
static const char *const protocol_words[] = {
	"auth", "refuse-pap", "refuse-chap", "refuse-mschap", "refuse-mschap-v2", "refuse-eap",
	"nobsdcomp", "nodeflate", "nopredictor1", "novj", "novjccomp",
};

static int add(struct priv_argv *a, const char *word)
{
	if (a->n + 1 >= PRIV_ARGS)
		return -E2BIG;
	a->args[a->n++] = (char *)(uintptr_t)word; /* execve() does not write to it */
	a->args[a->n] = NULL;
	return 0;
}

static int add_words(struct priv_argv *a, const char *const *words, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = add(a, words[i]);
	return r;
}

__attribute__((format(printf, 2, 3)))
static int add_text(struct priv_argv *a, const char *fmt, ...)
{
	size_t room = sizeof a->text - a->used;
	char *text = a->text + a->used;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		return -E2BIG;
	a->used += (size_t)n + 1;
	return add(a, text);
}

static int add_number(struct priv_argv *a, const char *word, unsigned value)
{
	int r = add(a, word);

	return r < 0 ? r : add_text(a, "%u", value);
}

static int add_address(struct priv_argv *a, const char *word, uint32_t addr)
{
	char text[ADDR_TEXT];
	int r = add(a, word);

	return r < 0 ? r : add_text(a, "%s", addr_text(addr, text));
}

/* pppd asks for any of the methods that are required; with none named it would ask for all, EAP too. */
static int add_auth(struct priv_argv *a, const struct conf_ppp *ppp)
{
	static const struct {
		unsigned bit;
		const char *word;
	} methods[] = {
		{ CONF_AUTH_PAP, "require-pap" },
		{ CONF_AUTH_CHAP, "require-chap" },
		{ CONF_AUTH_MSCHAP, "require-mschap" },
		{ CONF_AUTH_MSCHAPV2, "require-mschap-v2" },
	};
	int r = 0;

	for (size_t i = 0; i < sizeof methods / sizeof methods[0] && r == 0; i++)
		if (ppp->auth & methods[i].bit)
			r = add(a, methods[i].word);
	return r;
}

/*
 * pppd knows "required" and "rejected" only.  For "allow" it starts from rejected, and the plugin sets the rest once
 * it knows; whether stateful is refused must be said before that.
 */
static int add_mppe(struct priv_argv *a, const struct conf_ppp *ppp)
{
	int r;

	if (ppp->mppe == CONF_MPPE_REQUIRE) {
		r = add(a, "require-mppe-128");
		r = r < 0 ? r : add(a, "nomppe-40");
	} else {
		r = add(a, "nomppe");
	}
	if (r == 0 && ppp->mppe != CONF_MPPE_DENY)
		r = add(a, ppp->mppe_stateful ? "mppe-stateful" : "nomppe-stateful");
	return r;
}

static int add_link(struct priv_argv *a, const struct conf_ppp *ppp)
{
	int r = add_number(a, "mtu", ppp->mtu);

	r = r < 0 ? r : add_number(a, "mru", ppp->mtu);
	r = r < 0 ? r : add_number(a, "lcp-echo-interval", ppp->lcp_echo_interval);
	r = r < 0 ? r : add_number(a, "lcp-echo-failure", ppp->lcp_echo_failure);
	return r < 0 ? r : add(a, ppp->ipv6 ? "+ipv6" : "noipv6");
}

/* Without an address of ours pppd would look its host name up for every call. */
static int add_local(struct priv_argv *a, const struct conf *c)
{
	const struct conf_pool *pool = conf_pool_find(c, NULL);
	uint32_t local = c->ppp.local ? c->ppp.local : pool ? pool->local : 0;
	char text[ADDR_TEXT];

	return local ? add_text(a, "%s:", addr_text(local, text)) : -EINVAL;
}

static int add_caller(struct priv_argv *a, const struct conf_ppp *ppp, uint32_t peer_addr)
{
	int r = add_address(a, "remotenumber", peer_addr);

	if (r == 0 && ppp->ipparam)
		r = add_address(a, "ipparam", peer_addr);
	return r;
}

/* The operator's own words come late, so that they win over ours. */
static int add_files(struct priv_argv *a, const struct conf_ppp *ppp)
{
	int r = 0;

	if (ppp->options) {
		r = add(a, "file");
		r = r < 0 ? r : add(a, ppp->options);
	}
	r = r < 0 ? r : add(a, "plugin");
	return r < 0 ? r : add(a, ppp->plugin);
}

int priv_argv_build(struct priv_argv *a, const struct conf *c, uint32_t peer_addr)
{
	int r;

	a->n = a->used = 0;
	r = add(a, c->ppp.pppd);
	r = r < 0 ? r : add_words(a, line_words, sizeof line_words / sizeof line_words[0]);
	r = r < 0 ? r : add_words(a, protocol_words, sizeof protocol_words / sizeof protocol_words[0]);
	r = r < 0 ? r : add_auth(a, &c->ppp);
	r = r < 0 ? r : add_mppe(a, &c->ppp);
	r = r < 0 ? r : add_link(a, &c->ppp);
	r = r < 0 ? r : add_local(a, c);
	r = r < 0 ? r : add_caller(a, &c->ppp, peer_addr);
	return r < 0 ? r : add_files(a, &c->ppp);
}
