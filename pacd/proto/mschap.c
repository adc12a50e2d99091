/*
 * Verification of PAP, CHAP-MD5, MS-CHAPv1 and MS-CHAPv2, and MPPE key
 * derivation (RFC 1334, 1994, 2433, 2759 section 8, 3079 sections 2 and 3).
 *
 * Owns nothing.  Must not know users, packets or where a secret comes from.
 * It is the only place of the daemon that uses MD4 and DES.
 */
#include "pacd/proto/mschap.h"

#include <nettle/des.h>
#include <nettle/md4.h>
#include <nettle/md5.h>
#include <nettle/memops.h>
#include <nettle/sha1.h>
#include <string.h>

#define HASH MSCHAP_HASH_LEN
#define NT_RESPONSE MSCHAP_NT_RESPONSE_LEN
#define DES_RAW_KEY 7

/* The constants of RFC 2759 section 8.7 and RFC 3079 section 3.4; without the NUL. */
#define AUTH_MAGIC1 "Magic server to client signing constant"
#define AUTH_MAGIC2 "Pad to make it do more than one iteration"
#define KEY_MAGIC1 "This is the MPPE Master Key"
#define KEY_MAGIC2 "On the client side, this is the send key; on the server side, it is the receive key."
#define KEY_MAGIC3 "On the client side, this is the receive key; on the server side, it is the send key."
#define KEY_PAD_LEN 40

/* A text constant as octets and length. */
#define TEXT(s) sizeof(s) - 1, (const uint8_t *)(s)

static void md4(const uint8_t *data, size_t len, uint8_t hash[HASH])
{
	struct md4_ctx ctx;

	md4_init(&ctx);
	md4_update(&ctx, len, data);
	md4_digest(&ctx, HASH, hash);
	explicit_bzero(&ctx, sizeof ctx);
}

/* Octets that follow the lead octet of a UTF-8 sequence, or -1; `bits` is what the lead octet carries. */
static int utf8_lead(uint8_t c, uint32_t *bits)
{
	if (c < 0x80) {
		*bits = c;
		return 0;
	}
	if (c >= 0xC2 && c < 0xE0) {
		*bits = c & 0x1F;
		return 1;
	}
	if (c >= 0xE0 && c < 0xF0) {
		*bits = c & 0x0F;
		return 2;
	}
	if (c >= 0xF0 && c < 0xF5) {
		*bits = c & 0x07;
		return 3;
	}
	return -1;
}

/* Not in its shortest form, a surrogate, or beyond Unicode. */
static bool utf8_refused(uint32_t rune, int more)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };

	return rune < least[more] || rune > 0x10FFFF || (rune >= 0xD800 && rune < 0xE000);
}

/* Reads one character: its octets, at least 1. */
static size_t utf8_take(const uint8_t *p, size_t len, uint32_t *rune)
{
	uint32_t bits = 0;
	int more = utf8_lead(p[0], &bits);
	int i = 0;

	if (more >= 0 && (size_t)more < len) {
		for (i = 1; i <= more && (p[i] & 0xC0) == 0x80; i++)
			bits = bits << 6 | (p[i] & 0x3F);
		if (i > more && !utf8_refused(bits, more)) {
			*rune = bits;
			return (size_t)i;
		}
	}
	*rune = p[0];
	return 1;
}

/* Writes one character as UTF-16LE: 2 or 4 octets. */
static size_t utf16_put(uint8_t out[4], uint32_t rune)
{
	uint32_t low = rune;
	size_t n = 0;

	if (rune >= 0x10000) {
		uint32_t high = 0xD800 + ((rune - 0x10000) >> 10);

		out[n++] = (uint8_t)high;
		out[n++] = (uint8_t)(high >> 8);
		low = 0xDC00 + (rune & 0x3FF);
	}
	out[n++] = (uint8_t)low;
	out[n++] = (uint8_t)(low >> 8);
	return n;
}

void mschap_nt_hash(const uint8_t *password, size_t len, uint8_t hash[HASH])
{
	struct md4_ctx ctx;
	uint8_t unit[4];
	uint32_t rune = 0;

	md4_init(&ctx);
	while (len) {
		size_t n = utf8_take(password, len, &rune);

		md4_update(&ctx, utf16_put(unit, rune), unit);
		password += n;
		len -= n;
	}
	md4_digest(&ctx, HASH, hash);
	explicit_bzero(&ctx, sizeof ctx);
	explicit_bzero(unit, sizeof unit);
	explicit_bzero(&rune, sizeof rune);
}

