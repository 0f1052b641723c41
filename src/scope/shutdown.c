/* scope/shutdown.c - one stop of a subtree, under one deadline.
 *
 * An operation is data that belongs to its scope, and to none of its callers. All callers
 * share the operation, with one result and one deadline, which a later caller may make earlier.
 * Every waiting caller also advances the operation: the caller that finds a step due takes
 * the step, and the others wait. A step runs no code of the program, so no caller leaves in the
 * middle. The phases:
 *
 *   seal -> cleanups -> drain -> stops in order -> cancel -> abort and kill -> abandon
 *
 * In every phase a caller first asks whether the subtree is empty, and then asks the clock.
 * So a subtree that has become empty is never reported as late.
 *
 * The cleanups run in a fiber below `detached`, the cleaner. A cleanup that does not come back
 * holds up the operation only until the last part of the time; a cleanup that panics ends the
 * cleaner, and another cleaner runs the rest. The cleaner heeds no cancel but its own, which
 * comes at the deadline. */
#include "scope/scope.h"
#include "scope/report.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>
#include <string.h>

enum { RETRY_NS = 10000000 }; /* between two tries to start a cleaner, or to find its stack */

enum phase { CLEANING, DRAINING, STOPPING, CANCELED, FORCED, OVER };

/* (c) constant  (t) runtime.tree  (l) home.lock of the scope  (x) any thread, in atomic steps */
struct tend__shutdown {
	struct tend__scope *scope; /* (c) */
	uint64_t id;               /* (c) id of the scope */
	uint64_t drain;            /* (c) */
	struct tend_reason reason; /* (c) but for `when`, which the cancel sets */
	uint64_t deadline;         /* (l) */
	enum phase phase;          /* (l) */
	bool busy;                 /* (l) a caller takes a step, without the lock */
	bool news;                 /* (l) the members of a scope are down: look at all */
	bool up;                   /* members of a scope are up; written by the caller that takes
	                              a step, and read while no caller is `busy` */
	struct tend__link waits;   /* (l) the sleeping callers */
	uint32_t callers;          /* (t) */
	_Atomic uint32_t users;    /* (x) callers and cleaners; the last frees the operation */

	struct tend__cleanup *cleanups; /* (l) the cleanups to come */
	struct tend__cleanup running;   /* (l) a copy of the cleanup under way; fn NULL: none */
	bool cleaning;                  /* (l) there is a cleaner */
	uint64_t cleaner;               /* (l) id of the cleaner once the cleaner runs; else 0 */
	uint64_t retry; /* (l) no cleaner could be had: the instant of the next try; else 0 */
	/* (c) while no stack can be had for the cleaner, which then is in no queue */
	struct tend__task *starved;
	struct tend__timer pause; /* then: a timer of the worker that had no stack */

	int result;          /* valid once over */
	tend_report *report; /* written by the steps */
};

/* A sleeping caller. */
struct wait {
	struct tend__waiter waiter;
	struct tend__link in_op;
};

static void free_operation(struct tend__shutdown *op)
{
	if (!op)
		return;
	while (op->cleanups) {
		struct tend__cleanup *c = op->cleanups;

		op->cleanups = c->next;
		tend__free(c);
	}
	tend_report_free(op->report);
	tend__free(op);
}

static void drop_user(struct tend__shutdown *op)
{
	/* seq_cst: the last user frees the memory after the writes of all users. */
	uint32_t users = tend__add(&op->users, (uint32_t)-1);

	tend__assert(users > 0);
	if (users == 1)
		free_operation(op);
}

/* Wakes the sleeping callers, for another look at the operation. */
static void tell(struct tend__shutdown *op) TEND_REQUIRES(&op->scope->home.lock)
{
	tend__assert_held(&op->scope->home.lock);
	for (struct tend__link *l = op->waits.next; l != &op->waits; l = l->next) {
		struct wait *wait = tend__entry(l, struct wait, in_op);

		if (!wait->waiter.done)
			tend__waiter_done(&wait->waiter, 0);
	}
}

