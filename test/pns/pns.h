/*
 * pns: a PPTP Network Server for tests.
 *
 * Takes commands on stdin, one a line, and tells what happens on stdout, one event a line: a word, then key=value.
 * It is as right as RFC 2637 wants it, but for what its settings ask for.  One thread, and that of the data path.
 *
 *   pns_event.c    what is told
 *   pns_conn.c     control connections
 *   pns_call.c     calls
 *   pns_ppp.c      pppd, and its log
 *   pns_command.c  settings and commands
 *   pns.c          options, the loop
 */
#ifndef PACD_TEST_PNS_H
#define PACD_TEST_PNS_H

#include "common/addr.h"
#include "common/list.h"
#include "pacd/net/datapath.h"
#include "pacd/proto/framer.h"

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PNS_PORT 1723
#define PNS_NEVER (-1)    /* of a setting: no answer at all */
#define PNS_AT_ACCEPT 255 /* where a message's type is expected: before any message */

/* All are numbers; a message's word stands for its type, "never" for -1.  The defaults are those of a good PNS. */
struct pns_settings {
	int hello;          /* 1: SCCRQ as soon as a connection of ours stands */
	int version;        /* of SCCRQ and SCCRP */
	int sccrp, sccrp_error, sccrp_delay; /* result, error, ms */
	int icrp, icrp_error, icrp_delay;
	int icrp_id;        /* the call id of every ICRP; 0: one that is free */
	int icrp_count;     /* so many ICRPs for each ICRQ */
	int window, delay;  /* ours: packets, 1/10 s */
	int strict_window;  /* obey the PAC's window */
	int echo;           /* 1: echoes are answered */
	int stop;           /* 1: StopCCRQ is answered */
	int pppd;           /* 0: calls bear no frames */
	int sli;            /* 1: Set-Link-Info when LCP has agreed on the maps */
	int collide;        /* 1: connects back to who connects, and holds the SCCRP until its own SCCRQ is out */
	int ccrq_on;        /* a message's type: the call of it is cleared with a CCRQ, behind our answer */
	int rst_on;         /* a message's type, or "accept": the connection is reset, before any answer */
	int garbage_on;     /* likewise: octets that are no message are sent, before any answer */
};

struct pns_conn {
	struct list node;
	unsigned id;
	int fd;
	bool ours;          /* we have opened it */
	bool connected, established, held;
	struct ev_io io;
	struct ev_timer late; /* an SCCRP that waits */
	struct framer framer;
	struct endpoint peer, local;
	struct list calls;
};

struct pns_call {
	struct list node;
	struct pns_conn *conn;
	uint64_t number;    /* over the whole run: names the call in the data path */
	uint16_t id, peer_id; /* ours, the PAC's */
	bool has_peer, attached;
	struct ev_timer late; /* an ICRP that waits */
	uint16_t peer_window, peer_delay;
	pid_t pid;
	struct ev_child child;
	int log;            /* -1: closed */
	struct ev_io log_io;
	char line[512];
	size_t line_len;
	bool has_send, has_receive; /* maps that LCP has agreed on */
	uint32_t send_accm, receive_accm;
};

/* All there is; made by main() and there to its end. */
struct pns {
	struct ev_loop *loop;
	struct pns_settings set;
	const char *host, *options, *pppd;
	uint32_t ppp_local, ppp_remote; /* of the first call's pppd; the remote one grows by 1 with each; 0: none */
	struct list conns;
	unsigned conns_made;
	uint64_t calls_made;
	uint16_t last_id;
	struct datapath *path;
};

extern struct pns pns;

/* --- pns_event.c --- */

/* One line, at once. */
void pns_event(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* "in" or "out", the connection, and every field of the message. */
void pns_event_message(const char *way, unsigned conn, const struct msg *m);
/* `len` octets as a quoted value, at most 511 octets long. The text is good until the fourth call from then. */
const char *pns_event_quote(const void *text, size_t len);

/* --- pns_conn.c --- */

void pns_conn_accept(int fd, struct endpoint peer, struct endpoint local);
/* NULL: an event says why. local: 0: any. */
struct pns_conn *pns_conn_open(struct endpoint peer, uint32_t local);
struct pns_conn *pns_conn_find(unsigned id);
void pns_conn_send(struct pns_conn *c, const struct msg *m);
void pns_conn_raw(struct pns_conn *c, const void *data, size_t len);
void pns_conn_sccrq(struct pns_conn *c);
/* Its calls end first. */
void pns_conn_close(struct pns_conn *c, bool reset, const char *why);

/* --- pns_call.c --- */

/* ICRQ, ICCN, OCRP, CDN and WEN. */
void pns_call_message(struct pns_conn *c, const struct msg *m);
/* A call to go out, for which an OCRQ with this id is sent by the caller. NULL: without memory. */
struct pns_call *pns_call_new(struct pns_conn *c, uint16_t id);
struct pns_call *pns_call_find(const struct pns_conn *c, uint16_t id);
/* Over all connections; 0: none. */
struct pns_call *pns_call_by_id(uint16_t id);
uint16_t pns_call_free_id(void);
void pns_call_ccrq(struct pns_call *call);
/* The pppd's maps. */
void pns_call_sli(struct pns_call *call, uint32_t send, uint32_t receive);
void pns_call_stats(const struct pns_call *call, const char *word);
/* Its pppd is hung up; no message is sent. */
void pns_call_free(struct pns_call *call);

/* --- pns_ppp.c --- */

/* The pty's master, or -1: an event says why. */
int pns_ppp_start(struct pns_call *call);
/* Forgets it: from here on nothing is told of it. */
void pns_ppp_end(struct pns_call *call);

/* --- pns_command.c --- */

void pns_command_defaults(struct pns_settings *s);
/* "name=value"; false: no such thing. */
bool pns_command_set(struct pns_settings *s, const char *text);
void pns_command(char *line);

#endif
