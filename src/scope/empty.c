/* scope/empty.c - how many tasks are live in a scope, and waiting until the scope is empty. */
#include "scope/batch.h"

#include "base/error.h"

#include <errno.h>

int tend__scope_await(struct tend__scope *s, uint64_t id, enum tend__wait_kind why,
                      uint64_t deadline, unsigned flags, uint64_t where)
{
	struct tend__outside room;
	struct tend__waiter w = {.task = tend__self(&room), .where = where};
	int error = 0;

	tend__await_begin(s);
	tend__lock(&s->home.lock);
	/* Under the lock, so that the last task to leave has given the lock back, too. A scope
	 * that was freed meanwhile was empty. */
	if (!tend__scope_is(s, id) ||
	    tend__scope_count(tend__load_acquire(&s->home.record->word)) == 0) {
		tend__unlock(&s->home.lock);
	} else if (tend__check_may_wait() && deadline) {
		tend__unlock(&s->home.lock);
		error = -EDEADLK;
	} else {
		tend__link_append(&s->waiters, &w.link);
		error = tend__wait(&s->home.lock, &w, why, id, deadline, flags | TEND__STAY);
		tend__assert(!tend__linked(&w.link));
	}
	tend__await_end(s);
	if (!error)
		TEND__EDGE_ACQUIRE(&s->home);
	return error;
}

static inline __attribute__((always_inline)) int wait_empty(tend_scope scope, uint64_t deadline)
{
	TEND__VISIT(rt, scope.id);
	struct tend__scope *s = tend__scope_find(rt, scope.id);

	if (!s)
		return tend__no_such();
	if (tend__inside(s))
		return -EDEADLK;
	return tend__scope_await(s, scope.id, TEND__WAIT_EMPTY, deadline, 0, TEND__CALLER);
}

int tend_scope_wait_empty(tend_scope scope, uint64_t deadline)
{
	return tend__abort_point(wait_empty(scope, deadline));
}

int64_t tend__scope_live(struct tend__scope *top, uint64_t id)
{
	/* Unused places must not be taken for tasks. */
	tend__places_revoke(top->rt);
	tend__lock(&top->rt->tree);
	if (!tend__scope_is(top, id)) {
		tend__unlock(&top->rt->tree);
		return -ESRCH;
	}
	/* Read whether any task is live before the walk: a task that ends during the walk must
	 * not turn a live scope into 0. */
	bool any = tend__scope_count(tend__load_acquire(&top->home.record->word)) != 0;
	int64_t live = 0;
	for (struct tend__scope *s = top; s; s = tend__scope_next(s, top, true)) {
		uint64_t word = tend__load_acquire(&s->home.record->word);

		tend__assert(word & TEND__SCOPE_LIVE);
		live += tend__scope_count(word);
		live -= tend__deferred_leaves(s->rt, s->id, 0) + tend__unused_places(s->rt, s->id);
		if (s != top && tend__scope_count(word))
			live--; /* s counts one in its parent, and is no task */
	}
	tend__unlock(&top->rt->tree);
	return live > 0 ? live : any;
}

int64_t tend_scope_live(tend_scope scope)
{
	TEND__VISIT(rt, scope.id);
	struct tend__scope *s = tend__scope_find(rt, scope.id);

	return s ? tend__scope_live(s, scope.id) : tend__no_such();
}
