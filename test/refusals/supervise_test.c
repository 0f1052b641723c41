/* The refusals of tend/supervise.h. */
#include "refuse.h"

static int serve(void *world)
{
	struct world *w = world;

	return tend_event_wait(w->go, TEND_FOREVER);
}

/* w->made runs again, and waits for w->go. */
static void make(struct world *w)
{
	ANSWERS(tend_spawn(w->beside, serve, w,
	                   TEND_TASK_OPTS(.name = "again",
	                                  .restart = TEND_RESTART(.policy = TEND_PERMANENT)),
	                   &w->made),
	        0);
	settle(w->rt);
}
static void again(struct world *w, const struct row *row)
{
	make(w);
	judge(w, row);
}
static void again_stopped(struct world *w, const struct row *row)
{
	make(w);
	ANSWERS(tend_task_stop(w->made, TEND_FOREVER), 0);
	judge(w, row);
}
static void again_canceled(struct world *w, const struct row *row)
{
	ANSWERS(tend_spawn(w->beside, wait_for_go, w,
	                   TEND_TASK_OPTS(.name = "again",
	                                  .restart = TEND_RESTART(.policy = TEND_PERMANENT)),
	                   &w->made),
	        0);
	ANSWERS(tend_task_cancel(w->made, -ECANCELED, NULL), 0);
	settle(w->rt);
	judge(w, row);
}
static void again_ended(struct world *w, const struct row *row)
{
	make(w);
	ANSWERS(tend_task_shutdown(w->made, TEND_FOREVER), 0);
	judge(w, row);
}
static void in_canceled(struct world *w, const struct row *row)
{
	make(w);
	canceled(w, row);
}
static int serve_deaf(void *world)
{
	struct world *w = world;
	uint64_t outer;
	int error = tend_shield_begin(tend_after(3600 * TEND_SEC), &outer);

	if (!error) {
		error = tend_event_wait(w->go, TEND_FOREVER);
		tend_shield_end(outer);
	}
	return error;
}
/* The attempt of w->made is to stop, and goes on. */
static void again_stopping(struct world *w, const struct row *row)
{
	ANSWERS(tend_spawn(w->beside, serve_deaf, w,
	                   TEND_TASK_OPTS(.name = "again",
	                                  .restart = TEND_RESTART(.policy = TEND_PERMANENT,
	                                                          .grace_ns = 3600 * TEND_SEC)),
	                   &w->made),
	        0);
	settle(w->rt);
	ANSWERS(tend_task_stop(w->made, 0), -ETIMEDOUT);
	/* The stop has woken the fiber, which waits again behind its shield. */
	settle(w->rt);
	judge(w, row);
}
/* w->made runs once. */
static void once(struct world *w, const struct row *row)
{
	ANSWERS(tend_spawn(w->beside, serve, w,
	                   TEND_TASK_OPTS(.name = "once",
	                                  .restart = TEND_RESTART(.policy = TEND_TEMPORARY)),
	                   &w->made),
	        0);
	settle(w->rt);
	judge(w, row);
}
/* w->made holds the scope of the caller. */
static void below(struct world *w, const struct row *row)
{
	make(w);
	ANSWERS(tend_scope_open(w->open, "of-made", NULL, &w->deep), 0);
	ANSWERS(tend_scope_hold(w->deep, w->made), 0);
	judge_in_fiber(w, row, w->deep);
}

REFUSES(tend_ready, EPERM, "outside of a task", outside, tend_ready())
REFUSES(tend_ready, ESTALE, "a fork", forked, tend_ready())
REFUSES(tend_alive, EPERM, "outside of a task", outside, tend_alive())
REFUSES(tend_alive, ESTALE, "a fork", forked, tend_alive())

