/* cli/config_graph.c - the order in which tasks start, and cycles in `needs`.
 *
 * A walk in depth, in the order of the file, with a stack of its own: a task is
 * put in order when all it needs is. A need on a task that is still on the
 * stack closes a cycle. */
#include "config_impl.h"

#include <string.h>

enum mark { UNSEEN, OPEN, DONE };

struct walk {
	struct config_reader *r;
	struct config_place *const *at;
	unsigned char *marks;
	size_t *stack; /* tasks that are open, each needing the one after it */
	size_t *next;  /* of each open task, the need to look at */
	size_t depth, ordered;
};

/* Where task `from` says that it needs task `to`. */
static struct config_place place_of(const struct walk *w, size_t from, size_t to)
{
	const struct config_task *task = &w->r->config->tasks[from];
	size_t k = 0;
	while (task->needs[k] != to)
		k++;
	return w->at[from][k];
}

static void append(char *buf, size_t size, const char *text)
{
	size_t used = strlen(buf);
	snprintf(buf + used, size - used, "%s", text);
}

/* Shown from its first task in the file, at most eight of them. */
static void report_cycle(struct walk *w, size_t bottom)
{
	enum { SHOWN = 8 };
	const struct config_task *tasks = w->r->config->tasks;
	size_t n = w->depth - bottom, first = 0;
	char names[600] = "", places[192] = "", one[32];
	struct config_place start = {0};

	for (size_t i = 1; i < n; i++)
		if (w->stack[bottom + i] < w->stack[bottom + first])
			first = i;
	for (size_t i = 0; i < n && i < SHOWN; i++) {
		size_t task = w->stack[bottom + (first + i) % n];
		size_t need = w->stack[bottom + (first + i + 1) % n];
		struct config_place at = place_of(w, task, need);
		if (i == 0)
			start = at;
		snprintf(one, sizeof(one), "%s%zu:%zu", i ? ", " : "", at.line, at.column);
		append(places, sizeof(places), one);
		append(names, sizeof(names), tasks[task].name);
		append(names, sizeof(names), " -> ");
	}
	if (n > SHOWN)
		append(names, sizeof(names), "... -> ");
	const char *back = tasks[w->stack[bottom + first]].name;
	config_report(w->r->errors, start, "needs form a cycle: %s%s (at %s%s); remove one of them",
	              names, back, places,
	              n > SHOWN ? ", ..." : "");
}

static void enter(struct walk *w, size_t task)
{
	w->marks[task] = OPEN;
	w->next[w->depth] = 0;
	w->stack[w->depth++] = task;
}

static void leave(struct walk *w)
{
	size_t task = w->stack[--w->depth];
	w->marks[task] = DONE;
	w->r->config->order[w->ordered++] = task;
}

static size_t bottom_of(const struct walk *w, size_t task)
{
	size_t i = w->depth;
	while (w->stack[--i] != task)
		;
	return i;
}

static void step(struct walk *w)
{
	size_t top = w->depth - 1;
	const struct config_task *task = &w->r->config->tasks[w->stack[top]];

	if (w->next[top] == task->nneeds) {
		leave(w);
		return;
	}
	size_t need = task->needs[w->next[top]++];
	if (w->marks[need] == UNSEEN)
		enter(w, need);
	else if (w->marks[need] == OPEN && w->r->errors->count < CONFIG_ERRORS_MAX)
		report_cycle(w, bottom_of(w, need));
}

void config_sort(struct config_reader *r, struct config_place *const *at)
{
	size_t n = r->config->ntasks;
	struct walk w = {.r = r, .at = at};

	r->config->order = config_keep(r, n, sizeof(size_t));
	w.marks = config_scratch(r, n, 1);
	w.stack = config_scratch(r, n, sizeof(size_t));
	w.next = config_scratch(r, n, sizeof(size_t));
	for (size_t i = 0; i < n && !r->no_memory; i++) {
		if (w.marks[i] != UNSEEN)
			continue;
		for (enter(&w, i); w.depth > 0;)
			step(&w);
	}
}
