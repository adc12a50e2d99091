/*
 * What the scripts of a link (ip-up, ip-down, the change script) are told in
 * their environment beyond what pppd tells them: a closed list of variables.
 *
 * Part of the plugin's and the root part's protocols.  Values may come from a
 * RADIUS server, so they are bounded and printable, and every receiver checks
 * them again.
 */
#ifndef PACD_COMMON_SCRIPT_VARS_H
#define PACD_COMMON_SCRIPT_VARS_H

#include "common/buf.h"

#include <stdbool.h>

#define SCRIPT_VAR_MAX 253 /* octets of a value */
#define SCRIPT_VARS 20     /* in one list */

/* X(enumerator, "name in the environment") */
#define SCRIPT_VAR_TABLE(X)                             \
	X(SESSION_ID, "PACD_SESSION_ID")                 \
	X(USER, "PACD_USER")                             \
	X(METHOD, "PACD_METHOD")                         \
	X(CALLING, "PACD_CALLING_STATION_ID")            \
	X(CALLED, "PACD_CALLED_STATION_ID")              \
	X(FILTER_ID, "PACD_FILTER_ID")                   \
	X(CLASS, "PACD_CLASS")                           \
	X(RATE_UP, "PACD_RATE_UP")                       \
	X(RATE_DOWN, "PACD_RATE_DOWN")                   \
	X(RATE_LIMIT, "PACD_RATE_LIMIT")                 \
	X(IPV6_PREFIX, "PACD_IPV6_PREFIX")               \
	X(DELEGATED_PREFIX, "PACD_DELEGATED_IPV6_PREFIX") \
	X(INTERFACE_ID, "PACD_INTERFACE_ID")             \
	X(ROUTES, "PACD_ROUTES")                         \
	X(SESSION_TIMEOUT, "PACD_SESSION_TIMEOUT")       \
	X(IDLE_TIMEOUT, "PACD_IDLE_TIMEOUT")

enum script_var {
#define X(id, name) SCRIPT_VAR_##id,
	SCRIPT_VAR_TABLE(X)
#undef X
	SCRIPT_VAR_COUNT
};

struct script_vars {
	uint8_t n;
	struct {
		uint8_t var; /* enum script_var; each at most once */
		uint8_t len;
		char value[SCRIPT_VAR_MAX + 1]; /* NUL-terminated */
	} list[SCRIPT_VARS];
};

const char *script_var_name(enum script_var v);
/*
 * Adds a value made of any octets, cut to SCRIPT_VAR_MAX: whatever is not printable ASCII, or a quote, backslash, "$"
 * or "`", becomes "_".  Nothing is added for no octets; a second one of the same variable replaces the first.
 */
void script_vars_add(struct script_vars *v, enum script_var var, const void *value, size_t len);
void script_vars_add_text(struct script_vars *v, enum script_var var, const char *text);
void script_vars_add_number(struct script_vars *v, enum script_var var, uint64_t number); /* also 0 */
bool script_vars_valid(const struct script_vars *v);
void script_vars_put(struct wbuf *w, const struct script_vars *v);
/* Faults the reader for what is not valid. */
void script_vars_get(struct rbuf *r, struct script_vars *v);

#endif
