/*
 * Telnet with the Com Port Control Option (RFC 854, 855, 856, 2217), client side:
 * octets of a TCP connection to data and events, and back.
 *
 * Pure; the state of the decoder survives any split of the stream.  Data are
 * taken as binary also where the other side refuses that: what stands behind a
 * carriage return is never dropped.
 */
#ifndef PACD_PROTO_RFC2217_H
#define PACD_PROTO_RFC2217_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RFC2217_SUB_MAX 64    /* octets of one suboption; a longer one is passed over */
#define RFC2217_REPLY_MAX 512 /* octets that the decoder's answers to one call may take */
#define RFC2217_START_MAX 128
/* Room that the encoded form of n octets may take. */
#define RFC2217_ENCODED_MAX(n) (2 * (n))

enum rfc2217_parity { RFC2217_PARITY_NONE = 1 };
enum rfc2217_flow { RFC2217_FLOW_NONE = 1, RFC2217_FLOW_XONXOFF = 2, RFC2217_FLOW_HARDWARE = 3 };

/* Modem state octet of NOTIFY-MODEMSTATE: as the RFC numbers it. */
#define RFC2217_MODEM_CARRIER 0x80
#define RFC2217_MODEM_RING 0x40
#define RFC2217_MODEM_DSR 0x20
#define RFC2217_MODEM_CTS 0x10
#define RFC2217_MODEM_RING_TRAILING 0x04 /* RI has ended */
#define RFC2217_MODEM_CARRIER_DELTA 0x08 /* DCD has changed */

/* Line state octet of NOTIFY-LINESTATE. */
#define RFC2217_LINE_OVERRUN 0x02
#define RFC2217_LINE_PARITY 0x04
#define RFC2217_LINE_FRAMING 0x08

enum rfc2217_event_type {
	RFC2217_DATA,         /* data, len: into `out` of the call */
	RFC2217_READY,        /* the other side takes the option: our settings may be sent; once */
	RFC2217_REFUSED,      /* it does not, or (behind READY) no more: no control lines; once, for good */
	RFC2217_MODEMSTATE,   /* value */
	RFC2217_LINESTATE,    /* value */
	RFC2217_SUSPEND,      /* FLOWCONTROL-SUSPEND: send nothing */
	RFC2217_RESUME,
	RFC2217_NONE,         /* all octets are consumed */
};

struct rfc2217_event {
	enum rfc2217_event_type type;
	size_t len;
	uint8_t value;
};

struct rfc2217 {
	uint8_t state;        /* of the parser */
	uint8_t verb;
	uint8_t sub[RFC2217_SUB_MAX];
	size_t sub_len;
	bool sub_long;
	bool answered;        /* WILL or DO, or a refusal, of the option has come */
	bool refused;
	uint8_t us, him;      /* bits: options that each side has on; only changes are answered: no loops (RFC 1143) */
	uint8_t us_asked, him_asked; /* likewise: offered and asked for by us, no answer yet */
	uint32_t faults;      /* sequences that make no sense, passed over */
	uint8_t reply[RFC2217_REPLY_MAX]; /* octets to send, by the caller, who sets reply_len to 0 */
	size_t reply_len;
};

void rfc2217_init(struct rfc2217 *t);
/* The opening: WILL and DO of BINARY and SUPPRESS-GO-AHEAD, WILL COM-PORT-OPTION.  Returns its length. */
size_t rfc2217_start(struct rfc2217 *t, uint8_t out[RFC2217_START_MAX]);
/*
 * Consumes octets up to one event.  Data go to `out`, which has room for *len octets and may be `*data` itself.  Call
 * it until it says RFC2217_NONE.  What has no room in `reply` any more is not answered.
 */
enum rfc2217_event_type rfc2217_decode(struct rfc2217 *t, const uint8_t **data, size_t *len, uint8_t *out,
				       struct rfc2217_event *ev);
/* Doubles 0xFF. Returns the length. */
size_t rfc2217_encode(uint8_t *out, const uint8_t *data, size_t len);

/* Suboptions of ours; each returns its length, at most 16 octets. */
size_t rfc2217_put_baud(uint8_t *out, uint32_t baud);
size_t rfc2217_put_8n1(uint8_t *out); /* data size, parity and stop size: three suboptions, at most 32 octets */
size_t rfc2217_put_flow(uint8_t *out, enum rfc2217_flow flow);
size_t rfc2217_put_dtr(uint8_t *out, bool on);
size_t rfc2217_put_masks(uint8_t *out, uint8_t modemstate, uint8_t linestate); /* two suboptions, at most 16 octets */
size_t rfc2217_put_purge(uint8_t *out); /* both buffers */

#endif