/* Asks each abortable fiber and each process below the scope to end now. */
static void force(struct tend__scope *top, uint64_t id)
{
	tend_runtime *rt = top->rt;
	struct tend__header *h = rt->segment.header;
	uint32_t used = tend__load_acquire(&h->records_used);

	for (uint32_t slot = 2; slot < used; slot++) {
		struct tend__record *r = tend__record_at(h, slot);
		uint64_t task = tend__report_survivor(rt, r, slot, id);

		if (task)
			tend__task_force(rt, task);
	}
}

static void note_killed(struct tend__shutdown *op, uint64_t task, const char *path,
                        uint32_t processes, const char *names)
{
	/* Under the lock, because once the operation is over its report does not change. */
	tend__lock(&op->scope->home.lock);
	if (op->phase != OVER)
		tend__report_killed(op->report, task, path, processes, names);
	tend__unlock(&op->scope->home.lock);
}

void tend__shutdown_killed(const struct tend__task *t, uint32_t processes, const char *names)
{
	struct tend__scope *s = tend__scope_of(t);
	tend_runtime *rt = s->rt;
	char path[256];

	if (tend_path(t->id, path, sizeof(path)) < 0)
		path[0] = 0;
	tend__lock(&rt->tree);
	for (; s; s = tend__parent(s))
		if (s->shutdown)
			note_killed(s->shutdown, t->id, path, processes, names);
	tend__unlock(&rt->tree);
}

void tend__shutdown_news(struct tend__scope *s)
{
	tend_runtime *rt = s->rt;

	tend__lock(&rt->tree);
	for (; s; s = tend__parent(s))
		if (s->shutdown) {
			tend__lock(&s->home.lock);
			tend__assert_held(&s->shutdown->scope->home.lock);
			s->shutdown->news = true;
			tell(s->shutdown);
			tend__unlock(&s->home.lock);
		}
	tend__unlock(&rt->tree);
}

/* Tells all scopes of the shutdown. Returns whether a member is up. */
static bool tell_members(struct tend__shutdown *op, const struct tend_reason *reason)
	TEND_REQUIRES(&op->scope->rt->tree)
{
	struct tend__scope *s = tend__scope_is(op->scope, op->id) ? op->scope : NULL;
	bool up = false;

	for (; s; s = tend__scope_next(s, op->scope, true))
		up = s->rt->stop_members(s, reason) || up;
	return up;
}

/* Has the members of all scopes end in their order. Returns whether any is up. */
static bool stop_members(struct tend__shutdown *op)
{
	tend__lock(&op->scope->rt->tree);
	/* Without a reason first: a member waits for dependents in scopes that come later. */
	tell_members(op, NULL);
	bool up = tell_members(op, &op->reason);
	tend__unlock(&op->scope->rt->tree);
	return up;
}

/* ---- The cleaner ---- */

static int start_cleaner(struct tend__shutdown *op);

/* A cleaner is about to end, or could not begin. Returns false if cleanups are left and no other
 * cleaner can be had, though the operation is over: no caller tries again later, so this cleaner
 * has to go on. */
static bool cleaner_left(struct tend__shutdown *op, bool failed)
{
	tend__lock(&op->scope->home.lock);
	tend__assert(op->cleaning);
	op->cleaner = 0;
	op->running.fn = NULL;
	bool more = op->cleanups && !failed;
	tend__unlock(&op->scope->home.lock);
	if (!more || start_cleaner(op)) {
		tend__lock(&op->scope->home.lock);
		bool goes_on = op->cleanups && op->phase == OVER;
		op->cleaning = goes_on;
		op->retry = op->cleanups ? tend__clock() + RETRY_NS : 0;
		tell(op);
		tend__unlock(&op->scope->home.lock);
		if (goes_on)
			return false;
	}
	drop_user(op);
	return true;
}

