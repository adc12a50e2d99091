/*
 * For tests of serial devices: a pty, and modem lines that this test's own ioctl() plays.
 */
#ifndef PACD_TEST_UNIT_PORT_TTY_H
#define PACD_TEST_UNIT_PORT_TTY_H

#include "pacd/line/port_watch.h"

#include "common/log.h"

#include "test/unit/unit_port.h"

#include <linux/serial.h>
#include <linux/tty.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <termios.h>

static int modem = -1, device = -1; /* the pty's master and slave; the slave is the port's */

#define IDLE_MS 1000 /* between polls of a modem that nobody talks with */

/* What the device's driver would do. */
static struct {
	bool lines, counts;
	int state, error; /* error: of TIOCMGET from now on */
	unsigned polls;
	int64_t poll_ms; /* each one takes so long */
	int discipline, discipline_error;
	struct serial_icounter_struct icount;
	unsigned flushes; /* of both directions */
	int flushed;      /* that descriptor, last */
} fake;

static inline int fake_ioctl(unsigned long request, void *arg)
{
	int *value = arg;

	switch (request) {
	case TIOCMGET:
		*value = fake.state;
		fake.polls++;
		skipped_ms += fake.poll_ms;
		return fake.error;
	case TIOCMBIS: fake.state |= *value; return 0;
	case TIOCMBIC: fake.state &= ~*value; return 0;
	case TIOCGICOUNT:
		if (!fake.counts)
			return ENOTTY;
		memcpy(arg, &fake.icount, sizeof fake.icount);
		return 0;
	case TIOCSETD:
		if (!fake.discipline_error)
			fake.discipline = *value;
		return fake.discipline_error;
	default: return -1;
	}
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;
	int e = -1;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (fake.lines)
		e = fake_ioctl(request, arg);
	if (e < 0)
		return (int)syscall(SYS_ioctl, fd, request, arg);
	errno = e;
	return e ? -1 : 0;
}

/* A pty has nothing that it could throw away. */
int tcflush(int fd, int queue)
{
	ck_assert(queue == TCIOFLUSH && fcntl(fd, F_GETFD) >= 0);
	fake.flushes++;
	fake.flushed = fd;
	return 0;
}

static unsigned said_slow;

static inline void keep_log(enum log_level level, const char *line)
{
	ck_assert(level == LOG_LEVEL_WARN && strstr(line, "line-slow name=m1 ms=60 hint="));
	said_slow++;
}

static inline void setup(void)
{
	static char name[] = "m1";

	log_set_sink(keep_log);
	said_slow = 0;
	loop = ev_default_loop(0);
	memset(&seen, 0, sizeof seen);
	memset(&fake, 0, sizeof fake);
	conf = (struct conf_line){ .name = name, .baud = 115200, .flow = CONF_FLOW_RTSCTS, .framing = MSG_FRAMING_ASYNC };
	modem = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
	ck_assert_int_ge(modem, 0);
	ck_assert(grantpt(modem) == 0 && unlockpt(modem) == 0);
	device = open(ptsname(modem), O_RDWR | O_NOCTTY);
	ck_assert_int_ge(device, 0);
}

static inline void teardown(void)
{
	if (port)
		port->ops->free(port);
	port = NULL;
	if (modem >= 0)
		close(modem);
	modem = -1;
	turn();
}

static inline void opens(void)
{
	seen.inside = true;
	port = port_tty_new(loop, device, &conf, &handlers, &seen);
	seen.inside = false;
	ck_assert_ptr_nonnull(port);
	ck_assert_uint_eq(seen.ready, 0);
	turn();
}

static inline void opens_lines(bool counts)
{
	fake.lines = true;
	fake.counts = counts;
	opens();
	ck_assert(seen.ready == 1 && port->has_lines);
	ck_assert_str_eq(port->ops->name, "modem-lines");
}

/* A pty hands on by a kernel thread. */
static inline void arrives(int fd)
{
	ck_assert_int_eq(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 20000), 1);
}

static inline void says(const char *text)
{
	ck_assert_int_eq(write(modem, text, strlen(text)), strlen(text));
	arrives(device);
	turn();
}

static inline void hears(const char *text)
{
	char data[4096];
	ssize_t n;

	turn();
	arrives(modem);
	n = read(modem, data, sizeof data - 1);
	data[n > 0 ? n : 0] = 0;
	ck_assert_str_eq(data, text);
}

#endif
