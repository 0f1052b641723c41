/* first.c - a task, and how it ended. */
#include <stdio.h>
#include <tend/tend.h>

static int answer(void *arg) { return *(int *)arg * 2; }

int main(void)
{
	tend_runtime *rt;
	tend_task task;
	struct tend_outcome end;
	int half = 21;

	if (tend_runtime_open(NULL, &rt) || tend_spawn(tend_root(rt), answer, &half, NULL, &task) ||
	    tend_join(task, &end, tend_after(TEND_SEC)))
		return 1;
	printf("%s with %d\n", tend_outcome_name(end.kind), end.result);
	return tend_runtime_close(rt, tend_after(TEND_SEC)) ? 1 : 0;
}
