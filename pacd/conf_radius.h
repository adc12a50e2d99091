/*
 * The configuration's `radius` group: servers, accounting, dynamic authorization.
 *
 * Part of struct conf; read by the tables in conf_radius.c.
 */
#ifndef PACD_CONF_RADIUS_H
#define PACD_CONF_RADIUS_H

#include "pacd/proto/radius.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#define CONF_RADIUS_SERVERS_MAX 64
#define CONF_DAS_CLIENTS_MAX 1024
#define CONF_DAS_LISTEN_MAX 64
#define CONF_DAS_PORT 3799 /* where das.listen gives none */

enum conf_signature { CONF_SIGNATURE_YES, CONF_SIGNATURE_AUTO, CONF_SIGNATURE_NO };
/* "lines": rings, and requests for a real line; "vpn": requests for a local pppd; "all": both */
enum conf_precheck { CONF_PRECHECK_OFF, CONF_PRECHECK_VPN, CONF_PRECHECK_ALL, CONF_PRECHECK_LINES };
enum conf_unknown { CONF_UNKNOWN_REFUSE, CONF_UNKNOWN_IGNORE };
/* aaa.method */
enum conf_method { CONF_METHOD_LOCAL, CONF_METHOD_RADIUS, CONF_METHOD_RADIUS_LOCAL };

struct conf_radius_server {
	char *host;                      /* a name, or an IPv4 or IPv6 address, as written */
	struct sockaddr_storage address; /* ss_family 0: not resolved yet; its port is not set */
	unsigned port, acct_port;        /* 1812 and 1813; 0: not asked for that */
	char *secret, *secret_file;      /* one of the two as written; secret is there in the end */
	int64_t timeout_ms;              /* first wait (IRT); doubles up to 16 s */
	unsigned retries;                /* retransmissions to this server after the first packet */
	unsigned priority;               /* lowest first; equal: in turn */
	enum conf_signature signature;   /* require_message_authenticator */
	bool status_server;              /* probe it with Status-Server while dead */
};

struct conf_radius_acct {
	bool enabled;
	unsigned interim;     /* seconds; goes before the server's (RFC 2869 section 2.1); 0: as the server says */
	unsigned interim_min; /* seconds; a server's smaller value becomes this; at least 60 */
	char *spool;          /* folder, absolute */
	unsigned spool_mb;    /* bound of what stands there */
	bool on_off;          /* Accounting-On and -Off */
	bool tunnel;          /* RFC 2867 */
};

struct conf_das_client {
	char *host;
	struct sockaddr_storage address;
	char *secret, *secret_file;
	bool require_signature; /* require_message_authenticator */
};

struct conf_radius_das {
	struct sockaddr_storage *listen; /* with port; none: off */
	size_t nlisten;
	struct conf_das_client *clients;
	size_t nclients;
	unsigned window;        /* seconds of Event-Timestamp and of the duplicate cache */
	bool require_timestamp; /* require_event_timestamp */
};

struct conf_radius {
	struct conf_radius_server *servers;
	size_t nservers;
	char *config;       /* radiusclient.conf of radcli in their place, or NULL */
	char *dictionary;   /* of radcli; for words in pacctl */
	char *nas_identifier;            /* default: the host's name */
	uint32_t nas_ip_address;         /* 0: none */
	struct sockaddr_storage nas_ipv6_address; /* ss_family 0: none */
	int64_t total_ms;   /* an exchange over all servers */
	unsigned max_fail;  /* requests without any answer in a row that make a server dead */
	unsigned dead_s;    /* dead_time */
	unsigned outstanding; /* requests in flight at one server and role */
	enum conf_precheck precheck;
	char *precheck_password;
	bool outbound;      /* precheck of a dialled number with Service-Type Outbound */
	bool fail_open;
	char **filters;     /* names that the scripts know; none given: all are known */
	size_t nfilters;
	enum conf_unknown unknown_filter, unknown_pool, unknown_attributes; /* pool: ignore means the first pool */
	struct conf_radius_acct acct;
	struct conf_radius_das das;
};

/*
 * What only root could find out.  Owned by who fills it; wiped and freed by conf_radius_found_clear().
 */
struct conf_found_secret {
	char *file, *secret;
};

struct conf_found_name {
	char *name, *host;               /* as the configuration has it; its address as text */
	struct sockaddr_storage address; /* of `host` */
	unsigned addresses;              /* how many there were to choose from */
};

struct conf_radius_found {
	struct conf_found_secret *secrets;
	size_t nsecrets;
	struct conf_found_name *names;
	size_t nnames;
	struct conf_radius_server *servers; /* of radcli's configuration; their addresses stand in `names` */
	size_t nservers;
};

/* Text for conf_radius_complete(); with secrets in it. 0, or -1 when it could not be written. */
int conf_radius_text(FILE *out, const struct conf_radius_found *found);
void conf_radius_found_clear(struct conf_radius_found *found);
/* Defaults, in zeroed memory. */
void conf_radius_server_init(struct conf_radius_server *s);
/*
 * 1: an IPv4 or IPv6 address that a server may have, in *address (port 0); 0: a name, and ss_family is 0; -1: neither.
 * An address that needs an interface beside it, belongs to a group, or is an IPv4 one in IPv6's clothes, is none.
 */
int conf_host_parse(const char *text, struct sockaddr_storage *address);
/* Same family and address; ports don't count. */
bool conf_host_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b);

#endif
