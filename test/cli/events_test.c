/* test/cli/events_test.c - a stack of which the events come faster than they are taken. */
#include "suite.h"
#include "up/up.h"

enum { MANY = 5000 }; /* more events than are kept */

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

/* Runs `MANY` tasks, and then a task of the stack. */
static void flood(tend_runtime *rt, tend_task *last)
{
	const struct tend_restart once = {.size = sizeof(once), .policy = TEND_TEMPORARY};
	tend_scope scope;

	ck_assert_int_eq(tend_scope_open(tend_root(rt), "many", NULL, &scope), 0);
	for (int i = 0; i < MANY; i++)
		ck_assert_int_eq(tend_spawn(scope, nothing, NULL, NULL, NULL), 0);
	ck_assert_int_eq(tend_scope_close(scope, TEND_FOREVER, NULL), 0);
	ck_assert_int_eq(tend_spawn(tend_root(rt), nothing, NULL,
	                            TEND_TASK_OPTS(.name = "a", .restart = &once), last),
	                 0);
	/* A join would take the outcome. */
	ck_assert_int_eq(tend_scope_wait_empty(tend_root(rt), TEND_FOREVER), 0);
}

TEST(an_end_that_was_seen_before_its_event_is_told_once)
{
	char name[] = "a", stack[] = "s";
	struct config_task config_a = {.name = name, .restart.policy = TEND_TEMPORARY};
	struct config config = {.name = stack, .ntasks = 1, .tasks = &config_a};
	struct up up = {.config = &config, .single = true};
	struct up_task a = {.up = &up, .config = &config_a, .state = TEND_STATE_STARTING};

	up.tasks = &a;
	ck_assert_int_eq(graph_open(&up.graph, &config), 0);
	ck_assert_int_eq(up_feeds_open(&up), 0);
	ck_assert_int_eq(tend_event_open(&up.changed), 0);
	ck_assert_int_eq(tend_event_open(&a.wake), 0);
	ck_assert_int_eq(tend_event_open(&a.news), 0);
	ck_assert_int_eq(tend_runtime_open(TEND_RUNTIME_OPTS(.workers = 1), &up.rt), 0);
	ck_assert_int_eq(tend_subscribe(up.rt, &up.news), 0);
	flood(up.rt, &a.process);

	up_events_take(&up);
	ck_assert_uint_eq(a.state, TEND_STATE_ENDED);
	ck_assert_uint_eq(up.ended, 1);

	tend_unsubscribe(up.news);
	ck_assert_int_eq(tend_runtime_close(up.rt, TEND_FOREVER), 0);
	tend_event_close(a.news);
	tend_event_close(a.wake);
	tend_event_close(up.changed);
	up_feeds_close(&up);
	graph_close(&up.graph);
}
