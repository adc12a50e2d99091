/*
 * The enhanced GRE header and the IPv4 header before it: GRE-01, GRE-02, GRE-03, GRE-18.
 */
#include "pacd/proto/gre.h"
#include "test/unit/unit.h"

/* Sequence 0x01020304, acknowledgment 0x0A0B0C0D, call 0xCA11, three octets of payload. */
static const uint8_t data_ack[] = { 0x30, 0x81, 0x88, 0x0B, 0x00, 0x03, 0xCA, 0x11, 0x01, 0x02,
				    0x03, 0x04, 0x0A, 0x0B, 0x0C, 0x0D, 0xFF, 0x03, 0xC0 };
static const uint8_t data_only[] = { 0x30, 0x01, 0x88, 0x0B, 0x00, 0x03, 0xCA, 0x11,
				     0x01, 0x02, 0x03, 0x04, 0xFF, 0x03, 0xC0 };
static const uint8_t ack_only[] = { 0x20, 0x81, 0x88, 0x0B, 0x00, 0x00, 0xCA, 0x11, 0x0A, 0x0B, 0x0C, 0x0D };

/* From an allocation of its own, so that a sanitizer sees one octet too many. */
static enum gre_drop decode(struct gre *g, const void *packet, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	enum gre_drop drop;

	memcpy(copy, packet, len);
	drop = gre_decode(g, copy, len);
	if (drop == GRE_OK && g->payload)
		g->payload = (const uint8_t *)packet + (g->payload - copy);
	free(copy);
	return drop;
}

START_TEST(gre_01_encode)
{
	struct gre g = { .call_id = 0xCA11, .has_seq = true, .has_ack = true, .seq = 0x01020304, .ack = 0x0A0B0C0D,
			 .payload_len = 3 };
	uint8_t head[GRE_HEADER_MAX];

	ck_assert_uint_eq(gre_encode(head, &g), 16);
	ck_assert_mem_eq(head, data_ack, 16);
	g.has_ack = false;
	ck_assert_uint_eq(gre_encode(head, &g), 12);
	ck_assert_mem_eq(head, data_only, 12);
	g.has_ack = true;
	g.has_seq = false;
	ck_assert_uint_eq(gre_encode(head, &g), 12);
	ck_assert_mem_eq(head, ack_only, 12);
}
END_TEST

START_TEST(gre_01_decode)
{
	struct gre g;

	ck_assert_int_eq(decode(&g, data_ack, sizeof data_ack), GRE_OK);
	ck_assert(g.has_seq && g.has_ack);
	ck_assert_uint_eq(g.call_id, 0xCA11);
	ck_assert_uint_eq(g.seq, 0x01020304);
	ck_assert_uint_eq(g.ack, 0x0A0B0C0D);
	ck_assert_uint_eq(g.payload_len, 3);
	ck_assert_ptr_eq(g.payload, data_ack + 16);
	ck_assert_int_eq(decode(&g, data_only, sizeof data_only), GRE_OK);
	ck_assert(g.has_seq && !g.has_ack);
	ck_assert_uint_eq(g.seq, 0x01020304);
	ck_assert_ptr_eq(g.payload, data_only + 12);
	ck_assert_int_eq(decode(&g, ack_only, sizeof ack_only), GRE_OK);
	ck_assert(!g.has_seq && g.has_ack);
	ck_assert_uint_eq(g.ack, 0x0A0B0C0D);
	ck_assert_uint_eq(g.payload_len, 0);
	ck_assert_ptr_null(g.payload);
}
END_TEST

