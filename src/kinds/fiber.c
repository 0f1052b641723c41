/* kinds/fiber.c - birth of any task, and fibers. */
#include "kinds/kinds.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void deadline_rings(tend_runtime *rt, uint64_t id)
{
	(void)rt;
	/* It may have ended, or be canceled already. */
	if (tend_task_cancel((tend_task){id}, -ETIMEDOUT, "the task's deadline passed"))
		return;
}

static void fresh(struct tend__task *t, struct tend__record *r, struct tend__scope *s,
                  const struct tend__birth *birth)
{
	/* All but what is set before it is looked at: to assign the whole at once
	 * is a `rep stos` to gcc, and that took a sixth of a spawn. */
	t->record = r;
	t->stack = NULL;
	t->kind = birth->ops;
	t->owner = &s->owner;
	t->worker = NULL;
	t->drop = birth->opts->drop;
	t->defers = NULL;
	tend__link_init(&t->in_scope);
	t->extra = NULL;
	t->result = 0;
	t->in_list = t->unwinding = t->was_told = t->owns = false;
	t->shield = 0;
	tend__link_init(&t->joiners);
	tend__link_init(&t->owned);
	t->data = NULL;
	t->stack_bytes = (uint32_t)birth->opts->stack_bytes;
	t->cancel_code = 0;
	t->flags = (uint8_t)birth->opts->flags;
	t->ending = 0;
	t->aborted = t->timed_out = t->joined = t->leaving = false;
}

static void reject(struct tend__scope *s, uint64_t id)
{
	/* A scope that has gone has no counts. */
	if (tend__scope_is(s, id))
		tend__add_relaxed(&s->ended[TEND_REJECTED], 1);
}

/* The slot of the next spawn, which may have been out of use for long. */
static inline __attribute__((always_inline)) void fetch(const tend_runtime *rt, uint32_t slot)
{
	const char *r = (const char *)tend__record_at(rt->segment.header, slot);
	const char *t = (const char *)&rt->tasks[slot];

	for (size_t line = 0; line < sizeof(struct tend__record); line += 64)
		__builtin_prefetch(r + line, 1);
	for (size_t line = 0; line < sizeof(struct tend__task); line += 64)
		__builtin_prefetch(t + line, 1);
}

/* An alarm for its deadline: 0 or -ENOMEM. */
static int arm(struct tend__task *t, uint64_t deadline)
{
	struct tend__extra *extra = tend__task_extra(t);

	if (extra)
		extra->alarm =
			tend__alarm_make(tend__scope_of(t)->rt, deadline, t->id, deadline_rings);
	return extra && extra->alarm ? 0 : -ENOMEM;
}

int tend__conceive(tend_scope scope, const struct tend__birth *birth, struct tend__task **out)
{
	const struct tend_task_opts *opts = birth->opts;
	int error = 0;
	struct tend__scope *s = tend__scope_find(scope.id, &error);
	struct tend__identity identity;
	struct tend__slots *slots;
	struct tend__record *r;
	struct tend__worker *w;
	struct tend__task *t;
	tend_runtime *rt;
	uint32_t slot;

	if (!s)
		return error;
	if (!tend__name_take(identity.name, opts->name ? opts->name : "task"))
		return -EINVAL;
	rt = s->rt;
	w = tend__worker_of(rt);
	slots = w ? &w->slots : NULL;
	slot = tend__slot_take(&rt->segment, slots);
	if (!slot)
		return -EAGAIN;
	r = tend__record_at(rt->segment.header, slot);
	t = &rt->tasks[slot];
	if (slots)
		fetch(rt, slots->first);
	fresh(t, r, s, birth);
	t->id = tend__id(rt->index, tend__word_generation(tend__load_relaxed(&r->word)), slot);

	identity.now = tend__coarse();
	identity.parent = tend__id_slot(scope.id);
	identity.kind = birth->kind;
	identity.site = tend__site(&rt->segment, birth->site);
	identity.attempt = birth->attempt ? birth->attempt : 1;
	tend__record_fill(r, &identity);

	error = tend__scope_admit(s, scope.id);
	if (error) {
		reject(s, scope.id);
		tend__slot_give(&rt->segment, slots, slot);
		return error;
	}
	if (opts->deadline && opts->deadline != TEND_FOREVER)
		error = arm(t, opts->deadline);
	if (error) {
		tend__stillborn(t);
		return error;
	}
	*out = t;
	return 0;
}

