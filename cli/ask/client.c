/* cli/ask/client.c - asks a running stack, and reports its answer. */
#include "ask/client.h"
#include "show/json.h"
#include "show/output.h"
#include "show/text.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int client_tell(const struct client *client, int code, const char *text)
{
	assert(client->schema && code > 0);
	json_t *envelope = client->json ? envelope_error(client->schema, code, text) : NULL;

	if (envelope)
		output_json(envelope);
	else {
		char *safe = text_printable(text, strlen(text), false);
		fprintf(stderr, "tend: %s\n", safe ? safe : "out of memory");
		free(safe);
	}
	json_decref(envelope);
	return code;
}

int client_refuse(const struct client *client, const struct config_errors *errors)
{
	const struct config_error *first = &errors->kept[0];
	char text[CONFIG_ERROR_TEXT_MAX + 400];

	if (!client->json) {
		config_errors_write(errors, "error", stderr);
		return EXIT_CONFIG;
	}
	snprintf(text, sizeof(text), "%.300s:%zu:%zu: error: %s", errors->file, first->at.line,
	         first->at.column, first->text);
	return client_tell(client, EXIT_CONFIG, text);
}

/* Finds the file of the current directory. Returns 0 if there is none, 1 with its real path,
 * or -1 with the error written: a file that cannot be read is not a missing file, because
 * the command would then be for some other stack. */
static int file_here(char *path, struct instance_error *error)
{
	struct stat st;

	if (lstat(CONFIG_FILE, &st) != 0 && errno == ENOENT)
		return 0;
	if (realpath(CONFIG_FILE, path))
		return 1;
	return instance_fail(error, EXIT_CONFIG,
	                     CONFIG_FILE
	                     " of this directory cannot be read: %s; choose a stack with --name",
	                     strerror(errno));
}

/* Chooses by the file of the current directory, whose stack may not run. */
static int choose_by_file(const struct client *client, struct instance_choice *choice,
                          struct instance *out, struct instance_error *error)
{
	struct config_errors *errors = malloc(sizeof(*errors));
	struct config *config = NULL;
	int failed = errors ? config_load(CONFIG_FILE, &config, errors) : -ENOMEM;

	if (errors && failed && !client->json)
		client_refuse(client, errors);
	if (failed)
		instance_fail(error, EXIT_CONFIG,
		              "the stack of this directory is not running, and its name is not "
		              "known as long as " CONFIG_FILE
		              " is not valid; choose a stack with --name");
	else {
		choice->here = config->name;
		failed = instance_choose(choice, out, error);
	}
	config_free(config);
	free(errors);
	return failed;
}

int client_choose(const struct client *client, struct instance *out, struct instance_error *error)
{
	char file[PATH_MAX];
	struct instance_choice choice = {
		.name = client->name, .socket = client->socket, .strict = client->strict};

	if (!choice.name && !choice.socket)
		choice.socket = getenv("TEND_SOCKET");
	if (choice.socket && !choice.socket[0])
		choice.socket = NULL;
	if (choice.name || choice.socket)
		return instance_choose(&choice, out, error);
	int there = file_here(file, error);
	/* A Procfile is not taken unasked, but its stack may run. */
	if (there == 0 && realpath(CONFIG_PROCFILE, file) && instance_of_file(file, out))
		return 0;
	if (there <= 0)
		return there < 0 ? -1 : instance_choose(&choice, out, error);
	/* The stack of a file that runs needs no name, so the file need not be valid now. */
	if (instance_of_file(file, out))
		return 0;
	choice.here_file = file;
	return choose_by_file(client, &choice, out, error);
}

static void add_path(const struct client *client, json_t *request)
{
	if (client->path)
		json_object_set_new(request, "path", text_json(client->path, strlen(client->path)));
}

json_t *client_result(const struct client *client, json_t *envelope, int *exit_code)
{
	const json_t *failed = json_object_get(envelope, "error");

	if (!json_is_object(failed))
		return envelope;
	const char *text = json_string_value(json_object_get(failed, "message"));
	json_int_t code = json_integer_value(json_object_get(failed, "exit_code"));
	*exit_code =
		client_tell(client, code > 0 && code < 256 ? (int)code : 1, text ? text : "failed");
	json_decref(envelope);
	return NULL;
}

json_t *client_ask(const struct client *client, json_t *request, control_progress_fn *progress,
                   void *arg, struct instance *instance, int *exit_code)
{
	struct instance_error error = {0};

	assert(client->schema && instance && exit_code);

	add_path(client, request);
	if (client_choose(client, instance, &error) != 0) {
		json_decref(request);
		*exit_code = client_tell(client, error.exit_code, error.text);
		return NULL;
	}
	json_t *envelope =
		control_ask(instance, request, CONTROL_SILENCE_MS, progress, arg, &error);
	if (!envelope) {
		*exit_code = client_tell(client, error.exit_code, error.text);
		return NULL;
	}
	return client_result(client, envelope, exit_code);
}

json_t *client_try(const struct client *client, const struct instance *instance, json_t *request,
                   int silence_ms)
{
	struct instance_error ignored;

	add_path(client, request);
	return control_ask(instance, request, silence_ms, NULL, NULL, &ignored);
}
