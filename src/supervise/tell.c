/* supervise/tell.c - a life for readers: the events, and the note of what the record does not say.
 *
 * A life is told under the lock of the home, because the monitor, probes and commands change a
 * life as well as its own thread: each tells its change before the next change. */
#include "supervise/supervise.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>

int32_t tend__attempt_error(const struct tend__task *t, uint32_t outcome, int32_t result)
{
	const struct tend__life *l = tend__life_of(t);

	tend__assert_held(&t->home->lock);
	if (outcome == TEND_COMPLETED)
		return 0;
	if (outcome == TEND_PANICKED)
		return -EFAULT;
	if (outcome != TEND_FAILED)
		return -ECANCELED;
	if (l->attempt.error)
		return l->attempt.error;
	return result < 0 ? result : -EIO;
}

void tend__life_tell(struct tend__task *t, struct tend__event event)
{
	struct tend__scope *s = tend__scope_of(t);

	tend__assert_held(&t->home->lock);
	if (!tend__listened(s->rt))
		return;
	event.id = t->id;
	event.parent = s->id;
	event.at = tend__coarse();
	tend__tell_all(s, t->record, &event);
}

void tend__life_tell_gave_up(struct tend__task *t)
{
	struct tend__scope *s = tend__scope_of(t);

	tend__assert_held(&t->home->lock);
	tend__assert(s->gave_up);
	if (tend__listened(s->rt))
		/* Relaxed: constant while the scope is open. */
		tend__tell_all(s, s->home.record,
		               &(struct tend__event){.type = TEND_EVENT_GAVE_UP,
		                                     .id = s->id,
		                                     .parent = tend__load_relaxed(&s->parent_id),
		                                     .at = tend__coarse(),
		                                     .error = -ELOOP});
}

/* Copies the begin of what the outcome of the last attempt has as a text. With the stripe. */
static void text_of(const struct tend__task *t, const struct tend__life *l, char text[64])
{
	text[0] = 0;
	if (!l->attempt.has_text || !t->extra)
		return;
	if (t->extra->message[0])
		tend__text_copy(text, 64, t->extra->message);
	else if (t->extra->signal)
		snprintf(text, 64, "killed by signal %d", t->extra->signal);
}

void tend__life_note(struct tend__task *t)
{
	struct tend__scope *s = tend__scope_of(t);
	struct tend__life *l = tend__life_of(t);
	struct tend__lock *stripe = tend__stripe_of(s->rt, t->id);
	char text[64] = "";

	/* The text is under the stripe, which comes before the lock of the home. */
	if (l->attempt.has_text) {
		tend__lock(stripe);
		text_of(t, l, text);
		tend__unlock(stripe);
	}
	tend__lock(&t->home->lock);
	uint32_t outcome = (uint32_t)(tend__task_word(t) & TEND__OUTCOME) >> TEND__OUTCOME_SHIFT;
	struct tend__note_facts facts = {.kind = TEND__NOTE_LIFE,
	                                 .n = l->restarts,
	                                 .code = tend__attempt_error(t, outcome, t->result),
	                                 .code2 = (int32_t)outcome,
	                                 .text = text};

	/* Without a note to be had, readers know a little less. */
	l->attempt.noted = tend__note_set(&s->rt->segment, t->id, &facts) &&
	                   tend__task_mark(t->record, t->id, TEND__NOTED);
	tend__unlock(&t->home->lock);
}
