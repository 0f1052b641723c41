/* cli/config/schema.c - from a document to a configuration: the file as a whole. */
#include "config/group.h"
#include "config/reader.h"

#include <assert.h>
#include <string.h>

struct drafts {
	struct task_draft *tasks;
	struct group_draft *groups;
};

static void read_version(struct config_reader *r, const struct node_entry *e, void *into)
{
	(void)into;
	if (!node_check_text(r, e->value, node_subject(e).text, 0))
		return;
	if (node_length(e->value) != 1 || node_text(e->value)[0] != '1')
		config_report(r->errors, node_place(e->value),
		              "this tend reads version 1, not '%s'; write version: 1",
		              node_show(e->value).text);
}

static void read_name(struct config_reader *r, const struct node_entry *e, void *into)
{
	(void)into;
	if (node_check_text(r, e->value, node_subject(e).text, 0))
		r->config->name = node_keep_name(r, e->value, "stack");
}

static void read_tasks(struct config_reader *r, const struct node_entry *e, void *into)
{
	static const char example[] = "tasks: {NAME: {command: [PROGRAM, ARGUMENT]}}";
	struct task_draft **drafts = &((struct drafts *)into)->tasks;
	struct config *config = r->config;
	size_t n, before = r->errors->count;

	struct node_entry *entries = node_read_map_of(r, e, example, &n);
	if (!entries)
		return;
	if (n == 0 && r->errors->count == before)
		config_report(r->errors, node_place(e->key),
		              "there are no tasks; add one: NAME: {command: [PROGRAM, ARGUMENT]}");
	if (n > CONFIG_TASKS_MAX) {
		config_report(r->errors, node_place(entries[CONFIG_TASKS_MAX].key),
		              "there are more than %d tasks; split the stack", CONFIG_TASKS_MAX);
		return;
	}
	config->tasks = config_keep(r, n, sizeof(*config->tasks));
	*drafts = config_scratch(r, n, sizeof(**drafts));
	if (r->no_memory)
		return;
	config->ntasks = n;
	for (size_t i = 0; i < n; i++) {
		(*drafts)[i].task = &config->tasks[i];
		task_read(r, &entries[i], &(*drafts)[i]);
	}
}

static void read_groups(struct config_reader *r, const struct node_entry *e, void *into)
{
	groups_read(r, e, &((struct drafts *)into)->groups);
}

static const struct node_field ROOT[] = {
	{"version", read_version},
	{"name", read_name},
	{"tasks", read_tasks},
	{"groups", read_groups},
};

/* Uses the name of the directory, with every character replaced that a name may
 * not hold. */
void config_name_by_directory(struct config_reader *r, struct config_place at)
{
	struct config *config = r->config;
	assert(config->dir[0] == '/');
	const char *base = strrchr(config->dir, '/') + 1;
	char name[CONFIG_NAME_MAX + 1];

	if (config_name_of(base, name))
		config->name = config_keep_text(r, name, strlen(name));
	else
		config_report(r->errors, at,
		              "the directory's name '%s' holds no letter to name the stack by; add "
		              "name: NAME",
		              config_show(base, strlen(base)).text);
}

static bool has_key(const struct node_entry *entries, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (entries[i].len == strlen(key) &&
		    memcmp(entries[i].name, key, entries[i].len) == 0)
			return true;
	return false;
}

static void read_root(struct config_reader *r, yaml_node_t *root)
{
	struct drafts drafts = {0};
	struct config_place at = node_place(root);
	size_t n;

	struct node_entry *entries = node_read_map(r, root, &n);
	if (!entries)
		return;
	node_read_fields(r, entries, n, ROOT, CONFIG_COUNT(ROOT), &drafts);
	if (!has_key(entries, n, "name"))
		config_name_by_directory(r, at);
	if (!has_key(entries, n, "version"))
		config_report(r->errors, at, "the version is missing; add the line version: 1");
	if (!has_key(entries, n, "tasks"))
		config_report(
			r->errors, at,
			"there are no tasks; add tasks: {NAME: {command: [PROGRAM, ARGUMENT]}}");
	task_link(r, drafts.tasks);
	if (!r->full && !r->no_memory)
		groups_link(r, drafts.groups);
}

void config_read_document(struct config_reader *r)
{
	yaml_node_t *root = yaml_document_get_root_node(r->document);

	if (!root || node_is_empty(root))
		config_report(r->errors, (struct config_place){1, 1},
		              "the file is empty; write at least version: 1 and tasks: {NAME: "
		              "{command: [PROGRAM, ARGUMENT]}}");
	else if (!node_take(r, root))
		return;
	else if (root->type != YAML_MAPPING_NODE)
		config_report(r->errors, node_place(root),
		              "the file is a map of version, name, tasks and groups; this is %s",
		              node_kind(root));
	else
		read_root(r, root);
}
