/* supervise/round.c - members end and begin together, in the order of their needs.
 *
 * A round has two phases. In the stops, a member is told to end when all its dependents are
 * settled: down, and their dependents too. When all members are settled, and no member rests any
 * more after a failure, the starts begin: a member may begin when its needs have begun, or are
 * ready. A member with nothing to end or to begin passes the step on. A failure meanwhile covers
 * more members, and the stops begin anew. A stop for good is the same round, but its members end
 * for good.
 *
 * The task whose attempt ends or begins also takes the steps after that. So a round has no task of
 * its own, and its time is linear in the number of needs. */
#include "supervise/order.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

#include <errno.h>

static const char with_set[] = "a task of its set has failed";

static void push(struct tend__round *r, struct tend__member *m)
{
	m->next = r->queue;
	r->queue = m;
}

/* ---- Steps ---- */

/* Returns whether, in a shutdown, a member of another scope is to end before this member. That
 * member takes its edges back when it has ended, see over.c. */
static bool is_held(const struct tend__member *m)
{
	for (const struct tend__link *l = m->needed.next; l != &m->needed; l = l->next)
		/* Relaxed: written before this look by the same shutdown, see hold_foreign(). */
		if (tend__load_relaxed(&tend__entry(l, struct tend__edge, in_needed)->awaits))
			return true;
	return false;
}

static void settle(struct tend__round *r, struct tend__member *m)
{
	struct tend__walk w = tend__needs_of(m);
	struct tend__member *n;

	tend__assert(!m->settled && !m->pending && r->unsettled);
	m->settled = true;
	r->unsettled--;
	while ((n = tend__neighbor(r, &w)))
		if (--n->pending == 0)
			push(r, n);
}

/* Returns the level at which a need holds. */
static uint8_t level_of(uint32_t until) { return until == TEND_NEED_STARTED ? 1 : 2; }

/* The member has reached a level. */
static void pass(struct tend__round *r, struct tend__member *m, uint8_t level)
{
	struct tend__walk w = tend__dependents_of(m);
	struct tend__member *n;

	while ((n = tend__neighbor(r, &w)))
		if (level_of(w.until) > m->level && level_of(w.until) <= level && --n->pending == 0)
			push(r, n);
	m->level = level;
	if (level == 2) {
		tend__assert(r->left);
		m->place = TEND__OUT;
		r->left--;
	}
}

static void tell(const struct tend__round *r, struct tend__member *m)
{
	struct tend__task *t = m->task;
	struct tend__life *l = tend__life_of(t);
	bool shutdown = m->ends && r->reason.code;

	tend__assert_held(&t->home->lock);
	/* The task may say its last words already. */
	if (l->phase != TEND__LIFE_RUNS)
		return;
	l->attempt.for_good = m->ends || l->rules->policy.type == TEND__TEMPORARY;
	tend__attempt_stop(t, shutdown ? r->reason.code : -ECANCELED,
	                   shutdown  ? r->reason.text
	                   : m->ends ? with_set
	                             : "a member of its group failed");
}

static void starts(struct tend__round *r)
{
	struct tend__member *m, *n;

	r->phase = TEND__ROUND_STARTS;
	r->left = 0;
	for (m = NULL; (m = tend__member_after(r, m));) {
		tend__assert(m->place != TEND__UP);
		if (m->place == TEND__BEGUN && tend__life_of(m->task)->ready)
			m->place = TEND__OUT;
		m->level = m->place == TEND__BEGUN;
		m->pending = 0;
		r->left += m->place != TEND__OUT;
	}
	for (m = NULL; (m = tend__member_after(r, m));) {
		if (m->place == TEND__OUT)
			continue;
		struct tend__walk w = tend__needs_of(m);
		while ((n = tend__neighbor(r, &w)))
			m->pending += level_of(w.until) > n->level;
		if (!m->pending)
			push(r, m);
	}
}

/* The tasks at rest for the round may begin. */
static void over(struct tend__round *r)
{
	r->phase = TEND__ROUND_NONE;
	for (struct tend__member *m = NULL; (m = tend__member_after(r, m));) {
		tend__assert(m->place == TEND__OUT);
		if (m->task && tend__life_of(m->task)->phase == TEND__LIFE_QUEUED)
			tend__life_look(m->task);
	}
}

/* Takes the steps of the members in the queue, and all further steps. */
void tend__round_run(struct tend__round *r)
{
	do {
		struct tend__member *m;

		while ((m = r->queue)) {
			r->queue = m->next;
			m->held = r->phase == TEND__ROUND_STOPS && is_held(m);
			if (m->held)
				continue;
			if (r->phase == TEND__ROUND_STOPS && m->place == TEND__UP)
				tell(r, m);
			else if (r->phase == TEND__ROUND_STOPS)
				settle(r, m);
			else if (m->place == TEND__PASSES)
				pass(r, m, 2);
			else if (m->place == TEND__DOWN)
				tend__life_look(m->task);
		}
		if (r->phase != TEND__ROUND_STOPS || r->unsettled)
			break;
		r->news = r->reason.code;
		if (!r->resting)
			starts(r);
	} while (r->queue);
	if (r->phase == TEND__ROUND_STARTS && !r->left)
		over(r);
}

