/*
 * What pacd.so (inside pppd) and main say to each other over the inherited
 * socketpair (SOCK_SEQPACKET, one message a packet; pacd.so has it as fd 3).
 *
 * Pure codec: fixed fields big-endian, octet strings with a one-octet length in
 * front, leftover octets are an error.
 *
 * A call's messages: HELLO, then PHASE at each change; AUTH, which waits for its
 * ANSWER; UP at each time that IPCP comes up, and once more where MPPE comes up
 * after IP (only with PLUGIN_MPPE_ALLOW); DOWN once, when the link of a peer that
 * had authenticated goes down.  After DOWN the plugin refuses every login.
 */
#ifndef PACD_COMMON_PLUGIN_PROTO_H
#define PACD_COMMON_PLUGIN_PROTO_H

#include "common/script_vars.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLUGIN_FD 3
#define PLUGIN_PROTO_VERSION 2
#define PLUGIN_MSG_MAX 8192
#define PLUGIN_NAME_MAX 255
#define PLUGIN_PROOF_MAX 255
#define PLUGIN_TEXT_MAX 255
#define PLUGIN_IFNAME 16
#define PLUGIN_DNS 2
#define PLUGIN_ROUTES 33 /* a server's Framed-Routes and that of its netmask */
#define PLUGIN_ANSWER_SECONDS 25 /* the plugin waits this long for an answer, then refuses */

enum plugin_type {
	/* plugin to main */
	PLUGIN_HELLO = 1,
	PLUGIN_PHASE,
	PLUGIN_AUTH,
	PLUGIN_UP,
	PLUGIN_DOWN,
	/* main to plugin */
	PLUGIN_ANSWER = 65,
	PLUGIN_END,
};

enum plugin_method { PLUGIN_PAP = 1, PLUGIN_CHAP_MD5, PLUGIN_MSCHAP, PLUGIN_MSCHAPV2 };
enum plugin_mppe { PLUGIN_MPPE_DENY, PLUGIN_MPPE_ALLOW, PLUGIN_MPPE_REQUIRE };

struct plugin_hello {
	uint8_t version; /* PLUGIN_PROTO_VERSION */
	char pppd[32];   /* pppd's version, NUL-terminated */
};

struct plugin_phase {
	uint8_t phase; /* pppd's PHASE_* number */
};

/*
 * Octets as the peer sent them, never altered; so proof_len is the peer's too, check it.  challenge_len is ours: 0 for
 * PAP, 8 for MS-CHAP, 16 for MS-CHAPv2, 1.. for CHAP-MD5.
 */
struct plugin_auth {
	uint8_t method; /* enum plugin_method */
	uint8_t id;     /* CHAP identifier */
	uint8_t name_len, challenge_len, proof_len;
	uint8_t name[PLUGIN_NAME_MAX];
	uint8_t challenge[PLUGIN_PROOF_MAX]; /* empty for PAP */
	uint8_t proof[PLUGIN_PROOF_MAX];     /* the password for PAP, else the response value */
};

struct plugin_up {
	char ifname[PLUGIN_IFNAME];
	uint32_t unit;
	uint32_t local, remote; /* host order */
	uint8_t mppe_bits;      /* 0, 40, 56 or 128 in use */
	uint16_t mtu;           /* of the interface */
};

struct plugin_down {
	int32_t status;    /* pppd's exit status so far, 0..255 */
	bool peer_ended;   /* the peer has sent LCP Terminate-Request */
	uint32_t seconds;  /* since the first UP; 0: there was none */
	uint64_t in_octets, out_octets; /* from the peer; to the peer */
	uint64_t in_packets, out_packets;
};

/* Through the link: installed at each ip-up, removed at ip-down. */
struct plugin_route {
	uint32_t prefix, gateway; /* host order, host bits 0; gateway 0: none, the link itself */
	uint8_t len;              /* 0..32 */
	uint32_t metric;          /* 0: the kernel's */
};

struct plugin_answer {
	bool ok;
	uint8_t message_len;
	char message[PLUGIN_TEXT_MAX]; /* to the peer, whole, no NUL: Success/Failure text; "S=..." first for MS-CHAPv2 */
	uint32_t local, remote;        /* host order; 0: leave */
	uint32_t dns[PLUGIN_DNS], wins[PLUGIN_DNS];
	uint16_t mtu;                  /* 0: leave */
	bool proxyarp;
	bool peer_chooses;             /* the peer may have any address of a host; remote is 0 */
	bool no_vj;                    /* no Van Jacobson compression (Framed-Compression None) */
	uint64_t interface_id;         /* the peer's in IPV6CP; 0: leave */
	uint8_t nroutes;
	struct plugin_route routes[PLUGIN_ROUTES];
	struct script_vars vars;       /* for ip-up and what follows */
	uint8_t mppe;                  /* enum plugin_mppe */
	bool mppe_40, mppe_128;        /* key lengths that may be used; both unset: as configured */
	bool has_keys;                 /* not with ok unset */
	uint8_t send_key[16], recv_key[16]; /* seen from the server */
};

struct plugin_end {
	uint8_t reason_len;
	char reason[PLUGIN_TEXT_MAX]; /* fixed words, [A-Za-z0-9 ._-] only: goes into the scripts' environment */
};

struct plugin_msg {
	uint8_t type; /* enum plugin_type */
	union {
		struct plugin_hello hello;
		struct plugin_phase phase;
		struct plugin_auth auth;
		struct plugin_up up;
		struct plugin_down down;
		struct plugin_answer answer;
		struct plugin_end end;
	};
};

/* Length written, or 0 when `cap` is too small or the message is not valid. */
size_t plugin_encode(uint8_t *data, size_t cap, const struct plugin_msg *m);
/* 0, or -EBADMSG: unknown type, short, leftover octets, values out of range. */
int plugin_decode(struct plugin_msg *m, const uint8_t *data, size_t len);
/* "exit status in words": pppd's documented meaning of 0..21; "unknown". */
const char *plugin_exit_words(int status);
/* "serialconn", "authenticate", "network", ... */
const char *plugin_phase_word(unsigned phase);

#endif
