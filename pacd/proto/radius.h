/*
 * RADIUS packets: attributes in and out, signatures, hidden values.
 *
 * Pure: no IO, clock, allocation or dictionary.  Numbers are those of RFC 2865,
 * 2866, 2868, 2869, 3162, 4372, 4818, 5176 and of the vendors named here.
 */
#ifndef PACD_PROTO_RADIUS_H
#define PACD_PROTO_RADIUS_H

#include "common/buf.h"

#define RADIUS_PACKET_MAX 4096
#define RADIUS_HEADER 20
#define RADIUS_AUTHENTICATOR 16
#define RADIUS_VALUE_MAX 253 /* octets of one attribute's value */
#define RADIUS_TEXT (RADIUS_VALUE_MAX + 1)
#define RADIUS_PASSWORD_MAX 128
#define RADIUS_SECRET_MAX 253

enum radius_code {
	RADIUS_ACCESS_REQUEST = 1,
	RADIUS_ACCESS_ACCEPT = 2,
	RADIUS_ACCESS_REJECT = 3,
	RADIUS_ACCOUNTING_REQUEST = 4,
	RADIUS_ACCOUNTING_RESPONSE = 5,
	RADIUS_ACCESS_CHALLENGE = 11,
	RADIUS_STATUS_SERVER = 12,
	RADIUS_DISCONNECT_REQUEST = 40,
	RADIUS_DISCONNECT_ACK = 41,
	RADIUS_DISCONNECT_NAK = 42,
	RADIUS_COA_REQUEST = 43,
	RADIUS_COA_ACK = 44,
	RADIUS_COA_NAK = 45,
};

enum radius_type {
	RADIUS_USER_NAME = 1,
	RADIUS_USER_PASSWORD = 2,
	RADIUS_CHAP_PASSWORD = 3,
	RADIUS_NAS_IP_ADDRESS = 4,
	RADIUS_NAS_PORT = 5,
	RADIUS_SERVICE_TYPE = 6,
	RADIUS_FRAMED_PROTOCOL = 7,
	RADIUS_FRAMED_IP_ADDRESS = 8,
	RADIUS_FRAMED_IP_NETMASK = 9,
	RADIUS_FILTER_ID = 11,
	RADIUS_FRAMED_MTU = 12,
	RADIUS_FRAMED_COMPRESSION = 13,
	RADIUS_REPLY_MESSAGE = 18,
	RADIUS_CALLBACK_NUMBER = 19,
	RADIUS_CALLBACK_ID = 20,
	RADIUS_FRAMED_ROUTE = 22,
	RADIUS_STATE = 24,
	RADIUS_CLASS = 25,
	RADIUS_VENDOR_SPECIFIC = 26,
	RADIUS_SESSION_TIMEOUT = 27,
	RADIUS_IDLE_TIMEOUT = 28,
	RADIUS_TERMINATION_ACTION = 29,
	RADIUS_CALLED_STATION_ID = 30,
	RADIUS_CALLING_STATION_ID = 31,
	RADIUS_NAS_IDENTIFIER = 32,
	RADIUS_PROXY_STATE = 33,
	RADIUS_ACCT_STATUS_TYPE = 40,
	RADIUS_ACCT_DELAY_TIME = 41,
	RADIUS_ACCT_INPUT_OCTETS = 42,
	RADIUS_ACCT_OUTPUT_OCTETS = 43,
	RADIUS_ACCT_SESSION_ID = 44,
	RADIUS_ACCT_AUTHENTIC = 45,
	RADIUS_ACCT_SESSION_TIME = 46,
	RADIUS_ACCT_INPUT_PACKETS = 47,
	RADIUS_ACCT_OUTPUT_PACKETS = 48,
	RADIUS_ACCT_TERMINATE_CAUSE = 49,
	RADIUS_ACCT_MULTI_SESSION_ID = 50,
	RADIUS_ACCT_INPUT_GIGAWORDS = 52,
	RADIUS_ACCT_OUTPUT_GIGAWORDS = 53,
	RADIUS_EVENT_TIMESTAMP = 55,
	RADIUS_CHAP_CHALLENGE = 60,
	RADIUS_NAS_PORT_TYPE = 61,
	RADIUS_PORT_LIMIT = 62,
	RADIUS_TUNNEL_TYPE = 64,
	RADIUS_TUNNEL_MEDIUM_TYPE = 65,
	RADIUS_TUNNEL_CLIENT_ENDPOINT = 66,
	RADIUS_TUNNEL_SERVER_ENDPOINT = 67,
	RADIUS_ACCT_TUNNEL_CONNECTION = 68,
	RADIUS_TUNNEL_PASSWORD = 69,
	RADIUS_CONNECT_INFO = 77,
	RADIUS_EAP_MESSAGE = 79,
	RADIUS_MESSAGE_AUTHENTICATOR = 80,
	RADIUS_TUNNEL_PRIVATE_GROUP_ID = 81,
	RADIUS_TUNNEL_ASSIGNMENT_ID = 82,
	RADIUS_TUNNEL_PREFERENCE = 83,
	RADIUS_ACCT_INTERIM_INTERVAL = 85,
	RADIUS_ACCT_TUNNEL_PACKETS_LOST = 86,
	RADIUS_NAS_PORT_ID = 87,
	RADIUS_FRAMED_POOL = 88,
	RADIUS_CUI = 89,
	RADIUS_TUNNEL_CLIENT_AUTH_ID = 90,
	RADIUS_TUNNEL_SERVER_AUTH_ID = 91,
	RADIUS_NAS_IPV6_ADDRESS = 95,
	RADIUS_FRAMED_INTERFACE_ID = 96,
	RADIUS_FRAMED_IPV6_PREFIX = 97,
	RADIUS_ERROR_CAUSE = 101,
	RADIUS_DELEGATED_IPV6_PREFIX = 123,
};

