/* tend/task.h */
#include "refuse.h"

TEST(refusals_of_tasks) { try_rows(__FILE__); }

static const struct {
	struct tend_task_opts opts;
	uint64_t more;
} future = {{.size = sizeof(future)}, 1};

/* ---- tend_spawn() ---- */

static int spawn(struct world *w, tend_scope s, const struct tend_task_opts *opts)
{
	return tend_spawn(s, nothing, NULL, opts, &w->out.task);
}

#define LATER .deadline = TEND_FOREVER - 1

REFUSES_BUT(tend_spawn_at, ECANCELED, "a canceled scope", outside, "; refused 1",
            spawn(w, w->canceled, NULL))
REFUSES_BUT(tend_spawn_at, ECANCELED, "a scope that closes", outside, "; refused 1",
            spawn(w, w->closing, NULL))
REFUSES_BUT(tend_spawn_at, ECANCELED, "a scope that was shut down", outside, "; refused 1",
            spawn(w, w->shut, NULL))
REFUSES_BUT(tend_spawn_at, ESHUTDOWN, "a sealed scope", outside, "; refused 1",
            spawn(w, w->sealed, NULL))
REFUSES_BUT(tend_spawn_at, ESHUTDOWN, "a sealed scope, by a fiber", in_fiber, "; refused 1",
            spawn(w, w->sealed, NULL))
REFUSES_BUT(tend_spawn_at, EAGAIN, "tasks_max", without_room, "; refused 1",
            spawn(w, w->open, NULL))
REFUSES_BUT(tend_spawn_at, ENOMEM, "no memory for the deadline", outside, "; refused 1",
            (no_memory(1), spawn(w, w->open, TEND_TASK_OPTS(LATER))))
REFUSES_BUT(tend_spawn_at, ENOMEM, "no memory for the alarm", outside, "; refused 1",
            (no_memory(2), spawn(w, w->open, TEND_TASK_OPTS(LATER))))
#define TAKEN TEND_TASK_OPTS(.name = "taken")
REFUSES_BUT(tend_spawn_at, EEXIST, "a name that lives in a unique scope", unique, "; refused 1",
            spawn(w, w->deep, TAKEN))
REFUSES_BUT(tend_spawn_at, ENOMEM, "no memory for a name of a unique scope", unique, "; refused 1",
            (no_memory(1), spawn(w, w->deep, NULL)))
REFUSES(tend_spawn_at, EINVAL, "no function", outside,
        tend_spawn(w->open, NULL, NULL, NULL, &w->out.task))
REFUSES(tend_spawn_at, EINVAL, "an empty name", outside,
        spawn(w, w->open, TEND_TASK_OPTS(.name = "")))
REFUSES(tend_spawn_at, EINVAL, "a slash in the name", outside,
        spawn(w, w->open, TEND_TASK_OPTS(.name = "a/b")))
REFUSES(tend_spawn_at, EINVAL, "an unknown flag", outside,
        spawn(w, w->open, TEND_TASK_OPTS(.flags = 1u << 31)))
REFUSES(tend_spawn_at, EINVAL, "a reserved field", outside,
        spawn(w, w->open, TEND_TASK_OPTS(.reserved = 1)))
REFUSES(tend_spawn_at, EINVAL, "a stack of a byte", outside,
        spawn(w, w->open, TEND_TASK_OPTS(.stack_bytes = 1)))
REFUSES(tend_spawn_at, EINVAL, "a stack of 2 GiB", outside,
        spawn(w, w->open, TEND_TASK_OPTS(.stack_bytes = (size_t)1 << 31)))
REFUSES_BUT(tend_spawn_at, EINVAL, "to hold the root", outside, "; refused 1",
            spawn(w, w->open, TEND_TASK_OPTS(.hold = tend_root(w->rt))))
REFUSES(tend_spawn_at, EINVAL, "options without a size", outside,
        spawn(w, w->open, &(struct tend_task_opts){.name = "x"}))
REFUSES(tend_spawn_at, E2BIG, "a field of tomorrow", outside, spawn(w, w->open, &future.opts))
REFUSES_BUT(tend_spawn_at, EINVAL, "an unknown policy", outside, "; refused 1",
            spawn(w, w->open, TEND_TASK_OPTS(.restart = TEND_RESTART(.policy = 3))))
REFUSES_BUT(tend_spawn_at, EINVAL, "an unknown jitter", outside, "; refused 1",
            spawn(w, w->open, TEND_TASK_OPTS(.restart = TEND_RESTART(.jitter = 4))))
