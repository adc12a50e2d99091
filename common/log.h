/*
 * The log: one line per event, `event key=value key=value`.
 *
 * The event's name is a fixed word; values are numbers, fixed words, or texts
 * that went through log_quote().  Secrets have no printable form: nothing here
 * takes one.  Process-wide; every thread may write.
 */
#ifndef PACD_COMMON_LOG_H
#define PACD_COMMON_LOG_H

#include "common/mono.h"

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_target { LOG_TO_STDERR, LOG_TO_SYSLOG, LOG_TO_JOURNAL };

/* `ident` is kept, not copied.  The journal is reached through stderr with "<N>" prefixes. */
void log_open(const char *ident, enum log_target target, enum log_level level);
/*
 * What to open instead in a process that left its terminal: the journal reads no stderr of ours then, but syslog; and
 * so it is for stderr once that leads to /dev/null.
 */
enum log_target log_target_detached(enum log_target target);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* Every line goes here instead, when set; for tests. */
void log_set_sink(void (*sink)(enum log_level level, const char *line));

/* 0 and the level or target named by the word, or -EINVAL. */
int log_level_parse(const char *word, enum log_level *level);
int log_target_parse(const char *word, enum log_target *target);
const char *log_level_word(enum log_level level);

void log_error(const char *event, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_warn(const char *event, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_info(const char *event, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_debug(const char *event, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Room for a quoted text of n octets, every one of them escaped. */
#define LOG_QUOTED(n) ((n) * 4 + 3)

/*
 * Writes the octets as a value that is safe in a log line: in double quotes, `"`, `\`, `=`
 * and everything outside printable ASCII as \xNN.  Cut to fit `size`, always terminated.
 * Returns `out`.
 */
char *log_quote(char *out, size_t size, const void *octets, size_t len);

/* Lets a burst through and then `per_minute` events a minute; for what a peer can trigger. */
struct log_limit {
	unsigned burst, per_minute; /* set by the owner */
	int64_t tokens_us;
	struct mono last;
	unsigned suppressed;
};

#define LOG_LIMIT(burst_, per_minute_) ((struct log_limit){ .burst = (burst_), .per_minute = (per_minute_) })

/*
 * True when this event may be logged; *suppressed is then how many were held
 * back since the last one.  Counts the event as held back otherwise.
 */
bool log_allow(struct log_limit *limit, struct mono now, unsigned *suppressed);

#endif
