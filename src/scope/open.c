/* scope/open.c - how a scope is opened, closed, and sealed. */
#include "scope/batch.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/monitor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Returns the memory of the slot for a scope, which is made when the slot holds a scope for
 * the first time; or NULL. */
static struct tend__scope *memory(tend_runtime *rt, uint32_t slot)
{
	struct tend__scope *s = tend__load_relaxed(&rt->scopes[slot]);

	tend__assert(slot > 0 && slot < rt->slots);
	if (s)
		return s;
	s = tend__alloc(sizeof(*s));
	if (!s)
		return NULL;
	s->home.record = tend__record_at(rt->segment.header, slot);
	s->rt = rt;
	/* Release: a stale lookup that finds the scope also finds the record of the scope. */
	tend__store_release(&rt->scopes[slot], s);
	return s;
}

static void fresh(struct tend__scope *s, uint64_t id, struct tend__scope *parent)
{
	s->id = id;
	tend__store_relaxed(&s->parent, parent);
	tend__store_relaxed(&s->parent_id, parent ? parent->id : 0);
	s->depth = parent ? parent->depth + 1 : 0;
	tend__link_init(&s->home.cancel_list);
	tend__link_init(&s->sibling);
	tend__link_init(&s->children);
	tend__link_init(&s->owned);
	tend__link_init(&s->kept);
	tend__link_init(&s->waiters);
	tend__link_init(&s->callers);
	tend__store_relaxed(&s->owner, 0);
	s->cleanups = NULL;
	s->shutdown = NULL;
	s->closer = NULL;
	s->deadline_alarm = s->shield_alarm = NULL;
	s->deadline = s->shield = 0;
	s->closes_itself = s->held = false;
	s->rules = NULL;
	s->group = NULL;
	s->names = NULL;
	s->round = NULL;
	s->gave_up = false;
	s->critical_error = 0;
	s->attempts = s->restarts = s->timeouts = 0;
	s->first_error = 0;
	s->first_name[0] = 0;
	s->first = NULL;
	memset(s->ended_below, 0, sizeof(s->ended_below));
	memset(&s->reason, 0, sizeof(s->reason));
	for (int i = 0; i <= TEND_REJECTED; i++)
		tend__store_relaxed(&s->ended[i], 0);
	tend__store_relaxed(&s->refused, 0);
	s->refused_below = 0;
}

static struct tend_reason deadline_passed(void)
{
	return tend__reason(-ETIMEDOUT, "the scope's deadline passed", 0);
}

static void deadline_rings(tend_runtime *rt, uint64_t id)
{
	struct tend_reason reason = deadline_passed();
	struct tend__scope *s = tend__load_relaxed(&rt->scopes[tend__id_slot(id)]);

	if (s)
		tend__scope_cancel(s, id, &reason);
}

/* The shield is over: a cancel of the parent that the shield kept out comes in. */
static void shield_rings(tend_runtime *rt, uint64_t id)
{
	struct tend__scope *s = tend__load_relaxed(&rt->scopes[tend__id_slot(id)]);
	struct tend_reason reason = {0};

	tend__lock(&rt->tree);
	if (s && tend__scope_is(s, id)) {
		struct tend__scope *parent = tend__parent(s);

		tend__assert(parent); /* the root has no shield */
		if (tend__load_acquire(&parent->home.record->word) & TEND__SCOPE_CANCELED)
			reason = parent->reason;
		s->shield = 0;
	}
	tend__unlock(&rt->tree);
	if (reason.code)
		tend__scope_cancel(s, id, &reason);
}

/* Makes the alarms of the deadline and of the shield. Returns false without memory. */
static bool arm(struct tend__scope *s)
{
	if (s->deadline) {
		s->deadline_alarm = tend__alarm_make(s->rt, s->deadline, s->id, deadline_rings);
		if (!s->deadline_alarm)
			return false;
	}
	if (s->shield) {
		s->shield_alarm = tend__alarm_make(s->rt, s->shield, s->id, shield_rings);
		if (!s->shield_alarm) {
			tend__alarm_drop(s->deadline_alarm);
			s->deadline_alarm = NULL;
			return false;
		}
	}
	return true;
}

/* Returns the end of a shield below the parent. An inner shield does not last longer than the
 * shields around it. */
static uint64_t within_shields(struct tend__scope *parent, uint64_t shield)
	TEND_REQUIRES(&parent->rt->tree)
{
	for (; shield && parent; parent = tend__parent(parent))
		if (parent->shield && parent->shield < shield)
			shield = parent->shield;
	return shield;
}

