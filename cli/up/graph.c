/* cli/up/graph.c - decisions along the graph of needs. */
#include "up/graph.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int graph_open(struct graph *graph, const struct config *config)
{
	graph->config = config;
	graph->nodes = calloc(config->ntasks ? config->ntasks : 1, sizeof(*graph->nodes));
	if (!graph->nodes)
		return -ENOMEM;
	for (size_t i = 0; i < config->ntasks; i++)
		for (size_t k = 0; k < config->tasks[i].nneeds; k++) {
			assert(config->tasks[i].needs[k].task < config->ntasks);
			graph->nodes[config->tasks[i].needs[k].task].nwanted_by++;
		}
	for (size_t i = 0; i < config->ntasks; i++) {
		struct graph_node *node = &graph->nodes[i];
		node->wanted_by = calloc(node->nwanted_by + 1, sizeof(*node->wanted_by));
		if (!node->wanted_by)
			return -ENOMEM;
		node->nwanted_by = 0;
	}
	for (size_t i = 0; i < config->ntasks; i++)
		for (size_t k = 0; k < config->tasks[i].nneeds; k++) {
			struct graph_node *need = &graph->nodes[config->tasks[i].needs[k].task];
			need->wanted_by[need->nwanted_by++] = i;
		}
	return 0;
}

void graph_close(struct graph *graph)
{
	for (size_t i = 0; graph->nodes && i < graph->config->ntasks; i++)
		free(graph->nodes[i].wanted_by);
	free(graph->nodes);
	graph->nodes = NULL;
}

static bool holds(const struct graph_node *need, enum config_until until)
{
	if (need->ended)
		return !need->failed;
	return until == CONFIG_STARTED ? need->started : until == CONFIG_READY && need->ready;
}

enum graph_verdict graph_may_start(const struct graph *graph, size_t task, size_t *which)
{
	const struct config_task *t = &graph->config->tasks[task];
	enum graph_verdict verdict = GRAPH_GO;

	assert(task < graph->config->ntasks);
	assert(!graph->nodes[task].started && !graph->nodes[task].ended);

	for (size_t k = 0; k < t->nneeds; k++) {
		const struct graph_node *need = &graph->nodes[t->needs[k].task];
		if (need->ended && need->failed) {
			*which = k;
			return GRAPH_NEVER;
		}
		if (!holds(need, t->needs[k].until) && verdict == GRAPH_GO) {
			*which = k;
			verdict = GRAPH_WAIT;
		}
	}
	return verdict;
}

bool graph_may_stop(const struct graph *graph, size_t task)
{
	const struct graph_node *node = &graph->nodes[task];

	assert(task < graph->config->ntasks && !node->ended);

	for (size_t k = 0; k < node->nwanted_by; k++)
		if (!graph->nodes[node->wanted_by[k]].ended)
			return false;
	return true;
}

static uint64_t sum(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }

uint64_t graph_stop_ns(const struct graph *graph)
{
	const struct config *config = graph->config;
	uint64_t longest = 0;
	/* For each task: the time from the begin of the stop of its dependants
	 * to its own end. */
	uint64_t *until = calloc(config->ntasks + 1, sizeof(*until));

	/* In `order` a task stands before all its dependants. */
	for (size_t n = config->ntasks; n-- > 0;) {
		size_t i = config->order[n];
		uint64_t own = graph->nodes[i].ended ? 0 : config->tasks[i].stop_timeout_ns,
			 before = 0;
		if (!until) { /* out of memory: the sum of all timeouts is never too short */
			longest = sum(longest, own);
			continue;
		}
		for (size_t k = 0; k < graph->nodes[i].nwanted_by; k++) {
			uint64_t one = until[graph->nodes[i].wanted_by[k]];
			before = one > before ? one : before;
		}
		until[i] = sum(before, own);
		longest = until[i] > longest ? until[i] : longest;
	}
	free(until);
	return longest;
}
