/* cli/main.c - the command `tend`.
 *
 * The folders of cli/ form a line, and a file uses only what stands before it:
 *
 *   show    text, rows and answers as a user sees them
 *   config  tend.yaml
 *   ask     how a command reaches a running stack
 *   up      a running stack
 *   cmd     the commands, a file for each */
#include "ask/envelope.h"
#include "cmd/table.h"
#include "show/output.h"

#include <argp.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct chosen {
	const struct command *command;
	int argc;
	char **argv;
};

static void choose(struct argp_state *state, const char *name)
{
	struct chosen *chosen = state->input;

	for (size_t i = 0; i < COMMANDS_COUNT; i++)
		if (strcmp(ALL_COMMANDS[i].name, name) == 0)
			chosen->command = &ALL_COMMANDS[i];
	if (!chosen->command)
		argp_error(state, "there is no command %s", name);
	chosen->argc = state->argc - state->next + 1;
	chosen->argv = state->argv + state->next - 1;
	state->next = state->argc; /* the rest belongs to the command */
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'V':
		puts("tend " TEND_VERSION);
		exit(fflush(stdout) ? EXIT_FAILURE : 0);
	case ARGP_KEY_ARG:
		choose(state, arg);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_state_help(state, stderr,
		                ARGP_HELP_USAGE | ARGP_HELP_SHORT_USAGE | ARGP_HELP_SEE);
		exit(EXIT_USAGE);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static char *list_commands(int key, const char *text, void *input)
{
	char *list = NULL;
	size_t n = 0;
	FILE *out;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC || !(out = open_memstream(&list, &n)))
		return (char *)(uintptr_t)text;
	fprintf(out, "Commands:\n");
	for (size_t i = 0; i < COMMANDS_COUNT; i++)
		fprintf(out, "  %-10s %s\n", ALL_COMMANDS[i].name, ALL_COMMANDS[i].help);
	fprintf(out, "\nEach has its own --help.");
	fclose(out);
	return list;
}

/* argp's own option finds no variable of a program with hidden symbols. */
static const struct argp_option OPTIONS[] = {
	{"version", 'V', NULL, 0, "Print the version", -1},
	{0},
};

static const struct argp ARGP = {
	.options = OPTIONS,
	.parser = parse_option,
	.args_doc = "COMMAND [ARGUMENT...]",
	.doc = "Runs stacks of programs and shows one tree of all that they run.\v",
	.help_filter = list_commands,
};

int main(int argc, char **argv)
{
	struct chosen chosen = {0};
	char name[32];

	if (!output_open())
		return EXIT_FAILED;
	argp_err_exit_status = EXIT_USAGE;
	if (argp_parse(&ARGP, argc, argv, ARGP_IN_ORDER, NULL, &chosen) != 0 || !chosen.command)
		return EXIT_USAGE;
	/* With this name, usage and errors begin with "tend up". */
	snprintf(name, sizeof(name), "tend %s", chosen.command->name);
	chosen.argv[0] = name;
	return chosen.command->run(chosen.argc, chosen.argv);
}
