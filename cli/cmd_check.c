/* cli/cmd_check.c - says all that is wrong with a tend.yaml, starts nothing. */
#include "cmd_check.h"
#include "config.h"

#include <argp.h>
#include <stdio.h>
#include <unistd.h>

enum { CONFIG_ERROR = 78 };

struct options {
	const char *file;
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
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option OPTIONS[] = {
	{"file", 'f', "FILE", 0, "The same as FILE alone", 0},
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

static void print_valid(const struct config *config)
{
	printf("%s: %zu %s, started in this order:", config->name, config->ntasks,
	       config->ntasks == 1 ? "task" : "tasks");
	for (size_t i = 0; i < config->ntasks; i++)
		printf("%s %s", i ? "," : "", config->tasks[config->order[i]].name);
	printf("\n");
}

int cmd_check(int argc, char **argv)
{
	struct options options = {0};
	struct config_errors errors, warnings = {0};
	struct config *config = NULL;

	if (argp_parse(&ARGP, argc, argv, 0, NULL, &options) != 0)
		return 2;
	if (!options.file)
		options.file = CONFIG_FILE;
	int error = config_load(options.file, &config, &errors);
	if (error == 0)
		config_probe(config, environ, options.file, &warnings);
	config_errors_write(&errors, "error", stderr);
	if (error == 0) {
		config_errors_write(&warnings, "warning", stderr);
		print_valid(config);
	}
	config_free(config);
	return error ? CONFIG_ERROR : 0;
}