REFUSES_BUT(tend_spawn_at, EINVAL, "delays that shrink", outside, "; refused 1",
            spawn(w, w->open, TEND_TASK_OPTS(.restart = TEND_RESTART(.factor = 999))))
REFUSES_BUT(tend_spawn_at, EINVAL, "a policy without a size", outside, "; refused 1",
            spawn(w, w->open, TEND_TASK_OPTS(.restart = &(struct tend_restart){.retries = 1})))
REFUSES_BUT(tend_spawn_at, EDEADLK, "to hold its own scope", outside, "; refused 1",
            spawn(w, w->open, TEND_TASK_OPTS(.hold = w->open)))
REFUSES(tend_spawn_at, ESRCH, "ended", outside, spawn(w, w->ended, NULL))
REFUSES(tend_spawn_at, ESRCH, "none", outside, spawn(w, (tend_scope){0}, NULL))
REFUSES_BUT(tend_spawn_at, ESRCH, "to hold a scope that has ended", outside, "; refused 1",
            spawn(w, w->open, TEND_TASK_OPTS(.hold = w->ended)))
REFUSES(tend_spawn_at, ESTALE, "a fork", forked, spawn(w, w->open, NULL))

/* ---- tend_spawn_thread() ---- */

static int spawn_thread(struct world *w, tend_scope s, const struct tend_task_opts *opts)
{
	return tend_spawn_thread(s, nothing, NULL, opts, &w->out.task);
}

REFUSES_BUT(tend_spawn_thread_at, EEXIST, "a name that lives in a unique scope", unique,
            "; refused 1", spawn_thread(w, w->deep, TAKEN))
REFUSES_BUT(tend_spawn_thread_at, ECANCELED, "a canceled scope", outside, "; refused 1",
            spawn_thread(w, w->canceled, NULL))
REFUSES_BUT(tend_spawn_thread_at, ECANCELED, "a scope that closes", outside, "; refused 1",
            spawn_thread(w, w->closing, NULL))
REFUSES_BUT(tend_spawn_thread_at, ESHUTDOWN, "a sealed scope", outside, "; refused 1",
            spawn_thread(w, w->sealed, NULL))
REFUSES_BUT(tend_spawn_thread_at, EAGAIN, "tasks_max", without_room, "; refused 1",
            spawn_thread(w, w->open, NULL))
REFUSES_BUT(tend_spawn_thread_at, EAGAIN, "no threads", outside, "; refused 1",
            (no_threads(), spawn_thread(w, w->open, NULL)))
REFUSES(tend_spawn_thread_at, ENOMEM, "no memory for the task", outside,
        (no_memory(1), spawn_thread(w, w->open, NULL)))
REFUSES_BUT(tend_spawn_thread_at, ENOMEM, "no memory for the thread", outside, "; refused 1",
            (no_memory(2), spawn_thread(w, w->open, NULL)))
REFUSES_BUT(tend_spawn_thread_at, ENOMEM, "no memory for the deadline", outside, "; refused 1",
            (no_memory(2), spawn_thread(w, w->open, TEND_TASK_OPTS(LATER))))
REFUSES(tend_spawn_thread_at, EINVAL, "no function", outside,
        tend_spawn_thread(w->open, NULL, NULL, NULL, &w->out.task))
REFUSES(tend_spawn_thread_at, EINVAL, "a thread that can be aborted", outside,
        spawn_thread(w, w->open, TEND_TASK_OPTS(.flags = TEND_ABORTABLE)))
REFUSES(tend_spawn_thread_at, EINVAL, "a slash in the name", outside,
        spawn_thread(w, w->open, TEND_TASK_OPTS(.name = "a/b")))
REFUSES_BUT(tend_spawn_thread_at, EINVAL, "an unknown policy of restarts", outside, "; refused 1",
            spawn_thread(w, w->open, TEND_TASK_OPTS(.restart = TEND_RESTART(.policy = 99))))
REFUSES(tend_spawn_thread_at, EINVAL, "a reserved field", outside,
        spawn_thread(w, w->open, TEND_TASK_OPTS(.reserved = 1)))
REFUSES(tend_spawn_thread_at, EINVAL, "options without a size", outside,
        spawn_thread(w, w->open, &(struct tend_task_opts){.name = "x"}))
REFUSES(tend_spawn_thread_at, E2BIG, "a field of tomorrow", outside,
        spawn_thread(w, w->open, &future.opts))
