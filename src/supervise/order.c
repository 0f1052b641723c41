/* supervise/order.c - the members of a scope, and the walks over them. */
#include "supervise/order.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

#include <errno.h>

/* Returns the first member of a set in a list. */
static struct tend__member *first_of(const struct tend__link *head, const struct tend__link *l)
{
	return l == head ? NULL : tend__entry(l, struct tend__set, link)->members;
}

struct tend__member *tend__chain_after(struct tend__round *r, const struct tend__member *m)
{
	return m->set->chained ? first_of(&r->chain, m->set->link.next) : NULL;
}

struct tend__member *tend__member_after(struct tend__round *r, struct tend__member *m)
{
	if (m) {
		tend__assert(m >= m->set->members && m < m->set->members + m->set->count);
		if (m + 1 < m->set->members + m->set->count)
			return m + 1;
		if (!m->set->chained)
			return first_of(&r->sets, m->set->link.next);
	}
	struct tend__member *next =
		m ? tend__chain_after(r, m) : first_of(&r->chain, r->chain.next);
	return next ? next : first_of(&r->sets, r->sets.next);
}

/* Returns the neighbor in the chain. */
static struct tend__member *in_chain(const struct tend__round *r, const struct tend__walk *w)
{
	const struct tend__link *l = &w->m->set->link;
	struct tend__member *n;

	do {
		l = w->dependents ? l->next : l->prev;
		n = first_of(&r->chain, l);
	} while (n && n->place == TEND__OUT);
	return n;
}

/* Returns the next edge of the walk, or NULL. */
static const struct tend__edge *next_edge(struct tend__walk *w)
{
	if (!w->dependents)
		return w->at < w->m->needs_count ? &w->m->needs[w->at++] : NULL;
	w->link = w->link->next;
	return w->link == &w->m->needed ? NULL : tend__entry(w->link, struct tend__edge, in_needed);
}

struct tend__member *tend__neighbor(struct tend__round *r, struct tend__walk *w)
{
	const struct tend__edge *e;

	if (w->chain) {
		struct tend__member *n = in_chain(r, w);

		w->chain = false;
		w->until = TEND_NEED_READY;
		if (n)
			return n;
	}
	while ((e = next_edge(w))) {
		struct tend__member *n = w->dependents ? e->by : e->of;

		w->until = e->until;
		/* The place of a member is read under the lock of its scope only. */
		if (!e->foreign && n->place != TEND__OUT)
			return n;
	}
	return NULL;
}

void tend__member_out(struct tend__round *r, struct tend__member *m)
{
	tend__assert(!m->held);
	if (m->place == TEND__OUT)
		return;
	r->unsettled -= r->phase == TEND__ROUND_STOPS && !m->settled;
	r->left -= r->phase == TEND__ROUND_STARTS;
	m->place = TEND__OUT;
}

struct tend__round *tend__round_make(struct tend__scope *s)
{
	tend__lock(&s->home.lock);
	struct tend__round *r = s->round;
	tend__unlock(&s->home.lock);
	if (r)
		return r;
	struct tend__round *made = tend__alloc(sizeof(*made));
	if (!made)
		return NULL;
	tend__link_init(&made->chain);
	tend__link_init(&made->sets);
	made->strategy = s->group ? s->group->strategy : TEND_ALONE;
	tend__lock(&s->home.lock);
	/* Another spawn may have made it meanwhile. */
	r = s->round;
	if (!r)
		r = s->round = made;
	tend__unlock(&s->home.lock);
	if (r != made)
		tend__free(made);
	return r;
}

void tend__round_end(struct tend__scope *s)
{
	struct tend__round *r = s->round;

	tend__assert_held(&s->home.lock);
	if (!r)
		return;
	/* Sets that only members of other scopes need; the last of these frees the set. */
	while (tend__linked(&r->chain))
		tend__unlink(r->chain.next);
	while (tend__linked(&r->sets))
		tend__unlink(r->sets.next);
	s->round = NULL;
	tend__free(r);
}

int tend__member_add(struct tend__task *t)
{
	struct tend__scope *s = tend__scope_of(t);
	struct tend__round *r = tend__round_make(s);
	struct tend__set *set = r ? tend__alloc(sizeof(*set) + sizeof(struct tend__member)) : NULL;

	if (!set)
		return -ENOMEM;
	set->scope = s;
	set->count = set->kept = 1;
	set->chained = true;
	struct tend__member *m = set->members;
	m->task = t;
	m->id = t->id;
	m->set = set;
	tend__link_init(&m->needed);
	tend__life_of(t)->member = m;
	tend__lock(&s->home.lock);
	tend__link_append(&r->chain, &set->link);
	tend__unlock(&s->home.lock);
	return 0;
}

void tend__member_unborn(struct tend__task *t)
{
	struct tend__life *l = tend__life_of(t);
	struct tend__member *m = l->member;

	tend__assert_held(&t->home->lock);
	l->member = NULL;
	/* A set of several children is freed as a whole. */
	if (!m || !m->set->chained)
		return;
	tend__assert(m->place == TEND__OUT && !tend__linked(&m->needed));
	tend__unlink(&m->set->link);
	tend__free(m->set);
}

bool tend__member_is_together(const struct tend__life *l)
{
	return l->member && l->member->set->together;
}

bool tend__member_is_to_end(const struct tend__life *l) { return l->member && l->member->ends; }

bool tend__round_stops(const struct tend__life *l)
{
	return l->member && l->member->place == TEND__UP;
}

void tend__round_name(struct tend__task *t)
{
	struct tend__round *r = tend__scope_of(t)->round;

	tend__assert_held(&t->home->lock);
	r->named = t->id;
	for (struct tend__member *m = NULL; (m = tend__member_after(r, m));)
		if (m->task && tend__life_of(m->task)->phase == TEND__LIFE_QUEUED &&
		    tend__member_is_open(m))
			tend__describe(m->task, t->id, tend__coarse(), 0);
}

void tend__say_end(struct tend__text *text, uint32_t outcome, int32_t error, int32_t result)
{
	if (outcome == TEND_PANICKED)
		tend__text_s(text, "panicked");
	else if (outcome == TEND_COMPLETED)
		tend__text_s(text, "has ended");
	else if (outcome != TEND_FAILED)
		tend__text_f(text, "was %s", tend_outcome_name((int32_t)outcome));
	else if (error)
		tend__text_f(text, "failed: %s", tend_strerror(error));
	else
		tend__text_f(text, "failed with %d", (int)result);
}
