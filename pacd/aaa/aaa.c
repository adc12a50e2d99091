/*
 * What all ways to authenticate share: wiping answers, and the texts that peers get.
 *
 * RFC 2433 section 8 and RFC 2759 section 6 give the form of MS-CHAP's Failure texts.
 */
#include "pacd/aaa/aaa.h"

#include "common/random.h"

#include <stdio.h>
#include <string.h>

void aaa_answer_wipe(struct aaa_answer *a)
{
	explicit_bzero(a, sizeof *a);
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
