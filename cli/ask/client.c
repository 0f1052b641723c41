/* cli/ask/client.c - asks a running stack, and reports its answer. */
#include "ask/client.h"
#include "config/config.h"
#include "show/json.h"
#include "show/output.h"
#include "show/text.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int client_tell(const struct client *client, int code, const char *text)
{
	assert(client->schema && code > 0);
	json_t *envelope = client->json ? envelope_error(client->schema, code, text) : NULL;

	if (envelope)
		output_json(envelope);
	else {
		char *safe = text_printable(text, strlen(text));
		fprintf(stderr, "tend: %s\n", safe ? safe : "out of memory");
		free(safe);
	}
	json_decref(envelope);
	return code;
}

/* Returns the stack of the current directory. A file that is not valid names no
 * stack. */
static struct config *config_here(void)
{
	struct config_errors *errors = malloc(sizeof(*errors));
	struct config *config = NULL;

	if (errors && access(CONFIG_FILE, R_OK) == 0 &&
	    config_load(CONFIG_FILE, &config, errors) != 0)
		config = NULL;
	free(errors);
	return config;
}

static int choose(const struct client *client, struct instance *out, struct instance_error *error)
{
	struct instance_choice choice = {
		.name = client->name, .socket = client->socket, .strict = client->strict};
	struct config *here;

	if (!choice.name && !choice.socket)
		choice.socket = getenv("TEND_SOCKET");
	if (choice.socket && !choice.socket[0])
		choice.socket = NULL;
	here = choice.name || choice.socket ? NULL : config_here();
	int answer = instance_choose(&choice, here ? here->name : NULL, out, error);
	config_free(here);
	return answer;
}

json_t *client_ask(const struct client *client, json_t *request, control_progress_fn *progress,
                   void *arg, struct instance *instance, int *exit_code)
{
	struct instance_error error = {0};
	json_t *envelope;

	assert(client->schema && instance && exit_code);

	if (client->path)
		json_object_set_new(request, "path", text_json(client->path, strlen(client->path)));
	if (choose(client, instance, &error) != 0) {
		json_decref(request);
		*exit_code = client_tell(client, error.exit_code, error.text);
		return NULL;
	}
	envelope = control_ask(instance, request, progress, arg, &error);
	if (!envelope) {
		*exit_code = client_tell(client, error.exit_code, error.text);
		return NULL;
	}
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
