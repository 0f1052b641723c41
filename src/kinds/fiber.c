/* kinds/fiber.c - fibers: functions with stacks of their own, run by the workers. */
#include "kinds/kinds.h"

#include <errno.h>

static const struct tend__kind kind_fiber = {.wake = tend__fiber_wake, .leave = tend__fiber_end};

/* ---- An attempt of a fiber: a single turn ---- */

static void wake(struct tend__task *t)
{
	if (t->worker) {
		tend__fiber_wake(t);
		return;
	}
	/* The task is at rest, and the caller's alone until it is queued. */
	TEND__EDGE_RELEASE(t);
	tend__spawned(tend__scope_of(t)->rt, t);
}

static uint32_t turn(struct tend__task *t)
{
	t->result = t->fn(t->arg);
	tend__unwind(t);
	return TEND__WAIT_NONE;
}

static const struct tend__kind attempt_of_fiber = {
	.wake = wake, .turn = turn, .quit = tend__fiber_rest};

/* ---- The spawns ---- */

/* Flat, because gcc inlines the parts of a spawn here only if few other functions call the same
 * parts: out of line they took 90 instructions of a spawn. */
__attribute__((flatten)) int tend_spawn_at(const char *site, tend_scope scope, tend_fn *fn,
                                           void *arg, const struct tend_task_opts *opts,
                                           tend_task *out)
{
	struct tend_task_opts room;
	int error = tend__task_opts(&room, &opts);

	if (error)
		return error;
	if (!fn)
		return -EINVAL;
	TEND__VISIT(rt, scope.id);
	struct tend__spawn spawn = {.rt = rt,
	                            .site = site,
	                            .opts = opts,
	                            .ops = &kind_fiber,
	                            .attempts = &attempt_of_fiber,
	                            .kind = TEND_KIND_FIBER,
	                            .kept = out != NULL};
	struct tend__task *t;
	error = tend__task_prepare(scope, &spawn, &t);
	if (error)
		return error;
	/* Relaxed: a hint that there were no stacks a moment ago; see runtime/stacks.c. */
	error = tend__load_relaxed(&tend__scope_of(t)->rt->no_stacks)
	                ? -EAGAIN
	                : tend__task_take_scope(t, &spawn);
	if (error) {
		tend__task_unprepare(t);
		return error;
	}
	t->fn = fn;
	t->arg = arg;
	tend_task name = {t->id};
	tend__task_start(t, &spawn, TEND__READY);
	if (out)
		*out = name;
	tend__spawned(tend__scope_of(t)->rt, t);
	return 0;
}

struct tend__spawn tend__fiber_spawn(tend_runtime *rt, const char *site,
                                     const struct tend_task_opts *opts, bool kept)
{
	return (struct tend__spawn){.rt = rt,
	                            .site = site,
	                            .opts = opts,
	                            .ops = &kind_fiber,
	                            .attempts = &attempt_of_fiber,
	                            .kind = TEND_KIND_FIBER,
	                            .kept = kept,
	                            .in_set = true};
}

int tend__spawn_cleaner(tend_runtime *rt, const struct tend__kind *kind, void *data)
{
	struct tend_task_opts opts = {
		.size = sizeof(opts), .name = "cleanup", .flags = TEND__OWN_CANCEL};
	struct tend__spawn spawn = {.rt = rt,
	                            .site = "tend_scope_cleanup",
	                            .opts = &opts,
	                            .ops = kind,
	                            .kind = TEND_KIND_FIBER,
	                            .forced = true};
	struct tend__task *t;
	int error = tend__task_prepare(tend_detached(rt), &spawn, &t);

	if (error)
		return error;
	t->data = data;
	tend__task_start(t, &spawn, TEND__READY);
	tend__spawned(rt, t);
	return 0;
}
