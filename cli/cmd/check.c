/* cli/cmd/check.c - says all that is wrong with a tend.yaml, starts nothing. */
#include "ask/envelope.h"
#include "cmd/commands.h"
#include "config/config.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { JSON = 256 };

struct options {
	const char *file;
	bool json;
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'f':
	case ARGP_KEY_ARG:
		if (options->file)
			argp_error(state, "one file at a time");
		options->file = arg;
		return 0;
	case JSON:
		options->json = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option OPTIONS[] = {
	{"file", 'f', "FILE", 0, "The same as FILE alone", 0},
	{"json", JSON, NULL, 0, "Print one JSON document", 0},
	{0},
};

static const struct argp ARGP = {
	.options = OPTIONS,
	.parser = parse_option,
	.args_doc = "[FILE]",
	.doc = "Checks a tend.yaml and starts nothing. FILE is tend.yaml unless it is given.\v"
	       "Errors go to stderr as FILE:LINE:COLUMN: error: TEXT, and the exit code is 78. "
	       "Warnings name what is missing on this machine only; they leave it 0.",
};

static void print_text(const struct config *config, const struct config_errors *errors,
                       const struct config_errors *warnings)
{
	config_errors_write(errors, "error", stderr);
	config_errors_write(warnings, "warning", stderr);
	if (!config)
		return;
	printf("%s: %zu %s, started in this order:", config->name, config->ntasks,
	       config->ntasks == 1 ? "task" : "tasks");
	for (size_t i = 0; i < config->ntasks; i++)
		printf("%s %s", i ? "," : "", config->tasks[config->order[i]].name);
	printf("\n");
}

/* The data is there in both cases: it holds the errors. */
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

static bool print_json(const struct config *config, const struct config_errors *errors,
                       const struct config_errors *warnings)
{
	json_t *envelope = make_envelope(config, errors, warnings);
	bool printed = envelope && json_dumpf(envelope, stdout, JSON_COMPACT) == 0;
	json_decref(envelope);
	printf("\n");
	return printed;
}

/* The answer is the exit code, so that it is not lost with a closed stdout. */
static int finish(bool printed, int code)
{
	if (fflush(stdout) == 0 && printed)
		return code;
	fprintf(stderr, "tend: cannot write to standard output: %s\n", strerror(errno));
	return code ? code : EXIT_FAILED;
}

int cmd_check(int argc, char **argv)
{
	struct options options = {0};
	struct config_errors errors, warnings = {0};
	struct config *config = NULL;
	bool printed = true;

	if (argp_parse(&ARGP, argc, argv, 0, NULL, &options) != 0)
		return EXIT_USAGE;
	if (!options.file)
		options.file = CONFIG_FILE;
	warnings.file = options.file;
	if (config_load(options.file, &config, &errors) == 0)
		config_probe(config, environ, options.file, &warnings);
	if (options.json)
		printed = print_json(config, &errors, &warnings);
	else
		print_text(config, &errors, &warnings);
	int code = config ? 0 : EXIT_CONFIG;
	config_free(config);
	return finish(printed, code);
}