/* DesEncrypt (RFC 2759 section 8.6): 7 key octets spread over 8; the parity bits do not matter to DES. */
static void des_block(const uint8_t clear[8], const uint8_t raw[DES_RAW_KEY], uint8_t cypher[8])
{
	struct des_ctx ctx;
	uint8_t key[DES_KEY_SIZE];
	uint64_t bits = 0;

	for (int i = 0; i < DES_RAW_KEY; i++)
		bits = bits << 8 | raw[i];
	for (int i = 0; i < DES_KEY_SIZE; i++)
		key[i] = (uint8_t)(bits >> (49 - 7 * i) << 1);
	/* It only warns of weak keys; they are the peer's password's affair. */
	(void)des_set_key(&ctx, key);
	des_encrypt(&ctx, DES_BLOCK_SIZE, cypher, clear);
	explicit_bzero(&ctx, sizeof ctx);
	explicit_bzero(key, sizeof key);
	explicit_bzero(&bits, sizeof bits);
}

/* ChallengeResponse (RFC 2759 section 8.5), compared with what came. */
static bool response_verify(const uint8_t challenge[8], const uint8_t nt_hash[HASH],
			    const uint8_t nt_response[NT_RESPONSE])
{
	uint8_t keys[3 * DES_RAW_KEY] = { 0 }, expected[NT_RESPONSE];
	bool same;

	memcpy(keys, nt_hash, HASH);
	for (size_t i = 0; i < 3; i++)
		des_block(challenge, keys + i * DES_RAW_KEY, expected + i * DES_BLOCK_SIZE);
	same = memeql_sec(expected, nt_response, NT_RESPONSE);
	explicit_bzero(keys, sizeof keys);
	explicit_bzero(expected, sizeof expected);
	return same;
}

bool mschap_v1_verify(const uint8_t nt_hash[HASH], const uint8_t challenge[8], const uint8_t nt_response[NT_RESPONSE])
{
	return response_verify(challenge, nt_hash, nt_response);
}

/* ChallengeHash (RFC 2759 section 8.2). */
static void challenge_hash(const uint8_t *name, size_t name_len, const uint8_t auth_challenge[16],
			   const uint8_t peer_challenge[16], uint8_t challenge[8])
{
	struct sha1_ctx ctx;
	size_t domain = name_len;

	while (domain && name[domain - 1] != '\\')
		domain--;
	sha1_init(&ctx);
	sha1_update(&ctx, 16, peer_challenge);
	sha1_update(&ctx, 16, auth_challenge);
	if (name_len > domain)
		sha1_update(&ctx, name_len - domain, name + domain);
	sha1_digest(&ctx, 8, challenge);
}

/* GenerateAuthenticatorResponse (RFC 2759 section 8.7). */
static void auth_response_put(const uint8_t nt_hash[HASH], const uint8_t nt_response[NT_RESPONSE],
			      const uint8_t challenge[8], char text[MSCHAP_AUTH_RESPONSE_LEN])
{
	static const char digits[] = "0123456789ABCDEF";
	uint8_t hash_hash[HASH], digest[SHA1_DIGEST_SIZE];
	struct sha1_ctx ctx;

	md4(nt_hash, HASH, hash_hash);
	sha1_init(&ctx);
	sha1_update(&ctx, HASH, hash_hash);
	sha1_update(&ctx, NT_RESPONSE, nt_response);
	sha1_update(&ctx, TEXT(AUTH_MAGIC1));
	sha1_digest(&ctx, sizeof digest, digest); /* which starts it anew */
	sha1_update(&ctx, sizeof digest, digest);
	sha1_update(&ctx, 8, challenge);
	sha1_update(&ctx, TEXT(AUTH_MAGIC2));
	sha1_digest(&ctx, sizeof digest, digest);
	*text++ = 'S';
	*text++ = '=';
	for (size_t i = 0; i < sizeof digest; i++) {
		*text++ = digits[digest[i] >> 4];
		*text++ = digits[digest[i] & 0x0F];
	}
	*text = '\0';
	explicit_bzero(hash_hash, sizeof hash_hash);
	explicit_bzero(digest, sizeof digest);
	explicit_bzero(&ctx, sizeof ctx);
}

