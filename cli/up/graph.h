/* cli/up/graph.h - who may start and who may stop, by what needs what.
 *
 * Pure: it knows what has become of each task and decides; it starts and stops
 * nothing. A node only ever goes forward: it starts, and it ends for good. */
#ifndef TEND_CLI_UP_GRAPH_H
#define TEND_CLI_UP_GRAPH_H

#include "config/config.h"

#include <stdbool.h>

struct graph_node {
	bool started;      /* at least once */
	bool ended;        /* for good */
	bool failed;       /* ended, and not as it should */
	size_t *wanted_by; /* indices of those that need it */
	size_t nwanted_by;
};

struct graph {
	const struct config *config;
	struct graph_node *nodes;
};

enum graph_verdict {
	GRAPH_WAIT,
	GRAPH_GO,
	GRAPH_NEVER, /* something it needs has failed for good */
};

/* Answers 0 or -ENOMEM. Close it either way; the configuration is borrowed. */
int graph_open(struct graph *graph, const struct config *config);
void graph_close(struct graph *graph);

/* May a task that has not begun start? With GRAPH_WAIT and GRAPH_NEVER `*which`
 * is the index of a need that is the reason. */
enum graph_verdict graph_may_start(const struct graph *graph, size_t task, size_t *which);

/* When the whole is stopped: true once all that need the task have ended. */
bool graph_may_stop(const struct graph *graph, size_t task);

/* How long stopping all that has not ended may take: the longest way along the
 * graph, each task with the whole of its stop timeout. */
uint64_t graph_stop_ns(const struct graph *graph);

#endif
