/* cli/show/rows.c - rows of a tree as JSON. */
#include "show/rows.h"
#include "show/json.h"

#include "tend/task.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *text_or_null(const char *text)
{
	return text && text[0] ? text_json(text, strlen(text)) : json_null();
}

void rows_add(json_t *rows, const struct row *row)
{
	assert(row->id[0] && row->path[0]);
	json_array_append_new(
		rows,
		json_pack("{s:s, s:s?, s:o, s:s, s:s, s:o, s:I, s:I, s:o, s:o, s:s?, s:b, s:b, "
	                  "s:I, s:o, s:s?, s:i, s:I, s:o}",
	                  "id", row->id, "parent", row->parent, "path", text_or_null(row->path),
	                  "kind", tend_kind_name(row->kind), "state", tend_state_name(row->state),
	                  "wait", text_or_null(row->wait), "attempt", (json_int_t)row->attempt,
	                  "age_ns", (json_int_t)row->age_ns, "pid",
	                  row->pid ? json_integer(row->pid) : json_null(), "site",
	                  text_or_null(row->site), "outcome",
	                  row->outcome ? tend_outcome_name(row->outcome) : NULL, "torn", row->torn,
	                  "ready", row->ready, "restarts", (json_int_t)row->restarts, "due_ns",
	                  row->due_ns ? json_integer((json_int_t)row->due_ns) : json_null(), "last",
	                  row->last ? tend_outcome_name(row->last) : NULL, "last_error",
	                  row->last_error, "since_ns", (json_int_t)row->since_ns, "life",
	                  text_or_null(row->life)));
}

/* Writes the id of a row; in a stack with the process in front, which makes ids unique. */
static void name_id(char *buf, size_t size, bool own, pid_t pid, uint64_t id)
{
	if (own)
		snprintf(buf, size, "%llu", (unsigned long long)id);
	else
		snprintf(buf, size, "%d:%llu", (int)pid, (unsigned long long)id);
}

/* A root that is hidden hands its place to the rows in the root. */
static bool has_hidden_root(const tend_snapshot *snapshot)
{
	return tend_snapshot_count(snapshot) > 0 && tend_snapshot_depth(snapshot, 0) == 0 &&
	       tend_snapshot_at(snapshot, 0)->name[0] == '.';
}

/* Below a hidden root, the scope for detached tasks is not shown while there are none. */
static bool is_detached(const tend_snapshot *snapshot, size_t i)
{
	bool empty = i + 1 == tend_snapshot_count(snapshot) ||
	             tend_snapshot_depth(snapshot, i + 1) <= tend_snapshot_depth(snapshot, i);

	return empty && has_hidden_root(snapshot) && tend_snapshot_depth(snapshot, i) == 1 &&
	       strcmp(tend_snapshot_at(snapshot, i)->name, "detached") == 0;
}

/* All rows below a hidden row are hidden, too, but for those below the root; in the order of the
 * paths they follow.
 *
 *   hidden    the depth of the hidden row above; UINT32_MAX: no row above is hidden */
static bool is_hidden(const tend_snapshot *snapshot, size_t i, uint32_t *hidden)
{
	uint32_t depth = tend_snapshot_depth(snapshot, i);

	if (depth > *hidden)
		return true;
	bool begins = tend_snapshot_at(snapshot, i)->name[0] == '.' || is_detached(snapshot, i);
	*hidden = begins && depth > 0 ? depth : UINT32_MAX;
	return begins;
}

/* Writes a path without its first bytes, those of a hidden root. */
static void path_of(const tend_snapshot *snapshot, size_t i, size_t cut, char *buf, size_t size)
{
	char path[TEND_PATH_MAX];

	tend_snapshot_path(snapshot, i, path, sizeof(path));
	snprintf(buf, size, "%s", strlen(path) > cut ? path + cut : path);
}

static uint64_t since(const struct tend_snapshot_info *about, uint64_t instant)
{
	return about->at > instant ? about->at - instant : 0;
}

void rows_add_snapshot(json_t *rows, const tend_snapshot *snapshot, const struct row *above,
                       pid_t pid, bool all, size_t max, const struct rows_added *added)
{
	uint32_t hidden = UINT32_MAX;
	char id[64], parent[64], life[256];
	struct tend_snapshot_info about;
	size_t room = above ? strlen(above->path) + 1 : 0;
	char *path = malloc(room + TEND_PATH_MAX);
	size_t cut = 0;
	uint64_t root = 0;

	if (!path)
		return;
	tend_snapshot_about(snapshot, &about);
	if (has_hidden_root(snapshot)) {
		root = tend_snapshot_at(snapshot, 0)->id;
		cut = strlen(tend_snapshot_at(snapshot, 0)->name) + 1;
	}
	if (above)
		snprintf(path, room + 1, "%s/", above->path);
	for (size_t i = 0; i < tend_snapshot_count(snapshot) && json_array_size(rows) < max; i++) {
		const struct tend_info *info = tend_snapshot_at(snapshot, i);
		if (!all && is_hidden(snapshot, i, &hidden))
			continue;
		path_of(snapshot, i, info->id == root ? 0 : cut, path + room, TEND_PATH_MAX);
		bool top = !info->parent || (!all && info->parent == root);
		name_id(id, sizeof(id), !above, pid, info->id);
		name_id(parent, sizeof(parent), !above, pid, info->parent);
		tend_snapshot_life(snapshot, i, life, sizeof(life));
		const struct row row = {
			.id = id,
			.parent = !top    ? parent
		                  : above ? above->id
		                          : NULL,
			.path = path,
			.wait = info->wait,
			.site = info->site,
			.age_ns = since(&about, info->spawned_at),
			.since_ns = since(&about, info->since),
			.kind = info->kind,
			.state = info->state,
			.attempt = info->attempt,
			.pid = info->pid,
			.outcome = info->outcome,
			.torn = info->torn != 0,
			.ready = info->ready != 0,
			.restarts = info->restarts,
			.due_ns = info->due > about.at ? info->due - about.at : 0,
			.last = info->last,
			.last_error = info->last_error,
			.life = life,
		};
		rows_add(rows, &row);
		if (added)
			added->fn(added->arg, &row, info->id);
	}
	free(path);
}
