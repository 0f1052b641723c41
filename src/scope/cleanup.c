/* scope/cleanup.c - the cleanups that a shutdown runs before the shutdown cancels. */
#include "scope/scope.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>

int tend_scope_cleanup(tend_scope scope, tend_cleanup_fn *fn, void *arg)
{
	TEND__VISIT(rt, scope.id);
	struct tend__scope *s = tend__scope_find(rt, scope.id);

	if (!s)
		return tend__no_such();
	struct tend__cleanup *c = tend__alloc(sizeof(*c));
	if (!c)
		return -ENOMEM;
	int error = 0;
	tend__lock(&s->rt->tree);
	if (!tend__scope_is(s, scope.id))
		error = -ESRCH;
	else if (tend__load_acquire(&s->home.record->word) & TEND__SCOPE_CLOSED)
		error = -ECANCELED;
	else {
		*c = (struct tend__cleanup){s->cleanups, fn, arg};
		s->cleanups = c;
	}
	tend__unlock(&s->rt->tree);
	if (error)
		tend__free(c);
	return error;
}

/* Takes the next cleanup out of the subtree and returns the cleanup, or NULL: the deepest
 * scope comes first, and in a scope the newest cleanup. */
static struct tend__cleanup *next_cleanup(struct tend__scope *top, uint64_t id)
{
	struct tend__scope *from = NULL;

	tend__lock(&top->rt->tree);
	for (struct tend__scope *s = tend__scope_is(top, id) ? top : NULL; s;
	     s = tend__scope_next(s, top, true))
		if (s->cleanups && (!from || s->depth > from->depth))
			from = s;
	tend__assert(!from || tend__below(from, top));
	struct tend__cleanup *c = from ? from->cleanups : NULL;
	if (c)
		from->cleanups = c->next;
	tend__unlock(&top->rt->tree);
	return c;
}

void tend__cleanups_run(struct tend__scope *top, uint64_t id)
{
	struct tend__cleanup *c;

	while ((c = next_cleanup(top, id))) {
		struct tend__cleanup it = *c;

		tend__free(c); /* first, because fn may end the task */
		it.fn(it.arg);
	}
}
