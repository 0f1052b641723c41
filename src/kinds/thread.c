/* kinds/thread.c - threads as tasks. */
#include "kinds/kinds.h"

#include "tend/supervise.h"

#include "base/alloc.h"
#include "base/error.h"
#include "io/io.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <string.h>
#include <unistd.h>

/* (c) constant  (w) its thread's  (l) runtime.threads_lock; written while `go` is 0 by the
 * thread that spawns, then by the new thread. */
struct tend__thread_task {
	struct tend__thread thread;      /* (c) the last thread that reads it joins */
	struct tend__thread_task *next;  /* (l) in runtime.threads_ended */
	struct tend__task *task;         /* (c) */
	tend_runtime *rt;                /* (c) */
	_Atomic uint32_t go;             /* 0: the spawn goes on; 1: run; 2: the spawn failed */
	jmp_buf out;                     /* (w) where a panic or an end leaves to */
	uint32_t wait;                   /* (w) the answer of the last turn of an attempt */
	uintptr_t guard_low, guard_high; /* (w) the guard below the stack */
	size_t stack_bytes;              /* (w) */
};

static void thread_wake(struct tend__task *t)
{
	tend__futex_wake(&t->record->word, 1);
	tend__fd_wake(t);
}

void tend__thread_task_guard(const struct tend__task *t, uintptr_t *low, uintptr_t *high,
                             size_t *stack_bytes)
{
	const struct tend__thread_task *tt = tend__own(t);

	*low = tt->guard_low;
	*high = tt->guard_high;
	*stack_bytes = tt->stack_bytes;
}

static void thread_leave(struct tend__task *t)
{
	struct tend__thread_task *tt = tend__own(t);

	tend__assert(tend__tls.task == t && tt->task == t);
	longjmp(tt->out, 1);
}

static const struct tend__kind kind_thread = {.wake = thread_wake, .leave = thread_leave};

/* ---- An attempt of a thread: a single turn ----
 *
 * All attempts run on the same thread, which sleeps in between: so no attempt fails because there
 * is no thread to be had. Thread-local variables stay. */

static uint32_t turn(struct tend__task *t)
{
	/* Relaxed: readers of the registry need no order with other members. */
	tend__store_relaxed(&t->record->pid, tend__thread_number());
	t->result = t->fn(t->arg);
	tend__unwind(t);
	return TEND__WAIT_NONE;
}

static void quit(struct tend__task *t, uint32_t wait)
{
	struct tend__thread_task *tt = tend__own(t);

	tt->wait = wait;
	thread_leave(t);
}

static const struct tend__kind attempt_of_thread = {
	.wake = thread_wake, .turn = turn, .quit = quit};

/* Takes the turns of the task until it has ended. */
static void run_attempts(struct tend__thread_task *tt)
{
	struct tend__task *t = tt->task;

	for (;;) {
		if (setjmp(tt->out) == 0)
			tt->wait = t->kind->turn(t);
		if (tt->wait == TEND__WAIT_NONE)
			return;
		if (tt->wait != TEND__AGAIN)
			tend__thread_rest(tt->rt, t, (enum tend__wait_kind)tt->wait);
	}
}

/* Queues the thread to be joined: by the next spawn of a thread, or by the close of the
 * runtime, which waits for this task because the task still counts. */
static void ending(struct tend__thread_task *tt)
{
	tend__assert(!tt->next && !tend__tls.task);
	tend__lock(&tt->rt->threads_lock);
	tt->next = tt->rt->threads_ended;
	tt->rt->threads_ended = tt;
	tend__unlock(&tt->rt->threads_lock);
}

/* tend__unwind() where the frame of run() is gone: a panic in a cleanup comes back here. */
static void unwind(struct tend__thread_task *tt)
{
	if (setjmp(tt->out) == 0)
		tend__unwind(tt->task);
}

/* The body left by pthread_exit() or by pthread_cancel(). The cleanups of tend_defer()
 * still run, and the task ends as aborted. No attempt follows, because the thread is to end. */
static void left(void *p)
{
	struct tend__thread_task *tt = p;
	struct tend__task *t = tt->task;

	tend__assert(tend__own(t) == tt);
	t->ending = TEND_ABORTED;
	if (!(t->flags & TEND__RESTARTABLE))
		unwind(tt);
	else if (setjmp(tt->out) == 0) {
		tend__attempt_of(t)->is_last = true;
		tend__leave(t);
	}
}

/* The destructors of the thread have run: no code of a task runs after the end of the task. */
static void end(void *p)
{
	struct tend__thread_task *tt = p;
	struct tend__task *t = tt->task;

	if (tend__load_acquire(&tt->go) == 2)
		return;
	tend__assert(tend__tls.task == t && tend__own(t) == tt);
	unwind(tt); /* a destructor may have deferred a cleanup */
	tend__tls.task = NULL;
	ending(tt);
	tend__task_finish(t);
}

static void run(struct tend__thread_task *tt)
{
	struct tend__task *t = tt->task;

	if (setjmp(tt->out) == 0) {
		bool stops = tend__cancel_visible(t);
		if (!stops && tend__listened(tt->rt))
			tend__task_began(t);
		t->result = stops ? -ECANCELED : t->fn(t->arg);
		tend__leave(t);
	}
}

