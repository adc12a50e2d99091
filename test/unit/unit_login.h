/*
 * For tests of the user's side of sessions: one PNS, calls of it, logins and their answers.
 */
#ifndef PACD_TEST_UNIT_LOGIN_H
#define PACD_TEST_UNIT_LOGIN_H

#include "test/unit/unit_session.h"

static struct pns *p;

static inline void with(const char *text)
{
	start(text);
	p = pns_up(5);
}

static inline void plain(void)
{
	with(PLAIN);
}

static inline void delayed(void)
{
	with("login_delay = 1; ppp = { auth = [ \"pap\", \"mschapv2\" ]; mppe = \"allow\"; };" POOLS);
}

static inline void over(void)
{
	pns_bye(p);
	finish();
}

/* A call that is up; what came of calls before is no matter. */
static inline uint64_t next_call(void)
{
	static uint16_t id;
	struct msg m;

	while (pns_next(p, &m))
		ck_assert_uint_eq(m.type, MSG_CDN);
	return calling(p, ++id);
}

static inline const struct plugin_answer *answer(uint64_t id)
{
	return &lines[id].answer;
}

static inline void check_message(uint64_t id, const char *text)
{
	ck_assert_uint_eq(answer(id)->message_len, strlen(text));
	ck_assert_mem_eq(answer(id)->message, text, strlen(text));
}

/* The one answer to a login, just now. */
static inline bool accepted(uint64_t id)
{
	ck_assert_uint_eq(lines[id].answers, 1);
	lines[id].answers = 0;
	return lines[id].answer.ok;
}

static inline uint64_t login(const char *name, const char *password)
{
	uint64_t id = next_call();

	plugin_pap(id, name, password);
	return id;
}

static inline struct session_view view(uint64_t id)
{
	struct session_view v = { 0 };

	ck_assert(sessions_view(sessions, id, &v));
	return v;
}

static inline void add(Suite *s, const char *name, void (*setup)(void), const TTest *const *tests)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, over);
	tcase_set_timeout(tc, 60);
	for (; *tests; tests++)
		tcase_add_test(tc, *tests);
	suite_add_tcase(s, tc);
}

#define CASE(s, name, setup, ...) add(s, name, setup, (const TTest *const[]){ __VA_ARGS__, NULL })

#endif
