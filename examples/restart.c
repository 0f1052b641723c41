/* restart.c - a task that fails, rests, and runs again. */
#include <errno.h>
#include <stdio.h>
#include <tend/tend.h>

static int fetch(void *tries)
{
	int n = ++*(int *)tries;

	return n < 4 ? tend_fail(-ECONNREFUSED, "try %d: nobody listens", n) : 0;
}

int main(void)
{
	const struct tend_restart *again =
		TEND_RESTART(.policy = TEND_TRANSIENT, .delay_ns = 100 * TEND_MS);
	tend_runtime *rt;
	tend_task task;
	tend_snapshot *tree;
	struct tend_outcome end;
	char text[2048];
	int tries = 0;

	if (tend_runtime_open(NULL, &rt) ||
	    tend_spawn(tend_root(rt), fetch, &tries,
	               TEND_TASK_OPTS(.name = "fetch", .restart = again), &task) ||
	    tend_task_wait(task, TEND_IS_OVER, 3, tend_after(10 * TEND_SEC)) ||
	    tend_sleep(5 * TEND_MS) || tend_snapshot_take(rt, &tree))
		return 1;
	tend_snapshot_text(tree, 0, text, sizeof(text));
	fputs(text, stdout);
	tend_snapshot_free(tree);
	if (tend_join(task, &end, tend_after(10 * TEND_SEC)))
		return 1;
	printf("%s after %u attempts\n", tend_outcome_name(end.kind), end.attempts);
	return tend_runtime_close(rt, tend_after(TEND_SEC)) ? 1 : 0;
}
