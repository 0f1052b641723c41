/* supervise/set.c - tasks that are admitted together, with needs.
 *
 * First all children are checked, then all tasks are made and admitted, then needs of tasks that
 * exist already are linked, and then, when no step can fail any more, all are published. The
 * children of a scope are a set of that scope, in a single piece of memory with their needs. */
#include "supervise/order.h"

#include "base/alloc.h"
#include "base/error.h"
#include "kinds/kinds.h"

#include <errno.h>
#include <string.h>

/* The children of a scope. */
struct part {
	tend_scope scope;
	uint32_t count;
	size_t needs;
	struct tend__set *set;
	struct tend__member *next_member;
	struct tend__edge *next_edge;
};

struct call {
	tend_runtime *rt;
	tend_scope scope;
	const char *site;
	const char *children; /* each of child_size, as the caller knows the struct */
	size_t child_size;
	uint32_t n;
	uint32_t flags;
	bool kept;
	uint32_t parts_count;
	struct part *parts;            /* room for n */
	struct tend__member **members; /* by the index of the child */
	size_t bad;
};

/* Reads a child. Returns 0, -E2BIG or -EINVAL. */
static int read_child(const struct call *c, size_t i, struct tend_child *out)
{
	size_t known = c->child_size < sizeof(*out) ? c->child_size : sizeof(*out);
	const char *child = c->children + i * c->child_size;

	memset(out, 0, sizeof(*out));
	memcpy(out, child, known);
	for (size_t at = known; at < c->child_size; at++)
		if (child[at])
			return -E2BIG;
	return 0;
}

/* The child is to blame for its own options only, and for no want of memory, of room or of the
 * guard, and not for a scope that is closed. */
static int blame(struct call *c, size_t i, int error)
{
	if (error == -EINVAL || error == -E2BIG || error == -EEXIST)
		c->bad = i;
	return error;
}

/* Reads a child that has been read before. */
static struct tend_child child_at(const struct call *c, size_t i)
{
	struct tend_child child;
	int error = read_child(c, i, &child);

	tend__assert(!error);
	if (!child.scope.id)
		child.scope = c->scope;
	return child;
}

/* A child is a fiber, a thread or a process. */
static int check_task(const struct call *c, struct tend_child *child)
{
	struct tend_task_opts room;

	if (child->process)
		return child->fn || child->opts || child->thread
		               ? -EINVAL
		               : tend__process_prepare(c->rt, NULL, child->scope, child->process,
		                                       false, NULL);
	int error = child->fn ? tend__task_opts(&room, &child->opts) : -EINVAL;
	if (!error && child->thread && (child->opts->flags & TEND_ABORTABLE))
		return -EINVAL;
	/* A scope that was taken from its owner could not be given back, if a later child were
	 * refused. */
	return !error && child->opts->hold.id ? -EINVAL : error;
}

static int check_need(const struct call *c, size_t i, const struct tend_need *need)
{
	if (need->until > TEND_NEED_COMPLETED || need->reserved)
		return -EINVAL;
	if (need->task.id)
		return need->of || tend__id_runtime(need->task.id) != c->rt->index ? -EINVAL : 0;
	return need->of >= c->n || need->of == i ? -EINVAL : 0;
}

/* The scope of a child is that of the call, or below. */
static int check_scope(struct call *c, size_t i, tend_scope scope)
{
	struct tend__scope *top = tend__scope_find(c->rt, c->scope.id);

	if (scope.id == c->scope.id)
		return 0;
	if (tend__id_runtime(scope.id) != c->rt->index)
		return -EINVAL;
	struct tend__scope *s = tend__scope_find(c->rt, scope.id);
	if (!s || !top) {
		c->bad = s ? c->n : i;
		return -ESRCH;
	}
	tend__lock(&c->rt->tree);
	bool below = tend__below(s, top);
	tend__unlock(&c->rt->tree);
	return below ? 0 : -EINVAL;
}

/* Counts a child in the part of its scope. */
static int count(struct call *c, const struct tend_child *child)
{
	uint32_t i = c->parts_count;

	/* From the last, because the children of a scope often follow each other. */
	while (i && c->parts[i - 1].scope.id != child->scope.id)
		i--;
	if (!i) {
		/* A round is of one scope. */
		if (c->parts_count && (c->flags & TEND_TOGETHER))
			return -EINVAL;
		i = ++c->parts_count;
		c->parts[i - 1].scope = child->scope;
	}
	c->parts[i - 1].count++;
	c->parts[i - 1].needs += child->needs_count;
	return c->parts[i - 1].needs > UINT32_MAX ? -EINVAL : 0;
}

