/*
 * RADIUS attributes in words (RFC 2865 section 5, RFC 2868 section 3, RFC 2548).
 *
 * Owns a handle of libradcli, of which nothing but the dictionary is used: its
 * own decoder of attributes logs values and takes sizes on trust.  Knows how a
 * value looks, not what it does; must not know sockets, sessions and secrets'
 * plain texts.
 */
#include "pacd/aaa/dictionary.h"

#include "common/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <radcli/radcli.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct dictionary {
	rc_handle *rc;
};

/* --- what pacd knows without a dictionary --- */

enum kind {
	KIND_TEXT, /* text where it is one, else hex */
	KIND_NUMBER,
	KIND_ADDRESS,
	KIND_DATE,
	KIND_ADDRESS6,
	KIND_PREFIX6,
	KIND_INTERFACE,
	KIND_TAGGED_NUMBER, /* RFC 2868: a tag and three octets */
	KIND_TAGGED_TEXT,   /* a tag may come first */
	KIND_MARKED_TEXT,   /* RFC 2548: an identifier comes first */
	KIND_CIPHERS,       /* the bits of MS-MPPE-Encryption-Types */
	KIND_OCTETS,
	KIND_SIGNATURE,
	KIND_SECRET,
};

struct known {
	uint32_t vendor;
	uint8_t type;
	enum kind kind;
	const char *name;
};

