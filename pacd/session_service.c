/*
 * What a RADIUS server's grant gives a session: values that outlive the login,
 * what of them the link gets, and what its scripts are told.
 *
 * Owns a session's `service`.  Must not know packets.
 */
#include "pacd/session_internal.h"

#include "common/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLICY_REQUIRED 2
#define TYPE_40 0x2 /* RFC 2548 section 2.4.4: the L bit */
#define TYPE_128 0x4 /* the S bit */

/* --- taking it --- */

static void add_route(const struct session *s, struct session_service *v, uint32_t prefix, uint8_t len, uint32_t metric)
{
	uint32_t mask = len ? UINT32_MAX << (32 - len) : 0;
	char text[ADDR_TEXT];

	/* It would send the tunnel into itself. */
	if ((s->peer.addr & mask) == prefix) {
		log_warn("framed-route", "session=%llu route=%s/%u hint=\"ignored: the caller's own public address lies in it\"",
			 (unsigned long long)s->id, addr_text(prefix, text), len);
		return;
	}
	/* The link has one neighbour: a gateway behind it changes nothing of where a packet goes. */
	if (v->nroutes < PLUGIN_ROUTES)
		v->routes[v->nroutes++] = (struct plugin_route){ .prefix = prefix, .len = len, .metric = metric };
}

static uint8_t mask_length(uint32_t mask)
{
	return (uint8_t)__builtin_popcount(mask);
}

/* Framed-IP-Netmask: the user is a router for that network. */
static void take_netmask(const struct session *s, struct session_service *v, const struct radius_grant *g)
{
	if (!(g->given & RADIUS_GIVEN_NETMASK) || g->netmask == UINT32_MAX)
		return;
	if (!s->address)
		log_warn("netmask", "session=%llu hint=\"Framed-IP-Netmask with an address of the user's choice: ignored\"",
			 (unsigned long long)s->id);
	else
		add_route(s, v, s->address & g->netmask, mask_length(g->netmask), 0);
}

static void take_routes(const struct session *s, struct session_service *v, const struct radius_grant *g)
{
	take_netmask(s, v, g);
	for (unsigned i = 0; i < g->nroutes; i++)
		add_route(s, v, g->routes[i].prefix, g->routes[i].len, g->routes[i].metric);
	if (g->bad_routes)
		log_warn("framed-route", "session=%llu ignored=%u hint=\"not of the form prefix/len gateway metric, or too many\"",
			 (unsigned long long)s->id, g->bad_routes);
}

static void take_texts(struct session_service *v, const struct radius_grant *g)
{
	strcpy(v->user_name, g->user_name);
	strcpy(v->filter, g->filter);
	strcpy(v->rate_limit, g->rate_limit);
	v->rate_up = g->rate_up;
	v->rate_down = g->rate_down;
	v->interim = g->interim;
	v->interface_id = g->interface_id;
	v->mtu = g->given & RADIUS_GIVEN_MTU ? g->mtu : 0;
	v->no_vj = g->given & RADIUS_GIVEN_COMPRESSION && !g->compression;
	memcpy(v->dns, g->dns, sizeof v->dns);
	memcpy(v->wins, g->wins, sizeof v->wins);
	memcpy(v->prefixes, g->prefixes, sizeof v->prefixes);
	memcpy(v->delegated, g->delegated, sizeof v->delegated);
	v->nprefixes = g->nprefixes;
	v->ndelegated = g->ndelegated;
}

static int take_class(struct session_service *v, const uint8_t *class_, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, class_, len);
	free(v->class_);
	v->class_ = copy;
	v->class_len = len;
	return 0;
}

