/* cli/cmd/up.c - `tend up`: runs the stack of a tend.yaml until it has ended. */
#include "up/up.h"
#include "ask/client.h"
#include "cmd/commands.h"
#include "cmd/options.h"
#include "config/config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int parse(int argc, char **argv, const char **file, struct client *client)
{
	const struct option_row options[] = {
		{"file", 'f', "FILE", "The tend.yaml or Procfile to run; tend.yaml by default",
	         option_file, file},
		{"json", 'j', NULL, "Write a document a line, the last one being the report",
	         option_flag, &client->json},
		{0},
	};
	const struct usage usage = {
		.help = "Runs the stack of a tend.yaml or Procfile and shows what it writes, until "
			"all of it "
			"has ended. Ctrl-C stops it in order; a second one kills what is left.\v"
			"Exit codes: 0 after a stop that ended, or if all tasks succeeded; 1 if a "
			"task could not start; 78 for a file or a runtime directory that is not "
			"valid; 124 if something outlived the stop; else the worst exit code of a "
			"task, 128+N for signal N.",
		.refused = "a file is given with -f",
		.options = options,
	};

	return options_parse(&usage, argc, argv);
}

int cmd_up(int argc, char **argv)
{
	const char *file = NULL;
	struct client client = {.schema = "tend.up/1"};
	struct config_errors errors;
	struct instance_error why;
	struct instance instance;
	struct config *config = NULL;
	struct up up = {.signal_fd = -1};

	if (parse(argc, argv, &file, &client) != 0)
		return EXIT_USAGE;
	up.file = file ? file : CONFIG_FILE;
	up.json = client.json;
	if (config_load(up.file, &config, &errors) != 0)
		return client_refuse(&client, &errors);
	up.config = config;
	up.instance = &instance;
	if (instance_claim(config->name, config->file, &instance, &why) != 0) {
		config_free(config);
		return client_tell(&client, why.exit_code, why.text);
	}
	int code = up_run(&up);
	if (up.rt) {
		/* Fibers beyond the deadline still use the memory. */
		fflush(NULL);
		_exit(code);
	}
	config_free(config);
	/* A shell script ends with a program of SIGINT, but goes on after a program with an
	 * exit code. */
	if (up.interrupted && !up.start_failed && code != EXIT_TIMEOUT) {
		fflush(NULL);
		raise(SIGINT);
	}
	return code;
}
