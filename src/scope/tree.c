/* scope/tree.c - the shape of the tree: is a scope below another, the walk over a subtree,
 * the flags of its scopes, and the events of a scope. */
#include "scope/scope.h"

#include "base/error.h"

bool tend__below(const struct tend__scope *s, const struct tend__scope *top)
{
	while (s && s != top)
		s = tend__parent(s);
	return s != NULL;
}

bool tend__inside(const struct tend__scope *s)
{
	struct tend__task *t = tend__tls.task;

	/* The scopes above a live task stay open. A task of another runtime is outside. */
	return t && tend__below(tend__scope_of(t), s);
}

struct tend__scope *tend__scope_next(struct tend__scope *s, struct tend__scope *top, bool into)
{
	tend__assert_held(&top->rt->tree);
	tend__assert(s->depth >= top->depth);
	if (into && tend__linked(&s->children))
		return tend__entry(s->children.next, struct tend__scope, sibling);
	for (; s != top; s = tend__parent(s))
		if (s->sibling.next != &tend__parent(s)->children)
			return tend__entry(s->sibling.next, struct tend__scope, sibling);
	return NULL;
}

void tend__scope_tell(struct tend__scope *s, uint32_t event, int32_t result)
{
	tend__assert_held(&s->rt->tree);
	if (tend__listened(s->rt))
		tend__tell_all(s, s->home.record,
		               &(struct tend__event){.type = event,
		                                     .id = s->id,
		                                     .parent = tend__load_relaxed(&s->parent_id),
		                                     .at = tend__clock(),
		                                     .result = result});
}

uint64_t tend__scope_flag(struct tend__scope *s, uint32_t flags)
{
	/* seq_cst, and an exchange as every write of the word: a spawn comes before the flag, or
	 * sees the flag. */
	uint64_t before = tend__or(&s->home.record->word, (uint64_t)flags);

	tend__assert(before & TEND__SCOPE_LIVE);
	return before;
}

/* Restartable tasks that are at rest, or at the end of an attempt, are to look at the flags. Other
 * restartable tasks link themselves before they look. */
static void notify_restartable(struct tend__scope *s)
{
	tend__lock(&s->home.lock);
	for (struct tend__link *l = s->home.cancel_list.next; s->rules && l != &s->home.cancel_list;
	     l = l->next) {
		struct tend__task *t = tend__entry(l, struct tend__task, in_scope);

		if ((t->flags & TEND__RESTARTABLE) && tend__task_notify(t))
			tend__task_wake(t);
	}
	tend__unlock(&s->home.lock);
}

void tend__subtree_flag(struct tend__scope *top, uint32_t flags)
{
	tend__assert_held(&top->rt->tree);
	for (struct tend__scope *s = top; s; s = tend__scope_next(s, top, true)) {
		uint64_t before = tend__scope_flag(s, flags);

		if (~before & flags & TEND__SCOPE_CLOSED)
			tend__scope_tell(s, TEND_EVENT_CLOSING, 0);
		if ((~before & flags) && tend__scope_count(before))
			notify_restartable(s);
	}
}