enum radius_vendor { RADIUS_MICROSOFT = 311, RADIUS_WISPR = 14122, RADIUS_MIKROTIK = 14988 };

enum radius_microsoft { /* vendor types of RFC 2548 */
	RADIUS_MS_CHAP_RESPONSE = 1,
	RADIUS_MS_CHAP_ERROR = 2,
	RADIUS_MS_MPPE_ENCRYPTION_POLICY = 7,
	RADIUS_MS_MPPE_ENCRYPTION_TYPES = 8,
	RADIUS_MS_CHAP_CHALLENGE = 11,
	RADIUS_MS_CHAP_MPPE_KEYS = 12,
	RADIUS_MS_MPPE_SEND_KEY = 16,
	RADIUS_MS_MPPE_RECV_KEY = 17,
	RADIUS_MS_ACCT_AUTH_TYPE = 23,
	RADIUS_MS_CHAP2_RESPONSE = 25,
	RADIUS_MS_CHAP2_SUCCESS = 26,
	RADIUS_MS_PRIMARY_DNS = 28,
	RADIUS_MS_SECONDARY_DNS = 29,
	RADIUS_MS_PRIMARY_NBNS = 30,
	RADIUS_MS_SECONDARY_NBNS = 31,
};

enum { RADIUS_WISPR_BANDWIDTH_MAX_UP = 7, RADIUS_WISPR_BANDWIDTH_MAX_DOWN = 8, RADIUS_MIKROTIK_RATE_LIMIT = 8 };

struct radius_secret {
	const uint8_t *p; /* borrowed */
	size_t len;       /* 1..RADIUS_SECRET_MAX */
};

/* What a value is hidden with: the secret of the server that is asked, and the Request Authenticator of that packet. */
struct radius_hiding {
	struct radius_secret secret;
	const uint8_t *authenticator; /* RADIUS_AUTHENTICATOR octets, borrowed */
};

/* --- attributes --- */

struct radius_attribute {
	uint8_t type, len;    /* enum radius_type; octets of the value: 0..253 */
	const uint8_t *value; /* borrowed */
};

/* A value inside of a Vendor-Specific attribute (RFC 2865 section 5.26, the recommended form). */
struct radius_vsa {
	uint32_t vendor;
	uint8_t type, len;
	const uint8_t *value;
};

/* Every attribute's length is at least 2 and they fill the octets exactly. */
bool radius_list_valid(const uint8_t *attributes, size_t len);
/* The next attribute; false at the end, and at a broken one (then r->fault is set). Start with rbuf_init(). */
bool radius_next(struct rbuf *r, struct radius_attribute *a);
/*
 * The next value inside of a Vendor-Specific attribute: false at the end or where it has not that form.  `r` is over
 * the whole value at the start, and *vendor is kept there by the caller between calls: 0 at the start.
 */
bool radius_vsa_next(struct rbuf *r, uint32_t *vendor, struct radius_vsa *v);

/* Values of zero octets are not written (RFC 2865 section 5); longer ones than 253 fault the writer. */
void radius_put(struct wbuf *w, uint8_t type, const void *value, size_t len);
void radius_put_u32(struct wbuf *w, uint8_t type, uint32_t v);
void radius_put_text(struct wbuf *w, uint8_t type, const char *text); /* nothing for "" */
void radius_put_vsa(struct wbuf *w, uint32_t vendor, uint8_t type, const void *value, size_t len); /* up to 247 */
void radius_put_vsa_u32(struct wbuf *w, uint32_t vendor, uint8_t type, uint32_t v);

/* --- packets out --- */

