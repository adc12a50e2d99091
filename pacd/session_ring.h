/*
 * A ring: a caller on a real line whom nobody has answered yet.  What
 * session_ring.c, which owns it, and session_offer.c share.
 */
#ifndef PACD_SESSION_RING_H
#define PACD_SESSION_RING_H

#include "pacd/session_internal.h"

#define RING_CANDIDATES 32

/* A PNS to try. */
struct ring_candidate {
	char host[RADIUS_TEXT]; /* as RADIUS has it; "": addr is known */
	uint32_t addr;
	uint16_t port;
	uint32_t source;        /* our own address; 0: any */
	const struct radius_tunnel_set *set; /* in the grant; NULL: of the configuration */
};

struct ring {
	struct list link; /* in set->rings */
	struct sessions *set;
	uint64_t id;      /* the line's name for it */
	struct conf *conf; /* the snapshot that it began with, held */
	char name[LINE_NAME], group[LINE_NAME], called[MSG_TEXT + 1], calling[MSG_TEXT + 1];
	uint32_t channel, bearer, framing;
	struct radius_call radius;
	struct aaa_exchange *asking;
	struct radius_grant *grant;
	char server[AAA_SERVER_TEXT];
	struct ring_candidate list[RING_CANDIDATES];
	unsigned n, at;   /* at: the next one */
	struct ring_candidate *now; /* the one that is tried; NULL: none */
	uint64_t resolving;
	uint64_t conn;    /* that is being opened for it; 0: none, or the PNS opens one itself */
	uint64_t session; /* of the offer that is out; 0: none */
	bool holds_channel; /* counts against Maximum Channels itself: no offer does it meanwhile */
	bool again;       /* try the next one, in a turn of its own */
	bool refuse;      /* or none */
	struct mono offer_until; /* of `now`, and never behind ring_until; MONO_NEVER: nothing is tried */
	struct mono ring_until;
	struct ev_timer timer;
};

#define RING_LOG "line=%s calling=%s called=%s"

#endif
