/* Processes that say by a descriptor that they are ready: what the real guard and the simulated
 * one both do. */
#include "scenario.h"

#include <signal.h>

#define LONG_NS (1000 * TEND_SEC)

static tend_subscription *sub;

static void begin(void)
{
	open_world(2);
	OK(tend_subscribe(rt, &sub));
}

static void end(void)
{
	tend_unsubscribe(sub);
	close_world();
}

/* How often an attempt was told to be ready. */
static int readies(void)
{
	struct tend_event_info e[32];
	uint64_t lost = 0;
	int64_t got = tend_events_take(sub, e, 32, &lost);
	int n = 0;

	ck_assert_uint_eq(lost, 0);
	ck_assert_int_lt((int)got, 32);
	for (int64_t i = 0; i < got; i++)
		n += e[i].type == TEND_EVENT_READY;
	return n;
}

static tend_task start(const char *name, const struct tend_restart *restart)
{
	tend_task t;

	OK(tend_spawn_process(
		root, TEND_PROCESS_OPTS(.argv = argv_of(name), .ready_fd = 3, .restart = restart),
		&t));
	return t;
}

static bool is_ready(tend_task t)
{
	struct tend_life life;

	OK(tend_task_info(t, &life));
	return life.ready;
}

SCENARIO(ready_each_attempt_says_it_by_a_pipe_of_its_own)
{
	tend_task t;

	begin();
	t = start("say ready", TEND_RESTART(.policy = TEND_PERMANENT, .ready_ns = LONG_NS));
	OK(tend_task_wait(t, TEND_IS_READY, 1, SOON));
	ck_assert(is_ready(t));
	OK(tend_task_stop(t, SOON));
	ck_assert(!is_ready(t));
	OK(tend_task_start(t, SOON));
	OK(tend_task_wait(t, TEND_IS_READY, 2, SOON));
	OK(tend_task_shutdown(t, SOON));
	joined(t);
	ck_assert_int_eq(readies(), 2);
	end();
}

SCENARIO(ready_what_comes_before_the_newline_counts_for_nothing)
{
	tend_task t;

	begin();
	t = start("say ready in parts",
	          TEND_RESTART(.policy = TEND_TEMPORARY, .ready_ns = LONG_NS));
	until_it_says(t, "up");
	ck_assert(!is_ready(t));
	OK(tend_process_signal(t, SIGUSR1));
	OK(tend_task_wait(t, TEND_IS_READY, 1, SOON));
	OK(tend_task_shutdown(t, SOON));
	joined(t);
	end();
}

SCENARIO(ready_a_descriptor_closed_without_a_newline_says_nothing)
{
	struct tend_outcome o;
	tend_task t;

	begin();
	t = start("close unready", TEND_RESTART(.policy = TEND_TEMPORARY, .ready_ns = 5 * TEND_MS));
	o = joined(t);
	ck_assert_int_eq(o.kind, TEND_FAILED);
	ck_assert_int_eq(o.error, -ETIME);
	ck_assert_int_eq(readies(), 0);
	end();
}

SCENARIO(ready_a_second_newline_is_neither_news_nor_an_end)
{
	tend_task t;

	begin();
	t = start("say ready twice", TEND_RESTART(.policy = TEND_TEMPORARY, .ready_ns = LONG_NS));
	OK(tend_task_wait(t, TEND_IS_READY, 1, SOON));
	until_it_says(t, "up");
	ck_assert(is_ready(t));
	OK(tend_task_shutdown(t, SOON));
	ck_assert_int_eq(joined(t).kind, TEND_CANCELED);
	ck_assert_int_eq(readies(), 1);
	end();
}

SCENARIO(ready_last_words_are_heard)
{
	struct tend_outcome o;

	begin();
	o = joined(start("say ready and exit 7",
	                 TEND_RESTART(.policy = TEND_TRANSIENT, .retries = 1,
	                              .delay_ns = TEND_AT_ONCE, .ready_ns = LONG_NS)));
	ck_assert_int_eq(o.result, 7);
	ck_assert_uint_eq(o.attempts, 2);
	ck_assert_int_eq(readies(), 2);
	end();
}

/* The daemon is ended with the attempt, although it has the descriptor. */
SCENARIO(ready_an_open_descriptor_keeps_no_attempt)
{
	tend_task t;

	begin();
	t = start("leave a daemon", TEND_RESTART(.policy = TEND_TEMPORARY, .ready_ns = LONG_NS));
	ck_assert_int_eq(joined(t).kind, TEND_COMPLETED);
	ck_assert_int_eq(readies(), 0);
	end();
}

/* It has the descriptor all the same. */
SCENARIO(ready_without_a_policy_nobody_is_told)
{
	tend_task t;

	begin();
	t = start("say ready and exit 7", NULL);
	ck_assert_int_eq(joined(t).result, 7);
	ck_assert_int_eq(readies(), 0);
	end();
}

/* A process that is not ready is no need that holds. */
SCENARIO(ready_a_member_of_a_set_awaits_the_newline)
{
	const struct tend_process_opts *db =
		TEND_PROCESS_OPTS(.name = "db", .argv = argv_of("say ready"), .ready_fd = 3,
	                          .restart = TEND_RESTART(.policy = TEND_TEMPORARY,
	                                                  .ready_ns = LONG_NS));
	const struct tend_need needs_db = {.of = 0, .until = TEND_NEED_READY};
	const struct tend_child set[] = {
		{.process = db},
		{.fn = end_at_once, .needs = &needs_db, .needs_count = 1},
	};
	tend_task out[2];

	begin();
	OK(tend_spawn_set(root, set, 2, 0, out, NULL));
	ck_assert_int_eq(joined(out[1]).kind, TEND_COMPLETED);
	ck_assert(is_ready(out[0]));
	OK(tend_task_shutdown(out[0], SOON));
	joined(out[0]);
	end();
}
