/*
 * Inside of the configuration reader: tables that say which settings there are,
 * and the walkers that read, print and free structures by these tables.
 *
 * Only the conf*.c files include this.
 */
#ifndef PACD_CONF_SCHEMA_H
#define PACD_CONF_SCHEMA_H

#include "pacd/conf.h"

#include <libconfig.h>
#include <stdio.h>

struct conf_key;

/* What one parse carries around. */
struct conf_ctx {
	const char *file;
	const char *manual;          /* where the settings are described: "pacd.conf(5)" */
	const struct conf_key *root; /* table of the whole file, for suggestions */
	struct conf_errors *errors;
	struct conf_errors *warnings;
	size_t failed; /* errors found by this parse */
};

/* How a kind of value is read, printed and freed. `base` is the structure that the key's offsets count from. */
struct conf_type {
	void (*read)(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, void *base);
	/* The value as libconfig text; NULL: never printed (a secret). */
	void (*print)(FILE *out, const struct conf_key *key, const void *base, unsigned depth);
	/* false: there is nothing to print; NULL: there always is. */
	bool (*present)(const struct conf_key *key, const void *base);
	void (*clear)(const struct conf_key *key, void *base); /* NULL: nothing to free */
	/* For texts: what is wrong with it, or NULL. */
	const char *(*check)(const struct conf_key *key, const char *text);
	bool secret; /* its value is in no message */
	bool empty;  /* a text that may be empty */
};

struct conf_key {
	const char *name; /* NULL ends a table */
	const struct conf_type *type;
	size_t offset, size; /* of the value */
	size_t count;        /* offset of the number of elements, for lists; of the flag, for a hash; see `server` */
	int64_t min, max;    /* of the number, or of a text's length */
	const void *arg;     /* words, table of a group, or struct conf_elements */
	bool required;
	unsigned kinds; /* bits of the kinds of elements that have it; 0: all have; see `applies` */
	bool (*applies)(const struct conf_key *key, const void *base); /* NULL: always; where not, it is not printed */
};

/* A list of groups. */
struct conf_elements {
	const struct conf_key *keys;
	size_t size; /* of one element */
	void (*init)(void *element); /* sets its defaults in zeroed memory; NULL: zeros are */
};