/* Each bit of the first four octets wrong, one at a time. */
START_TEST(gre_02_each_bit)
{
	struct gre g;

	for (unsigned bit = 0; bit < 32; bit++) {
		uint8_t packet[sizeof data_ack];
		enum gre_drop expected = GRE_DROP_FLAGS;

		memcpy(packet, data_ack, sizeof packet);
		packet[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		if (bit == 3 || bit == 8)
			expected = GRE_OK; /* S or A gone: another, valid packet */
		else if (bit >= 16)
			expected = GRE_DROP_PROTOCOL;
		else if (bit >= 13)
			expected = GRE_DROP_VERSION;
		ck_assert_msg(decode(&g, packet, sizeof packet) == expected, "bit %u", bit);
	}
}
END_TEST

START_TEST(gre_02_truncated)
{
	struct gre g;

	for (size_t len = 0; len < sizeof data_ack; len++)
		ck_assert_int_eq(decode(&g, data_ack, len), len < 16 ? GRE_DROP_SHORT : GRE_DROP_LENGTH);
	for (size_t len = 0; len < sizeof data_only; len++)
		ck_assert_int_eq(decode(&g, data_only, len), len < 12 ? GRE_DROP_SHORT : GRE_DROP_LENGTH);
	for (size_t len = 0; len < sizeof ack_only; len++)
		ck_assert_int_eq(decode(&g, ack_only, len), GRE_DROP_SHORT);
}
END_TEST

START_TEST(gre_02_padded)
{
	uint8_t packet[64] = { 0 };
	struct gre g;

	for (size_t len = sizeof data_ack; len < sizeof packet; len++) {
		memcpy(packet, data_ack, sizeof data_ack);
		ck_assert_int_eq(decode(&g, packet, len), GRE_OK);
		ck_assert_uint_eq(g.payload_len, 3);
	}
	memcpy(packet, ack_only, sizeof ack_only);
	ck_assert_int_eq(decode(&g, packet, sizeof packet), GRE_OK);
	ck_assert_uint_eq(g.payload_len, 0);
}
END_TEST

START_TEST(gre_03_empty)
{
	static const uint8_t neither[] = { 0x20, 0x01, 0x88, 0x0B, 0x00, 0x00, 0xCA, 0x11 };
	static const uint8_t neither_data[] = { 0x20, 0x01, 0x88, 0x0B, 0x00, 0x01, 0xCA, 0x11, 0xFF };
	struct gre g;

	ck_assert_int_eq(decode(&g, neither, sizeof neither), GRE_DROP_EMPTY);
	ck_assert_int_eq(decode(&g, neither_data, sizeof neither_data), GRE_DROP_EMPTY);
}
END_TEST

START_TEST(gre_03_payload_without_seq)
{
	static const uint8_t packet[] = { 0x20, 0x81, 0x88, 0x0B, 0, 2, 0xCA, 0x11, 0, 0, 0, 9, 0xFF, 0x03 };
	struct gre g;

	ck_assert_int_eq(decode(&g, packet, sizeof packet), GRE_OK);
	ck_assert_uint_eq(g.ack, 9);
	ck_assert_uint_eq(g.payload_len, 0);
	ck_assert_ptr_null(g.payload);
	ck_assert_int_eq(decode(&g, packet, sizeof packet - 1), GRE_DROP_LENGTH);
}
END_TEST

START_TEST(gre_03_seq_without_payload)
{
	static const uint8_t packet[] = { 0x30, 0x01, 0x88, 0x0B, 0, 0, 0xCA, 0x11, 0, 0, 0, 9 };
	struct gre g;

	ck_assert_int_eq(decode(&g, packet, sizeof packet), GRE_OK);
	ck_assert(g.has_seq);
	ck_assert_uint_eq(g.seq, 9);
	ck_assert_ptr_null(g.payload);
}
END_TEST

START_TEST(gre_18_largest)
{
	uint8_t packet[12 + GRE_PAYLOAD_MAX + 1] = { 0x30, 0x01, 0x88, 0x0B, 0x05, 0xFC, 0xCA, 0x11 };
	struct gre g;

	ck_assert_int_eq(decode(&g, packet, sizeof packet), GRE_OK);
	ck_assert_uint_eq(g.payload_len, 1532);
	packet[5]++;
	ck_assert_int_eq(decode(&g, packet, sizeof packet), GRE_DROP_LENGTH);
	packet[4] = packet[5] = 0xFF;
	ck_assert_int_eq(decode(&g, packet, sizeof packet), GRE_DROP_LENGTH);
}
END_TEST

/* --- the IPv4 header --- */

/* An IPv4 packet of `total` octets with the given words of header, before data_ack. */
static size_t ip_make(uint8_t *p, unsigned ihl, size_t total)
{
	memset(p, 0, 128);
	p[0] = (uint8_t)(0x40 | ihl);
	p[2] = (uint8_t)(total >> 8);
	p[3] = (uint8_t)total;
	p[9] = 47;
	memcpy(p + 12, "\xC0\x00\x02\x01\xC6\x33\x64\x07", 8);
	memcpy(p + ihl * 4, data_ack, sizeof data_ack);
	return total;
}

static enum gre_drop strip(const uint8_t *packet, size_t len, const uint8_t **rest, size_t *rest_len)
{
	struct gre_ip ip;
	enum gre_drop drop;

	*rest = packet;
	*rest_len = len;
	drop = gre_ip_strip(rest, rest_len, &ip);
	if (drop != GRE_OK) {
		ck_assert_ptr_eq(*rest, packet);
		ck_assert_uint_eq(*rest_len, len);
	}
	return drop;
}

START_TEST(ip_good)
{
	uint8_t packet[128];
	const uint8_t *p = packet;
	size_t len = ip_make(packet, 5, 20 + sizeof data_ack);
	struct gre_ip ip;
	struct gre g;

	packet[6] = 0x40; /* don't fragment */
	ck_assert_int_eq(gre_ip_strip(&p, &len, &ip), GRE_OK);
	ck_assert_uint_eq(ip.src, 0xC0000201);
	ck_assert_uint_eq(ip.dst, 0xC6336407);
	ck_assert_ptr_eq(p, packet + 20);
	ck_assert_uint_eq(len, sizeof data_ack);
	ck_assert_int_eq(gre_decode(&g, p, len), GRE_OK);
}
END_TEST

START_TEST(ip_options)
{
	uint8_t packet[128];
	const uint8_t *p;
	size_t len;

	for (unsigned ihl = 5; ihl <= 15; ihl++) {
		ip_make(packet, ihl, ihl * 4 + sizeof data_ack);
		ck_assert_int_eq(strip(packet, ihl * 4 + sizeof data_ack, &p, &len), GRE_OK);
		ck_assert_ptr_eq(p, packet + ihl * 4);
		ck_assert_uint_eq(len, sizeof data_ack);
	}
	for (unsigned ihl = 0; ihl < 5; ihl++) {
		ip_make(packet, ihl, 60);
		packet[0] = (uint8_t)(0x40 | ihl);
		ck_assert_int_eq(strip(packet, 60, &p, &len), GRE_DROP_IP);
	}
}
END_TEST

START_TEST(ip_version)
{
	uint8_t packet[128];
	const uint8_t *p;
	size_t len;

	for (unsigned version = 0; version < 16; version++) {
		ip_make(packet, 5, 39);
		packet[0] = (uint8_t)(version << 4 | 5);
		ck_assert_int_eq(strip(packet, 39, &p, &len), version == 4 ? GRE_OK : GRE_DROP_IP);
	}
}
END_TEST

START_TEST(ip_fragments)
{
	uint8_t packet[128];
	const uint8_t *p;
	size_t len;

	for (unsigned bit = 0; bit < 14; bit++) {
		ip_make(packet, 5, 39);
		packet[6] = (uint8_t)((1 << bit) >> 8);
		packet[7] = (uint8_t)(1 << bit);
		ck_assert_int_eq(strip(packet, 39, &p, &len), GRE_DROP_IP);
	}
}
END_TEST

/* The total length bounds what is decoded: what lies behind it is no part of the packet. */
START_TEST(ip_total_length)
{
	uint8_t packet[128];
	const uint8_t *p;
	size_t len;
	struct gre g;

	for (size_t total = 0; total <= 128; total++) {
		ip_make(packet, 6, total);
		ck_assert_int_eq(strip(packet, 100, &p, &len),
				 total < 24 || total > 100 ? GRE_DROP_IP : GRE_OK);
		if (total >= 24 && total <= 100)
			ck_assert_uint_eq(len, total - 24);
	}
	/* The payload is there, but behind the end. */
	ip_make(packet, 5, 20 + sizeof data_ack - 1);
	ck_assert_int_eq(strip(packet, 128, &p, &len), GRE_OK);
	ck_assert_int_eq(gre_decode(&g, p, len), GRE_DROP_LENGTH);
}
END_TEST

START_TEST(ip_truncated)
{
	for (size_t n = 0; n < 24 + sizeof data_ack; n++) {
		uint8_t packet[128], *copy = malloc(n ? n : 1);
		const uint8_t *p;
		size_t len;

		ip_make(packet, 6, 24 + sizeof data_ack);
		memcpy(copy, packet, n);
		ck_assert_int_eq(strip(copy, n, &p, &len), GRE_DROP_IP);
		free(copy);
	}
}
END_TEST

START_TEST(drop_words)
{
	for (unsigned d = 0; d < GRE_DROPS; d++) {
		ck_assert_ptr_nonnull(gre_drop_word(d));
		for (unsigned other = 0; other < d; other++)
			ck_assert_str_ne(gre_drop_word(d), gre_drop_word(other));
	}
	ck_assert_ptr_nonnull(gre_drop_word(GRE_DROPS));
}
END_TEST

static Suite *gre_suite(void)
{
	Suite *s = suite_create("gre");

	UNIT_CASE(s, "header", gre_01_encode, gre_01_decode, gre_02_each_bit, gre_02_truncated, gre_02_padded,
		  gre_03_empty, gre_03_payload_without_seq, gre_03_seq_without_payload, gre_18_largest, drop_words);
	UNIT_CASE(s, "ip", ip_good, ip_options, ip_version, ip_fragments, ip_total_length, ip_truncated);
	return s;
}

UNIT_MAIN(gre_suite)
