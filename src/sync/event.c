/* sync/event.c - an event and the tasks that wait for the event, and watches. */
#include "tend/sync.h"

#include "scope/scope.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/number.h"
#include "base/text.h"

#include <errno.h>

struct tend_event {
	struct tend__lock lock;
	struct tend__link waiters TEND_GUARDED_BY(&lock);
	bool set TEND_GUARDED_BY(&lock);
	uint32_t watches TEND_GUARDED_BY(&lock); /* watches that will set the event */
	uint64_t number;                         /* the tree shows the event by this number */
};

int tend_event_open(tend_event **out)
{
	if (tend__check_process())
		return -ESTALE;
	tend_event *e = tend__alloc(sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->number = tend__number();
	tend__link_init(&e->waiters);
	*out = e;
	return 0;
}

void tend_event_close(tend_event *e)
{
	if (!e)
		return;
	/* The waiter, or the change of what is watched, would use freed memory, much later and
	 * far from here. */
	tend__lock(&e->lock);
	if (tend__linked(&e->waiters))
		tend__freed_under(&e->lock, "event", e->number,
		                  tend__entry(e->waiters.next, struct tend__waiter, link),
		                  __builtin_return_address(0));
	uint32_t watches = e->watches;
	tend__unlock(&e->lock);
	if (watches) {
		char where[128];
		struct tend__text place = tend__text(where, sizeof(where));

		tend__text_address(&place, __builtin_return_address(0));
		tend__bug("tend: event#%llu is freed at %s while a watch is to set it",
		          (unsigned long long)e->number, where);
	}
	tend__free(e);
}

static void set(tend_event *e) TEND_REQUIRES(&e->lock)
{
	tend__assert_held(&e->lock);
	e->set = true;
	while (tend__linked(&e->waiters))
		tend__waiter_done(tend__entry(e->waiters.next, struct tend__waiter, link), 0);
}

void tend_event_set(tend_event *e)
{
	tend__lock(&e->lock);
	set(e);
	tend__unlock(&e->lock);
}

void tend_event_clear(tend_event *e)
{
	tend__lock(&e->lock);
	e->set = false;
	tend__unlock(&e->lock);
}

int tend_event_wait(tend_event *e, uint64_t deadline)
{
	int error = tend__check_wait(deadline);

	if (error)
		return error;
	struct tend__outside room;
	struct tend__waiter w = {.task = tend__self(&room), .where = TEND__CALLER};
	tend__lock(&e->lock);
	if (e->set) {
		tend__assert(!tend__linked(&e->waiters));
		tend__unlock(&e->lock);
		/* A wait that could go on at once still answers a visible cancel. */
		return tend__cancel_point(w.task) ? -ECANCELED : 0;
	}
	tend__link_append(&e->waiters, &w.link);
	return tend__wait(&e->lock, &w, TEND__WAIT_EVENT, e->number, deadline, 0);
}

/* ---- Watches: the end of a task sets an event, or each change does ---- */

static void count(tend_event *e, bool more)
{
	tend__lock(&e->lock);
	tend__assert(more || e->watches > 0);
	e->watches += more ? 1 : -1u;
	tend__unlock(&e->lock);
}

/* A single step, because the task that the event wakes may free the event. */
static void fire(void *event)
{
	tend_event *e = event;

	tend__lock(&e->lock);
	tend__assert(e->watches > 0);
	e->watches--;
	set(e);
	tend__unlock(&e->lock);
}

int tend_watch(tend_task task, tend_event *event)
{
	TEND__VISIT(rt, task.id);
	struct tend__task *t;
	int error = tend__task_touch(rt, task.id, &t);

	if (error)
		return error;
	tend__assert_held(tend__stripe_of(rt, task.id));
	if ((tend__task_word(t) & TEND__STATE) == TEND__ENDED)
		tend_event_set(event);
	else {
		struct tend__watch *w = tend__alloc(sizeof(*w));

		if (w && tend__task_extra(t)) {
			*w = (struct tend__watch){.fire = fire, .arg = event};
			tend__link_append(&t->extra->watches, &w->link);
			count(event, true);
		} else {
			tend__free(w);
			error = -ENOMEM;
		}
	}
	tend__unlock(tend__stripe_of(rt, task.id));
	return error;
}

int tend_unwatch(tend_task task, tend_event *event)
{
	TEND__VISIT(rt, task.id);
	struct tend__task *t;
	int error = tend__task_touch(rt, task.id, &t);

	if (error)
		return error;
	struct tend__watch *found = NULL;
	for (struct tend__link *l = t->extra ? t->extra->watches.next : NULL;
	     l && l != &t->extra->watches && !found; l = l->next) {
		struct tend__watch *w = tend__entry(l, struct tend__watch, link);

		if (w->arg == event)
			found = w;
	}
	if (found) {
		tend__unlink(&found->link);
		count(event, false);
	}
	tend__unlock(tend__stripe_of(rt, task.id));
	tend__free(found);
	return found ? 0 : -ENOENT;
}

static void ring(void *event, bool last)
{
	tend_event *e = event;

	if (last) {
		fire(e);
		return;
	}
	tend_event_set(e);
}

static int watch_scope(tend_runtime *rt, struct tend__change_watch *w)
{
	struct tend__scope *s = tend__scope_find(rt, w->id);

	if (!s)
		return tend__no_such();
	tend__lock(&s->rt->tree);
	int error = tend__scope_is(s, w->id) ? 0 : -ESRCH;
	if (!error) {
		count(w->arg, true);
		tend__change_watch(s->rt, w);
	}
	tend__unlock(&s->rt->tree);
	return error;
}

/* Returns 1 if the task has ended: no change is to come, and the watch stays the caller's. */
static int watch_task(tend_runtime *rt, struct tend__change_watch *w)
{
	struct tend__task *t;
	int error = tend__task_touch(rt, w->id, &t);

	if (error)
		return error;
	bool live = (tend__task_word(t) & TEND__STATE) != TEND__ENDED;
	if (live) {
		count(w->arg, true);
		tend__change_watch(rt, w);
	} else
		tend_event_set(w->arg);
	tend__unlock(tend__stripe_of(rt, w->id));
	return !live;
}

int tend_watch_changes(uint64_t id, tend_event *event)
{
	TEND__VISIT(rt, id);
	if (!rt)
		return tend__no_such();
	struct tend__change_watch *w = tend__alloc(sizeof(*w));

	if (!w)
		return -ENOMEM;
	*w = (struct tend__change_watch){.id = id, .ring = ring, .arg = event};
	tend__link_init(&w->link);
	int error = watch_scope(rt, w);
	if (error == -ESRCH)
		error = watch_task(rt, w);
	if (error) {
		tend__free(w);
		return error < 0 ? error : 0;
	}
	tend__listen();
	return 0;
}

int tend_unwatch_changes(uint64_t id, tend_event *event)
{
	TEND__VISIT(rt, id);
	if (!rt)
		return tend__no_such();
	struct tend__change_watch *w = tend__change_unwatch(rt, id, event);

	if (!w)
		return -ENOENT;
	count(event, false);
	tend__free(w);
	return 0;
}
