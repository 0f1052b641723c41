/* scope/shutdown.c - one stop of a subtree, under one deadline.
 *
 * An operation is data that belongs to its scope. The driver, which is the caller that made
 * the operation, takes the operation through its phases. A later caller waits for the end of
 * the operation, shares the result, and may make the deadline earlier. The phases:
 *
 *   seal -> cleanups -> drain -> cancel -> abort and kill -> abandon
 *
 * In every phase the driver first asks whether the subtree is empty, and then asks the
 * clock. So a subtree that has become empty is never reported as late. */
#include "scope/scope.h"
#include "scope/report.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>
#include <string.h>

/* (c) constant  (t) runtime.tree  (l) home.lock of the scope */
struct tend__shutdown {
	uint64_t deadline;           /* (l) */
	struct tend__scope *scope;   /* (c) */
	uint64_t id;                 /* (c) id of the scope */
	const void *by;              /* (c) the driver, as an address of caller_mark() */
	struct tend__waiter *driver; /* (l) the driver while the driver waits, or NULL */
	struct tend__link others;    /* (l) waiters of later callers */
	uint32_t users;              /* (t) callers inside */
	bool over;                   /* (t) */
	int result;                  /* valid once over */
	tend_report *report;         /* valid once over */
};

static void free_operation(struct tend__shutdown *op)
{
	if (!op)
		return;
	tend_report_free(op->report);
	tend__free(op);
}

/* Returns the instant at which abort and kill begin. Their time is the last fifth of the time
 * from the cancel to the deadline, at most a second. */
uint64_t tend__kill_at(uint64_t canceled, uint64_t deadline)
{
	if (deadline == TEND_FOREVER || deadline <= canceled)
		return deadline;
	uint64_t last = (deadline - canceled) / 5;
	tend__assert(last < deadline - canceled);
	return deadline - (last < TEND_SEC ? last : TEND_SEC);
}

/* Waits until the subtree is empty or the instant has come. Returns true if the subtree is
 * empty. A later caller that makes the deadline earlier wakes the driver, so that the driver
 * computes the instant from the new deadline. */
static bool await_until(struct tend__scope *s, uint64_t id, struct tend__shutdown *op,
                        uint64_t canceled, uint64_t (*instant)(uint64_t, uint64_t),
                        uint64_t at_most)
{
	for (;;) {
		struct tend__outside room;
		struct tend__waiter w = {.task = tend__self(&room)};

		tend__lock(&s->home.lock);
		/* A close may have ended the scope meanwhile; then the scope was empty. */
		if (!tend__scope_is(s, id) ||
		    tend__scope_count(tend__load_acquire(&s->home.record->word)) == 0) {
			tend__unlock(&s->home.lock);
			return true;
		}
		uint64_t at = instant(canceled, op->deadline);
		if (at_most < at)
			at = at_most;
		tend__assert(!op->driver && !op->over);
		op->driver = &w;
		tend__link_append(&s->waiters, &w.link);
		int error = tend__wait(&s->home.lock, &w, TEND__WAIT_SHUTDOWN, id, at,
		                       TEND__UNCANCELABLE);
		tend__lock(&s->home.lock);
		op->driver = NULL;
		tend__unlock(&s->home.lock);
		if (error)
			return false;
	}
}

static bool wait_until(struct tend__scope *s, uint64_t id, struct tend__shutdown *op,
                       uint64_t canceled, uint64_t (*instant)(uint64_t, uint64_t), uint64_t at_most)
{
	tend__await_begin(s);
	bool empty = await_until(s, id, op, canceled, instant, at_most);
	tend__await_end(s);
	return empty;
}

static uint64_t whole(uint64_t canceled, uint64_t deadline)
{
	(void)canceled;
	return deadline;
}

