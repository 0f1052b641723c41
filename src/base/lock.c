#include "base/lock.h"

void tend__lock_slow(struct tend__lock *l)
{
	/* Whoever had to come here leaves "waited for" behind, for it cannot know
	 * whether it was the only one. Acquires as in tend__lock(). */
	while (tend__exchange_acq_rel(&l->word, 2u) != 0)
		tend__futex_wait(&l->word, 2, UINT64_MAX);
}