/*
 * Header; `authenticator` is that of the request (16 random octets for Access-Request and Status-Server), NULL: zeros,
 * where radius_finish() computes it.  A Message-Authenticator comes first in Access-Request and Status-Server
 * (RAD-51), and in replies of ours where `sign` is set (RAD-81).
 */
void radius_begin(struct wbuf *w, uint8_t code, uint8_t id, const uint8_t *authenticator, bool sign);
/*
 * Length, then Message-Authenticator where there is one (RFC 3579 section 3.2, RAD-50), then for codes 4, 40 and 43
 * the Request Authenticator (RFC 2866 section 3).  Octets of the packet, or 0 when it did not fit.
 */
size_t radius_finish(struct wbuf *w, struct radius_secret secret);
/* Likewise for a reply of ours (41, 42, 44, 45): `w` was begun with the request's authenticator, the Response
 * Authenticator takes its place. */
size_t radius_finish_reply(struct wbuf *w, struct radius_secret secret);

/* --- packets in --- */

/* Why a packet is dropped; the words are the counters' names. */
enum radius_fault {
	RADIUS_GOOD,
	RADIUS_BAD_LENGTH,        /* shorter than its header or than it says */
	RADIUS_BAD_CODE,          /* no answer to a request of that code */
	RADIUS_BAD_ID,            /* for the caller: nothing with that id is outstanding */
	RADIUS_BAD_LIST,          /* the attributes' lengths don't add up */
	RADIUS_BAD_AUTHENTICATOR, /* Response or Request Authenticator */
	RADIUS_BAD_SIGNATURE,     /* Message-Authenticator wrong, or more than one, or not of 16 octets */
	RADIUS_NO_SIGNATURE,      /* Message-Authenticator is required and missing */
	RADIUS_PROXY_STATE_SEEN,  /* RAD-54 */
	RADIUS_BAD_SOURCE,        /* for the caller */
	RADIUS_FAULTS
};

const char *radius_fault_word(enum radius_fault f);
const char *radius_code_word(uint8_t code); /* "Access-Accept"; "unknown" */

/* Header of any packet: its length as it says, octets behind are padding. RADIUS_GOOD, or _BAD_LENGTH. */
struct radius_packet {
	uint8_t code, id;
	const uint8_t *authenticator; /* borrowed, as all of it */
	const uint8_t *attributes;
	size_t len; /* of the attributes */
	bool signed_; /* a good Message-Authenticator is there */
};

enum radius_fault radius_parse(struct radius_packet *p, const uint8_t *data, size_t len);

struct radius_expectation {
	uint8_t code, id;             /* of the request */
	const uint8_t *authenticator; /* of the request */
	struct radius_secret secret;
	bool require_signature;       /* of Accept, Reject and Challenge: RAD-53; never of Accounting-Response */
};

/*
 * Is it the answer to that request: length, code, id, list, Response Authenticator, Message-Authenticator, no
 * Proxy-State; comparisons in constant time.  An EAP-Message in it always requires the signature.
 * Request codes: 1 (answers 2, 3, 11), 4 (5), 12 (2 or 5).
 */
enum radius_fault radius_check_reply(struct radius_packet *p, const uint8_t *data, size_t len,
				     const struct radius_expectation *e);
/*
 * A Disconnect- or CoA-Request (RFC 5176): length, code, Request Authenticator, Message-Authenticator where there
 * (RAD-81), or required.  A broken list is RADIUS_BAD_LIST only after the Request Authenticator was found good
 * (RAD-90): it wants a NAK, and *p is filled in for it.  In such a list Message-Authenticator counts as missing: where
 * it is required that is RADIUS_NO_SIGNATURE.
 */
enum radius_fault radius_check_request(struct radius_packet *p, const uint8_t *data, size_t len,
				       struct radius_secret secret, bool require_signature);

/* --- hidden values --- */

/* RFC 2865 section 5.2. `hidden` has room for 128; returns its length (16..128), 0 for a password over 128 octets. */
size_t radius_hide_password(uint8_t hidden[RADIUS_PASSWORD_MAX], const void *password, size_t len,
			    const struct radius_hiding *h);
/*
 * RFC 2548 section 2.4.2: salt, then text with a length octet.  Also RFC 2868 section 3.5, without its tag.
 * 0 and the plain text, or -EBADMSG: no salt bit, not a multiple of 16, length beyond the text.  `plain` has 256.
 */
int radius_unhide_salted(uint8_t *plain, size_t *plain_len, const uint8_t *value, size_t len,
			 const struct radius_hiding *h);
/* MS-CHAP-MPPE-Keys (RFC 2548 section 2.4.1): 32 octets: LM key 8, NT key 16, padding. 0 or -EBADMSG (length). */
int radius_unhide_mschap_keys(uint8_t plain[32], const uint8_t *value, size_t len, const struct radius_hiding *h);

#endif