/* A value at `member` of struct `type_`; what else it needs follows as designated initializers. */
#define CONF_KEY(name_, kind, struct_, member, ...)                                                       \
	{ .name = (name_), .type = &conf_type_##kind, .offset = offsetof(struct_, member),                \
	  .size = sizeof(((struct_ *)0)->member), ##__VA_ARGS__ }
#define CONF_GROUP(name_, keys_) { .name = (name_), .type = &conf_type_group, .arg = (keys_) }

extern const struct conf_type conf_type_uint;    /* whole number: min..max */
extern const struct conf_type conf_type_seconds; /* whole or fractional seconds into milliseconds: min..max */
extern const struct conf_type conf_type_flag;    /* true or false */
extern const struct conf_type conf_type_word;    /* arg: words; the value is the index */
extern const struct conf_type conf_type_wordset; /* arg: words; the value is a set of bits 1 << index, not empty */
extern const struct conf_type conf_type_wordbit; /* arg: words; the value is the bit 1 << index of a uint32_t */
extern const struct conf_type conf_type_mode;    /* "0660" */
extern const struct conf_type conf_type_path;    /* absolute; up to max octets */
extern const struct conf_type conf_type_name;    /* letters, digits, "_", "." and "-"; up to max octets */
extern const struct conf_type conf_type_numbered; /* a name of a line, with at most one "%" */
extern const struct conf_type conf_type_login;   /* any text without control characters; up to max octets */
extern const struct conf_type conf_type_secret;  /* UTF-8; up to max octets */
extern const struct conf_type conf_type_octets;  /* a secret of any octets but NUL; up to max */
extern const struct conf_type conf_type_shown;   /* likewise, but printed: for the root part's text alone */
extern const struct conf_type conf_type_send;    /* what is sent to a modem; may be empty; up to max octets */
extern const struct conf_type conf_type_expect;  /* what is waited for; likewise */
extern const struct conf_type conf_type_ascii;   /* printable ASCII; up to max octets */
/* texts, each up to max octets; arg: their type, or NULL: without control characters */
extern const struct conf_type conf_type_texts;
extern const struct conf_type conf_type_server;  /* host name or address as text; `count`: of its sockaddr_storage */
extern const struct conf_type conf_type_hash;    /* 32 hexadecimal digits into 16 octets; the flag is at `count` */
extern const struct conf_type conf_type_host;    /* host name into an array of char */
extern const struct conf_type conf_type_addr;    /* of a host */
extern const struct conf_type conf_type_source;  /* of this host, loopback as well */
extern const struct conf_type conf_type_addrs;   /* array of CONF_DNS addresses */
extern const struct conf_type conf_type_ranges;
extern const struct conf_type conf_type_pool;    /* ranges to hand out: hosts only, no network or broadcast address */
extern const struct conf_type conf_type_endpoint;  /* min: port where none is given; 0: it must be */
extern const struct conf_type conf_type_endpoints; /* likewise; 1 to max of them */
extern const struct conf_type conf_type_nas4;    /* of this host: no link-local one, loopback as well */
extern const struct conf_type conf_type_nas6;    /* likewise, IPv6, a sockaddr_storage */
extern const struct conf_type conf_type_udp;     /* IPv4 or IPv6 with port as sockaddr_storage; up to max; min: port */
extern const struct conf_type conf_type_group;
extern const struct conf_type conf_type_groups;  /* arg: struct conf_elements; up to max of them */

/* --- conf_schema.c --- */

/* One error of this setting. */
void conf_fail(struct conf_ctx *ctx, const config_setting_t *s, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* One error of a setting that is missing in this group. */
void conf_fail_in(struct conf_ctx *ctx, const config_setting_t *group, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void conf_warn(struct conf_ctx *ctx, const config_setting_t *s, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void conf_fail_memory(struct conf_ctx *ctx);

/* Reads a group's settings; every fault becomes an error. */
void conf_walk(struct conf_ctx *ctx, const struct conf_key *keys, const config_setting_t *group, void *base);
void conf_walk_clear(const struct conf_key *keys, void *base);
void conf_walk_print(FILE *out, const struct conf_key *keys, const void *base, unsigned depth);

#define CONF_QUOTE 64
/* A peer-visible or user-given text in quotes and short, for messages. */
char *conf_quote(char quoted[CONF_QUOTE], const char *text);

/* --- conf_types.c, conf_types_addr.c, conf_types_net.c --- */

/* In double quotes, as libconfig reads it. */
void conf_string_print(FILE *out, const char *text);
/* Room for all elements of this list, zeroed, in place of what was there; NULL with an error added. */
void *conf_list_new(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, void *base,
		    size_t size, int max);
void conf_list_clear(const struct conf_key *key, void *base);
/* What is wrong with a text that should be a host's name or address, or NULL. */
const char *conf_host_complaint(const char *text);
#define CONF_SOCKADDR_TEXT 64
/* "192.0.2.1:1812", "[2001:db8::1]:1812"; without a port where that is 0. */
char *conf_sockaddr_text(const struct sockaddr_storage *ss, unsigned port, char text[CONF_SOCKADDR_TEXT]);

/* --- conf_radius.c --- */

extern const struct conf_key conf_radius_keys[]; /* of struct conf */
/* What holds where nothing is given; false without memory. */
bool conf_radius_default(struct conf *c);
/* What follows from other settings; false without memory. */
bool conf_radius_derive(struct conf *c);

/* --- conf_suggest.c --- */

/* What the writer may have meant by a name that is no setting of this group, as a hint for the message. */
void conf_suggest(char *hint, size_t size, const struct conf_ctx *ctx, const struct conf_key *keys, const char *name);

/* --- conf_text.c --- */

/*
 * Text to libconfig's tree.  0, or -1 with errors added; the tree is to be destroyed with conf_text_clear() in either
 * case.
 */
int conf_text_read(struct conf_ctx *ctx, config_t *tree, const char *text, size_t len);
/* Wipes every string of the tree and frees it. */
void conf_text_clear(config_t *tree);

/* --- conf_check.c --- */

/* What one setting alone can't tell: overlaps, contradictions, doubtful combinations. */
void conf_check(struct conf_ctx *ctx, const struct conf *c, const config_t *tree);
/* The setting at this path, or NULL; its defaults have no line. */
const config_setting_t *conf_setting_at(const config_t *tree, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* An address of a network, of loopback, or of a group is no address for a host. */
bool conf_addr_usable(uint32_t addr);

/* --- conf_check_radius.c --- */

void conf_check_radius(struct conf_ctx *ctx, const struct conf *c, const config_t *tree);
/* What is doubtful about a shared secret (RAD-57), or NULL. */
const char *conf_secret_doubt(const char *secret);
/* Of a server asked in the same role twice, or a client given twice: the earlier one, or `i`. */
size_t conf_server_twin(const struct conf_radius *r, size_t i);
size_t conf_client_twin(const struct conf_radius_das *d, size_t i);

/* --- conf_lines.c --- */

/* Kinds of lines: type and mode. */
enum conf_kind { CONF_KIND_TTY = 1, CONF_KIND_RAW = 2, CONF_KIND_RFC2217 = 4, CONF_KIND_PPP = 8 };

enum conf_kind conf_line_kind(const struct conf_line *l);

extern const struct conf_elements conf_line_elements, conf_chat_elements, conf_route_elements, conf_dialplan_elements;
extern const struct conf_key conf_pns_keys[]; /* of struct conf */
extern const char *const conf_choice_words[];
/* What holds where nothing is given. */
void conf_lines_default(struct conf *c);
/* What follows from other settings; false without memory. */
bool conf_lines_derive(struct conf *c);
/* The one of that name, or NULL. */
const struct conf_chat *conf_chat_find(const struct conf *c, const char *name);
/* What the lines of a group are: CONF_LINE_PPP, or CONF_LINE_TTY for real ones; -1: there are none. */
int conf_group_kind(const struct conf *c, const char *group);

/* --- conf_check_lines.c --- */

void conf_check_lines(struct conf_ctx *ctx, const struct conf *c, const config_t *tree);

#endif
