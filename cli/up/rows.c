/* cli/up/rows.c - the rows of tasks, from the registry of the stack. */
#include "up/up.h"
#include "show/json.h"
#include "show/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *up_rows(const struct up *up, const struct up_task *only)
{
	json_t *all = json_array(), *rows = json_array(), *row;
	tend_snapshot *snapshot;
	size_t i;

	if (tend_snapshot_take(up->rt, &snapshot) == 0) {
		rows_add_snapshot(all, snapshot, NULL, 0, false, SIZE_MAX, NULL);
		tend_snapshot_free(snapshot);
	}
	json_array_foreach (all, i, row) {
		const struct up_task *t = up_by_id(up, strtoull(field_text(row, "id"), NULL, 10));
		if (t && (!only || t == only))
			json_array_append(rows, row);
	}
	json_decref(all);
	return rows;
}

void up_task_wait(const struct up_task *t, char *buf, size_t size)
{
	json_t *rows = t->wait[0] ? NULL : up_rows(t->up, t);

	snprintf(buf, size, "%s", rows ? field_text(json_array_get(rows, 0), "wait") : t->wait);
	json_decref(rows);
}
