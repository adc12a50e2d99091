/*
 * Lines that end in a local pppd, one process per call.
 */
#ifndef PACD_LINE_LINE_PPP_H
#define PACD_LINE_LINE_PPP_H

#include "pacd/line/line.h"
#include "pacd/priv/client.h"

struct line_ppp; /* the set of all pppd lines */

extern const struct line_ops line_ppp_ops;

/* NULL without memory. */
struct line_ppp *line_ppp_new(struct ev_loop *loop, struct priv_client *priv, const struct line_handlers *handlers,
			      void *ctx);
void line_ppp_free(struct line_ppp *l);
/* The snapshot that the next pppd is started from. */
void line_ppp_set_generation(struct line_ppp *l, uint32_t generation);
/* pppd processes that are there or asked for. */
unsigned line_ppp_count(const struct line_ppp *l);

/* The root part's answers, handed on by whoever owns its client. */
void line_ppp_started(struct line_ppp *l, const struct priv_started *m, int pty, int plugin, int log);
void line_ppp_exited(struct line_ppp *l, const struct priv_exited *m);

#endif