static const struct known table[] = {
	{ 0, RADIUS_USER_NAME, KIND_TEXT, "User-Name" },
	{ 0, RADIUS_USER_PASSWORD, KIND_SECRET, "User-Password" },
	{ 0, RADIUS_CHAP_PASSWORD, KIND_SECRET, "CHAP-Password" },
	{ 0, RADIUS_SERVICE_TYPE, KIND_NUMBER, "Service-Type" },
	{ 0, RADIUS_FRAMED_PROTOCOL, KIND_NUMBER, "Framed-Protocol" },
	{ 0, RADIUS_FRAMED_IP_ADDRESS, KIND_ADDRESS, "Framed-IP-Address" },
	{ 0, RADIUS_FRAMED_IP_NETMASK, KIND_ADDRESS, "Framed-IP-Netmask" },
	{ 0, RADIUS_FILTER_ID, KIND_TEXT, "Filter-Id" },
	{ 0, RADIUS_FRAMED_MTU, KIND_NUMBER, "Framed-MTU" },
	{ 0, RADIUS_FRAMED_COMPRESSION, KIND_NUMBER, "Framed-Compression" },
	{ 0, 17, KIND_SECRET, "Old-Password" },
	{ 0, RADIUS_REPLY_MESSAGE, KIND_TEXT, "Reply-Message" },
	{ 0, RADIUS_CALLBACK_NUMBER, KIND_TEXT, "Callback-Number" },
	{ 0, RADIUS_CALLBACK_ID, KIND_TEXT, "Callback-Id" },
	{ 0, RADIUS_FRAMED_ROUTE, KIND_TEXT, "Framed-Route" },
	{ 0, RADIUS_STATE, KIND_TEXT, "State" },
	{ 0, RADIUS_CLASS, KIND_TEXT, "Class" },
	{ 0, RADIUS_SESSION_TIMEOUT, KIND_NUMBER, "Session-Timeout" },
	{ 0, RADIUS_IDLE_TIMEOUT, KIND_NUMBER, "Idle-Timeout" },
	{ 0, RADIUS_TERMINATION_ACTION, KIND_NUMBER, "Termination-Action" },
	{ 0, RADIUS_EVENT_TIMESTAMP, KIND_DATE, "Event-Timestamp" },
	{ 0, RADIUS_CHAP_CHALLENGE, KIND_OCTETS, "CHAP-Challenge" },
	{ 0, RADIUS_PORT_LIMIT, KIND_NUMBER, "Port-Limit" },
	{ 0, RADIUS_TUNNEL_TYPE, KIND_TAGGED_NUMBER, "Tunnel-Type" },
	{ 0, RADIUS_TUNNEL_MEDIUM_TYPE, KIND_TAGGED_NUMBER, "Tunnel-Medium-Type" },
	{ 0, RADIUS_TUNNEL_CLIENT_ENDPOINT, KIND_TAGGED_TEXT, "Tunnel-Client-Endpoint" },
	{ 0, RADIUS_TUNNEL_SERVER_ENDPOINT, KIND_TAGGED_TEXT, "Tunnel-Server-Endpoint" },
	{ 0, RADIUS_TUNNEL_PASSWORD, KIND_SECRET, "Tunnel-Password" },
	{ 0, 70, KIND_SECRET, "ARAP-Password" },
	{ 0, RADIUS_EAP_MESSAGE, KIND_OCTETS, "EAP-Message" },
	{ 0, RADIUS_MESSAGE_AUTHENTICATOR, KIND_SIGNATURE, "Message-Authenticator" },
	{ 0, RADIUS_TUNNEL_PRIVATE_GROUP_ID, KIND_TAGGED_TEXT, "Tunnel-Private-Group-ID" },
	{ 0, RADIUS_TUNNEL_ASSIGNMENT_ID, KIND_TAGGED_TEXT, "Tunnel-Assignment-ID" },
	{ 0, RADIUS_TUNNEL_PREFERENCE, KIND_TAGGED_NUMBER, "Tunnel-Preference" },
	{ 0, RADIUS_ACCT_INTERIM_INTERVAL, KIND_NUMBER, "Acct-Interim-Interval" },
	{ 0, RADIUS_FRAMED_POOL, KIND_TEXT, "Framed-Pool" },
	{ 0, RADIUS_CUI, KIND_TEXT, "Chargeable-User-Identity" },
	{ 0, RADIUS_TUNNEL_CLIENT_AUTH_ID, KIND_TAGGED_TEXT, "Tunnel-Client-Auth-ID" },
	{ 0, RADIUS_TUNNEL_SERVER_AUTH_ID, KIND_TAGGED_TEXT, "Tunnel-Server-Auth-ID" },
	{ 0, RADIUS_FRAMED_INTERFACE_ID, KIND_INTERFACE, "Framed-Interface-Id" },
	{ 0, RADIUS_FRAMED_IPV6_PREFIX, KIND_PREFIX6, "Framed-IPv6-Prefix" },
	{ 0, RADIUS_ERROR_CAUSE, KIND_NUMBER, "Error-Cause" },
	{ 0, RADIUS_DELEGATED_IPV6_PREFIX, KIND_PREFIX6, "Delegated-IPv6-Prefix" },
	{ RADIUS_MICROSOFT, RADIUS_MS_CHAP_RESPONSE, KIND_SECRET, "MS-CHAP-Response" },
	{ RADIUS_MICROSOFT, RADIUS_MS_CHAP_ERROR, KIND_MARKED_TEXT, "MS-CHAP-Error" },
	{ RADIUS_MICROSOFT, 3, KIND_SECRET, "MS-CHAP-CPW-1" },
	{ RADIUS_MICROSOFT, 4, KIND_SECRET, "MS-CHAP-CPW-2" },
	{ RADIUS_MICROSOFT, 5, KIND_SECRET, "MS-CHAP-LM-Enc-PW" },
	{ RADIUS_MICROSOFT, 6, KIND_SECRET, "MS-CHAP-NT-Enc-PW" },
	{ RADIUS_MICROSOFT, RADIUS_MS_MPPE_ENCRYPTION_POLICY, KIND_NUMBER, "MS-MPPE-Encryption-Policy" },
	{ RADIUS_MICROSOFT, RADIUS_MS_MPPE_ENCRYPTION_TYPES, KIND_CIPHERS, "MS-MPPE-Encryption-Types" },
	{ RADIUS_MICROSOFT, 10, KIND_MARKED_TEXT, "MS-CHAP-Domain" },
	{ RADIUS_MICROSOFT, RADIUS_MS_CHAP_CHALLENGE, KIND_OCTETS, "MS-CHAP-Challenge" },
	{ RADIUS_MICROSOFT, RADIUS_MS_CHAP_MPPE_KEYS, KIND_SECRET, "MS-CHAP-MPPE-Keys" },
	{ RADIUS_MICROSOFT, RADIUS_MS_MPPE_SEND_KEY, KIND_SECRET, "MS-MPPE-Send-Key" },
	{ RADIUS_MICROSOFT, RADIUS_MS_MPPE_RECV_KEY, KIND_SECRET, "MS-MPPE-Recv-Key" },
	{ RADIUS_MICROSOFT, 19, KIND_SECRET, "MS-Old-ARAP-Password" },
	{ RADIUS_MICROSOFT, 20, KIND_SECRET, "MS-New-ARAP-Password" },
	{ RADIUS_MICROSOFT, RADIUS_MS_CHAP2_RESPONSE, KIND_SECRET, "MS-CHAP2-Response" },
	{ RADIUS_MICROSOFT, RADIUS_MS_CHAP2_SUCCESS, KIND_MARKED_TEXT, "MS-CHAP2-Success" },
	{ RADIUS_MICROSOFT, 27, KIND_SECRET, "MS-CHAP2-CPW" },
	{ RADIUS_MICROSOFT, RADIUS_MS_PRIMARY_DNS, KIND_ADDRESS, "MS-Primary-DNS-Server" },
	{ RADIUS_MICROSOFT, RADIUS_MS_SECONDARY_DNS, KIND_ADDRESS, "MS-Secondary-DNS-Server" },
	{ RADIUS_MICROSOFT, RADIUS_MS_PRIMARY_NBNS, KIND_ADDRESS, "MS-Primary-NBNS-Server" },
	{ RADIUS_MICROSOFT, RADIUS_MS_SECONDARY_NBNS, KIND_ADDRESS, "MS-Secondary-NBNS-Server" },
	{ RADIUS_WISPR, RADIUS_WISPR_BANDWIDTH_MAX_UP, KIND_NUMBER, "WISPr-Bandwidth-Max-Up" },
	{ RADIUS_WISPR, RADIUS_WISPR_BANDWIDTH_MAX_DOWN, KIND_NUMBER, "WISPr-Bandwidth-Max-Down" },
	{ RADIUS_MIKROTIK, RADIUS_MIKROTIK_RATE_LIMIT, KIND_TEXT, "Mikrotik-Rate-Limit" },
};