REFUSES(tend_task_ready, ESRCH, "joined", outside, tend_task_ready(w->stale, 1))
REFUSES(tend_task_ready, ESRCH, "an attempt to come", again, tend_task_ready(w->made, 2))
REFUSES(tend_task_ready, EINVAL, "no policy", outside, tend_task_ready(w->live, 1))
REFUSES(tend_task_ready, ESTALE, "a fork", forked, tend_task_ready(w->live, 1))

REFUSES(tend_task_fail, ESRCH, "joined", outside, tend_task_fail(w->stale, 1, -EIO, NULL))
REFUSES(tend_task_fail, ESRCH, "an attempt to come", again, tend_task_fail(w->made, 2, -EIO, NULL))
REFUSES(tend_task_fail, EINVAL, "no policy", outside, tend_task_fail(w->live, 1, -EIO, NULL))
REFUSES(tend_task_fail, EINVAL, "no code", again, tend_task_fail(w->made, 1, 0, NULL))
REFUSES(tend_task_fail, ESTALE, "a fork", forked, tend_task_fail(w->live, 1, -EIO, NULL))
CANNOT_PROVOKE(tend_task_ready, EALREADY, "the row is that of tend_task_fail()")
REFUSES(tend_task_fail, EALREADY, "the attempt is to stop", again_stopping,
        tend_task_fail(w->made, 1, -EIO, "late"))

REFUSES(tend_task_stop, ETIMEDOUT, "no time", again_stopping, tend_task_stop(w->made, 0))
REFUSES(tend_task_stop, ECANCELED, "it is to end", again_canceled,
        tend_task_stop(w->made, TEND_FOREVER))
REFUSES(tend_task_stop, EINVAL, "no policy", outside, tend_task_stop(w->live, TEND_FOREVER))
REFUSES(tend_task_stop, EDEADLK, "itself", in_fiber, tend_task_stop(tend_self(), TEND_FOREVER))
REFUSES(tend_task_stop, EDEADLK, "the holder of the caller's scope", below,
        tend_task_stop(w->made, TEND_FOREVER))
REFUSES(tend_task_stop, ESRCH, "joined", outside, tend_task_stop(w->stale, TEND_FOREVER))
REFUSES(tend_task_stop, ESTALE, "a fork", forked, tend_task_stop(w->live, TEND_FOREVER))

REFUSES(tend_task_start, ETIMEDOUT, "no time", again_stopping, tend_task_start(w->made, 0))
REFUSES(tend_task_start, ECANCELED, "it is to end", again_canceled,
        tend_task_start(w->made, TEND_FOREVER))
REFUSES(tend_task_start, EINVAL, "no policy", outside, tend_task_start(w->live, TEND_FOREVER))
REFUSES(tend_task_start, EDEADLK, "itself", in_fiber, tend_task_start(tend_self(), TEND_FOREVER))
REFUSES(tend_task_start, EDEADLK, "the holder of the caller's scope", below,
        tend_task_start(w->made, TEND_FOREVER))
REFUSES(tend_task_start, ESRCH, "joined", outside, tend_task_start(w->stale, TEND_FOREVER))
REFUSES(tend_task_start, ESTALE, "a fork", forked, tend_task_start(w->live, TEND_FOREVER))

REFUSES(tend_task_restart, ETIMEDOUT, "no time", again_stopping, tend_task_restart(w->made, 0))
REFUSES(tend_task_restart, ECANCELED, "it is to end", again_canceled,
        tend_task_restart(w->made, TEND_FOREVER))
REFUSES(tend_task_restart, EINVAL, "no policy", outside, tend_task_restart(w->live, TEND_FOREVER))
REFUSES(tend_task_restart, EINVAL, "it runs once", once, tend_task_restart(w->made, TEND_FOREVER))
REFUSES(tend_task_restart, EDEADLK, "itself", in_fiber,
        tend_task_restart(tend_self(), TEND_FOREVER))
REFUSES(tend_task_restart, EDEADLK, "the holder of the caller's scope", below,
        tend_task_restart(w->made, TEND_FOREVER))