/* The deadline has passed: from here on the waits of the cleanups answer -ECANCELED. */
static void cancel_cleaner(uint64_t id)
{
	tend_task_cancel((tend_task){id}, -ETIMEDOUT, "the deadline of the shutdown passed");
}

static uint32_t clean(struct tend__task *t)
{
	struct tend__shutdown *op = t->data;

	tend__lock(&op->scope->home.lock);
	/* The last step finds the cleaner here, or is over. */
	op->cleaner = t->id;
	if (op->phase == OVER) {
		tend__unlock(&op->scope->home.lock);
		cancel_cleaner(t->id);
		tend__lock(&op->scope->home.lock);
	}
	while (op->cleanups) {
		struct tend__cleanup *c = op->cleanups, it = *c;

		op->cleanups = c->next;
		op->running = it;
		tend__unlock(&op->scope->home.lock);
		tend__free(c); /* first, because fn may end the task */
		it.fn(it.arg);
		tend__lock(&op->scope->home.lock);
		op->running.fn = NULL;
	}
	tend__unlock(&op->scope->home.lock);
	tend__unwind(t);
	bool left = cleaner_left(op, false);

	tend__assert(left); /* no cleanup is left, and none is added */
	return TEND__WAIT_NONE;
}

/* A cleanup has panicked, and its line has been written. */
static void cleaner_leaves(struct tend__task *t)
{
	if (cleaner_left(t->data, false))
		tend__fiber_end(t);
	t->ending = 0;
	t->unwinding = 0;
	tend__fiber_rest(t, TEND__AGAIN);
}

static void cleaner_wakes(struct tend__task *t)
{
	if (t->worker)
		tend__fiber_wake(t);
	else
		tend__spawned(tend__scope_of(t)->rt, t);
}

static void try_again(struct tend__timer *timer)
{
	struct tend__shutdown *op = tend__entry(timer, struct tend__shutdown, pause);

	tend__spawned(op->scope->rt, op->starved);
}

static void cleaner_starves(struct tend__task *t, int error)
{
	tend_runtime *rt = tend__scope_of(t)->rt;
	struct tend__shutdown *op = t->data;

	if (!cleaner_left(op, true)) {
		/* Until a stack comes back. A timer of the worker, because there may be neither a
		 * monitor nor memory for one. */
		op->starved = t;
		op->pause = (struct tend__timer){.at = tend__clock() + RETRY_NS, .fire = try_again};
		tend__timers_insert(&tend__tls.worker->timers, &op->pause);
		return;
	}
	t->result = error;
	t->ending = TEND_FAILED;
	rt->finish(t);
}

static const struct tend__kind kind_cleaner = {
	.wake = cleaner_wakes, .turn = clean, .starved = cleaner_starves, .leave = cleaner_leaves};

/* Starts the cleaner. The caller has set `cleaning`, so that there is a single cleaner. Returns
 * 0 or the error. */
static int start_cleaner(struct tend__shutdown *op)
{
	tend_runtime *rt = op->scope->rt;

	tend__add(&op->users, 1);
	int error = rt->spawn_cleaner(rt, &kind_cleaner, op);
	if (error)
		drop_user(op);
	return error;
}

/* ---- The steps ---- */

enum step { WAIT, CLEAN, STOP, CANCEL, FORCE, REPORT, DONE };

static bool is_empty(const struct tend__shutdown *op)
{
	struct tend__scope *s = op->scope;

	/* A close may have ended the scope meanwhile; then the scope was empty. */
	return !tend__scope_is(s, op->id) ||
	       tend__scope_count(tend__load_acquire(&s->home.record->word)) == 0;
}

