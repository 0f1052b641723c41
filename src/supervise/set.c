/* supervise/set.c - tasks that are admitted together, with needs.
 *
 * First all children are checked, then all tasks are made and admitted, and then, when no step can
 * fail any more, all are published. A single piece of memory has the members, and both ends of each
 * need. */
#include "supervise/order.h"

#include "base/alloc.h"
#include "base/error.h"
#include "kinds/kinds.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

struct call {
	tend_runtime *rt;
	tend_scope scope;
	const char *site;
	const char *children; /* each of child_size, as the caller knows the struct */
	size_t child_size;
	uint32_t n;
	bool kept;
	struct tend__set *set;
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
	if (error == -EINVAL || error == -E2BIG)
		c->bad = i;
	return error;
}

/* A child is a fiber or a process. */
static int check_task(const struct call *c, struct tend_child *child)
{
	struct tend_task_opts room;

	if (child->process)
		return child->fn || child->opts
		               ? -EINVAL
		               : tend__process_prepare(c->rt, NULL, c->scope, child->process, false,
		                                       NULL);
	int error = child->fn ? tend__task_opts(&room, &child->opts) : -EINVAL;
	/* A scope that was taken from its owner could not be given back, if a later child were
	 * refused. */
	return !error && child->opts->hold.id ? -EINVAL : error;
}

static int check_child(const struct call *c, size_t i, size_t *needs)
{
	struct tend_child child;
	int error = read_child(c, i, &child);

	if (error)
		return error;
	if (child.needs_count && !child.needs)
		return -EINVAL;
	for (size_t k = 0; k < child.needs_count; k++) {
		const struct tend_need *need = &child.needs[k];

		if (need->of >= c->n || need->of == i || need->until > TEND_NEED_COMPLETED ||
		    need->reserved)
			return -EINVAL;
	}
	*needs += child.needs_count;
	if (*needs > UINT32_MAX)
		return -EINVAL;
	return check_task(c, &child);
}

/* Makes the set with its members and needs. */
static int make_set(struct call *c, size_t needs, uint32_t flags)
{
	size_t members = c->n * sizeof(struct tend__member);
	struct tend__set *set =
		tend__alloc(sizeof(*set) + members + 2 * needs * sizeof(struct tend__edge));
	struct tend_child child;

	if (!set)
		return -ENOMEM;
	struct tend__edge *edges = (struct tend__edge *)(void *)(set->members + c->n);
	set->count = set->live = c->n;
	set->together = flags & TEND_TOGETHER;
	tend__link_init(&set->link);
	for (size_t i = 0; i < c->n; i++) {
		struct tend__member *m = &set->members[i];
		int error = read_child(c, i, &child);

		tend__assert(!error);
		m->set = set;
		m->needs = edges;
		m->needs_count = m->missing = (uint32_t)child.needs_count;
		m->open = !m->missing;
		edges += m->needs_count;
		for (size_t k = 0; k < child.needs_count; k++) {
			m->needs[k].of = &set->members[child.needs[k].of];
			m->needs[k].until = child.needs[k].until;
			m->needs[k].of->needed_count++;
		}
	}
	for (size_t i = 0; i < c->n; i++) {
		set->members[i].needed = edges;
		edges += set->members[i].needed_count;
		set->members[i].needed_count = 0;
	}
	for (size_t i = 0; i < c->n; i++) {
		struct tend__member *m = &set->members[i];

		for (uint32_t k = 0; k < m->needs_count; k++) {
			struct tend__member *of = m->needs[k].of;

			of->needed[of->needed_count++] =
				(struct tend__edge){.of = m, .until = m->needs[k].until};
		}
	}
	c->set = set;
	return 0;
}

/* Returns whether the needs have a circle, with a member of the circle in c->bad: takes away
 * members without needs, and their ends of needs, as long as there are any (Kahn 1962). */
