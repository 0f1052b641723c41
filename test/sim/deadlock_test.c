/* The report of a simulation in which no task can go on: tasks and their waits. */
#include "scenario.h"

#include "tend/sim.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static int receive(void *channel)
{
	int item;

	return tend_channel_recv(channel, &item, TEND_FOREVER);
}

static int join_it(void *task) { return tend_join(*(tend_task *)task, NULL, TEND_FOREVER); }

static int stuck(void *arg)
{
	static tend_task t;
	static tend_channel *c;
	tend_scope s;

	(void)arg;
	open_world(1);
	OK(tend_channel_open(sizeof(int), 0, &c));
	s = child(root, "server");
	OK(tend_spawn(s, receive, c, TEND_TASK_OPTS(.name = "reader"), &t));
	OK(tend_spawn_thread(s, join_it, &t, TEND_TASK_OPTS(.name = "joiner"), NULL));
	return tend_scope_wait_empty(root, TEND_FOREVER);
}

TEST(a_deadlock_names_the_tasks_and_what_they_wait_for)
{
	int to = memfd_create("stderr", 0), before = dup(STDERR_FILENO);
	struct tend_sim_result r;
	char text[4096], want[256];

	ck_assert_int_ge(dup2(to, STDERR_FILENO), 0);
	int error = tend_sim_run(TEND_SIM_OPTS(.seed = 1), stuck, NULL, &r);
	ck_assert_int_ge(dup2(before, STDERR_FILENO), 0);
	close(before);
	ANSWERS(error, -EDEADLK);
	ssize_t n = pread(to, text, sizeof(text) - 1, 0);
	close(to);
	ck_assert_int_gt(n, 0);
	text[n] = 0;
	ck_assert_msg(strstr(text, "w/server/reader (#") != NULL, "%s", text);
	ck_assert_msg(strstr(text, ", fiber, parked in recv channel#") != NULL, "%s", text);
	ck_assert_msg(strstr(text, "w/server/joiner (#") != NULL, "%s", text);
	ck_assert_msg(strstr(text, ", thread, parked in join #") != NULL, "%s", text);
	snprintf(want, sizeof(want), "spawned at %s:", __FILE__);
	ck_assert_msg(strstr(text, want) != NULL, "%s", text);
	ck_assert_msg(strstr(text, "a thread that is no task, in wait_empty #") != NULL, "%s",
	              text);
}