/* Returns the instant at which a step is due if nothing comes before. */
static uint64_t due(const struct tend__shutdown *op, bool empty)
{
	uint64_t at = op->deadline;

	if (op->phase == CLEANING)
		at = tend__last_part(op->report->begun, op->deadline);
	else if (op->phase == DRAINING && op->drain < at)
		at = op->drain;
	else if (op->phase == STOPPING)
		at = tend__last_part(op->report->begun, op->deadline);
	else if (op->phase == CANCELED && !empty)
		at = tend__last_part(op->report->canceled, op->deadline);
	if (op->cleanups && !op->cleaning && op->retry < at)
		at = op->retry;
	return at;
}

static enum step next_step(struct tend__shutdown *op, bool empty, uint64_t now)
	TEND_REQUIRES(&op->scope->home.lock)
{
	bool cleaned = !op->cleanups && !op->cleaning;

	tend__assert_held(&op->scope->home.lock);
	if (op->phase == OVER)
		return DONE;
	if (op->cleanups && !op->cleaning && now >= op->retry)
		return CLEAN;
	if (op->phase == CLEANING) {
		/* Where no cleaner can be had, the end of the tasks makes room for one. */
		if (!cleaned && !op->retry && now < due(op, empty))
			return WAIT;
		op->phase = DRAINING;
		tell(op);
	}
	if (op->phase == DRAINING)
		return empty || now >= due(op, empty) ? STOP : WAIT;
	if (op->phase == STOPPING && op->news && !empty)
		return STOP;
	if (op->phase == STOPPING)
		return empty || !op->up || now >= due(op, empty) ? CANCEL : WAIT;
	if (empty && cleaned)
		return REPORT;
	if (op->phase == CANCELED && !empty && now >= due(op, empty))
		return FORCE;
	return now >= op->deadline ? REPORT : WAIT;
}

static int report(struct tend__shutdown *op, bool empty, const struct tend__late *late)
{
	op->report->ended = tend__clock();
	tend__report_fill(op->report, op->scope, op->id, empty, late);
	/* A task that was admitted and is not published yet has no row in the report, so an
	 * empty report alone does not say that everything ended. */
	return op->report->count || (!empty && tend__scope_live(op->scope, op->id) > 0) ? -ETIMEDOUT
	                                                                                : 0;
}

/* Takes a step. The lock is released meanwhile, and the other callers wait. */
static void take(struct tend__shutdown *op, enum step step, bool empty)
	TEND_REQUIRES(&op->scope->home.lock)
{
	struct tend__late late = {.cleaner = op->cleaner};
	enum phase phase = op->phase;
	int error = 0;

	tend__assert(!op->busy && phase != OVER);
	op->busy = true;
	if (op->running.fn)
		late.what = op->running;
	else if (op->cleanups) {
		late.what = *op->cleanups;
		/* Without a cleaner none of them ever runs, and the list stays as it is. */
		late.behind = op->cleaning ? NULL : op->cleanups->next;
	}
	if (step == CLEAN)
		op->cleaning = true;
	op->news = op->news && step != STOP;
	tend__unlock(&op->scope->home.lock);
	if (step == CLEAN)
		error = start_cleaner(op);
	else if (step == STOP) {
		op->up = stop_members(op);
		phase = STOPPING;
	} else if (step == CANCEL) {
		/* An empty subtree is canceled as well, so that tend_scope_reason() answers the
		 * reason of the shutdown. */
		op->report->canceled = op->reason.when = tend__clock();
		tend__scope_cancel(op->scope, op->id, &op->reason);
		phase = CANCELED;
	} else if (step == FORCE) {
		force(op->scope, op->id);
		phase = FORCED;
	} else {
		op->result = report(op, empty, &late);
		phase = OVER;
	}
	tend__lock(&op->scope->home.lock);
	if (error)
		op->cleaning = false;
	if (step == CLEAN)
		op->retry = error ? tend__clock() + RETRY_NS : 0;
	op->phase = phase;
	/* A cleaner that begins from here on finds that the operation is over. */
	uint64_t cleaner = phase == OVER ? op->cleaner : 0;
	if (cleaner) {
		tend__unlock(&op->scope->home.lock);
		cancel_cleaner(cleaner);
		tend__lock(&op->scope->home.lock);
	}
	op->busy = false;
	tell(op);
}

