/* cli/up/answer.c - the answers of a running stack to its commands. */
#include "up/up.h"
#include "ask/envelope.h"
#include "show/json.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATUS_TAIL = 4096 };

/* ---- Finding the task of a path ---- */

/* Returns the task of "TASK" or "STACK/TASK"; NULL if there is no such task. */
static struct up_task *find(struct up *up, const char *path)
{
	size_t n = strlen(up->config->name);
	const char *rest =
		strncmp(path, up->config->name, n) == 0 && path[n] == '/' ? path + n + 1 : NULL;

	/* A name is unique in its file, so a path never means two tasks. */
	for (size_t i = 0; i < up->config->ntasks; i++) {
		const char *name = up->config->tasks[i].name;
		if (strcmp(name, path) == 0 || (rest && strcmp(name, rest) == 0))
			return &up->tasks[i];
	}
	return NULL;
}

static json_t *no_such_task(const struct up *up, const char *schema, const char *path)
{
	char text[700];
	int used = snprintf(text, sizeof(text), "stack %s has no task %.128s; it has ",
	                    up->config->name, path);

	for (size_t i = 0; i < up->config->ntasks && used > 0 && (size_t)used < sizeof(text); i++)
		used += snprintf(text + used, sizeof(text) - (size_t)used, "%s%s", i ? ", " : "",
		                 up->config->tasks[i].name);
	return envelope_error(schema, EXIT_NO_TASK, text);
}

/* ---- status ---- */

static json_t *needs_of(const struct up_task *t)
{
	json_t *needs = json_array();
	for (size_t k = 0; k < t->config->nneeds; k++)
		json_array_append_new(needs,
		                      json_string(t->up->config->tasks[t->config->needs[k]].name));
	return needs;
}

/* Returns the end of a tail, from the beginning of a line if possible, else from the
 * beginning of a character. */
static json_t *end_of(const struct up_tail *tail, size_t max)
{
	const char *from = tail->bytes ? tail->bytes : "", *end = from + tail->n;

	assert(tail->bytes || tail->n == 0);
	if (tail->n > max) {
		const char *line = memchr(end - max, '\n', max);
		from = line && line + 1 < end ? line + 1 : end - max;
	}
	for (int i = 0; i < 3 && from < end && (tail->dropped || from > tail->bytes) &&
	                ((unsigned char)*from & 0xc0) == 0x80;
	     i++)
		from++;
	assert(from <= end && (size_t)(end - from) <= max);
	return text_json(from, (size_t)(end - from));
}

static json_t *card(struct up_task *t)
{
	json_t *rows = up_rows(t->up, t), *all = json_object_get(rows, "tasks");
	json_t *row = json_copy(json_array_get(all, 0));
	bool over = t->has_last && t->last.result >= 0;
	struct up_tail live = {0};
	/* While an attempt has written nothing, the output of the attempt
	 * before says more. */
	const struct up_tail *tail = up_task_tail(t, &live) && live.n > 0 ? &live : &t->tails[0];

	json_object_set_new(row, "since_ns", json_integer((json_int_t)(tend_now() - t->since)));
	json_object_set_new(row, "restarts", json_integer(t->restarts));
	json_object_set_new(row, "restart",
	                    json_string(CONFIG_POLICIES[t->config->restart.policy]));
	json_object_set_new(row, "needs", needs_of(t));
	json_object_set_new(row, "exit_code",
	                    over && !t->last.signal ? json_integer(t->last.result) : json_null());
	json_object_set_new(row, "signal",
	                    over && t->last.signal ? json_integer(t->last.signal) : json_null());
	json_object_set_new(row, "last_error",
	                    t->why[0] ? text_json(t->why, strlen(t->why)) : json_null());
	json_object_set_new(row, "output_dropped", json_integer((json_int_t)tail->dropped));
	json_object_set_new(row, "output_tail", end_of(tail, STATUS_TAIL));
	free(live.bytes);
	json_decref(rows);
	return row;
}

