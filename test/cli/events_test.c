/* test/cli/events_test.c - a stack of one task, of which the events are taken late. */
#include "suite.h"
#include "up/up.h"

#include <errno.h>

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

static char name[] = "a", stack_name[] = "s";
static struct config_task config_a = {.name = name, .restart.policy = TEND_TEMPORARY};
static struct config config = {.name = stack_name, .ntasks = 1, .tasks = &config_a};
static struct up_task a;
static struct up up;

static void make(void)
{
	a = (struct up_task){.up = &up, .config = &config_a, .state = TEND_STATE_STARTING};
	up = (struct up){.config = &config, .tasks = &a, .single = true};
	ck_assert_int_eq(up_feeds_open(&up), 0);
	ck_assert_int_eq(tend_event_open(&up.changed), 0);
	ck_assert_int_eq(tend_event_open(&a.news), 0);
	ck_assert_int_eq(tend_runtime_open(TEND_RUNTIME_OPTS(.workers = 1,
	                                                     .guard_path = getenv("TEND_GUARD")),
	                                   &up.rt),
	                 0);
	ck_assert_int_eq(tend_subscribe(up.rt, &up.news), 0);
}

static void unmake(void)
{
	tend_unsubscribe(up.news);
	ck_assert_int_eq(tend_runtime_close(up.rt, TEND_FOREVER), 0);
	for (int i = 0; i < 2; i++)
		free(a.tails[i].bytes);
	tend_event_close(a.news);
	tend_event_close(up.changed);
	up_feeds_close(&up);
	free(up.by_id);
}

FIXTURE(make, unmake);

static void run_shell(const char *script, uint32_t policy)
{
	const struct tend_restart restart = {
		.size = sizeof(restart), .policy = policy, .delay_ns = 1, .retries = 1};
	const char *argv[] = {"sh", "-c", script, NULL};

	ck_assert_int_eq(tend_spawn_process(tend_root(up.rt),
	                                    TEND_PROCESS_OPTS(.name = "a", .argv = argv,
	                                                      .restart = &restart),
	                                    &a.process),
	                 0);
	ck_assert_int_eq(up_index(&up), 0);
}

TEST(an_end_that_was_seen_before_its_event_is_told_once)
{
	flood(up.rt, &a.process);
	ck_assert_int_eq(up_index(&up), 0);
	up_events_take(&up);
	ck_assert_uint_eq(a.state, TEND_STATE_ENDED);
	ck_assert_uint_eq(up.ended, 1);
	/* The attempt is over, so there is no pid to tell. */
	for (uint64_t i = up.events.first; i < up.events.next; i++) {
		const struct up_line *line = up.events.ring[i % UP_FEED_MAX];
		ck_assert_ptr_null(memmem(line->text, line->n, "pid", 3));
	}
}

TEST(a_stop_before_the_begin_is_told_has_all_its_steps)
{
	run_shell("exec sleep 1000", TEND_TEMPORARY);
	while (tend_process_pid(a.process) < 0)
		tend_yield();
	up_steps_begin(&a, 1);
	ck_assert_uint_ne(a.state, TEND_STATE_STOPPING);
	while (a.pid == 0)
		up_events_take(&up);
	ck_assert_uint_eq(a.state, TEND_STATE_STOPPING);
	tend_task_cancel(a.process, -ECANCELED, "the test is over");
}

TEST(a_tail_is_that_of_the_attempt_that_was_asked_for)
{
	run_shell("echo $$; exit 1", TEND_TRANSIENT);
	ck_assert_int_eq(tend_scope_wait_empty(tend_root(up.rt), TEND_FOREVER), 0);
	up_task_keep_tail(&a, 1);
	up_task_keep_tail(&a, 2);
	ck_assert_uint_gt(a.tails[0].n, 0);
	ck_assert(a.tails[0].n != a.tails[1].n ||
	          memcmp(a.tails[0].bytes, a.tails[1].bytes, a.tails[0].n) != 0);
	/* There is no third attempt, and the bytes that were counted are not those of a fourth. */
	a.written = 1;
	up_task_keep_tail(&a, 3);
	ck_assert_uint_eq(a.written, 0);
	ck_assert_uint_eq(a.tails[0].attempt, 2);
}
