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
	if (!fn)
		return -EINVAL;
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
		*c = (struct tend__cleanup){s->cleanups, fn, arg, s->id};
		s->cleanups = c;
	}
	tend__unlock(&s->rt->tree);
	if (error)
		tend__free(c);
	return error;
}

bool tend__has_cleanups(struct tend__scope *top)
{
	for (struct tend__scope *s = top; s; s = tend__scope_next(s, top, true))
		if (s->cleanups)
			return true;
	return false;
}

struct tend__cleanup *tend__cleanups_take(struct tend__scope *top)
{
	struct tend__cleanup *first = NULL, **at[TEND__DEPTH_MAX] = {NULL};
	struct tend__cleanup *of_depth[TEND__DEPTH_MAX] = {NULL};

	tend__assert_held(&top->rt->tree);
	for (struct tend__scope *s = top; s; s = tend__scope_next(s, top, true)) {
		tend__assert(s->depth < TEND__DEPTH_MAX);
		if (!s->cleanups)
			continue;
		struct tend__cleanup **end = at[s->depth] ? at[s->depth] : &of_depth[s->depth];

		for (*end = s->cleanups; *end; end = &(*end)->next) {}
		at[s->depth] = end;
		s->cleanups = NULL;
	}
	for (uint32_t depth = 0; depth < TEND__DEPTH_MAX; depth++)
		if (at[depth]) {
			*at[depth] = first;
			first = of_depth[depth];
		}
	return first;
}
