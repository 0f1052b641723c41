/* cli/up/find.c - the task that a path names. */
#include "up/up.h"
#include "ask/envelope.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first place of an id; its task stands there, or in one of the places behind. */
static size_t place_of(const struct up *up, uint64_t id)
{
	return (size_t)(id * 0x9e3779b97f4a7c15u >> 32) & (up->places - 1);
}

int up_index(struct up *up)
{
	size_t n = up->config->ntasks;

	for (up->places = 1; up->places < 2 * n;)
		up->places *= 2;
	up->by_id = calloc(up->places, sizeof(struct up_task *));
	if (!up->by_id)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		size_t at = place_of(up, up->tasks[i].process.id);
		while (up->by_id[at])
			at = (at + 1) & (up->places - 1);
		up->by_id[at] = &up->tasks[i];
	}
	return 0;
}

struct up_task *up_by_id(const struct up *up, uint64_t id)
{
	size_t at = place_of(up, id);

	/* The spawn of the tasks may wait for the guard. */
	if (!up->by_id)
		return NULL;
	while (up->by_id[at] && up->by_id[at]->process.id != id)
		at = (at + 1) & (up->places - 1);
	return up->by_id[at];
}

static const char *group_of(const struct up_task *t)
{
	const struct config *config = t->up->config;

	return t->config->group == CONFIG_NO_GROUP ? NULL : config->groups[t->config->group].name;
}

void up_task_path(const struct up_task *t, char *buf, size_t size)
{
	const char *group = group_of(t);

	snprintf(buf, size, "%s/%s%s%s", t->up->config->name, group ? group : "", group ? "/" : "",
	         t->config->name);
}

/* Returns the part of the path below the stack, or NULL. */
static const char *below(const struct up *up, const char *path)
{
	size_t n = strlen(up->config->name);

	return strncmp(path, up->config->name, n) == 0 && path[n] == '/' ? path + n + 1 : NULL;
}

struct up_task *up_find(struct up *up, const char *path)
{
	const char *rest = below(up, path);

	/* A name is unique in its file, so a path never means two tasks. */
	for (size_t i = 0; i < up->config->ntasks; i++) {
		const char *name = up->config->tasks[i].name;
		char whole[UP_PATH_MAX];
		up_task_path(&up->tasks[i], whole, sizeof(whole));
		if (strcmp(name, path) == 0 || (rest && strcmp(name, rest) == 0) ||
		    strcmp(whole, path) == 0)
			return &up->tasks[i];
	}
	return NULL;
}

bool up_is_in(const struct up_task *t, const char *path)
{
	const char *group = group_of(t), *rest = below(t->up, path);

	return group && (strcmp(group, path) == 0 || (rest && strcmp(group, rest) == 0));
}

json_t *up_no_such_task(const struct up *up, const char *schema, const char *path)
{
	char text[700];
	int used = snprintf(text, sizeof(text), "stack %s has no task %.128s; it has ",
	                    up->config->name, path);

	for (size_t i = 0; i < up->config->ntasks && used > 0 && (size_t)used < sizeof(text); i++)
		used += snprintf(text + used, sizeof(text) - (size_t)used, "%s%s", i ? ", " : "",
		                 up->config->tasks[i].name);
	return envelope_error(schema, EXIT_NO_TASK, text);
}
