/*
 * What the scripts of a link are told beyond what pppd tells them.
 *
 * Owns nothing; a pure list with its codec.  Must not know who gives a value or
 * who runs a script: a value is as safe here as it will ever be, so that a script
 * which forgets its quotes is a nuisance and no hole.
 */
#include "common/script_vars.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *script_var_name(enum script_var v)
{
	static const char *const names[] = {
#define X(id, name) [SCRIPT_VAR_##id] = name,
		SCRIPT_VAR_TABLE(X)
#undef X
	};

	return (unsigned)v < SCRIPT_VAR_COUNT ? names[v] : NULL;
}

/* Printable ASCII, and nothing that a shell looks at even between double quotes, or that ends the quotes. */
static bool octet_plain(uint8_t c)
{
	return c >= ' ' && c <= '~' && c != '"' && c != '\'' && c != '\\' && c != '$' && c != '`';
}

static uint8_t place_of(const struct script_vars *v, enum script_var var)
{
	uint8_t i = 0;

	while (i < v->n && v->list[i].var != var)
		i++;
	return i;
}

void script_vars_add(struct script_vars *v, enum script_var var, const void *value, size_t len)
{
	const uint8_t *octets = value;
	uint8_t i = place_of(v, var);
	char *text;

	if ((unsigned)var >= SCRIPT_VAR_COUNT || len == 0 || i >= SCRIPT_VARS)
		return;
	if (len > SCRIPT_VAR_MAX)
		len = SCRIPT_VAR_MAX;
	text = v->list[i].value;
	memset(text, 0, sizeof v->list[i].value);
	for (size_t at = 0; at < len; at++)
		text[at] = octet_plain(octets[at]) ? (char)octets[at] : '_';
	v->list[i].var = (uint8_t)var;
	v->list[i].len = (uint8_t)len;
	if (i == v->n)
		v->n++;
}

void script_vars_add_text(struct script_vars *v, enum script_var var, const char *text)
{
	script_vars_add(v, var, text, strlen(text));
}

void script_vars_add_number(struct script_vars *v, enum script_var var, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRIu64, number);
	script_vars_add_text(v, var, text);
}

static bool value_valid(const char *value, size_t len)
{
	if (len == 0 || len > SCRIPT_VAR_MAX || value[len])
		return false;
	for (size_t i = 0; i < len; i++)
		if (!octet_plain((uint8_t)value[i]))
			return false;
	return true;
}

bool script_vars_valid(const struct script_vars *v)
{
	if (v->n > SCRIPT_VARS)
		return false;
	for (uint8_t i = 0; i < v->n; i++)
		if (v->list[i].var >= SCRIPT_VAR_COUNT || place_of(v, v->list[i].var) != i ||
		    !value_valid(v->list[i].value, v->list[i].len))
			return false;
	return true;
}

/* What the other side would refuse is not written at all. */
void script_vars_put(struct wbuf *w, const struct script_vars *v)
{
	if (!script_vars_valid(v)) {
		w->fault = true;
		return;
	}
	wbuf_u8(w, v->n);
	for (uint8_t i = 0; i < v->n; i++) {
		wbuf_u8(w, v->list[i].var);
		wbuf_u8(w, v->list[i].len);
		wbuf_bytes(w, v->list[i].value, v->list[i].len);
	}
}

void script_vars_get(struct rbuf *r, struct script_vars *v)
{
	uint8_t n = rbuf_u8(r);

	memset(v, 0, sizeof *v);
	r->fault |= n > SCRIPT_VARS;
	for (uint8_t i = 0; i < n && !r->fault; i++) {
		uint8_t len;

		v->list[i].var = rbuf_u8(r);
		v->list[i].len = len = rbuf_u8(r);
		r->fault |= len > SCRIPT_VAR_MAX;
		if (!r->fault)
			rbuf_bytes(r, v->list[i].value, len);
		v->n = (uint8_t)(i + 1);
	}
	r->fault |= !script_vars_valid(v);
}
