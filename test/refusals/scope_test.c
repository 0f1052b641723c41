/* tend/scope.h */
#include "refuse.h"

#include "runtime/runtime.h"

#include <pthread.h>
#include <sched.h>

TEST(refusals_of_scopes) { try_rows(__FILE__); }

/* ---- tend_scope_open() ---- */

static int open_named(struct world *w, const char *name)
{
	return tend_scope_open(w->open, name, NULL, &w->out.scope);
}

#define LATER (TEND_FOREVER - 1)

static int open_with(struct world *w, const struct tend_scope_opts *opts)
{
	return tend_scope_open(w->open, "s", opts, &w->out.scope);
}

static int open_in(struct world *w, tend_scope parent)
{
	return tend_scope_open(parent, "s", NULL, &w->out.scope);
}

static const char LONG[] = "a-name-of-forty-eight-bytes-is-one-byte-too-long";
_Static_assert(sizeof(LONG) - 1 == TEND_NAME_MAX + 1, "one too many");

static const struct {
	struct tend_scope_opts opts;
	uint64_t more;
} future = {{.size = sizeof(future)}, 1};

/* As many scopes in each other as there may be. */
static void deep(struct world *w, const struct row *row)
{
	tend_scope s;
	int error;

	open_other(w, 0, 400);
	w->deep = tend_root(w->other);
	while (!(error = tend_scope_open(w->deep, "s", NULL, &s)))
		w->deep = s;
	ANSWERS(error, -EOVERFLOW);
	judge(w, row);
	close_other(w);
}

/* The next scope gets the slot of an ended scope, whose memory is still there. */
static void used_slot(struct world *w, const struct row *row)
{
	tend_scope s;

	ANSWERS(tend_scope_open(w->open, "s", NULL, &s), 0);
	ANSWERS(tend_scope_close(s, 0, NULL), 0);
	judge(w, row);
}

REFUSES(tend_scope_open, EINVAL, "no name", outside, open_named(w, NULL))
REFUSES(tend_scope_open, EINVAL, "an empty name", outside, open_named(w, ""))
REFUSES(tend_scope_open, EINVAL, "a slash in the name", outside, open_named(w, "a/b"))
REFUSES(tend_scope_open, EINVAL, "a control byte in the name", outside, open_named(w, "a\n"))
REFUSES(tend_scope_open, EINVAL, "bytes that are not UTF-8", outside, open_named(w, "\xff"))
REFUSES(tend_scope_open, EINVAL, "48 bytes", outside, open_named(w, LONG))
REFUSES(tend_scope_open, EINVAL, "no room for a number in the name", outside,
        tend_scope_open(w->open, LONG + 2, TEND_SCOPE_OPTS(.numbered = 1), &w->out.scope))
REFUSES(tend_scope_open, EINVAL, "a shield without an end", outside,
        open_with(w, TEND_SCOPE_OPTS(.shield = TEND_FOREVER)))
REFUSES(tend_scope_open, EINVAL, "options without a size", outside,
        open_with(w, &(struct tend_scope_opts){.deadline = TEND_FOREVER}))
REFUSES(tend_scope_open, EINVAL, "an unknown strategy", outside,
        open_with(w, TEND_SCOPE_OPTS(.strategy = 4)))
REFUSES(tend_scope_open, EINVAL, "more restarts than are counted", outside,
        open_with(w, TEND_SCOPE_OPTS(.strategy = TEND_ONE_FOR_ONE, .restarts = 1025)))
REFUSES(tend_scope_open, E2BIG, "a field of tomorrow", outside, open_with(w, &future.opts))
REFUSES(tend_scope_open, ENOMEM, "no memory for the scope", outside,
        (no_memory(1), open_in(w, w->open)))
REFUSES(tend_scope_open, ENOMEM, "no memory for its deadline", used_slot,
        (no_memory(1), open_with(w, TEND_SCOPE_OPTS(.deadline = LATER))))
REFUSES(tend_scope_open, ENOMEM, "no memory for its shield", used_slot,
        (no_memory(2), open_with(w, TEND_SCOPE_OPTS(.deadline = LATER, .shield = LATER))))
