/* cli/up/find.c - the task that a path names. */
#include "up/up.h"
#include "ask/envelope.h"

#include <stdio.h>
#include <string.h>

struct up_task *up_find(struct up *up, const char *path)
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
