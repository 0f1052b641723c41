/* cli/show/rows.h - rows of a tree as JSON. */
#ifndef TEND_CLI_SHOW_ROWS_H
#define TEND_CLI_SHOW_ROWS_H

#include <jansson.h>
#include <sys/types.h>

/* More rows would make an answer that cannot be sent and read. */
#define ROWS_MAX 100000

/* Adds the rows of a process that is linked with libtend.
 *
 *   above     a path that the paths of the rows go on from; NULL: the rows are
 *             the whole tree
 *   returns   0, or an error of tend_snapshot_of() */
int rows_add_process(json_t *rows, const char *above, pid_t pid);

/* Returns a string, or null for an empty text. */
json_t *rows_text(const char *text);

#endif
