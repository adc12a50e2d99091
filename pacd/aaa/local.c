/*
 * Users of the users file: is this proof theirs, and what may they have.
 *
 * Pure apart from the random octets in a Failure text.  It knows nothing of
 * sessions, pools or the plugin's socket.  The work is the same for a user who
 * is there and one who is not, so that time does not tell names.
 */
#include "pacd/aaa/aaa.h"

#include "pacd/proto/mschap.h"

#include <string.h>

#define RESPONSE_LEN 49 /* of MS-CHAP and MS-CHAPv2: RFC 2433 section 4, RFC 2759 section 4 */
#define MSCHAP_AUTHENTICATION_FAILURE 691

/* In place of the user that is not there. */
static const struct conf_user nobody = { .name = (char *)"", .secret = (char *)"nobody has this secret" };

struct check {
	const struct conf_user *user;
	const struct plugin_auth *proof;
	uint8_t nt_hash[MSCHAP_HASH_LEN]; /* of the user's secret */
	struct aaa_answer *a;
};

/* The name as it was sent, else what follows its domain: "DOMAIN\user". */
static const struct conf_user *user_find(const struct conf_users *users, const struct plugin_auth *proof)
{
	const struct conf_user *u = conf_users_find(users, proof->name, proof->name_len);
	const uint8_t *backslash = memrchr(proof->name, '\\', proof->name_len);

	if (u || !backslash)
		return u;
	return conf_users_find(users, backslash + 1, (size_t)(proof->name + proof->name_len - (backslash + 1)));
}

static void secret_hash(struct check *k)
{
	const struct conf_user *u = k->user->secret ? k->user : &nobody;

	mschap_nt_hash((const uint8_t *)u->secret, strlen(u->secret), k->nt_hash);
	if (k->user->has_nt_hash)
		memcpy(k->nt_hash, k->user->nt_hash, sizeof k->nt_hash);
}

/* Every check returns the word for the log. */
static const char *verdict(bool good)
{
	return good ? "ok" : "wrong-password";
}

static const char *pap_check(struct check *k)
{
	const struct plugin_auth *p = k->proof;
	uint8_t hash[MSCHAP_HASH_LEN];
	bool good;

	if (k->user->secret)
		return verdict(pap_verify((const uint8_t *)k->user->secret, strlen(k->user->secret), p->proof,
					  p->proof_len));
	mschap_nt_hash(p->proof, p->proof_len, hash);
	good = pap_verify(k->nt_hash, sizeof k->nt_hash, hash, sizeof hash); /* a comparison in constant time */
	explicit_bzero(hash, sizeof hash);
	return verdict(good);
}

static const char *md5_check(struct check *k)
{
	const struct plugin_auth *p = k->proof;

	if (p->proof_len != 16 || !p->challenge_len)
		return "malformed";
	if (!k->user->secret)
		return "method"; /* MD5 needs the secret itself */
	return verdict(chap_md5_verify(p->id, (const uint8_t *)k->user->secret, strlen(k->user->secret), p->challenge,
				       p->challenge_len, p->proof));
}

/* LM response 24, NT response 24, flag that the NT response counts. */
static const char *mschap_check(struct check *k)
{
	const struct plugin_auth *p = k->proof;
	const uint8_t *nt_response = p->proof + 24;

	if (p->proof_len != RESPONSE_LEN || p->challenge_len != MSCHAP_V1_CHALLENGE_LEN)
		return "malformed";
	if (p->proof[48] != 1)
		return "method"; /* a LAN Manager response, which is weaker still */
	if (!mschap_v1_verify(k->nt_hash, p->challenge, nt_response))
		return verdict(false);
	mschap_v1_mppe_key(k->nt_hash, p->challenge, k->a->send_key);
	memcpy(k->a->recv_key, k->a->send_key, sizeof k->a->recv_key);
	k->a->has_keys = true;
	return verdict(true);
}

/* Peer-Challenge 16, reserved 8, NT response 24, flags. */
static const char *mschapv2_check(struct check *k)
{
	const struct plugin_auth *p = k->proof;
	const uint8_t *peer_challenge = p->proof, *nt_response = p->proof + 24;
	char auth_response[MSCHAP_AUTH_RESPONSE_LEN];

	if (p->proof_len != RESPONSE_LEN || p->challenge_len != MSCHAP_V2_CHALLENGE_LEN)
		return "malformed";
	if (!mschap_v2_verify(k->nt_hash, p->name, p->name_len, p->challenge, peer_challenge, nt_response,
			      auth_response))
		return verdict(false);
	mschap_v2_mppe_keys(k->nt_hash, nt_response, k->a->send_key, k->a->recv_key);
	k->a->has_keys = true;
	strcpy(k->a->message, auth_response);
	strcat(k->a->message, " M=");
	return verdict(true);
}

static const char *proof_check(struct check *k)
{
	switch (k->proof->method) {
	case PLUGIN_PAP:
		return pap_check(k);
	case PLUGIN_CHAP_MD5:
		return md5_check(k);
	case PLUGIN_MSCHAP:
		return mschap_check(k);
	case PLUGIN_MSCHAPV2:
		return mschapv2_check(k);
	default:
		return "method";
	}
}

static void accept_user(const struct conf_user *u, struct aaa_answer *a)
{
	a->verdict = AAA_ACCEPT;
	strncat(a->message, "Welcome", sizeof a->message - 1 - strlen(a->message));
	strncpy(a->account, u->name, sizeof a->account - 1);
	if (u->pool)
		strncpy(a->pool, u->pool, sizeof a->pool - 1);
	a->address = u->address;
	a->sessions = u->sessions;
	a->on_limit = u->on_limit;
	a->session_timeout = u->session_timeout;
	a->idle_timeout = u->idle_timeout;
}

static void reject_user(uint8_t method, struct aaa_answer *a)
{
	a->verdict = AAA_REJECT;
	a->has_keys = false;
	explicit_bzero(a->send_key, sizeof a->send_key);
	explicit_bzero(a->recv_key, sizeof a->recv_key);
	aaa_failure_text(a, method, MSCHAP_AUTHENTICATION_FAILURE, "Login failed");
}

void aaa_local_check(const struct conf_users *users, const struct aaa_request *rq, struct aaa_answer *a)
{
	const struct conf_user *user = user_find(users, &rq->proof);
	struct check k = { .user = user ? user : &nobody, .proof = &rq->proof, .a = a };

	memset(a, 0, sizeof *a);
	a->session = rq->session;
	a->by = AAA_BY_LOCAL;
	secret_hash(&k);
	a->reason = proof_check(&k);
	if (!user)
		a->reason = "no-such-user";
	if (!strcmp(a->reason, "ok"))
		accept_user(user, a);
	else
		reject_user(rq->proof.method, a);
	explicit_bzero(&k, sizeof k);
}
