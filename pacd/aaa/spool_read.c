/*
 * The accounting spool at start: its lock, the files of an earlier pacd, and the
 * boot number of session ids (RAD-04, RAD-65).
 *
 * Waits for the disk: all of it runs before the loop does.
 */
#include "pacd/aaa/spool_internal.h"

#include "common/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)256 << 20) /* no file of ours is near that: more of it is not read */

int spool_open_lock(struct spool *s)
{
	s->lock = openat(s->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock < 0 || flock(s->lock, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	return 0;
}

/* --- files --- */

/* "spool-" and 8 to 10 digits. */
static bool file_number(const char *name, uint32_t *number)
{
	char again[SPOOL_FILE_NAME], *end;
	unsigned long v;

	if (strncmp(name, "spool-", 6) != 0)
		return false;
	v = strtoul(name + 6, &end, 10);
	if (*end || v >= UINT32_MAX / 2)
		return false;
	*number = (uint32_t)v;
	spool_file_name(again, *number);
	return strcmp(again, name) == 0;
}

static int found_add(struct spool *s, uint32_t number)
{
	uint32_t *more = realloc(s->found, (s->nfound + 1) * sizeof *more);

	if (!more)
		return -ENOMEM;
	s->found = more;
	s->found[s->nfound++] = number;
	return 0;
}

static int number_compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

int spool_scan(struct spool *s)
{
	int fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	uint32_t number;

	if (!dir) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r == 0 && (e = readdir(dir)) != NULL)
		if (file_number(e->d_name, &number))
			r = found_add(s, number);
	closedir(dir);
	if (s->nfound) {
		qsort(s->found, s->nfound, sizeof *s->found, number_compare);
		s->next_segment = s->found[s->nfound - 1] + 1;
	}
	return r;
}

/* All of the file, malloc()ed. `error` is what kept it from being all. */
static uint8_t *file_load(int dir, const char *name, size_t *len, int *error)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint8_t *data = NULL;
	struct stat st = { 0 };
	ssize_t n = 1;

	*len = 0;
	*error = 0;
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size > (off_t)FILE_MAX) {
		*error = fd < 0 || st.st_size <= (off_t)FILE_MAX ? errno : EFBIG;
	} else if (!(data = malloc((size_t)st.st_size + 1))) {
		*error = ENOMEM;
	} else {
		while (*len < (size_t)st.st_size && n > 0) {
			n = pread(fd, data + *len, (size_t)st.st_size - *len, (off_t)*len);
			*len += n > 0 ? (size_t)n : 0;
		}
		*error = n < 0 ? errno : 0;
	}
	if (fd >= 0)
		close(fd);
	return data;
}

/* What could not be read stays for the operator, under a name that is not ours. */
static void file_aside(struct spool *s, const char *name, int error)
{
	char aside[SPOOL_FILE_NAME + 16];

	snprintf(aside, sizeof aside, "unread-%s", name);
	if (renameat(s->dir, name, s->dir, aside) < 0)
		snprintf(aside, sizeof aside, "%s", name);
	s->errors++;
	log_error("accounting-spool", "path=%s file=%s error=\"%s\" hint=\"its records are not sent; kept as %s\"", s->where,
		  name, strerror(error), aside);
}

static int file_read(struct spool *s, uint32_t segment, int (*each)(void *, const struct spool_record *), void *ctx)
{
	char name[SPOOL_FILE_NAME];
	struct spool_record record;
	size_t len, damaged = 0, n = 0;
	int error, r = 0;
	struct rbuf b;
	uint8_t *data;

	spool_file_name(name, segment);
	data = file_load(s->dir, name, &len, &error);
	if (error == ENOMEM)
		return -ENOMEM;
	s->old += len;
	rbuf_init(&b, data, data ? len : 0);
	for (; r >= 0 && spool_record_next(&b, &record, &damaged); n++) {
		if (s->number < record.number)
			s->number = record.number;
		r = each(ctx, &record);
	}
	free(data);
	if (damaged && r >= 0)
		log_warn("accounting-spool", "path=%s file=%s entries=%zu damaged_octets=%zu", s->where, name, n, damaged);
	if (error && r >= 0)
		file_aside(s, name, error);
	return r;
}

int spool_read(struct spool *s, int (*each)(void *ctx, const struct spool_record *r), void *ctx)
{
	int r = 0;

	for (size_t i = 0; i < s->nfound && r >= 0; i++)
		r = file_read(s, s->found[i], each, ctx);
	return r < 0 ? r : 0;
}

/* --- the boot number --- */

static uint32_t boot_load(struct spool *s)
{
	char text[16] = "", *end;
	int fd = openat(s->dir, "boot", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	unsigned long v;

	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof text - 1) < 0)
		text[0] = 0;
	close(fd);
	v = strtoul(text, &end, 16);
	if (end == text + 8 && *end == '\n' && v < UINT32_MAX)
		return (uint32_t)v;
	log_warn("accounting-spool", "path=%s file=boot fault=damaged", s->where);
	return 0;
}

static int boot_write(int fd, uint32_t boot)
{
	int r = dprintf(fd, "%08" PRIx32 "\n", boot) == 9 ? 0 : -1;

	if (r == 0)
		r = fsync(fd);
	if (r < 0)
		r = errno ? -errno : -EIO;
	close(fd);
	return r;
}

static int boot_save(struct spool *s, uint32_t boot)
{
	int fd = openat(s->dir, "boot.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = fd < 0 ? -errno : boot_write(fd, boot);

	if (r == 0 && (renameat(s->dir, "boot.new", s->dir, "boot") < 0 || fsync(s->dir) < 0))
		r = -errno;
	return r;
}

uint32_t spool_boot(struct spool *s, int64_t now)
{
	uint32_t boot = boot_load(s) + 1;
	int r;

	if (now > 0 && boot < now)
		boot = (uint32_t)now;
	r = boot_save(s, boot);
	if (r < 0) {
		s->errors++;
		log_error("accounting-spool",
			  "path=%s file=boot error=\"%s\" hint=\"until it can be written, session ids may repeat\"", s->where,
			  strerror(-r));
	}
	return boot;
}
