/*
 * The two plugin interfaces of pppd, 2.4.9 and 2.5, as one.
 *
 * Must be the first include of every file of the plugin: 2.4.9's headers define
 * `bool` themselves, as an octet, and their structs have that layout.  The
 * configure macro HAVE_PPPD_CHAP_H says 2.5; both versions export more than
 * their headers declare, and what is needed of that is declared here.
 */
#ifndef PACD_PLUGIN_COMPAT_H
#define PACD_PLUGIN_COMPAT_H

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef void compat_event(void *ctx, int arg);

/* 2.4.9's functions take texts that are not const, and change none. */
#define COMPAT_TEXT(format, ...) (char *)(uintptr_t)(format), ##__VA_ARGS__
#define compat_error(...) error(COMPAT_TEXT(__VA_ARGS__))
#define compat_warn(...) warn(COMPAT_TEXT(__VA_ARGS__))
#define compat_notice(...) notice(COMPAT_TEXT(__VA_ARGS__))
#define compat_fatal(...) fatal(COMPAT_TEXT(__VA_ARGS__))

#ifdef HAVE_PPPD_CHAP_H /* 2.5 */

#include <signal.h>

#include <pppd/pppd.h>

#include <pppd/fsm.h>

#include <pppd/ccp.h>
#include <pppd/chap.h>
#include <pppd/eui64.h>
#include <pppd/ipcp.h>
#include <pppd/ipv6cp.h>
#include <pppd/lcp.h>
#include <pppd/mppe.h>
#include <pppd/options.h>
#include <pppd/upap.h>

#define COMPAT_VERSION PPPD_VERSION

#define compat_option_error(...) ppp_option_error(COMPAT_TEXT(__VA_ARGS__))

static inline void compat_on_phase(compat_event *f)
{
	ppp_add_notify(NF_PHASE_CHANGE, f, NULL);
}

static inline void compat_on_ip_up(compat_event *f)
{
	ppp_add_notify(NF_IP_UP, f, NULL);
}

static inline void compat_on_ip_down(compat_event *f)
{
	ppp_add_notify(NF_IP_DOWN, f, NULL);
}

static inline void compat_on_ipv6_up(compat_event *f)
{
	ppp_add_notify(NF_IPV6_UP, f, NULL);
}

static inline void compat_on_link_down(compat_event *f)
{
	ppp_add_notify(NF_LINK_DOWN, f, NULL);
}

/* As soon as pppd is back in its loop. */
static inline void compat_soon(void (*f)(void *))
{
	ppp_timeout(f, NULL, 0, 0);
}

extern int got_sigterm; /* exported by pppd, though no header of 2.5 says so */

static inline void compat_forget_sigterm(void)
{
	*(volatile int *)&got_sigterm = 0;
}

static inline bool compat_got_sigterm(void)
{
	return ppp_signaled(SIGTERM);
}

static inline int compat_status(void)
{
	return (int)ppp_status();
}

/* What pppd is to exit with. */
static inline void compat_set_status(int code)
{
	ppp_set_status((ppp_exit_code_t)code);
}

static inline const char *compat_ifname(void)
{
	return ppp_ifname();
}

static inline unsigned compat_unit(void)
{
	return (unsigned)ppp_ifunit();
}

static inline int compat_get_mtu(void)
{
	return ppp_get_mtu(0);
}

static inline void compat_set_mtu(int mtu)
{
	ppp_set_mtu(0, mtu);
}

/* Copies both. */
static inline void compat_setenv(const char *name, const char *value)
{
	ppp_script_setenv((char *)(uintptr_t)name, (char *)(uintptr_t)value, 0);
}

/* Wipes its arguments. */
static inline void compat_mppe_keys(uint8_t send[16], uint8_t recv[16])
{
	mppe_set_keys(send, recv, 16);
}

static inline bool compat_counters(uint64_t *in_octets, uint64_t *out_octets, uint64_t *in_packets,
				   uint64_t *out_packets)
{
	ppp_link_stats_st st;

	if (!ppp_get_link_stats(&st))
		return false;
	*in_octets = st.bytes_in;
	*out_octets = st.bytes_out;
	*in_packets = st.pkts_in;
	*out_packets = st.pkts_out;
	return true;
}

#else /* 2.4.9 */

#define CHAPMS 1 /* as Debian and all others build it: the headers hide MPPE and IPv6 without them */
#define MPPE 1
#define INET6 1

#include <pppd/pppd.h>

#include <pppd/fsm.h>

