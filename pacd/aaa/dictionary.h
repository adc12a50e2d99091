/*
 * RADIUS attributes in words: names and values of a reply for people, with
 * libradcli's dictionary.
 *
 * Secrets and what is derived from them show as "(hidden)".
 */
#ifndef PACD_AAA_DICTIONARY_H
#define PACD_AAA_DICTIONARY_H

#include "pacd/proto/radius.h"

#define DICTIONARY_NAME 96
#define DICTIONARY_VALUE (2 * RADIUS_VALUE_MAX + 8)

struct dictionary; /* opaque */

/*
 * A dictionary file of libradcli, with what it includes; reads files, so only at start and on reload.  NULL with errno:
 * as of open(), EINVAL for a text that is no dictionary (syslog has the line), ENOMEM.  The caller owns it.
 */
struct dictionary *dictionary_load(const char *file);
void dictionary_free(struct dictionary *d);

/* Both end with NUL and are printable UTF-8; they live during the call. */
typedef void (*dictionary_fn)(void *arg, const char *name, const char *value);

/*
 * Every attribute of a packet that was verified, in its order; those inside of a Vendor-Specific one by one.  `d` may
 * be NULL: then only names that pacd knows itself.  An unknown one is "Attr-201" or "Vendor-9-Attr-1"; a value that is
 * no text, or has not the size of its type, is "0x" and hex.  A tag follows the name (RFC 2868): "Tunnel-Type:1".
 */
void dictionary_print(const struct dictionary *d, const struct radius_packet *p, dictionary_fn fn, void *arg);

#endif
