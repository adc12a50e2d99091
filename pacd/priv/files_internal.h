/*
 * What files.c and files_radius.c share.
 */
#ifndef PACD_PRIV_FILES_INTERNAL_H
#define PACD_PRIV_FILES_INTERNAL_H

#include "pacd/priv/priv.h"

/* A file's octets, with a NUL behind them. */
struct files_text {
	char *data; /* owned; may be secret */
	size_t len;
};

void files_wipe(struct files_text *t);
/* 0 or -errno; `size` octets, or what there is of them. */
int files_read(int fd, struct files_text *t, size_t size);
/* An open descriptor of a regular file of a bearable size, or -1 with an error added. */
int files_open(const char *file, const char *named_by, const char *key, struct stat *st, struct conf_errors *errors);
/* An error where others than root may change it, for it decides what root runs. */
void files_see_owned(const char *file, const struct stat *st, const char *named_by, const char *key,
		     struct conf_errors *errors);

/* --- files_radius.c --- */

/*
 * Finds what f->conf lacks (secrets in files, addresses of names, radcli's servers), completes f->conf with it, and
 * seals it into f->radius_fd where there is any.  Errors are added.
 */
void files_load_radius(struct priv_files *f, struct conf_errors *errors);
/* A secret's file must be root's, and of no use to others than root and its group. False with an error added. */
bool files_secret_private(const char *file, const struct stat *st, const char *named_by, const char *key,
			  struct conf_errors *errors);
/* Likewise, and reads it. 0, or -1 with an error added. */
int files_read_secret(const char *file, const char *named_by, const char *key, struct files_text *t,
		      struct conf_errors *errors);

#endif