/* Asks each abortable fiber and each process below the scope to end now. */
void tend__shutdown_force(struct tend__scope *top, uint64_t id)
{
	tend_runtime *rt = top->rt;
	struct tend__header *h = rt->segment.header;
	uint32_t used = tend__load_acquire(&h->records_used);

	for (uint32_t slot = 2; slot < used; slot++) {
		struct tend__record *r = tend__record_at(h, slot);
		uint64_t task = tend__report_survivor(rt, r, slot, id);
		uint32_t kind = tend__load_acquire(&r->site_kind) & 0xff;
		struct tend__task *t;

		if (!task || tend__task_touch(rt, task, &t))
			continue;
		if ((kind == TEND_KIND_PROCESS || (t->flags & TEND_ABORTABLE)) &&
		    tend__task_mark(r, task, TEND__ABORTED)) {
			if (t->kind->told)
				t->kind->told(t);
			if (tend__task_notify_id(t, task))
				tend__task_wake(t);
		}
		tend__unlock(tend__stripe_of(rt, task));
	}
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
		if (s->shutdown && !s->shutdown->over)
			tend__report_killed(s->shutdown->report, t->id, path, processes, names);
	tend__unlock(&rt->tree);
}

static void close_admission(struct tend__scope *top, uint64_t id)
{
	tend__lock(&top->rt->tree);
	if (tend__scope_is(top, id))
		tend__subtree_flag(top, TEND__SCOPE_CLOSED);
	tend__unlock(&top->rt->tree);
}

void tend__shutdown_begin(struct tend__scope *s, uint64_t id)
{
	close_admission(s, id);
	tend__cleanups_run(s, id);
}

static int drive(struct tend__scope *s, uint64_t id, struct tend__shutdown *op,
                 const struct tend_shutdown_opts *opts)
{
	struct tend_reason reason = tend__reason(opts->code ? opts->code : -ECANCELED, opts->text,
	                                         tend__tls.task ? tend__tls.task->id : 0);

	op->report->begun = tend__clock();
	tend__shutdown_begin(s, id);
	bool empty = wait_until(s, id, op, 0, whole, opts->drain);
	/* An empty subtree is canceled as well, so that tend_scope_reason() answers the reason of
	 * the shutdown. */
	uint64_t canceled = reason.when = tend__clock();
	tend__scope_cancel(s, id, &reason);
	if (!empty)
		empty = wait_until(s, id, op, canceled, tend__kill_at, TEND_FOREVER);
	if (!empty) {
		tend__shutdown_force(s, id);
		empty = wait_until(s, id, op, canceled, whole, TEND_FOREVER);
	}
	op->report->ended = tend__clock();
	op->report->canceled = canceled;
	tend__report_fill(op->report, s, id, empty);
	/* A task that was admitted and is not published yet has no row in the report, so an
	 * empty report alone does not say that everything ended. */
	return op->report->count || (!empty && tend__scope_live(s, id) > 0) ? -ETIMEDOUT : 0;
}

/* Returns the operation that is under way, after making its deadline earlier if the caller's
 * is; or makes `fresh` the operation and returns `fresh`, with *mine true. */
static struct tend__shutdown *join_or_make(struct tend__scope *s, struct tend__shutdown *fresh,
                                           uint64_t deadline, bool *mine)
	TEND_REQUIRES(&s->rt->tree)
{
	struct tend__shutdown *op = s->shutdown;

	tend__assert_held(&s->rt->tree);
	tend__assert(!op || op->scope == s);
	*mine = !op || op->over;
	if (!*mine) {
		tend__lock(&s->home.lock);
		if (deadline < op->deadline) {
			op->deadline = deadline;
			if (op->driver && !op->driver->done)
				tend__waiter_done(op->driver, 0);
		}
		tend__unlock(&s->home.lock);
	} else {
		/* The last caller that leaves frees an operation that is over, if any caller is
		 * still inside. */
		if (op && !op->users)
			free_operation(op);
		op = s->shutdown = fresh;
	}
	op->users++;
	return op;
}

static void wait_for_driver(struct tend__scope *s, uint64_t id, struct tend__shutdown *op)
{
	struct tend__outside room;
	struct tend__waiter w = {.task = tend__self(&room)};

	tend__lock(&s->home.lock);
	if (op->over) {
		tend__unlock(&s->home.lock);
		return;
	}
	tend__link_append(&op->others, &w.link);
	if (tend__wait(&s->home.lock, &w, TEND__WAIT_SHUTDOWN, id, TEND_FOREVER,
	               TEND__UNCANCELABLE))
		return;
}

static void finish(struct tend__scope *s, struct tend__shutdown *op, int result)
{
	tend__lock(&s->rt->tree);
	tend__lock(&s->home.lock);
	tend__assert(!op->over && !op->driver && op->users > 0);
	op->result = result;
	op->over = true;
	while (tend__linked(&op->others))
		tend__waiter_done(tend__entry(op->others.next, struct tend__waiter, link), 0);
	tend__unlock(&s->home.lock);
	tend__unlock(&s->rt->tree);
}