static json_t *status(struct up *up, const char *path)
{
	json_t *cards = json_array();
	struct up_task *only = path ? find(up, path) : NULL;

	if (path && !only && strcmp(path, up->config->name) != 0) {
		json_decref(cards);
		return no_such_task(up, "tend.status/1", path);
	}
	if (only) {
		json_decref(cards);
		return envelope_ok("tend.status/1", card(only));
	}
	for (size_t i = 0; i < up->config->ntasks; i++)
		json_array_append_new(cards, card(&up->tasks[i]));
	return envelope_ok("tend.status/1",
	                   json_pack("{s:s, s:o}", "name", up->config->name, "tasks", cards));
}

/* ---- logs ---- */

static void logs(struct up *up, const char *path, const json_t *request,
                 struct control_reply *reply)
{
	struct up_task *t = path ? find(up, path) : NULL;

	if (t)
		up_logs(t, request, reply);
	else
		control_send(reply, path ? no_such_task(up, "tend.logs/1", path)
		                         : envelope_error("tend.logs/1", EXIT_USAGE,
		                                          "logs wants the path of a task"));
}

/* ---- wait ---- */

static void wait_for(struct up *up, const char *path, const json_t *request,
                     struct control_reply *reply)
{
	struct up_task *t = path ? find(up, path) : NULL;

	if (path && !t && strcmp(path, up->config->name) != 0)
		control_send(reply, no_such_task(up, "tend.wait/1", path));
	else
		up_wait(up, t, request, reply);
}

/* ---- attach, events ---- */

static void attach(struct up *up, struct control_reply *reply)
{
	if (!up_feed_send(up, &up->lines, true, reply))
		return;
	json_t *report = up_report_json(up);
	json_object_set_new(report, "exit_code", json_integer(up->exit_code));
	control_send(reply, envelope_ok("tend.attach/1", report));
}

static void events(struct up *up, const json_t *request, struct control_reply *reply)
{
	bool follow = json_is_true(json_object_get(request, "follow"));

	if (up_feed_send(up, &up->events, follow, reply))
		control_send(reply, envelope_ok("tend.events/1",
		                                json_pack("{s:s}", "name", up->config->name)));
}

/* ---- down ---- */

static json_t *progress(const struct up *up)
{
	json_t *waiting = json_array();
	uint64_t now = tend_now();
	char text[512];

	for (size_t i = 0; i < up->config->ntasks; i++)
		if (up->tasks[i].state != TEND_STATE_ENDED)
			json_array_append_new(waiting, json_string(up->config->tasks[i].name));
	up_progress(up, text, sizeof(text));
	return json_pack("{s:{s:s, s:o, s:I}}", "progress", "text", text, "waiting", waiting,
	                 "left_ns",
	                 (json_int_t)(up->stop_deadline > now ? up->stop_deadline - now : 0));
}

static void down(struct up *up, const json_t *request, struct control_reply *reply)
{
	json_int_t timeout = json_integer_value(json_object_get(request, "timeout_ns"));

	if (timeout < 0) {
		control_send(reply,
		             envelope_error("tend.down/1", EXIT_USAGE, "the timeout is negative"));
		return;
	}
	if (json_is_true(json_object_get(request, "now")))
		up_force(up, "tend down --now");
	else
		up_stop(up, "tend down", (uint64_t)timeout);
	for (;;) {
		/* The client may be gone; the stop goes on. */
		if (!control_send(reply, progress(up)))
			return;
		int error = tend_event_wait(up->over, tend_after(TEND_SEC));
		if (error == 0)
			break;
		if (error == -ECANCELED)
			return;
	}
	control_send(reply, envelope_ok("tend.down/1", up_report_json(up)));
}

/* ---- All of them ---- */

