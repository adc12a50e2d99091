/*
 * RADIUS attributes in words: libradcli's dictionary, what pacd knows without
 * one, odd sizes, and secrets (issue 4 section 6; RAD-08, RAD-30, RAD-31).
 */
#include "pacd/aaa/dictionary.h"
#include "test/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/test_dictionary.XXXXXX";
static char path[100], included[100];
static char printed[65536];

static const char words[] =
	"VENDOR\tAcme\t9\n"
	"ATTRIBUTE\tFramed-IP-Address\t8\tipaddr\n"
	"ATTRIBUTE\tService-Type\t6\tinteger\n"
	"ATTRIBUTE\tTunnel-Type\t64\tstring # as radcli ships it\n"
	"ATTRIBUTE\tLogin-IPv6-Host\t98\tipv6addr\n"
	"ATTRIBUTE\tOur-Text\t201\tstring\n"
	"ATTRIBUTE\tOur-Date\t202\tdate\n"
	"ATTRIBUTE\tOur-Prefix\t203\tipv6prefix\n"
	"ATTRIBUTE\tOur-Number\t204\tinteger\n"
	"ATTRIBUTE\tWeird\x1b[2J\t205\tstring\n"
	"VALUE\tService-Type\tFramed-User\t2\n"
	"VALUE\tTunnel-Type\tPPTP\t1\n"
	"$INCLUDE more\n";

static const char more[] =
	"ATTRIBUTE\tAcme-Text\t1\tstring\tAcme\n"
	"ATTRIBUTE\tAcme-WiFi-Key\t2\tstring\tAcme\n"
	"ATTRIBUTE\tAcme-Shared-Secret\t3\tinteger\tAcme\n";

