/* Two fibers in a scope, the live tree, and a stop that counts how they ended. */
#include <tend/tend.h>

#include <stdio.h>

static int work(void *arg) { return tend_sleep(*(uint64_t *)arg); /* -ECANCELED once canceled */ }

int main(void)
{
	uint64_t brief = 50 * TEND_MS, endless = 3600 * TEND_SEC;
	tend_runtime *rt;
	tend_scope pool;
	tend_snapshot *tree;
	struct tend_stats stats;
	char text[2048];

	if (tend_runtime_open(NULL, &rt) || tend_scope_open(tend_root(rt), "pool", NULL, &pool) ||
	    tend_spawn(pool, work, &brief, TEND_TASK_OPTS(.name = "brief"), NULL) ||
	    tend_spawn(pool, work, &endless, TEND_TASK_OPTS(.name = "endless"), NULL) ||
	    tend_sleep(5 * TEND_MS) || tend_snapshot_take(rt, &tree))
		return 1;
	tend_snapshot_text(tree, 0, text, sizeof(text));
	fputs(text, stdout);
	tend_snapshot_free(tree);
	if (tend_sleep(TEND_SEC) || tend_shutdown(pool, tend_after(TEND_SEC), NULL) ||
	    tend_scope_close(pool, TEND_FOREVER, &stats))
		return 1;
	printf("%d completed, %d canceled\n", (int)stats.completed, (int)stats.canceled);
	return tend_runtime_close(rt, tend_after(TEND_SEC)) ? 1 : 0;
}