int session_service_take(struct session *s, const struct aaa_answer *a)
{
	const struct radius_grant *g = a->grant;
	struct session_service *v;

	if (!g)
		return 0;
	v = calloc(1, sizeof *v);
	if (!v)
		return -ENOMEM;
	session_service_free(s);
	s->service = v;
	strcpy(v->server, a->server);
	take_texts(v, g);
	take_routes(s, v, g);
	if (g->given & RADIUS_GIVEN_TYPES) {
		v->mppe_40 = g->types & TYPE_40;
		v->mppe_128 = g->types & TYPE_128;
	}
	return take_class(v, g->class_, g->class_len);
}

void session_service_free(struct session *s)
{
	if (!s->service)
		return;
	free(s->service->class_);
	free(s->service);
	s->service = NULL;
}

/* --- MPPE --- */

/* RAD-30: what the server demands and what the configuration demands both hold. */
const char *session_service_mppe(const struct session *s, const struct aaa_answer *a, enum plugin_mppe *mppe)
{
	const struct radius_grant *g = a->grant;
	bool types = g && g->given & RADIUS_GIVEN_TYPES;
	bool policy = g && g->given & RADIUS_GIVEN_POLICY;
	bool required = policy && g->policy == POLICY_REQUIRED;
	bool keys = a->has_keys && (!types || g->types & (TYPE_40 | TYPE_128));

	*mppe = PLUGIN_MPPE_DENY;
	if (s->conf->ppp.mppe == CONF_MPPE_DENY)
		return required ? "mppe-required-by-server" : NULL;
	if (s->conf->ppp.mppe == CONF_MPPE_REQUIRE || required) {
		*mppe = PLUGIN_MPPE_REQUIRE;
		return keys ? NULL : "no-mppe-keys";
	}
	if (keys && (policy || a->by != AAA_BY_RADIUS))
		*mppe = PLUGIN_MPPE_ALLOW;
	return NULL;
}

/* --- the link --- */

static void fill_servers(uint32_t to[2], const uint32_t from[2])
{
	if (from[0] || from[1])
		memcpy(to, from, 2 * sizeof *to);
}

void session_service_fill(const struct session *s, struct plugin_answer *p)
{
	const struct session_service *v = s->service;

	session_service_vars(s, &p->vars);
	if (!v)
		return;
	fill_servers(p->dns, v->dns);
	fill_servers(p->wins, v->wins);
	if (v->mtu && v->mtu < s->conf->ppp.mtu)
		p->mtu = (uint16_t)v->mtu;
	p->no_vj = v->no_vj;
	p->interface_id = v->interface_id;
	p->nroutes = (uint8_t)v->nroutes;
	memcpy(p->routes, v->routes, v->nroutes * sizeof *v->routes);
	p->mppe_40 = v->mppe_40;
	p->mppe_128 = v->mppe_128;
}

/* --- texts --- */

void session_service_routes(const struct session *s, char *text, size_t size)
{
	const struct session_service *v = s->service;
	size_t len = 0;

	*text = '\0';
	for (unsigned i = 0; v && i < v->nroutes && len + ADDR_TEXT + 5 < size; i++) {
		char prefix[ADDR_TEXT];

		len += (size_t)snprintf(text + len, size - len, "%s%s/%u", i ? "," : "",
					addr_text(v->routes[i].prefix, prefix), v->routes[i].len);
	}
}

void session_service_prefixes(const struct radius_prefix6 *list, unsigned n, char *text, size_t size)
{
	size_t len = 0;

	*text = '\0';
	for (unsigned i = 0; i < n && len + INET6_ADDRSTRLEN + 5 < size; i++) {
		char prefix[INET6_ADDRSTRLEN];

		inet_ntop(AF_INET6, list[i].prefix, prefix, sizeof prefix);
		len += (size_t)snprintf(text + len, size - len, "%s%s/%u", i ? "," : "", prefix, list[i].len);
	}
}

