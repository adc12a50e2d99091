/*
 * Hidden values of RADIUS attributes: User-Password (RFC 2865 section 5.2),
 * MS-CHAP-MPPE-Keys and the MPPE keys with a salt (RFC 2548 sections 2.4.1 to
 * 2.4.3), Tunnel-Password (RFC 2868 section 3.5).
 *
 * Owns nothing; what is secret in between is wiped.  Must not know packets.
 */
#include "pacd/proto/radius.h"

#include <errno.h>
#include <nettle/md5.h>
#include <string.h>

#define BLOCK MD5_DIGEST_SIZE
#define SALT 2
#define MSCHAP_KEYS 32

/* One block of the key stream: MD5 over the secret and what came before. */
static void block_pad(uint8_t pad[BLOCK], struct radius_secret secret, const uint8_t *before, const uint8_t *salt,
		      size_t salt_len)
{
	struct md5_ctx ctx;

	md5_init(&ctx);
	md5_update(&ctx, secret.len, secret.p);
	md5_update(&ctx, BLOCK, before);
	if (salt_len)
		md5_update(&ctx, salt_len, salt);
	md5_digest(&ctx, BLOCK, pad);
	explicit_bzero(&ctx, sizeof ctx);
}

static void block_xor(uint8_t *out, const uint8_t *in, const uint8_t pad[BLOCK])
{
	for (size_t i = 0; i < BLOCK; i++)
		out[i] = in[i] ^ pad[i];
}

/* `text` is hidden in place. */
static void hide(uint8_t *text, size_t len, const struct radius_hiding *h)
{
	const uint8_t *before = h->authenticator;
	uint8_t pad[BLOCK];

	for (size_t at = 0; at < len; at += BLOCK) {
		block_pad(pad, h->secret, before, NULL, 0);
		block_xor(text + at, text + at, pad);
		before = text + at;
	}
	explicit_bzero(pad, sizeof pad);
}

static void unhide(uint8_t *text, const uint8_t *hidden, size_t len, const uint8_t *salt, size_t salt_len,
		   const struct radius_hiding *h)
{
	const uint8_t *before = h->authenticator;
	uint8_t pad[BLOCK];

	for (size_t at = 0; at < len; at += BLOCK) {
		block_pad(pad, h->secret, before, salt, at ? 0 : salt_len);
		block_xor(text + at, hidden + at, pad);
		before = hidden + at;
	}
	explicit_bzero(pad, sizeof pad);
}

size_t radius_hide_password(uint8_t hidden[RADIUS_PASSWORD_MAX], const void *password, size_t len,
			    const struct radius_hiding *h)
{
	size_t padded = len ? (len + BLOCK - 1) / BLOCK * BLOCK : BLOCK;

	if (len > RADIUS_PASSWORD_MAX)
		return 0;
	memset(hidden, 0, padded);
	if (len)
		memcpy(hidden, password, len);
	hide(hidden, padded, h);
	return padded;
}

int radius_unhide_salted(uint8_t *plain, size_t *plain_len, const uint8_t *value, size_t len,
			 const struct radius_hiding *h)
{
	uint8_t text[RADIUS_VALUE_MAX];
	size_t text_len = len - SALT;
	int error = 0;

	*plain_len = 0;
	if (len < SALT + BLOCK || len > RADIUS_VALUE_MAX || text_len % BLOCK || !(value[0] & 0x80))
		return -EBADMSG;
	unhide(text, value + SALT, text_len, value, SALT, h);
	if (text[0] > text_len - 1) {
		error = -EBADMSG;
	} else {
		*plain_len = text[0];
		memcpy(plain, text + 1, *plain_len);
	}
	explicit_bzero(text, sizeof text);
	return error;
}

int radius_unhide_mschap_keys(uint8_t plain[32], const uint8_t *value, size_t len, const struct radius_hiding *h)
{
	if (len != MSCHAP_KEYS)
		return -EBADMSG;
	unhide(plain, value, len, NULL, 0, h);
	return 0;
}