static const struct known *known_find(uint32_t vendor, uint8_t type)
{
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (table[i].vendor == vendor && table[i].type == type)
			return &table[i];
	return NULL;
}

/* --- what libradcli knows --- */

/*
 * libradcli's number of an attribute: up to 1.2 an int with 16 bits for the vendor, later 64 bits with 32; its own
 * macro tells which one this is.
 */
#define VENDOR_SHIFT (VENDOR(UINT64_C(1) << 32) == 1 ? 32 : 16)

static const struct dict_attr *radcli_find(const struct dictionary *d, uint32_t vendor, uint8_t type)
{
	uint64_t number = (uint64_t)vendor << VENDOR_SHIFT | type;

	if (!d || (VENDOR_SHIFT == 16 && vendor > 0xffff))
		return NULL;
	return rc_dict_getattr(d->rc, (__typeof__(((struct dict_attr *)NULL)->value))number);
}

static enum kind radcli_kind(const struct dict_attr *attr)
{
	switch (attr->type) {
	case PW_TYPE_INTEGER:
		return KIND_NUMBER;
	case PW_TYPE_IPADDR:
		return KIND_ADDRESS;
	case PW_TYPE_DATE:
		return KIND_DATE;
	case PW_TYPE_IPV6ADDR:
		return KIND_ADDRESS6;
	case PW_TYPE_IPV6PREFIX:
		return KIND_PREFIX6;
	default:
		return KIND_TEXT;
	}
}

