/*
 * What radius_grant.c, radius_tunnel.c and radius_text.c share; nobody else includes it.
 */
#ifndef PACD_PROTO_RADIUS_GRANT_INTERNAL_H
#define PACD_PROTO_RADIUS_GRANT_INTERNAL_H

#include "pacd/proto/radius_grant.h"

#define RADIUS_CHAR_MAX 4 /* octets of a character in UTF-8 */

/* The text of a value, up to its first NUL, unless it is empty or `text` has one already: the first counts. */
void radius_text_keep(char text[RADIUS_TEXT], const uint8_t *value, size_t len);
/* Printable UTF-8, '?' for what is none; whole characters, up to max octets and a NUL. */
void radius_text_clean(char *text, size_t max, const uint8_t *raw, size_t len);

/*
 * Takes a tunnel attribute (types 64 to 67, 69, 81 to 83, 90, 91) into the set of its tag; sets past RADIUS_TUNNELS are
 * checked only.  0, or -EBADMSG: wrong size or value.
 */
int radius_tunnel_take(struct radius_grant *g, const struct radius_attribute *a, const struct radius_hiding *h);
/* Once, behind the last attribute: what was not given, and the order. */
void radius_tunnel_finish(struct radius_grant *g);

#endif
