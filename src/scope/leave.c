/* scope/leave.c - counting out of a scope, and the step to 0. */
#include "scope/scope.h"

#include "base/error.h"

/* The step to 0. Returns false if the caller is not the last to leave after all. */
static bool leave_last(struct tend__scope *s, uint32_t n)
{
	uint64_t id = s->id;
	tend_runtime *rt = s->rt;

	tend__lock(&s->home.lock);
	uint64_t word = tend__load_acquire(&s->home.record->word);
	do
		if (tend__scope_count(word) != n) {
			tend__unlock(&s->home.lock);
			return false;
		}
	while (!tend__cas(&s->home.record->word, &word, word - n * TEND__SCOPE_ONE));
	while (tend__linked(&s->waiters))
		tend__waiter_done(tend__entry(s->waiters.next, struct tend__waiter, link), 0);
	bool reap = s->closes_itself;
	tend__unlock(&s->home.lock);
	/* From here on a woken waiter may free s. Its parent stays, because the caller leaves
	 * the parent after this. */
	if (reap)
		tend__scope_reap(rt, id);
	return true;
}

void tend__scope_leave(struct tend__scope *s, uint32_t n)
{
	tend__assert(n > 0);
	while (s) {
		uint64_t word = tend__load_acquire(&s->home.record->word);
		struct tend__scope *parent = tend__parent(s);

		tend__assert(tend__scope_count(word) >= n);
		if (tend__scope_count(word) > n) {
			if (tend__cas(&s->home.record->word, &word, word - n * TEND__SCOPE_ONE))
				return;
		} else if (leave_last(s, n)) {
			s = parent;
			n = 1;
		}
	}
}
