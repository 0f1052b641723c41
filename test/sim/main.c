/* The scenarios in the simulator, each under many seeds, and what only the
 * simulator can do. */
#include "scenario.h"
#include "where.h"

#include "tend/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>

const bool simulated = true;
struct suite_test *suite_tests;

/* ---- Where a test was ---- */

enum { PLACES = 256, PLACE_BYTES = 160 };

/* Shared with the processes of the tests, which come one after the other. */
static struct {
	int count;
	char text[PLACES][PLACE_BYTES];
} * places;
static int my_place = -1;

void where(const char *fmt, ...)
{
	va_list args;

	if (my_place < 0 && places->count < PLACES)
		my_place = places->count++;
	if (my_place < 0)
		return;
	va_start(args, fmt);
	(void)vsnprintf(places->text[my_place], PLACE_BYTES, fmt, args);
	va_end(args);
}

void where_done(void)
{
	if (my_place >= 0)
		places->text[my_place][0] = '\0';
}

static void tell_where(void)
{
	for (int i = 0; i < places->count; i++)
		if (places->text[i][0])
			printf("# failed in: %s\n", places->text[i]);
}

/* ---- Scenarios ---- */

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
	uint64_t first = only ? strtoull(only, NULL, 0) : 0;
	uint64_t seeds = only ? 1 : many ? strtoull(many, NULL, 0) : 100;
	struct tend_sim_result result;

	current = scenarios;
	while (i-- > 0)
		current = current->next;
	for (uint64_t seed = first; seed < first + seeds; seed++) {
		where("SEED=%llu test_sim %s", (unsigned long long)seed, current->name);
		OK(tend_sim_run(TEND_SIM_OPTS(.seed = seed, .switch_in = 2 + (uint32_t)(seed % 11)),
		                run_current, NULL, &result));
		ck_assert_uint_eq(tend_sim_held(), 0);
	}
	where_done();
}

static void add_scenarios(Suite *suite, const char *only)
{
	static const TTest test = {"", scenario_fn, __FILE__, __LINE__};
	int i = 0;

	for (const struct scenario *s = scenarios; s; s = s->next, i++) {
		TCase *c = tcase_create(s->name);

		if (only && strcmp(only, "scenarios") != 0 && !strstr(s->name, only))
			continue;
		tcase_set_timeout(c, 120);
		_tcase_add_test(c, &test, 0, 0, i, i + 1);
		suite_add_tcase(suite, c);
	}
}

static void add_others(Suite *suite, const char *only)
{
	for (const struct suite_test *t = suite_tests; t; t = t->next) {
		TCase *c = tcase_create(t->name);

		if (only && !strstr(t->name, only))
			continue;
		tcase_set_timeout(c, 3600);
		tcase_add_test(c, t->test);
		suite_add_tcase(suite, c);
	}
}

/* test_sim [PART OF A NAME | scenarios] */
int main(int argc, char **argv)
{
	Suite *suite = suite_create("sim");
	SRunner *runner;
	int failed;

	places = mmap(NULL, sizeof *places, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	              0);
	if (places == MAP_FAILED)
		return 1;
	add_scenarios(suite, argc > 1 ? argv[1] : NULL);
	add_others(suite, argc > 1 ? argv[1] : NULL);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	tell_where();
	return failed != 0;
}