int tend__give(struct tend__task *t, const struct tend__birth *birth)
{
	int error;

	if (!birth->opts->hold.id)
		return 0;
	error = tend__hold(birth->opts->hold.id, t);
	t->owns = !error;
	return error;
}

void tend__stillborn(struct tend__task *t)
{
	struct tend__scope *s = tend__scope_of(t);

	if (t->extra)
		tend__alarm_drop(t->extra->alarm);
	reject(s, s->id);
	tend__task_free(s->rt, t);
	tend__scope_leave(s, 1);
}

void tend__born(struct tend__task *t, const struct tend__birth *birth, uint32_t state)
{
	struct tend__scope *s = tend__scope_of(t);
	struct tend__segment *segment = &s->rt->segment;
	struct tend__worker *w = tend__worker_of(s->rt);

	TEND__EDGE_RELEASE(t);
	tend__task_publish(t, state | (birth->held ? (uint32_t)TEND__HELD : 0) |
	                              (birth->starting ? (uint32_t)TEND__STARTING : 0));
	/* Release, after the task is there: pairs with births() of scope/path.c. */
	if (w)
		tend__store_release(&w->births, tend__load_relaxed(&w->births) + 1);
	else
		tend__add(&s->rt->births, 1);
	/* After it, so that a snapshot marked with this event has the task; nobody can
	 * run it yet, so it is before its end. */
	if (tend__events_wanted(segment))
		tend__event_emit(segment, tend__ring_number(s->rt), TEND_EVENT_STARTED, t->id,
		                 s->id, t->record, 0, 0, tend__coarse());
	/* Not before, for it would ring for nobody. It has not run, so it is there. */
	if (t->extra && t->extra->alarm)
		tend__alarm_start(t->extra->alarm);
}

int tend__task_opts(struct tend_task_opts *room, const struct tend_task_opts **opts)
{
	const struct tend_task_opts *o = *opts;

	if (!o || o->size != sizeof *o) {
		int error = tend__options(room, sizeof *room, o);

		if (error)
			return error;
		*opts = o = room;
	}
	if (o->stack_bytes && (o->stack_bytes < 16384 || o->stack_bytes > (size_t)1 << 30))
		return -EINVAL;
	if (o->reserved || (o->flags & ~(uint32_t)(TEND_ABORTABLE | TEND_CRITICAL)))
		return -EINVAL;
	return 0;
}

static const struct tend__kind kind_fiber = {
	.wake = tend__fiber_wake, .ended = tend__task_finish, .leave = tend__fiber_end};

int tend_spawn_at(const char *site, tend_scope scope, tend_fn *fn, void *arg,
                  const struct tend_task_opts *opts, tend_task *out)
{
	struct tend_task_opts room;
	int error = tend__task_opts(&room, &opts);
	struct tend__birth birth = {.site = site,
	                            .opts = opts,
	                            .ops = &kind_fiber,
	                            .kind = TEND_KIND_FIBER,
	                            .held = out != NULL};
	struct tend__task *t;
	tend_task name;

	if (error)
		return error;
	if (!fn)
		return -EINVAL;
	error = tend__conceive(scope, &birth, &t);
	if (error)
		return error;
	/* Relaxed: stacks were out a moment ago; see runtime/stacks.c. */
	error = tend__load_relaxed(&tend__scope_of(t)->rt->no_stacks) ? -EAGAIN
	                                                              : tend__give(t, &birth);
	if (error) {
		tend__stillborn(t);
		return error;
	}
	t->fn = fn;
	t->arg = arg;
	name.id = t->id;
	tend__born(t, &birth, TEND__READY);
	if (out)
		*out = name;
	tend__spawned(tend__scope_of(t)->rt, t);
	return 0;
}

