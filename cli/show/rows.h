/* cli/show/rows.h - rows of a tree as JSON. */
#ifndef TEND_CLI_SHOW_ROWS_H
#define TEND_CLI_SHOW_ROWS_H

#include <jansson.h>
#include <sys/types.h>

/* An answer has to stay one that can be sent and read. */
#define ROWS_MAX 100000

/* Adds the rows of a process that is linked with libtend.
 *
 *   above     a path that theirs go on from; NULL: they are the whole tree
 *   returns   0, or an error as of tend_snapshot_of() */
int rows_add_process(json_t *rows, const char *above, pid_t pid);

/* A string, or null if there is none. */
json_t *rows_text(const char *text);

#endif