static void file_write(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	ck_assert(f != NULL);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

static void setup(void)
{
	strcpy(folder, "/tmp/test_dictionary.XXXXXX");
	ck_assert(mkdtemp(folder) != NULL);
	snprintf(path, sizeof path, "%s/dictionary", folder);
	snprintf(included, sizeof included, "%s/more", folder);
	file_write(path, words);
	file_write(included, more);
}

static void teardown(void)
{
	unlink(path);
	unlink(included);
	rmdir(folder);
}

static void note(void *arg, const char *name, const char *value)
{
	size_t n = strlen(printed);

	(void)arg;
	ck_assert_uint_lt(strlen(name), DICTIONARY_NAME);
	ck_assert_uint_lt(strlen(value), DICTIONARY_VALUE);
	snprintf(printed + n, sizeof printed - n, "%s=%s\n", name, value);
}

static const char *print(const struct dictionary *d, const void *attributes, size_t len)
{
	/* of its own, so that a sanitizer sees what reads behind it */
	uint8_t *copy = malloc(len ? len : 1);
	const struct radius_packet p = { .code = RADIUS_ACCESS_ACCEPT, .attributes = copy, .len = len };

	memcpy(copy, attributes, len);
	printed[0] = '\0';
	dictionary_print(d, &p, note, NULL);
	free(copy);
	return printed;
}

#define PRINT(d, bytes) print(d, bytes, sizeof bytes - 1)

/* One attribute. */
static const char *one(const struct dictionary *d, uint8_t type, const void *value, size_t len)
{
	uint8_t a[255] = { type, (uint8_t)(len + 2) };

	memcpy(a + 2, value, len);
	return print(d, a, len + 2);
}

/* A Vendor-Specific one with one value inside. */
static const char *vendor(const struct dictionary *d, uint32_t number, uint8_t type, const void *value, size_t len)
{
	uint8_t v[253] = { (uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number,
			   type, (uint8_t)(len + 2) };

	memcpy(v + 6, value, len);
	return one(d, RADIUS_VENDOR_SPECIFIC, v, len + 6);
}

static struct dictionary *load(void)
{
	struct dictionary *d = dictionary_load(path);

	ck_assert_msg(d != NULL, "%s", strerror(errno));
	return d;
}

START_TEST(words_of_the_dictionary)
{
	struct dictionary *d = load();

	ck_assert_str_eq(PRINT(d, "\x06\x06\0\0\0\x02\x08\x06\x0a\0\0\x01\xc9\x07hello\xcc\x06\0\0\1\0"),
			 "Service-Type=Framed-User\nFramed-IP-Address=10.0.0.1\nOur-Text=hello\nOur-Number=256\n");
	ck_assert_str_eq(one(d, 6, "\0\0\0\x63", 4), "Service-Type=99\n"); /* a value without a word */
	ck_assert_str_eq(one(d, 6, "\xff\xff\xff\xff", 4), "Service-Type=4294967295\n");
	ck_assert_str_eq(one(d, 202, "\x65\x53\xf1\x00", 4), "Our-Date=2023-11-14 22:13:20 UTC\n");
	ck_assert_str_eq(one(d, 98, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16), "Login-IPv6-Host=2001:db8::1\n");
	ck_assert_str_eq(one(d, 203, "\0\x30\x20\x01\x0d\xb8\0\1", 8), "Our-Prefix=2001:db8:1::/48\n");
	ck_assert_str_eq(vendor(d, 9, 1, "a b", 3), "Acme-Text=a b\n"); /* from the file that is included */
	ck_assert_str_eq(one(d, 200, "x", 1), "Attr-200=0x78\n");
	ck_assert_str_eq(vendor(d, 9, 77, "x", 1), "Vendor-9-Attr-77=0x78\n");
	ck_assert_str_eq(vendor(d, 10, 1, "x", 1), "Vendor-10-Attr-1=0x78\n");
	/* a name that is no text is none */
	ck_assert_str_eq(one(d, 205, "x", 1), "Attr-205=x\n");
	dictionary_free(d);
}
END_TEST

/* libradcli 1.2 keeps 16 bits of a vendor: 65545 would be 9, and 65536 none. */
START_TEST(vendors_are_not_mixed_up)
{
	struct dictionary *d = load();

	ck_assert_str_eq(vendor(d, 65545, 1, "x", 1), "Vendor-65545-Attr-1=0x78\n");
	ck_assert_str_eq(vendor(d, 65536, 6, "\0\0\0\x02", 4), "Vendor-65536-Attr-6=0x00000002\n");
	ck_assert_str_eq(vendor(d, 0xffffffff, 1, "x", 1), "Vendor-4294967295-Attr-1=0x78\n");
	dictionary_free(d);
}
END_TEST

START_TEST(without_a_dictionary)
{
	ck_assert_str_eq(PRINT(NULL, "\x06\x06\0\0\0\x02\x08\x06\x0a\0\0\x01\x1b\x06\0\0\x0e\x10\x0b\x06gold"
				     "\x19\x04\x01\xff\xc9\x03x"),
			 "Service-Type=2\nFramed-IP-Address=10.0.0.1\nSession-Timeout=3600\nFilter-Id=gold\n"
			 "Class=0x01ff\nAttr-201=0x78\n");
	ck_assert_str_eq(one(NULL, 96, "\0\0\0\0\0\0\0\xa1", 8), "Framed-Interface-Id=0000:0000:0000:00a1\n");
	ck_assert_str_eq(one(NULL, 97, "\0\x40\x20\x01\x0d\xb8\0\0\0\0", 10), "Framed-IPv6-Prefix=2001:db8::/64\n");
	ck_assert_str_eq(vendor(NULL, 14988, 8, "1M/2M", 5), "Mikrotik-Rate-Limit=1M/2M\n");
	ck_assert_str_eq(vendor(NULL, 14122, 7, "\0\x0f\x42\x40", 4), "WISPr-Bandwidth-Max-Up=1000000\n");
	ck_assert_str_eq(vendor(NULL, 311, 28, "\x09\x09\x09\x09", 4), "MS-Primary-DNS-Server=9.9.9.9\n");
	ck_assert_str_eq(vendor(NULL, 311, 26, "\x07S=ABCD", 7), "MS-CHAP2-Success=S=ABCD\n");
	ck_assert_str_eq(vendor(NULL, 311, 2, "\x07" "E=691 R=0", 10), "MS-CHAP-Error=E=691 R=0\n");
	ck_assert_str_eq(print(NULL, "", 0), "");
}
END_TEST

/* RAD-30: by the RFC's bits, not by what a dictionary calls the number. */
START_TEST(encryption_types)
{
	struct dictionary *d;

	file_write(path, "VENDOR Microsoft 311\nATTRIBUTE MS-MPPE-Encryption-Types 8 string Microsoft\n"
			 "VALUE MS-MPPE-Encryption-Types 128bit 2\n");
	d = load();
	ck_assert_str_eq(vendor(d, 311, 8, "\0\0\0\2", 4), "MS-MPPE-Encryption-Types=40-bit\n");
	ck_assert_str_eq(vendor(d, 311, 8, "\0\0\0\4", 4), "MS-MPPE-Encryption-Types=128-bit\n");
	ck_assert_str_eq(vendor(d, 311, 8, "\0\0\0\6", 4), "MS-MPPE-Encryption-Types=40-bit 128-bit\n");
	ck_assert_str_eq(vendor(d, 311, 8, "\0\0\0\0", 4), "MS-MPPE-Encryption-Types=0\n");
	ck_assert_str_eq(vendor(d, 311, 8, "\0\0\1\4", 4), "MS-MPPE-Encryption-Types=260\n");
	ck_assert_str_eq(vendor(d, 311, 8, "\0\0\4", 3), "MS-MPPE-Encryption-Types=0x000004\n");
	dictionary_free(d);
}
END_TEST

/* RFC 2868: a tag before the value. */
START_TEST(tags)
{
	struct dictionary *d = load();

	ck_assert_str_eq(one(d, 64, "\x01\0\0\x01", 4), "Tunnel-Type:1=PPTP\n");
	ck_assert_str_eq(one(d, 64, "\0\0\0\x01", 4), "Tunnel-Type=PPTP\n");
	ck_assert_str_eq(one(d, 64, "\x1f\0\0\x63", 4), "Tunnel-Type:31=99\n");
	ck_assert_str_eq(one(d, 64, "\x20\0\0\x01", 4), "Tunnel-Type=PPTP\n"); /* no tag that is one */
	ck_assert_str_eq(one(d, 64, "\0\0\x01", 3), "Tunnel-Type=0x000001\n");
	ck_assert_str_eq(one(d, 67, "\x02" "192.0.2.1", 10), "Tunnel-Server-Endpoint:2=192.0.2.1\n");
	ck_assert_str_eq(one(d, 67, "192.0.2.1", 9), "Tunnel-Server-Endpoint=192.0.2.1\n");
	ck_assert_str_eq(one(d, 67, "\x02", 1), "Tunnel-Server-Endpoint:2=\n");
	ck_assert_str_eq(one(d, 67, "\x02\xff", 2), "Tunnel-Server-Endpoint:2=0xff\n");
	ck_assert_str_eq(one(d, 83, "\x03\0\1\0", 4), "Tunnel-Preference:3=256\n");
	dictionary_free(d);
}
END_TEST

/* RAD-31: no secret has a printable form, of whatever length it is. */
START_TEST(secrets_are_hidden)
{
	static const uint8_t types[] = { 2, 3, 17, 69, 70 };
	static const uint8_t microsoft[] = { 1, 3, 4, 5, 6, 12, 16, 17, 19, 20, 25, 27 };
	static const char secret[] = "0123456789abcdef0123456789abcdef";
	struct dictionary *dictionaries[] = { NULL, load() };

	for (size_t i = 0; i < 2; i++)
		for (size_t len = 0; len < sizeof secret; len++) {
			const struct dictionary *d = dictionaries[i];

			for (size_t k = 0; k < sizeof types; k++)
				ck_assert(strstr(one(d, types[k], secret, len), "=(hidden)\n") != NULL);
			for (size_t k = 0; k < sizeof microsoft; k++)
				ck_assert(strstr(vendor(d, 311, microsoft[k], secret, len), "=(hidden)\n") != NULL);
		}
	ck_assert_str_eq(vendor(dictionaries[1], 9, 2, "psk", 3), "Acme-WiFi-Key=(hidden)\n");
	ck_assert_str_eq(vendor(dictionaries[1], 9, 3, "\0\0\0\1", 4), "Acme-Shared-Secret=(hidden)\n");
	/* a Microsoft value in no known form could be a key */
	ck_assert_str_eq(PRINT(NULL, "\x1a\x0a\0\0\x01\x37\x10\x09zz"), "Vendor-311=(hidden)\n");
	dictionary_free(dictionaries[1]);
}
END_TEST

START_TEST(signature)
{
	static const uint8_t a[18] = { 80, 18, 's', 'i', 'g' };
	struct radius_packet p = { .attributes = a, .len = sizeof a, .signed_ = true };

	printed[0] = '\0';
	dictionary_print(NULL, &p, note, NULL);
	p.signed_ = false;
	dictionary_print(NULL, &p, note, NULL);
	ck_assert_str_eq(printed, "Message-Authenticator=(good)\nMessage-Authenticator=(not checked)\n");
}
END_TEST

/* Sizes that no value of that type has: hex, never a number that is not there. */
START_TEST(odd_sizes)
{
	static const uint8_t numbers[] = { 6, 8, 12, 27, 55, 64, 83, 85, 96, 97, 98, 123, 202, 203, 204 };
	static uint8_t value[253];
	struct dictionary *d = load();

	for (size_t i = 0; i < sizeof numbers; i++)
		for (size_t len = 0; len <= 253; len++) {
			const char *text = one(d, numbers[i], value, len), *hex = strstr(text, "=0x");
			bool sized = numbers[i] == 96 ? len == 8 : numbers[i] == 98 ? len == 16 :
				     numbers[i] == 97 || numbers[i] == 123 || numbers[i] == 203 ? len >= 2 && len <= 18 :
				     len == 4;

			ck_assert_msg(sized == !hex, "type %u len %zu: %s", numbers[i], len, text);
			ck_assert(sized || strlen(hex) == 3 + 2 * len + 1);
		}
	/* more bits than octets, more bits than there are */
	ck_assert_str_eq(one(d, 97, "\0\x41\x20\x01\x0d\xb8\0\0\0\0", 10), "Framed-IPv6-Prefix=0x004120010db800000000\n");
	ck_assert(strstr(one(d, 97, "\0\x81zzzzzzzzzzzzzzzz", 18), "=0x00817a") != NULL);
	dictionary_free(d);
}
END_TEST

START_TEST(texts)
{
	static const struct { const char *value, *shown; } rows[] = {
		{ "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80" },
		{ "\x1b[2J", "0x1b5b324a" }, { "a\x7f", "0x617f" }, { "a\nb", "0x610a62" },
		{ "\xc2\x9b", "0xc29b" },             /* a control of 8 bits */
		{ "\xff", "0xff" }, { "\xc3", "0xc3" }, { "\xc0\xaf", "0xc0af" }, { "\xed\xa0\x80", "0xeda080" },
		{ "\xf4\x90\x80\x80", "0xf4908080" }, { "\xe2\x82", "0xe282" }, { "\xa9", "0xa9" },
	};
	char all[253], expect[600];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(expect, sizeof expect, "Reply-Message=%s\n", rows[i].shown);
		ck_assert_str_eq(one(NULL, 18, rows[i].value, strlen(rows[i].value)), expect);
	}
	ck_assert_str_eq(one(NULL, 18, "a\0b", 3), "Reply-Message=0x610062\n");
	memset(all, 1, sizeof all);
	ck_assert_uint_eq(strlen(one(NULL, 18, all, sizeof all)), strlen("Reply-Message=0x\n") + 2 * sizeof all);
}
END_TEST

/* RFC 2865 section 5.26. */
START_TEST(vendor_specific_forms)
{
	/* two values in one */
	ck_assert_str_eq(PRINT(NULL, "\x1a\x12\0\0\x01\x37\x1c\x06\x01\x01\x01\x01\x1d\x06\x02\x02\x02\x02"),
			 "MS-Primary-DNS-Server=1.1.1.1\nMS-Secondary-DNS-Server=2.2.2.2\n");
	ck_assert_str_eq(PRINT(NULL, "\x1a\x02"), "Vendor-Specific=0x\n");
	ck_assert_str_eq(PRINT(NULL, "\x1a\x05\0\0\x09"), "Vendor-Specific=0x000009\n");
	ck_assert_str_eq(PRINT(NULL, "\x1a\x06\0\0\0\x09"), "Vendor-9=0x00000009\n");
	ck_assert_str_eq(PRINT(NULL, "\x1a\x09\0\0\0\x09\x01\x02\x01"), "Vendor-9=0x00000009010201\n");
	ck_assert_str_eq(PRINT(NULL, "\x1a\x09\0\0\0\0\x02\x03x"), "Vendor-Specific=0x00000000020378\n");
	ck_assert_str_eq(PRINT(NULL, "\x1a\x08\0\0\0\x09\x01\x01"), "Vendor-9=0x000000090101\n");
}
END_TEST

/* What was not verified does no harm. */
START_TEST(broken_lists_end)
{
	ck_assert_str_eq(PRINT(NULL, "\x0b\x03x\x0b\x01"), "Filter-Id=x\n");
	ck_assert_str_eq(PRINT(NULL, "\x0b\x03x\x0b\x09y"), "Filter-Id=x\n");
	ck_assert_str_eq(PRINT(NULL, "\x0b"), "");
}
END_TEST

START_TEST(files_that_are_none)
{
	char deep[300];

	ck_assert(dictionary_load("/nonexistent/dictionary") == NULL);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert(dictionary_load(folder) == NULL);
	ck_assert_int_eq(errno, EISDIR);
	file_write(path, "ATTRIBUTE Broken x string\n");
	ck_assert(dictionary_load(path) == NULL);
	ck_assert_int_eq(errno, EINVAL);
	file_write(path, "$INCLUDE nothing-there\n");
	ck_assert(dictionary_load(path) == NULL);
	ck_assert_int_eq(errno, EINVAL);
	snprintf(deep, sizeof deep, "%s/fifo", folder);
	ck_assert_int_eq(mkfifo(deep, 0600), 0);
	ck_assert(dictionary_load(deep) == NULL); /* and does not wait for a writer */
	ck_assert_int_eq(errno, EINVAL);
	unlink(deep);
	dictionary_free(NULL);
}
END_TEST

/* The one that libradcli brings with it, where it is installed. */
START_TEST(dictionary_as_shipped)
{
	struct dictionary *d = dictionary_load("/etc/radcli/dictionary");

	if (!d)
		return;
	ck_assert_str_eq(PRINT(d, "\x06\x06\0\0\0\x02\x08\x06\x0a\0\0\x01\x1b\x06\0\0\x0e\x10\x55\x06\0\0\x02\x58"),
			 "Service-Type=Framed-User\nFramed-IP-Address=10.0.0.1\nSession-Timeout=3600\n"
			 "Acct-Interim-Interval=600\n");
	ck_assert_str_eq(one(d, 64, "\x01\0\0\x01", 4), "Tunnel-Type:1=1\n");
	ck_assert_str_eq(one(d, 123, "\0\x38\x20\x01\x0d\xb8\0\1\0", 9), "Delegated-IPv6-Prefix=2001:db8:1::/56\n");
	dictionary_free(d);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = {
		words_of_the_dictionary, vendors_are_not_mixed_up, without_a_dictionary, encryption_types, tags,
		secrets_are_hidden, signature, odd_sizes, texts, vendor_specific_forms, broken_lists_end,
		files_that_are_none, dictionary_as_shipped,
	};
	Suite *s = suite_create("dictionary");
	TCase *tc = tcase_create("dictionary");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