REFUSES_BUT(tend_spawn_thread_at, EDEADLK, "to hold its own scope", outside, "; refused 1",
            spawn_thread(w, w->open, TEND_TASK_OPTS(.hold = w->open)))
REFUSES(tend_spawn_thread_at, ESRCH, "ended", outside, spawn_thread(w, w->ended, NULL))
REFUSES_BUT(tend_spawn_thread_at, ESRCH, "to hold a scope that has ended", outside, "; refused 1",
            spawn_thread(w, w->open, TEND_TASK_OPTS(.hold = w->ended)))
REFUSES(tend_spawn_thread_at, ESTALE, "a fork", forked, spawn_thread(w, w->open, NULL))

/* ---- tend_task_begin(), tend_task_end() ---- */

static void never(void *arg) { (void)arg; }

static int begin(struct world *w, tend_scope s, const struct tend_task_opts *opts)
{
	return tend_task_begin(s, opts, &w->out.task);
}

REFUSES_BUT(tend_task_begin_at, EEXIST, "a name that lives in a unique scope", unique,
            "; refused 1", tend_task_begin(w->deep, TAKEN, &w->out.task))
REFUSES_BUT(tend_task_begin_at, ECANCELED, "a canceled scope", outside, "; refused 1",
            begin(w, w->canceled, NULL))
REFUSES_BUT(tend_task_begin_at, ECANCELED, "a scope that closes", outside, "; refused 1",
            begin(w, w->closing, NULL))
REFUSES_BUT(tend_task_begin_at, ESHUTDOWN, "a sealed scope", outside, "; refused 1",
            begin(w, w->sealed, NULL))
REFUSES_BUT(tend_task_begin_at, EAGAIN, "tasks_max", without_room, "; refused 1",
            begin(w, w->open, NULL))
REFUSES_BUT(tend_task_begin_at, ENOMEM, "no memory for the deadline", outside, "; refused 1",
            (no_memory(1), begin(w, w->open, TEND_TASK_OPTS(LATER))))
REFUSES(tend_task_begin_at, EINVAL, "nowhere to write its name", outside,
        tend_task_begin(w->open, NULL, NULL))
REFUSES(tend_task_begin_at, EINVAL, "a slash in the name", outside,
        begin(w, w->open, TEND_TASK_OPTS(.name = "a/b")))
REFUSES(tend_task_begin_at, EINVAL, "a drop", outside,
        begin(w, w->open, TEND_TASK_OPTS(.drop = never)))
REFUSES(tend_task_begin_at, EINVAL, "to hold a scope", outside,
        begin(w, w->open, TEND_TASK_OPTS(.hold = w->beside)))
REFUSES(tend_task_begin_at, EINVAL, "that can be aborted", outside,
        begin(w, w->open, TEND_TASK_OPTS(.flags = TEND_ABORTABLE)))
REFUSES(tend_task_begin_at, EINVAL, "options without a size", outside,
        begin(w, w->open, &(struct tend_task_opts){.name = "x"}))
REFUSES(tend_task_begin_at, E2BIG, "a field of tomorrow", outside, begin(w, w->open, &future.opts))
CANNOT_PROVOKE(tend_task_begin_at, EDEADLK,
               "the row is that of tend_spawn(); to hold a scope is EINVAL here")
REFUSES(tend_task_begin_at, ESRCH, "ended", outside, begin(w, w->ended, NULL))
REFUSES(tend_task_begin_at, ESTALE, "a fork", forked, begin(w, w->open, NULL))

REFUSES(tend_task_end, EINVAL, "a fiber", outside, tend_task_end(w->live, 0))
REFUSES(tend_task_end, EINVAL, "a fiber that has ended and is held", outside,
        tend_task_end(w->held, 0))
REFUSES(tend_task_end, ESRCH, "ended", outside, tend_task_end(w->stale, 0))
REFUSES(tend_task_end, ESRCH, "none", outside, tend_task_end((tend_task){0}, 0))
REFUSES(tend_task_end, ESTALE, "a fork", forked, tend_task_end(w->external, 0))

/* ---- Its end ---- */

static int join_of(struct world *w, tend_task t, uint64_t deadline)
{
	return tend_join(t, &w->out.outcome, deadline);
}

/* The caller is in a scope that w->live holds. */
static void in_a_held_scope(struct world *w, const struct row *row)
{
	ANSWERS(tend_scope_open(w->beside, "of-live", NULL, &w->deep), 0);
	ANSWERS(tend_scope_hold(w->deep, w->live), 0);
	judge_in_fiber(w, row, w->deep);
}