REFUSES(tend_task_restart, ESRCH, "joined", outside, tend_task_restart(w->stale, TEND_FOREVER))
REFUSES(tend_task_restart, ESTALE, "a fork", forked, tend_task_restart(w->live, TEND_FOREVER))

REFUSES(tend_task_shutdown, ETIMEDOUT, "no time", outside, tend_task_shutdown(w->canceled_task, 0))
REFUSES(tend_task_shutdown, EDEADLK, "itself", in_fiber,
        tend_task_shutdown(tend_self(), TEND_FOREVER))
REFUSES(tend_task_shutdown, EDEADLK, "by the thread that runs the tasks", hosted,
        tend_task_shutdown(w->live, TEND_FOREVER))
REFUSES(tend_task_shutdown, ENOMEM, "no memory", outside,
        (no_memory(1), tend_task_shutdown(w->live, TEND_FOREVER)))
REFUSES(tend_task_shutdown, ENOMEM, "no memory for the task's list", outside,
        (no_memory(2), tend_task_shutdown(w->live, TEND_FOREVER)))
REFUSES(tend_task_shutdown, ESRCH, "ended and held", outside,
        tend_task_shutdown(w->held, TEND_FOREVER))
REFUSES(tend_task_shutdown, ESRCH, "joined", outside, tend_task_shutdown(w->stale, TEND_FOREVER))
REFUSES(tend_task_shutdown, ESTALE, "a fork", forked, tend_task_shutdown(w->live, TEND_FOREVER))

REFUSES(tend_task_wait, ECHILD, "it has ended", again_ended,
        tend_task_wait(w->made, TEND_IS_READY, 7, TEND_FOREVER))
REFUSES(tend_task_wait, ESRCH, "joined", outside,
        tend_task_wait(w->stale, TEND_IS_READY, 0, TEND_FOREVER))
REFUSES(tend_task_wait, EINVAL, "no policy", outside,
        tend_task_wait(w->live, TEND_IS_READY, 0, TEND_FOREVER))
REFUSES(tend_task_wait, EINVAL, "an unknown step", again,
        tend_task_wait(w->made, 3, 0, TEND_FOREVER))
REFUSES(tend_task_wait, EINVAL, "an attempt that is stopped", again,
        tend_task_wait(w->made, TEND_IS_STOPPED, 1, TEND_FOREVER))
REFUSES(tend_task_wait, ETIMEDOUT, "no time", again, tend_task_wait(w->made, TEND_IS_OVER, 0, 0))
REFUSES(tend_task_wait, ETIMEDOUT, "no time, of a stopped task", again_stopped,
        tend_task_wait(w->made, TEND_IS_READY, 0, 0))
REFUSES(tend_task_wait, ECANCELED, "by a canceled task", in_canceled,
        tend_task_wait(w->made, TEND_IS_OVER, 0, TEND_FOREVER))
REFUSES(tend_task_wait, EDEADLK, "itself", in_fiber,
        tend_task_wait(tend_self(), TEND_IS_OVER, 0, TEND_FOREVER))
REFUSES(tend_task_wait, EDEADLK, "the holder of the caller's scope", below,
        tend_task_wait(w->made, TEND_IS_OVER, 0, TEND_FOREVER))
REFUSES(tend_task_wait, ESTALE, "a fork", forked,
        tend_task_wait(w->live, TEND_IS_READY, 0, TEND_FOREVER))

REFUSES(tend_task_info, EINVAL, "no policy", outside, tend_task_info(w->live, &w->out.life))
REFUSES(tend_task_info, EINVAL, "a struct without a size", again,
        (tend_task_info)(w->made, &(struct tend_life){.size = 0}))
REFUSES(tend_task_info, ESRCH, "joined", outside, tend_task_info(w->stale, &w->out.life))
REFUSES(tend_task_info, ESTALE, "a fork", forked, tend_task_info(w->live, &w->out.life))

static int run(struct world *w, tend_scope s, uint64_t deadline)
{
	return tend_scope_run(s, deadline, &w->out.stats);
}

