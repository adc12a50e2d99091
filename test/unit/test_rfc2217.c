/*
 * Telnet and the Com Port Control Option: negotiation without loops, data in any split, suboptions good and bad.
 * (Issue 5: lines of terminal servers, mode "rfc2217".)
 */
#include "pacd/proto/rfc2217.h"

#include "test/unit/unit.h"

#define IAC "\xFF"
#define SB "\xFA"
#define SE "\xF0"
#define WILL "\xFB"
#define WONT "\xFC"
#define DO "\xFD"
#define DONT "\xFE"
#define BINARY "\x00"
#define SGA "\x03"
#define COM "\x2C"

/* Octets of a string constant with NULs in it. */
#define OCTETS(s) (const uint8_t *)(s), sizeof(s) - 1

struct seen {
	uint8_t data[8192];
	size_t len;
	char events[64]; /* a letter each */
	size_t n;
	uint8_t value;   /* the last */
};

static struct rfc2217 t;
static struct seen seen;

static void begin(void)
{
	uint8_t out[RFC2217_START_MAX];

	rfc2217_init(&t);
	memset(&seen, 0, sizeof seen);
	ck_assert_uint_eq(rfc2217_start(&t, out), 15);
	ck_assert_mem_eq(out, IAC WILL BINARY IAC DO BINARY IAC WILL SGA IAC DO SGA IAC WILL COM, 15);
}

/* `step` octets at once. */
static void feed_by(const uint8_t *data, size_t len, size_t step)
{
	static const char letters[] = { [RFC2217_READY] = 'R', [RFC2217_REFUSED] = 'N', [RFC2217_MODEMSTATE] = 'M',
					[RFC2217_LINESTATE] = 'L', [RFC2217_SUSPEND] = 'S', [RFC2217_RESUME] = 'r' };

	while (len) {
		size_t n = len < step ? len : step, left = n;
		uint8_t chunk[4096];
		const uint8_t *p = chunk;
		struct rfc2217_event ev;

		memcpy(chunk, data, n);
		while (rfc2217_decode(&t, &p, &left, chunk, &ev) != RFC2217_NONE) {
			if (ev.type == RFC2217_DATA) {
				ck_assert_uint_gt(ev.len, 0);
				memcpy(seen.data + seen.len, chunk, ev.len);
				seen.len += ev.len;
				continue;
			}
			ck_assert_uint_eq(ev.len, 0);
			seen.events[seen.n++] = letters[ev.type];
			seen.value = ev.value;
		}
		ck_assert_uint_eq(left, 0);
		data += n;
		len -= n;
	}
}

static void feed(const uint8_t *data, size_t len)
{
	feed_by(data, len, sizeof seen.data / 2);
}

static void replies(const uint8_t *data, size_t len)
{
	ck_assert_uint_eq(t.reply_len, len);
	ck_assert_mem_eq(t.reply, data, len);
	t.reply_len = 0;
}

static void accepted(void)
{
	begin();
	feed(OCTETS(IAC DO COM));
	ck_assert_str_eq(seen.events, "R");
	seen.n = 0;
	memset(seen.events, 0, sizeof seen.events);
}

/* --- negotiation --- */

START_TEST(answers_to_ours_are_not_answered)
{
	begin();
	feed(OCTETS(IAC DO BINARY IAC WILL BINARY IAC DO SGA IAC WILL SGA IAC DO COM));
	ck_assert_uint_eq(t.reply_len, 0);
	ck_assert_str_eq(seen.events, "R");
	feed(OCTETS(IAC DO BINARY IAC WILL SGA IAC DO COM)); /* again: nothing changes, nothing is said */
	ck_assert_uint_eq(t.reply_len, 0);
	ck_assert_str_eq(seen.events, "R");
	begin();
	feed(OCTETS(IAC DONT BINARY IAC WONT BINARY IAC DONT SGA IAC WONT SGA IAC DONT COM));
	ck_assert_uint_eq(t.reply_len, 0);
	ck_assert_str_eq(seen.events, "N");
}
END_TEST

START_TEST(changes_are_answered_once)
{
	begin();
	feed(OCTETS(IAC DO SGA IAC WONT SGA));
	ck_assert_uint_eq(t.reply_len, 0);
	feed(OCTETS(IAC DONT SGA));
	replies(OCTETS(IAC WONT SGA));
	feed(OCTETS(IAC DONT SGA IAC WONT SGA));
	ck_assert_uint_eq(t.reply_len, 0);
	feed(OCTETS(IAC WILL SGA));
	replies(OCTETS(IAC DO SGA));
	feed(OCTETS(IAC WILL SGA));
	ck_assert_uint_eq(t.reply_len, 0);
}
END_TEST

