/*
 * For tests of accounting: a folder, a clock on the wall that a test moves on,
 * waiting for the spool's thread, and a RADIUS client that keeps what it is given
 * until the test answers.
 */
#ifndef PACD_TEST_UNIT_ACCT_H
#define PACD_TEST_UNIT_ACCT_H

#include "common/log.h"
#include "pacd/aaa/acct_internal.h"

#include "test/unit/unit_loop.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>

#define WALL_START 1700000000

static int64_t wall_offset; /* seconds: a test that sets the clock */

/* In the C library's place, like clock_gettime(). */
time_t time(time_t *t)
{
	time_t now = WALL_START + wall_offset + skipped_ms / 1000;

	if (t)
		*t = now;
	return now;
}

/* --- the folder --- */

static char folder[64];

static inline void folder_make(void)
{
	snprintf(folder, sizeof folder, "%s/pacd-acct-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static inline int folder_open(void)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static inline const char *in_folder(const char *name)
{
	static char path[512];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

/* How many begin like that; the octets of them; the first and the last in order. */
struct files {
	unsigned n;
	uint64_t octets;
	char first[300], last[300];
};

static inline struct files files_like(const char *prefix)
{
	struct files f = { .n = 0 };
	DIR *dir = opendir(folder);
	struct dirent *e;
	struct stat st;

	while ((e = readdir(dir)) != NULL) {
		if (strncmp(e->d_name, prefix, strlen(prefix)) != 0 || stat(in_folder(e->d_name), &st) < 0)
			continue;
		if (!f.n || strcmp(e->d_name, f.first) < 0)
			snprintf(f.first, sizeof f.first, "%s", e->d_name);
		if (!f.n || strcmp(e->d_name, f.last) > 0)
			snprintf(f.last, sizeof f.last, "%s", e->d_name);
		f.n++;
		f.octets += (uint64_t)st.st_size;
	}
	closedir(dir);
	return f;
}

static inline void folder_remove(void)
{
	DIR *dir = opendir(folder);
	struct dirent *e;

	while ((e = readdir(dir)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			unlink(in_folder(e->d_name));
	closedir(dir);
	rmdir(folder);
}

static inline size_t file_get(const char *name, uint8_t *data, size_t cap)
{
	FILE *f = fopen(in_folder(name), "r");
	size_t n;

	ck_assert_ptr_nonnull(f);
	n = fread(data, 1, cap, f);
	fclose(f);
	ck_assert_uint_lt(n, cap);
	return n;
}

static inline void file_put(const char *name, const void *data, size_t len)
{
	FILE *f = fopen(in_folder(name), "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	fclose(f);
}

/* --- the spool's thread --- */

static inline int64_t real_ms(void)
{
	struct timespec ts;

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Turns of the loop, and time for the thread, until that is so. */
#define WAIT_FOR(condition)                                                        \
	do {                                                                       \
		int64_t until_ = real_ms() + 30000;                                \
		while (!(condition)) {                                             \
			ck_assert_msg(real_ms() < until_, "waited for " #condition); \
			skip_ms(1);                                                \
			sched_yield();                                             \
		}                                                                  \
	} while (0)

/* --- log lines --- */

static unsigned errors_logged, warnings_logged;
static char last_error[1024], last_warning[1024];

static inline void log_take(enum log_level level, const char *line)
{
	if (level == LOG_LEVEL_ERROR) {
		errors_logged++;
		snprintf(last_error, sizeof last_error, "%s", line);
	} else if (level == LOG_LEVEL_WARN) {
		warnings_logged++;
		snprintf(last_warning, sizeof last_warning, "%s", line);
	}
}

/* --- the RADIUS client --- */

struct exchange {
	uint64_t id;
	struct radius_job job;
	uint8_t data[RADIUS_PACKET_MAX];
	size_t len;
	uint8_t status;
	char session[RADIUS_SESSION_ID];
	uint32_t delay, cause;
	unsigned delays; /* how many Acct-Delay-Time */
};

#define EXCHANGES 256

static struct exchange exchanges[EXCHANGES]; /* in flight, oldest first */
static size_t nexchanges, most_exchanges;
static uint64_t last_exchange, sends;
static bool no_room, no_server;
static enum radius_server_state server_state = RADIUS_SUSPECT;

/* What a server has taken, in order. */
struct taken {
	uint8_t status;
	char session[RADIUS_SESSION_ID];
	uint32_t cause, delay;
};

#define TAKEN 40000

static struct taken taken[TAKEN];
static size_t ntaken;

static inline uint32_t attribute_u32(const struct radius_attribute *a)
{
	return a->len == 4 ? (uint32_t)a->value[0] << 24 | (uint32_t)a->value[1] << 16 | (uint32_t)a->value[2] << 8 |
				     a->value[3] : 0;
}

static inline void exchange_parse(struct exchange *e)
{
	struct radius_attribute a;
	struct rbuf r;

	rbuf_init(&r, e->data, e->len);
	while (radius_next(&r, &a)) {
		if (a.type == RADIUS_ACCT_STATUS_TYPE)
			e->status = (uint8_t)attribute_u32(&a);
		if (a.type == RADIUS_ACCT_DELAY_TIME) {
			e->delay = attribute_u32(&a);
			e->delays++;
		}
		if (a.type == RADIUS_ACCT_TERMINATE_CAUSE)
			e->cause = attribute_u32(&a);
		if (a.type == RADIUS_ACCT_SESSION_ID)
			snprintf(e->session, sizeof e->session, "%.*s", a.len, (const char *)a.value);
	}
	ck_assert(!r.fault);
}

static inline void exchange_encode(struct exchange *e)
{
	struct radius_job job = e->job;
	uint64_t id = e->id;
	struct wbuf w;

	memset(e, 0, sizeof *e);
	e->job = job;
	e->id = id;
	wbuf_init(&w, e->data, sizeof e->data);
	ck_assert_int_eq(job.encode(job.ctx, NULL, &w), 0);
	e->len = wbuf_len(&w);
	exchange_parse(e);
	ck_assert_uint_eq(e->delays, 1);
}

bool radius_client_has(const struct radius_client *r, enum radius_role role)
{
	(void)r;
	return role == RADIUS_ACCT && !no_server;
}

uint64_t radius_client_send(struct radius_client *r, const struct radius_job *job)
{
	struct exchange *e = &exchanges[nexchanges];

	(void)r;
	ck_assert_uint_eq(job->role, RADIUS_ACCT);
	ck_assert_uint_eq(job->code, RADIUS_ACCOUNTING_REQUEST);
	if (no_room)
		return 0;
	ck_assert_uint_lt(nexchanges, EXCHANGES);
	sends++;
	e->job = *job;
	e->id = ++last_exchange;
	exchange_encode(e);
	/* RAD-61, RAD-63: one of a session at a time. */
	for (size_t i = 0; i < nexchanges; i++)
		ck_assert_str_ne(exchanges[i].session, e->session);
	if (++nexchanges > most_exchanges)
		most_exchanges = nexchanges;
	return e->id;
}

static inline void exchange_remove(size_t i)
{
	nexchanges--;
	memmove(&exchanges[i], &exchanges[i + 1], (nexchanges - i) * sizeof exchanges[0]);
}

void radius_client_cancel(struct radius_client *r, uint64_t id)
{
	(void)r;
	for (size_t i = 0; i < nexchanges; i++)
		if (exchanges[i].id == id) {
			exchange_remove(i);
			return;
		}
	ck_abort_msg("cancelled what is not in flight");
}

bool radius_client_view(const struct radius_client *r, size_t i, struct radius_server_view *v)
{
	(void)r;
	*v = (struct radius_server_view){ .role = RADIUS_ACCT, .state = server_state, .responses = 1 };
	return i == 0;
}

/* The answer to exchange i: 0 or -ETIMEDOUT. */
static inline void answer(size_t i, int error)
{
	struct radius_answer a = { .error = error, .server = "" };
	struct exchange e;

	ck_assert_uint_lt(i, nexchanges);
	exchange_encode(&exchanges[i]); /* as the next server would have it */
	e = exchanges[i];
	exchange_remove(i);
	if (error == 0) {
		ck_assert_uint_lt(ntaken, TAKEN);
		taken[ntaken] = (struct taken){ .status = e.status, .cause = e.cause, .delay = e.delay };
		memcpy(taken[ntaken++].session, e.session, sizeof e.session);
	}
	e.job.done(e.job.ctx, &a);
}

/* A server that takes all that comes. */
static inline void serve(void)
{
	while (nexchanges)
		answer(0, 0);
}

/* Silence for all that is in flight now. */
static inline void silence(void)
{
	for (size_t n = nexchanges; n; n--)
		answer(0, -ETIMEDOUT);
}

/* --- records --- */

static inline size_t record_attributes(uint8_t data[512], uint8_t status, const char *session, uint32_t n)
{
	struct wbuf w;

	wbuf_init(&w, data, 512);
	radius_put_u32(&w, RADIUS_ACCT_STATUS_TYPE, status);
	radius_put_text(&w, RADIUS_ACCT_SESSION_ID, session);
	radius_put_text(&w, RADIUS_USER_NAME, "alice");
	if (n)
		radius_put_u32(&w, RADIUS_ACCT_SESSION_TIME, n);
	return wbuf_len(&w);
}

static struct acct *accounting;
static struct conf_radius conf;
static struct radius_nas nas = { .identifier = "pac" };

static inline void add_in(const char *tunnel, uint8_t status, const char *session)
{
	uint8_t data[512];
	struct acct_record r = { .status = status, .event_time = time(NULL), .session_id = session, .tunnel = tunnel,
				 .attributes = data };

	r.len = record_attributes(data, status, session, 0);
	acct_add(accounting, &r);
}

static inline void add(uint8_t status, const char *session)
{
	add_in(NULL, status, session);
}

static inline void note(const char *session, uint32_t seconds)
{
	uint8_t data[512];
	struct acct_record r = { .status = RADIUS_ACCT_INTERIM, .event_time = time(NULL), .session_id = session,
				 .attributes = data };

	r.len = record_attributes(data, RADIUS_ACCT_INTERIM, session, seconds);
	acct_note(accounting, &r);
}

static inline struct acct_view view(void)
{
	struct acct_view v;

	acct_view(accounting, &v);
	return v;
}

static inline void settle(void)
{
	WAIT_FOR(spool_synced(accounting->spool));
}

static inline void acct_up(bool on_disk)
{
	accounting = acct_new(loop, NULL, &conf, on_disk ? folder_open() : -1, &nas);
	ck_assert_ptr_nonnull(accounting);
}

static inline void acct_down(void)
{
	acct_free(accounting);
	accounting = NULL;
	ck_assert_uint_eq(nexchanges, 0);
}

static inline void acct_setup(void)
{
	loop = ev_loop_new(0);
	log_set_sink(log_take);
	folder_make();
	conf = (struct conf_radius){ .acct = { .enabled = true, .spool_mb = 64, .spool = folder } };
}

static inline void acct_teardown(void)
{
	if (accounting)
		acct_down();
	ev_loop_destroy(loop);
	folder_remove();
}

#endif