REFUSES(tend_scope_run, ETIMEDOUT, "no time", outside, run(w, w->beside, 0))
REFUSES(tend_scope_run, EDEADLK, "from inside", in_fiber, run(w, w->open, TEND_FOREVER))
REFUSES(tend_scope_run, EDEADLK, "by the thread that runs the tasks", hosted,
        run(w, w->open, TEND_FOREVER))
REFUSES(tend_scope_run, EPERM, "the root", outside, run(w, tend_root(w->rt), TEND_FOREVER))
REFUSES(tend_scope_run, EINVAL, "counts without a size", outside,
        (tend_scope_run)(w->beside, TEND_FOREVER, &(struct tend_stats){.size = 0}))
REFUSES(tend_scope_run, ESRCH, "ended", outside, run(w, w->ended, TEND_FOREVER))
REFUSES(tend_scope_run, ESTALE, "a fork", forked, run(w, w->open, TEND_FOREVER))
CANNOT_PROVOKE(tend_scope_run, EBUSY, "the close has to begin after the scope is empty")
CANNOT_PROVOKE(tend_scope_run, ELOOP, "the scope is closed by then: see the scenarios")
CANNOT_PROVOKE(tend_scope_run, ESHUTDOWN, "the scope is closed by then: see the scenarios")
CANNOT_PROVOKE(tend_scope_run, ECANCELED, "the scope is closed by then: see the scenarios")

REFUSES(tend_restart_plan, EINVAL, "an unknown policy", outside,
        tend_restart_plan(TEND_RESTART(.policy = 3), 0, 0, &w->out.number, 1))
REFUSES(tend_restart_plan, EINVAL, "more restarts than a scope may count", outside,
        tend_restart_plan(TEND_RESTART(.policy = 1), 1025, 0, &w->out.number, 1))
REFUSES(tend_restart_plan, ENOMEM, "no memory", outside,
        (no_memory(1), tend_restart_plan(TEND_RESTART(.policy = 1), 1, 0, &w->out.number, 1)))
static const struct {
	struct tend_restart restart;
	char more;
} tomorrow = {{.size = sizeof(tomorrow)}, 1};
REFUSES(tend_restart_plan, E2BIG, "a field of tomorrow", outside,
        tend_restart_plan(&tomorrow.restart, 1, 0, &w->out.number, 1))

static int spawn_set(tend_scope scope, const struct tend_child *children, size_t n, uint32_t flags)
{
	tend_task out[2];
	size_t bad;

	int error = tend_spawn_set(scope, children, n, flags, out, &bad);
	if (error && error != -EINVAL)
		ck_assert_uint_eq(bad, n); /* no child is to blame */
	return error;
}
static const struct tend_child good[2] = {{.fn = wait_for_go}, {.fn = wait_for_go}};
static const struct tend_need of_itself = {.of = 0}, of_next = {.of = 1}, of_none = {.of = 2};
static const struct tend_child bodiless = {0},
			       selfish = {.fn = wait_for_go, .needs = &of_itself, .needs_count = 1},
			       lost = {.fn = wait_for_go, .needs = &of_none, .needs_count = 1},
			       circle[2] = {
				       {.fn = wait_for_go, .needs = &of_next, .needs_count = 1},
				       {.fn = wait_for_go, .needs = &of_itself, .needs_count = 1}};
static int spawn_needing(struct world *w, tend_task task, size_t of)
{
	const struct tend_need need = {.of = of, .task = task};
	const struct tend_child child = {.fn = wait_for_go, .needs = &need, .needs_count = 1};
	size_t bad = 99;
	int error = tend_spawn_set(w->open, &child, 1, 0, NULL, &bad);

	ck_assert_uint_eq(bad, 0);
	return error;
}
static int spawn_in(struct world *w, tend_scope scope)
{
	const struct tend_child child = {.fn = wait_for_go, .scope = scope};
	size_t bad = 99;
	int error = tend_spawn_set(w->open, &child, 1, 0, NULL, &bad);

	ck_assert_uint_eq(bad, 0);
	return error;
}
static int newer(struct world *w)
{
	struct {
		struct tend_child child;
		char more[8];
	} newer_child = {{.fn = wait_for_go}, {1}};

	return tend_spawn_set_at("", w->open, &newer_child.child, sizeof(newer_child), 1, 0, NULL,
	                         NULL);
}

