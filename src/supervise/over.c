/* supervise/over.c - the end of a member, and of its set.
 *
 * An ended member is kept as long as it has dependents, so that the order of a shutdown leads
 * across this member. Needs have no circle, so the last dependents go first. The edges to members
 * of other scopes are taken back after the lock of this scope was given back, because no thread
 * holds the locks of two scopes; until then the memory of the set is kept. */
#include "supervise/order.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

/* ---- Members that are not needed any more ---- */

static bool is_done(const struct tend__member *m)
{
	return m->outcome && !tend__linked(&m->needed);
}

static void out_of_round(struct tend__member *m)
{
	/* If the scope has ended, its round has ended before. */
	if (tend__linked(&m->set->link))
		tend__member_out(m->set->scope->round, m);
	m->place = TEND__OUT;
}

static void free_member(struct tend__member *m)
{
	struct tend__set *set = m->set;

	tend__assert_held(&set->scope->home.lock);
	tend__assert(set->kept && m->place == TEND__OUT);
	if (--set->kept)
		return;
	tend__unlink(&set->link);
	tend__free(set);
}

/* Takes the edges within the scope back, and appends the members that go with them to the list.
 * Returns whether an edge leads to another scope. */
static bool cut_within(struct tend__member *m, struct tend__member **last)
{
	bool foreign = false;

	for (uint32_t i = 0; i < m->needs_count; i++) {
		struct tend__edge *e = &m->needs[i];

		foreign = foreign || e->foreign;
		if (e->foreign)
			continue;
		tend__unlink(&e->in_needed);
		if (is_done(e->of)) {
			e->of->next = NULL;
			*last = (*last)->next = e->of;
		}
	}
	return foreign;
}

/* Lets a member go, if it is done, and the members that only this member needed. Those with edges
 * to other scopes are added to the stack. */
static void let_go(struct tend__member *m, struct tend__member **stack)
{
	struct tend__member *last = m;

	tend__assert_held(&m->set->scope->home.lock);
	if (!is_done(m))
		return;
	m->next = NULL;
	while (m) {
		bool foreign = cut_within(m, &last);
		struct tend__member *next = m->next;

		out_of_round(m);
		if (foreign) {
			m->next = *stack;
			*stack = m;
		} else
			free_member(m);
		m = next;
	}
}

/* Takes back an edge to a scope whose lock the caller does not hold. */
static void cut(struct tend__edge *e, struct tend__member **stack)
{
	struct tend__set *set = e->of->set;
	struct tend__scope *s = set->scope;
	tend__lock(&s->home.lock);
	struct tend__round *r = tend__linked(&set->link) ? s->round : NULL;
	tend__unlink(&e->in_needed);
	/* The needed member may end now, or be settled before it leaves the round. */
	if (r)
		tend__round_look_at(r, e->of);
	let_go(e->of, stack);
	if (r)
		tend__round_run(r);
	bool news = r && r->news;
	if (r)
		r->news = false;
	tend__unlock(&s->home.lock);
	if (news)
		tend__shutdown_news(s);
}

/* Lets the members on the stack go. */
static void let_foreign_go(struct tend__member *stack)
{
	struct tend__member *m;

	while ((m = stack)) {
		struct tend__scope *s = m->set->scope;

		stack = m->next;
		for (uint32_t i = 0; i < m->needs_count; i++)
			if (m->needs[i].foreign)
				cut(&m->needs[i], &stack);
		tend__lock(&s->home.lock);
		free_member(m);
		tend__unlock(&s->home.lock);
	}
}

void tend__edge_cut(struct tend__edge *e)
{
	struct tend__member *stack = NULL;

	cut(e, &stack);
	let_foreign_go(stack);
}

/* ---- The end of a member ---- */

void tend__member_over(struct tend__task *t)
{
	struct tend__member *stack = NULL;
	struct tend__scope *s = tend__scope_of(t);
	struct tend__life *l = tend__life_of(t);
	struct tend__member *m = l->member;

	tend__assert(l->phase == TEND__LIFE_OVER);
	if (!m)
		return;
	/* Before a dependent learns of the end; the end of the task finds nothing more. */
	if (s->names)
		tend__unique_leave(s, t->id, t->record);
	tend__lock(&s->home.lock);
	struct tend__round *r = s->round;
	struct tend__set *set = m->set;
	l->member = NULL;
	m->task = NULL;
	m->outcome = (uint8_t)tend__task_outcome(t);
	m->result = t->result;
	m->error = l->attempt.error;
	tend__name_load(t->record->name, m->name);
	bool failed = m->outcome == TEND_FAILED || m->outcome == TEND_PANICKED;
	tend__gate_ended(m);
	tend__round_leave(r, m);
	if (failed && set->together && !set->stops) {
		set->stops = true;
		r->named = t->id;
		tend__round_end_members(r, set);
	}
	let_go(m, &stack);
	tend__round_run(r);
	bool news = r->news;
	r->news = false;
	tend__unlock(&s->home.lock);
	if (news)
		tend__shutdown_news(s);
	let_foreign_go(stack);
}