static int check_child(struct call *c, size_t i)
{
	struct tend_child child;
	int error = read_child(c, i, &child);

	if (error)
		return error;
	if (!child.scope.id)
		child.scope = c->scope;
	if (child.reserved || (child.needs_count && !child.needs))
		return -EINVAL;
	for (size_t k = 0; k < child.needs_count && !error; k++)
		error = check_need(c, i, &child.needs[k]);
	if (!error)
		error = check_scope(c, i, child.scope);
	if (!error)
		error = check_task(c, &child);
	return error ? error : count(c, &child);
}

/* ---- The sets, with members and needs ---- */

static int make_set(struct call *c, struct part *p)
{
	size_t members = p->count * sizeof(struct tend__member);
	struct tend__set *set =
		tend__alloc(sizeof(*set) + members + p->needs * sizeof(struct tend__edge));

	if (!set)
		return -ENOMEM;
	set->scope = tend__scope_find(c->rt, p->scope.id);
	set->count = set->kept = p->count;
	set->together = c->flags & TEND_TOGETHER;
	tend__link_init(&set->link);
	p->set = set;
	p->next_member = set->members;
	p->next_edge = (struct tend__edge *)(void *)(set->members + p->count);
	/* The scope may have ended since the check. */
	return set->scope ? 0 : -ESRCH;
}

static struct part *part_of(const struct call *c, tend_scope scope)
{
	struct part *p = &c->parts[c->parts_count - 1];

	while (p->scope.id != scope.id)
		p--;
	return p;
}

static void make_member(struct call *c, size_t i)
{
	struct tend_child child = child_at(c, i);
	struct part *p = part_of(c, child.scope);
	struct tend__member *m = p->next_member++;

	c->members[i] = m;
	m->set = p->set;
	m->needs = p->next_edge;
	m->needs_count = (uint32_t)child.needs_count;
	/* Relaxed: the member is not published yet. */
	tend__store_relaxed(&m->missing, m->needs_count);
	tend__link_init(&m->needed);
	p->next_edge += m->needs_count;
	for (size_t k = 0; k < child.needs_count; k++) {
		m->needs[k].by = m;
		m->needs[k].until = child.needs[k].until;
		tend__link_init(&m->needs[k].in_needed);
	}
}

/* Links a need to the needed member, under the lock of its scope, or before it is published. */
static void link_need(struct tend__edge *e, struct tend__member *of)
{
	e->of = of;
	e->foreign = of->set->scope != e->by->set->scope;
	tend__link_append(&of->needed, &e->in_needed);
}

static int make_sets(struct call *c)
{
	int error = 0;

	for (uint32_t i = 0; i < c->parts_count && !error; i++)
		error = make_set(c, &c->parts[i]);
	if (error)
		return error;
	for (size_t i = 0; i < c->n; i++)
		make_member(c, i);
	for (size_t i = 0; i < c->n; i++) {
		struct tend_child child = child_at(c, i);

		for (size_t k = 0; k < child.needs_count; k++)
			if (!child.needs[k].task.id)
				link_need(&c->members[i]->needs[k], c->members[child.needs[k].of]);
	}
	return 0;
}

/* Returns the first need from the k-th on that is a child of the call, or NULL. A task that exists
 * already needs no child, and so is in no circle. */
static const struct tend__edge *inner_need(const struct tend__member *m, uint32_t k)
{
	while (k < m->needs_count && !m->needs[k].of)
		k++;
	return k < m->needs_count ? &m->needs[k] : NULL;
}

/* Leads from a child that is left over into a circle, and names a child of the circle. */
static void name_circle(struct call *c)
{
	struct tend__member **left = c->members;

	while (!(*left)->pending)
		left++;
	struct tend__member *m = *left;
	/* n needs are enough. */
	for (uint32_t steps = 0; steps < c->n; steps++) {
		const struct tend__edge *e = inner_need(m, 0);

		while (!e->of->pending)
			e = inner_need(m, (uint32_t)(e - m->needs) + 1);
		m = e->of;
	}
	for (c->bad = 0; c->members[c->bad] != m; c->bad++) {}
}