static bool name_ends(const char *name, const char *end)
{
	size_t len = strlen(name), n = strlen(end);

	return len > n && !strcasecmp(name + len - n, end);
}

/* Attributes of vendors that pacd does not know have secrets, too. */
static bool name_is_secret(const char *name)
{
	return strcasestr(name, "password") || strcasestr(name, "secret") || strcasestr(name, "psk") ||
	       name_ends(name, "-key") || name_ends(name, "-keys");
}

/* --- values; each writes `text`, of DICTIONARY_VALUE octets, or returns false for a value not of its kind --- */

static void hex_print(char *text, const uint8_t *value, size_t len)
{
	strcpy(text, "0x");
	for (size_t i = 0; i < len; i++)
		sprintf(text + 2 + 2 * i, "%02x", value[i]);
}

/* Octets of the printable character at p, 0 for anything else. */
static size_t character(const uint8_t *p, size_t len)
{
	static const uint32_t least[] = { 0, 0, 0xa0, 0x800, 0x10000 }; /* 0x80 to 0x9f are controls */
	size_t n = *p < 0x80 ? 1 : *p < 0xc0 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf8 ? 4 : 0;
	uint32_t v = *p & (0x7fu >> n);

	if (n <= 1)
		return *p >= ' ' && *p < 0x7f;
	for (size_t i = 1; i < n; i++) {
		if (i >= len || (p[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (p[i] & 0x3fu);
	}
	return v < least[n] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000) ? 0 : n;
}

static bool text_print(char *text, const uint8_t *value, size_t len)
{
	for (size_t i = 0, n; i < len; i += n) {
		n = character(value + i, len - i);
		if (!n)
			return false;
	}
	memcpy(text, value, len);
	text[len] = '\0';
	return true;
}

static bool number_print(char *text, const struct dictionary *d, const char *name, const uint8_t *value, size_t len)
{
	const struct dict_value *word = NULL;
	uint32_t v = 0;

	if (len != 4)
		return false;
	for (size_t i = 0; i < len; i++)
		v = v << 8 | value[i];
	if (d)
		word = rc_dict_getval(d->rc, v, name);
	if (word)
		snprintf(text, DICTIONARY_VALUE, "%s", word->name);
	else
		snprintf(text, DICTIONARY_VALUE, "%" PRIu32, v);
	return true;
}

static bool date_print(char *text, const uint8_t *value, size_t len)
{
	time_t t = 0;
	struct tm tm;

	if (len != 4)
		return false;
	for (size_t i = 0; i < len; i++)
		t = (time_t)(t << 8 | value[i]);
	return gmtime_r(&t, &tm) && strftime(text, DICTIONARY_VALUE, "%Y-%m-%d %H:%M:%S UTC", &tm);
}

static bool address_print(char *text, int family, const uint8_t *value, size_t len)
{
	if (len != (family == AF_INET ? 4 : 16))
		return false;
	return inet_ntop(family, value, text, DICTIONARY_VALUE) != NULL;
}

/* RFC 3162 section 2.3: a reserved octet, the length in bits, and as many octets as are needed or more. */
static bool prefix_print(char *text, const uint8_t *value, size_t len)
{
	uint8_t prefix[16] = { 0 };
	char address[INET6_ADDRSTRLEN];

	if (len < 2 || len > 18 || value[1] > 128 || (len - 2) * 8 < value[1])
		return false;
	memcpy(prefix, value + 2, len - 2);
	if (!inet_ntop(AF_INET6, prefix, address, sizeof address))
		return false;
	snprintf(text, DICTIONARY_VALUE, "%s/%u", address, value[1]);
	return true;
}

static bool interface_print(char *text, const uint8_t *value, size_t len)
{
	if (len != 8)
		return false;
	snprintf(text, DICTIONARY_VALUE, "%02x%02x:%02x%02x:%02x%02x:%02x%02x", value[0], value[1], value[2], value[3],
		 value[4], value[5], value[6], value[7]);
	return true;
}

/* By the RFC's bits: some dictionaries have words for this number that say something else (RAD-30). */
static bool ciphers_print(char *text, const uint8_t *value, size_t len)
{
	if (len != 4 || value[0] || value[1] || value[2] || value[3] & ~6u || !value[3])
		return number_print(text, NULL, NULL, value, len);
	strcpy(text, value[3] == 6 ? "40-bit 128-bit" : value[3] == 4 ? "128-bit" : "40-bit");
	return true;
}

/* --- one attribute --- */

struct item {
	const struct dictionary *d;
	const struct radius_packet *p;
	enum kind kind;
	const uint8_t *value; /* may be shorter than the attribute's: without its tag */
	size_t len;
	const char *words;    /* the name under which the dictionary has words for values */
	char name[DICTIONARY_NAME], text[DICTIONARY_VALUE];
};

/* Names of a dictionary are foreign text, too. */
static void name_set(struct item *it, uint32_t vendor, uint8_t type, const struct known *k,
		     const struct dict_attr *attr)
{
	if (attr && text_print(it->text, (const uint8_t *)attr->name, strlen(attr->name)))
		snprintf(it->name, sizeof it->name, "%s", attr->name);
	else if (k)
		snprintf(it->name, sizeof it->name, "%s", k->name);
	else if (vendor)
		snprintf(it->name, sizeof it->name, "Vendor-%" PRIu32 "-Attr-%u", vendor, type);
	else
		snprintf(it->name, sizeof it->name, "Attr-%u", type);
}

static void item_init(struct item *it, uint32_t vendor, const struct radius_attribute *a)
{
	const struct known *k = known_find(vendor, a->type);
	const struct dict_attr *attr = radcli_find(it->d, vendor, a->type);

	it->value = a->value;
	it->len = a->len;
	it->kind = k ? k->kind : attr ? radcli_kind(attr) : KIND_OCTETS;
	if (attr && name_is_secret(attr->name))
		it->kind = KIND_SECRET;
	it->words = attr ? attr->name : "";
	name_set(it, vendor, a->type, k, attr);
}

/* Takes the tag off the value and puts it behind the name. */
static void tag_take(struct item *it)
{
	uint8_t tag = it->value[0];
	size_t n = strlen(it->name);

	it->value++;
	it->len--;
	if (tag && tag <= 0x1f)
		snprintf(it->name + n, sizeof it->name - n, ":%u", tag);
}

static bool tagged_number_print(struct item *it)
{
	uint8_t number[4] = { 0 };

	if (it->len != 4)
		return false;
	tag_take(it);
	memcpy(number + 1, it->value, 3);
	return number_print(it->text, it->d, it->words, number, sizeof number);
}

static bool tagged_text_print(struct item *it)
{
	if (it->len && it->value[0] <= 0x1f)
		tag_take(it);
	return text_print(it->text, it->value, it->len);
}

static bool value_print(struct item *it)
{
	switch (it->kind) {
	case KIND_NUMBER:
		return number_print(it->text, it->d, it->words, it->value, it->len);
	case KIND_ADDRESS:
		return address_print(it->text, AF_INET, it->value, it->len);
	case KIND_DATE:
		return date_print(it->text, it->value, it->len);
	case KIND_ADDRESS6:
		return address_print(it->text, AF_INET6, it->value, it->len);
	case KIND_PREFIX6:
		return prefix_print(it->text, it->value, it->len);
	case KIND_INTERFACE:
		return interface_print(it->text, it->value, it->len);
	case KIND_TAGGED_NUMBER:
		return tagged_number_print(it);
	case KIND_TAGGED_TEXT:
		return tagged_text_print(it);
	case KIND_MARKED_TEXT:
		return it->len && text_print(it->text, it->value + 1, it->len - 1);
	case KIND_CIPHERS:
		return ciphers_print(it->text, it->value, it->len);
	case KIND_TEXT:
		return text_print(it->text, it->value, it->len);
	case KIND_SIGNATURE:
		strcpy(it->text, it->p->signed_ ? "(good)" : "(not checked)");
		return true;
	case KIND_SECRET:
		strcpy(it->text, "(hidden)");
		return true;
	case KIND_OCTETS:
		return false;
	}
	return false;
}

static void item_print(struct item *it, uint32_t vendor, const struct radius_attribute *a, dictionary_fn fn, void *arg)
{
	item_init(it, vendor, a);
	if (!value_print(it))
		hex_print(it->text, it->value, it->len);
	fn(arg, it->name, it->text);
}

/* What has not the recommended form may still be made of keys. */
static void odd_print(struct item *it, uint32_t vendor, const struct radius_attribute *a, dictionary_fn fn, void *arg)
{
	if (vendor)
		snprintf(it->name, sizeof it->name, "Vendor-%" PRIu32, vendor);
	else
		strcpy(it->name, "Vendor-Specific");
	if (vendor == RADIUS_MICROSOFT)
		strcpy(it->text, "(hidden)");
	else
		hex_print(it->text, a->value, a->len);
	fn(arg, it->name, it->text);
}

/* RFC 2865 section 5.26: what follows the vendor has the form of a list of attributes, if it has that one. */
static void vendor_print(struct item *it, const struct radius_attribute *a, dictionary_fn fn, void *arg)
{
	struct radius_attribute inner;
	struct rbuf r;
	uint32_t vendor;

	rbuf_init(&r, a->value, a->len);
	vendor = rbuf_u32(&r);
	if (r.fault || !vendor || !rbuf_left(&r) || !radius_list_valid(r.p, rbuf_left(&r))) {
		odd_print(it, vendor, a, fn, arg);
		return;
	}
	while (radius_next(&r, &inner))
		item_print(it, vendor, &inner, fn, arg);
}

void dictionary_print(const struct dictionary *d, const struct radius_packet *p, dictionary_fn fn, void *arg)
{
	struct item it = { .d = d, .p = p };
	struct radius_attribute a;
	struct rbuf r;

	rbuf_init(&r, p->attributes, p->len);
	while (radius_next(&r, &a))
		if (a.type == RADIUS_VENDOR_SPECIFIC)
			vendor_print(&it, &a, fn, arg);
		else
			item_print(&it, 0, &a, fn, arg);
}

/* --- the file --- */

/* libradcli opens it with fopen(), which would wait for the writer of a FIFO. */
static int file_check(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		rc = -errno;
	else if (!S_ISREG(st.st_mode))
		rc = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	close(fd);
	return rc;
}

/* Of a handle that has no configuration rc_destroy() does not free all. */
static rc_handle *handle_new(void)
{
	rc_handle *rc = rc_new();

	return rc ? rc_config_init(rc) : NULL;
}

static int handle_read(rc_handle *rc, const char *file)
{
	char *name = strdup(file); /* its name is changed for a while where it includes another file */
	int r;

	if (!name)
		return -ENOMEM;
	r = rc_read_dictionary(rc, name) < 0 ? -EINVAL : 0;
	free(name);
	return r;
}

struct dictionary *dictionary_load(const char *file)
{
	struct dictionary *d;
	int rc = file_check(file);

	if (rc < 0) {
		errno = -rc;
		return NULL;
	}
	d = calloc(1, sizeof *d);
	if (!d)
		return NULL;
	d->rc = handle_new();
	rc = d->rc ? handle_read(d->rc, file) : -ENOMEM;
	if (rc < 0) {
		dictionary_free(d);
		errno = -rc;
		return NULL;
	}
	return d;
}

void dictionary_free(struct dictionary *d)
{
	if (!d)
		return;
	if (d->rc)
		rc_destroy(d->rc);
	free(d);
}
