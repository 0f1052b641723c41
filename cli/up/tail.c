/* cli/up/tail.c - the last output of the attempts of a task. */
#include "up/up.h"

#include <assert.h>
#include <stdlib.h>

bool up_task_tail(const struct up_task *t, struct up_tail *out)
{
	struct up_tail tail = {.attempt = t->attempt};

	tail.bytes = t->process.id ? malloc(UP_TAIL_MAX) : NULL;
	if (!tail.bytes)
		return false;
	int64_t n = tend_process_tail(t->process, tail.bytes, UP_TAIL_MAX, &tail.dropped);
	if (n < 0) {
		free(tail.bytes);
		return false;
	}
	assert(n <= UP_TAIL_MAX && tail.attempt > 0);
	tail.n = (size_t)n;
	*out = tail;
	return true;
}

void up_task_keep_tail(struct up_task *t)
{
	struct up_tail tail;

	assert(t->tails[0].attempt < t->attempt);
	if (!up_task_tail(t, &tail))
		return;
	/* Most attempts write little, and a tail is kept as long as the stack
	 * runs. */
	char *less = realloc(tail.bytes, tail.n + 1);
	tail.bytes = less ? less : tail.bytes;
	free(t->tails[1].bytes);
	t->tails[1] = t->tails[0];
	t->tails[0] = tail;
}
