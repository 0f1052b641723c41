/* cli/cmd/table.h - the commands as data: for the tool's own arguments, and for completion.
 *
 * A table in a header, because a file with the table would need the file of each command, and
 * the file of the completion needs the table. */
#ifndef TEND_CLI_CMD_TABLE_H
#define TEND_CLI_CMD_TABLE_H

#include "cmd/commands.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} ALL_COMMANDS[] = {
#define COMMAND_ENTRY(name, help) {#name, cmd_##name, help},
	COMMANDS(COMMAND_ENTRY)
#undef COMMAND_ENTRY
};

enum { COMMANDS_COUNT = sizeof(ALL_COMMANDS) / sizeof(*ALL_COMMANDS) };

#endif
