/* cli/ask/graft.c - the rows of a process, and below each child process the rows of the child. */
#include "ask/graft.h"
#include "ask/processes.h"

#include "tend/runtime.h"

#include <assert.h>

/* More processes in processes than anybody starts: a process may claim to be its own parent. */
enum { LEVELS_MAX = 16 };

struct graft {
	json_t *rows;
	uint64_t opened_at; /* the instant at which the registry of the rows was opened */
	size_t max;
	int level;
	bool all, grafted;
};

static void add(struct graft *g, const tend_snapshot *snapshot, const struct row *above, pid_t pid);

/* Adds the registries of the process that name the row as their parent. */
static void add_process(struct graft *g, const struct row *row, uint64_t id, pid_t pid)
{
	tend_snapshot *snapshots[TEND_RUNTIMES_MAX];
	struct tend_snapshot_info about;
	int64_t n = tend_snapshots_of(pid, snapshots, TEND_RUNTIMES_MAX);

	for (int64_t i = 0; i < n; i++) {
		tend_snapshot_about(snapshots[i], &about);
		if (about.parent_opened_at == g->opened_at && about.parent_task == id &&
		    about.parent_attempt == row->attempt) {
			struct graft below = *g;

			below.level++;
			add(&below, snapshots[i], row, pid);
			g->grafted = true;
		}
		tend_snapshot_free(snapshots[i]);
	}
}

static void row_added(void *arg, const struct row *row, uint64_t id)
{
	struct graft *g = arg;
	struct processes found;

	assert(id > 0);
	if (row->kind != TEND_KIND_PROCESS || row->pid <= 0 || g->level == LEVELS_MAX)
		return;
	processes_of(&found, row->pid);
	/* Few processes are linked with libtend. */
	for (size_t i = 0; i < found.n; i++)
		add_process(g, row, id, found.pid[i]);
}

static void add(struct graft *g, const tend_snapshot *snapshot, const struct row *above, pid_t pid)
{
	const struct rows_added added = {row_added, g};
	struct tend_snapshot_info about;

	tend_snapshot_about(snapshot, &about);
	g->opened_at = about.opened_at;
	rows_add_snapshot(g->rows, snapshot, above, pid, g->all, g->max, &added);
}

bool graft_rows(json_t *rows, const tend_snapshot *snapshot, bool all, size_t max)
{
	struct graft g = {.rows = rows, .max = max, .all = all};

	add(&g, snapshot, NULL, 0);
	return g.grafted;
}