/* Returns whether the needs have a circle, with a child of the circle in c->bad: takes away
 * members without needs, and their ends of needs, as long as there are any (Kahn 1962). */
static bool has_circle(struct call *c)
{
	struct tend__member *queue = NULL;
	uint32_t taken = 0;

	for (uint32_t i = 0; i < c->n; i++) {
		struct tend__member *m = c->members[i];

		for (uint32_t k = 0; k < m->needs_count; k++)
			m->pending += m->needs[k].of != NULL;
		if (!m->pending) {
			m->next = queue;
			queue = m;
		}
	}
	for (struct tend__member *m; (m = queue); taken++) {
		queue = m->next;
		for (struct tend__link *l = m->needed.next; l != &m->needed; l = l->next) {
			struct tend__member *n = tend__entry(l, struct tend__edge, in_needed)->by;

			if (--n->pending == 0) {
				n->next = queue;
				queue = n;
			}
		}
	}
	if (taken == c->n)
		return false;
	name_circle(c);
	return true;
}

/* ---- The tasks ---- */

static int prepare_function(struct call *c, const char *site, struct tend_child *child,
                            struct tend__task **out)
{
	struct tend_task_opts room;
	int error = tend__task_opts(&room, &child->opts);

	tend__assert(!error);
	if (child->thread)
		return tend__thread_prepare(c->rt, site, child->scope, child, c->kept, out);
	struct tend__spawn spawn = tend__fiber_spawn(c->rt, site, child->opts, c->kept);
	error = tend__task_prepare(child->scope, &spawn, out);
	if (error)
		return error;
	(*out)->fn = child->fn;
	(*out)->arg = child->arg;
	return 0;
}

/* Makes and admits the task of a child. */
static int prepare(struct call *c, size_t i)
{
	struct tend_child child = child_at(c, i);
	const char *site = child.site ? child.site : c->site;
	struct tend__member *m = c->members[i];
	struct tend__task *t;
	int error = child.process ? tend__process_prepare(c->rt, site, child.scope, child.process,
	                                                  c->kept, &t)
	                          : prepare_function(c, site, &child, &t);

	if (error)
		return error;
	m->task = t;
	m->id = t->id;
	tend__life_of(t)->member = m;
	return 0;
}

/* Returns the member of a task that lives. With the stripe. */
static int member_of(const struct tend__task *t, struct tend__member **out)
{
	if (!(t->flags & TEND__RESTARTABLE))
		return -EINVAL;
	const struct tend__life *l = tend__life_of(t);
	*out = l->member;
	if (*out)
		return 0;
	return l->phase == TEND__LIFE_OVER ? -ESRCH : -EINVAL;
}

/* Links a need to a task that exists already. */
static int link_task(struct call *c, struct tend__edge *e, tend_task task)
{
	struct tend__member *of;
	struct tend__task *t;
	int error = tend__task_touch(c->rt, task.id, &t);

	if (error)
		return error;
	tend__lock(&t->home->lock);
	error = member_of(t, &of);
	if (!error) {
		link_need(e, of);
		bool holds = tend__gate_meets(of, e->until);
		/* Relaxed: the dependent is not published yet, and other needs are written under
		 * locks of their own. */
		tend__store_relaxed(&e->holds, holds);
		tend__add_relaxed(&e->by->missing, (uint32_t)-holds);
	}
	tend__unlock(&t->home->lock);
	tend__unlock(tend__stripe_of(c->rt, task.id));
	return error;
}

static int link_tasks(struct call *c, size_t i)
{
	struct tend_child child = child_at(c, i);
	int error = 0;

	for (size_t k = 0; k < child.needs_count && !error; k++)
		if (child.needs[k].task.id)
			error = link_task(c, &c->members[i]->needs[k], child.needs[k].task);
	if (error == -ESRCH)
		c->bad = i;
	return blame(c, i, error);
}

static bool is_of(const struct tend__task *t, uint32_t kind)
{
	/* Relaxed: the caller has filled the record. */
	return (tend__load_relaxed(&t->record->site_kind) & 0xff) == kind;
}

