/*
 * What an Access-Accept, -Reject or -Challenge says, as plain values (ledger
 * sections 3 to 5), and the text of a Framed-Route.
 *
 * Pure.  Secrets (keys, Tunnel-Password) are in plain text here: wipe it after
 * use with radius_grant_wipe().
 */
#ifndef PACD_PROTO_RADIUS_GRANT_H
#define PACD_PROTO_RADIUS_GRANT_H

#include "pacd/proto/radius.h"

#define RADIUS_CLASS_MAX 2048 /* octets of all Class attributes, encoded */
#define RADIUS_ROUTES 32
#define RADIUS_PREFIXES 4
#define RADIUS_FILTERS 3
#define RADIUS_TUNNELS 16

#define RADIUS_ADDRESS_USER 0xffffffffu /* Framed-IP-Address: the user chooses */
#define RADIUS_ADDRESS_NAS 0xfffffffeu  /* from a pool */

enum radius_given { /* bits of radius_grant.given: attributes with one value */
	RADIUS_GIVEN_SERVICE = 1u << 0,
	RADIUS_GIVEN_PROTOCOL = 1u << 1,
	RADIUS_GIVEN_ADDRESS = 1u << 2,
	RADIUS_GIVEN_NETMASK = 1u << 3,
	RADIUS_GIVEN_FILTER = 1u << 4,
	RADIUS_GIVEN_MTU = 1u << 5,
	RADIUS_GIVEN_COMPRESSION = 1u << 6,
	RADIUS_GIVEN_SESSION_TIMEOUT = 1u << 7,
	RADIUS_GIVEN_IDLE_TIMEOUT = 1u << 8,
	RADIUS_GIVEN_TERMINATION = 1u << 9,
	RADIUS_GIVEN_PORT_LIMIT = 1u << 10,
	RADIUS_GIVEN_INTERIM = 1u << 11,
	RADIUS_GIVEN_POOL = 1u << 12,
	RADIUS_GIVEN_INTERFACE_ID = 1u << 13,
	RADIUS_GIVEN_POLICY = 1u << 14,
	RADIUS_GIVEN_TYPES = 1u << 15,
	RADIUS_GIVEN_KEYS = 1u << 16,       /* send_key and recv_key */
	RADIUS_GIVEN_MSCHAP_KEYS = 1u << 17, /* nt_key */
	RADIUS_GIVEN_SUCCESS = 1u << 18,    /* MS-CHAP2-Success */
	RADIUS_GIVEN_ERROR = 1u << 19,      /* MS-CHAP-Error */
	RADIUS_GIVEN_RATE_UP = 1u << 20,
	RADIUS_GIVEN_RATE_DOWN = 1u << 21,
	RADIUS_GIVEN_RATE_LIMIT = 1u << 22,
	RADIUS_GIVEN_CALLBACK = 1u << 23,
	RADIUS_GIVEN_USER_NAME = 1u << 24,
};

struct radius_route {
	uint32_t prefix; /* host order, host bits 0 */
	uint8_t len;     /* 0..32 */
	uint32_t gateway; /* 0: the user's own address */
	uint32_t metric; /* 0: not given */
};

struct radius_prefix6 {
	uint8_t len; /* 0..128 */
	uint8_t prefix[16]; /* octets past len are 0 */
};

/* All tunnel attributes of one tag (ledger section 5). */
struct radius_tunnel_set {
	uint8_t tag;         /* 0: the untagged set */
	uint32_t type;       /* Tunnel-Type; 0: not given; 1: PPTP */
	uint32_t medium;     /* Tunnel-Medium-Type; 1: IPv4, also where not given */
	uint32_t preference; /* lowest first; UINT32_MAX: not given */
	char client_endpoint[RADIUS_TEXT], server_endpoint[RADIUS_TEXT];
	char private_group[RADIUS_TEXT], assignment[RADIUS_TEXT];
	char client_auth[RADIUS_TEXT], server_auth[RADIUS_TEXT];
	uint8_t password[RADIUS_TEXT];
	size_t password_len;
};

struct radius_grant {
	uint32_t given; /* enum radius_given */
	uint32_t service, protocol, address, netmask, mtu, compression;
	uint32_t session_timeout, idle_timeout, termination, port_limit, interim;
	char filter[RADIUS_TEXT], pool[RADIUS_TEXT], rate_limit[RADIUS_TEXT]; /* a NUL inside ends the text */
	char more_filters[RADIUS_FILTERS][RADIUS_TEXT]; /* Filter-Ids after the first one; what is over is left out */
	unsigned nmore_filters;
	char user_name[RADIUS_TEXT]; /* User-Name of the Accept: for accounting */
	uint32_t rate_up, rate_down; /* bit/s */
	uint32_t dns[2], wins[2];    /* host order; 0: not given */
	uint64_t interface_id;
	char message[RADIUS_VALUE_MAX + 3]; /* Reply-Messages, joined, up to 255 octets, printable UTF-8 or '?' */
	uint8_t class_[RADIUS_CLASS_MAX];   /* Class attributes, encoded, in order */
	size_t class_len;
	uint8_t state[RADIUS_VALUE_MAX];
	uint8_t state_len;
	struct radius_route routes[RADIUS_ROUTES];
	unsigned nroutes, bad_routes; /* bad_routes: syntax, or too many */
	struct radius_prefix6 prefixes[RADIUS_PREFIXES], delegated[RADIUS_PREFIXES];
	unsigned nprefixes, ndelegated;
	uint32_t policy, types;              /* MS-MPPE-Encryption-Policy and -Types */
	uint8_t send_key[16], recv_key[16];  /* seen from the server, i.e. from us */
	uint8_t nt_key[16];                  /* of MS-CHAP-MPPE-Keys: the hash of the NT password hash */
	char success[43];                    /* "S=" and 40 digits */
	uint8_t success_id, error_id;        /* the CHAP identifier in front */
	char error[RADIUS_TEXT];             /* "E=691 R=0 ..." */
	struct radius_tunnel_set tunnels[RADIUS_TUNNELS]; /* in order of preference */
	unsigned ntunnels;
	unsigned unknown;      /* standard attributes that mean nothing to pacd */
	uint8_t first_unknown; /* the first one's type */
};

/*
 * Decodes a verified reply.  0, or -EBADMSG: an attribute has a wrong size or value, and *bad is its type (RAD: "wrong
 * size for a fixed-size attribute" is a Reject).  h: the hiding of the request that was answered.
 * Of attributes that may come once the first counts.  After an error nothing is left in *g.
 */
int radius_grant_decode(struct radius_grant *g, const struct radius_packet *p, const struct radius_hiding *h,
			uint8_t *bad);
void radius_grant_wipe(struct radius_grant *g);
/*
 * What a call's authorization gave stands where the user's says nothing (RAD-12): Session-Timeout, Idle-Timeout,
 * Port-Limit, Class, Filter-Id, Framed-Pool, Acct-Interim-Interval.
 */
void radius_grant_inherit(struct radius_grant *user, const struct radius_grant *call);
/* RFC 2865 section 5.22: "prefix[/len] [gateway [metric...]]"; without a length that of the old class. 0 or -EINVAL. */
int radius_route_parse(struct radius_route *r, const void *text, size_t len);

#endif