REFUSES(tend_scope_open, EAGAIN, "tasks_max", without_room, open_in(w, w->open))
REFUSES(tend_scope_open, EOVERFLOW, "200 deep", deep, open_in(w, w->deep))
REFUSES(tend_scope_open, ECANCELED, "a parent that closes", outside, open_in(w, w->closing))
REFUSES(tend_scope_open, ECANCELED, "a parent that was shut down", outside, open_in(w, w->shut))
REFUSES(tend_scope_open, ESHUTDOWN, "a sealed parent", outside, open_in(w, w->sealed))
REFUSES(tend_scope_open, EEXIST, "a name that lives in a unique parent", unique,
        tend_scope_open(w->deep, "taken", NULL, &w->out.scope))
REFUSES(tend_scope_open, ENOMEM, "no memory for the names of a unique scope", outside,
        (no_memory(1), open_with(w, TEND_SCOPE_OPTS(.unique = 1))))
REFUSES(tend_scope_open, ESRCH, "a parent that has ended", outside, open_in(w, w->ended))
REFUSES(tend_scope_open, ESRCH, "no parent", outside, open_in(w, (tend_scope){0}))
REFUSES(tend_scope_open, ESRCH, "a task for a parent", outside,
        open_in(w, (tend_scope){w->live.id}))
REFUSES(tend_scope_open, ESTALE, "a fork", forked, open_in(w, w->open))

/* ---- tend_scope_stats() ---- */

REFUSES(tend_scope_stats, EINVAL, "counts without a size", outside,
        (tend_scope_stats)(w->open, &(struct tend_stats){.size = 0}))
REFUSES(tend_scope_stats, ESRCH, "ended", outside, tend_scope_stats(w->ended, &w->out.stats))
REFUSES(tend_scope_stats, ESRCH, "none", outside, tend_scope_stats((tend_scope){0}, &w->out.stats))
REFUSES(tend_scope_stats, ESTALE, "a fork", forked, tend_scope_stats(w->open, &w->out.stats))

/* ---- tend_scope_close() ---- */

static int close_of(struct world *w, tend_scope s, uint64_t deadline)
{
	return tend_scope_close(s, deadline, &w->out.stats);
}

static void *close_beside(void *arg)
{
	struct world *w = arg;

	ANSWERS(tend_scope_close(w->beside, TEND_FOREVER, NULL), 0);
	return NULL;
}

/* Another thread waits in a close of w->beside. */
static void being_closed(struct world *w, const struct row *row)
{
	struct tend__record *r =
		tend__record_at(w->rt->segment.header, tend__id_slot(w->beside.id));
	pthread_t thread;

	ANSWERS(pthread_create(&thread, NULL, close_beside, w), 0);
	while (!(tend__load_acquire(&r->word) & TEND__SCOPE_CLOSED))
		sched_yield();
	judge(w, row);
	tend_event_set(w->go);
	ANSWERS(pthread_join(thread, NULL), 0);
}

REFUSES_BUT(tend_scope_close, ETIMEDOUT, "no time: it is closed to new work from then on", outside,
            "; now t/beside scope closed live 1 spawned 1 completed 0; events 1",
            close_of(w, w->beside, 0))
REFUSES(tend_scope_close, ETIMEDOUT, "a second time", outside, close_of(w, w->closing, tend_now()))
REFUSES(tend_scope_close, EDEADLK, "from inside", in_fiber, close_of(w, w->open, TEND_FOREVER))
REFUSES(tend_scope_close, EDEADLK, "from a thread task inside", in_thread,
        close_of(w, w->open, TEND_FOREVER))
REFUSES(tend_scope_close, EDEADLK, "by the thread that runs the tasks", hosted,
        close_of(w, w->open, TEND_FOREVER))
REFUSES(tend_scope_close, EBUSY, "another close waits", being_closed,
        close_of(w, w->beside, TEND_FOREVER))
REFUSES(tend_scope_close, EPERM, "the root", outside, close_of(w, tend_root(w->rt), TEND_FOREVER))
REFUSES(tend_scope_close, EPERM, "the scope of background tasks", outside,
        close_of(w, tend_detached(w->rt), TEND_FOREVER))
REFUSES(tend_scope_close, EINVAL, "counts without a size", outside,
        (tend_scope_close)(w->beside, TEND_FOREVER, &(struct tend_stats){.size = 0}))
REFUSES(tend_scope_close, ESRCH, "ended", outside, close_of(w, w->ended, TEND_FOREVER))
REFUSES(tend_scope_close, ESTALE, "a fork", forked, close_of(w, w->open, TEND_FOREVER))

