/* cli/config/group.c - groups of tasks: what is started again together, and when that is too
 * often. */
#include "config/group.h"

#include "config/index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { RESTARTS = 5, RESTARTS_MAX = 1024 };
#define PERIOD_NS (30 * TEND_SEC)

const char *const CONFIG_STRATEGIES[CONFIG_STRATEGIES_COUNT] = {
	[CONFIG_ONE_FOR_ONE] = "one_for_one",
	[CONFIG_ONE_FOR_ALL] = "one_for_all",
	[CONFIG_REST_FOR_ONE] = "rest_for_one",
};

/* ---- The fields ---- */

static void read_restarts(struct config_reader *r, const struct node_entry *e, void *into)
{
	struct config_group *group = ((struct group_draft *)into)->group;

	if (e->value->type == YAML_SCALAR_NODE && node_length(e->value) == 3 &&
	    memcmp(node_text(e->value), "any", 3) == 0) {
		if (node_take(r, e->value))
			group->restarts = CONFIG_ANY_NUMBER;
		return;
	}
	node_read_count(r, e, 1, RESTARTS_MAX, &group->restarts);
}

static void read_period(struct config_reader *r, const struct node_entry *e, void *into)
{
	node_read_span(r, e, &((struct group_draft *)into)->group->period_ns);
}

static const struct node_field INTENSITY[] = {
	{"restarts", read_restarts},
	{"period", read_period},
};

static void read_strategy(struct config_reader *r, const struct node_entry *e, void *into)
{
	node_read_word(r, e,
	               "one_for_one (only what failed is started again), one_for_all (all of the "
	               "group) or rest_for_one (what failed, and what needs it)",
	               CONFIG_STRATEGIES, CONFIG_COUNT(CONFIG_STRATEGIES),
	               &((struct group_draft *)into)->group->strategy);
}

static void read_intensity(struct config_reader *r, const struct node_entry *e, void *into)
{
	size_t n;
	struct node_entry *entries =
		node_read_map_of(r, e, "intensity: {restarts: 5, period: 30s}", &n);

	if (entries)
		node_read_fields(r, entries, n, INTENSITY, CONFIG_COUNT(INTENSITY), into);
}

static void read_members(struct config_reader *r, const struct node_entry *e, void *into)
{
	node_read_list(r, e, "tasks: [db, web]", &((struct group_draft *)into)->members);
}

static const struct node_field GROUP[] = {
	{"strategy", read_strategy},
	{"intensity", read_intensity},
	{"tasks", read_members},
};

static void group_read(struct config_reader *r, const struct node_entry *e,
                       struct group_draft *draft)
{
	struct config_group *group = draft->group;
	size_t n, before = r->errors->count;

	*group = (struct config_group){.name = node_keep_name(r, e->key, "group"),
	                               .restarts = RESTARTS,
	                               .period_ns = PERIOD_NS,
	                               .at = node_place(e->key)};
	struct node_entry *entries =
		node_read_map_of(r, e, "NAME: {strategy: one_for_all, tasks: [db, web]}", &n);
	if (!entries)
		return;
	node_read_fields(r, entries, n, GROUP, CONFIG_COUNT(GROUP), draft);
	if (draft->members.n == 0 && r->errors->count == before)
		config_report(r->errors, group->at,
		              "group '%s' has no tasks; add tasks: [NAME, NAME], or remove it",
		              node_show_key(e).text);
}

void groups_read(struct config_reader *r, const struct node_entry *e, struct group_draft **drafts)
{
	size_t n;
	struct node_entry *entries = node_read_map_of(
		r, e, "groups: {NAME: {strategy: one_for_all, tasks: [db, web]}}", &n);

	if (!entries)
		return;
	if (n > CONFIG_TASKS_MAX) {
		config_report(r->errors, node_place(entries[CONFIG_TASKS_MAX].key),
		              "there are more than %d groups; split the stack", CONFIG_TASKS_MAX);
		return;
	}
	r->config->groups = config_keep(r, n, sizeof(*r->config->groups));
	*drafts = config_scratch(r, n, sizeof(**drafts));
	if (r->no_memory)
		return;
	r->config->ngroups = n;
	for (size_t i = 0; i < n; i++) {
		(*drafts)[i].group = &r->config->groups[i];
		group_read(r, &entries[i], &(*drafts)[i]);
	}
}

/* ---- Members ---- */

struct names {
	struct index tasks, groups;
	struct config_place *task_at; /* where a group names the task; {0, 0}: nowhere */
};

static const char *name_of_task(const struct config *config, size_t i)
{
	return config->tasks[i].name;
}

static const char *name_of_group(const struct config *config, size_t i)
{
	return config->groups[i].name;
}

static void report_missing(struct config_reader *r, const struct names *names,
                           const yaml_node_t *node)
{
	struct node_phrase meant = {""};

	if (r->errors->count < CONFIG_ERRORS_MAX)
		meant = node_hint(node_text(node), node_length(node), names->tasks.names,
		                  names->tasks.n);
	config_report(r->errors, node_place(node), "there is no task '%s'%s", node_show(node).text,
	              meant.text[0] ? meant.text : "; name one of this file");
}

/* Puts a member into a group. `at` is where a group names the member, {0, 0} before. */
static void put(struct config_reader *r, size_t *owner, struct config_place *at, size_t group,
                const yaml_node_t *node)
{
	if (at->line) {
		config_report(r->errors, node_place(node),
		              "'%s' is in a group already, at %zu:%zu; remove one",
		              node_show(node).text, at->line, at->column);
		return;
	}
	*at = node_place(node);
	*owner = group;
}

static void link_members(struct config_reader *r, struct group_draft *drafts, size_t group,
                         struct names *names)
{
	struct group_draft *draft = &drafts[group];
	struct config *config = r->config;

	for (size_t i = 0; i < draft->members.n && !r->no_memory; i++) {
		yaml_node_t *node = node_item(r, &draft->members, i);
		size_t at;
		if (!node_check_text(r, node, "each name of 'tasks'", 0))
			continue;
		if (index_find(&names->tasks, node_text(node), &at))
			put(r, &config->tasks[at].group, &names->task_at[at], group, node);
		else if (index_find(&names->groups, node_text(node), &at))
			config_report(r->errors, node_place(node),
			              "'%s' is a group, and a group holds tasks; name the tasks",
			              node_show(node).text);
		else
			report_missing(r, names, node);
	}
}

static void check_name(struct config_reader *r, const struct config_group *group,
                       const struct names *names)
{
	size_t task;

	if (!group->name || !index_find(&names->tasks, group->name, &task))
		return;
	struct config_place at = r->config->tasks[task].at;
	config_report(r->errors, group->at,
	              "'%s' is the name of a task, at %zu:%zu; give the group a name of its own",
	              group->name, at.line, at.column);
}

void groups_link(struct config_reader *r, struct group_draft *drafts)
{
	struct config *config = r->config;
	struct names names = {.task_at = config_scratch(r, config->ntasks, sizeof(*names.task_at))};

	for (size_t i = 0; i < config->ntasks; i++)
		config->tasks[i].group = CONFIG_NO_GROUP;
	if (config->ngroups == 0 || r->no_memory ||
	    !index_build(r, &names.tasks, config->ntasks, name_of_task) ||
	    !index_build(r, &names.groups, config->ngroups, name_of_group))
		return;
	for (size_t i = 0; i < config->ngroups && !r->full && !r->no_memory; i++) {
		check_name(r, &config->groups[i], &names);
		link_members(r, drafts, i, &names);
	}
}
