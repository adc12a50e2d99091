/*
 * The commands of the control socket: one table for what pacd takes, for what
 * pacctl takes, and for the help of both.
 */
#ifndef PACD_COMMON_CTL_GRAMMAR_H
#define PACD_COMMON_CTL_GRAMMAR_H

#include "common/ctl_proto.h"
#include "common/log.h"

enum ctl_command {
	CTL_HELP,
	CTL_SHOW_STATUS,
	CTL_SHOW_SESSIONS,
	CTL_SHOW_SESSION,
	CTL_SHOW_CONNECTIONS,
	CTL_SHOW_POOLS,
	CTL_SHOW_STATS,
	CTL_SHOW_CONFIG,
	CTL_SHOW_RADIUS,
	CTL_SHOW_ACCOUNTING,
	CTL_SHOW_LINES,
	CTL_SHOW_LINE,
	CTL_DISCONNECT,
	CTL_DISCONNECT_USER,
	CTL_DISCONNECT_PEER,
	CTL_DRAIN,
	CTL_DRAIN_OFF,
	CTL_RELOAD,
	CTL_LOG,
	CTL_LINE_BUSY_OUT,
	CTL_LINE_ENABLE,
	CTL_LINE_HANGUP,
	CTL_TEST_RADIUS,
	CTL_COMMANDS
};

/*
 * CTL_ARG_LOGIN: a name, and on the socket a password behind it that pacctl does not take as a word.  CTL_ARG_LINE: a
 * name without a NUL, not empty.
 */
enum ctl_arg { CTL_ARG_NONE, CTL_ARG_ID, CTL_ARG_NAME, CTL_ARG_ADDRESS, CTL_ARG_LEVEL, CTL_ARG_LOGIN, CTL_ARG_LINE };

#define CTL_SYNTAX_WORDS 3

struct ctl_syntax {
	/* NULL behind the last one; one in capitals stands for the argument, wherever that is. */
	const char *words[CTL_SYNTAX_WORDS];
	enum ctl_arg arg;
	unsigned right;       /* CTL_MAY_SHOW, CTL_MAY_ACT, or 0: everybody */
	const char *help;     /* one line */
	const char *detail;   /* more lines, or NULL */
};

/* A command with its argument, checked. */
struct ctl_match {
	enum ctl_command command;
	uint64_t id;
	uint32_t addr; /* host order */
	enum log_level level;
	const struct ctl_word *name;     /* points into the words, as the next one */
	const struct ctl_word *password; /* NULL: not given */
};

#define CTL_SYNTAX_TEXT 64
#define CTL_WHY 512

const struct ctl_syntax *ctl_syntax_get(enum ctl_command c);
/* "disconnect user NAME"; returns `text`. */
char *ctl_syntax_text(enum ctl_command c, char text[CTL_SYNTAX_TEXT]);
/* Where the argument stands among the words; how many words there are when it takes none. */
size_t ctl_syntax_arg(enum ctl_command c);
/*
 * True when the command's words begin with these, abbreviated or not, with anything for its argument; also with more
 * words than it has.
 */
bool ctl_syntax_has(enum ctl_command c, const struct ctl_words *w);
/*
 * Words may be abbreviated as long as one command is left; a whole word wins over a longer one.
 * 0, or -EINVAL and in `why` a printable text: what is wrong and what is legal.
 */
int ctl_match(struct ctl_match *m, const struct ctl_words *w, char why[CTL_WHY]);
/*
 * How many octets at the start of a request, complete or not, well formed or not, may be logged and kept: none of a
 * password.
 */
size_t ctl_public_len(const char *line, size_t len);

#endif
