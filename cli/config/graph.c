/* cli/config/graph.c - the needs of the tasks, the order of their start,
 * cycles.
 *
 * The order is that of a walk in depth through the file, with a stack of its
 * own: a task is put in order after all its needs. A need on a task that is
 * still on the stack closes a cycle. */
#include "config/index.h"
#include "config/task.h"

#include <assert.h>
#include <string.h>

static const char *name_of(const struct config *config, size_t i) { return config->tasks[i].name; }

static void report_missing(struct config_reader *r, const struct index *index,
                           const yaml_node_t *node)
{
	struct node_phrase meant = {""};

	/* A look through all names takes time, so the hint is built only for an
	 * error that will be shown. */
	if (r->errors->count < CONFIG_ERRORS_MAX)
		meant = node_hint(node_text(node), node_length(node), index->names, index->n);
	config_report(r->errors, node_place(node), "there is no task '%s'%s", node_show(node).text,
	              meant.text[0] ? meant.text : "; name one of this file");
}

/* Reports a need without an end. */
static bool check_until(struct config_reader *r, const struct need_draft *need,
                        const struct config_task *of)
{
	if (!need->given)
		return true;
	if (need->until == CONFIG_READY && !of->ready.kind)
		config_report(r->errors, node_place(need->name),
		              "task '%s' does not tell when it is ready; add ready: {tcp: "
		              "127.0.0.1:8080} to it, or need it as started",
		              of->name);
	else if (need->until == CONFIG_COMPLETED && of->restart.policy == TEND_PERMANENT)
		config_report(r->errors, node_place(need->name),
		              "task '%s' is always started again and never completes; need it as "
		              "started, or remove its restart",
		              of->name);
	else
		return true;
	return false;
}

/* `met[i]` is 1 + the last task that was seen to need task i. */
static void link_need(struct config_reader *r, struct task_draft *draft, struct need_draft *need,
                      const struct index *index, size_t *met)
{
	struct config_task *task = draft->task;
	size_t self = (size_t)(task - r->config->tasks), of;

	assert(self < r->config->ntasks);

	if (!node_check_text(r, need->name, "each name of 'needs'", 0))
		return;
	if (!index_find(index, node_text(need->name), &of)) {
		report_missing(r, index, need->name);
	} else if (met[of] == self + 1) {
		config_report(r->errors, node_place(need->name), "'%s' is needed twice; remove one",
		              node_show(need->name).text);
	} else if (check_until(r, need, &r->config->tasks[of])) {
		assert(task->nneeds < draft->nneeds);
		met[of] = self + 1;
		draft->needs_at[task->nneeds] = node_place(need->name);
		if (!need->given)
			need->until =
				r->config->tasks[of].ready.kind ? CONFIG_READY : CONFIG_STARTED;
		task->needs[task->nneeds++] = (struct config_need){of, need->until};
	}
}

static void link_task(struct config_reader *r, struct task_draft *draft, const struct index *index,
                      size_t *met)
{
	draft->task->needs = config_keep(r, draft->nneeds, sizeof(*draft->task->needs));
	draft->needs_at = config_scratch(r, draft->nneeds, sizeof(struct config_place));
	for (size_t i = 0; i < draft->nneeds && !r->no_memory; i++)
		link_need(r, draft, &draft->needs[i], index, met);
}

enum mark { UNSEEN, OPEN, DONE };

struct walk {
	struct config_reader *r;
	const struct task_draft *drafts;
	unsigned char *marks;
	size_t *stack; /* open tasks, each needing the next */
	size_t *next;  /* for each open task, the next need to look at */
	size_t depth, ordered;
};

/* Returns the place where task `from` says that it needs task `to`. */
static struct config_place place_of(const struct walk *w, size_t from, size_t to)
{
	const struct config_task *task = &w->r->config->tasks[from];
	size_t k = 0;
	while (task->needs[k].task != to) {
		k++;
		assert(k < task->nneeds);
	}
	return w->drafts[from].needs_at[k];
}

static void append(char *buf, size_t size, const char *text)
{
	size_t used = strlen(buf);
	snprintf(buf + used, size - used, "%s", text);
}

/* Shows a cycle from its first task in the file, at most eight tasks. */
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
	              names, back, places, n > SHOWN ? ", ..." : "");
}

static void enter(struct walk *w, size_t task)
{
	assert(w->marks[task] == UNSEEN && w->depth < w->r->config->ntasks);
	w->marks[task] = OPEN;
	w->next[w->depth] = 0;
	w->stack[w->depth++] = task;
}

static void leave(struct walk *w)
{
	assert(w->depth > 0 && w->ordered < w->r->config->ntasks);
	size_t task = w->stack[--w->depth];
	assert(w->marks[task] == OPEN);
	w->marks[task] = DONE;
	w->r->config->order[w->ordered++] = task;
}

static size_t bottom_of(const struct walk *w, size_t task)
{
	size_t i = w->depth - 1;

	for (; w->stack[i] != task; i--)
		assert(i > 0);
	return i;
}

static void step(struct walk *w)
{
	assert(w->depth > 0);
	size_t top = w->depth - 1;
	const struct config_task *task = &w->r->config->tasks[w->stack[top]];

	if (w->next[top] == task->nneeds) {
		leave(w);
		return;
	}
	size_t need = task->needs[w->next[top]++].task;
	if (w->marks[need] == UNSEEN)
		enter(w, need);
	else if (w->marks[need] == OPEN && w->r->errors->count < CONFIG_ERRORS_MAX)
		report_cycle(w, bottom_of(w, need));
}

static void sort_tasks(struct config_reader *r, const struct task_draft *drafts)
{
	size_t n = r->config->ntasks;
	struct walk w = {.r = r, .drafts = drafts};

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
	assert(r->no_memory || w.ordered == n);
}

/* Two readers would each get a part of the input. */
static void check_input(struct config_reader *r, const struct task_draft *drafts)
{
	const struct task_draft *first = NULL;

	for (size_t i = 0; i < r->config->ntasks; i++) {
		if (!r->config->tasks[i].inherits_input)
			continue;
		if (first)
			config_report(r->errors, drafts[i].input_at,
			              "only one task can read the input of tend, and '%s' does, at "
			              "%zu:%zu; remove one",
			              first->task->name ? first->task->name : "",
			              first->input_at.line, first->input_at.column);
		else
			first = &drafts[i];
	}
}

void task_link(struct config_reader *r, struct task_draft *drafts)
{
	size_t *met = config_scratch(r, r->config->ntasks, sizeof(*met));
	struct index index;

	if (!index_build(r, &index, r->config->ntasks, name_of))
		return;
	check_input(r, drafts);
	for (size_t i = 0; i < r->config->ntasks && !r->full && !r->no_memory; i++)
		link_task(r, &drafts[i], &index, met);
	if (!r->full && !r->no_memory)
		sort_tasks(r, drafts);
}
