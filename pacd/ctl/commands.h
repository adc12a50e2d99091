/*
 * What each command of the control socket does: a request line and the daemon's
 * provider in, an answer out.  Knows nothing of sockets and clients.
 */
#ifndef PACD_CTL_COMMANDS_H
#define PACD_CTL_COMMANDS_H

#include "common/ctl_grammar.h"
#include "pacd/ctl/ctl.h"

enum commands_result {
	COMMANDS_DONE,    /* the answer is complete */
	COMMANDS_PENDING, /* it comes later; nothing was written */
};

struct commands_request {
	const char *line; /* without its newline */
	size_t len;
	unsigned rights;  /* of the caller: CTL_MAY_SHOW, CTL_MAY_ACT */
	uint64_t client;  /* handed on to the provider */
	const struct ctl_provider *provider;
	void *ctx;
};

enum commands_result commands_run(const struct commands_request *rq, struct ctl_out *out);
/* The answer to reload: see ctl_finish_reload(). */
void commands_reload_answer(struct ctl_out *out, uint32_t generation, const char *errors);
/* The answer to test radius: see ctl_finish_test(). */
void commands_test_answer(struct ctl_out *out, const struct ctl_test *t);

#endif
