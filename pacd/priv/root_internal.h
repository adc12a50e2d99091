/*
 * What root.c and root_conf.c share.
 */
#ifndef PACD_PRIV_ROOT_INTERNAL_H
#define PACD_PRIV_ROOT_INTERNAL_H

#include "pacd/priv/root.h"

/* --- root.c --- */

/* Main is not what it should be: the end of everything. */
void root_violation(struct root *r, const char *what);
/* A message for main; takes over the descriptors. */
void root_queue(struct root *r, const struct priv_msg *m, const int *fds, size_t nfds);

/* --- root_conf.c --- */

/* The snapshot that a request means: until main has answered, the old and the new one are both good. */
const struct conf *root_conf_find(const struct root *r, uint32_t generation);
void root_conf_taken(struct root *r, const struct priv_conf_taken *m);
/* When what was asked for by reload_asked may be done: MONO_NEVER as long as something else has to come first. */
struct mono root_reload_due(const struct root *r);
/* Reads the files again, if that is due. */
void root_reload(struct root *r);
void root_conf_clear(struct root *r);

#endif
