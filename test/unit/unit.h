/*
 * What every unit test program has in common: one Check suite, one main().
 */
#ifndef PACD_TEST_UNIT_H
#define PACD_TEST_UNIT_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Registers the test functions of one case; the list ends with NULL. */
static inline void unit_case(Suite *s, const char *name, const TTest *const *tests)
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 60);
	for (; *tests; tests++)
		tcase_add_test(tc, *tests);
	suite_add_tcase(s, tc);
}

#define UNIT_CASE(s, name, ...) unit_case(s, name, (const TTest *const[]){ __VA_ARGS__, NULL })

#define UNIT_MAIN(suite_function)                                              \
	int main(void)                                                         \
	{                                                                      \
		SRunner *r = srunner_create(suite_function());                 \
		int failed;                                                    \
		srunner_run_all(r, CK_ENV);                                    \
		failed = srunner_ntests_failed(r);                             \
		srunner_free(r);                                               \
		return failed ? EXIT_FAILURE : EXIT_SUCCESS;                   \
	}

#endif
