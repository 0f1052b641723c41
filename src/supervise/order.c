/* supervise/order.c - the members of a scope, and the walks over them. */
#include "supervise/order.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

#include <errno.h>

static struct tend__member *in_chain(const struct tend__round *r, const struct tend__link *l)
{
	return l == &r->chain ? NULL : tend__entry(l, struct tend__member, in_chain);
}

static struct tend__member *in_set(const struct tend__round *r, const struct tend__link *l)
{
	return l == &r->sets ? NULL : tend__entry(l, struct tend__set, link)->members;
}

struct tend__member *tend__member_after(struct tend__round *r, struct tend__member *m)
{
	if (m && m->set) {
		tend__assert(m >= m->set->members && m < m->set->members + m->set->count);
		if (m + 1 < m->set->members + m->set->count)
			return m + 1;
		return in_set(r, m->set->link.next);
	}
	struct tend__member *next = in_chain(r, m ? m->in_chain.next : r->chain.next);
	return next ? next : in_set(r, r->sets.next);
}

struct tend__member *tend__neighbor(struct tend__round *r, struct tend__member *m, uint32_t i,
                                    bool needed, uint32_t *until)
{
	if (m->set) {
		const struct tend__edge *edges = needed ? m->needed : m->needs;

		if (i >= (needed ? m->needed_count : m->needs_count))
			return NULL;
		*until = edges[i].until;
		return edges[i].of;
	}
	*until = TEND_NEED_READY;
	if (i)
		return NULL;
	const struct tend__link *l = &m->in_chain;
	struct tend__member *n;
	do {
		l = needed ? l->next : l->prev;
		n = in_chain(r, l);
	} while (n && n->place == TEND__OUT);
	return n;
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

int tend__member_add(struct tend__task *t)
{
	struct tend__scope *s = tend__scope_of(t);
	struct tend__round *r = tend__round_make(s);
	struct tend__member *m = r ? tend__alloc(sizeof(*m)) : NULL;

	if (!m)
		return -ENOMEM;
	m->task = t;
	m->open = true;
	tend__life_of(t)->member = m;
	tend__lock(&s->home.lock);
	tend__link_append(&r->chain, &m->in_chain);
	tend__unlock(&s->home.lock);
	return 0;
}

void tend__member_unborn(struct tend__task *t)
{
	struct tend__life *l = tend__life_of(t);
	struct tend__member *m = l->member;

	tend__assert_held(&t->home->lock);
	/* The member of a set is the set's, which is freed as a whole. */
	if (!m || m->set)
		return;
	tend__assert(m->place == TEND__OUT);
	tend__unlink(&m->in_chain);
	tend__free(m);
	l->member = NULL;
}

bool tend__member_is_together(const struct tend__life *l)
{
	return l->member && l->member->set && l->member->set->together;
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
		if (m->task && tend__life_of(m->task)->phase == TEND__LIFE_QUEUED && m->open)
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
