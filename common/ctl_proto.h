/*
 * The control socket's protocol: lines of words, one request a connection.
 *
 *   request   WORD WORD ...\n                      at most CTL_LINE_MAX octets with its newline
 *   answer    TYPE key=value key="text" ...\n      none or more records
 *             .CODE text\n                         exactly one, the last line
 *
 * A word or a value is either bare (printable ASCII without space, `"` and `\`) or quoted as
 * log_quote() does: in `"`, with `"`, `\` and all that is not printable ASCII as \xNN.  A bare
 * value is a number (digits), true, false, `-` (there is none) or a fixed word.
 *
 * Keys carry their unit as suffix: _s seconds, _us microseconds, _octets, _bps bits a second, _at seconds
 * since 1970.
 */
#ifndef PACD_COMMON_CTL_PROTO_H
#define PACD_COMMON_CTL_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef CTL_SOCKET
#define CTL_SOCKET "/run/pacd/control.sock" /* where pacctl looks when it is not told */
#endif
#define CTL_LINE_MAX 4096         /* octets of a request */
#define CTL_WORDS 8               /* of a request */
#define CTL_FIELDS 96             /* of a record */
#define CTL_PASSWORD_MAX 128      /* octets: as User-Password (RFC 2865 section 5.2) */
#define CTL_OUT_MAX (128u << 20)  /* octets of an answer */

/* Stable: programs and exit codes depend on them. */
enum ctl_code {
	CTL_OK = 200,
	CTL_BAD_REQUEST = 400,
	CTL_NOT_PERMITTED = 403,
	CTL_NOT_FOUND = 404, /* no such session, user, ... */
	CTL_REFUSED = 409,   /* understood, allowed, and still not done; `error` records say why */
	CTL_FAILED = 500,    /* pacd's own fault: no memory, ... */
	CTL_BUSY = 503,      /* draining, or too many clients */
	CTL_NO_ANSWER = 504, /* what had to be asked did not answer in time */
};

/* --- what the caller may do: the bits of one class of a file mode --- */

#define CTL_MAY_SHOW 4u /* r */
#define CTL_MAY_ACT 2u  /* w */

/*
 * The mode that the socket's file needs, so that everybody to whom `mode` gives r or w can
 * connect: connect() itself wants w.  Who may do what is then decided by pacd.
 */
unsigned ctl_socket_mode(unsigned mode);

/* --- reading --- */

struct ctl_word {
	const char *text; /* decoded octets, NUL-terminated, and may hold NUL itself */
	size_t len;
	bool quoted;
};

struct ctl_words {
	struct ctl_word list[CTL_WORDS];
	size_t n;
	char text[CTL_LINE_MAX + 1];
};

/* The line without its newline. 0; -EINVAL: not words; -E2BIG: too long or too many. */
int ctl_words_parse(struct ctl_words *w, const char *line, size_t len);

enum ctl_kind { CTL_TEXT, CTL_WORD, CTL_NUMBER, CTL_BOOL, CTL_NONE };

struct ctl_field {
	const char *key, *text; /* NUL-terminated; text may hold NUL itself */
	size_t len;
	enum ctl_kind kind;
};

struct ctl_record {
	const char *type;
	struct ctl_field list[CTL_FIELDS];
	size_t n;
};

/*
 * Decodes in place: the record points into `line`, of which octet line[len] (the newline's) is
 * overwritten too.  0; -EINVAL: not a record; -E2BIG: too many fields.
 */
int ctl_record_parse(struct ctl_record *r, char *line, size_t len);
/* The first field of that key, or NULL. */
const struct ctl_field *ctl_record_find(const struct ctl_record *r, const char *key);
/* A status line without its newline; *text points into it and ends with it. 0 or -EINVAL. */
int ctl_status_parse(const char *line, size_t len, unsigned *code, const char **text);

/* --- writing --- */

/*
 * A growing text.  The owner calls init and clear; a fault (no memory, above CTL_OUT_MAX) is sticky,
 * and ctl_out_status() then says so instead of the answer.
 */
struct ctl_out {
	char *text; /* not NUL-terminated */
	size_t len, cap;
	unsigned code; /* of the status line; 0: none yet */
	bool fault;
};

void ctl_out_init(struct ctl_out *o);
void ctl_out_clear(struct ctl_out *o);

/* `type` and keys are our own fixed words: [a-z0-9_]. */
void ctl_out_record(struct ctl_out *o, const char *type);
void ctl_out_text(struct ctl_out *o, const char *key, const void *octets, size_t len);
void ctl_out_u64(struct ctl_out *o, const char *key, uint64_t v);
void ctl_out_bool(struct ctl_out *o, const char *key, bool v);
/* Bare where it can be, else quoted; NULL or "": none. */
void ctl_out_word(struct ctl_out *o, const char *key, const char *word);
void ctl_out_none(struct ctl_out *o, const char *key);
/* Ends a record, or a request. */
void ctl_out_end(struct ctl_out *o);
/* The one status line; a second one is ignored. Foreign text in it has gone through log_quote(). */
void ctl_out_status(struct ctl_out *o, enum ctl_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* One word of a request. */
void ctl_out_arg(struct ctl_out *o, const void *octets, size_t len);
/* The last word of one, and its end: no copy of it stays behind elsewhere. Clear it with ctl_out_wipe(). */
void ctl_out_password(struct ctl_out *o, const void *octets, size_t len);
void ctl_out_wipe(struct ctl_out *o);

#endif
