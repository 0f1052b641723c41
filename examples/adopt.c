/* Threads of a program as external tasks: the threads stay the program's own, and
 * get a name in the tree, a way to be asked to stop, and a shutdown that waits. */
#include <tend/tend.h>

#include <pthread.h>
#include <stdio.h>
#include <time.h>

static tend_scope pool;

/* This loop was: while (!stop_flag) work(). */
static void *old_worker(void *name)
{
	const struct timespec work = {0, 5000000};
	tend_task self;

	if (tend_task_begin(pool, TEND_TASK_OPTS(.name = name), &self))
		return NULL; /* the pool is stopping: nothing has begun */

	/* The question fails until a cancel, because there is no reason before. */
	while (tend_task_reason(self, NULL))
		nanosleep(&work, NULL);
	return tend_task_end(self, 0) ? name : NULL;
}

int main(void)
{
	pthread_t parse, index;
	struct tend_stats stats;
	tend_snapshot *tree;
	tend_report *report;
	tend_runtime *rt;
	char text[2048];

	if (tend_runtime_open(TEND_RUNTIME_OPTS(.workers = 1), &rt) ||
	    tend_scope_open(tend_root(rt), "pool", NULL, &pool) ||
	    pthread_create(&parse, NULL, old_worker, "parse") ||
	    pthread_create(&index, NULL, old_worker, "index"))
		return 1;
	while (tend_scope_live(pool) < 2)
		tend_sleep(TEND_MS);
	if (tend_snapshot_take(rt, &tree))
		return 1;
	tend_snapshot_text(tree, 0, text, sizeof(text));
	fputs(text, stdout);
	tend_snapshot_free(tree);

	/* Answers 0 when both have ended; else the report has a line for each survivor. */
	if (tend_shutdown(pool, tend_after(5 * TEND_SEC), TEND_SHUTDOWN_OPTS(.report = &report)))
		return 1;
	tend_report_text(report, text, sizeof(text));
	fputs(text, stdout);
	tend_report_free(report);
	pthread_join(parse, NULL);
	pthread_join(index, NULL);
	if (tend_scope_close(pool, TEND_FOREVER, &stats) || stats.canceled != 2)
		return 1;
	return tend_runtime_close(rt, tend_after(TEND_SEC)) ? 1 : 0;
}