/* Returns the task that the path leads to or into: "TASK/inner/conn-1". */
static struct up_task *find_above(struct up *up, const char *path)
{
	char first[2 * CONFIG_NAME_MAX + 2];
	size_t own = strlen(up->config->name), n;

	if (strncmp(path, up->config->name, own) == 0 && path[own] == '/') {
		n = own + 1 + strcspn(path + own + 1, "/#");
		snprintf(first, sizeof(first), "%.*s", n < sizeof(first) ? (int)n : 0, path);
		struct up_task *t = find(up, first);
		if (t)
			return t;
	}
	n = strcspn(path, "/#");
	snprintf(first, sizeof(first), "%.*s", n < sizeof(first) ? (int)n : 0, path);
	return find(up, first);
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

/* Copies the rows at `path` and below to `out`; with an id, the row of that id and below.
 * Two rows may have one path, so what is below a row is told by the ids, and a row stands
 * after its parent. Returns the number of rows at `path`. */
static size_t choose_rows(const json_t *rows, const char *path, const char *id, json_t *out,
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

/* Returns an error, or NULL with the rows of the subtree in `data`. */
static json_t *inner(struct up *up, struct up_task *t, const char *path, json_t **data)
{
	char full[2 * TEND_PATH_MAX], list[400] = "", text[600];
	size_t n = strlen(t->config->name), own = strlen(up->config->name);
	bool whole = strncmp(path, up->config->name, own) == 0 && path[own] == '/' &&
	             strncmp(path + own + 1, t->config->name, n) == 0;
	json_t *found = json_array(), *rows = up_rows(up, t);

	snprintf(full, sizeof(full), "%s%s%s", whole ? "" : up->config->name, whole ? "" : "/",
	         path);
	const char *id = cut_id(full);
	size_t at =
		choose_rows(json_object_get(rows, "tasks"), full, id, found, list, sizeof(list));
	json_decref(rows);
	*data = json_pack("{s:s, s:o}", "name", up->config->name, "tasks", found);
	if (at == 1)
		return NULL;
	json_decref(*data);
	if (at == 0)
		snprintf(text, sizeof(text), "there is nothing at %.256s", path);
	else
		snprintf(text, sizeof(text), "%zu are called %.128s; choose one: %s", at, path,
		         list);
	return envelope_error("tend.tree/1", at ? EXIT_USAGE : EXIT_NO_TASK, text);
}

static json_t *tree(struct up *up, const char *path)
{
	struct up_task *t = path ? find_above(up, path) : NULL;
	json_t *data = NULL, *error = NULL;

	if (path && !t && strcmp(path, up->config->name) != 0)
		return no_such_task(up, "tend.tree/1", path);
	if (t)
		error = inner(up, t, path, &data);
	else
		data = up_rows(up, NULL);
	return error ? error : envelope_ok("tend.tree/1", data);
}

void up_answer(void *arg, const json_t *request, struct control_reply *reply)
{
	struct up *up = arg;
	const char *cmd = json_string_value(json_object_get(request, "cmd"));
	const char *path = json_string_value(json_object_get(request, "path"));

	assert(cmd); /* because the server refuses a request without a cmd */

	if (strcmp(cmd, "tree") == 0)
		control_send(reply, tree(up, path));
	else if (strcmp(cmd, "status") == 0)
		control_send(reply, status(up, path));
	else if (strcmp(cmd, "logs") == 0)
		logs(up, path, request, reply);
	else if (strcmp(cmd, "attach") == 0)
		attach(up, reply);
	else if (strcmp(cmd, "events") == 0)
		events(up, request, reply);
	else if (strcmp(cmd, "wait") == 0)
		wait_for(up, path, request, reply);
	else if (strcmp(cmd, "down") == 0)
		down(up, request, reply);
	else
		control_send(reply,
		             envelope_error("tend.error/1", EXIT_USAGE,
		                            "there is no such command; it knows tree, status, "
		                            "logs, wait, events, attach and down"));
}
