/* cli/show/rows.c - the registry of a process as rows of a tree. */
#include "show/rows.h"
#include "show/json.h"

#include "tend/registry.h"
#include "tend/task.h"

#include <stdio.h>
#include <string.h>

json_t *rows_text(const char *text)
{
	return text && text[0] ? text_json(text, strlen(text)) : json_null();
}

static json_t *row_of(const struct tend_info *row, const char *id, const char *path, uint64_t at)
{
	json_int_t age = (json_int_t)(at > row->spawned_at ? at - row->spawned_at : 0);

	return json_pack("{s:s, s:o, s:s, s:s, s:o, s:I, s:I, s:o, s:o, s:s?}", "id", id, "path",
	                 text_json(path, strlen(path)), "kind", tend_kind_name(row->kind), "state",
	                 tend_state_name(row->state), "wait", rows_text(row->wait), "attempt",
	                 (json_int_t)row->attempt, "age_ns", age, "pid",
	                 row->pid ? json_integer(row->pid) : json_null(), "site",
	                 rows_text(row->site), "outcome",
	                 row->outcome ? tend_outcome_name(row->outcome) : NULL);
}

int rows_add_process(json_t *rows, const char *above, pid_t pid)
{
	tend_snapshot *snapshot;
	struct tend_snapshot_info about;
	char path[TEND_PATH_MAX + 160], id[64];
	size_t room = 0;

	int error = tend_snapshot_of(pid, &snapshot);
	if (error)
		return error;
	tend_snapshot_about(snapshot, &about);
	if (above)
		room = (size_t)snprintf(path, sizeof(path), "%s/", above);
	for (size_t i = 0; i < tend_snapshot_count(snapshot) && json_array_size(rows) < ROWS_MAX;
	     i++) {
		const struct tend_info *row = tend_snapshot_at(snapshot, i);
		tend_snapshot_path(snapshot, i, path + room, sizeof(path) - room);
		/* Ids are unique in their process only. */
		if (above)
			snprintf(id, sizeof(id), "%d:%llu", (int)pid, (unsigned long long)row->id);
		else
			snprintf(id, sizeof(id), "%llu", (unsigned long long)row->id);
		json_array_append_new(rows, row_of(row, id, path, about.at));
	}
	tend_snapshot_free(snapshot);
	return 0;
}