#include <pppd/ccp.h>
#include <pppd/chap-new.h>
#include <pppd/ipcp.h>
#include <pppd/ipv6cp.h>
#include <pppd/lcp.h>
#include <pppd/mppe.h>
#include <pppd/patchlevel.h>

#include <stdbool.h>

#define COMPAT_VERSION VERSION

#define compat_option_error(...) option_error(COMPAT_TEXT(__VA_ARGS__))

extern u_char mppe_send_key[MPPE_MAX_KEY_LEN];
extern u_char mppe_recv_key[MPPE_MAX_KEY_LEN];
extern int mppe_keys_set;

static inline void compat_on_phase(compat_event *f)
{
	add_notifier(&phasechange, f, NULL);
}

static inline void compat_on_ip_up(compat_event *f)
{
	add_notifier(&ip_up_notifier, f, NULL);
}

static inline void compat_on_ip_down(compat_event *f)
{
	add_notifier(&ip_down_notifier, f, NULL);
}

static inline void compat_on_ipv6_up(compat_event *f)
{
	add_notifier(&ipv6_up_notifier, f, NULL);
}

static inline void compat_on_link_down(compat_event *f)
{
	add_notifier(&link_down_notifier, f, NULL);
}

static inline void compat_soon(void (*f)(void *))
{
	timeout(f, NULL, 0, 0);
}

static inline bool compat_got_sigterm(void)
{
	return *(volatile int *)&got_sigterm != 0; /* set in a signal handler, and not declared so */
}

static inline void compat_forget_sigterm(void)
{
	*(volatile int *)&got_sigterm = 0;
}

static inline int compat_status(void)
{
	return status;
}

static inline void compat_set_status(int code)
{
	status = code;
}

static inline const char *compat_ifname(void)
{
	return ifname;
}

static inline unsigned compat_unit(void)
{
	return (unsigned)ifunit;
}

static inline int compat_get_mtu(void)
{
	return netif_get_mtu(0);
}

static inline void compat_set_mtu(int mtu)
{
	netif_set_mtu(0, mtu);
}

/* Copies both. */
static inline void compat_setenv(const char *name, const char *value)
{
	script_setenv((char *)(uintptr_t)name, (char *)(uintptr_t)value, 0);
}

/* Not mppe_set_keys(): in 2.4.9 that is MS-CHAPv1's derivation. */
static inline void compat_mppe_keys(uint8_t send[16], uint8_t recv[16])
{
	memcpy(mppe_send_key, send, 16);
	memcpy(mppe_recv_key, recv, 16);
	mppe_keys_set = 1;
	explicit_bzero(send, 16);
	explicit_bzero(recv, 16);
}

static inline bool compat_counters(uint64_t *in_octets, uint64_t *out_octets, uint64_t *in_packets,
				   uint64_t *out_packets)
{
	update_link_stats(0);
	if (!link_stats_valid)
		return false;
	*in_octets = link_stats.bytes_in;
	*out_octets = link_stats.bytes_out;
	*in_packets = link_stats.pkts_in;
	*out_packets = link_stats.pkts_out;
	return true;
}

#endif

/* --- pppd's database: exported by both, declared by neither, and missing from a pppd that is built without it --- */

struct compat_tdb;

struct compat_tdb_data { /* passed by value, as TDB_DATA is */
	char *dptr;
	size_t dsize;
};

#define COMPAT_WEAK __attribute__((weak))

extern struct compat_tdb *pppdb COMPAT_WEAK;
extern char db_key[] COMPAT_WEAK; /* of the entry that has all variables */
extern char **script_env;         /* the octet before each text: it is a key as well */
int tdb_delete(struct compat_tdb *db, struct compat_tdb_data key) COMPAT_WEAK;
int tdb_close(struct compat_tdb *db) COMPAT_WEAK;

static inline void compat_delete_key(char *key)
{
	tdb_delete(pppdb, (struct compat_tdb_data){ key, strlen(key) });
}

/*
 * From now on no variable of scripts is written to that file, which everybody may read; what is there of this pppd
 * goes, as pppd would take it out itself at its end.  Only multilink has a use for it.
 */
static inline void compat_leave_database(void)
{
	if (!&pppdb || !pppdb || !&db_key || !&tdb_delete || !&tdb_close || lcp_wantoptions[0].neg_mrru)
		return;
	compat_delete_key(db_key);
	for (char **p = script_env; p && *p; p++)
		if ((*p)[-1])
			compat_delete_key(*p);
	tdb_close(pppdb);
	pppdb = NULL;
}

#endif
