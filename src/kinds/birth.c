/* kinds/birth.c - how a task of any kind begins: slot, record, admission, publication. */
#include "kinds/kinds.h"

#include "base/error.h"
#include "base/text.h"
#include "runtime/monitor.h"

#include <errno.h>

static void deadline_rings(tend_runtime *rt, uint64_t id)
{
	(void)rt;
	tend__task_time_out(id);
}

static void fresh(struct tend__task *t, struct tend__record *r, struct tend__scope *s,
                  const struct tend__spawn *spawn)
{
	/* Member by member: gcc turns an assignment of the whole struct into a `rep stos`,
	 * which took a sixth of a spawn. The members left out are set before anybody reads
	 * them. */
	t->record = r;
	t->stack = NULL;
	t->kind = spawn->ops;
	t->home = &s->home;
	t->worker = NULL;
	t->drop = spawn->opts->drop;
	t->defers = NULL;
	tend__link_init(&t->in_scope);
	t->extra = NULL;
	t->result = 0;
	t->in_cancel_list = t->was_canceled = t->owns = false;
	t->unwinding = t->shields = 0;
	t->shield = 0;
	tend__link_init(&t->joiners);
	tend__link_init(&t->owned);
	t->data = NULL;
	t->stack_bytes = (uint32_t)spawn->opts->stack_bytes;
	t->cancel_code = 0;
	t->flags = (uint8_t)spawn->opts->flags;
	t->ending = 0;
	t->aborted = t->timed_out = t->joined = t->leaving = false;
}

static void count_refused(struct tend__scope *s, uint64_t id)
{
	/* A scope that has ended has no counts any more. */
	if (tend__scope_is(s, id))
		tend__add_relaxed(&s->refused, 1);
}

/* Out of line, as a spawn with room should be short. A scope that admits nothing says so, also
 * where there is no room. */
static __attribute__((noinline, cold)) int no_room(struct tend__scope *s, uint64_t id)
{
	int refused = tend__scope_refusal(s, id);

	count_refused(s, id);
	return refused ? refused : -EAGAIN;
}

/* Prefetches the slot of the next spawn, which may have been out of use for long. */
static inline __attribute__((always_inline)) void fetch(const tend_runtime *rt, uint32_t slot)
{
	const char *r = (const char *)tend__record_at(rt->segment.header, slot);
	const char *t = (const char *)&rt->tasks[slot];

	for (size_t line = 0; line < sizeof(struct tend__record); line += 64)
		__builtin_prefetch(r + line, 1);
	for (size_t line = 0; line < sizeof(struct tend__task); line += 64)
		__builtin_prefetch(t + line, 1);
}

/* Makes the alarm of the task's deadline; a task whose deadline has passed will be born
 * canceled. Returns 0, or an error of tend__monitor_start(). */
static __attribute__((noinline)) int arm(struct tend__task *t, uint64_t deadline)
{
	tend_runtime *rt = tend__scope_of(t)->rt;
	struct tend__extra *extra = tend__task_extra(t);

	if (!extra)
		return -ENOMEM;
	tend__assert(!extra->alarm && !t->cancel_code);
	if (deadline <= tend__clock()) {
		extra->reason = tend__task_late();
		extra->timed_out = true;
		t->cancel_code = -ETIMEDOUT;
		return 0;
	}
	int error = tend__monitor_start(rt);
	if (error)
		return error;
	extra->alarm = tend__alarm_make(rt, deadline, t->id, deadline_rings);
	return extra->alarm ? 0 : -ENOMEM;
}

int tend__task_prepare(tend_scope scope, const struct tend__spawn *spawn, struct tend__task **out)
{
	const struct tend_task_opts *opts = spawn->opts;
	tend_runtime *rt = spawn->rt;
	struct tend__scope *s = tend__scope_find(rt, scope.id);

	if (!s)
		return tend__no_such();
	struct tend__identity identity;
	if (!tend__name_take(identity.name, opts->name ? opts->name : "task"))
		return -EINVAL;
	struct tend__worker *w = tend__worker_of(rt);
	struct tend__slots *slots = w ? &w->slots : NULL;
	uint32_t slot = tend__slot_take(&rt->segment, slots);
	if (!slot)
		return no_room(s, scope.id);
	tend__assert(slot < rt->slots);
	struct tend__record *r = tend__record_at(rt->segment.header, slot);
	struct tend__task *t = &rt->tasks[slot];
	if (slots)
		fetch(rt, slots->first);
	fresh(t, r, s, spawn);
	t->id = tend__id(rt->index, tend__word_generation(tend__load_relaxed(&r->word)), slot);

	identity.now = tend__coarse();
	identity.parent = tend__id_slot(scope.id);
	identity.kind = spawn->kind;
	identity.site = tend__site(&rt->segment, spawn->site);
	identity.attempt = spawn->attempt ? spawn->attempt : 1;
	tend__record_fill(r, &identity);

	int error = spawn->forced ? tend__scope_enter(s, scope.id) : tend__scope_admit(s, scope.id);
	if (error) {
		count_refused(s, scope.id);
		tend__slot_give(&rt->segment, slots, slot, TEND__NOTED);
		return error;
	}
	if (s->names)
		error = tend__unique_enter(s, t->id, identity.name);
	if (!error && opts->deadline && opts->deadline != TEND_FOREVER)
		error = arm(t, opts->deadline);
	tend__assert(spawn->attempts || !opts->restart);
	if (!error && spawn->attempts && (opts->restart || s->group || spawn->in_set)) {
		/* A copy: as long as its address goes nowhere, the spawn stays in registers. */
		struct tend__spawn copy = *spawn;

		error = rt->supervise(t, &copy);
	}
	if (error) {
		tend__task_unprepare(t);
		return error;
	}
	*out = t;
	return 0;
}

