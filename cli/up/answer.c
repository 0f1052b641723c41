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

/* ---- status ---- */

static json_t *needs_of(const struct up_task *t)
{
	json_t *needs = json_array();
	for (size_t k = 0; k < t->config->nneeds; k++)
		json_array_append_new(
			needs, json_string(t->up->config->tasks[t->config->needs[k].task].name));
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

/* Adds to the row of a task what only this process knows. */
static void complete(json_t *row, struct up_task *t)
{
	bool over = t->has_last && t->last.result >= 0;
	struct up_tail live = {0};
	/* While an attempt has written nothing, the output of the attempt
	 * before says more. */
	const struct up_tail *tail = up_task_tail(t, &live) && live.n > 0 ? &live : &t->tails[0];

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
	if (t->wait[0])
		json_object_set_new(row, "wait", text_json(t->wait, strlen(t->wait)));
	free(live.bytes);
}

static json_t *status(struct up *up, const char *path)
{
	struct up_task *only = path ? up_find(up, path) : NULL;
	size_t i;
	json_t *row;

	if (path && !only && strcmp(path, up->config->name) != 0)
		return up_no_such_task(up, "tend.status/1", path);
	json_t *rows = up_rows(up, only);
	json_array_foreach (rows, i, row) {
		struct up_task *t = up_by_id(up, strtoull(field_text(row, "id"), NULL, 10));
		if (t)
			complete(row, t);
	}
	if (!only)
		return envelope_ok("tend.status/1", json_pack("{s:s, s:o}", "name",
		                                              up->config->name, "tasks", rows));
	row = json_incref(json_array_get(rows, 0));
	json_decref(rows);
	return envelope_ok("tend.status/1", row);
}

/* ---- logs ---- */

static void logs(struct up *up, const char *path, const json_t *request,
                 struct control_reply *reply)
{
	struct up_task *t = path ? up_find(up, path) : NULL;

	if (t)
		up_logs(t, request, reply);
	else
		control_send(reply, path ? up_no_such_task(up, "tend.logs/1", path)
		                         : envelope_error("tend.logs/1", EXIT_USAGE,
		                                          "logs wants the path of a task"));
}

/* ---- wait ---- */

static void wait_for(struct up *up, const char *path, const json_t *request,
                     struct control_reply *reply)
{
	struct up_task *t = path ? up_find(up, path) : NULL;

	if (path && !t && strcmp(path, up->config->name) != 0)
		control_send(reply, up_no_such_task(up, "tend.wait/1", path));
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

void up_answer(void *arg, const json_t *request, struct control_reply *reply)
{
	struct up *up = arg;
	const char *cmd = json_string_value(json_object_get(request, "cmd"));
	const char *path = json_string_value(json_object_get(request, "path"));

	assert(cmd); /* because the server refuses a request without a cmd */

	if (strcmp(cmd, "status") == 0)
		control_send(reply, status(up, path));
	else if (strcmp(cmd, "logs") == 0)
		logs(up, path, request, reply);
	else if (strcmp(cmd, "attach") == 0)
		attach(up, reply);
	else if (strcmp(cmd, "events") == 0)
		events(up, request, reply);
	else if (strcmp(cmd, "wait") == 0)
		wait_for(up, path, request, reply);
	else if (strcmp(cmd, "act") == 0)
		up_act(up, request, reply);
	else if (strcmp(cmd, "down") == 0)
		down(up, request, reply);
	else
		control_send(reply,
		             envelope_error("tend.error/1", EXIT_USAGE,
		                            "there is no such command; it knows status, logs, "
		                            " wait, events, attach, act and down"));
}
