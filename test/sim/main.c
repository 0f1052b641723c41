/* The scenarios in the simulator, each under many seeds, and what only the
 * simulator can do. */
#include "scenario.h"
#include "where.h"

#include "tend/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>

const bool simulated = true;

void compute(void) { tend_sim_compute(TEND_MS); }

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

static void (*current)(void);
static int run_current(void *arg)
{
	(void)arg;
	current();
	return 0;
}

void run_scenario(const char *name, void (*run)(void))
{
	const uint64_t first = suite_number("SEED", 0);
	const uint64_t usual = (uint64_t)suite_count(20, 40, 1000);
	const uint64_t seeds = getenv("SEED") ? 1 : suite_number("SEEDS", usual);
	struct tend_sim_result result;

	current = run;
	for (uint64_t seed = first; seed < first + seeds; seed++) {
		where("SEED=%llu test_sim %s", (unsigned long long)seed, name);
		OK(tend_sim_run(TEND_SIM_OPTS(.seed = seed, .switch_in = 2 + (uint32_t)(seed % 11)),
		                run_current, NULL, &result));
		ck_assert_uint_eq(tend_sim_held(), 0);
	}
	where_done();
}

int main(int argc, char **argv)
{
	int failed;

	places = mmap(NULL, sizeof(*places), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	              0);
	if (places == MAP_FAILED)
		return 1;
	failed = suite_main("sim", argc, argv);
	tell_where();
	return failed;
}