bool mschap_v2_verify(const uint8_t nt_hash[HASH], const uint8_t *name, size_t name_len,
		      const uint8_t auth_challenge[16], const uint8_t peer_challenge[16],
		      const uint8_t nt_response[NT_RESPONSE], char auth_response[MSCHAP_AUTH_RESPONSE_LEN])
{
	uint8_t challenge[8];

	auth_response[0] = '\0';
	challenge_hash(name, name_len, auth_challenge, peer_challenge, challenge);
	if (!response_verify(challenge, nt_hash, nt_response))
		return false;
	auth_response_put(nt_hash, nt_response, challenge, auth_response);
	return true;
}

/* GetMasterKey (RFC 3079 section 3.4). */
static void master_key(const uint8_t nt_hash[HASH], const uint8_t nt_response[NT_RESPONSE], uint8_t key[16])
{
	struct sha1_ctx ctx;
	uint8_t hash_hash[HASH];

	md4(nt_hash, HASH, hash_hash);
	sha1_init(&ctx);
	sha1_update(&ctx, HASH, hash_hash);
	sha1_update(&ctx, NT_RESPONSE, nt_response);
	sha1_update(&ctx, TEXT(KEY_MAGIC1));
	sha1_digest(&ctx, 16, key);
	explicit_bzero(hash_hash, sizeof hash_hash);
	explicit_bzero(&ctx, sizeof ctx);
}

/* GetAsymmetricStartKey (RFC 3079 section 3.4). */
static void start_key(const uint8_t master[16], size_t magic_len, const uint8_t *magic, uint8_t key[16])
{
	uint8_t pad[KEY_PAD_LEN];
	struct sha1_ctx ctx;

	sha1_init(&ctx);
	sha1_update(&ctx, 16, master);
	memset(pad, 0x00, sizeof pad);
	sha1_update(&ctx, sizeof pad, pad);
	sha1_update(&ctx, magic_len, magic);
	memset(pad, 0xF2, sizeof pad);
	sha1_update(&ctx, sizeof pad, pad);
	sha1_digest(&ctx, 16, key);
	explicit_bzero(&ctx, sizeof ctx);
}

void mschap_v2_mppe_keys(const uint8_t nt_hash[HASH], const uint8_t nt_response[NT_RESPONSE], uint8_t send[16],
			 uint8_t recv[16])
{
	uint8_t master[16];

	master_key(nt_hash, nt_response, master);
	start_key(master, TEXT(KEY_MAGIC3), send);
	start_key(master, TEXT(KEY_MAGIC2), recv);
	explicit_bzero(master, sizeof master);
}

/* Get_Start_Key (RFC 3079 section 2.4). */
void mschap_v1_start_key(const uint8_t hash_hash[HASH], const uint8_t challenge[8], uint8_t key[16])
{
	struct sha1_ctx ctx;

	sha1_init(&ctx);
	sha1_update(&ctx, HASH, hash_hash);
	sha1_update(&ctx, HASH, hash_hash);
	sha1_update(&ctx, 8, challenge);
	sha1_digest(&ctx, 16, key);
	explicit_bzero(&ctx, sizeof ctx);
}

void mschap_v1_mppe_key(const uint8_t nt_hash[HASH], const uint8_t challenge[8], uint8_t key[16])
{
	uint8_t hash_hash[HASH];

	md4(nt_hash, HASH, hash_hash);
	mschap_v1_start_key(hash_hash, challenge, key);
	explicit_bzero(hash_hash, sizeof hash_hash);
}

bool chap_md5_verify(uint8_t id, const uint8_t *secret, size_t n, const uint8_t *challenge, size_t cn,
		     const uint8_t response[16])
{
	uint8_t expected[MD5_DIGEST_SIZE];
	struct md5_ctx ctx;
	bool same;

	md5_init(&ctx);
	md5_update(&ctx, 1, &id);
	if (n)
		md5_update(&ctx, n, secret);
	if (cn)
		md5_update(&ctx, cn, challenge);
	md5_digest(&ctx, sizeof expected, expected);
	same = memeql_sec(expected, response, sizeof expected);
	explicit_bzero(expected, sizeof expected);
	explicit_bzero(&ctx, sizeof ctx);
	return same;
}

bool pap_verify(const uint8_t *secret, size_t n, const uint8_t *password, size_t pn)
{
	volatile uint8_t differs = n != pn;

	/* All of the password is looked at, whatever the secret's length. */
	for (size_t i = 0; i < pn; i++)
		differs |= (uint8_t)(password[i] ^ (n ? secret[i % n] : 0));
	return !differs;
}
