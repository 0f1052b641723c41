/* scope/handle.c - from the id of a task to the task: touching a task, its extra part, and
 * the end of its entry. */
#include "scope/scope.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>

/* Returns whether the task has ended and its outcome is kept for a joiner. Freeing such a task
 * requires the stripe, so a caller with the stripe need not also set TOUCHED. */
static bool is_kept(struct tend__record *r, uint64_t id)
{
	uint64_t word = tend__load_acquire(&r->word);

	return tend__word_generation(word) == tend__id_generation(id) &&
	       (word & TEND__STATE) == TEND__ENDED && (word & TEND__KEPT);
}

/* Unchecked, because the stripe is held at only one of the returns. */
int tend__task_touch(tend_runtime *rt, uint64_t id, struct tend__task **out) TEND_UNCHECKED
{
	uint32_t slot = tend__id_slot(id);

	if (!rt)
		return tend__no_such();
	tend__assert(rt->index == tend__id_runtime(id));
	if (slot <= 1 || slot >= rt->slots)
		return -ESRCH;
	struct tend__record *r = tend__record_at(rt->segment.header, slot);
	tend__lock(tend__stripe_of(rt, id));
	/* The kind is read between two looks at the generation, so the kind belongs to this
	 * id, or the mark fails. */
	if (tend__word_generation(tend__load_acquire(&r->word)) != tend__id_generation(id) ||
	    (tend__load_acquire(&r->site_kind) & 0xff) == TEND_KIND_SCOPE ||
	    (!is_kept(r, id) && !tend__task_mark(r, id, TEND__TOUCHED))) {
		tend__unlock(tend__stripe_of(rt, id));
		return -ESRCH;
	}
	*out = tend__task_at(rt, id);
	tend__assert((*out)->id == id);
	return 0;
}

struct tend__extra *tend__task_extra(struct tend__task *t)
{
	if (!t->extra) {
		t->extra = tend__alloc(sizeof(*t->extra));
		if (t->extra)
			tend__link_init(&t->extra->watches);
	}
	return t->extra;
}

void tend__task_free(tend_runtime *rt, struct tend__task *t)
{
	struct tend__worker *w = tend__worker_of(rt);

	if (t->kind->gone)
		t->kind->gone(t);
	if (t->extra) {
		tend__free(t->extra);
		t->extra = NULL;
	}
	tend__slot_give(&rt->segment, w ? &w->slots : NULL, tend__id_slot(t->id), TEND__NOTED);
}