START_TEST(strange_options_are_refused)
{
	begin();
	feed(OCTETS(IAC WILL "\x01" IAC DO "\x18" IAC WONT "\x01" IAC DONT "\x18"));
	replies(OCTETS(IAC DONT "\x01" IAC WONT "\x18"));
	ck_assert_uint_eq(seen.n + seen.len, 0);
}
END_TEST

/* Some servers offer the option themselves. */
START_TEST(server_offers)
{
	begin();
	feed(OCTETS(IAC WILL COM));
	replies(OCTETS(IAC DO COM));
	feed(OCTETS(IAC DO COM));
	ck_assert_uint_eq(t.reply_len, 0);
	ck_assert_str_eq(seen.events, "R");
	begin();
	feed(OCTETS(IAC WONT COM)); /* nobody asked */
	ck_assert_uint_eq(t.reply_len + seen.n, 0);
	feed(OCTETS(IAC WILL COM IAC WONT COM));
	replies(OCTETS(IAC DO COM IAC DONT COM));
	ck_assert_str_eq(seen.events, "RN");
}
END_TEST

START_TEST(option_taken_back)
{
	accepted();
	feed(OCTETS(IAC DONT COM));
	replies(OCTETS(IAC WONT COM));
	ck_assert_str_eq(seen.events, "N");
	feed(OCTETS(IAC DO COM IAC DONT COM IAC WILL COM)); /* for good */
	replies(OCTETS(IAC WONT COM IAC DONT COM));
	feed(OCTETS(IAC SB COM "\x6B\x80" IAC SE));
	ck_assert_str_eq(seen.events, "N");
}
END_TEST

START_TEST(replies_are_bounded)
{
	begin();
	for (int i = 0; i < 4000; i++)
		feed(OCTETS(IAC DO "\x18"));
	ck_assert_uint_le(t.reply_len, RFC2217_REPLY_MAX);
	ck_assert_uint_gt(t.reply_len, RFC2217_REPLY_MAX - 3);
	ck_assert_uint_eq(t.reply_len % 3, 0);
}
END_TEST

/* --- data --- */

START_TEST(data_in_any_split)
{
	static const uint8_t stream[] = "AT" IAC IAC "x" IAC IAC IAC IAC IAC DO COM "y\r\0z" IAC "\xF1" "!" IAC SB COM
					"\x6B\xC0" IAC SE IAC IAC "end" IAC SB COM "\x6A" IAC IAC IAC SE "~";
	static const uint8_t data[] = "AT\xFFx\xFF\xFFy\r\0z!\xFF" "end~";

	for (size_t step = 1; step <= sizeof stream; step++) {
		begin();
		feed_by(stream, sizeof stream - 1, step);
		ck_assert_uint_eq(seen.len, sizeof data - 1);
		ck_assert_mem_eq(seen.data, data, seen.len);
		ck_assert_str_eq(seen.events, "RML");
		ck_assert_uint_eq(seen.value, 0xFF);
		ck_assert_uint_eq(t.faults, 0);
	}
}
END_TEST

START_TEST(data_encoded)
{
	uint8_t all[256], out[RFC2217_ENCODED_MAX(256)];

	for (int i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	ck_assert_uint_eq(rfc2217_encode(out, all, sizeof all), 257);
	begin();
	feed(out, 257);
	ck_assert_uint_eq(seen.len, 256);
	ck_assert_mem_eq(seen.data, all, 256);
	memset(all, 0xFF, sizeof all);
	ck_assert_uint_eq(rfc2217_encode(out, all, sizeof all), sizeof out);
	ck_assert_uint_eq(rfc2217_encode(out, all, 0), 0);
}
END_TEST

/* --- suboptions --- */

START_TEST(notifications)
{
	accepted();
	feed(OCTETS(IAC SB COM "\x6B\xC4" IAC SE));
	ck_assert_uint_eq(seen.value, 0xC4);
	feed(OCTETS(IAC SB COM "\x6A\x0E" IAC SE));
	ck_assert_uint_eq(seen.value, 0x0E);
	feed(OCTETS(IAC SB COM "\x6C" IAC SE IAC SB COM "\x6D" IAC SE));
	ck_assert_str_eq(seen.events, "MLSr");
	feed(OCTETS(IAC SB COM "\x65" "\0\x01\xC2\0" IAC SE IAC SB COM "\x70\x03" IAC SE)); /* answers */
	ck_assert_uint_eq(seen.n, 4);
	ck_assert_uint_eq(t.faults, 0);
	feed(OCTETS(IAC SB COM "\x64" IAC SE));
	replies(OCTETS(IAC SB COM "\x00" "pacd" IAC SE));
	feed(OCTETS(IAC SB COM "\x64" "ACME" IAC SE));
	ck_assert_uint_eq(t.reply_len, 0);
}
END_TEST

START_TEST(nonsense_is_passed_over)
{
	static const struct {
		const char *octets;
		size_t len;
	} rows[] = {
#define ROW(s) { s, sizeof(s) - 1 }
		ROW(IAC SB IAC SE), ROW(IAC SB COM IAC SE), ROW(IAC SB COM "\x6B" IAC SE),
		ROW(IAC SB COM "\x6B\x01\x02" IAC SE),
		ROW(IAC SB COM "\x6C\x01" IAC SE), ROW(IAC SB COM "\x07\x80" IAC SE), ROW(IAC SB COM "\x71" IAC SE),
		ROW(IAC SB "\x18\x6B\x80" IAC SE), ROW(IAC SE), ROW(IAC "\x10"),
		ROW(IAC SB COM "\x6B\x80" IAC "\xF1"), /* NOP in the place of its end */
		ROW(IAC SB COM "\x6B\x80" IAC DO SGA),
#undef ROW
	};

	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		accepted();
		feed((const uint8_t *)rows[i].octets, rows[i].len);
		ck_assert_uint_eq(seen.n + seen.len + t.reply_len, 0);
		ck_assert_uint_eq(t.faults, 1);
		feed(OCTETS("a" IAC SB COM "\x6B\x80" IAC SE));
		ck_assert_uint_eq(seen.len, 1);
		ck_assert_str_eq(seen.events, "M");
	}
}
END_TEST

