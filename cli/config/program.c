/* cli/config/program.c - a program of a command line as a stack. */
#include "config/reader.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static char *keep(struct config *config, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = config_alloc(&config->memory, size, 1);

	return copy ? memcpy(copy, text, size) : NULL;
}

/* Copies a list that ends with NULL; NULL without memory. */
static char **keep_list(struct config *config, char *const *list)
{
	size_t n = 0;

	while (list[n])
		n++;
	char **copy = config_alloc(&config->memory, n + 1, sizeof(*copy));
	for (size_t i = 0; copy && i < n; i++)
		if (!(copy[i] = keep(config, list[i])))
			return NULL;
	return copy;
}

static bool fill(struct config *config, const struct config_program *program)
{
	struct config_task *task = config_alloc(&config->memory, 1, sizeof(*task));
	char what[sizeof("tend run ") + CONFIG_NAME_MAX] = "tend run ";

	config->ntasks = 1;
	config->tasks = task;
	config->order = config_alloc(&config->memory, 1, sizeof(*config->order));
	config->name = keep(config, program->name);
	config->dir = keep(config, program->cwd);
	/* A stack is its file, and no other stack can have this one. */
	config->file = keep(config, strncat(what, program->name, CONFIG_NAME_MAX));
	const struct config_probe *ready = &program->ready;
	if (!task || !config->order || !config->name || !config->dir || !config->file)
		return false;
	*task = (struct config_task){
		.name = config->name,
		.argv = keep_list(config, program->argv),
		.env = keep_list(config, program->env),
		.env_pass_all = true,
		.cwd = config->dir,
		.stop_signal = program->stop_signal,
		.stop_timeout_ns = program->stop_timeout_ns,
		.restart = program->restart,
		.output = program->output,
		.inherits_input = true,
		.group = CONFIG_NO_GROUP,
	};
	if (ready->kind) {
		task->ready = *ready;
		task->ready.text = keep(config, ready->text);
		task->ready.address = keep(config, ready->address);
		task->ready.path = ready->path ? keep(config, ready->path) : NULL;
		config_ready_fit(task);
		if (!task->ready.text || !task->ready.address || (ready->path && !task->ready.path))
			return false;
	}
	return task->argv && task->env;
}

struct config *config_of_program(const struct config_program *program)
{
	struct config *config = calloc(1, sizeof(*config));

	assert(program->argv[0] && program->cwd[0] == '/');
	assert(config_name_valid(program->name, strlen(program->name)));
	if (config && fill(config, program))
		return config;
	config_free(config);
	return NULL;
}
