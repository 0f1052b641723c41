/* supervise/birth.c - how a task becomes restartable, before it is published. */
#include "supervise/supervise.h"

#include "base/alloc.h"
#include "base/error.h"

int tend__supervise(struct tend__task *t, const struct tend_restart *restart,
                    const struct tend__kind *kind)
{
	struct tend__scope *s = tend__scope_of(t);

	if (!restart) {
		if (!s->group->restart.size)
			return 0;
		restart = &s->group->restart;
	}
	int error = tend__monitor_start(s->rt);
	tend__assert((tend__task_word(t) & TEND__STATE) == TEND__FREE && !t->data);
	if (error)
		return error;
	struct tend__life *l = tend__alloc(sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->rules = tend__rules_take(s, restart, &error);
	if (!l->rules) {
		tend__free(l);
		return error;
	}
	/* Relaxed: the record is not published yet. */
	tend__store_relaxed(&t->record->attempt, 0);
	l->attempt.kind = kind;
	l->alarm.id = t->id;
	l->alarm.ring = tend__life_rings;
	/* The drop is the task's, the cleanups are an attempt's. */
	l->drop = t->drop;
	t->drop = NULL;
	t->data = l;
	t->flags |= TEND__RESTARTABLE;
	t->kind = &tend__kind_restartable;
	return 0;
}
