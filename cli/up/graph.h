/* cli/up/graph.h - which task may start and which may stop, by the needs of
 * all.
 *
 * The graph is pure: from the fate of each task it decides, and it starts and
 * stops no task. A node only goes forward: a task starts, and ends for good. */
#ifndef TEND_CLI_UP_GRAPH_H
#define TEND_CLI_UP_GRAPH_H

#include "config/config.h"

#include <stdbool.h>

struct graph_node {
	bool started;      /* at least once */
	bool ready;        /* at least once */
	bool ended;        /* for good */
	bool failed;       /* ended, and not in success */
	size_t *wanted_by; /* indices of the dependants */
	size_t nwanted_by;
};

struct graph {
	const struct config *config;
	struct graph_node *nodes;
};

enum graph_verdict {
	GRAPH_WAIT,
	GRAPH_GO,
	GRAPH_NEVER, /* a need of the task has failed for good */
};

/* Returns 0 or -ENOMEM. The caller closes the graph in both cases. The
 * configuration is borrowed. */
int graph_open(struct graph *graph, const struct config *config);
void graph_close(struct graph *graph);

/* Decides if a task that has not begun may start. With GRAPH_WAIT and
 * GRAPH_NEVER, `*which` is the index, in the needs of the task, of the need that is the
 * reason. */
enum graph_verdict graph_may_start(const struct graph *graph, size_t task, size_t *which);

/* Decides if a task may be stopped while the whole stack stops: true once all
 * dependants have ended. */
bool graph_may_stop(const struct graph *graph, size_t task);

/* Returns how long the stop of all live tasks may take: the longest way along
 * the graph, each task with the whole of its stop timeout. */
uint64_t graph_stop_ns(const struct graph *graph);

#endif
