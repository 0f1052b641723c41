/* platform/lock.c - a lock that another thread holds: a short spin, then sleep. */
#include "platform/lock.h"

enum {
	BLIND_NS = 1000000, /* between looks where the kernel has no barrier for all */
#ifdef TEND_SIM
	SPINS = 0, /* the simulator decides which thread goes on */
#else
	SPINS = 100, /* some us: longer than a running thread holds any lock */
#endif
};

_Atomic uint32_t tend__lock_sleepers[TEND__LOCK_COUNTERS];

static bool spin(struct tend__lock *l)
{
	for (int i = 0; i < SPINS; i++) {
		uint32_t free = 0;

		/* Relaxed: the exchange decides, and acquires as in tend__lock(). */
		if (!tend__load_relaxed(&l->word) && tend__cas_acq_rel(&l->word, &free, 1u))
			return true;
		tend__pause();
	}
	return false;
}

__attribute__((noinline)) void tend__lock_slow(struct tend__lock *l)
{
	_Atomic uint32_t *sleepers = tend__lock_sleepers_of(l);
	uint32_t free = 0;

	if (spin(l))
		return;
	tend__add(sleepers, 1);
	/* A thread that unlocks after the barrier sees the sleeper; the store to the word by a
	 * thread that looked at the counter before is seen here. test/model/lock.pml */
	bool seen = tend__barrier();
	while (!tend__cas_acq_rel(&l->word, &free, 1u)) {
		tend__futex_wait(&l->word, 1, seen ? UINT64_MAX : tend__clock() + BLIND_NS);
		free = 0;
	}
	tend__add(sleepers, (uint32_t)-1);
}
