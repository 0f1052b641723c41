/* test/cli/graph_test.c - who may start and who may stop. */
#include "suite.h"
#include "up/graph.h"

#include <stdlib.h>

/* db <- web <- proxy, and a worker that needs db too. */
enum { DB, WEB, PROXY, WORKER, COUNT };

static struct config_need need_db[] = {{DB, CONFIG_STARTED}}, need_web[] = {{WEB, CONFIG_STARTED}};
static size_t order[] = {DB, WEB, PROXY, WORKER};
static struct config_task tasks[COUNT];
static struct config config;
static struct graph graph;

static void make(void)
{
	for (size_t i = 0; i < COUNT; i++)
		tasks[i] = (struct config_task){.stop_timeout_ns = 10};
	need_db[0].until = CONFIG_STARTED;
	tasks[WEB].needs = tasks[WORKER].needs = need_db;
	tasks[PROXY].needs = need_web;
	tasks[WEB].nneeds = tasks[WORKER].nneeds = tasks[PROXY].nneeds = 1;
	config = (struct config){.ntasks = COUNT, .tasks = tasks, .order = order};
	ck_assert_int_eq(graph_open(&graph, &config), 0);
}

static void unmake(void) { graph_close(&graph); }

static void ended(size_t task, bool failed)
{
	graph.nodes[task].ended = true;
	graph.nodes[task].failed = failed;
}

static enum graph_verdict verdict(size_t task)
{
	size_t which = COUNT;
	return graph_may_start(&graph, task, &which);
}

FIXTURE(make, unmake);

TEST(what_needs_nothing_starts_at_once) { ck_assert_int_eq(verdict(DB), GRAPH_GO); }

TEST(a_dependant_starts_when_its_need_has_started)
{
	size_t which = COUNT;
	ck_assert_int_eq(graph_may_start(&graph, WEB, &which), GRAPH_WAIT);
	ck_assert_uint_eq(which, 0);
	graph.nodes[DB].started = true;
	ck_assert_int_eq(verdict(WEB), GRAPH_GO);
	ck_assert_int_eq(verdict(PROXY), GRAPH_WAIT);
}

TEST(a_need_may_want_more_than_a_start)
{
	need_db[0].until = CONFIG_READY;
	graph.nodes[DB].started = true;
	ck_assert_int_eq(verdict(WEB), GRAPH_WAIT);
	graph.nodes[DB].ready = true;
	ck_assert_int_eq(verdict(WEB), GRAPH_GO);
	need_db[0].until = CONFIG_COMPLETED;
	ck_assert_int_eq(verdict(WEB), GRAPH_WAIT);
	ended(DB, false);
	ck_assert_int_eq(verdict(WEB), GRAPH_GO);
	need_db[0].until = CONFIG_READY;
	graph.nodes[DB].ready = false;
	ck_assert_int_eq(verdict(WEB), GRAPH_GO);
}

TEST(a_need_that_succeeded_at_once_has_started)
{
	ended(DB, false);
	ck_assert_int_eq(verdict(WEB), GRAPH_GO);
}

TEST(a_need_that_failed_for_good_keeps_its_dependants_from_starting)
{
	size_t which = COUNT;
	graph.nodes[DB].started = true;
	ended(DB, true);
	ck_assert_int_eq(graph_may_start(&graph, WEB, &which), GRAPH_NEVER);
	ck_assert_uint_eq(which, 0);
	ended(WEB, true);
	ck_assert_int_eq(verdict(PROXY), GRAPH_NEVER);
}

TEST(a_failed_need_counts_before_one_that_has_not_started)
{
	struct config_need both[] = {{WEB, CONFIG_STARTED}, {DB, CONFIG_STARTED}};
	size_t which = COUNT;
	tasks[PROXY].needs = both;
	tasks[PROXY].nneeds = 2;
	ended(DB, true);
	ck_assert_int_eq(graph_may_start(&graph, PROXY, &which), GRAPH_NEVER);
	ck_assert_uint_eq(which, 1);
}

TEST(a_task_stops_when_all_that_need_it_have_ended)
{
	ck_assert(graph_may_stop(&graph, PROXY));
	ck_assert(graph_may_stop(&graph, WORKER));
	ck_assert(!graph_may_stop(&graph, WEB));
	ended(PROXY, false);
	ck_assert(graph_may_stop(&graph, WEB));
	ended(WEB, false);
	ck_assert(!graph_may_stop(&graph, DB));
	ended(WORKER, false);
	ck_assert(graph_may_stop(&graph, DB));
}

TEST(a_stop_takes_as_long_as_the_longest_way)
{
	ck_assert_uint_eq(graph_stop_ns(&graph), 30);
	tasks[WORKER].stop_timeout_ns = 100;
	ck_assert_uint_eq(graph_stop_ns(&graph), 110);
	ended(WORKER, false);
	ck_assert_uint_eq(graph_stop_ns(&graph), 30);
	ended(PROXY, false);
	ck_assert_uint_eq(graph_stop_ns(&graph), 20);
}

TEST(an_endless_stop_timeout_does_not_wrap)
{
	tasks[WEB].stop_timeout_ns = UINT64_MAX;
	ck_assert_uint_eq(graph_stop_ns(&graph), UINT64_MAX);
}
