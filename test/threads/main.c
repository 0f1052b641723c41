/* The scenarios on real threads; under TSan too. */
#include "scenario.h"

const bool simulated = false;

void compute(void) {}

void run_scenario(const char *name, void (*run)(void))
{
	const int rounds = suite_count(8, 14, 100);

	(void)name;
	for (int round = 0; round < rounds; round++)
		run();
}

SUITE_MAIN("threads")
