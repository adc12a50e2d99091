/*
 * For the tests of the root part: a folder of their own with a configuration,
 * and a program in pppd's place.
 */
#ifndef PACD_TEST_UNIT_PRIV_H
#define PACD_TEST_UNIT_PRIV_H

#include "test/unit/unit.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEADLINE_MS 20000

static char dir[64];

static inline const char *in_dir(const char *name)
{
	static char paths[4][128];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof paths[0], "%s/%s", dir, name);
	return path;
}

__attribute__((format(printf, 3, 4)))
static inline void write_file(const char *name, mode_t mode, const char *fmt, ...)
{
	FILE *f = fopen(in_dir(name), "w");
	va_list ap;

	ck_assert_ptr_nonnull(f);
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	fclose(f);
	ck_assert_int_eq(chmod(in_dir(name), mode), 0);
}

static inline void dir_setup(void)
{
	strcpy(dir, "/tmp/pacd-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static inline void dir_teardown(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

/* A port that nobody has at the moment. */
static inline unsigned free_port(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof sin;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, sizeof sin), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	close(fd);
	return ntohs(sin.sin_port);
}

static inline bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, DEADLINE_MS) == 1;
}

/* Reads to the end of file; NUL-terminated. */
static inline const char *read_text(int fd)
{
	static char text[8192];
	size_t len = 0;
	ssize_t n;

	while (readable(fd) && (n = read(fd, text + len, sizeof text - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	return text;
}

#endif