/* ---- The callers ---- */

enum manner {
	SLEEPS, /* as any other wait */
	POLLS,  /* the caller runs the tasks of its hosted runtime */
	ASKS,   /* the caller drives a hosted runtime, and may not sleep */
};

/* Waits until the instant, or until there is news. */
static void pass_time(struct tend__shutdown *op, enum manner manner, struct tend__task *self,
                      bool empty, uint64_t until, uint64_t where)
	TEND_REQUIRES(&op->scope->home.lock)
{
	struct wait wait = {.waiter = {.task = self, .where = where}};

	if (manner == SLEEPS) {
		tend__link_init(&wait.waiter.link);
		tend__link_append(&op->waits, &wait.in_op);
		if (!empty)
			tend__link_append(&op->scope->waiters, &wait.waiter.link);
		/* News, or the instant: the caller looks. */
		(void)!tend__wait(&op->scope->home.lock, &wait.waiter, TEND__WAIT_SHUTDOWN, op->id,
		                  until, TEND__UNCANCELABLE);
		tend__lock(&op->scope->home.lock);
		tend__unlink(&wait.in_op);
		return;
	}
	tend__unlock(&op->scope->home.lock);
	if (manner == POLLS) {
		uint64_t soon = tend__clock() + TEND_MS;

		tend__worker_poll(&op->scope->rt->workers[0], until < soon ? until : soon);
	} else
		tend__thread_yield();
	tend__lock(&op->scope->home.lock);
}

/* Takes the operation to the end, or waits for the end. */
static void advance(struct tend__shutdown *op, enum manner manner, uint64_t where)
{
	struct tend__outside room;
	/* Before the lock, because tend__self() may take a scope's lock. */
	struct tend__task *self = manner == SLEEPS ? tend__self(&room) : NULL;

	tend__await_begin(op->scope);
	tend__lock(&op->scope->home.lock);
	while (op->phase != OVER) {
		bool empty = is_empty(op);
		enum step step = op->busy ? WAIT : next_step(op, empty, tend__clock());

		if (step != WAIT)
			take(op, step, empty);
		else
			pass_time(op, manner, self, empty, op->busy ? TEND_FOREVER : due(op, empty),
			          where);
	}
	tend__unlock(&op->scope->home.lock);
	tend__await_end(op->scope);
}

/* Joins the operation, after making its deadline earlier if the caller's is. Returns 0;
 * -ESRCH if the operation is over; or -EDEADLK. */
static int join(struct tend__shutdown *op, uint64_t deadline, enum manner manner)
{
	int error = 0;

	tend__lock(&op->scope->home.lock);
	if (op->phase == OVER)
		error = -ESRCH;
	else if (tend__tls.task && op->cleaner == tend__tls.task->id)
		error = -EDEADLK; /* a cleanup would wait for itself */
	else if (manner == ASKS && deadline)
		error = -EDEADLK;
	else if (deadline < op->deadline) {
		op->deadline = deadline;
		tell(op);
	}
	tend__unlock(&op->scope->home.lock);
	return error;
}

/* Joins the operation under way, or makes `fresh` the operation. A caller that may not
 * sleep gets an answer where nothing has to be waited for. Returns 0, -ESRCH or -EDEADLK. */
static int join_or_make(struct tend__scope *s, struct tend__shutdown *fresh, enum manner manner,
                        struct tend__shutdown **out) TEND_REQUIRES(&s->rt->tree)
{
	struct tend__shutdown *op = s->shutdown;

