/* platform/lock.h - the one lock, with annotations that clang 19 checks.
 *
 * A futex lock over atomic.h, so that the simulator sees it. To give it back is a plain
 * store: a locked instruction is 6 ns, a tenth of what a spawn costs, and a task takes
 * some locks that are never contended. So whoever has to sleep for one says so in a
 * counter, has all threads of the process pass a barrier, and looks again (the
 * asymmetric Dekker of Dice, Huang & Yang 2001, "Asymmetric Dekker Synchronization").
 * The counters lie apart, for the memory of a lock that was given back may be gone.
 * Never held across a wait or a user's callback. Order, outermost first:
 *
 *   runtime.tree > scope.lock, task stripe > scope.lock, object locks
 *
 * An object's lock (event, channel, ...) is a leaf but for the inboxes, which
 * have no lock. */
#ifndef TEND_PLATFORM_LOCK_H
#define TEND_PLATFORM_LOCK_H

#include "base/atomic.h"
#include "platform/platform.h"

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
	_Atomic uint32_t word; /* 0 free, 1 held */
};

void tend__lock_slow(struct tend__lock *l) TEND_UNCHECKED;

/* How many sleep for a lock of this number; a few share one, and wake in vain. */
#ifdef TEND_SIM
enum { TEND__LOCK_COUNTERS = 1 }; /* a trace must not depend on addresses */
#else
enum { TEND__LOCK_COUNTERS = 256 };
#endif
extern _Atomic uint32_t tend__lock_sleepers[TEND__LOCK_COUNTERS];
static inline _Atomic uint32_t *tend__lock_sleepers_of(const struct tend__lock *l)
{
	return &tend__lock_sleepers[(uintptr_t)l / 64 % TEND__LOCK_COUNTERS];
}

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
	/* After the store the memory may be another object's; the wake only names the
	 * address. */
	const _Atomic uint32_t *sleepers = tend__lock_sleepers_of(l);

	TEND__EDGE_RELEASE(l);
	/* Releases to the next tend__lock(). In this order for the compiler only; the
	 * processor's is made by tend__barrier() in tend__lock_slow(). */
	tend__store_release(&l->word, 0u);
	tend__compiler_barrier();
	if (tend__load_relaxed(sleepers))
		tend__futex_wake(&l->word, 1);
}

#endif