/* Class is opaque: hexadecimal, the attributes separated by commas. */
static void class_text(const struct session_service *v, char *text, size_t size)
{
	struct radius_attribute a;
	struct rbuf r;
	size_t len = 0;

	*text = '\0';
	rbuf_init(&r, v->class_, v->class_len);
	while (radius_next(&r, &a)) {
		if (len + 2 * (size_t)a.len + 2 > size)
			return; /* whole attributes only */
		if (len)
			text[len++] = ',';
		for (size_t i = 0; i < a.len; i++)
			len += (size_t)sprintf(text + len, "%02x", a.value[i]);
		text[len] = '\0';
	}
}

static void service_vars(const struct session *s, const struct session_service *v, struct script_vars *vars)
{
	char text[SCRIPT_VAR_MAX + 1];

	script_vars_add_text(vars, SCRIPT_VAR_FILTER_ID, v->filter);
	class_text(v, text, sizeof text);
	script_vars_add_text(vars, SCRIPT_VAR_CLASS, text);
	if (v->rate_up)
		script_vars_add_number(vars, SCRIPT_VAR_RATE_UP, v->rate_up);
	if (v->rate_down)
		script_vars_add_number(vars, SCRIPT_VAR_RATE_DOWN, v->rate_down);
	script_vars_add_text(vars, SCRIPT_VAR_RATE_LIMIT, v->rate_limit);
	session_service_prefixes(v->prefixes, v->nprefixes, text, sizeof text);
	script_vars_add_text(vars, SCRIPT_VAR_IPV6_PREFIX, text);
	session_service_prefixes(v->delegated, v->ndelegated, text, sizeof text);
	script_vars_add_text(vars, SCRIPT_VAR_DELEGATED_PREFIX, text);
	if (v->interface_id) {
		snprintf(text, sizeof text, "%016llx", (unsigned long long)v->interface_id);
		script_vars_add_text(vars, SCRIPT_VAR_INTERFACE_ID, text);
	}
	session_service_routes(s, text, sizeof text);
	script_vars_add_text(vars, SCRIPT_VAR_ROUTES, text);
}

void session_service_vars(const struct session *s, struct script_vars *vars)
{
	memset(vars, 0, sizeof *vars);
	script_vars_add_text(vars, SCRIPT_VAR_SESSION_ID, s->radius.session_id);
	script_vars_add(vars, SCRIPT_VAR_USER, s->user, s->user_len);
	script_vars_add_text(vars, SCRIPT_VAR_METHOD, session_login_method(s->method));
	script_vars_add_text(vars, SCRIPT_VAR_CALLING, s->radius.calling);
	script_vars_add_text(vars, SCRIPT_VAR_CALLED, s->radius.called);
	if (s->session_timeout)
		script_vars_add_number(vars, SCRIPT_VAR_SESSION_TIMEOUT, s->session_timeout);
	if (s->idle_timeout)
		script_vars_add_number(vars, SCRIPT_VAR_IDLE_TIMEOUT, s->idle_timeout);
	if (s->service)
		service_vars(s, s->service, vars);
}

/* --- changes --- */

void session_service_change(struct session *s, const struct dynauth_change *c)
{
	struct session_service *v = s->service;

	if (!v) {
		v = s->service = calloc(1, sizeof *v);
		if (!v)
			return;
	}
	if (c->given & DYNAUTH_SET_FILTER)
		snprintf(v->filter, sizeof v->filter, "%.*s", (int)c->filter.len, (const char *)c->filter.p);
	if (c->given & DYNAUTH_SET_RATE_LIMIT)
		snprintf(v->rate_limit, sizeof v->rate_limit, "%.*s", (int)c->rate_limit.len,
			 (const char *)c->rate_limit.p);
	if (c->given & DYNAUTH_SET_RATE_UP)
		v->rate_up = c->rate_up;
	if (c->given & DYNAUTH_SET_RATE_DOWN)
		v->rate_down = c->rate_down;
	if (c->given & DYNAUTH_SET_INTERIM) {
		v->interim = c->interim;
		v->interim_ordered = true;
	}
	if (c->given & DYNAUTH_SET_CLASS)
		take_class(v, c->class_, c->class_len);
}