/* w->made has an id in the registry alone. */
static void without_handle(struct world *w, const struct row *row)
{
	tend_scope s;

	ANSWERS(tend_scope_open(w->beside, "one", NULL, &s), 0);
	ANSWERS(tend_spawn(s, wait_for_go, w, TEND_TASK_OPTS(.name = "lost"), NULL), 0);
	settle(w->rt);
	tend_snapshot *snapshot;
	ANSWERS(tend_snapshot_take(w->rt, &snapshot), 0);
	for (size_t i = 0; i < tend_snapshot_count(snapshot); i++)
		if (strcmp(tend_snapshot_at(snapshot, i)->name, "lost") == 0)
			w->made.id = tend_snapshot_at(snapshot, i)->id;
	tend_snapshot_free(snapshot);
	judge(w, row);
}

REFUSES(tend_join, ETIMEDOUT, "no time", outside, join_of(w, w->live, 0))
REFUSES(tend_join, ETIMEDOUT, "an instant that has passed", outside,
        join_of(w, w->live, tend_now()))
REFUSES(tend_join, ETIMEDOUT, "no time, by a fiber", in_fiber, join_of(w, w->live, 0))
REFUSES(tend_join, ECANCELED, "by a canceled task", canceled, join_of(w, w->live, TEND_FOREVER))
REFUSES(tend_join, EDEADLK, "itself", in_fiber, join_of(w, tend_self(), TEND_FOREVER))
REFUSES(tend_join, EDEADLK, "itself, a thread", in_thread, join_of(w, tend_self(), TEND_FOREVER))
REFUSES(tend_join, EDEADLK, "the holder of the caller's scope", in_a_held_scope,
        join_of(w, w->live, TEND_FOREVER))
REFUSES(tend_join, EDEADLK, "by the thread that runs the tasks", hosted,
        join_of(w, w->live, TEND_FOREVER))
REFUSES(tend_join, EINVAL, "an outcome without a size", outside,
        (tend_join)(w->held, &(struct tend_outcome){.size = 0}, TEND_FOREVER))
REFUSES(tend_join, ESRCH, "joined", outside, join_of(w, w->stale, TEND_FOREVER))
REFUSES(tend_join, ESRCH, "none", outside, join_of(w, (tend_task){0}, TEND_FOREVER))
REFUSES(tend_join, ESRCH, "an external task, which is not held", outside,
        join_of(w, w->external, TEND_FOREVER))
REFUSES(tend_join, ESRCH, "spawned without a handle", without_handle,
        join_of(w, w->made, TEND_FOREVER))
REFUSES(tend_join, ESRCH, "a scope", outside, join_of(w, (tend_task){w->open.id}, TEND_FOREVER))
REFUSES(tend_join, ESTALE, "a fork", forked, join_of(w, w->live, TEND_FOREVER))

REFUSES(tend_task_outcome, EAGAIN, "it lives", outside, tend_task_outcome(w->live, &w->out.outcome))
REFUSES(tend_task_outcome, EAGAIN, "an external task lives", outside,
        tend_task_outcome(w->external, &w->out.outcome))
REFUSES(tend_task_outcome, EINVAL, "an outcome without a size", outside,
        (tend_task_outcome)(w->held, &(struct tend_outcome){.size = 0}))
REFUSES(tend_task_outcome, ESRCH, "joined", outside, tend_task_outcome(w->stale, &w->out.outcome))
REFUSES(tend_task_outcome, ESTALE, "a fork", forked, tend_task_outcome(w->held, &w->out.outcome))

REFUSES(tend_watch, ENOMEM, "no memory", outside, (no_memory(1), tend_watch(w->live, w->go)))
REFUSES(tend_watch, ENOMEM, "no memory for the task's list", outside,
        (no_memory(2), tend_watch(w->live, w->go)))
REFUSES(tend_watch, ESRCH, "joined", outside, tend_watch(w->stale, w->go))
REFUSES(tend_watch, ESRCH, "joined, and no memory", outside,
        (no_memory(1), tend_watch(w->stale, w->go)))
REFUSES(tend_watch, ESRCH, "none", outside, tend_watch((tend_task){0}, w->go))
REFUSES(tend_watch, ESTALE, "a fork", forked, tend_watch(w->live, w->go))