/* Returns an address that identifies the caller: that of the calling task, or of the state of
 * the calling thread if the thread runs no task. */
static const void *caller_mark(void)
{
	return tend__tls.task ? (const void *)tend__tls.task : &tend__tls;
}

/* Takes the caller out of the operation and returns the result. The last caller frees the
 * operation, and reaps a scope that closes itself, because tend__scope_reap() leaves a scope
 * alone as long as the scope has an operation. */
static int leave(struct tend__shutdown *op, tend_report **report)
{
	struct tend__scope *s = op->scope;
	uint64_t id = op->id;

	tend__lock(&s->rt->tree);
	tend__assert(op->over && op->users > 0);
	int result = op->result;
	if (report)
		*report = tend__report_hold(op->report);
	if (--op->users == 0) {
		tend__assert(!tend__linked(&op->others));
		if (s->shutdown == op)
			s->shutdown = NULL;
		free_operation(op);
	}
	tend__lock(&s->home.lock);
	bool reap = s->closes_itself;
	tend__unlock(&s->home.lock);
	tend__unlock(&s->rt->tree);
	if (reap)
		tend__scope_reap(s->rt, id);
	return result;
}

/* Called when a cleanup of the scope has ended the driving task, by a panic, an abort or
 * pthread_exit(). The operation ends here, because the later callers would otherwise wait
 * forever. */
static void driver_left(void *arg)
{
	struct tend__shutdown *op = arg;

	finish(op->scope, op, -ECANCELED);
	(void)leave(op, NULL);
}

static void drive_to_end(struct tend__shutdown *op, const struct tend_shutdown_opts *o,
                         struct tend__defer *otherwise)
{
	struct tend__task *t = tend__tls.task;

	if (t) {
		*otherwise = (struct tend__defer){t->defers, driver_left, op};
		t->defers = otherwise;
	}
	int result = drive(op->scope, op->id, op, o);
	for (struct tend__defer **d = t ? &t->defers : NULL; d; d = &(*d)->next)
		if (*d == otherwise) {
			*d = otherwise->next;
			break;
		}
	tend__free(otherwise);
	finish(op->scope, op, result);
}

int tend_shutdown(tend_scope scope, uint64_t deadline, const struct tend_shutdown_opts *opts)
{
	TEND__VISIT(rt, scope.id);
	struct tend__scope *s = tend__scope_find(rt, scope.id);
	struct tend__shutdown *fresh, *op = NULL;
	struct tend__defer *otherwise;
	struct tend_shutdown_opts o;
	bool mine = false;

	if (!s)
		return tend__no_such();
	int error = tend__options(&o, sizeof(o), opts);
	if (error)
		return error;
	if (o.code > 0 || o.reserved)
		return -EINVAL;
	if (tend__inside(s) || tend__check_may_wait())
		return -EDEADLK;
	tend__deadline_check(deadline);
	otherwise = tend__alloc(sizeof(*otherwise));
	fresh = tend__alloc(sizeof(*fresh));
	if (fresh)
		fresh->report = tend__report_make(scope.id);
	if (!otherwise || !fresh || !fresh->report) {
		tend__free(otherwise);
		free_operation(fresh);
		return -ENOMEM;
	}
	fresh->deadline = deadline;
	fresh->scope = s;
	fresh->id = scope.id;
	fresh->by = caller_mark();
	tend__link_init(&fresh->others);

	tend__lock(&s->rt->tree);
	if (!tend__scope_is(s, scope.id))
		error = -ESRCH;
	else if (s->shutdown && !s->shutdown->over && s->shutdown->by == fresh->by)
		error = -EDEADLK; /* the driver calls from a cleanup */
	else
		op = join_or_make(s, fresh, deadline, &mine);
	tend__unlock(&s->rt->tree);
	if (op != fresh)
		free_operation(fresh);
	if (mine) {
		drive_to_end(op, &o, otherwise);
		return leave(op, o.report);
	}
	tend__free(otherwise);
	if (error)
		return error;
	wait_for_driver(s, scope.id, op);
	return leave(op, o.report);
}