/* ---- tend_scope_seal(), tend_scope_unseal() ---- */

REFUSES(tend_scope_seal, ESRCH, "ended", outside, tend_scope_seal(w->ended))
REFUSES(tend_scope_seal, ESRCH, "none", outside, tend_scope_seal((tend_scope){0}))
REFUSES(tend_scope_seal, ESTALE, "a fork", forked, tend_scope_seal(w->open))

REFUSES(tend_scope_unseal, ECANCELED, "canceled", outside, tend_scope_unseal(w->canceled))
REFUSES(tend_scope_unseal, ECANCELED, "closing", outside, tend_scope_unseal(w->closing))
REFUSES(tend_scope_unseal, ESRCH, "ended", outside, tend_scope_unseal(w->ended))
REFUSES(tend_scope_unseal, ESRCH, "none", outside, tend_scope_unseal((tend_scope){0}))
REFUSES(tend_scope_unseal, ESTALE, "a fork", forked, tend_scope_unseal(w->sealed))

/* ---- tend_scope_hold() ---- */

/* With a fiber of another runtime in w->made. */
static void of_another_runtime(struct world *w, const struct row *row)
{
	open_other(w, 0, 32);
	ANSWERS(tend_spawn(tend_root(w->other), wait_for_go, w, NULL, &w->made), 0);
	settle(w->other);
	judge(w, row);
	tend_event_set(w->go);
	close_other(w);
}

REFUSES(tend_scope_hold, EDEADLK, "the holder is inside", outside,
        tend_scope_hold(w->open, w->live))
REFUSES(tend_scope_hold, EINVAL, "an external task", outside,
        tend_scope_hold(w->beside, w->external))
REFUSES(tend_scope_hold, EINVAL, "the root", outside, tend_scope_hold(tend_root(w->rt), w->live))
REFUSES(tend_scope_hold, EINVAL, "a task of another runtime", of_another_runtime,
        tend_scope_hold(w->beside, w->made))
REFUSES(tend_scope_hold, ESRCH, "a scope that has ended", outside,
        tend_scope_hold(w->ended, w->live))
REFUSES(tend_scope_hold, ESRCH, "a scope that has ended, and no holder", outside,
        tend_scope_hold(w->ended, (tend_task){0}))
REFUSES(tend_scope_hold, ESRCH, "a holder that has ended", outside,
        tend_scope_hold(w->beside, w->held))
REFUSES(tend_scope_hold, ESRCH, "a holder that was joined", outside,
        tend_scope_hold(w->beside, w->stale))
REFUSES(tend_scope_hold, ESTALE, "a fork", forked, tend_scope_hold(w->beside, w->live))

/* ---- tend_scope_cancel(), tend_scope_reason() ---- */

REFUSES(tend_scope_cancel, EALREADY, "canceled", outside,
        tend_scope_cancel(w->canceled, -ETIMEDOUT, "another reason"))
REFUSES(tend_scope_cancel, EINVAL, "no code", outside, tend_scope_cancel(w->open, 0, "why"))
REFUSES(tend_scope_cancel, EINVAL, "a positive code", outside,
        tend_scope_cancel(w->open, ECANCELED, "why"))
REFUSES(tend_scope_cancel, ESRCH, "ended", outside, tend_scope_cancel(w->ended, -ECANCELED, NULL))
REFUSES(tend_scope_cancel, ESRCH, "none", outside,
        tend_scope_cancel((tend_scope){0}, -ECANCELED, NULL))
REFUSES(tend_scope_cancel, ESTALE, "a fork", forked, tend_scope_cancel(w->open, -ECANCELED, NULL))

REFUSES(tend_scope_reason, ENOENT, "not canceled", outside,
        tend_scope_reason(w->open, &w->out.reason))
REFUSES(tend_scope_reason, ESRCH, "ended", outside, tend_scope_reason(w->ended, &w->out.reason))
REFUSES(tend_scope_reason, ESTALE, "a fork", forked, tend_scope_reason(w->canceled, &w->out.reason))

/* ---- Counts and waits ---- */

REFUSES(tend_scope_live, ESRCH, "ended", outside, tend_scope_live(w->ended))
REFUSES(tend_scope_live, ESRCH, "none", outside, tend_scope_live((tend_scope){0}))
REFUSES(tend_scope_live, ESTALE, "a fork", forked, tend_scope_live(w->open))

