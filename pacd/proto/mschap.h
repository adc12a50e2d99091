/*
 * What a server verifies of PAP, CHAP-MD5, MS-CHAPv1 and MS-CHAPv2, and the
 * MPPE keys that follow (RFC 1334, 1994, 2433, 2759, 3079).  Pure; on libnettle.
 *
 * Comparisons take the same time whatever the content, and what is secret in
 * between is wiped.  These methods are weak by today's measure: MD4 and
 * single DES are what the RFCs ask for.
 */
#ifndef PACD_PROTO_MSCHAP_H
#define PACD_PROTO_MSCHAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MSCHAP_HASH_LEN 16
#define MSCHAP_V1_CHALLENGE_LEN 8
#define MSCHAP_V2_CHALLENGE_LEN 16
#define MSCHAP_NT_RESPONSE_LEN 24
#define MSCHAP_AUTH_RESPONSE_LEN 43 /* "S=", 40 hexadecimal digits, NUL */
#define MSCHAP_MPPE_KEY_LEN 16

/*
 * NtPasswordHash (RFC 2433 A.6, RFC 2759 8.3) of a UTF-8 password: MD4 over its UTF-16LE form, with surrogates.
 * Octets that are no valid UTF-8 stand for themselves (Latin-1).
 */
void mschap_nt_hash(const uint8_t *password, size_t len, uint8_t hash[MSCHAP_HASH_LEN]);

/* RFC 2433 section A.5; the NT-Response only: a LAN Manager response is not supported. */
bool mschap_v1_verify(const uint8_t nt_hash[MSCHAP_HASH_LEN], const uint8_t challenge[MSCHAP_V1_CHALLENGE_LEN],
		      const uint8_t nt_response[MSCHAP_NT_RESPONSE_LEN]);

/*
 * RFC 2759 sections 8.1 and 8.7.  `name` as in the Response packet; a domain before it, up to the last backslash, does
 * not take part.  `auth_response` gets the text for the Success packet, or "" when the response is wrong.
 */
bool mschap_v2_verify(const uint8_t nt_hash[MSCHAP_HASH_LEN], const uint8_t *name, size_t name_len,
		      const uint8_t auth_challenge[MSCHAP_V2_CHALLENGE_LEN],
		      const uint8_t peer_challenge[MSCHAP_V2_CHALLENGE_LEN],
		      const uint8_t nt_response[MSCHAP_NT_RESPONSE_LEN], char auth_response[MSCHAP_AUTH_RESPONSE_LEN]);

/*
 * The master session keys of RFC 3079 section 3, as the server: the start keys from which the MPPE code makes the first
 * session keys (GetNewKeyFromSHA) and cuts their strength.  For 128 bits all 16 octets count; for 56 and 40 bits the
 * first 8 of the same octets are the start key.
 */
void mschap_v2_mppe_keys(const uint8_t nt_hash[MSCHAP_HASH_LEN], const uint8_t nt_response[MSCHAP_NT_RESPONSE_LEN],
			 uint8_t send[MSCHAP_MPPE_KEY_LEN], uint8_t recv[MSCHAP_MPPE_KEY_LEN]);

/*
 * The start key for 128 bits of RFC 3079 section 2.3, the same in both directions.  56 and 40 bits come from the LAN
 * Manager hash (2.1, 2.2) and are not supported: with MS-CHAPv1 offer 128 bits only.
 */
void mschap_v1_mppe_key(const uint8_t nt_hash[MSCHAP_HASH_LEN], const uint8_t challenge[MSCHAP_V1_CHALLENGE_LEN],
			uint8_t key[MSCHAP_MPPE_KEY_LEN]);

/* Likewise from the hash of the hash, which is what a RADIUS server tells (MS-CHAP-MPPE-Keys, RFC 2548 2.4.1). */
void mschap_v1_start_key(const uint8_t hash_hash[MSCHAP_HASH_LEN], const uint8_t challenge[MSCHAP_V1_CHALLENGE_LEN],
			 uint8_t key[MSCHAP_MPPE_KEY_LEN]);

/* RFC 1994 section 4.1: MD5 over identifier, secret and challenge. */
bool chap_md5_verify(uint8_t id, const uint8_t *secret, size_t n, const uint8_t *challenge, size_t cn,
		     const uint8_t response[16]);

/* The password is the secret; the time depends on the length of the password only. */
bool pap_verify(const uint8_t *secret, size_t n, const uint8_t *password, size_t pn);

#endif
