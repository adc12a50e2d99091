/*
 * Dynamic authorization (RFC 5176): what a Disconnect- or CoA-Request asks for,
 * and the answer to it.
 *
 * Pure.  Signatures are checked before (radius_check_request()).
 */
#ifndef PACD_PROTO_DYNAUTH_H
#define PACD_PROTO_DYNAUTH_H

#include "pacd/proto/radius_grant.h"
#include "pacd/proto/radius_request.h"

enum dynauth_cause { /* Error-Cause */
	DYNAUTH_OK = 0,
	DYNAUTH_RESIDUAL_REMOVED = 201,
	DYNAUTH_UNSUPPORTED_ATTRIBUTE = 401,
	DYNAUTH_MISSING_ATTRIBUTE = 402,
	DYNAUTH_NAS_MISMATCH = 403,
	DYNAUTH_INVALID_REQUEST = 404,
	DYNAUTH_UNSUPPORTED_SERVICE = 405,
	DYNAUTH_INVALID_VALUE = 407,
	DYNAUTH_PROHIBITED = 501,
	DYNAUTH_NOT_FOUND = 503,
	DYNAUTH_NOT_REMOVABLE = 504,
	DYNAUTH_RESOURCES = 506,
};

enum dynauth_ident_bits {
	DYNAUTH_BY_USER = 1u << 0,
	DYNAUTH_BY_PORT = 1u << 1,
	DYNAUTH_BY_ADDRESS = 1u << 2,
	DYNAUTH_BY_CALLED = 1u << 3,
	DYNAUTH_BY_CALLING = 1u << 4,
	DYNAUTH_BY_SESSION = 1u << 5,
	DYNAUTH_BY_PORT_ID = 1u << 6,
	DYNAUTH_BY_INTERFACE_ID = 1u << 7,
	DYNAUTH_BY_OTHER = 1u << 8, /* Acct-Multi-Session-Id, CUI, Framed-IPv6-Prefix: no session of ours has them */
};

struct dynauth_text {
	const uint8_t *p; /* borrowed from the packet */
	size_t len;
};

/* RAD-85: all that are given must match. */
struct dynauth_ident {
	unsigned given; /* enum dynauth_ident_bits */
	struct dynauth_text user, called, calling, session, port_id;
	uint32_t port, address;
	uint64_t interface_id;
};

enum dynauth_change_bits {
	DYNAUTH_SET_SESSION_TIMEOUT = 1u << 0,
	DYNAUTH_SET_IDLE_TIMEOUT = 1u << 1,
	DYNAUTH_SET_INTERIM = 1u << 2,
	DYNAUTH_SET_FILTER = 1u << 3,
	DYNAUTH_SET_CLASS = 1u << 4,
	DYNAUTH_SET_RATE_UP = 1u << 5,
	DYNAUTH_SET_RATE_DOWN = 1u << 6,
	DYNAUTH_SET_RATE_LIMIT = 1u << 7,
};

/* RAD-87; in a Disconnect-Request only the Class counts (RAD-86). */
struct dynauth_change {
	unsigned given; /* enum dynauth_change_bits */
	uint32_t session_timeout, idle_timeout, interim;
	uint32_t rate_up, rate_down; /* bit/s */
	struct dynauth_text filter, rate_limit;
	uint8_t class_[RADIUS_CLASS_MAX]; /* encoded Class attributes */
	size_t class_len;
};

struct dynauth_request {
	bool disconnect; /* else CoA */
	struct dynauth_ident ident;
	struct dynauth_change change;
	bool has_timestamp;
	uint32_t timestamp; /* Event-Timestamp */
};

/*
 * Reads a verified request.  DYNAUTH_OK, or why it is refused: unsupported attribute, other NAS (RAD-84), nothing that
 * identifies (RAD-85), bad value, Service-Type (RAD-88).  timestamp is filled in any case.
 */
enum dynauth_cause dynauth_decode(struct dynauth_request *d, const struct radius_packet *p,
				  const struct radius_nas *nas);
/* RAD-82, RAD-83: ACK (DYNAUTH_OK) or NAK with its Error-Cause; Proxy-State and (CoA) State of the request copied. */
size_t dynauth_reply(uint8_t *data, size_t cap, const struct radius_packet *request, enum dynauth_cause cause,
		     uint32_t terminate_cause, struct radius_secret secret);

#endif
