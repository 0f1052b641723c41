/* task/state.c - the transitions of task/task.h. Nothing else writes the word
 * of a task's record, but for tend__slot_give(). */
#include "task/task.h"

#include "base/error.h"

void tend__task_publish(struct tend__task *t, uint32_t state_bits)
{
	uint64_t word = (uint64_t)tend__id_generation(t->id) << 32 | state_bits;

	/* Release: whoever finds the task by its word, a reader or a canceler, finds
	 * it whole. */
	tend__store_release(&t->record->word, word);
}

/* By a thread that was notified. */
void tend__task_run(struct tend__task *t)
{
	/* The states are numbers in one field and nobody else changes READY, so an
	 * add moves to RUNNING whatever bits others set meanwhile. seq_cst, for its
	 * acquire half: what its notifiers wrote before. */
	tend__add(&t->record->word, (uint64_t)(TEND__RUNNING - TEND__READY));
}

bool tend__task_park(struct tend__task *t, enum tend__wait wait)
{
	uint64_t old = tend__load_relaxed(&t->record->word), new;

	do {
		if (old & TEND__NOTIFIED) {
			/* Only the runner clears it, so a notify that comes between is
			 * consumed here; acquires what that notifier wrote. */
			while (!tend__cas_weak_acq_rel(&t->record->word, &old,
			                               old & ~(uint64_t)TEND__NOTIFIED))
				;
			return false;
		}
		new = (old & ~(uint64_t)(TEND__STATE | TEND__WAIT)) | TEND__PARKED |
		      (uint64_t)wait << TEND__WAIT_SHIFT;
		/* Release: what the task did before is seen by whoever makes it READY. */
	} while (!tend__cas_weak_acq_rel(&t->record->word, &old, new));
	return true;
}

static bool notify(struct tend__task *t, const uint64_t *id)
{
	/* Relaxed: the exchange below decides. */
	uint64_t old = tend__load_relaxed(&t->record->word), new;

	/* The exchange happens even when NOTIFIED is set already and `new` equals
	 * `old`: without its release the coming run could miss what this caller
	 * stored just before. */
	do {
		uint32_t state = old & TEND__STATE;

		if (state == TEND__ENDED || state == TEND__FREE)
			return false;
		if (id && tend__word_generation(old) != tend__id_generation(*id))
			return false;
		if (state == TEND__PARKED)
			new = (old & ~(uint64_t)(TEND__STATE | TEND__WAIT)) | TEND__READY;
		else
			new = old | TEND__NOTIFIED;
	} while (!tend__cas_weak_acq_rel(&t->record->word, &old, new));
	return (old & TEND__STATE) == TEND__PARKED;
}

bool tend__task_notify(struct tend__task *t) { return notify(t, NULL); }
bool tend__task_notify_id(struct tend__task *t, uint64_t id) { return notify(t, &id); }

bool tend__task_mark(struct tend__record *r, uint64_t id, uint32_t bits)
{
	uint64_t old = tend__load_relaxed(&r->word);

	do {
		uint32_t state = old & TEND__STATE;

		if (tend__word_generation(old) != tend__id_generation(id) || state == TEND__FREE ||
		    (state == TEND__ENDED &&
		     ((bits & ~(uint32_t)TEND__TOUCHED) || !(old & TEND__HELD))))
			return false;
		/* Release: what the bit stands for was written before it. */
	} while (!tend__cas_weak_acq_rel(&r->word, &old, old | bits));
	return true;
}

void tend__task_unmark(struct tend__task *t, uint32_t bits)
{
	uint64_t old = tend__load_relaxed(&t->record->word);

	while (!tend__cas_weak_acq_rel(&t->record->word, &old, old & ~(uint64_t)bits))
		;
}

bool tend__task_end(struct tend__task *t, uint32_t outcome, bool touched)
{
	uint64_t old = tend__load_relaxed(&t->record->word), new;

	do {
		if ((old & TEND__TOUCHED) && !touched)
			return false;
		tend__assert((old & TEND__STATE) == TEND__READY ||
		             (old & TEND__STATE) == TEND__RUNNING);
		new = (old &
		       ~(uint64_t)(TEND__STATE | TEND__WAIT | TEND__NOTIFIED | TEND__STARTING)) |
		      TEND__ENDED | (uint64_t)outcome << TEND__OUTCOME_SHIFT;
		/* seq_cst: a joiner reads the result after it sees ENDED, and the end is
		 * before the look at path_waiters that follows it. */
	} while (!tend__cas(&t->record->word, &old, new));
	return true;
}

/* A cancel has reached it: does it see it? Not inlined, for the clock wants a guard
 * word on the stack of all that ask. */
__attribute__((noinline)) bool tend__told_now(struct tend__task *t)
{
	return !t->shield || t->aborted || tend__clock() >= t->shield;
}
