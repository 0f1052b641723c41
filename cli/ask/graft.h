/* cli/ask/graft.h - the rows of a process, and below each child process the rows of the child. */
#ifndef TEND_CLI_ASK_GRAFT_H
#define TEND_CLI_ASK_GRAFT_H

#include "show/rows.h"

/* Adds the rows of a registry, until there are `max` rows in all; and below the row of each
 * process the rows of all registries that name the task and its attempt as their parent. The
 * registries are looked for in the process and its descendants, and a process id alone joins
 * nothing: the number may belong to a different process by now. Returns true if a registry was
 * found. */
bool graft_rows(json_t *rows, const tend_snapshot *snapshot, bool all, size_t max);

#endif
