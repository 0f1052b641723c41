/* cli/up/rows.c - the rows of tasks. */
#include "up/up.h"
#include "show/rows.h"

#include <stdio.h>
#include <string.h>

/* Returns the wait of the task; `buf` may hold the text. */
static const char *wait_of(const struct up_task *t, char *buf, size_t size)
{
	uint64_t now = tend_now();

	if (t->state != TEND_STATE_BACKOFF)
		return t->wait;
	char left[32];
	tend_duration_text(t->retry_at > now ? t->retry_at - now : 0, left, sizeof(left));
	snprintf(buf, size, "restart %u in %s", t->restarts + 1, left);
	return buf;
}

static void name_stack(char *buf, size_t size, const struct up *up)
{
	snprintf(buf, size, "%llu", (unsigned long long)tend_root(up->rt).id);
}

static void add_task(json_t *rows, const struct up_task *t)
{
	const struct up *up = t->up;
	char path[160], id[32], stack[32], wait[64];

	snprintf(path, sizeof(path), "%s/%s", up->config->name, t->config->name);
	snprintf(id, sizeof(id), "%llu", (unsigned long long)t->id);
	name_stack(stack, sizeof(stack), up);
	const struct row row = {
		.id = id,
		.parent = stack,
		.path = path,
		.wait = wait_of(t, wait, sizeof(wait)),
		.site = t->site,
		.age_ns = tend_now() - (t->spawned_at ? t->spawned_at : up->started_at),
		.since_ns = tend_now() - t->since,
		.kind = TEND_KIND_PROCESS,
		.state = t->state,
		.attempt = t->attempt,
		.pid = t->pid,
		.outcome = t->state == TEND_STATE_ENDED ? t->outcome : TEND_LIVE,
		.ready = t->pid > 0 && t->ready,
		.restarts = t->restarts,
		.due_ns = t->state == TEND_STATE_BACKOFF && t->retry_at > tend_now()
	                          ? t->retry_at - tend_now()
	                          : 0,
		.last = t->has_last ? t->last.kind : TEND_LIVE,
		.last_error = t->has_last ? t->last.error : 0,
	};
	rows_add(rows, &row);
}

json_t *up_rows(const struct up *up, const struct up_task *only)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < up->config->ntasks; i++)
		if (!only || only == &up->tasks[i])
			add_task(rows, &up->tasks[i]);
	return json_pack("{s:s, s:o}", "name", up->config->name, "tasks", rows);
}

json_t *up_waiting(const struct up *up)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < up->config->ntasks; i++)
		if (!up->tasks[i].process.id)
			add_task(rows, &up->tasks[i]);
	return json_pack("{s:o}", "tasks", rows);
}
