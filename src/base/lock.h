/* base/lock.h - the one lock, with annotations that clang 19 checks.
 *
 * A futex lock of three states, over atomic.h so that the simulator sees it.
 * Never held across a wait or a user's callback. Order, outermost first:
 *
 *   runtime.tree > scope.lock, task stripe > scope.lock, object locks
 *
 * An object's lock (event, channel, ...) is a leaf but for the inboxes, which
 * have no lock. */
#ifndef TEND_BASE_LOCK_H
#define TEND_BASE_LOCK_H

#include "base/atomic.h"

#if defined(__clang__) && __clang_major__ >= 19 && !defined(TEND_SIM)
#define TEND_TS(x) __attribute__((x))
#else
#define TEND_TS(x)
#endif
#define TEND_GUARDED_BY(m) TEND_TS(guarded_by(m))
#define TEND_REQUIRES(m)   TEND_TS(requires_capability(m))
#define TEND_EXCLUDES(m)   TEND_TS(locks_excluded(m))
#define TEND_ACQUIRE(m)    TEND_TS(acquire_capability(m))
#define TEND_RELEASE(m)    TEND_TS(release_capability(m))
#define TEND_UNCHECKED     TEND_TS(no_thread_safety_analysis)

struct TEND_TS(capability("lock")) tend__lock {
	_Atomic uint32_t word; /* 0 free, 1 held, 2 held and waited for */
};

/* The platform's: sleeps while the 32 bits at `word` are `value`, at most until
 * the deadline, or for no reason; wakes up to n sleepers. */
void tend__futex_wait(const void *word, uint32_t value, uint64_t deadline);
void tend__futex_wake(const void *word, int n);

void tend__lock_slow(struct tend__lock *l) TEND_UNCHECKED;

/* In the build whose switches order nothing for TSan (platform/context.c), what
 * a lock orders is said by hand, for its atomics are not seen. */
#ifdef TEND_TSAN_FIBERS
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
#define TEND__EDGE_ACQUIRE(p) __tsan_acquire(p)
#define TEND__EDGE_RELEASE(p) __tsan_release(p)
#else
#define TEND__EDGE_ACQUIRE(p) ((void)(p))
#define TEND__EDGE_RELEASE(p) ((void)(p))
#endif

static inline void tend__lock(struct tend__lock *l) TEND_ACQUIRE(l) TEND_UNCHECKED
{
	uint32_t free = 0;

	/* Acquires what tend__unlock() released. */
	if (!tend__cas_acq_rel(&l->word, &free, 1u))
		tend__lock_slow(l);
	TEND__EDGE_ACQUIRE(l);
}

static inline void tend__unlock(struct tend__lock *l) TEND_RELEASE(l) TEND_UNCHECKED
{
	TEND__EDGE_RELEASE(l);
	/* Releases to the next tend__lock(). After it the memory may be another
	 * object's already; the wake only names the address. */
	if (tend__exchange_acq_rel(&l->word, 0u) == 2)
		tend__futex_wake(&l->word, 1);
}

#endif
