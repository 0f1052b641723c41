/* scope/changes.c - telling of changes: events for the subscribers, and the watches of a scope or
 * task, each of which is called at a change there or below.
 *
 * A change is made before it is told. Most changes have no listener, and then cost a load. So no
 * barrier stands between the change and the load: a new listener has all threads pass a barrier,
 * by tend__listen(). A thread that has not seen the listener has made its change before that
 * barrier, and the listener sees the change when the listener looks. */
#include "scope/scope.h"

#include "base/alloc.h"
#include "base/error.h"

void tend__listen(void)
{
	static const _Atomic uint32_t never;

	/* Where the kernel has no such barrier: no store takes so long to be seen. */
	if (!tend__barrier())
		tend__futex_wait(&never, 0, tend__clock() + TEND_MS);
}

void tend__bells_open(tend_runtime *rt)
{
	for (int i = 0; i < TEND__BELLS; i++) {
		struct tend__bell *bell = &rt->bells[i];

		tend__lock(&bell->lock);
		tend__link_init(&bell->watches);
		tend__unlock(&bell->lock);
	}
}

static struct tend__bell *bell_of(tend_runtime *rt, uint64_t id)
{
	return &rt->bells[tend__id_slot(id) % TEND__BELLS];
}

/* A watch that is no longer in the list of its bell. */
static void forget(tend_runtime *rt, struct tend__bell *bell, struct tend__change_watch *w)
	TEND_REQUIRES(&bell->lock)
{
	tend__assert_held(&bell->lock);
	tend__assert(!tend__linked(&w->link));
	/* Relaxed, both: a thread that still sees the watch finds none in the list. */
	tend__store_relaxed(&bell->count, tend__load_relaxed(&bell->count) - 1);
	tend__add_relaxed(&rt->listeners, (uint32_t)-1);
}

static void ring(tend_runtime *rt, uint64_t id, bool last)
{
	struct tend__bell *bell = bell_of(rt, id);

	/* Relaxed: as the look at the listeners before. */
	if (!tend__load_relaxed(&bell->count))
		return;
	tend__lock(&bell->lock);
	for (struct tend__link *l = bell->watches.next; l != &bell->watches;) {
		struct tend__change_watch *w = tend__entry(l, struct tend__change_watch, link);

		l = l->next;
		if (w->id != id)
			continue;
		if (last) {
			tend__unlink(&w->link);
			forget(rt, bell, w);
		}
		w->ring(w->arg, last);
		if (last)
			tend__free(w);
	}
	tend__unlock(&bell->lock);
}

void tend__tell_all(struct tend__scope *s, struct tend__record *r, const struct tend__event *event)
{
	tend_runtime *rt = s->rt;
	bool ended = event->type == TEND_EVENT_ENDED;

	if (event->type && tend__events_wanted(&rt->segment))
		tend__event_emit(&rt->segment, tend__ring_number(rt), r, event);
	if (event->id != s->id)
		ring(rt, event->id, ended);
	/* The scopes above stay open: a task below is live, or the caller has the tree. */
	for (; s; s = tend__parent(s))
		ring(rt, s->id, ended && s->id == event->id);
}

void tend__task_began(struct tend__task *t)
{
	struct tend__scope *s = tend__scope_of(t);

	tend__tell_all(s, t->record,
	               &(struct tend__event){.type = TEND_EVENT_BEGAN,
	                                     .id = t->id,
	                                     .parent = s->id,
	                                     .at = tend__coarse()});
}

bool tend__task_rests(struct tend__task *t, enum tend__wait_kind wait)
{
	struct tend__scope *s = tend__scope_of(t);
	struct tend__lock *stripe = tend__stripe_of(s->rt, t->id);

	tend__lock(stripe);
	/* From the park on, another thread may have the task run, and end. A task that was touched
	 * ends with the stripe, so the task and its scope stay until the telling is over. */
	bool live = tend__task_mark(t->record, t->id, TEND__TOUCHED);
	bool parked = tend__task_park(t, wait);
	tend__assert(live);
	tend__tell_all(s, t->record, &(struct tend__event){.id = t->id});
	tend__unlock(stripe);
	return parked;
}

void tend__change_watch(tend_runtime *rt, struct tend__change_watch *w)
{
	struct tend__bell *bell = bell_of(rt, w->id);

	tend__lock(&bell->lock);
	tend__link_append(&bell->watches, &w->link);
	/* Relaxed, both: ordered by the barrier of tend__listen(). */
	tend__store_relaxed(&bell->count, tend__load_relaxed(&bell->count) + 1);
	tend__add_relaxed(&rt->listeners, 1);
	tend__unlock(&bell->lock);
}

struct tend__change_watch *tend__change_unwatch(tend_runtime *rt, uint64_t id, const void *arg)
{
	struct tend__bell *bell = bell_of(rt, id);
	struct tend__change_watch *found = NULL;

	tend__lock(&bell->lock);
	for (struct tend__link *l = bell->watches.next; l != &bell->watches && !found;
	     l = l->next) {
		struct tend__change_watch *w = tend__entry(l, struct tend__change_watch, link);

		if (w->id == id && w->arg == arg)
			found = w;
	}
	if (found) {
		tend__unlink(&found->link);
		forget(rt, bell, found);
	}
	tend__unlock(&bell->lock);
	return found;
}
