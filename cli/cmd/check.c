/* cli/cmd/check.c - `tend check`: lists all errors of a tend.yaml and starts
 * nothing. */
#include "ask/envelope.h"
#include "cmd/commands.h"
#include "cmd/options.h"
#include "config/config.h"
#include "show/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Prints text as a YAML string in double quotes, with the escapes of JSON. */
static void print_string(const char *text)
{
	json_t *string = json_string(text);
	char *quoted = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;

	fputs(quoted ? quoted : "\"\"", stdout);
	free(quoted);
	json_decref(string);
}

/* Prints the tend.yaml that a Procfile means. The values of .env may be secrets, and are left
 * out. */
static void print_procfile(const struct config *config)
{
	static char *const none[] = {NULL};
	char *const *env = config->ntasks ? config->tasks[0].env : none;
	bool more = false;

	printf("# What this Procfile means.\nversion: 1\nname: %s\ntasks:\n", config->name);
	for (size_t i = 0; i < config->ntasks; i++) {
		const struct config_task *task = &config->tasks[i];
		char *const *own = task->env;
		while (own[2])
			own++;
		printf("  %s:\n    shell: ", task->name);
		print_string(task->argv[2]);
		printf("\n    env_pass: all\n    env: {PORT: \"%s\", PS: %s}\n",
		       strchr(own[0], '=') + 1, strchr(own[1], '=') + 1);
	}
	for (; env[0] && env[2]; env++, more = true)
		printf("%s %.*s",
		       more ? "," : "# and in each env, from .env:", (int)strcspn(env[0], "="),
		       env[0]);
	if (more)
		printf("\n");
}

static void print_text(const struct config *config, const struct config_errors *errors,
                       const struct config_errors *warnings)
{
	config_errors_write(errors, "error", stderr);
	config_errors_write(warnings, "warning", stderr);
	if (!config)
		return;
	if (config->procfile) {
		print_procfile(config);
		return;
	}
	printf("%s: %zu %s, started in this order:", config->name, config->ntasks,
	       config->ntasks == 1 ? "task" : "tasks");
	for (size_t i = 0; i < config->ntasks; i++)
		printf("%s %s", i ? "," : "", config->tasks[config->order[i]].name);
	printf("\n");
}

/* An error has data too, because the data holds the errors of the file. */
static json_t *make_envelope(const struct config *config, const struct config_errors *errors,
                             const struct config_errors *warnings)
{
	static const char schema[] = "tend.check/1";
	json_t *data = config_check_json(config, errors, warnings);

	if (config || !data)
		return envelope_ok(schema, data);
	json_t *envelope =
		envelope_error(schema, EXIT_CONFIG, "the file is not valid; see data.errors");
	if (json_object_set_new(envelope, "data", data) == 0)
		return envelope;
	json_decref(envelope);
	return NULL;
}

int cmd_check(int argc, char **argv)
{
	const char *file = NULL;
	bool json = false;
	const struct option_row options[] = {
		{"file", 'f', "FILE", "The same as FILE alone", option_file, &file},
		{"json", 0, NULL, "Print one JSON document", option_flag, &json},
		{0},
	};
	const struct usage usage = {
		.argument = "[FILE]",
		.help = "Checks a tend.yaml or a Procfile and starts nothing. FILE is tend.yaml "
			"unless it is given. Of a Procfile, prints the tend.yaml that it means.\v"
			"Errors go to stderr as FILE:LINE:COLUMN: error: TEXT, and the exit code "
			"is 78. Warnings name what is missing on this machine only; they leave it "
			"0.",
		.into = &file,
		.twice = "one file at a time",
		.options = options,
	};
	struct config_errors errors, warnings = {0};
	struct config *config = NULL;
	bool printed = true;

	if (options_parse(&usage, argc, argv) != 0)
		return EXIT_USAGE;
	if (!file)
		file = CONFIG_FILE;
	warnings.file = file;
	if (config_load(file, &config, &errors) == 0)
		config_probe(config, environ, file, &warnings);
	if (json) {
		json_t *envelope = make_envelope(config, &errors, &warnings);
		printed = output_json(envelope);
		json_decref(envelope);
	} else
		print_text(config, &errors, &warnings);
	int code = config ? 0 : EXIT_CONFIG;
	config_free(config);
	/* A lost answer is no success, even if the file is valid. */
	return output_end(printed || code ? code : EXIT_FAILED);
}