START_TEST(suboption_before_the_option)
{
	begin();
	feed(OCTETS(IAC SB COM "\x6B\x80" IAC SE));
	ck_assert_uint_eq(seen.n, 0);
	ck_assert_uint_eq(t.faults, 1);
}
END_TEST

START_TEST(suboption_too_long)
{
	accepted();
	feed(OCTETS(IAC SB COM "\x64"));
	for (int i = 0; i < RFC2217_SUB_MAX - 2; i++)
		feed(OCTETS("x"));
	feed(OCTETS(IAC SE));
	ck_assert_uint_eq(t.faults, 0);
	feed(OCTETS(IAC SB COM "\x64"));
	for (int i = 0; i < RFC2217_SUB_MAX - 1; i++)
		feed(OCTETS("x"));
	feed(OCTETS(IAC SE "d"));
	ck_assert_uint_eq(t.faults, 1);
	ck_assert_uint_eq(seen.len, 1);
}
END_TEST

#define PUT(call, s)                                                           \
	do {                                                                   \
		uint8_t out_[32];                                              \
		ck_assert_uint_eq(call, sizeof(s) - 1);                        \
		ck_assert_mem_eq(out_, s, sizeof(s) - 1);                      \
	} while (0)

START_TEST(settings)
{
	PUT(rfc2217_put_baud(out_, 115200), IAC SB COM "\x01\x00\x01\xC2\x00" IAC SE);
	PUT(rfc2217_put_baud(out_, 0xFFFFFFFF), IAC SB COM "\x01" IAC IAC IAC IAC IAC IAC IAC IAC IAC SE);
	PUT(rfc2217_put_8n1(out_),
	    IAC SB COM "\x02\x08" IAC SE IAC SB COM "\x03\x01" IAC SE IAC SB COM "\x04\x01" IAC SE);
	PUT(rfc2217_put_flow(out_, RFC2217_FLOW_HARDWARE), IAC SB COM "\x05\x03" IAC SE);
	PUT(rfc2217_put_flow(out_, RFC2217_FLOW_NONE), IAC SB COM "\x05\x01" IAC SE);
	PUT(rfc2217_put_dtr(out_, true), IAC SB COM "\x05\x08" IAC SE);
	PUT(rfc2217_put_dtr(out_, false), IAC SB COM "\x05\x09" IAC SE);
	PUT(rfc2217_put_masks(out_, 0xFF, 0x0E), IAC SB COM "\x0A\x0E" IAC SE IAC SB COM "\x0B" IAC IAC IAC SE);
	PUT(rfc2217_put_purge(out_), IAC SB COM "\x0C\x03" IAC SE);
}
END_TEST

static Suite *rfc2217_suite(void)
{
	Suite *s = suite_create("rfc2217");

	UNIT_CASE(s, "negotiation", answers_to_ours_are_not_answered, changes_are_answered_once,
		  strange_options_are_refused, server_offers, option_taken_back, replies_are_bounded);
	UNIT_CASE(s, "data", data_in_any_split, data_encoded);
	UNIT_CASE(s, "suboptions", notifications, nonsense_is_passed_over, suboption_before_the_option,
		  suboption_too_long, settings);
	return s;
}

UNIT_MAIN(rfc2217_suite)
