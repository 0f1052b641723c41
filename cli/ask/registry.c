/* cli/ask/registry.c - the rows of a running stack, read from the registry of its process. */
#include "ask/registry.h"
#include "ask/graft.h"
#include "show/json.h"

#include "tend/runtime.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int registry_tell(const struct client *client, pid_t pid, int error)
{
	char text[256];
	int code = EXIT_FAILED;

	if (error == -ESRCH) {
		code = EXIT_NO_TASK;
		snprintf(text, sizeof(text), "there is no process %d", (int)pid);
	} else if (error == -ENOENT) {
		code = EXIT_NO_TASK;
		snprintf(text, sizeof(text),
		         "process %d has no registry: it is not linked with libtend, or has opened "
		         "no runtime",
		         (int)pid);
	} else if (error == -EPERM || error == -EACCES) {
		code = EXIT_PERMISSION;
		snprintf(text, sizeof(text),
		         "no permission to read /proc/%d/fd: be its user, or have CAP_SYS_PTRACE",
		         (int)pid);
	} else if (error == -EPROTO)
		snprintf(text, sizeof(text),
		         "the registry of process %d is not one that this version understands",
		         (int)pid);
	else
		snprintf(text, sizeof(text), "the registry of process %d cannot be read: %s",
		         (int)pid, tend_strerror(error));
	return client_tell(client, code, text);
}

/* ---- The rows of the process of the stack ---- */

/* The root of the runtime is hidden, and beside the stack there is the scope for detached tasks,
 * which is empty. */
json_t *registry_stack(const json_t *rows)
{
	json_t *row;
	size_t i;

	json_array_foreach (rows, i, row)
		if (field_text(row, "path")[0] != '.' &&
		    (i == 0 || strcmp(field_text(row, "path"), "detached") != 0 ||
		     strcmp(field_text(json_array_get(rows, i + 1), "parent"),
		            field_text(row, "id")) == 0))
			return row;
	return NULL;
}

/* The row of the stack stands for the process that runs the stack, and for its file. */
static void complete_root(json_t *rows, const struct instance *instance, pid_t pid)
{
	char file[PATH_MAX] = "";
	json_t *root = registry_stack(rows);

	if (!root)
		return;
	json_object_set_new(root, "pid", json_integer(pid));
	if (instance->lock[0] && instance_owner(instance, file, sizeof(file)) > 0 && file[0])
		json_object_set_new(root, "site", text_json(file, strlen(file)));
}

json_t *registry_rows(const struct client *client, bool below, bool all, struct instance *instance,
                      pid_t *pid, int *exit_code)
{
	tend_snapshot *snapshots[TEND_RUNTIMES_MAX];
	struct instance_error error = {0};

	if (client_choose(client, instance, &error) == 0)
		*pid = instance_process(instance, &error);
	else
		*pid = -1;
	if (*pid <= 0) {
		*exit_code = client_tell(client, error.exit_code, error.text);
		return NULL;
	}
	int64_t n = tend_snapshots_of(*pid, snapshots, TEND_RUNTIMES_MAX);
	if (n < 0) {
		*exit_code = registry_tell(client, *pid, (int)n);
		return NULL;
	}
	json_t *rows = json_array();
	for (int64_t i = 0; i < n; i++) {
		if (below)
			graft_rows(rows, snapshots[i], all, ROWS_MAX);
		else
			rows_add_snapshot(rows, snapshots[i], NULL, 0, all, ROWS_MAX, NULL);
		tend_snapshot_free(snapshots[i]);
	}
	complete_root(rows, instance, *pid);
	return rows;
}

/* ---- The rows at a path ---- */

/* Copies the rows at `path` and below to `out`; with an id, the row of that id and below.
 * Two rows may have one path, so what is below a row is told by the ids, and a row stands
 * after its parent. Returns the number of rows at `path`. */