/* ---- What a task may say of itself ---- */

tend_task tend_self(void) { return (tend_task){tend__tls.task ? tend__tls.task->id : 0}; }

tend_scope tend_self_scope(void)
{
	struct tend__task *t = tend__tls.task;

	return (tend_scope){t ? tend__scope_of(t)->id : 0};
}

int tend_checkpoint(void)
{
	struct tend__task *t = tend__tls.task;

	if (!t)
		return 0;
	tend__checkpoint_at(t, __builtin_return_address(0));
	if (!tend__canceled(t))
		return 0;
	if (t->worker)
		tend__fiber_yield(t);
	return -ECANCELED;
}

int tend_yield(void)
{
	struct tend__task *t = tend__tls.task;

	if (t && t->worker)
		tend__fiber_yield(t);
	else
		tend__thread_yield();
	return t && tend__told(t) ? -ECANCELED : 0;
}

int tend_sleep_until(uint64_t deadline)
{
	struct tend__outside room;
	struct tend__waiter w;
	int error = tend__may_wait();

	if (error)
		return error;
	w = (struct tend__waiter){.task = tend__self(&room)};
	error = tend__wait(NULL, &w, TEND__WAIT_SLEEP, deadline, deadline, 0);
	return error == -ETIMEDOUT ? 0 : error;
}

int tend_shield_begin(uint64_t deadline, uint64_t *outer)
{
	struct tend__task *t = tend__tls.task;

	if (!t)
		return -EPERM;
	if (deadline == TEND_FOREVER || !deadline)
		return -EINVAL;
	*outer = t->shield;
	if (!t->shield || deadline < t->shield)
		t->shield = deadline;
	return 0;
}

void tend_shield_end(uint64_t outer)
{
	if (tend__tls.task)
		tend__tls.task->shield = outer;
}

int tend_defer(void (*cleanup)(void *arg), void *arg)
{
	struct tend__task *t = tend__tls.task;
	struct tend__defer *d;

	if (!t)
		return -EPERM;
	d = tend__alloc(sizeof *d);
	if (!d)
		return -ENOMEM;
	*d = (struct tend__defer){t->defers, cleanup, arg};
	t->defers = d;
	return 0;
}

void tend_undefer(void (*cleanup)(void *arg), int run)
{
	struct tend__task *t = tend__tls.task;
	struct tend__defer d;

	if (!t || !t->defers || t->defers->fn != cleanup)
		tend__bug("tend: tend_undefer: not the newest cleanup of the calling task");
	d = *t->defers;
	tend__free(t->defers);
	t->defers = d.next;
	if (run)
		d.fn(d.arg);
}

void tend_panic_at(const char *site, const char *fmt, ...)
{
	struct tend__task *t = tend__tls.task;
	char text[128];
	va_list args;
	int n;

	n = snprintf(text, sizeof text, "%s: ", site);
	if (n < 0 || (size_t)n >= sizeof text)
		n = 0;
	va_start(args, fmt);
	vsnprintf(text + n, sizeof text - (size_t)n, fmt, args);
	va_end(args);
	if (!t || !t->kind->leave)
		tend__bug("tend: panic outside of a task: %s", text);
	if (t->unwinding)
		tend__bug("tend: task #%llu panicked in a cleanup: %s", (unsigned long long)t->id,
		          text);
	tend__lock(tend__stripe_of(tend__scope_of(t)->rt, t->id));
	/* Without memory the outcome has no message; the task still ends. */
	if (tend__task_extra(t))
		memcpy(t->extra->message, text, sizeof text);
	tend__unlock(tend__stripe_of(tend__scope_of(t)->rt, t->id));
	t->ending = TEND_PANICKED;
	tend__leave(t);
}
