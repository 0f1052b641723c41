/* cli/cmd/tree_pid.h - `tend tree PID` and `tend tree FILE`: the tree of one process, read from
 * its registries or from the file of one. */
#ifndef TEND_CLI_CMD_TREE_PID_H
#define TEND_CLI_CMD_TREE_PID_H

#include "ask/client.h"

#include <stdbool.h>
#include <sys/types.h>

/* Prints the tree, or its rows as JSON. Returns the exit code.
 *
 *   all       with the rows whose names begin with a dot */
int cmd_tree_pid(const struct client *client, pid_t pid, bool ascii, bool all);
int cmd_tree_file(const struct client *client, const char *path, bool ascii, bool all);

#endif
