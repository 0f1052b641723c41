/* task/state.c - the transitions of task/task.h. No other file writes the word of a task's
 * record, but for tend__slot_give(). */
#include "task/task.h"

#include "base/error.h"

void tend__task_publish(struct tend__task *t, uint32_t state_bits)
{
	uint64_t word = (uint64_t)tend__id_generation(t->id) << 32 | state_bits;

	tend__assert((state_bits & TEND__STATE) == TEND__READY ||
	             (state_bits & TEND__STATE) == TEND__RUNNING);
	/* Release: a reader or a canceler finds a whole task behind the word. */
	tend__store_release(&t->record->word, word);
}

/* Called by a thread that was notified. */
void tend__task_run(struct tend__task *t)
{
	/* The states are numbers in a field, and no other thread changes READY, so an add
	 * moves to RUNNING and keeps the bits that are set meanwhile. seq_cst, for
	 * the acquire half: the thread sees the writes of its notifiers. */
	uint64_t old = tend__add(&t->record->word, (uint64_t)(TEND__RUNNING - TEND__READY));
	tend__assert((old & TEND__STATE) == TEND__READY);
}

/* The bits that describe a wait, cleared at its end. */
static const uint64_t wait_bits = TEND__WAIT | TEND__TIMED | TEND__MANY;

bool tend__task_park(struct tend__task *t, uint32_t wait)
{
	uint64_t old = tend__load_relaxed(&t->record->word), new;

	do {
		if (old & TEND__NOTIFIED) {
			/* Only the running task clears NOTIFIED, so a notify that comes
			 * between is consumed here; acquires the writes of that notifier. */
			while (!tend__cas_weak_acq_rel(&t->record->word, &old,
			                               old & ~(uint64_t)TEND__NOTIFIED))
				;
			return false;
		}
		new = (old & ~(TEND__STATE | wait_bits)) | TEND__PARKED |
		      (uint64_t)wait << TEND__WAIT_SHIFT;
		/* Release: the thread that makes the task READY sees what the task did before. */
	} while (!tend__cas_weak_acq_rel(&t->record->word, &old, new));
	tend__assert((old & TEND__STATE) < TEND__PARKED); /* READY, or a thread RUNNING */
	return true;
}

static inline __attribute__((always_inline)) bool notify(struct tend__task *t, const uint64_t *id)
{
	/* Relaxed: the exchange below decides. */
	uint64_t old = tend__load_relaxed(&t->record->word), new;

	/* The exchange happens even when NOTIFIED is set already and `new` equals `old`:
	 * without the release the coming run could miss the caller's last stores. */
	do {
		uint32_t state = old & TEND__STATE;

		if (state == TEND__ENDED || state == TEND__FREE)
			return false;
		if (id && tend__word_generation(old) != tend__id_generation(*id))
			return false;
		if (state == TEND__PARKED)
			new = (old & ~(TEND__STATE | wait_bits)) | TEND__READY;
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

	tend__assert(!(bits & TEND__STATE));
	do {
		uint32_t state = old & TEND__STATE;

		if (tend__word_generation(old) != tend__id_generation(id) || state == TEND__FREE ||
		    (state == TEND__ENDED &&
		     ((bits & ~(uint32_t)TEND__TOUCHED) || !(old & TEND__KEPT))))
			return false;
		/* Release: the facts behind the bit were written before. */
	} while (!tend__cas_weak_acq_rel(&r->word, &old, old | bits));
	return true;
}

void tend__task_unmark(struct tend__task *t, uint32_t bits)
{
	uint64_t old = tend__load_relaxed(&t->record->word);

	tend__assert(!(bits & TEND__STATE));
	while (!tend__cas_weak_acq_rel(&t->record->word, &old, old & ~(uint64_t)bits))
		;
}

void tend__task_between(struct tend__task *t, uint32_t outcome)
{
	const uint64_t clear = TEND__STOP | TEND__ABORTED | TEND__ABANDONED | TEND__UNREADY |
	                       TEND__STARTING | TEND__OUTCOME;
	uint64_t old = tend__load_relaxed(&t->record->word), new;

	tend__assert(outcome <= TEND_REJECTED);
	do {
		new = (old & ~clear) | (uint64_t)outcome << TEND__OUTCOME_SHIFT;
		/* As after the attempt before: nothing is to be published. */
		if (new == old)
			return;
	} while (!tend__cas_weak_acq_rel(&t->record->word, &old, new));
}

/* Inlined, because gcc keeps a function of two callers out of line. */
static inline __attribute__((always_inline)) bool end(struct tend__task *t, uint32_t outcome,
                                                      bool touched)
{
	uint64_t old = tend__load_relaxed(&t->record->word), new;

	tend__assert(outcome >= TEND_COMPLETED && outcome <= TEND_REJECTED);
	do {
		if ((old & TEND__TOUCHED) && !touched)
			return false;
		tend__assert((old & TEND__STATE) == TEND__READY ||
		             (old & TEND__STATE) == TEND__RUNNING);
		new = (old & ~(TEND__STATE | wait_bits | TEND__NOTIFIED | TEND__STARTING |
		               TEND__OUTCOME)) |
		      TEND__ENDED | (uint64_t)outcome << TEND__OUTCOME_SHIFT;
		/* seq_cst: a joiner reads the result after ENDED is seen, and the end comes
		 * before the look at path_waiters that follows. */
	} while (!tend__cas(&t->record->word, &old, new));
	return true;
}

bool tend__task_end(struct tend__task *t, uint32_t outcome) { return end(t, outcome, false); }
void tend__task_end_touched(struct tend__task *t, uint32_t outcome)
{
	bool ended = end(t, outcome, true);

	tend__assert(ended);
}

/* Returns whether a cancel that has reached the task is visible to it. Out of line, because
 * the clock would put a guard word on the stack of every caller. */
__attribute__((noinline)) bool tend__cancel_visible_now(struct tend__task *t)
{
	return !t->shield || t->aborted || tend__clock() >= t->shield;
}
