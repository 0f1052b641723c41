/* cli/up/tail.c - the last output of the attempts of a task. */
#include "up/up.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool copy_tail(const struct up_task *t, uint32_t attempt, struct up_tail *out)
{
	struct up_tail tail = {.attempt = attempt, .bytes = malloc(UP_TAIL_MAX)};

	if (!tail.bytes)
		return false;
	int64_t n =
		tend_process_tail_of(t->process, attempt, tail.bytes, UP_TAIL_MAX, &tail.dropped);
	if (n < 0) {
		free(tail.bytes);
		return false;
	}
	assert(n <= UP_TAIL_MAX && tail.attempt > 0);
	tail.n = (size_t)n;
	tail.marks = t->marks;
	tail.nmarks = t->nmarks;
	*out = tail;
	return true;
}

bool up_task_tail(const struct up_task *t, struct up_tail *out)
{
	bool live = t->state != TEND_STATE_ENDED && t->tails[0].attempt < t->attempt;

	return live && copy_tail(t, t->attempt, out);
}

size_t up_task_tails(const struct up_task *t, struct up_tail out[2], bool *live)
{
	struct up_tail all[3] = {t->tails[1], t->tails[0]};
	size_t n = 0;

	*live = up_task_tail(t, &all[2]);
	for (size_t i = *live ? 1 : 0; i < (*live ? 3 : 2); i++)
		if (all[i].attempt)
			out[n++] = all[i];
	assert(n <= 2);
	return n;
}

/* Makes room: what is before the tail is not asked for any more. */
static void prune(struct up_task *t)
{
	uint64_t first = t->written > UP_TAIL_MAX ? t->written - UP_TAIL_MAX : 0;
	size_t old = 0;

	while (old + 1 < t->nmarks && t->marks[old + 1].from <= first)
		old++;
	t->nmarks -= old;
	memmove(t->marks, t->marks + old, t->nmarks * sizeof(*t->marks));
}

void up_task_mark(struct up_task *t, size_t n)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	int64_t at_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	if (!t->marks)
		t->marks = malloc(UP_MARKS_MAX * sizeof(*t->marks));
	if (t->marks && t->nmarks == UP_MARKS_MAX)
		prune(t);
	/* Times are shown in milliseconds. Without room the bytes have an earlier time. */
	bool same = t->nmarks > 0 && t->marks[t->nmarks - 1].at_ns / 1000000 == at_ns / 1000000;
	if (t->marks && t->nmarks < UP_MARKS_MAX && !same)
		t->marks[t->nmarks++] = (struct up_mark){t->written, at_ns};
	t->written += n;
}

void up_task_keep_tail(struct up_task *t, uint32_t attempt)
{
	struct up_tail tail;

	assert(t->tails[0].attempt < attempt);
	if (!copy_tail(t, attempt, &tail)) {
		t->written = t->nmarks = 0;
		return;
	}
	/* Most attempts write little, and a tail is kept as long as the stack
	 * runs. */
	char *less = realloc(tail.bytes, tail.n + 1);
	tail.bytes = less ? less : tail.bytes;
	struct up_mark *marks = t->nmarks ? malloc(t->nmarks * sizeof(*marks)) : NULL;
	if (marks)
		memcpy(marks, t->marks, t->nmarks * sizeof(*marks));
	tail.marks = marks;
	tail.nmarks = marks ? t->nmarks : 0;
	t->written = t->nmarks = 0;
	free(t->tails[1].bytes);
	free(t->tails[1].marks);
	t->tails[1] = t->tails[0];
	t->tails[0] = tail;
}
