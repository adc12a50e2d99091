/*
 * pacctl: asks a running pacd through its control socket and shows the answer.
 *
 * Uses common/ only.  Everything that it shows came from elsewhere in the end,
 * so nothing reaches a terminal but printable ASCII.
 */
#ifndef PACD_CTL_PACCTL_H
#define PACD_CTL_PACCTL_H

#include "common/ctl_grammar.h"

#include <stdio.h>
#include <sys/types.h>

enum pacctl_mode {
	PACCTL_TABLE, /* for people */
	PACCTL_JSON,
	PACCTL_KV,    /* records as they came */
};

/* Stable, see pacctl(8). */
enum pacctl_exit {
	PACCTL_OK = 0,
	PACCTL_NOT_FOUND = 1,
	PACCTL_USAGE = 2,
	PACCTL_NOT_RUNNING = 3,
	PACCTL_NOT_PERMITTED = 4,
	PACCTL_REFUSED = 5,
	PACCTL_BUSY = 6,
	PACCTL_FAILED = 7,
};

struct pacctl_answer {
	const char *records; /* whole lines with their newlines */
	size_t len;
	unsigned code;
	const char *status; /* NUL-terminated */
};

/* The whole program. Returns an enum pacctl_exit. */
int pacctl_run(int argc, char **argv, FILE *out, FILE *err);

/*
 * Parts records and status line; the answer points into `text`, whose last newline is overwritten.
 * 0, or -EBADMSG: it does not end with a status line.
 */
int pacctl_split(struct pacctl_answer *a, char *text, size_t len);
int pacctl_exit_code(unsigned code);
/* Failures go to `err` and, where programs read, also to `out`. 0; -EBADMSG: a record is broken; -ENOMEM. */
int pacctl_render(FILE *out, FILE *err, enum pacctl_mode mode, enum ctl_command command,
		  const struct pacctl_answer *a);

/* --- pacctl_password.c --- */

/*
 * One line, without its newline: asked for without echo where `fd` is a terminal, the prompt on `err`, else just read.
 * Octets of it, which may be 0; -ENODATA: the input ended; -E2BIG: more than `size`; -EINTR; another -errno.  A signal
 * that would end or stop the program does so once the terminal is as before.  The caller wipes `password`.
 */
ssize_t pacctl_password(int fd, FILE *err, char *password, size_t size);

/* --- pacctl_format.c: one value --- */

#define PACCTL_CELL 2048

/*
 * A value for people, cut at PACCTL_CELL: durations, octets and times by the key's suffix, `-` for none,
 * everything unprintable and `\` escaped.  `cell`, of a table: a text that would blur a column's end is put in
 * quotes, and a rate has no "bit/s".
 */
void pacctl_format(char text[PACCTL_CELL], const struct ctl_field *f, bool cell);
/* A multi-line text; newlines and tabs stay, what else is not printable is escaped. */
void pacctl_text(FILE *out, const char *text, size_t len);
void pacctl_json_value(FILE *out, const struct ctl_field *f);
void pacctl_json_string(FILE *out, const char *octets, size_t len);

#endif