static size_t copy_below(const json_t *rows, const char *path, const char *id, json_t *out,
                         char *list, size_t size)
{
	size_t i, at = 0, used = 0;
	json_t *row, *chosen = json_object();

	json_array_foreach (rows, i, row) {
		const char *here = field_text(row, "path"), *own = field_text(row, "id");
		bool top = strcmp(here, path) == 0 && (!id || strcmp(id, own) == 0);
		if (top) {
			at++;
			if (used < size)
				used += (size_t)snprintf(list + used, size - used, "%s%s#%s",
				                         used ? ", " : "", here, own);
		}
		if (top || json_object_get(chosen, field_text(row, "parent"))) {
			json_object_set_new(chosen, own, json_true());
			json_array_append(out, row);
		}
	}
	json_decref(chosen);
	return at;
}

/* Cuts "#ID" off. Returns the id, or NULL if the path has no id. */
static const char *cut_id(char *path)
{
	char *mark = strrchr(path, '#');
	if (!mark || strchr(mark, '/'))
		return NULL;
	*mark = 0;
	return mark + 1;
}

/* Returns the name of a task in a group of the stack, or NULL for another row. */
static const char *name_in_group(const json_t *rows, const char *stack, const char *path)
{
	size_t i, own = strlen(stack);
	const json_t *row;

	const char *group =
		strncmp(path, stack, own) == 0 && path[own] == '/' ? path + own + 1 : NULL;
	const char *name = group ? strchr(group, '/') : NULL;
	if (!name || strchr(name + 1, '/'))
		return NULL;
	json_array_foreach (rows, i, row)
		if (strncmp(field_text(row, "path"), path, (size_t)(name - path)) == 0 &&
		    !field_text(row, "path")[name - path])
			return strcmp(field_text(row, "kind"), "scope") == 0 ? name + 1 : NULL;
	return NULL;
}

/* Copies the rows of the tasks in groups that have this name. Returns how many tasks. */
static size_t copy_in_groups(const json_t *rows, const char *stack, const char *wanted, json_t *out,
                             char *list, size_t size)
{
	size_t i, at = 0;
	json_t *row;

	json_array_foreach (rows, i, row) {
		const char *path = field_text(row, "path");
		const char *last = strrchr(path, '/');
		const char *name = last && strcmp(last + 1, wanted) == 0
		                           ? name_in_group(rows, stack, path)
		                           : NULL;
		if (name)
			at += copy_below(rows, path, field_text(row, "id"), out, list, size);
	}
	return at;
}

static int refuse_missing(const struct client *client, const json_t *rows, const char *stack)
{
	size_t i, own = strlen(stack);
	char text[700];
	const json_t *row;
	int used = snprintf(text, sizeof(text), "stack %s has no task %.128s; it has ", stack,
	                    client->path);
	const char *between = "";

	json_array_foreach (rows, i, row) {
		const char *name = strrchr(field_text(row, "path"), '/');
		if (!name || (size_t)(name - field_text(row, "path")) != own ||
		    strncmp(field_text(row, "path"), stack, own) != 0 || used < 0 ||
		    (size_t)used >= sizeof(text))
			continue;
		used += snprintf(text + used, sizeof(text) - (size_t)used, "%s%s", between,
		                 name + 1);
		between = ", ";
	}
	return client_tell(client, EXIT_NO_TASK, text);
}

int registry_choose(const struct client *client, const json_t *rows, const char *stack,
                    json_t **out)
{
	const char *path = client->path;
	size_t own = strlen(stack), at = 0;
	bool whole = strncmp(path, stack, own) == 0 && (path[own] == '/' || path[own] == '#');
	char full[2 * TEND_PATH_MAX], list[400] = "", text[600];

	*out = json_array();
	/* A task may have the name of its stack, so both readings are tried. */
	for (int i = 0; i < 2 && at == 0; i++) {
		bool as_it_is = whole == (i == 0);
		snprintf(full, sizeof(full), "%s%s%s", as_it_is ? "" : stack, as_it_is ? "" : "/",
		         path);
		const char *id = cut_id(full);
		at = copy_below(rows, full, id, *out, list, sizeof(list));
	}
	if (at == 0)
		at = copy_in_groups(rows, stack, path, *out, list, sizeof(list));
	if (at == 1)
		return 0;
	json_decref(*out);
	*out = NULL;
	if (at == 0)
		return refuse_missing(client, rows, stack);
	snprintf(text, sizeof(text), "%zu are called %.128s; choose one: %s", at, path, list);
	return client_tell(client, EXIT_USAGE, text);
}
