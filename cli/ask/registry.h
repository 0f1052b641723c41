/* cli/ask/registry.h - the rows of a running stack, read from the registry of the process
 * that runs the stack: the process need not answer, and may be stopped. */
#ifndef TEND_CLI_ASK_REGISTRY_H
#define TEND_CLI_ASK_REGISTRY_H

#include "ask/client.h"

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

/* Chooses a stack and reads its rows, in the order of their paths. An error is reported by
 * client_tell(); then the call returns NULL and sets `*exit_code`.
 *
 *   below     with the rows of all processes that are linked with libtend, each below the row
 *             of its task
 *   all       with the rows of tend itself
 *   pid       gets the process that runs the stack */
json_t *registry_rows(const struct client *client, bool below, bool all, struct instance *instance,
                      pid_t *pid, int *exit_code);

/* Returns the row of the stack, from rows sorted by path; NULL if there is none. */
json_t *registry_stack(const json_t *rows);

/* Finds the rows at "TASK", "STACK/TASK", "STACK" and the like, maybe with a path below the
 * task, and with "#ID" for one of several rows with a path. Returns 0, or the exit code after an
 * error was reported.
 *
 *   rows      in the order of their paths; the first is the row of the stack
 *   out       the rows at the path and below, to be given back by json_decref() */
int registry_choose(const struct client *client, const json_t *rows, const char *stack,
                    json_t **out);

/* Reports why the registry of a process cannot be read: an error of tend_snapshots_of().
 * Returns the exit code. */
int registry_tell(const struct client *client, pid_t pid, int error);

#endif
