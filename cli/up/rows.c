/* cli/up/rows.c - the rows of tasks: from the registry of the stack, and of the tasks whose needs
 * do not hold yet, which are in no registry. */
#include "up/up.h"
#include "show/json.h"
#include "show/rows.h"

#include <stdio.h>
#include <string.h>

static void add_waiting(json_t *rows, const struct up_task *t)
{
	const struct up *up = t->up;
	char path[160], id[32], stack[32];

	snprintf(path, sizeof(path), "%s/%s", up->config->name, t->config->name);
	snprintf(id, sizeof(id), "%llu", (unsigned long long)t->fiber.id);
	snprintf(stack, sizeof(stack), "%llu", (unsigned long long)tend_root(up->rt).id);
	rows_add(rows, &(const struct row){
			       .id = id,
			       .parent = stack,
			       .path = path,
			       .wait = t->wait,
			       .site = t->site,
			       .age_ns = tend_now() - up->started_at,
			       .since_ns = tend_now() - t->since,
			       .kind = TEND_KIND_PROCESS,
			       .state = t->state,
			       .outcome = t->outcome,
		       });
}

json_t *up_waiting(const struct up *up, const struct up_task *only)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < up->config->ntasks; i++)
		if (!up->tasks[i].process.id && (!only || only == &up->tasks[i]))
			add_waiting(rows, &up->tasks[i]);
	return rows;
}

json_t *up_rows(const struct up *up, const struct up_task *only)
{
	json_t *all = json_array(), *rows = up_waiting(up, only), *row;
	char id[32], stack[32];
	tend_snapshot *snapshot;
	size_t i;

	snprintf(id, sizeof(id), "%llu", (unsigned long long)(only ? only->process.id : 0));
	snprintf(stack, sizeof(stack), "%llu", (unsigned long long)tend_root(up->rt).id);
	if (tend_snapshot_take(up->rt, &snapshot) == 0) {
		rows_add_snapshot(all, snapshot, NULL, 0, false, SIZE_MAX, NULL);
		tend_snapshot_free(snapshot);
	}
	json_array_foreach (all, i, row)
		if (strcmp(field_text(row, "parent"), stack) == 0 &&
		    strcmp(field_text(row, "kind"), "process") == 0 &&
		    (!only || strcmp(field_text(row, "id"), id) == 0))
			json_array_append(rows, row);
	json_decref(all);
	return rows;
}
