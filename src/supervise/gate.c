/* supervise/gate.c - the needs of a member of a set, before the first attempt.
 *
 * The first attempt begins when all needs hold at once. From then on the gate is open: the restart
 * of a need restarts no dependent. A need breaks when it can hold no more, and then rejects its
 * dependents. The answer is the same for a need of any speed, because the whole set is linked
 * before its first task runs. */
#include "supervise/order.h"

#include "base/error.h"
#include "base/text.h"

static bool is_waiting(const struct tend__member *m) { return m->task && !m->open && !m->broke; }

/* Returns whether a need of this member holds. */
static bool holds(const struct tend__member *m, uint32_t until)
{
	if (until == TEND_NEED_STARTED)
		return m->begun;
	if (until == TEND_NEED_COMPLETED)
		return m->outcome == TEND_COMPLETED;
	const struct tend__life *l = m->task ? tend__life_of(m->task) : NULL;
	return l && l->phase == TEND__LIFE_RUNS && l->ready;
}

void tend__gate_holds(struct tend__member *m, uint32_t until)
{
	for (uint32_t i = 0; i < m->needed_count; i++) {
		struct tend__member *n = m->needed[i].of;

		if (m->needed[i].until != until || !is_waiting(n))
			continue;
		tend__assert(n->missing);
		n->open = --n->missing == 0;
		/* A look also shows readers the next need instead of this need. */
		if (n->open || n->needs[n->shown].of == m)
			tend__life_look(n->task);
	}
}

void tend__gate_is_not_ready(struct tend__member *m)
{
	for (uint32_t i = 0; i < m->needed_count; i++)
		if (m->needed[i].until == TEND_NEED_READY && is_waiting(m->needed[i].of))
			m->needed[i].of->missing++;
}

void tend__gate_ended(struct tend__member *m)
{
	if (m->outcome == TEND_COMPLETED)
		tend__gate_holds(m, TEND_NEED_COMPLETED);
	for (uint32_t i = 0; i < m->needed_count; i++) {
		struct tend__member *n = m->needed[i].of;

		if (is_waiting(n) && !holds(m, m->needed[i].until)) {
			n->broke = m;
			tend__life_look(n->task);
		}
	}
}

uint32_t tend__gate_waits(struct tend__member *m, uint64_t *object)
{
	static const uint32_t waits[] = {TEND__WAIT_NEEDS_STARTED, TEND__WAIT_NEEDS_READY,
	                                 TEND__WAIT_NEEDS_COMPLETED};

	if (m->open)
		return TEND__WAIT_NONE;
	tend__assert(m->missing && m->needs_count);
	/* From the need shown last, because few needs cease to hold. */
	while (holds(m->needs[m->shown].of, m->needs[m->shown].until))
		m->shown = (m->shown + 1) % m->needs_count;
	const struct tend__edge *e = &m->needs[m->shown];
	*object = e->of->task ? e->of->task->id : 0;
	return waits[e->until];
}

bool tend__gate_broke(const struct tend__life *l) { return l->member && l->member->broke; }

void tend__gate_say(const struct tend__life *l, char *buf, size_t size)
{
	struct tend__text text = tend__text(buf, size);
	const struct tend__member *m = l->member->broke;
	char name[TEND_NAME_MAX + 1];

	tend__name_unpack(m->name, name);
	tend__text_f(&text, "needs %s, which ", name);
	tend__say_end(&text, m->outcome, m->error, m->result);
}