REFUSES(tend_scope_wait_empty, ETIMEDOUT, "no time", outside, tend_scope_wait_empty(w->open, 0))
REFUSES(tend_scope_wait_empty, ETIMEDOUT, "an instant that has passed", outside,
        tend_scope_wait_empty(w->open, tend_now()))
REFUSES(tend_scope_wait_empty, ECANCELED, "by a canceled task", canceled,
        tend_scope_wait_empty(w->beside, TEND_FOREVER))
REFUSES(tend_scope_wait_empty, EDEADLK, "from inside", in_fiber,
        tend_scope_wait_empty(w->open, TEND_FOREVER))
REFUSES(tend_scope_wait_empty, EDEADLK, "of the root", in_fiber,
        tend_scope_wait_empty(tend_root(w->rt), TEND_FOREVER))
REFUSES(tend_scope_wait_empty, EDEADLK, "by the thread that runs the tasks", hosted,
        tend_scope_wait_empty(w->open, TEND_FOREVER))
REFUSES(tend_scope_wait_empty, ESRCH, "ended", outside,
        tend_scope_wait_empty(w->ended, TEND_FOREVER))
REFUSES(tend_scope_wait_empty, ESTALE, "a fork", forked,
        tend_scope_wait_empty(w->open, TEND_FOREVER))

REFUSES(tend_path_live, EINVAL, "no path", outside, tend_path_live(w->rt, NULL))
REFUSES(tend_path_live, EINVAL, "an absolute path", outside, tend_path_live(w->rt, "/open"))
REFUSES(tend_path_live, EINVAL, "a slash at the end", outside, tend_path_live(w->rt, "open/"))
REFUSES(tend_path_live, EINVAL, "an empty name", outside, tend_path_live(w->rt, "open//live"))
REFUSES(tend_path_live, EINVAL, "a control byte", outside, tend_path_live(w->rt, "open\n"))
REFUSES(tend_path_live, EINVAL, "a name of 48 bytes", outside,
        tend_path_live(w->rt, "open/123456789012345678901234567890123456789012345678"))
REFUSES(tend_path_live, ESRCH, "an id of something else", outside,
        tend_path_live(w->rt, "open#7/live"))
REFUSES(tend_path_live, ESTALE, "a fork", forked, tend_path_live(w->rt, "open"))
CANNOT_PROVOKE(tend_path_live, ETIMEDOUT,
               "the row is that of two functions; this one does not wait")
CANNOT_PROVOKE(tend_path_live, ECANCELED,
               "the row is that of two functions; this one does not wait")
CANNOT_PROVOKE(tend_path_live, EDEADLK, "the row is that of two functions; this one does not wait")
REFUSES(tend_path_live, ESRCH, "a runtime that has closed", gone, tend_path_live(w->gone, "open"))

REFUSES(tend_path_wait_empty, EINVAL, "no path", outside, tend_path_wait_empty(w->rt, NULL, 0))
REFUSES(tend_path_wait_empty, EINVAL, "an absolute path", outside,
        tend_path_wait_empty(w->rt, "/open", 0))
REFUSES(tend_path_wait_empty, ETIMEDOUT, "no time", outside, tend_path_wait_empty(w->rt, "open", 0))
REFUSES(tend_path_wait_empty, ETIMEDOUT, "an instant that has passed", outside,
        tend_path_wait_empty(w->rt, "open/live", tend_now()))
REFUSES(tend_path_wait_empty, ECANCELED, "by a canceled task", canceled,
        tend_path_wait_empty(w->rt, "beside", TEND_FOREVER))
REFUSES(tend_path_wait_empty, EDEADLK, "from inside", in_fiber,
        tend_path_wait_empty(w->rt, "open", TEND_FOREVER))
REFUSES(tend_path_wait_empty, EDEADLK, "for everything", in_fiber,
        tend_path_wait_empty(w->rt, "", TEND_FOREVER))
REFUSES(tend_path_wait_empty, EDEADLK, "by the thread that runs the tasks", hosted,
        tend_path_wait_empty(w->rt, "open", TEND_FOREVER))
