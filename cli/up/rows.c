/* cli/up/rows.c - the tree of a stack: a row for the stack, a row for each
 * task, and below a task the rows of its processes, as far as they are linked
 * with libtend. */
#include "up/up.h"
#include "show/rows.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* At most this many processes of a task are looked into. */
enum { PIDS_MAX = 128 };

struct pids {
	size_t n;
	pid_t pid[PIDS_MAX];
};

static void add_children(struct pids *pids, const char *path)
{
	char buf[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return;
	buf[n] = 0;
	char *at = buf, *end;
	for (long pid; (pid = strtol(at, &end, 10)) > 0 && end != at; at = end)
		if (pids->n < PIDS_MAX && *end != 0)
			pids->pid[pids->n++] = (pid_t)pid;
}

/* A child belongs to the thread that made it, so the children of all threads
 * are added. */
static void add_children_of(struct pids *pids, pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	DIR *d = opendir(path);
	if (!d)
		return;
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		long tid = strtol(e->d_name, NULL, 10);
		if (tid <= 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%ld/children", (int)pid, tid);
		add_children(pids, path);
	}
	closedir(d);
}

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
	const char *file = strrchr(up->file, '/');
	char path[160], id[32], stack[32], site[320], wait[64];

	snprintf(path, sizeof(path), "%s/%s", up->config->name, t->config->name);
	snprintf(id, sizeof(id), "%llu", (unsigned long long)t->id);
	int used = snprintf(site, sizeof(site), "%s", file ? file + 1 : up->file);
	if (t->config->at.line && used < (int)sizeof(site))
		snprintf(site + used, sizeof(site) - (size_t)used, ":%zu", t->config->at.line);
	name_stack(stack, sizeof(stack), up);
	const struct row row = {
		.id = id,
		.parent = stack,
		.path = path,
		.wait = wait_of(t, wait, sizeof(wait)),
		.site = site,
		.age_ns = tend_now() - (t->spawned_at ? t->spawned_at : up->started_at),
		.kind = TEND_KIND_PROCESS,
		.state = t->state,
		.attempt = t->attempt,
		.pid = t->pid,
		.outcome = t->state == TEND_STATE_ENDED ? t->outcome : TEND_LIVE,
		.ready = t->pid > 0,
		.restarts = t->restarts,
		.due_ns = t->state == TEND_STATE_BACKOFF && t->retry_at > tend_now()
	                          ? t->retry_at - tend_now()
	                          : 0,
		.last = t->has_last ? t->last.kind : TEND_LIVE,
		.last_error = t->has_last ? t->last.error : 0,
	};
	rows_add(rows, &row);
	struct pids pids = {0};
	if (t->pid > 0)
		pids.pid[pids.n++] = t->pid;
	for (size_t i = 0; i < pids.n; i++) {
		assert(pids.n <= PIDS_MAX && pids.pid[i] > 0);
		rows_add_process(rows, &row, pids.pid[i]); /* few are linked with libtend */
		add_children_of(&pids, pids.pid[i]);
	}
}

static void add_stack(json_t *rows, const struct up *up)
{
	char id[32];

	name_stack(id, sizeof(id), up);
	rows_add(rows, &(const struct row){
			       .id = id,
			       .path = up->config->name,
			       .site = up->file,
			       .age_ns = tend_now() - up->started_at,
			       .kind = TEND_KIND_SCOPE,
			       .state = up->stopping ? TEND_STATE_STOPPING : TEND_STATE_RUNNING,
			       .pid = (int32_t)getpid(),
		       });
}

/* Segment by segment, bytes within a segment; then by id as a number. */
static int compare_paths(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++) {}
	unsigned char x = (unsigned char)(*a == '/' ? 1 : *a),
		      y = (unsigned char)(*b == '/' ? 1 : *b);
	return (x > y) - (x < y);
}

struct sortable {
	const char *path;
	size_t was; /* rows of one process come sorted by id */
	json_t *row;
};

static int compare_rows(const void *a, const void *b)
{
	const struct sortable *x = a, *y = b;
	int order = compare_paths(x->path, y->path);
	return order ? order : (x->was > y->was) - (x->was < y->was);
}

static json_t *sorted(json_t *rows)
{
	size_t n = json_array_size(rows);
	struct sortable *all = calloc(n + 1, sizeof(*all));
	json_t *out = all ? json_array() : NULL;

	if (!out) {
		free(all);
		return rows;
	}
	for (size_t i = 0; i < n; i++) {
		all[i].row = json_array_get(rows, i);
		all[i].path = json_string_value(json_object_get(all[i].row, "path"));
		all[i].was = i;
	}
	qsort(all, n, sizeof(*all), compare_rows);
	for (size_t i = 0; i < n; i++)
		json_array_append(out, all[i].row);
	free(all);
	json_decref(rows);
	return out;
}

json_t *up_rows(const struct up *up, const struct up_task *only)
{
	json_t *rows = json_array();

	if (!only)
		add_stack(rows, up);
	for (size_t i = 0; i < up->config->ntasks; i++)
		if (!only || only == &up->tasks[i])
			add_task(rows, &up->tasks[i]);
	return json_pack("{s:s, s:o}", "name", up->config->name, "tasks", sorted(rows));
}
