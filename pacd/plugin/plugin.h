/*
 * What the plugin's files say to each other.  compat.h goes before it.
 *
 * pppd has one thread and one link, so all state is static in the file that
 * owns it.  No name here may be one that pppd exports: the program's would win.
 */
#ifndef PACD_PLUGIN_PLUGIN_H
#define PACD_PLUGIN_PLUGIN_H

#include "common/plugin_proto.h"

/* --- plugin.c: the socket to main, and what pppd calls first --- */

/* Never blocks. 0, or a negative code: main is gone, or does not read. */
int plugin_send(const struct plugin_msg *m);
/*
 * One message of main, waiting until `deadline_ms` (plugin_clock_ms) at most.  0; -ETIMEDOUT; -EPIPE: main is gone;
 * -EINTR: pppd has been told to end; -EBADMSG.  An END is kept aside and reported as -ECANCELED.
 */
int plugin_receive(struct plugin_msg *m, int64_t deadline_ms);
/* Reads what is there already: keeps an END's reason, drops the rest. */
void plugin_drain(void);
/* The reason of an END that came, or NULL. */
const char *plugin_end_reason(void);
int64_t plugin_clock_ms(void);

/* --- login.c: the peer's proof goes to main --- */

void login_init(void);
/* Each packet before pppd has looked at it. */
void login_snoop(const uint8_t *packet, size_t len);

/* --- grant.c: what main's answer gives the peer --- */

void grant_init(void);
/*
 * `method` (enum plugin_method): how the peer has logged in.  0, or -1: what the answer demands can't be had, refuse the
 * login.  Wipes the keys.
 */
int grant_apply(struct plugin_answer *a, uint8_t method);
/* Each packet before pppd has looked at it: notices a peer that asks for MPPE where it is allowed. */
void grant_snoop(const uint8_t *packet, size_t len);
/* MPPE in use now, in bits: 0, 40 or 128. */
uint8_t grant_mppe_bits(void);
/* False where MPPE is demanded and not in use. */
bool grant_kept(void);
/* MPPE may be used or not. */
bool grant_optional(void);
/* MPPE has come up, before IP, on a link where it need not: asks for our address again. */
void grant_hurry_ipcp(void);
/* At ip-up, and when MPPE comes up later: the interface's MTU, which CCP and LCP have left somewhere. */
void grant_mtu(void);

/* --- route.c: routes through the link --- */

/* The answer's, for each ip-up of this call. */
void route_keep(const struct plugin_answer *a);
/* The interface has its address and is up. One that cannot be had costs a warning, not the call. */
void route_up(void);
/* The interface is up still. */
void route_down(void);

/* --- report.c: up, down, counters --- */

void report_init(void);
/* The session is over: a login now would be another session, in a process that main counts as one. */
bool report_over(void);
/* Each packet before pppd has looked at it: MPPE may come up after IP, and the peer may end the link. */
void report_snoop(const uint8_t *packet, size_t len);

#endif