int tend__task_take_scope(struct tend__task *t, const struct tend__spawn *spawn)
{
	if (!spawn->opts->hold.id)
		return 0;
	tend__assert(!t->owns);
	int error = tend__scope_set_owner(spawn->opts->hold.id, t);
	t->owns = !error;
	return error;
}

__attribute__((noinline, cold)) void tend__task_unprepare(struct tend__task *t)
{
	struct tend__scope *s = tend__scope_of(t);

	tend__assert((tend__task_word(t) & TEND__STATE) == TEND__FREE);
	tend__assert(!t->owns && !tend__linked(&t->in_scope));
	if (t->extra)
		tend__alarm_drop(t->extra->alarm);
	if (s->names)
		tend__unique_leave(s, t->id, t->record);
	count_refused(s, s->id);
	tend__task_free(s->rt, t);
	tend__scope_leave(s, 1);
}

void tend__task_start(struct tend__task *t, const struct tend__spawn *spawn, uint32_t state)
{
	struct tend__scope *s = tend__scope_of(t);
	struct tend__worker *w = tend__worker_of(s->rt);

	tend__assert(state == TEND__READY || state == TEND__RUNNING);
	tend__assert(t->fn || t->kind->turn || state == TEND__RUNNING);
	/* Its deadline has passed. Read before the publication: then another thread may cancel. */
	int32_t born_canceled = t->cancel_code;
	TEND__EDGE_RELEASE(t);
	tend__task_publish(t, state | (spawn->kept ? (uint32_t)TEND__KEPT : 0) |
	                              (born_canceled ? (uint32_t)TEND__CANCELED : 0) |
	                              /* The end of a touched task looks at more. */
	                              (s->names ? (uint32_t)TEND__TOUCHED : 0) |
	                              (spawn->starting ? (uint32_t)TEND__STARTING : 0));
	/* Release, after the publication of the task: pairs with the acquire in births() of
	 * scope/path.c. */
	if (w)
		tend__store_release(&w->births, tend__load_relaxed(&w->births) + 1);
	else
		tend__add(&s->rt->births, 1);
	/* The event follows the publication, so a snapshot that is marked with this event
	 * has the task. No worker can run the task yet, so the event precedes its end. */
	if (tend__listened(s->rt)) {
		tend__tell_all(s, t->record,
		               &(struct tend__event){.type = TEND_EVENT_STARTED,
		                                     .id = t->id,
		                                     .parent = s->id,
		                                     .at = tend__coarse()});
		if (born_canceled)
			tend__tell_all(s, t->record,
			               &(struct tend__event){.type = TEND_EVENT_CANCELED,
			                                     .id = t->id,
			                                     .parent = s->id,
			                                     .at = tend__coarse(),
			                                     .result = born_canceled});
		/* Work that runs elsewhere runs already. */
		if (state == TEND__RUNNING)
			tend__task_began(t);
	}
	/* Start the alarm only after the publication, or an early alarm would find no task.
	 * The task has not run, so `extra` is still valid. */
	if (t->extra && t->extra->alarm)
		tend__alarm_start(t->extra->alarm);
}

int tend__task_opts(struct tend_task_opts *room, const struct tend_task_opts **opts)
{
	const struct tend_task_opts *o = *opts;

	if (!o || o->size != sizeof(*o)) {
		int error = tend__options(room, sizeof(*room), o);
		if (error)
			return error;
		*opts = o = room;
	}
	if (o->deadline)
		tend__deadline_check(o->deadline);
	if (o->stack_bytes && (o->stack_bytes < 16384 || o->stack_bytes > (size_t)1 << 30))
		return -EINVAL;
	if (o->reserved || (o->flags & ~(uint32_t)(TEND_ABORTABLE | TEND_CRITICAL)))
		return -EINVAL;
	return 0;
}