static void give_up(struct call *c, size_t made)
{
	for (size_t i = 0; i < c->n; i++) {
		struct tend_child child = child_at(c, i);
		struct tend__member *m = c->members[i];

		for (uint32_t k = 0; k < m->needs_count; k++)
			if (child.needs[k].task.id && m->needs[k].of)
				tend__edge_cut(&m->needs[k]);
	}
	while (made--) {
		struct tend__task *t = c->members[made]->task;

		if (is_of(t, TEND_KIND_THREAD))
			tend__thread_unprepare(t);
		else
			tend__task_unprepare(t);
	}
}

/* Publishes all. A task may end before the next task is published; the set stays until the last
 * has ended. */
/* Publishes all. A task may end before the next task is published; its set stays until the last has
 * ended. */
static void publish(struct call *c, tend_task *out)
{
	for (uint32_t i = 0; out && i < c->n; i++)
		out[i].id = c->members[i]->id;
	for (uint32_t i = 0; i < c->parts_count; i++) {
		struct tend__set *set = c->parts[i].set;

		tend__lock(&set->scope->home.lock);
		tend__link_append(&set->scope->round->sets, &set->link);
		tend__unlock(&set->scope->home.lock);
	}
	for (uint32_t i = 0; i < c->n; i++) {
		struct tend__task *t = c->members[i]->task;
		const struct tend__spawn spawn = {.kept = c->kept,
		                                  .starting = is_of(t, TEND_KIND_THREAD)};

		if (is_of(t, TEND_KIND_PROCESS))
			tend__process_publish(t, c->kept);
		else
			tend__task_start(t, &spawn, TEND__READY);
	}
	/* After the last event of a start. A task that is not queued yet does not end. */
	for (uint32_t i = 0; i < c->n; i++) {
		struct tend__task *t = c->members[i]->task;

		if (is_of(t, TEND_KIND_THREAD))
			tend__thread_go(t);
		else
			tend__task_wake(t);
	}
}

static int spawn_all(struct call *c, tend_task *out)
{
	size_t made = 0;
	int error = 0;

	for (; made < c->n && !error; made += !error)
		error = blame(c, made, prepare(c, made));
	for (size_t i = 0; i < c->n && !error; i++)
		error = link_tasks(c, i);
	/* Once a task is admitted, its scope stays, and the round with the scope. */
	for (size_t i = 0; i < c->parts_count && !error; i++)
		error = tend__round_make(c->parts[i].set->scope) ? 0 : -ENOMEM;
	if (error)
		give_up(c, made);
	else
		publish(c, out);
	return error;
}

static int spawn_set(struct call *c, tend_task *out)
{
	int error = 0;

	for (size_t i = 0; i < c->n && !error; i++)
		error = blame(c, i, check_child(c, i));
	if (!error)
		error = make_sets(c);
	if (!error)
		error = has_circle(c) ? -EINVAL : spawn_all(c, out);
	for (uint32_t i = 0; i < c->parts_count && error; i++)
		tend__free(c->parts[i].set);
	return error;
}

/* With memory for the call. */
static int spawn_with_room(struct call *c, tend_task *out)
{
	c->parts = tend__alloc(c->n * (sizeof(*c->parts) + sizeof(*c->members)));
	if (!c->parts)
		return -ENOMEM;
	c->members = (struct tend__member **)(void *)(c->parts + c->n);
	int error = spawn_set(c, out);
	tend__free(c->parts);
	return error;
}

int tend_spawn_set_at(const char *site, tend_scope scope, const struct tend_child *children,
                      size_t child_size, size_t n, uint32_t flags, tend_task *out, size_t *bad)
{
	TEND__VISIT(rt, scope.id);
	struct tend__scope *s = tend__scope_find(rt, scope.id);

	if (bad)
		*bad = n;
	if (!s)
		return tend__no_such();
	if ((flags & ~(uint32_t)TEND_TOGETHER) || (n && !children))
		return -EINVAL;
	/* Also an empty set is refused by a scope that is closed. */
	int error = tend__scope_refusal(s, scope.id);
	if (error || !n)
		return error;
	if (n >= rt->slots)
		return -EAGAIN;
	struct call c = {.rt = rt,
	                 .scope = scope,
	                 .site = site,
	                 .children = (const char *)children,
	                 .child_size = child_size,
	                 .n = (uint32_t)n,
	                 .flags = flags,
	                 .kept = out != NULL,
	                 .bad = n};
	int cancelable = tend__uncancelable();
	error = spawn_with_room(&c, out);
	tend__cancelable(cancelable);
	if (error && bad)
		*bad = c.bad;
	return error;
}