static bool has_circle(struct call *c)
{
	struct tend__set *set = c->set;
	struct tend__member *queue = NULL;
	uint32_t taken = 0;

	for (uint32_t i = 0; i < c->n; i++) {
		struct tend__member *m = &set->members[i];

		m->pending = m->needs_count;
		if (!m->pending) {
			m->next = queue;
			queue = m;
		}
	}
	for (struct tend__member *m; (m = queue); taken++) {
		queue = m->next;
		for (uint32_t i = 0; i < m->needed_count; i++) {
			struct tend__member *n = m->needed[i].of;

			if (--n->pending == 0) {
				n->next = queue;
				queue = n;
			}
		}
	}
	if (taken == c->n)
		return false;
	/* From any member that is left, n needs lead into a circle. */
	struct tend__member *m = set->members;
	while (!m->pending)
		m++;
	for (uint32_t steps = 0; steps < c->n; steps++) {
		const struct tend__edge *e = m->needs;

		while (!e->of->pending)
			e++;
		m = e->of;
	}
	c->bad = (size_t)(m - set->members);
	return true;
}

static int prepare_fiber(struct call *c, const char *site, struct tend_child *child,
                         struct tend__task **out)
{
	struct tend_task_opts room;
	int error = tend__task_opts(&room, &child->opts);

	tend__assert(!error);
	struct tend__spawn spawn = tend__fiber_spawn(c->rt, site, child->opts, c->kept);
	error = tend__task_prepare(c->scope, &spawn, out);
	if (error)
		return error;
	(*out)->fn = child->fn;
	(*out)->arg = child->arg;
	return 0;
}

/* Makes and admits the task of a child. */
static int prepare(struct call *c, size_t i)
{
	struct tend_child child;
	struct tend__task *t;
	int error = read_child(c, i, &child);

	tend__assert(!error);
	const char *site = child.site ? child.site : c->site;
	error = child.process
	                ? tend__process_prepare(c->rt, site, c->scope, child.process, c->kept, &t)
	                : prepare_fiber(c, site, &child, &t);
	if (error)
		return error;
	c->set->members[i].task = t;
	tend__life_of(t)->member = &c->set->members[i];
	return 0;
}

static void give_up(struct call *c, size_t made)
{
	while (made--)
		tend__task_unprepare(c->set->members[made].task);
}

static bool is_process(const struct tend__task *t)
{
	/* Relaxed: the caller has filled the record. */
	return (tend__load_relaxed(&t->record->site_kind) & 0xff) == TEND_KIND_PROCESS;
}

/* Publishes all. A task may end before the next task is published; the set stays until the last
 * has ended. */
static void publish(struct call *c, struct tend__scope *s, tend_task *out)
{
	struct tend__set *set = c->set;

	for (uint32_t i = 0; out && i < c->n; i++)
		out[i].id = set->members[i].task->id;
	tend__lock(&s->home.lock);
	tend__link_append(&s->round->sets, &set->link);
	tend__unlock(&s->home.lock);
	for (uint32_t i = 0; i < c->n; i++) {
		struct tend__task *t = set->members[i].task;
		const struct tend__spawn spawn = {.kept = c->kept};

		if (is_process(t))
			tend__process_publish(t, c->kept);
		else
			tend__task_start(t, &spawn, TEND__READY);
	}
	/* After the last event of a start. A task that is not queued yet does not end. */
	for (uint32_t i = 0; i < c->n; i++)
		tend__task_wake(set->members[i].task);
}

static int spawn_all(struct call *c, tend_task *out)
{
	struct tend__scope *s = tend__scope_find(c->rt, c->scope.id);
	size_t i = 0;
	int error = 0;

	for (; i < c->n && !error; i += !error)
		error = blame(c, i, prepare(c, i));
	/* Once a task is admitted, the scope stays. */
	if (!error && !tend__round_make(s)) {
		error = -ENOMEM;
		give_up(c, c->n);
	} else if (error)
		give_up(c, i);
	else
		publish(c, s, out);
	return error;
}

static int spawn_set(struct call *c, uint32_t flags, tend_task *out)
{
	size_t needs = 0;

	for (size_t i = 0; i < c->n; i++) {
		int error = blame(c, i, check_child(c, i, &needs));

		if (error)
			return error;
	}
	int error = make_set(c, needs, flags);
	if (error)
		return error;
	error = has_circle(c) ? -EINVAL : spawn_all(c, out);
	if (error)
		tend__free(c->set);
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
	                 .kept = out != NULL,
	                 .bad = n};
	/* No pthread_cancel() takes effect, or descriptors and locks would leak. */
	int cancelable;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
	error = spawn_set(&c, flags, out);
	pthread_setcancelstate(cancelable, NULL);
	if (error && bad)
		*bad = c.bad;
	return error;
}
