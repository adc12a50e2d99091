/*
 * Counters of the daemon: one table feeds `pacctl show stats` and, later, the
 * metrics endpoint.  Main's thread only; the data path has its own.
 */
#ifndef PACD_STATS_H
#define PACD_STATS_H

#include <stdint.h>

/* X(enumerator, "name", "help") */
#define STATS_TABLE(X)                                                                              \
	X(CONNECTIONS_ACCEPTED, "connections_accepted", "control connections accepted")             \
	X(CONNECTIONS_ESTABLISHED, "connections_established", "control connections established")    \
	X(CONNECTIONS_DENIED, "connections_denied", "closed at accept: peers.deny or peers.allow")  \
	X(CONNECTIONS_LIMITED, "connections_limited", "closed at accept: a limit")                  \
	X(CONNECTIONS_FAULTY, "connections_faulty", "closed for malformed input")                   \
	X(CONNECTIONS_TIMED_OUT, "connections_timed_out", "closed by a timer")                      \
	X(ACCEPT_FAILURES, "accept_failures", "accept() failed: out of descriptors or memory")      \
	X(MESSAGES_IN, "messages_in", "control messages received")                                  \
	X(MESSAGES_OUT, "messages_out", "control messages sent")                                    \
	X(MESSAGES_IGNORED, "messages_ignored", "well formed messages that had no business there")  \
	X(MESSAGES_SKIPPED, "messages_skipped", "messages of unknown type")                         \
	X(CALLS_REQUESTED, "calls_requested", "Outgoing-Call-Requests")                             \
	X(CALLS_CONNECTED, "calls_connected", "calls answered")                                     \
	X(CALLS_REFUSED_CHANNELS, "calls_refused_channels", "refused: max_channels")                \
	X(CALLS_REFUSED_LIMIT, "calls_refused_limit", "refused: a limit per peer or connection")    \
	X(CALLS_REFUSED_VALUE, "calls_refused_value", "refused: bad value or call id in the request") \
	X(CALLS_REFUSED_DRAIN, "calls_refused_drain", "refused: draining")                          \
	X(CALLS_FAILED, "calls_failed", "refused: the line failed")                                 \
	X(CALLS_ENDED, "calls_ended", "calls that were up and have ended")                          \
	X(RINGS, "rings", "calls that came in on real lines")                                       \
	X(RINGS_REFUSED, "rings_refused", "of these not answered: no channel, no PNS, RADIUS, draining") \
	X(RINGS_ABANDONED, "rings_abandoned", "of these given up by the caller")                    \
	X(CALLS_OFFERED, "calls_offered", "Incoming-Call-Requests")                                 \
	X(CALLS_WITHDRAWN, "calls_withdrawn", "offers withdrawn: no answer in pns.offer_timeout")   \
	X(LINES_FAILED, "lines_failed", "real lines that went out of service")                      \
	X(WENS_SENT, "wens_sent", "WAN-Error-Notifies")                                             \
	X(LOGINS_ACCEPTED, "logins_accepted", "users accepted")                                     \
	X(LOGINS_REJECTED, "logins_rejected", "users rejected")                                     \
	X(POOL_EXHAUSTED, "pool_exhausted", "logins refused: no free address")                      \
	X(PPPD_STARTED, "pppd_started", "pppd processes started")                                   \
	X(PPPD_FAILED, "pppd_failed", "pppd could not be started or ended with a failure")          \
	X(PPPD_KILLED, "pppd_killed", "pppd processes that needed SIGKILL")                         \
	X(PLUGIN_FAULTS, "plugin_faults", "malformed messages of the plugin")                       \
	X(RELOADS, "reloads", "configurations taken over")                                          \
	X(RELOADS_REFUSED, "reloads_refused", "bad configurations refused on reload")

enum stats_counter {
#define X(id, name, help) STATS_##id,
	STATS_TABLE(X)
#undef X
	STATS_COUNTERS
};

void stats_add(enum stats_counter c);
uint64_t stats_get(enum stats_counter c);
const char *stats_name(enum stats_counter c);
const char *stats_help(enum stats_counter c);

#endif