/* Begins the stops, with all members that have a place. */
static void stops(struct tend__round *r)
{
	struct tend__member *m;

	tend__assert(!r->queue);
	r->phase = TEND__ROUND_STOPS;
	r->unsettled = 0;
	for (m = NULL; (m = tend__member_after(r, m));) {
		m->settled = m->held = false;
		m->pending = 0;
		r->unsettled += m->place != TEND__OUT;
	}
	for (m = NULL; (m = tend__member_after(r, m));) {
		if (m->place == TEND__OUT)
			continue;
		struct tend__walk w = tend__dependents_of(m);
		while (tend__neighbor(r, &w))
			m->pending++;
		if (!m->pending)
			push(r, m);
	}
	tend__round_run(r);
}

static void rests_no_more(struct tend__round *r, struct tend__member *m)
{
	r->resting -= m->rests;
	m->rests = false;
}

/* Returns whether a member with nothing to end or to begin stands between two others all the same.
 * A task that has ended has taken its edges back unless another member needs it, and in the chain
 * its neighbors are neighbors then. */
static bool stands_between(const struct tend__member *m)
{
	return tend__linked(&m->needed) || (m->task && !m->set->chained);
}

static void push_free(struct tend__round *r, struct tend__member *m)
{
	if (!m->pending && !(r->phase == TEND__ROUND_STOPS && m->settled))
		push(r, m);
}

void tend__round_leave(struct tend__round *r, struct tend__member *m)
{
	rests_no_more(r, m);
	if (m->place != TEND__OUT) {
		m->place = TEND__PASSES;
		push_free(r, m);
		tend__round_run(r);
		if (!stands_between(m))
			tend__member_out(r, m);
	}
	tend__round_run(r);
}

/* ---- The cover of a round ---- */

static void hold(struct tend__task *t)
{
	tend__assert_held(&t->home->lock);
	tend__life_no_alarm(t);
	tend__life_of(t)->phase = TEND__LIFE_QUEUED;
	tend__life_look(t);
}

static bool is_up(const struct tend__life *l)
{
	return l->phase == TEND__LIFE_RUNS || l->phase == TEND__LIFE_OVER;
}

static void cover(struct tend__member *m)
{
	struct tend__life *l = m->task ? tend__life_of(m->task) : NULL;

	if (!l || !l->attempts || l->phase == TEND__LIFE_STOPPED)
		m->place = stands_between(m) ? TEND__PASSES : TEND__OUT;
	else if (is_up(l))
		m->place = TEND__UP;
	else {
		m->place = TEND__DOWN;
		tend__assert_held(&m->task->home->lock);
		if (!m->rests)
			hold(m->task);
	}
}

static void visit(struct tend__round *r, struct tend__member *n)
{
	if (n->seen != r->walk)
		push(r, n);
	n->seen = r->walk;
}

/* Covers the member and its dependents, direct or not. */
static void cover_rest(struct tend__round *r, struct tend__member *m)
{
	r->walk++;
	visit(r, m);
	while ((m = r->queue)) {
		struct tend__member *next = tend__chain_after(r, m);

		r->queue = m->next;
		cover(m);
		if (next)
			visit(r, next);
		for (struct tend__link *l = m->needed.next; l != &m->needed; l = l->next) {
			struct tend__edge *e = tend__entry(l, struct tend__edge, in_needed);

			if (!e->foreign)
				visit(r, e->by);
		}
	}
}

void tend__round_fails(struct tend__task *t)
{
	struct tend__member *m = tend__life_of(t)->member;
	struct tend__round *r = tend__scope_of(t)->round;

	tend__assert_held(&t->home->lock);
	tend__assert(m && m->place != TEND__UP);
	r->resting += !m->rests;
	m->rests = true;
	r->named = t->id;
	if (r->strategy == TEND_ONE_FOR_ALL)
		for (struct tend__member *n = NULL; (n = tend__member_after(r, n));)
			cover(n);
	else
		cover_rest(r, m);
	m->place = TEND__DOWN;
	stops(r);
}

