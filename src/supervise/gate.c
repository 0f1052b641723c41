/* supervise/gate.c - the needs of a member of a set, before the first attempt.
 *
 * The first attempt begins when all needs hold at once. From then on the gate is open: the restart
 * of a need restarts no dependent. A need breaks when it can hold no more, and then rejects its
 * dependents. The answer is the same for a need of any speed, because the whole set is linked
 * before its first task runs.
 *
 * The dependent may be of another scope, and then this thread does not hold its lock: so `missing`
 * and `broke` of the dependent are written in atomic steps. A broken need never holds again, so
 * the gate of a member with a broken need does not open. */
#include "supervise/order.h"

#include "base/error.h"
#include "base/text.h"

bool tend__gate_meets(const struct tend__member *m, uint32_t until)
{
	if (until == TEND_NEED_COMPLETED || m->outcome)
		return m->outcome == TEND_COMPLETED;
	if (until == TEND_NEED_STARTED)
		return m->begun;
	const struct tend__life *l = m->task ? tend__life_of(m->task) : NULL;
	return l && l->phase == TEND__LIFE_RUNS && l->ready;
}

/* Has the dependent look at its gate. Where it lives no more, its slot says so. */
static void look(struct tend__member *n)
{
	struct tend__task *t = tend__task_at(n->set->scope->rt, n->id);

	if (tend__task_notify_id(t, n->id))
		tend__task_wake(t);
}

/* One need less is missing, or one more; an open gate stays open. Returns what was missing. */
static uint32_t step(struct tend__member *n, uint32_t by)
{
	/* Relaxed: the exchange decides. */
	uint32_t missing = tend__load_relaxed(&n->missing);

	/* acq_rel: pairs with itself, and with tend__member_is_open(). */
	while (missing && !tend__cas_weak_acq_rel(&n->missing, &missing, missing + by)) {}
	return missing;
}

void tend__gate_holds(struct tend__member *m, uint32_t until)
{
	for (struct tend__link *l = m->needed.next; l != &m->needed; l = l->next) {
		struct tend__edge *e = tend__entry(l, struct tend__edge, in_needed);
		struct tend__member *n = e->by;

		/* Relaxed: this lock. */
		if (e->until != until || tend__load_relaxed(&e->holds))
			continue;
		/* seq_cst, against the walk of tend__gate_waits(): the dependent sees that the need
		 * holds, or this thread sees that the need is shown. */
		tend__store(&e->holds, true);
		/* A look also shows readers the next need instead of this need. */
		if (step(n, (uint32_t)-1) == 1 || &n->needs[tend__load(&n->shown)] == e)
			look(n);
	}
}

void tend__gate_is_not_ready(struct tend__member *m)
{
	for (struct tend__link *l = m->needed.next; l != &m->needed; l = l->next) {
		struct tend__edge *e = tend__entry(l, struct tend__edge, in_needed);

		/* Relaxed: this lock; and a moment later the dependent may see it still. */
		if (e->until != TEND_NEED_READY || !tend__load_relaxed(&e->holds))
			continue;
		tend__store_relaxed(&e->holds, false);
		step(e->by, 1);
	}
}

void tend__gate_ended(struct tend__member *m)
{
	if (m->outcome == TEND_COMPLETED) {
		/* A completed member has done for its dependents all that is to be done. */
		tend__gate_holds(m, TEND_NEED_READY);
		tend__gate_holds(m, TEND_NEED_COMPLETED);
	}
	for (struct tend__link *l = m->needed.next; l != &m->needed; l = l->next) {
		struct tend__edge *e = tend__entry(l, struct tend__edge, in_needed);
		struct tend__member *none = NULL;

		/* Relaxed: this lock. */
		if (tend__load_relaxed(&e->holds)) {
			if (m->outcome == TEND_COMPLETED)
				continue;
			/* The member had begun. A missing need keeps the gate of a dependent
			 * shut. */
			tend__store_relaxed(&e->holds, false);
			step(e->by, 1);
		}
		/* acq_rel: pairs with the acquire in tend__gate_broke(), after which the dependent
		 * reads how this member has ended. The first need that breaks counts. */
		if (!tend__member_is_open(e->by) && tend__cas_acq_rel(&e->by->broke, &none, m))
			look(e->by);
	}
}

uint32_t tend__gate_waits(struct tend__member *m, uint64_t *object)
{
	static const uint32_t waits[] = {TEND__WAIT_NEEDS_STARTED, TEND__WAIT_NEEDS_READY,
	                                 TEND__WAIT_NEEDS_COMPLETED};

	if (tend__member_is_open(m))
		return TEND__WAIT_NONE;
	/* Relaxed: only the turn of the member writes. */
	uint32_t shown = tend__load_relaxed(&m->shown);
	/* From the need shown last, because few needs cease to hold. Once around at most: a need
	 * of another scope may hold by now, and then a look follows. seq_cst: see
	 * tend__gate_holds(). */
	for (uint32_t i = 0; i < m->needs_count && tend__load(&m->needs[shown].holds); i++) {
		shown = (shown + 1) % m->needs_count;
		tend__store(&m->shown, shown);
	}
	const struct tend__edge *e = &m->needs[shown];
	*object = e->of->id;
	return waits[e->until];
}

static struct tend__member *broke(const struct tend__member *m)
{
	/* Acquire: pairs with tend__gate_ended(). */
	return tend__load_acquire(&m->broke);
}

bool tend__gate_broke(const struct tend__life *l) { return l->member && broke(l->member); }

void tend__gate_say(const struct tend__life *l, char *buf, size_t size)
{
	struct tend__text text = tend__text(buf, size);
	const struct tend__member *m = broke(l->member);
	char name[TEND_NAME_MAX + 1];

	tend__name_unpack(m->name, name);
	tend__text_f(&text, "needs %s, which ", name);
	tend__say_end(&text, m->outcome, m->error, m->result);
}
