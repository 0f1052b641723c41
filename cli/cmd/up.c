/* cli/cmd/up.c - `tend up`: runs the stack of a tend.yaml until it has ended. */
#include "up/up.h"
#include "ask/envelope.h"
#include "cmd/commands.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct options {
	const char *file;
	bool json;
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'f':
		if (options->file)
			argp_error(state, "one file at a time");
		options->file = arg;
		return 0;
	case 'j':
		options->json = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument: %s (a file is given with -f)", arg);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option OPTIONS[] = {
	{"file", 'f', "FILE", 0, "The stack to run; tend.yaml by default", 0},
	{"json", 'j', NULL, 0, "Write a document a line, the last one being the report", 0},
	{0},
};

static const struct argp ARGP = {
	.options = OPTIONS,
	.parser = parse_option,
	.doc = "Runs the stack of a tend.yaml and shows what it writes, until all of it has ended. "
	       "Ctrl-C stops it in order; a second one kills what is left.\v"
	       "Exit codes: 0 after a stop that ended, or if all tasks succeeded; 1 if a task "
	       "could "
	       "not start; 78 for a file or a runtime directory that is not valid; 124 if "
	       "something "
	       "outlived the stop; else the worst exit code of a task, 128+N for signal N.",
};

/* A descriptor opened while 0, 1 or 2 is closed would become the output. */
static bool fill_standard_fds(void)
{
	int fd;
	do
		fd = open("/dev/null", O_RDWR); /* inherited on purpose, like any standard stream */
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
	return fd > 2;
}

static int refuse(const struct up *up, int code, const char *text)
{
	json_t *envelope = up->json ? envelope_error("tend.up/1", code, text) : NULL;

	if (envelope)
		json_dumpf(envelope, stdout, JSON_COMPACT);
	if (envelope)
		putchar('\n');
	else
		fprintf(stderr, "tend: %s\n", text);
	json_decref(envelope);
	return code;
}

static int refuse_config(const struct up *up, const struct config_errors *errors)
{
	const struct config_error *first = &errors->kept[0];
	char text[CONFIG_ERROR_TEXT_MAX + 400];

	if (!up->json) {
		config_errors_write(errors, "error", stderr);
		return EXIT_CONFIG;
	}
	snprintf(text, sizeof(text), "%.300s:%zu:%zu: error: %s", up->file, first->at.line,
	         first->at.column, first->text);
	return refuse(up, EXIT_CONFIG, text);
}

int cmd_up(int argc, char **argv)
{
	struct options options = {0};
	struct config_errors errors;
	struct instance_error why;
	struct instance instance;
	struct config *config = NULL;
	struct up up = {.signal_fd = -1};

	if (argp_parse(&ARGP, argc, argv, ARGP_IN_ORDER, NULL, &options) != 0)
		return EXIT_USAGE;
	up.file = options.file ? options.file : CONFIG_FILE;
	up.json = options.json;
	if (!fill_standard_fds())
		return 1;
	if (config_load(up.file, &config, &errors) != 0)
		return refuse_config(&up, &errors);
	up.config = config;
	if (instance_claim(config->name, &instance, &why) != 0) {
		config_free(config);
		return refuse(&up, why.exit_code, why.text);
	}
	int code = up_run(&up, &instance);
	instance_release(&instance);
	if (up.rt) {
		/* Fibers that outlive the deadline still use what would be freed. */
		fflush(NULL);
		_exit(code);
	}
	config_free(config);
	return code;
}
