/*
 * The 15 control messages of RFC 2637 section 2: values, decoder, encoder.
 *
 * Pure: no IO, no allocation, no clock.  Texts are kept as the fixed fields that
 * they are on the wire, with no promise of a NUL.
 */
#ifndef PACD_PROTO_MSG_H
#define PACD_PROTO_MSG_H

#include <stddef.h>
#include <stdint.h>

#define MSG_COOKIE 0x1A2B3C4Du
#define MSG_CONTROL 1      /* PPTP Message Type: control message */
#define MSG_HEADER 12      /* octets in front of every message */
#define MSG_MAX 220        /* the longest message (ICRQ) */
#define MSG_VERSION 0x0100 /* PPTP protocol version 1.0 */
#define MSG_TEXT 64        /* host, vendor, numbers, subaddress */
#define MSG_STATISTICS 128

/* Control Message Type (RFC 2637 section 1.4); the RFC's own abbreviations. */
enum msg_type {
	MSG_SCCRQ = 1,
	MSG_SCCRP,
	MSG_STOP_CCRQ,
	MSG_STOP_CCRP,
	MSG_ECHO_RQ,
	MSG_ECHO_RP,
	MSG_OCRQ,
	MSG_OCRP,
	MSG_ICRQ,
	MSG_ICRP,
	MSG_ICCN,
	MSG_CCRQ,
	MSG_CDN,
	MSG_WEN,
	MSG_SLI,
};

enum msg_framing { MSG_FRAMING_ASYNC = 1, MSG_FRAMING_SYNC = 2 };
enum msg_bearer { MSG_BEARER_ANALOG = 1, MSG_BEARER_DIGITAL = 2 };

/* General Error Codes (section 2.16). */
enum msg_general_error {
	MSG_ERR_NONE,
	MSG_ERR_NOT_CONNECTED,
	MSG_ERR_BAD_FORMAT,
	MSG_ERR_BAD_VALUE,
	MSG_ERR_NO_RESOURCE,
	MSG_ERR_BAD_CALL_ID,
	MSG_ERR_PAC,
};

enum sccrp_result { SCCRP_OK = 1, SCCRP_ERROR, SCCRP_EXISTS, SCCRP_NOT_AUTHORIZED, SCCRP_VERSION };
enum stop_reason { STOP_NONE = 1, STOP_PROTOCOL, STOP_SHUTDOWN };
enum stop_result { STOP_OK = 1, STOP_ERROR };
enum echo_result { ECHO_OK = 1, ECHO_ERROR };
enum ocrp_result {
	OCRP_CONNECTED = 1,
	OCRP_ERROR,
	OCRP_NO_CARRIER,
	OCRP_BUSY,
	OCRP_NO_DIAL_TONE,
	OCRP_TIME_OUT,
	OCRP_PROHIBITED,
};
enum icrp_result { ICRP_CONNECT = 1, ICRP_ERROR, ICRP_DO_NOT_ACCEPT };
enum cdn_result { CDN_LOST_CARRIER = 1, CDN_ERROR, CDN_ADMIN, CDN_REQUEST };

struct msg_sccrq { /* and SCCRP, with result and error */
	uint16_t version;
	uint8_t result, error; /* SCCRP only */
	uint32_t framing, bearer;
	uint16_t max_channels, firmware;
	char host[MSG_TEXT], vendor[MSG_TEXT];
};

struct msg_stop_ccrq {
	uint8_t reason;
};

struct msg_stop_ccrp {
	uint8_t result, error;
};

struct msg_echo { /* and reply, with result and error */
	uint32_t identifier;
	uint8_t result, error; /* reply only */
};

struct msg_ocrq {
	uint16_t call_id; /* the PNS's */
	uint16_t serial;
	uint32_t min_bps, max_bps, bearer, framing;
	uint16_t window, delay; /* packets; 1/10 s */
	uint16_t number_len;    /* octets of number, as sent: may exceed MSG_TEXT */
	char number[MSG_TEXT], subaddress[MSG_TEXT];
};

struct msg_ocrp {
	uint16_t call_id;      /* the PAC's; 0 when refused */
	uint16_t peer_call_id; /* the PNS's */
	uint8_t result, error;
	uint16_t cause; /* Q.931 */
	uint32_t speed; /* bit/s */
	uint16_t window, delay;
	uint32_t channel;
};

