/* scope/admit.c - counting into a scope; see scope/scope.h for the protocol. */
#include "scope/batch.h"

#include "base/error.h"

#include <errno.h>

static inline int admission(uint64_t word, uint64_t id, bool admit)
{
	if (tend__word_generation(word) != tend__id_generation(id) || !(word & TEND__SCOPE_LIVE))
		return -ESRCH;
	if (admit && (word & (TEND__SCOPE_CANCELED | TEND__SCOPE_CLOSED)))
		return -ECANCELED;
	return admit && (word & TEND__SCOPE_SEALED) ? -ESHUTDOWN : 0;
}

/* Counts n into s, subject to admission if `admit`, where s and scopes above may be empty. A
 * scope is entered after its parent, so the walk goes up to the first scope that is not
 * empty, and enters on the way down. A loop, and no recursion, because stacks are small and
 * the tree may be 200 deep. */
static __attribute__((noinline)) int enter_empty(struct tend__scope *s, uint64_t id, uint32_t n,
                                                 bool admit)
{
	struct tend__scope *chain[TEND__DEPTH_MAX]; /* the way up from s */
	uint64_t ids[TEND__DEPTH_MAX];
	bool inside = false; /* the walk has entered the parent of `at` */

	tend__assert(n > 0);
	chain[0] = s;
	ids[0] = id;
	for (uint32_t up = 0;;) {
		struct tend__scope *at = chain[up], *parent = tend__parent(at);
		uint64_t word = tend__load_acquire(&at->home.record->word);
		int error = 0;

		tend__assert(!inside || parent);
		do
			error = admission(word, ids[up], up == 0 && admit);
		while (!error && (tend__scope_count(word) != 0 || inside || !parent) &&
		       !tend__cas(&at->home.record->word, &word,
		                  word + (up ? 1 : n) * TEND__SCOPE_ONE));
		if (!error && tend__scope_count(word) == 0 && !inside && parent) {
			/* If `at` was freed since, the parent read here may be any scope, at any
			 * depth. The walk leaves that scope again, when the exchange finds the
			 * generation gone. */
			if (up + 1 < TEND__DEPTH_MAX) {
				ids[up + 1] = tend__load_relaxed(&at->parent_id);
				chain[++up] = parent;
				continue;
			}
			error = -ESRCH;
		}
		/* Leave the parent if `at` refused; or if another spawn took `at` from 0, because
		 * that spawn has entered the parent. */
		if (inside && (error || tend__scope_count(word) != 0))
			tend__scope_leave(chain[up + 1], 1);
		if (up == 0)
			return error;
		inside = !error;
		up--;
	}
}

static int enter(struct tend__scope *s, uint64_t id, uint32_t n, bool admit)
{
	uint64_t word = tend__load_acquire(&s->home.record->word);

	while (tend__scope_count(word) != 0) {
		int error = admission(word, id, admit);

		if (error || tend__cas(&s->home.record->word, &word, word + n * TEND__SCOPE_ONE))
			return error;
	}
	return enter_empty(s, id, n, admit);
}

int tend__scope_enter(struct tend__scope *s, uint64_t id) { return enter(s, id, 1, false); }

int tend__scope_refusal(struct tend__scope *s, uint64_t id)
{
	return admission(tend__load_acquire(&s->home.record->word), id, true);
}

int tend__scope_admit(struct tend__scope *s, uint64_t id)
{
	struct tend__worker *w = tend__worker_of(s->rt);
	uint32_t n = 1;

	if (!w)
		return enter(s, id, 1, true);
	if (w->places.home == &s->home) {
		uint64_t left = tend__places_left(w);

		/* The scope stays while there are places. So a worker that finds the scope open,
		 * and then takes a place, has admitted its task. */
		if (left && !admission(tend__load_acquire(&s->home.record->word), id, true) &&
		    tend__place_use(w, left))
			return 0;
		n = tend__places_wanted(w, s);
	} else if (w->places.home)
		tend__places_return(w);
	int error = enter(s, id, n, true);
	if (!error)
		tend__places_keep(w, s, id, n);
	return error;
}
