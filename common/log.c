/*
 * Log lines to stderr, syslog or the journal.
 */
#include "common/log.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_OCTETS 2048
#define MINUTE_US 60000000

static const char *const level_words[] = { "error", "warn", "info", "debug" };
static const char *const target_words[] = { "stderr", "syslog", "journal" };
static const int priorities[] = { LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

static struct {
	const char *ident;
	enum log_target target;
	enum log_level level;
	void (*sink)(enum log_level level, const char *line);
} state = { "pacd", LOG_TO_STDERR, LOG_LEVEL_INFO, NULL };

void log_open(const char *ident, enum log_target target, enum log_level level)
{
	state.ident = ident;
	state.target = target;
	state.level = level;
	if (target == LOG_TO_SYSLOG)
		openlog(ident, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

static bool stderr_is_null(void)
{
	struct stat st;

	return fstat(STDERR_FILENO, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

enum log_target log_target_detached(enum log_target target)
{
	return target == LOG_TO_JOURNAL || (target == LOG_TO_STDERR && stderr_is_null()) ? LOG_TO_SYSLOG : target;
}

void log_set_level(enum log_level level)
{
	state.level = level;
}

enum log_level log_get_level(void)
{
	return state.level;
}

void log_set_sink(void (*sink)(enum log_level level, const char *line))
{
	state.sink = sink;
}

static int word_find(const char *const *words, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(words[i], word))
			return (int)i;
	return -EINVAL;
}

int log_level_parse(const char *word, enum log_level *level)
{
	int i = word_find(level_words, sizeof level_words / sizeof *level_words, word);

	if (i < 0)
		return i;
	*level = (enum log_level)i;
	return 0;
}

int log_target_parse(const char *word, enum log_target *target)
{
	int i = word_find(target_words, sizeof target_words / sizeof *target_words, word);

	if (i < 0)
		return i;
	*target = (enum log_target)i;
	return 0;
}

const char *log_level_word(enum log_level level)
{
	return level_words[level];
}

/* Lines that were dropped since a reader of the log was last seen to keep up. */
static _Atomic unsigned dropped;

/*
 * A pipe or socket whose reader has stopped must not stop us: the line is dropped and counted.  The description is
 * shared with others, so that O_NONBLOCK cannot be set on it.
 */
static void put_stderr(const char *line, size_t len)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
	unsigned lost;

	if (poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT)) {
		dropped++;
		return;
	}
	lost = atomic_exchange(&dropped, 0);
	if (lost && dprintf(STDERR_FILENO, "log-dropped lines=%u hint=\"the reader of the log did not keep up\"\n", lost) < 0)
		return; /* there is nowhere left to say so */
	if (write(STDERR_FILENO, line, len) < 0)
		return;
}

/* One write() a line, so that lines of several threads and processes do not mix. */
static void write_stderr(enum log_level level, const char *line)
{
	char out[LINE_MAX_OCTETS + 128], stamp[40];
	struct timespec ts;
	struct tm tm;
	int n;

	if (state.target == LOG_TO_JOURNAL) {
		n = snprintf(out, sizeof out, "<%d>%s\n", priorities[level], line);
	} else {
		clock_gettime(CLOCK_REALTIME, &ts);
		gmtime_r(&ts.tv_sec, &tm);
		strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
		n = snprintf(out, sizeof out, "%s.%03ldZ %s[%d] %s: %s\n", stamp, ts.tv_nsec / 1000000,
			     state.ident, (int)getpid(), level_words[level], line);
	}
	if (n >= (int)sizeof out) {
		n = sizeof out - 1;
		out[n - 1] = '\n';
	}
	put_stderr(out, (size_t)n);
}

__attribute__((format(printf, 3, 0)))
static void log_line(enum log_level level, const char *event, const char *fmt, va_list ap)
{
	char line[LINE_MAX_OCTETS];
	int saved = errno, n;

	if (level > state.level && !state.sink)
		return;
	n = snprintf(line, sizeof line, "%s ", event);
	errno = saved; /* for %m */
	if (n > 0 && n < (int)sizeof line)
		n += vsnprintf(line + n, sizeof line - (size_t)n, fmt, ap);
	for (char *p = line; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
	if (state.sink)
		state.sink(level, line);
	else if (state.target == LOG_TO_SYSLOG)
		syslog(priorities[level], "%s", line);
	else
		write_stderr(level, line);
	errno = saved;
}

#define LOG_FUNCTION(name, level)                     \
	void name(const char *event, const char *fmt, ...) \
	{                                             \
		va_list ap;                           \
		va_start(ap, fmt);                    \
		log_line(level, event, fmt, ap);      \
		va_end(ap);                           \
	}

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warn, LOG_LEVEL_WARN)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)

char *log_quote(char *out, size_t size, const void *octets, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	const uint8_t *p = octets;
	size_t n = 0;

	if (size < 3) {
		if (size)
			out[0] = '\0';
		return out;
	}
	out[n++] = '"';
	for (size_t i = 0; i < len; i++) {
		/* `=` as well, so that no text can look like a field to a program that searches the line. */
		bool plain = p[i] >= ' ' && p[i] < 0x7f && p[i] != '"' && p[i] != '\\' && p[i] != '=';

		if (n + (plain ? 1 : 4) > size - 2)
			break;
		if (plain) {
			out[n++] = (char)p[i];
			continue;
		}
		out[n++] = '\\';
		out[n++] = 'x';
		out[n++] = hex[p[i] >> 4];
		out[n++] = hex[p[i] & 15];
	}
	out[n++] = '"';
	out[n] = '\0';
	return out;
}

bool log_allow(struct log_limit *limit, struct mono now, unsigned *suppressed)
{
	int64_t cost = MINUTE_US / (int64_t)limit->per_minute, full = cost * (int64_t)limit->burst;

	if (!mono_is_set(limit->last))
		limit->tokens_us = full;
	else
		limit->tokens_us += mono_diff_us(now, limit->last);
	limit->last = now;
	if (limit->tokens_us > full)
		limit->tokens_us = full;
	if (limit->tokens_us < cost) {
		limit->suppressed++;
		return false;
	}
	limit->tokens_us -= cost;
	*suppressed = limit->suppressed;
	limit->suppressed = 0;
	return true;
}
