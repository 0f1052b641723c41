/* sim/sweep.c - the cancel sweep: counts the waits of a simulation, and cancels the
 * task that reaches the wait that was asked for.
 *
 * The count begins anew with each run. One thread runs a simulation, so nothing here
 * is shared. */
#include "tend/sim.h"
#include "tend/task.h"

#include "runtime/runtime.h"

static uint64_t run, waits, cancel_at;

/* Returns false outside of a simulation. */
static bool simulated(void)
{
	uint64_t now = tend__sim_run();

	if (!now)
		return false;
	if (now != run) {
		run = now;
		waits = cancel_at = 0;
	}
	return true;
}

static void on_wait(uint64_t id)
{
	if (!simulated())
		return;
	if (++waits == cancel_at)
		/* A task that is canceled already is as good. */
		if (tend_task_cancel((tend_task){id}, -ECANCELED, "cancel sweep"))
			return;
}

/* Before main(): a run is counted from its first wait, also when the caller asks for
 * the count only at its end. */
__attribute__((constructor)) static void begin(void) { tend__on_wait = on_wait; }

uint64_t tend_sim_waits(void) { return simulated() ? waits : 0; }

void tend_sim_cancel_at(uint64_t at)
{
	if (simulated())
		cancel_at = at;
}