void tend__round_end_members(struct tend__round *r, const struct tend__set *set)
{
	for (struct tend__member *m = NULL; (m = tend__member_after(r, m));) {
		if (set && m->set != set)
			continue;
		m->place = stands_between(m) ? TEND__PASSES : TEND__OUT;
		if (!m->task)
			continue;
		bool ended = m->ends;
		m->ends = true;
		rests_no_more(r, m);
		tend__assert_held(&m->task->home->lock);
		struct tend__life *l = tend__life_of(m->task);
		if (is_up(l))
			m->place = TEND__UP;
		else if (!ended) {
			/* In a shutdown, a task at rest ends as at a close; but a task that its
			 * set has ended before ends as its set has it. */
			l->attempt.for_good = set && !tend__gate_broke(l);
			l->attempt.stop_code = set ? -ECANCELED : 0;
			l->attempt.stop_text = with_set;
			tend__life_look(m->task);
		}
	}
	stops(r);
}

/* All members of this scope are to end in a shutdown: what they need elsewhere ends after them. */
static void hold_foreign(struct tend__round *r)
{
	for (struct tend__member *m = NULL; (m = tend__member_after(r, m));)
		for (uint32_t i = 0; i < m->needs_count; i++)
			if (m->needs[i].foreign)
				/* Relaxed: the thread that writes here goes on to is_held(), or
				 * gives a lock to the thread that does. */
				tend__store_relaxed(&m->needs[i].awaits, true);
}

void tend__round_look_at(struct tend__round *r, struct tend__member *m)
{
	tend__assert(!m->held || r->phase == TEND__ROUND_STOPS);
	if (m->held)
		push(r, m);
	tend__round_run(r);
}

bool tend__round_stop_all(struct tend__scope *s, const struct tend_reason *reason)
{
	tend__lock(&s->home.lock);
	struct tend__round *r = s->round;
	bool first = r && !r->reason.code;
	if (first && !reason)
		hold_foreign(r);
	else if (first) {
		r->reason = *reason;
		tend__round_end_members(r, NULL);
	}
	bool up = r && r->phase == TEND__ROUND_STOPS && r->unsettled;
	if (r && reason)
		r->news = false;
	tend__unlock(&s->home.lock);
	return up;
}

/* ---- Steps of the members ---- */

uint32_t tend__member_waits(struct tend__task *t)
{
	struct tend__life *l = tend__life_of(t);
	struct tend__member *m = l->member;
	struct tend__round *r = tend__scope_of(t)->round;
	uint64_t object;
	uint32_t wait;

	tend__assert_held(&t->home->lock);
	if (!m)
		return TEND__WAIT_NONE;
	wait = tend__gate_waits(m, &object);
	if (wait == TEND__WAIT_NONE && r->phase != TEND__ROUND_NONE) {
		if (m->rests) {
			rests_no_more(r, m);
			tend__round_run(r);
		}
		bool may = m->place == TEND__DOWN
		                   ? r->phase == TEND__ROUND_STARTS && !m->pending
		                   : m->place == TEND__BEGUN ||
		                             (l->attempts && l->phase != TEND__LIFE_STOPPED &&
		                              l->phase != TEND__LIFE_QUEUED);
		if (!may && r->phase != TEND__ROUND_NONE)
			wait = TEND__WAIT_ROUND;
		object = r->named;
	}
	if (wait == TEND__WAIT_NONE)
		return wait;
	tend__life_link(t);
	tend__life_no_alarm(t);
	l->phase = TEND__LIFE_QUEUED;
	tend__describe(t, object, tend__coarse(), 0);
	return wait;
}

void tend__member_began(struct tend__task *t)
{
	struct tend__member *m = tend__life_of(t)->member;
	struct tend__round *r = tend__scope_of(t)->round;

	tend__assert_held(&t->home->lock);
	if (!m)
		return;
	if (!m->begun) {
		m->begun = true;
		tend__gate_holds(m, TEND_NEED_STARTED);
	}
	if (r->phase == TEND__ROUND_STARTS && m->place == TEND__DOWN) {
		m->place = TEND__BEGUN;
		pass(r, m, 1);
		tend__round_run(r);
	}
}

void tend__member_is_ready(struct tend__task *t)
{
	struct tend__member *m = tend__life_of(t)->member;
	struct tend__round *r = tend__scope_of(t)->round;

	tend__assert_held(&t->home->lock);
	if (!m)
		return;
	tend__gate_holds(m, TEND_NEED_READY);
	if (r->phase == TEND__ROUND_STARTS && m->place == TEND__BEGUN) {
		pass(r, m, 2);
		tend__round_run(r);
	}
}

void tend__member_is_down(struct tend__task *t)
{
	struct tend__member *m = tend__life_of(t)->member;
	struct tend__round *r = tend__scope_of(t)->round;

	tend__assert_held(&t->home->lock);
	if (!m || m->place != TEND__UP)
		return;
	m->place = TEND__DOWN;
	if (!m->pending)
		push(r, m);
	tend__round_run(r);
}

void tend__member_leaves(struct tend__task *t)
{
	struct tend__member *m = tend__life_of(t)->member;

	tend__assert_held(&t->home->lock);
	if (m)
		tend__round_leave(tend__scope_of(t)->round, m);
}