REFUSES(tend_path_wait_empty, ESTALE, "a fork", forked, tend_path_wait_empty(w->rt, "open", 0))
REFUSES(tend_path_wait_empty, EINVAL, "an empty name", outside,
        tend_path_wait_empty(w->rt, "open//live", TEND_FOREVER))
REFUSES(tend_path_wait_empty, ESRCH, "an id of something else", outside,
        tend_path_wait_empty(w->rt, "open#7", TEND_FOREVER))
REFUSES(tend_path_wait_empty, ESRCH, "a runtime that has closed", gone,
        tend_path_wait_empty(w->gone, "open", TEND_FOREVER))

/* ---- tend_scope_cleanup() ---- */

static void never(void *arg)
{
	(void)arg;
	ck_abort_msg("what was refused has run");
}

REFUSES(tend_scope_cleanup, EINVAL, "no function", outside, tend_scope_cleanup(w->open, NULL, NULL))
REFUSES(tend_scope_cleanup, ENOMEM, "no memory", outside,
        (no_memory(1), tend_scope_cleanup(w->open, never, NULL)))
REFUSES(tend_scope_cleanup, ECANCELED, "it was shut down", outside,
        tend_scope_cleanup(w->shut, never, NULL))
REFUSES(tend_scope_cleanup, ESRCH, "ended", outside, tend_scope_cleanup(w->ended, never, NULL))
REFUSES(tend_scope_cleanup, ESTALE, "a fork", forked, tend_scope_cleanup(w->open, never, NULL))

/* ---- tend_shutdown() ---- */

static const struct {
	struct tend_shutdown_opts opts;
	uint64_t more;
} future_shutdown = {{.size = sizeof(future_shutdown)}, 1};

static int shutdown_of(struct world *w, tend_scope s, uint64_t deadline)
{
	return tend_shutdown(s, deadline, TEND_SHUTDOWN_OPTS(.report = &w->out.report));
}

/* w->deep, with an external task, which cannot end by itself meanwhile. */
static void endless(struct world *w, const struct row *row)
{
	ANSWERS(tend_scope_open(w->beside, "endless", NULL, &w->deep), 0);
	ANSWERS(tend_task_begin(w->deep, NULL, &w->made), 0);
	judge(w, row);
	ANSWERS(tend_task_end(w->made, 0), 0);
}

REFUSES_BUT(tend_shutdown, ETIMEDOUT, "no time: canceled, and the task is abandoned", endless,
            "; now t/beside/endless scope closed live 1 spawned 1 completed 0 because -125 ''"
            "; now t/beside/endless/task external abandoned because -125 ''; events 2",
            tend_shutdown(w->deep, 0, NULL))
REFUSES(tend_shutdown, EDEADLK, "from inside", in_fiber, shutdown_of(w, w->open, TEND_FOREVER))
REFUSES(tend_shutdown, EDEADLK, "from a thread task inside", in_thread,
        shutdown_of(w, tend_root(w->rt), TEND_FOREVER))
REFUSES(tend_shutdown, EDEADLK, "by the thread that runs the tasks", hosted,
        shutdown_of(w, w->open, TEND_FOREVER))
REFUSES(tend_shutdown, ENOMEM, "no memory for the operation", outside,
        (no_memory(1), shutdown_of(w, w->open, TEND_FOREVER)))
REFUSES(tend_shutdown, ENOMEM, "no memory for the report", outside,
        (no_memory(2), shutdown_of(w, w->open, TEND_FOREVER)))
REFUSES(tend_shutdown, EINVAL, "options without a size", outside,
        tend_shutdown(w->open, 0, &(struct tend_shutdown_opts){.text = "stop"}))
REFUSES(tend_shutdown, E2BIG, "a field of tomorrow", outside,
        tend_shutdown(w->open, 0, &future_shutdown.opts))
REFUSES(tend_shutdown, ESRCH, "ended", outside, shutdown_of(w, w->ended, 0))
REFUSES(tend_shutdown, ESTALE, "a fork", forked, shutdown_of(w, w->open, 0))
REFUSES(tend_shutdown, EINVAL, "a positive code", outside,
        tend_shutdown(w->open, 0, TEND_SHUTDOWN_OPTS(.code = 1)))
REFUSES(tend_shutdown, EINVAL, "a reserved field", outside,
        tend_shutdown(w->open, 0, TEND_SHUTDOWN_OPTS(.reserved = 1)))
