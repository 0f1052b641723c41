/* A run in which nothing can go on names the tasks and their waits. */
#include "scenario.h"
#include "suite.h"

#include "tend/sim.h"

#include <stdio.h>
#include <unistd.h>

static tend_event *never;

static int wait_for_ever(void *arg)
{
	(void)arg;
	return tend_event_wait(never, TEND_FOREVER);
}

static int wait_for_a_task_that_waits(void *arg)
{
	tend_task t;

	(void)arg;
	return tend_runtime_open(TEND_RUNTIME_OPTS(.name = "t", .workers = 2), &rt) ||
	       tend_event_open(&never) ||
	       tend_spawn(tend_root(rt), wait_for_ever, NULL, TEND_TASK_OPTS(.name = "stuck"), &t) ||
	       tend_join(t, NULL, TEND_FOREVER);
}

TEST(a_deadlock_names_the_tasks_and_their_waits)
{
	char said[4096];
	FILE *file = tmpfile();
	int before = dup(STDERR_FILENO);

	ck_assert_ptr_nonnull(file);
	dup2(fileno(file), STDERR_FILENO);
	int error = tend_sim_run(NULL, wait_for_a_task_that_waits, NULL, NULL);
	dup2(before, STDERR_FILENO);
	close(before);
	ANSWERS(error, -EDEADLK);
	ssize_t n = pread(fileno(file), said, sizeof(said) - 1, 0);
	ck_assert_int_gt(n, 0);
	said[n] = 0;
	ck_assert_ptr_nonnull(strstr(said, "task t/stuck #"));
	ck_assert_ptr_nonnull(strstr(said, " waits for ever: event"));
	fclose(file);
}
