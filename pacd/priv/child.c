/*
 * The steps that the root part's children have in common before they execute.
 *
 * Owns nothing.  It runs after fork() and must not know which program follows.
 */
#include "pacd/priv/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

void child_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL); /* fails for the few that have nothing to reset */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Every one of them is first moved out of the way of the others' places. */
int child_descriptors(const int *from, size_t n)
{
	int high[CHILD_FDS];

	if (n > CHILD_FDS) {
		errno = EINVAL;
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		high[i] = fcntl(from[i], F_DUPFD, 2 * CHILD_FDS);
		if (high[i] < 0)
			return -1;
	}
	for (size_t i = 0; i < n; i++)
		if (dup2(high[i], (int)i) < 0)
			return -1;
	return close_range((unsigned)n, ~0u, 0);
}
