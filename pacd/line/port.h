/*
 * A port: octets to and from a modem, and the modem's control lines, whatever
 * bears them: a serial device, a terminal server that speaks RFC 2217, or a
 * device without such lines, where text in the octets has to do.
 *
 * On the loop, main's thread.  In command mode what comes is handed up.  In data
 * mode a descriptor moves the octets, which the data path reads and writes; the
 * control lines are watched all the same.
 */
#ifndef PACD_LINE_PORT_H
#define PACD_LINE_PORT_H

#include "pacd/conf_lines.h"
#include "pacd/line/line.h"

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PORT_POLL_MS 200 /* control lines of serial devices are looked at this often in data mode, if they are quick */

struct port;

/* None is called from inside a call into the port.  A handler may free the port. */
struct port_handlers {
	/* It can be written to, and its control lines are known; once. */
	void (*ready)(void *ctx);
	void (*input)(void *ctx, const uint8_t *data, size_t len); /* command mode only */
	/*
	 * Carrier (DCD) and the number of rings (RI) so far have changed; where has_lines says yes.  Before the first
	 * call there is no carrier, and no ring was.  All edges of one ringing tone are one ring.
	 */
	void (*lines)(void *ctx, bool carrier, unsigned rings);
	/* Data mode, where there are no lines: the modem said NO CARRIER among the data, and nothing for a while. */
	void (*no_carrier)(void *ctx);
	/* Dead: unplugged, connection lost, refused.  Last event. why: a sentence for the operator, borrowed. */
	void (*closed)(void *ctx, const char *why);
};

struct port_ops {
	const char *name; /* "modem-lines", "text", "rfc2217": as line_view.control */
	/* All octets or none: 0, -EAGAIN (too much waits), -EPIPE. Command mode only. */
	int (*write)(struct port *p, const void *data, size_t len);
	/* Data Terminal Ready; nothing where there is no such line. */
	void (*set_dtr)(struct port *p, bool on);
	/* What waits in either direction is thrown away. */
	void (*flush)(struct port *p);
	/*
	 * Data mode: a descriptor, non-blocking, for the data path, which closes it; or -errno: still command mode.
	 * `rest` are octets that came behind the modem's last answer.  A serial device with modem lines is given away
	 * itself, and nothing can be pushed back into it: there `rest` is dropped, and PPP sends again.
	 */
	int (*data_begin)(struct port *p, const uint8_t *rest, size_t len);
	/*
	 * Back to command mode; the descriptor is the data path's still, and is dead or will be.  Where it is the
	 * device itself it lives until the data path closes it: detach first, or it may take the modem's answers.
	 */
	void (*data_end)(struct port *p);
	/* Since the port was opened. */
	void (*errors)(struct port *p, struct line_errors *e);
	void (*free)(struct port *p);
};

struct port {
	const struct port_ops *ops;
	bool has_lines; /* carrier and ring are told by lines(); known once ready() was called */
};

/* Takes over `fd`, an open serial device; sets speed and flow control. NULL: errno says why, and fd is closed. */
struct port *port_tty_new(struct ev_loop *loop, int fd, const struct conf_line *conf, const struct port_handlers *h,
			  void *ctx);
/* Connects to conf->address; ready() or closed() follows. NULL: errno says why. */
struct port *port_rfc2217_new(struct ev_loop *loop, const struct conf_line *conf, const struct port_handlers *h,
			      void *ctx);

#endif