/* May a scope be opened below the parent, whose word is `above`? */
static int refusal(struct tend__scope *parent, uint64_t parent_id, uint64_t above)
	TEND_REQUIRES(&parent->rt->tree)
{
	if (!tend__scope_is(parent, parent_id))
		return -ESRCH;
	if (above & TEND__SCOPE_CLOSED)
		return -ECANCELED;
	if (above & TEND__SCOPE_SEALED)
		return -ESHUTDOWN;
	return parent->depth + 1 >= TEND__DEPTH_MAX ? -EOVERFLOW : 0;
}

/* A scope that cannot be found yet, in a slot of its own. */
static int make(struct tend__scope *parent, const struct tend_scope_opts *opts, uint64_t now,
                struct tend__scope **out) TEND_REQUIRES(&parent->rt->tree)
{
	tend_runtime *rt = parent->rt;

	tend__assert_held(&rt->tree);
	uint32_t slot = tend__slot_take(&rt->segment, tend__slots_of(rt));

	if (!slot)
		return -EAGAIN;
	struct tend__scope *s = memory(rt, slot);
	if (!s) {
		tend__slot_give(&rt->segment, tend__slots_of(rt), slot, TEND__SCOPE_NOTED);
		return -ENOMEM;
	}
	uint64_t word = tend__load_relaxed(&s->home.record->word);
	fresh(s, tend__id(rt->index, tend__word_generation(word), slot), parent);
	/* A deadline that has passed needs no alarm: the scope is born canceled. */
	if (opts->deadline > now && opts->deadline != TEND_FOREVER)
		s->deadline = opts->deadline;
	s->shield = within_shields(parent, opts->shield > now ? opts->shield : 0);
	if (!arm(s)) {
		tend__slot_give(&rt->segment, tend__slots_of(rt), slot, TEND__SCOPE_NOTED);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

static void unmake(struct tend__scope *s) TEND_REQUIRES(&s->rt->tree)
{
	tend__assert_held(&s->rt->tree);
	tend__alarm_drop(s->deadline_alarm);
	tend__alarm_drop(s->shield_alarm);
	tend__slot_give(&s->rt->segment, tend__slots_of(s->rt), tend__id_slot(s->id),
	                TEND__SCOPE_NOTED);
}

/* The task that opens a scope owns it. */
static void own(struct tend__scope *s) TEND_REQUIRES(&s->rt->tree)
{
	struct tend__task *self = tend__tls.task;

	if (!self || tend__scope_of(self)->rt != s->rt || self->leaving)
		return;
	/* Relaxed: no other data is read through the id of the owner. */
	tend__store_relaxed(&s->owner, self->id);
	self->owns = true;
	tend__assert(!tend__linked(&s->owned));
	tend__link_append(&self->owned, &s->owned);
}

static int open_below(struct tend__scope *parent, uint64_t parent_id, const char *name,
                      size_t name_bytes, const struct tend_scope_opts *opts,
                      struct tend__group *group, struct tend__names *names, uint64_t *out)
	TEND_REQUIRES(&parent->rt->tree)
{
	uint64_t above = tend__load_acquire(&parent->home.record->word), now = tend__clock();
	int error = refusal(parent, parent_id, above);
	struct tend__scope *s = NULL;

	if (!error)
		error = make(parent, opts, now, &s);
	if (error)
		return error;
	struct tend__identity identity = {.now = now,
	                                  .parent = tend__id_slot(parent_id),
	                                  .kind = TEND_KIND_SCOPE,
	                                  .attempt = 1};
	tend__name_pack(identity.name, name, name_bytes);
	if (parent->names)
		error = tend__unique_enter(parent, s->id, identity.name);
	if (error) {
		tend__assert_held(&s->rt->tree);
		unmake(s);
		return error;
	}
	s->group = group;
	s->names = names;
	tend__record_fill(s->home.record, &identity);
	uint32_t flags = TEND__SCOPE_LIVE;
	/* The child of a canceled scope is born canceled, unless the child is shielded: then the
	 * alarm of the shield cancels the child. */
	if ((above & TEND__SCOPE_CANCELED) && !s->shield) {
		s->reason = parent->reason;
		flags |= TEND__SCOPE_CANCELED;
	} else if (opts->deadline && opts->deadline <= now) {
		s->reason = deadline_passed();
		flags |= TEND__SCOPE_CANCELED;
	}
	tend__assert(s->depth < TEND__DEPTH_MAX && s->rt == parent->rt);
	tend__assert(tend__peek(&parent->home.record->word) & TEND__SCOPE_LIVE);
	tend__link_append(&parent->children, &s->sibling);
	tend__assert_held(&s->rt->tree);
	own(s);
	/* Release: a thread that finds the scope by its word finds a whole scope; partner: the
	 * acquire in tend__scope_at(). */
	tend__store_release(&s->home.record->word,
	                    (uint64_t)tend__id_generation(s->id) << 32 | flags);
	tend__scope_tell(s, TEND_EVENT_OPENED, 0);
	if (flags & TEND__SCOPE_CANCELED)
		tend__scope_tell(s, TEND_EVENT_CANCELED, s->reason.code);
	if (s->deadline_alarm)
		tend__alarm_start(s->deadline_alarm);
	if (s->shield_alarm)
		tend__alarm_start(s->shield_alarm);
	*out = s->id;
	return 0;
}

int tend_scope_open(tend_scope parent, const char *name, const struct tend_scope_opts *opts,
                    tend_scope *out)
{
	static _Atomic uint64_t number;
	TEND__VISIT(rt, parent.id);
	struct tend__scope *p = tend__scope_find(rt, parent.id);

	if (!p)
		return tend__no_such();
	struct tend_scope_opts o;
	int error = tend__options(&o, sizeof(o), opts);
	if (error)
		return error;
	size_t n = name ? strnlen(name, TEND_NAME_MAX + 1) : 0;
	if (!n || !tend__name_valid(name, n) || o.shield == TEND_FOREVER)
		return -EINVAL;
	tend__deadline_check(o.deadline);
	tend__deadline_check(o.shield);
	char numbered[2 * TEND_NAME_MAX];
	if (o.numbered) {
		/* Relaxed: the numbers only have to differ. */
		int m = snprintf(numbered, sizeof(numbered), "%s-%llu", name,
		                 (unsigned long long)tend__add_relaxed(&number, 1) + 1);

		name = numbered;
		n = (size_t)m;
		if (n > TEND_NAME_MAX)
			return -EINVAL;
	}
	uint64_t id = 0;
	error = (o.deadline && o.deadline != TEND_FOREVER) || o.shield ? tend__monitor_start(p->rt)
	                                                               : 0;
	struct tend__group *group = NULL;
	if (!error && (o.restart || o.restarts || o.strategy))
		error = p->rt->supervise_scope(&o, &group);
	struct tend__names *names = !error && o.unique ? tend__unique_open() : NULL;
	if (!error && o.unique && !names)
		error = -ENOMEM;
	if (!error) {
		tend__lock(&p->rt->tree);
		error = open_below(p, parent.id, name, n, &o, group, names, &id);
		tend__unlock(&p->rt->tree);
	}
	if (!error)
		out->id = id;
	else {
		tend__free(group);
		tend__unique_close(names);
	}
	return error;
}

int tend__root_open(tend_runtime *rt)
{
	uint32_t slot = tend__slot_take(&rt->segment, NULL);
	struct tend__scope *s = slot ? memory(rt, slot) : NULL;

	if (!s)
		return -ENOMEM;
	tend__assert(slot == 1);
	rt->settle = tend__batch_settle;
	rt->finish = tend__task_finish;
	rt->began = tend__task_began;
	rt->rests = tend__task_rests;
	tend__bells_open(rt);
	fresh(s, tend__id(rt->index, rt->segment.first_generation, slot), NULL);
	struct tend__identity identity = {
		.now = tend__clock(), .kind = TEND_KIND_SCOPE, .attempt = 1};
	tend__name_pack(identity.name, rt->name, strlen(rt->name));
	tend__record_fill(s->home.record, &identity);
	tend__store_release(&s->home.record->word,
	                    (uint64_t)tend__id_generation(s->id) << 32 | TEND__SCOPE_LIVE);
	rt->root = s;
	tend_scope detached;
	int error = tend_scope_open((tend_scope){s->id}, "detached", NULL, &detached);
	if (error)
		return error;
	rt->detached = tend__load_relaxed(&rt->scopes[tend__id_slot(detached.id)]);
	/* The detached scope has no owner, although a task may have opened the runtime, because
	 * that task is of another runtime. */
	return 0;
}

tend_scope tend_root(const tend_runtime *rt) { return (tend_scope){rt->root->id}; }
tend_scope tend_detached(const tend_runtime *rt) { return (tend_scope){rt->detached->id}; }

static bool closes_itself(struct tend__scope *s)
{
	tend__lock(&s->home.lock);
	bool answer = s->closes_itself;
	tend__unlock(&s->home.lock);
	return answer;
}

int(tend_scope_close)(tend_scope scope, uint64_t deadline, struct tend_stats *stats)
{
	size_t size = stats ? tend__out_size(stats) : 0;

	if (stats && !size)
		return -EINVAL;
	if (!scope.id)
		return 0;
	TEND__VISIT(rt, scope.id);
	struct tend__scope *s = tend__scope_find(rt, scope.id);
	if (!s)
		return tend__no_such();
	if (s == rt->root || s == rt->detached)
		return -EPERM;
	if (tend__inside(s))
		return -EDEADLK;
	bool asks = tend__check_may_wait() && deadline;

	struct tend_stats mine = {0};
	tend__lock(&s->rt->tree);
	uint64_t word = tend__load_acquire(&s->home.record->word);
	int error = !tend__scope_is(s, scope.id)      ? -ESRCH
	            : s->closer                       ? -EBUSY
	            : asks && tend__scope_count(word) ? -EDEADLK
	                                              : 0;
	if (!error) {
		s->closer = &mine;
		tend__subtree_flag(s, TEND__SCOPE_CLOSED);
	}
	tend__unlock(&s->rt->tree);
	if (error)
		return error;

	/* The scope was empty; for a task that has entered since, the caller may not wait. */
	if (asks)
		deadline = 0;
	for (bool ended = false; !ended && !error;) {
		error = tend__scope_await(s, scope.id, TEND__WAIT_CLOSE, deadline,
		                          TEND__UNCANCELABLE, TEND__CALLER);
		tend__lock(&s->rt->tree);
		if (!tend__scope_is(s, scope.id)) {
			/* A close of a scope above has ended this scope, and has written its
			 * counts to `mine`. */
			ended = true;
			error = 0;
		} else if (error) {
			tend__assert(s->closer == &mine);
			s->closer = NULL;
		} else
			ended = tend__subtree_end(s);
		tend__unlock(&s->rt->tree);
	}
	/* The scope may have become empty after the clock was asked, and its owner may have
	 * ended. Then the scope is reaped here, because no reap took the scope while this close
	 * was its closer. */
	if (error && closes_itself(s))
		tend__scope_reap(rt, scope.id);
	if (!error && stats)
		tend__out_fill(stats, size, &mine, sizeof(mine));
	return error;
}

void tend__root_end(tend_runtime *rt)
{
	struct tend__scope *root = rt->root;

	for (bool ended = !root; !ended;) {
		tend__lock(&root->rt->tree);
		ended = tend__subtree_end(root);
		tend__unlock(&root->rt->tree);
	}
	rt->root = NULL;
}

void tend__root_free(tend_runtime *rt)
{
	for (uint32_t slot = 1;
	     rt->scopes && slot < tend__load_relaxed(&rt->segment.header->records_used); slot++)
		tend__free(tend__load_relaxed(&rt->scopes[slot]));
}

/* Sets or clears SEALED. With the tree, so that the events come in the order of the calls. */
static int set_sealed(tend_scope scope, bool sealed)
{
	TEND__VISIT(rt, scope.id);
	struct tend__scope *s = tend__scope_find(rt, scope.id);

	if (!s)
		return tend__no_such();
	int error = 0;
	tend__lock(&s->rt->tree);
	uint64_t word = tend__load_acquire(&s->home.record->word), new;
	do {
		if (tend__word_generation(word) != tend__id_generation(scope.id) ||
		    !(word & TEND__SCOPE_LIVE))
			error = -ESRCH;
		else if (!sealed && (word & (TEND__SCOPE_CLOSED | TEND__SCOPE_CANCELED)))
			error = -ECANCELED;
		new = sealed ? word | TEND__SCOPE_SEALED : word & ~(uint64_t)TEND__SCOPE_SEALED;
	} while (!error && !tend__cas(&s->home.record->word, &word, new));
	if (!error && new != word)
		tend__scope_tell(s, sealed ? TEND_EVENT_SEALED : TEND_EVENT_UNSEALED, 0);
	tend__unlock(&s->rt->tree);
	return error;
}

int tend_scope_seal(tend_scope scope) { return set_sealed(scope, true); }
int tend_scope_unseal(tend_scope scope) { return set_sealed(scope, false); }