static void body(void *p)
{
	struct tend__thread_task *tt = p;
	struct tend__task *t = tt->task;

	/* Acquire: pairs with the release in spawn_thread(). */
	while (!tend__load_acquire(&tt->go))
		tend__futex_wait(&tt->go, 0, TEND_FOREVER);
	if (tend__load_acquire(&tt->go) == 2)
		return;
	tend__assert(!tend__tls.task && tend__own(t) == tt);
	if (!(tt->rt->flags & TEND_NO_FAULT_HANDLERS)) {
		tend__thread_guard(&tt->guard_low, &tt->guard_high, &tt->stack_bytes);
		tend__fault_thread();
	}
	tend__tls.task = t;
	/* Relaxed: readers of the registry need no order with other members. */
	tend__store_relaxed(&t->record->pid, tend__thread_number());
	tend__task_run(t);
	tend__task_unmark(t, TEND__STARTING);
	pthread_cleanup_push(left, tt);
	if (t->flags & TEND__RESTARTABLE)
		run_attempts(tt);
	else
		run(tt);
	pthread_cleanup_pop(0);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
}

void tend__threads_reap(tend_runtime *rt, bool all)
{
	for (;;) {
		tend__lock(&rt->threads_lock);
		struct tend__thread_task *tt = rt->threads_ended;
		if (tt)
			rt->threads_ended = tt->next;
		tend__unlock(&rt->threads_lock);
		if (!tt)
			return;
		tend__assert(tt->rt == rt);
		tend__thread_join(&tt->thread);
		tend__free(tt);
		if (!all)
			return; /* a spawn joins one thread, so ended threads do not pile up */
	}
}

/* ---- The spawn ---- */

static struct tend__spawn spawn_of(tend_runtime *rt, const char *site,
                                   const struct tend_task_opts *opts, bool kept)
{
	return (struct tend__spawn){.rt = rt,
	                            .site = site,
	                            .opts = opts,
	                            .ops = &kind_thread,
	                            .attempts = &attempt_of_thread,
	                            .kind = TEND_KIND_THREAD,
	                            .kept = kept,
	                            .starting = true};
}

/* Makes the task and its thread, which waits. The thread is made before the task is published, so a
 * failure leaves no trace: then tt is still the caller's. */
static int make(tend_scope scope, const struct tend__spawn *spawn, struct tend__thread_task *tt,
                tend_fn *fn, void *arg, struct tend__task **out)
{
	const struct tend_task_opts *opts = spawn->opts;
	struct tend__task *t;
	int error = tend__task_prepare(scope, spawn, &t);

	if (error)
		return error;
	tt->task = t;
	tt->rt = tend__scope_of(t)->rt;
	tend__set_own(t, tt);
	t->fn = fn;
	t->arg = arg;
	tend__threads_reap(tt->rt, false);
	error = tend__thread_start(&tt->thread, opts->name ? opts->name : "task", body, end, tt);
	if (error)
		tend__task_unprepare(t);
	else
		*out = t;
	return error;
}

/* Takes back what make() has made; tt is the caller's again. */
static void unmake(struct tend__thread_task *tt)
{
	tend__store_release(&tt->go, 2u);
	tend__futex_wake(&tt->go, 1);
	tend__thread_join(&tt->thread);
	tend__task_unprepare(tt->task);
}

/* Has the thread run; from here on tt is the thread's. */
static void go(struct tend__thread_task *tt)
{
	/* Release: pairs with the acquire in body(); the task and its record are whole. After
	 * this store tt may be freed, and the wake only names its address. */
	tend__store_release(&tt->go, 1u);
	tend__futex_wake(&tt->go, 1);
}

/* Returns 0, and then tt is the new thread's; or a negative errno value, and then tt is
 * still the caller's. */
static int spawn_thread(tend_scope scope, const struct tend__spawn *spawn,
                        struct tend__thread_task *tt, tend_fn *fn, void *arg, tend_task *out)
{
	struct tend__task *t;
	int error = make(scope, spawn, tt, fn, arg, &t);

	if (error)
		return error;
	error = tend__task_take_scope(t, spawn);
	if (error) {
		unmake(tt);
		return error;
	}
	tend_task name = {t->id};
	tend__task_start(t, spawn, TEND__READY);
	if (out)
		*out = name;
	go(tt);
	return 0;
}

int tend__thread_prepare(tend_runtime *rt, const char *site, tend_scope scope,
                         const struct tend_child *child, bool kept, struct tend__task **out)
{
	struct tend__spawn spawn = spawn_of(rt, site, child->opts, kept);
	struct tend__thread_task *tt = tend__alloc(sizeof(*tt));

	if (!tt)
		return -ENOMEM;
	spawn.in_set = true;
	int error = make(scope, &spawn, tt, child->fn, child->arg, out);
	if (error)
		tend__free(tt);
	return error;
}

void tend__thread_unprepare(struct tend__task *t)
{
	struct tend__thread_task *tt = tend__own(t);

	unmake(tt);
	tend__free(tt);
}

void tend__thread_go(struct tend__task *t) { go(tend__own(t)); }

int tend_spawn_thread_at(const char *site, tend_scope scope, tend_fn *fn, void *arg,
                         const struct tend_task_opts *opts, tend_task *out)
{
	TEND__KEEPS_ERRNO;
	struct tend_task_opts room;
	int error = tend__task_opts(&room, &opts);

	if (error)
		return error;
	if (!fn || (opts->flags & TEND_ABORTABLE))
		return -EINVAL;
	TEND__VISIT(rt, scope.id);
	struct tend__spawn spawn = spawn_of(rt, site, opts, out != NULL);
	if (!opts->restart)
		spawn.attempts = NULL;
	struct tend__thread_task *tt = tend__alloc(sizeof(*tt));
	if (!tt)
		return -ENOMEM;
	int cancelable;
	/* A pthread_cancel() of this thread takes effect before the spawn or after it. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
	error = spawn_thread(scope, &spawn, tt, fn, arg, out);
	pthread_setcancelstate(cancelable, NULL);
	if (error)
		tend__free(tt);
	return error;
}
