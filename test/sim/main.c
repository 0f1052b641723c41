/* The scenarios in the simulator, each under many seeds. */
#include "scenario.h"

#include "tend/sim.h"

#include <stdio.h>
#include <string.h>

const bool simulated = true;
struct suite_test *suite_tests;
static uint64_t seed;
static bool done;

static void say_seed(void)
{
	if (!done)
		fprintf(stderr, "seed %llu; again: SEED=%llu test_sim NAME\n",
		        (unsigned long long)seed, (unsigned long long)seed);
}

static const struct scenario *current;
static int run_current(void *arg)
{
	(void)arg;
	current->run();
	return 0;
}

static void scenario_fn(int i)
{
	const char *only = getenv("SEED"), *many = getenv("SEEDS");
	uint64_t seeds = many ? strtoull(many, NULL, 0) : 100, first = 0;
	struct tend_sim_result result;

	current = scenarios;
	while (i-- > 0)
		current = current->next;
	if (only) {
		first = strtoull(only, NULL, 0);
		seeds = 1;
	}
	atexit(say_seed);
	for (seed = first; seed < first + seeds; seed++) {
		OK(tend_sim_run(TEND_SIM_OPTS(.seed = seed, .switch_in = 2 + (uint32_t)(seed % 11)),
		                run_current, NULL, &result));
		ck_assert_uint_eq(tend_sim_held(), 0);
	}
	done = true;
}

int main(int argc, char **argv)
{
	static const TTest test = {"", scenario_fn, __FILE__, __LINE__};
	Suite *suite = suite_create("sim");
	int i = 0, failed;

	for (const struct scenario *s = scenarios; s; s = s->next, i++) {
		TCase *c = tcase_create(s->name);

		if (argc > 1 && !strstr(s->name, argv[1]))
			continue;
		tcase_set_timeout(c, 120);
		_tcase_add_test(c, &test, 0, 0, i, i + 1);
		suite_add_tcase(suite, c);
	}
	for (const struct suite_test *t = suite_tests; t; t = t->next) {
		TCase *c = tcase_create(t->name);

		if (argc > 1 && !strstr(t->name, argv[1]))
			continue;
		tcase_set_timeout(c, 600);
		tcase_add_test(c, t->test);
		suite_add_tcase(suite, c);
	}
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
