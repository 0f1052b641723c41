/* cli/show/rows.h - rows of a tree as JSON. */
#ifndef TEND_CLI_SHOW_ROWS_H
#define TEND_CLI_SHOW_ROWS_H

#include "tend/registry.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* More rows would make an answer too long to be sent. */
#define ROWS_MAX 100000

/* A row of tend.tree/1. Texts are of any bytes. */
struct row {
	const char *id;
	const char *parent; /* id of the row above, or NULL */
	const char *path;
	const char *wait, *site;   /* NULL or empty: none */
	uint64_t age_ns, since_ns; /* from the spawn, and from the last change of state */
	uint32_t kind, state;      /* TEND_KIND_..., TEND_STATE_... */
	uint32_t attempt;
	int32_t pid;     /* 0: none */
	int32_t outcome; /* TEND_LIVE: none yet */
	bool ready;
	uint32_t restarts;
	uint64_t due_ns; /* until the next attempt; 0: none is due */
	int32_t last;    /* how the last attempt ended; TEND_LIVE: none has */
	int32_t last_error;
	const char *life; /* as tend_snapshot_life(); NULL or empty: nothing */
	bool torn;        /* the row may stand where it never was */
};

/* Adds a row. */
void rows_add(json_t *rows, const struct row *row);

/* Called for each row, after the row was added; `id` is the id in the process of the row. */
struct rows_added {
	void (*fn)(void *arg, const struct row *row, uint64_t id);
	void *arg;
};

/* Adds the rows of a snapshot, until there are `max` rows in all. A name that begins with '.'
 * belongs to a tool, not to the program, and is hidden; the rows in a hidden root stand in the
 * place of the root.
 *
 *   above     a row with id and path, below which the rows of the snapshot stand; NULL:
 *             the rows are a tree of their own
 *   pid       the process of the snapshot; with `above` a part of each id, because ids
 *             are unique in a process only
 *   all       hide nothing
 *   added     or NULL */
void rows_add_snapshot(json_t *rows, const tend_snapshot *snapshot, const struct row *above,
                       pid_t pid, bool all, size_t max, const struct rows_added *added);

#endif