REFUSES(tend_unwatch, ENOENT, "no watch", outside, tend_unwatch(w->live, w->go))
REFUSES(tend_unwatch, ENOENT, "it has ended", outside, tend_unwatch(w->held, w->go))
REFUSES(tend_unwatch, ESRCH, "joined", outside, tend_unwatch(w->stale, w->go))
REFUSES(tend_unwatch, ESTALE, "a fork", forked, tend_unwatch(w->live, w->go))

/* ---- Its cancel ---- */

REFUSES(tend_task_cancel, EALREADY, "canceled", outside,
        tend_task_cancel(w->canceled_task, -ETIMEDOUT, "another reason"))
REFUSES(tend_task_cancel, EINVAL, "no code", outside, tend_task_cancel(w->live, 0, "why"))
REFUSES(tend_task_cancel, EINVAL, "a positive code", outside,
        tend_task_cancel(w->live, ECANCELED, "why"))
REFUSES(tend_task_cancel, ESRCH, "ended and held", outside,
        tend_task_cancel(w->held, -ECANCELED, "why"))
REFUSES(tend_task_cancel, ESRCH, "joined", outside, tend_task_cancel(w->stale, -ECANCELED, "why"))
REFUSES(tend_task_cancel, ESRCH, "a scope", outside,
        tend_task_cancel((tend_task){w->open.id}, -ECANCELED, "why"))
REFUSES(tend_task_cancel, ESTALE, "a fork", forked, tend_task_cancel(w->live, -ECANCELED, "why"))

REFUSES(tend_task_reason, ENOENT, "not canceled", outside,
        tend_task_reason(w->live, &w->out.reason))
REFUSES(tend_task_reason, ESRCH, "joined", outside, tend_task_reason(w->stale, &w->out.reason))
REFUSES(tend_task_reason, ESTALE, "a fork", forked,
        tend_task_reason(w->canceled_task, &w->out.reason))

REFUSES(tend_abort, EPERM, "a fiber that is not abortable", outside, tend_abort(w->live))
REFUSES(tend_abort, EPERM, "an external task", outside, tend_abort(w->external))
REFUSES(tend_abort, ESRCH, "ended and held", outside, tend_abort(w->held))
REFUSES(tend_abort, ESRCH, "joined", outside, tend_abort(w->stale))
REFUSES(tend_abort, ESTALE, "a fork", forked, tend_abort(w->live))

/* ---- The calling task ---- */

REFUSES(tend_checkpoint, ECANCELED, "canceled", canceled, tend_checkpoint())
REFUSES(tend_checkpoint, ESTALE, "a fork", forked, tend_checkpoint())
REFUSES(tend_yield, ESTALE, "a fork", forked, tend_yield())
REFUSES(tend_sleep_until, ESTALE, "a fork", forked, tend_sleep_until(TEND_FOREVER))
REFUSES(tend_shield_begin, ESTALE, "a fork", forked,
        tend_shield_begin(TEND_FOREVER - 1, &w->out.number))
REFUSES(tend_defer, ESTALE, "a fork", forked, tend_defer(never, NULL))
REFUSES(tend_yield, ECANCELED, "canceled", canceled, tend_yield())
REFUSES(tend_sleep_until, ECANCELED, "canceled", canceled, tend_sleep_until(TEND_FOREVER))
REFUSES(tend_sleep_until, ECANCELED, "canceled, and no time", canceled, tend_sleep_until(0))
REFUSES(tend_sleep_until, EDEADLK, "by the thread that runs the tasks", hosted,
        tend_sleep_until(TEND_FOREVER))
REFUSES(tend_sleep, ECANCELED, "canceled", canceled, tend_sleep(TEND_SEC))
REFUSES(tend_sleep, EDEADLK, "by the thread that runs the tasks", hosted, tend_sleep(TEND_SEC))
REFUSES(tend_sleep, ESTALE, "a fork", forked, tend_sleep(TEND_SEC))

REFUSES(tend_shield_begin, EINVAL, "no end", in_fiber,
        tend_shield_begin(TEND_FOREVER, &w->out.number))
REFUSES(tend_shield_begin, EINVAL, "no time", in_fiber, tend_shield_begin(0, &w->out.number))
REFUSES(tend_shield_begin, EPERM, "outside of a task", outside,
        tend_shield_begin(TEND_FOREVER - 1, &w->out.number))

REFUSES(tend_defer, EINVAL, "no function", in_fiber, tend_defer(NULL, NULL))
REFUSES(tend_defer, ENOMEM, "no memory", in_fiber, (no_memory(1), tend_defer(never, NULL)))
REFUSES(tend_defer, EPERM, "outside of a task", outside, tend_defer(never, NULL))
