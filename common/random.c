/*
 * getrandom(), and nothing else.
 */
#include "common/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void random_fill(void *mem, size_t len)
{
	uint8_t *p = mem;

	while (len) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno != EINTR)
			abort(); /* a guessable id is worse than none */
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
}

uint32_t random_u32(void)
{
	uint32_t v;

	random_fill(&v, sizeof v);
	return v;
}
