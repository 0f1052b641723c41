/* supervise/birth.c - how a task becomes restartable, before it is published. */
#include "supervise/supervise.h"

#include "base/alloc.h"
#include "base/error.h"

static int make_life(struct tend__task *t, const struct tend_restart *restart,
                     const struct tend__spawn *spawn)
{
	struct tend__scope *s = tend__scope_of(t);
	struct tend_restart room;
	int error = tend__options(&room, sizeof(room), restart);

	if (error)
		return error;
	room.size = sizeof(room);
	if (!room.grace_ns)
		room.grace_ns = spawn->grace_ns;
	error = tend__monitor_start(s->rt);
	tend__assert((tend__task_word(t) & TEND__STATE) == TEND__FREE && !t->data);
	if (error)
		return error;
	struct tend__life *l = tend__alloc(sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->rules = tend__rules_take(s, &room, &error);
	if (!l->rules) {
		tend__free(l);
		return error;
	}
	/* Relaxed: the record is not published yet. */
	tend__store_relaxed(&t->record->attempt, 0);
	l->attempt.kind = spawn->attempts;
	l->alarm.id = t->id;
	l->alarm.ring = tend__life_rings;
	/* The drop is the task's, the cleanups are an attempt's. */
	l->drop = t->drop;
	t->drop = NULL;
	t->data = l;
	t->flags |= TEND__RESTARTABLE;
	if (l->rules->policy.type == TEND__TEMPORARY)
		t->flags |= TEND__RUNS_ONCE;
	t->kind = &tend__kind_restartable;
	return 0;
}

/* Returns the policy of a task of the scope: its own, or that of the scope, or to run once. */
static const struct tend_restart *restart_of(const struct tend__scope *s,
                                             const struct tend_restart *own)
{
	static const struct tend_restart once = {.size = sizeof(once), .policy = TEND_TEMPORARY};

	return own ? own : s->group && s->group->restart.size ? &s->group->restart : &once;
}

int tend__supervise(struct tend__task *t, const struct tend__spawn *spawn)
{
	const struct tend_restart *restart = spawn->opts->restart;
	struct tend__scope *s = tend__scope_of(t);
	bool strategy = s->group && s->group->strategy;

	if (!restart && !strategy && !spawn->in_set && !s->group->restart.size)
		return 0;
	int error = make_life(t, restart_of(s, restart), spawn);
	return !error && strategy && !spawn->in_set ? tend__member_add(t) : error;
}
