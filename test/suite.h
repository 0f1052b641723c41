/* test/suite.h - a test registers itself where it is written; nothing else names
 * it. One file of each folder has SUITE_MAIN. */
#ifndef TEND_TEST_SUITE_H
#define TEND_TEST_SUITE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct suite_test {
	const char *name;
	const TTest *test;
	struct suite_test *next;
};
extern struct suite_test *suite_tests;

#define TEST(id) \
	START_TEST_(id) \
	__attribute__((constructor)) static void register_##id(void) \
	{ \
		static struct suite_test t; \
		t = (struct suite_test){#id, id, suite_tests}; \
		suite_tests = &t; \
	} \
	static void id##_fn(int _i CK_ATTRIBUTE_UNUSED)
#define START_TEST_(id) \
	static void id##_fn(int _i); \
	static const TTest id##_ttest = {#id, id##_fn, __FILE__, __LINE__}; \
	static const TTest *id = &id##_ttest;

#define SUITE_MAIN(title, seconds) \
	struct suite_test *suite_tests; \
	int main(int argc, char **argv) \
	{ \
		Suite *suite = suite_create(title); \
		for (struct suite_test *t = suite_tests; t; t = t->next) { \
			TCase *c = tcase_create(t->name); \
			if (argc > 1 && !strstr(t->name, argv[1])) \
				continue; \
			tcase_set_timeout(c, seconds); \
			tcase_add_test(c, t->test); \
			suite_add_tcase(suite, c); \
		} \
		SRunner *runner = srunner_create(suite); \
		srunner_run_all(runner, CK_ENV); \
		int failed = srunner_ntests_failed(runner); \
		srunner_free(runner); \
		return failed != 0; \
	}

/* The call answers `want`. */
#define ANSWERS(call, want) ck_assert_int_eq((call), (want))

#endif
