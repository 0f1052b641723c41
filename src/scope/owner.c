/* scope/owner.c - which task owns a scope, and what happens to the scope when its owner
 * ends. */
#include "scope/scope.h"

#include "base/error.h"

#include <errno.h>

/* Closes the scope of an owner that has ended, and cancels what is below: the scope ends itself
 * when it is empty. The lock of the tree is released meanwhile. */
static void close_behind(tend_runtime *rt, struct tend__scope *s, const struct tend_reason *reason)
	TEND_REQUIRES(&rt->tree)
{
	uint64_t id = s->id;

	tend__assert(s->rt == rt);
	tend__assert_held(&s->rt->tree);
	tend__lock(&s->home.lock);
	s->closes_itself = true;
	tend__unlock(&s->home.lock);
	tend__subtree_flag(s, TEND__SCOPE_CLOSED);
	tend__unlock(&rt->tree);
	tend__scope_cancel(s, id, reason);
	tend__places_revoke(rt);
	tend__scope_reap(rt, id); /* the scope may be empty already */
	tend__lock(&rt->tree);
}

void tend__disown(struct tend__task *t)
{
	tend_runtime *rt = tend__scope_of(t)->rt;

	tend__lock(&rt->tree);
	tend__assert(!t->leaving);
	t->leaving = true;
	while (tend__linked(&t->owned)) {
		struct tend__scope *s = tend__entry(t->owned.next, struct tend__scope, owned);
		struct tend_reason reason = tend__reason(-ECANCELED, "its owner ended", t->id);

		tend__assert(s->rt == rt && tend__peek(&s->owner) == t->id);
		tend__unlink(&s->owned);
		tend__store_relaxed(&s->owner, 0);
		close_behind(rt, s, &reason);
	}
	tend__unlock(&rt->tree);
}

/* Returns a scope opened by the attempt which closes itself, or does not yet; or NULL. */
static struct tend__scope *next_opened(tend_runtime *rt, struct tend__task *t, bool closing)
	TEND_REQUIRES(&rt->tree)
{
	tend__assert_held(&rt->tree);
	for (struct tend__link *l = t->owned.next; l != &t->owned; l = l->next) {
		struct tend__scope *s = tend__entry(l, struct tend__scope, owned);

		tend__lock(&s->home.lock);
		bool closes = s->closes_itself;
		tend__unlock(&s->home.lock);
		if (!s->held && closes == closing)
			return s;
	}
	return NULL;
}

/* Waits until the scope is empty, or until the task is to end for good. */
static void await_opened(struct tend__task *t, struct tend__scope *s, uint64_t id)
{
	tend__await_begin(s);
	tend__lock(&s->home.lock);
	/* A scope that was freed meanwhile was empty. */
	while (tend__scope_is(s, id) &&
	       tend__scope_count(tend__load_acquire(&s->home.record->word)) &&
	       !tend__is_to_end(t)) {
		struct tend__waiter w = {.task = t};

		tend__link_append(&s->waiters, &w.link);
		/* Any notify may be the cancel of the task, or the close of its home. */
		(void)!tend__wait(&s->home.lock, &w, TEND__WAIT_CLOSE, id, TEND_FOREVER,
		                  TEND__UNCANCELABLE | TEND__ONCE);
		tend__lock(&s->home.lock);
		tend__unlink(&w.link);
	}
	tend__unlock(&s->home.lock);
	tend__await_end(s);
}

void tend__disown_attempt(struct tend__task *t)
{
	tend_runtime *rt = tend__scope_of(t)->rt;
	struct tend__scope *s;

	tend__assert(t->in_cancel_list && t == tend__tls.task);
	tend__lock(&rt->tree);
	/* All are told before the first is awaited. The task stays the owner, so a wait for the
	 * task from below is still refused. */
	while ((s = next_opened(rt, t, false))) {
		struct tend_reason reason =
			tend__reason(-ECANCELED, "its owner's attempt ended", t->id);

		close_behind(rt, s, &reason);
	}
	while (!tend__is_to_end(t) && (s = next_opened(rt, t, true))) {
		uint64_t id = s->id;
		bool empty = !tend__scope_count(tend__load_acquire(&s->home.record->word));

		/* A close or a shutdown under way ends the empty scope instead. */
		if (empty) {
			tend__unlink(&s->owned);
			tend__store_relaxed(&s->owner, 0);
		}
		tend__unlock(&rt->tree);
		if (empty)
			tend__scope_reap(rt, id);
		else
			await_opened(t, s, id);
		tend__lock(&rt->tree);
	}
	tend__unlock(&rt->tree);
}

static int hold(struct tend__scope *s, uint64_t id, struct tend__task *t)
	TEND_REQUIRES(&s->rt->tree)
{
	tend__assert_held(&s->rt->tree);
	if (!tend__scope_is(s, id) || (t && t->leaving))
		return -ESRCH;
	if (s == s->rt->root || s == s->rt->detached || (t && tend__scope_of(t)->rt != s->rt))
		return -EINVAL;
	if (t && tend__below(tend__scope_of(t), s))
		return -EDEADLK;
	tend__assert(tend__linked(&s->owned) == (tend__peek(&s->owner) != 0));
	tend__unlink(&s->owned);
	tend__store_relaxed(&s->owner, t ? t->id : 0);
	s->held = t != NULL;
	if (t)
		tend__link_append(&t->owned, &s->owned);
	return 0;
}

__attribute__((noinline)) int tend__scope_set_owner(uint64_t scope_id, struct tend__task *t)
{
	TEND__VISIT(rt, scope_id);
	struct tend__scope *s = tend__scope_find(rt, scope_id);

	if (!s)
		return tend__no_such();
	tend__lock(&s->rt->tree);
	int error = hold(s, scope_id, t);
	tend__unlock(&s->rt->tree);
	return error;
}

int tend_scope_hold(tend_scope scope, tend_task owner)
{
	TEND__VISIT(rt, scope.id);
	struct tend__scope *s = tend__scope_find(rt, scope.id);
	struct tend__task *t;

	if (!s)
		return tend__no_such();
	if (!owner.id)
		return tend__scope_set_owner(scope.id, NULL);
	TEND__VISIT(of_owner, owner.id);
	tend__lock(&s->rt->tree);
	/* While the stripe is held, the owner cannot end and its slot cannot become another
	 * task's. */
	int error = tend__task_touch(of_owner, owner.id, &t);
	if (!error) {
		/* A task that has ended, with its outcome kept, cannot own a scope, because no
		 * end of the task would close the scope any more. An external task, a kind
		 * without `leave`, cannot own a scope either, because the task has no end of
		 * its own that the runtime would see in time. */
		if ((tend__task_word(t) & TEND__STATE) == TEND__ENDED)
			error = -ESRCH;
		else
			error = t->kind->leave ? hold(s, scope.id, t) : -EINVAL;
		tend__unlock(tend__stripe_of(of_owner, owner.id));
	}
	tend__unlock(&s->rt->tree);
	return error;
}

bool tend__owns_caller(uint64_t id)
{
	struct tend__task *self = tend__tls.task;

	for (struct tend__scope *s = self ? tend__scope_of(self) : NULL; s; s = tend__parent(s))
		/* Relaxed: an owner that is made during this look is seen, or comes later. */
		if (tend__load_relaxed(&s->owner) == id)
			return true;
	return false;
}
