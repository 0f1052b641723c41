/* scope/end.c - the end of an empty scope, and the counts of a scope. */
#include "scope/batch.h"

#include "base/alloc.h"
#include "base/error.h"
#include "runtime/monitor.h"

#include <string.h>

/* Every admitted task is in the scope or has ended, so the sum of both is the number of
 * spawns: a counter of spawns would cost a locked add for each. The sum is exact once no
 * task is live. */
void tend__scope_counts(struct tend__scope *s, struct tend_stats *out)
{
	int64_t in = tend__scope_count(tend__load_acquire(&s->home.record->word));

	tend__assert_held(&s->rt->tree);
	in -= tend__unused_places(s->rt, s->id);
	for (struct tend__link *l = s->children.next; l != &s->children; l = l->next) {
		struct tend__scope *child = tend__entry(l, struct tend__scope, sibling);

		if (tend__scope_count(tend__load_acquire(&child->home.record->word)))
			in--;
	}
	uint64_t ended[TEND_REJECTED + 1];
	tend__lock(&s->home.lock);
	for (uint32_t i = TEND_COMPLETED; i <= TEND_REJECTED; i++) {
		uint32_t owed = tend__deferred_leaves(s->rt, s->id, i);

		in -= owed;
		/* Relaxed: a counter, which flush_leaves() writes under the lock. */
		ended[i] = tend__load_relaxed(&s->ended[i]) + owed;
	}
	*out = (struct tend_stats){
		.completed = ended[TEND_COMPLETED],
		.failed = ended[TEND_FAILED],
		.canceled = ended[TEND_CANCELED],
		.panicked = ended[TEND_PANICKED],
		.aborted = ended[TEND_ABORTED],
		.killed = ended[TEND_KILLED],
		.rejected = ended[TEND_REJECTED],
		/* Relaxed: a counter. */
		.refused = tend__load_relaxed(&s->refused),
		.spawned = in > 0 ? (uint64_t)in : 0,
	};
	for (uint32_t i = TEND_COMPLETED; i <= TEND_REJECTED; i++)
		out->spawned += ended[i];
	out->gave_up = s->gave_up;
	out->attempts = s->attempts;
	out->restarts = s->restarts;
	out->timeouts = s->timeouts;
	out->first_error = s->first_error;
	memcpy(out->first_name, s->first_name, sizeof(out->first_name));
	tend__unlock(&s->home.lock);
}

int(tend_scope_stats)(tend_scope scope, struct tend_stats *out)
{
	size_t size = tend__out_size(out);

	if (!size)
		return -EINVAL;
	TEND__VISIT(rt, scope.id);
	struct tend__scope *s = tend__scope_find(rt, scope.id);

	if (!s)
		return tend__no_such();
	tend__lock(&s->rt->tree);
	int error = tend__scope_is(s, scope.id) ? 0 : -ESRCH;
	struct tend_stats counts;
	if (!error)
		tend__scope_counts(s, &counts);
	tend__unlock(&s->rt->tree);
	if (!error)
		tend__out_fill(out, size, &counts, sizeof(counts));
	return error;
}

/* Drops the outcomes which no joiner has taken. The thread that takes a task from the list
 * frees the task, here or in tend_join(). */
static void drop_kept(struct tend__scope *s)
{
	for (;;) {
		struct tend__task *t = NULL;

		tend__lock(&s->home.lock);
		if (tend__linked(&s->kept)) {
			t = tend__entry(s->kept.next, struct tend__task, in_scope);
			tend__unlink(&t->in_scope);
		}
		tend__unlock(&s->home.lock);
		if (!t)
			return;
		struct tend__lock *stripe = tend__stripe_of(s->rt, t->id);

		tend__lock(stripe);
		tend__assert((tend__peek(&t->record->word) & TEND__STATE) == TEND__ENDED);
		tend__task_free(s->rt, t);
		tend__unlock(stripe);
	}
}

/* Ends a scope without children. Returns false if a spawn is entering the scope. */
static bool end_one(struct tend__scope *s) TEND_REQUIRES(&s->rt->tree)
{
	tend__assert_held(&s->rt->tree);
	tend__assert(!tend__linked(&s->children));
	/* With the lock, so that the last task to leave has given the lock back, too. */
	tend__lock(&s->home.lock);
	uint64_t word = tend__load_acquire(&s->home.record->word);
	/* Clear LIVE only while the count is 0; no spawn succeeds once LIVE is clear. Retry if
	 * the exchange failed because a flag changed: the caller has seen count 0, and does not
	 * call a second time. */
	while (tend__scope_count(word) == 0 &&
	       !tend__cas(&s->home.record->word, &word, word & ~(uint64_t)TEND__SCOPE_LIVE)) {}
	/* At count 0 the last task to leave has woken all waiters, and no task is linked. */
	tend__assert(tend__scope_count(word) != 0 ||
	             (!tend__linked(&s->waiters) && !tend__linked(&s->home.cancel_list)));
	if (tend__scope_count(word) == 0)
		s->rt->end_round(s);
	tend__unlock(&s->home.lock);
	tend__assert(word & TEND__SCOPE_LIVE);
	if (tend__scope_count(word) != 0)
		return false;
	struct tend__scope *parent = tend__parent(s);
	if (parent && parent->names)
		tend__unique_leave(parent, s->id, s->home.record);
	tend__scope_tell(s, TEND_EVENT_ENDED, 0);
	drop_kept(s);
	tend__assert(!tend__linked(&s->kept));
	if (s->closer)
		tend__scope_counts(s, s->closer);
	s->closer = NULL;
	tend__failure_hand_up(s);
	while (s->cleanups) {
		struct tend__cleanup *c = s->cleanups;

		s->cleanups = c->next;
		tend__free(c);
	}
	s->shutdown = NULL; /* an operation under way belongs to its callers */
	tend__alarm_drop(s->deadline_alarm);
	tend__alarm_drop(s->shield_alarm);
	tend__free(s->group);
	tend__unique_close(s->names);
	tend__unlink(&s->sibling);
	tend__unlink(&s->owned);
	tend__slot_give(&s->rt->segment, tend__slots_of(s->rt), tend__id_slot(s->id),
	                TEND__SCOPE_NOTED);
	return true;
}

bool tend__subtree_end(struct tend__scope *s)
{
	struct tend__scope *top = s;

	for (;;) {
		while (tend__linked(&s->children))
			s = tend__entry(s->children.next, struct tend__scope, sibling);
		struct tend__scope *parent = tend__parent(s);
		if (!end_one(s))
			return false;
		if (s == top)
			return true;
		tend__assert(parent);
		s = parent;
	}
}

void tend__scope_reap(tend_runtime *rt, uint64_t id)
{
	struct tend__scope *s = tend__load_relaxed(&rt->scopes[tend__id_slot(id)]);

	tend__lock(&s->rt->tree);
	/* A close that waits ends the scope itself, and a shutdown under way reaps it later.
	 * The whole subtree or nothing: while a task below is live, an idle scope there may
	 * still be used by it. */
	if (tend__scope_is(s, id) && !s->closer && !s->shutdown &&
	    tend__scope_count(tend__load_acquire(&s->home.record->word)) == 0)
		tend__subtree_end(s);
	tend__unlock(&s->rt->tree);
}
