/* supervise/tell.c - the events of a life.
 *
 * A life is told under the lock of the home, because the monitor, probes and commands change a
 * life as well as its own thread: each tells its change before the next change. */
#include "supervise/supervise.h"

#include <errno.h>

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