	tend__assert_held(&s->rt->tree);
	tend__assert(!op || op->scope == s);
	if (!tend__scope_is(s, fresh->id))
		return -ESRCH;
	int error = op ? join(op, fresh->deadline, manner) : -ESRCH;
	if (error == -ESRCH) {
		if (manner == ASKS && fresh->deadline &&
		    (tend__scope_count(tend__load_acquire(&s->home.record->word)) ||
		     tend__has_cleanups(s)))
			return -EDEADLK;
		/* Nothing to wait for; of a task that enters now, the end is not waited for. */
		if (manner == ASKS)
			fresh->deadline = 0;
		tend__subtree_flag(s, TEND__SCOPE_CLOSED | TEND__SCOPE_STOPPING);
		fresh->cleanups = tend__cleanups_take(s);
		s->shutdown = op = fresh;
	} else if (error)
		return error;
	op->callers++;
	tend__add(&op->users, 1);
	*out = op;
	return 0;
}

/* Takes the caller out of the operation and returns the result. The last caller reaps a scope
 * that closes itself, because tend__scope_reap() leaves a scope alone as long as the scope has
 * an operation. */
static int leave(struct tend__shutdown *op, tend_report **report)
{
	struct tend__scope *s = op->scope;
	uint64_t id = op->id;

	tend__lock(&s->rt->tree);
	tend__assert(op->callers > 0);
	int result = op->result;
	if (report)
		*report = tend__report_hold(op->report);
	if (--op->callers == 0) {
		tend__assert(!tend__linked(&op->waits));
		if (s->shutdown == op)
			s->shutdown = NULL;
	}
	tend__lock(&s->home.lock);
	bool reap = s->closes_itself;
	tend__unlock(&s->home.lock);
	tend__unlock(&s->rt->tree);
	drop_user(op);
	if (reap)
		tend__scope_reap(s->rt, id);
	return result;
}

static struct tend__shutdown *make(struct tend__scope *s, uint64_t id, uint64_t deadline,
                                   const struct tend_shutdown_opts *o)
{
	struct tend__shutdown *op = tend__alloc(sizeof(*op));

	if (!op)
		return NULL;
	op->report = tend__report_make(id);
	if (!op->report) {
		tend__free(op);
		return NULL;
	}
	op->report->begun = tend__clock();
	op->scope = s;
	op->id = id;
	op->drain = o->drain;
	op->deadline = deadline;
	op->reason = tend__reason(o->code ? o->code : -ECANCELED, o->text,
	                          tend__tls.task ? tend__tls.task->id : 0);
	tend__link_init(&op->waits);
	return op;
}

int tend__shutdown(struct tend__scope *s, uint64_t id, uint64_t deadline,
                   const struct tend_shutdown_opts *o, bool polls, uint64_t where)
{
	enum manner manner = polls ? POLLS : tend__check_may_wait() ? ASKS : SLEEPS;
	struct tend__shutdown *fresh = make(s, id, deadline, o), *op = NULL;

	if (!fresh)
		return -ENOMEM;
	tend__lock(&s->rt->tree);
	int error = join_or_make(s, fresh, manner, &op);
	tend__unlock(&s->rt->tree);
	if (op != fresh)
		free_operation(fresh);
	if (error)
		return error;
	advance(op, manner, where);
	return leave(op, o->report);
}

int tend_shutdown(tend_scope scope, uint64_t deadline, const struct tend_shutdown_opts *opts)
{
	TEND__VISIT(rt, scope.id);
	struct tend__scope *s = tend__scope_find(rt, scope.id);
	struct tend_shutdown_opts o;

	if (!s)
		return tend__no_such();
	int error = tend__options(&o, sizeof(o), opts);
	if (error)
		return error;
	if (o.code > 0 || o.reserved)
		return -EINVAL;
	if (tend__inside(s))
		return -EDEADLK;
	tend__deadline_check(deadline);
	return tend__shutdown(s, scope.id, deadline, &o, false, TEND__CALLER);
}