struct msg_icrq {
	uint16_t call_id; /* the PAC's */
	uint16_t serial;
	uint32_t bearer, channel;
	uint16_t dialed_len, dialing_len;
	char dialed[MSG_TEXT], dialing[MSG_TEXT], subaddress[MSG_TEXT];
};

struct msg_icrp {
	uint16_t call_id;      /* the PNS's */
	uint16_t peer_call_id; /* the PAC's */
	uint8_t result, error;
	uint16_t window, delay;
};

struct msg_iccn {
	uint16_t peer_call_id; /* the PNS's */
	uint32_t speed;
	uint16_t window, delay;
	uint32_t framing;
};

struct msg_ccrq {
	uint16_t call_id; /* the PNS's */
};

struct msg_cdn {
	uint16_t call_id; /* the PAC's */
	uint8_t result, error;
	uint16_t cause;
	char statistics[MSG_STATISTICS];
};

struct msg_wen {
	uint16_t peer_call_id; /* the PNS's */
	uint32_t crc, framing, hardware_overrun, buffer_overrun, time_out, alignment;
};

struct msg_sli {
	uint16_t peer_call_id; /* the PAC's */
	uint32_t send_accm, receive_accm;
};

struct msg {
	uint16_t type; /* enum msg_type */
	union {
		struct msg_sccrq sccrq, sccrp;
		struct msg_stop_ccrq stop_ccrq;
		struct msg_stop_ccrp stop_ccrp;
		struct msg_echo echo_rq, echo_rp;
		struct msg_ocrq ocrq;
		struct msg_ocrp ocrp;
		struct msg_icrq icrq;
		struct msg_icrp icrp;
		struct msg_iccn iccn;
		struct msg_ccrq ccrq;
		struct msg_cdn cdn;
		struct msg_wen wen;
		struct msg_sli sli;
	};
};

/* Why a message or a stream is bad.  Negative values, so that 0 is success. */
enum msg_fault {
	MSG_OK = 0,
	MSG_SHORT = -1,        /* Length below the header's 12 octets */
	MSG_LONG = -2,         /* Length above the longest message's 220 octets */
	MSG_BAD_COOKIE = -3,
	MSG_BAD_LENGTH = -4,   /* Length is not the one of this type */
	MSG_NOT_CONTROL = -5,  /* sane framing, PPTP Message Type is not 1: skip */
	MSG_UNKNOWN_TYPE = -6, /* sane framing, Control Message Type not known: skip */
};

/* A fixed word for logs and counters. */
const char *msg_fault_word(enum msg_fault fault);
/* "SCCRQ", "OCRP" ...; "unknown" for any other number. */
const char *msg_type_word(uint16_t type);
/* Exact length of the type in octets, 0 when the type is not known (MSG-00). */
size_t msg_size(uint16_t type);

/*
 * Judges the first `len` octets of a message that may still be incomplete (MSG-02):
 * a fault is reported as soon as the octets that show it are there.  They are 2 for the
 * Length's range, 8 for the cookie and, behind a good cookie, the PPTP Message Type, and
 * 10 for the length that belongs to the Control Message Type.  On MSG_OK *need is the
 * whole message's length, or 0 while that is not known yet.  MSG_NOT_CONTROL and
 * MSG_UNKNOWN_TYPE set *need too, so that the message can be skipped.
 */
enum msg_fault msg_check(const uint8_t *data, size_t len, size_t *need);

/*
 * Decodes one whole message of exactly `len` octets.  Values are not judged, reserved
 * fields are not looked at (MSG-05).  On a fault *m holds nothing usable.
 */
enum msg_fault msg_decode(struct msg *m, const uint8_t *data, size_t len);

/* Writes the message, reserved fields as 0.  Returns its length, or 0 when `cap` is too small or the type unknown. */
size_t msg_encode(uint8_t *data, size_t cap, const struct msg *m);

/* Octets before the first NUL of a fixed text field, at most `size`. */
size_t msg_text_len(const char *field, size_t size);
/* Fills a fixed text field, cut to its size, the rest NUL. */
void msg_text_set(char *field, size_t size, const char *text);

#endif
