#include "race.h"

#include "suite.h"

#include <sched.h>

/* Rounds between two pauses of one sort. */
enum { ROUNDS = 4096 };

void race_begin(struct race *race, int wanted, void *(*write)(void *), void *arg)
{
	race->wanted = wanted;
	ANSWERS(pthread_create(&race->writer, NULL, write, arg), 0);
}

void race_pause(struct race *race, uint32_t round, enum pause where)
{
	unsigned before = atomic_load(&race->reads);

	if (where == IN_THE_MIDDLE)
		atomic_store_explicit(&race->round, round, memory_order_relaxed);
	if (round % ROUNDS != (where == AT_REST ? 0 : ROUNDS / 2))
		return;
	while (!atomic_load(&race->over) && atomic_load(&race->reads) - before < 2)
		sched_yield();
}

bool race_goes_on(struct race *race)
{
	const int enough = 100;

	race->began = atomic_load(&race->round);
	/* On a single processor the two seldom run at once. */
	return race->whole < enough || race->torn < enough ||
	       (race->racing < race->wanted &&
	        atomic_load(&race->reads) < 2 * (unsigned)race->wanted);
}

void race_read(struct race *race, bool whole)
{
	race->whole += whole;
	race->torn += !whole;
	race->racing += atomic_load(&race->round) != race->began;
	atomic_fetch_add(&race->reads, 1);
}

void race_end(struct race *race)
{
	atomic_store(&race->over, true);
	pthread_join(race->writer, NULL);
}
