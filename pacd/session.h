/*
 * Sessions: call + line + user + address lease, the only place where these meet.
 *
 * A session begins with an admitted Outgoing-Call-Request, or with an offer of a
 * ringing line to a PNS, and is freed when both its call and its line are over;
 * either may end first.  Named by a 64-bit id.
 */
#ifndef PACD_SESSION_H
#define PACD_SESSION_H

#include "pacd/aaa/aaa.h"
#include "pacd/aaa/acct.h"
#include "pacd/aaa/das.h"
#include "pacd/line/line.h"
#include "pacd/net/conn.h"
#include "pacd/net/datapath.h"
#include "pacd/net/resolve.h"
#include "pacd/pool.h"
#include "pacd/proto/call.h"

struct sessions; /* opaque */

/* What sessions work with; all of it belongs to the caller and outlives them. */
struct session_rooms {
	struct ev_loop *loop;
	struct conns *conns;
	struct peers *peers;
	struct datapath *datapath;
	const struct line_ops *line_ops; /* local pppds */
	void *lines;
	const struct line_ops *real_ops; /* real lines; NULL: there are none */
	void *real_lines;
	struct resolver *resolver; /* NULL: PNSs have addresses, never names */
	struct pools *pools;
	struct radius_client *radius; /* NULL: no servers are ever asked */
	struct acct *acct;            /* NULL: nothing is accounted */
};

struct session_view {
	uint64_t id, conn;
	uint16_t call_id, peer_call_id, serial;
	struct endpoint peer;
	uint32_t local_addr;
	const char *state;   /* of the call; "ending" while only the line is left */
	unsigned phase;      /* pppd's */
	const uint8_t *user; /* as the peer sent it */
	size_t user_len;
	const char *method, *pool, *ifname, *datapath;
	uint32_t address, gateway; /* remote and local end; 0: none yet */
	unsigned mppe_bits;
	int64_t started;     /* unix seconds */
	struct mono since;
	unsigned session_timeout, idle_timeout;
	int64_t idle_s;      /* -1: not measured */
	uint32_t pid;
	uint32_t send_accm, receive_accm;
	const char *line, *group, *calling, *called; /* of a real line; NULL: a local pppd */
	bool incoming;
	uint32_t speed; /* bit/s; 0: not known */
	struct datapath_stats stats;
	/* of RADIUS; NULL, "" or 0: none */
	const char *session_id, *account, *filter, *rate_limit, *server;
	enum aaa_authentic by;
	uint32_t rate_up, rate_down;
	const uint8_t *class_; /* encoded Class attributes */
	size_t class_len;
	unsigned interim;
	uint64_t interface_id;
	char routes[512], prefixes[256], delegated[256];
};

/* NULL without memory. */
struct sessions *sessions_new(const struct session_rooms *rooms);
void sessions_free(struct sessions *s);
/* Both stay the caller's and must live until the next call of this. */
void sessions_configure(struct sessions *s, const struct conf *conf, const struct conf_users *users);
/* Refuse new calls. */
void sessions_drain(struct sessions *s, bool on);
/* Ends them all: CDN result 3 each. */
void sessions_end_all(struct sessions *s, enum line_reason reason);

/* Their last records go out now, whatever their pppds still do. */
void sessions_give_up(struct sessions *s);

/* Calls that count against Maximum Channels; sessions that are not freed yet. */
unsigned sessions_channels(const struct sessions *s);
unsigned sessions_count(const struct sessions *s);
void sessions_each(struct sessions *s, void (*each)(void *arg, const struct session_view *v), void *arg);
/* false: no such session. */
bool sessions_view(struct sessions *s, uint64_t id, struct session_view *v);
/* How many were ended. */
unsigned sessions_disconnect(struct sessions *s, uint64_t id);
unsigned sessions_disconnect_user(struct sessions *s, const void *name, size_t len);
unsigned sessions_disconnect_peer(struct sessions *s, uint32_t addr);
/* A real line by its name: its call, or its ring, which nobody answers then. */
unsigned sessions_disconnect_line(struct sessions *s, const char *name);

/* RFC 5176: what a Disconnect- or CoA-Request does; ctx: struct sessions. */
extern const struct das_sessions session_das;

/* --- events: called by the rooms, through their handler tables --- */

extern const struct conn_handlers session_conn_handlers; /* ctx: struct sessions */
extern const struct line_handlers session_line_handlers;
void sessions_line_closed(void *ctx, uint64_t id);       /* datapath_closed_fn */
/* Rings that are not answered yet: nobody will. */
void sessions_end_rings(struct sessions *s);
/* Rings under way. */
unsigned sessions_rings(const struct sessions *s);

#endif
