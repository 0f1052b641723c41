/* The scenarios on real threads; under TSan too. */
#include "scenario.h"

#include <string.h>

const bool simulated = false;

static void scenario_fn(int i)
{
	const struct scenario *s = scenarios;

	while (i-- > 0)
		s = s->next;
	for (int round = 0; round < 20; round++)
		s->run();
}

int main(int argc, char **argv)
{
	static const TTest test = {"", scenario_fn, __FILE__, __LINE__};
	Suite *suite = suite_create("threads");
	int i = 0, failed;

	for (const struct scenario *s = scenarios; s; s = s->next, i++) {
		TCase *c = tcase_create(s->name);

		if (argc > 1 && !strstr(s->name, argv[1]))
			continue;
		tcase_set_timeout(c, 120);
		_tcase_add_test(c, &test, 0, 0, i, i + 1);
		suite_add_tcase(suite, c);
	}
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