REFUSES(tend_spawn_set_at, EINVAL, "no function", outside, spawn_set(w->open, &bodiless, 1, 0))
REFUSES(tend_spawn_set_at, EINVAL, "no children", outside, spawn_set(w->open, NULL, 1, 0))
REFUSES(tend_spawn_set_at, EINVAL, "a need of itself", outside, spawn_set(w->open, &selfish, 1, 0))
REFUSES(tend_spawn_set_at, EINVAL, "a need of nobody", outside, spawn_set(w->open, &lost, 1, 0))
REFUSES(tend_spawn_set_at, EINVAL, "a circle", outside, spawn_set(w->open, circle, 2, 0))
REFUSES(tend_spawn_set_at, EINVAL, "an unknown flag", outside, spawn_set(w->open, good, 2, 2))
REFUSES_BUT(tend_spawn_set_at, EINVAL, "a need of a plain task", outside, "; refused 1",
            spawn_needing(w, w->live, 0))
REFUSES(tend_spawn_set_at, EINVAL, "a need of two", outside, spawn_needing(w, w->live, 1))
REFUSES_BUT(tend_spawn_set_at, ESRCH, "a need that has ended", outside, "; refused 1",
            spawn_needing(w, w->stale, 0))
REFUSES(tend_spawn_set_at, EINVAL, "a scope beside", outside, spawn_in(w, w->beside))
REFUSES(tend_spawn_set_at, ESRCH, "a scope that has ended", outside, spawn_in(w, w->ended))
REFUSES(tend_spawn_set_at, E2BIG, "a field of tomorrow", outside, newer(w))
REFUSES(tend_spawn_set_at, ENOMEM, "no memory", outside,
        (no_memory(1), spawn_set(w->open, good, 2, 0)))
REFUSES_BUT(tend_spawn_set_at, ENOMEM, "no memory for a child", outside, "; refused 1",
            (no_memory(3), spawn_set(w->open, good, 2, 0)))
REFUSES(tend_spawn_set_at, ECANCELED, "a canceled scope", outside,
        spawn_set(w->canceled, good, 2, 0))
REFUSES(tend_spawn_set_at, ESHUTDOWN, "a sealed scope", outside, spawn_set(w->sealed, good, 2, 0))
REFUSES(tend_spawn_set_at, ESRCH, "ended", outside, spawn_set(w->ended, good, 2, 0))
REFUSES(tend_spawn_set_at, EAGAIN, "at tasks_max", outside, spawn_set(w->open, good, 1u << 20, 0))
static int spawn_taken(const struct world *w)
{
	struct tend_child twice[2] = {{.fn = wait_for_go, .opts = TEND_TASK_OPTS(.name = "free")},
	                              {.fn = wait_for_go, .opts = TEND_TASK_OPTS(.name = "taken")}};
	tend_task out[2];
	size_t bad;
	int error = tend_spawn_set(w->deep, twice, 2, 0, out, &bad);

	ck_assert_uint_eq(bad, 1);
	return error;
}
REFUSES_BUT(tend_spawn_set_at, EEXIST, "a name that lives in a unique scope", unique, "; refused 2",
            spawn_taken(w))
CANNOT_PROVOKE(tend_spawn_set_at, EDEADLK, "a child has no scope to hold")
REFUSES(tend_spawn_set_at, ESTALE, "a fork", forked, spawn_set(w->open, good, 2, 0))

TEST(refusals_of_lives) { try_rows(__FILE__); }
