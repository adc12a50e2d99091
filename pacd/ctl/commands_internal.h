/*
 * What the files of the commands share: one run of a command, and writers of
 * values that may be missing.
 */
#ifndef PACD_CTL_COMMANDS_INTERNAL_H
#define PACD_CTL_COMMANDS_INTERNAL_H

#include "pacd/ctl/commands.h"

struct commands_run {
	const struct commands_request *rq;
	struct ctl_match match;
	struct ctl_out *out;
	size_t records;
};

/* 0 is "none". */
void commands_out_nonzero(struct ctl_out *o, const char *key, uint64_t v);
/* NULL is "none". */
void commands_out_string(struct ctl_out *o, const char *key, const char *text);
/* "" is, too. */
void commands_out_filled(struct ctl_out *o, const char *key, const char *text);
/* The status lines of a listing and of one object. */
enum commands_result commands_finish_list(struct commands_run *r);
enum commands_result commands_finish_one(struct commands_run *r);

enum commands_result commands_show_radius(struct commands_run *r);
enum commands_result commands_show_accounting(struct commands_run *r);
enum commands_result commands_test_radius(struct commands_run *r);
enum commands_result commands_show_lines(struct commands_run *r);
enum commands_result commands_show_line(struct commands_run *r);
enum commands_result commands_line_act(struct commands_run *r);
/* Of a call of a real line; nothing for others. */
void commands_out_line(struct ctl_out *o, const struct ctl_session *s);
/* What RADIUS gave a session: the keys of a session's record that are there only where they say something. */
void commands_out_given(struct ctl_out *o, const struct ctl_session *s);

#endif
