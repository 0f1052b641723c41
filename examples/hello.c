/* Two fibers in a scope, the live tree, and an end that waits for both. */
#include <tend/tend.h>

#include <stdio.h>

static int worker(void *arg)
{
	return tend_sleep_until(tend_after(*(uint64_t *)arg));
}

int main(void)
{
	uint64_t soon = 20 * TEND_MS, later = 40 * TEND_MS;
	tend_runtime *rt;
	tend_scope jobs;
	tend_snapshot *tree;
	char text[2048];
	int error = tend_runtime_open(NULL, &rt);

	if (!error)
		error = tend_scope_open(tend_root(rt), "jobs", NULL, &jobs);
	if (!error)
		error = tend_spawn(jobs, worker, &soon, TEND_TASK_OPTS(.name = "soon"), NULL);
	if (!error)
		error = tend_spawn(jobs, worker, &later, TEND_TASK_OPTS(.name = "later"), NULL);
	if (!error)
		error = tend_sleep_until(tend_after(5 * TEND_MS));
	if (!error)
		error = tend_snapshot_take(rt, &tree);
	if (error) {
		fprintf(stderr, "hello: %s\n", tend_strerror(error));
		return 1;
	}
	tend_snapshot_text(tree, 0, text, sizeof text);
	fputs(text, stdout);
	tend_snapshot_free(tree);
	if (tend_scope_close(jobs, TEND_FOREVER, NULL)) /* waits for both */
		return 1;
	return tend_runtime_close(rt, tend_after(TEND_SEC)) ? 1 : 0;
}
