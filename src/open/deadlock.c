/* open/deadlock.c - in the simulator's build: the tasks of a simulation in which no thread can
 * go on, and their waits. Above the readers, and linked with every runtime. */
#include "open/deadlock.h"

#include "tend/registry.h"

#include "runtime/runtime.h"

#include <stdio.h>

#ifdef TEND_SIM

static void tell(const tend_snapshot *tree)
{
	for (size_t i = 0; i < tend_snapshot_count(tree); i++) {
		const struct tend_info *row = tend_snapshot_at(tree, i);
		char path[TEND_PATH_MAX];

		if (row->kind == TEND_KIND_SCOPE || !row->wait[0])
			continue;
		tend_snapshot_path(tree, i, path, sizeof(path));
		fprintf(stderr, "tend: simulation: task %s #%llu waits for ever: %s\n", path,
		        (unsigned long long)row->id, row->wait);
	}
}

static void on_deadlock(void)
{
	for (uint32_t i = 0; i < TEND__RUNTIMES; i++) {
		/* Relaxed: one thread runs the simulation. */
		tend_runtime *rt = tend__load_relaxed(&tend__runtimes[i].rt);
		tend_snapshot *tree;

		if (!rt || tend_snapshot_take(rt, &tree))
			continue;
		tell(tree);
		tend_snapshot_free(tree);
	}
}

void tend__deadlock_watch(void) { tend__sim_on_deadlock = on_deadlock; }

#endif
