/* Scopes in which no two names are the same. */
#include "scenario.h"

#include <stdio.h>

static tend_scope unique_below(tend_scope parent)
{
	tend_scope s;

	OK(tend_scope_open(parent, "unique", TEND_SCOPE_OPTS(.unique = 1), &s));
	return s;
}

static int spawn(tend_scope s, const char *name, tend_fn *fn, void *arg, tend_task *out)
{
	return tend_spawn(s, fn, arg, TEND_TASK_OPTS(.name = name), out);
}

static int again(tend_scope s, const char *name) { return spawn(s, name, end_at_once, NULL, NULL); }

static _Atomic int dropped;
static void count_drop(void *arg)
{
	(void)arg;
	dropped++;
}

/* Whatever has the name, and whatever wants it. */
SCENARIO(tv_054_131_132_tv7_34_a_name_that_lives_is_refused)
{
	struct tend_stats stats;
	tend_event *go;
	tend_scope s, below;
	tend_task task;

	open_world(2);
	go = new_event();
	s = unique_below(root);
	OK(spawn(s, "fiber", wait_for, go, NULL));
	OK(tend_spawn_thread(s, wait_for, go, TEND_TASK_OPTS(.name = "thread"), NULL));
	OK(tend_task_begin(s, TEND_TASK_OPTS(.name = "external"), &task));
	OK(tend_scope_open(s, "scope", NULL, &below));
	static const char *const names[] = {"fiber", "thread", "external", "scope"};
	for (int i = 0; i < 4; i++) {
		tend_task other;
		tend_scope scope;

		dropped = 0;
		ANSWERS(tend_spawn(s, end_at_once, NULL,
		                   TEND_TASK_OPTS(.name = names[i], .drop = count_drop), NULL),
		        -EEXIST);
		ck_assert_int_eq(dropped, 0);
		ANSWERS(tend_spawn_thread(s, wait_for, go, TEND_TASK_OPTS(.name = names[i]), NULL),
		        -EEXIST);
		ANSWERS(tend_task_begin(s, TEND_TASK_OPTS(.name = names[i]), &other), -EEXIST);
		ANSWERS(tend_scope_open(s, names[i], NULL, &scope), -EEXIST);
		/* Names are those of a scope, and not of what is below. */
		OK(spawn(below, names[i], wait_for, go, NULL));
	}
	OK(tend_scope_stats(s, &stats));
	ck_assert_uint_eq(stats.refused, 12);
	ck_assert_uint_eq(stats.spawned, 3);
	tend_event_set(go);
	OK(tend_task_end(task, 0));
	OK(tend_scope_close(below, SOON, NULL));
	OK(tend_scope_wait_empty(s, SOON));
	for (int i = 0; i < 4; i++)
		OK(again(s, names[i]));
	OK(tend_scope_close(s, SOON, NULL));
	close_world();
}

/* Not only asked to end, but ended. */
SCENARIO(tv7_37_75_a_name_is_free_when_its_task_has_ended)
{
	tend_event *go;
	tend_scope s;
	tend_task task;

	open_world(2);
	go = new_event();
	s = unique_below(root);
	OK(spawn(s, "name", ignore_cancels, go, &task));
	await_state(task.id, TEND_STATE_PARKED);
	OK(tend_task_cancel(task, -ECANCELED, NULL));
	ANSWERS(again(s, "name"), -EEXIST);
	tend_event_set(go);
	/* As soon as anybody can know of the end. */
	struct tend_outcome out;
	while (tend_task_outcome(task, &out) == -EAGAIN)
		tend_yield();
	OK(again(s, "name"));
	joined(task);
	OK(tend_scope_close(s, SOON, NULL));
	close_world();
}

static int fails(void *arg)
{
	(void)arg;
	return -EIO;
}

/* A restart is of the same task, with its name. */
SCENARIO(a_name_is_kept_over_attempts_and_rests)
{
	tend_scope s;
	tend_task task;

	open_world(2);
	s = unique_below(root);
	OK(tend_spawn(s, fails, NULL,
	              TEND_TASK_OPTS(.name = "name",
	                             .restart = TEND_RESTART(.policy = TEND_TRANSIENT,
	                                                     .delay_ns = 2 * PATIENCE_NS,
	                                                     .delay_max_ns = 2 * PATIENCE_NS)),
	              &task));
	OK(tend_task_wait(task, TEND_IS_OVER, 1, SOON));
	ANSWERS(again(s, "name"), -EEXIST);
	OK(tend_task_stop(task, SOON));
	ANSWERS(again(s, "name"), -EEXIST);
	OK(tend_task_shutdown(task, SOON));
	OK(again(s, "name"));
	OK(tend_scope_close(s, SOON, NULL));
	close_world();
}

enum { SPAWNERS = 4, NAMES = 40 };
static tend_scope arena;
static tend_event *held;
static _Atomic int admitted;

static int storm(void *arg)
{
	char name[16];

	(void)arg;
	for (int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		int error = spawn(arena, name, wait_for, held, NULL);
		if (error)
			ck_assert_int_eq(error, -EEXIST);
		else
			admitted++;
	}
	return 0;
}

/* As many names as make the table grow, at once. */
SCENARIO(tv_097_099_of_many_spawners_of_a_name_one_wins)
{
	struct tend_stats stats;
	tend_scope spawners;

	open_world(2);
	held = new_event();
	admitted = 0;
	arena = unique_below(root);
	spawners = child(root, "spawners");
	for (int i = 0; i < SPAWNERS; i++)
		OK(tend_spawn(spawners, storm, NULL, NULL, NULL));
	OK(tend_scope_wait_empty(spawners, SOON));
	ck_assert_int_eq(admitted, NAMES);
	OK(tend_scope_stats(arena, &stats));
	ck_assert_uint_eq(stats.spawned, NAMES);
	ck_assert_uint_eq(stats.refused, (SPAWNERS - 1) * NAMES);
	tend_event_set(held);
	OK(tend_scope_wait_empty(arena, SOON));
	admitted = 0;
	storm(NULL);
	ck_assert_int_eq(admitted, NAMES);
	OK(tend_scope_close(arena, SOON, NULL));
	close_world();
}

SCENARIO(tv7_09_32_33_a_set_with_a_name_twice_is_refused_as_a_whole)
{
	struct tend_child children[3] = {{.fn = end_at_once, .opts = TEND_TASK_OPTS(.name = "a")},
	                                 {.fn = end_at_once, .opts = TEND_TASK_OPTS(.name = "b")},
	                                 {.fn = end_at_once, .opts = TEND_TASK_OPTS(.name = "a")}};
	struct tend_stats stats;
	tend_scope s;
	size_t bad;

	open_world(2);
	s = unique_below(root);
	ANSWERS(tend_spawn_set(s, children, 3, 0, NULL, &bad), -EEXIST);
	ck_assert_uint_eq(bad, 2);
	OK(tend_scope_stats(s, &stats));
	ck_assert_uint_eq(stats.completed, 0);
	/* Its names are free. */
	OK(tend_spawn_set(s, children, 2, 0, NULL, &bad));
	OK(tend_scope_close(s, SOON, NULL));
	close_world();
}
