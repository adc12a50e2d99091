/*
 * What all ways to authenticate share: wiping answers, who we are to servers, and
 * the texts that peers get.
 *
 * RFC 2433 section 8 and RFC 2759 section 6 give the form of MS-CHAP's Failure texts.
 */
#include "pacd/aaa/aaa.h"

#include "common/random.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void aaa_answer_wipe(struct aaa_answer *a)
{
	aaa_grant_free(a->grant);
	explicit_bzero(a, sizeof *a);
}

void aaa_grant_free(struct radius_grant *g)
{
	if (!g)
		return;
	radius_grant_wipe(g);
	free(g);
}

void aaa_grant_move(struct radius_grant **to, struct radius_grant **from)
{
	aaa_grant_free(*to);
	*to = *from;
	*from = NULL;
}

void aaa_nas(struct radius_nas *nas, const struct conf_radius *c)
{
	struct sockaddr_in6 six;

	memset(nas, 0, sizeof *nas);
	nas->address = c->nas_ip_address;
	if (c->nas_identifier)
		strncpy(nas->identifier, c->nas_identifier, sizeof nas->identifier - 1);
	if (c->nas_ipv6_address.ss_family != AF_INET6)
		return;
	memcpy(&six, &c->nas_ipv6_address, sizeof six);
	nas->has_address6 = true;
	memcpy(nas->address6, &six.sin6_addr, sizeof nas->address6);
}

/*
 * The challenge for another try.  There is none (R=0: pppd allows one try per link), but parsers want the field; a
 * fresh one tells nothing of the one that was used.
 */
static void challenge_text(char *text, size_t octets)
{
	uint8_t random[16];

	random_fill(random, octets);
	for (size_t i = 0; i < octets; i++)
		sprintf(text + 2 * i, "%02X", random[i]);
}

void aaa_failure_text(struct aaa_answer *a, enum plugin_method method, unsigned mschap_error, const char *text)
{
	char challenge[33];

	switch (method) {
	case PLUGIN_MSCHAP:
		challenge_text(challenge, 8);
		snprintf(a->message, sizeof a->message, "E=%u R=0 C=%s V=2", mschap_error, challenge);
		break;
	case PLUGIN_MSCHAPV2:
		challenge_text(challenge, 16);
		snprintf(a->message, sizeof a->message, "E=%u R=0 C=%s V=3 M=%s", mschap_error, challenge, text);
		break;
	default:
		snprintf(a->message, sizeof a->message, "%s", text);
	}
}
